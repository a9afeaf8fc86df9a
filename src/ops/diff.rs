//! `chant diff`: what a spec changes against its target, with its criteria and their evidence above it.

use super::{Error, resolve, views};
use crate::git::{EntryKind, Repo};
use crate::ledger::Oid;
use crate::plan;
use crate::project::{Look, Project};
use crate::run::{Outward, outward};
use crate::spec::{self, SpecId, Weakened};

/// One changed file.
#[derive(Debug, Clone)]
pub struct FileDiff {
    /// Its path in the repository.
    pub path: String,
    /// What it held before; `None` where it was not there.
    pub old: Option<Vec<u8>>,
    /// What it holds now; `None` where it is gone.
    pub new: Option<Vec<u8>>,
    /// Whether it is a link to another repository's commit.
    pub submodule: bool,
    /// Whether it lies outside of the spec's `target_files`.
    pub outside: bool,
    /// What it does to tests that were there, and to programs that the spec's proofs run.
    pub weakened: Vec<Weakened>,
    /// What it makes of the criteria of a spec, a line each.
    pub criteria: Vec<String>,
    /// Where it leads, in words, if it is a link out of the repository.
    pub leads_out: Option<String>,
}

/// A spec's change.
pub struct Diff {
    /// The spec.
    pub id: SpecId,
    /// Where it left its target.
    pub from: Oid,
    /// Its branch's tip, or what landed.
    pub to: Oid,
    /// The branch it lands on.
    pub target: Option<String>,
    /// The criteria and how they stand.
    pub criteria: Vec<views::CriterionView>,
    /// Whether the evidence of the attempt that counts is not noted in this clone.
    pub evidence_missing: bool,
    /// What reviewers have said, where it waits for them.
    pub review: Option<plan::status::Review>,
    /// Frozen files whose changes were set aside before proving, and are not in what lands.
    pub set_aside: Vec<String>,
    /// The changed files.
    pub files: Vec<FileDiff>,
}

/// From where to where a spec's change goes.
pub(crate) struct Span {
    /// Where it left its target.
    pub from: Oid,
    /// Its branch's tip, or what landed.
    pub to: Oid,
}

/// The merge that brought `work` itself: a member's landed on its driver's branch before that landed as a whole.
fn brought_by(repo: &Repo, landing: Oid, work: Oid) -> Result<Oid, Error> {
    let parents = repo.parents(landing)?;
    let Some(side) = parents.get(1).copied().filter(|side| *side != work) else { return Ok(landing) };
    if !repo.is_ancestor(work, side)? {
        return Ok(landing);
    }
    for entry in repo.first_parent(side, 10_000)? {
        let Some(before) = entry.parents.first() else { break };
        if !repo.is_ancestor(work, *before)? {
            // Where it is no merge, this is the work itself: all of the branch is one spec's.
            return if entry.parents.len() > 1 { brought_by(repo, entry.commit, work) } else { Ok(landing) };
        }
    }
    Ok(landing)
}

/// The change of a spec: of its branch since it left its target, or of its landing where the branch is gone; `None`
/// where it has no work yet.
///
/// # Errors
/// Where Git cannot read the history.
pub(crate) fn span(project: &Project, look: &Look, id: &SpecId) -> Result<Option<Span>, Error> {
    let repo = &project.repo;
    let qualified = project.qualify(id);
    let target = look.board.row(id).and_then(|row| row.target.as_ref());
    let record = look.ledger.record(&qualified);
    let landing = match record.and_then(|record| Some((record.landing.as_ref()?.commit, record.decided_by))) {
        Some((landing, Some(work))) => Some(brought_by(&project.repo, landing, work)?),
        Some((landing, None)) => Some(landing),
        None => None,
    };
    // A branch that only a remote has is seen from here as well.
    let seen = look.view.branches.get(&qualified.branch()).and_then(|tips| tips.first().copied());
    Ok(match (repo.tip(&qualified.full_ref())?.or(seen), landing) {
        (_, Some(landing)) => {
            let before = repo.parents(landing)?.first().copied().unwrap_or(landing);
            Some(Span { from: before, to: landing })
        }
        (Some(tip), None) => {
            let onto = target.map(|target| repo.tip(&format!("refs/heads/{target}"))).transpose()?.flatten();
            let fork = onto.map(|onto| repo.merge_base(onto, tip)).transpose()?.flatten();
            Some(Span { from: fork.unwrap_or(tip), to: tip })
        }
        (None, None) => None,
    })
}

/// The change of a spec: of its branch since it left its target, or of its landing where the branch is gone.
///
/// # Errors
/// Where the query names no spec, or it has no work yet.
pub fn diff(project: &Project, look: &Look, query: &str) -> Result<Diff, Error> {
    let id = resolve(look, query)?.clone();
    let repo = &project.repo;
    let row = look.board.row(&id);
    let target = row.and_then(|row| row.target.clone());
    let Some(Span { from, to }) = span(project, look, &id)? else {
        return Err(Error::usage(format!("{id} has no work to show"), format!("`chant work {id}` begins it")));
    };
    let spec = look.set.get(&id);
    let wanted = spec.map(|spec| spec.target_files.clone()).unwrap_or_default();
    let commands: Vec<&str> =
        spec.iter().flat_map(|spec| &spec.criteria).filter_map(|criterion| criterion.command.as_deref()).collect();
    let matcher = spec::matcher(&wanted);
    let own = project.spec_path(&id);
    let links = outward(repo, from, to)?;
    let mut files = Vec::new();
    for change in repo.changes(Some(from), to)? {
        let read = |side: &Option<(Oid, EntryKind)>| -> Result<Option<Vec<u8>>, Error> {
            match side {
                Some((oid, EntryKind::Submodule)) => Ok(Some(format!("Subproject commit {oid}\n").into_bytes())),
                Some((oid, _)) => Ok(Some(repo.blob(*oid)?)),
                None => Ok(None),
            }
        };
        let inside = change.path.strip_prefix(&project.prefix);
        let outside = !wanted.is_empty() && change.path != own && !inside.is_some_and(|path| matcher.is_match(path));
        let submodule = [&change.old, &change.new].iter().any(|side| matches!(side, Some((_, EntryKind::Submodule))));
        let (old, new) = (read(&change.old)?, read(&change.new)?);
        let text = |side: &Option<Vec<u8>>| side.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let before = text(&old);
        // One that the spec names letter by letter is meant to change.
        let meant = inside.is_some_and(|path| wanted.iter().any(|file| file == path));
        let run = !meant
            && inside.is_some_and(|path| {
                spec::is_run_by(commands.iter().copied(), path, before.as_deref().unwrap_or_default())
            });
        let weakened = spec::weakened(&change.path, before.as_deref(), text(&new).as_deref(), run);
        let leads_out = links.iter().find(|link| link.path == change.path).map(Outward::leads);
        let criteria = project.criteria_edited(&change.path, text(&old).as_deref(), text(&new).as_deref());
        files.push(FileDiff { old, new, path: change.path, submodule, outside, weakened, criteria, leads_out });
    }
    let review = row.and_then(|row| row.review.clone());
    let set_aside = views::noted(project, look, &id).set_aside;
    let evidence_missing = views::evidence_missing(project, look, &id);
    Ok(Diff {
        criteria: views::proofs(project, look, &id),
        evidence_missing,
        review,
        id,
        from,
        to,
        target,
        set_aside,
        files,
    })
}
