//! The agent at work: set-up, the client itself, and what is done where it could not do its work. A model that has no room,
//! or that nobody is signed in with, is no fault of the spec's: it counts as no attempt.

use std::time::{Duration, Instant};

use super::agents::{self, Chosen};
use super::inside::Inside;
use super::jobs::Watch;
use super::lease::Heart;
use super::listen::{Cut, Heard, Hearing};
use super::model::{Claim, Ended};
use super::spent::{self, Journal};
use super::used::Used;
use super::{Engine, Error, Phase, Prover, commit, described, furnish, jobs, on_base, slots, turns};
use crate::agent::{How, Performed, Trouble};
use crate::env::failpoint;
use crate::ledger::Oid;

/// Makes the worktree ready and runs set-up and agent, in a cage where that is wished, and takes over what they did, however
/// that ended. How the agent ended is journalled at once, so that a kill later on does not run it again. The second is why
/// what was done cannot be believed.
pub(super) fn work(engine: &Engine, claim: &Claim) -> Result<(Ended, Option<String>), Error> {
    let project = &engine.project;
    let heart = Heart::start(engine, claim)?;
    let slot = slots::take(project, &claim.id)?;
    let mut labour = Labour { engine, claim, heart, begun: Instant::now(), slot, inside: Inside::default() };
    let mut used = Used::default();
    let ended = labour.shut_in().and_then(|()| labour.set_up_and_agents(&mut used));
    let left = std::mem::take(&mut labour.inside).leave(project, &claim.qualified)?;
    left.notices.into_iter().for_each(|notice| engine.notice(&claim.id, notice));
    match ended {
        // Only now: what the journal says has ended is not run again, and so must be on its branch.
        Ok(failure) => {
            let ended = journalled(claim, failure, used)?;
            failpoint("attempt.agent-ended");
            Ok((ended, left.complaint))
        }
        Err(error) => {
            // The attempt stays open, and what was done so far is committed to its branch.
            if matches!(error, Error::Interrupted | Error::Held { .. } | Error::Refused { .. }) {
                let tip = labour.save()?;
                // Whoever has taken it over has gone on with the branch.
                if let Some(tip) = tip.filter(|_| !matches!(error, Error::Held { .. })) {
                    labour.account(tip, used)?;
                }
            }
            Err(error)
        }
    }
}

/// Why an agent failed, where it did.
type Ending = Option<String>;

/// What one run of a client comes to.
enum Outcome {
    /// It did what it was to do, as far as it says.
    Done,
    /// The attempt has failed, and why.
    Failed(String),
    /// Its time was up, and it did not say what it was waiting for.
    Late(String),
    /// Its model has no room.
    Busy { why: String, until: Option<i64> },
    /// Nobody is signed in.
    SignedOut(String),
}

struct Labour<'a> {
    engine: &'a Engine,
    claim: &'a Claim,
    heart: Heart,
    /// When the agents began: they share one time limit, with what they wait for.
    begun: Instant,
    slot: Option<slots::Slot>,
    /// What its programs may touch, and what they are told.
    inside: Inside,
}

