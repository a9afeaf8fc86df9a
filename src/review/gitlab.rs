//! GitLab: by REST where there is a token, by push options where there is none.

use serde_json::{Value, json};

use super::rest::{encoded, first_line};
use super::{Draft, Edit, Error, Forge, Opinion, Pull, PullState, Rest, Site, Squash};

const PAGE: usize = 100;

/// The options of a push by which GitLab opens a merge request, without any token but the push's own. A description is
/// one line there, and so it holds no trailers: only the API can write them.
pub fn push_options(draft: &Draft) -> Vec<String> {
    vec![
        "merge_request.create".to_owned(),
        format!("merge_request.target={}", draft.base),
        format!("merge_request.title={}", draft.title),
    ]
}

/// The page on which a person opens a merge request by hand.
pub fn create_by_hand(site: &Site, draft: &Draft) -> String {
    let (head, base) = (encoded(&draft.head), encoded(&draft.base));
    let query = format!("merge_request[source_branch]={head}&merge_request[target_branch]={base}");
    format!("{}/-/merge_requests/new?{query}", site.web)
}

/// A project on GitLab.
#[derive(Debug)]
pub(super) struct Gitlab {
    rest: Rest,
    project: String,
}

impl Gitlab {
    pub(super) fn new(rest: Rest, site: &Site) -> Self {
        Self { rest, project: encoded(&site.path) }
    }

    fn path(&self, rest: &str) -> String {
        format!("/projects/{}{rest}", self.project)
    }

    fn list(&self, query: &str) -> Result<Vec<Pull>, Error> {
        let path = self.path(&format!("/merge_requests?{query}&order_by=created_at&sort=desc&per_page={PAGE}"));
        self.rest.pages(&path, PAGE, usize::MAX)?.iter().map(|item| self.read(item, &path)).collect()
    }

    fn read(&self, item: &Value, path: &str) -> Result<Pull, Error> {
        read(item).ok_or_else(|| self.rest.no_answer(path, "it is no merge request"))
    }
}

fn read(item: &Value) -> Option<Pull> {
    let text = |key: &str| item[key].as_str().map(str::to_owned);
    let state = match item["state"].as_str()? {
        "opened" | "locked" => PullState::Open,
        "merged" => PullState::Merged,
        _ => PullState::Closed,
    };
    // A merge commit where one was made, else the squash on the fast-forwarded branch, else the tip that was forwarded.
    let merged_as = ["merge_commit_sha", "squash_commit_sha", "sha"].iter().find_map(|key| text(key)?.parse().ok());
    Some(Pull {
        number: item["iid"].as_u64()?,
        url: text("web_url")?,
        state,
        head: text("sha").and_then(|sha| sha.parse().ok()),
        base: text("target_branch")?,
        title: text("title")?,
        body: text("description").unwrap_or_default(),
        merged_as: merged_as.filter(|_| state == PullState::Merged),
    })
}

impl Forge for Gitlab {
    fn pulls(&self, head: &str) -> Result<Vec<Pull>, Error> {
        self.list(&format!("state=all&source_branch={}", encoded(head)))
    }

    fn onto(&self, base: &str) -> Result<Vec<Pull>, Error> {
        self.list(&format!("state=opened&target_branch={}", encoded(base)))
    }

    fn open(&self, draft: &Draft) -> Result<Pull, Error> {
        let path = self.path("/merge_requests");
        let wanted = json!({
            "source_branch": draft.head, "target_branch": draft.base, "title": draft.title, "description": draft.body,
        });
        let made = self.rest.post(&path, &wanted)?;
        self.read(&made, &path)
    }

    fn edit(&self, number: u64, edit: &Edit) -> Result<(), Error> {
        let change = edit.fields(["target_branch", "title", "description"], ("state_event", "reopen"));
        self.rest.put(&self.path(&format!("/merge_requests/{number}")), &change).map(|_| ())
    }

    fn opinion(&self, pull: &Pull) -> Result<Option<Opinion>, Error> {
        let path = self.path(&format!("/merge_requests/{}/reviewers", pull.number));
        let answer = self.rest.get(&path)?;
        let said = |state: &str| -> Vec<String> {
            let reviewers = answer.as_array().into_iter().flatten().filter(|reviewer| reviewer["state"] == state);
            reviewers.filter_map(|reviewer| reviewer["user"]["username"].as_str().map(str::to_owned)).collect()
        };
        let asked = said("requested_changes");
        if !asked.is_empty() {
            return Ok(Some(Opinion::ChangesAsked { by: asked, words: self.last_note(pull)? }));
        }
        let approvals = self.rest.get(&self.path(&format!("/merge_requests/{}/approvals", pull.number)))?;
        let by = approvals["approved_by"].as_array().into_iter().flatten();
        let by: Vec<String> = by.filter_map(|one| one["user"]["username"].as_str().map(str::to_owned)).collect();
        Ok((!by.is_empty()).then_some(Opinion::Approved { by }))
    }

    fn squash(&self) -> Result<Squash, Error> {
        let project = self.rest.get(&self.path(""))?;
        if project["squash_option"] == json!("never") {
            return Ok(Squash::Off);
        }
        let template = project["squash_commit_template"].as_str().unwrap_or_default();
        // The default is the title alone.
        Ok(match template.trim_end().ends_with("%{description}") {
            true => Squash::Kept,
            false => Squash::Lost(
                "its squash message leaves the description out: set the template to `%{title}`, an empty line, and \
                 `%{description}` last (Settings, Merge requests, Squash commit message template)"
                    .to_owned(),
            ),
        })
    }
}

impl Gitlab {
    /// What was last said by a person.
    fn last_note(&self, pull: &Pull) -> Result<Option<String>, Error> {
        let path =
            self.path(&format!("/merge_requests/{}/notes?sort=desc&order_by=created_at&per_page=20", pull.number));
        let notes = self.rest.get(&path)?;
        let of_people = notes.as_array().into_iter().flatten().filter(|note| note["system"] != json!(true));
        Ok(of_people.map(|note| &note["body"]).find_map(first_line))
    }
}
