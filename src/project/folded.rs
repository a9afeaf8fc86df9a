//! What happened, folded once: where nothing is new, what the last fold came to is taken from a file.
//!
//! A ledger follows from the commits that can be reached, which never change, from where they are looked at, and from how
//! Git merges, for that answers a few questions about content. So it is kept for just those: tips, view and settings are its
//! key. Nobody's signature is in it: where they are asked for, and where a shallow clone may learn more, it is folded each
//! time.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{Error, Project};
use crate::git::Of;
use crate::ledger::{self, History, Ledger, Oid, Trust, View};

/// The file's name.
const FILE: &str = "ledger";
/// So few commits that say something are folded faster than a file is read.
const FEW: usize = 64;

/// The ledger of all that `tips` descend from.
pub(super) fn folded(project: &Project, history: &History, view: &View, tips: &[Oid]) -> Result<Ledger, Error> {
    let repo = &project.repo;
    let lasts = !view.shallow && view.trust == Trust::Any && history.says() >= FEW;
    let key = lasts.then(|| key(view, tips, &repo.merge_settings()));
    repo.recall_or((Of::Repository, FILE, key.as_ref().map(<[u8; 32]>::as_slice)), || {
        let questions = ledger::questions(history, view);
        let answers = if questions.is_empty() { ledger::Answers::new() } else { repo.answer(&questions)? };
        Ok(ledger::fold(history, view, &answers))
    })
}

/// A name for all that bears on a ledger.
fn key(view: &View, tips: &[Oid], settings: &[u8]) -> [u8; 32] {
    let View { from, branches, shallow: _, aliases, trust: _ } = view;
    let tips: BTreeSet<&Oid> = tips.iter().collect();
    let mut all = Vec::new();
    text(&mut all, settings);
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
