//! `chant reset`, `cancel`, `merge` and `revert`

use std::sync::Arc;

use clap::Args;

use super::{Context, Outcome, progress};
use crate::ops;

/// Make a failed, cancelled or stalled spec ready again; its work is kept, and the next attempt goes on from it.
#[derive(Args)]
pub struct Reset {
    /// The spec.
    id: String,
}

/// Say that a spec is not to be worked any more; its work is kept.
#[derive(Args)]
pub struct Cancel {
    /// The spec.
    id: String,
    /// Why, in one line.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Land a completed spec by a person's word.
///
/// For specs whose landing waits for a review, or that change what decides (specs, settings, prompts). The proofs are
/// run all the same. Where `review:` of the settings asks for certain people, it takes their `chant approve`.
#[derive(Args)]
pub struct Merge {
    /// The spec.
    id: String,
}

/// Undo a landing as `git revert` does; the spec, and all that landed with it, is ready again.
#[derive(Args)]
pub struct Revert {
    /// The spec.
    id: String,
    /// Why; it goes into the commit's message.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Reset {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project_at_home()?;
        let decided = ops::decide::reset(&project, &self.id)?;
        say(context, &decided, "is ready again", "was ready already")
    }
}

impl Cancel {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project_at_home()?;
        let decided = ops::decide::cancel(&project, &self.id, self.reason.as_deref())?;
        say(context, &decided, "is cancelled", "was cancelled already")
    }
}

impl Merge {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project_at_home()?;
        let reporter = progress::quiet(context);
        let (id, ending) = ops::decide::merge(&project, &self.id, Arc::new(reporter))?;
        context.print(&format!("{}\n", progress::words(&id, &ending)))?;
        Ok(ending.exit())
    }
}

impl Revert {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project_at_home()?;
        let reporter = progress::quiet(context);
        let decided = ops::decide::revert(&project, &self.id, self.reason.as_deref(), Arc::new(reporter))?;
        say(context, &decided, "is taken back, and ready again", "was not in its target")
    }
}

fn say(context: &Context, decided: &ops::decide::Decided, now: &str, before: &str) -> Outcome {
    match decided.commit {
        Some(commit) => context.print(&format!("{} {now} ({})\n", decided.id, commit.short()))?,
        None => context.print(&format!("{} {before}\n", decided.id))?,
    }
    Ok(0)
}
