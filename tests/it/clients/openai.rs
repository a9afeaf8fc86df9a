//! The loop of chant's own, against a model server of the tests'.

use serde_json::{Value, json};

use super::{Desk, running};
use crate::harness::model::Model;
use crate::harness::{Output, until, wait};

/// Calls of tools, side by side in one answer.
fn calls(calls: &[(&str, Value)]) -> Value {
    let call = |(at, (name, arguments)): (usize, &(&str, Value))| {
        let arguments = arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
        json!({"index": at, "id": format!("call_{at}_{name}"), "type": "function",
            "function": {"name": name, "arguments": arguments}})
    };
    json!({"role": "assistant", "content": null, "tool_calls": calls.iter().enumerate().map(call).collect::<Vec<_>>()})
}

fn says(text: &str) -> Value {
    json!({"role": "assistant", "content": text})
}

/// A project with an agent `local` whose endpoint is that of a model; `more` are settings of the agent, `rest` others.
fn desk(model: &Model, how: &str, more: &str, rest: &str) -> Desk {
    let url = format!("http://127.0.0.1:{}/{how}/v1", model.port);
    Desk::new(&format!(
        "agent: local\nagents:\n  local: {{ kind: openai, base_url: \"{url}\", model: m{more} }}\n{rest}\n"
    ))
}

/// What came of the tools, as the model was told last.
fn results(model: &Model) -> Vec<String> {
    let heard = model.heard();
    let messages = heard.last().unwrap()["messages"].as_array().unwrap().clone();
    let results = messages.iter().filter(|message| message["role"] == "tool");
    results.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

fn refused(desk: &Desk, out: &Output, words: &[&str]) {
    assert_eq!(out.code, 3, "{}", out.all());
    words.iter().for_each(|word| assert!(out.err.contains(word), "no {word}: {}", out.all()));
    assert_eq!(desk.sandbox.ask("branch --list chant/*"), "", "nothing was claimed");
}

#[test]
fn a_model_works_by_tools_until_it_is_done_and_what_it_took_is_recorded() {
    let model = Model::start("true");
    model
        .then(calls(&[
            ("write", json!({"path": "deep/greeting.txt", "content": "helo\n"})),
            ("read", json!({"path": ".chant/specs/001-x.md"})),
        ]))
        .then(calls(&[
            ("edit", json!({"path": "deep/greeting.txt", "old": "helo", "new": "hello"})),
            ("search", json!({"pattern": "hel+o"})),
        ]))
        .then(calls(&[(
            "run",
            json!({"command": "cat deep/greeting.txt; mv deep/greeting.txt .; echo [$OPENAI_API_KEY]"}),
        )]))
        .then(says("Done: wrote the greeting."));
    let desk = desk(&model, "ok", "", "");
    let out = desk.chant(&["work", "001"]).ok();
    assert!(out.err.contains("4.2k tokens"), "{}", out.err);
    let results = results(&model);
    assert_eq!(results[0], "written deep/greeting.txt");
    assert!(results[1].contains("# The spec 001-x"), "{}", results[1]);
    assert_eq!(results[2], "edited deep/greeting.txt");
    assert!(results[3].contains("deep/greeting.txt:1: hello"), "{}", results[3]);
    assert_eq!(results[4], "hello\n[]\n[exit code 0]", "the key is not for commands");
    assert_eq!(model.heard()[0]["authorization"], "Bearer dummy");
    let prompt = model.heard()[0]["messages"][1]["content"].as_str().unwrap().to_owned();
    assert!(prompt.contains("001-x") && prompt.contains("There is a greeting"), "{prompt}");
    let trailers = desk.trailers("completed");
    assert!(trailers.contains("Chant-Tokens: 4200\n") && trailers.contains("Assisted-by: local:m"), "{trailers}");
    assert!(!trailers.contains("Chant-Cost"), "{trailers}");
    let note = desk.note("completed");
    assert_eq!(
        (&note["agent"], &note["model"], &note["tokens"]["input"]),
        (&"local".into(), &"m".into(), &4000.into())
    );
    let log = desk.chant(&["log", "001"]).ok().out;
    let told =
        ["edits deep/greeting.txt", "search: hel+o", "run: cat deep/", "Done: wrote the greeting.", "4.2k tokens"];
    told.iter().for_each(|word| assert!(log.contains(word), "no {word}: {log}"));
    assert!(!log.contains("{\""), "{log}");
}

#[test]
fn no_tool_leaves_the_worktree_by_dots_an_absolute_path_or_a_link() {
    let model = Model::start("true");
    let desk = desk(&model, "ok", "", "");
    let secret = desk.sandbox.beside("secret");
    std::fs::write(&secret, "outside").unwrap();
    let absolute = secret.display().to_string();
    let link = format!("ln -s {} out; ln -s {absolute} file", secret.parent().unwrap().display());
    model.then(calls(&[("run", json!({"command": link}))]));
    let ways = ["../../../secret", absolute.as_str(), "out/secret", "file", "/etc/passwd", ".git", "out/new"];
    let uses = |path: &str| {
        [
            ("read", json!({"path": path})),
            ("write", json!({"path": path, "content": "broken"})),
            ("edit", json!({"path": path, "old": "outside", "new": "broken"})),
            ("search", json!({"pattern": "outside", "path": path})),
        ]
    };
    // Git's own file may be looked at.
    let is_a_trick = |(tool, arguments): &(&str, Value)| *tool == "write" || arguments["path"] != ".git";
    let tried: Vec<_> = ways.iter().flat_map(|path| uses(path)).filter(is_a_trick).collect();
    model.then(calls(&tried));
    model.then(calls(&[("run", json!({"command": "rm out file; echo hello > greeting.txt"}))])).then(says("Done."));
    desk.chant(&["work", "001"]).ok();
    let results = results(&model);
    assert_eq!(results.len(), tried.len() + 2);
    for (result, tried) in results[1..].iter().zip(&tried) {
        assert!(result.starts_with("error"), "{tried:?}: {result}");
    }
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "outside");
    assert!(!desk.sandbox.beside("new").exists());
}

