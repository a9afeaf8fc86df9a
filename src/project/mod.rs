//! Where the specs are: a directory that holds `.chant/`, with its settings, its specs and a look at what Git knows
//! of them.
//!
//! A repository may hold several projects. Every command works on the one that encloses the current directory; its
//! name (none at the repository's root) qualifies its specs' ids in branches and trailers (DESIGN.md, section 2).

mod committed;
mod decisive;
mod drift;
mod folded;
mod load;
mod look;
mod opened;
mod seen;
mod sharing;
mod trust;
mod unchanged;
mod verdicts;

pub use decisive::Decisive;
pub use drift::{Drifted, drifted};
pub use load::{
    Loaded, Neighbour, leads_out, lint_together, load_at, load_staged, load_worktree, other_projects, projects,
};
pub use look::{Look, did, look, look_at, policy, rival};
pub use sharing::Sharing;
pub use verdicts::Verdicts;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::Diagnostic;
use thiserror::Error;

use crate::config::{Flags, Settings};
use crate::env::Env;
use crate::git::{self, Repo, Shutting};
use crate::ledger::Oid;
use crate::spec::{self, Qualified, SpecId};

/// The directory in a project that holds everything of chant's.
pub const DIR: &str = ".chant";
/// The directory of the specs, relative to the project's.
pub const SPECS: &str = ".chant/specs";
/// The settings, relative to the project's directory.
pub const CONFIG: &str = ".chant/config.yaml";

/// A project opened for work or for a look.
#[derive(Clone)]
pub struct Project {
    /// The repository around it.
    pub repo: Repo,
    /// Its directory in the user's checkout; `None` in a bare repository.
    pub root: Option<PathBuf>,
    /// Its directory relative to the repository's top, with a closing slash; empty at the top.
    pub prefix: String,
    /// Its name; `None` at the repository's root.
    pub name: Option<spec::Project>,
    /// The values of its settings, with their origins.
    pub settings: Settings,
    /// Warnings that reading the settings gave.
    pub warnings: Vec<spec::Diagnostic>,
    /// The process around it.
    pub env: Arc<Env>,
    /// How it stands with the remote that other clones share with this one.
    pub sharing: Arc<Sharing>,
    /// What Git said of signatures.
    pub verdicts: Arc<Verdicts>,
}

/// Why no project could be opened.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// No directory from here up holds `.chant/`.
    #[error("there is no chant project in {} or above it", .0.display())]
    #[diagnostic(code(chant::project::none), help("make one here with `chant init`"))]
    None(PathBuf),
    /// The commit has one, and the checkout does not.
    #[error("the project in `{0}` is not in this checkout")]
    #[diagnostic(
        code(chant::project::left_out),
        help("a sparse checkout leaves it out: `git sparse-checkout add {0}`; or it was deleted: `git restore {0}`")
    )]
    LeftOut(String),
    /// The configuration cannot be read.
    #[error("the project's settings are not usable")]
    #[diagnostic(code(chant::project::config))]
    Config(#[related] Vec<spec::Diagnostic>),
    /// A project below the repository's root has no name.
    #[error("the project in `{0}` has no name")]
    #[diagnostic(
        code(chant::project::nameless),
        help(
            "a repository may hold several projects; name this one with a line `project: <name>` in `{0}.chant/config.yaml`"
        )
    )]
    Nameless(String),
    /// Something else is at the bottom of it.
    #[error("cannot read {path}")]
    #[diagnostic(code(chant::project::read))]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Git could not answer.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Git(#[from] git::Error),
    /// Specs are read from commits, and a commit holds nothing below a symlink.
    #[error("`{0}` is a symlink, and Git keeps nothing below one")]
    #[diagnostic(code(chant::project::symlink), help("make it a directory, and commit the specs in it"))]
    Symlink(String),
    /// A branch named `chant` leaves no room for `chant/<id>`.
    #[error("a branch named `chant` stands where the branches `chant/<id>` must go")]
    #[diagnostic(code(chant::project::branch), help("rename it: `git branch -m chant <another name>`"))]
    BranchInTheWay,
}

impl Project {
    /// Opens the project that encloses the current directory.
    ///
    /// # Errors
    /// Outside of a repository or a project, and where its settings are not usable.
    pub fn open(env: &Arc<Env>, flags: &Flags) -> Result<Self, Error> {
        let (repo, root, prefix) = Self::find(env)?;
        Self::at(repo, root, prefix, env, flags, false)
    }

