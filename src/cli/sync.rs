//! `chant sync`

use std::sync::Arc;

use clap::Args;

use super::{Context, Outcome, progress};
use crate::config::Flags;
use crate::ops;

/// Bring this clone and the shared remote together.
///
/// Fetches what other clones did, beside what is here; pushes branches under `chant/`, landings that were made while the
/// remote could not be reached, kept attempts, and notes, which are merged line by line. Your own commits are yours to
/// push. `chant work` does all this by itself where `remote:` is set; after a time without a network, this does.
#[derive(Args)]
pub struct Sync {
    /// The remote, where the settings name none or another.
    #[arg(long, value_name = "NAME")]
    remote: Option<String>,
}

impl Sync {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project_with(&Flags { remote: self.remote, ..Flags::default() })?;
        let synced = ops::sync::sync(&project, Arc::new(progress::quiet(context)))?;
        let mut text = String::new();
        for name in &synced.pushed {
            text.push_str(&format!("{name} -> {}\n", synced.remote));
        }
        if synced.pushed.is_empty() {
            text.push_str(&format!("{} has all that is here\n", synced.remote));
        }
        context.print(&text)?;
        for apart in &synced.apart {
            context.say(apart);
        }
        Ok(if synced.apart.is_empty() { 0 } else { 1 })
    }
}
