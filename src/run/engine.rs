//! The dispatcher: gathers what happened, asks the schedule what is next, and carries it out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::lane::Lane;
use super::turns::Turns;
use super::{
    Ending, Error, Evidence, Phase, Progress, Request, attempt, catch_up, claim, driver, honesty, land, remains,
    signing, tidy,
};
use crate::agent::Mask;
use crate::ledger::Oid;
use crate::plan::{Action, Ended, Happened, Schedule};
use crate::project::{self, Look, Project};
use crate::spec::{Qualified, SpecId};

/// Who is told what happens.
pub type Reporter = Arc<dyn Fn(Progress) + Send + Sync>;

/// One call of `work`, shared by its attempts.
pub struct Engine {
    /// The project that is worked in.
    pub project: Project,
    /// What was asked for.
    pub request: Request,
    pub(super) reporter: Reporter,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) handle: Handle,
    /// One lane a target: landings of this process queue here instead of racing each other.
    lanes: Mutex<BTreeMap<String, Arc<Lane>>>,
    /// Trees on which this process itself has proven a spec's criteria, with the evidence where no note holds it yet.
    proven: Mutex<BTreeMap<(Oid, Qualified), Option<Evidence>>>,
    /// How many proofs may run beside others of the same tree.
    pub(super) beside: tokio::sync::Semaphore,
    /// The files in which landings of this call conflicted, where that goes back to the agent.
    pub(super) conflicts: Mutex<BTreeMap<SpecId, super::conflict::Clash>>,
    /// What proofs said on the bases that attempts of this call start from.
    pub(super) on_bases: super::on_base::Seen,
    /// The drivers that the schedule of this call finishes, with everything under them.
    drives: Mutex<BTreeMap<SpecId, BTreeSet<SpecId>>>,
    /// The agents that run, and those that have no room.
    pub(super) turns: Arc<Turns>,
    /// What all attempts of this call have used: millionths of a dollar, and tokens.
    pub(super) spent: Arc<Mutex<(u64, u64)>>,
    /// The versions of clients, as far as they were asked.
    versions: Mutex<BTreeMap<String, Option<String>>>,
    /// The agents and models that were asked, and answered.
    reached: Mutex<BTreeSet<(String, Option<String>)>>,
    /// What nobody is to read in what programs print.
    secrets: Mutex<Mask>,
    /// Specs that are worked, and whether somebody asks for them.
    wishes: Mutex<BTreeMap<SpecId, watch::Receiver<bool>>>,
}

/// Proofs of merged trees that may run side by side, for each agent that may: where several members land at once, each has
/// to hold together with all that land before it.
const BESIDE: usize = 4;

/// How many agents may run side by side.
fn jobs_of(project: &Project, request: &Request) -> usize {
    request.jobs.unwrap_or(project.settings.jobs.value).clamp(1, 1 << 16)
}

