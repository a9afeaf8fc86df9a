//! What waits for a person, in words (DESIGN.md, section 4, "What people see").
use std::collections::HashMap;

use crate::ledger::{Approval, In, State};
use crate::spec::Qualified;
use crate::spec::set::Problem;

use super::board::Plan;
use super::own::{self, Own};
use super::reason;
use super::status::{BlockKind, Status};

/// What is gathered once for all rows.
pub(super) struct Attention<'a> {
    anomalies: HashMap<&'a Qualified, Vec<&'a str>>,
    failed: Vec<Few>,
    conflicting: Vec<Few>,
}

/// A few of many numbers of specs, and how many there are.
#[derive(Clone, Default)]
struct Few {
    first: Vec<usize>,
    all: usize,
}

impl Few {
    /// As many as are ever named, and one to tell whether there are more.
    const KEPT: usize = 4;

    fn add(&mut self, i: usize) {
        self.all += 1;
        if self.first.len() < Self::KEPT {
            self.first.push(i);
        }
    }

    fn take_in(&mut self, other: &Self) {
        self.all += other.all;
        let room = Self::KEPT.saturating_sub(self.first.len());
        self.first.extend(other.first.iter().take(room));
    }

    fn names(&self, plan: &Plan) -> String {
        let names: Vec<String> = self.first.iter().map(|&i| plan.graph.id(i).to_string()).collect();
        reason::list(&names, self.all)
    }
}

impl<'a> Attention<'a> {
    pub fn new(plan: &Plan<'a>) -> Self {
        let mut anomalies: HashMap<&Qualified, Vec<&str>> = HashMap::new();
        for anomaly in &plan.input.ledger.anomalies {
            if let Some(spec) = &anomaly.spec {
                anomalies.entry(spec).or_default().push(&anomaly.message);
            }
        }
        let failed = inner(plan, |i| plan.status[i] == Status::Failed);
        let conflicting = inner(plan, |i| conflict(plan, i).is_some());
        Self { anomalies, failed, conflicting }
    }

    /// Everything about one spec that waits for a person; `None` where nothing does.
    pub fn of(&self, plan: &Plan, i: usize) -> Option<String> {
        let mut said: Vec<String> = Vec::new();
        said.extend(conflict(plan, i).map(ToOwned::to_owned));
        if plan.status[i] != Status::Cancelled {
            said.extend(self.of_members(plan, i));
        }
        said.extend(in_hand(plan, i));
        said.extend(unreviewed(plan, i));
        said.extend(sent_back(plan, i));
        said.extend(moved_on(plan, i).or_else(|| requested(plan, i)).or_else(|| not_landed(plan, i)));
        said.extend(landed_elsewhere(plan, i));
        said.extend(reverted(plan, i));
        said.extend(uncommitted(plan, i));
        if !self.anomalies.is_empty() {
            for id in own::names(plan.input.set, plan.specs[i]) {
                let name = own::qualified(plan.input.project, id);
                said.extend(self.anomalies.get(&name).into_iter().flatten().map(|&text| text.to_owned()));
            }
        }
        match said.len() {
            0 | 1 => said.pop(),
            _ => {
                let mut each: Vec<&str> = Vec::new();
                for text in &said {
                    if !each.contains(&text.as_str()) {
                        each.push(text);
                    }
                }
                Some(each.join("; "))
            }
        }
    }

    fn of_members(&self, plan: &Plan, i: usize) -> Vec<String> {
        let mut said = Vec::new();
        match (&self.failed[i], plan.graph.id(i)) {
            (failed, _) if failed.all == 0 => {}
            (failed, id) => said.push(match failed.first[..] {
                [one] => format!("{}{}", failed.names(plan), why_failed(&plan.own[one])),
                _ => format!("{} failed: `chant work {id}` tries them again", failed.names(plan)),
            }),
        }
        if self.conflicting[i].all > 0 {
            let verb = if self.conflicting[i].all == 1 { "conflicts" } else { "conflict" };
            said.push(format!("{} {verb} with what has landed", self.conflicting[i].names(plan)));
        }
        said.extend(latecomers(plan, i));
        said.extend(unfinished(plan, i));
        said.extend(lost_members(plan, i));
        said.extend(
            plan.never_completes(i).map(|way| format!("it can never complete, for it waits for itself: {way}")),
        );
        said
    }
}

