//! Claiming a spec: under its lock, by compare-and-swap from exactly the tip that was read, with a start commit that
//! no other run can have made. Exactly one of any number of callers wins (DESIGN.md, section 5).

use super::agents;
use super::base::{base_branch, no_target, recorded_target, refuse_edited, refuse_stale, spec_at, target_of};
use super::events::event;
use super::model::{Claim, Claimed, Ended, Finished};
use super::origin::{Ground, origin};
use super::used::Used;
use super::{
    Engine, Error, Phase, catch_up, commit, conflict, handover, inside, lease, on_base, prompt, shared, signing, spent,
    tidy, used,
};
use crate::agent::{self, Lock};
use crate::env::failpoint;
use crate::git::{Expect, Moved, RefMove};
use crate::ledger::{Block, Entry, Oid, Record, State, Transition};
use crate::plan::{Row, Status};
use crate::project::{self, Look, Project};
use crate::spec::{Diagnostic, Qualified, Severity, SpecId};

/// Refuses what must not change anything: a call from inside a run, told by process ancestry, and a repository in
/// which nobody is known by name.
///
/// # Errors
/// [`Error::Refused`] inside of a run; Git's own error where it knows no identity.
pub fn ensure_writable(project: &Project) -> Result<(), Error> {
    if let Some(spec) = agent::inside_run(project.repo.common_dir()) {
        return Err(Error::refused(
            format!("this is inside the run of {spec}, and nothing an agent says can become state"),
            "leave it to the engine: it commits, proves and lands what is found in the worktree",
        ));
    }
    project.repo.identity()?;
    outside_of_runs(project)?;
    super::tidy::at_start(project)?;
    super::onto::settle_all(project)
}

/// Ancestors end where a process namespace does: while a run goes on outside of this one, nobody can tell on whose behalf
/// something is called.
fn outside_of_runs(project: &Project) -> Result<(), Error> {
    let Some(here) = agent::namespace() else { return Ok(()) };
    let dir = project.repo.common_dir().join("chant/locks");
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let notes = Lock::notes(&path).unwrap_or_default();
        let Some(there) = notes.iter().rev().find_map(|line| line.strip_prefix(NAMESPACE)) else { continue };
        if there != here && Lock::is_held(&path).unwrap_or(true) {
            return Err(Error::refused(
                "a run goes on in this repository outside of this process namespace, and whether this call comes from \
                 inside of it cannot be told",
                "say it where the run was started, or when it has ended",
            ));
        }
    }
    Ok(())
}

/// Begins the line of a lock file that says in which process namespace its holder is.
const NAMESPACE: &str = "namespace ";

/// Takes a spec's lock, or says who has it. From then on Git itself is asked for what happened, and signatures that bear on
/// the spec are checked anew.
///
/// # Errors
/// [`Error::Held`] where somebody else holds it.
pub fn hold(project: &Project, id: &SpecId) -> Result<Lock, Error> {
    let path = project.lock_path(id);
    project.verdicts.decide_about(id);
    project.repo.distrust_kept();
    match Lock::try_take(&path).map_err(Error::system(format!("cannot lock {}", path.display())))? {
        Some(lock) => {
            project.repo.free_ref_lock(&project.qualify(id).full_ref())?;
            let who = format!("process {} on {}", std::process::id(), project.env.host());
            lock.describe(&who).map_err(Error::system("writing the lock file"))?;
            if let Some(here) = agent::namespace() {
                lock.note(&format!("{NAMESPACE}{here}")).map_err(Error::system("writing the lock file"))?;
            }
            inside::recover(project, &project.qualify(id))?;
            Ok(lock)
        }
        None => Err(Error::Held {
            id: project.qualify(id),
            by: Lock::holder(&path).ok().flatten().unwrap_or_else(|| "another process".to_owned()),
        }),
    }
}

