//! What each spec waits for, and how that is said.
use std::collections::{BTreeSet, HashSet};

use crate::ledger::Oid;
use crate::spec::set::Problem;

use super::base::Bases;
use super::board::Plan;
use super::effort;
use super::graph::Graph;
use super::own::Own;
use super::reason;
use super::review::{self, Subject, Words};
use super::status::{BlockKind, Blocker, Status};

/// Above so many, a member's row names its driver for all that it inherits.
const INHERITED: usize = 16;

/// One thing waited for, before it is put into words.
#[derive(Clone)]
pub(super) enum Wait {
    For { dependency: usize, by: usize },
    Driver(usize),
    Approval(String),
    Cycle(String),
    Missing { text: String, why: String, by: usize },
}

impl Wait {
    pub fn is_approval(&self) -> bool {
        matches!(self, Self::Approval(_))
    }
}

/// Whether the same dependency is waited for already, on somebody else's behalf.
fn already(waits: &[Wait], wait: &Wait) -> bool {
    let Wait::For { dependency, .. } = wait else { return false };
    waits.iter().any(|w| matches!(w, Wait::For { dependency: d, .. } if d == dependency))
}

/// The dependencies that are not in the base of those who name them.
pub(super) struct Lacking {
    own: Vec<Vec<usize>>,
    /// Of a driver's dependencies, those that its members lack.
    inside: Vec<Vec<usize>>,
    pub edges: HashSet<(usize, usize)>,
}

impl Lacking {
    pub fn new(graph: &Graph, own: &[Own], status_of: &[Status], bases: &Bases) -> Self {
        let none = vec![Vec::new(); graph.len()];
        let mut lacking = Self { own: none.clone(), inside: none, edges: HashSet::new() };
        for (i, status) in status_of.iter().enumerate() {
            // A driver that has landed and is worked again has yet to bring what it now consists of.
            let has = |at, d: usize| {
                effort::step();
                status_of[d] == own[d].status && bases.has(at, &own[d])
            };
            let lacks = |at| graph.needs(i).iter().copied().filter(|&d| !has(at, d)).collect::<Vec<_>>();
            if !status.is_settled() {
                lacking.own[i] = lacks(bases.of(i));
            }
            if graph.members(i).next().is_some() {
                lacking.inside[i] = lacks(bases.inside(i));
            }
            lacking.edges.extend(lacking.own[i].iter().chain(&lacking.inside[i]).map(|&d| (i, d)));
        }
        lacking
    }
}

