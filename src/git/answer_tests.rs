//! Reverts and squashes as people and forges make them, and what is only like them.

use super::test_repo::TestRepo;
use crate::ledger::{Answer, Oid, Question};

fn reverts(t: &TestRepo, revert: Oid, reverted: Oid) -> Answer {
    let question = Question::Reverts { revert, reverted };
    t.repo.answer(&[question]).unwrap()[&question]
}

fn squashed(t: &TestRepo, tip: Oid, target: Oid) -> Answer {
    let question = Question::Squashed { tip, start: tip, target };
    t.repo.answer(&[question]).unwrap()[&question]
}

fn lines(mark: &[(usize, &str)]) -> String {
    let line = |i| mark.iter().find(|(at, _)| *at == i).map_or(format!("line {i}\n"), |(_, text)| format!("{text}\n"));
    (1..=20).map(line).collect()
}

/// `main` with a merge of a branch that changed one file and made another; both are named.
fn landed(t: &TestRepo) -> Oid {
    t.commit_file("f", &lines(&[]), "base");
    t.git(&["checkout", "-q", "-b", "work"]);
    t.write("f", lines(&[(3, "work")]));
    t.write("g", "work\n");
    t.commit_all("work");
    t.git(&["checkout", "-q", "main"]);
    t.git(&["merge", "-q", "--no-ff", "-m", "Land work", "work"]);
    t.oid("HEAD")
}

#[test]
fn the_revert_of_a_merge_is_its_inverse_also_after_later_changes_around_it() {
    let t = TestRepo::new();
    let landing = landed(&t);
    t.commit_file("f", &lines(&[(3, "work"), (18, "later")]), "later");
    t.git(&["revert", "--no-edit", "-m", "1", &landing.to_string()]);
    let revert = t.oid("HEAD");
    assert_eq!(reverts(&t, revert, landing), Answer::Inverse);
    t.commit_file("h", "h\n", "more");
    t.git(&["revert", "--no-edit", &revert.to_string()]);
    assert_eq!(reverts(&t, t.oid("HEAD"), revert), Answer::Inverse, "a revert of the revert");
}

#[test]
fn a_revert_of_a_part_is_partial_and_one_that_does_more_elsewhere_is_whole() {
    let t = TestRepo::new();
    let landing = landed(&t);
    t.git(&["rm", "-q", "g"]);
    let part = t.commit_all("take g back");
    assert_eq!(reverts(&t, part, landing), Answer::Partial);
    t.write("f", lines(&[]));
    let rest = t.commit_all("take the rest back");
    assert_eq!(reverts(&t, rest, landing), Answer::Inverse, "what was left of it");
    let t = TestRepo::new();
    let landing = landed(&t);
    t.git(&["revert", "--no-commit", "-m", "1", &landing.to_string()]);
    t.write("h", "and something else\n");
    assert_eq!(reverts(&t, t.commit_all("revert and more"), landing), Answer::Inverse);
    let t = TestRepo::new();
    let landing = landed(&t);
    t.git(&["revert", "--no-commit", "-m", "1", &landing.to_string()]);
    t.write("f", lines(&[(20, "mine")]));
    assert_eq!(reverts(&t, t.commit_all("revert and edit"), landing), Answer::Partial, "in the same file");
}

#[test]
fn what_only_says_that_it_reverts_does_not() {
    let t = TestRepo::new();
    let landing = landed(&t);
    let empty = t.commit_all("Revert\n\nThis reverts commit.");
    assert_eq!(reverts(&t, empty, landing), Answer::No);
    let other = t.commit_file("f", &lines(&[(3, "work"), (9, "other")]), "Revert");
    assert_eq!(reverts(&t, other, landing), Answer::No);
    let first = t.oid("main~3^{commit}");
    assert_eq!(reverts(&t, first, landing), Answer::No, "a first commit");
    assert_eq!(reverts(&t, other, first), Answer::No);
}

