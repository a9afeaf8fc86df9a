//! Small questions about Git itself and about single worktrees.

use std::path::Path;

use super::convert::from_gix;
use super::error::Result;
use super::merge::{Merge, Verdict};
use super::repo::{Head, Repo};
use crate::ledger::Oid;

impl Repo {
    /// The version of the git executable.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn git_version(&self) -> Result<(u32, u32, u32)> {
        let text = self.git(self.common_dir(), &["version"]).check()?.text();
        let numbers = text.split_whitespace().nth(2).unwrap_or_default();
        let mut numbers = numbers.split('.').map(|number| number.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Ok((next(), next(), next()))
    }

    /// Whether a directory is a linked worktree of this repository, with its files there: one whose making was cut short
    /// is none yet, and [`Repo::add_worktree`] completes it.
    ///
    /// # Errors
    /// Where the worktrees cannot be read.
    pub fn is_worktree(&self, at: &Path) -> Result<bool> {
        Ok(self.find_worktree(at)?.is_some_and(|worktree| {
            let half_made = worktree.locked.as_deref().is_some_and(|reason| reason.starts_with(super::add::MAKING));
            worktree.exists && !worktree.main && !half_made
        }))
    }

    /// What a worktree has checked out; `None` where its `HEAD` makes no sense.
    ///
    /// # Errors
    /// Where there is no such worktree.
    pub fn worktree_head(&self, at: &Path) -> Result<Option<Head>> {
        Ok(self.worktree(at)?.head)
    }

    /// Takes a linked worktree away with everything in it: only for checkouts in which nobody works.
    ///
    /// # Errors
    /// Where it cannot be renamed into the trash.
    pub fn discard_worktree(&self, at: &Path) -> Result<()> {
        match self.find_worktree(at)? {
            Some(worktree) if !worktree.main => self.throw_away(&worktree),
            _ => Ok(()),
        }
    }

    /// The three-way merge of two commits' trees from a base of the caller's choice, in memory; as a revert needs it.
    ///
    /// # Errors
    /// Where objects cannot be read or written.
    pub fn merge_trees(&self, base: Oid, ours: Oid, theirs: Oid) -> Result<Merge> {
        Ok(match self.merge_from(Some(base), ours, theirs)? {
            Verdict::Clean(tree) => Merge::Clean { tree: from_gix(tree) },
            Verdict::Conflict(paths) => Merge::Conflicts { paths: paths.into_iter().collect() },
        })
    }
}
