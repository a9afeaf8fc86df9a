//! Moving a checkout without a branch to another commit: the checkouts in which proofs run are used again and again.
//!
//! One walk over the directory decides for every file: it is the new commit's and provably untouched since it was
//! written; or it goes, and is written anew where the new commit has it. What an agent or a proof left there, hid behind
//! flags or behind a file's old time does not survive this.

use std::fs;
use std::path::Path;
use std::time::Duration;

use gix::bstr::ByteSlice;
use gix::index::entry::Flags;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::error::{Error, Result, WorktreeError};
use super::files::{decoding, is_attributes};
use super::leftovers::is_as_noted;
use super::repo::{Head, Repo};
use super::scratch;
use super::worktree::{Worktree, as_path};
use crate::ledger::Oid;

/// The traces of operations that a proof may have begun.
const TRACES: &[&str] = &[
    "index.lock",
    "HEAD.lock",
    "MERGE_HEAD",
    "MERGE_MODE",
    "MERGE_MSG",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "rebase-merge",
    "rebase-apply",
    "sequencer",
    "BISECT_LOG",
    "BISECT_START",
];

impl Repo {
    /// Moves a linked worktree with a detached `HEAD` to another commit. Afterwards its files are that commit's and
    /// nothing else, except untracked ones that match a pattern of `keep`: a name (`target`) at any depth, or a path
    /// from the top (`web/node_modules`), with all that is in it.
    ///
    /// # Errors
    /// [`WorktreeError::NotOne`] for a worktree on a branch: its files are somebody's work.
    pub fn repoint(&self, worktree: &Path, commit: Oid, keep: &[String]) -> Result<()> {
        let mut worktree = self.worktree(worktree)?;
        if worktree.main || !matches!(worktree.head, Some(Head::Detached(_))) {
            return Err(
                WorktreeError::NotOne { path: worktree.path, wanted: "a linked worktree without a branch" }.into()
            );
        }
        for name in TRACES {
            scratch::delete(&worktree.git_dir.join(name))?;
        }
        self.link(&worktree)?;
        worktree.exists = true;
        let mut new = self.index_of(commit)?;
        new.set_path(worktree.git_dir.join("index"));
        let old = self.old_index(&worktree, &new);
        if self.wants_git(&new) || old.is_sparse() {
            return self.repoint_by_git(&worktree, commit, keep, &old);
        }
        Walk { top: &worktree.path, old: &old, keep: &matcher(keep) }.clear(&worktree.path, b"", false, &mut new)?;
        self.write_files(&worktree, &mut new)?;
        for entry in new.entries_mut() {
            entry.flags.remove(Flags::SKIP_WORKTREE);
        }
        new.write(gix::index::write::Options::default()).map_err(Error::while_("write the index of a checkout"))?;
        self.remember(&worktree, commit);
        scratch::replace(&worktree.git_dir.join("HEAD"), format!("{commit}\n").as_bytes())
    }

    /// The index that says which files were written when. Where the attributes change, the same blob may be another
    /// file: then nothing of it counts.
    fn old_index(&self, worktree: &Worktree, new: &gix::index::State) -> gix::index::File {
        let path = worktree.git_dir.join("index");
        self.index_with_same_attributes(&path, new)
            .unwrap_or_else(|| gix::index::File::from_state(gix::index::State::new(self.gix().object_hash()), &path))
    }

    /// An index, where it can be read and its tree has the attributes of the other's.
    pub(super) fn index_with_same_attributes(&self, path: &Path, new: &gix::index::State) -> Option<gix::index::File> {
        let old = gix::index::File::at(path, self.gix().object_hash(), true, decoding(path)).ok()?;
        let attributes = |index: &gix::index::State| -> Vec<_> {
            let entries = index.entries().iter().filter(|entry| is_attributes(entry.path(index)));
            entries.map(|entry| (entry.path(index).to_owned(), entry.id)).collect()
        };
        (attributes(&old) == attributes(new)).then_some(old)
    }

