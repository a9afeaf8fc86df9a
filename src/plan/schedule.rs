//! What a run of `chant work` does next: a state machine without a clock, a thread or a file.
//!
//! It is told what happened and answers with what to do. It believes the board that it was made with, and after that
//! only what it is told; the attempt itself looks again before it claims anything.
//!
//! Of those that may start, the one that begins the longest chain goes first ([`super::tail`]).
//!
//! The laws, held by the tests: nothing starts before all it depends on has landed where it starts from · never more
//! than `jobs` at once · every wanted spec ends exactly once, and `Done` comes last and once, however the attempts end ·
//! two that are kept apart never run at the same time, and
//! of two drivers that are none begins before the other has come to its end · a failure holds up only what depends on it · a driver is finished only after all its members that were not
//! cancelled have landed.
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use crate::spec::{Set, SpecId};

use super::apart::{Apart, apart, siblings};
use super::board::Board;
use super::effort;
use super::reason;
use super::run_plan::{Node, Phase, Planner};
use super::tail::tails;

/// What the dispatcher tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// What was started or finished has come to its end.
    Ended {
        /// The spec.
        id: SpecId,
        /// How it ended.
        how: Ended,
    },
    /// The person wants the run to end.
    Interrupted,
}

/// How an attempt, or the finishing of a driver, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// In its target.
    Landed,
    /// Completed, and waiting for a person.
    InReview,
    /// A person works on it.
    InHand,
    /// It failed, or was stopped.
    Failed,
    /// It was not begun: somebody else holds it, or it would not have been safe.
    Refused,
}

/// What the dispatcher is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make one attempt at a spec that has no members.
    Start(SpecId),
    /// Prove, complete and land a driver: all its members have landed. Also for a driver that nobody asked for, where
    /// this run landed the last of its members.
    Finish(SpecId),
    /// Stop one that runs.
    Stop(SpecId),
    /// This one will not start in this run; the sentence says why.
    Blocked(SpecId, String),
    /// Nothing more will happen.
    Done,
}

/// Drivers to be finished come first, then what begins the longest chain, then natural order.
type Turn = (bool, Reverse<u32>, usize);

/// One run of `chant work`.
#[derive(Debug)]
pub struct Schedule {
    nodes: Vec<Node>,
    by_id: HashMap<SpecId, usize>,
    /// What may start.
    queue: BTreeSet<Turn>,
    /// The longest chain that begins with each.
    tails: Vec<u32>,
    jobs: usize,
    running: usize,
    open: usize,
    interrupted: bool,
    done: bool,
    actions: Vec<Action>,
    /// Those that never run at the same time as this one.
    apart: HashMap<usize, Vec<usize>>,
}

impl Schedule {
    /// Plans a run over the wanted specs and, of drivers, their members at any depth, less what has landed or was
    /// cancelled. `jobs` below one counts as one.
    ///
    /// A wanted member that has landed already brings its driver with it: where that is begun, not failed, and has
    /// nothing left to wait for, it is finished. (So a run that was killed between the two is taken up again, and a run
    /// that landed a member asks with a fresh board whether it was the last of all, other runs' included.)
    pub fn new(wanted: &[SpecId], board: &Board, set: &Set, jobs: usize) -> Self {
        let mut schedule = Self {
            nodes: Vec::new(),
            by_id: HashMap::new(),
            queue: BTreeSet::new(),
            tails: Vec::new(),
            jobs: jobs.max(1),
            running: 0,
            open: 0,
            interrupted: false,
            done: false,
            actions: Vec::new(),
            apart: HashMap::new(),
        };
        let (nodes, refused) = Planner::new(board, set).plan(wanted);
        schedule.by_id = nodes.iter().enumerate().map(|(n, node)| (node.id.clone(), n)).collect();
        schedule.tails = tails(&nodes);
        schedule.nodes = nodes;
        schedule.actions = refused.into_iter().map(|(id, why)| Action::Blocked(id, why)).collect();
        schedule.open = schedule.nodes.len();
        (0..schedule.nodes.len()).for_each(|n| schedule.look_at(n));
        schedule
    }

