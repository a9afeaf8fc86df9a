use super::fixture::{World, id};
use super::status::{BlockKind, Status};
use crate::ledger::Approval;

const KPI: [(&str, &str); 5] = [
    ("001-research", ""),
    ("002-fix", "type: driver\ndepends_on: ['001']"),
    ("002-fix.1", ""),
    ("002-fix.2", ""),
    ("002-fix.3", "depends_on: ['002.1']"),
];

fn reasons(world: &World, name: &str) -> Vec<String> {
    world.row(name).blocked_by.into_iter().map(|b| b.reason).collect()
}

#[test]
fn what_depends_on_nothing_is_ready_and_members_inherit_what_their_driver_waits_for() {
    let world = World::new(KPI);
    assert_eq!(world.status("001-research"), Status::Ready);
    assert_eq!(world.status("002-fix"), Status::Blocked);
    assert_eq!(reasons(&world, "002-fix"), ["001-research is not done yet"]);
    assert_eq!(reasons(&world, "002-fix.2"), ["001-research is not done yet (its driver 002-fix depends on it)"]);
    let waits: Vec<_> = world.row("002-fix.3").blocked_by.into_iter().map(|b| b.what).collect();
    assert_eq!(waits, [BlockKind::Spec(id("002-fix.1")), BlockKind::Spec(id("001-research"))]);
}

#[test]
fn a_landed_dependency_counts_also_inside_the_driver_that_names_it() {
    let mut world = World::new(KPI);
    world.land("001-research");
    assert_eq!(world.status("001-research"), Status::Completed);
    assert_eq!(world.status("002-fix"), Status::Ready);
    assert_eq!(world.status("002-fix.1"), Status::Ready);
    assert_eq!(reasons(&world, "002-fix.3"), ["002-fix.1 is not done yet"]);
}

#[test]
fn a_driver_is_in_progress_from_its_first_members_start_until_it_completes_and_never_stalled() {
    let mut world = World::new(KPI);
    world.land("001-research").branch("002-fix").begin("002-fix.1");
    assert_eq!(world.status("002-fix.1"), Status::Stalled, "nobody holds its lock");
    assert_eq!(world.status("002-fix"), Status::InProgress);
    world.begin("002-fix");
    assert_eq!(world.status("002-fix"), Status::InProgress);
    for member in ["002-fix.1", "002-fix.2", "002-fix.3"] {
        world.land(member);
    }
    assert_eq!(world.status("002-fix"), Status::InProgress);
    assert_eq!(world.attention("002-fix"), "all its members have landed: `chant work 002-fix` completes it");
    world.live.locked.insert(id("002-fix"));
    assert_eq!(world.attention("002-fix"), "");
    world.complete("002-fix");
    assert_eq!(world.status("002-fix"), Status::InReview);
    world.land("002-fix");
    assert_eq!(world.status("002-fix"), Status::Completed);
}

#[test]
fn only_a_claim_of_this_machine_whose_lock_nobody_holds_has_stalled() {
    let mut world = World::new([("1-a", ""), ("2-b", ""), ("3-c", ""), ("4-d", "")]);
    world.begin("1-a").begin_as("2-b", "run@there", "steps").begin_as("3-c", "run@here", "person").begin("4-d");
    world.live.locked.insert(id("4-d"));
    assert_eq!(world.status("1-a"), Status::Stalled);
    for held in ["2-b", "3-c", "4-d"] {
        assert_eq!(world.status(held), Status::InProgress, "{held}");
    }
    world.live.host.clear();
    assert_eq!(world.status("1-a"), Status::InProgress, "a past revision knows of no locks");
}

