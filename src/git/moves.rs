//! Moving refs: all or none, by compare-and-swap.
//!
//! Two ways lead to a moved ref. Usually it is done in this process, under Git's own locks
//! ([`ref_lock`](super::ref_lock)), and a kill at any instant leaves nothing that the next process does not mend. `git
//! update-ref --stdin` does it where the repository has a `reference-transaction` hook, so that the hook sees the
//! transaction and may refuse it, and where a ref is to be deleted that is packed; it ends by itself when we are killed.
//!
//! Either way a lock somebody else holds is waited for, and every other failure is looked at again by reading the refs:
//! one that is not where it was expected is the answer, for messages differ between versions of Git.

use std::time::{Duration, Instant};

use gix::refs::{FullName, TargetRef};

use super::error::{Error, Result};
use super::ref_lock::{Locking, RefLock};
use super::refs::{find_exact, holds, tip_in};
use super::repo::Repo;
use crate::ledger::Oid;

/// How long a lock is waited for: as long as a slow `git gc` may hold `packed-refs`.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where a ref is expected to be before it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// It does not exist; one that exists is refused even if it holds the very object it is to be set to.
    Absent,
    /// It is exactly here.
    At(Oid),
}

/// One ref's move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefMove {
    /// The full name.
    pub name: String,
    /// Where it is now.
    pub from: Expect,
    /// Where it goes; `None` deletes it.
    pub to: Option<Oid>,
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// All refs moved.
    Done,
    /// None moved, for this one was not where it was expected.
    TipMoved {
        /// The full name.
        name: String,
        /// Where it is, `None` where it does not exist.
        now: Option<Oid>,
    },
}

