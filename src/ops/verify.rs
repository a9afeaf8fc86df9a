//! `chant verify`: runs the proofs again in clean checkouts, several at a time, and says what no longer holds.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{Error, diff, resolve, views};
use crate::ledger::Oid;
use crate::plan::Status;
use crate::project::{self, Look, Project};
use crate::run::{self, Engine, Evidence, Proof, Prover, Request, Start, Verdict};
use crate::spec::{Spec, SpecId};

/// What is to be proven again.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The specs.
    pub queries: Vec<String>,
    /// Every spec that has landed.
    pub all: bool,
    /// Another revision than where each stands now.
    pub at: Option<String>,
    /// How many at a time; the settings' `jobs` where nothing is said.
    pub jobs: Option<usize>,
}

/// What was found for one spec.
pub struct Verified {
    /// The spec.
    pub id: SpecId,
    /// The commit it was proven on.
    pub commit: Oid,
    /// Its tree.
    pub tree: Oid,
    /// How its criteria ended, or why that could not be found out.
    pub outcome: Result<Evidence, Error>,
    /// The criteria, by their place, that are unmet here and were unmet before the spec's work as well: what they say is
    /// not about the work.
    pub also_before: BTreeSet<usize>,
}

impl Verified {
    /// Whether nothing is unmet.
    pub fn holds(&self) -> bool {
        self.outcome.as_ref().is_ok_and(Evidence::holds)
    }
}

/// One spec to be proven: where, by whose words, and where its work began.
struct Place {
    id: SpecId,
    commit: Oid,
    tree: Oid,
    words: Oid,
    before: Option<Oid>,
    /// What is noted of the attempt that counts.
    noted: Vec<Proof>,
    /// Whether an earlier attempt of the spec is in what its work began from, and may have made its proofs green there.
    again: bool,
}

/// Proves specs again: those that are named, or all that have landed. A completed one is proven where it landed, as
/// its target stands now; one that is not, on its branch; `at` names another revision. In the order in which they were
/// asked for, whichever is through first.
///
/// # Errors
/// Where a query names no spec or a revision none. What keeps one spec from being proven stands in its own outcome.
pub fn verify(project: &Project, wanted: &Wanted, reporter: run::Reporter) -> Result<Vec<Verified>, Error> {
    let look = project::look(project)?;
    let mut ids: Vec<SpecId> = if wanted.all {
        look.board.rows.iter().filter(|row| row.status == Status::Completed).map(|row| row.id.clone()).collect()
    } else {
        wanted.queries.iter().map(|query| resolve(&look, query).cloned()).collect::<Result<_, _>>()?
    };
    let mut seen = BTreeSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    let at = wanted.at.as_ref().map(|rev| project.repo.rev(rev)).transpose()?;
    if let Some(at) = at.filter(|_| wanted.all) {
        ids = landed_by(project, &look, ids, at)?;
    }
    let places = ids.into_iter().map(|id| place(project, &look, id, at)).collect::<Result<Vec<_>, _>>()?;
    let jobs = wanted.jobs.unwrap_or(project.settings.jobs.value).clamp(1, places.len().max(1));
    let (engine, _runtime) = Engine::alone(project.clone(), Request::default(), reporter)?;
    let next = AtomicUsize::new(0);
    let found = Mutex::new(places.iter().map(|_| None).collect::<Vec<Option<Verified>>>());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some((n, place)) = next_of(&next, &places) {
                    let verified = one(&engine, place);
                    found.lock().unwrap_or_else(PoisonError::into_inner)[n] = Some(verified);
                }
            });
        }
    });
    run::sweep(project);
    Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect())
}

/// Those of the specs that have landed whose work is in a commit: what came later says nothing there.
fn landed_by(project: &Project, look: &Look, ids: Vec<SpecId>, at: Oid) -> Result<Vec<SpecId>, Error> {
    let then = project::look_at(project, at)?;
    let was_there = |id: &SpecId| -> Result<bool, Error> {
        let landing = look.ledger.record(&project.qualify(id)).and_then(|record| record.landing.as_ref());
        let completed = then.board.row(id).is_some_and(|row| row.status == Status::Completed);
        Ok(completed || landing.map_or(Ok(true), |landing| project.repo.is_ancestor(landing.commit, at))?)
    };
    let mut found = Vec::new();
    for id in ids {
        if was_there(&id)? {
            found.push(id);
        }
    }
    Ok(found)
}

fn next_of<'a>(next: &AtomicUsize, places: &'a [Place]) -> Option<(usize, &'a Place)> {
    let n = next.fetch_add(1, Ordering::Relaxed);
    places.get(n).map(|place| (n, place))
}

