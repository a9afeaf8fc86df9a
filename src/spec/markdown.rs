//! Reads a spec's markdown: titles, criteria with their proofs, steps. One pass, line by line.
//!
//! A line in a code fence or a comment is never a title, a heading or a criterion.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Sink};
use super::line::{Fence, Proof, ends_with_proof, heading, indent, is_rule, marker, nearly_task, proof, task};
use super::model::{Criterion, Step};

/// What the markdown says.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Every heading of level one.
    pub titles: Vec<(String, Range<usize>)>,
    pub criteria: Vec<Criterion>,
    pub steps: Vec<Step>,
}

/// Reads a part of the source; what is wrong with it goes to the sink.
pub(super) fn outline(source: &str, body: Range<usize>, sink: &mut Sink) -> Outline {
    let mut scan = Scan::new(sink);
    let mut at = body.start;
    let first = 1 + source[..at].bytes().filter(|b| *b == b'\n').count();
    for (number, line) in (first..).zip(source[body].split_inclusive('\n')) {
        let text = line.strip_suffix('\n').unwrap_or(line);
        scan.line(Line { text: text.strip_suffix('\r').unwrap_or(text), at, number });
        at += line.len();
    }
    scan.finish()
}

#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    at: usize,
    number: usize,
}

impl Line<'_> {
    /// From a byte of the line to its last visible character.
    fn from(&self, start: usize) -> Range<usize> {
        self.at + start..self.at + self.text.trim_end().len().max(start)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Other,
    Criteria,
    Steps,
}

/// A code fence that is open.
struct Block {
    fence: Fence,
    /// Columns at the head of the fence, which its lines may have as well.
    indent: usize,
    /// Where the list item that holds it begins: a line further left ends both.
    container: usize,
    span: Range<usize>,
    step: Option<Step>,
}

struct Scan<'s> {
    sink: &'s mut Sink,
    out: Outline,
    section: Section,
    block: Option<Block>,
    /// In an HTML comment.
    comment: bool,
    /// The columns at which the texts of the enclosing list items begin, the innermost last.
    items: Vec<usize>,
    /// Whether the last line was text that the next one can go on with.
    paragraph: bool,
    /// Criteria that can still be given a proof, the innermost last.
    open: Vec<Open>,
}

/// A criterion that has not ended.
struct Open {
    /// Its place among the criteria.
    index: usize,
    /// How many list items enclose its text, itself included.
    depth: usize,
    /// Where its proof stands.
    proven: Option<Range<usize>>,
}

impl<'s> Scan<'s> {
    fn new(sink: &'s mut Sink) -> Self {
        Self {
            sink,
            out: Outline::default(),
            section: Section::Other,
            block: None,
            comment: false,
            items: Vec::new(),
            paragraph: false,
            open: Vec::new(),
        }
    }

    fn line(&mut self, line: Line<'_>) {
        let (columns, bytes) = indent(line.text);
        let text = &line.text[bytes..];
        if self.in_fence(line, columns, text) {
            return;
        }
        if self.comment {
            self.comment = !text.contains("-->");
            return;
        }
        if text.trim().is_empty() {
            self.paragraph = false;
            return;
        }
        let lazy = self.paragraph && !begins_block(text);
        if !lazy {
            self.leave(columns);
        }
        if self.is_proof(line, bytes) {
            return;
        }
        let depth = columns.saturating_sub(self.items.last().copied().unwrap_or(0));
        match depth {
            4.. => self.continuation(text),
            _ => self.block_line(line, columns, bytes),
        }
    }

    /// List items end where a line stands further left than their text, and so do the criteria they are.
    fn leave(&mut self, columns: usize) {
        while self.items.last().is_some_and(|inner| *inner > columns) {
            self.items.pop();
        }
        while let Some(ended) = self.open.pop_if(|open| open.depth > self.items.len()) {
            self.end(&ended);
        }
    }

