//! Secrets out of what programs print, before anything of it is shown, kept or understood.
//!
//! Pure: bytes in, bytes out. A secret is a value that is listed, as it stands and as JSON has it in a string, or what has
//! the shape of a well-known kind of token, or the lines between the head and the foot of a private key. Each becomes
//! [`MASK`], also where it is seen only without what a terminal takes for itself ([`Seen`]): then as a whole, with the colours
//! that begin in it. What is shorter than [`SHORTEST`] is not listed: a `0` or a `true` would take half of the text along.
//!
//! A line is the unit, so that no chunk of a stream can cut a secret in two: what has no end of line yet is held back.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use regex::bytes::{Captures, Regex, RegexBuilder};

use super::seen::Seen;

/// What stands where a secret stood. Shorter than every secret and of a letter that no token has, so that masking ends, and
/// what was masked once is not masked again.
pub const MASK: &str = "***";
/// The shortest value that is listed, in bytes; what of them is worth to be is for whoever lists them.
pub const SHORTEST: usize = 6;
/// The shortest line that is listed of a value with several, in bytes.
const SHORTEST_LINE: usize = 8;
/// A line is held back so far; of a longer one the beginning is let go, but for what a secret at its end may need.
const LONGEST: usize = 8 << 20;
/// So much of a line that is too long is held back at least.
const KEPT: usize = 64 << 10;

/// Before a token stands the beginning, something that no token has, or an escape of JSON, whose last letter is none of the
/// word that follows.
const BEFORE: &str = r#"(?P<before>^|[^A-Za-z0-9_-]|\\[nrtbf]|\\u[0-9A-Fa-f]{4})"#;

/// Well-known kinds of tokens.
const SHAPES: &[&str] = &[
    // OpenAI, Anthropic, OpenRouter, Stripe.
    r"sk-[A-Za-z0-9_-]{16,}",
    r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}",
    // GitHub, GitLab, npm, PyPI.
    r"gh[pousr]_[A-Za-z0-9]{16,}",
    r"github_pat_[A-Za-z0-9_]{16,}",
    r"glpat-[A-Za-z0-9_-]{16,}",
    r"npm_[A-Za-z0-9]{32,}",
    r"pypi-[A-Za-z0-9_-]{32,}",
    // Amazon, Google, Slack.
    r"A(?:KIA|SIA)[A-Z0-9]{16}",
    r"AIza[A-Za-z0-9_-]{35}",
    r"xox[abeprs]-[A-Za-z0-9-]{8,}",
    // A JSON web token.
    r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*",
];

/// What a request is signed with; a word that only follows in a sentence has neither a digit nor that length.
const BEARER: &str = r"(?P<bearer>(?i:bearer) +)(?P<token>[A-Za-z0-9._~+/-]{8,}=*)";
/// A private key on one line, as JSON has it.
const KEY: &str =
    r"(?P<head>-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----)(?P<key>.+?)(?P<foot>-----END [A-Z0-9 ]*PRIVATE KEY-----)";
/// What begins a private key that goes on over lines, and what ends it.
const HEAD: &str = r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----";
const FOOT: &str = "-----END ";
/// What stands between the two.
const BODY: &str = r"^[ \t>|]*(?:[A-Za-z0-9+/=]+|Proc-Type:.*|DEK-Info:.*|)[ \t]*$";

/// What is to be masked.
#[derive(Debug, Clone)]
pub struct Mask {
    listed: BTreeSet<String>,
    patterns: Arc<Patterns>,
}

#[derive(Debug)]
struct Patterns {
    /// Listed values, longest first; `None` where there are none.
    listed: Option<Regex>,
    shapes: Option<Regex>,
    bearer: Option<Regex>,
    key: Option<Regex>,
    head: Option<Regex>,
    body: Option<Regex>,
    /// The length of the longest listed value, as it may stand in a text.
    longest: usize,
}

impl Default for Mask {
    fn default() -> Self {
        Self::new([])
    }
}

