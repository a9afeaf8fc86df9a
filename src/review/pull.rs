//! A pull request as plain data, and what is to be done about one.

use serde_json::Value;

use crate::ledger::Oid;

/// What has become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullState {
    /// It waits.
    Open,
    /// The forge merged it.
    Merged,
    /// Somebody closed it, and nothing was merged.
    Closed,
}

impl PullState {
    /// One word for people and for JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Merged => "merged",
            Self::Closed => "closed",
        }
    }
}

/// A request as the forge has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Its number in the repository.
    pub number: u64,
    /// Its page.
    pub url: String,
    /// What has become of it.
    pub state: PullState,
    /// The last commit of its branch that the forge has seen.
    pub head: Option<Oid>,
    /// The branch that it is to be merged into.
    pub base: String,
    /// Its title.
    pub title: String,
    /// Its description.
    pub body: String,
    /// The commit of `base` that merged it, where the forge says so: the merge, the squash, or the last of a rebase.
    pub merged_as: Option<Oid>,
}

/// A request to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The branch that is to be merged.
    pub head: String,
    /// The branch that it is to be merged into.
    pub base: String,
    /// Its title.
    pub title: String,
    /// Its description, with the trailers last.
    pub body: String,
}

/// What of a request is to be another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// The branch that it is to be merged into.
    pub base: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Its description.
    pub body: Option<String>,
    /// Whether a closed one is to be open again.
    pub reopen: bool,
}

impl Edit {
    /// As an API wants it: what is called `base`, `title` and `body` there, and what opens a request again.
    pub fn fields(&self, [base, title, body]: [&str; 3], (key, open): (&str, &str)) -> Value {
        let mut fields = serde_json::Map::new();
        for (name, value) in [(base, &self.base), (title, &self.title), (body, &self.body)] {
            fields.extend(value.iter().map(|value| (name.to_owned(), Value::String(value.clone()))));
        }
        if self.reopen {
            fields.insert(key.to_owned(), Value::String(open.to_owned()));
        }
        Value::Object(fields)
    }

    /// Whether nothing is to be another.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What reviewers say of an open request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opinion {
    /// They approve of it.
    Approved {
        /// Who.
        by: Vec<String>,
    },
    /// They ask for changes.
    ChangesAsked {
        /// Who.
        by: Vec<String>,
        /// The first line of what the last of them said.
        words: Option<String>,
    },
}

impl Opinion {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Approved { by } => format!("approved by {}", by.join(", ")),
            Self::ChangesAsked { by, words: Some(words) } => format!("{} asked for changes: {words}", by.join(", ")),
            Self::ChangesAsked { by, words: None } => format!("{} asked for changes", by.join(", ")),
        }
    }
}

/// What a squash on a forge makes of the trailers in a request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Squash {
    /// They stay the last paragraph of the message.
    Kept,
    /// They are lost, or are not the last paragraph: why, and what to change.
    Lost(String),
    /// The repository allows no squash.
    Off,
    /// The forge does not say.
    Unknown,
}

/// What is to be done so that one request is open, as it is drafted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Todo {
    /// There is none.
    Open,
    /// One is open, or to be opened again; where the edit is empty it is as it should be.
    Edit(Pull, Edit),
    /// The work was merged by this one.
    Merged(Pull),
    /// Somebody closed this one, and nothing has come since.
    LeaveClosed(Pull),
}

/// What is to be done about a branch at `tip`, where `there` are its requests, newest first. `asked` says that a person
/// asks for it now: what was closed is opened again for nobody else.
pub fn todo(there: &[Pull], draft: &Draft, tip: Oid, asked: bool) -> Todo {
    if let Some(open) = there.iter().find(|pull| pull.state == PullState::Open) {
        return Todo::Edit(open.clone(), edit(open, draft, false));
    }
    match there.first() {
        Some(last) if last.state == PullState::Merged && last.head == Some(tip) => Todo::Merged(last.clone()),
        Some(last) if last.state == PullState::Closed && last.head == Some(tip) => match asked {
            true => Todo::Edit(last.clone(), edit(last, draft, true)),
            false => Todo::LeaveClosed(last.clone()),
        },
        _ => Todo::Open,
    }
}

