//! Claiming a spec: under its lock, by compare-and-swap from exactly the tip that was read, with a start commit that
//! no other run can have made. Exactly one of any number of callers wins (DESIGN.md, section 5).

use std::path::PathBuf;

use super::agents::{self, Chosen};
use super::events::{event, journal};
use super::{Engine, Error, driver, honesty, tidy};
use crate::agent::{self, Lock};
use crate::config::Settings;
use crate::env::failpoint;
use crate::git::{Expect, Head, Merge, Moved, RefMove, Repo};
use crate::ledger::{Block, Entry, Oid, Record, State, Transition};
use crate::plan::{Row, Status};
use crate::project::{self, Look, Project};
use crate::spec::{Qualified, Severity, Spec, SpecId};

/// An attempt that this process may work on, and nobody else.
pub(super) struct Claim {
    pub id: SpecId,
    pub qualified: Qualified,
    /// The spec as it stood in the target when the attempt began: whose words count.
    pub spec: Spec,
    /// The settings of that same commit.
    pub settings: Settings,
    pub lock: Lock,
    pub attempt: u32,
    pub run: String,
    /// The short name of the branch it will land on.
    pub target: String,
    /// The target's tip when the attempt began.
    pub base: Oid,
    /// The first start commit of the attempt.
    pub first_start: Oid,
    /// The start commit of this run.
    pub start: Oid,
    pub agent: Chosen,
    /// How the agent of this attempt ended, where that happened before an interruption.
    pub ended: Option<Ended>,
    /// Why the attempt before this one failed.
    pub feedback: Option<String>,
    /// The driver that it is a member of.
    pub driver: Option<SpecId>,
}

/// How an agent ended, as the lock's journal remembers it over a kill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub failure: Option<String>,
}

/// A completed attempt that is still to land.
pub(super) struct Finished {
    pub id: SpecId,
    pub qualified: Qualified,
    pub spec: Spec,
    pub settings: Settings,
    pub attempt: u32,
    pub run: String,
    pub target: String,
    pub base: Oid,
    /// The completing event, the branch's tip.
    pub commit: Oid,
    /// `agent:model`, where a model did it.
    pub assisted_by: Option<String>,
    /// How its criteria ended, as it stands in the trailer.
    pub criteria: String,
    /// The driver that it is a member of.
    pub driver: Option<SpecId>,
}

pub(super) enum Claimed {
    /// To be worked.
    Work(Box<Claim>),
    /// To be landed; the lock stays held meanwhile.
    Land(Box<Finished>, Lock),
    /// It is in its target.
    Done { lock: Lock, target: Option<String>, driver: Option<SpecId> },
    /// A person works on it, there.
    Person(PathBuf),
}

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
    Ok(())
}

/// Takes a spec's lock, or says who has it.
///
/// # Errors
/// [`Error::Held`] where somebody else holds it.
pub fn hold(project: &Project, id: &SpecId) -> Result<Lock, Error> {
    let path = project.lock_path(id);
    match Lock::try_take(&path).map_err(Error::system(format!("cannot lock {}", path.display())))? {
        Some(lock) => {
            let who = format!("process {} on {}", std::process::id(), project.env.host());
            lock.describe(&who).map_err(Error::system("writing the lock file"))?;
            Ok(lock)
        }
        None => Err(Error::Held {
            id: project.qualify(id),
            by: Lock::holder(&path).ok().flatten().unwrap_or_else(|| "another process".to_owned()),
        }),
    }
}

