//! What holds for the clients of all models alike.

use super::{Desk, KINDS, Kind, WRITE};

fn config(kind: &Kind) -> String {
    format!("agent: {}\nagents: {{ {}: {{ model: {} }} }}\n", kind.name, kind.name, kind.model)
}

#[test]
fn work_lands_with_what_it_took_in_trailers_and_in_the_note() {
    for kind in KINDS {
        let desk = Desk::new(&config(&kind));
        desk.client(kind.name, 0, kind.well, WRITE, 0);
        let out = desk.chant(&["work", "001"]).ok();
        assert!(out.err.contains(" tokens"), "{}: {}", kind.name, out.err);
        let trailers = desk.trailers("completed");
        assert!(trailers.contains(&format!("Chant-Tokens: {}\n", kind.tokens)), "{}: {trailers}", kind.name);
        let cost = kind.cost.map(|cost| format!("Chant-Cost: {cost}\n")).unwrap_or_default();
        assert!(trailers.contains(&cost) && trailers.contains("Chant-Cost") == kind.cost.is_some(), "{trailers}");
        let assisted = format!("Assisted-by: {}:{}", kind.name, kind.model);
        assert!(trailers.contains(&assisted) && trailers.contains("Chant-Duration: "), "{}: {trailers}", kind.name);
        let note = desk.note("completed");
        assert_eq!((&note["agent"], &note["model"]), (&kind.name.into(), &kind.model.into()), "{note:#}");
        assert_eq!(note["version"], 2);
        assert!(note["agent_version"].is_string() && note["tokens"]["input"].as_u64().unwrap() >= 1000, "{note:#}");
        assert_eq!(note["cost_micros"].is_u64(), kind.cost.is_some(), "{note:#}");
        assert!(note["session"].is_string() || kind.name == "aider", "{note:#}");
        // The prompt came on standard input, whole.
        let prompt = desk.file(&format!("{}.prompt", kind.name));
        assert!(prompt.contains("001-x") && prompt.contains("There is a greeting"), "{}: {prompt}", kind.name);
        let argv = desk.file(&format!("{}.argv", kind.name));
        assert!(argv.contains(kind.model), "{argv}");
        let shown = desk.chant(&["show", "001"]).ok().out;
        assert!(shown.contains(" tokens") && shown.contains(kind.model), "{}: {shown}", kind.name);
    }
}

#[test]
fn the_log_says_in_words_what_the_stream_says_in_json() {
    for kind in KINDS.into_iter().filter(|kind| kind.name != "aider") {
        let desk = Desk::new(&config(&kind));
        desk.client(kind.name, 0, kind.well, WRITE, 0);
        desk.chant(&["work", "001"]).ok();
        let log = desk.chant(&["log", "001"]).ok().out;
        assert!(log.contains("Done: wrote greeting.txt") && log.contains("2.1k tokens"), "{}: {log}", kind.name);
        assert!(log.contains("greeting.txt") && !log.contains("{\""), "{}: {log}", kind.name);
        let raw = desk.chant(&["log", "001", "--raw"]).ok().out;
        assert_eq!(raw.trim_end(), kind.well.trim_end(), "{}", kind.name);
    }
}

#[test]
fn a_model_that_has_no_room_is_waited_for_and_counts_as_no_attempt() {
    for kind in KINDS {
        let desk = Desk::new(&config(&kind));
        desk.client(kind.name, 1, kind.busy, "", kind.codes.0).client(kind.name, 0, kind.well, WRITE, 0);
        let out = desk.chant(&["work", "001"]).ok();
        assert!(out.err.contains("has no room") && out.err.contains("tries again"), "{}: {}", kind.name, out.err);
        assert_eq!(desk.file(&format!("{}.calls", kind.name)).trim(), "2", "{}", kind.name);
        let item = desk.sandbox.item("001-x");
        assert_eq!((&item["attempt"], &item["status"]), (&1.into(), &"completed".into()), "{}", kind.name);
        assert_eq!(desk.trailers("failed"), "", "{}", kind.name);
    }
}

#[test]
fn where_nobody_is_signed_in_the_work_waits_and_goes_on_as_the_same_attempt() {
    for kind in KINDS {
        let desk = Desk::new(&config(&kind));
        desk.client(kind.name, 1, kind.signed_out, "", kind.codes.1).client(kind.name, 0, kind.well, WRITE, 0);
        let out = desk.chant(&["work", "001"]).exits(3);
        assert!(out.err.contains("not signed in"), "{}: {}", kind.name, out.err);
        assert_eq!((desk.sandbox.status("001-x").as_str(), desk.trailers("failed").as_str()), ("stalled", ""));
        desk.chant(&["work", "001"]).ok();
        assert_eq!(desk.sandbox.item("001-x")["attempt"], 1, "{}", kind.name);
    }
}

