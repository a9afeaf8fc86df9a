//! Real repositories for the tests of this room, made by the git executable in an environment of their own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::env::Vars;
use crate::git::{Git, Repo};
use crate::ledger::Oid;

/// A temporary repository with a work tree on `main`, and a pinned identity and date.
pub struct TestRepo {
    dir: tempfile::TempDir,
    vars: Vars,
    /// The repository, as chant opens it.
    pub repo: Repo,
}

impl TestRepo {
    /// Without a commit.
    pub fn new() -> Self {
        Self::init(&[])
    }

    /// In the newer object format.
    pub fn sha256() -> Self {
        Self::init(&["--object-format=sha256"])
    }

    fn init(args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let work = dir.path().join("work");
        std::fs::create_dir(&work).unwrap();
        let vars = hermetic(dir.path());
        let init = ["init", "--quiet", "--initial-branch", "main"];
        Git::new(&vars, &work, init.iter().chain(args)).check().unwrap();
        let repo = Repo::open(&work, &vars).unwrap();
        Self { dir, vars, repo }
    }

    /// The top of the work tree.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// A directory beside the work tree.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The variables it was opened with.
    pub fn vars(&self) -> &Vars {
        &self.vars
    }

    /// The same but for some.
    pub fn vars_without(&self, keys: &[&str]) -> Vars {
        let kept = self.vars.iter().filter(|(key, _)| !keys.iter().any(|k| *key == *k));
        kept.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    /// `vars` and some more.
    pub fn with(vars: &Vars, pairs: &[(&str, &str)]) -> Vars {
        let more = pairs.iter().map(|(k, v)| (OsString::from(k), OsString::from(v)));
        vars.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).chain(more).collect()
    }

    /// The same repository, opened again.
    pub fn open_with(&self, vars: &Vars) -> Repo {
        Repo::open(&self.path(), vars).unwrap()
    }

    /// `git <args>` in the work tree; its answer.
    pub fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.path(), args)
    }

    /// `git <args>` elsewhere; its answer.
    pub fn git_in(&self, cwd: &Path, args: &[&str]) -> String {
        Git::new(&self.vars, cwd, args).with_hooks().check().unwrap().text()
    }

    /// Writes a file in the work tree.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Commits everything in the work tree.
    pub fn commit_all(&self, message: &str) -> Oid {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.oid("HEAD")
    }

    /// Writes one file and commits everything.
    pub fn commit_file(&self, path: &str, content: &str, message: &str) -> Oid {
        self.write(path, content);
        self.commit_all(message)
    }

    /// What a revision is, as Git says.
    pub fn oid(&self, spec: &str) -> Oid {
        self.git(&["rev-parse", "--verify", spec]).parse().unwrap()
    }

    /// Whether the repository is whole, as Git says.
    pub fn fsck(&self) {
        self.git(&["fsck", "--strict"]);
    }
}

fn hermetic(home: &Path) -> Vars {
    let pairs = [
        ("PATH", std::env::var("PATH").unwrap()),
        ("HOME", home.to_str().unwrap().to_owned()),
        ("GIT_CONFIG_GLOBAL", "/dev/null".into()),
        ("GIT_CONFIG_NOSYSTEM", "1".into()),
        ("GIT_AUTHOR_NAME", "Ada".into()),
        ("GIT_AUTHOR_EMAIL", "ada@example.com".into()),
        ("GIT_AUTHOR_DATE", "1700000000 +0100".into()),
        ("GIT_COMMITTER_NAME", "Cleo".into()),
        ("GIT_COMMITTER_EMAIL", "cleo@example.com".into()),
        ("GIT_COMMITTER_DATE", "1700000100 -0230".into()),
    ];
    pairs.into_iter().map(|(key, value)| (OsString::from(key), OsString::from(value))).collect()
}
