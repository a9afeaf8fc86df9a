//! Why a forge gave no answer.

use miette::Diagnostic;
use thiserror::Error;

/// Why a forge gave no answer. No message ever holds a token.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// The remote's URL names no repository on a forge.
    #[error("{url} names no repository on a forge")]
    #[diagnostic(code(chant::forge::site), help("{help}"))]
    Site {
        /// The URL, without a password.
        url: String,
        /// What to type.
        help: String,
    },
    /// No token was found, and the forge wants one.
    #[error("{host} wants to know who asks, and there is no token for it")]
    #[diagnostic(code(chant::forge::token), help("set {variables}, or store one with `git credential approve`"))]
    NoToken {
        /// The forge.
        host: String,
        /// The variables that would be read.
        variables: String,
    },
    /// The token would go over the wire in clear text.
    #[error("the API of {host} would be asked over plain HTTP, where anybody can read the token")]
    #[diagnostic(
        code(chant::forge::plain),
        help("`git config chant.forge.url https://…` names a better one; naming an http:// one there accepts it")
    )]
    Plain {
        /// The forge.
        host: String,
    },
    /// It does not accept who asks.
    #[error("{host} does not accept the token: {said}")]
    #[diagnostic(
        code(chant::forge::unauthorized),
        help("it needs the right to read and write pull requests; it came from {from}")
    )]
    Unauthorized {
        /// The forge.
        host: String,
        /// Its words.
        said: String,
        /// Where the token came from.
        from: String,
    },
    /// It has no such thing, or hides it from who asks.
    #[error("{host} has no {path}, or shows it to nobody without a token that may see it")]
    #[diagnostic(code(chant::forge::missing), help("look at the remote's URL: `git remote -v`"))]
    Missing {
        /// The forge.
        host: String,
        /// What was asked for.
        path: String,
    },
    /// It says no.
    #[error("{host} will not do it: {said}")]
    #[diagnostic(code(chant::forge::refused))]
    Refused {
        /// The forge.
        host: String,
        /// Its words.
        said: String,
    },
    /// Too much was asked of it.
    #[error("{host} wants to be left alone for a while: {said}")]
    #[diagnostic(code(chant::forge::limit), help("the same command goes on where it stopped"))]
    Limit {
        /// The forge.
        host: String,
        /// Its words.
        said: String,
    },
    /// It cannot be reached, or breaks off.
    #[error("{host} cannot be reached: {why}")]
    #[diagnostic(code(chant::forge::unreachable), help("the same command goes on where it stopped"))]
    Unreachable {
        /// The forge.
        host: String,
        /// Why.
        why: String,
    },
    /// What came back is no answer.
    #[error("{host} answers {path} with what is no answer to it: {why}")]
    #[diagnostic(code(chant::forge::answer), help("is the forge the one that is configured? `chant config` shows it"))]
    Answer {
        /// The forge.
        host: String,
        /// What was asked for.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// No HTTP client can be made.
    #[error("no HTTP client can be made: {0}")]
    #[diagnostic(code(chant::forge::client))]
    Client(String),
}

impl Error {
    /// The exit code of a command that ends with it (DESIGN.md, section 6).
    pub fn exit(&self) -> u8 {
        match self {
            Self::Refused { .. } | Self::Limit { .. } | Self::Unreachable { .. } => 1,
            _ => 2,
        }
    }

    /// Whether the same may go well a little later.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Limit { .. })
    }
}