fn relaxed<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// An engine outside of a schedule, for the commands that land or prove one spec.
    ///
    /// # Errors
    /// Where the system gives no runtime.
    pub fn alone(
        project: Project,
        request: Request,
        reporter: Reporter,
    ) -> Result<(Self, tokio::runtime::Runtime), Error> {
        let runtime = runtime()?;
        let (_, stop) = watch::channel(false);
        let engine = Self::new(project, request, reporter, stop, runtime.handle().clone());
        Ok((engine, runtime))
    }

    fn new(
        project: Project,
        request: Request,
        reporter: Reporter,
        stop: watch::Receiver<bool>,
        handle: Handle,
    ) -> Self {
        let (lanes, proven, conflicts, on_bases, drives) = Default::default();
        let (turns, spent, versions, reached, wishes) = Default::default();
        let beside = tokio::sync::Semaphore::new(BESIDE * jobs_of(&project, &request));
        let secrets = Mutex::new(super::secrets::mask(&project.env.vars, &project.settings));
        Self {
            project,
            request,
            reporter,
            stop,
            handle,
            lanes,
            proven,
            beside,
            conflicts,
            on_bases,
            drives,
            turns,
            spent,
            versions,
            reached,
            secrets,
            wishes,
        }
    }

    pub(super) fn report(&self, progress: Progress) {
        (self.reporter)(progress);
    }

    pub(super) fn phase(&self, id: &SpecId, phase: Phase, attempt: Option<u32>) {
        self.report(Progress::Phase { id: id.clone(), phase, attempt });
    }

    pub(super) fn notice(&self, id: &SpecId, text: String) {
        self.report(Progress::Notice { id: id.clone(), text });
    }

    pub(super) fn versions(&self) -> MutexGuard<'_, BTreeMap<String, Option<String>>> {
        relaxed(&self.versions)
    }

    pub(super) fn reached(&self) -> MutexGuard<'_, BTreeSet<(String, Option<String>)>> {
        relaxed(&self.reached)
    }

    pub(super) fn secrets(&self) -> MutexGuard<'_, Mask> {
        relaxed(&self.secrets)
    }

    pub(super) fn wishes(&self) -> MutexGuard<'_, BTreeMap<SpecId, watch::Receiver<bool>>> {
        relaxed(&self.wishes)
    }

    /// A number that nobody can foretell.
    pub(super) fn lot(&self) -> Result<u64, Error> {
        self.project.env.lot().map_err(Error::system("asking the system for a random number"))
    }

    /// Whether somebody asked for an end.
    pub(super) fn stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Whether the schedule of this call will finish that driver.
    pub(super) fn drives(&self, driver: &SpecId) -> bool {
        relaxed(&self.drives).contains_key(driver)
    }

    /// Whether a spec is known to be under a driver of this call, at any depth.
    fn has_under(&self, driver: &SpecId, below: &SpecId) -> bool {
        relaxed(&self.drives).get(driver).is_some_and(|known| known.contains(below))
    }

    /// Whether members have come to a driver since the schedule of this call was made.
    fn has_latecomers(&self, driver: &SpecId) -> Result<bool, Error> {
        let look = project::look(&self.project)?;
        let drives = relaxed(&self.drives);
        let known = drives.get(driver);
        Ok(under(&look, driver).iter().any(|member| known.is_some_and(|known| !known.contains(member))))
    }

    /// The members of a driver that somebody else holds, where nothing but that keeps the driver from completing.
    fn others_hold(&self, driver: &SpecId, endings: &BTreeMap<SpecId, u8>) -> Option<String> {
        let drives = relaxed(&self.drives);
        let under = drives.get(driver)?;
        let bad = || endings.iter().filter(|(id, code)| under.contains(id) && **code != 0);
        let held: Vec<&str> = bad().filter(|(_, code)| **code == 4).map(|(id, _)| id.as_str()).collect();
        (!held.is_empty() && held.len() == bad().count()).then(|| held.join(", "))
    }

    pub(super) fn mark_proven(&self, tree: Oid, spec: &Qualified, unnoted: Option<Evidence>) {
        relaxed(&self.proven).insert((tree, spec.clone()), unnoted);
    }

    pub(super) fn is_proven(&self, tree: Oid, spec: &Qualified) -> bool {
        relaxed(&self.proven).contains_key(&(tree, spec.clone()))
    }

    /// Whether a spec is proven on a tree; within, the evidence that is still to be noted.
    pub(super) fn proven(&self, tree: Oid, spec: &Qualified) -> Option<Option<Evidence>> {
        relaxed(&self.proven).get_mut(&(tree, spec.clone())).map(Option::take)
    }

    pub(super) fn lane(&self, target: &str) -> Arc<Lane> {
        Arc::clone(relaxed(&self.lanes).entry(target.to_owned()).or_default())
    }
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Error::system("cannot start the runtime"))
}

/// Cleans up after landings that somebody else made: worktrees and branches go, for their targets hold all they held.
///
/// # Errors
/// Where Git cannot take something away.
pub fn clean_up(project: &Project, reporter: Reporter) -> Result<(), Error> {
    claim::ensure_writable(project)?;
    remains::kept_anyway(project)?;
    let (engine, _runtime) = Engine::alone(project.clone(), Request::default(), reporter)?;
    tidy::landed(&engine, &project::look(project)?)?;
    tidy::sweep(project);
    Ok(())
}

