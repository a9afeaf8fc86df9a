//! What a start commit stands on: the base, the kept work of an earlier attempt, or the merge of both.

use super::events::{Recorded, event, journal};
use super::{Engine, Error, honesty, shared};
use crate::agent::Lock;
use crate::git::{Expect, Merge, Moved, RefMove, Repo};
use crate::ledger::{Block, Oid, Record};
use crate::spec::Qualified;

/// What a start commit is to stand on.
pub(super) struct Ground<'a> {
    pub base: Oid,
    pub target: &'a str,
    /// Whether an interrupted run is gone on with.
    pub resumed: bool,
}

/// Where a start commit goes, and what has to be kept beside it.
pub(super) struct Origin {
    pub parent: Oid,
    keep: Option<Oid>,
    pub remark: String,
}

impl Origin {
    pub(super) fn keep(
        &self,
        repo: &Repo,
        qualified: &Qualified,
        record: Option<&Record>,
    ) -> Result<Option<RefMove>, Error> {
        let Some(old) = self.keep else { return Ok(None) };
        let attempt = record.map_or(0, |record| record.attempt);
        let name = format!("refs/chant/attempts/{qualified}/{attempt}-{}", old.short());
        if repo.tip(&name)?.is_some() {
            return Ok(None);
        }
        Ok(Some(RefMove { name, from: Expect::Absent, to: Some(old) }))
    }
}

/// Records an event where an attempt would begin: on the base and what was kept, so that its tree shows both.
///
/// # Errors
/// Where Git cannot write; a branch that moved is an outcome, not an error.
pub fn record_at_ground(
    engine: &Engine,
    lock: &Lock,
    qualified: &Qualified,
    record: Option<&Record>,
    (base, target): (Oid, &str),
    subject: &str,
    block: &Block,
) -> Result<Recorded, Error> {
    let repo = &engine.project.repo;
    let old = repo.tip(&qualified.full_ref())?;
    let origin = origin(engine, qualified, record, lock, old, &Ground { base, target, resumed: false })?;
    let commit = event(repo, lock, origin.parent, subject, &origin.remark, block)?;
    let from = old.map_or(Expect::Absent, Expect::At);
    let mut moves = vec![RefMove { name: qualified.full_ref(), from, to: Some(commit) }];
    moves.extend(origin.keep(repo, qualified, record)?);
    super::tidy::bring_worktree(engine, &qualified.id, old, commit)?;
    match shared::move_refs(&engine.project, &moves, subject)? {
        Moved::Done => Ok(Recorded::At(commit)),
        Moved::TipMoved { now, .. } => Ok(Recorded::TipMoved(now)),
    }
}

/// The merge of the kept tip with the base; the base alone where they conflict, where the work is in the target
/// already, where the caller wants a fresh start, or where what was kept is not honest.
pub(super) fn origin(
    engine: &Engine,
    qualified: &Qualified,
    record: Option<&Record>,
    lock: &Lock,
    old: Option<Oid>,
    ground: &Ground<'_>,
) -> Result<Origin, Error> {
    let repo = &engine.project.repo;
    let Ground { base, target, resumed } = *ground;
    let Some(old) = old else { return Ok(Origin { parent: base, keep: None, remark: String::new() }) };
    let afresh = |remark: String| Origin { parent: base, keep: Some(old), remark };
    if engine.request.fresh {
        return Ok(afresh("Started over; the earlier work is kept.".to_owned()));
    }
    if repo.is_ancestor(old, base)? {
        return Ok(afresh(String::new()));
    }
    if let Some(complaint) = honesty::kept(engine, qualified, record, old, base)? {
        return Ok(afresh(format!("Started over, for what was kept cannot be built on: {complaint}.")));
    }
    let adopted = if record.is_none() { "The branch was here already and is adopted." } else { "" };
    if record.is_none() {
        engine.notice(&qualified.id, format!("the branch {} was here already, and is adopted", qualified.branch()));
    }
    if repo.is_ancestor(base, old)? {
        return Ok(Origin { parent: old, keep: None, remark: adopted.to_owned() });
    }
    match repo.merge(old, base)? {
        Merge::Clean { tree } => {
            let message = format!("Merge branch '{target}' into {}\n", qualified.branch());
            let merged = repo.commit(tree, &[old, base], &message)?;
            journal(lock, merged)?;
            Ok(Origin { parent: merged, keep: None, remark: adopted.to_owned() })
        }
        Merge::AlreadyIn => Ok(Origin { parent: old, keep: None, remark: adopted.to_owned() }),
        // What an interrupted run has done is not thrown away for that: the landing will say what conflicts.
        Merge::Conflicts { .. } if resumed => Ok(Origin { parent: old, keep: None, remark: String::new() }),
        Merge::Conflicts { paths } => Ok(afresh(format!(
            "Started over, for the earlier work conflicts with {target} in {}; it is kept.",
            paths.join(", ")
        ))),
    }
}
