//! Finding words in specs.

use super::model::Spec;

/// What is looked for: texts that must all be in a spec's file or its id. Upper and lower case are the same, but for a text
/// that holds an upper-case letter itself.
#[derive(Debug, Clone)]
pub struct Query {
    texts: Vec<Text>,
}

#[derive(Debug, Clone)]
struct Text {
    text: String,
    exact: bool,
}

/// A line of a spec's file that holds something of what was looked for.
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
            let text = text.trim();
            let exact = text.contains(char::is_uppercase);
            (!text.is_empty()).then(|| Text { text: if exact { text.to_owned() } else { lower(text) }, exact })
        };
        let texts: Vec<Text> = texts.iter().map(text).collect::<Option<_>>()?;
        (!texts.is_empty()).then_some(Self { texts })
    }

    /// The lines of a spec's file that hold any of the texts; `None` where it lacks one of them.
    pub fn hits(&self, spec: &Spec) -> Option<Vec<Hit>> {
        let all = Cased::new(&spec.source.text);
        let id = Cased::new(spec.id.as_str());
        if !self.texts.iter().all(|text| all.holds(text) || id.holds(text)) {
            return None;
        }
        let lines = spec.source.text.lines().enumerate();
        let hit = |(n, line): (usize, &str)| {
            let cased = Cased::new(line);
            let holds = self.texts.iter().any(|text| cased.holds(text));
            holds.then(|| Hit { line: n + 1, text: line.trim().to_owned() })
        };
        Some(lines.filter_map(hit).collect())
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

    fn holds(&self, text: &Text) -> bool {
        if text.exact { self.as_is.contains(&text.text) } else { self.lower.contains(&text.text) }
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

    proptest! {
        #[test]
        fn every_line_of_a_spec_finds_it(at in 0..10_usize) {
            let line = FILE.lines().nth(at).unwrap_or("# Log in again").trim();
            prop_assume!(!line.is_empty());
            let found = hits(FILE, &[line]).unwrap();
            prop_assert!(found.iter().any(|(_, text)| text == line));
        }
    }
}
