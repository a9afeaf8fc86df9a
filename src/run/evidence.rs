//! What the proofs said: plain data, and its lines in the notes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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
        }
    }
}

/// All criteria of one spec on one tree.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The tree they were proven on.
    pub tree: Oid,
    /// The criteria in the spec's order.
    pub proofs: Vec<Proof>,
    /// Something that makes the whole not count.
    pub spoilt: Option<String>,
}

impl Evidence {
    /// Evidence of a spec without criteria.
    pub fn empty(tree: Oid) -> Self {
        Self { tree, proofs: Vec::new(), spoilt: None }
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

    /// One line that says what does not hold.
    pub fn complaint(&self) -> String {
        if let Some(spoilt) = &self.spoilt {
            return spoilt.clone();
        }
        let unmet: Vec<&Proof> = self.proofs.iter().filter(|proof| proof.verdict == Verdict::Unmet).collect();
        let first = unmet.first().map_or_else(String::new, |proof| {
            let how = match (&proof.command, proof.exit, &proof.remark) {
                (_, _, Some(remark)) => format!(" ({remark})"),
                (Some(command), Some(code), None) => format!(" (`{command}` exits {code})"),
                (Some(command), None, None) => format!(" (`{command}`)"),
                (None, _, None) => " (not ticked, and it has no command)".to_owned(),
            };
            format!(": {}{how}", proof.criterion)
        });
        format!("{} of {} criteria unmet{first}", unmet.len(), self.proofs.len())
    }
}

/// One line of the notes: a keyed JSON object, so that clones' notes merge without loss.
#[derive(Debug, Serialize, Deserialize)]
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
    /// How long the agent took, in milliseconds.
    pub agent_ms: Option<u64>,
    /// The criteria.
    pub criteria: Vec<Proof>,
}

/// The lines to be noted for one attempt.
pub fn lines(
    spec: &str,
    attempt: u32,
    run: &str,
    agent: Option<&str>,
    agent_time: Option<Duration>,
    evidence: &Evidence,
) -> Vec<String> {
    let line = Line {
        version: 1,
        key: format!("{spec} {attempt} {run} {}", evidence.tree),
        spec: spec.to_owned(),
        attempt,
        run: run.to_owned(),
        agent: agent.map(str::to_owned),
        tree: evidence.tree.to_string(),
        agent_ms: agent_time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        criteria: evidence.proofs.clone(),
    };
    serde_json::to_string(&line).into_iter().collect()
}

/// The criteria of the newest line of a note that has any; a line that cannot be read is passed over.
pub fn read(note: &str) -> Vec<Proof> {
    let lines = note.lines().rev().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    lines.map(|line| line.criteria).find(|criteria| !criteria.is_empty()).unwrap_or_default()
}
