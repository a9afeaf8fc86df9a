//! `chant split`

use std::sync::Arc;

use clap::Args;

use super::{Context, Outcome, paint, progress, text};
use crate::ops;
use crate::project;
use crate::run::{self, Request};

/// Have an agent plan the members of a spec, and write them to a branch for review.
///
/// The agent is asked for members with titles, criteria, proofs, dependencies and the files they will change, in a checked
/// form. The plan is shown and written as specs to the branch `split/<id>`, on top of the spec's target (of a member, its
/// outermost driver's); the spec itself becomes a driver there. Nothing is claimed, your checkout stays as it is, and merging the branch is up to you. A plan that
/// is not usable is refused, with the place underlined.
#[derive(Args)]
pub struct Split {
    /// The spec.
    id: String,
    /// The agent, before the spec's own and the configured one.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// The template of the prompt; `split` where nothing is said.
    #[arg(long, value_name = "NAME")]
    prompt: Option<String>,
    /// The branch that the specs are meant for; the spec's target where nothing is said.
    #[arg(long, value_name = "BRANCH")]
    target: Option<String>,
}

impl Split {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project_at_home()?;
        let look = project::look(&project).map_err(ops::Error::from)?;
        let id = ops::find(&look, &self.id)?.clone();
        let request = Request { agent: self.agent, prompt: self.prompt, target: self.target, ..Request::default() };
        let reporter = Arc::new(progress::quiet(context));
        let done = run::split_alone(project, &id, request, reporter)?;
        let width = context.paint.width;
        let mut out =
            format!("{}\n", paint::bold(&format!("{} in {}", done.id, text::count(done.ids.len(), "member"))));
        for (member, own) in done.plan.members.iter().zip(&done.ids) {
            out.push_str(&format!(
                "\n  {}  {}\n",
                paint::bold(own.as_str()),
                text::cut(&text::clean(&member.title), width)
            ));
            let mut line = |what: &str, words: &str| {
                for line in text::wrap(&text::clean(&format!("{what}{words}")), width.saturating_sub(6)) {
                    out.push_str(&format!("      {line}\n"));
                }
            };
            for (criterion, proof) in &member.criteria {
                line("- ", criterion);
                proof.iter().for_each(|proof| line("  $ ", proof));
            }
            let needs: Vec<&str> =
                member.depends_on.iter().filter_map(|n| done.ids.get(*n)).map(|id| id.as_str()).collect();
            if !needs.is_empty() {
                line("after ", &needs.join(", "));
            }
            if !member.target_files.is_empty() {
                line("changes ", &member.target_files.join(", "));
            }
        }
        for overlap in &done.overlaps {
            let warning = format!("warning: {overlap}; let one wait for the other, or set `overlap: serialize`");
            out.push('\n');
            text::wrap(&text::clean(&warning), width).iter().for_each(|line| out.push_str(&format!("{line}\n")));
        }
        let (branch, target) = (&done.branch, &done.target);
        out.push_str(&format!("\nwritten to {branch}, for {target}\n"));
        context.print(&out)?;
        context.say(&format!(
            "next:\n  git diff {target}...{branch}\n  git merge {branch}  # on {target}\n  chant work {}",
            done.id
        ));
        Ok(0)
    }
}
