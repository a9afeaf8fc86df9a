//! A model that stands in for the real ones: it speaks as Anthropic's, OpenAI's and compatible servers do, as far as their
//! clients ask, and has one idea: the first thing it is asked it answers with a shell command, everything after with "Done".
//!
//! The first part of the path says how it is: `ok`, the number of a status, or `hang`, where no answer comes at all. What it
//! is to answer one after the other can be said beforehand ([`Model::then`]), and what it was asked is kept.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use serde_json::{Value, json};

/// What each answer says that it took.
pub const TOKENS: (u64, u64) = (1000, 50);

pub struct Model {
    pub port: u16,
    /// How often it was asked for an answer.
    asked: Arc<AtomicUsize>,
    mind: Arc<Mutex<Mind>>,
}

/// What it will say, and what it heard.
#[derive(Default)]
struct Mind {
    /// The next answers, before its one idea: messages of chat completions, or `{"status": …}` with `after` and `error`.
    next: VecDeque<Value>,
    /// The models that it names.
    models: Vec<String>,
    /// The requests for answers, each with the `authorization` that came along.
    heard: Vec<Value>,
}

impl Model {
    /// Begins to listen; `command` is its one idea.
    pub fn start(command: &str) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let (command, count) = (command.to_owned(), Arc::clone(&asked));
        let mind = Arc::new(Mutex::new(Mind::default()));
        let shared = Arc::clone(&mind);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    let (command, count, mind) = (command.clone(), Arc::clone(&count), Arc::clone(&shared));
                    let service = hyper::service::service_fn(move |request| {
                        answer(request, command.clone(), Arc::clone(&count), Arc::clone(&mind))
                    });
                    let io = hyper_util::rt::TokioIo::new(stream);
                    tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
                }
            });
        });
        Self { port, asked, mind }
    }

    /// What it answers next, before all else.
    pub fn then(&self, answer: Value) -> &Self {
        self.mind.lock().unwrap().next.push_back(answer);
        self
    }

    /// The models that it names.
    pub fn knows(&self, models: &[&str]) -> &Self {
        self.mind.lock().unwrap().models = models.iter().map(|model| (*model).to_owned()).collect();
        self
    }

    /// The requests for answers so far.
    pub fn heard(&self) -> Vec<Value> {
        self.mind.lock().unwrap().heard.clone()
    }

    pub fn was_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst) > 0
    }
}

type Answered = Result<hyper::Response<Full<Bytes>>, std::io::Error>;

async fn answer(
    request: hyper::Request<Incoming>,
    command: String,
    asked: Arc<AtomicUsize>,
    mind: Arc<Mutex<Mind>>,
) -> Answered {
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let path = request.uri().path().to_owned();
    let asks = request.method() == hyper::Method::POST;
    let body = request.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mode = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let mut next = None;
    if asks {
        let mut mind = mind.lock().unwrap();
        let mut heard = body.clone();
        heard["authorization"] = json!(authorization);
        mind.heard.push(heard);
        next = mind.next.pop_front();
        asked.fetch_add(1, Ordering::SeqCst);
    }
    if let Some(status) = next.as_ref().and_then(|next| next["status"].as_u64()) {
        let after = next.as_ref().and_then(|next| next["after"].as_str());
        let builder = hyper::Response::builder()
            .status(u16::try_from(status).unwrap())
            .header("retry-after", after.unwrap_or("0"));
        let error = next.as_ref().and_then(|next| next.get("error")).cloned().unwrap_or(json!("no answer"));
        let text = json!({"error": {"message": error, "code": "x"}}).to_string();
        return builder.body(Full::new(Bytes::from(text))).map_err(std::io::Error::other);
    }
    match mode {
        "hang" => std::future::pending().await,
        "ok" => {}
        status => {
            let status: u16 = status.parse().unwrap_or(404);
            let kind = match status {
                401 => "authentication_error",
                429 => "rate_limit_error",
                _ => "api_error",
            };
            let error = json!({"type": kind, "message": format!("no answer, status {status}"), "code": status});
            return respond(status, "application/json", json!({"type": "error", "error": error}).to_string());
        }
    }
    let stream = body["stream"].as_bool().unwrap_or(false);
    let events = match path.rsplit('/').next().unwrap_or_default() {
        "messages" => messages(&body, &command),
        "responses" => responses(&body, &command),
        "completions" => completions(&body, &command, next),
        "count_tokens" => return respond(200, "application/json", r#"{"input_tokens":11}"#.to_owned()),
        _ => {
            let models = mind.lock().unwrap().models.iter().map(|id| json!({"id": id})).collect::<Vec<_>>();
            let list = json!({"object": "list", "data": models, "models": []});
            return respond(200, "application/json", list.to_string());
        }
    };
    if !stream {
        return respond(200, "application/json", events.1.to_string());
    }
    let text: String = events
        .0
        .iter()
        .map(|event| match event["type"].as_str() {
            Some(name) => format!("event: {name}\ndata: {event}\n\n"),
            None => format!("data: {event}\n\n"),
        })
        .collect();
    let end = if path.ends_with("completions") { "data: [DONE]\n\n" } else { "" };
    respond(200, "text/event-stream", text + end)
}

fn respond(status: u16, kind: &str, text: String) -> Answered {
    let response = hyper::Response::builder().status(status).header("content-type", kind);
    response.body(Full::new(Bytes::from(text))).map_err(std::io::Error::other)
}

/// The name of the tool that runs shell commands, where the client offers one.
fn shell(body: &Value, names: &[&str]) -> Option<String> {
    let tools = body["tools"].as_array()?;
    let named = |tool: &Value| tool["name"].as_str().or_else(|| tool["function"]["name"].as_str()).map(str::to_owned);
    let offered: Vec<String> = tools.iter().filter_map(named).collect();
    names.iter().find(|name| offered.iter().any(|offer| offer == **name)).map(|name| (*name).to_owned())
}

/// Anthropic's Messages: the events of a stream, and the same at once.
fn messages(body: &Value, command: &str) -> (Vec<Value>, Value) {
    let had = body["messages"].to_string().contains("\"tool_result\"");
    let usage = json!({"input_tokens": TOKENS.0, "output_tokens": TOKENS.1});
    let block = match shell(body, &["Bash"]).filter(|_| !had) {
        Some(name) => {
            let input = json!({"command": command, "description": "do it"});
            json!({"type": "tool_use", "id": "toolu_1", "name": name, "input": input})
        }
        None => json!({"type": "text", "text": "Done."}),
    };
    let stop = if block["type"] == "text" { "end_turn" } else { "tool_use" };
    let id = format!("msg_{}", body["messages"].as_array().map_or(0, Vec::len));
    let whole = json!({"id": id, "type": "message", "role": "assistant", "model": body["model"], "content": [block],
        "stop_reason": stop, "stop_sequence": null, "usage": usage});
    let mut begun = whole.clone();
    (begun["content"], begun["stop_reason"]) = (json!([]), Value::Null);
    let (start, delta) = if stop == "end_turn" {
        (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": "Done."}))
    } else {
        let mut start = whole["content"][0].clone();
        let input = start["input"].to_string();
        start["input"] = json!({});
        (start, json!({"type": "input_json_delta", "partial_json": input}))
    };
    let events = vec![
        json!({"type": "message_start", "message": begun}),
        json!({"type": "content_block_start", "index": 0, "content_block": start}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null}, "usage": usage}),
        json!({"type": "message_stop"}),
    ];
    (events, whole)
}

