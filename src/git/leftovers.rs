//! What a worktree holds beyond its commit, told without trusting it.
//!
//! Git believes an index that says a file is unchanged: by a flag (`skip-worktree`, `assume-unchanged`), or by stat data
//! of which most builds compare whole seconds only, so that a file rewritten at the same size within the second, its old
//! time put back, passes as clean. Here Git is asked with a copy of the index from which the flags are gone, and so is
//! the stat data of every file that is not to the nanosecond what it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gix::index::entry::{Flags, Mode, Stat};
use gix::validate::path::component;

use super::error::{Error, Result};
use super::exe::Git;
use super::fence::Fenced;
use super::files::decoding;
use super::release::{refs_in, small};
use super::repo::Repo;
use super::scratch::Scratch;
use super::survey::is_unchanged;
use super::untouched::Besides;
use super::worktree::{Worktree, as_path};
use crate::cage::{self, Cage};

/// What is in a worktree and not in its commit. Paths are relative to its top, directories end in `/`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Tracked files that differ from `HEAD`, in the index or on disk; deleted ones too.
    pub modified: Vec<String>,
    /// Files that are neither tracked nor ignored.
    pub untracked: Vec<String>,
    /// Ignored files, and directories ignored as a whole.
    pub ignored: Vec<String>,
    /// Files marked skip-worktree or assume-unchanged, by which changes are hidden; a sparse checkout's own marks are
    /// not among them.
    pub flagged: Vec<String>,
    /// Directories that are repositories of their own, with a history that no commit of this one can hold.
    pub nested: Vec<String>,
    /// Those of them that Git refuses to add, and with them everything: without a commit of their own, or of a name by which
    /// some system could take them for the repository itself (`.GIT`).
    pub unfit: Vec<String>,
    /// The size of all ignored files, in bytes.
    pub ignored_bytes: u64,
}

impl Leftovers {
    /// Whether nothing would be lost with the worktree.
    pub fn is_empty(&self) -> bool {
        self.modified.is_empty() && self.untracked.is_empty() && self.ignored.is_empty() && self.nested.is_empty()
    }
}

impl Repo {
    /// What is in a worktree beyond its commit. Nothing is changed, not even the index.
    ///
    /// # Errors
    /// Where there is no such worktree, or Git cannot read it.
    pub fn leftovers(&self, worktree: &Path) -> Result<Leftovers> {
        self.leftovers_of(&self.worktree(worktree)?)
    }

    /// Whether every tracked file, in the index and on disk, is what `HEAD` has: flags and stat data are not believed.
    /// Whether `HEAD` is still where it was is another question.
    ///
    /// # Errors
    /// As [`Repo::leftovers`].
    pub fn tracked_unchanged(&self, worktree: &Path) -> Result<bool> {
        let worktree = self.worktree(worktree)?;
        if !worktree.exists {
            return Ok(false);
        }
        if self.untouched(&worktree, Besides::Others)?.is_some() {
            return Ok(true);
        }
        let doubt = self.doubt(&worktree)?;
        let status = doubt.git(self, &worktree, &["status", "--porcelain=v1", "-z", "--no-renames"]);
        let status = status.args(["--untracked-files=no", "--ignore-submodules=untracked"]).check()?;
        Ok(status.stdout.is_empty())
    }

    /// Takes the marks skip-worktree and assume-unchanged off all files; in a sparse checkout only the latter.
    ///
    /// # Errors
    /// Where the index is locked or cannot be written.
    pub fn clear_flags(&self, worktree: &Path) -> Result<()> {
        let worktree = self.worktree(worktree)?;
        let (_, flagged) = self.doubted_index(&worktree)?;
        if flagged.is_empty() {
            return Ok(());
        }
        let list = flagged.iter().flat_map(|path| [path.as_slice(), b"\0"]).flatten().copied().collect::<Vec<u8>>();
        for option in ["--no-assume-unchanged", "--no-skip-worktree"] {
            if option == "--no-skip-worktree" && self.is_sparse(&worktree)? {
                continue;
            }
            self.git_at(&worktree, ["update-index", option, "-z", "--stdin"]).stdin(list.clone()).check()?;
        }
        Ok(())
    }

    pub(super) fn leftovers_of(&self, worktree: &Worktree) -> Result<Leftovers> {
        let Some(seen) = self.seen(worktree, Besides::Nothing)? else { return self.looked_through(worktree) };
        if seen.is_commit(&worktree.path, Besides::Nothing) {
            return Ok(Leftovers::default());
        }
        let is_quick = self.takes_files_as_they_are(worktree, &seen.made.index);
        match is_quick.then(|| self.gathered(worktree, seen)).transpose()?.flatten() {
            Some(work) => Ok(work.leftovers()),
            None => self.looked_through(worktree),
        }
    }

