//! `chant config`: every value with where it came from.

use crate::config::Entry;
use crate::project::Project;

/// All settings of a project, in the order in which they are documented.
pub fn entries(project: &Project) -> Vec<Entry> {
    project.settings.entries()
}
