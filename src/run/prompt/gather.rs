//! From Git and the board to the facts of a prompt. Whatever is taken over is bounded: a prompt that nobody can read is
//! none.

use super::Ask;
use super::facts::{
    CriterionFacts, Facts, Failure, Neighbour, Source, SourceFile, SpecFacts, Unmet, fence, last_lines,
};
use crate::ledger::{Approval, Oid, Record, State};
use crate::plan::{Row, Status};
use crate::project::{self, Look, Project};
use crate::run::Error;
use crate::run::evidence::{Line, Verdict};
use crate::spec::{self, Spec, SpecId};

/// So many files of one pattern, or of one neighbour, are named.
const NAMED: usize = 100;
/// So many neighbours of a kind.
const NEIGHBOURS: usize = 50;
/// So many files of all neighbours of a kind together.
const NEAR: usize = 300;
/// Bytes of one file that are given whole.
const FILE: usize = 32 * 1024;
/// Bytes of all files together.
const ALL: usize = 128 * 1024;
/// Lines and bytes of the last words of a proof.
const TAIL: (usize, usize) = (30, 4096);

/// All that a prompt can tell of a spec.
pub(super) fn facts(ask: &Ask<'_>) -> Result<Facts, Error> {
    let (project, look, spec) = (ask.project, ask.look, ask.spec);
    let qualified = project.qualify(&spec.id);
    let record = look.ledger.record(&qualified);
    let row = look.board.row(&spec.id);
    let neighbour = |id: &SpecId| -> Result<Option<Neighbour>, Error> {
        look.board.row(id).map(|row| neighbour(project, look, row)).transpose()
    };
    let neighbours = |ids: &[SpecId]| -> Result<Vec<Neighbour>, Error> {
        let mut near: Vec<Neighbour> =
            ids.iter().take(NEIGHBOURS).filter_map(|id| neighbour(id).transpose()).collect::<Result<_, Error>>()?;
        bound(&mut near);
        Ok(near)
    };
    let more = |ids: &[SpecId]| ids.len().saturating_sub(NEIGHBOURS);
    let driver = look.set.driver_of(&spec.id);
    let beside = driver.map(|driver| look.set.members_of(driver)).unwrap_or_default();
    let needs = row.map(|row| row.depends_on.clone()).unwrap_or_default();
    let siblings: Vec<SpecId> = beside.iter().filter(|id| **id != spec.id && !needs.contains(id)).cloned().collect();
    Ok(Facts {
        spec: spec_facts(project, spec),
        attempt: ask.attempt,
        branch: qualified.branch(),
        target: ask.target.to_owned(),
        driver: driver.map(neighbour).transpose()?.flatten(),
        failure: record.map(|record| failure(project, record)).transpose()?.flatten(),
        rejections: record.map(rejections).unwrap_or_default(),
        drift: ask.request.again.get(&spec.id).cloned().unwrap_or_default(),
        conflict: None,
        split: None,
        sources: sources(project, spec, ask.base)?,
        dependencies: neighbours(&needs)?,
        more_dependencies: more(&needs),
        siblings: neighbours(&siblings)?,
        more_siblings: more(&siblings),
    })
}

fn spec_facts(project: &Project, spec: &Spec) -> SpecFacts {
    let criterion = |criterion: &crate::spec::Criterion| CriterionFacts {
        text: criterion.text.clone(),
        command: criterion.command.clone(),
    };
    SpecFacts {
        id: spec.id.to_string(),
        qualified: project.qualify(&spec.id).to_string(),
        kind: spec.kind.as_str().to_owned(),
        title: spec.title.clone(),
        text: spec.render().to_owned(),
        body: spec.markdown().to_owned(),
        file: format!("{}/{}.md", project::SPECS, spec.id),
        labels: spec.labels.clone(),
        target_files: lines(&spec.target_files),
        criteria: spec.criteria.iter().map(criterion).collect(),
    }
}

/// Why the last attempt did not do, with its evidence.
fn failure(project: &Project, record: &Record) -> Result<Option<Failure>, Error> {
    let State::Failed { reason } = &record.state else { return Ok(None) };
    let reason = reason.clone().unwrap_or_else(|| "no reason was recorded".to_owned());
    let note = record.decided_by.map(|commit| project.repo.note(commit)).transpose()?.flatten().unwrap_or_default();
    let mut unmet: Vec<Unmet> = Vec::new();
    for line in note.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
        for proof in line.criteria.into_iter().filter(|proof| proof.verdict == Verdict::Unmet) {
            // A newer line is about the merged tree, and says more of the same.
            unmet.retain(|one| one.criterion != proof.criterion);
            unmet.push(Unmet {
                criterion: proof.criterion,
                command: proof.command,
                exit: proof.exit,
                remark: proof.remark,
                tail: last_lines(&proof.tail, TAIL.0, TAIL.1),
            });
        }
    }
    Ok(Some(Failure { reason, unmet }))
}