/// Claims a spec that is no driver.
///
/// # Errors
/// Where it is held, blocked, cancelled, not committed or not usable, and where Git fails.
pub(super) fn claim(engine: &Engine, id: &SpecId) -> Result<Claimed, Error> {
    let project = &engine.project;
    let lock = hold(project, id)?;
    failpoint("claim.locked");
    // Looked at again under the lock: what the scheduler saw may be long past.
    let look = catch_up::prepare(engine, project::look(project)?, id)?;
    let look = match catch_up::adopt(engine, id)? {
        true => project::look(project)?,
        false => look,
    };
    let row = look.board.row(id).ok_or_else(|| unusable(&look, id))?;
    let record = look.ledger.record(&project.qualify(id));
    refuse_by_status(row)?;
    match (row.status, record) {
        (Status::Completed, _) if !engine.request.again.contains_key(id) => {
            Ok(Claimed::Done { lock, target: row.target.clone(), driver: look.set.driver_of(id).cloned() })
        }
        (Status::InReview, Some(record)) if !engine.request.fresh => {
            if conflict::of(engine, id).is_some() {
                return start(engine, &look, row, Some(record), lock);
            }
            match finished(project, &look, row, record, engine.request.target.as_deref())? {
                Some(finished) => Ok(Claimed::Land(Box::new(finished), lock)),
                None => start(engine, &look, row, Some(record), lock),
            }
        }
        (_, record) => start(engine, &look, row, record, lock),
    }
}

fn unusable(look: &Look, id: &SpecId) -> Error {
    let file = format!("/{id}.md");
    let diagnostics = look
        .diagnostics
        .iter()
        .filter(|d| d.severity == Severity::Error && d.origin().name.ends_with(&file))
        .cloned()
        .collect();
    Error::Spec { id: id.clone(), diagnostics }
}

/// What is wrong with a spec beside others, or with the whole project: two that want one branch, a circle of members.
fn wrong_together(project: &Project, look: &Look, id: &SpecId, base: Oid) -> Result<Vec<Diagnostic>, Error> {
    let own = [project.spec_path(id), project::CONFIG.to_owned()];
    let mut wrong = project::lint_together(project, &look.set, Some(base))?;
    wrong.retain(|said| said.severity == Severity::Error && own.iter().any(|file| said.origin().name.ends_with(file)));
    Ok(wrong)
}

fn refuse_by_status(row: &Row) -> Result<(), Error> {
    let id = &row.id;
    match row.status {
        Status::Blocked => {
            let reasons: Vec<&str> = row.blocked_by.iter().map(|blocker| blocker.reason.as_str()).collect();
            Err(Error::refused(
                format!("{id} is blocked: {}", reasons.join("; ")),
                format!("`chant why {id}` tells the whole chain"),
            ))
        }
        Status::Cancelled => {
            Err(Error::refused(format!("{id} is cancelled"), format!("`chant reset {id}` makes it ready again")))
        }
        Status::Unknown => Err(Error::refused(
            "this is a shallow clone, and what is hidden decides",
            "bring in the rest: `git fetch --unshallow`",
        )),
        _ => Ok(()),
    }
}

/// A completed attempt as the branch holds it; `None` where commits after its event void it.
pub(super) fn finished(
    project: &Project,
    look: &Look,
    row: &Row,
    record: &Record,
    asked: Option<&str>,
) -> Result<Option<Finished>, Error> {
    let repo = &project.repo;
    let qualified = project.qualify(&row.id);
    let Some(commit) = record.decided_by else { return Ok(None) };
    let Some(tip) = repo.tip(&qualified.full_ref())?.filter(|tip| look.history.same_content(commit, *tip)) else {
        return Ok(None);
    };
    let target = recorded_target(record).map_or_else(|| target_of(project, look, &row.id, asked), Ok)?;
    let first_start = record.start.as_ref().map_or(commit, |entry| entry.commit);
    let base = match repo.tip(&format!("refs/heads/{target}"))? {
        Some(tip) => repo.merge_base(tip, first_start)?.unwrap_or(tip),
        None => first_start,
    };
    // Where the target was rewritten, what they have in common may be older than the spec: then what the attempt started
    // from counts.
    let words = match repo.entry(base, &project.spec_path(&row.id))? {
        Some(_) => base,
        None => first_start,
    };
    let spec = spec_at(project, &row.id, words)?;
    let settings = project.settings_at(words, &engine_flags())?;
    let entry = record.entries.iter().find(|entry| entry.commit == commit);
    Ok(Some(Finished {
        id: row.id.clone(),
        qualified,
        spec,
        settings,
        attempt: record.attempt,
        run: record.last_start.as_ref().and_then(|entry| entry.block.run.clone()).unwrap_or_default(),
        target,
        base,
        commit,
        tip,
        assisted_by: entry.map(|entry| entry.block.assisted_by.clone()).unwrap_or_default(),
        criteria: entry.and_then(|entry| entry.block.criteria).map(|tally| tally.to_string()).unwrap_or_default(),
        driver: look.set.driver_of(&row.id).cloned(),
    }))
}

