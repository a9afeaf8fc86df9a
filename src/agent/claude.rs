//! Claude Code, Anthropic's client.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::client::{Client, SignedIn, contents, there, without};
use super::event::{Reader, Said, Sum, Tokens, Trouble, micros, number, object, owned, said, text, tool};
use super::household::Household;
use super::task::{Agent, AgentError, Errand, Task};
use crate::spec::money;

const PROGRAM: &str = "claude";
const INSTALL: &str = "npm install -g @anthropic-ai/claude-code";

/// `claude -p`, with its stream of JSON.
#[derive(Debug, Clone)]
pub struct Claude(pub Client);

impl Agent for Claude {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn check(&self, project_dir: &Path) -> Result<(), AgentError> {
        self.0.check(project_dir, PROGRAM, INSTALL, self.signed_in())
    }

    fn order(&self, task: &Task) -> Result<Vec<Errand>, AgentError> {
        let fixed = ["-p", "--output-format", "stream-json", "--verbose", "--dangerously-skip-permissions"];
        let mut arguments: Vec<String> = fixed.map(str::to_owned).to_vec();
        if let Some(model) = &self.0.model {
            arguments.extend(["--model".to_owned(), model.clone()]);
        }
        // It tells what it spent only at its end, and is the one who can stop in time.
        if let Some(micros) = task.dollars {
            arguments.extend(["--max-budget-usd".to_owned(), money(micros)]);
        }
        let env = [
            ("DISABLE_TELEMETRY", "1"),
            ("DISABLE_AUTOUPDATER", "1"),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ];
        let mut errand = self.0.errand(task, PROGRAM, &arguments, &env);
        without(&mut errand, &["CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT"]);
        // As root it works without asking only where it is told, in this very word, that nothing can be broken.
        if rustix::process::geteuid().is_root() {
            without(&mut errand, &["IS_SANDBOX"]);
            errand.env.push(("IS_SANDBOX".into(), "1".into()));
        }
        Ok(vec![errand])
    }

    fn reader(&self) -> Option<Box<dyn Reader>> {
        Some(Box::new(Stream::default()))
    }

    fn version(&self) -> Option<Vec<OsString>> {
        Some(self.0.version(PROGRAM))
    }

    fn resume(&self, session: &str) -> Option<Vec<OsString>> {
        Some(self.0.in_terminal(PROGRAM, ["--resume", session]))
    }

    fn households(&self, home: &Path) -> Vec<Household> {
        let named = self.0.vars.get("CLAUDE_CONFIG_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
        // Its state lies beside the usual directory, and within one that is named. It says which servers and projects are
        // trusted, so that it is copied and not brought back.
        let state = named.as_ref().map_or_else(|| home.join(".claude.json"), |dir| dir.join(".claude.json"));
        vec![Household {
            dir: named.unwrap_or_else(|| home.join(".claude")),
            variable: "CLAUDE_CONFIG_DIR",
            reads: &[
                "settings.json",
                "settings.local.json",
                "remote-settings.json",
                "CLAUDE.md",
                "agents",
                "commands",
                "hooks",
                "output-styles",
                "plugins",
                "rules",
                "skills",
                "workflows",
            ],
            shares: &["projects"],
            opens: &[],
            returns: &[".credentials.json"],
            copies: vec![(state, ".claude.json")],
        }]
    }

    fn variables(&self) -> Vec<String> {
        ["ANTHROPIC_*", "CLAUDE_*"].map(str::to_owned).to_vec()
    }

    fn signed_in(&self) -> SignedIn {
        const VARIABLES: [&str; 6] = [
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_AUTH_TOKEN",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "CLAUDE_CODE_USE_BEDROCK",
            "CLAUDE_CODE_USE_VERTEX",
            "CLAUDE_CODE_USE_FOUNDRY",
        ];
        let dir = self.0.home("CLAUDE_CONFIG_DIR", ".claude");
        let by = self.0.variable(&VARIABLES).or_else(|| there(dir.clone(), ".credentials.json"));
        match by {
            Some(by) => SignedIn::Yes(by),
            // A Mac keeps it where it cannot be looked for, and a helper or a proxy may know a key.
            None if cfg!(target_os = "macos") || self.0.mentions(&["--settings"]) => SignedIn::Unknown,
            None if contents(dir, "settings.json").contains("apiKeyHelper") => SignedIn::Unknown,
            None => SignedIn::No("sign in once with `claude` and its `/login`, or set ANTHROPIC_API_KEY".to_owned()),
        }
    }
}

/// Its stream: `system`, `assistant`, `user`, `result`.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// A message comes in pieces, each with the figures of the whole.
    message: Option<String>,
}

