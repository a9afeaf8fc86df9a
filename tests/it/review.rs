//! People decide: approvals before the work, reviews after it, and what Git remembers of both.

use std::cell::Cell;
use std::process::Command;

use crate::harness::{Output, Sandbox, chant, run};

const ADA: &str = "Ada";
const BOB: &str = "Bob";

/// A call as somebody, with a mail address at example.org, a minute after the one before.
fn by(sandbox: &Sandbox, who: &str, args: &[&str]) -> Output {
    run(as_of(who, sandbox.command(chant(), &sandbox.root).args(args)))
}

fn commit(sandbox: &Sandbox, who: &str, message: &str) {
    sandbox.git(["add", "-A"]).ok();
    run(as_of(who, sandbox.command("git", &sandbox.root).args(["commit", "--quiet", "-m", message]))).ok();
}

fn as_of<'c>(who: &str, command: &'c mut Command) -> &'c mut Command {
    thread_local!(static CLOCK: Cell<u32> = const { Cell::new(1_767_225_600) });
    let date = format!("{} +0000", CLOCK.replace(CLOCK.get() + 60));
    for role in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{role}_NAME"), who)
            .env(format!("GIT_{role}_EMAIL"), format!("{}@example.org", who.to_lowercase()))
            .env(format!("GIT_{role}_DATE"), &date);
    }
    command
}

fn needs(sandbox: &Sandbox, who: &str) -> Vec<String> {
    let list = by(sandbox, who, &["list", "--needs", "me", "--json"]).ok().json();
    list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_was_done_waits_for_a_review_and_lands_with_the_approval() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "review: required", &["A $ test -f a"], "touch a").commit("spec");
    let out = sandbox.chant(["work", "001"]).ok();
    assert!(out.err.contains("waits for a review") && out.err.contains("chant approve 001-a"), "{}", out.err);
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.exists("a")), ("in_review", false));
    assert!(sandbox.item("001-a")["attention"].as_str().unwrap().contains("not approved yet"));
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "in_review", "working it again is no approval");
    assert_eq!(needs(&sandbox, BOB), ["001-a"]);
    by(&sandbox, BOB, &["approve", "001"]).ok();
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.exists("a")), ("completed", true));
    assert_eq!(needs(&sandbox, BOB), [""; 0]);
    let event = sandbox.ask("log -1 --format=%B%n%T main^2");
    assert!(event.contains("Chant-Approval: approved\nReviewed-by: Bob <bob@example.org>"), "{event}");
    assert!(event.contains(&sandbox.ask("rev-parse main^2^^{tree}")), "it changes no file: {event}");
    assert_eq!(sandbox.ask("branch --list chant/*"), "");
    sandbox.assert_fsck();
}

