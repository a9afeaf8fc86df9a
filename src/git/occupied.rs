//! What keeps a branch or a checkout busy: who has the branch, and which operation is under way.

use std::fs;
use std::path::Path;

use super::error::Result;
use super::repo::{Head, Repo};
use super::worktree::{Worktree, read_line};

impl Repo {
    /// The worktrees in which `branch` (its short name) is checked out, or being rebased or bisected: those whose files
    /// must follow when it moves, or in which it must not move.
    ///
    /// # Errors
    /// Where the worktrees cannot be read.
    pub fn checked_out(&self, branch: &str) -> Result<Vec<Worktree>> {
        let mut found = self.worktrees()?;
        found.retain(|worktree| has(worktree, branch));
        Ok(found)
    }

    /// The operation that is under way in a worktree: `merge`, `rebase`, `am`, `cherry-pick`, `revert` or `bisect`.
    ///
    /// # Errors
    /// Where there is no such worktree.
    pub fn operation(&self, worktree: &Path) -> Result<Option<&'static str>> {
        Ok(operation(&self.worktree(worktree)?.git_dir))
    }
}

/// The operation whose traces are in this Git directory.
pub(super) fn operation(git_dir: &Path) -> Option<&'static str> {
    let has = |name: &str| git_dir.join(name).exists();
    if has("rebase-merge") {
        return Some("rebase");
    }
    if has("rebase-apply") {
        return Some(if has("rebase-apply/applying") { "am" } else { "rebase" });
    }
    if has("MERGE_HEAD") {
        return Some("merge");
    }
    if has("CHERRY_PICK_HEAD") {
        return Some("cherry-pick");
    }
    if has("REVERT_HEAD") {
        return Some("revert");
    }
    // Between two commits of a longer pick or revert, only the list of what is left remains.
    if let Some(next) = read_line(&git_dir.join("sequencer/todo")) {
        return Some(if next.starts_with("revert") { "revert" } else { "cherry-pick" });
    }
    has("BISECT_LOG").then_some("bisect")
}

fn has(worktree: &Worktree, branch: &str) -> bool {
    if let Some(Head::Branch { name, .. } | Head::Unborn(name)) = &worktree.head
        && name == branch
    {
        return true;
    }
    let full = format!("refs/heads/{branch}");
    let says = |file: &str, wanted: &str| read_line(&worktree.git_dir.join(file)).is_some_and(|line| line == wanted);
    // `rebase --update-refs` writes down three lines for every branch it is going to move: name, old and new commit.
    let listed = fs::read_to_string(worktree.git_dir.join("rebase-merge/update-refs"))
        .is_ok_and(|text| text.lines().any(|line| line == full));
    listed
        || says("rebase-merge/head-name", &full)
        || says("rebase-apply/head-name", &full)
        || says("BISECT_START", branch)
        || says("BISECT_START", &full)
}
