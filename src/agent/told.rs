//! The stream of the agents that chant brings itself: what [`super::openai`] and [`super::acp`] print while they work.
//!
//! One JSON object a line, each of a `type`, the first of them naming the agent. A [`Voice`] writes it in the child, a
//! [`Stream`] reads it in the engine; both speak of [`Line`]s, so that neither can say what the other does not know.

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::event::{Reader, Said, Sum, Tokens, Trouble, object, said};
use super::plain::words;

/// The longest text of one line, in bytes: longer ones go on in the next.
const LONGEST: usize = 16 << 10;

/// One line of the stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Line {
    /// It has begun.
    Begins {
        /// The kind of agent: `openai`, `acp`.
        chant: String,
        /// The model, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// The name of the conversation, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<String>,
        /// The version of whoever does the work, where it says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// Words of the model.
    Text {
        /// As it wrote them.
        text: String,
    },
    /// It thinks, or writes what is not finished: nothing to show, and a sign of life.
    Works,
    /// A tool is used.
    Tool {
        /// Which.
        name: String,
        /// What for.
        #[serde(default)]
        what: String,
    },
    /// What a tool came to: for whoever reads the transcript as it is.
    Result {
        /// Its first words.
        text: String,
    },
    /// A file is written.
    Changed {
        /// Below the worktree, where it is.
        path: String,
    },
    /// Tokens were used.
    Tokens {
        /// Sent, those from a cache included.
        input: u64,
        /// Received.
        output: u64,
        /// From a cache.
        #[serde(default)]
        cached: u64,
        /// Whether these are all since the beginning, and no further ones.
        #[serde(default)]
        whole: bool,
    },
    /// Money was spent since the beginning, in millionths of a dollar.
    Cost {
        /// All of it.
        micros: u64,
    },
    /// It waits, and tries again by itself.
    Waits(Why),
    /// It is at its end.
    Ends {
        /// What kept it from its work, where something did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trouble: Option<Why>,
    },
}

/// What kept it from its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Why {
    /// Of which kind.
    pub kind: Kind,
    /// In words.
    pub why: String,
    /// When it may be tried again, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// The kinds of [`Trouble`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    SignedOut,
    Busy,
    Unreachable,
    Failed,
}

impl Why {
    pub(super) fn new(kind: Kind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into(), until: None }
    }

    /// Whether it may pass by itself.
    pub(super) fn passes(&self) -> bool {
        matches!(self.kind, Kind::Busy | Kind::Unreachable)
    }
}

impl From<Trouble> for Why {
    fn from(trouble: Trouble) -> Self {
        let kind = match &trouble {
            Trouble::SignedOut(_) => Kind::SignedOut,
            Trouble::Busy { .. } => Kind::Busy,
            Trouble::Unreachable(_) => Kind::Unreachable,
            Trouble::Spent(_) | Trouble::Failed(_) => Kind::Failed,
        };
        let until = if let Trouble::Busy { until, .. } = &trouble { *until } else { None };
        Self { kind, why: trouble.why().to_owned(), until }
    }
}

impl From<Why> for Trouble {
    fn from(Why { kind, why, until }: Why) -> Self {
        let why = words(why.as_bytes());
        match kind {
            Kind::SignedOut => Self::SignedOut(why),
            Kind::Busy => Self::Busy { why, until },
            Kind::Unreachable => Self::Unreachable(why),
            Kind::Failed => Self::Failed(why),
        }
    }
}

/// What understands the stream.
#[derive(Debug, Default)]
pub(super) struct Stream;

impl Reader for Stream {
    fn line(&mut self, line: &[u8]) -> Vec<Said> {
        let Some(line) = object(line).and_then(|value| serde_json::from_value(value).ok()) else { return Vec::new() };
        let short = |text: String| words(text.as_bytes());
        vec![match line {
            Line::Begins { model, session, version, .. } => {
                Said::Started { session: session.map(short), model: model.map(short), version: version.map(short) }
            }
            Line::Text { text } => return said(&text).into_iter().collect(),
            Line::Works => Said::Text(String::new()),
            Line::Tool { name, what } => Said::Tool { name: short(name), what: short(what) },
            Line::Result { .. } => return Vec::new(),
            Line::Changed { path } => Said::Changed(short(path)),
            Line::Tokens { input, output, cached, whole } => {
                Said::Tokens(Tokens { input, output, cached }, if whole { Sum::Whole } else { Sum::Further })
            }
            Line::Cost { micros } => Said::Cost(micros, Sum::Whole),
            Line::Waits(why) => Said::Waiting(why.into()),
            Line::Ends { trouble } => Said::Ended(trouble.map(Trouble::from)),
        }]
    }
}

