//! Whether two sets of globs can mean the same file: as far as the patterns tell, without a tree to look at.
//!
//! The answer errs to yes. Two patterns are apart only where their components say so one by one.

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
