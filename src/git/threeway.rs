//! The part of a merge that needs no judgement: where only one side changed a path, its change is taken.
//!
//! Three trees are walked at once, and only where both sides differ from the base. Git's result is the same by
//! construction, renames included, for a rename matters to a merge only where its old name is touched by the other
//! side too: as a path both sides changed (a contest, below), as a path both removed, or as a directory that one side
//! removed and the other added to. All three are left to Git ([`Outcome::Doubtful`]).

use std::collections::HashMap;

use gix::bstr::{BStr, BString, ByteSlice};
use gix::objs::TreeRef;
use gix::objs::tree::{EntryKind, EntryMode, EntryRef};

use super::error::{Error, Result};

/// What stands at a path on one of the three sides.
pub(super) type Node = Option<(EntryMode, gix::ObjectId)>;

/// A path that both sides changed, differently.
#[derive(Debug, Clone)]
pub(super) struct Contest {
    pub(super) path: BString,
    pub(super) base: Node,
    pub(super) ours: Node,
    pub(super) theirs: Node,
}

/// What the walk found.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Every path was changed by one side at most, or is decided; the tree is written.
    Tree(gix::ObjectId),
    /// These must be decided first.
    Contests(Vec<Contest>),
    /// Renames may play a part.
    Doubtful,
}

/// Merges three trees as far as no judgement is needed. `decided` holds the contests that were decided elsewhere.
pub(super) fn merge(
    gix: &gix::Repository,
    [base, ours, theirs]: [gix::ObjectId; 3],
    decided: &HashMap<BString, (EntryMode, gix::ObjectId)>,
) -> Result<Outcome> {
    let mut walk = Walk { gix, decided, contests: Vec::new(), doubtful: false };
    let trees = [base, ours, theirs].map(|id| Some(id).filter(|id| !id.is_empty_tree()));
    if walk.emptied(trees)? {
        walk.doubtful = true;
    }
    let merged = walk.merge(&mut BString::default(), trees)?;
    if walk.doubtful {
        return Ok(Outcome::Doubtful);
    }
    if !walk.contests.is_empty() {
        return Ok(Outcome::Contests(walk.contests));
    }
    match merged {
        Some(tree) => Ok(Outcome::Tree(tree)),
        None => Ok(Outcome::Tree(write(gix, &[])?)),
    }
}

struct Walk<'w> {
    gix: &'w gix::Repository,
    decided: &'w HashMap<BString, (EntryMode, gix::ObjectId)>,
    contests: Vec<Contest>,
    doubtful: bool,
}

impl<'w> Walk<'w> {
    /// The merge of three trees, `None` where nothing is left.
    fn merge(&mut self, path: &mut BString, trees: [Option<gix::ObjectId>; 3]) -> Result<Option<gix::ObjectId>> {
        let [base, ours, theirs] = trees;
        let held = [self.load(base)?, self.load(ours)?, self.load(theirs)?];
        let [base, ours, theirs] = [entries(&held[0])?, entries(&held[1])?, entries(&held[2])?];
        let mut sides = [base.iter().peekable(), ours.iter().peekable(), theirs.iter().peekable()];
        let (mut merged, mut added) = (Vec::new(), Vec::new());
        // All three are sorted alike: what is the same in all is passed by without a look.
        while let Some(next) = sides.iter_mut().filter_map(|side| side.peek().copied()).min() {
            let nodes = sides.each_mut().map(|side| {
                let entry = side.next_if(|entry| entry.cmp(&next).is_eq())?;
                Some((entry.mode, entry.oid.to_owned()))
            });
            let node = if nodes[0].is_some() && nodes[0] == nodes[1] && nodes[0] == nodes[2] {
                nodes[0]
            } else {
                let at = path.len();
                if at > 0 {
                    path.push(b'/');
                }
                path.extend_from_slice(next.filename);
                let node = self.decide(path, nodes)?;
                path.truncate(at);
                node
            };
            if let Some((mode, oid)) = node {
                if nodes[0].is_none() {
                    added.push(merged.len());
                }
                merged.push(Entry { mode, name: next.filename, oid });
            }
        }
        // A file and a directory of one name are sorted apart, and nowhere else would be seen together.
        self.doubtful |= added.iter().any(|at| has_other_kind(&merged, &merged[*at]));
        if !self.contests.is_empty() || self.doubtful || merged.is_empty() {
            return Ok(None);
        }
        write(self.gix, &merged).map(Some)
    }

