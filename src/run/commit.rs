//! Committing what an agent left in its worktree: by Git itself, in a cage, and so that nothing is lost where a hook or a
//! signer refuses; without Git where it would do no more than put files into a commit.

use std::path::Path;

use super::inside::Inside;
use super::jobs::Watch;
use super::leaked::Leaks;
use super::model::Claim;
use super::tidy::{on_branch, put_aside, set_aside};
use super::unfit::{embedded, of_its_own};
use super::{Engine, Error, brought, jobs};
use crate::agent::{Errand, How};
use crate::env::failpoint;
use crate::git::{Expect, Leftovers, Moved, RefMove};
use crate::ledger::Oid;
use crate::project::Project;
use crate::spec::{Qualified, SpecId};

/// Commits what an interrupted run left in its worktree, as it is and without hooks; gives the branch's tip.
pub(super) fn save_partial(
    engine: &Engine,
    id: &SpecId,
    qualified: &Qualified,
    tip: Option<Oid>,
) -> Result<Option<Oid>, Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let path = project.worktree_path(id);
    let Some(tip) = tip else { return Ok(None) };
    if !repo.is_worktree(&path)? {
        return Ok(Some(tip));
    }
    repo.free_worktree_locks(&path)?;
    if !on_branch(engine, &path, &qualified.branch())? || repo.operation(&path)?.is_some() {
        set_aside(engine, id, qualified, &path)?;
        return Ok(Some(tip));
    }
    for wrong in repo.mend_worktree(&path)? {
        engine.notice(id, format!("mended what an earlier run left: {wrong}"));
    }
    repo.clear_flags(&path)?;
    brought::unstage(project, id)?;
    let left = repo.leftovers(&path)?;
    if left.modified.is_empty() && left.untracked.is_empty() {
        return Ok(Some(tip));
    }
    let message = format!("{id}: partial work of an interrupted run\n\n{}\n", crate::ledger::spec_line(qualified));
    let leaks = Leaks::of(project, qualified, tip).in_worktree(&path, left.modified.iter().chain(&left.untracked))?;
    let but = left_out(project, &path, &left, &leaks)?;
    for (_, why) in &leaks {
        engine.notice(id, format!("{why}: it stays in the worktree, and in no commit"));
    }
    if let Err(error) = commit_plainly(engine, qualified, &path, &message, &but) {
        put_aside(engine, id, &path, &error.to_string())?;
        return Ok(Some(tip));
    }
    failpoint("tidy.partial");
    Ok(repo.tip(&qualified.full_ref())?)
}

/// What came of committing what the agent left: why it was refused, if it was.
pub(super) struct Saved {
    pub refused: Option<String>,
}

