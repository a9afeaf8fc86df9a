//! The reasons behind a status: the commits that decide it, and the whole chain of what it waits for.
use std::collections::HashSet;

use schemars::JsonSchema;
use serde::Serialize;

use crate::ledger::{Approval, Block, Entry, How, Landed, Oid, Record, State, Tally, Transition};
use crate::spec::{Spec, SpecId};

use super::board::Board;
use super::own::{self, Own};
use super::status::{Input, Row, Status, hex};

/// Chains longer than this are cut, with the command that goes on.
const DEPTH: usize = 64;

/// Why one spec stands where it does.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Why {
    /// The spec.
    pub id: SpecId,
    /// Where it stands.
    pub status: Status,
    /// What decides it, oldest first.
    pub lines: Vec<Line>,
    /// The specs that it waits for, each with its own reasons.
    pub because: Vec<Why>,
    /// Its reasons stand elsewhere in the tree.
    pub told: bool,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Line {
    /// The commit that says so; `null` where it follows from what is not in Git.
    #[serde(serialize_with = "hex")]
    #[schemars(with = "Option<String>")]
    pub commit: Option<Oid>,
    /// In words.
    pub what: String,
}

impl Line {
    fn new(commit: Option<Oid>, what: impl Into<String>) -> Self {
        Self { commit, what: what.into() }
    }
}

/// The reasons for the status of one spec. Every spec's reasons are told once, however many wait for it, so that
/// neither a diamond nor a way round makes the tree grow without end.
pub fn why(input: &Input, board: &Board, id: &SpecId) -> Why {
    Teller { input, board, told: HashSet::new() }.tell(id, 0)
}

struct Teller<'i, 'a> {
    input: &'i Input<'a>,
    board: &'i Board,
    told: HashSet<SpecId>,
}

impl Teller<'_, '_> {
    fn tell(&mut self, id: &SpecId, depth: usize) -> Why {
        let status = self.board.status(id);
        let mut why = Why { id: id.clone(), status, lines: Vec::new(), because: Vec::new(), told: false };
        let (Some(spec), Some(row)) = (self.input.set.get(id), self.board.row(id)) else {
            why.lines.push(Line::new(None, "there is no such spec"));
            return why;
        };
        if self.told.contains(id) {
            why.told = true;
            return why;
        }
        if depth == DEPTH {
            why.lines.push(Line::new(None, format!("the chain goes on: `chant why {id}`")));
            return why;
        }
        self.told.insert(id.clone());
        why.lines = lines(self.input, spec, row);
        why.because = waits_for(self.board, row).iter().map(|id| self.tell(id, depth + 1)).collect();
        why
    }
}

/// The specs that have to move before this one does.
fn waits_for(board: &Board, row: &Row) -> Vec<SpecId> {
    let mut ids: Vec<SpecId> = row.blocked_by.iter().filter_map(|b| b.spec().cloned()).collect();
    if matches!(row.status, Status::InProgress | Status::Completed | Status::Failed) {
        ids.extend(row.members.iter().filter(|m| !board.status(m).is_settled()).cloned());
    }
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    ids
}

fn lines(input: &Input, spec: &Spec, row: &Row) -> Vec<Line> {
    let own = own::own(input, &own::records(input), spec);
    let mut lines = own.record.map(of_record).unwrap_or_default();
    if lines.is_empty() {
        lines.push(Line::new(None, unheard_of(row)));
    }
    lines.extend(of_machine(input, spec, row, &own));
    lines.extend(row.blocked_by.iter().map(|b| Line::new(None, b.reason.clone())));
    let names: Vec<_> = own::names(input.set, spec).map(|id| own::qualified(input.project, id)).collect();
    let anomalies = input.ledger.anomalies.iter().filter(|a| a.spec.as_ref().is_some_and(|s| names.contains(s)));
    lines.extend(anomalies.map(|a| {
        // The commit stands before the line already.
        let subject = a.commit.map(|commit| format!("{} ", commit.short())).unwrap_or_default();
        Line::new(a.commit, a.message.strip_prefix(&subject).unwrap_or(&a.message).to_owned())
    }));
    lines
}

fn unheard_of(row: &Row) -> &'static str {
    match row.status {
        Status::Unknown => "no event is to be seen, and a shallow clone may hide some: `git fetch --unshallow`",
        Status::InProgress => "a member of it was begun",
        _ => "no event speaks of it: it was never begun",
    }
}

/// What the commits say, oldest first.
fn of_record(record: &Record) -> Vec<Line> {
    let mut lines = Vec::new();
    let first = record.start.as_ref();
    let again = record.last_start.as_ref().filter(|last| first.is_some_and(|first| first.commit != last.commit));
    lines.extend(first.map(|first| Line::new(Some(first.commit), started(record.attempt, first))));
    // In the order of descent, in which the entries stand.
    for entry in record.entries.iter().filter(|entry| entry.block.attempt == Some(record.attempt)) {
        let commit = Some(entry.commit);
        if entry.block.is_account() {
            let run = entry.block.run.as_deref().unwrap_or_default();
            lines.push(Line::new(commit, format!("run {run} ended before its work did{}", used(&entry.block))));
        }
        lines.extend(again.filter(|last| Some(last.commit) == commit).map(|last| Line::new(commit, taken_up(last))));
    }
    let decided = record.entries.iter().find(|e| Some(e.commit) == record.decided_by);
    lines.extend(decided.filter(|e| e.block.status != Some(Transition::InProgress)).and_then(decision));
    let reviews = record
        .entries
        .iter()
        .filter(|e| Some(e.commit) != record.decided_by && e.block.attempt >= Some(record.attempt));
    lines.extend(reviews.filter_map(|e| Some(approved(e.block.approval?, e))));
    lines.extend(record.landing.as_ref().map(landed));
    lines.extend(record.reverted.map(|revert| Line::new(Some(revert), "a revert in its target took its landing back")));
    lines
}

