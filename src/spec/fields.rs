//! Reading YAML values by hand, so that every fault is said at once and underlined. The config uses it as well.

use std::ops::Range;
use std::time::Duration;

use super::diagnostic::{Diagnostic, Severity, Sink};
use super::duration::parse_duration;
use super::id::invisible;
use super::near::nearest;
use super::yaml::{Fault, Node, Value};

const WRONG: &str = "chant::wrong_type";

/// A value read from a key that may hold one text or a list of them.
pub(crate) type Placed = (String, Range<usize>);

impl Sink {
    /// Says where the bytes, of which the source is a lossy reading, are no UTF-8.
    pub fn utf8(&mut self, bytes: &[u8]) {
        let Err(error) = std::str::from_utf8(bytes) else { return };
        let at = error.valid_up_to();
        let line = self.source().line(at);
        let message = format!("this is not UTF-8: byte {at}, on line {line}, is 0x{:02x}", bytes.get(at).unwrap_or(&0));
        self.error("chant::utf8", message, at..at + 1, "here", "save it as UTF-8");
    }

    /// A text that is no YAML.
    pub fn fault(&mut self, fault: Fault) {
        self.error("chant::yaml", fault.message, fault.span, "here", fault.help);
    }

    /// A value of the wrong type.
    pub fn wrong(&mut self, key: &str, node: &Node, wanted: &str, help: &str) {
        let label = format!("this is {}", node.what());
        self.error(WRONG, format!("`{key}` wants {wanted}"), node.span.clone(), &label, help);
    }

    /// The entries of a mapping by name, each name once. Duplicates are errors, unknown names are said with the
    /// nearest known one, and both are left out.
    pub fn entries<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[&str],
        unknown: Severity,
    ) -> Vec<(&'n Node, String, &'n Node)> {
        let mut entries: Vec<(&Node, String, &Node)> = Vec::new();
        for (key, name, value) in self.names(node, what) {
            if known.contains(&name.as_str()) {
                entries.push((key, name, value));
            } else {
                self.unknown(&name, key, what, known, unknown);
            }
        }
        entries
    }

    /// The entries of a mapping whose names are anyone's to choose, each name once.
    pub fn names<'n>(&mut self, node: &'n Node, what: &str) -> Vec<(&'n Node, String, &'n Node)> {
        let Value::Map(map) = &node.value else {
            if node.value != Value::Null {
                self.wrong(what, node, "`key: value` pairs", "");
            }
            return Vec::new();
        };
        let mut first = std::collections::HashMap::new();
        let mut entries: Vec<(&Node, String, &Node)> = Vec::new();
        for (key, value) in map {
            let Some(name) = key.scalar() else {
                self.wrong(what, key, "names as its keys", "");
                continue;
            };
            match first.insert(name.clone(), &key.span) {
                None => entries.push((key, name, value)),
                Some(before) => {
                    let message = format!("`{}` is there twice", shown(&name));
                    let twice = Diagnostic::error("chant::duplicate_key", self.source(), message);
                    let twice = twice.label(before.clone(), "first here").label(key.span.clone(), "again here");
                    self.push(twice.help("keep one of them"));
                }
            }
        }
        entries
    }

    fn unknown(&mut self, name: &str, key: &Node, what: &str, known: &[&str], severity: Severity) {
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", known.join(", ")),
        };
        let message = format!("{what} knows no key `{}`", shown(name));
        let base = match severity {
            Severity::Error => Diagnostic::error("chant::unknown_key", self.source(), message),
            Severity::Warning => Diagnostic::warning("chant::unknown_key", self.source(), message),
        };
        self.push(base.label(key.span.clone(), "unknown").help(help));
    }

    /// A text of one line that says something; nothing where the value is absent or wrong.
    pub fn text(&mut self, key: &str, node: &Node) -> Option<String> {
        let text = match &node.value {
            Value::Null => return None,
            Value::Text(_) | Value::Number(..) => node.scalar().unwrap_or_default(),
            Value::Bool(_) | Value::List(_) | Value::Map(_) => {
                self.wrong(key, node, "a text", "a word that YAML reads as something else stands in quotes");
                return None;
            }
        };
        let text = text.trim();
        if text.is_empty() || text.contains(char::is_control) {
            let label = if text.is_empty() { "this is empty" } else { "this holds control characters" };
            self.error(WRONG, format!("`{key}` wants a text on one line"), node.span.clone(), label, "");
            return None;
        }
        Some(text.to_owned())
    }

    /// One text or a list of texts, each with its place.
    pub fn texts(&mut self, key: &str, node: &Node) -> Vec<Placed> {
        match &node.value {
            Value::List(items) => items.iter().filter_map(|item| self.item(key, item)).collect(),
            Value::Map(_) | Value::Bool(_) => {
                self.wrong(key, node, "a text or a list of texts", &format!("as in `{key}: [one, two]`"));
                Vec::new()
            }
            _ => self.text(key, node).map(|text| (text, node.span.clone())).into_iter().collect(),
        }
    }

    fn item(&mut self, key: &str, item: &Node) -> Option<Placed> {
        if item.value == Value::Null {
            self.wrong(key, item, "a text in each place of its list", "");
            return None;
        }
        Some((self.text(key, item)?, item.span.clone()))
    }

    /// A whole number from `least` on.
    pub fn count(&mut self, key: &str, node: &Node, least: u32) -> Option<u32> {
        if node.value == Value::Null {
            return None;
        }
        let number = node.scalar().and_then(|text| whole(&text)).filter(|n| *n >= least);
        if number.is_none() {
            self.wrong(key, node, &format!("a whole number from {least} on"), "");
        }
        number
    }

    /// A number that is neither infinite nor none.
    pub fn number(&mut self, key: &str, node: &Node) -> Option<f64> {
        match node.value {
            Value::Null => None,
            Value::Number(number, _) if number.is_finite() => Some(number),
            _ => {
                self.wrong(key, node, "a number", "a unit has its own key: `unit: pp`");
                None
            }
        }
    }

    /// A length of time above nothing.
    pub fn duration(&mut self, key: &str, node: &Node) -> Option<Duration> {
        if node.value == Value::Null {
            return None;
        }
        let duration = node.scalar().and_then(|text| parse_duration(&text)).filter(|d| !d.is_zero());
        if duration.is_none() {
            self.wrong(key, node, "a length of time", "as in `90s`, `60m`, `1h30m`; a plain number counts seconds");
        }
        duration
    }

    /// One word of a fixed few.
    pub fn word<T: Copy>(&mut self, key: &str, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key, node)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let help = match nearest(&text, all.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it takes {}", all.join(", ")),
            };
            self.error(WRONG, format!("`{key}` does not take `{}`", shown(&text)), node.span.clone(), "unknown", &help);
        }
        found
    }
}

/// Digits alone, as a number.
fn whole(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
}

/// A name that someone chose, in a form that fits a line of a terminal.
fn shown(name: &str) -> String {
    let mut shown: String = name.chars().filter(|&c| !c.is_control() && !invisible(c)).take(40).collect();
    if shown.len() < name.len() {
        shown.push('…');
    }
    shown
}
