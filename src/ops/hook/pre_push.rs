//! pre-push: what is not whole stays here, and what somebody else claimed there is not run over.

use super::{Call, Said};
use crate::ledger::{self, Oid, Reading, Transition};
use crate::ops::Error;
use crate::plan::{Row, Status};
use crate::project::{self, Project};
use crate::review::Squash;
use crate::run;
use crate::spec::Qualified;

/// One line of what Git is about to push.
struct Update {
    local_ref: String,
    local: Option<Oid>,
    remote_ref: String,
    remote: Option<Oid>,
}

impl Update {
    /// The branch that it goes to; empty where it goes to none.
    fn branch(&self) -> &str {
        self.remote_ref.strip_prefix("refs/heads/").unwrap_or_default()
    }
}

pub(super) fn run(call: &Call) -> Result<Said, Error> {
    let text = String::from_utf8_lossy(&call.stdin);
    let updates: Vec<Update> = text.lines().filter_map(read).collect();
    for update in updates {
        let name = Qualified::from_branch(update.branch());
        match (name, update.local) {
            (Some(name), Some(local)) => claim(call, &name, local, update.remote)?,
            (Some(name), None) => deletion(call, &name, update.remote)?,
            (None, Some(local)) if !update.branch().is_empty() => whole(call, &update, local)?,
            _ => {}
        }
    }
    let asks = text.lines().filter_map(read).any(|update| Qualified::from_branch(update.branch()).is_some());
    Ok(if asks { squash(call) } else { Said::new() })
}

/// A word of warning where a squash on the forge would lose what the branch's requests end with. It is asked where the
/// settings ask for requests; a forge that cannot be reached now says nothing.
fn squash(call: &Call) -> Said {
    let mut said = Said::new();
    for project in call.projects().unwrap_or_default().iter().filter(|project| run::Door::is_wanted(project)) {
        let door = run::Door::find(project).ok().filter(run::Door::has_token);
        if let Some(Ok(Squash::Lost(why))) = door.map(|door| door.squash()) {
            said.push(format!("warning: a squash on the forge loses the trailers by which a landing is known: {why}"));
            break;
        }
    }
    said
}

fn read(line: &str) -> Option<Update> {
    let mut words = line.split(' ');
    let (local_ref, local, remote_ref, remote) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let oid = |text: &str| text.parse::<Oid>().ok().filter(|oid| !oid.is_null());
    let (local_ref, remote_ref) = (local_ref.to_owned(), remote_ref.to_owned());
    Some(Update { local_ref, local: oid(local), remote_ref, remote: oid(remote) })
}

/// A target must not say that a driver is completed and lack one of its members. Any other branch may: nothing lands there.
fn whole(call: &Call, update: &Update, tip: Oid) -> Result<(), Error> {
    let branch = update.branch();
    let names = [branch, update.local_ref.strip_prefix("refs/heads/").unwrap_or_default()];
    for project in call.projects()? {
        let look = project::look_at(&project, tip)?;
        let lands_here = |row: &Row| row.target.as_deref().is_none_or(|target| names.contains(&target));
        let done = |row: &&Row| row.status == Status::Completed && !row.members.is_empty() && lands_here(row);
        for row in look.board.rows.iter().filter(done) {
            let lacks: Vec<String> = row
                .members
                .iter()
                .filter_map(|member| look.board.row(member))
                .filter(|member| !member.status.is_settled() && began(&project, &look, member))
                .map(|member| format!("{} is {}", member.id, member.status.as_str()))
                .collect();
            if !lacks.is_empty() {
                return Err(Error::usage(
                    format!("{branch} says that {} is completed, but {}", row.id, lacks.join(", ")),
                    format!("`chant why {}`; `git push --no-verify` pushes all the same", row.id),
                ));
            }
        }
    }
    Ok(())
}

/// A member that was only added after its driver had landed is news, and no hole.
fn began(project: &Project, look: &project::Look, row: &crate::plan::Row) -> bool {
    look.ledger.record(&project.qualify(&row.id)).is_some()
}

/// A branch whose claim another run holds on that remote is not pushed over.
fn claim(call: &Call, name: &Qualified, local: Oid, remote: Option<Oid>) -> Result<(), Error> {
    let Some(remote) = remote else { return Ok(()) };
    if call.repo.tree(remote).is_err() {
        return Err(thrown_away(name, UNKNOWN));
    }
    if call.repo.is_ancestor(remote, local)? {
        return Ok(());
    }
    match last_run(call, remote)? {
        Some(run) if last_run(call, local)? != Some(run.clone()) => Err(thrown_away(name, &claimed(&run))),
        _ => Ok(()),
    }
}

/// A branch is deleted there only where this clone keeps what it holds: on a branch of its own, or beside them.
fn deletion(call: &Call, name: &Qualified, remote: Option<Oid>) -> Result<(), Error> {
    let Some(remote) = remote else { return Ok(()) };
    if call.repo.tree(remote).is_err() {
        return Err(thrown_away(name, UNKNOWN));
    }
    for prefix in ["refs/heads/", "refs/chant/"] {
        for (_, tip) in call.repo.refs(prefix)? {
            if call.repo.is_ancestor(remote, tip)? {
                return Ok(());
            }
        }
    }
    last_run(call, remote)?.map_or(Ok(()), |run| Err(thrown_away(name, &claimed(&run))))
}

const UNKNOWN: &str = "holds commits that are not here";

fn claimed(run: &str) -> String {
    format!("is claimed by run {run}")
}

fn thrown_away(name: &Qualified, who: &str) -> Error {
    Error::usage(
        format!("{} on the remote {who}, and this push would throw that away", name.branch()),
        format!("look at it first: `git fetch`, then `chant show {}`", name.id),
    )
}

/// The run of the newest claim on a branch, along its first parents.
fn last_run(call: &Call, tip: Oid) -> Result<Option<String>, Error> {
    for entry in call.repo.first_parent(tip, 1000)? {
        if let Reading::Block(block) = ledger::read(&entry.message)
            && block.status == Some(Transition::InProgress)
        {
            return Ok(block.run);
        }
    }
    Ok(None)
}
