//! Choosing an agent of those that the settings [describe](super::described), and ordering its processes.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::described::{build, environment, lacks, offline, settings_of};
use super::limits::Limits;
use super::model::Claim;
use super::turns::{Seat, Turn};
use super::{Engine, Error};
use crate::agent::{Agent, Errand, Household, Script, Task};
use crate::config::{AgentKind, AgentSettings, Origin, Settings, UNCAPPED, uncapped};
use crate::project::Project;
use crate::spec::{Budget, Cap, Spec, SpecId};

/// The name of the agent that is a person.
pub(super) const PERSON: &str = "person";
/// The name of the agent that runs a spec's own steps.
const STEPS: &str = "steps";

/// The agent of one attempt.
pub(super) struct Chosen {
    name: String,
    agent: Box<dyn Agent>,
    settings: AgentSettings,
    model: Option<String>,
    timeout: Duration,
    idle: Option<Duration>,
    budget: Budget,
    /// Its place among those that run, until it has ended.
    seat: Mutex<Option<Seat>>,
}

/// Who may work on a spec: one agent, or several that take turns.
pub(super) fn wanted(settings: &Settings, spec: &Spec, asked: Option<&str>) -> Result<Vec<String>, Error> {
    if let Some(name) = asked.map(str::to_owned).or_else(|| spec.agent.clone()) {
        return Ok(vec![name]);
    }
    // What a user says for himself outranks a rotation that the project agreed on.
    let own = matches!(settings.agent.origin, Origin::Git(_) | Origin::Env(_) | Origin::Flag(_));
    let shared = matches!(settings.rotation.origin, Origin::File { .. });
    if !(settings.rotation.value.is_empty() || own && shared) {
        return Ok(settings.rotation.value.clone());
    }
    match &settings.agent.value {
        Some(name) => Ok(vec![name.clone()]),
        None if !spec.steps.is_empty() => Ok(vec![STEPS.to_owned()]),
        None => Err(Error::refused(
            format!("no agent is named for {}, and it has no steps of its own", spec.id),
            "name one with `--agent <name>`, in the spec or in `.chant/config.yaml`; write `## Steps` with fenced `sh` \
             blocks; or do it yourself with `--agent person`",
        )),
    }
}

/// Whether an agent that may be chosen reads a prompt: neither a person does, nor the spec's own steps.
pub(super) fn is_prompted(settings: &Settings, spec: &Spec, asked: Option<&str>) -> bool {
    let reads = |name: &String| !matches!(settings.kind(name), Some(AgentKind::Steps | AgentKind::Person));
    wanted(settings, spec, asked).is_ok_and(|names| names.iter().any(reads))
}

/// Those of the wanted agents that can be started (DESIGN.md, section 7), with what the others lack.
///
/// # Errors
/// Where none can, what each lacks.
pub(super) fn able(
    project: &Project,
    settings: &Settings,
    spec: &Spec,
    names: &[String],
) -> Result<(Vec<Chosen>, Vec<Lack>), Error> {
    let (mut able, mut lacking) = (Vec::new(), Vec::new());
    for name in names {
        let made = make(project, settings, spec, name).and_then(|chosen| chosen.check(project).map(|()| chosen));
        match made {
            Ok(chosen) => able.push(chosen),
            Err(error) => lacking.push(Lack { name: name.clone(), error }),
        }
    }
    if able.is_empty() {
        return Err(nobody(lacking));
    }
    Ok((able, lacking))
}

/// An agent that cannot work, and why.
pub(super) struct Lack {
    name: String,
    error: Error,
}

fn help_of(error: &Error) -> Option<String> {
    miette::Diagnostic::help(error).map(|help| help.to_string())
}

/// That none of several agents can work, with what each lacks and what to do about it.
fn nobody(mut lacking: Vec<Lack>) -> Error {
    if lacking.len() == 1 {
        return lacking.swap_remove(0).error;
    }
    let lines = |of: &dyn Fn(&Error) -> Option<String>| -> Vec<String> {
        let said = lacking.iter().filter_map(|Lack { name, error }| Some(format!("{name}: {}", of(error)?)));
        said.collect()
    };
    let help = |error: &Error| help_of(error);
    Error::Refused {
        message: format!("none of the rotation can work\n{}", lines(&|error| Some(error.to_string())).join("\n")),
        help: Some(lines(&help).join("\n")).filter(|help| !help.is_empty()),
    }
}

