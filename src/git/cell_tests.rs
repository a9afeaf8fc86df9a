//! Cells: what is seen in one, what comes out of it, and what does not.

use std::fs;
use std::path::{Path, PathBuf};

use super::cell::Cell;
use super::test_repo::TestRepo;
use super::worktree::Checkout;
use crate::ledger::Oid;

/// A repository with a branch, a worktree of it and a cell for that; in SHA-256 as well.
fn enclosed(t: TestRepo) -> (TestRepo, PathBuf, Cell, Oid) {
    let start = t.commit_file("kept", "kept\n", "first");
    t.git(&["branch", "work"]);
    t.git(&["tag", "-a", "-m", "a tag", "v1"]);
    let at = t.repo.add_worktree(&t.beside("tree"), Checkout::Branch("work".into())).unwrap();
    let cell = t.repo.enclose(&at).unwrap();
    (t, at, cell, start)
}

#[test]
fn git_sees_in_a_cell_what_the_repository_has_and_writes_nothing_there() {
    for t in [TestRepo::new(), TestRepo::sha256()] {
        let (t, at, cell, start) = enclosed(t);
        t.git(&["config", "user.nickname", "late"]);
        let before = t.git(&["for-each-ref"]);
        assert_eq!(t.git_in(&at, &["for-each-ref"]), before, "annotated tags are tags");
        assert_eq!(t.git_in(&at, &["status", "--porcelain", "--branch"]), "## work");
        assert_eq!(t.git_in(&at, &["config", "user.nickname"]), "late", "the configuration is the repository's");
        assert_eq!(t.git_in(&at, &["rev-parse", "--show-toplevel"]), at.to_str().unwrap());
        fs::write(at.join("new"), "new\n").unwrap();
        t.git_in(&at, &["add", "new"]);
        t.git_in(&at, &["commit", "--quiet", "-m", "inside"]);
        t.git_in(&at, &["config", "alias.x", "!false"]);
        t.git_in(&at, &["tag", "v2"]);
        assert_eq!(t.git(&["for-each-ref"]), before);
        let found = t.repo.take_over(&cell, &|_, _, _| Ok(None)).unwrap();
        assert_eq!((found.from, found.on_branch, &found.broken), (Some(start), true, &None));
        assert_eq!(t.repo.take_over(&cell, &|_, _, _| Ok(None)).unwrap(), found, "a second time after a kill");
        let tip = found.tip.unwrap();
        assert_eq!(t.repo.read(tip, "new").unwrap().as_deref(), Some(&b"new\n"[..]));
        t.git(&["update-ref", "refs/heads/work", &tip.to_string()]);
        t.repo.release(&at, &cell).unwrap();
        assert_eq!(t.git_in(&at, &["status", "--porcelain", "--branch"]), "## work");
        assert!(t.repo.cell_at(&at).unwrap().is_none() && !cell.git_dir().exists());
        t.fsck();
    }
}

#[test]
fn many_objects_come_in_as_a_pack() {
    let (t, at, cell, _) = enclosed(TestRepo::new());
    for n in 0..150 {
        fs::write(at.join(format!("f{n}")), format!("{n}\n")).unwrap();
    }
    t.git_in(&at, &["add", "."]);
    t.git_in(&at, &["commit", "--quiet", "-m", "many"]);
    let found = t.repo.take_over(&cell, &|_, _, _| Ok(None)).unwrap();
    assert_eq!(found.broken, None);
    let packs = fs::read_dir(t.path().join(".git/objects/pack")).unwrap().flatten();
    assert_eq!(packs.filter(|pack| pack.path().extension().is_some_and(|its| its == "pack")).count(), 1);
    t.git(&["update-ref", "refs/heads/work", &found.tip.unwrap().to_string()]);
    t.repo.release(&at, &cell).unwrap();
    t.fsck();
}

#[test]
fn what_is_staged_and_in_no_commit_comes_along_with_the_index() {
    let (t, at, cell, _) = enclosed(TestRepo::new());
    fs::write(at.join(".gitignore"), "hidden\n").unwrap();
    fs::write(at.join("hidden"), "staged\n").unwrap();
    t.git_in(&at, &["add", "--force", "hidden"]);
    t.repo.take_over(&cell, &|_, _, _| Ok(None)).unwrap();
    t.repo.release(&at, &cell).unwrap();
    assert_eq!(t.git_in(&at, &["show", ":hidden"]), "staged");
    t.git_in(&at, &["commit", "--quiet", "-m", "after"]);
    t.fsck();
}

#[test]
fn a_change_of_the_same_size_in_the_same_second_is_seen_in_a_cell_and_after_it() {
    for n in 0..4 {
        let (t, at, cell, _) = enclosed(TestRepo::new());
        // As if all had happened within one tick: Git looks into such files because the index is no younger than they.
        let time = fs::metadata(t.path().join(".git/worktrees/tree/index")).unwrap().modified().unwrap();
        fs::write(at.join("kept"), "KEPT\n").unwrap();
        fs::File::options().write(true).open(at.join("kept")).unwrap().set_modified(time).unwrap();
        assert_eq!(fs::metadata(cell.git_dir().join("index")).unwrap().modified().unwrap(), time);
        if n % 2 == 0 {
            assert_eq!(t.git_in(&at, &["diff", "--name-only"]), "kept");
        }
        t.repo.take_over(&cell, &|_, _, _| Ok(None)).unwrap();
        t.repo.release(&at, &cell).unwrap();
        assert_eq!(t.git_in(&at, &["diff", "--name-only"]), "kept");
    }
}

#[test]
fn an_index_whose_contents_are_nowhere_stays_behind() {
    let (t, at, cell, _) = enclosed(TestRepo::new());
    let nowhere = "1234567890123456789012345678901234567890";
    t.git_in(&at, &["update-index", "--add", "--cacheinfo", &format!("100644,{nowhere},ghost")]);
    t.repo.take_over(&cell, &|_, _, _| Ok(None)).unwrap();
    t.repo.release(&at, &cell).unwrap();
    assert_eq!(t.git_in(&at, &["ls-files"]), "kept");
}

#[test]
fn links_that_were_laid_in_a_cell_or_a_worktree_are_not_followed() {
    let (t, at, cell, _) = enclosed(TestRepo::new());
    let secret = t.beside("secret");
    fs::write(&secret, "secret\n").unwrap();
    let link = |to: &Path, at: &Path| {
        fs::remove_file(at).ok();
        std::os::unix::fs::symlink(to, at).unwrap();
    };
    link(&secret, &cell.git_dir().join("index"));
    link(&secret, &at.join(format!(".git.chant-{}", std::process::id())));
    link(&secret, &cell.git_dir().join("HEAD"));
    let found = t.repo.take_over(&cell, &|_, _, _| Ok(None)).unwrap();
    assert!(!found.on_branch);
    t.repo.release(&at, &cell).unwrap();
    assert_eq!(fs::read_to_string(&secret).unwrap(), "secret\n");
    assert!(fs::symlink_metadata(t.path().join(".git/worktrees/tree/index")).map_or(true, |meta| meta.is_file()));
}
