//! What the proofs are worth: red before and green after, frozen files, strictness, and what other programs are given.

use crate::harness::{Sandbox, until, wait};

/// How each criterion came to hold, as `show --json` says.
fn ways(sandbox: &Sandbox, id: &str) -> Vec<serde_json::Value> {
    let shown = sandbox.chant(["show", id, "--json"]).ok().json();
    shown["proofs"].as_array().unwrap().iter().map(|proof| proof["way"].clone()).collect()
}

fn config(sandbox: &Sandbox, text: &str) {
    sandbox.write(".chant/config.yaml", text);
}

#[test]
fn a_criterion_is_red_then_green_or_it_held_before() {
    let sandbox = Sandbox::new();
    sandbox.write("old", "").steps("001-a", "", &["A $ test -f a", "Old $ test -f old", "Words"], "touch a");
    let tick = "sed -i 's/\\[ \\] Words/[x] Words/' \"$CHANT_SPEC_FILE\"; touch a";
    sandbox.steps("001-a", "", &["A $ test -f a", "Old $ test -f old", "Words"], tick).commit("spec");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(ways(&sandbox, "001"), ["red → green".into(), "held".into(), serde_json::Value::Null]);
    let shown = sandbox.chant(["show", "001"]).ok().out;
    assert!(shown.contains("red → green") && shown.contains("held: green before"), "{shown}");
    assert_eq!(sandbox.item("001-a")["criteria"]["verified"], 2);
}

#[test]
fn what_held_before_does_not_count_where_red_is_required_first() {
    let sandbox = Sandbox::new();
    config(&sandbox, "red_first: required\n");
    sandbox.write("old", "").steps("001-a", "", &["A $ test -f a", "Old $ test -f old"], "touch a");
    sandbox.steps("002-b", "", &["B $ test -f b"], "touch b").commit("specs");
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("green before the work as well"), "{}", out.all());
    assert_eq!(sandbox.status("001-a"), "failed");
    assert_eq!(ways(&sandbox, "001"), ["red → green", "held"]);
    sandbox.chant(["work", "002"]).ok();
    // Proven again, with what is noted and without, it does not count either.
    for notes in ["kept", "gone"] {
        if notes == "gone" {
            sandbox.git(["update-ref", "-d", "refs/notes/chant"]).ok();
        }
        let out = sandbox.chant(["verify", "001"]).exits(1);
        assert!(
            out.out.contains("does not hold") && out.out.contains("which does not count"),
            "{notes}: {}",
            out.all()
        );
        let found = sandbox.chant(["verify", "001", "--json"]).exits(1).json();
        assert_eq!((&found[0]["holds"], &found[0]["criteria"][1]["way"]), (&false.into(), &"held".into()), "{notes}");
        sandbox.chant(["verify", "002"]).ok();
    }
    sandbox.chant(["verify", "001", "--at", "main"]).exits(1);
}

#[test]
fn what_landed_before_red_was_required_still_holds() {
    let sandbox = Sandbox::new();
    sandbox.write("old", "").steps("001-a", "", &["A $ test -f a", "Old $ test -f old"], "touch a").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    config(&sandbox, "red_first: required\n");
    sandbox.steps("002-b", "", &["B $ test -f b"], "touch b $CHANT_ATTEMPT").commit("stricter");
    sandbox.chant(["work", "002"]).ok();
    let out = sandbox.chant(["verify", "--all"]).ok();
    assert!(out.out.contains("held: green before"), "{}", out.all());
}

#[test]
fn an_agent_cannot_make_itself_the_rule_less_strict() {
    let sandbox = Sandbox::new();
    config(&sandbox, "red_first: required\n");
    sandbox.write("old", "");
    sandbox.steps("001-a", "", &["Old $ test -f old"], "echo 'red_first: optional' > .chant/config.yaml");
    sandbox.commit("spec");
    sandbox.chant(["work", "001"]).exits(1);
}

