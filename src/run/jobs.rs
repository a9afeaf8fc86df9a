//! The children of an attempt: agent, set-up, proofs, the user's hooks. Each runs under supervision, with the spec's
//! lock held for as long as anything of it lives, and ends with the engine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use super::limits::Limits;
use super::listen::Hearing;
use super::{Engine, Error, inside};
use crate::agent::{Errand, How, Lock, Performed, Terms};
use crate::cage::{self, Cage};
use crate::config::Settings;
use crate::git;
use crate::project::Project;
use crate::spec::SpecId;

/// How long a process may take to end after it was asked to.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// What holds for the children of one step.
pub(super) struct Watch<'a> {
    /// Whose they are.
    pub id: &'a SpecId,
    /// Its lock, which the supervisors share.
    pub lock: &'a Lock,
    /// For all of them together.
    pub timeout: Duration,
    /// Where all they say goes.
    pub transcript: Option<PathBuf>,
    /// What they may touch; everything where nothing is said.
    pub cage: Option<Cage>,
    /// Whether nobody is to hear their words.
    pub quiet: bool,
    /// Ends them as well, as soon as it holds true.
    pub lost: Option<watch::Receiver<bool>>,
}

impl Engine {
    /// Runs children one after the other, up to the first that fails, and passes their words on. An interruption stops
    /// them and everything they started.
    pub(super) fn perform(&self, errands: Vec<Errand>, watch: &Watch<'_>) -> Result<Performed, Error> {
        let hearing = Hearing { agent: None, limits: Limits::default(), idle: None, journal: None };
        Ok(self.listen(errands, watch, hearing)?.done)
    }

    /// What holds for the children of one step, and who hears their words.
    pub(super) fn terms<'a>(&self, watch: &'a Watch<'a>, words: Option<UnboundedSender<String>>) -> Terms<'a> {
        Terms {
            label: self.project.qualify(watch.id).to_string(),
            repo: self.project.repo.common_dir().to_owned(),
            program: self.project.env.program.clone(),
            timeout: Some(watch.timeout),
            grace: GRACE,
            cage: watch.cage.clone(),
            transcript: watch.transcript.clone(),
            watch: words,
            ear: None,
            mask: self.mask(),
            locks: std::slice::from_ref(&watch.lock),
        }
    }
}

/// Holds true as soon as one of the two does.
pub(super) fn either(mut one: watch::Receiver<bool>, mut other: watch::Receiver<bool>) -> watch::Receiver<bool> {
    let (tell, both) = watch::channel(*one.borrow() || *other.borrow());
    tokio::spawn(async move {
        let stopped = async |which: &mut watch::Receiver<bool>| {
            if which.wait_for(|stop| *stop).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = stopped(&mut one) => {}
            () = stopped(&mut other) => {}
            () = tell.closed() => return,
        }
        tell.send_replace(true);
    });
    both
}

/// A shell command in the user's environment.
pub(super) fn shell(project: &Project, settings: &Settings, script: &str, cwd: PathBuf) -> Errand {
    program(project, settings, ["sh", "-c", script].map(OsString::from).to_vec(), cwd)
}

/// A program in the user's environment.
pub(super) fn program(project: &Project, settings: &Settings, argv: Vec<OsString>, cwd: PathBuf) -> Errand {
    let name = argv.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default();
    Errand { name, argv, cwd, env: clean_environment(project, &For::Running(settings, &[])), stdin: Vec::new() }
}

/// The configured set-up, in a worktree or in the checkout of the proofs.
pub(super) fn setup(project: &Project, settings: &Settings, command: &str, worktree: &Path) -> Errand {
    Errand { name: format!("the set-up `{command}`"), ..shell(project, settings, command, project.dir_in(worktree)) }
}

/// For whom an environment is.
pub(super) enum For<'a> {
    /// One who only asks what there is, and starts nothing with it.
    Looking,
    /// A program under these settings, and globs of what its kind needs.
    Running(&'a Settings, &'a [String]),
}

/// The user's environment without what would lead Git or chant astray. Of a caged program's only what is known to be no
/// secret, what the settings name, and what its kind needs.
pub(super) fn clean_environment(project: &Project, whom: &For<'_>) -> Vec<(OsString, OsString)> {
    let named = match whom {
        For::Running(settings, own) if inside::is_closed(settings) => {
            Some([&settings.sandbox.pass_env.value[..], own].concat())
        }
        For::Running(..) | For::Looking => None,
    };
    let goes = |key: &OsString, value: &OsString| {
        let name = key.to_string_lossy();
        let passes = |named: &Vec<String>| cage::passes(&name, &value.to_string_lossy(), named);
        !name.starts_with("CHANT_") && named.as_ref().is_none_or(passes)
    };
    git::scrubbed(&project.env.vars).into_iter().filter(|(key, value)| goes(key, value)).collect()
}

/// What is to be said of children that did not do; `None` where the last one exited 0.
pub(super) fn failure(done: &Performed) -> Option<String> {
    let last = done.tail.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let last = if last.is_empty() { String::new() } else { format!(": {last}") };
    match &done.how {
        How::Exited(0) => None,
        How::Exited(code) => {
            let refused = done.refused.as_ref().map(|what| format!("; {what}")).unwrap_or_default();
            Some(format!("exited {code}{last}{refused}"))
        }
        How::Signalled(signal) => Some(format!("was killed by signal {signal}{last}")),
        How::TimedOut => Some(format!("took longer than allowed and was ended{last}")),
        How::Stopped => Some("was stopped".to_owned()),
        How::CouldNotStart(why) => Some(format!("could not be started: {why}")),
        How::SupervisorLost => Some("lost its supervisor".to_owned()),
    }
}
