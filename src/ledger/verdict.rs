//! Whether a completed attempt is in its target: the one function that decides it (DESIGN.md, section 4).
//!
//! A revert outranks the rest; then comes ancestry, then landings that name the attempt, then the patch of the whole
//! branch. A member is in its target also where its driver has landed with it, so drivers are judged first.

use std::collections::{BTreeSet, HashMap};

use super::block::Transition;
use super::case::{Candidate, Case};
use super::claim::{Claim, Judged, Member, Reverts};
use super::history::History;
use super::oid::Oid;
use super::question::{Answer, Answers, Question};
use super::record::{How, Landed};
use super::scan::Scan;
use super::target::{Target, Targets};
use super::view::View;
use crate::spec::Qualified;

/// What is decided of one spec.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// The candidate that decides its state; `None` where there is none.
    pub winner: Option<usize>,
    pub standing: Standing,
    /// What can be shown for it elsewhere: its own claim, and that of the driver with which it landed.
    pub claim: Claim,
}

/// What is decided of one candidate.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub landed: Option<Landed>,
    /// The commit that shows it.
    pub shown_by: Option<u32>,
    pub reverted: Option<u32>,
    pub partial: Option<u32>,
    /// A shallow clone hides the answer.
    pub hidden: bool,
    /// Not in its target, but in another branch: by this commit.
    pub elsewhere: Option<(u32, String)>,
    /// The merge that brought it, and nothing of what it changes.
    pub dropped: Option<u32>,
}

/// The court: everything that bears on where attempts are.
pub(super) struct Court<'c, 's> {
    h: &'c History,
    v: &'c View,
    cases: &'c mut [Case<'s>],
    targets: Targets<'c>,
    by_name: HashMap<&'s Qualified, usize>,
    pub reverts: Reverts,
    /// Merges that left out what they brought, with that.
    dropped: BTreeSet<(u32, u32)>,
    /// What was asked, whether or not it was answered.
    pub asked: BTreeSet<Question>,
}

