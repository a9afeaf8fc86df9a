//! What a spec's own events say of it, before its members, its driver and its dependencies have a say.
use std::collections::HashMap;

use crate::ledger::{Entry, In, Oid, Record, State, Tally, is_own_run};
use crate::spec::{Project, Qualified, Set, Spec, SpecId};

use super::status::{Counts, Input, Status};

/// The kind of agent that holds no lock while it works: a person.
pub(super) const PERSON: &str = "person";

/// One spec's standing by its own events.
#[derive(Clone)]
pub(super) struct Own<'a> {
    /// Under which name the events stand: the spec's, or one that it bore before.
    pub name: Qualified,
    pub record: Option<&'a Record>,
    pub status: Status,
}

impl<'a> Own<'a> {
    /// Whether an attempt stands that was begun and neither reset nor reverted: what makes a driver `in_progress`.
    pub fn began(&self) -> bool {
        use Status::{Completed, Failed, InProgress, InReview, Stalled};
        matches!(self.status, InProgress | Stalled | InReview | Completed | Failed)
    }

    /// The revert that took the landing back, where that is the last thing that happened.
    pub fn reverted(&self) -> Option<Oid> {
        self.record.filter(|r| r.state == State::Completed && self.status == Status::Ready)?.reverted
    }

    /// The commit that decides the status.
    pub fn decided_by(&self) -> Option<Oid> {
        self.reverted().or_else(|| self.record?.decided_by)
    }

    /// Why it failed or was cancelled.
    pub fn reason(&self) -> Option<String> {
        match &self.record?.state {
            State::Failed { reason } | State::Cancelled { reason } => reason.clone(),
            _ => None,
        }
    }

    /// Whether a new attempt would be the next thing to happen to it.
    pub fn awaits_attempt(&self) -> bool {
        matches!(self.status, Status::Ready | Status::Failed)
    }

    /// The number that the next attempt will bear.
    pub fn coming_attempt(&self) -> u32 {
        self.record.map_or(0, |r| r.highest).saturating_add(1)
    }
}

pub(super) fn qualified(project: Option<&Project>, id: &SpecId) -> Qualified {
    Qualified { project: project.cloned(), id: id.clone() }
}

/// The records of a project's specs, by name: each spec is looked up, and a ledger of thousands is no place to search.
pub(super) type Records<'a> = HashMap<&'a SpecId, &'a Record, foldhash::fast::RandomState>;

/// Those of the project that is looked at.
pub(super) fn records<'a>(input: &Input<'a>) -> Records<'a> {
    input.ledger.of(input.project).collect()
}

/// Reads the ledger for one spec.
pub(super) fn own<'a>(input: &Input<'a>, records: &Records<'a>, spec: &Spec) -> Own<'a> {
    let (name, record) = find(input, records, spec);
    Own { name, record, status: status(input, spec, record) }
}

/// The record under the spec's name or under a former one; where several have events, the highest attempt is current.
fn find<'a>(input: &Input<'a>, records: &Records<'a>, spec: &Spec) -> (Qualified, Option<&'a Record>) {
    let mut best = (&spec.id, None::<&Record>);
    for id in names(input.set, spec) {
        if let Some(record) = records.get(id).copied()
            && best.1.is_none_or(|b| record.attempt > b.attempt)
        {
            best = (id, Some(record));
        }
    }
    (qualified(input.project, best.0), best.1)
}

fn status(input: &Input, spec: &Spec, record: Option<&Record>) -> Status {
    let Some(record) = record else { return unheard_of(input) };
    match &record.state {
        State::New => unheard_of(input),
        State::Reset => Status::Ready,
        State::InProgress if stalled(input, spec, record) => Status::Stalled,
        State::InProgress => Status::InProgress,
        State::Failed { .. } => Status::Failed,
        State::Cancelled { .. } => Status::Cancelled,
        State::Completed => match record.in_target {
            In::Yes(_) => Status::Completed,
            In::Unknown => Status::Unknown,
            In::No if record.reverted.is_some() => Status::Ready,
            In::No => Status::InReview,
        },
    }
}

/// Nothing was begun, as far as can be seen; a shallow clone may hide that it was, and landed.
fn unheard_of(input: &Input) -> Status {
    if input.view.shallow { Status::Unknown } else { Status::Ready }
}

/// Claimed on this machine, and nobody here holds its lock. Drivers and people hold none while work goes on, and of
/// another machine nothing can be told.
fn stalled(input: &Input, spec: &Spec, record: &Record) -> bool {
    let Some(claim) = claim(record).map(|e| &e.block) else { return false };
    let live = input.live;
    let here = claim.run.as_deref().is_some_and(|run| is_own_run(run, &live.host, live.clone_name.as_deref()));
    let held = names(input.set, spec).any(|id| input.live.locked.contains(id));
    here && !held && !spec.is_driver() && claim.agent.as_deref() != Some(PERSON)
}

/// The start of a person who has a spec in hand, and whether that is on this machine.
pub(super) fn in_hand<'r>(input: &Input, own: &'r Own) -> Option<(&'r Entry, bool)> {
    let start = claim(own.record.filter(|_| own.status == Status::InProgress)?)?;
    let live = input.live;
    let here = start.block.run.as_deref().is_some_and(|run| is_own_run(run, &live.host, live.clone_name.as_deref()));
    (start.block.agent.as_deref() == Some(PERSON)).then_some((start, here))
}

/// The branch that the current attempt was started for, or landed on.
pub(super) fn recorded_target(record: &Record) -> Option<&str> {
    let started = claim(record).and_then(|e| e.block.target.as_deref());
    started.or_else(|| record.landing.as_ref().map(|l| l.target.as_str()))
}

fn claim(record: &Record) -> Option<&Entry> {
    record.last_start.as_deref().or(record.start.as_deref())
}

/// The criteria of a spec as its last completion found them. A failed, reset or reverted attempt vouches for nothing.
pub(super) fn counts(spec: &Spec, own: &Own) -> Counts {
    let now = u32::try_from(spec.criteria.len()).unwrap_or(u32::MAX);
    let proven = match own.status {
        Status::InReview | Status::Completed => own.record.and_then(completion),
        _ => None,
    };
    let Some(tally) = proven else { return Counts { total: now, unmet: now, ..Counts::default() } };
    let met = tally.verified.saturating_add(tally.claimed);
    let total = now.max(met.saturating_add(tally.unmet));
    Counts { total, verified: tally.verified, claimed: tally.claimed, unmet: total - met }
}

fn completion(record: &Record) -> Option<Tally> {
    let decided = record.decided_by?;
    record.entries.iter().rev().find(|e| e.commit == decided)?.block.criteria
}

/// The names under which a spec may have events. A former name that another spec bears now is that one's.
pub(super) fn names<'s>(set: &Set, spec: &'s Spec) -> impl Iterator<Item = &'s SpecId> {
    std::iter::once(&spec.id).chain(spec.formerly.iter().filter(|old| set.get(old).is_none()))
}
