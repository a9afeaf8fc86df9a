//! `chant lint`: everything that is wrong with the specs and the settings, at once.

use super::Error;
use crate::project::{self, Project};
use crate::spec::{Diagnostic, Severity};

/// What lint found.
pub struct Report {
    /// How many specs there are.
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
    let mut diagnostics = project.warnings.clone();
    diagnostics.extend(loaded.diagnostics);
    if at.is_none() {
        diagnostics.extend(loaded.set.iter().flat_map(|spec| project::leads_out(project, spec)));
    }
    diagnostics.extend(project::lint_together(project, &loaded.set, project.repo.head()?.tip())?);
    if project.settings.overlap.value == crate::config::Overlap::Show {
        let beside = crate::spec::side_by_side(&loaded.set);
        diagnostics.extend(beside.iter().filter_map(|two| two.warning(&loaded.set)));
    }
    let commit = at.map(|rev| project.repo.rev(rev)).transpose()?;
    diagnostics.extend(crate::run::lint_prompts(project, &loaded.set, commit)?);
    // Those that cannot be read are specs all the same.
    let unread: std::collections::BTreeSet<&str> = diagnostics
        .iter()
        .map(|d| &*d.origin().name)
        .filter(|name| {
            let stem = name.rsplit('/').next().and_then(|name| name.strip_suffix(".md"));
            stem.is_some_and(|stem| stem.parse().map_or(true, |id| loaded.set.get(&id).is_none()))
        })
        .collect();
    Ok(Report { specs: loaded.set.len() + unread.len(), diagnostics })
}
