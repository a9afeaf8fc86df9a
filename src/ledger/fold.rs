//! `fold(events) -> Ledger`: pure, total, and the same in whatever order the history was copied out.

use std::collections::BTreeSet;

use super::basis::Basis;
use super::block::{Approval, Transition};
use super::case::{self, Candidate, Case};
use super::claim::Evidence;
use super::copies::{Attempt, last};
use super::history::History;
use super::owned::keep_what_counts;
use super::question::{Answers, Question};
use super::record::{Anomaly, Entry, In, Ledger, Record, State};
use super::scan::{Event, Scan};
use super::trust::{Unsigned, keep_what_is_signed};
use super::verdict::{Court, Verdict};
use super::view::View;

/// The ledger of a history, looked at from somewhere. What only Git can tell is asked of `ask`, all at once, and not where
/// there is nothing to ask; a question that it leaves out counts as answered by no.
///
/// # Errors
/// What `ask` says.
pub fn fold<E>(h: &History, v: &View, ask: impl FnOnce(&[Question]) -> Result<Answers, E>) -> Result<Folded, E> {
    let mut scan = Scan::new(h, v);
    let basis = Basis::new(h, v, &scan);
    let unsigned = keep_what_is_signed(h, v, &mut scan);
    let dropped = keep_what_counts(h, &mut scan);
    let mut cases = case::cases(h, v, &scan, &dropped);
    let mut court = Court::new(h, v, &scan, &mut cases, &Answers::new());
    let asked: Vec<Question> = std::mem::take(&mut court.asked).into_iter().collect();
    if !asked.is_empty() {
        drop(court);
        court = Court::new(h, v, &scan, &mut cases, &ask(&asked)?);
    }
    let verdicts = court.judge();
    let mut ledger = Ledger { evidence: Evidence::new(h, &court.reverts), ..Ledger::default() };
    let mut said = scan.anomalies.clone();
    said.extend(
        scan.misplaced.iter().filter(|(at, it)| !repeats(&cases, &verdicts, *at, it)).map(|(_, it)| it.clone()),
    );
    said.extend(unsigned.iter().filter(|it| is_missed(&cases, &verdicts, it)).map(|it| it.anomaly.clone()));
    for (case, verdict) in cases.iter().zip(&verdicts) {
        let mut teller = Teller { h, case, verdict, said: &mut said };
        let record = teller.record();
        teller.anomalies();
        if record.state == State::Completed {
            ledger.evidence.add(h, case.spec, &verdict.claim);
        }
        ledger.specs.insert(case.spec.clone(), record);
    }
    said.sort_unstable();
    said.dedup();
    Ok(Folded { ledger: Ledger { anomalies: said, ..ledger }, basis: basis.filter(|_| asked.is_empty()) })
}

/// What a fold came to.
#[derive(Debug, Clone)]
pub struct Folded {
    /// What has happened.
    pub ledger: Ledger,
    /// By which it can be told that it still holds when the history has gone on; `None` where only a fold can tell.
    pub basis: Option<Basis>,
}

/// Whether an event that is none stands on the squash by which its spec landed: forges repeat all messages there.
fn repeats(cases: &[Case], verdicts: &[Verdict], at: u32, anomaly: &Anomaly) -> bool {
    let of = cases.iter().position(|case| Some(case.spec) == anomaly.spec.as_ref());
    of.is_some_and(|i| verdicts[i].standing.landed.is_some() && verdicts[i].standing.shown_by == Some(at))
}

/// Whether a landing's line that nobody has signed would have said something that nothing else says.
fn is_missed(cases: &[Case], verdicts: &[Verdict], it: &Unsigned) -> bool {
    let Ok(i) = cases.binary_search_by(|case| case.spec.cmp(&it.spec)) else { return true };
    let Verdict { standing, .. } = &verdicts[i];
    it.line.attempt >= cases[i].number && standing.landed.is_none() && standing.reverted.is_none()
}

/// Tells of one spec.
struct Teller<'a, 's> {
    h: &'a History,
    case: &'a Case<'s>,
    verdict: &'a Verdict,
    said: &'a mut Vec<Anomaly>,
}

