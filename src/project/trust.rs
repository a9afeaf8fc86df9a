//! Whose events count, as the target says it (`trust:` in its settings), and since when.
//!
//! An attempt may say what it likes: the target's word counts, never the work's. And what the target held when it began to
//! ask for signatures counts without them: the commit that says `trust: signed`, while none of its parents does, and
//! everything before it. Nothing can be added there without rewriting the target. Where a merge brought together histories
//! that began to ask apart from each other, only what all of those beginnings hold counts unsigned, so that no history from
//! aside can bring along a beginning of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::{CONFIG, Error, Project, committed};
use crate::config::{self, Trust as Said};
use crate::ledger::{self, History, Oid, Reading, Signatures, Signed, Trust, View};
use crate::spec::{Qualified, Set, SpecId};

/// Whose events count at a look.
#[derive(Default)]
pub(super) struct Asked {
    pub trust: Trust,
    /// The commits that ask for signatures: by the files of keys that they have, all of them.
    pub by: Vec<Oid>,
}

/// Whose events count for what is looked at, by what the target says; with what Git says of the signatures of all events.
/// `set` tells what else bears on the specs that are being decided about.
pub(super) fn asked(
    project: &Project,
    history: &History,
    view: &View,
    target: Option<&str>,
    set: &Set,
) -> Result<Asked, Error> {
    let mut by = Vec::new();
    let mut asking = Signatures { project: project.name.clone(), ..Signatures::default() };
    let mut words = Asking { project, history, words: BTreeMap::new() };
    let tips = tips(project, history, view, target)?;
    // Where a shallow clone is cut off, what is hidden may be told some day.
    let says = if view.shallow { 0 } else { history.says() };
    let unasked = committed::none_asks(project, &tips, says, || {
        let mut all = tips.iter().map(|tip| project.verdicts.since(*tip, || words.since(*tip)));
        all.try_fold(true, |none, since| Ok(none && since?.is_none()))
    });
    if unasked? {
        return Ok(Asked::default());
    }
    for tip in tips {
        if let Some(since) = project.verdicts.since(tip, || words.since(tip))? {
            asking.since.extend(since);
            by.push(tip);
        }
    }
    if by.is_empty() {
        return Ok(Asked::default());
    }
    let mut view = View { trust: Trust::Signed(asking), ..view.clone() };
    let commits = ledger::to_check(history, &view);
    let deciding = deciding(project, set);
    let decides = |commit: &Oid| !deciding.is_empty() && is_about(history, commit, &deciding);
    if let Trust::Signed(asking) = &mut view.trust {
        for tip in &by {
            let signers = project.repo.signers(Some(*tip))?;
            let said = match &signers.lacks {
                Some(why) => Err(why.clone()),
                None => project.verdicts.of(&project.repo, &signers, &commits, decides).map_err(|e| in_words(&e)),
            };
            match said {
                Ok(said) => said.into_iter().for_each(|(commit, signed)| strictest(&mut asking.of, commit, signed)),
                Err(why) => asking.unusable = Some(why),
            }
        }
    }
    Ok(Asked { trust: view.trust, by })
}

/// What counts by one target's keys and not by another's does not count.
fn strictest(of: &mut BTreeMap<Oid, Signed>, commit: Oid, signed: Signed) {
    let before = of.entry(commit).or_insert_with(|| signed.clone());
    if signed.by().is_none() {
        *before = signed;
    }
}

/// An error with what is at the bottom of it, on one line.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    ledger::harmless_line(&words)
}

/// The specs that are being decided about under their locks, and those that bear on them: members, drivers, and what they
/// depend on. What a dependency itself depended on was decided about when it landed.
fn deciding(project: &Project, set: &Set) -> BTreeSet<Qualified> {
    let mut below: BTreeSet<SpecId> = BTreeSet::new();
    let mut open: Vec<SpecId> = project.verdicts.deciding();
    while let Some(id) = open.pop() {
        open.extend(set.members_of(&id).iter().filter(|member| !below.contains(member)).cloned());
        below.insert(id);
    }
    let needs: Vec<SpecId> = below.iter().flat_map(|id| set.depends_on(id)).collect();
    let above: Vec<SpecId> = below.iter().chain(&needs).flat_map(|id| set.drivers_of(id)).cloned().collect();
    let former = |id: &SpecId| set.get(id).map(|spec| spec.formerly.clone()).unwrap_or_default();
    let all = below.iter().chain(&needs).chain(&above);
    all.flat_map(|id| former(id).into_iter().chain([id.clone()])).map(|id| project.qualify(&id)).collect()
}

fn is_about(history: &History, commit: &Oid, specs: &BTreeSet<Qualified>) -> bool {
    let Some(note) = history.note(commit) else { return false };
    match ledger::read(&note.message) {
        Reading::Block(block) => {
            let landed = block.landings.iter().map(|landing| &landing.spec);
            // What is disowned may be anybody's.
            !block.disowned.is_empty() || block.spec.iter().chain(landed).any(|spec| specs.contains(spec))
        }
        _ => false,
    }
}