fn engine_flags() -> crate::config::Flags {
    crate::config::Flags::default()
}

/// Begins an attempt, or goes on with an interrupted one.
fn start(engine: &Engine, look: &Look, row: &Row, record: Option<&Record>, lock: Lock) -> Result<Claimed, Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let id = &row.id;
    let qualified = project.qualify(id);
    let running = record.filter(|record| matches!(record.state, State::InProgress));
    let foreign = running.and_then(|record| record.last_start.as_ref()).filter(|last| !is_here(engine, last));
    if let Some(foreign) = foreign {
        wrest(engine, foreign, &qualified)?;
    } else if let Some(waiting) = a_persons(engine, running, &qualified) {
        return Ok(waiting);
    }
    let going_on =
        running.filter(|_| foreign.is_none()).and_then(recorded_target).filter(|_| engine.request.target.is_none());
    let target = match going_on.filter(|_| look.set.driver_of(id).is_none()) {
        Some(target) => target,
        None => base_branch(engine, look, id, &lock)?,
    };
    let base = repo.tip(&format!("refs/heads/{target}"))?.ok_or_else(|| no_target(&target))?;
    refuse_stale(engine, look, id, &target, base)?;
    let spec = spec_at(project, id, base)?;
    refuse_edited(project, look, &spec)?;
    let outside = project::leads_out(project, &spec);
    if !outside.is_empty() {
        return Err(Error::Spec { id: id.clone(), diagnostics: outside });
    }
    let wrong = wrong_together(project, look, id, base)?;
    if !wrong.is_empty() {
        return Err(Error::Spec { id: id.clone(), diagnostics: wrong });
    }
    let settings = project.settings_at(base, &engine_flags())?;
    engine.conceal(&settings);
    signing::agrees(project, &settings, &target)?;
    let asked = if engine.request.finish { Some(agents::PERSON) } else { engine.request.agent.as_deref() };
    let (agent, rotation) = agents::choose(engine, &settings, &spec, asked)?;
    // Where its agent had ended, what it used is recorded with what came of it.
    let known = |record: &&Record| {
        let run = record.last_start.as_ref().and_then(|last| last.block.run.as_deref()).unwrap_or_default();
        let anew = engine.request.fresh || engine.request.handover;
        anew || ended_of(&project.lock_path(id), run).is_none()
    };
    let open = spent::left_open(project, &qualified, running.filter(|_| foreign.is_none()).filter(known));
    let left = open.as_ref().map_or((0, 0), |open| open.used.account.figures());
    let before = used::before(record);
    let spent = (before.0.saturating_add(left.0), before.1.saturating_add(left.1));
    refuse_spent(engine, &agent, id, spent)?;
    inside::check_net(&settings)?;
    let mut old = commit::save_partial(engine, id, &qualified, repo.tip(&qualified.full_ref())?)?;
    let assisted = open.as_ref().map(|open| open.used.assisted_by()).unwrap_or_default();
    if let Some((open, tip)) = open.as_ref().zip(old) {
        old = Some(spent::record(project, &lock, &qualified, tip, open)?);
    }
    let resolving = conflict::of(engine, id).is_some();
    let moved_on = record.filter(|record| !resolving && goes_on(look, record, old));
    // What is taken from another clone is another attempt: by its number the former holder is kept from landing.
    let resumed = running.or(moved_on).filter(|_| !engine.request.fresh && old.is_some() && foreign.is_none());
    let attempt = match resumed {
        Some(record) => record.attempt,
        None => record.map_or(1, |record| record.highest.saturating_add(1)),
    };
    let conflict = conflict::of(engine, id).zip(old);
    let conflict =
        conflict.map(|(clash, work)| conflict::told(project, look, id, work, base, &clash.paths)).transpose()?;
    let resolves = conflict.is_some();
    let prompt = match agents::is_prompted(&settings, &spec, asked) {
        true => prompt::prompt(
            &prompt::Ask {
                project,
                look,
                spec: &spec,
                settings: &settings,
                base,
                target: &target,
                attempt,
                request: &engine.request,
            },
            conflict,
        )?,
        false => String::new(),
    };
    let run = project.new_run()?;
    let who = format!("run {run} of {}, process {}", agent.name(), std::process::id());
    lock.describe(&who).map_err(Error::system("writing the lock file"))?;
    let ended = resumed
        .and_then(|record| record.last_start.as_ref())
        .and_then(|last| ended_of(&project.lock_path(id), last.block.run.as_deref().unwrap_or_default()));
    // What a person added to completed work is proven as it is: nobody works on it again.
    let ended = ended.filter(|_| !engine.request.handover);
    let ended = ended.or_else(|| resumed.and(moved_on).map(|_| Ended { failure: None, used: Used::default() }));
    let (from, person) = handover::handed(engine, record)?;
    let block = Block {
        from,
        person,
        spec: Some(qualified.clone()),
        status: Some(Transition::InProgress),
        attempt: Some(attempt),
        run: Some(run.clone()),
        agent: Some(agent.name().to_owned()),
        target: Some(target.clone()),
        ..Block::default()
    };
    let origin = origin(
        engine,
        &qualified,
        record,
        &lock,
        old,
        &Ground { base, target: &target, resumed: resumed.is_some() || resolves },
    )?;
    // What could be refused has been by now.
    engine.phase(id, Phase::Claim, None);
    let subject = match engine.request.handover {
        true => format!("{id}: handed over"),
        false => format!("{id}: start attempt {attempt}"),
    };
    let start = event(repo, &lock, origin.parent, &subject, &origin.remark, &block)?;
    let mut moves =
        vec![RefMove { name: qualified.full_ref(), from: old.map_or(Expect::Absent, Expect::At), to: Some(start) }];
    moves.extend(origin.keep(repo, &qualified, record)?);
    tidy::bring_worktree(engine, id, old, start)?;
    failpoint("claim.before-ref");
    let over: Vec<RefMove> = lease::ended(project, &qualified)?.into_iter().collect();
    match shared::move_fenced(project, &moves, &over, &format!("start attempt {attempt}"))? {
        Moved::Done => failpoint("claim.after-ref"),
        Moved::TipMoved { .. } => return Err(beaten(project, qualified)?),
    }
    conflict::taken_up(engine, id);
    if let Some(ended) = &ended {
        note_ended(&lock, &run, ended)?;
    }
    let first_start = resumed.and_then(|record| record.start.as_ref()).map_or(start, |entry| entry.commit);
    Ok(Claimed::Work(Box::new(Claim {
        id: id.clone(),
        spec,
        settings,
        lock,
        attempt,
        run,
        target,
        base,
        first_start,
        start,
        agent,
        rotation,
        spent,
        in_attempt: spent::in_attempt(record, attempt, resumed.is_some(), left),
        assisted: spent::assisted_before(record, attempt, resumed.is_some(), assisted),
        ended,
        prompt,
        resolves,
        again: on_base::was_done(repo, record, base)?,
        driver: look.set.driver_of(id).cloned(),
        qualified,
    })))
}