impl<'a, 's> Teller<'a, 's> {
    fn record(&mut self) -> Record {
        let Self { h, case, verdict, .. } = *self;
        let candidate = verdict.winner.and_then(|winner| case.candidates.get(winner));
        let decided = candidate.and_then(|c| self.decided_by(&c.commits));
        let event = decided.and_then(|at| case.events.iter().find(|event| event.at == at));
        let reason = event.and_then(|event| event.block.reason.clone());
        let state = match candidate.map(|candidate| candidate.status) {
            None => State::New,
            Some(Transition::InProgress) => State::InProgress,
            Some(Transition::Completed) => State::Completed,
            Some(Transition::Failed) => State::Failed { reason },
            Some(Transition::Cancelled) => State::Cancelled { reason },
            Some(Transition::Pending) => State::Reset,
        };
        let first_start = decided.and_then(|at| case.attempt.first_start(h, at));
        let last_start = decided.and_then(|at| case.attempt.last_start(h, at));
        let standing = &verdict.standing;
        let in_target = match &standing.landed {
            Some(landed) => In::Yes(landed.clone()),
            None if standing.hidden => In::Unknown,
            None => In::No,
        };
        Record {
            attempt: if case.number == 0 { case.highest.saturating_add(1) } else { case.number },
            highest: case.highest,
            state,
            decided_by: decided.map(|at| h.oid(at)),
            entries: self.entries(decided),
            start: first_start.or_else(|| candidate?.first_start).map(|event| self.entry(event).into()),
            last_start: last_start.or_else(|| candidate?.last_start).map(|event| self.entry(event).into()),
            approval: self.approval().map(Box::new),
            landing: standing.landed.clone(),
            reverted: standing.reverted.filter(|_| standing.landed.is_none()).map(|at| h.oid(at)),
            in_target,
        }
    }

    /// Of copies, the one that shows where the attempt is; else the first.
    fn decided_by(&self, copies: &[u32]) -> Option<u32> {
        let shown = self.verdict.standing.shown_by.filter(|at| copies.contains(at));
        shown.or_else(|| copies.first().copied())
    }

    fn entry(&self, event: &Event) -> Entry {
        let note = self.h.note_at(event.at);
        Entry {
            commit: self.h.oid(event.at),
            block: event.block.clone(),
            time: note.map_or(0, |note| note.time),
            author: note.map(|note| note.author.clone()).unwrap_or_default(),
        }
    }

    /// Every event once: of copies the deciding one, or one that it descends from, or the first.
    fn entries(&self, decided: Option<u32>) -> Vec<Entry> {
        let h = self.h;
        let attempts: BTreeSet<u32> = self.case.events.iter().map(|event| event.attempt).collect();
        let mut events: Vec<&Event> = Vec::new();
        for number in attempts {
            for group in Attempt::new(h, self.case.events, number).groups {
                let before = |copy: &&&Event| decided.is_some_and(|at| h.reaches(at, copy.at));
                let exact = |copy: &&&Event| decided == Some(copy.at);
                let copies = || group.copies.iter();
                events.extend(copies().find(exact).or_else(|| copies().find(before)).or_else(|| copies().next()));
            }
        }
        events.extend(self.reviews());
        events.sort_unstable_by_key(|event| (h.generation(event.at), h.oid(event.at)));
        events.into_iter().map(|event| self.entry(event)).collect()
    }

    /// Approvals without a transition, copies left out.
    fn reviews(&self) -> Vec<&Event> {
        let h = self.h;
        let mut reviews: Vec<&Event> = self.case.events.iter().filter(|event| event.status.is_none()).collect();
        reviews.sort_unstable_by_key(|event| (h.generation(event.at), h.oid(event.at)));
        let mut kept: Vec<&Event> = Vec::new();
        for review in reviews {
            let copy = |other: &&Event| other.block == review.block && !h.reaches(review.at, other.at);
            if !kept.iter().any(copy) {
                kept.push(review);
            }
        }
        kept
    }

    /// The last word on the attempt to come, or else on this one. Where two do not know of each other, a rejection
    /// counts.
    fn approval(&mut self) -> Option<(Approval, Entry)> {
        let h = self.h;
        let coming = self.case.highest.saturating_add(1);
        let of = |attempt: u32| -> Vec<&Event> {
            let events = self.case.events.iter();
            events.filter(|event| event.approval.is_some() && event.attempt == attempt).collect()
        };
        let events = Some(of(coming)).filter(|of| !of.is_empty()).unwrap_or_else(|| of(self.case.number));
        let last = last(h, events.iter().map(|event| event.at));
        let mut words: Vec<(Approval, &Event)> = events
            .into_iter()
            .filter(|event| last.contains(&event.at))
            .filter_map(|e| Some((e.approval?, e)))
            .collect();
        words.sort_unstable_by_key(|(word, event)| (*word == Approval::Approved, h.oid(event.at)));
        let (word, event) = *words.first()?;
        if words.iter().any(|(other, _)| *other != word) {
            if let Some((word, event)) = words.last().filter(|_| !self.overruled_by().is_empty()) {
                return Some((*word, self.entry(event)));
            }
            let attempt = event.attempt;
            self.say(event.at, format!("attempt {attempt} was approved and rejected at once: the rejection counts"));
        }
        Some((word, self.entry(event)))
    }

