//! One spec from claim to landing.

use crate::harness::{Sandbox, chant, run};

#[test]
fn a_spec_with_steps_is_worked_proven_and_landed() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-greet", "", &["There is a greeting $ grep -q hello greeting.txt"], "echo hello > greeting.txt");
    sandbox.commit("spec");
    sandbox.chant(["work", "001"]).ok();

    assert_eq!(sandbox.status("001-greet"), "completed");
    assert_eq!(sandbox.read("greeting.txt"), "hello\n", "the checkout of the target follows");
    assert_eq!(sandbox.ask("status --porcelain"), "");
    assert_eq!(sandbox.ask("branch --list chant/*"), "", "the branch goes, for the merge holds all it held");
    assert_eq!(sandbox.ask("worktree list --porcelain").matches("worktree ").count(), 1);
    let message = sandbox.ask("log -1 --format=%B");
    assert!(message.contains("Chant-Landing: 001-greet 1 "), "{message}");
    let parents = sandbox.ask("log -1 --format=%P");
    assert_eq!(parents.split(' ').count(), 2, "a landing is always a merge");
    sandbox.assert_fsck();
}

#[test]
fn working_a_landed_spec_again_does_nothing_and_is_no_failure() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    let tip = sandbox.ask("rev-parse main");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.ask("rev-parse main"), tip);
}

#[test]
fn every_event_changes_no_file_and_is_read_by_git_as_trailers() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    let events = sandbox.ask("log --format=%H --grep=^Chant-Status: main");
    assert_eq!(events.lines().count(), 2, "a start and a completion: {events}");
    for event in events.lines() {
        assert_eq!(sandbox.ask(&format!("diff --stat {event}^ {event}")), "");
        let trailers = sandbox.git(["log", "-1", "--format=%(trailers:only,unfold)", event]).ok().out;
        assert!(trailers.contains("Chant-Spec: 001-a"), "{trailers}");
        assert!(trailers.contains("Chant-Attempt: 1"), "{trailers}");
    }
}

#[test]
fn an_agent_that_does_nothing_has_failed() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "true").commit("spec");
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("changed nothing"), "{}", out.all());
    assert_eq!(sandbox.status("001-a"), "failed");
    assert!(!sandbox.exists("a"));
}

#[test]
fn a_failed_attempt_keeps_its_work_and_the_next_one_goes_on_from_it() {
    let sandbox = Sandbox::new();
    let script = "echo once >> tries\ntest \"$(wc -l < tries)\" -lt 2 || touch done";
    sandbox.steps("001-a", "", &["Done $ test -f done"], script).commit("spec");
    sandbox.chant(["work", "001"]).exits(1);
    assert_eq!(sandbox.item("001-a")["attempt"], 1);
    assert_eq!(sandbox.ask("show chant/001-a:tries"), "once");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.item("001-a")["attempt"], 2);
    assert_eq!(sandbox.read("tries"), "once\nonce\n");
}

#[test]
fn a_fresh_start_begins_at_the_target_and_keeps_the_old_tip() {
    let sandbox = Sandbox::new();
    let script = "test -f ../../../go && touch done; echo once >> tries";
    sandbox.steps("001-a", "", &["Done $ test -f done"], script).commit("spec");
    sandbox.chant(["work", "001"]).exits(1);
    let old = sandbox.ask("rev-parse chant/001-a");
    sandbox.write("go", "").write(".git/info/exclude", "go\n.chant/worktrees/\n");
    sandbox.chant(["work", "001", "--fresh"]).ok();
    assert_eq!(sandbox.read("tries"), "once\n");
    let kept = sandbox.ask("for-each-ref --format=%(objectname) refs/chant/attempts/001-a");
    assert_eq!(kept, old);
}

#[test]
fn a_ticked_box_proves_nothing_where_there_is_a_command() {
    let sandbox = Sandbox::new();
    let script = "sed -i 's/- \\[ \\]/- [x]/' \"$CHANT_SPEC_FILE\"";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("spec");
    sandbox.chant(["work", "001"]).exits(1);
    assert_eq!(sandbox.status("001-a"), "failed");
}

