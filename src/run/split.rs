//! `chant split`: an agent plans the members of a spec, and what it planned is read, checked and written to a branch for
//! review. Nothing that it says is believed but the plan's own text, and nothing else that it does is kept.

use std::collections::BTreeSet;
use std::path::Path;

use super::base::{base_seen, no_target, spec_at, target_of};
use super::inside::Inside;
use super::jobs::{self, Watch};
use super::listen::Hearing;
use super::model::Claim;
use super::prompt::{self, Ask, facts};
use super::{Engine, Error, Request, agents, driver, honesty, labour, tidy};
use crate::agent::How;
use crate::git::{Checkout, EntryKind, Expect, Moved, RefMove};
use crate::ledger::Oid;
use crate::plan::Status;
use crate::project::{self, Look, Project};
use crate::spec::split::{self, MEMBER_KINDS, MOST_MEMBERS, Plan};
use crate::spec::{Spec, SpecId};

/// Where the agent writes its plan, relative to the project's directory of its worktree.
const FILE: &str = ".chant/split.yaml";
/// The largest plan that is read.
const LARGEST: u64 = 1024 * 1024;
/// Under which branches plans are written.
const BRANCHES: &str = "split";

/// A plan that was written.
pub struct Split {
    /// The spec that was split.
    pub id: SpecId,
    /// The plan.
    pub plan: Plan,
    /// The ids of its members, in its order.
    pub ids: Vec<SpecId>,
    /// The branch that holds them.
    pub branch: String,
    /// Its commit.
    pub commit: Oid,
    /// The branch that it is meant for: of a member that of its outermost driver, which takes it in from there.
    pub target: String,
    /// Members of the plan that would run side by side and may change the same files, in words; none where the settings have
    /// them run one after the other.
    pub overlaps: Vec<String>,
}

/// Has a spec planned as members, and writes them to a branch of their own.
///
/// # Errors
/// Where the spec is held, or is being worked; where the agent fails; where the plan is not usable: then with everything
/// that is wrong with it.
pub fn split(engine: &Engine, id: &SpecId) -> Result<Split, Error> {
    let project = &engine.project;
    super::ensure_writable(project)?;
    let lock = super::hold(project, id)?;
    let look = project::look(project)?;
    refuse(project, &look, id)?;
    let target = outermost(project, &look, id, &engine.request)?;
    let home = project.repo.tip(&format!("refs/heads/{target}"))?.ok_or_else(|| no_target(&target))?;
    let spec = spec_at(project, id, home)?;
    let branch = format!("{BRANCHES}/{}", project.qualify(id));
    if let Some(tip) = project.repo.tip(&format!("refs/heads/{branch}"))? {
        return Err(planned_already(project, id, &branch, tip, &target, home)?);
    }
    // The agent sees what the other members of its driver have landed.
    let base = base_seen(project, &look, id, &engine.request)?;
    let claim = claim(engine, &look, &spec, base, &target, lock)?;
    let bytes = ask(engine, &claim)?;
    let plan = split::plan(FILE, &bytes).map_err(|diagnostics| Error::Spec { id: id.clone(), diagnostics })?;
    let ids = member_ids(&look, id, plan.members.len());
    let commit = write(project, &spec, &plan, &ids, home)?;
    let moves = [RefMove { name: format!("refs/heads/{branch}"), from: Expect::Absent, to: Some(commit) }];
    match project.repo.move_refs(&moves, "chant split")? {
        Moved::Done => {
            let shown = project.settings.overlap.value == crate::config::Overlap::Show;
            let overlaps = if shown { split::overlaps(&spec, &plan, &ids) } else { Vec::new() };
            Ok(Split { id: id.clone(), plan, ids, branch, commit, target, overlaps })
        }
        Moved::TipMoved { .. } => Err(Error::refused(format!("`{branch}` came to be meanwhile"), "look at it first")),
    }
}

/// The branch that specs of this one are reviewed on. A driver's own branch is none: it may not be there yet, it holds work
/// that has not landed, and it takes its target in whenever a member begins.
fn outermost(project: &Project, look: &Look, id: &SpecId, request: &Request) -> Result<String, Error> {
    let mut top = id;
    while let Some(driver) = look.set.driver_of(top) {
        top = driver;
    }
    match driver::running_target(look, &project.qualify(top)) {
        Some(target) if request.target.is_none() => Ok(target),
        _ => target_of(project, look, top, request.target.as_deref()),
    }
}

/// Why there will be no other plan while one is there: to be merged, or merged already.
fn planned_already(
    project: &Project,
    id: &SpecId,
    branch: &str,
    tip: Oid,
    target: &str,
    home: Oid,
) -> Result<Error, Error> {
    let repo = &project.repo;
    let merged = repo.is_ancestor(tip, home)?;
    Ok(if merged || all_there(project, tip, home)? {
        Error::refused(
            format!("the plan for {id} on `{branch}` is merged into {target} already"),
            format!(
                "its members are specs like any other: `chant list`, `chant work {id}`; to have more planned, drop the branch \
                 first: `git branch {} {branch}`",
                if merged { "-d" } else { "-D" }
            ),
        )
    } else {
        Error::refused(
            format!("there is a plan for {id} on `{branch}` already"),
            format!(
                "review it with `git diff {target}...{branch}` and, on {target}, take it with `git merge {branch}`; or drop it: \
                 `git branch -D {branch}`"
            ),
        )
    })
}