#[test]
fn work_that_wants_an_approval_is_blocked_until_it_has_one_and_each_attempt_wants_its_own() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "approval: required", &["A $ test -f go"], "cp \"$BESIDE/go\" go").commit("spec");
    let out = sandbox.chant(["work", "001"]).exits(3);
    assert!(out.err.contains("needs an approval"), "{}", out.err);
    assert_eq!(sandbox.item("001-a")["blocked_by"][0]["kind"], "approval");
    assert_eq!(sandbox.item("001-a")["review"]["of"], "plan");
    by(&sandbox, BOB, &["approve", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "ready");
    sandbox.chant(["work", "001"]).exits(1);
    assert_eq!(sandbox.status("001-a"), "failed");
    std::fs::write(sandbox.beside("go"), "").unwrap();
    sandbox.chant(["work", "001"]).exits(3);
    by(&sandbox, BOB, &["approve", "001"]).ok();
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn an_approval_of_a_plan_is_void_when_the_spec_changes() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "approval: required", &["A $ test -f a"], "touch a").commit("spec");
    by(&sandbox, BOB, &["approve", "001"]).ok();
    sandbox.write("other", "").commit("something else");
    assert_eq!(sandbox.status("001-a"), "ready", "what others commit does not matter");
    sandbox.steps("001-a", "approval: required", &["A $ test -f a"], "touch a; touch b").commit("more");
    assert_eq!(sandbox.status("001-a"), "blocked");
    let why = sandbox.chant(["why", "001"]).ok().out;
    assert!(why.contains("changed since"), "{why}");
    by(&sandbox, BOB, &["approve", "001"]).ok();
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn a_new_commit_voids_an_approval_and_why_says_so() {
    let sandbox = Sandbox::new();
    sandbox.write(".chant/config.yaml", "review: { count: 2 }\n");
    sandbox.steps("001-a", "review: required", &["A $ test -f a"], "touch a").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    let out = by(&sandbox, BOB, &["approve", "001"]).ok();
    assert!(out.out.contains("1 of 2 approvals"), "{}", out.out);
    assert_eq!(sandbox.status("001-a"), "in_review");
    let tree = sandbox.path(".chant/worktrees/001-a");
    std::fs::write(tree.join("more"), "").unwrap();
    sandbox.git(["-C", tree.to_str().unwrap(), "add", "-A"]).ok();
    sandbox.git(["-C", tree.to_str().unwrap(), "commit", "--quiet", "-m", "more"]).ok();
    by(&sandbox, ADA, &["approve", "001"]).exits(3);
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "in_review");
    let why = sandbox.chant(["why", "001"]).ok().out;
    assert!(why.contains("approval of Bob") && why.contains("does not count"), "{why}");
    by(&sandbox, ADA, &["approve", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "in_review");
    by(&sandbox, BOB, &["approve", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn only_those_who_may_decide_and_not_about_their_own_work() {
    let sandbox = Sandbox::new();
    sandbox.write(".chant/config.yaml", "land: review\nreview: { approvers: [ada@*, bob@*], self: false }\n");
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    by(&sandbox, ADA, &["work", "001"]).ok();
    let out = by(&sandbox, "Eve", &["approve", "001"]).exits(3);
    assert!(out.err.contains("may not decide") && out.err.contains("ada@*"), "{}", out.err);
    let out = by(&sandbox, ADA, &["approve", "001"]).exits(3);
    assert!(out.err.contains("did the work"), "{}", out.err);
    by(&sandbox, ADA, &["merge", "001"]).exits(3);
    assert_eq!((needs(&sandbox, ADA).len(), needs(&sandbox, "Eve").len(), needs(&sandbox, BOB).len()), (0, 0, 1));
    // A trailer can name anybody; who made the commit is what counts.
    let forged =
        "x\n\nChant-Spec: 001-a\nChant-Attempt: 1\nChant-Approval: approved\nReviewed-by: Bob <bob@example.org>";
    let tip = sandbox.ask("rev-parse chant/001-a");
    let commit = sandbox.git(["commit-tree", "-p", &tip, "-m", forged, &format!("{tip}^{{tree}}")]).ok().out;
    sandbox.git(["update-ref", "refs/heads/chant/001-a", commit.trim()]).ok();
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "in_review");
    by(&sandbox, BOB, &["approve", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn what_the_work_itself_says_about_approvers_does_not_count() {
    let sandbox = Sandbox::new();
    sandbox.write(".chant/config.yaml", "land: review\nreview: { approvers: [bob@*] }\n");
    let script = "printf 'review: { approvers: [eve@*] }\\n' > .chant/config.yaml; touch a";
    sandbox.steps("001-a", "target_files: [.chant/config.yaml]", &["A $ test -f a"], script).commit("spec");
    sandbox.chant(["work", "001"]).ok();
    by(&sandbox, "Eve", &["approve", "001"]).exits(3);
    assert_eq!(sandbox.status("001-a"), "in_review");
    by(&sandbox, BOB, &["approve", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}

/// The story of the issue: research is sent back, a person adds figures, it is worked again, approved, and only then does
/// the driver become ready.
#[test]
fn research_is_sent_back_worked_again_with_the_reason_and_approved() {
    let sandbox = Sandbox::new();
    let prompts = sandbox.beside("prompts");
    std::fs::create_dir(&prompts).unwrap();
    let agent = format!("cat > {}/$CHANT_ATTEMPT; echo \"attempt $CHANT_ATTEMPT\" > findings.md", prompts.display());
    sandbox.write("agent.sh", agent);
    sandbox.write(".chant/config.yaml", "agent: analyst\nagents: { analyst: { command: [sh, agent.sh] } }\n");
    sandbox.write(".chant/context/metrics.md", "churn 8 %\n");
    let front = "type: research\nreview: required\norigin: [.chant/context/**]";
    sandbox.spec("001-research", front, &["Findings $ test -s findings.md"], "");
    sandbox.spec("002-fixes", "type: driver\ndepends_on: [001]", &[], "");
    sandbox.steps("002-fixes.1", "", &["Fixed $ test -f fixed"], "touch fixed");
    commit(&sandbox, ADA, "specs");

    by(&sandbox, ADA, &["work", "001"]).ok();
    by(&sandbox, BOB, &["reject", "001"]).exits(2);
    by(&sandbox, BOB, &["reject", "001", "--reason", " "]).exits(2);
    let reason = "validate the integration estimate with the beta's figures";
    by(&sandbox, BOB, &["reject", "001", "--reason", reason]).ok();
    assert_eq!((sandbox.status("001-research").as_str(), sandbox.status("002-fixes").as_str()), ("ready", "blocked"));
    let attention = sandbox.item("001-research")["attention"].as_str().unwrap().to_owned();
    assert_eq!(attention, format!("sent back by Bob <bob@example.org>: {reason}"));
    sandbox.write(".chant/context/beta.md", "94 % success\n");
    commit(&sandbox, ADA, "the beta's figures");

    by(&sandbox, ADA, &["work", "001"]).ok();
    let prompt = std::fs::read_to_string(prompts.join("2")).unwrap();
    assert!(prompt.contains(reason) && prompt.contains(".chant/context/beta.md"), "{prompt}");
    assert!(!std::fs::read_to_string(prompts.join("1")).unwrap().contains("sent it back"));
    assert_eq!(
        (sandbox.status("001-research").as_str(), sandbox.status("002-fixes").as_str()),
        ("in_review", "blocked")
    );
    by(&sandbox, BOB, &["approve", "001"]).ok();
    assert_eq!((sandbox.status("001-research").as_str(), sandbox.status("002-fixes").as_str()), ("completed", "ready"));
    assert_eq!(sandbox.read("findings.md"), "attempt 2\n");

    let activity = sandbox.chant(["activity", "--json"]).ok().json();
    let told: Vec<String> = activity
        .as_array()
        .unwrap()
        .iter()
        .map(|moment| format!("{} {}", moment["what"].as_str().unwrap(), moment["detail"].as_str().unwrap()))
        .collect();
    let order = [
        "edited specs",
        "started attempt 1",
        "completed attempt 1",
        "rejected attempt 1: validate the integration",
        "edited the beta's figures",
        "started attempt 2",
        "completed attempt 2",
        "approved attempt 2",
        "landed attempt 2",
    ];
    let mut rest = told.iter();
    for wanted in order {
        assert!(rest.any(|moment| moment.starts_with(wanted)), "{wanted} is not in its place: {told:#?}");
    }
    let text = sandbox.chant(["activity", "001"]).ok().out;
    assert!(text.contains("Bob rejected 001-research"), "{text}");
}

#[test]
fn a_drivers_members_wait_for_the_approval_of_the_driver_and_it_lands_when_it_is_reviewed() {
    let sandbox = Sandbox::new();
    sandbox.spec("001-d", "type: driver\napproval: required\nreview: required", &["All $ test -f a"], "");
    sandbox.steps("001-d.1", "", &["A $ test -f a"], "touch a").commit("specs");
    sandbox.chant(["work", "001"]).exits(3);
    by(&sandbox, BOB, &["approve", "001"]).ok();
    sandbox.chant(["work", "001"]).ok();
    assert_eq!((sandbox.status("001-d").as_str(), sandbox.exists("a")), ("in_review", false));
    by(&sandbox, BOB, &["approve", "001"]).ok();
    assert_eq!((sandbox.status("001-d").as_str(), sandbox.exists("a")), ("completed", true));
    assert_eq!(sandbox.status("001-d.1"), "completed");
}

#[test]
fn each_attempt_of_a_driver_wants_its_own_approval_whatever_its_members_have_come_to() {
    let sandbox = Sandbox::new();
    sandbox.spec("001-d", "type: driver\napproval: required", &["All $ test -f a"], "");
    sandbox.steps("001-d.1", "", &["A $ test -f a"], "touch a").commit("specs");
    by(&sandbox, BOB, &["approve", "001-d"]).ok();
    sandbox.chant(["work", "001-d"]).ok();
    sandbox.steps("001-d.2", "", &["B $ test -f b"], "touch b").commit("another member");
    for wanted in ["001-d", "001-d.2"] {
        let out = sandbox.chant(["work", wanted]).exits(3);
        assert!(out.err.contains("attempt 2 of 001-d needs an approval"), "{}", out.err);
    }
    assert_eq!((sandbox.status("001-d.2").as_str(), sandbox.exists("b")), ("blocked", false));
    assert_eq!(sandbox.item("001-d")["blocked_by"][0]["kind"], "approval");
    assert_eq!(needs(&sandbox, BOB), ["001-d"]);
    let why = sandbox.chant(["why", "001-d"]).ok().out;
    assert!(why.contains("attempt 2 of 001-d needs an approval"), "{why}");
    by(&sandbox, BOB, &["approve", "001-d"]).ok();
    assert!(needs(&sandbox, BOB).is_empty());
    assert_eq!((sandbox.status("001-d").as_str(), sandbox.status("001-d.2").as_str()), ("completed", "ready"));
    sandbox.chant(["work", "001-d"]).ok();
    assert_eq!((sandbox.status("001-d").as_str(), sandbox.exists("b")), ("completed", true));
    assert_eq!(sandbox.item("001-d")["attempt"], 2);
}

#[test]
fn a_driver_that_was_sent_back_is_not_completed_again_before_somebody_approves_it() {
    let sandbox = Sandbox::new();
    sandbox.spec("001-d", "type: driver\napproval: required\nreview: required", &["All $ test -f a"], "");
    sandbox.steps("001-d.1", "", &["A $ test -f a"], "touch a").commit("specs");
    by(&sandbox, BOB, &["approve", "001-d"]).ok();
    sandbox.chant(["work", "001-d"]).ok();
    by(&sandbox, BOB, &["reject", "001-d", "--reason", "not yet"]).ok();
    assert_eq!(sandbox.status("001-d"), "blocked");
    let out = sandbox.chant(["work", "001-d"]).exits(3);
    assert!(out.err.contains("attempt 2 of 001-d needs an approval"), "{}", out.err);
    sandbox.chant(["work", "001-d.1"]).ok();
    assert_eq!(sandbox.status("001-d"), "blocked", "a member that has landed brings no driver along");
    by(&sandbox, BOB, &["approve", "001-d"]).ok();
    sandbox.chant(["work", "001-d"]).ok();
    assert_eq!((sandbox.status("001-d").as_str(), &sandbox.item("001-d")["attempt"]), ("in_review", &2.into()));
    by(&sandbox, BOB, &["approve", "001-d"]).ok();
    assert_eq!(sandbox.status("001-d"), "completed");
}

#[test]
fn a_plan_that_is_rejected_stays_blocked_with_the_reason_and_another_word_of_the_same_person_frees_it() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "approval: required", &["A $ test -f a"], "touch a").commit("spec");
    by(&sandbox, BOB, &["reject", "001", "--reason", "too early"]).ok();
    let reason = sandbox.item("001-a")["blocked_by"][0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("rejected by Bob") && reason.contains("too early"), "{reason}");
    by(&sandbox, BOB, &["approve", "001"]).ok();
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn where_nothing_waits_for_a_word_there_is_nothing_to_say() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    let out = sandbox.chant(["approve", "001"]).exits(3);
    assert!(out.err.contains("there is nothing to approve"), "{}", out.err);
    sandbox.chant(["work", "001"]).ok();
    sandbox.chant(["approve", "001"]).exits(3);
    sandbox.chant(["reject", "001", "--reason", "no"]).exits(3);
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn a_diff_before_deciding_shows_what_a_reviewer_looks_for() {
    let sandbox = Sandbox::new();
    sandbox.write("tests/a.js", "expect(one)\nexpect(two)\n").write("tests/b.js", "expect(three)\n");
    let script = "echo 'expect(one)' > tests/a.js; rm tests/b.js; touch elsewhere; touch wanted";
    let front = "review: required\ntarget_files: [wanted, 'tests/**']";
    sandbox.steps("001-a", front, &["A $ test -f wanted"], script).commit("spec");
    sandbox.chant(["work", "001"]).ok();
    let out = sandbox.chant(["diff", "001", "--stat"]).ok().out;
    for part in
        ["waits for 1 approval", "A", "outside target_files", "test deleted", "fewer checks, 2 before and 1 now"]
    {
        assert!(out.contains(part), "{part} is missing:\n{out}");
    }
    let json = sandbox.chant(["diff", "001", "--json"]).ok().json();
    assert_eq!(json["review"]["needed"], 1);
}

#[test]
fn completed_work_that_changes_what_counts_waits_for_an_approval_and_list_says_which() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a; echo 'jobs: 2' > .chant/config.yaml");
    sandbox.steps("002-b", "target_files: [.chant/config.yaml]", &["B $ test -f b"], "touch b").commit("specs");
    let out = sandbox.chant(["work", "001"]).exits(3);
    assert!(out.err.contains("accept it with `chant approve 001-a`"), "{}", out.all());
    let attention = sandbox.item("001-a")["attention"].as_str().unwrap().to_owned();
    assert!(
        attention.contains("changes .chant/config.yaml") && attention.contains("`chant approve 001-a`"),
        "{attention}"
    );
    assert!(!attention.contains("chant work"), "{attention}");
    sandbox.chant(["approve", "001"]).ok();
    sandbox.chant(["work", "001", "002"]).ok();
    assert!(sandbox.item("001-a")["attention"].is_null() && sandbox.read(".chant/config.yaml") == "jobs: 2\n");
}
