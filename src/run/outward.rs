//! Symbolic links that lead out of the repository: what is there is in no commit, is another on each machine, and a proof that
//! reads it proves nothing. An attempt that makes one has failed, unless it was asked for; then it is named wherever the work is
//! looked at, for whoever reviews it sees a path that looks like any other.

use super::model::Claim;
use super::{Engine, Error};
use crate::git::{self, EntryKind, Repo};
use crate::ledger::Oid;

/// A link that leads out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outward {
    /// Its path in the repository.
    pub path: String,
    /// What it says; any bytes an agent likes.
    pub to: String,
}

impl Outward {
    /// In words, without what could steer a terminal.
    pub fn words(&self) -> String {
        format!("{} is {}", self.path, self.leads())
    }

    /// The same without its path.
    pub fn leads(&self) -> String {
        format!("a link that leads out of the repository, to {}: what is there is in no commit", self.to.escape_debug())
    }
}

/// The links that are new in `to`, or lead elsewhere than in `from`, and lead out of the repository.
///
/// # Errors
/// Where a commit, or a tree or link on the way, cannot be read.
pub fn outward(repo: &Repo, from: Oid, to: Oid) -> git::Result<Vec<Outward>> {
    let mut found = Vec::new();
    for change in repo.changes(Some(from), to)? {
        if matches!(change.new, Some((_, EntryKind::Link)))
            && let Some(leads) = repo.leads_out(to, &change.path)?
        {
            found.push(Outward { path: change.path, to: leads });
        }
    }
    Ok(found)
}

/// Why the links of an attempt cannot land. One that the spec's `target_files` name letter by letter was asked for: it is
/// said, and lands.
pub(super) fn refuse(engine: &Engine, claim: &Claim, tip: Oid) -> Result<Option<String>, Error> {
    let asked_for = |link: &Outward| {
        let inside = link.path.strip_prefix(&engine.project.prefix);
        inside.is_some_and(|inside| claim.spec.target_files.iter().any(|file| file == inside))
    };
    let (asked, others): (Vec<_>, Vec<_>) =
        outward(&engine.project.repo, claim.base, tip)?.into_iter().partition(asked_for);
    if let Some(link) = others.first() {
        return Ok(Some(link.words()));
    }
    for link in asked {
        engine.notice(&claim.id, format!("{}; `target_files` name it, so it lands", link.words()));
    }
    Ok(None)
}