/// Whether each spec that a plan adds is in a commit, as after a squash or a rebase.
fn all_there(project: &Project, plan: Oid, home: Oid) -> Result<bool, Error> {
    let repo = &project.repo;
    let Some(base) = repo.merge_base(plan, home)? else { return Ok(false) };
    let changes = repo.changes(Some(base), plan)?;
    let added: Vec<&str> =
        changes.iter().filter(|change| change.old.is_none()).map(|change| change.path.as_str()).collect();
    for path in &added {
        if repo.entry(home, path)?.is_none() {
            return Ok(false);
        }
    }
    Ok(!added.is_empty())
}

fn refuse(project: &Project, look: &Look, id: &SpecId) -> Result<(), Error> {
    let row = look.board.row(id).ok_or_else(|| Error::refused(format!("{id} cannot be read"), "see `chant lint`"))?;
    if matches!(row.status, Status::Completed | Status::Cancelled | Status::InReview) {
        let status = row.status.as_str().replace('_', " ");
        return Err(Error::refused(format!("{id} is {status}: there is nothing left to split"), "see `chant list`"));
    }
    if project.repo.is_worktree(&project.worktree_path(id))?
        || row.status == Status::InProgress && row.members.is_empty()
    {
        return Err(Error::refused(
            format!("{id} has been begun, and work on it is kept"),
            format!("go on with it, or call it off first: `chant cancel {id}`, `chant reset {id}`"),
        ));
    }
    Ok(())
}

/// What the agent is given: no attempt, for nothing is claimed and no event is written.
fn claim(
    engine: &Engine,
    look: &Look,
    spec: &Spec,
    base: Oid,
    target: &str,
    lock: crate::agent::Lock,
) -> Result<Claim, Error> {
    let project = &engine.project;
    let settings = project.settings_at(base, &crate::config::Flags::default())?;
    let asked = engine.request.agent.as_deref();
    if !agents::is_prompted(&settings, spec, asked) {
        return Err(Error::refused(
            format!("no agent that reads a prompt is named for {}", spec.id),
            "name one with `--agent <name>`, in the spec or in `.chant/config.yaml`; neither a person nor steps can split",
        ));
    }
    let (agent, rotation) = agents::choose(engine, &settings, spec, asked)?;
    let ask = Ask { project, look, spec, settings: &settings, base, target, attempt: 1, request: &engine.request };
    let prompt = prompt::for_split(&ask, wanted(project, &spec.id))?;
    Ok(Claim {
        id: spec.id.clone(),
        qualified: project.qualify(&spec.id),
        spec: spec.clone(),
        settings,
        lock,
        attempt: 1,
        run: project.new_run()?,
        target: target.to_owned(),
        base,
        first_start: base,
        start: base,
        agent,
        rotation,
        spent: (0, 0),
        in_attempt: (0, 0),
        assisted: Vec::new(),
        ended: None,
        prompt,
        resolves: false,
        again: false,
        driver: None,
    })
}

/// What the agent is told of the plan.
pub(super) fn wanted(project: &Project, id: &SpecId) -> facts::Split {
    facts::Split {
        file: project.dir_in(&project.worktree_path(id)).join(FILE).display().to_string(),
        kinds: MEMBER_KINDS.iter().map(|kind| kind.as_str().to_owned()).collect(),
        most: MOST_MEMBERS,
    }
}

/// Runs the agent in a checkout of its own, which goes afterwards, and gives what it wrote as its plan.
fn ask(engine: &Engine, claim: &Claim) -> Result<Vec<u8>, Error> {
    let project = &engine.project;
    let worktree = project.worktree_path(&claim.id);
    tidy::worktrees_dir(project)?;
    tidy::make_room(engine, &claim.id, &worktree)?;
    project.repo.add_worktree(&worktree, Checkout::Detached(claim.base))?;
    let before = honesty::Before::now(engine)?;
    let asked = converse(engine, claim, &worktree);
    let complaint = honesty::meanwhile(engine, &before)?;
    project.repo.discard_worktree(&worktree)?;
    let bytes = asked?;
    match complaint {
        Some(complaint) => Err(Error::Failed(complaint)),
        None => Ok(bytes),
    }
}

fn converse(engine: &Engine, claim: &Claim, worktree: &Path) -> Result<Vec<u8>, Error> {
    let project = &engine.project;
    let needs = claim.agent.needs(project, &claim.settings, &claim.rotation);
    let inside = Inside::enter(project, &claim.settings, worktree, &[])?.with_agents(&needs)?;
    let said = ask_inside(engine, claim, worktree, &inside);
    inside.dismiss(project)?;
    said
}

