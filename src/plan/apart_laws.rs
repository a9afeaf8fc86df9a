//! The laws of what is kept apart, over random nests of drivers.
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::fixture::{World, id};
use super::schedule::{Action, Ended, Happened, Schedule};
use crate::spec::{Set, SpecId};

/// Names of specs that are nested in one another at random, the driver of each before it, and what each depends on.
fn nest() -> impl Strategy<Value = (Vec<String>, Vec<(usize, usize)>)> {
    let drivers = proptest::collection::vec(0_usize..100, 1..12);
    let needs = proptest::collection::vec((0_usize..100, 0_usize..100), 0..6);
    (drivers, needs).prop_map(|(drivers, needs)| {
        let mut names = vec!["001-d".to_owned()];
        let mut members = vec![0; drivers.len() + 1];
        for under in drivers {
            let under = under % names.len();
            members[under] += 1;
            names.push(format!("{}.{}", names[under], members[under]));
        }
        let needs = needs.into_iter().map(|(a, b)| (a % names.len(), b % names.len())).filter(|(a, b)| a != b);
        let needs = needs.collect();
        (names, needs)
    })
}

fn world(names: &[String], needs: &[(usize, usize)]) -> World {
    let fronts: Vec<String> = (0..names.len())
        .map(|n| {
            let needs = needs.iter().filter(|(a, _)| *a == n).map(|(_, b)| format!("'{}'", names[*b]));
            let kind = if names.iter().any(|name| name.starts_with(&format!("{}.", names[n]))) {
                "type: driver\n"
            } else {
                ""
            };
            format!("{kind}depends_on: [{}]", needs.collect::<Vec<_>>().join(", "))
        })
        .collect();
    World::new(names.iter().map(String::as_str).zip(fronts.iter().map(String::as_str)))
}