    /// Has pairs of specs run one after the other, in natural order where both could; however the first ends. Of two that
    /// stand under different drivers it is these that do so, whole ([`super::apart`]). Pairs of which one is no part of the
    /// run are passed over. To be called before the first step.
    #[must_use]
    pub fn keep_apart<'a>(mut self, pairs: impl IntoIterator<Item = (&'a SpecId, &'a SpecId)>) -> Self {
        let mut seen = BTreeSet::new();
        for (one, other) in pairs {
            let (Some(&one), Some(&other)) = (self.by_id.get(one), self.by_id.get(other)) else { continue };
            let two = siblings(&self.nodes, one, other);
            if !seen.insert((two.0.min(two.1), two.0.max(two.1))) {
                continue;
            }
            match apart(&self.nodes, two) {
                Some(Apart::Never(one, other)) => {
                    self.apart.entry(one).or_default().push(other);
                    self.apart.entry(other).or_default().push(one);
                }
                Some(Apart::After { first, parts }) => parts.into_iter().for_each(|later| self.hold(first, later)),
                None => {}
            }
        }
        self.tails = tails(&self.nodes);
        let queued = (0..self.nodes.len()).filter(|n| self.nodes[*n].phase == Phase::Queued);
        self.queue = queued.map(|n| self.turn(n)).collect();
        self
    }

    /// Has a part wait until another has come to its end.
    fn hold(&mut self, first: usize, later: usize) {
        self.nodes[first].after_end.push(later);
        self.nodes[later].waits += 1;
        self.nodes[later].phase = Phase::Waiting;
    }

    fn turn(&self, n: usize) -> Turn {
        (!self.nodes[n].is_driver, Reverse(self.tails[n]), n)
    }

    /// The first in the queue that may run beside those that do.
    fn next(&self) -> Option<Turn> {
        let runs = |n: &usize| self.nodes[*n].phase == Phase::Running;
        let free = |n: &usize| self.apart.get(n).is_none_or(|others| !others.iter().any(runs));
        self.queue.iter().copied().find(|(_, _, n)| free(n))
    }

    /// Takes in what happened and tells what to do now. Call it once with `None` to begin.
    pub fn step(&mut self, happened: Option<Happened>) -> Vec<Action> {
        match happened {
            Some(Happened::Ended { id, how }) => self.ended(&id, how),
            Some(Happened::Interrupted) => self.interrupt(),
            None => {}
        }
        self.fill();
        if self.running == 0 && self.queue.is_empty() && self.open > 0 {
            self.give_up("it waits for what will not happen in this run");
        }
        if self.open == 0 && !self.done {
            self.done = true;
            self.actions.push(Action::Done);
        }
        std::mem::take(&mut self.actions)
    }

    fn fill(&mut self) {
        while self.running < self.jobs
            && let Some(next @ (_, _, n)) = self.next()
        {
            self.queue.remove(&next);
            let node = &mut self.nodes[n];
            node.phase = Phase::Running;
            self.running += 1;
            let id = node.id.clone();
            self.actions.push(if node.is_driver { Action::Finish(id) } else { Action::Start(id) });
        }
    }

    fn ended(&mut self, id: &SpecId, how: Ended) {
        let Some(&n) = self.by_id.get(id) else { return };
        if self.nodes[n].phase != Phase::Running {
            return;
        }
        self.running -= 1;
        let astray = match how {
            Ended::Landed => None,
            Ended::InReview => Some("is in review"),
            Ended::InHand => Some("is in a person's hands"),
            Ended::Failed => Some("has failed"),
            Ended::Refused => Some("was refused"),
        };
        self.over(n, astray.map(|how| format!("{id} {how}")));
    }

    fn interrupt(&mut self) {
        self.interrupted = true;
        let running = self.nodes.iter().filter(|node| node.phase == Phase::Running);
        self.actions.extend(running.map(|node| Action::Stop(node.id.clone())));
        self.give_up("the run was interrupted before it began");
    }

    /// Ends all that has not begun.
    fn give_up(&mut self, why: &str) {
        self.queue.clear();
        for n in 0..self.nodes.len() {
            if matches!(self.nodes[n].phase, Phase::Waiting | Phase::Queued) {
                self.nodes[n].phase = Phase::Over;
                self.open -= 1;
                self.tell_blocked(n, why.to_owned());
            }
        }
    }

    fn tell_blocked(&mut self, n: usize, why: String) {
        if self.nodes[n].asked {
            self.actions.push(Action::Blocked(self.nodes[n].id.clone(), why));
        }
    }

    /// A node has come to its end: landed, or astray for a reason. Carries that to all whom it concerns, without
    /// recursion: chains are long.
    fn over(&mut self, n: usize, astray: Option<String>) {
        let mut todo = vec![(n, astray)];
        while let Some((n, astray)) = todo.pop() {
            effort::step();
            self.nodes[n].phase = Phase::Over;
            self.open -= 1;
            let mut touched = std::mem::take(&mut self.nodes[n].after_landing);
            for &later in &touched {
                effort::step();
                match &astray {
                    None => self.nodes[later].waits -= 1,
                    Some(why) => self.block(later, why.clone()),
                }
            }
            for later in std::mem::take(&mut self.nodes[n].after_end) {
                effort::step();
                self.nodes[later].waits -= 1;
                touched.push(later);
            }
            if let Some(driver) = self.nodes[n].driver {
                self.nodes[driver].members_left -= 1;
                if let Some(why) = astray {
                    self.nodes[driver].stray(why);
                }
                touched.push(driver);
            }
            for later in touched {
                todo.extend(self.settle(later));
            }
        }
    }

    fn block(&mut self, n: usize, why: String) {
        let node = &mut self.nodes[n];
        if node.phase == Phase::Waiting && node.blocked.is_none() {
            node.blocked = Some(why);
        }
    }

    fn look_at(&mut self, n: usize) {
        for (n, astray) in self.settle(n) {
            self.over(n, astray);
        }
    }

    /// Looks whether a waiting node may go on: queues it, or tells that it is over.
    fn settle(&mut self, n: usize) -> Vec<(usize, Option<String>)> {
        let mut over = Vec::new();
        let mut todo = vec![n];
        while let Some(n) = todo.pop() {
            effort::step();
            if self.nodes[n].phase != Phase::Waiting {
                continue;
            }
            todo.extend(self.begin_members(n));
            let node = &self.nodes[n];
            let node_is_open = node.is_driver && node.members_left > 0;
            if node_is_open {
                continue;
            }
            match self.verdict(n) {
                Some(why) => {
                    self.nodes[n].phase = Phase::Over;
                    let (id, is_driver) = (&self.nodes[n].id, self.nodes[n].is_driver);
                    let how = if is_driver { "will not land in this run" } else { "is blocked" };
                    over.push((n, Some(format!("{id} {how}"))));
                    self.tell_blocked(n, why);
                }
                None if self.nodes[n].waits == 0 && !self.interrupted => {
                    self.nodes[n].phase = Phase::Queued;
                    self.queue.insert(self.turn(n));
                }
                None => {}
            }
        }
        over
    }

    /// Why a node can neither start nor finish any more.
    fn verdict(&self, n: usize) -> Option<String> {
        let node = &self.nodes[n];
        let astray = || (node.astray_all > 0).then(|| reason::list(&node.astray, node.astray_all));
        node.blocked.clone().or_else(astray)
    }

    /// Members that wait for their driver's beginning wait no more, or in vain.
    fn begin_members(&mut self, n: usize) -> Vec<usize> {
        let node = &mut self.nodes[n];
        if node.waits > 0 && node.blocked.is_none() {
            return Vec::new();
        }
        let members = std::mem::take(&mut node.after_beginning);
        let blocked = node.blocked.clone();
        for &member in &members {
            match &blocked {
                Some(why) => self.block(member, why.clone()),
                None => self.nodes[member].waits -= 1,
            }
        }
        members
    }
}
