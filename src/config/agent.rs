//! One entry of `agents:`.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{AgentKind, AgentSettings, Origin, Settings};
use crate::spec::diagnostic::Sink;
use crate::spec::legal_component;
use crate::spec::near::nearest;
use crate::spec::yaml::{Node, Value};
use crate::spec::{Diagnostic, Severity, Source};

const KEYS: [&str; 13] = [
    "kind",
    "command",
    "model",
    "args",
    "env",
    "pass_env",
    "timeout",
    "idle",
    "limit",
    "weight",
    "base_url",
    "key_env",
    "max_turns",
];

/// Reads an agent. A key that is not known is an error: an option must not be passed over where programs are started.
pub(super) fn read(name: &str, key: &Node, node: &Node, origin: Origin, sink: &mut Sink) -> AgentSettings {
    let built_in = AgentKind::built_in(name);
    let mut agent = AgentSettings::new(built_in.unwrap_or(AgentKind::Command), origin);
    let mut said = None;
    // An agent without a word says as little as `{}`; that its command is missing is said below.
    let mut wrong = !matches!(node.value, Value::Map(_) | Value::Null);
    let mut line = None;
    for (_, field, value) in sink.entries(node, &format!("agent `{name}`"), &KEYS, Severity::Error) {
        match field.as_str() {
            "kind" => match sink.word(&field, value, &AgentKind::ALL.map(|kind| (kind.as_str(), kind))) {
                Some(kind) => said = Some(kind),
                None => wrong = true,
            },
            "command" => line = Some(value),
            "args" => match words(value) {
                Some(args) => agent.args = args,
                None => sink.wrong("args", value, "a list of arguments", "as in `args: [\"--effort\", high]`"),
            },
            "env" => agent.env = env(value, sink),
            "pass_env" => agent.pass_env = pass_env(value, sink),
            "timeout" => agent.timeout = sink.duration(&field, value),
            "idle" => agent.idle = sink.duration(&field, value),
            "base_url" => agent.base_url = address(value, sink),
            "key_env" => agent.key_env = sink.text(&field, value).filter(|name| variable(name, value, sink)),
            "max_turns" => agent.max_turns = sink.count(&field, value, 1),
            "limit" => agent.limit = sink.count(&field, value, 1).and_then(|n| usize::try_from(n).ok()),
            "weight" => agent.weight = sink.count(&field, value, 1).unwrap_or(1),
            _ => agent.model = sink.text(&field, value),
        }
    }
    agent.kind = match said {
        Some(kind) => kind,
        // Whoever writes a whole command, whatever its name, has it run as it is.
        None if agent.kind.has_model() && agent.kind != AgentKind::Acp && line.is_some() => AgentKind::Command,
        None => agent.kind,
    };
    if let Some(value) = line {
        match command(agent.kind, value, sink) {
            Some(command) => agent.command = command,
            None => wrong = true,
        }
    }
    if let Some((message, help)) = complaint(name, built_in, &agent, wrong) {
        sink.error("chant::config::agent", message, key.span.clone(), "this agent", &help);
    }
    agent
}

impl AgentSettings {
    /// An agent of which nothing is said but what it is.
    pub fn new(kind: AgentKind, origin: Origin) -> Self {
        Self {
            kind,
            command: Vec::new(),
            env: BTreeMap::new(),
            pass_env: Vec::new(),
            args: Vec::new(),
            base_url: None,
            key_env: None,
            max_turns: None,
            timeout: None,
            idle: None,
            model: None,
            limit: None,
            weight: 1,
            origin,
        }
    }

    /// What is said of it that only an endpoint has.
    fn of_an_endpoint(&self) -> Option<&'static str> {
        let said = [
            ("base_url", self.base_url.is_some()),
            ("key_env", self.key_env.is_some()),
            ("max_turns", self.max_turns.is_some()),
        ];
        said.into_iter().find(|(_, is_said)| *is_said).map(|(key, _)| key)
    }
}

