//! `chant hooks`: Git is told to call chant, beside whatever it calls already.
//!
//! Git 2.54 and later takes hooks from its configuration, which leaves every file alone. Before that a block goes into the
//! file that Git would run, `core.hooksPath` and husky's layout included; what is no script for a shell is called by ours.
//! `core.hooksPath` itself is never changed.

mod block;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use block::{Chained, Kind, Removed};

use super::Error;
use crate::git::Repo;

/// The hooks of a clone in which people and agents work.
const CLIENT: [(&str, Kind); 8] = [
    ("pre-commit", Kind { reads: false, decides: true, must: false }),
    ("prepare-commit-msg", Kind { reads: false, decides: true, must: false }),
    ("commit-msg", Kind { reads: false, decides: true, must: false }),
    ("post-commit", Kind { reads: false, decides: false, must: false }),
    ("post-merge", Kind { reads: false, decides: false, must: false }),
    ("post-rewrite", Kind { reads: true, decides: false, must: false }),
    ("post-checkout", Kind { reads: false, decides: false, must: false }),
    ("pre-push", Kind { reads: true, decides: true, must: false }),
];
/// The hooks of a server. `update` is none of them: `pre-receive` sees the whole push, and judges it once.
const SERVER: [(&str, Kind); 2] = [
    ("pre-receive", Kind { reads: true, decides: true, must: true }),
    ("post-receive", Kind { reads: true, decides: false, must: false }),
];
/// From here on Git runs hooks that its configuration names.
const CONFIGURED: (u32, u32, u32) = (2, 54, 0);

/// Where chant stands with one hook.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct HookState {
    /// Its name.
    pub hook: String,
    /// Whether Git calls chant.
    pub installed: bool,
    /// The file that Git runs, or the key of its configuration.
    pub place: String,
    /// Whether something else is called there as well.
    pub chained: bool,
    /// What was done just now: `installed`, `removed` or `unchanged`.
    pub change: String,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Have Git call chant.
    Install,
    /// Have it as it was before.
    Uninstall,
    /// Only look.
    Look,
}

/// Installs, takes away or looks at the hooks of the repository around the current directory: those of a clone in which
/// people and agents work, or those of a server.
///
/// # Errors
/// Where a file or the configuration cannot be read or written; what was done before that stays, and doing it again goes
/// on.
pub fn hooks(repo: &Repo, wish: Wish, server: bool) -> Result<Vec<HookState>, Error> {
    let top = repo.workdir().unwrap_or_else(|| repo.common_dir()).to_owned();
    // Git runs hooks of its configuration beside those in files; a policy stands where every Git asks for it.
    if server {
        return SERVER.into_iter().map(|(name, kind)| in_file(repo, &top, name, kind, wish)).collect();
    }
    let configured = repo.git_version()? >= CONFIGURED;
    let mut states = Vec::new();
    for (name, kind) in CLIENT {
        // What an older Git, or an older chant, left in a file is taken out where the configuration takes over.
        let state = if configured {
            let of_file = in_file(repo, &top, name, kind, if wish == Wish::Look { wish } else { Wish::Uninstall })?;
            HookState { chained: of_file.chained, ..in_config(repo, &top, name, wish)? }
        } else {
            in_file(repo, &top, name, kind, wish)?
        };
        states.push(state);
    }
    Ok(states)
}

/// The command of a configured hook: silent where chant is not installed.
fn command(name: &str) -> String {
    format!("sh -c 'command -v git-chant >/dev/null 2>&1 || exit 0; exec git-chant hook {name} \"$@\"' chant")
}

fn in_config(repo: &Repo, top: &Path, name: &str, wish: Wish) -> Result<HookState, Error> {
    let section = format!("hook.chant-{name}");
    let there = repo.config(&format!("{section}.command")) == Some(command(name))
        && repo.config(&format!("{section}.event")).as_deref() == Some(name);
    let set = |args: &[&str]| repo.git(top, args).check().map_err(crate::git::Error::from);
    let mut change = "unchanged";
    match wish {
        Wish::Install if !there => {
            set(&["config", "--local", "--replace-all", &format!("{section}.event"), name])?;
            set(&["config", "--local", "--replace-all", &format!("{section}.command"), &command(name)])?;
            change = "installed";
        }
        Wish::Uninstall if there => {
            set(&["config", "--local", "--remove-section", &section])?;
            change = "removed";
        }
        _ => {}
    }
    let installed = if wish == Wish::Look { there } else { wish == Wish::Install };
    let place = format!("git config {section}");
    Ok(HookState { hook: name.to_owned(), installed, place, chained: false, change: change.to_owned() })
}

