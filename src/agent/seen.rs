//! A line as people see it, for whoever looks for words in it: a colour may begin in the middle of one.
//!
//! Pure. What nobody sees is [`unseen`], as it stands and as JSON has it in a string (`\u001b`), at whatever depth. Each
//! byte that is left knows where it stood.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::plain::{opens_string, unseen};

/// One way to look at a line.
#[derive(Debug)]
pub(super) struct Seen<'l> {
    /// What is seen of it.
    pub bytes: Cow<'l, [u8]>,
    /// Where each of these bytes stands in the line, with what it was struck over; `None` where all of it is seen.
    at: Option<Vec<Range<usize>>>,
}

impl<'l> Seen<'l> {
    /// The ways in which a line can be looked at: as a terminal shows it; with titles and the targets of links as well; without
    /// the beginnings of sequences alone, for one that is broken takes letters with it; and as it stands. Where all of it is seen
    /// there is one.
    pub fn of(line: &'l [u8]) -> Vec<Self> {
        let whole = Self { bytes: Cow::Borrowed(line), at: None };
        if !may_hide(line) {
            return vec![whole];
        }
        let text = Text::decoded(line);
        let shown = text.without(unseen);
        let titled = text.without(|rest| if opens_string(rest) { 2 } else { unseen(rest) });
        let spelled = text.without(|rest| unseen(rest).min(beginning(rest)));
        let mut all = vec![shown, titled, spelled, whole];
        all.dedup_by(|later, before| later.bytes == before.bytes);
        all
    }

    /// Where in the line something stands that is seen; what is not seen between its bytes is part of it.
    pub fn place(&self, seen: Range<usize>) -> Range<usize> {
        match &self.at {
            Some(at) if !seen.is_empty() => at[seen.start].start..at[seen.end - 1].end,
            _ => seen,
        }
    }
}

/// How many bytes begin what nobody sees: its first character, or the two that begin a sequence.
fn beginning(bytes: &[u8]) -> usize {
    match bytes {
        [0x1b, b'[', ..] | [0xc2, ..] => 2,
        [0xe2 | 0xef, ..] => 3,
        _ => 1,
    }
}

/// Whether anything in a line may be unseen.
fn may_hide(line: &[u8]) -> bool {
    static HIDING: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?-u)[\x00-\x08\x0b-\x1f\x7f\xc2\xe2\xef]|\\u").ok());
    HIDING.as_ref().is_none_or(|hiding| hiding.is_match(line))
}

/// How many control characters, each of which nobody sees and that begin nothing, are at the beginning: a program may print
/// nothing else, and much of it.
fn controls(bytes: &[u8]) -> usize {
    static CONTROLS: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?-u)\A[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]+").ok());
    CONTROLS.as_ref().and_then(|controls| controls.find(bytes)).map_or(0, |found| found.end())
}

/// A line with the control characters that it has in the manner of JSON.
struct Text<'l> {
    bytes: Cow<'l, [u8]>,
    /// Where each byte stands in the line; `None` where it stands as it does there.
    at: Option<Vec<usize>>,
}

impl<'l> Text<'l> {
    fn decoded(line: &'l [u8]) -> Self {
        // Not all that has a slash has such a character, and most of what is long has neither.
        if !line.contains(&b'\\') {
            return Self { bytes: Cow::Borrowed(line), at: None };
        }
        let (mut bytes, mut at, mut from) = (Vec::with_capacity(line.len()), Vec::with_capacity(line.len()), 0);
        while from < line.len() {
            let run = line[from..].iter().take_while(|byte| **byte == b'\\').count();
            let found = (run > 0).then(|| hidden(&line[from + run..])).flatten();
            // At each depth a slash is doubled: of three the first two are one that is seen, and of six the first four.
            let slashes = if found.is_some() { 1 << run.trailing_zeros() } else { 0 };
            let plain = run.max(1) - slashes;
            bytes.extend_from_slice(&line[from..from + plain]);
            at.extend(from..from + plain);
            from += plain;
            let Some(unseen) = found else { continue };
            let length = bytes.len();
            bytes.extend_from_slice(unseen.encode_utf8(&mut [0; 4]).as_bytes());
            from += slashes + HEX;
            // The slash that ends a control string is twice as many.
            let end = line.get(from..from + 2 * slashes).is_some_and(|end| end.iter().all(|byte| *byte == b'\\'));
            if unseen == '\x1b' && end {
                bytes.push(b'\\');
                from += 2 * slashes;
            }
            at.resize(at.len() + bytes.len() - length, from);
        }
        Self { bytes: Cow::Owned(bytes), at: Some(at) }
    }

