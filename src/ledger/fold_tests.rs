use super::super::block::{Block, Transition::*};
use super::super::fixture::{World, name, oid};
use super::super::record::{How, Landed};
use super::super::{Answer, Approval, Note, Oid, Question};
use super::*;

const DONE: State = State::Completed;

fn root(w: &World) -> Oid {
    w.commits[0].0
}

/// A world in which `x` was completed on its branch.
fn completed() -> (World, [Oid; 3]) {
    let mut w = World::new();
    let attempt = w.attempt(root(&w), "x", 1, "main");
    w.branch("chant/x", attempt[2]);
    (w, attempt)
}

/// A world in which a merge landed `x` on `main`.
fn landed() -> (World, [Oid; 3], Oid) {
    let (mut w, attempt) = completed();
    let landing = w.land(&[root(&w), attempt[2]], &[("x", 1, attempt[2])]);
    w.view.branches.clear();
    w.main(landing);
    (w, attempt, landing)
}

#[test]
fn a_start_claims_and_the_last_event_of_the_highest_attempt_decides() {
    let mut w = World::new();
    let start = w.start(root(&w), "x", 1, "main");
    w.branch("chant/x", start);
    assert_eq!(w.stands("x"), (State::InProgress, None));
    let reason = Block { status: Some(Failed), reason: Some("red".into()), ..Block::default() };
    let failed = w.event(start, "x", 1, reason);
    assert_eq!(w.stands("x"), (State::Failed { reason: Some("red".into()) }, None));
    let again = w.start(failed, "x", 2, "main");
    let record = w.record("x");
    assert_eq!((record.state, record.attempt, record.highest), (State::InProgress, 2, 2));
    assert_eq!(record.start.unwrap().commit, again);
    assert_eq!(record.entries.iter().map(|e| e.commit).collect::<Vec<_>>(), [start, failed, again]);
    assert_eq!(w.anomalies(), [""; 0]);
}

#[test]
fn a_stalled_run_goes_on_as_the_same_attempt() {
    let mut w = World::new();
    let first = w.start(root(&w), "x", 1, "main");
    let work = w.work(&[first]);
    let second = w.start(work, "x", 1, "main");
    let done = w.complete(second, "x", 1);
    let record = w.record("x");
    assert_eq!((record.state, record.attempt, record.decided_by), (DONE, 1, Some(done)));
    assert_eq!((record.start.unwrap().commit, record.last_start.unwrap().commit), (first, second));
}

#[test]
fn a_reset_keeps_its_number_and_a_cancellation_its_reason() {
    let mut w = World::new();
    let start = w.start(root(&w), "x", 1, "main");
    let reset = w.status(start, "x", 1, Pending);
    let record = w.record("x");
    assert_eq!((record.state, record.attempt, record.highest), (State::Reset, 1, 1));
    w.event(reset, "x", 1, Block { status: Some(Cancelled), reason: Some("no".into()), ..Block::default() });
    assert_eq!(w.stands("x").0, State::Cancelled { reason: Some("no".into()) });
}

#[test]
fn a_status_on_a_commit_that_changes_files_is_an_anomaly_and_no_event() {
    let (mut w, [_, work, _]) = completed();
    let forged = Block { spec: Some(name("y")), attempt: Some(1), status: Some(Completed), ..Block::default() };
    let at = w.say(&[work], &super::super::write("t", "", &forged), false);
    let ledger = w.ledger();
    assert!(ledger.record(&name("y")).is_none());
    assert_eq!(ledger.anomalies[0].commit, Some(at));
    assert_eq!(ledger.anomalies[0].spec, Some(name("y")));
}

#[test]
fn garbage_is_reported_and_means_nothing() {
    let (mut w, [.., done]) = completed();
    for text in ["Chant-Status: completed", "Chant-Spec: x\nChant-Status: done\nChant-Attempt: 2", "Chant-Attempt: 3"] {
        w.say(&[done], &format!("t\n\n{text}\n"), true);
    }
    w.say(&[done], "t\n\nChant-Spec: x\nChant-Mood: good\n", true);
    assert_eq!(w.stands("x"), (DONE, None));
    assert_eq!(w.record("x").highest, 1);
    assert_eq!(w.anomalies().len(), 3);
}

