//! Where work starts and where it will land, and whether what stands there can be started from (DESIGN.md, section 5,
//! "Base").

use super::{Engine, Error, Request, driver};
use crate::agent::Lock;
use crate::git::Head;
use crate::ledger::{Oid, Record};
use crate::project::{self, Look, Project};
use crate::spec::{Spec, SpecId};

/// The branch that a spec lands on: its driver's, else the one that the spec, the caller, the settings or HEAD name.
///
/// # Errors
/// Where nothing names one, on a detached HEAD for instance.
pub fn target_of(project: &Project, look: &Look, id: &SpecId, asked: Option<&str>) -> Result<String, Error> {
    if let Some(driver) = look.set.driver_of(id) {
        return Ok(project.qualify(driver).branch());
    }
    let own = look.set.get(id).and_then(|spec| spec.target.clone());
    let named = own.or_else(|| asked.map(str::to_owned)).or_else(|| project.settings.target.value.clone());
    if let Some(name) = named {
        return Ok(name);
    }
    match project.repo.head()? {
        Head::Branch { name, .. } if name.starts_with("chant/") => Err(Error::refused(
            format!("HEAD is on {name}, which is a spec's own branch and no place to land on"),
            "name the branch to land on with `--target <branch>`",
        )),
        Head::Branch { name, .. } | Head::Unborn(name) => Ok(name),
        Head::Detached(_) => Err(Error::refused(
            "HEAD is detached, so nothing names the branch to land on",
            "name it with `--target <branch>`",
        )),
    }
}

pub(super) fn recorded_target(record: &Record) -> Option<String> {
    record.last_start.as_ref().and_then(|entry| entry.block.target.clone())
}

/// The spec as it stands in a commit, usable.
///
/// # Errors
/// Where it is not there, or not usable.
pub fn spec_at(project: &Project, id: &SpecId, commit: Oid) -> Result<Spec, Error> {
    let path = project.spec_path(id);
    let Some(bytes) = project.repo.read(commit, &path)? else { return Err(uncommitted(id, "is not committed")) };
    let parsed = crate::spec::parse(id, &path, &bytes);
    parsed.spec.ok_or(Error::Spec { id: id.clone(), diagnostics: parsed.diagnostics })
}

fn uncommitted(id: &SpecId, what: &str) -> Error {
    let inside = format!("{}/{id}.md", project::SPECS);
    Error::refused(
        format!("{id} {what} where its work would start"),
        format!("commit it first: `git add {inside} && git commit -m \"spec: {id}\" -- {inside}`"),
    )
}

/// What the user has edited and not committed would not be what is worked.
pub(super) fn refuse_edited(project: &Project, look: &Look, committed: &Spec) -> Result<(), Error> {
    let Some(here) = look.set.get(&committed.id) else { return Ok(()) };
    let same = |a: &str, b: &str| a.lines().eq(b.lines());
    if project.root.is_none() || same(here.render(), committed.render()) {
        return Ok(());
    }
    // Another branch than the target may be checked out; only an edit that Git calls one is the user's.
    let head = project.repo.head()?.tip();
    let at_head = head.map(|tip| project.repo.read(tip, &project.spec_path(&committed.id))).transpose()?.flatten();
    if at_head.is_some_and(|bytes| same(&String::from_utf8_lossy(&bytes), here.render())) {
        return Ok(());
    }
    Err(uncommitted(&committed.id, "has changes that are not committed"))
}

/// The commit that the work on a spec would start from, as far as it is there already: a driver's branch may not be.
pub(super) fn base_seen(project: &Project, look: &Look, id: &SpecId, request: &Request) -> Result<Oid, Error> {
    let mut open = id.clone();
    loop {
        let target = target_of(project, look, &open, request.target.as_deref())?;
        match (project.repo.tip(&format!("refs/heads/{target}"))?, look.set.driver_of(&open)) {
            (Some(tip), _) => return Ok(tip),
            (None, Some(driver)) => open = driver.clone(),
            (None, None) => return Err(no_target(&target)),
        }
    }
}

/// The branch to start from and to land on; a driver's is made or brought up to date first.
pub(super) fn base_branch(engine: &Engine, look: &Look, id: &SpecId, lock: &Lock) -> Result<String, Error> {
    match look.set.driver_of(id) {
        Some(driver) => driver::ensure(engine, look, driver, lock),
        None => target_of(&engine.project, look, id, engine.request.target.as_deref()),
    }
}

pub(super) fn no_target(target: &str) -> Error {
    Error::refused(
        format!("there is no branch `{target}` to start from"),
        "make a first commit on it, or name another with `--target <branch>`",
    )
}

/// An upstream that is known to be ahead would make the base stale.
pub(super) fn refuse_stale(engine: &Engine, look: &Look, id: &SpecId, target: &str, base: Oid) -> Result<(), Error> {
    // Where a remote is shared, what is there has been taken in a moment ago.
    let shared = super::shared::remote(&engine.project)?.is_some();
    if engine.request.stale || shared || look.set.driver_of(id).is_some() {
        return Ok(());
    }
    let repo = &engine.project.repo;
    let Some((name, Some(upstream))) = repo.upstream(target)? else { return Ok(()) };
    if repo.is_ancestor(upstream, base)? {
        return Ok(());
    }
    Err(Error::refused(
        format!("{target} is behind {}", name.trim_start_matches("refs/remotes/")),
        "bring it up to date with `git pull`, or start from here all the same with `--stale`",
    ))
}
