//! The ledger: what the fold makes of the history.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::block::{Approval, Block};
use super::claim::Evidence;
use super::oid::Oid;
use crate::spec::{Project, Qualified, SpecId};

/// What has happened to every spec that any event names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// By the name that the spec bears now ([`View::aliases`](super::View)).
    #[serde(with = "pairs")]
    pub specs: BTreeMap<Qualified, Record>,
    /// What did not fit, in a fixed order.
    pub anomalies: Vec<Anomaly>,
    /// By which [`in_base`](Self::in_base) answers for any other place; empty in a ledger that no fold made.
    pub evidence: Evidence,
}

/// What has happened to one spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The attempt that counts: the highest that has a transition; before any, the one that would come next.
    pub attempt: u32,
    /// The highest number of a transition or a landing; 0 where there is none. The next attempt bears one more: what
    /// does not count (a forged event) uses up that one number, and no higher ones. An approval allows an attempt and
    /// begins none, so its number is not among them.
    pub highest: u32,
    /// Where the attempt stands.
    pub state: State,
    /// The commit that decides the state: an event, or the landing that alone tells of it.
    pub decided_by: Option<Oid>,
    /// Every event that counts, of every attempt, oldest first (by descent, never by date). Copies are one event.
    pub entries: Vec<Entry>,
    /// The first start of the attempt.
    pub start: Option<Box<Entry>>,
    /// The newest claim of the attempt: the start that its last event goes back to.
    pub last_start: Option<Box<Entry>>,
    /// The last word of a reviewer on the attempt to come, or else on this one: see the entry's attempt. Whether it was
    /// given to the completed work or before it, descent tells.
    pub approval: Option<Box<(Approval, Entry)>>,
    /// How the attempt came into its target; only while that holds.
    pub landing: Option<Landed>,
    /// The revert that took the landing of this attempt back.
    pub reverted: Option<Oid>,
    /// Whether the attempt is in its target. Only a completed one ever is.
    pub in_target: In,
}

/// One event, as its commit tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The commit; of copies the one that counts, in the target where there is one.
    pub commit: Oid,
    /// What it says.
    pub block: Block,
    /// The author's date in seconds since 1970: to be shown, and believed by nobody.
    pub time: i64,
    /// `Name <mail>`.
    pub author: String,
}

/// Where an attempt stands by its own events.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum State {
    /// No attempt was begun.
    #[default]
    New,
    /// It was claimed.
    InProgress,
    /// Somebody says that it is done.
    Completed,
    /// It ended without a result.
    Failed {
        /// One line.
        reason: Option<String>,
    },
    /// A person called it off.
    Cancelled {
        /// One line.
        reason: Option<String>,
    },
    /// A person reset it: the attempt keeps its number, and the next may begin.
    Reset,
}

/// How an attempt came into its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landed {
    /// What tells of it.
    pub how: How,
    /// The commit of the target that brought it.
    pub commit: Oid,
    /// The branch it is in, by the short name; `HEAD` where nothing names one.
    pub target: String,
}

/// What tells that an attempt is in its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum How {
    /// The completing event is an ancestor of the target's tip.
    Ancestry,
    /// A landing in the target names it.
    Trailer,
    /// A commit of the target holds its whole change.
    Patch,
    /// Its driver has landed with it.
    ThroughDriver,
}

/// Whether an attempt is in its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum In {
    /// It is.
    Yes(Landed),
    /// It is not, or it was taken back, or it is not completed.
    No,
    /// A shallow clone hides the answer.
    Unknown,
}

/// What does not fit, for `list`, `show` and `doctor` to report; never an error.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Anomaly {
    /// The spec it concerns, where that can be told.
    pub spec: Option<Qualified>,
    /// The commit it is about.
    pub commit: Option<Oid>,
    /// In words, to stand alone.
    pub message: String,
}

/// A map as a list of pairs in its order, so that whoever reads it again need not search for each one's place.
pub(super) mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
    }
}

impl Ledger {
    /// What has happened to one spec; `None` where no event names it.
    pub fn record(&self, spec: &Qualified) -> Option<&Record> {
        self.specs.get(spec)
    }

    /// What has happened to the specs of one project.
    pub fn of<'a>(&'a self, project: Option<&'a Project>) -> impl Iterator<Item = (&'a SpecId, &'a Record)> {
        let ours = self.specs.iter().filter(move |(name, _)| name.project.as_ref() == project);
        ours.map(|(name, record)| (&name.id, record))
    }
}
