use super::*;
use proptest::prelude::*;

fn masked(mask: &Mask, text: &str) -> String {
    String::from_utf8(mask.text(text.as_bytes())).unwrap()
}

#[test]
fn tokens_of_well_known_shapes_are_masked_also_behind_an_escape_of_json() {
    let tokens = [
        "sk-ant-api03-AbCdEfGhIjKlMnOpQrSt".to_owned(),
        "sk-proj-abcdefghijklmnopqrstuv".to_owned(),
        format!("ghp_{}", "a1B2".repeat(9)),
        format!("github_pat_{}", "a1B2_".repeat(9)),
        "AKIAIOSFODNN7EXAMPLE".to_owned(),
        "xoxb-123456789012-abcdefABCDEF".to_owned(),
        "xoxp-123456789012-abcdefABCDEF".to_owned(),
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1g".to_owned(),
    ];
    for token in &tokens {
        for (before, after) in
            [("", ""), ("key=", "\n"), ("{\"a\":\"line\\n", "\"}"), ("\\u0041", ""), ("(", ")"), ("'", "'")]
        {
            let text = format!("{before}{token}{after}");
            assert_eq!(masked(&Mask::default(), &text), format!("{before}***{after}"), "{text}");
        }
    }
}

#[test]
fn of_a_bearer_the_token_goes_and_a_sentence_stays() {
    let mask = Mask::default();
    assert_eq!(masked(&mask, "Authorization: Bearer abc123def456=="), "Authorization: Bearer ***");
    assert_eq!(masked(&mask, "\"authorization\":\"bearer abc123.def-456\""), "\"authorization\":\"bearer ***\"");
    for text in [
        "the bearer certificate is red",
        "Bearer tokens",
        "a risk-based-approach-to-testing",
        "task-abcdefghijklmnopqrst",
    ] {
        assert_eq!(masked(&mask, text), text);
    }
}

#[test]
fn of_a_private_key_head_and_foot_stay() {
    let key = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIEow+/x==\nabcd\n-----END RSA PRIVATE KEY-----\nafter\n";
    let wanted = "-----BEGIN RSA PRIVATE KEY-----\n***\n\n***\n***\n-----END RSA PRIVATE KEY-----\nafter\n";
    assert_eq!(masked(&Mask::default(), key), wanted);
    assert_eq!(masked(&Mask::default(), wanted), wanted);
    let json = serde_json::to_string(key).unwrap();
    let shown = masked(&Mask::default(), &json);
    assert!(!shown.contains("MIIE") && shown.contains("-----END RSA PRIVATE KEY-----\\nafter"), "{shown}");
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIEow\n-----END CERTIFICATE-----\n";
    assert_eq!(masked(&Mask::default(), certificate), certificate);
    let prose = "-----BEGIN PRIVATE KEY----- is how one begins.\nThis is a sentence.\nword\n";
    assert_eq!(masked(&Mask::default(), prose), prose);
}

#[test]
fn a_value_is_found_as_json_has_it_and_within_json_that_json_holds() {
    let value = "pa\"ss\\wörd/9\tX";
    let mask = Mask::new([value.to_owned()]);
    let once = serde_json::to_string(value).unwrap();
    let twice = serde_json::to_string(&once).unwrap();
    for text in [value.to_owned(), once.clone(), twice, once.replace('/', "\\/"), once.replace('ö', "\\u00f6")] {
        let shown = masked(&mask, &text);
        assert!(shown.contains("***") && !shown.contains("ss"), "{text} became {shown}");
    }
}

#[test]
fn short_values_are_not_listed_and_each_line_of_a_long_one_is() {
    let mask = Mask::new(["true".to_owned(), "first-line\nsecond-line\n".to_owned()]);
    assert_eq!(masked(&mask, "true first-line\nsecond-line\nfirst-line\\nsecond-line"), "true ***\n***\n***");
}

