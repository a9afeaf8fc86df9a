//! Ignored files that are brought along into a worktree, as the target's `.worktreeinclude` says.
//!
//! They are the user's, often with secrets in them, and never work: which they are is noted before the first is copied, and
//! nothing at these places gets into a commit, be it of the work or a safety copy, nor does another file that holds their
//! secrets. When the worktree goes, what is as it was is deleted, and what was changed is moved to where no ref and no clone
//! finds it.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::leaked::Leaks;
use super::model::Claim;
use super::{Engine, Error, secrets};
use crate::agent::Mask;
use crate::cage;
use crate::config::Settings;
use crate::git::EntryKind;
use crate::ledger::Oid;
use crate::project::Project;
use crate::spec::{self, Qualified, SpecId};

/// The file of patterns, at the repository's top.
const INCLUDE: &str = ".worktreeinclude";
/// The largest file that is searched for secrets, in bytes.
const LARGEST: u64 = 256 << 10;

/// Copies ignored files of the main checkout that the target's `.worktreeinclude` names: those that are ignored in the
/// worktree, too, for else they would be taken for work; never over a file, never through a link.
///
/// # Errors
/// Where Git cannot list them, or it cannot be noted which they are. One that cannot be copied is said.
pub(super) fn bring(engine: &Engine, claim: &Claim, worktree: &Path) -> Result<(), Error> {
    let project = &engine.project;
    let Some(from) = project.repo.main_workdir() else { return Ok(()) };
    let Some((_, EntryKind::Blob | EntryKind::Exec)) = project.repo.entry(claim.base, INCLUDE)? else { return Ok(()) };
    let patterns = project.repo.read(claim.base, INCLUDE)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&patterns).into_owned();
    let mut named = project.repo.ignored_that(&from, &patterns)?;
    // What other attempts have left in their worktrees is theirs.
    let (own, usual) = (project.worktrees_dir(), format!("/{}/", Settings::default().worktree_dir.value));
    named.retain(|path| !from.join(path).starts_with(&own) && !format!("/{path}").contains(&usual));
    let (brought, secret): (Vec<String>, Vec<String>) =
        named.into_iter().partition(|path| !spec::looks_secret(path) || spec::names_literally(&text, path));
    if !secret.is_empty() {
        engine.notice(
            &claim.id,
            format!(
                "not brought along, for they look secret and no line of {INCLUDE} names them letter by letter: {}",
                secret.join(", ")
            ),
        );
    }
    let brought = project.repo.ignored_of(worktree, &brought)?;
    note(project, &claim.qualified, &brought)?;
    for path in &brought {
        // Also what an earlier run brought, and is another meanwhile.
        for file in [from.join(path), worktree.join(path)] {
            small_text(&file).into_iter().for_each(|text| engine.conceal_file(path, &text));
        }
        if let Err(error) = copy(&from.join(path), worktree, Path::new(path)) {
            engine.notice(&claim.id, format!("{path} was not brought along: {error}"));
        }
    }
    Ok(())
}

/// A file that is one, of text and not large.
fn small_text(path: &Path) -> Option<String> {
    cage::as_text(&small(path, LARGEST)?)
}

