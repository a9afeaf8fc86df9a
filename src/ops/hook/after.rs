//! post-merge, post-rewrite, post-checkout: other people's work has come in, or mine has moved.

use super::{Call, Said, worker};
use crate::ops::Error;
use crate::plan::Status;
use crate::project::{self, Look, Project};
use crate::run;
use crate::spec::SpecId;

/// Says what has landed and cleans up after it; says what became ready where `news` may have come in.
pub(super) fn run(call: &Call, news: bool) -> Result<Said, Error> {
    let mut said = Said::new();
    if call.replays() || crate::agent::inside_run(call.repo.common_dir()).is_some() {
        return Ok(said);
    }
    let branches = call.repo.refs("refs/heads/chant/")?;
    if branches.is_empty() && !news {
        return Ok(said);
    }
    for project in call.projects()? {
        let look = project::look(&project)?;
        said.extend(cleaned(call, &project, &look)?);
        if news {
            said.extend(became_ready(call, &project, &look)?);
        }
    }
    Ok(said)
}

fn cleaned(call: &Call, project: &Project, look: &Look) -> Result<Said, Error> {
    let done = |id: &SpecId| look.board.row(id).is_some_and(|row| row.status == Status::Completed);
    let branch = |id: &SpecId| look.branches.contains(&project.qualify(id).branch());
    let landed: Vec<SpecId> = look.set.iter().map(|spec| spec.id.clone()).filter(|id| done(id) && branch(id)).collect();
    if landed.is_empty() {
        return Ok(Said::new());
    }
    run::clean_up(project, std::sync::Arc::clone(&call.reporter))?;
    Ok(landed.into_iter().map(|id| format!("{id} has landed")).collect())
}

fn became_ready(call: &Call, project: &Project, look: &Look) -> Result<Said, Error> {
    let before = call.repo.rev("ORIG_HEAD").ok().map(|was| project::look_at(project, was)).transpose()?;
    let ready = |look: &Look, id: &SpecId| look.board.row(id).is_some_and(|row| row.status == Status::Ready);
    let fresh = |id: &SpecId| ready(look, id) && !before.as_ref().is_some_and(|before| ready(before, id));
    let ids: Vec<SpecId> = look.set.iter().map(|spec| spec.id.clone()).filter(|id| fresh(id)).collect();
    if ids.is_empty() {
        return Ok(Said::new());
    }
    let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let mut said = vec![format!("ready now: {}", names.join(", "))];
    if call.repo.config(worker::SETTING).as_deref() == Some("true") {
        said.extend(worker::hand_over(call, project, look, |id| ids.contains(id))?);
    }
    Ok(said)
}
