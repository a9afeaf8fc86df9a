//! What a push says to the ledger, judged: plain data in, refusals out. Nothing here reads a file or asks Git.

use std::collections::{BTreeMap, BTreeSet};

use super::settings::Pusher;
use crate::ledger::block::key;
use crate::ledger::{
    self, Approval, Before, Block, History, Landing, Ledger, Note, Oid, Reading, Signed, State, Transition,
};
use crate::plan::{Policy, mail};
use crate::spec::{Project, Qualified};

/// Why a part of a push is not let in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// The commit or ref, in words.
    pub about: String,
    /// The rule that it breaks.
    pub why: String,
    /// What to type next.
    pub help: String,
}

/// A commit that a push brought and that says something to chant.
#[derive(Debug, Clone)]
pub struct Told {
    /// The commit.
    pub commit: Oid,
    /// How many parents it has.
    pub parents: usize,
    /// What it says.
    pub note: Note,
}

/// All that is to be known of a push.
pub struct Facts<'a> {
    /// What came, none of it seen before.
    pub told: Vec<Told>,
    /// What could be reached before, and can be after the push.
    pub before: &'a History,
    pub after: &'a History,
    /// What that says.
    pub was: &'a Ledger,
    pub is: &'a Ledger,
    /// The refs that are read for state, as the push would leave them.
    pub refs: &'a BTreeMap<String, Oid>,
    /// Former names of specs, as [`ledger::View`] has them.
    pub names: &'a ledger::View,
    /// Events of specs that there are not, where they would have to be.
    pub unknown: BTreeSet<Oid>,
    /// Specs that may begin anew after they landed.
    pub drivers: BTreeSet<Qualified>,
    /// Who may decide, by project, as the target said before the push.
    pub policies: BTreeMap<Option<Project>, Policy>,
    /// The projects whose events count signed alone, as the target said before the push.
    pub strict: BTreeSet<Option<Project>>,
    /// Whose signature events bear: decisions, and all of the strict projects.
    pub signed: BTreeMap<Oid, Signed>,
    /// Who pushes, where that is known.
    pub pusher: Option<Pusher>,
}

/// An event somewhere in the history.
pub struct Event {
    pub commit: Oid,
    pub spec: Qualified,
    pub block: Block,
}

/// Every event in a history, under the names that specs bear now.
pub fn events(history: &History, names: &ledger::View) -> Vec<Event> {
    let of = |commit: Oid| {
        let note = history.note(&commit).filter(|note| note.same_tree)?;
        let Reading::Block(block) = ledger::read(&note.message) else { return None };
        let spec = names.current(block.spec.as_ref()?);
        block.is_event().then_some(Event { commit, spec, block })
    };
    history.told().filter_map(of).collect()
}

/// Judges all that a push says; in the order of what came.
pub fn judge(facts: &Facts) -> Vec<Refusal> {
    let events = events(facts.after, facts.names);
    let court = Court { facts, disowned: disowned(facts, &events), events };
    facts
        .told
        .iter()
        .filter(|told| !court.disowned.contains(&told.commit))
        .flat_map(|told| court.commit(told))
        .collect()
}

/// How a commit is called.
pub fn called(commit: Oid, message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let subject = ledger::harmless_line(text.lines().next().unwrap_or_default());
    let short: String = subject.chars().take(60).collect();
    format!("commit {} ({short})", commit.short())
}

/// What a failure that came takes out of the ledger: an agent's own words, which its engine found. They count for nothing.
fn disowned(facts: &Facts, events: &[Event]) -> BTreeSet<Oid> {
    let failures = events.iter().filter(|event| event.block.status == Some(Transition::Failed));
    let listed = failures.flat_map(|event| event.block.disowned.iter().map(move |commit| (event.commit, *commit)));
    let of_it = |(at, commit): &(Oid, Oid)| at != commit && facts.after.is_ancestor(*commit, *at);
    listed.filter(of_it).map(|(_, commit)| commit).collect()
}

struct Court<'a, 'f> {
    facts: &'f Facts<'a>,
    disowned: BTreeSet<Oid>,
    events: Vec<Event>,
}

