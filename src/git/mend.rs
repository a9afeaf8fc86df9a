//! Putting right what an agent can do to its worktree's own machinery, before Git is asked anything in there: what
//! stands in it decides which repository, which files and which index Git takes for its own.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::add::rename_new;
use super::error::{Error, Result};
use super::exe::Git;
use super::repo::Repo;
use super::worktree::{Worktree, read_path};

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
        let index = worktree.git_dir.join("index");
        let hash = self.gix().object_hash();
        let readable = gix::index::File::at_or_default(&index, hash, false, Default::default()).is_ok();
        if !readable {
            let kept = aside(&index, &index)?;
            self.git_at(&worktree, ["read-tree", "HEAD"]).check()?;
            wrong.push(format!("it broke the index of its worktree, which is kept as {}", kept.display()));
        }
        Ok(wrong)
    }

    /// The git executable in a worktree, told where it is: neither the `.git` file in it nor `core.worktree` counts.
    ///
    /// # Errors
    /// Where there is no such worktree.
    pub fn git_within(&self, at: &Path, args: &[&str]) -> Result<Git> {
        Ok(self.git_at(&self.worktree(at)?, args.iter().copied()))
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
fn aside(from: &Path, beside: &Path) -> Result<PathBuf> {
    let mut n = 1u32;
    loop {
        let mut name = beside.as_os_str().to_owned();
        name.push(format!("+broken-{n}"));
        let to = PathBuf::from(name);
        match rename_new(from, &to) {
            Ok(()) => return Ok(to),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && n < 1000 => n += 1,
            Err(error) => return Err(Error::io("rename", from)(error)),
        }
    }
}