fn started(attempt: u32, entry: &Entry) -> String {
    let target = entry.block.target.as_ref().map(|t| format!(", to land on {t}")).unwrap_or_default();
    format!("attempt {attempt} began {}{target}", by(entry))
}

fn taken_up(entry: &Entry) -> String {
    let from = entry.block.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
    match &entry.block.person {
        Some(person) => format!("handed over{from} to {person}"),
        None => format!("taken up again {}", by(entry)),
    }
}

/// What it took, by whom: `: 2100 tokens, 0.0125 USD, 12.3s, with claude:claude-opus-4-5`.
fn used(block: &Block) -> String {
    let tokens = block.tokens.as_ref().map(|tokens| format!("{tokens} tokens"));
    let by = (!block.assisted_by.is_empty()).then(|| format!("with {}", block.assisted_by.join(", ")));
    let figures = [tokens, block.cost.clone(), block.duration.clone()].into_iter().flatten();
    let told: Vec<String> = figures.chain(by).collect();
    if told.is_empty() { String::new() } else { format!(": {}", told.join(", ")) }
}

fn by(entry: &Entry) -> String {
    let agent = entry.block.agent.as_ref().map(|a| format!("by {a}"));
    let run = entry.block.run.as_ref().map(|r| format!("in run {r}"));
    agent.into_iter().chain(run).collect::<Vec<_>>().join(" ")
}

fn decision(entry: &Entry) -> Option<Line> {
    let because = entry.block.reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
    let what = match entry.block.status? {
        Transition::InProgress => "in progress".to_owned(),
        Transition::Completed => {
            format!("completed{}{}", entry.block.criteria.map(tally).unwrap_or_default(), figures(&entry.block))
        }
        Transition::Failed => format!("failed{because}{}", figures(&entry.block)),
        Transition::Cancelled => format!("cancelled{because}"),
        Transition::Pending => format!("reset{because}"),
    };
    Some(Line::new(Some(entry.commit), what))
}

/// The same in brackets, where a model was at work: of scripts nobody asks it.
fn figures(block: &Block) -> String {
    let asked = block.tokens.is_some() || block.cost.is_some() || !block.assisted_by.is_empty();
    match used(block).strip_prefix(": ") {
        Some(told) if asked => format!(" ({told})"),
        _ => String::new(),
    }
}

fn tally(tally: Tally) -> String {
    let parts = [(tally.verified, "verified"), (tally.claimed, "claimed"), (tally.unmet, "unmet")];
    let said: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if said.is_empty() { String::new() } else { format!(": {}", said.join(", ")) }
}

fn approved(approval: Approval, entry: &Entry) -> Line {
    let word = match approval {
        Approval::Approved => "approved",
        Approval::Rejected => "rejected",
    };
    let attempt = entry.block.attempt.map(|n| format!("attempt {n} ")).unwrap_or_default();
    let who = entry.block.reviewed_by.first().unwrap_or(&entry.author);
    let because = entry.block.reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
    Line::new(Some(entry.commit), format!("{attempt}{word} by {who}{because}"))
}

fn landed(landed: &Landed) -> Line {
    let how = match landed.how {
        How::Ancestry => "",
        How::Trailer => ", as a commit there records",
        How::Patch => ", as one commit with the whole of its change",
        How::ThroughDriver => ", with its driver",
    };
    Line::new(Some(landed.commit), format!("landed on {}{how}", landed.target))
}

/// What only this machine knows.
fn of_machine(input: &Input, spec: &Spec, row: &Row, own: &Own) -> Vec<Line> {
    let mut lines = Vec::new();
    match row.status {
        Status::Stalled => {
            let id = &row.id;
            let what = format!("it was claimed on this machine, and nobody holds its lock: `chant work {id}` goes on");
            lines.push(Line::new(None, what));
        }
        Status::InReview => {
            let void = row.review.iter().flat_map(|review| &review.void);
            lines.extend(void.map(|why| Line::new(None, why.clone())));
            let target = row.target.as_deref().unwrap_or("its target");
            lines.push(Line::new(None, format!("it is on {}, not in {target}", own.name.branch())));
        }
        Status::Unknown if own.record.is_some_and(|r| r.state == State::Completed) => {
            let what = "a shallow clone hides whether it has landed: `git fetch --unshallow`";
            lines.push(Line::new(None, what));
        }
        _ => {}
    }
    if !row.status.is_settled() {
        let conflict = own::names(input.set, spec).find_map(|id| input.live.conflicts.get(id));
        lines.extend(conflict.map(|c| Line::new(None, c.clone())));
    }
    lines
}
