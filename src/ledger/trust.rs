//! Whose events count: anybody's, or those alone that an allowed signer has signed (`trust: signed`).
//!
//! What Git says of the signatures comes in as plain data, so that the fold stays pure. An event that nobody vouches for is
//! taken out before anything else is asked of it: it begins, ends, accepts and disowns nothing, uses up no number, and is an
//! anomaly. What the target held when it began to ask for signatures counts without them, for nobody can add to that any
//! more. A landing that counts vouches for the completion that it names, and for what led up to it: a squash and its branch
//! are one.

use std::collections::{BTreeMap, HashSet};

use super::block::{Approval, Reading, Transition, key, read};
use super::history::History;
use super::oid::Oid;
use super::record::Anomaly;
use super::scan::{Event, Line, Scan};
use super::view::View;
use crate::spec::{Project, Qualified};

/// What the signature of a commit is worth.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signed {
    /// By a key that may sign, for whom: the principal that the allowed signers file names, usually a mail address, and it
    /// may be a pattern of such.
    By(String),
    /// There is none.
    Nobody,
    /// There is one, and it does not count: in words, to stand after "its signature".
    Void(String),
}

impl Signed {
    /// Who signed, where that counts.
    pub fn by(&self) -> Option<&str> {
        match self {
            Self::By(principal) => Some(principal),
            Self::Nobody | Self::Void(_) => None,
        }
    }

    /// Why it vouches for nothing, as a sentence; `None` where it does.
    pub fn complaint(&self) -> Option<String> {
        match self {
            Self::By(_) => None,
            Self::Nobody => Some("nobody has signed it".to_owned()),
            Self::Void(why) => Some(format!("its signature {why}")),
        }
    }

    /// The same for a reviewer's word, which has to be signed by who gives it: the principal fits the mail address of
    /// `author` (`Name <mail>`).
    pub fn complaint_as(&self, author: &str) -> Option<String> {
        match self {
            Self::By(principal) if !fits(principal, author) => {
                Some(format!("it is signed by {principal} in the name of {author}"))
            }
            other => other.complaint(),
        }
    }
}

/// Whose events count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// Anybody's who can push.
    #[default]
    Any,
    /// Those that an allowed signer has signed.
    Signed(Signatures),
}

impl Trust {
    /// Why a commit, were it an event, would not count; `None` where it would.
    pub fn complaint(&self, h: &History, commit: Oid) -> Option<String> {
        let Self::Signed(signatures) = self else { return None };
        let at = h.find(&commit)?;
        let approves = h.note_at(at).is_some_and(|note| match read(&note.message) {
            Reading::Block(block) => block.approval.is_some(),
            _ => false,
        });
        let complaint = Witness::of(h, signatures).complaint(at, approves);
        complaint.map(|why| signatures.unusable.clone().unwrap_or(why))
    }
}

/// What is known of signatures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signatures {
    /// The project that asks for them; the events of others are theirs.
    pub project: Option<Project>,
    /// The commits at which the target began to ask: what all of them hold counts without a signature. Nothing does where
    /// there is none.
    pub since: Vec<Oid>,
    /// What Git says of a commit; one that is not here counts as signed by nobody.
    pub of: BTreeMap<Oid, Signed>,
    /// Why no signature can be checked here, as a sentence: then none counts.
    pub unusable: Option<String>,
}

/// The address in `Name <mail>`, in lower case; all of it where there is none.
pub fn mail(identity: &str) -> String {
    let inside = identity.rsplit_once('<').map_or(identity, |(_, rest)| rest.trim_end().trim_end_matches('>'));
    inside.trim().to_lowercase()
}

/// Whether a principal may speak for an author. As in an allowed signers file `*` and `?` stand for characters, and nothing
/// else does.
pub fn fits(principal: &str, author: &str) -> bool {
    let (pattern, address) = (mail(principal), mail(author));
    let literal = |c: char| if matches!(c, '*' | '?') { c.to_string() } else { globset::escape(&c.to_string()) };
    let pattern: String = pattern.chars().map(literal).collect();
    globset::Glob::new(&pattern).is_ok_and(|glob| glob.compile_matcher().is_match(&address))
}

