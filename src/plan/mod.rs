//! What can happen next, thought out in plain data.
//!
//! Nothing here reads a file, a clock or Git: a [`status::Input`] holds the specs, the ledger and the few facts that
//! only this machine knows, and [`board::board`] turns them into one [`status::Row`] a spec. [`why`] tells the reasons
//! behind a row, [`kpi`] adds up what a driver's members are expected to bring, and [`schedule`] decides, one event at
//! a time, what a run of `chant work` starts next. [`graph`] is what they all walk.
//!
//! Two ideas carry the room. A driver is two moments, its start and its finish, with its members in between; and a
//! spec lands in the base of another only when the outermost driver that the two do not share has landed (`lift`).
pub mod board;
pub mod cost;
pub mod drift;
pub mod forest;
pub mod graph;
pub mod kpi;
pub mod schedule;
pub mod status;
pub mod why;

mod apart;
mod attention;
mod base;
mod effort;
mod events;
mod own;
mod reason;
pub mod review;
mod run_plan;
mod share;
mod tail;
mod waits;

#[cfg(test)]
mod apart_laws;
#[cfg(test)]
mod base_tests;
#[cfg(test)]
mod board_tests;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod scale_tests;
#[cfg(test)]
mod schedule_laws;
#[cfg(test)]
mod schedule_tests;
#[cfg(test)]
mod why_tests;

pub use board::{Board, board};
pub use graph::Graph;
pub use kpi::{KpiView, kpi};
pub use review::{Policy, Subject, Words, mail};
pub use schedule::{Action, Ended, Happened, Schedule};
pub use share::{Push, push};
pub use status::{BlockKind, Blocker, Counts, Input, Live, Row, Status};
pub use why::{Line, Why, why};
