//! Worktrees made of those that were given back.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use super::*;

/// A worktree of `work` that was written a good while before its index, so that what is untouched can be told.
fn settled(repo: &TestRepo, name: &str, what: Checkout) -> PathBuf {
    let at = repo.repo.add_worktree(&repo.beside(name), what).unwrap();
    let made = fs::File::options().write(true).open(admin(repo, name).join("index.made")).unwrap();
    made.set_modified(made.metadata().unwrap().modified().unwrap() + Duration::from_secs(1)).unwrap();
    at
}

fn admin(repo: &TestRepo, name: &str) -> PathBuf {
    repo.path().join(".git/worktrees").join(name)
}

fn inode(path: PathBuf) -> u64 {
    fs::symlink_metadata(path).unwrap().ino()
}

/// A second commit on `next`: one file changed, one gone, one new.
fn next(repo: &TestRepo) -> Oid {
    fs::remove_file(repo.path().join("dir/other")).unwrap();
    repo.write("dir/new", "new\n");
    let next = repo.commit_file("file", "b file\n", "second");
    repo.git(&["branch", "next"]);
    next
}

#[test]
fn the_next_worktree_is_the_last_one_with_what_differs_written_anew() {
    let repo = scene();
    let next = next(&repo);
    let at = settled(&repo, "one", branch("work"));
    let run = inode(at.join("run"));
    assert_eq!(repo.repo.remove_worktree(&at, None).unwrap(), Removed::Gone);
    assert_eq!(repo.repo.worktrees().unwrap().len(), 1, "Git knows of none");
    let two = repo.repo.add_worktree(&repo.beside("two"), branch("next")).unwrap();
    assert_eq!((status(&repo, &two), repo.git_in(&two, &["rev-parse", "HEAD"])), (String::new(), next.to_string()));
    assert_eq!(inode(two.join("run")), run, "untouched");
    assert_eq!(fs::read_to_string(two.join("file")).unwrap(), "b file\n", "written anew");
    assert!(!two.join("dir/other").exists() && two.join("dir/new").exists());
    assert_eq!(fs::read(two.join("a.crlf")).unwrap(), b"one\r\ntwo\r\n");
    assert!(repo.repo.leftovers(&two).unwrap().is_empty() && repo.repo.tracked_unchanged(&two).unwrap());
    assert_eq!(fs::read_dir(repo.path().join(".git/chant/trash")).unwrap().count(), 0);
    repo.fsck();
}

#[test]
fn nothing_of_what_its_last_user_did_is_left() {
    let repo = scene();
    let at = settled(&repo, "one", branch("work"));
    for path in ["untracked", "target/deep/x", "x.ignored", "dir/more/x"] {
        fs::create_dir_all(at.join(path).parent().unwrap()).unwrap();
        fs::write(at.join(path), "x").unwrap();
    }
    fs::remove_file(at.join("run")).unwrap();
    fs::remove_file(at.join("link")).unwrap();
    symlink("/", at.join("link")).unwrap();
    fs::set_permissions(at.join("a.crlf"), fs::Permissions::from_mode(0o777)).unwrap();
    // Hidden from Git by a flag, and by stat data that its index was given afterwards.
    tamper(&at.join("file"), "A FILE\n");
    repo.git_in(&at, &["update-index", "--assume-unchanged", "file"]);
    tamper(&at.join("dir/other"), "ANOTHER\n");
    repo.git_in(
        &at,
        &[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("100644,{},dir/other", repo.git(&["rev-parse", "work:dir/other"])),
        ],
    );
    fs::set_permissions(at.join("dir"), fs::Permissions::from_mode(0o555)).unwrap();
    repo.repo.discard_worktree(&at).unwrap();
    let two = repo.repo.add_worktree(&repo.beside("two"), branch("work")).unwrap();
    assert_eq!(status(&repo, &two), "");
    assert_eq!(fs::read_to_string(two.join("file")).unwrap(), "a file\n");
    assert_eq!(fs::read_to_string(two.join("dir/other")).unwrap(), "another\n");
    assert_eq!(fs::read_link(two.join("link")).unwrap(), Path::new("file"));
    assert_eq!(fs::metadata(two.join("a.crlf")).unwrap().permissions().mode() & 0o111, 0);
    let names = repo.git_in(&two, &["ls-files", "--others"]);
    assert_eq!(names, "");
}

#[test]
fn a_kill_while_one_is_made_of_the_last_is_finished_by_the_next_call() {
    for point in
        ["worktree.admin", "recycle.cleared", "recycle.brought", "recycle.index", "recycle.moved", "recycle.linked"]
    {
        let repo = scene();
        next(&repo);
        let one = settled(&repo, "one", branch("work"));
        fs::write(one.join("untracked"), "x").unwrap();
        repo.repo.discard_worktree(&one).unwrap();
        let at = repo.beside("two");
        assert!(killed_at(&repo, &repo.path(), point, &["add", at.to_str().unwrap(), "next"]), "{point}");
        repo.git(&["worktree", "prune", "--expire", "now"]);
        repo.git(&["worktree", "list"]);
        repo.repo.add_worktree(&at, branch("next")).unwrap();
        assert_eq!((point, status(&repo, &at)), (point, String::new()));
        assert_eq!(fs::read_to_string(at.join("file")).unwrap(), "b file\n");
        assert_eq!(repo.repo.worktrees().unwrap().len(), 2);
        // What was not yet taken out of the trash is there for the next.
        repo.git(&["branch", "third", "work"]);
        let third = repo.repo.add_worktree(&repo.beside("third"), branch("third")).unwrap();
        assert_eq!((point, status(&repo, &third)), (point, String::new()));
        assert_eq!(fs::read_to_string(third.join("file")).unwrap(), "a file\n");
        repo.repo.sweep_trash().unwrap();
        assert_eq!(fs::read_dir(repo.path().join(".git/chant/trash")).unwrap().count(), 0, "{point}");
        repo.fsck();
    }
}

