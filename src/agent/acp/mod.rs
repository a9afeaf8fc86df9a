//! Any server of the Agent Client Protocol: `gemini --experimental-acp`, the adapters of other clients, one's own.
//!
//! chant is the protocol's client. It runs as a child like every other agent, as `chant __acp <part>`, and starts the server
//! below itself, so that time, budgets, the cage and the engine's death mean the same to both. Its stream is that of
//! [`super::told`]. [`policy`] is pure: what an update means, what is permitted; [`client`] speaks.

mod client;
mod policy;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::claude::Claude;
use super::client::{Client, SignedIn};
use super::codex::Codex;
use super::command::runnable;
use super::event::Reader;
use super::gemini::Gemini;
use super::household::Household;
use super::opencode::Opencode;
use super::task::{Agent, AgentError, Errand, Task};
use super::told::{Stream, Voice};
use crate::env::Env;

/// The hidden command that is the protocol's client.
pub(super) const COMMAND: &str = "__acp";

/// A server of the protocol.
#[derive(Debug, Clone)]
pub struct Acp {
    /// Name, the server's command, model and variables.
    pub client: Client,
    /// chant itself.
    pub program: PathBuf,
}

/// What the child is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    /// The server and its arguments.
    argv: Vec<String>,
    model: Option<String>,
    /// Nothing where it is only asked who it is.
    worktree: Option<PathBuf>,
}

impl Acp {
    fn part(&self, project_dir: Option<&Path>, worktree: Option<PathBuf>) -> Vec<OsString> {
        let mut argv: Vec<String> = self.client.program.iter().chain(&self.client.args).cloned().collect();
        if let (Some(program), Some(dir)) = (argv.first_mut(), project_dir)
            && program.contains('/')
        {
            *program = dir.join(&program).to_string_lossy().into_owned();
        }
        let part = Part { argv, model: self.client.model.clone(), worktree };
        let part = serde_json::to_string(&part).unwrap_or_default();
        vec![self.program.clone().into(), COMMAND.into(), part.into()]
    }

    /// The client whose server it is, as far as its name tells: that keeps sessions and credentials where it always does.
    fn known(&self) -> Option<Box<dyn Agent>> {
        let client = self.client.clone();
        let is = |name| self.client.mentions(&[name]);
        if is("claude") {
            Some(Box::new(Claude(client)))
        } else if is("codex") {
            Some(Box::new(Codex(client)))
        } else if is("gemini") {
            Some(Box::new(Gemini(client)))
        } else if is("opencode") {
            Some(Box::new(Opencode(client)))
        } else {
            None
        }
    }
}

impl Agent for Acp {
    fn name(&self) -> &str {
        &self.client.name
    }

    fn check(&self, project_dir: &Path) -> Result<(), AgentError> {
        let program = self.client.program.first().map(OsString::from);
        runnable(&self.client.name, program.as_deref(), project_dir, self.client.vars.get("PATH"))
    }

    fn order(&self, task: &Task) -> Result<Vec<Errand>, AgentError> {
        let argv = self.part(Some(&task.project_dir), Some(task.worktree.clone()));
        Ok(vec![task.errand(self.client.name.clone(), argv)])
    }

    fn reader(&self) -> Option<Box<dyn Reader>> {
        Some(Box::new(Stream))
    }

    fn version(&self) -> Option<Vec<OsString>> {
        Some(self.part(None, None))
    }

    fn households(&self, home: &Path) -> Vec<Household> {
        self.known().map(|client| client.households(home)).unwrap_or_default()
    }

    fn writes(&self, home: &Path) -> Vec<PathBuf> {
        self.known().map(|client| client.writes(home)).unwrap_or_default()
    }

    fn variables(&self) -> Vec<String> {
        self.known().map(|client| client.variables()).unwrap_or_default()
    }

    fn signed_in(&self) -> SignedIn {
        SignedIn::Unknown
    }
}

/// The child, from its orders to its exit code.
pub(super) fn play(part: &str, env: &Env) -> u8 {
    match serde_json::from_str::<Part>(part) {
        Ok(part @ Part { worktree: None, .. }) => client::introduce(&part, env),
        Ok(part) => Voice.end(client::work(&part, env)),
        Err(error) => {
            let why = format!("its orders cannot be read: {error}");
            Voice.end(Err(super::told::Why::new(super::told::Kind::Failed, why)))
        }
    }
}
