//! Cells whose objects could not be taken over: kept under another name, found again, and cleared when nothing in one is
//! nowhere else.
//!
//! What is asked of one is what is asked of any cell before it goes ([`Repo::release`]): the commits of its branches, its
//! stash and its `HEAD`, and what is staged in its index. All of it must be in the repository, the commits reachable from a
//! ref. A person who has looked at one can bring that about with `git fetch`.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::cell::Cell;
use super::error::{Error, Result};
use super::files::decoding;
use super::mend;
use super::release::{counts, read_packed, refs_in, small};
use super::repo::Repo;
use super::scratch;
use crate::ledger::Oid;

/// The end of its name, with a number behind it.
const MARK: &str = "+broken-";
/// Beside it: what `head` was, which no later process is to take for a cell's.
const WAS: &str = "was";
/// Beside it: why its objects could not be taken over.
const WHY: &str = "why";

/// A cell that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wreck {
    /// Where it is kept.
    pub path: PathBuf,
    /// The branch that was worked on in it, by its full name, where that was noted.
    pub branch: Option<String>,
    /// Why its objects could not be taken over, where that was noted.
    pub why: Option<String>,
    /// When it was set aside; `None` where the file system does not say.
    pub since: Option<SystemTime>,
    /// Where the commits end that are nowhere else, by the names of refs in it.
    pub unreached: Vec<(String, Oid)>,
    /// Whether something else in it is nowhere else: staged files, the repositories of submodules.
    pub holds_more: bool,
}

impl Wreck {
    /// Its Git directory, which can be looked at with `git --git-dir`.
    pub fn git_dir(&self) -> PathBuf {
        self.path.join("git")
    }

    /// Whether all that it holds is in the repository.
    pub fn is_spent(&self) -> bool {
        self.unreached.is_empty() && !self.holds_more
    }
}

impl Repo {
    /// Gives a cell whose objects cannot be taken over another name, so that nothing of it is lost, and the worktree its
    /// link and index back as they were; the new name. `why` is for whoever finds it.
    ///
    /// # Errors
    /// Where worktree or cell cannot be written.
    pub fn set_cell_aside(&self, at: &Path, cell: &Cell, why: &str) -> Result<PathBuf> {
        self.unlink_cell(at, cell)?;
        scratch::replace(&cell.beside(WHY), why.as_bytes())?;
        let kept = mend::aside(&cell.home, &cell.home)?;
        let (head, was) = (kept.join("head"), kept.join(WAS));
        fs::rename(&head, &was).map_err(Error::io("move", &head))?;
        Ok(kept)
    }

    /// The cells that were set aside, by name.
    ///
    /// # Errors
    /// Where they, or the refs, cannot be read.
    pub fn wrecks(&self) -> Result<Vec<Wreck>> {
        let base = self.common_dir().join("chant/cells");
        let entries = match fs::read_dir(&base) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("read", base)(error)),
        };
        let named = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().contains(MARK);
        let mut homes: Vec<PathBuf> = entries.flatten().filter(named).map(|entry| entry.path()).collect();
        // One that still has it was killed on the way, and is a cell as any other.
        homes.retain(|home| !home.join("head").exists());
        homes.sort();
        homes.into_iter().map(|home| self.wreck(home)).collect()
    }

    fn wreck(&self, path: PathBuf) -> Result<Wreck> {
        let was = fs::read_to_string(path.join(WAS)).unwrap_or_default();
        let branch = was.lines().nth(1).and_then(|head| head.strip_prefix("ref: ")).map(str::to_owned);
        let why = fs::read_to_string(path.join(WHY)).ok().filter(|why| !why.is_empty());
        let since = [WAS, "place"].iter().find_map(|name| fs::metadata(path.join(name)).ok()?.modified().ok());
        let mut wreck = Wreck { path, branch, why, since, unreached: Vec::new(), holds_more: false };
        let git = wreck.git_dir();
        let (before, now) = (read_packed(&wreck.path.join("refs")), refs_in(&git));
        let moved = |(name, tip): &(String, Oid)| counts(name) && before.get(name) != Some(tip);
        let mut tips: Vec<(String, Oid)> = now.into_iter().filter(moved).collect();
        let head = small(&git.join("HEAD")).and_then(|text| text.trim().parse().ok());
        tips.extend(head.map(|head| ("HEAD".to_owned(), head)));
        let refs: Vec<Oid> = self.refs("refs/")?.into_iter().map(|(_, tip)| tip).collect();
        for (name, tip) in tips {
            // One that is not here, or not whole, is kept by nobody.
            if !self.commits(&[tip], &refs).is_ok_and(|alone| alone.is_empty()) {
                wreck.unreached.push((name, tip));
            }
        }
        wreck.holds_more = git.join("modules").exists() || self.stages_what_is_nowhere(&git);
        Ok(wreck)
    }

    /// Whether an index names contents that are not in the repository; one that cannot be read may.
    fn stages_what_is_nowhere(&self, git: &Path) -> bool {
        let index = git.join("index");
        if index.symlink_metadata().is_err() {
            return false;
        }
        match gix::index::File::at(&index, self.gix().object_hash(), true, decoding(&index)) {
            Ok(index) => !self.nowhere(&index, &HashSet::new()).is_empty(),
            Err(_) => true,
        }
    }

    /// Deletes a cell that was set aside, where all that it held is in the repository by now; whether it was.
    ///
    /// # Errors
    /// Where it cannot be read or deleted.
    pub fn clear_wreck(&self, wreck: &Wreck) -> Result<bool> {
        // As it is now, whenever the caller looked.
        let now = self.wreck(wreck.path.clone())?;
        if now.is_spent() {
            scratch::delete(&now.path)?;
        }
        Ok(now.is_spent())
    }
}
