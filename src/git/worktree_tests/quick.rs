//! What is told from the index that the engine wrote, beside what Git tells when it looks at everything.

use proptest::prelude::*;

use super::super::untouched::Besides;
use super::*;

/// What somebody does in a worktree; each may find what an earlier one left, and fail.
const DEEDS: [&str; 42] = [
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
    "rm file",
    "echo '#!/bin/sh' > new.sh && chmod +x new.sh",
    "ln -s nowhere dangling",
    "mkdir -p dir/deep/deeper && echo x > dir/deep/deeper/x",
    "mkdir -p deep/target && echo x > deep/target/x",
    "mkdir -p dir/build && echo x > dir/build/x && echo y > dir/build/y.keep",
    "echo x > notes.log && echo x > dir/notes.log",
    "mkfifo pipe",
    "chmod +x file",
    "echo x > 'sp ace' && echo x > \"$(printf 'n\\303\\251w')\"",
    "mkdir .GIT && echo x > .GIT/config",
    "rm -r dir",
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

/// As [`scene`], without attributes, and with more that is ignored: Git takes each file for what it is.
fn plain() -> TestRepo {
    let repo = TestRepo::new();
    repo.write("dir/.gitignore", "/build/*\n!*.keep\n");
    repo.write(".gitignore", "*.ignored\n/target\nnotes.log\n!dir/notes.log\n");
    furnished(repo)
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

#[test]
fn files_that_were_made_changed_and_deleted_are_committed_without_git() {
    let repo = plain();
    let at = worktree(&repo);
    let deeds =
        "echo b > file; rm run; mkdir -p new/empty; echo x > new/x; chmod +x new/x; ln -s x new/link; echo > dir/z";
    does(&repo, &at, deeds);
    let left = repo.repo.leftovers(&at).unwrap();
    assert_eq!((left.modified.join(" "), left.untracked.join(" ")), ("file run".into(), "dir/z new/link new/x".into()));
    let commit = repo.repo.commit_gathered(&at, "work\n").unwrap().unwrap();
    assert_eq!(repo.repo.tip("refs/heads/work").unwrap(), Some(commit));
    assert_eq!(status(&repo, &at), "");
    let changed = repo.git_in(&at, &["show", "--format=%an %s", "--raw", "--abbrev=4", "--no-renames"]);
    assert_eq!(changed.lines().filter(|line| line.starts_with(':')).count(), 5, "{changed}");
    let worktree = repo.repo.find_worktree(&at).unwrap().unwrap();
    assert!(repo.repo.untouched(&worktree, Besides::Nothing).unwrap().is_some(), "what the next one is made of");
    assert_eq!(repo.repo.commit_gathered(&at, "again\n").unwrap(), None, "nothing to commit");
}

#[test]
fn a_commit_in_which_something_of_the_users_has_a_say_is_left_to_git() {
    for (why, deed) in [
        ("a hook", "printf '#!/bin/sh\\n' > $HOOKS/pre-commit && chmod +x $HOOKS/pre-commit"),
        ("a hook by its setting", "git config hook.mine.command true; git config hook.mine.event pre-commit"),
        ("a signature", "git config commit.gpgSign true"),
        ("another encoding", "git config i18n.commitEncoding latin1"),
        ("line ends", "git config core.autocrlf input"),
        ("attributes of the repository", "mkdir -p $INFO && echo '* text' > $INFO/attributes"),
        ("attributes beside it", "echo '* text' > .gitattributes"),
        ("rules beside it", "echo '*.o' > dir/.gitignore"),
        ("what is ignored", "echo x > x.ignored"),
        ("a pipe", "mkfifo pipe"),
        ("a name that Git keeps", "mkdir .GIT && echo > .GIT/config"),
        ("a repository within", "git init -q deep"),
        ("what is staged", "git add new"),
        ("what is marked", "git update-index --assume-unchanged file"),
        ("a directory instead of a file", "rm file; mkdir file; echo > file/x"),
        ("a setting without a value", "printf '[core]\\n\\tautocrlf\\n' >> $HOOKS/../config"),
        ("a setting that depends on the branch", "git config includeIf.onbranch:work.path x"),
        ("rules in a file that is found from where one stands", "git config core.excludesFile rules"),
        ("another author", "git config author.email other@example.com"),
        ("a short name of a file that Git reads", "echo > GITMOD~1"),
        ("a name that HFS takes for one", "echo > \"$(printf '.gitmodule\\342\\200\\214s')\""),
        ("a link of such a name", "ln -s x 'GI7EBA~1'"),
        ("another separator", "echo > 'a\\.git\\config'"),
    ] {
        let repo = plain();
        let at = worktree(&repo);
        let (hooks, info) = (repo.path().join(".git/hooks"), repo.path().join(".git/info"));
        fs::create_dir_all(&hooks).unwrap();
        let deed = deed.replace("$HOOKS", hooks.to_str().unwrap()).replace("$INFO", info.to_str().unwrap());
        does(&repo, &at, &format!("echo > new; {deed}"));
        // Settings are read when a repository is opened.
        let opened = Repo::open(&repo.path(), repo.vars()).unwrap();
        assert_eq!(opened.commit_gathered(&at, "work\n").unwrap(), None, "{why}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_there_nothing_is_called_untouched_that_git_finds_changed(
        deeds in prop::collection::vec(0..DEEDS.len(), 1..5),
        attributes: bool,
    ) {
        let repo = if attributes { scene() } else { plain() };
        let at = worktree(&repo);
        let deeds: Vec<&str> = deeds.into_iter().map(|deed| DEEDS[deed]).collect();
        deeds.iter().for_each(|deed| does(&repo, &at, deed));
        let worktree = repo.repo.find_worktree(&at).unwrap().unwrap();
        let quick = repo.repo.untouched(&worktree, Besides::Nothing).unwrap();
        let found = repo.repo.looked_through(&worktree).unwrap();
        prop_assert!(quick.is_none() || found.is_empty() && found.flagged.is_empty(), "{deeds:?}: {found:?}");
        // What is told without Git is what Git tells.
        prop_assert_eq!(&repo.repo.leftovers(&at).unwrap(), &found, "{:?}", deeds);
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
    fn what_is_committed_without_git_is_what_git_would_have_committed(
        deeds in prop::collection::vec(0..DEEDS.len(), 1..4),
    ) {
        let repo = plain();
        let at = worktree(&repo);
        let deeds: Vec<&str> = deeds.into_iter().map(|deed| DEEDS[deed]).collect();
        deeds.iter().for_each(|deed| does(&repo, &at, deed));
        let before = repo.repo.worktree_head(&at).unwrap().and_then(|head| head.commit());
        if let Some(commit) = repo.repo.commit_gathered(&at, "what was left\n").unwrap() {
            prop_assert_eq!(status(&repo, &at), "", "{:?}", deeds);
            prop_assert_eq!(repo.git_in(&at, &["fsck", "--strict", "--no-dangling"]), "");
            let told = repo.git_in(&at, &["log", "-1", "--format=%H %P %s"]);
            prop_assert_eq!(told, format!("{commit} {} what was left", before.unwrap()), "{:?}", deeds);
            // Git is asked the same in another one, of the same commit.
            repo.git_in(&at, &["reset", "-q", "HEAD~1"]);
            repo.git_in(&at, &["add", "--all"]);
            prop_assert_eq!(repo.git_in(&at, &["write-tree"]), repo.repo.tree(commit).unwrap().to_string(), "{:?}", deeds);
            prop_assert!(repo.repo.leftovers(&at).unwrap().untracked.is_empty());
        }
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
