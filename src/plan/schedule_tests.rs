use super::fixture::{World, id};
use super::schedule::{Action, Ended, Happened, Schedule};
use crate::spec::SpecId;

const KPI: [(&str, &str); 5] = [
    ("001-research", ""),
    ("002-fix", "type: driver\ndepends_on: ['001']"),
    ("002-fix.1", ""),
    ("002-fix.2", ""),
    ("002-fix.3", "depends_on: ['002.1']"),
];

fn schedule(world: &World, wanted: &[&str], jobs: usize) -> Schedule {
    let wanted: Vec<SpecId> = wanted.iter().map(|name| id(name)).collect();
    world.see(|input, board| Schedule::new(&wanted, board, input.set, jobs))
}

fn start(name: &str) -> Action {
    Action::Start(id(name))
}

fn finish(name: &str) -> Action {
    Action::Finish(id(name))
}

fn blocked(name: &str, why: &str) -> Action {
    Action::Blocked(id(name), why.into())
}

fn ended(name: &str, how: Ended) -> Option<Happened> {
    Some(Happened::Ended { id: id(name), how })
}

#[test]
fn members_run_side_by_side_and_the_driver_is_finished_after_the_last() {
    let mut world = World::new(KPI);
    world.land("001-research");
    let mut run = schedule(&world, &["002-fix"], 4);
    assert_eq!(run.step(None), [start("002-fix.1"), start("002-fix.2")]);
    assert_eq!(run.step(ended("002-fix.1", Ended::Landed)), [start("002-fix.3")]);
    assert_eq!(run.step(ended("002-fix.3", Ended::Landed)), []);
    assert_eq!(run.step(ended("002-fix.2", Ended::Landed)), [finish("002-fix")]);
    assert_eq!(run.step(ended("002-fix", Ended::Landed)), [Action::Done]);
    assert_eq!(run.step(None), []);
}

#[test]
fn what_is_wanted_together_waits_for_each_other() {
    let mut run = schedule(&World::new(KPI), &["002-fix", "001-research"], 1);
    assert_eq!(run.step(None), [start("001-research")]);
    assert_eq!(run.step(ended("001-research", Ended::Landed)), [start("002-fix.1")]);
}

#[test]
fn what_waits_for_something_outside_the_run_is_blocked_at_once() {
    let mut run = schedule(&World::new(KPI), &["002-fix.1"], 4);
    let why = "001-research is not done yet (its driver 002-fix depends on it)";
    assert_eq!(run.step(None), [blocked("002-fix.1", why), Action::Done]);
}

#[test]
fn one_member_fails_and_the_others_land_and_what_depends_on_it_is_blocked() {
    let mut world = World::new(KPI);
    world.land("001-research");
    let mut run = schedule(&world, &["002-fix"], 4);
    run.step(None);
    let after = run.step(ended("002-fix.1", Ended::Failed));
    assert_eq!(after, [blocked("002-fix.3", "002-fix.1 has failed")]);
    let after = run.step(ended("002-fix.2", Ended::Landed));
    let why = "002-fix.1 has failed and 002-fix.3 is blocked";
    assert_eq!(after, [blocked("002-fix", why), Action::Done]);
}

#[test]
fn the_next_run_takes_only_what_is_missing() {
    let mut world = World::new(KPI);
    world.land("001-research").land("002-fix.1").fail("002-fix.2", "no").cancel("002-fix.3").branch("002-fix");
    let mut run = schedule(&world, &["002-fix"], 4);
    assert_eq!(run.step(None), [start("002-fix.2")]);
    assert_eq!(run.step(ended("002-fix.2", Ended::Landed)), [finish("002-fix")]);
}

#[test]
fn whoever_lands_the_last_member_finishes_the_driver_unasked() {
    let mut world = World::new(KPI);
    world.land("001-research").land("002-fix.1").land("002-fix.2").branch("002-fix");
    let mut run = schedule(&world, &["002-fix.3"], 4);
    assert_eq!(run.step(None), [start("002-fix.3")]);
    assert_eq!(run.step(ended("002-fix.3", Ended::Landed)), [finish("002-fix")]);
    assert_eq!(run.step(ended("002-fix", Ended::Failed)), [Action::Done]);
}

#[test]
fn a_driver_that_was_left_between_its_last_member_and_its_end_is_finished_by_way_of_any_member() {
    let mut world = World::new(KPI);
    world.land("001-research").branch("002-fix");
    world.land("002-fix.1").land("002-fix.2").land("002-fix.3");
    assert_eq!(schedule(&world, &["002-fix.2"], 4).step(None), [finish("002-fix")]);
    world.begin("002-fix").fail("002-fix", "red");
    assert_eq!(schedule(&world, &["002-fix.2"], 4).step(None), [Action::Done], "a failure is not tried again unasked");
    assert_eq!(schedule(&world, &["002-fix"], 4).step(None), [finish("002-fix")]);
    world.land("002-fix");
    assert_eq!(schedule(&world, &["002-fix"], 4).step(None), [Action::Done]);
}

