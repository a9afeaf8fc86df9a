//! `chant log`: the transcript of an agent, live or as it was noted; without an id, what happened in the project.

use std::path::PathBuf;

use super::{Error, resolve, views};
use crate::project::{Look, Project};
use crate::spec::{Spec, SpecId};

/// Where the words of an agent are.
pub enum Transcript {
    /// In a file that is being written while the spec's lock is held.
    Live(PathBuf),
    /// In a file that an earlier run has left.
    File(PathBuf),
    /// In the notes.
    Noted(Vec<u8>),
}

/// The transcript of a spec's last run.
///
/// # Errors
/// Where the query names no spec, or none of its runs has left any words.
pub fn transcript(project: &Project, look: &Look, query: &str) -> Result<(SpecId, Transcript), Error> {
    let id = resolve(look, query)?.clone();
    let file = project.transcript_path(&id);
    if look.live.locked.contains(&id) {
        return Ok((id, Transcript::Live(file)));
    }
    if let Some(bytes) = noted(project, look, &id)? {
        return Ok((id, Transcript::Noted(bytes)));
    }
    if file.exists() {
        return Ok((id, Transcript::File(file)));
    }
    Err(wordless(project, look, &id)?)
}

/// The newest transcript that was noted.
fn noted(project: &Project, look: &Look, id: &SpecId) -> Result<Option<Vec<u8>>, Error> {
    let record = look.ledger.record(&project.qualify(id));
    for entry in record.iter().flat_map(|record| record.entries.iter().rev()) {
        if let Some(bytes) = project.repo.note_blob(entry.commit, "transcript")? {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

/// What to say where there is no transcript: a driver never has one, but its members may.
fn wordless(project: &Project, look: &Look, id: &SpecId) -> Result<Error, Error> {
    if !look.set.get(id).is_some_and(Spec::is_driver) {
        return Ok(if views::evidence_missing(project, look, id) {
            Error::usage(
                format!("what was said in runs of {id} is not here"),
                format!("transcripts are in the notes; {}", views::NOTES_ELSEWHERE),
            )
        } else if look.ledger.record(&project.qualify(id)).is_some_and(|record| record.last_start.is_some()) {
            Error::usage(format!("no run of {id} has left any words"), format!("`chant show {id}` says what happened"))
        } else {
            Error::usage(format!("no run of {id} has left any words"), format!("`chant work {id}` begins one"))
        });
    }
    let mut told = Vec::new();
    for member in look.set.members_of(id) {
        let live = look.live.locked.contains(member) || project.transcript_path(member).exists();
        if live || noted(project, look, member)?.is_some() {
            told.push(format!("`chant log {member}`"));
        }
    }
    let elsewhere = look.set.members_of(id).iter().any(|member| views::evidence_missing(project, look, member));
    let help = match told.as_slice() {
        [] if elsewhere => {
            format!("its members' transcripts are in notes that are not here; {}", views::NOTES_ELSEWHERE)
        }
        [] => format!("its members have not said anything yet: `chant show {id}`"),
        told => format!("its members have: {}", told.join(", ")),
    };
    Ok(Error::usage(format!("{id} is a driver, which has no agent of its own"), help))
}

/// Whether somebody still writes it.
pub fn is_live(project: &Project, id: &SpecId) -> bool {
    crate::agent::Lock::is_held(&project.lock_path(id)).unwrap_or(false)
}