/// Works the specs that were asked for; gives the exit code of the whole.
///
/// # Errors
/// Where nothing could be begun; what happens to single specs is reported and counted in the code.
pub fn work(project: Project, request: Request, reporter: Reporter) -> Result<u8, Error> {
    claim::ensure_writable(&project)?;
    remains::kept_anyway(&project)?;
    let jobs = jobs_of(&project, &request);
    let runtime = runtime()?;
    let (stopper, stop) = watch::channel(false);
    let handle = runtime.handle().clone();
    let engine = Arc::new(Engine::new(project, request, reporter, stop, handle));
    super::inside::tell_once(&engine);
    let look = project::look(&engine.project)?;
    signing::ready(&engine.project, &look)?;
    super::prompt::check(&engine.project, &look, &engine.request.ids, &engine.request)?;
    tidy::landed(&engine, &look)?;
    let mut codes = Vec::new();
    let (mut look, mut ids, mut again) = (look, engine.request.ids.clone(), &engine.request.again);
    let none = BTreeMap::new();
    loop {
        let schedule = Schedule::new(&ids, &reopened(&look, again), &look.set, jobs);
        let schedule = schedule.keep_apart(overlapping(&engine, &look, &ids).iter().map(|two| (&two.one, &two.other)));
        *relaxed(&engine.drives) = wanted_drivers(&look, &ids);
        // Members may come to a driver while it runs: they are worked as well, until it knows all of them.
        let run = Waits { needs: needs(&look), ..Waits::default() };
        ids = runtime.block_on(dispatch(Arc::clone(&engine), schedule, &stopper, &mut codes, run))?;
        if ids.is_empty() {
            break;
        }
        look = project::look(&engine.project)?;
        again = &none;
    }
    tidy::at_end(&engine.project);
    // What they supplement is safe by now, and the next call shares them too.
    super::sync::share_notes(&engine.project).ok();
    if let (Some(remote), Some(why)) = (&engine.project.settings.remote.value, engine.project.sharing.unreachable()) {
        let here = "what was done is only in this clone: `chant sync` shares it";
        engine.report(Progress::Remark(format!("{remote} cannot be reached ({why}); {here}")));
    }
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    Ok(overall(&codes))
}

/// Says which members of the run overlap in their `target_files`; gives those that are to run one after the other.
fn overlapping(engine: &Engine, look: &Look, ids: &[SpecId]) -> Vec<crate::spec::Beside> {
    let mut part: BTreeSet<SpecId> = ids.iter().cloned().collect();
    part.extend(ids.iter().flat_map(|id| under(look, id)));
    let open = |id: &SpecId| {
        part.contains(id) && look.board.row(id).is_some_and(|row| row.status != crate::plan::Status::Completed)
    };
    let mut found = crate::spec::side_by_side(&look.set);
    found.retain(|two| open(&two.one) && open(&two.other));
    let serialize = engine.project.settings.overlap.value == crate::config::Overlap::Serialize;
    if !serialize {
        found.iter().for_each(|two| engine.report(Progress::Remark(two.words())));
        found.clear();
    }
    found
}

/// The board as it is once completed specs are to be worked again.
fn reopened(look: &Look, again: &BTreeMap<SpecId, Vec<String>>) -> crate::plan::Board {
    let mut board = look.board.clone();
    for row in board.rows.iter_mut().filter(|row| again.contains_key(&row.id)) {
        row.status = crate::plan::Status::Ready;
    }
    board
}

fn wanted_drivers(look: &Look, ids: &[SpecId]) -> BTreeMap<SpecId, BTreeSet<SpecId>> {
    let mut open: Vec<SpecId> = ids.to_vec();
    let mut drivers = BTreeMap::new();
    while let Some(id) = open.pop() {
        let is_driver = look.set.get(&id).is_some_and(crate::spec::Spec::is_driver);
        if is_driver && !drivers.contains_key(&id) {
            open.extend(look.set.members_of(&id).iter().cloned());
            drivers.insert(id.clone(), under(look, &id));
        }
    }
    drivers
}

