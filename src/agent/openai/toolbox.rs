//! The tools that the model is offered, and what it asks of them. Pure.
//!
//! The names are the usual ones, and the usual other names are understood as well: small models call tools as their
//! training did. What cannot be understood is told to the model, in words from which it can go on.

use serde::Deserialize;
use serde_json::{Value, json};

use super::chat::Call;

/// What the model wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Use {
    Read { path: String, from: usize, lines: usize },
    Write { path: String, text: String },
    Edit { path: String, old: String, new: String, all: bool },
    Search { pattern: String, path: String, files: Option<String> },
    Run { command: String, seconds: u64 },
}

/// How many lines are read at once.
const LINES: usize = 2000;
/// How long a command may run where nothing is said, and at most, in seconds.
const PATIENCE: (u64, u64) = (120, 1800);

#[derive(Deserialize)]
struct Read {
    #[serde(alias = "file_path", alias = "filePath", alias = "filename", alias = "file")]
    path: String,
    #[serde(default, alias = "offset", alias = "line", alias = "start_line")]
    from: Option<usize>,
    #[serde(default, alias = "limit")]
    lines: Option<usize>,
}

#[derive(Deserialize)]
struct Write {
    #[serde(alias = "file_path", alias = "filePath", alias = "filename", alias = "file")]
    path: String,
    #[serde(alias = "text", alias = "contents", alias = "file_text")]
    content: String,
}

#[derive(Deserialize)]
struct Edit {
    #[serde(alias = "file_path", alias = "filePath", alias = "filename", alias = "file")]
    path: String,
    #[serde(alias = "old_string", alias = "oldString", alias = "old_str")]
    old: String,
    #[serde(alias = "new_string", alias = "newString", alias = "new_str")]
    new: String,
    #[serde(default, alias = "replace_all", alias = "replaceAll")]
    all: bool,
}

#[derive(Deserialize)]
struct Search {
    #[serde(default, alias = "query", alias = "regex")]
    pattern: String,
    #[serde(default, alias = "dir", alias = "directory")]
    path: Option<String>,
    #[serde(default, alias = "glob", alias = "include")]
    files: Option<String>,
}

#[derive(Deserialize)]
struct Run {
    #[serde(alias = "cmd", alias = "script")]
    command: String,
    #[serde(default, alias = "timeout")]
    seconds: Option<f64>,
}

/// What a call asks for.
///
/// # Errors
/// What is wrong with it, for the model to read.
pub(super) fn understood(call: &Call) -> Result<Use, String> {
    let text = if call.arguments.trim().is_empty() { "{}" } else { call.arguments.as_str() };
    let value: Value = serde_json::from_str(text).map_err(|error| {
        format!("error: the arguments of `{}` are no JSON ({error}); call it again with one JSON object", call.name)
    })?;
    // Some models write the object as a text in JSON.
    let value = match &value {
        Value::String(inner) => serde_json::from_str(inner).unwrap_or(value),
        _ => value,
    };
    if !value.is_object() {
        return Err(format!("error: the arguments of `{}` are no JSON object; call it again with one", call.name));
    }
    let wrong = |error: serde_json::Error| format!("error: `{}` cannot be used like this: {error}", call.name);
    Ok(match call.name.to_lowercase().as_str() {
        "read" | "read_file" | "view" | "cat" | "ls" | "list" => {
            let Read { path, from, lines } = serde_json::from_value(value).map_err(wrong)?;
            Use::Read { path, from: from.unwrap_or(1).max(1), lines: lines.unwrap_or(LINES).clamp(1, LINES) }
        }
        "write" | "write_file" | "create_file" | "create" => {
            let Write { path, content } = serde_json::from_value(value).map_err(wrong)?;
            Use::Write { path, text: content }
        }
        "edit" | "edit_file" | "str_replace" | "replace" => {
            let Edit { path, old, new, all } = serde_json::from_value(value).map_err(wrong)?;
            Use::Edit { path, old, new, all }
        }
        "search" | "grep" | "find" | "glob" | "search_files" => {
            let Search { pattern, path, files } = serde_json::from_value(value).map_err(wrong)?;
            Use::Search { pattern, path: path.unwrap_or_else(|| ".".to_owned()), files }
        }
        "run" | "bash" | "shell" | "sh" | "run_command" | "execute" | "exec" => {
            let Run { command, seconds } = serde_json::from_value(value).map_err(wrong)?;
            let seconds = seconds.filter(|seconds| seconds.is_finite() && *seconds >= 1.0);
            // Whoever says 120000 means milliseconds.
            let seconds = seconds.map(|seconds| if seconds > 10_000.0 { seconds / 1000.0 } else { seconds });
            Use::Run { command, seconds: seconds.map_or(PATIENCE.0, |s| s.ceil() as u64).clamp(1, PATIENCE.1) }
        }
        _ => return Err(format!("error: there is no tool `{}`; there are read, write, edit, search, run", call.name)),
    })
}

