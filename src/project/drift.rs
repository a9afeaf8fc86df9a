//! Which completed specs rest on what is not so any more, from trees alone.

use std::collections::BTreeMap;

use super::{Error, Look, Project, SPECS};
use crate::git::EntryKind;
use crate::ledger::Oid;
use crate::plan::Status;
use crate::plan::drift::{Ground, Reason, Role, drift};
use crate::spec::{self, Spec, SpecId};

/// A completed spec that has drifted.
#[derive(Debug, Clone)]
pub struct Drifted {
    /// The spec.
    pub id: SpecId,
    /// The commit that was completed.
    pub then: Oid,
    /// What it is compared with.
    pub now: Oid,
    /// What is another now.
    pub reasons: Vec<Reason>,
}

/// The completed specs of a look that have drifted, in its order. `now` is the commit to compare with; where nothing is
/// said, each spec's own target, or HEAD where that is gone.
///
/// # Errors
/// Where Git cannot read a tree.
pub fn drifted(project: &Project, look: &Look, now: Option<Oid>) -> Result<Vec<Drifted>, Error> {
    let mut found = Vec::new();
    for row in look.board.rows.iter().filter(|row| row.status == Status::Completed) {
        let Some(then) = completed(project, look, &row.id)? else { continue };
        let Some(now) = now.map_or_else(|| place(project, row.target.as_deref()), |now| Ok(Some(now)))? else {
            continue;
        };
        let reasons = reasons(project, &row.id, then, now)?;
        if !reasons.is_empty() {
            found.push(Drifted { id: row.id.clone(), then, now, reasons });
        }
    }
    Ok(found)
}

/// The commit whose tree was completed: the event, or the landing where only that is there.
fn completed(project: &Project, look: &Look, id: &SpecId) -> Result<Option<Oid>, Error> {
    let Some(record) = look.ledger.record(&project.qualify(id)) else { return Ok(None) };
    let landing = record.landing.as_ref().map(|landed| landed.commit);
    for commit in record.decided_by.into_iter().chain(landing) {
        if project.repo.tree(commit).is_ok() {
            return Ok(Some(commit));
        }
    }
    Ok(None)
}

fn place(project: &Project, target: Option<&str>) -> Result<Option<Oid>, Error> {
    let tip = target.map(|target| project.repo.tip(&format!("refs/heads/{target}"))).transpose()?.flatten();
    match tip {
        Some(tip) => Ok(Some(tip)),
        None => Ok(project.repo.head()?.tip()),
    }
}

fn reasons(project: &Project, id: &SpecId, then: Oid, now: Oid) -> Result<Vec<Reason>, Error> {
    if project.repo.tree(then)? == project.repo.tree(now)? {
        return Ok(Vec::new());
    }
    let Some(spec) = spec_in(project, id, then)? else { return Ok(Vec::new()) };
    let ground = |commit: Oid, own: Option<Spec>| -> Result<Ground, Error> {
        // What counts is what the spec named then, on both sides: what it names now is a change of its own text.
        Ok(Ground { spec: own, files: files(project, &spec, commit)? })
    };
    Ok(drift(&ground(then, Some(spec.clone()))?, &ground(now, spec_in(project, id, now)?)?))
}

fn spec_in(project: &Project, id: &SpecId, commit: Oid) -> Result<Option<Spec>, Error> {
    let path = project.path(&format!("{SPECS}/{id}.md"));
    let bytes = project.repo.read(commit, &path)?;
    Ok(bytes.and_then(|bytes| spec::parse(id, &path, &bytes).spec))
}

/// Everything in a commit that counts for a spec: the files that its globs mean, and those that its proofs name.
fn files(project: &Project, spec: &Spec, commit: Oid) -> Result<BTreeMap<(Role, String), Oid>, Error> {
    let globs = [
        (Role::Context, &spec.context),
        (Role::InformedBy, &spec.informed_by),
        (Role::Origin, &spec.origin),
        (Role::Tracks, &spec.tracks),
    ];
    let mut found = BTreeMap::new();
    let own = project.spec_path(&spec.id);
    for (role, pattern) in globs.iter().flat_map(|(role, list)| list.iter().map(move |one| (*role, one))) {
        let matcher = spec::matcher(std::slice::from_ref(pattern));
        for path in project.repo.files_below(commit, &project.path(&spec::literal_part(pattern)))? {
            let inside = path.strip_prefix(&project.prefix).filter(|inside| matcher.is_match(inside));
            if let (Some(inside), Some((oid, _))) = (inside.filter(|_| path != own), project.repo.entry(commit, &path)?)
            {
                found.insert((role, inside.to_owned()), oid);
            }
        }
    }
    for command in spec.criteria.iter().filter_map(|criterion| criterion.command.as_deref()) {
        for program in spec::programs(command) {
            if let Some((oid, EntryKind::Blob | EntryKind::Exec)) =
                project.repo.entry(commit, &project.path(&program))?
            {
                found.insert((Role::Proof, program), oid);
            }
        }
    }
    Ok(found)
}