/// A title that a person has changed stays, and so do a person's words around ours.
fn edit(pull: &Pull, draft: &Draft, reopen: bool) -> Edit {
    let own = |title: &str| title.split_once(": ").map(|(id, _)| id.to_owned());
    let retitle = own(&pull.title) == own(&draft.title) && pull.title != draft.title;
    let body = super::renew(&pull.body, &draft.body);
    Edit {
        base: (pull.base != draft.base).then(|| draft.base.clone()),
        title: retitle.then(|| draft.title.clone()),
        // Forges trim descriptions, and give line ends of their own.
        body: (body.trim() != pull.body.replace("\r\n", "\n").trim()).then_some(body),
        reopen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(n: u8) -> Oid {
        Oid::from_bytes(&[n; 20]).unwrap()
    }

    fn draft() -> Draft {
        let (head, base) = ("chant/001-a".to_owned(), "main".to_owned());
        Draft { head, base, title: "001-a: Do it".to_owned(), body: super::super::body(&[], "Chant-Spec: 001-a") }
    }

    fn pull(state: PullState, head: u8) -> Pull {
        let Draft { base, title, body, .. } = draft();
        let (url, head) = ("u".to_owned(), Some(oid(head)));
        Pull { number: 7, url, state, head, base, title, body, merged_as: None }
    }

    #[test]
    fn a_request_is_opened_once_and_edited_only_where_something_is_another() {
        let go = |there: &[Pull]| todo(there, &draft(), oid(1), false);
        assert_eq!(go(&[]), Todo::Open);
        assert_eq!(go(&[pull(PullState::Open, 1)]), Todo::Edit(pull(PullState::Open, 1), Edit::default()));
        let elsewhere = Pull { base: "dev".to_owned(), ..pull(PullState::Open, 1) };
        let edit = Edit { base: Some("main".to_owned()), ..Edit::default() };
        assert_eq!(go(&[pull(PullState::Closed, 1), elsewhere.clone()]), Todo::Edit(elsewhere, edit));
    }

    #[test]
    fn what_was_merged_stays_merged_and_new_work_gets_a_new_request() {
        let go = |there: &[Pull]| todo(there, &draft(), oid(1), true);
        assert_eq!(go(&[pull(PullState::Merged, 1)]), Todo::Merged(pull(PullState::Merged, 1)));
        assert_eq!(go(&[pull(PullState::Merged, 2)]), Todo::Open);
        assert_eq!(go(&[pull(PullState::Closed, 2)]), Todo::Open);
    }

    #[test]
    fn what_a_person_closed_is_opened_again_for_a_person_alone() {
        let there = [pull(PullState::Closed, 1)];
        assert_eq!(todo(&there, &draft(), oid(1), false), Todo::LeaveClosed(there[0].clone()));
        let reopen = Edit { reopen: true, ..Edit::default() };
        assert_eq!(todo(&there, &draft(), oid(1), true), Todo::Edit(there[0].clone(), reopen));
    }

    #[test]
    fn a_title_and_words_of_a_persons_stay() {
        let mut open = pull(PullState::Open, 1);
        open.title = "Please look at this".to_owned();
        open.body = format!("Look at the table first.\n\n{}", open.body);
        assert_eq!(todo(&[open.clone()], &draft(), oid(1), false), Todo::Edit(open, Edit::default()));
        let mut renamed = pull(PullState::Open, 1);
        renamed.title = "001-a: Do it now".to_owned();
        let edit = Edit { title: Some("001-a: Do it".to_owned()), ..Edit::default() };
        assert_eq!(todo(&[renamed.clone()], &draft(), oid(1), false), Todo::Edit(renamed, edit));
    }
}
