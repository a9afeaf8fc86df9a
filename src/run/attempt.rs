//! One attempt, from the claim to the landing. Each step leaves in Git what the next one needs, so that after a kill
//! the next `chant work` finds out where it was and repeats no finished step.

use super::claim::claim;
use super::events::event;
use super::model::{Claim, Claimed, Ended, Finished};
use super::used::Used;
use super::{
    Ending, Engine, Error, Evidence, Phase, Progress, Prover, brought, commit, conflict, driver, evidence, frozen,
    handover, honesty, labour, land, lease, on_base, outward, powers, shared, tidy, transcripts,
};
use crate::agent::Lock;
use crate::env::failpoint;
use crate::git::{Expect, Moved, RefMove};
use crate::ledger::{Block, Oid, Transition};
use crate::spec::SpecId;

/// Works one spec that is no driver.
pub(super) fn attempt(engine: &Engine, id: &SpecId) -> Ending {
    let title = super::claim::title(engine, id);
    engine.report(Progress::Started { id: id.clone(), title });
    let (mut tried, mut rounds) = (0, 0);
    loop {
        match go(engine, id) {
            // What failed is in the history by now, and the next attempt's prompt tells of it.
            Ok((Ending::Failed(reason), retries)) if tried < retries && !engine.stopped() => {
                tried += 1;
                engine.notice(id, format!("failed: {reason}\ntrying again, {tried} of {retries}"));
            }
            // The next round stands on the completed work, and its agent is told of the conflict.
            Ok((ending @ Ending::Stuck { .. }, _)) => {
                let Some(clash) = goes_back(engine, id).filter(|_| rounds < conflict::ROUNDS) else { return ending };
                rounds += 1;
                let words = clash.words();
                engine.notice(id, format!("{words}: it goes back to its agent, {rounds} of {}", conflict::ROUNDS));
            }
            Ok((ending, _)) => return ending,
            Err(error) => return ending_of(&error),
        }
    }
}

/// A landing that conflicted, where that is to be taken care of by an agent, and there is one that can be told.
fn goes_back(engine: &Engine, id: &SpecId) -> Option<conflict::Clash> {
    let clash = conflict::of(engine, id).filter(|_| !engine.stopped())?;
    let settings = &engine.project.settings;
    let look = crate::project::look(&engine.project);
    let spec = look.ok().and_then(|look| look.set.get(id).cloned());
    let told = spec.is_some_and(|spec| super::agents::is_prompted(settings, &spec, engine.request.agent.as_deref()));
    if !told {
        conflict::taken_up(engine, id);
    }
    told.then_some(clash)
}

/// How an error ends the work on a spec.
pub(super) fn ending_of(error: &Error) -> Ending {
    let with_help = |error: &dyn miette::Diagnostic| {
        let help = error.help().map(|help| format!("\n{help}")).unwrap_or_default();
        format!("{error}{help}")
    };
    match error {
        Error::Held { by, .. } => Ending::Held(by.clone()),
        Error::Interrupted => Ending::Interrupted,
        Error::Failed(reason) => Ending::Failed(reason.clone()),
        Error::Git(crate::git::Error::OtherName { .. })
        | Error::Refused { .. }
        | Error::Spec { .. }
        | Error::Prompt(_)
        | Error::Lookup(_)
        | Error::Agent(_)
        | Error::Project(_) => Ending::Refused(describe(error, &with_help)),
        Error::Forge(_) => Ending::Stuck { reason: describe(error, &with_help), exit: error.exit() },
        Error::Git(_) | Error::System { .. } => Ending::Failed(describe(error, &with_help)),
    }
}

fn describe(error: &Error, with_help: &dyn Fn(&dyn miette::Diagnostic) -> String) -> String {
    let mut text = with_help(error);
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(&format!("\n{inner_text}"));
        }
        cause = inner.source();
    }
    for related in miette::Diagnostic::related(error).into_iter().flatten() {
        text.push_str(&format!("\n{related}"));
    }
    text
}

