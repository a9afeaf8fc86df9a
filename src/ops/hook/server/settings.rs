//! What a server is told about its own policy: `chant.server.*` of Git's configuration there, which no push can bring.

use std::path::PathBuf;

use crate::env::Vars;
use crate::git::Repo;

/// When the completion of a spec counts that a push brings into a protected branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completions {
    /// Always: a forged one cannot be told.
    Any,
    /// Where somebody signed it who may.
    Signed,
    /// Where the server has proven it again, on what was pushed.
    Prove,
}

/// The settings of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `chant.server.protect`: globs of branches.
    pub protect: Vec<String>,
    /// `chant.server.pusher`: the variable by which the transport says who pushes.
    pub pusher: Option<String>,
    /// `chant.server.mails`: a file with a line for each pusher, a name and its addresses.
    pub mails: Option<PathBuf>,
    /// `chant.server.completions`
    pub completions: Completions,
    /// `chant.server.runner`: what stands before programs that a push brings, to run them as another user.
    pub runner: Vec<String>,
    /// `chant.server.work`: a clone in which work is done that pushes make ready.
    pub work: Option<PathBuf>,
    /// What cannot be used of all this, in words.
    pub wrong: Vec<String>,
}

/// Who pushes, as the transport says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pusher {
    /// The name.
    pub name: String,
    /// The mail addresses, in lower case.
    pub mails: Vec<String>,
}

impl Settings {
    /// The settings of a repository on a server.
    pub fn read(repo: &Repo) -> Self {
        let text = |key: &str| repo.config(&format!("chant.server.{key}")).filter(|value| !value.trim().is_empty());
        let words = |key: &str| -> Vec<String> {
            text(key).map(|text| text.split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
        };
        let mut wrong = Vec::new();
        let completions = match text("completions").as_deref() {
            None | Some("any") => Completions::Any,
            Some("signed") => Completions::Signed,
            Some("prove") => Completions::Prove,
            Some(other) => {
                wrong.push(format!("`chant.server.completions` is `{other}`: it is `any`, `signed` or `prove`"));
                Completions::Signed
            }
        };
        let mut protect = words("protect");
        for pattern in &protect {
            if let Err(error) = globset::Glob::new(pattern) {
                wrong.push(format!("`chant.server.protect`: {error}"));
            }
        }
        if protect.is_empty() {
            protect.extend(head_branch(repo));
        }
        let pusher = text("pusher");
        let is_variable = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if let Some(name) = pusher.as_ref().filter(|name| !is_variable(name)) {
            wrong.push(format!("`chant.server.pusher` is `{name}`: it names a variable, such as REMOTE_USER"));
        }
        Self {
            protect,
            pusher,
            mails: text("mails").map(PathBuf::from),
            completions,
            runner: words("runner"),
            work: text("work").map(PathBuf::from),
            wrong,
        }
    }

    /// Whether a branch, by its short name, is protected. Those of specs never are.
    pub fn protects(&self, branch: &str) -> bool {
        !branch.starts_with("chant/")
            && self.protect.iter().any(|pattern| {
                pattern == branch
                    || globset::Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(branch))
            })
    }

    /// Who pushes; `None` where the server believes no variable, or it is not set.
    pub fn pusher(&self, repo: &Repo, vars: &Vars) -> Option<Pusher> {
        let name = vars.get(self.pusher.as_deref()?)?.to_str()?.trim().to_owned();
        if name.is_empty() {
            return None;
        }
        let listed = self.mails.as_ref().and_then(|file| std::fs::read_to_string(repo.common_dir().join(file)).ok());
        let mut mails = listed.map(|text| of_list(&text, &name)).unwrap_or_default();
        // A key of Git's configuration is read in any case: it is nobody's but that of the name in lower case.
        if mails.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            mails.extend(repo.config(&format!("chant.server.mail.{name}")));
        }
        if mails.is_empty() && name.contains('@') {
            mails.push(name.clone());
        }
        mails.iter_mut().for_each(|mail| *mail = mail.trim().to_lowercase());
        Some(Pusher { name, mails })
    }
}

/// The branch of the repository's HEAD, born or not.
pub fn head_branch(repo: &Repo) -> Option<String> {
    repo.head().ok()?.branch().map(str::to_owned)
}

/// The addresses in the line that begins with a name.
fn of_list(text: &str, name: &str) -> Vec<String> {
    let mut lines = text.lines().map(str::split_whitespace).filter(|words| words.clone().next() == Some(name));
    lines.next().map(|words| words.skip(1).map(str::to_owned).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_a_pusher_are_those_of_its_own_line() {
        let text = "# people\nada ada@example.org a@example.org\n\nAda other@example.org\nadam adam@example.org\n";
        assert_eq!(of_list(text, "ada"), ["ada@example.org", "a@example.org"]);
        assert_eq!(of_list(text, "Ada"), ["other@example.org"]);
        assert_eq!(of_list(text, "eve"), [""; 0]);
    }
}
