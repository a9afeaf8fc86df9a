//! A repository: where it is, and the way to gix and to the git executable for the rest of the room.

use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use gix::discover::upwards;
use gix::open::{Permissions, permissions};
use gix::sec::trust::Mapping;

use super::error::{Error, Result};
use super::exe::Git;
use super::fence::Shutting;
use super::gitconfig;
use super::plain::Plain;
use super::receive::{self, Apart};
use super::scratch::Scratch;
use super::walked::Walked;
use crate::env::Vars;
use crate::ledger::Oid;

/// What `HEAD` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// A branch is checked out.
    Branch {
        /// Its short name.
        name: String,
        /// Its commit.
        tip: Oid,
    },
    /// A commit is checked out.
    Detached(Oid),
    /// A branch is checked out that has no commit yet: its short name.
    Unborn(String),
}

/// A repository, as seen from one of its worktrees. Cheap to clone, and may go to another thread.
#[derive(Clone)]
pub struct Repo {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    sync: gix::ThreadSafeRepository,
    vars: Vars,
    git_dir: PathBuf,
    common_dir: PathBuf,
    workdir: Option<PathBuf>,
    pool: Mutex<Vec<gix::Repository>>,
    scratch: Mutex<Option<Scratch>>,
    /// What a push has brought, where this is the repository of a server's hook.
    apart: Option<Apart>,
    /// What walks have found.
    pub(super) walked: Mutex<Walked>,
    /// Whether something is being decided, for which Git itself is to be asked.
    pub(super) decides: AtomicBool,
    count: AtomicU64,
    /// Git's settings, where they leave files and commits as they are.
    pub(super) plain: OnceLock<Option<Plain>>,
    /// Whether commits are signed whatever `commit.gpgSign` says.
    pub(super) sign: AtomicBool,
    /// How what may be an agent's program is shut in, where it is.
    shut: Mutex<Option<Arc<Shutting>>>,
}

/// What a pooled handle keeps of the objects it has read, in bytes.
const CACHE: usize = 16 << 20;
/// How many handles are kept at most.
const POOLED: usize = 4;

/// A handle on loan.
pub(super) struct Handle<'r> {
    repo: &'r Repo,
    gix: Option<gix::Repository>,
}

impl Deref for Handle<'_> {
    type Target = gix::Repository;

    fn deref(&self) -> &gix::Repository {
        match &self.gix {
            Some(gix) => gix,
            None => unreachable!("taken only when it is dropped"),
        }
    }
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        if let (Some(gix), Ok(mut pool)) = (self.gix.take(), self.repo.inner.pool.lock())
            && pool.len() < POOLED
        {
            pool.push(gix);
        }
    }
}

impl fmt::Debug for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Repo").field(&self.inner.git_dir).finish()
    }
}

impl Repo {
    /// The version of the git executable.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn git_version(&self) -> Result<(u32, u32, u32)> {
        let text = self.git(self.common_dir(), &["version"]).check()?.text();
        let numbers = text.split_whitespace().nth(2).unwrap_or_default();
        let mut numbers = numbers.split('.').map(|number| number.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Ok((next(), next(), next()))
    }

    /// Finds the repository that encloses `cwd`, as Git would: `GIT_DIR`, `GIT_WORK_TREE`, `GIT_CEILING_DIRECTORIES`
    /// and `GIT_DISCOVERY_ACROSS_FILESYSTEM` of `vars` count.
    ///
    /// # Errors
    /// [`Error::NotARepository`], and [`Error::Untrusted`] where Git speaks of dubious ownership.
    pub fn discover(cwd: &Path, vars: &Vars) -> Result<Self> {
        if let Some(git_dir) = vars.get("GIT_DIR") {
            let repo = open(&cwd.join(git_dir), vars)?;
            return Self::new(with_work_tree(repo, cwd, vars)?, vars);
        }
        let options = || Mapping { full: options(vars), reduced: options(vars) };
        gix::discover::upwards_opts(cwd, search(vars)).map_err(|_| Error::NotARepository { path: cwd.to_owned() })?;
        let found = gix::ThreadSafeRepository::discover_opts(cwd, search(vars), options())
            .map_err(Error::while_(format!("open the repository around {}", cwd.display())))?;
        let repo = Self::new(found.to_thread_local(), vars)?;
        if above_ceiling(repo.workdir().unwrap_or(repo.git_dir()), cwd, vars) {
            return Err(Error::NotARepository { path: cwd.to_owned() });
        }
        Ok(repo)
    }

    /// Opens the repository at `path`: a work tree, a linked one, a Git directory or a bare repository.
    ///
    /// # Errors
    /// As [`Repo::discover`].
    pub fn open(path: &Path, vars: &Vars) -> Result<Self> {
        Self::new(open(path, vars)?, vars)
    }

    /// Makes a repository at `path` with `branch` to be born, as `git init` does with the user's templates.
    ///
    /// # Errors
    /// Where Git refuses.
    pub fn init(path: &Path, branch: &str, vars: &Vars) -> Result<Self> {
        std::fs::create_dir_all(path).map_err(Error::io("make", path))?;
        Git::new(vars, path, ["init", "--quiet", "--initial-branch", branch]).check()?;
        Self::open(path, vars)
    }

