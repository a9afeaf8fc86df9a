//! Bringing a checkout of the target to a landing, before the branch moves, as a fast-forward by `git merge` would.
//!
//! The order is what makes it safe. Under `index.lock` everything is looked at first, on a copy of the index; if a single
//! path that the landing writes holds anything of the user's, the copy is thrown away and nothing was touched. Otherwise
//! what is going to happen is written into the lock file, Git (`read-tree -m -u`, which checks once more) writes the
//! files and the copy, and the copy is renamed over the index. A kill in between leaves a lock that tells the next
//! process of ours what to take back ([`super::settle`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::cell::copy_plain;
use super::diff::tree_changes;
use super::error::{Error, Result};
use super::exe::Git;
use super::fence::Fenced;
use super::index_lock::{Begun, IndexLock, Locking};
use super::leftovers::text;
use super::object::tree_of;
use super::occupied::operation;
use super::repo::Repo;
use super::scratch::Scratch;
use super::worktree::{Worktree, as_path};
use crate::ledger::Oid;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Follow {
    /// Index and files are at the landing.
    Followed,
    /// Nothing was touched.
    Refused {
        /// Why, for people.
        reason: String,
        /// The paths it is about; none where it is about the whole checkout.
        paths: Vec<String>,
    },
}

/// One side of a changed path, as `update-index --index-info` takes it: mode and object.
pub(super) type Side = Option<(u32, gix::ObjectId)>;

/// Mode of a submodule's entry.
const GITLINK: u32 = 0o160_000;

/// What the landing does to files: old and new side of each path.
pub(super) type Changes = BTreeMap<Vec<u8>, (Side, Side)>;

impl Repo {
    /// Brings index and files of a worktree, which has `from` checked out, to `to`. The ref is the caller's to move,
    /// afterwards. Only the paths that differ between the two commits count: each must be as `from` has it, or already
    /// as `to` has it. Where the ref then cannot be moved, the same call with the commits exchanged takes it back.
    ///
    /// # Errors
    /// Where Git cannot read or write what it must; files are then as they were.
    pub fn follow(&self, worktree: &Path, from: Oid, to: Oid) -> Result<Follow> {
        let worktree = self.worktree(worktree)?;
        if !worktree.exists {
            // Its directory was deleted: there are no files to follow. A lock says that it will come back.
            return Ok(match &worktree.locked {
                Some(_) => refused("it is locked, and its directory is not there", []),
                None => Follow::Followed,
            });
        }
        crate::env::failpoint("follow.before");
        let lock = match self.lock_index(&worktree.git_dir)? {
            Locking::Busy => return Ok(refused("another git process is at work there (index.lock)", [])),
            Locking::Ours(lock, begun) => {
                self.settle_begun(&worktree, &lock, begun)?;
                lock
            }
        };
        // Looked for under the lock, which the beginning of every operation needs too.
        if let Some(operation) = operation(&worktree.git_dir) {
            return Ok(refused(format!("a {operation} is under way there"), []));
        }
        let changes = self.file_changes(from, to)?;
        if changes.is_empty() {
            return Ok(Follow::Followed);
        }
        let fence = self.fence(&worktree)?;
        let mut trial = Trial { scratch: Scratch::new(self.common_dir())?, changes, staged: BTreeSet::new(), fence };
        let already = match self.examine(&worktree, &mut trial, from)? {
            Ok(already) => already,
            Err(refusal) => return Ok(refusal),
        };
        let outcome = self.carry_out(&worktree, &lock, &trial, &Begun { from, to, already })?;
        drop(lock);
        crate::env::failpoint("follow.after");
        Ok(outcome)
    }

