//! Making a worktree.

use super::*;

#[test]
fn a_new_worktree_is_what_git_would_have_made() {
    for repo in [scene(), filled(TestRepo::sha256())] {
        let at = repo.repo.add_worktree(&repo.beside("trees/one"), branch("work")).unwrap();
        assert_eq!(status(&repo, &at), "");
        assert_eq!(fs::read(at.join("a.crlf")).unwrap(), b"one\r\ntwo\r\n");
        assert_eq!(fs::read_link(at.join("link")).unwrap(), Path::new("file"));
        assert_eq!(fs::metadata(at.join("run")).unwrap().permissions().mode() & 0o111, 0o111);
        assert_eq!(repo.git_in(&at, &["symbolic-ref", "HEAD"]), "refs/heads/work");
        let listed = repo.git(&["worktree", "list", "--porcelain"]);
        assert!(listed.contains(&format!("worktree {}", at.display())) && !listed.contains("locked"), "{listed}");
        repo.git_in(&at, &["commit", "--quiet", "--allow-empty", "-m", "there"]);
        repo.fsck();
    }
}

#[test]
fn without_a_branch_it_is_detached() {
    let repo = scene();
    let at = repo.repo.add_worktree(&repo.beside("one"), Checkout::Detached(repo.oid("main"))).unwrap();
    assert_eq!(repo.git_in(&at, &["rev-parse", "--abbrev-ref", "HEAD"]), "HEAD");
    assert_eq!(status(&repo, &at), "");
}

#[test]
fn two_of_one_name_get_git_directories_of_their_own() {
    let repo = scene();
    repo.git(&["branch", "work2"]);
    let one = repo.repo.add_worktree(&repo.beside("a/same"), branch("work")).unwrap();
    let two = repo.repo.add_worktree(&repo.beside("b/same"), branch("work2")).unwrap();
    let dirs: Vec<_> = repo.repo.worktrees().unwrap().into_iter().map(|tree| (tree.path, tree.git_dir)).collect();
    let base = repo.path().canonicalize().unwrap().join(".git/worktrees");
    assert!(dirs.contains(&(one, base.join("same"))) && dirs.contains(&(two, base.join("same1"))), "{dirs:?}");
}

#[test]
fn a_directory_that_exists_is_refused_and_an_empty_one_is_used() {
    let repo = scene();
    let at = repo.beside("one");
    fs::create_dir(&at).unwrap();
    fs::write(at.join("mine"), "mine").unwrap();
    let error = repo.repo.add_worktree(&at, branch("work")).unwrap_err();
    assert!(matches!(error, Error::Worktree(WorktreeError::Occupied { .. })), "{error}");
    fs::remove_file(at.join("mine")).unwrap();
    repo.repo.add_worktree(&at, branch("work")).unwrap();
    let error = repo.repo.add_worktree(&at, branch("work")).unwrap_err();
    assert!(matches!(error, Error::Worktree(WorktreeError::Occupied { .. })), "{error}");
}

#[test]
fn a_branch_that_is_checked_out_is_refused() {
    let repo = scene();
    let error = repo.repo.add_worktree(&repo.beside("one"), branch("main")).unwrap_err();
    assert!(matches!(error, Error::Worktree(WorktreeError::CheckedOut { .. })), "{error}");
    assert!(!repo.beside("one").exists());
    let error = repo.repo.add_worktree(&repo.beside("one"), branch("nothing")).unwrap_err();
    assert!(matches!(error, Error::NoSuchRevision { .. }), "{error}");
}

#[test]
fn a_worktree_that_another_process_is_making_is_busy() {
    let repo = scene();
    let at = repo.repo.add_worktree(&repo.beside("one"), branch("work")).unwrap();
    let locked = repo.path().join(".git/worktrees/one/locked");
    fs::write(&locked, format!("{}{}\n", crate::git::worktree::MAKING, repo.oid("work"))).unwrap();
    let held = fs::File::open(&locked).unwrap();
    held.lock().unwrap();
    let error = repo.repo.add_worktree(&at, branch("work")).unwrap_err();
    assert!(matches!(error, Error::Worktree(WorktreeError::Busy { .. })), "{error}");
    assert_eq!(kept(repo.repo.remove_worktree(&at, None).unwrap()), "it is being set up");
}

#[test]
fn sparse_checkout_and_worktree_config_are_carried_over() {
    let repo = scene();
    repo.git(&["sparse-checkout", "set", "--cone", "dir"]);
    repo.write("outside/file", "not in the cone\n");
    repo.git(&["add", "--sparse", "outside"]);
    repo.git(&["commit", "--quiet", "-m", "outside"]);
    repo.git(&["branch", "--force", "work"]);
    repo.git(&["config", "--worktree", "core.worktree", repo.path().to_str().unwrap()]);
    repo.git(&["config", "--worktree", "chant.mark", "carried"]);
    let opened = repo.open_with(repo.vars());
    let at = opened.add_worktree(&repo.beside("one"), branch("work")).unwrap();
    assert!(at.join("dir/other").exists() && !at.join("outside").exists());
    assert_eq!(status(&repo, &at), "");
    assert_eq!(repo.git_in(&at, &["config", "chant.mark"]), "carried");
    assert_eq!(repo.git_in(&at, &["rev-parse", "--show-toplevel"]), at.to_str().unwrap());
    assert!(opened.leftovers(&at).unwrap().flagged.is_empty(), "marks of a sparse checkout hide nothing");
    assert_eq!(opened.remove_worktree(&at, None).unwrap(), Removed::Gone);
}

