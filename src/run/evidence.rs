//! What the proofs said: plain data, and its lines in the notes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::used::Used;
use crate::agent::Tokens;
use crate::ledger::{Oid, Tally};

/// How one criterion ended (DESIGN.md, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Its command exited 0 on that exact tree.
    Verified,
    /// Ticked, and it has no command.
    Claimed,
    /// Neither.
    Unmet,
}

/// What a criterion's command said on the base, before the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// It did not exit 0: what is green now is the work's doing.
    Red,
    /// It exited 0 already: that it holds says little about the work.
    Green,
}

/// One criterion and what is known of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Proof {
    /// The criterion's words.
    pub criterion: String,
    /// Its command, where it has one.
    pub command: Option<String>,
    /// How it ended.
    pub verdict: Verdict,
    /// The command's exit code; `None` where there is no command or it did not exit by itself.
    pub exit: Option<i32>,
    /// What else is to be said, for instance that it timed out.
    pub remark: Option<String>,
    /// The last words of the command.
    pub tail: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What the command said on the base; `None` where that is not known.
    #[serde(default)]
    pub base: Option<Start>,
}

impl Proof {
    /// `red → green` or `held`, of a criterion whose command is green; `None` where it is not, or nothing is known of
    /// the base.
    pub fn way(&self) -> Option<&'static str> {
        // One that was green before and does not count for it is not unmet: it held, too.
        match (self.verdict, self.exit, self.base?) {
            (Verdict::Verified, _, Start::Red) => Some("red → green"),
            (Verdict::Verified, _, Start::Green) | (Verdict::Unmet, Some(0), Start::Green) => Some("held"),
            _ => None,
        }
    }
}

impl Proof {
    /// Of a criterion with a command: it holds where that exited 0 and there is nothing to remark.
    pub fn by_command(
        criterion: &str,
        command: &str,
        exit: Option<i32>,
        remark: Option<String>,
        tail: String,
        took: Duration,
    ) -> Self {
        let verified = exit == Some(0) && remark.is_none();
        Self {
            criterion: criterion.to_owned(),
            command: Some(command.to_owned()),
            verdict: if verified { Verdict::Verified } else { Verdict::Unmet },
            exit,
            remark,
            tail,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            base: None,
        }
    }

    /// Of one without: its box says so, or nothing does.
    pub fn by_box(criterion: &str, ticked: bool) -> Self {
        Self {
            criterion: criterion.to_owned(),
            command: None,
            verdict: if ticked { Verdict::Claimed } else { Verdict::Unmet },
            exit: None,
            remark: None,
            tail: String::new(),
            duration_ms: 0,
            base: None,
        }
    }
}

/// All criteria of one spec on one tree.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The tree they were proven on.
    pub tree: Oid,
    /// The blob of the spec whose criteria they are.
    pub spec: Option<Oid>,
    /// The criteria in the spec's order.
    pub proofs: Vec<Proof>,
    /// Frozen files that the work changed, and whose changes were set aside before proving: paths in the repository.
    pub set_aside: Vec<String>,
    /// Something that makes the whole not count.
    pub spoilt: Option<String>,
}

impl Evidence {
    /// Evidence of a spec without criteria.
    pub fn empty(tree: Oid) -> Self {
        Self { tree, spec: None, proofs: Vec::new(), set_aside: Vec::new(), spoilt: None }
    }

    /// How many ended how.
    pub fn tally(&self) -> Tally {
        let count = |verdict| {
            u32::try_from(self.proofs.iter().filter(|proof| proof.verdict == verdict).count()).unwrap_or(u32::MAX)
        };
        Tally { verified: count(Verdict::Verified), claimed: count(Verdict::Claimed), unmet: count(Verdict::Unmet) }
    }

    /// Whether nothing is unmet.
    pub fn holds(&self) -> bool {
        self.spoilt.is_none() && self.tally().unmet == 0
    }

