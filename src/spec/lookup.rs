//! How a name cut short on the command line finds its spec (DESIGN.md, section 2, "Ids").

use std::fmt;

use miette::Diagnostic;

use super::id::SpecId;
use super::near::slip;

/// A query that does not name exactly one spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// Nothing answers to it.
    None {
        /// What was typed.
        query: String,
        /// The ids that look most like it, the best first.
        near: Vec<SpecId>,
    },
    /// More than one spec answers to it.
    Many {
        /// What was typed.
        query: String,
        /// All that answer, in natural order.
        matches: Vec<SpecId>,
    },
}

impl fmt::Display for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None { query, .. } => write!(f, "no spec is called {query:?}"),
            Self::Many { query, matches } => write!(f, "{query:?} could be {}", list(matches, "or")),
        }
    }
}

impl std::error::Error for Lookup {}

impl Diagnostic for Lookup {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(match self {
            Self::None { .. } => "chant::no_such_spec",
            Self::Many { .. } => "chant::ambiguous_id",
        }))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(match self {
            Self::None { near, .. } if near.is_empty() => Box::new("`chant list` shows every spec"),
            Self::None { near, .. } => Box::new(format!("did you mean {}?", list(near, "or"))),
            Self::Many { .. } => Box::new("type more of the id, or its number"),
        })
    }
}

/// `a`, `a or b`, `a, b or c`; a long list is cut.
fn list(ids: &[SpecId], word: &str) -> String {
    const SHOWN: usize = 12;
    let mut shown: Vec<String> = ids.iter().take(SHOWN).map(ToString::to_string).collect();
    if ids.len() > SHOWN {
        shown.push(format!("{} more", ids.len() - SHOWN));
    }
    match shown.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} {word} {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// Finds the one spec that a query names: the exact id first, then the number (`002`, `002.1`, also `2`), then a
/// prefix, then a part of the slug. A driver outranks its own members, whose names begin as its does.
///
/// A path to the spec's file and the name of its branch are taken as well.
///
/// # Errors
/// [`Lookup`] where none or more than one spec answers.
pub fn resolve<'a>(query: &str, ids: impl Iterator<Item = &'a SpecId> + Clone) -> Result<&'a SpecId, Lookup> {
    let typed = query.trim();
    let last = typed.rsplit(['/', '\\']).next().unwrap_or(typed);
    let stem = last.strip_suffix(".md").unwrap_or(last);
    if let Some(id) = ids.clone().find(|id| id.as_str() == last || id.as_str() == stem) {
        return Ok(id);
    }
    let plain = plain_number(stem);
    let tiers: [&dyn Fn(&SpecId) -> bool; 4] = [
        &|id| id.number().is_some_and(|n| n == stem),
        &|id| stem.starts_with(|c: char| c.is_ascii_digit()) && id.number().is_some_and(|n| plain_number(&n) == plain),
        &|id| starts_with(id.as_str(), stem),
        &|id| word_starts(id.after_number()).any(|part| starts_with(part, stem)),
    ];
    for answers in tiers.iter().filter(|_| !stem.is_empty()) {
        let found = without_members(ids.clone().filter(|id| answers(id)).collect());
        match found[..] {
            [] => {}
            [id] => return Ok(id),
            _ => return Err(Lookup::Many { query: typed.to_owned(), matches: found.into_iter().cloned().collect() }),
        }
    }
    Err(Lookup::None { query: typed.to_owned(), near: near(stem, ids) })
}

/// `2.1` for `002.01`: zeros at the head of a number say nothing.
pub(super) fn plain_number(number: &str) -> String {
    number.split('.').map(|part| part.trim_start_matches('0')).collect::<Vec<_>>().join(".")
}

fn starts_with(text: &str, prefix: &str) -> bool {
    let mut text = text.chars().flat_map(char::to_lowercase);
    prefix.chars().flat_map(char::to_lowercase).all(|c| text.next() == Some(c))
}