#[test]
fn a_criterion_without_a_command_counts_as_claimed_where_the_agent_ticked_it() {
    let sandbox = Sandbox::new();
    let script = "touch a; sed -i 's/- \\[ \\] It reads well/- [x] It reads well/' \"$CHANT_SPEC_FILE\"";
    sandbox.steps("001-a", "", &["A $ test -f a", "It reads well"], script).commit("spec");
    sandbox.chant(["work", "001"]).ok();
    let item = sandbox.item("001-a");
    assert_eq!(item["criteria"], serde_json::json!({"total": 2, "verified": 1, "claimed": 1, "unmet": 0}));
}

#[test]
fn an_uncommitted_spec_is_refused_with_the_command_that_commits_it() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a");
    let out = sandbox.chant(["work", "001"]).exits(3);
    assert!(out.err.contains("git add .chant/specs/001-a.md && git commit"), "{}", out.all());
}

#[test]
fn the_users_index_files_and_branch_stay_as_they_are() {
    let sandbox = Sandbox::new();
    sandbox.write("mine.txt", "one\n").write("other.txt", "one\n");
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    sandbox.write("mine.txt", "edited\n").write("untracked.txt", "mine\n").write("staged.txt", "staged\n");
    sandbox.git(["add", "staged.txt"]).ok();
    let before = sandbox.ask("status --porcelain");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.ask("status --porcelain"), before);
    assert_eq!(sandbox.read("mine.txt"), "edited\n");
    assert_eq!(sandbox.read("untracked.txt"), "mine\n");
    assert!(sandbox.exists("a"));
}

#[test]
fn a_file_in_the_way_of_a_landing_is_never_overwritten() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "echo theirs > a").commit("spec");
    sandbox.write("a", "mine\n");
    let out = sandbox.chant(["work", "001"]).exits(3);
    assert!(out.err.contains('a'), "{}", out.all());
    assert_eq!(sandbox.read("a"), "mine\n");
    assert_eq!(sandbox.status("001-a"), "in_review");
    std::fs::remove_file(sandbox.path("a")).unwrap();
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.read("a"), "theirs\n");
}

#[test]
fn a_person_works_in_the_worktree_and_finishes() {
    let sandbox = Sandbox::new();
    sandbox.spec("001-a", "agent: person", &["A $ test -f a"], "").commit("spec");
    let out = sandbox.chant(["work", "001"]).ok();
    assert!(out.err.contains(".chant/worktrees/001-a"), "{}", out.all());
    assert_eq!(sandbox.status("001-a"), "in_progress");
    let out = sandbox.chant(["work", "001", "--finish"]).exits(1);
    assert!(out.err.contains("test -f a"), "{}", out.all());
    assert_eq!(sandbox.status("001-a"), "in_progress");
    sandbox.write(".chant/worktrees/001-a/a", "by hand\n");
    sandbox.chant(["work", "001", "--finish"]).ok();
    assert_eq!(sandbox.read("a"), "by hand\n");
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn a_shell_whose_directory_went_with_its_worktree_is_told_where_to_go() {
    let sandbox = Sandbox::new();
    sandbox.spec("001-a", "agent: person", &["A $ test -f a"], "").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    sandbox.write(".chant/worktrees/001-a/a", "by hand\n");
    let said = format!("chant: this directory is gone with its worktree: cd {}\n", sandbox.root.display());
    // It may still be there under another name, or not at all any more.
    let script =
        "touch in && \"$0\" work 001 --finish && ! \"$0\" list && rm -r \"$1\"/.git/chant/trash && ! \"$0\" list";
    let worktree = sandbox.path(".chant/worktrees/001-a");
    let mut shell = sandbox.command("sh", &worktree);
    let out = run(shell.args(["-c", script]).arg(chant()).arg(&sandbox.root)).ok();
    assert_eq!(out.err.matches(&said).count(), 3, "{}", out.all());
    assert!(out.err.ends_with(&format!("{said}{said}{said}")), "{}", out.all());
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.exists("in")), ("completed", true));
}

