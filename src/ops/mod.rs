//! One use case a file, used by every front end alike; nothing here prints.

pub mod activity;
pub mod config;
pub mod cost;
pub mod decide;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod export;
pub mod handover;
pub mod hook;
pub mod hooks;
pub mod init;
pub mod lint;
pub mod log;
pub mod pr;
pub mod review;
pub mod runs;
mod sandbox;
pub mod sync;
pub mod upkeep;
pub mod verify;
pub mod views;
pub mod write;

use miette::Diagnostic;
use thiserror::Error;

use crate::{git, project, run, spec};

/// Why a use case could not be carried out.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// Something was called wrongly, or names what is not there.
    #[error("{message}")]
    #[diagnostic(code(chant::usage))]
    Usage {
        /// What is wrong.
        message: String,
        /// What to type next.
        #[help]
        help: Option<String>,
    },
    /// Specs are not usable.
    #[error("{}", if .0.len() == 1 { "one problem".to_owned() } else { format!("{} problems", .0.len()) })]
    #[diagnostic(code(chant::lint))]
    Specs(#[related] Vec<spec::Diagnostic>),
    /// An id means nothing here, or too much.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Lookup(#[from] spec::Lookup),
    /// Working, proving or landing went wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Run(#[from] run::Error),
    /// The project cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Project(#[from] project::Error),
    /// Git could not answer.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Git(#[from] git::Error),
    /// A file cannot be read or written.
    #[error("cannot {what}")]
    #[diagnostic(code(chant::file))]
    File {
        /// What was tried.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// A wrong call, with what to type instead.
    pub fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), help: Some(help.into()) }
    }

    pub(crate) fn file(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::File { what, source }
    }

    /// The exit code of a command that ends with this error (DESIGN.md, section 6).
    pub fn exit(&self) -> u8 {
        match self {
            Self::Run(error) => error.exit(),
            Self::File { .. } => 1,
            _ => 2,
        }
    }
}

/// Refuses to go on where something is wrong with a spec that is needed.
pub(crate) fn resolve<'a>(look: &'a project::Look, query: &str) -> Result<&'a spec::SpecId, Error> {
    if query.trim().is_empty() {
        return Err(Error::usage("no spec is named", "`chant list` shows every spec"));
    }
    match look.set.resolve(query) {
        Ok(id) => Ok(id),
        Err(lookup) => {
            // A spec that cannot be read is no spec that is not there: say what is wrong with it.
            let bad: Vec<spec::Diagnostic> = look
                .diagnostics
                .iter()
                .filter(|d| d.severity == spec::Severity::Error && names(&d.origin().name, query))
                .cloned()
                .collect();
            if bad.is_empty() { Err(lookup.into()) } else { Err(Error::Specs(bad)) }
        }
    }
}

fn names(file: &str, query: &str) -> bool {
    let stem = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".md");
    stem == query || stem.strip_prefix(query).is_some_and(|rest| rest.starts_with('-') || rest.starts_with('.'))
}

/// Refuses to decide about work that this clone has seen at a remote and does not have itself.
pub(crate) fn refuse_elsewhere(project: &project::Project, id: &spec::SpecId) -> Result<(), Error> {
    let name = project.qualify(id);
    if project.repo.tip(&name.full_ref())?.is_some() {
        return Ok(());
    }
    let branch = name.branch();
    let seen = project.repo.refs("refs/remotes/")?.into_iter().find(|(full, _)| {
        full.trim_start_matches("refs/remotes/").split_once('/').is_some_and(|(_, rest)| rest == branch)
    });
    match seen {
        None => Ok(()),
        Some((full, _)) => {
            let there = full.trim_start_matches("refs/remotes/");
            Err(run::Error::refused(
                format!("the work on {id} is at {there}, and not in this clone"),
                format!("bring it here: `git branch {branch} {there}`; or share all of it: `remote:` in the settings"),
            )
            .into())
        }
    }
}

/// The spec that a query names.
///
/// # Errors
/// Where it names none or several, or one that cannot be read: then what is wrong with it.
pub fn find<'a>(look: &'a project::Look, query: &str) -> Result<&'a spec::SpecId, Error> {
    resolve(look, query)
}
