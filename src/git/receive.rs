//! A repository as a hook of its server sees it: with what a push has brought and nobody has accepted yet.
//!
//! Until `pre-receive` and `update` have said yes, Git keeps the new objects in a quarantine that only variables lead to
//! (git-receive-pack(1), "Quarantine environment"). Here a third directory stands before both, empty but for the list of
//! the two: everything is read through it, and what is written on the way (a merge that is tried) goes into it and away
//! with it. So neither the quarantine, which becomes part of the repository as it is, nor the repository gains an object.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::convert::{from_gix, to_gix};
use super::error::{Error, Result};
use super::repo::Repo;
use super::scratch::Scratch;
use crate::env::Vars;
use crate::ledger::{Note, Oid};

/// Where a push's objects are, as Git tells its hooks.
const QUARANTINE: &str = "GIT_QUARANTINE_PATH";
const OBJECTS: &str = "GIT_OBJECT_DIRECTORY";
const ALTERNATES: &str = "GIT_ALTERNATE_OBJECT_DIRECTORIES";

/// The objects of a repository together with those of a push.
#[derive(Debug)]
pub(super) struct Apart {
    /// Goes with this value.
    _scratch: Scratch,
    /// What stands for the repository's `objects`.
    pub objects: PathBuf,
    /// What a git command has to be told.
    pub env: Vec<(OsString, OsString)>,
}

impl Apart {
    /// The directory for the quarantine that the variables name; `None` where they name none.
    pub(super) fn new(common_dir: &Path, cwd: &Path, vars: &Vars) -> Result<Option<Self>> {
        let (Some(quarantine), Some(objects)) = (vars.get(QUARANTINE), vars.get(OBJECTS)) else { return Ok(None) };
        let scratch = Scratch::new(common_dir)?;
        let dir = scratch.path("objects");
        fs::create_dir_all(dir.join("info")).map_err(Error::io("make", &dir))?;
        let mut stores = vec![cwd.join(objects), common_dir.join("objects")];
        // Others that Git was told of, in its own spelling of lists.
        let more = vars.get(ALTERNATES).map(std::env::split_paths).into_iter().flatten();
        stores.extend(more.filter(|path| path.is_absolute() && path.is_dir()));
        let mut list = Vec::new();
        for store in stores.iter().filter_map(|store| store.canonicalize().ok()) {
            list.extend(quoted(&store));
        }
        let file = dir.join("info/alternates");
        fs::write(&file, list).map_err(Error::io("write", &file))?;
        // With the quarantine's own variable Git moves no ref, whatever it is asked.
        let env = vec![
            (OsString::from(OBJECTS), dir.clone().into_os_string()),
            (OsString::from(QUARANTINE), quarantine.to_owned()),
        ];
        Ok(Some(Self { _scratch: scratch, objects: dir, env }))
    }

    /// A store of objects for gix.
    pub(super) fn store(&self, hash: gix::hash::Kind) -> Result<Arc<gix::odb::Store>> {
        store(&self.objects, hash)
    }
}

/// The objects in a directory, replace refs left out.
pub(super) fn store(objects: &Path, hash: gix::hash::Kind) -> Result<Arc<gix::odb::Store>> {
    let made = gix::odb::Store::at_opts(objects.to_owned(), hash, &mut std::iter::empty(), Default::default());
    Ok(Arc::new(made.map_err(Error::io("open", objects))?))
}

/// A line of `info/alternates`: a path that Git would take for something else is quoted as C does.
fn quoted(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes();
    let plain = !bytes.starts_with(b"#") && !bytes.starts_with(b"\"") && !bytes.contains(&b'\n');
    let mut line = Vec::new();
    match plain {
        true => line.extend(bytes),
        false => {
            line.push(b'"');
            for byte in bytes {
                match byte {
                    b'\n' => line.extend(b"\\n"),
                    b'"' | b'\\' => line.extend([b'\\', *byte]),
                    byte => line.push(*byte),
                }
            }
            line.push(b'"');
        }
    }
    line.push(b'\n');
    line
}

/// A commit that a push brought and that says something to chant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The commit.
    pub commit: Oid,
    /// Its parents.
    pub parents: Vec<Oid>,
    /// What it says.
    pub note: Note,
}

