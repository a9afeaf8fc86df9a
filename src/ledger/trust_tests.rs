//! What counts where signatures are asked for.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::ledger::block::Block;
use crate::ledger::fixture::{World, name, oid};
use crate::ledger::fold::laws::world;
use crate::ledger::{In, State, fold_with, questions};

/// Who every commit of a world made by hand is by.
const A: &str = "a@b";

fn by(principal: &str) -> Signed {
    Signed::By(principal.to_owned())
}

fn signatures(w: &mut World) -> &mut Signatures {
    if w.view.trust == Trust::Any {
        w.view.trust = Trust::Signed(Signatures::default());
    }
    match &mut w.view.trust {
        Trust::Signed(signatures) => signatures,
        Trust::Any => unreachable!(),
    }
}

fn sign(w: &mut World, commits: &[Oid]) {
    signatures(w).of.extend(commits.iter().map(|commit| (*commit, by(A))));
}

fn all(w: &World) -> Vec<Oid> {
    w.commits.iter().map(|(id, ..)| *id).collect()
}

/// A completed attempt on its branch, all of it signed.
fn completed() -> (World, [Oid; 3]) {
    let mut w = World::new();
    let attempt = w.attempt(oid(1), "x", 1, "main");
    w.branch("chant/x", attempt[2]);
    sign(&mut w, &attempt);
    (w, attempt)
}

#[test]
fn a_completion_that_nobody_signed_does_not_count_and_is_told() {
    let (mut w, [_, _, done]) = completed();
    assert_eq!(w.record("x").state, State::Completed);
    signatures(&mut w).of.insert(done, Signed::Nobody);
    assert_eq!(w.record("x").state, State::InProgress);
    assert_eq!(
        w.anomalies(),
        [format!("`completed` of attempt 1 in {} does not count: nobody has signed it", done.short())]
    );
    signatures(&mut w).of.insert(done, Signed::Void("was made by nobody known".into()));
    assert!(w.anomalies()[0].ends_with("does not count: its signature was made by nobody known"));
}

#[test]
fn a_spec_of_which_only_unsigned_events_tell_is_as_if_nothing_had_happened() {
    let mut w = World::new();
    let [.., done] = w.attempt(oid(1), "x", 7, "main");
    let landing = w.land(&[oid(1), done], &[("x", 7, done)]);
    w.main(landing);
    signatures(&mut w);
    assert_eq!(w.ledger().record(&name("x")), None);
    assert_eq!(w.anomalies().len(), 3, "{:?}", w.anomalies());
}

#[test]
fn an_unsigned_event_uses_up_no_number() {
    let (mut w, [.., done]) = completed();
    for attempt in [2, 1_000_000] {
        w.start(done, "x", attempt, "main");
    }
    let record = w.record("x");
    assert_eq!((record.attempt, record.highest), (1, 1));
}

#[test]
fn an_unsigned_merge_lands_what_is_signed() {
    let (mut w, [.., done]) = completed();
    let merge = w.land(&[oid(1), done], &[("x", 1, done)]);
    w.main(merge);
    assert!(w.record("x").landing.is_some());
    assert_eq!(w.anomalies(), [""; 0]);
}

#[test]
fn a_landing_that_nobody_signed_vouches_for_nothing_and_is_told_where_it_mattered() {
    let (mut w, [.., done]) = completed();
    let squash = w.land(&[oid(1)], &[("x", 1, done)]);
    w.main(squash);
    assert_eq!(w.record("x").in_target, In::No);
    let said = format!("`Chant-Landing` of attempt 1 in {} vouches for nothing: nobody has signed it", squash.short());
    assert_eq!(w.anomalies(), [said]);
    // Its patch shows it all the same.
    let asked = w.questions();
    w.answers.insert(asked[0], crate::ledger::Answer::At(squash));
    assert!(w.record("x").landing.is_some());
    assert_eq!(w.anomalies(), [""; 0]);
    // Or it is signed.
    w.answers.clear();
    sign(&mut w, &[squash]);
    assert!(w.record("x").landing.is_some());
}

#[test]
fn a_landing_that_counts_vouches_for_what_it_names_and_for_nothing_else() {
    let mut w = World::new();
    let [_, work, done] = w.attempt(oid(1), "x", 1, "main");
    let other = w.complete(work, "x", 1);
    let squash = w.land(&[oid(1)], &[("x", 1, done)]);
    w.main(squash);
    w.branch("chant/x", done);
    w.branch("other", other);
    sign(&mut w, &[squash]);
    let record = w.record("x");
    assert_eq!((record.decided_by, record.landing.is_some()), (Some(done), true));
    assert!(w.anomalies().iter().any(|said| said.contains(&other.short())), "{:?}", w.anomalies());
}

