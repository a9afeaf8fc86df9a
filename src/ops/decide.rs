//! `chant reset`, `cancel`, `merge` and `revert`: what a person decides about a spec.

use super::{Error, resolve};
use crate::git::{Merge, Repo};
use crate::ledger::{Block, Oid, State, Transition};
use crate::plan::Status;
use crate::project::{self, Look, Project};
use crate::run::{self, Ending, Engine, Onto, Recorded, Request};
use crate::spec::SpecId;

/// Something that was recorded.
#[derive(Debug, Clone)]
pub struct Decided {
    /// The spec.
    pub id: SpecId,
    /// The commit that records it; `None` where it was so already.
    pub commit: Option<Oid>,
}

/// Makes a failed, cancelled, stalled or completed-but-not-landed spec ready again; its work is kept.
///
/// # Errors
/// Where there is nothing to reset, or somebody works on it.
pub fn reset(project: &Project, query: &str) -> Result<Decided, Error> {
    run::ensure_writable(project)?;
    let look = project::look(project)?;
    let id = resolve(&look, query)?.clone();
    match status(&look, &id) {
        Status::Ready | Status::Blocked => return Ok(Decided { id, commit: None }),
        Status::Completed => {
            return Err(run::Error::refused(
                format!("{id} has landed"),
                format!("`chant revert {id}` takes it back as `git revert` does; then it is ready again"),
            )
            .into());
        }
        _ => {}
    }
    record(project, &id, Transition::Pending, None, "reset")
}

/// Says that a spec is not to be worked any more.
///
/// # Errors
/// Where it has landed, or somebody works on it.
pub fn cancel(project: &Project, query: &str, reason: Option<&str>) -> Result<Decided, Error> {
    run::ensure_writable(project)?;
    let look = project::look(project)?;
    let id = resolve(&look, query)?.clone();
    match status(&look, &id) {
        Status::Cancelled => return Ok(Decided { id, commit: None }),
        Status::Completed => {
            return Err(
                run::Error::refused(format!("{id} has landed"), format!("`chant revert {id}` takes it back")).into()
            );
        }
        _ => {}
    }
    record(project, &id, Transition::Cancelled, reason, "cancelled")
}

fn status(look: &Look, id: &SpecId) -> Status {
    look.board.row(id).map_or(Status::Unknown, |row| row.status)
}

fn record(
    project: &Project,
    id: &SpecId,
    status: Transition,
    reason: Option<&str>,
    word: &str,
) -> Result<Decided, Error> {
    let lock = run::hold(project, id)?;
    run::take_in(project, id)?;
    let look = project::look(project)?;
    run::ready(project, &look)?;
    let qualified = project.qualify(id);
    let repo = &project.repo;
    let record = look.ledger.record(&qualified);
    run::settle_account(project, &lock, &qualified, record)?;
    let target = run::target_of(project, &look, id, None)?;
    let base = match repo.tip(&format!("refs/heads/{target}"))? {
        Some(tip) => tip,
        None => repo.head()?.tip().ok_or_else(|| Error::usage("there is no commit yet", "commit the spec first"))?,
    };
    let attempt = match record {
        Some(record) if repo.tip(&qualified.full_ref())?.is_some() => record.attempt.max(1),
        Some(record) => record.highest.saturating_add(1),
        None => 1,
    };
    let block = Block {
        spec: Some(qualified.clone()),
        status: Some(status),
        attempt: Some(attempt),
        reason: reason.map(str::to_owned),
        ..Block::default()
    };
    let subject = format!("{id}: {word}");
    let from = repo.tip(&qualified.full_ref())?;
    match run::record_on_branch(project, &lock, &qualified, from, base, &subject, &block)? {
        Recorded::At(commit) => Ok(Decided { id: id.clone(), commit: Some(commit) }),
        Recorded::TipMoved(_) => Err(run::Error::refused(
            format!("{} moved at this very moment", qualified.branch()),
            "look again: `chant show`",
        )
        .into()),
    }
}

