//! A checkout follows a landing, or is not touched at all.

mod interrupted;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::test_repo::TestRepo;
use super::{Follow, Repo};
use crate::ledger::Oid;

/// Everything in a worktree and its index, to be compared byte for byte.
#[derive(Debug, PartialEq, Eq)]
struct State {
    index: Vec<u8>,
    files: BTreeMap<PathBuf, Vec<u8>>,
    lock: bool,
}

fn state(worktree: &Path, git_dir: &Path) -> State {
    let mut files = BTreeMap::new();
    collect(worktree, &mut files);
    State { index: fs::read(git_dir.join("index")).unwrap(), files, lock: git_dir.join("index.lock").exists() }
}

fn collect(dir: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let meta = path.symlink_metadata().unwrap();
        if path.ends_with(".git") {
            continue;
        }
        if meta.is_symlink() {
            files.insert(path.clone(), fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes());
        } else if meta.is_dir() {
            files.insert(path.clone(), Vec::new());
            collect(&path, files);
        } else {
            let mode = u8::from(meta.permissions().mode() & 0o100 != 0);
            files.insert(path.clone(), [fs::read(&path).unwrap(), vec![mode]].concat());
        }
    }
}

/// `main` at `from` is checked out; `to` changes, adds, deletes, moves and makes executable.
struct Scene {
    repo: TestRepo,
    from: Oid,
    to: Oid,
}

impl Scene {
    fn new() -> Self {
        Self::on(TestRepo::new())
    }