/// The branch that a spec lands on: its driver's, else the one that the spec, the caller, the settings or HEAD name.
///
/// # Errors
/// Where nothing names one, on a detached HEAD for instance.
pub fn target_of(project: &Project, look: &Look, id: &SpecId, asked: Option<&str>) -> Result<String, Error> {
    if let Some(driver) = look.set.driver_of(id) {
        return Ok(project.qualify(driver).branch());
    }
    let own = look.set.get(id).and_then(|spec| spec.target.clone());
    let named = own.or_else(|| asked.map(str::to_owned)).or_else(|| project.settings.target.value.clone());
    if let Some(name) = named {
        return Ok(name);
    }
    match project.repo.head()? {
        Head::Branch { name, .. } if name.starts_with("chant/") => Err(Error::refused(
            format!("HEAD is on {name}, which is a spec's own branch and no place to land on"),
            format!("name the branch to land on: `chant work {id} --target <branch>`"),
        )),
        Head::Branch { name, .. } | Head::Unborn(name) => Ok(name),
        Head::Detached(_) => Err(Error::refused(
            "HEAD is detached, so nothing names the branch to land on",
            format!("name it: `chant work {id} --target <branch>`"),
        )),
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
    let look = project::look(project)?;
    let row = look.board.row(id).ok_or_else(|| unusable(&look, id))?;
    let record = look.ledger.record(&project.qualify(id));
    refuse_by_status(row)?;
    match (row.status, record) {
        (Status::Completed, _) => {
            Ok(Claimed::Done { lock, target: row.target.clone(), driver: look.set.driver_of(id).cloned() })
        }
        (Status::InReview, Some(record)) if !engine.request.fresh => {
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
    if repo.tip(&qualified.full_ref())? != Some(commit) {
        return Ok(None);
    }
    let target = recorded_target(record).map_or_else(|| target_of(project, look, &row.id, asked), Ok)?;
    let first_start = record.start.as_ref().map_or(commit, |entry| entry.commit);
    let base = match repo.tip(&format!("refs/heads/{target}"))? {
        Some(tip) => repo.merge_base(tip, first_start)?.unwrap_or(tip),
        None => first_start,
    };
    let spec = spec_at(project, &row.id, base)?;
    let settings = project.settings_at(base, &engine_flags())?;
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
        assisted_by: entry.and_then(|entry| entry.block.assisted_by.first().cloned()),
        criteria: entry.and_then(|entry| entry.block.criteria).map(|tally| tally.to_string()).unwrap_or_default(),
        driver: look.set.driver_of(&row.id).cloned(),
    }))
}

fn engine_flags() -> crate::config::Flags {
    crate::config::Flags::default()
}

fn recorded_target(record: &Record) -> Option<String> {
    record.last_start.as_ref().and_then(|entry| entry.block.target.clone())
}

/// The spec as it stands in a commit, usable.
///
/// # Errors
/// Where it is not there, or not usable.
pub fn spec_at(project: &Project, id: &SpecId, commit: Oid) -> Result<Spec, Error> {
    let path = project.spec_path(id);
    let Some(bytes) = project.repo.read(commit, &path)? else { return Err(uncommitted(id, "is not committed")) };
    let parsed = crate::spec::parse(id, &path, &bytes);
    parsed.spec.ok_or(Error::Spec { id: id.clone(), diagnostics: parsed.diagnostics })
}

fn uncommitted(id: &SpecId, what: &str) -> Error {
    let inside = format!("{}/{id}.md", project::SPECS);
    Error::refused(
        format!("{id} {what} where its work would start"),
        format!("commit it first: `git add {inside} && git commit -m \"spec: {id}\" -- {inside}`"),
    )
}

