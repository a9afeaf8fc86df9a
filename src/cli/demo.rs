//! `chant demo`

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::{Context, Outcome, graph, log, paint, progress};
use crate::config::Flags;
use crate::env::Env;
use crate::ops;
use crate::project::{self, Project};
use crate::run::{self, Request};

/// Make a repository with the KPI example and work it from data to merged result.
///
/// A team with 8 % monthly churn wants 5 %. A research spec turns its figures into findings; a driver coordinates three
/// fixes that are built side by side. The agents are small shell programs: no network, no model, no other tool.
#[derive(Args)]
pub struct Demo {
    /// Where to make the repository; it must not exist or be empty.
    // Not `directory`: that is the id of the global `-C`.
    #[arg(value_name = "DIRECTORY", default_value = "chant-demo")]
    at: PathBuf,
    /// Make the repository, and work nothing.
    #[arg(long)]
    no_work: bool,
}

impl Demo {
    pub fn run(self, context: &Context) -> Outcome {
        let root = context.env.cwd.join(&self.at);
        ops::demo::lay_out(&context.env, &root)?;
        let shown = self.at.display();
        context.say(&format!(
            "{} a new repository in {shown}, with three context files and five specs",
            paint::bold("made")
        ));
        if self.no_work {
            context.print(&format!("next:\n  cd {shown}\n  chant list\n  chant work 001\n"))?;
            return Ok(0);
        }
        let env = Arc::new(context.env.within(&root));
        for (id, what) in
            [("001", "research: from the team's figures to findings"), ("002", "the driver: three fixes, side by side")]
        {
            context.say(&format!(
                "\n{} {}",
                paint::bold(&format!("$ chant work {id}")),
                paint::dim(&format!("# {what}"))
            ));
            let code = work(context, &env, id)?;
            if code != 0 {
                return Ok(code);
            }
        }
        let project = Project::open(&env, &Flags::default())?;
        let look = project::look(&project)?;
        context.print(&format!("\n{}\n", paint::bold("$ chant graph")))?;
        context.print(&graph::tree(&look, context.paint.width))?;
        context.print(&format!("\n{}\n", paint::bold("$ chant log")))?;
        log::story(context, &project, 20)?;
        context.print(&format!(
            "\nnext:\n  cd {shown}\n  chant show 002\n  chant why 002\n  git log --graph --oneline\n"
        ))?;
        Ok(0)
    }
}

fn work(context: &Context, env: &Arc<Env>, id: &str) -> Outcome {
    let project = Project::open(env, &Flags::default())?;
    let look = project::look(&project)?;
    let id = ops::find(&look, id)?.clone();
    let reporter = progress::reporter(context);
    let code = run::work(project, Request { ids: vec![id], ..Request::default() }, reporter.clone().into_fn());
    reporter.finish();
    Ok(code?)
}
