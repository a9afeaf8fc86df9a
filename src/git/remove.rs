//! Taking a worktree away, and only what is reachable elsewhere with it.
//!
//! It is renamed into the trash, which is quick and whole or not at all, and deleted later. A directory on another file
//! system cannot be renamed there; it gets another name beside itself, and the trash remembers it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::{Error, Result};
use super::leftovers::Leftovers;
use super::occupied;
use super::recycle;
use super::repo::{Head, Repo};
use super::scratch::{self, Scratch};
use super::untouched::Besides;
use super::worktree::{MAKING, Worktree, read_line, read_path, real};
use crate::ledger::Oid;

/// The largest amount of ignored data that a rescue copies into the repository: 64 MiB.
const RESCUED: u64 = 64 << 20;

/// How the neighbour of a worktree on another file system is called until it is deleted.
const BESIDE: &str = ".chant-trash-";

/// What became of a worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// It is gone, or was not there; nothing of it was nowhere else.
    Gone,
    /// It is gone, and what was nowhere else is on a ref.
    Rescued {
        /// The ref's full name.
        name: String,
        /// What it points to.
        commit: Oid,
    },
    /// It is untouched.
    Kept {
        /// What would have been lost, for people.
        reason: String,
    },
}

/// What is in a worktree that is thrown away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holds {
    /// Nothing but the files of its commit: it was looked at. Where it is known, the paths at which that is not what was there
    /// when the worktree was made.
    Commit(Option<BTreeSet<Vec<u8>>>),
    /// Whatever programs left there.
    Anything,
}

/// Where to go from a directory that was thrown away with a worktree, and not deleted yet; `None` for any other one.
pub fn out_of_trash(dir: &Path) -> Option<&Path> {
    let in_trash = |dir: &&Path| dir.ends_with("chant/trash");
    let above = dir.ancestors().filter(in_trash).filter_map(|trash| trash.parent()?.parent());
    if let Some(git_dir) = above.into_iter().find(|git_dir| git_dir.join("HEAD").is_file()) {
        let top = git_dir.parent().filter(|_| git_dir.file_name().is_some_and(|name| name == ".git"));
        return Some(top.unwrap_or(git_dir));
    }
    let beside = |dir: &&Path| dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with(BESIDE));
    dir.ancestors().find(beside).and_then(Path::parent)
}

impl Repo {
    /// Takes a linked worktree away with everything in it: only for checkouts in which nobody works.
    ///
    /// # Errors
    /// Where it cannot be renamed into the trash.
    pub fn discard_worktree(&self, at: &Path) -> Result<()> {
        match self.find_worktree(at)? {
            Some(worktree) if !worktree.main => self.throw_away(&worktree, Holds::Anything),
            _ => Ok(()),
        }
    }

    /// Takes a linked worktree away, if everything in it is reachable elsewhere: no changed, untracked or ignored file,
    /// no operation under way, a commit that some ref holds. Otherwise it is kept, unless `rescue` names a ref, which
    /// must not exist: then the files are first committed there ([`Repo::snapshot`]), ignored ones up to 64 MiB. To a name
    /// that ends in `-` the commit's short name is added.
    /// The files are deleted by [`Repo::sweep_trash`].
    ///
    /// # Errors
    /// Where Git cannot read the worktree, or something cannot be renamed.
    pub fn remove_worktree(&self, at: &Path, rescue: Option<&str>) -> Result<Removed> {
        let Some(worktree) = self.find_worktree(at)? else {
            return Ok(if at.symlink_metadata().is_ok() {
                kept("it is no worktree of this repository")
            } else {
                Removed::Gone
            });
        };
        if let Some(reason) = self.protected(&worktree)? {
            return Ok(kept(reason));
        }
        let others = self.untouched(&worktree, Besides::Nothing)?;
        let found = if others.is_some() { Leftovers::default() } else { self.looked_through(&worktree)? };
        let loose = self.loose_commit(&worktree)?;
        if found.is_empty() && loose.is_none() {
            self.throw_away(&worktree, Holds::Commit(others))?;
            return Ok(Removed::Gone);
        }
        let Some(name) = rescue else { return Ok(kept(describe(&found, loose))) };
        if !found.nested.is_empty() || found.ignored_bytes > RESCUED {
            return Ok(kept(describe(&found, None)));
        }
        if let Some(name) = self.changed_submodule(&worktree, &found)? {
            return Ok(kept(format!("its submodule `{name}` has changed files")));
        }
        let message = format!("Safety copy of {}\n", worktree.path.display());
        let saved = self.rescue_commit(&worktree, &found, &message)?.or(loose);
        let outcome = match saved {
            Some(commit) => self.keep_at(name, commit)?,
            None => Removed::Gone,
        };
        self.throw_away(&worktree, Holds::Anything)?;
        Ok(outcome)
    }

