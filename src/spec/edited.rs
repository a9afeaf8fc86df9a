//! What a change makes of a spec's criteria: for the eyes of whoever reviews it, and fatal where the settings say
//! `strict: true`.

use super::model::{Criterion, Spec};

/// What became of the criteria of `old`, a line each: those that are gone, reworded, or proven otherwise. New ones take
/// nothing away, and which boxes are ticked is no edit. Sides that are `None` are not there, or cannot be read.
pub fn edited_criteria(old: Option<&Spec>, new: Option<&Spec>) -> Vec<String> {
    let Some(old) = old else { return Vec::new() };
    let mut left: Vec<&Criterion> = new.map(|new| new.criteria.iter().collect()).unwrap_or_default();
    let mut edited = Vec::new();
    for criterion in &old.criteria {
        let same = |other: &&Criterion| other.text == criterion.text && other.command == criterion.command;
        let place = left.iter().position(same).or_else(|| left.iter().position(|other| other.text == criterion.text));
        match place.map(|at| left.remove(at)) {
            None => edited.push(format!("criterion gone: {}", criterion.text)),
            Some(other) if other.command == criterion.command => {}
            Some(other) if other.command.is_none() => edited.push(format!("proof gone: {}", criterion.text)),
            Some(_) => edited.push(format!("proof changed: {}", criterion.text)),
        }
    }
    edited
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;
    use proptest::prelude::*;

    fn spec(criteria: &[(&str, &str)]) -> Spec {
        let mut text = "# A\n\n## Acceptance Criteria\n\n".to_owned();
        for (words, command) in criteria {
            text.push_str(&format!("- [ ] {words}\n"));
            if !command.is_empty() {
                text.push_str(&format!("      `$ {command}`\n"));
            }
        }
        parse(&"001-a".parse().unwrap(), "a", text.as_bytes()).spec.unwrap()
    }

    #[test]
    fn what_is_taken_from_the_criteria_is_told_and_what_comes_is_not() {
        let old = spec(&[("one", "test 1"), ("two", "test 2"), ("three", "")]);
        let new = spec(&[("zero", "true"), ("one", "true"), ("three", "test 3"), ("two", "")]);
        let said = edited_criteria(Some(&old), Some(&new));
        assert_eq!(said, ["proof changed: one", "proof gone: two", "proof changed: three"]);
        assert_eq!(edited_criteria(Some(&old), None).len(), 3, "a spec that is gone has none left");
        assert_eq!(edited_criteria(None, Some(&new)), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn criteria_in_another_order_with_more_among_them_are_not_edited(
            words in proptest::collection::vec(("[a-c]{1,2}", "[x-z]{0,2}"), 0..6),
            more in proptest::collection::vec(("[d-f]{1,2}", "[x-z]{0,2}"), 0..3),
        ) {
            let pairs = |list: &[(String, String)]| spec(&list.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect::<Vec<_>>());
            let old = pairs(&words);
            let mut turned: Vec<_> = words.iter().rev().cloned().collect();
            turned.extend(more);
            prop_assert_eq!(edited_criteria(Some(&old), Some(&pairs(&turned))), Vec::<String>::new());
            prop_assert_eq!(edited_criteria(Some(&old), Some(&spec(&[]))).len(), words.len());
        }
    }
}