#[test]
fn a_sibling_that_landed_on_the_drivers_branch_is_in_a_members_base_and_not_in_that_of_a_stranger() {
    let mut world = World::new(KPI.into_iter().chain([("003-report", "depends_on: ['002.1']")]));
    world.land("001-research").branch("002-fix").land("002-fix.1");
    assert_eq!(world.status("002-fix.3"), Status::Ready);
    assert_eq!(world.status("003-report"), Status::Blocked);
    assert_eq!(reasons(&world, "003-report"), ["002-fix.1 has landed on chant/002-fix, not on main"]);
    assert_eq!(world.attention("003-report"), "", "its driver will bring it");
}

#[test]
fn a_dependency_that_landed_on_another_branch_is_named_with_it_and_waits_for_a_person() {
    let mut world = World::new([("1-a", "target: release"), ("2-b", "depends_on: [1-a]")]);
    world.land_on("1-a", "release");
    assert_eq!(world.status("2-b"), Status::Blocked);
    assert_eq!(world.attention("2-b"), "1-a has landed on release, not on main");
}

#[test]
fn a_dependency_in_review_failed_or_cancelled_is_said_to_be_so() {
    let mut world = World::new([
        ("1-a", ""),
        ("2-b", ""),
        ("3-c", ""),
        ("4-d", "depends_on: [1-a, 2-b, 3-c, 5-e]"),
        ("5-e", "depends_on: [1-a]"),
    ]);
    world.complete("1-a").fail("2-b", "no").cancel("3-c");
    let expected = [
        "1-a is in review on chant/1-a, not in main",
        "2-b has failed",
        "3-c was cancelled: `chant reset 3-c`, or take it out of `depends_on`",
        "5-e is blocked itself",
    ];
    assert_eq!(reasons(&world, "4-d"), expected);
}

#[test]
fn a_failed_spec_stays_failed_and_says_what_the_next_attempt_lacks() {
    let mut world = World::new([("1-a", ""), ("2-b", "depends_on: [1-a]")]);
    world.land("1-a").fail("2-b", "criterion 2 unmet").revert(&["1-a"]);
    let row = world.row("2-b");
    assert_eq!((row.status, row.attempt, row.reason.as_deref()), (Status::Failed, Some(1), Some("criterion 2 unmet")));
    assert_eq!(reasons(&world, "2-b"), ["1-a is not done yet"]);
}

#[test]
fn a_reverted_landing_makes_all_that_it_brought_ready_again_and_says_so_once() {
    let mut world = World::new([("1-d", "type: driver"), ("1-d.1", ""), ("1-d.2", ""), ("2-b", "depends_on: [1-d]")]);
    world.land("1-d.1").land("1-d.2").land("1-d");
    assert_eq!(world.status("2-b"), Status::Ready);
    world.revert(&["1-d", "1-d.1", "1-d.2"]);
    for spec in ["1-d", "1-d.1", "1-d.2"] {
        assert_eq!(world.status(spec), Status::Ready, "{spec}");
        assert_eq!(world.row(spec).criteria.unmet, 2, "what was proven is gone");
    }
    assert_eq!(world.status("2-b"), Status::Blocked);
    assert!(world.attention("1-d").starts_with("its landing was reverted by "));
    assert_eq!(world.attention("1-d.1"), "");
    assert_eq!(world.row("1-d").commit, world.ledger.specs[&super::fixture::qualified("1-d")].reverted);
    world.begin("1-d.1");
    assert_eq!(world.status("1-d"), Status::InProgress);
}

#[test]
fn a_reset_spec_is_ready_and_keeps_its_number_until_the_next_attempt() {
    let mut world = World::new([("1-a", "")]);
    world.fail("1-a", "no").reset("1-a");
    let row = world.row("1-a");
    assert_eq!((row.status, row.attempt, row.reason), (Status::Ready, Some(1), None));
}

