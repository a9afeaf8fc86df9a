//! The board: one row a spec, thought out from the specs, the ledger and what this machine knows.
//!
//! In this order: what each spec's own events say · drivers, from the inside out · what is lacking in whose base · the
//! ways round · and only then the words, for a reason may name a status.
use std::collections::HashSet;

use crate::ledger::{In, Oid, State};
use crate::spec::{Qualified, Spec, SpecId};

use super::attention::Attention;
use super::base::Bases;
use super::graph::{Graph, Knots};
use super::own::{self, Own};
use super::status::{BlockKind, Blocker, Input, Review, ReviewOf, Row, Status};
use super::waits::{Lacking, Wait};

/// Every spec of a project, and where it stands.
#[derive(Debug, Clone, Default)]
pub struct Board {
    /// One a spec, in natural order of the ids.
    pub rows: Vec<Row>,
    /// Events whose spec is gone.
    pub orphans: Vec<Orphan>,
    /// Those that are completed on their branch, and of which nothing is known that would keep them from landing.
    pub to_land: Vec<SpecId>,
    /// Those whose next attempt a person lets begin or not, whether or not one has said so already.
    pub to_approve: Vec<SpecId>,
}

/// Events under a name that no spec bears, nor bore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// The name in the events.
    pub name: Qualified,
    /// Its highest attempt.
    pub attempt: u32,
    /// How many events there are.
    pub events: usize,
    /// The one that decides where it stood.
    pub commit: Option<Oid>,
}

impl Board {
    /// The row of one spec.
    pub fn row(&self, id: &SpecId) -> Option<&Row> {
        self.rows.binary_search_by(|row| row.id.cmp(id)).ok().map(|at| &self.rows[at])
    }

    /// The status of one spec; `Unknown` where there is no such spec.
    pub fn status(&self, id: &SpecId) -> Status {
        self.row(id).map_or(Status::Unknown, |row| row.status)
    }
}

/// Makes the board. In time linear in the specs and their references, as long as targets are where their upstreams are.
pub fn board(input: &Input) -> Board {
    let plan = Plan::new(input);
    let attention = Attention::new(&plan);
    let rows = (0..plan.graph.len()).map(|i| row(&plan, &attention, i)).collect();
    let those = |are: &dyn Fn(usize) -> bool| {
        (0..plan.graph.len()).filter(|&i| are(i)).map(|i| plan.graph.id(i).clone()).collect()
    };
    let to_land = those(&|i| plan.may_land(i));
    let to_approve = those(&|i| plan.status[i] != Status::InReview && plan.wants_approval(i));
    Board { rows, orphans: orphans(input), to_land, to_approve }
}

fn orphans(input: &Input) -> Vec<Orphan> {
    let known: HashSet<&SpecId, foldhash::fast::RandomState> =
        input.set.iter().flat_map(|spec| own::names(input.set, spec)).collect();
    let gone = input.ledger.of(input.project).filter(|(id, _)| !known.contains(id));
    gone.map(|(id, r)| Orphan {
        name: own::qualified(input.project, id),
        attempt: r.attempt,
        events: r.entries.len(),
        commit: r.decided_by.or_else(|| r.entries.last().map(|e| e.commit)),
    })
    .collect()
}

/// Everything that is known before the words.
pub(super) struct Plan<'a> {
    pub input: Input<'a>,
    pub graph: Graph,
    pub specs: Vec<&'a Spec>,
    pub own: Vec<Own<'a>>,
    pub status: Vec<Status>,
    pub knots: Knots,
    /// For each spec, what an attempt started now would lack.
    pub blockers: Vec<Vec<Blocker>>,
}

impl<'a> Plan<'a> {
    fn new(input: &Input<'a>) -> Self {
        let graph = Graph::new(input.set);
        // In the order of their numbers.
        let specs: Vec<&Spec> = input.set.iter().collect();
        let records = own::records(input);
        let own: Vec<Own> = specs.iter().map(|spec| own::own(input, &records, spec)).collect();
        let status = of_drivers(&graph, &specs, &own);
        let bases = Bases::new(input, &graph);
        let lacking = Lacking::new(&graph, &own, &status, &bases);
        let knots = graph.knots(|i, d| lacking.edges.contains(&(i, d)));
        let mut plan = Self { input: *input, graph, specs, own, status, knots, blockers: Vec::new() };
        let waits = plan.waits(&lacking);
        for (i, waits) in waits.iter().enumerate() {
            // Members that were begun, or have landed, do not begin a driver that a person has yet to let begin.
            let unapproved = || plan.own[i].status == Status::Ready && waits.iter().any(Wait::is_approval);
            match plan.status[i] {
                Status::Ready if !waits.is_empty() => plan.status[i] = Status::Blocked,
                Status::InProgress if unapproved() => plan.status[i] = Status::Blocked,
                _ => {}
            }
        }
        plan.blockers = plan.in_words(&waits, &bases);
        plan
    }

