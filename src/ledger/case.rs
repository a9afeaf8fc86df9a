//! One spec's events, brought to the question that is left: which of the last ones decides.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::block::{Transition, key};
use super::claim::{Claim, Member};
use super::copies::{Attempt, Group};
use super::history::History;
use super::scan::{Event, Line, Scan};
use super::target;
use super::view::View;
use crate::spec::Qualified;

/// One spec, in the attempt that counts.
#[derive(Debug)]
pub(super) struct Case<'s> {
    pub spec: &'s Qualified,
    pub events: &'s [Event],
    /// The highest attempt that has a transition; 0 where none has.
    pub number: u32,
    /// The same, or one more where that one was seen on something that does not count.
    pub highest: u32,
    pub attempt: Attempt<'s>,
    /// The last events, of which one decides; and completions before them that may have landed.
    pub candidates: Vec<Candidate<'s>>,
    /// Where landings name something that is no completion of the spec.
    pub idle_lines: Vec<&'s Line>,
}

/// One of the last events, or a completion before them; or, where only a landing tells of the completion, that landing.
#[derive(Debug)]
pub(super) struct Candidate<'s> {
    pub status: Transition,
    /// The commits that say so, smallest id first.
    pub commits: Vec<u32>,
    pub first_start: Option<&'s Event>,
    pub last_start: Option<&'s Event>,
    pub target: Option<String>,
    /// Copies of a completion that stand on less work than another does: nothing shows that the rest is there too.
    pub thin: Vec<u32>,
    /// The events that came after it; empty where it is one of the last. It counts all the same where it landed and they
    /// do not know of that.
    pub overruled_by: Vec<&'s Event>,
    /// What a completed one can show.
    pub claim: Claim,
}

impl Candidate<'_> {
    pub fn is_completed(&self) -> bool {
        self.status == Transition::Completed
    }

    /// Whether other events came after it.
    pub fn is_overruled(&self) -> bool {
        !self.overruled_by.is_empty()
    }
}

/// The attempts of transitions that do not count, by spec.
type Numbers = BTreeMap<Qualified, BTreeSet<u32>>;

/// Brings every spec to its question.
pub(super) fn cases<'s>(h: &History, v: &View, scan: &'s Scan, dropped: &Numbers) -> Vec<Case<'s>> {
    let specs: BTreeSet<&Qualified> = scan.events.keys().chain(scan.lines.keys()).collect();
    let mut cases: Vec<Case> = specs.into_iter().map(|spec| case(h, v, scan, spec, dropped.get(spec))).collect();
    let taken = Taken::new(scan);
    cases.iter_mut().for_each(|case| taken.thin_out(h, case));
    taken.attach(h, &mut cases);
    cases
}

fn case<'s>(h: &History, v: &View, scan: &'s Scan, spec: &'s Qualified, dropped: Option<&BTreeSet<u32>>) -> Case<'s> {
    let events = scan.events.get(spec).map(Vec::as_slice).unwrap_or_default();
    let mut vouching = Vouching::default();
    for line in scan.lines.get(spec).into_iter().flatten() {
        vouching.add(h, events, line);
    }
    vouching.hidden.values_mut().for_each(|lines| lines.sort_unstable_by_key(|line| h.oid(line.at)));
    let told = events.iter().filter(|e| e.status.is_some()).map(|e| e.attempt).max().unwrap_or(0);
    let seen = |lines: &[&Line]| lines.iter().find_map(|line| target::seen_in(h, v, line.at));
    let testimony = vouching.hidden.iter().rev().find_map(|(n, lines)| Some((*n, seen(lines)?)));
    let number = testimony.as_ref().map_or(told, |(n, _)| told.max(*n));
    let mut highest = number;
    // What does not count uses up no number but the next: a forged one could leave none.
    highest += u32::from(dropped.is_some_and(|seen| seen.contains(&(highest + 1))));
    let attempt = Attempt::new(h, events, number);
    let hidden = vouching.hidden.get(&number).map(Vec::as_slice).unwrap_or_default();
    let mut candidates: Vec<Candidate> = Vec::new();
    let completed = attempt.groups.iter().filter(|group| group.status == Transition::Completed);
    let copies: Vec<u32> = completed.flat_map(|group| &group.copies).map(|copy| copy.at).collect();
    // A landing that brought a copy of the completion names the original, which was rewritten with all else. Of what
    // another one names, nothing is known but that it landed.
    let (near, far): (Vec<&Line>, Vec<&Line>) =
        hidden.iter().copied().partition(|line| copies.iter().any(|at| h.reaches(line.at, *at)));
    for group in attempt.heads.iter().map(|i| &attempt.groups[*i]) {
        candidates.push(of_group(h, &attempt, group, &vouching, &near));
    }
    for (group, overruled_by) in attempt.overruled(h) {
        candidates.push(Candidate { overruled_by, ..of_group(h, &attempt, group, &vouching, &near) });
    }
    if let Some((_, seen)) = testimony.filter(|(n, _)| *n == number && !far.is_empty()) {
        candidates.push(of_landings(h, &attempt, &far, seen));
    }
    Case { spec, events, number, highest, attempt, candidates, idle_lines: vouching.idle }
}