    fn decide(&mut self, path: &mut BString, [base, ours, theirs]: [Node; 3]) -> Result<Node> {
        if ours == theirs {
            if ours != base && base.is_some() {
                self.doubt_what_both_removed(base, ours)?;
            }
            return Ok(ours);
        }
        if ours == base {
            return Ok(theirs);
        }
        if theirs == base {
            return Ok(ours);
        }
        if let Some(decided) = self.decided.get(path) {
            return Ok(Some(*decided));
        }
        let (below, mode) = match (ours, theirs) {
            (Some((mode, o)), Some((other, t))) if mode.is_tree() && other.is_tree() => match base {
                None => ([None, Some(o), Some(t)], mode),
                Some((was, b)) if was.is_tree() => ([Some(b), Some(o), Some(t)], mode),
                Some(_) => return Ok(self.contest(path, [base, ours, theirs])),
            },
            _ => return Ok(self.contest(path, [base, ours, theirs])),
        };
        Ok(self.merge(path, below)?.map(|tree| (mode, tree)))
    }

    fn contest(&mut self, path: &BString, [base, ours, theirs]: [Node; 3]) -> Node {
        self.contests.push(Contest { path: path.clone(), base, ours, theirs });
        None
    }

    /// A path that both sides removed may be one that either of them renamed.
    fn doubt_what_both_removed(&mut self, base: Node, both: Node) -> Result<()> {
        let (below, left) = match (base, both) {
            (Some((was, b)), Some((is, o))) if was.is_tree() && is.is_tree() => (b, o),
            (Some((was, _)), Some((is, _))) if !was.is_tree() && !is.is_tree() => return Ok(()),
            _ => {
                self.doubtful = true;
                return Ok(());
            }
        };
        let held = [self.load(Some(below))?, self.load(Some(left))?];
        let (base, left) = (entries(&held[0])?, entries(&held[1])?);
        for entry in &base {
            let there = left.binary_search(entry).ok().map(|at| (left[at].mode, left[at].oid.to_owned()));
            let was = (entry.mode, entry.oid.to_owned());
            if there != Some(was) {
                self.doubt_what_both_removed(Some(was), there)?;
            }
        }
        Ok(())
    }

    /// Whether one side has nothing left of what stood at the top, and the other changed something: everything may
    /// have moved into a directory.
    fn emptied(&self, [base, ours, theirs]: [Option<gix::ObjectId>; 3]) -> Result<bool> {
        if base.is_none() || ours == base || theirs == base || ours == theirs {
            return Ok(false);
        }
        let held = self.load(base)?;
        let base = entries(&held)?;
        for side in [ours, theirs] {
            let held = self.load(side)?;
            let side = entries(&held)?;
            if !base.iter().any(|entry| side.binary_search(entry).is_ok()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn load(&self, tree: Option<gix::ObjectId>) -> Result<Option<gix::Tree<'w>>> {
        let gix = self.gix;
        tree.map(|id| gix.find_tree(id).map_err(Error::while_(format!("read tree {id}")))).transpose()
    }
}

fn entries<'t>(tree: &'t Option<gix::Tree<'_>>) -> Result<Vec<EntryRef<'t>>> {
    let Some(tree) = tree else { return Ok(Vec::new()) };
    Ok(tree.decode().map_err(Error::while_(format!("read tree {}", tree.id)))?.entries)
}

/// An entry of a tree to be written.
struct Entry<'t> {
    mode: EntryMode,
    name: &'t BStr,
    oid: gix::ObjectId,
}

/// Whether `entries` hold a directory of the name of this file, or the other way round.
fn has_other_kind(entries: &[Entry<'_>], entry: &Entry<'_>) -> bool {
    let kind = if entry.mode.is_tree() { EntryKind::Blob } else { EntryKind::Tree };
    let other = EntryRef { mode: kind.into(), filename: entry.name, oid: &entry.oid };
    let as_ref = |entry: &Entry<'_>| EntryRef { mode: entry.mode, filename: entry.name, oid: &entry.oid }.cmp(&other);
    entries.binary_search_by(as_ref).is_ok()
}

/// Writes a tree whose entries are in Git's order already.
fn write(gix: &gix::Repository, merged: &[Entry<'_>]) -> Result<gix::ObjectId> {
    let entries = merged.iter().map(|e| EntryRef { mode: e.mode, filename: e.name, oid: &e.oid }).collect();
    let written = gix.write_object(TreeRef { entries }).map_err(Error::while_("write a tree"))?;
    Ok(written.detach())
}

impl Contest {
    /// Whether both sides changed the text of one file and nothing else about it.
    pub(super) fn is_content(&self) -> bool {
        match (self.base, self.ours, self.theirs) {
            (Some((base, _)), Some((ours, _)), Some((theirs, _))) => base.is_blob() && base == ours && base == theirs,
            _ => false,
        }
    }

    /// The directories above, the top included, nearest last.
    pub(super) fn above(path: &BString) -> Vec<BString> {
        let slashes = path.find_iter("/").map(|at| BString::from(&path[..at]));
        std::iter::once(BString::default()).chain(slashes).collect()
    }
}
