//! What a new worktree is given beside what is committed: [ignored files](super::brought), submodules, large files, and the build caches of the worktree that had its slot before.
//!
//! Only agents' worktrees are furnished so. The checkout of the proofs holds what is committed and what the set-up makes,
//! and nothing that an agent may have written (DESIGN.md, section 3).

use std::path::{Path, PathBuf};

use super::inside::Inside;
use super::jobs::{self, Watch};
use super::model::Claim;
use super::slots::Slot;
use super::{Engine, Error, brought};
use crate::agent::How;
use crate::project::Project;
use crate::spec::{self, SpecId};

/// How deep below a worktree's top a cache is looked for.
const DEEP: usize = 4;

/// Furnishes the worktree of an attempt, before its set-up. What is there already is left alone.
///
/// # Errors
/// [`Error::Interrupted`], and where Git cannot read the base. What cannot be brought is said, and no work fails for it.
pub(super) fn furnish(engine: &Engine, claim: &Claim, slot: Option<&Slot>) -> Result<(), Error> {
    let project = &engine.project;
    let worktree = project.worktree_path(&claim.id);
    if let Some(slot) = slot {
        remember(project, &claim.id, slot);
        bring_caches(project, &worktree, slot)?;
    }
    brought::bring(engine, claim, &worktree)
}

/// Whether what Git brings must be brought by one that is shut in: an agent has been in the worktree, whose submodules may
/// have hooks and settings of its making; or the addresses to bring them from are its own words.
///
/// # Errors
/// Where Git cannot read the branch.
pub(super) fn is_touched(project: &Project, claim: &Claim) -> Result<bool, Error> {
    let repo = &project.repo;
    let modules = |commit| Ok::<_, Error>(repo.entry(commit, ".gitmodules")?.map(|(oid, _)| oid));
    let tip = repo.tip(&claim.qualified.full_ref())?.unwrap_or(claim.start);
    Ok(repo.was_enclosed(&project.worktree_path(&claim.id))? || modules(tip)? != modules(claim.base)?)
}

/// Brings submodules and large files into the worktree of an attempt.
///
/// # Errors
/// As [`furnish`].
pub(super) fn bring(engine: &Engine, claim: &Claim, inside: &Inside) -> Result<(), Error> {
    let project = &engine.project;
    let worktree = project.worktree_path(&claim.id);
    let run = |script: &str, what: &str| run(engine, claim, inside, (&worktree, script), what);
    let repo = &project.repo;
    if repo.entry(claim.base, ".gitmodules")?.is_some() {
        run("git submodule --quiet update --init --recursive", "its submodules")?;
    }
    let attributes = repo.read(claim.base, ".gitattributes")?.unwrap_or_default();
    if String::from_utf8_lossy(&attributes).contains("filter=lfs") {
        match has_program(project, "git-lfs") {
            true => run("git lfs pull", "its large files")?,
            false => engine.notice(
                &claim.id,
                "git-lfs is not installed: files that .gitattributes gives to it are pointers here".to_owned(),
            ),
        }
    }
    Ok(())
}

fn has_program(project: &Project, name: &str) -> bool {
    let Some(path) = project.env.vars.get("PATH") else { return false };
    std::env::split_paths(path).any(|dir| dir.join(name).is_file())
}

/// Runs one of Git's own commands in the worktree, under supervision: it may run filters, and reach for a network.
fn run(
    engine: &Engine,
    claim: &Claim,
    inside: &Inside,
    (worktree, script): (&Path, &str),
    what: &str,
) -> Result<(), Error> {
    let timeout = claim.settings.timeout.value;
    let cage = inside.cage();
    let watch = Watch { id: &claim.id, lock: &claim.lock, timeout, transcript: None, cage, quiet: false, lost: None };
    let mut errand = jobs::shell(&engine.project, &claim.settings, script, worktree.to_owned());
    if !inside.is_shut() {
        // It is no agent's: it needs whatever the user's own Git needs to reach what it brings.
        errand.env = jobs::clean_environment(&engine.project, &jobs::For::Looking);
    }
    inside.dress(&mut errand);
    let done = engine.perform(vec![errand], &watch)?;
    if matches!(done.how, How::Stopped) || engine.stopped() {
        return Err(Error::Interrupted);
    }
    if let Some(failure) = jobs::failure(&done) {
        engine.notice(&claim.id, format!("{what} could not be brought: `{script}` {failure}"));
    }
    Ok(())
}

