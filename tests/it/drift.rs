//! Completed specs that rest on what is not so any more.

use crate::harness::Sandbox;

fn drifted(sandbox: &Sandbox) -> Vec<(String, Vec<String>)> {
    let found = sandbox.chant(["drift", "--json"]).ok().json();
    let words = |one: &serde_json::Value| {
        one["reasons"].as_array().unwrap().iter().map(|reason| reason["words"].as_str().unwrap().to_owned()).collect()
    };
    found.as_array().unwrap().iter().map(|one| (one["id"].as_str().unwrap().to_owned(), words(one))).collect()
}

fn project() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("data/a.csv", "1\n").write("guide.md", "guide\n").write("check.sh", "test -f a\n");
    sandbox.steps(
        "001-a",
        "origin: ['data/*.csv']\ninformed_by: guide.md",
        &["A $ sh check.sh"],
        "echo $CHANT_ATTEMPT > a",
    );
    sandbox.steps("002-b", "", &["B $ test -f b"], "touch b").commit("specs");
    sandbox.chant(["work", "001", "002"]).ok();
    sandbox
}

#[test]
fn inputs_text_and_proofs_that_have_changed_are_named_and_nothing_else() {
    let sandbox = project();
    assert_eq!(drifted(&sandbox), []);
    let good = sandbox.ask("rev-parse main");
    sandbox.write("unrelated", "x").commit("something else");
    assert_eq!(drifted(&sandbox), []);
    sandbox.write("data/a.csv", "2\n").write("data/b.csv", "3\n");
    std::fs::remove_file(sandbox.path("guide.md")).unwrap();
    sandbox.write("check.sh", "test -s a\n").commit("changes");
    let reasons = [
        "informed_by removed: guide.md",
        "origin changed: data/a.csv",
        "origin added: data/b.csv",
        "proof changed: check.sh",
    ];
    assert_eq!(drifted(&sandbox), [("001-a".to_owned(), reasons.map(str::to_owned).to_vec())]);
    assert_eq!(sandbox.chant(["drift", "--json", "--at", &good]).ok().json(), serde_json::json!([]));
    sandbox.chant(["drift", "002"]).ok();

    let text = sandbox.read(".chant/specs/002-b.md");
    sandbox.write(".chant/specs/002-b.md", text.replace("[ ]", "[x]")).commit("ticks a box");
    assert_eq!(drifted(&sandbox).len(), 1);
    sandbox.write(".chant/specs/002-b.md", text.replace("test -f b", "test -s b")).commit("another proof");
    assert_eq!(drifted(&sandbox)[1], ("002-b".to_owned(), vec!["proof changed: B".to_owned()]));
}

#[test]
fn what_has_drifted_is_worked_again_and_has_not_drifted_then() {
    let sandbox = project();
    sandbox.chant(["work", "--drifted"]).ok();
    assert_eq!(sandbox.item("001-a")["attempt"], 1);
    sandbox.write("data/a.csv", "2\n").commit("new data");
    sandbox.chant(["work", "--drifted"]).ok();
    assert_eq!((sandbox.item("001-a")["attempt"].clone(), sandbox.status("001-a")), (2.into(), "completed".to_owned()));
    assert_eq!(sandbox.item("002-b")["attempt"], 1, "what has not drifted is left alone");
    assert_eq!(sandbox.read("a"), "2\n");
    assert_eq!(drifted(&sandbox), []);
    sandbox.assert_fsck();
}

#[test]
fn what_the_agent_of_a_drifted_spec_would_be_told_is_shown() {
    let sandbox = project();
    let out = sandbox.chant(["work", "--drifted", "--print-prompt", "001"]).ok();
    assert!(out.out.is_empty() && out.err.contains("001-a has not drifted"), "{}", out.all());
    sandbox.write("data/a.csv", "2\n").commit("new data");
    let prompt = sandbox.chant(["work", "--drifted", "--print-prompt", "001"]).ok().out;
    assert!(prompt.contains("origin changed: data/a.csv"), "{prompt}");
    assert!(!sandbox.chant(["work", "--print-prompt", "001"]).ok().out.contains("origin changed"));
    assert_eq!(sandbox.item("001-a")["attempt"], 1, "nothing runs");
}

#[test]
fn a_drifted_spec_of_which_nothing_needs_to_change_is_completed_again() {
    let sandbox = Sandbox::new();
    sandbox.write(".chant/config.yaml", "red_first: required\n").write("in", "1\n");
    sandbox.steps("001-a", "origin: in", &["A $ test -f a"], "touch a").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    sandbox.write("in", "2\n").commit("another input");
    sandbox.chant(["work", "--drifted"]).ok();
    assert_eq!(drifted(&sandbox), []);
    let ways = sandbox.chant(["show", "001", "--json"]).ok().json();
    assert_eq!(ways["proofs"][0]["way"], "held");
    // Its own earlier work made it so.
    sandbox.chant(["verify", "001"]).ok();
}

#[test]
fn a_member_of_a_landed_driver_is_worked_again_through_its_driver() {
    let sandbox = Sandbox::new();
    sandbox.write("in", "1\n").spec("001-d", "type: driver", &[], "");
    sandbox.steps("001-d.1", "origin: in", &["A $ test -f a"], "cat in > a");
    sandbox.steps("001-d.2", "", &["B $ test -f b"], "touch b").commit("specs");
    sandbox.chant(["work", "001"]).ok();
    sandbox.write("in", "2\n").commit("another input");
    sandbox.chant(["work", "--drifted"]).ok();
    assert_eq!(sandbox.read("a"), "2\n");
    assert_eq!(drifted(&sandbox), []);
    assert_eq!(sandbox.status("001-d"), "completed");
}

#[test]
fn an_interrupted_second_time_is_gone_on_with() {
    let sandbox = project();
    sandbox.write("data/a.csv", "2\n").commit("new data");
    let out = sandbox.chant_with(&[("CHANT_KILL_AT", "attempt.committed")], ["work", "--drifted"]);
    assert_ne!(out.code, 0);
    sandbox.chant(["work", "001"]).ok();
    assert_eq!((sandbox.item("001-a")["attempt"].clone(), drifted(&sandbox)), (2.into(), Vec::new()));
}