impl Reader for Stream {
    fn line(&mut self, line: &[u8]) -> Vec<Said> {
        let Some(value) = object(line) else { return Vec::new() };
        match (text(&value, "/type"), text(&value, "/subtype")) {
            (Some("system"), Some("init")) => vec![Said::Started {
                session: owned(&value, "/session_id"),
                model: owned(&value, "/model"),
                version: owned(&value, "/claude_code_version"),
            }],
            (Some("system"), Some("api_retry")) => vec![Said::Waiting(retried(&value))],
            (Some("rate_limit_event"), _) if text(&value, "/rate_limit_info/status") == Some("rejected") => {
                let until = value.pointer("/rate_limit_info/resetsAt").and_then(Value::as_i64);
                vec![Said::Waiting(Trouble::Busy { why: "the usage limit is reached".to_owned(), until })]
            }
            (Some("assistant"), _) => self.message(&value),
            (Some("result"), subtype) => result(&value, subtype.unwrap_or_default()),
            _ => Vec::new(),
        }
    }
}

impl Stream {
    fn message(&mut self, value: &Value) -> Vec<Said> {
        // What it writes itself where the model could not be asked; the result says it again.
        if text(value, "/message/model") == Some("<synthetic>") {
            return Vec::new();
        }
        let mut heard = Vec::new();
        let id = owned(value, "/message/id");
        if id.is_some() && id != self.message {
            self.message = id;
            heard.push(Said::Tokens(usage(value.pointer("/message/usage").unwrap_or(&Value::Null)), Sum::Further));
        }
        for block in value.pointer("/message/content").and_then(Value::as_array).into_iter().flatten() {
            match text(block, "/type") {
                Some("text") => heard.extend(said(text(block, "/text").unwrap_or_default())),
                Some("tool_use") => {
                    let name = text(block, "/name").unwrap_or_default();
                    heard.extend([tool(name, block.pointer("/input").unwrap_or(&Value::Null)), Said::GoesOn]);
                }
                _ => {}
            }
        }
        heard
    }
}

fn retried(value: &Value) -> Trouble {
    let (status, error) = (value.pointer("/error_status").and_then(Value::as_u64), text(value, "/error"));
    match (status, error) {
        (None, None | Some("unknown")) => Trouble::Unreachable("no answer from the model".to_owned()),
        (status, error) => Trouble::of(status, error.unwrap_or_default()),
    }
}

fn usage(value: &Value) -> Tokens {
    let cached = number(value, "/cache_read_input_tokens");
    let input = number(value, "/input_tokens").saturating_add(number(value, "/cache_creation_input_tokens"));
    Tokens { input: input.saturating_add(cached), output: number(value, "/output_tokens"), cached }
}

/// The sum over all models, which also those have that help beside the main one.
fn whole(value: &Value) -> Tokens {
    let models = value.pointer("/modelUsage").and_then(Value::as_object).filter(|models| !models.is_empty());
    let Some(models) = models else { return usage(value.pointer("/usage").unwrap_or(&Value::Null)) };
    models.values().fold(Tokens::default(), |sum, one| {
        let cached = number(one, "/cacheReadInputTokens");
        let input = number(one, "/inputTokens").saturating_add(number(one, "/cacheCreationInputTokens"));
        sum.plus(Tokens { input: input.saturating_add(cached), output: number(one, "/outputTokens"), cached })
    })
}

/// The last line. That something went wrong stands in `is_error`: the subtype may say `success` all the same.
fn result(value: &Value, subtype: &str) -> Vec<Said> {
    let mut heard = vec![Said::Tokens(whole(value), Sum::Whole)];
    heard.extend(micros(value, "/total_cost_usd").map(|micros| Said::Cost(micros, Sum::Whole)));
    let wrong = value.pointer("/is_error").and_then(Value::as_bool).unwrap_or(false) || subtype.starts_with("error");
    heard.push(Said::Ended(wrong.then(|| {
        if subtype == "error_max_budget_usd" {
            return Trouble::Spent("its client says that the money is used up".to_owned());
        }
        let status = value.pointer("/api_error_status").and_then(Value::as_u64);
        Trouble::of(status, text(value, "/result").unwrap_or(subtype))
    })));
    heard
}
