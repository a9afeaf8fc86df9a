//! The names of specs, and how a name typed by hand finds its spec (DESIGN.md, section 2, "Ids").

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

use miette::Diagnostic;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Room for `refs/chant/attempts/<project>/<id>/<n>-<oid>.lock` under the 255 bytes that file systems give a name.
const LONGEST: usize = 200;

/// A text that cannot be the name of a spec or of a project, because no branch could bear it.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
#[error("{text:?} cannot be the name of a spec or a project: {why}")]
#[diagnostic(
    code(chant::id),
    help("the name becomes part of a branch: use letters, digits, `-`, `_` and single dots, as in `004-fix-login`")
)]
pub struct IdError {
    /// The refused text.
    pub text: String,
    /// The rule it breaks, to be read after a colon.
    pub why: &'static str,
}

/// Checks that a text may stand as one component of a ref: the rules of `git check-ref-format`, and a few dangers more.
///
/// # Errors
/// The first rule that the text breaks.
pub fn legal_component(text: &str) -> Result<(), IdError> {
    match if is_plain(text) { None } else { broken_rule(text) } {
        Some(why) => Err(IdError { text: text.chars().take(LONGEST).collect(), why }),
        None => Ok(()),
    }
}

fn broken_rule(s: &str) -> Option<&'static str> {
    let ends_with = |tail: &str| {
        let start = s.len().checked_sub(tail.len());
        start.is_some_and(|start| s.as_bytes()[start..].eq_ignore_ascii_case(tail.as_bytes()))
    };
    Some(match s {
        "" => "it is empty",
        _ if s.len() > LONGEST => "it is longer than 200 bytes",
        _ if s.contains('/') => "it holds a `/`",
        _ if s.starts_with('.') => "it begins with a dot",
        _ if s.starts_with('-') => "it begins with a `-`, as an option does",
        _ if s.ends_with('.') => "it ends with a dot",
        _ if s.contains("..") => "it holds two dots in a row",
        _ if s.contains("@{") => "it holds `@{`",
        "@" => "`@` means HEAD to Git",
        // Git refuses the lower case; a file system that ignores case would take the others for the same.
        _ if ends_with(".lock") => "it ends with `.lock`, as Git's lock files do",
        _ if s.eq_ignore_ascii_case("head") || ends_with("_head") => "Git keeps this name for itself",
        _ if s.contains(|c: char| c.is_control() || c.is_whitespace()) => "it holds a space or a control character",
        _ if s.contains(invisible) => "it holds a character that nobody can see",
        _ if s.contains(['~', '^', ':', '?', '*', '[', '\\']) => r"it holds one of `~^:?*[\`",
        // Git allows these in a ref, and other systems' file names do not: no clone there could fetch the branch.
        _ if s.contains(['"', '<', '>', '|']) => {
            "it holds one of `\"<>|`, which other systems do not allow in a file's name"
        }
        _ => return None,
    })
}

/// A name of letters and digits, with a `-` or `_` between them: most are, and of the rules below only one for Git's own
/// names could mean them.
fn is_plain(s: &str) -> bool {
    let bytes = s.as_bytes();
    let ends = |at: Option<&u8>| at.is_some_and(u8::is_ascii_alphanumeric);
    ends(bytes.first())
        && ends(bytes.last())
        && bytes.len() <= LONGEST
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        && !bytes.last_chunk::<4>().is_some_and(|last| last.eq_ignore_ascii_case(b"head"))
}

/// Characters that make two names look the same, or that turn the direction of the text around them.
pub(super) fn invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The id of a spec: the stem of its file, and a legal component of a ref.
///
/// Made only by [`FromStr`]. The order is the one people expect: `9-a` before `10-a`, a driver right before its
/// members, `002-x.2` before `002-x.10`. Copies share their text, for ids stand everywhere.
#[derive(Clone, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct SpecId(Arc<str>);

/// Something about each of many specs. Ids are looked up all the time: the hash is a quick one, seeded anew in each process.
pub type ById<V> = HashMap<SpecId, V, foldhash::fast::RandomState>;

/// The name of a project that is not at its repository's root: a legal component of a ref.
#[derive(Clone, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct Project(Arc<str>);

/// Reads a name where it stands, for thousands are read at each call: none is copied first.
pub(super) struct Parsed<T>(pub PhantomData<T>);

impl<T: FromStr<Err = IdError>> serde::de::Visitor<'_> for Parsed<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! name {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                legal_component(text).map(|()| Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                natural(&self.0, &other.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Parsed(PhantomData))
            }
        }
    };
}

