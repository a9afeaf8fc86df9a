//! What an agent is given and what it makes of it: plain data on both sides.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::client::SignedIn;
use super::event::Reader;
use super::household::Household;

/// One attempt at a spec, as an agent needs to know it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Task {
    /// The qualified id of the spec.
    pub spec: String,
    /// The number of the attempt.
    pub attempt: u32,
    /// The id of the run.
    pub run: String,
    /// The branch it works on, short.
    pub branch: String,
    /// The branch it will land on, short.
    pub target: String,
    /// The worktree's root.
    pub worktree: PathBuf,
    /// The project's directory in the worktree: where the agent runs.
    pub project_dir: PathBuf,
    /// The spec's file in the worktree.
    pub spec_file: PathBuf,
    /// What the agent finds on its standard input.
    pub prompt: String,
    /// The scripts under the spec's `## Steps`.
    pub steps: Vec<Script>,
    /// The user's environment, without what would point Git elsewhere.
    pub env: Vec<(OsString, OsString)>,
    /// What it may spend at most, in millionths of a dollar.
    pub dollars: Option<u64>,
    /// How many tokens it may use at most; then they have to be counted while it runs.
    pub tokens: Option<u64>,
}

/// One fenced `sh` block under `## Steps`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// Where it begins in the spec's file, counted from 1.
    pub line: usize,
    /// What it says.
    pub script: String,
}

/// One program to run for a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// What to call it where it fails: `steps` at `<spec file>:<line>`, or the program.
    pub name: String,
    /// Program and arguments.
    pub argv: Vec<OsString>,
    /// The directory to run in.
    pub cwd: PathBuf,
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// Standard input.
    pub stdin: Vec<u8>,
}

/// Who works on a spec.
pub trait Agent: Send + Sync {
    /// The name that stands in `Chant-Agent`.
    fn name(&self) -> &str;

    /// Whether it could start at all in this project; asked before anything is claimed.
    ///
    /// # Errors
    /// What is missing, and what to do about it.
    fn check(&self, project_dir: &Path) -> Result<(), AgentError>;

    /// Whether what it works with answers, where it can be asked without spending anything. It may take some seconds.
    ///
    /// # Errors
    /// What does not answer, or is not there, and what to do about it.
    fn reach(&self) -> Result<(), AgentError> {
        Ok(())
    }

    /// What to run for a task, in this order, up to the first that fails.
    ///
    /// # Errors
    /// Where the task gives this agent nothing it could run.
    fn order(&self, task: &Task) -> Result<Vec<Errand>, AgentError>;

    /// Where its program keeps itself, in the user's `home`, as far as it can be led elsewhere while it is shut in.
    fn households(&self, home: &Path) -> Vec<Household> {
        let _ = home;
        Vec::new()
    }

    /// Directories that its program must write outside of the worktree and of its households, in the user's `home`. They
    /// are made where they are not there.
    fn writes(&self, home: &Path) -> Vec<PathBuf> {
        let _ = home;
        Vec::new()
    }

    /// Globs of the variables that its program needs beside those that every caged program is given: where it keeps
    /// itself, and its key.
    fn variables(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether nothing runs and the work waits for a person.
    fn is_person(&self) -> bool {
        false
    }

    /// What understands its output, where that is more than lines for people.
    fn reader(&self) -> Option<Box<dyn Reader>> {
        None
    }

    /// The command that prints the version of its program.
    fn version(&self) -> Option<Vec<OsString>> {
        None
    }

    /// The program and the arguments that go on with a conversation in a terminal; `None` where its kind cannot.
    fn resume(&self, session: &str) -> Option<Vec<OsString>> {
        let _ = session;
        None
    }

    /// Whether somebody is signed in where its model is.
    fn signed_in(&self) -> SignedIn {
        SignedIn::Unknown
    }
}

impl Task {
    /// The environment of every agent (DESIGN.md, section 5, "Agent"): the user's, and on top of it what the attempt is.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let own: [(&str, OsString); 7] = [
            ("CHANT_SPEC", self.spec.clone().into()),
            ("CHANT_SPEC_FILE", self.spec_file.clone().into()),
            ("CHANT_ATTEMPT", self.attempt.to_string().into()),
            ("CHANT_RUN", self.run.clone().into()),
            ("CHANT_BRANCH", self.branch.clone().into()),
            ("CHANT_TARGET", self.target.clone().into()),
            ("CHANT_WORKTREE", self.worktree.clone().into()),
        ];
        let pwd = (OsStr::new("PWD"), self.project_dir.clone().into_os_string());
        let set = |key: &OsStr| key == pwd.0 || key == "OLDPWD" || own.iter().any(|(name, _)| key == *name);
        let mut env: Vec<_> = self.env.iter().filter(|(key, _)| !set(key)).cloned().collect();
        env.extend(own.into_iter().map(|(name, value)| (name.into(), value)));
        env.push((pwd.0.into(), pwd.1));
        env
    }

    /// An errand in the project's directory, with the prompt on its standard input.
    pub(super) fn errand(&self, name: String, argv: Vec<OsString>) -> Errand {
        let (cwd, env) = (self.project_dir.clone(), self.environment());
        Errand { name, argv, cwd, env, stdin: self.prompt.clone().into_bytes() }
    }
}