/// OpenAI's Responses.
fn responses(body: &Value, command: &str) -> (Vec<Value>, Value) {
    let had = body["input"].to_string().contains("call_output");
    let call = |name: &str, arguments: Value| {
        json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "status": "completed",
            "arguments": arguments.to_string()})
    };
    let item = match shell(body, &["shell_command", "exec_command", "shell"]).filter(|_| !had).as_deref() {
        Some("exec_command") => call("exec_command", json!({"cmd": command})),
        Some("shell") => call("shell", json!({"command": ["sh", "-c", command]})),
        Some(name) => call(name, json!({"command": command})),
        None => json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "Done.", "annotations": []}]}),
    };
    let begun = json!({"id": "resp_1", "object": "response", "created_at": 1, "model": body["model"], "output": [],
        "status": "in_progress"});
    let mut whole = begun.clone();
    whole["status"] = json!("completed");
    whole["output"] = json!([item]);
    whole["usage"] = json!({"input_tokens": TOKENS.0, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": TOKENS.1, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": TOKENS.0 + TOKENS.1});
    let events = vec![
        json!({"type": "response.created", "response": begun}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": item}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response": whole}),
    ];
    (events, whole)
}

/// OpenAI's chat completions, which most others speak as well.
fn completions(body: &Value, command: &str, next: Option<Value>) -> (Vec<Value>, Value) {
    let had = body["messages"].to_string().contains("\"role\":\"tool\"");
    let usage = json!({"prompt_tokens": TOKENS.0, "completion_tokens": TOKENS.1, "total_tokens": TOKENS.0 + TOKENS.1});
    let no_usage = next.as_ref().is_some_and(|next| next["usage"] == false);
    let (message, reason) = match (next, shell(body, &["bash", "run"]).filter(|_| !had)) {
        (Some(message), _) => {
            let reason = if message["tool_calls"].is_array() { "tool_calls" } else { "stop" };
            (message, reason)
        }
        (None, Some(name)) => {
            let arguments = json!({"command": command, "description": "do it"}).to_string();
            let call = json!({"index": 0, "id": "call_1", "type": "function",
                "function": {"name": name, "arguments": arguments}});
            (json!({"role": "assistant", "content": null, "tool_calls": [call]}), "tool_calls")
        }
        (None, None) => (json!({"role": "assistant", "content": "Done."}), "stop"),
    };
    let base = json!({"id": "chatcmpl-1", "created": 1, "model": body["model"], "object": "chat.completion.chunk"});
    let with = |choices: Value| {
        let mut one = base.clone();
        one["choices"] = choices;
        one
    };
    let mut last = with(json!([]));
    if !no_usage {
        last["usage"] = usage.clone();
    }
    let events = vec![
        with(json!([{"index": 0, "delta": message, "finish_reason": null}])),
        with(json!([{"index": 0, "delta": {}, "finish_reason": reason}])),
        last,
    ];
    let mut whole = with(json!([{"index": 0, "message": message, "finish_reason": reason}]));
    (whole["usage"], whole["object"]) = (usage, json!("chat.completion"));
    (events, whole)
}
