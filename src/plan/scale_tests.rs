//! Ten thousand specs: the steps are counted, so that no clock has a say.
use super::effort;
use super::fixture::{World, id};
use super::schedule::{Action, Ended, Happened, Schedule};
use super::status::{Status, board};
use crate::spec::SpecId;

/// More steps than this for each spec and each reference, and something has stopped being linear.
const STEPS: u64 = 25;

fn world(specs: &[(String, String)]) -> World {
    World::new(specs.iter().map(|(name, front)| (name.as_str(), front.as_str())))
}

/// Each waits for the one before.
fn chain(n: usize) -> World {
    let front = |i: usize| if i == 0 { String::new() } else { format!("depends_on: [s-{}]", i - 1) };
    world(&(0..n).map(|i| (format!("s-{i}"), front(i))).collect::<Vec<_>>())
}

/// Layers of four, each spec waiting for all four of the layer before.
fn diamonds(n: usize) -> World {
    let front = |i: usize| {
        let layer = i / 4;
        let before: Vec<String> = (0..4).filter(|_| layer > 0).map(|k| format!("s-{}", (layer - 1) * 4 + k)).collect();
        format!("depends_on: [{}]", before.join(", "))
    };
    world(&(0..n).map(|i| (format!("s-{i}"), front(i))).collect::<Vec<_>>())
}

/// One driver that waits for as many specs as it has members.
fn fan(n: usize) -> World {
    let first: Vec<(String, String)> = (0..n / 2).map(|i| (format!("a-{i}"), String::new())).collect();
    let names: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
    let driver = ("d".to_owned(), format!("type: driver\ndepends_on: [{}]", names.join(", ")));
    let members = (0..n / 2).map(|i| (format!("d.{i}"), String::new()));
    world(&first.iter().cloned().chain([driver]).chain(members).collect::<Vec<_>>())
}

/// A ring: nothing can ever start.
fn ring(n: usize) -> World {
    world(&(0..n).map(|i| (format!("s-{i}"), format!("depends_on: [s-{}]", (i + 1) % n))).collect::<Vec<_>>())
}

/// Steps for the board and for a whole run in which all goes well, and what landed.
fn effort_of(world: &World) -> (u64, usize) {
    world.see(|input, _| {
        let (board, on_board) = effort::of(|| board(input));
        let wanted: Vec<SpecId> = input.set.ids().cloned().collect();
        let (landed, on_run) = effort::of(|| {
            let mut run = Schedule::new(&wanted, &board, input.set, 8);
            let (mut actions, mut running, mut landed) = (run.step(None), Vec::new(), 0);
            loop {
                running.extend(actions.drain(..).filter_map(|action| match action {
                    Action::Start(id) | Action::Finish(id) => Some(id),
                    _ => None,
                }));
                let Some(id) = running.pop() else { return landed };
                landed += 1;
                actions = run.step(Some(Happened::Ended { id, how: Ended::Landed }));
            }
        });
        (on_board + on_run, landed)
    })
}

#[test]
fn ten_thousand_in_a_chain_take_steps_in_proportion() {
    let (steps, landed) = effort_of(&chain(10_000));
    assert_eq!(landed, 10_000);
    assert!(steps < 10_000 * STEPS, "{steps}");
}

#[test]
fn ten_thousand_in_diamonds_take_steps_in_proportion_to_their_references() {
    let (steps, landed) = effort_of(&diamonds(10_000));
    assert_eq!(landed, 10_000);
    assert!(steps < 50_000 * STEPS, "{steps}");
}

#[test]
fn a_thousand_members_inherit_a_thousand_dependencies_without_a_million_steps() {
    let world = fan(2_000);
    let (steps, landed) = effort_of(&world);
    assert_eq!(landed, 2_001);
    assert!(steps < 3_000 * STEPS, "{steps}");
    let row = world.row("d.7");
    assert_eq!(row.blocked_by.len(), 1, "its driver stands for them all");
    assert_eq!(row.blocked_by[0].spec(), Some(&id("d")));
}

#[test]
fn a_ring_of_ten_thousand_is_told_in_a_few_words() {
    let world = ring(10_000);
    let (steps, landed) = effort_of(&world);
    assert_eq!(landed, 0);
    assert!(steps < 10_000 * STEPS, "{steps}");
    let row = world.row("s-5000");
    assert_eq!(row.status, Status::Blocked);
    assert!(row.blocked_by.iter().all(|blocker| blocker.reason.len() < 200));
}

#[test]
fn drivers_within_drivers_however_deep_are_walked_without_recursion() {
    let front = |i: usize| if i + 1 < 1_000 { format!("type: driver\nmembers: [s-{}]", i + 1) } else { String::new() };
    let world = world(&(0..1_000).map(|i| (format!("s-{i}"), front(i))).collect::<Vec<_>>());
    let (steps, landed) = effort_of(&world);
    assert_eq!(landed, 1_000);
    assert!(steps < 1_000 * STEPS, "{steps}");
}

#[test]
fn the_reasons_of_a_long_chain_are_cut_with_the_command_that_goes_on() {
    let world = chain(1_000);
    let why = world.see(|input, board| super::why::why(input, board, &id("s-999")));
    let (mut depth, mut at) = (0, &why);
    while let Some(next) = at.because.first() {
        (depth, at) = (depth + 1, next);
    }
    assert!((10..100).contains(&depth), "{depth}");
    assert!(at.lines[0].what.starts_with("the chain goes on: `chant why s-"), "{:?}", at.lines);
}
