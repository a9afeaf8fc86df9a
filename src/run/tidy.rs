//! Worktrees around an attempt: made, saved, given back. Nothing goes whose content is not reachable elsewhere.

use std::path::Path;

use super::events::journal;
use super::inside;
use super::model::Claim;
use super::{Engine, Error, brought, powers, pulls, shared};
use crate::env::failpoint;
use crate::git::{Checkout, Expect, Follow, Head, RefMove, Removed};
use crate::ledger::{self, Oid};
use crate::plan::{Row, Status};
use crate::project::{self, Look, Project};
use crate::spec::{Qualified, SpecId};

/// What an earlier process left behind and nobody needs.
pub(super) fn at_start(project: &Project) -> Result<(), Error> {
    project.repo.free_dead_locks()?;
    for entry in std::fs::read_dir(project.worktrees_dir()).into_iter().flatten().flatten() {
        // The repository, or the project in it, may have been moved.
        project.repo.relink_worktree(&entry.path())?;
    }
    project.repo.sweep_trash()?;
    Ok(())
}

/// Deletes what was thrown away. What stays is found by the next call.
pub fn sweep(project: &Project) {
    project.repo.sweep_trash().ok();
}

/// What was thrown away is deleted, and Git's own housekeeping done, once for all that was done and as the user has
/// configured it, in the background. It is no part of the work: where it cannot be started, the next command of Git's does
/// it.
pub(super) fn at_end(project: &Project) {
    let repo = &project.repo;
    sweep(project);
    if repo.config("maintenance.auto").is_none_or(|auto| auto != "false") {
        repo.git(repo.common_dir(), &["gc", "--auto", "--quiet"]).check().ok();
    }
}

/// Makes the directory of the worktrees, ignored by way of `info/exclude` where it lies in the checkout.
pub(super) fn worktrees_dir(project: &Project) -> Result<(), Error> {
    let dir = project.worktrees_dir();
    std::fs::create_dir_all(&dir).map_err(Error::system(format!("cannot make {}", dir.display())))?;
    if let Some(top) = project.repo.main_workdir() {
        let top = top.canonicalize().unwrap_or(top);
        let real = dir.canonicalize().unwrap_or(dir);
        if let Ok(inside) = real.strip_prefix(&top) {
            project.repo.exclude(&format!("/{}/", inside.display()))?;
        }
    }
    Ok(())
}

/// Makes the worktree where it is missing, and empties the live transcript for a new run of the agent.
pub(super) fn worktree(engine: &Engine, claim: &Claim) -> Result<(), Error> {
    let project = &engine.project;
    stand(engine, &claim.id, &claim.qualified)?;
    failpoint("attempt.worktree");
    // What an agent has said is kept while a person goes on with its work.
    if claim.ended.is_none() && !claim.agent.is_person() {
        let log = project.transcript_path(&claim.id);
        if let Some(dir) = log.parent() {
            std::fs::create_dir_all(dir).map_err(Error::system("cannot make the directory of the logs"))?;
        }
        std::fs::write(&log, b"").map_err(Error::system("cannot empty the log"))?;
    }
    Ok(())
}

/// Makes the worktree of a spec's branch where it is missing.
pub(super) fn stand(engine: &Engine, id: &SpecId, qualified: &Qualified) -> Result<(), Error> {
    let project = &engine.project;
    let path = project.worktree_path(id);
    if !project.repo.is_worktree(&path)? {
        worktrees_dir(project)?;
        make_room(engine, id, &path)?;
        project.repo.add_worktree(&path, Checkout::Branch(qualified.branch()))?;
    }
    Ok(())
}

pub(super) fn on_branch(engine: &Engine, worktree: &Path, branch: &str) -> Result<bool, Error> {
    let head = engine.project.repo.worktree_head(worktree)?;
    Ok(head.is_some_and(|head| matches!(head, Head::Branch { name, .. } if name == branch)))
}

/// Everything in a worktree onto a safety copy, and the worktree away.
pub(super) fn set_aside(engine: &Engine, id: &SpecId, qualified: &Qualified, path: &Path) -> Result<(), Error> {
    let repo = &engine.project.repo;
    if let Err(error) = take_brought_away(engine, id) {
        return put_aside(engine, id, path, &error.to_string());
    }
    match repo.remove_worktree(path, Some(&backup_prefix(engine, qualified)?)) {
        Ok(Removed::Gone) => Ok(()),
        Ok(Removed::Rescued { name, .. }) => {
            engine.notice(id, format!("what its worktree held is kept at {name}"));
            Ok(())
        }
        Ok(Removed::Kept { reason }) if !repo.leftovers(path)?.nested.is_empty() && !repo.is_protected(path)? => {
            put_aside(engine, id, path, &reason)
        }
        Ok(Removed::Kept { reason }) => Err(Error::refused(
            format!("the worktree {} is in the way, and cannot be removed: {reason}", path.display()),
            "look at what it holds, then `git worktree remove --force` it",
        )),
        // It holds what Git cannot commit.
        Err(error) => put_aside(engine, id, path, &error.to_string()),
    }
}

