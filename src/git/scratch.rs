//! Directories of one process's own inside the common Git directory, and what becomes of them when it is killed.
//!
//! Two places hold them. `chant/tmp` is for what is being built (an index to try something on, a worktree's Git
//! directory before it is renamed to its place); it goes with the value that made it. `chant/trash` is for what has been
//! renamed away and is deleted later. In both, a directory belongs to whoever holds the lock on its file `alive`: a lock
//! that the system lets go of when its process ends, so that a sweep never takes what is in use.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{Mode, OFlags};

use super::error::{Error, Result};

/// A new directory, locked by this process; deleted when dropped, unless it was [kept](Scratch::keep).
#[derive(Debug)]
pub(super) struct Scratch {
    dir: PathBuf,
    alive: Option<File>,
    kept: bool,
}

impl Scratch {
    /// A new directory for something that is being built.
    pub(super) fn new(common_dir: &Path) -> Result<Self> {
        Self::below(&common_dir.join("chant/tmp"))
    }

    /// A new directory in the trash.
    pub(super) fn trash(common_dir: &Path) -> Result<Self> {
        let mut scratch = Self::below(&common_dir.join("chant/trash"))?;
        scratch.kept = true;
        Ok(scratch)
    }

    fn below(base: &Path) -> Result<Self> {
        fs::create_dir_all(base).map_err(Error::io("make", base))?;
        // No name is used twice: a sweep that is late must not meet another one in its place.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        for _ in 0..u32::MAX {
            let dir = base.join(format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
            match fs::create_dir(&dir) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(Error::io("make", dir)(error)),
            }
            // A sweep may come between the two; then this one is not ours any more, and the next one is tried.
            if let Some(alive) = enliven(&dir).map_err(Error::io("lock", &dir))? {
                return Ok(Self { dir, alive: Some(alive), kept: false });
            }
        }
        Err(Error::io("make", base)(ErrorKind::AlreadyExists.into()))
    }

    /// A path inside it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The directory itself.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its own name, which no other directory beside it has.
    pub(super) fn name(&self) -> String {
        self.dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Deletes it now, and says so where that fails.
    pub(super) fn delete(mut self) -> Result<()> {
        self.kept = true;
        match delete(&self.dir) {
            // A sweep that came between takes it for abandoned, and deletes it.
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::DirectoryNotEmpty => {}
            done => done?,
        }
        self.alive = None;
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.kept {
            // What stays behind is found by the next sweep.
            delete(&self.dir).ok();
        }
        // Not by closing it alone: a child of another thread may hold a copy of it until it has become its program.
        if let Some(alive) = &self.alive {
            alive.unlock().ok();
        }
    }
}

fn enliven(dir: &Path) -> io::Result<Option<File>> {
    let path = dir.join("alive");
    let file = match File::create_new(&path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists) => return Ok(None),
        Err(error) => return Err(error),
    };
    if !try_lock(&file)? {
        return Ok(None);
    }
    Ok(is_at(&file, &path).then_some(file))
}

/// Whether an open file is the one at `path`, and not one that has been deleted or replaced meanwhile.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let id = |meta: fs::Metadata| (meta.dev(), meta.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => id(open) == id(there),
        _ => false,
    }
}

/// Opens what is a file, and does not wait for the other end of what is a pipe by now: an agent can make either of the other.
pub(super) fn open_file(path: &Path, more: OFlags) -> Option<File> {
    let opened = rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | more, Mode::empty());
    opened.ok().map(File::from).filter(|file| file.metadata().is_ok_and(|meta| meta.is_file()))
}

/// Takes the lock on `file` if nobody has it.
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The directories below `base` that no living process holds, each locked for the caller.
pub(super) fn abandoned(base: &Path) -> Result<Vec<Scratch>> {
    let entries = match fs::read_dir(base) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", base)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let dir = entry.map_err(Error::io("read", base))?.path();
        let locked = match File::open(dir.join("alive")) {
            Ok(file) => try_lock(&file).map_err(Error::io("lock", &dir))?.then_some(file),
            // Being made at this moment, or killed in the act: only an empty one may go, and its maker will see it.
            Err(error) if error.kind() == ErrorKind::NotFound => enliven(&dir).map_err(Error::io("lock", &dir))?,
            Err(_) => None,
        };
        if let Some(alive) = locked {
            found.push(Scratch { dir, alive: Some(alive), kept: true });
        }
    }
    Ok(found)
}

/// Deletes a file or a whole directory, directories without write permission included; nothing there is no error.
pub(super) fn delete(path: &Path) -> Result<()> {
    let attempt = || match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    let outcome = match attempt() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            unprotect(path);
            attempt()
        }
        outcome => outcome,
    };
    match outcome {
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err(Error::io("delete", path)(error))
        }
        _ => Ok(()),
    }
}

/// The entries of a directory, which is made readable and writable where it is not.
pub(super) fn entries(dir: &Path) -> io::Result<fs::ReadDir> {
    let mode = fs::symlink_metadata(dir)?.permissions().mode();
    if mode & 0o700 != 0o700 {
        fs::set_permissions(dir, fs::Permissions::from_mode(mode | 0o700))?;
    }
    fs::read_dir(dir)
}

/// Makes every directory below `path` writable. Some tools protect their caches against just what is done here; where
/// it does not work, the deletion that follows says so.
fn unprotect(path: &Path) {
    let Ok(meta) = fs::symlink_metadata(path) else { return };
    if !meta.is_dir() {
        return;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(meta.permissions().mode() | 0o700)).ok();
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        unprotect(&entry.path());
    }
}

/// Writes a file by way of a neighbour, so that a reader sees the old one or the new one.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".chant-{}", std::process::id()));
    let beside = PathBuf::from(beside);
    // Nobody can have laid a link there for this one to write through.
    let write = || {
        fs::remove_file(&beside)
            .or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
        io::Write::write_all(&mut File::create_new(&beside)?, bytes)
    };
    write().map_err(Error::io("write", &beside))?;
    fs::rename(&beside, path).map_err(Error::io("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_goes_with_its_value_and_a_sweep_leaves_the_living_alone() {
        let dir = tempfile::tempdir().unwrap();
        let one = Scratch::new(dir.path()).unwrap();
        let two = Scratch::new(dir.path()).unwrap();
        assert_ne!(one.dir, two.dir);
        assert!(abandoned(&dir.path().join("chant/tmp")).unwrap().is_empty());
        let path = one.dir.clone();
        drop(one);
        assert!(!path.exists());
        assert!(two.dir.exists());
    }

    #[test]
    fn what_a_dead_process_left_is_abandoned() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("chant/tmp");
        fs::create_dir_all(base.join("1-0")).unwrap();
        fs::create_dir_all(base.join("1-1")).unwrap();
        fs::write(base.join("1-1/alive"), "").unwrap();
        let found = abandoned(&base).unwrap();
        assert_eq!(found.len(), 2);
        assert!(abandoned(&base).unwrap().is_empty(), "the finder holds them now");
        for scratch in found {
            scratch.delete().unwrap();
        }
        assert_eq!(fs::read_dir(&base).unwrap().count(), 0);
    }
}