impl Labour<'_> {
    fn watch(&self, timeout: Duration) -> Watch<'_> {
        let (claim, engine) = (self.claim, self.engine);
        let transcript = Some(engine.project.transcript_path(&claim.id));
        let cage = self.inside.cage();
        let quiet = false;
        Watch { id: &claim.id, lock: &claim.lock, timeout, transcript, cage, quiet, lost: Some(self.heart.lost()) }
    }

    /// Looks at the base, makes the worktree ready, and shuts it in.
    fn shut_in(&mut self) -> Result<(), Error> {
        let (claim, project) = (self.claim, &self.engine.project);
        self.furnish()?;
        let touched = furnish::is_touched(project, claim)?;
        if !touched {
            furnish::bring(self.engine, claim, &self.inside)?;
        }
        let at = project.worktree_path(&claim.id);
        let needs = claim.agent.needs(project, &claim.settings, &claim.rotation);
        let inside = Inside::enter(project, &claim.settings, &at, &[])?;
        self.inside = inside.with_slot(self.slot.as_ref()).with_agents(&needs)?;
        failpoint("attempt.enclosed");
        if touched {
            furnish::bring(self.engine, claim, &self.inside)?;
        }
        Ok(())
    }

    fn set_up_and_agents(&mut self, used: &mut Used) -> Result<Ending, Error> {
        let (claim, engine) = (self.claim, self.engine);
        if let Some(failure) = self.set_up()? {
            *used = Used::by(claim.agent.name(), claim.agent.model());
            return Ok(Some(failure));
        }
        self.begun = Instant::now();
        engine.phase(&claim.id, Phase::Agent, Some(claim.attempt));
        failpoint("attempt.before-agent");
        self.agents(used)
    }

    /// What the proofs say on the base, and the worktree's furniture.
    fn furnish(&self) -> Result<(), Error> {
        let (claim, engine) = (self.claim, self.engine);
        if claim.spec.has_commands() {
            engine.phase(&claim.id, Phase::Base, Some(claim.attempt));
            let prover = Prover::new(engine, &claim.id, &claim.settings, &claim.lock);
            // What a proof complains of before anything was done is no news.
            on_base::look_first(&prover.quiet(), &claim.spec, claim.base)?;
        }
        furnish::furnish(engine, claim, self.slot.as_ref())
    }

    /// The configured set-up; what went wrong with it.
    fn set_up(&self) -> Result<Option<String>, Error> {
        let (claim, engine) = (self.claim, self.engine);
        let Some(setup) = &claim.settings.worktree_setup.value else { return Ok(None) };
        engine.phase(&claim.id, Phase::Setup, Some(claim.attempt));
        let mut errand = jobs::setup(&engine.project, &claim.settings, setup, &engine.project.worktree_path(&claim.id));
        self.inside.dress(&mut errand);
        let done = engine.perform(vec![errand], &self.watch(claim.settings.timeout.value))?;
        self.stop_if_asked(&done)?;
        Ok(jobs::failure(&done).map(|what| format!("the set-up `{setup}` {what}")))
    }

    /// One agent, or one after the other where a model has no room, up to the end of their time.
    fn agents(&self, used: &mut Used) -> Result<Ending, Error> {
        let (claim, engine) = (self.claim, self.engine);
        let mut other: Option<Chosen> = None;
        let mut tries = 0;
        // Why a model had no room just before.
        let mut short: Option<String> = None;
        loop {
            let agent = other.as_ref().unwrap_or(&claim.agent);
            let before = used.account.figures();
            let outcome = self.run(agent, used);
            used.took = Some(self.begun.elapsed());
            let outcome = outcome?;
            match outcome {
                Outcome::Done => {
                    agent.leave();
                    return Ok(None);
                }
                // Time ran out before the model had said anything since.
                Outcome::Late(_) if short.is_some() && used.account.figures() == before => {
                    agent.leave();
                    return Err(self.no_room(agent, &short.unwrap_or_default()));
                }
                Outcome::Failed(reason) | Outcome::Late(reason) => {
                    agent.leave();
                    return Ok(Some(reason));
                }
                Outcome::SignedOut(why) => {
                    let name = agent.name().to_owned();
                    agent.leave();
                    let help = match agent.agent().signed_in() {
                        crate::agent::SignedIn::No(what) => what,
                        _ => "sign in with its client, or set its key in `env:` of the agent".to_owned(),
                    };
                    return Err(Error::refused(
                        format!("agent `{name}` is not signed in: {why}"),
                        format!("{help}; then `chant work {}` goes on with the same attempt", claim.id),
                    ));
                }
                Outcome::Busy { why, until } => {
                    let pause = self.pause(tries, until)?;
                    tries += 1;
                    engine.turns.busy(agent.name(), pause);
                    agent.leave();
                    other = Some(self.next(agent, &why, pause)?);
                    short = Some(why);
                }
            }
        }
    }

    /// Who goes on where the model of an agent has no room: another one at once, or the same one later.
    fn next(&self, agent: &Chosen, why: &str, pause: Duration) -> Result<Chosen, Error> {
        let (claim, engine) = (self.claim, self.engine);
        let (id, name) = (&claim.id, agent.name());
        if let Some(other) = agents::another(engine, &claim.settings, &claim.spec, &claim.rotation, name)? {
            engine.notice(id, format!("{name} has no room ({why}): {} goes on", other.name()));
            return Ok(other);
        }
        if self.begun.elapsed() + pause >= agent.timeout() {
            return Err(self.no_room(agent, why));
        }
        engine.notice(id, format!("{name} has no room ({why}): it tries again in {}", seconds(pause)));
        let lost = self.heart.lost();
        let stopped = || engine.stopped() || *lost.borrow() || engine.is_wished(id);
        let until = Instant::now() + pause;
        while Instant::now() < until && !stopped() {
            std::thread::sleep(Duration::from_millis(50).min(until.saturating_duration_since(Instant::now())));
        }
        if stopped() {
            return Err(self.interrupted());
        }
        agents::again(engine, &claim.settings, &claim.spec, &claim.rotation)
    }

    /// The end of a call in which a model had no room until time was up. The attempt stays open.
    fn no_room(&self, agent: &Chosen, why: &str) -> Error {
        let id = &self.claim.id;
        let help =
            format!("this is no failed attempt: `chant work {id}` goes on with it, later or with `--agent <name>`");
        Error::refused(format!("{} has no room: {why}", agent.name()), help)
    }

    /// How long to wait: as the model says, else longer each time.
    fn pause(&self, tries: u32, until: Option<i64>) -> Result<Duration, Error> {
        let pause = turns::pause(tries, self.engine.lot()?);
        let told = until.map(|until| until.saturating_sub(self.engine.project.env.now().as_second()));
        let told = told.and_then(|left| u64::try_from(left).ok()).map(Duration::from_secs);
        Ok(told.map_or(pause, |told| told.max(pause)))
    }

    /// One run of one client.
    fn run(&self, agent: &Chosen, used: &mut Used) -> Result<Outcome, Error> {
        let (claim, engine) = (self.claim, self.engine);
        let limits = agent.limits(claim.spent).going_on(claim.in_attempt).after(used.account.figures());
        if let Some(why) = limits.reached((0, 0), engine.spent()) {
            used.add(agent.name(), agent.model().map(str::to_owned), crate::agent::Account::default());
            return Ok(Outcome::Failed(why));
        }
        let mut errands = agent.errands(engine, claim, &claim.prompt, limits.left(engine.spent()))?;
        errands.iter_mut().for_each(|errand| self.inside.dress_for(agent.name(), errand));
        let lock = engine.project.lock_path(&claim.id);
        let mut journal = Journal::new(lock, &claim.run, used, (agent.name(), agent.model()), self.begun);
        let journal = agent.is_timed().then(|| {
            journal.note(&crate::agent::Account::default());
            journal
        });
        let hearing = Hearing { agent: Some(agent.agent()), limits, idle: agent.idle(), journal };
        let left = agent.timeout().saturating_sub(self.begun.elapsed());
        let mut heard = engine.listen(errands, &self.watch(left), hearing)?;
        let asked = if heard.cut.is_none() { self.stop_if_asked(&heard.done) } else { Ok(()) };
        if asked.is_err() {
            heard.into(used, agent.name(), agent.model());
            return asked.map(|()| Outcome::Done);
        }
        let strays = heard.done.strays;
        let outcome = outcome(agent, &heard, &limits, engine.spent());
        if heard.account.version.is_none() && matches!(outcome, Outcome::Done | Outcome::Failed(_) | Outcome::Late(_)) {
            heard.account.version = self.version(agent)?;
        }
        let over = limits.reached(heard.account.figures(), engine.spent());
        heard.into(used, agent.name(), agent.model());
        if let (Outcome::Done, Some(why)) = (&outcome, over) {
            let remark = format!("its work was done, and {why}");
            engine.notice(&claim.id, remark.clone());
            used.over = Some(remark);
        }
        if strays > 0 && matches!(outcome, Outcome::Done) {
            let (what, were) = if strays == 1 { ("process", "was") } else { ("processes", "were") };
            engine.notice(&claim.id, format!("{strays} {what} that it had left behind {were} ended"));
        }
        Ok(outcome)
    }

    /// The version of a client that has not said it, asked once in a call: some take seconds to say it.
    fn version(&self, agent: &Chosen) -> Result<Option<String>, Error> {
        let engine = self.engine;
        let known = |versions: &std::collections::BTreeMap<String, Option<String>>| versions.get(agent.name()).cloned();
        if let Some(version) = known(&engine.versions()) {
            return Ok(version);
        }
        let Some(mut errand) = agent.version(&engine.project, &self.claim.settings) else { return Ok(None) };
        self.inside.dress_for(agent.name(), &mut errand);
        let watch = Watch { transcript: None, ..self.watch(described::PATIENCE) };
        let done = engine.quietly(errand, &watch)?;
        let version = crate::agent::version_in(&done.tail).filter(|_| done.how.is_success());
        engine.versions().insert(agent.name().to_owned(), version.clone());
        Ok(version)
    }

    /// What was done so far is committed to the branch, and the attempt stays open.
    fn save(&self) -> Result<Option<Oid>, Error> {
        let (claim, engine) = (self.claim, self.engine);
        let tip = engine.project.repo.tip(&claim.qualified.full_ref())?;
        commit::save_partial(engine, &claim.id, &claim.qualified, tip)
    }

    /// What was used so far goes into the history, for the attempt may never be gone on with.
    fn account(&self, tip: Oid, mut used: Used) -> Result<(), Error> {
        let (claim, engine) = (self.claim, self.engine);
        let says = claim.agent.is_timed() && used.is_known();
        if !says && !engine.is_wished(&claim.id) {
            return Ok(());
        }
        used.took.get_or_insert_default();
        let open = spent::Open { attempt: claim.attempt, run: claim.run.clone(), used };
        spent::record(&engine.project, &claim.lock, &claim.qualified, tip, &open)?;
        Ok(())
    }

    fn stop_if_asked(&self, done: &Performed) -> Result<(), Error> {
        let stopped = matches!(done.how, How::Stopped | How::SupervisorLost);
        if stopped || self.engine.stopped() { Err(self.interrupted()) } else { Ok(()) }
    }

    fn interrupted(&self) -> Error {
        match *self.heart.lost().borrow() && !self.engine.stopped() {
            true => super::attempt::taken_over(self.claim),
            false => Error::Interrupted,
        }
    }
}