    fn on(repo: TestRepo) -> Self {
        for name in
            ["changed", "deleted", "other", "staged", "mode", "becomes-dir", "dir/becomes-file", "sub/deep/gone"]
        {
            repo.write(name, format!("{name} of old\n"));
        }
        repo.write(".gitignore", "*.ignored\n");
        let from = repo.commit_all("old");
        repo.git(&["switch", "--quiet", "--create", "landing"]);
        repo.write("changed", "changed of new\n");
        repo.write("added/in/dir", "added\n");
        fs::set_permissions(repo.path().join("mode"), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["deleted", "becomes-dir", "sub/deep/gone"] {
            fs::remove_file(repo.path().join(name)).unwrap();
        }
        fs::remove_dir_all(repo.path().join("dir")).unwrap();
        repo.write("dir", "a file now\n");
        repo.write("becomes-dir/file", "in a directory now\n");
        symlink("changed", repo.path().join("link")).unwrap();
        let to = repo.commit_all("new");
        repo.git(&["switch", "--quiet", "main"]);
        Self { repo, from, to }
    }

    fn follow(&self) -> Follow {
        self.repo.repo.follow(&self.repo.path(), self.from, self.to).unwrap()
    }

    fn state(&self) -> State {
        state(&self.repo.path(), &self.repo.path().join(".git"))
    }

    /// Moves the branch, as the caller does after a follow; what `git status` then says.
    fn land(&self) -> String {
        self.repo.git(&["update-ref", "refs/heads/main", &self.to.to_string(), &self.from.to_string()]);
        self.status()
    }

    fn status(&self) -> String {
        self.repo.git(&["status", "--porcelain", "--untracked-files=all"])
    }

    /// Follow refuses, names the paths, and leaves every byte as it was.
    fn refuses(&self, why: &str, wanted: &[&str]) {
        let before = self.state();
        let Follow::Refused { reason, paths } = self.follow() else { panic!("it followed") };
        assert!(reason.contains(why), "{reason}");
        assert_eq!(paths, wanted);
        assert_eq!(self.state(), before);
    }
}

#[test]
fn a_clean_checkout_is_at_the_landing_afterwards_as_git_says() {
    let scene = Scene::new();
    assert_eq!(scene.follow(), Follow::Followed);
    assert_eq!(scene.land(), "");
    assert!(!scene.repo.path().join("sub").exists());
    assert_eq!(fs::read_link(scene.repo.path().join("link")).unwrap(), Path::new("changed"));
    scene.repo.fsck();
}

#[test]
fn so_it_is_with_sha_256() {
    let scene = Scene::on(TestRepo::sha256());
    fs::remove_file(scene.repo.path().join("deleted")).unwrap();
    scene.repo.write("changed", "changed of new\n");
    assert_eq!(scene.follow(), Follow::Followed);
    assert_eq!(scene.land(), "");
}

#[test]
fn what_else_is_staged_edited_untracked_or_ignored_stays_as_it_is() {
    let scene = Scene::new();
    scene.repo.write("staged", "staged by the user\n");
    scene.repo.write("new-and-staged", "too\n");
    scene.repo.git(&["add", "staged", "new-and-staged"]);
    scene.repo.write("staged", "and edited again\n");
    scene.repo.write("other", "edited\n");
    scene.repo.write("untracked", "mine\n");
    scene.repo.write("a.ignored", "mine too\n");
    scene.repo.write("intended", "to add\n");
    scene.repo.git(&["add", "--intent-to-add", "intended"]);
    let staged = scene.repo.git(&["diff", "--cached", "HEAD"]);
    let unstaged = scene.repo.git(&["diff"]);
    assert_eq!(scene.follow(), Follow::Followed);
    assert_eq!(scene.land(), " A intended\nA  new-and-staged\n M other\nMM staged\n?? untracked");
    assert_eq!(scene.repo.git(&["diff", "--cached", "HEAD"]), staged);
    assert_eq!(scene.repo.git(&["diff"]), unstaged);
    assert_eq!(fs::read(scene.repo.path().join("a.ignored")).unwrap(), b"mine too\n");
}

#[test]
fn a_local_change_where_it_writes_is_refused() {
    let scene = Scene::new();
    scene.repo.write("changed", "edited\n");
    scene.refuses("local changes", &["changed"]);
    scene.repo.git(&["add", "changed"]);
    scene.refuses("local changes", &["changed"]);
    scene.repo.write("deleted", "edited\n");
    scene.refuses("local changes", &["changed", "deleted"]);
}

#[test]
fn a_file_that_the_user_deleted_is_a_local_change_unless_the_landing_deletes_it() {
    let scene = Scene::new();
    fs::remove_file(scene.repo.path().join("changed")).unwrap();
    scene.refuses("local changes", &["changed"]);
    scene.repo.git(&["restore", "changed"]);
    scene.repo.git(&["rm", "--quiet", "deleted"]);
    assert_eq!(scene.follow(), Follow::Followed);
    assert_eq!(scene.land(), "");
}

#[test]
fn a_change_of_mode_alone_is_a_local_change() {
    let scene = Scene::new();
    fs::set_permissions(scene.repo.path().join("changed"), fs::Permissions::from_mode(0o755)).unwrap();
    scene.refuses("local changes", &["changed"]);
}

#[test]
fn a_change_hidden_by_a_flag_is_seen() {
    let scene = Scene::new();
    for flag in ["--skip-worktree", "--assume-unchanged"] {
        scene.repo.git(&["update-index", flag, "changed"]);
        scene.repo.write("changed", "hidden\n");
        scene.refuses("changed", &["changed"]);
        scene.repo.git(&["update-index", &flag.replace("--", "--no-"), "changed"]);
        scene.repo.git(&["restore", "changed"]);
    }
}

#[test]
fn an_untracked_or_ignored_file_in_the_way_is_refused() {
    let scene = Scene::new();
    scene.repo.write("added/in/dir", "mine\n");
    scene.refuses("untracked files", &["added/in/dir"]);
    scene.repo.write(".git/info/exclude", "added\n");
    scene.refuses("untracked files", &["added/in/dir"]);
    fs::remove_dir_all(scene.repo.path().join("added")).unwrap();
    scene.repo.write("added", "a file above\n");
    scene.refuses("untracked files", &["added/in/dir"]);
    fs::remove_file(scene.repo.path().join("added")).unwrap();
    fs::create_dir(scene.repo.path().join("link")).unwrap();
    scene.repo.write("link/file", "a directory\n");
    scene.refuses("untracked files", &["link"]);
    fs::remove_dir_all(scene.repo.path().join("link")).unwrap();
    scene.repo.write("dir/mine", "in a directory that becomes a file\n");
    scene.refuses("untracked files", &["dir"]);
    fs::remove_file(scene.repo.path().join("dir/mine")).unwrap();
    symlink(scene.repo.beside("nowhere"), scene.repo.path().join("added")).unwrap();
    scene.refuses("untracked files", &["added/in/dir"]);
}

#[test]
fn a_path_that_is_already_what_the_landing_makes_it_is_clean() {
    let scene = Scene::new();
    scene.repo.write("changed", "changed of new\n");
    scene.repo.write("added/in/dir", "added\n");
    fs::remove_file(scene.repo.path().join("deleted")).unwrap();
    symlink("changed", scene.repo.path().join("link")).unwrap();
    scene.repo.git(&["add", "changed"]);
    assert_eq!(scene.follow(), Follow::Followed);
    assert_eq!(scene.land(), "");
}

#[test]
fn everything_already_there_is_followed_without_a_change() {
    let scene = Scene::new();
    assert_eq!(scene.follow(), Follow::Followed);
    let files = scene.state().files;
    assert_eq!(scene.follow(), Follow::Followed);
    assert_eq!(scene.state().files, files);
    assert_eq!(scene.land(), "");
}

#[test]
fn it_is_taken_back_with_the_commits_exchanged() {
    let scene = Scene::new();
    scene.repo.write("other", "edited\n");
    let before = scene.state();
    assert_eq!(scene.follow(), Follow::Followed);
    let back = scene.repo.repo.follow(&scene.repo.path(), scene.to, scene.from).unwrap();
    assert_eq!(back, Follow::Followed);
    assert_eq!(scene.state().files, before.files);
    assert_eq!(scene.status(), " M other");
}

#[test]
fn an_operation_under_way_is_refused() {
    let scene = Scene::new();
    for (name, operation) in [
        ("MERGE_HEAD", "merge"),
        ("CHERRY_PICK_HEAD", "cherry-pick"),
        ("REVERT_HEAD", "revert"),
        ("BISECT_LOG", "bisect"),
    ] {
        let path = scene.repo.path().join(".git").join(name);
        fs::write(&path, format!("{}\n", scene.to)).unwrap();
        scene.refuses(operation, &[]);
        assert_eq!(scene.repo.repo.operation(&scene.repo.path()).unwrap(), Some(operation));
        fs::remove_file(path).unwrap();
    }
    for (name, operation) in [("rebase-merge", "rebase"), ("rebase-apply", "rebase"), ("rebase-apply/applying", "am")] {
        let path = scene.repo.path().join(".git").join(name);
        fs::create_dir_all(&path).unwrap();
        scene.refuses(operation, &[]);
        if name == "rebase-merge" {
            fs::remove_dir(path).unwrap();
        }
    }
}

#[test]
fn conflicts_in_the_index_are_refused() {
    let scene = Scene::new();
    let blob = scene.repo.git(&["rev-parse", "HEAD:other"]);
    let info = format!("100644 {blob} 2\tconflict\n100644 {blob} 3\tconflict\n");
    let git = scene.repo.repo.git(&scene.repo.path(), &["update-index", "--index-info"]);
    git.stdin(info).check().unwrap();
    scene.refuses("conflicts", &["conflict"]);
}

#[test]
fn an_index_that_a_git_command_holds_is_refused() {
    let scene = Scene::new();
    fs::write(scene.repo.path().join(".git/index.lock"), "").unwrap();
    scene.refuses("index.lock", &[]);
}

#[test]
fn another_worktree_that_has_the_target_follows() {
    let scene = Scene::new();
    scene.repo.git(&["switch", "--quiet", "--detach"]);
    let other = scene.repo.beside("other");
    scene.repo.git(&["worktree", "add", "--quiet", other.to_str().unwrap(), "main"]);
    fs::write(other.join("other"), "edited there\n").unwrap();
    let before = scene.state();
    let found = scene.repo.repo.checked_out("main").unwrap();
    assert_eq!(found.iter().map(|worktree| worktree.path.clone()).collect::<Vec<_>>(), [other.canonicalize().unwrap()]);
    assert_eq!(scene.repo.repo.follow(&other, scene.from, scene.to).unwrap(), Follow::Followed);
    scene.land();
    assert_eq!(scene.repo.git_in(&other, &["status", "--porcelain"]), " M other");
    assert_eq!(scene.state(), before, "the main worktree is none of its business");
}

#[test]
fn a_branch_that_is_being_rebased_or_bisected_counts_as_checked_out() {
    let scene = Scene::new();
    scene.repo.git(&["switch", "--quiet", "--detach"]);
    assert!(scene.repo.repo.checked_out("main").unwrap().is_empty());
    scene.repo.write(".git/rebase-merge/head-name", "refs/heads/main\n");
    assert_eq!(scene.repo.repo.checked_out("main").unwrap().len(), 1);
    fs::remove_dir_all(scene.repo.path().join(".git/rebase-merge")).unwrap();
    scene.repo.write(".git/BISECT_START", "main\n");
    assert_eq!(scene.repo.repo.checked_out("main").unwrap().len(), 1);
    assert!(scene.repo.repo.checked_out("landing").unwrap().is_empty());
}

#[test]
fn a_sparse_checkout_stays_sparse() {
    for worktree_config in ["true", "false"] {
        let scene = Scene::new();
        scene.repo.git(&["config", "extensions.worktreeConfig", worktree_config]);
        scene.repo.git(&["config", "core.repositoryFormatVersion", "1"]);
        scene.repo.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "sub"]);
        let repo = Repo::open(&scene.repo.path(), scene.repo.vars()).unwrap();
        assert!(!scene.repo.path().join("dir").exists());
        assert_eq!(repo.follow(&scene.repo.path(), scene.from, scene.to).unwrap(), Follow::Followed);
        assert_eq!(scene.land(), "");
        assert!(!scene.repo.path().join("added").exists());
        assert_eq!(fs::read(scene.repo.path().join("changed")).unwrap(), b"changed of new\n");
        scene.repo.git(&["sparse-checkout", "disable"]);
        assert_eq!(scene.status(), "");
        assert_eq!(fs::read(scene.repo.path().join("added/in/dir")).unwrap(), b"added\n");
    }
}

