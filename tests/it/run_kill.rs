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

/// Every place at which an attempt can be killed, in the order in which it comes there.
fn places() -> Vec<String> {
    let sandbox = project();
    let trace = sandbox.beside("trace");
    sandbox.chant_with(&[("CHANT_TRACE_FAILPOINTS", trace.to_str().unwrap())], ["work", "001"]).ok();
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
        let out = sandbox.chant_with(&[("CHANT_KILL_AT", place)], ["work", "001"]);
        assert_eq!(out.code, -1, "killed at {place}: {}", out.all());
        let lock = sandbox.path(".git/chant/locks/001-greet.lock");
        until("the supervisor to let the lock go", || {
            sandbox.chant(["list", "--json"]).ok();
            sandbox.status("001-greet") != "in_progress" || !lock.exists()
        });
        let status = sandbox.status("001-greet");
        let allowed = ["ready", "stalled", "in_review", "completed"];
        assert!(allowed.contains(&status.as_str()), "after a kill at {place}: {status}");
        sandbox.assert_fsck();
        let again = sandbox.chant(["work", "001"]);
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
