//! Pull requests for completed work: pushed, opened, renewed, and heard of again.
//!
//! Everything can be done again after any failure: the push is by compare-and-swap, a request that is there is changed
//! only where something is another, and what is known of it is a note that may be lost.

mod door;
mod draft;

use super::land::landing_block;
use super::model::Finished;
use super::{Engine, Error, claim};
use crate::config::ForgeKind;
use crate::git::{Publish, Published, Seen as Fetched};
use crate::ledger::{Oid, State, Transition};
use crate::plan::{self, Push, Status};
use crate::project::{self, Look, Project};
use crate::review::{self, Draft, Edit, Heard, Pull, PullState, Todo};
use crate::spec::SpecId;

pub use door::Door;

/// What became of asking for a pull request.
#[derive(Debug, Clone)]
pub enum Pulled {
    /// It is there, or was.
    There {
        /// The request.
        pull: Pull,
        /// What was done to it, in a word or two.
        how: &'static str,
    },
    /// A push has asked for it, or a person has to: what to read.
    Asked(String),
    /// There is no forge: the words for a mail.
    Text(String),
}

impl Pulled {
    /// In one line.
    pub fn words(&self) -> String {
        match self {
            Self::There { pull, how } => format!("pull request #{} {how}: {}", pull.number, pull.url),
            Self::Asked(words) => words.replace('\n', " "),
            Self::Text(_) => {
                "its branch is pushed; there is no forge, so ask by mail (`chant pr` has the words)".to_owned()
            }
        }
    }
}

/// Opens the pull request of a completed spec, or brings the one that is there up to date. `asked` says that a person
/// asks for it now. The spec's lock is the caller's.
///
/// # Errors
/// Where it is not completed, the branch cannot be pushed, or the forge says no.
pub fn open(project: &Project, id: &SpecId, asked: bool) -> Result<Pulled, Error> {
    let door = Door::find(project)?;
    door.may_open()?;
    let look = fetched(project, &door, &[id])?;
    let finished = finished(project, &look, id)?;
    request(project, &door, &look, &finished, asked)
}

/// The same for work that was completed a moment ago.
pub(super) fn request_for(project: &Project, finished: &Finished) -> Result<Pulled, Error> {
    let door = Door::find(project)?;
    door.may_open()?;
    let look = fetched(project, &door, &[&finished.id])?;
    request(project, &door, &look, finished, false)
}

fn request(project: &Project, door: &Door, look: &Look, finished: &Finished, asked: bool) -> Result<Pulled, Error> {
    let base = base_at_remote(project, door, finished)?;
    let from = project.repo.merge_base(base, finished.tip)?.unwrap_or(base);
    let draft = draft::draft(project, look, finished, from)?;
    match door.kind() {
        ForgeKind::Gerrit => return change(project, door, finished, &draft, base),
        ForgeKind::Gitlab if !door.has_token() => return by_push(project, door, finished, &draft),
        _ => {}
    }
    push(project, door, finished)?;
    let Some(forge) = door.forge()? else {
        let text = project.repo.request_pull(from, &door.remote, &draft.head, finished.tip)?;
        return Ok(Pulled::Text(format!("{}\n\n{}\n{text}\n", draft.title, draft.body)));
    };
    let there = forge.pulls(&draft.head)?;
    let (pull, how) = match review::todo(&there, &draft, finished.tip, asked) {
        Todo::Open => (forge.open(&draft)?, "opened"),
        Todo::Merged(pull) => (pull, "is merged"),
        Todo::LeaveClosed(pull) => (pull, "was closed by a person"),
        Todo::Edit(pull, edit) if edit.is_empty() => (pull, "is open"),
        Todo::Edit(pull, edit) => {
            forge.edit(pull.number, &edit)?;
            let how = if edit.reopen { "opened again" } else { "renewed" };
            let base = edit.base.unwrap_or_else(|| pull.base.clone());
            (Pull { base, state: PullState::Open, ..pull }, how)
        }
    };
    hear(project, finished.commit, &Heard { head: Some(finished.tip.to_string()), ..Heard::of(&pull, None) })?;
    Ok(Pulled::There { pull, how })
}

/// Fetches what bears on these specs; gives a new look.
fn fetched(project: &Project, door: &Door, ids: &[&SpecId]) -> Result<Look, Error> {
    let look = project::look(project)?;
    let mut targets: Vec<String> = look.default_target.iter().cloned().collect();
    for id in ids {
        targets.extend(look.board.row(id).and_then(|row| row.target.clone()));
    }
    targets.retain(|target| !target.starts_with("chant/"));
    targets.sort();
    targets.dedup();
    if !door.remote.is_empty()
        && let Fetched::Unreachable(why) = project.repo.fetch_beside(&door.remote, &targets)?
    {
        return Err(Error::Failed(format!("{} cannot be reached: {why}", door.remote)));
    }
    Ok(project::look(project)?)
}

