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
//! [`inside_run`] tells by ancestry whether this very process was started by a run.
//!
//! What is not held here: an agent that kills its own supervisor with SIGKILL takes its process group with it, and the
//! engine buries the rest of the session; what had left that session before is free.

mod ancestry;
mod command;
mod foreground;
mod job;
mod kin;
mod lock;
mod perform;
mod person;
mod plain;
mod signals;
mod steps;
mod supervisor;
mod task;
pub mod transcript;
mod wire;

pub use ancestry::{inside_run, namespace};
pub use command::CommandAgent;
pub use foreground::in_foreground;
pub use job::{Job, Order, Outcome};
pub use lock::{Lock, Share};
pub use perform::{Performed, Terms, perform};
pub use person::Person;
pub use plain::{plain, words};
pub use steps::Steps;
pub use supervisor::supervise_main;
pub use task::{Agent, AgentError, Errand, Script, Task};
pub use wire::{COMMAND, How};