    /// The same, asked of Git.
    pub(super) fn looked_through(&self, worktree: &Worktree) -> Result<Leftovers> {
        let doubt = self.doubt(worktree)?;
        let mut found =
            Leftovers { flagged: doubt.flagged.iter().map(|path| text(path)).collect(), ..Default::default() };
        if !worktree.exists {
            // Somebody deleted the directory; what was staged is still there.
            let staged = doubt.git(self, worktree, &["diff-index", "--cached", "-z", "--name-only", "HEAD"]);
            found.modified = staged.check()?.records().map(text).collect();
            return Ok(found);
        }
        let status = doubt.git(self, worktree, &["status", "--porcelain=v1", "-z", "--no-renames"]);
        let status =
            status.args(["--untracked-files=all", "--ignored=matching", "--ignore-submodules=none"]).check()?;
        let names = Names::of(self);
        for record in status.records() {
            let (kind, path) = record.split_at_checked(3).unwrap_or((record, b""));
            let on_disk = worktree.path.join(as_path(path));
            match kind {
                b"?? " if path.ends_with(b"/") => {
                    if !has_commit(&on_disk) {
                        found.unfit.push(text(path));
                    }
                    found.nested.push(text(path));
                }
                b"?? " if let Some(taken) = names.taken(path) => {
                    let taken = text(taken);
                    if !found.nested.contains(&taken) {
                        found.unfit.push(taken.clone());
                        found.nested.push(taken);
                    }
                }
                b"?? " => found.untracked.push(text(path)),
                b"!! " => {
                    found.ignored_bytes += measure(&on_disk, &worktree.path, &mut found.nested);
                    found.ignored.push(text(path));
                }
                _ => found.modified.push(text(path)),
            }
        }
        Ok(found)
    }

    /// A worktree's index in which nothing is believed, and the paths that were marked skip-worktree or assume-unchanged.
    fn doubted_index(&self, worktree: &Worktree) -> Result<(gix::index::File, Vec<Vec<u8>>)> {
        let doing = || Error::while_(format!("read the index of {}", worktree.path.display()));
        let hash = self.gix().object_hash();
        let from = worktree.git_dir.join("index");
        let mut index = gix::index::File::at_or_default(&from, hash, true, decoding(&from)).map_err(doing())?;
        let skips = index.entries().iter().any(|entry| entry.flags.contains(Flags::SKIP_WORKTREE));
        let sparse = skips && self.is_sparse(worktree)?;
        let written = index.timestamp();
        let written = Duration::new(written.unix_seconds().try_into().unwrap_or(0), written.nanoseconds());
        let mut flagged = Vec::new();
        for (entry, path) in index.entries_mut_with_paths() {
            let marks = Flags::ASSUME_VALID | if sparse { Flags::empty() } else { Flags::SKIP_WORKTREE };
            if entry.flags.intersects(marks) {
                flagged.push(path.to_vec());
            }
            entry.flags.remove(marks | Flags::FSMONITOR_VALID);
            let file = worktree.path.join(as_path(path));
            if entry.mode != Mode::DIR && !is_as_noted(&entry.stat, written, &file) {
                entry.stat = Stat::default();
            }
        }
        Ok((index, flagged))
    }

    /// The copy of a worktree's index that believes nothing, and what Git needs to look by it.
    pub(super) fn doubt(&self, worktree: &Worktree) -> Result<Doubt> {
        let (mut index, flagged) = self.doubted_index(worktree)?;
        let scratch = Scratch::new(self.common_dir())?;
        index.set_path(scratch.path("index"));
        let written = index.write(gix::index::write::Options::default());
        written.map_err(Error::while_(format!("copy the index of {}", worktree.path.display())))?;
        // In a linked worktree Git itself is shut in, and has left the network where that is wished.
        let open = (!worktree.main).then(|| worktree.path.clone());
        let fence = self.fence_with(open, worktree.main, &|args| self.git_at(worktree, args.iter().copied()))?;
        Ok(Doubt { scratch, flagged, fence })
    }

    /// Where the settings of a submodule may start what an agent has written, the command may write to what is its own,
    /// and to what the fence around its filters leaves open. `None` in the main worktree, where a user's own programs run,
    /// and where sandboxes are switched off.
    pub(super) fn reading_cage(&self, worktree: &Worktree, own: &Path, fence: Option<&Fenced>) -> Option<Cage> {
        let how = self.shutting().filter(|_| !worktree.main && cage::support().is_there())?;
        let mut write = vec![own.to_owned(), worktree.path.clone()];
        write.extend(fence.into_iter().flat_map(Fenced::needs));
        write.extend(how.write.iter().cloned());
        Some(Cage { write, no_net: how.no_net })
    }

