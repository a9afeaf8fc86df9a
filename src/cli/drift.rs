//! `chant drift`

use clap::Args;

use super::{Context, Outcome, paint, show, text};
use crate::ops;
use crate::project::{self, Drifted};

/// Name completed specs that rest on what is not so any more.
///
/// Compared are two trees: the one that was completed, and the spec's target as it stands now. A spec has drifted where a
/// file that it names under `context`, `informed_by`, `origin` or `tracks`, its own text but for its boxes, or a program that
/// its proofs run is another. `chant work --drifted` works such specs again.
#[derive(Args)]
pub struct Drift {
    /// Only these specs.
    ids: Vec<String>,
    /// Compare with this revision, and as things stood there.
    #[arg(long, value_name = "REV")]
    at: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// A spec that has drifted, as `chant drift --json` gives it.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct DriftView {
    /// The spec.
    pub id: String,
    /// The commit that was completed.
    pub then: String,
    /// The commit it is compared with.
    pub now: String,
    /// What is another.
    pub reasons: Vec<ReasonView>,
}

/// One reason.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct ReasonView {
    /// `input`, `text` or `proof`.
    pub kind: String,
    /// The key that names the file (`context`, `informed_by`, `origin`, `tracks`) or `proof`; null where it is no file.
    pub role: Option<String>,
    /// The file, relative to the project; null where it is none.
    pub path: Option<String>,
    /// All of it in words.
    pub words: String,
}

impl Drift {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project()?;
        let look = context.look(&project, self.at.as_deref())?;
        let now = self.at.as_deref().map(|rev| project.repo.rev(rev)).transpose().map_err(ops::Error::from)?;
        let ids = self.ids.iter().map(|query| ops::find(&look, query)).collect::<Result<Vec<_>, _>>()?;
        let mut found = project::drifted(&project, &look, now).map_err(ops::Error::from)?;
        found.retain(|one| ids.is_empty() || ids.contains(&&one.id));
        if self.json {
            context.json(&found.iter().map(view).collect::<Vec<_>>())?;
            return Ok(0);
        }
        if found.is_empty() {
            context.say("nothing has drifted");
        }
        let width = context.paint.width;
        for one in &found {
            context.print(&format!(
                "{}\n",
                show::heading(one.id.as_str(), &format!("since {}", one.then.short()), width)
            ))?;
            for reason in &one.reasons {
                for line in text::wrap(&text::clean(&reason.words()), width.saturating_sub(2)) {
                    context.print(&format!("  {}\n", paint::dim(&line)))?;
                }
            }
        }
        Ok(0)
    }
}

fn view(one: &Drifted) -> DriftView {
    use crate::plan::drift::Reason;
    let reason = |reason: &Reason| {
        let (role, path) = match reason {
            Reason::File { role, path, .. } => (Some(role.as_str().to_owned()), Some(path.clone())),
            _ => (None, None),
        };
        ReasonView { kind: reason.kind().to_owned(), role, path, words: reason.words() }
    };
    DriftView {
        id: one.id.to_string(),
        then: one.then.to_string(),
        now: one.now.to_string(),
        reasons: one.reasons.iter().map(reason).collect(),
    }
}
