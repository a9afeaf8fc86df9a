//! The APIs that the stand-in speaks, each in the shape that its forge documents.

use serde_json::{Value, json};

use super::{Call, Face, Kept, State};

/// What the repository's settings say where a squash keeps the description.
pub fn squash_kept(face: Face) -> Value {
    match face {
        Face::Github => json!({ "allow_squash_merge": true, "squash_merge_commit_message": "PR_BODY" }),
        Face::Gitlab => {
            json!({ "squash_option": "default_off", "squash_commit_template": "%{title}\n\n%{description}" })
        }
        Face::Gitea | Face::Gerrit => json!({ "allow_squash_merge": true }),
    }
}

pub fn answer(face: Face, state: &mut State, call: &Call) -> (u16, Value) {
    let parts = call.parts();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match face {
        Face::Github => github(state, call, &parts),
        Face::Gitlab => gitlab(state, call, &parts),
        Face::Gitea => gitea(state, call, &parts),
        Face::Gerrit => gerrit(state, call, &parts),
    }
}

fn none() -> (u16, Value) {
    (404, json!({ "message": "Not Found" }))
}

/// Opens one, as every forge does: never a second for the same two branches, and none without commits.
fn open(state: &mut State, call: &Call, names: [&str; 4]) -> Result<Kept, String> {
    let [head, base, title, body] = names.map(|name| call.body[name].as_str().map(str::to_owned));
    let (Some(head), Some(base), Some(title)) = (head, base, title) else {
        return Err("head, base and title".to_owned());
    };
    let (Some(tip), Some(onto)) = (state.tip(&head), state.tip(&base)) else {
        return Err(format!("no {head} or no {base}"));
    };
    if state.pulls.iter().any(|pull| pull.head == head && pull.base == base && pull.state == "open") {
        return Err(format!("A pull request already exists for ada:{head}."));
    }
    if state.git(&["rev-list", "--count", &format!("{onto}..{tip}")]) == "0" {
        return Err(format!("No commits between {base} and {head}"));
    }
    let number = state.pulls.len() as u64 + 1;
    let (merged_as, reviews) = (None, Vec::new());
    let kept =
        Kept { number, head, base, title, body: body.unwrap_or_default(), state: "open", tip, merged_as, reviews };
    state.pulls.push(kept.clone());
    Ok(kept)
}

fn edit<'s>(
    state: &'s mut State,
    number: &str,
    call: &Call,
    names: [&str; 3],
    opened: (&str, &str),
) -> Option<&'s Kept> {
    let number: u64 = number.parse().ok()?;
    let pull = state.pulls.iter_mut().find(|pull| pull.number == number)?;
    for (name, slot) in names.into_iter().zip([&mut pull.base, &mut pull.title, &mut pull.body]) {
        if let Some(value) = call.body[name].as_str() {
            *slot = value.to_owned();
        }
    }
    if call.body[opened.0] == opened.1 {
        pull.state = "open";
    }
    Some(pull)
}

/// Newest first, a page of them.
fn page(mut found: Vec<Value>, call: &Call, size: &str) -> (u16, Value) {
    found.reverse();
    let number = |key: &str| call.query(key).and_then(|text| text.parse().ok());
    let (page, size) = (number("page").unwrap_or(1usize), number(size).unwrap_or(30));
    (200, Value::Array(found.into_iter().skip((page - 1) * size).take(size).collect()))
}