#[test]
fn a_completion_that_no_start_precedes_does_not_count() {
    let mut w = World::new();
    let start = w.start(root(&w), "x", 1, "main");
    let aside = w.complete(root(&w), "x", 1);
    let second = w.complete(start, "x", 2);
    w.branch("chant/x", second);
    w.main(aside);
    assert_eq!(w.stands("x"), (State::InProgress, None));
    // Its number is not given out again.
    assert_eq!(w.record("x").highest, 2);
    assert_eq!(w.anomalies().len(), 2);
}

#[test]
fn a_fresh_branch_is_not_merged_and_a_completed_one_is_not_merged_before_it_lands() {
    let mut w = World::new();
    let start = w.start(root(&w), "x", 1, "main");
    w.main(start);
    assert_eq!(w.record("x").in_target, In::No);
    let (w, _) = completed();
    assert_eq!(w.record("x").in_target, In::No);
}

#[test]
fn ancestry_shows_a_landing_and_names_the_merge_that_brought_it() {
    let (mut w, attempt, landing) = landed();
    let later = w.work(&[landing]);
    w.main(later);
    let expected = Landed { how: How::Ancestry, commit: landing, target: "main".into() };
    let record = w.record("x");
    assert_eq!(record.in_target, In::Yes(expected));
    assert_eq!(record.decided_by, Some(attempt[2]));
    assert!(w.in_base("x", later) && w.in_base("x", landing) && !w.in_base("x", root(&w)));
}

#[test]
fn a_fast_forward_is_a_landing_too() {
    let (mut w, [.., done]) = completed();
    w.main(done);
    assert_eq!(w.stands("x"), (DONE, Some(How::Ancestry)));
}

#[test]
fn a_rebased_copy_in_the_target_is_the_same_event() {
    let (mut w, [_, _, original]) = completed();
    let moved = w.work(&[root(&w)]);
    let start = w.start_as(moved, "x", 1, "main", "run1@here");
    let work = w.work(&[start]);
    let copy = w.complete(work, "x", 1);
    w.main(copy);
    let record = w.record("x");
    assert_eq!((record.decided_by, record.entries.len()), (Some(copy), 2));
    assert_eq!(w.stands("x"), (DONE, Some(How::Ancestry)));
    assert_eq!(w.anomalies(), [""; 0]);
    assert!(w.in_base("x", copy) && w.in_base("x", original));
}

#[test]
fn work_after_a_landed_completion_is_not_landed_by_it() {
    let (mut w, [.., first]) = completed();
    w.main(first);
    let more = w.work(&[first]);
    let second = w.complete(more, "x", 1);
    w.branch("chant/x", second);
    assert_eq!(w.stands("x"), (DONE, None));
}

#[test]
fn a_squash_is_known_by_its_trailer() {
    let (mut w, [.., done]) = completed();
    let squash = w.land(&[root(&w)], &[("x", 1, done)]);
    w.main(squash);
    assert_eq!(w.record("x").landing.unwrap(), Landed { how: How::Trailer, commit: squash, target: "main".into() });
    assert!(w.in_base("x", squash));
}

#[test]
fn a_landing_that_brings_nothing_is_none() {
    let (mut w, [.., done]) = completed();
    let block = Block {
        landings: vec![super::super::Landing { spec: name("x"), attempt: 1, commit: done }],
        ..Block::default()
    };
    let empty = w.say(&[root(&w)], &super::super::write("t", "", &block), true);
    w.main(empty);
    assert_eq!(w.stands("x"), (DONE, None));
    assert_eq!(w.anomalies().len(), 1);
}

#[test]
fn a_landing_that_names_something_else_does_not_count() {
    let (mut w, [start, work, _]) = completed();
    let squash = w.land(&[root(&w)], &[("x", 1, start), ("x", 1, work), ("y", 1, start)]);
    w.main(squash);
    assert_eq!(w.stands("x"), (DONE, None));
    assert_eq!(w.anomalies().len(), 3);
}

#[test]
fn where_only_a_landing_is_left_it_tells_of_the_spec() {
    let mut w = World::new();
    let squash = w.land(&[root(&w)], &[("x", 3, oid(999))]);
    w.main(squash);
    let record = w.record("x");
    assert_eq!((record.attempt, record.highest, record.decided_by), (3, 3, Some(squash)));
    assert_eq!(record.in_target, In::Yes(Landed { how: How::Trailer, commit: squash, target: "main".into() }));
    let revert = w.revert(squash, squash);
    w.main(revert);
    let record = w.record("x");
    assert_eq!((record.state, record.in_target, record.reverted), (DONE, In::No, Some(revert)));
}