#[test]
fn a_value_in_which_a_colour_begins_is_masked_as_a_whole() {
    let mask = Mask::new(["hunter2-Xy9-secret-77".to_owned()]);
    let grep = "pw=\x1b[01;31m\x1b[Khunter\x1b[m\x1b[K2-Xy9-secret-77 and \x1b[1mmore\x1b[m";
    assert_eq!(masked(&mask, grep), "pw=\x1b[01;31m\x1b[K*** and \x1b[1mmore\x1b[m");
    let json = serde_json::to_string(grep).unwrap();
    assert_eq!(masked(&mask, &json), r#""pw=\u001b[01;31m\u001b[K*** and \u001b[1mmore\u001b[m""#);
    // In a title, through one, struck over, and a token behind a colour.
    assert_eq!(masked(&mask, "\x1b]0;hunter2-Xy9-secret-77\x07"), "\x1b]0;***\x07");
    assert_eq!(masked(&mask, "hunter2\x1b]8;;http://x\x1b\\-Xy9\x1b]8;;\x07-secret-77"), "***");
    // An escape that is broken takes a letter with it.
    assert_eq!(masked(&mask, "hunter\x1b2-Xy9-secret\x1b[-77"), "***");
    let bold: String = "hunter2-Xy9-secret-77".chars().map(|c| format!("{c}\x08{c}")).collect();
    assert_eq!(masked(&mask, &bold), "***");
    assert_eq!(masked(&mask, "\x1b[31mghp_a1B2a1B2a1B2a1B2\x1b[0ma1B2"), "\x1b[31m***");
    let key = "-----BEGIN \x1b[1mPRIVATE KEY-----\n\x1b[32mMIIEow+/x==\x1b[m\nabcd\n-----END PRIVATE KEY-----\n";
    assert_eq!(masked(&mask, key), "-----BEGIN \x1b[1mPRIVATE KEY-----\n***\n***\n-----END PRIVATE KEY-----\n");
}

#[test]
fn a_line_without_an_end_is_let_go_in_pieces_and_hides_what_it_would_have_hidden() {
    let mask = Mask::new(["correct-horse".to_owned()]);
    let mut masker = Masker::new(mask);
    let mut out = Vec::new();
    for _ in 0..40 {
        out.extend(masker.feed(&vec![b' '; (1 << 20) - 7]));
        out.extend(masker.feed(b"correct"));
        out.extend(masker.feed(b"-horse"));
        assert!(masker.held.len() <= LONGEST + (1 << 20));
    }
    out.extend(masker.finish());
    let text = String::from_utf8(out).unwrap();
    assert!(!text.contains("horse"));
    assert_eq!(text.matches("***").count(), 40);
}

fn value() -> impl Strategy<Value = String> {
    // Few letters, so that values overlap each other, the mask and what stands around them.
    prop_oneof!["[ab*\"\\\\/é]{8,12}", "[a-z]{8,20}", "[ -~]{8,16}"]
}

fn text(values: Vec<String>) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ab*\"\\\\/é \n]{0,9}",
        any::<String>(),
        prop::sample::select(values.clone()),
        prop::sample::select(values).prop_map(|value| serde_json::to_string(&value).unwrap()),
        Just("sk-abcdefghijklmnop1".to_owned()),
        Just("-----BEGIN PRIVATE KEY-----".to_owned()),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// What a terminal takes for itself.
fn unseen() -> impl Strategy<Value = String> {
    prop_oneof![
        "\x1b\\[[0-9;?]{0,6}[mKJHhl]",
        "\x1b\\][0-9];[a-z /:]{0,8}\x07",
        "\x1b\\][0-9];[a-z /:]{0,8}\x1b\\\\",
        "\x1b[(][B0]",
        "[\x00\x01\x07\x0e\x0f\x7f\u{200b}\u{2060}]|\u{9b}[0-9]{0,2}m",
    ]
}

fn listed_and_text() -> impl Strategy<Value = (Vec<String>, String)> {
    prop::collection::vec(value(), 1..4).prop_flat_map(|values| (Just(values.clone()), text(values)))
}

proptest! {
    #[test]
    fn no_listed_value_is_ever_left((values, text) in listed_and_text()) {
        let shown = masked(&Mask::new(values.clone()), &text);
        for value in values {
            prop_assert!(!shown.contains(&value), "{value:?} in {shown:?}");
        }
    }

    #[test]
    fn what_is_masked_is_masked((values, text) in listed_and_text()) {
        let mask = Mask::new(values);
        let once = masked(&mask, &text);
        prop_assert_eq!(masked(&mask, &once), once);
    }

    #[test]
    fn however_a_stream_is_cut_it_is_masked_alike((values, text) in listed_and_text(), cuts in prop::collection::vec(1_usize..9, 0..40)) {
        let mask = Mask::new(values);
        let mut masker = Masker::new(mask.clone());
        let (mut rest, mut out) = (text.as_bytes(), Vec::new());
        for cut in cuts {
            let (piece, more) = rest.split_at(cut.min(rest.len()));
            out.extend(masker.feed(piece));
            rest = more;
        }
        out.extend(masker.feed(rest));
        out.extend(masker.finish());
        prop_assert_eq!(out, mask.text(text.as_bytes()));
    }

    #[test]
    fn a_value_is_masked_whatever_nobody_sees_stands_in_it(
        value in value(),
        unseen in prop::collection::vec((0_usize..20, unseen()), 0..5),
        cuts in prop::collection::vec(1_usize..9, 0..20),
    ) {
        let before = |n: usize| unseen.iter().filter(move |(at, _)| *at == n).map(|(_, unseen)| unseen.as_str());
        let text: String = value.chars().enumerate().map(|(n, c)| format!("{}{c}", before(n).collect::<String>())).collect();
        let mask = Mask::new([value.clone()]);
        for text in [text.clone(), serde_json::to_string(&text).unwrap()] {
            let mut masker = Masker::new(mask.clone());
            let (mut rest, mut out) = (text.as_bytes(), Vec::new());
            for cut in &cuts {
                let (piece, more) = rest.split_at((*cut).min(rest.len()));
                out.extend(masker.feed(piece));
                rest = more;
            }
            out.extend(masker.feed(rest));
            out.extend(masker.finish());
            let shown = crate::agent::plain::plain(&out);
            prop_assert!(!shown.contains(&value), "{:?} in {:?} of {:?}", value, shown, text);
            prop_assert!(shown.contains(MASK), "{:?} in {:?} of {:?}", value, shown, text);
            prop_assert_eq!(out, mask.text(text.as_bytes()));
        }
    }

    #[test]
    fn a_coloured_text_without_a_secret_stays_as_it_is(
        pieces in prop::collection::vec(prop_oneof!["[a-zA-Z0-9 .,:;(){}\n*\"'é]{0,20}", unseen()], 0..12),
    ) {
        let text = pieces.concat();
        let seen = crate::agent::plain::plain(text.as_bytes());
        prop_assume!(![&text, &seen].iter().any(|text| ["AKIA", "ASIA", "AIza", "eyJ"].iter().any(|part| text.contains(part))));
        prop_assume!(!seen.to_lowercase().contains("bearer"));
        prop_assert_eq!(masked(&Mask::new(["no such value".to_owned()]), &text), text);
    }

    #[test]
    fn a_text_without_a_secret_stays_as_it_is(text in "[a-zA-Z0-9 .,:;(){}\n*/\\\\\"'é]{0,200}") {
        // No token has a shape without `-`, `_` or these two beginnings.
        prop_assume!(!["AKIA", "ASIA", "AIza", "eyJ"].iter().any(|part| text.contains(part)));
        prop_assume!(!text.to_lowercase().contains("bearer"));
        prop_assert_eq!(masked(&Mask::new(["no such value".to_owned()]), &text), text);
    }
}
