//! A spec is handed from the agent that works it to a person: `chant handover`.
//!
//! Who asks and who works are two processes. The one that asks writes down which run is meant, and waits for the spec's
//! lock; the one that works looks for it while its agent, its set-up or its proofs run, stops them, saves what was done,
//! and itself puts the person's start on top: there is no moment in which a third could take the spec. Where it dies on
//! the way the lock is free, and the one that asks does what is left, as it does where nobody works the spec. A run that
//! ended otherwise meanwhile is not the one that was meant, and nothing is stopped for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::events::event;
use super::model::Claim;
use super::{Ending, Engine, Error, Reporter, Request, agents, attempt, claim, commit, lease, shared, spent, tidy};
use crate::agent::Lock;
use crate::env::failpoint;
use crate::git::{Expect, Moved, RefMove};
use crate::ledger::{Block, Oid, Record, Transition};
use crate::plan::{Row, Status};
use crate::project::{self, Project};
use crate::spec::SpecId;

/// How often each side looks for the other.
const PAUSE: Duration = Duration::from_millis(100);

/// After so many pauses the history is looked at again: a run names itself in the lock before its start is there.
const LOOKS: u32 = 10;

/// What somebody asks of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ask {
    run: String,
    /// `Name <mail>`.
    person: String,
}

impl Ask {
    fn read(path: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        let (run, person) = text.strip_suffix('\n')?.split_once('\n')?;
        Some(Self { run: run.to_owned(), person: person.to_owned() })
    }

    /// Writes it whole or not at all.
    fn write(&self, path: &Path) -> Result<(), Error> {
        let failed = || Error::system(format!("cannot write {}", path.display()));
        let dir = path.parent().unwrap_or(path);
        std::fs::create_dir_all(dir).map_err(failed())?;
        let new = path.with_extension(format!("{}.new", std::process::id()));
        std::fs::write(&new, format!("{}\n{}\n", self.run, self.person)).map_err(failed())?;
        std::fs::rename(&new, path).map_err(failed())
    }
}

/// Listens, for as long as it lives, whether a run is asked to give its spec to a person.
pub(super) struct Wish<'e> {
    engine: &'e Engine,
    id: SpecId,
    run: String,
    task: JoinHandle<()>,
}

impl<'e> Wish<'e> {
    pub(super) fn listen(engine: &'e Engine, claim: &Claim) -> Self {
        let (tell, came) = watch::channel(false);
        let (path, run) = (engine.project.ask_path(&claim.id), claim.run.clone());
        engine.wishes().insert(claim.id.clone(), came);
        let meant = run.clone();
        let task = engine.handle.spawn(async move {
            while Ask::read(&path).is_none_or(|ask| ask.run != meant) {
                tokio::time::sleep(PAUSE).await;
            }
            tell.send_replace(true);
        });
        Self { engine, id: claim.id.clone(), run, task }
    }

    /// Who asked, where somebody did.
    pub(super) fn came(&self) -> Option<String> {
        let ask = Ask::read(&self.engine.project.ask_path(&self.id)).filter(|ask| ask.run == self.run);
        ask.map(|ask| ask.person).filter(|_| self.engine.is_wished(&self.id))
    }
}

impl Drop for Wish<'_> {
    fn drop(&mut self) {
        self.task.abort();
        self.engine.wishes().remove(&self.id);
    }
}

impl Engine {
    /// Holds true from the moment in which somebody asks for a spec that this call works.
    pub(super) fn wish(&self, id: &SpecId) -> Option<watch::Receiver<bool>> {
        self.wishes().get(id).cloned()
    }

    /// Whether somebody has asked for a spec that this call works.
    pub(super) fn is_wished(&self, id: &SpecId) -> bool {
        self.wish(id).is_some_and(|wish| *wish.borrow())
    }
}

/// Gives a spec whose programs have been stopped to the person who asked for it. The lock is still held.
pub(super) fn give(engine: &Engine, claim: &Claim, person: &str) -> Result<Ending, Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let (id, qualified) = (&claim.id, &claim.qualified);
    failpoint("handover.stopped");
    let tip = commit::save_partial(engine, id, qualified, repo.tip(&qualified.full_ref())?)?;
    let mut tip = tip.ok_or_else(|| Error::Failed("its branch is gone".to_owned()))?;
    failpoint("handover.saved");
    let look = project::look(project)?;
    if let Some(open) = spent::left_open(project, qualified, look.ledger.record(qualified)) {
        tip = spent::record(project, &claim.lock, qualified, tip, &open)?;
    }
    let from = claim.agent.name();
    let block = Block {
        spec: Some(qualified.clone()),
        status: Some(Transition::InProgress),
        attempt: Some(claim.attempt),
        run: Some(project.new_run()?),
        agent: Some(agents::PERSON.to_owned()),
        target: Some(claim.target.clone()),
        from: Some(from.to_owned()),
        person: Some(person.to_owned()),
        ..Block::default()
    };
    let body = format!("{person} has it from {from}, run {}.\n", claim.run);
    let start = event(repo, &claim.lock, tip, &format!("{id}: handed over"), &body, &block)?;
    failpoint("handover.before-ref");
    let moves = [RefMove { name: qualified.full_ref(), from: Expect::At(tip), to: Some(start) }];
    let over: Vec<RefMove> = lease::ended(project, qualified)?.into_iter().collect();
    if shared::move_fenced(project, &moves, &over, "handed over")? != Moved::Done {
        return Err(attempt::taken_over(claim));
    }
    failpoint("handover.given");
    tidy::stand(engine, id, qualified)?;
    forget(project, id);
    Ok(Ending::HandedOver { to: person.to_owned(), path: project.worktree_path(id) })
}

