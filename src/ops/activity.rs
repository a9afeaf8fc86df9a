//! `chant activity`: what happened, in order, from Git alone.

use std::collections::{BTreeMap, BTreeSet};

use super::Error;
use crate::ledger::{self, Approval, Block, Entry, Landing, Oid, Reading, Transition};
use crate::project::{Look, Project};
use crate::spec::SpecId;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The commit that tells of it.
    pub commit: Oid,
    /// When, in seconds since 1970, as the commit says and as descent allows.
    pub time: i64,
    /// Who, as `Name <mail>`.
    pub author: String,
    /// The spec it happened to; `None` for an edit.
    pub spec: Option<SpecId>,
    /// One word: `started`, `completed`, `failed`, `cancelled`, `reset`, `approved`, `rejected`, `landed`, `reverted` or
    /// `edited`.
    pub what: &'static str,
    /// The rest, in one line.
    pub detail: String,
}

/// Everything that happened in a project, oldest first; of edits to its `.chant/` the last `edits`.
///
/// # Errors
/// Where the history cannot be read.
pub fn activity(project: &Project, look: &Look, edits: usize) -> Result<Vec<Moment>, Error> {
    let mut moments: Vec<Moment> = Vec::new();
    let mut landings: BTreeSet<Oid> = BTreeSet::new();
    for (id, record) in look.ledger.of(project.name.as_ref()) {
        moments.extend(record.entries.iter().filter_map(|entry| of_event(id, entry)));
        landings.extend(record.landing.as_ref().map(|landed| landed.commit));
        if let Some(revert) = record.reverted {
            moments.push(of_commit(project, revert, Some(id.clone()), "reverted", String::new())?);
        }
    }
    for commit in look.history.told() {
        if let Some(note) = look.history.note(&commit)
            && let Reading::Block(Block { landings: lines, .. }) = ledger::read(&note.message)
            && !lines.is_empty()
        {
            landings.remove(&commit);
            moments.extend(of_landing(project, commit, &lines)?);
        }
    }
    // What a person brought in by a plain merge bears no line that says so.
    for commit in landings {
        for (id, record) in look.ledger.of(project.name.as_ref()) {
            if let Some(landed) = record.landing.as_ref().filter(|landed| landed.commit == commit) {
                let target = &landed.target;
                moments.push(of_commit(project, commit, Some(id.clone()), "landed", format!("on {target}"))?);
            }
        }
    }
    moments.extend(edited(project, look, edits)?);
    Ok(in_order(look, moments))
}

fn in_order(look: &Look, moments: Vec<Moment>) -> Vec<Moment> {
    let order = look.history.in_order(moments.iter().map(|moment| (moment.commit, moment.time)));
    let mut by_commit: BTreeMap<Oid, Vec<Moment>> = BTreeMap::new();
    for moment in moments {
        by_commit.entry(moment.commit).or_default().push(moment);
    }
    let mut told = Vec::new();
    for (commit, time) in order {
        let here = by_commit.remove(&commit).unwrap_or_default();
        told.extend(here.into_iter().map(|moment| Moment { time, ..moment }));
    }
    told
}

fn of_event(id: &SpecId, entry: &Entry) -> Option<Moment> {
    let Block { status, approval, attempt, agent, criteria, reason, .. } = &entry.block;
    let attempt = attempt.unwrap_or_default();
    let why = |lead: &str| reason.as_ref().map(|reason| format!("{lead}{reason}")).unwrap_or_default();
    let (what, detail) = match (approval, status) {
        (Some(Approval::Rejected), _) => ("rejected", format!("attempt {attempt}{}", why(": "))),
        (Some(Approval::Approved), _) => ("approved", format!("attempt {attempt}")),
        (None, Some(Transition::InProgress)) => {
            let by = agent.as_ref().map(|agent| format!(" by {agent}")).unwrap_or_default();
            ("started", format!("attempt {attempt}{by}"))
        }
        (None, Some(Transition::Completed)) => {
            let tally = criteria.map(|tally| format!(": {tally}")).unwrap_or_default();
            ("completed", format!("attempt {attempt}{tally}"))
        }
        (None, Some(Transition::Failed)) => ("failed", format!("attempt {attempt}{}", why(": "))),
        (None, Some(Transition::Cancelled)) => ("cancelled", why("")),
        (None, Some(Transition::Pending)) => ("reset", why("")),
        (None, None) => return None,
    };
    let (commit, time, author) = (entry.commit, entry.time, entry.author.clone());
    Some(Moment { commit, time, author, spec: Some(id.clone()), what, detail })
}

/// One moment for the spec that a landing is about; what came with a driver had landed on its branch before.
fn of_landing(project: &Project, commit: Oid, lines: &[Landing]) -> Result<Option<Moment>, Error> {
    let Some(first) = lines.iter().find(|line| line.spec.project == project.name) else { return Ok(None) };
    let with = lines.len() - 1;
    let detail = match with {
        0 => format!("attempt {}", first.attempt),
        1 => format!("attempt {}, with one member", first.attempt),
        n => format!("attempt {}, with {n} members", first.attempt),
    };
    of_commit(project, commit, Some(first.spec.id.clone()), "landed", detail).map(Some)
}

fn of_commit(
    project: &Project,
    commit: Oid,
    spec: Option<SpecId>,
    what: &'static str,
    detail: String,
) -> Result<Moment, Error> {
    let entry = project.repo.log_entry(commit)?;
    Ok(Moment { commit, time: entry.time, author: entry.author, spec, what, detail })
}

/// Commits of people that changed what stands in `.chant/`.
fn edited(project: &Project, look: &Look, most: usize) -> Result<Vec<Moment>, Error> {
    if look.history.is_empty() || most == 0 {
        return Ok(Vec::new());
    }
    let dir = project.path(crate::project::DIR);
    let mut found = Vec::new();
    for (commit, paths) in project.repo.commits_touching(look.view.from, &dir, most)? {
        let entry = project.repo.log_entry(commit)?;
        if !ledger::mentions(&entry.message).is_empty() {
            continue;
        }
        let lead = format!("{dir}/");
        let names: Vec<&str> = paths.iter().map(|path| path.strip_prefix(&lead).unwrap_or(path)).collect();
        let shown = names.iter().take(3).copied().collect::<Vec<_>>().join(", ");
        let more = if names.len() > 3 { format!(" and {} more", names.len() - 3) } else { String::new() };
        let detail = format!("{}: {shown}{more}", entry.subject.trim());
        found.push(Moment { commit, time: entry.time, author: entry.author, spec: None, what: "edited", detail });
    }
    Ok(found)
}