#[test]
fn the_set_up_comes_before_the_proofs_on_the_base_and_siblings_share_them() {
    let sandbox = Sandbox::new();
    let count = sandbox.beside("count");
    config(&sandbox, "worktree: { setup: 'touch .made' }\n");
    sandbox.write(".gitignore", ".made\n");
    let proof = format!("Both $ test -f .made && echo x >> {} && test -f never", count.display());
    for id in ["001-d.1", "001-d.2"] {
        sandbox.steps(id, "", &[&proof], "echo worked > $(basename $CHANT_SPEC)");
    }
    sandbox.spec("001-d", "type: driver", &[], "").commit("specs");
    sandbox.chant(["work", "001", "-j", "1"]).exits(1);
    let runs = std::fs::read_to_string(count).unwrap().lines().count();
    assert_eq!(runs, 3, "once on the base that both start from, and once on the work of each");
}

#[test]
fn an_interruption_while_the_base_is_looked_at_fails_nothing() {
    let sandbox = Sandbox::new();
    let (here, go) = (sandbox.beside("here"), sandbox.beside("go"));
    let proof = format!("A $ touch {}; until test -f {}; do sleep 0.1; done; test -f a", here.display(), go.display());
    sandbox.steps("001-a", "", &[&proof], "touch a").commit("spec");
    let child = sandbox.spawn(&[], ["work", "001"]);
    until("the proof runs on the base", || here.exists());
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(wait(child).code, 130);
    std::fs::write(go, "").unwrap();
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.item("001-a")["attempt"], 1);
    assert_eq!(ways(&sandbox, "001"), ["red → green"]);
}

#[test]
fn the_base_is_looked_at_again_where_a_kill_took_the_answer() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    let out = sandbox.chant_with(&[("CHANT_KILL_AT", "attempt.committed")], ["work", "001"]);
    assert_ne!(out.code, 0, "{}", out.all());
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(ways(&sandbox, "001"), ["red → green"]);
}

#[test]
fn a_note_names_the_tree_and_the_spec_that_it_is_about() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    let event = sandbox.ask("rev-parse main^2");
    let note = sandbox.git(["notes", "--ref=chant", "show", &event]).ok().out;
    let line: serde_json::Value = serde_json::from_str(note.lines().next().unwrap()).unwrap();
    assert_eq!(line["tree"], sandbox.ask("rev-parse main^{tree}"));
    assert_eq!(line["spec_blob"], sandbox.ask("hash-object .chant/specs/001-a.md"));
    assert_eq!(line["criteria"][0]["base"], "red");
}

#[test]
fn changes_to_frozen_files_are_set_aside_and_shown_and_not_lost() {
    let sandbox = Sandbox::new();
    config(&sandbox, "frozen: ['tests/**']\n");
    sandbox.write("tests/check.sh", "test -f a\n").write("tests/other", "other\n");
    let script = "echo true > tests/check.sh; rm tests/other; touch tests/new a";
    sandbox.steps("001-a", "", &["A $ sh tests/check.sh"], script).commit("spec");
    let out = sandbox.chant(["work", "001"]).ok();
    assert!(out.err.contains("set aside") && out.err.contains("tests/check.sh"), "{}", out.all());
    assert_eq!(sandbox.read("tests/check.sh"), "test -f a\n");
    assert!(sandbox.exists("tests/other") && sandbox.exists("a") && !sandbox.exists("tests/new"));
    let aside = serde_json::json!(["tests/check.sh", "tests/new", "tests/other"]);
    assert_eq!(sandbox.chant(["show", "001", "--json"]).ok().json()["set_aside"], aside);
    let diff = sandbox.chant(["diff", "001", "--json"]).ok().json();
    assert_eq!((&diff["set_aside"], diff["files"].as_array().unwrap().len()), (&aside, 1));
    assert!(sandbox.chant(["diff", "001"]).ok().out.contains("tests/check.sh"));
    let kept = sandbox.ask("log --format=%H --grep=aside main");
    assert_eq!(sandbox.ask(&format!("show {kept}^:tests/check.sh")), "true", "the agent's version is in the history");
    sandbox.assert_fsck();
}

