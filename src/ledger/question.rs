//! What only Git can tell, asked in plain words.

use std::collections::BTreeMap;

use super::oid::Oid;

/// A question about the content of commits; a [`History`](super::History) holds none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// Is the change of `revert` (to its first parent) the inverse of the change of `reverted` (to its first parent)?
    /// Answered with [`Inverse`](Answer::Inverse), [`Partial`](Answer::Partial) or [`No`](Answer::No).
    Reverts {
        /// The commit whose message says that it reverts the other.
        revert: Oid,
        /// The commit that it names: a landing, a commit of the work, or another revert.
        reverted: Oid,
    },
    /// The same of a merge whose other side was taken back, as `git revert -m 2` does: is the change of `revert` the
    /// inverse of what `merge` is to that parent of it?
    RevertsSide {
        /// The commit whose message says so.
        revert: Oid,
        /// The merge that it names.
        merge: Oid,
        /// The parent to which it says it went back; not the first one.
        back_to: Oid,
    },
    /// Is what the attempt changed as a whole, from where it left the target up to `tip`, one commit of the target?
    /// Or several, one after the other? Answered with [`At`](Answer::At), [`Series`](Answer::Series) or
    /// [`NotFound`](Answer::NotFound); an attempt without any change is nowhere.
    Squashed {
        /// The completing event.
        tip: Oid,
        /// The first start of the attempt.
        start: Oid,
        /// A tip of the target.
        target: Oid,
    },
    /// Did a merge leave its first parent's files as they were, although `tip`, which it brought, would have changed
    /// them? Answered with [`Dropped`](Answer::Dropped) or [`No`](Answer::No).
    Dropped {
        /// The merge.
        merge: Oid,
        /// What it brought.
        tip: Oid,
    },
}

/// What Git says to a [`Question`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// The one change takes back exactly the other.
    Inverse,
    /// It takes back some of it.
    Partial,
    /// It takes back nothing of it; or it dropped nothing.
    No,
    /// This commit of the target holds the whole change.
    At(Oid),
    /// These commits of the target hold it together, along first parents.
    Series {
        /// The oldest.
        first: Oid,
        /// The newest.
        last: Oid,
    },
    /// Nothing came of it.
    Dropped,
    /// No commit of the target does.
    NotFound,
}

/// All answers at hand. A question without one counts as answered [`No`](Answer::No) or
/// [`NotFound`](Answer::NotFound): what cannot be told is not merged, and kept.
pub type Answers = BTreeMap<Question, Answer>;
