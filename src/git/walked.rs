//! What walks have found, kept: in this process as it is, and for the next ones frozen in a file (see [`super::kept`]),
//! `history`. What is in it repeats commits, which never change.

use std::sync::{Arc, MutexGuard, PoisonError};

use super::kept::Of;
use super::repo::Repo;
use crate::ledger::{Builder, Frozen, History, Oid};

/// The file's name.
const FILE: &str = "history";
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
            walked.base = self.frozen().map(Arc::new);
        }
        walked.clone()
    }

    /// Keeps what a walk from `tips` has found, and freezes it where much of it is new: then what is frozen takes the place
    /// of what was found, which needs more room.
    pub(super) fn keep_walk(&self, tips: &[Oid], found: History) -> Arc<History> {
        let base = self.walked().base.as_ref().map_or(0, |base| base.len());
        let worth = found.fresh() > FEW + base / 1000 && !self.is_receiving();
        match worth.then(|| self.freeze(tips, &found)).flatten().map(Arc::new) {
            Some(frozen) => {
                drop(found);
                let mut walked = self.walked();
                (walked.base, walked.last) = (Some(Arc::clone(&frozen)), None);
                Arc::new(Builder::on(Some(frozen)).finish_at(tips))
            }
            None => {
                let found = Arc::new(found);
                self.walked().last = Some(Arc::clone(&found));
                found
            }
        }
    }

    /// Forgets what a file has said.
    pub(super) fn forget_walks(&self) {
        *self.walked() = Walked { looked: true, ..Walked::default() };
    }

    /// Writes a history down, and gives it as it is written. A directory that cannot be written, and a file that is not to
    /// be believed, are no reason to read everything again and again in this process.
    fn freeze(&self, tips: &[Oid], found: &History) -> Option<Frozen> {
        let written = self.keep(Of::Repository, FILE, |to| found.freeze(tips, to));
        let mapped = if written { self.frozen() } else { None };
        mapped.or_else(|| {
            let mut bytes = Vec::new();
            found.freeze(tips, &mut bytes).ok().filter(|whole| *whole)?;
            Frozen::new(Box::new(bytes))
        })
    }

    fn frozen(&self) -> Option<Frozen> {
        Frozen::new(Box::new(self.kept(Of::Repository, FILE)?))
    }

    fn walked(&self) -> MutexGuard<'_, Walked> {
        self.inner.walked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
