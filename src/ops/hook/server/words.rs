//! What the targets of a server said before a push.

use std::collections::{BTreeMap, BTreeSet};

use super::homes::Homes;
use super::settings::{Settings, head_branch};
use crate::config::Trust;
use crate::git::Repo;
use crate::ledger::Oid;
use crate::ops::Error;
use crate::plan::Policy;
use crate::spec::{Project, Qualified};

/// The words that a push is judged by. Of an empty repository there are none.
pub(super) struct Words {
    /// The branch of HEAD.
    pub head: Option<String>,
    /// The commits whose specs there are: of HEAD's branch and of protected ones, before the push and after it.
    pub places: Vec<Oid>,
    /// Whether there is any project.
    pub any_project: bool,
    /// Who may decide, by project, as it was before the push.
    pub policies: BTreeMap<Option<Project>, Policy>,
    /// The projects whose events count signed alone, as it was before the push.
    pub strict: BTreeSet<Option<Project>>,
    /// The specs that are drivers.
    pub drivers: BTreeSet<Qualified>,
    /// Former names of specs.
    pub aliases: BTreeMap<Qualified, Qualified>,
}

impl Words {
    pub(super) fn find(
        repo: &Repo,
        settings: &Settings,
        homes: &mut Homes,
        before: &BTreeMap<String, Oid>,
        after: &BTreeMap<String, Oid>,
    ) -> Result<Self, Error> {
        let head = head_branch(repo);
        let old = tips(before, head.as_deref(), settings);
        let places = old.iter().copied().chain(tips(after, head.as_deref(), settings)).collect();
        let mut words = Self {
            head,
            places,
            any_project: false,
            policies: BTreeMap::new(),
            strict: BTreeSet::new(),
            drivers: BTreeSet::new(),
            aliases: BTreeMap::new(),
        };
        for commit in old {
            words.take_policies(homes, commit)?;
        }
        for commit in words.places.clone() {
            words.take_specs(homes, commit)?;
        }
        Ok(words)
    }

    /// Who may decide in the projects of a commit, and whose events count, where no branch before it has said so.
    fn take_policies(&mut self, homes: &mut Homes, commit: Oid) -> Result<(), Error> {
        for home in homes.of(commit)?.iter() {
            if self.policies.contains_key(&home.name) {
                continue;
            }
            let settings = homes.settings(&home.prefix, commit)?;
            let policy = match &settings {
                Some(settings) => crate::project::policy(settings),
                // A glob that is no address's: nobody decides where nobody can tell who may.
                None => Policy::new(&["(settings that cannot be used)".to_owned()], 1, true),
            };
            if settings.is_some_and(|settings| settings.trust.value == Trust::Signed) {
                self.strict.insert(home.name.clone());
            }
            self.policies.insert(home.name.clone(), policy);
        }
        Ok(())
    }

    fn take_specs(&mut self, homes: &mut Homes, commit: Oid) -> Result<(), Error> {
        self.any_project = self.any_project || !homes.of(commit)?.is_empty();
        for (name, spec) in homes.specs(commit)? {
            for old in &spec.formerly {
                let old = Qualified { project: name.project.clone(), id: old.clone() };
                // What was said before stays.
                self.aliases.entry(old).or_insert_with(|| name.clone());
            }
            if spec.is_driver() {
                self.drivers.insert(name);
            }
        }
        Ok(())
    }
}

/// The tips of HEAD's branch, which speaks first, and of those that are protected.
fn tips(refs: &BTreeMap<String, Oid>, head: Option<&str>, settings: &Settings) -> Vec<Oid> {
    let head = head.and_then(|head| refs.get(&format!("refs/heads/{head}")));
    let counts = |name: &str| name.strip_prefix("refs/heads/").is_some_and(|short| settings.protects(short));
    let protected = refs.iter().filter(|(name, _)| counts(name)).map(|(_, tip)| tip);
    let mut found = Vec::new();
    for tip in head.into_iter().chain(protected) {
        if !found.contains(tip) {
            found.push(*tip);
        }
    }
    found
}