#[test]
fn a_spec_that_wants_an_approval_is_blocked_until_the_coming_attempt_has_one() {
    let mut world =
        World::new([("1-a", "approval: required"), ("2-d", "type: driver\napproval: required"), ("2-d.1", "")]);
    assert_eq!(reasons(&world, "1-a"), ["attempt 1 of 1-a needs an approval"]);
    assert_eq!(world.row("2-d.1").blocked_by[0].what, BlockKind::Approval, "its driver may not begin");
    world.review("1-a", 1, Approval::Rejected);
    assert_eq!(reasons(&world, "1-a"), ["attempt 1 of 1-a was rejected by A U Thor <a@example.org>: too soon"]);
    world.review("1-a", 1, Approval::Approved);
    assert_eq!(world.status("1-a"), Status::Ready);
    assert_eq!(world.row("1-a").attempt, None, "nothing has begun yet");
    world.fail("1-a", "no");
    assert_eq!(world.status("1-a"), Status::Failed);
    assert_eq!(reasons(&world, "1-a"), ["attempt 2 of 1-a needs an approval"]);
    world.review("1-a", 2, Approval::Approved);
    assert_eq!((world.status("1-a"), reasons(&world, "1-a").len()), (Status::Failed, 0), "it may be tried again");
}

#[test]
fn a_driver_that_has_landed_wants_another_word_before_it_goes_on_with_a_new_member() {
    let mut world = World::new([("1-d", "type: driver\napproval: required"), ("1-d.1", ""), ("1-d.2", "")]);
    world.review("1-d", 1, Approval::Approved).begin("1-d").land("1-d.1").cancel("1-d.2").land("1-d");
    assert_eq!((world.row("1-d").blocked_by, world.board().to_approve), (vec![], vec![]), "nothing is left to do");
    world.reset("1-d.2");
    let lacks = "attempt 2 of 1-d needs an approval";
    assert_eq!((world.status("1-d"), reasons(&world, "1-d")), (Status::Completed, vec![lacks.to_owned()]));
    assert_eq!((world.status("1-d.2"), reasons(&world, "1-d.2")), (Status::Blocked, vec![lacks.to_owned()]));
    assert!(world.row("1-d").review.is_some_and(|review| review.of == super::status::ReviewOf::Plan));
    assert!(world.attention("1-d").contains("`chant approve 1-d`, then `chant work 1-d`"));
    world.review("1-d", 2, Approval::Approved);
    assert_eq!((world.row("1-d").blocked_by, world.status("1-d.2")), (vec![], Status::Ready));
    assert_eq!(world.board().to_approve, [id("1-d")], "it can still be rejected");
    world.begin("1-d").begin("1-d.2");
    assert_eq!((world.status("1-d"), world.board().to_approve), (Status::InProgress, vec![]));
}

#[test]
fn a_completed_driver_that_was_sent_back_is_blocked_until_its_next_attempt_is_approved() {
    let mut world = World::new([("1-d", "type: driver\napproval: required"), ("1-d.1", "")]);
    world.review("1-d", 1, Approval::Approved).begin("1-d").land("1-d.1").complete("1-d");
    assert_eq!((world.status("1-d"), world.board().to_approve), (Status::InReview, vec![]));
    world.reset("1-d");
    let lacks = "attempt 2 of 1-d needs an approval";
    assert_eq!((world.status("1-d"), reasons(&world, "1-d")), (Status::Blocked, vec![lacks.to_owned()]));
    world.review("1-d", 2, Approval::Approved);
    assert_eq!((world.status("1-d"), reasons(&world, "1-d").len()), (Status::InProgress, 0));
}

#[test]
fn a_new_member_of_a_driver_in_review_waits_for_the_word_on_the_attempt_after_it() {
    let mut world = World::new([("1-d", "type: driver\napproval: required"), ("1-d.1", ""), ("1-d.2", "")]);
    world.review("1-d", 1, Approval::Approved).begin("1-d").land("1-d.1").complete("1-d");
    assert_eq!((world.status("1-d"), world.row("1-d").blocked_by), (Status::InReview, vec![]));
    assert_eq!(reasons(&world, "1-d.2"), ["attempt 2 of 1-d needs an approval"]);
    assert_eq!(world.board().to_approve, [], "what was done is asked about first");
}

