//! Finding words in specs.

use std::collections::BTreeSet;

use super::model::Spec;

/// What is looked for: texts that must all be in a spec's file or its id. Upper and lower case are the same, but for a text
/// that holds an upper-case letter itself. Where a text has a space, the file may have any spaces, or the end of a line: words
/// are wrapped as it comes. An empty line ends what belongs together.
#[derive(Debug, Clone)]
pub struct Query {
    texts: Vec<Text>,
}

#[derive(Debug, Clone)]
struct Text {
    /// With one space between its words.
    text: String,
    exact: bool,
    /// Whether it is of several words.
    phrase: bool,
}

/// A line of a spec's file that holds something of what was looked for, or on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Its number, from 1.
    pub line: usize,
    /// The line, without the spaces around it.
    pub text: String,
}

impl Query {
    /// Of these texts; `None` where one of them is empty, for everything holds that.
    pub fn new(texts: &[String]) -> Option<Self> {
        let text = |text: &String| {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let (exact, phrase) = (text.contains(char::is_uppercase), text.contains(' '));
            (!text.is_empty()).then(|| Text { text: if exact { text } else { lower(&text) }, exact, phrase })
        };
        let texts: Vec<Text> = texts.iter().map(text).collect::<Option<_>>()?;
        (!texts.is_empty()).then_some(Self { texts })
    }

    /// The lines of a spec's file that hold any of the texts, or on which one begins; `None` where it lacks one of them.
    pub fn hits(&self, spec: &Spec) -> Option<Vec<Hit>> {
        let (all, id) = (Cased::new(&spec.source.text), Cased::new(spec.id.as_str()));
        let folded = self.texts.iter().any(|text| text.phrase).then(|| all.folded());
        let mut lines = BTreeSet::new();
        for text in &self.texts {
            let begins = match (&folded, text.phrase) {
                (Some(folded), true) => folded.lines_of(text),
                _ => all.lines_of(text),
            };
            if begins.is_empty() && !id.holds(text) {
                return None;
            }
            lines.extend(begins);
        }
        let text = spec.source.text.lines().enumerate();
        let hits =
            text.filter(|(n, _)| lines.contains(n)).map(|(n, line)| Hit { line: n + 1, text: line.trim().to_owned() });
        Some(hits.collect())
    }
}

/// A text as it is, and in lower case.
struct Cased<'t> {
    as_is: &'t str,
    lower: String,
}

impl<'t> Cased<'t> {
    fn new(as_is: &'t str) -> Self {
        Self { as_is, lower: lower(as_is) }
    }

    fn of(&self, text: &Text) -> &str {
        if text.exact { self.as_is } else { &self.lower }
    }

    fn holds(&self, text: &Text) -> bool {
        self.of(text).contains(&text.text)
    }

    /// The lines, from 0, that hold a text.
    fn lines_of(&self, text: &Text) -> Vec<usize> {
        // Most specs hold nothing of it.
        if !self.holds(text) {
            return Vec::new();
        }
        let lines = self.of(text).lines().enumerate();
        lines.filter(|(_, line)| line.contains(&text.text)).map(|(n, _)| n).collect()
    }

    fn folded(&self) -> Folded {
        Folded { as_is: Fold::new(self.as_is), lower: Fold::new(&self.lower) }
    }
}

/// The same with its lines put together.
struct Folded {
    as_is: Fold,
    lower: Fold,
}

impl Folded {
    /// The lines, from 0, on which a text begins.
    fn lines_of(&self, text: &Text) -> Vec<usize> {
        let fold = if text.exact { &self.as_is } else { &self.lower };
        let starts = fold.text.match_indices(&text.text).map(|(at, _)| at);
        starts.map(|at| fold.lines.partition_point(|start| *start <= at).saturating_sub(1)).collect()
    }
}

/// A text with one space for each run of spaces and for the end of a line, and an end of line for an empty one.
struct Fold {
    text: String,
    /// Where each line begins in it.
    lines: Vec<usize>,
}

