//! Filters and merge drivers in a fence, wherever Git writes or reads files for the engine.
//!
//! The user's configuration names them; what it names may lie in the tree (`./tools/smudge.sh`), where it is whatever the
//! last agent made of it. Git must have its own rights (it writes an index, a checkout, objects), so each configured command
//! is replaced for the call by one that goes into a cage first ([`crate::cage::Fence`]). Which commands there are Git
//! says itself, in the place where it will work: a worktree may have settings of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::error::{Error, Result};
use super::exe::Git;
use super::repo::Repo;
use super::scratch::Scratch;
use super::worktree::Worktree;
use crate::cage::{self, Cage, Fence, fenced, is_lfs};

/// How programs are shut in that Git starts for the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shutting {
    /// This very program, which leads them into their cage.
    pub program: PathBuf,
    /// What they may write beside what is theirs.
    pub write: Vec<PathBuf>,
    /// Whether they have no network.
    pub no_net: bool,
    /// Globs of the variables that are handed on to them.
    pub pass: Vec<String>,
}

/// The fence of one place, for as many commands as are wanted; it stands for as long as one of them holds it.
#[derive(Debug, Clone)]
pub(super) struct Fenced(Arc<Standing>);

#[derive(Debug)]
struct Standing {
    scratch: Scratch,
    lfs: Option<PathBuf>,
    settings: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Fenced {
    /// A place of its own, open to the commands where it is made.
    pub(super) fn top(&self) -> PathBuf {
        self.0.scratch.path("top")
    }

    /// What must be open around it.
    pub(super) fn needs(&self) -> impl Iterator<Item = PathBuf> {
        self.0.lfs.iter().cloned().chain([self.0.scratch.path("tmp")])
    }

    /// What stands in the configuration instead.
    pub(super) fn settings(&self) -> &[(Vec<u8>, Vec<u8>)] {
        &self.0.settings
    }
}

/// The key of Git's configuration that says how long a filter or a merge driver may take over one file, as in `90s`.
pub const FILTER_TIMEOUT: &str = "chant.filterTimeout";
/// How long a filter or a merge driver may take over one file, where nothing else is said.
const PATIENCE: Duration = Duration::from_secs(600);

/// What Git fills into a filter's command, and into a merge driver's (gitattributes(5)).
const FILTER: &str = "f";
const DRIVER: &str = "OABLPSXY";

impl Repo {
    /// The fence for commands in a worktree. In a linked one it is open to them; the user's own checkout is not. `None`
    /// where nothing is shut in, or nothing is configured that could be started.
    pub(super) fn fence(&self, worktree: &Worktree) -> Result<Option<Fenced>> {
        let open = (!worktree.main).then(|| worktree.path.clone());
        self.fence_with(open, true, &|args| self.git_at(worktree, args.iter().copied()))
    }

    /// The same for commands that are at work elsewhere, with what is open to them; `alone` where no cage around Git
    /// keeps the network from them already. `ask` makes such a command.
    pub(super) fn fence_with(
        &self,
        open: Option<PathBuf>,
        alone: bool,
        ask: &dyn Fn(&[&str]) -> Git,
    ) -> Result<Option<Fenced>> {
        let Some(how) = self.shutting().filter(|_| cage::support().is_there() && self.may_start_programs()) else {
            return Ok(None);
        };
        let wanted = "^(filter\\..*\\.(clean|smudge|process)|merge\\..*\\.driver)$";
        let listed = ask(&["config", "--null", "--get-regexp", wanted]).run()?;
        let commands = commands(listed.records());
        if commands.is_empty() {
            return Ok(None);
        }
        let scratch = Scratch::new(self.common_dir())?;
        let (tmp, top, file) = (scratch.path("tmp"), scratch.path("top"), scratch.path("fence"));
        let lfs = commands.values().any(|command| is_lfs(command)).then(|| self.common_dir().join("lfs"));
        for dir in [Some(&tmp), lfs.as_ref()].into_iter().flatten() {
            std::fs::create_dir_all(dir).map_err(Error::io("make", dir))?;
        }
        let write = [tmp.clone(), top].into_iter().chain(open).chain(how.write.iter().cloned());
        let fence = Fence {
            cage: Cage { write: write.collect(), no_net: how.no_net && alone },
            lfs: lfs.clone(),
            tmp,
            pass: how.pass.clone(),
            limit: Some(self.patience_with_filters()),
            commands: commands.values().cloned().collect(),
        };
        std::fs::write(&file, fence.to_bytes()).map_err(Error::io("write", &file))?;
        let settings = commands.into_keys().enumerate().map(|(n, key)| {
            let text = fenced(&how.program, &file, n, letters(&key));
            (key, text)
        });
        Ok(Some(Fenced(Arc::new(Standing { settings: settings.collect(), lfs, scratch }))))
    }

