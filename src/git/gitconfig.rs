//! Git's configuration as a snapshot of variables sees it.
//!
//! gix would read `HOME`, `XDG_CONFIG_HOME` and the `GIT_*` variables from the process by itself. Here it is denied all
//! of them, and the files and overrides are put together from [`Vars`] in Git's own order: system, global (XDG, then
//! home), repository, worktree, then `GIT_CONFIG_COUNT` and `GIT_CONFIG_PARAMETERS` (`git -c key=value chant …`).

use std::path::{Path, PathBuf};

use gix::bstr::{BString, ByteSlice};
use gix::config::file::{Metadata, includes, init};
use gix::config::path::interpolate;
use gix::config::{File, KeyRef, Source};

use super::error::{Error, Result};
use crate::env::Vars;

/// What stands above the repository: system and global files, includes not yet followed.
pub(super) fn globals(vars: &Vars) -> Result<File> {
    let file = |source: Source, path: PathBuf| Metadata::from(source).at(path);
    let mut metas = Vec::new();
    if !truthy(vars, "GIT_CONFIG_NOSYSTEM") {
        let path = vars.get("GIT_CONFIG_SYSTEM").map_or_else(|| PathBuf::from("/etc/gitconfig"), PathBuf::from);
        metas.push(file(Source::System, path));
    }
    match vars.get("GIT_CONFIG_GLOBAL") {
        Some(path) => metas.push(file(Source::User, path.into())),
        None => {
            metas.extend(xdg(vars, "config").map(|path| file(Source::Git, path)));
            metas.extend(home(vars).map(|home| file(Source::User, home.join(".gitconfig"))));
        }
    }
    let options = init::Options { includes: includes::Options::no_follow(), lossy: true, ignore_io_errors: true };
    let read = File::from_paths_metadata_buf(&mut metas.into_iter(), &mut Vec::new(), false, options);
    Ok(read.map_err(Error::while_("read Git's configuration"))?.unwrap_or_default())
}

/// The whole configuration of an opened repository: `globals`, then what gix read from the repository's own files.
pub(super) fn resolve(repo: &gix::Repository, globals: File, vars: &Vars) -> Result<File> {
    let doing = || Error::while_("read Git's configuration");
    let mut all = globals;
    all.append(repo.config_snapshot().plumbing().clone()).map_err(doing())?;
    let home = home(vars);
    let head = repo.head_name().ok().flatten();
    let context = interpolate::Context {
        git_install_dir: None,
        home_dir: home.as_deref(),
        home_for_user: Some(interpolate::home_for_user),
    };
    let conditional = includes::conditional::Context {
        git_dir: Some(repo.git_dir()),
        branch_name: head.as_ref().map(gix::refs::FullName::as_ref),
    };
    let options = init::Options {
        includes: includes::Options {
            err_on_missing_config_path: false,
            ..includes::Options::follow(context, conditional)
        },
        lossy: true,
        ignore_io_errors: true,
    };
    all.resolve_includes(options).map_err(doing())?;
    for (key, value) in overrides(vars) {
        push(&mut all, Source::Env, &key, value.as_deref())?;
    }
    for (key, name) in [("core.attributesFile", "attributes"), ("core.excludesFile", "ignore")] {
        if let Some(path) = user_file(&all, vars, key, name) {
            push(&mut all, Source::Api, key, Some(path.as_os_str().as_encoded_bytes()))?;
        }
    }
    Ok(all)
}

/// Whether the user has said that a repository of somebody else may be trusted (`safe.directory`).
pub(super) fn is_safe(globals: &File, vars: &Vars, path: &Path) -> bool {
    let Some(entries) = globals.strings("safe.directory") else { return false };
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    entries.iter().fold(false, |safe, entry| match entry.to_str_lossy().as_ref() {
        "" => false,
        "*" => true,
        entry => {
            let (entry, below) = entry.strip_suffix("/*").map_or((entry, false), |parent| (parent, true));
            let entry = expand(entry, vars);
            let entry = entry.canonicalize().unwrap_or(entry);
            safe || entry == path || below && path.starts_with(&entry)
        }
    })
}

/// A user-wide file that gix may not look for by itself, as Git finds it.
fn user_file(config: &File, vars: &Vars, key: &str, name: &str) -> Option<PathBuf> {
    match config.string(key) {
        Some(path) => Some(expand(&path.to_str_lossy(), vars)),
        None => xdg(vars, name),
    }
}

