//! The one HTTP client, for every forge: octocrab's, with the forge's own address and token.

use std::time::Duration;

use octocrab::Octocrab;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::{Error, Site, Token, variables};
use crate::config::ForgeKind;

/// A forge that does not answer in this time is out of reach.
const PATIENCE: Duration = Duration::from_secs(30);
/// As much of a forge's complaint as is repeated.
const COMPLAINT: usize = 300;

/// A client of one forge's API. Its calls wait for the answer.
#[derive(Debug)]
pub struct Rest {
    runtime: tokio::runtime::Runtime,
    client: Octocrab,
    host: String,
    /// What stands before every path, without a slash at its end.
    prefix: String,
    /// Where the token came from; in its place, the variables that could hold one.
    from: Result<String, String>,
}

/// What is done to a thing.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Get,
    Post,
    Patch,
    Put,
}

impl Rest {
    /// # Errors
    /// [`Error::Plain`] where the token would cross a network in clear text, [`Error::Client`] where no client can be made.
    pub fn new(site: &Site, token: Option<&Token>) -> Result<Self, Error> {
        if token.is_some() && site.is_plain() {
            return Err(Error::Plain { host: site.host.clone() });
        }
        let unable = |error: &dyn std::fmt::Display| Error::Client(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| unable(&e))?;
        let _inside = runtime.enter();
        let (root, prefix) = parted(&site.api);
        let builder = Octocrab::builder().base_uri(root).map_err(|e| unable(&e))?;
        let builder = builder.set_connect_timeout(Some(PATIENCE)).set_read_timeout(Some(PATIENCE));
        if token.is_some_and(|token| !token.secret.expose_secret().bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(Error::Client("the token has characters that no header can hold".to_owned()));
        }
        let builder = match token {
            None => builder,
            Some(Token { user: Some(user), secret, .. }) if is_basic(site.kind) => {
                builder.basic_auth(user.clone(), secret.expose_secret().to_owned())
            }
            Some(token) => builder.personal_token(token.secret.clone()),
        };
        let client = builder.build().map_err(|e| unable(&e))?;
        drop(_inside);
        let from = token.map(|token| token.from.clone()).ok_or_else(|| variables(site).join(" or "));
        Ok(Self { runtime, client, host: site.host.clone(), prefix: prefix.to_owned(), from })
    }

    /// The forge's host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether there is a token.
    pub fn knows_who_asks(&self) -> bool {
        self.from.is_ok()
    }

    /// What is there.
    ///
    /// # Errors
    /// Where the forge cannot be asked, or says no.
    pub fn get(&self, path: &str) -> Result<Value, Error> {
        self.ask(Verb::Get, path, &Value::Null)
    }

    /// All items of a list that comes in pages of `size`, the path without the page. No more than `pages` are asked for.
    ///
    /// # Errors
    /// As [`Rest::get`].
    pub fn pages(&self, path: &str, size: usize, pages: usize) -> Result<Vec<Value>, Error> {
        let mut found = Vec::new();
        for page in 1..=pages {
            match self.get(&format!("{path}&page={page}"))? {
                Value::Array(items) => {
                    // A server may hold fewer on a page than it was asked for.
                    let last = items.len() < size;
                    found.extend(items);
                    if last {
                        break;
                    }
                }
                _ => return Err(self.no_answer(path, "it is no list")),
            }
        }
        Ok(found)
    }

