//! A plan of members, as an agent writes it for `chant split`: read with every fault said at once and underlined, and
//! turned into specs that say exactly what the plan says.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Severity, Sink, Source};
use super::glob::check_glob;
use super::id::SpecId;
use super::line::as_proof;
use super::model::{Kind, Spec};
use super::overlap;
use super::parse::parse;
use super::set::Set;
use super::yaml::{self, Node, Value};

/// The most members that a plan may have: more of them nobody reviews.
pub const MOST_MEMBERS: usize = 30;
/// The types that a member may have.
pub const MEMBER_KINDS: [Kind; 4] = [Kind::Code, Kind::Task, Kind::Documentation, Kind::Research];

const MEMBER: [&str; 6] = ["title", "type", "body", "criteria", "depends_on", "target_files"];
const CODE: &str = "chant::split";

/// A plan that can be written as specs.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The members, in the order of the plan.
    pub members: Vec<Planned>,
}

/// One member of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// One line.
    pub title: String,
    /// Its type.
    pub kind: Kind,
    /// Markdown, without criteria.
    pub body: String,
    /// What must hold, each with the command that proves it.
    pub criteria: Vec<(String, Option<String>)>,
    /// Other members, by their place from 0.
    pub depends_on: Vec<usize>,
    /// Globs of what it will change.
    pub target_files: Vec<String>,
    /// Where it stands in the plan.
    span: Range<usize>,
    /// And where its title, its body, and each of its criteria do.
    spans: Spans,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Spans {
    title: Option<Range<usize>>,
    body: Option<Range<usize>>,
    criteria: Vec<Range<usize>>,
}

/// Reads a plan.
///
/// # Errors
/// Everything that is wrong with it.
pub fn plan(name: &str, bytes: &[u8]) -> Result<Plan, Vec<Diagnostic>> {
    let source = Source::new(name, &String::from_utf8_lossy(bytes));
    let mut sink = Sink::new(&source);
    sink.utf8(bytes);
    let members = match yaml::parse(&source.text, 0..source.text.len()) {
        Ok(node) => members(&node, &mut sink),
        Err(fault) => {
            sink.fault(fault);
            Vec::new()
        }
    };
    circles(&members, &mut sink);
    // One that lacks something is said to lack it, and no more.
    for member in members.iter().filter(|member| !(member.title.is_empty() || member.criteria.is_empty())) {
        as_written(member, &mut sink);
    }
    if sink.has_errors() { Err(sink.finish()) } else { Ok(Plan { members }) }
}

fn members(node: &Node, sink: &mut Sink) -> Vec<Planned> {
    let entries = sink.entries(node, "the plan", &["members"], Severity::Error);
    let Some((_, _, list)) = entries.into_iter().next() else {
        sink.error(CODE, "the plan names no members", node.span.clone(), "here", "it is a list under `members:`");
        return Vec::new();
    };
    let Value::List(items) = &list.value else {
        sink.wrong("members", list, "a list of members", "each begins with `- title: …`");
        return Vec::new();
    };
    if items.is_empty() || items.len() > MOST_MEMBERS {
        let message = format!("a plan has between 1 and {MOST_MEMBERS} members, and this one has {}", items.len());
        sink.error(CODE, message, list.span.clone(), "these", "");
    }
    items.iter().map(|item| member(item, items.len(), sink)).collect()
}

fn member(node: &Node, count: usize, sink: &mut Sink) -> Planned {
    let mut found = Planned {
        title: String::new(),
        kind: Kind::Code,
        body: String::new(),
        criteria: Vec::new(),
        depends_on: Vec::new(),
        target_files: Vec::new(),
        span: node.span.clone(),
        spans: Spans::default(),
    };
    if !matches!(node.value, Value::Map(_)) {
        sink.wrong("members", node, "a member with `title` and `criteria`", "");
        return found;
    }
    let mut seen = Vec::new();
    for (_, name, value) in sink.entries(node, "a member", &MEMBER, Severity::Error) {
        match name.as_str() {
            "title" => {
                found.title = sink.text(&name, value).unwrap_or_default();
                found.spans.title = Some(value.span.clone());
            }
            "type" => {
                let kinds = MEMBER_KINDS.map(|kind| (kind.as_str(), kind));
                found.kind = sink.word(&name, value, &kinds).unwrap_or_default();
            }
            "body" => {
                found.body = body(value, sink);
                found.spans.body = Some(value.span.clone());
            }
            "criteria" => (found.criteria, found.spans.criteria) = criteria(value, sink).into_iter().unzip(),
            "depends_on" => found.depends_on = depends_on(value, count, sink),
            _ => {
                for (glob, span) in sink.texts(&name, value) {
                    match check_glob(&glob) {
                        Ok(_) => found.target_files.push(glob),
                        Err(why) => sink.error(CODE, format!("`{name}`: {why}"), span, "this path", ""),
                    }
                }
            }
        }
        if value.value != Value::Null {
            seen.push(name);
        }
    }
    for needed in ["title", "criteria"].iter().filter(|needed| !seen.iter().any(|name| name == *needed)) {
        sink.error(CODE, format!("a member has no `{needed}`"), node.span.clone(), "this member", "write it");
    }
    found
}

