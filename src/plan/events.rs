//! The moments of a plan, and what must come before what.
//!
//! Every spec has two moments: its start (`2 i`) and its finish (`2 i + 1`). A member starts after its driver has, and
//! finishes before it does; a dependency finishes before its dependent starts. Written like this a driver's thousand
//! members inherit its thousand dependencies with two thousand edges instead of a million, and whatever can never
//! happen shows as a way round.
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::effort;

/// The moment at which spec `i` may begin.
pub fn start(i: usize) -> usize {
    2 * i
}

/// The moment at which spec `i` has landed.
pub fn finish(i: usize) -> usize {
    2 * i + 1
}

/// Moments in one flat list: the successors of `v` are `to[from[v]..from[v + 1]]`.
#[derive(Debug, Clone, Default)]
pub struct Events {
    from: Vec<usize>,
    to: Vec<usize>,
}

impl Events {
    /// From pairs of (earlier, later) over `moments` moments.
    pub fn new(moments: usize, pairs: &[(usize, usize)]) -> Self {
        let mut from = vec![0; moments + 1];
        for &(a, _) in pairs {
            from[a + 1] += 1;
        }
        for v in 0..moments {
            from[v + 1] += from[v];
        }
        let mut next = from.clone();
        let mut to = vec![0; pairs.len()];
        for &(a, b) in pairs {
            to[next[a]] = b;
            next[a] += 1;
        }
        Self { from, to }
    }

    fn len(&self) -> usize {
        self.from.len().saturating_sub(1)
    }

    fn after(&self, v: usize) -> &[usize] {
        &self.to[self.from[v]..self.from[v + 1]]
    }

    /// Every moment after all that must come before it, lowest number first where there is a choice. Moments on a way
    /// round, and those behind one, are left out.
    pub fn order(&self) -> Vec<usize> {
        let mut waits = vec![0_usize; self.len()];
        for &b in &self.to {
            waits[b] += 1;
        }
        let mut free: BinaryHeap<_> = (0..self.len()).filter(|&v| waits[v] == 0).map(Reverse).collect();
        let mut order = Vec::with_capacity(self.len());
        while let Some(Reverse(v)) = free.pop() {
            order.push(v);
            for &b in self.after(v) {
                effort::step();
                waits[b] -= 1;
                if waits[b] == 0 {
                    free.push(Reverse(b));
                }
            }
        }
        order
    }

    /// For each moment the knot it is tied into, where it comes before itself: an index into the second list, which
    /// holds the members of each knot. (Tarjan's strongly connected components, without recursion: chains are long.)
    pub fn knots(&self) -> (Vec<Option<usize>>, Vec<Vec<usize>>) {
        // Nearly always there is none, and that is seen in fewer steps.
        if self.all_may_come() {
            return (vec![None; self.len()], Vec::new());
        }
        let mut search = Search::new(self.len());
        for root in 0..self.len() {
            if search.seen[root] == UNSEEN {
                search.from(self, root);
            }
        }
        let mut of = vec![None; self.len()];
        let mut knots = Vec::new();
        for component in search.components {
            let tied = component.len() > 1 || component.first().is_some_and(|&v| self.after(v).contains(&v));
            if tied {
                component.iter().for_each(|&v| of[v] = Some(knots.len()));
                knots.push(component);
            }
        }
        (of, knots)
    }

    /// Whether every moment can come after all that must come before it.
    fn all_may_come(&self) -> bool {
        let mut waits = vec![0_u32; self.len()];
        self.to.iter().for_each(|&b| waits[b] += 1);
        let mut free: Vec<usize> = (0..self.len()).filter(|&v| waits[v] == 0).collect();
        let mut come = 0;
        while let Some(v) = free.pop() {
            come += 1;
            for &b in self.after(v) {
                effort::step();
                waits[b] -= 1;
                if waits[b] == 0 {
                    free.push(b);
                }
            }
        }
        come == self.len()
    }

    /// The shortest way from `root` back to itself, each moment followed by one that must come after it; empty where
    /// there is none. Begins and ends with `root`.
    pub fn way_round(&self, root: usize, within: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut came_from = vec![None; self.len()];
        let mut queue = VecDeque::from([root]);
        while let Some(v) = queue.pop_front() {
            for &b in self.after(v).iter().filter(|&&b| within(b)) {
                effort::step();
                if b == root {
                    let mut way = vec![root, v];
                    while let Some(before) =
                        way.last().and_then(|&v| came_from[v]).filter(|_| way.last() != Some(&root))
                    {
                        way.push(before);
                    }
                    way.reverse();
                    return way;
                }
                if came_from[b].is_none() {
                    came_from[b] = Some(v);
                    queue.push_back(b);
                }
            }
        }
        Vec::new()
    }
}