    /// Makes something new.
    ///
    /// # Errors
    /// As [`Rest::get`].
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.ask(Verb::Post, path, body)
    }

    /// Changes a part of something.
    ///
    /// # Errors
    /// As [`Rest::get`].
    pub fn patch(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.ask(Verb::Patch, path, body)
    }

    /// Sets something.
    ///
    /// # Errors
    /// As [`Rest::get`].
    pub fn put(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.ask(Verb::Put, path, body)
    }

    /// That what came back for `path` is no answer.
    pub fn no_answer(&self, path: &str, why: impl Into<String>) -> Error {
        Error::Answer { host: self.host.clone(), path: path.to_owned(), why: why.into() }
    }

    fn ask(&self, verb: Verb, path: &str, body: &Value) -> Result<Value, Error> {
        // Without a host: octocrab gives its secrets to no other than its own.
        let uri = format!("{}{path}", self.prefix);
        let broke = |error: octocrab::Error| self.unreachable(&error);
        let (status, text) = self.runtime.block_on(async {
            let client = &self.client;
            let response = match verb {
                Verb::Get => client._get(uri).await,
                Verb::Post => client._post(uri, Some(body)).await,
                Verb::Patch => client._patch(uri, Some(body)).await,
                Verb::Put => client._put(uri, Some(body)).await,
            };
            let response = response.map_err(broke)?;
            let status = response.status().as_u16();
            Ok::<_, Error>((status, client.body_to_string(response).await.map_err(broke)?))
        })?;
        if (200..300).contains(&status) {
            // What Gerrit puts before its answers, against pages that would run them as scripts.
            let text = text.strip_prefix(")]}'").unwrap_or(&text).trim();
            let text = if text.is_empty() { "null" } else { text };
            return serde_json::from_str(text).map_err(|error| self.no_answer(path, error.to_string()));
        }
        Err(self.refusal(status, path, &said(&text)))
    }

    fn unreachable(&self, error: &octocrab::Error) -> Error {
        let mut why = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            why = inner.to_string();
            source = inner.source();
        }
        Error::Unreachable { host: self.host.clone(), why }
    }

    fn refusal(&self, status: u16, path: &str, said: &str) -> Error {
        let (host, said) = (self.host.clone(), format!("{said} ({status})"));
        let limit = said.to_ascii_lowercase().contains("rate limit");
        match (status, &self.from) {
            (429, _) | (403, _) if limit || status == 429 => Error::Limit { host, said },
            (500.., _) => Error::Unreachable { host, why: said },
            (401 | 403 | 404, Err(variables)) => Error::NoToken { host, variables: variables.clone() },
            (401 | 403, Ok(from)) => Error::Unauthorized { host, said, from: from.clone() },
            (404, Ok(_)) => Error::Missing { host, path: path.to_owned() },
            _ => Error::Refused { host, said },
        }
    }
}

/// An address without its path, and the path.
fn parted(api: &str) -> (&str, &str) {
    let host = api.find("://").map_or(0, |at| at + 3);
    let path = api[host..].find('/').map_or(api.len(), |at| host + at);
    api.split_at(path)
}

/// Where a name and a password are asked for, and not a token alone.
fn is_basic(kind: ForgeKind) -> bool {
    matches!(kind, ForgeKind::Forgejo | ForgeKind::Gitea | ForgeKind::Gerrit)
}

/// What stands in paths and queries as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A text as part of a path or a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// The first line of what somebody wrote, harmless for a terminal.
pub(super) fn first_line(value: &Value) -> Option<String> {
    let line = value.as_str()?.lines().find(|line| !line.trim().is_empty())?;
    Some(crate::ledger::harmless_line(line).chars().take(COMPLAINT).collect())
}

/// What a forge says of an error, in one line.
fn said(text: &str) -> String {
    let words = match serde_json::from_str::<Value>(text) {
        Ok(value) => words(&value),
        Err(_) => text.lines().next().unwrap_or_default().to_owned(),
    };
    let line = crate::ledger::harmless_line(&words);
    let line: String = line.chars().take(COMPLAINT).collect();
    if line.is_empty() { "no reason was given".to_owned() } else { line }
}

/// The words in an answer: `message`, `error` and `errors`, however deep.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; "),
        Value::Object(fields) => {
            let told = ["message", "error", "error_description", "errors"].iter().filter_map(|key| fields.get(*key));
            let told: Vec<String> = told.map(words).filter(|text| !text.is_empty()).collect();
            match told.is_empty() {
                true => fields.values().map(words).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; "),
                false => told.join(": "),
            }
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_told_in_the_forges_own_words() {
        let github = r#"{"message":"Validation Failed","errors":[{"resource":"PullRequest","message":"No commits between main and chant/a"}],"documentation_url":"https://x"}"#;
        assert_eq!(said(github), "Validation Failed: No commits between main and chant/a");
        assert_eq!(
            said(r#"{"message":["Another open merge request already exists"]}"#),
            "Another open merge request already exists"
        );
        assert_eq!(said(r#"{"message":{"base":["is too long"]}}"#), "is too long");
        assert_eq!(said("<html>\nBad Gateway"), "<html>");
        assert_eq!(said(""), "no reason was given");
    }
}
