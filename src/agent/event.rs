//! What an agent says while it works: one language for the streams of all kinds.
//!
//! A [`Reader`] hears the lines that a client prints, whatever they are, and says in [`Said`] what they mean. It is pure
//! and total: bytes in, events out, and what it does not know means nothing.

use serde_json::Value;

use super::plain::{plain, words};

/// Tokens, as the client counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tokens {
    /// Sent to the model, what was read from its cache included.
    pub input: u64,
    /// Written by the model.
    pub output: u64,
    /// Those of the input that were read from a cache.
    pub cached: u64,
}

impl Tokens {
    /// All of them: what a limit counts.
    pub fn total(self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cached: self.cached.saturating_add(other.cached),
        }
    }
}

/// Whether a figure comes on top of those before or stands for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sum {
    /// On top of those before.
    Further,
    /// All since the client started.
    Whole,
}

/// One thing that a client says.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// It has begun.
    Started {
        /// The name by which it finds its conversation again.
        session: Option<String>,
        /// The model it speaks with.
        model: Option<String>,
        /// Its own version.
        version: Option<String>,
    },
    /// Words of the model, safe to show, of any length.
    Text(String),
    /// A tool is used.
    Tool {
        /// The tool, as the client calls it.
        name: String,
        /// What for: a command, a pattern.
        what: String,
    },
    /// A file is written.
    Changed(String),
    /// Tokens were used.
    Tokens(Tokens, Sum),
    /// Money was spent, in millionths of a dollar.
    Cost(u64, Sum),
    /// The model will be asked again: what it answered last wants something done.
    GoesOn,
    /// Nothing goes on: the client waits and tries again by itself.
    Waiting(Trouble),
    /// It is at its end.
    Ended(Option<Trouble>),
}

impl Said {
    /// The same with all that is meant for people said otherwise: not the name of a conversation, nor figures.
    pub(super) fn in_other_words(self, other: &dyn Fn(String) -> String) -> Self {
        match self {
            Self::Text(words) => Self::Text(other(words)),
            Self::Tool { name, what } => Self::Tool { name, what: other(what) },
            Self::Changed(path) => Self::Changed(other(path)),
            Self::Waiting(trouble) => Self::Waiting(trouble.in_other_words(other)),
            Self::Ended(trouble) => Self::Ended(trouble.map(|trouble| trouble.in_other_words(other))),
            Self::Started { .. } | Self::Tokens(..) | Self::Cost(..) | Self::GoesOn => self,
        }
    }
}

/// What kept a client from its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody is signed in, or the key is not accepted.
    SignedOut(String),
    /// The model has no room at the moment: a rate limit, an overload, a fault of the server.
    Busy {
        /// In the client's words.
        why: String,
        /// When there will be room again, in seconds since 1970, where it says so.
        until: Option<i64>,
    },
    /// The model cannot be reached.
    Unreachable(String),
    /// The money that it was given is used up.
    Spent(String),
    /// Anything else.
    Failed(String),
}

impl Trouble {
    fn in_other_words(self, other: &dyn Fn(String) -> String) -> Self {
        match self {
            Self::SignedOut(why) => Self::SignedOut(other(why)),
            Self::Busy { why, until } => Self::Busy { why: other(why), until },
            Self::Unreachable(why) => Self::Unreachable(other(why)),
            Self::Spent(why) => Self::Spent(other(why)),
            Self::Failed(why) => Self::Failed(other(why)),
        }
    }

