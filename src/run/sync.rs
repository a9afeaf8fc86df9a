//! Bringing a clone and its remote together: what was done while the remote was out of reach, and the notes.

use super::shared::{refresh, remote};
use super::{Error, Reporter, catch_up, clean_up};
use crate::git::{Expect, Moved, NOTES, Publish, Published, RefMove};
use crate::ledger::Oid;
use crate::project::{self, Project};

/// How often a race for the notes is run again.
const ROUNDS: usize = 20;

/// What `sync` did and found.
#[derive(Debug, Clone, Default)]
pub struct Synced {
    /// The remote.
    pub remote: String,
    /// The refs that are at the remote now as they are here.
    pub pushed: Vec<String>,
    /// What a person has to bring together, in words.
    pub apart: Vec<String>,
    /// Whether refspecs were added to the remote's configuration.
    pub refspecs: bool,
}

/// Takes in what the remote holds, beside what is here, and gives it what only this clone has: branches under `chant/`,
/// landings, kept attempts and notes.
///
/// # Errors
/// Where no remote is shared, it cannot be reached, or it refuses.
pub fn sync(project: &Project, reporter: Reporter) -> Result<Synced, Error> {
    super::ensure_writable(project)?;
    let Some(name) = remote(project)? else {
        return Err(Error::refused(
            "no remote is shared",
            "name one: `remote: origin` in .chant/config.yaml, or `chant sync --remote origin`",
        ));
    };
    let mut synced = Synced { remote: name.to_owned(), ..Synced::default() };
    synced.refspecs = project.repo.add_refspecs(name)?;
    let look = project::look(project)?;
    let mut targets: Vec<String> = look.default_target.iter().cloned().collect();
    targets.extend(look.set.iter().filter_map(|spec| spec.target.clone()));
    targets.sort();
    targets.dedup();
    refresh(project, &targets.iter().map(String::as_str).collect::<Vec<_>>())?;
    reached(project, name)?;
    // What has landed meanwhile needs no branch here any more, and must not come back there.
    clean_up(project, reporter)?;
    let mut refs = own_branches(project, name, &mut synced)?;
    refs.extend(kept(project, name)?);
    for target in &targets {
        refs.extend(landings(project, name, target, &mut synced)?);
    }
    push(project, name, refs, &mut synced)?;
    if share_notes(project)? {
        synced.pushed.push(NOTES.to_owned());
    }
    reached(project, name)?;
    Ok(synced)
}

fn reached(project: &Project, remote: &str) -> Result<(), Error> {
    match project.sharing.unreachable() {
        Some(why) => Err(Error::Failed(format!("{remote} cannot be reached: {why}"))),
        None => Ok(()),
    }
}

fn own_branches(project: &Project, remote: &str, synced: &mut Synced) -> Result<Vec<Publish>, Error> {
    let repo = &project.repo;
    let mut refs = Vec::new();
    for (name, here) in repo.refs("refs/heads/chant/")? {
        let lease = repo.tracked(remote, &name)?;
        let Some(there) = lease.filter(|there| *there != here) else {
            refs.extend(lease.is_none().then_some(Publish { name, lease, to: Some(here) }));
            continue;
        };
        let short = name.trim_start_matches("refs/heads/");
        if repo.is_ancestor(there, here)? {
            refs.push(Publish { name, lease, to: Some(here) });
        } else if !repo.is_ancestor(here, there)? {
            synced.apart.push(format!(
                "{short} is at {} here and at {} there, and neither comes after the other: the next `chant work` goes on \
                 from there, and keeps what is here under refs/chant/attempts",
                here.short(),
                there.short()
            ));
        }
    }
    Ok(refs)
}

/// Kept attempts and landed branches bear the name of their commit: they are there, or they are not.
fn kept(project: &Project, remote: &str) -> Result<Vec<Publish>, Error> {
    let mut refs = Vec::new();
    for prefix in ["refs/chant/attempts/", "refs/chant/landed/"] {
        for (name, here) in project.repo.refs(prefix)? {
            if project.repo.tracked(remote, &name)?.is_none() {
                refs.push(Publish { name, lease: None, to: Some(here) });
            }
        }
    }
    Ok(refs)
}

/// Landings that were made while the remote was out of reach; commits of the user's are theirs to push.
fn landings(project: &Project, remote: &str, target: &str, synced: &mut Synced) -> Result<Option<Publish>, Error> {
    let repo = &project.repo;
    let name = format!("refs/heads/{target}");
    let (here, lease) = (repo.tip(&name)?, repo.tracked(remote, &name)?);
    let (Some(here), Some(there)) = (here, lease) else { return Ok(None) };
    if here == there || repo.is_ancestor(here, there)? {
        return Ok(None);
    }
    if !repo.is_ancestor(there, here)? {
        synced.apart.push(format!(
            "{target} and {remote}/{target} have gone different ways: `git pull {remote} {target}`, then `git push`"
        ));
        return Ok(None);
    }
    if let Some(own) = catch_up::first_unpublished(repo, there, here)? {
        synced.apart.push(format!("{target} has commits of yours ({own}): `git push {remote} {target}`"));
        return Ok(None);
    }
    Ok(Some(Publish { name, lease, to: Some(here) }))
}

/// All at once where that goes, else one by one.
fn push(project: &Project, remote: &str, refs: Vec<Publish>, synced: &mut Synced) -> Result<(), Error> {
    let repo = &project.repo;
    let names = |refs: &[Publish]| refs.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    if repo.publish(remote, &refs)? == Published::Done {
        synced.pushed.extend(names(&refs));
        return Ok(());
    }
    for one in refs {
        match repo.publish(remote, std::slice::from_ref(&one))? {
            Published::Done => synced.pushed.push(one.name),
            Published::Moved { .. } => synced.apart.push(format!("{} has just moved there: sync again", one.name)),
            Published::Refused(why) => synced.apart.push(format!("{remote} will not have {}: {why}", one.name)),
            Published::Unreachable(why) => {
                project.sharing.lost(why);
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Merges the notes of both sides line by line, and gives the remote what it lacks. Whether it lacked anything.
///
/// # Errors
/// Where they cannot be read or written; a remote that refuses them keeps its own, for notes are no state.
pub(super) fn share_notes(project: &Project) -> Result<bool, Error> {
    let repo = &project.repo;
    for _ in 0..ROUNDS {
        let Some(remote) = remote(project)? else { return Ok(false) };
        let (ours, theirs) = (repo.tip(NOTES)?, repo.tracked(remote, NOTES)?);
        let merged = match (ours, theirs) {
            (Some(ours), Some(theirs)) => repo.merge_notes(ours, theirs)?,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return Ok(false),
        };
        if !set_notes(project, ours, merged)? {
            continue;
        }
        if theirs == Some(merged) {
            return Ok(false);
        }
        match repo.publish(remote, &[Publish { name: NOTES.to_owned(), lease: theirs, to: Some(merged) }])? {
            Published::Done => return Ok(true),
            Published::Moved { .. } => refresh(project, &[])?,
            Published::Unreachable(why) => project.sharing.lost(why),
            Published::Refused(_) => return Ok(false),
        }
    }
    Ok(false)
}

fn set_notes(project: &Project, from: Option<Oid>, to: Oid) -> Result<bool, Error> {
    if from == Some(to) {
        return Ok(true);
    }
    let moves = [RefMove { name: NOTES.to_owned(), from: from.map_or(Expect::Absent, Expect::At), to: Some(to) }];
    Ok(project.repo.move_refs(&moves, "notes of other clones")? == Moved::Done)
}
