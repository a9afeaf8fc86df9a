//! `index.lock`, held as Git holds it, and recognised when its holder was killed.
//!
//! The file keeps every git command off the index. It comes into being whole, locked (flock), and says whose it is and
//! what was going on. The lock is shared with the git command that writes the files: it is free only when both are gone,
//! and then whoever comes next knows what to take back.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::add::rename_new;
use super::error::{Error, Result};
use super::repo::Repo;
use super::scratch::{self, Scratch};
use crate::ledger::Oid;

const HELD: &str = "chant holds this\n";
const FOLLOWING: &str = "chant follows ";
const END: &[u8] = b"\0\0";

/// How often, and how long, a git command of somebody else is waited for.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// `index.lock` of one worktree, ours until dropped.
pub(super) struct IndexLock {
    path: PathBuf,
    file: Arc<File>,
    left: AtomicBool,
}

/// A follow that was begun: what a lock file says whose holder was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Begun {
    pub(super) from: Oid,
    pub(super) to: Oid,
    /// The paths that were as they should become before anything was written.
    pub(super) already: BTreeSet<Vec<u8>>,
}

/// What came of trying to lock.
pub(super) enum Locking {
    /// It is ours. A dead process may have begun something under it.
    Ours(IndexLock, Option<Begun>),
    /// Somebody else has it.
    Busy,
}

impl Repo {
    /// Locks the index whose Git directory is given. A short git command of somebody else is waited for.
    pub(super) fn lock_index(&self, git_dir: &Path) -> Result<Locking> {
        let path = git_dir.join("index.lock");
        let doing = || Error::io("lock", &path);
        let scratch = Scratch::new(self.common_dir())?;
        let aside = scratch.path("lock");
        let file = File::options().read(true).write(true).create_new(true).open(&aside).map_err(doing())?;
        file.lock().map_err(doing())?;
        (&file).write_all(HELD.as_bytes()).map_err(doing())?;
        for _ in 0..TRIES {
            match rename_new(&aside, &path) {
                Ok(()) => return Ok(Locking::Ours(IndexLock::new(path, file), None)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(doing()(error)),
            }
            if let Some((lock, begun)) = take_over(&path).map_err(doing())? {
                return Ok(Locking::Ours(lock, begun));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(Locking::Busy)
    }
}

impl IndexLock {
    fn new(path: PathBuf, file: File) -> Self {
        Self { path, file: Arc::new(file), left: AtomicBool::new(false) }
    }

    /// Leaves the lock file where it is, as a kill would: what it says could not be taken back now.
    pub(super) fn leave(&self) {
        self.left.store(true, Ordering::Relaxed);
    }

    /// Writes down what is going to happen.
    pub(super) fn note(&self, begun: &Begun) -> Result<()> {
        let mut text = format!("{FOLLOWING}{} {}\n", begun.from, begun.to).into_bytes();
        text.extend(begun.already.iter().flat_map(|path| [path.as_slice(), b"\0"].concat()));
        text.extend_from_slice(END);
        self.rewrite(&text)
    }

    /// Nothing is going on any more.
    pub(super) fn clear(&self) -> Result<()> {
        self.rewrite(HELD.as_bytes())
    }

    /// The locked file, to be kept open by a command.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// In place, for the lock is on this very file; and never empty, for an empty one may be Git's own. What is cut short
    /// by a kill has no end, and means nothing.
    fn rewrite(&self, text: &[u8]) -> Result<()> {
        use std::os::unix::fs::FileExt;
        let write = || {
            self.file.write_all_at(text, 0)?;
            self.file.set_len(text.len() as u64)
        };
        write().map_err(Error::io("write", &self.path))
    }
}

impl Drop for IndexLock {
    fn drop(&mut self) {
        if !self.left.load(Ordering::Relaxed) {
            // One that cannot be deleted is found by the next process, as that of a dead one.
            scratch::delete(&self.path).ok();
        }
    }
}

/// The lock of a dead process of ours; `None` where somebody is alive behind it, or it is none of ours.
fn take_over(path: &Path) -> std::io::Result<Option<(IndexLock, Option<Begun>)>> {
    let file = match File::options().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let text = fs::read(path).unwrap_or_default();
    let ours = text.starts_with(HELD.as_bytes()) || text.starts_with(FOLLOWING.as_bytes());
    if !ours || !scratch::try_lock(&file)? || !scratch::is_at(&file, path) {
        return Ok(None);
    }
    // Read again: only now does nobody write it.
    let text = fs::read(path)?;
    Ok(Some((IndexLock::new(path.to_owned(), file), parse(&text))))
}

fn parse(text: &[u8]) -> Option<Begun> {
    let text = text.strip_prefix(FOLLOWING.as_bytes())?.strip_suffix(END)?;
    let end = text.iter().position(|byte| *byte == b'\n')?;
    let (head, paths) = text.split_at(end);
    let (from, to) = std::str::from_utf8(head).ok()?.split_once(' ')?;
    let already = paths[1..].split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(<[u8]>::to_vec).collect();
    Some(Begun { from: from.parse().ok()?, to: to.parse().ok()?, already })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_and_what_was_cut_short_is_nothing() {
        let oid = |n: u8| Oid::from_bytes(&[n; 20]).unwrap();
        for already in [BTreeSet::new(), BTreeSet::from([b"a b".to_vec(), b"c\nd".to_vec()])] {
            let begun = Begun { from: oid(1), to: oid(2), already };
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("index.lock");
            let lock = IndexLock::new(path.clone(), File::create_new(&path).unwrap());
            lock.note(&begun).unwrap();
            let text = fs::read(&path).unwrap();
            assert_eq!(parse(&text), Some(begun));
            for end in 0..text.len() {
                assert_eq!(parse(&text[..end]).filter(|cut| cut.already.is_empty()), None, "{end}");
            }
        }
    }
}
