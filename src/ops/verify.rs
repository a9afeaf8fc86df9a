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
        let (commit, words) = match at {
            Some(commit) => (commit, commit),
            None => place(project, row)?,
        };
        found.push(engine_verify(&engine, &id, commit, words)?);
    }
    Ok(found)
}

/// Where a spec is proven, and the commit whose criteria count: never those that its own branch has made of them
/// (DESIGN.md, section 3).
fn place(project: &Project, row: Option<&crate::plan::Row>) -> Result<(Oid, Oid), Error> {
    let repo = &project.repo;
    let head = || -> Result<(Oid, Oid), Error> {
        let tip = repo.head()?.tip().ok_or_else(|| Error::usage("there is no commit yet", "commit something first"))?;
        Ok((tip, tip))
    };
    let tip = |name: &Option<String>| -> Result<Option<Oid>, Error> {
        Ok(name.as_ref().map(|name| repo.tip(&format!("refs/heads/{name}"))).transpose()?.flatten())
    };
    let Some(row) = row else { return head() };
    match (tip(&row.target)?, tip(&row.branch)?) {
        (Some(onto), _) if row.status == Status::Completed => Ok((onto, onto)),
        (onto, Some(branch)) => {
            let fork = onto.map(|onto| repo.merge_base(onto, branch)).transpose()?.flatten();
            Ok((branch, fork.unwrap_or(branch)))
        }
        _ => head(),
    }
}

fn engine_verify(engine: &Engine, id: &SpecId, commit: Oid, words: Oid) -> Result<Verified, Error> {
    let project = &engine.project;
    let spec = run::spec_in(project, id, words)?;
    let lock = run::hold(project, id)?;
    let settings = project.settings.clone();
    let prover = Prover::new(engine, id, &settings, &lock);
    let evidence = prover.prove(&spec, commit)?;
    run::discard_proof(project, id)?;
    Ok(Verified { id: id.clone(), commit, evidence })
}