fn body(node: &Node, sink: &mut Sink) -> String {
    match &node.value {
        Value::Null => String::new(),
        Value::Text(text) => text.trim().to_owned(),
        _ => {
            sink.wrong("body", node, "markdown", "as in `body: |` with the lines below it, indented");
            String::new()
        }
    }
}

/// A criterion with its proof, and where it stands.
type Placed = ((String, Option<String>), Range<usize>);

fn criteria(node: &Node, sink: &mut Sink) -> Vec<Placed> {
    let Value::List(items) = &node.value else {
        sink.wrong("criteria", node, "a list", "each begins with `- text: …`");
        return Vec::new();
    };
    if items.is_empty() {
        sink.error(CODE, "a member has no criterion", node.span.clone(), "none here", "say what must hold");
    }
    items.iter().filter_map(|item| Some((criterion(item, sink)?, item.span.clone()))).collect()
}

fn criterion(node: &Node, sink: &mut Sink) -> Option<(String, Option<String>)> {
    if let Value::Text(_) = node.value {
        return Some((sink.text("criteria", node)?, None));
    }
    if !matches!(node.value, Value::Map(_)) {
        sink.wrong("criteria", node, "a text, or `text` and `proof`", "as in `- text: …` with `proof: …` below it");
        return None;
    }
    let (mut text, mut proof, mut said) = (None, None, false);
    for (_, name, value) in sink.entries(node, "a criterion", &["text", "proof"], Severity::Error) {
        match name.as_str() {
            "text" => (text, said) = (sink.text(&name, value), value.value != Value::Null),
            _ => proof = sink.text(&name, value),
        }
    }
    // One that is there and cannot be taken has been said to be so.
    if !said {
        sink.error(CODE, "a criterion has no `text`", node.span.clone(), "this one", "say what must hold");
    }
    Some((text?, proof))
}

fn depends_on(node: &Node, count: usize, sink: &mut Sink) -> Vec<usize> {
    let Value::List(items) = &node.value else {
        if node.value != Value::Null {
            sink.wrong("depends_on", node, "a list of numbers", "as in `depends_on: [1, 2]`");
        }
        return Vec::new();
    };
    let mut found = Vec::new();
    for item in items {
        let Some(number) = sink.count("depends_on", item, 1) else { continue };
        match usize::try_from(number).ok().filter(|number| *number <= count) {
            Some(number) if !found.contains(&(number - 1)) => found.push(number - 1),
            Some(_) => {}
            None => {
                let message = format!("there is no member {number}: the plan has {count}");
                sink.error(CODE, message, item.span.clone(), "this number", "members are counted from 1");
            }
        }
    }
    found
}

/// Members that wait for each other.
fn circles(members: &[Planned], sink: &mut Sink) {
    // What can start goes, and what then can; who is left waits in a circle, or for one.
    let mut left: Vec<usize> = (0..members.len()).collect();
    loop {
        let before = left.len();
        let waits = left.clone();
        left.retain(|n| members[*n].depends_on.iter().any(|other| waits.contains(other)));
        if left.len() == before {
            break;
        }
    }
    if let Some(first) = left.first() {
        let names: Vec<String> = left.iter().map(|n| (n + 1).to_string()).collect();
        let message = format!("members {} wait for each other", names.join(", "));
        sink.error(CODE, message, members[*first].span.clone(), "one of them", "none of them could ever start");
    }
}

