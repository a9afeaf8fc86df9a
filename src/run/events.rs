//! Writing what happened: event commits on a spec's branch.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Error, shared};
use crate::agent::Lock;
use crate::git::{Expect, Moved, RefMove, Repo};
use crate::ledger::{self, Block, Oid};
use crate::project::Project;
use crate::spec::{Qualified, SpecId};

/// What became of an attempt to record something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// The branch now ends in this event.
    At(Oid),
    /// Somebody else moved the branch first.
    TipMoved(Option<Oid>),
}

/// An event commit on `parent`: it changes no file, and its message carries the block.
///
/// The commit is journalled in the spec's lock before any ref moves to it, so that a run which finds it later can
/// tell that an engine made it (DESIGN.md, section 4: what moved by no engine's doing is an anomaly).
pub(super) fn event(
    repo: &Repo,
    lock: &Lock,
    parent: Oid,
    subject: &str,
    body: &str,
    block: &Block,
) -> Result<Oid, Error> {
    let tree = repo.tree(parent)?;
    let commit = repo.commit(tree, &[parent], &ledger::write(subject, body, block))?;
    journal(lock, commit)?;
    Ok(commit)
}

/// Notes in the lock that a commit is an engine's.
pub(super) fn journal(lock: &Lock, commit: Oid) -> Result<(), Error> {
    lock.note(&format!("made {commit}")).map_err(Error::system("writing the lock file"))?;
    made().insert(commit);
    Ok(())
}

/// Whether this very process noted a commit: for its own the journals of all locks need not be read.
pub(super) fn is_made_here(commit: Oid) -> bool {
    made().contains(&commit)
}

fn made() -> MutexGuard<'static, BTreeSet<Oid>> {
    static MADE: Mutex<BTreeSet<Oid>> = Mutex::new(BTreeSet::new());
    MADE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes of an event that a person committed by plain Git, past chant's own hooks, that it is no forgery.
///
/// # Errors
/// Inside of a run.
pub fn vouch(project: &Project, id: &SpecId, commit: Oid) -> Result<(), Error> {
    super::ensure_writable(project)?;
    match super::hold(project, id) {
        Ok(lock) => journal(&lock, commit),
        Err(Error::Held { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Records an event on a spec's branch by compare-and-swap from `from` (its absence: `None`, then on `base`).
///
/// # Errors
/// Where Git cannot write; a branch that moved is an outcome, not an error.
pub fn record_on_branch(
    project: &Project,
    lock: &Lock,
    spec: &Qualified,
    from: Option<Oid>,
    base: Oid,
    subject: &str,
    block: &Block,
) -> Result<Recorded, Error> {
    let commit = event(&project.repo, lock, from.unwrap_or(base), subject, "", block)?;
    let expect = from.map_or(Expect::Absent, Expect::At);
    let moves = [RefMove { name: spec.full_ref(), from: expect, to: Some(commit) }];
    match shared::move_refs(project, &moves, subject)? {
        Moved::Done => Ok(Recorded::At(commit)),
        Moved::TipMoved { now, .. } => Ok(Recorded::TipMoved(now)),
    }
}
