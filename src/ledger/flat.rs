//! What others say, made harmless before it enters a message.
//!
//! Titles, reasons and names come from specs, agents and people. None of them may end a line where none should end,
//! nor become a trailer of ours wherever tools may move, squash or rewrap the message.

/// A key of ours begins so, in any case.
const OURS: &str = "chant-";
/// What Git looks for in a scissors line, whatever its comment character is.
const SCISSORS: &str = "------------------------ >8 ------------------------";

/// A text on one line: control characters, line breaks and characters that turn the direction of the text become
/// spaces, runs of white space one space, and a key of ours loses its colon.
pub(super) fn line(text: &str) -> String {
    if is_harmless(text) {
        return text.to_owned();
    }
    let plain: String = text.chars().map(|c| if breaks(c) { ' ' } else { c }).collect();
    let harmless = disarm(&plain).replace(SCISSORS, "-- >8 --");
    harmless.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a text is its own line already: as nearly all values are, and thousands of them are read at once.
fn is_harmless(text: &str) -> bool {
    let mut before = b' ';
    for byte in text.bytes() {
        let cut = before == b'>' && byte == b'8';
        if !matches!(byte, b' '..=b'~') || cut || (before == b' ' && byte == b' ') {
            return false;
        }
        before = byte;
    }
    before != b' ' && (!text.contains(':') || finds(text).next().is_none())
}

/// The same, cut off after so many characters.
pub(super) fn line_of_at_most(text: &str, most: usize) -> String {
    let line = line(text);
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

/// Lines that stay lines, with no key of ours in them.
pub(super) fn text(text: &str) -> String {
    let lines = text.lines().map(|raw| {
        let plain: String = raw.chars().map(|c| if breaks(c) { ' ' } else { c }).collect();
        disarm(plain.trim_end())
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Paragraphs that keep their lines, but hold nothing that Git reads as a comment, a cut or a divider.
pub(super) fn paragraphs(said: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    for line in text(said).lines() {
        let hidden = line.starts_with('#') || line.starts_with("---") || line.contains(SCISSORS);
        out.push(if hidden { format!("  {line}") } else { line.to_owned() });
    }
    out.join("\n").trim_matches('\n').to_owned()
}

/// Every key of ours in a text, wherever it stands: the letters, digits and hyphens before a colon.
pub(super) fn keys(text: &str) -> Vec<String> {
    finds(text).map(|(start, end, _)| text[start..end].to_owned()).collect()
}

/// Puts a space for the colon of every key of ours, and for colons behind it that would take its place.
fn disarm(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (_, end, colon) in finds(text) {
        if colon < from {
            continue;
        }
        out.push_str(&text[from..end]);
        out.push(' ');
        let gap = text[colon..].find(|c| !matches!(c, ':' | ' ' | '\t')).unwrap_or(text.len() - colon);
        from = colon + text[colon..colon + gap].rfind(':').map_or(0, |last| last + 1);
    }
    out.push_str(&text[from..]);
    out
}

/// Start and end of each key of ours, and where its colon is.
fn finds(text: &str) -> impl Iterator<Item = (usize, usize, usize)> + '_ {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b':').filter_map(|(colon, _)| {
        let end = bytes[..colon].iter().rposition(|b| !matches!(b, b' ' | b'\t'))? + 1;
        let of_a_key = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
        let word = bytes[..end].iter().rposition(|b| !of_a_key(b)).map_or(0, |at| at + 1);
        let hyphens = bytes[word..end].iter().take_while(|b| **b == b'-').count();
        let start = word + hyphens;
        let ours = text.get(start..start + OURS.len()).is_some_and(|head| head.eq_ignore_ascii_case(OURS));
        (ours && start + OURS.len() < end).then_some((start, end, colon))
    })
}

/// Characters that end a line, move the cursor or turn the direction of the text around them.
fn breaks(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    c.is_control() || turns
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_that_is_taken_as_it_is_comes_out_as_it_was_made_harmless(
            text in "[a ]{0,3}(chant-|Chant-X|-- >8 --|>8|>|:| |\\t|\u{202e}|é|b){0,4}[a :]{0,3}",
        ) {
            let made = disarm(&text.chars().map(|c| if breaks(c) { ' ' } else { c }).collect::<String>());
            let made = made.replace(SCISSORS, "-- >8 --").split_whitespace().collect::<Vec<_>>().join(" ");
            prop_assert_eq!(line(&text), made);
        }
    }
}
