//! From the file, `git config`, the environment and flags to [`Settings`].

use super::{AgentKind, Conflicts, Flags, ForgeKind, Landing, Origin, Overlap, Set, Settings, Trust, proving};
use crate::env::Vars;
use crate::spec::diagnostic::Sink;
use crate::spec::near::nearest;
use crate::spec::yaml::{self, Node, Value};
use crate::spec::{Diagnostic, Project, Severity, Source, check_glob, read_budget};

const KEYS: [&str; 25] = [
    "project",
    "target",
    "agent",
    "rotation",
    "prompt",
    "jobs",
    "land",
    "timeout",
    "idle",
    "budget",
    "retries",
    "remote",
    "lease",
    "forge",
    "trust",
    "review",
    "overlap",
    "conflicts",
    "transcripts",
    "red_first",
    "frozen",
    "strict",
    "agents",
    "worktree",
    "sandbox",
];
const REVIEW: [&str; 3] = ["approvers", "count", "self"];
const WORKTREE: [&str; 3] = ["dir", "setup", "keep"];
/// What each user may say otherwise than the file.
const OVERRIDES: [&str; 24] = [
    "target",
    "agent",
    "rotation",
    "prompt",
    "jobs",
    "land",
    "timeout",
    "idle",
    "budget",
    "retries",
    "remote",
    "lease",
    "overlap",
    "conflicts",
    "transcripts",
    "forge",
    "forge.url",
    "worktree.dir",
    "worktree.setup",
    "worktree.keep",
    "sandbox",
    "sandbox.write",
    "sandbox.net",
    "sandbox.pass_env",
];

impl Settings {
    /// Reads the file (its name and bytes) where there is one, and puts `git config chant.<key>`, the environment's
    /// `CHANT_<KEY>` and flags over it, in this order. Says everything that is wrong at once; where there is an error
    /// the settings are not to be used.
    pub fn load(
        file: Option<(&str, &[u8])>,
        git: &dyn Fn(&str) -> Option<String>,
        vars: &Vars,
        flags: &Flags,
    ) -> (Self, Vec<Diagnostic>) {
        let mut settings = Self::default();
        let mut said = Vec::new();
        let source = file.map(|(name, bytes)| Source::new(name, &String::from_utf8_lossy(bytes)));
        if let (Some((_, bytes)), Some(source)) = (file, &source) {
            let mut sink = Sink::new(source);
            sink.utf8(bytes);
            settings.read_file(source, &mut sink);
            said.extend(sink.finish());
        }
        for key in OVERRIDES {
            // Git allows no underscore in a key.
            let name = format!("chant.{}", key.replace('_', ""));
            if let Some(value) = git(&name) {
                said.extend(settings.put(key, value.as_bytes(), Origin::Git(name)));
            }
            let name = format!("CHANT_{}", key.replace('.', "_").to_uppercase());
            // A run tells its agent the target: that is no wish of the user's.
            let own = key == "target" && vars.get("CHANT_RUN").is_some();
            if let Some(value) = vars.get(&name).filter(|_| !own) {
                said.extend(settings.put(key, value.as_encoded_bytes(), Origin::Env(name)));
            }
        }
        settings.put_flags(flags);
        said.extend(settings.unknown_agent(source.as_ref()));
        let typed = |origin: &Origin| match origin {
            Origin::Git(name) => git(name),
            Origin::Env(name) => vars.get(name).map(|value| value.to_string_lossy().into_owned()),
            _ => None,
        };
        said.extend(super::agent::unusable(&settings, source.as_ref(), &typed));
        (settings, said)
    }

    fn read_file(&mut self, source: &Source, sink: &mut Sink) {
        let start = if source.text.starts_with('\u{feff}') { 3 } else { 0 };
        let node = match yaml::parse(&source.text, start..source.text.len()) {
            Ok(node) => node,
            Err(fault) => return sink.fault(fault),
        };
        let origin = |key: &Node| Origin::File { name: source.name.to_string(), line: source.line(key.span.start) };
        for (key, name, value) in sink.entries(&node, "the config", &KEYS, Severity::Warning) {
            match name.as_str() {
                "agents" => {
                    for (key, name, value) in sink.names(value, "`agents`") {
                        let agent = super::agent::read(&name, key, value, origin(key), sink);
                        self.agents.insert(name, agent);
                    }
                }
                // Below the top nothing is passed over: what is meant there changes how agents are run.
                "worktree" => {
                    for (key, name, value) in sink.entries(value, "`worktree`", &WORKTREE, Severity::Error) {
                        self.take(&format!("worktree.{name}"), value, origin(key), sink);
                    }
                }
                "sandbox" => self.sandbox.read(value, &origin, key, sink),
                "review" => {
                    for (key, name, value) in sink.entries(value, "`review`", &REVIEW, Severity::Error) {
                        self.take(&format!("review.{name}"), value, origin(key), sink);
                    }
                }
                name => self.take(name, value, origin(key), sink),
            }
        }
    }

