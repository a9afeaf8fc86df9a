//! run drives the work: claim → worktree → setup → agent → commit → prove → complete → land → clean up (DESIGN.md,
//! section 5).
//!
//! The [`engine`] gathers what happened and carries out what [`crate::plan::Schedule`] decides; tokio lives here and
//! nowhere above. One [`attempt`] is a sequence of blocking steps on a thread of its own, for Git's work is blocking;
//! only waiting for a child is asynchronous, so that an interruption reaches it at once. Whatever must survive a kill
//! is in Git before the next step begins; [`claim`] finds out where an interrupted attempt stood and goes on from
//! there.

mod agents;
mod apart;
mod attempt;
mod base;
mod brought;
mod catch_up;
mod claim;
mod commit;
mod conflict;
mod described;
mod driver;
mod engine;
mod events;
mod evidence;
mod frozen;
mod furnish;
mod handover;
mod honesty;
mod household;
mod inside;
mod jobs;
mod labour;
mod land;
mod lane;
mod leaked;
mod lease;
mod limits;
mod listen;
mod merge_hooks;
mod merged;
mod model;
mod on_base;
mod onto;
mod origin;
mod outward;
mod powers;
mod prompt;
mod prove;
mod pulls;
mod remains;
mod resume;
mod reviewed;
mod secrets;
mod settings;
mod shared;
mod signing;
mod slots;
mod spent;
mod split;
mod sync;
mod tidy;
mod transcripts;
mod turns;
mod unfit;
mod used;

pub use agents::checked as check_agent;
pub use apart::{Wanted, is_transports, prove_apart};
pub use base::{spec_at as spec_in, target_of};
pub use catch_up::take_in;
pub use claim::{ensure_writable, hold};
pub use described::{Condition, condition, handed_on};
pub use engine::{Engine, Reporter, clean_up, work};
pub use events::{Recorded, record_on_branch, vouch};
pub use evidence::{
    Evidence, Line as NoteLine, Noted, Proof, Start, Verdict, lines as evidence_lines, noted as noted_evidence,
    parsed as note_lines, read as read_evidence,
};
pub use handover::{Handed, hand_over};
pub use land::Landed;
pub use on_base::{discount as discount_held, was_done};
pub use onto::{Onto, onto};
pub use origin::record_at_ground;
pub use outward::{Outward, outward};
pub use prompt::{Templates, lint as lint_prompts, preview as preview_prompt, templates_at};
pub use prove::Prover;
pub use pulls::{Door, Pulled, Told, heard, open as open_pull, patches, status as pull_status};
pub use remains::{Remains, clear as clear_remains, remains};
pub use resume::{Resumed, resume, session_left};
pub use shared::refresh;
pub use signing::{ready, ready_as, unsigned};
pub use spent::settle_account;
pub use split::{Split, split_alone};
pub use sync::{Synced, sync};
pub use tidy::{discard_proof, sweep};

use std::collections::BTreeMap;
use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use crate::agent::AgentError;
use crate::ledger::Oid;
use crate::spec::{Qualified, SpecId};
use crate::{git, project, review, spec};

/// What a caller asks of `work`.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The specs to work; drivers stand for their members.
    pub ids: Vec<SpecId>,
    /// Start over from the target's tip; the old tip is kept under `refs/chant/attempts`.
    pub fresh: bool,
    /// Start although the upstream is known to be ahead.
    pub stale: bool,
    /// Take over a run of another machine, or a person's.
    pub takeover: bool,
    /// Prove and land what a person did.
    pub finish: bool,
    /// The branch to land on, where neither spec nor configuration nor HEAD name one.
    pub target: Option<String>,
    /// The agent, before the spec's own and the configured one.
    pub agent: Option<String>,
    /// How many agents may run side by side.
    pub jobs: Option<usize>,
    /// The template of the prompt, before the spec's own and the configured one.
    pub prompt: Option<String>,
    /// A person takes it from the agent that had it, whatever came of that.
    pub handover: bool,
    /// Completed specs that are worked again, each with what has changed since.
    pub again: BTreeMap<SpecId, Vec<String>>,
}

/// Where an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The spec is being claimed.
    Claim,
    /// Its worktree is being made.
    Worktree,
    /// What the proofs say on the base is looked at.
    Base,
    /// The configured set-up runs.
    Setup,
    /// The agent works.
    Agent,
    /// What the agent left is being committed.
    Commit,
    /// The criteria are being proven.
    Prove,
    /// The result is being merged.
    Land,
}

impl Phase {
    /// One word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Worktree => "worktree",
            Self::Base => "base",
            Self::Setup => "setup",
            Self::Agent => "agent",
            Self::Commit => "commit",
            Self::Prove => "prove",
            Self::Land => "land",
        }
    }
}

