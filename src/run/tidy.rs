//! Worktrees around an attempt: made, saved, given back. Nothing goes whose content is not reachable elsewhere.

use std::collections::BTreeSet;
use std::path::Path;

use super::events::journal;
use super::inside::{self, Inside};
use super::jobs::Watch;
use super::model::Claim;
use super::{Engine, Error, brought, jobs, powers, pulls, shared};
use crate::agent::{Errand, How};
use crate::env::failpoint;
use crate::git::{Checkout, EntryKind, Expect, Follow, Head, Moved, RefMove, Removed, Repo};
use crate::ledger::{self, Oid};
use crate::plan::{Row, Status};
use crate::project::{self, Look, Project};
use crate::spec::{Qualified, SpecId};

/// What an earlier process left behind and nobody needs.
pub(super) fn at_start(project: &Project) -> Result<(), Error> {
    project.repo.free_dead_locks()?;
    for entry in std::fs::read_dir(project.worktrees_dir()).into_iter().flatten().flatten() {
        // The repository, or the project in it, may have been moved.
        project.repo.relink_worktree(&entry.path())?;
    }
    project.repo.sweep_trash()?;
    Ok(())
}

/// Deletes what was thrown away. What stays is found by the next call.
pub fn sweep(project: &Project) {
    project.repo.sweep_trash().ok();
}

/// What was thrown away is deleted, and Git's own housekeeping done, once for all that was done and as the user has
/// configured it, in the background. It is no part of the work: where it cannot be started, the next command of Git's does
/// it.
pub(super) fn at_end(project: &Project) {
    let repo = &project.repo;
    sweep(project);
    if repo.config("maintenance.auto").is_none_or(|auto| auto != "false") {
        repo.git(repo.common_dir(), &["gc", "--auto", "--quiet"]).check().ok();
    }
}

/// Makes the directory of the worktrees, ignored by way of `info/exclude` where it lies in the checkout.
pub(super) fn worktrees_dir(project: &Project) -> Result<(), Error> {
    let dir = project.worktrees_dir();
    std::fs::create_dir_all(&dir).map_err(Error::system(format!("cannot make {}", dir.display())))?;
    if let Some(top) = project.repo.main_workdir() {
        let top = top.canonicalize().unwrap_or(top);
        let real = dir.canonicalize().unwrap_or(dir);
        if let Ok(inside) = real.strip_prefix(&top) {
            project.repo.exclude(&format!("/{}/", inside.display()))?;
        }
    }
    Ok(())
}

/// Makes the worktree where it is missing, and empties the live transcript for a new run of the agent.
pub(super) fn worktree(engine: &Engine, claim: &Claim) -> Result<(), Error> {
    let project = &engine.project;
    stand(engine, &claim.id, &claim.qualified)?;
    failpoint("attempt.worktree");
    // What an agent has said is kept while a person goes on with its work.
    if claim.ended.is_none() && !claim.agent.is_person() {
        let log = project.transcript_path(&claim.id);
        if let Some(dir) = log.parent() {
            std::fs::create_dir_all(dir).map_err(Error::system("cannot make the directory of the logs"))?;
        }
        std::fs::write(&log, b"").map_err(Error::system("cannot empty the log"))?;
    }
    Ok(())
}

/// Makes the worktree of a spec's branch where it is missing.
pub(super) fn stand(engine: &Engine, id: &SpecId, qualified: &Qualified) -> Result<(), Error> {
    let project = &engine.project;
    let path = project.worktree_path(id);
    if !project.repo.is_worktree(&path)? {
        worktrees_dir(project)?;
        make_room(engine, id, &path)?;
        project.repo.add_worktree(&path, Checkout::Branch(qualified.branch()))?;
    }
    Ok(())
}

