//! Landing: a merge in memory, proven as merged, put onto the target by compare-and-swap; the checkout of the target
//! follows, before the ref moves, or nothing moves at all (DESIGN.md, section 5).

use super::base::no_target;
use super::catch_up::catch_up;
use super::conflict::Clash;
use super::events::journal;
use super::honesty::{self, Before};
use super::lane::{Place, Seat};
use super::merge_hooks::{Hooked, hooks};
use super::model::Finished;
use super::onto::{Onto, fenced as move_onto};
use super::reviewed::said;
use super::{Ending, Engine, Error, Phase, Prover, merged, shared, tidy};
use crate::agent::Lock;
use crate::git::{Expect, Merge, RefMove};
use crate::ledger::{self, Block, Landing, Oid, State, Transition};
use crate::project::{self, Decisive, Project};
use crate::spec::SpecId;

/// How often a target that others move at the same time is tried again.
const TRIES: usize = 100;

/// A landing that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landed {
    /// The merge.
    pub commit: Oid,
}

/// Lands a completed spec on its target. `accept` is a person's word, for what waits for one.
pub(super) fn land(engine: &Engine, finished: &Finished, lock: &Lock, accept: bool) -> Result<Ending, Error> {
    let id = &finished.id;
    engine.phase(id, Phase::Land, Some(finished.attempt));
    let seat = engine.lane(&finished.target).join(place(engine, finished, accept)?);
    if let Some(ending) = wait(engine, finished, lock, &seat)? {
        return Ok(ending);
    }
    for _ in 0..TRIES {
        if engine.stopped() {
            return Err(Error::Interrupted);
        }
        match once(engine, finished, lock, accept)? {
            Try::Ended(ending) => return Ok(ending),
            Try::Again => {}
        }
    }
    Ok(Ending::Stuck {
        reason: format!(
            "{} moved {TRIES} times while this was to land; `chant work {id}` tries again",
            finished.target
        ),
        exit: 1,
    })
}

/// What those who come after it have to know of a landing.
fn place(engine: &Engine, finished: &Finished, accept: bool) -> Result<Place, Error> {
    let (project, repo) = (&engine.project, &engine.project.repo);
    let onto = repo.tip(&format!("refs/heads/{}", finished.target))?.ok_or_else(|| no_target(&finished.target))?;
    let changes = repo.changes(repo.merge_base(onto, finished.commit)?, finished.commit)?;
    Ok(Place {
        tip: finished.tip,
        message: message(project, finished)?,
        paths: changes.into_iter().map(|change| change.path).collect(),
        sure: matches!(gate(engine, finished, onto, accept)?, Gate::Open),
    })
}

/// Waits for its turn, and proves ahead meanwhile. How it ended, where that needs no turn.
fn wait(engine: &Engine, finished: &Finished, lock: &Lock, seat: &Seat) -> Result<Option<Ending>, Error> {
    let prover = Prover::new(engine, &finished.id, &finished.settings, lock);
    let mut seen = None;
    loop {
        if engine.stopped() {
            return Err(Error::Interrupted);
        }
        let ahead = seat.ahead();
        if ahead.is_empty() {
            return Ok(None);
        }
        let count = ahead.len();
        let onto = engine.project.repo.tip(&format!("refs/heads/{}", finished.target))?;
        let known = Some((onto, ahead));
        if seen == known {
            seat.wait(count);
            continue;
        }
        let mine = seat.place();
        if let Some((Some(onto), ahead)) = &known
            && mine.sure
            && let Some(behind) = mine.behind(ahead)
        {
            let before = Before::now(engine)?;
            match merged::ahead(engine, finished, &prover, &behind, mine, *onto) {
                // What cannot be done ahead is tried again, and told, when its turn comes.
                Ok(()) | Err(Error::System { .. } | Error::Git(_)) => {}
                Err(error) => return Err(error),
            }
            if let Some(complaint) = honesty::meanwhile(engine, &before)? {
                return record_red(engine, finished, lock, &complaint, &before).map(Some);
            }
        }
        seen = known;
    }
}

/// Whether people let a landing happen.
enum Gate {
    Open,
    /// A merge on the forge is the landing.
    Request,
    Shut(Ending),
}

