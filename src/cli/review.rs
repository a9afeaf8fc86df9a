//! `chant approve` and `reject`

use std::sync::Arc;

use clap::Args;

use super::{Context, Outcome, progress};
use crate::ops;

/// Say that a spec's work may begin, or that what was done may land.
///
/// Of completed work the approval is for the tree that you see now: `chant diff` first. The last approval that it takes
/// lands it; commits that come later void it. `review:` in .chant/config.yaml says who may, and how many it takes.
#[derive(Args)]
pub struct Approve {
    /// The spec.
    id: String,
}

/// Send completed work back, or say that work may not begin; the next attempt is told the reason.
#[derive(Args)]
pub struct Reject {
    /// The spec.
    id: String,
    /// Why, in one line; it goes into the history and into the next attempt's prompt.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Approve {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project_at_home()?;
        let reporter = progress::quiet(context);
        let approved = ops::review::approve(&project, &self.id, Arc::new(reporter))?;
        let id = &approved.decided.id;
        let said = match approved.decided.commit {
            Some(commit) => format!("{id} is approved by you ({})", commit.short()),
            None => format!("{id} was approved by you already"),
        };
        match (&approved.ending, &approved.lacks) {
            (_, Some(lacks)) => context.print(&format!("{said}, and waits for others: {lacks}\n"))?,
            (Some(ending), None) => {
                context.print(&format!("{said}\n{}\n", progress::words(id, ending)))?;
                return Ok(ending.exit());
            }
            (None, None) => context.print(&format!("{said}: `chant work {id}` may begin\n"))?,
        }
        Ok(0)
    }
}

impl Reject {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project_at_home()?;
        let reporter = Arc::new(progress::quiet(context));
        let decided = ops::review::reject(&project, &self.id, &self.reason, reporter)?;
        let (id, commit) = (&decided.id, decided.commit.map(|commit| commit.short()).unwrap_or_default());
        context.print(&format!("{id} is rejected ({commit}): the next attempt is told why\n"))?;
        Ok(0)
    }
}