/// What is in a file that is one and has no more bytes than so many; no link is followed at its end.
pub(super) fn small(path: &Path, most: u64) -> Option<Vec<u8>> {
    use rustix::fs::OFlags;
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    file.metadata().ok().filter(|meta| meta.is_file() && meta.len() <= most)?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Whether anything was brought into the worktree of a spec.
pub(super) fn any(project: &Project, spec: &Qualified) -> bool {
    !noted(project, spec).is_empty()
}

/// The secrets of what was brought into the worktree of a spec, each with the file that it is of: as the user's checkout has
/// it now, and as the worktree does.
pub(super) fn values(project: &Project, spec: &Qualified) -> BTreeMap<String, String> {
    let paths = noted(project, spec);
    let tops = [Some(project.worktree_path(&spec.id)), project.repo.main_workdir()];
    let files = tops.into_iter().flatten().flat_map(|top| paths.iter().map(move |path| (path, top.join(path))));
    let texts = files.filter_map(|(path, file)| Some((path, small_text(&file)?)));
    let mut found = BTreeMap::new();
    for (path, text) in texts {
        found.extend(secrets::brought(path, &text).into_iter().map(|value| (value, path.clone())));
    }
    found
}

/// Copies one file to its place below `top`, where nothing is; a link is neither copied nor followed.
fn copy(from: &Path, top: &Path, inside: &Path) -> std::io::Result<()> {
    if !from.symlink_metadata()?.is_file() {
        return Ok(());
    }
    let mut dir = top.to_owned();
    for part in inside.parent().into_iter().flat_map(Path::components) {
        dir.push(part);
        match dir.symlink_metadata() {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => fs::create_dir(&dir)?,
            Err(error) => return Err(error),
        }
    }
    let to = top.join(inside);
    if to.symlink_metadata().is_ok() {
        return Ok(());
    }
    fs::copy(from, &to).map(drop)
}

fn file_name(spec: &Qualified) -> String {
    spec.to_string().replace('/', "+")
}

/// Where it is noted what was brought into the worktree of a spec: paths, each with a zero after it.
fn list(project: &Project, spec: &Qualified) -> PathBuf {
    project.repo.common_dir().join("chant/brought").join(file_name(spec))
}

fn note(project: &Project, spec: &Qualified, paths: &[String]) -> Result<(), Error> {
    let mut all = noted(project, spec);
    all.extend_from_slice(paths);
    all.sort();
    all.dedup();
    if all.is_empty() {
        return Ok(());
    }
    let (at, failed) = (list(project, spec), || Error::system("cannot note which files are brought along"));
    at.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed())?;
    let bytes: Vec<u8> = all.iter().flat_map(|path| [path.as_bytes(), b"\0"].concat()).collect();
    fs::write(at, bytes).map_err(failed())
}

/// What was brought into the worktree of a spec, relative to its top.
pub(super) fn noted(project: &Project, spec: &Qualified) -> Vec<String> {
    let text = fs::read_to_string(list(project, spec)).unwrap_or_default();
    text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect()
}

/// Takes what was brought out of the index again, where somebody added it and no commit has it.
///
/// # Errors
/// Where the index cannot be written.
pub(super) fn unstage(project: &Project, id: &SpecId) -> Result<(), Error> {
    let (paths, worktree) = (noted(project, &project.qualify(id)), project.worktree_path(id));
    if !paths.is_empty() && worktree.is_dir() {
        project.repo.unstage(&worktree, &paths)?;
    }
    Ok(())
}

/// What was brought along and is in the commits of an attempt all the same, in words.
///
/// # Errors
/// Where the history cannot be read.
pub(super) fn committed(engine: &Engine, claim: &Claim, tip: Oid) -> Result<Option<String>, Error> {
    let paths = noted(&engine.project, &claim.qualified);
    let repo = &engine.project.repo;
    let found = match repo.holding(None, claim.base, &[tip], &paths)? {
        Some(what) => Some(what),
        None => {
            let onto = repo.tip(&format!("refs/heads/{}", claim.target))?;
            let known: Vec<Oid> = onto.into_iter().chain([claim.base]).collect();
            Leaks::of(&engine.project, &claim.qualified, claim.base).in_commits(None, &[tip], &known)?
        }
    };
    Ok(found.map(|what| format!("{what}: `chant work --fresh {}` begins without its commits", claim.id)))
}

