//! What a whole file means, and what is said of one that means nothing.

use std::time::Duration;

use super::*;

pub(super) fn read(bytes: &[u8]) -> Parsed {
    parse(&"001-x".parse().unwrap(), ".chant/specs/001-x.md", bytes)
}

/// The spec, of which nothing may be said.
#[track_caller]
fn clean(text: &str) -> Spec {
    let parsed = read(text.as_bytes());
    assert_eq!(parsed.diagnostics, [], "{text}");
    parsed.spec.unwrap()
}

/// Severity, message with help, and underlined texts of all that is said.
fn said(bytes: &[u8]) -> Vec<(Severity, String, Vec<String>)> {
    let plain = |d: &Diagnostic| {
        let underlined = d.labels.iter().map(|(span, _)| d.origin().text[span.clone()].to_owned());
        (d.severity, format!("{d} ({})", d.help.clone().unwrap_or_default()), underlined.collect())
    };
    read(bytes).diagnostics.iter().map(plain).collect()
}

#[track_caller]
fn only(text: &str, severity: Severity, part: &str, underlined: &[&str]) {
    let said = said(text.as_bytes());
    let [(found, message, texts)] = &said[..] else { panic!("not one: {said:?}") };
    assert!(*found == severity && message.contains(part) && texts == underlined, "{said:?}");
    assert_eq!(read(text.as_bytes()).spec.is_some(), severity == Severity::Warning);
}

/// A spec with this frontmatter and nothing else to be said of it.
fn with(front: &str) -> String {
    format!("---\n{front}\n---\n# T\n\n## Acceptance Criteria\n\n- [ ] c\n")
}

/// A spec with this under its criteria.
fn criteria(text: &str) -> String {
    format!("# T\n\n## Acceptance Criteria\n\n{text}\n")
}

const DESIGN: &str = "---
type: research
depends_on: [001, '002.1', 2.10]
labels: churn
target_files:
  - research-findings.md
