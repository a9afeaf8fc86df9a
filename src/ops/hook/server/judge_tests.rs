//! The rules, on histories of plain data.

use proptest::prelude::*;

use super::*;
use crate::ledger::{Answers, Builder, View, fold_with, questions};
use crate::ops::hook::server::refs::{Moves, Update, moves};

fn oid(n: u32) -> Oid {
    let mut bytes = [0; 20];
    bytes[..4].copy_from_slice(&(n + 1).to_be_bytes());
    Oid::from_bytes(&bytes).unwrap()
}

/// Commits in the order in which they were made: parents, message, whether files change.
#[derive(Default)]
struct World {
    commits: Vec<(Vec<u32>, String, bool)>,
    before: BTreeMap<String, Oid>,
    known: usize,
    pusher: Option<&'static str>,
    approvers: &'static [&'static str],
    author: &'static str,
    /// Whether signed events alone count, and which are.
    strict: bool,
    signed: Vec<u32>,
}

const OWN: &str = "refs/heads/chant/x";

impl World {
    /// `main` with one commit, which was there before.
    fn new() -> Self {
        let mut world = Self { author: "Ada <ada@example.org>", ..Self::default() };
        let root = world.add(&[], "root", true);
        world.before.insert("refs/heads/main".to_owned(), oid(root));
        world.known = 1;
        world
    }

    fn add(&mut self, parents: &[u32], message: &str, changes: bool) -> u32 {
        self.commits.push((parents.to_vec(), message.to_owned(), changes));
        u32::try_from(self.commits.len() - 1).unwrap()
    }

    fn says(&mut self, parent: u32, block: &str) -> u32 {
        self.add(&[parent], &format!("x\n\n{block}"), false)
    }

    fn start(&mut self, parent: u32, attempt: u32) -> u32 {
        let n = self.commits.len();
        let block = format!(
            "Chant-Spec: x\nChant-Status: in_progress\nChant-Attempt: {attempt}\nChant-Run: {n}@h\nChant-Target: main"
        );
        self.says(parent, &block)
    }

    /// What there is now was there before the push.
    fn accept(&mut self, name: &str, tip: u32) {
        self.before.insert(name.to_owned(), oid(tip));
        self.known = self.commits.len();
    }

    fn note(&self, n: usize) -> Note {
        let (parents, message, changes) = &self.commits[n];
        let same_tree = !changes && parents.len() < 2;
        Note { message: message.as_bytes().into(), same_tree, time: 0, author: self.author.to_owned() }
    }

    fn history(&self, refs: &BTreeMap<String, Oid>) -> (History, Ledger, View) {
        let mut builder = Builder::new();
        let at = |oid: &Oid| u32::from_be_bytes(oid.as_bytes()[..4].try_into().unwrap()) - 1;
        let mut open: Vec<u32> = refs.values().map(at).collect();
        while let Some(n) = open.pop() {
            let parents: Vec<Oid> = self.commits[n as usize].0.iter().map(|parent| oid(*parent)).collect();
            builder.push(oid(n), &parents, Some(self.note(n as usize)));
            open.extend(&self.commits[n as usize].0);
        }
        let history = builder.finish();
        let heads = refs.iter().filter_map(|(name, tip)| Some((name.strip_prefix("refs/heads/")?, *tip)));
        let branches = heads.map(|(name, tip)| (name.to_owned(), vec![tip])).collect();
        let view = View { branches, ..View::at(refs["refs/heads/main"]) };
        assert!(questions(&history, &view).len() < 9);
        let ledger = fold_with(&history, &view, &Answers::new()).ledger;
        (history, ledger, view)
    }

    /// Pushes refs, all of them in one push; what is said against it.
    fn push(&self, updates: &[(&str, Option<u32>)]) -> Vec<String> {
        let mut after = self.before.clone();
        let mut list = Vec::new();
        for (name, new) in updates {
            list.push(Update { name: (*name).to_owned(), old: self.before.get(*name).copied(), new: new.map(oid) });
            match new {
                Some(new) => after.insert((*name).to_owned(), oid(*new)),
                None => after.remove(*name),
            };
        }
        let (before, was, _) = self.history(&self.before);
        let (history, is, names) = self.history(&after);
        let told = (0..self.commits.len()).filter(|n| {
            let commit = oid(u32::try_from(*n).unwrap());
            history.contains(&commit) && !before.contains(&commit)
        });
        let told = told
            .map(|n| Told {
                commit: oid(u32::try_from(n).unwrap()),
                parents: self.commits[n].0.len(),
                note: self.note(n),
            })
            .collect();
        let approvers: Vec<String> = self.approvers.iter().map(|one| (*one).to_owned()).collect();
        let facts = Facts {
            told,
            before: &before,
            after: &history,
            was: &was,
            is: &is,
            refs: &after,
            names: &names,
            unknown: BTreeSet::new(),
            drivers: BTreeSet::new(),
            policies: BTreeMap::from([(None, Policy::new(&approvers, 1, true))]),
            strict: if self.strict { BTreeSet::from([None]) } else { BTreeSet::new() },
            signed: self.signed.iter().map(|n| (oid(*n), Signed::By("ada@example.org".to_owned()))).collect(),
            pusher: self.pusher.map(|mail| Pusher { name: "p".to_owned(), mails: vec![mail.to_owned()] }),
        };
        let beside = Moves {
            updates: &list,
            whole: true,
            protects: &|branch| branch == "main",
            leases: &BTreeMap::new(),
            lost_notes: &[],
        };
        let refusals = moves(&facts, &beside).into_iter().chain(judge(&facts));
        refusals.map(|refusal| format!("{}: {}", refusal.about, refusal.why)).collect()
    }

