//! What commits say about projects and specs: names, settings, words. Read from commits alone, without a checkout and
//! without anything that would be laid over the settings here.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Flags, Settings};
use crate::env::Vars;
use crate::git::Repo;
use crate::ledger::Oid;
use crate::ops::Error;
use crate::project::{self, CONFIG, SPECS};
use crate::spec::{self, Qualified, Severity, Spec, SpecId};

/// The projects of commits, each commit asked once.
pub(super) struct Homes<'r> {
    repo: &'r Repo,
    known: BTreeMap<Oid, Arc<Vec<project::Neighbour>>>,
}

impl<'r> Homes<'r> {
    pub(super) fn new(repo: &'r Repo) -> Self {
        Self { repo, known: BTreeMap::new() }
    }

    /// The projects in a commit.
    pub(super) fn of(&mut self, commit: Oid) -> Result<Arc<Vec<project::Neighbour>>, Error> {
        if let Some(found) = self.known.get(&commit) {
            return Ok(Arc::clone(found));
        }
        let found = Arc::new(project::projects(self.repo, commit)?);
        self.known.insert(commit, Arc::clone(&found));
        Ok(found)
    }

    /// The directory of a spec's project in a commit.
    pub(super) fn prefix(&mut self, spec: &Qualified, commit: Oid) -> Result<Option<String>, Error> {
        let homes = self.of(commit)?;
        Ok(homes.iter().find(|home| home.name == spec.project).map(|home| home.prefix.clone()))
    }

    /// Whether a commit holds a spec's file.
    pub(super) fn has(&mut self, spec: &Qualified, commit: Oid) -> Result<bool, Error> {
        let Some(prefix) = self.prefix(spec, commit)? else { return Ok(false) };
        Ok(self.repo.entry(commit, &path(&prefix, &spec.id))?.is_some())
    }

    /// A spec as a commit has it, with the directory of its project; `None` where it has none that can be read.
    pub(super) fn spec(&mut self, spec: &Qualified, commit: Oid) -> Result<Option<(Spec, String)>, Error> {
        let Some(prefix) = self.prefix(spec, commit)? else { return Ok(None) };
        let path = path(&prefix, &spec.id);
        let Some(bytes) = self.repo.read(commit, &path)? else { return Ok(None) };
        Ok(spec::parse(&spec.id, &path, &bytes).spec.map(|spec| (spec, prefix)))
    }

    /// All specs of a commit, with their names.
    pub(super) fn specs(&mut self, commit: Oid) -> Result<Vec<(Qualified, Spec)>, Error> {
        let mut found = Vec::new();
        for home in self.of(commit)?.iter() {
            for entry in self.repo.list(commit, &format!("{}{SPECS}", home.prefix))? {
                let Some(id) = entry.name.strip_suffix(".md").and_then(|stem| stem.parse::<SpecId>().ok()) else {
                    continue;
                };
                let bytes = self.repo.blob(entry.oid).unwrap_or_default();
                let read = spec::parse(&id, &entry.name, &bytes).spec;
                found.extend(read.map(|spec| (Qualified { project: home.name.clone(), id }, spec)));
            }
        }
        Ok(found)
    }

    /// The settings of a project as a commit has them. What cannot be used there lets nobody decide.
    pub(super) fn settings(&mut self, prefix: &str, commit: Oid) -> Result<Option<Settings>, Error> {
        let path = format!("{prefix}{CONFIG}");
        let bytes = self.repo.read(commit, &path)?;
        let file = bytes.as_deref().map(|bytes| (path.as_str(), bytes));
        let (settings, said) = Settings::load(file, &|_| None, &Vars::default(), &Flags::default());
        let usable = !said.iter().any(|said| said.severity == Severity::Error);
        Ok(usable.then_some(settings))
    }
}

fn path(prefix: &str, id: &SpecId) -> String {
    format!("{prefix}{SPECS}/{id}.md")
}
