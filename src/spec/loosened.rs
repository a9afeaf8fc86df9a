//! What an edit does to tests that were there: leaves before them, passes over them, lets them fail unnoticed, empties them.
//!
//! Read from the lines alone, in no language in particular. Three things are known of a line of the new text: its
//! indentation, whether it was there before (by a diff of the lines without their indentation), and what stands around it. What an
//! edit puts into a block of its own, a new test for one, takes nothing from what was there, and is not told.

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::code_line::{
    ends_word, has_mark, has_words, indent, is_comment, is_shell, says_something, statements, steers, stops_at_errors,
    title,
};
use super::weakened::Weakened;

/// Of longer texts no diff is made: a line counts as one that was there if there is one like it.
const LINES: usize = 10_000;

/// What marks a test that is passed over, or, as `.only(` does, all others.
const SKIPS: [&str; 37] = [
    "#[ignore",
    "#[should_panic",
    "cfg(any())",
    "cfg(FALSE)",
    ".skip(",
    ".skip.",
    ".skipIf(",
    ".runIf(",
    ".todo(",
    ".fails(",
    ".failing(",
    "xit(",
    "xtest(",
    "xdescribe(",
    "xcontext(",
    "xspecify(",
    "mark.skip",
    "mark.xfail",
    "pytest.skip",
    "pytest.xfail",
    "importorskip",
    "unittest.skip",
    "SkipTest",
    "@skip",
    "t.Skip",
    "b.Skip",
    "@Disabled",
    "@Ignore",
    "[Ignore",
    "assumeTrue(",
    "assumeFalse(",
    "Skip = \"",
    "pending(",
    "markTestSkipped(",
    "GTEST_SKIP(",
    "XCTSkip",
    "DISABLED_",
];
/// What has all other tests passed over.
const ONLY: [&str; 6] = [".only(", ".only.", "fit(", "fdescribe(", "fcontext(", ":focus"];
/// What begins a block that never runs.
const DEAD: [&str; 8] = ["if false", "if (false", "if(false", "if False", "if 0", "#if 0", "while false", ": <<"];
/// What ends the whole program well.
const EXITS: [&str; 16] = [
    "process.exit(0)",
    "process.exit()",
    "Deno.exit(0)",
    "Deno.exit()",
    "sys.exit(0)",
    "sys.exit()",
    "os._exit(0)",
    "os.Exit(0)",
    "process::exit(0)",
    "raise SystemExit",
    "System.exit(0)",
    "Environment.Exit(0)",
    "pytest.exit(",
    "exit(0)",
    "quit()",
    "exit!",
];
/// What ends a function and says nothing by it.
const RETURNS: [&str; 12] = [
    "return",
    "return 0",
    "return true",
    "return True",
    "return null",
    "return None",
    "return nil",
    "return undefined",
    "return ()",
    "return Ok(())",
    "return $?",
    "return \"$?\"",
];
/// What follows `||` and makes a failure none.
const FORGIVING: [&str; 10] =
    ["true", ":", "/bin/true", "echo", "printf", "exit 0", "return 0", "exit $?", "continue", "return;"];

/// A line of the new text that says something.
struct Line<'a> {
    text: &'a str,
    indent: usize,
    /// Whether the old text has it.
    kept: bool,
}

/// The two texts, line against line.
struct Edit<'a> {
    lines: Vec<Line<'a>>,
    /// What the old text had and the new one has not.
    gone: Vec<&'a str>,
    shell: bool,
}

/// What an edit of a file of tests, or of a program that proves something, does to what was there.
pub(super) fn loosened(path: &str, old: &str, new: &str) -> Vec<Weakened> {
    let edit = Edit::read(path, old, new);
    let added = |what: &dyn Fn(usize) -> bool| (0..edit.lines.len()).any(|at| !edit.lines[at].kept && what(at));
    let mut found = Vec::new();
    if added(&|at| edit.leaves(at) && edit.comes_before_old(at)) {
        found.push(Weakened::Leaves);
    }
    if added(&|at| edit.skips(at)) {
        found.push(Weakened::Skips);
    }
    if added(&|at| edit.forgives(at)) || stops_at_errors(old) > stops_at_errors(new) {
        found.push(Weakened::Forgives);
    }
    if edit.empties(old) {
        found.push(Weakened::Emptied);
    }
    found
}

