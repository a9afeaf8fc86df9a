//! `chant lint`: everything that is wrong with the specs and the settings, at once.

use super::Error;
use crate::project::{self, Project};
use crate::spec::{self, Diagnostic, Severity};

/// What lint found.
pub struct Report {
    /// How many specs were read.
    pub specs: usize,
    /// What is wrong, errors and warnings, by file.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// How many of them are errors.
    pub fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == Severity::Error).count()
    }
}

/// Reads every spec and looks at them one by one and together.
///
/// # Errors
/// Where the project itself cannot be read.
pub fn lint(project: &Project, at: Option<&str>) -> Result<Report, Error> {
    let loaded = match at {
        Some(rev) => project::load_at(project, project.repo.rev(rev)?)?,
        None => project::load_worktree(project)?,
    };
    let others = match project.repo.head()?.tip() {
        Some(tip) => project::other_projects(project, tip)?.into_iter().filter_map(|other| other.name).collect(),
        None => Vec::new(),
    };
    let mut diagnostics = project.warnings.clone();
    diagnostics.extend(loaded.diagnostics);
    diagnostics.extend(spec::lint_project(&loaded.set, project.name.as_ref(), &others));
    Ok(Report { specs: loaded.set.len(), diagnostics })
}
