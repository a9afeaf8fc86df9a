//! Any OpenAI-compatible endpoint, Ollama among them: a loop of chant's own, for models without a client.
//!
//! The loop runs as a child like every client, so that time, budgets, the cage and the engine's death mean the same to it: the
//! program is chant itself, as `chant __openai <part>`, the prompt on its standard input, its stream that of
//! [`super::told`]. The key comes to it in a variable; commands that the model runs do not have that variable, and cannot
//! look at their parent's, unless they are root's.
//!
//! [`chat`] and [`toolbox`] are pure; [`endpoint`] asks, [`hands`] do, [`turns`] is the loop.

mod chat;
mod endpoint;
mod hands;
mod toolbox;
mod turns;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::endpoint::{Endpoint, Refusal};
use super::client::{Client, SignedIn};
use super::event::Reader;
use super::ground::Ground;
use super::task::{Agent, AgentError, Errand, Task};
use super::told::{Kind, Line, Stream, Voice, Why};
use crate::env::{Env, Vars};

/// The hidden command that is the loop.
pub(super) const COMMAND: &str = "__openai";
/// Where OpenAI itself answers.
const OPENAI: &str = "https://api.openai.com/v1";
/// The variable that holds a key where no other is named.
pub const KEY: &str = "OPENAI_API_KEY";
/// The variable that says where the endpoint is, where the settings do not.
const BASE: &str = "OPENAI_BASE_URL";
/// How often the model is asked in one run, where the settings do not say.
pub const TURNS: u32 = 200;
/// How long an endpoint may take to name its models.
const PATIENCE: Duration = Duration::from_secs(10);

/// The loop of chant's own.
#[derive(Debug, Clone)]
pub struct Openai {
    /// Name, model and variables.
    pub client: Client,
    /// chant itself.
    pub program: PathBuf,
    /// Where the endpoint is, as the settings say.
    pub base_url: Option<String>,
    /// The variable that holds the key, as the settings say.
    pub key_env: Option<String>,
    /// Whether the settings name the variable, so that its key is meant for this endpoint.
    pub is_named: bool,
    /// How often the model is asked in one run.
    pub max_turns: u32,
}

/// What the child is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    base_url: String,
    model: String,
    key_env: String,
    max_turns: u32,
    /// How many tokens it may use at most.
    tokens: Option<u64>,
    worktree: PathBuf,
}

impl Openai {
    fn base(&self) -> String {
        let variable = self.client.vars.get(BASE).and_then(|url| url.to_str()).filter(|url| !url.is_empty());
        self.base_url.clone().or_else(|| variable.map(str::to_owned)).unwrap_or_else(|| OPENAI.to_owned())
    }

    fn key_env(&self) -> &str {
        self.key_env.as_deref().unwrap_or(KEY)
    }

    fn refused(&self, what: impl Into<String>, help: impl Into<String>) -> AgentError {
        AgentError::Endpoint { agent: self.client.name.clone(), what: what.into(), help: help.into() }
    }

    /// What speaks against sending the key there, or against going without.
    fn key_is_right(&self) -> Result<(), AgentError> {
        let (base, variable) = (self.base(), self.key_env());
        let signed_out = |what: String| AgentError::SignedOut { agent: self.client.name.clone(), what };
        let is_here = is_here(&base);
        let has_key = key(&self.client.vars, variable).is_some();
        if !has_key {
            return match self.key_env.is_some() || !is_here {
                true => Err(signed_out(format!(
                    "`export {variable}=…`, or name the variable that holds its key by `key_env`"
                ))),
                false => Ok(()),
            };
        }
        if base.starts_with("http://") && !is_here {
            return Err(self.refused(format!("would send its key to {base} in clear text"), "use https"));
        }
        // Settings are committed: whoever writes an address there must not be sent a key that was set for another.
        let own = base.starts_with(&format!("{OPENAI}/")) || base == OPENAI || self.base_url.is_none();
        if !(is_here || own || self.is_named) {
            return Err(signed_out(format!(
                "${variable} is sent to {base} only where the agent says so: `key_env: {variable}`"
            )));
        }
        Ok(())
    }
}

