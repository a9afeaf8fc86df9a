//! Tests that a change takes away or makes say less: for the eyes of whoever reviews it. A guess from the text, in no
//! language in particular; it decides nothing, but where the settings say `strict: true`.

use super::code_line::{is_comment, is_shell};
use super::loosened::loosened;
use super::programs::{is_program, names_file, programs};

/// What a change did to a file of tests, or to a program that a proof runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakened {
    /// The file is gone.
    Deleted,
    /// It has fewer checks than before: how many there were, and are.
    Fewer(usize, usize),
    /// It has fewer tests that are run, and as many checks: how many there were, and are.
    FewerTests(usize, usize),
    /// It ends before checks that were there.
    Leaves,
    /// It passes over tests that were there.
    Skips,
    /// It lets commands fail that were not to.
    Forgives,
    /// Something that did something does nothing any more.
    Emptied,
    /// A proof runs it, and it is another program now: whether it says less, the text does not tell.
    Program,
}

/// What marks a line that checks something.
const CHECKS: [&str; 8] = ["assert", "expect(", "should", "t.Error", "t.Fatal", "require.", "verify(", "must_"];
/// What checks something whatever is the case.
const TRIVIAL: [&str; 12] = [
    "assert True",
    "assert 1",
    "assert true",
    "assert!(true",
    "assertTrue(true)",
    "assertTrue(True)",
    "assert(true)",
    "expect(true)",
    "expect(1)",
    "assert.ok(true)",
    "assert.True(t, true",
    "assert_eq!(1, 1",
];
/// Commands of a shell that check something.
const COMMANDS: [&str; 9] = ["test", "[", "[[", "grep", "diff", "cmp", "fail", "die", "egrep"];
/// Directories that hold tests.
const DIRS: [&str; 6] = ["test", "tests", "__tests__", "spec", "testing", "e2e"];

impl Weakened {
    /// In words.
    pub fn words(self) -> String {
        match self {
            Self::Deleted => "test deleted".to_owned(),
            Self::Fewer(before, now) => format!("fewer checks, {before} before and {now} now"),
            Self::FewerTests(before, now) => format!("fewer tests, {before} before and {now} now"),
            Self::Leaves => "ends before checks that were there".to_owned(),
            Self::Skips => "skips tests".to_owned(),
            Self::Forgives => "lets checks fail unnoticed".to_owned(),
            Self::Emptied => "empties what did something".to_owned(),
            Self::Program => "is run by a proof, and was changed".to_owned(),
        }
    }

    /// Whether `strict: true` fails it. A changed program of a proof is shown, and its landing waits for a person anyway.
    pub fn is_loss(self) -> bool {
        self != Self::Program
    }
}

/// Whether one of these commands runs a file of the tree, as far as its words tell: `inside` is its path from where they run.
pub fn is_run_by<'a>(mut commands: impl Iterator<Item = &'a str>, inside: &str, text: &str) -> bool {
    let by_name = is_program(inside) || text.starts_with("#!");
    commands.any(|command| {
        programs(command).iter().any(|program| program == inside) || by_name && names_file(command, inside)
    })
}

/// What a change does to a file of tests, or to one that a proof runs (`run`); nothing where it is neither, or nothing is
/// lost. Sides that are `None` are not there.
pub fn weakened(path: &str, old: Option<&str>, new: Option<&str>, run: bool) -> Vec<Weakened> {
    let Some(old) = old.filter(|old| run || is_test(path, old)) else { return Vec::new() };
    let Some(new) = new else { return vec![Weakened::Deleted] };
    if old == new {
        return Vec::new();
    }
    let (before, now) = (checks(path, old), checks(path, new));
    let mut found = Vec::new();
    if now < before {
        found.push(Weakened::Fewer(before, now));
    }
    found.extend(loosened(path, old, new));
    let (before, now) = (tests(old), tests(new));
    if now < before && found.is_empty() {
        found.push(Weakened::FewerTests(before, now));
    }
    if run {
        found.push(Weakened::Program);
    }
    found
}

/// How many lines check something.
fn checks(path: &str, text: &str) -> usize {
    let shell = is_shell(path, text);
    let by_command = |line: &str| {
        let parts = line.split([';', '|', '&']).filter_map(|part| {
            part.split_whitespace().find(|word| !["!", "if", "then", "elif", "while", "until"].contains(word))
        });
        parts.into_iter().any(|word| COMMANDS.contains(&word)) || line.contains("exit 1") || line.contains("return 1")
    };
    let is_check = |line: &&str| {
        let trivial = TRIVIAL.iter().any(|mark| {
            let rest = line.find(mark).map(|at| line[at + mark.len()..].trim_end());
            rest.is_some_and(|rest| {
                rest.is_empty() || rest == " == 1" || mark.ends_with(')') || rest.starts_with([')', ',', ';'])
            })
        });
        let end = line.trim_end().trim_end_matches([')', ';', ',']);
        let vacuous = ["or True", "|| true"].iter().any(|always| end.ends_with(always));
        let marked = CHECKS.iter().any(|mark| line.contains(mark)) && !trivial && !vacuous;
        !is_comment(line) && (marked || shell && by_command(line))
    };
    text.lines().filter(is_check).count()
}

/// How many lines begin a test that a runner finds by its name or mark.
fn tests(text: &str) -> usize {
    const BEGIN: [&str; 12] = [
        "def test",
        "async def test",
        "func Test",
        "@test ",
        "it(",
        "test(",
        "it.each",
        "test.each",
        "@Test",
        "TEST(",
        "TEST_F(",
        "[Fact",
    ];
    let begins = |line: &&str| {
        let line = line.trim_start();
        let marked = line.starts_with("#[") && (line.starts_with("#[test]") || line.contains("::test"));
        !is_comment(line) && (marked || BEGIN.iter().any(|begin| line.starts_with(begin)))
    };
    text.lines().filter(begins).count()
}

fn is_test(path: &str, text: &str) -> bool {
    if path.starts_with(".chant/") || path.contains("/.chant/") {
        return false;
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    let whole = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let stem = whole.to_lowercase();
    let named = stem.starts_with("test_")
        || ["_test", ".test", "-test", "_spec", ".spec", "-spec", "_tests"].iter().any(|end| stem.ends_with(end))
        || ["Test", "Tests", "Spec"].iter().any(|end| whole.ends_with(end))
        || ["test", "tests", "check", "conftest"].contains(&stem.as_str());
    named || parts.iter().any(|part| DIRS.contains(part)) || text.contains("#[test]")
}
