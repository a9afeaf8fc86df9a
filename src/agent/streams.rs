//! What real clients printed, and what it means. Each stream was recorded from the client itself, against a model server of
//! one's own: what came from the server is made up, what came from the client is not.

use proptest::prelude::*;

use super::account::Account;
use super::event::{Reader, Said, Tokens, Trouble};
use super::{aider, claude, codex, gemini, opencode, told};

fn readers() -> Vec<(&'static str, Box<dyn Reader>)> {
    vec![
        ("claude", Box::new(claude::Stream::default())),
        ("codex", Box::new(codex::Stream { model: Some("gpt-5.1-codex".into()) })),
        ("opencode", Box::new(opencode::Stream { model: Some("fake/m".into()), begun: false })),
        ("gemini", Box::new(gemini::Stream)),
        ("aider", Box::new(aider::Lines { model: None })),
        ("openai", Box::new(told::Stream)),
        ("acp", Box::new(told::Stream)),
    ]
}

/// What one client means by a stream, and what it comes to.
fn hear(kind: &str, stream: &str) -> (Vec<Said>, Account) {
    let (_, mut reader) = readers().into_iter().find(|(name, _)| *name == kind).unwrap();
    let said: Vec<Said> = stream.lines().flat_map(|line| reader.line(line.as_bytes())).collect();
    let mut account = Account::default();
    said.iter().for_each(|said| account.hear(said));
    (said, account)
}

const WELL: [(&str, &str, u64, Option<u64>); 8] = [
    ("claude", include_str!("streams/claude-ok.jsonl"), 2100, Some(12_500)),
    ("codex", include_str!("streams/codex-ok.jsonl"), 2100, None),
    ("codex", include_str!("streams/codex-counted.jsonl"), 2100, None),
    ("opencode", include_str!("streams/opencode-ok.jsonl"), 2100, Some(2200)),
    ("gemini", include_str!("streams/gemini-ok.jsonl"), 2100, None),
    ("aider", include_str!("streams/aider-ok.txt"), 1050, Some(3000)),
    ("openai", include_str!("streams/openai-ok.jsonl"), 2100, None),
    ("acp", include_str!("streams/acp-ok.jsonl"), 2100, Some(250_000)),
];

#[test]
fn work_that_went_well_is_told_with_what_it_took() {
    for (kind, stream, tokens, cost) in WELL {
        let (said, account) = hear(kind, stream);
        assert!(matches!(account.ended, Some(None) | None), "{kind}: {said:#?}");
        assert_eq!((account.tokens.map(Tokens::total), account.cost), (Some(tokens), cost), "{kind}: {said:#?}");
        // A server of the protocol need not say which model it has.
        assert!(account.model.is_some() == (kind != "acp") && account.waiting.is_none(), "{kind}: {account:?}");
        assert!(said.iter().any(|said| matches!(said, Said::Text(_))), "{kind}: {said:#?}");
        if kind != "aider" {
            assert_eq!(account.session.is_some(), kind != "openai", "{kind}");
            let wrote = said.iter().any(|said| match said {
                Said::Changed(path) => path.ends_with("greeting.txt"),
                Said::Tool { what, .. } => what.contains("greeting.txt"),
                _ => false,
            });
            assert!(wrote, "{kind}: {said:#?}");
        }
    }
}

#[test]
fn the_figures_of_a_codex_that_is_limited_come_with_every_answer() {
    let (said, account) = hear("codex", include_str!("streams/codex-counted.jsonl"));
    let counted = said.iter().filter(|said| matches!(said, Said::Tokens(..))).count();
    assert_eq!((counted, account.version.as_deref()), (3, Some("0.169.0")), "{said:#?}");
}

/// What stands for a kind of trouble.
fn word(trouble: &Trouble) -> &'static str {
    match trouble {
        Trouble::SignedOut(_) => "signed out",
        Trouble::Busy { .. } => "busy",
        Trouble::Unreachable(_) => "unreachable",
        Trouble::Spent(_) => "spent",
        Trouble::Failed(_) => "failed",
    }
}

