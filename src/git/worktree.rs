//! Worktrees: which there are, and what is checked out in them.
//!
//! They are read from the files of `<common>/worktrees/<id>` as they stand. A directory there that another process is
//! just making or taking away is passed over, as if one had looked a moment earlier or later: nobody fails for it.

use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::error::{Error, Result, WorktreeError};
use super::exe::Git;
use super::pipes;
use super::repo::{Head, Repo};
use super::scratch;
use crate::ledger::Oid;

/// How the `locked` file of a worktree that is being made begins; the commit follows.
pub(super) const MAKING: &str = "chant is checking out ";

/// A worktree of this repository, the main one or a linked one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worktree {
    /// Its top directory; symlinks resolved where it exists.
    pub path: PathBuf,
    /// Its own Git directory: `<common>/worktrees/<id>`, or the common directory for the main one.
    pub git_dir: PathBuf,
    /// What is checked out; `None` where its `HEAD` makes no sense.
    pub head: Option<Head>,
    /// Whether it is the main one.
    pub main: bool,
    /// Whether its directory is there.
    pub exists: bool,
    /// Why it is locked against pruning and removal (may be empty), `None` where it is not.
    pub locked: Option<String>,
}

/// What a new worktree is to have checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checkout {
    /// A local branch that exists, by its short name.
    Branch(String),
    /// A commit, without a branch.
    Detached(Oid),
}

impl Repo {
    /// Whether a directory is a linked worktree of this repository, with its files there: one whose making was cut short
    /// is none yet, and [`Repo::add_worktree`] completes it.
    ///
    /// # Errors
    /// Where the worktrees cannot be read.
    pub fn is_worktree(&self, at: &Path) -> Result<bool> {
        Ok(self.find_worktree(at)?.is_some_and(|worktree| {
            let half_made = worktree.locked.as_deref().is_some_and(|reason| reason.starts_with(MAKING));
            worktree.exists && !worktree.main && !half_made
        }))
    }

    /// What a worktree has checked out; `None` where its `HEAD` makes no sense.
    ///
    /// # Errors
    /// Where there is no such worktree.
    pub fn worktree_head(&self, at: &Path) -> Result<Option<Head>> {
        Ok(self.worktree(at)?.head)
    }