    /// How long a filter or a merge driver may take over one file.
    fn patience_with_filters(&self) -> Duration {
        let named = self.config(FILTER_TIMEOUT).and_then(|text| crate::spec::parse_duration(&text));
        named.filter(|limit| !limit.is_zero()).unwrap_or(PATIENCE)
    }

    /// The value of [`FILTER_TIMEOUT`], where it is none.
    pub fn bad_filter_timeout(&self) -> Option<String> {
        let is_bad = |text: &String| crate::spec::parse_duration(text).is_none_or(|limit| limit.is_zero());
        self.config(FILTER_TIMEOUT).filter(is_bad)
    }

    /// Whether anything is configured by which Git starts a filter or a merge driver, or may be in a worktree.
    fn may_start_programs(&self) -> bool {
        let gix = self.gix();
        let config = gix.config_snapshot();
        let config = config.plumbing();
        let named = |name: &str| {
            let sections = config.sections_by_name(name);
            sections.into_iter().flatten().any(|section| section.header().subsection_name().is_some())
        };
        ["filter", "merge", "includeif"].into_iter().any(named) || self.flag("extensions.worktreeConfig")
    }
}

/// The commands in a listing of `git config --null`, by key; of several values the last counts, and an empty one is none.
fn commands<'a>(records: impl Iterator<Item = &'a [u8]>) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut found = BTreeMap::new();
    for record in records {
        let mut parts = record.splitn(2, |byte| *byte == b'\n');
        if let (Some(key), Some(value)) = (parts.next(), parts.next()) {
            found.insert(key.to_vec(), value.to_vec());
        }
    }
    found.retain(|_, command| !command.is_empty());
    found
}

/// What Git fills into the command of a key. A process is told by its standard input.
fn letters(key: &[u8]) -> &'static str {
    match key {
        key if key.ends_with(b".process") => "",
        key if key.starts_with(b"merge.") => DRIVER,
        _ => FILTER,
    }
}

/// A directory that has all that is in another by links, and is written without writing there: for a command whose programs
/// are named relative to the checkout, and which writes beside them.
pub(super) fn mirrored(top: Option<&Path>, at: &Path) -> Result<()> {
    std::fs::create_dir(at).map_err(Error::io("make", at))?;
    for entry in top.map(std::fs::read_dir).into_iter().flatten().flatten().flatten() {
        let (name, to) = (entry.file_name(), at.join(entry.file_name()));
        if name == ".gitattributes" && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            // Git reads it through no link.
            std::fs::copy(entry.path(), &to).map_err(Error::io("copy", &to))?;
        } else if name != ".git" {
            std::os::unix::fs::symlink(entry.path(), &to).map_err(Error::io("make", &to))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_setting_the_last_word_counts_and_an_empty_one_starts_nothing() {
        let listed = b"filter.a.smudge\none\0filter.b=c.clean\ntwo\nlines\0filter.a.smudge\nlast\0filter.d.process\n\0filter.e.clean\0";
        let found = commands(listed.split(|byte| *byte == 0).filter(|record| !record.is_empty()));
        let text = |key: &str| found.get(key.as_bytes()).map(|value| String::from_utf8_lossy(value).into_owned());
        assert_eq!((found.len(), text("filter.a.smudge").as_deref()), (2, Some("last")));
        assert_eq!(text("filter.b=c.clean").as_deref(), Some("two\nlines"));
        assert_eq!(
            [letters(b"filter.x.process"), letters(b"merge.x.driver"), letters(b"filter.x.clean")],
            ["", DRIVER, FILTER]
        );
    }
}
