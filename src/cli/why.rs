//! `chant why`

use clap::Args;

use super::{Context, Outcome, paint, text};
use crate::ops;
use crate::plan::{self, Why as Reason};

/// Name the commits that decide a status, and for a blocked spec the whole chain of reasons.
#[derive(Args)]
pub struct Why {
    /// The spec.
    id: String,
    /// As it was at this revision.
    #[arg(long, value_name = "REV")]
    at: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// A reason, as `chant why --json` gives it.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct WhyView {
    /// The spec.
    pub id: String,
    /// Its status.
    pub status: String,
    /// What decides it.
    pub lines: Vec<LineView>,
    /// The reasons of what it waits for.
    pub because: Vec<WhyView>,
}

/// One thing that decides.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct LineView {
    /// The commit that says so; null where none does.
    pub commit: Option<String>,
    /// What it says.
    pub what: String,
}

impl Why {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project()?;
        let look = context.look(&project, self.at.as_deref())?;
        let id = ops::find(&look, &self.id)?;
        let mut reason = plan::why(&look.input(&project), &look.board, id);
        name_sessions(&project, &mut reason);
        if self.json {
            context.json(&view(&reason))?;
            return Ok(0);
        }
        let mut out = String::new();
        render(&reason, 0, context.paint.width, &mut out);
        context.print(&out)?;
        Ok(0)
    }
}

/// The name of a client's conversation stands in the notes alone.
fn name_sessions(project: &crate::project::Project, reason: &mut Reason) {
    for line in &mut reason.lines {
        let session = line.commit.and_then(|commit| ops::runs::session(project, commit));
        line.what.extend(session.map(|session| format!(", session {session}")));
    }
    reason.because.iter_mut().for_each(|because| name_sessions(project, because));
}

fn view(reason: &Reason) -> WhyView {
    WhyView {
        id: reason.id.to_string(),
        status: reason.status.as_str().to_owned(),
        lines: reason
            .lines
            .iter()
            .map(|line| LineView { commit: line.commit.map(|commit| commit.to_string()), what: line.what.clone() })
            .collect(),
        because: reason.because.iter().map(view).collect(),
    }
}

fn render(reason: &Reason, depth: usize, width: usize, out: &mut String) {
    // A long chain goes on without going further to the right.
    let indent = "  ".repeat(depth.min(width / 8));
    let sign = paint::styled(paint::glyph(reason.status), paint::colour(reason.status));
    out.push_str(&format!("{indent}{sign} {} is {}\n", paint::bold(reason.id.as_str()), reason.status.as_str()));
    for line in &reason.lines {
        let commit = line.commit.map_or_else(|| " ".repeat(8), |commit| commit.short());
        let room = width.saturating_sub(indent.len() + 14).max(12);
        for (n, text) in text::wrap(&text::brief(&line.what), room).into_iter().enumerate() {
            let lead = if n == 0 { commit.clone() } else { " ".repeat(8) };
            out.push_str(&format!("{indent}    {}  {text}\n", paint::dim(&lead)));
        }
    }
    for because in &reason.because {
        render(because, depth + 1, width, out);
    }
}
