//! What walks have found, kept: in this process as it is, and for the next ones frozen in a file.
//!
//! The file is `<common dir>/chant/cache/history`. It is never needed and never believed over Git: what is in it repeats
//! commits, which never change, and whatever is wrong with it (torn, old, of another version, unreadable, unwritable) costs
//! a walk and no word. It is written elsewhere and renamed, so that whoever reads it reads a whole one.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::error::{Error, Result};
use super::repo::Repo;
use crate::ledger::{Frozen, History, Oid};

/// So many commits are read anew at every call before it is worth while to write them down; and one more for each thousand
/// that are written, for the whole file is written anew.
const FEW: usize = 256;

/// What this process has found so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Walked {
    /// What was frozen, by this process or another.
    pub base: Option<Arc<Frozen>>,
    /// The last walk since then.
    pub last: Option<Arc<History>>,
    /// Whether the file was looked at.
    looked: bool,
}

impl Repo {
    /// What is known before a walk.
    pub(super) fn known_walk(&self) -> Walked {
        let mut walked = self.walked();
        if !walked.looked {
            walked.looked = true;
            walked.base = self.read_frozen();
        }
        walked.clone()
    }

    /// Keeps what a walk from `tips` has found, and freezes it where much of it is new.
    pub(super) fn keep_walk(&self, tips: &[Oid], found: &Arc<History>) {
        let base = self.walked().base.clone();
        let few = FEW + base.as_ref().map_or(0, |base| base.len()) / 1000;
        // What a push has brought may never come in, and is not written down.
        let worth = found.fresh() > few && !self.is_receiving();
        let bytes = worth.then(|| found.freeze(tips)).flatten();
        let frozen = bytes.and_then(|bytes| {
            // A directory that cannot be written is no reason to read everything again and again in this process.
            self.write_frozen(&bytes).ok();
            Frozen::new(Box::new(bytes))
        });
        let mut walked = self.walked();
        match frozen {
            Some(frozen) => (walked.base, walked.last) = (Some(Arc::new(frozen)), None),
            None => walked.last = Some(Arc::clone(found)),
        }
    }

    fn frozen_path(&self) -> PathBuf {
        self.common_dir().join("chant/cache/history")
    }

    fn read_frozen(&self) -> Option<Arc<Frozen>> {
        let file = File::open(self.frozen_path()).ok()?;
        // SAFETY: nobody writes into the file, it is only ever replaced: what is mapped stays as it is.
        let mapped = unsafe { memmap2::Mmap::map(&file) }.ok()?;
        Frozen::new(Box::new(mapped)).map(Arc::new)
    }

    fn write_frozen(&self, bytes: &[u8]) -> Result<()> {
        let path = self.frozen_path();
        let fresh = self.scratch_path("history")?;
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).map_err(Error::io("make", dir))?;
        }
        fs::write(&fresh, bytes).map_err(Error::io("write", &fresh))?;
        fs::rename(&fresh, &path).map_err(Error::io("replace", &path))
    }

    fn walked(&self) -> MutexGuard<'_, Walked> {
        self.inner.walked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
