//! What a pull request says: a title, and a description that ends with the trailers.
//!
//! Forges that make a squash's message of the description hand the trailers on, where they are its last paragraph. What
//! stands before them is chant's between two marks, and a person's around those.

use crate::ledger;

const BEGIN: &str = "<!-- chant: what stands between these marks is written anew at every `chant pr` -->";
const END: &str = "<!-- chant: up to here -->";
/// Forges cut or refuse what is longer (GitHub: 65,536 characters).
const LONGEST: usize = 60_000;
/// Longer titles are cut off in every list.
const LONGEST_TITLE: usize = 120;

/// A headed part of the description, in markdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its heading; none above the first.
    pub heading: Option<String>,
    /// What stands under it.
    pub text: String,
}

/// `<id>: <title>`, on one line, with no key of chant's.
pub fn title(id: &str, title: &str) -> String {
    let line = ledger::harmless_line(title);
    let most = LONGEST_TITLE.saturating_sub(id.len() + 2);
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{id}: {}…", line[..end].trim_end()),
        None => format!("{id}: {line}"),
    }
}

/// The description: the parts between the marks, and the trailers as the last paragraph.
pub fn body(parts: &[Part], trailers: &str) -> String {
    let mut text = String::new();
    for part in parts.iter().filter(|part| !part.text.trim().is_empty()) {
        if let Some(heading) = &part.heading {
            text.push_str(&format!("### {heading}\n\n"));
        }
        text.push_str(&ledger::harmless_text(part.text.trim_matches('\n')));
        text.push_str("\n\n");
    }
    // A mark in somebody's text would end ours.
    let text = text.replace("<!-- chant:", "<!-- chant ");
    let text = shortened(text.trim_end());
    format!("{BEGIN}\n\n{text}\n\n{END}\n\n{}\n", trailers.trim())
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}\n\n… (cut off here; `chant show` and `chant diff` have all of it)", &text[..end]),
        None => text.to_owned(),
    }
}

/// The description that a request gets where it has `there` and chant has `ours` to say: a person's words stay, above
/// and below ours, and the trailers stay last. Where nobody wrote anything it is `ours`.
pub fn renew(there: &str, ours: &str) -> String {
    // Forges hand descriptions back with the line ends of browsers.
    let there = there.replace("\r\n", "\n");
    let Some((begin, end)) = marks(&there) else {
        let theirs = there.trim();
        return if theirs.is_empty() { ours.to_owned() } else { format!("{theirs}\n\n{ours}") };
    };
    let Some((_, our_end)) = marks(ours) else { return ours.to_owned() };
    let trailers = ours[our_end..].trim();
    let above = there[..begin].trim();
    // The block that stood there before is no words of a person's.
    let mut below = there[end..].to_owned();
    for block in there[end..].split("\n\n").filter(|part| is_block(part.trim())) {
        below = below.replacen(block, "", 1);
    }
    let parts = [above, ours[..our_end].trim(), below.trim(), trailers];
    let text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n");
    format!("{text}\n")
}

fn marks(text: &str) -> Option<(usize, usize)> {
    let begin = text.find(BEGIN)?;
    let end = begin + text[begin..].find(END)? + END.len();
    Some((begin, end))
}

/// Whether a paragraph is a block of trailers with one of chant's among them.
fn is_block(paragraph: &str) -> bool {
    let is_trailer = |line: &str| {
        let key = line.split_once(": ").map_or("", |(key, _)| key);
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    paragraph.lines().all(is_trailer) && !ledger::mentions(paragraph.as_bytes()).is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(text: &str) -> Part {
        Part { heading: Some("What".to_owned()), text: text.to_owned() }
    }

    const BLOCK: &str = "Chant-Spec: 001-a\nChant-Landing: 001-a 1 0123456789012345678901234567890123456789";

    #[test]
    fn a_title_is_one_line_with_its_id_first() {
        assert_eq!(title("001-a", "Do\nit"), "001-a: Do it");
        let long = title("001-a", &"word ".repeat(60));
        assert!(long.chars().count() <= LONGEST_TITLE + 1 && long.ends_with('…'), "{long}");
    }

    #[test]
    fn the_trailers_are_the_last_paragraph_and_the_only_ones_of_ours() {
        let text = body(&[part("Chant-Status: completed\n\nfine")], BLOCK);
        assert!(text.ends_with(&format!("\n\n{BLOCK}\n")), "{text}");
        let ledger::Reading::Block(block) = ledger::read(format!("t\n\n{text}").as_bytes()) else { panic!("{text}") };
        assert_eq!((block.status, block.landings.len()), (None, 1));
    }

    proptest! {
        #[test]
        fn whatever_parts_say_the_block_is_read_as_it_was_written(texts in proptest::collection::vec("(?s).{0,200}", 0..4)) {
            let parts: Vec<Part> = texts.iter().map(|text| part(text)).collect();
            let message = format!("001-a: t (#7)\n\n{}", body(&parts, BLOCK));
            let read = ledger::read(message.as_bytes());
            let ledger::Reading::Block(block) = read else { return Err(TestCaseError::fail(message)) };
            prop_assert_eq!(block.status, None);
            prop_assert_eq!(block.landings.len(), 1);
        }

        #[test]
        fn writing_anew_twice_is_writing_once_and_a_persons_words_stay(
            above in "[a-z .\n]{0,40}", below in "[a-z .\n]{0,40}", old in "[a-z #\n]{0,80}", new in "[a-z #\n]{0,80}",
        ) {
            let there = format!("{above}\n\n{}\n\n{below}", body(&[part(&old)], BLOCK));
            let ours = body(&[part(&new)], BLOCK);
            let once = renew(&there, &ours);
            prop_assert_eq!(renew(&once, &ours), once.clone());
            prop_assert!(once.contains(above.trim()) && once.contains(below.trim()));
            let last = format!("\n\n{}\n", BLOCK);
            prop_assert!(once.ends_with(&last));
            prop_assert_eq!(once.matches("Chant-Spec").count(), 1);
            prop_assert_eq!(renew(&ours, &ours), ours);
        }
    }

    #[test]
    fn a_description_that_a_browser_sent_back_is_the_same() {
        let ours = body(&[part("one\ntwo")], BLOCK);
        assert_eq!(renew(&ours.replace('\n', "\r\n"), &ours), ours);
        assert_eq!(renew("", &ours), ours);
        assert_eq!(renew("Mine.", &ours), format!("Mine.\n\n{ours}"));
    }
}
