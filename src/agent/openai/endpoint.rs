//! An OpenAI-compatible endpoint: the two requests that are made to one, and what its refusals mean.
//!
//! The transport is octocrab's client, as for the forges: one HTTP client, with one set of certificates, in the house. The
//! crate `async-openai` was weighed. Its client brings reqwest, a second HTTP client with a TLS set-up of its own; its
//! types alone are strict where servers that are merely compatible (Ollama, vLLM, llama.cpp, proxies) are not: an answer
//! without an id would be no answer. What is needed of the protocol is [`super::chat`], and small.

use std::time::Duration;

use http_body_util::BodyExt;
use octocrab::Octocrab;
use secrecy::SecretString;
use serde_json::Value;

use super::chat::Answer;
use crate::agent::event::Trouble;
use crate::agent::plain::words;
use crate::agent::told::{Kind, Why};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(30);
/// How long nothing at all may come, while a model thinks or is loaded. A run's own `idle` is usually shorter.
const SILENCE: Duration = Duration::from_secs(600);
/// As much of an answer as is read that is none of a model.
const COMPLAINT: usize = 64 << 10;

/// An endpoint, and who asks.
#[derive(Debug)]
pub(super) struct Endpoint {
    client: Octocrab,
    /// What stands before every path, without a slash at its end.
    prefix: String,
    host: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub why: Why,
    pub status: Option<u16>,
    /// How long the server wants to be left alone.
    pub after: Option<Duration>,
}

impl Refusal {
    fn of(status: u16, after: Option<Duration>, text: &str) -> Self {
        let said = complaint(text);
        let said = if said.is_empty() { format!("status {status}") } else { format!("{said} (status {status})") };
        let why = match status {
            404 => Why::new(Kind::Failed, said),
            _ => Trouble::of(Some(status.into()), &said).into(),
        };
        Self { why, status: Some(status), after }
    }

    fn unreachable(why: impl Into<String>) -> Self {
        Self { why: Why::new(Kind::Unreachable, why), status: None, after: None }
    }
}

impl Endpoint {
    /// To be called within a runtime.
    pub(super) fn new(base_url: &str, key: Option<&str>) -> Result<Self, Refusal> {
        let unable = |why: String| Refusal { why: Why::new(Kind::Failed, why), status: None, after: None };
        let (root, prefix) = parted(base_url);
        let builder = Octocrab::builder().base_uri(root).map_err(|error| unable(format!("{base_url}: {error}")))?;
        let builder = builder.set_connect_timeout(Some(CONNECT)).set_read_timeout(Some(SILENCE));
        let builder = match key {
            Some(key) if key.bytes().all(|byte| byte.is_ascii_graphic()) => {
                builder.personal_token(SecretString::from(key.to_owned()))
            }
            Some(_) => return Err(unable("the key has characters that no header can hold".to_owned())),
            None => builder,
        };
        let client = builder.build().map_err(|error| unable(error.to_string()))?;
        let host = root.split_once("://").map_or(root, |(_, host)| host).to_owned();
        Ok(Self { client, prefix: prefix.trim_end_matches('/').to_owned(), host })
    }

    /// The names of its models, where it tells them.
    pub(super) async fn models(&self) -> Result<Vec<String>, Refusal> {
        let response = self.client._get(format!("{}/models", self.prefix)).await.map_err(|error| self.broke(&error))?;
        let status = response.status().as_u16();
        let after = after(response.headers().get("retry-after").map(|value| value.as_bytes()));
        let text = self.whole(response.into_body()).await?;
        if status != 200 {
            return Err(Refusal::of(status, after, &text));
        }
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let ids = value["data"].as_array().into_iter().flatten().filter_map(|model| model["id"].as_str());
        Ok(ids.map(str::to_owned).collect())
    }

