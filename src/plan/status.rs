//! The words that people and `--json` see (DESIGN.md, section 4, "What people see").

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::ledger::{History, Ledger, Oid, View};
use crate::spec::{Kind, Kpi, Project, Set, SpecId};

use super::review::{Policy, Words};

pub use super::board::{Board, board};

/// Where a spec stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It can be worked now.
    Ready,
    /// It waits for another spec, for an approval, or for ever; the row says for what.
    Blocked,
    /// Somebody works it; a driver from its first member's start until it completes.
    InProgress,
    /// It was claimed on this machine, and nobody holds its lock any more.
    Stalled,
    /// Completed on its branch, not in its target.
    InReview,
    /// In its target.
    Completed,
    /// Its last attempt failed.
    Failed,
    /// Somebody gave it up.
    Cancelled,
    /// A shallow clone hides the answer.
    Unknown,
}

impl Status {
    /// Every status, in the order in which people meet them.
    pub const ALL: [Self; 9] = [
        Self::Ready,
        Self::Blocked,
        Self::InProgress,
        Self::Stalled,
        Self::InReview,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Unknown,
    ];

    /// The word used on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Blocked => "blocked",
            Self::InProgress => "in_progress",
            Self::Stalled => "stalled",
            Self::InReview => "in_review",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }

    /// Whether its driver has no more to wait for: it landed, or was given up.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("{0:?} is no status")]
#[diagnostic(
    code(chant::status),
    help("one of: ready, blocked, in_progress, stalled, in_review, completed, failed, cancelled, unknown")
)]
pub struct NoStatus(pub String);

impl FromStr for Status {
    type Err = NoStatus;

    /// Takes `in-progress` and `In Progress` for `in_progress`, as people type it.
    fn from_str(text: &str) -> Result<Self, NoStatus> {
        let word = text.trim().to_ascii_lowercase().replace(['-', ' '], "_");
        Self::ALL.into_iter().find(|s| s.as_str() == word).ok_or_else(|| NoStatus(text.to_owned()))
    }
}

/// What kind of thing a spec waits for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlockKind {
    /// Another spec, which is not in this one's base.
    Spec(SpecId),
    /// A person's approval of the coming attempt.
    Approval,
    /// It waits, by way of others, for itself.
    Cycle,
    /// A shallow clone hides whether a dependency has landed.
    Shallow,
    /// A reference, as written, that no spec answers to.
    Missing(String),
}

/// One thing that a spec waits for. In JSON `{"id": …, "reason": …}` for a spec, else `{"kind": …, "reason": …}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// What it waits for.
    pub what: BlockKind,
    /// The same in a sentence that can stand alone, without a full stop.
    pub reason: String,
}

impl Blocker {
    /// The spec waited for, where it is one.
    pub fn spec(&self) -> Option<&SpecId> {
        match &self.what {
            BlockKind::Spec(id) => Some(id),
            _ => None,
        }
    }
}

impl Serialize for Blocker {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        match &self.what {
            BlockKind::Spec(id) => map.serialize_entry("id", id)?,
            BlockKind::Approval => map.serialize_entry("kind", "approval")?,
            BlockKind::Cycle => map.serialize_entry("kind", "cycle")?,
            BlockKind::Shallow => map.serialize_entry("kind", "shallow")?,
            BlockKind::Missing(_) => map.serialize_entry("kind", "missing")?,
        }
        map.serialize_entry("reason", &self.reason)?;
        map.end()
    }
}

impl JsonSchema for Blocker {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Blocker".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "One thing that a spec waits for: another spec by its id, or something of another kind.",
            "type": "object",
            "properties": {
                "id": { "type": "string" },
                "kind": { "enum": ["approval", "cycle", "shallow", "missing"] },
                "reason": { "type": "string" }
            },
            "required": ["reason"],
            "oneOf": [{ "required": ["id"] }, { "required": ["kind"] }],
            "additionalProperties": false
        })
    }
}

/// The acceptance criteria of a spec, counted; the last three add up to the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// All of them.
    pub total: u32,
    /// Proven by their command on the tree that was completed.
    pub verified: u32,
    /// Ticked, without a command.
    pub claimed: u32,
    /// Neither, or not tried yet.
    pub unmet: u32,
}

