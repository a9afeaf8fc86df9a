//! `chant export`

use clap::{Args, ValueEnum};

use super::{Context, Outcome};
use crate::ops::{self, export};

/// Give specs with their statuses to other programs, or one spec's evidence as an in-toto statement.
///
/// `json` is an array of what `chant show --json` says, `csv` has a line a spec, `markdown` is a table for people.
/// `intoto` is the evidence of the attempt that counts as an in-toto statement (test-result v0.1, unsigned): the proven
/// tree and its commit, and each criterion as passed, warned (only ticked, or green before the work) or failed.
#[derive(Args)]
pub struct Export {
    /// The specs; all of them where none is named.
    #[arg(required_if_eq("format", "intoto"))]
    ids: Vec<String>,
    /// In which form.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// As it was at this revision.
    #[arg(long, value_name = "REV")]
    at: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Json,
    Csv,
    Markdown,
    Intoto,
}

impl Export {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project()?;
        let look = context.look(&project, self.at.as_deref())?;
        match self.format {
            Format::Json => context.json(&export::details(&project, &look, &self.ids)?)?,
            Format::Csv => context.print(&export::csv(&look, &self.ids)?)?,
            Format::Markdown => context.print(&export::markdown(&look, &self.ids)?)?,
            Format::Intoto => match self.ids.as_slice() {
                [id] => context.json(&export::statement(&project, &look, id)?)?,
                _ => {
                    return Err(ops::Error::usage(
                        "a statement is about one spec",
                        "`chant export --format intoto <id>`, once for each",
                    ));
                }
            },
        }
        context.warn_of(&look);
        Ok(0)
    }
}
