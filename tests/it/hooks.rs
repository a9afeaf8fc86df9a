//! Git calls chant: what its hooks do, and that they leave what was there alone.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::harness::{Output, Sandbox, chant, run, until};

/// A repository with chant's hooks in it.
fn hooked() -> Sandbox {
    let sandbox = Sandbox::new();
    with_chant(&sandbox, chant(), &["hooks", "install"]).ok();
    sandbox
}

/// A program as a user calls it who has installed chant.
fn with_chant(sandbox: &Sandbox, program: &str, args: &[&str]) -> Output {
    within(sandbox, &sandbox.root, program, args)
}

fn within(sandbox: &Sandbox, dir: &Path, program: &str, args: &[&str]) -> Output {
    let own = Path::new(chant()).parent().unwrap();
    let path = format!("{}:{}", own.display(), std::env::var("PATH").unwrap());
    run(sandbox.command(program, dir).env("PATH", path).args(args))
}

fn git(sandbox: &Sandbox, args: &[&str]) -> Output {
    with_chant(sandbox, "git", args)
}

fn script(sandbox: &Sandbox, path: &str, text: &[u8], mode: u32) {
    sandbox.write(path, text);
    std::fs::set_permissions(sandbox.path(path), PermissionsExt::from_mode(mode)).unwrap();
}

