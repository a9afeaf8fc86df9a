//! What is said to and heard from an endpoint, as chat completions have it. Pure.
//!
//! Only what this loop needs is read, and leniently: servers that call themselves compatible leave out ids and indices,
//! send arguments as objects, answer at once where a stream was asked for, or put an error into a stream.

use serde_json::{Value, json};

use crate::agent::event::number;

/// The most that one answer may have, in bytes.
const LONGEST: usize = 16 << 20;

/// A tool that the model wants used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Call {
    pub id: String,
    pub name: String,
    /// JSON, as the model wrote it.
    pub arguments: String,
}

/// What an answer took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    pub input: u64,
    pub output: u64,
    pub cached: u64,
}

/// One answer, as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub text: String,
    pub calls: Vec<Call>,
    /// Why it ended: `stop`, `tool_calls`, `length`, `content_filter`.
    pub finish: Option<String>,
    pub usage: Option<Usage>,
    /// The error that came in its place.
    pub error: Option<Value>,
    /// Whether the server said that nothing follows.
    done: bool,
    size: usize,
    /// For calls that come in pieces: the index that a server gave each.
    indices: Vec<Option<u64>>,
}

impl Answer {
    /// Takes in a line of a stream of events.
    pub(super) fn line(&mut self, line: &str) {
        let Some(data) = line.trim_end().strip_prefix("data:").map(str::trim_start) else { return };
        if data == "[DONE]" {
            self.done = true;
        } else if let Ok(value) = serde_json::from_str(data) {
            self.take(&value);
        }
    }

    /// Takes in an answer that came at once, or a piece of one.
    pub(super) fn take(&mut self, value: &Value) {
        if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
            self.error = Some(error.clone());
        }
        if let Some(usage) = value.get("usage").filter(|usage| usage.is_object() && is_plausible(usage)) {
            self.usage = Some(Usage {
                input: number(usage, "/prompt_tokens"),
                output: number(usage, "/completion_tokens"),
                cached: number(usage, "/prompt_tokens_details/cached_tokens"),
            });
        }
        let Some(choice) = value.pointer("/choices/0") else { return };
        if let Some(finish) = choice["finish_reason"].as_str().filter(|finish| !finish.is_empty()) {
            self.finish = Some(finish.to_owned());
        }
        let message = choice.get("delta").or_else(|| choice.get("message")).unwrap_or(&Value::Null);
        if let Some(text) = message["content"].as_str() {
            self.size = self.size.saturating_add(text.len());
            self.text.push_str(text);
        }
        for (at, piece) in message["tool_calls"].as_array().into_iter().flatten().enumerate() {
            self.piece(piece, at);
        }
    }

    /// One piece of a call. It belongs to the call of its index, if that has no other id; without an index, to the last
    /// one, unless it has an id of its own.
    fn piece(&mut self, piece: &Value, at: usize) {
        let index = piece["index"].as_u64();
        let id = piece["id"].as_str().unwrap_or_default();
        let known = match index {
            Some(_) => self.indices.iter().rposition(|known| *known == index),
            None if id.is_empty() && at == 0 => self.calls.len().checked_sub(1),
            None => self.calls.iter().position(|call| !id.is_empty() && call.id == id),
        };
        let known = known.filter(|at| id.is_empty() || self.calls[*at].id.is_empty() || self.calls[*at].id == id);
        let at = known.unwrap_or_else(|| {
            self.calls.push(Call::default());
            self.indices.push(index);
            self.calls.len() - 1
        });
        let call = &mut self.calls[at];
        if call.id.is_empty() {
            id.clone_into(&mut call.id);
        }
        if let Some(name) = piece.pointer("/function/name").and_then(Value::as_str).filter(|_| call.name.is_empty()) {
            name.clone_into(&mut call.name);
        }
        match piece.pointer("/function/arguments") {
            Some(Value::String(text)) => {
                self.size = self.size.saturating_add(text.len());
                call.arguments.push_str(text);
            }
            Some(Value::Null) | None => {}
            Some(value) => call.arguments = value.to_string(),
        }
    }

    /// Whether it is longer than any answer should be.
    pub(super) fn is_endless(&self) -> bool {
        self.size > LONGEST
    }

    /// Whether it is whole: a server that is cut off has said neither why it ended nor that it did.
    pub(super) fn is_whole(&self) -> bool {
        self.done || self.finish.is_some()
    }

    /// Gives calls without an id one, for the results have to name it.
    pub(super) fn settle(&mut self, turn: u32) {
        self.calls.retain(|call| !(call.name.is_empty() && call.arguments.is_empty()));
        for (at, call) in self.calls.iter_mut().enumerate().filter(|(_, call)| call.id.is_empty()) {
            call.id = format!("call_{turn}_{at}");
        }
    }

    /// The answer as a message of the conversation. Arguments that are no JSON would have some servers refuse all that
    /// follows, so they are left out of it: what came of them says the result.
    pub(super) fn message(&self) -> Value {
        let content = if self.text.is_empty() { Value::Null } else { json!(self.text) };
        if self.calls.is_empty() {
            return json!({"role": "assistant", "content": self.text});
        }
        let calls = self.calls.iter().map(|call| {
            let sound = serde_json::from_str::<Value>(&call.arguments).is_ok_and(|value| value.is_object());
            let arguments = if sound { call.arguments.as_str() } else { "{}" };
            json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
        });
        json!({"role": "assistant", "content": content, "tool_calls": calls.collect::<Vec<_>>()})
    }
}

