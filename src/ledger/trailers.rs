//! Git's rules for finding trailers in a message, those of `git interpret-trailers --parse --no-divider`.
//!
//! A message ends where it is cut off (a NUL, a scissors line) and before a tail of comments and old conflict lists.
//! Its first paragraph is the title. The last paragraph after it is the block, if all its lines are trailers, or if
//! one was made by Git itself and at least a quarter of all lines are trailers. A line that begins with white space
//! continues the one before. No project's configuration has a say: what a commit means is the same in every clone.

use std::borrow::Cow;

/// What begins a comment.
const COMMENT: u8 = b'#';
/// Everything from this line on is not part of the message.
const SCISSORS: &[u8] = b"# ------------------------ >8 ------------------------\n";
/// Heads an old list of conflicts, whose paths are indented by a tab.
const CONFLICTS: &[u8] = b"Conflicts:\n";
/// Lines that Git itself writes: one of them vouches for a block with other lines in it.
const BY_GIT: [&[u8]; 2] = [b"Signed-off-by: ", b"(cherry picked from commit "];

/// One trailer, unfolded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trailer {
    /// Letters, digits and hyphens, in the case in which they stand.
    pub key: String,
    /// The value on one line, without white space around it; what is not UTF-8 is replaced.
    pub value: String,
}

/// The trailers of a commit message, in their order.
pub fn parse(message: &[u8]) -> Vec<Trailer> {
    let message = whole(message);
    let lines: Vec<&[u8]> = body(&message).split_inclusive(|byte| *byte == b'\n').collect();
    unfold(&lines[block_start(&lines)..])
}

/// The message up to a NUL, its last line complete.
fn whole(message: &[u8]) -> Cow<'_, [u8]> {
    let text = message.split(|byte| *byte == 0).next().unwrap_or_default();
    // Git completes the last line before it looks for a NUL, so only a message without one is completed.
    if text.len() == message.len() && !text.is_empty() && !text.ends_with(b"\n") {
        return Cow::Owned([text, b"\n"].concat());
    }
    Cow::Borrowed(text)
}

/// The message without what follows scissors and without its tail of comments, empty lines and conflicts.
fn body(message: &[u8]) -> &[u8] {
    let message = &message[..scissors(message)];
    let (mut tail, mut at, mut conflicts) = (None, 0, false);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        match line {
            [COMMENT | b'\n', ..] => tail = tail.or(Some(at)),
            CONFLICTS => {
                conflicts = true;
                tail = tail.or(Some(at));
            }
            [b'\t', ..] if conflicts => {}
            _ if tail.is_some() => (tail, conflicts) = (None, false),
            _ => {}
        }
        // To Git a tail that begins with the message is none.
        tail = tail.filter(|start| *start > 0);
        at += line.len();
    }
    &message[..tail.unwrap_or(message.len())]
}

/// Where the scissors are, or the end.
fn scissors(message: &[u8]) -> usize {
    if message.starts_with(SCISSORS) {
        return 0;
    }
    if !message.contains(&COMMENT) {
        return message.len();
    }
    let here = |at: &usize| message[at + 1..].starts_with(SCISSORS);
    let newlines = message.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    newlines.into_iter().find(here).map_or(message.len(), |at| at + 1)
}

/// What may vouch for or against the lines between two blank ones; read from the last line to the first.
#[derive(Default)]
struct Paragraph {
    trailers: usize,
    others: usize,
    /// Indented lines that have not met what they continue.
    indented: usize,
    by_git: bool,
}

impl Paragraph {
    fn add(&mut self, line: &[u8]) {
        if BY_GIT.iter().any(|prefix| line.starts_with(prefix)) {
            self.by_git = true;
            self.trailer();
        } else if is_space(line[0]) {
            self.indented += 1;
        } else if separator(line).is_some() {
            self.trailer();
        } else {
            self.others += 1;
            self.orphaned();
        }
    }

    /// A trailer takes in the indented lines below it.
    fn trailer(&mut self) {
        self.trailers += 1;
        self.indented = 0;
    }

    /// Indented lines that continue no trailer count against the block.
    fn orphaned(&mut self) {
        self.others += std::mem::take(&mut self.indented);
    }

    fn is_block(&self) -> bool {
        (self.by_git && self.trailers * 3 >= self.others) || (self.trailers > 0 && self.others == 0)
    }
}

/// The number of the first line of the block; the number of lines where there is none.
fn block_start(lines: &[&[u8]]) -> usize {
    let title = lines.iter().take_while(|line| is_comment(line) || !is_blank(line)).count();
    let (mut paragraph, mut begun) = (Paragraph::default(), false);
    for (number, line) in lines.iter().enumerate().skip(title).rev() {
        if is_comment(line) {
            paragraph.orphaned();
        } else if !is_blank(line) {
            begun = true;
            paragraph.add(line);
        } else if begun {
            paragraph.orphaned();
            return if paragraph.is_block() { number + 1 } else { lines.len() };
        }
    }
    lines.len()
}

fn unfold(block: &[&[u8]]) -> Vec<Trailer> {
    let mut folded: Vec<Cow<[u8]>> = Vec::new();
    // Whether the last line was a trailer, or continued one.
    let mut open = false;
    for line in block {
        match folded.last_mut() {
            Some(last) if open && is_space(line[0]) => last.to_mut().extend_from_slice(line),
            _ => {
                open = separator(line).is_some();
                if open {
                    folded.push(Cow::Borrowed(line));
                }
            }
        }
    }
    folded.iter().filter_map(|line| trailer(line)).collect()
}

fn trailer(line: &[u8]) -> Option<Trailer> {
    let colon = separator(line)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let value = trim(&line[colon + 1..]);
    Some(Trailer { key: text(trim(&line[..colon])), value: text(trim(&one_line(value))) })
}

/// A value with each line break, and all white space after it, made one space.
fn one_line(mut value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'\n') {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    while let Some(at) = value.iter().position(|byte| *byte == b'\n') {
        out.extend_from_slice(&value[..at]);
        out.push(b' ');
        value = trim_start(&value[at + 1..]);
    }
    out.extend_from_slice(value);
    Cow::Owned(out)
}

/// Where the colon is that ends a key: letters, digits and hyphens, then perhaps spaces and tabs.
fn separator(line: &[u8]) -> Option<usize> {
    let key = line.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
    let gap = line[key..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    (key > 0 && line.get(key + gap) == Some(&b':')).then_some(key + gap)
}

/// What Git takes for white space: not the vertical tab and the form feed.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| is_space(*byte))
}

fn is_comment(line: &[u8]) -> bool {
    line.first() == Some(&COMMENT)
}

fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_space(*first)
    {
        bytes = rest;
    }
    bytes
}

fn trim(bytes: &[u8]) -> &[u8] {
    let mut bytes = trim_start(bytes);
    while let [rest @ .., last] = bytes
        && is_space(*last)
    {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
#[path = "trailers_tests.rs"]
pub(super) mod tests;
