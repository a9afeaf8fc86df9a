//! What Git copies out: commits and their parents, as plain data in compact arrays.
//!
//! A million commits fit in some 80 MB: each is a number, and only those that may say something about a spec keep
//! their message. Nothing that is told of a history depends on the order in which commits were pushed.

use super::oid::Oid;
use super::reach::Reach;

/// No commit.
const NONE: u32 = u32::MAX;

/// What a commit says, kept only where its message holds `chant-` in any case or `This reverts commit`.
#[derive(Debug, Clone, PartialEq, Eq)]
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

    /// Adds a commit, in any order; pushing it again changes nothing. A parent that is never pushed counts as hidden.
    pub fn push(&mut self, id: Oid, parents: &[Oid], note: Option<Note>) {
        let at = self.intern(id);
        if self.commits[at as usize].known {
            return;
        }
        let first = number(self.parents.len());
        for parent in parents {
            let parent = self.intern(*parent);
            self.parents.push(parent);
        }
        let commit = &mut self.commits[at as usize];
        *commit = Commit { first, parents: number(parents.len()), known: true, ..*commit };
        self.notes.extend(note.map(|note| (at, note)));
    }

    /// Says that a shallow clone is cut off at this commit: parents that were not pushed with it, or never were, are
    /// hidden.
    pub fn shallow(&mut self, id: Oid) {
        let at = self.intern(id);
        self.commits[at as usize].cut_here = true;
    }

    /// The history of all that was pushed.
    pub fn finish(self) -> History {
        let Self { oids, table, commits, parents, mut notes } = self;
        notes.sort_unstable_by_key(|(at, _)| *at);
        let known = commits.iter().filter(|commit| commit.known).count();
        let mut graph = Graph { commits, parents, generations: vec![0; oids.len()] };
        graph.generate();
        History { reach: Reach::new(&graph), oids, table, graph, notes, known }
    }

    fn intern(&mut self, id: Oid) -> u32 {
        let at = self.table.insert(&self.oids, &id);
        if at as usize == self.oids.len() {
            self.oids.push(id);
            self.commits.push(Commit::default());
        }
        at
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
    known: usize,
}

impl History {
    /// How many commits there are.
    pub fn len(&self) -> usize {
        self.known
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.known == 0
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
        let parents = self.graph.all_parents(self.find(id)?);
        Some(parents.iter().map(|parent| self.oids[*parent as usize]).collect())
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
        let mut said: Vec<Option<i64>> = vec![None; self.oids.len()];
        for (commit, time) in commits {
            if let Some(at) = self.find(&commit) {
                said[at as usize] = Some(time);
            }
        }
        let mut all: Vec<u32> = self.all().collect();
        all.sort_unstable_by_key(|at| self.generation(*at));
        let mut times: Vec<i64> = vec![i64::MIN; self.oids.len()];
        for at in &all {
            let before = self.parents_of(*at).map(|parent| times[parent as usize]).max();
            times[*at as usize] = before.into_iter().chain(said[*at as usize]).max().unwrap_or(i64::MIN);
        }
        all.retain(|at| said[*at as usize].is_some());
        all.sort_unstable_by_key(|at| (times[*at as usize], self.generation(*at), self.oid(*at)));
        all.into_iter().map(|at| (self.oid(at), times[at as usize])).collect()
    }

    pub(super) fn find(&self, id: &Oid) -> Option<u32> {
        let at = self.table.find(&self.oids, id)?;
        self.graph.commits[at as usize].known.then_some(at)
    }

    pub(super) fn oid(&self, at: u32) -> Oid {
        self.oids[at as usize]
    }