/// The landings that name a spec, by what they vouch for.
#[derive(Default)]
struct Vouching<'s> {
    /// A completing event that is here.
    known: HashMap<u32, Vec<u32>>,
    /// One that is not here, by its attempt.
    hidden: BTreeMap<u32, Vec<&'s Line>>,
    /// Something else.
    idle: Vec<&'s Line>,
}

impl<'s> Vouching<'s> {
    fn add(&mut self, h: &History, events: &[Event], line: &'s Line) {
        let Some(named) = h.find(&line.commit) else {
            return self.hidden.entry(line.attempt).or_default().push(line);
        };
        let completes = |e: &Event| e.status == Some(Transition::Completed) && e.attempt == line.attempt;
        match events.iter().any(|e| e.at == named && completes(e)) {
            true => self.known.entry(named).or_default().push(line.at),
            false => self.idle.push(line),
        }
    }
}

fn of_group<'s>(
    h: &History,
    attempt: &Attempt<'s>,
    group: &Group<'s>,
    v: &Vouching,
    hidden: &[&Line],
) -> Candidate<'s> {
    let commits: Vec<u32> = group.copies.iter().map(|copy| copy.at).collect();
    let one = commits.first().copied();
    let (first, last) = attempt.any_start();
    let first_start = one.and_then(|at| attempt.first_start(h, at)).or(first);
    let last_start = one.and_then(|at| attempt.last_start(h, at)).or(last);
    let claim = if group.status == Transition::Completed {
        let named = commits.iter().filter_map(|at| v.known.get(at)).flatten().copied();
        let members = commits.iter().map(|at| Member { at: *at, work: Vec::new() }).collect();
        Claim { members, lines: in_order(h, named.chain(hidden.iter().map(|line| line.at))), ..Claim::default() }
    } else {
        Claim::default()
    };
    let target = target_of(first_start, last_start);
    let (status, thin, overruled_by) = (group.status, Vec::new(), Vec::new());
    Candidate { status, commits, first_start, last_start, target, thin, overruled_by, claim }
}

fn of_landings<'s>(h: &History, attempt: &Attempt<'s>, hidden: &[&Line], seen: String) -> Candidate<'s> {
    let (first_start, last_start) = attempt.any_start();
    let lines = in_order(h, hidden.iter().map(|line| line.at));
    let target = target_of(first_start, last_start).or(Some(seen));
    let claim = Claim { lines: lines.clone(), ..Claim::default() };
    let (status, thin, overruled_by) = (Transition::Completed, Vec::new(), Vec::new());
    Candidate { status, commits: lines, first_start, last_start, target, thin, overruled_by, claim }
}

/// The branch that the last claim names, or the first.
fn target_of(first: Option<&Event>, last: Option<&Event>) -> Option<String> {
    let named = |start: Option<&Event>| start?.block.target.as_deref().map(|name| target::short(name).to_owned());
    named(last).or_else(|| named(first))
}

fn in_order(h: &History, commits: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut commits: Vec<u32> = commits.collect();
    commits.sort_unstable_by_key(|at| h.oid(*at));
    commits.dedup();
    commits
}

/// Which commits are the work of a spec, and which of them, or of landings, some commit says it reverts.
struct Taken {
    reverted: HashSet<u32>,
    events: HashSet<u32>,
    landings: HashSet<u32>,
}

impl Taken {
    fn new(scan: &Scan) -> Self {
        let reverted = scan.reverts.iter().map(|(_, reverted)| *reverted).collect();
        let events = scan.events.values().flatten().map(|event| event.at).collect();
        let landings = scan.lines.values().flatten().map(|line| line.at).collect();
        Self { reverted, events, landings }
    }

