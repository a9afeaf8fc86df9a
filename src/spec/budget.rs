//! What work may cost: `2.50 usd`, `500k tokens`, or both.

use serde::{Deserialize, Serialize};

use super::amount::{ZERO, instead, why_not_zero};
use super::diagnostic::{Severity, Sink};
use super::yaml::{Node, Value};

/// Limits of one kind of whole; nothing where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// Millionths of a dollar.
    pub usd: Option<u64>,
    /// Tokens, sent and received.
    pub tokens: Option<u64>,
}

impl Cap {
    /// Whether nothing is limited.
    pub fn is_empty(self) -> bool {
        self.usd.is_none() && self.tokens.is_none()
    }

    /// What is left when so much is used.
    #[must_use]
    pub fn less(self, usd: u64, tokens: u64) -> Self {
        let less = |cap: Option<u64>, used| cap.map(|cap| cap.saturating_sub(used));
        Self { usd: less(self.usd, usd), tokens: less(self.tokens, tokens) }
    }

    /// The tighter of both, each figure for itself.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let least = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self { usd: least(self.usd, other.usd), tokens: least(self.tokens, other.tokens) }
    }

    /// Each figure of this one where it has it, else the other's.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { usd: self.usd.or(other.usd), tokens: self.tokens.or(other.tokens) }
    }
}

impl std::fmt::Display for Cap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.usd, self.tokens) {
            (Some(usd), Some(tokens)) => write!(f, "{} usd, {tokens} tokens", money(usd)),
            (Some(usd), None) => write!(f, "{} usd", money(usd)),
            (None, Some(tokens)) => write!(f, "{tokens} tokens"),
            (None, None) => f.write_str("(none)"),
        }
    }
}

/// What a budget limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// One attempt.
    pub attempt: Cap,
    /// All attempts of a spec.
    pub spec: Cap,
    /// All attempts of one call of `work`. Only the settings say so.
    pub run: Cap,
}

impl Budget {
    /// Whether nothing is limited.
    pub fn is_empty(self) -> bool {
        self.attempt.is_empty() && self.spec.is_empty() && self.run.is_empty()
    }

    /// All that is limited at all, whatever the whole.
    pub fn any(self) -> Cap {
        self.attempt.or(self.spec).or(self.run)
    }

    /// A spec's own figures, and for the rest those of the settings.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { attempt: self.attempt.or(other.attempt), spec: self.spec.or(other.spec), run: self.run.or(other.run) }
    }
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let wholes = [("attempt", self.attempt), ("spec", self.spec), ("run", self.run)];
        let said: Vec<String> = wholes
            .into_iter()
            .filter(|(_, cap)| !cap.is_empty())
            .map(|(whole, cap)| format!("{cap} for each {whole}"))
            .collect();
        f.write_str(if said.is_empty() { "(none)" } else { "" })?;
        f.write_str(&said.join(", "))
    }
}

/// Dollars with as many digits as they need, two at least: `2.50`, `0.0421`.
pub fn money(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    let keep = text.trim_end_matches('0').len().max(text.len() - 4);
    text[..keep].to_owned()
}

/// Reads what [`money`] writes, and what people write: `2`, `2.5`, `0.0421`. At most six decimals count.
pub fn parse_money(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 6 {
        return None;
    }
    let micros: u64 = format!("{part:0<6}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(micros)
}

/// Reads `500000`, `500_000`, `500k`, `1.5M`.
fn parse_count(text: &str) -> Option<u64> {
    let plain = text.replace('_', "");
    let (digits, times) = match plain.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1),
        None => plain.strip_suffix(['m', 'M']).map_or((plain.as_str(), 0), |digits| (digits, 1000)),
    };
    match times {
        0 => digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit())),
        // A count of thousands is an amount with six decimals, less three.
        times => parse_money(digits)?.checked_mul(times).map(|micros| micros / 1000),
    }
}

/// `2.50 usd`, `500k tokens`, or both with a comma between them.
///
/// # Errors
/// What the text is instead, to be read beside it.
fn parse_cap(text: &str) -> Result<Cap, &'static str> {
    let mut cap = Cap::default();
    for part in text.split(',') {
        let Some((figure, unit)) = part.trim().split_once(' ') else { return Err(no_figure(part, "this has no unit")) };
        let (slot, read) = match unit.trim().to_lowercase().as_str() {
            "usd" => (&mut cap.usd, parse_money(figure)),
            "token" | "tokens" => (&mut cap.tokens, parse_count(figure)),
            _ => return Err("this is neither `usd` nor `tokens`"),
        };
        let read = read.filter(|read| *read > 0).ok_or_else(|| no_figure(figure, TOO_MUCH))?;
        if slot.replace(read).is_some() {
            return Err("one of them is there twice");
        }
    }
    Ok(cap)
}

const TOO_MUCH: &str = "this has too many digits";

/// What a text is that is no amount; `digits` where it is made of them.
fn no_figure(text: &str, digits: &'static str) -> &'static str {
    let plain = text.trim();
    let of_digits =
        plain.starts_with(|c: char| c.is_ascii_digit()) && plain.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    instead(plain).unwrap_or(if of_digits { digits } else { "this is no amount" })
}

/// What to do about it.
fn help(label: &str) -> &'static str {
    if label == ZERO { why_not_zero("budget") } else { HELP }
}

