//! `chant report cost`: what the work has cost, from the history alone.

use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::cost::{By, Costs, Spent, costs};
use crate::project::{Look, Project};
use crate::spec::money;

/// What a project's attempts have cost, as `chant report cost --json` gives it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CostView {
    /// By what it is added up: `spec`, `driver`, `label`, `week` or `agent`.
    pub by: String,
    /// One entry a key.
    pub rows: Vec<SpentView>,
    /// All attempts, each counted once: under `label` the rows may add up to more.
    pub total: SpentView,
}

/// What some attempts have cost together.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SpentView {
    /// The spec, driver, label, ISO week (`2026-W07`) or agent; `(none)` where there is none.
    pub key: String,
    /// Attempts that ended, well or badly.
    pub attempts: u32,
    /// Of those, the ones that failed.
    pub failed: u32,
    /// Money by currency, as a decimal number in text, as the agents reported it.
    pub cost: std::collections::BTreeMap<String, String>,
    /// Attempts of which no cost was reported.
    pub unpriced: u32,
    /// Tokens.
    pub tokens: u64,
    /// How long agents took, in seconds.
    pub seconds: f64,
}

/// Adds up.
pub fn cost(project: &Project, look: &Look, by: By, word: &str) -> CostView {
    let Costs { rows, total } = costs(&look.set, &look.ledger, project.name.as_ref(), by);
    let rows = rows.iter().map(|(key, spent)| view(key, spent)).collect();
    CostView { by: word.to_owned(), rows, total: view("total", &total) }
}

fn view(key: &str, spent: &Spent) -> SpentView {
    SpentView {
        key: key.to_owned(),
        attempts: spent.attempts,
        failed: spent.failed,
        cost: spent.money.iter().map(|(currency, sum)| (currency.clone(), money(*sum))).collect(),
        unpriced: spent.unpriced,
        tokens: spent.tokens,
        seconds: spent.time.as_secs_f64(),
    }
}