    /// Whether a spec is completed on its branch, and neither a person nor a conflict is known to keep it there: somebody
    /// else's file was in its way, or a landing was cut short.
    pub fn may_land(&self, i: usize) -> bool {
        let id = self.graph.id(i);
        let held = || self.input.live.locked.contains(id);
        let conflicts =
            || own::names(self.input.set, self.specs[i]).any(|id| self.input.live.conflicts.contains_key(id));
        let words = || self.words(i);
        let accepted = || {
            let words = words();
            words.rejected.is_none() && (words.suffice() || !self.wants_review(i))
        };
        self.status[i] == Status::InReview && !held() && !conflicts() && accepted()
    }

    /// A way round in words; of a long one the beginning and the end.
    pub fn way(&self, way: &[usize]) -> String {
        const SHOWN: usize = 12;
        let mut words: Vec<&str> = way.iter().take(SHOWN).map(|&i| self.graph.id(i).as_str()).collect();
        if way.len() > SHOWN {
            words.push("…");
            words.extend(way.last().map(|&i| self.graph.id(i).as_str()));
        }
        words.join(" -> ")
    }

    /// The way round that keeps a driver from completing, though its members may begin.
    pub fn never_completes(&self, i: usize) -> Option<String> {
        let way = self.knots.way(i).filter(|_| self.knots.before_start(i).is_none())?;
        Some(self.way(way))
    }
}

/// The status of every spec before dependencies are looked at: a driver's follows from its members' as well.
fn of_drivers(graph: &Graph, specs: &[&Spec], own: &[Own]) -> Vec<Status> {
    let mut status: Vec<Status> = own.iter().map(|o| o.status).collect();
    let mut begun: Vec<bool> = own.iter().map(Own::began).collect();
    for i in graph.inside_out() {
        if !specs[i].is_driver() {
            continue;
        }
        let branch = own[i].name.branch();
        let works = |m: usize| matches!(status[m], Status::InProgress | Status::Stalled);
        let at_work = graph.members(i).any(works);
        let started = graph.members(i).any(|m| begun[m] && !landed_apart(&own[m], &branch));
        status[i] = match status[i] {
            Status::Ready | Status::Unknown if started => Status::InProgress,
            // Working a member of a driver that has landed, or failed, begins its next attempt.
            Status::Completed | Status::Failed if at_work => Status::InProgress,
            other => other,
        };
        begun[i] = begun[i] || status[i] == Status::InProgress;
    }
    status
}

/// Landed on a branch that is not its driver's: it was done before it became a member.
fn landed_apart(member: &Own, driver_branch: &str) -> bool {
    let through = crate::ledger::How::ThroughDriver;
    member.record.is_some_and(|r| match &r.in_target {
        In::Yes(landed) => r.state == State::Completed && landed.how != through && landed.target != driver_branch,
        _ => false,
    })
}

fn row(plan: &Plan, attention: &Attention, i: usize) -> Row {
    let (spec, own, id) = (plan.specs[i], &plan.own[i], plan.graph.id(i));
    let set = plan.input.set;
    Row {
        id: id.clone(),
        project: plan.input.project.cloned(),
        title: spec.title.clone(),
        kind: spec.kind,
        status: plan.status[i],
        attempt: own.record.filter(|r| r.state != State::New).map(|r| r.attempt),
        branch: branch(plan, i),
        target: target(plan, i),
        driver: set.driver_of(id).cloned(),
        members: set.members_of(id).to_vec(),
        labels: spec.labels.clone(),
        depends_on: set.own_depends_on(id).to_vec(),
        blocked_by: plan.blockers[i].clone(),
        criteria: own::counts(spec, own),
        attention: attention.of(plan, i),
        reason: own.reason(),
        commit: own.decided_by(),
        kpi: spec.kpi.clone(),
        review: review(plan, i),
    }
}

fn review(plan: &Plan, i: usize) -> Option<Review> {
    let wants = plan.status[i] != Status::InReview && plan.wants_approval(i);
    if wants && plan.blockers[i].iter().any(|blocker| blocker.what == BlockKind::Approval) {
        return Some(Review::new(ReviewOf::Plan, plan.words_of_coming(i)));
    }
    if plan.status[i] != Status::InReview {
        return None;
    }
    let words = plan.words(i);
    let spoken = !(words.approved.is_empty() && words.void.is_empty()) || words.rejected.is_some();
    (spoken || plan.wants_review(i)).then(|| Review::new(ReviewOf::Result, words))
}

/// The spec's branch, under its name or a former one, where it exists.
fn branch(plan: &Plan, i: usize) -> Option<String> {
    if plan.input.branches.is_empty() {
        return None;
    }
    let mut names = own::names(plan.input.set, plan.specs[i]).map(|id| own::qualified(plan.input.project, id).branch());
    names.find(|name| plan.input.branches.contains(name))
}

/// Where the current attempt lands or has landed; before one, where the next will.
fn target(plan: &Plan, i: usize) -> Option<String> {
    let own = &plan.own[i];
    if let Some(target) = own.record.filter(|_| !own.awaits_attempt()).and_then(own::recorded_target) {
        return Some(target.to_owned());
    }
    match plan.graph.driver(i) {
        Some(driver) => Some(own::qualified(plan.input.project, plan.graph.id(driver)).branch()),
        None => plan.specs[i].target.clone().or_else(|| plan.input.default_target.map(ToOwned::to_owned)),
    }
}
