//! The laws of a run, over random projects, pasts and outcomes.
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::fixture::{World, id};
use super::schedule::{Action, Ended, Happened, Schedule};
use super::status::{BlockKind, Board, Status};
use crate::ledger::In;
use crate::spec::{Set, SpecId};

#[derive(Debug, Clone)]
struct Project {
    /// For each spec the index of its driver, lower than its own.
    parents: Vec<Option<usize>>,
    needs: Vec<(usize, usize)>,
    past: Vec<Past>,
    release: Vec<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Past {
    Nothing,
    Landed,
    Completed,
    Failed,
    Cancelled,
    Stalled,
}

fn project() -> impl Strategy<Value = Project> {
    let past = prop_oneof![
        6 => Just(Past::Nothing), 2 => Just(Past::Landed), 1 => Just(Past::Completed),
        1 => Just(Past::Failed), 1 => Just(Past::Cancelled), 1 => Just(Past::Stalled),
    ];
    (1_usize..13).prop_flat_map(move |n| {
        let parents = (0..n).map(|i| proptest::option::of(0..i.max(1)).prop_map(move |p| p.filter(|&p| p < i)));
        let parents = parents.collect::<Vec<_>>();
        let needs = proptest::collection::vec((0..n, 0..n), 0..n + 3);
        let release = proptest::collection::vec(proptest::bool::weighted(0.1), n);
        (parents, needs, proptest::collection::vec(past.clone(), n), release)
            .prop_map(|(parents, needs, past, release)| Project { parents, needs, past, release })
    })
}

impl Project {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut members = vec![0; self.parents.len()];
        for (i, parent) in self.parents.iter().enumerate() {
            names.push(match parent {
                Some(p) => {
                    members[*p] += 1;
                    format!("{}.{}", names[*p], members[*p])
                }
                None => format!("{i:02}-s"),
            });
        }
        names
    }

    fn world(&self) -> World {
        let names = self.names();
        let fronts: Vec<String> = (0..names.len())
            .map(|i| {
                let needs =
                    self.needs.iter().filter(|(a, b)| *a == i && a != b).map(|(_, b)| format!("'{}'", names[*b]));
                let needs = needs.collect::<Vec<_>>().join(", ");
                let kind = if self.parents.contains(&Some(i)) { "type: driver\n" } else { "" };
                let target = if self.release[i] { "target: release\n" } else { "" };
                format!("{kind}{target}depends_on: [{needs}]")
            })
            .collect();
        let mut world = World::new(names.iter().map(String::as_str).zip(fronts.iter().map(String::as_str)));
        for (i, name) in names.iter().enumerate().rev() {
            let driver = self.parents.contains(&Some(i));
            match (self.past[i], driver) {
                (Past::Landed, _) => _ = world.land(name),
                (Past::Failed, _) => _ = world.fail(name, "no"),
                (Past::Cancelled, _) => _ = world.cancel(name),
                (Past::Completed, false) => _ = world.complete(name),
                (Past::Stalled, false) => _ = world.begin(name),
                (Past::Nothing | Past::Completed | Past::Stalled, _) => {}
            }
            if driver && self.past[i] != Past::Landed {
                world.branch(name);
            }
        }
        world
    }
}

/// What the laws say, worked out the slow way and apart from the code they hold for.
struct Judge<'w> {
    set: &'w Set,
    board: &'w Board,
    /// When each landed: 0 before the run.
    landed_at: BTreeMap<SpecId, usize>,
    before: BTreeMap<SpecId, usize>,
    clock: usize,
}

