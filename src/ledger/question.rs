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
    /// Is what the attempt changed as a whole, from where it left the target up to `tip`, one commit of the target?
    /// Answered with [`At`](Answer::At) or [`NotFound`](Answer::NotFound); an attempt without any change is nowhere.
    Squashed {
        /// The completing event.
        tip: Oid,
        /// The first start of the attempt.
        start: Oid,
        /// A tip of the target.
        target: Oid,
    },
}

/// What Git says to a [`Question`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// The one change takes back exactly the other.
    Inverse,
    /// It takes back some of it.
    Partial,
    /// It takes back nothing of it.
    No,
    /// This commit of the target holds the whole change.
    At(Oid),
    /// No commit of the target does.
    NotFound,
}

/// All answers at hand. A question without one counts as answered [`No`](Answer::No) or
/// [`NotFound`](Answer::NotFound): what cannot be told is not merged, and kept.
pub type Answers = BTreeMap<Question, Answer>;
