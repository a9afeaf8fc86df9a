//! chant: a Git-native workflow engine.
//!
//! A spec says what must become true ([`spec`]), the ledger what has happened ([`ledger`]), the plan what can happen
//! next ([`plan`]); git is the only door to Git ([`git`]); an agent does the work ([`agent`]), in a [`cage`]; [`project`] finds the
//! specs and looks at all of it at once; [`review`] knows the forges; [`run`] drives it; [`ops`] are the use cases, and [`cli`] is one front end.

pub mod agent;
pub mod cage;
pub mod cli;
pub mod config;
pub mod env;
pub mod git;
pub mod ledger;
pub mod ops;
pub mod plan;
pub mod project;
pub mod review;
pub mod run;
pub mod spec;