    /// Writes the files, then the index.
    fn carry_out(&self, place: &Worktree, lock: &IndexLock, trial: &Trial, begun: &Begun) -> Result<Follow> {
        let git = |args: &[&str]| trial.git(self, place, args);
        let already = trial.side(self, begun.already.iter());
        if !begun.already.is_empty() {
            git(&["update-index", "--add", "--replace", "-z", "--index-info"]).stdin(already).check()?;
        }
        let from = self.starting_tree(place, trial, begun)?;
        lock.note(begun)?;
        crate::env::failpoint("follow.noted");
        let read_tree = git(&["read-tree", "-m", "-u", &from, &begun.to.to_string()]).holding(lock.file());
        // A merge leaves submodules' own files alone; an index in two parts would leave one of them behind.
        let done = read_tree.config("submodule.recurse", "false").config("core.splitIndex", "false").run()?;
        if !done.success() {
            self.take_back(place, begun).inspect_err(|_| lock.leave())?;
            let complaint = done.complaint();
            let named = quoted(&complaint);
            let paths = named.iter().filter(|path| trial.changes.contains_key(*path));
            let complaint = complaint.trim_start_matches("error: ").trim_end();
            return Ok(refused(format!("Git will not bring its files along (\"{complaint}\")"), paths));
        }
        crate::env::failpoint("follow.files");
        if !begun.already.is_empty() {
            git(&["update-index", "-q", "--refresh"]).run()?;
        }
        let index = place.git_dir.join("index");
        if let Err(error) = fs::rename(trial.index(), &index) {
            self.take_back(place, begun).inspect_err(|_| lock.leave())?;
            return Err(Error::io("write", index)(error));
        }
        crate::env::failpoint("follow.index");
        Ok(Follow::Followed)
    }

    /// The tree from which Git is to go: that of `from`, with the paths that are there already as they are there. It
    /// would otherwise stumble over files that stand where it is sure that a directory was.
    fn starting_tree(&self, place: &Worktree, trial: &Trial, begun: &Begun) -> Result<String> {
        let there = || begun.already.iter().chain(&trial.staged);
        if there().next().is_none() {
            return Ok(begun.from.to_string());
        }
        let scratch = Scratch::new(self.common_dir())?;
        let git = |args: &[&str]| self.git_at(place, args.iter().copied()).env("GIT_INDEX_FILE", scratch.path("index"));
        git(&["read-tree", &begun.from.to_string()]).check()?;
        let info = trial.side(self, there());
        git(&["update-index", "--add", "--replace", "-z", "--index-info"]).stdin(info).check()?;
        Ok(git(&["write-tree"]).check()?.text())
    }

    /// Looks at every path of the landing, on a copy of the index in `trial`. The paths that are already what they shall
    /// be in the files, but not in the index; or why not.
    fn examine(&self, worktree: &Worktree, trial: &mut Trial, from: Oid) -> Result<Examined> {
        let real = worktree.git_dir.join("index");
        // With its own time: a file that was written in the same tick of the clock is looked into only because of it.
        if !copy_plain(&real, &trial.index())? {
            return Ok(Err(refused("it has no index, and so no files that could follow", [])));
        }
        let git = |args: &[&str]| trial.git(self, worktree, args);
        git(&["update-index", "-q", "--refresh"]).run()?;
        let staged = git(&["diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", &from.to_string()]);
        let staged = raw_changes(&staged.check()?.stdout);
        let unmerged: Vec<_> = staged.iter().filter(|(_, change)| change.unmerged).map(|(path, _)| path).collect();
        if !unmerged.is_empty() {
            return Ok(Err(refused("conflicts are not resolved there", unmerged)));
        }
        let edited = git(&["diff-files", "--raw", "-z", "--no-renames", "--no-abbrev", "--ignore-submodules=all"]);
        let edited = raw_changes(&edited.check()?.stdout);
        let mut sorted = Sorted::default();
        for path in trial.changes.keys() {
            sorted.place(worktree, &trial.changes, path, staged.get(path), edited.contains_key(path));
        }
        let as_wanted = self.matching(worktree, &sorted.doubtful)?;
        let (mut edits, mut obstacles) = (sorted.edits, sorted.obstacles);
        for (path, wanted) in &sorted.doubtful {
            if !as_wanted.contains(path) {
                let tracked = wanted.is_none() || trial.changes.get(path).is_some_and(|(old, _)| old.is_some());
                if tracked { &mut edits } else { &mut obstacles }.insert(path.clone());
            }
        }
        let reason = match (edits.is_empty(), obstacles.is_empty()) {
            (true, true) => {
                trial.staged = sorted.staged;
                return Ok(Ok(as_wanted));
            }
            (false, true) => "there are local changes in files that it writes",
            (true, false) => "untracked files are where it writes",
            (false, false) => "there are local changes and untracked files where it writes",
        };
        Ok(Err(refused(reason, edits.iter().chain(&obstacles))))
    }

    /// What the index of a checkout has otherwise than `from`, path by path.
    pub(super) fn staged_changes(&self, worktree: &Worktree, from: Oid) -> Result<BTreeMap<Vec<u8>, Side>> {
        let from = from.to_string();
        let args = ["diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", &from];
        let staged = raw_changes(&self.git_at(worktree, args).check()?.stdout);
        Ok(staged.into_iter().map(|(path, raw)| (path, raw.new)).collect())
    }

