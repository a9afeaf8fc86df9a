//! What a push lands on protected branches, and whether its completions count there.

use std::collections::{BTreeMap, BTreeSet};

use super::judge::{Event, Facts, Refusal, called, events};
use super::refs::Update;
use crate::ledger::{Oid, Signed, Transition};
use crate::spec::Qualified;

/// The specs that a push brings into one protected branch, each with the completing events that count for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// The branch's short name.
    pub branch: String,
    /// Where it was; `None` where it is new.
    pub old: Option<Oid>,
    /// Where it would be.
    pub new: Oid,
    /// By spec the completing events of its last attempt; none where only a landing tells of it.
    pub specs: BTreeMap<Qualified, Vec<Oid>>,
}

/// What comes into protected branches: completions that they come to hold, and landings of any kind that the fold knows.
///
/// `held` are the tips of protected branches as they were: what one of them holds, another may come to hold.
pub fn brought(
    facts: &Facts,
    updates: &[Update],
    protects: &dyn Fn(&str) -> bool,
    held: &[Oid],
    head: Option<&str>,
) -> Vec<Brought> {
    let all = events(facts.after, facts.names);
    let completing: Vec<&Event> =
        all.iter().filter(|event| event.block.status == Some(Transition::Completed)).collect();
    let mut found = Vec::new();
    for update in updates {
        let (Some(branch), Some(new)) = (update.branch().filter(|branch| protects(branch)), update.new) else {
            continue;
        };
        let mut specs: BTreeMap<Qualified, Vec<Oid>> = BTreeMap::new();
        let comes = |event: &&&Event| {
            facts.after.is_ancestor(event.commit, new)
                && !held.iter().any(|tip| facts.before.is_ancestor(event.commit, *tip))
        };
        let come: Vec<&Event> = completing.iter().filter(comes).copied().collect();
        for event in &come {
            let later = |other: &&Event| {
                other.spec == event.spec
                    && other.commit != event.commit
                    && (other.block.attempt > event.block.attempt
                        || facts.after.is_ancestor(event.commit, other.commit))
            };
            let commits = specs.entry(event.spec.clone()).or_default();
            if !come.iter().any(later) {
                commits.push(event.commit);
            }
        }
        specs.extend(
            landed(facts, branch, held, head)
                .into_iter()
                .filter(|(spec, _)| !specs.contains_key(spec))
                .collect::<Vec<_>>(),
        );
        if !specs.is_empty() {
            found.push(Brought { branch: branch.to_owned(), old: update.old, new, specs });
        }
    }
    found
}

/// What has landed on a branch by the push, as the fold sees it: squashes and copies too.
fn landed(facts: &Facts, branch: &str, held: &[Oid], head: Option<&str>) -> BTreeMap<Qualified, Vec<Oid>> {
    let here = |target: &str| target == branch || (target == "HEAD" && head == Some(branch));
    let mut found = BTreeMap::new();
    for (spec, record) in &facts.is.specs {
        let Some(landing) = record.landing.as_ref().filter(|landing| here(&landing.target)) else { continue };
        if facts.before.contains(&landing.commit)
            && held.iter().any(|tip| facts.before.is_ancestor(landing.commit, *tip))
        {
            continue;
        }
        let before = facts.was.record(spec);
        let same = before.is_some_and(|was| {
            was.attempt == record.attempt && was.landing.as_ref().is_some_and(|was| here(&was.target))
        });
        if !same {
            let event = record.decided_by.filter(|commit| *commit != landing.commit);
            found.insert(spec.clone(), event.into_iter().collect());
        }
    }
    found
}

/// The completions that must be signed, for Git to be asked.
pub fn to_be_signed(brought: &[Brought]) -> BTreeSet<Oid> {
    brought.iter().flat_map(|one| one.specs.values().flatten().copied()).collect()
}

/// Refuses what is completed by an event that nobody signed who may.
pub fn unsigned(facts: &Facts, brought: &[Brought], signed: &BTreeMap<Oid, Signed>) -> Vec<Refusal> {
    let mut found = Vec::new();
    let help = "who completes it signs the event: `git config commit.gpgSign true` before `chant work`".to_owned();
    for one in brought {
        for (spec, commits) in &one.specs {
            if commits.is_empty() {
                let why = format!("{spec} would land, and its completion is not here to be looked at");
                found.push(Refusal { about: one.branch.clone(), why, help: help.clone() });
            }
            for commit in commits {
                let how = match signed.get(commit) {
                    Some(Signed::By(_)) => continue,
                    Some(Signed::Void(why)) => format!("its signature {why}"),
                    _ => "it is not signed".to_owned(),
                };
                let note = facts.after.note(commit).or_else(|| facts.before.note(commit));
                let about = called(*commit, note.map(|note| &*note.message).unwrap_or_default());
                let why = format!("it completes {spec} on {}, and {how}", one.branch);
                found.push(Refusal { about, why, help: help.clone() });
            }
        }
    }
    found
}
