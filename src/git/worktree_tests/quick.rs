//! What is told from the index that the engine wrote, beside what Git tells when it looks at everything.

use proptest::prelude::*;

use super::super::untouched::Besides;
use super::*;

/// What somebody does in a worktree; each may find what an earlier one left, and fail.
const DEEDS: [&str; 30] = [
    "echo b > untracked",
    "mkdir -p deep/empty",
    "mkdir -p deep/er && echo x > deep/er/x",
    "echo x > x.ignored",
    "mkdir -p target && echo x > target/x",
    "printf 'b file\\n' > file",
    "touch run",
    "chmod -x run",
    "rm dir/other",
    "rm -rf dir && ln -s ../file dir",
    "rm -rf dir && echo x > dir",
    "rm -f file && mkdir file && echo x > file/x",
    "ln -sf run link",
    "mv file filed",
    "git add -A && git commit -qm all",
    "git commit -qam changed",
    "git add -A",
    "git rm -q dir/other",
    "git mv file dir/file && git commit -qm moved",
    "git update-index --assume-unchanged file",
    "git update-index --skip-worktree run",
    "git add -N untracked",
    "git update-index --cacheinfo 100644,$(git rev-parse HEAD:run),file",
    "git reset -q --soft HEAD~1",
    "git reset -q HEAD~1",
    "git stash -q",
    "git checkout -q HEAD~1 -- .",
    "git init -q deep && git -C deep commit -q --allow-empty -m x",
    "echo '*.new text' > .gitattributes",
    "echo '*.txt' >> .gitignore && echo y > y.txt",
];

/// A worktree of which every file was written well before its index, on a branch with a history of its own.
fn worktree(repo: &TestRepo) -> PathBuf {
    repo.git(&["checkout", "-q", "work"]);
    repo.commit_file("second", "2\n", "second");
    repo.git(&["checkout", "-q", "main"]);
    let at = repo.repo.add_worktree(&repo.beside("w"), branch("work")).unwrap();
    let made = fs::File::options().write(true).open(repo.path().join(".git/worktrees/w/index.made")).unwrap();
    made.set_modified(made.metadata().unwrap().modified().unwrap() + std::time::Duration::from_secs(1)).unwrap();
    at
}

fn does(repo: &TestRepo, at: &Path, deed: &str) {
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", deed]).current_dir(at).env_clear().envs(crate::git::scrubbed(repo.vars()));
    shell.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status().unwrap();
}

#[test]
fn what_was_committed_and_left_as_it_is_is_told_without_asking_git() {
    let repo = scene();
    let at = worktree(&repo);
    let others = |besides| {
        let worktree = repo.repo.find_worktree(&at).unwrap().unwrap();
        repo.repo.untouched(&worktree, besides).unwrap().map(|paths| paths.len())
    };
    assert_eq!(others(Besides::Nothing), Some(0));
    // Written into in place, it is the one of the engine's no more.
    let made = repo.path().join(".git/worktrees/w/index.made");
    let (bytes, time) = (fs::read(&made).unwrap(), fs::metadata(&made).unwrap().modified().unwrap());
    fs::write(&made, fs::read(repo.path().join(".git/index")).unwrap()).unwrap();
    assert_eq!(others(Besides::Nothing), None);
    fs::write(&made, bytes).unwrap();
    fs::File::options().write(true).open(&made).unwrap().set_modified(time).unwrap();
    assert_eq!(others(Besides::Nothing), Some(0));
    does(
        &repo,
        &at,
        "echo another one > file; rm -r dir; mkdir new; ln -s ../run new/link; git add -A; git commit -qm x",
    );
    assert_eq!(others(Besides::Nothing), Some(3), "a file, one that is gone, a link");
    does(&repo, &at, "echo > untracked");
    assert_eq!((others(Besides::Nothing), others(Besides::Others).is_some()), (None, true));
    does(&repo, &at, "rm untracked; echo a third one > file");
    assert_eq!((others(Besides::Nothing), others(Besides::Others)), (None, None));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_there_nothing_is_called_untouched_that_git_finds_changed(
        deeds in prop::collection::vec(0..DEEDS.len(), 1..5),
    ) {
        let repo = scene();
        let at = worktree(&repo);
        let deeds: Vec<&str> = deeds.into_iter().map(|deed| DEEDS[deed]).collect();
        deeds.iter().for_each(|deed| does(&repo, &at, deed));
        let worktree = repo.repo.find_worktree(&at).unwrap().unwrap();
        let quick = repo.repo.untouched(&worktree, Besides::Nothing).unwrap();
        let found = repo.repo.looked_through(&worktree).unwrap();
        prop_assert!(quick.is_none() || found.is_empty() && found.flagged.is_empty(), "{deeds:?}: {found:?}");
        let others = repo.repo.untouched(&worktree, Besides::Others).unwrap();
        prop_assert!(quick.is_none() || others.is_some(), "{deeds:?}");
        prop_assert!(others.is_none() || found.modified.is_empty(), "{deeds:?}: {found:?}");
        // What is made of it is the other commit, by Git's own look at every file.
        repo.repo.discard_worktree(&at).unwrap();
        repo.repo.sweep_trash().unwrap();
        repo.git(&["branch", "again", "main"]);
        let next = repo.repo.add_worktree(&repo.beside("next"), branch("again")).unwrap();
        does(&repo, &next, "find . -name .git -o -type f -exec touch {} +");
        prop_assert_eq!(status(&repo, &next), "", "{:?}", deeds);
        let format = "--format=%(objectmode) %(objectname) 0%x09%(path)";
        let staged = repo.git_in(&next, &["ls-files", "--stage"]);
        prop_assert_eq!(staged, repo.git_in(&next, &["ls-tree", "-r", format, "HEAD"]), "{:?}", deeds);
    }

    #[test]
    fn one_that_was_given_back_whole_becomes_any_other(deeds in prop::collection::vec(0..DEEDS.len(), 1..4)) {
        let repo = scene();
        let at = worktree(&repo);
        deeds.iter().for_each(|deed| does(&repo, &at, DEEDS[*deed]));
        does(&repo, &at, "git add -A; git commit -qm done");
        if let Ok(Removed::Gone) = repo.repo.remove_worktree(&at, None) {
            repo.git(&["branch", "again", "main"]);
            let next = repo.repo.add_worktree(&repo.beside("next"), branch("again")).unwrap();
            prop_assert_eq!(status(&repo, &next), "", "{:?}", deeds);
            let back = repo.repo.add_worktree(&repo.beside("back"), branch("work")).unwrap();
            prop_assert_eq!(status(&repo, &back), "", "{:?}", deeds);
        }
    }
}