    /// What differs between two commits, file by file.
    pub(super) fn file_changes(&self, from: Oid, to: Oid) -> Result<Changes> {
        let gix = self.gix();
        let (from, to) = (tree_of(&gix, from)?, tree_of(&gix, to)?);
        let mut changes = Changes::new();
        for change in tree_changes(&gix, from, to)? {
            let file = |side: Option<(gix::ObjectId, gix::objs::tree::EntryMode)>| {
                side.filter(|(_, mode)| !mode.is_tree()).map(|(id, mode)| (u32::from(mode.value()), id))
            };
            let (old, new) = (file(change.old), file(change.new));
            if old.is_some() || new.is_some() {
                let entry = changes.entry(change.path.to_vec()).or_default();
                *entry = (entry.0.or(old), entry.1.or(new));
            }
        }
        Ok(changes)
    }

    /// Those of the paths that are on disk what is wanted there, as Git sees it after its filters.
    pub(super) fn matching(&self, worktree: &Worktree, wanted: &BTreeMap<Vec<u8>, Side>) -> Result<BTreeSet<Vec<u8>>> {
        if wanted.is_empty() {
            return Ok(BTreeSet::new());
        }
        let (trial, fence) = (Scratch::new(self.common_dir())?, self.fence(worktree)?);
        let git = |args: &[&str]| {
            let git = self.git_at(worktree, args.iter().copied()).env("GIT_INDEX_FILE", trial.path("index"));
            git.fenced(fence.as_ref())
        };
        let present = wanted.iter().filter(|(_, side)| side.is_some());
        let info = index_info(self.gix().object_hash(), present.map(|(path, side)| (path, *side)));
        git(&["update-index", "--add", "-z", "--index-info"]).stdin(info).check()?;
        git(&["update-index", "-q", "--refresh"]).run()?;
        let differing = git(&["diff-files", "--name-only", "-z", "--no-renames", "--ignore-submodules=all"]).check()?;
        let differing: BTreeSet<&[u8]> = differing.records().collect();
        let matches = |path: &Vec<u8>, side: &Side| match side {
            Some(_) => !differing.contains(path.as_slice()),
            None => !is_there(&on_disk(worktree, path)),
        };
        Ok(wanted.iter().filter(|(path, side)| matches(path, side)).map(|(path, _)| path.clone()).collect())
    }
}

/// The paths that are already what they shall be in the files, but not in the index; or why nothing can be done.
type Examined = std::result::Result<BTreeSet<Vec<u8>>, Follow>;

/// A landing being tried on a copy of the index.
struct Trial {
    scratch: Scratch,
    changes: Changes,
    /// The paths that are already what they shall be in the index.
    staged: BTreeSet<Vec<u8>>,
    /// What is around the filters by which files are read and written.
    fence: Option<Fenced>,
}

impl Trial {
    fn index(&self) -> PathBuf {
        self.scratch.path("index")
    }

    /// A git command that works on the copy.
    fn git(&self, repo: &Repo, worktree: &Worktree, args: &[&str]) -> Git {
        let git = repo.git_at(worktree, args.iter().copied()).env("GIT_INDEX_FILE", self.index());
        git.fenced(self.fence.as_ref())
    }

    /// What the landing makes of `paths`, for `update-index`.
    fn side<'a>(&self, repo: &Repo, paths: impl Iterator<Item = &'a Vec<u8>>) -> Vec<u8> {
        let entries = paths.filter_map(|path| Some((path, self.changes.get(path)?.1)));
        index_info(repo.gix().object_hash(), entries)
    }
}

/// The paths of a landing, by what is to be thought of them.
#[derive(Default)]
struct Sorted {
    /// Staged as they shall be.
    staged: BTreeSet<Vec<u8>>,
    /// Of no use unless the files hold what is wanted.
    doubtful: BTreeMap<Vec<u8>, Side>,
    /// The user has changed them.
    edits: BTreeSet<Vec<u8>>,
    /// Something untracked is there, or above.
    obstacles: BTreeSet<Vec<u8>>,
}