impl Mask {
    /// Masks these values, where they are long enough, and what has the shape of a token. Of a value of several lines each
    /// line counts.
    pub fn new(values: impl IntoIterator<Item = String>) -> Self {
        let lines = |value: String| {
            let shortest = if value.contains(['\n', '\r']) { SHORTEST_LINE } else { SHORTEST };
            let lines = value.split(['\n', '\r']).filter(|line| line.len() >= shortest);
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let listed: BTreeSet<String> =
            values.into_iter().flat_map(|value| [whole(&value), lines(value)].concat()).collect();
        let forms: BTreeSet<String> = listed.iter().flat_map(|value| forms(value)).collect();
        Self { patterns: Arc::new(Patterns::new(&forms)), listed }
    }

    /// The same, with more values.
    #[must_use]
    pub fn with(&self, values: impl IntoIterator<Item = String>) -> Self {
        let values: Vec<String> = values.into_iter().collect();
        let new = values.iter().any(|value| value.len() >= SHORTEST && !self.listed.contains(value));
        if !new {
            return self.clone();
        }
        Self::new(self.listed.iter().cloned().chain(values))
    }

    /// A whole text.
    pub fn text(&self, text: &[u8]) -> Vec<u8> {
        let mut masker = Masker::new(self.clone());
        let mut out = masker.feed(text);
        out.extend(masker.finish());
        out
    }

    /// One line, without its end: again and again, until nothing is left that what was masked has brought together.
    fn line(&self, line: &[u8]) -> Vec<u8> {
        let mut line = line.to_vec();
        while let Some(shorter) = self.patterns.once(&line) {
            line = shorter;
        }
        line
    }
}

/// A value of several lines as JSON has it, on one.
fn whole(value: &str) -> Vec<String> {
    let lines = value.trim_end_matches(['\n', '\r']);
    if lines.contains(['\n', '\r']) { vec![escaped(lines)] } else { Vec::new() }
}

/// A text as it stands between the quotes of JSON.
fn escaped(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap_or_default();
    json.get(1..json.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// All that is not ASCII as `\u….`.
fn ascii(text: &str, upper: bool) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") });
        }
    }
    out
}

/// A value as it may stand in a text: as it is, in a string of JSON, and in one within such a string.
fn forms(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned()];
    let mut inner = value.to_owned();
    for _ in 0..2 {
        inner = escaped(&inner);
        for form in [inner.clone(), ascii(&inner, false), ascii(&inner, true)] {
            forms.extend([form.replace('/', "\\/"), form]);
        }
    }
    forms
}

fn built(pattern: &str) -> Option<Regex> {
    // Every pattern is ours or escaped; one that is too large for the engine would mask nothing.
    RegexBuilder::new(pattern).unicode(false).size_limit(1 << 30).build().ok()
}

impl Patterns {
    fn new(forms: &BTreeSet<String>) -> Self {
        let mut longest_first: Vec<&String> = forms.iter().collect();
        longest_first.sort_by_key(|form| std::cmp::Reverse(form.len()));
        let listed: Vec<String> = longest_first.iter().map(|form| bytes(form)).collect();
        Self {
            listed: (!listed.is_empty()).then(|| built(&listed.join("|"))).flatten(),
            shapes: built(&format!("{BEFORE}(?:{})", SHAPES.join("|"))),
            bearer: built(&format!("{BEFORE}{BEARER}")),
            key: built(KEY),
            head: built(HEAD),
            body: built(BODY),
            longest: longest_first.first().map_or(0, |form| form.len()),
        }
    }

    /// Everything masked that is found at once, also where a colour begins in it; nothing where nothing is.
    fn once(&self, line: &[u8]) -> Option<Vec<u8>> {
        const KINDS: [Kind; 4] = [Kind::Listed, Kind::Key, Kind::Shape, Kind::Bearer];
        // Most lines have nothing to be masked, and are looked at once.
        let looks = Seen::of(line);
        if !KINDS.iter().any(|kind| looks.iter().any(|seen| self.is_in(*kind, seen))) {
            return None;
        }
        let mut now = Cow::Borrowed(line);
        for kind in KINDS {
            for look in 0.. {
                let found = match Seen::of(&now).get(look) {
                    Some(seen) => self.found(kind, seen),
                    None => break,
                };
                if !found.is_empty() {
                    now = Cow::Owned(with_masks(&now, &found));
                }
            }
        }
        (now != line).then(|| now.into_owned())
    }

    fn pattern(&self, kind: Kind) -> Option<&Regex> {
        match kind {
            Kind::Listed => self.listed.as_ref(),
            Kind::Shape => self.shapes.as_ref(),
            Kind::Key => self.key.as_ref(),
            Kind::Bearer => self.bearer.as_ref(),
        }
    }

    fn is_in(&self, kind: Kind, seen: &Seen<'_>) -> bool {
        self.pattern(kind).is_some_and(|pattern| pattern.is_match(&seen.bytes))
    }

