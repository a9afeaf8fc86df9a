//! The lock on a ref, held as Git holds it, and recognised when its holder was killed.
//!
//! `<ref>.lock` keeps every other writer away, Git included. Git writes the new value into that very file and renames it
//! over the ref; a process that is killed in between leaves a lock that only a person can take away. Ours comes into
//! being whole and under a lock of the system's (flock), says whose it is, and holds no value: whoever finds it and gets
//! the system's lock knows that its holder is gone, and may go on with it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::add::rename_new;
use super::error::{Error, Result};
use super::repo::Repo;
use super::scratch;

const HELD: &[u8] = b"chant moves this ref\n";

/// How often a directory is made again that somebody removes because it is empty.
const TRIES: usize = 20;

/// The lock on one ref, ours until dropped.
pub(super) struct RefLock {
    path: PathBuf,
    /// Kept open: the system's lock goes with it.
    _file: File,
}

/// What came of trying to lock.
pub(super) enum Locking {
    Ours(RefLock),
    /// Somebody alive has it.
    Busy,
    /// A ref stands where a directory must be.
    InTheWay,
}

impl RefLock {
    /// Locks `name` in the refs that all worktrees share.
    pub(super) fn take(repo: &Repo, name: &str) -> Result<Locking> {
        let path = repo.common_dir().join(format!("{name}.lock"));
        let parent = path.parent().unwrap_or(repo.common_dir());
        for _ in 0..TRIES {
            match fs::create_dir_all(parent) {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), ErrorKind::NotADirectory | ErrorKind::AlreadyExists) => {
                    return Ok(Locking::InTheWay);
                }
                // Another process removes empty directories at this moment.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io("make", parent)(error)),
            }
            let (aside, file) = held(repo)?;
            match rename_new(&aside, &path) {
                Ok(()) => return Ok(Locking::Ours(Self { path, _file: file })),
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io("lock", path)(error)),
            }
            scratch::delete(&aside)?;
            let file = take_over(&path).map_err(Error::io("lock", &path))?;
            return Ok(file.map_or(Locking::Busy, |file| Locking::Ours(Self { path, _file: file })));
        }
        Ok(Locking::Busy)
    }
}

impl Drop for RefLock {
    fn drop(&mut self) {
        // One that cannot be deleted is found by the next process, as that of a dead one.
        fs::remove_file(&self.path).ok();
    }
}

/// A lock file on its way: whole, locked, and nowhere yet that matters.
fn held(repo: &Repo) -> Result<(PathBuf, File)> {
    let aside = repo.aside()?;
    let doing = || Error::io("write", &aside);
    let mut file = File::create_new(&aside).map_err(doing())?;
    file.lock().map_err(doing())?;
    file.write_all(HELD).map_err(doing())?;
    Ok((aside, file))
}

/// The lock of a dead process of ours; `None` where somebody is alive behind it, or it is none of ours.
fn take_over(path: &Path) -> std::io::Result<Option<File>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let ours = fs::read(path).is_ok_and(|text| text == HELD);
    Ok((ours && scratch::try_lock(&file)? && scratch::is_at(&file, path)).then_some(file))
}

impl Repo {
    /// Takes away the locks on refs that processes of ours left behind when they were killed; how many there were. A
    /// move of such a ref does so by itself: this is for those that nobody moves again but the user's own git.
    ///
    /// # Errors
    /// Where the directory of refs cannot be read.
    pub fn free_dead_locks(&self) -> Result<usize> {
        let mut found = Vec::new();
        locks_below(&self.common_dir().join("refs"), &mut found)?;
        let mut freed = 0;
        for path in found {
            let file = take_over(&path).map_err(Error::io("lock", &path))?;
            freed += usize::from(file.map(|file| RefLock { path, _file: file }).is_some());
        }
        Ok(freed)
    }
}

impl Repo {
    /// Takes away the lock that a killed git command has left on a ref of ours. Only under the lock of its spec: then no
    /// run is alive that could hold it, and a person's own command holds one for an instant. One that stands unchanged for
    /// three seconds is nobody's.
    ///
    /// # Errors
    /// Where it cannot be deleted.
    pub fn free_ref_lock(&self, name: &str) -> Result<()> {
        let path = self.common_dir().join(format!("{name}.lock"));
        let stamp = || std::fs::symlink_metadata(&path).and_then(|meta| meta.modified()).ok();
        let Some(first) = stamp() else { return Ok(()) };
        for _ in 0..60 {
            if stamp() != Some(first) {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        super::scratch::delete(&path)
    }
}

fn locks_below(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("read", dir)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(Error::io("read", dir))?;
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            locks_below(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "lock") {
            found.push(path);
        }
    }
    Ok(())
}
