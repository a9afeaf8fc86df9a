//! Moving a branch that may be checked out anywhere: its checkouts follow first, or nothing moves at all.

use std::path::PathBuf;

use super::{Engine, Error, shared};
use crate::agent::Lock;
use crate::env::failpoint;
use crate::git::{Expect, Follow, Moved, RefMove, Worktree};
use crate::ledger::Oid;
use crate::project::Project;

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

/// Moves a branch from `from` to `to`, its checkouts first, under the branch's own lock; at the remote too, where one is
/// shared.
///
/// # Errors
/// Where Git fails.
pub fn onto(engine: &Engine, target: &str, from: Oid, to: Oid) -> Result<Onto, Error> {
    put(engine, target, from, to, Some(&[]))
}

/// The same, with moves at the remote without which it does not count.
pub(super) fn fenced(engine: &Engine, target: &str, from: Oid, to: Oid, fence: &[RefMove]) -> Result<Onto, Error> {
    put(engine, target, from, to, Some(fence))
}

/// The same in this repository alone, towards what the remote has.
pub(super) fn here(engine: &Engine, target: &str, from: Oid, to: Oid) -> Result<Onto, Error> {
    put(engine, target, from, to, None)
}

fn put(engine: &Engine, target: &str, from: Oid, to: Oid, fence: Option<&[RefMove]>) -> Result<Onto, Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let name = format!("refs/heads/{target}");
    let lock = turn(engine, target)?;
    if let Some(stuck) = settle(project, &lock, target)? {
        return Ok(Onto::Refused(stuck));
    }
    if repo.tip(&name)? != Some(from) {
        return Ok(Onto::Moved);
    }
    let mut followed: Vec<PathBuf> = Vec::new();
    for worktree in repo.checked_out(target)? {
        failpoint("land.before-follow");
        Begun { target: target.to_owned(), from, to, checkout: place(&worktree) }.note(&lock)?;
        match repo.follow(&worktree.path, from, to)? {
            Follow::Followed => followed.push(worktree.path),
            Follow::Refused { reason, paths } => {
                undo(engine, &lock, &followed, to, from)?;
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
    let moved = match fence {
        Some(fence) => shared::move_fenced(project, &moves, fence, "land"),
        None => repo.move_refs(&moves, "land").map_err(Error::from),
    };
    if !matches!(moved, Ok(Moved::Done)) {
        undo(engine, &lock, &followed, to, from)?;
    }
    match moved {
        Ok(Moved::Done) => {
            failpoint("land.moved");
            forget(&lock)?;
            Ok(Onto::Done)
        }
        Ok(Moved::TipMoved { .. }) => Ok(Onto::Moved),
        // A hook of the user's forbids it, or the disk is full.
        Err(error) => Ok(Onto::Refused(format!("{target} cannot be moved: {error}"))),
    }
}

fn undo(engine: &Engine, lock: &Lock, followed: &[PathBuf], to: Oid, from: Oid) -> Result<(), Error> {
    let mut all = true;
    for path in followed {
        all &= engine.project.repo.follow(path, to, from)? == Follow::Followed;
    }
    // What could not be taken back now is not forgotten.
    if all { forget(lock) } else { Ok(()) }
}

fn forget(lock: &Lock) -> Result<(), Error> {
    lock.forget().map_err(Error::system("cannot write the lock of the target"))
}

/// A checkout that is about to go to a landing, as the target's lock file remembers it: a kill before the branch itself
/// has moved leaves files of a landing that never was, and whoever comes next takes them back.
#[derive(Debug, PartialEq, Eq)]
struct Begun {
    target: String,
    from: Oid,
    to: Oid,
    checkout: String,
}

const FOLLOWING: &str = "following ";

impl Begun {
    fn note(&self, lock: &Lock) -> Result<(), Error> {
        let line = format!("{FOLLOWING}{} {} {} {}", self.target, self.from, self.to, self.checkout);
        lock.note(&line).map_err(Error::system("cannot write the lock of the target"))
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix(FOLLOWING)?.splitn(4, ' ');
        let target = words.next()?.to_owned();
        let (from, to) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Self { target, from, to, checkout: words.next()?.to_owned() })
    }
}

/// A checkout as a word on a line.
fn place(worktree: &Worktree) -> String {
    worktree.git_dir.as_os_str().as_encoded_bytes().escape_ascii().to_string()
}

/// Takes back what a killed process had begun in checkouts of a target whose branch it did not come to move, or finds
/// that nothing was. Why that cannot be done now, where it cannot.
fn settle(project: &Project, lock: &Lock, target: &str) -> Result<Option<String>, Error> {
    let repo = &project.repo;
    let notes = Lock::notes(&project.landing_lock_path(target)).map_err(Error::system("cannot read a lock"))?;
    let begun: Vec<Begun> = notes.iter().filter_map(|line| Begun::read(line)).collect();
    if begun.is_empty() {
        return Ok(None);
    }
    let tip = repo.tip(&format!("refs/heads/{target}"))?;
    let checkouts = repo.checked_out(target)?;
    for one in begun.iter().rev() {
        let Some(worktree) = checkouts.iter().find(|worktree| place(worktree) == one.checkout) else { continue };
        repo.settle(&worktree.path)?;
        if tip != Some(one.from) || !repo.holds_some_of(&worktree.path, one.from, one.to)? {
            continue;
        }
        if let Follow::Refused { reason, paths } = repo.follow(&worktree.path, one.to, one.from)? {
            return Ok(Some(format!(
                "{} still holds files of a landing that was cut short and cannot be taken back now: {reason} ({})",
                worktree.path.display(),
                paths.join(", ")
            )));
        }
    }
    forget(lock)?;
    Ok(None)
}

/// Takes back whatever landings were cut short, on any target; those that somebody is at work on are left alone. What
/// cannot be taken back is said again when somebody lands there.
///
/// # Errors
/// Where Git cannot read or write what it must.
pub(super) fn settle_all(project: &Project) -> Result<(), Error> {
    let dir = project.repo.common_dir().join("chant/locks");
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let empty = || entry.metadata().is_ok_and(|meta| meta.len() == 0);
        if !name.as_encoded_bytes().starts_with(b"onto-") || empty() {
            continue;
        }
        let read = || Lock::notes(&entry.path()).unwrap_or_default();
        let Some(target) = read().iter().find_map(|line| Begun::read(line)).map(|begun| begun.target) else { continue };
        if let Some(lock) = Lock::try_take(&entry.path()).map_err(Error::system("cannot lock the target"))? {
            settle(project, &lock, &target)?;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_of_a_landing_is_read_again_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("onto-main.lock");
        let lock = Lock::try_take(&path).unwrap().unwrap();
        let oid = |n: u8| Oid::from_bytes(&[n; 20]).unwrap();
        let begun = Begun { target: "a/b".into(), from: oid(1), to: oid(2), checkout: "/a b\\n/.git".into() };
        begun.note(&lock).unwrap();
        let notes = Lock::notes(&path).unwrap();
        assert_eq!(notes.iter().filter_map(|line| Begun::read(line)).collect::<Vec<_>>(), [begun]);
        assert_eq!(Begun::read("following main"), None);
        assert_eq!(Begun::read("made 123"), None);
    }
}
