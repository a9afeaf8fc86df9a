//! What is kept of a run however it ended: what it used, what it said without its secrets, and its conversation.

use super::{Desk, KINDS, WRITE};
use crate::harness::{Output, until, wait};

/// One step of opencode's, which costs half a dollar.
const STEP: &str = r#"{"type":"step_start","sessionID":"ses_1","part":{"messageID":"m"}}
{"type":"step_finish","sessionID":"ses_1","part":{"reason":"tool-calls","tokens":{"input":900,"output":100,"reasoning":0,"cache":{"read":0,"write":0}},"cost":0.5}}
"#;
const OPENCODE: &str = "agent: opencode\nagents: { opencode: { model: fake/m } }\n";
const SLEEP: &str = "echo half > half.txt; : > \"$BESIDE/up\"; exec sleep 600";

/// A client whose first call spends half a dollar and sleeps, and whose others do the work.
fn sleeper(config: &str) -> Desk {
    let desk = Desk::new(&format!("{OPENCODE}{config}"));
    desk.client("opencode", 1, STEP, SLEEP, 0).client("opencode", 0, KINDS[2].well, WRITE, 0);
    desk
}

impl Desk {
    /// Has it worked, up to where the client sleeps and what it used has been heard.
    fn asleep(&self) -> std::process::Child {
        let keys = [("PATH", self.path.as_str()), ("OPENAI_API_KEY", "dummy"), ("ANTHROPIC_API_KEY", "dummy")];
        let engine = self.sandbox.spawn(&keys, ["work", "001"]);
        let up = self.sandbox.beside("up");
        until("the client to be up", || up.exists());
        let journal = self.sandbox.path(".git/chant/locks/001-x.lock");
        until("its figures to be heard", || {
            std::fs::read_to_string(&journal).unwrap_or_default().contains("\"cost\":500000")
        });
        engine
    }

    fn cost(&self) -> serde_json::Value {
        self.sandbox.chant(["report", "cost", "--json"]).ok().json()["total"].clone()
    }

