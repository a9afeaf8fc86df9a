//! The name of a spec in its whole repository, and the branch that bears it.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::id::{IdError, Parsed, Project, SpecId};

/// Branches of specs live under this name: `chant/<qualified-id>`.
const BRANCHES: &str = "chant/";
/// What turns a short branch name into a full one.
const HEADS: &str = "refs/heads/";

/// A spec's name in its whole repository: `[<project>/]<id>`. It names the branch and stands in the trailer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct Qualified {
    /// `None` for the project at the repository's root.
    pub project: Option<Project>,
    /// The spec's id in its project.
    pub id: SpecId,
}

impl Qualified {
    /// The short name of the spec's branch: `chant/kpi/001-x`.
    pub fn branch(&self) -> String {
        self.behind(BRANCHES)
    }

    /// The full name of the spec's branch: `refs/heads/chant/kpi/001-x`.
    pub fn full_ref(&self) -> String {
        HEADS.to_owned() + &self.branch()
    }

    /// Asked for each spec at every look, so written without a detour.
    fn behind(&self, head: &str) -> String {
        match &self.project {
            Some(project) => [head, project.as_str(), "/", self.id.as_str()].concat(),
            None => [head, self.id.as_str()].concat(),
        }
    }

    /// The inverse of [`branch`](Self::branch) and of [`full_ref`](Self::full_ref); `None` for any other branch.
    pub fn from_branch(name: &str) -> Option<Self> {
        name.strip_prefix(HEADS).unwrap_or(name).strip_prefix(BRANCHES)?.parse().ok()
    }
}

impl fmt::Display for Qualified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.project {
            Some(project) => f.pad(&format!("{project}/{}", self.id)),
            None => f.pad(self.id.as_str()),
        }
    }
}

impl FromStr for Qualified {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.split_once('/') {
            Some((project, id)) => Ok(Self { project: Some(project.parse()?), id: id.parse()? }),
            None => Ok(Self { project: None, id: text.parse()? }),
        }
    }
}

impl Serialize for Qualified {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Qualified {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Parsed(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::id::tests::name;
    use super::*;

    #[test]
    fn a_branch_that_is_no_specs_is_not_taken_for_one() {
        for branch in
            ["main", "chant", "chant/", "chant/a/b/c", "refs/heads/chant", "refs/tags/chant/x", "chant/.x", "chant//x"]
        {
            assert_eq!(Qualified::from_branch(branch), None, "{branch}");
        }
    }

    proptest! {
        #[test]
        fn ids_round_trip_through_text_json_and_branches(project in proptest::option::of(name()), text in name()) {
            let q = Qualified { project: project.map(|p| p.parse().unwrap()), id: text.parse().unwrap() };
            prop_assert_eq!(q.to_string().parse::<Qualified>().unwrap(), q.clone());
            prop_assert_eq!(Qualified::from_branch(&q.branch()), Some(q.clone()));
            prop_assert_eq!(Qualified::from_branch(&q.full_ref()), Some(q.clone()));
            let json = serde_json::to_string(&q).unwrap();
            prop_assert_eq!(json.clone(), format!("\"{q}\""));
            prop_assert_eq!(serde_json::from_str::<Qualified>(&json).unwrap(), q);
        }
    }
}
