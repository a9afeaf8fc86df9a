//! Gerrit: a change is a commit pushed to `refs/for/<branch>`, known again by its `Change-Id`.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::rest::encoded;
use super::{Draft, Edit, Error, Forge, Opinion, Pull, PullState, Rest, Site, Squash};

/// The id by which Gerrit knows all patch sets of one change: the same for every push of one attempt.
pub fn change_id(repository: &str, branch: &str, attempt: u32) -> String {
    let digest = Sha256::digest(format!("{repository}\0{branch}\0{attempt}"));
    let hex: String = digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect();
    format!("I{hex}")
}

/// The ref that a change for a branch is pushed to, with the topic that keeps a driver's members together.
pub fn pushed_to(base: &str, topic: &str) -> String {
    format!("refs/for/{base}%topic={topic}")
}

/// A project on Gerrit.
#[derive(Debug)]
pub(super) struct Gerrit {
    rest: Rest,
    project: String,
    web: String,
}

impl Gerrit {
    pub(super) fn new(rest: Rest, site: &Site) -> Self {
        let web = site.web.strip_suffix(&format!("/{}", site.path)).unwrap_or(&site.web).to_owned();
        Self { rest, project: site.path.clone(), web }
    }

    fn query(&self, query: &str) -> Result<Vec<Pull>, Error> {
        // With a name and a password the same door has `/a` before it.
        let door = if self.rest.knows_who_asks() { "/a" } else { "" };
        let project = encoded(&format!("project:\"{}\"", self.project));
        let path = format!("{door}/changes/?q={project}+{query}&o=CURRENT_REVISION&o=CURRENT_COMMIT&o=LABELS");
        let answer = self.rest.get(&path)?;
        let items = answer.as_array().ok_or_else(|| self.rest.no_answer(&path, "it is no list"))?;
        items.iter().map(|item| self.read(item).ok_or_else(|| self.rest.no_answer(&path, "it is no change"))).collect()
    }

    fn read(&self, item: &Value) -> Option<Pull> {
        let state = match item["status"].as_str()? {
            "MERGED" => PullState::Merged,
            "ABANDONED" => PullState::Closed,
            _ => PullState::Open,
        };
        let number = item["_number"].as_u64()?;
        let current = item["current_revision"].as_str();
        let message = current.and_then(|sha| item["revisions"][sha]["commit"]["message"].as_str());
        let current = current.and_then(|sha| sha.parse().ok());
        Some(Pull {
            number,
            url: format!("{}/c/{}/+/{number}", self.web, self.project),
            state,
            head: current,
            base: item["branch"].as_str()?.to_owned(),
            title: item["subject"].as_str()?.to_owned(),
            body: message.unwrap_or_default().to_owned(),
            merged_as: current.filter(|_| state == PullState::Merged),
        })
    }

    fn label(&self, pull: &Pull) -> Result<Value, Error> {
        let door = if self.rest.knows_who_asks() { "/a" } else { "" };
        Ok(self.rest.get(&format!("{door}/changes/{}/detail", pull.number))?["labels"]["Code-Review"].take())
    }
}

impl Forge for Gerrit {
    /// `head` is the change's id.
    fn pulls(&self, head: &str) -> Result<Vec<Pull>, Error> {
        self.query(&format!("change:{}", encoded(head)))
    }

    fn onto(&self, base: &str) -> Result<Vec<Pull>, Error> {
        self.query(&format!("status:open+branch:{}", encoded(base)))
    }

    /// A push opens it.
    fn open(&self, _draft: &Draft) -> Result<Pull, Error> {
        Err(Error::Refused { host: self.rest.host().to_owned(), said: "a change is opened by a push".to_owned() })
    }

    /// A push changes it.
    fn edit(&self, _number: u64, _edit: &Edit) -> Result<(), Error> {
        Ok(())
    }

    fn opinion(&self, pull: &Pull) -> Result<Option<Opinion>, Error> {
        let label = self.label(pull)?;
        let votes = |counts: fn(i64) -> bool| -> Vec<String> {
            let all = label["all"].as_array().into_iter().flatten();
            let all = all.filter(|vote| vote["value"].as_i64().is_some_and(counts));
            all.filter_map(|vote| vote["username"].as_str().or(vote["name"].as_str()).map(str::to_owned)).collect()
        };
        let against = votes(|value| value < 0);
        if !against.is_empty() {
            return Ok(Some(Opinion::ChangesAsked { by: against, words: None }));
        }
        let by = votes(|value| value > 0);
        Ok((!by.is_empty()).then_some(Opinion::Approved { by }))
    }

    fn squash(&self) -> Result<Squash, Error> {
        // A change is one commit, and its message is what is merged.
        Ok(Squash::Kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_keeps_its_change_and_another_gets_another() {
        let id = change_id("churn", "chant/001-a", 1);
        assert_eq!((id.len(), &id[..1]), (41, "I"));
        assert_eq!(id, change_id("churn", "chant/001-a", 1));
        assert_ne!(id, change_id("churn", "chant/001-a", 2));
        assert_ne!(id, change_id("churn", "chant/001-b", 1));
    }
}