impl Agent for Openai {
    fn name(&self) -> &str {
        &self.client.name
    }

    fn check(&self, _project_dir: &Path) -> Result<(), AgentError> {
        let base = self.base();
        if !(base.starts_with("https://") || base.starts_with("http://")) {
            return Err(self.refused(
                format!("has no address for its endpoint: {base}"),
                "as in `base_url: \"http://localhost:11434/v1\"`",
            ));
        }
        if self.client.model.is_none() {
            return Err(self.refused("has no model", "name one: `model: …`, in the agent or in the spec"));
        }
        self.key_is_right()
    }

    fn reach(&self) -> Result<(), AgentError> {
        let unable = |error: std::io::Error| self.refused(format!("cannot ask its endpoint: {error}"), "try again");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unable)?;
        let base = self.base();
        let asked = runtime.block_on(async {
            let endpoint = Endpoint::new(&base, key(&self.client.vars, self.key_env()).as_deref())?;
            // Whoever is slow to name its models may be quick to answer: that is seen when it is asked.
            tokio::time::timeout(PATIENCE, endpoint.models()).await.unwrap_or(Ok(Vec::new()))
        });
        let model = self.client.model.as_deref().unwrap_or_default();
        match asked {
            Ok(models) if models.is_empty() || models.iter().any(|known| is_called(known, model)) => Ok(()),
            Ok(models) => Err(self.refused(
                format!("knows no model `{model}` at {base}"),
                format!("{}; with Ollama, `ollama pull {model}` fetches it", those(&models)),
            )),
            Err(Refusal { why: Why { kind: Kind::SignedOut, why, .. }, .. }) => Err(AgentError::SignedOut {
                agent: self.client.name.clone(),
                what: format!("{base} says: {why}; set ${}, or name another variable by `key_env`", self.key_env()),
            }),
            Err(Refusal { why: Why { kind: Kind::Unreachable, why, .. }, .. }) => Err(self.refused(
                format!("does not reach its endpoint: {why}"),
                format!("start what listens at {base} (`ollama serve`), or correct `base_url`"),
            )),
            // Not every endpoint names its models, and one without room has some later.
            Err(_) => Ok(()),
        }
    }

    fn order(&self, task: &Task) -> Result<Vec<Errand>, AgentError> {
        let part = Part {
            base_url: self.base(),
            model: self.client.model.clone().unwrap_or_default(),
            key_env: self.key_env().to_owned(),
            max_turns: self.max_turns,
            tokens: task.tokens,
            worktree: task.worktree.clone(),
        };
        let part = serde_json::to_string(&part).map_err(|error| self.refused(error.to_string(), ""))?;
        let argv = vec![self.program.clone().into(), COMMAND.into(), part.into()];
        Ok(vec![task.errand(self.client.name.clone(), argv)])
    }

    fn reader(&self) -> Option<Box<dyn Reader>> {
        Some(Box::new(Stream))
    }

    fn version(&self) -> Option<Vec<std::ffi::OsString>> {
        Some(vec![self.program.clone().into(), "--version".into()])
    }

    fn variables(&self) -> Vec<String> {
        vec![self.key_env().to_owned(), BASE.to_owned()]
    }

    fn signed_in(&self) -> SignedIn {
        match key(&self.client.vars, self.key_env()) {
            Some(_) => SignedIn::Yes(format!("${}", self.key_env())),
            None if self.key_env.is_none() && is_here(&self.base()) => {
                SignedIn::Yes("no key, for its endpoint is this machine's own".to_owned())
            }
            None => SignedIn::No(format!("`export {}=…`", self.key_env())),
        }
    }
}

/// The key that a variable holds.
fn key(vars: &Vars, variable: &str) -> Option<String> {
    vars.get(variable).and_then(|key| key.to_str()).map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned)
}

