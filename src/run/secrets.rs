//! Which values nobody is to read in what programs print: those that the settings give them or let through, and those of
//! the user's own variables that look like secrets by their names.

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

    /// What is masked in what programs print.
    pub(super) fn mask(&self) -> Mask {
        self.secrets().clone()
    }
}

/// What is masked of programs that run by these settings alone.
pub(super) fn mask(vars: &Vars, settings: &Settings) -> Mask {
    Mask::new(values(vars, settings))
}

/// The values of `env:` and of the variables that `pass_env:` names, and of all that look secret. A directory or a file
/// that is there is no secret, and would be missed in every message.
fn values(vars: &Vars, settings: &Settings) -> Vec<String> {
    let agents = || settings.agents.values();
    let named: Vec<String> =
        agents().flat_map(|agent| &agent.pass_env).chain(&settings.sandbox.pass_env.value).cloned().collect();
    let passed = vars.iter().filter_map(|(name, value)| {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        let counts = cage::names(&named, &name) || cage::looks_secret(&name, &value);
        counts.then(|| value.into_owned())
    });
    let given = agents().flat_map(|agent| agent.env.values().cloned());
    passed.chain(given).filter(|value| !is_place(value)).collect()
}

fn is_place(value: &str) -> bool {
    let path = Path::new(value);
    value.starts_with("~/") || path.is_absolute() && path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;

    #[test]
    fn what_the_settings_give_and_what_looks_secret_is_masked_and_a_place_is_not() {
        let config = "agents:\n  a: { command: x, env: { ONE: given-by-the-file, DIR: /usr }, pass_env: [TWO] }\n";
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
        let text = "given-by-the-file passed-by-name looks-like-one neither-of-them known-by-glob /usr";
        let masked = mask(&vars, &settings).text(text.as_bytes());
        assert_eq!(String::from_utf8(masked).unwrap(), "*** *** *** neither-of-them *** /usr");
    }
}