#[test]
fn a_frozen_test_that_the_agent_weakens_proves_as_it_was() {
    let sandbox = Sandbox::new();
    config(&sandbox, "frozen: [tests]\n");
    sandbox.write("tests/check.sh", "test -f a\n");
    // The directory itself goes, and a link stands in its place.
    let script = "mkdir fake && echo true > fake/check.sh && rm -r tests && ln -s fake tests";
    sandbox.steps("001-a", "", &["A $ sh tests/check.sh"], script).commit("spec");
    sandbox.chant(["work", "001"]).exits(1);
    assert_eq!(sandbox.status("001-a"), "failed");
    assert_eq!(sandbox.ask("show chant/001-a:tests/check.sh"), "test -f a");
    // The next attempt begins at the frozen files as they are.
    sandbox.chant(["work", "001"]).exits(1);
    sandbox.assert_fsck();
}

#[test]
fn a_frozen_file_that_the_spec_names_letter_by_letter_is_meant_to_change() {
    let sandbox = Sandbox::new();
    config(&sandbox, "frozen: ['tests/**']\n");
    sandbox.write("tests/a.sh", "test -f a\n").write("tests/b.sh", "test -f b\n");
    let script = "touch a; echo 'test -f a #' > tests/a.sh; echo true > tests/b.sh";
    sandbox.steps("001-a", "target_files: [tests/a.sh, 'tests/**']", &["A $ sh tests/a.sh"], script).commit("spec");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.read("tests/a.sh"), "test -f a #\n");
    assert_eq!(sandbox.read("tests/b.sh"), "test -f b\n");
}

#[test]
fn strictness_fails_weakened_tests_and_edited_criteria_and_diff_flags_both() {
    for (config, code) in [("strict: true\n", 1), ("", 0)] {
        let sandbox = Sandbox::new();
        sandbox.write(".chant/config.yaml", config).write("tests/a.sh", "assert one\nassert two\n");
        sandbox.steps("001-a", "", &["A $ test -f a"], "touch a; echo 'assert one' > tests/a.sh").commit("specs");
        let out = sandbox.chant(["work", "001"]).exits(code);
        if code == 1 {
            assert!(out.err.contains("fewer checks, 2 before and 1 now"), "{}", out.all());
        }
        let diff = sandbox.chant(["diff", "001", "--json"]).ok().json().to_string();
        assert!(diff.contains("fewer checks"), "{diff}");
    }
    let sandbox = Sandbox::new();
    config(&sandbox, "strict: true\n");
    let script = "touch a; sed -i 's/test -f a/true/' \"$CHANT_SPEC_FILE\"";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("spec");
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("proof changed: A"), "{}", out.all());
    let diff = sandbox.chant(["diff", "001"]).ok().out;
    assert!(diff.contains("proof changed: A"), "{diff}");
}

#[test]
fn strictness_fails_what_is_put_before_checks_or_lets_them_fail_and_no_new_test() {
    let t = "#!/bin/sh\nset -e\ntest -f a\ngrep -q 1 a\n";
    for (edit, why) in [
        ("sed -i '2i exit 0' qa/t.sh", "qa/t.sh: ends before checks that were there"),
        ("sed -i 's/q 1 a/q 1 a || true/' qa/t.sh", "qa/t.sh: lets checks fail unnoticed"),
        ("sed -i '/grep/d' qa/t.sh", "qa/t.sh: fewer checks, 2 before and 1 now"),
        ("sed -i 's/^def/@pytest.mark.skip\\ndef/' tests/test_x.py", "tests/test_x.py: skips tests"),
    ] {
        let sandbox = Sandbox::new();
        config(&sandbox, "strict: true\n");
        sandbox.write("qa/t.sh", t).write("tests/test_x.py", "def test_x():\n    assert x()\n");
        sandbox.steps("001-a", "", &["A $ sh qa/t.sh"], &format!("{edit}; echo 2 > a")).commit("specs");
        let out = sandbox.chant(["work", "001"]).exits(1);
        assert!(out.err.contains(why), "{edit}: {}", out.all());
        let diff = sandbox.chant(["diff", "001"]).ok().out;
        assert!(diff.contains(why.split(": ").nth(1).unwrap()), "{edit}: {diff}");
        assert_eq!(diff.contains("is run by a proof"), edit.contains("qa/t.sh"), "{diff}");
    }
    let sandbox = Sandbox::new();
    config(&sandbox, "strict: true\n");
    sandbox.write("tests/t.sh", t);
    let script = "echo 1 > a; sed '1a [ -f a ] || exit 0' tests/t.sh > tests/u.sh; echo 'test -s a' >> tests/t.sh";
    sandbox.steps("001-a", "target_files: [tests/t.sh, tests/u.sh, a]", &["A $ sh tests/t.sh"], script).commit("specs");
    sandbox.chant(["work", "001"]).ok();
}