#[test]
fn a_stranger_that_depends_on_a_member_waits_until_its_driver_has_landed() {
    let mut world = World::new(KPI.into_iter().chain([("003-report", "depends_on: ['002.1']")]));
    world.land("001-research");
    let mut run = schedule(&world, &["002-fix.1", "003-report"], 4);
    assert_eq!(run.step(None), [start("002-fix.1")]);
    let after = run.step(ended("002-fix.1", Ended::Landed));
    assert_eq!(after, [blocked("003-report", "002-fix will not land in this run"), Action::Done]);
    let mut run = schedule(&world, &["002-fix", "003-report"], 4);
    run.step(None);
    run.step(ended("002-fix.1", Ended::Landed));
    run.step(ended("002-fix.2", Ended::Landed));
    assert_eq!(run.step(ended("002-fix.3", Ended::Landed)), [finish("002-fix")]);
    assert_eq!(run.step(ended("002-fix", Ended::Landed)), [start("003-report")]);
}

#[test]
fn what_lands_on_another_branch_is_not_waited_for() {
    let world = World::new([("1-a", "target: release"), ("2-b", "depends_on: [1-a]")]);
    let mut run = schedule(&world, &["1-a", "2-b"], 4);
    assert_eq!(run.step(None), [blocked("2-b", "1-a is not done yet"), start("1-a")]);
}

#[test]
fn the_cancelled_and_the_unheard_of_are_refused_and_the_landed_is_nothing_to_do() {
    let mut world = World::new([("1-a", ""), ("2-b", "")]);
    world.cancel("1-a").land("2-b");
    let mut run = schedule(&world, &["1-a", "2-b", "9-z"], 4);
    let why = "it was cancelled: `chant reset 1-a` makes it ready again";
    assert_eq!(run.step(None), [blocked("1-a", why), blocked("9-z", "there is no spec 9-z"), Action::Done]);
}

#[test]
fn an_interrupt_stops_what_runs_starts_nothing_and_ends_when_all_has_stopped() {
    let mut world = World::new(KPI);
    world.land("001-research");
    let mut run = schedule(&world, &["002-fix"], 1);
    assert_eq!(run.step(None), [start("002-fix.1")]);
    let after = run.step(Some(Happened::Interrupted));
    let why = "the run was interrupted before it began";
    assert_eq!(after[0], Action::Stop(id("002-fix.1")));
    assert!(after[1..].iter().all(|a| matches!(a, Action::Blocked(_, text) if text == why)), "{after:?}");
    assert_eq!(after.len(), 4);
    assert_eq!(run.step(ended("002-fix.1", Ended::Landed)), [Action::Done]);
}

#[test]
fn a_driver_without_members_is_finished_as_soon_as_it_may_begin() {
    let world = World::new([("1-a", ""), ("2-d", "type: driver\ndepends_on: [1-a]")]);
    let mut run = schedule(&world, &["1-a", "2-d"], 4);
    assert_eq!(run.step(None), [start("1-a")]);
    assert_eq!(run.step(ended("1-a", Ended::Landed)), [finish("2-d")]);
}

#[test]
fn news_of_what_does_not_run_changes_nothing() {
    let mut run = schedule(&World::new([("1-a", ""), ("2-b", "")]), &["1-a"], 1);
    assert_eq!(run.step(ended("1-a", Ended::Landed)), [start("1-a")], "not begun yet");
    assert_eq!(run.step(ended("2-b", Ended::Landed)), []);
    assert_eq!(run.step(ended("1-a", Ended::Landed)), [Action::Done]);
    assert_eq!(run.step(ended("1-a", Ended::Failed)), []);
}

proptest::proptest! {
    #[test]
    fn those_that_are_kept_apart_never_run_together_and_all_come_to_an_end(
        pairs in proptest::collection::vec((0_usize..5, 0_usize..5), 0..8),
        jobs in 1_usize..6,
        luck in proptest::collection::vec((0_usize..5, proptest::bool::ANY), 1..12),
    ) {
        let names = ["001-a", "002-b", "003-c", "004-d", "005-e"];
        let world = World::new(names.map(|name| (name, "")));
        let ids = names.map(id);
        let pairs: Vec<(usize, usize)> = pairs.into_iter().filter(|(a, b)| a != b).collect();
        let apart = pairs.iter().map(|(a, b)| (&ids[*a], &ids[*b]));
        let mut run = schedule(&world, &names, jobs).keep_apart(apart);
        let (mut running, mut over, mut turn) = (Vec::<SpecId>::new(), 0, 0);
        let mut actions = run.step(None);
        let mut done = false;
        while !done {
            for action in actions.drain(..) {
                match action {
                    Action::Start(id) => running.push(id),
                    Action::Done => done = true,
                    other => proptest::prop_assert!(false, "{:?}", other),
                }
            }
            if done {
                break;
            }
            proptest::prop_assert!(!running.is_empty() && running.len() <= jobs);
            for (a, b) in &pairs {
                proptest::prop_assert!(!(running.contains(&ids[*a]) && running.contains(&ids[*b])));
            }
            let (which, well) = luck[turn % luck.len()];
            turn += 1;
            let id = running.remove(which % running.len());
            over += 1;
            let how = if well { Ended::Landed } else { Ended::Failed };
            actions = run.step(Some(Happened::Ended { id, how }));
        }
        proptest::prop_assert_eq!(over, names.len());
    }
}