#[test]
fn a_squash_without_a_trailer_is_found_by_its_patch() {
    let (mut w, [start, _, done]) = completed();
    let squash = w.work(&[root(&w)]);
    w.main(squash);
    let question = Question::Squashed { tip: done, start, target: squash };
    assert_eq!(w.questions(), [question]);
    assert_eq!(w.stands("x"), (DONE, None));
    w.answers.insert(question, Answer::At(squash));
    assert_eq!(w.stands("x"), (DONE, Some(How::Patch)));
    assert!(w.in_base("x", squash) && !w.in_base("x", root(&w)));
    let revert = w.revert(squash, squash);
    w.main(revert);
    w.answers.insert(Question::Squashed { tip: done, start, target: revert }, Answer::At(squash));
    assert_eq!(w.record("x").reverted, Some(revert));
    assert!(!w.in_base("x", revert));
}

#[test]
fn a_target_that_is_gone_counts_as_the_revision_looked_from() {
    let (mut w, [.., done]) = completed();
    w.view.branches.clear();
    w.view.from = done;
    assert_eq!(w.record("x").landing.unwrap().target, "main");
}

#[test]
fn the_upstream_of_the_target_counts_as_the_target() {
    let (mut w, [.., done], landing) = landed();
    w.view.branches.insert("main".into(), vec![root(&w), landing]);
    w.branch("chant/x", done);
    assert_eq!(w.record("x").landing.unwrap().commit, landing);
}

#[test]
fn a_revert_takes_a_landing_back_and_a_revert_of_it_gives_it_back() {
    let (mut w, _, mut tip) = landed();
    let landing = tip;
    for n in 1..=6 {
        tip = w.revert(tip, tip);
        w.main(tip);
        let record = w.record("x");
        let taken_back = n % 2 == 1;
        assert_eq!(record.in_target == In::No, taken_back, "{n}");
        assert_eq!(record.reverted.is_some(), taken_back, "{n}");
        assert_eq!(w.in_base("x", tip), !taken_back, "{n}");
        assert!(w.in_base("x", landing));
    }
}

#[test]
fn a_revert_that_names_an_abbreviated_commit_is_one_all_the_same() {
    let (mut w, _, landing) = landed();
    let message = format!("Revert x\n\nThis reverts commit {} (a landing, 2026-01-01).\n", &landing.to_string()[..9]);
    let revert = w.say(&[landing], &message, false);
    w.answers.insert(Question::Reverts { revert, reverted: landing }, Answer::Inverse);
    w.main(revert);
    assert_eq!(w.record("x").reverted, Some(revert));
}

#[test]
fn a_revert_that_only_says_so_changes_nothing_and_a_partial_one_wants_attention() {
    for (answer, anomalies) in [(Answer::No, 0), (Answer::Partial, 1)] {
        let (mut w, _, landing) = landed();
        let revert = w.revert_as(landing, landing, answer);
        w.main(revert);
        assert_eq!(w.stands("x"), (DONE, Some(How::Ancestry)));
        assert_eq!(w.anomalies().len(), anomalies);
    }
}

#[test]
fn after_a_fast_forward_a_revert_of_the_completing_event_bears_on_the_whole_work() {
    let (mut w, [start, _, done]) = completed();
    let revert = w.say(&[done], &format!("Revert \"x\"\n\nThis reverts commit {done}.\n"), false);
    w.main(revert);
    assert_eq!((w.stands("x"), w.anomalies().len()), ((DONE, Some(How::Ancestry)), 0), "it only says so");
    let question = Question::RevertsSide { revert, merge: done, back_to: start };
    w.answers.insert(question, Answer::Partial);
    assert_eq!(w.stands("x"), (DONE, Some(How::Ancestry)));
    assert_eq!(w.anomalies(), [format!("{} takes back a part of what x landed", revert.short())]);
    w.answers.insert(question, Answer::Inverse);
    assert_eq!((w.record("x").reverted, w.record("x").in_target), (Some(revert), In::No));
    let again = w.revert(revert, revert);
    w.main(again);
    assert_eq!(w.stands("x"), (DONE, Some(How::Ancestry)));
}

