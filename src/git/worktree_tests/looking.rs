//! Looking at a worktree, and what Git looks up for itself.

use super::*;

#[test]
fn a_snapshot_holds_everything_and_changes_neither_index_nor_head() {
    let repo = scene();
    assert_eq!(repo.repo.snapshot(&repo.path(), true, "none").unwrap(), None);
    repo.write("file", "edited\n");
    repo.write("new", "new\n");
    repo.write("x.ignored", "ignored\n");
    repo.write("dir/other", "hidden\n");
    repo.git(&["update-index", "--skip-worktree", "dir/other"]);
    let index = fs::read(repo.path().join(".git/index")).unwrap();
    let head = repo.oid("HEAD");
    let some = repo.repo.snapshot(&repo.path(), false, "some\n").unwrap().unwrap();
    let all = repo.repo.snapshot(&repo.path(), true, "all\n").unwrap().unwrap();
    assert_eq!(fs::read(repo.path().join(".git/index")).unwrap(), index);
    assert_eq!((repo.oid("HEAD"), repo.oid(&format!("{all}^"))), (head, head));
    let names = |commit: Oid| repo.git(&["diff", "--name-only", "HEAD", &commit.to_string()]);
    assert_eq!(names(some), "dir/other\nfile\nnew");
    assert_eq!(names(all), "dir/other\nfile\nnew\nx.ignored");
}

#[test]
fn marks_that_hide_changes_are_taken_off() {
    let repo = scene();
    repo.git(&["update-index", "--skip-worktree", "file"]);
    repo.git(&["update-index", "--assume-unchanged", "run"]);
    assert_eq!(repo.repo.leftovers(&repo.path()).unwrap().flagged, ["file", "run"]);
    repo.repo.clear_flags(&repo.path()).unwrap();
    assert!(repo.repo.leftovers(&repo.path()).unwrap().flagged.is_empty());
    assert!(repo.git(&["ls-files", "-v"]).lines().all(|line| line.starts_with("H ")));
}

#[test]
fn tracked_files_are_unchanged_or_not_whatever_the_index_says() {
    let repo = scene();
    let unchanged = || repo.repo.tracked_unchanged(&repo.path()).unwrap();
    repo.write("untracked", "is no matter\n");
    assert!(unchanged());
    tamper(&repo.path().join("file"), "A FILE\n");
    assert!(!unchanged());
    repo.git(&["update-index", "--assume-unchanged", "file"]);
    assert!(!unchanged());
    repo.write("file", "a file\n");
    assert!(unchanged());
    repo.git(&["update-index", "--chmod=+x", "file"]);
    assert!(!unchanged());
}

#[test]
fn a_pattern_is_excluded_once() {
    let repo = scene();
    let path = repo.path().join(".git/info/exclude");
    fs::write(&path, "mine").unwrap();
    for _ in 0..2 {
        repo.repo.exclude("/.chant/worktrees/").unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), "mine\n/.chant/worktrees/\n");
}

#[test]
fn a_hook_is_found_where_git_looks_and_only_if_it_can_run() {
    let repo = scene();
    let opened = || repo.open_with(repo.vars());
    repo.write(".git/hooks/commit-msg", "#!/bin/sh\n");
    assert_eq!(opened().hook(&repo.path(), "commit-msg"), None);
    let hook = repo.path().canonicalize().unwrap().join(".git/hooks/commit-msg");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(opened().hook(&repo.path(), "commit-msg"), Some(hook));
    repo.git(&["config", "core.hooksPath", "run-hooks"]);
    assert_eq!(opened().hook(&repo.path(), "commit-msg"), None);
    repo.write("run-hooks/commit-msg", "#!/bin/sh\n");
    let hook = repo.path().join("run-hooks/commit-msg");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(opened().hook(&repo.path(), "commit-msg"), Some(hook));
}

#[test]
fn worktrees_are_told_with_what_is_checked_out_in_a_bare_repository_too() {
    let repo = scene();
    let bare = repo.beside("bare.git");
    repo.git(&["clone", "--quiet", "--bare", repo.path().to_str().unwrap(), bare.to_str().unwrap()]);
    let opened = Repo::open(&bare, repo.vars()).unwrap();
    assert!(opened.worktrees().unwrap().is_empty());
    let at = opened.add_worktree(&repo.beside("one"), branch("work")).unwrap();
    assert_eq!(status(&repo, &at), "");
    let from_there = Repo::open(&at, repo.vars()).unwrap();
    let found = from_there.worktrees().unwrap();
    assert_eq!(found.len(), 1, "a bare repository has no main worktree: {found:?}");
    assert_eq!(found[0].path, at);
}
