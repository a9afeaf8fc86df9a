//! From noted commits to events, landings and reverts; what is none of them, and should be, is an anomaly.

use std::collections::{BTreeMap, HashMap};

use super::block::{Approval, Block, Landing, Reading, Transition, key, read};
use super::history::{History, Note};
use super::oid::Oid;
use super::record::Anomaly;
use super::view::View;
use crate::spec::Qualified;

/// What Git writes into the message of a revert, before the commit's name.
const REVERTS: &[u8] = b"This reverts commit ";
/// What it writes after the name of a merge, before that of the parent to which it goes back.
const BACK_TO: &[u8] = b", reversing\nchanges made to ";
/// Shorter than this Git abbreviates no name.
const SHORTEST: usize = 7;

/// A commit with a valid block that changes no file.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub at: u32,
    pub attempt: u32,
    pub status: Option<Transition>,
    pub approval: Option<Approval>,
    pub block: Block,
}

/// A line of a landing, under the name that its spec bears now.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// The landing.
    pub at: u32,
    pub attempt: u32,
    /// The completing event that it names.
    pub commit: Oid,
}

/// All that the messages say.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub events: BTreeMap<Qualified, Vec<Event>>,
    pub lines: BTreeMap<Qualified, Vec<Line>>,
    /// A commit, and one that it says it reverts.
    pub reverts: Vec<(u32, u32)>,
    /// A commit, a merge of which it says that it reverts it, and the parent to which: not the first one.
    pub sides: Vec<(u32, u32, u32)>,
    /// Which spec a commit says it is about.
    pub about: HashMap<u32, Qualified>,
    pub anomalies: Vec<Anomaly>,
    /// Events on commits that change files, which are none; a squash may repeat what it brought.
    pub misplaced: Vec<(u32, Anomaly)>,
    /// Whether a revert names its commit by an abbreviation, which another commit may come to fit.
    pub abbreviated: bool,
}

impl Scan {
    pub fn new(h: &History, v: &View) -> Self {
        let mut scan = Self::default();
        let mut named = Vec::new();
        for (at, note) in h.notes() {
            named.extend(reverted(&note.message).map(|(name, to)| (at, name, to)));
            match read(&note.message) {
                Reading::Nothing => {}
                Reading::Block(block) => scan.block(h, v, at, note, block),
                Reading::Malformed { block, problems } => {
                    let spec = block.spec.as_ref().map(|spec| v.current(spec));
                    scan.about.extend(spec.clone().map(|spec| (at, spec)));
                    let message = format!("its trailers cannot be read, so it is no event: {}", problems.join("; "));
                    scan.anomaly(h, at, spec, message);
                }
            }
        }
        scan.abbreviated = named.iter().any(|(_, name, _)| name.parse::<Oid>().is_err());
        for (at, reverted, to) in resolve(h, &named) {
            match to.and_then(|to| to.parse().ok()).and_then(|to: Oid| h.find(&to)) {
                Some(to)
                    if h.first_parent(reverted) != Some(to) && h.parents_of(reverted).any(|parent| parent == to) =>
                {
                    scan.sides.push((at, reverted, to));
                }
                _ => scan.reverts.push((at, reverted)),
            }
        }
        scan
    }

    fn block(&mut self, h: &History, v: &View, at: u32, note: &Note, block: Block) {
        let spec = block.spec.as_ref().map(|spec| v.current(spec));
        self.about.extend(spec.clone().map(|spec| (at, spec)));
        for (unknown, _) in &block.unknown {
            self.anomaly(h, at, spec.clone(), format!("`{unknown}` is no key that this version of chant knows"));
        }
        if !block.disowned.is_empty() && block.status != Some(Transition::Failed) {
            self.anomaly(h, at, spec.clone(), format!("`{}` counts on a `failed` event alone", key::DISOWNED));
        }
        self.landing(h, v, at, note, &block.landings);
        // What a run used says nothing that a squash could not repeat.
        if block.is_event() && (note.same_tree || !block.is_account()) {
            self.event(h, at, note, spec, block);
        }
    }