#[test]
fn what_was_set_aside_is_shown_where_the_attempt_fails_before_its_proofs_too() {
    let sandbox = Sandbox::new();
    config(&sandbox, "strict: true\nfrozen: [golden]\n");
    sandbox.write("golden/a", "1\n").write("tests/a.sh", "assert one\nassert two\n");
    let script = "touch a; echo 2 > golden/a; echo 'assert one' > tests/a.sh";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("specs");
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("fewer checks") && out.err.contains("set aside"), "{}", out.all());
    for args in [["show", "001"], ["diff", "001"]] {
        let out = sandbox.chant(args).ok().out;
        assert!(out.contains("Set aside") && out.contains("golden/a"), "{out}");
    }
    for args in [["show", "001", "--json"], ["diff", "001", "--json"]] {
        assert_eq!(sandbox.chant(args).ok().json()["set_aside"], serde_json::json!(["golden/a"]));
    }
}

#[test]
fn a_rival_that_was_red_in_part_is_still_defended_in_the_rest() {
    let sandbox = Sandbox::new();
    let criteria = ["Kept $ test -f kept", "Broken $ ! test -f broken"];
    sandbox.steps("001-a", "", &criteria, "touch kept").steps("002-b", "", &["B $ test -f b"], "touch b; rm -f kept");
    sandbox.commit("specs");
    // b starts first and lands last; meanwhile a lands, and somebody breaks the one half of it.
    sandbox.git(["config", "chant.land", "review"]).ok();
    sandbox.chant(["work", "002"]).ok();
    sandbox.git(["config", "chant.land", "auto"]).ok();
    sandbox.chant(["work", "001"]).ok();
    sandbox.write("broken", "").commit("breaks one half");
    sandbox.chant(["merge", "002"]).ok();
    assert!(sandbox.exists("kept") && sandbox.exists("b"));
}

#[test]
fn verify_runs_several_at_a_time_and_says_what_was_red_before() {
    let sandbox = Sandbox::new();
    sandbox.write("old", "");
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").steps("002-b", "", &["B $ test -f b"], "touch b");
    sandbox.steps("003-c", "", &["C $ test -f c", "Old $ test -f old"], "touch c").commit("specs");
    sandbox.chant(["work", "001", "002", "003"]).ok();
    std::fs::remove_file(sandbox.path("c")).unwrap();
    std::fs::remove_file(sandbox.path("old")).unwrap();
    sandbox.commit("breaks c");
    let out = sandbox.chant(["verify", "--all", "--json", "-j", "3"]).exits(1);
    let found = out.json();
    let holds: Vec<_> = found.as_array().unwrap().iter().map(|one| (one["id"].clone(), one["holds"].clone())).collect();
    assert_eq!(holds, [("001-a".into(), true.into()), ("002-b".into(), true.into()), ("003-c".into(), false.into())]);
    let before = |n: usize| found[2]["criteria"][n]["unmet_before"].clone();
    assert_eq!((before(0), before(1)), (true.into(), false.into()));
    assert_eq!(sandbox.ask("worktree list").lines().count(), 1);
}

