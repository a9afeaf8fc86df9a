//! `chant handover` and `chant attach`: a person goes on with what an agent has begun.

use std::path::PathBuf;

use super::{Error, resolve};
use crate::plan::Status;
use crate::project::{self, Look, Project};
use crate::run::{self, Handed, Reporter};
use crate::spec::SpecId;

/// Hands a spec over to whoever calls; `waits` is told once that a run is being stopped, and which.
///
/// # Errors
/// Where there is nothing to hand over, or where another clone has it.
pub fn handover(project: &Project, query: &str, reporter: &Reporter, waits: &dyn Fn(&str)) -> Result<Handed, Error> {
    let look = project::look(project)?;
    let id = resolve(&look, query)?.clone();
    Ok(run::hand_over(project, &id, reporter, waits)?)
}

/// A client's own conversation, and how it is gone on with.
#[derive(Debug, Clone)]
pub struct Session {
    /// The spec.
    pub id: SpecId,
    /// The agent whose conversation it is.
    pub agent: String,
    /// The name by which its client finds it again; `None` where it knows the last one of a directory.
    pub session: Option<String>,
    /// Program and arguments.
    pub argv: Vec<std::ffi::OsString>,
    /// Variables on top of those of the caller.
    pub env: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    /// Those of them whose values nobody is to read, by name.
    pub hidden: Vec<std::ffi::OsString>,
    /// Where it is called.
    pub cwd: PathBuf,
}

/// The conversation of the client that worked a spec last.
///
/// # Errors
/// Where a run holds the spec, where no client has worked it, where its kind cannot go on with a conversation, and where
/// the worktree is gone.
pub fn session(project: &Project, query: &str) -> Result<Session, Error> {
    let look = project::look(project)?;
    let id = resolve(&look, query)?.clone();
    held(project, &look, &id)?;
    let session = conversation(project, &look, &id)?;
    if !project.repo.is_worktree(&project.worktree_path(&id))? {
        let status = look.board.row(&id).map_or(Status::Unknown, |row| row.status);
        let help = match status {
            Status::Completed => format!("it has landed: `chant log {id}` has what was said"),
            _ => format!("`chant attach --take {id}` makes it again, and gives the spec to you"),
        };
        return Err(run::Error::refused(format!("the worktree of {id} is gone"), help).into());
    }
    Ok(session)
}

/// Whether there will be a conversation to go on with, asked before a run is stopped for it.
///
/// # Errors
/// As [`session`], but for what a handover brings about.
pub fn can_resume(project: &Project, query: &str) -> Result<(), Error> {
    let look = project::look(project)?;
    let id = resolve(&look, query)?.clone();
    conversation(project, &look, &id).map(drop)
}

fn conversation(project: &Project, look: &Look, id: &SpecId) -> Result<Session, Error> {
    let Some((agent, session)) = last(project, look, id)? else {
        return Err(run::Error::refused(
            format!("no client of a model has worked {id}, so there is no conversation to go on with"),
            format!("`chant show {id}` says who has; `chant handover {id}` gives you what was begun"),
        )
        .into());
    };
    let spec = look.set.get(id).ok_or_else(|| Error::usage(format!("{id} cannot be read"), "see `chant lint`"))?;
    let cwd = project.dir_in(&project.worktree_path(id));
    let resumed = run::resume(project, spec, &agent, session.as_deref(), &cwd)?;
    let run::Resumed { argv, env, hidden } = resumed;
    Ok(Session { id: id.clone(), agent, session, argv, env, hidden, cwd })
}

/// Refuses while a run has the spec: two would write in one worktree.
fn held(project: &Project, look: &Look, id: &SpecId) -> Result<(), Error> {
    if !look.live.locked.contains(id) {
        return Ok(());
    }
    let record = look.ledger.record(&project.qualify(id));
    let run = record.and_then(|record| record.last_start.as_ref()).and_then(|last| last.block.run.clone());
    let by = run.map_or_else(|| "another process".to_owned(), |run| format!("run {run}"));
    let by = format!("{by}; `chant attach --take {id}` stops it and gives the spec to you");
    Err(run::Error::Held { id: project.qualify(id), by }.into())
}

/// The last client that worked a spec, and its conversation: of a run that goes on or was killed its lock's journal has it,
/// of others the newest note that names one.
fn last(project: &Project, look: &Look, id: &SpecId) -> Result<Option<(String, Option<String>)>, Error> {
    let Some(record) = look.ledger.record(&project.qualify(id)) else { return Ok(None) };
    if let Some(known) = run::session_left(project, id, record) {
        return Ok(Some(known));
    }
    for entry in record.entries.iter().rev() {
        let note = project.repo.note(entry.commit)?.unwrap_or_default();
        let named = run::note_lines(&note).into_iter().rev().find(|line| line.session.is_some());
        if let Some((agent, session)) = named.and_then(|line| Some((line.agent?, line.session))) {
            return Ok(Some((agent, session)));
        }
    }
    let mut agents = record.entries.iter().rev().filter_map(|entry| entry.block.agent.clone());
    let is_client = |name: &String| project.settings.kind(name).is_some_and(|kind| kind.has_model());
    Ok(agents.find(is_client).map(|name| (name, None)))
}
