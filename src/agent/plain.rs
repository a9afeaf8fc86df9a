//! What a program printed, made safe to show: no control characters, no escape sequences, no invalid UTF-8.
//!
//! A transcript keeps the bytes as they came; whatever goes to a terminal or into a report passes through here.

/// The longest line that is shown as somebody's last words, in characters.
pub const WORDS: usize = 200;

/// Text with everything removed that would move a cursor, change a colour, set a title or turn the reading direction.
///
/// Line feeds and tabs stay; a carriage return becomes a line feed, so that a progress bar reads as lines. Bytes that
/// are no UTF-8 become U+FFFD.
pub fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some(c) = rest.chars().next() {
        let unseen = unseen(rest.as_bytes());
        let length = if unseen == 0 { c.len_utf8() } else { unseen };
        let (now, later) = rest.split_at(rest.ceil_char_boundary(length));
        rest = later;
        match c {
            _ if unseen > 0 => {}
            '\r' if rest.starts_with('\n') => {}
            '\r' => out.push('\n'),
            _ => out.push_str(now),
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

/// How many bytes at the beginning are none that anybody sees: a control character (line feed, carriage return and tab are
/// not meant), an escape sequence, or a character that reorders or hides what stands around it.
pub(super) fn unseen(bytes: &[u8]) -> usize {
    match bytes {
        [b'\n' | b'\r' | b'\t', ..] => 0,
        [0x1b, rest @ ..] => 1 + escape(rest),
        [0xc2, 0x9b, rest @ ..] => 2 + sequence(rest),
        [0xc2, 0x90 | 0x98 | 0x9d..=0x9f, rest @ ..] => 2 + string(rest),
        [0xc2, 0x80..=0x9f, ..] => 2,
        [..0x20 | 0x7f, ..] => 1,
        // U+200B, U+200E, U+200F, U+2028 to U+202E; U+2060 to U+2069; U+FEFF.
        [0xe2, 0x80, 0x8b | 0x8e | 0x8f | 0xa8..=0xae, ..] => 3,
        [0xe2, 0x81, 0xa0..=0xa9, ..] | [0xef, 0xbb, 0xbf, ..] => 3,
        _ => 0,
    }
}

/// Whether a control string begins here: a title, a link. What begins it is of two bytes.
pub(super) fn opens_string(bytes: &[u8]) -> bool {
    matches!(bytes, [0x1b, b']' | b'P' | b'X' | b'^' | b'_', ..] | [0xc2, 0x90 | 0x98 | 0x9d..=0x9f, ..])
}

/// What follows an ESC.
fn escape(bytes: &[u8]) -> usize {
    match bytes {
        [b'[', rest @ ..] => 1 + sequence(rest),
        [b']' | b'P' | b'X' | b'^' | b'_', rest @ ..] => 1 + string(rest),
        _ => {
            let between = length(bytes, |byte| matches!(byte, 0x20..=0x2f));
            between + usize::from(matches!(bytes.get(between), Some(0x30..=0x7e)))
        }
    }
}

/// Parameters, intermediates and the final character of a control sequence; a broken one ends where it breaks.
fn sequence(bytes: &[u8]) -> usize {
    let before = length(bytes, |byte| matches!(byte, 0x20..=0x3f));
    before + usize::from(matches!(bytes.get(before), Some(0x40..=0x7e)))
}

/// A control string up to its end; an unfinished one ends with its line, not with the text.
fn string(bytes: &[u8]) -> usize {
    for at in 0..bytes.len() {
        match &bytes[at..] {
            [b'\n', ..] => return at,
            [0x07, ..] => return at + 1,
            [0xc2, 0x9c, ..] | [0x1b, b'\\', ..] => return at + 2,
            _ => {}
        }
    }
    bytes.len()
}

fn length(bytes: &[u8], of: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| of(**byte)).count()
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