/// Chooses one of the wanted agents that can be started and has room; waits for room where there is none.
pub(super) fn choose(
    engine: &Engine,
    settings: &Settings,
    spec: &Spec,
    asked: Option<&str>,
) -> Result<(Chosen, Vec<String>), Error> {
    let names = wanted(settings, spec, asked)?;
    let (able, mut lacking) = able(&engine.project, settings, spec, &names)?;
    let (able, out_of_reach) = in_reach(engine, able);
    lacking.extend(out_of_reach);
    if able.is_empty() {
        // In the order in which they were named.
        lacking.sort_by_key(|lack| names.iter().position(|name| *name == lack.name));
        return Err(nobody(lacking));
    }
    for Lack { name, error } in lacking {
        let help = help_of(&error).map(|help| format!("; {help}")).unwrap_or_default();
        engine.notice(&spec.id, format!("{name} of the rotation is passed over: {error}{help}"));
    }
    Ok((seated(engine, &spec.id, able)?, names))
}

/// Those of some agents with what they work with in reach, each asked once in a call, and what the others lack.
fn in_reach(engine: &Engine, able: Vec<Chosen>) -> (Vec<Chosen>, Vec<Lack>) {
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for chosen in able {
        let key = (chosen.name.clone(), chosen.model.clone());
        // Side by side with others of the call: who asks first, asks for all.
        let mut reached = engine.reached();
        if !reached.contains(&key) {
            match chosen.agent.reach() {
                Ok(()) => drop(reached.insert(key)),
                Err(error) => {
                    far.push(Lack { name: chosen.name.clone(), error: error.into() });
                    continue;
                }
            }
        }
        near.push(chosen);
    }
    (near, far)
}

/// Another one of the wanted agents, where one has room at this moment.
pub(super) fn another(
    engine: &Engine,
    settings: &Settings,
    spec: &Spec,
    names: &[String],
    than: &str,
) -> Result<Option<Chosen>, Error> {
    let others: Vec<String> = names.iter().filter(|name| *name != than).cloned().collect();
    if others.is_empty() {
        return Ok(None);
    }
    let Ok((mut able, _)) = able(&engine.project, settings, spec, &others) else { return Ok(None) };
    let turns: Vec<Turn> = able.iter().map(Chosen::turn).collect();
    let Some((at, seat)) = engine.turns.try_take(&turns, engine.lot()?) else { return Ok(None) };
    let chosen = able.swap_remove(at);
    *chosen.seat.lock().unwrap_or_else(PoisonError::into_inner) = Some(seat);
    Ok(Some(chosen))
}

/// One of the wanted agents, as soon as one has room.
pub(super) fn again(engine: &Engine, settings: &Settings, spec: &Spec, names: &[String]) -> Result<Chosen, Error> {
    let (able, _) = able(&engine.project, settings, spec, names)?;
    seated(engine, &spec.id, able)
}

fn seated(engine: &Engine, id: &SpecId, mut able: Vec<Chosen>) -> Result<Chosen, Error> {
    let turns: Vec<Turn> = able.iter().map(Chosen::turn).collect();
    let (at, seat) = engine
        .turns
        .take(&turns, engine.lot()?, &|| engine.stopped() || engine.is_wished(id))
        .ok_or(Error::Interrupted)?;
    let chosen = able.swap_remove(at);
    *chosen.seat.lock().unwrap_or_else(PoisonError::into_inner) = Some(seat);
    Ok(chosen)
}

fn make(project: &Project, settings: &Settings, spec: &Spec, name: &str) -> Result<Chosen, Error> {
    if name == STEPS && spec.steps.is_empty() {
        return Err(Error::refused(
            format!("{} has no steps", spec.id),
            "write `## Steps` with fenced `sh` blocks, or name another agent",
        ));
    }
    let agent = settings_of(settings, name).ok_or_else(|| {
        Error::refused(
            format!("there is no agent named `{name}`"),
            format!("describe it in `.chant/config.yaml`: `agents: {{ {name}: {{ command: [\"…\"] }} }}`"),
        )
    })?;
    let budget = spec.budget.unwrap_or_default().or(settings.budget.value);
    if let Some(what) = agent.kind.cannot_keep(budget.any()) {
        return Err(Error::refused(uncapped(name, agent.kind, what), UNCAPPED));
    }
    let model = spec.model.clone().or_else(|| agent.model.clone());
    let timeout = spec.timeout.unwrap_or(settings.timeout.value);
    let timeout = agent.timeout.map_or(timeout, |own| own.min(timeout));
    let idle = agent.idle.or(settings.idle.value);
    let made = build(project, name, &agent, model.clone());
    let name = name.to_owned();
    Ok(Chosen { name, agent: made, settings: agent, model, timeout, idle, budget, seat: Mutex::new(None) })
}

