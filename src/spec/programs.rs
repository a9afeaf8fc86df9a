//! Which files of the tree a proof's command runs as programs, as far as its words tell.

/// Programs that run the file which is their first argument.
const INTERPRETERS: [&str; 14] =
    ["sh", "bash", "dash", "zsh", "ksh", "fish", "python", "python3", "node", "ruby", "perl", "php", "source", "."];
/// Programs that run the command which follows them.
const PREFIXES: [&str; 9] = ["exec", "env", "time", "nice", "nohup", "command", "!", "if", "then"];

/// The paths, relative to where the command runs, of what it runs by name: `./check.sh`, `tests/check`, `sh check.sh`.
/// What those run in turn, or a build tool runs, its words do not tell.
pub fn programs(command: &str) -> Vec<String> {
    let plain = command.replace(['"', '\''], "");
    let mut found: Vec<String> = Vec::new();
    for simple in plain.split([';', '|', '&', '(', ')', '\n', '`', '{', '}']) {
        let mut words = simple.split_whitespace().skip_while(|word| is_assignment(word) || PREFIXES.contains(word));
        let Some(program) = words.next() else { continue };
        let name = program.rsplit('/').next().unwrap_or(program);
        let path = if INTERPRETERS.contains(&name) {
            // `sh -c` runs words, not a file.
            words.take_while(|word| *word != "-c" && *word != "-e").find(|word| !word.starts_with('-'))
        } else {
            program.contains('/').then_some(program)
        };
        let path = path.map(|path| path.trim_start_matches("./")).filter(|path| !path.starts_with('/'));
        found.extend(path.map(str::to_owned).filter(|path| !path.is_empty()));
    }
    found.dedup();
    found
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map(|(name, _)| name).unwrap_or_default();
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_that_a_command_runs_are_told_from_those_that_it_reads() {
        let cases: [(&str, &[&str]); 9] = [
            ("./check.sh --fast", &["check.sh"]),
            ("sh tests/a.sh && LANG=C tests/b", &["tests/a.sh", "tests/b"]),
            ("test -f m && grep -q x base.txt", &[]),
            ("cat a | python3 -u tools/count.py b", &["tools/count.py"]),
            ("! sh \"check.sh\"", &["check.sh"]),
            ("sh -c 'test -f a'", &[]),
            ("/usr/bin/env sh check.sh", &[]),
            ("env sh check.sh; cargo test", &["check.sh"]),
            ("(cd web; ./run)", &["run"]),
        ];
        for (command, paths) in cases {
            assert_eq!(programs(command), paths, "{command}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_words_will_do(command in "\\PC*") {
            programs(&command);
        }
    }
}