const UNSEEN: usize = usize::MAX;

struct Search {
    seen: Vec<usize>,
    low: Vec<usize>,
    open: Vec<bool>,
    stack: Vec<usize>,
    clock: usize,
    components: Vec<Vec<usize>>,
}

impl Search {
    fn new(len: usize) -> Self {
        Self {
            seen: vec![UNSEEN; len],
            low: vec![0; len],
            open: vec![false; len],
            stack: Vec::new(),
            clock: 0,
            components: Vec::new(),
        }
    }

    fn enter(&mut self, v: usize, path: &mut Vec<(usize, usize)>) {
        self.seen[v] = self.clock;
        self.low[v] = self.clock;
        self.clock += 1;
        self.open[v] = true;
        self.stack.push(v);
        path.push((v, 0));
    }

    fn from(&mut self, events: &Events, root: usize) {
        let mut path = Vec::new();
        self.enter(root, &mut path);
        while let Some(&(v, next)) = path.last() {
            effort::step();
            match events.after(v).get(next) {
                Some(&b) => {
                    if let Some(top) = path.last_mut() {
                        top.1 += 1;
                    }
                    if self.seen[b] == UNSEEN {
                        self.enter(b, &mut path);
                    } else if self.open[b] {
                        self.low[v] = self.low[v].min(self.seen[b]);
                    }
                }
                None => {
                    path.pop();
                    if let Some(&(up, _)) = path.last() {
                        self.low[up] = self.low[up].min(self.low[v]);
                    }
                    self.close(v);
                }
            }
        }
    }

    /// Where nothing before `v` can be reached from it, what is on the stack down to `v` belongs together.
    fn close(&mut self, v: usize) {
        if self.low[v] != self.seen[v] {
            return;
        }
        let mut component = Vec::new();
        while let Some(w) = self.stack.pop() {
            self.open[w] = false;
            component.push(w);
            if w == v {
                break;
            }
        }
        component.sort_unstable();
        self.components.push(component);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By the slow way: can `a` be left and reached again?
    fn returns(moments: usize, pairs: &[(usize, usize)], a: usize) -> bool {
        let mut reached = vec![false; moments];
        let mut todo: Vec<usize> = pairs.iter().filter(|p| p.0 == a).map(|p| p.1).collect();
        while let Some(v) = todo.pop() {
            if !std::mem::replace(&mut reached[v], true) {
                todo.extend(pairs.iter().filter(|p| p.0 == v).map(|p| p.1));
            }
        }
        reached[a]
    }

    proptest! {
        #[test]
        fn a_moment_is_in_a_knot_exactly_where_it_comes_before_itself(
            pairs in proptest::collection::vec((0_usize..9, 0_usize..9), 0..24)
        ) {
            let events = Events::new(9, &pairs);
            let (of, knots) = events.knots();
            for v in 0..9 {
                prop_assert_eq!(of[v].is_some(), returns(9, &pairs, v));
                if let Some(knot) = of[v] {
                    prop_assert!(knots[knot].contains(&v));
                    let way = events.way_round(v, |b| of[b] == Some(knot));
                    prop_assert_eq!((way.first(), way.last()), (Some(&v), Some(&v)));
                    prop_assert!(way.windows(2).all(|w| pairs.contains(&(w[0], w[1]))));
                }
            }
        }

        #[test]
        fn the_order_keeps_every_pair_and_holds_all_that_no_knot_holds_up(
            pairs in proptest::collection::vec((0_usize..9, 0_usize..9), 0..14)
        ) {
            let events = Events::new(9, &pairs);
            let order = events.order();
            let place = |v: usize| order.iter().position(|&w| w == v);
            for &(a, b) in &pairs {
                if let Some(at) = place(b) {
                    prop_assert!(place(a).is_some_and(|before| before < at));
                }
            }
            if events.knots().1.is_empty() {
                prop_assert_eq!(order.len(), 9);
            }
        }
    }
}
