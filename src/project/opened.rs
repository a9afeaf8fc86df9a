//! Settings as they hold for a repository: of the paths that `sandbox.write` opens, none may lead to what Git or chant runs,
//! obeys or keeps there, whatever way it is written; and what is asked of Git's configuration alone has to have a meaning. That
//! is known only where the repository is.

use std::path::{Component, Path, PathBuf};

use super::{CONFIG, Project};
use crate::config::{Flags, Settings, placed, resolved};
use crate::env::Env;
use crate::git::{FILTER_TIMEOUT, Repo};
use crate::spec::{Diagnostic, Source};

/// Loads the settings: a file's name and bytes, and what this machine says over them.
pub(super) fn settings(
    repo: &Repo,
    env: &Env,
    file: Option<(&str, &[u8])>,
    flags: &Flags,
) -> (Settings, Vec<Diagnostic>) {
    let (settings, mut said) = Settings::load(file, &|key| repo.config(key), &env.vars, flags);
    let prefix = file.map_or("", |(name, _)| name.strip_suffix(CONFIG).unwrap_or_default());
    let source = file.map(|(name, bytes)| Source::new(name, &String::from_utf8_lossy(bytes)));
    said.extend(exposed(repo, env, &settings, prefix, source.as_ref()));
    said.extend(repo.bad_filter_timeout().map(|text| impatient(&text)));
    (settings, said)
}

/// A limit of filters that is none.
fn impatient(text: &str) -> Diagnostic {
    let source = Source::new(&format!("git config {FILTER_TIMEOUT}"), text);
    let wrong = format!("`{FILTER_TIMEOUT}` is no length of time above nothing");
    Diagnostic::error("chant::config::filter_timeout", &source, wrong)
        .label(0..text.len(), "this value".to_owned())
        .help(format!("as in `git config {FILTER_TIMEOUT} 2m`; `git config --unset {FILTER_TIMEOUT}` leaves it at 10m"))
}

/// What is opened by `sandbox.write` and must not be.
fn exposed(repo: &Repo, env: &Env, settings: &Settings, prefix: &str, file: Option<&Source>) -> Vec<Diagnostic> {
    let write = &settings.sandbox.write;
    if write.value.is_empty() {
        return Vec::new();
    }
    let home = env.vars.get("HOME").filter(|home| !home.is_empty()).map(Path::new);
    let kept = kept(repo, settings, prefix);
    let mut said = Vec::new();
    for written in &write.value {
        let Some(path) = resolved(written, home) else { continue };
        let real = real(&path);
        let Some(what) = kept.iter().find(|place| place.is_opened_by(&real)).map(|place| place.what) else { continue };
        let (source, span) = placed(&write.origin, file, written, &write.value.join(", "));
        let error =
            Diagnostic::error("chant::config::path", &source, format!("`write` would open {what} to every agent"));
        let label =
            if real == path { "this path".to_owned() } else { format!("this path, which is {}", real.display()) };
        let help = "name what is needed outside of the repository, as in `~/.cache/pip`; `sandbox: off` opens everything, in words";
        said.push(error.label(span, label).help(help));
    }
    said
}

/// A place that stays closed.
struct Place {
    at: PathBuf,
    what: &'static str,
    /// Whether what lies below it stays closed as well.
    below: bool,
}

impl Place {
    fn is_opened_by(&self, path: &Path) -> bool {
        self.at.starts_with(path) || self.below && path.starts_with(&self.at)
    }
}

fn kept(repo: &Repo, settings: &Settings, prefix: &str) -> Vec<Place> {
    let place = |at: &Path, what, below| Place { at: real(at), what, below };
    let top = repo.main_workdir();
    let mut kept = vec![
        place(repo.common_dir(), "the repository's own directory, with its hooks and settings,", true),
        place(repo.git_dir(), "the repository's own directory, with its hooks and settings,", true),
    ];
    let here = repo.workdir().map(Path::to_owned);
    for checkout in [here, top.clone()].into_iter().flatten() {
        kept.push(place(&repo.hooks_dir(&checkout), "the hooks that Git runs", true));
        kept.push(place(&checkout, "the whole checkout", false));
    }
    kept.push(place(&Project::worktrees_in(repo, settings, prefix), "the worktrees of all specs", true));
    kept
}

/// Where a path leads, by all links on the way; what is not there yet is as it is written.
fn real(path: &Path) -> PathBuf {
    let mut rest: Vec<Component<'_>> = Vec::new();
    let mut known = path;
    loop {
        if let Ok(real) = known.canonicalize() {
            return rest.iter().rev().fold(real, |path, part| path.join(part));
        }
        match (known.parent(), known.components().next_back()) {
            (Some(parent), Some(last)) => {
                rest.push(last);
                known = parent;
            }
            _ => return path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_where_its_links_lead_there_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        std::fs::create_dir(top.join("a")).unwrap();
        std::os::unix::fs::symlink("a", top.join("l")).unwrap();
        assert_eq!(real(&top.join("l")), top.join("a"));
        assert_eq!(real(&top.join("l/x/y")), top.join("a/x/y"));
        assert_eq!(real(Path::new("/nowhere/at/all")), Path::new("/nowhere/at/all"));
    }

    #[test]
    fn what_is_above_a_place_opens_it_and_what_is_beside_it_does_not() {
        let place = |below| Place { at: "/r/.git".into(), what: "x", below };
        for (path, opens) in
            [("/", true), ("/r", true), ("/r/.git", true), ("/r/.git/hooks", true), ("/r/.gitx", false)]
        {
            assert_eq!(place(true).is_opened_by(Path::new(path)), opens, "{path}");
        }
        assert!(!place(false).is_opened_by(Path::new("/r/.git/hooks")));
    }
}
