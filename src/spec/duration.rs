//! Lengths of time as people write them: `90s`, `60m`, `1h30m`.

use std::time::Duration;

/// The units, the largest first, as they must stand in a text.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads `90s`, `60m`, `2h`, `1h30m`, `1d`; a plain number counts seconds. `None` for anything else.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if let Some(seconds) = number(rest) {
        return Some(Duration::from_secs(seconds));
    }
    let mut units = UNITS.iter();
    let mut total = 0u64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = rest[end..].chars().next()?;
        let (_, size) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(number(&rest[..end])?.checked_mul(*size)?)?;
        rest = &rest[end + unit.len_utf8()..];
    }
    (!text.trim().is_empty()).then(|| Duration::from_secs(total))
}

/// Digits alone: a sign, which `u64` would take, is none.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
}

/// The shortest text that reads back as the same number of seconds, in hours at most: `60m` is `1h`.
pub fn format_duration(duration: Duration) -> String {
    let mut seconds = duration.as_secs();
    let mut text = String::new();
    for (unit, size) in &UNITS[1..] {
        if seconds >= *size {
            text.push_str(&format!("{}{unit}", seconds / size));
            seconds %= size;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let cases =
            [("90s", 90), ("60m", 3600), ("2h", 7200), ("1h30m", 5400), ("1d", 86_400), ("45", 45), (" 5m ", 300)];
        for (text, seconds) in cases {
            assert_eq!(parse_duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            " ",
            "m",
            "-5",
            "+5",
            "5 m",
            "1.5h",
            "30m1h",
            "1h1h",
            "5x",
            "99999999999999999999",
            "999999999999999999h",
        ] {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_round_trips(seconds in 0u64..1_000_000_000) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Some(duration));
        }

        #[test]
        fn reading_is_total(text in any::<String>()) {
            parse_duration(&text);
        }
    }
}
