//! Drift: what a completed spec rested on and what stands there now, compared as plain data.
//!
//! Two trees are compared, the one that was completed and the one of today: the files that the spec names to be read, its
//! own text but for its boxes, and the files that its proofs name. Nothing else is asked, no date and no note.

use std::collections::{BTreeMap, BTreeSet};

use crate::ledger::Oid;
use crate::spec::{Spec, edited_criteria, on_a_line, same_but_boxes};

/// Why a file counts for a spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Named under `context`.
    Context,
    /// Named under `informed_by`.
    InformedBy,
    /// Named under `origin`.
    Origin,
    /// Named under `tracks`.
    Tracks,
    /// Named by a proof's command.
    Proof,
}

impl Role {
    /// The key of the frontmatter, or `proof`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Context => "context",
            Self::InformedBy => "informed_by",
            Self::Origin => "origin",
            Self::Tracks => "tracks",
            Self::Proof => "proof",
        }
    }
}

/// What a tree holds of all that counts for a spec.
#[derive(Debug, Clone, Default)]
pub struct Ground {
    /// The spec itself; `None` where it is not there or cannot be read.
    pub spec: Option<Spec>,
    /// The files that count, with their content.
    pub files: BTreeMap<(Role, String), Oid>,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// It was not there.
    Added,
    /// It holds something else.
    Changed,
    /// It is gone.
    Removed,
}

impl How {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// One reason why a spec has drifted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A file that counts is another.
    File {
        /// Why it counts.
        role: Role,
        /// Its path, relative to the project.
        path: String,
        /// What became of it.
        how: How,
    },
    /// A criterion is gone, or proven by another command: in words.
    Criterion(String),
    /// Criteria were added: so many.
    Criteria(usize),
    /// Its text is another, in something but its criteria and boxes.
    Text,
    /// Its file is gone, or cannot be read any more.
    Gone,
}

impl Reason {
    /// In words, on one line.
    pub fn words(&self) -> String {
        match self {
            Self::File { role, path, how } => format!("{} {}: {}", role.as_str(), how.as_str(), on_a_line(path)),
            Self::Criterion(what) => what.clone(),
            Self::Criteria(1) => "a criterion was added".to_owned(),
            Self::Criteria(n) => format!("{n} criteria were added"),
            Self::Text => "its own text changed".to_owned(),
            Self::Gone => "its own file is gone, or cannot be read".to_owned(),
        }
    }

    /// `input`, `text` or `proof`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File { role: Role::Proof, .. } | Self::Criterion(_) | Self::Criteria(_) => "proof",
            Self::File { .. } => "input",
            Self::Text | Self::Gone => "text",
        }
    }
}

/// What is another than it was when the spec was completed; empty where nothing is.
pub fn drift(then: &Ground, now: &Ground) -> Vec<Reason> {
    let mut found = Vec::new();
    let keys: BTreeSet<&(Role, String)> = then.files.keys().chain(now.files.keys()).collect();
    for key in keys {
        let how = match (then.files.get(key), now.files.get(key)) {
            (None, Some(_)) => How::Added,
            (Some(_), None) => How::Removed,
            (Some(a), Some(b)) if a != b => How::Changed,
            _ => continue,
        };
        found.push(Reason::File { role: key.0, path: key.1.clone(), how });
    }
    match (&then.spec, &now.spec) {
        (Some(then), Some(now)) => found.extend(text(then, now)),
        (Some(_), None) => found.push(Reason::Gone),
        (None, _) => {}
    }
    found
}

fn text(then: &Spec, now: &Spec) -> Vec<Reason> {
    if same_but_boxes(then.render(), now.render()) {
        return Vec::new();
    }
    let mut found: Vec<Reason> = edited_criteria(Some(then), Some(now)).into_iter().map(Reason::Criterion).collect();
    let added =
        (now.criteria.len() + found.iter().filter(|one| is_gone(one)).count()).saturating_sub(then.criteria.len());
    if added > 0 {
        found.push(Reason::Criteria(added));
    }
    if found.is_empty() {
        found.push(Reason::Text);
    }
    found
}

fn is_gone(reason: &Reason) -> bool {
    matches!(reason, Reason::Criterion(words) if words.starts_with("criterion gone"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::oid;
    use crate::spec::parse;
    use proptest::prelude::*;

    fn spec(text: &str) -> Spec {
        parse(&"001-a".parse().unwrap(), "a", text.as_bytes()).spec.unwrap()
    }

    const TEXT: &str = "# A\n\nWords.\n\n## Acceptance Criteria\n\n- [ ] One\n      `$ test -f a`\n- [ ] Two\n";

    fn of_text(text: &str) -> Vec<String> {
        let ground = |text: &str| Ground { spec: Some(spec(text)), files: BTreeMap::new() };
        drift(&ground(TEXT), &ground(text)).iter().map(Reason::words).collect()
    }

    #[test]
    fn a_text_has_drifted_in_its_words_or_its_criteria_and_never_in_its_boxes() {
        assert_eq!(of_text(&TEXT.replace("[ ]", "[x]")), Vec::<String>::new());
        assert_eq!(of_text(&TEXT.replace("Words", "Other words")), ["its own text changed"]);
        assert_eq!(of_text(&TEXT.replace("test -f a", "test -f b")), ["proof changed: One"]);
        assert_eq!(of_text(&TEXT.replace("- [ ] Two\n", "")), ["criterion gone: Two"]);
        assert_eq!(of_text(&format!("{TEXT}- [ ] Three\n")), ["a criterion was added"]);
        let both = of_text(&TEXT.replace("Two", "Zwei"));
        assert_eq!(both, ["criterion gone: Two", "a criterion was added"]);
        let gone = drift(&Ground { spec: Some(spec(TEXT)), files: BTreeMap::new() }, &Ground::default());
        assert_eq!(gone, [Reason::Gone]);
    }

    fn roles() -> impl Strategy<Value = Role> {
        proptest::sample::select(vec![Role::Context, Role::InformedBy, Role::Origin, Role::Tracks, Role::Proof])
    }

    fn files() -> impl Strategy<Value = BTreeMap<(Role, String), u32>> {
        proptest::collection::btree_map((roles(), "[ab]/[cd]"), 0_u32..3, 0..8)
    }

    fn ground(files: &BTreeMap<(Role, String), u32>) -> Ground {
        Ground { spec: None, files: files.iter().map(|(key, n)| (key.clone(), oid(*n))).collect() }
    }

    proptest! {
        #[test]
        fn what_is_the_same_has_not_drifted(files in files()) {
            prop_assert_eq!(drift(&ground(&files), &ground(&files)), []);
        }

        #[test]
        fn every_difference_is_named_once_and_looked_at_from_the_other_side_turned_round(a in files(), b in files()) {
            let there = drift(&ground(&a), &ground(&b));
            let differ = a.keys().chain(b.keys()).collect::<BTreeSet<_>>().into_iter().filter(|key| a.get(*key) != b.get(*key));
            prop_assert_eq!(there.len(), differ.count());
            let back: Vec<Reason> = drift(&ground(&b), &ground(&a)).into_iter().map(|reason| match reason {
                Reason::File { role, path, how: How::Added } => Reason::File { role, path, how: How::Removed },
                Reason::File { role, path, how: How::Removed } => Reason::File { role, path, how: How::Added },
                other => other,
            }).collect();
            prop_assert_eq!(there, back);
        }
    }
}