name!(SpecId);
name!(Project);

impl SpecId {
    /// The driver that the id's suffix names: `002-x` for `002-x.1`; only a purely numeric last suffix counts.
    pub fn driver(&self) -> Option<SpecId> {
        let (driver, suffix) = self.0.rsplit_once('.')?;
        (digits(suffix) && !driver.is_empty()).then(|| Self(driver.into()))
    }

    /// The number at the head, with the member's suffix: `002` for `002-x`, `002.1` for `002-x.1`; `None` where the
    /// stem begins with no number.
    pub fn number(&self) -> Option<String> {
        let head = head_number(&self.0)?;
        let mut stem = &self.0[head.len()..];
        while let Some((rest, suffix)) = stem.rsplit_once('.') {
            if !digits(suffix) {
                break;
            }
            stem = rest;
        }
        Some(format!("{head}{}", &self.0[head.len() + stem.len()..]))
    }

    /// The id from its slug on: `x.1` of `002-x.1`.
    pub(super) fn after_number(&self) -> &str {
        let head = head_number(&self.0).map_or(0, str::len);
        self.0[head..].trim_start_matches(['-', '_'])
    }
}

fn digits(s: &str) -> bool {
    !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit())
}

/// `002` of `002-x`, `002.1` of `002.1` and of `002.1-x`, nothing of `2nd-try`.
fn head_number(stem: &str) -> Option<&str> {
    let end = stem.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(stem.len());
    let head = stem[..end].trim_end_matches('.');
    let whole = stem[head.len()..].chars().next().is_none_or(|c| matches!(c, '-' | '_' | '.'));
    (whole && head.split('.').all(digits)).then_some(head)
}

/// One step of the natural order: a dot is the lowest, a run of digits counts as a number.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Token<'a> {
    Dot,
    Number(usize, &'a str),
    Char(char),
}

fn tokens(mut s: &str) -> impl Iterator<Item = Token<'_>> {
    std::iter::from_fn(move || {
        let first = s.chars().next()?;
        let end = match first {
            '0'..='9' => s.find(|c: char| !c.is_ascii_digit()).unwrap_or(s.len()),
            _ => first.len_utf8(),
        };
        let (head, rest) = s.split_at(end);
        s = rest;
        let number = head.trim_start_matches('0');
        Some(match first {
            '.' => Token::Dot,
            '0'..='9' => Token::Number(number.len(), number),
            _ => Token::Char(first),
        })
    })
}