/// The text from each of its words on.
fn word_starts(text: &str) -> impl Iterator<Item = &str> {
    std::iter::once(text).chain(text.match_indices(['-', '_', '.']).map(|(at, _)| &text[at + 1..]))
}

/// In natural order, less the members of drivers that are there themselves.
fn without_members(mut found: Vec<&SpecId>) -> Vec<&SpecId> {
    found.sort();
    found.dedup();
    let all: std::collections::HashSet<&SpecId> = found.iter().copied().collect();
    found.retain(|id| !std::iter::successors(id.driver(), SpecId::driver).any(|driver| all.contains(&driver)));
    found
}

/// At most three ids that the query may be a slip of: of the whole id, or of its slug.
fn near<'a>(query: &str, ids: impl Iterator<Item = &'a SpecId>) -> Vec<SpecId> {
    let mut near: Vec<(usize, &SpecId)> = ids
        .filter_map(|id| {
            let ways = [id.as_str(), id.after_number()];
            ways.into_iter().filter_map(|known| slip(query, known)).min().map(|distance| (distance, id))
        })
        .collect();
    near.sort();
    near.dedup();
    near.into_iter().take(3).map(|(_, id)| id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> Vec<SpecId> {
        [
            "001-research-churn-drivers",
            "002-driver-churn-fixes",
            "002-driver-churn-fixes.1",
            "002-driver-churn-fixes.2",
            "002-driver-churn-fixes.10",
            "010-other",
            "011-Fix-login",
            "x",
        ]
        .iter()
        .map(|t| t.parse().unwrap())
        .collect()
    }

    #[track_caller]
    fn finds(query: &str, id: &str) {
        assert_eq!(resolve(query, ids().iter()).map(SpecId::as_str), Ok(id), "{query}");
    }

    #[test]
    fn a_number_names_the_driver_although_its_members_begin_so() {
        finds("002", "002-driver-churn-fixes");
        finds("2", "002-driver-churn-fixes");
        finds("002.1", "002-driver-churn-fixes.1");
        finds("2.10", "002-driver-churn-fixes.10");
    }

    #[test]
    fn a_prefix_or_a_part_of_the_slug_is_enough_where_only_one_spec_has_it() {
        finds("002-dri", "002-driver-churn-fixes");
        finds("churn-fixes.2", "002-driver-churn-fixes.2");
        finds("research", "001-research-churn-drivers");
        finds("login", "011-Fix-login");
        finds("FIX-LOG", "011-Fix-login");
        finds("1", "001-research-churn-drivers");
    }

    #[test]
    fn a_file_a_path_and_a_branch_name_their_spec() {
        finds("001-research-churn-drivers.md", "001-research-churn-drivers");
        finds(".chant/specs/010-other.md", "010-other");
        finds("chant/kpi/010-other", "010-other");
        finds("refs/heads/chant/x", "x");
    }

    #[test]
    fn more_than_one_match_is_an_error_that_lists_them() {
        let ids = ids();
        let Err(Lookup::Many { matches, .. }) = resolve("churn", ids.iter()) else { panic!("one of two was taken") };
        assert_eq!(matches, [ids[0].clone(), ids[1].clone()]);
        let error = resolve("churn", ids.iter()).unwrap_err();
        assert!(error.to_string().contains("001-research-churn-drivers or 002-driver-churn-fixes"), "{error}");
    }

    #[test]
    fn a_slip_of_the_keyboard_is_answered_with_what_was_meant() {
        let ids = ids();
        let Err(Lookup::None { near, .. }) = resolve("010-ohter", ids.iter()) else { panic!("it was found") };
        assert_eq!(near, ["010-other".parse().unwrap()]);
        assert!(matches!(resolve("", ids.iter()), Err(Lookup::None { .. })));
        assert!(matches!(resolve("002.7", ids.iter()), Err(Lookup::None { .. })));
    }
}