#[test]
fn calls_that_cannot_be_understood_are_told_to_the_model_which_goes_on() {
    let model = Model::start("true");
    model
        .then(calls(&[("write", json!("{\"path\": \"greeting")), ("teleport", json!({})), ("read", json!({"pth": 1}))]))
        .then(calls(&[("edit", json!({"path": "none.txt", "old": "a", "new": "b"}))]))
        .then(calls(&[("write", json!({"path": "greeting.txt", "content": "hello\n"}))]))
        .then(says("Done."));
    let desk = desk(&model, "ok", "", "");
    desk.chant(&["work", "001"]).ok();
    let results = results(&model);
    assert!(results[0].contains("no JSON") && results[1].contains("no tool `teleport`"), "{results:#?}");
    assert!(results[2].contains("missing field `path`") && results[3].contains("no such file"), "{results:#?}");
    // What was no JSON would have a strict server refuse all that follows.
    let arguments = &model.heard()[1]["messages"][2]["tool_calls"][0]["function"]["arguments"];
    assert_eq!(arguments, "{}");
}

#[test]
fn a_key_that_is_not_accepted_is_found_before_the_claim_or_leaves_the_attempt_open() {
    let model = Model::start("echo hello > greeting.txt");
    let early = desk(&model, "401", "", "");
    refused(&early, &early.chant(&["work", "001"]), &["agent `local` is not signed in", "OPENAI_API_KEY"]);
    assert!(!model.was_asked());
    let late = desk(&model, "ok", "", "");
    model.then(json!({"status": 401, "error": "bad key"}));
    let out = late.chant(&["work", "001"]).exits(3);
    assert!(out.err.contains("not signed in: bad key"), "{}", out.err);
    assert_eq!((late.sandbox.status("001-x").as_str(), late.trailers("failed").as_str()), ("stalled", ""));
    late.chant(&["work", "001"]).ok();
    assert_eq!(late.sandbox.item("001-x")["attempt"], 1);
}

#[test]
fn a_server_without_room_is_asked_again_as_it_wishes_and_counts_as_no_attempt() {
    let model = Model::start("echo hello > greeting.txt");
    model.then(json!({"status": 429, "after": "0"})).then(json!({"status": 503})).then(json!({"status": 500}));
    let short = desk(&model, "ok", "", "");
    short.chant(&["work", "001"]).ok();
    assert_eq!(model.heard().len(), 5, "three refusals, a tool, and the end");
    assert_eq!(short.sandbox.item("001-x")["attempt"], 1);
    // One that wants to be left alone for longer than there is time.
    model.then(json!({"status": 429, "after": "3600", "error": "come back in an hour"}));
    let long = desk(&model, "ok", "", "timeout: 20s");
    let out = long.chant(&["work", "001"]).exits(3);
    assert!(
        out.err.contains("local has no room: come back in an hour") && out.err.contains("no failed attempt"),
        "{}",
        out.err
    );
    assert_eq!((long.sandbox.status("001-x").as_str(), long.trailers("failed").as_str()), ("stalled", ""));
    // One that is broken for as long as there is time.
    let broken = desk(&model, "500", "", "timeout: 2s");
    let out = broken.chant(&["work", "001"]).exits(3);
    assert!(out.err.contains("local has no room"), "{}", out.err);
}

