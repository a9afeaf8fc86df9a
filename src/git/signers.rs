//! By which files signatures are checked: Git's allowed signers and revoked keys, so that whoever is checked has no say in
//! them.
//!
//! Git takes a relative path from wherever it runs: in a linked worktree, in a bare repository and in the Git directory it
//! finds different files or none. And a file that the repository tracks is another one in each worktree, an agent's too.
//! So a tracked one counts as the target has it; a relative one that is not tracked is taken from the main worktree.

use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::{Error, Result};
use super::exe::Git;
use super::gitconfig;
use super::repo::Repo;
use crate::ledger::Oid;

const ALLOWED: &str = "gpg.ssh.allowedSignersFile";
const REVOKED: &str = "gpg.ssh.revocationFile";
/// Whatever else Git's verdicts hang on.
const SETTINGS: [&str; 6] =
    ["gpg.format", "gpg.program", "gpg.openpgp.program", "gpg.x509.program", "gpg.ssh.program", "gpg.minTrustLevel"];

/// The files, and what depends on them. They are what they were when they were asked for.
#[derive(Debug, Clone)]
pub struct Signers {
    config: Vec<(&'static str, String)>,
    /// Something that differs wherever a verdict could: a hash of the files and the settings, in hexadecimal.
    pub basis: String,
    /// Why no SSH signature can be checked, as a sentence, with what to type; `None` where they can be.
    pub lacks: Option<String>,
}

/// One of the files.
struct File {
    /// Where Git is to find it.
    path: PathBuf,
    bytes: Option<Vec<u8>>,
}

impl Repo {
    /// By which files signatures are checked, those that the repository tracks as `target` has them.
    ///
    /// # Errors
    /// Where the target cannot be read, or a file of it cannot be laid out for Git.
    pub fn signers(&self, target: Option<Oid>) -> Result<Signers> {
        let (allowed, revoked) = (self.key_file(ALLOWED, target)?, self.key_file(REVOKED, target)?);
        let lacks = match &allowed {
            None if self.wants_ssh() => Some(format!("`git config {ALLOWED} <file>` has to name the allowed signers")),
            Some(File { path, bytes: None }) => {
                Some(format!("`{ALLOWED}` names {}, which cannot be read", path.display()))
            }
            _ => None,
        };
        let mut hash = Sha256::new();
        let mut take = |bytes: Option<&[u8]>| {
            hash.update(bytes.map_or(u64::MAX, |bytes| bytes.len() as u64).to_be_bytes());
            hash.update(bytes.unwrap_or_default());
        };
        for file in [&allowed, &revoked] {
            take(file.as_ref().map(|_| b"named".as_slice()));
            take(file.as_ref().and_then(|file| file.bytes.as_deref()));
        }
        for key in SETTINGS {
            take(self.config(key).as_deref().map(str::as_bytes));
        }
        let basis = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let named = [(ALLOWED, allowed), (REVOKED, revoked)].into_iter();
        let config = named.filter_map(|(key, file)| Some((key, file?.path.to_str()?.to_owned()))).collect();
        Ok(Signers { config, basis, lacks })
    }

    /// The files of keys that the repository tracks, relative to its top: what changes them changes who may sign.
    pub fn key_files_in_tree(&self) -> Vec<String> {
        [ALLOWED, REVOKED].into_iter().filter_map(|key| self.inside(&self.key_path(key)?)).collect()
    }

    /// Whether signatures are by SSH keys: unless the settings say otherwise, which Git itself takes for OpenPGP.
    fn wants_ssh(&self) -> bool {
        self.config("gpg.format").is_none_or(|format| format == "ssh")
    }

    fn key_path(&self, key: &str) -> Option<PathBuf> {
        let raw = self.config(key).filter(|path| !path.is_empty())?;
        Some(gitconfig::expand(&raw, self.vars()))
    }

    fn key_file(&self, key: &str, target: Option<Oid>) -> Result<Option<File>> {
        let Some(path) = self.key_path(key) else { return Ok(None) };
        if let (Some(target), Some(inside)) = (target, self.inside(&path))
            && let Some(bytes) = self.read(target, &inside)?
        {
            let path = self.scratch_path("signers")?;
            std::fs::write(&path, &bytes).map_err(Error::io("write", &path))?;
            return Ok(Some(File { path, bytes: Some(bytes) }));
        }
        let top = self.main_workdir().unwrap_or_else(|| self.common_dir().to_owned());
        let path = top.join(path);
        let bytes = std::fs::read(&path).ok();
        Ok(Some(File { path, bytes }))
    }

    /// A path as the tree would have it: relative to the top, wherever the work tree is; `None` outside of it.
    fn inside(&self, path: &Path) -> Option<String> {
        let inside = match path.is_absolute() {
            true => {
                let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
                let (dir, name) = (real(path.parent()?), path.file_name()?);
                let tops = [self.workdir().map(Path::to_owned), self.main_workdir()];
                let found = tops.iter().flatten().find_map(|top| Some(dir.strip_prefix(real(top)).ok()?.join(name)));
                found?
            }
            false => path.to_owned(),
        };
        let parts = inside.components().filter(|part| *part != Component::CurDir).map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        });
        let parts: Option<Vec<&str>> = parts.collect();
        parts.filter(|parts| !parts.is_empty()).map(|parts| parts.join("/"))
    }
}

impl Signers {
    /// A call of Git that checks signatures by these files.
    pub(super) fn give(&self, git: Git) -> Git {
        self.config.iter().fold(git, |git, (key, value)| git.config(key, value))
    }
}
