//! Moving a branch that may be checked out anywhere: its checkouts follow first, or nothing moves at all.

use std::path::PathBuf;

use super::{Engine, Error};
use crate::agent::Lock;
use crate::env::failpoint;
use crate::git::{Expect, Follow, Moved, RefMove};
use crate::ledger::Oid;

/// What became of putting a commit onto a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Onto {
    /// The branch, and every checkout of it, is there.
    Done,
    /// Somebody else moved it first; nothing was touched.
    Moved,
    /// A checkout of it cannot follow; nothing was touched.
    Refused(String),
}

/// Moves a branch from `from` to `to`, its checkouts first, under the branch's own lock.
///
/// # Errors
/// Where Git fails.
pub fn onto(engine: &Engine, target: &str, from: Oid, to: Oid) -> Result<Onto, Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let name = format!("refs/heads/{target}");
    let _lock = turn(engine, target)?;
    if repo.tip(&name)? != Some(from) {
        return Ok(Onto::Moved);
    }
    let mut followed: Vec<PathBuf> = Vec::new();
    for worktree in repo.checked_out(target)? {
        failpoint("land.before-follow");
        match repo.follow(&worktree.path, from, to)? {
            Follow::Followed => followed.push(worktree.path),
            Follow::Refused { reason, paths } => {
                undo(engine, &followed, to, from)?;
                let paths = if paths.is_empty() { String::new() } else { format!(" ({})", paths.join(", ")) };
                return Ok(Onto::Refused(format!(
                    "{target} is checked out in {}, and {reason}{paths}",
                    worktree.path.display()
                )));
            }
        }
    }
    failpoint("land.followed");
    let moves = [RefMove { name, from: Expect::At(from), to: Some(to) }];
    let moved = repo.move_refs(&moves, "land");
    if !matches!(moved, Ok(Moved::Done)) {
        undo(engine, &followed, to, from)?;
    }
    match moved {
        Ok(Moved::Done) => {
            failpoint("land.moved");
            Ok(Onto::Done)
        }
        Ok(Moved::TipMoved { .. }) => Ok(Onto::Moved),
        // A hook of the user's forbids it, or the disk is full.
        Err(error) => Ok(Onto::Refused(format!("{target} cannot be moved: {error}"))),
    }
}

fn undo(engine: &Engine, followed: &[PathBuf], to: Oid, from: Oid) -> Result<(), Error> {
    for path in followed {
        engine.project.repo.follow(path, to, from)?;
    }
    Ok(())
}

fn turn(engine: &Engine, target: &str) -> Result<Lock, Error> {
    let path = engine.project.landing_lock_path(target);
    loop {
        if let Some(lock) = Lock::try_take(&path).map_err(Error::system("cannot lock the target"))? {
            return Ok(lock);
        }
        if engine.stopped() {
            return Err(Error::Interrupted);
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