    /// What the words of a client mean; `status` is that of HTTP where it is known apart from them.
    pub fn of(status: Option<u64>, text: &str) -> Self {
        let why = words(text.as_bytes());
        let lower = text.to_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
        match status.or_else(|| status_in(&lower)) {
            Some(401 | 403) => return Self::SignedOut(why),
            Some(408 | 429 | 500..=599) => return Self::Busy { why, until: until_in(&lower) },
            _ => {}
        }
        if has(&["not logged in", "/login", "invalid api key", "authentication_error", "unauthorized", "no api key"]) {
            Self::SignedOut(why)
        } else if has(&[
            "rate limit",
            "rate_limit",
            "ratelimit",
            "usage limit",
            "overloaded",
            "high demand",
            "too many requests",
            "quota",
            "resource_exhausted",
        ]) {
            Self::Busy { why, until: until_in(&lower) }
        } else if has(&["unable to connect", "cannot connect", "connection failed", "waiting for network"]) {
            Self::Unreachable(why)
        } else {
            Self::Failed(why)
        }
    }

    /// In the client's words.
    pub fn why(&self) -> &str {
        match self {
            Self::Busy { why, .. } => why,
            Self::SignedOut(why) | Self::Unreachable(why) | Self::Spent(why) | Self::Failed(why) => why,
        }
    }
}

/// The number that follows one of these words and looks like a status of HTTP.
fn status_in(lower: &str) -> Option<u64> {
    ["status: ", "status ", "\"code\":", "\"code\": ", "api error: ", "rejected (", "http "].iter().find_map(|before| {
        lower.match_indices(before).find_map(|(at, _)| {
            let digits: String = lower[at + before.len()..].chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok().filter(|status| digits.len() == 3 && (400..600).contains(status))
        })
    })
}

/// `…|<seconds since 1970>`, as a usage limit ends.
fn until_in(lower: &str) -> Option<i64> {
    let digits: String = lower.rsplit_once('|')?.1.trim().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|seconds| *seconds > 1_000_000_000)
}

/// Turns the lines of one client, in their order, into what they mean.
pub trait Reader: Send {
    /// One line, without its end.
    fn line(&mut self, line: &[u8]) -> Vec<Said>;
}

/// The object that a line holds, where it holds one.
pub(super) fn object(line: &[u8]) -> Option<Value> {
    let text = line.trim_ascii();
    if text.first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(text).ok()
}

/// A text of an object, by a path like `/message/id`.
pub(super) fn text<'v>(value: &'v Value, path: &str) -> Option<&'v str> {
    value.pointer(path)?.as_str()
}

pub(super) fn owned(value: &Value, path: &str) -> Option<String> {
    text(value, path).map(|text| words(text.as_bytes())).filter(|text| !text.is_empty())
}

pub(super) fn number(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or(0)
}

/// An amount of dollars in millionths; nothing where it is none.
pub(super) fn micros(value: &Value, path: &str) -> Option<u64> {
    let dollars = value.pointer(path)?.as_f64()?;
    // Above a thousand million dollars somebody has made a mistake.
    (dollars.is_finite() && (0.0..1e9).contains(&dollars)).then(|| (dollars * 1e6).round() as u64)
}

/// Words of the model; none where there are none.
pub(super) fn said(text: &str) -> Option<Said> {
    let text = plain(text.as_bytes());
    let text = text.trim();
    (!text.is_empty()).then(|| Said::Text(text.to_owned()))
}

/// The tools by which a client writes a file: their names, and where the path stands.
pub(super) fn tool(name: &str, input: &Value) -> Said {
    const WRITE: [&str; 9] =
        ["write", "edit", "multiedit", "notebookedit", "patch", "write_file", "replace", "apply_patch", "str_replace"];
    const PATHS: [&str; 5] = ["/file_path", "/filePath", "/path", "/notebook_path", "/absolute_path"];
    let first = |paths: &[&str]| paths.iter().find_map(|path| owned(input, path));
    if WRITE.contains(&name.to_lowercase().as_str())
        && let Some(path) = first(&PATHS)
    {
        return Said::Changed(path);
    }
    let what = first(&["/command", "/cmd", "/pattern", "/query", "/url", "/description"]).or_else(|| first(&PATHS));
    Said::Tool { name: words(name.as_bytes()), what: what.unwrap_or_default() }
}
