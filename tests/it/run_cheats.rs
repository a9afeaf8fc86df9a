//! Programs that the work has made and that are run for it: by its proofs, its set-up, the user's hooks.

use crate::harness::Sandbox;

/// A shell function `e <message> <parent>` that makes an event out of nothing.
const FORGE: &str = "e() { printf \"$1\\n\" | git commit-tree 'main^{tree}' -p $2; }\n\
    s=$(e 's\\n\\nChant-Spec: 002-z\\nChant-Status: in_progress\\nChant-Attempt: 1\\nChant-Run: abcdefabcdefabcd@here\\nChant-Target: main' main)\n\
    c=$(e 'c\\n\\nChant-Spec: 002-z\\nChant-Status: completed\\nChant-Attempt: 1\\nChant-Criteria: 1 verified' $s)\n\
    git update-ref refs/heads/main $(echo Merge | git commit-tree 'main^{tree}' -p main -p $c)";

fn with_program(proof: &str, program: &str) -> Sandbox {
    let sandbox = Sandbox::new().open();
    sandbox.steps("002-z", "", &["Z $ test -f zz"], "echo z > zz");
    sandbox.steps("001-a", "", &[&format!("A $ {proof}")], &format!("cat > t.sh <<'E'\n{program}\nE"));
    sandbox.commit("specs");
    sandbox
}

#[test]
fn a_proof_that_forges_the_events_of_another_spec_fails_the_attempt_and_they_are_disowned() {
    let sandbox = with_program("sh t.sh", FORGE);
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("no engine made it"), "{}", out.all());
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.status("002-z").as_str()), ("failed", "ready"));
    sandbox.assert_fsck();
}

#[test]
fn a_proof_that_forges_only_when_it_is_run_on_the_merged_tree_fails_it_too() {
    let program = format!("test -f landed || exit 0\n{FORGE}");
    let sandbox = with_program("sh t.sh", &program);
    sandbox.spec(
        "001-a",
        "review: required",
        &["A $ sh t.sh"],
        &format!("## Steps\n\n```sh\ncat > t.sh <<'E'\n{program}\nE\n```"),
    );
    sandbox.commit("reviewed");
    sandbox.chant(["work", "001"]).ok();
    sandbox.write("landed", "").commit("something else");
    let out = sandbox.chant(["approve", "001"]);
    assert!(out.code == 1 && out.all().contains("no engine made it"), "{}", out.all());
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.status("002-z").as_str()), ("failed", "ready"));
}

#[test]
fn settings_that_a_proof_plants_fail_the_attempt() {
    let sandbox = with_program("sh t.sh", "git config core.hooksPath /tmp/nowhere");
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("core.hookspath"), "{}", out.all());
    assert!(!sandbox.exists("t.sh"));
}

#[test]
fn a_set_up_that_the_work_changed_is_a_persons_to_accept() {
    let sandbox = Sandbox::new();
    sandbox.write(".chant/config.yaml", "worktree: { setup: \"sh setup.sh\" }\n");
    sandbox.write("setup.sh", ":\n").write(".gitignore", "out.txt\n");
    sandbox.steps("001-a", "", &["Out $ grep -q ok out.txt"], "echo 'echo ok > out.txt' >> setup.sh").commit("spec");
    let out = sandbox.chant(["work", "001"]).exits(3);
    assert!(out.err.contains("setup.sh"), "{}", out.all());
    assert_eq!(sandbox.status("001-a"), "in_review");
    let attention = sandbox.item("001-a")["attention"].as_str().unwrap().to_owned();
    assert!(attention.contains("changes setup.sh"), "{attention}");
}

#[test]
fn a_program_of_a_proof_is_known_however_it_is_called() {
    for proof in
        ["timeout 5 sh check.sh", "bash -e check.sh", "cd sub && sh x.sh", "sh < check.sh", "cat check.sh | sh"]
    {
        let sandbox = Sandbox::new();
        sandbox.write("check.sh", "exit 1\n").write("sub/x.sh", "exit 1\n");
        sandbox.steps("001-a", "", &[&format!("A $ {proof}")], "echo true > check.sh; echo true > sub/x.sh");
        sandbox.commit("spec").chant(["work", "001"]).exits(3);
        assert_eq!(sandbox.status("001-a"), "in_review", "{proof}");
        let attention = sandbox.item("001-a")["attention"].as_str().unwrap().to_owned();
        assert!(attention.contains("`chant approve 001-a`") && attention.contains(".sh"), "{proof}: {attention}");
    }
}

#[test]
fn a_target_that_an_agent_made_another_name_for_its_branch_is_put_back_and_nothing_lands_through_it() {
    let sandbox = Sandbox::new().open();
    let script = "test -f \"$BESIDE/once\" || { : > \"$BESIDE/once\"; git symbolic-ref refs/heads/main refs/heads/chant/001-a; }; echo a > a";
    sandbox.steps("001-a", "", &["A $ test -f a"], script);
    sandbox.steps("002-b", "", &["B $ test -f b"], "echo b > b").commit("specs");
    let main = sandbox.ask("rev-parse main");
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("main another name for refs/heads/chant/001-a"), "{}", out.all());
    assert_eq!(sandbox.ask("rev-parse main"), main);
    sandbox.git(["symbolic-ref", "refs/heads/main"]).exits(128);
    sandbox.chant(["work", "002"]).ok();
    sandbox.chant(["work", "001"]).ok();
    assert!(sandbox.exists("a") && sandbox.exists("b"));
    assert_eq!(sandbox.ask("status --porcelain"), "");
}

#[test]
fn notes_that_an_agent_made_another_name_for_main_are_not_written_there() {
    let sandbox = Sandbox::new().open();
    sandbox.steps("001-a", "", &["A $ test -f a"], "git symbolic-ref refs/notes/chant refs/heads/main; echo a > a");
    sandbox.steps("002-b", "", &["B $ test -f b"], "echo b > b").commit("specs");
    let main = sandbox.ask("rev-parse main");
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("refs/notes/chant another name"), "{}", out.all());
    assert_eq!(sandbox.ask("rev-parse main"), main);
    sandbox.chant(["work", "002"]).ok();
    assert!(!sandbox.ask("notes --ref=chant list").is_empty());
}

#[test]
fn a_lock_that_a_killed_git_left_on_the_branch_is_no_obstacle() {
    let sandbox = Sandbox::new().open();
    let script = "echo a > a; test -f \"$BESIDE/once\" || { : > \"$BESIDE/once\"; : > \"$(git rev-parse --git-common-dir)/refs/heads/chant/001-a.lock\"; exit 1; }";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("spec");
    sandbox.chant(["work", "001"]);
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}
