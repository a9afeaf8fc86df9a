//! prepare-commit-msg: a commit says which spec it is of; a merge or a squash says what it lands.

use std::collections::BTreeSet;
use std::path::Path;

use super::message::cleaned;
use super::{Call, Said};
use crate::ledger::block::key;
use crate::ledger::{self, Landing, Oid, Reading, State};
use crate::ops::Error;
use crate::project::{self, Project};
use crate::spec::{Qualified, SpecId};

pub(super) fn run(call: &Call) -> Result<Said, Error> {
    let file = call.file(0)?;
    let source = call.args.get(1).map(String::as_str).unwrap_or_default();
    if call.replays() || source == "commit" {
        return Ok(Said::new());
    }
    let text = std::fs::read(&file).map_err(Error::file(format!("read {}", file.display())))?;
    if !matches!(ledger::read(&cleaned(&text, &comment(call))), Reading::Nothing) {
        return Ok(Said::new());
    }
    // With `-m` or `-F` Git names neither, and both have left their traces.
    let merged = merged(call)?;
    let brought = if merged.is_empty() { squashed(call)? } else { merged };
    let mut trailers = landings(call, &brought)?;
    if brought.is_empty()
        && !matches!(source, "merge" | "squash")
        && let Some((project, id)) = call.spec()?
    {
        trailers.push(ledger::spec_line(&project.qualify(&id)));
    }
    add(call, &file, &trailers)?;
    Ok(Said::new())
}

/// Adds trailers to the file of a message, above its comments, where Git itself would put them.
pub(super) fn add(call: &Call, file: &Path, trailers: &[String]) -> Result<(), Error> {
    if trailers.is_empty() {
        return Ok(());
    }
    let mut git = call.repo.git(call.top(), &["interpret-trailers", "--in-place", "--no-divider"]);
    for trailer in trailers {
        git = git.arg("--if-exists").arg("addIfDifferent").arg("--trailer").arg(trailer);
    }
    git.arg(file).check().map_err(crate::git::Error::from)?;
    Ok(())
}

/// The sign that begins a comment in a message.
pub(super) fn comment(call: &Call) -> String {
    let said = call.repo.config("core.commentString").or_else(|| call.repo.config("core.commentChar"));
    said.filter(|sign| !sign.is_empty() && sign != "auto").unwrap_or_else(|| "#".to_owned())
}

/// The heads of the merge that is being committed.
fn merged(call: &Call) -> Result<Vec<Oid>, Error> {
    let heads = std::fs::read_to_string(call.repo.git_dir().join("MERGE_HEAD")).unwrap_or_default();
    let heads: Vec<Oid> = heads.lines().filter_map(|line| line.trim().parse().ok()).collect();
    let head = call.head()?;
    Ok(call.repo.commits(&heads, head.as_slice())?)
}

/// The commits that Git lists in the message of a squash, newest first, where the squash is what is about to be committed:
/// the message stays behind when somebody thinks better of it (`git restore --staged`), and says nothing of what comes after.
fn squashed(call: &Call) -> Result<Vec<Oid>, Error> {
    let text = std::fs::read(call.repo.git_dir().join("SQUASH_MSG")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let commits: Vec<Oid> = text.lines().filter_map(|line| line.strip_prefix("commit ")?.trim().parse().ok()).collect();
    let (Some(tip), Some(head)) = (commits.first(), call.head()?) else { return Ok(Vec::new()) };
    if call.repo.tree(*tip).is_err() {
        return Ok(Vec::new());
    }
    let base = call.repo.merge_base(head, *tip)?;
    let mut paths = Vec::new();
    for change in call.repo.changes(base, *tip)? {
        if call.repo.entry(head, &change.path)? != change.new {
            paths.push(change.path);
        }
    }
    let staged = !paths.is_empty() && call.repo.all_staged_anew(call.index.as_deref(), head, &paths)?;
    Ok(if staged { commits } else { Vec::new() })
}

/// What these commits land on the branch that is checked out, a line each, drivers with their members.
fn landings(call: &Call, brought: &[Oid]) -> Result<Vec<String>, Error> {
    let brought: BTreeSet<Oid> = brought.iter().copied().collect();
    let head = call.repo.head()?;
    let Some(onto) = head.branch().filter(|_| !brought.is_empty()) else { return Ok(Vec::new()) };
    let mut lines = Vec::new();
    for project in call.projects()? {
        let look = project::look(&project)?;
        let completed = |id: &SpecId| {
            let name = project.qualify(id);
            let record = look.ledger.record(&name).filter(|record| record.state == State::Completed)?;
            let commit = record.decided_by.filter(|commit| brought.contains(commit))?;
            Some(Landing { spec: name, attempt: record.attempt, commit })
        };
        let lands_here = |id: &SpecId| look.board.row(id).is_some_and(|row| row.target.as_deref() == Some(onto));
        let mut named: Vec<Landing> = Vec::new();
        for id in look.set.iter().map(|spec| &spec.id).filter(|id| lands_here(id)) {
            let Some(landing) = completed(id) else { continue };
            named.push(landing);
            named.extend(members(&project, &look.set, id).iter().filter_map(completed));
        }
        named.dedup();
        if let [one, ..] = &named[..] {
            lines.push(ledger::spec_line(&one.spec));
        }
        lines.extend(named.iter().map(|landing| format!("{}: {landing}", key::LANDING)));
    }
    Ok(lines)
}

fn members(_project: &Project, set: &crate::spec::Set, driver: &SpecId) -> Vec<SpecId> {
    let mut found = Vec::new();
    let mut open: Vec<&SpecId> = set.members_of(driver).iter().rev().collect();
    while let Some(id) = open.pop() {
        found.push(id.clone());
        open.extend(set.members_of(id).iter().rev());
    }
    found
}

/// Whether a landing line names what really was completed.
pub(super) fn is_true(look: &project::Look, landing: &Landing) -> bool {
    let name: &Qualified = &landing.spec;
    look.ledger.record(name).is_some_and(|record| {
        record.entries.iter().any(|entry| {
            entry.commit == landing.commit
                && entry.block.attempt == Some(landing.attempt)
                && entry.block.status == Some(ledger::Transition::Completed)
        })
    })
}
