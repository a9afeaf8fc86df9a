//! SIGKILL at every step of an attempt: nothing lost, the repository whole, and a plain `chant work` goes on.

use std::collections::BTreeSet;

use crate::harness::{Sandbox, until};

fn project() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("shared.txt", "base\n");
    let script = "echo ran >> \"$BESIDE/runs\"; echo kept > partial.txt; echo hello > greeting.txt";
    sandbox.steps("001-greet", "", &["Greeting $ grep -q hello greeting.txt"], script);
    sandbox.commit("spec");
    sandbox
}

/// Every place at which a call can be killed, in the order in which it comes there.
fn places_of(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    let trace = sandbox.beside("trace");
    let out = sandbox.chant_with(&[("CHANT_TRACE_FAILPOINTS", trace.to_str().unwrap())], args);
    assert!(trace.exists(), "{}", out.all());
    let text = std::fs::read_to_string(trace).unwrap();
    let mut seen = std::collections::BTreeMap::new();
    text.lines()
        .map(|name| {
            let n = seen.entry(name.to_owned()).or_insert(0);
            *n += 1;
            format!("{name}:{n}")
        })
        .collect()
}

/// The last time that it comes to each place: with the call's own end in sight.
fn last_of_each(places: Vec<String>) -> Vec<String> {
    let name = |place: &String| place.split(':').next().unwrap().to_owned();
    let last = |i: usize| !places[i + 1..].iter().any(|later| name(later) == name(&places[i]));
    (0..places.len()).filter(|i| last(*i)).map(|i| places[i].clone()).collect()
}

/// Runs it, kills it there, and waits until nobody holds a lock any more.
fn killed_at(sandbox: &Sandbox, place: &str, args: &[&str]) {
    let out = sandbox.chant_with(&[("CHANT_KILL_AT", place)], args);
    assert_eq!(out.code, -1, "killed at {place}: {}", out.all());
    until("the supervisors to let their locks go", || {
        let list = sandbox.chant(["list", "--json"]).ok().json();
        let working = |item: &serde_json::Value| item["status"] == "in_progress" && item["type"] != "driver";
        !list.as_array().unwrap().iter().any(working)
    });
    sandbox.assert_fsck();
}

fn places() -> Vec<String> {
    places_of(&project(), &["work", "001"])
}

#[test]
fn after_a_kill_at_any_step_the_next_call_completes_and_nothing_is_lost() {
    let places = places();
    let names: BTreeSet<&str> = places.iter().filter_map(|place| place.split(':').next()).collect();
    for needed in
        ["claim.before-ref", "claim.after-ref", "attempt.agent-ended", "attempt.proven", "land.followed", "land.moved"]
    {
        assert!(names.contains(needed), "{needed} is passed: {names:?}");
    }
    for place in &places {
        let sandbox = project();
        sandbox.write("mine.txt", "untracked\n");
        killed_at(&sandbox, place, &["work", "001"]);
        let status = sandbox.status("001-greet");
        let allowed = ["ready", "stalled", "in_review", "completed"];
        assert!(allowed.contains(&status.as_str()), "after a kill at {place}: {status}");
        let again = sandbox.chant(["work"]);
        assert_eq!(again.code, 0, "after a kill at {place}: {}", again.all());
        assert_eq!(sandbox.status("001-greet"), "completed", "{place}");
        assert_eq!(sandbox.read("greeting.txt"), "hello\n", "{place}");
        assert_eq!(sandbox.read("partial.txt"), "kept\n", "{place}");
        assert_eq!(sandbox.read("mine.txt"), "untracked\n", "{place}");
        assert_eq!(sandbox.ask("status --porcelain"), "?? mine.txt", "{place}");
        assert_eq!(sandbox.ask("branch --list chant/*"), "", "{place}");
        assert_eq!(sandbox.ask("worktree list --porcelain").matches("worktree ").count(), 1, "{place}");
        let at = places.iter().position(|p| p == place).unwrap();
        let ended = places.iter().position(|p| p.starts_with("attempt.committed")).unwrap();
        if at >= ended {
            let runs = std::fs::read_to_string(sandbox.beside("runs")).unwrap();
            assert_eq!(runs, "ran\n", "no finished step is repeated: {place}");
        }
        sandbox.assert_fsck();
    }
}

