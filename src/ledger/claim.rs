//! What a completed attempt can show for being somewhere, and what takes it back.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::copies::last;
use super::history::History;
use super::oid::Oid;
use super::question::Answer;
use super::record::How;
use crate::spec::Qualified;

/// Commits that speak for one completed attempt.
#[derive(Debug, Clone, Default)]
pub(super) struct Claim {
    /// The completing event, in all its copies.
    pub members: Vec<Member>,
    /// Landings that name it.
    pub lines: Vec<u32>,
    /// Commits that hold its whole change, or that of the driver it landed with; of a series the last.
    pub patches: Vec<Member>,
    /// Landings that brought it, where some commit says that it reverts them.
    pub brought_by: Vec<u32>,
}

/// One copy of a completing event, or one patch of the whole.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub at: u32,
    /// The commits of its work, where some commit says that it reverts one of them; empty otherwise. Of a series of
    /// patches all commits.
    pub work: Vec<u32>,
}

/// Reverts by the commit that they revert.
#[derive(Debug, Clone, Default)]
pub(super) struct Reverts {
    /// Those whose change is the inverse.
    pub whole: HashMap<u32, Vec<u32>>,
    /// Those that take back a part.
    pub partial: HashMap<u32, Vec<u32>>,
}

impl Reverts {
    /// Takes in what Git says of a revert.
    pub fn add(&mut self, reverted: u32, by: u32, answer: Option<&Answer>) {
        match answer {
            Some(Answer::Inverse) => self.whole.entry(reverted).or_default().push(by),
            Some(Answer::Partial) => self.partial.entry(reverted).or_default().push(by),
            _ => {}
        }
    }
}

/// What can be said of a claim and a place.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// What shows that it is there, and holds.
    pub found: Option<(How, u32)>,
    /// What was there and was taken back: by this commit.
    pub reverted: Option<u32>,
    /// A part of what is there was taken back: by this commit.
    pub partial: Option<u32>,
}

impl Claim {
    /// Whether anything of it is in a place, taken back or not.
    pub fn shows(&self, holds: impl Fn(u32) -> bool) -> bool {
        self.members.iter().any(|m| holds(m.at)) || self.lines.iter().any(|at| holds(*at))
    }

    /// Judges it for the place of which `holds` says which commits it has.
    pub fn judge(&self, h: &History, reverts: &Reverts, holds: &dyn Fn(u32) -> bool) -> Judged {
        let members = self.members.iter().map(|m| (How::Ancestry, m.at, m.work.as_slice()));
        let echoes = self.echoes(h, reverts, holds);
        let lines = self.lines.iter().filter(|at| !echoes.contains(at));
        let lines = lines.map(|at| (How::Trailer, *at, [].as_slice()));
        let patches = self.patches.iter().map(|m| (How::Patch, m.at, m.work.as_slice()));
        let mut judged = Judged::default();
        for (how, at, work) in members.chain(lines).chain(patches).filter(|(_, at, _)| holds(*at)) {
            let place = Place { h, reverts, holds, since: at };
            match place.taken_back(self, work) {
                None => {
                    let partial = place.partly_taken_back(self, work);
                    return Judged { found: Some((how, at)), reverted: None, partial };
                }
                Some(by) => judged.reverted = place.newest([Some(by), judged.reverted].into_iter().flatten()),
            }
        }
        judged
    }
}

impl Claim {
    /// Everything whose reverts bear on it.
    pub fn commits(&self) -> impl Iterator<Item = u32> + '_ {
        let made = self.members.iter().chain(&self.patches);
        let made = made.flat_map(|m| m.work.iter().chain([&m.at]));
        made.chain(&self.lines).chain(&self.brought_by).copied()
    }

    /// The commits that take some of it away. One that repeats the message of what it reverts, trailers and all, is no
    /// landing for that.
    fn echoes(&self, h: &History, reverts: &Reverts, holds: &dyn Fn(u32) -> bool) -> HashSet<u32> {
        if self.lines.is_empty() || reverts.whole.is_empty() && reverts.partial.is_empty() {
            return HashSet::new();
        }
        let place = |since| Place { h, reverts, holds, since };
        let partly = |at: &u32| reverts.partial.get(at).into_iter().flatten().copied().collect::<Vec<_>>();
        let takes = |at: u32| {
            let turns = place(at).turns(at);
            let given: Vec<u32> = turns.iter().filter(|(_, away)| !**away).map(|(at, _)| *at).collect();
            let away = turns.into_iter().filter(|(_, away)| *away).map(|(at, _)| at);
            away.chain(given.iter().flat_map(partly)).collect::<Vec<_>>()
        };
        self.commits().flat_map(takes).collect()
    }
}

