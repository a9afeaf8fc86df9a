//! Which values nobody is to read in what programs print: those that the settings give them or let through, and those of
//! the user's own variables that look like secrets by their names.

use std::borrow::Cow;
use std::path::Path;

use super::Engine;
use crate::agent::Mask;
use crate::cage;
use crate::config::Settings;
use crate::env::Vars;

impl Engine {
    /// What is masked in what programs print from now on, besides what is masked already.
    pub(super) fn conceal(&self, settings: &Settings) {
        let mut mask = self.secrets();
        *mask = mask.with(values(&self.project.env.vars, settings));
    }

    /// What is masked besides: the secrets of a file that is brought along.
    pub(super) fn conceal_file(&self, path: &str, text: &str) {
        let mut mask = self.secrets();
        *mask = mask.with(brought(path, text));
    }

    /// What is masked in what programs print.
    pub(super) fn mask(&self) -> Mask {
        self.secrets().clone()
    }
}

/// What is masked of programs that run by these settings alone.
pub(super) fn mask(vars: &Vars, settings: &Settings) -> Mask {
    Mask::new(values(vars, settings))
}

/// What is hidden of `env:` and of the variables that `pass_env:` names, and of all that look secret. A place on this machine
/// is no secret, and would be missed in every message.
fn values(vars: &Vars, settings: &Settings) -> Vec<String> {
    let agents = || settings.agents.values();
    let named: Vec<String> =
        agents().flat_map(|agent| &agent.pass_env).chain(&settings.sandbox.pass_env.value).cloned().collect();
    let passed = vars.iter().map(|(name, value)| (name.to_string_lossy(), value.to_string_lossy()));
    let passed = passed.filter(|(name, value)| cage::names(&named, name) || cage::looks_secret(name, value));
    let given = agents().flat_map(|agent| &agent.env).map(|(name, value)| (name.into(), value.into()));
    let hidden = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
        let password = cage::password_in(&value).filter(|password| cage::is_hidden("PASSWORD", password));
        let password = password.map(str::to_owned);
        let itself = (cage::is_hidden(&name, &value) && !are_places(&value)).then(|| value.into_owned());
        [itself, password].into_iter().flatten()
    };
    passed.chain(given).flat_map(hidden).collect()
}

/// Whether the value of an agent's own variable stays out of what is shown: where it would be masked, and where its name says
/// that it is a secret, however short it is.
pub(super) fn is_kept(name: &str, value: &str) -> bool {
    cage::looks_secret(name, value) || cage::is_hidden(name, value) && !are_places(value)
}

/// What of the files that are brought along into a worktree nobody is to read. A file that is known for keeping secrets is
/// read as one.
pub(super) fn brought(path: &str, text: &str) -> Vec<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let keeps = path.split('/').any(|part| cage::looks_secret(&part.replace(['-', '.'], "_"), ""));
    let mut values = cage::secrets_in(text, keeps || crate::spec::looks_secret(path));
    // A file may be nothing but the secret after which it is called.
    let whole = text.trim();
    values.extend((keeps && !whole.contains('\n') && cage::is_hidden(name, whole)).then(|| whole.to_owned()));
    values.into_iter().filter(|value| !are_places(value)).collect()
}

/// Whether a value is a place on this machine, or a list of such: a path of which the beginning is there.
fn are_places(value: &str) -> bool {
    value.split(':').all(|part| {
        let first = Path::new(part).ancestors().filter(|above| above.parent().is_some()).last();
        part.starts_with("~/") || Path::new(part).is_absolute() && first.is_some_and(Path::exists)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;

    #[test]
    fn a_place_is_one_whose_beginning_is_there_and_a_list_is_of_such() {
        for value in ["/usr", "~/.codex-work", "/usr/no-such-dir/x", "/usr/bin:/usr/local/none"] {
            assert!(are_places(value), "{value}");
        }
        for value in ["/9j/4AAQSkZJRg", "relative/path", "/usr/bin:password", "", "/"] {
            assert!(!are_places(value), "{value}");
        }
    }

    #[test]
    fn the_variables_of_an_agent_are_shown_but_for_secrets() {
        for (name, value) in [
            ("CODEX_HOME", "/usr/no-such-dir/.codex-work"),
            ("ANTHROPIC_BASE_URL", "https://proxy.example.org/v1"),
            ("NODE_ENV", "production"),
            ("X", ""),
        ] {
            assert!(!is_kept(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("ANTHROPIC_AUTH_TOKEN", "short"),
            ("ANYTHING", "sk-ant-api03-AbCdEfGh"),
            ("PROXY", "http://ada:pw@proxy.example.org"),
            ("ANY", "x7Kq9-22mmTz-aa0"),
        ] {
            assert!(is_kept(name, value), "{name}={value}");
        }
    }

    #[test]
    fn what_the_settings_give_and_what_looks_secret_is_masked_and_a_place_is_not() {
        let config = "agents:\n  a: { command: x, env: { ONE: given-by-the-file, DIR: /usr, NODE_ENV: production }, pass_env: [TWO] }\n";
        let vars: Vars = [
            ("TWO", "passed-by-name"),
            ("MY_API_KEY", "looks-like-one"),
            ("LESS", "neither-of-them"),
            ("THREE_DIR", "known-by-glob"),
            ("CHANT_SANDBOX_PASS_ENV", "THREE*"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .into_iter()
        .collect();
        let file = Some(("config.yaml", config.as_bytes()));
        let (settings, _) = Settings::load(file, &|_| None, &vars, &Flags::default());
        let text = "given-by-the-file passed-by-name looks-like-one neither-of-them known-by-glob /usr production";
        let masked = mask(&vars, &settings).text(text.as_bytes());
        assert_eq!(String::from_utf8(masked).unwrap(), "*** *** *** neither-of-them *** /usr production");
    }
}
