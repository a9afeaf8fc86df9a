//! Writing commits: by gix, or by the git executable where they are to be signed.

use std::sync::atomic::Ordering;

use gix::objs::Commit;

use super::convert::{from_gix, to_gix};
use super::error::{Error, Result};
use super::identity::Role;
use super::repo::Repo;
use crate::ledger::Oid;

impl Repo {
    /// Writes a commit and moves no ref. Author, committer and their dates are Git's (`GIT_AUTHOR_DATE` and kin
    /// included); signed by whichever format is configured where `commit.gpgSign` asks for it, or
    /// [`sign_always`](Self::sign_always) did.
    ///
    /// # Errors
    /// [`Error::NoIdentity`]; [`Error::Signing`] where the signature cannot be made.
    pub fn commit(&self, tree: Oid, parents: &[Oid], message: &str) -> Result<Oid> {
        let mut unique = Vec::with_capacity(parents.len());
        for parent in parents {
            if !unique.contains(parent) {
                unique.push(*parent);
            }
        }
        if message.contains('\0') {
            return Err(Error::while_("write a commit")("a message cannot hold a NUL byte"));
        }
        match self.signs_always() || self.gix().config_snapshot().boolean("commit.gpgSign") == Some(true) {
            true => self.commit_signed(tree, &unique, message),
            false => self.commit_plain(tree, &unique, message),
        }
    }

    /// From now on every commit that is written by this value, or a clone of it, is signed.
    pub fn sign_always(&self) {
        self.inner.sign.store(true, Ordering::Relaxed);
    }

    /// Whether [`sign_always`](Self::sign_always) was called.
    pub fn signs_always(&self) -> bool {
        self.inner.sign.load(Ordering::Relaxed)
    }

    /// Whether the user wants every commit signed.
    pub fn signs(&self) -> bool {
        self.flag("commit.gpgSign")
    }

    fn commit_plain(&self, tree: Oid, parents: &[Oid], message: &str) -> Result<Oid> {
        let commit = Commit {
            tree: to_gix(tree),
            parents: parents.iter().map(|parent| to_gix(*parent)).collect(),
            author: self.signature(Role::Author)?,
            committer: self.signature(Role::Committer)?,
            encoding: None,
            message: message.into(),
            extra_headers: Vec::new(),
        };
        Ok(from_gix(self.gix().write_object(&commit).map_err(Error::while_("write a commit"))?.detach()))
    }

    /// `git commit-tree -S`: Git knows where the key is, which program signs, and how its answer is stored.
    fn commit_signed(&self, tree: Oid, parents: &[Oid], message: &str) -> Result<Oid> {
        // Asked for first, so that a missing identity is told as such.
        self.signature(Role::Author)?;
        self.signature(Role::Committer)?;
        let mut args = vec!["commit-tree".to_owned(), "-S".to_owned()];
        for parent in parents {
            args.extend(["-p".to_owned(), parent.to_string()]);
        }
        args.extend(["-F".to_owned(), "-".to_owned(), tree.to_string()]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        // In the terminal's own process group, for the program that signs may ask there for a passphrase.
        let output = self.plumbing(&args).with_hooks().stdin(message).run()?;
        let written = output.success().then(|| output.text().parse().ok()).flatten();
        written.ok_or_else(|| Error::Signing { complaint: output.complaint() })
    }
}

#[cfg(test)]
mod tests {
    use crate::git::test_repo::TestRepo;

    #[test]
    fn a_commit_is_the_very_object_that_git_would_write() {
        for t in [TestRepo::new(), TestRepo::sha256()] {
            let (a, b) = (t.commit_file("f", "a\n", "a"), t.commit_file("f", "b\n", "b"));
            let tree = t.repo.tree(b).unwrap();
            let message = "Subject\n\nBody: ü\n\nChant-Spec: 001-x\n";
            let ours = t.repo.commit(tree, &[a, b, a], message).unwrap();
            let [tree, a, b] = [tree, a, b].map(|oid| oid.to_string());
            let git = t.repo.git(&t.path(), &["commit-tree", "-p", &a, "-p", &b, "-F", "-", &tree]).stdin(message);
            assert_eq!(ours.to_string(), git.check().unwrap().text());
            t.fsck();
        }
    }

    #[test]
    fn the_dates_are_those_of_the_variables_in_any_form_git_reads() {
        let t = TestRepo::new();
        let head = t.commit_file("f", "a\n", "a");
        let tree = t.repo.tree(head).unwrap();
        for date in ["2005-04-07T22:13:13 +0200", "Thu, 07 Apr 2005 22:13:13 +0200", "@1112904793 +0200"] {
            let vars = TestRepo::with(t.vars(), &[("GIT_AUTHOR_DATE", date)]);
            let commit = t.open_with(&vars).commit(tree, &[], "x\n").unwrap();
            assert_eq!(t.git(&["show", "-s", "--format=%ad", "--date=raw", &commit.to_string()]), "1112904793 +0200");
        }
        let vars = TestRepo::with(t.vars(), &[("GIT_AUTHOR_DATE", "the day before")]);
        assert!(t.open_with(&vars).commit(tree, &[], "x\n").is_err());
    }

    #[test]
    fn without_a_date_given_the_time_is_that_of_the_commit_and_not_of_the_opening() {
        let t = TestRepo::new();
        let head = t.commit_file("f", "a\n", "a");
        let repo = t.open_with(&t.vars_without(&["GIT_COMMITTER_DATE", "GIT_AUTHOR_DATE"]));
        let before = jiff::Timestamp::now().as_second();
        let commit = repo.commit(t.repo.tree(head).unwrap(), &[], "x\n").unwrap();
        let time: i64 = t.git(&["show", "-s", "--format=%ct", &commit.to_string()]).parse().unwrap();
        assert!((before..=before + 60).contains(&time));
    }

    #[test]
    fn commits_are_signed_where_the_configuration_asks() {
        let t = TestRepo::new();
        let head = t.commit_file("f", "a\n", "a");
        let key = t.beside("key");
        let keygen = ["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()];
        if !std::process::Command::new("ssh-keygen").args(keygen).status().is_ok_and(|status| status.success()) {
            return;
        }
        let tree = t.repo.tree(head).unwrap();
        t.git(&["config", "commit.gpgSign", "true"]);
        t.git(&["config", "gpg.format", "ssh"]);
        t.git(&["config", "user.signingKey", key.to_str().unwrap()]);
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        std::fs::write(t.beside("signers"), format!("cleo@example.com {public}")).unwrap();
        t.git(&["config", "gpg.ssh.allowedSignersFile", t.beside("signers").to_str().unwrap()]);
        let commit = t.open_with(t.vars()).commit(tree, &[head], "Signed\n\nChant-Spec: x\n").unwrap();
        assert_eq!(t.git(&["show", "-s", "--format=%G? %an %cn %s", &commit.to_string()]), "G Ada Cleo Signed");
        std::fs::remove_file(&key).unwrap();
        let error = t.open_with(t.vars()).commit(tree, &[head], "Signed\n").unwrap_err();
        assert!(matches!(error, crate::git::Error::Signing { .. }), "{error:?}");
    }
}
