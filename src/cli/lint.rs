//! `chant lint`

use clap::Args;

use super::{Context, Outcome, text};
use crate::ops;
use crate::project::Project;

/// Say everything that is wrong with the specs and the settings, at once, with the source underlined.
///
/// Exits 0 where there are no errors (warnings do not count), 2 where there are.
#[derive(Args)]
pub struct Lint {
    /// The specs as they stand at this revision.
    #[arg(long, value_name = "REV")]
    at: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// One finding, as `chant lint --json` gives it.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct Finding {
    /// `error` or `warning`.
    pub severity: String,
    /// What kind of finding it is, for instance `chant::spec::unknown_key`.
    pub code: String,
    /// The file.
    pub file: String,
    /// The line, counted from 1; null where the whole file is meant.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Lint {
    pub fn run(self, context: &Context) -> Outcome {
        let project = Project::open_anyhow(&context.env).map_err(ops::Error::from)?;
        let report = ops::lint::lint(&project, self.at.as_deref())?;
        let code = if report.errors() > 0 { 2 } else { 0 };
        if self.json {
            let findings: Vec<Finding> = report.diagnostics.iter().map(finding).collect();
            context.json(&findings)?;
            return Ok(code);
        }
        for diagnostic in &report.diagnostics {
            context.say(&context.paint.report(diagnostic));
        }
        let errors = report.errors();
        let warnings = report.diagnostics.len() - errors;
        context.print(&format!(
            "{}: {}, {}\n",
            text::count(report.specs, "spec"),
            text::count(errors, "error"),
            text::count(warnings, "warning")
        ))?;
        Ok(code)
    }
}

fn finding(diagnostic: &crate::spec::Diagnostic) -> Finding {
    Finding {
        severity: match diagnostic.severity {
            crate::spec::Severity::Error => "error".to_owned(),
            crate::spec::Severity::Warning => "warning".to_owned(),
        },
        code: diagnostic.code.to_owned(),
        file: diagnostic.origin().name.to_string(),
        line: diagnostic.line(),
        message: diagnostic.message.clone(),
        help: diagnostic.help.clone(),
    }
}