impl Judge<'_> {
    fn drivers(&self, id: &SpecId) -> Vec<SpecId> {
        std::iter::successors(self.set.driver_of(id).cloned(), |d| self.set.driver_of(d).cloned()).collect()
    }

    fn target(&self, id: &SpecId) -> Option<String> {
        let root = self.drivers(id).pop().unwrap_or_else(|| id.clone());
        self.board.row(&root)?.target.clone()
    }

    /// A dependency is in the base of a spec where it, and after it every driver that only it has, landed.
    fn in_base(&self, dependency: &SpecId, spec: &SpecId) -> bool {
        // What was there before the run is there still, though a driver that has landed may be worked again.
        self.in_base_of(dependency, spec, &self.before) || self.in_base_of(dependency, spec, &self.landed_at)
    }

    fn in_base_of(&self, dependency: &SpecId, spec: &SpecId, landed_at: &BTreeMap<SpecId, usize>) -> bool {
        let shared = self.drivers(spec);
        let strange: Vec<SpecId> = self.drivers(dependency).into_iter().filter(|d| !shared.contains(d)).collect();
        let common = self.drivers(dependency).len() > strange.len();
        let mut last = match landed_at.get(dependency) {
            // A driver that had landed and is worked again has yet to bring what it now consists of.
            Some(0) if self.board.status(dependency) != Status::Completed => return false,
            Some(at) => *at,
            None => return false,
        };
        for driver in &strange {
            match landed_at.get(driver) {
                Some(at) if *at >= last => last = *at,
                _ => return false,
            }
        }
        common || self.target(dependency) == self.target(spec)
    }

    fn needs(&self, spec: &SpecId) -> Vec<SpecId> {
        let inside = std::iter::once(spec.clone()).chain(self.drivers(spec));
        inside.flat_map(|s| self.set.own_depends_on(&s).to_vec()).collect()
    }

    fn has_all(&self, spec: &SpecId) -> bool {
        self.needs(spec).iter().all(|dependency| self.in_base(dependency, spec))
    }

    /// Whether all under a driver has landed, inner drivers after what they consist of.
    fn members_landed(&self, driver: &SpecId) -> bool {
        let members = self.set.members_of(driver).iter().filter(|m| self.board.status(m) != Status::Cancelled);
        members.into_iter().all(|m| match self.landed_at.get(m) {
            Some(at) => self.members_landed(m) && self.last_under(m) <= *at,
            None => false,
        })
    }

    fn last_under(&self, driver: &SpecId) -> usize {
        self.set.members_of(driver).iter().filter_map(|m| self.landed_at.get(m)).max().copied().unwrap_or(0)
    }

    /// What a run over these has to bring to an end.
    fn expand(&self, wanted: &[SpecId]) -> BTreeSet<SpecId> {
        let mut all = BTreeSet::new();
        let mut todo = wanted.to_vec();
        while let Some(spec) = todo.pop() {
            let over = match self.board.status(&spec) {
                Status::Cancelled => true,
                Status::Completed => self.members_landed(&spec),
                _ => false,
            };
            if !over && all.insert(spec.clone()) {
                todo.extend(self.set.members_of(&spec).iter().cloned());
            }
        }
        all
    }
}