/// The commits whose words count: the target's, and where a spec's own branch is checked out, which is the work, that of the
/// main worktree. Where that has a spec's branch too, every target that a claim names, and what is looked from: what one of
/// them lets count, another may not.
fn tips(project: &Project, history: &History, view: &View, target: Option<&str>) -> Result<Vec<Oid>, Error> {
    let own = |name: &str| Qualified::from_branch(name).is_some();
    let tip = |name: &str| view.branches.get(name).and_then(|tips| tips.first()).copied();
    let repo = &project.repo;
    let home = match (target, repo.main_workdir()) {
        (None, _) => return Ok(vec![view.from]),
        (Some(name), Some(top)) if own(name) => {
            repo.worktree_head(&top)?.and_then(|head| head.branch().map(str::to_owned))
        }
        (name, _) => name.map(str::to_owned),
    };
    if let Some(tip) = home.filter(|name| !own(name)).and_then(|name| tip(&name)) {
        return Ok(vec![tip]);
    }
    let targets = ledger::targets(history).into_iter().filter(|name| !own(name));
    let tips: BTreeSet<Oid> = targets.filter_map(|name| tip(&name)).chain([view.from]).collect();
    Ok(tips.into_iter().collect())
}

/// What commits say of whose events count.
struct Asking<'a> {
    project: &'a Project,
    history: &'a History,
    /// By the settings file; `None` as well where it cannot be used.
    words: BTreeMap<Option<Oid>, Option<Said>>,
}

impl Asking<'_> {
    /// Where it began that a commit asks for signatures: nothing where a shallow clone hides that; `None` where it does not
    /// ask. Settings that cannot be used leave it at what was said before them.
    fn since(&mut self, tip: Oid) -> Result<Option<Vec<Oid>>, Error> {
        let mut sides = Vec::new();
        let first = match self.begun(tip, &mut sides)? {
            Begun::Never => return Ok(None),
            Begun::Hidden => return Ok(Some(Vec::new())),
            Begun::At(first) => first,
        };
        let mut found = vec![first];
        while let Some(side) = sides.pop() {
            if found.iter().any(|since| self.history.is_ancestor(*since, side)) || !self.asks(side)? {
                continue;
            }
            match self.begun(side, &mut sides)? {
                Begun::At(since) => found.push(since),
                Begun::Hidden => return Ok(Some(Vec::new())),
                Begun::Never => {}
            }
        }
        Ok(Some(found))
    }

    /// Back along the first parents that ask; where the first one does not, along another that does. The other parents go
    /// to `sides`. The file is read only where Git says that it changes.
    fn begun(&mut self, tip: Oid, sides: &mut Vec<Oid>) -> Result<Begun, Error> {
        let path = self.project.path(CONFIG);
        let mut since = None;
        let (mut at, mut said) = (tip, self.says(tip)?);
        // Most projects do not ask, and this costs them nothing.
        if said == Some(Said::Any) {
            return Ok(Begun::Never);
        }
        let mut changing: BTreeSet<Oid> = self.project.repo.first_parents_changing(at, &path)?.into_iter().collect();
        while said != Some(Said::Any) {
            if said.is_some() {
                since = Some(at);
            }
            let parents = self.history.parents(&at).unwrap_or_default();
            let Some((first, others)) = parents.split_first() else {
                let cut = since.is_some() && self.history.is_cut(&at);
                return Ok(if cut { Begun::Hidden } else { since.map_or(Begun::Never, Begun::At) });
            };
            if !self.history.contains(first) {
                return Ok(if since.is_some() { Begun::Hidden } else { Begun::Never });
            }
            sides.extend(others.iter().filter(|other| self.history.contains(other)));
            if changing.contains(&at) {
                said = self.says(*first)?;
            }
            at = *first;
            if said == Some(Said::Any) {
                for other in others {
                    if said == Some(Said::Any) && self.asks(*other)? {
                        (at, said) = (*other, Some(Said::Signed));
                        changing = self.project.repo.first_parents_changing(at, &path)?.into_iter().collect();
                    }
                }
            }
        }
        Ok(since.map_or(Begun::Never, Begun::At))
    }

    fn asks(&mut self, commit: Oid) -> Result<bool, Error> {
        Ok(self.says(commit)? == Some(Said::Signed))
    }

    fn says(&mut self, commit: Oid) -> Result<Option<Said>, Error> {
        if !self.history.contains(&commit) {
            return Ok(Some(Said::Any));
        }
        let (project, path) = (self.project, self.project.path(CONFIG));
        let file = project.repo.entry(commit, &path)?.map(|(oid, _)| oid);
        if let Some(said) = self.words.get(&file) {
            return Ok(*said);
        }
        let bytes = project.repo.read(commit, &path)?.unwrap_or_default();
        let said = config::trust_in(&bytes);
        self.words.insert(file, said);
        Ok(said)
    }
}

enum Begun {
    At(Oid),
    /// Beyond the edge of a shallow clone.
    Hidden,
    Never,
}
