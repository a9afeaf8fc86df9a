//! Servers of the Agent Client Protocol: a scripted one, which is this test itself in another role.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{Desk, running};
use crate::harness::{until, wait};

/// A project with an agent `server` that plays a scene; `more` are settings of the agent, `rest` others.
fn desk(scene: &str, more: &str, rest: &str) -> Desk {
    Desk::new(&format!(
        "agent: server\nagents:\n  server: {{ kind: acp, command: [{}], env: {{ ACP_SCENE: {scene} }}{more} }}\n{rest}\n",
        program("")
    ))
}

/// The command of the server, as a list without its brackets; `before` in a shell before it.
fn program(before: &str) -> String {
    let own = std::env::current_exe().unwrap();
    let arguments = "--exact clients::acp::the_server --ignored --nocapture --test-threads=1";
    format!("sh, -c, \"{before}exec {} {arguments}\"", own.display())
}

/// The other side, as far as a server needs one.
struct Stage {
    lines: std::io::Lines<std::io::StdinLock<'static>>,
    asked: u64,
}

impl Stage {
    fn send(&self, message: &Value) {
        // libtest may have begun a line of its own.
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{message}").unwrap();
        out.flush().unwrap();
    }

    fn next(&mut self) -> Value {
        loop {
            let Some(line) = self.lines.next() else { std::process::exit(0) };
            if let Ok(value) = serde_json::from_str(&line.unwrap()) {
                return value;
            }
        }
    }

    fn answer(&self, request: &Value, result: Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": request["id"], "result": result}));
    }

    fn fail(&self, request: &Value, error: Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": request["id"], "error": error}));
    }

    fn update(&self, update: Value) {
        let params = json!({"sessionId": "s1", "update": update});
        self.send(&json!({"jsonrpc": "2.0", "method": "session/update", "params": params}));
    }

    /// Asks the client; its result, or its error.
    fn ask(&mut self, method: &str, mut params: Value) -> Value {
        self.asked += 1;
        params["sessionId"] = json!("s1");
        self.send(&json!({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params}));
        loop {
            let said = self.next();
            if said["id"] == self.asked && said.get("method").is_none() {
                return said.get("error").unwrap_or(&said["result"]).clone();
            }
        }
    }
}

fn note(what: &str, text: &str) {
    let beside = std::env::var("BESIDE").unwrap();
    std::fs::write(Path::new(&beside).join(what), text).unwrap();
}

#[test]
#[ignore = "the other side of the tests of the protocol"]
fn the_server() {
    let Ok(scene) = std::env::var("ACP_SCENE") else { return };
    let mut stage = Stage { lines: std::io::stdin().lines(), asked: 0 };
    loop {
        let request = stage.next();
        match request["method"].as_str() {
            Some("initialize") => stage.answer(&request, json!({"protocolVersion": 1, "agentCapabilities": {},
                "authMethods": [{"id": "key", "name": "A key"}], "agentInfo": {"name": "stand-in", "version": "9.9.9"}})),
            Some("session/new") if scene == "signed-out" => {
                stage.fail(&request, json!({"code": -32000, "message": "Authentication required"}));
            }
            Some("session/new") => {
                note("cwd", request["params"]["cwd"].as_str().unwrap());
                let option = json!({"id": "model", "name": "Model", "category": "model", "type": "select", "currentValue": "m0",
                    "options": [{"value": "m0", "name": "M zero"}, {"value": "m1", "name": "M one"}]});
                stage.answer(&request, json!({"sessionId": "s1", "configOptions": [option]}));
            }
            Some("session/set_config_option") => {
                note("model", request["params"]["value"].as_str().unwrap());
                stage.answer(&request, json!({"configOptions": []}));
            }
            Some("session/prompt") => play(&mut stage, &scene, &request),
            Some(other) => stage.fail(&request, json!({"code": -32601, "message": format!("no {other}")})),
            None => {}
        }
    }
}

/// A path below the directory of the session.
fn here(name: &str) -> String {
    std::env::current_dir().unwrap().join(name).display().to_string()
}

fn permission(stage: &mut Stage, path: &str) -> String {
    let options = json!([{"optionId": "yes", "name": "Yes", "kind": "allow_once"},
        {"optionId": "no", "name": "No", "kind": "reject_once"}]);
    let call = json!({"toolCallId": "t9", "kind": "edit", "title": "Edit", "locations": [{"path": path}]});
    let said = stage.ask("session/request_permission", json!({"toolCall": call, "options": options}));
    said["outcome"]["optionId"].as_str().unwrap_or("none").to_owned()
}