#[test]
fn what_kept_a_client_from_its_work_is_told_apart() {
    let cases = [
        ("claude", include_str!("streams/claude-401.jsonl"), "signed out"),
        ("claude", include_str!("streams/claude-signed-out.jsonl"), "signed out"),
        ("claude", include_str!("streams/claude-429.jsonl"), "busy"),
        ("claude", include_str!("streams/claude-500.jsonl"), "busy"),
        ("claude", include_str!("streams/claude-unreachable.jsonl"), "unreachable"),
        ("claude", include_str!("streams/claude-budget.jsonl"), "spent"),
        ("codex", include_str!("streams/codex-401.jsonl"), "signed out"),
        ("codex", include_str!("streams/codex-429.jsonl"), "busy"),
        ("codex", include_str!("streams/codex-500.jsonl"), "busy"),
        ("opencode", include_str!("streams/opencode-401.jsonl"), "signed out"),
        ("opencode", include_str!("streams/opencode-429.jsonl"), "busy"),
        ("opencode", include_str!("streams/opencode-unreachable.jsonl"), "unreachable"),
        ("gemini", include_str!("streams/gemini-401.jsonl"), "signed out"),
        ("aider", include_str!("streams/aider-401.txt"), "signed out"),
        ("openai", include_str!("streams/openai-401.jsonl"), "signed out"),
        ("openai", include_str!("streams/openai-429.jsonl"), "busy"),
        ("acp", include_str!("streams/acp-401.jsonl"), "signed out"),
        ("acp", include_str!("streams/acp-429.jsonl"), "busy"),
    ];
    for (kind, stream, wanted) in cases {
        let (said, account) = hear(kind, stream);
        let trouble = account.ended.flatten().unwrap_or_else(|| panic!("{kind} ended well: {said:#?}"));
        assert_eq!(word(&trouble), wanted, "{kind}: {trouble:?}");
    }
    // These go on trying: why they wait is what is known.
    let waits = [
        ("codex", include_str!("streams/codex-unreachable.jsonl"), "unreachable"),
        ("aider", include_str!("streams/aider-429.txt"), "busy"),
    ];
    for (kind, stream, wanted) in waits {
        let (said, account) = hear(kind, stream);
        assert_eq!(account.waiting.as_ref().map(word), Some(wanted), "{kind}: {said:#?}");
        assert_eq!(account.ended, None, "{kind}");
    }
}

#[test]
fn a_usage_limit_says_when_it_ends() {
    let busy = Trouble::of(None, "Claude AI usage limit reached|1767225600");
    assert!(matches!(busy, Trouble::Busy { until: Some(1_767_225_600), .. }), "{busy:?}");
    let event = r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1767225600}}"#;
    let (_, account) = hear("claude", event);
    assert!(matches!(account.waiting, Some(Trouble::Busy { until: Some(1_767_225_600), .. })));
    let allowed = r#"{"type":"rate_limit_event","rate_limit_info":{"status":"allowed","resetsAt":1767225600}}"#;
    assert_eq!(hear("claude", allowed).0, []);
}

#[test]
fn the_pieces_of_one_message_count_once() {
    let piece =
        r#"{"type":"assistant","message":{"id":"m1","content":[],"usage":{"input_tokens":5,"output_tokens":1}}}"#;
    let other = piece.replace("m1", "m2");
    let (_, account) = hear("claude", &format!("{piece}\n{piece}\n{other}\n"));
    assert_eq!(account.tokens.map(Tokens::total), Some(12));
}

proptest! {
    #[test]
    fn no_reader_is_upset_by_any_bytes(lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..8)) {
        for (_, mut reader) in readers() {
            lines.iter().for_each(|line| drop(reader.line(line)));
        }
    }

    /// Streams of real clients with a piece cut out, or with another value in a place.
    #[test]
    fn no_reader_is_upset_by_a_stream_that_is_damaged(
        which in 0..WELL.len(), from in 0usize..3000, length in 0usize..60, put in "[\\[\\]{}0-9a-z\",:. -]{0,12}",
    ) {
        let (kind, stream, ..) = WELL[which];
        let from = stream.floor_char_boundary(from.min(stream.len()));
        let to = stream.ceil_char_boundary((from + length).min(stream.len()));
        let damaged = format!("{}{put}{}", &stream[..from], &stream[to..]);
        let (said, account) = hear(kind, &damaged);
        account.used();
        for said in said {
            if let Some(words) = super::account::in_words(&said) {
                prop_assert!(!words.contains(char::is_control));
            }
        }
    }
}
