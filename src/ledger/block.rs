//! The trailer block: the state format (DESIGN.md, section 4). Written by one function and read by one function.
//!
//! The only file in which a trailer key of chant is spelled.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::oid::Oid;
use super::{flat, trailers};
use crate::spec::Qualified;

/// The keys, as they are written; they are read in any case.
pub mod key {
    /// The qualified id of the spec; on every event.
    pub const SPEC: &str = "Chant-Spec";
    /// A transition.
    pub const STATUS: &str = "Chant-Status";
    /// 1, 2, …; on every event.
    pub const ATTEMPT: &str = "Chant-Attempt";
    /// What makes two claims two objects; on a start.
    pub const RUN: &str = "Chant-Run";
    /// The agent's name; on a start.
    pub const AGENT: &str = "Chant-Agent";
    /// The agent from which a person was handed the work; on a start.
    pub const FROM: &str = "Chant-From";
    /// Who has it in hand, as `Name <mail>`; on the start of a person who was handed it.
    pub const PERSON: &str = "Chant-Person";
    /// The branch that it will land on; on a start.
    pub const TARGET: &str = "Chant-Target";
    /// How the criteria ended; on a completion.
    pub const CRITERIA: &str = "Chant-Criteria";
    /// One line; on a failure, a cancellation, a rejection.
    pub const REASON: &str = "Chant-Reason";
    /// A reviewer's word.
    pub const APPROVAL: &str = "Chant-Approval";
    /// `<qualified-id> <attempt> <completing commit>`; on a landing, once for each spec.
    pub const LANDING: &str = "Chant-Landing";
    /// A commit that a run found to be no engine's doing; on a failure, once for each commit.
    pub const DISOWNED: &str = "Chant-Disowned";
    /// What it cost, as the agent reported it.
    pub const COST: &str = "Chant-Cost";
    /// How many tokens it took, as the agent reported it.
    pub const TOKENS: &str = "Chant-Tokens";
    /// How long it took, as the agent reported it.
    pub const DURATION: &str = "Chant-Duration";
    /// The reviewer, Git's own key.
    pub const REVIEWED_BY: &str = "Reviewed-by";
    /// `agent:model`, the Linux kernel's convention.
    pub const ASSISTED_BY: &str = "Assisted-by";
    /// What every key of chant begins with.
    pub(super) const OURS: &str = "Chant-";
    /// The keys of chant that mean something.
    pub(super) const KNOWN: [&str; 16] = [
        SPEC, STATUS, ATTEMPT, RUN, AGENT, FROM, PERSON, TARGET, CRITERIA, REASON, APPROVAL, LANDING, DISOWNED, COST,
        TOKENS, DURATION,
    ];
}

/// No attempt has a higher number: one that claims to is a forgery or a slip, and must not use up the numbers.
const MOST_ATTEMPTS: u32 = 1_000_000;
/// Titles are cut off here, in characters.
const LONGEST_SUBJECT: usize = 200;
/// Reasons are cut off here, in characters: the whole story is in the transcript.
const LONGEST_REASON: usize = 500;

/// A change of state, `Chant-Status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Transition {
    /// Claimed: the start of a run.
    InProgress,
    /// Done and proven; a claim, whoever wrote it.
    Completed,
    /// Ended without a result.
    Failed,
    /// Called off by a person.
    Cancelled,
    /// Reset by a person.
    Pending,
}

impl Transition {
    const ALL: [Self; 5] = [Self::InProgress, Self::Completed, Self::Failed, Self::Cancelled, Self::Pending];

    /// As it stands in the trailer.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Pending => "pending",
        }
    }
}

/// A reviewer's word, `Chant-Approval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Approval {
    /// Yes.
    Approved,
    /// No; the block's reason may say why.
    Rejected,
}

impl Approval {
    /// As it stands in the trailer.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }
}

