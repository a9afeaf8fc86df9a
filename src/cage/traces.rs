//! Looks for known values in the content of files: as they stand, as JSON has them in a string, in UTF-16, and line by line
//! where a value has several. Pure.

use std::collections::BTreeMap;

use regex::bytes::{Regex, RegexBuilder};

use super::secrets_in::as_text;

/// The shortest line that is looked for of a value with several, in bytes.
const SHORTEST_LINE: usize = 16;
/// The largest automaton, in bytes.
const LARGEST: usize = 64 << 20;

/// Values that are looked for.
#[derive(Debug, Default)]
pub struct Traces {
    /// Each form in which a value is looked for, and what it is a form of.
    forms: BTreeMap<Vec<u8>, String>,
    pattern: Option<Regex>,
}

/// Where one was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace<'a> {
    /// The line, from 1.
    pub line: usize,
    /// The value.
    pub value: &'a str,
}

impl Traces {
    /// Looks for these. An empty one is found nowhere.
    pub fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut forms = BTreeMap::new();
        for value in values {
            let lines = value.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_LINE).map(str::to_owned);
            for form in std::iter::once(value.trim().to_owned()).chain(lines).filter(|form| !form.is_empty()) {
                let json = serde_json::Value::from(form.as_str()).to_string();
                forms.insert(json.as_bytes()[1..json.len() - 1].to_vec(), value.clone());
                forms.insert(form.into_bytes(), value.clone());
            }
        }
        // The longest of those that begin alike.
        let mut texts: Vec<&[u8]> = forms.keys().map(Vec::as_slice).collect();
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        let words =
            texts.iter().map(|text| regex::escape(&String::from_utf8_lossy(text))).collect::<Vec<_>>().join("|");
        let pattern = RegexBuilder::new(&words).size_limit(LARGEST).build().ok().filter(|_| !forms.is_empty());
        Self { forms, pattern }
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.pattern.is_none()
    }

    /// Where they stand in a file, from its beginning. One that goes on in letters or digits where it ends in one is a part of
    /// another word.
    pub fn found(&self, bytes: &[u8]) -> Vec<Trace<'_>> {
        let found = self.found_in(bytes);
        // Only what holds a zero may be another text than its bytes.
        match found.is_empty() && bytes.contains(&0) {
            true => as_text(bytes).map(|text| self.found_in(text.as_bytes())).unwrap_or_default(),
            false => found,
        }
    }

    fn found_in(&self, bytes: &[u8]) -> Vec<Trace<'_>> {
        let Some(pattern) = &self.pattern else { return Vec::new() };
        let goes_on =
            |a: Option<&u8>, b: Option<&u8>| [a, b].iter().all(|byte| byte.is_some_and(u8::is_ascii_alphanumeric));
        let (mut traces, mut line, mut counted) = (Vec::new(), 1, 0);
        for one in pattern.find_iter(bytes) {
            let form = one.as_bytes();
            let before = one.start().checked_sub(1).and_then(|at| bytes.get(at));
            if goes_on(before, form.first()) || goes_on(form.last(), bytes.get(one.end())) {
                continue;
            }
            line += bytes[counted..one.start()].iter().filter(|byte| **byte == b'\n').count();
            counted = one.start();
            traces.extend(self.forms.get(form).map(|value| Trace { line, value }));
        }
        traces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(values: &[&str], text: impl AsRef<[u8]>) -> Vec<usize> {
        let traces = Traces::new(values.iter().map(|value| (*value).to_owned()));
        traces.found(text.as_ref()).into_iter().map(|trace| trace.line).collect()
    }

    #[test]
    fn a_value_is_found_on_its_line_in_whatever_form_and_not_as_a_part_of_another_word() {
        assert_eq!(lines(&["hunter22"], "a\nb hunter22;\n\n'hunter22'"), [2, 4]);
        assert_eq!(lines(&["hunter22"], "hunter223 xhunter22"), [0; 0]);
        assert_eq!(lines(&["pa\"ss wörd"], "{\"a\":\"pa\\\"ss wörd\"}"), [1]);
        let wide: Vec<u8> = "x\nhunter22\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(lines(&["hunter22"], wide), [2]);
        assert_eq!(lines(&["hunter22"], b"\x00\x01\x02hunter22\xff"), [1]);
        let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n-----END KEY-----\n";
        assert_eq!(lines(&[key], format!("k:\n  {}", key.replace('\n', "\n  "))), [2, 3, 4]);
        assert!(lines(&[], "x").is_empty() && lines(&["", "\n"], "x\n").is_empty());
    }

    proptest! {
        #[test]
        fn what_is_there_is_found_and_what_is_found_is_there(
            value in "[!-~]{6,20}", before in "[ -~\n]{0,30}", after in "[ -~\n]{0,30}",
        ) {
            let text = format!("{before} {value} {after}");
            let traces = Traces::new([value.clone()]);
            let found = traces.found(text.as_bytes());
            let line = 1 + before.matches('\n').count();
            prop_assert!(text.matches(&value).count() > 1 || found == [Trace { line, value: &value }], "{text:?} {found:?}");
        }

        #[test]
        fn any_bytes_can_be_looked_at(bytes in proptest::collection::vec(any::<u8>(), 0..60), value in any::<String>()) {
            Traces::new([value]).found(&bytes);
        }
    }
}