impl<'a> Edit<'a> {
    fn read(path: &str, old: &'a str, new: &'a str) -> Self {
        let shell = is_shell(path, new) || is_shell(path, old);
        let before: Vec<&str> = old.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let read = |line: &'a str| Line { text: line.trim(), indent: indent(line), kept: false };
        let mut lines: Vec<Line<'a>> = new.lines().map(read).filter(|line| !line.text.is_empty()).collect();
        let mut gone = Vec::new();
        let after: Vec<&str> = lines.iter().map(|line| line.text).collect();
        if before.len() + after.len() > LINES {
            let was: std::collections::BTreeSet<&str> = before.iter().copied().collect();
            let is: std::collections::BTreeSet<&str> = after.into_iter().collect();
            lines.iter_mut().for_each(|line| line.kept = was.contains(line.text));
            gone.extend(before.into_iter().filter(|line| !is.contains(line)));
            return Self { lines, gone, shell };
        }
        for op in capture_diff_slices(Algorithm::Myers, &before, &after) {
            match op {
                DiffOp::Equal { new_index, len, .. } => {
                    lines[new_index..new_index + len].iter_mut().for_each(|line| line.kept = true);
                }
                DiffOp::Delete { old_index, old_len, .. } | DiffOp::Replace { old_index, old_len, .. } => {
                    gone.extend_from_slice(&before[old_index..old_index + old_len]);
                }
                DiffOp::Insert { .. } => {}
            }
        }
        Self { lines, gone, shell }
    }

    /// Whether a line ends the program, or the function it is in, as if all was well.
    fn leaves(&self, at: usize) -> bool {
        let text = self.lines[at].text;
        if is_comment(text) {
            return false;
        }
        if self.shell {
            return statements(text).any(|words| match words[..] {
                ["exit" | "return"] => true,
                ["exit" | "return", code] => ["0", "$?", "\"$?\""].contains(&code),
                ["exec", "true" | ":" | "/bin/true"] => true,
                _ => false,
            });
        }
        let bare = text.split(" //").next().unwrap_or(text).split("  #").next().unwrap_or(text);
        bare.split([';', '{', '}']).map(str::trim).any(|part| {
            let says = |word: &str| {
                part.strip_suffix(word).is_some_and(|lead| lead.is_empty() || lead.ends_with([' ', ')', ':']))
            };
            EXITS.iter().any(|exit| part.contains(exit))
                || RETURNS.iter().any(|word| says(word))
                || ["exit", "exit 0"].contains(&part)
        })
    }

    /// Whether a line stands in a block that was there, before something of it that was there.
    fn comes_before_old(&self, at: usize) -> bool {
        let Some(floor) = self.block_that_was_there(at) else { return false };
        self.rest_of(at, floor).any(|line| line.kept && says_something(line.text))
    }

    /// The indentation of what encloses a line and was there before, `Some(None)` for the whole file; `None` where it
    /// stands in a block that is new.
    fn block_that_was_there(&self, at: usize) -> Option<Option<usize>> {
        let mut level = self.lines[at].indent;
        for line in self.lines[..at].iter().rev() {
            // Braces on lines of their own belong to the line above them.
            if line.indent >= level && level > 0 || line.indent > 0 && level == 0 || !has_words(line.text) {
                continue;
            }
            if level == 0 {
                break;
            }
            if line.kept {
                return Some(Some(line.indent));
            }
            if !steers(line.text) {
                return None;
            }
            level = line.indent;
        }
        Some(None)
    }

