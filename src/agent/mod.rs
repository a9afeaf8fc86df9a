//! One child process under supervision, and a file for each kind of agent.
//!
//! # How the room works
//!
//! An [`Agent`] turns a [`Task`] (plain data about one attempt) into [`Errand`]s: programs to run one after the other.
//! [`perform`] runs them, each as a [`Job`]. Proofs and setup commands are jobs as well; nothing else in the crate starts
//! a program that somebody else wrote.
//!
//! Between the engine and each child stands a supervisor ([`supervise_main`]): a small process that ends the child and
//! all it started when it is told to, when time is up, and when the engine is gone, SIGKILL included. It keeps the spec's
//! [`Lock`] open, so that the lock is free only when nothing is left that could still write.
//!
//! The client of a model says what it does in a stream of its own; its kind's [`Reader`] turns each line into [`Said`],
//! the one language of all of them, and an [`Account`] is the sum of it. Nothing of that is believed: it tells people what
//! goes on, ends an agent that spends too much, and says why one ended that did not do its work.
//!
//! Two kinds have no client of their own: for [`Openai`] and [`Acp`] the program is chant itself, started again ([`play`]).
//! It is a child like any other, and says what it does in a stream like any other.
//!
//! [`inside_run`] tells by ancestry whether this very process was started by a run.
//!
//! What is not held here: an agent that kills its own supervisor with SIGKILL takes its process group with it, and the
//! engine buries the rest of the session; what had left that session before is free.

mod account;
mod acp;
mod aider;
mod ancestry;
mod claude;
mod client;
mod codex;
mod command;
mod event;
mod foreground;
mod gemini;
mod ground;
mod household;
mod job;
mod lock;
mod mask;
mod openai;
mod opencode;
mod perform;
mod person;
mod plain;
mod readable;
mod seen;
mod signals;
mod steps;
#[cfg(test)]
mod streams;
mod supervisor;
mod task;
mod told;
pub mod transcript;
mod version;
mod wire;

pub use account::{Account, in_words, is_progress};
pub use acp::Acp;
pub use aider::Aider;
pub use ancestry::{inside_run, namespace};
pub use claude::Claude;
pub use client::{Client, SignedIn};
pub use codex::Codex;
pub use command::CommandAgent;
pub use event::{Reader, Said, Sum, Tokens, Trouble};
pub use foreground::{in_foreground, in_terminal};
pub use gemini::Gemini;
pub use household::Household;
pub use job::{Job, Order, Outcome};
pub use lock::{Lock, Share};
pub use mask::Mask;
pub use openai::{KEY, Openai, TURNS};
pub use opencode::Opencode;
pub use perform::{Performed, Terms, perform};
pub use person::Person;
pub use plain::{plain, words};
pub use readable::Readable;
pub use steps::Steps;
pub use supervisor::supervise_main;
pub use task::{Agent, AgentError, Errand, Script, Task};
pub use transcript::Ear;
pub use version::{version, version_in};
pub use wire::{COMMAND, How};

/// Plays one of the agents that chant brings itself, where the arguments of this process (what follows the program's name)
/// are those of one; its exit code.
pub fn play(args: &[std::ffi::OsString]) -> Option<u8> {
    let [command, part] = args else { return None };
    let play = match command.to_str()? {
        openai::COMMAND => openai::play,
        acp::COMMAND => acp::play,
        _ => return None,
    };
    match (crate::env::Env::capture(), part.to_str()) {
        (Ok(env), Some(part)) => Some(play(part, &env)),
        _ => Some(1),
    }
}
