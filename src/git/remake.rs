//! Making an unfinished worktree anew: its maker was killed, or somebody deleted its directory.
//!
//! What the maker wrote is known by its content, for it is the commit's, whole or cut short. Everything else is somebody's:
//! it is set aside inside the worktree's Git directory, where another kill does not reach it, and put back on top.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::add::{finish, marker};
use super::error::{Error, Result};
use super::repo::Repo;
use super::scratch::{self, Scratch};
use super::worktree::MAKING;
use super::worktree::{Worktree, as_path, read_line};
use crate::ledger::Oid;

impl Repo {
    /// Makes an unfinished worktree anew. What its maker wrote goes, the rest is put back on top of the files.
    pub(super) fn remake(&self, mut worktree: Worktree, making: &File, head: &str, commit: Oid) -> Result<()> {
        let was = read_line(&worktree.git_dir.join("locked"));
        let was = was.and_then(|text| text.strip_prefix(MAKING)?.parse::<Oid>().ok());
        let kept = worktree.git_dir.join("kept");
        if let Some(was) = was
            && worktree.exists
        {
            self.clear_ours(&worktree, was)?;
        }
        set_aside(&worktree.path, &kept)?;
        for name in ["index.lock", "HEAD.lock"] {
            scratch::delete(&worktree.git_dir.join(name))?;
        }
        // Whoever deleted the directory may have had something staged; it stays as long as the worktree.
        let index = worktree.git_dir.join("index");
        if index.exists() {
            fs::rename(&index, worktree.git_dir.join("index.lost")).map_err(Error::io("move", &index))?;
        }
        scratch::replace(&worktree.git_dir.join("HEAD"), format!("{head}\n").as_bytes())?;
        // From here on it is this commit whose files may be found. The lock is on the file, so the file stays.
        fs::write(worktree.git_dir.join("locked"), marker(Some(commit))).map_err(Error::io("write", &worktree.path))?;
        self.link(&worktree)?;
        worktree.exists = true;
        self.fill(&worktree, commit)?;
        put_back(&kept, &worktree.path)?;
        scratch::delete(&kept)?;
        finish(&worktree, making)
    }

    /// Deletes what the killed maker wrote: the files that are exactly, or are the beginning of, what `commit` has there.
    fn clear_ours(&self, worktree: &Worktree, commit: Oid) -> Result<()> {
        let (scratch, fence) = (Scratch::new(self.common_dir())?, self.fence(worktree)?);
        let git = |args: &[&str]| {
            let git = self.git_at(worktree, args.iter().copied()).env("GIT_INDEX_FILE", scratch.path("index"));
            git.fenced(fence.as_ref())
        };
        git(&["read-tree", &commit.to_string()]).check()?;
        git(&["update-index", "-q", "--refresh"]).run()?;
        let changed = git(&["diff-files", "-z", "--name-only", "--ignore-submodules=all"]).check()?;
        let changed: HashSet<&[u8]> = changed.records().collect();
        let index = self.index_of(commit)?;
        for entry in index.entries() {
            let name: &[u8] = entry.path(&index);
            let path = worktree.path.join(as_path(name));
            let ours = !changed.contains(name) || self.begins_like(worktree, commit, name, &path)?;
            if ours && fs::symlink_metadata(&path).is_ok_and(|meta| !meta.is_dir()) {
                scratch::delete(&path)?;
            }
        }
        remove_empty_dirs(&worktree.path);
        Ok(())
    }

    /// Whether what is at `path` is the beginning of what a checkout of `commit` writes there: a file whose writer was
    /// killed.
    pub(super) fn begins_like(&self, worktree: &Worktree, commit: Oid, name: &[u8], path: &Path) -> Result<bool> {
        let Ok(meta) = fs::symlink_metadata(path) else { return Ok(false) };
        if !meta.is_file() {
            return Ok(false);
        }
        let begun = fs::read(path).map_err(Error::io("read", path))?;
        let mut object = format!("{commit}:").into_bytes();
        object.extend_from_slice(name);
        let whole = self.git_at(worktree, ["cat-file", "--filters"]).arg(as_path(&object));
        let whole = whole.fenced(self.fence(worktree)?.as_ref()).run()?;
        Ok(whole.success() && whole.stdout.starts_with(&begun))
    }
}

/// Moves everything but `.git` from an unfinished worktree to a safe place. What is there already was moved by an
/// earlier try and stays.
fn set_aside(from: &Path, kept: &Path) -> Result<()> {
    move_all(from, kept, &|name| name == ".git", false)
}

/// Moves what was set aside back, over what has been written meanwhile.
fn put_back(kept: &Path, to: &Path) -> Result<()> {
    move_all(kept, to, &|_| false, true)
}

fn move_all(from: &Path, to: &Path, skip: &dyn Fn(&OsStr) -> bool, over: bool) -> Result<()> {
    let entries = match fs::read_dir(from) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("read", from)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(Error::io("read", from))?;
        if skip(&entry.file_name()) {
            continue;
        }
        fs::create_dir_all(to).map_err(Error::io("make", to))?;
        let (source, mut dest) = (entry.path(), to.join(entry.file_name()));
        let is_dir = |path: &Path| fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
        let there = fs::symlink_metadata(&dest).is_ok();
        if is_dir(&source) && is_dir(&dest) {
            move_all(&source, &dest, &|_| false, over)?;
            continue;
        }
        if there && (!over || is_dir(&source) || is_dir(&dest)) {
            dest = free_name(&dest);
        }
        fs::rename(&source, &dest).map_err(Error::io("move", &source))?;
    }
    Ok(())
}

/// `name.kept`, `name.kept1`, …: where two files claim one name, both stay.
fn free_name(path: &Path) -> PathBuf {
    let mut n = 0u32;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(if n == 0 { ".kept".to_owned() } else { format!(".kept{n}") });
        let candidate = PathBuf::from(name);
        if fs::symlink_metadata(&candidate).is_err() {
            return candidate;
        }
        n += 1;
    }
}

/// Removes the directories below `dir` in which nothing is; what cannot be removed is not empty.
pub(super) fn remove_empty_dirs(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty_dirs(&entry.path());
            fs::remove_dir(entry.path()).ok();
        }
    }
}