/// What was brought along is in no safety copy.
fn take_brought_away(engine: &Engine, id: &SpecId) -> Result<(), Error> {
    if let Some(kept) = brought::take_away(&engine.project, id)? {
        let what = "what was changed of the files that were brought along is kept, outside of all refs, in";
        engine.notice(id, format!("{what} {}", kept.display()));
    }
    Ok(())
}

/// Gives a directory that is in the way another name: nothing in it is touched.
pub(super) fn put_aside(engine: &Engine, id: &SpecId, path: &Path, why: &str) -> Result<(), Error> {
    let kept = engine.project.repo.put_aside(path)?;
    engine.notice(id, format!("what was at {} is kept as {}: {why}", path.display(), kept.display()));
    powers::tell(engine, id, &kept);
    Ok(())
}

/// Makes room for a worktree of ours where something stands that is none.
pub(super) fn make_room(engine: &Engine, id: &SpecId, path: &Path) -> Result<(), Error> {
    if !engine.project.repo.is_obstacle(path)? {
        return Ok(());
    }
    put_aside(engine, id, path, "it is no worktree of this repository, and its place is needed")
}

/// The beginning of the name of a spec's next safety copy; the commit's short name completes it.
fn backup_prefix(engine: &Engine, qualified: &Qualified) -> Result<String, Error> {
    let under = format!("refs/chant/backup/{qualified}/");
    let n = engine.project.repo.refs(&under)?.len() + 1;
    Ok(format!("{under}{n}-"))
}

/// Brings a worktree that is there to the start of the next run, before the branch moves; where it cannot follow, it
/// goes, for all it held is committed or set aside.
pub(super) fn bring_worktree(engine: &Engine, id: &SpecId, old: Option<Oid>, start: Oid) -> Result<(), Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let path = project.worktree_path(id);
    if !repo.is_worktree(&path)? {
        return Ok(());
    }
    let qualified = project.qualify(id);
    if let Some(old) = old
        && repo.is_ancestor(old, start)?
        && repo.follow(&path, old, start)? == Follow::Followed
    {
        return Ok(());
    }
    set_aside(engine, id, &qualified, &path)
}

/// The tip that a failure is recorded on: the branch's, or the start where the agent rewrote or deleted it; what it
/// made of it is kept as a safety copy.
pub(super) fn honest_tip(engine: &Engine, claim: &Claim) -> Result<Oid, Error> {
    let repo = &engine.project.repo;
    let name = claim.qualified.full_ref();
    let tip = repo.tip(&name)?;
    if let Some(tip) = tip
        && repo.is_ancestor(claim.start, tip)?
    {
        return Ok(tip);
    }
    let path = engine.project.worktree_path(&claim.id);
    if repo.is_worktree(&path)? {
        set_aside(engine, &claim.id, &claim.qualified, &path)?;
    }
    let mut moves = vec![RefMove { name, from: tip.map_or(Expect::Absent, Expect::At), to: Some(claim.start) }];
    if let Some(tip) = tip {
        let name = format!("{}{}", backup_prefix(engine, &claim.qualified)?, tip.short());
        moves.push(RefMove { name, from: Expect::Absent, to: Some(tip) });
    }
    shared::move_refs(&engine.project, &moves, "the start of the attempt, rewritten by its agent")?;
    journal(&claim.lock, claim.start)?;
    Ok(claim.start)
}

