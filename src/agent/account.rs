//! What is known of a client's run: the sum of what it said.

use serde::{Deserialize, Serialize};

use super::event::{Said, Sum, Tokens, Trouble};
use super::plain::words;
use crate::spec::money;

/// What one agent did, used and spent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The name by which the client finds its conversation again.
    pub session: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The client's version.
    pub version: Option<String>,
    /// Tokens, where it counts them.
    pub tokens: Option<Tokens>,
    /// Millionths of a dollar, where it says so.
    pub cost: Option<u64>,
    /// How it said that it ended.
    #[serde(skip)]
    pub ended: Option<Option<Trouble>>,
    /// Why it waits at this moment.
    #[serde(skip)]
    pub waiting: Option<Trouble>,
}

impl Account {
    /// Takes in one thing that was said.
    pub fn hear(&mut self, said: &Said) {
        match said {
            Said::Started { session, model, version } => {
                let put = |slot: &mut Option<String>, value: &Option<String>| {
                    if value.is_some() {
                        slot.clone_from(value);
                    }
                };
                put(&mut self.session, session);
                put(&mut self.model, model);
                put(&mut self.version, version);
            }
            Said::Tokens(tokens, sum) => {
                let before = self.tokens.filter(|_| *sum == Sum::Further).unwrap_or_default();
                self.tokens = Some(before.plus(*tokens));
            }
            Said::Cost(micros, sum) => {
                let before = self.cost.filter(|_| *sum == Sum::Further).unwrap_or_default();
                self.cost = Some(before.saturating_add(*micros));
            }
            Said::Waiting(trouble) => self.waiting = Some(trouble.clone()),
            Said::Ended(trouble) => self.ended = Some(trouble.clone()),
            Said::Text(_) | Said::Tool { .. } | Said::Changed(_) | Said::GoesOn => {}
        }
        if is_progress(said) {
            self.waiting = None;
        }
    }

    /// Takes in what came before, in the same attempt: a run of another agent, say.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        self.session = self.session.or_else(|| before.session.clone());
        self.version = self.version.or_else(|| before.version.clone());
        self.model = self.model.or_else(|| before.model.clone());
        self.tokens = match (self.tokens, before.tokens) {
            (Some(one), Some(other)) => Some(one.plus(other)),
            (one, other) => one.or(other),
        };
        self.cost = match (self.cost, before.cost) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
        self
    }

    /// Millionths of a dollar, and tokens: what limits count.
    pub fn figures(&self) -> (u64, u64) {
        (self.cost.unwrap_or(0), self.tokens.map_or(0, Tokens::total))
    }

    /// `12.3k tokens, $0.04`; nothing where nothing is known.
    pub fn used(&self) -> String {
        let tokens = self.tokens.map(|tokens| format!("{} tokens", short(tokens.total())));
        let cost = self.cost.map(|micros| format!("${}", money(micros)));
        [tokens, cost].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// Whether something happened, which a client that only waits does not bring about.
pub fn is_progress(said: &Said) -> bool {
    !matches!(said, Said::Waiting(_))
}

/// `950`, `12.3k`, `4.5M`.
fn short(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        1000..1_000_000 => format!("{:.1}k", number as f64 / 1e3),
        _ => format!("{:.1}M", number as f64 / 1e6),
    }
}

/// One thing that was said, in words for a line of progress; nothing where only figures change.
pub fn in_words(said: &Said) -> Option<String> {
    let text = match said {
        Said::Started { model: Some(model), .. } => format!("begins, with {model}"),
        // Only its version, which is no beginning.
        Said::Started { session: None, version: Some(_), .. } => return None,
        Said::Started { .. } => "begins".to_owned(),
        Said::Text(text) => text.clone(),
        Said::Tool { name, what } if what.is_empty() => format!("uses {name}"),
        Said::Tool { name, what } => format!("{name}: {what}"),
        Said::Changed(path) => format!("edits {path}"),
        Said::Waiting(trouble) => format!("waits: {}", trouble.why()),
        Said::Ended(Some(trouble)) => trouble.why().to_owned(),
        Said::Ended(None) => "ends".to_owned(),
        Said::Tokens(..) | Said::Cost(..) | Said::GoesOn => return None,
    };
    Some(words(text.as_bytes())).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn figures_add_up_until_one_stands_for_the_whole() {
        let tokens = |input| Tokens { input, output: 1, cached: 0 };
        let mut account = Account::default();
        account.hear(&Said::Tokens(tokens(10), Sum::Further));
        account.hear(&Said::Tokens(tokens(20), Sum::Further));
        assert_eq!(account.tokens, Some(Tokens { input: 30, output: 2, cached: 0 }));
        account.hear(&Said::Tokens(tokens(7), Sum::Whole));
        account.hear(&Said::Cost(40_000, Sum::Further));
        assert_eq!((account.tokens, account.used().as_str()), (Some(tokens(7)), "8 tokens, $0.04"));
    }

    #[test]
    fn a_client_that_goes_on_waits_no_longer() {
        let mut account = Account::default();
        account.hear(&Said::Waiting(Trouble::of(Some(429), "slow down")));
        assert!(matches!(account.waiting, Some(Trouble::Busy { .. })));
        account.hear(&Said::Text("on".into()));
        assert_eq!(account.waiting, None);
    }

    proptest! {
        #[test]
        fn no_figure_overflows(figures in proptest::collection::vec((any::<u64>(), any::<u64>(), any::<bool>()), 0..6)) {
            let mut account = Account::default();
            for (tokens, cost, whole) in figures {
                let sum = if whole { Sum::Whole } else { Sum::Further };
                account.hear(&Said::Tokens(Tokens { input: tokens, output: cost, cached: tokens }, sum));
                account.hear(&Said::Cost(cost, sum));
            }
            account.used();
            let twice = account.clone().after(&account);
            prop_assert!(twice.cost >= account.cost);
        }
    }
}
