//! The completions of a push, proven again by the server: by the words of the target before the push, on what was pushed.

use std::sync::Arc;

use super::homes::Homes;
use super::judge::Refusal;
use super::landing::Brought;
use crate::config::Settings;
use crate::env::Env;
use crate::git::Repo;
use crate::ledger::Oid;
use crate::ops::Error;
use crate::run::{Evidence, Verdict, Wanted, prove_apart};
use crate::spec::Qualified;

/// So many of the last lines of a proof that fails are told.
const TAIL: usize = 6;

/// Proves what protected branches would come to hold; what does not hold is refused with the evidence.
pub(super) fn prove(
    repo: &Repo,
    env: &Arc<Env>,
    runner: &[String],
    brought: &[Brought],
    homes: &mut Homes,
) -> Result<Vec<Refusal>, Error> {
    let mut refusals = Vec::new();
    for one in brought {
        let (mut names, mut wanted) = (Vec::new(), Vec::new());
        for spec in one.specs.keys() {
            match words(homes, spec, one)? {
                Some(words) => {
                    names.push(spec);
                    wanted.push(words);
                }
                None => refusals.push(Refusal {
                    about: one.branch.clone(),
                    why: format!("{spec} would land, and there is no such spec to prove it by"),
                    help: "push the spec to its target first".to_owned(),
                }),
            }
        }
        let found = if wanted.is_empty() { Vec::new() } else { prove_apart(repo, env, runner, one.new, &wanted)? };
        let red = names.into_iter().zip(found).filter(|(_, evidence)| !evidence.holds());
        refusals.extend(red.map(|(spec, evidence)| refusal(spec, one, &evidence)));
    }
    Ok(refusals)
}

/// A spec as the target had it before the push; one that came with it, as it came.
fn words(homes: &mut Homes, spec: &Qualified, one: &Brought) -> Result<Option<Wanted>, Error> {
    let commits: Vec<Oid> = one.old.into_iter().chain([one.new]).collect();
    for commit in commits {
        if let Some((spec, prefix)) = homes.spec(spec, commit)? {
            let settings = homes.settings(&prefix, commit)?.unwrap_or_else(Settings::default);
            return Ok(Some(Wanted { spec, prefix, settings }));
        }
    }
    Ok(None)
}

fn refusal(spec: &Qualified, one: &Brought, evidence: &Evidence) -> Refusal {
    let by: Vec<String> = one.specs.get(spec).into_iter().flatten().map(Oid::short).collect();
    let by = if by.is_empty() { String::new() } else { format!(", completed by {},", by.join(", ")) };
    let mut help = format!("`chant verify {}` shows it; nothing was let in", spec.id);
    for proof in evidence.proofs.iter().filter(|proof| proof.verdict == Verdict::Unmet) {
        let lines: Vec<&str> = proof.tail.lines().collect();
        for line in &lines[lines.len().saturating_sub(TAIL)..] {
            help.push_str(&format!("\n  | {line}"));
        }
    }
    let why = format!("{spec}{by} does not hold there: {}", evidence.complaint());
    let (at, branch) = (one.new.short(), &one.branch);
    Refusal { about: format!("commit {at} on {branch}"), why, help }
}