#[test]
fn line_ends_are_what_the_attributes_say() {
    let repo = TestRepo::new();
    repo.write(".gitattributes", "*.txt text eol=crlf\n");
    repo.write("a.txt", "one\r\n");
    repo.write("b.txt", "one\r\n");
    let from = repo.commit_all("old");
    repo.write("a.txt", "two\r\n");
    repo.write("c.txt", "new\r\n");
    let to = repo.commit_all("new");
    repo.git(&["reset", "--quiet", "--hard", &from.to_string()]);
    repo.write("c.txt", "new\r\n");
    let scene = Scene { repo, from, to };
    assert_eq!(scene.follow(), Follow::Followed);
    assert_eq!(fs::read(scene.repo.path().join("a.txt")).unwrap(), b"two\r\n");
    assert_eq!(scene.land(), "");
}

#[test]
fn a_submodule_s_own_files_are_left_alone() {
    let library = TestRepo::new();
    let one = library.commit_file("lib", "one\n", "one");
    let two = library.commit_file("lib", "two\n", "two");
    let repo = TestRepo::new();
    repo.commit_file("file", "old\n", "file");
    let url = library.path().to_str().unwrap().to_owned();
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "lib"]);
    let lib = repo.path().join("lib");
    repo.git_in(&lib, &["checkout", "--quiet", &one.to_string()]);
    let from = repo.commit_all("with one");
    repo.git_in(&lib, &["checkout", "--quiet", &two.to_string()]);
    repo.write("file", "new\n");
    let to = repo.commit_all("with two");
    repo.git(&["reset", "--quiet", "--hard", &from.to_string()]);
    repo.git_in(&lib, &["checkout", "--quiet", &one.to_string()]);
    repo.git(&["config", "submodule.recurse", "true"]);
    fs::write(lib.join("mine"), "untracked in the submodule\n").unwrap();
    let scene = Scene { repo, from, to };
    assert_eq!(scene.follow(), Follow::Followed);
    assert_eq!(fs::read(lib.join("lib")).unwrap(), b"one\n");
    assert!(lib.join("mine").exists());
    assert!(scene.land().ends_with("M lib"), "as after git merge: the submodule wants an update");
}

