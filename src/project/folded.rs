//! What happened, folded once: where nothing is new, what the last fold came to is taken from a file.
//!
//! A ledger follows from the commits that can be reached, which never change, from where they are looked at, and from how
//! Git merges, for that answers a few questions about content. So it is kept for just those: tips, view and settings are its
//! key. Where they are others, it may hold all the same ([`Basis`]). Nobody's signature is in it: where they are asked for,
//! and where a shallow clone may learn more, it is folded each time.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{Error, Project};
use crate::git::{Of, Repo};
use crate::ledger::{self, Basis, Folded, History, Ledger, Oid, View};

/// The file's name.
const FILE: &str = "ledger";
/// So few commits that say something are folded faster than a file is read.
const FEW: usize = 64;

/// A ledger as it was kept: its key, what it was made from, and itself.
pub(super) type Kept = ([u8; 32], Option<Basis>, Ledger);

/// What the last fold came to, whatever it was of.
pub(super) fn last_fold(repo: &Repo) -> Option<Kept> {
    // Most projects are small, and have none: then nothing need be known of how Git merges.
    let is_there = repo.kept_size(Of::Repository, FILE) > 0;
    is_there.then(|| repo.recall(Of::Repository, FILE, &repo.merge_settings())).flatten()
}

/// The ledger of all that `tips` descend from: the one that was kept, if it is that.
pub(super) fn folded(
    project: &Project,
    history: &History,
    view: &View,
    tips: &[Oid],
    kept: Option<Kept>,
) -> Result<Ledger, Error> {
    let repo = &project.repo;
    let lasts = view.is_lasting() && history.says() >= FEW;
    let key = lasts.then(|| key(view, tips));
    if let Some((then, basis, ledger)) = kept.filter(|_| lasts)
        && (Some(then) == key || basis.is_some_and(|basis| basis.still_holds(history, view)))
    {
        return Ok(ledger);
    }
    let Folded { ledger, basis } = ledger::fold(history, view, |questions| repo.answer(questions))?;
    if let Some(key) = key {
        repo.keep_value(Of::Repository, FILE, &repo.merge_settings(), &(key, basis, &ledger));
    }
    Ok(ledger)
}

/// A name for all that bears on a ledger, but for how Git merges.
fn key(view: &View, tips: &[Oid]) -> [u8; 32] {
    let View { from, branches, shallow: _, aliases, trust: _ } = view;
    let tips: BTreeSet<&Oid> = tips.iter().collect();
    let mut all = Vec::new();
    text(&mut all, from.as_bytes());
    list(&mut all, tips.into_iter());
    for (name, tips) in branches {
        text(&mut all, name.as_bytes());
        list(&mut all, tips.iter());
    }
    all.push(b'\n');
    for (old, new) in aliases {
        text(&mut all, old.to_string().as_bytes());
        text(&mut all, new.to_string().as_bytes());
    }
    Sha256::digest(all).into()
}

/// A number before each list, and before each text: no two views look the same.
fn list<'o>(all: &mut Vec<u8>, oids: impl ExactSizeIterator<Item = &'o Oid>) {
    all.extend((oids.len() as u64).to_le_bytes());
    oids.for_each(|oid| text(all, oid.as_bytes()));
}

fn text(all: &mut Vec<u8>, text: &[u8]) {
    all.extend((text.len() as u64).to_le_bytes());
    all.extend(text);
}