impl Fold {
    fn new(text: &str) -> Self {
        let mut fold = Self { text: String::with_capacity(text.len()), lines: Vec::new() };
        for line in text.lines() {
            fold.lines.push(fold.text.len());
            let mut words = line.split_whitespace().peekable();
            if words.peek().is_none() {
                fold.text.push('\n');
            }
            for word in words {
                fold.text.push_str(word);
                fold.text.push(' ');
            }
        }
        fold
    }
}

/// In lower case; mostly a step of a few bytes at once.
fn lower(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hits(file: &str, texts: &[&str]) -> Option<Vec<(usize, String)>> {
        let parsed = super::super::parse(&"007-Login".parse().unwrap(), "007-Login.md", file.as_bytes());
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let hits = Query::new(&texts)?.hits(&parsed.spec?)?;
        Some(hits.into_iter().map(|hit| (hit.line, hit.text)).collect())
    }

    const FILE: &str =
        "---\nlabels: [auth]\n---\n# Log in again\n\n  Sessions end too Früh.\n\n## Acceptance Criteria\n\n- [ ] ok\n";

    #[test]
    fn a_spec_is_found_where_it_holds_all_texts_and_each_line_with_one_is_told() {
        let told = vec![(2, "labels: [auth]".to_owned()), (6, "Sessions end too Früh.".to_owned())];
        assert_eq!(hits(FILE, &["auth", "sessions end"]), Some(told));
        assert_eq!(hits(FILE, &["auth", "nowhere"]), None);
    }

    #[test]
    fn case_counts_where_somebody_typed_an_upper_case_letter_alone() {
        assert_eq!(hits(FILE, &["früh"]).unwrap().len(), 1);
        assert_eq!(hits(FILE, &["Log"]).unwrap().len(), 1);
        assert_eq!(hits(FILE, &["LOG"]), None);
    }

    #[test]
    fn what_stands_in_the_id_alone_finds_the_spec_without_a_line() {
        assert_eq!(hits(FILE, &["007-login"]), Some(Vec::new()));
        assert!(Query::new(&["x".to_owned(), "  ".to_owned()]).is_none() && Query::new(&[]).is_none());
    }

    #[test]
    fn words_that_are_wrapped_are_found_on_the_line_on_which_they_begin() {
        let file = "# A title\n\nMembers may be\n  Asked   twice.\n\nOnce more\n";
        assert_eq!(hits(file, &["be asked twice"]).unwrap(), [(3, "Members may be".to_owned())]);
        assert_eq!(hits(file, &["be\nAsked"]).unwrap(), [(3, "Members may be".to_owned())]);
        assert_eq!(hits(file, &["asked twice", "once"]).unwrap().iter().map(|hit| hit.0).collect::<Vec<_>>(), [4, 6]);
        assert_eq!(hits(file, &["twice. once"]), None, "an empty line ends what belongs together");
        assert_eq!(hits(file, &["be Asked Twice"]), None);
    }

    proptest! {
        #[test]
        fn whatever_is_found_by_its_text_has_a_line(
            words in proptest::collection::vec("[a-c]{1,2}", 1..3), gaps in proptest::collection::vec("[ \n]{1,3}", 6),
        ) {
            let file = format!("# A\n{}", ["a", "b", "c", "ab", "b", "a"].iter().zip(&gaps).map(|(word, gap)| format!("{word}{gap}")).collect::<String>());
            if let Some(found) = hits(&file, &[&words.join(" ")]) {
                prop_assert!(!found.is_empty());
            }
        }

        #[test]
        fn every_line_of_a_spec_finds_it(at in 0..10_usize) {
            let line = FILE.lines().nth(at).unwrap_or("# Log in again").trim();
            prop_assume!(!line.is_empty());
            let found = hits(FILE, &[line]).unwrap();
            prop_assert!(found.iter().any(|(_, text)| text == line));
        }
    }
}
