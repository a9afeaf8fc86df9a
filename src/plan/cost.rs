//! What the work has cost: sums over the trailers of all attempts, failed ones too.
//!
//! The figures are what agents reported and stand in the history as text. What cannot be read counts as not reported.
//! Sums are made of whole numbers, so that no order of adding changes them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ledger::{Entry, Ledger, Record, Transition};
use crate::spec::{Project, Set};

/// By what is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// By spec.
    Spec,
    /// By the driver whose members they are.
    Driver,
    /// By label: a spec with several counts under each.
    Label,
    /// By the ISO week in which an attempt ended, in UTC.
    Week,
    /// By the agent that a start names.
    Agent,
}

/// What some attempts have cost together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spent {
    /// Attempts that ended, well or badly.
    pub attempts: u32,
    /// Of those, the ones that failed.
    pub failed: u32,
    /// Money in millionths, by currency: `USD` where only a `$` or nothing stood beside the number.
    pub money: BTreeMap<String, u64>,
    /// Tokens.
    pub tokens: u64,
    /// How long agents took.
    pub time: Duration,
    /// Attempts that reported no money.
    pub unpriced: u32,
}

/// Sums by key, in the order of the keys, and the sum of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Costs {
    /// By key. What has none stands under `(none)`.
    pub rows: Vec<(String, Spent)>,
    /// Of every attempt, each counted once.
    pub total: Spent,
}

const NONE: &str = "(none)";

/// Adds up what the attempts of a project's specs have cost. Specs that are gone from the tree count under their ids.
pub fn costs(set: &Set, ledger: &Ledger, project: Option<&Project>, by: By) -> Costs {
    let mut rows = BTreeMap::<String, Spent>::new();
    let mut total = Spent::default();
    for (id, record) in ledger.of(project) {
        for (n, entry) in record.entries.iter().enumerate() {
            let Some(spent) = spent(entry) else { continue };
            let spec = set.get(id);
            let keys = match by {
                By::Spec => vec![id.to_string()],
                By::Driver => set.driver_of(id).map(ToString::to_string).into_iter().collect(),
                By::Label => spec.map(|spec| spec.labels.clone()).unwrap_or_default(),
                By::Week => week(entry.time).into_iter().collect(),
                By::Agent => agent(&record.entries[..n], entry).into_iter().collect(),
            };
            let keys = if keys.is_empty() { vec![NONE.to_owned()] } else { keys };
            for key in unique(keys) {
                rows.entry(key).or_default().add(&spent);
            }
            total.add(&spent);
        }
    }
    Costs { rows: rows.into_iter().collect(), total }
}

fn unique(mut keys: Vec<String>) -> Vec<String> {
    keys.sort();
    keys.dedup();
    keys
}

impl Spent {
    /// Adds what others have cost.
    pub fn add(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.failed += other.failed;
        self.unpriced += other.unpriced;
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.time = self.time.saturating_add(other.time);
        for (currency, millionths) in &other.money {
            let sum = self.money.entry(currency.clone()).or_default();
            *sum = sum.saturating_add(*millionths);
        }
    }
}

/// What all attempts of a spec have cost so far.
pub fn of_spec(record: &Record) -> Spent {
    let mut sum = Spent::default();
    record.entries.iter().filter_map(spent).for_each(|one| sum.add(&one));
    sum
}

/// What one event says; `None` where it is about no work that was done.
fn spent(entry: &Entry) -> Option<Spent> {
    let (attempts, failed) = match entry.block.status {
        Some(Transition::Completed) => (1, 0),
        Some(Transition::Failed) => (1, 1),
        // A run that was cut short ends no attempt, and has cost what it cost.
        None if entry.block.is_account() => (0, 0),
        _ => return None,
    };
    let money: BTreeMap<_, _> = entry.block.cost.as_deref().and_then(money).into_iter().collect();
    Some(Spent {
        attempts,
        failed,
        unpriced: u32::from(money.is_empty() && attempts > 0),
        money,
        tokens: entry.block.tokens.as_deref().map(tokens).unwrap_or_default(),
        time: entry.block.duration.as_deref().and_then(time).unwrap_or_default(),
    })
}