#[test]
fn verify_goes_on_past_a_spec_that_somebody_holds() {
    let sandbox = Sandbox::new();
    let (here, go) = (sandbox.beside("here"), sandbox.beside("go"));
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a");
    let wait_for = format!("touch {}; until test -f {}; do sleep 0.1; done; touch b", here.display(), go.display());
    sandbox.steps("002-b", "", &["B $ test -f b"], &wait_for).commit("specs");
    sandbox.chant(["work", "001"]).ok();
    let child = sandbox.spawn(&[], ["work", "002"]);
    until("the agent runs", || here.exists());
    let found = sandbox.chant(["verify", "002", "001", "--json"]).exits(4).json();
    assert!(found[0]["error"].as_str().unwrap().contains("being worked"), "{found}");
    assert_eq!((&found[0]["holds"], &found[1]["holds"]), (&false.into(), &true.into()));
    std::fs::write(go, "").unwrap();
    assert_eq!(wait(child).code, 0);
}

#[test]
fn evidence_is_given_as_an_in_toto_statement() {
    let sandbox = Sandbox::new();
    sandbox.write("old", "");
    sandbox.steps("001-a", "", &["A $ test -f a", "Old $ test -f old"], "touch a");
    sandbox.steps("002-b", "", &["B $ test -f b"], "touch b").steps("003-c", "", &["C $ false"], "touch c");
    sandbox.commit("specs");
    sandbox.chant(["export", "--format", "intoto", "001"]).exits(2);
    sandbox.chant(["export", "--format", "intoto"]).exits(2);
    sandbox.chant(["work", "001"]).ok();
    sandbox.chant(["work", "002"]).ok();
    sandbox.chant(["work", "003"]).exits(1);
    let statement = |id: &str| sandbox.chant(["export", "--format", "intoto", id]).ok().json();
    let one = statement("002");
    assert_eq!(one["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(one["predicateType"], "https://in-toto.io/attestation/test-result/v0.1");
    assert_eq!(one["subject"][0]["digest"]["gitTree"], sandbox.ask("rev-parse main^{tree}"));
    assert_eq!(one["subject"][1]["digest"]["gitCommit"], sandbox.ask("rev-parse main^2"));
    assert_eq!(one["predicate"]["result"], "PASSED");
    assert_eq!(one["predicate"]["passedTests"], serde_json::json!(["B"]));
    let blob = sandbox.ask("hash-object .chant/specs/002-b.md");
    assert_eq!(one["predicate"]["configuration"][0]["digest"]["gitBlob"], blob);
    let held = &statement("001")["predicate"];
    assert_eq!((&held["result"], &held["warnedTests"]), (&"WARNED".into(), &serde_json::json!(["Old"])));
    let failed = &statement("003")["predicate"];
    assert_eq!((&failed["result"], &failed["failedTests"]), (&"FAILED".into(), &serde_json::json!(["C"])));
}

#[test]
fn specs_are_given_as_json_csv_and_markdown() {
    let sandbox = Sandbox::new();
    sandbox.write(".chant/specs/001-a.md", "---\nlabels: [x, y]\n---\n# One, \"two\" | three\n");
    sandbox.steps("002-b", "", &["B $ test -f b"], "touch b").commit("specs");
    sandbox.chant(["work", "002"]).ok();
    let json = sandbox.chant(["export"]).ok().json();
    assert_eq!((json.as_array().unwrap().len(), &json[1]["status"]), (2, &"completed".into()));
    let csv = sandbox.chant(["export", "--format", "csv"]).ok().out;
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert!(lines[0].starts_with("id,project,title,type,status,") && lines.len() == 4, "{csv}");
    assert!(
        lines[1].starts_with("001-a,,\"One, \"\"two\"\" | three\",code,ready,") && lines[1].contains("x y"),
        "{csv}"
    );
    let table = sandbox.chant(["export", "--format", "markdown", "001"]).ok().out;
    assert!(table.contains("| 001-a | One, \"two\" \\| three | code | ready | 0 of 0 | |"), "{table}");
}

#[test]
fn costs_are_summed_over_all_attempts_from_the_trailers_alone() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "labels: [x]", &["A $ test -f a"], "test -f ../../../go && touch a").commit("spec");
    sandbox.chant(["work", "001"]).exits(1);
    // What an agent's kind reports stands in the event; here it is written as Git lets anybody write it.
    let tree = sandbox.ask("rev-parse chant/001-a^{tree}");
    let message =
        "x\n\nChant-Spec: 001-a\nChant-Status: failed\nChant-Attempt: 1\nChant-Cost: $0.25\nChant-Tokens: 1200";
    let event = sandbox.git(["commit-tree", &tree, "-p", "chant/001-a^", "-m", message]).ok().out.trim().to_owned();
    sandbox.git(["update-ref", "refs/heads/chant/001-a", &event]).ok();
    let report = sandbox.chant(["report", "cost", "--by", "label", "--json"]).ok().json();
    assert_eq!(report["rows"][0]["key"], "x");
    assert_eq!((&report["total"]["cost"]["USD"], &report["total"]["tokens"]), (&"0.25".into(), &1200.into()));
    let text = sandbox.chant(["report", "cost"]).ok().out;
    assert!(text.contains("001-a") && text.contains("0.25 USD") && text.contains("1 (1 failed)"), "{text}");
}

