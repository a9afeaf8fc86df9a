//! Whether a worktree holds its commit and nothing else, told from what the engine noted when it wrote the files.
//!
//! The common case, and the quick one: the index that was written then, linked beside where no agent in a cage reaches it,
//! says of nearly every file that nobody has touched it since. Only what differs, in the history or on disk, is read. Where
//! anything is out of the ordinary the answer is that it is not known, and Git is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use gix::index::entry::{Flags, Mode};

use super::error::Result;
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
        let index = gix::index::File::at(admin.join(MADE), self.gix().object_hash(), true, Default::default()).ok()?;
        (!self.wants_git(&index)).then_some(Made { index, commit })
    }

    /// What differs between two commits; `None` where a blob of one might be another file in the other, or a submodule
    /// comes or goes.
    pub(super) fn plain_changes(&self, from: Oid, to: Oid) -> Result<Option<Changes>> {
        let changes = self.file_changes(from, to)?;
        let is_plain = |(path, (old, new)): (&Vec<u8>, &(Side, Side))| {
            let attributes = path == b".gitattributes" || path.ends_with(b"/.gitattributes");
            !attributes && [old, new].into_iter().flatten().all(|(mode, _)| mode_of(*mode).is_some())
        };
        Ok(changes.iter().all(is_plain).then_some(changes))
    }

    /// Whether the files of a worktree and its index are those of its commit, to the last one. If so, the paths at which
    /// something else is, or nothing, than what the engine wrote; `None` where that is not known.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub(super) fn untouched(&self, worktree: &Worktree, besides: Besides) -> Result<Option<BTreeSet<Vec<u8>>>> {
        let (true, Some(Head::Branch { tip: head, .. } | Head::Detached(head))) = (worktree.exists, &worktree.head)
        else {
            return Ok(None);
        };
        let Some(made) = self.made(&worktree.git_dir) else { return Ok(None) };
        let Ok(Some(changes)) = self.plain_changes(made.commit, *head) else { return Ok(None) };
        // Nobody has written an index since, or it says the same.
        let index = worktree.git_dir.join("index");
        let is_same = || changes.is_empty() && is_same_file(&index, &worktree.git_dir.join(MADE));
        if changes.len() > MOST || !is_same() && !has_same_entries(&index, &made.index, &changes) {
            return Ok(None);
        }
        let top = &worktree.path;
        let Ok(Some(found)) = survey(top, &made.index, besides == Besides::Nothing, MOST) else { return Ok(None) };
        let entries = made.index.entries();
        let odd = || found.missing.iter().chain(&found.touched).filter_map(|at| entries.get(*at));
        let mut wanted: BTreeMap<&[u8], Side> =
            odd().map(|entry| (&**entry.path(&made.index), Some((entry.mode.bits(), entry.id)))).collect();
        wanted.extend(changes.iter().map(|(path, (_, new))| (path.as_slice(), *new)));
        let is_known = |path: &Vec<u8>| wanted.contains_key(path.as_slice());
        if besides == Besides::Nothing && !found.strange.iter().all(is_known) {
            return Ok(None);
        }
        let as_wanted = wanted.iter().all(|(path, side)| match side {
            Some((mode, id)) => is_blob(top, path, *mode, *id),
            None => !is_below(top, path) || fs::symlink_metadata(top.join(as_path(path))).is_err(),
        });
        Ok(as_wanted.then(|| others(&made.index, found)))
    }
}

/// The paths at which something else is, or nothing, than what was written.
pub(super) fn others(made: &gix::index::File, found: Survey) -> BTreeSet<Vec<u8>> {
    let entries = made.entries();
    let odd = found.missing.iter().chain(&found.touched).filter_map(|at| entries.get(*at));
    odd.map(|entry| entry.path(made).to_vec()).chain(found.strange).collect()
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
    let Ok(index) = gix::index::File::at(path, made.object_hash(), true, Default::default()) else { return false };
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

/// Whether a file or a link is, byte for byte, what an object says.
fn is_blob(top: &Path, path: &[u8], mode: u32, id: gix::ObjectId) -> bool {
    let file = top.join(as_path(path));
    let Some(meta) = fs::symlink_metadata(&file).ok().filter(|_| is_below(top, path)) else { return false };
    let bytes = match mode_of(mode) {
        Some(Mode::SYMLINK) if meta.is_symlink() => fs::read_link(&file).map(|to| to.as_os_str().as_bytes().to_vec()),
        Some(Mode::FILE) if meta.is_file() && meta.permissions().mode() & 0o100 == 0 => fs::read(&file),
        Some(Mode::FILE_EXECUTABLE) if meta.is_file() && meta.permissions().mode() & 0o100 != 0 => fs::read(&file),
        _ => return false,
    };
    let hash = |bytes: Vec<u8>| gix::objs::compute_hash(id.kind(), gix::objs::Kind::Blob, &bytes).ok();
    bytes.ok().and_then(hash) == Some(id)
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
