//! What Git copies out: commits and their parents, as plain data in compact arrays.
//!
//! A million commits fit in some 80 MB: each is a number, and only those that may say something about a spec keep
//! their message. Nothing that is told of a history depends on the order in which commits were pushed.
//!
//! A history may stand on a [`Frozen`] one: the commits of that one keep their numbers, and what is pushed counts on from
//! there. Those of them that are not reachable any more from where is looked are as if they had never been.

use std::io::{self, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::frozen::{self, Frozen};
use super::oid::Oid;
use super::reach::Reach;

/// No commit.
pub(super) const NONE: u32 = u32::MAX;

/// What a commit says, kept only where its message holds `chant-` in any case or `This reverts commit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The whole message, as it is stored.
    pub message: Box<[u8]>,
    /// Whether its tree is its first parent's (of a root: the empty one), so that it changes no file.
    pub same_tree: bool,
    /// The author's date in seconds since 1970.
    pub time: i64,
    /// `Name <mail>`.
    pub author: String,
}

/// Gathers commits for a [`History`].
#[derive(Debug, Default)]
pub struct Builder {
    base: Option<Arc<Frozen>>,
    /// How many commits the base has; the number of the first that is pushed.
    first: u32,
    oids: Vec<Oid>,
    table: Table,
    commits: Vec<Commit>,
    parents: Vec<u32>,
    notes: Vec<(u32, Note)>,
}

/// One commit: where its parents stand, and what is known of it.
#[derive(Debug, Clone, Copy, Default)]
struct Commit {
    first: u32,
    parents: u32,
    /// It was pushed, and not only named as a parent.
    known: bool,
    /// Parents that it may have are not told.
    cut_here: bool,
    /// Something that it descends from is not told.
    cut: bool,
}

impl Builder {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts on from a frozen history, which has all that its commits descend from.
    pub fn on(base: Option<Arc<Frozen>>) -> Self {
        Self { first: base.as_ref().map_or(0, |base| base.count), base, ..Self::default() }
    }

    /// Whether the frozen history holds a commit, and so all that it descends from: there is nothing to push.
    pub fn has(&self, id: &Oid) -> bool {
        self.base.as_ref().is_some_and(|base| base.find(id).is_some())
    }

    /// Whether a commit was pushed.
    pub fn was_pushed(&self, id: &Oid) -> bool {
        self.table.find(&self.oids, id).is_some_and(|at| self.commits[at as usize].known)
    }

    /// Adds a commit, in any order; pushing it again changes nothing. A parent that is never pushed counts as hidden.
    pub fn push(&mut self, id: Oid, parents: &[Oid], note: Option<Note>) {
        let Some(at) = self.new_place(id) else { return };
        if self.commits[at].known {
            return;
        }
        let first = number(self.parents.len());
        for parent in parents {
            let parent = self.intern(*parent);
            self.parents.push(parent);
        }
        let commit = &mut self.commits[at];
        *commit = Commit { first, parents: number(parents.len()), known: true, ..*commit };
        self.notes.extend(note.map(|note| (self.first + number(at), note)));
    }

    /// Says that a shallow clone is cut off at this commit: parents that were not pushed with it, or never were, are
    /// hidden.
    pub fn shallow(&mut self, id: Oid) {
        if let Some(at) = self.new_place(id) {
            self.commits[at].cut_here = true;
        }
    }

    /// The history of all that was pushed, and of all that the frozen one holds.
    pub fn finish(self) -> History {
        let Self { base, first, oids, table, commits, parents, mut notes } = self;
        notes.sort_unstable_by_key(|(at, _)| *at);
        let generations = vec![0; oids.len()];
        let mut graph = Graph { base, first, commits, parents, generations, live: None };
        graph.generate();
        History { reach: Reach::new(&graph), oids, table, graph, notes }
    }

    /// The history of what `tips` descend from, all of which has been pushed or is in the frozen one.
    pub fn finish_at(self, tips: &[Oid]) -> History {
        let mut history = self.finish();
        history.restrict(tips);
        history
    }

    /// Where a commit stands among those that are not in the frozen history.
    fn new_place(&mut self, id: Oid) -> Option<usize> {
        self.intern(id).checked_sub(self.first).map(|at| at as usize)
    }

    fn intern(&mut self, id: Oid) -> u32 {
        if let Some(at) = self.base.as_ref().and_then(|base| base.find(&id)) {
            return at;
        }
        let at = self.table.insert(&self.oids, &id);
        if at as usize == self.oids.len() {
            self.oids.push(id);
            self.commits.push(Commit::default());
        }
        self.first + at
    }
}

