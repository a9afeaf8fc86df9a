//! What a commit of an agent's must not hold: repositories of their own, and submodules at commits that nobody has.

use std::collections::BTreeSet;

use super::model::Claim;
use super::{Engine, Error};
use crate::git::{Change, EntryKind, Repo};
use crate::ledger::Oid;

/// A repository inside of the worktree would be committed as a link to nowhere; and what looks like a bare one to Git is
/// one, wherever it lies: its settings start programs for whoever goes there and types `git status`.
pub(super) fn embedded(engine: &Engine, claim: &Claim, tip: Oid) -> Result<Option<String>, Error> {
    let repo = &engine.project.repo;
    let modules = repo.read(tip, ".gitmodules")?.unwrap_or_default();
    let modules = String::from_utf8_lossy(&modules).into_owned();
    let known = |path: &str| {
        modules.lines().any(|line| {
            line.trim().strip_prefix("path").is_some_and(|rest| rest.trim_start_matches([' ', '=']) == path)
        })
    };
    let links = repo.changes(Some(claim.base), tip)?;
    let found = links.iter().find(|change| {
        matches!(change.new, Some((_, EntryKind::Submodule))) && change.old.is_none() && !known(&change.path)
    });
    if let Some(change) = found {
        return Ok(Some(of_its_own(&change.path)));
    }
    for change in &links {
        if let Some(complaint) = moved_to_nowhere(engine, claim, change)? {
            return Ok(Some(complaint));
        }
    }
    let brought = links.iter().filter(|change| change.new.is_some()).filter_map(|change| bare_around(&change.path));
    for dir in brought.collect::<BTreeSet<&str>>() {
        if is_bare(repo, tip, dir)? && !is_bare(repo, claim.base, dir)? {
            let dir = if dir.is_empty() { "the top" } else { dir };
            return Ok(Some(format!(
                "{dir} looks like a repository of its own to Git (HEAD, objects and refs), by whose settings programs start \
                 for whoever goes there"
            )));
        }
    }
    Ok(None)
}

/// A submodule that the work moved to a commit which its repository, as far as it was fetched here, does not have: nobody
/// else can check it out. What the target says meanwhile is not the work's doing, and one that `target_files` name letter by
/// letter was asked for.
fn moved_to_nowhere(engine: &Engine, claim: &Claim, change: &Change) -> Result<Option<String>, Error> {
    let (Some((_, EntryKind::Submodule)), Some((commit, EntryKind::Submodule))) = (change.old, change.new) else {
        return Ok(None);
    };
    let project = &engine.project;
    let inside = change.path.strip_prefix(&project.prefix);
    let asked = inside.is_some_and(|inside| claim.spec.target_files.iter().any(|file| file == inside));
    let onto = project.repo.tip(&format!("refs/heads/{}", claim.target))?;
    let there = onto.map(|onto| project.repo.entry(onto, &change.path)).transpose()?.flatten();
    if asked || claim.agent.is_person() || there == change.new {
        return Ok(None);
    }
    let at = project.worktree_path(&claim.id);
    if project.repo.is_fetched_in_module(&at, &change.path, commit)? {
        return Ok(None);
    }
    Ok(Some(format!(
        "the submodule {} is moved to {}, a commit that no branch of its repository has which was fetched here: nobody \
         else can check it out; push it there and fetch it, or name the submodule in `target_files`",
        change.path,
        commit.short()
    )))
}

/// What a directory holds that Git takes for a repository (gitrepository-layout(5)).
const BARE: [&str; 3] = ["HEAD", "objects", "refs"];

/// The directory that a path would make a part of a bare repository, the innermost.
fn bare_around(path: &str) -> Option<&str> {
    let is_part = |part: &str| BARE.iter().any(|name| name.eq_ignore_ascii_case(part));
    let mut starts = std::iter::once(0).chain(path.match_indices('/').map(|(at, _)| at + 1));
    let found = starts.rfind(|at| path[*at..].split('/').next().is_some_and(is_part));
    found.map(|at| path[..at].trim_end_matches('/'))
}

/// Whether Git takes a directory of a commit for a repository, on some system: names are compared as one would that knows no
/// case.
fn is_bare(repo: &Repo, commit: Oid, dir: &str) -> Result<bool, Error> {
    let entries = repo.list(commit, dir)?;
    Ok(BARE.iter().all(|name| entries.iter().any(|entry| entry.name.eq_ignore_ascii_case(name))))
}

pub(super) fn of_its_own(path: &str) -> String {
    format!("{} is a repository of its own, whose files cannot be committed", path.trim_end_matches('/'))
}
