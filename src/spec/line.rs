//! What a single line of markdown is: the few block rules of CommonMark on which a spec's meaning hangs.

use std::ops::Range;

/// Columns of white space at the head of a line (a tab goes to the next multiple of four), and the bytes they take.
pub(super) fn indent(line: &str) -> (usize, usize) {
    let mut columns = 0;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b' ' => columns += 1,
            b'\t' => columns += 4 - columns % 4,
            _ => return (columns, at),
        }
    }
    (columns, line.len())
}

/// `## Words ##`: the level and where the words stand in the given text.
pub(super) fn heading(text: &str) -> Option<(usize, Range<usize>)> {
    let level = text.bytes().take_while(|b| *b == b'#').count();
    let rest = &text[level..];
    if !(1..=6).contains(&level) || !(rest.is_empty() || rest.starts_with([' ', '\t'])) {
        return None;
    }
    let mut words = rest.trim_end();
    let bare = words.trim_end_matches('#');
    if bare.is_empty() || bare.ends_with([' ', '\t']) {
        words = bare.trim_end();
    }
    let start = text.len() - rest.len() + (words.len() - words.trim_start().len());
    Some((level, start..level + words.len().max(start - level)))
}

/// An opening fence: its character, its length, and what language it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fence {
    mark: char,
    length: usize,
    pub language: String,
}

impl Fence {
    pub fn open(text: &str) -> Option<Self> {
        let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let length = text.chars().take_while(|c| *c == mark).count();
        let info = &text[length..];
        if length < 3 || (mark == '`' && info.contains('`')) {
            return None;
        }
        let word =
            info.trim_start().split(|c: char| c.is_whitespace() || c == '{' || c == ',').next().unwrap_or_default();
        Some(Self { mark, length, language: word.to_ascii_lowercase() })
    }

    pub fn is_closed_by(&self, text: &str) -> bool {
        let rest = text.trim_start_matches(self.mark);
        text.len() - rest.len() >= self.length && rest.trim().is_empty()
    }
}

/// The length of a list item's marker, `-`, `*`, `+`, `1.` or `1)`; white space or the end of the line must follow.
pub(super) fn marker(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let length = match text.as_bytes().get(digits)? {
        b'-' | b'*' | b'+' if digits == 0 => 1,
        b'.' | b')' if (1..=9).contains(&digits) => digits + 1,
        _ => return None,
    };
    matches!(text.as_bytes().get(length), None | Some(b' ' | b'\t')).then_some(length)
}

/// `---`, `* * *` and the like.
pub(super) fn is_rule(text: &str) -> bool {
    let mut marks = text.chars().filter(|c| !c.is_whitespace());
    let Some(first) = marks.next().filter(|c| "-*_".contains(*c)) else { return false };
    let mut more = 0;
    marks.all(|c| {
        more += 1;
        c == first
    }) && more >= 2
}

/// The box at the head of a list item's text: whether it is ticked, and the text after it.
pub(super) fn task(text: &str) -> Option<(bool, &str)> {
    let rest = text.strip_prefix('[')?;
    let ticked = match rest.as_bytes().first()? {
        b' ' => false,
        b'x' | b'X' => true,
        _ => return None,
    };
    let after = rest[1..].strip_prefix(']')?;
    (after.is_empty() || after.starts_with([' ', '\t'])).then(|| (ticked, after.trim()))
}

/// Whether a list item's text looks as if it was meant to have a box: `[]`, `[  ]`, `[x]text`, `[y] text`.
pub(super) fn nearly_task(text: &str) -> bool {
    let Some((inside, after)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) else { return false };
    inside.trim().chars().count() <= 1 && !after.starts_with(['(', '[', ':']) && task(text).is_none()
}

/// What a line under a criterion says about its proof.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Proof<'a> {
    /// Nothing: it is ordinary text.
    None,
    /// The command.
    Command(&'a str),
    /// It was meant to be a proof, and this is wrong with it.
    Broken(&'static str),
}

/// Reads a line that is a code span beginning with `$ `.
pub(super) fn proof(text: &str) -> Proof<'_> {
    let text = text.trim();
    let ticks = text.bytes().take_while(|b| *b == b'`').count();
    let inside = &text[ticks..];
    if ticks == 0 || !inside.trim_start().starts_with('$') {
        return Proof::None;
    }
    let Some(end) = closing(inside, ticks) else {
        let meant = ticks < 3 && inside.trim_start()[1..].starts_with([' ', '\t']);
        return if meant { Proof::Broken("this proof never closes on its line") } else { Proof::None };
    };
    let span = inside[..end].trim();
    let command = &span[1..];
    let after = inside[end + ticks..].trim();
    match command.trim() {
        "" => Proof::Broken("this proof has no command"),
        _ if !command.starts_with([' ', '\t']) && !after.is_empty() => Proof::None,
        _ if !command.starts_with([' ', '\t']) => Proof::Broken("a proof begins with `$` and a space"),
        _ if !after.is_empty() => Proof::Broken("a proof has its line to itself"),
        command if command.contains(|c: char| c.is_control() && c != '\t') => {
            Proof::Broken("this holds control characters")
        }
        command => Proof::Command(command),
    }
}

