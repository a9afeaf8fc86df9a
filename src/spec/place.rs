//! Finds in a YAML text the place of values that are already known, by walking both side by side.

use std::ops::Range;

use super::yaml::{Node, Value};

/// Fills in the spans of a tree, and the digits of its numbers. Returns the first anchor or alias met.
pub(super) fn locate(source: &str, part: Range<usize>, node: &mut Node) -> Option<Range<usize>> {
    let mut walk = Walk { text: &source[..part.end], at: part.start, lost: None, anchor: None };
    walk.document_start();
    walk.node(node);
    walk.anchor
}

struct Walk<'a> {
    text: &'a str,
    at: usize,
    /// Once the text did not say what the value says: the place of everything after.
    lost: Option<Range<usize>>,
    anchor: Option<Range<usize>>,
}

impl<'a> Walk<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn first(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Steps over one character of punctuation, if it is there.
    fn eat(&mut self, c: char) -> bool {
        let there = self.first() == Some(c);
        self.at += if there { c.len_utf8() } else { 0 };
        there
    }

    /// Steps over an indicator, which is followed by a space or the end of the line.
    fn indicator(&mut self, c: char) -> bool {
        self.rest().strip_prefix(c).is_some_and(|r| r.chars().next().is_none_or(char::is_whitespace)) && self.eat(c)
    }

    fn line_end(&self) -> usize {
        self.rest().find(['\n', '\r']).map_or(self.text.len(), |n| self.at + n)
    }

    fn document_start(&mut self) {
        self.space();
        while self.first() == Some('%') {
            self.at = self.line_end();
            self.space();
        }
        if self.rest().starts_with("---") && self.rest()[3..].chars().next().is_none_or(char::is_whitespace) {
            self.at += 3;
        }
    }

    /// Steps over white space and comments.
    fn space(&mut self) {
        loop {
            let rest = self.rest().trim_start();
            self.at = self.text.len() - rest.len();
            let apart = self.text[..self.at].chars().next_back().is_none_or(|c| c.is_whitespace() || c == '\u{feff}');
            if !(rest.starts_with('#') && apart) {
                return;
            }
            self.at = self.line_end();
        }
    }

    /// Tags are stepped over; an anchor or an alias ends the walk.
    fn properties(&mut self) {
        self.space();
        while self.first() == Some('!') {
            self.at += self.rest().find(|c: char| c.is_whitespace() || ",]}".contains(c)).unwrap_or(self.rest().len());
            self.space();
        }
        if matches!(self.first(), Some('&' | '*')) {
            let end = self.rest().find(|c: char| c.is_whitespace() || ",]}".contains(c)).unwrap_or(self.rest().len());
            self.anchor.get_or_insert(self.at..self.at + end);
            self.lose();
        }
    }

    fn lose(&mut self) {
        let here = self.at..self.line_end();
        self.lost.get_or_insert(here);
    }

    fn node(&mut self, node: &mut Node) {
        let before = self.at;
        if self.lost.is_none() {
            self.properties();
        }
        let start = self.at;
        match &mut node.value {
            Value::List(items) => self.list(items),
            Value::Map(entries) => self.map(entries),
            _ if self.lost.is_some() => {}
            scalar => {
                let found = self.scalar(scalar);
                if !found {
                    self.lose();
                }
            }
        }
        node.span = match &self.lost {
            Some(lost) => start.min(lost.start)..lost.end,
            // Nothing was written: the place is where it could have been.
            None if self.at == start => before..before,
            None => start..self.at,
        };
    }

    fn list(&mut self, items: &mut [Node]) {
        let flow = self.lost.is_none() && self.eat('[');
        for item in items {
            if self.lost.is_none() {
                self.space();
                if !flow && !self.indicator('-') {
                    self.lose();
                }
            }
            self.node(item);
            self.comma(flow);
        }
        self.close(flow, ']');
    }

    fn map(&mut self, entries: &mut [(Node, Node)]) {
        let flow = self.lost.is_none() && self.eat('{');
        for (key, value) in entries {
            if self.lost.is_none() {
                self.space();
                self.indicator('?');
            }
            self.node(key);
            if self.lost.is_none() {
                let end = self.at;
                self.space();
                // In `{a, b}` the keys have no colon, and their values no place.
                if !self.eat(':') {
                    self.at = end;
                }
            }
            self.node(value);
            self.comma(flow);
        }
        self.close(flow, '}');
    }

    fn comma(&mut self, flow: bool) {
        if flow && self.lost.is_none() {
            let end = self.at;
            self.space();
            if !self.eat(',') {
                self.at = end;
            }
        }
    }

    fn close(&mut self, flow: bool, bracket: char) {
        if flow && self.lost.is_none() {
            self.space();
            if !self.eat(bracket) {
                self.lose();
            }
        }
    }

    /// Steps over one scalar; false where the text does not say what the value says.
    fn scalar(&mut self, value: &mut Value) -> bool {
        match self.first() {
            Some('"') => return self.quoted('"'),
            Some('\'') => return self.quoted('\''),
            Some('|' | '>') => return self.block(matches!(value, Value::Text(text) if text.trim().is_empty())),
            _ => {}
        }
        let token = self.token();
        match value {
            Value::Text(text) => return self.plain(text),
            Value::Null if ["~", "null", "Null", "NULL"].contains(&token) => {}
            Value::Null => return true,
            Value::Bool(truth) if token.eq_ignore_ascii_case(if *truth { "true" } else { "false" }) => {}
            Value::Number(_, digits) if token.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
                token.clone_into(digits);
            }
            _ => return false,
        }
        self.at += token.len();
        true
    }

    /// A plain scalar of one word.
    fn token(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.char_indices().find(|&(at, c)| {
            c.is_whitespace()
                || ",]}".contains(c)
                || (c == ':' && rest[at + 1..].chars().next().is_none_or(|n| n.is_whitespace() || ",]}".contains(n)))
        });
        &rest[..end.map_or(rest.len(), |(at, _)| at)]
    }

    /// A plain scalar whose text is known; it may be folded over several lines.
    fn plain(&mut self, text: &str) -> bool {
        let start = self.at;
        for word in text.split_whitespace() {
            let rest = self.rest();
            let trimmed = if self.at == start { rest } else { rest.trim_start() };
            if !trimmed.starts_with(word) {
                self.at = start;
                return false;
            }
            self.at += rest.len() - trimmed.len() + word.len();
        }
        true
    }

    fn quoted(&mut self, quote: char) -> bool {
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            if c == '\\' && quote == '"' {
                chars.next();
            } else if c == quote {
                if quote == '\'' && chars.next_if(|&(_, next)| next == quote).is_some() {
                    continue;
                }
                self.at += at + 1;
                return true;
            }
        }
        false
    }

    /// A block scalar: its header and all lines that are indented at least as far as its first one.
    fn block(&mut self, empty: bool) -> bool {
        let header = &self.text[self.at..self.line_end()];
        let mut indent = header.chars().skip(1).take(2).find_map(|c| c.to_digit(10)).map(|d| d as usize);
        self.at += header.len();
        let mut cursor = self.at;
        for line in self.rest().split_inclusive('\n') {
            let blank = line.trim().is_empty();
            let depth = line.len() - line.trim_start_matches(' ').len();
            if !blank && (empty || depth == 0 || depth < *indent.get_or_insert(depth)) && cursor > self.at {
                break;
            }
            cursor += line.len();
            if !blank {
                self.at = self.text[..cursor].trim_end().len();
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml::{LARGEST, parse};
    use super::*;
    use proptest::prelude::*;

    /// Every scalar with the text at its place, in the order of the text.
    fn places(text: &str) -> Vec<(Value, &str)> {
        fn walk<'a>(node: &Node, text: &'a str, out: &mut Vec<(Value, &'a str)>) {
            match &node.value {
                Value::List(items) => items.iter().for_each(|item| walk(item, text, out)),
                Value::Map(entries) => entries.iter().for_each(|(key, value)| {
                    walk(key, text, out);
                    walk(value, text, out);
                }),
                scalar => out.push((scalar.clone(), &text[node.span.clone()])),
            }
        }
        let mut out = Vec::new();
        walk(&parse(text, 0..text.len()).unwrap(), text, &mut out);
        out
    }

    fn texts(text: &str) -> Vec<&str> {
        places(text).into_iter().map(|(_, place)| place).collect()
    }

    #[test]
    fn every_scalar_is_found_where_it_is_written() {
        assert_eq!(texts("a: 1\nb: two words # note\n"), ["a", "1", "b", "two words"]);
        assert_eq!(texts("a: [x, 'y z', \"w\\\"v\" ]\nb: c"), ["a", "x", "'y z'", "\"w\\\"v\"", "b", "c"]);
        assert_eq!(texts("a:\n  - x # one\n  # two\n  - y: 1\n    z: ~\n"), ["a", "x", "y", "1", "z", "~"]);
        assert_eq!(texts("a: {b: 1, c, d: [e, f: g]}\nh: i"), ["a", "b", "1", "c", "", "d", "e", "f", "g", "h", "i"]);
        assert_eq!(texts("a:\nb:\n- c\n-\n- d"), ["a", "", "b", "c", "", "d"]);
        assert_eq!(texts("a: one\n  two\n\n  three\nb: x"), ["a", "one\n  two\n\n  three", "b", "x"]);
        assert_eq!(texts("a: |\n  one\n\n   two\nb: >-\n  x\n"), ["a", "|\n  one\n\n   two", "b", ">-\n  x"]);
        assert_eq!(texts("x:\n  a: |\n  b: 1"), ["x", "a", "|", "b", "1"]);
        assert_eq!(texts("---\na: !mine 'b''c'\n"), ["a", "'b''c'"]);
        assert_eq!(texts("a: http://x#y\r\nb: é\r\n"), ["a", "http://x#y", "b", "é"]);
    }

    #[test]
    fn numbers_keep_the_digits_they_are_written_with() {
        let digits: Vec<_> = places("[2.10, 002.1, 1_0, 0x1f, +3, 1e3, -0, .5]")
            .into_iter()
            .filter_map(|(value, place)| match value {
                Value::Number(_, digits) => {
                    assert_eq!(digits, place);
                    Some(digits)
                }
                _ => None,
            })
            .collect();
        assert_eq!(digits, ["2.10", "002.1", "0x1f", "+3", "1e3", "-0", ".5"]);
        assert_eq!(places("a: 001")[1].0, Value::Text("001".into()), "YAML 1.2 reads leading zeros as a text");
    }

    #[test]
    fn twice_the_same_key_is_kept_twice() {
        assert_eq!(texts("a: 1\na: 2"), ["a", "1", "a", "2"]);
    }

    #[test]
    fn anchors_and_aliases_are_refused_where_they_stand() {
        for text in ["a: &x 1\nb: *x", "b: [1, &x [2]]\nc: *x", "&x a: 1", "a: {<<: &x {b: 1}}"] {
            let fault = parse(text, 0..text.len()).unwrap_err();
            assert!(text[fault.span.clone()].starts_with(['&', '*']), "{text}: {fault:?}");
        }
    }

    #[test]
    fn a_small_text_that_means_a_huge_one_is_refused_at_once() {
        let mut bomb = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
        for n in 1..40 {
            bomb.push_str(&format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", ")));
        }
        assert!(parse(&bomb, 0..bomb.len()).is_err());
        for text in ["a: &a [*a]", "a: &a {b: *a}", "a: &a\n  b: *a"] {
            assert!(parse(text, 0..text.len()).is_err(), "{text}");
        }
    }

    #[test]
    fn hostile_texts_are_read_to_the_end_and_faults_lie_in_them() {
        for unit in [
            "[", "{", "- ", "? ", "a: [", "{a: ", "\"", "- - ", "!a ", "&a ", "[a,\n", "a:\n", "'", "|\n", "é: é\n",
            "#", "%\n",
        ] {
            let text = unit.repeat(LARGEST / unit.len());
            if let Err(fault) = parse(&text, 0..text.len()) {
                assert!(text.get(fault.span).is_some(), "{unit}");
            }
        }
    }

    proptest! {
        #[test]
        fn reading_is_total_and_places_lie_in_the_text(text in "[\\PC\n\r\t:#\\-\\[\\]{}&*!|>'\"%@`,? a-c0-9]{0,60}") {
            match parse(&text, 0..text.len()) {
                Ok(_) => { places(&text); }
                Err(fault) => prop_assert!(text.get(fault.span).is_some()),
            }
        }
    }
}
