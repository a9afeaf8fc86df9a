//! Who descends from whom, without walking where it can be told from numbers.
//!
//! Two depth-first tours, one taking first parents first and one taking them last, number the commits so that one
//! comes after all it descends from. A commit numbered later is no ancestor; one numbered while the tour was below
//! another is. What neither tour tells is searched for, never below the ancestor's generation. Both tours of a history that
//! stands on a frozen one go on where those of that one ended: the frozen commits have all been seen by then.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use super::history::Graph;

/// Answers whether one commit descends from another.
#[derive(Debug)]
pub(super) struct Reach {
    tours: [Tour; 2],
}

impl Reach {
    pub fn new(graph: &Graph) -> Self {
        let children = graph.children();
        let tips: Vec<u32> = children.iter().zip(graph.first..).filter(|(n, _)| **n == 0).map(|(_, at)| at).collect();
        let forth = Tour::new(graph, tips.iter().copied(), false);
        let back = Tour::new(graph, tips.iter().rev().copied(), true);
        Self { tours: [forth, back] }
    }

    /// Whether `b` descends from `a`, or is it.
    pub fn reaches(&self, graph: &Graph, b: u32, a: u32) -> bool {
        if let Some(told) = self.tell(graph, b, a) {
            return told;
        }
        let mut seen: HashSet<u32, BuildHasherDefault<Spread>> = HashSet::default();
        let mut open = vec![b];
        while let Some(at) = open.pop() {
            match self.tell(graph, at, a) {
                Some(true) => return true,
                Some(false) => {}
                // The first parent is looked at first: what has landed lies along it.
                None => open.extend(graph.parents_of(at).rev().filter(|parent| seen.insert(*parent))),
            }
        }
        false
    }

    /// What can be told without walking.
    fn tell(&self, graph: &Graph, b: u32, a: u32) -> Option<bool> {
        if a == b {
            return Some(true);
        }
        let above = graph.generation(a) < graph.generation(b);
        let spans = |tour: usize| (self.span(graph, tour, a).1, self.span(graph, tour, b));
        let all = [spans(0), spans(1)];
        if !above || all.iter().any(|(a_left, (_, b_left))| a_left > b_left) {
            return Some(false);
        }
        all.iter().any(|(a_left, (b_entered, _))| a_left >= b_entered).then_some(true)
    }

    /// When a commit was entered and left in one of the tours.
    pub fn span(&self, graph: &Graph, tour: usize, at: u32) -> (u32, u32) {
        match (&graph.base, at.checked_sub(graph.first)) {
            (Some(base), None) => base.span(tour, at),
            (_, fresh) => self.tours[tour].spans[fresh.unwrap_or_default() as usize],
        }
    }
}

/// One depth-first tour: for each commit how many had been left when it was entered, and when it was left.
#[derive(Debug)]
struct Tour {
    spans: Vec<(u32, u32)>,
}

const UNSEEN: u32 = u32::MAX;

impl Tour {
    fn new(graph: &Graph, tips: impl Iterator<Item = u32>, last_first: bool) -> Self {
        let first = graph.first;
        let mut spans = vec![(UNSEEN, UNSEEN); graph.len() - first as usize];
        let mut left = first;
        // A commit to enter, or one to leave once all above it on the stack is done.
        let mut stack: Vec<(u32, bool)> = Vec::new();
        for tip in tips {
            stack.push((tip, false));
            while let Some((at, leaving)) = stack.pop() {
                let Some(span) = at.checked_sub(first).map(|at| &mut spans[at as usize]) else { continue };
                if leaving {
                    span.1 = left;
                    left += 1;
                } else if span.0 == UNSEEN {
                    span.0 = left;
                    stack.push((at, true));
                    let onto = |stack: &mut Vec<_>, parent| stack.push((parent, false));
                    // What is pushed last is entered first.
                    match last_first {
                        true => graph.parents_of(at).for_each(|parent| onto(&mut stack, parent)),
                        false => graph.parents_of(at).rev().for_each(|parent| onto(&mut stack, parent)),
                    }
                }
            }
        }
        Self { spans }
    }
}

/// Spreads commits' numbers over a table; they are no secret and nobody's choice.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, value: u32) {
        self.0 = (self.0 ^ u64::from(value)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}

/// A set of commits: one bit for each, in pages, so that a small set of a large history is small.
#[derive(Debug, Default)]
pub(super) struct Marks(HashMap<u32, Box<[u64; PAGE / 64]>, BuildHasherDefault<Spread>>);

/// Commits on a page.
const PAGE: usize = 4096;

impl Marks {
    /// Adds one; whether it was not there.
    pub fn insert(&mut self, at: u32) -> bool {
        let page = self.0.entry(at / PAGE as u32).or_insert_with(|| Box::new([0; PAGE / 64]));
        let (word, bit) = (&mut page[at as usize % PAGE / 64], 1 << (at % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    pub fn contains(&self, at: u32) -> bool {
        let page = self.0.get(&(at / PAGE as u32));
        page.is_some_and(|page| page[at as usize % PAGE / 64] & (1 << (at % 64)) != 0)
    }
}
