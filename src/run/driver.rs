//! Drivers: a branch that members land on, made by whoever needs it first and completed by whoever lands last.

use super::base::{no_target, refuse_stale, spec_at, target_of};
use super::catch_up::catch_up;
use super::events::{event, journal};
use super::honesty::{self, Before};
use super::model::Finished;
use super::{Ending, Engine, Error, Phase, Progress, Prover, evidence, land, on_base, shared, tidy};
use crate::agent::Lock;
use crate::env::failpoint;
use crate::git::{Expect, Merge, Moved, RefMove};
use crate::ledger::{Block, Oid, Record, State, Transition};
use crate::plan::{BlockKind, Status};
use crate::project::{self, Look};
use crate::spec::{Qualified, SpecId};

/// How often a branch that others move at the same time is tried again.
const TRIES: usize = 100;

/// Makes the driver's branch where it is missing, and takes its own target in where that has gone on.
/// Losing the race to create it is no loss. Gives the branch's short name.
///
/// # Errors
/// Where its target conflicts with what has landed on it, and where Git fails.
pub(super) fn ensure(engine: &Engine, look: &Look, driver: &SpecId, lock: &Lock) -> Result<String, Error> {
    let project = &engine.project;
    let target = match look.set.driver_of(driver) {
        Some(above) => ensure(engine, look, above, lock)?,
        None => match running_target(look, &project.qualify(driver)) {
            Some(target) if engine.request.target.is_none() => target,
            _ => target_of(project, look, driver, engine.request.target.as_deref())?,
        },
    };
    let qualified = project.qualify(driver);
    for _ in 0..TRIES {
        shared::refresh(project, &[&target])?;
        catch_up(engine, &target)?;
        catch_up(engine, &qualified.branch())?;
        let base = project.repo.tip(&format!("refs/heads/{target}"))?.ok_or_else(|| no_target(&target))?;
        refuse_stale(engine, look, driver, &target, base)?;
        let tip = project.repo.tip(&qualified.full_ref())?;
        let next = match tip {
            None => Some(begin(engine, look, &qualified, base, base, &target, lock)?),
            Some(tip) => go_on(engine, look, &qualified, tip, base, &target, lock)?,
        };
        let Some(next) = next else { return Ok(qualified.branch()) };
        let moves =
            [RefMove { name: qualified.full_ref(), from: tip.map_or(Expect::Absent, Expect::At), to: Some(next) }];
        failpoint("driver.before-ref");
        if shared::move_refs(project, &moves, "driver")? == Moved::Done {
            failpoint("driver.after-ref");
            return Ok(qualified.branch());
        }
    }
    Err(Error::refused(
        format!("{} moved {TRIES} times while it was to be brought up to date", qualified.branch()),
        "try again when the others are through",
    ))
}

/// Where the driver's current attempt will land, as its start recorded it.
pub(super) fn running_target(look: &Look, driver: &Qualified) -> Option<String> {
    let record = look.ledger.record(driver).filter(|record| matches!(record.state, State::InProgress))?;
    record.last_start.as_ref().and_then(|entry| entry.block.target.clone())
}

/// A start commit of the driver's next attempt.
fn begin(
    engine: &Engine,
    look: &Look,
    qualified: &Qualified,
    parent: Oid,
    base: Oid,
    target: &str,
    lock: &Lock,
) -> Result<Oid, Error> {
    let project = &engine.project;
    spec_at(project, &qualified.id, base)?;
    refuse_unapproved(look, &qualified.id)?;
    let attempt = look.ledger.record(qualified).map_or(1, |record| record.highest.saturating_add(1));
    let run = project.new_run()?;
    let block = Block {
        spec: Some(qualified.clone()),
        status: Some(Transition::InProgress),
        attempt: Some(attempt),
        run: Some(run),
        agent: Some("driver".to_owned()),
        target: Some(target.to_owned()),
        ..Block::default()
    };
    event(&project.repo, lock, parent, &format!("{}: start attempt {attempt}", qualified.id), "", &block)
}

/// Whoever begins a driver's attempt, by way of a member or of its own, needs the word that it wants before it.
fn refuse_unapproved(look: &Look, driver: &SpecId) -> Result<(), Error> {
    let wants = look.board.to_approve.binary_search(driver).is_ok();
    let row = look.board.row(driver).filter(|_| wants);
    let lacks = row.and_then(|row| row.blocked_by.iter().find(|blocker| blocker.what == BlockKind::Approval));
    lacks.map_or(Ok(()), |blocker| {
        let help = format!("`chant approve {driver}` lets it begin");
        Err(Error::refused(format!("{driver} may not begin: {}", blocker.reason), help))
    })
}

