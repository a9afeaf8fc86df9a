//! What can go wrong between chant and Git, in words a person can act on.

use std::path::PathBuf;

use super::exe::Failure;

/// The result of a call into Git.
pub type Result<T> = std::result::Result<T, Error>;

/// Why Git did not do what it was asked.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum Error {
    /// No repository here or above.
    #[error("{} is not in a Git repository", path.display())]
    #[diagnostic(code(git::not_a_repository), help("make one with `git init`, or go to one"))]
    NotARepository {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The repository belongs to somebody else, and Git would refuse it too.
    #[error("the repository at {} belongs to another user", path.display())]
    #[diagnostic(
        code(git::untrusted),
        help("if you trust it: `git config --global --add safe.directory {}`", path.display())
    )]
    Untrusted {
        /// The work tree, or the Git directory of a bare repository.
        path: PathBuf,
    },
    /// A repository of a kind that cannot be read here.
    #[error("chant cannot work in this repository: {reason}")]
    #[diagnostic(code(git::unsupported), help("a clone can have the usual format: `git clone --ref-format=files …`"))]
    Unsupported {
        /// What is not supported.
        reason: String,
    },
    /// Git does not know who commits.
    #[error("Git does not know who you are")]
    #[diagnostic(
        code(git::no_identity),
        help("`git config user.name \"Your Name\"` and `git config user.email you@example.com`")
    )]
    NoIdentity,
    /// The branch that is checked out has no commit yet.
    #[error("branch `{branch}` has no commit yet")]
    #[diagnostic(code(git::unborn), help("make the first one: `git commit --allow-empty -m \"Start\"`"))]
    Unborn {
        /// Its short name.
        branch: String,
    },
    /// Something that needs files was asked of a repository without a work tree.
    #[error("the repository at {} is bare: it has no files", path.display())]
    #[diagnostic(code(git::bare), help("call chant in a clone with a work tree: `git clone {}`", path.display()))]
    Bare {
        /// The Git directory.
        path: PathBuf,
    },
    /// A revision that names nothing here.
    #[error("`{spec}` names no commit here")]
    #[diagnostic(code(git::no_such_revision), help("`git log --oneline {spec}` should know it; was it fetched?"))]
    NoSuchRevision {
        /// As it was given.
        spec: String,
    },
    /// A name that no ref can have.
    #[error("`{name}` cannot be the name of a ref: {reason}")]
    #[diagnostic(code(git::bad_ref), help("`git check-ref-format --help` lists the rules"))]
    BadRef {
        /// The full name.
        name: String,
        /// What Git dislikes about it.
        reason: String,
    },
    /// A ref of ours that somebody made another name for one of theirs, or the other way round.
    #[error("`{name}` is another name for `{other}`, and what is written to it would go there")]
    #[diagnostic(
        code(git::other_name),
        help(
            "take the name away: `git symbolic-ref --delete {name}`; `{other}` stays, and `git reflog {name}` tells where \
             it was"
        )
    )]
    OtherName {
        /// The full name.
        name: String,
        /// What it leads to.
        other: String,
    },
    /// A branch stands where a folder of branches must be, or the other way round.
    #[error("`{name}` cannot be made, for `{other}` stands in its way")]
    #[diagnostic(code(git::in_the_way), help("rename it: `git branch -m {other} <new name>`"))]
    InTheWay {
        /// The ref to be made.
        name: String,
        /// The ref that is there.
        other: String,
    },
    /// A program that is not chant holds a lock that only chant has a use for: one can be taken by whoever can read it.
    #[error("chant's lock {} is held by process {pid}, which runs {program} and has no use for it", path.display())]
    #[diagnostic(
        code(git::held),
        help(
            "an agent may do that, or what one left behind: `ps {pid}` shows it, `kill {pid}` ends it; then try again"
        )
    )]
    Held {
        /// The lock's file.
        path: PathBuf,
        /// Who holds it.
        pid: u32,
        /// Its program.
        program: String,
    },
    /// Somebody holds the lock on a ref, and does not let go.
    #[error("`{name}` is locked by another process")]
    #[diagnostic(
        code(git::locked),
        help("wait for it; if no git process is running, a `.lock` file was left behind: `git update-ref` names it")
    )]
    Locked {
        /// The ref, as far as it is known.
        name: String,
    },
    /// The repository's `reference-transaction` hook said no.
    #[error("the reference-transaction hook refused: {complaint}")]
    #[diagnostic(
        code(git::hook_refused),
        help("the hook is the repository's own; see `git rev-parse --git-path hooks`")
    )]
    HookRefused {
        /// What it wrote.
        complaint: String,
    },
    /// Signing was asked for and failed.
    #[error("the commit could not be signed: {complaint}")]
    #[diagnostic(
        code(git::signing),
        help("try `git commit --allow-empty -S`; without signing: `git config commit.gpgSign false`")
    )]
    Signing {
        /// What Git wrote.
        complaint: String,
    },
    /// Two commits without a common ancestor.
    #[error("{ours} and {theirs} have no common history")]
    #[diagnostic(code(git::unrelated), help("in a shallow clone: `git fetch --unshallow`"))]
    Unrelated {
        /// One of them.
        ours: crate::ledger::Oid,
        /// The other.
        theirs: crate::ledger::Oid,
    },
    /// The git executable failed, or is not there.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Exe(#[from] Failure),
    /// A worktree that cannot be made, found or changed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Worktree(#[from] WorktreeError),
    /// A file of the repository could not be read or written.
    #[error("cannot {doing} {}", path.display())]
    #[diagnostic(code(git::io))]
    Io {
        /// The verb.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Anything else that reading or writing the repository met: a missing or broken object, a bad index.
    #[error("cannot {doing}")]
    #[diagnostic(code(git::repository), help("`git fsck` tells whether the repository is whole"))]
    Repository {
        /// What was being done.
        doing: String,
        /// What gix said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// For `map_err`: what was being done while `source` happened.
    pub(super) fn while_<E>(doing: impl Into<String>) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let doing = doing.into();
        move |source| Self::Repository { doing, source: source.into() }
    }

    /// For `map_err`: what was being done to which file.
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}

