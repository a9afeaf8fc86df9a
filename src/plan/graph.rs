//! Who waits for whom: the specs of a project by number, with drivers, members and dependencies.
use crate::spec::{ById, Set, SpecId};

use super::events::{Events, finish, start};
use super::forest::Forest;

/// The specs as numbers, in natural order of their ids.
#[derive(Debug, Clone)]
pub struct Graph {
    ids: Vec<SpecId>,
    index: ById<usize>,
    forest: Forest,
    /// As the specs have it, ways round included.
    members: Vec<Vec<usize>>,
    needs: Vec<Vec<usize>>,
    needed_by: Vec<Vec<usize>>,
}

impl Graph {
    /// Reads the resolved references of a set; in time linear in their number.
    pub fn new(set: &Set) -> Self {
        let ids: Vec<SpecId> = set.ids().cloned().collect();
        let index = set.places().clone();
        let numbers = |list: &[SpecId]| list.iter().filter_map(|id| index.get(id).copied()).collect::<Vec<_>>();
        let members: Vec<_> = ids.iter().map(|id| numbers(set.members_of(id))).collect();
        let needs: Vec<_> = ids.iter().map(|id| numbers(set.own_depends_on(id))).collect();
        let named: Vec<_> = ids.iter().map(|id| set.driver_of(id).and_then(|d| index.get(d)).copied()).collect();
        let mut needed_by = vec![Vec::new(); ids.len()];
        for (i, list) in needs.iter().enumerate() {
            list.iter().for_each(|&d: &usize| needed_by[d].push(i));
        }
        let forest = Forest::new(named);
        Self { ids, index, forest, members, needs, needed_by }
    }

    /// How many specs there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// One way on which a spec waits for itself, or `None`. Each waits for the next; the first is named again at the
    /// end, so that joined by ` -> ` it reads as the way round.
    pub fn cycle(&self) -> Option<Vec<SpecId>> {
        let knots = self.knots(|_, _| true);
        let way = (0..self.len()).find_map(|i| knots.way(i))?;
        Some(way.iter().map(|&i| self.ids[i].clone()).collect())
    }

    /// Every spec after all that must land before it, members before their driver; natural order where there is a
    /// choice. What waits for itself, and what waits for that, comes last.
    pub fn order(&self) -> Vec<SpecId> {
        let order = self.events(|_, _| true).order();
        let mut placed = vec![false; self.len()];
        let mut ids = Vec::with_capacity(self.len());
        for i in order.into_iter().filter(|v| v % 2 == 1).map(|v| v / 2) {
            placed[i] = true;
            ids.push(self.ids[i].clone());
        }
        ids.extend(self.ids.iter().zip(&placed).filter(|(_, placed)| !**placed).map(|(id, _)| id.clone()));
        ids
    }

    /// The specs that name this one in `depends_on`, in natural order.
    pub fn dependents(&self, id: &SpecId) -> impl Iterator<Item = &SpecId> {
        self.number(id).into_iter().flat_map(|i| &self.needed_by[i]).map(|&i| &self.ids[i])
    }

    pub(super) fn number(&self, id: &SpecId) -> Option<usize> {
        self.index.get(id).copied()
    }

    pub(super) fn id(&self, i: usize) -> &SpecId {
        &self.ids[i]
    }

    /// The driver, in a forest that has no way round.
    pub(super) fn driver(&self, i: usize) -> Option<usize> {
        self.forest.driver(i)
    }

    /// The direct members, in a forest that has no way round.
    pub(super) fn members(&self, i: usize) -> impl Iterator<Item = usize> {
        self.members[i].iter().copied().filter(move |&m| self.driver(m) == Some(i))
    }

    /// The specs named in `depends_on`, without what is inherited.
    pub(super) fn needs(&self, i: usize) -> &[usize] {
        &self.needs[i]
    }