#[test]
fn agents_die_with_a_killed_engine_and_their_files_are_kept() {
    let sandbox = Sandbox::new();
    let script = "echo half > half.txt; test -f \"$BESIDE/again\" || { setsid sh -c 'echo $$ > \"$BESIDE/grandchild\"; exec sleep 300' & \
                  while ! test -s \"$BESIDE/grandchild\"; do :; done; : > \"$BESIDE/up\"; sleep 300; }; echo done > done.txt";
    sandbox.steps("001-a", "", &["Done $ test -f done.txt -a -f half.txt"], script).commit("spec");
    let mut engine = sandbox.spawn(&[], ["work", "001"]);
    let up = sandbox.beside("up");
    until("the agent to be up", || up.exists());
    engine.kill().unwrap();
    engine.wait().unwrap();
    let pid = std::fs::read_to_string(sandbox.beside("grandchild")).unwrap();
    let alive = std::path::PathBuf::from(format!("/proc/{}", pid.trim()));
    until("the grandchild to end", || !alive.exists());
    until("the lock to be free", || sandbox.status("001-a") == "stalled");
    std::fs::write(sandbox.beside("again"), "").unwrap();
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.item("001-a")["attempt"], 1, "the same attempt goes on");
    assert_eq!(sandbox.read("half.txt"), "half\n");
}