    /// One value from outside the file.
    fn put(&mut self, key: &str, bytes: &[u8], origin: Origin) -> Vec<Diagnostic> {
        let value = String::from_utf8_lossy(bytes);
        let mut sink = Sink::new(&Source::new(&origin.to_string(), &value));
        sink.utf8(bytes);
        match (key, value.is_empty()) {
            // Nothing takes back what the file says.
            ("target", true) => self.target = Set { value: None, origin },
            ("prompt", true) => self.prompt = Set { value: None, origin },
            ("agent", true) => self.agent = Set { value: None, origin },
            ("forge.url", true) => self.forge_url = Set { value: None, origin },
            ("remote", true) => self.remote = Set { value: None, origin },
            ("worktree.setup", true) => self.worktree_setup = Set { value: None, origin },
            ("worktree.keep" | "rotation" | "sandbox.write" | "sandbox.pass_env", _) => {
                self.take(key, &items(&value), origin, &mut sink)
            }
            // As the file has it, for it may be of several parts.
            ("budget", false) if value.trim_start().starts_with('{') => match yaml::parse(&value, 0..value.len()) {
                Ok(node) => self.take(key, &node, origin, &mut sink),
                Err(fault) => sink.fault(fault),
            },
            _ => {
                let node = Node { value: Value::Text(value.to_string()), span: 0..value.len() };
                self.take(key, &node, origin, &mut sink);
            }
        }
        sink.finish()
    }

    fn put_flags(&mut self, flags: &Flags) {
        set(&mut self.target, flags.target.clone().map(Some), Origin::Flag("--target"));
        set(&mut self.agent, flags.agent.clone().map(Some), Origin::Flag("--agent"));
        set(&mut self.jobs, flags.jobs, Origin::Flag("--jobs"));
        set(&mut self.land, flags.land, Origin::Flag("--land"));
        set(&mut self.timeout, flags.timeout, Origin::Flag("--timeout"));
        set(&mut self.retries, flags.retries, Origin::Flag("--retries"));
        let remote = flags.remote.clone().map(|name| Some(name).filter(|name| !name.is_empty()));
        set(&mut self.remote, remote, Origin::Flag("--remote"));
    }

    /// Takes one value; what is wrong with it goes to the sink, and the value before stays.
    fn take(&mut self, key: &str, node: &Node, origin: Origin, sink: &mut Sink) {
        match key {
            "project" => set(&mut self.project, project(node, sink).map(Some), origin),
            "target" => set(&mut self.target, sink.branch(key, node).map(Some), origin),
            "agent" => set(&mut self.agent, sink.text(key, node).map(Some), origin),
            "prompt" => set(&mut self.prompt, sink.text(key, node).map(Some), origin),
            "jobs" => set(&mut self.jobs, sink.count(key, node, 1).and_then(|n| usize::try_from(n).ok()), origin),
            "land" => set(&mut self.land, land(node, sink), origin),
            "timeout" => set(&mut self.timeout, sink.duration(key, node), origin),
            "idle" => set(&mut self.idle, sink.duration(key, node).map(Some), origin),
            "budget" => set(&mut self.budget, read_budget(node, &["attempt", "spec", "run"], sink), origin),
            "rotation" => set(&mut self.rotation, rotation(node, sink), origin),
            "retries" => set(&mut self.retries, sink.count(key, node, 0), origin),
            "remote" => set(&mut self.remote, sink.text(key, node).map(Some), origin),
            "lease" => set(&mut self.lease, sink.duration(key, node), origin),
            "forge" => set(&mut self.forge, forge(node, sink).map(Some), origin),
            "forge.url" => set(&mut self.forge_url, web_address(key, node, sink).map(Some), origin),
            "trust" => set(&mut self.trust, trust(node, sink), origin),
            "review.approvers" => set(&mut self.review_approvers, Some(approvers(key, node, sink)), origin),
            "review.count" => set(&mut self.review_count, sink.count(key, node, 1), origin),
            "review.self" => set(&mut self.review_self, truth(key, node, sink), origin),
            "overlap" => set(&mut self.overlap, overlap(node, sink), origin),
            "conflicts" => set(&mut self.conflicts, conflicts(node, sink), origin),
            "transcripts" => set(&mut self.transcripts, size(key, node, sink), origin),
            "red_first" => set(&mut self.proving.red_first, proving::red_first(node, sink), origin),
            "frozen" | "strict" if node.value == Value::Null => {}
            "frozen" => set(&mut self.proving.frozen, Some(globs(key, node, sink)), origin),
            "strict" => set(&mut self.proving.strict, truth(key, node, sink), origin),
            "worktree.dir" => set(&mut self.worktree_dir, place(key, node, sink), origin),
            "worktree.setup" => set(&mut self.worktree_setup, script(key, node, sink).map(Some), origin),
            key if key.starts_with("sandbox") => self.sandbox.take(key, node, origin, sink),
            _ => set(&mut self.worktree_keep, Some(globs(key, node, sink)), origin),
        }
    }

