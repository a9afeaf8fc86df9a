//! What a program printed, made safe to show: no control characters, no escape sequences, no invalid UTF-8.
//!
//! A transcript keeps the bytes as they came; whatever goes to a terminal or into a report passes through here.

use std::iter::Peekable;
use std::str::Chars;

/// The longest line that is shown as somebody's last words, in characters.
pub const WORDS: usize = 200;

/// Text with everything removed that would move a cursor, change a colour, set a title or turn the reading direction.
///
/// Line feeds and tabs stay; a carriage return becomes a line feed, so that a progress bar reads as lines. Bytes that
/// are no UTF-8 become U+FFFD.
pub fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            '\x1b' => escape(&mut chars),
            '\u{9b}' => sequence(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => string(&mut chars),
            c if c.is_control() || misleads(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// One line as somebody's last words: [`plain`], on one line, trimmed, at most [`WORDS`] characters.
pub fn words(line: &[u8]) -> String {
    let text: String = plain(line).chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let text = text.trim();
    match text.char_indices().nth(WORDS) {
        None => text.to_owned(),
        Some(_) => text.chars().take(WORDS - 1).chain(['…']).collect(),
    }
}

/// Characters that are invisible and reorder or hide what stands around them.
fn misleads(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// What follows an ESC.
fn escape(chars: &mut Peekable<Chars>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            sequence(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            string(chars);
        }
        _ => {
            while chars.next_if(|c| ('\x20'..='\x2f').contains(c)).is_some() {}
            chars.next_if(|c| ('\x30'..='\x7e').contains(c));
        }
    }
}

/// Parameters, intermediates and the final character of a control sequence; a broken one ends where it breaks.
fn sequence(chars: &mut Peekable<Chars>) {
    while chars.next_if(|c| ('\x20'..='\x3f').contains(c)).is_some() {}
    chars.next_if(|c| ('\x40'..='\x7e').contains(c));
}

/// A control string (a title, a link) up to its end; an unfinished one ends with its line, not with the text.
fn string(chars: &mut Peekable<Chars>) {
    while let Some(c) = chars.next_if(|c| *c != '\n') {
        match c {
            '\x07' | '\u{9c}' => return,
            '\x1b' if chars.next_if_eq(&'\\').is_some() => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn colours_titles_links_and_cursor_moves_vanish() {
        assert_eq!(
            plain(b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07and \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\"),
            "red and link"
        );
        assert_eq!(plain(b"a\x1b[2Jb\x1b(Bc\x1b7d\x08e\x07f\0g"), "abcdefg");
        assert_eq!(plain("x\u{9b}31my\u{202e}z".as_bytes()), "xyz");
    }

    #[test]
    fn an_unfinished_sequence_hides_no_later_line() {
        assert_eq!(plain(b"\x1b]0;never closed\nsecond"), "\nsecond");
        assert_eq!(plain(b"\x1b[31\nsecond"), "\nsecond");
        assert_eq!(plain(b"end\x1b"), "end");
    }

    #[test]
    fn invalid_utf8_is_replaced_and_progress_bars_become_lines() {
        assert_eq!(plain(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(plain(b"10%\r20%\r\ndone"), "10%\n20%\ndone");
    }

    #[test]
    fn words_are_one_short_line() {
        assert_eq!(words(b"  \tone\ttwo  "), "one two");
        let long = words("ü".repeat(500).as_bytes());
        assert_eq!(long.chars().count(), WORDS);
        assert!(long.ends_with('…'));
        assert_eq!(words("ü".repeat(WORDS).as_bytes()), "ü".repeat(WORDS));
    }

    proptest! {
        #[test]
        fn nothing_but_printable_text_comes_out(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(plain(&bytes).chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
            let words = words(&bytes);
            prop_assert!(!words.contains(['\n', '\t']) && words.chars().count() <= WORDS);
        }
    }
}
