//! `chant list`

use anstyle::Style;
use clap::Args;

use super::paint::{self, Paint};
use super::{Context, Outcome, text};
use crate::ops;
use crate::ops::views::{self, Filter};
use crate::plan::{Row, Status};

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
    /// Only specs that wait for you: for your approval or review, or for work that you took on. `me`, or a mail address.
    #[arg(long, value_name = "WHO")]
    needs: Option<String>,
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
        let needs = match self.needs.as_deref() {
            Some("me") => Some(project.repo.author().map_err(ops::Error::from)?),
            other => other.map(str::to_owned),
        };
        let filter = Filter { status, kind: self.kind, label: self.label, needs };
        let rows = views::list(&look, &filter);
        if self.json {
            let items: Vec<views::Item> = rows.into_iter().map(views::item).collect();
            context.json(&items)?;
            return Ok(0);
        }
        if rows.is_empty() && !look.set.is_empty() {
            context.say("no such specs");
        }
        context.hint_of(&look);
        context.print(&table(&rows, &context.paint))?;
        context.warn_of(&look);
        // The process ends here: taking a large project apart piece by piece would only take time.
        std::mem::forget(look);
        Ok(0)
    }
}

/// A line a spec: sign, id, status, criteria, title; below it what waits for a person. Titles are cut to the width, ids,
/// which people copy, never: one that is too long for its column has a line of its own. Written piece by piece, for lists
/// are long.
fn table(rows: &[&Row], paint: &Paint) -> String {
    let width = paint.width;
    let statuses = rows.iter().map(|row| row.status.as_str().len()).max().unwrap_or(0);
    let painted = Status::ALL.map(|status| {
        let (sign, colour) = (paint::glyph(status), paint::colour(status));
        let word = text::padded(status.as_str(), statuses);
        (status, format!("{} ", paint.styled(sign, colour)), format!("  {}  ", paint.styled(&word, colour)))
    });
    let [before, after] = paint.around(Style::new().dimmed());
    let counted: Vec<String> = rows.iter().map(|row| criteria(row)).collect();
    let counts = counted.iter().map(String::len).max().unwrap_or(0);
    let room = width.saturating_sub(2 + 2 + statuses + 2 + counts + 2 + TITLE);
    let names: Vec<String> = rows.iter().map(|row| name(row)).collect();
    let ids = names.iter().map(|name| text::wide(name)).filter(|wide| *wide <= room).max().unwrap_or(0);
    let used = 2 + ids + 2 + statuses + 2 + counts + 2;
    let mut out = String::with_capacity(128 * rows.len());
    for ((row, name), criteria) in rows.iter().zip(&names).zip(&counted) {
        let (sign, status) =
            painted.iter().find(|(status, ..)| *status == row.status).map_or(("", ""), |p| (&p.1, &p.2));
        out.push_str(sign);
        let wide = text::wide(name);
        out.push_str(name);
        if wide > ids {
            out.push_str("\n  ");
        }
        text::spaces(&mut out, if wide > ids { ids } else { ids - wide });
        out.push_str(status);
        out.push_str(criteria);
        text::spaces(&mut out, counts - criteria.len() + 2);
        out.push_str(&text::cut(&text::clean(&row.title), width.saturating_sub(used)));
        out.truncate(out.trim_end().len());
        out.push('\n');
        for note in notes(row) {
            for line in text::wrap(&text::brief(note), width.saturating_sub(6)) {
                ["      ", &before, &line, &after, "\n"].into_iter().for_each(|part| out.push_str(part));
            }
        }
    }
    out
}

fn name(row: &Row) -> String {
    let id = text::clean(row.id.as_str());
    if row.driver.is_some() { format!("  {id}") } else { id }
}

/// Columns that a title needs to say anything.
const TITLE: usize = 20;

fn criteria(row: &Row) -> String {
    let met = row.criteria.verified + row.criteria.claimed;
    match (row.criteria.total, row.status) {
        (0, _) => String::new(),
        // Nothing is known of what was proven.
        (total, Status::Unknown) => format!("?/{total}"),
        (total, _) => format!("{met}/{total}"),
    }
}

fn notes(row: &Row) -> impl Iterator<Item = &str> {
    let blocked = row.blocked_by.iter().map(|blocker| blocker.reason.as_str());
    row.attention.as_deref().into_iter().chain(blocked.take(2))
}
