//! Moving the checkout of a proof.

use super::*;

/// A proof's checkout at the first of two commits.
fn checkout() -> (TestRepo, PathBuf, Oid) {
    let repo = scene();
    let at = repo.repo.add_worktree(&repo.beside("proof"), Checkout::Detached(repo.oid("main"))).unwrap();
    fs::remove_file(repo.path().join("dir/other")).unwrap();
    repo.write("dir/other/deeper", "a directory now\n");
    fs::remove_file(repo.path().join("link")).unwrap();
    repo.write("link", "a file now\n");
    let next = repo.commit_file("file", "b file\n", "second");
    (repo, at, next)
}

#[test]
fn its_files_are_the_new_commit_s_and_nothing_else() {
    let (repo, at, next) = checkout();
    fs::write(at.join("untracked"), "x").unwrap();
    fs::create_dir_all(at.join("target/deep")).unwrap();
    fs::write(at.join("target/deep/x"), "x").unwrap();
    fs::create_dir_all(at.join("empty/dirs")).unwrap();
    symlink("/", at.join("root")).unwrap();
    repo.git_in(&at, &["update-index", "--assume-unchanged", "run"]);
    fs::write(at.join("run"), "hidden").unwrap();
    repo.repo.repoint(&at, next, &[]).unwrap();
    assert_eq!(status(&repo, &at), "");
    assert!(!at.join("target").exists() && !at.join("empty").exists() && at.join("root").symlink_metadata().is_err());
    assert_eq!(repo.git_in(&at, &["rev-parse", "HEAD"]), next.to_string());
    assert_eq!(fs::read_to_string(at.join("dir/other/deeper")).unwrap(), "a directory now\n");
    assert_eq!(fs::read(at.join("a.crlf")).unwrap(), b"one\r\ntwo\r\n");
    repo.repo.repoint(&at, repo.oid("main~1"), &[]).unwrap();
    assert_eq!(status(&repo, &at), "");
    assert_eq!(fs::read_link(at.join("link")).unwrap(), Path::new("file"));
}

#[test]
fn a_file_that_looks_untouched_is_written_anew_if_it_is_not() {
    let (repo, at, next) = checkout();
    repo.repo.repoint(&at, next, &[]).unwrap();
    tamper(&at.join("file"), "B FILE\n");
    fs::set_permissions(at.join("a.crlf"), fs::Permissions::from_mode(0o755)).unwrap();
    repo.repo.repoint(&at, next, &[]).unwrap();
    assert_eq!(fs::read_to_string(at.join("file")).unwrap(), "b file\n");
    assert_eq!(status(&repo, &at), "");
    assert!(repo.repo.tracked_unchanged(&at).unwrap());
}

#[test]
fn what_is_to_be_kept_is_kept_unless_it_is_tracked_or_in_the_way() {
    let (repo, at, next) = checkout();
    for path in ["target/x", "deep/down/target/x", "web/node_modules/x", "node_modules/x", "dir/kept/x", "link/x"] {
        let path = at.join(path);
        if path.ends_with("link/x") {
            fs::remove_file(at.join("link")).unwrap();
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    let keep = ["target", "web/node_modules/", "dir", "link"].map(str::to_owned);
    repo.repo.repoint(&at, next, &keep).unwrap();
    for path in ["target/x", "deep/down/target/x", "web/node_modules/x", "dir/kept/x", "dir/other/deeper"] {
        assert!(at.join(path).exists(), "{path}");
    }
    assert!(!at.join("node_modules").exists());
    assert_eq!(fs::read_to_string(at.join("link")).unwrap(), "a file now\n");
}

#[test]
fn files_untouched_are_not_written_again() {
    let (repo, at, next) = checkout();
    let index = repo.path().join(".git/worktrees/proof/index");
    // Written well before the index, as far as a clock of some milliseconds can tell.
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    fs::File::options().write(true).open(index).unwrap().set_modified(later).unwrap();
    let inode = |name: &str| std::os::unix::fs::MetadataExt::ino(&fs::symlink_metadata(at.join(name)).unwrap());
    let time = |name: &str| fs::symlink_metadata(at.join(name)).unwrap().modified().unwrap();
    let before = (inode("run"), time("run"));
    repo.repo.repoint(&at, next, &[]).unwrap();
    assert_eq!((inode("run"), time("run")), before);
}

#[test]
fn where_attributes_change_every_file_is_written_anew() {
    let (repo, at, _) = checkout();
    repo.repo.repoint(&at, repo.oid("main"), &[]).unwrap();
    let next = repo.commit_file(".gitattributes", "*.crlf text eol=lf\n", "line ends");
    repo.repo.repoint(&at, next, &[]).unwrap();
    assert_eq!(fs::read(at.join("a.crlf")).unwrap(), b"one\ntwo\n");
}

#[test]
fn a_sparse_one_is_git_s_to_move() {
    let (repo, at, next) = checkout();
    repo.git_in(&at, &["sparse-checkout", "set", "--cone", "nothing"]);
    let opened = Repo::open(&at, repo.vars()).unwrap();
    fs::create_dir_all(at.join("target")).unwrap();
    fs::create_dir_all(at.join("web/target")).unwrap();
    fs::write(at.join("target/x"), "x").unwrap();
    fs::write(at.join("untracked"), "x").unwrap();
    tamper(&at.join("run"), "#!/bin/SH\n");
    opened.repoint(&at, next, &["target".to_owned()]).unwrap();
    assert_eq!(status(&repo, &at), "!! target/");
    assert_eq!(fs::read_to_string(at.join("run")).unwrap(), "#!/bin/sh\n");
    assert!(!at.join("dir").exists());
}

#[test]
fn one_on_a_branch_is_refused() {
    let repo = scene();
    let at = repo.repo.add_worktree(&repo.beside("one"), branch("work")).unwrap();
    repo.repo.repoint(&at, repo.oid("main"), &[]).unwrap_err();
    repo.repo.repoint(&repo.path(), repo.oid("main"), &[]).unwrap_err();
}