/// Whoever speaks the stream: the child, on its standard output.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voice;

impl Voice {
    /// Says one line. An engine that is gone hears nothing, and ends this process by other means.
    pub(super) fn say(self, line: &Line) {
        let Ok(mut text) = serde_json::to_string(line) else { return };
        text.push('\n');
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
    }

    /// Says words, in as many lines as they need.
    pub(super) fn text(self, text: &str) {
        pieces(text).for_each(|text| self.say(&Line::Text { text: text.to_owned() }));
    }

    /// Says how it ended, and gives the exit code that goes with it.
    pub(super) fn end(self, ended: Result<(), Why>) -> u8 {
        let code = u8::from(ended.is_err());
        self.say(&Line::Ends { trouble: ended.err() });
        code
    }
}

/// A sign of life while something goes on that nobody needs to read: not more often than needed.
#[derive(Debug)]
pub(super) struct Pulse {
    voice: Voice,
    last: Option<Instant>,
}

impl Pulse {
    /// How often at most.
    const EVERY: Duration = Duration::from_secs(1);

    pub(super) fn new(voice: Voice) -> Self {
        Self { voice, last: None }
    }

    /// Something goes on.
    pub(super) fn beat(&mut self) {
        if self.last.is_none_or(|last| last.elapsed() >= Self::EVERY) {
            self.last = Some(Instant::now());
            self.voice.say(&Line::Works);
        }
    }
}

/// A text in pieces of at most [`LONGEST`] bytes.
fn pieces(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (piece, rest) = text.split_at(text.floor_char_boundary(LONGEST));
        text = rest;
        (!piece.trim().is_empty() || !rest.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heard(line: &Line) -> Vec<Said> {
        Stream.line(serde_json::to_string(line).unwrap().as_bytes())
    }

    #[test]
    fn each_line_means_one_thing() {
        let why = Why { kind: Kind::Busy, why: "slow down".to_owned(), until: Some(7) };
        let busy = Trouble::Busy { why: "slow down".to_owned(), until: Some(7) };
        assert_eq!(heard(&Line::Waits(why.clone())), [Said::Waiting(busy.clone())]);
        assert_eq!(heard(&Line::Ends { trouble: Some(why) }), [Said::Ended(Some(busy))]);
        assert_eq!(heard(&Line::Ends { trouble: None }), [Said::Ended(None)]);
        assert_eq!(heard(&Line::Text { text: " \n".to_owned() }), []);
        assert_eq!(heard(&Line::Result { text: "x".to_owned() }), []);
        let tokens = Line::Tokens { input: 3, output: 2, cached: 1, whole: false };
        assert_eq!(heard(&tokens), [Said::Tokens(Tokens { input: 3, output: 2, cached: 1 }, Sum::Further)]);
    }

    proptest! {
        #[test]
        fn a_long_text_is_said_whole(text in "[a-zü\n]{0,64}", times in 1usize..2000) {
            let text = text.repeat(times);
            let said: String = pieces(&text).collect();
            prop_assert!(said == text || text.trim().is_empty() || text.ends_with(char::is_whitespace));
            prop_assert!(text.starts_with(&said) && text[said.len()..].trim().is_empty());
            prop_assert!(pieces(&text).all(|piece| piece.len() <= LONGEST));
        }

        #[test]
        fn trouble_is_the_same_on_both_sides(why in "[a-z]{1,20}", until in proptest::option::of(1i64..9)) {
            for trouble in [Trouble::SignedOut(why.clone()), Trouble::Busy { why: why.clone(), until },
                            Trouble::Unreachable(why.clone()), Trouble::Failed(why.clone())] {
                prop_assert_eq!(Trouble::from(Why::from(trouble.clone())), trouble);
            }
        }
    }
}