/// All files below a directory with their bytes and modes, links as what they lead to.
fn files(dir: &Path) -> Vec<(String, Vec<u8>, u32)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        let meta = std::fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            found.extend(files(&path));
        } else {
            let link = std::fs::read_link(&path).map(|to| to.into_os_string().into_encoded_bytes());
            let bytes = link.unwrap_or_else(|_| std::fs::read(&path).unwrap());
            found.push((path.display().to_string(), bytes, meta.permissions().mode()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_directory_that_was_made_for_the_hooks_goes_with_them() {
    let sandbox = Sandbox::new();
    let dir = sandbox.path(".git/hooks");
    std::fs::remove_dir_all(&dir).ok();
    with_chant(&sandbox, chant(), &["hooks", "install"]).ok();
    with_chant(&sandbox, chant(), &["hooks", "uninstall"]).ok();
    assert!(!dir.exists());
    sandbox.write(".git/hooks/mine", "");
    with_chant(&sandbox, chant(), &["hooks", "install"]).ok();
    with_chant(&sandbox, chant(), &["hooks", "uninstall"]).ok();
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
}

#[test]
fn what_was_there_is_called_as_well_and_uninstalling_restores_every_byte() {
    let sandbox = Sandbox::new();
    script(&sandbox, ".git/hooks/pre-commit", b"#!/bin/sh\necho shell >> \"$BESIDE/called\"\nexec true", 0o755);
    script(
        &sandbox,
        ".git/hooks/commit-msg",
        b"#!/usr/bin/env perl\nopen F, '>>', \"$ENV{BESIDE}/called\"; print F 'perl';",
        0o750,
    );
    script(&sandbox, ".git/hooks/post-commit", b"#!/bin/sh\necho asleep >> \"$BESIDE/called\"\n", 0o644);
    script(&sandbox, "scripts/prepare", b"#!/bin/bash\necho linked >> \"$BESIDE/called\"\n", 0o755);
    std::os::unix::fs::symlink("../../scripts/prepare", sandbox.path(".git/hooks/prepare-commit-msg")).unwrap();
    let before = (files(&sandbox.path(".git/hooks")), files(&sandbox.path("scripts")));

    let out = with_chant(&sandbox, chant(), &["hooks", "install"]).ok().out;
    assert!(out.contains("beside what was there"), "{out}");
    let once = files(&sandbox.path(".git/hooks"));
    let again = with_chant(&sandbox, chant(), &["hooks", "install"]).ok().out;
    assert!(!again.contains("installed:"), "{again}");
    assert_eq!(files(&sandbox.path(".git/hooks")), once, "twice is the same as once");
    let states = with_chant(&sandbox, chant(), &["hooks", "status", "--json"]).ok().json();
    assert!(states.as_array().unwrap().iter().all(|state| state["installed"] == true), "{states:#}");

    sandbox.spec("001-a", "depends_on: [009]", &[], "");
    git(&sandbox, &["add", "-A"]).ok();
    assert!(git(&sandbox, &["commit", "-m", "bad"]).code != 0, "chant's part is called");
    sandbox.spec("001-a", "", &[], "");
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "-m", "good"]).ok();
    let called = std::fs::read_to_string(sandbox.beside("called")).unwrap();
    assert!(called.contains("shell") && called.contains("perl") && called.contains("linked"), "{called}");
    assert!(!called.contains("asleep"), "what Git did not run before, it does not run now: {called}");

    with_chant(&sandbox, chant(), &["hooks", "uninstall"]).ok();
    assert_eq!((files(&sandbox.path(".git/hooks")), files(&sandbox.path("scripts"))), before);
    with_chant(&sandbox, chant(), &["hooks", "uninstall"]).ok();
    assert_eq!(files(&sandbox.path(".git/hooks")), before.0);
}

#[test]
fn hooks_that_lie_elsewhere_get_the_block_where_they_lie_and_the_setting_stays() {
    for (setting, place) in [(".githooks", ".githooks/pre-commit"), (".husky/_", ".husky/pre-commit")] {
        let sandbox = Sandbox::new();
        script(&sandbox, place, b"echo theirs >> \"$BESIDE/called\"\n", 0o755);
        script(&sandbox, ".husky/_/pre-commit", b"#!/bin/sh\nexec sh -e .husky/pre-commit \"$@\"\n", 0o755);
        sandbox.git(["config", "core.hooksPath", setting]).ok();
        let before =
            (files(&sandbox.path(".githooks")), files(&sandbox.path(".husky")), files(&sandbox.path(".git/hooks")));
        with_chant(&sandbox, chant(), &["hooks", "install"]).ok();
        assert!(sandbox.read(place).contains("git-chant hook pre-commit"));
        sandbox.spec("001-a", "depends_on: [009]", &[], "");
        git(&sandbox, &["add", "-A"]).ok();
        assert!(git(&sandbox, &["commit", "-m", "bad"]).err.contains("009"));
        with_chant(&sandbox, chant(), &["hooks", "uninstall"]).ok();
        let after =
            (files(&sandbox.path(".githooks")), files(&sandbox.path(".husky")), files(&sandbox.path(".git/hooks")));
        assert_eq!(after, before);
        assert_eq!(sandbox.ask("config core.hooksPath"), setting);
    }
}

#[test]
fn a_bad_spec_cannot_be_committed_as_it_is_staged_and_nothing_else_is_held_up() {
    let sandbox = hooked();
    sandbox.spec("001-a", "labels: x", &["A $ true"], "");
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "good"]).ok();
    sandbox.write(".chant/specs/001-a.md", "---\ntype: nonsense\n---\n# A\n");
    git(&sandbox, &["add", "-A"]).ok();
    sandbox.spec("001-a", "labels: x", &["A $ true"], "");
    let out = git(&sandbox, &["commit", "-m", "bad as it is staged"]);
    assert!(out.code != 0 && out.err.contains("nonsense") && out.err.contains("001-a.md"), "{}", out.all());
    git(&sandbox, &["commit", "--no-verify", "--quiet", "-m", "bad all the same"]).ok();
    sandbox.write("README", "x");
    git(&sandbox, &["add", "README"]).ok();
    git(&sandbox, &["commit", "-m", "something else"]).ok();
    sandbox.spec("002-b", "", &["B $ true"], "");
    git(&sandbox, &["add", ".chant/specs/002-b.md"]).ok();
    git(&sandbox, &["commit", "-m", "another spec, while one is broken already"]).ok();
    sandbox.write(".chant/config.yaml", "jobs: none\n");
    let out = git(&sandbox, &["commit", "-m", "only this path", ".chant/config.yaml"]);
    assert!(out.code != 0 && out.err.contains("jobs"), "the index that Git names counts: {}", out.all());
}

