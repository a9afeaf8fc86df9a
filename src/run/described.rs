//! One agent as the settings describe it: what it is made of, which variables it has, what it lacks and how it is.

use std::ffi::OsString;
use std::time::Duration;

use super::Error;
use super::jobs::{self, For};
use crate::agent::{Agent, AgentError, Client, SignedIn};
use crate::config::{AgentKind, AgentSettings, Origin, Settings};
use crate::env::Vars;
use crate::project::Project;
use crate::spec::Spec;

pub(super) fn build(project: &Project, name: &str, agent: &AgentSettings, model: Option<String>) -> Box<dyn Agent> {
    use crate::agent::{Acp, Aider, Claude, Codex, CommandAgent, Gemini, Openai, Opencode, Person, Steps};
    // What it is given in the end is narrower; here it is asked what there is.
    let vars: Vars = everything(project, agent).into_iter().collect();
    let client = |vars| Client {
        name: name.to_owned(),
        program: agent.command.clone(),
        model: model.clone(),
        args: agent.args.clone(),
        vars,
    };
    let program = project.env.program.clone();
    match agent.kind {
        AgentKind::Command => Box::new(CommandAgent::new(name, agent.command.clone(), &vars)),
        AgentKind::Steps => Box::new(Steps::new(&vars)),
        AgentKind::Person => Box::new(Person),
        AgentKind::Claude => Box::new(Claude(client(vars))),
        AgentKind::Codex => Box::new(Codex(client(vars))),
        AgentKind::Opencode => Box::new(Opencode(client(vars))),
        AgentKind::Gemini => Box::new(Gemini(client(vars))),
        AgentKind::Aider => Box::new(Aider(client(vars))),
        AgentKind::Acp => Box::new(Acp { client: client(vars), program }),
        AgentKind::Openai => Box::new(Openai {
            client: client(vars),
            program,
            base_url: agent.base_url.clone(),
            key_env: agent.key_env.clone(),
            is_named: names_key(agent),
            max_turns: agent.max_turns.unwrap_or(crate::agent::TURNS),
        }),
    }
}

/// Whether the settings themselves name the variable that holds an endpoint's key.
fn names_key(agent: &AgentSettings) -> bool {
    let usual = crate::agent::KEY;
    agent.key_env.is_some() || agent.env.contains_key(usual) || agent.pass_env.iter().any(|name| name == usual)
}

/// Variables and their values.
type Variables = Vec<(OsString, OsString)>;

/// An agent as the settings describe it, and its own variables, for somebody who goes on with it by hand.
///
/// # Errors
/// Where there is none of that name.
pub(super) fn client(project: &Project, spec: &Spec, name: &str) -> Result<(Box<dyn Agent>, Variables), Error> {
    let agent = settings_of(&project.settings, name).ok_or_else(|| {
        Error::refused(
            format!("the settings know no agent `{name}` any more"),
            "`chant config` lists those that they know",
        )
    })?;
    let home = project.env.vars.get("HOME");
    let env = agent.env.iter().map(|(key, value)| (key.into(), at_home(value, home))).collect();
    Ok((build(project, name, &agent, spec.model.clone().or_else(|| agent.model.clone())), env))
}

/// Globs of the variables that the agents which the settings name are handed as their own: keys of their models, and what
/// `pass_env:` of theirs names.
pub fn handed_on(project: &Project) -> Vec<String> {
    let settings = &project.settings;
    let names = settings.agents.keys().chain(&settings.rotation.value).chain(&settings.agent.value);
    let known = names.filter_map(|name| Some((name, settings_of(settings, name)?)));
    let own = known.flat_map(|(name, agent)| [build(project, name, &agent, None).variables(), agent.pass_env].concat());
    own.collect()
}

/// What can be told of an agent without spending anything.
pub struct Condition {
    /// Whether it is the client of a model; nothing of what follows is known of another.
    pub has_model: bool,
    /// Its version, where it says so.
    pub version: Option<String>,
    /// Whether somebody is signed in.
    pub signed_in: SignedIn,
}