    /// The lines after one, to the end of a block whose beginning has this indentation.
    fn rest_of(&self, at: usize, floor: Option<usize>) -> impl Iterator<Item = &Line<'a>> {
        let inside = move |line: &&Line<'a>| floor.is_none_or(|floor| line.indent > floor);
        self.lines[at + 1..].iter().take_while(inside)
    }

    /// Whether a line has tests passed over that were there.
    fn skips(&self, at: usize) -> bool {
        let text = self.lines[at].text;
        if is_comment(text) {
            return false;
        }
        let had_some = || self.gone.iter().copied().chain(self.kept()).any(says_something);
        if ONLY.iter().any(|mark| has_mark(text, mark)) {
            return had_some();
        }
        if DEAD.iter().any(|mark| text.starts_with(mark)) {
            return self.comes_before_old(at);
        }
        let bats = self.shell && statements(text).any(|words| words.first() == Some(&"skip"));
        if !bats && !SKIPS.iter().any(|mark| has_mark(text, mark)) {
            return false;
        }
        // The same test without the mark, or with another.
        if self.gone.iter().any(|gone| text.contains(gone) || title(gone).is_some_and(|title| text.contains(title))) {
            return true;
        }
        if text.starts_with(['@', '#', '[']) {
            // What it stands above.
            let below = self.lines[at + 1..].iter().find(|line| !line.text.starts_with(['@', '#', '[', '/']));
            return below.is_some_and(|line| line.kept || self.gone.iter().any(|gone| title(gone) == title(line.text)));
        }
        // A test that is defined as one that is skipped takes only what is in it.
        let level = self.lines[at].indent;
        if self.lines.get(at + 1).is_some_and(|line| line.indent > level) {
            return self.rest_of(at, Some(level)).any(|line| line.kept && says_something(line.text));
        }
        let is_whole = (text.contains("=>") || text.contains("function")) && text.trim_end_matches(';').ends_with(')');
        !is_whole && self.comes_before_old(at)
    }

    fn kept(&self) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter(|line| line.kept).map(|line| line.text)
    }

    /// Whether a line lets something fail unnoticed that did not before.
    fn forgives(&self, at: usize) -> bool {
        let text = self.lines[at].text;
        if is_comment(text) {
            return false;
        }
        // The same command, and whatever it says.
        for (n, _) in text.match_indices("||").chain(text.match_indices(';')) {
            let (lead, rest) = (text[..n].trim(), text[n..].trim_start_matches(['|', ';']).trim_start());
            let forgiven = FORGIVING.iter().any(|word| rest.strip_prefix(word).is_some_and(ends_word));
            if forgiven && self.gone.contains(&lead) {
                return true;
            }
        }
        if ["set +e", "set +o errexit", "set +o pipefail"].iter().any(|off| text.starts_with(off)) {
            let Some(floor) = self.block_that_was_there(at) else { return false };
            let until = self.rest_of(at, floor).take_while(|line| stops_at_errors(line.text) == 0);
            return until.into_iter().any(|line| line.kept && says_something(line.text));
        }
        self.catches(at)
    }

    /// Whether a line begins a block that catches what goes wrong in something that was there.
    fn catches(&self, at: usize) -> bool {
        let line = &self.lines[at];
        if !["try", "begin"].iter().any(|word| line.text.strip_prefix(word).is_some_and(ends_word)) {
            return false;
        }
        let block: Vec<&Line<'_>> = self.rest_of(at, Some(line.indent)).collect();
        let end = self.lines.get(at + 1 + block.len()).map_or("", |line| line.text.trim_start_matches(['}', ' ']));
        block.iter().any(|line| line.kept && says_something(line.text))
            && ["except", "catch", "rescue"].iter().any(|word| end.starts_with(word))
    }

    /// Whether a block that did something is there, and does nothing any more.
    fn empties(&self, old: &str) -> bool {
        let were = blocks(old);
        let now: String = self.lines.iter().map(|line| format!("{}{}\n", " ".repeat(line.indent), line.text)).collect();
        let are = blocks(&now);
        were.iter().any(|(head, full)| {
            let closed = |line: &Line<'_>| {
                let tail = line.text.strip_prefix(head.as_str()).unwrap_or("x");
                !line.kept && head.ends_with(['{', ':', '(']) && !says_something(tail)
            };
            *full && (are.iter().any(|(other, full)| other == head && !full) || self.lines.iter().any(closed))
        })
    }
}

/// Each line that begins a block of a name of its own, and whether anything is done in it.
fn blocks(text: &str) -> Vec<(String, bool)> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let heads = lines.iter().enumerate().filter(|(_, line)| {
        let text = line.trim();
        text.ends_with(['{', ':']) && has_words(text) && !steers(text) && !is_comment(text)
    });
    let body = |at: usize| {
        let level = indent(lines[at]);
        lines[at + 1..].iter().take_while(move |line| indent(line) > level).map(|line| line.trim())
    };
    heads.map(|(at, line)| (line.trim().to_owned(), body(at).any(says_something))).collect()
}