/// A place, and something in it that speaks for a claim. Only what is not before it can take it back: reverts within
/// the work itself, or of an earlier landing of the same work, do not.
struct Place<'a> {
    h: &'a History,
    reverts: &'a Reverts,
    holds: &'a dyn Fn(u32) -> bool,
    since: u32,
}

impl Place<'_> {
    /// The newest revert that takes the whole back.
    fn taken_back(&self, claim: &Claim, work: &[u32]) -> Option<u32> {
        // The last of a series is but one commit of the work.
        let whole = Some(self.since).filter(|since| !work.contains(since));
        let landings = claim.brought_by.iter().copied().chain(whole);
        let of_landings = landings.filter_map(|landing| self.undone(landing));
        let each: Vec<Option<u32>> = work.iter().map(|commit| self.undone(*commit)).collect();
        let all_work = each.iter().all(Option::is_some);
        self.newest(of_landings.chain(each.into_iter().flatten().filter(|_| all_work)))
    }

    /// The newest revert that takes a part back.
    fn partly_taken_back(&self, claim: &Claim, work: &[u32]) -> Option<u32> {
        let of_work = work.iter().filter_map(|commit| self.undone(*commit));
        let all = claim.brought_by.iter().chain(work).copied().chain([self.since]);
        let partial = all.filter_map(|commit| self.reverts.partial.get(&commit)).flatten().copied();
        let stands = |by: &u32| self.counts(*by) && self.undone(*by).is_none();
        self.newest(partial.filter(stands).chain(of_work))
    }

    /// The revert by which a commit's change is gone. Reverts, reverts of these and so on take it away and give it
    /// back by turns, each by the exact inverse of what it reverts: the last of them decide.
    fn undone(&self, commit: u32) -> Option<u32> {
        let takes = self.turns(commit);
        let after = takes.keys().copied().filter(|at| *at != commit && self.counts(*at));
        let last = last(self.h, after);
        let (away, back): (Vec<u32>, Vec<u32>) = last.into_iter().partition(|at| takes.get(at) == Some(&true));
        // Where the last ones do not know of each other, each revert counts that is not itself reverted.
        let decide = match (away.is_empty(), back.is_empty()) {
            (false, false) => self.unreverted(commit, takes.into_keys().collect()),
            _ => away,
        };
        self.newest(decide.into_iter())
    }

    /// A commit, its reverts, their reverts, and so on: whether each takes the change away.
    fn turns(&self, commit: u32) -> HashMap<u32, bool> {
        let mut takes = HashMap::from([(commit, false)]);
        let mut open = VecDeque::from([commit]);
        while let Some(at) = open.pop_front() {
            let takes_away = takes.get(&at) == Some(&true);
            for by in self.reverts_here(at) {
                takes.entry(by).or_insert_with(|| {
                    open.push_back(by);
                    !takes_away
                });
            }
        }
        takes
    }

    /// Of the reverts of a commit those that no other one takes back, chains followed to their end.
    fn unreverted(&self, commit: u32, mut chain: Vec<u32>) -> Vec<u32> {
        // From the newest back: whether a revert stands depends on newer ones alone.
        chain.sort_unstable_by_key(|at| Reverse((self.h.generation(*at), self.h.oid(*at))));
        let mut standing: HashMap<u32, Vec<u32>> = HashMap::new();
        for at in chain {
            let stands = |by: &u32| standing.get(by).is_none_or(Vec::is_empty);
            let by: Vec<u32> = self.reverts_here(at).filter(stands).collect();
            standing.insert(at, by);
        }
        let mut of_it = standing.remove(&commit).unwrap_or_default();
        of_it.retain(|by| self.counts(*by));
        of_it
    }

    fn reverts_here(&self, at: u32) -> impl Iterator<Item = u32> + '_ {
        self.reverts.whole.get(&at).into_iter().flatten().copied().filter(|by| (self.holds)(*by))
    }

    fn counts(&self, by: u32) -> bool {
        (self.holds)(by) && !self.h.reaches(self.since, by)
    }

    fn newest(&self, commits: impl Iterator<Item = u32>) -> Option<u32> {
        commits.max_by_key(|at| (self.h.generation(*at), self.h.oid(*at)))
    }
}