/// The two side by side under the driver that both have; `None` where one is above the other.
fn sides(set: &Set, one: &SpecId, other: &SpecId) -> Option<(SpecId, SpecId)> {
    let above = |id: &SpecId| std::iter::once(id).chain(set.drivers_of(id)).cloned().collect::<Vec<_>>();
    let (ours, theirs) = (above(one), above(other));
    let side = |ours: &[SpecId], theirs: &[SpecId]| ours.iter().take_while(|id| !theirs.contains(id)).last().cloned();
    Some((side(&ours, &theirs)?, side(&theirs, &ours)?))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_work_begins_while_what_it_is_kept_apart_from_has_begun_and_not_come_to_its_end(
        (names, needs) in nest(),
        pairs in proptest::collection::vec((0_usize..100, 0_usize..100), 0..8),
        jobs in 1_usize..5,
        luck in proptest::collection::vec((0_usize..100, proptest::bool::weighted(0.8)), 1..20),
    ) {
        let ids: Vec<SpecId> = names.iter().map(|name| id(name)).collect();
        world(&names, &needs).see(|input, board| {
            let pairs: Vec<_> = pairs.iter().map(|(a, b)| (&ids[a % ids.len()], &ids[b % ids.len()])).filter(|(a, b)| a != b).collect();
            let sides: Vec<_> = pairs.iter().filter_map(|(a, b)| sides(input.set, a, b)).collect();
            let is_under = |id: &SpecId, side: &SpecId| id == side || input.set.drivers_of(id).any(|above| above == side);
            // Where something waits for itself there may be no order.
            let is_round = super::graph::Graph::new(input.set).cycle().is_some();
            let mut run = Schedule::new(&ids[..1], board, input.set, jobs).keep_apart(pairs);
            let (mut running, mut begun, mut over) = (Vec::<SpecId>::new(), BTreeSet::new(), BTreeSet::new());
            let (mut luck, mut done) = (luck.iter().cycle(), false);
            let mut actions = run.step(None);
            while !done {
                // Those that are over are told at once, and before what begins because of it.
                over.extend(actions.iter().filter_map(|action| match action {
                    Action::Blocked(id, _) => Some(id.clone()),
                    _ => None,
                }));
                for action in actions.drain(..) {
                    match action {
                        Action::Start(id) => {
                            for (a, b) in sides.iter().flat_map(|(a, b)| [(a, b), (b, a)]) {
                                let is_open = begun.iter().any(|begun| is_under(begun, b)) && !over.contains(b);
                                assert!(is_round || !(is_under(&id, a) && is_open), "{id} begins while {b} has begun");
                            }
                            begun.insert(id.clone());
                            running.push(id);
                        }
                        Action::Finish(id) => running.push(id),
                        Action::Blocked(..) => {}
                        Action::Done => done = true,
                        Action::Stop(id) => panic!("{id} is stopped"),
                    }
                }
                if done {
                    break;
                }
                assert!(!running.is_empty() && running.len() <= jobs, "something runs as long as anything is open");
                let Some((which, well)) = luck.next() else { break };
                let id = running.remove(which % running.len());
                over.insert(id.clone());
                actions = run.step(Some(Happened::Ended { id, how: if *well { Ended::Landed } else { Ended::Failed } }));
            }
            assert!(running.is_empty() && over.len() == ids.len(), "each comes to its end");
        });
    }

    #[test]
    fn being_kept_apart_costs_nothing_but_time(
        (names, needs) in nest(),
        pairs in proptest::collection::vec((0_usize..100, 0_usize..100), 0..12),
        jobs in 1_usize..5,
    ) {
        let ids: Vec<SpecId> = names.iter().map(|name| id(name)).collect();
        world(&names, &needs).see(|input, board| {
            let landed = |pairs: &[(&SpecId, &SpecId)]| {
                let mut run = Schedule::new(&ids[..1], board, input.set, jobs).keep_apart(pairs.iter().copied());
                let (mut landed, mut running, mut actions) = (BTreeSet::new(), Vec::new(), run.step(None));
                loop {
                    running.extend(actions.drain(..).filter_map(|action| match action {
                        Action::Start(id) | Action::Finish(id) => Some(id),
                        _ => None,
                    }));
                    let Some(id) = running.pop() else { break landed };
                    landed.insert(id.clone());
                    actions = run.step(Some(Happened::Ended { id, how: Ended::Landed }));
                }
            };
            let pairs: Vec<_> = pairs.iter().map(|(a, b)| (&ids[a % ids.len()], &ids[b % ids.len()])).filter(|(a, b)| a != b).collect();
            assert_eq!(landed(&pairs), landed(&[]));
        });
    }
}

#[test]
fn a_member_goes_before_the_members_of_an_inner_driver_and_all_of_that_before_what_comes_after_it() {
    let world = World::new([
        ("002-d", "type: driver"),
        ("002-d.1", ""),
        ("002-d.2", "type: driver"),
        ("002-d.2.1", ""),
        ("002-d.2.2", ""),
        ("002-d.3", ""),
    ]);
    world.see(|input, board| {
        let ids = ["002-d.1", "002-d.2.1", "002-d.2.2", "002-d.3"].map(id);
        let pairs = [(&ids[0], &ids[1]), (&ids[2], &ids[3])];
        let mut run = Schedule::new(&[id("002-d")], board, input.set, 4).keep_apart(pairs);
        let mut landed = |name: &str| run.step(Some(Happened::Ended { id: id(name), how: Ended::Landed }));
        assert_eq!(landed("nothing-yet"), [Action::Start(id("002-d.1"))]);
        assert_eq!(landed("002-d.1"), [Action::Start(id("002-d.2.1")), Action::Start(id("002-d.2.2"))]);
        assert_eq!(landed("002-d.2.1"), []);
        assert_eq!(landed("002-d.2.2"), [Action::Finish(id("002-d.2"))]);
        assert_eq!(landed("002-d.2"), [Action::Start(id("002-d.3"))]);
    });
}
