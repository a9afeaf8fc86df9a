//! The git executable: the only place that starts it.
//!
//! Git is asked to do what gix cannot do, or what a user expects Git itself to do (hooks, filters, sparse checkouts).
//! Two things hold for every call. The variables by which Git ties a process to *one* repository are taken out, for
//! chant may itself have been started by a hook or by `git chant`, and then works elsewhere; configuration given by the
//! environment is the user's word and stays. And hooks do not run unless [`Git::with_hooks`] says so: an agent may have
//! written them, and would get the engine's rights by them.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};

use super::fence::Fenced;
use super::pipes;
use crate::cage::Cage;
use crate::env::Vars;

/// Variables that name a repository, an index, a work tree or the way Git reads paths: those of
/// `git rev-parse --local-env-vars` without the three that carry configuration, and a few that list leaves out.
const LOCAL: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GLOB_PATHSPECS",
    "GIT_GRAFT_FILE",
    "GIT_ICASE_PATHSPECS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REFLOG_ACTION",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// The environment without the variables that tie a process to one repository (`GIT_DIR`, `GIT_INDEX_FILE`,
/// `GIT_WORK_TREE` and their kin): what git, agents, proofs and set-up commands are started with.
pub fn scrubbed(vars: &Vars) -> Vec<(OsString, OsString)> {
    vars.iter().filter(|(key, _)| !is_local(key)).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Whether a variable ties a process to one repository.
pub fn is_local(name: &OsStr) -> bool {
    LOCAL.iter().any(|local| OsStr::new(local) == name)
}

/// Why the git executable gave no answer.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum Failure {
    /// It could not be started, or the pipe to it broke.
    #[error("cannot run `{command}` in {}", cwd.display())]
    #[diagnostic(code(git::exe), help("chant needs the `git` executable on the PATH: try `git --version`"))]
    Start {
        /// The command line.
        command: String,
        /// The directory it was to run in.
        cwd: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It ran, and said no.
    #[error("`{command}` in {} failed with exit code {code}: {stderr}", cwd.display())]
    #[diagnostic(code(git::exit))]
    Exit {
        /// The command line.
        command: String,
        /// The directory it ran in.
        cwd: PathBuf,
        /// Its exit code; 128 + n where signal n ended it.
        code: i32,
        /// What it wrote to standard error, trimmed.
        stderr: String,
    },
}

/// What a git command answered.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its exit code; 128 + n where signal n ended it.
    pub code: i32,
    /// Standard output, as it came.
    pub stdout: Vec<u8>,
    /// Standard error, as it came.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Whether it exited with 0.
    pub fn success(&self) -> bool {
        self.code == 0
    }

    /// Standard output as text, without the line end.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end_matches(['\n', '\r']).to_owned()
    }

    /// Standard error as text, trimmed.
    pub fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }

    /// The records of a `-z` listing.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        self.stdout.split(|byte| *byte == 0).filter(|record| !record.is_empty())
    }
}

/// One call of the git executable, being put together.
#[derive(Debug, Clone)]
#[must_use = "a git command does nothing until it is run"]
pub struct Git {
    cwd: PathBuf,
    config: Vec<OsString>,
    args: Vec<OsString>,
    stdin: Option<Vec<u8>>,
    held: Option<Arc<File>>,
    out: Option<Arc<File>>,
    cage: Option<Cage>,
    fence: Option<Fenced>,
    pipes: Vec<PathBuf>,
    inherited: Vec<(OsString, OsString)>,
    extra: Vec<(OsString, OsString)>,
    hooks: bool,
}

impl Git {
    /// `git <args>` in `cwd`, with the scrubbed environment of `vars`, without hooks and with nothing on standard input.
    pub fn new<S: AsRef<OsStr>>(vars: &Vars, cwd: &Path, args: impl IntoIterator<Item = S>) -> Self {
        Self {
            cwd: cwd.to_owned(),
            config: Vec::new(),
            args: args.into_iter().map(|arg| arg.as_ref().to_owned()).collect(),
            stdin: None,
            held: None,
            out: None,
            cage: None,
            fence: None,
            pipes: Vec::new(),
            inherited: scrubbed(vars),
            extra: Vec::new(),
            hooks: false,
        }
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// More arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Configuration for this call alone, as `git -c key=value`.
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.config.push(format!("{key}={value}").into());
        self
    }