/// Takes away what was brought, before a worktree goes: else it would be taken for something that is nowhere else. What is
/// not as it is in the user's checkout is moved aside; where to, if anything was.
///
/// # Errors
/// Where the index cannot be written, or a file not be moved: the worktree must not go with what is in it.
pub(super) fn take_away(project: &Project, id: &SpecId) -> Result<Option<PathBuf>, Error> {
    let qualified = project.qualify(id);
    let (mut paths, worktree) = (noted(project, &qualified), project.worktree_path(id));
    unstage(project, id)?;
    paths.extend(copies(project, &qualified, &paths, &worktree)?);
    let mut aside = None;
    for path in &paths {
        let here = worktree.join(path);
        if !here.symlink_metadata().is_ok_and(|meta| meta.is_file()) || !is_real(&worktree, &here) {
            continue;
        }
        let there = project.repo.main_workdir().map(|top| top.join(path));
        let plain = there.filter(|there| there.symlink_metadata().is_ok_and(|meta| meta.is_file()));
        let failed = || Error::system(format!("cannot take {} away", here.display()));
        if plain.is_some_and(|there| fs::read(there).ok() == fs::read(&here).ok()) {
            fs::remove_file(&here).map_err(failed())?;
            continue;
        }
        let kept = match &aside {
            Some(kept) => kept,
            None => aside.insert(place_aside(project, &qualified).map_err(failed())?),
        };
        let to = kept.join(path);
        let made = to.parent().map_or(Ok(()), |dir| fs::DirBuilder::new().recursive(true).mode(0o700).create(dir));
        made.and_then(|()| move_file(&here, &to)).map_err(failed())?;
    }
    match fs::remove_file(list(project, &qualified)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
    .map_err(Error::system("cannot forget which files were brought along"))?;
    Ok(aside)
}

/// Other files in a worktree that no commit has and that hold secrets of what was brought: what else is left gets into a
/// safety copy.
fn copies(project: &Project, spec: &Qualified, paths: &[String], worktree: &Path) -> Result<Vec<String>, Error> {
    if paths.is_empty() || !worktree.is_dir() {
        return Ok(Vec::new());
    }
    let mask = Mask::new(values(project, spec).into_keys());
    let left = project.repo.leftovers(worktree)?;
    let below = left.ignored.iter().chain(&left.untracked).flat_map(|path| files_below(worktree, path));
    let others = below.filter(|path| !paths.contains(path));
    let holds = |path: &String| {
        small_text(&worktree.join(path)).is_some_and(|text| mask.text(text.as_bytes()) != text.as_bytes())
    };
    Ok(others.filter(holds).collect())
}

/// A file, or all files in a directory that is ignored as a whole; relative to the top, without what links lead to.
fn files_below(top: &Path, path: &str) -> Vec<String> {
    let walk = ignore::WalkBuilder::new(top.join(path)).standard_filters(false).follow_links(false).build();
    let files = walk.flatten().filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()));
    files.filter_map(|entry| Some(entry.path().strip_prefix(top).ok()?.to_str()?.to_owned())).collect()
}

/// Whether no link leads to a file from the top.
fn is_real(top: &Path, file: &Path) -> bool {
    let (Ok(top), Ok(real)) = (top.canonicalize(), file.canonicalize()) else { return false };
    file.strip_prefix(&top).is_ok_and(|inside| real == top.join(inside)) || real.starts_with(&top)
}

/// A new directory for what was changed of what was brought along.
fn place_aside(project: &Project, spec: &Qualified) -> std::io::Result<PathBuf> {
    let dir = kept_dir(project).join(file_name(spec));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
    let taken = fs::read_dir(&dir)?.count();
    let free = (taken + 1..).map(|n| dir.join(n.to_string())).find(|place| place.symlink_metadata().is_err());
    let place = free.unwrap_or(dir);
    fs::DirBuilder::new().mode(0o700).create(&place)?;
    Ok(place)
}

/// Where files are kept that were brought along and changed, a directory for each spec.
pub fn kept_dir(project: &Project) -> PathBuf {
    project.repo.common_dir().join("chant/kept")
}

/// Moves a file, to another file system too.
fn move_file(from: &Path, to: &Path) -> std::io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => {
            fs::copy(from, to)?;
            fs::remove_file(from)
        }
        outcome => outcome,
    }
}
