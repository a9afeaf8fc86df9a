//! `chant list`

use clap::Args;

use super::{Context, Outcome, paint};
use crate::ops::views::{self, Filter};
use crate::plan::Row;
use unicode_width::UnicodeWidthStr as _;

/// List the specs with their statuses.
///
/// The statuses are read from the Git history at every call: `ready`, `blocked`, `in_progress`, `stalled` (a run was
/// interrupted; `chant work` goes on), `in_review` (completed on its branch), `completed` (in its target), `failed`,
/// `cancelled`, `unknown` (a shallow clone hides the answer).
#[derive(Args)]
pub struct List {
    /// Only specs of this status (several: repeat it, or separate by commas).
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = STATUSES)]
    status: Vec<String>,
    /// Only specs of this type.
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', value_parser = TYPES)]
    kind: Vec<String>,
    /// Only specs that bear this label (several: all of them).
    #[arg(long, value_name = "LABEL")]
    label: Vec<String>,
    /// Only specs that could be worked now.
    #[arg(long)]
    ready: bool,
    /// As it was at this revision, as a fresh clone cut there would say.
    #[arg(long, value_name = "REV")]
    at: Option<String>,
    /// As JSON, the same words in the same places for ever (docs: reference/json).
    #[arg(long)]
    json: bool,
}

pub const STATUSES: [&str; 9] =
    ["ready", "blocked", "in_progress", "stalled", "in_review", "completed", "failed", "cancelled", "unknown"];
pub const TYPES: [&str; 5] = ["code", "task", "driver", "documentation", "research"];

impl List {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project()?;
        let look = context.look(&project, self.at.as_deref())?;
        let mut status = self.status;
        if self.ready {
            status.push("ready".to_owned());
        }
        let filter = Filter { status, kind: self.kind, label: self.label };
        let rows = views::list(&look, &filter);
        if self.json {
            let items: Vec<views::Item> = rows.into_iter().map(views::item).collect();
            context.json(&items)?;
            return Ok(0);
        }
        if rows.is_empty() {
            let hint =
                if look.set.is_empty() { "no specs yet: `chant add \"…\"` writes one" } else { "no such specs" };
            context.say(hint);
        }
        context.print(&table(&rows, context.paint.width))?;
        context.warn_of(&look);
        Ok(0)
    }
}

/// A line a spec: sign, id, status, criteria, title; below it what waits for a person.
pub fn table(rows: &[&Row], width: Option<usize>) -> String {
    let ids = rows.iter().map(|row| indent(row) + row.id.as_str().width()).max().unwrap_or(0);
    // The id gives way before the title vanishes.
    let ids = width.map_or(ids, |width| ids.min(width.saturating_sub(40).max(16)));
    let statuses = rows.iter().map(|row| row.status.as_str().len()).max().unwrap_or(0);
    let mut out = String::new();
    for row in rows {
        let id = paint::cut(row.id.as_str(), ids.saturating_sub(indent(row)));
        let id = paint::padded(&format!("{}{id}", " ".repeat(indent(row))), ids);
        let status = paint::padded(row.status.as_str(), statuses);
        let criteria = criteria(row);
        let used = 2 + ids + 2 + statuses + 2 + 7 + 2;
        let title = paint::tame(&row.title);
        let title = width.map_or_else(|| title.clone(), |width| paint::cut(&title, width.saturating_sub(used)));
        let colour = paint::colour(row.status);
        let line = format!(
            "{} {}  {}  {:<7}  {title}",
            paint::coloured(paint::sign(row.status), colour),
            id,
            paint::coloured(&status, colour),
            criteria,
        );
        out.push_str(line.trim_end());
        out.push('\n');
        for note in notes(row) {
            let note = paint::tame(&note);
            let lines =
                width.map_or_else(|| vec![note.clone()], |width| paint::wrapped(&note, width.saturating_sub(6)));
            for line in lines {
                out.push_str(&format!("      {}\n", paint::dim(&line)));
            }
        }
    }
    out
}

fn indent(row: &Row) -> usize {
    if row.driver.is_some() { 2 } else { 0 }
}

fn criteria(row: &Row) -> String {
    let met = row.criteria.verified + row.criteria.claimed;
    if row.criteria.total == 0 { String::new() } else { format!("{met}/{}", row.criteria.total) }
}

fn notes(row: &Row) -> Vec<String> {
    let blocked = row.blocked_by.iter().map(|blocker| blocker.reason.clone());
    row.attention.iter().cloned().chain(blocked.take(2)).collect()
}
