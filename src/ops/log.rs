//! `chant log`: the transcript of an agent, live or as it was noted; without an id, what happened in the project.

use std::path::PathBuf;

use super::{Error, resolve};
use crate::project::{Look, Project};
use crate::spec::SpecId;

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
    let record = look.ledger.record(&project.qualify(&id));
    for entry in record.iter().flat_map(|record| record.entries.iter().rev()) {
        if let Some(bytes) = project.repo.note_blob(entry.commit, "transcript")? {
            return Ok((id, Transcript::Noted(bytes)));
        }
    }
    if file.exists() {
        return Ok((id, Transcript::File(file)));
    }
    Err(Error::usage(format!("no run of {id} has left any words"), format!("`chant work {id}` begins one")))
}

/// Whether somebody still writes it.
pub fn is_live(project: &Project, id: &SpecId) -> bool {
    crate::agent::Lock::is_held(&project.lock_path(id)).unwrap_or(false)
}