impl Court<'_, '_> {
    fn commit(&self, told: &Told) -> Vec<Refusal> {
        let said: Vec<String> =
            ledger::mentions(&told.note.message).into_iter().filter(|key| !ledger::names_spec(key)).collect();
        if said.is_empty() {
            return Vec::new();
        }
        let refuse = |why: String, help: &str| vec![self.refusal(told, why, help)];
        let block = match ledger::read(&told.note.message) {
            Reading::Malformed { problems, .. } => {
                return refuse(format!("its trailers cannot be read: {}", problems.join("; ")), REWORD);
            }
            Reading::Nothing => Block::default(),
            Reading::Block(block) => block,
        };
        if let Some((unknown, _)) = block.unknown.first() {
            return refuse(format!("`{unknown}` is no key that this server's chant knows"), REWORD);
        }
        if block.is_event() && told.note.same_tree {
            return self.event(told, &block);
        }
        if !block.landings.is_empty() {
            return self.landing(told, &block);
        }
        if block.status.is_some() && !self.is_landing(told, &block) {
            let why = format!("`{}` on a commit that changes files is no event", key::STATUS);
            return refuse(why, "commit the work first, then say what became of it: `git commit --allow-empty`");
        }
        if self.is_work(told.commit) {
            let key = said.first().map(|key| ledger::harmless_line(key)).unwrap_or_default();
            return refuse(format!("it is work on a spec, and bears `{key}`, which only an engine writes"), REWORD);
        }
        Vec::new()
    }

    fn refusal(&self, told: &Told, why: String, help: &str) -> Refusal {
        Refusal { about: called(told.commit, &told.note.message), why, help: help.to_owned() }
    }

    /// Whether only branches of specs hold a commit: then it is work, and its whole message counts.
    fn is_work(&self, commit: Oid) -> bool {
        let other = |name: &str| name.starts_with("refs/heads/") && Qualified::from_branch(name).is_none();
        let mut others = self.facts.refs.iter().filter(|(name, _)| other(name));
        !others.any(|(_, tip)| self.facts.after.is_ancestor(commit, *tip))
    }

    /// Forges repeat all messages of a branch on its squash.
    fn is_landing(&self, told: &Told, block: &Block) -> bool {
        let spec = block.spec.as_ref().map(|spec| self.facts.names.current(spec));
        let record = spec.and_then(|spec| self.facts.is.record(&spec));
        record.and_then(|record| record.landing.as_ref()).is_some_and(|landed| landed.commit == told.commit)
    }

    fn event(&self, told: &Told, block: &Block) -> Vec<Refusal> {
        let Some(spec) = block.spec.as_ref().map(|spec| self.facts.names.current(spec)) else {
            let why = format!("it is an event without `{}`", key::SPEC);
            return vec![self.refusal(told, why, REWORD)];
        };
        let mut found = Vec::new();
        let mut say = |why: String, help: String| found.push(self.refusal(told, why, &help));
        if self.facts.unknown.contains(&told.commit) {
            say(format!("there is no spec {spec} where it would land"), "push the spec to its target first".to_owned());
        }
        if !self.is_in_place(told.commit, &spec) {
            let help = format!("push {0} with it: `git push origin {0}`; or what it landed on", spec.branch());
            say(format!("an event of {spec} stands on {} or in what it landed on", spec.branch()), help);
        }
        if let Err(why) = self.stands(told.commit, &spec, block) {
            say(format!("{spec} {why}"), format!("`chant why {}`", spec.id));
        }
        if let Some(held) = block.disowned.iter().find(|commit| self.facts.before.contains(commit)) {
            let why = format!("it disowns {}, which this repository held before", held.short());
            say(why, format!("a person decides about that: `chant reset {}`", spec.id));
        }
        if block.status != Some(Transition::Failed) && !block.disowned.is_empty() {
            say(format!("`{}` counts on a `failed` event alone", key::DISOWNED), REWORD.to_owned());
        }
        found.extend(self.unsigned(told, &spec));
        found.extend(self.decision(told, &spec, block));
        found.extend(self.brings_back(told, block));
        found
    }

    /// An event that would count nowhere, where signed ones alone count.
    fn unsigned(&self, told: &Told, spec: &Qualified) -> Option<Refusal> {
        let signed = self.facts.signed.get(&told.commit).unwrap_or(&Signed::Nobody);
        let why = signed.complaint().filter(|_| self.facts.strict.contains(&spec.project))?;
        let help =
            "sign it by a key among the allowed signers: `git commit --amend -S --no-edit`; chant signs by itself";
        Some(self.refusal(told, format!("{why}, and `trust: signed` counts signed events alone"), help))
    }

