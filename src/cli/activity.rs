//! `chant activity`

use clap::Args;

use super::{Context, Outcome, paint, text};
use crate::ops::activity::{self, Moment};

/// Tell what happened, in order, from Git alone.
///
/// Events of all specs, what people said of them, landings, and edits of what stands under `.chant/`; oldest first, in an
/// order that descent allows whatever the dates say.
#[derive(Args)]
pub struct Activity {
    /// Only what happened to this spec.
    id: Option<String>,
    /// At most so many, the last ones.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    max_count: usize,
    /// As it was at this revision.
    #[arg(long, value_name = "REV")]
    at: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// One thing that happened, as `chant activity --json` gives it.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct MomentView {
    /// The commit that tells of it.
    pub commit: String,
    /// When, as ISO 8601 in UTC.
    pub time: String,
    /// Who, as `Name <mail>`.
    pub author: String,
    /// The spec it happened to; null for an edit.
    pub spec: Option<String>,
    /// `started`, `completed`, `failed`, `cancelled`, `reset`, `approved`, `rejected`, `landed`, `reverted` or `edited`.
    pub what: String,
    /// The rest, in one line.
    pub detail: String,
}

impl Activity {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project()?;
        let look = context.look(&project, self.at.as_deref())?;
        let only = self.id.as_deref().map(|query| crate::ops::find(&look, query).cloned()).transpose()?;
        let mut moments = activity::activity(&project, &look, self.max_count)?;
        moments.retain(|moment| only.is_none() || moment.spec == only);
        moments.drain(..moments.len().saturating_sub(self.max_count));
        if self.json {
            context.json(&moments.iter().map(view).collect::<Vec<_>>())?;
            return Ok(0);
        }
        if moments.is_empty() {
            context.say("nothing has happened yet");
        }
        context.print(&told(&moments, context.paint.width))?;
        Ok(0)
    }
}

fn view(moment: &Moment) -> MomentView {
    MomentView {
        commit: moment.commit.to_string(),
        time: crate::ops::views::time(moment.time),
        author: moment.author.clone(),
        spec: moment.spec.as_ref().map(ToString::to_string),
        what: moment.what.to_owned(),
        detail: moment.detail.clone(),
    }
}

/// Two lines a moment at most: when, who and what; the rest below where it does not fit.
fn told(moments: &[Moment], width: usize) -> String {
    let mut out = String::new();
    for moment in moments {
        let time = minute(moment.time);
        let who = moment.author.split(" <").next().unwrap_or_default();
        let spec = moment.spec.as_ref().map(|id| format!(" {}", text::clean(id.as_str()))).unwrap_or_default();
        let colour = colour(moment.what);
        let word = paint::coloured(moment.what, colour);
        let head = format!("{}  {}  ", paint::dim(&time), paint::dim(&moment.commit.short()));
        let line = format!("{} {word}{spec}", text::clean(who));
        out.push_str(&format!("{head}{line}\n"));
        for line in text::wrap(&text::brief(&text::clean(&moment.detail)), width.saturating_sub(28)) {
            out.push_str(&format!("{}{}\n", " ".repeat(28), paint::dim(&line)));
        }
    }
    out
}

fn colour(what: &str) -> anstyle::AnsiColor {
    match what {
        "landed" | "completed" | "approved" => anstyle::AnsiColor::Green,
        "failed" | "rejected" | "reverted" | "cancelled" => anstyle::AnsiColor::Red,
        _ => anstyle::AnsiColor::Blue,
    }
}

/// `2026-11-23 22:25`
fn minute(seconds: i64) -> String {
    crate::ops::views::time(seconds).replace('T', " ").chars().take(16).collect()
}
