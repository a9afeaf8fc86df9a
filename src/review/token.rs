//! Who asks a forge: a token from the environment, or what Git's credential helpers hold. It is kept in memory only, and
//! no message, log or URL ever holds it.

use secrecy::SecretString;

use super::Site;
use crate::config::ForgeKind;
use crate::env::Vars;

/// What a request is authorised by.
#[derive(Debug, Clone)]
pub struct Token {
    /// The name that goes with a password; none with a token alone.
    pub user: Option<String>,
    /// The token or password; it prints as `[REDACTED]`.
    pub secret: SecretString,
    /// Where it came from, in words.
    pub from: String,
}

/// The variables that may hold a token for a site, the first that is set counts.
pub fn variables(site: &Site) -> &'static [&'static str] {
    match site.kind {
        ForgeKind::Github if site.api == "https://api.github.com" || site.host.ends_with(".ghe.com") => {
            &["CHANT_FORGE_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"]
        }
        // A token for github.com is none of another server's business.
        ForgeKind::Github => &["CHANT_FORGE_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"],
        ForgeKind::Gitlab => &["CHANT_FORGE_TOKEN", "GITLAB_TOKEN"],
        ForgeKind::Forgejo => &["CHANT_FORGE_TOKEN", "FORGEJO_TOKEN"],
        ForgeKind::Gitea => &["CHANT_FORGE_TOKEN", "GITEA_TOKEN"],
        ForgeKind::Gerrit => &["CHANT_FORGE_TOKEN", "GERRIT_TOKEN"],
        ForgeKind::None => &[],
    }
}

impl Token {
    /// The one that the environment holds for a site.
    pub fn of_environment(site: &Site, vars: &Vars) -> Option<Self> {
        variables(site).iter().find_map(|name| {
            let value = vars.get(name)?.to_str()?.trim().to_owned();
            let usable = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
            usable.then(|| Self { user: None, secret: value.into(), from: format!("${name}") })
        })
    }

    /// What Git's credential helpers gave.
    pub fn of_helper(user: String, secret: String) -> Self {
        let user = Some(user).filter(|user| !user.is_empty());
        Self { user, secret: secret.into(), from: "Git's credential helper".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> Vars {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn a_token_is_found_for_its_own_forge_alone_and_never_printed() {
        let all = vars(&[("GITHUB_TOKEN", "ghp_hunter2"), ("GITLAB_TOKEN", "glpat_secret\n")]);
        let of = |url: &str| Token::of_environment(&Site::of(url, None, None).unwrap(), &all);
        assert_eq!(of("git@github.com:a/b").unwrap().from, "$GITHUB_TOKEN");
        assert_eq!(of("git@gitlab.com:a/b").unwrap().from, "$GITLAB_TOKEN");
        assert!(of("git@github.acme.example:a/b").is_none());
        assert!(of("git@codeberg.org:a/b").is_none());
        assert!(!format!("{:?}", of("git@github.com:a/b")).contains("hunter2"));
    }
}