/// The branch's next tip where it has to move on, for a new attempt or to take its target in.
fn go_on(
    engine: &Engine,
    look: &Look,
    qualified: &Qualified,
    tip: Oid,
    base: Oid,
    target: &str,
    lock: &Lock,
) -> Result<Option<Oid>, Error> {
    let repo = &engine.project.repo;
    let was_running = look.ledger.record(qualified).is_some_and(|record| matches!(record.state, State::InProgress));
    // Another member may have begun the attempt in this very moment; one start is enough.
    let running = was_running || begun(engine, qualified)?;
    let merged = if repo.is_ancestor(base, tip)? {
        tip
    } else {
        match repo.merge(tip, base)? {
            Merge::AlreadyIn => tip,
            Merge::Clean { tree } => {
                let message = format!("Merge branch '{target}' into {}\n", qualified.branch());
                let merged = repo.commit(tree, &[tip, base], &message)?;
                journal(lock, merged)?;
                merged
            }
            Merge::Conflicts { paths } => {
                return Err(Error::refused(
                    format!("{} conflicts with {target} in {}", qualified.branch(), paths.join(", ")),
                    format!("merge it by hand: `git switch {} && git merge {target}`", qualified.branch()),
                ));
            }
        }
    };
    if running {
        return Ok((merged != tip).then_some(merged));
    }
    begin(engine, look, qualified, merged, base, target, lock).map(Some)
}

/// Whether somebody started the driver since this process last looked.
fn begun(engine: &Engine, qualified: &Qualified) -> Result<bool, Error> {
    let look = project::look(&engine.project)?;
    Ok(look.ledger.record(qualified).is_some_and(|record| matches!(record.state, State::InProgress)))
}

/// What became of a driver whose members may all have landed.
pub(super) enum Finish {
    /// Some have not.
    NotYet,
    /// It is through.
    Ended(Ending),
}

/// Proves, completes and lands a driver all of whose members are in its branch, or cancelled. Whoever comes waits for
/// the lock rather than passing by, so that of several that land at the same time one sees them all.
///
/// # Errors
/// Where it cannot be read or written; a red criterion is an ending.
pub(super) fn finish(engine: &Engine, driver: &SpecId) -> Result<Finish, Error> {
    let project = &engine.project;
    let lock = wait_for(engine, driver)?;
    let look = project::look(project)?;
    let Some(row) = look.board.row(driver) else { return Ok(Finish::NotYet) };
    if row.status == Status::Completed && !engine.request.again.contains_key(driver) {
        tidy::after_landing(engine, driver, row.target.as_deref())?;
        return Ok(Finish::Ended(Ending::AlreadyDone));
    }
    if row.status == Status::Cancelled {
        return Ok(Finish::NotYet);
    }
    let through =
        |id: &SpecId| look.board.row(id).is_some_and(|row| matches!(row.status, Status::Completed | Status::Cancelled));
    if !row.members.iter().all(through) {
        return Ok(Finish::NotYet);
    }
    engine.report(Progress::Started { id: driver.clone(), title: row.title.clone() });
    let ending = complete(engine, driver, &lock)?;
    if let (Ending::Landed { .. }, Some(above)) = (&ending, look.set.driver_of(driver)) {
        drop(lock);
        after_member(engine, above)?;
    }
    Ok(Finish::Ended(ending))
}

/// Called when a member has landed: finishes its driver where this was the last one and no scheduler will.
///
/// # Errors
/// As [`finish`].
pub(super) fn after_member(engine: &Engine, driver: &SpecId) -> Result<(), Error> {
    if engine.drives(driver) {
        return Ok(());
    }
    if let Finish::Ended(ending) = finish(engine, driver)? {
        engine.report(Progress::Ended { id: driver.clone(), ending });
    }
    Ok(())
}

fn wait_for(engine: &Engine, id: &SpecId) -> Result<Lock, Error> {
    loop {
        match super::hold(&engine.project, id) {
            Ok(lock) => return Ok(lock),
            Err(Error::Held { .. }) if !engine.stopped() => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            Err(_) if engine.stopped() => return Err(Error::Interrupted),
            Err(error) => return Err(error),
        }
    }
}

