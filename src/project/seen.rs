//! Which branches there are to look at, and from which tips the history is read.
//!
//! A target need not be a branch of this clone: a fresh one has a local branch for what is checked out alone, and a
//! renamed one still follows what it was called. Where no branch bears a target's name, what remotes have of it stands
//! in, and local branches that follow that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Error;
use crate::git::Repo;
use crate::ledger::{self, History, Oid};

/// What was seen of branches.
pub(super) struct Seen<'r> {
    repo: &'r Repo,
    /// From these the history is read.
    pub tips: Vec<Oid>,
    /// As [`View::branches`](crate::ledger::View) wants it.
    pub branches: BTreeMap<String, Vec<Oid>>,
    /// The local branches under `chant/`.
    pub own: BTreeSet<String>,
    /// All local branches.
    local: Vec<(String, Oid)>,
    /// What the remotes have: the branch's short name, its remote-tracking ref, its tip.
    remote: Vec<(String, String, Oid)>,
    /// The remote that is shared.
    shared: Option<String>,
    targets: BTreeSet<String>,
}

impl<'r> Seen<'r> {
    /// All local branches, and those under `chant/` that remotes have.
    pub fn new(repo: &'r Repo, head: Option<Oid>, shared: Option<&str>) -> Result<Self, Error> {
        let heads = repo.refs("refs/heads/")?.into_iter();
        let local: Vec<(String, Oid)> =
            heads.map(|(name, tip)| (name.trim_start_matches("refs/heads/").to_owned(), tip)).collect();
        let mut remote = Vec::new();
        for (name, tip) in repo.refs("refs/remotes/")? {
            let short = name.trim_start_matches("refs/remotes/").split_once('/').map(|(_, short)| short.to_owned());
            remote.extend(short.filter(|short| short != "HEAD").map(|short| (short, name, tip)));
        }
        let tips = head.into_iter().chain(local.iter().map(|(_, tip)| *tip)).collect();
        let branches = local.iter().map(|(name, tip)| (name.clone(), vec![*tip])).collect();
        let own = local.iter().map(|(name, _)| name).filter(|name| name.starts_with("chant/")).cloned().collect();
        let shared = shared.map(str::to_owned);
        let mut seen = Self { repo, tips, branches, own, local, remote, shared, targets: BTreeSet::new() };
        seen.specs_on_remotes();
        for prefix in ["refs/chant/attempts/", "refs/chant/landed/", "refs/chant/remotes/"] {
            // Signs of life say nothing of what happened.
            let kept = repo.refs(prefix)?.into_iter().filter(|(name, _)| !name.contains("/leases/"));
            seen.tips.extend(kept.map(|(_, tip)| tip));
        }
        Ok(seen)
    }

    fn specs_on_remotes(&mut self) {
        for (short, _, tip) in self.remote.iter().filter(|(short, ..)| short.starts_with("chant/")) {
            // What landed there has landed, wherever this clone's own is.
            self.tips.push(*tip);
            self.branches.entry(short.clone()).or_default().push(*tip);
        }
    }

    /// Takes in what remotes have of a target.
    pub fn target(&mut self, name: &str) -> Result<(), Error> {
        if !self.targets.insert(name.to_owned()) {
            return Ok(());
        }
        let found = match self.local.iter().any(|(local, _)| local == name) {
            true => {
                let full = format!("refs/heads/{name}");
                let shared =
                    self.shared.as_deref().map(|remote| self.repo.tracked(remote, &full)).transpose()?.flatten();
                let mut found: Vec<Oid> = self.repo.upstream(name)?.and_then(|(_, tip)| tip).into_iter().collect();
                found.extend(shared.filter(|tip| !found.contains(tip)));
                found
            }
            false if self.branches.contains_key(name) => Vec::new(),
            false => self.stand_ins(name)?,
        };
        if !found.is_empty() {
            self.tips.extend(&found);
            self.branches.entry(name.to_owned()).or_default().extend(found);
        }
        Ok(())
    }

    /// Local branches that follow a branch of that name on a remote, then what the remotes have.
    fn stand_ins(&self, name: &str) -> Result<Vec<Oid>, Error> {
        let twins: Vec<_> = self.remote.iter().filter(|(short, ..)| short == name).collect();
        let mut found = Vec::new();
        for (local, tip) in self.local.iter().filter(|_| !twins.is_empty()) {
            let upstream = self.repo.upstream(local)?;
            if upstream.is_some_and(|(upstream, _)| twins.iter().any(|(_, tracking, _)| *tracking == upstream)) {
                found.push(*tip);
            }
        }
        found.extend(twins.into_iter().map(|(.., tip)| *tip));
        Ok(found)
    }

    /// The history, with what remotes have of every target that it names.
    pub fn history(&mut self) -> Result<Arc<History>, Error> {
        let history = self.repo.history(&self.tips)?;
        if self.remote.is_empty() {
            return Ok(history);
        }
        let before = self.tips.len();
        for target in ledger::targets(&history) {
            self.target(&target)?;
        }
        if self.tips.len() == before { Ok(history) } else { Ok(self.repo.history(&self.tips)?) }
    }
}
