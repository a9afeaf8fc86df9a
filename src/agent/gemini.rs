//! Gemini CLI, Google's client.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::client::{Client, SignedIn, contents, there};
use super::event::{Reader, Said, Sum, Tokens, Trouble, number, object, owned, said, text, tool};
use super::task::{Agent, AgentError, Errand, Task};

const PROGRAM: &str = "gemini";
const INSTALL: &str = "npm install -g @google/gemini-cli";

/// `gemini -o stream-json`.
#[derive(Debug, Clone)]
pub struct Gemini(pub Client);

impl Agent for Gemini {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn check(&self, project_dir: &Path) -> Result<(), AgentError> {
        self.0.check(project_dir, PROGRAM, INSTALL, self.signed_in())
    }

    fn order(&self, task: &Task) -> Result<Vec<Errand>, AgentError> {
        let mut arguments = ["-y", "--skip-trust", "-o", "stream-json"].map(str::to_owned).to_vec();
        if let Some(model) = &self.0.model {
            arguments.extend(["-m".to_owned(), model.clone()]);
        }
        Ok(vec![self.0.errand(task, PROGRAM, &arguments, &[("GEMINI_TELEMETRY_ENABLED", "false")])])
    }

    fn reader(&self) -> Option<Box<dyn Reader>> {
        Some(Box::new(Stream))
    }

    fn version(&self) -> Option<Vec<OsString>> {
        Some(self.0.version(PROGRAM))
    }

    fn resume(&self, session: &str) -> Option<Vec<OsString>> {
        Some(self.0.in_terminal(PROGRAM, ["--resume", session]))
    }

    fn writes(&self, home: &Path) -> Vec<PathBuf> {
        let own = self.0.home("GEMINI_CLI_HOME", "").map(|home| home.join(".gemini"));
        vec![own.unwrap_or_else(|| home.join(".gemini"))]
    }

    fn variables(&self) -> Vec<String> {
        ["GEMINI_*", "GOOGLE_*"].map(str::to_owned).to_vec()
    }

    fn signed_in(&self) -> SignedIn {
        const VARIABLES: [&str; 4] =
            ["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA"];
        let dir = self.0.home("GEMINI_CLI_HOME", "").map(|home| home.join(".gemini"));
        match self.0.variable(&VARIABLES).or_else(|| there(dir.clone(), "oauth_creds.json")) {
            Some(by) => SignedIn::Yes(by),
            None if contents(dir, "settings.json").contains("selectedType") => SignedIn::Unknown,
            None => SignedIn::No("sign in once with `gemini`, or set GEMINI_API_KEY".to_owned()),
        }
    }
}

/// Its stream: `init`, `message`, `tool_use`, `tool_result`, `error`, `result`.
#[derive(Debug, Default)]
pub(super) struct Stream;

impl Reader for Stream {
    fn line(&mut self, line: &[u8]) -> Vec<Said> {
        let Some(value) = object(line) else { return log(line) };
        match text(&value, "/type") {
            Some("init") => {
                let (session, model) = (owned(&value, "/session_id"), owned(&value, "/model"));
                vec![Said::Started { session, model, version: None }]
            }
            Some("message") if text(&value, "/role") == Some("assistant") => {
                said(text(&value, "/content").unwrap_or_default()).into_iter().collect()
            }
            Some("tool_use") => {
                let name = text(&value, "/tool_name").unwrap_or_default();
                vec![tool(name, value.pointer("/parameters").unwrap_or(&Value::Null))]
            }
            Some("result") => {
                let figure = |name: &str| number(&value, &format!("/stats/{name}"));
                let (input, output) = (figure("input_tokens"), figure("output_tokens"));
                let tokens = Tokens { input, output, cached: figure("cached") };
                let wrong = text(&value, "/status") != Some("success");
                let why = text(&value, "/error/message").unwrap_or("an error without words");
                vec![Said::Tokens(tokens, Sum::Whole), Said::Ended(wrong.then(|| Trouble::of(None, why)))]
            }
            _ => Vec::new(),
        }
    }
}

/// What it says beside its stream, of an answer that did not come and of nobody being signed in.
fn log(line: &[u8]) -> Vec<Said> {
    let text = String::from_utf8_lossy(line);
    if text.starts_with("Attempt ") && text.contains("Retrying") {
        return vec![Said::Waiting(Trouble::of(None, &text))];
    }
    if text.contains("set an Auth method") {
        return vec![Said::Ended(Some(Trouble::SignedOut(super::plain::words(line))))];
    }
    Vec::new()
}