fn play(stage: &mut Stage, scene: &str, request: &Value) {
    let prompt = request["params"]["prompt"][0]["text"].as_str().unwrap();
    assert!(prompt.contains("001-x") && prompt.contains("There is a greeting"), "{prompt}");
    let words = |text: &str| json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}});
    match scene {
        "busy" if std::env::var("BESIDE").is_ok_and(|beside| !Path::new(&beside).join("calm").exists()) => {
            note("calm", "");
            return stage.fail(
                request,
                json!({"code": -32603, "message": "Internal error", "data": {"status": 429, "message": "slow down"}}),
            );
        }
        "broken" => {
            return stage
                .fail(request, json!({"code": -32603, "message": "Internal error", "data": "the model is gone"}));
        }
        "dies" => std::process::exit(3),
        "refuses" => return stage.answer(request, json!({"stopReason": "refusal"})),
        "silent" => {
            let cancel = loop {
                let said = stage.next();
                if said["method"] == "session/cancel" {
                    break said;
                }
            };
            note("cancelled", cancel["params"]["sessionId"].as_str().unwrap());
            return stage.answer(request, json!({"stopReason": "cancelled"}));
        }
        "outside" => {
            let secret = format!("{}/secret", std::env::var("BESIDE").unwrap());
            std::os::unix::fs::symlink(&secret, "link").unwrap();
            let ways = [secret.clone(), here("../../../secret"), here("link"), "/etc/passwd".to_owned(), here(".git")];
            let mut told = String::new();
            for path in &ways {
                let wrote = stage.ask("fs/write_text_file", json!({"path": path, "content": "broken"}));
                let read = stage.ask("fs/read_text_file", json!({"path": path}));
                told += &format!("{} {} {}\n", wrote["code"].is_i64(), read["code"].is_i64(), permission(stage, path));
            }
            std::fs::remove_file("link").unwrap();
            note("told", &told);
        }
        _ => {}
    }
    stage.update(words("I write "));
    stage.update(words("the greeting.\n"));
    stage.update(json!({"sessionUpdate": "tool_call", "toolCallId": "t1", "title": "look around", "kind": "execute", "status": "pending"}));
    stage.update(json!({"sessionUpdate": "tool_call_update", "toolCallId": "t1", "status": "completed"}));
    assert_eq!(permission(stage, &here("greeting.txt")), "yes");
    stage.ask("fs/write_text_file", json!({"path": here("greeting.txt"), "content": "one\nhello\nthree\n"}));
    let read = stage.ask("fs/read_text_file", json!({"path": here("greeting.txt"), "line": 2, "limit": 1}));
    assert_eq!(read["content"], "hello\n");
    let diff = json!([{"type": "diff", "path": here("other.txt"), "oldText": null, "newText": "x"}]);
    std::fs::write("other.txt", "x").unwrap();
    stage.update(
        json!({"sessionUpdate": "tool_call_update", "toolCallId": "t2", "status": "completed", "content": diff}),
    );
    stage.update(json!({"sessionUpdate": "usage_update", "used": 900, "size": 9000, "cost": {"amount": 0.25, "currency": "USD"}}));
    stage.update(words("Done: wrote greeting.txt"));
    let usage = json!({"totalTokens": 2100, "inputTokens": 2000, "outputTokens": 100});
    stage.answer(request, json!({"stopReason": "end_turn", "usage": usage}));
}

#[test]
fn a_server_works_and_what_it_said_and_took_is_recorded() {
    let desk = desk("ok", ", model: m1", "");
    let out = desk.chant(&["work", "001"]).ok();
    assert!(out.err.contains("2.1k tokens, $0.25"), "{}", out.err);
    assert_eq!(desk.file("model"), "m1");
    assert!(desk.file("cwd").ends_with(".chant/worktrees/001-x"), "{}", desk.file("cwd"));
    let trailers = desk.trailers("completed");
    let told = ["Chant-Tokens: 2100\n", "Chant-Cost: 0.25 USD", "Assisted-by: server:m1"];
    told.iter().for_each(|line| assert!(trailers.contains(line), "no {line}: {trailers}"));
    let note = desk.note("completed");
    assert_eq!((&note["session"], &note["agent_version"]), (&"s1".into(), &"stand-in 9.9.9".into()), "{note:#}");
    let log = desk.chant(&["log", "001"]).ok().out;
    let told =
        ["I write the greeting.", "run: look around", "edits greeting.txt", "other.txt", "Done: wrote greeting.txt"];
    told.iter().for_each(|word| assert!(log.contains(word), "no {word}: {log}"));
    assert!(!log.contains("{\""), "{log}");
    assert_eq!(desk.sandbox.read("greeting.txt"), "one\nhello\nthree\n");
}