    /// The same, but for what `before` lacked as well: that says nothing about the change between the two.
    #[must_use]
    pub fn worse_than(&self, before: &Self) -> Self {
        let mut worse = self.clone();
        let fails_there = |proof: &Proof| {
            before.spoilt.is_some()
                || before.proofs.iter().any(|other| {
                    other.verdict == Verdict::Unmet
                        && other.criterion == proof.criterion
                        && other.command == proof.command
                })
        };
        worse.proofs.retain(|proof| proof.verdict != Verdict::Unmet || !fails_there(proof));
        worse.spoilt = worse.spoilt.filter(|_| before.spoilt.is_none());
        worse
    }

    /// One line that says what does not hold.
    pub fn complaint(&self) -> String {
        if let Some(spoilt) = &self.spoilt {
            return spoilt.clone();
        }
        let unmet: Vec<(usize, &Proof)> =
            self.proofs.iter().enumerate().filter(|(_, proof)| proof.verdict == Verdict::Unmet).collect();
        let first = unmet.first().map_or_else(String::new, |(n, proof)| {
            let how = match (&proof.command, proof.exit, &proof.remark) {
                (_, _, Some(remark)) => format!(" ({remark})"),
                (Some(command), Some(code), None) => format!(" (`{command}` exits {code})"),
                (Some(command), None, None) => format!(" (`{command}`)"),
                (None, _, None) => " (not ticked, and it has no command)".to_owned(),
            };
            match proof.criterion.is_empty() {
                true => format!(": the {}, which says nothing{how}", ordinal(n + 1)),
                false => format!(": {}{how}", proof.criterion),
            }
        });
        format!("{} of {} criteria unmet{first}", unmet.len(), self.proofs.len())
    }
}

/// `1st`, `22nd`, `113th`
fn ordinal(n: usize) -> String {
    let end = match (n % 100, n % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{n}{end}")
}

/// One line of the notes: a keyed JSON object, so that clones' notes merge without loss.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// The version of this format.
    pub version: u32,
    /// What makes the line unique: qualified id, attempt, run and tree.
    pub key: String,
    /// The spec.
    pub spec: String,
    /// The attempt.
    pub attempt: u32,
    /// The run.
    pub run: String,
    /// The agent.
    pub agent: Option<String>,
    /// The tree that was proven.
    pub tree: String,
    /// The blob of the spec whose criteria were proven.
    #[serde(default)]
    pub spec_blob: Option<String>,
    /// How long the agent took, in milliseconds.
    pub agent_ms: Option<u64>,
    /// From version 2 on: the version of its client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// From version 2 on: the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// From version 2 on: the name by which the client finds its conversation again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// From version 2 on: tokens, where the client counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
    /// From version 2 on: what it cost, in millionths of a dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micros: Option<u64>,
    /// That a budget was reached when the work was done, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_budget: Option<String>,
    /// The criteria.
    pub criteria: Vec<Proof>,
    /// Frozen files whose changes were set aside: paths in the repository.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<String>,
}

