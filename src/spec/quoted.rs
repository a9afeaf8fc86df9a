//! Names of files where a line is all there is room for.

/// A path as it stands on one line: in quotes and with escapes, as Git quotes it, where it holds what would end the line,
/// steer a terminal or turn the reading direction.
pub fn on_a_line(path: &str) -> String {
    let breaks = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if path.contains(breaks) { format!("{path:?}") } else { path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_that_would_end_its_line_is_quoted_and_others_are_not() {
        assert_eq!(on_a_line("src/ä b`.rs"), "src/ä b`.rs");
        assert_eq!(on_a_line("a\n- b\u{1b}"), r#""a\n- b\u{1b}""#);
    }

    proptest! {
        #[test]
        fn what_comes_out_is_one_line(path in any::<String>()) {
            let line = on_a_line(&path);
            prop_assert!(!line.contains(|c: char| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c)), "{:?}", line);
        }
    }
}