impl<'c, 's> Court<'c, 's> {
    /// Asks what there is to ask, and takes in the answers.
    pub fn new(h: &'c History, v: &'c View, scan: &Scan, cases: &'c mut [Case<'s>], answers: &Answers) -> Self {
        let completed = || cases.iter().flat_map(|case| &case.candidates).filter(|c| c.is_completed());
        let shown = |claim: &Claim| -> Vec<u32> {
            claim.members.iter().map(|m| m.at).chain(claim.lines.iter().copied()).collect()
        };
        let asked = completed().flat_map(|candidate| {
            let commits = shown(&candidate.claim).into_iter();
            commits.map(|at| (candidate.target.as_deref(), h.generation(at)))
        });
        let targets = Targets::new(h, v, asked);
        let by_name = cases.iter().enumerate().map(|(i, case)| (case.spec, i)).collect();
        let (reverts, dropped, asked) = (Reverts::default(), BTreeSet::new(), BTreeSet::new());
        let mut court = Self { h, v, cases, targets, by_name, reverts, dropped, asked };
        court.ask_squashed(scan, answers);
        let mut of_others = court.ask_sides(scan, answers);
        of_others.extend(court.ask_events(scan, answers));
        court.ask_reverts(scan, answers, of_others);
        court.ask_dropped(answers);
        court
    }

    /// Asks for the patch of every completed attempt that neither ancestry nor a landing shows.
    fn ask_squashed(&mut self, scan: &Scan, answers: &Answers) {
        for i in 0..self.cases.len() {
            for c in 0..self.cases[i].candidates.len() {
                let questions = self.squashed(&self.cases[i].candidates[c], i);
                for question in questions {
                    self.ask_reverts_of(scan, &question);
                    let found = answers.get(&question).and_then(|answer| self.patch(&question, answer));
                    self.cases[i].candidates[c].claim.patches.extend(found);
                    self.asked.insert(question);
                }
            }
        }
    }

    /// The commit, or the series, that holds the whole change.
    fn patch(&self, question: &Question, answer: &Answer) -> Option<Member> {
        let (first, last) = match answer {
            Answer::At(at) => (None, *at),
            Answer::Series { first, last } => (Some(*first), *last),
            _ => return None,
        };
        let at = self.h.find(&last).filter(|_| self.may_hold(question, last))?;
        let Some(first) = first.and_then(|first| self.h.find(&first)) else {
            return Some(Member { at, work: Vec::new() });
        };
        let back = std::iter::successors(Some(at), |at| self.h.first_parent(*at));
        let within = |at: &u32| self.h.reaches(*at, first) && self.may_hold(question, self.h.oid(*at));
        let work = back.take_while(within).collect();
        Some(Member { at, work })
    }

    /// Whether a commit may be the squash that was asked for: it is in that target, and the work did not start from it.
    fn may_hold(&self, question: &Question, found: Oid) -> bool {
        let Question::Squashed { start, target, .. } = question else { return false };
        self.h.is_ancestor(found, *target) && !self.h.is_ancestor(found, *start)
    }

    fn squashed(&self, candidate: &Candidate, own: usize) -> Vec<Question> {
        let (Some(member), Some(start)) = (candidate.claim.members.first(), candidate.first_start) else {
            return Vec::new();
        };
        let target = self.targets.get(candidate.target.as_deref());
        if candidate.is_overruled() || candidate.claim.shows(|at| target.holds(at)) {
            return Vec::new();
        }
        let mut tips = target.tips.clone();
        if !self.targets.exists(candidate.target.as_deref()) {
            tips.extend(self.landed_tips(candidate, own));
        }
        let (tip, start) = (self.h.oid(member.at), self.h.oid(start.at));
        tips.into_iter().map(|at| Question::Squashed { tip, start, target: self.h.oid(at) }).collect()
    }

    /// The tips that the driver of a member was completed at.
    fn landed_tips(&self, member: &Candidate, own: usize) -> Vec<u32> {
        let Some(driver) = self.driver(member, own) else { return Vec::new() };
        let claims = self.cases[driver].candidates.iter().map(|candidate| &candidate.claim);
        claims.filter(|c| !self.contained(&member.claim, c)).flat_map(|c| &c.members).map(|m| m.at).collect()
    }

    /// A squash without a landing's trailer may have been reverted: by whatever reverts a commit that could be it.
    fn ask_reverts_of(&mut self, scan: &Scan, question: &Question) {
        for (by, at) in &scan.reverts {
            if self.may_hold(question, self.h.oid(*at)) {
                self.asked.insert(Question::Reverts { revert: self.h.oid(*by), reverted: self.h.oid(*at) });
            }
        }
    }

    /// Asks of merges that were reverted to another parent than the first whether they really were: where the target was
    /// merged into the work, that takes back the work. It counts as a revert of what completed it. Gives the reverts.
    fn ask_sides(&mut self, scan: &Scan, answers: &Answers) -> Vec<u32> {
        let mut asked = Vec::new();
        for (by, merge, back_to) in scan.sides.iter().copied() {
            let members = self.cases.iter().flat_map(|case| &case.candidates).flat_map(|c| &c.claim.members);
            let on_side = |at: &u32| self.h.reaches(merge, *at) && !self.h.reaches(back_to, *at);
            let taken: Vec<u32> = members.map(|m| m.at).filter(on_side).collect();
            if taken.is_empty() {
                continue;
            }
            let [revert, named, to] = [by, merge, back_to].map(|at| self.h.oid(at));
            let question = Question::RevertsSide { revert, merge: named, back_to: to };
            let answer = answers.get(&question);
            taken.into_iter().for_each(|at| self.reverts.add(at, by, answer));
            self.asked.insert(question);
            asked.push(by);
        }
        asked
    }

    /// After a fast-forward nothing names the landing but the completing event, which changes nothing itself: whoever says
    /// that they revert it may take back all that was done since the start. Gives the reverts.
    fn ask_events(&mut self, scan: &Scan, answers: &Answers) -> Vec<u32> {
        let candidates = self.cases.iter().flat_map(|case| &case.candidates).filter(|c| c.is_completed());
        let began: HashMap<u32, u32> = candidates
            .filter_map(|c| Some((c.first_start?.at, &c.claim.members)))
            .flat_map(|(start, members)| members.iter().map(move |m| (m.at, start)))
            .filter(|(at, start)| self.h.reaches(*at, *start))
            .collect();
        let mut asked = Vec::new();
        for (by, event) in &scan.reverts {
            let Some(start) = began.get(event) else { continue };
            let [revert, merge, back_to] = [*by, *event, *start].map(|at| self.h.oid(at));
            let question = Question::RevertsSide { revert, merge, back_to };
            self.reverts.add(*event, *by, answers.get(&question));
            self.asked.insert(question);
            asked.push(*by);
        }
        asked
    }

    /// Asks whether the reverts of landings and of work are what they say, and those of these reverts.
    fn ask_reverts(&mut self, scan: &Scan, answers: &Answers, mut open: Vec<u32>) {
        let mut of: HashMap<u32, Vec<u32>> = HashMap::new();
        for (by, at) in &scan.reverts {
            of.entry(*at).or_default().push(*by);
        }
        let claims = self.cases.iter().flat_map(|case| &case.candidates).map(|candidate| &candidate.claim);
        claims.for_each(|claim| open.extend(claim.commits()));
        let known = self.asked.iter().filter_map(|question| match question {
            Question::Reverts { reverted, .. } => self.h.find(reverted),
            _ => None,
        });
        open.extend(known.collect::<Vec<_>>());
        let mut seen: BTreeSet<u32> = BTreeSet::new();
        while let Some(at) = open.pop() {
            if !seen.insert(at) {
                continue;
            }
            for by in of.get(&at).into_iter().flatten() {
                let question = Question::Reverts { revert: self.h.oid(*by), reverted: self.h.oid(at) };
                self.reverts.add(at, *by, answers.get(&question));
                self.asked.insert(question);
                open.push(*by);
            }
        }
    }

    /// Asks of the merges of people whether they took in what they merged. A landing's line vouches for its merge.
    fn ask_dropped(&mut self, answers: &Answers) {
        let candidates = self.cases.iter().flat_map(|case| &case.candidates);
        let silent = candidates.filter(|c| c.is_completed() && c.claim.lines.is_empty());
        let mut merges: BTreeSet<(u32, u32)> = BTreeSet::new();
        for candidate in silent {
            let target = self.targets.get(candidate.target.as_deref());
            let held = candidate.claim.members.iter().map(|m| m.at).filter(|at| target.holds(*at));
            merges.extend(held.map(|at| (target.brought(at), at)).filter(|(by, at)| by != at && self.h.is_merge(*by)));
        }
        for (by, at) in merges {
            let question = Question::Dropped { merge: self.h.oid(by), tip: self.h.oid(at) };
            if answers.get(&question) == Some(&Answer::Dropped) {
                self.dropped.insert((by, at));
            }
            self.asked.insert(question);
        }
    }

    /// Judges every spec, in the order of the cases.
    pub fn judge(&self) -> Vec<Verdict> {
        let mut verdicts: Vec<Option<Verdict>> = self.cases.iter().map(|_| None).collect();
        for i in self.drivers_first() {
            let mut standings: Vec<(Standing, Claim)> = Vec::new();
            for candidate in 0..self.cases[i].candidates.len() {
                standings.push(self.stand(i, candidate, &verdicts));
            }
            let counts: Vec<bool> = (0..standings.len()).map(|c| self.counts(i, c, &standings[c].0)).collect();
            for (at, _) in counts.iter().enumerate().filter(|(_, counts)| !**counts) {
                standings[at] = Default::default();
            }
            let reverted: Vec<bool> = standings.iter().map(|(standing, _)| standing.reverted.is_some()).collect();
            let taken_back = self.take_back_concurrent(&mut standings);
            let rank = |c: usize| {
                let candidate = &self.cases[i].candidates[c];
                let first = candidate.commits.first().map(|at| self.h.oid(*at));
                let undone = taken_back && reverted[c];
                (standings[c].0.landed.is_none(), candidate.is_overruled(), !undone, rank(candidate.status), first)
            };
            let winner = (0..standings.len()).filter(|c| counts[*c]).min_by_key(|c| rank(*c));
            let (standing, claim) = winner.map(|c| standings.swap_remove(c)).unwrap_or_default();
            verdicts[i] = Some(Verdict { winner, standing, claim });
        }
        verdicts.into_iter().map(Option::unwrap_or_default).collect()
    }

    /// Whether a candidate is one: a completion that was overruled is, where it landed and neither the landing nor who
    /// overruled it knows of the other. Of two clones one rejected it while the other landed it.
    fn counts(&self, i: usize, c: usize, standing: &Standing) -> bool {
        let overruled_by = &self.cases[i].candidates[c].overruled_by;
        let landing = standing.landed.as_ref().and_then(|landed| self.h.find(&landed.commit));
        let apart = |landing: u32| {
            overruled_by.iter().all(|event| !self.h.reaches(event.at, landing) && !self.h.reaches(landing, event.at))
        };
        overruled_by.is_empty() || landing.is_some_and(apart)
    }

    /// What one of two clones landed and both merged is taken back with what the other landed: the change is the same
    /// attempt's, and after the revert nobody knows how much of it is left. Only what came after the revert still counts.
    fn take_back_concurrent(&self, standings: &mut [(Standing, Claim)]) -> bool {
        let reverts: Vec<u32> = standings.iter().filter_map(|(standing, _)| standing.reverted).collect();
        let mut any = false;
        for (standing, _) in standings {
            let landed = standing.landed.as_ref().and_then(|landed| self.h.find(&landed.commit));
            if let Some(by) = reverts.iter().find(|by| landed.is_some_and(|at| !self.h.reaches(at, **by))) {
                *standing = Standing { reverted: Some(*by), ..Standing::default() };
                any = true;
            }
        }
        any
    }

    /// Where a candidate stands, and what can be shown for it.
    fn stand(&self, i: usize, c: usize, verdicts: &[Option<Verdict>]) -> (Standing, Claim) {
        let candidate = &self.cases[i].candidates[c];
        if !candidate.is_completed() {
            return (Standing::default(), Claim::default());
        }
        let mut claim = candidate.claim.clone();
        let target = candidate.target.clone();
        let driver = self.driver(candidate, i).and_then(|driver| Some((driver, verdicts[driver].as_ref()?)));
        let mut hidden = false;
        if let Some((_, verdict)) = driver.filter(|(d, verdict)| self.comes_with(&claim, *d, verdict)) {
            if let Some(standing) = self.through(&mut claim, verdict) {
                return (standing, claim);
            }
            hidden = verdict.standing.hidden;
        }
        let own = self.targets.get(target.as_deref());
        let judged = self.judge_in(&claim, &own);
        let by = judged.found.map(|(how, at)| if how == How::Ancestry { own.brought(at) } else { at });
        let landed = judged.found.zip(by).map(|((how, _), by)| Landed {
            how,
            commit: self.h.oid(by),
            target: self.targets.name(target.as_deref()),
        });
        let dropped = judged.found.zip(by).filter(|((_, at), by)| self.dropped.contains(&(*by, *at))).map(|(_, by)| by);
        let untold = landed.is_none() && judged.reverted.is_none();
        let elsewhere = if untold { self.elsewhere(&claim, target.as_deref()) } else { None };
        (Standing { hidden: untold && (hidden || own.cut), elsewhere, dropped, ..standing(landed, &judged) }, claim)
    }

    /// Where a claim is, but for its target: the revision looked from, if that is the tip of a branch that is no spec's
    /// own; else a branch into which it was merged. A branch that only goes on from it is no such place.
    fn elsewhere(&self, claim: &Claim, target: Option<&str>) -> Option<(u32, String)> {
        let from = self.targets.name_of_from();
        if let Some(name) = &from
            && let Some((_, at)) = self.judge_in(claim, &self.targets.get(None)).found
        {
            return Some((at, name.clone()));
        }
        let own = |name: &str| Qualified::from_branch(name).is_some();
        let others = self.v.branches.keys().filter(|name| !own(name) && Some(name.as_str()) != target);
        others.filter(|name| from.as_ref() != Some(name)).find_map(|name| {
            let place = self.targets.get(Some(name));
            let (how, at) = self.judge_in(claim, &place).found?;
            (how != How::Ancestry || place.brought(at) != at).then(|| (at, name.clone()))
        })
    }

    /// Where a member stands that its driver's completion holds; `None` where its own target decides.
    fn through(&self, claim: &mut Claim, driver: &Verdict) -> Option<Standing> {
        let Standing { landed, shown_by, reverted, .. } = &driver.standing;
        if let Some(landed) = landed {
            let shown = shown_by.filter(|at| !claim.lines.contains(at));
            let with = |at| driver.claim.patches.iter().find(|m| m.at == at).map_or_else(Vec::new, |m| m.work.clone());
            claim.patches.extend(shown.map(|at| Member { at, work: with(at) }));
            let target = self.targets.get(Some(&landed.target));
            let judged = self.judge_in(claim, &target);
            let here = judged.found.map(|_| Landed { how: How::ThroughDriver, ..landed.clone() });
            return (here.is_some() || judged.reverted.is_some()).then(|| standing(here, &judged));
        }
        let by = (*reverted)?;
        Some(Standing { reverted: Some(by), ..Standing::default() })
    }

    fn judge_in(&self, claim: &Claim, target: &Target) -> Judged {
        claim.judge(self.h, &self.reverts, &|at| target.holds(at))
    }

    /// Whether what a member completed is in what its driver completed.
    fn comes_with(&self, member: &Claim, driver: usize, verdict: &Verdict) -> bool {
        let candidate = verdict.winner.and_then(|winner| self.cases[driver].candidates.get(winner));
        candidate.is_some_and(|candidate| candidate.is_completed() && self.contained(member, &candidate.claim))
    }

    fn contained(&self, member: &Claim, driver: &Claim) -> bool {
        let below = |at: u32| driver.members.iter().any(|tip| self.h.reaches(tip.at, at));
        let same_landing = driver.lines.iter().any(|at| member.lines.contains(at));
        same_landing || member.judge(self.h, &self.reverts, &below).found.is_some()
    }

    /// The spec on whose branch a candidate lands.
    fn driver(&self, candidate: &Candidate, own: usize) -> Option<usize> {
        let name = Qualified::from_branch(candidate.target.as_deref()?)?;
        self.by_name.get(&self.v.current(&name)).copied().filter(|driver| *driver != own)
    }

    /// Every case after the drivers that its candidates land on; a way round is cut open where it is entered.
    fn drivers_first(&self) -> Vec<usize> {
        let mut order = Vec::new();
        let mut seen = vec![false; self.cases.len()];
        for i in 0..self.cases.len() {
            let mut stack = vec![(i, false)];
            while let Some((at, leaving)) = stack.pop() {
                if leaving {
                    order.push(at);
                } else if !std::mem::replace(&mut seen[at], true) {
                    stack.push((at, true));
                    let drivers = self.cases[at].candidates.iter().filter_map(|c| self.driver(c, at));
                    stack.extend(drivers.map(|driver| (driver, false)));
                }
            }
        }
        order
    }
}

fn standing(landed: Option<Landed>, judged: &Judged) -> Standing {
    Standing {
        landed,
        shown_by: judged.found.map(|(_, at)| at),
        reverted: judged.reverted,
        partial: judged.partial,
        ..Standing::default()
    }
}

/// Which of concurrent last events counts where none is in its target: finished work before all, then a person's word
/// to stop, then a run that goes on, then one that failed, then a reset.
fn rank(status: Transition) -> u8 {
    match status {
        Transition::Completed => 0,
        Transition::Cancelled => 1,
        Transition::InProgress => 2,
        Transition::Failed => 3,
        Transition::Pending => 4,
    }
}
