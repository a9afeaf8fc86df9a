//! What is a secret, by the name that a value has and by the value. Pure.
//!
//! Two questions, for two mistakes are possible. [`looks_secret`] is asked before a variable is handed on, and says yes where
//! there is doubt. [`is_hidden`] is asked of values that are given by name, before they are masked wherever they stand in a
//! text; there a yes for a `production` or a `http://localhost:3000` makes every log unreadable.

/// Parts of a name, between its underscores, by which a variable says that it holds a secret.
const SECRET: &[&str] = &[
    "TOKEN",
    "TOKENS",
    "SECRET",
    "SECRETS",
    "KEY",
    "KEYS",
    "APIKEY",
    "PASSWORD",
    "PASSWD",
    "PASS",
    "PASSPHRASE",
    "PWD",
    "CREDENTIAL",
    "CREDENTIALS",
    "CREDS",
    "AUTH",
    "COOKIE",
    "PAT",
    "JWT",
    "BEARER",
    "AUTHTOKEN",
    "LOGIN",
    "DSN",
];

/// How the values begin that well-known services give out as tokens.
const TOKENS: &[&str] = &[
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "sk-",
    "sk_live_",
    "rk_live_",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "npm_",
    "pypi-",
    "hf_",
    "dop_v1_",
    "eyJ",
    "-----BEGIN",
];

/// Values that switch something, whatever their names say of them.
const SWITCHES: &[&str] = &["disabled", "required", "optional", "undefined", "unlimited", "automatic"];
/// The shortest value that is hidden, in bytes.
const SHORTEST: usize = 8;
/// The shortest one whose name says that it is a secret, and which is of letters and digits: `hunter2`.
const SHORTEST_NAMED: usize = 6;
/// The longest word that is one and no key, in letters.
const WORD: usize = 13;
/// The longest number that is one and no key, in digits: a time in microseconds has 16.
const NUMBER: usize = 16;

/// Whether a variable looks as if it held a secret: by its name, by its value, or by a password in a URL.
pub fn looks_secret(name: &str, value: &str) -> bool {
    let by_value = || {
        let lower = value.to_ascii_lowercase();
        TOKENS.iter().any(|token| value.len() > token.len() + 8 && value.starts_with(token))
            || lower.contains("authorization:")
            || password_in(value).is_some()
    };
    // Git's numbered settings are named by other variables; their values are looked at.
    says_secret(name) || by_value()
}

fn says_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    name != "PWD" && !name.starts_with("GIT_CONFIG_KEY_") && name.split('_').any(|part| SECRET.contains(&part))
}

/// Whether a value that somebody gave to programs, or lets through to them, is hidden in all that they print.
///
/// Where name or value look like a secret, all of at least 8 bytes is, of 6 where letters and digits are mixed; but no word
/// that only switches something, and no plain address. Any other value of at least 8 bytes is hidden as well, for a secret
/// can have any name, unless it is [plain](is_plain): a text is full of such.
pub fn is_hidden(name: &str, value: &str) -> bool {
    if SWITCHES.contains(&value.to_ascii_lowercase().as_str()) {
        return false;
    }
    if !looks_secret(name, value) {
        return value.len() >= SHORTEST && !is_plain(value);
    }
    let has = |kind: fn(&char) -> bool| value.chars().any(|c| kind(&c));
    let mixed = has(char::is_ascii_alphabetic) && has(char::is_ascii_digit);
    let long = value.len() >= if mixed { SHORTEST_NAMED } else { SHORTEST };
    long && !(value.contains("://") && is_plain(value))
}

/// The password of `scheme://user:password@host`, the first in a value.
pub fn password_in(value: &str) -> Option<&str> {
    value.split("://").skip(1).find_map(|rest| {
        let authority = rest.split(['/', '?', '#', ' ', '"', '\'']).next().unwrap_or_default();
        authority.rsplit_once('@')?.0.split_once(':').map(|(_, password)| password)
    })
}

/// Whether a value is nothing but one or two words, numbers, and what stands between them: `production`, `en_US.UTF-8`,
/// `claude-opus-4-5`, `127.0.0.1:5432`; or an address of such without a user, a query or a fragment. More words are a
/// phrase, which may be a password.
fn is_plain(value: &str) -> bool {
    let address = value.split_once("://").filter(|(scheme, _)| is_scheme(scheme));
    let rest = address.map_or(value, |(_, rest)| rest);
    if rest.contains("://") || address.is_some() && rest.contains(['@', '?', '#']) {
        return false;
    }
    let (mut words, mut versions) = (0, 0);
    for piece in rest.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty()) {
        match piece {
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                if number.len() > NUMBER {
                    return false;
                }
            }
            code if code.len() <= 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) => {}
            word if is_word(word) => words += 1,
            version if is_version(version) => versions += 1,
            _ => return false,
        }
    }
    versions <= 1 && (words <= 2 || address.is_some())
}