fn complete(engine: &Engine, driver: &SpecId, lock: &Lock) -> Result<Ending, Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let qualified = project.qualify(driver);
    lock.describe(&qualified.to_string()).map_err(Error::system("writing the lock file"))?;
    let look = project::look(project)?;
    if let (Some(record), Some(row)) = (look.ledger.record(&qualified), look.board.row(driver))
        && matches!(record.state, State::Completed)
        && let Some(finished) = super::claim::finished(project, &look, row, record, engine.request.target.as_deref())?
    {
        return land::land(engine, &finished, lock, false);
    }
    ensure(engine, &look, driver, lock)?;
    let look = project::look(project)?;
    let record = look.ledger.record(&qualified).ok_or_else(|| no_target(&qualified.branch()))?;
    let tip = repo.tip(&qualified.full_ref())?.ok_or_else(|| no_target(&qualified.branch()))?;
    let target = target_of(project, &look, driver, engine.request.target.as_deref())?;
    let target = record.last_start.as_ref().and_then(|entry| entry.block.target.clone()).unwrap_or(target);
    let base = repo.tip(&format!("refs/heads/{target}"))?.ok_or_else(|| no_target(&target))?;
    let spec = spec_at(project, driver, base)?;
    let settings = project.settings_at(base, &crate::config::Flags::default())?;
    engine.phase(driver, Phase::Prove, Some(record.attempt));
    let prover = Prover::new(engine, driver, &settings, lock);
    let before = Before::now(engine)?;
    on_base::look(&prover, &spec, base)?;
    let mut found = prover.prove(&spec, tip)?;
    let again = on_base::was_done(repo, Some(record), base)?;
    on_base::compare(engine, &settings, base, again, &mut found)?;
    failpoint("driver.proven");
    found.spoilt = found.spoilt.or(honesty::meanwhile(engine, &before)?);
    let commit = conclude(engine, &qualified, record, tip, &found, lock, &before)?;
    let Some(commit) = commit else { return Ok(Ending::Failed(found.complaint())) };
    engine.mark_proven(found.tree, &qualified, None);
    let finished = Finished {
        id: driver.clone(),
        run: record.last_start.as_ref().and_then(|entry| entry.block.run.clone()).unwrap_or_default(),
        attempt: record.attempt,
        spec,
        settings,
        target,
        base: repo.merge_base(base, tip)?.unwrap_or(base),
        commit,
        tip: commit,
        assisted_by: Vec::new(),
        criteria: found.tally().to_string(),
        driver: look.set.driver_of(driver).cloned(),
        qualified,
    };
    land::land(engine, &finished, lock, false)
}

/// Records that the driver is completed (the event), or that it failed (none).
fn conclude(
    engine: &Engine,
    qualified: &Qualified,
    record: &Record,
    tip: Oid,
    found: &super::Evidence,
    lock: &Lock,
    before: &Before,
) -> Result<Option<Oid>, Error> {
    let repo = &engine.project.repo;
    let holds = found.holds();
    let block = Block {
        spec: Some(qualified.clone()),
        status: Some(if holds { Transition::Completed } else { Transition::Failed }),
        attempt: Some(record.attempt),
        criteria: Some(found.tally()),
        reason: (!holds).then(|| found.complaint()),
        disowned: honesty::foreign(engine, before)?,
        ..Block::default()
    };
    let word = if holds { "completed" } else { "failed" };
    let commit = event(repo, lock, tip, &format!("{}: {word}", qualified.id), "", &block)?;
    let run = record.last_start.as_ref().and_then(|entry| entry.block.run.clone()).unwrap_or_default();
    repo.note_add(commit, &evidence::lines(&qualified.to_string(), record.attempt, &run, None, found), &[])?;
    let moves = [RefMove { name: qualified.full_ref(), from: Expect::At(tip), to: Some(commit) }];
    failpoint("driver.before-conclusion");
    match shared::move_refs(&engine.project, &moves, word)? {
        Moved::Done => Ok(holds.then_some(commit)),
        Moved::TipMoved { .. } => Err(Error::refused(
            format!("{} moved while it was being proven", qualified.branch()),
            format!("`chant work {}` proves it again", qualified.id),
        )),
    }
}