/// What reviewers said who sent the work back.
fn rejections(record: &Record) -> Vec<String> {
    let rejected = record.entries.iter().filter(|entry| entry.block.approval == Some(Approval::Rejected));
    let words = rejected.map(|entry| {
        let (attempt, reason) = (entry.block.attempt.unwrap_or_default(), entry.block.reason.as_deref());
        format!("attempt {attempt}, {}: {}", entry.author, reason.unwrap_or("no reason was given"))
    });
    words.collect()
}

/// What the spec wants read first, as its base has it: texts whole as long as there is room, all else by name.
fn sources(project: &Project, spec: &Spec, base: Oid) -> Result<Vec<Source>, Error> {
    let keys = [
        ("context", &spec.context),
        ("informed_by", &spec.informed_by),
        ("origin", &spec.origin),
        ("tracks", &spec.tracks),
    ];
    let mut room = ALL;
    let mut given = std::collections::BTreeSet::new();
    let mut found = Vec::new();
    for (key, pattern) in keys.iter().flat_map(|(key, patterns)| patterns.iter().map(move |one| (*key, one))) {
        let files = matched(project, pattern, base)?;
        let more = files.len().saturating_sub(NAMED);
        let mut shown = Vec::new();
        for path in files.into_iter().take(NAMED) {
            // What two patterns mean is given once.
            let file = match given.insert(path.clone()) {
                true => source_file(project, base, path, &mut room)?,
                false => by_name(path, None),
            };
            shown.push(file);
        }
        found.push(Source { key: key.to_owned(), pattern: spec::on_a_line(pattern), files: shown, more });
    }
    Ok(found)
}

/// The files of a commit that a pattern means, relative to the project.
fn matched(project: &Project, pattern: &String, base: Oid) -> Result<Vec<String>, Error> {
    let matcher = crate::spec::matcher(std::slice::from_ref(pattern));
    let below = project.repo.files_below(base, &project.path(&crate::spec::literal_part(pattern)))?;
    let inside = below.iter().filter_map(|path| path.strip_prefix(&project.prefix));
    Ok(inside.filter(|path| matcher.is_match(path)).map(str::to_owned).collect())
}

fn lines(patterns: &[String]) -> Vec<String> {
    patterns.iter().map(|pattern| spec::on_a_line(pattern)).collect()
}

fn by_name(path: String, why: Option<&str>) -> SourceFile {
    SourceFile { path: spec::on_a_line(&path), content: None, why: why.map(str::to_owned), fence: fence(&[]) }
}

fn source_file(project: &Project, base: Oid, path: String, room: &mut usize) -> Result<SourceFile, Error> {
    use crate::git::EntryKind;
    let inside = project.path(&path);
    let Some((_, EntryKind::Blob | EntryKind::Exec)) = project.repo.entry(base, &inside)? else {
        return Ok(by_name(path, Some("not a file")));
    };
    let bytes = project.repo.read(base, &inside)?.unwrap_or_default();
    let text = match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text,
        _ => return Ok(by_name(path, Some("binary"))),
    };
    if text.len() > FILE || text.len() > *room {
        return Ok(by_name(path, Some(&format!("{} KiB: read it there", text.len().div_ceil(1024)))));
    }
    *room -= text.len();
    let text = text.trim_end_matches('\n').to_owned();
    Ok(SourceFile { path: spec::on_a_line(&path), why: None, fence: fence(&[&text]), content: Some(text) })
}

/// Of many neighbours only some files are named, the first ones of each: the rest is counted.
fn bound(near: &mut [Neighbour]) {
    let each = (NEAR / near.len().max(1)).clamp(1, NAMED);
    for other in near {
        other.more += other.files.len().saturating_sub(each);
        other.more_targets = other.target_files.len().saturating_sub(each);
        other.files.truncate(each);
        other.target_files.truncate(each);
    }
}

fn neighbour(project: &Project, look: &Look, row: &Row) -> Result<Neighbour, Error> {
    let landed = row.status == Status::Completed;
    let done = landed || row.status == Status::InReview;
    let files = if done { changed(project, look, &row.id)? } else { Vec::new() };
    Ok(Neighbour {
        id: row.id.to_string(),
        title: row.title.clone(),
        status: row.status.as_str().to_owned(),
        landed,
        target_files: look.set.get(&row.id).map(|spec| lines(&spec.target_files)).unwrap_or_default(),
        more: files.len().saturating_sub(NAMED),
        more_targets: 0,
        files: files.into_iter().take(NAMED).collect(),
    })
}

/// What a completed attempt has changed since its start; nothing where a squash or another clone keeps that from sight.
fn changed(project: &Project, look: &Look, id: &SpecId) -> Result<Vec<String>, Error> {
    let record = look.ledger.record(&project.qualify(id));
    let ends = record.and_then(|record| Some((record.start.as_ref()?.commit, record.decided_by?)));
    let Some((start, done)) = ends else { return Ok(Vec::new()) };
    let changes = project.repo.changes(Some(start), done)?;
    Ok(changes.into_iter().map(|change| spec::on_a_line(&change.path)).collect())
}
