//! Writing a commit's files into an empty worktree, and its index.
//!
//! gix does it several times faster than the executable, which must start three processes for it. Where the two might
//! differ (sparse checkouts, submodules, external filters such as LFS, blobs that are still at a promisor) Git itself
//! does it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use gix::bstr::ByteSlice;
use gix::index::entry::{Flags, Mode, Stat};
use gix::worktree::stack::state::attributes::Source;

use super::convert::to_gix;
use super::error::{Error, Result};
use super::repo::Repo;
use super::worktree::Worktree;
use crate::ledger::Oid;

/// So many files are written by one thread.
const FEW: usize = 1000;

/// And an index of so many bytes is read by one.
const SMALL: u64 = 1 << 20;

/// How an index is read: to ask how many processors there are takes longer than to read a small one.
pub(super) fn decoding(index: &Path) -> gix::index::decode::Options {
    let is_small = std::fs::metadata(index).is_ok_and(|meta| meta.len() < SMALL);
    gix::index::decode::Options { thread_limit: is_small.then_some(1), ..Default::default() }
}

/// Puts files in the place of all that an index has at some paths.
pub(super) fn replace_entries(
    index: &mut gix::index::State,
    paths: &BTreeSet<Vec<u8>>,
    new: impl IntoIterator<Item = (Vec<u8>, Mode, gix::ObjectId, Stat)>,
) {
    index.remove_entries(|_, path, _| paths.contains(&**path));
    for (path, mode, id, stat) in new {
        index.dangerously_push_entry(stat, id, Flags::empty(), mode, path.as_bstr());
    }
    index.sort_entries();
    index.remove_tree();
}

/// Whether a path is that of attributes, by which Git makes other files of blobs.
pub(super) fn is_attributes(path: &[u8]) -> bool {
    path == b".gitattributes" || path.ends_with(b"/.gitattributes")
}

impl Repo {
    /// Fills a worktree that holds nothing but its `.git` with the files of `commit`, which its `HEAD` says already.
    pub(super) fn fill(&self, worktree: &Worktree, commit: Oid) -> Result<()> {
        let mut index = self.index_of(commit)?;
        index.set_path(worktree.git_dir.join("index"));
        if self.wants_git(&index) {
            self.reset_hard(worktree)?;
            crate::env::failpoint("worktree.files");
            crate::env::failpoint("worktree.index");
            return Ok(());
        }
        self.write_files(worktree, &mut index)?;
        crate::env::failpoint("worktree.files");
        let options = gix::index::write::Options::default();
        index.write(options).map_err(Error::while_("write the index of a new worktree"))?;
        self.remember(worktree, commit);
        crate::env::failpoint("worktree.index");
        Ok(())
    }

    /// `git reset --hard` to `HEAD`, submodules left alone.
    pub(super) fn reset_hard(&self, worktree: &Worktree) -> Result<()> {
        let git = self.git_at(worktree, ["reset", "--quiet", "--hard", "--no-recurse-submodules", "HEAD"]);
        git.fenced(self.fence(worktree)?.as_ref()).check()?;
        Ok(())
    }

    /// The index of a commit's tree, without a path and without stat data.
    pub(super) fn index_of(&self, commit: Oid) -> Result<gix::index::File> {
        let repo = self.gix();
        let doing = || Error::while_(format!("read the tree of {commit}"));
        let object = repo.find_object(to_gix(commit)).map_err(doing())?;
        let tree = object.peel_to_tree().map_err(doing())?.id;
        repo.index_from_tree(&tree).map_err(doing())
    }

    /// Writes the files of `index` that are not marked to be skipped, and notes their stat data in it. None of them may
    /// be there yet.
    pub(super) fn write_files(&self, worktree: &Worktree, index: &mut gix::index::State) -> Result<()> {
        self.write_files_in(&worktree.path, index)
    }

    pub(super) fn write_files_in(&self, path: &Path, index: &mut gix::index::State) -> Result<()> {
        let repo = self.gix();
        let what = format!("write the files of {}", path.display());
        let doing = || Error::while_(what.clone());
        let mut options = repo.checkout_options(Source::IdMapping).map_err(doing())?;
        options.destination_is_initially_empty = true;
        // A thread costs more than it saves where there is little to write.
        options.thread_limit = (index.entries().len() < FEW).then_some(1);
        let objects = repo.objects.clone().into_arc().map_err(Error::while_("open the object database"))?;
        let (none, never) = (gix::progress::Discard, AtomicBool::new(false));
        let outcome = gix::worktree::state::checkout(index, path.to_owned(), objects, &none, &none, &never, options);
        let outcome = outcome.map_err(doing())?;
        let collided = outcome.collisions.first().map(|collision| &collision.path);
        let failed = outcome.errors.first().map(|record| &record.path).or(collided);
        let undone = failed.or(outcome.delayed_paths_unprocessed.first());
        match undone {
            None => Ok(()),
            Some(path) => Err(Error::while_(what)(format!("`{path}` could not be written"))),
        }
    }

    /// Whether the executable must write the files of this index.
    pub(super) fn wants_git(&self, index: &gix::index::State) -> bool {
        let repo = self.gix();
        let config = repo.config_snapshot();
        if config.boolean("core.sparseCheckout").unwrap_or(false) || self.is_partial(&repo) {
            return true;
        }
        if index.entries().iter().any(|entry| matches!(entry.mode, Mode::COMMIT | Mode::DIR)) {
            return true;
        }
        let drivers = config.sections_by_name("filter").is_some_and(|mut sections| sections.next().is_some());
        let wanted: &[&[u8]] =
            if drivers { &[b"filter", b"working-tree-encoding"] } else { &[b"working-tree-encoding"] };
        self.attributes(&repo, index).iter().any(|text| wanted.iter().any(|word| text.contains_str(word)))
    }

    fn is_partial(&self, repo: &gix::Repository) -> bool {
        repo.config_snapshot().sections_by_name("remote").is_some_and(|mut sections| {
            sections.any(|section| section.value("promisor").is_some() || section.value("partialCloneFilter").is_some())
        })
    }

    /// The texts of all attribute files that have a say: the tree's, the repository's and the user's.
    pub(super) fn attributes(&self, repo: &gix::Repository, index: &gix::index::State) -> Vec<Vec<u8>> {
        let entries = index.entries().iter().filter(|entry| is_attributes(entry.path(index)));
        let mut texts: Vec<Vec<u8>> =
            entries.filter_map(|entry| Some(repo.find_object(entry.id).ok()?.detach().data)).collect();
        texts.extend(self.attribute_files().into_iter().filter_map(|path| std::fs::read(path).ok()));
        texts
    }

    /// Where attributes may stand beside the tree: the repository's, the user's and the system's.
    pub(super) fn attribute_files(&self) -> Vec<PathBuf> {
        let user = self.config("core.attributesFile").map(PathBuf::from);
        let system = PathBuf::from("/etc/gitattributes");
        [Some(self.common_dir().join("info/attributes")), user, Some(system)].into_iter().flatten().collect()
    }
}
