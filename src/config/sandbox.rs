//! `sandbox`: what agents, and programs that they may have written, can touch.
//!
//! `on` and `off` in a word, or its parts: `{ write: […], net: none, pass_env: […] }`, which is `on`.

use std::path::{Path, PathBuf};

use super::{Entry, Origin, Set};
use crate::spec::Severity;
use crate::spec::diagnostic::Sink;
use crate::spec::yaml::{Node, Value};

/// The keys below `sandbox`.
pub(super) const KEYS: [&str; 3] = ["write", "net", "pass_env"];

/// What is in `sandbox`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// Whether it is closed, where the system can.
    pub on: Set<bool>,
    /// What can be written beside worktree and temporary directory: absolute, or beginning with `~/`.
    pub write: Set<Vec<String>>,
    /// Whether the network is shut off.
    pub no_net: Set<bool>,
    /// Globs of the variables that are handed on beside those that always are.
    pub pass_env: Set<Vec<String>>,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self {
            on: Set::default(true),
            write: Set::default(Vec::new()),
            no_net: Set::default(false),
            pass_env: Set::default(Vec::new()),
        }
    }
}

impl Sandbox {
    /// The paths that can be written, `~` resolved. Where there is no home, those in it are left out.
    pub fn paths(&self, home: Option<&Path>) -> Vec<PathBuf> {
        self.write.value.iter().filter_map(|path| resolved(path, home)).collect()
    }

    /// What stands under `sandbox` in the file.
    pub(super) fn read(&mut self, node: &Node, origin: &dyn Fn(&Node) -> Origin, place: &Node, sink: &mut Sink) {
        let Value::Map(parts) = &node.value else { return self.take("sandbox", node, origin(place), sink) };
        for (key, name, value) in sink.entries(node, "`sandbox`", &KEYS, Severity::Error) {
            self.take(&format!("sandbox.{name}"), value, origin(key), sink);
        }
        // Who says how is to be shut in wants it shut in.
        let said = [&self.write.origin, &self.no_net.origin, &self.pass_env.origin];
        if parts.is_empty() || said.iter().any(|origin| **origin != Origin::Default) {
            self.on = Set { value: true, origin: origin(place) };
        }
    }

    /// Takes one value; what is wrong with it goes to the sink, and the value before stays.
    pub(super) fn take(&mut self, key: &str, node: &Node, origin: Origin, sink: &mut Sink) {
        match key {
            "sandbox" => super::load::set(&mut self.on, switch(key, node, sink), origin),
            "sandbox.net" => {
                let words = [("none", true), ("shared", false)];
                super::load::set(&mut self.no_net, sink.word("net", node, &words), origin);
            }
            "sandbox.write" => super::load::set(&mut self.write, Some(writable(node, sink)), origin),
            _ => super::load::set(&mut self.pass_env, Some(globs(node, sink)), origin),
        }
    }

    /// One line for each, for people.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let entry =
            |key: &str, value: String, origin: &Origin| Entry { key: key.to_owned(), value, origin: origin.clone() };
        let list = |items: &[String]| if items.is_empty() { "(none)".to_owned() } else { items.join(", ") };
        vec![
            entry("sandbox", if self.on.value { "on" } else { "off" }.to_owned(), &self.on.origin),
            entry("sandbox.write", list(&self.write.value), &self.write.origin),
            entry("sandbox.net", if self.no_net.value { "none" } else { "shared" }.to_owned(), &self.no_net.origin),
            entry("sandbox.pass_env", list(&self.pass_env.value), &self.pass_env.origin),
        ]
    }
}

/// A path of the settings, `~` resolved; nothing where it is in a home that is not there.
pub fn resolved(path: &str, home: Option<&Path>) -> Option<PathBuf> {
    match path.strip_prefix('~') {
        Some(rest) => home.map(|home| home.join(rest.trim_start_matches('/'))),
        None => Some(PathBuf::from(path)),
    }
}

/// `on` or `off`, as YAML or `git config` spell a truth.
fn switch(key: &str, node: &Node, sink: &mut Sink) -> Option<bool> {
    if let Value::Bool(truth) = node.value {
        return Some(truth);
    }
    if matches!(node.value, Value::List(_) | Value::Number(..)) {
        sink.wrong(key, node, "`on`, `off` or its parts", "as in `sandbox: { write: [~/.cache/pip], net: none }`");
        return None;
    }
    let words = [("on", true), ("off", false), ("true", true), ("false", false)];
    sink.word(key, node, &words)
}

fn writable(node: &Node, sink: &mut Sink) -> Vec<String> {
    let mut paths = Vec::new();
    for (path, span) in sink.texts("write", node) {
        let inner = path.strip_prefix('~').unwrap_or(&path);
        if !inner.starts_with('/') && path != "~" {
            let help = "the worktree is open anyway; as in `~/.cache/pip` or `/var/cache/ccache`";
            sink.error("chant::config::path", "`write` wants paths from `/` or `~/`", span, "this path", help);
        } else if inner.split('/').all(|part| matches!(part, "" | ".")) {
            let help = "name what is needed, as in `~/.cache/pip`; `sandbox: off` opens everything, in words";
            let message = "`write` would open the user's hooks, settings and repositories to every agent";
            sink.error("chant::config::path", message, span, "this opens all below it", help);
        } else if inner.split('/').any(|part| part == "..") {
            let help = "write the path that it leads to";
            sink.error("chant::config::path", "`write` wants a path without `..`", span, "this path", help);
        } else if inner.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
            let help = "Git runs hooks from there, and obeys settings; name what is needed, as in `~/.cache/pip`";
            let message = "`write` would open a repository's own directory to every agent";
            sink.error("chant::config::path", message, span, "this path", help);
        } else {
            paths.push(path);
        }
    }
    paths
}

fn globs(node: &Node, sink: &mut Sink) -> Vec<String> {
    let mut names = Vec::new();
    for (name, span) in sink.texts("pass_env", node) {
        match globset::Glob::new(&name) {
            Ok(_) if !name.contains(['=', ' ']) => names.push(name),
            _ => sink.error(
                "chant::config::env",
                "`pass_env` wants names of variables",
                span,
                "this name",
                "as in `ANTHROPIC_API_KEY` or `AWS_*`",
            ),
        }
    }
    names
}
