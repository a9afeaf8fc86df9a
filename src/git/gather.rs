//! What somebody left in a worktree, gathered into a commit without Git: where Git would do no more than that.
//!
//! Starting Git in a cage, its objects taken out of there again, costs more than hashing a few files. So where nothing of
//! the user's has a say (no hook, no filter, no attribute, no signature) and the worktree is one of which the engine knows
//! what it wrote, the files that differ are read and committed here. Wherever anything is out of the ordinary nothing is
//! known, and Git does it.

use std::path::Path;

use gix::bstr::ByteSlice as _;
use gix::index::entry::Mode;
use gix::worktree::stack::state::ignore::Source;

use super::convert::to_gix;
use super::error::{Error, Result};
use super::files::replace_entries;
use super::leftovers::{Leftovers, text};
use super::moves::{Expect, Moved, RefMove};
use super::object::EntryKind;
use super::repo::{Head, Repo};
use super::untouched::{Besides, File, Made, Seen, file_at};
use super::worktree::Worktree;
use crate::env::failpoint;
use crate::ledger::Oid;

/// Where what differs is larger than this altogether, in bytes, Git looks.
const LARGEST: u64 = 64 << 20;

/// Hooks that Git runs when something is added and committed.
const HOOKS: [&str; 6] =
    ["pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-index-change", "reference-transaction"];

/// What a worktree has beyond its commit: files and links that a commit can hold as they are, no ignored ones among them.
pub(super) struct Work {
    made: Made,
    head: Oid,
    /// The tracked ones that are something else, or are gone.
    modified: Vec<(Vec<u8>, Option<File>)>,
    untracked: Vec<(Vec<u8>, File)>,
}

impl Work {
    pub(super) fn leftovers(&self) -> Leftovers {
        Leftovers {
            modified: self.modified.iter().map(|(path, _)| text(path)).collect(),
            untracked: self.untracked.iter().map(|(path, _)| text(path)).collect(),
            ..Leftovers::default()
        }
    }
}