/// Whether the member's spec, once written, would say what the plan says and nothing more: a body can hold headings, a
/// proof what ends its code span. Each part is looked at by itself, so that each fault is said at its own place.
fn as_written(member: &Planned, sink: &mut Sink) {
    let spans = &member.spans;
    let whole = || member.span.clone();
    let bare = Planned {
        title: "A title".to_owned(),
        body: String::new(),
        criteria: vec![("It holds".to_owned(), None)],
        ..member.clone()
    };
    let title = Planned { title: member.title.clone(), ..bare.clone() };
    let body = Planned { body: member.body.clone(), ..bare.clone() };
    let mut parts =
        vec![(title, spans.title.clone().unwrap_or_else(whole)), (body, spans.body.clone().unwrap_or_else(whole))];
    for (criterion, span) in member.criteria.iter().zip(&spans.criteria) {
        parts.push((Planned { criteria: vec![criterion.clone()], ..bare.clone() }, span.clone()));
    }
    let of = |(part, span): &(Planned, Range<usize>)| -> Vec<(String, Range<usize>)> {
        misread(part).into_iter().map(|fault| (fault, span.clone())).collect()
    };
    let mut faults: Vec<(String, Range<usize>)> = parts.iter().flat_map(of).collect();
    if faults.is_empty() {
        faults = of(&(member.clone(), whole()));
    }
    let help = "a title and a criterion are plain lines, a proof is one line of shell, and headings of a spec's \
                own (`#`, `## Acceptance Criteria`, `## Steps`) have no place in a body";
    for (fault, at) in faults {
        sink.error(CODE, format!("a member cannot be written as a spec: {fault}"), at, "here", help);
    }
}

/// What a member's spec would say otherwise than the plan does.
fn misread(member: &Planned) -> Vec<String> {
    let Ok(id) = "001-a.1".parse::<SpecId>() else { return Vec::new() };
    let parsed = parse(&id, "member", spec_text(member, &[]).as_bytes());
    let Some(spec) = parsed.spec else {
        let why = parsed.diagnostics.into_iter().filter(Diagnostic::is_error).map(|said| said.message);
        let why: Vec<String> = why.collect();
        return if why.is_empty() { vec!["it cannot be read".to_owned()] } else { why };
    };
    let faults = [
        (spec.title != member.title, "its title would read otherwise"),
        (!spec.steps.is_empty(), "its body holds steps, which would be run"),
        (
            written(&spec) != member.criteria,
            "its criteria would read otherwise: one holds backticks or markup, or the body has criteria too",
        ),
    ];
    faults.into_iter().filter(|(wrong, _)| *wrong).map(|(_, fault)| fault.to_owned()).collect()
}

fn written(spec: &Spec) -> Vec<(String, Option<String>)> {
    spec.criteria.iter().map(|criterion| (criterion.text.clone(), criterion.command.clone())).collect()
}

/// The text of a member's spec; `ids` are those of the members of the plan, in its order.
pub fn spec_text(member: &Planned, ids: &[SpecId]) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut front = Vec::new();
    if member.kind != Kind::Code {
        front.push(format!("type: {}\n", member.kind));
    }
    let needs: Vec<String> = member.depends_on.iter().filter_map(|n| ids.get(*n)).map(ToString::to_string).collect();
    if !needs.is_empty() {
        front.push(format!("depends_on: [{}]\n", needs.join(", ")));
    }
    if !member.target_files.is_empty() {
        let files: Vec<String> = member.target_files.iter().map(|file| format!("  - {}\n", quoted(file))).collect();
        front.push(format!("target_files:\n{}", files.concat()));
    }
    let mut text = String::new();
    if !front.is_empty() {
        text.push_str(&format!("---\n{}---\n\n", front.concat()));
    }
    text.push_str(&format!("# {}\n\n", member.title));
    if !member.body.is_empty() {
        text.push_str(&format!("{}\n\n", member.body));
    }
    text.push_str("## Acceptance Criteria\n\n");
    for (criterion, proof) in &member.criteria {
        text.push_str(&format!("- [ ] {criterion}\n"));
        if let Some(proof) = proof {
            text.push_str(&format!("      {}\n", as_proof(proof)));
        }
    }
    text
}

/// Members of a plan that would run side by side and may change the same files, in words.
pub fn overlaps(spec: &Spec, plan: &Plan, ids: &[SpecId]) -> Vec<String> {
    let texts = plan.members.iter().zip(ids).map(|(member, id)| (id, spec_text(member, ids)));
    let whole = std::iter::once((&spec.id, as_driver(spec))).chain(texts);
    let specs: Vec<_> = whole.filter_map(|(id, text)| parse(id, id.as_str(), text.as_bytes()).spec).collect();
    overlap::side_by_side(&Set::new(specs)).iter().map(overlap::Beside::words).collect()
}

