//! Taking over what was done in a [cell](super::cell), and giving its worktree the repository back.
//!
//! Nothing in a cell is believed. Its refs are read as text, its objects by Git itself and with the repository's
//! configuration, and they come in as a push would: as a pack of what the start does not have, checked object by object
//! (`--strict`) before one of them is in the repository. No ref moves here: where the branch goes is the caller's to say.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use gix::index::entry::Mode;
use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use super::cell::{Cell, carry_index, is_linked_to, link_to};
use super::convert::from_gix;
use super::error::{Error, Result};
use super::files::decoding;
use super::occupied;
use super::pipes;
use super::repo::Repo;
use super::scratch;
use super::worktree::Worktree;
use crate::env::failpoint;
use crate::ledger::Oid;

/// So many objects are unpacked; more come in as a pack, as `fetch.unpackLimit` has it.
const FEW: u32 = 100;
/// So many refs that programs made beside the branch are kept.
const OTHERS: usize = 20;
/// How deep refs may lie.
const DEPTH: usize = 12;

/// What was found in a cell, its objects taken over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Released {
    /// The branch that was checked out when the cell was made, by its full name; `None` where there was none.
    pub branch: Option<String>,
    /// Where it was then.
    pub from: Option<Oid>,
    /// Where it was left; `None` where it was deleted.
    pub tip: Option<Oid>,
    /// Whether it was still checked out.
    pub on_branch: bool,
    /// The operation that was left unfinished.
    pub operation: Option<&'static str>,
    /// Other branches, a stash and a detached `HEAD` that were made or moved, by name.
    pub others: Vec<(String, Oid)>,
    /// Why objects could not be taken over: then nothing of the above can be used.
    pub broken: Option<String>,
}

/// Why commits are not taken over: of a directory of objects, the commit at which they begin, and their tips.
pub type Refuse<'r> = dyn Fn(&Path, Oid, &[Oid]) -> Result<Option<String>> + 'r;

impl Repo {
    /// Reads a cell and takes over the objects that it has and the repository has not; none where `refuse` says why not, of
    /// the cell's objects, the commit at which it began and the tips that are new. May be done again after a kill.
    ///
    /// # Errors
    /// Where the repository cannot be written; what is wrong with the cell is no error.
    pub fn take_over(&self, cell: &Cell, refuse: &Refuse<'_>) -> Result<Released> {
        pipes::clear(&cell.beside(""));
        let head = fs::read_to_string(cell.beside("head")).map_err(Error::io("read", cell.beside("head")))?;
        let (from, head) = head.split_once('\n').unwrap_or((&head, ""));
        let from: Option<Oid> = from.parse().ok();
        let branch = head.trim().strip_prefix("ref: ").map(str::to_owned);
        let git = cell.git_dir();
        let (before, now) = (read_packed(&cell.beside("refs")), refs_in(&git));
        let mut released = Released { from, operation: occupied::operation(&git), ..Released::default() };
        let head = small(&git.join("HEAD")).unwrap_or_default();
        let head = head.trim();
        released.on_branch = head.strip_prefix("ref:").map(str::trim) == branch.as_deref() && branch.is_some();
        released.tip = branch.as_ref().and_then(|branch| now.get(branch).copied());
        released.others = now
            .iter()
            .filter(|(name, tip)| counts(name) && branch.as_ref() != Some(name) && before.get(*name) != Some(tip))
            .map(|(name, tip)| (name.clone(), *tip))
            .take(OTHERS)
            .collect();
        if let Ok(detached) = head.parse::<Oid>() {
            released.others.push(("HEAD".to_owned(), detached));
        }
        released.branch = branch;
        let tips = released.tip.into_iter().chain(released.others.iter().map(|(_, tip)| *tip));
        let new: Vec<Oid> = tips.filter(|tip| Some(*tip) != from).collect();
        if let (Some(from), false) = (from, new.is_empty()) {
            released.broken = match refuse(&cell.git_dir().join("objects"), from, &new)? {
                Some(why) => Some(why),
                None => self.bring_in(cell, Some(from), &new)?,
            };
        }
        self.bring_large_files(&git)?;
        failpoint("cell.taken");
        Ok(released)
    }

    /// Gives a worktree its index and its link to the repository back, and takes the cell away. The branch must have
    /// been moved by then: this cannot be done again.
    ///
    /// # Errors
    /// Where worktree or cell cannot be written.
    pub fn release(&self, at: &Path, cell: &Cell) -> Result<()> {
        pipes::clear(&cell.beside(""));
        if let Some(worktree) = self.find_worktree(at)? {
            // What is staged and in no commit comes along; an index that cannot have it stays behind.
            let staged = self.staged_anew(&worktree, cell);
            if staged.is_empty() || self.bring_in(cell, None, &staged)?.is_none() {
                carry_index(&cell.git_dir(), &worktree.git_dir)?;
            }
            self.unlink_cell(at, cell)?;
        }
        failpoint("cell.released");
        self.drain(cell)
    }

