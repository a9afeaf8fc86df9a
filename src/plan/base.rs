//! What an attempt would start from, and whether a dependency is in it.
//!
//! A spec starts from the tip of its target. A member's target is its driver's branch, which first takes in the
//! driver's own target, and so on outwards: what any of them holds is there, unless one of them took it back.
use std::cell::RefCell;
use std::collections::HashMap;

use crate::ledger::{In, Oid, Record, State};
use crate::spec::Qualified;

use super::effort;
use super::graph::Graph;
use super::own::{Own, qualified};
use super::status::Input;

/// One branch that goes into the base of specs.
pub(super) struct Base {
    /// Its short name; `None` for the revision looked from.
    pub name: Option<String>,
    tip: Oid,
    /// Whether its upstream is where it is, so that what counts as landed on it is on its local tip.
    sole: bool,
    /// The base of the driver, which this one takes in.
    outer: Option<usize>,
}

/// The bases of all specs, and answers already given about them.
pub(super) struct Bases<'a> {
    input: Input<'a>,
    all: Vec<Base>,
    /// For each spec the innermost branch that goes into its base.
    of: Vec<usize>,
    /// The same for the members of each spec.
    inside: Vec<usize>,
    asked: RefCell<HashMap<(Oid, Oid), bool>>,
}

impl<'a> Bases<'a> {
    pub fn new(input: &Input<'a>, graph: &Graph) -> Self {
        let none = vec![0; graph.len()];
        let mut bases =
            Self { input: *input, all: Vec::new(), of: none.clone(), inside: none, asked: RefCell::default() };
        let mut by_name = HashMap::new();
        for i in graph.inside_out().into_iter().rev() {
            bases.of[i] = match graph.driver(i) {
                Some(driver) => bases.inside[driver],
                None => bases.outermost(graph, i, &mut by_name),
            };
            bases.inside[i] = bases.branch_of_driver(graph, i).unwrap_or(bases.of[i]);
        }
        bases
    }

    /// The base of a spec without a driver: the target it names, or the one that goes without saying.
    fn outermost(&mut self, graph: &Graph, i: usize, by_name: &mut HashMap<Option<String>, usize>) -> usize {
        let target = self.input.set.get(graph.id(i)).and_then(|s| s.target.as_deref()).or(self.input.default_target);
        let name = target.map(ToOwned::to_owned);
        if let Some(&known) = by_name.get(&name) {
            return known;
        }
        let base = self.branch(target, None).unwrap_or(Base {
            name: name.clone(),
            tip: self.input.view.from,
            sole: true,
            outer: None,
        });
        self.all.push(base);
        by_name.insert(name, self.all.len() - 1);
        self.all.len() - 1
    }

    /// The driver's own branch, where it exists: the base of its members, before all that is outside.
    fn branch_of_driver(&mut self, graph: &Graph, i: usize) -> Option<usize> {
        graph.members(i).next()?;
        let name = qualified(self.input.project, graph.id(i)).branch();
        let base = self.input.branches.contains(&name).then(|| self.branch(Some(&name), Some(self.of[i])))??;
        self.all.push(base);
        Some(self.all.len() - 1)
    }

    fn branch(&self, name: Option<&str>, outer: Option<usize>) -> Option<Base> {
        let tips = self.input.view.branches.get(name?)?;
        let tip = *tips.first()?;
        Some(Base { name: name.map(ToOwned::to_owned), tip, sole: tips.iter().all(|t| *t == tip), outer })
    }

    /// What an attempt at spec `i` starts from.
    pub fn of(&self, i: usize) -> At<'_> {
        At(self.of[i], &self.all)
    }

    /// What attempts at the members of spec `i` start from.
    pub fn inside(&self, i: usize) -> At<'_> {
        At(self.inside[i], &self.all)
    }

    /// Whether what a dependency's current attempt completed is in a base.
    pub fn has(&self, at: At, dependency: &Own) -> bool {
        let Some(record) = dependency.record.filter(|r| r.state == State::Completed) else { return false };
        let Some(completed) = record.decided_by else { return false };
        effort::step();
        if landed_here(at, record) {
            return true;
        }
        let (holding, others): (Vec<_>, Vec<_>) =
            at.chain().partition(|base| self.holds(base, &dependency.name, completed));
        // A branch that holds the completing event and yet not what was completed has reverted it, and taking that
        // branch in reverts it here as well.
        !holding.is_empty() && !others.iter().any(|base| self.input.history.is_ancestor(completed, base.tip))
    }

    fn holds(&self, base: &Base, name: &Qualified, completed: Oid) -> bool {
        let known = self.asked.borrow().get(&(completed, base.tip)).copied();
        known.unwrap_or_else(|| {
            let answer = self.input.ledger.in_base(self.input.history, name, base.tip);
            self.asked.borrow_mut().insert((completed, base.tip), answer);
            answer
        })
    }
}

/// The usual case, answered by the ledger already: it landed on one of these very branches.
fn landed_here(at: At, record: &Record) -> bool {
    let In::Yes(landed) = &record.in_target else { return false };
    at.chain().inspect(|_| effort::step()).any(|base| base.sole && base.name.as_ref() == Some(&landed.target))
}

/// One base: a branch, and the ones that it takes in.
#[derive(Clone, Copy)]
pub(super) struct At<'b>(usize, &'b [Base]);

impl<'b> At<'b> {
    fn chain(self) -> impl Iterator<Item = &'b Base> {
        std::iter::successors(self.1.get(self.0), move |base| base.outer.and_then(|outer| self.1.get(outer)))
    }

    /// The name that people know it by.
    pub fn name(self) -> &'b str {
        self.chain().next().and_then(|base| base.name.as_deref()).unwrap_or("HEAD")
    }
}