#[test]
fn a_commit_a_merge_and_a_squash_say_what_they_are_of() {
    let sandbox = hooked();
    sandbox.write(".chant/config.yaml", "land: review\n");
    for id in ["001-a", "002-b"] {
        sandbox.steps(id, "", &[&format!("It $ test -f {id}")], &format!("touch {id}"));
    }
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "specs"]).ok();
    with_chant(&sandbox, chant(), &["work", "001", "002"]).ok();
    let completed = sandbox.ask("rev-parse chant/001-a");
    git(&sandbox, &["merge", "--quiet", "--no-edit", "--no-ff", "chant/001-a"]).ok();
    let message = sandbox.ask("log -1 --format=%(trailers)");
    assert!(message.contains(&format!("Chant-Landing: 001-a 1 {completed}")), "{message}");
    git(&sandbox, &["merge", "--quiet", "--squash", "chant/002-b"]).ok();
    git(&sandbox, &["commit", "--quiet", "--no-edit"]).ok();
    let message = sandbox.ask("log -1 --format=%(trailers)");
    assert!(message.contains("Chant-Spec: 002-b\nChant-Landing: 002-b 1 "), "{message}");
    assert_eq!(sandbox.status("002-b"), "completed");
    git(&sandbox, &["switch", "--quiet", "-c", "chant/003-c"]).ok();
    sandbox.steps("003-c", "", &["C $ true"], "true");
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "begin"]).ok();
    assert_eq!(sandbox.ask("log -1 --format=%(trailers)"), "Chant-Spec: 003-c");
    git(&sandbox, &["commit", "--quiet", "--amend", "--no-edit"]).ok();
    assert_eq!(sandbox.ask("log -1 --format=%(trailers)"), "Chant-Spec: 003-c");
}

#[test]
fn a_merge_and_a_squash_in_the_words_of_a_person_say_what_they_land_and_a_squash_given_up_says_nothing() {
    let sandbox = hooked();
    sandbox.write(".chant/config.yaml", "land: review\n").write("later", "");
    for id in ["001-a", "002-b", "003-c"] {
        sandbox.steps(id, "", &[&format!("It $ test -f {id}")], &format!("echo made > {id}"));
    }
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "specs"]).ok();
    with_chant(&sandbox, chant(), &["work", "001", "002", "003"]).ok();
    git(&sandbox, &["merge", "--quiet", "--no-ff", "--no-commit", "chant/001-a"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "In my words"]).ok();
    let trailers = || sandbox.ask("log -1 --format=%(trailers)");
    assert!(trailers().contains("Chant-Landing: 001-a 1 "), "{}", trailers());
    git(&sandbox, &["merge", "--quiet", "--squash", "chant/002-b"]).ok();
    sandbox.write("002-b", "made better\n");
    git(&sandbox, &["commit", "--quiet", "-a", "-m", "In my words, and mended"]).ok();
    assert!(trailers().contains("Chant-Landing: 002-b 1 "), "{}", trailers());
    assert_eq!(sandbox.status("002-b"), "completed");
    git(&sandbox, &["merge", "--quiet", "--squash", "chant/003-c"]).ok();
    git(&sandbox, &["restore", "--staged", "--worktree", "."]).ok();
    assert!(sandbox.exists(".git/SQUASH_MSG"), "Git leaves it behind");
    sandbox.write("later", "something else\n");
    git(&sandbox, &["commit", "--quiet", "-a", "-m", "Something else"]).ok();
    assert_eq!(trailers(), "");
    assert_eq!(sandbox.status("003-c"), "in_review");
}

#[test]
fn what_cannot_be_true_is_refused_with_the_reason() {
    let sandbox = hooked();
    sandbox.spec("001-a", "", &["A $ test -f a"], "").spec("002-b", "", &[], "");
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "specs"]).ok();
    let refused = |words: &str, trailers: &[&str]| {
        let mut args = vec!["commit", "--allow-empty", "-m", "x"];
        trailers.iter().for_each(|trailer| args.extend(["--trailer", trailer]));
        let before = sandbox.ask("rev-parse HEAD");
        let out = git(&sandbox, &args);
        assert!(out.code != 0 && out.err.contains(words), "{words} for {trailers:?}: {}", out.all());
        assert_eq!(sandbox.ask("rev-parse HEAD"), before);
    };
    refused("there is no spec", &["Chant-Spec: 009-none"]);
    refused("own branch", &["Chant-Spec: 001-a", "Chant-Status: completed"]);
    refused("cannot be read", &["Chant-Spec: 001-a", "Chant-Status: done"]);
    refused("no key of chant", &["Chant-Colour: red"]);
    refused("belong to an event", &["Chant-Spec: 001-a", "Chant-Attempt: 1"]);
    refused("neither", &[&format!("Chant-Landing: 001-a 1 {}", sandbox.ask("rev-parse HEAD"))]);
    git(&sandbox, &["switch", "--quiet", "-c", "chant/001-a"]).ok();
    refused("no attempt under way", &["Chant-Status: completed"]);
    refused("branch of 001-a", &["Chant-Spec: 002-b"]);
    refused("not written by hand", &["Chant-Approval: approved"]);
    refused("attempt 1", &["Chant-Status: in_progress", "Chant-Attempt: 7"]);
    let out = git(&sandbox, &["commit", "--allow-empty", "-m", ""]);
    assert!(out.code != 0, "a message of nothing but chant's own trailer is empty: {}", out.all());
    git(&sandbox, &["commit", "--allow-empty", "--quiet", "-m", "x", "--trailer", "Chant-Spec: 001-a"]).ok();
}

