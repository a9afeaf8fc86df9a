//! `chant edit`

use clap::Args;

use super::{Context, Outcome};
use crate::ops;

/// Open a spec in Git's editor, and lint it afterwards.
#[derive(Args)]
pub struct Edit {
    /// The spec.
    id: String,
}

impl Edit {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project()?;
        let (path, editor) = ops::write::edit(&project, &self.id)?;
        let code = crate::agent::in_foreground(&editor, &path)
            .map_err(|source| ops::Error::File { what: format!("start the editor `{editor}`"), source })?;
        if code != 0 {
            context.say(&format!("the editor `{editor}` ended with {code}"));
            return Ok(1);
        }
        let report = ops::lint::lint(&project, None)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let own: Vec<_> = report.diagnostics.into_iter().filter(|d| d.origin().name.ends_with(&name)).collect();
        for diagnostic in &own {
            context.say(&context.paint.report(diagnostic));
        }
        Ok(if own.iter().any(|d| d.severity == crate::spec::Severity::Error) { 2 } else { 0 })
    }
}
