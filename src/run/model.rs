//! What an attempt is while it is worked: plain data that its steps hand on.

use std::path::PathBuf;

use super::agents::Chosen;
use super::used::Used;
use crate::agent::Lock;
use crate::config::Settings;
use crate::ledger::Oid;
use crate::spec::{Qualified, Spec, SpecId};

/// An attempt that this process may work on, and nobody else.
pub(super) struct Claim {
    pub id: SpecId,
    pub qualified: Qualified,
    /// The spec as it stood in the target when the attempt began: whose words count.
    pub spec: Spec,
    /// The settings of that same commit.
    pub settings: Settings,
    pub lock: Lock,
    pub attempt: u32,
    pub run: String,
    /// The short name of the branch it will land on.
    pub target: String,
    /// The target's tip when the attempt began.
    pub base: Oid,
    /// The first start commit of the attempt.
    pub first_start: Oid,
    /// The start commit of this run.
    pub start: Oid,
    pub agent: Chosen,
    /// The agents that may take turns, the chosen one among them.
    pub rotation: Vec<String>,
    /// What the attempts so far have used: millionths of a dollar, and tokens.
    pub spent: (u64, u64),
    /// What the runs of this attempt have used that did not end it.
    pub in_attempt: (u64, u64),
    /// The models that worked in them, as `agent:model`.
    pub assisted: Vec<String>,
    /// How the agent of this attempt ended, where that happened before an interruption.
    pub ended: Option<Ended>,
    /// What the agent is told; empty where nobody reads it.
    pub prompt: String,
    /// Whether it stands on completed work that conflicted, and has to merge the base into it.
    pub resolves: bool,
    /// Whether an earlier attempt is in the base already: its criteria held before for that.
    pub again: bool,
    /// The driver that it is a member of.
    pub driver: Option<SpecId>,
}

/// How an agent ended, as the lock's journal remembers it over a kill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub failure: Option<String>,
    pub used: Used,
}

/// A completed attempt that is still to land.
pub(super) struct Finished {
    pub id: SpecId,
    pub qualified: Qualified,
    pub spec: Spec,
    pub settings: Settings,
    pub attempt: u32,
    pub run: String,
    pub target: String,
    pub base: Oid,
    /// The completing event.
    pub commit: Oid,
    /// The branch's tip: the completing event, or the last of the reviews that follow it.
    pub tip: Oid,
    /// `agent:model` for each model that worked on it.
    pub assisted_by: Vec<String>,
    /// How its criteria ended, as it stands in the trailer.
    pub criteria: String,
    /// The driver that it is a member of.
    pub driver: Option<SpecId>,
}

pub(super) enum Claimed {
    /// To be worked.
    Work(Box<Claim>),
    /// To be landed; the lock stays held meanwhile.
    Land(Box<Finished>, Lock),
    /// It is in its target.
    Done { lock: Lock, target: Option<String>, driver: Option<SpecId> },
    /// A person works on it, there.
    Person(PathBuf),
}
