//! `chant export`: specs with their statuses as other programs read them, and one spec's evidence as an in-toto statement.

use serde_json::{Value, json};

use super::views::{self, Detail, Item};
use super::{Error, resolve};
use crate::ledger::Oid;
use crate::project::{Look, Project};
use crate::run::{NoteLine, Proof, Verdict};
use crate::spec::SpecId;

/// The type of an in-toto statement, and of the predicate that says what tests said.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// All that is known of some specs; of every one where none is named.
///
/// # Errors
/// Where a query names no spec.
pub fn details(project: &Project, look: &Look, queries: &[String]) -> Result<Vec<Detail>, Error> {
    ids(look, queries)?.iter().map(|id| views::show(project, look, id.as_str())).collect()
}

fn ids(look: &Look, queries: &[String]) -> Result<Vec<SpecId>, Error> {
    if queries.is_empty() {
        return Ok(look.board.rows.iter().map(|row| row.id.clone()).collect());
    }
    queries.iter().map(|query| resolve(look, query).cloned()).collect()
}

const COLUMNS: [&str; 18] = [
    "id",
    "project",
    "title",
    "type",
    "status",
    "attempt",
    "branch",
    "target",
    "driver",
    "labels",
    "depends_on",
    "blocked_by",
    "criteria",
    "verified",
    "claimed",
    "unmet",
    "attention",
    "commit",
];

fn cells(item: &Item) -> [String; 18] {
    let or = |text: &Option<String>| text.clone().unwrap_or_default();
    let blocked: Vec<&str> = item.blocked_by.iter().map(|by| by.reason.as_str()).collect();
    [
        item.id.clone(),
        or(&item.project),
        item.title.clone(),
        item.kind.clone(),
        item.status.clone(),
        item.attempt.map(|attempt| attempt.to_string()).unwrap_or_default(),
        or(&item.branch),
        or(&item.target),
        or(&item.driver),
        item.labels.join(" "),
        item.depends_on.join(" "),
        blocked.join("; "),
        item.criteria.total.to_string(),
        item.criteria.verified.to_string(),
        item.criteria.claimed.to_string(),
        item.criteria.unmet.to_string(),
        or(&item.attention),
        or(&item.commit),
    ]
}

fn items(look: &Look, queries: &[String]) -> Result<Vec<Item>, Error> {
    let rows = ids(look, queries)?.into_iter().filter_map(|id| look.board.row(&id).map(views::item));
    Ok(rows.collect())
}

/// Specs as CSV (RFC 4180), with a line of headings.
///
/// # Errors
/// Where a query names no spec.
pub fn csv(look: &Look, queries: &[String]) -> Result<String, Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let failed = |error: csv::Error| Error::File { what: "write CSV".to_owned(), source: error.into() };
    writer.write_record(COLUMNS).map_err(failed)?;
    for item in items(look, queries)? {
        writer.write_record(cells(&item)).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(error.into_error().into()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Specs as a table of Markdown.
///
/// # Errors
/// Where a query names no spec.
pub fn markdown(look: &Look, queries: &[String]) -> Result<String, Error> {
    let plain = |text: &str| {
        let line: Vec<&str> = text.split_whitespace().collect();
        line.join(" ").replace('\\', "\\\\").replace('|', "\\|")
    };
    let mut out = "| id | title | type | status | verified | attention |\n|---|---|---|---|---|---|\n".to_owned();
    for item in items(look, queries)? {
        let verified = format!("{} of {}", item.criteria.verified, item.criteria.total);
        let cells = [&item.id, &item.title, &item.kind, &item.status, &verified];
        let cells: Vec<String> = cells.into_iter().chain(item.attention.as_ref()).map(|text| plain(text)).collect();
        let none = if cells.len() == 5 { " |" } else { "" };
        out.push_str(&format!("| {} |{none}\n", cells.join(" | ")));
    }
    Ok(out)
}

/// The evidence of the attempt that counts as an in-toto statement (test-result v0.1): the tree that was proven, and the
/// commit that has it, by the spec's blob. A criterion that was only ticked, or whose command was green before the work,
/// is a warning. The statement is not signed.
///
/// # Errors
/// Where the query names no spec, or nothing is noted of an attempt of it.
pub fn statement(project: &Project, look: &Look, query: &str) -> Result<Value, Error> {
    let id = resolve(look, query)?;
    let Some(line) = views::noted(project, look, id).line else {
        return Err(Error::usage(
            format!("no evidence is noted for {id}"),
            format!("evidence is noted when an attempt ends; {}", views::NOTES_ELSEWHERE),
        ));
    };
    let mut subject = vec![json!({ "name": line.spec, "digest": { "gitTree": line.tree } })];
    if let Some(commit) = commit_of(project, look, id, &line)? {
        subject.push(json!({ "name": line.spec, "digest": { "gitCommit": commit.to_string() } }));
    }
    let mut configuration = json!({ "name": project.spec_path(id) });
    if let Some(blob) = &line.spec_blob {
        configuration["digest"] = json!({ "gitBlob": blob });
    }
    let names = |fits: &dyn Fn(&Proof) -> bool| -> Vec<&str> {
        line.criteria.iter().filter(|proof| fits(proof)).map(|proof| proof.criterion.as_str()).collect()
    };
    let weak = |proof: &Proof| proof.verdict == Verdict::Claimed || proof.way() == Some("held");
    let failed = names(&|proof| proof.verdict == Verdict::Unmet);
    let warned = names(&|proof| proof.verdict != Verdict::Unmet && weak(proof));
    let passed = names(&|proof| proof.verdict == Verdict::Verified && !weak(proof));
    let result = match (failed.is_empty(), warned.is_empty()) {
        (false, _) => "FAILED",
        (true, false) => "WARNED",
        (true, true) => "PASSED",
    };
    Ok(json!({
        "_type": STATEMENT,
        "subject": subject,
        "predicateType": TEST_RESULT,
        "predicate": {
            "result": result,
            "configuration": [configuration],
            "passedTests": passed,
            "warnedTests": warned,
            "failedTests": failed,
        },
    }))
}

/// The commit that has the tree of a line: the event that ended the attempt, or its landing.
fn commit_of(project: &Project, look: &Look, id: &SpecId, line: &NoteLine) -> Result<Option<Oid>, Error> {
    let Some(record) = look.ledger.record(&project.qualify(id)) else { return Ok(None) };
    for commit in record.decided_by.into_iter().chain(record.landing.as_ref().map(|landed| landed.commit)) {
        if project.repo.tree(commit)?.to_string() == line.tree {
            return Ok(Some(commit));
        }
    }
    Ok(None)
}