    fn anomalies(&mut self) {
        let Self { h, case, verdict, .. } = *self;
        for line in &case.idle_lines {
            self.say(line.at, case::idle(h, case, line));
        }
        if let Some(by) = verdict.standing.partial {
            self.say(by, format!("{} takes back a part of what {} landed", h.oid(by).short(), case.spec));
        }
        if let Some(by) = verdict.standing.dropped {
            let merge = h.oid(by).short();
            self.say(by, format!("{merge} merged {} and brought nothing of what it changes", case.spec));
        }
        let landed = verdict.standing.landed.is_some();
        let thin = case
            .candidates
            .iter()
            .filter(|candidate| !candidate.is_overruled())
            .flat_map(|candidate| &candidate.thin)
            .filter(|_| !landed);
        for at in thin {
            let (copy, attempt) = (h.oid(*at).short(), case.number);
            self.say(
                *at,
                format!("{copy} repeats that attempt {attempt} is completed, after fewer commits: it does not count"),
            );
        }
        if let Some((at, place)) = &verdict.standing.elsewhere {
            let target = verdict.winner.and_then(|c| case.candidates.get(c)?.target.clone()).unwrap_or_default();
            self.say(
                *at,
                format!("attempt {} of {} is in {place}, but not in its target {target}", case.number, case.spec),
            );
        }
        let coming = case.highest.saturating_add(1);
        for event in case.events.iter().filter(|event| event.status.is_none() && event.attempt > coming) {
            let attempt = event.attempt;
            self.say(event.at, format!("it speaks of attempt {attempt}, but the next one is {coming}"));
        }
        self.disagreement();
    }

    /// The events after the completion that decides, which do not know that it landed.
    fn overruled_by(&self) -> &'a [&'s Event] {
        let winner = self.verdict.winner.and_then(|winner| self.case.candidates.get(winner));
        winner.map_or(&[], |candidate| &candidate.overruled_by)
    }

    /// What somebody decided about what had landed elsewhere: people have to hear of it.
    fn overruled(&mut self, event: &Event) {
        let word = match (event.approval, event.status) {
            (Some(Approval::Rejected), _) => "rejected",
            (_, Some(Transition::Cancelled)) => "cancelled",
            (_, Some(Transition::Failed)) => "called failed",
            _ => "reset",
        };
        let by = self.h.note_at(event.at).map(|note| note.author.clone()).unwrap_or_default();
        let why = event.block.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let target = self.verdict.standing.landed.as_ref().map(|landed| landed.target.clone()).unwrap_or_default();
        let (attempt, spec) = (self.case.number, self.case.spec);
        let known = "where its landing was not known";
        let message =
            format!("attempt {attempt} of {spec} was {word} by {by}{why} {known}: it counts, for {target} has it");
        self.say(event.at, message);
    }

    /// Several last events, none of which knows of the others.
    fn disagreement(&mut self) {
        let Self { h, case, verdict, .. } = *self;
        let among = |c: &(usize, &Candidate)| Some(c.0) == verdict.winner || !c.1.is_overruled();
        let candidates: Vec<&Candidate> = case.candidates.iter().enumerate().filter(among).map(|(_, c)| c).collect();
        let overruled = self.overruled_by();
        let told = |at: &u32| overruled.iter().any(|event| event.at == *at);
        if !overruled.is_empty() && candidates.iter().all(|c| c.is_overruled() || c.commits.iter().all(told)) {
            return overruled.iter().for_each(|event| self.overruled(event));
        }
        let Some(winner) = verdict.winner.filter(|_| candidates.len() > 1) else { return };
        let one = |commits: &[u32]| commits.first().map(|at| h.oid(*at).short()).unwrap_or_default();
        let mut all: Vec<String> =
            candidates.iter().map(|c| format!("{} ({})", c.status.as_str(), one(&c.commits))).collect();
        all.sort_unstable();
        let Some(counts) = case.candidates.get(winner) else { return };
        let Some(at) = self.decided_by(&counts.commits) else { return };
        let said = all.join(" and ");
        let message = format!(
            "attempt {} of {} is {said}, and neither comes after the other: {} counts",
            case.number,
            case.spec,
            h.oid(at).short()
        );
        self.say(at, message);
    }

    fn say(&mut self, at: u32, message: String) {
        let spec = Some(self.case.spec.clone());
        self.said.push(Anomaly { spec, commit: Some(self.h.oid(at)), message });
    }
}

impl Ledger {
    /// Whether the current completed attempt of a spec is in what `base` descends from, by ancestry, by a landing or by
    /// its patch, and was not taken back there. A dependency counts only where this holds of the dependent's base.
    pub fn in_base(&self, h: &History, spec: &crate::spec::Qualified, base: super::Oid) -> bool {
        self.evidence.in_base(h, spec, base)
    }
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "fold_laws.rs"]
pub(super) mod laws;
