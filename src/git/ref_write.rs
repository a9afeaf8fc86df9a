//! Writing loose refs and their reflogs, under locks that are held.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::error::{Error, Result};
use super::repo::Repo;
use super::scratch;
use crate::ledger::Oid;

impl Repo {
    /// Puts `new` into the file of a ref, in one step.
    pub(super) fn write_ref(&self, name: &str, new: Oid) -> Result<()> {
        let path = self.common_dir().join(name);
        let aside = self.aside()?;
        fs::write(&aside, format!("{new}\n")).map_err(Error::io("write", &aside))?;
        let Err(error) = fs::rename(&aside, &path) else { return Ok(()) };
        // Deleted branches may have left directories where this one's file must be.
        let outcome = if path.is_dir() {
            remove_empty_dirs(&path);
            fs::rename(&aside, &path)
        } else {
            Err(error)
        };
        if outcome.is_err() {
            scratch::delete(&aside)?;
        }
        outcome.map_err(Error::io("write", path))
    }

    /// Takes away the file of a ref, its reflog, and the directories that are empty then.
    pub(super) fn delete_ref(&self, name: &str) -> Result<()> {
        let path = self.common_dir().join(name);
        let log = self.common_dir().join("logs").join(name);
        for path in [&log, &path] {
            match fs::remove_file(path) {
                Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    return Err(Error::io("delete", path)(error));
                }
                _ => {}
            }
        }
        remove_empty_parents(&self.common_dir().join("logs"), &log);
        Ok(())
    }

    /// Removes the directories that a deleted ref and its lock have left empty.
    pub(super) fn tidy_ref_dirs(&self, name: &str) {
        remove_empty_parents(self.common_dir(), &self.common_dir().join(name));
    }

    /// Appends to the reflog of a ref, and to that of `HEAD` where the main worktree or this one has it checked out.
    pub(super) fn write_reflog(&self, name: &str, old: Option<Oid>, new: Oid, message: &str) -> Result<()> {
        let zero = "0".repeat(new.to_string().len());
        let old = old.map_or(zero, |old| old.to_string());
        let mut signature = Vec::new();
        let who = self.log_signature()?;
        who.write_to(&mut signature).map_err(Error::while_("write a reflog"))?;
        let line = format!("{old} {new} {}\t{message}\n", String::from_utf8_lossy(&signature));
        let log = self.common_dir().join("logs").join(name);
        if let Some(parent) = log.parent() {
            match fs::create_dir_all(parent) {
                // The log of a ref that was here before, under a name that is a directory now: no room for this one.
                Err(error) if matches!(error.kind(), ErrorKind::NotADirectory | ErrorKind::AlreadyExists) => {}
                outcome => outcome.map_err(Error::io("make", parent))?,
            }
        }
        if log.is_dir() {
            remove_empty_dirs(&log);
        }
        append(OpenOptions::new().create(true), &log, &line)?;
        let mut heads = vec![self.common_dir()];
        heads.extend(Some(self.git_dir()).filter(|dir| *dir != self.common_dir()));
        for dir in heads {
            if fs::read(dir.join("HEAD")).is_ok_and(|head| head.trim_ascii() == format!("ref: {name}").as_bytes()) {
                append(&mut OpenOptions::new(), &dir.join("logs/HEAD"), &line)?;
            }
        }
        Ok(())
    }

    /// A new path of this process's own on the same file system as the refs. What is left there by a kill goes with the
    /// next sweep.
    pub(super) fn aside(&self) -> Result<PathBuf> {
        self.scratch_path("ref")
    }
}

fn append(options: &mut OpenOptions, path: &Path, line: &str) -> Result<()> {
    let file = options.append(true).open(path);
    match file.and_then(|mut file| file.write_all(line.as_bytes())) {
        // No log is kept there, or the old log of another ref is in its way.
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory) =>
        {
            Ok(())
        }
        outcome => outcome.map_err(Error::io("write", path)),
    }
}

/// Removes a directory that holds nothing but empty directories; what holds a file stays.
fn remove_empty_dirs(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty_dirs(&entry.path());
        }
    }
    fs::remove_dir(dir).ok();
}

/// Removes the parents of `path` that are empty, down to `refs/<kind>`.
fn remove_empty_parents(base: &Path, path: &Path) {
    for parent in path.ancestors().skip(1) {
        let deep = parent.strip_prefix(base).is_ok_and(|below| below.components().count() > 2);
        if !deep || fs::remove_dir(parent).is_err() {
            break;
        }
    }
}
