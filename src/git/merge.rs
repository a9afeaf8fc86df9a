//! Merging two commits in memory.
//!
//! What needs no judgement is merged here: paths that one side changed ([`threeway`](super::threeway)), and texts that
//! both changed in places clearly apart ([`splice`](super::splice)), where no attribute has a say. All else is for `git
//! merge-tree --write-tree` to decide, and gix is asked for a second opinion: the result is clean only if both say so
//! and mean the same tree. Nothing is ever resolved in favour of one side.
//!
//! Attributes are those of our side's tree, as `git merge` would see them with that commit checked out, and the user's
//! own; what is uncommitted somewhere has no say.

use std::collections::{BTreeSet, HashMap};

use gix::bstr::BString;
use gix::merge::blob::builtin_driver::text;
use gix::merge::tree::TreatAsUnresolved;
use gix::objs::tree::EntryMode;

use super::convert::{from_gix, to_gix};
use super::diff::tree_changes;
use super::error::{Error, Result};
use super::fence::mirrored;
use super::object::tree_of;
use super::repo::Repo;
use super::splice::splice;
use super::threeway::{self, Contest, Outcome};
use crate::ledger::Oid;

/// What merging one commit into another comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// There is nothing to merge: theirs is an ancestor of ours.
    AlreadyIn,
    /// This is the merged tree; their own where ours is an ancestor of theirs.
    Clean {
        /// The tree.
        tree: Oid,
    },
    /// A person must decide.
    Conflicts {
        /// The files, sorted.
        paths: Vec<String>,
    },
}

/// A tree, or where it could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Clean(gix::ObjectId),
    Conflict(BTreeSet<String>),
}

impl Repo {
    /// The three-way merge of two commits' trees from a base of the caller's choice, in memory; as a revert needs it.
    ///
    /// # Errors
    /// Where objects cannot be read or written.
    pub fn merge_trees(&self, base: Oid, ours: Oid, theirs: Oid) -> Result<Merge> {
        Ok(match self.merge_from(Some(base), ours, theirs)? {
            Verdict::Clean(tree) => Merge::Clean { tree: from_gix(tree) },
            Verdict::Conflict(paths) => Merge::Conflicts { paths: paths.into_iter().collect() },
        })
    }

    /// Merges `theirs` into `ours`; verdict and tree are those of `git merge-tree --write-tree`, or more cautious.
    /// Nothing but objects is written.
    ///
    /// # Errors
    /// [`Error::Unrelated`] where the two have no common ancestor.
    pub fn merge(&self, ours: Oid, theirs: Oid) -> Result<Merge> {
        let bases = self.merge_bases(ours, theirs)?;
        let base = match bases.as_slice() {
            [] => return Err(Error::Unrelated { ours, theirs }),
            [base] if *base == theirs => return Ok(Merge::AlreadyIn),
            [base] => Some(*base),
            // Criss-cross: Git merges the bases first.
            _ => None,
        };
        Ok(match self.merge_from(base, ours, theirs)? {
            Verdict::Clean(tree) => Merge::Clean { tree: from_gix(tree) },
            Verdict::Conflict(paths) => Merge::Conflicts { paths: paths.into_iter().collect() },
        })
    }

    /// The three-way merge of two commits from a base that need not be their merge base; `None` for several.
    pub(super) fn merge_from(&self, base: Option<Oid>, ours: Oid, theirs: Oid) -> Result<Verdict> {
        if let Some(base) = base
            && let Some(tree) = self.merge_at_once(base, ours, theirs)?
        {
            return Ok(Verdict::Clean(to_gix(tree)));
        }
        let gix = self.gix();
        let attributes = Attributes::of(&gix, self, base, ours, theirs)?;
        self.decide(&gix, base, ours, theirs, &attributes)
    }

    /// The merged tree, where there can be no two opinions about it.
    pub(super) fn merge_at_once(&self, base: Oid, ours: Oid, theirs: Oid) -> Result<Option<Oid>> {
        let gix = self.gix();
        let trees = [tree_of(&gix, base)?, tree_of(&gix, ours)?, tree_of(&gix, theirs)?];
        let contests = match threeway::merge(&gix, trees, &HashMap::new())? {
            Outcome::Tree(tree) => return Ok(Some(from_gix(tree))),
            Outcome::Contests(contests) if contests.iter().all(Contest::is_content) => contests,
            _ => return Ok(None),
        };
        if Attributes::of(&gix, self, Some(base), ours, theirs)?.in_play {
            return Ok(None);
        }
        let mut decided = HashMap::new();
        for contest in &contests {
            match merge_text(&gix, contest)? {
                Some(merged) => decided.insert(contest.path.clone(), merged),
                None => return Ok(None),
            };
        }
        match threeway::merge(&gix, trees, &decided)? {
            Outcome::Tree(tree) => Ok(Some(from_gix(tree))),
            _ => Ok(None),
        }
    }

