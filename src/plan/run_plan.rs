//! What a run consists of, before anything has happened in it.
use std::collections::HashMap;

use crate::spec::{Set, Spec, SpecId};

use super::board::Board;
use super::effort;
use super::graph::Graph;
use super::reason;
use super::status::{BlockKind, Blocker, Row, Status};

/// How far a part of the run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Waiting,
    Queued,
    Running,
    Over,
}

/// One spec of a run.
#[derive(Debug)]
pub(super) struct Node {
    pub id: SpecId,
    pub phase: Phase,
    /// Whether its end is to be told: it was asked for, by name or as a member.
    pub asked: bool,
    pub is_driver: bool,
    /// Its driver, where that is part of the run.
    pub driver: Option<usize>,
    /// Landings, or a driver's beginning, still waited for.
    pub waits: usize,
    /// Members in this run that are not over.
    pub members_left: usize,
    /// Members that did not land, in words: the first few, and how many.
    pub astray: Vec<String>,
    pub astray_all: usize,
    /// Why it will never start.
    pub blocked: Option<String>,
    /// Who waits until this one has landed.
    pub after_landing: Vec<usize>,
    /// Members that wait until this driver may begin.
    pub after_beginning: Vec<usize>,
    /// Who waits until this one has come to its end, whichever.
    pub after_end: Vec<usize>,
    /// Whether it is a driver that has begun before this run.
    pub begun: bool,
}

impl Node {
    /// Notes a member that has not landed, and why.
    pub fn stray(&mut self, why: String) {
        self.astray_all += 1;
        if self.astray.len() < 4 {
            self.astray.push(why);
        }
    }
}

/// Makes the parts of a run.
pub(super) struct Planner<'p> {
    graph: Graph,
    /// The row of each spec, where the board has one.
    rows: Vec<Option<&'p Row>>,
    is_driver: Vec<bool>,
    /// For each spec, whether anything under it is neither landed nor cancelled.
    unfinished: Vec<bool>,
    nodes: Vec<Node>,
    node_of: HashMap<usize, usize>,
    /// Wanted ones that are in their target already.
    landed: Vec<usize>,
    refused: Vec<(SpecId, String)>,
}

impl<'p> Planner<'p> {
    pub fn new(board: &'p Board, set: &Set) -> Self {
        let graph = Graph::new(set);
        let rows = (0..graph.len()).map(|i| board.row(graph.id(i))).collect();
        let is_driver = (0..graph.len()).map(|i| set.get(graph.id(i)).is_some_and(Spec::is_driver)).collect();
        let unfinished = vec![false; graph.len()];
        let mut planner = Self {
            graph,
            rows,
            is_driver,
            unfinished,
            nodes: Vec::new(),
            node_of: HashMap::new(),
            landed: Vec::new(),
            refused: Vec::new(),
        };
        for i in planner.graph.inside_out() {
            planner.unfinished[i] = planner.graph.members(i).any(|m| !planner.is_settled(m));
        }
        planner
    }

    /// The parts in natural order, and what cannot be part of any run.
    pub fn plan(mut self, wanted: &[SpecId]) -> (Vec<Node>, Vec<(SpecId, String)>) {
        for id in wanted {
            match self.graph.number(id) {
                Some(i) => self.want(i),
                None => self.refused.push((id.clone(), format!("there is no spec {id}"))),
            }
        }
        self.add_drivers();
        self.sort();
        let numbers: Vec<(usize, usize)> = self.node_of.iter().map(|(&i, &n)| (i, n)).collect();
        for &(i, n) in &numbers {
            self.hang(i, n);
            self.wait(i, n);
        }
        self.refused.sort();
        self.refused.dedup();
        (self.nodes, self.refused)
    }

    fn status(&self, i: usize) -> Status {
        self.rows[i].map_or(Status::Unknown, |row| row.status)
    }

    /// Nothing is left to do about it.
    fn is_settled(&self, i: usize) -> bool {
        match self.status(i) {
            Status::Cancelled => true,
            Status::Completed => !self.unfinished[i],
            _ => false,
        }
    }

    fn want(&mut self, i: usize) {
        if self.status(i) == Status::Cancelled {
            let id = self.graph.id(i).clone();
            let why = format!("it was cancelled: `chant reset {id}` makes it ready again");
            self.refused.push((id, why));
            return;
        }
        if self.is_settled(i) {
            self.landed.push(i);
            return;
        }
        let mut todo = vec![i];
        while let Some(i) = todo.pop() {
            if !self.node_of.contains_key(&i) {
                self.add(i, true);
                todo.extend(self.graph.members(i).filter(|&m| !self.is_settled(m)));
            }
        }
    }