/// Begins an attempt, or goes on with an interrupted one.
fn start(engine: &Engine, look: &Look, row: &Row, record: Option<&Record>, lock: Lock) -> Result<Claimed, Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let id = &row.id;
    let qualified = project.qualify(id);
    let running = record.filter(|record| matches!(record.state, State::InProgress));
    if let Some(waiting) = someone_elses(engine, running, &qualified)? {
        return Ok(waiting);
    }
    let going_on = running.and_then(recorded_target).filter(|_| engine.request.target.is_none());
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
    let settings = project.settings_at(base, &engine_flags())?;
    let asked = if engine.request.finish { Some(agents::PERSON) } else { engine.request.agent.as_deref() };
    let agent = agents::choose(project, &settings, &spec, asked)?;
    agent.check(project)?;
    let old = tidy::save_partial(engine, id, &qualified, repo.tip(&qualified.full_ref())?)?;
    let moved_on = record.filter(|record| goes_on(repo, record, old));
    let resumed = running.or(moved_on).filter(|_| !engine.request.fresh && old.is_some());
    let attempt = match resumed {
        Some(record) => record.attempt,
        None => record.map_or(1, |record| record.highest.saturating_add(1)),
    };
    let run = project.env.run_id().map_err(Error::system("no randomness to be had"))?;
    let who = format!("run {run} of {}, process {}", agent.name(), std::process::id());
    lock.describe(&who).map_err(Error::system("writing the lock file"))?;
    let ended = resumed
        .and_then(|record| record.last_start.as_ref())
        .and_then(|last| ended_of(&project.lock_path(id), last.block.run.as_deref().unwrap_or_default()));
    // What a person added to completed work is proven as it is: nobody works on it again.
    let ended = ended.or_else(|| resumed.and(moved_on).map(|_| Ended { failure: None }));
    let block = Block {
        spec: Some(qualified.clone()),
        status: Some(Transition::InProgress),
        attempt: Some(attempt),
        run: Some(run.clone()),
        agent: Some(agent.name().to_owned()),
        target: Some(target.clone()),
        ..Block::default()
    };
    let origin =
        origin(engine, &qualified, record, &lock, old, &Ground { base, target: &target, resumed: resumed.is_some() })?;
    let start = event(repo, &lock, origin.parent, &format!("{id}: start attempt {attempt}"), &origin.remark, &block)?;
    let mut moves =
        vec![RefMove { name: qualified.full_ref(), from: old.map_or(Expect::Absent, Expect::At), to: Some(start) }];
    moves.extend(origin.keep(repo, &qualified, record)?);
    tidy::bring_worktree(engine, id, old, start)?;
    failpoint("claim.before-ref");
    match repo.move_refs(&moves, &format!("start attempt {attempt}"))? {
        Moved::Done => failpoint("claim.after-ref"),
        Moved::TipMoved { .. } => {
            return Err(Error::Held {
                id: qualified,
                by: "somebody who moved its branch at this very moment".to_owned(),
            });
        }
    }
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
        ended,
        feedback: record.and_then(|record| feedback(project, record)),
        driver: look.set.driver_of(id).cloned(),
        qualified,
    })))
}

/// Whether commits follow the completion of an attempt: a person's merge, say, that takes care of a conflict.
fn goes_on(repo: &Repo, record: &Record, tip: Option<Oid>) -> bool {
    let (State::Completed, Some(event), Some(tip)) = (&record.state, record.decided_by, tip) else { return false };
    event != tip && repo.is_ancestor(event, tip).unwrap_or(false)
}

/// Why the last attempt did not do, with its evidence, for the next one's prompt.
fn feedback(project: &Project, record: &Record) -> Option<String> {
    let State::Failed { reason } = &record.state else { return None };
    let mut text = reason.clone().unwrap_or_else(|| "no reason was recorded".to_owned());
    let note = record.decided_by.and_then(|commit| project.repo.note(commit).ok().flatten()).unwrap_or_default();
    for line in note.lines().filter_map(|line| serde_json::from_str::<super::evidence::Line>(line).ok()) {
        for proof in line.criteria.iter().filter(|proof| proof.verdict == super::Verdict::Unmet) {
            text.push_str(&format!("\n\nUnmet: {}", proof.criterion));
            if let Some(command) = &proof.command {
                text.push_str(&format!("\n  $ {command}"));
            }
            if let Some(exit) = proof.exit {
                text.push_str(&format!("\n  exit code {exit}"));
            }
            for line in proof.tail.lines() {
                text.push_str(&format!("\n  | {line}"));
            }
        }
    }
    Some(text)
}

/// A run that is not to be gone on with by this call: a person's, or another machine's.
fn someone_elses(engine: &Engine, running: Option<&Record>, qualified: &Qualified) -> Result<Option<Claimed>, Error> {
    let Some(last) = running.and_then(|record| record.last_start.as_ref()) else { return Ok(None) };
    if engine.request.takeover {
        return Ok(None);
    }
    if !is_here(engine, last) {
        let run = last.block.run.clone().unwrap_or_default();
        return Err(Error::Held {
            id: qualified.clone(),
            by: format!("run {run}, on another machine; `--takeover` takes it from there"),
        });
    }
    let by_person = last.block.agent.as_deref() == Some(agents::PERSON);
    if by_person && !engine.request.finish && engine.request.agent.is_none() && !engine.request.fresh {
        return Ok(Some(Claimed::Person(engine.project.worktree_path(&qualified.id))));
    }
    Ok(None)
}

fn is_here(engine: &Engine, start: &Entry) -> bool {
    let host = start.block.run.as_deref().and_then(|run| run.rsplit_once('@')).map(|(_, host)| host);
    host.is_none_or(|host| host == engine.project.env.host())
}