/// Commits, who descends from whom, and what some of them say.
#[derive(Debug)]
pub struct History {
    oids: Vec<Oid>,
    table: Table,
    graph: Graph,
    reach: Reach,
    notes: Vec<(u32, Note)>,
}

impl History {
    /// How many commits there are.
    pub fn len(&self) -> usize {
        self.all().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// How many commits there are at most of which it was kept what they say; of those that are frozen none is looked at.
    pub fn says(&self) -> usize {
        self.notes.len() + self.graph.base.as_ref().map_or(0, |base| base.says())
    }

    /// A name for all commits of which it was kept what they say: of two histories that have the same one, none knows of
    /// such a commit that the other does not. `None` where some of what is frozen cannot be seen any more.
    pub fn said(&self) -> Option<[u8; 32]> {
        let base = self.graph.base.as_ref().map(|base| base.said);
        match (&self.graph.live, base) {
            (Some(_), _) => None,
            (None, Some(base)) if self.notes.is_empty() => Some(base),
            (None, base) => {
                Some(digest(base.as_ref().map(<[u8; 32]>::as_slice), self.notes.iter().map(|(at, _)| self.oid(*at))))
            }
        }
    }

    /// How many of them are not in the frozen history that this one stands on.
    pub fn fresh(&self) -> usize {
        self.graph.commits.len()
    }

    /// Those commits, their parents and what they say.
    pub fn fresh_commits(&self) -> impl Iterator<Item = (Oid, Vec<Oid>, Option<&Note>)> + '_ {
        let known = (self.graph.first..number(self.graph.len())).filter(|at| self.graph.is_here(*at));
        known.map(|at| {
            (self.oid(at), self.graph.all_parents(at).map(|parent| self.oid(parent)).collect(), self.note_at(at))
        })
    }

    /// Writes this history, walked from `tips`, as bytes for [`Frozen::new`]. Whether it did: not where something is hidden,
    /// for that may be told some day.
    ///
    /// # Errors
    /// What `to` says.
    pub fn freeze(&self, tips: &[Oid], to: &mut dyn Write) -> io::Result<bool> {
        let numbers = |h: &Self| tips.iter().map(|tip| h.find(tip)).collect::<Option<Vec<u32>>>();
        let Some(own) = numbers(self).filter(|_| !self.all().any(|at| self.cut(at))) else { return Ok(false) };
        if self.graph.live.is_none() && self.len() == self.graph.len() {
            frozen::freeze(self, &own, to)?;
            return Ok(true);
        }
        // Numbers without gaps; the tours have to be made anew.
        let mut builder = Builder::new();
        for at in self.all() {
            let parents: Vec<Oid> = self.graph.all_parents(at).map(|parent| self.oid(parent)).collect();
            builder.push(self.oid(at), &parents, self.note_at(at).cloned());
        }
        let whole = builder.finish();
        let Some(new) = numbers(&whole) else { return Ok(false) };
        frozen::freeze(&whole, &new, to)?;
        Ok(true)
    }

    /// Whether a commit is here.
    pub fn contains(&self, id: &Oid) -> bool {
        self.find(id).is_some()
    }

    /// Whether `b` descends from `a`, or is it. Of a commit that is not here nothing is known but that.
    pub fn is_ancestor(&self, a: Oid, b: Oid) -> bool {
        match (self.find(&a), self.find(&b)) {
            (Some(a), Some(b)) => self.reaches(b, a),
            _ => a == b,
        }
    }

    /// The parents of a commit, those included that are not here; `None` where the commit itself is not.
    pub fn parents(&self, id: &Oid) -> Option<Vec<Oid>> {
        Some(self.graph.all_parents(self.find(id)?).map(|parent| self.oid(parent)).collect())
    }

    /// What a commit says, where it was kept.
    pub fn note(&self, id: &Oid) -> Option<&Note> {
        self.note_at(self.find(id)?)
    }

    /// Whether something that a commit descends from is hidden: by a shallow clone, or because it was not copied.
    pub fn is_cut(&self, id: &Oid) -> bool {
        self.find(id).is_none_or(|at| self.cut(at))
    }

