//! `chant lint`: everything that is wrong with the specs and the settings, at once.

use std::path::Path;
use std::sync::Arc;

use super::Error;
use crate::config::{self, Flags, Settings};
use crate::env::Env;
use crate::git::Repo;
use crate::project::{self, Project};
use crate::spec::{self, Diagnostic, Severity};

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

/// Opens the project even where its settings are not usable: what is wrong with them comes back, and its specs can be
/// looked at all the same.
///
/// # Errors
/// Where there is no project.
pub fn open(env: &Arc<Env>) -> Result<Project, Error> {
    let diagnostics = match Project::open(env, &Flags::default()) {
        Err(project::Error::Config(diagnostics)) => diagnostics,
        opened => return Ok(opened?),
    };
    let repo = Repo::discover(&env.cwd, &env.vars)?;
    let (mut root, mut prefix) = (None, String::new());
    if let Some(top) = repo.workdir() {
        let read = |source| project::Error::Read { path: env.cwd.display().to_string(), source };
        let (cwd, top) = (env.cwd.canonicalize().map_err(read)?, top.canonicalize().map_err(read)?);
        let dir = cwd.ancestors().find(|dir| dir.join(project::DIR).is_dir()).unwrap_or(&top);
        let inside = dir.strip_prefix(&top).unwrap_or(Path::new("")).to_string_lossy();
        prefix = if inside.is_empty() { String::new() } else { format!("{inside}/") };
        root = Some(dir.to_owned());
    }
    let text = root.as_ref().and_then(|root| std::fs::read(root.join(project::CONFIG)).ok());
    let name = text.as_deref().and_then(config::project_name);
    let settings = Settings::default();
    Ok(Project { repo, root, prefix, name, settings, warnings: diagnostics, env: Arc::clone(env) })
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
