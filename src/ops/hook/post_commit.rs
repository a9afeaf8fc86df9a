//! post-commit: a completion that stands lands; a commit of specs starts what it made ready, where that is wished.

use std::sync::Arc;

use super::{Call, Said, worker};
use crate::ledger::{self, Reading, Transition};
use crate::ops::Error;
use crate::project::{self, Project, SPECS};
use crate::run::{self, Ending, Progress, Request};
use crate::spec::SpecId;

pub(super) fn run(call: &Call) -> Result<Said, Error> {
    let Some(head) = call.head()?.filter(|_| !call.replays()) else { return Ok(Said::new()) };
    let block = match ledger::read(&call.repo.message(head)?) {
        Reading::Block(block) => Some(block),
        _ => None,
    };
    if let Some(block) = block.filter(|block| block.status.is_some() || block.approval.is_some())
        && let Some((project, id)) = call.spec()?
    {
        if !super::changes_nothing(&call.repo, head)? {
            let word = "this commit changes files, and so it says nothing of";
            let again = "take the trailer out (`git commit --amend`), then say it with `git commit --allow-empty`";
            return Ok(vec![format!("{word} {id}: {again}")]);
        }
        if let Some(why) = run::unsigned(&project, head)? {
            return Ok(vec![why]);
        }
        // Whoever runs meanwhile finds it, and is to know that a person made it.
        run::vouch(&project, &id, head)?;
        if block.status == Some(Transition::Completed) {
            return land(call, &project, &id);
        }
    }
    if call.repo.config(worker::SETTING).as_deref() == Some("true") {
        return start(call, head);
    }
    Ok(Said::new())
}

/// Lands what a person completed, as `chant work` does with what an engine completed.
fn land(call: &Call, project: &Project, id: &SpecId) -> Result<Said, Error> {
    if super::is_worked(project, id) {
        return Ok(Said::new());
    }
    let said: Arc<std::sync::Mutex<Said>> = Arc::default();
    let (heard, reporter) = (Arc::clone(&said), Arc::clone(&call.reporter));
    let listen = move |progress: Progress| {
        if let Progress::Ended { id, ending } = &progress
            && let Ok(mut said) = heard.lock()
        {
            said.push(words(id, ending));
        }
        reporter(progress);
    };
    let request = Request { ids: vec![id.clone()], ..Request::default() };
    run::work(project.clone(), request, Arc::new(listen))?;
    let said = said.lock().map(|said| said.clone()).unwrap_or_default();
    Ok(said)
}

fn words(id: &SpecId, ending: &Ending) -> String {
    match ending {
        Ending::Landed { commit, target, .. } => format!("{id} landed on {target} as {}", commit.short()),
        Ending::AlreadyDone => format!("{id} is in its target already"),
        Ending::Review(reason) => format!("{id} {reason}"),
        Ending::Stuck { reason, .. } => format!("{id} did not land: {reason}"),
        Ending::Failed(reason) => format!("{id} failed: {reason}"),
        Ending::Refused(reason) | Ending::Held(reason) => format!("{id} was not landed: {reason}"),
        Ending::Person(_) | Ending::HandedOver { .. } | Ending::Interrupted => format!("{id} was not landed"),
    }
}

/// Hands the worker what a commit of specs made ready.
fn start(call: &Call, head: ledger::Oid) -> Result<Said, Error> {
    let mut said = Said::new();
    let parent = call.repo.parents(head)?.first().copied();
    let changes = call.repo.changes(parent, head)?;
    for project in call.projects()? {
        let dir = project.path(&format!("{SPECS}/"));
        let stems = changes.iter().filter_map(|change| change.path.strip_prefix(&dir)?.strip_suffix(".md"));
        let ids: Vec<SpecId> = stems.filter_map(|stem| stem.parse().ok()).collect();
        if ids.is_empty() {
            continue;
        }
        let look = project::look(&project)?;
        let on_target = call.repo.head()?.branch() == look.default_target.as_deref();
        if on_target {
            said.extend(worker::hand_over(call, &project, &look, |id| ids.contains(id))?);
        }
    }
    Ok(said)
}
