//! What has happened: a fold over the commits that say so (DESIGN.md, section 4).
//!
//! Git's history is copied out once, as plain data ([`History`]); a commit's message is read into a [`Block`];
//! [`fold`] makes of both, of what is looked at ([`View`]) and of the few answers that only Git can give
//! ([`Answers`] to [`questions`]) the [`Ledger`]. Nothing here reads a file, a clock or a repository, and nothing
//! fails: what does not fit becomes an [`Anomaly`].
//!
//! The way through the folder: `trailers` finds Git's trailers in a message, `block` gives them their meaning, and
//! `flat` makes harmless what others say; `history` and `reach` answer who descends from whom; `scan` turns noted
//! commits into events, landings and reverts; `trust` says whose count, and `owned` which; `copies` makes one event of several
//! commits and finds the last ones; `case` brings each spec to the question that is left, `target` and `claim` hold
//! what bears on it, `verdict` decides it; `fold` tells of it all in a `record`.

mod basis;
#[cfg(test)]
mod basis_tests;
pub mod block;
mod case;
mod claim;
mod copies;
#[cfg(test)]
mod fixture;
mod flat;
mod fold;
mod frozen;
#[cfg(test)]
mod frozen_tests;
mod history;
mod legal;
mod oid;
mod owned;
mod question;
mod reach;
mod record;
mod run_name;
mod scan;
mod seal;
mod target;
mod trailers;
mod trust;
mod verdict;
mod view;

pub use basis::Basis;
pub use block::{
    Approval, Block, Landing, Reading, Tally, Transition, harmless_line, harmless_text, mentions, names_spec, read,
    spec_line, write,
};
pub use claim::Evidence;
#[cfg(test)]
pub(crate) use fixture::{fold_with, questions};
pub use fold::{Folded, fold};
pub use frozen::{Bytes, Frozen};
pub use history::{Builder, History, Note};
pub use legal::{Before, follows, stands};
pub use oid::{Oid, OidError};
pub use question::{Answer, Answers, Question};
pub use record::{Anomaly, Entry, How, In, Landed, Ledger, Record, State};
pub use run_name::{CLONE, is_own_run};
pub use seal::{Seal, opened};
pub use target::targets;
pub use trailers::{Trailer, parse as trailers};
pub use trust::{Signatures, Signed, Trust, fits, mail, to_check};
pub use view::View;
