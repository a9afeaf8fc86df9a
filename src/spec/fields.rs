//! Reading YAML values by hand, so that every fault is said at once and underlined. The config uses it as well.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Severity, Sink};
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
        self.unfit(key, node, wanted, &format!("this is {}", node.what()), help);
    }

    /// A value that is of the right type, and still none that can be meant.
    pub fn unfit(&mut self, key: &str, node: &Node, wanted: &str, label: &str, help: &str) {
        self.error(WRONG, format!("`{key}` wants {wanted}"), node.span.clone(), label, help);
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
                let label = format!("this is {}", node.what());
                let help = "one a line below it, or between braces: `{ key: value }`";
                self.error(WRONG, format!("{what} wants `key: value` pairs"), node.span.clone(), &label, help);
            }
            return Vec::new();
        };
        let mut first = std::collections::HashMap::new();
        let mut entries: Vec<(&Node, String, &Node)> = Vec::new();
        for (key, value) in map {
            let Some(name) = key.scalar() else {
                let label = format!("this is {}", key.what());
                self.error(WRONG, format!("{what} wants names as its keys"), key.span.clone(), &label, "");
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
            let (label, help) = match text.is_empty() {
                true => ("this is empty", "leave it out where there is nothing to say"),
                false => ("this holds control characters", ""),
            };
            self.unfit(key, node, "a text on one line", label, help);
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

    /// One word of a fixed few.
    pub fn word<T: Copy>(&mut self, key: &str, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let takes = format!("it takes {}", all.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "));
        if matches!(node.value, Value::Bool(_) | Value::List(_) | Value::Map(_)) {
            self.wrong(key, node, if all.len() == 1 { "one word" } else { "one word of a few" }, &takes);
            return None;
        }
        let text = self.text(key, node)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let help = match nearest(&text, all.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => takes,
            };
            self.error(WRONG, format!("`{key}` does not take `{}`", shown(&text)), node.span.clone(), "unknown", &help);
        }
        found
    }
}

/// A name that someone chose, in a form that fits a line of a terminal.
fn shown(name: &str) -> String {
    let mut shown: String = name.chars().filter(|&c| !c.is_control() && !invisible(c)).take(40).collect();
    if shown.len() < name.len() {
        shown.push('…');
    }
    shown
}
