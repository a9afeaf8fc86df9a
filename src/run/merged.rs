//! Whether a merged tree holds what was proven of its parts: the proofs of what is landing, and of every spec that
//! landed on the target since its base (DESIGN.md, section 5).

use super::prove::{Subject, spec_path};
use super::{Engine, Error, Evidence, Prover, evidence};
use crate::git::Merge;
use crate::ledger::{self, Oid};
use crate::project::{self, Project};
use crate::spec::{self, Qualified, Spec};

use super::lane::Place;
use super::model::Finished;

/// What is red on the merged tree, and because of whom; `None` where it holds.
pub(super) fn red(
    engine: &Engine,
    finished: &Finished,
    prover: &Prover<'_>,
    onto: Oid,
    merge: Oid,
) -> Result<Option<String>, Error> {
    let project = &engine.project;
    let tree = project.repo.tree(merge)?;
    let rivals = landed_since(project, finished, onto)?;
    let open = open(engine, finished, &rivals, onto, tree)?;
    if open.len() > 1 {
        prove_open(engine, finished, prover, &open, merge)?;
    }
    // What was not green beside others is seen again by itself: it may be red only for their company.
    match engine.proven(tree, &finished.qualified) {
        Some(found) => {
            if let Some(found) = found {
                note(engine, finished, &finished.qualified, &found)?;
            }
        }
        None => {
            let found = prover.prove(&finished.spec, merge)?;
            note(engine, finished, &finished.qualified, &found)?;
            if !found.holds() {
                let names: Vec<String> = rivals.iter().map(|rival| rival.id.to_string()).collect();
                let with = if names.is_empty() { finished.target.clone() } else { names.join(", ") };
                return Ok(Some(format!("red together with {with}: {}", found.complaint())));
            }
            engine.mark_proven(tree, &finished.qualified, None);
        }
    }
    for rival in open.iter().filter(|subject| subject.qualified != finished.qualified) {
        if engine.is_proven(tree, &rival.qualified) {
            continue;
        }
        let prover = prover.within(&rival.prefix);
        let found = prover.prove(&rival.spec, merge)?;
        if found.holds() {
            engine.mark_proven(tree, &rival.qualified, None);
            continue;
        }
        // What was red before this came is not this one's fault: criterion by criterion.
        let broken = found.worse_than(&prover.prove(&rival.spec, onto)?);
        let name = &rival.qualified;
        if broken.holds() {
            engine.notice(
                &finished.id,
                format!("{name} does not hold on {} any more, also without this", finished.target),
            );
            continue;
        }
        return Ok(Some(format!("breaks {name}, which landed first: {}", broken.complaint())));
    }
    Ok(None)
}

/// Proves on the tree that will be once those before it have landed, so that its turn need not wait for that. What is
/// red decides nothing yet.
///
/// # Errors
/// Where Git fails; an interruption.
pub(super) fn ahead(
    engine: &Engine,
    finished: &Finished,
    prover: &Prover<'_>,
    before: &[&Place],
    mine: &Place,
    tip: Oid,
) -> Result<(), Error> {
    let repo = &engine.project.repo;
    let mut onto = tip;
    for place in before {
        match repo.merge(onto, place.tip)? {
            // No ref will ever lead to these.
            Merge::Clean { tree } => onto = repo.commit(tree, &[onto, place.tip], &place.message)?,
            Merge::AlreadyIn | Merge::Conflicts { .. } => {}
        }
    }
    let Merge::Clean { tree } = repo.merge(onto, mine.tip)? else { return Ok(()) };
    let rivals = landed_since(&engine.project, finished, onto)?;
    let open = open(engine, finished, &rivals, onto, tree)?;
    if open.is_empty() {
        return Ok(());
    }
    let merge = repo.commit(tree, &[onto, mine.tip], &mine.message)?;
    prove_open(engine, finished, prover, &open, merge)
}

/// Those whose proofs have to hold on a tree and are not known to.
fn open(
    engine: &Engine,
    finished: &Finished,
    rivals: &[Qualified],
    onto: Oid,
    tree: Oid,
) -> Result<Vec<Subject>, Error> {
    let mut open = Vec::new();
    if !engine.is_proven(tree, &finished.qualified) {
        let prefix = engine.project.prefix.clone();
        open.push(Subject { qualified: finished.qualified.clone(), spec: finished.spec.clone(), prefix });
    }
    for rival in rivals.iter().filter(|rival| !engine.is_proven(tree, rival)) {
        if let Some((spec, prefix)) = readable(&engine.project, rival, onto)? {
            open.push(Subject { qualified: rival.clone(), spec, prefix });
        }
    }
    Ok(open)
}

/// Proves several at once, and remembers those that hold.
fn prove_open(
    engine: &Engine,
    finished: &Finished,
    prover: &Prover<'_>,
    open: &[Subject],
    merge: Oid,
) -> Result<(), Error> {
    for (subject, found) in open.iter().zip(prover.side_by_side(open, merge)?) {
        if found.holds() {
            let tree = found.tree;
            let own = subject.qualified == finished.qualified;
            engine.mark_proven(tree, &subject.qualified, own.then_some(found));
        }
    }
    Ok(())
}

/// A spec of any project in the repository as it stands in a commit, with its project's directory; `None` where it is
/// not there or cannot be read.
fn readable(project: &Project, spec: &Qualified, commit: Oid) -> Result<Option<(Spec, String)>, Error> {
    let prefix = if spec.project == project.name {
        project.prefix.clone()
    } else {
        let others = project::other_projects(project, commit)?;
        let Some(home) = others.into_iter().find(|other| other.name == spec.project) else { return Ok(None) };
        home.prefix
    };
    let path = spec_path(&prefix, &spec.id);
    let Some(bytes) = project.repo.read(commit, &path)? else { return Ok(None) };
    Ok(spec::parse(&spec.id, &path, &bytes).spec.map(|spec| (spec, prefix)))
}

/// The specs of all projects that landed on the target since the attempt's base.
fn landed_since(project: &Project, finished: &Finished, onto: Oid) -> Result<Vec<Qualified>, Error> {
    let repo = &project.repo;
    let mut found = Vec::new();
    for commit in repo.commits(&[onto], &[finished.base])? {
        let block = match ledger::read(&repo.message(commit)?) {
            ledger::Reading::Block(block) | ledger::Reading::Malformed { block, .. } => block,
            ledger::Reading::Nothing => continue,
        };
        for landing in block.landings {
            if landing.spec != finished.qualified && !found.contains(&landing.spec) {
                found.push(landing.spec);
            }
        }
    }
    Ok(found)
}

fn note(engine: &Engine, finished: &Finished, whose: &Qualified, found: &Evidence) -> Result<(), Error> {
    let lines = evidence::lines(&whose.to_string(), finished.attempt, &finished.run, None, found);
    engine.project.repo.note_add(finished.commit, &lines, &[])?;
    Ok(())
}