fn is_scheme(text: &str) -> bool {
    (1..WORD).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || b"+-.".contains(&byte))
}

/// Letters of one case, or with a capital, that can be spoken.
fn is_word(piece: &str) -> bool {
    const VOWELS: &str = "aeiouyAEIOUY";
    let small = |text: &str| text.chars().all(char::is_lowercase);
    let mut after_first = piece.chars();
    let first = after_first.next().is_some_and(char::is_alphabetic);
    let cased = first && small(after_first.as_str()) || piece.chars().all(char::is_uppercase);
    let consonants = piece.split(|c: char| VOWELS.contains(c) || !c.is_ascii()).map(str::len).max();
    cased
        && piece.chars().count() <= WORD
        && (piece.len() <= 3 || consonants.is_some_and(|most| most <= 4 && most < piece.len()))
}

/// Letters with digits on one side: `x86`, `v2`, `qwen3`, `250ms`.
fn is_version(piece: &str) -> bool {
    let letters = piece.trim_matches(|c: char| c.is_ascii_digit());
    let sided = piece.starts_with(letters) || piece.ends_with(letters);
    piece.len() <= 6 && sided && !letters.is_empty() && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_text_is_full_of_is_not_hidden_and_keys_and_phrases_are() {
        for value in [
            "true",
            "false",
            "1",
            "3000",
            "production",
            "development",
            "Europe/Berlin",
            "en_US.UTF-8",
            "us-east-1",
            "claude-opus-4-5-20250929",
            "gpt-5.1-codex",
            "127.0.0.1:5432",
            "localhost:5432",
            "2026-11-25",
            "12345678",
            "http://localhost:11434/v1",
            "https://api.example.com/v1/chat",
            "postgres://localhost/app_test",
            "x86_64",
            "1764028800000",
            "--release",
            "250ms",
            "redis://127.0.0.1:6379/0",
            "",
        ] {
            assert!(!is_hidden("MODE", value), "{value}");
        }
        for value in [
            "correct-horse-battery-staple",
            "given-by-the-file",
            "aGVsbG8gd29ybGQ",
            "abcd efgh ijkl mnop",
            "xkqzvbnm",
            "9f86d081884c7d65",
            "https://hooks.example.com/services/T012AB/B345CD/x9Yz",
            "https://h.example/?sig=a1b2c3",
            "postgres://app:word@db/app",
            "ABCD1-EFGH2-IJKL3",
            "sk-ant-api03-abcdefgh",
            "internationalization",
            "12345678901234567",
        ] {
            assert!(is_hidden("MODE", value), "{value}");
        }
    }

    #[test]
    fn a_name_that_says_secret_hides_words_and_numbers_too_but_no_switch_and_no_address() {
        for value in ["production", "12345678", "hunter2", "s3cr3t", "two-words"] {
            assert!(is_hidden("DB_PASSWORD", value), "{value}");
        }
        for value in ["true", "3000", "disabled", "secret", "8h", "https://login.example.com/oauth"] {
            assert!(!is_hidden("AUTH_TOKEN", value), "{value}");
        }
    }

    #[test]
    fn of_an_address_the_password_is_known() {
        assert_eq!(password_in("postgres://app:hunter2@db/app"), Some("hunter2"));
        assert_eq!(password_in("see https://a.example and https://u:p:q@b.example?x"), Some("p:q"));
        assert_eq!(password_in("https://user@host/a:b@c"), None);
    }

    proptest! {
        #[test]
        fn a_random_key_is_hidden_whatever_its_name(name in "[A-Z_]{1,12}", key in "[A-Za-z]{1,20}[a-z][A-Z][0-9][A-Za-z0-9]{16,40}") {
            prop_assert!(is_hidden(&name, &key));
        }

        #[test]
        fn what_is_hidden_under_any_name_is_hidden_under_one_that_says_secret(value in "[a-z0-9:/.@-]{0,24}") {
            prop_assume!(!value.contains("://"));
            prop_assert!(!is_hidden("MODE", &value) || is_hidden("SOME_TOKEN", &value));
        }

        #[test]
        fn numbers_and_short_values_are_never_hidden_by_themselves(number in 0u64..1_000_000_000_000, short in ".{0,3}") {
            prop_assert!(!is_hidden("COUNT", &number.to_string()));
            let decimal = format!("-{number}.5");
            prop_assert!(!is_hidden("COUNT", &decimal));
            prop_assert!(short.len() >= SHORTEST || !is_hidden("COUNT", &short));
        }
    }
}