impl Plan<'_> {
    /// What each spec waits for, if it waits to be worked.
    pub(super) fn waits(&self, lacking: &Lacking) -> Vec<Vec<Wait>> {
        let mut inherited: Vec<Vec<Wait>> = vec![Vec::new(); self.graph.len()];
        let mut waits = vec![Vec::new(); self.graph.len()];
        for i in self.graph.inside_out().into_iter().rev() {
            let from_driver = self.graph.driver(i).map_or(&[][..], |driver| &inherited[driver]);
            if self.graph.members(i).next().is_some() {
                let mine = self.passed_on(i, &lacking.inside[i], from_driver);
                inherited[i] = mine;
            }
            if !self.status[i].is_settled() {
                let from_driver = self.graph.driver(i).map_or(&[][..], |driver| &inherited[driver]);
                waits[i] = self.of_one(i, &lacking.own[i], from_driver);
            } else if self.status[i] == Status::Completed {
                waits[i].extend(self.approval(i));
            }
        }
        waits
    }

    fn of_one(&self, i: usize, lacking: &[usize], inherited: &[Wait]) -> Vec<Wait> {
        let mut waits: Vec<Wait> = lacking.iter().map(|&d| Wait::For { dependency: d, by: i }).collect();
        waits.extend(self.missing(i));
        if let Some(way) = self.knots.before_start(i) {
            waits.push(Wait::Cycle(self.way(way)));
        }
        // What is in review waits for its landing, and whether the next attempt may begin is asked after that.
        waits.extend(self.approval(i).filter(|_| self.status[i] != Status::InReview));
        waits.extend(inherited.iter().filter(|w| !already(&waits, w)).cloned().collect::<Vec<_>>());
        waits
    }

    /// What the members of driver `i` wait for because it does.
    fn passed_on(&self, i: usize, lacking: &[usize], inherited: &[Wait]) -> Vec<Wait> {
        if self.status[i] == Status::Cancelled {
            return vec![Wait::Driver(i)];
        }
        let mut waits: Vec<Wait> = lacking.iter().map(|&d| Wait::For { dependency: d, by: i }).collect();
        waits.extend(self.missing(i));
        waits.extend(self.approval(i));
        waits.extend(inherited.iter().filter(|w| !already(&waits, w)).cloned().collect::<Vec<_>>());
        if waits.len() > INHERITED { vec![Wait::Driver(i)] } else { waits }
    }

    /// A person's word that the next attempt lacks. One that has begun needs no more of them.
    fn approval(&self, i: usize) -> Option<Wait> {
        let attempt = self.own[i].coming_attempt();
        let lacks = || reason::unapproved(self.graph.id(i), attempt, &self.words_of_coming(i));
        self.wants_approval(i).then(lacks)?.map(Wait::Approval)
    }

    /// Whether an attempt is to come that wants a person's word before it begins, given or not. What its members have
    /// come to says nothing of a driver's own attempt; one that is completed makes the next where a member is left.
    pub(super) fn wants_approval(&self, i: usize) -> bool {
        let open = |m: usize| !self.status[m].is_settled();
        self.specs[i].approval
            && match self.own[i].status {
                Status::Ready | Status::Failed => true,
                Status::Completed | Status::InReview => self.graph.members(i).any(open),
                _ => false,
            }
    }

    /// What reviewers have said of the attempt to come.
    pub(super) fn words_of_coming(&self, i: usize) -> Words {
        let subject = Subject::Coming(&self.input.live.outdated);
        review::words(self.own[i].record, self.input.history, self.input.policy, &subject)
    }

    /// What reviewers have said: of what was done where that waits for its landing, else of the attempt to come.
    pub(super) fn words(&self, i: usize) -> Words {
        let nobody = BTreeSet::new();
        let subject = match self.status[i] {
            Status::InReview => {
                let workers = self.input.live.workers.get(self.graph.id(i)).unwrap_or(&nobody);
                Subject::Done { workers, moved: self.moved_on(i) }
            }
            _ => return self.words_of_coming(i),
        };
        review::words(self.own[i].record, self.input.history, self.input.policy, &subject)
    }

    /// Whether commits came after the completion, a person's merge for instance: they void it until it is proven again.
    pub(super) fn moved_on(&self, i: usize) -> bool {
        if self.status[i] != Status::InReview {
            return false;
        }
        let own = &self.own[i];
        let event = own.record.and_then(|record| record.decided_by);
        let tip = self.input.view.branches.get(&own.name.branch()).and_then(|tips| tips.first());
        let history = self.input.history;
        let gone_on =
            |(event, tip): (Oid, &Oid)| history.is_ancestor(event, *tip) && !history.same_content(event, *tip);
        event.zip(tip).is_some_and(gone_on)
    }

    /// Whether a person has to say that what was done may land.
    pub(super) fn wants_review(&self, i: usize) -> bool {
        self.status[i] == Status::InReview && (self.specs[i].review || self.input.review_all)
    }

    /// References of a spec that find no other, or more than one.
    fn missing(&self, i: usize) -> impl Iterator<Item = Wait> {
        self.input.set.problems(self.graph.id(i)).iter().filter_map(move |problem| match problem {
            Problem::Unresolved { key: "depends_on", reference, why } => {
                Some(Wait::Missing { text: reference.text.clone(), why: why.to_string(), by: i })
            }
            _ => None,
        })
    }

    pub(super) fn in_words(&self, waits: &[Vec<Wait>], bases: &Bases) -> Vec<Vec<Blocker>> {
        waits.iter().enumerate().map(|(i, list)| list.iter().map(|w| self.blocker(i, w, bases)).collect()).collect()
    }

    fn blocker(&self, i: usize, wait: &Wait, bases: &Bases) -> Blocker {
        effort::step();
        match wait {
            Wait::For { dependency, by } => {
                let d = *dependency;
                let (id, status) = (self.graph.id(d), self.status[d]);
                let branch = self.own[d].name.branch();
                let reason = reason::absent(id, &self.own[d], status, &branch, bases.of(i).name());
                let what = if status == Status::Unknown { BlockKind::Shallow } else { BlockKind::Spec(id.clone()) };
                Blocker { what, reason: self.inherited(i, *by, reason) }
            }
            Wait::Driver(driver) => {
                let id = self.graph.id(*driver);
                let reason = match self.status[*driver] {
                    Status::Cancelled => format!("its driver {id} was cancelled: `chant reset {id}`"),
                    _ => format!("its driver {id} waits for more than {INHERITED} others"),
                };
                Blocker { what: BlockKind::Spec(id.clone()), reason }
            }
            Wait::Approval(reason) => Blocker { what: BlockKind::Approval, reason: reason.clone() },
            Wait::Cycle(way) => Blocker { what: BlockKind::Cycle, reason: format!("it waits for itself: {way}") },
            Wait::Missing { text, why, by } => {
                let reason = self.inherited(i, *by, why.clone());
                Blocker { what: BlockKind::Missing(text.clone()), reason }
            }
        }
    }

    fn inherited(&self, i: usize, by: usize, reason: String) -> String {
        if i == by { reason } else { format!("{reason} (its driver {} depends on it)", self.graph.id(by)) }
    }
}