/// The completed attempt of a spec, ready to be asked for.
fn finished(project: &Project, look: &Look, id: &SpecId) -> Result<Finished, Error> {
    let row = look.board.row(id).ok_or_else(|| Error::refused(format!("{id} cannot be read"), "see `chant lint`"))?;
    let record = look.ledger.record(&project.qualify(id)).filter(|record| record.state == State::Completed);
    let help = match row.status {
        Status::Completed => format!("`chant show {id}` names the commit that it landed as"),
        _ if look.set.get(id).is_some_and(crate::spec::Spec::is_driver) => {
            format!(
                "`chant work {id}` completes it when its members have landed; `chant pr {id} --members` asks for theirs"
            )
        }
        _ => format!("a pull request is for completed work: `chant work {id}` first"),
    };
    let done = match (row.status, record) {
        (Status::InReview, Some(record)) => claim::finished(project, look, row, record, None)?,
        _ => return Err(Error::refused(format!("{id} is {}", row.status.as_str()), help)),
    };
    done.ok_or_else(|| {
        let branch = project.qualify(id).branch();
        Error::refused(
            format!("{branch} has work that came after the completion, or is not here"),
            format!("`chant work {id}` proves it again"),
        )
    })
}

/// What the remote has of the branch that is to be merged into. A driver's branch is pushed; the user's own are theirs.
fn base_at_remote(project: &Project, door: &Door, finished: &Finished) -> Result<Oid, Error> {
    let repo = &project.repo;
    let name = format!("refs/heads/{}", finished.target);
    let here = repo.tip(&name)?;
    if door.remote.is_empty() {
        return here.ok_or_else(|| super::base::no_target(&finished.target));
    }
    let there = repo.tracked(&door.remote, &name)?;
    if !finished.target.starts_with("chant/") {
        return there.ok_or_else(|| {
            let push = format!("`git push {} {}`", door.remote, finished.target);
            Error::refused(format!("{} has no branch {} to merge into", door.remote, finished.target), push)
        });
    }
    let Some(here) = here else { return there.ok_or_else(|| super::base::no_target(&finished.target)) };
    match there {
        Some(there) if there == here || repo.is_ancestor(here, there)? => return Ok(there),
        Some(there) if !repo.is_ancestor(there, here)? => {
            return Err(Error::refused(
                format!("{} and {}/{} have gone different ways", finished.target, door.remote, finished.target),
                format!("`chant work {}` brings them together", finished.id),
            ));
        }
        _ => {}
    }
    publish(project, door, Publish { name, lease: there, to: Some(here) })?;
    Ok(here)
}

/// Pushes the spec's branch, from exactly what is known to be there.
fn push(project: &Project, door: &Door, finished: &Finished) -> Result<(), Error> {
    if door.remote.is_empty() {
        return Ok(());
    }
    let repo = &project.repo;
    let name = finished.qualified.full_ref();
    let known = repo.tracked(&door.remote, &name)?;
    match plan::push(known, Some(finished.tip), Some(finished.tip), |a, b| repo.is_ancestor(a, b))? {
        Push::Nothing | Push::Delete { .. } => Ok(()),
        Push::Set { lease, to } => publish(project, door, Publish { name, lease, to: Some(to) }),
        Push::Unseen(there) => Err(Error::refused(
            format!("{}/{} has what is not here: {}", door.remote, finished.qualified.branch(), there.short()),
            format!(
                "take it in and prove it: `git fetch {0} && git push . {0}/{1}:{1}`, then `chant work {2}`",
                door.remote,
                finished.qualified.branch(),
                finished.id
            ),
        )),
    }
}

fn publish(project: &Project, door: &Door, one: Publish) -> Result<(), Error> {
    let branch = one.name.trim_start_matches("refs/heads/").to_owned();
    match project.repo.publish(&door.remote, &[one])? {
        Published::Done => Ok(()),
        Published::Moved { .. } => {
            Err(Error::refused(format!("{branch} has just moved at {}", door.remote), "the same command looks again"))
        }
        Published::Unreachable(why) => Err(Error::Failed(format!("{} cannot be reached: {why}", door.remote))),
        Published::Refused(why) => {
            Err(Error::refused(format!("{} will not have {branch}: {why}", door.remote), "ask who keeps the server"))
        }
    }
}

