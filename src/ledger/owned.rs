//! Which commits count: those that no run found to be no engine's doing, or that a person has accepted since.
//!
//! A run that sees a `chant/*` ref move under it by no engine's doing fails, and its `failed` event disowns what it
//! found. From then on those commits count for nothing, until a later event that only a person makes (a reset, a
//! cancellation, an approval) descends from them. What is disowned itself disowns nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::block::Transition;
use super::history::History;
use super::scan::{Event, Scan};
use crate::spec::Qualified;

/// A `failed` event, and what it disowns.
struct Disowner<'s> {
    at: u32,
    spec: &'s Qualified,
    listed: Vec<u32>,
}

/// Takes out of a scan all that does not count; what is taken out is an anomaly. Gives, for each spec, the attempts of
/// the transitions that were taken out: their numbers have been seen.
pub(super) fn keep_what_counts(h: &History, scan: &mut Scan) -> BTreeMap<Qualified, BTreeSet<u32>> {
    let mut dropped: BTreeMap<Qualified, BTreeSet<u32>> = BTreeMap::new();
    let disowned = disowned(h, scan);
    for (spec, events) in &mut scan.events {
        events.retain(|event| {
            let counts = !disowned.contains_key(&event.at);
            if !counts && event.status.is_some() {
                dropped.entry(spec.clone()).or_default().insert(event.attempt);
            }
            counts
        });
    }
    for lines in scan.lines.values_mut() {
        lines.retain(|line| !disowned.contains_key(&line.at));
    }
    for (at, (spec, by)) in disowned {
        let message = format!(
            "it was no engine's doing, says the run that ended with {}: it does not count until `chant reset {spec}` \
             or another word of a person comes after it",
            h.oid(by).short()
        );
        scan.anomaly(h, at, Some(spec), message);
    }
    for (spec, attempt) in without_start(h, scan) {
        dropped.entry(spec).or_default().insert(attempt);
    }
    dropped
}

/// The disowned commits: the spec each is about, and the event that disowns it.
fn disowned(h: &History, scan: &Scan) -> HashMap<u32, (Qualified, u32)> {
    let disowners = disowners(h, scan);
    let listed: HashSet<u32> = disowners.iter().flat_map(|d| d.listed.iter().copied()).collect();
    let about = |at: u32, d: &Disowner| scan.about.get(&at).unwrap_or(d.spec).clone();
    let accepted = |at: u32, spec: &Qualified| {
        let events = scan.events.get(spec).map(Vec::as_slice).unwrap_or_default();
        events.iter().any(|e| by_a_person(e) && e.at != at && !listed.contains(&e.at) && h.reaches(e.at, at))
    };
    let mut out: HashMap<u32, (Qualified, u32)> = HashMap::new();
    for (d, effective) in disowners.iter().zip(effective(&disowners, |at, d| accepted(at, &about(at, d)))) {
        for &at in d.listed.iter().filter(|_| effective) {
            let spec = about(at, d);
            // Of several that disown it, the one is named that is so in every clone.
            let first = out.get(&at).is_none_or(|(_, by)| h.oid(d.at) < h.oid(*by));
            if first && !accepted(at, &spec) {
                out.insert(at, (spec, d.at));
            }
        }
    }
    out
}

fn disowners<'s>(h: &History, scan: &'s Scan) -> Vec<Disowner<'s>> {
    let events = scan.events.iter().flat_map(|(spec, events)| events.iter().map(move |event| (spec, event)));
    let failed = events.filter(|(_, e)| e.status == Some(Transition::Failed) && !e.block.disowned.is_empty());
    let listed = |e: &Event| e.block.disowned.iter().filter_map(|oid| h.find(oid)).filter(|at| *at != e.at).collect();
    failed.map(|(spec, e)| Disowner { at: e.at, spec, listed: listed(e) }).collect()
}

/// Only a person's command writes these.
fn by_a_person(event: &Event) -> bool {
    event.approval.is_some() || matches!(event.status, Some(Transition::Pending | Transition::Cancelled))
}

/// Which of them are not disowned themselves. A commit can only name older ones, so there is no way round; were there
/// one, all on it would count.
fn effective(all: &[Disowner], accepted: impl Fn(u32, &Disowner) -> bool) -> Vec<bool> {
    let at: HashMap<u32, usize> = all.iter().enumerate().map(|(i, d)| (d.at, i)).collect();
    let mut listers: Vec<Vec<usize>> = vec![Vec::new(); all.len()];
    for (i, d) in all.iter().enumerate() {
        for found in d.listed.iter().filter_map(|listed| at.get(listed)) {
            listers[*found].push(i);
        }
    }
    let mut verdicts: Vec<Option<bool>> = vec![None; all.len()];
    loop {
        let mut moved = false;
        for i in 0..all.len() {
            if verdicts[i].is_none() && listers[i].iter().all(|l| verdicts[*l].is_some()) {
                let disowned = |l: &usize| verdicts[*l] == Some(true) && !accepted(all[i].at, &all[*l]);
                verdicts[i] = Some(!listers[i].iter().any(disowned));
                moved = true;
            }
        }
        if !moved {
            return verdicts.into_iter().map(|verdict| verdict.unwrap_or(true)).collect();
        }
    }
}

/// A completion before which its attempt was never started proves no work. Where the past is hidden, the start may be
/// there.
fn without_start(h: &History, scan: &mut Scan) -> Vec<(Qualified, u32)> {
    let mut found = Vec::new();
    for (spec, events) in &mut scan.events {
        let starts: Vec<(u32, u32)> =
            events.iter().filter(|e| e.status == Some(Transition::InProgress)).map(|e| (e.attempt, e.at)).collect();
        events.retain(|e| {
            let started = || starts.iter().any(|(attempt, start)| *attempt == e.attempt && h.reaches(e.at, *start));
            let counts = e.status != Some(Transition::Completed) || h.cut(e.at) || started();
            if !counts {
                found.push((e.at, spec.clone(), e.attempt));
            }
            counts
        });
    }
    let mut dropped = Vec::new();
    for (at, spec, attempt) in found {
        dropped.push((spec.clone(), attempt));
        let message = format!("it completes attempt {attempt}, which no commit before it started: it does not count");
        scan.anomaly(h, at, Some(spec), message);
    }
    dropped
}