fn gate(engine: &Engine, finished: &Finished, onto: Oid, accept: bool) -> Result<Gate, Error> {
    let said = said(engine, finished, onto)?;
    if said.by_request() && !accept {
        return Ok(Gate::Request);
    }
    if let Some(ending) = said.holds_up(finished, accept) {
        return Ok(Gate::Shut(ending));
    }
    if !said.accepts(accept)
        && let Some(paths) = protected(&engine.project, finished, onto)?
    {
        let reason = format!(
            "changes {}, which decides what counts; look at it with `chant diff {1}`, accept it with `chant approve {1}`",
            paths.join(", "),
            finished.id
        );
        return Ok(Gate::Shut(Ending::Stuck { reason, exit: 3 }));
    }
    Ok(Gate::Open)
}

fn message(project: &Project, finished: &Finished) -> Result<String, Error> {
    let block = landing_block(project, finished)?;
    Ok(ledger::write(&format!("Land {}: {}", finished.id, finished.spec.title.trim()), "", &block))
}

enum Try {
    Ended(Ending),
    Again,
}

fn once(engine: &Engine, finished: &Finished, lock: &Lock, accept: bool) -> Result<Try, Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let target_ref = format!("refs/heads/{}", finished.target);
    shared::refresh(project, &[&finished.target])?;
    catch_up(engine, &finished.target)?;
    let onto = repo.tip(&target_ref)?.ok_or_else(|| no_target(&finished.target))?;
    if repo.is_ancestor(finished.tip, onto)? {
        tidy::after_landing(engine, &finished.id, Some(&finished.target))?;
        return Ok(Try::Ended(Ending::AlreadyDone));
    }
    if shared::fenced_off(project, &finished.qualified, finished.tip)?
        || shared::overtaken(project, &finished.qualified, finished.attempt)?
    {
        return Ok(Try::Ended(Ending::Held(taken_over(finished))));
    }
    match gate(engine, finished, onto, accept)? {
        Gate::Open => {}
        Gate::Request => return Ok(Try::Ended(asked_for(engine, finished))),
        Gate::Shut(ending) => return Ok(Try::Ended(ending)),
    }
    let tree = match repo.merge(onto, finished.tip)? {
        Merge::Clean { tree } => tree,
        Merge::AlreadyIn => return Ok(Try::Ended(Ending::AlreadyDone)),
        Merge::Conflicts { paths } => return Ok(Try::Ended(conflict(engine, finished, onto, &paths)?)),
    };
    let before = Before::now(engine)?;
    let message = message(project, finished)?;
    let mut merge = repo.commit(tree, &[onto, finished.tip], &message)?;
    journal(lock, merge)?;
    let prover = Prover::new(engine, &finished.id, &finished.settings, lock);
    if let Some(reason) = merged::red(engine, finished, &prover, onto, merge)? {
        return record_red(engine, finished, lock, &reason, &before).map(Try::Ended);
    }
    let hooked = hooks(engine, finished, &prover, merge, &message)?;
    // Proofs and hooks may have run what the work has made.
    if let Some(complaint) = honesty::meanwhile(engine, &before)? {
        return record_red(engine, finished, lock, &complaint, &before).map(Try::Ended);
    }
    match hooked {
        Hooked::Clean => {}
        Hooked::Reworded(message) => {
            merge = repo.commit(tree, &[onto, finished.tip], &message)?;
            journal(lock, merge)?;
        }
        Hooked::Refused(reason) => return Ok(Try::Ended(Ending::Stuck { reason, exit: 1 })),
    }
    if let Some(why) = super::pulls::keeps(engine, &finished.id, Some(&finished.target))? {
        return Ok(Try::Ended(Ending::Stuck {
            reason: format!("{why}; `chant work {}` tries again", finished.id),
            exit: 1,
        }));
    }
    // Its branch goes with it, from exactly where it is: whoever was taken over meanwhile lands nothing.
    let fence = [RefMove { name: finished.qualified.full_ref(), from: Expect::At(finished.tip), to: None }];
    match move_onto(engine, &finished.target, onto, merge, &fence)? {
        Onto::Moved => Ok(Try::Again),
        Onto::Refused(why) => {
            let reason = format!("{why}; it stays in review: clear the way, then `chant work {}`", finished.id);
            Ok(Try::Ended(Ending::Stuck { reason, exit: 3 }))
        }
        Onto::Done => {
            tidy::after_landing(engine, &finished.id, Some(&finished.target))?;
            Ok(Try::Ended(Ending::Landed {
                commit: merge,
                target: finished.target.clone(),
                criteria: finished.criteria.clone(),
            }))
        }
    }
}

