//! Making a worktree, in parallel with anybody else who makes, lists or prunes them.
//!
//! Git's own `worktree add` fills `<common>/worktrees/<id>` in place, and whoever looks meanwhile fails. Here that
//! directory is built aside and renamed in whole; the rename is also what claims the name. From then until the last file
//! is written it carries a `locked` file, which keeps `git worktree prune` off, names the commit, and is itself locked
//! (flock) by the process at work: so the next one can tell a worktree that is being made from one whose maker was
//! killed, and makes the latter anew without losing a file that somebody else put there.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::error::{Error, Result, WorktreeError};
use super::remove::Holds;
use super::repo::{Head, Repo};
use super::scratch::{self, Scratch};
use super::worktree::{Checkout, MAKING, Worktree, read_line, read_path, real};
use crate::ledger::Oid;

/// What is found where a worktree shall be.
enum Site {
    /// Nothing, or an empty directory.
    Free,
    /// One of ours that was never finished, or whose directory somebody deleted. The lock is held.
    Unfinished(Worktree, File),
    /// A whole one that lost its `.git` file, with the right thing checked out.
    Unlinked(Worktree),
    /// The files of a worktree whose Git directory is gone: its former id.
    Orphaned(String),
}

impl Repo {
    /// Makes a linked worktree at `at` and writes its files. The parent directories are made as needed. What a killed
    /// process left half-made there is finished; files in it that are not the commit's are kept, as local changes.
    ///
    /// Hooks do not run. `extensions.worktreeConfig` and sparse checkout are carried over as `git worktree add` does; but
    /// a detached one has the whole tree.
    ///
    /// # Errors
    /// [`WorktreeError::CheckedOut`], [`WorktreeError::Occupied`], [`WorktreeError::Locked`], and
    /// [`WorktreeError::Busy`] where another process is making the same one.
    pub fn add_worktree(&self, at: &Path, what: Checkout) -> Result<PathBuf> {
        let at = absolute(at)?;
        let (head, commit) = self.head_for(&what)?;
        // For the moment between looking at what is there and claiming a place in it.
        let guard = self.turn("worktrees")?;
        self.refuse_second(&at, &what)?;
        match self.site(&at, &head)? {
            Site::Free => {
                let (worktree, making) = self.register(&at, &head, commit, None)?;
                drop(guard);
                crate::env::failpoint("worktree.admin");
                let filled = self.recycle(&worktree, commit).and_then(|recycled| match recycled {
                    true => Ok(()),
                    false => self.link(&worktree).and_then(|()| self.fill(&worktree, commit)),
                });
                if let Err(error) = filled {
                    // Everything below was written by this very call.
                    self.discard(&worktree)?;
                    return Err(error);
                }
                finish(&worktree, &making)?;
            }
            Site::Unfinished(worktree, making) => {
                drop(guard);
                self.remake(worktree, &making, &head, commit)?;
            }
            Site::Unlinked(worktree) => self.link(&worktree)?,
            Site::Orphaned(id) => {
                let (worktree, making) = self.register(&at, &head, commit, Some(&id))?;
                drop(guard);
                self.link(&worktree)?;
                // Which of the files differ from the commit, and why, nobody can tell: they stay as they are.
                self.git_at(&worktree, ["read-tree", "HEAD"]).check()?;
                finish(&worktree, &making)?;
            }
        }
        Ok(at)
    }

    /// Whether something stands where a worktree shall be that is none of this repository, and never was.
    ///
    /// # Errors
    /// Where the worktrees or the place cannot be read.
    pub fn is_obstacle(&self, at: &Path) -> Result<bool> {
        let at = absolute(at)?;
        if at.symlink_metadata().is_err() || self.find_worktree(&at)?.is_some() {
            return Ok(false);
        }
        Ok(lost_link(&at, self.common_dir()).is_none() && !(at.is_dir() && is_empty(&at)?))
    }

    /// The text of the future `HEAD`, and the commit.
    fn head_for(&self, what: &Checkout) -> Result<(String, Oid)> {
        match what {
            Checkout::Detached(commit) => Ok((commit.to_string(), *commit)),
            Checkout::Branch(branch) => {
                let name = format!("refs/heads/{branch}");
                let tip = self.tip(&name)?;
                let commit = tip.ok_or_else(|| Error::NoSuchRevision { spec: branch.clone() })?;
                Ok((format!("ref: {name}"), commit))
            }
        }
    }

