//! A million specs through the scheduler, on a clock that is only a number: see `tests/it/simulation.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a simulation stops where a law is broken")]

#[path = "../tests/it/simulation.rs"]
mod simulation;

fn main() {
    simulation::worlds(1_000_000, [8, 1_000]);
}
