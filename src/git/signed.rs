//! Whose signature a commit bears: Git checks it, against Git's allowed signers file (`gpg.ssh.allowedSignersFile`).

use std::collections::BTreeMap;

use super::error::{Error, Result};
use super::repo::Repo;
use crate::ledger::Oid;

/// What the signature of a commit is worth.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signed {
    /// By a key that may sign, for whom: the principal that the allowed signers file names, usually a mail address.
    By(String),
    /// There is none.
    Nobody,
    /// There is one, and it does not count: in words, to stand after "its signature".
    Void(String),
}

impl Signed {
    /// Who signed, where that counts.
    pub fn by(&self) -> Option<&str> {
        match self {
            Self::By(principal) => Some(principal),
            Self::Nobody | Self::Void(_) => None,
        }
    }
}

impl Repo {
    /// What Git says of the signatures of commits, by one call of it for all. Unsigned ones cost nothing; each signature
    /// costs Git a start of the program that checks it. A commit that is not here is left out.
    ///
    /// SSH signatures count by the allowed signers file alone: revoked keys, validity in time and namespaces are as
    /// Git's `gpg.ssh.*` settings say. An OpenPGP or X.509 signature counts where Git calls it good and the key trusted.
    ///
    /// # Errors
    /// Where Git cannot be asked.
    pub fn signed(&self, commits: &[Oid]) -> Result<BTreeMap<Oid, Signed>> {
        if commits.is_empty() {
            return Ok(BTreeMap::new());
        }
        let input: String = commits.iter().map(|oid| format!("{oid}\n")).collect();
        // The format is not taken from the settings, nor anything that would add to it.
        let args = [
            "log",
            "--no-walk=unsorted",
            "--ignore-missing",
            "--no-show-signature",
            "--no-notes",
            "-z",
            "--format=%H %G? %GS",
            "--stdin",
        ];
        let output = self.plumbing(&args).stdin(input).check()?;
        let mut found = BTreeMap::new();
        for record in output.records() {
            let line = String::from_utf8_lossy(record);
            let mut words = line.splitn(3, ' ');
            let (Some(Ok(oid)), Some(mark)) = (words.next().map(str::parse), words.next()) else {
                return Err(Error::while_("read what Git says of signatures")(line.into_owned()));
            };
            found.insert(oid, verdict(mark, words.next().unwrap_or_default().trim()));
        }
        Ok(found)
    }
}

/// The letters of `git log --format=%G?`.
fn verdict(mark: &str, principal: &str) -> Signed {
    let void = |why: &str| Signed::Void(why.to_owned());
    match mark {
        "G" if principal.is_empty() => void("names nobody"),
        "G" => Signed::By(principal.to_owned()),
        "N" => Signed::Nobody,
        "U" => void("is by a key that is not among the allowed signers"),
        "B" => void("does not fit the commit, or its key is not among the allowed signers"),
        "X" => void("has expired"),
        "Y" => void("is by a key that has expired"),
        "R" => void("is by a key that was revoked"),
        _ => void("cannot be checked here (`git verify-commit` says why)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::test_repo::TestRepo;

    /// A key pair beside the repository; what stands in its public file.
    fn key(t: &TestRepo, name: &str) -> String {
        let path = t.beside(name);
        let args = ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path.to_str().unwrap()];
        assert!(std::process::Command::new("ssh-keygen").args(args).status().unwrap().success());
        std::fs::read_to_string(path.with_extension("pub")).unwrap()
    }

    fn signs_with(t: &TestRepo, name: &str) {
        t.git(&["config", "user.signingKey", t.beside(name).to_str().unwrap()]);
    }

    /// Two people with keys, of whom only Ada may sign.
    fn signers() -> TestRepo {
        let t = TestRepo::new();
        let (ada, _) = (key(&t, "ada"), key(&t, "eve"));
        std::fs::write(t.beside("signers"), format!("ada@example.com namespaces=\"git\" {ada}")).unwrap();
        for (key, value) in [("commit.gpgSign", "true"), ("gpg.format", "ssh")] {
            t.git(&["config", key, value]);
        }
        t.git(&["config", "gpg.ssh.allowedSignersFile", t.beside("signers").to_str().unwrap()]);
        t
    }

    fn of(t: &TestRepo, commit: Oid) -> Signed {
        t.open_with(t.vars()).signed(&[commit]).unwrap().remove(&commit).unwrap()
    }

    #[test]
    fn only_the_key_of_an_allowed_signer_signs_for_somebody() {
        let t = signers();
        signs_with(&t, "ada");
        let ada = t.commit_file("f", "1\n", "by ada");
        signs_with(&t, "eve");
        let eve = t.commit_file("f", "2\n", "by eve");
        t.git(&["config", "commit.gpgSign", "false"]);
        let nobody = t.commit_file("f", "3\n", "by nobody");
        let found = t.open_with(t.vars()).signed(&[nobody, ada, eve]).unwrap();
        assert_eq!(found[&ada], Signed::By("ada@example.com".into()));
        assert!(matches!(found[&eve], Signed::Void(_)), "{:?}", found[&eve]);
        assert_eq!(found[&nobody], Signed::Nobody);
    }

    #[test]
    fn a_signature_moved_to_another_message_is_void() {
        let t = signers();
        signs_with(&t, "ada");
        let signed = t.commit_file("f", "1\n", "honest words");
        let text = t.git(&["cat-file", "commit", &signed.to_string()]).replace("honest words", "other words!");
        let forged = t.repo.git(&t.path(), &["hash-object", "-t", "commit", "-w", "--stdin"]).stdin(text + "\n");
        let forged: Oid = forged.check().unwrap().text().parse().unwrap();
        assert!(matches!(of(&t, forged), Signed::Void(_)));
    }

    #[test]
    fn a_key_signs_for_the_time_in_which_it_may() {
        let t = signers();
        signs_with(&t, "ada");
        let commit = t.commit_file("f", "1\n", "in 2023");
        let public = std::fs::read_to_string(t.beside("ada.pub")).unwrap();
        let allow = |until: &str| {
            std::fs::write(t.beside("signers"), format!("ada@example.com valid-before=\"{until}\" {public}")).unwrap();
        };
        allow("20200101");
        assert!(matches!(of(&t, commit), Signed::Void(_)));
        allow("20300101");
        assert_eq!(of(&t, commit), Signed::By("ada@example.com".into()));
    }

    #[test]
    fn what_is_not_here_and_nothing_at_all_are_no_errors() {
        let t = signers();
        let absent: Oid = "1".repeat(40).parse().unwrap();
        assert_eq!(t.repo.signed(&[]).unwrap(), BTreeMap::new());
        assert_eq!(t.open_with(t.vars()).signed(&[absent]).unwrap(), BTreeMap::new());
    }
}
