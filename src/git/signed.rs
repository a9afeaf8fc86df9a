//! Whose signature a commit bears: Git checks it, against Git's allowed signers file (`gpg.ssh.allowedSignersFile`).

use std::collections::BTreeMap;

use super::error::{Error, Result};
use super::exe::Git;
use super::repo::Repo;
use super::scratch::Scratch;
use super::signers::Signers;
use crate::ledger::{Oid, Signed};

impl Repo {
    /// What Git says of the signatures of commits, by one call of it for all. Unsigned ones cost nothing; each signature
    /// costs Git a start of the program that checks it. A commit that is not here is left out.
    ///
    /// SSH signatures count by the allowed signers file alone: revoked keys, validity in time and namespaces are as
    /// Git's `gpg.ssh.*` settings say. An OpenPGP or X.509 signature counts where Git calls it good and the key trusted.
    ///
    /// # Errors
    /// Where Git cannot be asked, or cannot start the program that checks.
    pub fn signed(&self, commits: &[Oid], signers: &Signers) -> Result<BTreeMap<Oid, Verdict>> {
        if commits.is_empty() {
            return Ok(BTreeMap::new());
        }
        ask(signers.give(self.plumbing(&ASK)), commits)
    }

    /// Signs a commit of some tree as [`commit`](Self::commit) would, and says what that signature is worth. Nothing of it
    /// stays.
    ///
    /// # Errors
    /// [`Error::Signing`] where no signature can be made.
    pub fn try_to_sign(&self, signers: &Signers, tree: Oid) -> Result<Signed> {
        let scratch = Scratch::new(self.common_dir())?;
        let aside = |git: Git| {
            let objects = self.common_dir().join("objects");
            git.env("GIT_OBJECT_DIRECTORY", scratch.path("objects")).env("GIT_ALTERNATE_OBJECT_DIRECTORIES", objects)
        };
        let objects = scratch.path("objects");
        std::fs::create_dir(&objects).map_err(Error::io("make", &objects))?;
        let sign = self.plumbing(&["commit-tree", "-S", "-m", "May this key sign?", &tree.to_string()]).with_hooks();
        let output = aside(sign).run()?;
        let made: Option<Oid> = output.success().then(|| output.text().parse().ok()).flatten();
        let made = made.ok_or_else(|| Error::Signing { complaint: output.complaint() })?;
        let found = ask(signers.give(aside(self.plumbing(&ASK))), &[made])?;
        Ok(found.into_values().next().map_or(Signed::Nobody, |verdict| verdict.signed))
    }
}

/// What Git says of one signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What it is worth.
    pub signed: Signed,
    /// Whether it stays so while [`Signers::basis`] does. What a keyring says changes with it, and with the day.
    pub lasting: bool,
}

/// The format is not taken from the settings, nor anything that would add to it.
const ASK: [&str; 8] = [
    "log",
    "--no-walk=unsorted",
    "--ignore-missing",
    "--no-show-signature",
    "--no-notes",
    "-z",
    "--format=%H %G? %GF %GS",
    "--stdin",
];

fn ask(git: Git, commits: &[Oid]) -> Result<BTreeMap<Oid, Verdict>> {
    let input: String = commits.iter().map(|oid| format!("{oid}\n")).collect();
    let output = git.stdin(input).check()?;
    // Git goes on without it, and calls every signature bad.
    let complaint = output.complaint();
    if let Some(line) = complaint.lines().find(|line| line.contains("cannot run ") || line.contains("cannot exec ")) {
        return Err(Error::while_("check signatures")(line.to_owned()));
    }
    let mut found = BTreeMap::new();
    for record in output.records() {
        let line = String::from_utf8_lossy(record);
        let mut words = line.splitn(4, ' ');
        let (Some(Ok(oid)), Some(mark), Some(key)) = (words.next().map(str::parse), words.next(), words.next()) else {
            return Err(Error::while_("read what Git says of signatures")(line.into_owned()));
        };
        let signed = verdict(mark, words.next().unwrap_or_default().trim());
        let lasting = signed == Signed::Nobody || key.starts_with(SSH_KEY);
        found.insert(oid, Verdict { signed, lasting });
    }
    Ok(found)
}

/// How the fingerprint of an SSH key begins.
const SSH_KEY: &str = "SHA256:";

