//! Whose word counts: approvals of the work to come, and of the work that was done.
//!
//! An approval is for the tree that its giver saw. One for completed work counts while nothing but events comes after the
//! completion; one for an attempt to come counts while the spec's file is what it was. Of several words of one person the
//! last counts; where two of them do not know of each other, a rejection does.

use std::collections::{BTreeMap, BTreeSet};

use globset::{GlobSet, GlobSetBuilder};

pub use crate::ledger::mail;
use crate::ledger::{Approval, Entry, History, Oid, Record, State, Transition};

/// Who may approve, and how many of them it takes: `review` of the settings.
#[derive(Debug, Clone)]
pub struct Policy {
    patterns: Vec<String>,
    globs: GlobSet,
    /// How many it takes, at least one.
    pub count: usize,
    /// Whether who did the work may approve it.
    pub own: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self::new(&[], 1, true)
    }
}

impl Policy {
    /// A pattern that cannot be read matches nobody: the settings refuse it.
    pub fn new(patterns: &[String], count: u32, own: bool) -> Self {
        let mut globs = GlobSetBuilder::new();
        for pattern in patterns {
            if let Ok(glob) = globset::GlobBuilder::new(pattern).case_insensitive(true).build() {
                globs.add(glob);
            }
        }
        let globs = globs.build().unwrap_or_else(|_| GlobSet::empty());
        let count = usize::try_from(count.max(1)).unwrap_or(usize::MAX);
        Self { patterns: patterns.to_vec(), globs, count, own }
    }

    /// Whether somebody with this mail address may approve.
    pub fn admits(&self, mail: &str) -> bool {
        self.patterns.is_empty() || self.globs.is_match(mail)
    }

    /// Whether one word of anybody is enough.
    pub fn is_open(&self) -> bool {
        self.patterns.is_empty() && self.count == 1 && self.own
    }

    /// Who may, in words.
    pub fn who(&self) -> String {
        if self.patterns.is_empty() { "anybody".to_owned() } else { self.patterns.join(", ") }
    }
}

/// What reviewers have said of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// Those whose approval counts, as `Name <mail>`, in the order in which they spoke.
    pub approved: Vec<String>,
    /// Who rejected it and has not said otherwise, with the reason.
    pub rejected: Option<(String, Option<String>)>,
    /// Approvals that do not count, and why: sentences that can stand alone.
    pub void: Vec<String>,
    /// How many approvals it takes.
    pub needed: usize,
}

impl Words {
    /// Whether it may go on.
    pub fn suffice(&self) -> bool {
        self.rejected.is_none() && self.approved.len() >= self.needed
    }

    /// How it stands, in words.
    pub fn state(&self) -> String {
        if let Some((by, reason)) = &self.rejected {
            let why = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            return format!("rejected by {by}{why}");
        }
        match (self.approved.len(), self.needed) {
            (0, 1) => "not approved yet".to_owned(),
            (n, needed) if n < needed => format!("{n} of {needed} approvals"),
            _ => format!("approved by {}", self.approved.join(", ")),
        }
    }
}

/// The subject of an approval.
pub enum Subject<'a> {
    /// Work that was completed: by whom, as mail addresses, and whether its branch has gone on since.
    Done { workers: &'a BTreeSet<String>, moved: bool },
    /// The attempt to come, and the approvals that were given for another version of the spec.
    Coming(&'a BTreeSet<Oid>),
}

/// What was said of a spec, by those whose word counts.
pub fn words(record: Option<&Record>, history: &History, policy: &Policy, subject: &Subject) -> Words {
    let mut words = Words { needed: policy.count, ..Words::default() };
    let Some(record) = record else { return words };
    let spoken = |entry: &&Entry| match subject {
        Subject::Done { .. } => {
            let of_it = entry.block.attempt == Some(record.attempt) && record.state == State::Completed;
            of_it && !is_of_the_plan(record, history, entry)
        }
        Subject::Coming(_) => entry.block.attempt == Some(record.highest.saturating_add(1)),
    };
    for entry in last_words(record.entries.iter().filter(spoken), history) {
        let by = name(entry);
        match entry.block.approval {
            Some(Approval::Rejected) if policy.admits(&mail(&by)) => {
                words.rejected = Some((by, entry.block.reason.clone()));
            }
            Some(Approval::Approved) => match void(record, history, policy, subject, entry) {
                Some(why) => words.void.push(format!("the approval of {by} does not count: {why}")),
                None => words.approved.push(by),
            },
            _ => {}
        }
    }
    words
}

/// Whether it is an approval that let the attempt begin: it has done its part, and was never one of the work.
fn is_of_the_plan(record: &Record, history: &History, entry: &Entry) -> bool {
    let starts = |start: &&Entry| {
        start.block.status == Some(Transition::InProgress) && start.block.attempt == entry.block.attempt
    };
    let mut starts = record.entries.iter().filter(starts).peekable();
    entry.block.approval == Some(Approval::Approved)
        && starts.peek().is_some()
        && starts.all(|start| history.is_ancestor(entry.commit, start.commit))
}

/// The last word of everybody who spoke, oldest first.
fn last_words<'e>(entries: impl Iterator<Item = &'e Entry>, history: &History) -> Vec<&'e Entry> {
    let mut last: BTreeMap<String, &Entry> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    for entry in entries.filter(|entry| entry.block.approval.is_some()) {
        let by = mail(&name(entry));
        let keeps = last.get(&by).is_some_and(|before| {
            let known = history.contains(&before.commit) && history.contains(&entry.commit);
            let apart = known && !history.is_ancestor(before.commit, entry.commit);
            apart && before.block.approval == Some(Approval::Rejected)
        });
        if !keeps {
            order.retain(|known| *known != by);
            order.push(by.clone());
            last.insert(by, entry);
        }
    }
    order.iter().filter_map(|by| last.get(by).copied()).collect()
}

/// Who gave it: the author of the commit, for a trailer can name anybody.
fn name(entry: &Entry) -> String {
    entry.author.clone()
}

fn void(record: &Record, history: &History, policy: &Policy, subject: &Subject, entry: &Entry) -> Option<String> {
    let by = mail(&entry.author);
    if !policy.admits(&by) {
        return Some(format!("`review.approvers` names {}", policy.who()));
    }
    match subject {
        Subject::Done { workers, moved } => {
            let done = record.decided_by?;
            if *moved {
                return Some("commits came after it".to_owned());
            }
            if !history.same_content(done, entry.commit) {
                return Some(format!("it was given before {} was completed as it is now", done.short()));
            }
            (!policy.own && workers.contains(&by)).then(|| "who did the work cannot approve it".to_owned())
        }
        Subject::Coming(stale) => {
            stale.contains(&entry.commit).then(|| "the spec has changed since it was given".to_owned())
        }
    }
}

#[cfg(test)]
#[path = "review_tests.rs"]
mod tests;
