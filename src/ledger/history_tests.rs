use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn oid(n: u32) -> Oid {
    let mut bytes = [0; 20];
    // Scattered, as hashes are, so that nothing hangs on the order of ids.
    bytes[..4].copy_from_slice(&n.wrapping_mul(0x9e37_79b9).to_be_bytes());
    bytes[4..8].copy_from_slice(&n.to_be_bytes());
    Oid::from_bytes(&bytes).unwrap()
}

/// For each commit the numbers of its parents, all lower.
fn graph() -> impl Strategy<Value = Vec<Vec<u32>>> {
    let commit = (proptest::collection::vec(any::<prop::sample::Index>(), 0..3), 0..8u8);
    proptest::collection::vec(commit, 1..40).prop_map(|commits| {
        let parents = commits.into_iter().zip(0u32..).map(|((picks, shape), n)| match (n, shape) {
            (0, _) | (_, 0) => Vec::new(),
            (n, 1..=4) => vec![n - 1],
            (n, _) => picks.into_iter().map(|pick| u32::try_from(pick.index(n as usize)).unwrap()).collect(),
        });
        parents.collect()
    })
}

fn build(graph: &[Vec<u32>], order: &[usize]) -> History {
    let mut builder = Builder::new();
    for &n in order {
        let parents: Vec<Oid> = graph[n].iter().map(|parent| oid(*parent)).collect();
        builder.push(oid(u32::try_from(n).unwrap()), &parents, None);
    }
    builder.finish()
}

fn ancestors(graph: &[Vec<u32>], of: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut open = vec![of];
    while let Some(at) = open.pop() {
        if found.insert(at) {
            open.extend(&graph[at as usize]);
        }
    }
    found
}

proptest! {
    #[test]
    fn descent_is_what_a_plain_walk_finds_whatever_the_order_of_pushing(
        (graph, order) in graph().prop_flat_map(|graph| {
            let order = Just((0..graph.len()).collect::<Vec<_>>()).prop_shuffle();
            (Just(graph), order)
        })
    ) {
        let h = build(&graph, &order);
        prop_assert_eq!(h.len(), graph.len());
        for b in 0..number(graph.len()) {
            let ancestors = ancestors(&graph, b);
            for a in 0..number(graph.len()) {
                prop_assert_eq!(h.is_ancestor(oid(a), oid(b)), ancestors.contains(&a), "{} of {}", a, b);
            }
        }
    }

    #[test]
    fn parents_that_never_come_and_rounds_that_cannot_be_end_nothing(
        edges in proptest::collection::vec((0..12u32, proptest::collection::vec(0..16u32, 0..4), any::<bool>()), 0..20)
    ) {
        let mut builder = Builder::new();
        for (n, parents, shallow) in edges {
            builder.push(oid(n), &parents.into_iter().map(oid).collect::<Vec<_>>(), None);
            if shallow {
                builder.shallow(oid(n));
            }
        }
        let h = builder.finish();
        for a in 0..16 {
            for b in 0..16 {
                prop_assert_eq!(h.is_ancestor(oid(a), oid(b)) && h.is_ancestor(oid(b), oid(a)), a == b);
            }
        }
    }
}

#[test]
fn what_is_hidden_below_a_commit_is_known_to_all_above_it() {
    let mut builder = Builder::new();
    builder.push(oid(3), &[oid(2)], None);
    builder.push(oid(2), &[], None);
    builder.shallow(oid(2));
    builder.push(oid(5), &[oid(4)], None);
    builder.push(oid(7), &[oid(6)], None);
    builder.push(oid(6), &[], None);
    let h = builder.finish();
    assert_eq!([3, 2, 5, 4, 7, 6].map(|n| h.is_cut(&oid(n))), [true, true, true, true, false, false]);
    assert!(!h.contains(&oid(4)));
    assert_eq!(h.parents(&oid(5)), Some(vec![oid(4)]));
}

#[test]
fn a_history_as_deep_as_it_is_long_needs_no_deep_stack() {
    let mut builder = Builder::new();
    for n in 0..200_000 {
        let parents: Vec<Oid> = (n > 0).then(|| oid(n - 1)).into_iter().collect();
        builder.push(oid(n), &parents, None);
    }
    let h = builder.finish();
    assert!(h.is_ancestor(oid(0), oid(199_999)));
    assert!(!h.is_ancestor(oid(199_999), oid(0)));
}
