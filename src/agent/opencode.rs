//! opencode, a client for the models of many providers.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::client::{Client, SignedIn, there};
use super::event::{Reader, Said, Sum, Tokens, Trouble, micros, number, object, owned, said, text, tool};
use super::household::Household;
use super::task::{Agent, AgentError, Errand, Task};

const PROGRAM: &str = "opencode";
const INSTALL: &str = "npm install -g opencode-ai";

/// `opencode run --format json`.
#[derive(Debug, Clone)]
pub struct Opencode(pub Client);

impl Agent for Opencode {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn check(&self, project_dir: &Path) -> Result<(), AgentError> {
        if let Some(model) = self.0.model.as_ref().filter(|model| !model.contains('/')) {
            let (agent, model) = (self.0.name.clone(), model.clone());
            return Err(AgentError::NoSuchModel { agent, model, form: "provider/model".to_owned() });
        }
        self.0.check(project_dir, PROGRAM, INSTALL, self.signed_in())
    }

    fn order(&self, task: &Task) -> Result<Vec<Errand>, AgentError> {
        // That it waits for a model stands in its log alone.
        let fixed = ["run", "--format", "json", "--auto", "--print-logs", "--log-level", "ERROR"];
        let mut arguments: Vec<String> = fixed.map(str::to_owned).to_vec();
        if let Some(model) = &self.0.model {
            arguments.extend(["-m".to_owned(), model.clone()]);
        }
        Ok(vec![self.0.errand(task, PROGRAM, &arguments, &[("OPENCODE_DISABLE_AUTOUPDATE", "1")])])
    }

    fn reader(&self) -> Option<Box<dyn Reader>> {
        Some(Box::new(Stream { model: self.0.model.clone(), begun: false }))
    }

    fn version(&self) -> Option<Vec<OsString>> {
        Some(self.0.version(PROGRAM))
    }

    fn resume(&self, session: &str) -> Option<Vec<OsString>> {
        Some(self.0.in_terminal(PROGRAM, ["--session", session]))
    }

    fn households(&self, _: &Path) -> Vec<Household> {
        // What is in there it starts the next time. Other programs of the run find theirs as ever.
        let house = |variable, below| Household {
            dir: self.0.home(variable, below).unwrap_or_default(),
            variable,
            reads: &["*", "opencode/"],
            shares: &[],
            opens: &[],
            returns: &[],
            copies: Vec::new(),
        };
        vec![house("XDG_CONFIG_HOME", ".config"), house("XDG_CACHE_HOME", ".cache")]
    }

    fn writes(&self, _: &Path) -> Vec<PathBuf> {
        // Sessions and keys; the program itself lies elsewhere.
        let own = |variable, below| self.0.home(variable, below).map(|dir| dir.join("opencode"));
        [own("XDG_DATA_HOME", ".local/share"), own("XDG_STATE_HOME", ".local/state")].into_iter().flatten().collect()
    }

    fn variables(&self) -> Vec<String> {
        ["OPENCODE_*", "*_API_KEY"].map(str::to_owned).to_vec()
    }

    fn signed_in(&self) -> SignedIn {
        let dir = self.0.home("XDG_DATA_HOME", ".local/share").map(|dir| dir.join("opencode"));
        // Models of one's own machine, and some of others, want nobody to sign in.
        there(dir, "auth.json").map_or(SignedIn::Unknown, SignedIn::Yes)
    }
}

/// Its stream: `step_start`, `text`, `tool_use`, `step_finish`, `error`.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) model: Option<String>,
    pub(super) begun: bool,
}

impl Reader for Stream {
    fn line(&mut self, line: &[u8]) -> Vec<Said> {
        let Some(value) = object(line) else { return log(line) };
        let mut heard = Vec::new();
        if !self.begun && text(&value, "/sessionID").is_some() {
            self.begun = true;
            let (session, model) = (owned(&value, "/sessionID"), self.model.clone());
            heard.push(Said::Started { session, model, version: None });
        }
        match text(&value, "/type") {
            Some("text") => heard.extend(said(text(&value, "/part/text").unwrap_or_default())),
            Some("tool_use") => {
                let name = text(&value, "/part/tool").unwrap_or_default();
                heard.push(tool(name, value.pointer("/part/state/input").unwrap_or(&Value::Null)));
            }
            Some("step_finish") => finished(&value, &mut heard),
            Some("error") => {
                let status = value.pointer("/error/data/statusCode").and_then(Value::as_u64);
                let why = text(&value, "/error/data/message").or_else(|| text(&value, "/error/name"));
                heard.push(Said::Ended(Some(Trouble::of(status, why.unwrap_or("an error without words")))));
            }
            _ => {}
        }
        heard
    }
}

/// The end of one step: the figures are its own, and the last one is the end of all.
fn finished(value: &Value, heard: &mut Vec<Said>) {
    let of = |path: &str| number(value, &format!("/part/tokens/{path}"));
    let cached = of("cache/read");
    let input = of("input").saturating_add(cached).saturating_add(of("cache/write"));
    heard.push(Said::Tokens(
        Tokens { input, output: of("output").saturating_add(of("reasoning")), cached },
        Sum::Further,
    ));
    heard.extend(micros(value, "/part/cost").map(|micros| Said::Cost(micros, Sum::Further)));
    heard.extend(text(value, "/part/reason").map(|reason| match reason {
        "tool-calls" => Said::GoesOn,
        _ => Said::Ended(None),
    }));
}

/// What its log says of an answer that did not come; it asks again by itself.
fn log(line: &[u8]) -> Vec<Said> {
    let Ok(text) = std::str::from_utf8(line) else { return Vec::new() };
    // The small model only finds a title.
    if !text.contains("message=\"stream error\"") || text.contains(" small=true ") {
        return Vec::new();
    }
    let why = text.split_once("error.error=").map_or(text, |(_, why)| why.trim_matches('"'));
    vec![Said::Waiting(match Trouble::of(None, why) {
        // It asks again only where it takes the server's refusal for a passing one.
        Trouble::Failed(why) if why.starts_with("AI_APICallError") => Trouble::Busy { why, until: None },
        trouble => trouble,
    })]
}
