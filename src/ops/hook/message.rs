//! A commit message as Git will clean it up: without comments, and without what is below the scissors.

use crate::ledger;

/// The line below which Git takes nothing, after the comment character.
const SCISSORS: &str = " ------------------------ >8 ------------------------";

/// The key of the line that `--signoff` adds.
const SIGN_OFF: &str = "Signed-off-by";

/// The message that will be committed, as far as its trailers go. `comment` is `core.commentChar`.
pub fn cleaned(text: &[u8], comment: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let Some(rest) = line.strip_prefix(comment.as_bytes()) else {
            out.extend_from_slice(line);
            continue;
        };
        if rest.trim_ascii_end() == SCISSORS.as_bytes().trim_ascii_end() {
            break;
        }
    }
    let end = out.trim_ascii_end().len();
    out.truncate(end);
    if !out.is_empty() {
        out.push(b'\n');
    }
    out
}

/// Whether a message might hold a key of chant at all: most do not, and need no second look.
pub fn may_speak(text: &[u8]) -> bool {
    text.windows(6).any(|window| window.eq_ignore_ascii_case(b"chant-"))
}

/// What the author wrote: without the lines that hooks and `--signoff` add. Nothing of it, and Git would have stopped.
pub fn written(message: &[u8]) -> Vec<&[u8]> {
    let added = |line: &[u8]| {
        let line = String::from_utf8_lossy(line);
        line.split_once(':').is_some_and(|(key, _)| ledger::names_spec(key) || key.eq_ignore_ascii_case(SIGN_OFF))
    };
    let lines = message.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    lines.filter(|line| !line.is_empty() && !added(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_what_is_below_the_scissors_are_not_committed() {
        let text = "Subject\n\n# a comment\nChant-Spec: x\n# ------------------------ >8 ------------------------\nChant-Status: completed\n";
        assert_eq!(cleaned(text.as_bytes(), "#"), b"Subject\n\nChant-Spec: x\n");
        assert_eq!(cleaned(b"; a\n# b\n", ";"), b"# b\n");
        assert_eq!(cleaned(b"# only\n\n", "#"), b"");
    }

    #[test]
    fn what_hooks_and_a_sign_off_add_is_nothing_that_somebody_wrote() {
        assert!(written(b"\nSigned-off-by: Ada <a@b>\nChant-Spec: x\n").is_empty());
        assert_eq!(written(b"Subject\r\n\nbody\n\nChant-Spec: x\n"), [&b"Subject"[..], b"body"]);
    }

    #[test]
    fn only_what_might_hold_a_key_is_looked_at_again() {
        assert!(may_speak(b"x\n\nCHANT-spec: y"));
        assert!(!may_speak(b"an enchanting change"));
    }
}