#[test]
fn where_its_model_has_no_room_another_agent_goes_on() {
    let model = Model::start("echo hello > greeting.txt");
    model.then(json!({"status": 429, "after": "3600"}));
    let url = |how: &str| format!("http://127.0.0.1:{}/{how}/v1", model.port);
    let desk = Desk::new(&format!(
        "rotation: [one, two]\nagents:\n  one: {{ kind: openai, base_url: \"{}\", model: m1, weight: 999999999 }}\n  two: {{ \
         kind: openai, base_url: \"{}\", model: m2 }}\n",
        url("ok"),
        url("ok")
    ));
    let out = desk.chant(&["work", "001"]).ok();
    assert!(out.err.contains("one has no room") && out.err.contains("two goes on"), "{}", out.err);
    assert!(desk.trailers("completed").contains("Assisted-by: two:m2"));
}

#[test]
fn a_server_that_never_answers_is_ended_as_idle_and_a_kill_of_chant_leaves_nothing_behind() {
    let model = Model::start("true");
    model.then(calls(&[("run", json!({"command": "sleep 600 & setsid sleep 600 & sleep 600"}))]));
    let desk = desk(&model, "ok", "", "");
    let engine = desk.sandbox.spawn(&[("OPENAI_API_KEY", "dummy")], ["work", "001"]);
    until("its command runs", || running(&desk.sandbox.root).len() >= 4);
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(i32::try_from(engine.id()).unwrap()).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    wait(engine);
    until("nothing is left", || running(&desk.sandbox.root).is_empty());
    let silent = Model::start("true");
    let config = desk
        .sandbox
        .read(".chant/config.yaml")
        .replace(&format!("{}/ok", model.port), &format!("{}/hang", silent.port));
    desk.sandbox.write(".chant/config.yaml", format!("{config}idle: 1s\n")).commit("a model that says nothing");
    let out = desk.chant(&["work", "001"]).exits(1);
    assert!(out.err.contains("local did nothing for 1 s"), "{}", out.err);
}

#[test]
fn a_model_a_key_or_an_endpoint_that_is_not_there_is_found_before_the_claim() {
    let model = Model::start("true");
    let other = desk(&model, "ok", "", "");
    model.knows(&["qwen3-coder:latest", "llama"]);
    refused(&other, &other.chant(&["work", "001"]), &["knows no model `m`", "qwen3-coder:latest, llama"]);
    model.knows(&["m:latest"]).then(calls(&[("write", json!({"path": "greeting.txt", "content": "hello"}))]));
    other.chant(&["work", "001"]).ok();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let agent = |fields: &str| Desk::new(&format!("agent: local\nagents: {{ local: {{ kind: openai{fields} }} }}\n"));
    let gone = agent(&format!(", base_url: \"http://127.0.0.1:{nobody}/v1\", model: m"));
    refused(&gone, &gone.chant(&["work", "001"]), &["does not reach its endpoint", "ollama serve"]);
    let bare = agent("");
    refused(&bare, &bare.chant(&["work", "001"]), &["has no model"]);
    let keyless = agent(", model: m");
    refused(&keyless, &keyless.sandbox.chant(["work", "001"]), &["not signed in", "OPENAI_API_KEY"]);
    let elsewhere = agent(", model: m, base_url: \"https://api.example.org/v1\"");
    refused(&elsewhere, &elsewhere.chant(&["work", "001"]), &["only where the agent says so", "key_env"]);
    let clear = agent(", model: m, base_url: \"http://api.example.org/v1\", key_env: OPENAI_API_KEY");
    refused(&clear, &clear.chant(&["work", "001"]), &["in clear text"]);
}

#[test]
fn a_key_has_the_name_that_the_agent_says() {
    let model = Model::start("echo hello > greeting.txt; echo [$TEAM_KEY$OPENAI_API_KEY] > keys");
    let desk = desk(&model, "ok", ", key_env: TEAM_KEY", "");
    refused(&desk, &desk.chant(&["work", "001"]), &["not signed in", "TEAM_KEY"]);
    desk.sandbox.chant_with(&[("TEAM_KEY", "of-the-team")], ["work", "001"]).ok();
    assert_eq!(model.heard()[0]["authorization"], "Bearer of-the-team");
    assert_eq!(desk.sandbox.ask("show main:keys"), "[]");
}

