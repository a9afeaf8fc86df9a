//! Forgejo and Gitea.

use serde_json::{Value, json};

use super::rest::first_line;
use super::{Draft, Edit, Error, Forge, Opinion, Pull, Rest, Site, Squash, github};

/// As many as a page holds by default at most.
const PAGE: usize = 50;
/// The list cannot be asked for one branch; of what is closed so many pages of the newest are looked at.
const CLOSED_PAGES: usize = 6;

/// A repository on Forgejo or Gitea.
#[derive(Debug)]
pub(super) struct Gitea {
    rest: Rest,
    path: String,
}

impl Gitea {
    pub(super) fn new(rest: Rest, site: &Site) -> Self {
        Self { rest, path: format!("/repos/{}", site.path) }
    }

    fn list(&self, state: &str, pages: usize, wanted: impl Fn(&Value) -> bool) -> Result<Vec<Pull>, Error> {
        let path = format!("{}/pulls?state={state}&sort=recentupdate&limit={PAGE}", self.path);
        let items = self.rest.pages(&path, PAGE, pages)?;
        items.iter().filter(|item| wanted(item)).map(|item| self.read(item, &path)).collect()
    }

    fn read(&self, item: &Value, path: &str) -> Result<Pull, Error> {
        github::read(item).ok_or_else(|| self.rest.no_answer(path, "it is no pull request"))
    }
}

impl Forge for Gitea {
    fn pulls(&self, head: &str) -> Result<Vec<Pull>, Error> {
        // Of a fork's branch of that name nothing is said: `head.label` has its owner before a colon.
        let own = |item: &Value| {
            let label = item["head"]["label"].as_str().or(item["head"]["ref"].as_str());
            label == Some(head) && item["head"]["repo_id"] == item["base"]["repo_id"]
        };
        let mut found = self.list("open", usize::MAX, own)?;
        found.extend(self.list("closed", CLOSED_PAGES, own)?);
        found.sort_by_key(|pull| std::cmp::Reverse(pull.number));
        Ok(found)
    }

    fn onto(&self, base: &str) -> Result<Vec<Pull>, Error> {
        self.list("open", usize::MAX, |item| item["base"]["ref"] == json!(base))
    }

    fn open(&self, draft: &Draft) -> Result<Pull, Error> {
        let Draft { head, base, title, body } = draft;
        let path = format!("{}/pulls", self.path);
        let made = self.rest.post(&path, &json!({ "title": title, "head": head, "base": base, "body": body }))?;
        self.read(&made, &path)
    }

    fn edit(&self, number: u64, edit: &Edit) -> Result<(), Error> {
        let change = edit.fields(["base", "title", "body"], ("state", "open"));
        self.rest.patch(&format!("{}/pulls/{number}", self.path), &change).map(|_| ())
    }

    fn opinion(&self, pull: &Pull) -> Result<Option<Opinion>, Error> {
        let path = format!("{}/pulls/{}/reviews?limit={PAGE}", self.path, pull.number);
        let answer = self.rest.get(&path)?;
        let reviews = answer.as_array().ok_or_else(|| self.rest.no_answer(&path, "it is no list"))?;
        let counts = |review: &&Value| review["dismissed"] != json!(true) && review["stale"] != json!(true);
        let with = |wanted: &str| -> Vec<(String, Option<String>)> {
            let said = reviews.iter().filter(counts).filter(|review| review["state"] == wanted);
            said.filter_map(|review| Some((review["user"]["login"].as_str()?.to_owned(), first_line(&review["body"]))))
                .collect()
        };
        let names = |said: &[(String, Option<String>)]| {
            let mut names: Vec<String> = said.iter().map(|(by, _)| by.clone()).collect();
            names.dedup();
            names
        };
        let asked = with("REQUEST_CHANGES");
        if let Some((_, words)) = asked.last() {
            return Ok(Some(Opinion::ChangesAsked { by: names(&asked), words: words.clone() }));
        }
        let approved = with("APPROVED");
        Ok((!approved.is_empty()).then(|| Opinion::Approved { by: names(&approved) }))
    }

    fn squash(&self) -> Result<Squash, Error> {
        let repo = self.rest.get(&self.path)?;
        // The description is the default message; what follows it, where the commits have other authors, is in
        // nobody's settings.
        Ok(if repo["allow_squash_merge"] == json!(false) { Squash::Off } else { Squash::Kept })
    }
}
