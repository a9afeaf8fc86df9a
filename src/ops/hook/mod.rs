//! `chant hook <name>`: what Git calls. One handler a file, over the same use cases as the command line.
//!
//! A hook is called in every commit of every repository that has it, so each asks first whether it has anything to say at
//! all, and says nothing where there is no project. Whatever a hook does happens without hooks as well, with the next
//! command: they are never needed for the truth.

mod after;
mod commit_msg;
mod message;
mod post_commit;
mod pre_commit;
mod pre_push;
mod prepare;
pub mod server;
pub mod worker;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use crate::agent::Lock;
use crate::config::Flags;
use crate::env::Env;
use crate::git::Repo;
use crate::ledger::Oid;
use crate::project::{self, Project};
use crate::run::Reporter;
use crate::spec::{Qualified, SpecId};

/// What Git gave to a hook.
pub struct Call {
    /// The process, without the variables that tie it to one repository.
    env: Arc<Env>,
    repo: Repo,
    /// The index that Git named, where it named one.
    index: Option<PathBuf>,
    args: Vec<String>,
    stdin: Vec<u8>,
    reporter: Reporter,
}

/// What a hook has to say to the person who called Git.
pub type Said = Vec<String>;

/// Carries out one hook; gives what it has to say.
///
/// # Errors
/// Where what Git is about to do must not be done: the error says why, and the hook fails.
pub fn call(
    env: &Arc<Env>,
    name: &str,
    args: Vec<String>,
    stdin: impl FnOnce() -> Vec<u8>,
    reporter: Reporter,
) -> Result<Said, Error> {
    // Most commits say nothing to chant: that is found out before anything is opened.
    if name == "commit-msg" && !commit_msg::speaks(&env.cwd, &args) {
        return Ok(Said::new());
    }
    let untied = Arc::new(env.untied(crate::git::exe::is_local));
    let tied = |name: &str| env.vars.get(name).map(|value| env.cwd.join(value));
    // Without the variables Git's own search has the last word; a repository that only they lead to is one all the same.
    let repo = match Repo::discover(&untied.cwd, &untied.vars) {
        Ok(repo) => repo,
        Err(_) => Repo::discover(&env.cwd, &env.vars)?,
    };
    let index = tied("GIT_INDEX_FILE");
    let reads = matches!(name, "pre-push" | "post-rewrite");
    let stdin = if reads { stdin() } else { Vec::new() };
    let call = Call { env: untied, repo, index, args, stdin, reporter };
    match name {
        "pre-commit" => pre_commit::run(&call),
        "prepare-commit-msg" => prepare::run(&call),
        "commit-msg" => commit_msg::run(&call),
        "post-commit" => post_commit::run(&call),
        "post-merge" | "post-rewrite" => after::run(&call, true),
        // The third argument tells a switch of branches from a restored file.
        "post-checkout" if call.args.get(2).is_some_and(|flag| flag == "1") => after::run(&call, false),
        "post-checkout" => Ok(Said::new()),
        "pre-push" => pre_push::run(&call),
        other => Err(Error::usage(format!("`{other}` is no hook of chant's"), "`chant hooks status` lists them")),
    }
}

impl Call {
    fn top(&self) -> &Path {
        self.repo.workdir().unwrap_or_else(|| self.repo.git_dir())
    }

    /// Whether a rebase, a cherry-pick or the like is replaying commits, whose messages are no business of chant's.
    fn replays(&self) -> bool {
        let operation = self.repo.operation(self.top()).ok().flatten();
        matches!(operation, Some("rebase" | "am" | "cherry-pick"))
    }

    /// A file that Git named, relative to where it called.
    fn file(&self, nth: usize) -> Result<PathBuf, Error> {
        let name =
            self.args.get(nth).ok_or_else(|| Error::usage("Git names a file to this hook", "see githooks(5)"))?;
        Ok(self.env.cwd.join(name))
    }

    fn head(&self) -> Result<Option<Oid>, Error> {
        Ok(self.repo.head()?.tip())
    }

    /// All projects in the commit that is checked out, opened; those that cannot be are `lint`'s to tell.
    fn projects(&self) -> Result<Vec<Project>, Error> {
        let Some(head) = self.head()? else { return Ok(Vec::new()) };
        let found = project::projects(&self.repo, head)?;
        Ok(found.into_iter().filter_map(|one| self.open(&one.prefix)).collect())
    }

    fn open(&self, prefix: &str) -> Option<Project> {
        let env = Arc::new(self.env.within(&self.top().join(prefix)));
        let project = Project::open(&env, &Flags::default()).ok()?;
        (project.prefix == prefix).then_some(project)
    }

    /// The spec whose branch or worktree this is: by the branch that is checked out, or by the worktree's own directory,
    /// also on a detached HEAD.
    fn spec(&self) -> Result<Option<(Project, SpecId)>, Error> {
        let head = self.repo.head()?;
        let by_branch = head.branch().and_then(Qualified::from_branch);
        let linked = self.repo.git_dir() != self.repo.common_dir();
        let by_place =
            || linked.then(|| self.top().file_name()).flatten().and_then(OsStr::to_str).and_then(of_directory);
        let Some(name) = by_branch.clone().or_else(by_place) else { return Ok(None) };
        for project in self.projects()?.into_iter().filter(|project| project.name == name.project) {
            let project = project.at_home(&Flags::default())?;
            let place = project.worktree_path(&name.id);
            if by_branch.is_some() || same(&place, self.top()) {
                return Ok(Some((project, name.id)));
            }
        }
        Ok(None)
    }
}

/// The spec whose worktree is in a directory of this name.
fn of_directory(name: &str) -> Option<Qualified> {
    name.replacen('+', "/", 1).parse().ok()
}

fn same(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real(a) == real(b)
}

/// Whether a commit is as its first parent, as an event has to be.
fn changes_nothing(repo: &Repo, commit: Oid) -> Result<bool, Error> {
    let parent = repo.parents(commit)?.first().copied();
    Ok(match parent {
        Some(parent) => repo.tree(parent)? == repo.tree(commit)?,
        None => false,
    })
}

/// Whether a run has a spec in its hands: its lock is held, or this very process was started by one.
fn is_worked(project: &Project, id: &SpecId) -> bool {
    Lock::is_held(&project.lock_path(id)).unwrap_or(true)
        || crate::agent::inside_run(project.repo.common_dir()).is_some()
}