/// Where a spec is proven, and the commit whose criteria count: never those that its own branch has made of them
/// (DESIGN.md, section 3).
fn place(project: &Project, look: &Look, id: SpecId, at: Option<Oid>) -> Result<Place, Error> {
    let span = diff::span(project, look, &id)?;
    let before = span.as_ref().map(|span| span.from);
    let repo = &project.repo;
    let tip = |name: &Option<String>| -> Result<Option<Oid>, Error> {
        Ok(name.as_ref().map(|name| repo.tip(&format!("refs/heads/{name}"))).transpose()?.flatten())
    };
    let row = look.board.row(&id);
    let landed = row.filter(|row| row.status == Status::Completed).map(|row| tip(&row.target)).transpose()?.flatten();
    let branch = row.map(|row| tip(&row.branch)).transpose()?.flatten();
    let (commit, words) = match (at, landed, branch) {
        (Some(at), _, _) => (at, at),
        (None, Some(onto), _) => (onto, onto),
        (None, None, Some(branch)) => (branch, before.unwrap_or(branch)),
        (None, None, None) => {
            let none = || Error::usage("there is no commit yet", "commit something first");
            let tip = repo.head()?.tip().ok_or_else(none)?;
            (tip, tip)
        }
    };
    let record = look.ledger.record(&project.qualify(&id));
    let again = before.map(|before| run::was_done(repo, record, before)).transpose()?.unwrap_or_default();
    let noted = views::noted(project, look, &id).line.map(|line| line.criteria).unwrap_or_default();
    Ok(Place { id, commit, tree: repo.tree(commit)?, words, before, noted, again })
}

fn one(engine: &Engine, place: &Place) -> Verified {
    let mut also_before = BTreeSet::new();
    let outcome = prove(engine, place, &mut also_before);
    Verified { id: place.id.clone(), commit: place.commit, tree: place.tree, outcome, also_before }
}

fn prove(engine: &Engine, place: &Place, also_before: &mut BTreeSet<usize>) -> Result<Evidence, Error> {
    let project = &engine.project;
    let spec = run::spec_in(project, &place.id, place.words)?;
    let lock = run::hold(project, &place.id)?;
    let settings = project.settings_at(place.words, &crate::config::Flags::default())?;
    let prover = Prover::new(engine, &place.id, &settings, &lock);
    let mut evidence = prover.prove(&spec, place.commit)?;
    let unmet = |n: &usize| evidence.proofs[*n].verdict == Verdict::Unmet && evidence.proofs[*n].command.is_some();
    let unmet: Vec<usize> = (0..evidence.proofs.len()).filter(unmet).collect();
    let mut lost: Vec<usize> = Vec::new();
    if let Some(before) = place.before.filter(|before| *before != place.commit && !unmet.is_empty()) {
        let mut open = spec.clone();
        open.criteria = unmet.iter().map(|n| spec.criteria[*n].clone()).collect();
        let there = prover.prove(&open, before)?;
        let also = unmet.iter().zip(&there.proofs).filter(|(_, proof)| proof.verdict == Verdict::Unmet);
        also_before.extend(also.map(|(n, _)| *n));
        lost.extend(unmet.iter().filter(|n| there.spoilt.is_none() && !also_before.contains(n)));
    }
    held(engine, &prover, place, &spec, &mut evidence)?;
    // What is not noted was seen just now.
    for n in lost {
        evidence.proofs[n].base.get_or_insert(Start::Green);
    }
    run::discard_proof(project, &place.id)?;
    Ok(evidence)
}

/// What was green before the work as well: as it is noted, else as it is found there. Where `red_first: required` was set
/// when the work began, it does not count, as it did not count then.
fn held(
    engine: &Engine,
    prover: &Prover<'_>,
    place: &Place,
    spec: &Spec,
    evidence: &mut Evidence,
) -> Result<(), Error> {
    for proof in &mut evidence.proofs {
        let same = |other: &&Proof| other.criterion == proof.criterion && other.command == proof.command;
        proof.base = place.noted.iter().find(same).and_then(|noted| noted.base);
    }
    let project = &engine.project;
    let Some(before) = place.before.filter(|_| !place.again) else { return Ok(()) };
    let required = project.settings_at(before, &crate::config::Flags::default())?.proving.red_first.value;
    // What is asked about a revision from before the work says nothing of it.
    if !required || project.repo.is_ancestor(place.commit, before)? {
        return Ok(());
    }
    let unknown = |proof: &Proof| proof.verdict == Verdict::Verified && proof.base.is_none() && proof.command.is_some();
    let open: Vec<usize> = (0..evidence.proofs.len()).filter(|n| unknown(&evidence.proofs[*n])).collect();
    if !open.is_empty() {
        let criteria = open.iter().map(|n| spec.criteria[*n].clone()).collect();
        let there = prover.prove(&Spec { criteria, ..spec.clone() }, before)?;
        for (n, proof) in open.iter().zip(&there.proofs).filter(|_| there.spoilt.is_none()) {
            let green = proof.verdict == Verdict::Verified;
            evidence.proofs[*n].base = Some(if green { Start::Green } else { Start::Red });
        }
    }
    run::discount_held(evidence);
    Ok(())
}