/// For each driver, those under it, at any depth, of which something holds.
fn inner(plan: &Plan, holds: impl Fn(usize) -> bool) -> Vec<Few> {
    let mut under: Vec<Few> = vec![Few::default(); plan.graph.len()];
    for i in plan.graph.inside_out() {
        let mut mine = Few::default();
        for m in plan.graph.members(i) {
            if holds(m) {
                mine.add(m);
            }
            mine.take_in(&under[m]);
        }
        under[i] = mine;
    }
    under
}

fn conflict<'p>(plan: &'p Plan, i: usize) -> Option<&'p String> {
    if plan.status[i].is_settled() {
        return None;
    }
    own::names(plan.input.set, plan.specs[i]).find_map(|id| plan.input.live.conflicts.get(id))
}

fn why_failed(own: &Own) -> String {
    own.reason().map_or_else(|| " failed".to_owned(), |reason| format!(" failed: {reason}"))
}

/// Members that a landed driver landed without: they were added, or begun again, after it.
fn latecomers(plan: &Plan, i: usize) -> Option<String> {
    if plan.status[i] != Status::Completed {
        return None;
    }
    let mut late = Few::default();
    let unfinished = |m: &usize| !plan.status[*m].is_settled() && plan.status[*m] != Status::Failed;
    plan.graph.members(i).filter(unfinished).for_each(|m| late.add(m));
    (late.all > 0).then(|| {
        let verb = if late.all == 1 { "is" } else { "are" };
        let id = plan.graph.id(i);
        let unapproved = plan.blockers[i].iter().any(|blocker| blocker.what == BlockKind::Approval);
        let first = if unapproved { format!("`chant approve {id}`, then ") } else { String::new() };
        format!("{} {verb} not in what has landed: {first}`chant work {id}` goes on with it", late.names(plan))
    })
}

/// A person works on it: whose turn it is, and what ends it.
fn in_hand(plan: &Plan, i: usize) -> Option<String> {
    let id = plan.graph.id(i);
    if plan.graph.members(i).next().is_some() {
        return None;
    }
    let (start, here) = own::in_hand(&plan.input, &plan.own[i])?;
    let from = start.block.from.as_ref().map(|from| format!(", handed over from {from}")).unwrap_or_default();
    let who = start.block.person.as_ref().unwrap_or(&start.author);
    Some(match here {
        true => format!("{who} has it in hand{from}: `chant work {id} --finish` proves and lands it"),
        false => format!("{who} has it in hand in another clone{from}"),
    })
}

/// What was done waits for the word of a person, or of more of them.
fn unreviewed(plan: &Plan, i: usize) -> Option<String> {
    if plan.status[i] != Status::InReview {
        return None;
    }
    let words = plan.words(i);
    if words.suffice() || !(plan.wants_review(i) || words.rejected.is_some()) {
        return None;
    }
    let id = plan.graph.id(i);
    let mut text = format!("waits for a review, {}: `chant diff {id}`, then `chant approve {id}`", words.state());
    for void in &words.void {
        text.push_str(&format!("; {void}"));
    }
    Some(text)
}

/// A reviewer sent the last attempt back, and nobody has begun the next one.
fn sent_back(plan: &Plan, i: usize) -> Option<String> {
    let record = plan.own[i].record.filter(|record| record.state == State::Reset)?;
    let word = record.entries.iter().find(|entry| Some(entry.commit) == record.decided_by)?;
    word.block.approval.filter(|approval| *approval == Approval::Rejected)?;
    let why = word.block.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    Some(format!("sent back by {}{why}", word.author))
}

