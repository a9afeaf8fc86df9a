//! Whether a worktree holds its commit and nothing else, told from what the engine noted when it wrote the files.
//!
//! The common case, and the quick one: the index that was written then, linked beside where no agent in a cage reaches it,
//! says of nearly every file that nobody has touched it since. Only what differs, in the history or on disk, is read. Where
//! anything is out of the ordinary the answer is that it is not known, and Git is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use gix::index::entry::{Flags, Mode, Stat};
use rustix::fs::OFlags;

use super::error::Result;
use super::files::{decoding, is_attributes};
use super::follow::{Changes, Side};
use super::recycle::{MADE, made_commit};
use super::repo::{Head, Repo};
use super::scratch;
use super::survey::{Survey, survey};
use super::worktree::{Worktree, as_path};
use crate::ledger::Oid;

/// Where more files than these differ, Git looks.
const MOST: usize = 2000;

/// What else may lie in a worktree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Besides {
    /// Nothing.
    Nothing,
    /// Files that no commit has: they are not looked at.
    Others,
}

/// What was noted when the files of a worktree were written.
pub(super) struct Made {
    pub index: gix::index::File,
    /// The commit whose files they were.
    pub commit: Oid,
}

impl Repo {
    /// What was noted in the Git directory of a worktree, where it still says what a file of a blob is.
    pub(super) fn made(&self, admin: &Path) -> Option<Made> {
        let commit = made_commit(admin)?;
        let path = admin.join(MADE);
        let index = gix::index::File::at(&path, self.gix().object_hash(), true, decoding(&path)).ok()?;
        (!self.wants_git(&index)).then_some(Made { index, commit })
    }

    /// What differs between two commits; `None` where a blob of one might be another file in the other, or a submodule
    /// comes or goes.
    pub(super) fn plain_changes(&self, from: Oid, to: Oid) -> Result<Option<Changes>> {
        let changes = self.file_changes(from, to)?;
        let is_plain = |(path, (old, new)): (&Vec<u8>, &(Side, Side))| {
            !is_attributes(path) && [old, new].into_iter().flatten().all(|(mode, _)| mode_of(*mode).is_some())
        };
        Ok(changes.iter().all(is_plain).then_some(changes))
    }

    /// What is seen in a worktree beside what the engine wrote there; `None` where that does not say what is there.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub(super) fn seen(&self, worktree: &Worktree, besides: Besides) -> Result<Option<Seen>> {
        match self.made(&worktree.git_dir) {
            Some(made) => self.seen_beside(made, worktree, besides),
            None => Ok(None),
        }
    }

    /// The same, where what the engine wrote has been read.
    pub(super) fn seen_beside(&self, made: Made, worktree: &Worktree, besides: Besides) -> Result<Option<Seen>> {
        let (true, Some(Head::Branch { tip: head, .. } | Head::Detached(head))) = (worktree.exists, &worktree.head)
        else {
            return Ok(None);
        };
        let Ok(Some(changes)) = self.plain_changes(made.commit, *head) else { return Ok(None) };
        // Nobody has written an index since, or it says the same.
        let index = worktree.git_dir.join("index");
        let is_same = || changes.is_empty() && is_same_file(&index, &worktree.git_dir.join(MADE));
        if changes.len() > MOST || !is_same() && !has_same_entries(&index, &made.index, &changes) {
            return Ok(None);
        }
        let found = survey(&worktree.path, &made.index, besides == Besides::Nothing, MOST);
        Ok(found.ok().flatten().map(|found| Seen { made, head: *head, changes, found }))
    }

    /// Whether the files of a worktree and its index are those of its commit, to the last one. If so, the paths at which
    /// something else is, or nothing, than what the engine wrote; `None` where that is not known.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub(super) fn untouched(&self, worktree: &Worktree, besides: Besides) -> Result<Option<BTreeSet<Vec<u8>>>> {
        let seen = self.seen(worktree, besides)?.filter(|seen| seen.is_commit(&worktree.path, besides));
        Ok(seen.map(|seen| seen.found.others(&seen.made.index)))
    }
}

/// A worktree, whose index says what its commit does, beside what the engine wrote there.
pub(super) struct Seen {
    pub made: Made,
    /// The commit that is checked out.
    pub head: Oid,
    /// How it differs from the one whose files the engine wrote.
    pub changes: Changes,
    /// And how the files do.
    pub found: Survey,
}

impl Seen {
    /// Whether the files are those of the commit.
    pub(super) fn is_commit(&self, top: &Path, besides: Besides) -> bool {
        let odd = self.found.odd(&self.made.index);
        let mut wanted: BTreeMap<&[u8], Side> =
            odd.map(|entry| (&**entry.path(&self.made.index), Some((entry.mode.bits(), entry.id)))).collect();
        wanted.extend(self.changes.iter().map(|(path, (_, new))| (path.as_slice(), *new)));
        // A directory that holds nothing is nothing to Git.
        let is_known = |path: &Vec<u8>| path.ends_with(b"/") || wanted.contains_key(path.as_slice());
        if besides == Besides::Nothing && !self.found.strange.iter().all(is_known) {
            return false;
        }
        wanted.iter().all(|(path, side)| match side {
            Some((mode, id)) => is_blob(top, path, *mode, *id),
            None => !is_below(top, path) || fs::symlink_metadata(top.join(as_path(path))).is_err(),
        })
    }
}