#[test]
fn reset_cancel_and_revert_change_the_status_and_nothing_else() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    sandbox.chant(["cancel", "001", "--reason", "not now"]).ok();
    assert_eq!(sandbox.status("001-a"), "cancelled");
    sandbox.chant(["work", "001"]).exits(3);
    sandbox.chant(["reset", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "ready");
    sandbox.chant(["work", "001"]).ok();
    assert!(sandbox.exists("a"));
    sandbox.chant(["revert", "001"]).ok();
    assert!(!sandbox.exists("a"));
    assert_eq!(sandbox.status("001-a"), "ready");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
    assert!(sandbox.exists("a"));
}

#[test]
fn a_revert_by_git_itself_takes_a_landing_back_and_a_revert_of_it_gives_it_back() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    sandbox.git(["revert", "--no-edit", "-m", "1", "HEAD"]).ok();
    assert_eq!(sandbox.status("001-a"), "ready");
    sandbox.git(["revert", "--no-edit", "HEAD"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn a_landing_that_brought_no_file_cannot_be_taken_back_and_the_revert_says_so() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -d .chant"], "true").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    let tip = sandbox.ask("rev-parse main");
    let out = sandbox.chant(["revert", "001"]).exits(3);
    assert!(out.err.contains("changed nothing that is still there"), "{}", out.all());
    assert_eq!((sandbox.ask("rev-parse main"), sandbox.status("001-a")), (tip, "completed".to_owned()));
}

#[test]
fn two_specs_that_conflict_leave_the_second_in_review_with_file_and_rival_named() {
    let sandbox = Sandbox::new();
    sandbox.write("shared.txt", "line\n");
    sandbox.steps("001-a", "", &["A $ grep -q a shared.txt"], "echo a > shared.txt");
    sandbox.spec("002-b", "agent: person", &["B $ grep -q b shared.txt"], "").commit("specs");
    sandbox.chant(["work", "002"]).ok();
    sandbox.chant(["work", "001"]).ok();
    sandbox.write(".chant/worktrees/002-b/shared.txt", "b\n");
    sandbox.chant(["work", "002", "--finish"]).exits(1);
    let item = sandbox.item("002-b");
    assert_eq!(item["status"], "in_review");
    let attention = item["attention"].as_str().unwrap();
    assert!(attention.contains("shared.txt") && attention.contains("001-a"), "{attention}");
    assert_eq!(sandbox.ask("show chant/002-b:shared.txt"), "b");
    assert_eq!(sandbox.read("shared.txt"), "a\n");
}

#[test]
fn green_alone_and_red_together_does_not_land() {
    let sandbox = Sandbox::new();
    sandbox.write("a.txt", "").write("b.txt", "");
    let alone = "Never both $ test \"$(cat a.txt b.txt | wc -l)\" -lt 2";
    sandbox.steps("001-a", "", &["A $ test -s a.txt", alone], "echo a > a.txt");
    sandbox.spec("002-b", "agent: person", &["B $ test -s b.txt"], "").commit("specs");
    sandbox.chant(["work", "002"]).ok();
    sandbox.chant(["work", "001"]).ok();
    sandbox.write(".chant/worktrees/002-b/b.txt", "b\n");
    let out = sandbox.chant(["work", "002", "--finish"]).exits(1);
    assert!(out.err.contains("001-a"), "the rival is named: {}", out.all());
    assert_eq!(sandbox.read("b.txt"), "");
    assert_eq!(sandbox.status("002-b"), "failed");
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn retries_are_attempts_of_their_own_and_end_with_the_first_that_does() {
    let sandbox = Sandbox::new();
    let script = "echo \"attempt $CHANT_ATTEMPT\" >> log\ntest \"$CHANT_ATTEMPT\" -lt 3 || touch a";
    sandbox.steps("001-a", "retries: 4", &["A $ test -f a"], script);
    sandbox.steps("002-b", "", &["B $ test -f b"], "echo x >> other");
    sandbox.write(".chant/config.yaml", "retries: 1\n").commit("specs");
    let out = sandbox.chant(["work", "001"]).ok();
    assert!(out.all().contains("trying again, 2 of 4"), "{}", out.all());
    assert_eq!(sandbox.read("log"), "attempt 1\nattempt 2\nattempt 3\n");
    assert_eq!(sandbox.item("001-a")["attempt"], 3);

    sandbox.chant(["work", "002"]).exits(1);
    assert_eq!((sandbox.status("002-b").as_str(), &sandbox.item("002-b")["attempt"]), ("failed", &2.into()));
}
