//! The KPI example in a repository of its own: what `chant demo` works.

use std::path::Path;
use std::sync::Arc;

use super::Error;
use crate::env::Env;
use crate::git::Repo;

/// The example's files, as the program carries them: path and content.
pub const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/example.rs"));

/// Writes the example as a new repository with one commit.
///
/// # Errors
/// Where something is in the way: nothing is ever overwritten.
pub fn lay_out(env: &Arc<Env>, root: &Path) -> Result<(), Error> {
    let taken = std::fs::read_dir(root).map(|mut entries| entries.next().is_some()).unwrap_or(root.exists());
    if taken {
        return Err(Error::usage(
            format!("{} is there already, and is not empty", root.display()),
            "name another directory: `chant demo <directory>`",
        ));
    }
    std::fs::create_dir_all(root).map_err(Error::file(format!("make {}", root.display())))?;
    for (path, content) in FILES {
        let file = root.join(path);
        if let Some(dir) = file.parent() {
            std::fs::create_dir_all(dir).map_err(Error::file(format!("make {}", dir.display())))?;
        }
        std::fs::write(&file, content).map_err(Error::file(format!("write {path}")))?;
    }
    let git = |failure| Error::Git(crate::git::Error::from(failure));
    let repo = Repo::init(root, "main", &env.vars)?;
    if repo.identity().is_err() {
        // A fresh machine knows nobody yet; the demonstration should not fail for that.
        repo.git(root, &["config", "user.name", "chant demo"]).check().map_err(git)?;
        repo.git(root, &["config", "user.email", "demo@localhost"]).check().map_err(git)?;
    }
    let repo = Repo::discover(root, &env.vars)?;
    repo.exclude("/.chant/worktrees/")?;
    repo.git(root, &["add", "--all"]).check().map_err(git)?;
    repo.git(
        root,
        &["commit", "--quiet", "--no-verify", "--message", "The team's figures, and what is to be done about them"],
    )
    .check()
    .map_err(git)?;
    Ok(())
}
