//! What runs have used that did not end their attempt: interrupted, killed, handed over, left without room. It counts like
//! everything else, so it goes into the history as an event without a transition, on top of what the run has done.
//!
//! While a client runs, what it has used stands in the lock's journal; so whoever next holds the lock of a run that was
//! killed finds it there, and records what the run could not. The run's name on the event says that it is done.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::events::event;
use super::used::{self, Used};
use super::{Error, Evidence, evidence};
use crate::agent::{Account, Lock};
use crate::env::failpoint;
use crate::git::{Expect, Moved, RefMove};
use crate::ledger::{Block, Oid, Record, State};
use crate::project::Project;
use crate::spec::Qualified;

/// At most so many lines are journalled as they come; after that one a second.
const LINES: u32 = 1000;

/// Where a client's figures are noted while it runs.
pub(super) struct Journal {
    lock: PathBuf,
    run: String,
    /// What the attempt's clients before it have used.
    before: Used,
    agent: (String, Option<String>),
    begun: Instant,
    lines: u32,
    last: Option<Instant>,
}

impl Journal {
    pub(super) fn new(
        lock: PathBuf,
        run: &str,
        before: &Used,
        (name, model): (&str, Option<&str>),
        begun: Instant,
    ) -> Self {
        let agent = (name.to_owned(), model.map(str::to_owned));
        Self { lock, run: run.to_owned(), before: before.clone(), agent, begun, lines: 0, last: None }
    }

    /// When it is to be noted at the latest how long the client has worked: often at first, and ever less.
    pub(super) fn due(&self) -> Instant {
        let last = self.last.unwrap_or(self.begun);
        last + Duration::from_secs(1).max(self.begun.elapsed() / 30)
    }

    /// Notes what the client has used by now. What cannot be noted is lost where this process is killed, and only there.
    pub(super) fn note(&mut self, account: &Account) {
        if self.lines >= LINES && self.last.is_some_and(|last| last.elapsed().as_secs() == 0) {
            return;
        }
        let mut used = self.before.clone();
        used.add(&self.agent.0, self.agent.1.clone(), account.clone());
        used.took = Some(self.begun.elapsed());
        Lock::append(&self.lock, &line(&self.run, &used)).ok();
        (self.lines, self.last) = (self.lines + 1, Some(Instant::now()));
    }
}

/// The journal's line about what a run has used.
pub(super) fn line(run: &str, used: &Used) -> String {
    format!("used {run} {}", serde_json::to_string(used).unwrap_or_default())
}

/// What a run has used, by the last line about it in a lock's journal that can be read.
pub(super) fn journalled(text: &str, run: &str) -> Option<Used> {
    let used = |line: &str| {
        let json = line.strip_prefix("used ")?.strip_prefix(run)?.strip_prefix(' ')?;
        serde_json::from_str(json).ok()
    };
    text.lines().rev().find_map(used)
}

/// A run that did not end its attempt, and what it has used.
pub(super) struct Open {
    pub attempt: u32,
    pub run: String,
    pub used: Used,
}

/// What the last run of a spec has used, where it was cut short and nobody has recorded that yet; whatever it used, where
/// nothing is known of it.
pub(super) fn left_open(project: &Project, qualified: &Qualified, record: Option<&Record>) -> Option<Open> {
    let record = record.filter(|record| record.state == State::InProgress)?;
    let run = record.last_start.as_ref()?.block.run.clone()?;
    let recorded = |entry: &crate::ledger::Entry| entry.block.is_account() && entry.block.run.as_ref() == Some(&run);
    if record.entries.iter().any(recorded) {
        return None;
    }
    let text = Lock::read(&project.lock_path(&qualified.id)).unwrap_or_default();
    let used = journalled(&text, &run).filter(Used::is_known)?;
    Some(Open { attempt: record.attempt, run, used })
}

/// Records on a spec's branch what a run has used that did not end its attempt, with its transcript; gives the new tip. A
/// branch that somebody moved meanwhile is left as it is: the journal still has it.
///
/// # Errors
/// Where Git cannot write.
pub(super) fn record(
    project: &Project,
    lock: &Lock,
    qualified: &Qualified,
    tip: Oid,
    open: &Open,
) -> Result<Oid, Error> {
    let Open { attempt, run, used } = open;
    let repo = &project.repo;
    let block = Block {
        spec: Some(qualified.clone()),
        attempt: Some(*attempt),
        run: Some(run.clone()),
        agent: used.by.last().map(|(name, _)| name.clone()),
        assisted_by: used.assisted_by(),
        ..used.trailers()
    };
    let commit = event(repo, lock, tip, &format!("{}: what a run used that was cut short", qualified.id), "", &block)?;
    let found = Evidence::empty(repo.tree(tip)?);
    let lines = evidence::lines(&qualified.to_string(), *attempt, run, Some(used), &found);
    repo.note_add(commit, &lines, &super::transcripts::kept(project, &qualified.id))?;
    failpoint("spent.noted");
    let moves = [RefMove { name: qualified.full_ref(), from: Expect::At(tip), to: Some(commit) }];
    Ok(match repo.move_refs(&moves, "what a run used")? {
        Moved::Done => commit,
        Moved::TipMoved { .. } => tip,
    })
}

/// The same for whoever decides about a spec without working it.
///
/// # Errors
/// Where Git cannot write.
pub fn settle_account(
    project: &Project,
    lock: &Lock,
    qualified: &Qualified,
    record: Option<&Record>,
) -> Result<(), Error> {
    let open = left_open(project, qualified, record);
    if let Some((open, tip)) = open.zip(project.repo.tip(&qualified.full_ref())?) {
        self::record(project, lock, qualified, tip, &open)?;
    }
    Ok(())
}

/// What earlier runs of an attempt that goes on have used, with what nobody had recorded of the last one.
pub(super) fn in_attempt(record: Option<&Record>, attempt: u32, resumed: bool, left: (u64, u64)) -> (u64, u64) {
    let before = used::in_attempt(record, attempt);
    let left = if resumed { left } else { (0, 0) };
    (before.0.saturating_add(left.0), before.1.saturating_add(left.1))
}

/// The models of the same runs, as `agent:model`.
pub(super) fn assisted_before(record: Option<&Record>, attempt: u32, resumed: bool, last: Vec<String>) -> Vec<String> {
    let mut models = used::assisted_before(record, attempt);
    models.extend(last.into_iter().filter(|_| resumed));
    models.dedup();
    models
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Tokens;

    #[test]
    fn the_last_line_about_a_run_counts_and_one_that_was_cut_off_does_not() {
        let used = |tokens| {
            let account =
                Account { tokens: Some(Tokens { input: tokens, output: 0, cached: 0 }), ..Account::default() };
            Used { account, ..Used::by("claude", None) }
        };
        let text = [line("one@here", &used(1)), line("one@here", &used(2)), line("on", &used(9))].join("\n");
        assert_eq!(journalled(&text, "one@here"), Some(used(2)));
        assert_eq!(journalled(&text[..text.len() - 1], "on"), None);
        let cut = format!("{}\nused one@here {{\"by\":[", line("one@here", &used(1)));
        assert_eq!(journalled(&cut, "one@here"), Some(used(1)));
    }
}
