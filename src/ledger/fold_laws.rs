//! Laws of the fold, over histories that nobody would make by hand.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::ledger::fixture::{World, name, oid};
use crate::ledger::{Answer, Approval, Block, How, In, Landing, Ledger, Note, Oid, Question, State, Transition, View};
use crate::ledger::{fold_with, questions, write};

const SPECS: [&str; 5] = ["d", "d.1", "d.2", "x", "p/y"];
const TARGETS: [&str; 5] = ["main", "gone", "chant/d", "chant/d.1", "chant/x"];
const BRANCHES: [&str; 5] = ["main", "chant/d", "chant/d.1", "chant/x", "other"];

/// What one commit is to be; picks are of commits before it.
#[derive(Debug, Clone)]
struct Plan {
    parents: Vec<Index>,
    says: Says,
    same_tree: bool,
}

#[derive(Debug, Clone)]
enum Says {
    Nothing,
    Event {
        spec: &'static str,
        attempt: u32,
        status: Option<Transition>,
        run: Option<u8>,
        target: Option<&'static str>,
    },
    Review {
        spec: &'static str,
        attempt: u32,
        yes: bool,
    },
    Landing(Vec<(&'static str, u32, Index)>),
    Disowns {
        spec: &'static str,
        commits: Vec<Index>,
    },
    Revert(Index, bool),
    Garbage(String),
}

fn says() -> impl Strategy<Value = Says> {
    use Transition::*;
    let statuses =
        vec![InProgress, InProgress, InProgress, Completed, Completed, Completed, Failed, Cancelled, Pending];
    let spec = || select(SPECS.to_vec());
    let attempt = || prop_oneof![6 => Just(1u32), 2 => Just(2), 1 => Just(7)];
    let optional = |n| proptest::option::weighted(n, 0..3u8);
    let event = (spec(), attempt(), proptest::option::weighted(0.95, select(statuses)), optional(0.5));
    let event = (event, proptest::option::weighted(0.7, select(TARGETS.to_vec())));
    let garbage = select(vec![
        "Chant-Status: completed",
        "Chant-Spec: d\nChant-Status: done\nChant-Attempt: 1",
        "Chant-Spec: ../x\nChant-Status: completed\nChant-Attempt: 1",
        "Chant-Attempt: 1\nChant-Attempt: 2\nChant-Spec: x",
        "Chant-Landing: x 1 nothing",
        "Chant-Landing: x 1 ffffffffffffffffffffffffffffffffffffffff",
        "Chant-Disowned: ffffffffffffffffffffffffffffffffffffffff\nChant-Spec: x",
        "Chant-Mood: good",
        "This reverts commit abcdef0.",
        "\0",
    ]);
    prop_oneof![
        4 => Just(Says::Nothing),
        9 => event.prop_map(|((spec, attempt, status, run), target)| Says::Event { spec, attempt, status, run, target }),
        1 => (spec(), attempt(), any::<bool>()).prop_map(|(spec, attempt, yes)| Says::Review { spec, attempt, yes }),
        2 => vec((spec(), attempt(), any::<Index>()), 1..3).prop_map(Says::Landing),
        1 => (spec(), vec(any::<Index>(), 1..3)).prop_map(|(spec, commits)| Says::Disowns { spec, commits }),
        3 => (any::<Index>(), any::<bool>()).prop_map(|(of, short)| Says::Revert(of, short)),
        1 => garbage.prop_map(|text| Says::Garbage(text.to_owned())),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let parents =
        prop_oneof![1 => vec(any::<Index>(), 0..1), 8 => vec(any::<Index>(), 1..2), 3 => vec(any::<Index>(), 2..4)];
    (parents, says(), proptest::bool::weighted(0.85)).prop_map(|(parents, says, same_tree)| Plan {
        parents,
        says,
        same_tree,
    })
}

fn message(says: &Says, pick: impl Fn(&Index) -> Oid) -> Option<String> {
    let spec_of =
        |spec: &str, attempt: u32| Block { spec: Some(name(spec)), attempt: Some(attempt), ..Block::default() };
    let block = match says {
        Says::Nothing => return None,
        Says::Garbage(text) => return Some(format!("t\n\n{text}\n")),
        Says::Revert(of, short) => {
            let hex = pick(of).to_string();
            return Some(format!("Revert\n\nThis reverts commit {}.\n", &hex[..if *short { 14 } else { 40 }]));
        }
        Says::Event { spec, attempt, status, run, target } => Block {
            status: *status,
            run: run.map(|n| format!("r{n}@host")),
            target: target.map(str::to_owned),
            ..spec_of(spec, *attempt)
        },
        Says::Review { spec, attempt, yes } => Block {
            approval: Some(if *yes { Approval::Approved } else { Approval::Rejected }),
            ..spec_of(spec, *attempt)
        },
        Says::Landing(lines) => {
            let line = |(spec, attempt, of): &(&str, u32, Index)| Landing {
                spec: name(spec),
                attempt: *attempt,
                commit: pick(of),
            };
            Block { landings: lines.iter().map(line).collect(), ..Block::default() }
        }
        Says::Disowns { spec, commits } => {
            Block { status: Some(Transition::Failed), disowned: commits.iter().map(pick).collect(), ..spec_of(spec, 1) }
        }
    };
    Some(write("an event", "", &block))
}

/// Histories as people and engines make them more often than wild ones.
pub(in crate::ledger) fn world() -> impl Strategy<Value = World> {
    prop_oneof![1 => wild(), 3 => lived()]
}

prop_compose! {
    /// Commits that say anything, on top of anything.
    fn wild()(
        plans in vec(plan(), 1..28),
        tips in vec((select(BRANCHES.to_vec()), vec(any::<Index>(), 1..3)), 0..6),
        from in any::<Index>(),
        cut in vec(any::<Index>(), 0..2),
        answers in vec(0..5u8, 64),
        found in any::<Index>(),
        renamed in any::<bool>(),
    ) -> World {
        let mut w = World::new();
        for plan in &plans {
            let so_far: Vec<Oid> = w.commits.iter().map(|(id, ..)| *id).collect();
            // The newest are picked first, so that histories grow long and not only wide.
            let near = |index: &Index| *so_far.iter().rev().nth(index.index(so_far.len().min(4))).unwrap();
            let mut parents: Vec<Oid> = plan.parents.iter().map(near).collect();
            parents.dedup();
            match message(&plan.says, |index| *index.get(&so_far)) {
                Some(message) => {
                    let changes = matches!(plan.says, Says::Landing(_) | Says::Revert(..));
                    w.say(&parents, &message, plan.same_tree != changes)
                }
                None => w.work(&parents),
            };
        }
        let all: Vec<Oid> = w.commits.iter().map(|(id, ..)| *id).collect();
        w.view.from = *from.get(&all);
        for (branch, picks) in tips {
            w.view.branches.insert(branch.to_owned(), picks.iter().map(|pick| *pick.get(&all)).collect());
        }
        w.shallow = cut.iter().map(|pick| *pick.get(&all)).collect();
        if renamed {
            w.view.aliases.insert(name("x"), name("d.2"));
        }
        answer(&mut w, &answers, &found);
        w
    }
}

fn answer(w: &mut World, answers: &[u8], found: &Index) {
    let all: Vec<Oid> = w.commits.iter().map(|(id, ..)| *id).collect();
    for (question, answer) in w.questions().into_iter().zip(answers.iter().cycle()) {
        let answer = match (question, answer) {
            (Question::Reverts { .. } | Question::RevertsSide { .. }, 0..=2) => Answer::Inverse,
            (Question::Reverts { .. } | Question::RevertsSide { .. }, 3) => Answer::Partial,
            (Question::Reverts { .. } | Question::RevertsSide { .. }, _) => Answer::No,
            (Question::Squashed { .. }, 0..=1) => Answer::At(*found.get(&all)),
            (Question::Squashed { .. }, 2) => Answer::Series { first: *found.get(&all), last: *all.last().unwrap() },
            (Question::Squashed { .. }, _) => Answer::NotFound,
            (Question::Dropped { .. }, 0..=1) => Answer::Dropped,
            (Question::Dropped { .. }, _) => Answer::No,
        };
        w.answers.insert(question, answer);
    }
}

/// What an engine or a person does next.
#[derive(Debug, Clone)]
enum Step {
    /// The spec's next attempt, or another start of the one at work.
    Start(usize, bool),
    Work(usize),
    End(usize, Transition),
    Land(usize, Way),
    /// Of a landing or of a revert, on the branch that the spec lands on.
    Revert(usize, Index),
    /// The spec's branch takes its target in.
    TakeIn(usize),
    /// The spec's branch is made again from its target's tip.
    Rebase(usize),
    Delete(usize),
    LookFrom(usize),
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Merge,
    PlainMerge,
    Squash,
    SilentSquash,
    FastForward,
}

/// Specs, and the branches they land on.
const LIVED: [(&str, &str); 5] =
    [("d", "main"), ("d.1", "chant/d"), ("d.2", "chant/d"), ("d.1.1", "chant/d.1"), ("x", "main")];

fn step() -> impl Strategy<Value = Step> {
    use Transition::{Cancelled, Completed, Failed, InProgress, Pending};
    let spec = || 0..LIVED.len();
    let ends = vec![Completed, Completed, Completed, Completed, Completed, Failed, Cancelled, Pending, InProgress];
    let ways =
        vec![Way::Merge, Way::Merge, Way::Merge, Way::PlainMerge, Way::Squash, Way::SilentSquash, Way::FastForward];
    prop_oneof![
        2 => (spec(), any::<bool>()).prop_map(|(spec, again)| Step::Start(spec, again)),
        1 => spec().prop_map(Step::Work),
        3 => (spec(), select(ends)).prop_map(|(spec, end)| Step::End(spec, end)),
        7 => (spec(), select(ways)).prop_map(|(spec, way)| Step::Land(spec, way)),
        4 => (spec(), any::<Index>()).prop_map(|(spec, of)| Step::Revert(spec, of)),
        1 => spec().prop_map(Step::TakeIn),
        1 => spec().prop_map(Step::Rebase),
        1 => spec().prop_map(Step::Delete),
        1 => spec().prop_map(Step::LookFrom),
    ]
}

/// A world that steps are taken in.
struct Life {
    w: World,
    /// For each spec its attempt so far, and the last completing event.
    specs: Vec<(u32, Option<Oid>)>,
    landings: Vec<Oid>,
}

impl Life {
    fn tip(&self, branch: &str) -> Option<Oid> {
        self.w.view.branches.get(branch).map(|tips| tips[0])
    }

    fn target_tip(&self, spec: usize) -> (String, Oid) {
        let target = LIVED[spec].1;
        let here = self.tip(target).map(|tip| (target.to_owned(), tip));
        here.unwrap_or_else(|| ("main".to_owned(), self.tip("main").unwrap()))
    }

    fn take(&mut self, step: &Step) {
        let (Step::Start(s, _)
        | Step::Work(s)
        | Step::End(s, _)
        | Step::Land(s, _)
        | Step::Revert(s, _)
        | Step::TakeIn(s)
        | Step::Rebase(s)
        | Step::Delete(s)
        | Step::LookFrom(s)) = step;
        let (name, branch) = (LIVED[*s].0, format!("chant/{}", LIVED[*s].0));
        let (target, base) = self.target_tip(*s);
        let tip = self.tip(&branch);
        let on = tip.unwrap_or(base);
        match step {
            Step::Start(_, again) => {
                self.specs[*s].0 += u32::from(!again || self.specs[*s].0 == 0);
                let start = self.w.start(on, name, self.specs[*s].0, LIVED[*s].1);
                self.specs[*s].1 = None;
                self.w.branch(&branch, start);
            }
            Step::Work(_) => {
                let work = self.w.work(&[on]);
                self.w.branch(&branch, work);
            }
            Step::End(_, end) => self.end(*s, *end),
            Step::Land(_, way) => {
                if tip.is_none() || self.specs[*s].1.is_none() {
                    self.end(*s, Transition::Completed);
                }
                if let (Some(tip), Some(done)) = (self.tip(&branch), self.specs[*s].1) {
                    self.land(*s, *way, &target, [base, tip, done]);
                }
            }
            Step::Revert(_, of) if !self.landings.is_empty() => {
                // Mostly one of the last, and more often the last of all.
                let back = of.index(4).min(self.landings.len() - 1);
                let revert = self.w.revert(base, self.landings[self.landings.len() - 1 - back]);
                self.landings.push(revert);
                self.w.branch(&target, revert);
            }
            Step::Revert(..) => {}
            Step::TakeIn(_) => {
                let merge = self.w.work(&[on, base]);
                self.w.branch(&branch, merge);
            }
            Step::Rebase(_) => self.rebase(&branch, on, base),
            Step::Delete(_) => {
                self.w.view.branches.remove(&branch);
            }
            Step::LookFrom(_) => self.w.view.from = on,
        }
    }

    /// Ends the attempt at work; begins one where there is none.
    fn end(&mut self, s: usize, end: Transition) {
        let branch = format!("chant/{}", LIVED[s].0);
        if self.tip(&branch).is_none() || self.specs[s].0 == 0 {
            self.take(&Step::Start(s, false));
            self.take(&Step::Work(s));
        }
        let on = self.tip(&branch).unwrap();
        let event = self.w.status(on, LIVED[s].0, self.specs[s].0, end);
        self.w.branch(&branch, event);
        self.specs[s].1 = (end == Transition::Completed).then_some(event);
    }

    fn land(&mut self, spec: usize, way: Way, target: &str, [base, tip, done]: [Oid; 3]) {
        let mut lines = Vec::new();
        for (i, (name, ..)) in LIVED.iter().enumerate() {
            let with_it = i == spec || name.starts_with(&format!("{}.", LIVED[spec].0));
            if let (true, (attempt, Some(done))) = (with_it, self.specs[i]) {
                lines.push((*name, attempt.max(1), if i == spec { done } else { self.specs[i].1.unwrap_or(done) }));
            }
        }
        let landing = match way {
            Way::Merge => self.w.land(&[base, tip], &lines),
            Way::Squash => self.w.land(&[base], &lines),
            Way::PlainMerge => self.w.work(&[base, done]),
            Way::SilentSquash => self.w.work(&[base]),
            Way::FastForward => tip,
        };
        self.landings.push(landing);
        self.w.branch(target, landing);
    }

    fn rebase(&mut self, branch: &str, tip: Oid, base: Oid) {
        let h = self.w.history();
        let old: Vec<_> = self.w.commits.clone();
        let mut on = base;
        for (_, _, note) in old.iter().filter(|(id, ..)| h.is_ancestor(*id, tip) && !h.is_ancestor(*id, base)) {
            on = match note {
                Some(note) => self.w.say(&[on], &String::from_utf8_lossy(&note.message), note.same_tree),
                None => self.w.work(&[on]),
            };
        }
        self.w.branch(branch, on);
    }
}

prop_compose! {
    /// Commits as work with chant makes them.
    fn lived()(
        steps in vec(step(), 4..36),
        look_from_main in proptest::bool::weighted(0.8),
        answers in vec(0..5u8, 64),
        found in any::<Index>(),
    ) -> World {
        let mut life = Life { w: World::new(), specs: vec![(0, None); LIVED.len()], landings: Vec::new() };
        steps.iter().for_each(|step| life.take(step));
        if look_from_main {
            life.w.view.from = life.tip("main").unwrap();
        }
        answer(&mut life.w, &answers, &found);
        life.w
    }
}

/// A ledger without dates, which are shown and decide nothing.
fn undated(mut ledger: Ledger) -> Ledger {
    for record in ledger.specs.values_mut() {
        let approval = record.approval.as_mut().map(|word| &mut word.1);
        let starts = record.start.iter_mut().chain(record.last_start.iter_mut()).map(Box::as_mut);
        record.entries.iter_mut().chain(starts).chain(approval).for_each(|entry| entry.time = 0);
    }
    ledger
}

/// Keys of ours in another case; values stay.
fn odd_case(message: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(message).into_owned();
    let line = |line: &str| match line.split_once(':') {
        Some((key, value)) if key.starts_with("Chant-") && key != "Chant-Mood" => {
            let odd = |(i, c): (usize, char)| if i % 2 == 0 { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() };
            format!("{}:{value}", key.chars().enumerate().map(odd).collect::<String>())
        }
        _ => line.to_owned(),
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n").into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_copying_out_changes_nothing(
        (w, order) in world().prop_flat_map(|w| {
            let order = Just((0..w.commits.len()).collect::<Vec<_>>()).prop_shuffle();
            (Just(w), order)
        })
    ) {
        let other = w.history_in(&order);
        prop_assert_eq!(questions(&other, &w.view), w.questions());
        prop_assert_eq!(fold_with(&other, &w.view, &w.answers).ledger, w.ledger());
    }

    #[test]
    fn lying_dates_and_odd_keys_change_nothing(w in world(), dates in vec(any::<i64>(), 40)) {
        let mut other = w.clone();
        for ((_, _, note), date) in other.commits.iter_mut().zip(dates.iter().cycle()) {
            if let Some(Note { time, message, .. }) = note {
                *time = *date;
                *message = odd_case(message).into();
            }
        }
        let quiet = |mut ledger: Ledger| {
            // The words of an anomaly may quote the key as it stands.
            ledger.anomalies.iter_mut().for_each(|a| a.message = a.message.to_lowercase());
            ledger.anomalies.sort();
            undated(ledger)
        };
        prop_assert_eq!(quiet(other.ledger()), quiet(w.ledger()));
    }

    #[test]
    fn a_record_agrees_with_itself_and_with_its_history(w in world()) {
        let (h, ledger) = (w.history(), w.ledger());
        for (spec, record) in &ledger.specs {
            let yes = match &record.in_target { In::Yes(landed) => Some(landed), _ => None };
            prop_assert_eq!(record.landing.as_ref(), yes);
            prop_assert!(record.state == State::Completed || record.in_target == In::No);
            prop_assert!(record.reverted.is_none() || record.in_target == In::No);
            prop_assert_eq!(record.decided_by.is_none(), record.state == State::New);
            prop_assert!(record.state == State::New || record.attempt <= record.highest);
            prop_assert!(record.highest < record.attempt || record.state != State::New);
            for (i, entry) in record.entries.iter().enumerate() {
                let after = &record.entries[i + 1..];
                prop_assert!(after.iter().all(|later| !h.is_ancestor(later.commit, entry.commit)));
            }
            if let Some(landed) = yes {
                let tips = w.view.branches.get(&landed.target).cloned().unwrap_or_else(|| vec![w.view.from]);
                prop_assert!(tips.iter().any(|tip| h.is_ancestor(landed.commit, *tip)));
                prop_assert!(landed.how == How::ThroughDriver || tips.len() > 1 || ledger.in_base(&h, spec, tips[0]));
            }
        }
        prop_assert!(ledger.anomalies.is_sorted());
    }

    #[test]
    fn no_input_is_too_broken(
        w in world(),
        edges in vec((0..30u32, vec(0..40u32, 0..4), any::<bool>(), vec(any::<u8>(), 0..40)), 0..20),
        answers in vec((0..40u32, 0..40u32, 0..5u8), 0..20),
    ) {
        let mut w = w;
        for (id, parents, shallow, message) in edges {
            let mut text = b"t\n\nChant-Spec: x\nChant-Status: completed\nChant-Attempt: 1\nChant-Reason: ".to_vec();
            text.extend(message);
            let note = Note { message: text.into(), same_tree: shallow, time: i64::MIN, author: String::new() };
            w.commits.insert(0, (oid(id), parents.into_iter().map(oid).collect(), Some(note)));
            w.shallow.extend(shallow.then(|| oid(id + 3)));
        }
        for (a, b, kind) in answers {
            let answer = [Answer::Inverse, Answer::Partial, Answer::No, Answer::NotFound, Answer::At(oid(b))][kind as usize];
            w.answers.insert(Question::Reverts { revert: oid(a), reverted: oid(b) }, answer);
        }
        let h = w.history();
        // Neither a round of parents, nor answers to what was not asked, nor a view of what is not there.
        prop_assert!(fold_with(&h, &w.view, &w.answers).ledger.anomalies.is_sorted());
        prop_assert!(fold_with(&h, &View::at(oid(4_000)), &w.answers).ledger.specs.values().all(|r| r.in_target != In::Unknown));
    }

    #[test]
    fn reverts_of_reverts_alternate_however_they_are_chained(chain in vec(any::<Index>(), 1..12), squash in any::<bool>()) {
        let mut w = World::new();
        let root = w.commits[0].0;
        let [.., done] = w.attempt(root, "x", 1, "main");
        let parents = if squash { vec![root] } else { vec![root, done] };
        let landing = w.land(&parents, &[("x", 1, done)]);
        // For the landing and each revert whether it brings the change or takes it away: the last one has its way.
        let mut all: Vec<(Oid, bool)> = vec![(landing, true)];
        let mut here = true;
        for pick in &chain {
            // Only one that had the same effect can be taken back by its exact inverse now.
            let same: Vec<Oid> = all.iter().filter(|(_, brings)| *brings == here).map(|(id, _)| *id).collect();
            let tip = w.revert(all.last().unwrap().0, *pick.get(&same));
            here = !here;
            all.push((tip, here));
        }
        let tip = all.last().unwrap().0;
        w.main(tip);
        prop_assert_eq!(w.record("x").landing.is_some(), here);
        prop_assert_eq!(w.in_base("x", tip), here);
        prop_assert!(w.in_base("x", landing));
    }

    #[test]
    fn a_rebase_of_everything_changes_no_state(w in linear()) {
        let before = w.record("x");
        let mut rebased = w.clone();
        let mut tip = rebased.work(&[w.commits[0].0]);
        for (_, _, note) in w.commits.iter().skip(1) {
            tip = match note {
                Some(note) => rebased.say(&[tip], &String::from_utf8_lossy(&note.message), note.same_tree),
                None => rebased.work(&[tip]),
            };
        }
        for copies_are_here_alone in [false, true] {
            let mut rebased = rebased.clone();
            rebased.branch("chant/x", tip);
            if copies_are_here_alone {
                let old: Vec<Oid> = w.commits.iter().skip(1).map(|(id, ..)| *id).collect();
                rebased.commits.retain(|(id, ..)| !old.contains(id));
            }
            let after = rebased.record("x");
            prop_assert_eq!(&after.state, &before.state);
            prop_assert_eq!((after.attempt, after.entries.len()), (before.attempt, before.entries.len()));
            prop_assert_eq!(rebased.anomalies().len(), 0);
            // A rebase put on the target counts as a landing of what it completed.
            rebased.main(tip);
            let landed = rebased.record("x").landing.is_some();
            prop_assert_eq!(landed, before.state == State::Completed);
        }
    }
}

prop_compose! {
    /// One spec's branch as the engine makes it: starts, work, ends, again and again.
    fn linear()(steps in vec((0..3u8, select(vec![Transition::Completed, Transition::Failed, Transition::Pending])), 1..6)) -> World {
        let mut w = World::new();
        let mut tip = w.commits[0].0;
        for (attempt, (shape, end)) in (1u32..).zip(steps) {
            tip = w.start(tip, "x", attempt, "main");
            if shape > 0 {
                tip = w.work(&[tip]);
                tip = w.start(tip, "x", attempt, "main");
            }
            tip = w.work(&[tip]);
            tip = w.status(tip, "x", attempt, end);
            if shape > 1 {
                tip = w.work(&[tip]);
                tip = w.status(tip, "x", attempt, end);
            }
        }
        w.branch("chant/x", tip);
        w
    }
}