    fn event(&mut self, h: &History, at: u32, note: &Note, spec: Option<Qualified>, block: Block) {
        let says = match (block.status, block.approval) {
            (Some(_), _) => key::STATUS,
            (None, Some(_)) => key::APPROVAL,
            (None, None) => key::RUN,
        };
        if !note.same_tree {
            let message = format!("`{says}` on a commit that changes files is no event");
            return self.misplaced.push((at, Anomaly { spec, commit: Some(h.oid(at)), message }));
        }
        let (Some(spec), Some(attempt)) = (spec.clone(), block.attempt) else {
            let lacks = if spec.is_none() { key::SPEC } else { key::ATTEMPT };
            return self.anomaly(h, at, spec, format!("`{says}` without `{lacks}` is no event"));
        };
        let Block { status, approval, .. } = block;
        self.events.entry(spec).or_default().push(Event { at, attempt, status, approval, block });
    }

    fn landing(&mut self, h: &History, v: &View, at: u32, note: &Note, lines: &[Landing]) {
        for Landing { spec, attempt, commit } in lines {
            let spec = v.current(spec);
            if note.same_tree && !h.is_merge(at) {
                self.anomaly(
                    h,
                    at,
                    Some(spec),
                    format!("`{}` on a commit that brings nothing is no landing", key::LANDING),
                );
            } else {
                self.lines.entry(spec).or_default().push(Line { at, attempt: *attempt, commit: *commit });
            }
        }
    }

    pub fn anomaly(&mut self, h: &History, at: u32, spec: Option<Qualified>, message: String) {
        self.anomalies.push(Anomaly { spec, commit: Some(h.oid(at)), message });
    }
}

/// The commits that a message says it reverts: whole names, or abbreviated ones as `git revert --reference` writes. Of a
/// merge also the parent to which, where it says so.
fn reverted(message: &[u8]) -> impl Iterator<Item = (String, Option<String>)> + '_ {
    let name = |text: &[u8]| -> String {
        let digits = text.iter().take_while(|byte| byte.is_ascii_hexdigit());
        digits.take(65).map(|byte| char::from(byte.to_ascii_lowercase())).collect()
    };
    let starts = message.windows(REVERTS.len()).enumerate().filter(|(_, window)| *window == REVERTS);
    starts.filter_map(move |(start, _)| {
        let rest = &message[start + REVERTS.len()..];
        let reverted = name(rest);
        let to = rest[reverted.len()..].strip_prefix(BACK_TO).map(name);
        (SHORTEST..=64).contains(&reverted.len()).then_some((reverted, to))
    })
}

/// Finds the commits of names; an abbreviation that fits several commits names none.
fn resolve<'n>(h: &History, named: &'n [(u32, String, Option<String>)]) -> Vec<(u32, u32, Option<&'n str>)> {
    let whole = |name: &str| name.parse().ok().and_then(|oid: Oid| h.find(&oid));
    let mut short: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for (_, name, _) in named.iter().filter(|(_, name, _)| name.parse::<Oid>().is_err()) {
        short.entry(name).or_default();
    }
    let lengths: std::collections::BTreeSet<usize> = short.keys().map(|name| name.len()).collect();
    // One pass over all commits, and none where nothing is abbreviated.
    for at in h.all().filter(|_| !lengths.is_empty()) {
        let hex = h.oid(at).to_string();
        for length in &lengths {
            if let Some(found) = hex.get(..*length).and_then(|head| short.get_mut(head)) {
                found.push(at);
            }
        }
    }
    let one = |name: &str| match short.get(name).map(Vec::as_slice) {
        Some([one]) => Some(*one),
        Some(_) => None,
        None => whole(name),
    };
    let found = named.iter().filter_map(|(at, name, to)| Some((*at, one(name)?, to.as_deref())));
    let mut found: Vec<_> = found.filter(|(at, of, _)| at != of && h.reaches(*at, *of)).collect();
    found.sort_unstable();
    found.dedup();
    found
}