/// The text of the spec that was split, as a driver: its type and nothing else is another.
pub fn as_driver(spec: &Spec) -> String {
    let text = spec.render();
    if spec.is_driver() {
        return text.to_owned();
    }
    let head = &text[..spec.body.start];
    let rest = &text[spec.body.start..];
    let bom = if text.starts_with('\u{feff}') { "\u{feff}" } else { "" };
    if head.trim_start_matches('\u{feff}').trim().is_empty() {
        return format!("{bom}---\ntype: driver\n---\n\n{}", text.trim_start_matches('\u{feff}'));
    }
    let of_type = |line: &&str| line.strip_prefix("type").is_some_and(|rest| rest.trim_start().starts_with(':'));
    let mut lines: Vec<&str> = head.split_inclusive('\n').collect();
    match lines.iter().position(of_type) {
        Some(at) => lines[at] = "type: driver\n",
        None => lines.insert(1.min(lines.len()), "type: driver\n"),
    }
    format!("{}{rest}", lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = r#"
members:
  - title: The parser reads dates
    body: |
      Dates are `2026-01-02`.

      ## Notes

      None.
    criteria:
      - text: Dates are read
        proof: sh tests/dates.sh "2026-01-02"
      - It reads well
    target_files: [src/dates.rs, "tests/**"]
  - title: "The printer: writes dates"
    type: documentation
    criteria: [{ text: Dates are written }]
    depends_on: [1]
"#;

    fn faults(text: &str) -> Vec<String> {
        let said = plan("plan.yaml", text.as_bytes()).unwrap_err();
        said.iter().for_each(|one| assert!(one.line().is_some(), "{one:?} is underlined"));
        said.into_iter().map(|one| one.message).collect()
    }

    #[test]
    fn a_plan_becomes_specs_that_say_the_same() {
        let plan = plan("plan.yaml", GOOD.as_bytes()).unwrap();
        let ids: Vec<SpecId> = ["001-a.1", "001-a.2"].iter().map(|id| id.parse().unwrap()).collect();
        let specs: Vec<Spec> = plan
            .members
            .iter()
            .zip(&ids)
            .map(|(member, id)| parse(id, "x", spec_text(member, &ids).as_bytes()).spec.unwrap())
            .collect();
        assert_eq!(specs[0].title, "The parser reads dates");
        assert_eq!(specs[0].criteria[0].command.as_deref(), Some("sh tests/dates.sh \"2026-01-02\""));
        assert_eq!((specs[0].criteria.len(), specs[0].criteria[1].command.as_deref()), (2, None));
        assert_eq!(specs[0].target_files, ["src/dates.rs", "tests/**"]);
        assert!(specs[0].markdown().contains("## Notes"));
        assert_eq!((specs[1].kind, specs[1].depends_on[0].text.as_str()), (Kind::Documentation, "001-a.1"));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        assert_eq!(faults(""), ["the plan names no members"]);
        assert_eq!(faults("members: []\n").len(), 1);
        assert_eq!(faults("members: [{title: A}]\n"), ["a member has no `criteria`"]);
        let text = "members:\n  - title: A\n    criteria: []\n    depends_on: [7]\n    owner: me\n  - criteria: [x]\n    type: driver\n";
        let said = faults(text).join("\n");
        for part in ["no criterion", "no member 7", "knows no key `owner`", "no `title`", "does not take `driver`"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(
            faults("members: [{title: A, criteria: [x], target_files: [../x]}]\n")[0].contains("out of the project")
        );
        let circle =
            "members: [{title: A, criteria: [x], depends_on: [2]}, {title: B, criteria: [x], depends_on: [1]}]\n";
        assert_eq!(faults(circle), ["members 1, 2 wait for each other"]);
        assert!(faults("members: [")[0].len() > 3);
    }

    #[test]
    fn what_is_there_and_cannot_be_taken_is_not_called_missing() {
        for criterion in ["{text: [a]}", "{text: \"a\\nb\"}", "{text: ''}", "[a]"] {
            let said = faults(&format!("members: [{{title: A, criteria: [{criterion}]}}]\n"));
            assert!(said.len() == 1 && !said[0].contains("has no"), "{criterion}: {said:?}");
        }
        assert_eq!(faults("members: [{title: A, criteria: [{proof: 'true'}]}]\n"), ["a criterion has no `text`"]);
        assert_eq!(faults("members: [{title: ~, criteria: [{text: ~}]}]\n").len(), 2, "nothing is nothing");
        let said = faults("members: [{title: [A], criteria: x}]\n");
        assert!(said.len() == 2 && said.iter().all(|one| !one.contains("has no")), "{said:?}");
    }

    #[test]
    fn members_of_a_plan_that_may_change_the_same_files_side_by_side_are_named() {
        let text = "members:\n- {title: A, criteria: [x], target_files: [src]}\n- {title: B, criteria: [x], target_files: [src/b]}\n\
                    - {title: C, criteria: [x], target_files: [src/b], depends_on: [2]}\n";
        let plan = plan("p", text.as_bytes()).unwrap();
        let ids: Vec<SpecId> = (1..4).map(|n| format!("001-a.{n}").parse().unwrap()).collect();
        let spec = parse(&"001-a".parse().unwrap(), "x", b"# A\n").spec.unwrap();
        let said = overlaps(&spec, &plan, &ids);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("001-a.1 and 001-a.2") && said[1].starts_with("001-a.1 and 001-a.3"), "{said:?}");
    }

    #[test]
    fn what_cannot_be_written_is_said_beside_all_else_each_at_its_own_place() {
        let text = "members:\n- title: A\n  body: |\n    ## Steps\n\n    ```sh\n    x\n    ```\n  criteria:\n  - {text: x, proof: \"echo \\x01\"}\n  - fine\n  \
                    - {text: y, proof: \"echo \\x02\"}\n  depends_on: [2]\n- title: B\n  criteria: [x]\n  depends_on: [1]\n- {title: C, criteria: [x], depends_on: [9], owner: me}\n";
        let said = plan("plan.yaml", text.as_bytes()).unwrap_err();
        let mut places: Vec<(usize, &str)> =
            said.iter().map(|one| (one.line().unwrap(), one.message.as_str())).collect();
        places.sort();
        let lines: Vec<usize> = places.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 10, 12, 17, 17], "{places:#?}");
        let many = format!("members:\n{}", "- {title: A, criteria: [x], owner: me}\n".repeat(MOST_MEMBERS + 1));
        assert_eq!(faults(&many).len(), MOST_MEMBERS + 2);
    }

    #[test]
    fn nothing_slips_into_a_spec_that_the_plan_does_not_say() {
        for body in ["## Steps\n\n```sh\nrm -rf .\n```", "## Acceptance Criteria\n\n- [x] Mine", "# Another title"] {
            let indented = body.replace('\n', "\n      ");
            let text = format!("members:\n  - title: A\n    body: |\n      {indented}\n    criteria: [x]\n");
            assert!(faults(&text)[0].contains("cannot be written as a spec"), "{body}");
        }
    }

    #[test]
    fn a_proof_with_backticks_is_written_between_more_of_them() {
        let text = "members: [{title: A, criteria: [{text: x, proof: \"grep -q '`' f; echo `date`\"}]}]\n";
        let (plan, id) = (plan("plan.yaml", text.as_bytes()).unwrap(), "001-a.1".parse::<SpecId>().unwrap());
        let spec = parse(&id, "x", spec_text(&plan.members[0], &[]).as_bytes()).spec.unwrap();
        assert_eq!(spec.criteria[0].command.as_deref(), Some("grep -q '`' f; echo `date`"));
    }

    #[test]
    fn a_spec_becomes_a_driver_in_its_type_alone() {
        let id: SpecId = "001-a".parse().unwrap();
        for (text, driver) in [
            ("# A\n", "---\ntype: driver\n---\n\n# A\n"),
            ("---\ntype: code\nlabels: [x]\n---\n# A\n", "---\ntype: driver\nlabels: [x]\n---\n# A\n"),
            ("---\nlabels: [x]\n---\n# A\n", "---\ntype: driver\nlabels: [x]\n---\n# A\n"),
            ("---\ntype: driver\n---\n# A\n", "---\ntype: driver\n---\n# A\n"),
        ] {
            let spec = parse(&id, "x", text.as_bytes()).spec.unwrap();
            assert_eq!(as_driver(&spec), driver);
            assert!(parse(&id, "x", driver.as_bytes()).spec.unwrap().is_driver());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            plan("p", &bytes).ok();
        }

        #[test]
        fn what_is_accepted_reads_back_as_it_was_meant(
            title in "[ -~]{1,20}", body in "[ -~\n]{0,40}", text in "[ -~]{1,20}", proof in "[ -~]{1,20}",
        ) {
            let json = serde_json::json!({ "members": [
                { "title": title, "body": body, "criteria": [{ "text": text, "proof": proof }] },
            ] });
            if let Ok(plan) = plan("p", json.to_string().as_bytes()) {
                let id: SpecId = "001-a.1".parse().unwrap();
                let spec = parse(&id, "x", spec_text(&plan.members[0], &[]).as_bytes()).spec.unwrap();
                prop_assert_eq!(spec.title.as_str(), title.trim());
                prop_assert_eq!(spec.criteria.len(), 1);
                prop_assert_eq!(spec.criteria[0].command.as_deref(), Some(proof.trim()));
                prop_assert!(spec.steps.is_empty());
            }
        }
    }
}