#[test]
fn tokens_are_limited_and_dollars_cannot_be() {
    let model = Model::start("true");
    let turn = |command: &str| calls(&[("run", json!({"command": format!("echo half > half.txt; {command}")}))]);
    model.then(turn("true")).then(turn("sleep 600"));
    let limited = desk(&model, "ok", "", "budget: 2k tokens");
    let out = limited.chant(&["work", "001"]).exits(1);
    assert!(out.err.contains("local was ended: the budget of the attempt is used up"), "{}", out.err);
    assert_eq!(limited.sandbox.ask("show chant/001-x:half.txt"), "half");
    // However fast answers come, none is asked for that the budget does not cover.
    let quick = Model::start("true");
    for n in 0..9 {
        quick.then(turn(&format!("echo {n}")));
    }
    let out = desk(&quick, "ok", "", "budget: 2k tokens").chant(&["work", "001"]).exits(1);
    assert!(out.err.contains("the budget of the attempt is used up"), "{}", out.err);
    let asked = quick.heard().iter().filter(|heard| heard["messages"].is_array()).count();
    assert_eq!(asked, 2, "a thousand tokens each");
    let dollars = desk(&model, "ok", "", "budget: 2 usd");
    let out = dollars.chant(&["work", "001"]);
    assert!(out.code == 2 && out.err.contains("agent `local` cannot keep a budget of dollars"), "{}", out.all());
    // A server that counts nothing keeps no limit, and that is no silent nothing.
    let model = Model::start("true");
    let mut uncounted = says("Done.");
    uncounted["usage"] = json!(false);
    model.then(uncounted);
    let uncounted = desk(&model, "ok", "", "budget: 2k tokens");
    let out = uncounted.chant(&["work", "001"]).exits(1);
    assert!(out.err.contains("the budget of tokens cannot be kept"), "{}", out.err);
}

#[test]
fn a_model_that_comes_to_no_end_is_ended() {
    let model = Model::start("true");
    for at in 0..3 {
        model.then(calls(&[("run", json!({"command": format!("echo {at}")}))]));
    }
    let short = desk(&model, "ok", ", max_turns: 2", "");
    let out = short.chant(&["work", "001"]).exits(1);
    assert!(out.err.contains("no end in 2 turns"), "{}", out.err);
    let model = Model::start("true");
    for _ in 0..20 {
        model.then(calls(&[("read", json!({"path": "none"}))]));
    }
    let same = desk(&model, "ok", "", "");
    let out = same.chant(&["work", "001"]).exits(1);
    assert!(out.err.contains("repeats itself") && model.heard().len() < 20, "{}", out.err);
}

#[test]
fn a_conversation_that_is_too_long_is_shortened_and_one_that_cannot_be_fails() {
    let model = Model::start("true");
    model
        .then(calls(&[
            ("run", json!({"command": "seq 5000"})),
            ("write", json!({"path": "greeting.txt", "content": "hello"})),
        ]))
        .then(json!({"status": 400, "error": "maximum context length is 8192 tokens"}))
        .then(says("Done."));
    let long = desk(&model, "ok", "", "");
    long.chant(&["work", "001"]).ok();
    assert!(results(&model)[0].contains("left out to make room"));
    assert_eq!(results(&model)[1], "written greeting.txt");
    model.then(json!({"status": 400, "error": "maximum context length is 8192 tokens"}));
    let hopeless = desk(&model, "ok", "", "");
    let out = hopeless.chant(&["work", "001"]).exits(1);
    assert!(out.err.contains("local failed: maximum context length"), "{}", out.err);
}

#[test]
fn doctor_asks_the_endpoint() {
    let model = Model::start("true");
    let desk = desk(&model, "ok", "", "");
    assert!(desk.chant(&["doctor"]).out.contains("local"), "{}", desk.chant(&["doctor"]).out);
    model.knows(&["other"]);
    let out = desk.chant(&["doctor"]).out;
    assert!(out.contains("agent `local` knows no model `m`") && out.contains("other"), "{out}");
}

#[test]
fn without_a_network_it_is_refused_before_the_claim_and_doctor_says_so() {
    let model = Model::start("true");
    let desk = desk(&model, "", "", "sandbox: { net: none }");
    if !chant::cage::support().is_there() || chant::cage::net_can_go().is_err() {
        eprintln!("not tried: no landlock, or no network namespaces");
        return;
    }
    let out = desk.chant(&["work", "001"]);
    refused(&desk, &out, &["agent `local`", "sandbox.net: none", "net: shared"]);
    let out = desk.chant(&["doctor"]);
    assert!(out.out.contains("sandbox.net: none") && out.out.contains("local"), "{}", out.all());
    assert_eq!(model.heard().len(), 0);
}
