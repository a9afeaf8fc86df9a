//! What was last heard of a pull request: a line in the notes of the completion that it is about.
//!
//! It decides no status: what has landed is told by Git. It lets `list` say what waits on the forge without asking it.

use serde::{Deserialize, Serialize};

use super::{Opinion, Pull};

/// What was heard of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Its number.
    pub number: u64,
    /// Its page.
    pub url: String,
    /// `open`, `merged` or `closed`.
    pub state: String,
    /// The branch that it is to be merged into.
    pub base: String,
    /// The tip of the branch that it was opened or renewed for.
    pub head: Option<String>,
    /// What reviewers say, in words.
    pub opinion: Option<String>,
    /// Whether they ask for changes.
    pub changes_asked: bool,
}

/// One line of the notes.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    version: u32,
    key: String,
    /// When it was heard, in seconds since 1970.
    time: i64,
    pull: Heard,
}

impl Heard {
    /// Of a request as the forge has it.
    pub fn of(pull: &Pull, opinion: Option<&Opinion>) -> Self {
        Self {
            number: pull.number,
            url: pull.url.clone(),
            state: pull.state.as_str().to_owned(),
            base: pull.base.clone(),
            head: pull.head.map(|head| head.to_string()),
            opinion: opinion.map(Opinion::words),
            changes_asked: matches!(opinion, Some(Opinion::ChangesAsked { .. })),
        }
    }
}

impl Heard {
    /// What of it waits for a person; `None` where nothing does.
    pub fn attention(&self) -> Option<String> {
        let number = self.number;
        match (self.state.as_str(), &self.opinion) {
            ("closed", _) => Some(format!("pull request #{number} was closed")),
            ("merged", _) => Some(format!("pull request #{number} is merged, and Git cannot tell as what")),
            (_, Some(opinion)) => Some(format!("pull request #{number}: {opinion}")),
            _ => Some(format!("pull request #{number} is open")),
        }
    }
}

/// The line to be noted.
pub fn heard_line(heard: &Heard, time: i64) -> Vec<String> {
    let line = Line { version: 1, key: format!("pull {} {time}", heard.url), time, pull: heard.clone() };
    serde_json::to_string(&line).into_iter().collect()
}

/// What was heard last; a line that cannot be read is passed over.
pub fn last_heard(note: &str) -> Option<Heard> {
    let lines = note.lines().filter(|line| line.contains("\"pull\""));
    let read = lines.filter_map(|line| serde_json::from_str::<Line>(line).ok());
    // Lines of several clones stand in any order.
    read.enumerate().max_by_key(|(at, line)| (line.time, *at)).map(|(_, line)| line.pull)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_was_heard_last_counts_wherever_it_stands() {
        let heard = |state: &str| Heard {
            number: 7,
            url: "https://x/7".to_owned(),
            state: state.to_owned(),
            base: "main".to_owned(),
            head: None,
            opinion: None,
            changes_asked: false,
        };
        let note = format!("{}\nnot json\n{}\n", heard_line(&heard("merged"), 9)[0], heard_line(&heard("open"), 3)[0]);
        assert_eq!(last_heard(&note), Some(heard("merged")));
        assert_eq!(last_heard("{\"version\":1}\n"), None);
    }
}
