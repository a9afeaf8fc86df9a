//! What the clients of models have in common: a program that is installed, a model, a place where somebody signed in.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::command::runnable;
use super::task::{AgentError, Errand, Task};
use crate::env::Vars;

/// How one of them is to be used.
#[derive(Debug, Clone)]
pub struct Client {
    /// The agent's name.
    pub name: String,
    /// The program and what comes before all other arguments, where it is not the usual one.
    pub program: Vec<String>,
    /// The model; the client's own choice where there is none.
    pub model: Option<String>,
    /// What comes after all other arguments.
    pub args: Vec<String>,
    /// The variables that it will have.
    pub vars: Vars,
}

/// Whether somebody is signed in, as far as it can be told without spending anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedIn {
    /// It looks so, by this.
    Yes(String),
    /// Nobody is; what to set or type.
    No(String),
    /// It cannot be told.
    Unknown,
}

impl Client {
    /// A program of that name is there, and somebody is signed in where that can be told.
    pub(super) fn check(
        &self,
        project_dir: &Path,
        usual: &str,
        install: &str,
        signed_in: SignedIn,
    ) -> Result<(), AgentError> {
        let argv = self.argv(usual);
        let found = runnable(&self.name, argv.first().map(OsString::as_os_str), project_dir, self.vars.get("PATH"));
        match found {
            Err(AgentError::NotOnPath { agent, program }) if self.program.is_empty() => {
                return Err(AgentError::NotInstalled { agent, program, install: install.to_owned() });
            }
            found => found?,
        }
        match signed_in {
            SignedIn::No(what) => Err(AgentError::SignedOut { agent: self.name.clone(), what }),
            SignedIn::Yes(_) | SignedIn::Unknown => Ok(()),
        }
    }

    /// The program and what comes before all other arguments.
    pub(super) fn argv(&self, usual: &str) -> Vec<OsString> {
        match self.program.as_slice() {
            [] => vec![usual.into()],
            program => program.iter().map(OsString::from).collect(),
        }
    }

    /// Program, these arguments and the settings' own, for a terminal.
    pub(super) fn in_terminal(&self, usual: &str, arguments: [&str; 2]) -> Vec<OsString> {
        let own = self.args.iter().map(OsString::from);
        self.argv(usual).into_iter().chain(arguments.map(OsString::from)).chain(own).collect()
    }

    /// What asks for the version.
    pub(super) fn version(&self, usual: &str) -> Vec<OsString> {
        [self.argv(usual), vec!["--version".into()]].concat()
    }

    /// Program, arguments and `args`, as an errand with these variables where nobody has set them.
    pub(super) fn errand(&self, task: &Task, usual: &str, arguments: &[String], env: &[(&str, &str)]) -> Errand {
        let mut argv = self.argv(usual);
        if argv[0].as_encoded_bytes().contains(&b'/') {
            argv[0] = task.project_dir.join(&argv[0]).into();
        }
        argv.extend(arguments.iter().chain(&self.args).map(OsString::from));
        let mut errand = task.errand(self.name.clone(), argv);
        for (key, value) in env {
            if !errand.env.iter().any(|(set, _)| set == key) {
                errand.env.push(((*key).into(), (*value).into()));
            }
        }
        errand
    }

    /// Whether one of these variables says something.
    pub(super) fn variable(&self, names: &[&str]) -> Option<String> {
        let set = |name: &&&str| self.vars.get(name).is_some_and(|value| !value.is_empty());
        names.iter().find(set).map(|name| format!("${name}"))
    }

    /// A directory that a variable names, or one below the home.
    pub(super) fn home(&self, variable: &str, below: &str) -> Option<PathBuf> {
        let own = self.vars.get(variable).filter(|dir| !dir.is_empty()).map(PathBuf::from);
        own.or_else(|| self.vars.get("HOME").map(|home| Path::new(home).join(below)))
    }

    /// Whether an argument holds one of these.
    pub(super) fn mentions(&self, parts: &[&str]) -> bool {
        self.program.iter().chain(&self.args).any(|argument| parts.iter().any(|part| argument.contains(part)))
    }
}

/// The file's path in words, where it is there.
pub(super) fn there(dir: Option<PathBuf>, file: &str) -> Option<String> {
    let path = dir?.join(file);
    path.is_file().then(|| path.display().to_string())
}

/// The text of a file, where it is there and is text.
pub(super) fn contents(dir: Option<PathBuf>, file: &str) -> String {
    dir.and_then(|dir| std::fs::read_to_string(dir.join(file)).ok()).unwrap_or_default()
}

/// Takes variables away by which a client tells that it was started by another of its kind.
pub(super) fn without(errand: &mut Errand, names: &[&str]) {
    errand.env.retain(|(key, _): &(OsString, OsString)| !names.iter().any(|name| OsStr::new(name) == key));
}