    /// What is left without what is skipped. A letter that is struck over by itself counts once, and one that is underlined
    /// without its line.
    fn without(&self, skipped: impl Fn(&[u8]) -> usize) -> Seen<'static> {
        let (bytes, place) = (&*self.bytes, |at: usize| self.at.as_ref().map_or(at, |places| places[at]));
        let (mut left, mut places) = (Vec::new(), Vec::new());
        let (mut from, mut over) = (0, None);
        while from < bytes.len() {
            if bytes[from] == 0x08 {
                match left.last() {
                    Some(last) if *last == b'_' || Some(last) == bytes.get(from + 1) => {
                        left.pop();
                        over = places.pop().map(|place: Range<usize>| place.start);
                    }
                    _ => {}
                }
                from += 1;
                continue;
            }
            let skip = skipped(&bytes[from..]);
            if skip == 0 {
                left.push(bytes[from]);
                places.push(over.take().unwrap_or(place(from))..place(from) + 1);
            }
            from += skip.max(1);
            if skip == 1 {
                from += controls(&bytes[from..]);
            }
        }
        Seen { bytes: Cow::Owned(left), at: Some(places) }
    }
}

/// The length of `u001b`.
const HEX: usize = 5;

/// The character behind `\`, where it is one that nobody sees.
fn hidden(rest: &[u8]) -> Option<char> {
    let hex = rest.strip_prefix(b"u")?.get(..4)?;
    let code = u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?;
    let c = char::from_u32(code)?;
    (unseen(c.encode_utf8(&mut [0; 4]).as_bytes()) > 0).then_some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(line: &str) -> Vec<String> {
        Seen::of(line.as_bytes()).iter().map(|seen| String::from_utf8_lossy(&seen.bytes).into_owned()).collect()
    }

    #[test]
    fn colours_titles_and_letters_struck_over_are_seen_through_also_in_json() {
        assert_eq!(seen("all of it"), ["all of it"]);
        assert_eq!(seen("a\x1b[01;31m\x1b[Kb\x1b[mc")[0], "abc");
        assert_eq!(seen(r"a\\\u001b[1mb")[0], r"a\\b");
        assert_eq!(seen(r"a\u001b[01;31m\u001B[Kb\\u001b[mc")[0], "abc");
        assert_eq!(
            seen(r#"{"a":"x\u001b]0;title\u001b\\y\tz"}"#)[..2],
            [r#"{"a":"xy\tz"}"#, r#"{"a":"x0;titley\tz"}"#]
        );
        assert_eq!(seen("a\x1b]0;title\x07b")[..2], ["ab", "a0;titleb"]);
        assert_eq!(seen("b\x08bo\x08o_\x08ld")[0], "bold");
        assert_eq!(seen("é\u{200b}e"), ["ée", "é\u{200b}e"]);
    }

    #[test]
    fn what_is_found_is_placed_with_what_is_unseen_in_it() {
        let line = "x \x1b[1ma\x1b[0mb\x1b[0m";
        let all = Seen::of(line.as_bytes());
        assert_eq!(&line[all[0].place(2..4)], "a\x1b[0mb");
    }
}