    /// The default agent must be one that exists. A warning: most commands need no agent, and those that do refuse.
    fn unknown_agent(&self, file: Option<&Source>) -> Option<Diagnostic> {
        let name = self.agent.value.as_deref()?;
        let built_in = AgentKind::ALL.map(AgentKind::as_str).into_iter().filter(|name| *name != "command");
        if AgentKind::built_in(name).is_some() || self.agents.contains_key(name) {
            return None;
        }
        let (source, span) = super::agent::placed(&self.agent.origin, file, name, name);
        let help = match nearest(name, self.agents.keys().map(String::as_str).chain(built_in)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name it under `agents:` in .chant/config.yaml, with its command".to_owned(),
        };
        let warning = Diagnostic::warning("chant::config::agent", &source, "the default agent is not configured");
        Some(warning.label(span, "no agent has this name").help(help))
    }
}

pub(super) fn set<T>(slot: &mut Set<T>, value: Option<T>, origin: Origin) {
    if let Some(value) = value {
        *slot = Set { value, origin };
    }
}

/// `a, b` as a list, each item with its place.
fn items(text: &str) -> Node {
    let mut at = 0;
    let mut items = Vec::new();
    for part in text.split(',') {
        let word = part.trim();
        let start = at + (part.len() - part.trim_start().len());
        if !word.is_empty() {
            items.push(Node { value: Value::Text(word.to_owned()), span: start..start + word.len() });
        }
        at += part.len() + 1;
    }
    Node { value: Value::List(items), span: 0..text.len() }
}

fn project(node: &Node, sink: &mut Sink) -> Option<Project> {
    match sink.text("project", node)?.parse::<Project>() {
        Ok(project) => Some(project),
        Err(error) => {
            let help = "use letters, digits, `-`, `_` and single dots";
            sink.error("chant::config::project", error.to_string(), node.span.clone(), "this name", help);
            None
        }
    }
}

/// Names of agents, each once: how often its turn comes is its weight.
fn rotation(node: &Node, sink: &mut Sink) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for (name, span) in sink.texts("rotation", node) {
        if names.contains(&name) {
            let help = format!("to have its turn come more often: `{name}: {{ weight: 2 }}` under `agents:`");
            sink.error(
                "chant::config::rotation",
                format!("`{name}` is in the rotation twice"),
                span,
                "again here",
                &help,
            );
        } else {
            names.push(name);
        }
    }
    Some(names).filter(|_| node.value != Value::Null)
}

fn land(node: &Node, sink: &mut Sink) -> Option<Landing> {
    let words = [Landing::Auto, Landing::Review, Landing::Pr].map(|landing| (landing.as_str(), landing));
    sink.word("land", node, &words)
}

fn overlap(node: &Node, sink: &mut Sink) -> Option<Overlap> {
    sink.word("overlap", node, &[Overlap::Show, Overlap::Serialize].map(|what| (what.as_str(), what)))
}

fn conflicts(node: &Node, sink: &mut Sink) -> Option<Conflicts> {
    sink.word("conflicts", node, &[Conflicts::Keep, Conflicts::Retry].map(|what| (what.as_str(), what)))
}