/// Commits what an interrupted run left in its worktree, as it is and without hooks; gives the branch's tip.
pub(super) fn save_partial(
    engine: &Engine,
    id: &SpecId,
    qualified: &Qualified,
    tip: Option<Oid>,
) -> Result<Option<Oid>, Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let path = project.worktree_path(id);
    let Some(tip) = tip else { return Ok(None) };
    if !repo.is_worktree(&path)? {
        return Ok(Some(tip));
    }
    repo.free_worktree_locks(&path)?;
    if !on_branch(engine, &path, &qualified.branch())? || repo.operation(&path)?.is_some() {
        set_aside(engine, id, qualified, &path)?;
        return Ok(Some(tip));
    }
    for wrong in repo.mend_worktree(&path)? {
        engine.notice(id, format!("mended what an earlier run left: {wrong}"));
    }
    repo.clear_flags(&path)?;
    brought::unstage(project, id)?;
    let left = repo.leftovers(&path)?;
    if left.modified.is_empty() && left.untracked.is_empty() {
        return Ok(Some(tip));
    }
    let message = format!("{id}: partial work of an interrupted run\n\n{}\n", crate::ledger::spec_line(qualified));
    if let Err(error) = commit_plainly(engine, qualified, &path, &message, &left.unfit) {
        put_aside(engine, id, &path, &error.to_string())?;
        return Ok(Some(tip));
    }
    failpoint("tidy.partial");
    Ok(repo.tip(&qualified.full_ref())?)
}

fn on_branch(engine: &Engine, worktree: &Path, branch: &str) -> Result<bool, Error> {
    let head = engine.project.repo.worktree_head(worktree)?;
    Ok(head.is_some_and(|head| matches!(head, Head::Branch { name, .. } if name == branch)))
}

/// Everything in a worktree onto a safety copy, and the worktree away.
pub(super) fn set_aside(engine: &Engine, id: &SpecId, qualified: &Qualified, path: &Path) -> Result<(), Error> {
    let repo = &engine.project.repo;
    if let Err(error) = take_brought_away(engine, id) {
        return put_aside(engine, id, path, &error.to_string());
    }
    match repo.remove_worktree(path, Some(&backup_prefix(engine, qualified)?)) {
        Ok(Removed::Gone) => Ok(()),
        Ok(Removed::Rescued { name, .. }) => {
            engine.notice(id, format!("what its worktree held is kept at {name}"));
            Ok(())
        }
        Ok(Removed::Kept { reason }) if !repo.leftovers(path)?.nested.is_empty() && !repo.is_protected(path)? => {
            put_aside(engine, id, path, &reason)
        }
        Ok(Removed::Kept { reason }) => Err(Error::refused(
            format!("the worktree {} is in the way, and cannot be removed: {reason}", path.display()),
            "look at what it holds, then `git worktree remove --force` it",
        )),
        // It holds what Git cannot commit.
        Err(error) => put_aside(engine, id, path, &error.to_string()),
    }
}

/// What was brought along is in no safety copy.
fn take_brought_away(engine: &Engine, id: &SpecId) -> Result<(), Error> {
    if let Some(kept) = brought::take_away(&engine.project, id)? {
        let what = "what was changed of the files that were brought along is kept, outside of all refs, in";
        engine.notice(id, format!("{what} {}", kept.display()));
    }
    Ok(())
}

/// Gives a directory that is in the way another name: nothing in it is touched.
fn put_aside(engine: &Engine, id: &SpecId, path: &Path, why: &str) -> Result<(), Error> {
    let kept = engine.project.repo.put_aside(path)?;
    engine.notice(id, format!("what was at {} is kept as {}: {why}", path.display(), kept.display()));
    powers::tell(engine, id, &kept);
    Ok(())
}

/// Makes room for a worktree of ours where something stands that is none.
pub(super) fn make_room(engine: &Engine, id: &SpecId, path: &Path) -> Result<(), Error> {
    if !engine.project.repo.is_obstacle(path)? {
        return Ok(());
    }
    put_aside(engine, id, path, "it is no worktree of this repository, and its place is needed")
}

