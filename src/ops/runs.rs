//! The runs of a spec's agents that have ended: what they used, and in which conversation.

use schemars::JsonSchema;
use serde::Serialize;

use crate::ledger::Transition::{Completed, Failed};
use crate::ledger::{Oid, Record};
use crate::plan;
use crate::project::Project;
use crate::run::{NoteLine, note_lines};
use crate::spec::money;

/// One run of an agent that has ended, with or without its attempt.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RunView {
    /// The event that says so.
    pub commit: String,
    /// The attempt.
    pub attempt: Option<u32>,
    /// `completed`, `failed`, or `cut short`: interrupted, killed, handed over, without room.
    pub ended: String,
    /// The agent.
    pub agent: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The version of its client.
    pub version: Option<String>,
    /// The name by which the client finds its conversation again.
    pub session: Option<String>,
    /// How many tokens it took, as the agent said.
    pub tokens: Option<String>,
    /// What it cost, as the agent said: `0.0421 USD`.
    pub cost: Option<String>,
    /// How long it took.
    pub duration: Option<String>,
    /// That a budget was reached when its work was done, in words.
    pub over_budget: Option<String>,
}

/// What all runs of a spec have used together.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct UsedView {
    /// Tokens.
    pub tokens: u64,
    /// Money by currency, as decimal numbers.
    pub money: std::collections::BTreeMap<String, String>,
    /// How long they took, in milliseconds.
    pub duration_ms: u64,
}

/// The runs that have ended, by the trailers of the events that say so and by their notes.
pub fn of(project: &Project, record: &Record) -> Vec<RunView> {
    let mut runs = Vec::new();
    let mut starter = None;
    for entry in &record.entries {
        let block = &entry.block;
        let ended = match block.status {
            Some(Completed) => "completed",
            Some(Failed) => "failed",
            None if block.is_account() => "cut short",
            _ => {
                starter = block.agent.clone().or(starter);
                continue;
            }
        };
        let line = project.repo.note(entry.commit).ok().flatten().map(|note| note_lines(&note));
        let line = line.and_then(|lines| lines.into_iter().rev().find(|line| line.agent.is_some()));
        let of = |pick: fn(&NoteLine) -> Option<String>| line.as_ref().and_then(pick);
        runs.push(RunView {
            commit: entry.commit.to_string(),
            attempt: block.attempt,
            ended: ended.to_owned(),
            agent: block.agent.clone().or_else(|| of(|line| line.agent.clone())).or_else(|| starter.clone()),
            model: of(|line| line.model.clone()),
            version: of(|line| line.agent_version.clone()),
            session: of(|line| line.session.clone()),
            tokens: block.tokens.clone(),
            cost: block.cost.clone(),
            duration: block.duration.clone(),
            over_budget: of(|line| line.over_budget.clone()),
        });
    }
    runs
}

/// What they have used together.
pub fn used(record: Option<&Record>) -> UsedView {
    let spent = record.map(plan::cost::of_spec).unwrap_or_default();
    let money = spent.money.iter().map(|(currency, micros)| (currency.clone(), money(*micros)));
    UsedView {
        tokens: spent.tokens,
        money: money.collect(),
        duration_ms: u64::try_from(spent.time.as_millis()).unwrap_or(u64::MAX),
    }
}

/// The name of the conversation that an event's run had, by its note.
pub fn session(project: &Project, commit: Oid) -> Option<String> {
    let note = project.repo.note(commit).ok().flatten()?;
    note_lines(&note).into_iter().rev().find_map(|line| line.session)
}
