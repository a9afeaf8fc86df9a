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
            // `sh -c` runs words, not a file; `-e` of a shell does not.
            let shell = name.ends_with("sh");
            let inline = |word: &&str| *word == "-c" || (*word == "-e" && !shell);
            words.take_while(|word| !inline(word)).find(|word| !word.starts_with('-'))
        } else {
            program.contains('/').then_some(program)
        };
        let path = path.map(|path| path.trim_start_matches("./")).filter(|path| !path.starts_with('/'));
        found.extend(path.map(str::to_owned).filter(|path| !path.is_empty()));
    }
    found.dedup();
    found
}

/// Whether a word of a command is the name of a file, from wherever in the tree it is run.
pub fn names_file(command: &str, path: &str) -> bool {
    let words = command.split(|c: char| c.is_whitespace() || "\"'`;|&(){}<>=$".contains(c));
    words.filter(|word| !word.is_empty() && !word.starts_with('/')).any(|word| {
        // Steps up and down are taken as they come: `sub/../check.sh` ends in what counts.
        let end = word.rsplit("../").next().unwrap_or(word).trim_start_matches("./");
        !end.is_empty() && (path == end || path.strip_suffix(end).is_some_and(|rest| rest.ends_with('/')))
    })
}

/// Whether a file is a program by its name.
pub fn is_program(path: &str) -> bool {
    const ENDINGS: [&str; 20] = [
        "sh", "bash", "zsh", "ksh", "fish", "py", "rb", "pl", "php", "js", "mjs", "cjs", "ts", "awk", "sed", "lua",
        "mk", "bats", "jq", "tcl",
    ];
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ["Makefile", "makefile", "justfile", "Rakefile"].contains(&name)
        || ending.is_some_and(|ending| ENDINGS.contains(&ending))
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

    #[test]
    fn a_file_is_named_from_wherever_a_command_goes() {
        for command in
            ["timeout 5 sh sub/x.sh", "cd sub && sh x.sh", "sh < sub/x.sh", "S=sub/x.sh; sh $S", "cat x.sh | sh"]
        {
            assert!(names_file(command, "sub/x.sh"), "{command}");
        }
        assert!(names_file("sh a/../check.sh", "check.sh") && names_file("bash -e check.sh", "check.sh"));
        assert!(!names_file("sh my-x.sh", "x.sh") && !names_file("sh /usr/x.sh", "x.sh") && !names_file("", "x.sh"));
        assert!(is_program("a/x.sh") && is_program("Makefile") && !is_program("a.md") && !is_program("sh"));
        assert_eq!(programs("bash -e check.sh"), ["check.sh"]);
    }

    proptest::proptest! {
        #[test]
        fn any_words_will_do(command in "\\PC*") {
            programs(&command);
        }
    }
}
