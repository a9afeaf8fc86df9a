//! Text that fits: widths as a terminal counts them, nothing that could steer it.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A text on one line without control characters or such as turn the direction of writing, which a title has no use
/// for and a terminal would obey.
pub fn clean(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let plain = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    plain.filter(|&c| !c.is_control() && !steers(c)).collect()
}

/// A text that keeps its lines and tabs, for what is shown as it was written: transcripts, diffs. What could steer a
/// terminal is shown as something that is not text.
pub fn tame(text: &str) -> String {
    let tamed = |c: char| if (c.is_control() && c != '\n' && c != '\t') || steers(c) { '\u{fffd}' } else { c };
    text.chars().map(tamed).collect()
}

fn steers(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// How many columns a text takes.
pub fn wide(text: &str) -> usize {
    if is_plain(text) { text.len() } else { text.width() }
}

/// Whether every byte is a character of one column: most texts are so, and thousands are looked at for one list.
fn is_plain(text: &str) -> bool {
    // All of them, with no way out between: so several are looked at in one step.
    text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'))
}

/// A text filled up to so many columns.
pub fn padded(text: &str, columns: usize) -> String {
    let mut padded = text.to_owned();
    spaces(&mut padded, columns.saturating_sub(wide(text)));
    padded
}

/// So many spaces behind what is there.
pub fn spaces(out: &mut String, count: usize) {
    out.extend(std::iter::repeat_n(' ', count));
}

/// A text cut to so many columns, with an ellipsis where something is missing.
pub fn cut(text: &str, columns: usize) -> String {
    if wide(text) <= columns {
        return text.to_owned();
    }
    let mut kept = begin(text, columns.saturating_sub(1)).trim_end().to_owned();
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// A text cut to so many columns at its beginning, for paths, whose end says more.
pub fn cut_front(text: &str, columns: usize) -> String {
    if wide(text) <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let mut from = text.len();
    for (at, c) in text.char_indices().rev() {
        let width = c.width().unwrap_or(0);
        if width > left {
            break;
        }
        left -= width;
        from = at;
    }
    format!("…{}", &text[from..])
}

/// As much of a text as fits into so many columns.
fn begin(text: &str, columns: usize) -> &str {
    let mut left = columns;
    for (at, c) in text.char_indices() {
        let width = c.width().unwrap_or(0);
        if width > left {
            return &text[..at];
        }
        left -= width;
    }
    text
}

/// A text on lines of so many columns, broken between words, where it keeps its spaces otherwise: a command may mean
/// them. A word that is longer is broken as well, for a terminal would do so anyway, without an indent.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    if wide(text) <= columns {
        let whole = Some(text.trim()).filter(|text| !text.is_empty());
        return whole.into_iter().map(str::to_owned).collect();
    }
    // Measured once, not once for each piece.
    let columns_of: fn(&str) -> usize = if is_plain(text) { str::len } else { wide };
    let mut lines: Vec<String> = Vec::new();
    let (mut line, mut taken) = (String::new(), 0);
    let mut rest = text.trim();
    while !rest.is_empty() {
        let spaces = rest.bytes().take_while(|byte| *byte == b' ').count();
        let end = rest[spaces..].bytes().position(|byte| byte == b' ').map_or(rest.len(), |at| spaces + at);
        let (piece, word) = (&rest[..end], &rest[spaces..end]);
        rest = &rest[end..];
        let more = columns_of(piece);
        if line.is_empty() || taken + more <= columns {
            line.push_str(piece);
            taken += more;
        } else {
            lines.push(std::mem::replace(&mut line, word.to_owned()));
            taken = more - spaces;
        }
        while taken > columns {
            let first = begin(&line, columns);
            // What is wider than a whole line cannot be broken any further.
            let at = if first.is_empty() { line.chars().next().map_or(0, char::len_utf8) } else { first.len() };
            let after = line.split_off(at);
            taken = columns_of(&after);
            lines.push(std::mem::replace(&mut line, after));
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// A reason on one line, in which a long quotation between backticks, mostly a proof's command, is cut: whoever needs it
/// whole finds it with the criterion.
pub fn brief(text: &str) -> String {
    let text = clean(text);
    let mut out = String::with_capacity(text.len());
    for (n, part) in text.split('`').enumerate() {
        out.push_str(if n == 0 { "" } else { "`" });
        if n % 2 == 1 && part.len() > QUOTED {
            out.push_str(&cut(part, QUOTED));
        } else {
            out.push_str(part);
        }
    }
    out
}

/// Columns of a quotation in a line of words.
const QUOTED: usize = 40;

/// `1 file`, `2 files`.
pub fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_command_keeps_the_spaces_that_it_means_where_no_line_ends() {
        assert_eq!(wrap("grep  'a  b'  file", 80), ["grep  'a  b'  file"]);
        assert_eq!(wrap("grep  'a  b'  file", 12), ["grep  'a  b'", "file"]);
        assert_eq!(wrap("a abcdefgh b", 4), ["a", "abcd", "efgh", "b"]);
        assert!(wrap("  ", 4).is_empty());
    }

    #[test]
    fn a_long_command_in_a_reason_is_cut_and_a_short_one_is_not() {
        let reason = brief(&format!("1 of 1 criteria unmet: A (`{}` exits 1)", "x".repeat(500)));
        assert!(wide(&reason) < 90 && reason.ends_with("x…` exits 1)"), "{reason}");
        assert_eq!(brief("type `chant list`\nnow"), "type `chant list` now");
    }

    #[test]
    fn what_is_shown_as_written_keeps_its_lines_and_steers_nothing() {
        assert_eq!(tame("a\tb\n\u{1b}[31m\u{202e}"), "a\tb\n\u{fffd}[31m\u{fffd}");
        assert_eq!(clean("a\tb\n\u{1b}[31m\u{202e}"), "a b [31m");
    }

    proptest! {
        #[test]
        fn a_cut_text_is_never_wider_than_asked_for(text in any::<String>(), columns in 0_usize..40) {
            let text = clean(&text);
            prop_assert!(wide(&cut(&text, columns)) <= columns.max(wide("")));
        }

        #[test]
        fn wrapped_lines_are_never_wider_and_lose_nothing_but_spaces(text in any::<String>(), columns in 2_usize..40) {
            let text = clean(&text);
            let lines = wrap(&text, columns);
            for line in &lines {
                prop_assert!(wide(line) <= columns, "{line:?}");
            }
            let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
        }
    }
}