/// One attempt, and how often the next ones may follow by themselves where it fails.
fn go(engine: &Engine, id: &SpecId) -> Result<(Ending, u32), Error> {
    let mut retries = 0;
    let (ending, lock, above) = match claim(engine, id)? {
        Claimed::Person(path) => return Ok((Ending::Person(path), 0)),
        Claimed::Done { lock, target, driver } => {
            tidy::after_landing(engine, id, target.as_deref())?;
            (Ending::AlreadyDone, lock, driver)
        }
        Claimed::Land(finished, lock) => {
            honesty::before_merge(engine, &finished)?;
            (land::land(engine, &finished, &lock, false)?, lock, finished.driver)
        }
        Claimed::Work(claim) => {
            if !(engine.request.finish || claim.agent.is_person()) {
                retries = claim.spec.retries.unwrap_or(claim.settings.retries.value);
            }
            let ending = work(engine, &claim);
            if !claim.agent.is_person() {
                // Where it has landed, the worktree is gone.
                powers::tell(engine, id, &engine.project.worktree_path(id));
            }
            (ending?, claim.lock, claim.driver)
        }
    };
    drop(lock);
    if let (Ending::Landed { .. } | Ending::AlreadyDone, Some(above)) = (&ending, above)
        && let Err(error) = driver::after_member(engine, &above)
    {
        engine.notice(&above, ending_words(&ending_of(&error)));
    }
    Ok((ending, retries))
}

