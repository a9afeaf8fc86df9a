//! Secrets of files that were brought along, in what an attempt committed or left to be committed. Such content gets onto no
//! branch, for from there it goes wherever the branch goes; the attempt has failed, with file and line and never the value.
//!
//! A value that the base has in one of its files is known to everybody who has the repository, and is passed over. So is a
//! file of more than a MiB.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use super::brought;
use crate::cage::Traces;
use crate::git::{self, Repo};
use crate::ledger::Oid;
use crate::project::Project;
use crate::spec::Qualified;

/// What is looked for in the work of a spec.
pub(super) struct Leaks<'a> {
    repo: &'a Repo,
    /// Whose files say which values are known.
    base: Oid,
    traces: Traces,
    /// Of which file each value is.
    of: BTreeMap<String, String>,
    /// Which values the base has.
    known: RefCell<BTreeMap<String, bool>>,
}

impl<'a> Leaks<'a> {
    /// The secrets of what was brought into the worktree of a spec.
    pub(super) fn of(project: &'a Project, spec: &Qualified, base: Oid) -> Self {
        let of = brought::values(project, spec);
        let traces = Traces::new(of.keys().cloned());
        Self { repo: &project.repo, base, traces, of, known: RefCell::default() }
    }

    /// Which of some files of a worktree hold one, each with why.
    ///
    /// # Errors
    /// Where Git cannot be started.
    pub(super) fn in_worktree<'p>(
        &self,
        top: &Path,
        paths: impl IntoIterator<Item = &'p String>,
    ) -> git::Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        for path in paths.into_iter().filter(|_| !self.traces.is_empty()) {
            let Some(bytes) = brought::small(&top.join(path), git::LARGEST_LOOK) else { continue };
            found.extend(self.in_file(path, &bytes)?.map(|why| (path.clone(), why)));
        }
        Ok(found)
    }

    /// The first that some commits add, in words. `known` is what has been there before; `more` a directory of objects that
    /// the repository has not yet.
    ///
    /// # Errors
    /// As [`Repo::in_added`].
    pub(super) fn in_commits(&self, more: Option<&Path>, tips: &[Oid], known: &[Oid]) -> git::Result<Option<String>> {
        if self.traces.is_empty() {
            return Ok(None);
        }
        self.repo.in_added(more, tips, known, &mut |path, bytes| self.in_file(path, bytes))
    }

    fn in_file(&self, path: &str, bytes: &[u8]) -> git::Result<Option<String>> {
        for trace in self.traces.found(bytes) {
            if !self.is_known(trace.value)? {
                let from = self.of.get(trace.value).map_or("a file", String::as_str);
                let line = trace.line;
                return Ok(Some(format!(
                    "{path}:{line} holds a secret of {from}, which was brought along and is no work"
                )));
            }
        }
        Ok(None)
    }

    fn is_known(&self, value: &str) -> git::Result<bool> {
        if let Some(known) = self.known.borrow().get(value) {
            return Ok(*known);
        }
        let line = value.lines().map(str::trim).max_by_key(|line| line.len()).unwrap_or_default();
        let known = self.repo.holds_line(self.base, line)?;
        self.known.borrow_mut().insert(value.to_owned(), known);
        Ok(known)
    }
}
