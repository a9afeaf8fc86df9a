//! One look at everything: specs, history, what follows from both. Nothing is kept from one look to the next.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::committed::uncommitted;
use super::decisive::Decisive;
use super::folded::{Kept, folded, last_fold};
use super::seen::Seen;
use super::trust;
use super::{Error, Loaded, Project, load_at, load_worktree};
use crate::agent::Lock;
use crate::config::{Flags, Landing, Settings};
use crate::ledger::{self, History, Ledger, Oid, Signed, Trust, View};
use crate::plan::{self, Board, Live};
use crate::review;
use crate::spec::{Diagnostic, Qualified, Set, SpecId};

/// What a look found.
pub struct Look {
    /// The specs.
    pub set: Set,
    /// What is wrong with some of them.
    pub diagnostics: Vec<Diagnostic>,
    /// The commits that can be seen from here.
    pub history: Arc<History>,
    /// From where they are seen.
    pub view: View,
    /// What they say.
    pub ledger: Ledger,
    /// What only this machine knows.
    pub live: Live,
    /// The branch that specs without another target land on.
    pub default_target: Option<String>,
    /// The branches under `chant/`.
    pub branches: BTreeSet<String>,
    /// Whose approval counts.
    pub policy: plan::Policy,
    /// Whether everything that is completed waits for a person.
    pub review_all: bool,
    /// Whether what is completed lands by the merge of a request for it (`land: pr`).
    pub by_request: bool,
    /// The commits that ask for signed events (`trust: signed`): the target's, where it does.
    pub asked_by: Vec<Oid>,
    /// The statuses of all specs.
    pub board: Board,
}

impl Look {
    /// The inputs from which the board was made.
    pub fn input<'a>(&'a self, project: &'a Project) -> plan::Input<'a> {
        plan::Input {
            set: &self.set,
            project: project.name.as_ref(),
            ledger: &self.ledger,
            history: &self.history,
            view: &self.view,
            live: &self.live,
            default_target: self.default_target.as_deref(),
            branches: &self.branches,
            policy: &self.policy,
            review_all: self.review_all,
            by_request: self.by_request,
        }
    }
}

/// Looks at the specs in the user's checkout and at everything Git can reach.
///
/// # Errors
/// Where the project or its history cannot be read.
pub fn look(project: &Project) -> Result<Look, Error> {
    let repo = &project.repo;
    let before = || {
        repo.recall_history();
        last_fold(repo)
    };
    let is_long = repo.has_long_history();
    if is_long {
        crate::env::expect_much();
    }
    let (loaded, kept) = beside(|| load_worktree(project), before, is_long);
    let loaded = loaded?;
    let head = repo.head()?;
    let default_target = project.settings.target.value.clone().or_else(|| head.branch().map(str::to_owned));
    let from = head.tip();
    let mut seen = Seen::new(repo, from, project.settings.remote.value.as_deref())?;
    for target in default_target.iter().chain(loaded.set.iter().filter_map(|spec| spec.target.as_ref())) {
        seen.target(target)?;
    }
    let history = seen.history()?;
    let Seen { tips, branches: view_branches, own: branches, .. } = seen;
    let view = View {
        from: from.unwrap_or_else(Oid::null),
        branches: view_branches,
        shallow: repo.is_shallow(),
        aliases: aliases(project, &loaded.set),
        trust: Trust::Any,
    };
    let host = project.env.host().to_owned();
    let uncommitted = match (&project.root, from) {
        (Some(_), Some(tip)) => uncommitted(project, &loaded.set, tip)?,
        _ => BTreeSet::new(),
    };
    let live = Live { host, clone_name: project.clone_name(), uncommitted, ..Live::default() };
    assemble(project, &project.settings, loaded, &tips, history, view, live, default_target, branches, kept)
}