#[test]
fn a_detached_one_has_the_whole_tree_of_a_sparse_repository() {
    for own in [true, false] {
        let repo = scene();
        repo.git(&["sparse-checkout", "set", "--cone", "nothing"]);
        if !own {
            repo.git(&["config", "--worktree", "--unset", "core.sparseCheckout"]);
            repo.git(&["config", "--unset", "extensions.worktreeConfig"]);
            repo.git(&["config", "core.sparseCheckout", "true"]);
        }
        let opened = repo.open_with(repo.vars());
        let at = opened.add_worktree(&repo.beside("one"), Checkout::Detached(repo.oid("main"))).unwrap();
        assert!(at.join("dir/other").exists());
        assert_eq!(status(&repo, &at), "");
        assert!(!repo.path().join("dir/other").exists(), "the sparse one stays as it is");
    }
}

#[test]
fn a_submodule_s_place_is_there() {
    let repo = scene();
    let commit = repo.oid("main");
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},lib")]);
    repo.git(&["commit", "--quiet", "-m", "lib"]);
    repo.git(&["branch", "--force", "work"]);
    let at = repo.repo.add_worktree(&repo.beside("one"), branch("work")).unwrap();
    assert!(at.join("lib").is_dir());
    assert_eq!(status(&repo, &at), "");
}

#[test]
fn external_filters_are_git_s_to_run() {
    let repo = scene();
    repo.git(&["config", "filter.upper.smudge", "tr a-z A-Z"]);
    repo.git(&["config", "filter.upper.clean", "tr A-Z a-z"]);
    repo.write(".gitattributes", "shout filter=upper\n");
    repo.commit_file("shout", "hello\n", "filtered");
    repo.git(&["branch", "--force", "work"]);
    let opened = repo.open_with(repo.vars());
    let at = opened.add_worktree(&repo.beside("one"), branch("work")).unwrap();
    assert_eq!(fs::read_to_string(at.join("shout")).unwrap(), "HELLO\n");
    assert_eq!(status(&repo, &at), "");
}

#[test]
fn eight_processes_add_160_while_git_lists_adds_and_prunes() {
    let repo = scene();
    let trees = repo.beside("trees");
    let names: Vec<String> = (0..8).map(|process| format!("p{process}")).collect();
    let input: String =
        names.iter().flat_map(|name| (0..20).map(move |n| format!("create refs/heads/{name}-{n} main\n"))).collect();
    repo.repo.git(&repo.path(), &["update-ref", "--stdin"]).stdin(input).check().unwrap();
    let mut children: Vec<_> = names
        .iter()
        .map(|name| start(&repo, &repo.path(), None, &["add many", trees.to_str().unwrap(), name, "20"]))
        .collect();
    let mut rounds = 0;
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        repo.git(&["worktree", "list", "--porcelain"]);
        repo.git(&["worktree", "prune", "--expire", "now"]);
        let by_git = repo.beside(&format!("by-git-{rounds}"));
        repo.git(&["worktree", "add", "--quiet", "--detach", by_git.to_str().unwrap()]);
        repo.repo.worktrees().unwrap();
        rounds += 1;
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let listed = repo.git(&["worktree", "list", "--porcelain"]);
    assert_eq!(listed.matches("\nworktree ").count(), 160 + rounds);
    assert!(!listed.contains("locked") && !listed.contains("prunable"), "{listed}");
    assert_eq!(status(&repo, &trees.join("p7-19")), "");
}

#[test]
fn a_filter_that_the_users_own_attributes_name_is_heeded_wherever_they_lie() {
    for place in [".config/git/attributes", "xdg/git/attributes"] {
        let repo = scene();
        repo.git(&["config", "filter.loud.smudge", "tr a-z A-Z"]);
        let file = repo.beside(place);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "file filter=loud\n").unwrap();
        let mut vars: Vec<_> = repo.vars().iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        if place.starts_with("xdg") {
            vars.push(("XDG_CONFIG_HOME".into(), repo.beside("xdg").into()));
        }
        let opened = Repo::open(&repo.path(), &vars.into_iter().collect()).unwrap();
        let at = opened.add_worktree(&repo.beside("tree"), branch("work")).unwrap();
        assert_eq!(fs::read_to_string(at.join("file")).unwrap(), "A FILE\n", "{place}");
    }
}
