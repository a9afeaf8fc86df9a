//! Taking back what a killed process had begun in a checkout.
//!
//! The index is renamed into place last, so there are two cases. It is the landing's already: then all files are, too,
//! and nothing is left to do. Or it is the old one: then every file that is the landing's, or the beginning of one, or
//! was deleted to be written anew, goes back to what the index says; files that anybody changed since stay.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use super::cell::copy_plain;
use super::error::{Error, Result};
use super::follow::{Changes, Side, is_there, on_disk};
use super::index_lock::{Begun, IndexLock, Locking};
use super::repo::Repo;
use super::scratch::{self, Scratch};
use super::worktree::Worktree;
use crate::ledger::Oid;

impl Repo {
    /// Takes back a landing into a checkout that was cut short by a kill, and releases the `index.lock` that it left.
    /// Whether there was one. [`Repo::follow`] begins with it.
    ///
    /// # Errors
    /// Where files cannot be read or written.
    pub fn settle(&self, worktree: &Path) -> Result<bool> {
        let worktree = self.worktree(worktree)?;
        if !worktree.exists || !is_there(&worktree.git_dir.join("index.lock")) {
            return Ok(false);
        }
        match self.lock_index(&worktree.git_dir)? {
            Locking::Busy => Ok(false),
            Locking::Ours(lock, begun) => {
                let any = begun.is_some();
                self.settle_begun(&worktree, &lock, begun)?;
                Ok(any)
            }
        }
    }

    /// Whether the index of a checkout has any path as `to` has it, and not as `from`.
    ///
    /// # Errors
    /// Where Git cannot read it.
    pub fn holds_some_of(&self, worktree: &Path, from: Oid, to: Oid) -> Result<bool> {
        let worktree = self.worktree(worktree)?;
        if !worktree.exists {
            return Ok(false);
        }
        let changes = self.file_changes(from, to)?;
        let staged = self.staged_changes(&worktree, from)?;
        Ok(changes.iter().any(|(path, (_, new))| staged.get(path).is_some_and(|side| side == new)))
    }

    pub(super) fn settle_begun(&self, worktree: &Worktree, lock: &IndexLock, begun: Option<Begun>) -> Result<()> {
        if let Some(begun) = begun {
            self.take_back(worktree, &begun)?;
        }
        lock.clear()
    }

    /// Puts the files of a follow that did not come to its end back to what the index has.
    pub(super) fn take_back(&self, worktree: &Worktree, begun: &Begun) -> Result<()> {
        let mut changes = self.file_changes(begun.from, begun.to)?;
        changes.retain(|path, _| !begun.already.contains(path));
        let trial = Scratch::new(self.common_dir())?;
        let (real, index) = (worktree.git_dir.join("index"), trial.path("index"));
        if !copy_plain(&real, &index)? {
            return Err(Error::io("read", &real)(ErrorKind::NotFound.into()));
        }
        let fence = self.fence(worktree)?;
        let git = |args: &[&str]| {
            self.git_at(worktree, args.iter().copied()).env("GIT_INDEX_FILE", &index).fenced(fence.as_ref())
        };
        let staged = git(&["diff-index", "--cached", "--name-only", "-z", "--no-renames", &begun.from.to_string()]);
        let staged = staged.check()?;
        for path in staged.records() {
            changes.remove(path);
        }
        git(&["update-index", "-q", "--refresh"]).run()?;
        let edited = git(&["diff-files", "--name-only", "-z", "--no-renames", "--ignore-submodules=all"]).check()?;
        let edited: Vec<&[u8]> = edited.records().collect();
        let touched = |path: &Vec<u8>, old: &Side| old.is_none() || edited.contains(&path.as_slice());
        changes.retain(|path, (old, _)| touched(path, old));
        let (added, changed): (Changes, Changes) = changes.into_iter().partition(|(_, (old, _))| old.is_none());
        // What was added goes first: only without it is a file missing whose place it, or a directory for it, has taken.
        for path in self.ours(worktree, &added, begun)?.keys() {
            self.delete_upwards(worktree, path)?;
        }
        let restored = self.ours(worktree, &changed, begun)?;
        let list: Vec<u8> = restored.keys().flat_map(|path| [path.as_slice(), b"\0"].concat()).collect();
        git(&["checkout-index", "--force", "-q", "-z", "--stdin"]).stdin(list).check()?;
        Ok(())
    }

    /// Of the paths that are not what they were: those on which only the follow has been at work, with what they were.
    fn ours(&self, worktree: &Worktree, changes: &Changes, begun: &Begun) -> Result<BTreeMap<Vec<u8>, Side>> {
        let wanted = changes.iter().map(|(path, (_, new))| (path.clone(), *new)).collect();
        let written = self.matching(worktree, &wanted)?;
        let mut ours = BTreeMap::new();
        for (path, (old, new)) in changes {
            let file = on_disk(worktree, path);
            let begun = || match new {
                Some(_) => self.begins_like(worktree, begun.to, path, &file),
                None => Ok(false),
            };
            if written.contains(path) || !is_there(&file) || begun()? {
                ours.insert(path.clone(), *old);
            }
        }
        Ok(ours)
    }

    /// Deletes a file, and the directories that are empty without it.
    fn delete_upwards(&self, worktree: &Worktree, path: &[u8]) -> Result<()> {
        let file = on_disk(worktree, path);
        if file.is_dir() && !file.is_symlink() {
            // The place of a submodule: empty, or not the follow's.
            std::fs::remove_dir(&file).ok();
        } else {
            scratch::delete(&file)?;
        }
        let mut above = file.parent();
        while let Some(dir) = above.filter(|dir| *dir != worktree.path && std::fs::remove_dir(dir).is_ok()) {
            above = dir.parent();
        }
        Ok(())
    }
}
