//! Whether two sets of globs can mean the same file: as far as the patterns tell, without a tree to look at.
//!
//! The answer errs to yes. Two patterns are apart only where their components say so one by one.

use std::collections::BTreeSet;

use super::diagnostic::Diagnostic;
use super::id::SpecId;
use super::set::Set;

/// Two specs under one outermost driver that would run side by side, and may change the same file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// The one, the first in natural order.
    pub one: SpecId,
    /// The other.
    pub other: SpecId,
    /// The pattern of the one.
    pub ours: String,
    /// The pattern of the other.
    pub theirs: String,
}

/// The specs under each outermost driver, at any depth, that overlap in their `target_files`, and of which neither waits for
/// the other.
pub fn side_by_side(set: &Set) -> Vec<Beside> {
    let mut found = Vec::new();
    for driver in set.iter().filter(|spec| spec.is_driver() && set.driver_of(&spec.id).is_none()) {
        let all = under(set, &driver.id);
        let files = |id: &SpecId| set.get(id).map(|spec| spec.target_files.as_slice()).unwrap_or_default();
        let members: Vec<&SpecId> = all.iter().filter(|id| !files(id).is_empty()).collect();
        let before: Vec<BTreeSet<SpecId>> = members.iter().map(|id| waits_for(set, id)).collect();
        let holds = |one: &SpecId, other: &SpecId| set.drivers_of(other).any(|driver| driver == one);
        for (n, &one) in members.iter().enumerate() {
            for (m, &other) in members.iter().enumerate().skip(n + 1) {
                if before[n].contains(other) || before[m].contains(one) || holds(one, other) || holds(other, one) {
                    continue;
                }
                if let Some((ours, theirs)) = overlap(files(one), files(other)) {
                    let (one, other) = (one.clone(), other.clone());
                    found.push(Beside { one, other, ours: ours.to_owned(), theirs: theirs.to_owned() });
                }
            }
        }
    }
    found
}

/// All that stands under a driver, in natural order.
fn under(set: &Set, driver: &SpecId) -> BTreeSet<SpecId> {
    let mut found = BTreeSet::new();
    let mut open = set.members_of(driver).to_vec();
    while let Some(next) = open.pop() {
        if found.insert(next.clone()) {
            open.extend(set.members_of(&next).iter().cloned());
        }
    }
    found
}

/// Everything that must have landed before a spec begins; of a driver also its members.
fn waits_for(set: &Set, id: &SpecId) -> BTreeSet<SpecId> {
    let awaited = |id: &SpecId| {
        let needs = set.depends_on(id);
        needs.iter().map(|needed| brought_by(set, needed, id)).collect::<Vec<_>>()
    };
    let mut found = BTreeSet::new();
    let mut open = awaited(id);
    while let Some(next) = open.pop() {
        if found.insert(next.clone()) {
            open.extend(awaited(&next));
            open.extend(set.members_of(&next).iter().cloned());
        }
    }
    found
}

/// What must land so that a dependency is where a spec starts from: it, or the outermost driver that the two do not share.
fn brought_by(set: &Set, dependency: &SpecId, dependent: &SpecId) -> SpecId {
    let shared = |id: &SpecId| id == dependent || set.drivers_of(dependent).any(|driver| driver == id);
    let own = std::iter::once(dependency).chain(set.drivers_of(dependency));
    own.take_while(|id| !shared(id)).last().unwrap_or(dependency).clone()
}

impl Beside {
    /// In words.
    pub fn words(&self) -> String {
        let files = match self.ours == self.theirs {
            true => format!("`{}`", self.ours),
            false => format!("`{}` and `{}`", self.ours, self.theirs),
        };
        format!("{} and {} would run side by side, and may change the same files: {files}", self.one, self.other)
    }

    /// The same as a warning about the first of the two.
    pub fn warning(&self, set: &Set) -> Option<Diagnostic> {
        let source = &set.get(&self.one)?.source;
        let at = source.text.find(&self.ours).unwrap_or(0);
        let warning = Diagnostic::warning("chant::overlap", source, self.words());
        let help = "let one of them depend on the other, keep their files apart, or set `overlap: serialize`";
        Some(warning.label(at..at + self.ours.len(), "overlaps").help(help))
    }
}

/// The first pair of patterns, one of each list, that can mean the same file.
pub fn overlap<'a>(ours: &'a [String], theirs: &'a [String]) -> Option<(&'a str, &'a str)> {
    let pairs = ours.iter().flat_map(|our| theirs.iter().map(move |their| (our.as_str(), their.as_str())));
    pairs.into_iter().find(|(our, their)| meet(&parts(our), &parts(their)))
}

fn parts(pattern: &str) -> Vec<&str> {
    pattern.split('/').filter(|part| !part.is_empty() && *part != ".").collect()
}

/// Whether a path can be matched by both. A pattern that has come to its end means everything below it.
fn meet(ours: &[&str], theirs: &[&str]) -> bool {
    match (ours, theirs) {
        ([], _) | (_, []) => true,
        (["**", rest @ ..], _) => (0..=theirs.len()).any(|n| meet(rest, &theirs[n..])),
        (_, ["**", rest @ ..]) => (0..=ours.len()).any(|n| meet(&ours[n..], rest)),
        ([our, ours @ ..], [their, theirs @ ..]) => may_be_one(our, their) && meet(ours, theirs),
    }
}