/// What happens while specs are worked; reporters only consume it.
#[derive(Debug, Clone)]
pub enum Progress {
    /// A spec's attempt begins.
    Started {
        /// The spec.
        id: SpecId,
        /// Its title.
        title: String,
    },
    /// It has come to another phase.
    Phase {
        /// The spec.
        id: SpecId,
        /// Where it is now.
        phase: Phase,
        /// The attempt's number, once it is known.
        attempt: Option<u32>,
    },
    /// The last words of its agent or of a proof.
    Words {
        /// The spec.
        id: SpecId,
        /// A line without control characters.
        line: String,
    },
    /// What its agent does, and what it has used so far.
    Heard {
        /// The spec.
        id: SpecId,
        /// In words; nothing where only the figures have changed.
        what: Option<String>,
        /// `12.3k tokens, $0.04`; empty where nothing is known.
        used: String,
    },
    /// Something a person should read.
    Notice {
        /// The spec.
        id: SpecId,
        /// One or more lines.
        text: String,
    },
    /// Something a person should read that is about no spec in particular.
    Remark(String),
    /// A spec is through, one way or another.
    Ended {
        /// The spec.
        id: SpecId,
        /// How.
        ending: Ending,
    },
}

/// How the work on one spec ended.
#[derive(Debug, Clone)]
pub enum Ending {
    /// It is in its target.
    Landed {
        /// The landing merge.
        commit: Oid,
        /// The branch it landed on.
        target: String,
        /// The criteria's tally, as it stands in the trailer.
        criteria: String,
    },
    /// It was in its target before.
    AlreadyDone,
    /// It is completed on its branch and waits for a person, as was asked for.
    Review(String),
    /// It is completed on its branch and cannot land.
    Stuck {
        /// Why, and what to type.
        reason: String,
        /// A conflict is the work's (1), a file in the way is safety's (3).
        exit: u8,
    },
    /// The attempt failed, and says why.
    Failed(String),
    /// Nothing was done, for safety's sake.
    Refused(String),
    /// Somebody else holds it.
    Held(String),
    /// It was stopped; what was done is kept.
    Interrupted,
    /// The worktree is made, and a person works there.
    Person(PathBuf),
    /// Its agent was stopped, because a person asked for it.
    HandedOver {
        /// Who has it now, `Name <mail>`.
        to: String,
        /// Where they work.
        path: PathBuf,
    },
}

impl Ending {
    /// The exit code that this ending alone would give (DESIGN.md, section 6).
    pub fn exit(&self) -> u8 {
        match self {
            Self::Landed { .. } | Self::AlreadyDone | Self::Review(_) | Self::Person(_) | Self::HandedOver { .. } => 0,
            Self::Failed(_) => 1,
            Self::Stuck { exit, .. } => *exit,
            Self::Refused(_) => 3,
            Self::Held(_) => 4,
            Self::Interrupted => 130,
        }
    }
}

/// Why a step could not be taken.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// Refused for safety: nothing was changed.
    #[error("{message}")]
    #[diagnostic(code(chant::run::refused))]
    Refused {
        /// What stands in the way.
        message: String,
        /// What to type next.
        #[help]
        help: Option<String>,
    },
    /// Somebody else holds it.
    #[error("{id} is being worked by {by}")]
    #[diagnostic(code(chant::run::held), help("`chant log -f {id}` follows it"))]
    Held {
        /// The spec.
        id: Qualified,
        /// Who, as far as the lock tells.
        by: String,
    },
    /// The attempt failed on its own account; the reason goes into the history.
    #[error("{0}")]
    #[diagnostic(code(chant::run::failed))]
    Failed(String),
    /// It was interrupted.
    #[error("interrupted")]
    #[diagnostic(code(chant::run::interrupted), help("`chant work` goes on where it stopped"))]
    Interrupted,
    /// A spec is not usable.
    #[error("{id} is not usable")]
    #[diagnostic(code(chant::run::spec))]
    Spec {
        /// The spec.
        id: SpecId,
        /// What is wrong with it.
        #[related]
        diagnostics: Vec<spec::Diagnostic>,
    },
    /// The template of a prompt is not there, or cannot be rendered.
    #[error("the prompt cannot be made")]
    #[diagnostic(code(chant::run::prompt))]
    Prompt(#[related] Vec<spec::Diagnostic>),
    /// An id means nothing here, or too much.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Lookup(#[from] spec::Lookup),
    /// Git could not do it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Git(#[from] git::Error),
    /// The project could not be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Project(#[from] project::Error),
    /// The agent cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Agent(#[from] AgentError),
    /// The forge could not be asked, or says no.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Forge(#[from] review::Error),
    /// A file or a process could not be handled.
    #[error("{what}")]
    #[diagnostic(code(chant::run::system))]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// A refusal with what to type next.
    pub fn refused(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), help: Some(help.into()) }
    }

    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }

    /// The exit code of a command that ends with this error (DESIGN.md, section 6).
    pub fn exit(&self) -> u8 {
        match self {
            Self::Refused { .. } | Self::Git(git::Error::OtherName { .. }) => 3,
            Self::Held { .. } => 4,
            Self::Failed(_) => 1,
            Self::Interrupted => 130,
            Self::Spec { .. }
            | Self::Prompt(_)
            | Self::Lookup(_)
            | Self::Git(_)
            | Self::Project(_)
            | Self::Agent(_) => 2,
            Self::System { .. } => 1,
            Self::Forge(error) => error.exit(),
        }
    }
}
