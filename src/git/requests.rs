//! What pull requests need of Git: where a remote really is, who may ask its forge, pushes that are requests themselves,
//! and the words of `git request-pull` and `git format-patch` where there is no forge.

use super::error::Result;
use super::remote::{Published, in_short};
use super::repo::Repo;
use crate::ledger::Oid;

/// A name and a password or token.
#[derive(Clone)]
pub struct Credential {
    /// The name; empty where the helper gives none.
    pub user: String,
    /// The password. It is never printed.
    pub password: String,
}

impl Repo {
    /// The URL that Git pushes to for a remote, with the user's rewriting (`url.<base>.pushInsteadOf`) done.
    ///
    /// # Errors
    /// Where Git cannot be started.
    pub fn remote_url(&self, remote: &str) -> Result<Option<String>> {
        let said = self.plumbing(&["remote", "get-url", "--push", remote]).run()?;
        Ok(said.success().then(|| said.text()).filter(|url| !url.is_empty()))
    }

    /// The names of the remotes.
    pub fn remote_names(&self) -> Vec<String> {
        self.gix().remote_names().iter().map(ToString::to_string).collect()
    }

    /// What the user's credential helpers hold for a host; nobody is asked.
    ///
    /// # Errors
    /// Where Git cannot be started.
    pub fn credential(&self, protocol: &str, host: &str) -> Result<Option<Credential>> {
        if host.contains(['\n', '\0']) {
            return Ok(None);
        }
        let git = self.plumbing(&["credential", "fill"]).stdin(format!("protocol={protocol}\nhost={host}\n\n"));
        // No prompt of any kind: what no helper knows is not known.
        let said = git.env("GIT_ASKPASS", "").env("SSH_ASKPASS", "").config("core.askPass", "").run()?;
        if !said.success() {
            return Ok(None);
        }
        let text = said.text();
        let field = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
        let user = field("username=").unwrap_or_default();
        Ok(field("password=").filter(|word| !word.is_empty()).map(|password| Credential { user, password }))
    }

    /// Pushes a commit to a ref of another name, or with push options: for servers on which a push is a request. Gives
    /// what the server said as well.
    ///
    /// # Errors
    /// Where Git cannot be started.
    pub fn push_request(&self, remote: &str, commit: Oid, to: &str, options: &[String]) -> Result<(Published, String)> {
        let mut git = self.talk(&["push", "--no-verify", "--no-recurse-submodules", "--porcelain"]);
        for option in options {
            git = git.arg(format!("--push-option={option}"));
        }
        let done = git.arg(remote).arg(format!("{commit}:{to}")).run()?;
        let said = done.complaint();
        let published = match done.success() {
            true => Published::Done,
            false => {
                let reached = self.talk(&["ls-remote", "--quiet", remote, "HEAD"]).run()?.success();
                if reached { Published::Refused(in_short(&said)) } else { Published::Unreachable(in_short(&said)) }
            }
        };
        let words = said.lines().filter_map(|line| line.strip_prefix("remote:")).map(str::trim);
        Ok((published, words.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")))
    }

    /// How much changes between two commits, file by file, as `git diff --stat` writes it.
    ///
    /// # Errors
    /// Where Git fails.
    pub fn stat(&self, from: Oid, to: Oid) -> Result<String> {
        let (from, to) = (from.to_string(), to.to_string());
        let git =
            self.plumbing(&["diff", "--stat=90,60", "--stat-count=40", "--no-ext-diff", "--no-color", &from, &to]);
        Ok(git.check()?.text())
    }

    /// What `git request-pull` says: where a branch can be pulled from, and what it brings.
    ///
    /// # Errors
    /// Where Git fails.
    pub fn request_pull(&self, start: Oid, remote: &str, branch: &str, tip: Oid) -> Result<String> {
        let range = format!("refs/heads/{branch}");
        let git = self.talk(&["request-pull", &start.to_string(), remote]);
        let said = git.arg(&range).run()?;
        match said.success() {
            true => Ok(said.text()),
            // It wants the branch at the remote, and looks for it there.
            false => Ok(format!("branch {branch} at {tip}, not yet at {remote}: {}", said.complaint())),
        }
    }

    /// Writes the commits between two, those without changes left out, as patches for mail into a directory; gives the files.
    ///
    /// # Errors
    /// Where Git fails.
    pub fn format_patch(&self, from: Oid, to: Oid, dir: &std::path::Path) -> Result<Vec<String>> {
        let range = format!("{from}..{to}");
        let git =
            self.plumbing(&["format-patch", "--no-color", "--no-ext-diff", "--zero-commit", "--output-directory"]);
        let git = git.arg(dir).arg("--no-merges").arg(range).args(["--", ":/"]);
        Ok(git.check()?.text().lines().map(str::to_owned).collect())
    }
}