/// Both, side by side where that is worth a thread.
fn beside<A, B: Send>(here: impl FnOnce() -> A, there: impl FnOnce() -> B + Send, side_by_side: bool) -> (A, B) {
    if !side_by_side {
        return (here(), there());
    }
    std::thread::scope(|scope| {
        let other = scope.spawn(there);
        let found = here();
        match other.join() {
            Ok(other) => (found, other),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Looks at a project as a fresh clone cut at `commit` would.
///
/// # Errors
/// Where the commit cannot be read.
pub fn look_at(project: &Project, commit: Oid) -> Result<Look, Error> {
    let loaded = load_at(project, commit)?;
    let history = project.repo.history(&[commit])?;
    let view = View {
        from: commit,
        branches: BTreeMap::new(),
        shallow: project.repo.is_shallow(),
        aliases: aliases(project, &loaded.set),
        trust: Trust::Any,
    };
    let host = project.env.host().to_owned();
    let live = Live { host, clone_name: project.clone_name(), ..Live::default() };
    let target = project.settings.target.value.clone();
    // Who decides is what that revision says; settings that cannot be used are `lint`'s to tell.
    let then = project.settings_at(commit, &Flags::default());
    let settings = then.as_ref().unwrap_or(&project.settings);
    let kept = last_fold(&project.repo);
    assemble(project, settings, loaded, &[commit], history, view, live, target, BTreeSet::new(), kept)
}

#[allow(clippy::too_many_arguments, reason = "the parts of one look, in the order in which they are found")]
fn assemble(
    project: &Project,
    settings: &Settings,
    loaded: Loaded,
    tips: &[Oid],
    history: Arc<History>,
    mut view: View,
    mut live: Live,
    default_target: Option<String>,
    branches: BTreeSet<String>,
    kept: Option<Kept>,
) -> Result<Look, Error> {
    let target = default_target.as_deref().filter(|_| !view.branches.is_empty());
    let asked = trust::asked(project, &history, &view, target, &loaded.set)?;
    view.trust = asked.trust;
    let ledger = folded(project, &history, &view, tips, kept)?;
    if !view.branches.is_empty() {
        live.locked = locked(project, &loaded.set, &ledger, &view, &branches)?;
    }
    let Loaded { set, diagnostics } = loaded;
    let policy = policy(settings);
    let review_all = settings.land.value == Landing::Review;
    let by_request = settings.land.value == Landing::Pr;
    if !policy.own {
        live.workers = workers(project, &set, &ledger, &view)?;
    }
    live.outdated = outdated(project, &set, &ledger, &view)?;
    let see = |live: &Live| {
        plan::board(&plan::Input {
            set: &set,
            project: project.name.as_ref(),
            ledger: &ledger,
            history: &history,
            view: &view,
            live,
            default_target: default_target.as_deref(),
            branches: &branches,
            policy: &policy,
            review_all,
            by_request,
        })
    };
    let mut board = see(&live);
    live.conflicts = conflicts(project, &board)?;
    live.pulls = pulls(project, &board, &ledger)?;
    live.deciding = deciding(project, &set, &board)?;
    if !(live.conflicts.is_empty() && live.pulls.is_empty() && live.deciding.is_empty()) {
        board = see(&live);
    }
    let asked_by = asked.by;
    Ok(Look {
        set,
        diagnostics,
        history,
        view,
        ledger,
        live,
        default_target,
        branches,
        policy,
        review_all,
        by_request,
        asked_by,
        board,
    })
}

/// Whose approval counts, by these settings.
pub fn policy(settings: &Settings) -> plan::Policy {
    plan::Policy::new(&settings.review_approvers.value, settings.review_count.value, settings.review_self.value)
}

/// Who did the work that waits to land, as mail addresses.
fn workers(
    project: &Project,
    set: &Set,
    ledger: &Ledger,
    view: &View,
) -> Result<BTreeMap<SpecId, BTreeSet<String>>, Error> {
    let mut found = BTreeMap::new();
    for id in set.iter().map(|spec| &spec.id) {
        let record = ledger.record(&project.qualify(id));
        let waits = |record: &&ledger::Record| record.state == ledger::State::Completed && record.landing.is_none();
        let Some((record, done)) = record.filter(waits).and_then(|record| Some((record, record.decided_by?))) else {
            continue;
        };
        let target = record.last_start.as_ref().and_then(|start| start.block.target.as_deref());
        let onto = target.and_then(|target| view.branches.get(target)?.first().copied());
        found.insert(id.clone(), did(project, view, done, onto.unwrap_or(view.from))?);
    }
    Ok(found)
}

/// Who made the commits that lead up to a completion and are not in its target, and who signed its events where that is
/// asked for; a reviewer's word is no work.
///
/// # Errors
/// Where the commits cannot be read.
pub fn did(project: &Project, view: &View, done: Oid, onto: Oid) -> Result<BTreeSet<String>, Error> {
    let mut who = BTreeSet::new();
    for commit in project.repo.commits(&[done], &[onto])? {
        let entry = project.repo.log_entry(commit)?;
        let block = ledger::read(&entry.message);
        if !matches!(block, ledger::Reading::Block(block) if block.approval.is_some()) {
            who.insert(plan::mail(&entry.author));
            if let Trust::Signed(signatures) = &view.trust {
                who.extend(signatures.of.get(&commit).and_then(Signed::by).map(plan::mail));
            }
        }
    }
    Ok(who)
}

/// Approvals of an attempt to come that were given for another version of the spec than its target holds now.
fn outdated(project: &Project, set: &Set, ledger: &Ledger, view: &View) -> Result<BTreeSet<Oid>, Error> {
    let mut found = BTreeSet::new();
    for spec in set.iter().filter(|spec| spec.approval) {
        let Some(record) = ledger.record(&project.qualify(&spec.id)) else { continue };
        let coming = record.highest.saturating_add(1);
        let approvals = record.entries.iter().filter(|e| e.block.approval.is_some() && e.block.attempt == Some(coming));
        let path = project.spec_path(&spec.id);
        for approval in approvals {
            let now = project.repo.entry(view.from, &path)?.map(|(oid, _)| oid);
            if project.repo.entry(approval.commit, &path)?.map(|(oid, _)| oid) != now {
                found.insert(approval.commit);
            }
        }
    }
    Ok(found)
}

/// The specs in review whose branch does not merge into its target: found by a trial merge, never stored.
fn conflicts(project: &Project, board: &Board) -> Result<BTreeMap<SpecId, String>, Error> {
    let mut found = BTreeMap::new();
    for row in board.rows.iter().filter(|row| row.status == plan::Status::InReview) {
        let (Some(branch), Some(target)) = (&row.branch, &row.target) else { continue };
        let tips =
            (project.repo.tip(&format!("refs/heads/{target}"))?, project.repo.tip(&format!("refs/heads/{branch}"))?);
        let (Some(onto), Some(tip)) = tips else { continue };
        let paths = match project.repo.merge(onto, tip) {
            Ok(crate::git::Merge::Conflicts { paths }) => paths,
            Ok(_) => continue,
            // A target that was begun anew is no reason to say nothing of all the others.
            Err(crate::git::Error::Unrelated { .. }) => {
                found.insert(row.id.clone(), format!("has no commit in common with {target}, which was begun anew"));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let rival = rival(project, board, &row.id, onto, tip, &paths)?;
        let with = rival.map_or_else(|| format!("with {target}"), |rival| format!("with {rival}, which landed first"));
        found.insert(row.id.clone(), format!("conflicts {with} in {}", paths.join(", ")));
    }
    Ok(found)
}

/// What completed work changes of what decides what counts, though nobody asked for it: a person accepts that, and until
/// then it does not land.
fn deciding(project: &Project, set: &Set, board: &Board) -> Result<BTreeMap<SpecId, Vec<String>>, Error> {
    let mut found = BTreeMap::new();
    if board.to_land.is_empty() {
        return Ok(found);
    }
    let judge = Decisive::of(project);
    for row in board.rows.iter().filter(|row| board.to_land.contains(&row.id)) {
        let (Some(branch), Some(target), Some(spec)) = (&row.branch, &row.target, set.get(&row.id)) else { continue };
        let tip = |name: &str| project.repo.tip(&format!("refs/heads/{name}"));
        let (Some(onto), Some(tip)) = (tip(target)?, tip(branch)?) else { continue };
        let paths = judge.changed(&row.id, spec, Some(set), &project.settings, onto, tip)?;
        if !paths.is_empty() {
            found.insert(row.id.clone(), paths);
        }
    }
    Ok(found)
}

/// What was last heard of the pull requests of specs in review. Nobody is asked: it is in the notes.
fn pulls(project: &Project, board: &Board, ledger: &Ledger) -> Result<BTreeMap<SpecId, String>, Error> {
    let mut found = BTreeMap::new();
    for row in board.rows.iter().filter(|row| row.status == plan::Status::InReview) {
        let done = ledger.record(&project.qualify(&row.id)).and_then(|record| record.decided_by);
        let note = done.map(|done| project.repo.note(done)).transpose()?.flatten();
        let heard = note.as_deref().and_then(review::last_heard);
        found.extend(heard.and_then(|heard| Some((row.id.clone(), heard.attention()?))));
    }
    Ok(found)
}

/// The spec that landed on `onto` since `tip` left it and touched one of `paths`.
///
/// # Errors
/// Where Git cannot read the history.
pub fn rival(
    project: &Project,
    board: &Board,
    me: &SpecId,
    onto: Oid,
    tip: Oid,
    paths: &[String],
) -> Result<Option<Qualified>, Error> {
    let repo = &project.repo;
    let mut last = None;
    for entry in repo.first_parent(onto, 500)? {
        if repo.is_ancestor(entry.commit, tip)? {
            break;
        }
        let Some(parent) = entry.parents.first() else { break };
        let landings = match ledger::read(&entry.message) {
            ledger::Reading::Block(block) | ledger::Reading::Malformed { block, .. } => block.landings,
            ledger::Reading::Nothing => Vec::new(),
        };
        let Some(landing) = landings.into_iter().find(|landing| landing.spec.id != *me) else { continue };
        let touched = repo.changes(Some(*parent), entry.commit)?;
        if touched.iter().any(|change| paths.contains(&change.path)) {
            last = Some(landing.spec);
        }
    }
    let known = |spec: &Qualified| board.row(&spec.id).is_some();
    Ok(last.filter(known))
}

fn aliases(project: &Project, set: &Set) -> BTreeMap<Qualified, Qualified> {
    let mut aliases = BTreeMap::new();
    for spec in set.iter() {
        for old in &spec.formerly {
            aliases.insert(project.qualify(old), project.qualify(&spec.id));
        }
    }
    aliases
}

/// Whose locks somebody holds, of the specs that are being worked. A lock file that does not exist is held by nobody,
/// and looking makes none.
///
/// The branches were read before: where one has moved on meanwhile, somebody was at it a moment ago. So they are read again
/// once all locks have been looked at.
fn locked(
    project: &Project,
    set: &Set,
    ledger: &Ledger,
    view: &View,
    branches: &BTreeSet<String>,
) -> Result<BTreeSet<SpecId>, Error> {
    let mut worked = Vec::new();
    for (id, record) in ledger.of(project.name.as_ref()) {
        let is_here = || set.get(id).is_some() || set.by_former_name(id).is_some();
        if record.state == ledger::State::InProgress && is_here() {
            worked.push((id, Lock::is_held(&project.lock_path(id)).unwrap_or(false)));
        }
    }
    if worked.is_empty() {
        return Ok(BTreeSet::new());
    }
    let now: HashMap<String, Oid> = project.repo.refs("refs/heads/chant/")?.into_iter().collect();
    let has_moved = |name: &Qualified| {
        let here = Some(name.branch()).filter(|branch| branches.contains(branch));
        now.get(&name.full_ref()).copied() != here.and_then(|branch| view.branches.get(&branch)?.first().copied())
    };
    let held = worked.into_iter().filter(|(id, held)| *held || has_moved(&project.qualify(id)));
    Ok(held.map(|(id, _)| id.clone()).collect())
}
