//! Ignored files: which of them a list of patterns names. Git says, whose syntax it is.

use std::path::Path;

use super::error::{Error, Result};
use super::repo::Repo;
use super::scratch::Scratch;

impl Repo {
    /// The ignored files of a worktree that patterns in gitignore's syntax name, relative to its top; those of other
    /// worktrees and repositories inside of it are not among them. Paths that are no UTF-8 are left out.
    ///
    /// # Errors
    /// Where Git cannot list them.
    pub fn ignored_that(&self, worktree: &Path, patterns: &[u8]) -> Result<Vec<String>> {
        let scratch = Scratch::new(self.common_dir())?;
        let file = scratch.path("patterns");
        std::fs::write(&file, patterns).map_err(Error::io("write", &file))?;
        let from = format!("--exclude-from={}", file.display());
        let listed = self.git(worktree, &["ls-files", "-z", "--others", "--ignored", &from]).check()?;
        let named = listed.records().filter_map(|path| std::str::from_utf8(path).ok()).map(str::to_owned);
        self.ignored_of(worktree, &named.collect::<Vec<_>>())
    }

    /// Those of some paths that are ignored in a worktree.
    ///
    /// # Errors
    /// Where Git cannot tell.
    pub fn ignored_of(&self, worktree: &Path, paths: &[String]) -> Result<Vec<String>> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let input: Vec<u8> = paths.iter().flat_map(|path| [path.as_bytes(), b"\0"].concat()).collect();
        let asked = self.git(worktree, &["check-ignore", "-z", "--stdin"]).stdin(input).run()?;
        // It exits 1 where none is.
        Ok(asked.records().filter_map(|path| std::str::from_utf8(path).ok()).map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::git::test_repo::TestRepo;

    #[test]
    fn only_what_is_ignored_and_named_is_listed() {
        let t = TestRepo::new();
        for file in ["data/a.db", "data/b.txt", "loose.db", "tracked.db", "data/keep.db"] {
            t.write(file, "x\n");
        }
        t.write(".gitignore", "data/\n");
        t.git(&["add", "-f", "tracked.db", ".gitignore"]);
        t.git(&["commit", "-q", "-m", "all"]);
        let named = |patterns: &str| t.repo.ignored_that(&t.path(), patterns.as_bytes()).unwrap();
        assert_eq!(named("*.db\n!keep.db\n"), ["data/a.db"]);
        assert_eq!(named("nothing\n"), Vec::<String>::new());
        assert_eq!(named(""), Vec::<String>::new());
    }
}
