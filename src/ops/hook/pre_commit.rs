//! pre-commit: staged specs and settings are linted as they are staged.

use std::collections::{BTreeMap, BTreeSet};

use super::{Call, Said};
use crate::config::{Flags, Settings};
use crate::git::StagedFile;
use crate::ledger::Oid;
use crate::ops::Error;
use crate::project::{self, CONFIG, DIR, Project, SPECS};
use crate::spec::{self, Diagnostic, Severity};

pub(super) fn run(call: &Call) -> Result<Said, Error> {
    let staged = call.repo.staged_in(call.index.as_deref(), DIR)?;
    let mut by_project: BTreeMap<&str, Vec<StagedFile>> = BTreeMap::new();
    for file in &staged {
        let Some(prefix) = prefix(&file.path) else { continue };
        by_project.entry(prefix).or_default().push(file.clone());
    }
    if by_project.is_empty() || call.replays() {
        return Ok(Said::new());
    }
    let head = call.head()?;
    let mut errors = Vec::new();
    for (prefix, files) in by_project {
        if changed(call, head, prefix, &files)? {
            errors.extend(faults(call, head, prefix, &files)?);
        }
    }
    if errors.is_empty() { Ok(Said::new()) } else { Err(Error::Specs(errors)) }
}

/// The directory of the project whose spec or settings a file is.
fn prefix(path: &str) -> Option<&str> {
    let at = path.find(&format!("{DIR}/"))?;
    let (prefix, inside) = path.split_at(at);
    let own = inside == CONFIG || inside.starts_with(&format!("{SPECS}/"));
    (own && (prefix.is_empty() || prefix.ends_with('/'))).then_some(prefix)
}

/// Whether specs or settings are staged otherwise than the last commit has them.
fn changed(call: &Call, head: Option<Oid>, prefix: &str, files: &[StagedFile]) -> Result<bool, Error> {
    let Some(head) = head else { return Ok(true) };
    let mut before: BTreeSet<(String, Oid)> = BTreeSet::new();
    let dir = format!("{prefix}{SPECS}");
    before.extend(call.repo.list(head, &dir)?.into_iter().map(|entry| (format!("{dir}/{}", entry.name), entry.oid)));
    let config = format!("{prefix}{CONFIG}");
    before.extend(call.repo.entry(head, &config)?.map(|(oid, _)| (config, oid)));
    let now: BTreeSet<(String, Oid)> = files.iter().map(|file| (file.path.clone(), file.oid)).collect();
    Ok(before != now)
}

/// Errors in what is staged that the last commit does not have.
fn faults(call: &Call, head: Option<Oid>, prefix: &str, files: &[StagedFile]) -> Result<Vec<Diagnostic>, Error> {
    let Some(project) = call.open_anyhow(prefix) else { return Ok(Vec::new()) };
    let known: BTreeSet<(String, String)> = match head {
        Some(head) => {
            let before = project::load_at(&project, head)?;
            let mut said = before.diagnostics;
            said.extend(spec::lint_project(&before.set, project.name.as_ref(), &[]));
            said.iter().map(key).collect()
        }
        None => BTreeSet::new(),
    };
    let now = project::load_staged(&project, files)?;
    let mut said = now.diagnostics;
    said.extend(spec::lint_project(&now.set, project.name.as_ref(), &[]));
    let name = format!("{prefix}{CONFIG}");
    if let Some(file) = files.iter().find(|file| file.path == name) {
        let bytes = call.repo.blob(file.oid)?;
        let nothing = |_: &str| None;
        let (_, faults) = Settings::load(Some((&name, &bytes)), &nothing, &Default::default(), &Flags::default());
        said.extend(faults);
    }
    said.retain(|diagnostic| diagnostic.severity == Severity::Error && !known.contains(&key(diagnostic)));
    Ok(said)
}

fn key(diagnostic: &Diagnostic) -> (String, String) {
    (diagnostic.origin().name.to_string(), diagnostic.to_string())
}

impl Call {
    fn open_anyhow(&self, prefix: &str) -> Option<Project> {
        let env = std::sync::Arc::new(self.env.within(&self.top().join(prefix)));
        Project::open_anyhow(&env).ok().filter(|project| project.prefix == prefix)
    }
}