/// The tools as the endpoint is told of them.
pub(super) fn offered() -> Value {
    let text = |what: &str| json!({"type": "string", "description": what});
    let number = |what: &str| json!({"type": "integer", "description": what});
    let path = || text("a file, relative to the project's directory");
    let tool = |name: &str, what: &str, properties: Value, required: &[&str]| {
        let parameters = json!({"type": "object", "properties": properties, "required": required});
        json!({"type": "function", "function": {"name": name, "description": what, "parameters": parameters}})
    };
    json!([
        tool(
            "read",
            "Read a file, or list a directory.",
            json!({"path": path(), "from": number("the first line, counted from 1"), "lines": number("how many lines")}),
            &["path"],
        ),
        tool(
            "write",
            "Make a file exactly this text, with the directories above it.",
            json!({"path": path(), "content": text("the whole text")}),
            &["path", "content"],
        ),
        tool(
            "edit",
            "Replace a piece of a file. The old text has to be there letter by letter, and once, unless all are meant.",
            json!({"path": path(), "old": text("the text that is there"), "new": text("what to put in its place"),
                "all": {"type": "boolean", "description": "replace it wherever it is"}}),
            &["path", "old", "new"],
        ),
        tool(
            "search",
            "Find lines that match a regular expression, in files that Git does not ignore. Without a pattern: the files.",
            json!({"pattern": text("a regular expression"), "path": text("a directory or file to search; all without it"),
                "files": text("a glob for the files' names, as in *.rs")}),
            &["pattern"],
        ),
        tool(
            "run",
            "Run a shell command in the project's directory. It is ended when its time is up.",
            json!({"command": text("for sh"), "seconds": number("how long it may take; 120 where nothing is said")}),
            &["command"],
        ),
    ])
}

/// An edit made: the new text, and how often the old one was there.
///
/// # Errors
/// Why it was not, for the model to read.
pub(super) fn edited(text: &str, old: &str, new: &str, all: bool) -> Result<(String, usize), String> {
    if old.is_empty() {
        return Err("error: `old` is empty; use `write` for a whole file".to_owned());
    }
    if old == new {
        return Err("error: `old` and `new` are the same".to_owned());
    }
    match text.matches(old).count() {
        0 => Err("error: `old` is not in the file; read it again, and copy the text letter by letter".to_owned()),
        1 => Ok((text.replacen(old, new, 1), 1)),
        times if all => Ok((text.replace(old, new), times)),
        times => Err(format!("error: `old` is there {times} times; take more of what is around it, or say `all`")),
    }
}

/// A text of at most `most` bytes: the beginning and the end of a longer one.
pub(super) fn bounded(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let head = text.floor_char_boundary(most / 2);
    let tail = text.ceil_char_boundary(text.len() - most / 2);
    format!("{}\n[… {} bytes left out …]\n{}", &text[..head], tail - head, &text[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn call(name: &str, arguments: &str) -> Call {
        Call { id: "a".to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
    }

    #[test]
    fn every_tool_that_is_offered_is_understood_and_so_are_their_usual_other_names() {
        for tool in offered().as_array().unwrap() {
            let name = tool["function"]["name"].as_str().unwrap();
            let said = understood(&call(name, "[]")).unwrap_err();
            assert!(said.contains(name) && !said.contains("there is no tool"), "{said}");
        }
        let run = |seconds| Use::Run { command: "ls".to_owned(), seconds };
        assert_eq!(understood(&call("bash", r#"{"cmd": "ls", "timeout": 90000}"#)), Ok(run(90)));
        assert_eq!(understood(&call("run", r#"{"command": "ls", "seconds": 1e99}"#)), Ok(run(1800)));
        assert_eq!(understood(&call("run", r#""{\"command\": \"ls\"}""#)), Ok(run(120)));
        let edit = r#"{"file_path": "a", "old_string": "b", "new_string": "c", "more": 1}"#;
        let wanted = Use::Edit { path: "a".to_owned(), old: "b".to_owned(), new: "c".to_owned(), all: false };
        assert_eq!(understood(&call("Edit", edit)), Ok(wanted));
    }

    #[test]
    fn what_cannot_be_understood_is_told_in_words_from_which_one_can_go_on() {
        assert!(understood(&call("read", r#"{"path": "#)).unwrap_err().contains("no JSON"));
        assert!(understood(&call("read", r#"{"pat": "x"}"#)).unwrap_err().contains("missing field `path`"));
        assert!(understood(&call("teleport", "{}")).unwrap_err().contains("read, write, edit, search, run"));
        assert!(edited("aXbX", "X", "Y", false).unwrap_err().contains("2 times"));
        assert!(edited("a", "b", "c", true).unwrap_err().contains("not in the file"));
        assert_eq!(edited("aXbX", "X", "Y", true), Ok(("aYbY".to_owned(), 2)));
    }

    proptest! {
        #[test]
        fn no_arguments_upset_it(name in "(read|write|edit|search|run|x)", arguments in ".{0,60}") {
            understood(&call(&name, &arguments)).ok();
        }

        #[test]
        fn an_edit_puts_the_new_text_where_the_old_one_was(before in "[a-c]{0,20}", after in "[a-c]{0,20}", new in "[x-z]{0,5}") {
            let (text, times) = edited(&format!("{before}OLD{after}"), "OLD", &new, false).unwrap();
            prop_assert_eq!((text, times), (format!("{before}{new}{after}"), 1));
        }

        #[test]
        fn a_bounded_text_is_bounded(text in "[aü\n]{0,400}", most in 20usize..200) {
            let short = bounded(&text, most);
            prop_assert!(short == text || (text.len() > most && short.len() <= most + 60));
        }
    }
}