    fn add(&mut self, i: usize, asked: bool) {
        let id = self.graph.id(i).clone();
        let hidden = (self.status(i) == Status::Unknown).then(|| reason::hidden(&id));
        self.node_of.insert(i, self.nodes.len());
        self.nodes.push(Node {
            id,
            phase: Phase::Waiting,
            asked,
            is_driver: self.is_driver[i],
            driver: None,
            waits: 0,
            members_left: 0,
            astray: Vec::new(),
            astray_all: 0,
            blocked: hidden,
            after_landing: Vec::new(),
            after_beginning: Vec::new(),
            after_end: Vec::new(),
            begun: self.is_driver[i] && self.status(i) == Status::InProgress,
        });
    }

    /// Whoever lands the last member completes the driver, though nobody asked for it by name.
    fn add_drivers(&mut self) {
        let begun = |i: &usize| {
            let driver = self.graph.driver(*i);
            driver.is_some_and(|driver| self.status(driver) == Status::InProgress)
        };
        let landed: Vec<usize> = self.landed.iter().copied().filter(begun).collect();
        let parts: Vec<usize> = self.node_of.keys().copied().chain(landed).collect();
        for i in parts {
            let mut at = i;
            while let Some(driver) = self.graph.driver(at) {
                if self.node_of.contains_key(&driver) || self.status(driver) == Status::Cancelled {
                    break;
                }
                self.add(driver, false);
                at = driver;
            }
        }
    }

    /// Puts the parts into natural order, which is that of the numbers.
    fn sort(&mut self) {
        let mut numbers: Vec<(usize, usize)> = self.node_of.drain().collect();
        numbers.sort_unstable();
        let mut nodes: Vec<Option<Node>> = std::mem::take(&mut self.nodes).into_iter().map(Some).collect();
        for (i, old) in numbers {
            if let Some(node) = nodes[old].take() {
                self.node_of.insert(i, self.nodes.len());
                self.nodes.push(node);
            }
        }
    }

    /// Ties a part to its driver, and counts what is missing of its members.
    fn hang(&mut self, i: usize, n: usize) {
        if let Some(&driver) = self.graph.driver(i).and_then(|driver| self.node_of.get(&driver)) {
            self.nodes[n].driver = Some(driver);
            self.nodes[driver].members_left += 1;
        }
        for m in self.graph.members(i) {
            effort::step();
            if !self.node_of.contains_key(&m) && !self.is_settled(m) {
                let status = self.status(m).as_str().replace('_', " ");
                self.nodes[n].stray(format!("{} is {status}", self.graph.id(m)));
            }
        }
    }

    /// Ties a part to what it waits for, or blocks it where that will not come in this run.
    fn wait(&mut self, i: usize, n: usize) {
        let Some(row) = self.rows[i] else { return };
        for blocker in &row.blocked_by {
            effort::step();
            match self.awaited(i, blocker) {
                Some(Awaited::Landing(other)) => {
                    self.nodes[other].after_landing.push(n);
                    self.nodes[n].waits += 1;
                }
                Some(Awaited::Beginning(driver)) => {
                    self.nodes[driver].after_beginning.push(n);
                    self.nodes[n].waits += 1;
                }
                None => {
                    self.nodes[n].blocked.get_or_insert_with(|| blocker.reason.clone());
                }
            }
        }
    }

    /// The part of this run that would take a blocker away; `None` where none does.
    fn awaited(&self, i: usize, blocker: &Blocker) -> Option<Awaited> {
        let BlockKind::Spec(id) = &blocker.what else { return None };
        let awaited = self.graph.number(id)?;
        if self.graph.drivers(i).inspect(|_| effort::step()).any(|driver| driver == awaited) {
            return self.node_of.get(&awaited).copied().map(Awaited::Beginning);
        }
        let comes = self.node_of.contains_key(&awaited) || self.status(awaited) == Status::Completed;
        let (lands, waits) = self.graph.lift(awaited, i);
        let target = |i: usize| self.rows[i].and_then(|row| row.target.as_deref());
        let apart = self.graph.driver(lands).is_none() && target(lands) != target(waits);
        // What stands under a driver that was given up stays there, though the drivers further out land.
        let mut between = self.graph.drivers(awaited).take_while(|&driver| driver != lands);
        let given_up = lands != awaited && between.any(|driver| self.status(driver) == Status::Cancelled);
        if !comes || apart || given_up {
            return None;
        }
        self.node_of.get(&lands).copied().map(Awaited::Landing)
    }
}

enum Awaited {
    Landing(usize),
    Beginning(usize),
}
