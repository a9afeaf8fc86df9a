//! `chant approve` and `reject`: what a person says of work to come, or of work that was done.

use super::decide::Decided;
use super::{Error, resolve};
use crate::agent::Lock;
use crate::ledger::{Approval, Block, Oid, Transition};
use crate::plan::{self, Policy, Row, Status, Subject, Words};
use crate::project::{self, Look, Project};
use crate::run::{self, Ending, Engine, Recorded, Request};
use crate::spec::SpecId;

/// What an approval came to.
#[derive(Debug, Clone)]
pub struct Approved {
    /// What was recorded; no commit where the same person had said so already.
    pub decided: Decided,
    /// What became of completed work; `None` where the approval was of work to come.
    pub ending: Option<Ending>,
    /// What is still lacking, in words; `None` where nothing is.
    pub lacks: Option<String>,
}

/// Says that the work may begin, or that what was done may land; the last approval that it takes lands it.
///
/// # Errors
/// Where nothing waits for an approval, where the caller may not give one, and where somebody holds the spec.
pub fn approve(project: &Project, query: &str, reporter: run::Reporter) -> Result<Approved, Error> {
    run::ensure_writable(project)?;
    let look = project::look(project)?;
    let id = resolve(&look, query)?.clone();
    let lock = run::hold(project, &id)?;
    run::take_in(project, &id)?;
    super::refuse_elsewhere(project, &id)?;
    let look = project::look(project)?;
    let (case, who) = (Case::of(project, &look, &id, "approve")?, project.repo.author()?);
    case.admit(&id, &who)?;
    run::ready_as(project, &look, &who)?;
    let words = case.words(&look, project, &id);
    let (engine, _runtime) = Engine::alone(project.clone(), Request::default(), reporter)?;
    let commit = if words.approved.iter().any(|by| plan::mail(by) == plan::mail(&who)) {
        None
    } else {
        let block = Block { approval: Some(Approval::Approved), attempt: Some(case.attempt), ..Block::default() };
        Some(record(&engine, &look, &lock, &id, &case, &who, block)?)
    };
    drop(lock);
    let decided = Decided { id: id.clone(), commit };
    let look = project::look(project)?;
    let words = case.words(&look, project, &id);
    let lacks = (!words.suffice()).then(|| words.state());
    if !case.done || lacks.is_some() {
        return Ok(Approved { decided, ending: None, lacks });
    }
    Ok(Approved { decided, ending: Some(engine.merge(&id)?), lacks })
}

/// Sends work back with a reason, which the next attempt is told; or says that work may not begin yet.
///
/// # Errors
/// As [`approve`], and where the reason says nothing or takes more than a line.
pub fn reject(project: &Project, query: &str, reason: &str, reporter: run::Reporter) -> Result<Decided, Error> {
    run::ensure_writable(project)?;
    let reason = reason.trim();
    if reason.is_empty() || reason.contains('\n') {
        return Err(Error::usage(
            "the reason has to be one line that says something",
            format!("`chant reject {query} --reason \"…\"`; more belongs into a file under .chant/context"),
        ));
    }
    let look = project::look(project)?;
    let id = resolve(&look, query)?.clone();
    let lock = run::hold(project, &id)?;
    run::take_in(project, &id)?;
    super::refuse_elsewhere(project, &id)?;
    let look = project::look(project)?;
    let (case, who) = (Case::of(project, &look, &id, "reject")?, project.repo.author()?);
    case.admit(&id, &who)?;
    run::ready_as(project, &look, &who)?;
    let block = Block {
        approval: Some(Approval::Rejected),
        status: case.done.then_some(Transition::Pending),
        attempt: Some(case.attempt),
        reason: Some(reason.to_owned()),
        ..Block::default()
    };
    let (engine, _runtime) = Engine::alone(project.clone(), Request::default(), reporter)?;
    let commit = record(&engine, &look, &lock, &id, &case, &who, block)?;
    Ok(Decided { id, commit: Some(commit) })
}

/// What there is to say something of.
struct Case {
    /// Whether it is done, or to come.
    done: bool,
    attempt: u32,
    policy: Policy,
    /// Who did it, as mail addresses.
    workers: std::collections::BTreeSet<String>,
    /// What the work lands on.
    base: Oid,
    target: String,
}