/// Lands a spec that is in review, by a person's word.
///
/// # Errors
/// Where it is not completed, or somebody holds it.
pub fn merge(project: &Project, query: &str, reporter: run::Reporter) -> Result<(SpecId, Ending), Error> {
    let look = project::look(project)?;
    let id = resolve(&look, query)?.clone();
    if project.settings.remote.value.is_none() {
        super::refuse_elsewhere(project, &id)?;
    }
    let (engine, _runtime) = Engine::alone(project.clone(), Request::default(), reporter)?;
    let ending = engine.merge(&id)?;
    Ok((id, ending))
}

/// Undoes a landing as a Git revert does; the status follows from the history.
///
/// # Errors
/// Where it has not landed, later changes conflict with the revert, or the target's checkout cannot follow.
pub fn revert(project: &Project, query: &str, reason: Option<&str>, reporter: run::Reporter) -> Result<Decided, Error> {
    run::ensure_writable(project)?;
    let look = project::look(project)?;
    let id = resolve(&look, query)?.clone();
    let record = look.ledger.record(&project.qualify(&id));
    let landed = record.filter(|record| record.state == State::Completed).and_then(|record| record.landing.clone());
    let Some(landed) = landed else {
        return Err(run::Error::refused(
            format!("{id} is {}: there is no landing to revert", status(&look, &id).as_str()),
            format!("`chant reset {id}` makes an attempt that has not landed ready again"),
        )
        .into());
    };
    let _lock = run::hold(project, &id)?;
    run::ready(project, &look)?;
    run::take_in(project, &id)?;
    let (engine, _runtime) = Engine::alone(project.clone(), Request::default(), reporter)?;
    let repo = &project.repo;
    let target = match repo.tip(&format!("refs/heads/{}", landed.target))? {
        Some(_) => landed.target.clone(),
        None => run::target_of(project, &look, &id, None)?,
    };
    for _ in 0..20 {
        let name = format!("refs/heads/{target}");
        let onto =
            repo.tip(&name)?.ok_or_else(|| Error::usage(format!("there is no branch {target}"), "see `git branch`"))?;
        let commit = inverse(repo, &id, onto, landed.commit, reason)?;
        match run::onto(&engine, &target, onto, commit)? {
            Onto::Done => return Ok(Decided { id, commit: Some(commit) }),
            Onto::Moved => {}
            Onto::Refused(why) => return Err(run::Error::refused(why, "clear the way, then try again").into()),
        }
    }
    Err(run::Error::refused(format!("{target} keeps moving"), "try again").into())
}

/// A commit on `onto` that takes `landing` back against its first parent.
fn inverse(repo: &Repo, id: &SpecId, onto: Oid, landing: Oid, reason: Option<&str>) -> Result<Oid, Error> {
    let parents = repo.parents(landing)?;
    let Some(before) = parents.first() else {
        return Err(run::Error::refused("the landing has no parent to go back to", "revert it by hand").into());
    };
    let tree = match repo.merge_trees(landing, onto, *before)? {
        Merge::Clean { tree } => tree,
        Merge::AlreadyIn => repo.tree(onto)?,
        Merge::Conflicts { paths } => {
            return Err(run::Error::refused(
                format!("later changes conflict with taking {id} back, in {}", paths.join(", ")),
                format!("do it by hand: `git revert -m 1 {}`", landing.short()),
            )
            .into());
        }
    };
    if tree == repo.tree(onto)? {
        return Err(run::Error::refused(
            format!("{} changed nothing that is still there, so nothing of {id} can be taken back", landing.short()),
            format!(
                "`git log --graph --stat` shows what brought its files; `git revert` that commit, and {id} follows"
            ),
        )
        .into());
    }
    let subject = String::from_utf8_lossy(&repo.message(landing)?).lines().next().unwrap_or_default().to_owned();
    let why = reason
        .map(|reason| format!("{}\n\n", reason.split_whitespace().collect::<Vec<_>>().join(" ")))
        .unwrap_or_default();
    let detail = if parents.len() > 1 { format!(", reversing\nchanges made to {before}.") } else { ".".to_owned() };
    let message = format!("Revert \"{subject}\"\n\n{why}This reverts commit {landing}{detail}\n");
    Ok(repo.commit(tree, &[onto], &message)?)
}