/// `main` and, checked out, a branch `work` of three commits, the second without a change.
fn branch(t: &TestRepo) -> Oid {
    t.commit_file("f", &lines(&[]), "base");
    t.git(&["checkout", "-q", "-b", "work"]);
    t.commit_file("f", &lines(&[(3, "work")]), "one");
    t.commit_all("an event");
    let tip = t.commit_file("g", "work\n", "two");
    t.git(&["checkout", "-q", "main"]);
    tip
}

#[test]
fn a_squash_is_found_behind_later_edits_of_the_same_files() {
    let t = TestRepo::new();
    let tip = branch(&t);
    t.commit_file("h", "before\n", "before");
    t.commit_file("f", &lines(&[(18, "before")]), "in the same file");
    assert_eq!(squashed(&t, tip, t.oid("main")), Answer::NotFound);
    t.git(&["merge", "-q", "--squash", "work"]);
    let squash = t.commit_all("two files (#7)");
    t.commit_file("g", "edited afterwards\n", "later");
    assert_eq!(squashed(&t, tip, t.oid("main")), Answer::At(squash));
}

#[test]
fn a_rebase_is_found_by_its_last_commit() {
    let t = TestRepo::new();
    let tip = branch(&t);
    t.commit_file("f", &lines(&[(18, "before")]), "before");
    t.git(&["checkout", "-q", "--detach", "work"]);
    t.git(&["rebase", "-q", "main"]);
    let last = t.oid("HEAD");
    assert_ne!(last, tip);
    t.git(&["checkout", "-q", "main"]);
    t.git(&["merge", "-q", "--ff-only", &last.to_string()]);
    t.commit_file("h", "later\n", "later");
    assert_eq!(squashed(&t, tip, t.oid("main")), Answer::Series { first: t.oid("HEAD~3"), last });
}

#[test]
fn a_squash_that_was_edited_or_is_a_part_is_not_found() {
    let t = TestRepo::new();
    let tip = branch(&t);
    t.git(&["merge", "-q", "--squash", "work"]);
    t.write("g", "edited in the squash\n");
    t.commit_all("nearly");
    assert_eq!(squashed(&t, tip, t.oid("main")), Answer::NotFound);
    let t = TestRepo::new();
    let tip = branch(&t);
    t.git(&["cherry-pick", "work~2"]);
    assert_eq!(squashed(&t, tip, t.oid("main")), Answer::NotFound);
}

#[test]
fn a_branch_without_a_change_is_nowhere_and_one_that_is_in_is_there() {
    let t = TestRepo::new();
    t.commit_file("f", "f\n", "base");
    t.git(&["checkout", "-q", "-b", "work"]);
    let tip = t.commit_all("an event");
    t.git(&["checkout", "-q", "main"]);
    t.commit_file("g", "g\n", "something else");
    t.commit_all("nothing at all");
    assert_eq!(squashed(&t, tip, t.oid("main")), Answer::NotFound);
    t.git(&["merge", "-q", "--no-ff", "-m", "m", "work"]);
    assert_eq!(squashed(&t, tip, t.oid("main")), Answer::At(tip));
    t.git(&["checkout", "-q", "--orphan", "alone"]);
    let alone = t.commit_file("z", "z\n", "z");
    assert_eq!(squashed(&t, alone, t.oid("main")), Answer::NotFound, "unrelated");
}

#[test]
fn behind_a_shallow_boundary_the_answer_is_the_cautious_one() {
    let t = TestRepo::new();
    let landing = landed(&t);
    t.git(&["revert", "--no-edit", "-m", "1", &landing.to_string()]);
    let shallow = t.beside("shallow");
    t.git(&["clone", "-q", "--depth=1", &format!("file://{}", t.path().display()), shallow.to_str().unwrap()]);
    let repo = super::Repo::open(&shallow, t.vars()).unwrap();
    let question = Question::Reverts { revert: t.oid("main"), reverted: landing };
    assert_eq!(repo.answer(&[question]).unwrap()[&question], Answer::Partial);
    let question = Question::Squashed { tip: landing, start: landing, target: t.oid("main") };
    assert_eq!(repo.answer(&[question]).unwrap()[&question], Answer::NotFound);
}
