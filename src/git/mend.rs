//! Putting right what an agent can do to its worktree's own machinery, before Git is asked anything in there: what
//! stands in it decides which repository, which files and which index Git takes for its own.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::add::rename_new;
use super::error::{Error, Result};
use super::exe::Git;
use super::files::decoding;
use super::repo::Repo;
use super::scratch;
use super::worktree::{Worktree, read_path, real};
use crate::cage::Cage;

/// Settings by key and value; `None` where Git cannot read them.
type Listed = Option<Vec<(String, String)>>;

impl Repo {
    /// Gives a linked worktree back its link to the repository and an index that can be read; says in words what was
    /// wrong. The files are left as they are, and what stood in the way of the link is kept beside the worktree.
    ///
    /// # Errors
    /// Where there is no such worktree, or it cannot be written.
    pub fn mend_worktree(&self, at: &Path) -> Result<Vec<String>> {
        let worktree = self.worktree(at)?;
        let mut wrong = Vec::new();
        if !links_to(&worktree) {
            let link = worktree.path.join(".git");
            let kept = match fs::symlink_metadata(&link) {
                Ok(_) => Some(aside(&link, &worktree.path)?),
                Err(_) => None,
            };
            self.link(&worktree)?;
            let kept = kept.map(|path| format!("; what stood there is kept as {}", path.display()));
            wrong.push(format!(
                "it took away the link of its worktree to the repository (`.git`){}",
                kept.unwrap_or_default()
            ));
        }
        wrong.extend(self.mend_private_settings(&worktree)?);
        let index = worktree.git_dir.join("index");
        let hash = self.gix().object_hash();
        let readable = gix::index::File::at_or_default(&index, hash, false, decoding(&index)).is_ok();
        if !readable {
            let kept = aside(&index, &index)?;
            self.git_at(&worktree, ["read-tree", "HEAD"]).check()?;
            wrong.push(format!("it broke the index of its worktree, which is kept as {}", kept.display()));
        }
        Ok(wrong)
    }

    /// A worktree that was made for a run has settings of its own for a sparse checkout, and those of the worktree from
    /// which it was made. Others, which may name programs, are kept beside and not obeyed.
    fn mend_private_settings(&self, worktree: &Worktree) -> Result<Option<String>> {
        const SPARSE: [&str; 3] = ["core.sparsecheckout", "core.sparsecheckoutcone", "index.sparse"];
        let file = worktree.git_dir.join("config.worktree");
        let Some(listed) = self.settings_in(&file)? else { return Ok(None) };
        let mut inherited = Vec::new();
        for dir in [self.common_dir(), self.git_dir()] {
            inherited.extend(self.settings_in(&dir.join("config.worktree"))?.into_iter().flatten().flatten());
        }
        let good = |setting: &(String, String)| SPARSE.contains(&setting.0.as_str()) || inherited.contains(setting);
        let own: Vec<String> =
            listed.iter().flatten().filter(|setting| !good(setting)).map(|(key, _)| key.clone()).collect();
        if listed.is_some() && own.is_empty() {
            return Ok(None);
        }
        let kept = aside(&file, &file)?;
        for (key, value) in listed.iter().flatten().filter(|setting| good(setting)) {
            let git = self.git(self.common_dir(), &["config", "--add", "--file"]);
            git.arg(&file).args([key.as_str(), value.as_str()]).check()?;
        }
        let what = if own.is_empty() { "which cannot be read".to_owned() } else { own.join(", ") };
        Ok(Some(format!("it gave its worktree settings of its own ({what}), which are kept as {}", kept.display())))
    }

    /// The settings in a file, `None` where there is none; `Some(None)` where Git cannot read it.
    fn settings_in(&self, file: &Path) -> Result<Option<Listed>> {
        let Ok(bytes) = fs::read(file) else { return Ok(None) };
        let git = self.git(self.common_dir(), &["config", "--file", "-", "--list", "--null", "--no-includes"]);
        let listed = git.stdin(bytes).run()?;
        let setting = |record: &[u8]| {
            let text = String::from_utf8_lossy(record).into_owned();
            let (key, value) = text.split_once('\n').unwrap_or((&text, "true"));
            (key.to_owned(), value.to_owned())
        };
        Ok(Some(listed.success().then(|| listed.records().map(setting).collect())))
    }

