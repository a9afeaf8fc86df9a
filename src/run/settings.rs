//! The repository's own settings, which every worktree shares and an agent can write: whether some that start programs,
//! sign, or hide files changed while it ran.

use std::collections::BTreeMap;

use super::Error;
use crate::git::{self, Repo};

/// The files as they were.
pub(super) struct Files(BTreeMap<&'static str, Vec<u8>>);

/// Relative to the common directory.
const CONFIGS: [&str; 2] = ["config", "config.worktree"];
/// What is hidden, and where objects and histories come from or end.
const LISTS: [&str; 5] = ["info/exclude", "info/attributes", "info/grafts", "objects/info/alternates", "shallow"];

impl Files {
    pub(super) fn read(repo: &Repo) -> Self {
        let bytes = |name: &&'static str| (*name, std::fs::read(repo.common_dir().join(name)).unwrap_or_default());
        Self(CONFIGS.iter().chain(&LISTS).map(bytes).collect())
    }

    /// What has changed since, by name; empty where all that counts is as it was.
    pub(super) fn changed(&self, repo: &Repo) -> Result<Vec<String>, Error> {
        let now = Self::read(repo);
        let mut changed = Vec::new();
        for name in CONFIGS {
            let (before, after) = (&self.0[name], &now.0[name]);
            if before == after {
                continue;
            }
            let (before, after) = (dangerous(repo, before)?, dangerous(repo, after)?);
            let keys = before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key));
            changed.extend(keys.cloned());
        }
        let list = |bytes: &[u8]| -> Vec<String> {
            let text = String::from_utf8_lossy(bytes).into_owned();
            // Where worktrees are made, an engine itself adds their directory.
            text.lines().filter(|line| !line.ends_with("/worktrees/")).map(str::to_owned).collect()
        };
        let lists = LISTS.into_iter().filter(|name| list(&self.0[name]) != list(&now.0[name]));
        changed.extend(lists.map(|name| format!(".git/{name}")));
        changed.sort();
        changed.dedup();
        Ok(changed)
    }
}

/// The settings that start programs, lead elsewhere, sign or hide, as Git reads them.
fn dangerous(repo: &Repo, file: &[u8]) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let git = repo.git(repo.common_dir(), &["config", "--file", "-", "--list", "--null", "--no-includes"]);
    let listed = git.stdin(file.to_vec()).check().map_err(git::Error::from)?;
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for record in listed.records() {
        let text = String::from_utf8_lossy(record).into_owned();
        let (key, value) = text.split_once('\n').unwrap_or((&text, ""));
        if counts(key) {
            found.entry(key.to_owned()).or_default().push(value.to_owned());
        }
    }
    Ok(found)
}

fn counts(key: &str) -> bool {
    const KEYS: [&str; 13] = [
        "core.hookspath",
        "core.fsmonitor",
        "core.excludesfile",
        "core.attributesfile",
        "core.worktree",
        "core.bare",
        "commit.gpgsign",
        "user.signingkey",
        "core.sparsecheckout",
        "core.sshcommand",
        "core.askpass",
        "core.editor",
        "core.pager",
    ];
    const SECTIONS: [&str; 8] =
        ["gpg.", "filter.", "include.", "includeif.", "chant.", "extensions.", "alias.", "credential."];
    let within = |section: &str, names: &[&str]| {
        key.strip_prefix(section).is_some_and(|rest| names.iter().any(|name| rest.ends_with(name)))
    };
    KEYS.contains(&key)
        || SECTIONS.iter().any(|section| key.starts_with(section))
        || within("merge.", &[".driver"])
        || within("diff.", &[".textconv", ".command"])
        || within("remote.", &["url", ".uploadpack", ".receivepack", ".proxy"])
        || within("url.", &["insteadof"])
}
