//! What changed between two trees.

use gix::diff::tree::{State, recorder};
use gix::objs::TreeRefIter;
use gix::objs::tree::EntryMode;
use gix::prelude::*;

use super::convert::from_gix;
use super::error::{Error, Result};
use super::object::{EntryKind, tree_of};
use super::repo::Repo;
use crate::ledger::Oid;

/// One path that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The path from the top of the tree, bytes that are no UTF-8 replaced.
    pub path: String,
    /// What was there; `None` where the path is new.
    pub old: Option<(Oid, EntryKind)>,
    /// What is there; `None` where the path is gone.
    pub new: Option<(Oid, EntryKind)>,
}

impl Repo {
    /// What differs between two commits or trees, by path; `None` is the empty tree. A rename is a removal and an
    /// addition; directories are not listed, only what is in them.
    ///
    /// # Errors
    /// Where an object cannot be read.
    pub fn changes(&self, from: Option<Oid>, to: Oid) -> Result<Vec<Change>> {
        let gix = self.gix();
        let from = match from {
            Some(from) => tree_of(&gix, from)?,
            None => gix.object_hash().empty_tree(),
        };
        let mut changes = tree_changes(&gix, from, tree_of(&gix, to)?)?;
        changes.retain(|change| !change.is_tree());
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        // A file that became a directory, or the other way round, is one path with two faces elsewhere: two entries.
        Ok(changes.into_iter().map(Difference::into_change).collect())
    }
}

/// One entry that differs, directories included.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    pub(super) path: gix::bstr::BString,
    pub(super) old: Option<(gix::ObjectId, EntryMode)>,
    pub(super) new: Option<(gix::ObjectId, EntryMode)>,
}

impl Difference {
    pub(super) fn is_tree(&self) -> bool {
        self.old.or(self.new).is_some_and(|(_, mode)| mode.is_tree())
    }

    fn into_change(self) -> Change {
        let side = |side: Option<(gix::ObjectId, EntryMode)>| {
            side.map(|(id, mode)| (from_gix(id), EntryKind::from_gix(mode.kind())))
        };
        Change { path: self.path.to_string(), old: side(self.old), new: side(self.new) }
    }
}

/// The difference between two trees, subtree by subtree: what is the same is not opened.
pub(super) fn tree_changes(gix: &gix::Repository, from: gix::ObjectId, to: gix::ObjectId) -> Result<Vec<Difference>> {
    let doing = || Error::while_(format!("compare {from} with {to}"));
    if from == to {
        return Ok(Vec::new());
    }
    let load = |id: gix::ObjectId, buffer: &mut Vec<u8>| {
        if id == id.kind().empty_tree() {
            return Ok(());
        }
        gix.objects.find_tree(&id, buffer).map(|_| ()).map_err(doing())
    };
    let (mut old, mut new) = (Vec::new(), Vec::new());
    load(from, &mut old)?;
    load(to, &mut new)?;
    let mut recorder = gix::diff::tree::Recorder::default();
    let old = TreeRefIter::from_bytes(&old, from.kind());
    let new = TreeRefIter::from_bytes(&new, to.kind());
    gix::diff::tree(old, new, State::default(), &gix.objects, &mut recorder)
        .map_err(Error::while_(format!("compare {from} with {to}")))?;
    Ok(recorder.records.into_iter().map(difference).collect())
}

fn difference(change: recorder::Change) -> Difference {
    match change {
        recorder::Change::Addition { entry_mode, oid, path, .. } => {
            Difference { path, old: None, new: Some((oid, entry_mode)) }
        }
        recorder::Change::Deletion { entry_mode, oid, path, .. } => {
            Difference { path, old: Some((oid, entry_mode)), new: None }
        }
        recorder::Change::Modification { previous_entry_mode, previous_oid, entry_mode, oid, path } => {
            Difference { path, old: Some((previous_oid, previous_entry_mode)), new: Some((oid, entry_mode)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::test_repo::TestRepo;

    #[test]
    fn changes_are_those_that_git_lists_without_looking_for_renames() {
        let t = TestRepo::new();
        t.write("dir/a", "a\n");
        t.write("dir/b", "b\n");
        t.write("was-file", "x\n");
        t.write("same/deep/down", "same\n");
        let base = t.commit_all("base");
        t.git(&["mv", "dir/a", "dir/moved"]);
        t.git(&["rm", "-q", "was-file"]);
        t.write("was-file/now-dir", "x\n");
        t.write("dir/b", "B\n");
        t.write("new", "new\n");
        let next = t.commit_all("next");
        let status = |change: &Change| match (change.old, change.new) {
            (None, _) => "A",
            (_, None) => "D",
            _ => "M",
        };
        let here: Vec<_> = t.repo.changes(Some(base), next).unwrap();
        let here: Vec<_> = here.iter().map(|change| format!("{}\t{}", status(change), change.path)).collect();
        let git = t.git(&["diff-tree", "-r", "--no-renames", "--name-status", &base.to_string(), &next.to_string()]);
        let mut git: Vec<_> = git.lines().collect();
        git.sort_unstable_by_key(|line| line.split('\t').next_back());
        assert_eq!(here, git);
        assert_eq!(t.repo.changes(Some(next), next).unwrap(), []);
        let all = t.repo.changes(None, next).unwrap();
        assert_eq!(all.len(), t.git(&["ls-files"]).lines().count());
        assert!(all.iter().all(|change| change.old.is_none()));
    }
}
