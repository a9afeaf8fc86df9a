//! `chant search`

use anstyle::Style;
use clap::Args;

use super::{Context, Outcome, paint, text};
use crate::ops;
use crate::ops::views::{self, Filter};
use crate::plan::Row;
use crate::spec::{Hit, Query};

/// Find specs by the words in them.
///
/// A spec is found where its file (title, labels, text, criteria, commands) or its id holds every WORD; the lines that
/// hold one of them are printed below it. Upper and lower case are the same, but for a WORD with an upper-case letter in
/// it. Several words in quotes are one text, also where a line ends between them; then the line on which it begins is
/// printed. Nothing found is no error.
#[derive(Args)]
pub struct Search {
    /// What to look for: a spec has to hold all of them.
    #[arg(value_name = "WORD", required = true)]
    words: Vec<String>,
    /// Only specs of this status (several: repeat it, or separate by commas).
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = super::list::STATUSES)]
    status: Vec<String>,
    /// Only specs of this type.
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', value_parser = super::list::TYPES)]
    kind: Vec<String>,
    /// Only specs that bear this label (several: all of them).
    #[arg(long, value_name = "LABEL")]
    label: Vec<String>,
    /// As it was at this revision.
    #[arg(long, value_name = "REV")]
    at: Option<String>,
    /// As JSON, every line that was found among it.
    #[arg(long)]
    json: bool,
}

/// A spec that was found, as `chant search --json` gives it.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct FoundView {
    /// The spec.
    #[serde(flatten)]
    pub spec: views::Item,
    /// The lines of its file that hold what was looked for.
    pub lines: Vec<LineView>,
}

/// One line of a spec's file.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct LineView {
    /// Its number, from 1.
    pub line: usize,
    /// The line, without the spaces around it.
    pub text: String,
}

/// So many lines of one spec are shown to people.
const SHOWN: usize = 5;

impl Search {
    pub fn run(self, context: &Context) -> Outcome {
        let query = Query::new(&self.words).ok_or_else(nothing)?;
        let project = context.project()?;
        let look = context.look(&project, self.at.as_deref())?;
        let filter = Filter { status: self.status, kind: self.kind, label: self.label, needs: None };
        let rows = views::list(&look, &filter).into_iter();
        let found: Vec<(&Row, Vec<Hit>)> =
            rows.filter_map(|row| Some((row, query.hits(look.set.get(&row.id)?)?))).collect();
        if self.json {
            let view = |(row, hits): (&Row, Vec<Hit>)| FoundView {
                spec: views::item(row),
                lines: hits.into_iter().map(|hit| LineView { line: hit.line, text: hit.text }).collect(),
            };
            context.json(&found.into_iter().map(view).collect::<Vec<_>>())?;
            return Ok(0);
        }
        if found.is_empty() {
            context.say("nothing found");
        }
        context.print(&found.iter().map(|(row, hits)| told(row, hits, context.paint.width)).collect::<String>())?;
        context.warn_of(&look);
        Ok(0)
    }
}

fn nothing() -> ops::Error {
    ops::Error::Usage {
        message: "an empty word is in every spec".to_owned(),
        help: Some("`chant search login` finds specs that hold `login`; `chant list` shows all".to_owned()),
    }
}

/// The spec on one line, and what was found in it below.
fn told(row: &Row, hits: &[Hit], width: usize) -> String {
    let colour = paint::colour(row.status);
    let (sign, id) = (paint::styled(paint::glyph(row.status), colour), text::clean(row.id.as_str()));
    let status = paint::styled(row.status.as_str(), colour);
    let used = 2 + text::wide(&id) + 2 + row.status.as_str().len() + 2;
    let title = text::cut(&text::clean(&row.title), width.saturating_sub(used).max(20));
    let mut out = format!("{sign} {id}  {status}  {title}\n");
    for Hit { line, text } in hits.iter().take(SHOWN) {
        let number = paint::styled(&format!("{line:>8}"), Style::new().dimmed());
        out.push_str(&format!("{number}  {}\n", text::cut(&text::clean(text), width.saturating_sub(10))));
    }
    if hits.len() > SHOWN {
        let more = text::count(hits.len() - SHOWN, "more line");
        out.push_str(&format!("{}\n", paint::dim(&format!("          {more}"))));
    }
    out
}
