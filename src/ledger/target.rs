//! Branches that attempts land on: which commits they hold, and which of their own commits brought another in.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::block::{Reading, read};
use super::history::History;
use super::reach::Marks;
use super::view::View;

/// What the revision looked from is called where no branch is there.
const NAMELESS: &str = "HEAD";
/// What turns a short branch name into a full one.
const HEADS: &str = "refs/heads/";

/// One target: everything that its tips descend from.
#[derive(Debug)]
pub(super) struct Target<'h> {
    h: &'h History,
    pub tips: Vec<u32>,
    /// Whether a shallow clone hides some of it.
    pub cut: bool,
    /// Commits of lower generations are not marked.
    floor: u32,
    marks: Marks,
    /// For each tip its first parents, newest first.
    trunks: OnceCell<Vec<Vec<u32>>>,
}

impl<'h> Target<'h> {
    fn new(h: &'h History, tips: Vec<u32>, floor: u32) -> Self {
        let mut marks = Marks::default();
        let mut open = tips.clone();
        while let Some(at) = open.pop() {
            if h.generation(at) >= floor && marks.insert(at) {
                open.extend(h.parents_of(at));
            }
        }
        let cut = tips.iter().any(|tip| h.cut(*tip));
        Self { h, tips, cut, floor, marks, trunks: OnceCell::new() }
    }

    /// Whether it descends from a commit.
    pub fn holds(&self, at: u32) -> bool {
        if self.h.generation(at) >= self.floor {
            return self.marks.contains(at);
        }
        self.tips.iter().any(|tip| self.h.reaches(*tip, at))
    }

    /// The oldest commit along the first parents that descends from a commit: what a reader of the log sees as its
    /// landing. The commit itself, where the target does not hold it.
    pub fn brought(&self, at: u32) -> u32 {
        let trunks = self.trunks.get_or_init(|| self.tips.iter().map(|tip| self.trunk(*tip)).collect());
        let Some(trunk) = trunks.iter().find(|trunk| trunk.first().is_some_and(|tip| self.h.reaches(*tip, at))) else {
            return at;
        };
        let holding = trunk.partition_point(|on| self.h.reaches(*on, at));
        let Some(mut oldest) = trunk.get(holding.saturating_sub(1)).copied() else { return at };
        // Below the floor the trunk was not listed.
        while holding == trunk.len()
            && let Some(below) = self.h.first_parent(oldest).filter(|below| self.h.reaches(*below, at))
        {
            oldest = below;
        }
        oldest
    }

    fn trunk(&self, tip: u32) -> Vec<u32> {
        let trunk = std::iter::successors(Some(tip), |at| self.h.first_parent(*at));
        trunk.take_while(|at| *at == tip || self.h.generation(*at) >= self.floor).collect()
    }
}

/// The targets of all attempts. Each is walked once, and no deeper than the oldest commit that is asked for.
#[derive(Debug)]
pub(super) struct Targets<'h> {
    h: &'h History,
    v: &'h View,
    all: HashMap<Vec<u32>, Rc<Target<'h>>>,
}

impl<'h> Targets<'h> {
    /// The targets of these names, each with the generation of a commit that it will be asked about.
    pub fn new<'n>(h: &'h History, v: &'h View, asked: impl Iterator<Item = (Option<&'n str>, u32)>) -> Self {
        let mut floors: BTreeMap<Vec<u32>, u32> = BTreeMap::new();
        for (name, generation) in asked {
            let floor = floors.entry(tips(h, v, name)).or_insert(generation);
            *floor = generation.min(*floor);
        }
        let all =
            floors.into_iter().map(|(tips, floor)| (tips.clone(), Rc::new(Target::new(h, tips, floor)))).collect();
        Self { h, v, all }
    }

    /// The target of a name. One that is gone, or was never named, counts as the revision looked from.
    pub fn get(&self, name: Option<&str>) -> Rc<Target<'h>> {
        let tips = tips(self.h, self.v, name);
        // Where nothing was foreseen, nothing is marked, and what it is asked about is searched for.
        self.all.get(&tips).cloned().unwrap_or_else(|| Rc::new(Target::new(self.h, tips, u32::MAX)))
    }

    /// Whether a branch of this name is there.
    pub fn exists(&self, name: Option<&str>) -> bool {
        !branch_tips(self.h, self.v, name).is_empty()
    }

    /// How a target is called in a report.
    pub fn name(&self, name: Option<&str>) -> String {
        let from = || self.name_of_from().unwrap_or_else(|| NAMELESS.to_owned());
        name.map_or_else(from, |name| short(name).to_owned())
    }

    /// How the revision looked from is called, where it is a branch and no spec's own.
    pub fn name_of_from(&self) -> Option<String> {
        name_of_from(self.v)
    }
}

/// The branches that attempts were started for, by their short names.
pub fn targets(h: &History) -> BTreeSet<String> {
    let said = h.notes().filter_map(|(_, note)| match read(&note.message) {
        Reading::Block(block) | Reading::Malformed { block, .. } => block.target,
        Reading::Nothing => None,
    });
    said.map(|name| short(&name).to_owned()).collect()
}

/// The short name of a branch.
pub(super) fn short(name: &str) -> &str {
    name.strip_prefix(HEADS).unwrap_or(name)
}

/// A branch whose local tip is the revision looked from, but for the specs' own: the first by name.
pub(super) fn name_of_from(v: &View) -> Option<String> {
    let here = |tips: &Vec<_>| tips.first() == Some(&v.from);
    let own = |name: &str| crate::spec::Qualified::from_branch(name).is_some();
    let mut branches = v.branches.iter().filter(|(name, tips)| here(tips) && !own(name));
    branches.next().map(|(name, _)| name.clone())
}

/// The branch in which a commit is seen, the revision looked from first; `None` where it is in neither.
pub(super) fn seen_in(h: &History, v: &View, at: u32) -> Option<String> {
    let holds = |tip: &super::Oid| h.find(tip).is_some_and(|tip| h.reaches(tip, at));
    if holds(&v.from) {
        return Some(name_of_from(v).unwrap_or_else(|| NAMELESS.to_owned()));
    }
    v.branches.iter().find(|(_, tips)| tips.iter().any(holds)).map(|(name, _)| name.clone())
}

fn branch_tips(h: &History, v: &View, name: Option<&str>) -> Vec<u32> {
    let tips = name.and_then(|name| v.branches.get(short(name)));
    tips.into_iter().flatten().filter_map(|tip| h.find(tip)).collect()
}

fn tips(h: &History, v: &View, name: Option<&str>) -> Vec<u32> {
    let tips = branch_tips(h, v, name);
    if tips.is_empty() { h.find(&v.from).into_iter().collect() } else { tips }
}