    /// Where it is.
    fn find(env: &Arc<Env>) -> Result<(Repo, Option<PathBuf>, String), Error> {
        let repo = Repo::discover(&env.cwd, &env.vars)?;
        let (root, prefix) = match repo.workdir() {
            Some(top) => {
                let (root, prefix) = match enclosing(&env.cwd, top) {
                    Some(found) => found,
                    None => return Err(absent(&repo, &env.cwd, top)?),
                };
                (Some(root), prefix)
            }
            None => (None, String::new()),
        };
        Ok((repo, root, prefix))
    }

    /// Opens it even where its settings are not usable, for `lint`: what is wrong with them comes back as warnings of the
    /// project, whose specs can be looked at all the same.
    ///
    /// # Errors
    /// Outside of a repository or a project.
    pub fn open_anyhow(env: &Arc<Env>) -> Result<Self, Error> {
        let (repo, root, prefix) = Self::find(env)?;
        Self::at(repo, root, prefix, env, &Flags::default(), true)
    }

    fn at(
        repo: Repo,
        root: Option<PathBuf>,
        prefix: String,
        env: &Arc<Env>,
        flags: &Flags,
        anyhow: bool,
    ) -> Result<Self, Error> {
        let link = root.iter().find_map(|root| [DIR, SPECS].into_iter().find(|dir| root.join(dir).is_symlink()));
        if let Some(dir) = link {
            return Err(Error::Symlink(format!("{prefix}{dir}")));
        }
        let text = match &root {
            Some(root) => read_optional(&root.join(CONFIG))?,
            None => match repo.head()?.tip() {
                Some(tip) => repo.read(tip, CONFIG)?,
                None => None,
            },
        };
        let name = format!("{prefix}{CONFIG}");
        let file = text.as_deref().map(|bytes| (name.as_str(), bytes));
        let (mut settings, diagnostics) = opened::settings(&repo, env, file, flags);
        let mut project_name = settings.project.value.clone();
        if diagnostics.iter().any(|d| d.severity == spec::Severity::Error) {
            if !anyhow {
                return Err(Error::Config(diagnostics));
            }
            project_name = text.as_deref().and_then(crate::config::project_name);
            settings = Settings::default();
        }
        if project_name.is_none() && !prefix.is_empty() && !anyhow {
            return Err(Error::Nameless(prefix));
        }
        let home = env.vars.get("HOME").filter(|home| !home.is_empty()).map(Path::new);
        repo.shut_in(settings.sandbox.on.value.then(|| Shutting {
            program: env.program.clone(),
            write: settings.sandbox.paths(home),
            no_net: settings.sandbox.no_net.value,
            pass: settings.sandbox.pass_env.value.clone(),
        }));
        if repo.tip("refs/heads/chant")?.is_some() {
            return Err(Error::BranchInTheWay);
        }
        Ok(Self {
            repo,
            root,
            prefix,
            name: project_name,
            settings,
            warnings: diagnostics,
            env: Arc::clone(env),
            sharing: Arc::default(),
            verdicts: Arc::default(),
        })
    }

    /// The same project as the main worktree has it, where this one is in a spec's own worktree: that goes when the spec
    /// has landed, and nothing can be done from a directory that is gone.
    ///
    /// # Errors
    /// As [`Project::open`].
    pub fn at_home(self, flags: &Flags) -> Result<Self, Error> {
        let Some(top) = self.repo.main_workdir() else { return Ok(self) };
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let away = self.repo.workdir().is_some_and(|here| real(here).starts_with(real(&self.worktrees_dir())));
        let home = self.dir_in(&top);
        if !away || !home.join(DIR).is_dir() {
            return Ok(self);
        }
        Self::open(&Arc::new(self.env.within(&home)), flags)
    }

    /// The settings as they stand in a commit, with the same overrides: whose words count for an attempt that starts
    /// from it (DESIGN.md, section 3).
    ///
    /// # Errors
    /// Where they are not usable there.
    pub fn settings_at(&self, commit: Oid, flags: &Flags) -> Result<Settings, Error> {
        let path = self.path(CONFIG);
        let bytes = self.repo.read(commit, &path)?;
        let file = bytes.as_deref().map(|bytes| (path.as_str(), bytes));
        let (settings, diagnostics) = opened::settings(&self.repo, &self.env, file, flags);
        if diagnostics.iter().any(|d| d.severity == spec::Severity::Error) {
            return Err(Error::Config(diagnostics));
        }
        Ok(settings)
    }

    /// The qualified id of one of its specs.
    pub fn qualify(&self, id: &SpecId) -> Qualified {
        Qualified { project: self.name.clone(), id: id.clone() }
    }

    /// A path of the project as the repository knows it.
    pub fn path(&self, inside: &str) -> String {
        format!("{}{inside}", self.prefix)
    }

    /// The file of a spec as the repository knows it.
    pub fn spec_path(&self, id: &SpecId) -> String {
        self.path(&format!("{SPECS}/{id}.md"))
    }