impl Repo {
    /// The repository of a hook of the server, with what the push has brought where Git says where that is. `vars` are
    /// the hook's own variables.
    ///
    /// # Errors
    /// As [`Repo::discover`], and where no directory can be made in it.
    pub fn receiving(cwd: &Path, vars: &Vars) -> Result<Self> {
        let repo = Self::discover(cwd, vars)?;
        match Apart::new(repo.common_dir(), cwd, vars)? {
            None => Ok(repo),
            Some(apart) => repo.with_objects(apart),
        }
    }

    /// The commits that can be reached from `tips` and not from `known` and whose messages may hold something of
    /// chant's; each message is read once. Parents before children is not promised.
    ///
    /// # Errors
    /// Where a commit that should be there is not.
    pub fn arrivals(&self, tips: &[Oid], known: &[Oid]) -> Result<Vec<Arrival>> {
        let commits = self.commits(tips, known)?;
        let gix = self.gix();
        let mut buffer = Vec::new();
        let mut found = Vec::new();
        for commit in commits {
            if let Some((parents, note)) = super::history::told(&gix, to_gix(commit), &mut buffer)? {
                found.push(Arrival { commit, parents: parents.into_iter().map(from_gix).collect(), note });
            }
        }
        Ok(found)
    }

    /// What a ref's new value leads to: a commit, tags peeled; `None` for a tree, a blob, or what is not there.
    ///
    /// # Errors
    /// Where the object cannot be read.
    pub fn peeled(&self, oid: Oid) -> Result<Option<Oid>> {
        let gix = self.gix();
        let Ok(object) = gix.find_object(to_gix(oid)) else { return Ok(None) };
        Ok(object.peel_to_kind(gix::object::Kind::Commit).ok().map(|commit| from_gix(commit.id)))
    }

    /// A checkout of a commit in a directory of its own outside of this repository, with a Git directory apart that
    /// borrows the objects. `top` must exist and be empty; the checkout is `top/work`, the Git directory `top/git`.
    ///
    /// # Errors
    /// Where Git refuses.
    pub fn checkout_apart(&self, top: &Path, commit: Oid) -> Result<()> {
        let (git_dir, work) = (top.join("git"), top.join("work"));
        let hash = if commit.as_bytes().len() == 32 { "sha256" } else { "sha1" };
        let format = format!("--object-format={hash}");
        let place = ["--separate-git-dir".into(), git_dir.clone().into_os_string(), work.clone().into_os_string()];
        let init = super::Git::new(self.vars(), top, ["init", "--quiet", "--template=", &format]);
        init.args(place).check()?;
        let objects = self.objects_dir();
        let file = git_dir.join("objects/info/alternates");
        fs::create_dir_all(file.parent().unwrap_or(&file)).map_err(Error::io("make", &file))?;
        fs::write(&file, quoted(&objects)).map_err(Error::io("write", &file))?;
        self.apart(top, &["checkout", "--quiet", "--detach", &commit.to_string()])?.check()?;
        Ok(())
    }

    /// A git command about a [checkout apart](Repo::checkout_apart); nothing that was put into the checkout is asked where
    /// its Git directory is, and a filter that it names writes nowhere else.
    ///
    /// # Errors
    /// Where Git does not say which filters there are.
    pub fn apart(&self, top: &Path, args: &[&str]) -> Result<super::Git> {
        let git = |args: &[&str]| self.free_apart(top, args);
        Ok(git(args).fenced(self.fence_with(Some(top.join("work")), true, &git)?.as_ref()))
    }

    fn free_apart(&self, top: &Path, args: &[&str]) -> super::Git {
        let git = super::Git::new(self.vars(), top, Vec::<OsString>::new()).passing_pipes(&top.join("work"));
        let mut word = OsString::from("--git-dir=");
        word.push(OsString::from_vec(top.join("git").as_os_str().as_bytes().to_vec()));
        let mut work = OsString::from("--work-tree=");
        work.push(top.join("work"));
        git.arg(word).arg(work).args(args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_git_would_take_for_a_comment_or_a_quotation_is_quoted() {
        let line = |path: &str| String::from_utf8(quoted(Path::new(path))).unwrap();
        assert_eq!(line("/a b/#c"), "/a b/#c\n");
        assert_eq!(line("/a\nb\"c\\"), "\"/a\\nb\\\"c\\\\\"\n");
    }
}