/// The agent that the last start before an event names, of the same attempt.
fn agent(before: &[Entry], entry: &Entry) -> Option<String> {
    // Where a model had no room another agent ended what the first began, and is named beside the figures.
    if entry.block.agent.is_some() {
        return entry.block.agent.clone();
    }
    let same = before.iter().rev().filter(|start| start.block.attempt == entry.block.attempt);
    same.filter_map(|start| start.block.agent.clone()).next()
}

/// `2026-W07`: the week of a time in seconds since 1970.
fn week(seconds: i64) -> Option<String> {
    let date = jiff::Timestamp::from_second(seconds).ok()?.to_zoned(jiff::tz::TimeZone::UTC).date().iso_week_date();
    Some(format!("{}-W{:02}", date.year(), date.week()))
}

/// The first number of a text in millionths, with what follows it; signs and `,` or `_` among the digits left out.
fn number(text: &str) -> Option<(u64, &str)> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let text = &text[start..];
    let end = text.find(|c: char| !(c.is_ascii_digit() || ".,_".contains(c))).unwrap_or(text.len());
    let (digits, rest) = (text[..end].trim_end_matches(['.', ',', '_']), &text[end..]);
    let plain: String = digits.chars().filter(|c| !",_".contains(*c)).collect();
    let (whole, part) = plain.split_once('.').unwrap_or((&plain, ""));
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = format!("{part:0<6}").get(..6)?.parse().ok()?;
    Some((whole.checked_mul(1_000_000)?.checked_add(part)?, rest))
}

/// `$0.42`, `0.42 USD`, `EUR 1.5`.
fn money(text: &str) -> Option<(String, u64)> {
    let (millionths, _) = number(text)?;
    let word = text.split(|c: char| !c.is_ascii_alphabetic()).find(|word| word.len() == 3);
    let currency = match word {
        Some(word) => word.to_uppercase(),
        None if text.contains('€') => "EUR".to_owned(),
        None if text.contains('£') => "GBP".to_owned(),
        None => "USD".to_owned(),
    };
    Some((currency, millionths))
}

/// `15400`, `12,000 in, 3,400 out`, `12k`: the sum of all numbers, or the one that is the sum of the others.
fn tokens(text: &str) -> u64 {
    let mut found: Vec<u64> = Vec::new();
    let mut rest = text;
    while let Some((millionths, after)) = number(rest) {
        let unit = match after.chars().next() {
            Some('k' | 'K') => 1_000,
            Some('M') => 1_000_000,
            _ => 1,
        };
        found.push(millionths.saturating_mul(unit) / 1_000_000);
        rest = after;
    }
    let sum = found.iter().fold(0_u64, |sum, one| sum.saturating_add(*one));
    let total = found.iter().copied().filter(|_| found.len() > 2).find(|one| one.checked_mul(2) == Some(sum));
    total.unwrap_or(sum)
}

