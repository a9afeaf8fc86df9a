//! Reading refs and revisions.

use gix::bstr::ByteSlice;
use gix::refs::{FullName, TargetRef};

use super::convert::{from_gix, to_gix};
use super::error::{Error, Result};
use super::repo::{Head, Repo};
use crate::ledger::Oid;

impl Repo {
    /// What is checked out in this worktree.
    ///
    /// # Errors
    /// Where `HEAD` cannot be read.
    pub fn head(&self) -> Result<Head> {
        let gix = self.gix();
        let head = gix.head().map_err(Error::while_("read HEAD"))?;
        Ok(match &head.kind {
            gix::head::Kind::Unborn(name) => Head::Unborn(name.shorten().to_string()),
            gix::head::Kind::Detached { target, .. } => Head::Detached(from_gix(target)),
            gix::head::Kind::Symbolic(reference) => {
                let name = reference.name.shorten().to_string();
                match self.tip(&reference.name.as_bstr().to_str_lossy())? {
                    Some(tip) => Head::Branch { name, tip },
                    None => Head::Unborn(name),
                }
            }
        })
    }

    /// The commit that a revision names, in any spelling `git rev-parse` knows.
    ///
    /// # Errors
    /// [`Error::NoSuchRevision`], [`Error::Unborn`] for `HEAD` before the first commit.
    pub fn rev(&self, spec: &str) -> Result<Oid> {
        let gix = self.gix();
        let missing = || Error::NoSuchRevision { spec: spec.to_owned() };
        let id = match gix.rev_parse_single(spec) {
            Ok(id) => id.detach(),
            Err(_) => match self.head() {
                Ok(Head::Unborn(branch)) if spec == "HEAD" || spec == "@" => return Err(Error::Unborn { branch }),
                _ => self.rev_by_git(spec)?.map(to_gix).ok_or_else(missing)?,
            },
        };
        let object = gix.find_object(id).map_err(|_| missing())?;
        let commit = object.peel_to_kind(gix::object::Kind::Commit).map_err(|_| missing())?;
        Ok(from_gix(commit.id))
    }

    /// A few spellings (dates in reflogs, for one) only Git itself can read.
    fn rev_by_git(&self, spec: &str) -> Result<Option<Oid>> {
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", spec];
        let output = self.plumbing(&args).run()?;
        Ok(output.success().then(|| output.text().parse().ok()).flatten())
    }

    /// The commit a ref points to, symbolic refs followed and tags peeled; `None` where there is no such ref, or no ref
    /// could have that name.
    ///
    /// # Errors
    /// Where the ref is there and cannot be read.
    pub fn tip(&self, full_ref: &str) -> Result<Option<Oid>> {
        tip_in(&self.gix(), full_ref)
    }

    /// The ref that this one is another name for (`git symbolic-ref`); `None` where it is none, or not there.
    ///
    /// # Errors
    /// Where the ref is there and cannot be read.
    pub fn symbolic(&self, full_ref: &str) -> Result<Option<String>> {
        let Ok(name) = FullName::try_from(full_ref) else { return Ok(None) };
        let gix = self.gix();
        let found = find_exact(&gix, &name)?;
        Ok(found.and_then(|reference| match reference.target() {
            TargetRef::Symbolic(other) => Some(other.as_bstr().to_string()),
            TargetRef::Object(_) => None,
        }))
    }

    /// Makes a symbolic ref one that holds a commit itself. What it was another name for is left alone.
    ///
    /// # Errors
    /// Where Git refuses.
    pub fn make_direct(&self, full_ref: &str, commit: Oid) -> Result<()> {
        let hex = commit.to_string();
        self.plumbing(&["update-ref", "--no-deref", "-m", "chant: no other name", full_ref, &hex]).check()?;
        Ok(())
    }

    /// Takes a symbolic ref away. What it was another name for is left alone.
    ///
    /// # Errors
    /// Where it is none, or Git refuses.
    pub fn drop_symbolic(&self, full_ref: &str) -> Result<()> {
        self.plumbing(&["symbolic-ref", "--delete", full_ref]).check()?;
        Ok(())
    }