/// The file that people edit where Git runs husky's own, which husky writes anew at will.
fn husky(dir: &Path) -> Option<PathBuf> {
    let generated = dir.file_name().is_some_and(|name| name == "_");
    let parent = dir.parent().filter(|parent| parent.file_name().is_some_and(|name| name == ".husky"));
    parent.filter(|_| generated).map(Path::to_owned)
}

fn in_file(repo: &Repo, top: &Path, name: &str, kind: Kind, wish: Wish) -> Result<HookState, Error> {
    let dir = repo.hooks_dir(top);
    let husky = husky(&dir);
    let path = husky.as_ref().unwrap_or(&dir).join(name);
    let existing = match fs::symlink_metadata(&path) {
        Ok(_) => Some(fs::read(&path).unwrap_or_default()),
        Err(_) => None,
    };
    let there = existing.as_deref().and_then(block::remove);
    let mut state = HookState {
        hook: name.to_owned(),
        installed: there.is_some(),
        place: path.strip_prefix(top).unwrap_or(&path).display().to_string(),
        chained: existing.is_some() && there != Some(Removed::Nothing),
        change: "unchanged".to_owned(),
    };
    match (wish, there) {
        (Wish::Install, None) => {
            install(&path, existing.as_deref(), name, kind, husky.is_none())?;
            (state.installed, state.change) = (true, "installed".to_owned());
        }
        (Wish::Uninstall, Some(left)) => {
            uninstall(&path, left)?;
            (state.installed, state.change) = (false, "removed".to_owned());
        }
        _ => {}
    }
    Ok(state)
}

fn install(path: &Path, existing: Option<&[u8]>, name: &str, kind: Kind, shebang: bool) -> Result<(), Error> {
    let fail = |source| Error::File { what: format!("write {}", path.display()), source };
    fs::create_dir_all(path.parent().unwrap_or(path)).map_err(fail)?;
    let Some(existing) = existing else { return write(path, &block::fresh(name, kind, shebang), 0o755) };
    let meta = fs::symlink_metadata(path).map_err(fail)?;
    // A link leads to a file of somebody else's, and a file that Git would not run must not come to life.
    let ours_to_edit = meta.is_file() && (!shebang || meta.permissions().mode() & 0o111 != 0);
    match block::insert(existing, name, kind) {
        Some(Chained::Within(text)) if ours_to_edit => write(path, &text, meta.permissions().mode()),
        _ => {
            let Some(Chained::Before(script)) = block::insert(b"#!/usr/bin/env other\n", name, kind) else {
                return Ok(());
            };
            let aside = aside(path);
            if fs::symlink_metadata(&aside).is_ok() {
                let message = format!("{} is in the way", aside.display());
                return Err(Error::usage(message, "move it away, then install again"));
            }
            fs::rename(path, &aside).map_err(fail)?;
            write(path, &script, 0o755)
        }
    }
}

fn uninstall(path: &Path, left: Removed) -> Result<(), Error> {
    let fail = |source| Error::File { what: format!("write {}", path.display()), source };
    match left {
        Removed::Rest(text) => {
            let mode = fs::metadata(path).map_err(fail)?.permissions().mode();
            write(path, &text, mode)
        }
        Removed::Caller if fs::symlink_metadata(aside(path)).is_ok() => fs::rename(aside(path), path).map_err(fail),
        Removed::Nothing | Removed::Caller => {
            fs::remove_file(path).map_err(fail)?;
            // Made for the hooks where there was none. It stays where anything is left in it, and does no harm.
            path.parent().map(fs::remove_dir).and_then(Result::ok);
            Ok(())
        }
    }
}

fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(block::ASIDE);
    name.into()
}

/// Writes a hook file at once: Git may run it at any moment.
fn write(path: &Path, text: &[u8], mode: u32) -> Result<(), Error> {
    let fail = |source| Error::File { what: format!("write {}", path.display()), source };
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".chant-{}", std::process::id()));
    let beside = PathBuf::from(beside);
    fs::write(&beside, text).map_err(fail)?;
    fs::set_permissions(&beside, fs::Permissions::from_mode(mode & 0o7777)).map_err(fail)?;
    fs::rename(&beside, path).map_err(fail)
}
