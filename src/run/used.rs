//! Who worked on an attempt and what it took: for trailers, notes and the lock's journal.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::agent::Account;
use crate::ledger::{Block, Record};
use crate::spec::{money, parse_money};

/// What an attempt's agents did, used and spent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// The agents, in the order in which they worked, each with its model where that is known.
    pub by: Vec<(String, Option<String>)>,
    /// How long they took, with what they waited for.
    pub took: Option<Duration>,
    /// What they said of it.
    pub account: Account,
    /// That a budget was reached when the work was done, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
}

impl Used {
    /// By one agent of which nothing else is known.
    pub(super) fn by(name: &str, model: Option<&str>) -> Self {
        Self { by: vec![(name.to_owned(), model.map(str::to_owned))], ..Self::default() }
    }

    /// Whether anything is known of it: what an agent said of itself, or how long it took.
    pub(super) fn is_known(&self) -> bool {
        let account = &self.account;
        self.took.is_some() || account.session.is_some() || account.tokens.is_some() || account.cost.is_some()
    }

    /// Takes in a run of an agent.
    pub(super) fn add(&mut self, name: &str, model: Option<String>, account: Account) {
        let model = model.or_else(|| account.model.clone());
        self.account = account.after(&self.account);
        match self.by.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1 = model.or_else(|| known.1.take()),
            None => self.by.push((name.to_owned(), model)),
        }
    }

    /// `agent:model`, the Linux kernel's convention, for each that has a model.
    pub(super) fn assisted_by(&self) -> Vec<String> {
        self.by.iter().filter_map(|(name, model)| Some(format!("{name}:{}", model.as_ref()?))).collect()
    }

    /// The last agent, where it is not the one that the attempt began with.
    pub(super) fn moved_to(&self) -> Option<String> {
        self.by.get(1..)?.last().map(|(name, _)| name.clone())
    }

    /// The figures as trailers have them.
    pub(super) fn trailers(&self) -> Block {
        Block {
            agent: self.moved_to(),
            cost: self.account.cost.map(|micros| format!("{} USD", money(micros))),
            tokens: self.account.tokens.map(|tokens| tokens.total().to_string()),
            duration: self.took.map(|took| format!("{:.1}s", took.as_secs_f64())),
            ..Block::default()
        }
    }
}

/// What a spec's attempts have used so far by their trailers: millionths of a dollar, and tokens.
pub(super) fn before(record: Option<&Record>) -> (u64, u64) {
    sum(record.into_iter().flat_map(|record| &record.entries).map(|entry| &entry.block))
}

/// What the runs of one attempt have used that did not end it.
pub(super) fn in_attempt(record: Option<&Record>, attempt: u32) -> (u64, u64) {
    let blocks = record.into_iter().flat_map(|record| &record.entries).map(|entry| &entry.block);
    sum(blocks.filter(|block| block.attempt == Some(attempt) && block.is_account()))
}

/// The models that worked in the runs of an attempt that did not end it.
pub(super) fn assisted_before(record: Option<&Record>, attempt: u32) -> Vec<String> {
    let blocks = record.into_iter().flat_map(|record| &record.entries).map(|entry| &entry.block);
    let mut models: Vec<String> = Vec::new();
    for block in blocks.filter(|block| block.attempt == Some(attempt) && block.is_account()) {
        models.extend(block.assisted_by.iter().filter(|model| !models.contains(model)).cloned().collect::<Vec<_>>());
    }
    models
}

fn sum<'b>(blocks: impl Iterator<Item = &'b Block>) -> (u64, u64) {
    blocks.fold((0, 0), |(usd, tokens), block| {
        let cost = block.cost.as_deref().and_then(|cost| parse_money(cost.strip_suffix(" USD")?));
        let count = block.tokens.as_deref().and_then(|count| count.parse::<u64>().ok());
        (usd.saturating_add(cost.unwrap_or(0)), tokens.saturating_add(count.unwrap_or(0)))
    })
}
