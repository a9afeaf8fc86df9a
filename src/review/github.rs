//! GitHub and GitHub Enterprise.

use serde_json::{Value, json};

use super::{Draft, Edit, Error, Forge, Opinion, Pull, PullState, Rest, Site, Squash};

/// As many as a page holds at most.
const PAGE: usize = 100;

/// A repository on GitHub.
#[derive(Debug)]
pub(super) struct Github {
    rest: Rest,
    owner: String,
    repo: String,
}

impl Github {
    pub(super) fn new(rest: Rest, site: &Site) -> Self {
        let (owner, repo) = site.owner_and_name();
        Self { rest, owner: owner.to_owned(), repo: repo.to_owned() }
    }

    fn path(&self, rest: &str) -> String {
        format!("/repos/{}/{}{rest}", self.owner, self.repo)
    }

    fn list(&self, query: &str) -> Result<Vec<Pull>, Error> {
        let path = self.path(&format!("/pulls?{query}&sort=created&direction=desc&per_page={PAGE}"));
        self.rest.pages(&path, PAGE, usize::MAX)?.iter().map(|item| self.read(item, &path)).collect()
    }

    fn read(&self, item: &Value, path: &str) -> Result<Pull, Error> {
        read(item).ok_or_else(|| self.rest.no_answer(path, "it is no pull request"))
    }
}

/// A request in GitHub's shape, which Forgejo and Gitea have taken over.
pub(super) fn read(item: &Value) -> Option<Pull> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let merged = item["merged"] == json!(true) || !item["merged_at"].is_null();
    let state = match (item["state"].as_str()?, merged) {
        ("open", _) => PullState::Open,
        (_, true) => PullState::Merged,
        (_, false) => PullState::Closed,
    };
    Some(Pull {
        number: item["number"].as_u64()?,
        url: text(&item["html_url"])?,
        state,
        head: item["head"]["sha"].as_str().and_then(|sha| sha.parse().ok()),
        base: text(&item["base"]["ref"])?,
        title: text(&item["title"])?,
        body: text(&item["body"]).unwrap_or_default(),
        // Of an open one it is a trial merge.
        merged_as: item["merge_commit_sha"].as_str().filter(|_| merged).and_then(|sha| sha.parse().ok()),
    })
}

impl Forge for Github {
    fn pulls(&self, head: &str) -> Result<Vec<Pull>, Error> {
        self.list(&format!("state=all&head={}", super::rest::encoded(&format!("{}:{head}", self.owner))))
    }

    fn onto(&self, base: &str) -> Result<Vec<Pull>, Error> {
        self.list(&format!("state=open&base={}", super::rest::encoded(base)))
    }

    fn open(&self, draft: &Draft) -> Result<Pull, Error> {
        let Draft { head, base, title, body } = draft;
        let path = self.path("/pulls");
        let made = self.rest.post(&path, &json!({ "title": title, "head": head, "base": base, "body": body }))?;
        self.read(&made, &path)
    }

    fn edit(&self, number: u64, edit: &Edit) -> Result<(), Error> {
        let change = edit.fields(["base", "title", "body"], ("state", "open"));
        self.rest.patch(&self.path(&format!("/pulls/{number}")), &change).map(|_| ())
    }

    fn opinion(&self, pull: &Pull) -> Result<Option<Opinion>, Error> {
        let path = self.path(&format!("/pulls/{}/reviews?per_page={PAGE}", pull.number));
        let answer = self.rest.get(&path)?;
        let reviews = answer.as_array().ok_or_else(|| self.rest.no_answer(&path, "it is no list"))?;
        // Each reviewer's last word counts; a mere comment takes none back.
        let mut last: Vec<(String, &str, Option<String>)> = Vec::new();
        for review in reviews {
            let (Some(who), Some(state)) = (review["user"]["login"].as_str(), review["state"].as_str()) else {
                continue;
            };
            if ["APPROVED", "CHANGES_REQUESTED", "DISMISSED"].contains(&state) {
                last.retain(|(by, ..)| by != who);
                last.push((who.to_owned(), state, super::rest::first_line(&review["body"])));
            }
        }
        let with =
            |wanted: &str| last.iter().filter(|(_, state, _)| *state == wanted).map(|(by, ..)| by.clone()).collect();
        let asked: Vec<String> = with("CHANGES_REQUESTED");
        if !asked.is_empty() {
            let words =
                last.iter().rev().find(|(_, state, _)| *state == "CHANGES_REQUESTED").and_then(|(.., w)| w.clone());
            return Ok(Some(Opinion::ChangesAsked { by: asked, words }));
        }
        let approved: Vec<String> = with("APPROVED");
        Ok((!approved.is_empty()).then_some(Opinion::Approved { by: approved }))
    }

    fn squash(&self) -> Result<Squash, Error> {
        let repo = self.rest.get(&self.path(""))?;
        if repo["allow_squash_merge"] == json!(false) {
            return Ok(Squash::Off);
        }
        Ok(match repo["squash_merge_commit_message"].as_str() {
            Some("PR_BODY") => Squash::Kept,
            Some(other) => Squash::Lost(format!(
                "its default squash message is {other}: set it to \"Pull request title and description\" (Settings, \
                 General, Pull Requests; `squash_merge_commit_message: PR_BODY`)"
            )),
            // Only those who may push are told.
            None => Squash::Unknown,
        })
    }
}