/// The beginning of the name of a spec's next safety copy; the commit's short name completes it.
fn backup_prefix(engine: &Engine, qualified: &Qualified) -> Result<String, Error> {
    let under = format!("refs/chant/backup/{qualified}/");
    let n = engine.project.repo.refs(&under)?.len() + 1;
    Ok(format!("{under}{n}-"))
}

/// Brings a worktree that is there to the start of the next run, before the branch moves; where it cannot follow, it
/// goes, for all it held is committed or set aside.
pub(super) fn bring_worktree(engine: &Engine, id: &SpecId, old: Option<Oid>, start: Oid) -> Result<(), Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let path = project.worktree_path(id);
    if !repo.is_worktree(&path)? {
        return Ok(());
    }
    let qualified = project.qualify(id);
    if let Some(old) = old
        && repo.is_ancestor(old, start)?
        && repo.follow(&path, old, start)? == Follow::Followed
    {
        return Ok(());
    }
    set_aside(engine, id, &qualified, &path)
}

/// What came of committing what the agent left: why it was refused, if it was.
pub(super) struct Saved {
    pub refused: Option<String>,
}

/// Commits for the agent what it left uncommitted, by Git itself, so that the user's hooks, filters and signing
/// apply. Hooks may be the agent's own work: they run under supervision, with no more rights than it had.
pub(super) fn commit_work(engine: &Engine, claim: &Claim) -> Result<Saved, Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let path = project.worktree_path(&claim.id);
    let tip = || -> Result<Oid, Error> { Ok(repo.tip(&claim.qualified.full_ref())?.unwrap_or(claim.start)) };
    if !claim.agent.is_person() && is_bare_ground(&path) {
        // In a cage the directory itself cannot be deleted, and what it was is the same.
        repo.discard_worktree(&path)?;
    }
    if !repo.is_worktree(&path)? {
        return Ok(Saved { refused: Some("its worktree is gone".to_owned()) });
    }
    if !claim.agent.is_person() {
        repo.free_worktree_locks(&path)?;
        repo.free_ref_lock(&claim.qualified.full_ref())?;
    }
    if !on_branch(engine, &path, &claim.qualified.branch())? {
        set_aside(engine, &claim.id, &claim.qualified, &path)?;
        return Ok(Saved { refused: Some("it left its branch: HEAD of its worktree is elsewhere".to_owned()) });
    }
    if let Some(operation) = repo.operation(&path)? {
        set_aside(engine, &claim.id, &claim.qualified, &path)?;
        return Ok(Saved { refused: Some(format!("it left a {operation} unfinished")) });
    }
    let wrong = repo.mend_worktree(&path)?;
    let wrong = (!wrong.is_empty()).then(|| wrong.join("; "));
    repo.clear_flags(&path)?;
    if !claim.agent.is_person() {
        brought::unstage(project, &claim.id)?;
    }
    let left = repo.leftovers(&path)?;
    if left.modified.is_empty() && left.untracked.is_empty() {
        let refused = match wrong.or_else(|| left.unfit.first().map(|path| of_its_own(path))) {
            Some(refused) => Some(refused),
            None => embedded(engine, claim, tip()?)?,
        };
        return Ok(Saved { refused });
    }
    let message =
        format!("{}: {}\n\n{}\n", claim.id, claim.spec.title.trim(), crate::ledger::spec_line(&claim.qualified));
    let refused = match wrong.or_else(|| left.unfit.first().map(|path| of_its_own(path))) {
        Some(refused) => Some(refused),
        None => commit_with_hooks(engine, claim, &path, &message)?,
    };
    if refused.is_some()
        && let Err(error) = commit_plainly(engine, &claim.qualified, &path, &message, &left.unfit)
    {
        if claim.agent.is_person() {
            return Err(error);
        }
        put_aside(engine, &claim.id, &path, "Git cannot commit it")?;
        return Ok(Saved { refused: Some(format!("its work cannot be committed: {error}")) });
    }
    let tip = tip()?;
    let embedded = embedded(engine, claim, tip)?;
    Ok(Saved { refused: refused.or(embedded) })
}