/// A path as configuration may spell it, `~/` for the home directory.
pub(super) fn expand(path: &str, vars: &Vars) -> PathBuf {
    match (path.strip_prefix("~/"), home(vars)) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

fn home(vars: &Vars) -> Option<PathBuf> {
    vars.get("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
}

fn xdg(vars: &Vars, name: &str) -> Option<PathBuf> {
    let base = vars.get("XDG_CONFIG_HOME").filter(|base| !base.is_empty()).map(PathBuf::from);
    base.or_else(|| home(vars).map(|home| home.join(".config"))).map(|base| base.join("git").join(name))
}

/// A boolean variable, as Git reads one.
pub(super) fn truthy(vars: &Vars, key: &str) -> bool {
    let value = vars.get(key).map(|value| value.to_string_lossy().to_ascii_lowercase());
    value.is_some_and(|value| !matches!(value.as_str(), "" | "0" | "false" | "no" | "off"))
}

fn push(config: &mut File, source: Source, key: &str, value: Option<&[u8]>) -> Result<()> {
    let doing = || Error::while_(format!("set `{key}` from the environment"));
    let key = KeyRef::parse_unvalidated(key.into())
        .ok_or_else(|| Error::while_("read Git's configuration")(format!("`{key}` is no key")))?;
    let mut file = File::new(Metadata::from(source));
    let mut section = file.new_section(key.section_name, key.subsection_name.map(BString::from)).map_err(doing())?;
    section.push(key.value_name, value.map(ByteSlice::as_bstr)).map_err(doing())?;
    config.append(file).map_err(doing())?;
    Ok(())
}

/// What the environment sets: the numbered pairs, then `git -c`, which wins.
fn overrides(vars: &Vars) -> Vec<(String, Option<Vec<u8>>)> {
    let text = |key: &str| vars.get(key).map(|value| value.to_string_lossy().into_owned());
    let mut found = Vec::new();
    let count = text("GIT_CONFIG_COUNT").and_then(|count| count.parse::<u16>().ok()).unwrap_or(0);
    for n in 0..count {
        if let (Some(key), Some(value)) = (text(&format!("GIT_CONFIG_KEY_{n}")), text(&format!("GIT_CONFIG_VALUE_{n}")))
        {
            found.push((key, Some(value.into_bytes())));
        }
    }
    found.extend(text("GIT_CONFIG_PARAMETERS").map(|list| parameters(&list)).unwrap_or_default());
    found
}

/// The list that `git -c` leaves behind: `'key=value'` of old, `'key'='value'` since Git 2.31, with a bare `'key'=` for
/// a key without a value. A quote within is written `'\''`.
fn parameters(list: &str) -> Vec<(String, Option<Vec<u8>>)> {
    let mut rest = list.trim_start();
    let mut found = Vec::new();
    while let Some((word, after)) = quoted(rest) {
        let (entry, after) = match after.strip_prefix('=') {
            Some(after) => match quoted(after) {
                Some((value, after)) => ((word, Some(value.into_bytes())), after),
                None => ((word, None), after),
            },
            None => match word.split_once('=') {
                Some((key, value)) => ((key.to_owned(), Some(value.as_bytes().to_vec())), after),
                None => ((word, None), after),
            },
        };
        found.push(entry);
        rest = after.trim_start();
    }
    found
}

/// One word in single quotes and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('\'')?;
    let mut word = String::new();
    loop {
        let (part, after) = rest.split_once('\'')?;
        word.push_str(part);
        // `'\''` and, from Git's own quoting, `'\!'`.
        match after.strip_prefix('\\') {
            Some(escaped) => {
                let mut chars = escaped.chars();
                word.push(chars.next()?);
                rest = chars.as_str().strip_prefix('\'')?;
            }
            None => return Some((word, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_dash_c_leaves_behind_is_read_in_both_forms() {
        let found = parameters(r"'user.name'='O'\''Brien' 'core.bare=false' 'a.b'=");
        let found: Vec<_> = found.iter().map(|(k, v)| (k.as_str(), v.as_deref())).collect();
        assert_eq!(
            found,
            [("user.name", Some(b"O'Brien".as_slice())), ("core.bare", Some(b"false".as_slice())), ("a.b", None)]
        );
    }
}