/// Where the caches of a slot lie between two uses.
fn store(project: &Project, slot: u16) -> PathBuf {
    project.repo.common_dir().join("chant/slots").join(slot.to_string())
}

/// Which slot a worktree had, beside its caches' store.
fn had(project: &Project, id: &SpecId) -> PathBuf {
    let name = project.qualify(id).to_string().replace('/', "+");
    project.repo.common_dir().join("chant/slots").join(format!("{name}.had"))
}

/// Moves the caches that the last worktree of the slot left into this one, where they are ignored in it, too. Losing them
/// costs time and nothing else.
fn bring_caches(project: &Project, worktree: &Path, slot: &Slot) -> Result<(), Error> {
    let store = store(project, slot.number);
    for kept in walk(&store, Path::new(""), &|_| true, 1) {
        // A name in the store is the path, its slashes written otherwise.
        let inside = kept.to_string_lossy().replace("%2F", "/").replace("%25", "%");
        let to = worktree.join(&inside);
        let free = to.symlink_metadata().is_err() && to.parent().is_some_and(|dir| is_real(worktree, dir));
        if free && std::fs::rename(store.join(&kept), &to).is_ok() {
            let ignored = project.repo.ignored_of(worktree, std::slice::from_ref(&inside))?;
            if ignored.is_empty() {
                std::fs::rename(&to, store.join(&kept)).map_err(Error::system(format!("cannot put {inside} back")))?;
            }
        }
    }
    Ok(())
}

/// Whether a directory is there, and no link leads to it from the top.
fn is_real(top: &Path, dir: &Path) -> bool {
    match (top.canonicalize(), dir.canonicalize()) {
        (Ok(top), Ok(real)) => dir.strip_prefix(&top).map_or(real.starts_with(&top), |inside| real == top.join(inside)),
        _ => false,
    }
}

/// Remembers which slot a worktree has, so that its caches find back to it.
fn remember(project: &Project, id: &SpecId, slot: &Slot) {
    std::fs::write(had(project, id), slot.number.to_string()).ok();
}

/// Moves what `worktree.keep` names and is ignored out of a worktree that goes.
///
/// # Errors
/// Where Git cannot list it.
pub(super) fn keep_caches(project: &Project, id: &SpecId, worktree: &Path) -> Result<(), Error> {
    let keep = &project.settings.worktree_keep.value;
    let had = had(project, id);
    let slot = std::fs::read_to_string(&had).ok().and_then(|text| text.trim().parse::<u16>().ok());
    std::fs::remove_file(&had).ok();
    let (Some(slot), false) = (slot, keep.is_empty()) else { return Ok(()) };
    let matcher = spec::matcher(keep);
    let kept = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        matcher.is_match(path) || matcher.is_match(Path::new(name))
    };
    let found: Vec<String> = walk(worktree, Path::new(""), &kept, DEEP)
        .into_iter()
        .filter_map(|path| path.to_str().map(str::to_owned))
        .collect();
    let store = store(project, slot);
    std::fs::create_dir_all(&store).map_err(Error::system("cannot make the place for build caches"))?;
    for path in project.repo.ignored_of(worktree, &found)? {
        let to = store.join(path.replace('%', "%25").replace('/', "%2F"));
        // What the slot had before is older.
        if to.is_dir() && !to.is_symlink() {
            std::fs::remove_dir_all(&to).map_err(Error::system(format!("cannot clear {}", to.display())))?;
        }
        std::fs::rename(worktree.join(&path), to).ok(); // on another file system it stays, and goes with the worktree
    }
    Ok(())
}

/// The first paths on each way down that fit, links left out.
fn walk(top: &Path, inside: &Path, fits: &dyn Fn(&Path) -> bool, deep: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if deep == 0 {
        return found;
    }
    for entry in std::fs::read_dir(top.join(inside)).into_iter().flatten().flatten() {
        let path = inside.join(entry.file_name());
        let Ok(kind) = entry.file_type() else { continue };
        if entry.file_name() == ".git" || kind.is_symlink() {
            continue;
        }
        if fits(&path) {
            found.push(path);
        } else if kind.is_dir() {
            found.extend(walk(top, &path, fits, deep - 1));
        }
    }
    found.sort();
    found
}