#[test]
fn a_failed_member_and_a_conflict_are_named_on_their_driver_and_on_its_driver() {
    let specs = [("1-d", "type: driver"), ("1-d.1", "type: driver"), ("1-d.1.1", ""), ("1-d.1.2", ""), ("1-d.2", "")];
    let mut world = World::new(specs);
    world.fail("1-d.1.1", "tests are red").complete("1-d.2");
    world.live.conflicts.insert(id("1-d.2"), "src/a.rs conflicts with 1-d.1".into());
    assert_eq!(world.attention("1-d.1"), "1-d.1.1 failed: tests are red");
    assert_eq!(world.attention("1-d"), "1-d.1.1 failed: tests are red; 1-d.2 conflicts with what has landed");
    assert_eq!(world.attention("1-d.2"), "src/a.rs conflicts with 1-d.1");
    world.fail("1-d.1.2", "no");
    assert_eq!(world.attention("1-d.1"), "1-d.1.1 and 1-d.1.2 failed: `chant work 1-d.1` tries them again");
}

#[test]
fn a_member_added_after_its_driver_landed_is_ready_and_the_driver_asks_for_it() {
    let mut world = World::new([("1-d", "type: driver"), ("1-d.1", ""), ("1-d.2", "")]);
    world.land("1-d.1").land("1-d");
    assert_eq!(world.status("1-d"), Status::Completed);
    assert_eq!(world.status("1-d.2"), Status::Ready);
    assert_eq!(world.attention("1-d"), "1-d.2 is not in what has landed: `chant work 1-d` goes on with it");
    world.begin("1-d.2");
    assert_eq!(world.status("1-d"), Status::InProgress, "its next attempt has begun");
    world.cancel("1-d.2");
    assert_eq!((world.status("1-d"), world.attention("1-d")), (Status::Completed, String::new()));
}

#[test]
fn members_of_a_cancelled_driver_are_not_offered() {
    let mut world = World::new([("1-d", "type: driver"), ("1-d.1", "")]);
    world.cancel("1-d");
    assert_eq!(world.status("1-d.1"), Status::Blocked);
    assert_eq!(reasons(&world, "1-d.1"), ["its driver 1-d was cancelled: `chant reset 1-d`"]);
}

#[test]
fn a_spec_done_before_it_became_a_member_does_not_begin_its_driver() {
    let mut world = World::new([("1-a", ""), ("2-d", "type: driver\nmembers: [1-a, 3-b]"), ("3-b", "")]);
    world.land_on("1-a", "main");
    assert_eq!(world.status("2-d"), Status::Ready);
}

#[test]
fn a_shallow_clone_hides_what_it_does_not_show() {
    let mut world = World::new([("1-a", ""), ("2-b", ""), ("3-c", "depends_on: [1-a]")]);
    world.view.shallow = true;
    world.land("2-b");
    assert_eq!(world.status("1-a"), Status::Unknown);
    assert_eq!(world.status("2-b"), Status::Completed);
    assert_eq!(world.status("3-c"), Status::Unknown);
    world.fail("3-c", "no");
    assert_eq!(world.row("3-c").blocked_by[0].what, BlockKind::Shallow);
}

#[test]
fn specs_that_wait_for_themselves_are_blocked_with_the_way_round_unless_it_was_broken() {
    let mut world = World::new([
        ("1-a", "depends_on: [3-c]"),
        ("2-b", "depends_on: [1-a]"),
        ("3-c", "depends_on: [2-b]"),
        ("4-d", "depends_on: [3-c]"),
    ]);
    let way = "it waits for itself: 1-a -> 3-c -> 2-b -> 1-a";
    for spec in ["1-a", "2-b", "3-c"] {
        assert!(reasons(&world, spec).contains(&way.to_owned()), "{spec}: {:?}", reasons(&world, spec));
    }
    assert_eq!(reasons(&world, "4-d"), ["3-c is blocked itself"]);
    world.land("2-b");
    assert_eq!(world.status("3-c"), Status::Ready);
    assert_eq!(reasons(&world, "1-a"), ["3-c is not done yet"]);
}