/// A command as a proof is written: between more backticks than it has in one place.
pub(super) fn as_proof(command: &str) -> String {
    let longest = command.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(longest + 1);
    let space = if command.ends_with('`') { " " } else { "" };
    format!("{ticks}$ {command}{space}{ticks}")
}

/// Where a run of exactly so many backticks begins.
fn closing(text: &str, ticks: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        let start = at + found;
        let length = text[start..].bytes().take_while(|b| *b == b'`').count();
        if length == ticks {
            return Some(start);
        }
        at = start + length;
    }
    None
}

/// Whether a text ends with a code span that was probably meant as a proof.
pub(super) fn ends_with_proof(text: &str) -> bool {
    let text = text.trim_end();
    text.ends_with('`') && text.rfind("`$ ").is_some_and(|at| matches!(proof(&text[at..]), Proof::Command(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Option<(usize, &str)> {
        heading(text).map(|(level, span)| (level, &text[span]))
    }

    proptest! {
        #[test]
        fn a_command_that_is_written_as_a_proof_is_read_as_it_was(command in "[a-z`$' ]{0,8}[a-z`'$]") {
            let command = command.trim();
            let written = as_proof(command);
            prop_assert_eq!(proof(&written), if command.is_empty() { proof("`$ `") } else { Proof::Command(command) });
        }
    }

    #[test]
    fn headings_are_those_of_commonmark() {
        assert_eq!(words("# Title"), Some((1, "Title")));
        assert_eq!(words("##  Two words  ## "), Some((2, "Two words")));
        assert_eq!(words("# C#"), Some((1, "C#")));
        assert_eq!(words("#\tTab"), Some((1, "Tab")));
        assert_eq!(words("# "), Some((1, "")));
        assert_eq!(words("#"), Some((1, "")));
        assert_eq!(words("# #"), Some((1, "")));
        assert_eq!(words("#Title"), None);
        assert_eq!(words("####### seven"), None);
        assert_eq!(words("text"), None);
    }

    #[test]
    fn a_fence_is_closed_by_its_own_kind_and_at_least_its_own_length() {
        let fence = Fence::open("````sh title").unwrap();
        assert_eq!(fence.language, "sh");
        assert!(fence.is_closed_by("`````  ") && !fence.is_closed_by("```") && !fence.is_closed_by("````x"));
        assert!(!fence.is_closed_by("~~~~"));
        assert_eq!(Fence::open("```Bash{1}").unwrap().language, "bash");
        assert_eq!(Fence::open("```inline```"), None);
        assert_eq!(Fence::open("``"), None);
    }

    #[test]
    fn list_items_come_in_every_style() {
        assert_eq!(["- x", "* x", "+ x", "1. x", "12) x", "-"].map(marker), [1, 1, 1, 2, 3, 1].map(Some));
        assert_eq!(["-x", "1x", ". x", "1234567890. x", "", "--"].map(marker), [None; 6]);
        assert!(is_rule("---") && is_rule("* * *") && is_rule("_ _ _ _") && !is_rule("- -") && !is_rule("- - x"));
    }

    #[test]
    fn a_box_is_empty_or_ticked_and_a_near_miss_is_seen() {
        assert_eq!(task("[ ] a"), Some((false, "a")));
        assert_eq!(task("[X] a"), Some((true, "a")));
        assert_eq!(task("[x]"), Some((true, "")));
        for text in ["[] a", "[  ] a", "[x]a", "[y] a", "[é] a", "[ x ] a"] {
            assert!(task(text).is_none() && nearly_task(text), "{text}");
        }
        for text in ["[a](b)", "[link] text", "[1]: x", "[ ] a", "a [ ]", "[", "[x](y)"] {
            assert!(!nearly_task(text), "{text}");
        }
    }

    #[test]
    fn a_proof_is_a_code_span_on_a_line_of_its_own() {
        assert_eq!(proof("   `$ test -f x`  "), Proof::Command("test -f x"));
        assert_eq!(proof("`` $ echo `date` ``"), Proof::Command("echo `date`"));
        assert_eq!(proof("``$ a`b``"), Proof::Command("a`b"));
        assert_eq!(proof("```$ a`b``c```"), Proof::Command("a`b``c"));
        for text in ["`test -f x`", "text `$ x`", "`$PATH` is long", "", "`", "$ x", "```$ x"] {
            assert_eq!(proof(text), Proof::None, "{text}");
        }
        for text in ["`$ test", "`$ a``", "`` $ a`", "`$`", "`$ `", "`$test`", "`$ a` and more", "`$ a\u{0}b`"] {
            assert!(matches!(proof(text), Proof::Broken(_)), "{text}: {:?}", proof(text));
        }
        assert!(ends_with_proof("it is there `$ test -f x`") && !ends_with_proof("it is there `x`"));
    }

    #[test]
    fn a_tab_goes_to_the_next_stop() {
        assert_eq!([indent("  x"), indent("\tx"), indent(" \t x"), indent("")], [(2, 2), (4, 1), (5, 3), (0, 0)]);
    }
}
