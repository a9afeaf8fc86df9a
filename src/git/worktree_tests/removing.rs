//! Taking a worktree away.

use super::*;

fn added(repo: &TestRepo) -> PathBuf {
    repo.repo.add_worktree(&repo.beside("one"), branch("work")).unwrap()
}

/// The same blobs are other files from now on, so that nothing can be made of what was given back.
fn of_no_use(repo: &TestRepo) {
    fs::write(repo.path().join(".git/info/attributes"), "*.other eol=lf\n").unwrap();
}

#[test]
fn a_clean_one_goes_and_its_files_once_they_are_of_no_use() {
    let repo = scene();
    let at = added(&repo);
    assert_eq!(repo.repo.remove_worktree(&at, None).unwrap(), Removed::Gone);
    assert!(!at.exists());
    assert_eq!(repo.git(&["worktree", "list"]).lines().count(), 1);
    assert_eq!(repo.repo.sweep_trash().unwrap(), 0, "the next one can be made of it");
    of_no_use(&repo);
    assert_eq!(repo.repo.sweep_trash().unwrap(), 1);
    assert_eq!(fs::read_dir(repo.path().join(".git/chant/trash")).unwrap().count(), 0);
    assert_eq!(repo.repo.remove_worktree(&at, None).unwrap(), Removed::Gone);
}

#[test]
fn one_with_changed_untracked_or_ignored_files_is_kept() {
    let repo = scene();
    let at = added(&repo);
    fs::write(at.join("file"), "edited\n").unwrap();
    fs::write(at.join("new"), "new\n").unwrap();
    fs::write(at.join("x.ignored"), "12345").unwrap();
    let reason = kept(repo.repo.remove_worktree(&at, None).unwrap());
    assert_eq!(reason, "1 changed (file), 1 untracked (new), 1 ignored (0.0 MiB: x.ignored)");
    for name in ["new", "x.ignored"] {
        fs::remove_file(at.join(name)).unwrap();
    }
    repo.git_in(&at, &["restore", "file"]);
    assert_eq!(repo.repo.remove_worktree(&at, None).unwrap(), Removed::Gone);
}

#[test]
fn a_change_hidden_from_git_is_found() {
    let repo = scene();
    next_second();
    let at = added(&repo);
    tamper(&at.join("file"), "A FILE\n");
    next_second();
    assert!(kept(repo.repo.remove_worktree(&at, None).unwrap()).contains("file"));
    repo.git_in(&at, &["update-index", "--skip-worktree", "file"]);
    let found = repo.repo.leftovers(&at).unwrap();
    assert_eq!((found.modified, found.flagged), (vec!["file".to_owned()], vec!["file".to_owned()]));
}

#[test]
fn a_commit_that_is_on_no_ref_is_kept() {
    let repo = scene();
    let at = repo.repo.add_worktree(&repo.beside("one"), Checkout::Detached(repo.oid("main"))).unwrap();
    repo.git_in(&at, &["commit", "--quiet", "--allow-empty", "-m", "nowhere else"]);
    assert!(kept(repo.repo.remove_worktree(&at, None).unwrap()).contains("on no branch"));
    repo.git_in(&at, &["branch", "somewhere"]);
    assert_eq!(repo.repo.remove_worktree(&at, None).unwrap(), Removed::Gone);
}

#[test]
fn a_rescue_saves_every_file_staged_ones_too() {
    let repo = scene();
    let at = added(&repo);
    fs::write(at.join("file"), "staged\n").unwrap();
    repo.git_in(&at, &["add", "file"]);
    fs::write(at.join("file"), "edited\n").unwrap();
    fs::write(at.join("new"), "new\n").unwrap();
    fs::create_dir(at.join("target")).unwrap();
    fs::write(at.join("target/out"), "ignored\n").unwrap();
    let removed = repo.repo.remove_worktree(&at, Some("refs/chant/backup/001-x/1-")).unwrap();
    let Removed::Rescued { name, commit } = removed else { panic!("{removed:?}") };
    assert_eq!(name, format!("refs/chant/backup/001-x/1-{}", commit.short()));
    assert_eq!(repo.oid(&name), commit);
    let show = |path: &str| repo.git(&["show", &format!("{commit}{path}")]);
    assert_eq!(
        (show(":file").as_str(), show(":new").as_str(), show(":target/out").as_str()),
        ("edited", "new", "ignored")
    );
    assert_eq!(show("^2:file"), "staged");
    assert_eq!(repo.oid(&format!("{commit}^1")), repo.oid("work"));
    assert!(!at.exists());
    repo.fsck();
}

#[test]
fn a_commit_on_no_ref_is_rescued_as_it_is() {
    let repo = scene();
    let at = repo.repo.add_worktree(&repo.beside("one"), Checkout::Detached(repo.oid("main"))).unwrap();
    repo.git_in(&at, &["commit", "--quiet", "--allow-empty", "-m", "nowhere else"]);
    let head = repo.git_in(&at, &["rev-parse", "HEAD"]).parse().unwrap();
    let removed = repo.repo.remove_worktree(&at, Some("refs/chant/backup/x/1")).unwrap();
    assert_eq!(removed, Removed::Rescued { name: "refs/chant/backup/x/1".into(), commit: head });
}

#[test]
fn no_rescue_goes_over_a_ref_that_exists() {
    let repo = scene();
    let at = added(&repo);
    fs::write(at.join("new"), "new\n").unwrap();
    repo.git(&["update-ref", "refs/chant/backup/x/1", "main"]);
    repo.repo.remove_worktree(&at, Some("refs/chant/backup/x/1")).unwrap_err();
    assert!(at.join("new").exists());
    assert_eq!(repo.oid("refs/chant/backup/x/1"), repo.oid("main"));
}

