//! pre-push: what is not whole stays here, and what somebody else claimed there is not run over.

use super::{Call, Said};
use crate::ledger::{self, Oid, Reading, Transition};
use crate::ops::Error;
use crate::plan::Status;
use crate::project::{self, Project};
use crate::review::Squash;
use crate::run;
use crate::spec::Qualified;

/// One line of what Git is about to push.
struct Update {
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
        let Some(local) = update.local else { continue };
        let branch = update.branch();
        if branch.is_empty() {
            continue;
        }
        match Qualified::from_branch(branch) {
            Some(name) => claim(call, &name, local, update.remote)?,
            None => whole(call, branch, local)?,
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
    let (_, local, remote_ref, remote) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let oid = |text: &str| text.parse::<Oid>().ok().filter(|oid| !oid.is_null());
    Some(Update { local: oid(local), remote_ref: remote_ref.to_owned(), remote: oid(remote) })
}

/// A target must not say that a driver is completed and lack one of its members.
fn whole(call: &Call, branch: &str, tip: Oid) -> Result<(), Error> {
    for project in call.projects()? {
        let look = project::look_at(&project, tip)?;
        for row in look.board.rows.iter().filter(|row| row.status == Status::Completed && !row.members.is_empty()) {
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
    let known = call.repo.tree(remote).is_ok();
    if known && call.repo.is_ancestor(remote, local)? {
        return Ok(());
    }
    let refuse = |who: &str| {
        Err(Error::usage(
            format!("{} on the remote {who}, and this push would throw that away", name.branch()),
            format!("look at it first: `git fetch`, then `chant show {}`", name.id),
        ))
    };
    if !known {
        return refuse("holds commits that are not here");
    }
    match last_run(call, remote)? {
        Some(run) if last_run(call, local)? != Some(run.clone()) => refuse(&format!("is claimed by run {run}")),
        _ => Ok(()),
    }
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
