//! What engine and supervisor say to each other. Both are the same program, so the form needs no version.
//!
//! Engine to supervisor, on its standard input: eight bytes that say how long the [`Orders`] are, the orders as JSON,
//! `stdin_len` bytes for the child's standard input, then single bytes: [`STOP`] or [`KILL`]. The end of that stream means that the engine is gone. Back, on the
//! supervisor's standard output, comes one JSON line, a [`Report`].

use std::ffi::OsString;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStringExt as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cage::Cage;

/// The hidden command by which the program supervises.
pub const COMMAND: &str = "__supervise";
/// End the child: TERM, the grace, KILL.
pub(super) const STOP: u8 = b's';
/// End the child at once.
pub(super) const KILL: u8 = b'k';

/// An argument, a path or a variable: text almost always, bytes where it is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Text {
    Utf8(String),
    Bytes(Vec<u8>),
}

impl From<OsString> for Text {
    fn from(text: OsString) -> Self {
        text.into_string().map_or_else(|text| Self::Bytes(text.into_vec()), Self::Utf8)
    }
}

impl From<Text> for OsString {
    fn from(text: Text) -> Self {
        match text {
            Text::Utf8(text) => text.into(),
            Text::Bytes(bytes) => Self::from_vec(bytes),
        }
    }
}

/// What a supervisor needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Orders {
    pub argv: Vec<Text>,
    pub cwd: Text,
    pub env: Vec<(Text, Text)>,
    pub timeout: Option<Duration>,
    pub grace: Duration,
    /// What it may touch; everything where nothing is said.
    pub cage: Option<Fence>,
    /// Descriptors that were inherited to be held, and are the child's business in no way.
    pub hold: Vec<RawFd>,
    pub stdin_len: usize,
}

/// A [`Cage`] as it is sent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Fence {
    write: Vec<Text>,
    no_net: bool,
}

impl From<&Cage> for Fence {
    fn from(cage: &Cage) -> Self {
        let write = cage.write.iter().map(|path| path.as_os_str().to_owned().into()).collect();
        Self { write, no_net: cage.no_net }
    }
}

impl From<&Fence> for Cage {
    fn from(fence: &Fence) -> Self {
        let write = fence.write.iter().map(|path| OsString::from(path.clone()).into()).collect();
        Self { write, no_net: fence.no_net }
    }
}

impl Orders {
    /// The bytes to send: length, orders and the child's standard input.
    pub(super) fn encode(&self, stdin: &[u8]) -> io::Result<Vec<u8>> {
        let orders = serde_json::to_vec(self)?;
        Ok([&(orders.len() as u64).to_ne_bytes()[..], &orders, stdin].concat())
    }

    /// Reads what [`Self::encode`] wrote, up to where the child's standard input begins.
    ///
    /// # Errors
    /// `UnexpectedEof` where the engine was gone before it had given its orders.
    pub(super) fn decode(from: &mut impl io::Read) -> io::Result<Self> {
        let mut length = [0u8; 8];
        from.read_exact(&mut length)?;
        let length = usize::try_from(u64::from_ne_bytes(length)).map_err(io::Error::other)?;
        let mut orders = vec![0u8; length];
        from.read_exact(&mut orders)?;
        Ok(serde_json::from_slice(&orders)?)
    }
}

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum How {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal that was not the supervisor's.
    Signalled(i32),
    /// Its time was up.
    TimedOut,
    /// It was told to.
    Stopped,
    /// It never ran, and why.
    CouldNotStart(String),
    /// The supervisor died without a report. What it supervised has been killed as far as it could be found.
    SupervisorLost,
}

impl How {
    /// Whether the child did what it was to do.
    pub fn is_success(&self) -> bool {
        *self == Self::Exited(0)
    }
}

impl std::fmt::Display for How {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Signalled(signal) => write!(f, "killed by signal {signal}"),
            Self::TimedOut => write!(f, "timed out"),
            Self::Stopped => write!(f, "stopped"),
            Self::CouldNotStart(why) => write!(f, "could not start: {why}"),
            Self::SupervisorLost => write!(f, "its supervisor was killed"),
        }
    }
}

/// How it ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    pub how: How,
    pub duration: Duration,
    pub strays: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_the_wire_be_it_utf8_or_not() {
        for bytes in [&b"plain"[..], "Grüße \"\n".as_bytes(), b"\xff\x00\xfe", b""] {
            let text = OsString::from_vec(bytes.to_vec());
            let line = serde_json::to_string(&Text::from(text.clone())).unwrap();
            assert_eq!(OsString::from(serde_json::from_str::<Text>(&line).unwrap()), text);
        }
    }
}
