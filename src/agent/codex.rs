//! Codex, OpenAI's client.

use std::ffi::OsString;
use std::path::Path;

use serde_json::Value;

use super::client::{Client, SignedIn, contents, there};
use super::event::{Reader, Said, Sum, Tokens, Trouble, number, object, owned, said, text};
use super::household::Household;
use super::plain::words;
use super::task::{Agent, AgentError, Errand, Task};

const PROGRAM: &str = "codex";
const INSTALL: &str = "npm install -g @openai/codex";

/// `codex exec --json`.
#[derive(Debug, Clone)]
pub struct Codex(pub Client);

impl Agent for Codex {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn check(&self, project_dir: &Path) -> Result<(), AgentError> {
        self.0.check(project_dir, PROGRAM, INSTALL, self.signed_in())
    }

    fn order(&self, task: &Task) -> Result<Vec<Errand>, AgentError> {
        let fixed = [
            "exec",
            "--json",
            "--skip-git-repo-check",
            "--dangerously-bypass-approvals-and-sandbox",
            "-c",
            "analytics.enabled=false",
            "-c",
            "check_for_update_on_startup=false",
        ];
        let mut arguments: Vec<String> = fixed.map(str::to_owned).to_vec();
        if let Some(model) = &self.0.model {
            arguments.extend(["-m".to_owned(), model.clone()]);
        }
        // Its stream counts tokens only at the end; its log does so with every answer, and is read where they are limited.
        let log: &[(&str, &str)] = &[("RUST_LOG", "error,codex_otel.log_only=info")];
        let mut errand = self.0.errand(task, PROGRAM, &arguments, if task.tokens.is_some() { log } else { &[] });
        errand.argv.push("-".into()); // the prompt is on its standard input
        Ok(vec![errand])
    }

    fn reader(&self) -> Option<Box<dyn Reader>> {
        Some(Box::new(Stream { model: self.0.model.clone() }))
    }

    fn version(&self) -> Option<Vec<OsString>> {
        Some(self.0.version(PROGRAM))
    }

    fn resume(&self, session: &str) -> Option<Vec<OsString>> {
        Some(self.0.in_terminal(PROGRAM, ["resume", session]))
    }

    fn households(&self, home: &Path) -> Vec<Household> {
        vec![Household {
            dir: self.0.home("CODEX_HOME", ".codex").unwrap_or_else(|| home.join(".codex")),
            variable: "CODEX_HOME",
            reads: &[
                "config.toml",
                "*.config.toml",
                "AGENTS.md",
                "AGENTS.override.md",
                "agents",
                "hooks.json",
                "installation_id",
                "plugins",
                "prompts",
                "rules",
                "skills/",
            ],
            shares: &["sessions"],
            opens: &["auth.json"],
            returns: &[],
            copies: Vec::new(),
        }]
    }

    fn variables(&self) -> Vec<String> {
        ["OPENAI_*", "CODEX_*"].map(str::to_owned).to_vec()
    }

    fn signed_in(&self) -> SignedIn {
        let dir = self.0.home("CODEX_HOME", ".codex");
        match self.0.variable(&["CODEX_API_KEY"]).or_else(|| there(dir.clone(), "auth.json")) {
            Some(by) => SignedIn::Yes(by),
            // Another provider than OpenAI may want no key, or have it in a variable of its own.
            None if self.0.mentions(&["model_provider", "--oss", "--profile", "-p"]) => SignedIn::Unknown,
            None if contents(dir.clone(), "config.toml").contains("model_provider") => SignedIn::Unknown,
            None if contents(dir, "config.toml").contains("cli_auth_credentials_store") => SignedIn::Unknown,
            None => SignedIn::No("sign in once with `codex login`, or set CODEX_API_KEY".to_owned()),
        }
    }
}

/// Its stream: `thread.started`, `turn.*`, `item.*`, `error`.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// It does not say which model it was told to use.
    pub(super) model: Option<String>,
}

impl Reader for Stream {
    fn line(&mut self, line: &[u8]) -> Vec<Said> {
        let Some(value) = object(line) else { return log(line) };
        let message = |path: &str| text(&value, path).unwrap_or_default().to_owned();
        match text(&value, "/type") {
            Some("thread.started") => {
                let (session, model) = (owned(&value, "/thread_id"), self.model.clone());
                vec![Said::Started { session, model, version: None }]
            }
            Some("item.started") if text(&value, "/item/type") == Some("command_execution") => {
                let what = owned(&value, "/item/command").unwrap_or_default();
                vec![Said::Tool { name: "shell".to_owned(), what }, Said::GoesOn]
            }
            Some("item.completed") => item(&value),
            Some("error") if message("/message").starts_with("Reconnecting") => {
                vec![Said::Waiting(Trouble::of(None, &message("/message")))]
            }
            Some("turn.completed") => {
                let usage = Tokens {
                    input: number(&value, "/usage/input_tokens"),
                    output: number(&value, "/usage/output_tokens"),
                    cached: number(&value, "/usage/cached_input_tokens"),
                };
                vec![Said::Tokens(usage, Sum::Whole), Said::Ended(None)]
            }
            Some("turn.failed") => vec![Said::Ended(Some(Trouble::of(None, &message("/error/message"))))],
            _ => Vec::new(),
        }
    }
}

/// A piece of work that is done. One of the type `error` may be a mere warning: the turn says whether it failed.
fn item(value: &Value) -> Vec<Said> {
    match text(value, "/item/type") {
        Some("agent_message") => said(text(value, "/item/text").unwrap_or_default()).into_iter().collect(),
        Some("error") => {
            let warning = format!("warning: {}", text(value, "/item/message").unwrap_or_default());
            said(&warning).into_iter().collect()
        }
        Some("file_change") => {
            let changes = value.pointer("/item/changes").and_then(Value::as_array);
            changes.into_iter().flatten().filter_map(|change| Some(Said::Changed(owned(change, "/path")?))).collect()
        }
        Some("mcp_tool_call") => {
            let what = owned(value, "/item/tool").unwrap_or_default();
            vec![Said::Tool { name: owned(value, "/item/server").unwrap_or_default(), what }]
        }
        Some("web_search") => {
            vec![Said::Tool { name: "web search".to_owned(), what: owned(value, "/item/query").unwrap_or_default() }]
        }
        _ => Vec::new(),
    }
}

/// What its log says of one answer of the model.
fn log(line: &[u8]) -> Vec<Said> {
    let Ok(text) = std::str::from_utf8(line) else { return Vec::new() };
    let Some((_, fields)) = text.split_once("codex_otel.log_only: event.name=\"codex.sse_event\"") else {
        return Vec::new();
    };
    let field = |name: &str| {
        let word = fields.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        word.map(str::to_owned)
    };
    let count = |name: &str| field(name).and_then(|digits| digits.parse().ok());
    let Some(input) = count("input_token_count") else { return Vec::new() };
    let (output, cached) = (count("output_token_count").unwrap_or(0), count("cached_token_count").unwrap_or(0));
    let version = field("app.version").map(|version| words(version.as_bytes()));
    vec![
        Said::Started { session: None, model: None, version },
        Said::Tokens(Tokens { input, output, cached }, Sum::Further),
    ]
}