#[test]
fn a_clone_without_notes_says_that_and_marks_criteria_as_the_event_says() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "echo working; touch a").commit("spec");
    sandbox.steps("002-b", "", &["B $ test -f b"], "touch b").commit("another");
    sandbox.chant(["work", "001"]).ok();
    let here = sandbox.chant(["show", "001"]).ok().out;
    assert!(here.contains("✓ A") && !here.contains("not noted here"), "{here}");
    sandbox.git(["update-ref", "-d", "refs/notes/chant"]).ok();
    std::fs::remove_dir_all(sandbox.path(".git/chant/logs")).ok();
    for look in ["show", "diff"] {
        let out = sandbox.chant([look, "001"]).ok().out;
        let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            out.contains("✓ A") && words.contains("not noted here") && words.contains("`chant sync`"),
            "{look}: {out}"
        );
        let json = sandbox.chant([look, "001", "--json"]).ok().json();
        assert_eq!(json["evidence_missing"], true);
        assert_eq!(json[if look == "show" { "proofs" } else { "criteria" }][0]["verdict"], "verified");
    }
    let log = sandbox.chant(["log", "001"]).exits(2);
    let words = log.err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("is not here") && words.contains("`chant sync`") && !words.contains("chant work"),
        "{words}"
    );
    let log = sandbox.chant(["log", "002"]).exits(2);
    assert!(log.err.contains("chant work 002-b"), "{}", log.all());
    assert_eq!(sandbox.chant(["show", "002", "--json"]).ok().json()["evidence_missing"], false);
}

#[test]
fn of_a_proof_that_was_green_before_the_work_and_is_red_now_that_is_said() {
    let sandbox = Sandbox::new();
    sandbox.write("old", "").steps("001-a", "", &["A $ test -f a", "Old $ test -f old"], "touch a").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    std::fs::remove_file(sandbox.path("old")).unwrap();
    std::fs::remove_file(sandbox.path("a")).unwrap();
    sandbox.commit("both are gone");
    let out = sandbox.chant(["verify", "001"]).exits(1).out;
    assert!(out.contains("held then: green before the work, and red now"), "{out}");
    assert!(!out.contains("red → green then"), "what was red before the work is said to be as it was: {out}");
    sandbox.git(["update-ref", "-d", "refs/notes/chant"]).ok();
    let out = sandbox.chant(["verify", "001"]).exits(1).out;
    assert!(out.contains("held then: green before the work, and red now"), "without notes it is found out: {out}");
}