/// Whether one name can be matched by both components.
fn may_be_one(ours: &str, theirs: &str) -> bool {
    let plain = |part: &str| !part.contains(['*', '?', '[', ']', '{', '}', '\\']);
    match (plain(ours), plain(theirs)) {
        (true, true) => ours == theirs,
        (true, false) => matches(theirs, ours),
        (false, true) => matches(ours, theirs),
        (false, false) => ends_agree(ours, theirs),
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    globset::Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(name))
}

/// Two patterns are apart where what stands before the first sign of each, or behind the last, cannot be of one name.
fn ends_agree(ours: &str, theirs: &str) -> bool {
    const SIGNS: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];
    let head = |part: &str| part.find(SIGNS).map_or(part.to_owned(), |at| part[..at].to_owned());
    let tail = |part: &str| part.rfind(SIGNS).map_or(part.to_owned(), |at| part[at + 1..].to_owned());
    let (a, b) = (head(ours), head(theirs));
    let (c, d) = (tail(ours), tail(theirs));
    (a.starts_with(&b) || b.starts_with(&a)) && (c.ends_with(&d) || d.ends_with(&c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::matcher;
    use proptest::prelude::*;

    fn meets(a: &str, b: &str) -> bool {
        overlap(&[a.to_owned()], &[b.to_owned()]).is_some()
    }

    #[test]
    fn patterns_that_can_mean_one_file_overlap_and_others_do_not() {
        for (a, b) in [
            ("src/a.rs", "src/a.rs"),
            ("src", "src/a.rs"),
            ("src/*.rs", "src/a.rs"),
            ("src/**", "src/deep/a.rs"),
            ("**/*.md", "docs/a.md"),
            ("a*", "*b"),
            ("./x", "x"),
            ("**", "anything"),
            ("{a,b}.rs", "b.rs"),
        ] {
            assert!(meets(a, b) && meets(b, a), "{a} {b}");
        }
        for (a, b) in [
            ("src/a.rs", "src/b.rs"),
            ("src/*.rs", "src/a.md"),
            ("src/*.rs", "src/deep/a.rs"),
            ("docs", "src"),
            ("a*.rs", "b*.rs"),
            ("*.rs", "*.md"),
            ("src/**/x", "docs/**"),
        ] {
            assert!(!meets(a, b) && !meets(b, a), "{a} {b}");
        }
    }

    fn set(specs: &[(&str, &str)]) -> Set {
        let parsed = specs.iter().map(|(id, front)| {
            let text = format!("---\n{front}\n---\n# A\n");
            crate::spec::parse(&id.parse().unwrap(), id, text.as_bytes()).spec.unwrap()
        });
        Set::new(parsed.collect())
    }

    #[test]
    fn members_that_wait_for_each_other_are_not_side_by_side() {
        let found = side_by_side(&set(&[
            ("001-d", "type: driver"),
            ("001-d.1", "target_files: [src]"),
            ("001-d.2", "target_files: [src/a]"),
            ("001-d.3", "target_files: [src/a]\ndepends_on: [001-d.2]"),
            ("001-d.4", "depends_on: [001-d.3]\ntarget_files: [src/a, docs]"),
            ("001-d.5", "target_files: [docs]"),
            ("001-d.6", ""),
            ("002-x", "target_files: [src]"),
        ]));
        let pairs: Vec<_> = found.iter().map(|two| (two.one.as_str(), two.other.as_str())).collect();
        let expected =
            [("1", "2"), ("1", "3"), ("1", "4"), ("4", "5")].map(|(a, b)| (format!("001-d.{a}"), format!("001-d.{b}")));
        assert_eq!(pairs, expected.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect::<Vec<_>>());
        assert!(found[3].words().contains("`docs`"));
    }

    #[test]
    fn members_of_inner_drivers_are_beside_those_of_outer_ones_unless_a_driver_waits() {
        let found = side_by_side(&set(&[
            ("002-d", "type: driver"),
            ("002-d.1", "target_files: [shared.txt]"),
            ("002-d.2", "type: driver\ntarget_files: ['*.txt']"),
            ("002-d.2.1", "target_files: [shared.txt]"),
            ("002-d.3", "type: driver\ndepends_on: [002-d.1, 002-d.2.1]"),
            ("002-d.3.1", "target_files: [shared.txt]"),
            ("002-d.3.2", "target_files: [other.txt]"),
        ]));
        let pairs: Vec<_> = found.iter().map(|two| format!("{} {}", two.one, two.other)).collect();
        assert_eq!(pairs, ["002-d.1 002-d.2", "002-d.1 002-d.2.1"], "002-d.3 waits for all of 002-d.2");
    }

    proptest! {
        #[test]
        fn a_file_that_both_match_is_never_missed(
            a in "(\\*\\*/)?[ab*?]{1,3}(/[ab*?]{1,3}){0,2}(/\\*\\*)?",
            b in "(\\*\\*/)?[ab*?]{1,3}(/[ab*?]{1,3}){0,2}(/\\*\\*)?",
            path in "[ab]{1,3}(/[ab]{1,3}){0,3}",
        ) {
            let both = [&a, &b].iter().all(|pattern| matcher(&[(*pattern).clone()]).is_match(&path));
            prop_assert!(!both || meets(&a, &b), "{} {} {}", a, b, path);
            prop_assert_eq!(meets(&a, &b), meets(&b, &a));
        }
    }
}
