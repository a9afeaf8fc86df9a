//! Whether people have said that what was completed may land.

use super::model::Finished;
use super::{Ending, Engine, Error, signing};
use crate::config::{Flags, Landing};
use crate::ledger::Oid;
use crate::plan::{self, Policy, Subject, Words};
use crate::project;

/// What was asked of reviewers, and what they said.
pub(super) struct Said {
    asked: bool,
    request: bool,
    policy: Policy,
    words: Words,
}

/// What reviewers said of completed work. Whose word counts is what the target says, not the work.
///
/// # Errors
/// Where the history cannot be read.
pub(super) fn said(engine: &Engine, finished: &Finished, onto: Oid) -> Result<Said, Error> {
    let project = &engine.project;
    let settings = project.settings_at(onto, &Flags::default())?;
    signing::agrees(project, &settings, &finished.target)?;
    let policy = project::policy(&settings);
    let request = settings.land.value == Landing::Pr;
    let asked = finished.spec.review || settings.land.value == Landing::Review;
    // Most landings ask nobody, and nobody has said anything.
    if !asked && finished.tip == finished.commit {
        let needed = policy.count;
        return Ok(Said { asked, request, policy, words: Words { needed, ..Words::default() } });
    }
    let look = project::look(project)?;
    let workers =
        if policy.own { Default::default() } else { project::did(project, &look.view, finished.commit, onto)? };
    let record = look.ledger.record(&finished.qualified);
    let words = plan::review::words(record, &look.history, &policy, &Subject::Done { workers: &workers, moved: false });
    Ok(Said { asked, request, policy, words })
}

impl Said {
    /// Whether a person has accepted it, as many of them as it takes: by approvals, or by the word with which this landing
    /// was asked for where anybody's is enough.
    pub(super) fn accepts(&self, word: bool) -> bool {
        let approved = self.words.suffice() && !self.words.approved.is_empty();
        self.words.rejected.is_none() && (approved || (word && self.policy.is_open()))
    }

    /// Whether a merge of a pull request is its landing.
    pub(super) fn by_request(&self) -> bool {
        self.request
    }

    /// Why it does not land yet.
    pub(super) fn holds_up(&self, finished: &Finished, word: bool) -> Option<Ending> {
        let id = &finished.id;
        if self.accepts(word) || !(self.asked || word || self.words.rejected.is_some()) {
            return None;
        }
        let mut state = self.words.state();
        for void in &self.words.void {
            state.push_str(&format!("; {void}"));
        }
        if word {
            let reason = format!("lands when it is approved ({state}), by {}: `chant approve {id}`", self.policy.who());
            return Some(Ending::Stuck { reason, exit: 3 });
        }
        Some(Ending::Review(format!(
            "completed, and waits for a review ({state}): `chant diff {id}`, then `chant approve {id}`"
        )))
    }
}