/// Commits for the agent what it left uncommitted, by Git itself, so that the user's hooks, filters and signing
/// apply. Hooks may be the agent's own work: they run under supervision, with no more rights than it had.
pub(super) fn commit_work(engine: &Engine, claim: &Claim) -> Result<Saved, Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let path = project.worktree_path(&claim.id);
    let tip = || -> Result<Oid, Error> { Ok(repo.tip(&claim.qualified.full_ref())?.unwrap_or(claim.start)) };
    if !claim.agent.is_person() && is_bare_ground(&path) {
        // In a cage the directory itself cannot be deleted, and what it was is the same.
        repo.discard_worktree(&path)?;
    }
    if !repo.is_worktree(&path)? {
        return Ok(Saved { refused: Some("its worktree is gone".to_owned()) });
    }
    if !claim.agent.is_person() {
        repo.free_worktree_locks(&path)?;
        repo.free_ref_lock(&claim.qualified.full_ref())?;
    }
    if !on_branch(engine, &path, &claim.qualified.branch())? {
        set_aside(engine, &claim.id, &claim.qualified, &path)?;
        return Ok(Saved { refused: Some("it left its branch: HEAD of its worktree is elsewhere".to_owned()) });
    }
    if let Some(operation) = repo.operation(&path)? {
        set_aside(engine, &claim.id, &claim.qualified, &path)?;
        return Ok(Saved { refused: Some(format!("it left a {operation} unfinished")) });
    }
    let wrong = repo.mend_worktree(&path)?;
    let wrong = (!wrong.is_empty()).then(|| wrong.join("; "));
    repo.clear_flags(&path)?;
    if !claim.agent.is_person() {
        brought::unstage(project, &claim.id)?;
    }
    let left = repo.leftovers(&path)?;
    if left.modified.is_empty() && left.untracked.is_empty() {
        let refused = match wrong.or_else(|| left.unfit.first().map(|path| of_its_own(path))) {
            Some(refused) => Some(refused),
            None => embedded(engine, claim, tip()?)?,
        };
        return Ok(Saved { refused });
    }
    let message =
        format!("{}: {}\n\n{}\n", claim.id, claim.spec.title.trim(), crate::ledger::spec_line(&claim.qualified));
    // A person's commits are a person's word.
    let leaks = match claim.agent.is_person() {
        true => Vec::new(),
        false => Leaks::of(project, &claim.qualified, claim.base)
            .in_worktree(&path, left.modified.iter().chain(&left.untracked))?,
    };
    let but = left_out(project, &path, &left, &leaks)?;
    let leaked = leaks.first().map(|(_, why)| format!("{why}: it stays in the worktree, and in no commit"));
    let refused = match wrong.or_else(|| left.unfit.first().map(|path| of_its_own(path))).or(leaked) {
        Some(refused) => Some(refused),
        None if is_gathered(engine, claim, &path, &message)? => None,
        None => commit_with_hooks(engine, claim, &path, &message)?,
    };
    if refused.is_some()
        && let Err(error) = commit_plainly(engine, &claim.qualified, &path, &message, &but)
    {
        if claim.agent.is_person() {
            return Err(error);
        }
        put_aside(engine, &claim.id, &path, "Git cannot commit it")?;
        return Ok(Saved { refused: Some(format!("its work cannot be committed: {error}")) });
    }
    let tip = tip()?;
    let embedded = embedded(engine, claim, tip)?;
    Ok(Saved { refused: refused.or(embedded) })
}

/// What of a worktree's leftovers is in no commit: what Git refuses, and what holds secrets, which goes out of the index.
fn left_out(
    project: &Project,
    worktree: &Path,
    left: &Leftovers,
    leaks: &[(String, String)],
) -> Result<Vec<String>, Error> {
    let paths: Vec<String> = leaks.iter().map(|(path, _)| path.clone()).collect();
    if !paths.is_empty() {
        project.repo.unstage(worktree, &paths)?;
    }
    Ok([left.unfit.clone(), paths].concat())
}

