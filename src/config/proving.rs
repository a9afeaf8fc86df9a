//! How strictly is proven: what only the committed file says, as it stands in the target.

use super::Set;
use crate::spec::diagnostic::Sink;
use crate::spec::yaml::Node;

/// The settings `red_first`, `frozen` and `strict`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proving {
    /// `red_first: required`: a criterion counts only if its command was not green before the work.
    pub red_first: Set<bool>,
    /// `frozen`: globs of files, relative to the project, of which the base's version is proven and landed.
    pub frozen: Set<Vec<String>>,
    /// `strict`: weakened tests and edited criteria fail the attempt.
    pub strict: Set<bool>,
}

impl Default for Proving {
    fn default() -> Self {
        Self { red_first: Set::default(false), frozen: Set::default(Vec::new()), strict: Set::default(false) }
    }
}

const OPTIONAL: &str = "optional";
const REQUIRED: &str = "required";

/// The word that stands in the file.
pub(super) fn red_first_word(required: bool) -> &'static str {
    if required { REQUIRED } else { OPTIONAL }
}

/// Reads `red_first`.
pub(super) fn red_first(node: &Node, sink: &mut Sink) -> Option<bool> {
    sink.word("red_first", node, &[(OPTIONAL, false), (REQUIRED, true)])
}
