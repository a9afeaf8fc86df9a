//! Paths and globs of a spec: relative to its project, and never outside it.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

/// Checks a pattern and compiles it; a `*` does not cross a `/`.
///
/// # Errors
/// In words, where the pattern is absolute, could leave the project, or is no glob.
pub fn check_glob(pattern: &str) -> Result<Glob, String> {
    let shown = || pattern.chars().filter(|c| !c.is_control()).take(80).collect::<String>();
    let drive = pattern.as_bytes().get(1) == Some(&b':') && pattern.starts_with(|c: char| c.is_ascii_alphabetic());
    let why = match pattern {
        "" => "the path is empty".to_owned(),
        _ if pattern.contains(char::is_control) => "the path holds control characters".to_owned(),
        _ if pattern.starts_with(['/', '\\', '~']) || drive => format!("`{}` is absolute", shown()),
        _ if steps_up(pattern) => format!("`{}` could lead out of the project", shown()),
        _ => return compile(normal(pattern)).map_err(|error| format!("`{}` is no glob: {}", shown(), error.kind())),
    };
    Err(why)
}

/// Whether a component is `..`, also one that an alternative or an escape makes.
fn steps_up(pattern: &str) -> bool {
    let plain: String = pattern.chars().filter(|c| !matches!(c, '\\' | '[' | ']')).collect();
    let of_dots = |sep: &[char]| plain.split(sep).any(|part| part == "..");
    of_dots(&['/']) || of_dots(&['/', '{', '}', ','])
}

/// Without `./` at its head and `/` at its end.
fn normal(pattern: &str) -> &str {
    let mut rest = pattern;
    while let Some(inner) = rest.strip_prefix("./") {
        rest = inner.trim_start_matches('/');
    }
    match rest.trim_end_matches('/') {
        "" | "." => "**",
        rest => rest,
    }
}

fn compile(pattern: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(pattern).literal_separator(true).build()
}

/// A matcher for paths with `/` between their components, relative to the project. A pattern that names a directory
/// matches everything in it. Patterns that [`check_glob`] refuses match nothing.
pub fn matcher(patterns: &[String]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns.iter().filter(|pattern| check_glob(pattern).is_ok()) {
        let pattern = normal(pattern);
        for glob in [compile(pattern), compile(&format!("{pattern}/**"))].into_iter().flatten() {
            set.add(glob);
        }
    }
    set.build().unwrap_or_else(|_| GlobSet::empty())
}

/// What stands in a pattern before the first component that is more than a name: the directory, or the file, that
/// everything it matches is in.
pub fn literal_part(pattern: &str) -> String {
    let names = normal(pattern).split('/').take_while(|part| !part.contains(['*', '?', '[', ']', '{', '}', '\\']));
    names.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_that_could_leave_the_project_is_refused_with_the_reason() {
        for pattern in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a/..",
            "..",
            "{a,..}/x",
            "{a,../b}",
            "~/x",
            "C:/x",
            "c:x",
            "\\\\host\\x",
            "a/[.][.]/b",
            "a/\\../b",
            ".{.,x}/y",
            "a\nb",
            "[",
            "a{",
        ] {
            let refused = check_glob(pattern).is_err();
            // Alternatives that only together make two dots match no path that Git could hold.
            assert!(refused || pattern == ".{.,x}/y", "{pattern:?}");
        }
        for pattern in
            ["src/**/*.rs", "a..b", "...", "./src/", "research-findings.md", "a b.md", "{a,b}/*.md", "[ab].md", "é"]
        {
            assert!(check_glob(pattern).is_ok(), "{pattern}");
        }
    }

    #[test]
    fn a_directory_matches_what_is_in_it_and_a_star_stops_at_the_slash() {
        let set = matcher(&["src".into(), "docs/*.md".into(), "./web/".into(), "/bad".into(), "lib/**".into()]);
        for path in ["src", "src/a.rs", "src/a/b.rs", "docs/a.md", "web/x/y", "lib/a"] {
            assert!(set.is_match(path), "{path}");
        }
        for path in ["srcs", "docs/a/b.md", "bad", "a/src"] {
            assert!(!set.is_match(path), "{path}");
        }
        assert!(matcher(&[".".into()]).is_match("anything/at/all"));
    }

    proptest! {
        #[test]
        fn checking_is_total(pattern in any::<String>()) {
            let good = check_glob(&pattern).is_ok();
            prop_assert!(good || !matcher(std::slice::from_ref(&pattern)).is_match(&pattern));
        }
    }

    #[test]
    fn everything_that_a_pattern_matches_is_below_its_literal_part() {
        let parts =
            [("a/b.md", "a/b.md"), ("./a/*/c", "a"), ("**", ""), ("a/b{c,d}/e", "a"), (".", ""), ("a/b/", "a/b")];
        for (pattern, part) in parts {
            assert_eq!(literal_part(pattern), part, "{pattern}");
        }
    }
}
