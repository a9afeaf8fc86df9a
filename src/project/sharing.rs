//! Which of several clones of one project this is, and how it stands with the remote that they share.

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use super::{Error, Project};
use crate::ledger;

/// How one call of chant stands with the remote.
#[derive(Debug, Default)]
pub struct Sharing {
    unreachable: Mutex<Option<String>>,
}

impl Sharing {
    /// Remembers that the remote cannot be reached: it is not asked again in this call, and everything local goes on.
    pub fn lost(&self, why: String) {
        self.unreachable.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
    }

    /// Why the remote cannot be reached, where that was found out.
    pub fn unreachable(&self) -> Option<String> {
        self.unreachable.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Project {
    /// By which name this clone tells its own runs from those of others; `None` where no remote is known, and so no other
    /// clone. Before its first run it is one that no run has.
    pub fn clone_name(&self) -> Option<String> {
        self.repo.has_remotes().then(|| self.named().unwrap_or_else(|| "none".to_owned()))
    }

    fn named(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.clone_file()).ok()?;
        let name = text.trim();
        (name.len() == ledger::CLONE && name.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| name.to_owned())
    }

    /// The name for a new run: this clone's, and what no other run has (DESIGN.md, section 4, `Chant-Run`).
    ///
    /// # Errors
    /// Where the system has no randomness, or the clone's name cannot be written down.
    pub fn new_run(&self) -> Result<String, Error> {
        let failed = |source| Error::Read { path: self.clone_file().display().to_string(), source };
        let run = self.env.run_id().map_err(failed)?;
        let name = match self.named() {
            Some(name) => name,
            None => {
                self.name_clone(&self.env.run_id().map_err(failed)?[..ledger::CLONE]).map_err(failed)?;
                // Somebody may have named it first.
                self.named().unwrap_or_else(|| run[..ledger::CLONE].to_owned())
            }
        };
        Ok(format!("{name}{run}"))
    }

    /// Whether a run was started in this clone, as far as its name tells. Names without a clone's go by the machine alone.
    pub fn is_own_run(&self, run: &str) -> bool {
        ledger::is_own_run(run, self.env.host(), self.clone_name().as_deref())
    }

    fn clone_file(&self) -> std::path::PathBuf {
        self.repo.common_dir().join("chant/clone")
    }

    fn name_clone(&self, name: &str) -> std::io::Result<()> {
        std::fs::create_dir_all(self.repo.common_dir().join("chant"))?;
        match std::fs::File::create_new(self.clone_file()) {
            Ok(mut file) => file.write_all(name.as_bytes()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }
}