    /// Git's verdict and gix's, and of the two the more cautious one.
    fn decide(
        &self,
        gix: &gix::Repository,
        base: Option<Oid>,
        ours: Oid,
        theirs: Oid,
        attributes: &Attributes,
    ) -> Result<Verdict> {
        let by_git = self.merge_by_git(base, ours, theirs, !renormalizes(gix))?;
        let Verdict::Clean(tree) = by_git else { return Ok(by_git) };
        // A driver of the user's runs once, and Git knows how; so with line ends that are made one first.
        if attributes.in_play && (self.has_drivers() || renormalizes(gix)) {
            return Ok(by_git);
        }
        match merge_by_gix(gix, base, ours, theirs, attributes)? {
            Verdict::Clean(other) if other == tree => Ok(by_git),
            Verdict::Clean(other) => {
                let differing = tree_changes(gix, tree, other)?;
                Ok(Verdict::Conflict(differing.iter().map(|change| change.path.to_string()).collect()))
            }
            conflict => Ok(conflict),
        }
    }

    /// `pinned` takes the attributes from our side's tree; Git's own way with line ends looks at both sides' for itself.
    fn merge_by_git(&self, base: Option<Oid>, ours: Oid, theirs: Oid, pinned: bool) -> Result<Verdict> {
        let mut args = vec!["merge-tree".to_owned(), "--write-tree".into(), "-z".into(), "--name-only".into()];
        args.push("--no-messages".into());
        args.extend(base.map(|base| format!("--merge-base={base}")));
        args.extend([ours.to_string(), theirs.to_string()]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let cwd = self.workdir().filter(|dir| dir.is_dir()).unwrap_or(self.git_dir());
        // A driver's files are written where Git is at work: not in the user's checkout, where it could write more.
        let fence = self.fence_with(None, true, &|args| self.git(cwd, args))?;
        let git = match &fence {
            None => self.git(cwd, &args),
            Some(fence) => {
                let top = fence.top();
                mirrored(self.workdir(), &top)?;
                let git = self.git(&top, &args).env("GIT_DIR", self.git_dir()).env("GIT_WORK_TREE", &top);
                git.fenced(Some(fence))
            }
        };
        let output = if pinned { git.env("GIT_ATTR_SOURCE", ours.to_string()) } else { git }.run()?;
        let mut records = output.records().map(|record| String::from_utf8_lossy(record).into_owned());
        match (output.code, records.next().and_then(|tree| tree.parse::<Oid>().ok())) {
            (0, Some(tree)) => Ok(Verdict::Clean(to_gix(tree))),
            (1, Some(_)) => Ok(Verdict::Conflict(records.collect())),
            // Git before 2.38 cannot tell (2.40 for a given base): what cannot be told is no clean merge.
            _ if output.code == 129 || output.complaint().contains("usage:") => Ok(Verdict::Conflict(BTreeSet::new())),
            _ => Err(Error::while_(format!("merge {theirs} into {ours}"))(output.complaint())),
        }
    }

    fn has_drivers(&self) -> bool {
        let gix = self.gix();
        let config = gix.config_snapshot();
        let sections = config.plumbing().sections_by_name("merge");
        sections.into_iter().flatten().any(|section| section.value("driver").is_some())
    }
}

fn renormalizes(gix: &gix::Repository) -> bool {
    gix.config_snapshot().boolean("merge.renormalize") == Some(true)
}

impl Repo {
    /// Everything outside of commits that has a say in how contents are merged: two calls that give the same bytes merge
    /// the same commits to the same trees.
    pub fn merge_settings(&self) -> Vec<u8> {
        let gix = self.gix();
        let config = gix.config_snapshot();
        let own = config.string("core.attributesFile").and_then(|path| gix::path::from_bstring(path).ok());
        let files = [Some(self.common_dir().join("info/attributes")), own, Some("/etc/gitattributes".into())];
        let mut all = config.plumbing().to_bstring().to_vec();
        for file in files.into_iter().flatten() {
            let text = std::fs::read(file).unwrap_or_default();
            all.extend((text.len() as u64).to_le_bytes());
            all.extend(text);
        }
        all
    }
}

/// What attributes may have a say in a merge.
struct Attributes {
    /// The `.gitattributes` files of our side that lie above a changed path.
    files: gix::index::State,
    /// Whether there are any, or attributes of the user's own, or a default driver.
    in_play: bool,
}

impl Attributes {
    fn of(gix: &gix::Repository, repo: &Repo, base: Option<Oid>, ours: Oid, theirs: Oid) -> Result<Self> {
        let mut dirs = BTreeSet::from([BString::default()]);
        let base = tree_of(gix, base.unwrap_or(ours))?;
        for side in [ours, theirs] {
            for change in tree_changes(gix, base, tree_of(gix, side)?)? {
                dirs.extend(Contest::above(&change.path));
            }
        }
        let mut files = gix::index::State::new(gix.object_hash());
        for dir in dirs {
            let path = if dir.is_empty() { ".gitattributes".into() } else { format!("{dir}/.gitattributes") };
            if let Some((oid, kind)) = repo.entry(ours, &path)?
                && kind == super::object::EntryKind::Blob
            {
                let mode = gix::index::entry::Mode::FILE;
                let flags = gix::index::entry::Flags::empty();
                files.dangerously_push_entry(Default::default(), to_gix(oid), flags, mode, path.as_str().into());
            }
        }
        files.sort_entries();
        let config = gix.config_snapshot();
        let own =
            config.string("core.attributesFile").map(|path| gix::path::from_bstring(path).is_ok_and(|p| p.exists()));
        let in_play = !files.entries().is_empty()
            || own == Some(true)
            || repo.common_dir().join("info/attributes").exists()
            || std::path::Path::new("/etc/gitattributes").exists()
            || config.string("merge.default").is_some()
            || renormalizes(gix);
        Ok(Self { files, in_play })
    }
}

fn merge_by_gix(
    gix: &gix::Repository,
    base: Option<Oid>,
    ours: Oid,
    theirs: Oid,
    attributes: &Attributes,
) -> Result<Verdict> {
    let doing = || Error::while_(format!("merge {theirs} into {ours}"));
    let mut diff_cache = gix.diff_resource_cache_for_tree_diff().map_err(doing())?;
    let mut blob_merge = blob_platform(gix, attributes)?;
    let options: gix::merge::plumbing::tree::Options = gix.tree_merge_options().map_err(doing())?.into();
    let mut graph = gix.revision_graph(None);
    let outcome = match base {
        None => {
            let options = gix::merge::plumbing::commit::Options {
                allow_missing_merge_base: false,
                tree_merge: options,
                use_first_merge_base: false,
            };
            let (ours, theirs, name) = (to_gix(ours), to_gix(theirs), &mut |id: &gix::oid| id.to_string());
            gix::merge::plumbing::commit(
                ours,
                theirs,
                text::Labels::default(),
                &mut graph,
                &mut diff_cache,
                &mut blob_merge,
                gix,
                name,
                options,
            )
            .map(|outcome| outcome.tree_merge)
        }
        Some(base) => gix::merge::plumbing::tree(
            &tree_of(gix, base)?,
            &tree_of(gix, ours)?,
            &tree_of(gix, theirs)?,
            text::Labels::default(),
            gix,
            |content| gix::prelude::Write::write_buf(gix, gix::object::Kind::Blob, content),
            &mut Default::default(),
            &mut diff_cache,
            &mut blob_merge,
            options,
        ),
    };
    // What gix cannot do is no clean merge.
    let Ok(mut outcome) = outcome else { return Ok(Verdict::Conflict(BTreeSet::new())) };
    let unresolved = outcome.conflicts.iter().filter(|conflict| conflict.is_unresolved(TreatAsUnresolved::git()));
    let paths: BTreeSet<_> = unresolved.map(|conflict| conflict.ours.location().to_string()).collect();
    if !paths.is_empty() {
        return Ok(Verdict::Conflict(paths));
    }
    let tree = outcome.tree.write(|tree| gix::prelude::Write::write(gix, tree)).map_err(doing())?;
    Ok(Verdict::Clean(tree))
}

/// gix's machinery for contents, with the attributes of our side instead of those of whatever is checked out.
fn blob_platform(gix: &gix::Repository, attributes: &Attributes) -> Result<gix::merge::blob::Platform> {
    use gix::merge::blob::{Pipeline, Platform, pipeline, platform};
    let doing = || Error::while_("prepare a merge");
    let source = gix::worktree::stack::state::attributes::Source::IdMapping;
    let stack = gix.attributes_only(&attributes.files, source).map_err(doing())?.detach();
    let config = gix.config_snapshot();
    let context = gix.command_context().map_err(doing())?;
    let filters = gix::filter::Pipeline::options(gix).map_err(doing())?;
    let filter = gix::filter::plumbing::Pipeline::new(context, gix.object_hash(), filters);
    let large = gix.big_file_threshold().map_err(doing())?;
    let options = pipeline::Options { large_file_threshold_bytes: large };
    let pipeline = Pipeline::new(Default::default(), filter, options);
    let options = platform::Options { default_driver: config.string("merge.default") };
    Ok(Platform::new(pipeline, pipeline::Mode::ToGit, stack, Vec::new(), options))
}

/// The merge of a text that both sides changed, `None` where it needs judgement.
fn merge_text(gix: &gix::Repository, contest: &Contest) -> Result<Option<(EntryMode, gix::ObjectId)>> {
    let (Some((_, base)), Some((mode, ours)), Some((_, theirs))) = (contest.base, contest.ours, contest.theirs) else {
        return Ok(None);
    };
    let read = |id: gix::ObjectId| {
        let blob = gix.find_blob(id).map_err(Error::while_(format!("read blob {id}")))?;
        Ok::<_, Error>(blob.detach().data)
    };
    let Some(merged) = splice(&read(base)?, &read(ours)?, &read(theirs)?) else { return Ok(None) };
    let written = gix.write_blob(&merged).map_err(Error::while_("write a blob"))?;
    Ok(Some((mode, written.detach())))
}