fn github(state: &mut State, call: &Call, parts: &[&str]) -> (u16, Value) {
    let item = |pull: &Kept| {
        json!({
            "number": pull.number, "html_url": format!("https://forge/ada/churn/pull/{}", pull.number),
            "state": if pull.state == "open" { "open" } else { "closed" }, "title": pull.title, "body": pull.body,
            "merged_at": (pull.state == "merged").then_some("2026-01-01T00:00:00Z"),
            "merge_commit_sha": pull.merged_as.as_ref().unwrap_or(&pull.tip),
            "head": { "ref": pull.head, "sha": pull.tip }, "base": { "ref": pull.base },
        })
    };
    match (call.method.as_str(), parts) {
        ("GET", ["api", "v3", "repos", "ada", "churn"]) => (200, state.squash.clone()),
        ("GET", ["api", "v3", "repos", "ada", "churn", "pulls"]) => {
            let (head, base, wanted) = (call.query("head"), call.query("base"), call.query("state"));
            let fits = |pull: &&Kept| {
                head.as_ref().is_none_or(|head| *head == format!("ada:{}", pull.head))
                    && base.as_ref().is_none_or(|base| *base == pull.base)
                    && (wanted.as_deref() == Some("all") || pull.state == "open")
            };
            page(state.pulls.iter().filter(fits).map(item).collect(), call, "per_page")
        }
        ("POST", ["api", "v3", "repos", "ada", "churn", "pulls"]) => {
            match open(state, call, ["head", "base", "title", "body"]) {
                Ok(pull) => (201, item(&pull)),
                Err(why) => (422, json!({ "message": "Validation Failed", "errors": [{ "message": why }] })),
            }
        }
        ("PATCH", ["api", "v3", "repos", "ada", "churn", "pulls", number]) => {
            edit(state, number, call, ["base", "title", "body"], ("state", "open"))
                .map_or_else(none, |pull| (200, item(pull)))
        }
        ("GET", ["api", "v3", "repos", "ada", "churn", "pulls", number, "reviews"]) => {
            let Some(pull) = state.pulls.iter().find(|pull| pull.number.to_string() == *number) else { return none() };
            let word = |what: &str| if what == "approved" { "APPROVED" } else { "CHANGES_REQUESTED" };
            let reviews = pull.reviews.iter();
            (
                200,
                reviews
                    .map(|(who, what, body)| json!({ "user": { "login": who }, "state": word(what), "body": body }))
                    .collect(),
            )
        }
        _ => none(),
    }
}

fn gitlab(state: &mut State, call: &Call, parts: &[&str]) -> (u16, Value) {
    let item = |pull: &Kept| {
        let word = if pull.state == "open" { "opened" } else { pull.state };
        json!({
            "iid": pull.number, "web_url": format!("https://forge/ada/churn/-/merge_requests/{}", pull.number),
            "state": word, "title": pull.title, "description": pull.body, "sha": pull.tip, "target_branch": pull.base,
            "source_branch": pull.head, "merge_commit_sha": pull.merged_as, "squash_commit_sha": Value::Null,
        })
    };
    match (call.method.as_str(), parts) {
        ("GET", ["api", "v4", "projects", "ada/churn"]) => (200, state.squash.clone()),
        ("GET", ["api", "v4", "projects", "ada/churn", "merge_requests"]) => {
            let (head, base, wanted) = (call.query("source_branch"), call.query("target_branch"), call.query("state"));
            let fits = |pull: &&Kept| {
                head.as_ref().is_none_or(|head| *head == pull.head)
                    && base.as_ref().is_none_or(|base| *base == pull.base)
                    && (wanted.as_deref() == Some("all") || pull.state == "open")
            };
            page(state.pulls.iter().filter(fits).map(item).collect(), call, "per_page")
        }
        ("POST", ["api", "v4", "projects", "ada/churn", "merge_requests"]) => {
            match open(state, call, ["source_branch", "target_branch", "title", "description"]) {
                Ok(pull) => (201, item(&pull)),
                Err(why) => (409, json!({ "message": [why] })),
            }
        }
        ("PUT", ["api", "v4", "projects", "ada/churn", "merge_requests", number]) => {
            let names = ["target_branch", "title", "description"];
            edit(state, number, call, names, ("state_event", "reopen")).map_or_else(none, |pull| (200, item(pull)))
        }
        ("GET", ["api", "v4", "projects", "ada/churn", "merge_requests", number, what]) => {
            let Some(pull) = state.pulls.iter().find(|pull| pull.number.to_string() == *number) else { return none() };
            let with = |wanted: &'static str| pull.reviews.iter().filter(move |(_, what, _)| *what == wanted);
            match *what {
                "reviewers" => (
                    200,
                    with("changes")
                        .map(|(who, ..)| json!({ "user": { "username": who }, "state": "requested_changes" }))
                        .collect(),
                ),
                "approvals" => {
                    let by: Value = with("approved").map(|(who, ..)| json!({ "user": { "username": who } })).collect();
                    (200, json!({ "approved_by": by }))
                }
                "notes" => (200, with("changes").map(|(.., body)| json!({ "body": body, "system": false })).collect()),
                _ => none(),
            }
        }
        _ => none(),
    }
}

