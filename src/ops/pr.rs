//! `chant pr`: completed work as pull requests, and what has become of them.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Error, resolve};
use crate::plan::Status;
use crate::project::{self, Look, Project};
use crate::run::{self, Pulled, Reporter};
use crate::spec::SpecId;

/// What became of asking for one spec's request.
pub struct Asked {
    /// The spec.
    pub id: SpecId,
    /// The request, or why there is none.
    pub outcome: Result<Pulled, run::Error>,
}

/// Opens the request of a spec, or brings it up to date; with `members` those of a driver's members as well, as far as
/// they are completed and have not landed.
///
/// # Errors
/// Where the query names no spec, or nothing can be asked for at all; what stands in the way of one is told beside it.
pub fn open(project: &Project, query: &str, members: bool) -> Result<Vec<Asked>, Error> {
    run::ensure_writable(project)?;
    let look = project::look(project)?;
    let id = resolve(&look, query)?.clone();
    let mut ids = Vec::new();
    if members {
        ids.extend(waiting_below(&look, &id));
        if look.set.members_of(&id).is_empty() {
            return Err(Error::usage(format!("{id} has no members"), format!("`chant pr {id}` asks for its own")));
        }
    }
    let is = |wanted: Status| look.board.row(&id).is_some_and(|row| row.status == wanted);
    if !members || is(Status::InReview) {
        ids.push(id.clone());
    } else if ids.is_empty() {
        let help = format!("`chant work {id}` works them; `chant list` shows where they are");
        return Err(run::Error::refused(format!("no member of {id} waits to be merged"), help).into());
    }
    let ask = |id: SpecId| {
        let outcome = run::hold(project, &id).and_then(|_lock| run::open_pull(project, &id, true));
        Asked { id, outcome }
    };
    Ok(ids.into_iter().map(ask).collect())
}

/// The members at any depth that are completed and have not landed, the innermost first.
fn waiting_below(look: &Look, driver: &SpecId) -> Vec<SpecId> {
    let mut found = Vec::new();
    for member in look.set.members_of(driver) {
        found.extend(waiting_below(look, member));
        if look.board.row(member).is_some_and(|row| row.status == Status::InReview) {
            found.push(member.clone());
        }
    }
    found
}

/// One request, as `chant pr --status --json` gives it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PullView {
    /// The spec.
    pub id: String,
    /// The number on the forge; null where there is no request.
    pub number: Option<u64>,
    /// Its page.
    pub url: Option<String>,
    /// `open`, `merged`, `closed`, or `none` where nobody has opened one.
    pub state: String,
    /// The branch that it is to be merged into.
    pub base: Option<String>,
    /// What reviewers say.
    pub opinion: Option<String>,
    /// The spec's status, as Git tells it now.
    pub status: String,
    /// The commit that it landed as; null where it has not landed.
    pub landing: Option<String>,
    /// What is to be done next, in words.
    pub next: Option<String>,
}

/// Asks the forge about all completed work that has not landed, takes in what has been merged, and cleans up after it.
///
/// # Errors
/// Where the forge or the remote cannot be asked.
pub fn status(project: &Project, reporter: Reporter) -> Result<Vec<PullView>, Error> {
    let (told, look) = run::pull_status(project)?;
    let mut views = Vec::new();
    for one in &told {
        let row = look.board.row(&one.id);
        let landing = look.ledger.record(&project.qualify(&one.id)).and_then(|record| record.landing.clone());
        let heard = one.heard.as_ref();
        views.push(PullView {
            id: one.id.to_string(),
            number: heard.map(|heard| heard.number),
            url: heard.map(|heard| heard.url.clone()),
            state: heard.map_or_else(|| "none".to_owned(), |heard| heard.state.clone()),
            base: heard.map(|heard| heard.base.clone()),
            opinion: heard.and_then(|heard| heard.opinion.clone()),
            status: row.map_or("unknown", |row| row.status.as_str()).to_owned(),
            landing: landing.map(|landing| landing.commit.to_string()),
            next: next(project, &look, one),
        });
    }
    // What several of them lead to is said once.
    for i in 1..views.len() {
        if views[..i].iter().any(|view| view.next.is_some() && view.next == views[i].next) {
            views[i].next = None;
        }
    }
    if run::ensure_writable(project).is_ok() {
        run::clean_up(project, reporter)?;
    }
    Ok(views)
}

fn next(project: &Project, look: &Look, told: &run::Told) -> Option<String> {
    let id = &told.id;
    let status = look.board.row(id).map(|row| row.status)?;
    if status == Status::Completed {
        let driver = look.set.driver_of(id)?;
        let open = look.set.members_of(driver).iter().filter_map(|member| look.board.row(member));
        let all = open.clone().all(|row| matches!(row.status, Status::Completed | Status::Cancelled));
        let waits = look.board.row(driver).is_some_and(|row| row.status == Status::InProgress);
        return (all && waits).then(|| format!("all members have landed: `chant work {driver}`"));
    }
    let Some(heard) = &told.heard else { return Some(format!("`chant pr {id}` opens one")) };
    match heard.state.as_str() {
        "merged" => Some(match told.merged_as {
            Some(commit) if project.repo.tree(commit).is_err() => {
                format!("merged as {}, which is not here: `git fetch`", commit.short())
            }
            _ => format!("merged, but Git cannot tell that it is {id} that was: `chant why {id}`"),
        }),
        "closed" => Some(format!(
            "`chant reject {id} --reason \"…\"` sends it back, `chant pr {id}` opens it again, `chant cancel {id}` drops it"
        )),
        _ if heard.changes_asked => Some(format!("`chant reject {id} --reason \"…\"`, then `chant work {id}`")),
        _ => None,
    }
}

/// Writes the work of a spec as patches into a directory, for a project that takes them by mail.
///
/// # Errors
/// Where it is not completed, or the files cannot be written.
pub fn patches(project: &Project, query: &str, dir: &std::path::Path) -> Result<Vec<String>, Error> {
    let look = project::look(project)?;
    let id = resolve(&look, query)?.clone();
    Ok(run::patches(project, &id, dir)?)
}
