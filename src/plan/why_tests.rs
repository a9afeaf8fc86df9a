use super::fixture::{World, id, qualified};
use super::status::Status;
use super::why::{Why, why};

fn ask(world: &World, name: &str) -> Why {
    world.see(|input, board| why(input, board, &id(name)))
}

fn said(why: &Why) -> Vec<&str> {
    why.lines.iter().map(|line| line.what.as_str()).collect()
}

#[test]
fn the_commits_that_decide_are_named_oldest_first() {
    let mut world = World::new([("1-a", "")]);
    world.begin("1-a").land("1-a");
    let why = ask(&world, "1-a");
    let expected = [
        "attempt 1 began by steps in run run@here, to land on main",
        "completed: 1 verified, 1 claimed",
        "landed on main",
    ];
    assert_eq!(said(&why), expected);
    let record = &world.ledger.specs[&qualified("1-a")];
    let commits: Vec<_> = why.lines.iter().map(|line| line.commit).collect();
    let landing = record.landing.as_ref().map(|landed| landed.commit);
    assert_eq!(commits, [record.start.as_ref().map(|e| e.commit), record.decided_by, landing]);
}

#[test]
fn a_blocked_spec_tells_the_whole_chain() {
    let mut world = World::new([
        ("1-a", ""),
        ("2-d", "type: driver\ndepends_on: [1-a]"),
        ("2-d.1", ""),
        ("3-c", "depends_on: [2-d]"),
    ]);
    world.fail("1-a", "two criteria unmet");
    let why = ask(&world, "3-c");
    assert_eq!(said(&why), ["no event speaks of it: it was never begun", "2-d is blocked itself"]);
    assert_eq!(why.because[0].id, id("2-d"));
    let last = &why.because[0].because[0];
    assert_eq!((last.status, last.lines[1].what.as_str()), (Status::Failed, "failed: two criteria unmet"));
    assert!(last.lines[1].commit.is_some());
}

#[test]
fn a_way_round_and_a_diamond_are_told_once() {
    let world = World::new([("1-a", "depends_on: [2-b]"), ("2-b", "depends_on: [1-a]")]);
    let why = ask(&world, "1-a");
    assert!(why.because[0].because[0].told);
    assert_eq!(why.because[0].because[0].because, []);

    let mut specs = vec![("00-s".to_owned(), String::new()), ("00-t".to_owned(), String::new())];
    for layer in 1..30 {
        let front = format!("depends_on: [{:02}-s, {:02}-t]", layer - 1, layer - 1);
        specs.push((format!("{layer:02}-s"), front.clone()));
        specs.push((format!("{layer:02}-t"), front));
    }
    let world = World::new(specs.iter().map(|(name, front)| (name.as_str(), front.as_str())));
    let why = ask(&world, "29-s");
    fn size(why: &Why) -> usize {
        1 + why.because.iter().map(size).sum::<usize>()
    }
    assert!(size(&why) < 2 * 2 * specs.len(), "{}", size(&why));
}

#[test]
fn a_driver_in_progress_tells_what_its_open_members_wait_for() {
    let mut world = World::new([("1-d", "type: driver"), ("1-d.1", ""), ("1-d.2", ""), ("1-d.3", "")]);
    world.branch("1-d").land("1-d.1").fail("1-d.2", "red");
    let why = ask(&world, "1-d");
    assert_eq!(said(&why), ["a member of it was begun"]);
    let because: Vec<_> = why.because.iter().map(|w| (w.id.to_string(), w.status)).collect();
    assert_eq!(because, [("1-d.2".into(), Status::Failed), ("1-d.3".into(), Status::Ready)]);
}

#[test]
fn what_only_this_machine_knows_has_no_commit() {
    let mut world = World::new([("1-a", ""), ("2-b", "")]);
    world.begin("1-a").complete("2-b").anomaly("2-b", "its branch moved by no engine's doing");
    world.live.conflicts.insert(id("2-b"), "README.md conflicts with 1-a".into());
    let stalled = ask(&world, "1-a").lines.pop().unwrap();
    let what = "it was claimed on this machine, and nobody holds its lock: `chant work 1-a` goes on";
    assert_eq!((stalled.commit, stalled.what.as_str()), (None, what));
    let why = ask(&world, "2-b");
    let last = &said(&why)[2..];
    let expected =
        ["it is on chant/2-b, not in main", "README.md conflicts with 1-a", "its branch moved by no engine's doing"];
    assert_eq!(last, expected);
    assert!(why.lines[4].commit.is_some());
}

#[test]
fn a_reverted_landing_names_the_revert() {
    let mut world = World::new([("1-a", "")]);
    world.land("1-a").revert(&["1-a"]);
    let last = ask(&world, "1-a").lines.pop().unwrap();
    assert_eq!(last.commit, world.ledger.specs[&qualified("1-a")].reverted);
    assert_eq!(last.what, "a revert in its target took its landing back");
}

#[test]
fn a_commit_is_named_once_a_line() {
    let mut world = World::new([("1-a", "")]);
    world.land("1-a").anomaly("1-a", "");
    let anomaly = world.ledger.anomalies.last_mut().unwrap();
    anomaly.message = format!("{} takes back a part of what 1-a landed", anomaly.commit.unwrap().short());
    let last = ask(&world, "1-a").lines.pop().unwrap();
    assert!(last.commit.is_some());
    assert_eq!(last.what, "takes back a part of what 1-a landed");
}
