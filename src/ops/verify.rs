//! `chant verify`: runs the proofs again in a clean checkout, and says what no longer holds.

use super::{Error, resolve};
use crate::ledger::Oid;
use crate::plan::Status;
use crate::project::{self, Project};
use crate::run::{self, Engine, Evidence, Prover, Request};
use crate::spec::SpecId;

/// What was found for one spec.
pub struct Verified {
    /// The spec.
    pub id: SpecId,
    /// The commit it was proven on.
    pub commit: Oid,
    /// How its criteria ended.
    pub evidence: Evidence,
}

/// Proves specs again: those that are named, or all that have landed. A completed one is proven where it landed, as
/// its target stands now; one that is not, on its branch; `at` names another revision.
///
/// # Errors
/// Where a query names no spec, somebody holds it, or the checkout cannot be made.
pub fn verify(
    project: &Project,
    queries: &[String],
    all: bool,
    at: Option<&str>,
    reporter: run::Reporter,
) -> Result<Vec<Verified>, Error> {
    let look = project::look(project)?;
    let ids: Vec<SpecId> = if all {
        look.board.rows.iter().filter(|row| row.status == Status::Completed).map(|row| row.id.clone()).collect()
    } else {
        queries.iter().map(|query| resolve(&look, query).cloned()).collect::<Result<_, _>>()?
    };
    let at = at.map(|rev| project.repo.rev(rev)).transpose()?;
    let (engine, _runtime) = Engine::alone(project.clone(), Request::default(), reporter)?;
    let mut found = Vec::new();
    for id in ids {
        let row = look.board.row(&id);
        let commit = match at {
            Some(commit) => commit,
            None => place(project, row)?,
        };
        found.push(engine_verify(&engine, &id, commit)?);
    }
    Ok(found)
}

fn place(project: &Project, row: Option<&crate::plan::Row>) -> Result<Oid, Error> {
    let head = || -> Result<Oid, Error> {
        project.repo.head()?.tip().ok_or_else(|| Error::usage("there is no commit yet", "commit something first"))
    };
    let Some(row) = row else { return head() };
    let name = if row.status == Status::Completed { &row.target } else { &row.branch };
    match name {
        Some(name) => match project.repo.tip(&format!("refs/heads/{name}"))? {
            Some(tip) => Ok(tip),
            None => head(),
        },
        None => head(),
    }
}

fn engine_verify(engine: &Engine, id: &SpecId, commit: Oid) -> Result<Verified, Error> {
    let project = &engine.project;
    let spec = run::spec_in(project, id, commit)?;
    let lock = run::hold(project, id)?;
    let settings = project.settings.clone();
    let prover = Prover::new(engine, id, &settings, &lock);
    let evidence = prover.prove(&spec, commit)?;
    run::discard_proof(project, id)?;
    Ok(Verified { id: id.clone(), commit, evidence })
}
