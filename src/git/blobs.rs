//! The content that commits add to a repository: whether there is something in it that must not be.

use std::path::Path;

use super::error::Result;
use super::repo::Repo;
use crate::ledger::Oid;

/// The largest file that is looked at, in bytes.
pub const LARGEST_LOOK: u64 = 1 << 20;
/// So many are in memory at once.
const AT_ONCE: usize = 32;

/// What is said of a file, by its path and content.
pub type Look<'l, T> = dyn FnMut(&str, &[u8]) -> Result<Option<T>> + 'l;

impl Repo {
    /// What `look` says first of a file that is in `tips`, in whatever commit, and in nothing that can be reached from `known`.
    /// It is given the path under which the file was met first, and its content; what is larger than [`LARGEST_LOOK`] is
    /// passed over. `more` is a directory of objects that the repository has not yet.
    ///
    /// # Errors
    /// Where Git cannot be started. What cannot be read is for whoever takes it over to find.
    pub fn in_added<T>(
        &self,
        more: Option<&Path>,
        tips: &[Oid],
        known: &[Oid],
        look: &mut Look<'_, T>,
    ) -> Result<Option<T>> {
        let git = |args: &[&str]| {
            let git = self.git(self.common_dir(), args).env("GIT_DIR", self.common_dir());
            match more {
                Some(more) => git.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", more),
                None => git,
            }
        };
        let filter = format!("--filter=blob:limit={}", LARGEST_LOOK + 1);
        let listed = git(&["rev-list", "--objects", "--stdin", &filter]);
        let ends = tips.iter().map(ToString::to_string).chain(known.iter().map(|oid| format!("^{oid}")));
        let listed = listed.stdin(ends.collect::<Vec<_>>().join("\n").into_bytes()).run()?;
        // Commits have no path, and trees are told apart when they are read.
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let added: Vec<(&str, &str)> = listed.lines().filter_map(|line| line.split_once(' ')).collect();
        for some in added.chunks(AT_ONCE) {
            let input: String = some.iter().map(|(id, _)| format!("{id}\n")).collect();
            let read = git(&["cat-file", "--batch"]).stdin(input.into_bytes()).run()?;
            let mut rest = read.stdout.as_slice();
            for (_, path) in some {
                let Some((head, content, after)) = object(rest) else { break };
                rest = after;
                if head.split(' ').nth(1) == Some("blob")
                    && let Some(found) = look(path, content)?
                {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// Whether a file of a commit holds a line of text, letter by letter.
    ///
    /// # Errors
    /// Where Git cannot be started.
    pub fn holds_line(&self, commit: Oid, line: &str) -> Result<bool> {
        // On standard input, for arguments can be read by everybody on the machine.
        let args = ["grep", "--quiet", "--no-recurse-submodules", "-F", "-f", "-", &commit.to_string()];
        let git = self.git(self.common_dir(), &args).env("GIT_DIR", self.common_dir());
        Ok(git.stdin(format!("{line}\n").into_bytes()).run()?.success())
    }
}

/// The head of the first object of a batch, its content, and what comes after it.
fn object(batch: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let end = batch.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(&batch[..end]).ok()?;
    let rest = &batch[end + 1..];
    let Some(size) = head.split(' ').nth(2).and_then(|size| size.parse::<usize>().ok()) else {
        return Some((head, &[], rest));
    };
    Some((head, rest.get(..size)?, rest.get(size + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::test_repo::TestRepo;

    #[test]
    fn what_commits_add_is_looked_at_gone_again_or_not_and_what_was_there_is_not() {
        let t = TestRepo::new();
        t.write("old", "was here\n");
        t.git(&["add", "."]);
        t.git(&["commit", "-q", "-m", "start"]);
        let from = t.oid("HEAD");
        t.write("d/a b", "one\n");
        t.write("large", "x".repeat(LARGEST_LOOK as usize + 1).as_str());
        t.git(&["add", "."]);
        t.git(&["commit", "-q", "-m", "one"]);
        t.git(&["rm", "-q", "d/a b"]);
        t.write("two", "two\0\n");
        t.git(&["add", "."]);
        t.git(&["commit", "-q", "-m", "two"]);
        let tip = t.oid("HEAD");
        let mut seen = Vec::new();
        let none = t.repo.in_added::<()>(None, &[tip], &[from], &mut |path, bytes| {
            seen.push((path.to_owned(), String::from_utf8_lossy(bytes).into_owned()));
            Ok(None)
        });
        assert_eq!(none.unwrap(), None);
        seen.sort();
        assert_eq!(seen, [("d/a b".to_owned(), "one\n".to_owned()), ("two".to_owned(), "two\0\n".to_owned())]);
        let first = t
            .repo
            .in_added(None, &[tip], &[], &mut |path, bytes| Ok((bytes == b"was here\n").then(|| path.to_owned())));
        assert_eq!(first.unwrap().as_deref(), Some("old"));
        assert!(t.repo.holds_line(from, "was here").unwrap() && !t.repo.holds_line(from, "one").unwrap());
    }
}