context: [.chant/context/kpi/*.md]
agent: analyst
approval: required
retries: 2
timeout: 1h30m
budget: {usd: 2.50}
kpi: {metric: churn, unit: pp, baseline: 12, target: 8.5}
formerly: 000-old
---

# Research churn drivers

Words.

## Acceptance Criteria

- [ ] The findings rank three drivers by impact
      `$ test \"$(grep -c '^### [1-3]\\.' research-findings.md)\" -eq 3`
- [x] Each has a figure
  from the data

## Steps

```sh
echo one
echo two
```
";

#[test]
fn a_spec_as_the_contract_has_it_is_read_whole() {
    let spec = clean(DESIGN);
    assert_eq!((spec.title.as_str(), spec.kind), ("Research churn drivers", Kind::Research));
    let depends_on: Vec<&str> = spec.depends_on.iter().map(|r| r.text.as_str()).collect();
    assert_eq!(depends_on, ["001", "002.1", "2.10"], "numbers keep their digits");
    assert_eq!(spec.depends_on.iter().map(|r| &DESIGN[r.span.clone()]).collect::<Vec<_>>(), ["001", "'002.1'", "2.10"]);
    assert_eq!((spec.labels[0].as_str(), spec.target_files[0].as_str()), ("churn", "research-findings.md"));
    assert_eq!((spec.agent.as_deref(), spec.approval, spec.review), (Some("analyst"), true, false));
    assert_eq!((spec.retries, spec.timeout), (Some(2), Some(Duration::from_secs(5400))));
    assert_eq!(spec.budget.unwrap().attempt, Cap { usd: Some(2_500_000), tokens: None });
    let kpi = spec.kpi.unwrap();
    assert_eq!(
        (kpi.metric.as_deref(), kpi.baseline, kpi.target, kpi.impact),
        (Some("churn"), Some(12.0), Some(8.5), None)
    );
    assert_eq!(spec.formerly[0].as_str(), "000-old");
    assert_eq!(
        spec.criteria[0].command.as_deref(),
        Some(r#"test "$(grep -c '^### [1-3]\.' research-findings.md)" -eq 3"#)
    );
    assert_eq!((spec.criteria[1].text.as_str(), spec.criteria[1].ticked), ("Each has a figure from the data", true));
    assert_eq!(spec.criteria.iter().map(|c| c.line).collect::<Vec<_>>(), [23, 25]);
    assert_eq!(spec.steps, [Step { script: "echo one\necho two\n".into(), line: 30 }]);
}

#[test]
fn a_spec_may_have_no_frontmatter_a_byte_order_mark_and_windows_line_ends() {
    let plain = clean(&criteria("- [ ] c\n  `$ true`"));
    assert_eq!((plain.kind, plain.title.as_str()), (Kind::Code, "T"));
    let text = format!("\u{feff}{}", DESIGN.replace('\n', "\r\n"));
    let (windows, unix) = (clean(&text), clean(DESIGN));
    assert_eq!(windows.render(), text);
    assert_eq!((&windows.title, &windows.steps, windows.timeout), (&unix.title, &unix.steps, unix.timeout));
    let commands =
        |spec: &Spec| spec.criteria.iter().map(|c| (c.text.clone(), c.command.clone(), c.line)).collect::<Vec<_>>();
    assert_eq!(commands(&windows), commands(&unix));
    assert_eq!(clean(&format!("---\n# nothing\n\n---\n{}", criteria("- [ ] c"))).title, "T");
}

#[test]
fn frontmatter_that_never_ends_is_an_error_where_it_opens() {
    only(&format!("---\ntype: code\n{}", criteria("- [ ] c")), Severity::Error, "never ends", &["---"]);
}

#[test]
fn a_spec_has_exactly_one_title() {
    only("Words\n\n## Acceptance Criteria\n- [ ] c\n", Severity::Error, "has no title", &["Words"]);
    only("# One\n# Two\n## Acceptance Criteria\n- [ ] c\n", Severity::Error, "2 titles", &["One", "Two"]);
    only("#\n## Acceptance Criteria\n- [ ] c\n", Severity::Error, "title is empty", &[""]);
    assert!(!read(b"").diagnostics.is_empty() && read(b"").spec.is_none());
}

#[test]
fn a_spec_without_criteria_is_a_warning_unless_it_is_a_driver() {
    only("# T\n", Severity::Warning, "no criteria", &["T"]);
    clean("---\ntype: group\n---\n# T\n");
    clean("---\nmembers: [002]\n---\n# T\n");
}

#[test]
fn bytes_that_are_no_utf_8_are_an_error_with_their_place() {
    let mut bytes = criteria("- [ ] c").into_bytes();
    bytes.splice(2..2, *b"caf\xe9 ");
    let said = said(&bytes);
    let [(Severity::Error, message, _)] = &said[..] else { panic!("{said:?}") };
    assert!(message.contains("byte 5, on line 1, is 0xe9"), "{message}");
    assert!(read(b"\xff\xfe#\0 \0T\0").spec.is_none());
}

#[test]
fn keys_that_mean_nothing_are_said_with_the_nearest_known_one() {
    only(&with("depend_on: 001"), Severity::Warning, "did you mean `depends_on`?", &["depend_on"]);
    only(&with("colour: red"), Severity::Warning, "known here: type, ", &["colour"]);
    only(&with("status: done"), Severity::Warning, "not read", &["status"]);
    only(&with("kpi: {impct: 3}"), Severity::Warning, "did you mean `impact`?", &["impct"]);
}

#[test]
fn the_same_key_twice_is_an_error_that_underlines_both() {
    only(&with("agent: a\nlabels: x\nagent: b"), Severity::Error, "`agent` is there twice", &["agent", "agent"]);
}

#[test]
fn a_value_of_the_wrong_type_is_underlined() {
    let cases = [
        ("type: driverr", "did you mean `driver`?", "driverr"),
        ("labels: {a: b}", "a list of texts", "{a: b}"),
        ("depends_on: [001, [002]]", "`depends_on` wants a text", "[002]"),
        ("depends_on:\n  - 001\n  -\n", "`depends_on` wants a text", ""),
        ("retries: lots", "a whole number from 0 on", "lots"),
        ("retries: -1", "a whole number from 0 on", "-1"),
        ("retries: 1.5", "a whole number from 0 on", "1.5"),
        ("timeout: soon", "as in `90s`", "soon"),
        ("timeout: 0", "a length of time", "0"),
        ("approval: maybe", "it takes `required`", "maybe"),
        ("review: true", "`review` wants one word", "true"),
        ("agent: [a]", "`agent` wants a text", "[a]"),
        ("agent: ''", "on one line", "''"),
        ("agent: \"a\\nb\"", "on one line", "\"a\\nb\""),
        ("kpi: {impact: 3.5pp}", "`impact` wants a number", "3.5pp"),
        ("kpi: {target: .inf}", "`target` wants a number", ".inf"),
        ("kpi: 3", "`key: value` pairs", "3"),
        ("formerly: a..b", "two dots in a row", "a..b"),
        ("target_files: [src, ../x]", "out of the project", "../x"),
        ("context: /etc", "is absolute", "/etc"),
        ("- a\n- b", "`key: value` pairs", "- a\n- b"),
    ];
    for (front, part, underlined) in cases {
        only(&with(front), Severity::Error, part, &[underlined]);
    }
}

#[test]
fn yaml_that_is_none_is_an_error_on_its_line() {
    let parsed = read(with("type: code\nlabels: [a, b\nagent: x").as_bytes());
    let [error] = &parsed.diagnostics[..] else { panic!("{:?}", parsed.diagnostics) };
    assert!(
        error.message.contains("not YAML") && error.line().is_some_and(|line| (3..=5).contains(&line)),
        "{error:?}"
    );
    only(&with("labels: &a [x]\ntracks: *a"), Severity::Error, "anchors and aliases", &["&a"]);
    let large = with(&format!("labels: [{}]", "a, ".repeat(40_000)));
    assert!(said(large.as_bytes())[0].1.contains("larger than 64 KiB"));
}

#[test]
fn everything_that_is_wrong_is_said_at_once_in_the_order_of_the_text() {
    let text = "---\ntype: cod\nretries: x\nlabel: y\n---\n# A\n# B\n## Acceptance Criteria\n- [ ] c\n  `$ never\n";
    let said = said(text.as_bytes());
    let underlined: Vec<&str> = said.iter().map(|(_, _, texts)| texts[0].as_str()).collect();
    assert_eq!(underlined, ["cod", "x", "label", "A", "`$ never"]);
    let report = format!("{:?}", miette::Report::new(read(text.as_bytes()).diagnostics.remove(1)));
    assert!(report.contains(".chant/specs/001-x.md:3:10") && report.contains("retries: x"), "{report}");
}

#[test]
fn code_and_comments_hold_no_titles_headings_or_criteria() {
    let text = "# T\n\n```md\n# No\n## Steps\n```\n\n~~~~\n```\n# No\n~~~~\n\n    # No\n\n<!-- # No\n# No\n-->\n\n## Acceptance Criteria\n\n\
                - [ ] one\n\n  ```\n  - [ ] no\n  ```\n- [ ] two\n\n```\n- [ ] no\n```\n\n      - [ ] no\n";
    let spec = clean(text);
    assert_eq!(spec.criteria.iter().map(|c| c.text.as_str()).collect::<Vec<_>>(), ["one", "two"]);
}

#[test]
fn a_fence_in_a_list_item_ends_with_the_item() {
    let text = criteria("- [ ] one\n  ```\n  code\n- [ ] two");
    only(&text, Severity::Warning, "code never ends", &["```"]);
    assert_eq!(read(text.as_bytes()).spec.unwrap().criteria.len(), 2, "nothing is swallowed");
}

#[test]
fn criteria_come_in_every_style_of_list_and_nest() {
    let spec = clean(&criteria(
        "- [ ] a\n* [x] b\n+ [X] c\n1. [ ] d\n2) [ ] e\n   - [ ] f\n     `$ true`\n\n   `$ false`\n- plain\n- [a](b)",
    ));
    let all: Vec<_> = spec.criteria.iter().map(|c| (c.text.as_str(), c.ticked, c.command.as_deref())).collect();
    let open = |text| (text, false, None);
    let e = ("e", false, Some("false"));
    assert_eq!(all, [open("a"), ("b", true, None), ("c", true, None), open("d"), e, ("f", false, Some("true"))]);
}

#[test]
fn only_the_section_of_criteria_has_criteria() {
    let spec = clean("# T\n- [ ] no\n## acceptance  CRITERIA:\n### Group\n- [ ] yes\n## Notes\n- [ ] no\n");
    assert_eq!(spec.criteria.iter().map(|c| c.text.as_str()).collect::<Vec<_>>(), ["yes"]);
    only(
        "# T\n## Acceptance Criteria\n- [ ] c\n### Acceptance Criteria\n",
        Severity::Warning,
        "level two",
        &["Acceptance Criteria"],
    );
}

#[test]
fn a_proof_stands_under_its_criterion_in_single_or_double_backticks() {
    let commands = |text: &str| clean(&criteria(text)).criteria.into_iter().map(|c| c.command).collect::<Vec<_>>();
    assert_eq!(commands("- [ ] a\n          `$ test -f x`"), [Some("test -f x".into())]);
    assert_eq!(commands("- [ ] a\n  more words\n\n  `` $ echo `x` ``\n- [ ] b"), [Some("echo `x`".into()), None]);
    assert_eq!(commands("- [ ] a\n  `x` is `$HOME`"), [None]);
    assert_eq!(clean(&criteria("- [ ] a\n  `$ true`\n  and on")).criteria[0].text, "a and on");
}

#[test]
fn a_proof_that_would_be_lost_is_never_lost_silently() {
    let error = |text: &str, part: &str, underlined: &[&str]| only(&criteria(text), Severity::Error, part, underlined);
    error("- [ ] a\n  `$ test -f x", "never closes", &["`$ test -f x"]);
    error("- [ ] a\n  `$ test \\\n   -f x`", "never closes", &["`$ test \\"]);
    error("- [ ] a\n  `$ x` it is", "its line to itself", &["`$ x` it is"]);
    error("- [ ] a\n  `$test -f x`", "`$` and a space", &["`$test -f x`"]);
    error("- [ ] a\n  `$ x`\n  `$ y`", "two proofs", &["`$ x`", "`$ y`"]);
    let warning =
        |text: &str, part: &str, underlined: &[&str]| only(&criteria(text), Severity::Warning, part, underlined);
    warning("- [ ] a `$ test -f x`", "own line is not run", &["- [ ] a `$ test -f x`"]);
    warning("- [ ] a\n\n`$ x`", "belongs to no criterion", &["`$ x`"]);
    warning("- [ ] a\n- [] b", "no task item", &["- [] b"]);
    warning("- [ ]", "says nothing", &["- [ ]"]);
    warning("- [ ] a\n- [x] \n  `$ true`", "says nothing", &["- [x]"]);
    let empty = read(criteria("- [ ]").as_bytes()).diagnostics;
    assert!(empty[0].help.as_ref().is_some_and(|help| help.contains("or delete the line")), "{empty:?}");
    assert_eq!(clean(&criteria("- [ ]\n  a\n  b")).criteria[0].text, "a b", "its words may begin on the next line");
}

#[test]
fn steps_are_the_shell_blocks_under_their_heading() {
    let text = "# T\n## Acceptance Criteria\n- [ ] c\n## Steps\n1. First\n\n   ```bash title\n   one\n     two\n\n   ```\n```python\nno\n```\n\
                ~~~Shell\nthree\n~~~\n## Notes\n```sh\nno\n```\n";
    let spec = clean(text);
    assert_eq!(
        spec.steps,
        [Step { script: "one\n  two\n\n".into(), line: 7 }, Step { script: "three\n".into(), line: 15 }]
    );
    let head = "# T\n## Acceptance Criteria\n- [ ] c\n## Steps\n";
    only(&format!("{head}```sh\nx\n"), Severity::Error, "step never ends", &["```sh"]);
    only(&format!("{head}```\nx\n```\n"), Severity::Warning, "without a language", &["```"]);
}

#[test]
fn what_a_terminal_would_obey_is_neither_in_titles_nor_in_diagnostics() {
    let spec = clean("# T\u{1b}[31m \u{7}x\n## Acceptance Criteria\n- [ ] a\u{9b}b\n");
    assert_eq!((spec.title.as_str(), spec.criteria[0].text.as_str()), ("T [31m x", "a b"));
    let parsed = read(with("\"a\\eb\": \"x\u{85}\"\ntype: \"\\e[31m\"").as_bytes());
    for diagnostic in parsed.diagnostics {
        let report = format!("{diagnostic} {:?}", diagnostic.help);
        assert!(!report.contains(char::is_control), "{report:?}");
    }
}

#[test]
fn ten_honest_megabytes_and_one_hostile_one_are_read_to_the_end() {
    let body = "Some words, and more of them.\n- a `code span` and $ and [ ] and # and ``` inside\n\n    - [ ] code\n"
        .repeat(100_000);
    for text in [
        format!("{DESIGN}{body}"),
        format!("# T\n## Acceptance Criteria\n{}", "- [ ] c\n  `$ true`\n".repeat(50_000)),
        format!("# T\n## Acceptance Criteria\n- [ ] c\n  {}", "`$ x ``".repeat(150_000)),
        "#\n".repeat(500_000),
        "- ".repeat(500_000),
        "\n- [] \n".repeat(140_000),
        format!("---\n{}", "a: [\n".repeat(200_000)),
        format!("---\nlabels: [{}]\n---\n# T\n", "a, ".repeat(330_000)),
        (0..2000).map(|depth| format!("{}- x\n", " ".repeat(2 * depth))).collect(),
    ] {
        // A quadratic reader would take hours over it.
        read(text.as_bytes());
    }
}