    /// Whether this worktree is a sparse checkout, by its own configuration.
    pub(super) fn is_sparse(&self, worktree: &Worktree) -> Result<bool> {
        let said = self.git_at(worktree, ["config", "--type=bool", "--get", "core.sparseCheckout"]).run()?;
        Ok(said.text() == "true")
    }
}

/// A copy of an index in a scratch directory, in which every doubtful file must be read again.
pub(super) struct Doubt {
    scratch: Scratch,
    /// What is around the filters by which files are read.
    fence: Option<Fenced>,
    /// The paths that were marked skip-worktree or assume-unchanged.
    pub(super) flagged: Vec<Vec<u8>>,
}

impl Doubt {
    pub(super) fn index(&self) -> PathBuf {
        self.scratch.path("index")
    }

    /// A git command that works on the copy.
    pub(super) fn git(&self, repo: &Repo, worktree: &Worktree, args: &[&str]) -> Git {
        let git = repo.git_at(worktree, args.iter().copied()).env("GIT_INDEX_FILE", self.index());
        let git = git.config("core.trustctime", "true").config("core.checkStat", "default");
        git.fenced(self.fence.as_ref()).caged(self.cage(repo, worktree))
    }

    fn cage(&self, repo: &Repo, worktree: &Worktree) -> Option<Cage> {
        repo.reading_cage(worktree, self.scratch.dir(), self.fence.as_ref())
    }

    /// The same for one that writes objects: into a directory of its own, for who can write the repository's can spoil it.
    pub(super) fn git_writing(&self, repo: &Repo, worktree: &Worktree, args: &[&str]) -> Result<Git> {
        let objects = self.objects();
        fs::create_dir_all(&objects).map_err(Error::io("make", &objects))?;
        let git = self.git(repo, worktree, args).env("GIT_OBJECT_DIRECTORY", objects);
        Ok(git.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", repo.common_dir().join("objects")))
    }

    /// Where such commands have written their objects.
    pub(super) fn objects(&self) -> PathBuf {
        self.scratch.path("objects")
    }

    /// Where they are packed to be taken over.
    pub(super) fn incoming(&self) -> PathBuf {
        self.scratch.path("incoming")
    }
}

/// Whether a file is to the nanosecond what an index written at `written` says, and was so well before that moment: the
/// clock that stamps files ticks some milliseconds at a time, and what was written in the same tick looks the same.
pub(super) fn is_as_noted(noted: &Stat, written: Duration, file: &Path) -> bool {
    let Ok(meta) = gix::index::fs::Metadata::from_path_no_follow(file) else { return false };
    Stat::from_fs(&meta).is_ok_and(|now| is_unchanged(noted, written, &now))
}

/// Which names Git keeps for itself, by the settings of a repository.
struct Names(component::Options);

impl Names {
    fn of(repo: &Repo) -> Self {
        let set = |key: &str, default: bool| repo.gix().config_snapshot().boolean(key).unwrap_or(default);
        Self(component::Options {
            protect_windows: false,
            protect_hfs: set("core.protectHFS", cfg!(target_os = "macos")),
            protect_ntfs: set("core.protectNTFS", true),
        })
    }

    /// The beginning of a path, up to a name that Git keeps for itself, where there is one.
    fn taken<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        let mut end = 0;
        for part in path.split(|byte| *byte == b'/') {
            end += part.len();
            if matches!(gix::validate::path::component(part.into(), None, self.0), Err(component::Error::DotGitDir)) {
                return path.get(..end);
            }
            end += 1;
        }
        None
    }
}

/// Whether a repository in a worktree has a commit checked out, told from its files: its settings are somebody's.
fn has_commit(dir: &Path) -> bool {
    let link = dir.join(".git");
    let git_dir = match small(&link) {
        Some(text) => text.trim().strip_prefix("gitdir: ").map(|path| dir.join(path)),
        None => Some(link),
    };
    let Some((git_dir, head)) = git_dir.and_then(|dir| Some((dir.clone(), small(&dir.join("HEAD"))?))) else {
        return false;
    };
    match head.trim().strip_prefix("ref:") {
        Some(name) => refs_in(&git_dir).contains_key(name.trim()),
        None => head.trim().parse::<crate::ledger::Oid>().is_ok(),
    }
}

/// The size of all files at or below `path`; repositories on the way are noted, relative to `top`.
fn measure(path: &Path, top: &Path, nested: &mut Vec<String>) -> u64 {
    let Ok(meta) = fs::symlink_metadata(path) else { return 0 };
    if !meta.is_dir() {
        return meta.len();
    }
    if path.join(".git").symlink_metadata().is_ok() {
        let relative = path.strip_prefix(top).unwrap_or(path);
        nested.push(format!("{}/", relative.display()));
    }
    fs::read_dir(path).into_iter().flatten().flatten().map(|entry| measure(&entry.path(), top, nested)).sum()
}

/// A path as text, for people.
pub(super) fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
