//! Agents that take turns.

use super::{Desk, KINDS, WRITE};

const BOTH: &str =
    "rotation: [claude, codex]\nagents: { claude: { model: m1, limit: 1 }, codex: { model: m2, limit: 1 } }\n";

/// Writes the file that the spec at hand asks for.
const OWN: &str = "case $CHANT_SPEC in 001-x) echo hello > greeting.txt ;; *) echo hello > other.txt ;; esac\n";

#[test]
fn where_a_model_has_no_room_another_of_the_rotation_goes_on_at_once() {
    // By weight claude begins, but for once in a thousand million times.
    let desk = Desk::new(&BOTH.replace("model: m1", "model: m1, weight: 999999999"));
    desk.client("claude", 0, KINDS[0].busy, "echo half > half.txt\n", 1).client("codex", 0, KINDS[1].well, WRITE, 0);
    let out = desk.chant(&["work", "001"]).ok();
    assert!(out.err.contains("claude has no room") && out.err.contains("codex goes on"), "{}", out.err);
    let trailers = desk.trailers("completed");
    assert!(trailers.contains("Chant-Agent: codex"), "{trailers}");
    assert!(trailers.contains("Assisted-by: claude:m1") && trailers.contains("Assisted-by: codex:m2"), "{trailers}");
    assert!(trailers.contains("Chant-Attempt: 1"), "{trailers}");
    assert_eq!(desk.sandbox.ask("show main:half.txt"), "half", "what the first one did is kept");
    let start = desk.sandbox.git(["log", "--all", "--format=%(trailers)", "--grep", "start attempt"]).ok().out;
    assert!(start.contains("Chant-Agent: claude"), "{start}");
}

#[test]
fn each_agent_runs_at_most_as_often_as_its_limit_allows() {
    let desk = Desk::new(BOTH);
    let sandbox = &desk.sandbox;
    sandbox.spec("002-y", "", &["There is a greeting $ grep -q hello other.txt"], "").commit("another spec");
    // Each waits until both run: with a limit of one, one of each.
    let meet = format!(
        "touch \"$me.here\"; until [ -f \"$BESIDE/claude.here\" ] && [ -f \"$BESIDE/codex.here\" ]; do sleep 0.05; \
         done\n{OWN}"
    );
    desk.client("claude", 0, KINDS[0].well, &meet, 0).client("codex", 0, KINDS[1].well, &meet, 0);
    desk.chant(&["work", "001", "002"]).ok();
    let starts = sandbox.git(["log", "--format=%(trailers:key=Chant-Agent)", "--grep", "start attempt"]).ok().out;
    assert!(starts.contains("claude") && starts.contains("codex"), "{starts}");
    // One agent with one seat works them one after the other.
    let desk = Desk::new("agent: claude\nagents: { claude: { limit: 1 } }\n");
    desk.sandbox.spec("002-y", "", &["There is a greeting $ grep -q hello other.txt"], "").commit("another spec");
    let alone = format!("mkdir \"$BESIDE/seat\" || exit 5\n{OWN}rmdir \"$BESIDE/seat\"\n");
    desk.client("claude", 0, KINDS[0].well, &alone, 0);
    desk.chant(&["work", "001", "002", "-j", "2"]).ok();
}

#[test]
fn an_agent_that_is_named_takes_no_turns_and_one_that_cannot_be_started_is_passed_over() {
    let desk = Desk::new(BOTH);
    desk.client("codex", 0, KINDS[1].well, WRITE, 0);
    let env = [("PATH", desk.path.as_str()), ("CODEX_API_KEY", "dummy")];
    let out = desk.sandbox.chant_with(&env, ["work", "001"]).ok();
    assert!(out.err.contains("passed over: agent `claude`"), "{}", out.err);
    assert!(desk.trailers("completed").contains("Assisted-by: codex:m2"));
    let desk = Desk::new(BOTH);
    desk.client("codex", 0, KINDS[1].well, WRITE, 0);
    desk.chant(&["work", "001", "--agent", "claude"]).exits(3);
    let desk = Desk::new("rotation: [claude, cdoex]\nagents: { codex: {} }\n");
    let out = desk.chant(&["work", "001"]);
    assert!(out.code != 0 && out.err.contains("did you mean `codex`?"), "{}", out.all());
}

#[test]
fn where_nobody_of_a_rotation_is_signed_in_each_is_named_with_what_to_do_and_nothing_is_claimed() {
    let desk = Desk::new(BOTH);
    desk.client("claude", 0, "", "", 0).client("codex", 0, "", "", 0);
    let out = desk.sandbox.chant_with(&[("PATH", desk.path.as_str())], ["work", "001"]).exits(3);
    for part in ["none of the rotation can work", "claude: ", "`/login`", "codex: ", "`codex login`"] {
        assert!(out.err.contains(part), "{part}: {}", out.all());
    }
    assert!(!out.err.contains(" claim"), "no phase is told of that was not come to: {}", out.all());
    assert_eq!(desk.sandbox.status("001-x"), "ready");
}

#[test]
fn where_one_is_not_installed_and_the_other_not_signed_in_each_has_its_own_help() {
    let desk = Desk::new(BOTH);
    desk.client("codex", 0, "", "", 0);
    let out = desk.sandbox.chant_with(&[("PATH", desk.path.as_str())], ["work", "001"]).exits(3);
    for part in ["claude: install it: `npm install", "codex: sign in once with `codex login`"] {
        assert!(out.err.contains(part), "{part}: {}", out.all());
    }
}

#[test]
fn the_doctor_has_a_line_for_each_of_a_rotation_that_cannot_work_and_names_no_key_that_is_handed_on() {
    let desk = Desk::new(BOTH);
    desk.client("codex", 0, "", "", 0);
    let env = [("PATH", desk.path.as_str()), ("ANTHROPIC_API_KEY", "dummy-key"), ("OTHER_TOKEN", "dummy-token")];
    let out = desk.sandbox.chant_with(&env[..1], ["doctor"]).out;
    let at = out.lines().position(|line| line.contains("none of the rotation can work"));
    let lines: Vec<&str> = out.lines().skip(at.unwrap_or_else(|| panic!("{out}"))).take(5).collect();
    assert!(lines[0].ends_with("can work"), "{out}");
    for (line, part) in lines[1..].iter().zip(["claude: agent", "codex: agent", "claude: install it", "codex: sign in"])
    {
        assert!(line.starts_with("    ") && line.trim_start().starts_with(part), "{line:?} in {out}");
    }
    let out = desk.sandbox.chant_with(&env, ["doctor"]).out;
    if let Some(line) = out.lines().find(|line| line.contains("not handed on")) {
        assert!(line.contains("OTHER_TOKEN") && !line.contains("ANTHROPIC_API_KEY"), "{line}");
    }
}