#[test]
fn a_person_works_and_finishes_a_spec_in_plain_git() {
    let sandbox = hooked();
    sandbox.spec("001-a", "", &["A $ grep -q right a"], "");
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "spec"]).ok();
    let tree = sandbox.apart("mine");
    git(&sandbox, &["worktree", "add", "--quiet", "-b", "chant/001-a", tree.to_str().unwrap()]).ok();
    let here = |args: &[&str]| within(&sandbox, &tree, "git", args);
    here(&["commit", "--allow-empty", "--quiet", "-m", "I take this", "--trailer", "Chant-Status: in_progress"]).ok();
    assert_eq!(sandbox.status("001-a"), "in_progress");
    let finish = ["commit", "--allow-empty", "-m", "done", "--trailer", "Chant-Status: completed"];
    std::fs::write(tree.join("a"), "wrong\n").unwrap();
    here(&["add", "-A"]).ok();
    let out = here(&finish);
    assert!(out.code != 0 && out.err.contains("something staged"), "{}", out.all());
    here(&["commit", "--quiet", "-m", "work"]).ok();
    let out = here(&finish);
    assert!(out.code != 0 && out.err.contains("not completed") && out.err.contains("grep -q right a"), "{}", out.all());
    std::fs::write(tree.join("a"), "right\n").unwrap();
    here(&["commit", "--quiet", "-a", "-m", "better"]).ok();
    let out = here(&finish).ok();
    assert!(out.err.contains("001-a landed on main"), "{}", out.all());
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.read("a").as_str()), ("completed", "right\n"));
    let event = sandbox.ask("log -1 --format=%B main^2");
    for trailer in ["Chant-Spec: 001-a", "Chant-Status: completed", "Chant-Attempt: 1", "Chant-Criteria: 1 verified"] {
        assert!(event.contains(trailer), "{event}");
    }
    assert!(tree.join("a").exists(), "a worktree that is the user's stays");
    sandbox.assert_fsck();
}

/// On the branch of a spec that a person has begun.
fn begun() -> Sandbox {
    let sandbox = hooked();
    sandbox.spec("001-a", "", &["A $ test -f a"], "");
    sandbox.write("lib/deep/file", "kept\n");
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "spec"]).ok();
    git(&sandbox, &["switch", "--quiet", "-c", "chant/001-a"]).ok();
    git(&sandbox, &["commit", "--allow-empty", "--quiet", "-m", "mine", "--trailer", "Chant-Status: in_progress"]).ok();
    sandbox
}

fn work(sandbox: &Sandbox, file: &str) {
    sandbox.write(file, "made\n");
    git(sandbox, &["add", file]).ok();
    git(sandbox, &["commit", "--quiet", "-m", "work"]).ok();
}

const FINISH: [&str; 6] = ["commit", "--allow-empty", "-m", "done", "--trailer", "Chant-Status: completed"];

#[test]
fn an_editor_that_is_closed_without_a_word_stops_the_commit_as_ever() {
    let sandbox = begun();
    work(&sandbox, "a");
    sandbox.write("template", "Why, and what\n").write("a", "again\n");
    git(&sandbox, &["add", "a"]).ok();
    let before = sandbox.ask("rev-parse HEAD");
    for args in [
        &["commit"][..],
        &["commit", "--signoff"],
        &["commit", "--verbose"],
        &["-c", "commit.template=template", "commit"],
    ] {
        let out = git(&sandbox, &[&["-c", "core.editor=true"], args].concat());
        assert!(out.code != 0, "{args:?}: {}", out.all());
        assert_eq!(sandbox.ask("rev-parse HEAD"), before, "{args:?}");
    }
}

