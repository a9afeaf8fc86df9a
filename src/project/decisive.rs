//! What work changes of what decides what counts: specs, settings, prompts, programs that its own proofs or its set-up run,
//! the hooks that Git would run, and who may sign. A person accepts that, whoever did the work.

use std::collections::BTreeSet;

use super::{Error, Project};
use crate::config::Settings;
use crate::git::{Change, EntryKind};
use crate::ledger::Oid;
use crate::spec::{self, Set, Spec, SpecId};

/// What a repository is asked once, however many landings are looked at.
pub struct Decisive<'a> {
    project: &'a Project,
    /// The directory of the hooks, where it is in the tree.
    hooks: Option<String>,
    /// The files of keys that are in the tree.
    keys: Vec<String>,
}

impl<'a> Decisive<'a> {
    pub fn of(project: &'a Project) -> Self {
        Self { project, hooks: project.repo.hooks_in_tree(), keys: project.repo.key_files_in_tree() }
    }

    /// The paths of what decides, which a landing of `tip` on `onto` would change beyond the boxes of its own specs and
    /// without being named in their `target_files`. `set` tells of a driver's members; of other specs it says nothing.
    ///
    /// # Errors
    /// Where Git cannot read the commits.
    pub fn changed(
        &self,
        id: &SpecId,
        spec: &Spec,
        set: Option<&Set>,
        settings: &Settings,
        onto: Oid,
        tip: Oid,
    ) -> Result<Vec<String>, Error> {
        let (project, repo) = (self.project, &self.project.repo);
        let mut allowed = spec.target_files.clone();
        let mut own = BTreeSet::from([project.spec_path(id)]);
        if let Some(set) = set.filter(|_| spec.is_driver()) {
            let mut open: Vec<SpecId> = set.members_of(id).to_vec();
            while let Some(member) = open.pop() {
                own.insert(project.spec_path(&member));
                allowed.extend(set.get(&member).iter().flat_map(|spec| spec.target_files.clone()));
                open.extend(set.members_of(&member).iter().cloned());
            }
        }
        let allowed = spec::matcher(&allowed);
        let proofs = spec.criteria.iter().filter_map(|criterion| criterion.command.as_deref());
        let commands: Vec<&str> = proofs.chain(settings.worktree_setup.value.as_deref()).collect();
        let mut found = Vec::new();
        for change in repo.changes(repo.merge_base(onto, tip)?, tip)? {
            // What it would bring may be there already, where the target was rewritten meanwhile.
            if !self.decides(&commands, &change)? || repo.entry(onto, &change.path)? == change.new {
                continue;
            }
            let inside = change.path.strip_prefix(&project.prefix);
            if inside.is_some_and(|inside| allowed.is_match(inside)) {
                continue;
            }
            if own.contains(&change.path) {
                let text = |side: Option<(Oid, EntryKind)>| -> Result<String, Error> {
                    let bytes = side.map(|(oid, _)| repo.blob(oid)).transpose()?.unwrap_or_default();
                    Ok(String::from_utf8_lossy(&bytes).into_owned())
                };
                if spec::same_but_boxes(&text(change.old)?, &text(change.new)?) {
                    continue;
                }
            }
            found.push(change.path);
        }
        Ok(found)
    }

    fn decides(&self, commands: &[&str], change: &Change) -> Result<bool, Error> {
        let path = change.path.as_str();
        let is_hook = || self.hooks.as_deref().is_some_and(|dir| path.starts_with(dir));
        let is_key = || self.keys.iter().any(|key| key == path);
        // A proof's own program that was there before; one that the work itself brought is part of it.
        Ok(is_of_chant(path) || is_hook() || is_key() || change.old.is_some() && self.judges(commands, change)?)
    }

    /// Whether a file is a program that one of the commands names.
    fn judges(&self, commands: &[&str], change: &Change) -> Result<bool, Error> {
        let Some(inside) = change.path.strip_prefix(&self.project.prefix) else { return Ok(false) };
        if commands.iter().any(|command| spec::programs(command).iter().any(|program| program == inside)) {
            return Ok(true);
        }
        if !commands.iter().any(|command| spec::names_file(command, inside)) {
            return Ok(false);
        }
        let Some((oid, kind)) = change.old.or(change.new) else { return Ok(false) };
        let starts = || -> Result<bool, Error> { Ok(self.project.repo.blob(oid)?.starts_with(b"#!")) };
        Ok(spec::is_program(inside) || kind == EntryKind::Exec || (kind == EntryKind::Blob && starts()?))
    }
}

/// Whether a file of the repository is a spec, settings, or a prompt.
fn is_of_chant(path: &str) -> bool {
    let Some((_, inside)) = path.split_once(".chant/").filter(|(before, _)| before.is_empty() || before.ends_with('/'))
    else {
        return false;
    };
    inside == "config.yaml" || inside.starts_with("specs/") || inside.starts_with("prompts/")
}
