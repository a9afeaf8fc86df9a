//! chant's part of a hook file: put in and taken out again, byte for byte. Text only; nothing here reads a file.

/// How a block is told from the user's own lines.
const END: &str = "# <<< chant <<<\n";
const BEGIN: &str = "# >>> chant >>> `chant hooks uninstall` takes these lines out\n";
/// As above, where the line before it had no end, and got one.
const BEGIN_AFTER_OPEN_LINE: &str = "# >>> chant, after a line without an end >>>\n";
/// As above, where there was no file.
const BEGIN_OF_OURS: &str = "# >>> chant made this file >>> `chant hooks uninstall` takes it away\n";
const SHEBANG: &str = "#!/bin/sh\n";
/// What a server says that cannot judge a push.
const ABSENT: &str = "git-chant is not on the PATH of this server, and without it nothing is let in";

/// How a hook takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Whether Git writes to its standard input, which whoever comes after it has to have as well.
    pub reads: bool,
    /// Whether its exit code can stop what Git is about to do.
    pub decides: bool,
    /// Whether Git must not go on where chant is not there to be asked: the policy of a server.
    pub must: bool,
}

/// What is done with a hook file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chained {
    /// A script for a shell: its text with the block in it.
    Within(Vec<u8>),
    /// Something else, which has to be called: the text of a script that does both.
    Before(Vec<u8>),
}

/// Puts the block into a hook file: after its first line, so that a script which ends with `exec` runs it too. `None`
/// where it is in there already, in whatever version.
pub fn insert(existing: &[u8], name: &str, kind: Kind) -> Option<Chained> {
    if find(existing).is_some() {
        return None;
    }
    if !is_shell(existing) {
        return Some(Chained::Before(caller(name, kind)));
    }
    let at = match existing.iter().position(|byte| *byte == b'\n') {
        Some(end) if existing.starts_with(b"#!") => end + 1,
        None if existing.starts_with(b"#!") => {
            let lines = body(name, kind);
            let block = format!("\n{BEGIN_AFTER_OPEN_LINE}{lines}{END}");
            return Some(Chained::Within([existing, block.as_bytes()].concat()));
        }
        _ => 0,
    };
    let block = format!("{BEGIN}{}{END}", body(name, kind));
    Some(Chained::Within([&existing[..at], block.as_bytes(), &existing[at..]].concat()))
}

/// A hook file where there was none. A file of husky's has no first line of its own.
pub fn fresh(name: &str, kind: Kind, shebang: bool) -> Vec<u8> {
    let first = if shebang { SHEBANG } else { "" };
    format!("{first}{BEGIN_OF_OURS}{}{END}", body(name, kind)).into_bytes()
}

/// A hook file without chant's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// What is left.
    Rest(Vec<u8>),
    /// Nothing but chant's part was in it.
    Nothing,
    /// It stood in for another file, which is to go back to its place.
    Caller,
}

/// Takes the block out; `None` where there is none.
pub fn remove(existing: &[u8]) -> Option<Removed> {
    let (begin, start, end) = find(existing)?;
    let before = match begin {
        BEGIN_AFTER_OPEN_LINE => &existing[..start.saturating_sub(1)],
        _ => &existing[..start],
    };
    let rest = [before, &existing[end..]].concat();
    if begin == BEGIN_OF_OURS && (rest.is_empty() || rest == SHEBANG.as_bytes()) {
        return Some(if contains(&existing[start..end], ASIDE) { Removed::Caller } else { Removed::Nothing });
    }
    Some(Removed::Rest(rest))
}

/// What is put behind the name of a hook that is called by ours.
pub const ASIDE: &str = ".before-chant";

/// The block's first line, and where it begins and ends.
fn find(text: &[u8]) -> Option<(&'static str, usize, usize)> {
    let at_line_start = |at: &usize| *at == 0 || text[at - 1] == b'\n';
    for begin in [BEGIN, BEGIN_AFTER_OPEN_LINE, BEGIN_OF_OURS] {
        let Some(start) = position(text, begin, 0).filter(at_line_start) else { continue };
        let end = position(text, END, start)?;
        return Some((begin, start, end + END.len()));
    }
    None
}

fn position(text: &[u8], wanted: &str, from: usize) -> Option<usize> {
    let found = text[from..].windows(wanted.len()).position(|window| window == wanted.as_bytes());
    found.map(|at| at + from)
}

fn contains(text: &[u8], wanted: &str) -> bool {
    position(text, wanted, 0).is_some()
}

