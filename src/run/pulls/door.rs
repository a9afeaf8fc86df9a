//! Which forge a project's requests go to, through which remote, and who asks.

use super::super::Error;
use crate::config::{ForgeKind, Landing};
use crate::project::Project;
use crate::review::{self, Forge, Site, Squash, Token};

/// The way to a project's forge.
pub struct Door {
    /// The remote that branches are pushed to; empty where there is none, and no forge.
    pub remote: String,
    /// The repository on the forge.
    pub site: Site,
    token: Option<Token>,
}

impl Door {
    /// Finds it: the remote of the settings, else the upstream's, else the only one, else `origin`.
    ///
    /// # Errors
    /// Where several remotes could be meant, or the settings name a forge and the remote's URL is no place on one.
    pub fn find(project: &Project) -> Result<Self, Error> {
        let (repo, settings) = (&project.repo, &project.settings);
        let remote = remote(project)?;
        let url = match &remote {
            Some(remote) => repo.remote_url(remote)?.unwrap_or_default(),
            None => String::new(),
        };
        let kind = settings.forge.value.filter(|_| remote.is_some()).or(remote.is_none().then_some(ForgeKind::None));
        let site = Site::of(&url, kind, settings.forge_url.value.as_deref())?;
        let mut token = Token::of_environment(&site, &project.env.vars);
        if token.is_none() && site.kind != ForgeKind::None {
            let (protocol, host) = site.credential();
            let kept = repo.credential(protocol, host)?;
            token = kept.map(|kept| Token::of_helper(kept.user, kept.password));
        }
        Ok(Self { remote: remote.unwrap_or_default(), site, token })
    }

    /// What kind of forge it is.
    pub fn kind(&self) -> ForgeKind {
        self.site.kind
    }

    /// Whether a token was found.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Where a token came from.
    pub fn token_from(&self) -> Option<&str> {
        self.token.as_ref().map(|token| token.from.as_str())
    }

    /// The variables that may hold a token.
    pub fn variables(&self) -> String {
        review::variables(&self.site).join(", ")
    }

    /// Whether requests can be opened, before anything is pushed.
    ///
    /// # Errors
    /// Where there is no token, and the forge opens nothing without one.
    pub fn may_open(&self) -> Result<(), Error> {
        let needs = matches!(self.kind(), ForgeKind::Github | ForgeKind::Forgejo | ForgeKind::Gitea);
        if needs && !self.has_token() {
            return Err(review::Error::NoToken { host: self.site.host.clone(), variables: self.variables() }.into());
        }
        Ok(())
    }

    /// Whether the project asks for requests by its settings, and not only by `chant pr`.
    pub fn is_wanted(project: &Project) -> bool {
        project.settings.land.value == Landing::Pr
            || project.settings.forge.value.is_some_and(|kind| kind != ForgeKind::None)
    }

    /// What a squash on the forge makes of the trailers.
    ///
    /// # Errors
    /// Where the forge cannot be asked.
    pub fn squash(&self) -> Result<Squash, Error> {
        self.forge()?.map_or(Ok(Squash::Unknown), |forge| Ok(forge.squash()?))
    }

    /// The forge; `None` where there is none.
    ///
    /// # Errors
    /// Where no client can be made for it.
    pub fn forge(&self) -> Result<Option<Box<dyn Forge>>, Error> {
        Ok(review::forge(&self.site, self.token.as_ref())?)
    }
}

fn remote(project: &Project) -> Result<Option<String>, Error> {
    let repo = &project.repo;
    if let Some(named) = &project.settings.remote.value {
        return match repo.has_remote(named) {
            true => Ok(Some(named.clone())),
            false => {
                Err(Error::refused(format!("there is no remote {named}"), format!("`git remote add {named} <url>`")))
            }
        };
    }
    let branch = project.settings.target.value.clone().or(repo.head()?.branch().map(str::to_owned));
    let upstream = branch.and_then(|branch| repo.config(&format!("branch.{branch}.remote")));
    if let Some(upstream) = upstream.filter(|name| repo.has_remote(name)) {
        return Ok(Some(upstream));
    }
    let names = repo.remote_names();
    match &names[..] {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        _ if names.iter().any(|name| name == "origin") => Ok(Some("origin".to_owned())),
        _ => Err(Error::refused(
            format!("any of these remotes could be meant: {}", names.join(", ")),
            "name one: `remote: <name>` in .chant/config.yaml, or `git config chant.remote <name>`",
        )),
    }
}