/// Whether nothing is in a directory, a link to a repository neither.
fn is_bare_ground(path: &Path) -> bool {
    std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Commits without Git what it would take as it is. Not for a person, and not beside files that were brought along, which
/// no commit may hold.
fn is_gathered(engine: &Engine, claim: &Claim, path: &Path, message: &str) -> Result<bool, Error> {
    let project = &engine.project;
    if claim.agent.is_person() || brought::any(project, &claim.qualified) {
        return Ok(false);
    }
    // As at any other step: who comes next goes on from here.
    if engine.stopped() {
        return Err(Error::Interrupted);
    }
    Ok(project.repo.commit_gathered(path, message)?.is_some())
}

fn commit_with_hooks(engine: &Engine, claim: &Claim, path: &Path, message: &str) -> Result<Option<String>, Error> {
    let project = &engine.project;
    let script = "git add --all --sparse && git -c maintenance.auto=false -c gc.auto=0 commit --quiet --file=-";
    let mut errand =
        Errand { stdin: message.as_bytes().to_vec(), ..jobs::shell(project, &claim.settings, script, path.to_owned()) };
    // A person's hooks are a person's own, and may do what the person may.
    let inside = match claim.agent.is_person() {
        true => Inside::default(),
        false => Inside::enter(project, &claim.settings, path, &[])?,
    };
    let mut pinned = project.repo.pinned(path)?;
    if let Some(git_dir) = inside.git_dir() {
        pinned[0].1 = git_dir.into();
    }
    inside.dress(&mut errand);
    errand.env.extend(pinned);
    let timeout = claim.settings.timeout.value;
    let closed = inside.is_shut();
    let before = project.repo.tip(&claim.qualified.full_ref())?;
    let cage = inside.cage();
    let watch = Watch { id: &claim.id, lock: &claim.lock, timeout, transcript: None, cage, quiet: false, lost: None };
    let done = engine.perform(vec![errand], &watch);
    let left = inside.leave(project, &claim.qualified)?;
    let done = done?;
    if matches!(done.how, How::Stopped) {
        return Err(Error::Interrupted);
    }
    if left.complaint.is_some() {
        return Ok(left.complaint.map(|what| format!("at the commit of its work {what}")));
    }
    let Some(what) = jobs::failure(&done) else {
        return if closed { sign(project, &claim.qualified, before) } else { Ok(None) };
    };
    let left = project.repo.leftovers(path)?;
    let nothing_left = left.modified.is_empty() && left.untracked.is_empty();
    Ok((!nothing_left).then(|| format!("the commit of its work {what}")))
}

/// Signs the commit of an agent's work, where the user signs: keys are out of a cage's reach, so that it is made anew.
fn sign(project: &Project, spec: &Qualified, before: Option<Oid>) -> Result<Option<String>, Error> {
    let repo = &project.repo;
    let name = spec.full_ref();
    let Some(tip) = repo.tip(&name)?.filter(|tip| Some(*tip) != before && repo.signs()) else { return Ok(None) };
    let message = String::from_utf8_lossy(&repo.message(tip)?).into_owned();
    let signed = match repo.commit(repo.tree(tip)?, &repo.parents(tip)?, &message) {
        Ok(signed) => signed,
        Err(error @ crate::git::Error::Signing { .. }) => return Ok(Some(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    let moves = [RefMove { name, from: Expect::At(tip), to: Some(signed) }];
    match repo.move_refs(&moves, "signed")? {
        Moved::Done => Ok(None),
        Moved::TipMoved { .. } => Ok(Some(format!("{} was moved by somebody else meanwhile", spec.branch()))),
    }
}

/// Everything in a worktree into its index.
const ADD: [&str; 5] = ["add", "--all", "--sparse", "--", ":/"];
/// The index onto the branch, hooks left out.
const COMMIT: [&str; 5] = ["commit", "--quiet", "--no-verify", "--allow-empty", "--file=-"];

/// Everything in the worktree onto its branch, hooks left out: so that nothing is lost. Paths that Git refuses to add stay
/// where they are.
fn commit_plainly(
    engine: &Engine,
    spec: &Qualified,
    path: &Path,
    message: &str,
    unfit: &[String],
) -> Result<(), Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let but: Vec<String> =
        unfit.iter().map(|path| format!(":(exclude,literal,top){}", path.trim_end_matches('/'))).collect();
    let add: Vec<&str> = ADD.into_iter().chain(but.iter().map(String::as_str)).collect();
    // A filter may be the agent's own.
    let inside = Inside::enter(project, &project.settings, path, &[])?;
    if let (Some(git_dir), Some(cage)) = (inside.git_dir(), inside.cage()) {
        let before = repo.tip(&spec.full_ref())?;
        let git = |args: &[&str], input: &str| -> Result<(), crate::git::Error> {
            let git = repo.git_inside(path, &git_dir, cage.clone(), args)?;
            Ok(git.stdin(input).check().map(drop)?)
        };
        let made = git(&add, "").and_then(|()| git(&COMMIT, message));
        let left = inside.leave(project, spec)?;
        made?;
        return match left.complaint {
            Some(what) => Err(Error::Failed(format!("at the commit of its work {what}"))),
            // A signer that does not do: the work must not be lost for it.
            None => sign(project, spec, before).map(drop),
        };
    }
    let done = |git: crate::git::Git| git.check().map_err(crate::git::Error::from);
    done(repo.git_within(path, &add)?)?;
    if done(repo.git_within(path, &COMMIT)?.stdin(message.as_bytes())).is_err() {
        // A signer that does not do, perhaps the agent's own: the work must not be lost for it.
        let commit = [&COMMIT[..], &["--no-gpg-sign"]].concat();
        done(repo.git_within(path, &commit)?.stdin(message.as_bytes()))?;
    }
    Ok(())
}
