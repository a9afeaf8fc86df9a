//! A spec goes from its agent to a person: `chant handover`, and `chant attach`.

use std::process::Child;

use crate::harness::{Sandbox, until, wait};

/// A project whose agent writes half of it, says that it is up, and sleeps.
fn project() -> Sandbox {
    let sandbox = Sandbox::new();
    let script = "echo half > half.txt; git add half.txt; git commit -qm half; echo more > more.txt; : > \"$BESIDE/up\"; sleep 300";
    sandbox.steps("001-a", "", &["Done $ test -f done.txt -a -f half.txt -a -f more.txt"], script);
    sandbox.commit("spec");
    sandbox
}

fn up(sandbox: &Sandbox) {
    let up = sandbox.beside("up");
    until("the agent to be up", || up.exists());
}

fn working(sandbox: &Sandbox, args: &[&str]) -> Child {
    let engine = sandbox.spawn(&[], args);
    up(sandbox);
    engine
}

fn worktree(sandbox: &Sandbox) -> String {
    sandbox.path(".chant/worktrees/001-a").display().to_string()
}

/// What is left to do is done by hand, and lands.
fn finish_by_hand(sandbox: &Sandbox) {
    sandbox.write(".chant/worktrees/001-a/done.txt", "done\n");
    sandbox.chant(["work", "001", "--finish"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
    assert_eq!(sandbox.item("001-a")["attempt"], 1, "the same attempt");
    for (file, text) in [("half.txt", "half\n"), ("more.txt", "more\n"), ("done.txt", "done\n")] {
        assert_eq!(sandbox.read(file), text);
    }
    sandbox.assert_fsck();
}

#[test]
fn a_running_agent_is_stopped_and_its_work_is_in_the_hands_of_who_asked() {
    let sandbox = project();
    let engine = working(&sandbox, &["work", "001"]);
    let out = sandbox.chant(["handover", "001"]).ok();
    assert!(out.out.contains("is handed over to Ada <ada@example.org>, from steps"), "{}", out.all());
    assert!(out.out.contains(&worktree(&sandbox)) && out.out.contains("chant work 001-a --finish"), "{}", out.all());
    let run = wait(engine).exits(0);
    assert!(run.err.contains("is handed over to Ada"), "{}", run.all());
    let item = sandbox.item("001-a");
    assert_eq!((&item["status"], &item["attempt"]), (&"in_progress".into(), &1.into()));
    let attention = item["attention"].as_str().unwrap();
    assert!(attention.contains("Ada") && attention.contains("handed over from steps"), "{attention}");
    assert!(attention.contains("`chant work 001-a --finish`"), "{attention}");
    let start = sandbox.ask("log -1 --format=%(trailers:unfold) chant/001-a");
    for line in ["Chant-Agent: person", "Chant-From: steps", "Chant-Person: Ada <ada@example.org>", "Chant-Attempt: 1"]
    {
        assert!(start.contains(line), "{line}: {start}");
    }
    assert!(sandbox.chant(["why", "001"]).ok().out.contains("handed over from steps to Ada"));
    let shown = sandbox.chant(["show", "001"]).ok().out;
    assert!(shown.contains("from steps, handed over to Ada"), "{shown}");
    assert!(!sandbox.ask("log --format=%(trailers) chant/001-a").contains("failed"));
    assert_eq!(sandbox.ask("-C .chant/worktrees/001-a status --porcelain"), "");
    finish_by_hand(&sandbox);
    assert!(sandbox.chant(["log", "001"]).code != 2, "what the agent said is kept");
}

#[test]
fn a_second_handover_changes_nothing_and_says_whose_it_is() {
    let sandbox = project();
    let engine = working(&sandbox, &["work", "001"]);
    let first = sandbox.chant(["handover", "001", "--json"]).ok().json();
    wait(engine).exits(0);
    assert_eq!(
        (&first["before"], &first["from"], &first["branch"]),
        (&false.into(), &"steps".into(), &"chant/001-a".into())
    );
    assert_eq!(first["worktree"].as_str().unwrap(), worktree(&sandbox));
    let tip = sandbox.ask("rev-parse chant/001-a");
    assert_eq!(first["commit"].as_str().unwrap(), tip);
    let again = sandbox.chant(["handover", "001", "--json"]).ok().json();
    assert_eq!((&again["before"], &again["commit"]), (&true.into(), &first["commit"]));
    assert_eq!(sandbox.ask("rev-parse chant/001-a"), tip);
    // And `work` leaves it to its person.
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.ask("rev-parse chant/001-a"), tip);
    finish_by_hand(&sandbox);
}

#[test]
fn a_worktree_that_was_deleted_is_made_again_and_a_person_is_named_once() {
    let sandbox = project();
    let engine = working(&sandbox, &["work", "001"]);
    sandbox.chant(["handover", "001"]).ok();
    wait(engine).exits(0);
    std::fs::remove_dir_all(worktree(&sandbox)).unwrap();
    let out = sandbox.chant(["handover", "001"]).ok();
    assert!(out.err.contains("made again") && out.out.contains(&worktree(&sandbox)), "{}", out.all());
    assert_eq!(sandbox.read(".chant/worktrees/001-a/more.txt"), "more\n");
    let again = sandbox.chant(["handover", "001"]).ok();
    assert!(!again.err.contains("made again"), "{}", again.all());
    finish_by_hand(&sandbox);
    let shown = sandbox.chant(["show", "001"]).ok().out;
    assert_eq!((shown.matches("by person").count(), shown.matches("handed over to").count()), (1, 1), "{shown}");
}

#[test]
fn the_run_goes_on_with_its_other_members_and_counts_no_failure() {
    let sandbox = Sandbox::new();
    sandbox.spec("002-d", "type: driver", &[], "");
    let waits = "echo half > half.txt; : > \"$BESIDE/up\"; sleep 300";
    let other = "while ! test -f \"$BESIDE/go\"; do sleep 0.05; done; touch other.txt";
    sandbox.steps("002-d.1", "", &["Half $ test -f half.txt"], waits);
    sandbox.steps("002-d.2", "", &["Other $ test -f other.txt"], other);
    sandbox.steps("002-d.3", "depends_on: [002-d.1]", &["Last $ test -f last.txt"], "touch last.txt");
    sandbox.commit("specs");
    let engine = working(&sandbox, &["work", "002", "-j", "2"]);
    sandbox.chant(["handover", "002.1"]).ok();
    std::fs::write(sandbox.beside("go"), "").unwrap();
    let run = wait(engine);
    assert_eq!(run.code, 0, "{}", run.all());
    assert_eq!(sandbox.status("002-d.2"), "completed");
    assert_eq!(sandbox.status("002-d.1"), "in_progress");
    assert_eq!(sandbox.status("002-d"), "in_progress");
    sandbox.chant(["work", "002.1", "--finish"]).ok();
    sandbox.chant(["work", "002"]).ok();
    for id in ["002-d", "002-d.1", "002-d.2", "002-d.3"] {
        assert_eq!(sandbox.status(id), "completed", "{id}");
    }
    assert!(!sandbox.ask("log --format=%(trailers) main").contains("Chant-Status: failed"));
}

#[test]
fn proofs_and_set_ups_are_stopped_for_it_as_agents_are() {
    for config in ["", "worktree: { setup: 'test -f \"$BESIDE/calm\" || { : > \"$BESIDE/up\"; sleep 300; }' }\n"] {
        let sandbox = Sandbox::new();
        sandbox.write(".chant/config.yaml", config);
        let proof = match config {
            "" => "It holds $ test ! -f made || test -f \"$BESIDE/calm\" || { : > \"$BESIDE/up\"; sleep 300; }",
            _ => "It holds $ test -f made",
        };
        sandbox.steps("001-a", "", &[proof], "touch made");
        sandbox.commit("spec");
        let engine = working(&sandbox, &["work", "001"]);
        sandbox.chant(["handover", "001"]).ok();
        wait(engine).exits(0);
        assert_eq!(sandbox.status("001-a"), "in_progress");
        std::fs::write(sandbox.beside("calm"), "").unwrap();
        sandbox.write(".chant/worktrees/001-a/made", "");
        sandbox.chant(["work", "001", "--finish"]).ok();
        assert_eq!(sandbox.status("001-a"), "completed");
    }
}

#[test]
fn what_was_cut_short_or_failed_is_handed_over_as_well() {
    let sandbox = project();
    let mut engine = working(&sandbox, &["work", "001"]);
    engine.kill().unwrap();
    engine.wait().unwrap();
    until("the lock to be free", || sandbox.status("001-a") == "stalled");
    let out = sandbox.chant(["handover", "001"]).ok();
    assert!(out.out.contains("from steps"), "{}", out.all());
    finish_by_hand(&sandbox);

    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "echo kept > kept; exit 3").commit("spec");
    sandbox.chant(["work", "001"]).exits(1);
    sandbox.chant(["handover", "001"]).ok();
    assert_eq!(sandbox.read(".chant/worktrees/001-a/kept"), "kept\n");
    sandbox.write(".chant/worktrees/001-a/a", "");
    sandbox.chant(["work", "001", "--finish"]).ok();
    assert_eq!((sandbox.status("001-a").as_str(), &sandbox.item("001-a")["attempt"]), ("completed", &2.into()));
}

