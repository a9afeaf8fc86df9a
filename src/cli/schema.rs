//! The JSON Schemas of what the looking commands print, by the name of their file.

use schemars::schema_for;

use super::{activity, config, diff, drift, graph, handover, lint, search, verify, why};
use crate::ops::{cost, doctor, hooks, pr, views};

/// Every published schema: the command's name and the schema of its `--json`.
pub fn all() -> Vec<(&'static str, serde_json::Value)> {
    let schemas = [
        ("list", schema_for!(Vec<views::Item>)),
        ("search", schema_for!(Vec<search::FoundView>)),
        ("show", schema_for!(views::Detail)),
        ("why", schema_for!(why::WhyView)),
        ("graph", schema_for!(graph::GraphView)),
        ("drift", schema_for!(Vec<drift::DriftView>)),
        ("diff", schema_for!(diff::DiffView)),
        ("export", schema_for!(Vec<views::Detail>)),
        ("report-cost", schema_for!(cost::CostView)),
        ("activity", schema_for!(Vec<activity::MomentView>)),
        ("verify", schema_for!(Vec<verify::Finding>)),
        ("lint", schema_for!(Vec<lint::Finding>)),
        ("config", schema_for!(Vec<config::Setting>)),
        ("hooks", schema_for!(Vec<hooks::HookState>)),
        ("handover", schema_for!(handover::HandoverView)),
        ("pr", schema_for!(Vec<pr::PullView>)),
        ("doctor", schema_for!(Vec<doctor::Check>)),
    ];
    let mut all: Vec<_> = schemas.into_iter().map(|(name, schema)| (name, schema.to_value())).collect();
    all.push(("config-file", crate::config::schema()));
    all
}
