//! Who may work on a spec.

use crate::harness::{Sandbox, until, wait};

fn race(sandbox: &Sandbox, status: &str) {
    assert_eq!(sandbox.status("001-a"), status);
    let before = sandbox.beside("runs");
    std::fs::remove_file(&before).ok();
    let runs: Vec<_> = (0..8).map(|_| sandbox.spawn(&[], ["work", "001"])).collect();
    until("one of them to be at work", || before.exists());
    std::fs::write(sandbox.beside("go"), "").unwrap();
    let outs: Vec<_> = runs.into_iter().map(wait).collect();
    let won = outs.iter().filter(|out| out.code == 0).count();
    let held = outs.iter().filter(|out| out.code == 4).count();
    // Those that came when the winner was through found nothing left to do.
    assert!(won >= 1 && won + held == 8, "{outs:#?}");
    for out in outs.iter().filter(|out| out.code == 4) {
        assert!(out.err.contains("is being worked by"), "{}", out.all());
    }
    assert_eq!(std::fs::read_to_string(before).unwrap(), "run\n", "the agent ran once");
    assert_eq!(sandbox.status("001-a"), "completed");
    sandbox.assert_fsck();
}

const SCRIPT: &str = "echo run >> \"$BESIDE/runs\"; test -f \"$BESIDE/fail\" && exit 1; \
                      while ! test -f \"$BESIDE/go\"; do sleep 0.01; done; touch a";

fn project() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], SCRIPT).commit("spec");
    sandbox
}

#[test]
fn of_eight_that_claim_a_ready_spec_one_works() {
    race(&project(), "ready");
}

#[test]
fn of_eight_that_claim_a_failed_spec_one_works() {
    let sandbox = project();
    std::fs::write(sandbox.beside("fail"), "").unwrap();
    sandbox.chant(["work", "001"]).exits(1);
    std::fs::remove_file(sandbox.beside("fail")).unwrap();
    race(&sandbox, "failed");
}

#[test]
fn of_eight_that_claim_a_reset_spec_one_works() {
    let sandbox = project();
    std::fs::write(sandbox.beside("fail"), "").unwrap();
    sandbox.chant(["work", "001"]).exits(1);
    std::fs::remove_file(sandbox.beside("fail")).unwrap();
    sandbox.chant(["reset", "001"]).ok();
    race(&sandbox, "ready");
}

#[test]
fn of_eight_that_claim_a_stalled_spec_one_works() {
    let sandbox = project();
    sandbox.chant_with(&[("CHANT_KILL_AT", "claim.after-ref")], ["work", "001"]);
    until("the lock to be free", || sandbox.status("001-a") == "stalled");
    race(&sandbox, "stalled");
}

#[test]
fn a_run_of_another_machine_is_not_stalled_and_is_taken_over_only_when_asked() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    sandbox.chant_with(&[("CHANT_KILL_AT", "claim.after-ref"), ("CHANT_HOST", "elsewhere")], ["work", "001"]);
    assert_eq!(sandbox.status("001-a"), "in_progress");
    sandbox.chant(["work", "001"]).exits(4);
    sandbox.chant(["work", "001", "--takeover"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn a_branch_that_somebody_made_by_hand_is_adopted() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["Both $ test -f a && test -f by-hand"], "touch a").commit("spec");
    sandbox.git(["switch", "--quiet", "-c", "chant/001-a"]).ok();
    sandbox.write("by-hand", "").commit("by hand");
    sandbox.git(["switch", "--quiet", "main"]).ok();
    let out = sandbox.chant(["work", "001"]).ok();
    assert!(out.err.contains("adopted"), "{}", out.all());
    assert!(sandbox.exists("by-hand"));
}

#[test]
fn a_person_finishes_what_is_in_the_worktree_from_anywhere_and_no_agent_runs() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["F $ grep -q mine f"], "echo agent > f; touch agent-ran");
    sandbox.spec("002-b", "", &["G $ grep -q mine g"], "Do it.").commit("specs");
    for (id, file) in [("001-a", "f"), ("002-b", "g")] {
        sandbox.chant(["work", id, "--agent", "person"]).ok();
        let worktree = format!(".chant/worktrees/{id}");
        let out = sandbox.chant(["work", id, "--finish"]).exits(1);
        assert!(out.err.contains("nothing was recorded"), "{}", out.err);
        sandbox.write(&format!("{worktree}/{file}"), "mine\n");
        sandbox.chant_in(&worktree, ["work", id, "--finish"]).ok();
        assert_eq!((sandbox.status(id).as_str(), sandbox.read(file).as_str()), ("completed", "mine\n"));
    }
    sandbox
        .spec("003-d", "type: driver", &[], "")
        .spec("003-d.1", "agent: person", &["H $ test -f h"], "")
        .commit("more");
    sandbox.chant(["work", "003.1"]).ok();
    sandbox.write(".chant/worktrees/003-d.1/h", "");
    sandbox.chant_in(".chant/worktrees/003-d.1", ["work", "003.1", "--finish"]).ok();
    assert_eq!(sandbox.status("003-d"), "completed");
    assert!(!sandbox.exists("agent-ran"));
    assert!(sandbox.ask("log --format=%(trailers:key=Chant-Agent,valueonly) main").contains("person"));
}

#[test]
fn whoever_comes_too_late_is_told_which_run_holds_the_spec() {
    let sandbox = Sandbox::new();
    let script = "touch \"$BESIDE/working\"; until test -e \"$BESIDE/go\"; do sleep 0.02; done; touch a";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("a spec");
    let first = sandbox.spawn(&[], ["work", "001"]);
    until("it works", || sandbox.exists("../working"));
    let out = sandbox.chant(["work", "001"]).exits(4);
    assert!(out.err.contains("run ") && out.err.contains("@here of steps, process "), "{}", out.err);
    sandbox.write("../go", "");
    assert_eq!(crate::harness::wait(first).code, 0);
}

#[test]
fn what_is_being_worked_can_be_neither_reset_nor_cancelled_nor_merged_and_is_not_disturbed() {
    let sandbox = Sandbox::new();
    let script = "touch \"$BESIDE/working\"; until test -e \"$BESIDE/go\"; do sleep 0.02; done; touch a";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("a spec");
    let run = sandbox.spawn(&[], ["work", "001"]);
    until("it works", || sandbox.exists("../working"));
    let tip = sandbox.ask("rev-parse chant/001-a");
    for command in ["reset", "cancel", "merge"] {
        sandbox.chant([command, "001"]).exits(4);
    }
    assert_eq!(sandbox.ask("rev-parse chant/001-a"), tip);
    sandbox.write("../go", "");
    wait(run).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn a_reset_after_a_review_keeps_the_work_and_the_next_attempt_goes_on_from_it() {
    let sandbox = Sandbox::new();
    sandbox.write(".chant/config.yaml", "land: review\n");
    sandbox.steps("001-a", "", &["A $ test -f a"], "echo \"$CHANT_ATTEMPT\" >> a").commit("a spec");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.exists("a")), ("in_review", false));
    sandbox.chant(["reset", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "ready");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.item("001-a")["attempt"], 2);
    sandbox.chant(["merge", "001"]).ok();
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.read("a").as_str()), ("completed", "1\n2\n"));
}
