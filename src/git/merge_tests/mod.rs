//! Merges beside Git's own: verdict and tree of `git merge-tree --write-tree`, over a corpus and over random edits.

mod contents;
mod random;
mod shapes;

use super::test_repo::TestRepo;
use super::{Git, Merge};
use crate::ledger::Oid;

/// A side of a merge: what is done to the work tree.
pub type Edit = fn(&TestRepo);

pub struct Case {
    pub name: &'static str,
    pub base: Edit,
    pub ours: Edit,
    pub theirs: Edit,
}

pub fn lines(n: usize, change: &[(usize, &str)]) -> String {
    let line =
        |i: usize| change.iter().find(|(at, _)| *at == i).map_or(format!("line {i}"), |(_, text)| (*text).into());
    (1..=n).map(|i| line(i) + "\n").collect()
}

pub fn nothing(_: &TestRepo) {}

impl Case {
    /// The repository with its three commits: ours is checked out, theirs is the branch `theirs`.
    fn build(&self) -> (TestRepo, Oid, Oid) {
        let t = TestRepo::new();
        t.write("README", "the same everywhere\n");
        t.git(&["add", "README"]);
        self.commit(&t, self.base, "base");
        t.git(&["checkout", "-q", "-b", "theirs"]);
        let theirs = self.commit(&t, self.theirs, "theirs");
        t.git(&["checkout", "-q", "-f", "main"]);
        t.git(&["clean", "-ffdxq"]);
        let ours = self.commit(&t, self.ours, "ours");
        (t, ours, theirs)
    }

    fn commit(&self, t: &TestRepo, edit: Edit, message: &str) -> Oid {
        edit(t);
        // Not `--all`: a submodule is in the index only.
        t.git(&["add", "."]);
        if t.git(&["ls-files", "--deleted"]).lines().any(|path| path != "sub") {
            t.git(&["add", "--update", "."]);
        }
        t.git(&["commit", "-q", "--allow-empty", "-m", message]);
        t.oid("HEAD")
    }
}

/// What Git makes of it: exit code, tree, files in conflict.
fn by_git(t: &TestRepo, ours: Oid, theirs: Oid) -> (i32, Oid, Vec<String>) {
    let (ours, theirs) = (ours.to_string(), theirs.to_string());
    let args = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", &ours, &theirs];
    let output = Git::new(t.vars(), &t.path(), args).run().unwrap();
    let mut records = output.records().map(|record| String::from_utf8(record.to_vec()).unwrap());
    let tree = records.next().unwrap_or_else(|| panic!("{}", output.complaint())).parse().unwrap();
    (output.code, tree, records.collect())
}

fn differs(t: &TestRepo, ours: Oid, theirs: Oid) -> Option<String> {
    let (code, tree, mut files) = by_git(t, ours, theirs);
    files.sort();
    // Opened anew: a case may have changed the configuration.
    let merged = t.open_with(t.vars()).merge(ours, theirs).unwrap();
    let expected = match code {
        0 => Merge::Clean { tree },
        _ => Merge::Conflicts { paths: files },
    };
    (merged != expected).then(|| format!("git: {expected:?}\nhere: {merged:?}"))
}

#[test]
fn verdict_and_tree_equal_those_of_git_merge_tree() {
    let mut wrong = Vec::new();
    for case in shapes::CASES.iter().chain(contents::CASES) {
        let (t, ours, theirs) = case.build();
        wrong.extend(differs(&t, ours, theirs).map(|found| format!("{}, ours:\n{found}", case.name)));
        t.git(&["checkout", "-q", "-f", "theirs"]);
        wrong.extend(differs(&t, theirs, ours).map(|found| format!("{}, the other way round:\n{found}", case.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