/// What is not there any more is as good as forgotten; what stays names a run that has ended.
fn forget(project: &Project, id: &SpecId) {
    std::fs::remove_file(project.ask_path(id)).ok();
}

/// From which agent a person takes it, and who that is; what an earlier start says of it stays true.
pub(super) fn handed(engine: &Engine, record: Option<&Record>) -> Result<(Option<String>, Option<String>), Error> {
    let last = record.and_then(|record| record.last_start.as_ref()).map(|last| &last.block);
    let by_person = last.is_some_and(|last| last.agent.as_deref() == Some(agents::PERSON));
    if engine.request.finish && by_person {
        return Ok(last.map(|last| (last.from.clone(), last.person.clone())).unwrap_or_default());
    }
    if !engine.request.handover {
        return Ok((None, None));
    }
    let from = last.and_then(|last| if by_person { last.from.clone() } else { last.agent.clone() });
    Ok((from, Some(engine.project.repo.identity()?)))
}

/// A spec that is a person's now.
#[derive(Debug, Clone)]
pub struct Handed {
    /// The spec.
    pub id: SpecId,
    /// The attempt, which goes on.
    pub attempt: u32,
    /// The agent that had it; `None` where a person began it.
    pub from: Option<String>,
    /// Whose it is, `Name <mail>`.
    pub person: String,
    /// Where to work.
    pub worktree: PathBuf,
    /// The branch that is checked out there.
    pub branch: String,
    /// The start that says so.
    pub commit: Oid,
    /// Whether it was a person's before.
    pub before: bool,
}

/// Hands a spec over to whoever calls, from the run that works it, in whatever process of this clone that is, or from one
/// that was cut short, or that failed. `waits` is told once that a run is being stopped.
///
/// # Errors
/// Where there is nothing to hand over, or where another clone has it; inside of a run.
pub fn hand_over(project: &Project, id: &SpecId, reporter: &Reporter, waits: &dyn Fn(&str)) -> Result<Handed, Error> {
    claim::ensure_writable(project)?;
    let person = project.repo.identity()?;
    let mut asked: Option<String> = None;
    let mut took = false;
    loop {
        let look = project::look(project)?;
        let row =
            look.board.row(id).ok_or_else(|| Error::refused(format!("{id} cannot be read"), "see `chant lint`"))?;
        let record = look.ledger.record(&project.qualify(id));
        if let Some(handed) = in_hand(project, row, record)? {
            forget(project, id);
            stand_again(project, id, reporter)?;
            return Ok(Handed { before: asked.is_none() && !took, ..handed });
        }
        refuse(project, row, record)?;
        let lock = project.lock_path(id);
        if Lock::is_held(&lock).map_err(Error::system("cannot look at the lock"))? {
            let run = record.and_then(|record| record.last_start.as_ref()).and_then(|last| last.block.run.clone());
            if let Some(run) = run.filter(|run| asked.as_ref() != Some(run)) {
                Ask { run: run.clone(), person: person.clone() }.write(&project.ask_path(id))?;
                failpoint("handover.asked");
                waits(&run);
                asked = Some(run);
            }
            wait(&lock)?;
            continue;
        }
        let request = Request {
            ids: vec![id.clone()],
            agent: Some(agents::PERSON.to_owned()),
            handover: true,
            ..Request::default()
        };
        let (engine, _runtime) = Engine::alone(project.clone(), request, Reporter::clone(reporter))?;
        match attempt::attempt(&engine, id) {
            Ending::Person(_) => took = true,
            Ending::Held(_) => std::thread::sleep(PAUSE),
            Ending::Failed(why) => return Err(Error::Failed(why)),
            ending => {
                let why = format!("{id} could not be handed over: {ending:?}");
                return Err(match ending {
                    Ending::Refused(why) => Error::Refused { message: why, help: None },
                    _ => Error::refused(why, format!("`chant why {id}` says how it stands")),
                });
            }
        }
    }
}

