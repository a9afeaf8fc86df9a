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
    let sources: Vec<&String> =
        [&spec.context, &spec.informed_by, &spec.origin, &spec.tracks].into_iter().flatten().collect();
    if !sources.is_empty() {
        text.push_str("\nRead these first (paths are relative to the current directory):\n\n");
        for source in sources {
            text.push_str(&format!("    {source}\n"));
        }
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