#[test]
fn a_revert_elsewhere_takes_nothing_back_here() {
    let (mut w, _, landing) = landed();
    let revert = w.revert(landing, landing);
    w.branch("elsewhere", revert);
    assert_eq!(w.stands("x"), (DONE, Some(How::Ancestry)));
    assert!(!w.in_base("x", revert));
}

#[test]
fn reverting_all_the_work_takes_it_back_and_a_part_of_it_wants_attention() {
    let mut w = World::new();
    let start = w.start(root(&w), "x", 1, "main");
    let one = w.work(&[start]);
    let two = w.work(&[one]);
    let done = w.complete(two, "x", 1);
    let first = w.revert(done, two);
    w.main(first);
    assert_eq!(w.stands("x"), (DONE, Some(How::Ancestry)));
    assert_eq!(w.anomalies().len(), 1);
    let second = w.revert(first, one);
    w.main(second);
    assert_eq!(w.record("x").reverted, Some(second));
    assert_eq!(w.anomalies(), [""; 0]);
}

#[test]
fn a_revert_within_the_work_is_part_of_the_work() {
    let mut w = World::new();
    let start = w.start(root(&w), "x", 1, "main");
    let one = w.work(&[start]);
    let two = w.revert(one, one);
    let done = w.complete(two, "x", 1);
    w.main(done);
    assert_eq!(w.stands("x"), (DONE, Some(How::Ancestry)));
    assert_eq!(w.anomalies(), [""; 0]);
}

#[test]
fn what_landed_again_after_its_revert_has_landed() {
    let (mut w, [.., done], landing) = landed();
    let revert = w.revert(landing, landing);
    let again = w.land(&[revert], &[("x", 1, done)]);
    w.main(again);
    assert_eq!(w.stands("x"), (DONE, Some(How::Trailer)));
    assert!(w.in_base("x", again) && !w.in_base("x", revert));
}

#[test]
fn the_next_attempt_after_a_revert_lands_on_its_own() {
    let (mut w, _, landing) = landed();
    let revert = w.revert(landing, landing);
    let [.., done] = w.attempt(revert, "x", 2, "main");
    w.main(revert);
    w.branch("chant/x", done);
    assert_eq!(w.stands("x"), (DONE, None));
    assert_eq!(w.record("x").reverted, None);
    w.main(done);
    assert_eq!(w.stands("x"), (DONE, Some(How::Ancestry)));
}

/// A driver `d` with two members, all landed; the commits of the members' landings, and the driver's own.
fn driver_landed(squash: bool) -> (World, [Oid; 3]) {
    let mut w = World::new();
    let begun = w.start(root(&w), "d", 1, "main");
    let [.., one] = w.attempt(begun, "d.1", 1, "chant/d");
    let [.., two] = w.attempt(begun, "d.2", 1, "chant/d");
    let first = w.land(&[begun, one], &[("d.1", 1, one)]);
    let second = w.land(&[first, two], &[("d.2", 1, two)]);
    let done = w.complete(second, "d", 1);
    let parents = if squash { vec![root(&w)] } else { vec![root(&w), done] };
    let landing = w.land(&parents, &[("d", 1, done), ("d.1", 1, one), ("d.2", 1, two)]);
    w.main(landing);
    (w, [first, second, landing])
}

#[test]
fn a_member_lands_on_its_drivers_branch_and_then_with_its_driver() {
    let (mut w, [_, second, landing]) = driver_landed(false);
    let expected = |how, commit, target: &str| In::Yes(Landed { how, commit, target: target.into() });
    assert_eq!(w.record("d.1").in_target, expected(How::ThroughDriver, landing, "main"));
    assert!(w.in_base("d.1", landing) && !w.in_base("d.1", root(&w)));
    w.main(root(&w));
    w.branch("chant/d", second);
    assert_eq!(w.record("d.2").in_target, expected(How::Ancestry, second, "chant/d"));
    assert_eq!(w.stands("d"), (DONE, None));
    assert_eq!(w.anomalies(), [""; 0]);
}

