//! One entry of `agents:`.

use std::collections::BTreeMap;

use super::{AgentKind, AgentSettings, Origin};
use crate::spec::Severity;
use crate::spec::diagnostic::Sink;
use crate::spec::legal_component;
use crate::spec::yaml::{Node, Value};

const KEYS: [&str; 5] = ["kind", "command", "env", "timeout", "model"];
const KINDS: [AgentKind; 3] = [AgentKind::Command, AgentKind::Steps, AgentKind::Person];

/// Reads an agent. A key that is not known is an error: an option must not be passed over where programs are started.
pub(super) fn read(name: &str, key: &Node, node: &Node, origin: Origin, sink: &mut Sink) -> AgentSettings {
    let mut agent = AgentSettings {
        kind: KINDS
            .into_iter()
            .find(|kind| *kind != AgentKind::Command && kind.as_str() == name)
            .unwrap_or(AgentKind::Command),
        command: Vec::new(),
        env: BTreeMap::new(),
        timeout: None,
        model: None,
        origin,
    };
    let built_in = (agent.kind != AgentKind::Command).then_some(agent.kind);
    // An agent without a word says as little as `{}`; that its command is missing is said below.
    let mut wrong = false;
    for (_, field, value) in sink.entries(node, &format!("agent `{name}`"), &KEYS, Severity::Error) {
        match field.as_str() {
            "kind" => match sink.word(&field, value, &KINDS.map(|kind| (kind.as_str(), kind))) {
                Some(kind) => agent.kind = kind,
                None => wrong = true,
            },
            "command" => match command(value, sink) {
                Some(command) => agent.command = command,
                None => wrong = true,
            },
            "env" => agent.env = env(value, sink),
            "timeout" => agent.timeout = sink.duration(&field, value),
            _ => agent.model = sink.text(&field, value),
        }
    }
    let mut refuse = |message: String, help: &str| {
        sink.error("chant::config::agent", message, key.span.clone(), "this agent", help);
    };
    if let Err(error) = legal_component(name) {
        refuse(
            format!("an agent cannot be called {name:?}: {}", error.why),
            "it stands in trailers, as in `Assisted-by`",
        );
    }
    match (built_in, agent.kind) {
        _ if wrong => {}
        (Some(built_in), kind) if kind != built_in => {
            refuse(format!("`{name}` is an agent of chant's own"), "give this one another name");
        }
        (_, AgentKind::Command) if agent.command.is_empty() => {
            let help = format!("as in `{name}: {{ command: [\"sh\", \"agents/{name}.sh\"] }}`");
            refuse(format!("agent `{name}` has no command"), &help);
        }
        (_, AgentKind::Steps | AgentKind::Person) if !agent.command.is_empty() => {
            let help = "delete the command, or write `kind: command`";
            refuse(format!("agent `{name}` is of kind `{}` and runs no command", agent.kind.as_str()), help);
        }
        _ => {}
    }
    agent
}

/// A program and its arguments: a list, or one word.
fn command(node: &Node, sink: &mut Sink) -> Option<Vec<String>> {
    let fits = |item: &Node| item.scalar().filter(|word| !word.contains('\0'));
    let argv: Option<Vec<String>> = match &node.value {
        Value::List(items) => items.iter().map(fits).collect(),
        Value::Text(word) if !word.contains(char::is_whitespace) => fits(node).map(|word| vec![word]),
        _ => None,
    };
    let argv = argv.filter(|argv| argv.first().is_some_and(|program| !program.trim().is_empty()));
    if argv.is_none() {
        let help = "as in `command: [\"sh\", \"agents/analyst.sh\"]`; a shell's line is `[\"sh\", \"-c\", \"…\"]`";
        sink.wrong("command", node, "a program and its arguments, as a list", help);
    }
    argv
}

/// Variables with their values.
fn env(node: &Node, sink: &mut Sink) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    for (key, name, value) in sink.names(node, "env") {
        let text = match &value.value {
            Value::Null => Some(String::new()),
            _ => value.scalar().filter(|text| !text.contains('\0')),
        };
        match text {
            None => sink.wrong(&name, value, "a text", ""),
            Some(text) if variable(&name, key, sink) => drop(env.insert(name, text)),
            Some(_) => {}
        }
    }
    env
}

/// Whether a variable of this name may be given to an agent.
fn variable(name: &str, place: &Node, sink: &mut Sink) -> bool {
    let why = match name {
        _ if name.is_empty() || name.contains(['=', '\0']) || name.contains(char::is_whitespace) => {
            "this is no name of a variable"
        }
        _ if name.starts_with("CHANT_") => "chant sets its own variables for an agent",
        _ => return true,
    };
    sink.error("chant::config::env", why, place.span.clone(), "here", "");
    false
}
