//! What is staged: the index that a hook is called with, which may be another file than the worktree's own.

use std::collections::BTreeSet;
use std::path::Path;

use gix::index::entry::{Flags, Mode};

use super::convert::from_gix;
use super::error::{Error, Result};
use super::files::decoding;
use super::object::EntryKind;
use super::repo::Repo;
use crate::ledger::Oid;

/// One staged file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedFile {
    /// Its path in the repository.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Its content.
    pub oid: Oid,
}

impl Repo {
    /// The staged files in some directory of this name, at any depth, in the order of their paths. `index` is the file that
    /// Git names to a hook (`git commit <paths>` stages elsewhere than in the worktree's index). Conflicts are left out.
    ///
    /// # Errors
    /// Where the index cannot be read.
    pub fn staged_in(&self, index: Option<&Path>, directory: &str) -> Result<Vec<StagedFile>> {
        let inside = format!("/{directory}/");
        let mut found = Vec::new();
        let index = self.staged_index(index)?;
        for entry in index.entries() {
            let path = entry.path(&index);
            if entry.stage_raw() != 0 || !lies_in(path, &inside) {
                continue;
            }
            let Some(kind) = entry.mode.to_tree_entry_mode().map(|mode| EntryKind::from_gix(mode.kind())) else {
                continue;
            };
            found.push(StagedFile { path: path.to_string(), kind, oid: from_gix(entry.id) });
        }
        Ok(found)
    }

    /// Whether what is staged is exactly what `commit` holds. A sparse index keeps a whole directory as one entry, and a
    /// file that is only meant to be added (`git add -N`) is in no commit.
    ///
    /// # Errors
    /// Where the index or the commit cannot be read.
    pub fn staged_is(&self, index: Option<&Path>, commit: Oid) -> Result<bool> {
        let index = self.staged_index(index)?;
        let (mut staged, mut wanted) = (files(&index), files(&self.index_of(commit)?));
        for entry in index.entries() {
            let path = entry.path(&index);
            if entry.stage_raw() != 0 {
                return Ok(false);
            }
            let alone = (path.to_vec(), entry.id, entry.mode.bits());
            if entry.flags.contains(Flags::INTENT_TO_ADD) {
                staged.remove(&alone);
            }
            if entry.mode == Mode::DIR {
                let there = self.entry(commit, path.to_string().trim_end_matches('/'))?;
                if there != Some((from_gix(entry.id), EntryKind::Tree)) {
                    return Ok(false);
                }
                staged.remove(&alone);
                wanted.retain(|(file, ..)| !file.starts_with(path));
            }
        }
        Ok(staged == wanted)
    }

    /// Whether each of these paths is staged otherwise than `commit` has it.
    ///
    /// # Errors
    /// Where the index or the commit cannot be read.
    pub fn all_staged_anew(&self, index: Option<&Path>, commit: Oid, paths: &[String]) -> Result<bool> {
        let index = self.staged_index(index)?;
        for path in paths {
            let staged = index.entry_by_path(path.as_str().into()).map(|entry| from_gix(entry.id));
            if staged == self.entry(commit, path)?.map(|(oid, _)| oid) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn staged_index(&self, index: Option<&Path>) -> Result<gix::index::File> {
        let path = index.map_or_else(|| self.git_dir().join("index"), Path::to_owned);
        let hash = self.gix().object_hash();
        gix::index::File::at_or_default(&path, hash, true, decoding(&path))
            .map_err(Error::while_(format!("read the index {}", path.display())))
    }
}

fn files(index: &gix::index::File) -> BTreeSet<(Vec<u8>, gix::ObjectId, u32)> {
    index.entries().iter().map(|entry| (entry.path(index).to_vec(), entry.id, entry.mode.bits())).collect()
}

/// Whether a path is in a directory of that name: `inside` is the name between two slashes.
fn lies_in(path: &[u8], inside: &str) -> bool {
    let inside = inside.as_bytes();
    path.starts_with(&inside[1..]) || path.windows(inside.len()).any(|window| window == inside)
}