#[test]
fn a_driver_that_waits_for_itself_by_way_of_a_stranger_can_never_complete() {
    let world = World::new([
        ("1-d", "type: driver"),
        ("1-d.1", ""),
        ("1-d.2", "depends_on: [2-b]"),
        ("2-b", "depends_on: [1-d.1]"),
    ]);
    assert_eq!(world.status("1-d.1"), Status::Ready);
    assert!(reasons(&world, "2-b").iter().any(|r| r.contains("it waits for itself")));
    assert!(reasons(&world, "1-d.2").iter().any(|r| r.contains("it waits for itself")));
    assert!(world.attention("1-d").starts_with("it can never complete"), "{}", world.attention("1-d"));
}

#[test]
fn a_reference_to_no_spec_blocks_and_is_quoted() {
    let world = World::new([("1-a", "depends_on: ['099']")]);
    assert_eq!(world.status("1-a"), Status::Blocked);
    assert_eq!(reasons(&world, "1-a"), ["no spec is called \"099\""]);
}

#[test]
fn what_lands_by_a_request_is_not_said_to_land_by_work() {
    let mut world = World::new([("1-a", "")]);
    world.complete("1-a");
    assert!(world.attention("1-a").contains("`chant work 1-a` lands it"));
    world.by_request = true;
    let said = "it is completed, and a merge of the request for it lands it: `chant pr 1-a` asks";
    assert_eq!(world.attention("1-a"), said);
}

#[test]
fn a_renamed_spec_keeps_its_events_and_events_of_no_spec_are_orphans() {
    let mut world = World::new([("1-new", "formerly: [1-old]")]);
    world.land("1-old").fail("7-gone", "no");
    assert_eq!(world.status("1-new"), Status::Completed);
    let orphans = world.board().orphans;
    assert_eq!(orphans.iter().map(|o| (o.name.to_string(), o.events)).collect::<Vec<_>>(), [("7-gone".into(), 2)]);
}

#[test]
fn anomalies_and_uncommitted_files_wait_for_a_person() {
    let mut world = World::new([("1-a", ""), ("2-b", "")]);
    world.anomaly("1-a", "its branch moved by no engine's doing");
    world.live.uncommitted.insert(id("2-b"));
    assert_eq!(world.attention("1-a"), "its branch moved by no engine's doing");
    assert_eq!(world.attention("2-b"), "its file is not committed as it stands: `git add 2-b.md && git commit`");
}

#[test]
fn criteria_count_as_the_last_completion_found_them_and_always_add_up() {
    let mut world = World::new([("1-a", "")]);
    assert_eq!(world.row("1-a").criteria.unmet, 2);
    world.complete("1-a");
    let counts = world.row("1-a").criteria;
    assert_eq!((counts.total, counts.verified, counts.claimed, counts.unmet), (2, 1, 1, 0));
}

#[test]
fn a_row_in_json_has_the_agreed_words() {
    let mut world = World::new(KPI);
    world.begin("001-research").branch("001-research");
    let json = serde_json::to_value(world.row("001-research")).unwrap();
    assert_eq!(json["type"], "code");
    assert_eq!(json["branch"], "chant/001-research");
    assert_eq!(json["target"], "main");
    assert_eq!(json["project"], serde_json::Value::Null);
    assert_eq!(json["commit"].as_str().unwrap().len(), 40);
    let member = serde_json::to_value(world.row("002-fix.1")).unwrap();
    assert_eq!(member["driver"], "002-fix");
    assert_eq!(member["target"], "chant/002-fix");
    assert_eq!(member["blocked_by"][0]["id"], "001-research");
    assert_eq!(member["attempt"], serde_json::Value::Null);
}