    fn repoint_by_git(&self, worktree: &Worktree, commit: Oid, keep: &[String], old: &gix::index::State) -> Result<()> {
        let index = worktree.git_dir.join("index");
        if old.entries().is_empty() {
            scratch::delete(&index)?;
        } else {
            let doubt = self.doubt(worktree)?;
            fs::copy(doubt.index(), &index).map_err(Error::io("write", &index))?;
        }
        scratch::replace(&worktree.git_dir.join("HEAD"), format!("{commit}\n").as_bytes())?;
        self.reset_hard(worktree)?;
        let clean = self.git_at(worktree, ["clean", "-q", "-ffdx"]);
        let anchored = |pattern: &String| {
            let pattern = pattern.trim_end_matches('/').trim_start_matches("./");
            if pattern.contains('/') { format!("/{}", pattern.trim_start_matches('/')) } else { pattern.to_owned() }
        };
        clean.args(keep.iter().flat_map(|pattern| ["-e".to_owned(), anchored(pattern)])).check()?;
        Ok(())
    }
}

/// One walk over the files of a checkout.
pub(super) struct Walk<'a> {
    pub top: &'a Path,
    /// When which of them was written.
    pub old: &'a gix::index::File,
    pub keep: &'a GlobSet,
}

impl Walk<'_> {
    /// Deletes below `dir` what the new index does not have or what may have been touched. What may stay is marked to
    /// be skipped, with its old stat data.
    pub(super) fn clear(&self, dir: &Path, prefix: &[u8], kept: bool, new: &mut gix::index::File) -> Result<()> {
        for entry in scratch::entries(dir).map_err(Error::io("read", dir))? {
            let entry = entry.map_err(Error::io("read", dir))?;
            let path = entry.path();
            if dir == self.top && entry.file_name() == ".git" {
                continue;
            }
            let mut name = prefix.to_vec();
            name.extend_from_slice(entry.file_name().as_encoded_bytes());
            let is_dir = entry.file_type().map_err(Error::io("read", &path))?.is_dir();
            let kept = kept || self.keep.is_match(as_path(&name));
            let tracked_below = new.path_is_directory(name.as_bstr());
            let tracked = new.entry_by_path(name.as_bstr()).is_some();
            let in_the_way = if is_dir { tracked } else { tracked_below };
            if is_dir && !tracked && (tracked_below || !kept && !self.keep.is_empty()) {
                name.push(b'/');
                self.clear(&path, &name, kept, new)?;
                if !tracked_below {
                    // Empty unless something in it was kept.
                    fs::remove_dir(&path).ok();
                }
            } else if !is_dir && tracked && self.reuse(&path, &name, new) || !tracked && kept && !in_the_way {
                // It stays.
            } else {
                scratch::delete(&path)?;
            }
        }
        Ok(())
    }

    /// Whether the file is what the new index wants there; if so, it is noted in it.
    fn reuse(&self, path: &Path, name: &[u8], new: &mut gix::index::File) -> bool {
        let written = self.old.timestamp();
        let written = Duration::new(written.unix_seconds().try_into().unwrap_or(0), written.nanoseconds());
        let Some(old) = self.old.entry_by_path(name.as_bstr()) else { return false };
        let Some(entry) = new.entry_mut_by_path_and_stage(name.as_bstr(), gix::index::entry::Stage::Unconflicted)
        else {
            return false;
        };
        let same = (entry.id, entry.mode) == (old.id, old.mode);
        if !same || !is_as_noted(&old.stat, written, path) {
            return false;
        }
        entry.stat = old.stat;
        entry.flags.insert(Flags::SKIP_WORKTREE);
        true
    }
}

/// The patterns of files to keep; those that are no patterns keep nothing.
fn matcher(patterns: &[String]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let pattern = pattern.trim_end_matches('/').trim_start_matches("./");
        let pattern = match pattern.strip_prefix('/') {
            Some(anchored) => anchored.to_owned(),
            None if pattern.contains('/') => pattern.to_owned(),
            None => format!("**/{pattern}"),
        };
        if let Ok(glob) = GlobBuilder::new(&pattern).literal_separator(true).build() {
            set.add(glob);
        }
    }
    set.build().unwrap_or_default()
}