/// `0.4s`, as it is written, or a length of time as people write them.
fn time(text: &str) -> Option<Duration> {
    if let Some(seconds) = text.trim().strip_suffix('s')
        && let Some((millionths, "")) = number(seconds)
        && seconds.starts_with(|c: char| c.is_ascii_digit())
    {
        return Some(Duration::from_micros(millionths));
    }
    crate::spec::parse_duration(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Block, State};
    use crate::plan::fixture::{World, id, oid};
    use crate::spec::Qualified;
    use proptest::prelude::*;

    #[test]
    fn figures_are_read_as_agents_write_them() {
        for (text, currency, millionths) in [
            ("$0.42", "USD", 420_000),
            ("0.42 USD", "USD", 420_000),
            ("EUR 1,200.5", "EUR", 1_200_500_000),
            ("€3", "EUR", 3_000_000),
            ("0.0123456", "USD", 12_345),
        ] {
            assert_eq!(money(text), Some((currency.to_owned(), millionths)), "{text}");
        }
        assert_eq!(money("much"), None);
        for (text, sum) in [
            ("15400", 15_400),
            ("12,000 in, 3,400 out", 15_400),
            ("15400 (12000 in, 3400 out)", 15_400),
            ("12k", 12_000),
            ("5 5", 10),
            ("", 0),
        ] {
            assert_eq!(tokens(text), sum, "{text}");
        }
        assert_eq!(time("0.4s"), Some(Duration::from_millis(400)));
        assert_eq!(time("1h30m"), Some(Duration::from_secs(5400)));
    }

    fn entry(n: u32, attempt: u32, status: Transition, agent: Option<&str>, cost: Option<&str>, time: i64) -> Entry {
        let block = Block {
            attempt: Some(attempt),
            status: Some(status),
            agent: agent.map(str::to_owned),
            cost: cost.map(str::to_owned),
            tokens: cost.map(|_| "10".to_owned()),
            duration: Some("1.5s".to_owned()),
            ..Block::default()
        };
        Entry { commit: oid(n), block, time, author: String::new() }
    }

    fn record(entries: Vec<Entry>) -> Record {
        Record {
            attempt: 1,
            highest: 1,
            state: State::New,
            decided_by: None,
            entries,
            start: None,
            last_start: None,
            approval: None,
            landing: None,
            reverted: None,
            in_target: crate::ledger::In::No,
        }
    }

    fn world(costs: &[(usize, u64)]) -> World {
        let specs =
            [("001-d", "type: driver"), ("001-d.1", "labels: [a, b]"), ("001-d.2", "labels: [a]"), ("002-x", "")];
        let mut world = World::new(specs);
        for (n, (name, _)) in specs.iter().enumerate() {
            let mut entries = Vec::new();
            for (k, (_, cents)) in costs.iter().enumerate().filter(|(_, (to, _))| to % specs.len() == n) {
                let (k, attempt) = (u32::try_from(k).unwrap(), u32::try_from(k).unwrap() + 1);
                let agent = if k % 2 == 0 { "one" } else { "two" };
                entries.push(entry(2 * k, attempt, Transition::InProgress, Some(agent), None, 0));
                let end = if k % 3 == 0 { Transition::Failed } else { Transition::Completed };
                let cost = format!("${}.{:02}", cents / 100, cents % 100);
                entries.push(entry(2 * k + 1, attempt, end, None, Some(&cost), i64::from(k) * 86_400 * 3));
            }
            world.ledger.specs.insert(Qualified { project: None, id: id(name) }, record(entries));
        }
        world
    }

    fn sums(world: &World, by: By) -> Costs {
        world.see(|input, _| costs(input.set, input.ledger, None, by))
    }

    #[test]
    fn a_spec_counts_under_each_of_its_labels_and_once_in_the_total() {
        let costs = sums(&world(&[(1, 100), (1, 50), (2, 7), (3, 1)]), By::Label);
        let row = |key: &str| costs.rows.iter().find(|(k, _)| k == key).unwrap().1.money["USD"];
        assert_eq!((row("a"), row("b"), row(NONE)), (1_570_000, 1_500_000, 10_000));
        assert_eq!(costs.total.money["USD"], 1_580_000);
        assert_eq!((costs.total.attempts, costs.total.failed, costs.total.tokens), (4, 2, 40));
        assert_eq!(costs.total.time, Duration::from_secs(6));
    }

    #[test]
    fn weeks_drivers_and_agents_are_named() {
        let world = world(&[(1, 100), (2, 50), (3, 7)]);
        let keys = |by| sums(&world, by).rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        assert_eq!(keys(By::Week), ["1970-W01", "1970-W02"]);
        assert_eq!(keys(By::Driver), [NONE, "001-d"]);
        assert_eq!(keys(By::Agent), ["one", "two"]);
    }

    proptest! {
        #[test]
        fn whatever_it_is_cut_by_nothing_is_lost_or_counted_twice(
            list in proptest::collection::vec((0_usize..4, 0_u64..100_000), 0..20),
        ) {
            let world = world(&list);
            let sum: u64 = list.iter().map(|(_, cents)| cents * 10_000).sum();
            for by in [By::Spec, By::Driver, By::Week, By::Agent] {
                let costs = sums(&world, by);
                let mut all = Spent::default();
                costs.rows.iter().for_each(|(_, spent)| all.add(spent));
                prop_assert_eq!(&all, &costs.total);
                prop_assert_eq!(all.money.get("USD").copied().unwrap_or(0), sum);
            }
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>()) {
            let read = (money(&text), tokens(&text), time(&text));
            prop_assert!(read.0.is_none_or(|(currency, _)| !currency.is_empty()));
        }
    }
}