#[test]
fn where_there_is_nothing_to_hand_over_it_is_refused_with_what_to_type() {
    let sandbox = Sandbox::new();
    sandbox.spec("002-d", "type: driver", &[], "");
    sandbox.steps("002-d.1", "", &["A $ test -f a"], "touch a");
    sandbox.steps("003-c", "", &["C $ true"], "touch c");
    sandbox.commit("specs");
    let refused = |id: &str, words: &[&str]| {
        let out = sandbox.chant(["handover", id]).exits(3);
        words.iter().for_each(|word| assert!(out.err.contains(word), "{word}: {}", out.all()));
    };
    refused("003", &["has not been begun", "chant work 003-c --agent person"]);
    refused("002-d", &["is a driver", "chant handover 002-d.1"]);
    sandbox.chant(["work", "002"]).ok();
    refused("002.1", &["has landed", "chant show 002-d.1"]);
    sandbox.chant(["cancel", "003"]).ok();
    refused("003", &["is cancelled", "chant reset 003-c"]);
    sandbox.chant(["handover", "999"]).exits(2);
}

#[test]
fn the_run_of_another_host_is_left_alone_and_said_to_be_there() {
    let sandbox = project();
    let engine = sandbox.spawn(&[("CHANT_HOST", "there")], ["work", "001"]);
    up(&sandbox);
    let tip = sandbox.ask("rev-parse chant/001-a");
    let out = sandbox.chant(["handover", "001"]).exits(4);
    let said = out.err.replace(['│', '╰'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("in another clone") && said.contains("--takeover --agent person"), "{}", out.all());
    assert_eq!(sandbox.ask("rev-parse chant/001-a"), tip);
    sandbox.chant_with(&[("CHANT_HOST", "there")], ["handover", "001"]).ok();
    wait(engine).exits(0);
}

#[test]
fn an_agent_cannot_hand_its_own_spec_over() {
    let sandbox = Sandbox::new();
    let chant = crate::harness::chant();
    let script = format!("{chant} handover 001 > \"$BESIDE/said\" 2>&1 || echo $? >> \"$BESIDE/said\"; touch a");
    sandbox.steps("001-a", "", &["A $ test -f a"], &script).commit("spec");
    sandbox.chant(["work", "001"]).ok();
    let said = std::fs::read_to_string(sandbox.beside("said")).unwrap();
    assert!(said.ends_with("3\n") && said.contains("inside the run"), "{said}");
}

/// Hands over while it is being worked; gives the places that engine and caller come to.
fn traced(sandbox: &Sandbox, engine_env: &[(&str, &str)], own_env: &[(&str, &str)]) -> (i32, i32) {
    let engine = sandbox.spawn(engine_env, ["work", "001"]);
    up(sandbox);
    let out = sandbox.chant_with(own_env, ["handover", "001"]);
    let run = wait(engine);
    (run.code, out.code)
}

/// The places of a trace after the last of that name, each with the number of its passage.
fn places(trace: &std::path::Path, after: &str) -> Vec<String> {
    let text = std::fs::read_to_string(trace).unwrap_or_default();
    let mut seen = std::collections::BTreeMap::new();
    let mut places = Vec::new();
    for name in text.lines() {
        let n = seen.entry(name).or_insert(0);
        *n += 1;
        places.push(format!("{name}:{n}"));
        if name == after {
            places.clear();
        }
    }
    places
}

#[test]
fn a_kill_of_either_side_at_any_step_loses_nothing_and_the_next_call_hands_it_over() {
    let sandbox = project();
    let (one, two) = (sandbox.beside("engine"), sandbox.beside("caller"));
    let trace = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (engine, caller) = (trace(&one), trace(&two));
    let codes = traced(&sandbox, &[("CHANT_TRACE_FAILPOINTS", &engine)], &[("CHANT_TRACE_FAILPOINTS", &caller)]);
    assert_eq!(codes, (0, 0));
    let after_stop = places(&one, "attempt.before-agent");
    assert!(after_stop.iter().any(|place| place == "handover.before-ref:1"), "{after_stop:?}");
    for place in after_stop {
        let sandbox = project();
        let (run, own) = traced(&sandbox, &[("CHANT_KILL_AT", &place)], &[]);
        // The caller did what was left of it.
        assert_eq!((run, own), (-1, 0), "engine killed at {place}");
        assert_eq!(sandbox.status("001-a"), "in_progress", "{place}");
        finish_by_hand(&sandbox);
    }
    assert!(places(&two, "").contains(&"handover.asked:1".to_owned()));
    let sandbox = project();
    let (run, own) = traced(&sandbox, &[], &[("CHANT_KILL_AT", "handover.asked")]);
    assert_eq!((run, own), (0, -1), "who asked may be gone by then");
    finish_by_hand(&sandbox);
    // Where nobody works it, and the caller is killed on the way.
    for place in ["claim.before-ref", "claim.after-ref", "attempt.worktree"] {
        let sandbox = project();
        let mut engine = working(&sandbox, &["work", "001"]);
        engine.kill().unwrap();
        engine.wait().unwrap();
        until("the lock to be free", || sandbox.status("001-a") == "stalled");
        assert_eq!(sandbox.chant_with(&[("CHANT_KILL_AT", place)], ["handover", "001"]).code, -1, "{place}");
        sandbox.chant(["handover", "001"]).ok();
        finish_by_hand(&sandbox);
    }
}

#[test]
fn an_ask_that_was_meant_for_an_earlier_run_stops_no_other() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    sandbox.write(".git/chant/asked/001-a", "0123456789abcdef@here\nAda <ada@example.org>\n");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn of_a_driver_with_many_members_a_few_are_named() {
    let sandbox = Sandbox::new();
    sandbox.spec("001-d", "type: driver", &[], "");
    for n in 1..=25 {
        sandbox.steps(&format!("001-d.{n}"), "", &["A $ test -f a"], "touch a");
    }
    sandbox.commit("specs");
    let out = sandbox.chant(["handover", "001"]).exits(3);
    let said = out.err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(said.matches("chant handover 001-d.").count(), 10, "{said}");
    assert!(said.contains("and 15 more"), "{said}");
}