/// How criteria ended, `Chant-Criteria`: `5 verified, 1 claimed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct Tally {
    /// Their command exited 0.
    pub verified: u32,
    /// Ticked, without a command.
    pub claimed: u32,
    /// Neither.
    pub unmet: u32,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [(self.verified, "verified"), (self.claimed, "claimed"), (self.unmet, "unmet")];
        let parts: Vec<String> = all.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        f.pad(if parts.is_empty() { "0 verified".to_owned() } else { parts.join(", ") }.as_str())
    }
}

/// One spec that a landing brought, `Chant-Landing`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Landing {
    /// The spec.
    pub spec: Qualified,
    /// Its attempt.
    pub attempt: u32,
    /// The completing event.
    pub commit: Oid,
}

impl fmt::Display for Landing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.spec, self.attempt, self.commit)
    }
}

/// What the trailers of one commit say. Texts are on one line and without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Block {
    /// [`key::SPEC`]
    pub spec: Option<Qualified>,
    /// [`key::STATUS`]
    pub status: Option<Transition>,
    /// [`key::ATTEMPT`]
    pub attempt: Option<u32>,
    /// [`key::RUN`]
    pub run: Option<String>,
    /// [`key::AGENT`]
    pub agent: Option<String>,
    /// [`key::FROM`]
    pub from: Option<String>,
    /// [`key::PERSON`]
    pub person: Option<String>,
    /// [`key::TARGET`]
    pub target: Option<String>,
    /// [`key::CRITERIA`]
    pub criteria: Option<Tally>,
    /// [`key::REASON`]
    pub reason: Option<String>,
    /// [`key::APPROVAL`]
    pub approval: Option<Approval>,
    /// [`key::REVIEWED_BY`]
    pub reviewed_by: Vec<String>,
    /// [`key::LANDING`]
    pub landings: Vec<Landing>,
    /// [`key::ASSISTED_BY`]
    pub assisted_by: Vec<String>,
    /// [`key::COST`]
    pub cost: Option<String>,
    /// [`key::TOKENS`]
    pub tokens: Option<String>,
    /// [`key::DURATION`]
    pub duration: Option<String>,
    /// [`key::DISOWNED`]
    pub disowned: Vec<Oid>,
    /// Keys that begin as chant's do and mean nothing yet, with their values: kept, and reported.
    pub unknown: Vec<(String, String)>,
}

/// What the trailers of a message come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// No trailer of chant.
    Nothing,
    /// A block in which every value of ours can be read.
    Block(Block),
    /// A block with values that cannot be read, or that contradict each other.
    Malformed {
        /// What could be read.
        block: Block,
        /// In words, each to stand alone.
        problems: Vec<String>,
    },
}

/// A whole commit message: subject, body and block. Whatever the texts hold, reading it gives the block alone.
pub fn write(subject: &str, body: &str, block: &Block) -> String {
    let subject = flat::line_of_at_most(subject.trim_start_matches(['#', ' ']), LONGEST_SUBJECT);
    // A title that is empty or a comment would be lost where Git cleans messages up.
    let subject = subject.trim_start_matches(['#', ' ']);
    let subject = if subject.is_empty() { "chant" } else { subject };
    let lines = block.lines().join("\n");
    let parts = [subject.to_owned(), flat::paragraphs(body), lines];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n") + "\n"
}

/// A text as one line in which nothing can be taken for a trailer of chant's, nor harm a terminal.
pub fn harmless_line(text: &str) -> String {
    flat::line(text)
}

/// The same for a text whose lines stay lines.
pub fn harmless_text(text: &str) -> String {
    flat::text(text)
}

/// The block of a message: the same trailers as `git interpret-trailers --parse --no-divider` finds.
pub fn read(message: &[u8]) -> Reading {
    let mut reader = Reader::default();
    for trailer in trailers::parse(message) {
        reader.take(&trailer.key, &flat::line(&trailer.value));
    }
    match reader {
        Reader { ours: false, .. } => Reading::Nothing,
        Reader { block, problems, .. } if problems.is_empty() => Reading::Block(block),
        Reader { block, problems, .. } => Reading::Malformed { block, problems },
    }
}