/// Refuses to begin what could not do anything: the money or the tokens are used up.
fn refuse_spent(engine: &Engine, agent: &agents::Chosen, id: &SpecId, spent: (u64, u64)) -> Result<(), Error> {
    match agent.limits(spent).reached((0, 0), engine.spent()) {
        None => Ok(()),
        Some(why) => Err(Error::refused(
            format!("{id} cannot be worked: {why}"),
            "raise `budget` in the spec or in `.chant/config.yaml`, or choose another agent with `--agent <name>`",
        )),
    }
}

/// Who was quicker, where that can be told.
fn beaten(project: &Project, qualified: Qualified) -> Result<Error, Error> {
    shared::refresh(project, &[])?;
    let look = project::look(project)?;
    let winner = look.ledger.record(&qualified).and_then(|record| record.last_start.as_ref());
    let by = match winner.and_then(|entry| entry.block.run.as_deref()) {
        Some(run) if !project.is_own_run(run) => format!("run {run}, in another clone, which was quicker"),
        _ => "somebody who moved its branch at this very moment".to_owned(),
    };
    Ok(Error::Held { id: qualified, by })
}

/// Whether commits follow the completion of an attempt: a person's merge, say, that takes care of a conflict.
fn goes_on(look: &Look, record: &Record, tip: Option<Oid>) -> bool {
    let (State::Completed, Some(event), Some(tip)) = (&record.state, record.decided_by, tip) else { return false };
    look.history.is_ancestor(event, tip) && !look.history.same_content(event, tip)
}

