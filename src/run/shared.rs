//! What happens here, shared with the other clones of a project through one remote (`remote:` in the settings).
//!
//! The remote is moved first, by compare-and-swap, and this repository after it; so of any number of clones one wins, and
//! whoever loses learns it before anything here has changed. A kill in between leaves the remote ahead of this clone,
//! which the next command finds out by fetching: every call begins by taking in what is there. Where the remote cannot
//! be reached, all goes on here alone, and `chant sync` brings the two together later.

use super::Error;
use crate::env::failpoint;
use crate::git::{Expect, Moved, Publish, Published, RefMove, Seen};
use crate::ledger::Oid;
use crate::plan::{self, Push};
use crate::project::{self, Project};
use crate::spec::Qualified;

/// The remote that is shared, where one is and it can be reached.
///
/// # Errors
/// Where the settings name one that Git does not know.
pub(super) fn remote(project: &Project) -> Result<Option<&str>, Error> {
    let Some(name) = project.settings.remote.value.as_deref() else { return Ok(None) };
    if !project.repo.has_remote(name) {
        return Err(Error::refused(
            format!(
                "the settings share this project through the remote `{name}`, and there is none ({})",
                project.settings.remote.origin
            ),
            format!("add it: `git remote add {name} <url>`; or work alone for once: `--remote ''`"),
        ));
    }
    Ok(project.sharing.unreachable().is_none().then_some(name))
}

/// Takes in what the remote holds, beside what is here: all of chant's, and `branches`.
///
/// # Errors
/// Where a tracking ref cannot be moved. A remote that cannot be reached is no error.
pub fn refresh(project: &Project, branches: &[&str]) -> Result<(), Error> {
    let Some(remote) = remote(project)? else { return Ok(()) };
    let branches: Vec<String> =
        branches.iter().filter(|branch| !branch.starts_with("chant/")).map(|branch| (*branch).to_owned()).collect();
    if let Seen::Unreachable(why) = project.repo.fetch_beside(remote, &branches)? {
        project.sharing.lost(why);
    }
    failpoint("shared.fetched");
    Ok(())
}

/// Moves refs there and here, all or none.
///
/// # Errors
/// Where the server refuses, or Git fails. A ref that is elsewhere, here or there, is no error.
pub(super) fn move_refs(project: &Project, moves: &[RefMove], reason: &str) -> Result<Moved, Error> {
    move_fenced(project, moves, &[], reason)
}

/// The same, with moves that are made at the remote alone: `fence`, without which the others do not count.
pub(super) fn move_fenced(
    project: &Project,
    moves: &[RefMove],
    fence: &[RefMove],
    reason: &str,
) -> Result<Moved, Error> {
    let repo = &project.repo;
    let Some(remote) = remote(project)? else { return Ok(repo.move_refs(moves, reason)?) };
    let mut refs = Vec::new();
    for step in moves.iter().chain(fence) {
        if crate::git::tracking(remote, &step.name).is_none() {
            continue;
        }
        let from = match step.from {
            Expect::Absent => None,
            Expect::At(from) => Some(from),
        };
        let name = step.name.clone();
        match plan::push(repo.tracked(remote, &name)?, from, step.to, |a, b| repo.is_ancestor(a, b))? {
            Push::Nothing => {}
            Push::Set { lease, to } => refs.push(Publish { name, lease, to: Some(to) }),
            Push::Delete { lease } => refs.push(Publish { name, lease: Some(lease), to: None }),
            Push::Unseen(now) => return Ok(Moved::TipMoved { name, now: Some(now) }),
        }
    }
    failpoint("shared.before-push");
    match repo.publish(remote, &refs)? {
        Published::Done => {}
        Published::Moved { name, now } => return Ok(Moved::TipMoved { name, now }),
        Published::Unreachable(why) => project.sharing.lost(why),
        Published::Refused(why) => {
            return Err(Error::refused(
                format!("{remote} will not have it: {why}"),
                "what it protects has to go its way: a pull request, or a person with the right",
            ));
        }
    }
    failpoint("shared.pushed");
    Ok(repo.move_refs(moves, reason)?)
}

/// Whether another clone has gone on with a spec's branch, so that what this one does on it can never land.
pub(super) fn fenced_off(project: &Project, qualified: &Qualified, tip: Oid) -> Result<bool, Error> {
    let Some(remote) = remote(project)? else { return Ok(false) };
    match project.repo.tracked(remote, &qualified.full_ref())? {
        Some(there) => Ok(!project.repo.is_ancestor(there, tip)?),
        None => Ok(false),
    }
}

/// The same by what is in the history: the branch of a later attempt may have landed and gone.
pub(super) fn overtaken(project: &Project, qualified: &Qualified, attempt: u32) -> Result<bool, Error> {
    if remote(project)?.is_none() {
        return Ok(false);
    }
    let look = project::look(project)?;
    Ok(look.ledger.record(qualified).is_some_and(|record| record.highest > attempt))
}
