//! Whether Git's settings leave files and commits as they are. Git itself is asked, once in a process: only it knows where
//! its own settings stand, and which of those that depend on something count.

use std::path::PathBuf;

use super::identity::Role;
use super::repo::Repo;

/// Settings that make neither more nor less of a file, nor of a commit.
pub(super) struct Plain {
    name: Option<String>,
    mail: Option<String>,
    /// Where attributes of the whole system would stand.
    attributes: PathBuf,
}

/// Settings that may stand where they say just this; without a value a setting says `true`.
const HARMLESS: [(&str, &[&str]); 10] = [
    ("core.autocrlf", &["false"]),
    ("core.filemode", &["true"]),
    ("core.symlinks", &["true"]),
    ("core.ignorecase", &["false"]),
    ("core.splitindex", &["false"]),
    ("core.sparsecheckout", &["false"]),
    ("core.sharedrepository", &["umask", "false", "0"]),
    ("index.sparse", &["false"]),
    ("commit.gpgsign", &["false"]),
    ("extensions.worktreeconfig", &["false"]),
];
/// Settings, and sections, of which any makes it a matter for Git.
const TELLING: [&str; 14] = [
    "core.attributesfile",
    "core.hookspath",
    "core.commentchar",
    "core.commentstring",
    "core.protecthfs",
    "core.protectntfs",
    "commit.cleanup",
    "attr.",
    "author.",
    "committer.",
    "hook.",
    "i18n.",
    "includeif.",
    "extensions.partialclone",
];

impl Repo {
    /// The settings, as they were when they were first asked for; `None` where files or commits are a matter for Git.
    pub(super) fn plain_settings(&self) -> Option<&Plain> {
        self.inner.plain.get_or_init(|| self.ask_settings()).as_ref().filter(|plain| !plain.attributes.exists())
    }

    fn ask_settings(&self) -> Option<Plain> {
        // As the user would be told: other commands of ours are told of no hooks. This one runs none.
        let listed =
            self.plumbing(&["config", "--list", "-z"]).with_hooks().run().ok().filter(|said| said.success())?;
        // Older versions do not say it, and do it all.
        let system = self.plumbing(&["var", "GIT_ATTR_SYSTEM"]).run().ok().filter(|said| said.success())?;
        let listed: Vec<String> = listed.records().map(|it| String::from_utf8_lossy(it).into_owned()).collect();
        let settings = || listed.iter().map(|it| it.split_once('\n').map_or((&**it, None), |(k, v)| (k, Some(v))));
        let last = |name: &str| settings().rfind(|(key, _)| *key == name)?.1.map(str::to_owned);
        (self.vars().get("GIT_ATTR_SOURCE").is_none() && settings().all(|(key, value)| is_plain(key, value))).then(
            || Plain { name: last("user.name"), mail: last("user.email"), attributes: PathBuf::from(system.text()) },
        )
    }

    /// Whether a commit of this program's names whom Git would name.
    pub(super) fn is_as_git_names(&self, plain: &Plain) -> bool {
        [Role::Author, Role::Committer].into_iter().all(|role| {
            let told = |what: &str, setting: &Option<String>| {
                let variable = self.vars().get(&role.variable(what)).map(|value| value.to_string_lossy().into_owned());
                variable.or_else(|| setting.clone()).unwrap_or_default()
            };
            self.signature(role)
                .is_ok_and(|by| by.name == *told("NAME", &plain.name) && by.email == *told("EMAIL", &plain.mail))
        })
    }
}

fn is_plain(key: &str, value: Option<&str>) -> bool {
    let value = value.unwrap_or("true");
    if key == "core.excludesfile" {
        return value.starts_with('/') || value.starts_with("~/");
    }
    match HARMLESS.iter().find(|(name, _)| *name == key) {
        Some((_, harmless)) => harmless.contains(&value),
        None => !TELLING.iter().any(|name| if name.ends_with('.') { key.starts_with(name) } else { key == *name }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_say_in_files_or_commits_is_no_plain_setting() {
        for (key, value) in [
            ("core.autocrlf", Some("false")),
            ("core.filemode", None),
            ("core.bare", Some("true")),
            ("core.excludesfile", Some("~/.ignore")),
            ("user.name", Some("A")),
            ("commit.verbose", Some("true")),
            ("alias.hook", Some("x")),
        ] {
            assert!(is_plain(key, value), "{key}");
        }
        for (key, value) in [
            ("core.autocrlf", None),
            ("core.autocrlf", Some("input")),
            ("core.excludesfile", Some("ignore")),
            ("core.attributesfile", Some("/x")),
            ("core.hookspath", Some(".husky")),
            ("hook.mine.command", Some("x")),
            ("includeif.onbranch:chant/**.path", Some("x")),
            ("commit.gpgsign", Some("1")),
            ("author.email", Some("")),
            ("attr.tree", Some("HEAD")),
        ] {
            assert!(!is_plain(key, value), "{key}");
        }
    }
}
