use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::{Trailer, parse};

/// What Git itself finds, with no configuration but its own defaults.
pub(crate) fn as_git_finds(message: &[u8]) -> Vec<String> {
    let nowhere = std::env::temp_dir();
    let mut git = Command::new("git")
        .args(["interpret-trailers", "--parse", "--no-divider"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs([
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_DIR", "/dev/null"),
            ("LC_ALL", "C"),
        ])
        .current_dir(nowhere)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin.take().unwrap().write_all(message).unwrap();
    let output = git.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8_lossy(&output.stdout).split_terminator('\n').map(|line| line.trim_end().to_owned()).collect()
}

pub(crate) fn as_lines(trailers: &[Trailer]) -> Vec<String> {
    trailers.iter().map(|t| format!("{}: {}", t.key, t.value).trim_end().to_owned()).collect()
}

fn check(message: &[u8]) {
    assert_eq!(as_lines(&parse(message)), as_git_finds(message), "{:?}", String::from_utf8_lossy(message));
}

#[test]
fn messages_that_people_and_programs_write_read_as_git_reads_them() {
    let scissors = "# ------------------------ >8 ------------------------";
    let messages = [
        "".to_owned(),
        "title".to_owned(),
        "title\n\nKey: value".to_owned(),
        "Key: value\n".to_owned(),
        "\nKey: value\n".to_owned(),
        "title\n \t\nKey: value\n   \n\n".to_owned(),
        "title\n\nbody\n\nChant-Spec: 001-x\nchant-status: completed\n".to_owned(),
        "title\n\nChant-Spec: 001-x\n# a comment\nChant-Status: completed\n".to_owned(),
        "title\n\nChant-Spec: 001-x\n# Conflicts:\n#\ta.txt\n".to_owned(),
        "title\n\nChant-Spec: 001-x\n\nConflicts:\n\ta.txt\n\tb.txt\n".to_owned(),
        "title\n\nConflicts:\n\ta.txt\n\nChant-Spec: 001-x\n".to_owned(),
        format!("title\n\nChant-Spec: 001-x\n{scissors}\ndiff --git a b\n"),
        format!("{scissors}\ntitle\n\nChant-Spec: 001-x\n"),
        "title\n\nan other\nline of\nwords\nSigned-off-by: A <a@b>\n".to_owned(),
        "title\n\nan other\nline of\nmore\nwords\nSigned-off-by: A <a@b>\n".to_owned(),
        "title\n\nwords\nKey: value\n".to_owned(),
        "title\n\nwords\n(cherry picked from commit abc)\nKey: value\n".to_owned(),
        "title\n\nKey: one\n two\n\tthree\nOther:\n  four\n".to_owned(),
        "title\n\n indented\nKey: value\n".to_owned(),
        "title\n\nKey: one\n# comment\n two\n".to_owned(),
        "title\n\nKey: one\0\nOther: two\n".to_owned(),
        "title\0\n\nKey: one\n".to_owned(),
        "title\r\n\r\nKey: one\r\nOther: two\r\n".to_owned(),
        "# title\n\nKey: one\n".to_owned(),
        "title\n\nKey : one\nOther\t: two\n-: three\n".to_owned(),
        "title\n\nChant-Spec: a\n---------\nCo-authored-by: A <a@b>\n".to_owned(),
        "title\n\nChant-Spec: a\n\n---------\n\nCo-authored-by: A <a@b>\n".to_owned(),
        "Squashed commit of the following:\n\ncommit 1\n\n    Chant-Spec: a\n".to_owned(),
    ];
    messages.iter().for_each(|message| check(message.as_bytes()));
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<&'static [u8]> = vec![
        b"",
        b"",
        b"",
        b" ",
        b"\t",
        b"title",
        b"some words",
        b"#",
        b"# comment",
        b"# Conflicts:",
        b"#\tpath",
        b"Conflicts:",
        b"Conflicts: ",
        b"\tpath",
        b"# ------------------------ >8 ------------------------",
        b"------------------------ >8 ------------------------",
        b"---",
        b"---------",
        b"Key: value",
        b"Key: value",
        b"Chant-Status: completed",
        b"cHANT-sPEC:x",
        b"Key : value",
        b"Key\t:value",
        b"Key:",
        b"Key: \x0b",
        b": value",
        b"-: value",
        b"two words: value",
        b"Signed-off-by: A <a@b>",
        b"signed-off-by: A <a@b>",
        b"Signed-off-by:A <a@b>",
        b"(cherry picked from commit 123)",
        b" folded",
        b"\tfolded: more",
        b"  # folded",
        b"\x0bKey: value",
        b"K\xc3\xa9y: value",
        b"Key: \xff",
        b"nul\0",
        b"Key: a\0b",
        b"\r",
        b"Key: value\r",
    ];
    prop_oneof![
        12 => proptest::sample::select(known).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(proptest::sample::select(b"aK:- \t#\r\0\x0b(=".to_vec()), 0..8),
    ]
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    (proptest::collection::vec(line(), 0..12), any::<bool>()).prop_map(|(lines, complete)| {
        let mut message = lines.join(&b'\n');
        message.extend(complete.then_some(b'\n'));
        message
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_message_reads_as_git_reads_it(message in message()) {
        prop_assert_eq!(as_lines(&parse(&message)), as_git_finds(&message));
    }

    #[test]
    fn a_long_tail_reads_as_git_reads_it(tail in proptest::collection::vec(line(), 0..8)) {
        let message = [b"title".to_vec(), Vec::new(), b"Key: value".to_vec()].into_iter().chain(tail);
        let message = message.collect::<Vec<_>>().join(&b'\n');
        prop_assert_eq!(as_lines(&parse(&message)), as_git_finds(&message));
    }
}