    /// Asks for an answer; `heard` is called as often as a piece of it comes.
    pub(super) async fn ask(&self, request: &Value, mut heard: impl FnMut()) -> Result<Answer, Refusal> {
        let path = format!("{}/chat/completions", self.prefix);
        let response = self.client._post(path, Some(request)).await.map_err(|error| self.broke(&error))?;
        let status = response.status().as_u16();
        if status != 200 {
            let after = after(response.headers().get("retry-after").map(|value| value.as_bytes()));
            return Err(Refusal::of(status, after, &self.whole(response.into_body()).await?));
        }
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let streams = kind.starts_with("text/event-stream");
        let (mut answer, mut body, mut rest) = (Answer::default(), response.into_body(), Vec::new());
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|error| self.broke(&error))?.into_data() else { continue };
            heard();
            rest.extend_from_slice(&data);
            if streams {
                let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                String::from_utf8_lossy(&rest[..whole]).lines().for_each(|line| answer.line(line));
                rest.drain(..whole);
            }
            if answer.is_endless() || rest.len() > (32 << 20) {
                return Err(Refusal {
                    why: Why::new(Kind::Failed, "the answer has no end"),
                    status: None,
                    after: None,
                });
            }
        }
        let rest = String::from_utf8_lossy(&rest);
        match streams {
            true => rest.lines().for_each(|line| answer.line(line)),
            false => match serde_json::from_str(&rest) {
                Ok(value) => answer.take(&value),
                Err(_) => return Err(self.no_model(&rest)),
            },
        }
        match &answer.error {
            Some(error) => Err(in_stream(error)),
            None if !answer.is_whole() && streams => Err(self.cut_off()),
            None => Ok(answer),
        }
    }

    async fn whole<D: AsRef<[u8]>, B>(&self, mut body: B) -> Result<String, Refusal>
    where
        B: BodyExt<Data = D, Error = octocrab::Error> + Unpin,
    {
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|error| self.broke(&error))?.into_data() else { continue };
            bytes.extend_from_slice(data.as_ref());
            if bytes.len() > (8 << 20) {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn broke(&self, error: &octocrab::Error) -> Refusal {
        let mut why = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            why = inner.to_string();
            source = inner.source();
        }
        Refusal::unreachable(format!("cannot connect to {}: {why}", self.host))
    }

    fn cut_off(&self) -> Refusal {
        Refusal::unreachable(format!("{} was cut off in the middle of an answer", self.host))
    }

    fn no_model(&self, text: &str) -> Refusal {
        let why = format!("{} answers, and not as a model does: {}", self.host, words(text.as_bytes()));
        Refusal { why: Why::new(Kind::Failed, why), status: None, after: None }
    }
}

/// An error that came where an answer was begun.
fn in_stream(error: &Value) -> Refusal {
    let status = [&error["code"], &error["status"]].into_iter().find_map(Value::as_u64);
    let status = status.and_then(|status| u16::try_from(status).ok()).filter(|status| (400..600).contains(status));
    let text = complaint(&error.to_string());
    match status {
        Some(status) => Refusal::of(status, None, &text),
        None => Refusal { why: Trouble::of(None, &text).into(), status: None, after: None },
    }
}

/// An address without its path, and the path.
fn parted(base_url: &str) -> (&str, &str) {
    let host = base_url.find("://").map_or(0, |at| at + 3);
    let path = base_url[host..].find('/').map_or(base_url.len(), |at| host + at);
    base_url.split_at(path)
}

/// `Retry-After` in seconds; a date is left to the engine's own patience.
fn after(header: Option<&[u8]>) -> Option<Duration> {
    let seconds = std::str::from_utf8(header?).ok()?.trim().parse::<f64>().ok()?;
    Duration::try_from_secs_f64(seconds.ceil()).ok()
}

/// What a server says of an error, in one line: its own words and the code that goes with them.
fn complaint(text: &str) -> String {
    let text = &text[..text.floor_char_boundary(COMPLAINT)];
    let Ok(value) = serde_json::from_str::<Value>(text) else { return words(text.as_bytes()) };
    let error = value.get("error").unwrap_or(&value);
    let said = error.as_str().or_else(|| error["message"].as_str()).or_else(|| value["detail"].as_str());
    let code = [&error["code"], &error["type"]].into_iter().find_map(Value::as_str);
    let said = match (said, code) {
        (Some(said), Some(code)) => format!("{said} [{code}]"),
        (Some(said), None) => said.to_owned(),
        (None, _) => value.to_string(),
    };
    words(said.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_mean_what_their_status_says() {
        let kind = |status, text: &str| Refusal::of(status, None, text).why.kind;
        assert_eq!(kind(401, "{}"), Kind::SignedOut);
        assert_eq!(kind(404, r#"{"error":{"message":"model 'x' not found"}}"#), Kind::Failed);
        assert_eq!(kind(429, ""), Kind::Busy);
        assert_eq!(kind(500, "<html>"), Kind::Busy);
        assert_eq!(kind(529, "overloaded"), Kind::Busy);
        assert_eq!(kind(400, r#"{"error":{"message":"no","code":"context_length_exceeded"}}"#), Kind::Failed);
    }

    #[test]
    fn complaints_are_told_in_the_servers_own_words() {
        for (text, said) in [
            (
                r#"{"error":{"message":"too long","code":"context_length_exceeded","type":"x"}}"#,
                "too long [context_length_exceeded]",
            ),
            (
                r#"{"error":"model \"x\" not found, try pulling it first"}"#,
                "model \"x\" not found, try pulling it first",
            ),
            (r#"{"detail":"Not Found"}"#, "Not Found"),
            ("<html>\nBad Gateway", "<html> Bad Gateway"),
            ("", ""),
        ] {
            assert_eq!(complaint(text), said);
        }
        assert!(super::super::chat::is_too_long(&complaint(
            r#"{"error":{"message":"no","code":"context_length_exceeded"}}"#
        )));
    }

    #[test]
    fn an_address_is_parted_before_its_path() {
        assert_eq!(parted("http://localhost:11434/v1"), ("http://localhost:11434", "/v1"));
        assert_eq!(parted("https://api.openai.com"), ("https://api.openai.com", ""));
    }
}
