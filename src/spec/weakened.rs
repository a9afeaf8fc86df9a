//! Tests that a change takes away or makes say less: for the eyes of whoever reviews it. A guess from the text, in no
//! language in particular; it decides nothing, but where the settings say `strict: true`.

/// What a change did to a file of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakened {
    /// The file is gone.
    Deleted,
    /// It has fewer checks than before: how many there were, and are.
    Fewer(usize, usize),
    /// It passes over more tests than before.
    Skips,
}

/// What marks a test that is passed over.
const SKIPS: [&str; 12] = [
    "#[ignore",
    ".skip(",
    "xit(",
    "xtest(",
    "xdescribe(",
    "mark.skip",
    "mark.xfail",
    "unittest.skip",
    "t.Skip(",
    "@Disabled",
    "@Ignore",
    "pending(",
];
/// What marks a line that checks something.
const CHECKS: [&str; 8] = ["assert", "expect(", "should", "t.Error", "t.Fatal", "require.", "verify(", "must_"];
/// Directories that hold tests.
const DIRS: [&str; 6] = ["test", "tests", "__tests__", "spec", "testing", "e2e"];

impl Weakened {
    /// In words.
    pub fn words(self) -> String {
        match self {
            Self::Deleted => "test deleted".to_owned(),
            Self::Fewer(before, now) => format!("fewer checks, {before} before and {now} now"),
            Self::Skips => "skips tests".to_owned(),
        }
    }
}

/// What a change does to a file of tests; `None` where it is none, or nothing is lost. Sides that are `None` are not
/// there.
pub fn weakened(path: &str, old: Option<&str>, new: Option<&str>) -> Option<Weakened> {
    let old = old.filter(|old| is_test(path, old))?;
    let Some(new) = new else { return Some(Weakened::Deleted) };
    let count =
        |text: &str, marks: &[&str]| text.lines().filter(|line| marks.iter().any(|mark| line.contains(mark))).count();
    let (before, now) = (count(old, &CHECKS), count(new, &CHECKS));
    if now < before {
        return Some(Weakened::Fewer(before, now));
    }
    (count(new, &SKIPS) > count(old, &SKIPS)).then_some(Weakened::Skips)
}

fn is_test(path: &str, text: &str) -> bool {
    if path.starts_with(".chant/") || path.contains("/.chant/") {
        return false;
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_lowercase();
    let named = stem.starts_with("test_")
        || ["_test", ".test", "-test", "_spec", ".spec", "-spec", "_tests"].iter().any(|end| stem.ends_with(end));
    named || parts.iter().any(|part| DIRS.contains(part)) || text.contains("#[test]")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = "it('works', () => {\n  expect(one()).toBe(1)\n  expect(two()).toBe(2)\n})\n";

    #[test]
    fn what_is_lost_in_a_file_of_tests_is_told() {
        let less = TEST.replace("  expect(two()).toBe(2)\n", "");
        let skipped = TEST.replace("it(", "it.skip(");
        for path in ["tests/a.js", "src/a.test.js", "test_a.py", "src/a_spec.rb"] {
            assert_eq!(weakened(path, Some(TEST), None), Some(Weakened::Deleted));
            assert_eq!(weakened(path, Some(TEST), Some(&less)), Some(Weakened::Fewer(2, 1)));
            assert_eq!(weakened(path, Some(TEST), Some(&skipped)), Some(Weakened::Skips));
            assert_eq!(weakened(path, Some(TEST), Some(TEST)), None);
        }
        assert_eq!(
            weakened("src/lib.rs", Some("#[test]\nfn a() { assert!(true) }\n"), Some("")),
            Some(Weakened::Fewer(1, 0))
        );
    }

    #[test]
    fn new_tests_and_other_files_lose_nothing() {
        assert_eq!(weakened("tests/a.js", None, Some(TEST)), None);
        assert_eq!(weakened("src/a.js", Some(TEST), None), None);
        assert_eq!(weakened(".chant/specs/001-test.md", Some("should"), None), None);
        assert_eq!(weakened("contest/latest.js", Some(TEST), None), None);
    }
}