fn gitea(state: &mut State, call: &Call, parts: &[&str]) -> (u16, Value) {
    let item = |pull: &Kept| {
        json!({
            "number": pull.number, "html_url": format!("https://forge/ada/churn/pulls/{}", pull.number),
            "state": if pull.state == "open" { "open" } else { "closed" }, "merged": pull.state == "merged",
            "title": pull.title, "body": pull.body, "merge_commit_sha": pull.merged_as,
            "head": { "label": pull.head, "ref": pull.head, "sha": pull.tip, "repo_id": 1 },
            "base": { "label": pull.base, "ref": pull.base, "repo_id": 1 },
        })
    };
    match (call.method.as_str(), parts) {
        ("GET", ["api", "v1", "repos", "ada", "churn"]) => (200, state.squash.clone()),
        ("GET", ["api", "v1", "repos", "ada", "churn", "pulls"]) => {
            let wanted = call.query("state").unwrap_or_default();
            let fits = |pull: &&Kept| (wanted == "open") == (pull.state == "open") || wanted == "all";
            page(state.pulls.iter().filter(fits).map(item).collect(), call, "limit")
        }
        ("POST", ["api", "v1", "repos", "ada", "churn", "pulls"]) => {
            match open(state, call, ["head", "base", "title", "body"]) {
                Ok(pull) => (201, item(&pull)),
                Err(why) => (409, json!({ "message": why, "url": "https://forge/api/swagger" })),
            }
        }
        ("PATCH", ["api", "v1", "repos", "ada", "churn", "pulls", number]) => {
            edit(state, number, call, ["base", "title", "body"], ("state", "open"))
                .map_or_else(none, |pull| (201, item(pull)))
        }
        ("GET", ["api", "v1", "repos", "ada", "churn", "pulls", number, "reviews"]) => {
            let Some(pull) = state.pulls.iter().find(|pull| pull.number.to_string() == *number) else { return none() };
            let word = |what: &str| if what == "approved" { "APPROVED" } else { "REQUEST_CHANGES" };
            let review = |(who, what, body): &(String, &str, String)| json!({ "user": { "login": who }, "state": word(what), "body": body, "stale": false, "dismissed": false });
            (200, pull.reviews.iter().map(review).collect())
        }
        _ => none(),
    }
}

fn gerrit(state: &mut State, call: &Call, parts: &[&str]) -> (u16, Value) {
    let item = |pull: &Kept| {
        let word = match pull.state {
            "open" => "NEW",
            "merged" => "MERGED",
            _ => "ABANDONED",
        };
        let current = pull.merged_as.as_ref().unwrap_or(&pull.tip);
        json!({
            "_number": pull.number, "status": word, "branch": pull.base, "subject": pull.title, "change_id": pull.head,
            "current_revision": current, "revisions": { current: { "commit": { "message": pull.body } } },
        })
    };
    match (call.method.as_str(), parts) {
        ("GET", ["a", "changes"]) => {
            let query = call.query("q").unwrap_or_default();
            assert!(query.contains("project:\"ada/churn\""), "{query}");
            let fits = |pull: &&Kept| {
                query.split(' ').all(|word| match word.split_once(':') {
                    Some(("change", id)) => id == pull.head,
                    Some(("branch", base)) => base == pull.base,
                    Some(("status", "open")) => pull.state == "open",
                    _ => true,
                })
            };
            (200, state.pulls.iter().filter(fits).map(item).collect())
        }
        ("GET", ["a", "changes", number, "detail"]) => {
            let Some(pull) = state.pulls.iter().find(|pull| pull.number.to_string() == *number) else { return none() };
            let value = |what: &str| if what == "approved" { 2 } else { -1 };
            let all: Value =
                pull.reviews.iter().map(|(who, what, _)| json!({ "username": who, "value": value(what) })).collect();
            (200, json!({ "labels": { "Code-Review": { "all": all } } }))
        }
        _ => none(),
    }
}