/// The line that says which spec an ordinary commit belongs to.
pub fn spec_line(spec: &Qualified) -> String {
    format!("{}: {spec}", key::SPEC)
}

/// Whether a key is the one that an ordinary commit may bear.
pub fn names_spec(name: &str) -> bool {
    name.eq_ignore_ascii_case(key::SPEC)
}

/// Every key of chant, in any case, anywhere in a message, trailer or not: for the check of an agent's honesty.
pub fn mentions(message: &[u8]) -> Vec<String> {
    flat::keys(&String::from_utf8_lossy(message))
}

impl Block {
    /// The trailers, one a line, in the order of the format's table.
    pub fn lines(&self) -> Vec<String> {
        let mut out = Vec::new();
        let mut put = |key: &str, value: String| {
            let most = if key == key::REASON { LONGEST_REASON } else { usize::MAX };
            let value = flat::line_of_at_most(&value, most);
            if !value.is_empty() {
                out.push(format!("{key}: {value}"));
            }
        };
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        put(key::SPEC, self.spec.as_ref().map(Qualified::to_string).unwrap_or_default());
        put(key::STATUS, self.status.map(Transition::as_str).unwrap_or_default().to_owned());
        put(key::ATTEMPT, self.attempt.map(|n| n.to_string()).unwrap_or_default());
        put(key::RUN, text(&self.run));
        put(key::AGENT, text(&self.agent));
        put(key::FROM, text(&self.from));
        put(key::PERSON, text(&self.person));
        put(key::TARGET, text(&self.target));
        put(key::CRITERIA, self.criteria.map(|tally| tally.to_string()).unwrap_or_default());
        put(key::REASON, text(&self.reason));
        put(key::APPROVAL, self.approval.map(Approval::as_str).unwrap_or_default().to_owned());
        self.landings.iter().for_each(|landing| put(key::LANDING, landing.to_string()));
        self.disowned.iter().for_each(|commit| put(key::DISOWNED, commit.to_string()));
        put(key::COST, text(&self.cost));
        put(key::TOKENS, text(&self.tokens));
        put(key::DURATION, text(&self.duration));
        self.unknown.iter().filter(|(key, _)| is_unknown(key)).for_each(|(key, value)| put(key, value.clone()));
        self.reviewed_by.iter().for_each(|name| put(key::REVIEWED_BY, name.clone()));
        self.assisted_by.iter().for_each(|name| put(key::ASSISTED_BY, name.clone()));
        out
    }
}

impl Block {
    /// What a run has used that did not end its attempt: an event without a transition.
    pub fn is_account(&self) -> bool {
        let figures = [&self.cost, &self.tokens, &self.duration];
        let silent = self.status.is_none() && self.approval.is_none() && self.landings.is_empty();
        silent && self.run.is_some() && figures.iter().any(|figure| figure.is_some())
    }

    /// Whether a commit that bears it, and changes no file, is an event.
    pub fn is_event(&self) -> bool {
        self.status.is_some() || self.approval.is_some() || self.is_account()
    }
}

/// Whether a key may be kept as an unknown one: it could be a trailer's, begins as ours do, and means nothing yet.
fn is_unknown(key: &str) -> bool {
    let legal = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    legal && is_ours(key) && !key::KNOWN.iter().any(|known| known.eq_ignore_ascii_case(key))
}

fn is_ours(key: &str) -> bool {
    key.get(..key::OURS.len()).is_some_and(|head| head.eq_ignore_ascii_case(key::OURS))
}

#[derive(Default)]
struct Reader {
    ours: bool,
    block: Block,
    problems: Vec<String>,
}