#[test]
fn a_key_in_the_text_of_a_message_is_refused_before_it_stands_in_the_way_of_a_landing() {
    let sandbox = begun();
    let text = "Note\n\nChant-Status: completed\n\nThat is how it will end.";
    let out = git(&sandbox, &["commit", "--allow-empty", "-m", text]);
    assert!(out.code != 0 && out.err.contains("could not land with it"), "{}", out.all());
    git(&sandbox, &["commit", "--allow-empty", "-m", "How Chant-Status is said"]).ok();
    work(&sandbox, "a");
    assert!(git(&sandbox, &FINISH).ok().err.contains("001-a landed on main"));
}

#[test]
fn an_event_takes_in_no_file_by_an_amendment_and_a_commit_of_files_is_said_to_be_none() {
    let sandbox = begun();
    sandbox.write("a", "made\n");
    git(&sandbox, &["add", "a"]).ok();
    let out = git(&sandbox, &["commit", "--amend", "--no-edit"]);
    assert!(out.code != 0 && out.err.contains("something staged"), "{}", out.all());
    assert_eq!(sandbox.status("001-a"), "in_progress");
    git(&sandbox, &["commit", "--quiet", "-m", "work"]).ok();
    let out = git(&sandbox, &["commit", "--amend", "--no-edit", "--trailer", "Chant-Status: completed"]).ok();
    assert!(out.err.contains("says nothing of 001-a") && !out.err.contains("landed"), "{}", out.all());
    git(&sandbox, &["commit", "--quiet", "--amend", "-m", "work"]).ok();
    assert!(git(&sandbox, &FINISH).ok().err.contains("001-a landed on main"));
}

#[test]
fn what_becomes_of_a_spec_is_not_said_beside_its_branch() {
    let sandbox = begun();
    git(&sandbox, &["switch", "--quiet", "main"]).ok();
    sandbox.write(".chant/config.yaml", "agent: person\n");
    let tree = sandbox.path(".chant/worktrees/001-a");
    git(&sandbox, &["worktree", "add", "--quiet", tree.to_str().unwrap(), "chant/001-a"]).ok();
    let here = |args: &[&str]| within(&sandbox, &tree, "git", args);
    here(&["switch", "--quiet", "--detach"]).ok();
    std::fs::write(tree.join("a"), "made\n").unwrap();
    here(&["add", "a"]).ok();
    here(&["commit", "--quiet", "-m", "work"]).ok();
    let out = here(&FINISH);
    assert!(out.code != 0 && out.err.contains("git switch chant/001-a && git merge --ff-only"), "{}", out.all());
    let work = within(&sandbox, &tree, "git", &["rev-parse", "HEAD"]).ok().out;
    here(&["switch", "--quiet", "chant/001-a"]).ok();
    here(&["merge", "--quiet", "--ff-only", work.trim()]).ok();
    assert!(here(&FINISH).ok().err.contains("001-a landed on main"));
}

#[test]
fn an_index_that_is_sparse_or_knows_of_a_file_to_come_holds_up_no_finish() {
    let sandbox = begun();
    work(&sandbox, "a");
    git(&sandbox, &["sparse-checkout", "set", "--cone", "--sparse-index", ".chant"]).ok();
    assert!(sandbox.ask("ls-files --sparse").lines().any(|line| line == "lib/"));
    sandbox.write("to-come", "");
    git(&sandbox, &["add", "--sparse", "--intent-to-add", "to-come"]).ok();
    assert!(git(&sandbox, &FINISH).ok().err.contains("001-a landed on main"));
}

#[test]
fn a_person_may_work_where_they_are_and_is_brought_nowhere_else() {
    let sandbox = hooked();
    sandbox.spec("001-a", "", &["A $ test -f a"], "");
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "spec"]).ok();
    git(&sandbox, &["switch", "--quiet", "-c", "chant/001-a"]).ok();
    let say = |status: &str| {
        let trailer = format!("Chant-Status: {status}");
        git(&sandbox, &["commit", "--allow-empty", "--quiet", "-m", status, "--trailer", &trailer])
    };
    say("in_progress").ok();
    assert_eq!(sandbox.item("001-a")["target"], "main", "the branch from which it was switched");
    sandbox.write("a", "");
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "work"]).ok();
    let out = say("completed").ok();
    assert!(out.err.contains("001-a landed on main"), "{}", out.all());
    assert_eq!(sandbox.ask("branch --show-current"), "chant/001-a");
    assert_eq!(sandbox.ask("ls-tree --name-only main a"), "a");
}

