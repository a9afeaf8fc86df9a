//! What a server's updates mean, and what it is permitted. Pure, but for the paths that it is told are within.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use agent_client_protocol::v1::schema::{
    ContentBlock, Diff, PermissionOption, PermissionOptionId, PermissionOptionKind, SessionConfigKind,
    SessionConfigOption, SessionConfigOptionCategory, SessionConfigSelectOptions, SessionUpdate, StopReason,
    ToolCallContent, ToolCallStatus, ToolCallUpdate, ToolKind, Usage,
};

use crate::agent::plain::words;
use crate::agent::told::{Kind, Line, Why};

/// Turns updates into lines. Words come in pieces, and are said a line at a time.
#[derive(Debug, Default)]
pub(super) struct Updates {
    words: String,
    /// Files that were said to be written, by the tool call that did it.
    changed: BTreeSet<(String, PathBuf)>,
}

impl Updates {
    /// What an update means.
    pub(super) fn hear(&mut self, update: SessionUpdate) -> Vec<Line> {
        let mut lines = Vec::new();
        if !matches!(update, SessionUpdate::AgentMessageChunk(_)) {
            lines.extend(self.rest());
        }
        match update {
            SessionUpdate::AgentMessageChunk(chunk) => {
                if let ContentBlock::Text(text) = chunk.content {
                    self.words.push_str(&text.text);
                }
                if let Some(end) = self.words.rfind('\n') {
                    let rest = self.words.split_off(end + 1);
                    lines.extend(self.rest());
                    self.words = rest;
                }
                lines.push(Line::Works);
            }
            SessionUpdate::ToolCall(call) => {
                lines.push(Line::Tool { name: kind(call.kind).to_owned(), what: words(call.title.as_bytes()) });
                lines.extend(self.changes(&call.tool_call_id.0, Some(call.status), &call.content));
            }
            SessionUpdate::ToolCallUpdate(ToolCallUpdate { tool_call_id, fields, .. }) => {
                lines.extend(self.changes(
                    &tool_call_id.0,
                    fields.status,
                    fields.content.as_deref().unwrap_or_default(),
                ));
                lines.push(Line::Works);
            }
            SessionUpdate::UsageUpdate(usage) => {
                let cost = usage.cost.filter(|cost| cost.currency.eq_ignore_ascii_case("usd"));
                let cost = cost.map(|cost| cost.amount).filter(|amount| (0.0..1e9).contains(amount));
                lines.extend(cost.map(|amount| Line::Cost { micros: (amount * 1e6).round() as u64 }));
            }
            _ => lines.push(Line::Works),
        }
        lines
    }

    /// Words that no line has ended yet.
    pub(super) fn rest(&mut self) -> Option<Line> {
        let text = std::mem::take(&mut self.words);
        (!text.trim().is_empty()).then_some(Line::Text { text })
    }

    /// The files that a tool call has written: each once, when it is done.
    fn changes(&mut self, id: &str, status: Option<ToolCallStatus>, content: &[ToolCallContent]) -> Vec<Line> {
        if matches!(status, Some(ToolCallStatus::Failed)) {
            return Vec::new();
        }
        let fresh = |path: &PathBuf| self.changed.insert((id.to_owned(), path.clone()));
        let paths: Vec<PathBuf> = diffs(content).map(|diff| diff.path.clone()).filter(fresh).collect();
        paths.into_iter().map(|path| Line::Changed { path: path.display().to_string() }).collect()
    }
}

fn diffs(content: &[ToolCallContent]) -> impl Iterator<Item = &Diff> {
    content.iter().filter_map(|content| match content {
        ToolCallContent::Diff(diff) => Some(diff),
        _ => None,
    })
}

fn kind(kind: ToolKind) -> &'static str {
    match kind {
        ToolKind::Read => "read",
        ToolKind::Edit => "edit",
        ToolKind::Delete => "delete",
        ToolKind::Move => "move",
        ToolKind::Search => "search",
        ToolKind::Execute => "run",
        ToolKind::Think => "think",
        ToolKind::Fetch => "fetch",
        _ => "tool",
    }
}

