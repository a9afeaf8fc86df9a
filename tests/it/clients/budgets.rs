//! Agents that spend too much, take too long, or do nothing.

use super::{Desk, KINDS, WRITE};
use crate::harness::until;

/// One step of opencode's, which costs half a dollar, and then more to come.
const STEP: &str = r#"{"type":"step_start","sessionID":"ses_1","part":{"messageID":"m"}}
{"type":"step_finish","sessionID":"ses_1","part":{"reason":"tool-calls","tokens":{"input":900,"output":100,"reasoning":0,"cache":{"read":0,"write":0}},"cost":0.5}}
"#;

const OPENCODE: &str = "agent: opencode\nagents: { opencode: { model: fake/m } }\n";

#[test]
fn an_agent_that_reaches_its_budget_is_ended_and_its_work_is_kept() {
    for (budget, said) in [
        ("budget: 0.40 usd", "the budget of the attempt is used up: 0.50 of 0.40 usd"),
        ("budget: { attempt: 1k tokens }", "the budget of the attempt is used up: 1000 of 1000 tokens"),
        ("budget: { run: 0.5 usd }", "the budget of the call is used up: 0.50 of 0.50 usd"),
    ] {
        let desk = Desk::new(&format!("{OPENCODE}{budget}\n"));
        desk.client("opencode", 0, STEP, "echo half > half.txt; exec sleep 600", 0);
        let out = desk.chant(&["work", "001"]).exits(1);
        assert!(out.err.contains(&format!("opencode was ended: {said}")), "{}", out.err);
        let trailers = desk.trailers("failed");
        assert!(trailers.contains("Chant-Cost: 0.50 USD") && trailers.contains("Chant-Tokens: 1000"), "{trailers}");
        assert_eq!(desk.sandbox.ask("show chant/001-x:half.txt"), "half");
    }
}

#[test]
fn what_earlier_attempts_spent_counts_against_the_budget_of_the_spec() {
    let desk = Desk::new(OPENCODE);
    desk.sandbox.spec("001-x", "budget: { spec: 0.90 usd }", &["There is a greeting $ test -f greeting.txt"], "");
    desk.sandbox.commit("a budget");
    desk.client("opencode", 1, STEP, "", 1).client("opencode", 0, STEP, "exec sleep 600", 0);
    desk.chant(&["work", "001"]).exits(1);
    let out = desk.chant(&["work", "001"]).exits(1);
    assert!(out.err.contains("the budget of the spec is used up: 1.00 of 0.90 usd"), "{}", out.err);
    let out = desk.chant(&["work", "001"]).exits(3);
    assert!(out.err.contains("001-x cannot be worked") && out.err.contains("raise `budget`"), "{}", out.err);
    assert_eq!(desk.sandbox.item("001-x")["attempt"], 2, "nothing was claimed");
}

#[test]
fn a_client_that_ends_with_its_last_figure_is_not_cut_off() {
    let desk = Desk::new(&format!("{OPENCODE}budget: 0.001 usd\n"));
    desk.client("opencode", 0, &KINDS[2].well.replace("\"cost\":0.0011", "\"cost\":0.0005"), WRITE, 0);
    desk.chant(&["work", "001"]).ok();
}

#[test]
fn claude_is_told_how_much_money_is_left_for_it_ends_in_time_only_by_itself() {
    let desk = Desk::new("agent: claude\nbudget: { attempt: 2.50 usd, spec: 2 usd }\n");
    let spent = include_str!("../../../src/agent/streams/claude-budget.jsonl");
    desk.client("claude", 1, spent, "", 1).client("claude", 0, KINDS[0].well, WRITE, 0);
    let out = desk.chant(&["work", "001"]).exits(1);
    assert!(desk.file("claude.argv").contains("--max-budget-usd 2.00"), "{}", desk.file("claude.argv"));
    assert!(out.err.contains("claude ended: ") && out.err.contains("used up"), "{}", out.err);
    desk.chant(&["work", "001"]).ok();
    assert!(desk.file("claude.argv").contains("--max-budget-usd 1.99375"), "{}", desk.file("claude.argv"));
}

