//! Ignored files: which of them a list of patterns names, and where one got into a commit or the index all the same. Git says,
//! whose syntax it is.

use std::path::Path;

use super::error::{Error, Result};
use super::repo::Repo;
use super::scratch::Scratch;
use crate::ledger::Oid;

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

    /// Takes what is staged of some files out of a worktree's index again: each is in it as `HEAD` has it, or not at all. On
    /// disk they stay.
    ///
    /// # Errors
    /// Where the index cannot be written.
    pub fn unstage(&self, worktree: &Path, paths: &[String]) -> Result<()> {
        let named = || paths.iter().map(|path| format!(":(literal,top){path}"));
        let staged = self.git(worktree, &["diff-index", "--cached", "--no-renames", "--raw", "-z", "HEAD", "--"]);
        let staged = staged.args(named()).check()?;
        let mut records = staged.records();
        let mut input = Vec::new();
        while let (Some(what), Some(path)) = (records.next(), records.next()) {
            // `:<mode> <mode> <id> <id> <letter>`, the first of each as `HEAD` has it; a mode of zeros takes the path out.
            let mut fields = what.split(|byte| matches!(byte, b':' | b' ')).filter(|field| !field.is_empty());
            if let (Some(mode), Some(id)) = (fields.next(), fields.nth(1)) {
                input.extend([mode, b" ", id, b"\t", path, b"\0"].concat());
            }
        }
        if !input.is_empty() {
            let top = self.worktree(worktree)?.path;
            self.git(&top, &["update-index", "-z", "--index-info"]).stdin(input).check()?;
        }
        Ok(())
    }

    /// The first commit among those that `tips` have and `from` has not that holds something at one of these paths, in
    /// words. `more` is a directory of objects that the repository has not yet.
    ///
    /// # Errors
    /// Where Git cannot be started. What cannot be read is for whoever takes it over to find.
    pub fn holding(&self, more: Option<&Path>, from: Oid, tips: &[Oid], paths: &[String]) -> Result<Option<String>> {
        if paths.is_empty() {
            return Ok(None);
        }
        let args =
            ["log", "-m", "--full-history", "--no-renames", "--name-only", "--diff-filter=d", "-n1", "--format=%h"];
        let log = self.git(self.common_dir(), &args).args(tips.iter().map(ToString::to_string));
        let log = log.args([format!("^{from}"), "--".to_owned()]);
        let log = log.args(paths.iter().map(|path| format!(":(literal,top){path}")));
        let mut log = log.env("GIT_DIR", self.common_dir());
        if let Some(more) = more {
            log = log.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", more);
        }
        let text = log.run()?.text();
        let mut lines = text.lines().filter(|line| !line.is_empty());
        let (Some(commit), Some(path)) = (lines.next(), lines.next()) else { return Ok(None) };
        Ok(Some(format!("{commit} holds {path}, which was brought along and is no work")))
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

    #[test]
    fn what_is_no_work_is_taken_out_of_the_index_and_found_in_commits_that_went_over_it() {
        let t = TestRepo::new();
        t.write(".gitignore", "*.env\n");
        t.git(&["add", "."]);
        t.git(&["commit", "-q", "-m", "start"]);
        let from = t.oid("HEAD");
        t.write("a b.env", "x\n");
        t.write("other", "y\n");
        t.git(&["add", "-f", "."]);
        let paths = ["a b.env".to_owned(), "none.env".to_owned()];
        t.repo.unstage(&t.path(), &paths).unwrap();
        assert_eq!(t.git(&["diff", "--cached", "--name-only"]).trim(), "other");
        t.git(&["commit", "-q", "-m", "other"]);
        let holding = || t.repo.holding(None, from, &[t.oid("HEAD")], &paths).unwrap();
        assert_eq!(holding(), None);
        t.git(&["add", "-f", "."]);
        t.git(&["commit", "-q", "-m", "secret"]);
        t.git(&["rm", "-q", "a b.env"]);
        t.git(&["commit", "-q", "-m", "gone again"]);
        assert!(holding().unwrap().contains("a b.env"));
    }
}