/// Makes the worktree of a person's spec again where somebody deleted it: the branch has what was committed.
fn stand_again(project: &Project, id: &SpecId, reporter: &Reporter) -> Result<(), Error> {
    if project.repo.is_worktree(&project.worktree_path(id))? {
        return Ok(());
    }
    let _lock = super::hold(project, id)?;
    let (engine, _runtime) = Engine::alone(project.clone(), Request::default(), Reporter::clone(reporter))?;
    tidy::stand(&engine, id, &project.qualify(id))?;
    engine.notice(id, "its worktree was gone, and is made again of what its branch has".to_owned());
    Ok(())
}

/// Waits until nobody holds a lock, or somebody else does; at most so long that what else has changed is seen.
fn wait(lock: &Path) -> Result<(), Error> {
    let holder = || Lock::holder(lock).map_err(Error::system("cannot read the lock file"));
    let held = || Lock::is_held(lock).map_err(Error::system("cannot look at the lock"));
    let first = holder()?;
    for _ in 0..LOOKS {
        if !held()? || holder()? != first {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// A spec that a person of this clone works on already.
fn in_hand(project: &Project, row: &Row, record: Option<&Record>) -> Result<Option<Handed>, Error> {
    let last = record.and_then(|record| record.last_start.as_ref());
    let Some(last) = last.filter(|last| last.block.agent.as_deref() == Some(agents::PERSON)) else { return Ok(None) };
    let here = last.block.run.as_deref().is_some_and(|run| project.is_own_run(run));
    if row.status != Status::InProgress || !here {
        return Ok(None);
    }
    let id = &row.id;
    Ok(Some(Handed {
        id: id.clone(),
        attempt: last.block.attempt.unwrap_or_default(),
        from: last.block.from.clone(),
        person: last.block.person.clone().unwrap_or_else(|| last.author.clone()),
        worktree: project.dir_in(&project.worktree_path(id)),
        branch: project.qualify(id).branch(),
        commit: last.commit,
        before: true,
    }))
}

/// So many members of a driver are named.
const MEMBERS: usize = 10;

/// Refuses where there is nothing to hand over.
fn refuse(project: &Project, row: &Row, record: Option<&Record>) -> Result<(), Error> {
    let id = &row.id;
    if !row.members.is_empty() || row.kind == crate::spec::Kind::Driver {
        let named = row.members.iter().take(MEMBERS).map(|member| format!("`chant handover {member}`"));
        let open = named.collect::<Vec<_>>().join(", ");
        let more = match row.members.len().saturating_sub(MEMBERS) {
            0 => String::new(),
            more => format!(" and {more} more, which `chant show {id}` lists"),
        };
        return Err(Error::refused(
            format!("{id} is a driver, which no agent works itself"),
            if open.is_empty() { "it has no members yet".to_owned() } else { format!("its members: {open}{more}") },
        ));
    }
    let last = record.and_then(|record| record.last_start.as_ref());
    let run = last.and_then(|last| last.block.run.as_deref());
    let (what, help) = match row.status {
        Status::InProgress if !run.is_some_and(|run| project.is_own_run(run)) => {
            let by = format!(
                "run {}, in another clone: `chant handover {id}` there hands it over, and `chant work {id} --takeover \
                 --agent person` takes it from there",
                run.unwrap_or("of nobody knows whom")
            );
            return Err(Error::Held { id: project.qualify(id), by });
        }
        Status::InProgress | Status::Stalled | Status::Failed => return Ok(()),
        Status::Ready | Status::Blocked => {
            ("has not been begun", format!("`chant work {id} --agent person` begins it by hand"))
        }
        Status::InReview => (
            "is completed, and waits to land",
            format!("`chant diff {id}` shows it; `chant reject {id}` sends it back, and then it can be begun by hand"),
        ),
        Status::Completed => ("has landed", format!("`chant show {id}` says what came of it")),
        Status::Cancelled => ("is cancelled", format!("`chant reset {id}` makes it ready again")),
        Status::Unknown => ("cannot be judged in a shallow clone", "bring in the rest: `git fetch --unshallow`".into()),
    };
    Err(Error::refused(format!("{id} {what}: there is nothing to hand over"), help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ask_is_read_as_it_was_written_and_half_of_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("asked/001-x");
        assert_eq!(Ask::read(&path), None);
        let ask = Ask { run: "0123@here".to_owned(), person: "Ada <ada@example.org>".to_owned() };
        ask.write(&path).unwrap();
        assert_eq!(Ask::read(&path), Some(ask));
        for half in ["", "0123@here", "0123@here\n", "0123@here\nAda <a"] {
            std::fs::write(&path, half).unwrap();
            assert_eq!(Ask::read(&path), None, "{half:?}");
        }
    }
}
