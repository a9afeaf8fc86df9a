//! `chant verify`

use std::sync::Arc;

use clap::Args;

use super::{Context, Outcome, paint, progress, show, text};
use crate::ops::verify::Verified;
use crate::ops::{self, views};
use crate::run::{Proof, Start, Verdict};

/// Run the proofs again in clean checkouts, and say what no longer holds.
///
/// A spec that has landed is proven on its target as it stands now, one that has not on its branch; several at a time.
/// Of what is unmet it is said whether it was so before the spec's work. What was green before it does not count where
/// `red_first: required` was set when the work began. Exits 1 where something does not
/// hold. Nothing is recorded.
#[derive(Args)]
pub struct Verify {
    /// The specs.
    #[arg(required_unless_present = "all")]
    ids: Vec<String>,
    /// Every spec that has landed; with `--at`, every one whose work is there.
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// On this revision instead.
    #[arg(long, value_name = "REV")]
    at: Option<String>,
    /// How many specs are proven side by side.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
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
    /// Why it could not be proven at all; null where it could.
    pub error: Option<String>,
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
    /// Whether it is unmet here, and was before the spec's work as well: then it says nothing about the work.
    pub unmet_before: bool,
    /// `red → green` or `held`, where it is known what the command said before the spec's work; null where it is not.
    pub way: Option<String>,
    /// What else is to be said of a criterion that is unmet although its command exits 0; null where there is nothing.
    pub remark: Option<String>,
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
        let jobs = self.jobs.map(usize::from);
        let at_revision = self.at.is_some();
        let wanted = ops::verify::Wanted { queries: self.ids, all: self.all, at: self.at, jobs };
        let found = ops::verify::verify(&project, &wanted, reporter)?;
        let unmet = found.iter().any(|found| found.outcome.as_ref().is_ok_and(|evidence| !evidence.holds()));
        let errors = found.iter().filter_map(|found| found.outcome.as_ref().err()).map(ops::Error::exit);
        let code = if unmet { 1 } else { errors.max().unwrap_or(0) };
        if self.json {
            let findings: Vec<Finding> = found.iter().map(finding).collect();
            context.json(&findings)?;
            return Ok(code);
        }
        if found.is_empty() {
            context.print(if at_revision { "nothing has landed there\n" } else { "nothing has landed\n" })?;
        }
        for (n, verified) in found.iter().enumerate() {
            let between = if n == 0 { "" } else { "\n" };
            context.print(&format!("{between}{}", shown(verified, context.paint.width)))?;
            if let Err(error) = &verified.outcome {
                context.say(&context.paint.report(error));
            }
        }
        Ok(code)
    }
}

fn shown(verified: &Verified, width: usize) -> String {
    let place = verified.commit.short();
    let evidence = match &verified.outcome {
        Ok(evidence) => evidence,
        Err(_) => {
            let words = format!("could not be proven on {place}");
            return format!("{}\n", show::heading(verified.id.as_str(), &words, width));
        }
    };
    let word = if evidence.holds() { "holds" } else { "does not hold" };
    let words = format!("{word} on {place}: {}", show::tally(evidence.tally().to_string()));
    let mut out = format!("{}\n", show::heading(verified.id.as_str(), &words, width));
    for line in evidence.spoilt.iter().flat_map(|spoilt| text::wrap(&text::brief(spoilt), width - 2)) {
        out.push_str(&format!("  {line}\n"));
    }
    let view = |(n, proof)| criterion(proof, verified.also_before.contains(&n));
    let views: Vec<views::CriterionView> = evidence.proofs.iter().enumerate().map(view).collect();
    out.push_str(&show::criteria(&views, width, show::Proofs::Brief));
    for proof in evidence.proofs.iter().filter(|proof| proof.verdict == Verdict::Unmet) {
        for line in proof.tail.lines().flat_map(|line| text::wrap(&text::clean(line), width - 8)) {
            out.push_str(&format!("      {}\n", paint::dim(&format!("| {line}"))));
        }
    }
    out
}

fn criterion(proof: &Proof, unmet_before: bool) -> views::CriterionView {
    views::CriterionView {
        text: proof.criterion.clone(),
        command: proof.command.clone(),
        verdict: Some(views::verdict_word(proof.verdict).to_owned()),
        way: match (unmet_before, proof.way()) {
            (true, _) => Some("red, as it was before the work".to_owned()),
            (false, Some("held")) if proof.verdict == Verdict::Unmet => {
                Some("held: green before the work as well, which does not count (`red_first: required`)".to_owned())
            }
            (false, None) if proof.verdict == Verdict::Unmet => proof.base.map(|base| match base {
                Start::Green => "held then: green before the work, and red now".to_owned(),
                Start::Red => "red → green then, and red now".to_owned(),
            }),
            (false, way) => way.map(str::to_owned),
        },
    }
}

fn finding(verified: &Verified) -> Finding {
    let evidence = verified.outcome.as_ref().ok();
    let criteria = evidence.into_iter().flat_map(|evidence| &evidence.proofs).enumerate().map(|(n, proof)| ProofView {
        text: proof.criterion.clone(),
        command: proof.command.clone(),
        verdict: views::verdict_word(proof.verdict).to_owned(),
        unmet_before: verified.also_before.contains(&n),
        way: proof.way().map(str::to_owned),
        remark: proof.remark.clone(),
        exit: proof.exit,
        duration_ms: proof.duration_ms,
        tail: proof.tail.clone(),
    });
    Finding {
        id: verified.id.to_string(),
        commit: verified.commit.to_string(),
        tree: verified.tree.to_string(),
        holds: verified.holds(),
        error: verified.outcome.as_ref().err().map(ToString::to_string),
        criteria: criteria.collect(),
    }
}
