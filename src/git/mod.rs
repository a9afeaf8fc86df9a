//! Git: the only room that uses gix and starts the git executable.
//!
//! A [`Repo`] is a value: cheap to clone, free to send to another thread, and its methods take `&self`. It knows its
//! three directories and the variables the process was started with; everything else is read from the repository at
//! each call, so that what other processes do meanwhile is seen. What it hands out are plain data of the pure rooms
//! ([`Oid`](crate::ledger::Oid), strings, bytes), never a gix type: copy out of Git, then think.
//!
//! Which of the two does a thing is decided here, call by call. gix does what is done often (reading, walking, merging,
//! writing objects, moving refs); the executable does what a user expects Git itself to do (hooks, filters, signing,
//! sparse checkouts) and is the second opinion wherever the two might differ. Three rules hold for both:
//!
//! - what replace refs and grafts say is no history;
//! - a ref moves by compare-and-swap or not at all, and a moved ref is an outcome ([`Moved::TipMoved`]), not an error;
//! - configuration and identity come from the snapshot of variables that the repository was opened with, never from the
//!   process environment.

mod add;
mod ahead;
mod answer;
mod blobs;
mod cell;
mod commit;
mod convert;
mod diff;
pub mod error;
mod exclude;
pub mod exe;
mod fence;
mod files;
mod follow;
mod gather;
mod gitconfig;
mod history;
mod identity;
mod ignored;
mod index_lock;
mod kept;
mod leftovers;
mod links;
mod mend;
mod merge;
mod modules;
mod moves;
mod notes;
mod object;
mod occupied;
mod pipes;
mod plain;
mod receive;
mod recycle;
mod ref_lock;
mod ref_write;
mod refs;
mod release;
mod remake;
mod remote;
mod remove;
pub mod repo;
mod repoint;
mod requests;
mod scratch;
mod settle;
mod signed;
mod signers;
mod snapshot;
mod splice;
mod staged;
mod survey;
mod threeway;
mod turn;
mod untouched;
mod walk;
mod walked;
pub mod worktree;
mod wreck;

pub use blobs::LARGEST_LOOK;
pub use cell::Cell;
pub use diff::Change;
pub use error::{Error, Result, WorktreeError};
pub use exe::{Git, Output, scrubbed};
pub use fence::{FILTER_TIMEOUT, Shutting};
pub use follow::Follow;
pub use kept::{Of, Tick};
pub use leftovers::Leftovers;
pub use merge::Merge;
pub use moves::{Expect, Moved, RefMove};
pub use notes::NOTES;
pub use object::{EntryKind, TreeEntry};
pub use receive::Arrival;
pub use release::Released;
pub use remote::{Publish, Published, Seen, tracking};
pub use remove::{Removed, out_of_trash};
pub use repo::{Head, Repo};
pub use requests::Credential;
pub use signed::Verdict as SignatureVerdict;
pub use signers::Signers;
pub use staged::StagedFile;
pub use walk::LogEntry;
pub use worktree::{Checkout, Worktree};
pub use wreck::Wreck;

#[cfg(test)]
mod answer_tests;
#[cfg(test)]
mod cell_tests;
#[cfg(test)]
mod follow_tests;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod merge_tests;
#[cfg(test)]
mod moves_tests;
#[cfg(test)]
mod repo_tests;
#[cfg(test)]
mod test_repo;
#[cfg(test)]
mod walked_tests;
#[cfg(test)]
mod worktree_tests;
