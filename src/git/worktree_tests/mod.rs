//! Worktrees come, move and go, with everybody else at work and with a kill at any step, and no file is lost.

mod adding;
mod half_made;
mod looking;
mod quick;
mod recycling;
mod removing;
mod repointing;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::error::WorktreeError;
use super::killed::{killed_at, start};
use super::test_repo::TestRepo;
use super::{Checkout, Error, Removed, Repo};
use crate::ledger::Oid;

fn branch(name: &str) -> Checkout {
    Checkout::Branch(name.into())
}

/// A repository with a commit of several kinds of file on `main`, and a branch `work` there.
fn scene() -> TestRepo {
    filled(TestRepo::new())
}

fn filled(repo: TestRepo) -> TestRepo {
    repo.write(".gitignore", "*.ignored\ntarget\n");
    repo.write(".gitattributes", "*.crlf text eol=crlf\n");
    repo.write("a.crlf", "one\r\ntwo\r\n");
    furnished(repo)
}

/// With a file of each kind, and all committed.
fn furnished(repo: TestRepo) -> TestRepo {
    repo.write("file", "a file\n");
    repo.write("dir/other", "another\n");
    repo.write("run", "#!/bin/sh\n");
    fs::set_permissions(repo.path().join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("file", repo.path().join("link")).unwrap();
    repo.commit_all("first");
    repo.git(&["branch", "work"]);
    repo
}

fn status(repo: &TestRepo, at: &Path) -> String {
    repo.git_in(at, &["status", "--porcelain", "--ignored"])
}

fn kept(removed: Removed) -> String {
    match removed {
        Removed::Kept { reason } => reason,
        other => panic!("{other:?}"),
    }
}

/// Writes over a file at the same size and puts its old time back, as what Git looks at first.
fn tamper(path: &Path, content: &str) {
    let meta = fs::metadata(path).unwrap();
    assert_eq!(meta.len(), content.len() as u64);
    fs::write(path, content).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(meta.modified().unwrap()).unwrap();
}

/// Lets the clock come to its next second: most builds of Git compare no finer times.
fn next_second() {
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    std::thread::sleep(std::time::Duration::from_nanos(1_000_000_000 - u64::from(now().subsec_nanos())));
}