    /// What a change makes of the criteria of a spec of this project; nothing where the path is no spec's.
    pub fn criteria_edited(&self, path: &str, old: Option<&str>, new: Option<&str>) -> Vec<String> {
        let stem = path.strip_prefix(&self.path(SPECS)).and_then(|rest| rest.strip_prefix('/')?.strip_suffix(".md"));
        let Some(id) = stem.and_then(|stem| stem.parse::<SpecId>().ok()) else { return Vec::new() };
        let read = |text: Option<&str>| text.and_then(|text| spec::parse(&id, path, text.as_bytes()).spec);
        spec::edited_criteria(read(old).as_ref(), read(new).as_ref())
    }

    /// The lock of a spec, under the common directory.
    pub fn lock_path(&self, id: &SpecId) -> PathBuf {
        self.repo.home_dir().join("chant/locks").join(format!("{}.lock", flat(&self.qualify(id))))
    }

    /// The lock of a branch that is landed on.
    pub fn landing_lock_path(&self, branch: &str) -> PathBuf {
        self.repo.common_dir().join("chant/locks").join(format!("onto-{}.lock", branch.replace('/', "+")))
    }

    /// The live transcript of a spec's agent.
    pub fn transcript_path(&self, id: &SpecId) -> PathBuf {
        self.repo.home_dir().join("chant/logs").join(format!("{}.log", flat(&self.qualify(id))))
    }

    /// Where somebody asks the run that works a spec to give it to a person.
    pub fn ask_path(&self, id: &SpecId) -> PathBuf {
        self.repo.home_dir().join("chant/asked").join(flat(&self.qualify(id)))
    }

    /// Where worktrees are made.
    pub fn worktrees_dir(&self) -> PathBuf {
        Self::worktrees_in(&self.repo, &self.settings, &self.prefix)
    }

    fn worktrees_in(repo: &Repo, settings: &Settings, prefix: &str) -> PathBuf {
        let configured = PathBuf::from(&settings.worktree_dir.value);
        if configured.is_absolute() {
            return configured;
        }
        // The same from whichever worktree it is asked, a spec's own included.
        match repo.main_workdir() {
            Some(top) => top.join(prefix).join(configured),
            None => repo.common_dir().join("chant").join(configured),
        }
    }

    /// The worktree of a spec.
    pub fn worktree_path(&self, id: &SpecId) -> PathBuf {
        self.worktrees_dir().join(flat(&self.qualify(id)))
    }

    /// The separate checkout in which a spec is proven.
    pub fn proof_path(&self, id: &SpecId) -> PathBuf {
        self.worktrees_dir().join(format!("{}+proof", flat(&self.qualify(id))))
    }

    /// The project's directory in another worktree of the repository.
    pub fn dir_in(&self, worktree: &Path) -> PathBuf {
        if self.prefix.is_empty() { worktree.to_owned() } else { worktree.join(self.prefix.trim_end_matches('/')) }
    }
}

/// A qualified id as one file name.
fn flat(id: &Qualified) -> String {
    id.to_string().replace('/', "+")
}

fn read_optional(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Read { path: path.display().to_string(), source }),
    }
}

/// The nearest directory from `cwd` up to the checkout's top that holds `.chant/`, and its path from the top.
/// Why there is no project in `cwd` or above it: the commit may have one all the same.
///
/// # Errors
/// Where Git cannot read the commit.
pub fn absent(repo: &Repo, cwd: &Path, top: &Path) -> Result<Error, Error> {
    let none = Error::None(cwd.to_owned());
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (cwd, top) = (real(cwd), real(top));
    let (Ok(inside), Some(tip)) = (cwd.strip_prefix(&top), repo.head()?.tip()) else { return Ok(none) };
    for dir in inside.ancestors() {
        let path = dir.join(DIR).to_string_lossy().into_owned();
        if !top.join(&path).is_dir() && !repo.list(tip, &path)?.is_empty() {
            return Ok(Error::LeftOut(path));
        }
    }
    Ok(none)
}

fn enclosing(cwd: &Path, top: &Path) -> Option<(PathBuf, String)> {
    let cwd = cwd.canonicalize().ok()?;
    let top = top.canonicalize().ok()?;
    let mut dir = cwd.as_path();
    loop {
        if dir.join(DIR).is_dir() {
            let inside = dir.strip_prefix(&top).ok()?;
            let mut prefix = inside.to_string_lossy().into_owned();
            if !prefix.is_empty() {
                prefix.push('/');
            }
            return Some((dir.to_owned(), prefix));
        }
        if dir == top {
            return None;
        }
        dir = dir.parent()?;
    }
}
