//! The nearest known word to one that is not known.

/// How many slips turn one word into the other: a letter too much, too few, a wrong one, or two that changed places.
/// Case counts for nothing.
fn distance(a: &str, b: &str) -> usize {
    let lower = |word: &str| word.chars().flat_map(char::to_lowercase).collect::<Vec<char>>();
    let (a, b) = (lower(a), lower(b));
    let mut before = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let wrong = last[j] + usize::from(a[i] != b[j]);
            let mut least = wrong.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// How far a slip of the keyboard can take a word: beyond it a suggestion only confuses.
fn tolerance(word: &str) -> usize {
    (word.chars().count() / 3).max(1)
}

/// The distance from a word to a known one, `None` where they are too far apart for the one to be a slip of the other.
pub(super) fn slip(word: &str, known: &str) -> Option<usize> {
    // Nothing this long is a slip, and the table would be large.
    if word.len() > 200 || known.len() > 200 || word.len().abs_diff(known.len()) > 3 * (tolerance(word) + 1) {
        return None;
    }
    Some(distance(word, known)).filter(|&d| d <= tolerance(word))
}

/// The known word that was most likely meant, if any is near enough.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known.into_iter().filter_map(|k| slip(word, k).map(|d| (d, k))).min().map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_word_that_was_meant_and_a_stranger_finds_none() {
        let known = ["depends_on", "labels", "members"];
        assert_eq!(nearest("depend_on", known), Some("depends_on"));
        assert_eq!(nearest("Label", known), Some("labels"));
        assert_eq!(nearest("memebrs", known), Some("members"));
        assert_eq!(nearest("atuo", ["auto", "review"]), Some("auto"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
    }
}