    /// Every commit that is here.
    pub(super) fn all(&self) -> impl Iterator<Item = u32> + '_ {
        (0..number(self.oids.len())).filter(|at| self.graph.commits[*at as usize].known)
    }

    pub(super) fn notes(&self) -> impl Iterator<Item = (u32, &Note)> {
        let known = |at: &u32| self.graph.commits[*at as usize].known;
        self.notes.iter().map(|(at, note)| (*at, note)).filter(move |(at, _)| known(at))
    }

    pub(super) fn note_at(&self, at: u32) -> Option<&Note> {
        let found = self.notes.binary_search_by_key(&at, |(at, _)| *at).ok()?;
        self.notes.get(found).map(|(_, note)| note)
    }

    /// The parents that are here.
    pub(super) fn parents_of(&self, at: u32) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.graph.parents_of(at)
    }

    /// The first parent; `None` where there is none, or where it is not here.
    pub(super) fn first_parent(&self, at: u32) -> Option<u32> {
        let first = *self.graph.all_parents(at).first()?;
        self.graph.commits[first as usize].known.then_some(first)
    }

    /// Whether a commit has several parents.
    pub(super) fn is_merge(&self, at: u32) -> bool {
        self.graph.commits[at as usize].parents > 1
    }

    /// One more than the highest of the parents': a commit's is above that of all it descends from.
    pub(super) fn generation(&self, at: u32) -> u32 {
        self.graph.generations[at as usize]
    }

    /// Whether something below a commit is hidden.
    pub(super) fn cut(&self, at: u32) -> bool {
        self.graph.commits[at as usize].cut
    }

    /// Whether `b` descends from `a`, or is it.
    pub(super) fn reaches(&self, b: u32, a: u32) -> bool {
        self.reach.reaches(&self.graph, b, a)
    }
}

/// The numbers behind a history.
#[derive(Debug)]
pub(super) struct Graph {
    commits: Vec<Commit>,
    parents: Vec<u32>,
    generations: Vec<u32>,
}

impl Graph {
    pub fn len(&self) -> usize {
        self.commits.len()
    }

    pub fn generation(&self, at: u32) -> u32 {
        self.generations[at as usize]
    }

    pub fn parents_of(&self, at: u32) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.all_parents(at).iter().copied().filter(|parent| self.commits[*parent as usize].known)
    }

    fn all_parents(&self, at: u32) -> &[u32] {
        let Commit { first, parents, .. } = self.commits[at as usize];
        &self.parents[first as usize..(first + parents) as usize]
    }

    /// How many children each commit has.
    pub fn children(&self) -> Vec<u32> {
        let mut children = vec![0; self.len()];
        for at in 0..number(self.len()) {
            self.parents_of(at).for_each(|parent| children[parent as usize] += 1);
        }
        children
    }

    /// Sets the generations, and what is hidden, from the parents up.
    fn generate(&mut self) {
        let order = self.children_first();
        for at in order.into_iter().rev() {
            let below = self.parents_of(at).map(|parent| self.generations[parent as usize]).max();
            let cut_below = self.parents_of(at).any(|parent| self.commits[parent as usize].cut);
            let absent = self.all_parents(at).iter().any(|parent| !self.commits[*parent as usize].known);
            let commit = &mut self.commits[at as usize];
            commit.cut = cut_below || absent || (commit.cut_here && commit.parents == 0);
            self.generations[at as usize] = below.map_or(1, |highest| highest + 1);
        }
    }

    /// Every commit before its parents. A way round, which no Git can hold, is cut open, so that nothing runs for ever.
    fn children_first(&mut self) -> Vec<u32> {
        let mut waiting = self.children();
        let mut order: Vec<u32> = Vec::with_capacity(self.len());
        order.extend((0..number(self.len())).filter(|at| waiting[*at as usize] == 0));
        let mut next = 0;
        while let Some(&at) = order.get(next) {
            next += 1;
            for parent in self.parents_of(at) {
                waiting[parent as usize] -= 1;
                if waiting[parent as usize] == 0 {
                    order.push(parent);
                }
            }
        }
        for at in (0..number(self.len())).filter(|at| waiting[*at as usize] > 0) {
            let commit = &mut self.commits[at as usize];
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
