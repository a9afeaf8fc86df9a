//! Taking in what other clones have done, as far as it was fetched: the one place where a local branch follows a remote.

use super::onto::{Onto, here as onto_here};
use super::shared::{refresh, remote};
use std::sync::Arc;

use super::{Engine, Error, Request, commit, target_of, tidy};
use crate::git::{Expect, Merge, RefMove, Repo};
use crate::ledger::{self, Oid};
use crate::plan::Status;
use crate::project::{self, Look, Project};
use crate::spec::{Qualified, SpecId};

/// Fetches, and brings along what a spec's work starts from and lands on: its target, and its drivers' branches. Gives a
/// new look where anything may have come.
///
/// # Errors
/// As [`catch_up`].
pub(super) fn prepare(engine: &Engine, look: Look, id: &SpecId) -> Result<Look, Error> {
    let project = &engine.project;
    if remote(project)?.is_none() {
        return Ok(look);
    }
    let mut drivers = Vec::new();
    let mut outermost = id;
    while let Some(driver) = look.set.driver_of(outermost) {
        drivers.push(project.qualify(driver).branch());
        outermost = driver;
    }
    let target = match look.board.row(outermost).and_then(|row| row.target.clone()) {
        Some(target) if engine.request.target.is_none() => target,
        _ => target_of(project, &look, outermost, engine.request.target.as_deref())?,
    };
    refresh(project, &[&target])?;
    catch_up(engine, &target)?;
    for driver in drivers.iter().rev() {
        catch_up(engine, driver)?;
    }
    Ok(project::look(project)?)
}

/// Takes in what other clones did to a spec, under its lock, before somebody here decides about it: also where the remote
/// cannot be reached just now, as far as it was seen before.
///
/// # Errors
/// As [`catch_up`].
pub fn take_in(project: &Project, id: &SpecId) -> Result<(), Error> {
    if remote(project)?.is_some() {
        let (engine, _runtime) = Engine::alone(project.clone(), Request::default(), Arc::new(|_| {}))?;
        prepare(&engine, project::look(project)?, id)?;
        adopt(&engine, id)?;
    }
    if project.sharing.unreachable().is_some() { take_seen(project, id) } else { Ok(()) }
}

/// Makes a spec's branch as the remote was last seen to have it, where there is none here and it has not landed.
fn take_seen(project: &Project, id: &SpecId) -> Result<(), Error> {
    let (repo, name) = (&project.repo, project.qualify(id).full_ref());
    let Some(remote) = project.settings.remote.value.as_deref() else { return Ok(()) };
    let Some(there) = repo.tracked(remote, &name)?.filter(|_| matches!(repo.tip(&name), Ok(None))) else {
        return Ok(());
    };
    if project::look(project)?.board.status(id) != Status::Completed {
        repo.move_refs(&[RefMove { name, from: Expect::Absent, to: Some(there) }], &format!("as {remote} had it"))?;
    }
    Ok(())
}

/// Brings a spec's own branch to where the remote has it, under the spec's lock; what only this clone has is kept.
/// Whether it moved.
///
/// # Errors
/// Where the worktree cannot follow, and where Git fails.
pub(super) fn adopt(engine: &Engine, id: &SpecId) -> Result<bool, Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let Some(remote) = remote(project)? else { return Ok(false) };
    let qualified = project.qualify(id);
    let name = qualified.full_ref();
    let Some(there) = repo.tracked(remote, &name)? else { return Ok(false) };
    let Some(here) = repo.tip(&name)? else {
        repo.move_refs(&[RefMove { name, from: Expect::Absent, to: Some(there) }], &format!("as {remote} has it"))?;
        return Ok(true);
    };
    if repo.is_ancestor(there, here)? {
        return Ok(false);
    }
    let here = commit::save_partial(engine, id, &qualified, Some(here))?.unwrap_or(here);
    let mut moves = vec![RefMove { name, from: Expect::At(here), to: Some(there) }];
    if !repo.is_ancestor(here, there)? {
        let copy = kept_name(repo, &qualified, here)?;
        engine.notice(id, format!("{remote} has another {}; what was here is kept at {copy}", qualified.branch()));
        if repo.tip(&copy)?.is_none() {
            moves.push(RefMove { name: copy, from: Expect::Absent, to: Some(here) });
        }
    }
    tidy::bring_worktree(engine, id, Some(here), there)?;
    repo.move_refs(&moves, &format!("as {remote} has it"))?;
    Ok(true)
}

/// By the number of the attempt that the branch was last at, which is not the one that the remote is at; 0 where nobody
/// had begun one.
fn kept_name(repo: &Repo, qualified: &Qualified, tip: Oid) -> Result<String, Error> {
    let number = |message: &[u8]| match ledger::read(message) {
        ledger::Reading::Block(block) | ledger::Reading::Malformed { block, .. } => {
            block.attempt.filter(|_| block.status.is_some() && block.spec.as_ref() == Some(qualified))
        }
        ledger::Reading::Nothing => None,
    };
    let back = repo.first_parent(tip, usize::MAX)?;
    let attempt = back.iter().find_map(|entry| number(&entry.message)).unwrap_or(0);
    Ok(format!("refs/chant/attempts/{qualified}/{attempt}-{}", tip.short()))
}

