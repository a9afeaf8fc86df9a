//! Commits of submodules: whether anybody else can have one.

use std::path::{Path, PathBuf};

use super::error::Result;
use super::remove::repositories_below;
use super::repo::Repo;
use crate::ledger::Oid;

impl Repo {
    /// Whether a repository of a submodule has a commit on a branch or tag that was fetched: of those of the user's checkout,
    /// and of a worktree's. What an agent has only committed there nobody else can check out.
    ///
    /// # Errors
    /// Where there is no such worktree, or Git cannot be started.
    pub fn is_fetched_in_module(&self, at: &Path, path: &str, commit: Oid) -> Result<bool> {
        let worktree = self.worktree(at)?;
        let own = worktree.path.join(path).join(".git");
        let places = [
            self.common_dir().join("modules"),
            worktree.git_dir.join("modules"),
            self.cell_of(&worktree).git_dir().join("modules"),
        ];
        let below = places.iter().flat_map(|place| repositories_below(place));
        let own = own.symlink_metadata().is_ok_and(|meta| meta.is_dir()).then_some(own);
        for git_dir in below.chain(own).collect::<Vec<PathBuf>>() {
            let (dir, name) = (git_dir.to_string_lossy(), commit.to_string());
            let revs = ["--git-dir", &dir, "rev-list", "-n1", &name, "--not", "--remotes", "--tags"];
            // Its settings may be an agent's, and name servers and what speaks with them.
            let alone = self.git(self.common_dir(), &revs).env("GIT_NO_LAZY_FETCH", "1");
            let alone = alone.env("GIT_ALLOW_PROTOCOL", "").run()?;
            if alone.success() && alone.stdout.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