/// After a landing the worktrees and the branch go, for the merge holds all they held.
///
/// `target` is where it landed, as far as is known.
pub(super) fn after_landing(engine: &Engine, id: &SpecId, target: Option<&str>) -> Result<(), Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let qualified = project.qualify(id);
    failpoint("tidy.before-worktree");
    discard_proof(project, id)?;
    let path = project.worktree_path(id);
    if repo.is_worktree(&path)? {
        repo.clear_flags(&path)?;
        super::furnish::keep_caches(project, id, &path)?;
        take_brought_away(engine, id)?;
        match repo.remove_worktree(&path, Some(&backup_prefix(engine, &qualified)?))? {
            Removed::Gone => {}
            Removed::Rescued { name, .. } => {
                engine.notice(id, format!("files that were ignored or not committed are kept at {name}"))
            }
            Removed::Kept { reason } => {
                engine.notice(id, format!("its worktree is kept: {reason}"));
                return Ok(());
            }
        }
    }
    failpoint("tidy.before-branch");
    let Some(tip) = repo.tip(&qualified.full_ref())? else { return Ok(()) };
    let mut onto = Vec::new();
    if let Some(name) = target.map(|target| format!("refs/heads/{target}")) {
        onto.extend(repo.tip(&name)?);
        // Another clone may have landed it, and this one's branch not have followed yet.
        let remote = project.settings.remote.value.as_deref();
        onto.extend(remote.map(|remote| repo.tracked(remote, &name)).transpose()?.flatten());
    }
    let mut contained = false;
    for onto in onto {
        contained = contained || repo.is_ancestor(tip, onto)?;
    }
    let mut moves = vec![RefMove { name: qualified.full_ref(), from: Expect::At(tip), to: None }];
    if !contained {
        // A squash holds what the branch did, and not its commits.
        let look = project::look(project)?;
        let completed = look.board.row(id).is_some_and(|row| row.status == Status::Completed);
        let Some(record) = look.ledger.record(&qualified).filter(|_| completed) else { return Ok(()) };
        let whole = record.decided_by.is_some_and(|done| look.history.same_content(done, tip));
        if !whole && !completes(repo, &qualified, record.attempt, tip)? {
            engine.notice(id, format!("{} is kept: it has commits that did not land", qualified.branch()));
            return Ok(());
        }
        let name = format!("refs/chant/landed/{qualified}/{}-{}", record.attempt, tip.short());
        if repo.tip(&name)?.is_none() {
            moves.push(RefMove { name, from: Expect::Absent, to: Some(tip) });
        }
    }
    if let Some(worktree) = repo.checked_out(&qualified.branch())?.first() {
        engine.notice(id, format!("{} is kept: it is checked out in {}", qualified.branch(), worktree.path.display()));
        return Ok(());
    }
    if let Some(why) = pulls::keeps(engine, id, target)? {
        engine.notice(id, format!("{} is kept: {why}", qualified.branch()));
        return Ok(());
    }
    match shared::move_refs(project, &moves, "landed") {
        // It has landed, whatever becomes of the branch.
        Err(error @ (Error::Git(crate::git::Error::HookRefused { .. }) | Error::Refused { .. })) => {
            engine.notice(id, format!("{} is kept: {error}", qualified.branch()));
        }
        moved => drop(moved?),
    }
    failpoint("tidy.done");
    Ok(())
}

/// Whether a branch ends with the completion of an attempt, and nothing but events after it. What is in the target may be
/// a copy of that: a rebase makes one.
fn completes(repo: &crate::git::Repo, qualified: &Qualified, attempt: u32, tip: Oid) -> Result<bool, Error> {
    let tree = repo.tree(tip)?;
    for entry in repo.first_parent(tip, 100)? {
        if entry.parents.len() != 1 || repo.tree(entry.commit)? != tree {
            return Ok(false);
        }
        match ledger::read(&entry.message) {
            ledger::Reading::Block(block) if block.status.is_some() => {
                let same = block.spec.as_ref() == Some(qualified) && block.attempt == Some(attempt);
                return Ok(same && block.status == Some(ledger::Transition::Completed));
            }
            ledger::Reading::Block(_) => {}
            _ => return Ok(false),
        }
    }
    Ok(false)
}

/// Cleans up after landings whose process was killed before it could, or that somebody else made by a plain merge.
pub(super) fn landed(engine: &Engine, look: &Look) -> Result<(), Error> {
    let project = &engine.project;
    // What was said of an attempt to come stands on the branch, and has not landed with the last one.
    let to_come = |row: &&Row| look.board.to_approve.binary_search(&row.id).is_ok();
    for row in look.board.rows.iter().filter(|row| row.status == Status::Completed && !to_come(row)) {
        let branch = look.branches.contains(&project.qualify(&row.id).branch());
        if !branch && !project.worktree_path(&row.id).exists() && !project.proof_path(&row.id).exists() {
            continue;
        }
        match super::hold(project, &row.id) {
            Ok(_lock) => after_landing(engine, &row.id, row.target.as_deref())?,
            Err(Error::Held { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The checkout of the proofs goes with all that the proofs left in it.
///
/// # Errors
/// Where it cannot be taken away.
pub fn discard_proof(project: &Project, id: &SpecId) -> Result<(), Error> {
    let path = project.proof_path(id);
    inside::reopen(project, &path)?;
    if project.repo.is_worktree(&path)? {
        project.repo.discard_worktree(&path)?;
    }
    Ok(())
}
