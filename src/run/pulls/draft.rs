//! What a pull request says of the work: from the spec, the evidence and Git.

use super::super::land::landing_block;
use super::super::model::Finished;
use super::super::{Error, Verdict, evidence};
use crate::ledger::{Block, Oid};
use crate::project::{Look, Project};
use crate::review::{self, Draft, Part};
use crate::spec;

/// The request for a finished spec. `from` is where its branch left the target.
///
/// # Errors
/// Where the history cannot be read.
pub(super) fn draft(project: &Project, look: &Look, finished: &Finished, from: Oid) -> Result<Draft, Error> {
    let block = landing_block(project, finished)?;
    let parts = [
        Part { heading: None, text: spec::prose(&finished.spec) },
        part("Acceptance criteria", criteria(project, finished)?),
        part("Size", size(project, finished, from)?),
        part("Depends on", depends(project, look, finished)?),
        part("How to look", how(finished)),
    ];
    Ok(Draft {
        head: finished.qualified.branch(),
        base: finished.target.clone(),
        title: review::title(finished.id.as_str(), &finished.spec.title),
        body: review::body(&parts, &trailers(&block)),
    })
}

fn part(heading: &str, text: String) -> Part {
    Part { heading: Some(heading.to_owned()), text }
}

/// The block by which a squash of the request is known for a landing.
pub(super) fn trailers(block: &Block) -> String {
    block.lines().join("\n")
}

/// Each criterion with what proves it.
fn criteria(project: &Project, finished: &Finished) -> Result<String, Error> {
    let note = project.repo.note(finished.commit)?.unwrap_or_default();
    let proofs = evidence::read(&note);
    let mut text = String::new();
    for criterion in &finished.spec.criteria {
        let proof = proofs.iter().find(|proof| proof.criterion == criterion.text);
        let (mark, word) = match proof.map(|proof| proof.verdict) {
            Some(Verdict::Verified) => ("x", "verified"),
            Some(Verdict::Claimed) => ("x", "claimed, without a proof"),
            Some(Verdict::Unmet) => (" ", "unmet"),
            None => (" ", "no evidence is noted here"),
        };
        text.push_str(&format!("- [{mark}] {}: *{word}*", criterion.text));
        if let Some(command) = &criterion.command {
            text.push_str(&format!("\n  {}", code(command)));
            if let Some(exit) = proof.and_then(|proof| proof.exit) {
                text.push_str(&format!(" exits {exit}"));
            }
        }
        text.push('\n');
    }
    Ok(text)
}

/// A command as an inline code span, whatever backticks it has.
fn code(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

fn size(project: &Project, finished: &Finished, from: Oid) -> Result<String, Error> {
    let repo = &project.repo;
    let stat = repo.stat(from, finished.commit)?;
    let mut text = if stat.is_empty() { "No file changes.\n".to_owned() } else { format!("```text\n{stat}\n```\n") };
    let wanted = spec::matcher(&finished.spec.target_files);
    let own = project.spec_path(&finished.id);
    let outside: Vec<String> = repo
        .changes(Some(from), finished.commit)?
        .into_iter()
        .map(|change| change.path)
        .filter(|path| *path != own)
        .filter(|path| !path.strip_prefix(&project.prefix).is_some_and(|inside| wanted.is_match(inside)))
        .collect();
    if !finished.spec.target_files.is_empty() && !outside.is_empty() {
        let named: Vec<String> = outside.iter().take(20).map(|path| code(path)).collect();
        let more = if outside.len() > named.len() {
            format!(" and {} more", outside.len() - named.len())
        } else {
            String::new()
        };
        text.push_str(&format!("\nOutside of the spec's `target_files`: {}{more}\n", named.join(", ")));
    }
    Ok(text)
}

/// What had to land before, and what it is a part of.
fn depends(project: &Project, look: &Look, finished: &Finished) -> Result<String, Error> {
    let mut text = String::new();
    let row = look.board.row(&finished.id);
    for id in row.map(|row| row.depends_on.as_slice()).unwrap_or_default() {
        let (status, title) =
            look.board.row(id).map_or(("unknown", ""), |row| (row.status.as_str(), row.title.as_str()));
        text.push_str(&format!("- {id}: {title} ({status})"));
        let done = look.ledger.record(&project.qualify(id)).and_then(|record| record.decided_by);
        if let Some(heard) =
            done.map(|done| project.repo.note(done)).transpose()?.flatten().as_deref().and_then(review::last_heard)
        {
            text.push_str(&format!(", {}", heard.url));
        }
        text.push('\n');
    }
    if let Some(driver) = &finished.driver {
        let title = look.board.row(driver).map_or("", |row| row.title.as_str());
        text.push_str(&format!("- a member of {driver}: {title}, whose branch it is merged into\n"));
    }
    Ok(text)
}

fn how(finished: &Finished) -> String {
    let id = &finished.id;
    let did = match finished.assisted_by.as_slice() {
        [] => String::new(),
        who => format!(" Done by {}.", who.join(", ")),
    };
    format!(
        "Attempt {}, {}.{did} `chant diff {id}` shows the change with its evidence, `chant why {id}` how it came about, \
         `chant verify {id}` runs the proofs again. A merge commit, a squash or a rebase lands it; where it is squashed, \
         keep the trailers below as the last paragraph of the message.",
        finished.attempt, finished.criteria
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_code_span_whatever_backticks_it_has() {
        assert_eq!(code("test -f a\n  && true"), "`test -f a && true`");
        assert_eq!(code("echo `date`"), "`` echo `date` ``");
    }
}