    /// A person's word makes count again what a failure before it disowned: it must not be a forged decision.
    fn brings_back(&self, told: &Told, block: &Block) -> Option<Refusal> {
        let by_a_person =
            block.approval.is_some() || matches!(block.status, Some(Transition::Pending | Transition::Cancelled));
        let below = |commit: &&Oid| by_a_person && self.facts.after.is_ancestor(**commit, told.commit);
        self.disowned.iter().filter(below).find_map(|commit| {
            let note = self.facts.after.note(commit)?;
            let Reading::Block(said) = ledger::read(&note.message) else { return None };
            let spec = self.facts.names.current(said.spec.as_ref()?);
            let parents = self.facts.after.parents(commit).map_or(0, |parents| parents.len());
            let forged = Told { commit: *commit, parents, note: note.clone() };
            said.approval?;
            let first = self.decision(&forged, &spec, &said).into_iter().next()?;
            let why = format!("it makes count again what was disowned, {}: {}", commit.short(), first.why);
            Some(self.refusal(told, why, "start over: `chant work --fresh`"))
        })
    }

    /// On the spec's own branch, among what was kept of it, or in what it landed on.
    fn is_in_place(&self, commit: Oid, spec: &Qualified) -> bool {
        let kept = [format!("refs/chant/attempts/{spec}/"), format!("refs/chant/landed/{spec}/")];
        let own = |name: &str| {
            Qualified::from_branch(name).is_some_and(|of| self.facts.names.current(&of) == *spec)
                || kept.iter().any(|prefix| name.starts_with(prefix.as_str()))
        };
        let mut tips = self.facts.refs.iter().filter(|(name, _)| own(name));
        if tips.any(|(_, tip)| self.facts.after.is_ancestor(commit, *tip)) {
            return true;
        }
        let Some(record) = self.facts.is.record(spec) else { return false };
        let landed = record.landing.as_ref().is_some_and(|landed| self.facts.after.is_ancestor(commit, landed.commit));
        landed || record.reverted.is_some_and(|revert| self.facts.after.is_ancestor(commit, revert))
    }

    /// Whether what it says can follow what it descends from.
    fn stands(&self, commit: Oid, spec: &Qualified, block: &Block) -> Result<(), String> {
        let h = self.facts.after;
        let others: Vec<&Event> = self
            .events
            .iter()
            .filter(|e| e.spec == *spec && e.commit != commit && e.block.status.is_some())
            .filter(|e| !self.disowned.contains(&e.commit))
            .collect();
        let was = self.facts.was.record(spec);
        let attempt = |e: &Event| e.block.attempt.unwrap_or_default();
        let beside = others.iter().filter(|e| !h.is_ancestor(commit, e.commit)).map(|e| attempt(e)).max();
        let highest = beside.unwrap_or(0).max(was.map_or(0, |record| record.highest));
        let below: Vec<&&Event> = others.iter().filter(|e| h.is_ancestor(e.commit, commit)).collect();
        let number = below.iter().map(|e| attempt(e)).max();
        let of_last: Vec<&&&Event> = below.iter().filter(|e| Some(attempt(e)) == number).collect();
        let last = of_last
            .iter()
            .filter(|e| !of_last.iter().any(|other| other.commit != e.commit && h.is_ancestor(e.commit, other.commit)));
        let landed = was.filter(|record| record.landing.is_some()).and_then(|record| record.decided_by);
        let landed = landed.is_some_and(|done| number == was.map(|was| was.attempt) && h.is_ancestor(done, commit));
        let recurs = self.facts.drivers.contains(spec);
        let mut verdicts: Vec<Result<(), String>> = last
            .map(|e| Before {
                last: Some((attempt(e), e.block.status.unwrap_or(Transition::Pending))),
                landed,
                highest,
                recurs,
            })
            .map(|before| ledger::stands(&before, block))
            .collect();
        if verdicts.is_empty() {
            verdicts.push(ledger::stands(&Before { last: None, landed, highest, recurs }, block));
        }
        self.is_not_cancelled(spec, block)?;
        verdicts.iter().find(|verdict| verdict.is_ok()).or(verdicts.first()).cloned().unwrap_or(Ok(()))
    }

    /// A start beside a cancellation is none without a reset, however the branch was brought there.
    fn is_not_cancelled(&self, spec: &Qualified, block: &Block) -> Result<(), String> {
        let was = self.facts.was.record(spec).filter(|was| matches!(was.state, State::Cancelled { .. }));
        let Some(cancelled) = was.and_then(|was| was.decided_by) else { return Ok(()) };
        let reset = |e: &&Event| e.spec == *spec && e.block.status == Some(Transition::Pending);
        let mut resets = self.events.iter().filter(reset);
        let taken_back = resets.any(|e| self.facts.after.is_ancestor(cancelled, e.commit));
        match block.status == Some(Transition::InProgress) && !taken_back {
            true => Err("is cancelled: `chant reset` makes it ready again".to_owned()),
            false => Ok(()),
        }
    }