#[test]
fn a_squashed_driver_takes_its_members_along() {
    let (w, [.., landing]) = driver_landed(true);
    for spec in ["d.1", "d.2"] {
        assert_eq!(w.stands(spec), (DONE, Some(How::ThroughDriver)));
        assert!(w.in_base(spec, landing));
    }
}

#[test]
fn a_driver_squashed_without_a_trailer_takes_its_members_along() {
    let (mut w, _) = driver_landed(true);
    let squash = w.work(&[root(&w)]);
    w.main(squash);
    for question in w.questions() {
        let Question::Squashed { tip, target, .. } = question else { continue };
        let of_driver = Some(tip) == w.record("d").decided_by;
        w.answers.insert(question, if of_driver && target == squash { Answer::At(squash) } else { Answer::NotFound });
    }
    assert_eq!(w.stands("d"), (DONE, Some(How::Patch)));
    assert_eq!(w.stands("d.1"), (DONE, Some(How::ThroughDriver)));
    assert!(w.in_base("d.2", squash));
}

#[test]
fn a_revert_of_the_drivers_landing_takes_all_its_members_back() {
    for squash in [false, true] {
        let (mut w, [.., landing]) = driver_landed(squash);
        let revert = w.revert(landing, landing);
        w.main(revert);
        for spec in ["d", "d.1", "d.2"] {
            let record = w.record(spec);
            assert_eq!((record.in_target, record.reverted), (In::No, Some(revert)), "{spec}");
        }
        let back = w.revert(revert, revert);
        w.main(back);
        assert!(["d", "d.1", "d.2"].iter().all(|spec| w.stands(spec).1.is_some()));
    }
}

#[test]
fn a_kept_drivers_branch_does_not_hide_that_the_driver_was_reverted() {
    let (mut w, [_, second, landing]) = driver_landed(false);
    w.branch("chant/d", second);
    let revert = w.revert(landing, landing);
    w.main(revert);
    assert_eq!(w.record("d.1").reverted, Some(revert));
}

#[test]
fn a_revert_of_one_members_landing_takes_that_one_back() {
    let (mut w, [first, _, landing]) = driver_landed(false);
    let revert = w.revert(landing, first);
    w.main(revert);
    assert_eq!(w.record("d.1").reverted, Some(revert));
    assert_eq!(w.stands("d.2"), (DONE, Some(How::ThroughDriver)));
    assert_eq!(w.stands("d"), (DONE, Some(How::Ancestry)));
    assert_eq!(w.anomalies().len(), 1);
}

#[test]
fn a_landing_without_lines_is_taken_back_with_all_it_brought() {
    let mut w = World::new();
    let [.., x] = w.attempt(root(&w), "x", 1, "main");
    let [.., y] = w.attempt(x, "y", 1, "main");
    let before = w.work(&[root(&w)]);
    let merge = w.work(&[before, y]);
    let revert = w.revert(merge, merge);
    w.main(revert);
    assert_eq!(w.record("x").reverted, Some(revert));
    assert_eq!(w.record("y").reverted, Some(revert));
}

#[test]
fn members_of_members_land_with_the_outermost_driver() {
    let mut w = World::new();
    let outer = w.start(root(&w), "d", 1, "main");
    let inner = w.start(outer, "d.1", 1, "chant/d");
    let [.., leaf] = w.attempt(inner, "d.1.1", 1, "chant/d.1");
    let into_inner = w.land(&[inner, leaf], &[("d.1.1", 1, leaf)]);
    let inner_done = w.complete(into_inner, "d.1", 1);
    let into_outer = w.land(&[outer, inner_done], &[("d.1", 1, inner_done)]);
    let done = w.complete(into_outer, "d", 1);
    let landing = w.work(&[root(&w), done]);
    w.main(landing);
    let through = Landed { how: How::ThroughDriver, commit: landing, target: "main".into() };
    assert_eq!(w.record("d.1.1").in_target, In::Yes(through.clone()));
    assert_eq!(w.record("d.1").in_target, In::Yes(through));
}

#[test]
fn specs_that_name_each_others_branches_as_targets_end_in_no_round() {
    let mut w = World::new();
    let [.., a] = w.attempt(root(&w), "a", 1, "chant/b");
    let [.., b] = w.attempt(root(&w), "b", 1, "chant/a");
    w.branch("chant/a", a);
    w.branch("chant/b", b);
    assert_eq!(w.stands("a"), (DONE, None));
    assert_eq!(w.stands("b"), (DONE, None));
}