/// Whether an agent of a spec could be started, for `doctor` and `lint`.
///
/// # Errors
/// Where none could, and why.
pub fn checked(project: &Project, settings: &Settings, spec: &Spec) -> Result<String, Error> {
    let (able, _) = able(project, settings, spec, &wanted(settings, spec, None)?)?;
    Ok(able.first().map(|chosen| chosen.name.clone()).unwrap_or_default())
}

/// What the programs of agents need outside of the worktree.
#[derive(Default)]
pub(super) struct Needs {
    /// Files and directories that they write.
    pub writes: Vec<PathBuf>,
    /// Where each keeps itself, by the agent's name.
    pub households: Vec<(String, Household)>,
}

impl Needs {
    fn of(&mut self, agent: &dyn Agent, home: &Path) {
        self.writes.extend(agent.writes(home));
        self.households.extend(agent.households(home).into_iter().map(|house| (agent.name().to_owned(), house)));
    }
}

impl Chosen {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn agent(&self) -> &dyn Agent {
        &*self.agent
    }

    pub(super) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    pub(super) fn is_person(&self) -> bool {
        self.agent.is_person()
    }

    /// Whether it is told of a run that was cut short how long it took: not of what a spec's own steps take, which begin anew.
    pub(super) fn is_timed(&self) -> bool {
        !matches!(self.settings.kind, AgentKind::Steps | AgentKind::Person)
    }

    fn turn(&self) -> Turn {
        Turn { name: self.name.clone(), weight: self.settings.weight, limit: self.settings.limit }
    }

    /// Gives its place among those that run to somebody else.
    pub(super) fn leave(&self) {
        drop(self.seat.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Finds a missing program, key or variable before anything is claimed.
    fn check(&self, project: &Project) -> Result<(), Error> {
        let dir = project.root.clone().unwrap_or_else(|| project.repo.common_dir().to_owned());
        lacks(project, &self.settings, &self.name)?;
        offline(&project.settings, &self.settings, &self.name)?;
        Ok(self.agent.check(&dir)?)
    }

    /// How long an attempt may take, all its programs together.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What its program needs outside of the worktree, and those of the others that may go on in its place.
    pub(super) fn needs(&self, project: &Project, settings: &Settings, rotation: &[String]) -> Needs {
        let mut needs = Needs::default();
        let Some(home) = project.env.vars.get("HOME").filter(|home| !home.is_empty()) else { return needs };
        needs.of(&*self.agent, Path::new(home));
        for name in rotation.iter().filter(|name| **name != self.name) {
            let other = settings_of(settings, name).map(|agent| build(project, name, &agent, agent.model.clone()));
            other.into_iter().for_each(|other| needs.of(&*other, Path::new(home)));
        }
        needs
    }

    /// How long it may do nothing.
    pub(super) fn idle(&self) -> Option<Duration> {
        self.idle
    }

    /// What the attempt may spend, where earlier ones have spent so much.
    pub(super) fn limits(&self, before: (u64, u64)) -> Limits {
        // Steps and people spend nothing, and are kept from nothing.
        let budget = if self.settings.kind.has_model() { self.budget } else { Budget::default() };
        Limits::new(budget, before)
    }

    /// What asks its client for its version, where it has one.
    pub(super) fn version(&self, project: &Project, settings: &Settings) -> Option<Errand> {
        let argv = self.agent.version()?;
        let cwd = project.root.clone().unwrap_or_else(|| project.repo.common_dir().to_owned());
        let env = environment(project, settings, &self.settings, &self.agent.variables());
        Some(Errand { name: self.name.clone(), argv, cwd, env, stdin: Vec::new() })
    }

    /// The programs to run, in order, with what may be spent.
    pub(super) fn errands(
        &self,
        engine: &Engine,
        claim: &Claim,
        prompt: &str,
        left: Cap,
    ) -> Result<Vec<Errand>, Error> {
        let project = &engine.project;
        let worktree = project.worktree_path(&claim.id);
        let task = Task {
            spec: claim.qualified.to_string(),
            attempt: claim.attempt,
            run: claim.run.clone(),
            branch: claim.qualified.branch(),
            target: claim.target.clone(),
            project_dir: project.dir_in(&worktree),
            spec_file: worktree.join(project.spec_path(&claim.id)),
            worktree,
            prompt: prompt.to_owned(),
            steps: claim
                .spec
                .steps
                .iter()
                .map(|step| Script { line: step.line, script: step.script.clone() })
                .collect(),
            env: environment(project, &claim.settings, &self.settings, &self.agent.variables()),
            dollars: left.usd,
            tokens: left.tokens,
        };
        Ok(self.agent.order(&task)?)
    }
}