/// Whether an address is one of this machine's own.
fn is_here(base_url: &str) -> bool {
    let host = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a model that an endpoint names is the one that is meant: Ollama adds a tag, others put a path before it.
fn is_called(known: &str, model: &str) -> bool {
    known == model || known.strip_suffix(":latest") == Some(model) || known.ends_with(&format!("/{model}"))
}

/// The first of some names.
fn those(models: &[String]) -> String {
    let first: Vec<&str> = models.iter().take(8).map(String::as_str).collect();
    let more = if models.len() > first.len() { ", …" } else { "" };
    format!("it has {}{more}", first.join(", "))
}

/// How its stream begins.
fn begins(model: &str) -> Line {
    let version = Some(env!("CARGO_PKG_VERSION").to_owned());
    Line::Begins { chant: "openai".to_owned(), model: Some(model.to_owned()), session: None, version }
}

/// The child: the loop itself, from its orders to its exit code.
pub(super) fn play(part: &str, env: &Env) -> u8 {
    Voice.end(playing(part, env))
}

fn playing(part: &str, env: &Env) -> Result<(), Why> {
    let failed = |what: &str, error: &dyn std::fmt::Display| Why::new(Kind::Failed, format!("{what}: {error}"));
    // What it holds in memory and in its variables is not for those that it starts.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(|error| failed("cannot close itself", &error))?;
    let part: Part = serde_json::from_str(part).map_err(|error| failed("its orders cannot be read", &error))?;
    let mut prompt = String::new();
    std::io::stdin().read_to_string(&mut prompt).map_err(|error| failed("the prompt cannot be read", &error))?;
    let vars: Vars = env
        .vars
        .iter()
        .filter(|(name, _)| *name != part.key_env.as_str())
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    let ground =
        Ground::open(&part.worktree, &env.cwd).map_err(|error| failed("the worktree cannot be opened", &error))?;
    let hands = hands::Hands { ground, vars, cwd: env.cwd.clone(), voice: Voice };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed("it cannot start", &error))?;
    runtime.block_on(async {
        let endpoint =
            Endpoint::new(&part.base_url, key(&env.vars, &part.key_env).as_deref()).map_err(|refusal| refusal.why)?;
        turns::Talk::new(&part, endpoint, hands, env, &prompt).hold().await
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(base_url: Option<&str>, vars: &[(&str, &str)]) -> Openai {
        let vars = vars.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let client = Client {
            name: "local".to_owned(),
            program: Vec::new(),
            model: Some("m".to_owned()),
            args: Vec::new(),
            vars,
        };
        let base_url = base_url.map(str::to_owned);
        Openai { client, program: "/chant".into(), base_url, key_env: None, is_named: false, max_turns: TURNS }
    }

    #[test]
    fn a_key_goes_only_where_it_is_meant_to_go() {
        let keys = [(KEY, "k")];
        let right = |agent: Openai| agent.key_is_right().map_err(|error| error.to_string());
        assert_eq!(right(agent(Some("http://localhost:11434/v1"), &[])), Ok(()));
        assert_eq!(right(agent(Some("http://[::1]:80/v1"), &keys)), Ok(()));
        assert_eq!(right(agent(None, &keys)), Ok(()));
        assert!(right(agent(None, &[])).unwrap_err().contains("not signed in"));
        assert!(right(agent(Some("https://api.openai.com.example.org/v1"), &keys)).is_err());
        assert!(right(agent(Some("http://127.0.0.1.example.org/v1"), &keys)).unwrap_err().contains("clear text"));
        assert_eq!(right(Openai { is_named: true, ..agent(Some("https://api.example.org/v1"), &keys) }), Ok(()));
        let other = Openai { key_env: Some("OTHER".to_owned()), ..agent(Some("http://localhost/v1"), &keys) };
        assert!(right(other).unwrap_err().contains("not signed in"));
        assert_eq!(right(agent(None, &[(KEY, "k"), (BASE, "https://proxy.example.org/v1")])), Ok(()));
    }

    #[test]
    fn a_model_is_known_by_what_its_server_calls_it() {
        assert!(is_called("qwen3-coder:latest", "qwen3-coder") && is_called("models/gemini-x", "gemini-x"));
        assert!(!is_called("qwen3-coder:30b", "qwen3-coder") && !is_called("qwen3", "qwen3-coder"));
    }
}