/// Commits came after the completion: they void it until it is proven again.
fn moved_on(plan: &Plan, i: usize) -> Option<String> {
    plan.moved_on(i).then(|| {
        let id = plan.graph.id(i);
        format!("its branch has commits after it was completed: `chant work {id}` proves and lands it as it is now")
    })
}

/// A pull request for it waits on the forge, or somebody there has said something.
fn requested(plan: &Plan, i: usize) -> Option<String> {
    let waits = plan.status[i] == Status::InReview;
    plan.input.live.pulls.get(plan.graph.id(i)).filter(|_| waits).cloned()
}

/// Completed, and still not landed: something of the user's is in the way, or the landing was cut short; or nothing is
/// heard of a request for it.
fn not_landed(plan: &Plan, i: usize) -> Option<String> {
    let id = plan.graph.id(i);
    let deciding = plan.input.live.deciding.get(id).filter(|_| !plan.words(i).suffice());
    plan.may_land(i).then(|| match (deciding, plan.input.by_request) {
        (Some(paths), _) => format!(
            "it is completed and changes {}, which decides what counts: `chant diff {id}`, then `chant approve {id}`",
            reason::list(&paths.iter().take(Few::KEPT).cloned().collect::<Vec<_>>(), paths.len())
        ),
        (None, true) => format!("it is completed, and a merge of the request for it lands it: `chant pr {id}` asks"),
        (None, false) => {
            format!("it is completed and not landed: `chant work {id}` lands it, or says what is in its way")
        }
    })
}

/// Every member has landed, and nobody is at work to prove and land the whole.
fn unfinished(plan: &Plan, i: usize) -> Option<String> {
    let id = plan.graph.id(i);
    let mut members = plan.graph.members(i).peekable();
    let idle = plan.status[i] == Status::InProgress && !plan.input.live.locked.contains(id);
    let all_landed = members.peek().is_some() && members.all(|m| plan.status[m].is_settled());
    (idle && all_landed).then(|| format!("all its members have landed: `chant work {id}` completes it"))
}

/// Names under `members:` that find no spec: the driver would complete without them.
fn lost_members(plan: &Plan, i: usize) -> Vec<String> {
    let problems = plan.input.set.problems(plan.graph.id(i)).iter().filter_map(|problem| match problem {
        Problem::Unresolved { key: "members", why, .. } => Some(format!("of its members, {why}")),
        _ => None,
    });
    problems.collect()
}

/// A dependency that landed on a branch which no driver will bring here.
fn landed_elsewhere(plan: &Plan, i: usize) -> Vec<String> {
    let elsewhere = |id: &_| {
        let own = &plan.own[plan.graph.number(id)?];
        match &own.record?.in_target {
            In::Yes(landed) => Some(Qualified::from_branch(&landed.target).is_none()),
            _ => None,
        }
    };
    let blockers = plan.blockers[i].iter().filter(|b| match &b.what {
        BlockKind::Spec(id) => elsewhere(id) == Some(true),
        _ => false,
    });
    blockers.map(|b| b.reason.clone()).collect()
}

/// A landing taken back; where that took the driver back too, it is said there.
fn reverted(plan: &Plan, i: usize) -> Option<String> {
    let revert = plan.own[i].reverted()?;
    if plan.graph.driver(i).is_some_and(|driver| plan.own[driver].reverted() == Some(revert)) {
        return None;
    }
    let id = plan.graph.id(i);
    Some(format!("its landing was reverted by {}: `chant work {id}` makes the next attempt", revert.short()))
}

fn uncommitted(plan: &Plan, i: usize) -> Option<String> {
    let spec = plan.specs[i];
    let waits = !plan.status[i].is_settled() && plan.input.live.uncommitted.contains(&spec.id);
    waits.then(|| {
        let file = &spec.source.name;
        format!("its file is not committed as it stands: `git add {file} && git commit`")
    })
}