/// What is wrong with an agent as a whole, and what to do about it.
fn complaint(name: &str, built_in: Option<AgentKind>, agent: &AgentSettings, wrong: bool) -> Option<(String, String)> {
    let kind = agent.kind;
    if let Err(error) = legal_component(name) {
        let help = "it stands in trailers, as in `Assisted-by`".to_owned();
        return Some((format!("an agent cannot be called {name:?}: {}", error.why), help));
    }
    match kind {
        _ if wrong => None,
        kind if kind != AgentKind::Command && built_in.is_some_and(|built_in| built_in != kind)
            || kind == AgentKind::Command && built_in.is_some_and(|built_in| !built_in.has_model()) =>
        {
            Some((format!("`{name}` is an agent of chant's own"), "give this one another name".to_owned()))
        }
        AgentKind::Command if agent.command.is_empty() => {
            // A name that is nearly a kind's was meant to be one.
            let kinds = AgentKind::ALL.map(AgentKind::as_str).into_iter().filter(|word| *word != "command");
            let near = nearest(name, kinds).map(|near| format!("did you mean `{near}`? Else give it a command, "));
            let help = format!("as in `{name}: {{ command: [\"sh\", \"agents/{name}.sh\"] }}`, or a `kind`");
            Some((format!("agent `{name}` has no command"), near.unwrap_or_default() + &help))
        }
        AgentKind::Acp if agent.command.is_empty() => {
            let help = format!("as in `{name}: {{ kind: acp, command: \"gemini --experimental-acp\" }}`");
            Some((format!("agent `{name}` has no command that starts its server"), help))
        }
        AgentKind::Openai if !agent.command.is_empty() || !agent.args.is_empty() => {
            let help = "name its endpoint by `base_url`".to_owned();
            Some((format!("agent `{name}` is of kind `openai`, which runs no command"), help))
        }
        kind if kind != AgentKind::Openai && agent.of_an_endpoint().is_some() => {
            let (kind, key) = (kind.as_str(), agent.of_an_endpoint().unwrap_or_default());
            let help = "only an agent of kind `openai` has one".to_owned();
            Some((format!("agent `{name}` is of kind `{kind}`, which takes no `{key}`"), help))
        }
        AgentKind::Person if agent.timeout.is_some() || agent.idle.is_some() => {
            let cap = if agent.timeout.is_some() { "timeout" } else { "idle" };
            let help = format!("delete `{cap}`: a person's time is not limited");
            Some((format!("agent `{name}` is a person, whom no `{cap}` ends"), help))
        }
        AgentKind::Steps | AgentKind::Person if !agent.command.is_empty() => {
            let help = "delete the command, or write `kind: command`".to_owned();
            Some((format!("agent `{name}` is of kind `{}` and runs no command", kind.as_str()), help))
        }
        kind if !kind.has_model() && !agent.args.is_empty() => {
            let help = "write them into `command`".to_owned();
            Some((format!("agent `{name}` is of kind `{}`, which takes no `args`", kind.as_str()), help))
        }
        _ => None,
    }
}

/// Where a word of a setting stands: in the file, from the key's line on, or in what was said over it.
pub fn placed(origin: &Origin, file: Option<&Source>, word: &str, whole: &str) -> (Source, Range<usize>) {
    if let (Origin::File { line, .. }, Some(file)) = (origin, file) {
        let from: usize = file.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let rest = file.text.get(from..).unwrap_or_default();
        let value = rest.find(':').map_or(0, |colon| colon + 1);
        let in_name = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        let alone = |at: &usize| {
            let (before, after) = (rest[..*at].chars().next_back(), rest[at + word.len()..].chars().next());
            !before.is_some_and(in_name) && !after.is_some_and(in_name)
        };
        let found = rest.match_indices(word).map(|(at, _)| at).filter(|at| *at >= value).find(alone);
        let line = rest.lines().next().unwrap_or_default().trim_end();
        let span = found.map_or(from..from + line.len(), |at| from + at..from + at + word.len());
        return (file.clone(), span);
    }
    let at = whole.find(word).unwrap_or(0);
    (Source::new(&origin.to_string(), whole), at..(at + word.len()).min(whole.len()))
}