    /// Deletes what was thrown away, but for a few worktrees that the next one can be made of ([`super::recycle`]), of which
    /// only files stay that the engine wrote itself; finishes removals whose process was killed, and clears what dead
    /// processes left in `chant/tmp`. Whatever a living process is at work on is left alone. Returns how many worktrees were deleted.
    ///
    /// # Errors
    /// Where something cannot be deleted.
    pub fn sweep_trash(&self) -> Result<usize> {
        for scratch in scratch::abandoned(&self.common_dir().join("chant/tmp"))? {
            scratch.delete()?;
        }
        let mut deleted = 0;
        let mut idle = Vec::new();
        for scratch in self.given_back()? {
            // What it lies here for is the files that the engine wrote; copies of secrets may be among the others.
            if idle.len() < recycle::IDLE && self.strip(&scratch).is_ok() {
                idle.push(scratch);
            } else {
                deleted += 1;
                scratch.delete()?;
            }
        }
        // Those that stay are held meanwhile, and so not abandoned.
        for scratch in scratch::abandoned(&self.common_dir().join("chant/trash"))? {
            deleted += usize::from(self.finish_removal(&scratch)?);
            scratch.delete()?;
        }
        Ok(deleted)
    }

    /// Puts a commit on a new ref.
    fn keep_at(&self, name: &str, commit: Oid) -> Result<Removed> {
        let name = if name.ends_with('-') { format!("{name}{}", commit.short()) } else { name.to_owned() };
        let hex = commit.to_string();
        let none = "0".repeat(hex.len());
        self.plumbing(&["update-ref", "-m", "chant: safety copy", &name, &hex, &none]).check()?;
        Ok(Removed::Rescued { name, commit })
    }

    /// Whether a worktree is not to be removed, whatever is in it: somebody locked it, or is in the middle of something.
    ///
    /// # Errors
    /// Where the worktrees cannot be read.
    pub fn is_protected(&self, at: &Path) -> Result<bool> {
        let worktree = self.find_worktree(at)?;
        Ok(worktree.map(|worktree| self.protected(&worktree)).transpose()?.flatten().is_some())
    }

    /// Why this worktree is not to be removed, whatever is in it.
    fn protected(&self, worktree: &Worktree) -> Result<Option<String>> {
        if worktree.main {
            return Ok(Some("it is the main worktree".into()));
        }
        match &worktree.locked {
            Some(reason) if reason.starts_with(MAKING) => return Ok(Some("it is being set up".into())),
            Some(reason) if reason.is_empty() => return Ok(Some("it is locked".into())),
            Some(reason) => return Ok(Some(format!("it is locked: {reason}"))),
            None => {}
        }
        if worktree.path.join(".git").is_dir() {
            return Ok(Some("somebody made a repository of its own of it".into()));
        }
        if let Some(operation) = occupied::operation(&worktree.git_dir) {
            return Ok(Some(format!("a {operation} is under way in it")));
        }
        self.unpushed_submodule(worktree)
    }

    /// The repositories of a linked worktree's submodules lie in its own Git directory, and go with it.
    fn unpushed_submodule(&self, worktree: &Worktree) -> Result<Option<String>> {
        for git_dir in repositories_below(&worktree.git_dir.join("modules")) {
            let dir = git_dir.to_string_lossy();
            let revs = ["--git-dir", &dir, "rev-list", "-n1", "--all", "HEAD", "--not", "--remotes"];
            // Its settings may name servers, and what speaks with them.
            let alone = self.git(&worktree.git_dir, &revs).env("GIT_NO_LAZY_FETCH", "1");
            let alone = alone.env("GIT_ALLOW_PROTOCOL", "").run()?;
            if !alone.success() || !alone.stdout.is_empty() {
                let name = git_dir.strip_prefix(worktree.git_dir.join("modules")).unwrap_or(&git_dir);
                return Ok(Some(format!("its submodule `{}` has commits that are nowhere else", name.display())));
            }
        }
        Ok(None)
    }

    /// A submodule with files that no commit of its own has, let alone one of this repository.
    fn changed_submodule(&self, worktree: &Worktree, found: &Leftovers) -> Result<Option<String>> {
        for name in &found.modified {
            let path = worktree.path.join(name);
            if path.join(".git").symlink_metadata().is_ok() {
                // Its settings are within an agent's reach.
                let scratch = Scratch::new(self.common_dir())?;
                let cage = self.reading_cage(worktree, scratch.dir(), None);
                let status = self.git(&path, &["status", "--porcelain", "--ignored", "--untracked-files=all"]);
                let status = status.caged(cage).run()?;
                if !status.success() || !status.stdout.is_empty() {
                    return Ok(Some(name.clone()));
                }
            }
        }
        Ok(None)
    }