/// The lines to be noted for one attempt.
pub fn lines(spec: &str, attempt: u32, run: &str, used: Option<&Used>, evidence: &Evidence) -> Vec<String> {
    let last = used.and_then(|used| used.by.last());
    let account = used.map(|used| used.account.clone()).unwrap_or_default();
    let line = Line {
        version: 2,
        key: format!("{spec} {attempt} {run} {}", evidence.tree),
        spec: spec.to_owned(),
        attempt,
        run: run.to_owned(),
        agent: last.map(|(name, _)| name.clone()),
        tree: evidence.tree.to_string(),
        spec_blob: evidence.spec.map(|spec| spec.to_string()),
        agent_ms: used.and_then(|used| used.took).map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        agent_version: account.version,
        model: last.and_then(|(_, model)| model.clone()),
        session: account.session,
        tokens: account.tokens,
        cost_micros: account.cost,
        over_budget: used.and_then(|used| used.over.clone()),
        criteria: evidence.proofs.clone(),
        set_aside: evidence.set_aside.clone(),
    };
    serde_json::to_string(&line).into_iter().collect()
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

/// What a note says of the attempt that its commit ended.
#[derive(Debug, Clone, Default)]
pub struct Noted {
    /// The newest line that has criteria, what an older one alone knows filled in; `None` where there is none.
    pub line: Option<Line>,
    /// Frozen files whose changes were set aside.
    pub set_aside: Vec<String>,
}

/// The lines of a note, oldest first; one that cannot be read is passed over.
pub fn parsed(note: &str) -> Vec<Line> {
    note.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Reads a note; a line that cannot be read is passed over.
pub fn noted(note: &str) -> Noted {
    let lines = parsed(note);
    let set_aside = lines.iter().rev().find(|line| !line.set_aside.is_empty()).map(|line| line.set_aside.clone());
    let mut newest = lines.iter().rev().find(|line| !line.criteria.is_empty()).cloned();
    // On a merged tree the proofs ran once more, and nobody asked the base again.
    for proof in newest.iter_mut().flat_map(|line| &mut line.criteria).filter(|proof| proof.base.is_none()) {
        let same = |other: &&Proof| other.criterion == proof.criterion && other.command == proof.command;
        proof.base = lines.iter().rev().find_map(|line| line.criteria.iter().find(same)?.base);
    }
    Noted { line: newest, set_aside: set_aside.unwrap_or_default() }
}

/// The criteria of the newest line of a note that has any.
pub fn read(note: &str) -> Vec<Proof> {
    noted(note).line.map(|line| line.criteria).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(base: Option<Start>) -> Proof {
        Proof {
            criterion: "A".to_owned(),
            command: Some("true".to_owned()),
            verdict: Verdict::Verified,
            exit: Some(0),
            remark: None,
            tail: String::new(),
            duration_ms: 1,
            base,
        }
    }

    #[test]
    fn a_newer_line_counts_and_what_only_the_older_knows_of_the_base_is_not_lost() {
        let tree: Oid = "1".repeat(40).parse().unwrap();
        let mut old = Evidence { proofs: vec![proof(Some(Start::Red))], ..Evidence::empty(tree) };
        old.set_aside.push("tests/a".to_owned());
        let merged: Oid = "2".repeat(40).parse().unwrap();
        let new = Evidence { proofs: vec![proof(None)], ..Evidence::empty(merged) };
        let line = |evidence| lines("001-a", 1, "r", None, evidence).concat();
        let noted = super::noted(&format!("{}\nnot ours\n{}\n", line(&old), line(&new)));
        let newest = noted.line.unwrap();
        assert_eq!((newest.tree, newest.criteria[0].way()), (merged.to_string(), Some("red → green")));
        assert_eq!(noted.set_aside, ["tests/a"]);
    }

    #[test]
    fn a_criterion_without_words_is_named_by_its_place() {
        let tree: Oid = "1".repeat(40).parse().unwrap();
        let evidence = Evidence { proofs: vec![proof(None), Proof::by_box("", false)], ..Evidence::empty(tree) };
        assert_eq!(
            evidence.complaint(),
            "1 of 2 criteria unmet: the 2nd, which says nothing (not ticked, and it has no command)"
        );
        assert_eq!([1, 3, 11, 12, 22, 101].map(ordinal), ["1st", "3rd", "11th", "12th", "22nd", "101st"]);
    }

    #[test]
    fn a_line_that_an_older_chant_wrote_is_read() {
        let line = r#"{"version":1,"key":"k","spec":"001-a","attempt":1,"run":"r","agent":null,"tree":"t","agent_ms":1,
            "criteria":[{"criterion":"A","command":null,"verdict":"claimed","exit":null,"remark":null,"tail":"","duration_ms":0}]}"#;
        let read = read(&line.replace('\n', ""));
        assert_eq!((read.len(), read[0].way()), (1, None));
    }
}