#[test]
fn an_engine_works_and_lands_as_well_with_hooks_as_without() {
    let sandbox = hooked();
    sandbox.spec("001-d", "type: driver", &["All $ test -f a && test -f b"], "");
    sandbox.steps("001-d.1", "", &["A $ test -f a"], "touch a");
    sandbox.steps("001-d.2", "", &["B $ test -f b"], "touch b; git add b; git commit -m b");
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "specs"]).ok();
    with_chant(&sandbox, chant(), &["work", "001"]).ok();
    assert_eq!(sandbox.status("001-d"), "completed");
    with_chant(&sandbox, chant(), &["revert", "001"]).ok();
    with_chant(&sandbox, chant(), &["work", "001"]).ok();
    assert_eq!(sandbox.status("001-d"), "completed");
    assert_eq!(sandbox.ask("status --porcelain"), "");
}

#[test]
fn a_hook_knows_its_spec_by_the_worktree_also_without_a_branch() {
    let sandbox = hooked();
    sandbox.spec("001-a", "agent: person", &["A $ test -f a"], "");
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "spec"]).ok();
    with_chant(&sandbox, chant(), &["work", "001"]).ok();
    let tree = sandbox.path(".chant/worktrees/001-a");
    within(&sandbox, &tree, "git", &["switch", "--quiet", "--detach"]).ok();
    within(&sandbox, &tree, "git", &["commit", "--allow-empty", "--quiet", "-m", "a try"]).ok();
    let trailers = within(&sandbox, &tree, "git", &["log", "-1", "--format=%(trailers)"]).ok().out;
    assert_eq!(trailers.trim(), "Chant-Spec: 001-a");
}

#[test]
fn while_a_run_holds_a_spec_nobody_else_says_what_becomes_of_it() {
    let sandbox = hooked();
    let (go, here) = (sandbox.beside("go"), sandbox.beside("here"));
    let wait = "touch a; touch \"$BESIDE/here\"; until test -f \"$BESIDE/go\"; do sleep 0.05; done";
    sandbox.steps("001-a", "", &["A $ test -f a"], wait);
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "spec"]).ok();
    let child = sandbox.spawn(&[], ["work", "001"]);
    until("the agent is at work", || here.exists());
    let tree = sandbox.path(".chant/worktrees/001-a");
    let say = ["commit", "--allow-empty", "-m", "x", "--trailer", "Chant-Status: cancelled"];
    let out = within(&sandbox, &tree, "git", &say);
    std::fs::write(&go, "").unwrap();
    assert!(out.code != 0 && out.err.contains("is being worked"), "{}", out.all());
    crate::harness::wait(child).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn a_rebase_and_a_cherry_pick_are_left_alone() {
    let sandbox = hooked();
    sandbox.steps("001-a", "review: required", &["A $ test -f a"], "touch a");
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "spec"]).ok();
    with_chant(&sandbox, chant(), &["work", "001"]).ok();
    let tree = sandbox.path(".chant/worktrees/001-a");
    sandbox.write("other", "");
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "other"]).ok();
    within(&sandbox, &tree, "git", &["rebase", "--quiet", "--empty=keep", "--keep-empty", "main"]).ok();
    assert_eq!(sandbox.status("001-a"), "in_review");
    git(&sandbox, &["cherry-pick", "--keep-redundant-commits", "--allow-empty", "main..chant/001-a"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn after_a_pull_what_landed_is_cleaned_up_and_what_became_ready_is_named() {
    let sandbox = hooked();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a");
    sandbox.steps("002-b", "depends_on: [001]", &["B $ test -f b"], "touch b");
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "specs"]).ok();
    sandbox.git(["clone", "--quiet", ".", "../other"]).ok();
    within(&sandbox, &sandbox.beside("other"), chant(), &["work", "001"]).ok();
    sandbox.git(["remote", "add", "other", "../other"]).ok();
    let out = git(&sandbox, &["pull", "--quiet", "other", "main"]).ok();
    assert!(out.err.contains("ready now: 002-b"), "{}", out.all());

    // A squash on a forge: the branch stays behind, and the next pull takes it away.
    sandbox.write(".chant/config.yaml", "land: review\n");
    git(&sandbox, &["commit", "--quiet", "-am", "reviews"]).ok();
    with_chant(&sandbox, chant(), &["work", "002"]).ok();
    git(&sandbox, &["push", "--quiet", "other", "main:merged", "chant/002-b"]).ok();
    let other = |args: &[&str]| within(&sandbox, &sandbox.beside("other"), "git", args).ok();
    other(&["switch", "--quiet", "merged"]);
    other(&["merge", "--quiet", "--squash", "chant/002-b"]);
    other(&["commit", "--quiet", "-m", "B (#7)"]);
    let out = git(&sandbox, &["pull", "--quiet", "--ff-only", "other", "merged"]).ok();
    assert!(out.err.contains("002-b has landed"), "{}", out.all());
    assert_eq!(sandbox.ask("branch --list chant/*"), "");
    assert_eq!(
        sandbox.ask("for-each-ref --format=%(refname) refs/chant/landed").lines().count(),
        1,
        "and nothing is lost"
    );
}