const HELP: &str = "as in `budget: 2.50 usd`, `budget: { usd: 2.50, tokens: 500k }` or `budget: { attempt: 2 usd, spec: \
                    10 usd }`";

/// Reads `budget:`; `wholes` are those that may be limited here. What stands alone limits an attempt.
pub(crate) fn read(node: &Node, wholes: &[&str], sink: &mut Sink) -> Option<Budget> {
    if matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
        sink.unfit("budget", node, "an amount of dollars or tokens", "this limits nothing", HELP);
        return None;
    }
    let Value::Map(entries) = &node.value else {
        return cap(node, sink).map(|attempt| Budget { attempt, ..Budget::default() });
    };
    let names = |word: &str| entries.iter().any(|(key, _)| key.scalar().is_some_and(|key| key == word));
    if !wholes.iter().any(|whole| names(whole)) && (names("usd") || names("tokens")) {
        return cap(node, sink).map(|attempt| Budget { attempt, ..Budget::default() });
    }
    let mut budget = Budget::default();
    for (_, name, value) in sink.entries(node, "`budget`", wholes, Severity::Error) {
        let slot = match name.as_str() {
            "attempt" => &mut budget.attempt,
            "spec" => &mut budget.spec,
            _ => &mut budget.run,
        };
        *slot = cap(value, sink)?;
    }
    Some(budget)
}

fn cap(node: &Node, sink: &mut Sink) -> Option<Cap> {
    if node.value == Value::Null {
        return None;
    }
    if let Value::Map(_) = node.value {
        let mut cap = Cap::default();
        for (_, name, value) in sink.entries(node, "`budget`", &["usd", "tokens"], Severity::Error) {
            let text = value.scalar();
            let read = |parse: fn(&str) -> Option<u64>| text.as_deref().and_then(parse).filter(|figure| *figure > 0);
            let (slot, figure) = match name.as_str() {
                "usd" => (&mut cap.usd, read(parse_money)),
                _ => (&mut cap.tokens, read(parse_count)),
            };
            let Some(figure) = figure else {
                match text.as_deref().map(|text| no_figure(text, TOO_MUCH)) {
                    Some(label) => sink.unfit(&name, value, "an amount above zero", label, help(label)),
                    None => sink.wrong(&name, value, "an amount above zero", HELP),
                }
                return None;
            };
            *slot = Some(figure);
        }
        return Some(cap);
    }
    const WANTED: &str = "an amount of dollars or tokens";
    match node.scalar().filter(|_| !matches!(node.value, Value::Bool(_))).as_deref().map(parse_cap) {
        Some(Ok(cap)) => return Some(cap),
        Some(Err(label)) => sink.unfit("budget", node, WANTED, label, help(label)),
        None => sink.wrong("budget", node, WANTED, HELP),
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        let usd = |usd| Ok(Cap { usd: Some(usd), tokens: None });
        assert_eq!(parse_cap("2.50 usd"), usd(2_500_000));
        assert_eq!(parse_cap("2 USD"), usd(2_000_000));
        let tokens = |tokens| Ok(Cap { usd: None, tokens: Some(tokens) });
        for (text, count) in [("500k tokens", 500_000), ("1.5M tokens", 1_500_000), ("12_000 tokens", 12_000)] {
            assert_eq!(parse_cap(text), tokens(count), "{text}");
        }
        assert_eq!(parse_cap("1 usd, 9 tokens"), Ok(Cap { usd: Some(1_000_000), tokens: Some(9) }));
        for (text, label) in [
            ("", "this is empty"),
            ("2.50", "this has no unit"),
            ("usd", "this is no amount"),
            ("-1 usd", "this is below zero"),
            ("2 eur", "this is neither `usd` nor `tokens`"),
            ("1 usd, 2 usd", "one of them is there twice"),
            ("1.2345678 usd", "this has too many digits"),
            ("99999999999999999999 usd", "this has too many digits"),
            ("0 usd", ZERO),
            ("0.00 usd", ZERO),
            ("0", ZERO),
            ("1 usd, 0k tokens", ZERO),
            ("1e3 tokens", "this is no amount"),
        ] {
            assert_eq!(parse_cap(text), Err(label), "{text:?}");
        }
    }

    #[test]
    fn money_has_the_digits_that_it_needs() {
        let cases = [(0, "0.00"), (2_500_000, "2.50"), (42_100, "0.0421"), (25, "0.000025"), (1_000_000, "1.00")];
        for (micros, text) in cases {
            assert_eq!(money(micros), text);
        }
    }

    proptest! {
        #[test]
        fn money_round_trips(micros in any::<u64>()) {
            prop_assert_eq!(parse_money(&money(micros)), Some(micros));
        }

        #[test]
        fn reading_is_total(text in any::<String>()) {
            parse_cap(&text).ok();
        }

        #[test]
        fn nothing_is_left_of_a_cap_that_is_used_up(usd in any::<u64>(), more in any::<u64>()) {
            let cap = Cap { usd: Some(usd), tokens: None };
            prop_assert_eq!(cap.less(usd.saturating_add(more), 7), Cap { usd: Some(0), tokens: None });
        }
    }
}
