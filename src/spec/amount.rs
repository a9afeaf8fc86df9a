//! Counts, figures and lengths of time, and what is said of a value that is none of them: that it is zero, too large, or
//! nothing of the kind, with the reason why.

use std::time::Duration;

use super::diagnostic::Sink;
use super::duration::parse_duration;
use super::yaml::{Node, Value};

/// The longest time that may be said. What shall never end has no need of more, and clocks can add it without running over.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// What is said beside a zero where none can be meant.
pub(super) const ZERO: &str = "zero is not allowed";

/// Why zero is not allowed, and what to write instead, by key.
const WHY_NOT_ZERO: [(&str, &str); 10] = [
    (
        "timeout",
        "in no time at all nothing can be done; 60m is what holds where nothing is said, and `7d` is a long one",
    ),
    ("idle", "an agent would be ended before its first word; leave `idle` out where it may be silent for ever"),
    ("lease", "every claim could be taken over at once; 1h is what holds where nothing is said"),
    ("jobs", "nothing would ever run; leave `jobs` out for 4"),
    ("limit", "the agent would never run; take it out of `rotation`, or leave `limit` out for no limit of its own"),
    ("weight", "an agent without a share is never chosen; take it out of `rotation` instead"),
    ("max_turns", "the model would never be asked; leave it out for 200"),
    ("review.count", "that is no review; leave `count` out for 1"),
    ("depends_on", "members are counted from 1"),
    ("budget", "nothing can be done for nothing; leave the line out where there is no limit"),
];

/// Why zero is not allowed under a key.
pub(super) fn why_not_zero(key: &str) -> &'static str {
    WHY_NOT_ZERO.iter().find(|(name, _)| *name == key).map_or("", |(_, why)| why)
}

/// What a text is that should have been an amount above zero: zero, less, or too much; nothing where it is no number at all.
pub(super) fn instead(text: &str) -> Option<&'static str> {
    let text = text.trim();
    let figure = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits: String = figure.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | '_')).collect();
    if text.is_empty() {
        Some("this is empty")
    } else if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        None
    } else if digits.trim_matches(['0', '.', '_']).is_empty() {
        Some(ZERO)
    } else if text.starts_with('-') {
        Some("this is below zero")
    } else {
        None
    }
}

impl Sink {
    /// A whole number from `least` on.
    pub fn count(&mut self, key: &str, node: &Node, least: u32) -> Option<u32> {
        if node.value == Value::Null {
            return None;
        }
        let text = node.scalar();
        let number = text.as_deref().and_then(whole).filter(|n| *n >= least);
        if number.is_none() {
            let wanted = format!("a whole number from {least} on");
            let large =
                text.as_deref().is_some_and(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
            match text.as_deref().and_then(instead) {
                Some(ZERO) => self.unfit(key, node, &wanted, ZERO, why_not_zero(key)),
                Some(label) => self.unfit(key, node, &wanted, label, ""),
                None if large => self.unfit(key, node, &wanted, "this is too large", &format!("at most {}", u32::MAX)),
                None => self.wrong(key, node, &wanted, "as in `3`"),
            }
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

    /// A length of time above nothing, of a year at most.
    pub fn duration(&mut self, key: &str, node: &Node) -> Option<Duration> {
        const WANTED: &str = "a length of time";
        const HELP: &str = "as in `90s`, `60m`, `1h30m`; a plain number counts seconds";
        if node.value == Value::Null {
            return None;
        }
        let text = node.scalar();
        let read = text.as_deref().and_then(parse_duration);
        match read {
            Some(duration) if duration.is_zero() => self.unfit(key, node, WANTED, ZERO, why_not_zero(key)),
            Some(duration) if duration > LONGEST => {
                self.unfit(key, node, WANTED, "this is longer than a year", "at most `365d`");
            }
            Some(duration) => return Some(duration),
            None => match text.as_deref().and_then(instead) {
                Some(label) => self.unfit(key, node, WANTED, label, HELP),
                None => self.wrong(key, node, WANTED, HELP),
            },
        }
        None
    }
}

/// Digits alone, as a number.
fn whole(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Source;
    use proptest::prelude::*;

    /// What is said beside a value, and what to do about it.
    fn said(key: &str, text: &str, read: impl Fn(&mut Sink, &Node) -> bool) -> (String, String) {
        let mut sink = Sink::new(&Source::new("x", text));
        let node = Node { value: Value::Text(text.to_owned()), span: 0..text.len() };
        assert!(!read(&mut sink, &node), "{key}: {text} was taken");
        let one = sink.finish().pop().unwrap();
        assert_eq!(one.labels[0].0, 0..text.len(), "{key}: {text} is underlined");
        (one.labels[0].1.clone(), one.help.unwrap_or_default())
    }

    #[test]
    fn zero_is_not_allowed_and_it_is_said_why() {
        for (key, part) in
            [("timeout", "nothing can be done"), ("idle", "before its first word"), ("lease", "taken over")]
        {
            for zero in ["0", "0s", "0h0m"] {
                let (label, help) = said(key, zero, |sink, node| sink.duration(key, node).is_some());
                assert!(label == ZERO && help.contains(part), "{key}: {zero}: {label}, {help}");
            }
        }
        for key in ["jobs", "limit", "weight", "max_turns", "review.count"] {
            let (label, help) = said(key, "0", |sink, node| sink.count(key, node, 1).is_some());
            assert!(label == ZERO && help.len() > 10, "{key}: {label}, {help}");
        }
    }

    #[test]
    fn what_is_below_zero_or_too_large_or_empty_is_called_so() {
        let duration = |text| said("idle", text, |sink, node| sink.duration("idle", node).is_some()).0;
        assert_eq!(duration("-5"), "this is below zero");
        assert_eq!(duration("99999999999d"), "this is longer than a year");
        assert_eq!(duration(""), "this is empty");
        assert_eq!(duration("soon"), "this is a text");
        let count = |text| said("jobs", text, |sink, node| sink.count("jobs", node, 1).is_some()).0;
        assert_eq!(count("-1"), "this is below zero");
        assert_eq!(count("99999999999"), "this is too large");
        assert_eq!(count("1.5"), "this is a text");
    }

    proptest! {
        #[test]
        fn a_value_is_taken_or_one_thing_is_said_of_it(text in any::<String>()) {
            let mut sink = Sink::new(&Source::new("x", &text));
            let node = Node { value: Value::Text(text.clone()), span: 0..text.len() };
            let taken = usize::from(sink.duration("idle", &node).is_some()) + usize::from(sink.count("jobs", &node, 1).is_some());
            prop_assert_eq!(taken + sink.finish().len(), 2);
        }
    }
}
