//! YAML with the place of every value: what the parser says a text means, laid beside the text itself.
//!
//! The YAML crate decides what is meant; it keeps neither places nor the digits of `001`. So its values are walked in
//! the order of the text, and each scalar is looked up there. Where the two cannot be laid side by side, a value
//! takes the place of what holds it: spans may become coarse, values never wrong.

use std::cell::Cell;
use std::fmt;
use std::ops::Range;

use serde::de::{self, Deserialize as _, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::place;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What is meant.
    pub value: Value,
    /// Where it is written: bytes of the whole source.
    pub span: Range<usize>,
}

/// What a piece of YAML means. Unlike a map type, it keeps keys that are there twice.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, and how it is written: `001` and `2.10` keep their digits.
    Number(f64, String),
    /// A text, in whatever style.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the text.
    Map(Vec<(Node, Node)>),
}

impl Node {
    fn new(value: Value) -> Self {
        Self { value, span: 0..0 }
    }

    /// The name of the value's type, to be read after "this is".
    pub fn what(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(..) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// A text, or a number or a truth value as it is written; `None` for the rest.
    pub fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) | Value::Number(_, text) => Some(text.clone()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }
}

/// Why a text is no YAML that chant takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    pub help: &'static str,
    /// Where: bytes of the whole source.
    pub span: Range<usize>,
}

/// More than this is no description of a spec or of a project, and the parser is not linear on hostile texts.
pub const LARGEST: usize = 64 * 1024;
/// Brackets deeper than this make the parser quadratic.
const DEEPEST: usize = 64;

/// Reads a part of a source as one YAML document.
///
/// # Errors
/// The first fault of syntax; also a text that is too large, brackets that nest too deep, and anchors or aliases,
/// which can make a small text mean a huge one.
pub fn parse(source: &str, part: Range<usize>) -> Result<Node, Fault> {
    let text = &source[part.clone()];
    let fault = |message: String, help, at: Range<usize>| Fault {
        message,
        help,
        span: part.start + at.start..part.start + at.end,
    };
    if text.len() > LARGEST {
        let message = format!("this is larger than {} KiB", LARGEST / 1024);
        return Err(fault(message, "what is meant for people belongs into the text below", 0..first_line(text)));
    }
    if let Some(at) = too_deep(text) {
        return Err(fault("brackets nest too deep".into(), "", at..at + 1));
    }
    if text.lines().all(|line| line.trim_start().starts_with('#') || line.trim().is_empty()) {
        return Ok(Node { value: Value::Null, span: part });
    }
    let budget = Cell::new(4 * text.len() + 64);
    let read = Reader { budget: &budget }.deserialize(serde_yaml::Deserializer::from_str(text));
    let mut node =
        read.map_err(|error| syntax(text, &error)).map_err(|(message, help, at)| fault(message, help, at))?;
    match place::locate(source, part.clone(), &mut node) {
        Some(anchor) => Err(Fault {
            message: "anchors and aliases are not taken here".into(),
            help: "write the value out; a text that begins with `&` or `*` stands in quotes",
            span: anchor,
        }),
        None => Ok(node),
    }
}

fn first_line(text: &str) -> usize {
    text.find(['\n', '\r']).unwrap_or(text.len())
}

/// Where more brackets are open than any honest text has; those in quotes and comments count too, which does no harm.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    text.bytes().position(|byte| {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > DEEPEST
    })
}

/// The parser's complaint without its place, and its place as a range.
fn syntax(text: &str, error: &serde_yaml::Error) -> (String, &'static str, Range<usize>) {
    let full = error.to_string();
    if full.contains(SPENT) || full.contains("repetition limit") || full.contains("recursion limit") {
        return (SPENT.into(), "write the values out, without anchors and aliases", 0..first_line(text));
    }
    let message = full.split(" at line ").next().unwrap_or(&full);
    let at = error.location().map_or(0, |place| {
        let line = text.split_inclusive('\n').take(place.line().saturating_sub(1)).map(str::len).sum::<usize>();
        let rest = &text[line.min(text.len())..];
        line + rest.char_indices().nth(place.column().saturating_sub(1)).map_or(first_line(rest), |(at, _)| at)
    });
    let at = text.floor_char_boundary(at.min(text.len()));
    let end = text[at..].chars().next().filter(|c| !c.is_control()).map_or(at, |c| at + c.len_utf8());
    (format!("this is not YAML: {message}"), "a text with `: `, ` #` or quotes in it stands in quotes itself", at..end)
}

const SPENT: &str = "this means far more than it says";

/// Builds a [`Node`] and gives up where the values are more than the text could have spelled out.
#[derive(Clone, Copy)]
struct Reader<'a> {
    budget: &'a Cell<usize>,
}

impl Reader<'_> {
    fn spend<E: de::Error>(self, size: usize) -> Result<(), E> {
        let left = self.budget.get().checked_sub(size + 1).ok_or_else(|| E::custom(SPENT))?;
        self.budget.set(left);
        Ok(())
    }

    fn node<E: de::Error>(self, value: Value) -> Result<Node, E> {
        self.spend(if let Value::Text(text) = &value { text.len() } else { 0 })?;
        Ok(Node::new(value))
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Node;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        self.node(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Node, E> {
        self.node(Value::Bool(truth))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Node, E> {
        self.node(Value::Number(number as f64, number.to_string()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Node, E> {
        self.node(Value::Number(number as f64, number.to_string()))
    }

    fn visit_u128<E: de::Error>(self, number: u128) -> Result<Node, E> {
        self.node(Value::Number(number as f64, number.to_string()))
    }

    fn visit_i128<E: de::Error>(self, number: i128) -> Result<Node, E> {
        self.node(Value::Number(number as f64, number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Node, E> {
        self.node(Value::Number(number, number.to_string()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Node, E> {
        self.node(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        self.node(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry_seed(self, self)? {
            entries.push(entry);
        }
        self.node(Value::Map(entries))
    }

    /// A tag of someone's own (`!x`) says nothing here: the value under it counts.
    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Node, A::Error> {
        let (_tag, content) = data.variant_seed(Tag)?;
        content.newtype_variant_seed(self)
    }
}

struct Tag;

impl<'de> DeserializeSeed<'de> for Tag {
    type Value = String;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        String::deserialize(deserializer)
    }
}
