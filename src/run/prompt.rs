//! What the agent is told, and what is told of its work: plain text.

use super::model::Claim;
use super::{Evidence, Verdict};

/// The prompt, given to the agent on its standard input.
pub(super) fn prompt(claim: &Claim) -> String {
    let spec = &claim.spec;
    let mut text = format!(
        "Work on the spec `{}` until everything under its acceptance criteria holds.\n\n\
         You are in a Git worktree of your own, on the branch `{}`; it will be merged into `{}`.\n\
         The spec's file is {}/{}.md. Commit freely or leave files uncommitted: both are taken.\n\
         Tick a criterion's box only where it holds; a criterion with a command (`$ …`) is proven by running that\n\
         command on the committed tree, whatever the box says. Write no `Chant-*` trailers, leave no process behind,\n\
         and change no other spec.\n",
        claim.qualified,
        claim.qualified.branch(),
        claim.target,
        crate::project::SPECS,
        claim.id,
    );
    if let Some(feedback) = &claim.feedback {
        text.push_str("\nThe attempt before this one failed:\n\n");
        text.push_str(&feedback.lines().map(|line| format!("    {line}\n")).collect::<String>());
    }
    if !claim.rejections.is_empty() {
        text.push_str("\nPeople who looked at the work sent it back. Do what they ask for:\n\n");
        text.push_str(&claim.rejections.iter().map(|said| format!("    {said}\n")).collect::<String>());
    }
    if !claim.sources.is_empty() {
        text.push_str("\nRead these first (paths are relative to the current directory):\n\n");
        text.push_str(&claim.sources.iter().map(|(pattern, files)| source(pattern, files)).collect::<String>());
    }
    if !spec.target_files.is_empty() {
        text.push_str("\nThe files meant to change:\n\n");
        for file in &spec.target_files {
            text.push_str(&format!("    {file}\n"));
        }
    }
    text.push_str("\nThe spec:\n\n");
    text.push_str(spec.render());
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// So many files of one pattern are named.
const NAMED: usize = 100;

/// What is to be read: the pattern, and where that is not a file itself, the files that it means.
fn source(pattern: &str, files: &[String]) -> String {
    if files.iter().any(|file| file == pattern) {
        return format!("    {pattern}\n");
    }
    let named = files.iter().take(NAMED).map(|file| format!("        {file}\n")).collect::<String>();
    let more = if files.len() > NAMED { format!("        and {} more\n", files.len() - NAMED) } else { String::new() };
    let none = if files.is_empty() { " (no such file yet)" } else { "" };
    format!("    {pattern}{none}\n{named}{more}")
}

/// The criteria and how they ended, a line each, for a commit message.
pub(super) fn criteria_lines(found: &Evidence) -> String {
    let mut text = String::new();
    for proof in &found.proofs {
        let word = match proof.verdict {
            Verdict::Verified => "verified",
            Verdict::Claimed => "claimed",
            Verdict::Unmet => "unmet",
        };
        text.push_str(&format!("- {word}: {}\n", proof.criterion));
    }
    text
}