#[test]
fn a_target_that_is_not_whole_and_a_claim_of_somebody_else_are_not_pushed() {
    let sandbox = hooked();
    script(&sandbox, ".git/hooks/reference", b"", 0o644);
    sandbox.spec("001-d", "type: driver", &[], "");
    sandbox.steps("001-d.1", "", &["A $ test -f a"], "touch a");
    sandbox.steps("001-d.2", "", &["B $ test -f b"], "false");
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "specs"]).ok();
    sandbox.git(["clone", "--quiet", "--bare", ".", "../server.git"]).ok();
    sandbox.git(["remote", "add", "origin", "../server.git"]).ok();
    git(&sandbox, &["push", "--quiet", "origin", "main"]).ok();
    with_chant(&sandbox, chant(), &["work", "001"]).exits(1);
    // A person calls the driver done, and brings it in as it is.
    git(&sandbox, &["switch", "--quiet", "chant/001-d"]).ok();
    let done = ["commit", "--no-verify", "--allow-empty", "--quiet", "-m", "x", "--trailer", "Chant-Spec: 001-d"];
    git(&sandbox, &[&done[..], &["--trailer", "Chant-Status: completed", "--trailer", "Chant-Attempt: 1"]].concat())
        .ok();
    git(&sandbox, &["switch", "--quiet", "main"]).ok();
    git(&sandbox, &["merge", "--quiet", "--no-edit", "--no-ff", "chant/001-d"]).ok();
    git(&sandbox, &["merge", "--quiet", "--no-edit", "--no-ff", "-s", "ours", "chant/001-d.2"]).ok();
    let out = git(&sandbox, &["push", "origin", "main"]);
    assert!(out.code != 0 && out.err.contains("001-d is completed, but 001-d.2 is failed"), "{}", out.all());
    git(&sandbox, &["push", "--quiet", "origin", "main:refs/heads/main-in-review"]).exits(1);
    git(&sandbox, &["push", "--quiet", "origin", "HEAD:refs/heads/a-copy"]).ok();
    git(&sandbox, &["push", "--quiet", "--no-verify", "origin", "main"]).ok();

    // Another clone claims a spec on the server.
    sandbox.git(["clone", "--quiet", "../server.git", "../other"]).ok();
    let other = sandbox.beside("other");
    let claim = |dir: &Path, run: &str| {
        let start = format!("x\n\nChant-Spec: 001-d.2\nChant-Status: in_progress\nChant-Attempt: 9\nChant-Run: {run}");
        let start = within(&sandbox, dir, "git", &["commit-tree", "-p", "main", "-m", &start, "main^{tree}"]).ok().out;
        within(&sandbox, dir, "git", &["update-ref", "refs/heads/chant/001-d.2", start.trim()]).ok();
    };
    claim(&other, "1@there");
    within(&sandbox, &other, "git", &["push", "--quiet", "origin", "chant/001-d.2"]).ok();
    claim(&sandbox.root, "2@here");
    for push in ["chant/001-d.2", ":chant/001-d.2"] {
        let out = git(&sandbox, &["push", "--force", "origin", push]);
        assert!(out.code != 0 && out.err.contains("not here"), "{push}: {}", out.all());
    }
    git(&sandbox, &["fetch", "--quiet", "origin"]).ok();
    for push in ["chant/001-d.2", ":chant/001-d.2"] {
        let out = git(&sandbox, &["push", "--force", "origin", push]);
        assert!(out.code != 0 && out.err.contains("claimed by run 1@there"), "{push}: {}", out.all());
    }
    git(&sandbox, &["branch", "--quiet", "kept", "origin/chant/001-d.2"]).ok();
    git(&sandbox, &["push", "--quiet", "origin", ":chant/001-d.2"]).ok();
}

