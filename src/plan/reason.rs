//! Reasons in words: why a spec is not in another's base, and what that asks of people.
use crate::ledger::In;
use crate::spec::SpecId;

use super::own::Own;
use super::review::Words;
use super::status::Status;

/// Why `dependency` is not in a base made of `target`: a sentence that can stand alone.
pub(super) fn absent(dependency: &SpecId, own: &Own, status: Status, branch: &str, target: &str) -> String {
    match status {
        Status::Completed => elsewhere(dependency, own, target),
        Status::InReview => format!("{dependency} is in review on {branch}, not in {target}"),
        Status::Ready => format!("{dependency} is not done yet"),
        Status::Blocked => format!("{dependency} is blocked itself"),
        Status::InProgress => format!("{dependency} is in progress"),
        Status::Stalled => format!("{dependency} has stalled: `chant work {dependency}` goes on with it"),
        Status::Failed => format!("{dependency} has failed"),
        Status::Cancelled => {
            format!("{dependency} was cancelled: `chant reset {dependency}`, or take it out of `depends_on`")
        }
        Status::Unknown => hidden(dependency),
    }
}

fn elsewhere(dependency: &SpecId, own: &Own, target: &str) -> String {
    match own.record.map(|r| &r.in_target) {
        Some(In::Yes(landed)) if landed.target == target => {
            format!("{dependency} has landed on the upstream of {target}: `git pull` brings it")
        }
        Some(In::Yes(landed)) => format!("{dependency} has landed on {}, not on {target}", landed.target),
        _ => format!("{dependency} is completed, but not in {target}"),
    }
}

/// What a shallow clone leaves open.
pub(super) fn hidden(id: &SpecId) -> String {
    format!("a shallow clone hides whether {id} has landed: `git fetch --unshallow`")
}

/// Why the coming attempt may not begin without a person's word; `None` where it was given.
pub(super) fn unapproved(id: &SpecId, attempt: u32, words: &Words) -> Option<String> {
    if words.suffice() {
        return None;
    }
    let mut text = match (&words.rejected, words.approved.len(), words.needed) {
        (Some(_), ..) => format!("attempt {attempt} of {id} was {}", words.state()),
        (None, 0, 1) => format!("attempt {attempt} of {id} needs an approval"),
        (None, n, needed) => format!("attempt {attempt} of {id} needs {needed} approvals and has {n}"),
    };
    for void in &words.void {
        text.push_str(&format!("; {void}"));
    }
    Some(text)
}

/// `a`, `a and b`, `a, b, c and 9 more`.
pub(super) fn list(names: &[String], all: usize) -> String {
    const SHOWN: usize = 3;
    let shown = if all <= SHOWN + 1 { all } else { SHOWN };
    let mut words: Vec<String> = names.iter().take(shown).cloned().collect();
    if all > words.len() {
        words.push(format!("{} more", all - words.len()));
    }
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}
