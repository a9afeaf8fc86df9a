//! Files that no work may change (`frozen:` in the settings of the target), and what `strict: true` fails.
//!
//! What an agent made of a frozen file is set aside by a commit of the engine's on top of its own: the tree that is
//! proven and landed has the base's version, and the agent's stays in the history of its branch.

use std::collections::BTreeSet;

use super::events::journal;
use super::model::Claim;
use super::{Engine, Error, shared, tidy};
use crate::git::{Change, Expect, Follow, Moved, RefMove};
use crate::ledger::Oid;
use crate::spec;

/// Sets aside what the attempt changed in frozen files; gives their paths. A file that the spec's `target_files` name
/// letter by letter is meant to change.
///
/// # Errors
/// Where Git fails, and where somebody moved the branch meanwhile.
pub(super) fn set_aside(engine: &Engine, claim: &Claim) -> Result<Vec<String>, Error> {
    let globs = &claim.settings.proving.frozen.value;
    let repo = &engine.project.repo;
    let name = claim.qualified.full_ref();
    let Some(tip) = repo.tip(&name)?.filter(|_| !globs.is_empty()) else { return Ok(Vec::new()) };
    let matcher = spec::matcher(globs);
    let named = |inside: &str| claim.spec.target_files.iter().any(|file| file == inside);
    let frozen = |change: &Change| {
        let inside = change.path.strip_prefix(&engine.project.prefix);
        inside.is_some_and(|inside| matcher.is_match(inside) && !named(inside))
    };
    let changes: Vec<Change> = repo.changes(Some(claim.base), tip)?.into_iter().filter(frozen).collect();
    if !changes.is_empty() {
        put_back(engine, claim, tip, &changes)?;
    }
    recorded(engine, claim)
}

/// The commit that gives frozen files their base's content again.
fn put_back(engine: &Engine, claim: &Claim, tip: Oid, changes: &[Change]) -> Result<(), Error> {
    let repo = &engine.project.repo;
    // What is to go goes first: a directory may stand where a file comes back.
    let mut edits: Vec<_> = changes.iter().map(|change| (change.path.clone(), change.old)).collect();
    edits.sort_by_key(|(_, old)| old.is_some());
    let tree = repo.edit_tree(Some(tip), &edits)?;
    let message = format!("{}\n\n{}\n", subject(claim), crate::ledger::spec_line(&claim.qualified));
    let commit = repo.commit(tree, &[tip], &message)?;
    journal(&claim.lock, commit)?;
    bring_along(engine, claim, tip, commit)?;
    let moves = [RefMove { name: claim.qualified.full_ref(), from: Expect::At(tip), to: Some(commit) }];
    if let Moved::TipMoved { .. } = shared::move_refs(&engine.project, &moves, "frozen files set aside")? {
        return Err(Error::Failed(format!("{} was moved by somebody else meanwhile", claim.qualified.branch())));
    }
    let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    engine.notice(
        &claim.id,
        format!("set aside what it changed in frozen files ({}); it is kept in {}", paths.join(", "), tip.short()),
    );
    Ok(())
}

fn subject(claim: &Claim) -> String {
    format!("{}: set aside changes to frozen files", claim.id)
}

/// What such commits on the branch have set aside, those of an interrupted run and of failed attempts before included.
///
/// # Errors
/// Where Git cannot read the branch.
pub(super) fn recorded(engine: &Engine, claim: &Claim) -> Result<Vec<String>, Error> {
    let repo = &engine.project.repo;
    if claim.settings.proving.frozen.value.is_empty() {
        return Ok(Vec::new());
    }
    let Some(tip) = repo.tip(&claim.qualified.full_ref())? else { return Ok(Vec::new()) };
    let subject = subject(claim);
    let mut paths = BTreeSet::new();
    for commit in repo.commits(&[tip], &[claim.base])? {
        if repo.message(commit)?.split(|byte| *byte == b'\n').next() == Some(subject.as_bytes())
            && let Some(parent) = repo.parents(commit)?.first()
        {
            paths.extend(repo.changes(Some(*parent), commit)?.into_iter().map(|change| change.path));
        }
    }
    Ok(paths.into_iter().collect())
}

/// The worktree follows, or goes as it is where it cannot.
fn bring_along(engine: &Engine, claim: &Claim, from: Oid, to: Oid) -> Result<(), Error> {
    let repo = &engine.project.repo;
    let path = engine.project.worktree_path(&claim.id);
    if repo.is_worktree(&path)? && repo.follow(&path, from, to)? != Follow::Followed {
        tidy::set_aside(engine, &claim.id, &claim.qualified, &path)?;
    }
    Ok(())
}

/// What `strict: true` does not let pass: tests that are gone or say less, criteria that are gone or reworded. A guess
/// from the text.
///
/// # Errors
/// Where Git cannot read a file.
pub(super) fn lax(engine: &Engine, claim: &Claim, tip: Oid) -> Result<Option<String>, Error> {
    if !claim.settings.proving.strict.value {
        return Ok(None);
    }
    let repo = &engine.project.repo;
    let mut found = Vec::new();
    for change in repo.changes(Some(claim.base), tip)? {
        let text = |side: Option<(Oid, crate::git::EntryKind)>| -> Result<Option<String>, Error> {
            let bytes = side.map(|(oid, _)| repo.blob(oid)).transpose()?;
            Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
        };
        if [change.old, change.new].iter().flatten().any(|(_, kind)| *kind == crate::git::EntryKind::Submodule) {
            continue;
        }
        let (old, new) = (text(change.old)?, text(change.new)?);
        let inside = change.path.strip_prefix(&engine.project.prefix);
        let run = inside.is_some_and(|inside| {
            let commands = claim.spec.criteria.iter().filter_map(|criterion| criterion.command.as_deref());
            let meant = claim.spec.target_files.iter().any(|file| file == inside);
            !meant && spec::is_run_by(commands, inside, old.as_deref().unwrap_or_default())
        });
        let weakened = spec::weakened(&change.path, old.as_deref(), new.as_deref(), run);
        let losses = weakened.into_iter().filter(|what| what.is_loss());
        found.extend(losses.map(|what| format!("{}: {}", change.path, what.words())));
        found.extend(criteria(engine, &change.path, old.as_deref(), new.as_deref()));
    }
    Ok((!found.is_empty()).then(|| format!("`strict: true` does not let pass: {}", found.join("; "))))
}

/// What a change makes of the criteria of the spec in a file of this project's.
fn criteria(engine: &Engine, path: &str, old: Option<&str>, new: Option<&str>) -> Vec<String> {
    let edited = engine.project.criteria_edited(path, old, new);
    edited.into_iter().map(|what| format!("{path}: {what}")).collect()
}