/// The mode of an entry that is a file or a link.
pub(super) fn mode_of(mode: u32) -> Option<Mode> {
    Mode::from_bits(mode).filter(|mode| matches!(*mode, Mode::FILE | Mode::FILE_EXECUTABLE | Mode::SYMLINK))
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| fs::symlink_metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    id(one).is_some() && id(one) == id(other)
}

/// Whether an index has the entries of another one after some changes, and says nothing else of any.
fn has_same_entries(path: &Path, made: &gix::index::File, changes: &Changes) -> bool {
    let Ok(index) = gix::index::File::at(path, made.object_hash(), true, decoding(path)) else { return false };
    let marks = Flags::ASSUME_VALID | Flags::SKIP_WORKTREE | Flags::INTENT_TO_ADD | Flags::REMOVE;
    let mut there = index.entries().iter().map(|entry| {
        let plain = entry.stage_raw() == 0 && !entry.flags.intersects(marks);
        (&**entry.path(&index), plain.then_some((entry.mode.bits(), entry.id)))
    });
    let changed = |path: &[u8]| changes.contains_key(path);
    let kept = made.entries().iter().map(|entry| (&**entry.path(made), Some((entry.mode.bits(), entry.id))));
    let mut kept = kept.filter(|(path, _)| !changed(path)).peekable();
    let mut new = changes.iter().filter_map(|(path, (_, new))| Some((path.as_slice(), Some((*new)?)))).peekable();
    loop {
        let next = match (kept.peek(), new.peek()) {
            (Some((old, _)), Some((path, _))) if path < old => new.next(),
            (None, Some(_)) => new.next(),
            _ => kept.next(),
        };
        match (next, there.next()) {
            (None, None) => return true,
            (wanted, found) if wanted == found => {}
            _ => return false,
        }
    }
}

/// Whether all that is above a path is a directory, and no link.
pub(super) fn is_below(top: &Path, path: &[u8]) -> bool {
    let mut above = as_path(path).ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
    above.all(|above| fs::symlink_metadata(top.join(above)).is_ok_and(|meta| meta.is_dir()))
}

/// A file or a link as it lies in a worktree.
pub(super) struct File {
    pub mode: Mode,
    pub bytes: Vec<u8>,
    /// As it was before it was read.
    pub stat: Stat,
}

impl File {
    /// The id that its content has.
    pub(super) fn id(&self, kind: gix::hash::Kind) -> Option<gix::ObjectId> {
        gix::objs::compute_hash(kind, gix::objs::Kind::Blob, &self.bytes).ok()
    }
}

/// What lies at a path below a directory, where that is a file of no more bytes than `most`, or a link, and all above it are
/// directories.
pub(super) fn file_at(top: &Path, path: &[u8], most: u64) -> Option<File> {
    let file = top.join(as_path(path));
    let meta = gix::index::fs::Metadata::from_path_no_follow(&file).ok().filter(|_| is_below(top, path))?;
    let (mode, bytes) = match (meta.is_symlink(), meta.is_file()) {
        (true, _) => (Mode::SYMLINK, fs::read_link(&file).ok()?.as_os_str().as_bytes().to_vec()),
        (_, true) if meta.len() <= most => {
            let mode = if meta.is_executable() { Mode::FILE_EXECUTABLE } else { Mode::FILE };
            let mut bytes = Vec::new();
            // It may have become a pipe since.
            scratch::open_file(&file, OFlags::NOFOLLOW)?.read_to_end(&mut bytes).ok()?;
            (mode, bytes)
        }
        _ => return None,
    };
    Some(File { mode, bytes, stat: Stat::from_fs(&meta).ok()? })
}

/// Whether a file or a link is, byte for byte, what an object says.
fn is_blob(top: &Path, path: &[u8], mode: u32, id: gix::ObjectId) -> bool {
    file_at(top, path, u64::MAX).is_some_and(|file| file.mode.bits() == mode && file.id(id.kind()) == Some(id))
}

/// Deletes what lies at paths below a directory, and the directories that are empty without it. No link is followed.
pub(super) fn clear(top: &Path, paths: &BTreeSet<Vec<u8>>) -> Result<()> {
    for path in paths {
        if !is_below(top, path) {
            continue;
        }
        let file = top.join(as_path(path));
        scratch::delete(&file)?;
        let mut above = file.parent();
        while let Some(dir) = above.filter(|dir| *dir != top && fs::remove_dir(dir).is_ok()) {
            above = dir.parent();
        }
    }
    Ok(())
}
