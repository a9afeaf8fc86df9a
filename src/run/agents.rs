//! Choosing an agent and ordering its processes.

use std::ffi::OsString;
use std::time::Duration;

use super::model::Claim;
use super::{Engine, Error, jobs};
use crate::agent::{Agent, Errand, Script, Task};
use crate::config::{AgentKind, AgentSettings, Settings};
use crate::project::Project;
use crate::spec::Spec;

/// The name of the agent that is a person.
pub(super) const PERSON: &str = "person";
/// The name of the agent that runs a spec's own steps.
const STEPS: &str = "steps";

/// The agent of one attempt.
pub(super) struct Chosen {
    name: String,
    agent: Box<dyn Agent>,
    model: Option<String>,
    timeout: Duration,
}

/// The agent that the caller, the spec or the settings name; else the spec's own steps (DESIGN.md, section 7).
pub(super) fn choose(
    project: &Project,
    settings: &Settings,
    spec: &Spec,
    asked: Option<&str>,
) -> Result<Chosen, Error> {
    let named = asked.map(str::to_owned).or_else(|| spec.agent.clone()).or_else(|| settings.agent.value.clone());
    let timeout = spec.timeout.unwrap_or(settings.timeout.value);
    let name = match named {
        Some(name) => name,
        None if !spec.steps.is_empty() => STEPS.to_owned(),
        None => {
            return Err(Error::refused(
                format!("no agent is named for {}, and it has no steps of its own", spec.id),
                "name one with `--agent <name>`, in the spec or in `.chant/config.yaml`; write `## Steps` with fenced \
                 `sh` blocks; or do it yourself with `--agent person`",
            ));
        }
    };
    let configured = settings.agents.get(&name);
    let agent = build(project, &name, configured, spec)?;
    let model = spec.model.clone().or_else(|| configured.and_then(|agent| agent.model.clone()));
    let timeout = configured.and_then(|agent| agent.timeout).map_or(timeout, |own| own.min(timeout));
    Ok(Chosen { name, agent, model, timeout })
}

/// Whether the agent that would be chosen reads a prompt: neither a person does, nor the spec's own steps.
pub(super) fn is_prompted(settings: &Settings, spec: &Spec, asked: Option<&str>) -> bool {
    let named = asked.or(spec.agent.as_deref()).or(settings.agent.value.as_deref());
    let Some(name) = named else { return false };
    match settings.agents.get(name) {
        Some(agent) => !matches!(agent.kind, AgentKind::Steps | AgentKind::Person),
        None => name != STEPS && name != PERSON,
    }
}

fn build(
    project: &Project,
    name: &str,
    configured: Option<&AgentSettings>,
    spec: &Spec,
) -> Result<Box<dyn Agent>, Error> {
    use crate::agent::{CommandAgent, Person, Steps};
    let vars = &project.env.vars;
    match configured {
        Some(agent) => Ok(match agent.kind {
            AgentKind::Command => Box::new(CommandAgent::new(name, agent.command.clone(), vars)),
            AgentKind::Steps => Box::new(Steps::new(vars)),
            AgentKind::Person => Box::new(Person),
        }),
        None if name == STEPS && spec.steps.is_empty() => Err(Error::refused(
            format!("{} has no steps", spec.id),
            "write `## Steps` with fenced `sh` blocks, or name another agent",
        )),
        None if name == STEPS => Ok(Box::new(Steps::new(vars))),
        None if name == PERSON => Ok(Box::new(Person)),
        None => Err(Error::refused(
            format!("there is no agent named `{name}`"),
            format!("describe it in `.chant/config.yaml`: `agents: {{ {name}: {{ command: [\"…\"] }} }}`"),
        )),
    }
}

/// Whether the agent of a spec could be started, for `doctor` and `lint`.
///
/// # Errors
/// Where it could not, and why.
pub fn checked(project: &Project, settings: &Settings, spec: &Spec) -> Result<String, Error> {
    let chosen = choose(project, settings, spec, None)?;
    chosen.check(project)?;
    Ok(chosen.name)
}

impl Chosen {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_person(&self) -> bool {
        self.agent.is_person()
    }

    /// `agent:model`, the Linux kernel's convention, where a model is named.
    pub(super) fn assisted_by(&self) -> Option<String> {
        self.model.as_ref().map(|model| format!("{}:{model}", self.name))
    }

    /// Finds a missing program before anything is claimed.
    pub(super) fn check(&self, project: &Project) -> Result<(), Error> {
        let dir = project.root.clone().unwrap_or_else(|| project.repo.common_dir().to_owned());
        Ok(self.agent.check(&dir)?)
    }

    /// How long an attempt may take, all its programs together.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The programs to run, in order.
    pub(super) fn errands(&self, engine: &Engine, claim: &Claim, prompt: &str) -> Result<Vec<Errand>, Error> {
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
            env: agent_environment(project, claim.settings.agents.get(&self.name)),
        };
        Ok(self.agent.order(&task)?)
    }
}

fn agent_environment(project: &Project, configured: Option<&AgentSettings>) -> Vec<(OsString, OsString)> {
    let mut env = jobs::clean_environment(project);
    for (key, value) in configured.iter().flat_map(|agent| &agent.env) {
        env.push((key.into(), value.into()));
    }
    env
}