    /// A decision is somebody's: of whom the transport or a signature says that it is they, never a trailer.
    fn decision(&self, told: &Told, spec: &Qualified, block: &Block) -> Vec<Refusal> {
        let decides = matches!(block.status, Some(Transition::Cancelled | Transition::Pending));
        if block.approval.is_none() && !decides {
            return Vec::new();
        }
        let by = mail(&told.note.author);
        if let Some(other) = block.reviewed_by.iter().find(|name| mail(name) != by) {
            let why = format!("`{}: {}` on a commit by {by}", key::REVIEWED_BY, ledger::harmless_line(other));
            return vec![self.refusal(told, why, "who decides makes the commit: `chant approve`")];
        }
        let open = Policy::default();
        let policy = self.facts.policies.get(&spec.project).unwrap_or(&open);
        let word = match block.approval {
            Some(Approval::Approved) => "an approval",
            Some(Approval::Rejected) => "a rejection",
            None => "a decision",
        };
        if block.approval.is_some() && !policy.admits(&by) {
            let why = format!("{word} by {by}, and `review.approvers` names {}", policy.who());
            return vec![self.refusal(
                told,
                why,
                "somebody decides who may; who that is, the target said before this push",
            )];
        }
        let signature = self.facts.signed.get(&told.commit);
        let signed = signature.and_then(Signed::by).is_some_and(|principal| mail(principal) == by);
        let pushed = self.facts.pusher.as_ref().is_some_and(|pusher| pusher.mails.contains(&by));
        let asked = (block.approval.is_some() && !policy.is_open()) || self.facts.pusher.is_some();
        if signed || pushed || !asked {
            return Vec::new();
        }
        let who = match (&self.facts.pusher, signature) {
            (_, Some(Signed::Void(why))) => format!("its signature {why}"),
            (Some(pusher), _) => format!("{} pushes it, and it is not signed", ledger::harmless_line(&pusher.name)),
            (None, _) => "nothing but its author line says so".to_owned(),
        };
        let help = "push it yourself, or sign it: `git config commit.gpgSign true`; how a server knows who pushes: \
                    docs/how-to/server.md";
        vec![self.refusal(told, format!("{word} in the name of {by}: {who}"), help)]
    }

    fn landing(&self, told: &Told, block: &Block) -> Vec<Refusal> {
        if told.note.same_tree && told.parents < 2 {
            let why = format!("`{}` on a commit that brings nothing is no landing", key::LANDING);
            return vec![self.refusal(told, why, REWORD)];
        }
        let idle = block.landings.iter().filter(|landing| !self.is_true(told.commit, landing));
        idle.map(|landing| {
            let Landing { spec, attempt, commit } = landing;
            let named = self.facts.after.contains(commit) || self.facts.before.contains(commit);
            let why = match named {
                true => format!("{} does not complete attempt {attempt} of {spec}", commit.short()),
                false => format!("it lands attempt {attempt} of {spec} by {}, which is not here", commit.short()),
            };
            let help = format!("push what it landed with it: `git push --atomic origin <target> {}`", spec.branch());
            self.refusal(told, why, &help)
        })
        .collect()
    }

    /// Whether a line names a completion, or the landing has a copy of it with it: a rebase rewrites both.
    fn is_true(&self, at: Oid, landing: &Landing) -> bool {
        let spec = self.facts.names.current(&landing.spec);
        let completes =
            |block: &Block| block.status == Some(Transition::Completed) && block.attempt == Some(landing.attempt);
        let fits = |note: &Note| match ledger::read(&note.message) {
            Reading::Block(block) => {
                note.same_tree
                    && completes(&block)
                    && block.spec.as_ref().is_some_and(|of| self.facts.names.current(of) == spec)
            }
            _ => false,
        };
        let named = self.facts.after.note(&landing.commit).or_else(|| self.facts.before.note(&landing.commit));
        if self.facts.after.contains(&landing.commit) || self.facts.before.contains(&landing.commit) {
            return named.is_some_and(fits);
        }
        let copy = |e: &Event| e.spec == spec && completes(&e.block) && self.facts.after.is_ancestor(e.commit, at);
        self.events.iter().any(copy)
    }
}

/// What is done about a message.
const REWORD: &str = "take the trailers out: `git rebase -i`, `reword`";

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