    #[track_caller]
    fn refuses(&self, updates: &[(&str, Option<u32>)], why: &str) {
        let said = self.push(updates);
        assert!(said.iter().any(|said| said.contains(why)), "no `{why}` in {said:#?}");
    }

    #[track_caller]
    fn admits(&self, updates: &[(&str, Option<u32>)]) {
        assert_eq!(self.push(updates), [""; 0]);
    }
}

fn status(word: &str, attempt: u32) -> String {
    format!("Chant-Spec: x\nChant-Status: {word}\nChant-Attempt: {attempt}")
}

#[test]
fn an_attempt_from_its_start_to_its_landing_is_let_in_step_by_step_and_at_once() {
    for at_once in [false, true] {
        let mut world = World::new();
        let start = world.start(0, 1);
        if !at_once {
            world.admits(&[(OWN, Some(start))]);
            world.accept(OWN, start);
        }
        let work = world.add(&[start], "work\n\nChant-Spec: x", true);
        let done = world.says(work, &status("completed", 1));
        world.admits(&[(OWN, Some(done))]);
        let line = format!("land\n\nChant-Spec: x\nChant-Landing: x 1 {}", oid(done));
        let merge = world.add(&[0, done], &line, true);
        world.admits(&[("refs/heads/main", Some(merge)), (OWN, None)]);
        world.refuses(&[("refs/heads/wip", Some(done))], "stands on chant/x");
    }
}

#[test]
fn a_run_gone_on_with_a_takeover_and_a_fresh_start_are_let_in() {
    let mut world = World::new();
    let start = world.start(0, 1);
    world.accept(OWN, start);
    let again = world.start(start, 1);
    world.admits(&[(OWN, Some(again))]);
    let over = world.start(start, 2);
    world.admits(&[(OWN, Some(over))]);
    let fresh = world.start(0, 2);
    let kept = format!("refs/chant/attempts/x/1-{}", oid(start).short());
    world.admits(&[(OWN, Some(fresh)), (&kept, Some(start))]);
    world.refuses(&[(OWN, Some(fresh))], "cannot be rewritten");
    world.refuses(&[(OWN, None)], "cannot be deleted");
}

#[test]
fn decisions_are_those_of_who_pushes_where_that_is_known() {
    let mut world = World::new();
    let start = world.start(0, 1);
    let failed = world.says(start, &status("failed", 1));
    world.accept(OWN, failed);
    let reset = world.says(failed, &status("pending", 1));
    world.admits(&[(OWN, Some(reset))]);
    world.pusher = Some("eve@example.org");
    world.refuses(&[(OWN, Some(reset))], "in the name of ada@example.org");
    world.pusher = Some("ada@example.org");
    world.admits(&[(OWN, Some(reset))]);
    let yes = world.says(reset, "Chant-Spec: x\nChant-Attempt: 2\nChant-Approval: approved");
    world.admits(&[(OWN, Some(yes))]);
    world.approvers = &["eve@*"];
    world.refuses(&[(OWN, Some(yes))], "`review.approvers` names eve@*");
    world.approvers = &["ada@*"];
    world.admits(&[(OWN, Some(yes))]);
    world.pusher = None;
    world.refuses(&[(OWN, Some(yes))], "nothing but its author line says so");
}

#[test]
fn what_two_clones_did_apart_is_let_in_on_both_sides() {
    let mut world = World::new();
    let mine = world.start(0, 1);
    let mine = world.says(mine, &status("completed", 1));
    world.accept(OWN, mine);
    let theirs = world.start(0, 1);
    let theirs = world.says(theirs, &status("completed", 1));
    let kept = format!("refs/chant/attempts/x/0-{}", oid(theirs).short());
    world.admits(&[(&kept, Some(theirs))]);
}

#[test]
fn where_signed_events_alone_count_an_unsigned_one_is_not_let_in() {
    let mut world = World::new();
    world.strict = true;
    let start = world.start(0, 1);
    world.refuses(&[(OWN, Some(start))], "nobody has signed it, and `trust: signed` counts signed events alone");
    world.signed.push(start);
    world.admits(&[(OWN, Some(start))]);
}

proptest! {
    #[test]
    fn no_story_makes_it_panic_and_what_is_let_in_has_no_gap_in_its_numbers(
        steps in prop::collection::vec((0usize..6, 1u32..5, prop::bool::ANY), 1..12)
    ) {
        let mut world = World::new();
        let mut tip = 0;
        for (word, attempt, onto_last) in steps {
            let parent = if onto_last { tip } else { 0 };
            let next = match word {
                0 => world.start(parent, attempt),
                5 => world.add(&[parent], "work\n\nChant-Spec: x", true),
                n => world.says(parent, &status(["completed", "failed", "cancelled", "pending"][n - 1], attempt)),
            };
            if world.push(&[(OWN, Some(next))]).is_empty() {
                world.accept(OWN, next);
                tip = next;
                let (_, ledger, _) = world.history(&world.before);
                if let Some(record) = ledger.record(&"x".parse().unwrap()) {
                    prop_assert!(record.highest <= u32::try_from(world.commits.len()).unwrap());
                }
            }
        }
    }
}