/// Whether a file is a script for a POSIX shell or one that takes what such a one takes.
fn is_shell(text: &[u8]) -> bool {
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Ok(first) = std::str::from_utf8(first) else { return false };
    let Some(line) = first.strip_prefix("#!") else {
        // Without one the system gives a text to a shell.
        return std::str::from_utf8(text).is_ok() && !text.contains(&0);
    };
    let shells = ["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"];
    let words = line.split_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word));
    let mut words = words.filter(|word| *word != "env" && !word.starts_with('-') && !word.contains('='));
    words.next().is_some_and(|program| shells.contains(&program))
}

fn body(name: &str, kind: Kind) -> String {
    let fate = if kind.decides { "exit $?" } else { ":" };
    let found = "if command -v git-chant >/dev/null 2>&1; then";
    let absent = match kind.must {
        true => format!("else echo 'chant: {ABSENT}' >&2; exit 1\n"),
        false => String::new(),
    };
    if !kind.reads {
        let open = if kind.must { "\n" } else { "; " };
        return format!("{found} git-chant hook {name} \"$@\" || {fate}{open}{absent}fi\n");
    }
    format!(
        "{found}\n\
         chant_in=$(cat; echo x)\n\
         printf %s \"${{chant_in%x}}\" | git-chant hook {name} \"$@\" || {fate}\n\
         [ \"$chant_in\" = x ] && exec </dev/null || exec <<chant_in_ends\n\
         ${{chant_in%?x}}\n\
         chant_in_ends\n\
         unset chant_in\n\
         {absent}fi\n"
    )
}

/// A script in place of a hook that is no shell's: chant's part, then the hook itself where Git would have run it.
fn caller(name: &str, kind: Kind) -> Vec<u8> {
    let own = body(name, kind);
    let call =
        format!("chant_next=\"${{0%/*}}/{name}{ASIDE}\"\n[ -x \"$chant_next\" ] && exec \"$chant_next\" \"$@\"\n:\n");
    format!("{SHEBANG}{BEGIN_OF_OURS}{own}{call}{END}").into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: Kind = Kind { reads: false, decides: true, must: false };
    const READS: Kind = Kind { reads: true, decides: true, must: false };

    proptest! {
        #[test]
        fn what_is_put_in_is_taken_out_byte_for_byte(
            first in prop_oneof!["", "#!/bin/sh", "#!/bin/sh\n", "#!/usr/bin/env bash\n", "#!/bin/sh\r\n"],
            rest in "(\\PC|\n|\t){0,60}",
            reads in any::<bool>(),
            must in any::<bool>(),
        ) {
            let text = format!("{first}{rest}").into_bytes();
            let kind = Kind { reads, decides: true, must };
            if let Some(Chained::Within(with)) = insert(&text, "pre-commit", kind) {
                prop_assert_eq!(insert(&with, "pre-commit", kind), None, "twice is the same as once");
                prop_assert_eq!(remove(&with), Some(Removed::Rest(text)));
            }
        }

        #[test]
        fn any_bytes_are_looked_at_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            insert(&bytes, "commit-msg", PLAIN);
            remove(&bytes);
        }
    }

    #[test]
    fn what_is_no_shells_is_called_and_goes_back_to_its_place() {
        for other in [&b"#!/usr/bin/env python3\nprint()\n"[..], b"\x7fELF\x00\x01", b"#!/usr/bin/node\n", b"\xff\xfe"]
        {
            let Some(Chained::Before(script)) = insert(other, "pre-commit", PLAIN) else { panic!("{other:?}") };
            assert_eq!(remove(&script), Some(Removed::Caller));
            assert!(String::from_utf8(script).unwrap().contains("pre-commit.before-chant"));
        }
    }

    #[test]
    fn a_file_of_ours_goes_and_one_to_which_somebody_added_lines_stays() {
        for kind in [PLAIN, READS] {
            let ours = fresh("pre-push", kind, true);
            assert_eq!(remove(&ours), Some(Removed::Nothing));
            assert_eq!(insert(&ours, "pre-push", kind), None);
            let more = [&ours[..], b"make lint\n"].concat();
            assert_eq!(remove(&more), Some(Removed::Rest(b"#!/bin/sh\nmake lint\n".to_vec())));
        }
        assert_eq!(remove(&fresh("pre-commit", PLAIN, false)), Some(Removed::Nothing));
        assert_eq!(remove(b"#!/bin/sh\nmake lint\n"), None);
    }

    #[test]
    fn the_shells_are_known_by_their_first_line() {
        for (line, shell) in [
            ("#!/bin/sh", true),
            ("#! /usr/bin/env -S bash -e", true),
            ("#!/bin/dash", true),
            ("make", true),
            ("#!/usr/bin/python3", false),
            ("#!/usr/bin/env node", false),
            ("#!/usr/bin/fish", false),
        ] {
            assert_eq!(is_shell(line.as_bytes()), shell, "{line}");
        }
    }
}