#[test]
fn an_interruption_stops_the_agents_saves_their_work_and_exits_130() {
    let sandbox = Sandbox::new();
    let script =
        "echo half > half.txt; : > \"$BESIDE/up\"; test -f \"$BESIDE/again\" || sleep 300; echo done > done.txt";
    sandbox.steps("001-a", "", &["Done $ test -f done.txt"], script).commit("spec");
    let engine = sandbox.spawn(&[], ["work", "001"]);
    let up = sandbox.beside("up");
    until("the agent to be up", || up.exists());
    let pid = rustix::process::Pid::from_raw(i32::try_from(engine.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    crate::harness::wait(engine).exits(130);
    assert_eq!(sandbox.status("001-a"), "stalled");
    assert_eq!(sandbox.ask("show chant/001-a:half.txt"), "half");
    std::fs::write(sandbox.beside("again"), "").unwrap();
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.item("001-a")["attempt"], 1);
}

#[test]
fn a_driver_killed_at_any_step_of_its_own_is_completed_by_the_next_call() {
    let project = || {
        let sandbox = Sandbox::new();
        sandbox.spec("001-d", "type: driver", &["Both $ test -f one -a -f two"], "");
        for (n, name) in [(1, "one"), (2, "two")] {
            let script = format!("echo {name} >> \"$BESIDE/runs\"; touch {name}");
            sandbox.steps(&format!("001-d.{n}"), "", &[&format!("It is there $ test -f {name}")], &script);
        }
        sandbox.commit("specs");
        sandbox
    };
    let work = ["work", "001", "-j", "1"];
    let places = places_of(&project(), &work);
    let own = places.iter().filter(|place| place.starts_with("driver.")).cloned();
    let chosen: BTreeSet<String> = last_of_each(places.clone()).into_iter().chain(own).collect();
    assert!(chosen.iter().any(|place| place.starts_with("driver.before-conclusion")), "{chosen:?}");
    for place in chosen {
        let sandbox = project();
        killed_at(&sandbox, &place, &work);
        let again = sandbox.chant(work);
        assert_eq!(again.code, 0, "after a kill at {place}: {}", again.all());
        for id in ["001-d", "001-d.1", "001-d.2"] {
            assert_eq!(sandbox.status(id), "completed", "{id} after a kill at {place}");
        }
        assert!(sandbox.exists("one") && sandbox.exists("two"));
        assert_eq!(sandbox.ask("status --porcelain"), "", "{place}");
        assert_eq!(sandbox.ask("for-each-ref --format=%(refname) refs/heads"), "refs/heads/main", "{place}");
        let drivers = sandbox.ask("log --first-parent --format=%s main").matches("Land 001-d:").count();
        assert_eq!(drivers, 1, "landed once: {place}");
        sandbox.assert_fsck();
    }
}

#[test]
fn a_failing_attempt_killed_at_any_step_keeps_its_work() {
    let project = || {
        let sandbox = Sandbox::new();
        let script = "echo kept > partial.txt; test -e \"$BESIDE/better\" || exit 7; touch a";
        sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("spec");
        sandbox
    };
    for place in last_of_each(places_of(&project(), &["work", "001"])) {
        let sandbox = project();
        killed_at(&sandbox, &place, &["work", "001"]);
        sandbox.write("../better", "");
        // An agent that had ended badly before the kill is not run again: that attempt fails first.
        let again = sandbox.chant(["work", "001"]);
        if again.code != 0 {
            assert!(again.err.contains("exited 7"), "{place}: {}", again.all());
            sandbox.chant(["work", "001"]).ok();
        }
        assert_eq!((sandbox.read("partial.txt").as_str(), sandbox.exists("a")), ("kept\n", true), "{place}");
        assert_eq!(sandbox.status("001-a"), "completed");
        sandbox.assert_fsck();
    }
}

#[test]
fn a_fresh_start_killed_at_any_step_never_loses_the_earlier_work() {
    let project = || {
        let sandbox = Sandbox::new();
        let script = "test \"$CHANT_ATTEMPT\" = 1 && { echo first > first; exit 1; }; touch a";
        sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("spec");
        sandbox.chant(["work", "001"]).exits(1);
        let tip = sandbox.ask("rev-parse chant/001-a");
        (sandbox, tip)
    };
    let fresh = ["work", "001", "--fresh"];
    for place in last_of_each(places_of(&project().0, &fresh)) {
        let (sandbox, tip) = project();
        killed_at(&sandbox, &place, &fresh);
        let holders = sandbox.ask(&format!("for-each-ref --contains {tip}"));
        assert!(!holders.is_empty(), "killed at {place}");
        sandbox.chant(["work", "001"]).ok();
        assert!(!sandbox.ask(&format!("for-each-ref --contains {tip}")).is_empty(), "{place}");
        assert_eq!(sandbox.status("001-a"), "completed");
        sandbox.assert_fsck();
    }
}

#[test]
fn files_of_a_landing_that_was_cut_short_are_taken_back_by_whatever_is_called_next() {
    for place in ["follow.noted", "follow.files", "follow.index", "land.followed", "refs.locked:3"] {
        let sandbox = project();
        sandbox.write("mine.txt", "untracked\n");
        killed_at(&sandbox, place, &["work", "001"]);
        if sandbox.status("001-greet") == "in_review" {
            assert!(sandbox.item("001-greet")["attention"].as_str().unwrap().contains("not landed"), "{place}");
        }
        sandbox.chant(["cancel", "001"]).ok();
        assert_eq!(sandbox.ask("status --porcelain"), "?? mine.txt", "after a kill at {place}");
        assert!(!sandbox.exists("greeting.txt") && !sandbox.exists(".git/index.lock"), "after a kill at {place}");
    }
}

#[test]
fn an_index_lock_that_a_killed_git_left_in_the_worktree_of_an_attempt_is_no_obstacle() {
    let sandbox = Sandbox::new();
    let script = "echo a > a; test -f \"$BESIDE/again\" || { touch \"$(git rev-parse --git-dir)/index.lock\"; \
                  : > \"$BESIDE/up\"; sleep 300; }";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("spec");
    let mut engine = sandbox.spawn(&[], ["work", "001"]);
    let up = sandbox.beside("up");
    until("the agent to be up", || up.exists());
    engine.kill().unwrap();
    engine.wait().unwrap();
    until("the lock to be free", || sandbox.status("001-a") == "stalled");
    std::fs::write(sandbox.beside("again"), "").unwrap();
    sandbox.chant(["work"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}