/// Why an agent cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum AgentError {
    /// Its configuration names no program.
    #[error("agent `{agent}` has no command")]
    #[diagnostic(
        code(chant::agent::empty),
        help(
            "say in .chant/config.yaml which program it is: `agents: {{ {agent}: {{ command: [program, argument] }} }}`"
        )
    )]
    Empty {
        /// The agent's name.
        agent: String,
    },
    /// A program that is on no directory of the `PATH`.
    #[error("agent `{agent}` runs `{program}`, which is not on the PATH")]
    #[diagnostic(
        code(chant::agent::missing),
        help(
            "install `{program}`, or choose another agent with `--agent <name>`; one of the project's own is written with its path: `./{program}`"
        )
    )]
    NotOnPath {
        /// The agent's name.
        agent: String,
        /// The program as it is written.
        program: String,
    },
    /// The client of a model that is not installed.
    #[error("agent `{agent}` runs `{program}`, which is not on the PATH")]
    #[diagnostic(
        code(chant::agent::not_installed),
        help("install it: `{install}`; or choose another agent with `--agent <name>`")
    )]
    NotInstalled {
        /// The agent's name.
        agent: String,
        /// The program.
        program: String,
        /// The command that installs it.
        install: String,
    },
    /// The client of a model with which nobody is signed in.
    #[error("agent `{agent}` is not signed in")]
    #[diagnostic(code(chant::agent::signed_out), help("{what}; a variable for this agent alone stands in its `env`"))]
    SignedOut {
        /// The agent's name.
        agent: String,
        /// What to set or type.
        what: String,
    },
    /// A model whose name cannot be one.
    #[error("agent `{agent}` knows no model `{model}`")]
    #[diagnostic(code(chant::agent::no_model), help("write it as `{form}`"))]
    NoSuchModel {
        /// The agent's name.
        agent: String,
        /// The model.
        model: String,
        /// The form of a model's name.
        form: String,
    },
    /// An endpoint that cannot be used, or not like this.
    #[error("agent `{agent}` {what}")]
    #[diagnostic(code(chant::agent::endpoint), help("{help}"))]
    Endpoint {
        /// The agent's name.
        agent: String,
        /// What is wrong.
        what: String,
        /// What to set or type.
        help: String,
    },
    /// A program with a path that leads to no file.
    #[error("agent `{agent}` runs `{program}`, and there is no {}", path.display())]
    #[diagnostic(
        code(chant::agent::missing),
        help(
            "a path is relative to the project's directory; correct `agents.{agent}.command` in .chant/config.yaml, or commit the file"
        )
    )]
    NoSuchFile {
        /// The agent's name.
        agent: String,
        /// The program as it is written.
        program: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A program with a path that leads to something that cannot be run.
    #[error("agent `{agent}` runs `{program}`, and {} is not executable", path.display())]
    #[diagnostic(
        code(chant::agent::not_executable),
        help(
            "`chmod +x {program}` and commit that, or run it through its interpreter: `command: [\"sh\", \"{program}\"]`"
        )
    )]
    NotExecutable {
        /// The agent's name.
        agent: String,
        /// The program as it is written.
        program: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The agent `steps` for a spec without any.
    #[error("spec {spec} has no steps to run")]
    #[diagnostic(
        code(chant::agent::no_steps),
        help("write fenced `sh` blocks under `## Steps` in the spec, or choose another agent with `--agent <name>`")
    )]
    NoSteps {
        /// The spec's qualified id.
        spec: String,
    },
    /// A step longer than the system takes as one argument.
    #[error("the step at {place} has {bytes} bytes, which is more than a program can be given")]
    #[diagnostic(
        code(chant::agent::long_step),
        help("put it into a script of the project and call that from the step")
    )]
    LongStep {
        /// File and line.
        place: String,
        /// Its length.
        bytes: usize,
    },
}
