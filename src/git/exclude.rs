//! Two things Git looks up for itself: what to ignore, and which hook to run.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::error::{Error, Result};
use super::repo::Repo;

impl Repo {
    /// Puts a pattern into `info/exclude`, unless it stands there. What is in the file stays as it is.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn exclude(&self, pattern: &str) -> Result<()> {
        let path = self.common_dir().join("info/exclude");
        fs::create_dir_all(self.common_dir().join("info")).map_err(Error::io("make", &path))?;
        let add = || {
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
            // Two callers at once would both find it missing.
            file.lock()?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            if bytes.split(|byte| *byte == b'\n').any(|line| line.trim_ascii() == pattern.as_bytes()) {
                return Ok(());
            }
            let line_end = if bytes.is_empty() || bytes.ends_with(b"\n") { "" } else { "\n" };
            file.write_all(format!("{line_end}{pattern}\n").as_bytes())
        };
        add().map_err(Error::io("write", &path))
    }

    /// The hook that Git would run in `worktree`: `core.hooksPath` or the shared `hooks`, and only if it is executable.
    ///
    /// A relative `core.hooksPath` leads into the worktree, where an agent may have written it: ask for a worktree whose
    /// files may be trusted.
    pub fn hook(&self, worktree: &Path, name: &str) -> Option<PathBuf> {
        let hook = self.hooks_dir(worktree).join(name);
        let meta = fs::metadata(&hook).ok()?;
        (meta.is_file() && meta.permissions().mode() & 0o111 != 0).then_some(hook)
    }

    /// Where Git looks for the hooks of `worktree`: `core.hooksPath`, or the `hooks` that all worktrees share.
    pub fn hooks_dir(&self, worktree: &Path) -> PathBuf {
        match self.config("core.hooksPath") {
            Some(path) => match (path.strip_prefix("~/"), self.vars().get("HOME")) {
                (Some(rest), Some(home)) => Path::new(home).join(rest),
                _ => worktree.join(path),
            },
            None => self.common_dir().join("hooks"),
        }
    }

    /// The directory of the hooks, with a closing slash, where `core.hooksPath` leads into the tree: whoever changes files
    /// in there changes what Git will run.
    pub fn hooks_in_tree(&self) -> Option<String> {
        let path = PathBuf::from(self.config("core.hooksPath")?);
        let inside = match (path.is_absolute(), self.workdir()) {
            (true, top) => path.strip_prefix(top?).ok()?.to_owned(),
            (false, _) => path,
        };
        let parts = inside.components().filter_map(|part| match part {
            std::path::Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        });
        let inside: Vec<String> = parts.collect();
        (!inside.is_empty() && inside[0] != "~").then(|| format!("{}/", inside.join("/")))
    }
}
