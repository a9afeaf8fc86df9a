//! `chant doctor`

use clap::Args;

use super::{Context, Outcome, paint, text};
use crate::ops::{self, doctor::Health};

/// Say what is well and what is not, and what to type about it.
///
/// Exits 0 where nothing is in the way of work, 1 where something is.
#[derive(Args)]
pub struct Doctor {
    /// First clear what earlier runs left behind, as far as all that it holds is elsewhere as well.
    #[arg(long)]
    fix: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project()?;
        if self.fix {
            ops::doctor::fix(&project)?.iter().for_each(|gone| context.say(&format!("cleared {}", text::clean(gone))));
        }
        let checks = ops::doctor::doctor(&project)?;
        let code = u8::from(checks.iter().any(|check| check.health == Health::Ill));
        if self.json {
            context.json(&checks)?;
            return Ok(code);
        }
        let names = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
        for check in &checks {
            let (sign, colour) = match check.health {
                Health::Well => ("✓", anstyle::AnsiColor::Green),
                Health::Warning => ("!", anstyle::AnsiColor::Yellow),
                Health::Ill => ("✗", anstyle::AnsiColor::Red),
            };
            let mut lead = format!("{} {}", paint::coloured(sign, colour), text::padded(&check.name, names));
            for line in check.detail.lines() {
                context.print(&format!("{lead}  {}\n", text::clean(line)))?;
                lead = " ".repeat(names + 2);
            }
            for line in check.help.iter().flat_map(|help| help.lines()).filter(|line| !line.is_empty()) {
                context.print(&format!("{}  {}\n", " ".repeat(names + 2), paint::dim(line)))?;
            }
        }
        Ok(code)
    }
}