/// The answer to a server that asks whether it may: yes, once, where every file that it names is within; else no. Nothing
/// where it offers no such answer.
pub(super) fn permitted(
    call: &ToolCallUpdate,
    options: &[PermissionOption],
    is_within: impl Fn(&Path) -> bool,
) -> (bool, Option<PermissionOptionId>) {
    let locations = call.fields.locations.iter().flatten().map(|location| location.path.as_path());
    let written = diffs(call.fields.content.as_deref().unwrap_or_default()).map(|diff| diff.path.as_path());
    // Looking is allowed everywhere, as to every agent.
    let looks = matches!(call.fields.kind, Some(ToolKind::Read | ToolKind::Search | ToolKind::Fetch | ToolKind::Think));
    let may = written.chain(locations.filter(|_| !looks)).all(is_within);
    let kinds = match may {
        true => [PermissionOptionKind::AllowOnce, PermissionOptionKind::AllowAlways],
        false => [PermissionOptionKind::RejectOnce, PermissionOptionKind::RejectAlways],
    };
    let chosen = kinds.iter().find_map(|kind| options.iter().find(|option| option.kind == *kind));
    (may, chosen.map(|option| option.option_id.clone()))
}

/// The setting by which a server lets its model be chosen, and the value that means this model.
///
/// # Errors
/// Why it cannot be chosen.
pub(super) fn chosen(options: &[SessionConfigOption], model: &str) -> Result<(String, String), String> {
    let of_model = |option: &&SessionConfigOption| option.category == Some(SessionConfigOptionCategory::Model);
    let setting = options.iter().find(of_model).or_else(|| options.iter().find(|option| &*option.id.0 == "model"));
    let values = match setting.map(|setting| &setting.kind) {
        Some(SessionConfigKind::Select(select)) => match &select.options {
            SessionConfigSelectOptions::Ungrouped(values) => values.iter().collect(),
            SessionConfigSelectOptions::Grouped(groups) => groups.iter().flat_map(|group| &group.options).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let Some(setting) = setting.filter(|_| !values.is_empty()) else {
        return Err("its server lets no model be chosen: name it in `command`, and leave `model` out".to_owned());
    };
    let value = values.iter().find(|value| &*value.value.0 == model || value.name.eq_ignore_ascii_case(model));
    value.map(|value| (setting.id.0.to_string(), value.value.0.to_string())).ok_or_else(|| {
        let names: Vec<&str> = values.iter().map(|value| &*value.value.0).take(8).collect();
        format!("its server knows no model `{model}`; it has {}", names.join(", "))
    })
}

/// What the end of a turn means.
pub(super) fn ended(reason: StopReason) -> Result<(), Why> {
    let failed = |why: &str| Err(Why::new(Kind::Failed, why));
    match reason {
        StopReason::EndTurn => Ok(()),
        StopReason::MaxTokens => failed("its answer was cut off: the most tokens of one turn are reached"),
        StopReason::MaxTurnRequests => failed("it reached the most requests of one turn"),
        StopReason::Refusal => failed("its model refused"),
        StopReason::Cancelled => failed("it was cancelled"),
        _ => failed("it ended, and why is not known here"),
    }
}

/// What a turn took.
pub(super) fn tokens(usage: &Usage) -> Line {
    let output = usage.output_tokens.saturating_add(usage.thought_tokens.unwrap_or(0)).min(usage.total_tokens);
    let cached = usage.cached_read_tokens.unwrap_or(0);
    Line::Tokens { input: usage.total_tokens - output, output, cached, whole: true }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_client_protocol::v1::schema::{
        ContentChunk, SessionConfigSelect, SessionConfigSelectOption, TextContent, ToolCall, ToolCallLocation,
        ToolCallUpdateFields,
    };

    fn words(text: &str) -> SessionUpdate {
        SessionUpdate::AgentMessageChunk(ContentChunk::new(ContentBlock::Text(TextContent::new(text))))
    }

    #[test]
    fn words_are_said_a_line_at_a_time_and_the_rest_before_whatever_follows() {
        let mut updates = Updates::default();
        let text = |text: &str| Line::Text { text: text.to_owned() };
        assert_eq!(updates.hear(words("one")), [Line::Works]);
        assert_eq!(updates.hear(words(" line\ntwo")), [text("one line\n"), Line::Works]);
        let call = ToolCall::new("t", "ls").kind(ToolKind::Execute);
        let tool = Line::Tool { name: "run".to_owned(), what: "ls".to_owned() };
        assert_eq!(updates.hear(SessionUpdate::ToolCall(call)), [text("two"), tool]);
        assert_eq!(updates.rest(), None);
    }

    #[test]
    fn a_file_is_said_to_be_written_once() {
        let mut updates = Updates::default();
        let diff = || vec![ToolCallContent::Diff(Diff::new("/tree/a", "new"))];
        let update = || ToolCallUpdate::new("t", ToolCallUpdateFields::new().content(diff()));
        let lines = updates.hear(SessionUpdate::ToolCallUpdate(update()));
        assert_eq!(lines, [Line::Changed { path: "/tree/a".to_owned() }, Line::Works]);
        assert_eq!(updates.hear(SessionUpdate::ToolCallUpdate(update())), [Line::Works]);
    }

    #[test]
    fn what_touches_a_file_outside_is_refused_and_all_else_allowed_once() {
        let options = [
            PermissionOption::new("always", "Always", PermissionOptionKind::AllowAlways),
            PermissionOption::new("once", "Once", PermissionOptionKind::AllowOnce),
            PermissionOption::new("no", "No", PermissionOptionKind::RejectOnce),
        ];
        let within = |path: &Path| path.starts_with("/tree");
        let asked = |kind: ToolKind, path: &str| {
            let fields = ToolCallUpdateFields::new().kind(kind).locations(vec![ToolCallLocation::new(path)]);
            let (may, option) = permitted(&ToolCallUpdate::new("t", fields), &options, within);
            (may, option.unwrap().0.to_string())
        };
        assert_eq!(asked(ToolKind::Edit, "/tree/a"), (true, "once".to_owned()));
        assert_eq!(asked(ToolKind::Edit, "/etc/passwd"), (false, "no".to_owned()));
        assert_eq!(asked(ToolKind::Read, "/etc/passwd"), (true, "once".to_owned()));
        let diff = vec![ToolCallContent::Diff(Diff::new("/home/a", "x"))];
        let sly = ToolCallUpdate::new("t", ToolCallUpdateFields::new().kind(ToolKind::Read).content(diff));
        assert_eq!(permitted(&sly, &options[..2], within), (false, None));
    }

    #[test]
    fn a_model_is_chosen_by_the_setting_that_is_one() {
        let values =
            vec![SessionConfigSelectOption::new("opus-4", "Opus"), SessionConfigSelectOption::new("haiku", "Haiku")];
        let select = SessionConfigKind::Select(SessionConfigSelect::new("haiku", values));
        let options = [SessionConfigOption::new("m", "Model", select).category(SessionConfigOptionCategory::Model)];
        assert_eq!(chosen(&options, "opus"), Ok(("m".to_owned(), "opus-4".to_owned())));
        assert!(chosen(&options, "gpt").unwrap_err().contains("opus-4, haiku"));
        assert!(chosen(&[], "gpt").unwrap_err().contains("leave `model` out"));
    }

    #[test]
    fn tokens_add_up_to_the_total() {
        let line = tokens(&Usage::new(100, 20, 30).thought_tokens(10).cached_read_tokens(40));
        assert_eq!(line, Line::Tokens { input: 60, output: 40, cached: 40, whole: true });
    }
}