    /// Every ref whose full name begins with `prefix` and that leads to a commit, by name.
    ///
    /// # Errors
    /// Where the refs cannot be listed.
    pub fn refs(&self, prefix: &str) -> Result<Vec<(String, Oid)>> {
        let gix = self.gix();
        let doing = || Error::while_(format!("list the refs under `{prefix}`"));
        let platform = gix.references().map_err(doing())?;
        let dir = prefix.rfind('/').map_or("refs/", |at| &prefix[..=at]);
        let names: Vec<_> = platform
            .prefixed(dir.as_bytes().as_bstr())
            .map_err(doing())?
            .filter_map(|entry| entry.ok())
            .filter(|entry| entry.name().as_bstr().starts_with(prefix.as_bytes()))
            .map(|entry| {
                let id = entry.target().try_id().filter(|_| is_branch(&entry)).map(from_gix);
                (entry.name().as_bstr().to_string(), id)
            })
            .collect();
        let mut found = Vec::with_capacity(names.len());
        for (name, id) in names {
            // A ref that dangles, or holds a tree, is no tip; `git fsck` speaks of it.
            let tip = id.or_else(|| tip_in(&gix, &name).unwrap_or_default());
            found.extend(tip.map(|tip| (name, tip)));
        }
        found.sort();
        Ok(found)
    }