/// Why a worktree cannot be made or changed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum WorktreeError {
    /// One branch, one worktree: Git's own rule.
    #[error("branch `{branch}` is already checked out at {}", path.display())]
    #[diagnostic(
        code(git::checked_out),
        help("work there, or free the branch: `git -C {} switch --detach`", path.display())
    )]
    CheckedOut {
        /// Its short name.
        branch: String,
        /// The worktree that has it.
        path: PathBuf,
    },
    /// Files that are not this worktree's are where it should be.
    #[error("{} is in the way: {reason}", path.display())]
    #[diagnostic(code(git::occupied), help("look at it, then move it away: `mv {0} {0}.old`", path.display()))]
    Occupied {
        /// The directory.
        path: PathBuf,
        /// What it is.
        reason: String,
    },
    /// Another process is making this very worktree.
    #[error("another process is setting up {}", path.display())]
    #[diagnostic(code(git::worktree_busy), help("wait for it; it lets go when it ends"))]
    Busy {
        /// The directory.
        path: PathBuf,
    },
    /// It is locked by `git worktree lock`.
    #[error("the worktree at {} is locked: {reason}", path.display())]
    #[diagnostic(code(git::worktree_locked), help("`git worktree unlock {}`", path.display()))]
    Locked {
        /// The directory.
        path: PathBuf,
        /// What the lock says.
        reason: String,
    },
    /// Not a worktree of this repository, or not of the kind that was asked for.
    #[error("{} is not {wanted} of this repository", path.display())]
    #[diagnostic(code(git::no_worktree), help("`git worktree list` shows what there is"))]
    NotOne {
        /// The directory.
        path: PathBuf,
        /// What it should be.
        wanted: &'static str,
    },
}