    /// Takes back what was done in a worktree's cell, but for the files; what a checkout for proofs needs.
    ///
    /// # Errors
    /// Where worktree or cell cannot be written.
    pub fn dismiss(&self, at: &Path, cell: &Cell) -> Result<()> {
        self.unlink_cell(at, cell)?;
        self.drain(cell)
    }

    /// A link that programs have changed is left as it is: [`Repo::mend_worktree`] finds it.
    pub(super) fn unlink_cell(&self, at: &Path, cell: &Cell) -> Result<()> {
        match self.find_worktree(at)? {
            Some(worktree) if is_linked_to(&worktree, cell) => link_to(&worktree, &worktree.git_dir),
            _ => Ok(()),
        }
    }

    /// Takes a cell away, but for the repositories of submodules, to which their `.git` files lead.
    fn drain(&self, cell: &Cell) -> Result<()> {
        let modules = cell.git_dir().join("modules");
        if !modules.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
            return self.discard_cell(cell);
        }
        scratch::delete(&cell.beside("head"))
    }

    /// The contents that a cell's index names, and that neither the repository nor the worktree's index as it was knows.
    /// None for one that cannot be read: what is to be done about that is for whoever mends the worktree.
    fn staged_anew(&self, worktree: &Worktree, cell: &Cell) -> Vec<Oid> {
        let gix = self.gix();
        let read = |dir: &Path| {
            let path = dir.join("index");
            gix::index::File::at(&path, gix.object_hash(), true, decoding(&path)).ok()
        };
        let Some(now) = read(&cell.git_dir()) else { return Vec::new() };
        let before = read(&worktree.git_dir);
        let known: HashSet<gix::ObjectId> =
            before.iter().flat_map(|index| index.entries()).map(|entry| entry.id).collect();
        self.nowhere(&now, &known).into_iter().map(from_gix).collect()
    }

    /// The contents that an index names, and that are neither `known` nor in the repository.
    pub(super) fn nowhere(&self, index: &gix::index::State, known: &HashSet<gix::ObjectId>) -> HashSet<gix::ObjectId> {
        let gix = self.gix();
        let files = index.entries().iter().filter(|entry| entry.mode != Mode::COMMIT).map(|entry| entry.id);
        // An empty file need not be anywhere for Git to know it.
        let real = files.filter(|id| !known.contains(id) && !id.is_null() && !id.is_empty_blob());
        real.filter(|id| !gix.has_object(*id)).collect()
    }

    /// What is reachable from `new` and not from `from`, into the repository; why not, where that cannot be.
    fn bring_in(&self, cell: &Cell, from: Option<Oid>, new: &[Oid]) -> Result<Option<String>> {
        self.bring_objects(&cell.git_dir().join("objects"), &cell.beside("incoming"), from, new)
    }

    /// The same from a directory of objects, by way of the file `path`.
    pub(super) fn bring_objects(
        &self,
        from_objects: &Path,
        path: &Path,
        from: Option<Oid>,
        new: &[Oid],
    ) -> Result<Option<String>> {
        scratch::delete(path)?;
        let file = File::create_new(path).map_err(Error::io("write", path))?;
        let mut revs: String = new.iter().map(|tip| format!("{tip}\n")).collect();
        revs.extend(from.map(|from| format!("^{from}\n")));
        // The repository's configuration, not the cell's: only objects are read there.
        let objects = self.common_dir().join("objects");
        let pack =
            self.git(self.common_dir(), &["pack-objects", "--revs", "--thin", "--delta-base-offset", "--stdout", "-q"]);
        let pack = pack.env("GIT_DIR", self.common_dir()).env("GIT_OBJECT_DIRECTORY", from_objects);
        let packed = pack.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", objects).stdin(revs).into_file(file).run()?;
        if !packed.success() {
            return Ok(Some(packed.complaint()));
        }
        let pack = Arc::new(File::open(path).map_err(Error::io("read", path))?);
        let args: &[&str] = match objects_in(path)? {
            0..=FEW => &["unpack-objects", "-q", "--strict"],
            _ => &["index-pack", "--stdin", "--strict", "--fix-thin"],
        };
        let taken = self.git(self.common_dir(), args).env("GIT_DIR", self.common_dir()).holding(pack).run()?;
        scratch::delete(path)?;
        if taken.success() {
            return Ok(None);
        }
        let complaint = taken.complaint();
        let place = self.place_of(&complaint, from_objects, from, new)?;
        Ok(Some(place.map_or(complaint.clone(), |place| format!("{complaint} ({place})"))))
    }

    /// What the first object that a complaint of Git's names is in the commits that were to come in, where that can be told:
    /// a commit, or a file or directory of one.
    fn place_of(&self, complaint: &str, from_objects: &Path, from: Option<Oid>, new: &[Oid]) -> Result<Option<String>> {
        let Some(object) = first_object(complaint) else { return Ok(None) };
        let ask = |args: &[&str]| {
            let git = self.git(self.common_dir(), args).env("GIT_DIR", self.common_dir());
            git.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", from_objects).env("GIT_NO_LAZY_FETCH", "1")
        };
        let name = object.to_string();
        if ask(&["cat-file", "-t", &name]).run()?.text().trim() == "commit" {
            return Ok(Some(format!("it is commit {}", object.short())));
        }
        let log = ["log", "-m", "-t", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", "--no-show-signature", "-n1"];
        let log = ask(&log).args(["--format=%h", "--find-object", &name]);
        let log = log.args(new.iter().map(ToString::to_string)).args(from.map(|from| format!("^{from}")));
        let text = log.run()?.text();
        // `<commit>\0:<modes> <old> <new> <what>\0<path>\0…`
        let mut parts = text.split('\0');
        let commit = parts.next().unwrap_or_default().trim();
        let commit = commit.parse::<Oid>().map_or_else(|_| commit.to_owned(), |oid| oid.short());
        let mut meta = None;
        for part in parts {
            match (part.trim_start().starts_with(':'), meta) {
                (true, _) => meta = Some(part),
                (false, Some(there)) if there.split(' ').nth(3) == Some(&name) => {
                    return Ok(Some(format!("it is {part} in commit {commit}")));
                }
                (false, _) => meta = None,
            }
        }
        Ok(None)
    }

    /// What Git LFS has stored in the cell: files named by their own content, which is looked at.
    fn bring_large_files(&self, git: &Path) -> Result<()> {
        let from = git.join("lfs/objects");
        for one in plain_dirs(&from) {
            for two in plain_dirs(&one) {
                for file in fs::read_dir(&two).into_iter().flatten().flatten() {
                    let name = file.file_name().to_string_lossy().into_owned();
                    if !file.file_type().is_ok_and(|kind| kind.is_file())
                        || digest(&file.path()).as_deref() != Some(&name)
                    {
                        continue;
                    }
                    let (Some(a), Some(b)) = (name.get(..2), name.get(2..4)) else { continue };
                    let dir = self.common_dir().join("lfs/objects").join(a).join(b);
                    fs::create_dir_all(&dir).map_err(Error::io("make", &dir))?;
                    let to = dir.join(&name);
                    if !to.exists() {
                        fs::rename(file.path(), &to).map_err(Error::io("move", &to))?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The first name of an object in a text.
fn first_object(text: &str) -> Option<Oid> {
    let words = text.split(|c: char| !c.is_ascii_hexdigit());
    words.filter(|word| [40, 64].contains(&word.len())).find_map(|word| word.parse().ok())
}

fn digest(path: &Path) -> Option<String> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path).ok()?;
    let mut buffer = vec![0u8; 1 << 16];
    loop {
        match file.read(&mut buffer).ok()? {
            0 => break,
            n => hasher.update(&buffer[..n]),
        }
    }
    Some(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The directories in one, links left out.
fn plain_dirs(dir: &Path) -> Vec<std::path::PathBuf> {
    if !dir.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        return Vec::new();
    }
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

/// How many objects a pack says that it has.
fn objects_in(pack: &Path) -> Result<u32> {
    let mut header = [0u8; 12];
    let mut file = File::open(pack).map_err(Error::io("read", pack))?;
    file.read_exact(&mut header).map_err(Error::io("read", pack))?;
    let [.., a, b, c, d] = header;
    Ok(u32::from_be_bytes([a, b, c, d]))
}

/// A small file that is one, as text.
pub(super) fn small(path: &Path) -> Option<String> {
    let mut text = String::new();
    scratch::open_file(path, OFlags::NOFOLLOW)?.take(4096).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Whether what a ref of a cell leads to is work that must not be lost: tags, notes and the like are gone with the cell.
pub(super) fn counts(name: &str) -> bool {
    name.starts_with("refs/heads/") || name == "refs/stash"
}

/// The refs of a Git directory as it stands, packed and loose; what is no ref is passed over.
pub(super) fn refs_in(git: &Path) -> BTreeMap<String, Oid> {
    let mut refs = read_packed(&git.join("packed-refs"));
    let mut open = vec![(git.join("refs"), "refs".to_owned(), 0)];
    while let Some((dir, name, depth)) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let Some(last) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let name = format!("{name}/{last}");
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < DEPTH => open.push((entry.path(), name, depth + 1)),
                Ok(kind) if kind.is_file() => {
                    let tip = small(&entry.path()).and_then(|text| text.trim().parse::<Oid>().ok());
                    refs.extend(tip.map(|tip| (name, tip)));
                }
                _ => {}
            }
        }
    }
    refs
}

pub(super) fn read_packed(path: &Path) -> BTreeMap<String, Oid> {
    let is_file = path.symlink_metadata().is_ok_and(|meta| meta.is_file());
    let text = if is_file { fs::read_to_string(path).unwrap_or_default() } else { String::new() };
    let lines = text.lines().filter(|line| !line.starts_with(['#', '^']));
    lines
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(tip, name)| Some((name.to_owned(), tip.parse().ok()?)))
        .collect()
}