impl Repo {
    /// Moves all of `moves` or none of them, each only from where it is expected. The reflog says `chant: <reason>`.
    ///
    /// # Errors
    /// [`Error::Locked`] where a lock is held longer than 15 seconds, [`Error::HookRefused`],
    /// [`Error::InTheWay`], [`Error::BadRef`]. A ref that is elsewhere is no error but [`Moved::TipMoved`].
    pub fn move_refs(&self, moves: &[RefMove], reason: &str) -> Result<Moved> {
        let gix = self.gix();
        let steps = moves.iter().map(|step| Step::new(&gix, step)).collect::<Result<Vec<_>>>()?;
        if let Some(twice) =
            steps.iter().enumerate().find(|(at, step)| steps[..*at].iter().any(|s| s.name == step.name))
        {
            let reason = "it is to be moved twice at once".to_owned();
            return Err(Error::BadRef { name: twice.1.name(), reason });
        }
        let message = format!("chant: {}", reason.split_whitespace().collect::<Vec<_>>().join(" "));
        let started = Instant::now();
        let mut pause = Duration::from_millis(2);
        loop {
            for step in &steps {
                if let Some(moved) = step.elsewhere(&gix)? {
                    return Ok(moved);
                }
            }
            let failure = match self.has_transaction_hook() {
                true => self.move_by_git(&steps, &message)?,
                false => self.move_here(&gix, &steps, &message)?,
            };
            match failure {
                None => return Ok(Moved::Done),
                // Neither a lock nor somebody else's move: trying again will not help.
                Some(failure) if !failure.may_pass => {
                    let moved = steps.iter().find_map(|step| step.elsewhere(&gix).transpose());
                    return moved.unwrap_or(Err(failure.error));
                }
                Some(failure) if started.elapsed() > PATIENCE => return Err(failure.error),
                Some(_) => std::thread::sleep(pause),
            }
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    /// Whether the repository has an executable `reference-transaction` hook.
    fn has_transaction_hook(&self) -> bool {
        self.hook(self.workdir().unwrap_or(self.git_dir()), "reference-transaction").is_some()
    }

    fn move_here(&self, gix: &gix::Repository, steps: &[Step], message: &str) -> Result<Option<Failure>> {
        let mut locks = Vec::with_capacity(steps.len());
        for step in steps {
            match RefLock::take(self, &step.name())? {
                Locking::Ours(lock) => locks.push(lock),
                Locking::Busy => return Ok(Some(Failure { error: step.locked(), may_pass: true })),
                Locking::InTheWay => {
                    let error = in_the_way(gix, steps).unwrap_or_else(|| step.locked());
                    return Ok(Some(Failure { error, may_pass: false }));
                }
            }
        }
        crate::env::failpoint("refs.locked");
        // What is there now stays there.
        for step in steps {
            if step.elsewhere(gix)?.is_some() {
                return Ok(Some(Failure { error: step.locked(), may_pass: true }));
            }
        }
        if let Some(error) = in_the_way(gix, steps) {
            return Ok(Some(Failure { error, may_pass: false }));
        }
        if steps.iter().any(|step| step.to.is_none() && is_packed(gix, &step.name)) {
            drop(locks);
            return self.move_by_git(steps, message);
        }
        for step in steps {
            if let Some(to) = step.to {
                self.write_reflog(&step.name(), step.old(), to, message)?;
                self.write_ref(&step.name(), to)?;
                crate::env::failpoint("refs.moved");
            }
        }
        for step in steps.iter().filter(|step| step.to.is_none()) {
            self.delete_ref(&step.name())?;
            crate::env::failpoint("refs.deleted");
        }
        drop(locks);
        steps.iter().filter(|step| step.to.is_none()).for_each(|step| self.tidy_ref_dirs(&step.name()));
        Ok(None)
    }

    fn move_by_git(&self, steps: &[Step], message: &str) -> Result<Option<Failure>> {
        let zero = self.gix().object_hash().null();
        let mut input = String::from("start\n");
        for step in steps {
            let name = step.name.as_bstr();
            let line = match (step.from, step.to) {
                (Expect::Absent, Some(to)) => format!("create {name} {to}\n"),
                (Expect::Absent, None) => format!("verify {name} {zero}\n"),
                (Expect::At(from), Some(to)) => format!("update {name} {to} {from}\n"),
                (Expect::At(from), None) => format!("delete {name} {from}\n"),
            };
            input.push_str("option no-deref\n");
            input.push_str(&line);
        }
        input.push_str("prepare\ncommit\n");
        let cwd = self.workdir().unwrap_or(self.git_dir());
        let mut git = self.git(cwd, &["update-ref", "--create-reflog", "-m", message, "--stdin"]).with_hooks();
        if let Ok(signature) = self.log_signature() {
            git = git.env("GIT_COMMITTER_NAME", signature.name.to_string());
            git = git.env("GIT_COMMITTER_EMAIL", signature.email.to_string());
        }
        let output = git.env("LC_ALL", "C").stdin(input).run()?;
        if output.success() {
            return Ok(None);
        }
        Ok(Some(Failure::of_git(self, steps, output.complaint())))
    }
}

/// Whether only chant makes refs of that name. It makes none that are other names for others, and writes through none.
fn is_ours(name: &str) -> bool {
    name.starts_with("refs/heads/chant/") || name.starts_with("refs/chant/") || name == super::notes::NOTES
}

/// A move with the name of the ref that really moves.
struct Step {
    name: FullName,
    asked: String,
    from: Expect,
    to: Option<Oid>,
}

impl Step {
    fn new(gix: &gix::Repository, step: &RefMove) -> Result<Self> {
        let mut name = FullName::try_from(step.name.as_str())
            .map_err(|error| Error::BadRef { name: step.name.clone(), reason: error.to_string() })?;
        // A branch may be another name for a branch (`git symbolic-ref`): the one behind it moves.
        for _ in 0..8 {
            let next = match find_exact(gix, &name)?.as_ref().map(gix::Reference::target) {
                Some(TargetRef::Symbolic(next)) => next.to_owned(),
                _ => break,
            };
            if is_ours(&step.name) || is_ours(&next.as_bstr().to_string()) {
                return Err(Error::OtherName { name: step.name.clone(), other: next.as_bstr().to_string() });
            }
            name = next;
        }
        Ok(Self { name, asked: step.name.clone(), from: step.from, to: step.to })
    }

    fn name(&self) -> String {
        self.name.as_bstr().to_string()
    }

    fn old(&self) -> Option<Oid> {
        match self.from {
            Expect::Absent => None,
            Expect::At(oid) => Some(oid),
        }
    }

    /// The outcome, where this ref is not where it is expected.
    fn elsewhere(&self, gix: &gix::Repository) -> Result<Option<Moved>> {
        if self.fits(gix)? {
            return Ok(None);
        }
        // Packed within the same tick of the clock: a second look that trusts no cache. Without such a file
        // there is nothing to look at again.
        if gix.refs.force_refresh_packed_buffer().is_ok() && self.fits(gix)? {
            return Ok(None);
        }
        Ok(Some(Moved::TipMoved { name: self.asked.clone(), now: tip_in(gix, &self.asked)? }))
    }

    fn fits(&self, gix: &gix::Repository) -> Result<bool> {
        let there = find_exact(gix, &self.name)?;
        Ok(match (&there, self.from) {
            (None, Expect::Absent) => true,
            (Some(reference), Expect::At(oid)) => holds(reference, oid),
            _ => false,
        })
    }

    fn locked(&self) -> Error {
        Error::Locked { name: self.asked.clone() }
    }
}

/// Why a transaction did not go through.
struct Failure {
    error: Error,
    /// Whether it may go through later: a lock was held, or a ref moved while we looked.
    may_pass: bool,
}

impl Failure {
    fn of_git(repo: &Repo, steps: &[Step], complaint: String) -> Self {
        let gix = repo.gix();
        if let Some(error) = in_the_way(&gix, steps) {
            return Self { error, may_pass: false };
        }
        if complaint.contains(".lock'") || complaint.contains("cannot lock ref") {
            let name = steps.iter().map(|step| step.asked.as_str()).collect::<Vec<_>>().join("`, `");
            return Self { error: Error::Locked { name }, may_pass: true };
        }
        Self { error: Error::HookRefused { complaint }, may_pass: false }
    }
}

fn is_packed(gix: &gix::Repository, name: &FullName) -> bool {
    // Where it cannot be told, Git itself has a look.
    let packed = gix.refs.open_packed_buffer();
    packed.is_ok_and(|packed| packed.is_some_and(|packed| packed.try_find(name.as_ref()).is_ok_and(|f| f.is_some())))
}

/// The ref that stands where a folder must be made for one of these, or that would lose its folder to one.
fn in_the_way(gix: &gix::Repository, steps: &[Step]) -> Option<Error> {
    let made = steps.iter().filter(|step| step.from == Expect::Absent && step.to.is_some());
    for step in made {
        let name = step.name.as_bstr().to_string();
        let parents = name.match_indices('/').map(|(at, _)| &name[..at]);
        let above = parents.filter_map(|parent| FullName::try_from(parent).ok());
        let above = above.into_iter().find(|parent| find_exact(gix, parent).is_ok_and(|found| found.is_some()));
        let below = || {
            let prefix = format!("{name}/");
            let platform = gix.references().ok()?;
            let mut entries = platform.prefixed(prefix.as_str()).ok()?;
            entries.find_map(|entry| entry.ok().map(|entry| entry.name().to_owned()))
        };
        if let Some(other) = above.or_else(below) {
            return Some(Error::InTheWay { name, other: other.as_bstr().to_string() });
        }
    }
    None
}
