//! What a look has to know of the files in some commits, found out once: which specs are not in one, and whether any asks
//! for signed events. Commits never change, so their ids say that nothing has to be read again.

use std::collections::{BTreeSet, HashSet};

use sha2::{Digest as _, Sha256};

use super::{Error, Project, SPECS};
use crate::git::Of;
use crate::ledger::Oid;
use crate::spec::{Set, SpecId};

/// So few specs, or commits that say something, are looked up in a commit as fast as a file is read.
const FEW: usize = 32;

/// The specs that are not in the commit.
pub(super) fn uncommitted(project: &Project, set: &Set, tip: Oid) -> Result<BTreeSet<SpecId>, Error> {
    let tip_name = tip.to_string();
    let names = std::iter::once(tip_name.as_str()).chain(set.ids().map(SpecId::as_str));
    recall_or(project, "uncommitted", set.len(), names, || {
        let there = project.repo.list(tip, &project.path(SPECS))?;
        let committed: HashSet<&str> = there.iter().filter_map(|entry| entry.name.strip_suffix(".md")).collect();
        Ok(set.ids().filter(|id| !committed.contains(id.as_str())).cloned().collect())
    })
}

/// Whether none of these commits asks for signed events, as `find` finds it out. `says` is how many commits say something.
pub(super) fn none_asks(
    project: &Project,
    tips: &[Oid],
    says: usize,
    find: impl FnOnce() -> Result<bool, Error>,
) -> Result<bool, Error> {
    let names: Vec<String> = tips.iter().map(Oid::to_string).collect();
    recall_or(project, "unasked", says, names.iter().map(String::as_str), find)
}

/// What was found out of these names, ids of commits or of specs, for this project in this worktree.
fn recall_or<'n, T: serde::Serialize + serde::de::DeserializeOwned>(
    project: &Project,
    what: &str,
    many: usize,
    names: impl Iterator<Item = &'n str>,
    find: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    let key = (many >= FEW).then(|| {
        // No id holds a line's end.
        names.fold(Sha256::new(), |all, name| all.chain_update(name).chain_update(b"\n")).finalize()
    });
    let file = format!("{what}{}", project.prefix.replace('/', "+"));
    project.repo.recall_or((Of::Worktree, &file, key.as_deref()), find)
}
