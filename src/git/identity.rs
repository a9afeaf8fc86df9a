//! Who commits, and when: Git's own rules, read from the snapshot of variables at each call.
//!
//! gix knows these rules too, but takes the variables from the process and the time from when the repository was opened.

use gix::bstr::BString;

use super::error::{Error, Result};
use super::repo::Repo;

/// The two roles a commit names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    Author,
    Committer,
}

impl Role {
    pub(super) fn variable(self, what: &str) -> String {
        match self {
            Self::Author => format!("GIT_AUTHOR_{what}"),
            Self::Committer => format!("GIT_COMMITTER_{what}"),
        }
    }

    fn key(self, what: &str) -> String {
        match self {
            Self::Author => format!("author.{what}"),
            Self::Committer => format!("committer.{what}"),
        }
    }
}

impl Repo {
    /// The committer as `Name <mail>`, from `GIT_COMMITTER_*`, `committer.*`, `user.*`, `EMAIL`, and at last from what
    /// Git makes of the system's account.
    ///
    /// # Errors
    /// [`Error::NoIdentity`] where Git would refuse to commit.
    pub fn identity(&self) -> Result<String> {
        let signature = self.signature(Role::Committer)?;
        Ok(format!("{} <{}>", signature.name, signature.email))
    }

    /// Who a commit of the caller's would be by, `Name <mail>`: the same rules for the author.
    ///
    /// # Errors
    /// As [`Repo::identity`].
    pub fn author(&self) -> Result<String> {
        let signature = self.signature(Role::Author)?;
        Ok(format!("{} <{}>", signature.name, signature.email))
    }

    /// Name, mail and time for a commit that is made now.
    pub(super) fn signature(&self, role: Role) -> Result<gix::actor::Signature> {
        let time = self.moment(role)?;
        let (name, email) = self.name_and_mail(role)?;
        Ok(gix::actor::Signature { name: BString::from(name), email: BString::from(email), time })
    }

    /// A signature for a reflog, which Git writes even where it would not let anybody commit.
    pub(super) fn log_signature(&self) -> Result<gix::actor::Signature> {
        match self.signature(Role::Committer) {
            Err(Error::NoIdentity) => Ok(gix::actor::Signature {
                name: "chant".into(),
                email: "chant@localhost".into(),
                time: self.moment(Role::Committer)?,
            }),
            other => other,
        }
    }

    fn name_and_mail(&self, role: Role) -> Result<(String, String)> {
        let variable = |what: &str| self.vars().get(&role.variable(what)).map(|v| v.to_string_lossy().into_owned());
        let gix = self.gix();
        let config = gix.config_snapshot();
        let text = |key: &str| config.string(key).map(|value| value.to_string());
        let name = variable("NAME").or_else(|| text(&role.key("name"))).or_else(|| text("user.name"));
        let mail = variable("EMAIL").or_else(|| text(&role.key("email"))).or_else(|| text("user.email"));
        let mail = mail.or_else(|| self.vars().get("EMAIL").map(|v| v.to_string_lossy().into_owned()));
        let (name, mail) = match (name, mail) {
            (Some(name), Some(mail)) => (name, mail),
            _ => self.guessed(role)?,
        };
        let (name, mail) = (without_crud(&name), without_crud(&mail));
        if name.is_empty() { Err(Error::NoIdentity) } else { Ok((name, mail)) }
    }

    /// What Git makes of the account's full name and the host's domain, where it dares to.
    fn guessed(&self, role: Role) -> Result<(String, String)> {
        let output = self.plumbing(&["var", &role.variable("IDENT")]).run()?;
        let line = output.text();
        let parts = line.rsplit_once('>').and_then(|(who, _)| who.split_once(" <"));
        match parts.filter(|_| output.success()) {
            Some((name, mail)) => Ok((name.to_owned(), mail.to_owned())),
            None => Err(Error::NoIdentity),
        }
    }

    fn moment(&self, role: Role) -> Result<gix::date::Time> {
        let variable = role.variable("DATE");
        let Some(text) = self.vars().get(&variable).filter(|value| !value.is_empty()) else {
            return Ok(gix::date::Time::now_local_or_utc());
        };
        let text = text.to_string_lossy();
        gix::date::parse(&text, Some(gix::date::Zoned::now()))
            .map_err(Error::while_(format!("read the date `{text}` in `{variable}`")))
    }
}

/// Git takes what would break a signature out of a name, and punctuation off its ends.
fn without_crud(text: &str) -> String {
    let crud = |c: char| c <= ' ' || ".,:;<>\"\\'".contains(c);
    text.trim_matches(crud).chars().filter(|c| !"<>\n\0".contains(*c)).collect()
}

#[cfg(test)]
mod tests {
    use crate::git::test_repo::TestRepo;

    #[test]
    fn the_committer_comes_from_variables_then_configuration_and_never_from_the_process() {
        let t = TestRepo::new();
        assert_eq!(t.repo.identity().unwrap(), "Cleo <cleo@example.com>");
        t.git(&["config", "user.name", "Ugo"]);
        t.git(&["config", "user.email", "ugo@example.com"]);
        t.git(&["config", "committer.name", " Cora <,> "]);
        let vars = t.vars_without(&["GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"]);
        assert_eq!(t.open_with(&vars).identity().unwrap(), "Cora <ugo@example.com>");
    }

    #[test]
    fn an_identity_given_by_git_dash_c_counts() {
        let t = TestRepo::new();
        let mut vars = t.vars_without(&["GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"]);
        vars = TestRepo::with(&vars, &[("GIT_CONFIG_PARAMETERS", "'user.name'='Dash C' 'user.email'='c@example.com'")]);
        assert_eq!(t.open_with(&vars).identity().unwrap(), "Dash C <c@example.com>");
    }

    #[test]
    fn nobody_in_particular_cannot_commit() {
        let t = TestRepo::new();
        t.git(&["config", "user.useConfigOnly", "true"]);
        let vars = t.vars_without(&["GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"]);
        let error = t.open_with(&vars).identity().unwrap_err();
        assert!(matches!(error, crate::git::Error::NoIdentity), "{error}");
    }
}
