//! All integration tests, in one binary: real repositories, real processes, scripted agents.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests say what went wrong by panicking")]

mod agent;
mod clients;
mod handover;
mod harness;

mod cli;
mod drift;
mod evidence;
mod hooks;
mod house;
mod kept;
mod lane;
mod merged;
mod opened;
mod output;
mod overlap;
mod prompts;
mod pulls;
mod readme;
mod remote;
mod review;
mod run_cage;
mod run_cheats;
mod run_claim;
mod run_driver;
mod run_example;
mod run_fence;
mod run_honesty;
mod run_hooks;
mod run_kill;
mod run_modules;
mod run_places;
mod run_verify;
mod run_work;
mod server;
mod signed;
mod simulation;
mod split;
mod worktrees;