    /// Whether from one commit up to another, along first parents, there are commits alone that bear trailers of chant and
    /// change no file: whatever was found out about the lower one still holds for the upper one.
    pub fn same_content(&self, below: Oid, above: Oid) -> bool {
        let (Some(below), Some(above)) = (self.find(&below), self.find(&above)) else { return below == above };
        let mut at = above;
        while at != below {
            let says_only = !self.is_merge(at) && self.note_at(at).is_some_and(|note| note.same_tree);
            match self.first_parent(at).filter(|_| says_only && self.generation(at) > self.generation(below)) {
                Some(parent) => at = parent,
                None => return false,
            }
        }
        true
    }

    /// The commits of which it was kept what they say.
    pub fn told(&self) -> impl Iterator<Item = Oid> + '_ {
        self.notes().map(|(at, _)| self.oid(at))
    }

    /// These commits in an order that can be told: nothing before what it descends from, and else by the time that each
    /// says. A commit that says it is older than one that it descends from counts as just as old. With the times that
    /// count so; what is not here is left out.
    pub fn in_order(&self, commits: impl IntoIterator<Item = (Oid, i64)>) -> Vec<(Oid, i64)> {
        let mut said: Vec<Option<i64>> = vec![None; self.graph.len()];
        for (commit, time) in commits {
            if let Some(at) = self.find(&commit) {
                said[at as usize] = Some(time);
            }
        }
        let mut all: Vec<u32> = self.all().collect();
        all.sort_unstable_by_key(|at| self.generation(*at));
        let mut times: Vec<i64> = vec![i64::MIN; self.graph.len()];
        for at in &all {
            let before = self.parents_of(*at).map(|parent| times[parent as usize]).max();
            times[*at as usize] = before.into_iter().chain(said[*at as usize]).max().unwrap_or(i64::MIN);
        }
        all.retain(|at| said[*at as usize].is_some());
        all.sort_unstable_by_key(|at| (times[*at as usize], self.generation(*at), self.oid(*at)));
        all.into_iter().map(|at| (self.oid(at), times[at as usize])).collect()
    }

    pub(super) fn find(&self, id: &Oid) -> Option<u32> {
        let frozen = self.graph.base.as_ref().and_then(|base| base.find(id));
        let at = frozen.or_else(|| Some(self.graph.first + self.table.find(&self.oids, id)?))?;
        self.graph.is_here(at).then_some(at)
    }

    pub(super) fn oid(&self, at: u32) -> Oid {
        match (&self.graph.base, at.checked_sub(self.graph.first)) {
            (Some(base), None) => base.oid(at),
            (_, fresh) => self.oids[fresh.unwrap_or_default() as usize],
        }
    }

    /// Every commit that is here.
    pub(super) fn all(&self) -> impl Iterator<Item = u32> + '_ {
        (0..number(self.graph.len())).filter(|at| self.graph.is_here(*at))
    }

    pub(super) fn notes(&self) -> impl Iterator<Item = (u32, &Note)> {
        let frozen = self.graph.base.iter().flat_map(|base| base.notes());
        let all = frozen.chain(&self.notes).map(|(at, note)| (*at, note));
        all.filter(|(at, _)| self.graph.is_here(*at))
    }

    pub(super) fn note_at(&self, at: u32) -> Option<&Note> {
        let notes = match &self.graph.base {
            Some(base) if at < self.graph.first => base.notes(),
            _ => &self.notes,
        };
        let found = notes.binary_search_by_key(&at, |(at, _)| *at).ok()?;
        notes.get(found).map(|(_, note)| note)
    }

    /// The parents that are here.
    pub(super) fn parents_of(&self, at: u32) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.graph.parents_of(at)
    }

    /// The first parent; `None` where there is none, or where it is not here.
    pub(super) fn first_parent(&self, at: u32) -> Option<u32> {
        let first = self.graph.all_parents(at).next()?;
        self.graph.is_here(first).then_some(first)
    }

    /// Whether a commit has several parents.
    pub(super) fn is_merge(&self, at: u32) -> bool {
        self.graph.all_parents(at).len() > 1
    }

    /// One more than the highest of the parents': a commit's is above that of all it descends from.
    pub(super) fn generation(&self, at: u32) -> u32 {
        self.graph.generation(at)
    }

    /// Whether something below a commit is hidden.
    pub(super) fn cut(&self, at: u32) -> bool {
        self.graph.fresh(at).is_some_and(|commit| commit.cut)
    }

    /// Whether `b` descends from `a`, or is it.
    pub(super) fn reaches(&self, b: u32, a: u32) -> bool {
        self.reach.reaches(&self.graph, b, a)
    }

    /// Leaves those commits alone that one of `tips` descends from.
    fn restrict(&mut self, tips: &[Oid]) {
        let tips: Vec<u32> = tips.iter().filter_map(|tip| self.find(tip)).collect();
        self.graph.live = match &self.graph.base {
            Some(base) => dead(&self.graph, &self.reach, &base.tips, &tips),
            None => None,
        };
    }

    /// All parents of a commit, those included that are not here.
    pub(super) fn all_parents(&self, at: u32) -> impl Iterator<Item = u32> + '_ {
        self.graph.all_parents(at)
    }

    /// When a commit was entered and left in one of the two tours.
    pub(super) fn span(&self, tour: usize, at: u32) -> (u32, u32) {
        self.reach.span(&self.graph, tour, at)
    }
}