/// Claude Code's first answer, which wants a file written: with it more than 1k tokens are used.
fn wants_more() -> String {
    KINDS[0].well.lines().take(2).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_client_that_would_ask_again_is_ended_before_it_does() {
    let desk = Desk::new("agent: claude\nbudget: 1k tokens\n");
    // A moment later it would write, and end well.
    let later = "for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 0.01; done; touch late; sleep 600";
    desk.client("claude", 0, &wants_more(), &format!("trap '' TERM; echo half > half.txt; {later}"), 0);
    let out = desk.chant(&["work", "001"]).exits(1);
    assert!(
        out.err.contains("claude was ended: the budget of the attempt is used up: 1001 of 1000 tokens"),
        "{}",
        out.err
    );
    assert!(desk.trailers("failed").contains("Chant-Tokens: 1001"), "one figure in both places");
}

#[test]
fn work_that_was_done_when_its_budget_was_used_up_says_so_everywhere() {
    let desk = Desk::new("agent: claude\nbudget: 1500 tokens\n");
    // It tells its figures with its last words.
    let last: Vec<&str> = KINDS[0].well.lines().filter(|line| !line.contains("\"assistant\"")).collect();
    desk.client("claude", 0, &(last.join("\n") + "\n"), WRITE, 0);
    let out = desk.chant(&["work", "001"]).ok();
    let remark = "its work was done, and the budget of the attempt is used up: 2100 of 1500 tokens";
    assert_eq!(out.err.matches(remark).count(), 1, "{}", out.err);
    assert!(desk.sandbox.ask("log --format=%B").contains(remark));
    let shown = desk.sandbox.chant(["show", "001"]).ok().out;
    assert!(shown.split_whitespace().collect::<Vec<_>>().join(" ").contains(remark), "{shown}");
    assert!(desk.sandbox.chant(["show", "001", "--json"]).ok().out.contains(remark));
}

#[test]
fn codex_is_asked_to_count_tokens_only_where_they_are_limited() {
    let desk = Desk::new("agent: codex\n");
    desk.client("codex", 0, KINDS[1].well, WRITE, 0);
    desk.chant(&["work", "001"]).ok();
    assert!(!desk.file("codex.env").contains("RUST_LOG"));
    let desk = Desk::new("agent: codex\nbudget: 1500 tokens\n");
    let counted = include_str!("../../../src/agent/streams/codex-counted.jsonl");
    let whole: Vec<&str> = counted.lines().filter(|line| !line.contains("turn.completed")).collect();
    desk.client("codex", 0, &(whole.join("\n") + "\n"), "exec sleep 600", 0);
    let out = desk.chant(&["work", "001"]).exits(1);
    assert!(desk.file("codex.env").contains("RUST_LOG="));
    assert!(out.err.contains("2100 of 1500 tokens"), "{}", out.err);
}

#[test]
fn a_budget_that_an_agent_cannot_keep_is_an_error_and_not_a_silent_nothing() {
    for (config, said) in [
        ("agent: codex\nbudget: 2 usd\n", "agent `codex` cannot keep a budget of dollars"),
        ("rotation: [claude, gemini]\nbudget: 5k tokens\n", "agent `gemini` cannot keep a budget of tokens"),
        ("agent: own\nagents: { own: { command: [sh] } }\nbudget: { run: 1 usd }\n", "agent `own` cannot keep"),
    ] {
        let desk = Desk::new(config);
        let out = desk.chant(&["work", "001"]);
        assert!(out.code != 0 && (out.err.clone() + &out.out).contains(said), "{}", out.all());
        assert_eq!(desk.sandbox.ask("branch --list chant/*"), "", "nothing was claimed");
    }
    // Another agent than the settings' own is found out when it is named.
    let desk = Desk::new("agent: claude\nbudget: 2 usd\n");
    desk.client("codex", 0, "", "", 0);
    let out = desk.chant(&["work", "001", "--agent", "codex"]).exits(3);
    assert!(out.err.contains("agent `codex` cannot keep a budget of dollars"), "{}", out.err);
}

#[test]
fn an_agent_that_does_nothing_is_ended_and_one_that_works_is_not() {
    let desk = Desk::new("agent: claude\nidle: 1s\n");
    let begun = KINDS[0].well.lines().next().unwrap();
    desk.client("claude", 0, &format!("{begun}\n"), "exec sleep 600", 0);
    let out = desk.chant(&["work", "001"]).exits(1);
    assert!(out.err.contains("claude did nothing for 1 s and was ended"), "{}", out.err);
    // A client that only says that it waits does nothing either, and a model without room is no failure of the spec's.
    let desk = Desk::new("agent: opencode\nagents: { opencode: { model: fake/m, idle: 1s } }\ntimeout: 3s\n");
    let waits: Vec<&str> = KINDS[2].busy.lines().filter(|line| line.contains("stream error")).collect();
    desk.client("opencode", 0, "", &format!("while :; do echo '{}'; sleep 0.1; done", waits[0]), 0);
    let out = desk.chant(&["work", "001"]).exits(3);
    assert!(out.err.contains("opencode has no room") && out.err.contains("no failed attempt"), "{}", out.err);
    // A program without a stream is heard by its lines.
    let desk = Desk::new("agent: own\nagents: { own: { command: [sh, -c, 'echo on; exec sleep 600'], idle: 1s } }\n");
    let out = desk.chant(&["work", "001"]).exits(1);
    assert!(out.err.contains("own did nothing for 1 s"), "{}", out.err);
}

#[test]
fn a_kill_after_the_agent_loses_none_of_its_figures() {
    let desk = Desk::new("agent: claude\n");
    desk.client("claude", 0, KINDS[0].well, WRITE, 0);
    let env = [("PATH", desk.path.as_str()), ("ANTHROPIC_API_KEY", "dummy"), ("CHANT_KILL_AT", "attempt.agent-ended")];
    let child = desk.sandbox.spawn(&env, ["work", "001"]);
    assert_ne!(crate::harness::wait(child).code, 0);
    until("the lock is free", || desk.sandbox.status("001-x") == "stalled");
    desk.chant(&["work", "001"]).ok();
    assert_eq!(desk.file("claude.calls").trim(), "1", "the agent is not run again");
    let trailers = desk.trailers("completed");
    assert!(trailers.contains("Chant-Cost: 0.0125 USD") && trailers.contains("Chant-Tokens: 2100"), "{trailers}");
}
