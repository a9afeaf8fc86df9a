//! `chant work`

use std::collections::BTreeMap;

use clap::Args;

use super::{Context, Outcome, progress};
use crate::config::Flags;
use crate::ops;
use crate::plan::Status;
use crate::project::{self, Look, Project};
use crate::run::{self, Request};
use crate::spec::{Severity, SpecId};

/// Work specs: claim, worktree, agent, commit, proof, landing.
///
/// A driver stands for its members: those that are ready run side by side, and whoever lands the last completes the
/// driver. A spec that was interrupted, also by SIGKILL, goes on where it stood; a failed one gets another attempt,
/// which is told what was missing. Without an id, every ready spec is worked, and what is completed and has not come to
/// land is landed.
///
/// Ctrl-C stops the agents, keeps their work and exits 130.
#[derive(Args)]
pub struct Work {
    /// The specs (`002` is the driver, `002.1` its first member).
    ids: Vec<String>,
    /// How many agents may run side by side.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// The agent, before the spec's own and the configured one (`person` makes the worktree for you).
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Work completed specs again that have drifted: all of them, or those that are named.
    #[arg(long, conflicts_with = "finish")]
    drifted: bool,
    /// The branch to land on.
    #[arg(long, value_name = "BRANCH")]
    target: Option<String>,
    /// Start over from the target's tip; the old tip is kept under refs/chant/attempts.
    #[arg(long)]
    fresh: bool,
    /// Start although the upstream is known to be ahead.
    #[arg(long)]
    stale: bool,
    /// Take over the run of another clone: the next attempt, in a new worktree, so that the former holder cannot land.
    #[arg(long)]
    takeover: bool,
    /// Share claims and landings with other clones through this remote; an empty one: with nobody.
    #[arg(long, value_name = "NAME")]
    remote: Option<String>,
    /// The template of the prompt, before the spec's own and the configured one (docs: how-to/prompts).
    #[arg(long, value_name = "NAME")]
    prompt: Option<String>,
    /// Print the prompt that the next attempt would be given, and run nothing; with `--drifted`, with what has changed.
    #[arg(long, conflicts_with_all = ["finish", "fresh", "takeover"])]
    print_prompt: bool,
    /// Prove and land what a person did in the worktree.
    #[arg(long, conflicts_with_all = ["fresh", "agent"])]
    finish: bool,
}

impl Work {
    pub fn run(self, context: &Context) -> Outcome {
        let flags = Flags { remote: self.remote.clone(), ..Flags::default() };
        let project = context.project_with(&flags)?.at_home(&flags).map_err(ops::Error::from)?;
        let look = project::look(&project)?;
        if self.print_prompt {
            return self.print(context, &project, &look);
        }
        let again = if self.drifted { drifted(&project, &look, &self.ids)? } else { BTreeMap::new() };
        let ids = if self.drifted { again.keys().cloned().collect() } else { wanted(&look, &self.ids)? };
        if self.drifted && ids.is_empty() {
            context.say("nothing has drifted");
            return Ok(0);
        }
        if ids.is_empty() {
            // What a killed process left of its landing is not work, but somebody has to clear it away.
            let reporter = progress::reporter(context);
            run::clean_up(&project, reporter.clone().into_fn())?;
            reporter.finish();
            context.say("nothing is ready; `chant list` says why");
            return Ok(0);
        }
        let done: Vec<SpecId> = if self.fresh || self.drifted { Vec::new() } else { settled(&look, &ids) };
        let request = Request {
            ids,
            fresh: self.fresh,
            stale: self.stale,
            takeover: self.takeover,
            finish: self.finish,
            target: self.target,
            agent: self.agent,
            jobs: self.jobs.map(usize::from),
            prompt: self.prompt,
            handover: false,
            again,
        };
        let reporter = progress::reporter(context);
        let code = run::work(project, request, reporter.clone().into_fn());
        reporter.finish();
        let code = code?;
        for id in done {
            let members = look.board.row(&id).map(|row| row.members.as_slice()).unwrap_or_default();
            // A driver that has landed may have been given further members, and those were worked.
            if !std::iter::once(&id).chain(members).any(|id| reporter.heard(id)) {
                reporter.already_done(&id);
            }
        }
        Ok(code)
    }

    fn print(self, context: &Context, project: &Project, look: &Look) -> Outcome {
        let [query] = self.ids.as_slice() else {
            return Err(ops::Error::usage("a prompt is about one spec", "name it: `chant work --print-prompt <id>`"));
        };
        let id = ops::find(look, query)?;
        let again = if self.drifted { drifted(project, look, &self.ids)? } else { BTreeMap::new() };
        if self.drifted && again.is_empty() {
            context.say(&format!("{id} has not drifted"));
            return Ok(0);
        }
        let request = Request { target: self.target, prompt: self.prompt, again, ..Request::default() };
        // It is to be seen what a prompt becomes, also while the spec is not fit to be worked.
        let file = project.spec_path(id);
        let refused = ops::lint::lint(project, None)?;
        for wrong in
            refused.diagnostics.iter().filter(|d| d.severity == Severity::Error && file.ends_with(&*d.origin().name))
        {
            context.say(&context.paint.report(wrong));
        }
        context.print(&run::preview_prompt(project, look, id, &request)?)?;
        Ok(0)
    }
}

/// Completed specs that have drifted, each with what has changed.
fn drifted(project: &Project, look: &Look, queries: &[String]) -> Result<BTreeMap<SpecId, Vec<String>>, ops::Error> {
    let ids = queries.iter().map(|query| ops::find(look, query)).collect::<Result<Vec<_>, _>>()?;
    let mut found = project::drifted(project, look, None)?;
    found.retain(|one| ids.is_empty() || ids.contains(&&one.id));
    Ok(found.into_iter().map(|one| (one.id, one.reasons.iter().map(|reason| reason.words()).collect())).collect())
}

/// Those of which there is nothing left to do, so that the engine may have nothing to say of them.
fn settled(look: &Look, ids: &[SpecId]) -> Vec<SpecId> {
    let landed = |id: &&SpecId| look.board.row(id).is_some_and(|row| row.status == Status::Completed);
    ids.iter().filter(landed).cloned().collect()
}

fn wanted(look: &Look, queries: &[String]) -> Result<Vec<SpecId>, ops::Error> {
    if queries.is_empty() {
        let begun = |status: Status| matches!(status, Status::Ready | Status::Stalled | Status::InProgress);
        // A driver stands for its members; where it has landed, those that came later stand for themselves.
        let driven = |row: &crate::plan::Row| {
            row.driver.as_ref().is_some_and(|driver| {
                let status = look.board.status(driver);
                !matches!(status, Status::Completed | Status::Failed | Status::Cancelled)
            })
        };
        let ready =
            |row: &&crate::plan::Row| !driven(row) && (begun(row.status) || look.board.to_land.contains(&row.id));
        let open = look
            .board
            .rows
            .iter()
            .filter(ready)
            .filter(|row| row.status != Status::InProgress || !row.members.is_empty());
        return Ok(open.map(|row| row.id.clone()).collect());
    }
    let mut ids = Vec::new();
    for query in queries {
        let id = ops::find(look, query)?.clone();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}