/// Where the settings say `land: pr`, a merge on the forge is the landing; here only the request for it is made.
fn asked_for(engine: &Engine, finished: &Finished) -> Ending {
    match super::pulls::request_for(&engine.project, finished) {
        Ok(pulled) => Ending::Review(format!("completed; {}", pulled.words())),
        Err(error) => {
            let ending = super::attempt::ending_of(&error);
            let (why, exit) = match &ending {
                Ending::Stuck { reason, exit } => (reason.clone(), *exit),
                Ending::Failed(reason) | Ending::Refused(reason) => (reason.clone(), ending.exit()),
                _ => (error.to_string(), error.exit()),
            };
            let id = &finished.id;
            Ending::Stuck {
                reason: format!("completed; no pull request was opened: {why}\n`chant pr {id}` tries again"),
                exit,
            }
        }
    }
}

fn taken_over(finished: &Finished) -> String {
    format!("another clone, which has gone on with {}; what was done here is kept", finished.qualified.branch())
}

/// One line for the spec, and for a driver one for each member that is in its branch.
pub(super) fn landing_block(project: &Project, finished: &Finished) -> Result<Block, Error> {
    let mut landings =
        vec![Landing { spec: finished.qualified.clone(), attempt: finished.attempt, commit: finished.commit }];
    if finished.spec.is_driver() {
        let look = project::look(project)?;
        let mut open: Vec<SpecId> = look.set.members_of(&finished.id).to_vec();
        open.reverse();
        while let Some(member) = open.pop() {
            let qualified = project.qualify(&member);
            if let Some(record) = look.ledger.record(&qualified)
                && let (State::Completed, Some(commit)) = (&record.state, record.decided_by)
            {
                landings.push(Landing { spec: qualified, attempt: record.attempt, commit });
            }
            open.extend(look.set.members_of(&member).iter().rev().cloned());
        }
    }
    Ok(Block {
        spec: Some(finished.qualified.clone()),
        landings,
        assisted_by: finished.assisted_by.clone(),
        ..Block::default()
    })
}

/// What the landing would change of what decides what counts: that does a person.
fn protected(project: &Project, finished: &Finished, onto: Oid) -> Result<Option<Vec<String>>, Error> {
    let Finished { id, spec, settings, .. } = finished;
    let loaded = spec.is_driver().then(|| project::load_at(project, onto)).transpose()?;
    let members = loaded.as_ref().map(|loaded| &loaded.set);
    let found = Decisive::of(project).changed(id, spec, members, settings, onto, finished.commit)?;
    Ok((!found.is_empty()).then_some(found))
}

fn conflict(engine: &Engine, finished: &Finished, onto: Oid, paths: &[String]) -> Result<Ending, Error> {
    let look = project::look(&engine.project)?;
    let rival = project::rival(&engine.project, &look.board, &finished.id, onto, finished.commit, paths)?;
    let with = rival.map_or_else(|| finished.target.clone(), |rival| rival.id.to_string());
    let clash = Clash { with, paths: paths.to_vec() };
    super::conflict::noted(engine, &finished.id, &finished.settings, &clash);
    let reason = format!(
        "{}; its branch {} is whole: merge {} into it by hand, then `chant work {}`",
        clash.words(),
        finished.qualified.branch(),
        finished.target,
        finished.id
    );
    Ok(Ending::Stuck { reason, exit: 1 })
}

/// Green alone and red together: the attempt failed, and says with whom.
fn record_red(
    engine: &Engine,
    finished: &Finished,
    lock: &Lock,
    reason: &str,
    before: &Before,
) -> Result<Ending, Error> {
    let block = Block {
        spec: Some(finished.qualified.clone()),
        status: Some(Transition::Failed),
        attempt: Some(finished.attempt),
        reason: Some(reason.to_owned()),
        disowned: honesty::foreign(engine, before)?,
        ..Block::default()
    };
    let subject = format!("{}: failed", finished.id);
    let repo = &engine.project.repo;
    let recorded = super::record_on_branch(
        &engine.project,
        lock,
        &finished.qualified,
        Some(finished.tip),
        finished.tip,
        &subject,
        &block,
    )?;
    if let super::Recorded::At(commit) = recorded
        && let Some(text) = repo.note(finished.commit)?
    {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        repo.note_add(commit, &lines, &[])?;
    }
    Ok(Ending::Failed(reason.to_owned()))
}