/// What a run comes to. What a client says of itself outranks its exit code: some exit 0 where the model was out of reach,
/// and say `success` where they failed.
fn outcome(agent: &Chosen, heard: &Heard, limits: &super::limits::Limits, call: (u64, u64)) -> Outcome {
    let name = agent.name();
    let account = &heard.account;
    match &heard.cut {
        Some(Cut::Spent(why)) => {
            // What it said after that counts as well: there is one figure, that of the event.
            let why = limits.reached(account.figures(), call).unwrap_or_else(|| why.clone());
            return Outcome::Failed(format!("{name} was ended: {why}"));
        }
        Some(Cut::Idle(idle)) => {
            return match &account.waiting {
                Some(Trouble::Busy { why, until }) => Outcome::Busy { why: why.clone(), until: *until },
                waiting => {
                    let why = waiting.as_ref().map(|waiting| format!(" ({})", waiting.why())).unwrap_or_default();
                    Outcome::Failed(format!("{name} did nothing for {} and was ended{why}", seconds(*idle)))
                }
            };
        }
        None => {}
    }
    let exit = jobs::failure(&heard.done);
    let timed_out = matches!(heard.done.how, How::TimedOut);
    let trouble = match &account.ended {
        Some(Some(trouble)) => Some(trouble.clone()),
        Some(None) => None,
        None if timed_out => account.waiting.clone().filter(|waiting| matches!(waiting, Trouble::Busy { .. })),
        None if exit.is_some() => account.waiting.clone().or_else(|| last_words(agent, &heard.done.tail)),
        None => None,
    };
    match trouble {
        Some(Trouble::SignedOut(why)) => Outcome::SignedOut(why),
        Some(Trouble::Busy { why, until }) => Outcome::Busy { why, until },
        Some(Trouble::Spent(why)) => {
            let why = limits.reached(account.figures(), call).unwrap_or(why);
            Outcome::Failed(format!("{name} ended: {why}"))
        }
        Some(Trouble::Unreachable(why) | Trouble::Failed(why)) => Outcome::Failed(format!("{name} failed: {why}")),
        None => match exit {
            None => Outcome::Done,
            Some(what) => {
                let failed = heard.done.failed.as_deref().unwrap_or(name);
                let waits = account.waiting.as_ref().filter(|_| timed_out);
                let waits = waits.map(|trouble| format!("; it was waiting: {}", trouble.why())).unwrap_or_default();
                let reason = format!("{failed} {what}{waits}");
                if timed_out { Outcome::Late(reason) } else { Outcome::Failed(reason) }
            }
        },
    }
}

