//! Signing, where the target counts signed events alone (`trust: signed`): what an engine says there, it signs, and what it
//! could not sign so that it counts, it does not begin.

use super::Error;
use crate::config::{Settings, Trust};
use crate::git;
use crate::ledger::{Oid, Signed};
use crate::project::{Look, Project};

/// Sees to it that whatever is recorded from now on is signed, where that is asked for.
///
/// # Errors
/// [`Error::Refused`] where this machine cannot sign, or its key is not among the allowed signers: nothing has changed.
pub fn ready(project: &Project, look: &Look) -> Result<(), Error> {
    for asked_by in &look.asked_by {
        tried(project, *asked_by)?;
    }
    Ok(())
}

/// The same for a reviewer's word, which is signed by the reviewer and nobody else.
///
/// # Errors
/// As [`ready`], and where the key is somebody else's.
pub fn ready_as(project: &Project, look: &Look, author: &str) -> Result<(), Error> {
    for asked_by in &look.asked_by {
        if let Some(why) = tried(project, *asked_by)?.complaint_as(author) {
            return Err(Error::refused(
                format!("the word of {author} would not count: {why}"),
                "commit by the address that the allowed signers file gives to this key: `git config user.email <mail>`",
            ));
        }
    }
    Ok(())
}

/// What a commit that is signed here now is worth.
fn tried(project: &Project, asked_by: Oid) -> Result<Signed, Error> {
    let repo = &project.repo;
    let signers = repo.signers(Some(asked_by))?;
    if let Some(why) = &signers.lacks {
        return Err(refused(&format!("no signature can be checked here: {why}"), HOW_TO));
    }
    let signed = match repo.try_to_sign(&signers, repo.tree(asked_by)?) {
        Ok(signed) => signed,
        Err(git::Error::Signing { complaint }) => {
            return Err(refused(&format!("nothing can be signed here: {complaint}"), HOW_TO));
        }
        Err(error) => return Err(error.into()),
    };
    match signed.complaint() {
        None => {
            repo.sign_always();
            Ok(signed)
        }
        Some(why) => Err(refused(&format!("what is signed here does not count: {why}"), HOW_TO_ENTER)),
    }
}

fn refused(why: &str, help: &str) -> Error {
    Error::refused(format!("the target counts signed events alone (`trust: signed`), and {why}"), help)
}

const HOW_TO: &str = "git config gpg.format ssh\n\
     git config user.signingKey ~/.ssh/id_ed25519.pub\n\
     git config gpg.ssh.allowedSignersFile <file of `<mail> <public key>` lines>";

const HOW_TO_ENTER: &str = "somebody who may adds this key to the file that `git config gpg.ssh.allowedSignersFile` names, \
     and commits it where it is tracked:\n\
     echo \"$(git config user.email) $(cat ~/.ssh/id_ed25519.pub)\" >> \"$(git config gpg.ssh.allowedSignersFile)\"";

/// Refuses where a branch that is landed on asks for signatures, and the target that was looked at does not: nobody has
/// checked any.
///
/// # Errors
/// [`Error::Refused`].
pub(super) fn agrees(project: &Project, settings: &Settings, target: &str) -> Result<(), Error> {
    if settings.trust.value == Trust::Any || project.repo.signs_always() {
        return Ok(());
    }
    Err(Error::refused(
        format!("{target} counts signed events alone (`trust: signed`), and that was not known when this began"),
        format!(
            "begin again; where it stays so, say `target: {target}` in .chant/config.yaml, or `git switch {target}`"
        ),
    ))
}

/// Why an event that a person has just committed does not count, and what to type; `None` where it does.
///
/// # Errors
/// Where the project cannot be read.
pub fn unsigned(project: &Project, commit: Oid) -> Result<Option<String>, Error> {
    let look = crate::project::look(project)?;
    let Some(why) = look.view.trust.complaint(&look.history, commit) else { return Ok(None) };
    let again = "git commit --amend --allow-empty --no-edit -S";
    Ok(Some(format!("{} does not count: {why}; sign it: `{again}`", commit.short())))
}