/// Brings a branch that is landed on to where the remote has it; its checkouts follow. A driver's branch on which both
/// sides have landed something is merged; one of the user's that has commits of its own is theirs to push or to pull.
/// Where nothing is shared, a driver's branch follows every remote all the same: a forge may have merged members there.
///
/// # Errors
/// Where it cannot be brought there, with what to type.
pub(super) fn catch_up(engine: &Engine, branch: &str) -> Result<(), Error> {
    let project = &engine.project;
    let name = format!("refs/heads/{branch}");
    let remotes = match remote(project)? {
        Some(remote) => vec![remote.to_owned()],
        None if branch.starts_with("chant/") && project.settings.remote.value.is_none() => project.repo.remote_names(),
        None => Vec::new(),
    };
    for remote in remotes {
        if let Some(there) = project.repo.tracked(&remote, &name)? {
            follow(engine, &remote, branch, there)?;
        }
    }
    Ok(())
}

fn follow(engine: &Engine, remote: &str, branch: &str, there: Oid) -> Result<(), Error> {
    let repo = &engine.project.repo;
    let name = format!("refs/heads/{branch}");
    for _ in 0..20 {
        let Some(here) = repo.tip(&name)? else {
            if branch.starts_with("chant/") {
                let moves = [RefMove { name, from: Expect::Absent, to: Some(there) }];
                repo.move_refs(&moves, &format!("as {remote} has it"))?;
            }
            return Ok(());
        };
        let to = if repo.is_ancestor(there, here)? {
            return match branch.starts_with("chant/") {
                true => Ok(()),
                false => unpublished(engine, remote, branch, there, here),
            };
        } else if repo.is_ancestor(here, there)? {
            there
        } else {
            merged(engine, remote, branch, here, there)?
        };
        match onto_here(engine, branch, here, to)? {
            Onto::Done => return Ok(()),
            Onto::Moved => {}
            Onto::Refused(why) => {
                return Err(Error::refused(
                    format!("{branch} is behind {remote}, and cannot be brought along: {why}"),
                    format!("clear the way, then `git pull {remote} {branch}`"),
                ));
            }
        }
    }
    Err(Error::refused(format!("{branch} keeps moving"), "try again when the others are through"))
}

/// Commits of the user's are theirs to publish; landings that were made while the remote was out of reach are not.
fn unpublished(engine: &Engine, remote: &str, branch: &str, there: Oid, here: Oid) -> Result<(), Error> {
    match first_unpublished(&engine.project.repo, there, here)? {
        None => Ok(()),
        Some(commit) => Err(Error::refused(
            format!("{branch} has commits that {remote} has not: {commit}"),
            format!("share them first: `git push {remote} {branch}`"),
        )),
    }
}

/// The newest commit between two that is no landing, in words.
///
/// # Errors
/// Where the history cannot be read.
pub(super) fn first_unpublished(repo: &Repo, there: Oid, here: Oid) -> Result<Option<String>, Error> {
    for entry in repo.first_parent(here, usize::MAX)? {
        if repo.is_ancestor(entry.commit, there)? {
            return Ok(None);
        }
        let landing = match ledger::read(&entry.message) {
            ledger::Reading::Block(block) | ledger::Reading::Malformed { block, .. } => !block.landings.is_empty(),
            ledger::Reading::Nothing => false,
        };
        if !landing {
            let subject = String::from_utf8_lossy(&entry.message).lines().next().unwrap_or_default().to_owned();
            return Ok(Some(format!("{} {}", entry.commit.short(), subject.escape_debug())));
        }
    }
    Ok(None)
}

/// The merge of both sides of a driver's branch.
fn merged(engine: &Engine, remote: &str, branch: &str, here: Oid, there: Oid) -> Result<Oid, Error> {
    let repo = &engine.project.repo;
    if !branch.starts_with("chant/") {
        return Err(Error::refused(
            format!("{branch} and {remote}/{branch} have gone different ways"),
            format!("bring them together: `git pull {remote} {branch}`, then `git push {remote} {branch}`"),
        ));
    }
    match repo.merge(here, there)? {
        Merge::Clean { tree } => {
            let message = format!("Merge remote-tracking branch '{remote}/{branch}' into {branch}\n");
            Ok(repo.commit(tree, &[here, there], &message)?)
        }
        Merge::AlreadyIn => Ok(there),
        Merge::Conflicts { paths } => Err(Error::refused(
            format!("{branch} and {remote}/{branch} conflict in {}", paths.join(", ")),
            format!("merge them by hand: `git switch {branch} && git merge {remote}/{branch}`"),
        )),
    }
}
