use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;

use super::Frozen;
use super::history::{Builder, History, Note};
use super::oid::Oid;

fn oid(n: usize) -> Oid {
    let mut bytes = [0; 20];
    // Scattered, as hashes are; a few share all that spreads them.
    let scattered = u32::try_from(n / 3).unwrap().wrapping_mul(0x9e37_79b9);
    bytes[..4].copy_from_slice(&scattered.to_be_bytes());
    bytes[19] = u8::try_from(n % 3).unwrap();
    Oid::from_bytes(&bytes).unwrap()
}

fn note(n: usize) -> Option<Note> {
    let message = format!("event {n}\n\nChant-Spec: x{n}\n").into_bytes().into_boxed_slice();
    let author = format!("Ada {n} <ada@example.org>");
    (n % 3 == 1).then(|| Note { message, same_tree: n.is_multiple_of(2), time: i64::try_from(n).unwrap() - 3, author })
}

/// For each commit the numbers of its parents, all lower.
fn graph() -> impl Strategy<Value = Vec<Vec<usize>>> {
    let commit = (proptest::collection::vec(any::<Index>(), 0..3), 0..8u8);
    proptest::collection::vec(commit, 1..40).prop_map(|commits| {
        let parents = commits.into_iter().enumerate().map(|(n, (picks, shape))| match (n, shape) {
            (0, _) | (_, 0) => Vec::new(),
            (n, 1..=4) => vec![n - 1],
            (n, _) => picks.into_iter().map(|pick| pick.index(n)).collect::<BTreeSet<_>>().into_iter().collect(),
        });
        parents.collect()
    })
}

fn reachable(graph: &[Vec<usize>], tips: &[usize]) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let (mut open, mut order) = (tips.to_vec(), Vec::new());
    while let Some(at) = open.pop() {
        if seen.insert(at) {
            order.push(at);
            open.extend(&graph[at]);
        }
    }
    order
}

/// Walks as Git's room does: down to what is known.
fn walk(graph: &[Vec<usize>], tips: &[usize], base: Option<Frozen>) -> History {
    let mut builder = Builder::on(base.map(std::sync::Arc::new));
    for n in reachable(graph, tips) {
        if !builder.has(&oid(n)) {
            let parents: Vec<Oid> = graph[n].iter().map(|parent| oid(*parent)).collect();
            builder.push(oid(n), &parents, note(n));
        }
    }
    builder.finish_at(&oids(tips))
}

fn oids(numbers: &[usize]) -> Vec<Oid> {
    numbers.iter().map(|n| oid(*n)).collect()
}

/// Its bytes; `None` where it is not to be frozen.
fn cold(h: &History, tips: &[Oid]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    h.freeze(tips, &mut bytes).unwrap().then_some(bytes)
}

fn thaw(bytes: Vec<u8>) -> Option<Frozen> {
    Frozen::new(Box::new(bytes))
}

/// All that anybody can ask of a history.
fn told(graph: &[Vec<usize>], h: &History) -> Vec<String> {
    let all = 0..graph.len();
    let pairs = || all.clone().flat_map(|a| all.clone().map(move |b| (a, b)));
    let mut out: Vec<String> = all
        .clone()
        .map(|n| {
            let id = oid(n);
            let numbers = h.find(&id).map(|at| (h.generation(at), h.is_merge(at), h.cut(at)));
            let parents = h.find(&id).map(|at| h.parents_of(at).map(|parent| h.oid(parent)).collect::<Vec<_>>());
            format!("{n} {:?} {numbers:?} {parents:?} {:?} {}", h.parents(&id), h.note(&id), h.contains(&id))
        })
        .collect();
    out.extend(pairs().map(|(a, b)| format!("{a} {b} {}", h.is_ancestor(oid(a), oid(b)))));
    out.extend(pairs().map(|(a, b)| format!("{a} {b} {}", h.same_content(oid(a), oid(b)))));
    out.push(format!("{:?}", h.told().collect::<BTreeSet<_>>()));
    out.push(format!("{:?}", h.in_order(all.map(|n| (oid(n), 7)))));
    out.push(format!("{} {}", h.len(), h.is_empty()));
    out
}

proptest! {
    #[test]
    fn what_stands_on_a_frozen_history_says_what_a_whole_walk_says(
        graph in graph(),
        walks in proptest::collection::vec(proptest::collection::vec(any::<Index>(), 0..4), 2..5),
    ) {
        let mut base = None;
        for picks in walks {
            let tips: Vec<usize> = picks.iter().map(|pick| pick.index(graph.len())).collect();
            let (warm, whole) = (walk(&graph, &tips, base.take()), walk(&graph, &tips, None));
            prop_assert_eq!(told(&graph, &warm), told(&graph, &whole));
            base = cold(&warm, &oids(&tips)).and_then(thaw);
            prop_assert!(base.is_some());
        }
    }

    #[test]
    fn what_is_not_whole_is_no_history(graph in graph(), at in any::<Index>(), flip in 1..=255u8, cut in any::<Index>()) {
        let tips = [graph.len() - 1];
        let bytes = cold(&walk(&graph, &tips, None), &oids(&tips)).unwrap();
        let mut changed = bytes.clone();
        changed[at.index(bytes.len())] ^= flip;
        prop_assert!(thaw(changed).is_none());
        prop_assert!(thaw(bytes[..cut.index(bytes.len())].to_vec()).is_none());
        prop_assert!(thaw(bytes).is_some());
    }
}

#[test]
fn many_branches_that_came_and_went_are_told_apart() {
    let graph: Vec<Vec<usize>> = (0..120).map(|n| if n == 0 { vec![] } else { vec![n / 4] }).collect();
    let old: Vec<usize> = (60..120).collect();
    let base = cold(&walk(&graph, &old, None), &oids(&old)).and_then(thaw);
    let new: Vec<usize> = (30..75).collect();
    assert_eq!(told(&graph, &walk(&graph, &new, base)), told(&graph, &walk(&graph, &new, None)));
}

#[test]
fn what_is_hidden_may_be_told_some_day_and_is_not_frozen() {
    let mut builder = Builder::new();
    builder.push(oid(2), &[oid(1)], None);
    assert!(cold(&builder.finish(), &[oid(2)]).is_none());
}

#[test]
fn an_empty_history_freezes_too() {
    let bytes = cold(&Builder::new().finish(), &[]).unwrap();
    assert!(thaw(bytes).unwrap().is_empty());
}