impl Sorted {
    fn place(&mut self, worktree: &Worktree, changes: &Changes, path: &[u8], staged: Option<&Raw>, edited: bool) {
        let path_buf = || path.to_vec();
        let Some((old, new)) = changes.get(path).copied() else { return };
        let index = staged.map_or(old, |change| change.new);
        if index == new {
            // The file must not say otherwise.
            if edited { &mut self.edits } else { &mut self.staged }.insert(path_buf());
        } else if index != old {
            self.edits.insert(path_buf());
        } else if let (Some((GITLINK, _)), Some((GITLINK, _))) = (old, new) {
            // Only the index is written; which commit the submodule has checked out is its own affair.
        } else if old.is_some() {
            if edited {
                self.doubtful.insert(path_buf(), new);
            }
        } else if blocked_above(worktree, changes, path) {
            self.obstacles.insert(path_buf());
        } else if let Ok(meta) = fs::symlink_metadata(on_disk(worktree, path)) {
            let is_dir = meta.is_dir();
            let gitlink = matches!(new, Some((GITLINK, _)));
            if is_dir && only_leaving(worktree, changes, path) {
                // A directory of tracked files that all go, or an empty one.
            } else if is_dir && !gitlink {
                self.obstacles.insert(path_buf());
            } else {
                self.doubtful.insert(path_buf(), new);
            }
        }
    }
}

/// Whether a directory on the way to `path` is something else, and not a tracked file that goes.
fn blocked_above(worktree: &Worktree, changes: &Changes, path: &[u8]) -> bool {
    let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    for end in ends {
        let above = &path[..end];
        match fs::symlink_metadata(on_disk(worktree, above)) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => return !leaves(changes, above),
            Err(_) => return false,
        }
    }
    false
}

/// Whether all there is in a directory are files that the landing deletes.
fn only_leaving(worktree: &Worktree, changes: &Changes, path: &[u8]) -> bool {
    let Ok(entries) = fs::read_dir(on_disk(worktree, path)) else { return false };
    entries.flatten().all(|entry| {
        let name = [path, b"/", entry.file_name().as_encoded_bytes()].concat();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => only_leaving(worktree, changes, &name),
            _ => leaves(changes, &name),
        }
    })
}

fn leaves(changes: &Changes, path: &[u8]) -> bool {
    matches!(changes.get(path), Some((Some(_), None)))
}

pub(super) fn on_disk(worktree: &Worktree, path: &[u8]) -> PathBuf {
    worktree.path.join(as_path(path))
}

pub(super) fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn refused<'a>(reason: impl Into<String>, paths: impl IntoIterator<Item = &'a Vec<u8>>) -> Follow {
    let paths = paths.into_iter().map(|path| text(path)).collect();
    Follow::Refused { reason: reason.into(), paths }
}

/// The paths that Git names in a refusal: one in quotes on a line, or lines that are indented.
fn quoted(complaint: &str) -> Vec<Vec<u8>> {
    let quoted = |line: &str| Some(line.split_once('\'')?.1.rsplit_once('\'')?.0.as_bytes().to_vec());
    let path = |line: &str| quoted(line).or_else(|| line.strip_prefix('\t').map(|path| path.as_bytes().to_vec()));
    complaint.lines().filter_map(path).collect()
}

/// Entries for `update-index -z --index-info`; a mode of 0 takes one out.
pub(super) fn index_info<'a>(hash: gix::hash::Kind, entries: impl Iterator<Item = (&'a Vec<u8>, Side)>) -> Vec<u8> {
    let mut info = Vec::new();
    for (path, side) in entries {
        match side {
            Some((mode, id)) => info.extend_from_slice(format!("{mode:o} {id}\t").as_bytes()),
            None => info.extend_from_slice(format!("0 {}\t", hash.null()).as_bytes()),
        }
        info.extend_from_slice(path);
        info.push(0);
    }
    info
}

/// A line of `--raw -z`.
struct Raw {
    new: Side,
    unmerged: bool,
}

/// Reads `:<old mode> <new mode> <old id> <new id> <status>\0<path>\0…`.
fn raw_changes(bytes: &[u8]) -> BTreeMap<Vec<u8>, Raw> {
    let mut fields = bytes.split(|byte| *byte == 0);
    let mut found = BTreeMap::new();
    while let (Some(head), Some(path)) = (fields.next(), fields.next()) {
        let head = String::from_utf8_lossy(head);
        let words: Vec<&str> = head.trim_start_matches(':').split(' ').collect();
        let [_, mode, _, id, status] = words[..] else { continue };
        let mode = u32::from_str_radix(mode, 8).unwrap_or(0);
        let id = gix::ObjectId::from_hex(id.as_bytes()).ok();
        let new = id.filter(|_| mode != 0).map(|id| (mode, id));
        found.insert(path.to_vec(), Raw { new, unmerged: status.starts_with('U') });
    }
    found
}