/// A name for some commits, in whatever order they come, with what is known of others already.
pub(super) fn digest(others: Option<&[u8]>, commits: impl Iterator<Item = Oid>) -> [u8; 32] {
    let mut commits: Vec<Oid> = commits.collect();
    commits.sort_unstable();
    let mut all = Sha256::new();
    all.update(others.unwrap_or_default());
    commits.iter().for_each(|oid| all.update(oid.as_bytes()));
    all.finalize().into()
}

/// How often it is asked whether a commit is still reachable before all that is reachable is marked instead.
const ASKED: usize = 20_000;

/// What is left of a history that was walked from the tips `then` where `now` are the tips; `None` where that is all.
fn dead(graph: &Graph, reach: &Reach, then: &[u32], now: &[u32]) -> Option<Bits> {
    let still: std::collections::HashSet<u32> = now.iter().copied().collect();
    let mut open: Vec<u32> = then.iter().copied().filter(|tip| !still.contains(tip)).collect();
    // A tip that has moved on most likely stands under one that is new.
    let mut now = now.to_vec();
    now.sort_unstable_by(|a, b| b.cmp(a));
    now.dedup();
    let mut seen: std::collections::HashSet<u32> = open.iter().copied().collect();
    let (mut gone, mut asked) = (Vec::new(), 0);
    while let Some(at) = open.pop() {
        asked += now.len();
        if asked > ASKED {
            return Some(Bits::reachable(graph, &now));
        }
        if !now.iter().any(|tip| reach.reaches(graph, *tip, at)) {
            gone.push(at);
            open.extend(graph.all_parents(at).filter(|parent| seen.insert(*parent)));
        }
    }
    (!gone.is_empty()).then(|| Bits::without(graph.len(), &gone))
}

/// A bit for each commit.
#[derive(Debug)]
struct Bits(Vec<u64>);

impl Bits {
    fn contains(&self, at: u32) -> bool {
        self.0.get(at as usize / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    fn without(len: usize, gone: &[u32]) -> Self {
        let mut bits = vec![u64::MAX; len.div_ceil(64)];
        gone.iter().for_each(|at| bits[*at as usize / 64] &= !(1 << (at % 64)));
        Self(bits)
    }

    fn reachable(graph: &Graph, tips: &[u32]) -> Self {
        let mut bits = vec![0u64; graph.len().div_ceil(64)];
        let mut open = tips.to_vec();
        while let Some(at) = open.pop() {
            let (word, bit) = (&mut bits[at as usize / 64], 1 << (at % 64));
            if *word & bit == 0 {
                *word |= bit;
                open.extend(graph.all_parents(at));
            }
        }
        Self(bits)
    }
}

/// The numbers behind a history.
#[derive(Debug)]
pub(super) struct Graph {
    pub base: Option<Arc<Frozen>>,
    /// The number of the first commit that is not in the base. All that follows is of those.
    pub first: u32,
    commits: Vec<Commit>,
    parents: Vec<u32>,
    generations: Vec<u32>,
    /// What is reachable from where is looked; everything, where nothing is said.
    live: Option<Bits>,
}

impl Graph {
    pub fn len(&self) -> usize {
        self.first as usize + self.commits.len()
    }

    /// Whether a commit was pushed, or is frozen, and can still be seen.
    fn is_here(&self, at: u32) -> bool {
        self.fresh(at).is_none_or(|commit| commit.known) && self.live.as_ref().is_none_or(|live| live.contains(at))
    }

    /// A commit that is not in the base.
    fn fresh(&self, at: u32) -> Option<&Commit> {
        self.commits.get(at.checked_sub(self.first)? as usize)
    }

    pub fn generation(&self, at: u32) -> u32 {
        match (&self.base, at.checked_sub(self.first)) {
            (Some(base), None) => base.generation(at),
            (_, fresh) => self.generations[fresh.unwrap_or_default() as usize],
        }
    }

    pub fn parents_of(&self, at: u32) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.all_parents(at).filter(|parent| self.fresh(*parent).is_none_or(|commit| commit.known))
    }

    fn all_parents(&self, at: u32) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + '_ {
        let frozen = self.base.as_deref().filter(|_| at < self.first);
        let places = match (frozen, self.fresh(at)) {
            (Some(base), _) => base.parents(at),
            (None, Some(commit)) => commit.first..commit.first + commit.parents,
            (None, None) => 0..0,
        };
        let of = move |place: u32| frozen.map_or_else(|| self.parents[place as usize], |base| base.parent(place));
        (places.start as usize..places.end as usize).map(move |place| of(number(place)))
    }