    /// A criterion can be given no more text or proof.
    fn end(&mut self, ended: &Open) {
        let Some(criterion) = self.out.criteria.get(ended.index) else { return };
        if criterion.text.is_empty() {
            let help = "say what must become true, as in `- [ ] There is a greeting`, or delete the line: it counts as a \
                        criterion, and without a proof as unmet until somebody ticks it";
            self.sink.warn("chant::criterion", "this criterion says nothing", criterion.span.clone(), "here", help);
        }
        if ended.proven.is_none() && ends_with_proof(&criterion.text) {
            let help = "put the code span on the line under the criterion, indented, alone";
            let message = "a proof on the criterion's own line is not run";
            self.sink.warn("chant::proof", message, criterion.span.clone(), "here", help);
        }
    }

    fn block_line(&mut self, line: Line<'_>, columns: usize, bytes: usize) {
        let text = &line.text[bytes..];
        if text.starts_with("<!--") {
            self.comment = !text.contains("-->");
            self.paragraph = false;
        } else if let Some(fence) = Fence::open(text) {
            self.open_fence(fence, line, columns, bytes);
        } else if let (true, Some((level, words))) = (self.items.is_empty(), heading(text)) {
            self.heading(level, line, bytes, words);
        } else if is_rule(text) {
            self.paragraph = false;
        } else if let Some(length) = marker(text) {
            self.item(line, columns, bytes, length);
        } else if text.starts_with('>') {
            self.paragraph = false;
        } else {
            self.continuation(text);
            self.paragraph = true;
        }
    }

    fn heading(&mut self, level: usize, line: Line<'_>, bytes: usize, words: Range<usize>) {
        self.paragraph = false;
        let text = flat(&line.text[bytes..][words.clone()]);
        let span = line.at + bytes + words.start..line.at + bytes + words.end;
        let section = match text.trim_end_matches(':').trim_end().to_lowercase().as_str() {
            "acceptance criteria" => Section::Criteria,
            "steps" => Section::Steps,
            _ => Section::Other,
        };
        if level != 2 && section == Section::Criteria {
            let help = "write `## Acceptance Criteria`";
            self.sink.warn("chant::heading", "criteria stand under a heading of level two", span.clone(), "here", help);
        }
        match level {
            1 => {
                self.section = Section::Other;
                self.out.titles.push((text, span));
            }
            2 => self.section = section,
            _ => {}
        }
    }

    fn item(&mut self, line: Line<'_>, columns: usize, bytes: usize, marker: usize) {
        let after = &line.text[bytes + marker..];
        let (gap, gap_bytes) = indent(after);
        let text = after[gap_bytes..].trim_end();
        let gap = if text.is_empty() || gap > 4 { 1 } else { gap };
        self.items.push(columns + marker + gap);
        self.paragraph = !text.is_empty();
        if let Some(fence) = Fence::open(text) {
            self.open_fence(fence, line, columns + marker + gap, bytes);
        } else if self.section == Section::Criteria {
            self.task(line, bytes, text);
        }
    }

    fn task(&mut self, line: Line<'_>, bytes: usize, text: &str) {
        let span = line.from(bytes);
        if let Some((ticked, words)) = task(text) {
            self.open.push(Open { index: self.out.criteria.len(), depth: self.items.len(), proven: None });
            self.out.criteria.push(Criterion { text: flat(words), ticked, command: None, line: line.number, span });
        } else if nearly_task(text) {
            let help = "a criterion begins with `- [ ] ` or `- [x] `";
            self.sink.warn("chant::criterion", "this is no task item, and so no criterion", span, "here", help);
        }
    }

    /// Text that goes on with what the line before began.
    fn continuation(&mut self, text: &str) {
        let open = self.open.last().filter(|open| self.paragraph && open.depth == self.items.len());
        if let Some(criterion) = open.and_then(|open| self.out.criteria.get_mut(open.index)) {
            if !criterion.text.is_empty() {
                criterion.text.push(' ');
            }
            criterion.text.push_str(&flat(text));
        }
    }