#[test]
fn where_the_same_blob_would_be_another_file_all_is_written_anew() {
    let repo = scene();
    repo.write("text", "one\ntwo\n");
    repo.commit_all("text");
    repo.git(&["branch", "text-here"]);
    let at = settled(&repo, "one", branch("text-here"));
    repo.repo.discard_worktree(&at).unwrap();
    fs::write(repo.path().join(".git/info/attributes"), "text text eol=crlf\n").unwrap();
    let two = repo.repo.add_worktree(&repo.beside("two"), branch("text-here")).unwrap();
    assert_eq!(fs::read(two.join("text")).unwrap(), b"one\r\ntwo\r\n");
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_is_made_of_one_in_which_somebody_still_is() {
    let repo = scene();
    let at = settled(&repo, "one", branch("work"));
    let mut shell = std::process::Command::new("cat")
        .current_dir(at.join("dir"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let run = inode(at.join("run"));
    repo.repo.remove_worktree(&at, None).unwrap();
    let two = repo.repo.add_worktree(&repo.beside("two"), branch("work")).unwrap();
    assert_ne!(inode(two.join("run")), run);
    drop(shell.stdin.take());
    shell.wait().unwrap();
    repo.repo.discard_worktree(&two).unwrap();
    let three = repo.repo.add_worktree(&repo.beside("three"), branch("work")).unwrap();
    assert!(three.join("run").exists());
}

#[test]
fn a_few_that_were_given_back_are_kept_for_the_next_and_no_more() {
    let repo = scene();
    for n in 0..5 {
        repo.git(&["branch", &format!("b{n}")]);
        repo.repo.add_worktree(&repo.beside(&format!("w{n}")), branch(&format!("b{n}"))).unwrap();
    }
    for n in 0..5 {
        repo.repo.remove_worktree(&repo.beside(&format!("w{n}")), None).unwrap();
    }
    repo.repo.sweep_trash().unwrap();
    assert_eq!(fs::read_dir(repo.path().join(".git/chant/trash")).unwrap().count(), 2);
    repo.repo.sweep_trash().unwrap();
    assert_eq!(fs::read_dir(repo.path().join(".git/chant/trash")).unwrap().count(), 2);
}

#[test]
fn two_that_are_made_at_once_share_nothing() {
    let repo = scene();
    for n in 0..6 {
        repo.git(&["branch", &format!("a-{n}")]);
        repo.git(&["branch", &format!("b-{n}")]);
        repo.repo.add_worktree(&repo.beside(&format!("w{n}")), branch(&format!("a-{n}"))).unwrap();
    }
    for n in 0..6 {
        repo.repo.remove_worktree(&repo.beside(&format!("w{n}")), None).unwrap();
    }
    let base = repo.beside("many");
    let many = |name| start(&repo, &repo.path(), None, &["add many", base.to_str().unwrap(), name, "6"]);
    let (one, two) = (many("a"), many("b"));
    for mut child in [one, two] {
        assert!(child.wait().unwrap().success());
    }
    for name in (0..6).flat_map(|n| [format!("a-{n}"), format!("b-{n}")]) {
        let at = base.join(&name);
        assert_eq!((status(&repo, &at), repo.git_in(&at, &["branch", "--show-current"])), (String::new(), name));
    }
    repo.fsck();
}

#[test]
fn one_that_is_kept_for_the_next_holds_nothing_but_what_the_engine_wrote() {
    let repo = scene();
    let at = settled(&repo, "one", branch("work"));
    for path in ["untracked", "target/deep/x", "x.ignored"] {
        fs::create_dir_all(at.join(path).parent().unwrap()).unwrap();
        fs::write(at.join(path), "secret").unwrap();
    }
    tamper(&at.join("file"), "SECRET\n");
    repo.repo.discard_worktree(&at).unwrap();
    assert_eq!(repo.repo.sweep_trash().unwrap(), 0, "it is kept");
    let trash = repo.path().join(".git/chant/trash");
    let kept = fs::read_dir(&trash).unwrap().flatten().next().unwrap().path().join("worktree");
    for gone in ["untracked", "target", "x.ignored", "file"] {
        assert!(!kept.join(gone).exists(), "{gone}");
    }
    assert!(kept.join("run").exists(), "what was not touched stays");
    let run = inode(kept.join("run"));
    assert_eq!(repo.repo.sweep_trash().unwrap(), 0, "nor does the next sweep take it");
    let two = repo.repo.add_worktree(&repo.beside("two"), branch("work")).unwrap();
    assert_eq!((status(&repo, &two), inode(two.join("run"))), (String::new(), run));
    assert_eq!(fs::read_to_string(two.join("file")).unwrap(), "a file\n");
}