    /// The commit of a detached `HEAD` that no ref holds.
    fn loose_commit(&self, worktree: &Worktree) -> Result<Option<Oid>> {
        let Some(Head::Detached(commit)) = worktree.head else { return Ok(None) };
        // Refs of single worktrees are no places to keep anything.
        let own = ["bisect", "worktree", "rewritten"].map(|name| format!("--exclude=refs/{name}/*"));
        let commit_name = commit.to_string();
        let git = self.git(self.common_dir(), &["rev-list", "-n1", &commit_name, "--not"]);
        let alone = git.env("GIT_DIR", self.common_dir()).args(own).arg("--glob=refs/*").check()?;
        Ok((!alone.stdout.is_empty()).then_some(commit))
    }

    /// Renames directory and Git directory into the trash, in this order: what a kill leaves in between is a Git
    /// directory without a worktree, which the next sweep finds by the name that was written down.
    pub(super) fn throw_away(&self, worktree: &Worktree, holds: Holds) -> Result<()> {
        let trash = Scratch::trash(self.common_dir())?;
        let id = worktree.git_dir.file_name().unwrap_or_default();
        let note = trash.path("id");
        fs::write(&note, id.as_encoded_bytes()).map_err(Error::io("write", &note))?;
        if worktree.exists {
            crate::env::failpoint("remove.noted");
            let to = trash.path("worktree");
            match fs::rename(&worktree.path, &to) {
                Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => beside(worktree, &trash)?,
                outcome => outcome.map_err(Error::io("move", &worktree.path))?,
            }
        }
        crate::env::failpoint("remove.files");
        fs::rename(&worktree.git_dir, trash.path("admin")).map_err(Error::io("move", &worktree.git_dir))?;
        crate::env::failpoint("remove.admin");
        if let Holds::Commit(others) = holds {
            // Whoever has a file open there can still write it.
            let others = others.filter(|_| recycle::is_left(&trash.path("worktree")));
            recycle::mark_stripped(&trash.path("admin"), others.as_ref())?;
        }
        self.discard_cell(&self.cell_of(worktree))
    }

    /// Completes the removal that an entry of the trash stands for; whether it was one.
    fn finish_removal(&self, trash: &Scratch) -> Result<bool> {
        if let Some(path) = read_path(&trash.path("beside"), "") {
            // Only what bears this very entry's name: the file may say anything.
            let ours =
                path.file_name().is_some_and(|name| name.to_string_lossy() == format!("{BESIDE}{}", trash.name()));
            if ours {
                scratch::delete(&path)?;
            }
        }
        let taken = trash.path("worktree").exists() || trash.path("beside").exists();
        let id = read_line(&trash.path("id")).filter(|id| !id.contains('/') && id != "..");
        if let Some(id) = id
            && taken
            && !trash.path("admin").exists()
        {
            let git_dir = self.common_dir().join("worktrees").join(id);
            let there = read_path(&git_dir.join("gitdir"), "").is_some_and(|dot_git| real(&dot_git).exists());
            if git_dir.exists() && !there {
                fs::rename(&git_dir, trash.path("admin")).map_err(Error::io("move", &git_dir))?;
            }
        }
        Ok(taken)
    }
}

/// For another file system: a new name in the same directory, written down before it is taken.
fn beside(worktree: &Worktree, trash: &Scratch) -> Result<()> {
    let to = worktree.path.with_file_name(format!("{BESIDE}{}", trash.name()));
    let note = trash.path("beside");
    fs::write(&note, to.as_os_str().as_encoded_bytes()).map_err(Error::io("write", &note))?;
    fs::rename(&worktree.path, &to).map_err(Error::io("move", &worktree.path))
}

/// All repositories in a directory such as `modules`, those of their own submodules included.
pub(super) fn repositories_below(dir: &Path) -> Vec<PathBuf> {
    if dir.join("HEAD").is_file() && dir.join("objects").is_dir() {
        let mut found = repositories_below(&dir.join("modules"));
        found.push(dir.to_owned());
        return found;
    }
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_dir()).flat_map(|path| repositories_below(&path)).collect()
}

fn kept(reason: impl Into<String>) -> Removed {
    Removed::Kept { reason: reason.into() }
}

/// `2 changed files (a, b), 1 untracked (c), 3 ignored (12.0 MiB: target/)`
fn describe(found: &Leftovers, loose: Option<Oid>) -> String {
    let mut parts = Vec::new();
    let mut part = |paths: &[String], what: &str, size: Option<u64>| {
        if let Some(first) = paths.first() {
            let more = if paths.len() > 1 { ", …" } else { "" };
            let size = size.map(|bytes| format!("{:.1} MiB: ", bytes as f64 / f64::from(1 << 20))).unwrap_or_default();
            parts.push(format!("{} {what} ({size}{first}{more})", paths.len()));
        }
    };
    part(&found.modified, "changed", None);
    part(&found.untracked, "untracked", None);
    part(&found.ignored, "ignored", Some(found.ignored_bytes));
    part(&found.nested, "a repository of its own", None);
    if let Some(commit) = loose {
        parts.push(format!("commit {} is on no branch", commit.short()));
    }
    parts.join(", ")
}