fn forge(node: &Node, sink: &mut Sink) -> Option<ForgeKind> {
    sink.word("forge", node, &ForgeKind::ALL.map(|kind| (kind.as_str(), kind)))
}

fn trust(node: &Node, sink: &mut Sink) -> Option<Trust> {
    sink.word("trust", node, &[Trust::Any, Trust::Signed].map(|trust| (trust.as_str(), trust)))
}

fn web_address(key: &str, node: &Node, sink: &mut Sink) -> Option<String> {
    let text = sink.text(key, node)?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let usable = |rest: &str| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(['@', '?', '#', ' ']);
    if rest.is_some_and(usable) {
        return Some(text);
    }
    sink.wrong(key, node, "the address of an API", "as in `https://github.example.org/api/v3`, without a password");
    None
}

/// A number of bytes.
fn size(key: &str, node: &Node, sink: &mut Sink) -> Option<u64> {
    let text = sink.text(key, node)?;
    let size = super::size::parse(&text);
    if size.is_none() {
        sink.wrong(key, node, "a size", "as in `4MiB`, `500k` or `none`");
    }
    size
}

/// A directory of its own, in which others are made and deleted.
fn place(key: &str, node: &Node, sink: &mut Sink) -> Option<String> {
    let dir = sink.text(key, node)?;
    let mut parts = dir.split('/').filter(|part| !matches!(*part, "" | "."));
    let why = match parts.clone().next() {
        None => "worktrees would lie among your own files",
        Some(_) if parts.any(|part| part.eq_ignore_ascii_case(".git")) => "that is Git's own directory",
        Some(_) => return Some(dir),
    };
    sink.unfit(key, node, "a directory that holds nothing else", why, "as in `.chant/worktrees` or `../worktrees`");
    None
}

/// A shell command, which may take several lines.
fn script(key: &str, node: &Node, sink: &mut Sink) -> Option<String> {
    match &node.value {
        Value::Null => None,
        Value::Text(text) if !text.trim().is_empty() && !text.contains('\0') => Some(text.clone()),
        _ => {
            sink.wrong(key, node, "a shell command", "as in `setup: \"npm ci\"`");
            None
        }
    }
}

fn truth(key: &str, node: &Node, sink: &mut Sink) -> Option<bool> {
    if let Value::Bool(truth) = node.value {
        return Some(truth);
    }
    sink.wrong(
        key,
        node,
        "true or false",
        &format!("as in `{}: true`, without quotes", key.rsplit('.').next().unwrap_or(key)),
    );
    None
}

/// Globs of mail addresses.
fn approvers(key: &str, node: &Node, sink: &mut Sink) -> Vec<String> {
    let mut who = Vec::new();
    for (pattern, span) in sink.texts(key, node) {
        match globset::Glob::new(&pattern) {
            Ok(_) if pattern.contains(['@', '*']) => who.push(pattern),
            Ok(_) => {
                let help = "as in `ada@example.org` or `*@example.org`";
                sink.error("chant::config::review", "this is no mail address", span, "no `@` and no `*`", help);
            }
            Err(error) => {
                let help = "`*` stands for any characters, as in `*@example.org`";
                sink.error("chant::config::review", format!("`{key}`: {}", error.kind()), span, "this pattern", help);
            }
        }
    }
    who
}

/// Globs of paths in a worktree.
fn globs(key: &str, node: &Node, sink: &mut Sink) -> Vec<String> {
    let mut globs = Vec::new();
    for (pattern, span) in sink.texts(key, node) {
        match check_glob(&pattern) {
            Ok(_) => globs.push(pattern),
            Err(why) => {
                let help = "paths are relative to the worktree, and stay in it";
                sink.error("chant::config::path", format!("`{key}`: {why}"), span, "this path", help);
            }
        }
    }
    globs
}

/// The name that a config gives its project, whatever else is wrong with it.
pub fn project_name(bytes: &[u8]) -> Option<Project> {
    let (settings, _) = Settings::load(Some(("", bytes)), &|_| None, &Vars::default(), &Flags::default());
    settings.project.value
}

/// What a config says of whose events count, whatever it says else; `None` where it cannot be used.
pub fn trust_in(bytes: &[u8]) -> Option<Trust> {
    let (settings, said) = Settings::load(Some(("", bytes)), &|_| None, &Vars::default(), &Flags::default());
    said.iter().all(|d| d.severity != Severity::Error).then_some(settings.trust.value)
}
