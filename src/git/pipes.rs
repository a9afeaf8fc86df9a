//! Pipes that stand in a worktree where Git reads a file: `.gitignore`, `.gitattributes`, `.gitmodules`, `.mailmap`, and in
//! repositories within.
//!
//! Whoever opens a pipe to read waits until somebody opens it to write, and Git has no time limit. An agent that leaves one,
//! by mistake or not, would have Git, and everybody who waits for Git, wait for ever. So where Git takes unusually long, such
//! pipes are opened and closed again: Git finds an empty file there and goes on. And they are deleted, for no commit can hold
//! one, and nothing is in them.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

/// After so long it is looked for pipes, again and again, each time twice as long after.
const PATIENCE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Looks for pipes below directories while a command runs there; the channel is closed when it has ended.
pub(super) fn end_while(tops: &[PathBuf], running: &Receiver<()>) {
    let mut patience = PATIENCE;
    while let Err(RecvTimeoutError::Timeout) = running.recv_timeout(patience) {
        tops.iter().for_each(|top| end(top));
        patience = (patience * 2).min(LONGEST);
    }
}

/// Lets those who wait for the other end of such a pipe find its end, and deletes it; within a repository, every one. No link
/// is followed.
fn end(top: &Path) {
    let mut open = vec![(top.to_owned(), false)];
    while let Some((dir, inside)) = open.pop() {
        let entries: Vec<_> = fs::read_dir(&dir).into_iter().flatten().flatten().collect();
        let inside = inside || entries.iter().any(|entry| entry.file_name() == "HEAD");
        for entry in entries {
            let name = entry.file_name();
            let is_git = name.eq_ignore_ascii_case(".git");
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push((entry.path(), inside || is_git)),
                Ok(kind) if kind.is_fifo() && (inside || is_read(name.as_encoded_bytes())) => {
                    let path = entry.path();
                    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    // Where nobody waits there is nothing to open.
                    let other = rustix::fs::open(&path, flags, Mode::empty());
                    fs::remove_file(&path).ok();
                    drop(other);
                }
                _ => {}
            }
        }
    }
}

/// Deletes below a directory what is neither a file, a directory nor a link to one: in a repository of a run's own, which is read
/// by more than Git, anything may stand anywhere.
pub(super) fn clear(top: &Path) {
    let mut open = vec![top.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(path),
                Ok(kind) if kind.is_file() => {}
                // A link is looked through, for a device can be at its end.
                _ => {
                    if fs::metadata(&path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
                        fs::remove_file(&path).ok();
                    }
                }
            }
        }
    }
}

/// Deletes a pipe that stands at this very path.
pub(super) fn not_at(path: &Path) {
    if fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_fifo()) {
        fs::remove_file(path).ok();
    }
}

/// Whether Git reads files of this name.
fn is_read(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with(b".git") || name == b".mailmap"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::test_repo::TestRepo;
    use std::process::Command;

    #[test]
    fn git_goes_on_where_pipes_stand_for_what_it_reads_and_other_pipes_stay() {
        let repo = TestRepo::new();
        repo.commit_file("a", "1\n", "one");
        repo.git(&["branch", "work"]);
        let at = repo.repo.add_worktree(&repo.beside("w"), crate::git::Checkout::Branch("work".into())).unwrap();
        fs::create_dir(at.join("sub")).unwrap();
        fs::write(at.join("sub/new"), "new").unwrap();
        let pipes = [".gitattributes", ".gitignore", "sub/.gitignore", "sub/.gitattributes", "sub/other"];
        for pipe in pipes {
            assert!(Command::new("mkfifo").arg(at.join(pipe)).status().unwrap().success());
        }
        assert_eq!(repo.repo.leftovers(&at).unwrap().untracked, ["sub/new"]);
        let there: Vec<&str> = pipes.into_iter().filter(|pipe| at.join(pipe).exists()).collect();
        assert_eq!(there.last(), Some(&"sub/other"));
        repo.repo.snapshot(&at, false, "a copy\n").unwrap();
    }

    #[test]
    fn of_a_runs_own_repository_only_files_and_directories_stay() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("refs")).unwrap();
        fs::write(at("HEAD"), "ref: refs/heads/x\n").unwrap();
        for pipe in ["index", "refs/pipe"] {
            assert!(Command::new("mkfifo").arg(at(pipe)).status().unwrap().success());
        }
        let links = [("/dev/zero", "config"), ("index", "packed-refs"), ("HEAD", "ORIG_HEAD"), ("gone", "shallow")];
        links.iter().for_each(|(to, name)| std::os::unix::fs::symlink(to, at(name)).unwrap());
        clear(dir.path());
        let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        // A link whose end has gone before it leads nowhere, and nobody waits there.
        names.retain(|name| name != "packed-refs");
        assert_eq!(names, ["HEAD", "ORIG_HEAD", "refs", "shallow"]);
        assert_eq!(fs::read_dir(at("refs")).unwrap().count(), 0);
    }

    #[test]
    fn a_pipe_in_place_of_a_worktrees_link_index_or_head_is_not_waited_for() {
        let repo = TestRepo::new();
        repo.commit_file("a", "1\n", "one");
        repo.git(&["branch", "work"]);
        let at = repo.repo.add_worktree(&repo.beside("w"), crate::git::Checkout::Branch("work".into())).unwrap();
        for pipe in
            [at.join(".git"), repo.path().join(".git/worktrees/w/index"), repo.path().join(".git/worktrees/w/HEAD")]
        {
            fs::remove_file(&pipe).unwrap();
            assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            assert!(repo.repo.find_worktree(&at).is_ok(), "{pipe:?}");
            repo.repo.leftovers(&at).ok();
        }
    }
}
