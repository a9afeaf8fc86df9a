//! `chant init`: a directory for specs, and Git told where to leave chant's own files alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Error, upkeep};
use crate::env::Env;
use crate::git::Repo;
use crate::project::{self, CONFIG, DIR, SPECS};

/// What `init` did; doing it twice is the same as once.
#[derive(Debug, Clone, Default)]
pub struct Made {
    /// Where the project is.
    pub root: PathBuf,
    /// The files and directories that were not there before.
    pub created: Vec<String>,
    /// Whether a Git repository was made around it.
    pub repository: bool,
    /// The remote of which a plain `git fetch` now brings what chant keeps beside branches.
    pub refspecs: Option<String>,
    /// Whether the history is long and a commit-graph would help ([`super::upkeep`]).
    pub long: bool,
}

const CONFIG_TEXT: &str = "\
# chant's settings; every key is optional. `chant config` prints all values and where they come from.

# agent: builder          # who works a spec that names nobody; without it, a spec's own `## Steps`
# jobs: 4                 # how many agents may run side by side
# land: auto              # auto | review: a person merges
# timeout: 60m            # for an agent, and for each proof
# agents:
#   builder: { command: [\"sh\", \"agents/build.sh\"] }                      # any program; the prompt is its input
#   claude:  { limit: 2 }                                               # Claude Code; codex, opencode, gemini and aider alike
# worktree: { setup: \"npm ci\", keep: [node_modules] }
";

/// Makes a project in the current directory, and a repository around it where there is none.
///
/// # Errors
/// Where files cannot be written, or a project below the repository's top is given no name.
pub fn init(env: &Arc<Env>, name: Option<&str>) -> Result<Made, Error> {
    let mut made = Made { root: env.cwd.clone(), ..Made::default() };
    let repo = match Repo::discover(&env.cwd, &env.vars) {
        Ok(repo) => repo,
        Err(crate::git::Error::NotARepository { .. }) => {
            made.repository = true;
            Repo::init(&env.cwd, "main", &env.vars)?
        }
        Err(error) => return Err(error.into()),
    };
    let Some(top) = repo.workdir().map(|top| top.canonicalize().unwrap_or_else(|_| top.to_owned())) else {
        return Err(Error::usage(
            "this is a bare repository; a project's specs are files",
            "make the project in a clone, commit and push it",
        ));
    };
    if !env.cwd.join(DIR).exists()
        && let left_out @ project::Error::LeftOut(_) = project::absent(&repo, &env.cwd, &top)?
    {
        return Err(left_out.into());
    }
    let here = env.cwd.canonicalize().map_err(Error::file("find the current directory"))?;
    let name = match name {
        Some(name) => Some(
            name.parse::<crate::spec::Project>()
                .map_err(|error| Error::usage(error.to_string(), "choose another name"))?,
        ),
        None => None,
    };
    let configured = here.join(CONFIG).exists();
    if here != top && name.is_none() && !configured {
        return Err(Error::usage(
            "below the repository's top a project needs a name, for its branches",
            "give it one: `chant init --name <name>`",
        ));
    }
    if let Some(name) = &name {
        refuse_name(&repo, &here, &top, name)?;
    }
    let specs = here.join(SPECS);
    if !specs.is_dir() {
        std::fs::create_dir_all(&specs).map_err(Error::file(format!("make {SPECS}")))?;
        made.created.push(format!("{SPECS}/"));
    }
    if !configured {
        let mut text = CONFIG_TEXT.to_owned();
        if let Some(name) = &name {
            text = format!("project: {name}\n\n{text}");
        }
        std::fs::write(here.join(CONFIG), text).map_err(Error::file(format!("write {CONFIG}")))?;
        made.created.push(CONFIG.to_owned());
    }
    let inside = here.strip_prefix(&top).map(|path| path.to_path_buf()).unwrap_or_default();
    let pattern = format!("/{}", inside.join(DIR).join("worktrees").display());
    repo.exclude(&format!("{pattern}/"))?;
    let remote = repo.config("chant.remote").unwrap_or_else(|| "origin".to_owned());
    if repo.has_remote(&remote) && repo.add_refspecs(&remote)? {
        made.refspecs = Some(remote);
    }
    made.long = upkeep::is_wanted(&repo)?;
    Ok(made)
}

/// The name of a project names its branches: one that has another keeps it, and no two have the same.
fn refuse_name(repo: &Repo, here: &Path, top: &Path, name: &crate::spec::Project) -> Result<(), Error> {
    let configured = std::fs::read(here.join(CONFIG)).ok();
    if let Some(bytes) = configured {
        return match crate::config::project_name(&bytes) {
            Some(own) if own == *name => Ok(()),
            own => Err(Error::usage(
                own.map_or_else(
                    || "the project here has no name".to_owned(),
                    |own| format!("the project here is called `{own}`"),
                ),
                format!("its events bear its name; to change it all the same, edit `project:` in {CONFIG}"),
            )),
        };
    }
    let Some(tip) = repo.head()?.tip() else { return Ok(()) };
    let prefix = here.strip_prefix(top).map(|path| format!("{}/", path.display())).unwrap_or_default();
    let same = |other: &project::Neighbour| {
        other.prefix != prefix
            && other.name.as_ref().is_some_and(|other| other.as_str().eq_ignore_ascii_case(name.as_str()))
    };
    match project::projects(repo, tip)?.into_iter().find(same) {
        None => Ok(()),
        Some(other) => Err(Error::usage(
            format!("the project in `{}` is called `{name}` already", other.prefix),
            "choose another name: it names the branches",
        )),
    }
}