#[test]
fn a_revert_is_content_and_needs_no_signature() {
    let (mut w, [.., done]) = completed();
    let merge = w.work(&[oid(1), done]);
    let revert = w.revert(merge, merge);
    w.main(revert);
    let record = w.record("x");
    assert_eq!((record.in_target, record.reverted), (In::No, Some(revert)));
}

#[test]
fn a_word_counts_for_who_signed_it_and_for_nobody_else() {
    let (mut w, [.., done]) = completed();
    let approval = Block { approval: Some(Approval::Approved), ..Block::default() };
    let approved = w.event(done, "x", 1, approval);
    w.branch("chant/x", approved);
    sign(&mut w, &[approved]);
    assert!(w.record("x").approval.is_some());
    signatures(&mut w).of.insert(approved, by("bob@example.org"));
    assert!(w.record("x").approval.is_none());
    let said = w.anomalies();
    assert!(said[0].contains("signed by bob@example.org in the name of A <a@b>"), "{said:?}");
    // Other events are said by whoever runs the engine, for whom it may be.
    signatures(&mut w).of.insert(done, by("bob@example.org"));
    assert_eq!(w.record("x").state, State::Completed);
}

#[test]
fn a_principal_fits_an_address_or_is_a_pattern_that_does() {
    for (principal, author) in [
        ("a@b", "A <a@b>"),
        ("A@B", "A <a@b>"),
        ("*@example.org", "Ada <ada@example.org>"),
        ("ad?@example.org", "Ada <ada@example.org>"),
        ("Ada <ada@example.org>", "Someone <ada@example.org>"),
    ] {
        assert!(fits(principal, author), "{principal} {author}");
    }
    for (principal, author) in [
        ("a@b", "A <a@bc>"),
        ("*@example.org", "Eve <eve@example.org.evil>"),
        ("[a]@b", "A <a@b>"),
        ("{a,c}@b", "A <a@b>"),
        ("", "A <a@b>"),
        ("eve@x", "a@b <eve@x> <a@b>"),
    ] {
        assert!(!fits(principal, author), "{principal} {author}");
    }
}

#[test]
fn what_was_there_when_signatures_were_first_asked_for_counts_without_and_nothing_else_does() {
    let mut w = World::new();
    let [.., done] = w.attempt(oid(1), "x", 1, "main");
    let merge = w.work(&[oid(1), done]);
    let since = w.work(&[merge]);
    // Beside it, at the same time, and after it.
    let [start, _, beside] = w.attempt(merge, "y", 1, "main");
    let both = w.work(&[since, beside]);
    w.main(both);
    signatures(&mut w).since = vec![since];
    assert!(w.record("x").landing.is_some());
    assert_eq!(w.ledger().record(&name("y")), None);
    assert_eq!(to_check(&w.history(), &w.view), {
        let mut events = vec![start, beside];
        events.sort();
        events
    });
    // With two beginnings, only what both hold; with one that is not here, nothing.
    for other in [oid(1), oid(4_000)] {
        signatures(&mut w).since = vec![since, other];
        assert_eq!(w.ledger().record(&name("x")), None);
    }
}

#[test]
fn where_nothing_can_be_checked_nothing_counts_and_one_anomaly_says_why() {
    let (mut w, _) = completed();
    let signatures = signatures(&mut w);
    signatures.of.clear();
    signatures.unusable = Some("there is no file".into());
    assert_eq!(w.ledger().record(&name("x")), None);
    let said = w.anomalies();
    assert!(said.len() == 1 && said[0].contains("there is no file"), "{said:?}");
}

#[test]
fn the_events_of_other_projects_are_theirs() {
    let mut w = World::new();
    let [.., done] = w.attempt(oid(1), "p/y", 1, "main");
    w.branch("chant/p/y", done);
    signatures(&mut w);
    assert_eq!(w.record("p/y").state, State::Completed);
    assert_eq!(to_check(&w.history(), &w.view), []);
}

