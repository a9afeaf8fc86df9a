//! Where the client of a model keeps itself, and what of that is open to it while it is shut in.
//!
//! Such a directory holds what it writes (sessions, credentials that it renews) beside what it starts by itself the next
//! time: hooks, servers, plugins, often the program itself. An agent that could write it all could have the user's next
//! session run what it likes. So in a cage the client has a directory of the run's own, with links to the user's.

use std::path::PathBuf;

/// A client's directory, as plain data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Household {
    /// The user's directory.
    pub dir: PathBuf,
    /// The variable that leads the client to another one.
    pub variable: &'static str,
    /// What it reads and must not write: names in the directory, a `*` before an ending or for all of them. A name with a
    /// slash after it is a directory of its own with links to what the user's holds, for it makes things beside them.
    pub reads: &'static [&'static str],
    /// Directories in which it goes on writing where the user has them, made where they are not there: its sessions.
    pub shares: &'static [&'static str],
    /// Files that it writes in place where the user has them.
    pub opens: &'static [&'static str],
    /// Files of JSON that it replaces: what it makes of them is brought back.
    pub returns: &'static [&'static str],
    /// Files that it is given a copy of, from a path, under a name. What it makes of them is nobody's.
    pub copies: Vec<(PathBuf, &'static str)>,
}

impl Household {
    /// Whether a name is that of a directory to which it adds.
    pub fn adds_to(&self, name: &str) -> bool {
        self.reads.iter().any(|known| known.strip_suffix('/').is_some_and(|known| known == name))
    }

    /// Whether a name is one of those that it only reads.
    pub fn reads(&self, name: &str) -> bool {
        self.reads.iter().any(|known| known.strip_prefix('*').map_or(name == *known, |ending| name.ends_with(ending)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_beginning() {
        let house = Household {
            dir: PathBuf::new(),
            variable: "X",
            reads: &["config.toml", "*.config.toml"],
            shares: &[],
            opens: &[],
            returns: &[],
            copies: Vec::new(),
        };
        assert!(house.reads("config.toml") && house.reads("work.config.toml"));
        assert!(!house.reads("config.toml.bak") && !house.reads("state.sqlite"));
    }
}