/// What is wrong with a run that is no attempt at anything.
pub(super) fn complaint(
    agent: &Chosen,
    heard: &Heard,
    limits: &super::limits::Limits,
    call: (u64, u64),
) -> Option<Error> {
    let name = agent.name();
    match outcome(agent, heard, limits, call) {
        Outcome::Done => None,
        Outcome::Failed(why) | Outcome::Late(why) => Some(Error::Failed(why)),
        Outcome::Busy { why, .. } => {
            Some(Error::refused(format!("{name} has no room: {why}"), "try again later, or with `--agent <name>`"))
        }
        Outcome::SignedOut(why) => {
            let help = "sign in with its client, or set its key in `env:` of the agent";
            Some(Error::refused(format!("agent `{name}` is not signed in: {why}"), help))
        }
    }
}

/// What the client of a model said last that is not of its stream, where that means something.
fn last_words(agent: &Chosen, tail: &str) -> Option<Trouble> {
    agent.agent().reader()?;
    let last = tail.lines().rev().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('{'))?;
    match Trouble::of(None, last) {
        Trouble::Failed(_) => None,
        trouble => Some(trouble),
    }
}

fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.0} s", time.as_secs_f64().ceil()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

fn journalled(claim: &Claim, failure: Option<String>, used: Used) -> Result<Ended, Error> {
    let ended = Ended { failure, used };
    super::claim::note_ended(&claim.lock, &claim.run, &ended)?;
    Ok(ended)
}