/// What somebody without a key puts into a repository.
#[derive(Debug, Clone)]
enum Forged {
    Event(&'static str, u32, Box<Block>),
    Landing(&'static str, u32, Index),
    Disowns(&'static str, Index),
}

fn forged() -> impl Strategy<Value = Forged> {
    use Transition::{Cancelled, Completed, Failed, InProgress, Pending};
    let spec = || select(vec!["d", "d.1", "d.2", "x", "new"]);
    let status = select(vec![InProgress, Completed, Failed, Cancelled, Pending]);
    let attempt = || prop_oneof![Just(1u32), Just(2), Just(3), Just(1_000_000)];
    let block = (proptest::option::weighted(0.8, status), proptest::option::weighted(0.3, any::<bool>()));
    let block = block.prop_map(|(status, yes)| {
        let approval = yes.map(|yes| if yes { Approval::Approved } else { Approval::Rejected });
        Block { status, approval, target: Some("main".to_owned()), ..Block::default() }
    });
    prop_oneof![
        4 => (spec(), attempt(), block).prop_map(|(spec, attempt, block)| Forged::Event(spec, attempt, Box::new(block))),
        2 => (spec(), attempt(), any::<Index>()).prop_map(|(spec, attempt, of)| Forged::Landing(spec, attempt, of)),
        1 => (spec(), any::<Index>()).prop_map(|(spec, of)| Forged::Disowns(spec, of)),
    ]
}

/// Puts one on a commit; the tip of a branch of its own, or of one that was there.
fn forge(w: &mut World, forged: &Forged, on: Oid, onto: Option<&'static str>) -> Oid {
    let so_far = all(w);
    let made = match forged {
        Forged::Event(spec, attempt, block) => w.event(on, spec, *attempt, Block::clone(block)),
        Forged::Landing(spec, attempt, of) => w.land(&[on], &[(*spec, *attempt, *of.get(&so_far))]),
        Forged::Disowns(spec, of) => {
            let disowned = vec![*of.get(&so_far)];
            w.event(on, spec, 1, Block { status: Some(Transition::Failed), disowned, ..Block::default() })
        }
    };
    w.branch(onto.unwrap_or("forged"), made);
    made
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn where_everything_is_signed_it_is_as_if_nobody_had_asked(w in world()) {
        let mut signed = w.clone();
        let every = all(&w);
        sign(&mut signed, &every);
        prop_assert_eq!(signed.questions(), w.questions());
        prop_assert_eq!(signed.ledger(), w.ledger());
    }

    #[test]
    fn nothing_but_what_is_asked_for_decides(w in world(), some in proptest::collection::vec(any::<bool>(), 64)) {
        let mut asked = w.clone();
        let chosen: Vec<Oid> = all(&w).into_iter().zip(some.iter().cycle()).filter(|(_, yes)| **yes).map(|(id, _)| id).collect();
        sign(&mut asked, &chosen);
        let ledger = asked.ledger();
        let wanted = to_check(&asked.history(), &asked.view);
        signatures(&mut asked).of.retain(|commit, _| wanted.contains(commit));
        prop_assert_eq!(asked.ledger(), ledger);
    }

    #[test]
    fn the_order_of_copying_out_changes_nothing(
        (w, order) in world().prop_flat_map(|w| {
            let order = Just((0..w.commits.len()).collect::<Vec<_>>()).prop_shuffle();
            (Just(w), order)
        }),
        some in proptest::collection::vec(any::<bool>(), 64),
        since in proptest::option::of(any::<Index>()),
    ) {
        let mut w = w;
        let every = all(&w);
        let chosen: Vec<Oid> = every.iter().zip(some.iter().cycle()).filter(|(_, yes)| **yes).map(|(id, _)| *id).collect();
        sign(&mut w, &chosen);
        signatures(&mut w).since.extend(since.map(|at| *at.get(&every)));
        let other = w.history_in(&order);
        prop_assert_eq!(to_check(&other, &w.view), to_check(&w.history(), &w.view));
        prop_assert_eq!(questions(&other, &w.view), w.questions());
        let ledger = |h: &History| fold_with(h, &w.view, &w.answers).ledger;
        prop_assert_eq!(ledger(&other), ledger(&w.history()));
    }

    #[test]
    fn whoever_has_no_key_changes_no_record(
        w in world(),
        forgeries in proptest::collection::vec((forged(), any::<Index>(), proptest::option::of(select(vec!["main", "chant/x", "chant/d"]))), 1..6),
    ) {
        let mut w = w;
        let every = all(&w);
        sign(&mut w, &every);
        let mut forged: Vec<Oid> = Vec::new();
        for (what, on, onto) in &forgeries {
            let so_far = all(&w);
            let on = onto.and_then(|branch| w.view.branches.get(branch)).map_or(*on.get(&so_far), |tips| tips[0]);
            forged.push(forge(&mut w, what, on, *onto));
        }
        // The same commits on the same branches, that say nothing.
        let mut silent = w.clone();
        for (id, _, note) in &mut silent.commits {
            if forged.contains(id) {
                *note = None;
            }
        }
        prop_assert_eq!(w.questions(), silent.questions());
        let (with, without) = (w.ledger(), silent.ledger());
        prop_assert_eq!(with.specs, without.specs);
        prop_assert_eq!(with.evidence, without.evidence);
        prop_assert!(without.anomalies.iter().all(|said| with.anomalies.contains(said)));
    }
}
