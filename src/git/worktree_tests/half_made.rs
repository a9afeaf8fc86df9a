//! Worktrees that a kill, or somebody, left half of.

use super::*;

#[test]
fn a_kill_at_any_step_is_finished_by_the_next_call() {
    for point in ["worktree.admin", "worktree.files", "worktree.index"] {
        let repo = scene();
        let at = repo.beside("one");
        assert!(killed_at(&repo, &repo.path(), point, &["add", at.to_str().unwrap(), "work"]), "{point}");
        repo.git(&["worktree", "prune", "--expire", "now"]);
        repo.repo.add_worktree(&at, branch("work")).unwrap();
        assert_eq!(status(&repo, &at), "", "{point}");
        let listed = repo.git(&["worktree", "list", "--porcelain"]);
        assert!(!listed.contains("locked"), "{listed}");
        assert_eq!(repo.repo.worktrees().unwrap().len(), 2);
        repo.repo.sweep_trash().unwrap();
        repo.fsck();
    }
}

#[test]
fn files_cut_short_are_written_anew_and_what_somebody_put_there_is_kept() {
    let repo = scene();
    let at = repo.beside("one");
    assert!(killed_at(&repo, &repo.path(), "worktree.files", &["add", at.to_str().unwrap(), "work"]));
    fs::write(at.join("file"), "a f").unwrap();
    fs::write(at.join("dir/other"), "somebody's\n").unwrap();
    fs::write(at.join("dir/mine"), "mine\n").unwrap();
    // Meanwhile the branch has moved: what the killed process wrote is not taken for changes.
    repo.commit_file("run", "#!/bin/sh\n# newer\n", "newer");
    repo.git(&["branch", "--force", "elsewhere", "main"]);
    repo.git(&["update-ref", "refs/heads/work", "main"]);
    repo.repo.add_worktree(&at, branch("work")).unwrap();
    assert_eq!(status(&repo, &at), " M dir/other\n?? dir/mine");
    assert_eq!(fs::read_to_string(at.join("dir/other")).unwrap(), "somebody's\n");
    assert_eq!(fs::read_to_string(at.join("run")).unwrap(), "#!/bin/sh\n# newer\n");
}

#[test]
fn what_was_set_aside_survives_a_second_kill() {
    let repo = scene();
    let at = repo.beside("one");
    let action = ["add", at.to_str().unwrap(), "work"];
    assert!(killed_at(&repo, &repo.path(), "worktree.files", &action));
    fs::write(at.join("mine"), "mine\n").unwrap();
    assert!(killed_at(&repo, &repo.path(), "worktree.files", &action));
    repo.repo.sweep_trash().unwrap();
    repo.repo.add_worktree(&at, branch("work")).unwrap();
    assert_eq!(status(&repo, &at), "?? mine");
}

#[test]
fn a_worktree_whose_directory_was_deleted_is_made_again() {
    let repo = scene();
    let at = repo.repo.add_worktree(&repo.beside("one"), branch("work")).unwrap();
    fs::remove_dir_all(&at).unwrap();
    assert!(!repo.repo.worktrees().unwrap()[1].exists);
    repo.repo.add_worktree(&at, branch("work")).unwrap();
    assert_eq!(status(&repo, &at), "");
}

#[test]
fn one_without_its_git_file_gets_it_back_with_all_its_changes() {
    let repo = scene();
    let at = repo.repo.add_worktree(&repo.beside("one"), branch("work")).unwrap();
    fs::write(at.join("file"), "edited\n").unwrap();
    fs::write(at.join("new"), "new\n").unwrap();
    fs::remove_file(at.join(".git")).unwrap();
    repo.repo.add_worktree(&at, branch("work")).unwrap();
    assert_eq!(status(&repo, &at), " M file\n?? new");
}

#[test]
fn one_without_its_git_directory_gets_a_new_one_and_keeps_its_files() {
    let repo = scene();
    let at = repo.repo.add_worktree(&repo.beside("one"), branch("work")).unwrap();
    fs::write(at.join("file"), "edited\n").unwrap();
    fs::write(at.join("new"), "new\n").unwrap();
    fs::remove_dir_all(repo.path().join(".git/worktrees/one")).unwrap();
    repo.repo.add_worktree(&at, branch("work")).unwrap();
    assert_eq!(status(&repo, &at), " M file\n?? new");
}
