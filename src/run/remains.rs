//! What earlier runs kept apart and no ref holds: what of it there is, and what of it may go.
//!
//! Nothing goes that is nowhere else. A file that was brought along and changed goes when the checkout has the very same at
//! its place; a run's repository whose commits could not be taken over goes when the repository has all of them. What a
//! worktree was given another name for is a person's to look at.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Error, brought};
use crate::git::Wreck;
use crate::project::Project;

/// What earlier runs kept apart.
#[derive(Debug, Default)]
pub struct Remains {
    /// Repositories of runs whose commits could not be taken over.
    pub wrecks: Vec<Wreck>,
    /// Directories of files that were brought along and changed, one a spec.
    pub kept: Vec<PathBuf>,
    /// What stood where a worktree was needed, or was no worktree any more.
    pub set_aside: Vec<PathBuf>,
}

/// How names end that a worktree, or its link to the repository, was given: a number follows.
const MARKS: [&str; 2] = ["+kept-", "+broken-"];

/// What earlier runs kept apart, by name.
///
/// # Errors
/// Where the refs, or the cells, cannot be read.
pub fn remains(project: &Project) -> Result<Remains, Error> {
    let is_marked = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        MARKS.iter().any(|mark| name.contains(mark))
    };
    let mut set_aside = entries(&project.worktrees_dir());
    set_aside.retain(is_marked);
    Ok(Remains { wrecks: project.repo.wrecks()?, kept: entries(&brought::kept_dir(project)), set_aside })
}

/// Clears what holds nothing that is not elsewhere; what went, in words.
///
/// # Errors
/// Where something cannot be deleted.
pub fn clear(project: &Project) -> Result<Vec<String>, Error> {
    let mut gone = kept_anyway(project)?;
    for wreck in project.repo.wrecks()? {
        if project.repo.clear_wreck(&wreck)? {
            gone.push(format!("{}: all of it is in the repository by now", wreck.path.display()));
        }
    }
    Ok(gone)
}

/// Deletes kept files that the user's checkout has as they are; which, in words.
pub(super) fn kept_anyway(project: &Project) -> Result<Vec<String>, Error> {
    let Some(top) = project.repo.main_workdir() else { return Ok(Vec::new()) };
    let mut gone = Vec::new();
    // A directory for each spec, in it one for each time, in that the files at their places.
    for time in entries(&brought::kept_dir(project)).iter().flat_map(|spec| entries(spec)) {
        for file in files_below(&time) {
            let Ok(inside) = file.strip_prefix(&time) else { continue };
            if same_file(&file, &top.join(inside)) {
                fs::remove_file(&file).map_err(Error::system(format!("cannot delete {}", file.display())))?;
                gone.push(format!("{}: the checkout has the same", file.display()));
            }
        }
        remove_empty(&time);
        // The spec's own, where that was the last.
        if let Some(spec) = time.parent() {
            fs::remove_dir(spec).ok();
        }
    }
    Ok(gone)
}

/// Whether both are files, and hold the same.
fn same_file(one: &Path, other: &Path) -> bool {
    let size = |path: &Path| path.symlink_metadata().ok().filter(fs::Metadata::is_file).map(|meta| meta.len());
    match (size(one), size(other)) {
        (Some(a), Some(b)) if a == b => matches!((fs::read(one), fs::read(other)), (Ok(a), Ok(b)) if a == b),
        _ => false,
    }
}

/// What is in a directory, by name; nothing where there is none.
fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    found.sort();
    found
}

fn is_dir(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir())
}

/// All files below a directory; links are neither listed nor followed.
fn files_below(dir: &Path) -> Vec<PathBuf> {
    if !is_dir(dir) {
        return Vec::new();
    }
    let (dirs, files): (Vec<PathBuf>, Vec<PathBuf>) = entries(dir).into_iter().partition(|path| is_dir(path));
    let below = dirs.iter().flat_map(|dir| files_below(dir));
    files.into_iter().filter(|path| !path.is_symlink()).chain(below).collect()
}

/// Takes a directory away with all in it, as far as nothing is in them: one that holds anything stays.
fn remove_empty(dir: &Path) {
    if is_dir(dir) {
        entries(dir).iter().for_each(|inside| remove_empty(inside));
        fs::remove_dir(dir).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_same_file_counts_and_only_empty_directories_go() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("a/b")).unwrap();
        fs::create_dir_all(at("a/c")).unwrap();
        for (name, text) in [("one", "x"), ("a/b/same", "x"), ("other", "y")] {
            fs::write(at(name), text).unwrap();
        }
        std::os::unix::fs::symlink(at("one"), at("link")).unwrap();
        assert!(same_file(&at("one"), &at("a/b/same")));
        for other in ["other", "link", "a", "none"] {
            assert!(!same_file(&at("one"), &at(other)), "{other}");
        }
        assert_eq!(files_below(dir.path()), [at("one"), at("other"), at("a/b/same")]);
        remove_empty(&at("a"));
        assert!(at("a/b/same").exists() && !at("a/c").exists());
    }
}