#[test]
fn concurrent_events_that_disagree_are_an_anomaly_and_what_is_in_the_target_wins() {
    let mut w = World::new();
    let start = w.start(root(&w), "x", 1, "main");
    let done = w.complete(start, "x", 1);
    let failed = w.status(start, "x", 1, Failed);
    let cancelled = w.status(start, "x", 1, Cancelled);
    w.branch("chant/x", failed);
    assert_eq!(w.stands("x"), (DONE, None));
    assert_eq!(w.anomalies().len(), 1);
    w.main(done);
    assert_eq!(w.stands("x"), (DONE, Some(How::Ancestry)));
    // One that knows of all ends the disagreement.
    let merge = w.work(&[done, failed, cancelled]);
    w.status(merge, "x", 1, Pending);
    assert_eq!(w.stands("x"), (State::Reset, None));
    assert_eq!(w.anomalies(), [""; 0]);
}

#[test]
fn what_one_clone_landed_while_another_rejected_it_is_completed_and_people_hear_of_the_rejection() {
    let (mut w, [.., done]) = completed();
    let word = |approval| Block { approval: Some(approval), ..Block::default() };
    let rejected = Block { status: Some(Pending), reason: Some("too dear".into()), ..word(Approval::Rejected) };
    let rejected = w.event(done, "x", 1, rejected);
    w.branch("chant/x", rejected);
    assert_eq!(w.stands("x"), (State::Reset, None));
    let approved = w.event(done, "x", 1, word(Approval::Approved));
    let landing = w.land(&[root(&w), approved], &[("x", 1, done)]);
    w.main(landing);
    assert_eq!(w.stands("x"), (DONE, Some(How::Ancestry)));
    assert!(w.in_base("x", landing));
    let record = w.record("x");
    assert_eq!((record.decided_by, record.approval.unwrap().0), (Some(done), Approval::Approved));
    let said =
        "attempt 1 of x was rejected by A <a@b> (too dear) where its landing was not known: it counts, for main has it";
    assert_eq!(w.anomalies(), [said]);
    // A revert leaves what was said last.
    let revert = w.revert(landing, landing);
    w.main(revert);
    assert_eq!(w.stands("x"), (State::Reset, None));
    assert_eq!(w.record("x").in_target, In::No);
}

#[test]
fn who_rejects_what_has_landed_or_lands_what_was_rejected_knows_of_it_and_the_last_word_counts() {
    let (mut w, [.., done]) = completed();
    let rejected = Block { status: Some(Pending), approval: Some(Approval::Rejected), ..Block::default() };
    let rejected = w.event(done, "x", 1, rejected);
    let merged = w.work(&[root(&w), rejected]);
    w.main(merged);
    assert_eq!(w.stands("x"), (State::Reset, None));
    let (mut w, _, landing) = landed();
    let reset = w.status(landing, "x", 1, Pending);
    w.branch("chant/x", reset);
    assert_eq!(w.stands("x"), (State::Reset, None));
    assert_eq!(w.anomalies(), [""; 0]);
}

#[test]
fn of_two_concurrent_completions_the_landed_one_counts() {
    let mut w = World::new();
    let [.., one] = w.attempt(root(&w), "x", 1, "main");
    let [.., two] = w.attempt(root(&w), "x", 1, "main");
    for landed in [one, two] {
        w.main(landed);
        assert_eq!(w.record("x").decided_by, Some(landed));
        assert_eq!(w.anomalies().len(), 1);
    }
}

#[test]
fn what_two_clones_landed_and_one_revert_took_back_has_not_landed() {
    for first_is_smaller in [true, false] {
        let mut w = World::new();
        let tips = [1, 2].map(|_| w.attempt(root(&w), "x", 1, "main")[2]);
        let landings = tips.map(|tip| w.land(&[root(&w), tip], &[("x", 1, tip)]));
        let both = w.work(&landings);
        let revert = w.revert(both, landings[usize::from(first_is_smaller)]);
        w.main(revert);
        assert_eq!(w.record("x").reverted, Some(revert));
        assert_eq!(w.record("x").in_target, In::No);
        assert!(!w.in_base("x", revert) && w.in_base("x", both));
        let again = w.revert(revert, revert);
        w.main(again);
        assert_eq!(w.stands("x"), (DONE, Some(How::Ancestry)));
    }
}