/// The commits whose signatures [`fold`](super::fold) wants to know, in a fixed order; none where anybody's events count.
pub fn to_check(h: &History, v: &View) -> Vec<Oid> {
    let Some(witness) = Witness::new(h, v) else { return Vec::new() };
    let scan = Scan::new(h, v);
    let ours = |spec: &Qualified| witness.asks_for(spec);
    let events = scan.events.iter().filter(|(spec, _)| ours(spec)).flat_map(|(_, events)| events).map(|e| e.at);
    let lines = scan.lines.iter().filter(|(spec, _)| ours(spec)).flat_map(|(_, lines)| lines).map(|line| line.at);
    let mut found: Vec<Oid> = events.chain(lines).filter(|at| !witness.is_old(*at)).map(|at| h.oid(at)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// A line of a landing that nobody vouches for.
pub(super) struct Unsigned {
    pub spec: Qualified,
    pub line: Line,
    pub anomaly: Anomaly,
}

/// Takes out of a scan all that nobody vouches for. Events that are taken out are anomalies; whether a landing's line would
/// have mattered, only the verdict can tell.
pub(super) fn keep_what_is_signed(h: &History, v: &View, scan: &mut Scan) -> Vec<Unsigned> {
    let Some(witness) = Witness::new(h, v) else { return Vec::new() };
    let mut lines_out = Vec::new();
    let mut said: Vec<(u32, Qualified, String)> = Vec::new();
    for (spec, lines) in scan.lines.iter_mut().filter(|(spec, _)| witness.asks_for(spec)) {
        lines.retain(|line| {
            let complaint = witness.complaint(line.at, false);
            lines_out.extend(complaint.iter().map(|why| unsigned(h, spec, line, why)));
            complaint.is_none()
        });
    }
    for (spec, events) in scan.events.iter_mut().filter(|(spec, _)| witness.asks_for(spec)) {
        let brought = brought(h, events, scan.lines.get(spec).map(Vec::as_slice).unwrap_or_default());
        events.retain(|event| {
            let complaint =
                witness.complaint(event.at, event.approval.is_some()).filter(|_| !brought.contains(&event.at));
            said.extend(complaint.iter().map(|why| (event.at, spec.clone(), words(h, event, why))));
            complaint.is_none()
        });
    }
    scan.events.retain(|_, events| !events.is_empty());
    scan.lines.retain(|_, lines| !lines.is_empty());
    if let Some(why) = &witness.signatures.unusable {
        // One word for all of them.
        if !(said.is_empty() && lines_out.is_empty()) {
            let message = format!("`trust: signed` counts signed events alone, and none can be checked here: {why}");
            scan.anomalies.push(Anomaly { spec: None, commit: None, message });
        }
        return Vec::new();
    }
    said.into_iter().for_each(|(at, spec, message)| scan.anomaly(h, at, Some(spec), message));
    lines_out
}

/// Who can say what is vouched for.
struct Witness<'a> {
    h: &'a History,
    signatures: &'a Signatures,
    /// `None` where one of them is not here: then nothing is known to be before it.
    since: Option<Vec<u32>>,
}

impl<'a> Witness<'a> {
    fn new(h: &'a History, v: &'a View) -> Option<Self> {
        match &v.trust {
            Trust::Any => None,
            Trust::Signed(signatures) => Some(Self::of(h, signatures)),
        }
    }

    fn of(h: &'a History, signatures: &'a Signatures) -> Self {
        let since = signatures.since.iter().map(|oid| h.find(oid)).collect();
        Self { h, signatures, since }
    }

    fn asks_for(&self, spec: &Qualified) -> bool {
        spec.project == self.signatures.project
    }

    /// Whether it was there before anybody asked for signatures.
    fn is_old(&self, at: u32) -> bool {
        let Some(since) = self.since.as_deref().filter(|since| !since.is_empty()) else { return false };
        since.iter().all(|since| self.h.reaches(*since, at))
    }

    /// Why a commit does not count, a reviewer's word or not.
    fn complaint(&self, at: u32, approves: bool) -> Option<String> {
        if self.is_old(at) {
            return None;
        }
        let signed = self.signatures.of.get(&self.h.oid(at)).unwrap_or(&Signed::Nobody);
        let author = || self.h.note_at(at).map(|note| note.author.as_str()).unwrap_or_default();
        if approves { signed.complaint_as(author()) } else { signed.complaint() }
    }
}

/// The completions that landings name, and the events of their attempts that led up to them.
fn brought(h: &History, events: &[Event], lines: &[Line]) -> HashSet<u32> {
    let mut found = HashSet::new();
    for line in lines {
        let Some(named) = h.find(&line.commit) else { continue };
        let completes = |e: &&Event| e.status == Some(Transition::Completed) && e.attempt == line.attempt;
        if events.iter().filter(completes).any(|e| e.at == named) {
            let before = events.iter().filter(|e| e.attempt == line.attempt && h.reaches(named, e.at));
            found.extend(before.map(|e| e.at));
        }
    }
    found
}

fn words(h: &History, event: &Event, why: &str) -> String {
    let status = event.status.map(Transition::as_str);
    let word = event.approval.map(Approval::as_str).or(status).unwrap_or("what a run used");
    format!("`{word}` of attempt {} in {} does not count: {why}", event.attempt, h.oid(event.at).short())
}

fn unsigned(h: &History, spec: &Qualified, line: &Line, why: &str) -> Unsigned {
    let landing = h.oid(line.at);
    let message =
        format!("`{}` of attempt {} in {} vouches for nothing: {why}", key::LANDING, line.attempt, landing.short());
    let anomaly = Anomaly { spec: Some(spec.clone()), commit: Some(landing), message };
    Unsigned { spec: spec.clone(), line: line.clone(), anomaly }
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
