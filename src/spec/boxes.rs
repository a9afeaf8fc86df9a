//! What an agent may change in a spec without asking: which boxes are ticked.

use super::line::{indent, marker, task};

/// Whether two texts of a spec differ in nothing but which boxes of their task lists are ticked, to the byte.
pub fn same_but_boxes(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.split('\n').map(unticked).eq(b.split('\n').map(unticked))
}

/// A line before its box, and after it; the whole line where it has none.
fn unticked(line: &str) -> (&str, Option<&str>) {
    let (_, start) = indent(line);
    let text = &line[start..];
    let Some(marker) = marker(text) else { return (line, None) };
    let (_, gap) = indent(&text[marker..]);
    let at = start + marker + gap;
    match task(&line[at..]) {
        Some(_) => (&line[..at], Some(&line[at + 3..])),
        None => (line, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticked_box_is_no_change_and_any_other_byte_is() {
        assert!(same_but_boxes("- [ ] a\n1. [ ] b\n  * [X]\n", "- [x] a\n1. [X] b\n  * [ ]\n"));
        assert!(same_but_boxes("- [ ] a\r\n", "- [x] a\r\n"));
        let changes = [
            ("- [ ] a\n", "- [x] b\n"),
            ("see [ ]", "see [x]"),
            ("- [ ] a\n", "- [x] a"),
            ("- [ ] a\r\n", "- [ ] a \n"),
            ("- [ ] a\n  `$ x`", "- [x] a\n  `$ y`"),
            ("- [ ] `[ ]`", "- [ ] `[x]`"),
            ("- [ ]a", "- [x]a"),
            ("- [ ] a", "* [ ] a"),
        ];
        for (a, b) in changes {
            assert!(!same_but_boxes(a, b), "{a:?} {b:?}");
        }
    }
}