/// Refuses to touch the run of another clone, unless it was asked for or its lease has run out.
fn wrest(engine: &Engine, last: &Entry, qualified: &Qualified) -> Result<(), Error> {
    if engine.request.takeover {
        return Ok(());
    }
    if lease::ran_out(&engine.project, qualified)? {
        engine.notice(&qualified.id, "the lease of another clone's run has run out: taken over".to_owned());
        return Ok(());
    }
    let run = last.block.run.clone().unwrap_or_default();
    let by = format!("run {run}, in another clone; `--takeover` takes it from there");
    Err(Error::Held { id: qualified.clone(), by })
}

/// A person's run, which is not gone on with by a call that does not say so.
fn a_persons(engine: &Engine, running: Option<&Record>, qualified: &Qualified) -> Option<Claimed> {
    let last = running.and_then(|record| record.last_start.as_ref())?;
    let request = &engine.request;
    let by_person = last.block.agent.as_deref() == Some(agents::PERSON);
    let asked = request.takeover || request.finish || request.fresh || request.agent.is_some();
    (by_person && !asked).then(|| Claimed::Person(engine.project.worktree_path(&qualified.id)))
}

fn is_here(engine: &Engine, start: &Entry) -> bool {
    start.block.run.as_deref().is_none_or(|run| engine.project.is_own_run(run))
}

/// Remembers in the lock's journal how the agent of a run ended.
pub(super) fn note_ended(lock: &Lock, run: &str, ended: &Ended) -> Result<(), Error> {
    let how = match &ended.failure {
        None => "well".to_owned(),
        Some(reason) => format!("badly {}", reason.replace('\n', " ")),
    };
    for line in [spent::line(run, &ended.used), format!("ended {run} {how}")] {
        lock.note(&line).map_err(Error::system("writing the lock file"))?;
    }
    Ok(())
}

/// How the agent of a run ended, where the journal knows. Losing the journal costs a repetition, never a result.
fn ended_of(lock: &std::path::Path, run: &str) -> Option<Ended> {
    let text = Lock::read(lock).unwrap_or_default();
    let said =
        |word: &str| text.lines().rev().find_map(|line| line.strip_prefix(word)?.strip_prefix(run)?.strip_prefix(' '));
    let line = said("ended ")?;
    let used = spent::journalled(&text, run).unwrap_or_default();
    Some(Ended { failure: line.strip_prefix("badly ").map(str::to_owned), used })
}

/// The title of a spec as the checkout has it, for people.
pub(super) fn title(engine: &Engine, id: &SpecId) -> String {
    let path = engine.project.root.as_ref().map(|root| root.join(project::SPECS).join(format!("{id}.md")));
    let bytes = path.and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
    crate::spec::parse(id, "", &bytes).spec.map(|spec| spec.title).unwrap_or_default()
}
