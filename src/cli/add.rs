//! `chant add`

use clap::Args;

use super::{Context, Outcome};
use crate::ops;
use crate::spec::Kind;

/// Write a new spec: `NNN-slug.md`, its number past every one seen in any ref.
///
/// Edit it, commit it, then `chant work NNN`.
#[derive(Args)]
pub struct Add {
    /// What must become true.
    title: String,
    /// The type of the spec.
    #[arg(long = "type", value_name = "TYPE", default_value = "code", value_parser = super::list::TYPES)]
    kind: String,
    /// Make it a member of this driver: `<driver>.N`.
    #[arg(long, value_name = "DRIVER")]
    member_of: Option<String>,
}

impl Add {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project()?;
        let kind: Kind = self.kind.parse().unwrap_or(Kind::Code);
        let added = ops::write::add(&project, &self.title, kind, self.member_of.as_deref())?;
        context.print(&format!("{}\n", added.path))?;
        context.say(&format!(
            "now say in it how it is to be proven, and commit it:\n  chant edit {0}\n  git add {1} && git commit -m \"spec: {0}\"\n  chant work {0}",
            added.id, added.path
        ));
        Ok(0)
    }
}