/// GitLab without a token: the push itself asks, where it brings anything.
fn by_push(project: &Project, door: &Door, finished: &Finished, draft: &Draft) -> Result<Pulled, Error> {
    let name = finished.qualified.full_ref();
    let by_hand = || {
        let page = review::create_by_hand(&door.site, draft);
        Pulled::Asked(format!(
            "its branch is pushed; without a token ({}) a person opens the merge request: {page}",
            door.variables()
        ))
    };
    if project.repo.tracked(&door.remote, &name)? == Some(finished.tip) {
        return Ok(by_hand());
    }
    let options = review::push_options(draft);
    let (published, said) = project.repo.push_request(&door.remote, finished.tip, &name, &options)?;
    match published {
        Published::Done if said.is_empty() => Ok(by_hand()),
        Published::Done => Ok(Pulled::Asked(said)),
        // A server that knows no push options: the branch goes without.
        _ => {
            push(project, door, finished)?;
            Ok(by_hand())
        }
    }
}

/// Gerrit: all of the work as one commit on the target, which is one change; another push is another patch set of it.
fn change(project: &Project, door: &Door, finished: &Finished, draft: &Draft, base: Oid) -> Result<Pulled, Error> {
    let repo = &project.repo;
    let Some(forge) = door.forge()? else { return Ok(Pulled::Text(draft.body.clone())) };
    let id = review::change_id(&door.site.path, &draft.head, finished.attempt);
    let there = forge.pulls(&id)?;
    let heard = repo.note(finished.commit)?.as_deref().and_then(review::last_heard);
    if let Some(pull) = there.first() {
        let same = heard.is_some_and(|heard| heard.head == Some(finished.tip.to_string()));
        match pull.state {
            PullState::Merged => return Ok(Pulled::There { pull: pull.clone(), how: "is merged" }),
            PullState::Open if same => return Ok(Pulled::There { pull: pull.clone(), how: "is open" }),
            _ => {}
        }
    }
    let tree = match repo.merge(base, finished.tip)? {
        crate::git::Merge::Clean { tree } => tree,
        crate::git::Merge::AlreadyIn => repo.tree(base)?,
        crate::git::Merge::Conflicts { paths } => {
            return Err(Error::refused(
                format!("{} conflicts with {} in {}", finished.id, finished.target, paths.join(", ")),
                format!("merge {} into {} by hand, then `chant work {}`", finished.target, draft.head, finished.id),
            ));
        }
    };
    let block = landing_block(project, finished)?;
    let message = crate::ledger::write(&draft.title, &crate::spec::prose(&finished.spec), &block);
    let message = format!("{}\nChange-Id: {id}\n", message.trim_end());
    let commit = repo.commit(tree, &[base], &message)?;
    let topic = finished.driver.as_ref().unwrap_or(&finished.id).to_string();
    let to = review::pushed_to(&draft.base, &topic);
    match repo.push_request(&door.remote, commit, &to, &[])? {
        (Published::Done, _) => {}
        // The same tree with the same words is no new patch set.
        (Published::Refused(why), _) if why.contains("no new changes") => {}
        (Published::Refused(why) | Published::Unreachable(why), _) => {
            return Err(Error::Failed(format!("{} does not take the change: {why}", door.remote)));
        }
        (Published::Moved { name, .. }, _) => return Err(Error::Failed(format!("{name} has just moved"))),
    }
    let pull = forge.pulls(&id)?.into_iter().next();
    let pull = pull.ok_or_else(|| Error::Failed(format!("{} took the push and knows no change {id}", door.remote)))?;
    hear(project, finished.commit, &Heard { head: Some(finished.tip.to_string()), ..Heard::of(&pull, None) })?;
    Ok(Pulled::There { how: if there.is_empty() { "opened" } else { "renewed" }, pull })
}

/// Notes what was heard of a request, where it is news.
fn hear(project: &Project, commit: Oid, heard: &Heard) -> Result<(), Error> {
    let known = project.repo.note(commit)?.as_deref().and_then(review::last_heard);
    if known.as_ref() != Some(heard) {
        let time = project.env.now().as_second();
        project.repo.note_add(commit, &review::heard_line(heard, time), &[])?;
    }
    Ok(())
}

/// What was heard last of the request of a completion.
///
/// # Errors
/// Where the notes cannot be read.
pub fn heard(project: &Project, commit: Oid) -> Result<Option<Heard>, Error> {
    Ok(project.repo.note(commit)?.as_deref().and_then(review::last_heard))
}

/// What the forge says now of a spec's request.
#[derive(Debug, Clone)]
pub struct Told {
    /// The spec.
    pub id: SpecId,
    /// Its request; none where nobody has opened one.
    pub heard: Option<Heard>,
    /// The commit that merged it, as the forge says.
    pub merged_as: Option<Oid>,
    /// The completion that it is about.
    pub commit: Oid,
}

