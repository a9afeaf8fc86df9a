use proptest::prelude::*;

use super::super::trailers::{parse, tests::as_git_finds, tests::as_lines};
use super::*;

fn oid(byte: u8) -> Oid {
    Oid::from_bytes(&[byte; 20]).unwrap()
}

fn said(block: &Block) -> String {
    write("a title", "", block)
}

fn problems(message: &str) -> Vec<String> {
    match read(message.as_bytes()) {
        Reading::Malformed { problems, .. } => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_whole_block_is_written_in_the_order_of_the_format() {
    let block = Block {
        spec: Some("kpi/002-x.1".parse().unwrap()),
        status: Some(Transition::Completed),
        attempt: Some(2),
        criteria: Some(Tally { verified: 5, claimed: 1, unmet: 0 }),
        landings: vec![Landing { spec: "001-y".parse().unwrap(), attempt: 3, commit: oid(0xab) }],
        assisted_by: vec!["claude:opus".into()],
        ..Block::default()
    };
    let expected = format!(
        "Done\n\nSome words.\n\nChant-Spec: kpi/002-x.1\nChant-Status: completed\nChant-Attempt: 2\n\
         Chant-Criteria: 5 verified, 1 claimed\nChant-Landing: 001-y 3 {}\nAssisted-by: claude:opus\n",
        "ab".repeat(20)
    );
    assert_eq!(write("Done", "Some words.\n", &block), expected);
    assert_eq!(read(expected.as_bytes()), Reading::Block(block));
}

#[test]
fn keys_are_read_in_any_case_and_values_only_as_they_are_written() {
    let read_status = |message: &str| match read(message.as_bytes()) {
        Reading::Block(block) => block.status,
        other => panic!("{other:?}"),
    };
    assert_eq!(read_status("t\n\nchAnt-STATUS: failed\n"), Some(Transition::Failed));
    assert_eq!(problems("t\n\nChant-Status: FAILED\n"), ["`Chant-Status: FAILED` cannot be read"]);
}

#[test]
fn what_cannot_be_read_is_a_problem_and_never_a_value() {
    for line in [
        "Chant-Attempt: 0",
        "Chant-Attempt: +1",
        "Chant-Attempt: 4294967295",
        "Chant-Attempt: one",
        "Chant-Spec: a b",
        "Chant-Spec: a/b/c",
        "Chant-Run:",
        "Chant-Criteria: 5 proven",
        "Chant-Criteria: verified",
        "Chant-Approval: maybe",
        "Chant-Landing: 001-x 1",
        "Chant-Landing: 001-x 1 abc",
        "Chant-Disowned: abc",
    ] {
        assert_eq!(problems(&format!("t\n\n{line}\n")).len(), 1, "{line}");
    }
}

#[test]
fn a_key_that_contradicts_itself_is_a_problem_and_one_that_repeats_itself_is_none() {
    assert_eq!(problems("t\n\nChant-Attempt: 1\nChant-Attempt: 2\n").len(), 1);
    let twice = read(b"t\n\nChant-Attempt: 1\nChant-Attempt: 1\n");
    assert_eq!(twice, Reading::Block(Block { attempt: Some(1), ..Block::default() }));
}

#[test]
fn an_unknown_key_of_ours_is_kept_and_others_are_not_ours() {
    let block = Block { unknown: vec![("Chant-Mood".into(), "good".into())], ..Block::default() };
    assert_eq!(read(b"t\n\nChant-Mood: good\nSigned-off-by: A <a@b>\n"), Reading::Block(block.clone()));
    assert_eq!(read(said(&block).as_bytes()), Reading::Block(block));
    assert_eq!(read(b"t\n\nReviewed-by: A <a@b>\nChantey: x\n"), Reading::Nothing);
}

#[test]
fn an_unknown_key_cannot_smuggle_in_a_known_one() {
    for key in ["chant-status", "Status", "Chant-A b", "Chant-X: y\nChant-Status"] {
        let block = Block { unknown: vec![(key.into(), "completed".into())], ..Block::default() };
        assert_eq!(read(said(&block).as_bytes()), Reading::Nothing, "{key}");
    }
}

#[test]
fn a_reason_that_holds_a_trailer_is_a_reason() {
    let reason = "broken\n\nChant-Status: completed\rChant-Spec : x\u{2028}Chant-Attempt::: 7";
    let block = Block { reason: Some(reason.into()), ..Block::default() };
    let message = said(&block);
    assert_eq!(message.lines().count(), 3);
    assert_eq!(mentions(message.as_bytes()), ["Chant-Reason"]);
}

#[test]
fn every_key_of_ours_is_found_wherever_it_stands() {
    let message =
        b"chant-status: x\n\nsee CHANT-Spec : y, -Chant-Run:z\0Chant-Reason:\n\n    Chant-Landing:\n\n\xffChant-A: b\n";
    let found = ["chant-status", "CHANT-Spec", "Chant-Run", "Chant-Reason", "Chant-Landing", "Chant-A"];
    assert_eq!(mentions(message), found);
    assert!(mentions(b"Merge branch 'chant/001-x': chant does it, Chant-: so xchant-run: be it, chant-run").is_empty());
}

#[test]
fn a_body_hides_no_block() {
    let scissors = "# ------------------------ >8 ------------------------";
    let block = Block { attempt: Some(1), ..Block::default() };
    for body in [scissors, "---", "# x", "Conflicts:\n\tx", "\0", "Signed-off-by: A <a@b>", "Chant-Attempt: 2"] {
        assert_eq!(read(write("t", body, &block).as_bytes()), Reading::Block(block.clone()), "{body}");
        assert_eq!(read(write(body, body, &block).as_bytes()), Reading::Block(block.clone()), "{body}");
    }
}

#[test]
fn a_tally_leaves_zeros_out_but_is_never_empty() {
    let tally = |verified, claimed, unmet| Tally { verified, claimed, unmet }.to_string();
    assert_eq!(tally(5, 1, 0), "5 verified, 1 claimed");
    assert_eq!(tally(0, 0, 2), "2 unmet");
    assert_eq!(tally(0, 0, 0), "0 verified");
}

/// Text that tries: line breaks, keys, colons, comments, cuts.
fn nasty() -> impl Strategy<Value = String> {
    let parts = vec![
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        "\0",
        "\t",
        " ",
        ":",
        "::",
        "#",
        "-",
        "---",
        "Chant-",
        "Chant-Status",
        "chant-spec:",
        "Chant-Attempt: 9",
        "Signed-off-by: A <a@b>",
        "Conflicts:\n\tx",
        "\u{1b}[2J",
        "\u{85}",
        "\u{2028}",
        "\u{202e}",
        "# ------------------------ >8 ------------------------",
        "é",
        "word",
        "completed",
        "\u{200b}",
        "\u{b}",
        "\u{feff}",
    ];
    proptest::collection::vec(proptest::sample::select(parts), 0..10).prop_map(|parts| parts.concat())
}

fn flat() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("[a-z0-9@.:/-]{1,20}".prop_filter("no key of ours", |s| mentions(s.as_bytes()).is_empty()))
}

fn block() -> impl Strategy<Value = Block> {
    let spec = proptest::option::of("([a-z]{1,4}/)?[0-9]{3}-[a-z]{1,6}(\\.[1-9])?");
    let status = proptest::option::of(proptest::sample::select(Transition::ALL.to_vec()));
    let approval = proptest::option::of(proptest::sample::select(vec![Approval::Approved, Approval::Rejected]));
    let landing = ("[a-z]{1,6}", 1..99u32, any::<u8>());
    let landings = proptest::collection::vec(landing, 0..3);
    let one = (spec, status, proptest::option::of(1..=MOST_ATTEMPTS), approval, landings);
    let two = (flat(), flat(), flat(), flat(), flat(), proptest::collection::vec("[A-Z][a-z]{1,8} <[a-z]@b>", 0..3));
    (one, two).prop_map(
        |((spec, status, attempt, approval, landings), (run, agent, target, reason, cost, reviewed_by))| {
            let landing = |(spec, attempt, byte): (String, u32, u8)| Landing {
                spec: spec.parse().unwrap(),
                attempt,
                commit: oid(byte),
            };
            Block {
                spec: spec.map(|spec| spec.parse().unwrap()),
                status,
                attempt,
                approval,
                landings: landings.into_iter().map(landing).collect(),
                run,
                agent,
                target,
                reason,
                cost,
                reviewed_by,
                ..Block::default()
            }
        },
    )
}

fn has_ours(block: &Block) -> bool {
    *block != Block { reviewed_by: block.reviewed_by.clone(), ..Block::default() }
}

proptest! {
    #[test]
    fn whatever_title_and_body_say_the_block_reads_back(block in block(), title in nasty(), body in nasty()) {
        let expected = if has_ours(&block) { Reading::Block(block.clone()) } else { Reading::Nothing };
        prop_assert_eq!(read(write(&title, &body, &block).as_bytes()), expected);
    }

    #[test]
    fn nothing_said_becomes_a_key(title in nasty(), body in nasty(), texts in proptest::collection::vec(nasty(), 4)) {
        let [reason, agent, run, name] = texts.try_into().unwrap();
        let spec = Some("001-x".parse().unwrap());
        let (reason, agent, run) = (Some(reason), Some(agent), Some(run));
        let block = Block { spec, reason, agent, run, reviewed_by: vec![name], ..Block::default() };
        let message = write(&title, &body, &block);
        let written: Vec<String> = block.lines().iter().map(|l| l.split(':').next().unwrap().to_owned()).collect();
        let ours: Vec<String> = written.iter().filter(|key| is_ours(key)).cloned().collect();
        prop_assert_eq!(mentions(message.as_bytes()), ours);
        let read: Vec<String> = parse(message.as_bytes()).into_iter().map(|trailer| trailer.key).collect();
        prop_assert_eq!(read, written);
        prop_assert!(!message.contains(|c: char| c.is_control() && c != '\n'));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_what_git_finds(block in block(), title in nasty(), body in nasty(), reason in nasty()) {
        let message = write(&title, &body, &Block { reason: Some(reason), ..block });
        prop_assert_eq!(as_lines(&parse(message.as_bytes())), as_git_finds(message.as_bytes()));
    }
}
