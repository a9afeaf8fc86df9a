//! `chant sync`: this clone and the shared remote brought together.

use super::Error;
use crate::project::Project;
use crate::run::{self, Reporter, Synced};

/// Takes in what the remote holds, and gives it what only this clone has.
///
/// # Errors
/// Where no remote is shared, it cannot be reached, or it refuses.
pub fn sync(project: &Project, reporter: Reporter) -> Result<Synced, Error> {
    Ok(run::sync(project, reporter)?)
}