/// Asks the forge about every completed spec that has not landed, and takes in what has. Gives what it says of each,
/// and the look at what is true then.
///
/// # Errors
/// Where the forge or the remote cannot be asked.
pub fn status(project: &Project) -> Result<(Vec<Told>, Look), Error> {
    let door = Door::find(project)?;
    let look = project::look(project)?;
    let ids: Vec<&SpecId> =
        look.board.rows.iter().filter(|row| row.status == Status::InReview).map(|row| &row.id).collect();
    let mut told = Vec::new();
    if let Some(forge) = door.forge()? {
        for id in &ids {
            let name = project.qualify(id);
            let Some((record, commit)) = look.ledger.record(&name).and_then(|r| Some((r, r.decided_by?))) else {
                continue;
            };
            let known = heard(project, commit)?;
            let asked = match door.kind() {
                ForgeKind::Gerrit => review::change_id(&door.site.path, &name.branch(), record.attempt),
                _ => name.branch(),
            };
            let there = forge.pulls(&asked)?;
            // Of an earlier attempt nothing is said of this one.
            let ours = there.into_iter().find(|pull| known.as_ref().is_none_or(|known| pull.number >= known.number));
            let Some(pull) = ours else {
                told.push(Told { id: (*id).clone(), heard: None, merged_as: None, commit });
                continue;
            };
            let opinion = if pull.state == PullState::Open { forge.opinion(&pull)? } else { None };
            let mut now = Heard::of(&pull, opinion.as_ref());
            now.head = known.and_then(|known| known.head).or(now.head);
            hear(project, commit, &now)?;
            told.push(Told { id: (*id).clone(), heard: Some(now), merged_as: pull.merged_as, commit });
        }
    }
    let look = fetched(project, &door, &ids)?;
    Ok((told, look))
}

/// Gives the open requests into a driver's branch the driver's own target, before that branch goes: a forge closes what
/// has no base any more. Nothing is asked where no request into it is known of.
///
/// # Errors
/// Where the forge cannot be asked; the branch had better stay then.
fn retarget(project: &Project, look: &Look, driver: &SpecId, target: &str) -> Result<Vec<u64>, Error> {
    let branch = project.qualify(driver).branch();
    let mut known = false;
    for member in look.set.members_of(driver) {
        // Also of one that was cancelled after it was asked for.
        let entries = look.ledger.record(&project.qualify(member)).map(|record| record.entries.as_slice());
        for entry in entries.unwrap_or_default().iter().filter(|e| e.block.status == Some(Transition::Completed)) {
            let heard = heard(project, entry.commit)?;
            known = known || heard.is_some_and(|heard| heard.state == "open" && heard.base == branch);
        }
    }
    if !known {
        return Ok(Vec::new());
    }
    let door = Door::find(project)?;
    let Some(forge) = door.forge()? else { return Ok(Vec::new()) };
    let mut moved = Vec::new();
    for pull in forge.onto(&branch)? {
        forge.edit(pull.number, &Edit { base: Some(target.to_owned()), ..Edit::default() })?;
        moved.push(pull.number);
    }
    Ok(moved)
}

/// Why a branch that is about to go at the shared remote has to stay: open requests into it could not be given another
/// base. `None` where it may go.
pub(super) fn keeps(engine: &Engine, id: &SpecId, target: Option<&str>) -> Result<Option<String>, Error> {
    let project = &engine.project;
    let (Some(target), true) = (target, super::shared::remote(project)?.is_some()) else { return Ok(None) };
    let look = project::look(project)?;
    if look.set.members_of(id).is_empty() {
        return Ok(None);
    }
    match retarget(project, &look, id, target) {
        Ok(moved) if moved.is_empty() => Ok(None),
        Ok(moved) => {
            let numbers: Vec<String> = moved.iter().map(|number| format!("#{number}")).collect();
            engine.notice(id, format!("pull request {} goes into {target} now", numbers.join(", ")));
            Ok(None)
        }
        Err(error) => Ok(Some(format!("open pull requests into its branch cannot be given another base: {error}"))),
    }
}

/// Writes the work of a spec as patches for mail.
///
/// # Errors
/// Where it is not completed, or the files cannot be written.
pub fn patches(project: &Project, id: &SpecId, dir: &std::path::Path) -> Result<Vec<String>, Error> {
    let look = project::look(project)?;
    let finished = finished(project, &look, id)?;
    Ok(project.repo.format_patch(finished.base, finished.commit, dir)?)
}
