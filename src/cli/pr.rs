//! `chant pr`

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::{Context, Outcome, progress};
use crate::config::Flags;
use crate::ops;
use crate::ops::pr::PullView;
use crate::run::Pulled;

/// Ask for a completed spec to be merged: a pull request on the forge.
///
/// Pushes the spec's branch and opens a pull request into the branch that it lands on: a member's into its driver's branch,
/// a driver's into the base. The request carries the spec, its criteria with their evidence, the size, what it depends on,
/// and the trailers by which a squash of it is known. Run again, it brings the request up to date; nothing is opened twice.
/// `land: pr` in the settings does this by itself for whatever is completed.
///
/// The forge is told by the remote's URL, or by `forge:` in the settings: `github`, `gitlab`, `forgejo`, `gitea`, `gerrit`,
/// or `none`, where the words of `git request-pull` are printed. A token comes from the environment (GH_TOKEN,
/// GITLAB_TOKEN, …) or from Git's credential helpers; it is stored nowhere.
#[derive(Args)]
pub struct Pr {
    /// The spec.
    #[arg(required_unless_present = "status")]
    id: Option<String>,
    /// A driver's members too, as far as they are completed and have not landed.
    #[arg(long)]
    members: bool,
    /// Ask the forge about all open requests, take in what was merged there, and clean up after it.
    #[arg(long, conflicts_with_all = ["id", "members", "patches"])]
    status: bool,
    /// Write the work as patches for mail into this directory, and open nothing.
    #[arg(long, value_name = "DIR", conflicts_with = "members")]
    patches: Option<PathBuf>,
    /// The remote, where the settings name none or another.
    #[arg(long, value_name = "NAME")]
    remote: Option<String>,
    /// Print the status as JSON.
    #[arg(long, requires = "status")]
    json: bool,
}

impl Pr {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project_with(&Flags { remote: self.remote.clone(), ..Flags::default() })?;
        if self.status {
            let views = ops::pr::status(&project, Arc::new(progress::quiet(context)))?;
            if self.json {
                context.json(&views)?;
                return Ok(0);
            }
            return tell(context, &views);
        }
        let id = self.id.as_deref().unwrap_or_default();
        if let Some(dir) = &self.patches {
            let files = ops::pr::patches(&project, id, &context.env.cwd.join(dir))?;
            context.print(&files.iter().map(|file| format!("{file}\n")).collect::<String>())?;
            return Ok(0);
        }
        let mut code = 0;
        for asked in ops::pr::open(&project, id, self.members)? {
            match asked.outcome {
                Ok(Pulled::Text(text)) => context.print(&text)?,
                Ok(pulled) => context.print(&format!("{}  {}\n", asked.id, pulled.words()))?,
                Err(error) => {
                    code = code.max(error.exit());
                    context.say(&context.paint.report(&ops::Error::from(error)));
                }
            }
        }
        Ok(code)
    }
}

fn tell(context: &Context, views: &[PullView]) -> Outcome {
    if views.is_empty() {
        context.print("nothing that is completed waits to be merged\n")?;
        return Ok(0);
    }
    let wide = views.iter().map(|view| view.id.len()).max().unwrap_or(0);
    for view in views {
        let number = view.number.map(|number| format!("#{number} ")).unwrap_or_default();
        let mut line =
            format!("{:wide$}  {number}{}", view.id, if view.state == "none" { "no request" } else { &view.state });
        if let Some(landing) = &view.landing {
            let onto = view.base.as_ref().map(|base| format!(" on {base}")).unwrap_or_default();
            line.push_str(&format!(", landed{onto} as {}", landing.get(..8).unwrap_or(landing)));
        }
        for said in view.opinion.iter().chain(&view.url) {
            line.push_str(&format!("  {said}"));
        }
        context.print(&format!("{line}\n"))?;
        if let Some(next) = &view.next {
            context.print(&format!("{:wide$}  {next}\n", ""))?;
        }
    }
    Ok(0)
}