#[test]
fn the_order_in_which_concurrent_events_count_is_fixed() {
    let ends = [Completed, Cancelled, InProgress, Failed, Pending];
    let mut w = World::new();
    let start = w.start(root(&w), "x", 1, "main");
    for end in ends.into_iter().rev() {
        w.status(start, "x", 1, end);
        let decided = w.record("x").decided_by.unwrap();
        assert_eq!(decided, w.commits.last().unwrap().0, "{end:?}");
    }
}

#[test]
fn an_approval_before_work_allows_the_coming_attempt_and_begins_none() {
    let mut w = World::new();
    let yes = Block { approval: Some(Approval::Approved), reviewed_by: vec!["R <r@b>".into()], ..Block::default() };
    let approved = w.event(root(&w), "x", 1, yes.clone());
    let record = w.record("x");
    assert_eq!((record.state, record.attempt, record.highest), (State::New, 1, 0));
    assert_eq!(record.approval.unwrap().0, Approval::Approved);
    let start = w.start(approved, "x", 1, "main");
    let failed = w.status(start, "x", 1, Failed);
    let next = w.event(failed, "x", 2, yes.clone());
    let record = w.record("x");
    assert_eq!((record.state, record.attempt, record.highest), (State::Failed { reason: None }, 1, 1));
    assert_eq!(record.approval.unwrap().1.commit, next);
    w.event(next, "x", 9, yes);
    assert_eq!(w.record("x").attempt, 1);
    assert_eq!(w.anomalies().len(), 1);
}

#[test]
fn of_an_approval_and_a_rejection_at_once_the_rejection_counts() {
    let mut w = World::new();
    let word = |approval| Block { approval: Some(approval), ..Block::default() };
    w.event(root(&w), "x", 1, word(Approval::Approved));
    w.event(root(&w), "x", 1, word(Approval::Rejected));
    assert_eq!(w.record("x").approval.unwrap().0, Approval::Rejected);
    assert_eq!(w.anomalies().len(), 1);
}

fn disowning(w: &mut World, on: Oid, spec: &str, disowned: &[Oid]) -> Oid {
    let block = Block { status: Some(Failed), disowned: disowned.to_vec(), ..Block::default() };
    w.event(on, spec, 1, block)
}

#[test]
fn what_a_run_disowned_does_not_count_until_a_person_accepts_it() {
    let mut w = World::new();
    let start = w.start(root(&w), "x", 1, "main");
    let [victim_start, _, forged] = w.attempt(root(&w), "victim", 1, "main");
    disowning(&mut w, start, "x", &[forged]);
    assert_eq!(w.stands("victim"), (State::InProgress, None));
    let ledger = w.ledger();
    assert_eq!((ledger.anomalies[0].commit, &ledger.anomalies[0].spec), (Some(forged), &Some(name("victim"))));
    // A run's own events accept nothing, nor do a person's that do not know of it.
    let more = w.start(forged, "victim", 1, "main");
    w.event(victim_start, "victim", 1, Block { approval: Some(Approval::Approved), ..Block::default() });
    assert_eq!(w.record("victim").state, State::InProgress);
    assert_eq!(w.anomalies().len(), 1);
    w.status(more, "victim", 1, Pending);
    assert_eq!(w.stands("victim").0, State::Reset);
    assert_eq!(w.record("victim").entries.len(), 5);
    assert_eq!(w.anomalies(), [""; 0]);
}

#[test]
fn a_forged_acceptance_that_is_disowned_itself_accepts_nothing() {
    let mut w = World::new();
    let start = w.start(root(&w), "x", 1, "main");
    let [.., forged] = w.attempt(root(&w), "victim", 1, "main");
    let approval = w.event(forged, "victim", 1, Block { approval: Some(Approval::Approved), ..Block::default() });
    disowning(&mut w, start, "x", &[forged, approval]);
    assert_eq!(w.stands("victim"), (State::InProgress, None));
    assert_eq!(w.record("victim").approval, None);
}

#[test]
fn a_disowned_event_disowns_nothing() {
    let (mut w, [.., done]) = completed();
    let start = w.start(root(&w), "y", 1, "main");
    let forged = disowning(&mut w, start, "z", &[done]);
    assert_eq!(w.stands("x"), (State::InProgress, None));
    disowning(&mut w, start, "y", &[forged]);
    assert_eq!(w.stands("x"), (DONE, None));
}