#[test]
fn what_a_client_says_of_itself_outranks_its_exit_code_and_the_proofs_outrank_both() {
    let failed = r#"{"type":"result","subtype":"success","is_error":true,"result":"Prompt is too long"}"#;
    let desk = Desk::new("agent: claude\n");
    desk.client("claude", 0, &format!("{failed}\n"), WRITE, 0);
    let out = desk.chant(&["work", "001"]).exits(1);
    assert!(out.err.contains("claude failed: Prompt is too long"), "{}", out.err);
    // It says that all went well, and did nothing.
    let desk = Desk::new("agent: claude\n");
    desk.client("claude", 0, KINDS[0].well, "", 0);
    let out = desk.chant(&["work", "001"]).exits(1);
    assert!(out.err.contains("1 of 1 criteria unmet"), "{}", out.err);
    let trailers = desk.trailers("failed");
    assert!(trailers.contains("Chant-Cost: 0.0125 USD") && trailers.contains("Chant-Tokens: 2100"), "{trailers}");
    // It did the work, and fell over afterwards.
    let desk = Desk::new("agent: codex\n");
    desk.client("codex", 0, KINDS[1].well, WRITE, 7);
    let out = desk.chant(&["work", "001"]).exits(1);
    assert!(out.err.contains("codex exited 7"), "{}", out.err);
}

#[test]
fn a_client_that_is_not_installed_or_signed_in_is_found_before_the_claim() {
    let desk = Desk::new("agent: claude\n");
    let refused = |out: crate::harness::Output, words: &str| {
        assert!(out.err.contains(words), "{}", out.all());
        assert_eq!(desk.sandbox.ask("branch --list chant/*"), "", "nothing was claimed");
    };
    let bare = [("PATH", "/usr/bin:/bin"), ("ANTHROPIC_API_KEY", "dummy")];
    let there = |name: &str| std::path::Path::new("/usr/bin").join(name).exists();
    if !there("claude") {
        refused(desk.sandbox.chant_with(&bare, ["work", "001"]).exits(3), "npm install -g @anthropic-ai/claude-code");
    }
    desk.client("claude", 0, "", "", 0);
    refused(desk.sandbox.chant_with(&[("PATH", desk.path.as_str())], ["work", "001"]).exits(3), "ANTHROPIC_API_KEY");
    std::fs::create_dir_all(desk.sandbox.beside("home/.claude")).unwrap();
    std::fs::write(desk.sandbox.beside("home/.claude/.credentials.json"), "{}").unwrap();
    desk.client("claude", 0, KINDS[0].well, WRITE, 0);
    desk.sandbox.chant_with(&[("PATH", desk.path.as_str())], ["work", "001"]).ok();
}

#[test]
fn a_model_whose_name_cannot_be_one_and_a_variable_that_is_missing_are_found_before_the_claim() {
    let desk = Desk::new("agents: { opencode: { model: gpt }, claude: { pass_env: [TEAM_KEY] } }\n");
    desk.client("opencode", 0, "", "", 0).client("claude", 0, "", "", 0);
    let out = desk.chant(&["work", "001", "--agent", "opencode"]).exits(3);
    assert!(out.err.contains("provider/model"), "{}", out.err);
    let out = desk.chant(&["work", "001", "--agent", "claude"]).exits(3);
    assert!(out.err.contains("TEAM_KEY"), "{}", out.err);
    assert_eq!(desk.sandbox.ask("branch --list chant/*"), "", "nothing was claimed");
}

#[test]
fn variables_arguments_and_another_program_are_the_agents_own() {
    let desk = Desk::new(
        "agents:\n  mine: { kind: claude, command: [claude-next, --bare], args: [--effort, high], model: m1,\n    env: { \
         CLAUDE_CONFIG_DIR: ~/.claude-work, DISABLE_TELEMETRY: 0 } }\n",
    );
    let theirs = desk.sandbox.root.parent().unwrap().join("home/.claude-work");
    std::fs::create_dir(&theirs).unwrap();
    std::fs::write(theirs.join("settings.json"), "{\"whose\":\"mine\"}").unwrap();
    desk.client(
        "claude-next",
        0,
        KINDS[0].well,
        &format!("{WRITE}cat $CLAUDE_CONFIG_DIR/settings.json > $me.settings\n"),
        0,
    );
    desk.chant(&["work", "001", "--agent", "mine"]).ok();
    assert_eq!(desk.file("claude-next.settings"), "{\"whose\":\"mine\"}");
    let argv = desk.file("claude-next.argv");
    assert!(argv.starts_with("--bare -p ") && argv.ends_with("--model m1 --effort high\n"), "{argv}");
    let env = desk.file("claude-next.env");
    assert!(env.contains("DISABLE_TELEMETRY=0\n") && env.contains("DISABLE_AUTOUPDATER=1\n"), "{env}");
    assert!(desk.trailers("completed").contains("Assisted-by: mine:m1"));
}

#[test]
fn doctor_says_of_each_agent_whether_it_is_there_its_version_and_whether_somebody_is_signed_in() {
    let desk = Desk::new(
        "agent: claude\nagents: { claude: {}, codex: {}, gemini: { kind: gemini, command: [no-such-gemini] }, sh: { command: [sh] } }\n",
    );
    desk.client("claude", 0, "", "", 0).client("codex", 0, "", "", 0);
    let env = [("PATH", desk.path.as_str()), ("ANTHROPIC_API_KEY", "dummy")];
    let out = desk.sandbox.chant_with(&env, ["doctor"]).out;
    assert!(out.contains("claude 9.9.9, signed in by $ANTHROPIC_API_KEY"), "{out}");
    assert!(out.contains("agent `codex` is not signed in (9.9.9)") && out.contains("codex login"), "{out}");
    assert_eq!(out.matches("is not signed in").count(), 1, "{out}");
    assert!(out.contains("no-such-gemini"), "{out}");
}