/// Everything under a driver, at any depth.
fn under(look: &Look, driver: &SpecId) -> BTreeSet<SpecId> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&SpecId> = look.set.members_of(driver).iter().collect();
    while let Some(id) = open.pop() {
        if found.insert(id.clone()) {
            open.extend(look.set.members_of(id));
        }
    }
    found
}

/// What each spec needs to have landed: its dependencies, and a driver's members.
fn needs(look: &Look) -> BTreeMap<SpecId, Vec<SpecId>> {
    look.board.rows.iter().map(|row| (row.id.clone(), [&row.depends_on[..], &row.members[..]].concat())).collect()
}

/// Specs that wait for people, as was asked for, and what they keep from going on.
#[derive(Default)]
struct Waits {
    needs: BTreeMap<SpecId, Vec<SpecId>>,
    /// How those ended that did not land: whether it was for a person to look at them.
    ended: BTreeMap<SpecId, bool>,
}

impl Waits {
    fn note(&mut self, id: &SpecId, ending: &Ending) {
        if !matches!(ending, Ending::Landed { .. } | Ending::AlreadyDone) {
            let for_people = matches!(ending, Ending::Review(_) | Ending::HandedOver { .. });
            self.ended.insert(id.clone(), for_people);
        }
    }

    /// Whether nothing but people who were asked to look keeps a spec from going on.
    fn is_for_people(&self, id: &SpecId) -> bool {
        let ended = self.needs.get(id).into_iter().flatten().filter_map(|need| self.ended.get(need));
        let ended: Vec<bool> = ended.copied().collect();
        !ended.is_empty() && ended.iter().all(|review| *review)
    }
}

/// Carries a schedule out; gives the drivers to which members came meanwhile.
async fn dispatch(
    engine: Arc<Engine>,
    mut schedule: Schedule,
    stopper: &watch::Sender<bool>,
    codes: &mut Vec<u8>,
    mut waits: Waits,
) -> Result<Vec<SpecId>, Error> {
    let mut running: JoinSet<(SpecId, Option<Ending>)> = JoinSet::new();
    let mut later: Vec<SpecId> = Vec::new();
    let mut endings: BTreeMap<SpecId, u8> = BTreeMap::new();
    let mut signals = Signals::new()?;
    let mut actions = schedule.step(None);
    loop {
        for action in actions.drain(..) {
            match action {
                Action::Start(id) => spawn(&engine, &mut running, id, |engine, id| Some(attempt::attempt(engine, id))),
                Action::Finish(id) => spawn(&engine, &mut running, id, finish),
                Action::Stop(_) => {
                    stopper.send_replace(true);
                }
                Action::Blocked(id, _) if later.iter().any(|below| engine.has_under(&id, below)) => later.push(id),
                Action::Blocked(id, reason) => {
                    let ending = match engine.others_hold(&id, &endings) {
                        Some(members) => Ending::Held(format!("others, who hold {members}")),
                        None if waits.is_for_people(&id) => Ending::Review(format!("waits: {reason}")),
                        None => Ending::Refused(reason),
                    };
                    waits.note(&id, &ending);
                    endings.insert(id.clone(), ending.exit());
                    codes.push(ending.exit());
                    engine.report(Progress::Ended { id, ending });
                }
                Action::Done => return Ok(later),
            }
        }
        let happened = tokio::select! {
            joined = running.join_next(), if !running.is_empty() => match joined {
                Some(Ok((id, None))) => {
                    later.push(id.clone());
                    Happened::Ended { id, how: Ended::Refused }
                }
                Some(Ok((id, Some(ending)))) => {
                    codes.push(ending.exit());
                    endings.insert(id.clone(), ending.exit());
                    waits.note(&id, &ending);
                    let how = ended(&ending);
                    engine.report(Progress::Ended { id: id.clone(), ending });
                    Happened::Ended { id, how }
                }
                Some(Err(error)) => return Err(Error::System {
                    what: "an attempt broke off".to_owned(),
                    source: std::io::Error::other(error),
                }),
                None => continue,
            },
            () = signals.next() => {
                stopper.send_replace(true);
                codes.push(130);
                Happened::Interrupted
            }
        };
        actions = schedule.step(Some(happened));
        if actions.is_empty() && running.is_empty() {
            return Ok(later);
        }
    }
}