fn natural(a: &str, b: &str) -> Ordering {
    let at = shared(a.as_bytes(), b.as_bytes());
    match (a.as_bytes().get(at), b.as_bytes().get(at)) {
        (None, None) => Ordering::Equal,
        // Where two numbers of as many digits differ, whatever stood before them, the digits decide.
        (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() && digits_of(a, at) == digits_of(b, at) => {
            x.cmp(y)
        }
        // Outside of numbers and beyond ASCII's letters a character stands for itself.
        (Some(x), Some(y)) if is_sign(*x) && is_sign(*y) => (*x != b'.', x).cmp(&(*y != b'.', y)),
        _ => {
            // What both have is left out, but for a number or a character that is cut in two.
            let whole = |at: &usize| !a.as_bytes()[at - 1].is_ascii_digit() && a.is_char_boundary(*at);
            let at = (1..=at).rev().find(whole).unwrap_or(0);
            step_by_step(&a[at..], &b[at..])
        }
    }
}

/// How many bytes both begin with: thousands of ids begin alike, and eight are looked at together.
fn shared(a: &[u8], b: &[u8]) -> usize {
    let word = |eight: &[u8; 8]| u64::from_le_bytes(*eight);
    let (words, _) = a.as_chunks::<8>();
    let mut at = 0;
    for (x, y) in words.iter().zip(b.as_chunks::<8>().0) {
        match word(x) ^ word(y) {
            0 => at += 8,
            unlike => return at + unlike.trailing_zeros() as usize / 8,
        }
    }
    at + a[at..].iter().zip(&b[at..]).take_while(|(a, b)| a == b).count()
}

/// How many digits follow each other from there on.
fn digits_of(s: &str, at: usize) -> usize {
    s.as_bytes()[at..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Whether the byte is a character that is no digit.
fn is_sign(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_digit()
}

fn step_by_step(a: &str, b: &str) -> Ordering {
    tokens(a).cmp(tokens(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(text: &str) -> SpecId {
        text.parse().unwrap()
    }

    proptest! {
        #[test]
        fn a_plain_name_breaks_no_rule(text in "[aDeEHh._-]{0,6}", more in "[a-z]{0,3}[_-]?([hH][eE][aA][dD]|[.]?lock)?") {
            for text in [&text, &more] {
                prop_assert!(!is_plain(text) || broken_rule(text).is_none(), "{}", text);
            }
        }

        #[test]
        fn what_both_ids_begin_with_changes_nothing_in_their_order(a in "[0-2é.x-]{0,6}", b in "[0-2éè.x-]{0,6}") {
            prop_assert_eq!(natural(&a, &b), step_by_step(&a, &b));
        }
    }

    #[test]
    fn a_name_that_no_ref_can_bear_is_refused_with_the_reason() {
        let refused = [
            "",
            ".",
            "..",
            ".x",
            "x.",
            "a..b",
            "-x",
            "a b",
            "a\tb",
            "a/b",
            "a~b",
            "a\"b",
            "a|b",
            "a^b",
            "a:b",
            "a?b",
            "a*b",
            "a[b",
            "a\\b",
            "@",
            "a@{b",
            "x.lock",
            "x.LOCK",
            "HEAD",
            "head",
            "FETCH_HEAD",
            "a\u{7f}b",
            "a\u{85}b",
            "a\u{a0}b",
            "a\u{202e}b",
            "a\nb",
        ];
        for text in refused {
            let error = text.parse::<SpecId>().unwrap_err();
            assert!(!error.why.is_empty(), "{text:?}");
            assert!(!error.to_string().contains(['\n', '\u{202e}']), "the text is shown harmless: {error}");
        }
        assert!("x".repeat(201).parse::<SpecId>().is_err());
        for text in ["001", "002-driver-churn-fixes.1", "a@b", "é", "日本", "x{y}", "lock", "a.b", "AHEAD"] {
            assert_eq!(id(text).as_str(), text);
        }
    }

    #[test]
    fn the_driver_is_what_stands_before_a_numeric_suffix() {
        assert_eq!(id("002-x.1").driver(), Some(id("002-x")));
        assert_eq!(id("002-x.2.1").driver(), Some(id("002-x.2")));
        assert_eq!(id("002.1").driver(), Some(id("002")));
        assert_eq!(id("002-x").driver(), None);
        assert_eq!(id("002-x.a1").driver(), None);
    }

    #[test]
    fn the_number_is_the_one_at_the_head_with_the_members_suffix() {
        let cases = [
            ("002", "002"),
            ("002-x", "002"),
            ("002-x.1", "002.1"),
            ("002-x.2.1", "002.2.1"),
            ("002.1", "002.1"),
            ("002.1-x", "002.1"),
            ("002-v1.rc.3", "002.3"),
        ];
        for (text, number) in cases {
            assert_eq!(id(text).number().as_deref(), Some(number), "{text}");
        }
        for text in ["x", "x-1", "2nd-try", "x.1"] {
            assert_eq!(id(text).number(), None, "{text}");
        }
    }

    #[test]
    fn ids_sort_as_people_count() {
        let sorted = ["9-a", "10-a", "10-a.2", "10-a.2.1", "10-a.10", "10-a-b", "10-b", "a"];
        let mut ids: Vec<SpecId> = sorted.iter().rev().map(|t| id(t)).collect();
        ids.sort();
        assert_eq!(ids.iter().map(SpecId::as_str).collect::<Vec<_>>(), sorted);
    }

    pub(in super::super) fn name() -> impl Strategy<Value = String> {
        "[a-z0-9._-]{1,12}".prop_filter("legal", |s| legal_component(s).is_ok())
    }

    proptest! {
        #[test]
        fn whatever_is_legal_here_is_one_printable_component_of_a_ref(text in any::<String>()) {
            if legal_component(&text).is_ok() {
                prop_assert!(!text.is_empty() && text.len() <= LONGEST);
                prop_assert!(!text.chars().any(|c| c.is_control() || c.is_whitespace() || "~^:?*[\\/".contains(c)));
                prop_assert!(!text.starts_with(['.', '-']) && !text.ends_with('.') && !text.contains(".."));
            }
        }

        #[test]
        fn the_order_is_total_and_agrees_with_equality(a in name(), b in name(), c in name()) {
            let (a, b, c) = (id(&a), id(&b), id(&c));
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            prop_assert_eq!(a.cmp(&b) == Ordering::Equal, a == b);
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
        }
    }
}
