//! `chant config`

use clap::Args;

use super::{Context, Outcome, paint, text};
use crate::ops;

/// Print every setting with where it came from.
///
/// A setting comes from a flag, else from the environment (`CHANT_JOBS`), else from `git config chant.jobs`, else from
/// `.chant/config.yaml`, else it is the default.
#[derive(Args)]
pub struct Config {
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// Print the JSON Schema of `.chant/config.yaml` instead.
    #[arg(long, conflicts_with = "json")]
    schema: bool,
}

/// One setting, as `chant config --json` gives it.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct Setting {
    /// Its key.
    pub key: String,
    /// Its value, as it would be written.
    pub value: String,
    /// Where it came from.
    pub origin: String,
}

impl Config {
    pub fn run(self, context: &Context) -> Outcome {
        if self.schema {
            context.json(&crate::config::schema())?;
            return Ok(0);
        }
        let project = context.project()?;
        let settings: Vec<Setting> = ops::config::entries(&project)
            .into_iter()
            .map(|entry| Setting { key: entry.key, value: entry.value, origin: entry.origin.to_string() })
            .collect();
        if self.json {
            context.json(&settings)?;
            return Ok(0);
        }
        let keys = settings.iter().map(|setting| setting.key.len()).max().unwrap_or(0);
        let values = settings.iter().map(|setting| setting.value.len()).max().unwrap_or(0).min(36);
        for setting in &settings {
            let key = text::padded(&setting.key, keys);
            let value = text::padded(&text::clean(&setting.value), values);
            context.print(&format!("{key}  {value}  {}\n", paint::dim(&setting.origin)))?;
        }
        for warning in &project.warnings {
            context.say(&context.paint.report(warning));
        }
        Ok(0)
    }
}