#[test]
fn more_than_64_mib_of_ignored_files_are_kept_and_the_size_is_named() {
    let repo = scene();
    let at = added(&repo);
    fs::create_dir(at.join("target")).unwrap();
    fs::File::create(at.join("target/large")).unwrap().set_len(65 << 20).unwrap();
    let reason = kept(repo.repo.remove_worktree(&at, Some("refs/chant/backup/x/1")).unwrap());
    assert_eq!(reason, "1 ignored (65.0 MiB: target/)");
    assert!(at.join("target/large").exists());
}

#[test]
fn a_repository_within_is_kept() {
    let repo = scene();
    let at = added(&repo);
    for place in ["nested", "target/nested"] {
        fs::create_dir_all(at.join(place)).unwrap();
        repo.git_in(&at.join(place), &["init", "--quiet"]);
        fs::write(at.join(place).join("file"), "in it\n").unwrap();
        let reason = kept(repo.repo.remove_worktree(&at, Some("refs/chant/backup/x/1")).unwrap());
        assert!(reason.contains("a repository of its own"), "{reason}");
        fs::remove_dir_all(at.join(place)).unwrap();
    }
}

#[test]
fn a_submodule_with_commits_or_files_of_its_own_is_kept() {
    let library = TestRepo::new();
    library.commit_file("lib", "one\n", "one");
    let repo = scene();
    let url = library.path().to_str().unwrap().to_owned();
    let allow = ["-c", "protocol.file.allow=always"];
    repo.git(&[&allow[..], &["submodule", "--quiet", "add", &url, "lib"]].concat());
    repo.commit_all("lib");
    repo.git(&["branch", "--force", "work"]);
    let at = added(&repo);
    repo.git_in(&at, &[&allow[..], &["submodule", "--quiet", "update", "--init"]].concat());
    let lib = at.join("lib");
    fs::write(lib.join("mine"), "untracked in it\n").unwrap();
    let reason = kept(repo.repo.remove_worktree(&at, Some("refs/chant/backup/x/1")).unwrap());
    assert_eq!(reason, "its submodule `lib` has changed files");
    repo.git_in(&lib, &["add", "mine"]);
    repo.git_in(&lib, &["commit", "--quiet", "-m", "nowhere else"]);
    let reason = kept(repo.repo.remove_worktree(&at, Some("refs/chant/backup/x/1")).unwrap());
    assert_eq!(reason, "its submodule `lib` has commits that are nowhere else");
    repo.git_in(&lib, &["reset", "--quiet", "--hard", "origin/HEAD"]);
    assert_eq!(repo.repo.remove_worktree(&at, None).unwrap(), Removed::Gone);
}

#[test]
fn one_that_was_made_a_repository_of_its_own_is_kept() {
    let repo = scene();
    let at = added(&repo);
    fs::remove_file(at.join(".git")).unwrap();
    repo.git_in(&at, &["init", "--quiet"]);
    assert!(kept(repo.repo.remove_worktree(&at, None).unwrap()).contains("repository of its own"));
}

#[test]
fn a_locked_one_the_main_one_and_one_at_work_are_kept() {
    let repo = scene();
    let at = added(&repo);
    repo.git(&["worktree", "lock", "--reason", "mine", at.to_str().unwrap()]);
    assert_eq!(kept(repo.repo.remove_worktree(&at, None).unwrap()), "it is locked: mine");
    repo.git(&["worktree", "unlock", at.to_str().unwrap()]);
    fs::write(repo.path().join(".git/worktrees/one/MERGE_HEAD"), "").unwrap();
    assert_eq!(kept(repo.repo.remove_worktree(&at, None).unwrap()), "a merge is under way in it");
    assert_eq!(kept(repo.repo.remove_worktree(&repo.path(), None).unwrap()), "it is the main worktree");
    let elsewhere = repo.beside("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    assert!(kept(repo.repo.remove_worktree(&elsewhere, None).unwrap()).contains("no worktree"));
}

#[test]
fn a_kill_at_any_step_is_finished_by_the_sweep() {
    for point in ["remove.noted", "remove.files", "remove.admin"] {
        let repo = scene();
        let at = added(&repo);
        assert!(killed_at(&repo, &repo.path(), point, &["remove", at.to_str().unwrap()]), "{point}");
        of_no_use(&repo);
        repo.repo.sweep_trash().unwrap();
        assert_eq!(fs::read_dir(repo.path().join(".git/chant/trash")).unwrap().count(), 0, "{point}");
        // Before the first rename nothing has happened; after it, all of it does.
        let whole = point == "remove.noted";
        assert_eq!((at.exists(), repo.repo.worktrees().unwrap().len()), (whole, if whole { 2 } else { 1 }));
        if whole {
            assert_eq!(status(&repo, &at), "");
        }
    }
}

#[test]
fn one_whose_directory_was_deleted_goes_unless_something_was_staged() {
    let repo = scene();
    let at = added(&repo);
    fs::write(at.join("file"), "staged\n").unwrap();
    repo.git_in(&at, &["add", "file"]);
    fs::remove_dir_all(&at).unwrap();
    assert_eq!(kept(repo.repo.remove_worktree(&at, None).unwrap()), "1 changed (file)");
    let removed = repo.repo.remove_worktree(&at, Some("refs/chant/backup/x/1")).unwrap();
    assert!(matches!(removed, Removed::Rescued { .. }));
    assert_eq!(repo.git(&["show", "refs/chant/backup/x/1:file"]), "staged");
    let at = added(&repo);
    fs::remove_dir_all(&at).unwrap();
    assert_eq!(repo.repo.remove_worktree(&at, None).unwrap(), Removed::Gone);
}