#[test]
fn a_server_reads_and_writes_nothing_outside_of_the_worktree_by_way_of_chant() {
    let desk = desk("outside", "", "");
    std::fs::write(desk.sandbox.beside("secret"), "outside").unwrap();
    desk.chant(&["work", "001"]).ok();
    let told = desk.file("told");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[..4], ["true true no"; 4], "{told}");
    assert!(lines[4].starts_with("true "), "{told}");
    assert_eq!(std::fs::read_to_string(desk.sandbox.beside("secret")).unwrap(), "outside");
}

#[test]
fn what_keeps_a_server_from_its_work_is_told_apart() {
    let signed_out = desk("signed-out", "", "");
    let out = signed_out.chant(&["work", "001"]).exits(3);
    assert!(out.err.contains("agent `server` is not signed in") && out.err.contains("A key"), "{}", out.err);
    assert_eq!((signed_out.sandbox.status("001-x").as_str(), signed_out.trailers("failed").as_str()), ("stalled", ""));
    let busy = desk("busy", "", "");
    let out = busy.chant(&["work", "001"]).ok();
    assert!(out.err.contains("server has no room") && out.err.contains("slow down"), "{}", out.err);
    assert_eq!(busy.sandbox.item("001-x")["attempt"], 1);
    for (scene, words) in [
        ("broken", "server failed: Internal error: the model is gone"),
        ("dies", "its server ended: exit status: 3"),
        ("refuses", "server failed: its model refused"),
    ] {
        let desk = desk(scene, "", "");
        let out = desk.chant(&["work", "001"]).exits(1);
        assert!(out.err.contains(words), "{scene}: {}", out.err);
    }
    let unknown = desk("ok", ", model: m9", "");
    let out = unknown.chant(&["work", "001"]).exits(1);
    assert!(out.err.contains("knows no model `m9`; it has m0, m1"), "{}", out.err);
    let no_server =
        Desk::new("agent: server\nagents: { server: { kind: acp, command: \"sh -c cat\" } }\ntimeout: 3s\n");
    let out = no_server.chant(&["work", "001"]).exits(1);
    assert!(out.err.contains("server "), "{}", out.err);
}

#[test]
fn a_server_is_told_to_stop_when_time_is_up_and_a_kill_of_chant_leaves_nothing_behind() {
    let late = Desk::new(&format!(
        "agent: server\nagents: {{ server: {{ kind: acp, command: [{}], env: {{ ACP_SCENE: silent }} }} }}\ntimeout: 2s\n",
        program("trap '' TERM; ")
    ));
    let out = late.chant(&["work", "001"]).exits(1);
    assert!(out.err.contains("server") && out.err.contains("failed"), "{}", out.err);
    assert_eq!(late.file("cancelled"), "s1");
    let idle = desk("silent", "", "idle: 1s");
    let out = idle.chant(&["work", "001"]).exits(1);
    assert!(out.err.contains("server did nothing for 1 s"), "{}", out.err);
    let killed = desk("silent", "", "");
    let mut engine = killed.sandbox.spawn(&[], ["work", "001"]);
    until("its server is asked", || running(&killed.sandbox.root).len() >= 2 && !killed.file("cwd").is_empty());
    engine.kill().unwrap();
    wait(engine);
    until("nothing is left", || running(&killed.sandbox.root).is_empty());
}

#[test]
fn a_server_that_is_not_there_is_found_before_the_claim_and_doctor_names_one_that_is() {
    let gone = Desk::new("agent: server\nagents: { server: { kind: acp, command: \"no-such-server --acp\" } }\n");
    let out = gone.chant(&["work", "001"]).exits(3);
    assert!(out.err.contains("`no-such-server`, which is not on the PATH"), "{}", out.err);
    assert_eq!(gone.sandbox.ask("branch --list chant/*"), "", "nothing was claimed");
    let there = desk("ok", "", "");
    let out = there.chant(&["doctor"]).out;
    assert!(out.contains("server 9.9.9"), "{out}");
    let capped = desk("ok", "", "budget: 1k tokens");
    let out = capped.chant(&["work", "001"]);
    assert!(out.code == 2 && out.err.contains("agent `server` cannot keep a budget of tokens"), "{}", out.all());
}