#[test]
fn what_git_writes_to_a_hook_reaches_both() {
    let sandbox = Sandbox::new();
    script(&sandbox, ".git/hooks/pre-push", b"#!/bin/sh\nset -eu\ncat > \"$BESIDE/got\"\n", 0o755);
    with_chant(&sandbox, chant(), &["hooks", "install"]).ok();
    sandbox.git(["clone", "--quiet", "--bare", ".", "../server.git"]).ok();
    git(&sandbox, &["commit", "--quiet", "--allow-empty", "-m", "x"]).ok();
    git(&sandbox, &["push", "--quiet", "../server.git", "main", "main:two"]).ok();
    let got = std::fs::read_to_string(sandbox.beside("got")).unwrap();
    assert_eq!(got.lines().count(), 2, "{got:?}");
    assert!(got.ends_with('\n') && got.starts_with("refs/heads/main "), "{got:?}");
    git(&sandbox, &["push", "../server.git", "main"]).ok();
    assert_eq!(std::fs::read_to_string(sandbox.beside("got")).unwrap(), "", "nothing to push is nothing to read");
}

#[test]
fn a_commit_of_a_spec_starts_the_work_only_where_the_clone_wishes_it() {
    let sandbox = hooked();
    sandbox.write(".chant/config.yaml", "hooks: { work: true }\n");
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a");
    git(&sandbox, &["add", "-A"]).ok();
    git(&sandbox, &["commit", "--quiet", "-m", "a spec"]).ok();
    assert!(!sandbox.path(".git/chant/wanted").exists(), "a committed file starts nothing");
    assert_eq!(sandbox.status("001-a"), "ready");
    sandbox.git(["config", "chant.hooks.work", "true"]).ok();
    sandbox.steps("002-b", "", &["B $ test -f b"], "touch b");
    git(&sandbox, &["add", "-A"]).ok();
    let out = git(&sandbox, &["commit", "--quiet", "-m", "another"]).ok();
    assert!(out.err.contains("started in the background: 002-b"), "{}", out.all());
    until("the worker has landed it", || sandbox.status("002-b") == "completed");
    assert_eq!(sandbox.status("001-a"), "ready", "what the commit did not touch is not worked");
}

#[test]
fn where_chant_is_not_installed_git_notices_nothing() {
    let sandbox = hooked();
    sandbox.write(".chant/specs/001-a.md", "no title\n");
    sandbox.git(["add", "-A"]).ok();
    let out = sandbox.git(["commit", "--quiet", "-m", "x"]).ok();
    assert_eq!((out.out.as_str(), out.err.as_str()), ("", ""));
    let elsewhere = Sandbox::bare_directory();
    elsewhere.git(["init", "--quiet", "."]).ok();
    with_chant(&elsewhere, chant(), &["hooks", "install"]).ok();
    let out = git(&elsewhere, &["commit", "--quiet", "--allow-empty", "-m", "no project"]).ok();
    assert_eq!(out.err, "");
}

#[test]
fn the_files_under_hooks_do_the_same_by_themselves() {
    let sandbox = Sandbox::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks");
    sandbox.git(["config", "core.hooksPath", shipped.to_str().unwrap()]).ok();
    sandbox.write(".chant/specs/001-a.md", "no title\n");
    git(&sandbox, &["add", "-A"]).ok();
    let out = git(&sandbox, &["commit", "--quiet", "-m", "x"]);
    assert!(out.code != 0 && out.err.contains("001-a.md"), "{}", out.all());
    let names: Vec<String> = files(&shipped).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names.len(), 11, "{names:?}");
    for name in names {
        let text = std::fs::read_to_string(&name).unwrap();
        let hook = Path::new(&name).file_name().unwrap().to_str().unwrap();
        assert!(text.ends_with(&format!("exec git-chant hook {hook} \"$@\"\n")), "{name}");
    }
}