    /// Every worktree, the main one first where there is one, then the linked ones by the names of their Git
    /// directories.
    ///
    /// # Errors
    /// Where `<common>/worktrees` cannot be read.
    pub fn worktrees(&self) -> Result<Vec<Worktree>> {
        let mut found: Vec<_> = self.main_worktree().into_iter().collect();
        let base = self.common_dir().join("worktrees");
        let entries = match fs::read_dir(&base) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(Error::io("read", base)(error)),
        };
        let mut dirs: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        dirs.sort();
        found.extend(dirs.into_iter().filter_map(|dir| self.linked(dir)));
        Ok(found)
    }

    /// The worktree whose top directory is `path`.
    ///
    /// # Errors
    /// [`WorktreeError::NotOne`].
    pub(super) fn worktree(&self, path: &Path) -> Result<Worktree> {
        self.find_worktree(path)?
            .ok_or_else(|| WorktreeError::NotOne { path: path.to_owned(), wanted: "a worktree" }.into())
    }

    /// The worktree whose top directory is `path`, where there is one.
    pub(super) fn find_worktree(&self, path: &Path) -> Result<Option<Worktree>> {
        let path = real(path);
        // Git names their directories after them, and so do we: most often one look will do.
        let named = path.file_name().map(|name| self.common_dir().join("worktrees").join(name));
        let found = named.and_then(|dir| self.linked_at(dir, Some(&path))).filter(|worktree| worktree.path == path);
        if found.is_some() {
            return Ok(found);
        }
        Ok(self.worktrees()?.into_iter().find(|worktree| worktree.path == path))
    }

    /// The git executable at work in `worktree`. It is told both directories: what stands in the worktree's `.git` file
    /// is within an agent's reach, and does not count.
    pub(super) fn git_at<'a>(&self, worktree: &Worktree, args: impl IntoIterator<Item = &'a str>) -> Git {
        let cwd = if worktree.exists { &worktree.path } else { &worktree.git_dir };
        let git = Git::new(self.vars(), cwd, args);
        // In the main worktree, what the user made there is the user's.
        let git = if worktree.main { git } else { git.passing_pipes(&worktree.path).passing_pipes(&worktree.git_dir) };
        git.env("GIT_DIR", &worktree.git_dir)
            .env("GIT_WORK_TREE", if worktree.exists { &worktree.path } else { &worktree.git_dir })
    }

    /// The directory of the main worktree; `None` in a bare repository.
    pub fn main_workdir(&self) -> Option<PathBuf> {
        if self.git_dir() == self.common_dir() {
            return self.workdir().map(Path::to_owned);
        }
        let main = self.gix().main_repo().ok()?;
        // A bare repository has none, and says so itself or by `core.bare`.
        if main.is_bare() { None } else { main.workdir().map(real) }
    }

    fn main_worktree(&self) -> Option<Worktree> {
        let path = self.main_workdir()?;
        let git_dir = self.common_dir().to_owned();
        let head = self.read_head(&git_dir);
        Some(Worktree { exists: path.is_dir(), path, git_dir, head, main: true, locked: None })
    }

    pub(super) fn linked(&self, git_dir: PathBuf) -> Option<Worktree> {
        self.linked_at(git_dir, None)
    }

    /// The same, where it may be at a place of which the symlinks are resolved already.
    fn linked_at(&self, git_dir: PathBuf, place: Option<&Path>) -> Option<Worktree> {
        let dot_git = git_dir.join(read_path(&git_dir.join("gitdir"), "")?);
        let path = dot_git.parent()?;
        let path = if place == Some(path) { path.to_owned() } else { real(path) };
        // Where no sandbox keeps an agent out of there, a pipe may stand for what everybody reads.
        ["HEAD", "index", "locked"].iter().for_each(|name| pipes::not_at(&git_dir.join(name)));
        let head = self.read_head(&git_dir);
        let locked = fs::read_to_string(git_dir.join("locked")).ok().map(|reason| reason.trim().to_owned());
        Some(Worktree { exists: path.is_dir(), path, git_dir, head, main: false, locked })
    }

    /// What the `HEAD` of one worktree says. Branches are shared by all, so their tips are read from here.
    pub(super) fn read_head(&self, git_dir: &Path) -> Option<Head> {
        let text = read_line(&git_dir.join("HEAD"))?;
        let Some(name) = text.strip_prefix("ref:").map(str::trim) else {
            return text.parse().ok().map(Head::Detached);
        };
        let short = name.strip_prefix("refs/heads/").unwrap_or(name).to_owned();
        match self.tip(name).ok().flatten() {
            Some(tip) => Some(Head::Branch { name: short, tip }),
            None => Some(Head::Unborn(short)),
        }
    }
}

impl Head {
    /// The commit, `None` before the first one.
    pub(super) fn commit(&self) -> Option<Oid> {
        match self {
            Self::Branch { tip, .. } => Some(*tip),
            Self::Detached(commit) => Some(*commit),
            Self::Unborn(_) => None,
        }
    }
}

/// The path with symlinks resolved, as far as it exists; where it does not, its nearest parent is resolved.
pub(super) fn real(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if !parent.as_os_str().is_empty() => real(parent).join(name),
        _ => path.to_owned(),
    }
}

/// A path as Git writes it.
pub(super) fn as_path(bytes: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

/// The path in a file like `gitdir` or `.git`, after `lead`: all of it but the white space at its end, as Git reads it,
/// for a path may be any bytes. `None` where it cannot be read, begins otherwise, or is empty.
pub(super) fn read_path(file: &Path, lead: &str) -> Option<PathBuf> {
    let mut bytes = Vec::new();
    scratch::open_file(file, OFlags::empty())?.read_to_end(&mut bytes).ok()?;
    let path = bytes.trim_ascii_end().strip_prefix(lead.as_bytes())?;
    (!path.is_empty()).then(|| as_path(path).to_owned())
}

/// The first line of a small file, `None` where it cannot be read or is empty.
pub(super) fn read_line(path: &Path) -> Option<String> {
    let mut text = String::new();
    scratch::open_file(path, OFlags::empty())?.read_to_string(&mut text).ok()?;
    let line = text.lines().next()?.trim_end();
    (!line.is_empty()).then(|| line.to_owned())
}