    /// Takes a line that is the open criterion's proof, or was meant to be one.
    fn is_proof(&mut self, line: Line<'_>, bytes: usize) -> bool {
        if self.section != Section::Criteria {
            return false;
        }
        let found = proof(&line.text[bytes..]);
        let span = line.from(bytes);
        match (found, self.open.last_mut()) {
            (Proof::None, _) => return false,
            (Proof::Command(command), Some(_)) => self.prove(command, span),
            (Proof::Broken(why), Some(open)) => {
                let help = "as in `$ test -f README.md` between backticks, on one line; double backticks hold single ones; \
                            a longer proof is a script of its own";
                open.proven = Some(span.clone());
                self.sink.error("chant::proof", why, span, "here", help);
            }
            (_, None) => {
                let help = "a proof stands indented under a task item: `- [ ] …`";
                self.sink.warn("chant::proof", "this proof belongs to no criterion", span, "it is not run", help);
            }
        }
        true
    }

    fn prove(&mut self, command: &str, span: Range<usize>) {
        let Some(open) = self.open.last_mut() else { return };
        if let Some(before) = open.proven.clone() {
            let twice = Diagnostic::error("chant::proof", self.sink.source(), "this criterion has two proofs");
            let twice = twice.label(before, "first here").label(span, "again here");
            self.sink.push(twice.help("join the commands with `&&`, or make two criteria of it"));
        } else if let Some(criterion) = self.out.criteria.get_mut(open.index) {
            criterion.command = Some(command.to_owned());
            open.proven = Some(span);
        }
    }

    fn open_fence(&mut self, fence: Fence, line: Line<'_>, columns: usize, bytes: usize) {
        self.paragraph = false;
        let span = line.from(bytes);
        let runs = matches!(fence.language.as_str(), "sh" | "bash" | "shell");
        if self.section == Section::Steps && fence.language.is_empty() {
            let message = "a step without a language is not run";
            self.sink.warn("chant::steps", message, span.clone(), "here", "write ```sh to have it run");
        }
        let step = (self.section == Section::Steps && runs).then(|| Step { script: String::new(), line: line.number });
        let container = self.items.last().copied().unwrap_or(0);
        self.block = Some(Block { fence, indent: columns, container, span, step });
    }

    /// Takes a line that stands in a fence or closes it.
    fn in_fence(&mut self, line: Line<'_>, columns: usize, text: &str) -> bool {
        let Some(block) = &mut self.block else { return false };
        if columns < block.container && !text.trim().is_empty() {
            // The list item is over, and so is the fence in it.
            self.end_fence(false);
            return false;
        }
        if block.fence.is_closed_by(text) {
            self.end_fence(true);
        } else if let Some(step) = &mut block.step {
            step.script.push_str(without_indent(line.text, block.indent));
            step.script.push('\n');
        }
        true
    }

    fn end_fence(&mut self, closed: bool) {
        let Some(block) = self.block.take() else { return };
        let help = "close it with a line of the same marks";
        match (closed, block.step) {
            (true, Some(step)) => self.out.steps.push(step),
            (true, None) => {}
            (false, Some(_)) => {
                self.sink.error("chant::fence", "this step never ends", block.span, "it opens here", help)
            }
            (false, None) => self.sink.warn("chant::fence", "this code never ends", block.span, "it opens here", help),
        }
    }

    fn finish(mut self) -> Outline {
        self.end_fence(false);
        self.items.clear();
        self.leave(0);
        self.out
    }
}

/// Whether a line begins something new even right under a paragraph.
fn begins_block(text: &str) -> bool {
    let punctuation = text.starts_with('>') || text.starts_with("<!--");
    punctuation || heading(text).is_some() || marker(text).is_some() || is_rule(text) || Fence::open(text).is_some()
}

/// On one line, without control characters, and no two spaces in a row.
fn flat(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// The line without white space at its head, up to so many columns.
fn without_indent(line: &str, columns: usize) -> &str {
    let most = line.bytes().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let fits = (0..=most).take_while(|bytes| indent(&line[..*bytes]).0 <= columns).last();
    &line[fits.unwrap_or(0)..]
}