#[test]
fn an_index_in_two_parts_is_followed() {
    let scene = Scene::new();
    scene.repo.git(&["update-index", "--split-index"]);
    scene.repo.write("other", "edited\n");
    scene.repo.git(&["add", "other"]);
    assert_eq!(scene.follow(), Follow::Followed);
    assert_eq!(scene.land(), "M  other");
}

#[test]
fn hooks_and_monitors_in_the_repository_do_not_run() {
    let scene = Scene::new();
    let hook = scene.repo.path().join(".git/hooks/post-index-change");
    scene
        .repo
        .write(".git/hooks/post-index-change", format!("#!/bin/sh\ntouch '{}'\n", scene.repo.beside("ran").display()));
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    scene.repo.git(&["config", "core.fsmonitor", hook.to_str().unwrap()]);
    assert_eq!(scene.follow(), Follow::Followed);
    assert!(!scene.repo.beside("ran").exists());
}

#[test]
fn a_worktree_without_an_index_or_without_its_directory_has_no_files_to_follow() {
    let scene = Scene::new();
    let repo = &scene.repo;
    repo.git(&["switch", "--quiet", "--detach"]);
    let other = repo.beside("other");
    repo.git(&["worktree", "add", "--quiet", "--no-checkout", other.to_str().unwrap(), "main"]);
    let follow = || repo.repo.follow(&other, scene.from, scene.to).unwrap();
    assert!(matches!(follow(), Follow::Refused { .. }));
    fs::remove_dir_all(&other).unwrap();
    assert_eq!(follow(), Follow::Followed);
    repo.git(&["worktree", "lock", other.to_str().unwrap()]);
    assert!(matches!(follow(), Follow::Refused { .. }));
}