    /// Where in a line something stands that is to be masked.
    fn found(&self, kind: Kind, seen: &Seen<'_>) -> Vec<Range<usize>> {
        let masked = |found: &Captures<'_>| match kind {
            Kind::Listed => found.get(0).map(|whole| whole.range()),
            Kind::Shape => Some(found.name("before")?.end()..found.get(0)?.end()),
            Kind::Key => found.name("key").filter(|key| key.as_bytes() != MASK.as_bytes()).map(|key| key.range()),
            Kind::Bearer => {
                let token = found.name("token")?;
                let is_one = token.as_bytes().iter().any(u8::is_ascii_digit) || token.len() >= 24;
                is_one.then(|| token.range())
            }
        };
        // It is much faster to ask whether there is one than where.
        let pattern = self.pattern(kind).filter(|_| self.is_in(kind, seen));
        let all = pattern.into_iter().flat_map(|pattern| pattern.captures_iter(&seen.bytes));
        all.filter_map(|found| masked(&found)).map(|range| seen.place(range)).collect()
    }

    /// Where a line may be cut that is longer than is held: before what a secret that goes on may need.
    fn cut(&self, line: &[u8]) -> usize {
        let mut cut = line.len().saturating_sub(KEPT.max(2 * self.longest));
        let looks = Seen::of(line);
        for pattern in [&self.listed, &self.key, &self.shapes, &self.bearer].into_iter().flatten() {
            for seen in &looks {
                let mut all = pattern.find_iter(&seen.bytes).map(|found| seen.place(found.range()));
                cut = all.find(|found| found.start < cut && found.end > cut).map_or(cut, |found| found.start);
            }
        }
        cut
    }
}

/// What a pattern is for.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Listed,
    Key,
    Shape,
    Bearer,
}

/// A line with the mask in these places, which follow one another.
fn with_masks(line: &[u8], places: &[Range<usize>]) -> Vec<u8> {
    let (mut out, mut from) = (Vec::with_capacity(line.len()), 0);
    for place in places {
        out.extend_from_slice(&line[from..place.start]);
        out.extend_from_slice(MASK.as_bytes());
        from = place.end;
    }
    out.extend_from_slice(&line[from..]);
    out
}

/// A text as a pattern that matches its very bytes.
fn bytes(text: &str) -> String {
    text.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
}

/// Masks a stream.
#[derive(Debug, Default)]
pub struct Masker {
    mask: Mask,
    held: Vec<u8>,
    /// Whether this is the inside of a private key.
    in_key: bool,
}

impl Masker {
    /// A masker at the beginning of a stream.
    pub fn new(mask: Mask) -> Self {
        Self { mask, held: Vec::new(), in_key: false }
    }

    /// Takes bytes in, and gives what can be let go.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        while let Some(at) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.hold(&bytes[..at], &mut out);
            let line = std::mem::take(&mut self.held);
            out.extend(self.line(&line));
            out.push(bytes[at]);
            bytes = &bytes[at + 1..];
        }
        self.hold(bytes, &mut out);
        out
    }

    /// What was still held back.
    pub fn finish(&mut self) -> Vec<u8> {
        let line = std::mem::take(&mut self.held);
        self.line(&line)
    }

    /// Of a line that grows too long the beginning goes.
    fn hold(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for piece in bytes.chunks(LONGEST / 2) {
            self.held.extend_from_slice(piece);
            if self.held.len() > LONGEST {
                let cut = self.mask.patterns.cut(&self.held);
                // A secret of that length is none that anybody has listed.
                let cut = if cut == 0 { self.held.len() } else { cut };
                let rest = self.held.split_off(cut);
                out.extend(self.mask.line(&std::mem::replace(&mut self.held, rest)));
            }
        }
    }

    fn line(&mut self, line: &[u8]) -> Vec<u8> {
        let patterns = Arc::clone(&self.mask.patterns);
        let looks = Seen::of(line);
        let is = |pattern: &Option<Regex>| {
            pattern.as_ref().is_some_and(|pattern| looks.iter().any(|seen| pattern.is_match(&seen.bytes)))
        };
        if self.in_key && is(&patterns.body) {
            let blank = line.iter().all(|byte| byte.is_ascii_whitespace());
            return if blank { line.to_vec() } else { MASK.as_bytes().to_vec() };
        }
        // What was masked before is the inside of a key as well.
        self.in_key = self.in_key && line == MASK.as_bytes();
        let masked = self.mask.line(line);
        let head = |seen: &Seen<'_>| Some(patterns.head.as_ref()?.find_iter(&seen.bytes).last()?.end());
        if let Some((head, seen)) = looks.iter().find_map(|seen| Some((head(seen)?, seen))) {
            self.in_key = !seen.bytes[head..].windows(FOOT.len()).any(|window| window == FOOT.as_bytes());
        }
        masked
    }
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
