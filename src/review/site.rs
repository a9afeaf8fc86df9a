//! From a remote's URL to a repository on a forge: which kind of forge, which repository, where its API answers.
//!
//! The API's address comes from the remote's own URL or from the user's own configuration, never from a committed file:
//! whoever could name it there would be sent the user's token.

use super::Error;
use crate::config::ForgeKind;

/// A repository on a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// What kind of forge it is.
    pub kind: ForgeKind,
    /// The forge's host, with the port where it is not the usual one.
    pub host: String,
    /// The repository's path there, without slashes around it: `owner/name`, on GitLab with all its groups.
    pub path: String,
    /// Where the API answers, without a slash at its end.
    pub api: String,
    /// The web page of the repository.
    pub web: String,
    /// Whether the user named the API's address.
    pub chosen: bool,
}

/// A remote's URL in its parts.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// `http` where that is how Git speaks with it, else `https`.
    scheme: &'static str,
    host: String,
    path: String,
}

impl Site {
    /// The site of a remote's URL. `kind` is what the settings say; where they say nothing the host's name does, and a
    /// host that tells nothing is no forge. `api` is the address that the user's own configuration names.
    ///
    /// # Errors
    /// Where the settings name a forge, and the URL names no repository on one.
    pub fn of(url: &str, kind: Option<ForgeKind>, api: Option<&str>) -> Result<Self, Error> {
        let place = place(url);
        let kind = kind.or_else(|| place.as_ref().and_then(|place| guess(&place.host))).unwrap_or(ForgeKind::None);
        if kind == ForgeKind::None {
            let (host, path) = place.map(|place| (place.host, place.path)).unwrap_or_default();
            return Ok(Self { kind, host, path, api: String::new(), web: String::new(), chosen: false });
        }
        let refused = |help: &str| Error::Site { url: without_password(url), help: help.to_owned() };
        let place =
            place.ok_or_else(|| refused("a forge's remote is `https://<host>/<owner>/<name>` or `git@<host>:…`"))?;
        let (root, path) = split(kind, &place.path).ok_or_else(|| refused("it lacks an owner or a name"))?;
        let web = format!("{}://{}{root}", place.scheme, web_host(&place.host));
        let (api, chosen) = match api {
            Some(api) => (api.trim_end_matches('/').to_owned(), true),
            None => (api_of(kind, &place, &web), false),
        };
        let host = api.split_once("://").map_or(api.as_str(), |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or(host).to_owned();
        Ok(Self { kind, host, web: format!("{web}/{path}"), path, api, chosen })
    }

    /// The owner and the name of the repository.
    pub fn owner_and_name(&self) -> (&str, &str) {
        self.path.rsplit_once('/').unwrap_or(("", &self.path))
    }

    /// The protocol and host by which Git's credential helpers know it.
    pub fn credential(&self) -> (&str, &str) {
        let scheme = self.web.split_once("://").map_or("https", |(scheme, _)| scheme);
        let rest = self.web.split_once("://").map_or("", |(_, rest)| rest);
        (scheme, rest.split('/').next().unwrap_or(rest))
    }

    /// Whether a token would cross a network in clear text, without the user having asked for that.
    pub fn is_plain(&self) -> bool {
        let name = self.host.rsplit_once(':').map_or(self.host.as_str(), |(name, _)| name);
        let here = name == "localhost" || name == "[::1]" || name.starts_with("127.");
        self.api.starts_with("http://") && !self.chosen && !here
    }
}

/// The forges that a host's name tells.
fn guess(host: &str) -> Option<ForgeKind> {
    let host = host.split(':').next().unwrap_or(host).to_ascii_lowercase();
    let known = [
        ("github", ForgeKind::Github),
        ("gitlab", ForgeKind::Gitlab),
        ("forgejo", ForgeKind::Forgejo),
        ("codeberg", ForgeKind::Forgejo),
        ("gitea", ForgeKind::Gitea),
        ("gerrit", ForgeKind::Gerrit),
    ];
    if host.ends_with(".ghe.com") {
        return Some(ForgeKind::Github);
    }
    known.into_iter().find(|(name, _)| host.split('.').any(|label| label == *name)).map(|(_, kind)| kind)
}

fn place(url: &str) -> Option<Place> {
    let (scheme, host, path) = match url.split_once("://") {
        Some((scheme @ ("http" | "https" | "ssh" | "git" | "git+ssh" | "ssh+git"), rest)) => {
            let (host, path) = rest.split_once('/')?;
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            // A port of ssh's or of the daemon's is not the web server's.
            let host = if scheme.starts_with("http") { host } else { without_port(host) };
            (if scheme == "http" { "http" } else { "https" }, host, path)
        }
        Some(_) => return None,
        // `host:path`, as scp has it; a path with a colon has a slash before that.
        None => {
            let (host, path) = url.split_once(':').filter(|(host, _)| !host.contains('/') && host.len() > 1)?;
            ("https", host.rsplit_once('@').map_or(host, |(_, host)| host), path)
        }
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
    (!host.is_empty() && !path.is_empty()).then(|| Place { scheme, host: host.to_owned(), path: path.to_owned() })
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The directory under which the forge lives on its host, with a slash before it, and the repository's path there.
fn split(kind: ForgeKind, path: &str) -> Option<(String, String)> {
    if matches!(kind, ForgeKind::Gitlab | ForgeKind::Gerrit) {
        let path = path.strip_prefix("a/").filter(|_| kind == ForgeKind::Gerrit).unwrap_or(path);
        let whole = kind == ForgeKind::Gerrit || path.contains('/');
        return whole.then(|| (String::new(), path.to_owned()));
    }
    let (owner, name) = path.rsplit_once('/')?;
    match owner.rsplit_once('/') {
        Some((root, owner)) => Some((format!("/{root}"), format!("{owner}/{name}"))),
        None => Some((String::new(), path.to_owned())),
    }
}

/// GitHub's door for ssh over the port of HTTPS has a name of its own.
fn web_host(host: &str) -> &str {
    match host {
        "ssh.github.com" => "github.com",
        "altssh.gitlab.com" => "gitlab.com",
        host => host,
    }
}

fn api_of(kind: ForgeKind, place: &Place, web: &str) -> String {
    match kind {
        ForgeKind::Github if web_host(&place.host) == "github.com" => "https://api.github.com".to_owned(),
        ForgeKind::Github if place.host.ends_with(".ghe.com") => format!("https://api.{}", place.host),
        ForgeKind::Github => format!("{web}/api/v3"),
        ForgeKind::Gitlab => format!("{web}/api/v4"),
        ForgeKind::Forgejo | ForgeKind::Gitea => format!("{web}/api/v1"),
        ForgeKind::Gerrit | ForgeKind::None => web.to_owned(),
    }
}

fn without_password(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?))) {
        Some((scheme, (who, rest))) if !who.contains('/') => format!("{scheme}://{rest}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn told(url: &str, kind: Option<ForgeKind>) -> (ForgeKind, String, String) {
        let site = Site::of(url, kind, None).unwrap();
        (site.kind, site.path, site.api)
    }

    #[test]
    fn the_remotes_url_tells_the_forge_the_repository_and_the_api() {
        use ForgeKind::{Forgejo, Gerrit, Gitea, Github, Gitlab};
        for (url, kind, path, api) in [
            ("https://github.com/acme/churn.git", Github, "acme/churn", "https://api.github.com"),
            ("https://x:secret@github.com/acme/churn", Github, "acme/churn", "https://api.github.com"),
            ("git@github.com:acme/churn.git", Github, "acme/churn", "https://api.github.com"),
            ("ssh://git@ssh.github.com:443/acme/churn.git", Github, "acme/churn", "https://api.github.com"),
            ("https://acme.ghe.com/acme/churn", Github, "acme/churn", "https://api.acme.ghe.com"),
            ("git@github.acme.example:acme/churn", Github, "acme/churn", "https://github.acme.example/api/v3"),
            ("git@gitlab.com:a/b/churn.git", Gitlab, "a/b/churn", "https://gitlab.com/api/v4"),
            (
                "https://gitlab.acme.example:8443/a/churn.git",
                Gitlab,
                "a/churn",
                "https://gitlab.acme.example:8443/api/v4",
            ),
            ("ssh://git@codeberg.org/ada/churn.git", Forgejo, "ada/churn", "https://codeberg.org/api/v1"),
            ("http://gitea.local:3000/sub/ada/churn.git/", Gitea, "ada/churn", "http://gitea.local:3000/sub/api/v1"),
            ("https://gerrit.acme.example/a/churn", Gerrit, "churn", "https://gerrit.acme.example"),
            ("ssh://ada@gerrit.acme.example:29418/tools/churn", Gerrit, "tools/churn", "https://gerrit.acme.example"),
        ] {
            assert_eq!(told(url, None), (kind, path.to_owned(), api.to_owned()), "{url}");
        }
    }

    #[test]
    fn a_host_that_tells_nothing_is_no_forge_until_the_settings_say_so() {
        assert_eq!(told("git@code.acme.example:acme/churn.git", None).0, ForgeKind::None);
        assert_eq!(told("/srv/churn.git", None).0, ForgeKind::None);
        assert_eq!(told("file:///srv/github/churn.git", None).0, ForgeKind::None);
        let (.., api) = told("git@code.acme.example:acme/churn.git", Some(ForgeKind::Forgejo));
        assert_eq!(api, "https://code.acme.example/api/v1");
        let error = Site::of("https://x:secret@h/churn.git", Some(ForgeKind::Github), None).unwrap_err().to_string();
        assert!(error.contains("https://h/churn.git") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn a_token_crosses_no_network_in_clear_text_unless_the_user_says_so() {
        let plain = |url: &str, api: Option<&str>| Site::of(url, Some(ForgeKind::Gitea), api).unwrap().is_plain();
        assert!(plain("http://code.example/a/b", None));
        assert!(!plain("http://127.0.0.1:3000/a/b", None) && !plain("http://localhost/a/b", None));
        assert!(!plain("https://code.example/a/b", None) && !plain("git@code.example:a/b", None));
        assert!(!plain("http://code.example/a/b", Some("http://code.example/api/v1")));
    }

    proptest! {
        #[test]
        fn no_url_is_too_strange_and_no_password_is_repeated(url in "(?s).{0,60}", who in "[a-z]{3,8}") {
            for kind in [None, Some(ForgeKind::Github), Some(ForgeKind::Gitlab), Some(ForgeKind::Gerrit)] {
                drop(Site::of(&url, kind, None));
                let url = format!("https://{who}:hunter2hunter2@{url}");
                if let Err(error) = Site::of(&url, kind, None) {
                    prop_assert!(!error.to_string().contains("hunter2hunter2") || url.matches("hunter2hunter2").count() > 1);
                }
            }
        }
    }
}