impl Repo {
    /// What is in a worktree beyond its commit, of which something was seen, and in which Git
    /// [takes files as they are](Self::takes_files_as_they_are); `None` where that is for Git to say.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub(super) fn gathered(&self, worktree: &Worktree, seen: Seen) -> Result<Option<Work>> {
        let Seen { made, head, changes, found } = seen;
        // What was committed in there since is in none of the entries below.
        if worktree.main || !changes.is_empty() {
            return Ok(None);
        }
        let mut left = LARGEST;
        let mut read = |path: &[u8]| {
            let file = file_at(&worktree.path, path, left)?;
            left = left.saturating_sub(file.bytes.len() as u64);
            Some(file)
        };
        let entry = |at: &usize| made.index.entries().get(*at).map(|entry| (entry, entry.path(&made.index).to_vec()));
        let mut modified = Vec::new();
        for (entry, path) in found.touched.iter().filter_map(entry) {
            let Some(file) = read(&path) else { return Ok(None) };
            if (file.mode, file.id(entry.id.kind())) != (entry.mode, Some(entry.id)) {
                modified.push((path, Some(file)));
            }
        }
        modified.extend(found.missing.iter().filter_map(entry).map(|(_, path)| (path, None)));
        modified.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut untracked = Vec::new();
        // A directory that holds nothing is nothing to Git.
        for path in found.strange.into_iter().filter(|path| !path.ends_with(b"/")) {
            let Some(file) = read(&path) else { return Ok(None) };
            untracked.push((path, file));
        }
        let new = || untracked.iter().map(|(path, _)| path.as_slice());
        let mut all = modified.iter().map(|(path, _)| path.as_slice()).chain(new());
        let odd = all.any(|path| path.to_str().is_err() || !is_allowed(path))
            || new().any(|path| made.collides(path))
            || self.ignores_any(&made, new()).unwrap_or(true);
        Ok((!odd).then_some(Work { made, head, modified, untracked }))
    }

    /// Commits onto its branch what lies in a linked worktree, as `git add --all` and `git commit` would, where nothing of
    /// the user's has a say in it. The new commit; `None` where that is for Git to do, or there is nothing to commit.
    ///
    /// # Errors
    /// Where an object, the index or the ref cannot be written.
    pub fn commit_gathered(&self, at: &Path, message: &str) -> Result<Option<Oid>> {
        let worktree = self.worktree(at)?;
        let Some(Head::Branch { name, .. }) = &worktree.head else { return Ok(None) };
        if self.has_say_in_commits(at) {
            return Ok(None);
        }
        // Before all files are looked at.
        let Some(made) =
            self.made(&worktree.git_dir).filter(|made| self.takes_files_as_they_are(&worktree, &made.index))
        else {
            return Ok(None);
        };
        let Some(seen) = self.seen_beside(made, &worktree, Besides::Nothing)? else { return Ok(None) };
        let Some(work) = self.gathered(&worktree, seen)? else { return Ok(None) };
        let (mut index, head) = (work.made.index, work.head);
        let new = work.untracked.into_iter().map(|(path, file)| (path, Some(file)));
        let files: Vec<(Vec<u8>, Option<File>)> = work.modified.into_iter().chain(new).collect();
        let (mut edits, mut new) = (Vec::with_capacity(files.len()), Vec::with_capacity(files.len()));
        for (path, file) in &files {
            let blob = file.as_ref().map(|file| Ok::<_, Error>((self.write_blob(&file.bytes)?, file))).transpose()?;
            edits.push((text(path), blob.map(|(id, file)| (id, file.kind()))));
            new.extend(blob.map(|(id, file)| (path.clone(), file.mode, to_gix(id), file.stat)));
        }
        // What is gone first: it may make room for a directory.
        edits.sort_by_key(|(_, entry)| entry.is_some());
        // What cannot be done here is for Git to refuse, in its own words.
        let Ok(tree) = self.edit_tree(Some(head), &edits) else { return Ok(None) };
        if tree == self.tree(head)? {
            return Ok(None);
        }
        let Ok(commit) = self.commit(tree, &[head], message) else { return Ok(None) };
        replace_entries(&mut index, &files.into_iter().map(|(path, _)| path).collect(), new);
        index.set_path(worktree.git_dir.join("index"));
        let written = index.write(gix::index::write::Options::default());
        written.map_err(Error::while_(format!("write the index of {}", worktree.path.display())))?;
        failpoint("gather.staged");
        let subject = message.lines().next().unwrap_or_default();
        let moves = [RefMove { name: format!("refs/heads/{name}"), from: Expect::At(head), to: Some(commit) }];
        if self.move_refs(&moves, &format!("commit: {subject}"))? != Moved::Done {
            return Ok(None);
        }
        failpoint("gather.committed");
        self.remember(&worktree, commit);
        Ok(Some(commit))
    }

    /// Whether hooks, signatures or settings make more of a commit than its files.
    fn has_say_in_commits(&self, at: &Path) -> bool {
        let Some(plain) = self.plain_settings() else { return true };
        self.signs_always() || !self.is_as_git_names(plain) || HOOKS.iter().any(|name| self.hook(at, name).is_some())
    }

    /// Whether Git takes each file for what it is, by the settings and by all attributes.
    pub(super) fn takes_files_as_they_are(&self, worktree: &Worktree, index: &gix::index::State) -> bool {
        !cfg!(target_os = "macos")
            && self.plain_settings().is_some()
            && !worktree.git_dir.join("config.worktree").exists()
            && self.attributes(&self.gix(), index).iter().all(|text| text.trim_ascii().is_empty())
    }

    /// Whether any of these files is ignored, by the rules of the commit, the repository and the user.
    fn ignores_any<'p>(&self, made: &Made, paths: impl Iterator<Item = &'p [u8]>) -> Result<bool> {
        let repo = self.gix();
        let doing = || Error::while_("read what is ignored");
        let mut rules = repo.excludes(&made.index, None, Source::IdMapping).map_err(doing())?;
        for path in paths {
            let found = rules.at_entry(path.as_bstr(), Some(Mode::FILE)).map_err(doing())?;
            if found.is_excluded() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Made {
    /// Whether a path stands where the commit has a directory, or below what it has as a file.
    fn collides(&self, path: &[u8]) -> bool {
        let below = [path, b"/"].concat();
        let at = self.index.entries().partition_point(|entry| **entry.path(&self.index) < *below);
        let within = self.index.entries().get(at).is_some_and(|entry| entry.path(&self.index).starts_with(&below));
        let mut above = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        within || above.any(|at| self.index.entry_by_path(path[..at].as_bstr()).is_some())
    }
}

impl File {
    fn kind(&self) -> EntryKind {
        match self.mode {
            Mode::SYMLINK => EntryKind::Link,
            Mode::FILE_EXECUTABLE => EntryKind::Exec,
            _ => EntryKind::Blob,
        }
    }
}

/// Whether a name means nothing to Git, on no system: neither one that it keeps for itself or reads rules from, nor one that
/// may stand for such a name.
fn is_allowed(path: &[u8]) -> bool {
    const KNOWN: [&[u8]; 4] = [b".github", b".gitkeep", b".gitlab", b".gitlab-ci.yml"];
    path.split(|byte| *byte == b'/').all(|part| {
        // What HFS passes over in a name is no ASCII; NTFS has short names, streams, and another separator.
        let seen: Vec<u8> = part.iter().filter(|byte| byte.is_ascii()).map(u8::to_ascii_lowercase).collect();
        let is_gits = seen.starts_with(b".git") && !KNOWN.contains(&part);
        !is_gits && !part.iter().any(|byte| matches!(byte, b'~' | b':' | b'\\')) && !matches!(part, b"" | b"." | b"..")
    })
}
