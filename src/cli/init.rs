//! `chant init`

use clap::Args;

use super::{Context, Outcome};
use crate::ops;

/// Make a project here: a directory for specs, and a settings file.
///
/// Makes a Git repository around it where there is none. Doing it twice is the same as once; nothing that is there is
/// changed.
#[derive(Args)]
pub struct Init {
    /// The project's name; needed where this is not the repository's top.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Init {
    pub fn run(self, context: &Context) -> Outcome {
        let made = ops::init::init(&context.env, self.name.as_deref())?;
        if made.repository {
            context.print("made a Git repository\n")?;
        }
        for path in &made.created {
            context.print(&format!("made {path}\n"))?;
        }
        if let Some(remote) = &made.refspecs {
            context.print(&format!("`git fetch {remote}` brings kept attempts and notes as well\n"))?;
        }
        if made.created.is_empty() && made.refspecs.is_none() {
            context.print("everything was here already\n")?;
        }
        if made.long {
            context.say(&format!("{}:\n  {}", ops::upkeep::LACKS, ops::upkeep::HELP));
        }
        context.say(
            "next:\n  git add .chant && git commit -m \"chant: a project\"\n  chant add \"What must become true\"",
        );
        Ok(0)
    }
}