/// Whether nothing is in a directory, a link to a repository neither.
fn is_bare_ground(path: &Path) -> bool {
    std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// A repository inside of the worktree would be committed as a link to nowhere; and what looks like a bare one to Git is
/// one, wherever it lies: its settings start programs for whoever goes there and types `git status`.
fn embedded(engine: &Engine, claim: &Claim, tip: Oid) -> Result<Option<String>, Error> {
    let repo = &engine.project.repo;
    let modules = repo.read(tip, ".gitmodules")?.unwrap_or_default();
    let modules = String::from_utf8_lossy(&modules).into_owned();
    let known = |path: &str| {
        modules.lines().any(|line| {
            line.trim().strip_prefix("path").is_some_and(|rest| rest.trim_start_matches([' ', '=']) == path)
        })
    };
    let links = repo.changes(Some(claim.base), tip)?;
    let found = links.iter().find(|change| {
        matches!(change.new, Some((_, EntryKind::Submodule))) && change.old.is_none() && !known(&change.path)
    });
    if let Some(change) = found {
        return Ok(Some(of_its_own(&change.path)));
    }
    let brought = links.iter().filter(|change| change.new.is_some()).filter_map(|change| bare_around(&change.path));
    for dir in brought.collect::<BTreeSet<&str>>() {
        if is_bare(repo, tip, dir)? && !is_bare(repo, claim.base, dir)? {
            let dir = if dir.is_empty() { "the top" } else { dir };
            return Ok(Some(format!(
                "{dir} looks like a repository of its own to Git (HEAD, objects and refs), by whose settings programs start \
                 for whoever goes there"
            )));
        }
    }
    Ok(None)
}

/// What a directory holds that Git takes for a repository (gitrepository-layout(5)).
const BARE: [&str; 3] = ["HEAD", "objects", "refs"];

/// The directory that a path would make a part of a bare repository, the innermost.
fn bare_around(path: &str) -> Option<&str> {
    let is_part = |part: &str| BARE.iter().any(|name| name.eq_ignore_ascii_case(part));
    let mut starts = std::iter::once(0).chain(path.match_indices('/').map(|(at, _)| at + 1));
    let found = starts.rfind(|at| path[*at..].split('/').next().is_some_and(is_part));
    found.map(|at| path[..at].trim_end_matches('/'))
}

/// Whether Git takes a directory of a commit for a repository, on some system: names are compared as one would that knows no
/// case.
fn is_bare(repo: &Repo, commit: Oid, dir: &str) -> Result<bool, Error> {
    let entries = repo.list(commit, dir)?;
    Ok(BARE.iter().all(|name| entries.iter().any(|entry| entry.name.eq_ignore_ascii_case(name))))
}

fn of_its_own(path: &str) -> String {
    format!("{} is a repository of its own, whose files cannot be committed", path.trim_end_matches('/'))
}

/// A link out of the repository that the attempt made: what it leads to is in no commit, and a proof that reads it proves
/// nothing. One that the spec's `target_files` name letter by letter was asked for.
pub(super) fn outward(engine: &Engine, claim: &Claim, tip: Oid) -> Result<Option<String>, Error> {
    let repo = &engine.project.repo;
    for change in repo.changes(Some(claim.base), tip)? {
        let inside = change.path.strip_prefix(&engine.project.prefix);
        if inside.is_some_and(|inside| claim.spec.target_files.iter().any(|file| file == inside)) {
            continue;
        }
        if matches!(change.new, Some((_, EntryKind::Link)))
            && let Some(to) = repo.leads_out(tip, &change.path)?
        {
            return Ok(Some(format!(
                "{} is a link that leads out of the repository, to {}: what is there is in no commit",
                change.path,
                to.escape_debug()
            )));
        }
    }
    Ok(None)
}

fn commit_with_hooks(engine: &Engine, claim: &Claim, path: &Path, message: &str) -> Result<Option<String>, Error> {
    let project = &engine.project;
    let script = "git add --all --sparse && git -c maintenance.auto=false -c gc.auto=0 commit --quiet --file=-";
    let mut errand =
        Errand { stdin: message.as_bytes().to_vec(), ..jobs::shell(project, &claim.settings, script, path.to_owned()) };
    // A person's hooks are a person's own, and may do what the person may.
    let inside = match claim.agent.is_person() {
        true => Inside::default(),
        false => Inside::enter(project, &claim.settings, path, &[])?,
    };
    let mut pinned = project.repo.pinned(path)?;
    if let Some(git_dir) = inside.git_dir() {
        pinned[0].1 = git_dir.into();
    }
    inside.dress(&mut errand);
    errand.env.extend(pinned);
    let timeout = claim.settings.timeout.value;
    let closed = inside.is_shut();
    let before = project.repo.tip(&claim.qualified.full_ref())?;
    let cage = inside.cage();
    let watch = Watch { id: &claim.id, lock: &claim.lock, timeout, transcript: None, cage, quiet: false, lost: None };
    let done = engine.perform(vec![errand], &watch);
    let left = inside.leave(project, &claim.qualified)?;
    let done = done?;
    if matches!(done.how, How::Stopped) {
        return Err(Error::Interrupted);
    }
    if left.complaint.is_some() {
        return Ok(left.complaint.map(|what| format!("at the commit of its work {what}")));
    }
    let Some(what) = jobs::failure(&done) else {
        return if closed { sign(project, &claim.qualified, before) } else { Ok(None) };
    };
    let left = project.repo.leftovers(path)?;
    let nothing_left = left.modified.is_empty() && left.untracked.is_empty();
    Ok((!nothing_left).then(|| format!("the commit of its work {what}")))
}

/// Signs the commit of an agent's work, where the user signs: keys are out of a cage's reach, so that it is made anew.
fn sign(project: &Project, spec: &Qualified, before: Option<Oid>) -> Result<Option<String>, Error> {
    let repo = &project.repo;
    let name = spec.full_ref();
    let Some(tip) = repo.tip(&name)?.filter(|tip| Some(*tip) != before && repo.signs()) else { return Ok(None) };
    let message = String::from_utf8_lossy(&repo.message(tip)?).into_owned();
    let signed = match repo.commit(repo.tree(tip)?, &repo.parents(tip)?, &message) {
        Ok(signed) => signed,
        Err(error @ crate::git::Error::Signing { .. }) => return Ok(Some(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    let moves = [RefMove { name, from: Expect::At(tip), to: Some(signed) }];
    match repo.move_refs(&moves, "signed")? {
        Moved::Done => Ok(None),
        Moved::TipMoved { .. } => Ok(Some(format!("{} was moved by somebody else meanwhile", spec.branch()))),
    }
}

/// Everything in a worktree into its index.
const ADD: [&str; 5] = ["add", "--all", "--sparse", "--", ":/"];
/// The index onto the branch, hooks left out.
const COMMIT: [&str; 5] = ["commit", "--quiet", "--no-verify", "--allow-empty", "--file=-"];

/// Everything in the worktree onto its branch, hooks left out: so that nothing is lost. Paths that Git refuses to add stay
/// where they are.
fn commit_plainly(
    engine: &Engine,
    spec: &Qualified,
    path: &Path,
    message: &str,
    unfit: &[String],
) -> Result<(), Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let but: Vec<String> =
        unfit.iter().map(|path| format!(":(exclude,literal,top){}", path.trim_end_matches('/'))).collect();
    let add: Vec<&str> = ADD.into_iter().chain(but.iter().map(String::as_str)).collect();
    // A filter may be the agent's own.
    let inside = Inside::enter(project, &project.settings, path, &[])?;
    if let (Some(git_dir), Some(cage)) = (inside.git_dir(), inside.cage()) {
        let before = repo.tip(&spec.full_ref())?;
        let git = |args: &[&str], input: &str| -> Result<(), crate::git::Error> {
            let git = repo.git_inside(path, &git_dir, cage.clone(), args)?;
            Ok(git.stdin(input).check().map(drop)?)
        };
        let made = git(&add, "").and_then(|()| git(&COMMIT, message));
        let left = inside.leave(project, spec)?;
        made?;
        return match left.complaint {
            Some(what) => Err(Error::Failed(format!("at the commit of its work {what}"))),
            // A signer that does not do: the work must not be lost for it.
            None => sign(project, spec, before).map(drop),
        };
    }
    let done = |git: crate::git::Git| git.check().map_err(crate::git::Error::from);
    done(repo.git_within(path, &add)?)?;
    if done(repo.git_within(path, &COMMIT)?.stdin(message.as_bytes())).is_err() {
        // A signer that does not do, perhaps the agent's own: the work must not be lost for it.
        let commit = [&COMMIT[..], &["--no-gpg-sign"]].concat();
        done(repo.git_within(path, &commit)?.stdin(message.as_bytes()))?;
    }
    Ok(())
}

/// The tip that a failure is recorded on: the branch's, or the start where the agent rewrote or deleted it; what it
/// made of it is kept as a safety copy.
pub(super) fn honest_tip(engine: &Engine, claim: &Claim) -> Result<Oid, Error> {
    let repo = &engine.project.repo;
    let name = claim.qualified.full_ref();
    let tip = repo.tip(&name)?;
    if let Some(tip) = tip
        && repo.is_ancestor(claim.start, tip)?
    {
        return Ok(tip);
    }
    let path = engine.project.worktree_path(&claim.id);
    if repo.is_worktree(&path)? {
        set_aside(engine, &claim.id, &claim.qualified, &path)?;
    }
    let mut moves = vec![RefMove { name, from: tip.map_or(Expect::Absent, Expect::At), to: Some(claim.start) }];
    if let Some(tip) = tip {
        let name = format!("{}{}", backup_prefix(engine, &claim.qualified)?, tip.short());
        moves.push(RefMove { name, from: Expect::Absent, to: Some(tip) });
    }
    shared::move_refs(&engine.project, &moves, "the start of the attempt, rewritten by its agent")?;
    journal(&claim.lock, claim.start)?;
    Ok(claim.start)
}

/// After a landing the worktrees and the branch go, for the merge holds all they held.
///
/// `target` is where it landed, as far as is known.
pub(super) fn after_landing(engine: &Engine, id: &SpecId, target: Option<&str>) -> Result<(), Error> {
    let project = &engine.project;
    let repo = &project.repo;
    let qualified = project.qualify(id);
    failpoint("tidy.before-worktree");
    discard_proof(project, id)?;
    let path = project.worktree_path(id);
    if repo.is_worktree(&path)? {
        repo.clear_flags(&path)?;
        super::furnish::keep_caches(project, id, &path)?;
        take_brought_away(engine, id)?;
        match repo.remove_worktree(&path, Some(&backup_prefix(engine, &qualified)?))? {
            Removed::Gone => {}
            Removed::Rescued { name, .. } => {
                engine.notice(id, format!("files that were ignored or not committed are kept at {name}"))
            }
            Removed::Kept { reason } => {
                engine.notice(id, format!("its worktree is kept: {reason}"));
                return Ok(());
            }
        }
    }
    failpoint("tidy.before-branch");
    let Some(tip) = repo.tip(&qualified.full_ref())? else { return Ok(()) };
    let mut onto = Vec::new();
    if let Some(name) = target.map(|target| format!("refs/heads/{target}")) {
        onto.extend(repo.tip(&name)?);
        // Another clone may have landed it, and this one's branch not have followed yet.
        let remote = project.settings.remote.value.as_deref();
        onto.extend(remote.map(|remote| repo.tracked(remote, &name)).transpose()?.flatten());
    }
    let mut contained = false;
    for onto in onto {
        contained = contained || repo.is_ancestor(tip, onto)?;
    }
    let mut moves = vec![RefMove { name: qualified.full_ref(), from: Expect::At(tip), to: None }];
    if !contained {
        // A squash holds what the branch did, and not its commits.
        let look = project::look(project)?;
        let completed = look.board.row(id).is_some_and(|row| row.status == Status::Completed);
        let Some(record) = look.ledger.record(&qualified).filter(|_| completed) else { return Ok(()) };
        let whole = record.decided_by.is_some_and(|done| look.history.same_content(done, tip));
        if !whole && !completes(repo, &qualified, record.attempt, tip)? {
            engine.notice(id, format!("{} is kept: it has commits that did not land", qualified.branch()));
            return Ok(());
        }
        let name = format!("refs/chant/landed/{qualified}/{}-{}", record.attempt, tip.short());
        if repo.tip(&name)?.is_none() {
            moves.push(RefMove { name, from: Expect::Absent, to: Some(tip) });
        }
    }
    if let Some(worktree) = repo.checked_out(&qualified.branch())?.first() {
        engine.notice(id, format!("{} is kept: it is checked out in {}", qualified.branch(), worktree.path.display()));
        return Ok(());
    }
    if let Some(why) = pulls::keeps(engine, id, target)? {
        engine.notice(id, format!("{} is kept: {why}", qualified.branch()));
        return Ok(());
    }
    match shared::move_refs(project, &moves, "landed") {
        // It has landed, whatever becomes of the branch.
        Err(error @ (Error::Git(crate::git::Error::HookRefused { .. }) | Error::Refused { .. })) => {
            engine.notice(id, format!("{} is kept: {error}", qualified.branch()));
        }
        moved => drop(moved?),
    }
    failpoint("tidy.done");
    Ok(())
}

/// Whether a branch ends with the completion of an attempt, and nothing but events after it. What is in the target may be
/// a copy of that: a rebase makes one.
fn completes(repo: &crate::git::Repo, qualified: &Qualified, attempt: u32, tip: Oid) -> Result<bool, Error> {
    let tree = repo.tree(tip)?;
    for entry in repo.first_parent(tip, 100)? {
        if entry.parents.len() != 1 || repo.tree(entry.commit)? != tree {
            return Ok(false);
        }
        match ledger::read(&entry.message) {
            ledger::Reading::Block(block) if block.status.is_some() => {
                let same = block.spec.as_ref() == Some(qualified) && block.attempt == Some(attempt);
                return Ok(same && block.status == Some(ledger::Transition::Completed));
            }
            ledger::Reading::Block(_) => {}
            _ => return Ok(false),
        }
    }
    Ok(false)
}

/// Cleans up after landings whose process was killed before it could, or that somebody else made by a plain merge.
pub(super) fn landed(engine: &Engine, look: &Look) -> Result<(), Error> {
    let project = &engine.project;
    // What was said of an attempt to come stands on the branch, and has not landed with the last one.
    let to_come = |row: &&Row| look.board.to_approve.binary_search(&row.id).is_ok();
    for row in look.board.rows.iter().filter(|row| row.status == Status::Completed && !to_come(row)) {
        let branch = look.branches.contains(&project.qualify(&row.id).branch());
        if !branch && !project.worktree_path(&row.id).exists() && !project.proof_path(&row.id).exists() {
            continue;
        }
        match super::hold(project, &row.id) {
            Ok(_lock) => after_landing(engine, &row.id, row.target.as_deref())?,
            Err(Error::Held { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The checkout of the proofs goes with all that the proofs left in it.
///
/// # Errors
/// Where it cannot be taken away.
pub fn discard_proof(project: &Project, id: &SpecId) -> Result<(), Error> {
    let path = project.proof_path(id);
    inside::reopen(project, &path)?;
    if project.repo.is_worktree(&path)? {
        project.repo.discard_worktree(&path)?;
    }
    Ok(())
}