/// What only this machine knows, and only now.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// Specs whose lock somebody holds.
    pub locked: BTreeSet<SpecId>,
    /// This machine's name, as it stands after the `@` of a run; empty where a past revision is looked at.
    pub host: String,
    /// The name of this clone in the names of its runs; `None` where there is no other.
    pub clone_name: Option<String>,
    /// What a trial merge of a spec's branch with its target found, in words.
    pub conflicts: BTreeMap<SpecId, String>,
    /// What was last heard of the pull requests of specs in review, in words.
    pub pulls: BTreeMap<SpecId, String>,
    /// What completed work changes of specs, settings and prompts, though nobody asked for it: paths in the repository.
    pub deciding: BTreeMap<SpecId, Vec<String>>,
    /// Specs whose file is not committed as it stands.
    pub uncommitted: BTreeSet<SpecId>,
    /// Who did the work of specs in review, as mail addresses; only where that matters.
    pub workers: BTreeMap<SpecId, BTreeSet<String>>,
    /// Approvals of work to come that were given for another version of the spec.
    pub outdated: BTreeSet<Oid>,
}

/// Everything a board is made of.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The specs of the project.
    pub set: &'a Set,
    /// The project's name; `None` at the repository's root.
    pub project: Option<&'a Project>,
    /// What has happened.
    pub ledger: &'a Ledger,
    /// The commits that say so.
    pub history: &'a History,
    /// Where it is looked at from.
    pub view: &'a View,
    /// What only this machine knows.
    pub live: &'a Live,
    /// The branch on which a spec lands that names none; `None` on a detached HEAD.
    pub default_target: Option<&'a str>,
    /// Short names of the local branches under `chant/`.
    pub branches: &'a BTreeSet<String>,
    /// Whose approval counts.
    pub policy: &'a Policy,
    /// Whether everything that is completed waits for a person.
    pub review_all: bool,
    /// Whether what is completed lands by the merge of a request for it (`land: pr`).
    pub by_request: bool,
}

/// One spec, as `chant list` shows it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Row {
    /// The spec's id.
    pub id: SpecId,
    /// Its project; `null` at the repository's root.
    pub project: Option<Project>,
    /// Its title.
    pub title: String,
    /// What kind of spec it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// The number of the current attempt; `null` before the first.
    pub attempt: Option<u32>,
    /// Its branch; `null` where there is none.
    pub branch: Option<String>,
    /// The branch it lands on, or has landed on.
    pub target: Option<String>,
    /// The driver it is a member of.
    pub driver: Option<SpecId>,
    /// Its own members, in natural order.
    pub members: Vec<SpecId>,
    /// Its labels.
    pub labels: Vec<String>,
    /// The specs it depends on by its own words; what it inherits from its driver stands in the driver's row.
    pub depends_on: Vec<SpecId>,
    /// What an attempt started now, or a landing, would lack; a failed or an unfinished spec may have some as well.
    pub blocked_by: Vec<Blocker>,
    /// Its criteria, counted.
    pub criteria: Counts,
    /// What waits for a person, in words.
    pub attention: Option<String>,
    /// Why it failed or was cancelled, as recorded.
    pub reason: Option<String>,
    /// The event that decides the status.
    #[serde(serialize_with = "hex")]
    #[schemars(with = "Option<String>")]
    pub commit: Option<Oid>,
    /// What it is expected to bring.
    pub kpi: Option<Kpi>,
    /// What reviewers have said, where it waits for them.
    pub review: Option<Review>,
}

/// What reviewers have said of a spec that waits for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Review {
    /// Of what.
    pub of: ReviewOf,
    /// How many approvals it takes.
    pub needed: usize,
    /// Whose approval counts, as `Name <mail>`.
    pub approved: Vec<String>,
    /// Who rejected it.
    pub rejected: Option<String>,
    /// Approvals that do not count, and why.
    pub void: Vec<String>,
}

/// What a review is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewOf {
    /// The work to come: `approval: required`.
    Plan,
    /// What was done: `review: required`, or `land: review`.
    Result,
}

impl Review {
    pub(super) fn new(of: ReviewOf, words: Words) -> Self {
        let Words { approved, rejected, void, needed } = words;
        Self { of, needed, approved, rejected: rejected.map(|(by, _)| by), void }
    }
}

pub(super) fn hex<S: Serializer>(oid: &Option<Oid>, serializer: S) -> Result<S::Ok, S::Error> {
    match oid {
        Some(oid) => serializer.collect_str(oid),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_read_back_from_its_word_however_people_type_it() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(status.as_str().to_uppercase().replace('_', "-").parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert_eq!("done".parse::<Status>(), Err(NoStatus("done".into())));
    }

    #[test]
    fn a_blocker_is_an_id_or_a_kind_with_its_reason() {
        let spec = Blocker { what: BlockKind::Spec("001-x".parse().unwrap()), reason: "r".into() };
        assert_eq!(serde_json::to_string(&spec).unwrap(), r#"{"id":"001-x","reason":"r"}"#);
        let approval = Blocker { what: BlockKind::Approval, reason: "r".into() };
        assert_eq!(serde_json::to_string(&approval).unwrap(), r#"{"kind":"approval","reason":"r"}"#);
    }
}
