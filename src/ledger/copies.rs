//! One event of several commits, and which events are the last.
//!
//! A rebase and a cherry-pick copy events. Copies have the same spec, attempt, run and status; the run of an event that
//! names none is that of the last start before it. An event that comes after another of the same kind (the work went
//! on, and was completed again) is no copy of it, for what lies in between must not pass for done.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::block::Transition;
use super::history::History;
use super::scan::Event;

/// One transition, in all its copies. No copy descends from another.
#[derive(Debug)]
pub(super) struct Group<'e> {
    pub status: Transition,
    /// Smallest id first.
    pub copies: Vec<&'e Event>,
}

/// All transitions of one attempt.
#[derive(Debug)]
pub(super) struct Attempt<'e> {
    pub groups: Vec<Group<'e>>,
    /// The groups that no other event descends from.
    pub heads: Vec<usize>,
    starts: Vec<&'e Event>,
}

impl<'e> Attempt<'e> {
    /// Of events of one spec, those of one attempt that have a status.
    pub fn new(h: &History, events: &'e [Event], number: u32) -> Self {
        let mut events: Vec<&Event> = events.iter().filter(|e| e.attempt == number && e.status.is_some()).collect();
        // From the oldest to the newest by descent; the ids make the order the same in every clone.
        events.sort_unstable_by_key(|e| (h.generation(e.at), h.oid(e.at)));
        let starts = events.iter().copied().filter(|e| e.status == Some(Transition::InProgress)).collect();
        let mut attempt = Self { groups: Vec::new(), heads: Vec::new(), starts };
        attempt.groups = attempt.group(h, &events);
        attempt.heads = heads(h, &attempt.groups, &events);
        attempt
    }

    /// The newest start that a commit descends from, or is.
    pub fn last_start(&self, h: &History, at: u32) -> Option<&'e Event> {
        self.starts.iter().rev().find(|start| h.reaches(at, start.at)).copied()
    }

    /// The oldest start that a commit descends from, or is.
    pub fn first_start(&self, h: &History, at: u32) -> Option<&'e Event> {
        self.starts.iter().find(|start| h.reaches(at, start.at)).copied()
    }

    /// The oldest and the newest start of all, for what descends from none.
    pub fn any_start(&self) -> (Option<&'e Event>, Option<&'e Event>) {
        (self.starts.first().copied(), self.starts.last().copied())
    }

    /// Completions that something else than work came after, each with those last events: a rejection, a cancellation, a
    /// failure to land. Who said so may not have known that it has landed.
    pub fn overruled(&self, h: &History) -> Vec<(&Group<'e>, Vec<&'e Event>)> {
        let last = self.heads.iter().flat_map(|i| self.groups[*i].copies.iter().copied());
        let last: Vec<&Event> = last.collect();
        let numbered = self.groups.iter().enumerate().filter(|(i, _)| !self.heads.contains(i));
        let completed = numbered.map(|(_, group)| group).filter(|group| group.status == Transition::Completed);
        let after = |group: &Group| -> Vec<&'e Event> {
            let follows = |event: &&&Event| group.copies.iter().any(|copy| h.reaches(event.at, copy.at));
            last.iter().filter(follows).copied().collect()
        };
        let ends = |event: &&Event| !matches!(event.status, Some(Transition::InProgress | Transition::Completed));
        let with = completed.map(|group| (group, after(group)));
        with.filter(|(_, after)| !after.is_empty() && after.iter().all(ends)).collect()
    }

    fn run(&self, h: &History, event: &Event) -> Option<String> {
        event.block.run.clone().or_else(|| self.last_start(h, event.at)?.block.run.clone())
    }

    fn group(&self, h: &History, events: &[&'e Event]) -> Vec<Group<'e>> {
        type Depths<'e> = BTreeMap<usize, Vec<&'e Event>>;
        let mut kinds: BTreeMap<(Transition, Option<String>), Depths<'e>> = BTreeMap::new();
        for event in events {
            let Some(status) = event.status else { continue };
            let depths = kinds.entry((status, self.run(h, event))).or_default();
            // How many of its kind come before it, one after the other.
            let below = depths.iter().rev().find(|(_, of)| of.iter().any(|other| h.reaches(event.at, other.at)));
            let depth = below.map_or(0, |(depth, _)| depth + 1);
            depths.entry(depth).or_default().push(event);
        }
        let groups = kinds
            .into_iter()
            .flat_map(|((status, _), depths)| depths.into_values().map(move |copies| Group { status, copies }));
        let mut groups: Vec<Group> = groups.collect();
        for group in &mut groups {
            group.copies.sort_unstable_by_key(|event| h.oid(event.at));
        }
        groups
    }
}

/// The groups of which no copy has an event of another group after it. Where a rebase has turned the order round, so
/// that each has, those with a commit that nothing descends from.
fn heads(h: &History, groups: &[Group], events: &[&Event]) -> Vec<usize> {
    let last = last(h, events.iter().map(|event| event.at));
    let is_in = |group: &Group, at: u32| group.copies.iter().any(|copy| copy.at == at);
    let covered = |group: &&Group| {
        group.copies.iter().any(|copy| last.iter().any(|at| h.reaches(*at, copy.at) && !is_in(group, *at)))
    };
    let numbered = || groups.iter().enumerate();
    let free: Vec<usize> = numbered().filter(|(_, group)| !covered(group)).map(|(i, _)| i).collect();
    if free.is_empty() {
        return numbered().filter(|(_, group)| last.iter().any(|at| is_in(group, *at))).map(|(i, _)| i).collect();
    }
    free
}

/// Those commits that none of the others descends from.
pub(super) fn last(h: &History, commits: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut commits: Vec<u32> = commits.collect();
    commits.sort_unstable_by_key(|at| Reverse((h.generation(*at), h.oid(*at))));
    let mut last: Vec<u32> = Vec::new();
    for at in commits {
        if !last.iter().any(|newer| h.reaches(*newer, at)) {
            last.push(at);
        }
    }
    last
}
