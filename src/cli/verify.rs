//! `chant verify`

use std::sync::Arc;

use clap::Args;

use super::{Context, Outcome, paint, progress, show, text};
use crate::ops::{self, views};
use crate::run::Proof;

/// Run the proofs again in a clean checkout, and say what no longer holds.
///
/// A spec that has landed is proven on its target as it stands now, one that has not on its branch. Exits 1 where
/// something does not hold. Nothing is recorded.
#[derive(Args)]
pub struct Verify {
    /// The specs.
    #[arg(required_unless_present = "all")]
    ids: Vec<String>,
    /// Every spec that has landed.
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// On this revision instead.
    #[arg(long, value_name = "REV")]
    at: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// What was found for one spec, as `chant verify --json` gives it.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct Finding {
    /// The spec.
    pub id: String,
    /// The commit it was proven on.
    pub commit: String,
    /// Its tree.
    pub tree: String,
    /// Whether nothing is unmet.
    pub holds: bool,
    /// The criteria.
    pub criteria: Vec<ProofView>,
}

/// One criterion and what its command said.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct ProofView {
    /// The criterion's words.
    pub text: String,
    /// Its command; null where it has none.
    pub command: Option<String>,
    /// `verified`, `claimed` or `unmet`.
    pub verdict: String,
    /// The command's exit code; null where it did not exit by itself.
    pub exit: Option<i32>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The last words of the command.
    pub tail: String,
}

impl Verify {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project()?;
        let reporter = Arc::new(progress::quiet(context));
        let found = ops::verify::verify(&project, &self.ids, self.all, self.at.as_deref(), reporter)?;
        let code = u8::from(found.iter().any(|found| !found.evidence.holds()));
        if self.json {
            let findings: Vec<Finding> = found.iter().map(finding).collect();
            context.json(&findings)?;
            return Ok(code);
        }
        let width = context.paint.width;
        for (n, verified) in found.iter().enumerate() {
            let between = if n == 0 { "" } else { "\n" };
            let word = if verified.evidence.holds() { "holds" } else { "does not hold" };
            let words = format!(
                "{word} on {}: {}",
                verified.commit.short(),
                show::tally(verified.evidence.tally().to_string())
            );
            context.print(&format!("{between}{}\n", show::heading(verified.id.as_str(), &words, width)))?;
            for line in verified.evidence.spoilt.iter().flat_map(|spoilt| text::wrap(&text::brief(spoilt), width - 2)) {
                context.print(&format!("  {line}\n"))?;
            }
            let views: Vec<views::CriterionView> = verified.evidence.proofs.iter().map(criterion).collect();
            context.print(&show::criteria(&views, width, show::Proofs::Brief))?;
            for proof in verified.evidence.proofs.iter().filter(|proof| proof.verdict == crate::run::Verdict::Unmet) {
                for line in proof.tail.lines().flat_map(|line| text::wrap(&text::clean(line), width - 8)) {
                    context.print(&format!("      {}\n", paint::dim(&format!("| {line}"))))?;
                }
            }
        }
        Ok(code)
    }
}

fn criterion(proof: &Proof) -> views::CriterionView {
    views::CriterionView {
        text: proof.criterion.clone(),
        command: proof.command.clone(),
        verdict: Some(views::verdict_word(proof.verdict).to_owned()),
    }
}

fn finding(verified: &ops::verify::Verified) -> Finding {
    let criteria = verified.evidence.proofs.iter().map(|proof| ProofView {
        text: proof.criterion.clone(),
        command: proof.command.clone(),
        verdict: views::verdict_word(proof.verdict).to_owned(),
        exit: proof.exit,
        duration_ms: proof.duration_ms,
        tail: proof.tail.clone(),
    });
    Finding {
        id: verified.id.to_string(),
        commit: verified.commit.to_string(),
        tree: verified.evidence.tree.to_string(),
        holds: verified.evidence.holds(),
        criteria: criteria.collect(),
    }
}