/// The claims by which a ledger can still be asked about any other place, under names that any history understands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidence {
    #[serde(with = "super::record::pairs")]
    claims: BTreeMap<Qualified, Shown>,
    #[serde(with = "super::record::pairs")]
    whole: BTreeMap<Oid, Vec<Oid>>,
}

/// A claim in the names of commits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Shown {
    members: Vec<(Oid, Vec<Oid>)>,
    lines: Vec<Oid>,
    patches: Vec<(Oid, Vec<Oid>)>,
    brought_by: Vec<Oid>,
}

impl Evidence {
    pub(super) fn new(h: &History, reverts: &Reverts) -> Self {
        let names = |commits: &[u32]| names(h, commits);
        let whole = reverts.whole.iter().map(|(at, by)| (h.oid(*at), names(by))).collect();
        Self { claims: BTreeMap::new(), whole }
    }

    pub(super) fn add(&mut self, h: &History, spec: &Qualified, claim: &Claim) {
        let made = |m: &Member| (h.oid(m.at), names(h, &m.work));
        let shown = Shown {
            members: claim.members.iter().map(made).collect(),
            lines: names(h, &claim.lines),
            patches: claim.patches.iter().map(made).collect(),
            brought_by: names(h, &claim.brought_by),
        };
        self.claims.insert(spec.clone(), shown);
    }

    /// Whether the current completed attempt of a spec is in what `base` descends from, and was not taken back there.
    pub(super) fn in_base(&self, h: &History, spec: &Qualified, base: Oid) -> bool {
        let (Some(shown), Some(base)) = (self.claims.get(spec), h.find(&base)) else { return false };
        let find = |oids: &[Oid]| -> Vec<u32> { oids.iter().filter_map(|oid| h.find(oid)).collect() };
        let member = |(oid, work): &(Oid, Vec<Oid>)| Some(Member { at: h.find(oid)?, work: find(work) });
        let claim = Claim {
            members: shown.members.iter().filter_map(member).collect(),
            lines: find(&shown.lines),
            patches: shown.patches.iter().filter_map(member).collect(),
            brought_by: find(&shown.brought_by),
        };
        let reverts = Reverts { whole: self.reverts_of(h, shown), partial: HashMap::new() };
        claim.judge(h, &reverts, &|at| h.reaches(base, at)).found.is_some()
    }
}

impl Evidence {
    /// The reverts of all that is shown, their reverts, and so on.
    fn reverts_of(&self, h: &History, shown: &Shown) -> HashMap<u32, Vec<u32>> {
        let made = shown.members.iter().chain(&shown.patches).flat_map(|(at, work)| work.iter().chain([at]));
        let all = made.chain(&shown.lines).chain(&shown.brought_by);
        let mut open: Vec<Oid> = all.copied().collect();
        let mut of: HashMap<u32, Vec<u32>> = HashMap::new();
        while let Some(oid) = open.pop() {
            let (Some(at), Some(by)) = (h.find(&oid), self.whole.get(&oid)) else { continue };
            of.entry(at).or_insert_with(|| {
                open.extend(by);
                by.iter().filter_map(|oid| h.find(oid)).collect()
            });
        }
        of
    }
}

fn names(h: &History, commits: &[u32]) -> Vec<Oid> {
    let mut names: Vec<Oid> = commits.iter().map(|at| h.oid(*at)).collect();
    names.sort_unstable();
    names
}