#[test]
fn a_former_name_keeps_its_events() {
    let (mut w, [.., done]) = completed();
    let squash = w.land(&[root(&w)], &[("x", 1, done)]);
    w.main(squash);
    w.view.aliases.insert(name("x"), name("z"));
    assert_eq!(w.stands("z"), (DONE, Some(How::Trailer)));
    assert!(w.ledger().record(&name("x")).is_none());
}

#[test]
fn a_shallow_clone_does_not_know_what_lies_below_it() {
    let (mut w, [.., done]) = completed();
    let cut = w.work(&[]);
    w.shallow.push(cut);
    w.main(cut);
    assert_eq!(w.record("x").in_target, In::Unknown);
    let visible = w.land(&[cut], &[("x", 1, done)]);
    w.main(visible);
    assert_eq!(w.stands("x"), (DONE, Some(How::Trailer)));
}

#[test]
fn a_completion_whose_start_is_hidden_counts() {
    let mut w = World::new();
    let cut = w.work(&[oid(500)]);
    let done = w.complete(cut, "x", 1);
    w.main(done);
    assert_eq!(w.stands("x"), (DONE, Some(How::Ancestry)));
    assert_eq!(w.anomalies(), [""; 0]);
}

#[test]
fn reordered_copies_are_no_round() {
    let mut w = World::new();
    let run = |status| Block { status: Some(status), run: Some("r".into()), ..Block::default() };
    let one = w.event(root(&w), "x", 1, run(InProgress));
    w.event(one, "x", 1, run(Failed));
    let two = w.event(root(&w), "x", 1, run(Failed));
    w.event(two, "x", 1, run(InProgress));
    assert_eq!(w.stands("x").0, State::InProgress);
    assert_eq!(w.anomalies().len(), 1);
}

#[test]
fn an_empty_history_has_an_empty_ledger() {
    let mut w = World::new();
    w.commits.clear();
    assert_eq!(w.ledger(), Ledger::default());
}

#[test]
fn notes_of_other_things_are_no_events() {
    let mut w = World::new();
    let message = b"This reverts commit 123\n\nThis reverts commit \xff, see chant-spec".as_slice().into();
    let note = Note { message, same_tree: true, time: 0, author: String::new() };
    w.commits.push((oid(77), vec![root(&w)], Some(note)));
    assert_eq!(w.ledger(), Ledger::default());
}

#[test]
fn reverts_that_meet_in_a_merge_count_as_far_as_none_takes_them_back() {
    let (mut w, _, landing) = landed();
    let taken = w.revert(landing, landing);
    let back = w.revert(taken, taken);
    // There and back on one side, taken away on the other: merged, it is gone.
    let elsewhere = w.revert(landing, landing);
    let merge = w.work(&[back, elsewhere]);
    w.main(merge);
    assert_eq!(w.record("x").reverted, Some(elsewhere));
    // Back and away again on one side, back on the other: merged, it is there.
    let again = w.revert(back, back);
    let given = w.revert(taken, taken);
    let merge = w.work(&[again, given]);
    w.main(merge);
    assert_eq!(w.stands("x"), (DONE, Some(How::Ancestry)));
}

#[test]
fn what_landed_on_another_branch_than_its_target_is_pointed_out() {
    let mut w = World::new();
    let driver = w.start(root(&w), "d", 1, "main");
    let [.., done] = w.attempt(driver, "d.1", 1, "chant/d");
    w.branch("chant/d", driver);
    w.branch("chant/d.1", done);
    assert_eq!(w.anomalies(), [""; 0]);
    w.main(done);
    assert_eq!(w.stands("d.1"), (DONE, None));
    assert_eq!(w.anomalies(), ["attempt 1 of d.1 is in main, but not in its target chant/d"]);
}

#[test]
fn a_forged_number_uses_up_no_other() {
    let mut w = World::new();
    let start = w.start(root(&w), "x", 1, "main");
    w.complete(start, "x", 900_000);
    assert_eq!(w.record("x").highest, 1);
    w.complete(start, "x", 2);
    assert_eq!(w.record("x").highest, 2);
}