impl Reader {
    fn take(&mut self, key: &str, value: &str) {
        self.ours |= is_ours(key);
        let Self { block, problems, .. } = self;
        let known = key::KNOWN.into_iter().chain([key::REVIEWED_BY, key::ASSISTED_BY]);
        let result = match known.into_iter().find(|known| known.eq_ignore_ascii_case(key)) {
            Some(key::SPEC) => once(&mut block.spec, value.parse().ok()),
            Some(key::STATUS) => once(&mut block.status, Transition::ALL.into_iter().find(|t| t.as_str() == value)),
            Some(key::ATTEMPT) => once(&mut block.attempt, attempt(value)),
            Some(key::RUN) => once(&mut block.run, text(value)),
            Some(key::AGENT) => once(&mut block.agent, text(value)),
            Some(key::FROM) => once(&mut block.from, text(value)),
            Some(key::PERSON) => once(&mut block.person, text(value)),
            Some(key::TARGET) => once(&mut block.target, text(value)),
            Some(key::CRITERIA) => once(&mut block.criteria, tally(value)),
            Some(key::REASON) => once(&mut block.reason, text(value)),
            Some(key::APPROVAL) => once(&mut block.approval, approval(value)),
            Some(key::LANDING) => each(&mut block.landings, landing(value)),
            Some(key::DISOWNED) => each(&mut block.disowned, Oid::from_str(value).ok()),
            Some(key::COST) => once(&mut block.cost, text(value)),
            Some(key::TOKENS) => once(&mut block.tokens, text(value)),
            Some(key::DURATION) => once(&mut block.duration, text(value)),
            Some(key::REVIEWED_BY) => each(&mut block.reviewed_by, Some(value.to_owned())),
            Some(key::ASSISTED_BY) => each(&mut block.assisted_by, Some(value.to_owned())),
            _ if is_ours(key) => each(&mut block.unknown, Some((key.to_owned(), value.to_owned()))),
            _ => Ok(()),
        };
        if let Err(problem) = result {
            problems.push(format!("`{key}: {}` {problem}", flat::line_of_at_most(value, 80)));
        }
    }
}

/// A key that stands once; the same value again is no contradiction, and the first one is kept.
fn once<T: PartialEq>(slot: &mut Option<T>, value: Option<T>) -> Result<(), &'static str> {
    match (&slot, value) {
        (_, None) => Err("cannot be read"),
        (Some(first), Some(value)) if *first != value => Err("contradicts the same key above it"),
        (_, value) => {
            *slot = value;
            Ok(())
        }
    }
}

/// A key that may stand several times.
fn each<T>(list: &mut Vec<T>, value: Option<T>) -> Result<(), &'static str> {
    list.push(value.ok_or("cannot be read")?);
    Ok(())
}

fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

fn number(value: &str) -> Option<u32> {
    value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok())?
}

fn attempt(value: &str) -> Option<u32> {
    number(value).filter(|n| (1..=MOST_ATTEMPTS).contains(n))
}

fn approval(value: &str) -> Option<Approval> {
    [Approval::Approved, Approval::Rejected].into_iter().find(|word| word.as_str() == value)
}

fn tally(value: &str) -> Option<Tally> {
    let mut tally = Tally::default();
    for part in value.split(',') {
        let (count, word) = part.trim().split_once(' ')?;
        let slot = match word.trim() {
            "verified" => &mut tally.verified,
            "claimed" => &mut tally.claimed,
            "unmet" => &mut tally.unmet,
            _ => return None,
        };
        *slot = slot.checked_add(number(count)?)?;
    }
    Some(tally)
}

fn landing(value: &str) -> Option<Landing> {
    let mut words = value.split_whitespace();
    let landing = Landing {
        spec: words.next()?.parse().ok()?,
        attempt: attempt(words.next()?)?,
        commit: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(landing)
}

#[cfg(test)]
#[path = "block_tests.rs"]
mod tests;
