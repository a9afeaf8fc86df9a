//! A new spec: its id and its first text, as `chant add` writes them.

use super::id::SpecId;
use super::model::Kind;

/// Room for the number and for the suffixes of members, in a name that people still read.
const LONGEST: usize = 48;

/// The words of a title as a part of an id: `fix-the-login` for `Fix the login!`. Never empty.
pub fn slug(title: &str) -> String {
    let lower = title.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = String::new();
    for word in words {
        if slug.is_empty() {
            slug.push_str(&word[..word.floor_char_boundary(LONGEST)]);
        } else if slug.len() + 1 + word.len() <= LONGEST {
            slug.push('-');
            slug.push_str(word);
        } else {
            break;
        }
    }
    if slug.is_empty() { "spec".into() } else { slug }
}

/// One above the highest number that any of these ids begins with; 1 where there is none.
pub fn next_number<'a>(ids: impl IntoIterator<Item = &'a SpecId>) -> u32 {
    let number = |id: &SpecId| id.number()?.split('.').next()?.parse::<u32>().ok();
    ids.into_iter().filter_map(number).max().unwrap_or(0).saturating_add(1)
}

/// The criterion of a new spec, which says nothing yet.
pub(super) const PLACEHOLDER: &str = "Say when this is done";

/// The text of a new spec, which parses without an error as it is.
pub fn template(title: &str, kind: Kind) -> String {
    let words = title.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let title = words.collect::<Vec<_>>().join(" ");
    let title = if title.trim_matches(['#', ' ']).is_empty() { "Untitled" } else { &title };
    format!(
        "---\n\
         type: {kind}\n\
         ---\n\
         \n\
         # {title}\n\
         \n\
         Say what must become true, and why.\n\
         \n\
         ## Acceptance Criteria\n\
         \n\
         <!-- A command on the line under a criterion, indented and between backticks, is its proof: it exits 0 where\n     \
         the criterion holds. For example: `$ test -f README.md` -->\n\
         \n\
         - [ ] {PLACEHOLDER}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_title_becomes_the_words_of_an_id() {
        assert_eq!(slug("Fix the login!"), "fix-the-login");
        assert_eq!(slug("  Upgrade to v1.2 -- now "), "upgrade-to-v1-2-now");
        assert_eq!(slug("Überprüfung"), "überprüfung");
        assert_eq!(slug("?!"), "spec");
        assert_eq!(
            slug("a very long title that goes on and on and on and on until nobody reads it"),
            "a-very-long-title-that-goes-on-and-on-and-on-and"
        );
    }

    #[test]
    fn the_next_number_is_past_every_number_seen() {
        let ids: Vec<SpecId> = ["002-a", "010-b.3", "x", "9-c"].iter().map(|id| id.parse().unwrap()).collect();
        assert_eq!(next_number(&ids), 11);
        assert_eq!(next_number(&[]), 1);
    }

    #[test]
    fn a_new_spec_parses_with_its_title_and_one_open_criterion() {
        for kind in Kind::ALL {
            let text = template("Fix\nthe login", kind);
            let parsed = super::super::parse(&"001-fix".parse().unwrap(), "001-fix.md", text.as_bytes());
            assert_eq!(parsed.diagnostics, []);
            let spec = parsed.spec.unwrap();
            assert_eq!((spec.title.as_str(), spec.kind, spec.criteria.len()), ("Fix the login", kind, 1));
            assert_eq!((spec.criteria[0].ticked, &spec.criteria[0].command), (false, &None));
        }
    }

    proptest! {
        #[test]
        fn any_title_makes_a_legal_id_and_a_spec_without_errors(title in any::<String>(), number in 1u32..2000) {
            let id: SpecId = format!("{number:03}-{}", slug(&title)).parse().unwrap();
            let parsed = super::super::parse(&id, "x", template(&title, Kind::Code).as_bytes());
            prop_assert!(parsed.spec.is_some(), "{:?}", parsed.diagnostics);
        }
    }
}