    /// The same for a setting of any name: by the environment, where the name has an equals sign, which ends it for `-c`.
    pub(super) fn set(mut self, key: &[u8], value: &[u8]) -> Self {
        let [key_text, value_text] = [key, value].map(|bytes| OsStr::from_bytes(bytes).to_owned());
        if !key.contains(&b'=') {
            self.config.push(OsString::from_vec([key, b"=", value].concat()));
            return self;
        }
        let count = |vars: &[(OsString, OsString)]| {
            let found = vars.iter().rev().find(|(name, _)| name == "GIT_CONFIG_COUNT");
            found.and_then(|(_, count)| count.to_str()?.parse::<usize>().ok())
        };
        let n = count(&self.extra).or_else(|| count(&self.inherited)).unwrap_or(0);
        self.env(format!("GIT_CONFIG_KEY_{n}"), key_text)
            .env(format!("GIT_CONFIG_VALUE_{n}"), value_text)
            .env("GIT_CONFIG_COUNT", (n + 1).to_string())
    }

    /// What the command reads on standard input.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Keeps a file open in the command, as its standard input, for as long as it runs: a lock on it (flock) is then free
    /// only when this process *and* the command are gone.
    pub(super) fn holding(mut self, file: Arc<File>) -> Self {
        self.held = Some(file);
        self
    }

    /// Writes standard output to a file instead of keeping it.
    pub(super) fn into_file(mut self, file: File) -> Self {
        self.out = Some(Arc::new(file));
        self
    }

    /// Shuts it, and what it starts, into a cage: for commands by which a filter, or the settings of a submodule, may
    /// start what an agent has written. `None` leaves it free.
    pub(super) fn caged(mut self, cage: Option<Cage>) -> Self {
        self.cage = cage;
        self
    }

    /// Puts a fence around the filters and merge drivers that it may start; `None` leaves them free.
    pub(super) fn fenced(mut self, fence: Option<&Fenced>) -> Self {
        self.fence = fence.cloned();
        fence.into_iter().flat_map(Fenced::settings).fold(self, |git, (key, value)| git.set(key, value))
    }

    /// Has it not wait for the other end of pipes below a directory that stand where it reads files ([`super::pipes`]).
    pub(super) fn passing_pipes(mut self, top: &Path) -> Self {
        self.pipes.push(top.to_owned());
        self
    }

    /// One variable more; it wins over what is inherited.
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.extra.push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Lets the user's hooks, fsmonitor and language have their way: for the commands a user would have typed, such as
    /// the commit of an agent's files. Never where hooks might be the agent's own and the engine's rights are larger.
    pub fn with_hooks(mut self) -> Self {
        self.hooks = true;
        self
    }

    /// Runs it to its end, whatever its exit code.
    ///
    /// # Errors
    /// [`Failure::Start`] where it cannot be started.
    pub fn run(self) -> Result<Output, Failure> {
        self.spawn().map_err(|source| Failure::Start { command: self.line(), cwd: self.cwd.clone(), source })
    }

    /// Runs it; a non-zero exit code is an error that carries the command and its complaint.
    ///
    /// # Errors
    /// [`Failure::Start`] and [`Failure::Exit`].
    pub fn check(self) -> Result<Output, Failure> {
        let (command, cwd) = (self.line(), self.cwd.clone());
        let output = self.run()?;
        if output.success() {
            return Ok(output);
        }
        Err(Failure::Exit { command, cwd, code: output.code, stderr: output.complaint() })
    }

    /// The command line for messages, without the options that every call has.
    fn line(&self) -> String {
        let words = self.args.iter().take(12).map(|arg| arg.to_string_lossy().into_owned());
        let more = (self.args.len() > 12).then(|| "…".to_owned());
        std::iter::once("git".to_owned()).chain(words).chain(more).collect::<Vec<_>>().join(" ")
    }

