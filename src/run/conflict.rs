//! A landing that conflicts goes back to whoever did the work, where the settings say `conflicts: retry`: the next attempt
//! stands on the completed work, and its agent is told what both sides did and what the other side was for.

use similar::TextDiff;

use super::model::Claim;
use super::prompt::facts::{Conflict, ConflictFile, Rival, fence};
use super::{Engine, Error};
use crate::config::Conflicts;
use crate::ledger::Oid;
use crate::project::{self, Look, Project};
use crate::spec::SpecId;

/// So often in one call: whoever resolves may be overtaken.
pub(super) const ROUNDS: u32 = 3;
/// Bytes of one side's change to one file.
const DIFF: usize = 24 * 1024;
/// Files of which the changes are shown.
const FILES: usize = 20;

/// A landing that conflicts.
#[derive(Debug, Clone)]
pub(super) struct Clash {
    /// The spec that landed first, or the branch that it landed on.
    pub with: String,
    /// The files.
    pub paths: Vec<String>,
}

impl Clash {
    /// What is said of it; what is to be done about it depends on who does it.
    pub fn words(&self) -> String {
        format!("conflicts with {} in {}", self.with, self.paths.join(", "))
    }
}

/// Remembers that a landing conflicts, so that the next round of the attempt takes care of it, where that is wished.
pub(super) fn noted(engine: &Engine, id: &SpecId, settings: &crate::config::Settings, clash: &Clash) {
    if settings.conflicts.value == Conflicts::Retry {
        engine.conflicts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(id.clone(), clash.clone());
    }
}

/// The last landing of a spec that conflicted, where that is to be taken care of.
pub(super) fn of(engine: &Engine, id: &SpecId) -> Option<Clash> {
    engine.conflicts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(id).cloned()
}

/// Forgets it: the attempt that takes care of it has begun.
pub(super) fn taken_up(engine: &Engine, id: &SpecId) {
    engine.conflicts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(id);
}

/// What the agent is told of a conflict between completed work and the target's tip.
///
/// # Errors
/// Where Git cannot read a side.
pub(super) fn told(
    project: &Project,
    look: &Look,
    id: &SpecId,
    work: Oid,
    onto: Oid,
    paths: &[String],
) -> Result<Conflict, Error> {
    let fork = project.repo.merge_base(onto, work)?;
    let text = |side: Option<Oid>, path: &str| -> Result<String, Error> {
        let bytes = side.map(|side| project.repo.read(side, path)).transpose()?.flatten().unwrap_or_default();
        Ok(if bytes.contains(&0) { String::new() } else { String::from_utf8_lossy(&bytes).into_owned() })
    };
    let mut files = Vec::new();
    for path in paths.iter().take(FILES) {
        let (before, ours, theirs) = (text(fork, path)?, text(Some(work), path)?, text(Some(onto), path)?);
        let (ours, theirs) = (changed(&before, &ours), changed(&before, &theirs));
        files.push(ConflictFile { path: crate::spec::on_a_line(path), fence: fence(&[&ours, &theirs]), ours, theirs });
    }
    let mut rivals = Vec::new();
    if let Some(rival) = project::rival(project, &look.board, id, onto, work, paths)? {
        let file = project.spec_path(&rival.id);
        let text = project.repo.read(onto, &file)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        rivals.push(Rival { id: rival.id.to_string(), fence: fence(&[&text]), text });
    }
    Ok(Conflict { commit: onto.to_string(), files, rivals })
}

/// A change as a unified diff, cut where it is long.
fn changed(before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut text = diff.unified_diff().context_radius(3).to_string();
    if text.len() > DIFF {
        text.truncate(text.floor_char_boundary(DIFF));
        text.push_str("\n… cut here: the rest is in Git");
    }
    text.trim_end().to_owned()
}

/// Why an attempt that was to resolve a conflict has not: the other side is not in it.
///
/// # Errors
/// Where Git cannot tell.
pub(super) fn unresolved(engine: &Engine, claim: &Claim, tip: Oid) -> Result<Option<String>, Error> {
    if !claim.resolves || engine.project.repo.is_ancestor(claim.base, tip)? {
        return Ok(None);
    }
    Ok(Some(format!(
        "it was to merge {} into its branch, for they conflict, and has not; what it had completed is kept",
        claim.target
    )))
}