/// The branch to start from and to land on; a driver's is made or brought up to date first.
fn base_branch(engine: &Engine, look: &Look, id: &SpecId, lock: &Lock) -> Result<String, Error> {
    match look.set.driver_of(id) {
        Some(driver) => driver::ensure(engine, look, driver, lock),
        None => target_of(&engine.project, look, id, engine.request.target.as_deref()),
    }
}

pub(super) fn no_target(target: &str) -> Error {
    Error::refused(
        format!("there is no branch `{target}` to start from"),
        "make a first commit on it, or name another with `--target <branch>`",
    )
}

/// An upstream that is known to be ahead would make the base stale.
pub(super) fn refuse_stale(engine: &Engine, look: &Look, id: &SpecId, target: &str, base: Oid) -> Result<(), Error> {
    if engine.request.stale || look.set.driver_of(id).is_some() {
        return Ok(());
    }
    let repo = &engine.project.repo;
    let Some((name, Some(upstream))) = repo.upstream(target)? else { return Ok(()) };
    if repo.is_ancestor(upstream, base)? {
        return Ok(());
    }
    Err(Error::refused(
        format!("{target} is behind {}", name.trim_start_matches("refs/remotes/")),
        "bring it up to date with `git pull`, or start from here all the same with `--stale`",
    ))
}

/// Remembers in the lock's journal how the agent of a run ended.
pub(super) fn note_ended(lock: &Lock, run: &str, ended: &Ended) -> Result<(), Error> {
    let how = match &ended.failure {
        None => "well".to_owned(),
        Some(reason) => format!("badly {}", reason.replace('\n', " ")),
    };
    lock.note(&format!("ended {run} {how}")).map_err(Error::system("writing the lock file"))
}

/// How the agent of a run ended, where the journal knows. Losing the journal costs a repetition, never a result.
fn ended_of(lock: &std::path::Path, run: &str) -> Option<Ended> {
    let text = Lock::read(lock).unwrap_or_default();
    let line = text.lines().rev().find_map(|line| line.strip_prefix("ended ")?.strip_prefix(run)?.strip_prefix(' '))?;
    Some(Ended { failure: line.strip_prefix("badly ").map(str::to_owned) })
}

/// The title of a spec as the checkout has it, for people.
pub(super) fn title(engine: &Engine, id: &SpecId) -> String {
    let path = engine.project.root.as_ref().map(|root| root.join(project::SPECS).join(format!("{id}.md")));
    let bytes = path.and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
    crate::spec::parse(id, "", &bytes).spec.map(|spec| spec.title).unwrap_or_default()
}

/// What the user has edited and not committed would not be what is worked.
fn refuse_edited(project: &Project, look: &Look, committed: &Spec) -> Result<(), Error> {
    let Some(here) = look.set.get(&committed.id) else { return Ok(()) };
    let same = |a: &str, b: &str| a.lines().eq(b.lines());
    if project.root.is_none() || same(here.render(), committed.render()) {
        return Ok(());
    }
    // Another branch than the target may be checked out; only an edit that Git calls one is the user's.
    let head = project.repo.head()?.tip();
    let at_head = head.map(|tip| project.repo.read(tip, &project.spec_path(&committed.id))).transpose()?.flatten();
    if at_head.is_some_and(|bytes| same(&String::from_utf8_lossy(&bytes), here.render())) {
        return Ok(());
    }
    Err(uncommitted(&committed.id, "has changes that are not committed"))
}

/// What a start commit is to stand on.
struct Ground<'a> {
    base: Oid,
    target: &'a str,
    /// Whether an interrupted run is gone on with.
    resumed: bool,
}

/// Where a start commit goes, and what has to be kept beside it.
struct Origin {
    parent: Oid,
    keep: Option<Oid>,
    remark: String,
}

impl Origin {
    fn keep(&self, repo: &Repo, qualified: &Qualified, record: Option<&Record>) -> Result<Option<RefMove>, Error> {
        let Some(old) = self.keep else { return Ok(None) };
        let attempt = record.map_or(0, |record| record.attempt);
        let name = format!("refs/chant/attempts/{qualified}/{attempt}-{}", old.short());
        if repo.tip(&name)?.is_some() {
            return Ok(None);
        }
        Ok(Some(RefMove { name, from: Expect::Absent, to: Some(old) }))
    }
}

/// The merge of the kept tip with the base; the base alone where they conflict, where the work is in the target
/// already, where the caller wants a fresh start, or where what was kept is not honest.
fn origin(
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