    fn spawn(&self) -> io::Result<Output> {
        let mut command = self.command()?;
        let mut child = command.spawn()?;
        let pipe = child.stdin.take();
        let input = self.stdin.as_deref().unwrap_or_default();
        // A thread of its own writes: git may answer before it has read everything, and both pipes have an end.
        let output = std::thread::scope(|scope| {
            let (ended, running) = mpsc::channel::<()>();
            if !self.pipes.is_empty() {
                scope.spawn(move || pipes::end_while(&self.pipes, &running));
            }
            let writer = scope.spawn(move || pipe.map_or(Ok(()), |mut pipe| pipe.write_all(input)));
            let output = child.wait_with_output();
            drop(ended);
            match writer.join() {
                // It need not read to the end; its exit code says whether that was right.
                Ok(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
                _ => output,
            }
        })?;
        let code = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0));
        Ok(Output { code, stdout: output.stdout, stderr: output.stderr })
    }

    fn command(&self) -> io::Result<Command> {
        let mut command = Command::new("git");
        command.current_dir(&self.cwd).env_clear().envs(self.inherited.iter().map(|(key, value)| (key, value)));
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
        // What replace refs and grafts say is no history (DESIGN.md, section 4, "Fold"). A graft file that is nowhere,
        // for an empty one earns an advice on standard error.
        command.env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_GRAFT_FILE", "/dev/null/none");
        if !self.hooks {
            command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"]);
            // Messages that can be compared; and out of the terminal's group, so that a Ctrl-C meant for the engine
            // does not end git in the middle of a checkout.
            command.env("LC_ALL", "C").process_group(0);
        }
        for pair in &self.config {
            command.arg("-c").arg(pair);
        }
        command.args(&self.args).envs(self.extra.iter().map(|(key, value)| (key, value)));
        command.stdin(match (&self.held, &self.stdin) {
            (Some(file), _) => Stdio::from(file.try_clone()?),
            (None, Some(_)) => Stdio::piped(),
            (None, None) => Stdio::null(),
        });
        command.stdout(match &self.out {
            Some(file) => Stdio::from(file.try_clone()?),
            None => Stdio::piped(),
        });
        command.stderr(Stdio::piped());
        if let Some(cage) = &self.cage {
            let mut ready = cage.ready()?;
            // SAFETY: between fork and exec nothing but system calls on what was opened before.
            unsafe {
                command.pre_exec(move || {
                    ready.leave_net()?;
                    ready.enter()
                })
            };
        }
        Ok(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> Vars {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let pairs = pairs.iter().map(|(key, value)| (OsString::from(key), OsString::from(value)));
        pairs.chain([(OsString::from("PATH"), path)]).collect()
    }

    #[test]
    fn what_ties_a_process_to_one_repository_is_taken_out_and_configuration_stays() {
        let vars = vars(&[("GIT_DIR", "/x"), ("GIT_INDEX_FILE", "/y"), ("GIT_CONFIG_COUNT", "0"), ("HOME", "/h")]);
        let keys: Vec<_> = scrubbed(&vars).into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["GIT_CONFIG_COUNT", "HOME", "PATH"]);
    }

    #[test]
    fn every_variable_that_git_calls_local_is_taken_out_but_configuration() {
        let out = Git::new(&vars(&[]), Path::new("/"), ["rev-parse", "--local-env-vars"]).check().unwrap().text();
        for name in out.lines().filter(|name| !["GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"].contains(name)) {
            assert!(LOCAL.contains(&name), "{name}");
        }
    }

    #[test]
    fn a_refusal_carries_command_code_and_complaint() {
        let dir = tempfile::tempdir().unwrap();
        let error = Git::new(&vars(&[]), dir.path(), ["rev-parse", "--verify", "nothing"]).check().unwrap_err();
        let Failure::Exit { command, code, stderr, .. } = error else { panic!("{error:?}") };
        assert_eq!((command.as_str(), code), ("git rev-parse --verify nothing", 128));
        assert!(stderr.contains("not a git repository"), "{stderr}");
    }

    #[test]
    fn a_large_input_that_is_answered_line_by_line_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let vars = vars(&[]);
        Git::new(&vars, dir.path(), ["init", "-q"]).check().unwrap();
        let input = "0000000000000000000000000000000000000000\n".repeat(50_000);
        let out = Git::new(&vars, dir.path(), ["cat-file", "--batch-check"]).stdin(input).check().unwrap();
        assert_eq!(out.text().lines().count(), 50_000);
    }

    #[test]
    fn a_command_that_does_not_read_its_input_is_no_error() {
        let input = vec![b'x'; 1 << 20];
        assert!(Git::new(&vars(&[]), Path::new("/"), ["version"]).stdin(input).run().unwrap().success());
    }
}