    /// Takes from a claim the copies of its completion that stand on less work than another. Events can be picked
    /// without what they are about, and a rebase can skip a commit: then the patch of the whole has to show it.
    fn thin_out(&self, h: &History, case: &mut Case) {
        let Case { attempt, candidates, .. } = case;
        for candidate in candidates.iter_mut().filter(|c| c.claim.members.len() > 1) {
            let count = |at: u32| Some(self.work(h, at, attempt.first_start(h, at)?.at).count());
            let most = candidate.claim.members.iter().filter_map(|m| count(m.at)).max();
            // Of what a shallow clone cut off, nothing can be counted.
            let is_thin = |at: u32| !h.cut(at) && count(at) < most;
            let (thin, full) = candidate.commits.iter().partition(|at| is_thin(**at));
            (candidate.thin, candidate.commits) = (thin, full);
            candidate.claim.members.retain(|m| !candidate.thin.contains(&m.at));
            if let Some(start) = candidate.commits.first().and_then(|at| attempt.first_start(h, *at)) {
                candidate.first_start = Some(start);
            }
        }
    }

    /// Tells every claim which of them brought it, and which are of its work.
    fn attach(&self, h: &History, cases: &mut [Case]) {
        if self.reverted.is_empty() {
            return;
        }
        let mut claims: Vec<&mut Candidate> = cases.iter_mut().flat_map(|case| &mut case.candidates).collect();
        claims.retain(|candidate| candidate.is_completed());
        let mut by_member: HashMap<u32, usize> = HashMap::new();
        for (i, candidate) in claims.iter_mut().enumerate() {
            let Candidate { claim, first_start, .. } = &mut **candidate;
            claim.brought_by.extend(claim.lines.iter().filter(|at| self.reverted.contains(at)));
            for member in &mut claim.members {
                by_member.insert(member.at, i);
                member.work = first_start.map_or_else(Vec::new, |start| self.reverted_work(h, member.at, start.at));
            }
        }
        for landing in self.reverted.iter().copied().filter(|at| h.is_merge(*at)) {
            let brought: BTreeSet<usize> = brought(h, landing).filter_map(|at| by_member.get(&at).copied()).collect();
            brought.into_iter().for_each(|i| claims[i].claim.brought_by.push(landing));
        }
        for candidate in claims {
            candidate.claim.brought_by = in_order(h, candidate.claim.brought_by.iter().copied());
        }
    }

    /// The commits from a start to a completing event, where one of them was reverted.
    fn reverted_work(&self, h: &History, member: u32, start: u32) -> Vec<u32> {
        let work: Vec<u32> = self.work(h, member, start).collect();
        if work.iter().any(|at| self.reverted.contains(at)) { work } else { Vec::new() }
    }

    /// The commits from a start to a completing event. A merge counts where it is a landing; one that only took in what
    /// others did is no work of the spec.
    fn work<'h>(&'h self, h: &'h History, member: u32, start: u32) -> impl Iterator<Item = u32> + 'h {
        let back = std::iter::successors(h.first_parent(member), |at| h.first_parent(*at));
        let since = back.take_while(move |at| h.generation(*at) > h.generation(start));
        since.filter(|at| !self.events.contains(at) && (!h.is_merge(*at) || self.landings.contains(at)))
    }
}

/// What a merge brought: all that it descends from and its first parent does not. Nothing, where that one is hidden.
fn brought(h: &History, merge: u32) -> impl Iterator<Item = u32> + '_ {
    let before = h.first_parent(merge);
    let mut seen: HashSet<u32> = HashSet::new();
    let mut open: Vec<u32> = if before.is_some() { vec![merge] } else { Vec::new() };
    std::iter::from_fn(move || {
        let at = open.pop()?;
        for parent in h.parents_of(at) {
            if before.is_some_and(|before| !h.reaches(before, parent)) && seen.insert(parent) {
                open.push(parent);
            }
        }
        Some(at)
    })
}

/// What is said of a landing that names something else than a completion.
pub(super) fn idle(h: &History, case: &Case, line: &Line) -> String {
    let (n, spec, named) = (line.attempt, case.spec, line.commit.short());
    let landing = h.oid(line.at).short();
    format!(
        "`{}` of {landing} names {named}, which does not complete attempt {n} of {spec}: it does not count",
        key::LANDING
    )
}
