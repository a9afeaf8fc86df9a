//! What each proof says before the work: the same commands, on the base that the agent starts from.
//!
//! A criterion whose command is green there already proves little about the work. What was seen is kept by tree and
//! command in the memory of one engine, so that siblings that start from the same tree share it, and an agent, which
//! could write a file, cannot reach it. After a kill it is looked at again: the base has not changed. It only ever makes
//! evidence weaker: nothing is *verified* by it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Engine, Error, Evidence, Prover, Verdict};
use crate::agent::How;
use crate::config::Settings;
use crate::git::Repo;
use crate::ledger::{Oid, Record, Transition};
use crate::spec::Spec;

use super::evidence::Start;

/// The longest that one proof may take on the base; a shorter limit of the settings holds.
const LIMIT: Duration = Duration::from_secs(600);

/// What decides what a command says: the tree, what was made of it, where it runs, and the command.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ground {
    tree: Oid,
    setup: Option<String>,
    keep: Vec<String>,
    prefix: String,
    command: String,
}

/// One answer, or that it could not be had; empty while nobody has asked.
type Answer = Arc<Mutex<Option<Option<Start>>>>;

/// What an engine has seen on bases.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<BTreeMap<Ground, Answer>>);

impl Seen {
    fn answer(&self, ground: &Ground) -> Answer {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(seen.entry(ground.clone()).or_default())
    }
}

/// Looks before the agent starts. No checkout that was made for it is there while the agent runs: a proof runs where no
/// agent has written.
///
/// # Errors
/// [`Error::Interrupted`], and where Git cannot take the checkout away.
pub(super) fn look_first(prover: &Prover<'_>, spec: &Spec, base: Oid) -> Result<(), Error> {
    let project = &prover.engine.project;
    let there = project.repo.is_worktree(prover.at())?;
    let looked = look(prover, spec, base);
    // An earlier attempt's, with what the settings have it keep, stays as it would have stayed.
    if !there || prover.settings.worktree_keep.value.is_empty() {
        super::discard_proof(project, prover.id)?;
    }
    looked
}

/// Runs the commands of a spec's criteria on its base, those that this engine has not seen there. A command that takes
/// too long, cannot be started or has no set-up to stand on leaves its answer open, and no work fails for that.
///
/// # Errors
/// [`Error::Interrupted`]; nothing else.
pub(super) fn look(prover: &Prover<'_>, spec: &Spec, base: Oid) -> Result<(), Error> {
    match looked(prover, spec, base) {
        Err(error) if !matches!(error, Error::Interrupted) => {
            prover.engine.notice(prover.id, format!("what its proofs say on the base could not be seen: {error}"));
            Ok(())
        }
        done => done,
    }
}

fn looked(prover: &Prover<'_>, spec: &Spec, base: Oid) -> Result<(), Error> {
    let tree = prover.engine.project.repo.tree(base)?;
    let mut ready = None;
    for command in spec.criteria.iter().filter_map(|criterion| criterion.command.as_deref()) {
        let answer = prover.engine.on_bases.answer(&ground(prover.settings, prover.prefix(), tree, command));
        // Whoever asks for the same meanwhile waits for this answer.
        let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
        if answer.is_some() {
            continue;
        }
        let ready = match ready {
            Some(ready) => ready,
            None => *ready.insert(prover.checkout(base)?.is_none()),
        };
        *answer = Some(if ready { start(prover, command, base)? } else { None });
    }
    Ok(())
}

fn start(prover: &Prover<'_>, command: &str, base: Oid) -> Result<Option<Start>, Error> {
    let (done, tidy) = prover.command(command, base, LIMIT.min(prover.settings.timeout.value))?;
    Ok(match done.how {
        How::Exited(0) if tidy => Some(Start::Green),
        How::Exited(_) | How::Signalled(_) => Some(Start::Red),
        _ => None,
    })
}

fn ground(settings: &Settings, prefix: &str, tree: Oid, command: &str) -> Ground {
    Ground {
        tree,
        setup: settings.worktree_setup.value.clone(),
        keep: settings.worktree_keep.value.clone(),
        prefix: prefix.to_owned(),
        command: command.to_owned(),
    }
}

/// Whether an earlier attempt of a spec was completed and is in a commit.
///
/// # Errors
/// Where Git cannot read the history.
pub fn was_done(repo: &Repo, record: Option<&Record>, base: Oid) -> Result<bool, Error> {
    let entries = record.into_iter().flat_map(|record| &record.entries);
    for entry in entries.filter(|entry| entry.block.status == Some(Transition::Completed)) {
        if repo.is_ancestor(entry.commit, base)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes into the evidence what was seen on the base. Where the settings say `red_first: required`, a criterion that was
/// green there does not count, unless the spec is worked again and its own earlier work makes it so.
pub(super) fn compare(
    engine: &Engine,
    settings: &Settings,
    base: Oid,
    again: bool,
    found: &mut Evidence,
) -> Result<(), Error> {
    let required = settings.proving.red_first.value && !again;
    let tree = engine.project.repo.tree(base)?;
    for proof in &mut found.proofs {
        let Some(command) = &proof.command else { continue };
        let answer = engine.on_bases.answer(&ground(settings, &engine.project.prefix, tree, command));
        proof.base = answer.lock().unwrap_or_else(PoisonError::into_inner).flatten();
    }
    if required {
        discount(found);
    }
    Ok(())
}

/// What was green on the base does not count: `red_first: required`.
pub fn discount(found: &mut Evidence) {
    for proof in &mut found.proofs {
        let Some(command) = &proof.command else { continue };
        if proof.verdict == Verdict::Verified && proof.base == Some(Start::Green) {
            proof.verdict = Verdict::Unmet;
            proof.remark = Some(format!("`{command}` was green before the work as well, and red_first is required"));
        }
    }
}
