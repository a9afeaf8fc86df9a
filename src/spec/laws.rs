//! What holds for any file whatever.

use proptest::prelude::*;

use super::Spec;
use super::tests::read;

/// Bytes that look like specs more often than chance would have it.
fn likely() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("---\n"),
        Just("# T\n"),
        Just("## Acceptance Criteria\n"),
        Just("## Steps\n"),
        Just("- [ ] a\n"),
        Just("  - [x] b\n"),
        Just("1. [ ] é\r\n"),
        Just("  `$ true`\n"),
        Just("`$ x"),
        Just("```sh\n"),
        Just("```\n"),
        Just("type: task\n"),
        Just("depends_on: [001, 2.1]\n"),
        Just("x: &a y\n"),
        Just("labels:\n  - é\n"),
        Just("<!--"),
        Just("-->\n"),
        Just("\n"),
        Just("\u{feff}"),
        Just("  "),
        Just("\t"),
        Just("kpi: {impact: 1}\n"),
        Just("agent: \"x\n"),
        Just("[ ]"),
        Just("words\n"),
    ];
    proptest::collection::vec(piece, 0..25).prop_map(|pieces| pieces.concat())
}

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let parsed = read(bytes);
    let errors = parsed.diagnostics.iter().filter(|d| d.is_error()).count();
    prop_assert_eq!(parsed.spec.is_none(), errors > 0, "a spec, or an error that says why not");
    for diagnostic in &parsed.diagnostics {
        prop_assert!(!diagnostic.message.contains(char::is_control));
        for (span, _) in &diagnostic.labels {
            prop_assert!(diagnostic.origin().text.get(span.clone()).is_some(), "{:?}", diagnostic);
        }
        let report = format!("{:?}", miette::Report::new(diagnostic.clone()));
        prop_assert!(!report.is_empty());
    }
    let Some(spec) = parsed.spec else { return Ok(()) };
    prop_assert_eq!(spec.render().as_bytes(), bytes, "an untouched spec is the same bytes");
    for criterion in &spec.criteria {
        let text = spec.render();
        prop_assert!(text.get(criterion.span.clone()).is_some_and(|line| line.contains('[') && !line.contains('\n')));
        prop_assert_eq!(spec.source.line(criterion.span.start), criterion.line);
    }
    ticks(&spec)
}

fn ticks(spec: &Spec) -> Result<(), TestCaseError> {
    let lines: Vec<usize> = spec.criteria.iter().map(|c| c.line).step_by(2).collect();
    let ticked = spec.tick(&lines);
    prop_assert_eq!(ticked.len(), spec.render().len());
    let changed = spec.render().bytes().zip(ticked.bytes()).filter(|(old, new)| old != new).collect::<Vec<_>>();
    let open = spec.criteria.iter().filter(|c| !c.ticked && lines.contains(&c.line)).count();
    prop_assert_eq!(changed, vec![(b' ', b'x'); open], "only boxes change");
    let again = read(ticked.as_bytes()).spec.ok_or_else(|| TestCaseError::fail("a ticked spec is a spec"))?;
    for (old, new) in spec.criteria.iter().zip(&again.criteria) {
        prop_assert_eq!((&old.text, &old.command, old.line), (&new.text, &new.command, new.line));
        prop_assert_eq!(new.ticked, old.ticked || lines.contains(&old.line));
    }
    prop_assert_eq!(spec.tick(&[]), spec.render());
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_give_a_spec_or_an_error_in_its_place(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes)?;
    }

    #[test]
    fn any_likely_text_gives_a_spec_or_an_error_in_its_place(text in likely()) {
        check(text.as_bytes())?;
    }

    #[test]
    fn what_is_likely_with_a_title_and_criteria_is_often_a_spec(text in likely()) {
        check(format!("# T\n## Acceptance Criteria\n{}", text.replace("# T\n", "")).as_bytes())?;
    }
}