/// Looks at one agent; nothing where no program is behind the name.
///
/// # Errors
/// What it lacks.
pub fn condition(project: &Project, settings: &Settings, name: &str) -> Result<Option<Condition>, Error> {
    let Some(agent) = settings_of(settings, name) else { return Ok(None) };
    if matches!(agent.kind, AgentKind::Steps | AgentKind::Person) {
        return Ok(None);
    }
    let made = build(project, name, &agent, agent.model.clone());
    lacks(project, &agent, name)?;
    offline(settings, &agent, name)?;
    let dir = project.root.clone().unwrap_or_else(|| project.repo.common_dir().to_owned());
    // With which nobody is signed in is there all the same, and has a version.
    let signed_in = match made.check(&dir) {
        Err(AgentError::SignedOut { what, .. }) => SignedIn::No(what),
        checked => {
            checked?;
            made.reach()?;
            made.signed_in()
        }
    };
    let version =
        made.version().and_then(|argv| crate::agent::version(&argv, &everything(project, &agent), &dir, PATIENCE));
    Ok(Some(Condition { has_model: agent.kind.has_model(), version, signed_in }))
}

/// What is said of an agent, or what its name alone says.
pub(super) fn settings_of(settings: &Settings, name: &str) -> Option<AgentSettings> {
    let built_in = || AgentKind::built_in(name).map(|kind| AgentSettings::new(kind, Origin::Default));
    settings.agents.get(name).cloned().or_else(built_in)
}

/// How long a client may take to say its version.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A variable that an agent needs and that is not set.
pub(super) fn lacks(project: &Project, agent: &AgentSettings, name: &str) -> Result<(), Error> {
    match agent.pass_env.iter().find(|key| project.env.vars.get(key).is_none() && !agent.env.contains_key(*key)) {
        None => Ok(()),
        Some(key) => Err(Error::refused(
            format!("agent `{name}` needs the variable {key}, which is not set"),
            format!("`export {key}=…`, or take it out of `pass_env`"),
        )),
    }
}

/// An agent whose model is out of its reach.
pub(super) fn offline(settings: &Settings, agent: &AgentSettings, name: &str) -> Result<(), Error> {
    let net = &settings.sandbox.no_net;
    if !net.value || !settings.sandbox.on.value || !agent.kind.needs_net() {
        return Ok(());
    }
    Err(Error::refused(
        format!(
            "agent `{name}` asks a model over the network, and the settings say `sandbox.net: none` ({})",
            net.origin
        ),
        "say `net: shared`, or let an agent of kind `command` do the work",
    ))
}

/// All that an agent could be given: by this it is asked what is there.
fn everything(project: &Project, agent: &AgentSettings) -> Vec<(OsString, OsString)> {
    with_own(project, agent, jobs::clean_environment(project, &For::Looking))
}

/// The user's environment, as far as an agent is given it, with the agent's own variables over it.
pub(super) fn environment(
    project: &Project,
    settings: &Settings,
    agent: &AgentSettings,
    wants: &[String],
) -> Vec<(OsString, OsString)> {
    let named = [wants, &agent.pass_env].concat();
    with_own(project, agent, jobs::clean_environment(project, &For::Running(settings, &named)))
}

fn with_own(project: &Project, agent: &AgentSettings, mut env: Vec<(OsString, OsString)>) -> Vec<(OsString, OsString)> {
    env.retain(|(key, _)| !agent.env.iter().any(|(own, _)| key == own.as_str()));
    for (key, value) in &agent.env {
        env.push((key.into(), at_home(value, project.env.vars.get("HOME"))));
    }
    env
}

/// `~` and what begins with `~/`, as a shell has it.
fn at_home(value: &str, home: Option<&std::ffi::OsStr>) -> OsString {
    match (value.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home.to_owned(),
        (Some(rest), Some(home)) if rest.starts_with('/') => {
            let mut path = home.to_owned();
            path.push(rest);
            path
        }
        _ => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn a_tilde_is_the_home_where_a_shell_would_take_it_for_that() {
        let home = Some(OsStr::new("/home/ada"));
        let cases =
            [("~", "/home/ada"), ("~/.codex-work", "/home/ada/.codex-work"), ("~bob/x", "~bob/x"), ("a~/", "a~/")];
        for (value, wanted) in cases {
            assert_eq!(at_home(value, home), wanted);
        }
        assert_eq!(at_home("~/x", None), "~/x");
    }
}