    /// Gives a linked worktree that was moved, its repository with it perhaps, its links back, as `git worktree repair`
    /// would. Whether that was needed. One that is another repository's stays that.
    ///
    /// # Errors
    /// Where the links cannot be written.
    pub fn relink_worktree(&self, at: &Path) -> Result<bool> {
        if self.find_worktree(at)?.is_some() {
            return Ok(false);
        }
        let Some(link) = read_path(&at.join(".git"), "gitdir: ") else { return Ok(false) };
        // A run that was cut short has left the link to its cell, which bears the same name.
        let cell = link
            .parent()
            .filter(|home| link.ends_with("git") && home.parent().is_some_and(|base| base.ends_with("chant/cells")));
        let Some(id) = cell.unwrap_or(&link).file_name() else { return Ok(false) };
        let git_dir = self.common_dir().join("worktrees").join(id);
        let Some(noted) = read_path(&git_dir.join("gitdir"), "") else { return Ok(false) };
        let leads_here = read_path(&noted, "gitdir: ").is_some_and(|path| real(&path) == real(&git_dir));
        if leads_here {
            return Ok(false);
        }
        let dot_git = real(at).join(".git");
        let note = [dot_git.as_os_str().as_encoded_bytes(), b"\n"].concat();
        let path = git_dir.join("gitdir");
        fs::write(&path, note).map_err(Error::io("write", &path))?;
        let worktree = self.worktree(at)?;
        fs::remove_file(&dot_git).map_err(Error::io("replace", &dot_git))?;
        self.link(&worktree)?;
        Ok(true)
    }

    /// Takes away the locks that a killed git command has left in a worktree's own Git directory. Only for worktrees of
    /// which nobody can be at work: their spec's lock is held, and all processes of earlier runs have ended.
    ///
    /// # Errors
    /// Where there is no such worktree, or a lock cannot be deleted.
    pub fn free_worktree_locks(&self, at: &Path) -> Result<()> {
        let worktree = self.worktree(at)?;
        self.settle(at)?;
        for name in ["index.lock", "HEAD.lock", "config.worktree.lock"] {
            scratch::delete(&worktree.git_dir.join(name))?;
        }
        Ok(())
    }

    /// Gives what is at a place another name beside it, whatever it is, so that the place is free; its new path. A worktree
    /// ceases to be one: its Git directory goes along, into it where it is a directory.
    ///
    /// # Errors
    /// Where it cannot be renamed.
    pub fn put_aside(&self, at: &Path) -> Result<PathBuf> {
        let worktree = self.find_worktree(at)?.filter(|worktree| !worktree.main);
        let kept = aside_as(at, at, "+kept-")?;
        if let Some(worktree) = worktree {
            let to = kept.join(".git+kept");
            fs::rename(&worktree.git_dir, &to).map_err(Error::io("move", &worktree.git_dir))?;
        }
        Ok(kept)
    }

    /// The git executable in a worktree, told where it is: neither the `.git` file in it nor `core.worktree` counts.
    ///
    /// # Errors
    /// Where there is no such worktree.
    pub fn git_within(&self, at: &Path, args: &[&str]) -> Result<Git> {
        Ok(self.git_at(&self.worktree(at)?, args.iter().copied()))
    }

    /// The git executable in a worktree whose repository is a cell, shut into `cage`: for commands that may start what an
    /// agent has written.
    ///
    /// # Errors
    /// Where there is no such worktree.
    pub fn git_inside(&self, at: &Path, cell: &Path, cage: Cage, args: &[&str]) -> Result<Git> {
        Ok(self.git_within(at, args)?.env("GIT_DIR", cell).caged(Some(cage)))
    }

    /// The variables that tell a program of the user's the same.
    ///
    /// # Errors
    /// Where there is no such worktree.
    pub fn pinned(&self, at: &Path) -> Result<[(OsString, OsString); 2]> {
        let worktree = self.worktree(at)?;
        Ok([("GIT_DIR".into(), worktree.git_dir.into()), ("GIT_WORK_TREE".into(), worktree.path.into())])
    }
}

fn links_to(worktree: &Worktree) -> bool {
    let link = worktree.path.join(".git");
    let is_file = fs::symlink_metadata(&link).is_ok_and(|data| data.is_file());
    let named = read_path(&link, "gitdir: ").map(|path| worktree.path.join(path));
    let same = |path: PathBuf| path.canonicalize().ok() == worktree.git_dir.canonicalize().ok();
    is_file && named.is_some_and(same)
}

/// Renames a file or directory to the first free name like that of `beside`.
pub(super) fn aside(from: &Path, beside: &Path) -> Result<PathBuf> {
    aside_as(from, beside, "+broken-")
}

fn aside_as(from: &Path, beside: &Path, mark: &str) -> Result<PathBuf> {
    let mut n = 1u32;
    loop {
        let mut name = beside.as_os_str().to_owned();
        name.push(format!("{mark}{n}"));
        let to = PathBuf::from(name);
        match rename_new(from, &to) {
            Ok(()) => return Ok(to),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && n < 1000 => n += 1,
            Err(error) => return Err(Error::io("rename", from)(error)),
        }
    }
}