    fn interrupted(&self) -> Output {
        let engine = self.asleep();
        let pid = rustix::process::Pid::from_raw(i32::try_from(engine.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        wait(engine).exits(130)
    }

    fn killed(&self) {
        let mut engine = self.asleep();
        engine.kill().unwrap();
        engine.wait().unwrap();
        until("the lock to be free", || self.sandbox.status("001-x") == "stalled");
    }
}

#[test]
fn what_an_interrupted_run_used_counts_at_once_and_once() {
    let desk = sleeper("");
    desk.interrupted();
    let cost = desk.cost();
    assert_eq!(
        (&cost["cost"]["USD"], &cost["tokens"], &cost["attempts"]),
        (&"0.50".into(), &1000.into(), &0.into()),
        "{cost}"
    );
    let shown = desk.sandbox.chant(["show", "001"]).ok().out;
    assert!(shown.contains("attempt 1 cut short, opencode:fake/m, 1000 tokens, 0.50 USD"), "{shown}");
    assert!(shown.contains("session ses_1"), "{shown}");
    assert!(desk.sandbox.chant(["log", "001", "--raw"]).ok().out.contains("step_finish"), "its words are kept");
    desk.chant(&["work", "001"]).ok();
    let cost = desk.cost();
    assert_eq!(
        (&cost["cost"]["USD"], &cost["tokens"], &cost["attempts"]),
        (&"0.5022".into(), &3100.into(), &1.into()),
        "{cost}"
    );
    assert_eq!(desk.sandbox.item("001-x")["attempt"], 1);
    let shown = desk.sandbox.chant(["show", "001"]).ok().out;
    assert!(shown.contains("all together, 3100 tokens, 0.5022 USD"), "{shown}");
    let why = desk.sandbox.chant(["why", "001"]).ok().out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(why.contains("1000 tokens") && why.contains("2100 tokens") && why.contains("session ses_"), "{why}");
    let json = desk.sandbox.chant(["show", "001", "--json"]).ok().json();
    assert_eq!((&json["runs"][0]["ended"], &json["runs"][1]["ended"]), (&"cut short".into(), &"completed".into()));
    assert_eq!((&json["runs"][0]["model"], &json["used"]["money"]["USD"]), (&"fake/m".into(), &"0.5022".into()));
    assert!(desk.sandbox.item("001-x")["attention"].is_null(), "an event like any other");
}

#[test]
fn what_a_killed_run_used_is_recorded_by_whoever_comes_next() {
    for next in
        [&["work", "001"][..], &["work", "001", "--fresh"], &["handover", "001"], &["reset", "001"], &["cancel", "001"]]
    {
        let desk = sleeper("");
        desk.killed();
        desk.chant(next).ok();
        let rest = if next[0] == "work" { "0.5022" } else { "0.50" };
        assert_eq!(desk.cost()["cost"]["USD"], rest, "{next:?}");
        desk.sandbox.assert_fsck();
    }
}

#[test]
fn a_kill_while_it_is_recorded_records_it_once() {
    for place in ["spent.noted", "tidy.partial", "claim.before-ref", "claim.after-ref"] {
        let desk = sleeper("");
        desk.killed();
        let path = desk.path.clone();
        let env = [("PATH", path.as_str()), ("CHANT_KILL_AT", place)];
        assert_eq!(desk.sandbox.chant_with(&env, ["work", "001"]).code, -1, "{place}");
        desk.chant(&["work", "001"]).ok();
        assert_eq!(desk.cost()["cost"]["USD"], "0.5022", "{place}");
    }
}

#[test]
fn what_interrupted_runs_used_counts_against_the_budgets_of_attempt_and_spec() {
    for budget in ["attempt", "spec"] {
        let desk = sleeper("");
        desk.interrupted();
        desk.sandbox.git(["config", "chant.budget", &format!("{{ {budget}: 0.501 usd }}")]);
        let out = desk.chant(&["work", "001"]);
        // It ends before or with its second step: half a dollar was gone before.
        assert!(desk.cost()["cost"]["USD"].as_str().unwrap() < "0.503", "{}", out.all());
        // Told only now: while it ran it would have been what ended it.
        let desk = sleeper("");
        desk.interrupted();
        desk.sandbox.git(["config", "chant.budget", &format!("{{ {budget}: 0.50 usd }}")]);
        let out = desk.chant(&["work", "001"]);
        assert!(
            out.code != 0 && out.err.contains(&format!("the budget of the {budget} is used up: 0.50 of 0.50 usd")),
            "{}",
            out.all()
        );
        assert_eq!(desk.file("opencode.calls").trim(), "1", "no client was started for nothing");
    }
}

#[test]
fn a_person_who_is_handed_it_keeps_what_its_agent_used_and_said() {
    let desk = sleeper("");
    let engine = desk.asleep();
    desk.chant(&["handover", "001"]).ok();
    wait(engine).exits(0);
    assert_eq!(desk.cost()["cost"]["USD"], "0.50");
    assert!(desk.sandbox.chant(["log", "001", "--raw"]).ok().out.contains("step_finish"));
    desk.sandbox.write(".chant/worktrees/001-x/greeting.txt", "hello\n");
    desk.chant(&["work", "001", "--finish"]).ok();
    let landing = desk.sandbox.ask("log -1 --format=%(trailers) main");
    assert!(landing.contains("Assisted-by: opencode:fake/m"), "{landing}");
    assert_eq!(desk.cost()["cost"]["USD"], "0.50");
}

#[test]
fn each_client_is_started_on_its_own_conversation_in_the_worktree() {
    let wanted = [
        ("claude", "--resume a79c2774-1526-4fc0-9de6-76b7d6ae1303 --more"),
        ("codex", "resume 01a3f3d7"),
        ("opencode", "--session ses_df1269cc9ffefI84JL9pJCUbjA --more"),
    ];
    for kind in KINDS.iter().take(3) {
        let config = format!(
            "agent: {0}\nagents: {{ {0}: {{ model: {1}, args: [--more], \
             env: {{ OWN: value, SPACED: it's 2, MY_TOKEN: hush-hush }} }} }}\n",
            kind.name, kind.model
        );
        let desk = Desk::new(&config);
        // It does not do what was asked for, so that its worktree stays.
        desk.client(kind.name, 0, kind.well, "", 0);
        desk.chant(&["work", "001"]).exits(1);
        let here = desk.sandbox.path(".chant/worktrees/001-x").display().to_string();
        let out = desk.chant(&["attach", "001", "--print"]).ok();
        let printed = &out.out;
        let own = r"OWN=value SPACED='it'\''s 2'";
        assert!(printed.starts_with(&format!("cd {here} && {own} {} ", kind.name)), "{printed}");
        assert!(out.err.contains("export MY_TOKEN=…") && !out.all().contains("hush"), "{}", out.all());
        assert_eq!(desk.file(&format!("{}.calls", kind.name)).trim(), "1", "printing starts nothing");
        let script = "pwd > \"$BESIDE/where\"; echo \"$OWN\" > \"$BESIDE/own\"";
        desk.client(kind.name, 2, "", script, 0);
        desk.chant(&["attach", "001"]).ok();
        let argv = desk.file(&format!("{}.argv", kind.name));
        let (_, wanted) = wanted.iter().find(|(name, _)| *name == kind.name).unwrap();
        assert!(argv.starts_with(wanted.trim_end_matches("01a3f3d7")) && argv.trim_end().ends_with("--more"), "{argv}");
        assert!(printed.contains(argv.trim_end()), "{printed}");
        assert_eq!((desk.file("where").trim(), desk.file("own").trim()), (here.as_str(), "value"));
        desk.client(kind.name, 3, "", "", 7);
        desk.chant(&["attach", "001"]).exits(1);
    }
}

#[test]
fn a_run_that_goes_on_is_attached_to_only_by_taking_it() {
    let desk = sleeper("");
    let engine = desk.asleep();
    let out = desk.chant(&["attach", "001"]).exits(4);
    let said = out.err.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("chant attach --take 001-x"), "{}", out.all());
    desk.client("opencode", 2, "", "pwd > \"$BESIDE/where\"", 0);
    let out = desk.chant(&["attach", "--take", "001"]).ok();
    wait(engine).exits(0);
    assert!(out.err.contains("is handed over to Ada"), "{}", out.all());
    assert_eq!(desk.file("opencode.argv").trim(), "--session ses_1");
    assert!(desk.file("where").trim().ends_with(".chant/worktrees/001-x"));
    assert!(desk.sandbox.item("001-x")["attention"].as_str().unwrap().contains("handed over from opencode"));
}

#[test]
fn where_no_conversation_can_be_gone_on_with_it_is_said_and_no_run_is_stopped_for_it() {
    let desk = Desk::new("agent: aider\nagents: { aider: { model: openai/gpt-4o } }\n");
    desk.client("aider", 0, KINDS[3].well, "", 0);
    desk.chant(&["work", "001"]).exits(1);
    let out = desk.chant(&["attach", "001"]).exits(3);
    assert!(out.err.contains("keeps no conversation") && out.err.contains("chant handover 001-x"), "{}", out.all());

    let desk = Desk::new("agents: { a: { command: [sh, -c, \": > $BESIDE/up; sleep 600\"] } }\nagent: a\n");
    let engine = desk.sandbox.spawn(&[], ["work", "001"]);
    let up = desk.sandbox.beside("up");
    until("the agent to be up", || up.exists());
    let out = desk.chant(&["attach", "--take", "001"]).exits(3);
    assert!(out.err.contains("no client of a model has worked"), "{}", out.all());
    assert_eq!(desk.sandbox.status("001-x"), "in_progress");
    desk.chant(&["handover", "001"]).ok();
    wait(engine).exits(0);

    let desk = Desk::new(OPENCODE);
    desk.client("opencode", 0, &STEP.replace("ses_1", "--auto"), "", 1);
    desk.chant(&["work", "001"]).exits(1);
    let out = desk.chant(&["attach", "001"]).exits(3);
    assert!(out.err.contains("is no name"), "{}", out.all());
}

#[test]
fn of_a_command_that_was_cut_short_it_is_told_how_long_it_took() {
    for killed in [true, false] {
        let desk = Desk::new("agent: own\nagents: { own: { command: [own] } }\n");
        desk.client("own", 1, "", SLEEP, 0).client("own", 0, "", WRITE, 0);
        let mut engine = desk.sandbox.spawn(&[("PATH", desk.path.as_str())], ["work", "001"]);
        until("it to be up", || desk.sandbox.beside("up").exists());
        if killed {
            engine.kill().unwrap();
            engine.wait().unwrap();
            until("the lock to be free", || desk.sandbox.status("001-x") == "stalled");
        } else {
            let pid = rustix::process::Pid::from_raw(i32::try_from(engine.id()).unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
            wait(engine).exits(130);
        }
        desk.chant(&["work", "001"]).ok();
        let runs = desk.sandbox.chant(["show", "001", "--json"]).ok().json()["runs"].clone();
        assert_eq!((&runs[0]["ended"], &runs[0]["agent"]), (&"cut short".into(), &"own".into()), "{runs}");
        assert!(runs[0]["duration"].is_string() && runs[0]["tokens"].is_null(), "{runs}");
        assert_eq!(runs[1]["ended"], "completed", "{runs}");
    }
}

#[test]
fn no_secret_is_in_anything_that_is_shown_or_kept() {
    const GIVEN: &str = "gi\\\"ven/by-the-settings";
    let config = "agent: claude\nagents:\n  claude: { env: { ONE: 'gi\"ven/by-the-settings' }, pass_env: [TWO] }\n";
    let desk = Desk::new(config);
    desk.sandbox.spec(
        "001-x",
        "",
        &["It holds $ echo proof passed-by-the-user ghp_0123456789abcdef0123456789abcdef0123 >&2; false"],
        "",
    );
    desk.sandbox.commit("a proof that tells");
    let said = format!("given {GIVEN}, passed-by-the-user, \\nsk-ant-api03-abcdefghijklmnopqrst");
    let stream = KINDS[0].well.replace("Done: wrote greeting.txt", &said);
    let pem = "printf -- '-----BEGIN PRIVATE KEY-----\\nMIIEvQ\\n-----END PRIVATE KEY-----\\n'";
    desk.client("claude", 0, &stream, &format!("{pem}\n{WRITE}"), 0);
    let env = [("PATH", desk.path.as_str()), ("ANTHROPIC_API_KEY", "key-of-the-user"), ("TWO", "passed-by-the-user")];
    let run = desk.sandbox.chant_with(&env, ["work", "001"]).exits(1);
    let mut all = run.all();
    for args in
        [&["log", "001"][..], &["log", "001", "--raw"], &["show", "001"], &["show", "001", "--json"], &["why", "001"]]
    {
        all.push_str(&desk.sandbox.chant_with(&env, args).ok().all());
    }
    let notes = desk.sandbox.ask("ls-tree -r --name-only refs/notes/chant");
    for path in notes.lines() {
        all.push_str(&desk.sandbox.git(["show", &format!("refs/notes/chant:{path}")]).ok().out);
    }
    all.push_str(&std::fs::read_to_string(desk.sandbox.path(".git/chant/logs/001-x.log")).unwrap());
    all.push_str(&desk.sandbox.ask("log --format=%B chant/001-x"));
    for secret in ["ven/by-the-settings", "passed-by-the-user", "sk-ant-api03-abc", "MIIEvQ", "ghp_0123"] {
        let at = all.find(secret).map(|at| all[at.saturating_sub(200)..at + 40].to_owned());
        // The spec's own text, which anybody can read, says two of them.
        let own = secret == "ghp_0123" || secret == "passed-by-the-user";
        assert!(own || at.is_none(), "{secret}: {at:?}");
    }
    let raw = std::fs::read_to_string(desk.sandbox.path(".git/chant/logs/001-x.log")).unwrap();
    assert!(!raw.contains("passed-by-the-user") && raw.contains("given ***, ***, \\n***"), "{raw}");
    let note = desk.note("failed");
    assert_eq!(note["criteria"][0]["tail"], "proof *** ***\n");
}

#[test]
fn a_transcript_outlives_its_worktree_its_log_and_a_gc_and_comes_with_the_notes() {
    let desk = Desk::new("agent: claude\n");
    desk.client("claude", 0, KINDS[0].well, WRITE, 0);
    desk.chant(&["work", "001"]).ok();
    std::fs::remove_dir_all(desk.sandbox.path(".git/chant/logs")).unwrap();
    desk.sandbox.git(["gc", "--prune=now", "--quiet"]).ok();
    assert!(desk.sandbox.chant(["log", "001"]).ok().out.contains("Done: wrote greeting.txt"));
    let clone = crate::harness::Sandbox::bare_directory();
    let from = desk.sandbox.root.display().to_string();
    clone.git(["clone", "--quiet", &from, "."]).ok();
    clone.git(["fetch", "--quiet", "origin", "refs/notes/chant:refs/notes/chant"]).ok();
    assert!(clone.chant(["log", "001"]).ok().out.contains("Done: wrote greeting.txt"));
}

#[test]
fn of_a_long_transcript_beginning_and_end_are_kept_and_what_is_left_out_is_said() {
    let desk = Desk::new("agent: claude\ntranscripts: 2k\n");
    desk.client("claude", 0, KINDS[0].well, &format!("seq 10000\n{WRITE}"), 0);
    desk.chant(&["work", "001"]).ok();
    let raw = desk.chant(&["log", "001", "--raw"]).ok().out;
    assert!(
        raw.len() < 2300 && raw.contains("bytes left out here, by `transcripts`") && raw.contains("10000\n"),
        "{raw}"
    );
    let desk = Desk::new("agent: claude\ntranscripts: none\n");
    desk.client("claude", 0, KINDS[0].well, WRITE, 0);
    desk.chant(&["work", "001"]).ok();
    assert!(!desk.sandbox.ask("ls-tree -r --name-only refs/notes/chant").contains("transcripts/"));
}

#[test]
fn what_proofs_complain_of_on_the_base_is_no_news_and_what_they_do_afterwards_is() {
    let desk = Desk::new("agent: claude\n");
    desk.sandbox.spec("001-x", "", &["There is a greeting $ cat greeting.txt"], "");
    desk.sandbox.commit("a proof that complains");
    desk.client("claude", 0, KINDS[0].well, WRITE, 0);
    let out = desk.chant(&["work", "001"]).ok();
    assert!(!out.err.contains("No such file"), "{}", out.err);
    desk.client("claude", 0, KINDS[0].well, "", 0);
    desk.sandbox.spec("002-y", "", &["There is another $ cat another.txt"], "");
    desk.sandbox.commit("another");
    let out = desk.chant(&["work", "002"]).exits(1);
    assert!(out.err.contains("No such file"), "{}", out.err);
}

#[test]
fn a_secret_in_which_a_colour_begins_is_masked_where_it_is_shown_and_where_it_is_kept() {
    let desk = Desk::new(
        "agents: { a: { command: [sh, agent.sh], env: { DB_PASSWORD: hunter2-Xy9-secret-77 } } }\nagent: a\n",
    );
    let agent = "echo pw=$DB_PASSWORD | grep --color=always hunter\nprintf '\\033[1mdone\\033[m\\n'\n";
    desk.sandbox.write("agent.sh", format!("{agent}{WRITE}")).commit("agent");
    let out = desk.chant(&["work", "001"]).ok();
    let log = desk.chant(&["log", "001"]).ok().out;
    let raw = desk.chant(&["log", "001", "--raw"]).ok().out;
    let notes = desk.sandbox.ask("log -p refs/notes/chant");
    for text in [&out.all(), &log, &raw, &notes] {
        assert!(!text.contains("-Xy9-"), "{text}");
    }
    assert!(notes.contains("pw=") && log.contains("pw=***\ndone\n") && !log.contains('\u{fffd}'), "{log:?}");
}