    fn new(mut repo: gix::Repository, vars: &Vars) -> Result<Self> {
        let globals = gitconfig::globals(vars)?;
        if repo.git_dir_trust() != gix::sec::Trust::Full {
            let path = repo.workdir().unwrap_or(repo.git_dir()).to_owned();
            if !gitconfig::is_safe(&globals, vars, &path) {
                return Err(Error::Untrusted { path });
            }
        }
        let config = gitconfig::resolve(&repo, globals, vars)?;
        if config.string("extensions.refStorage").is_some_and(|format| !format.eq_ignore_ascii_case(b"files")) {
            return Err(Error::Unsupported { reason: "its refs are kept in the reftable format".into() });
        }
        let mut snapshot = repo.config_snapshot_mut();
        *snapshot = config;
        snapshot.commit().map_err(Error::while_("apply Git's configuration"))?;
        let real = |path: &Path| path.canonicalize().map_err(Error::io("find", path));
        let inner = Inner {
            git_dir: real(repo.git_dir())?,
            common_dir: real(repo.common_dir())?,
            workdir: repo.workdir().map(real).transpose()?,
            vars: vars.clone(),
            sync: repo.into_sync(),
            pool: Mutex::new(Vec::new()),
            scratch: Mutex::new(None),
            apart: None,
            walked: Mutex::default(),
            decides: AtomicBool::new(false),
            count: AtomicU64::new(0),
            plain: OnceLock::new(),
            sign: AtomicBool::new(false),
            shut: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The same repository with other objects before its own.
    pub(super) fn with_objects(self, apart: Apart) -> Result<Self> {
        let mut sync = self.inner.sync.clone();
        sync.objects = apart.store(self.gix().object_hash())?;
        let inner = Inner {
            sync,
            vars: self.vars().clone(),
            git_dir: self.git_dir().to_owned(),
            common_dir: self.common_dir().to_owned(),
            workdir: self.workdir().map(Path::to_owned),
            pool: Mutex::new(Vec::new()),
            scratch: Mutex::new(None),
            apart: Some(apart),
            walked: Mutex::default(),
            decides: AtomicBool::new(false),
            count: AtomicU64::new(0),
            plain: OnceLock::new(),
            sign: AtomicBool::new(self.signs_always()),
            shut: Mutex::new(self.shutting()),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whether what a push has brought stands before its own objects: that may never come in.
    pub(super) fn is_receiving(&self) -> bool {
        self.inner.apart.is_some()
    }

    /// Where its objects are.
    pub(super) fn objects_dir(&self) -> PathBuf {
        let apart = self.inner.apart.as_ref().map(|apart| apart.objects.clone());
        apart.unwrap_or_else(|| self.common_dir().join("objects"))
    }

    /// The directory that all worktrees share: objects, refs, configuration. Absolute, symlinks resolved.
    pub fn common_dir(&self) -> &Path {
        &self.inner.common_dir
    }

    /// The Git directory of this worktree; the common directory in the main one. Absolute, symlinks resolved.
    pub fn git_dir(&self) -> &Path {
        &self.inner.git_dir
    }

    /// The top of this work tree, `None` in a bare repository. Absolute, symlinks resolved.
    pub fn workdir(&self) -> Option<&Path> {
        self.inner.workdir.as_deref()
    }

    /// Whether this is no work tree: a bare repository, or the inside of a Git directory that has none.
    pub fn is_bare(&self) -> bool {
        self.workdir().is_none()
    }

    /// Whether history is cut off somewhere (`git clone --depth`).
    pub fn is_shallow(&self) -> bool {
        self.gix().is_shallow().unwrap_or(true)
    }

    /// The effective value of a configuration key, the last one where there are several.
    pub fn config(&self, key: &str) -> Option<String> {
        Some(self.gix().config_snapshot().string(key)?.to_string())
    }

    /// The git executable in `cwd`, with the scrubbed environment of this repository's variables.
    pub fn git(&self, cwd: &Path, args: &[&str]) -> Git {
        let git = Git::new(self.vars(), cwd, args);
        let env = self.inner.apart.iter().flat_map(|apart| &apart.env);
        env.fold(git, |git, (key, value)| git.env(key, value))
    }

    /// The git executable for questions that need no work tree: it runs in the Git directory of this worktree, so that
    /// it answers even where the work tree is gone.
    pub(super) fn plumbing(&self, args: &[&str]) -> Git {
        self.git(self.git_dir(), args)
    }

    /// A handle to work with, with what it has read lately still in memory: a landing reads much of what the one before
    /// it read. It goes back to the others when it is dropped.
    pub(super) fn gix(&self) -> Handle<'_> {
        let pooled = self.inner.pool.lock().ok().and_then(|mut pool| pool.pop());
        Handle { repo: self, gix: Some(pooled.unwrap_or_else(|| self.new_gix())) }
    }

    /// A handle of its own, for what would only sweep the memory of a pooled one.
    pub(super) fn new_gix(&self) -> gix::Repository {
        let mut gix = self.inner.sync.to_thread_local();
        gix.object_cache_size(CACHE);
        gix
    }

    /// The same with nothing read of its packs: what was read of them stays mapped for as long as a handle lives. Commits
    /// that are decoded once each need no memory of others.
    pub(super) fn with_packs_closed(&self) -> Result<gix::ThreadSafeRepository> {
        let mut sync = self.inner.sync.clone();
        sync.objects = match &self.inner.apart {
            Some(apart) => apart.store(self.gix().object_hash())?,
            None => receive::store(&self.objects_dir(), self.gix().object_hash())?,
        };
        Ok(sync)
    }

    /// A path that nobody else uses, in a directory of this process's own below the common directory. The directory goes
    /// with the last clone of this value.
    pub(super) fn scratch_path(&self, name: &str) -> Result<PathBuf> {
        let number = self.inner.count.fetch_add(1, Ordering::Relaxed);
        let mut scratch = self.inner.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = match scratch.take() {
            Some(dir) => dir,
            None => Scratch::new(self.common_dir())?,
        };
        Ok(scratch.insert(dir).path(&format!("{name}-{number}")))
    }

    /// Says how what Git starts is shut in that an agent may have written, where the system can; `None` for not at all.
    pub fn shut_in(&self, how: Option<Shutting>) {
        *self.inner.shut.lock().unwrap_or_else(PoisonError::into_inner) = how.map(Arc::new);
    }

    pub(super) fn shutting(&self) -> Option<Arc<Shutting>> {
        self.inner.shut.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The variables this repository was opened with.
    pub(super) fn vars(&self) -> &Vars {
        &self.inner.vars
    }
}

/// What gix may read by itself: the repository's own files, and nothing that hangs on the process environment.
fn options(vars: &Vars) -> gix::open::Options {
    let permissions = Permissions {
        env: permissions::Environment::isolated(),
        config: permissions::Config::isolated(),
        attributes: permissions::Attributes {
            system: !gitconfig::truthy(vars, "GIT_ATTR_NOSYSTEM"),
            ..permissions::Attributes::isolated()
        },
    };
    gix::open::Options::default()
        .permissions(permissions)
        // Trust is asked for in `Repo::new`, as Git does: all or nothing.
        .filter_config_section(|_| true)
        .config_overrides(["core.useReplaceRefs=false"])
}

/// How far a repository is looked for.
fn search(vars: &Vars) -> upwards::Options<'static> {
    upwards::Options {
        ceiling_dirs: ceilings(vars),
        match_ceiling_dir_or_error: false,
        cross_fs: gitconfig::truthy(vars, "GIT_DISCOVERY_ACROSS_FILESYSTEM"),
        ..Default::default()
    }
}

fn ceilings(vars: &Vars) -> Vec<PathBuf> {
    let dirs = vars.get("GIT_CEILING_DIRECTORIES").map(std::env::split_paths);
    let dirs = dirs.into_iter().flatten().filter(|dir| dir.is_absolute());
    dirs.map(|dir| dir.canonicalize().unwrap_or(dir)).collect()
}

/// Whether Git would not have gone up to `found`: a ceiling is not looked at from below, which gix does.
fn above_ceiling(found: &Path, cwd: &Path, vars: &Vars) -> bool {
    let cwd = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
    ceilings(vars).iter().any(|ceiling| cwd.starts_with(ceiling) && cwd != *ceiling && ceiling.starts_with(found))
}

fn open(path: &Path, vars: &Vars) -> Result<gix::Repository> {
    gix::discover::is_git(path)
        .or_else(|_| gix::discover::is_git(&path.join(".git")))
        .map_err(|_| Error::NotARepository { path: path.to_owned() })?;
    let opened = gix::ThreadSafeRepository::open_opts(path, options(vars));
    Ok(opened.map_err(Error::while_(format!("open the repository at {}", path.display())))?.to_thread_local())
}

/// Git's rule for an explicit `GIT_DIR`: the work tree is `GIT_WORK_TREE`, or what the repository says, or the current
/// directory.
fn with_work_tree(mut repo: gix::Repository, cwd: &Path, vars: &Vars) -> Result<gix::Repository> {
    let work_tree = match vars.get("GIT_WORK_TREE") {
        Some(path) => Some(cwd.join(path)),
        None if repo.is_bare() => None,
        None if repo.workdir().is_some_and(|top| cwd.starts_with(top)) => return Ok(repo),
        None => Some(cwd.to_owned()),
    };
    if let Some(path) = work_tree {
        repo.set_workdir(path.clone()).map_err(|_| Error::NotARepository { path })?;
    }
    Ok(repo)
}

impl Head {
    /// The commit that is checked out; `None` before the first.
    pub fn tip(&self) -> Option<Oid> {
        self.commit()
    }

    /// The short name of the branch that is checked out, born or not.
    pub fn branch(&self) -> Option<&str> {
        match self {
            Self::Branch { name, .. } | Self::Unborn(name) => Some(name),
            Self::Detached(_) => None,
        }
    }
}