/// What the settings ask of agents that those cannot do: turns for somebody who is not there or is a person, and caps
/// that are not kept. `file` is the text of the settings' file, `typed` what was said over it.
pub(super) fn unusable(
    settings: &Settings,
    file: Option<&Source>,
    typed: &dyn Fn(&Origin) -> Option<String>,
) -> Vec<Diagnostic> {
    let mut said = Vec::new();
    let rotation = &settings.rotation;
    for name in &rotation.value {
        let why = match settings.kind(name) {
            None => "no agent has this name",
            Some(AgentKind::Person) => "a person takes no turns",
            Some(_) => continue,
        };
        let known = settings.agents.keys().map(String::as_str);
        let help = nearest(name, known).map(|near| format!("did you mean `{near}`?"));
        let (source, span) = placed(&rotation.origin, file, name, &rotation.value.join(", "));
        let error =
            Diagnostic::error("chant::config::rotation", &source, format!("`{name}` cannot be in the rotation"));
        said.push(error.label(span, why).help(help.unwrap_or_else(|| "name it under `agents:`".to_owned())));
    }
    let budget = &settings.budget;
    let names = rotation.value.iter().chain(settings.agent.value.iter().filter(|_| rotation.value.is_empty()));
    for name in names {
        let Some(kind) = settings.kind(name) else { continue };
        if let Some(what) = kind.cannot_keep(budget.value.any()) {
            let text = typed(&budget.origin).unwrap_or_else(|| budget.value.to_string());
            // As a whole it stands there in other words, perhaps over several lines: the first is underlined.
            let (source, span) = placed(&budget.origin, file, &text, &text);
            let error = Diagnostic::error("chant::config::budget", &source, uncapped(name, kind, what));
            said.push(error.label(span, "this budget").help(UNCAPPED));
        }
    }
    said
}

/// What to do about a cap that an agent cannot keep.
pub const UNCAPPED: &str = "limit what it does report (`codex`, `openai`: tokens; `claude`, `opencode`, `aider`: dollars and tokens), \
                            or its time by `timeout`, or choose another agent";

/// That an agent cannot keep a cap.
pub fn uncapped(name: &str, kind: AgentKind, what: &str) -> String {
    let kind = kind.as_str();
    format!("agent `{name}` cannot keep a budget of {what}: `{kind}` does not say while it runs what it uses")
}

/// Where an endpoint is.
fn address(node: &Node, sink: &mut Sink) -> Option<String> {
    let url = sink.text("base_url", node)?;
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_one = host.is_some_and(|host| {
        !host.is_empty()
            && !host.starts_with(['/', ':'])
            && !host.contains(|c: char| c.is_whitespace() || "@?#".contains(c))
    });
    if !is_one {
        sink.wrong(
            "base_url",
            node,
            "an address",
            "as in `base_url: \"http://localhost:11434/v1\"`, without name and password",
        );
        return None;
    }
    Some(url.trim_end_matches('/').to_owned())
}

/// A program and its arguments: a list, or one word. That of a server may be a line of plain words.
fn command(kind: AgentKind, node: &Node, sink: &mut Sink) -> Option<Vec<String>> {
    let argv = match &node.value {
        Value::Text(line) if kind == AgentKind::Acp && !line.contains(|c| "'\"\\$`|&;<>*?~\0".contains(c)) => {
            Some(line.split_whitespace().map(str::to_owned).collect())
        }
        Value::Text(word) if word.contains(char::is_whitespace) => None,
        _ => words(node),
    };
    let argv = argv.filter(|argv| argv.first().is_some_and(|program| !program.trim().is_empty()));
    if argv.is_none() {
        let help = "as in `command: [\"sh\", \"agents/analyst.sh\"]`; a shell's line is `[\"sh\", \"-c\", \"…\"]`";
        sink.wrong("command", node, "a program and its arguments, as a list", help);
    }
    argv
}

/// A list of words, each as it is written; one text is a list of it.
fn words(node: &Node) -> Option<Vec<String>> {
    let fits = |item: &Node| item.scalar().filter(|word| !word.contains('\0'));
    match &node.value {
        Value::List(items) => items.iter().map(fits).collect(),
        Value::Text(_) => fits(node).map(|word| vec![word]),
        _ => None,
    }
}

/// Names of variables.
fn pass_env(node: &Node, sink: &mut Sink) -> Vec<String> {
    let mut names = Vec::new();
    for (name, span) in sink.texts("pass_env", node) {
        let place = Node { value: Value::Text(name.clone()), span };
        if variable(&name, &place, sink) {
            names.push(name);
        }
    }
    names
}

/// Variables with their values.
fn env(node: &Node, sink: &mut Sink) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    for (key, name, value) in sink.names(node, "`env`") {
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
    let (why, help) = match name {
        _ if name.is_empty() || name.contains(['=', '\0']) || name.contains(char::is_whitespace) => {
            ("this is no name of a variable", "as in `CODEX_HOME`: letters, digits and `_`")
        }
        _ if name.starts_with("CHANT_") => ("chant sets its own variables for an agent", "give this one another name"),
        _ => return true,
    };
    sink.error("chant::config::env", why, place.span.clone(), "here", help);
    false
}