/// Runs a schedule to its end against random outcomes, holding every action against the laws.
fn run_and_judge(world: &World, wanted: &[SpecId], jobs: usize, luck: &[(usize, Ended)], stop_at: Option<usize>) {
    world.see(|input, board| {
        let landed = input.ledger.specs.iter().filter(|(_, record)| matches!(record.in_target, In::Yes(_)));
        let landed_at: BTreeMap<SpecId, usize> = landed.map(|(name, _)| (name.id.clone(), 0)).collect();
        let mut judge = Judge { set: input.set, board, before: landed_at.clone(), landed_at, clock: 0 };
        let asked = judge.expand(wanted);
        let refused: BTreeSet<SpecId> =
            wanted.iter().filter(|id| board.status(id) == Status::Cancelled).cloned().collect();
        let mut run = Schedule::new(wanted, board, input.set, jobs);
        let (mut running, mut ends): (Vec<SpecId>, Vec<SpecId>) = (Vec::new(), Vec::new());
        let (mut blocked, mut done, mut interrupted) = (Vec::new(), 0, false);
        let mut luck = luck.iter().cycle();
        let mut actions = run.step(None);
        for turn in 0..200 {
            for action in actions {
                assert_eq!(done, 0, "Done comes last");
                match action {
                    Action::Start(id) => {
                        assert!(!interrupted);
                        assert!(asked.contains(&id) && !ends.contains(&id) && !running.contains(&id));
                        assert!(judge.set.members_of(&id).is_empty());
                        assert!(judge.has_all(&id), "{id} started before what it depends on");
                        running.push(id);
                    }
                    Action::Finish(id) => {
                        assert!(!interrupted && !running.contains(&id) && !ends.contains(&id));
                        assert!(judge.members_landed(&id), "{id} finished before its members");
                        assert!(judge.has_all(&id) || board.status(&id) == Status::Completed);
                        running.push(id);
                    }
                    Action::Blocked(id, why) => {
                        assert!(!why.is_empty());
                        blocked.push(id.clone());
                        ends.push(id);
                    }
                    Action::Stop(id) => assert!(interrupted && running.contains(&id)),
                    Action::Done => done += 1,
                }
                assert!(running.len() <= jobs.max(1));
            }
            if running.is_empty() {
                break;
            }
            if stop_at == Some(turn) {
                interrupted = true;
                actions = run.step(Some(Happened::Interrupted));
                continue;
            }
            let (which, how) = luck.next().unwrap();
            let id = running.remove(which % running.len());
            judge.clock += 1;
            if *how == Ended::Landed {
                judge.landed_at.insert(id.clone(), judge.clock);
            }
            ends.push(id.clone());
            actions = run.step(Some(Happened::Ended { id, how: *how }));
        }
        assert_eq!(done, 1, "Done is reached");
        let mut once: Vec<&SpecId> = ends.iter().filter(|id| asked.contains(*id) || refused.contains(*id)).collect();
        once.sort();
        let expected: Vec<&SpecId> = asked.union(&refused).collect();
        assert_eq!(once, expected, "every wanted spec ends exactly once");
        for id in blocked.iter().filter(|id| !interrupted && !refused.contains(*id)) {
            let given_up = judge.drivers(id).iter().any(|driver| board.status(driver) == Status::Cancelled);
            let round = board.row(id).is_some_and(|row| row.blocked_by.iter().any(|b| b.what == BlockKind::Cycle));
            let waits = given_up || round || !judge.has_all(id) || !judge.members_landed(id);
            assert!(waits, "{id} was held up by nothing");
        }
    });
}

fn outcome() -> impl Strategy<Value = (usize, Ended)> {
    let how = prop_oneof![
        6 => Just(Ended::Landed), 1 => Just(Ended::Failed),
        1 => Just(Ended::InReview), 1 => Just(Ended::Refused),
    ];
    (0_usize..100, how)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_laws_hold_for_every_project_and_every_luck(
        project in project(),
        wanted in proptest::collection::vec(0_usize..100, 1..6),
        jobs in 0_usize..5,
        luck in proptest::collection::vec(outcome(), 1..20),
        stop_at in proptest::option::weighted(0.2, 0_usize..8),
    ) {
        let names = project.names();
        let wanted: Vec<SpecId> = wanted.iter().map(|w| id(&names[w % names.len()])).collect();
        run_and_judge(&project.world(), &wanted, jobs, &luck, stop_at);
    }

    #[test]
    fn where_all_is_wanted_and_all_goes_well_all_lands_that_waits_for_nothing_impossible(project in project()) {
        let mut project = project;
        project.past.iter_mut().for_each(|past| *past = Past::Nothing);
        project.release.iter_mut().for_each(|release| *release = false);
        let world = project.world();
        world.see(|input, board| {
            let wanted: Vec<SpecId> = input.set.ids().cloned().collect();
            let mut run = Schedule::new(&wanted, board, input.set, 3);
            let (mut actions, mut landed) = (run.step(None), BTreeSet::new());
            let mut running = Vec::new();
            loop {
                running.extend(actions.iter().filter_map(|a| match a {
                    Action::Start(id) | Action::Finish(id) => Some(id.clone()),
                    _ => None,
                }));
                let Some(id) = running.pop() else { break };
                landed.insert(id.clone());
                actions = run.step(Some(Happened::Ended { id, how: Ended::Landed }));
            }
            let graph = super::graph::Graph::new(input.set);
            if graph.cycle().is_none() {
                assert_eq!(landed.len(), wanted.len());
            } else {
                assert!(landed.len() < wanted.len());
            }
        });
    }
}
