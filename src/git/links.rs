//! Where the symbolic links of a tree lead, told from the tree alone.

use super::error::Result;
use super::object::EntryKind;
use super::repo::Repo;
use crate::ledger::Oid;

/// As many links on one way as Linux follows.
const LINKS: usize = 40;

impl Repo {
    /// The text of the symbolic link at `path` in a commit, where it leads out of the tree: to an absolute path, above
    /// the top, or into `.git`. What stands there is no part of the commit. `None` for a link that stays inside, and for
    /// anything else.
    ///
    /// # Errors
    /// Where the commit, or a tree or link on the way, cannot be read.
    pub fn leads_out(&self, commit: Oid, path: &str) -> Result<Option<String>> {
        let look = |path: &str| -> Result<Option<Vec<u8>>> {
            match self.entry(commit, path)? {
                Some((id, EntryKind::Link)) => Ok(Some(self.blob(id)?)),
                _ => Ok(None),
            }
        };
        let Some(text) = look(path)? else { return Ok(None) };
        Ok(goes_out(path, look)?.then(|| String::from_utf8_lossy(&text).into_owned()))
    }
}

/// Whether the way that begins at `path` leaves the tree; `link` gives the text of what is a link in it. A link at which
/// it ends is followed too.
fn goes_out<E>(
    path: &str,
    link: impl Fn(&str) -> std::result::Result<Option<Vec<u8>>, E>,
) -> std::result::Result<bool, E> {
    let mut todo: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut at: Vec<String> = Vec::new();
    let mut links = 0;
    while let Some(name) = todo.pop() {
        match name.as_str() {
            "" | "." => continue,
            ".." if at.pop().is_none() => return Ok(true),
            ".." => continue,
            _ => at.push(name),
        }
        if at.len() == 1 && at[0].eq_ignore_ascii_case(".git") {
            return Ok(true);
        }
        let Some(text) = link(&at.join("/"))? else { continue };
        links += 1;
        if links > LINKS {
            // A way round: nothing can be read through it.
            return Ok(false);
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        if text.starts_with('/') {
            return Ok(true);
        }
        at.pop();
        todo.extend(text.split('/').rev().map(str::to_owned));
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

    fn goes(links: &[(&str, &str)], path: &str) -> bool {
        let links: BTreeMap<_, _> = links.iter().copied().collect();
        let look = |path: &str| Ok::<_, Infallible>(links.get(path).map(|text| text.as_bytes().to_vec()));
        goes_out(path, look).unwrap()
    }

    #[test]
    fn a_link_leads_out_by_an_absolute_path_above_the_top_into_git_or_by_way_of_another() {
        assert!(goes(&[("a", "/etc/passwd")], "a"));
        assert!(goes(&[("a", "../001-a/hidden")], "a"));
        assert!(goes(&[("d/a", "../../x")], "d/a"));
        assert!(goes(&[("d", ".git/x")], "d") && goes(&[("d", ".GIT")], "d"));
        assert!(goes(&[("s", "d/.."), ("t", "s/../x")], "t"), "by its words it would stay inside");
        assert!(goes(&[("t", "s/x"), ("s", "/tmp")], "t"));
        assert!(!goes(&[("d/a", "../x")], "d/a") && !goes(&[("a", "b"), ("b", "a")], "a"));
        assert!(!goes(&[("d/e/a", "../../.github/x")], "d/e/a"));
    }

    proptest! {
        /// The system's own word for it: where a chain of links ends that all exist.
        #[test]
        fn a_way_goes_out_where_the_system_says_so(
            texts in proptest::collection::vec(proptest::collection::vec(prop_oneof![
                Just(".."), Just("d"), Just("d/e"), Just("l0"), Just("l1"), Just("d/l2"), Just("."),
            ], 1..5), 3),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let top = dir.path().canonicalize().unwrap().join("above/top");
            std::fs::create_dir_all(top.join("d/e")).unwrap();
            let names = ["l0", "l1", "d/l2"];
            let texts: Vec<String> = texts.iter().map(|parts| parts.join("/")).collect();
            for (name, text) in names.iter().zip(&texts) {
                symlink(text, top.join(name)).unwrap();
            }
            let links: Vec<(&str, &str)> = names.iter().copied().zip(texts.iter().map(String::as_str)).collect();
            for name in names {
                if let Ok(real) = top.join(name).canonicalize()
                    && !real.starts_with(&top)
                {
                    prop_assert!(goes(&links, name), "{name} of {links:?} is {}", real.display());
                }
            }
        }
    }
}