fn spawn(
    engine: &Arc<Engine>,
    running: &mut JoinSet<(SpecId, Option<Ending>)>,
    id: SpecId,
    what: fn(&Engine, &SpecId) -> Option<Ending>,
) {
    let engine = Arc::clone(engine);
    running.spawn_blocking(move || {
        let ending = what(&engine, &id);
        (id, ending)
    });
}

/// `None` where members have come to it that nobody has worked yet.
fn finish(engine: &Engine, id: &SpecId) -> Option<Ending> {
    match driver::finish(engine, id) {
        Ok(driver::Finish::Ended(ending)) => Some(ending),
        Ok(driver::Finish::NotYet) => match engine.has_latecomers(id) {
            Ok(true) if !engine.stopped() => None,
            _ => Some(Ending::Refused("some of its members have not landed".to_owned())),
        },
        Err(error) => Some(attempt::ending_of(&error)),
    }
}

fn ended(ending: &Ending) -> Ended {
    match ending {
        Ending::Landed { .. } | Ending::AlreadyDone => Ended::Landed,
        Ending::Review(_) | Ending::Stuck { .. } => Ended::InReview,
        Ending::Person(_) | Ending::HandedOver { .. } => Ended::InHand,
        Ending::Failed(_) => Ended::Failed,
        Ending::Refused(_) | Ending::Held(_) | Ending::Interrupted => Ended::Refused,
    }
}

/// The gravest code: an interruption, then failed work, then a refusal, then somebody else's hold.
fn overall(codes: &[u8]) -> u8 {
    [130, 1, 2, 3, 4].into_iter().find(|code| codes.contains(code)).unwrap_or(0)
}

/// SIGINT, SIGTERM and SIGHUP, each of which ends the agents and keeps their work.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(Error::system("cannot listen for signals"));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

impl Engine {
    /// Lands a completed spec because a person says so, whatever its policy.
    ///
    /// # Errors
    /// Where it is not completed, held by somebody, or Git fails.
    pub fn merge(&self, id: &SpecId) -> Result<Ending, Error> {
        claim::ensure_writable(&self.project)?;
        let lock = super::hold(&self.project, id)?;
        let look = catch_up::prepare(self, project::look(&self.project)?, id)?;
        let look = match catch_up::adopt(self, id)? {
            true => project::look(&self.project)?,
            false => look,
        };
        signing::ready(&self.project, &look)?;
        let row =
            look.board.row(id).ok_or_else(|| Error::refused(format!("{id} cannot be read"), "see `chant lint`"))?;
        if row.status == crate::plan::Status::Completed {
            tidy::after_landing(self, id, row.target.as_deref())?;
            return Ok(Ending::AlreadyDone);
        }
        let record = look.ledger.record(&self.project.qualify(id));
        let finished = match record {
            Some(record) if row.status == crate::plan::Status::InReview => {
                claim::finished(&self.project, &look, row, record, self.request.target.as_deref())?
            }
            _ => None,
        };
        let Some(finished) = finished else {
            return Err(Error::refused(
                format!("{id} is {}, and only a completed spec can be merged", row.status.as_str()),
                format!("`chant work {id}` works and proves it"),
            ));
        };
        honesty::before_merge(self, &finished)?;
        let ending = land::land(self, &finished, &lock, true)?;
        if let (Ending::Landed { .. }, Some(driver)) = (&ending, look.set.driver_of(id)) {
            drop(lock);
            driver::after_member(self, driver)?;
        }
        tidy::sweep(&self.project);
        Ok(ending)
    }
}