    /// The upstream of a local branch: the ref that tracks it, and the commit it is at, where it was ever fetched.
    ///
    /// # Errors
    /// Where the configured remote makes no sense.
    pub fn upstream(&self, branch: &str) -> Result<Option<(String, Option<Oid>)>> {
        let gix = self.gix();
        let Ok(name) = FullName::try_from(format!("refs/heads/{branch}")) else { return Ok(None) };
        let config = gix.config_snapshot();
        let merge = config.string(format!("branch.{branch}.merge").as_str());
        let remote = config.string(format!("branch.{branch}.remote").as_str());
        let tracking = match (remote, merge) {
            (Some(remote), Some(merge)) if remote == "." => merge.to_string(),
            (Some(_), Some(_)) => {
                let doing = Error::while_(format!("find the upstream of `{branch}`"));
                let found = gix.branch_remote_tracking_ref_name(name.as_ref(), gix::remote::Direction::Fetch);
                match found.transpose().map_err(doing)? {
                    Some(name) => name.as_bstr().to_string(),
                    None => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        let tip = self.tip(&tracking)?;
        Ok(Some((tracking, tip)))
    }
}

/// As [`Repo::tip`], with a handle that is already there.
pub(super) fn tip_in(gix: &gix::Repository, full_ref: &str) -> Result<Option<Oid>> {
    let Ok(name) = FullName::try_from(full_ref) else { return Ok(None) };
    let doing = || Error::while_(format!("read `{full_ref}`"));
    let Some(reference) = find_exact(gix, &name)? else { return Ok(None) };
    let mut reference = reference;
    for _ in 0..8 {
        let next = match reference.target() {
            TargetRef::Object(id) if is_branch(&reference) => return Ok(Some(from_gix(id))),
            TargetRef::Object(id) => {
                let object = gix.find_object(id).map_err(doing())?;
                return Ok(object.peel_to_kind(gix::object::Kind::Commit).ok().map(|commit| from_gix(&commit.id)));
            }
            TargetRef::Symbolic(next) => next.to_owned(),
        };
        match find_exact(gix, &next)? {
            Some(found) => reference = found,
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// Git lets nothing but commits into `refs/heads`: no need to look at the object there.
fn is_branch(reference: &gix::Reference<'_>) -> bool {
    reference.name().as_bstr().starts_with(b"refs/heads/")
}

/// A ref by its full name alone: gix would also try `refs/heads/<name>` and the like.
pub(super) fn find_exact<'r>(gix: &'r gix::Repository, name: &FullName) -> Result<Option<gix::Reference<'r>>> {
    let found = gix.try_find_reference(name.as_ref()).map_err(Error::while_(format!("read `{}`", name.as_bstr())))?;
    Ok(found.filter(|found| found.name() == name.as_ref()))
}

/// Whether a ref holds exactly this object, unpeeled.
pub(super) fn holds(reference: &gix::Reference<'_>, oid: Oid) -> bool {
    reference.target().try_id().is_some_and(|id| id == to_gix(oid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::test_repo::TestRepo;

    #[test]
    fn head_is_unborn_then_a_branch_then_detached() {
        let t = TestRepo::new();
        assert_eq!(t.repo.head().unwrap(), Head::Unborn("main".into()));
        assert!(matches!(t.repo.rev("HEAD"), Err(Error::Unborn { branch }) if branch == "main"));
        let tip = t.commit_file("a", "a\n", "a");
        assert_eq!(t.repo.head().unwrap(), Head::Branch { name: "main".into(), tip });
        t.git(&["checkout", "-q", "--detach"]);
        assert_eq!(t.repo.head().unwrap(), Head::Detached(tip));
    }

    #[test]
    fn a_revision_in_any_spelling_is_a_commit_and_a_wrong_one_is_told() {
        let t = TestRepo::new();
        let first = t.commit_file("a", "a\n", "first");
        let second = t.commit_file("a", "b\n", "second");
        t.git(&["tag", "-a", "-m", "v1", "v1"]);
        for (spec, oid) in [
            ("HEAD~1", first),
            ("v1", second),
            ("main^{commit}", second),
            (":/first", first),
            ("main@{1}", first),
            ("HEAD@{2 hours ago}", second),
        ] {
            assert_eq!(t.repo.rev(spec).unwrap(), oid, "{spec}");
        }
        assert_eq!(t.repo.rev(&first.to_string()[..9]).unwrap(), first);
        for spec in ["nothing", "HEAD:a", "HEAD~7", "", "--all"] {
            assert!(matches!(t.repo.rev(spec), Err(Error::NoSuchRevision { .. })), "{spec}");
        }
    }

    #[test]
    fn a_tip_is_found_by_its_full_name_alone_peeled_and_packed() {
        let t = TestRepo::new();
        let tip = t.commit_file("a", "a\n", "a");
        t.git(&["tag", "-a", "-m", "v1", "v1"]);
        t.git(&["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
        t.git(&["branch", "chant/x"]);
        t.git(&["pack-refs", "--all"]);
        for name in ["refs/heads/main", "refs/tags/v1", "refs/heads/alias", "refs/heads/chant/x"] {
            assert_eq!(t.repo.tip(name).unwrap(), Some(tip), "{name}");
        }
        for name in ["main", "chant/x", "refs/heads/none", "refs/heads/a..b", "refs/heads/chant", ""] {
            assert_eq!(t.repo.tip(name).unwrap(), None, "{name}");
        }
    }

    #[test]
    fn refs_are_listed_by_prefix_loose_and_packed() {
        let t = TestRepo::new();
        let tip = t.commit_file("a", "a\n", "a");
        t.git(&["branch", "chant/b"]);
        t.git(&["pack-refs", "--all"]);
        t.git(&["branch", "chant/a"]);
        t.git(&["branch", "other"]);
        t.git(&["update-ref", "refs/chant/tree", "HEAD^{tree}"]);
        let names = |prefix: &str| t.repo.refs(prefix).unwrap().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names("refs/heads/chant/"), ["refs/heads/chant/a", "refs/heads/chant/b"]);
        assert_eq!(names("refs/heads/chant/b"), ["refs/heads/chant/b"]);
        assert_eq!(names("refs/chant/"), [""; 0], "a tree is no tip");
        assert_eq!(names("refs/none/"), [""; 0]);
        assert!(t.repo.refs("refs/").unwrap().iter().all(|(_, oid)| *oid == tip));
    }

    #[test]
    fn the_upstream_is_the_ref_that_tracks_it() {
        let t = TestRepo::new();
        let tip = t.commit_file("a", "a\n", "a");
        assert_eq!(t.repo.upstream("main").unwrap(), None);
        t.git(&["clone", "-q", ".", t.beside("clone").to_str().unwrap()]);
        let clone = Repo::open(&t.beside("clone"), t.vars()).unwrap();
        assert_eq!(clone.upstream("main").unwrap(), Some(("refs/remotes/origin/main".into(), Some(tip))));
        t.git_in(&t.beside("clone"), &["branch", "-q", "--track", "local", "main"]);
        let clone = Repo::open(&t.beside("clone"), t.vars()).unwrap();
        assert_eq!(clone.upstream("local").unwrap(), Some(("refs/heads/main".into(), Some(tip))));
        assert_eq!(clone.upstream("no such").unwrap(), None);
    }
}
