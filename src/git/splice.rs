//! A text that both sides changed, where there can be no two opinions about the merge.
//!
//! Programs that compare texts may pair repeated lines differently, and then merge differently: gix and Git do, about
//! once in a hundred random texts. But where all of one side's changes lie above a line and all of the other's below
//! it, and that line stands exactly once in each of the three texts, every one of them pairs it with itself, and no
//! change can slide past it: the merge is one side down to that line, and the other side from there on.

use std::collections::HashMap;
use std::ops::Range;

/// The merge of `ours` and `theirs`, which both come from `base`; `None` where it takes a second look.
pub(super) fn splice(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
    if [base, ours, theirs].into_iter().any(is_binary) {
        return None;
    }
    let [base, ours, theirs] = [base, ours, theirs].map(lines);
    let (by_ours, by_theirs) = (changed(&base, &ours), changed(&base, &theirs));
    let (upper, lower, gap) = if by_ours.end <= by_theirs.start {
        (&ours, &theirs, by_ours.end..by_theirs.start)
    } else if by_theirs.end <= by_ours.start {
        (&theirs, &ours, by_theirs.end..by_ours.start)
    } else {
        return None;
    };
    let anchor = unique(&base, upper, lower, gap)?;
    let above = upper.iter().position(|line| *line == base[anchor])?;
    let below = lower.iter().position(|line| *line == base[anchor])?;
    Some(upper[..=above].iter().chain(&lower[below + 1..]).copied().flatten().copied().collect())
}

/// Lines with their ends.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// The lines of `base` between the first and the last change.
fn changed(base: &[&[u8]], side: &[&[u8]]) -> Range<usize> {
    let same = base.iter().zip(side).take_while(|(a, b)| a == b).count();
    let (base_rest, side_rest) = (&base[same..], &side[same..]);
    let tail = base_rest.iter().rev().zip(side_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    same..base.len() - tail
}

/// A line of `gap` that stands once in each of the texts.
fn unique(base: &[&[u8]], upper: &[&[u8]], lower: &[&[u8]], gap: Range<usize>) -> Option<usize> {
    let mut counts: HashMap<&[u8], [u32; 3]> = base[gap.clone()].iter().map(|line| (*line, [0; 3])).collect();
    for (side, text) in [base, upper, lower].into_iter().enumerate() {
        for line in text {
            if let Some(count) = counts.get_mut(line) {
                count[side] += 1;
            }
        }
    }
    gap.into_iter().find(|at| counts.get(base[*at]) == Some(&[1, 1, 1]))
}

/// Git's own test is a NUL byte among the first 8000; here anywhere. Large files are for Git to judge.
fn is_binary(content: &[u8]) -> bool {
    content.len() > 16 << 20 || content.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_above_and_below_a_line_that_stands_once_are_both_taken() {
        let merged = splice(b"a\nb\nc\n", b"A\nb\nc\n", b"a\nb\nC\nd").unwrap();
        assert_eq!(merged, b"A\nb\nC\nd");
        assert_eq!(splice(b"a\nb\nc\n", b"a\nb\nC\n", b"b\nc\n").unwrap(), b"b\nC\n");
    }

    #[test]
    fn repeated_lines_changes_that_touch_and_binaries_take_a_second_look() {
        assert_eq!(splice(b"a\nb\nb\nc\n", b"A\nb\nb\nc\n", b"a\nb\nb\nC\n"), None);
        assert_eq!(splice(b"a\nc\n", b"A\nc\n", b"a\nC\n"), None);
        assert_eq!(splice(b"a\nb\nc\n", b"a\nB\nc\n", b"a\nB\nC\n"), None);
        assert_eq!(splice(b"a\nb\nc\0\n", b"A\nb\nc\0\n", b"a\nb\nC\0\n"), None);
    }
}