    /// The driver, its driver, and so on outwards.
    pub(super) fn drivers(&self, i: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.driver(i), |&d| self.driver(d))
    }

    /// All numbers, every member before its driver.
    pub(super) fn inside_out(&self) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.len()).collect();
        all.sort_by_key(|&i| std::cmp::Reverse(self.forest.depth(i)));
        all
    }

    /// What must land so that `dependency` is in the base of `dependent`, and the part of the plan that waits for it.
    pub(super) fn lift(&self, dependency: usize, dependent: usize) -> (usize, usize) {
        self.forest.lift(dependency, dependent)
    }

    fn events(&self, waits: impl Fn(usize, usize) -> bool) -> Events {
        let mut pairs = Vec::new();
        for i in 0..self.len() {
            pairs.push((start(i), finish(i)));
            for &m in &self.members[i] {
                pairs.push((start(i), start(m)));
                pairs.push((finish(m), finish(i)));
            }
            pairs
                .extend(self.needs[i].iter().filter(|&&d| waits(i, d)).map(|&d| (finish(self.lift(d, i).0), start(i))));
        }
        Events::new(2 * self.len(), &pairs)
    }

    /// What waits for itself, counting only the dependencies for which `waits(dependent, dependency)` holds.
    pub(super) fn knots(&self, waits: impl Fn(usize, usize) -> bool) -> Knots {
        let events = self.events(waits);
        let (of, knots) = events.knots();
        let ways = knots.iter().map(|knot| way_round(&events, &of, knot)).collect();
        Knots { of, ways }
    }
}

/// Which specs wait for themselves.
pub(super) struct Knots {
    of: Vec<Option<usize>>,
    /// For each knot a way round, by number, each waiting for the next, the first again at the end.
    ways: Vec<Vec<usize>>,
}

impl Knots {
    /// The way round that keeps spec `i` from ever starting.
    pub fn before_start(&self, i: usize) -> Option<&[usize]> {
        self.of[start(i)].map(|knot| self.ways[knot].as_slice())
    }

    /// The way round that spec `i` is on: it never starts, or it never finishes.
    pub fn way(&self, i: usize) -> Option<&[usize]> {
        self.of[finish(i)].map(|knot| self.ways[knot].as_slice()).or_else(|| self.before_start(i))
    }
}

fn way_round(events: &Events, of: &[Option<usize>], knot: &[usize]) -> Vec<usize> {
    let Some(&root) = knot.first() else { return Vec::new() };
    let mut way: Vec<usize> = events.way_round(root, |v| of[v] == of[root]).iter().rev().map(|v| v / 2).collect();
    way.dedup();
    if way.len() == 1 {
        way.push(way[0]);
    }
    way
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{World, id};
    use super::*;

    fn graph(specs: &[(&str, &str)]) -> Graph {
        World::new(specs.iter().copied()).see(|input, _| Graph::new(input.set))
    }

    #[test]
    fn the_order_puts_dependencies_first_and_members_before_their_driver() {
        let graph = graph(&[
            ("1-d", "type: driver\ndepends_on: [9-z]"),
            ("1-d.1", "depends_on: [1-d.2]"),
            ("1-d.2", ""),
            ("2-a", "depends_on: [1-d]"),
            ("9-z", ""),
        ]);
        let order: Vec<String> = graph.order().iter().map(ToString::to_string).collect();
        assert_eq!(order, ["9-z", "1-d.2", "1-d.1", "1-d", "2-a"]);
        assert_eq!(graph.cycle(), None);
        assert_eq!(graph.dependents(&id("1-d")).collect::<Vec<_>>(), [&id("2-a")]);
        assert_eq!(graph.dependents(&id("7-nobody")).count(), 0);
    }

    #[test]
    fn a_cycle_is_shown_as_the_way_round_and_its_specs_come_last_in_the_order() {
        let graph = graph(&[
            ("1-a", "depends_on: [3-c]"),
            ("2-b", "depends_on: [1-a]"),
            ("3-c", "depends_on: [2-b]"),
            ("4-d", ""),
        ]);
        assert_eq!(graph.cycle().unwrap(), [id("1-a"), id("3-c"), id("2-b"), id("1-a")]);
        assert_eq!(graph.order(), [id("4-d"), id("1-a"), id("2-b"), id("3-c")]);
    }

    #[test]
    fn a_cycle_by_way_of_a_driver_is_one_too() {
        let graph = graph(&[
            ("1-d", "type: driver"),
            ("1-d.1", ""),
            ("1-d.2", "depends_on: [2-b]"),
            ("2-b", "depends_on: [1-d.1]"),
        ]);
        assert_eq!(graph.cycle().unwrap(), [id("1-d"), id("1-d.2"), id("2-b"), id("1-d")]);
    }

    #[test]
    fn a_spec_that_names_itself_waits_for_itself() {
        let graph = graph(&[("1-a", "depends_on: [1-a]")]);
        assert_eq!(graph.cycle().unwrap(), [id("1-a"), id("1-a")]);
    }
}
