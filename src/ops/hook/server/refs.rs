//! Which refs of chant's may move how: plain data in, refusals out.

use std::collections::BTreeMap;

use super::judge::{Facts, Refusal};
use crate::git::NOTES;
use crate::ledger::{self, Oid, Reading, Record, State, Transition};
use crate::spec::Qualified;

/// One ref of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The full name.
    pub name: String,
    /// What it holds; `None` where it is new.
    pub old: Option<Oid>,
    /// What it is to hold; `None` where it is to go.
    pub new: Option<Oid>,
}

impl Update {
    /// The branch's short name; `None` where it is no branch.
    pub fn branch(&self) -> Option<&str> {
        self.name.strip_prefix("refs/heads/")
    }

    /// Whether what it leads to is read for state. Tags and a forge's own refs are not: what they bring is judged when it
    /// comes to a branch.
    pub fn is_read(&self) -> bool {
        reads(&self.name)
    }
}

/// Whether a ref is read for state.
pub fn reads(name: &str) -> bool {
    ["refs/heads/", "refs/chant/attempts/", "refs/chant/landed/"].iter().any(|prefix| name.starts_with(prefix))
}

/// What is to be known beside the history.
pub struct Moves<'a> {
    /// The refs of the push.
    pub updates: &'a [Update],
    /// Whether these are all of them: `update` is shown one at a time.
    pub whole: bool,
    /// Branches of which it is known whether they are protected.
    pub protects: &'a dyn Fn(&str) -> bool,
    /// What the old and the new object of a lease say, by the object.
    pub leases: &'a BTreeMap<Oid, String>,
    /// Notes that the new notes lack.
    pub lost_notes: &'a [String],
}

/// Judges how refs move.
pub fn moves(facts: &Facts, moves: &Moves) -> Vec<Refusal> {
    let judged = moves.updates.iter().filter_map(|update| {
        let (why, help) = one(facts, moves, update)?;
        Some(Refusal { about: update.name.clone(), why, help })
    });
    judged.collect()
}

fn one(facts: &Facts, moves: &Moves, update: &Update) -> Option<(String, String)> {
    if let Some(spec) = Qualified::from_branch(&update.name).filter(|_| update.branch().is_some()) {
        return branch(facts, moves, update, &spec);
    }
    if update.name == NOTES {
        return notes(moves, update);
    }
    if let Some(kept) = ["refs/chant/attempts/", "refs/chant/landed/"].iter().find_map(|p| update.name.strip_prefix(p))
    {
        return keep(update, kept);
    }
    if let Some(spec) = update.name.strip_prefix("refs/chant/leases/") {
        return lease(facts, moves, update, spec);
    }
    let remote = update.name.strip_prefix("refs/remotes/").is_some_and(|rest| rest.contains("/chant/"));
    if update.name.starts_with("refs/chant/") || remote {
        return Some((
            "chant keeps such refs in one clone, and reads them for state".to_owned(),
            "push branches by their names, and no `--mirror`".to_owned(),
        ));
    }
    None
}

/// The branch of a spec that somebody works is nobody else's to rewrite or to take away.
fn branch(facts: &Facts, moves: &Moves, update: &Update, spec: &Qualified) -> Option<(String, String)> {
    let spec = facts.names.current(spec);
    let old = update.old?;
    let record = facts.was.record(&spec).filter(|record| record.state == State::InProgress)?;
    let held = |what: &str| {
        let run = record.last_start.as_ref().and_then(|start| start.block.run.clone()).unwrap_or_default();
        let run = ledger::harmless_line(&run);
        let help = format!("wait for it, or take it over: `chant work {} --takeover`", spec.id);
        Some((format!("{spec} is being worked by run {run}: its branch cannot be {what}"), help))
    };
    let Some(new) = update.new else {
        return if has_landed(facts, moves, &spec, record, old) { None } else { held("deleted") };
    };
    if facts.after.is_ancestor(old, new) {
        return None;
    }
    let begins = facts.told.iter().any(|told| {
        let Reading::Block(block) = ledger::read(&told.note.message) else { return false };
        block.status == Some(Transition::InProgress)
            && block.spec.as_ref().is_some_and(|of| facts.names.current(of) == spec)
            && block.attempt.is_some_and(|attempt| attempt > record.attempt)
            && facts.after.is_ancestor(told.commit, new)
    });
    let kept = facts.after.contains(&old) || !moves.whole;
    if begins && kept { None } else { held("rewritten") }
}

/// Whether what goes with a branch is in the spec's target, or in a protected branch.
fn has_landed(facts: &Facts, moves: &Moves, spec: &Qualified, record: &Record, old: Oid) -> bool {
    if facts.is.record(spec).is_some_and(|record| record.landing.is_some()) {
        return true;
    }
    let target = record.last_start.as_ref().and_then(|start| start.block.target.as_deref());
    let counts = |name: &str| {
        let short = name.strip_prefix("refs/heads/").unwrap_or_default();
        !short.is_empty() && (Some(short) == target || (moves.protects)(short))
    };
    facts.refs.iter().any(|(name, tip)| counts(name) && facts.after.is_ancestor(old, *tip))
}

/// What is kept bears the name of its commit, and stays.
fn keep(update: &Update, kept: &str) -> Option<(String, String)> {
    let (Some(new), None) = (update.new, update.old) else {
        let help = "leave it: it is history that something may still name".to_owned();
        return Some(("what was kept of attempts is neither moved nor deleted".to_owned(), help));
    };
    let fits = kept.rsplit_once('/').is_some_and(|(spec, name)| {
        let number = name.strip_suffix(&format!("-{}", new.short()));
        spec.parse::<Qualified>().is_ok() && number.is_some_and(|n| n.bytes().all(|byte| byte.is_ascii_digit()))
    });
    (!fits).then(|| {
        let why = "what is kept of an attempt is called `<id>/<attempt>-<short commit>`".to_owned();
        (why, "`chant sync` pushes what is kept".to_owned())
    })
}

/// Only the run that holds a claim shows that it is alive.
fn lease(facts: &Facts, moves: &Moves, update: &Update, spec: &str) -> Option<(String, String)> {
    let Ok(spec) = spec.parse::<Qualified>() else {
        return Some(("there can be no spec of that name".to_owned(), "leave it out".to_owned()));
    };
    let record = facts.is.record(&facts.names.current(&spec)).filter(|record| record.state == State::InProgress);
    let run = record.and_then(|record| record.last_start.as_ref()?.block.run.as_deref());
    let of = |oid: Option<Oid>| oid.and_then(|oid| moves.leases.get(&oid)).map(String::as_str);
    let help = "it moves by itself while `chant work` runs".to_owned();
    match update.new {
        Some(_) if run.is_some() && of(update.new) == run => None,
        Some(_) => Some((format!("a sign of life of {spec} is that of the run which holds it"), help)),
        None if run.is_some() && of(update.old) == run => {
            Some((format!("{spec} is being worked, and this is its run's sign of life"), help))
        }
        None => None,
    }
}

/// Notes are joined line by line, and none is taken away.
fn notes(moves: &Moves, update: &Update) -> Option<(String, String)> {
    update.old?;
    let help = "`chant sync` joins both sides line by line".to_owned();
    if update.new.is_none() {
        return Some(("evidence is not deleted".to_owned(), help));
    }
    let lost = moves.lost_notes.first()?;
    let more = moves.lost_notes.len() - 1;
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some((format!("evidence would be lost: the note of {lost}{more}"), help))
}