    fn refuse_second(&self, at: &Path, what: &Checkout) -> Result<()> {
        let Checkout::Branch(branch) = what else { return Ok(()) };
        match self.checked_out(branch)?.into_iter().find(|worktree| worktree.path != at) {
            // Its directory is gone, and nobody said that it will come back.
            Some(other) if !other.exists && other.locked.is_none() && !other.main => {
                self.throw_away(&other, Holds::Anything)
            }
            Some(other) => Err(WorktreeError::CheckedOut { branch: branch.clone(), path: other.path }.into()),
            None => Ok(()),
        }
    }

    fn site(&self, at: &Path, head: &str) -> Result<Site> {
        let occupied =
            |reason: &str| Err(WorktreeError::Occupied { path: at.to_owned(), reason: reason.into() }.into());
        let Some(worktree) = self.find_worktree(at)? else {
            return match lost_link(at, self.common_dir()) {
                Some(id) => Ok(Site::Orphaned(id)),
                None if is_empty(at)? => Ok(Site::Free),
                None => occupied("it exists"),
            };
        };
        if worktree.main {
            return occupied("it is the main worktree");
        }
        if let Some(reason) = worktree.locked.clone() {
            return if reason.starts_with(MAKING) {
                let path = worktree.git_dir.join("locked");
                let making = File::open(&path).map_err(Error::io("read", &path))?;
                if !scratch::try_lock(&making).map_err(Error::io("lock", &path))? || !scratch::is_at(&making, &path) {
                    return Err(WorktreeError::Busy { path: at.to_owned() }.into());
                }
                Ok(Site::Unfinished(worktree, making))
            } else {
                Err(WorktreeError::Locked { path: at.to_owned(), reason }.into())
            };
        }
        if is_empty(at)? {
            let making = begin(&worktree.git_dir, worktree.head.as_ref().and_then(Head::commit))?;
            return Ok(Site::Unfinished(worktree, making));
        }
        if !at.join(".git").exists() && read_line(&worktree.git_dir.join("HEAD")).as_deref() == Some(head) {
            return Ok(Site::Unlinked(worktree));
        }
        occupied("it is a worktree already")
    }

    /// Builds the Git directory of a new worktree aside and renames it into its place, under `id` or the first free name
    /// like that of the directory.
    fn register(&self, at: &Path, head: &str, commit: Oid, id: Option<&str>) -> Result<(Worktree, File)> {
        let scratch = Scratch::new(self.common_dir())?;
        let aside = scratch.path("worktree");
        fs::create_dir(&aside).map_err(Error::io("make", &aside))?;
        let write = |name: &str, text: String| {
            let path = aside.join(name);
            fs::write(&path, text).map_err(Error::io("write", &path))
        };
        write("commondir", "../..\n".into())?;
        write("HEAD", format!("{head}\n"))?;
        let mut dot_git = at.join(".git").into_os_string();
        dot_git.push("\n");
        let gitdir = aside.join("gitdir");
        fs::write(&gitdir, dot_git.as_encoded_bytes()).map_err(Error::io("write", &gitdir))?;
        self.carry_config(&aside, !head.starts_with("ref: "))?;
        let making = begin(&aside, Some(commit))?;
        let git_dir = self.move_in(&aside, &id.map_or_else(|| name_for(at), str::to_owned))?;
        let head = self.read_head(&git_dir);
        let worktree =
            Worktree { path: at.to_owned(), git_dir, head, main: false, exists: true, locked: Some(MAKING.into()) };
        Ok((worktree, making))
    }