/// The letters of `git log --format=%G?`.
fn verdict(mark: &str, principal: &str) -> Signed {
    let void = |why: &str| Signed::Void(why.to_owned());
    match mark {
        "G" if principal.is_empty() => void("names nobody"),
        "G" => Signed::By(principal.to_owned()),
        "N" => Signed::Nobody,
        "U" => void("is by a key that is not among the allowed signers, or was not at that time"),
        "B" => void("does not fit the commit, or its key was revoked"),
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

    fn all(t: &TestRepo, commits: &[Oid]) -> BTreeMap<Oid, Signed> {
        let repo = t.open_with(t.vars());
        let found = repo.signed(commits, &repo.signers(None).unwrap()).unwrap();
        found.into_iter().map(|(oid, verdict)| (oid, verdict.signed)).collect()
    }

    fn of(t: &TestRepo, commit: Oid) -> Signed {
        all(t, &[commit]).remove(&commit).unwrap()
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
        let found = all(&t, &[nobody, ada, eve]);
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
        assert_eq!(all(&t, &[]), BTreeMap::new());
        assert_eq!(all(&t, &[absent]), BTreeMap::new());
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_and_no_bad_signature() {
        let t = signers();
        signs_with(&t, "ada");
        let commit = t.commit_file("f", "1\n", "by ada");
        t.git(&["config", "gpg.ssh.program", "/nowhere/ssh-keygen"]);
        let repo = t.open_with(t.vars());
        let error = repo.signed(&[commit], &repo.signers(None).unwrap()).unwrap_err();
        assert!(format!("{error:?}").contains("/nowhere/ssh-keygen"), "{error:?}");
    }

    #[test]
    fn whether_a_key_may_sign_is_tried_and_leaves_nothing() {
        let t = signers();
        signs_with(&t, "ada");
        t.commit_file("f", "1\n", "a");
        let before = t.git(&["count-objects"]);
        let try_it = || {
            let repo = t.open_with(t.vars());
            repo.try_to_sign(&repo.signers(None).unwrap(), t.repo.tree(t.oid("HEAD")).unwrap())
        };
        assert_eq!(try_it().unwrap(), Signed::By("ada@example.com".into()));
        signs_with(&t, "eve");
        assert!(matches!(try_it().unwrap(), Signed::Void(_)));
        signs_with(&t, "nobody");
        assert!(matches!(try_it().unwrap_err(), Error::Signing { .. }));
        assert_eq!(t.git(&["count-objects"]), before);
        assert_eq!(std::fs::read_dir(t.path().join(".git/chant/tmp")).unwrap().count(), 0);
    }

    #[test]
    fn a_tracked_file_counts_as_the_target_has_it_from_every_worktree_and_a_bare_repository() {
        let t = signers();
        let line = std::fs::read_to_string(t.beside("signers")).unwrap();
        t.git(&["config", "commit.gpgSign", "false"]);
        let target = t.commit_file("keys/allowed", &line, "keys");
        for path in ["keys/allowed".to_owned(), t.path().join("keys/allowed").to_str().unwrap().to_owned()] {
            t.git(&["config", "gpg.ssh.allowedSignersFile", &path]);
            signs_with(&t, "eve");
            let eve = t.git(&["commit-tree", "-S", "-m", "by eve", "HEAD^{tree}"]).parse().unwrap();
            signs_with(&t, "ada");
            let ada = t.git(&["commit-tree", "-S", "-m", "by ada", "HEAD^{tree}"]).parse().unwrap();
            // An agent lets itself in, in its worktree and in the checkout.
            t.git(&["worktree", "add", "-q", "-f", "--detach", t.beside("linked").to_str().unwrap()]);
            let eves = std::fs::read_to_string(t.beside("eve.pub")).unwrap();
            for place in [t.path(), t.beside("linked")] {
                std::fs::write(place.join("keys/allowed"), format!("* {eves}")).unwrap();
                let repo = Repo::open(&place, t.vars()).unwrap();
                let found = repo.signed(&[ada, eve], &repo.signers(Some(target)).unwrap()).unwrap();
                assert_eq!(found[&ada].signed.by(), Some("ada@example.com"), "{path} from {}", place.display());
                assert_eq!(found[&eve].signed.by(), None, "{path} from {}", place.display());
            }
            assert_eq!(t.open_with(t.vars()).key_files_in_tree(), ["keys/allowed"]);
            t.git(&["worktree", "remove", "--force", t.beside("linked").to_str().unwrap()]);
            t.git(&["checkout", "-q", "."]);
        }
    }

    #[test]
    fn a_relative_file_that_is_not_tracked_is_that_of_the_main_worktree() {
        let t = signers();
        signs_with(&t, "ada");
        let commit = t.commit_file("f", "1\n", "by ada");
        std::fs::copy(t.beside("signers"), t.path().join(".git/signers")).unwrap();
        t.git(&["config", "gpg.ssh.allowedSignersFile", ".git/signers"]);
        t.git(&["worktree", "add", "-q", "--detach", t.beside("linked").to_str().unwrap()]);
        for place in [t.path(), t.beside("linked")] {
            let repo = Repo::open(&place, t.vars()).unwrap();
            let found = repo.signed(&[commit], &repo.signers(Some(commit)).unwrap()).unwrap();
            assert_eq!(found[&commit].signed.by(), Some("ada@example.com"), "from {}", place.display());
        }
    }

    #[test]
    fn the_basis_changes_with_all_that_a_verdict_hangs_on() {
        let t = signers();
        let basis = || t.open_with(t.vars()).signers(None).unwrap().basis;
        let mut seen = vec![basis()];
        let mut changes = |what: &str| {
            let now = basis();
            assert!(!seen.contains(&now), "{what}");
            seen.push(now);
        };
        t.git(&["config", "gpg.ssh.revocationFile", t.beside("revoked").to_str().unwrap()]);
        changes("a file of revoked keys is named");
        std::fs::write(t.beside("revoked"), "").unwrap();
        changes("it is there");
        std::fs::write(t.beside("revoked"), "x").unwrap();
        changes("it revokes a key");
        std::fs::write(t.beside("signers"), "").unwrap();
        changes("nobody may sign");
        t.git(&["config", "gpg.ssh.program", "ssh-keygen"]);
        changes("another program");
    }

    #[test]
    fn what_is_lacking_is_said() {
        let t = signers();
        let lacks = || t.open_with(t.vars()).signers(None).unwrap().lacks;
        assert_eq!(lacks(), None);
        std::fs::remove_file(t.beside("signers")).unwrap();
        assert!(lacks().unwrap().contains("cannot be read"));
        t.git(&["config", "--unset", "gpg.ssh.allowedSignersFile"]);
        assert!(lacks().unwrap().contains("git config gpg.ssh.allowedSignersFile"));
        t.git(&["config", "gpg.format", "openpgp"]);
        assert_eq!(lacks(), None);
    }
}
