//! An agent that is a program: a script of the project, or anything on the `PATH`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::task::{Agent, AgentError, Errand, Task};
use crate::env::Vars;

/// Runs a command in the project's directory of the worktree, the prompt on its standard input.
#[derive(Debug, Clone)]
pub struct CommandAgent {
    name: String,
    argv: Vec<OsString>,
    path: Option<OsString>,
}

impl CommandAgent {
    /// An agent of that name; `argv` as `agents.<name>.command` has it, `vars` for the `PATH` it is looked for on.
    pub fn new(name: impl Into<String>, argv: impl IntoIterator<Item = impl Into<OsString>>, vars: &Vars) -> Self {
        let argv = argv.into_iter().map(Into::into).collect();
        Self { name: name.into(), argv, path: vars.get("PATH").map(OsStr::to_owned) }
    }
}

impl Agent for CommandAgent {
    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self, project_dir: &Path) -> Result<(), AgentError> {
        runnable(&self.name, self.argv.first().map(OsString::as_os_str), project_dir, self.path.as_deref())
    }

    fn order(&self, task: &Task) -> Result<Vec<Errand>, AgentError> {
        let Some(program) = self.argv.first().filter(|program| !program.is_empty()) else {
            return Err(AgentError::Empty { agent: self.name.clone() });
        };
        let mut argv = self.argv.clone();
        if has_slash(program) {
            argv[0] = task.project_dir.join(program).into();
        }
        Ok(vec![task.errand(program.to_string_lossy().into_owned(), argv)])
    }
}

/// Whether a program can be started: one with a slash relative to the project's directory, another on the `PATH`.
pub(super) fn runnable(
    agent: &str,
    program: Option<&OsStr>,
    project_dir: &Path,
    path: Option<&OsStr>,
) -> Result<(), AgentError> {
    let Some(wanted) = program.filter(|program| !program.is_empty()) else {
        return Err(AgentError::Empty { agent: agent.to_owned() });
    };
    let (agent, program) = (agent.to_owned(), wanted.to_string_lossy().into_owned());
    if !has_slash(wanted) {
        let found = std::env::split_paths(path.unwrap_or(OsStr::new("/usr/bin:/bin")))
            .map(|dir| project_dir.join(dir).join(wanted))
            .any(|file| file.is_file() && executable(&file));
        return if found { Ok(()) } else { Err(AgentError::NotOnPath { agent, program }) };
    }
    let path: PathBuf = project_dir.join(wanted);
    if !path.is_file() {
        return Err(AgentError::NoSuchFile { agent, program, path });
    }
    if executable(&path) { Ok(()) } else { Err(AgentError::NotExecutable { agent, program, path }) }
}

fn has_slash(program: &OsStr) -> bool {
    program.as_encoded_bytes().contains(&b'/')
}

fn executable(path: &Path) -> bool {
    access(path, Access::EXEC_OK).is_ok()
}