/// What a call came to, as a message of the conversation.
pub(super) fn result(call: &Call, text: &str) -> Value {
    json!({"role": "tool", "tool_call_id": call.id, "content": text})
}

/// What stands in the place of a result that was left out to make room.
const LEFT_OUT: &str = "[left out to make room; use the tool again if this is still needed]";

/// Leaves out the older half of what tools said, the longest of it at least; whether that made the conversation shorter.
pub(super) fn shorten(messages: &mut [Value]) -> bool {
    let long = |message: &Value| {
        message["role"] == "tool" && message["content"].as_str().is_some_and(|text| text.len() > 4 * LEFT_OUT.len())
    };
    let at: Vec<usize> = (0..messages.len()).filter(|at| long(&messages[*at])).collect();
    for at in &at[..at.len().div_ceil(2)] {
        messages[*at]["content"] = json!(LEFT_OUT);
    }
    !at.is_empty()
}

/// Whether words of a server mean that the conversation is too long for the model.
pub(super) fn is_too_long(why: &str) -> bool {
    let lower = why.to_lowercase();
    ["context_length", "context length", "context window", "maximum context", "too many tokens", "prompt is too long"]
        .iter()
        .any(|part| lower.contains(part))
}

/// Whether a count of tokens can be one: what is below nothing, or beyond all that was ever said, is as if nothing had been
/// told, so that no cap is kept by it.
fn is_plausible(usage: &Value) -> bool {
    const MOST: f64 = 1e12;
    ["prompt_tokens", "completion_tokens"].into_iter().all(|key| match usage.get(key) {
        None | Some(Value::Null) => true,
        Some(count) => count.as_f64().is_some_and(|count| (0.0..MOST).contains(&count)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(lines: &[Value]) -> Answer {
        let mut answer = Answer::default();
        lines.iter().for_each(|line| answer.line(&format!("data: {line}\r\n")));
        answer
    }

    fn delta(delta: Value) -> Value {
        json!({"choices": [{"index": 0, "delta": delta}]})
    }

    fn call(id: &str, name: &str, arguments: &str) -> Call {
        Call { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
    }

    #[test]
    fn pieces_of_calls_side_by_side_go_to_the_call_they_belong_to() {
        let piece = |index: u64, id: Option<&str>, name: Option<&str>, arguments: &str| json!({"index": index, "id": id, "function": {"name": name, "arguments": arguments}});
        let answer = answer(&[
            delta(json!({"content": "Two "})),
            delta(json!({"tool_calls": [piece(0, Some("a"), Some("read"), "{\"pa")]})),
            delta(json!({"tool_calls": [piece(1, Some("b"), Some("run"), "{")]})),
            delta(json!({"tool_calls": [piece(0, None, None, "th\":1}"), piece(1, None, None, "}")]})),
            delta(json!({"content": "things"})),
            json!({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}),
            json!({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}),
        ]);
        assert_eq!(answer.calls, [call("a", "read", "{\"path\":1}"), call("b", "run", "{}")]);
        assert_eq!(answer.text, "Two things");
        assert_eq!(answer.usage, Some(Usage { input: 7, output: 3, cached: 0 }));
        assert!(answer.is_whole());
    }

    #[test]
    fn a_count_that_cannot_be_one_is_none() {
        for count in [json!(-99_999), json!(1e30), json!("7")] {
            let usage = json!({"choices": [], "usage": {"prompt_tokens": count, "completion_tokens": 3}});
            assert_eq!(answer(&[usage]).usage, None, "{count}");
        }
    }

    #[test]
    fn servers_that_leave_out_ids_or_indices_or_write_objects_are_understood() {
        let whole = |id: &str| json!({"index": 0, "id": id, "function": {"name": "read", "arguments": {"path": id}}});
        let same_index =
            answer(&[delta(json!({"tool_calls": [whole("a")]})), delta(json!({"tool_calls": [whole("b")]}))]);
        assert_eq!(same_index.calls, [call("a", "read", "{\"path\":\"a\"}"), call("b", "read", "{\"path\":\"b\"}")]);
        let bare = json!({"function": {"name": "read", "arguments": "{}"}});
        let mut bare =
            answer(&[json!({"choices": [{"message": {"tool_calls": [bare, bare]}, "finish_reason": "stop"}]})]);
        bare.settle(4);
        assert_eq!(bare.calls, [call("call_4_0", "read", "{}"), call("call_4_1", "read", "{}")]);
    }

    #[test]
    fn an_answer_that_is_cut_off_is_not_whole() {
        assert!(!answer(&[delta(json!({"content": "half"}))]).is_whole());
        let mut done = answer(&[delta(json!({"content": "all"}))]);
        done.line("data: [DONE]");
        assert!(done.is_whole());
        assert!(answer(&[json!({"error": {"message": "overloaded", "code": 503}})]).error.is_some());
    }

    #[test]
    fn arguments_that_are_no_json_do_not_stay_in_the_conversation() {
        let mut answer = Answer { calls: vec![call("a", "read", "{\"path\": ")], ..Answer::default() };
        answer.settle(0);
        assert_eq!(answer.message()["tool_calls"][0]["function"]["arguments"], "{}");
    }

    #[test]
    fn a_conversation_gets_shorter_until_nothing_is_left_to_leave_out() {
        let long = || json!({"role": "tool", "tool_call_id": "a", "content": "x".repeat(1000)});
        let mut messages = vec![json!({"role": "user", "content": "y".repeat(1000)}), long(), long(), long()];
        let mut rounds = 0;
        while shorten(&mut messages) {
            rounds += 1;
        }
        assert_eq!(rounds, 2);
        assert!(messages[1..].iter().all(|message| message["content"] == LEFT_OUT));
        assert_eq!(messages[0]["content"].as_str().map(str::len), Some(1000));
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_sends_upsets_it(text in ".{0,200}", cut in 0usize..200) {
            let mut answer = Answer::default();
            answer.line(&text);
            let whole = json!({"choices": [{"delta": {"content": text, "tool_calls": [{"index": 1, "id": 3}]}}]}).to_string();
            let cut = whole.floor_char_boundary(cut.min(whole.len()));
            answer.line(&format!("data: {}", &whole[..cut]));
            answer.line(&format!("data: {whole}"));
            answer.settle(1);
            prop_assert!(answer.message()["role"] == "assistant");
        }
    }
}
