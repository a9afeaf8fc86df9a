//! From where the history is looked at.

use std::collections::BTreeMap;

use super::oid::Oid;
use super::trust::Trust;
use crate::spec::Qualified;

/// The revision looked from, and the branches that there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// HEAD, or what `--at` names. A target that is gone counts as this revision.
    pub from: Oid,
    /// Short branch name -> its local tip, then the tips of its upstream; for a spec's own branch or a target that is
    /// only on a remote, what was fetched of it, after the tips of local branches that follow it. Empty with `--at`.
    pub branches: BTreeMap<String, Vec<Oid>>,
    /// Whether the repository is a shallow clone.
    pub shallow: bool,
    /// Former names of specs (`formerly:`) -> the names they bear now.
    pub aliases: BTreeMap<Qualified, Qualified>,
    /// Whose events count.
    pub trust: Trust,
}

impl View {
    /// The view of one revision alone, as `--at` takes it: no branches, no former names, and anybody's events count.
    pub fn at(from: Oid) -> Self {
        Self { from, branches: BTreeMap::new(), shallow: false, aliases: BTreeMap::new(), trust: Trust::Any }
    }

    /// Whether what is seen from here hangs on commits alone: on no signature, and on nothing that a shallow clone may
    /// come to know.
    pub fn is_lasting(&self) -> bool {
        !self.shallow && self.trust == Trust::Any
    }

    /// The name that a spec bears now. Former names lead on to former names; a way round ends where it began.
    pub fn current(&self, name: &Qualified) -> Qualified {
        let mut now = name;
        for _ in 0..=self.aliases.len() {
            match self.aliases.get(now) {
                Some(next) => now = next,
                None => return now.clone(),
            }
        }
        // A way round names nobody: each of its names stands for itself.
        name.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(pairs: &[(&str, &str)]) -> View {
        let aliases = pairs.iter().map(|(old, new)| (old.parse().unwrap(), new.parse().unwrap())).collect();
        View { aliases, ..View::at(Oid::from_bytes(&[0; 20]).unwrap()) }
    }

    #[test]
    fn a_spec_renamed_twice_is_found_under_its_last_name() {
        let view = view(&[("a", "b"), ("b", "c")]);
        assert_eq!(view.current(&"a".parse().unwrap()), "c".parse().unwrap());
        assert_eq!(view.current(&"d".parse().unwrap()), "d".parse().unwrap());
    }

    #[test]
    fn names_that_lead_round_stand_for_themselves() {
        let view = view(&[("a", "b"), ("b", "a"), ("c", "a")]);
        for name in ["a", "b", "c"] {
            assert_eq!(view.current(&name.parse().unwrap()), name.parse().unwrap());
        }
    }
}