fn ask_inside(engine: &Engine, claim: &Claim, worktree: &Path, inside: &Inside) -> Result<Vec<u8>, Error> {
    let project = &engine.project;
    let watch = |timeout| Watch {
        id: &claim.id,
        lock: &claim.lock,
        timeout,
        transcript: Some(project.transcript_path(&claim.id)),
        cage: inside.cage(),
        quiet: false,
        lost: None,
    };
    if let Some(setup) = &claim.settings.worktree_setup.value {
        let mut errand = jobs::setup(project, &claim.settings, setup, worktree);
        inside.dress(&mut errand);
        let done = engine.perform(vec![errand], &watch(claim.settings.timeout.value))?;
        stopped(engine, &done)?;
        if let Some(what) = jobs::failure(&done) {
            return Err(Error::Failed(format!("the set-up `{setup}` {what}")));
        }
    }
    let limits = claim.agent.limits(claim.spent);
    let mut errands = claim.agent.errands(engine, claim, &claim.prompt, limits.left(engine.spent()))?;
    errands.iter_mut().for_each(|errand| inside.dress_for(claim.agent.name(), errand));
    let hearing = Hearing { agent: Some(claim.agent.agent()), limits, idle: claim.agent.idle(), journal: None };
    let heard = engine.listen(errands, &watch(claim.agent.timeout()), hearing)?;
    claim.agent.leave();
    if heard.cut.is_none() {
        stopped(engine, &heard.done)?;
    }
    if let Some(error) = labour::complaint(&claim.agent, &heard, &limits, engine.spent()) {
        return Err(error);
    }
    read(&project.dir_in(worktree).join(FILE))
}

fn stopped(engine: &Engine, done: &crate::agent::Performed) -> Result<(), Error> {
    if matches!(done.how, How::Stopped | How::SupervisorLost) || engine.stopped() {
        return Err(Error::Interrupted);
    }
    Ok(())
}

/// The plan, where it is a file: a link may lead anywhere.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let none = || Error::Failed(format!("the agent wrote no plan to {}", path.display()));
    let meta = path.symlink_metadata().map_err(|_| none())?;
    if !meta.is_file() || !leads_straight(path) {
        return Err(none());
    }
    if meta.len() > LARGEST {
        return Err(Error::Failed("the agent's plan is longer than one MiB".to_owned()));
    }
    std::fs::read(path).map_err(Error::system(format!("cannot read {}", path.display())))
}

/// Whether no link is on the way from the worktree to the plan.
fn leads_straight(path: &Path) -> bool {
    let Some(dir) = path.parent() else { return false };
    let top = dir.parent().and_then(|top| top.canonicalize().ok());
    top.zip(dir.canonicalize().ok())
        .is_some_and(|(top, real)| Some(real.as_path()) == dir.file_name().map(|name| top.join(name)).as_deref())
}

/// The next numbers after every member that was ever seen.
fn member_ids(look: &Look, id: &SpecId, count: usize) -> Vec<SpecId> {
    let lead = format!("{id}.");
    let numbers = |known: &SpecId| known.as_str().strip_prefix(&lead)?.split('.').next()?.parse::<usize>().ok();
    let in_set = look.set.iter().filter_map(|spec| numbers(&spec.id));
    let in_history = look.ledger.specs.keys().filter_map(|name| numbers(&name.id));
    let taken: BTreeSet<usize> = in_set.chain(in_history).collect();
    let first = taken.last().map_or(1, |last| last + 1);
    (first..first + count).filter_map(|n| format!("{lead}{n}").parse().ok()).collect()
}

/// The commit that holds the members, and the spec as their driver.
fn write(project: &Project, spec: &Spec, plan: &Plan, ids: &[SpecId], base: Oid) -> Result<Oid, Error> {
    let repo = &project.repo;
    let mut edits = Vec::new();
    let mut put = |path: String, text: String| -> Result<(), Error> {
        edits.push((path, Some((repo.write_blob(text.as_bytes())?, EntryKind::Blob))));
        Ok(())
    };
    put(project.spec_path(&spec.id), split::as_driver(spec))?;
    for (member, id) in plan.members.iter().zip(ids) {
        put(project.spec_path(id), split::spec_text(member, ids))?;
    }
    let tree = repo.edit_tree(Some(base), &edits)?;
    let list: String = plan.members.iter().zip(ids).map(|(member, id)| format!("- {id}: {}\n", member.title)).collect();
    let message = format!("spec: split {} into {} members\n\n{list}", spec.id, plan.members.len());
    Ok(repo.commit(tree, &[base], &message)?)
}

/// Splits with an engine of its own.
///
/// # Errors
/// As [`split`].
pub fn split_alone(project: Project, id: &SpecId, request: Request, reporter: super::Reporter) -> Result<Split, Error> {
    let (engine, _runtime) = Engine::alone(project, request, reporter)?;
    split(&engine, id)
}