    fn move_in(&self, aside: &Path, name: &str) -> Result<PathBuf> {
        let base = self.common_dir().join("worktrees");
        let mut n = 0u32;
        loop {
            // `git worktree prune` takes the directory away when it is empty: make it again each time.
            fs::create_dir_all(&base).map_err(Error::io("make", &base))?;
            let to = base.join(if n == 0 { name.to_owned() } else { format!("{name}{n}") });
            match rename_new(aside, &to) {
                Ok(()) => return Ok(to),
                Err(error) if error.kind() == ErrorKind::NotFound && !base.exists() => {}
                Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty) => n += 1,
                Err(error) => return Err(Error::io("make", to)(error)),
            }
        }
    }

    /// What `git worktree add` copies from the worktree it is called in: its own configuration, less what can only be
    /// true of that one, and the patterns of its sparse checkout.
    ///
    /// A detached checkout is `whole` all the same: what is proven on a tree must see all of it.
    fn carry_config(&self, aside: &Path, whole: bool) -> Result<()> {
        let copy = |from: &Path, to: &Path| match fs::copy(from, to) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("copy", from)(error)),
            copied => Ok(copied.is_ok()),
        };
        let config = aside.join("config.worktree");
        let own = self.flag("extensions.worktreeConfig");
        if own && copy(&self.git_dir().join("config.worktree"), &config)? {
            let config = config.to_string_lossy();
            self.plumbing(&["config", "--file", &config, "--unset-all", "core.worktree"]).run()?;
            self.plumbing(&["config", "--file", &config, "--unset-all", "core.bare", "^(true|yes|on|1)$"]).run()?;
            if whole {
                self.plumbing(&["config", "--file", &config, "core.sparseCheckout", "false"]).check()?;
            }
        }
        // Where the patterns are missing, nothing is left out.
        if self.flag("core.sparseCheckout") && !whole {
            let info = aside.join("info");
            fs::create_dir_all(&info).map_err(Error::io("make", &info))?;
            copy(&self.git_dir().join("info/sparse-checkout"), &info.join("sparse-checkout"))?;
        }
        Ok(())
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        self.gix().config_snapshot().boolean(key).unwrap_or(false)
    }

    /// Makes the directory and its `.git` file.
    pub(super) fn link(&self, worktree: &Worktree) -> Result<()> {
        fs::create_dir_all(&worktree.path).map_err(Error::io("make", &worktree.path))?;
        let mut text = std::ffi::OsString::from("gitdir: ");
        text.push(&worktree.git_dir);
        text.push("\n");
        scratch::replace(&worktree.path.join(".git"), text.as_encoded_bytes())
    }

    /// Takes back a worktree that this process has just made.
    fn discard(&self, worktree: &Worktree) -> Result<()> {
        scratch::delete(&worktree.path)?;
        scratch::delete(&worktree.git_dir)
    }
}

pub(super) fn marker(commit: Option<Oid>) -> String {
    format!("{MAKING}{}\n", commit.map(|commit| commit.to_string()).unwrap_or_default())
}

/// Marks a Git directory as being worked on by this process.
fn begin(git_dir: &Path, commit: Option<Oid>) -> Result<File> {
    let path = git_dir.join("locked");
    let make = || {
        let mut file = File::create_new(&path)?;
        file.lock()?;
        file.write_all(marker(commit).as_bytes())?;
        Ok(file)
    };
    make().map_err(Error::io("write", &path))
}

pub(super) fn finish(worktree: &Worktree, _making: &File) -> Result<()> {
    scratch::delete(&worktree.git_dir.join("locked"))
}

/// The path with its parent made and resolved: what Git will call it.
fn absolute(at: &Path) -> Result<PathBuf> {
    let at = std::path::absolute(at).map_err(Error::io("find", at))?;
    if let Some(parent) = at.parent() {
        fs::create_dir_all(parent).map_err(Error::io("make", parent))?;
    }
    Ok(real(&at))
}

fn is_empty(at: &Path) -> Result<bool> {
    match fs::read_dir(at) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(false),
        Err(error) => Err(Error::io("read", at)(error)),
    }
}

/// The id in a `.git` file that leads to a Git directory of this repository that is no more.
fn lost_link(at: &Path, common_dir: &Path) -> Option<String> {
    let git_dir = read_path(&at.join(".git"), "gitdir: ")?;
    let ours = real(git_dir.parent()?) == common_dir.join("worktrees");
    (ours && !git_dir.exists()).then(|| git_dir.file_name().map(|name| name.to_string_lossy().into_owned()))?
}

/// A name for the Git directory: that of the worktree, with what no ref may hold replaced, for it is a part of
/// `worktrees/<id>/refs`.
fn name_for(at: &Path) -> String {
    let name = at.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let legal = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().map(legal).collect();
    let name = name.replace("..", "--");
    let name = name.trim_start_matches(['.', '-']).trim_end_matches(".lock").trim_end_matches('.');
    if name.is_empty() { "worktree".into() } else { name.into() }
}

/// Renames a file or directory to a name that must be free. A plain rename would go over an empty directory, which is what
/// another `git worktree add` has at its very beginning.
pub(super) fn rename_new(from: &Path, to: &Path) -> std::io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {}
            outcome => return Ok(outcome?),
        }
    }
    if from.is_file() {
        return fs::hard_link(from, to).and_then(|()| fs::remove_file(from));
    }
    if to.symlink_metadata().is_ok() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}
