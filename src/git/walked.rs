//! What walks have found, kept: in this process as it is, and for the next ones in two files (see [`super::kept`]). Most of it
//! is frozen in `history`, which is read where it lies and written as a whole; what has come since then is in `recent`, until
//! it is much. What is in them repeats commits, which never change: it does not matter which of the files is the older one.

use std::sync::{Arc, MutexGuard, PoisonError};

use super::kept::Of;
use super::repo::Repo;
use crate::ledger::{Builder, Frozen, History, Note, Oid};

/// The files' names.
const FILE: &str = "history";
const RECENT: &str = "recent";
/// So many commits are read anew at every call before it is worth while to write them down.
const FEW: usize = 256;
/// One in so many that are frozen may be recent before all is frozen anew.
const PART: usize = 16;

/// A commit as a file of recent ones has it: its name, its parents, what it says.
type Known = (Oid, Vec<Oid>, Option<Note>);

/// What this process has found so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Walked {
    /// What was frozen, by this process or another.
    pub base: Option<Arc<Frozen>>,
    /// The last walk since then.
    pub last: Option<Arc<History>>,
    /// How many commits the file of recent ones holds.
    recent: usize,
    /// Whether the files were looked at.
    looked: bool,
}

impl Repo {
    /// What is known before a walk.
    pub(super) fn known_walk(&self) -> Walked {
        let mut walked = self.walked();
        if !walked.looked {
            walked.looked = true;
            walked.base = self.frozen().map(Arc::new);
            let recent = self.recall::<Vec<Known>>(Of::Repository, RECENT, &[]).unwrap_or_default();
            walked.recent = recent.len();
            let mut builder = Builder::on(walked.base.clone());
            recent.into_iter().for_each(|(commit, parents, note)| builder.push(commit, &parents, note));
            walked.last = (walked.recent > 0).then(|| Arc::new(builder.finish()));
        }
        walked.clone()
    }

    /// Whether what is kept of the history is so much that it is worth while to read it beside other things: of a few
    /// thousand commits on.
    pub fn has_long_history(&self) -> bool {
        const MUCH: u64 = 1 << 18;
        self.kept_size(Of::Repository, FILE) > MUCH
    }

    /// Reads what earlier walks have kept, ahead of the first question: that takes its time for a long history.
    pub fn recall_history(&self) {
        drop(self.known_walk());
    }

    /// Keeps what a walk from `tips` has found, and freezes it where much of it is new: then what is frozen takes the place
    /// of what was found, which needs more room.
    pub(super) fn keep_walk(&self, tips: &[Oid], found: History) -> Arc<History> {
        let (base, recent) = {
            let walked = self.walked();
            (walked.base.as_ref().map_or(0, |base| base.len()), walked.recent)
        };
        let fresh = found.fresh();
        let much = fresh > FEW + base / PART && !self.is_receiving();
        if !much && fresh > recent + FEW + recent / PART {
            let known: Vec<_> = found.fresh_commits().collect();
            self.keep_value(Of::Repository, RECENT, &[], &known);
            self.walked().recent = fresh;
        }
        match much.then(|| self.freeze(tips, &found)).flatten().map(Arc::new) {
            Some(frozen) => {
                drop(found);
                if recent > 0 {
                    self.keep_value::<Vec<Known>>(Of::Repository, RECENT, &[], &Vec::new());
                }
                let mut walked = self.walked();
                (walked.base, walked.last, walked.recent) = (Some(Arc::clone(&frozen)), None, 0);
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
        let (bytes, unknown) = self.kept_or_known(Of::Repository, FILE)?;
        let Some(itself) = unknown else { return Frozen::known(Box::new(bytes)) };
        let frozen = Frozen::new(Box::new(bytes))?;
        self.note_whole(Of::Repository, FILE, &itself);
        Some(frozen)
    }

    fn walked(&self) -> MutexGuard<'_, Walked> {
        self.inner.walked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
