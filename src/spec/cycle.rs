//! Specs that wait for each other.

use std::collections::{HashMap, VecDeque};

use super::id::SpecId;
use super::set::Set;

/// One way round for each knot of specs that wait for each other, from its first spec on: the shortest there is.
///
/// A spec waits for what it depends on, its own or inherited; a driver also waits for its members.
pub(super) fn cycles(set: &Set) -> Vec<Vec<SpecId>> {
    let ids: Vec<&SpecId> = set.ids().collect();
    let number: HashMap<&SpecId, usize> = ids.iter().enumerate().map(|(n, id)| (*id, n)).collect();
    let waits = |id: &&SpecId| -> Vec<usize> {
        let depends_on = set.depends_on(id);
        depends_on.iter().chain(set.members_of(id)).filter_map(|other| number.get(other).copied()).collect()
    };
    let edges: Vec<Vec<usize>> = ids.iter().map(waits).collect();
    let knot = knots(&edges);
    let mut rounds = Vec::new();
    let mut done = std::collections::HashSet::new();
    for start in 0..ids.len() {
        if done.contains(&knot[start]) {
            continue;
        }
        if let Some(round) = shortest_round(&edges, &knot, start) {
            done.insert(knot[start]);
            rounds.push(round.into_iter().map(|n| ids[n].clone()).collect());
        }
    }
    rounds
}

/// The number of the knot (strongly connected component) of each node: Tarjan's algorithm, with a stack of its own, for
/// a chain of dependencies may be longer than the thread's stack is deep.
fn knots(edges: &[Vec<usize>]) -> Vec<usize> {
    const UNSEEN: usize = usize::MAX;
    let mut order = vec![UNSEEN; edges.len()];
    let mut low = vec![UNSEEN; edges.len()];
    let mut knot = vec![UNSEEN; edges.len()];
    let mut open = Vec::new();
    let mut next = 0;
    for root in 0..edges.len() {
        let mut path = if order[root] == UNSEEN { vec![(root, 0)] } else { Vec::new() };
        while let Some((node, edge)) = path.pop() {
            if edge == 0 {
                order[node] = next;
                low[node] = next;
                next += 1;
                open.push(node);
            } else {
                // Back from the edge before.
                let child = edges[node][edge - 1];
                if knot[child] == UNSEEN {
                    low[node] = low[node].min(low[child]);
                }
            }
            if let Some(&child) = edges[node].get(edge) {
                path.push((node, edge + 1));
                if order[child] == UNSEEN {
                    path.push((child, 0));
                }
            } else if low[node] == order[node] {
                while let Some(member) = open.pop() {
                    knot[member] = node;
                    if member == node {
                        break;
                    }
                }
            }
        }
    }
    knot
}

/// The shortest way from a node back to itself, within its knot.
fn shortest_round(edges: &[Vec<usize>], knot: &[usize], start: usize) -> Option<Vec<usize>> {
    let mut from: HashMap<usize, usize> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for &next in edges[node].iter().filter(|next| knot[**next] == knot[start]) {
            if next == start {
                let mut round: Vec<usize> =
                    std::iter::successors(Some(node), |n| from.get(n).copied().filter(|_| *n != start)).collect();
                round.reverse();
                return Some(round);
            }
            if let std::collections::hash_map::Entry::Vacant(entry) = from.entry(next) {
                entry.insert(node);
                queue.push_back(next);
            }
        }
    }
    None
}
