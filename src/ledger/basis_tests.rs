//! Whether a ledger that is taken to hold still is the one that a fold would make.

use proptest::prelude::*;

use super::fixture::{World, fold_with, name, oid};
use super::fold::laws::world;
use super::*;

fn basis(w: &World) -> Option<Basis> {
    fold_with(&w.history(), &w.view, &w.answers).basis
}

fn still_holds(then: &World, now: &World) -> bool {
    basis(then).is_some_and(|basis| basis.still_holds(&now.history(), &now.view))
}

/// A spec that has landed on `main` by a merge, and one at work.
fn project() -> World {
    let mut w = World::new();
    let root = w.commits[0].0;
    let [.., done] = w.attempt(root, "x", 1, "main");
    let landing = w.land(&[root, done], &[("x", 1, done)]);
    w.main(landing);
    let start = w.start(landing, "y", 1, "main");
    w.branch("chant/y", start);
    w
}

#[test]
fn commits_that_say_nothing_on_a_branch_or_merged_into_it_leave_the_ledger_as_it_is() {
    let then = project();
    let mut now = then.clone();
    let (main, root) = (now.view.from, now.commits[0].0);
    let work = now.work(&[main]);
    let late = now.work(&[root]);
    let merge = now.work(&[work, late]);
    now.main(merge);
    assert!(still_holds(&then, &then) && still_holds(&then, &now));
    assert_eq!(now.ledger(), then.ledger());
}

#[test]
fn what_says_something_or_brings_it_or_goes_back_or_aside_does_not() {
    let then = project();
    let (main, root) = (then.view.from, then.commits[0].0);
    let with = |change: &dyn Fn(&mut World)| {
        let mut now = then.clone();
        change(&mut now);
        still_holds(&then, &now)
    };
    assert!(!with(&|w| {
        let event = w.status(main, "z", 1, Transition::Failed);
        w.main(event);
    }));
    assert!(!with(&|w| {
        let start = w.view.branches["chant/y"][0];
        let merge = w.work(&[main, start]);
        w.main(merge);
    }));
    assert!(!with(&|w| w.main(root)));
    assert!(!with(&|w| {
        let aside = w.work(&[root]);
        let merge = w.work(&[aside, main]);
        w.main(merge);
    }));
    assert!(!with(&|w| w.branch("other", main)));
    assert!(!with(&|w| drop(w.view.branches.remove("chant/y"))));
    assert!(!with(&|w| drop(w.view.aliases.insert(name("a"), name("x")))));
    assert!(!with(&|w| w.view.shallow = true));
}

#[test]
fn a_commit_that_is_named_may_come_in() {
    let mut then = project();
    let main = then.view.from;
    let landing = then.land(&[main], &[("z", 1, oid(9_000))]);
    then.main(landing);
    let mut now = then.clone();
    now.commits.push((oid(9_000), vec![landing], None));
    now.main(oid(9_000));
    assert!(basis(&then).is_some() && !still_holds(&then, &now));
}

#[test]
fn where_git_was_asked_or_an_abbreviation_may_come_to_fit_another_only_a_fold_can_tell() {
    let mut w = World::new();
    let root = w.commits[0].0;
    let [.., done] = w.attempt(root, "x", 1, "main");
    w.branch("chant/x", done);
    assert_eq!(w.questions().len(), 1);
    assert_eq!(basis(&w), None, "whether it is in the target by its patch");
    let mut w = project();
    let main = w.view.from;
    let revert = w.say(&[main], "Revert\n\nThis reverts commit 1234567.\n", false);
    w.main(revert);
    assert_eq!(basis(&w), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Branches that go on, in every way, from where a world stands.
    #[test]
    fn a_ledger_that_is_said_to_hold_is_what_a_fold_makes(
        w in world(),
        steps in proptest::collection::vec((any::<proptest::sample::Index>(), any::<proptest::sample::Index>(), 0..6u8), 0..6),
    ) {
        let Some(basis) = basis(&w) else { return Ok(()) };
        let mut now = w.clone();
        for (branch, other, way) in steps {
            let names: Vec<String> = now.view.branches.keys().cloned().collect();
            let name = branch.get(&names);
            let tip = now.view.branches[name][0];
            let any = now.commits[other.index(now.commits.len())].0;
            let next = match way {
                0..=2 => now.work(&[tip]),
                3 => now.work(&[tip, any]),
                4 => now.work(&[any, tip]),
                _ => now.status(tip, "x", 1, Transition::Failed),
            };
            let here = now.view.from == tip;
            now.view.branches.insert(name.clone(), vec![next]);
            if here {
                now.view.from = next;
            }
        }
        if basis.still_holds(&now.history(), &now.view) {
            prop_assert_eq!(now.ledger(), w.ledger());
        }
    }
}