    /// How many children each commit has that is not in the base.
    pub fn children(&self) -> Vec<u32> {
        let mut children = vec![0; self.commits.len()];
        for at in self.first..number(self.len()) {
            for parent in self.parents_of(at).filter_map(|parent| parent.checked_sub(self.first)) {
                children[parent as usize] += 1;
            }
        }
        children
    }

    /// Sets the generations, and what is hidden, from the parents up.
    fn generate(&mut self) {
        let order = self.children_first();
        for at in order.into_iter().rev() {
            let below = self.parents_of(at).map(|parent| self.generation(parent)).max();
            let cut_below = self.parents_of(at).any(|parent| self.fresh(parent).is_some_and(|commit| commit.cut));
            let absent = self.all_parents(at).any(|parent| self.fresh(parent).is_some_and(|commit| !commit.known));
            let place = (at - self.first) as usize;
            let commit = &mut self.commits[place];
            commit.cut = cut_below || absent || (commit.cut_here && commit.parents == 0);
            self.generations[place] = below.map_or(1, |highest| highest + 1);
        }
    }

    /// Every commit that is not in the base, before its parents. A way round, which no Git can hold, is cut open, so that
    /// nothing runs for ever.
    fn children_first(&mut self) -> Vec<u32> {
        let mut waiting = self.children();
        let mut order: Vec<u32> = Vec::with_capacity(self.commits.len());
        let first = self.first;
        let fresh = first..number(self.len());
        order.extend(fresh.clone().filter(|at| waiting[(at - first) as usize] == 0));
        let mut next = 0;
        while let Some(&at) = order.get(next) {
            next += 1;
            for parent in self.parents_of(at).filter(|parent| *parent >= first) {
                let left = &mut waiting[(parent - first) as usize];
                *left -= 1;
                if *left == 0 {
                    order.push(parent);
                }
            }
        }
        for at in fresh.filter(|at| waiting[(at - first) as usize] > 0) {
            let commit = &mut self.commits[(at - first) as usize];
            *commit = Commit { parents: 0, cut_here: true, ..*commit };
            order.push(at);
        }
        order
    }
}

/// Finds the number of an id: an open hash table of numbers, for object ids are hashes already.
#[derive(Debug, Default)]
struct Table {
    slots: Vec<u32>,
}

impl Table {
    fn find(&self, oids: &[Oid], id: &Oid) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let found = self.slots[self.slot(oids, id)];
        (found != NONE).then_some(found)
    }

    /// The number of an id; a new one's is the number of ids so far, under which the caller is to add it.
    fn insert(&mut self, oids: &[Oid], id: &Oid) -> u32 {
        if self.slots.len() < 2 * (oids.len() + 1) {
            self.grow(oids);
        }
        let slot = self.slot(oids, id);
        if self.slots[slot] == NONE {
            self.slots[slot] = number(oids.len());
        }
        self.slots[slot]
    }

    /// Where an id stands, or would.
    fn slot(&self, oids: &[Oid], id: &Oid) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = usize::try_from(id.spread() & mask as u64).unwrap_or_default();
        while self.slots[slot] != NONE && oids[self.slots[slot] as usize] != *id {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self, oids: &[Oid]) {
        self.slots = vec![NONE; (4 * oids.len()).next_power_of_two().max(16)];
        for (at, id) in oids.iter().enumerate() {
            let slot = self.slot(oids, id);
            self.slots[slot] = number(at);
        }
    }
}

/// A count as a commit's number; no history that fits in memory has more.
pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(NONE)
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