impl Case {
    fn of(project: &Project, look: &Look, id: &SpecId, verb: &str) -> Result<Self, Error> {
        let row = look.board.row(id).ok_or_else(|| Error::usage(format!("{id} cannot be read"), "see `chant lint`"))?;
        let target = row.target.clone().map_or_else(|| run::target_of(project, look, id, None), Ok)?;
        let repo = &project.repo;
        let base = match repo.tip(&format!("refs/heads/{target}"))? {
            Some(tip) => tip,
            None => {
                repo.head()?.tip().ok_or_else(|| Error::usage("there is no commit yet", "commit the spec first"))?
            }
        };
        let settings = project.settings_at(base, &Default::default())?;
        let policy = project::policy(&settings);
        let record = look.ledger.record(&project.qualify(id));
        match row.status {
            Status::InReview => {
                let Some((record, done)) = record.and_then(|record| Some((record, record.decided_by?))) else {
                    return Err(nothing(row, verb));
                };
                let tip = repo.tip(&project.qualify(id).full_ref())?;
                if !tip.is_some_and(|tip| look.history.same_content(done, tip)) {
                    return Err(run::Error::refused(
                        format!("{id} has commits after it was completed, and nobody has proven those"),
                        format!("`chant work {id}` proves them"),
                    )
                    .into());
                }
                let workers = project::did(project, &look.view, done, base)?;
                Ok(Self { done: true, attempt: record.attempt, policy, workers, base, target })
            }
            _ if look.board.to_approve.binary_search(id).is_ok() => {
                run::spec_in(project, id, base)?;
                let attempt = record.map_or(0, |record| record.highest).saturating_add(1);
                Ok(Self { done: false, attempt, policy, workers: Default::default(), base, target })
            }
            _ => Err(nothing(row, verb)),
        }
    }

    /// Refuses whose word would not count.
    fn admit(&self, id: &SpecId, who: &str) -> Result<(), Error> {
        let mail = plan::mail(who);
        if !self.policy.admits(&mail) {
            return Err(run::Error::refused(
                format!("{who} may not decide about {id}"),
                format!("`review.approvers` in .chant/config.yaml names {}", self.policy.who()),
            )
            .into());
        }
        if self.done && !self.policy.own && self.workers.contains(&mail) {
            return Err(run::Error::refused(
                format!("{who} did the work on {id}, and cannot decide about it"),
                "`review.self: false` in .chant/config.yaml asks for somebody else",
            )
            .into());
        }
        Ok(())
    }

    fn words(&self, look: &Look, project: &Project, id: &SpecId) -> Words {
        let subject = if self.done {
            Subject::Done { workers: &self.workers, moved: false }
        } else {
            Subject::Coming(&look.live.outdated)
        };
        plan::review::words(look.ledger.record(&project.qualify(id)), &look.history, &self.policy, &subject)
    }
}

fn nothing(row: &Row, verb: &str) -> Error {
    let (id, status) = (&row.id, row.status);
    let help = match status {
        Status::Completed => format!("`chant revert {id}` takes it back"),
        Status::InProgress | Status::Stalled => format!("`chant log {id}` shows how far it is"),
        _ => format!("`approval: required` in the spec asks for a word before the work; `chant why {id}` says more"),
    };
    run::Error::refused(format!("{id} is {}: there is nothing to {verb}", status.as_str()), help).into()
}

/// Puts the word onto the spec's branch: on what was done as it is, or where the attempt to come would begin.
fn record(
    engine: &Engine,
    look: &Look,
    lock: &Lock,
    id: &SpecId,
    case: &Case,
    who: &str,
    block: Block,
) -> Result<Oid, Error> {
    let repo = &engine.project.repo;
    let qualified = engine.project.qualify(id);
    let word = block.approval.map(Approval::as_str).unwrap_or_default();
    let block = Block { spec: Some(qualified.clone()), reviewed_by: vec![who.to_owned()], ..block };
    let recorded = if case.done {
        let from = repo.tip(&qualified.full_ref())?;
        run::record_on_branch(&engine.project, lock, &qualified, from, case.base, &format!("{id}: {word}"), &block)?
    } else {
        let record = look.ledger.record(&qualified);
        let subject = format!("{id}: attempt {} {word}", case.attempt);
        run::record_at_ground(engine, lock, &qualified, record, (case.base, &case.target), &subject, &block)?
    };
    match recorded {
        Recorded::At(commit) => Ok(commit),
        Recorded::TipMoved(_) => Err(run::Error::refused(
            format!("{} moved at this very moment", qualified.branch()),
            format!("look again: `chant diff {id}`"),
        )
        .into()),
    }
}