fn ending_words(ending: &Ending) -> String {
    match ending {
        Ending::Refused(text) | Ending::Failed(text) | Ending::Held(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

fn work(engine: &Engine, claim: &Claim) -> Result<Ending, Error> {
    let id = &claim.id;
    engine.phase(id, Phase::Worktree, Some(claim.attempt));
    tidy::worktree(engine, claim)?;
    if claim.agent.is_person() && !engine.request.finish && claim.ended.is_none() {
        return Ok(Ending::Person(engine.project.worktree_path(id)));
    }
    let judged = {
        let wish = (!claim.agent.is_person()).then(|| handover::Wish::listen(engine, claim));
        match (worked(engine, claim), wish) {
            (Err(Error::Interrupted), Some(wish)) if !engine.stopped() => match wish.came() {
                Some(person) => return handover::give(engine, claim, &person),
                None => Err(Error::Interrupted),
            },
            (judged, _) => judged,
        }
    };
    let Judged { before, used, verdict } = judged?;
    match verdict {
        Ok((found, tip)) => complete(engine, claim, tip, &found, &used),
        Err(Error::Failed(reason)) => fail(engine, claim, &before, &reason, None, &used),
        Err(error) => Err(error),
    }
    .or_else(|error| match error {
        Error::Failed(reason) => Ok(Ending::Failed(reason)),
        error => Err(error),
    })
}

/// What an attempt comes to before it is concluded.
struct Judged {
    before: honesty::Before,
    used: Used,
    verdict: Result<(Evidence, Oid), Error>,
}

/// The agent's work, committed and judged. An interruption ends it at once, with the work saved.
fn worked(engine: &Engine, claim: &Claim) -> Result<Judged, Error> {
    let id = &claim.id;
    let before = honesty::Before::look(engine, claim)?;
    let (ended, beside) = if engine.request.finish && claim.agent.is_person() {
        (Ended { failure: None, used: Used::by(claim.agent.name(), claim.agent.model()) }, None)
    } else {
        match &claim.ended {
            Some(ended) => (ended.clone(), None),
            None => labour::work(engine, claim)?,
        }
    };
    engine.phase(id, Phase::Commit, Some(claim.attempt));
    let tangled = honesty::untangle(engine, claim, &before)?;
    let saved = commit::commit_work(engine, claim)?;
    failpoint("attempt.committed");
    for name in honesty::put_back(engine, claim, &before)? {
        engine.notice(id, format!("{name} had been moved during its run, and is back where it was"));
    }
    let verdict = match ended.failure {
        Some(reason) => Err(Error::Failed(reason)),
        None => judge(engine, claim, &before, beside.or(tangled).or(saved.refused)),
    };
    match verdict {
        Err(Error::Interrupted) => Err(Error::Interrupted),
        verdict => Ok(Judged { before, used: ended.used, verdict }),
    }
}

pub(super) fn taken_over(claim: &Claim) -> Error {
    let by = "another clone, which has taken it over; what was done here is kept on its branch".to_owned();
    Error::Held { id: claim.qualified.clone(), by }
}

/// Honesty first, then the proofs; gives them with the commit that they are about.
fn judge(
    engine: &Engine,
    claim: &Claim,
    before: &honesty::Before,
    refused: Option<String>,
) -> Result<(Evidence, Oid), Error> {
    if let Some(complaint) = honesty::after(engine, claim, before)? {
        return Err(Error::Failed(complaint));
    }
    if let Some(refused) = refused {
        return Err(Error::Failed(refused));
    }
    let tip = engine.project.repo.tip(&claim.qualified.full_ref())?.unwrap_or(claim.start);
    if let Some(complaint) = conflict::unresolved(engine, claim, tip)? {
        return Err(Error::Failed(complaint));
    }
    let set_aside = frozen::set_aside(engine, claim)?;
    let repo = &engine.project.repo;
    let tip = repo.tip(&claim.qualified.full_ref())?.ok_or_else(|| Error::Failed("its branch is gone".to_owned()))?;
    if let Some(complaint) = frozen::lax(engine, claim, tip)? {
        return Err(Error::Failed(complaint));
    }
    if !claim.agent.is_person()
        && let Some(complaint) = brought::committed(engine, claim, tip)?
    {
        return Err(Error::Failed(complaint));
    }
    if let Some(complaint) = outward::refuse(engine, claim, tip)? {
        return Err(Error::Failed(complaint));
    }
    let changed = repo.tree(tip)? != repo.tree(claim.base)?;
    if !changed && claim.spec.criteria.is_empty() {
        return Err(Error::Failed("it changed nothing, and no criterion says that nothing was to be done".to_owned()));
    }
    if !changed && claim.spec.criteria.iter().all(|criterion| criterion.command.is_none()) {
        return Err(Error::Failed("it changed nothing, and no criterion has a proof".to_owned()));
    }
    engine.phase(&claim.id, Phase::Prove, Some(claim.attempt));
    let prover = Prover::new(engine, &claim.id, &claim.settings, &claim.lock);
    on_base::look(&prover, &claim.spec, claim.base)?;
    let mut found = prover.prove(&claim.spec, tip)?;
    found.set_aside = set_aside;
    on_base::compare(engine, &claim.settings, claim.base, claim.again, &mut found)?;
    failpoint("attempt.proven");
    // A proof may run what the work has made.
    if claim.spec.has_commands()
        && let Some(complaint) = honesty::meanwhile(engine, before)?
    {
        return Err(Error::Failed(complaint));
    }
    if found.holds() {
        engine.mark_proven(found.tree, &claim.qualified, None);
    }
    Ok((found, tip))
}

fn complete(engine: &Engine, claim: &Claim, tip: Oid, found: &Evidence, used: &Used) -> Result<Ending, Error> {
    if !found.holds() {
        let changed = engine.project.repo.tree(tip)? != engine.project.repo.tree(claim.base)?;
        let complaint = found.complaint();
        let reason = if changed { complaint } else { format!("it changed nothing: {complaint}") };
        if engine.request.finish {
            return Err(Error::Failed(format!(
                "{reason}\nnothing was recorded; go on in the worktree and finish again"
            )));
        }
        return fail(engine, claim, &honesty::Before::none(), &reason, Some(found), used);
    }
    let block = Block {
        status: Some(Transition::Completed),
        criteria: Some(found.tally()),
        assisted_by: assisted_by(claim, used),
        ..events_block(claim, used)
    };
    let commit = conclude(engine, claim, tip, "completed", &block, Some(found), used)?;
    failpoint("attempt.completed");
    let finished = Finished {
        id: claim.id.clone(),
        qualified: claim.qualified.clone(),
        spec: claim.spec.clone(),
        settings: claim.settings.clone(),
        attempt: claim.attempt,
        run: claim.run.clone(),
        target: claim.target.clone(),
        base: fork(engine, claim)?,
        commit,
        tip: commit,
        assisted_by: assisted_by(claim, used),
        criteria: found.tally().to_string(),
        driver: claim.driver.clone(),
    };
    land::land(engine, &finished, &claim.lock, false)
}

/// Every model that worked on the attempt, in all of its runs.
fn assisted_by(claim: &Claim, used: &Used) -> Vec<String> {
    let now = used.assisted_by().into_iter().filter(|model| !claim.assisted.contains(model));
    claim.assisted.iter().cloned().chain(now).collect()
}

/// Where the attempt left its target when it first began: whatever landed since then is a rival, also where a later
/// run of the same attempt has taken it in.
fn fork(engine: &Engine, claim: &Claim) -> Result<Oid, Error> {
    let repo = &engine.project.repo;
    let Some(onto) = repo.tip(&format!("refs/heads/{}", claim.target))? else { return Ok(claim.base) };
    Ok(repo.merge_base(onto, claim.first_start)?.unwrap_or(claim.base))
}

fn events_block(claim: &Claim, used: &Used) -> Block {
    Block { spec: Some(claim.qualified.clone()), attempt: Some(claim.attempt), ..used.trailers() }
}

/// Records the failure on top of the work, which is committed already.
fn fail(
    engine: &Engine,
    claim: &Claim,
    before: &honesty::Before,
    reason: &str,
    found: Option<&Evidence>,
    used: &Used,
) -> Result<Ending, Error> {
    let tip = tidy::honest_tip(engine, claim)?;
    let block = Block {
        status: Some(Transition::Failed),
        criteria: found.map(Evidence::tally),
        reason: Some(reason.to_owned()),
        disowned: honesty::foreign(engine, before)?,
        ..events_block(claim, used)
    };
    conclude(engine, claim, tip, "failed", &block, found, used)?;
    failpoint("attempt.failed");
    Ok(Ending::Failed(reason.to_owned()))
}

fn conclude(
    engine: &Engine,
    claim: &Claim,
    tip: Oid,
    word: &str,
    block: &Block,
    found: Option<&Evidence>,
    used: &Used,
) -> Result<Oid, Error> {
    let repo = &engine.project.repo;
    let lock: &Lock = &claim.lock;
    let mut body = found.map(evidence::criteria_lines).unwrap_or_default();
    body.extend(used.over.iter().map(|over| format!("- {over}\n")));
    let commit = event(repo, lock, tip, &format!("{}: {word}", claim.id), &body, block)?;
    let unproven;
    let found = match found {
        Some(found) => found,
        // It failed before anything was proven; what was set aside by then is to be seen all the same.
        None => {
            unproven = Evidence { set_aside: frozen::recorded(engine, claim)?, ..Evidence::empty(repo.tree(tip)?) };
            &unproven
        }
    };
    let name = claim.qualified.to_string();
    let lines = evidence::lines(&name, claim.attempt, &claim.run, Some(used), found);
    repo.note_add(commit, &lines, &transcripts::kept(&engine.project, &claim.id))?;
    failpoint("attempt.before-conclusion");
    let moves = [RefMove { name: claim.qualified.full_ref(), from: Expect::At(tip), to: Some(commit) }];
    let over: Vec<RefMove> = lease::ended(&engine.project, &claim.qualified)?.into_iter().collect();
    match shared::move_fenced(&engine.project, &moves, &over, word)? {
        Moved::Done => Ok(commit),
        Moved::TipMoved { .. } => {
            shared::refresh(&engine.project, &[&claim.target])?;
            let project = &engine.project;
            if shared::fenced_off(project, &claim.qualified, commit)?
                || shared::overtaken(project, &claim.qualified, claim.attempt)?
            {
                return Err(taken_over(claim));
            }
            Err(Error::Failed(format!("{} was moved by somebody else meanwhile", claim.qualified.branch())))
        }
    }
}
