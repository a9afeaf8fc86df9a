//! What Git itself can keep for long histories. chant only says so.

use super::Error;
use crate::git::Repo;

/// So many commits are long enough to be worth a word.
const LONG: usize = 50_000;

/// What is lacking.
pub const LACKS: &str = "the history is long, and there is no commit-graph of it";

/// What to type about it.
pub const HELP: &str =
    "git commit-graph write --reachable --changed-paths; `git maintenance start` keeps it up to date";

/// Whether a commit-graph would make reading this repository faster.
///
/// # Errors
/// Where the history cannot be read.
pub fn is_wanted(repo: &Repo) -> Result<bool, Error> {
    Ok(repo.wants_commit_graph(LONG)?)
}
