//! What one line of a program or a test says, in no language in particular: a guess from its words.

/// What begins a line that only steers, and so is no block of its own.
const STEERS: [&str; 24] = [
    "if", "elif", "else", "elsif", "then", "for", "while", "until", "do", "case", "switch", "match", "try", "catch",
    "except", "finally", "rescue", "with", "unless", "loop", "select", "begin", "&&", "||",
];

/// Columns before the first word, a tab for four.
pub(super) fn indent(line: &str) -> usize {
    line.chars().take_while(|c| c.is_whitespace()).map(|c| if c == '\t' { 4 } else { 1 }).sum()
}

pub(super) fn has_words(text: &str) -> bool {
    text.contains(|c: char| c.is_alphanumeric())
}

/// Whether a line does anything: no comment, no end of a block, no word that stands for nothing.
pub(super) fn says_something(text: &str) -> bool {
    const NOTHING: [&str; 14] =
        ["fi", "done", "esac", "end", "else", "then", "do", "pass", "true", ":", "return", "...", "return 0", "exit 0"];
    let bare = text.trim_matches(|c: char| c.is_whitespace() || "{}()[];,".contains(c));
    !is_comment(text) && has_words(bare) && !NOTHING.contains(&bare)
}

/// Whether a line is a comment in most languages; attributes and shebangs are none.
pub(super) fn is_comment(text: &str) -> bool {
    let text = text.trim_start();
    let hash = text.starts_with('#') && !text.starts_with("#[") && !text.starts_with("#!") && !text.starts_with("#if");
    hash || ["//", "/*", "* ", "-- ", "<!--", "\"\"\"", "'''"].iter().any(|start| text.starts_with(start))
}

pub(super) fn steers(text: &str) -> bool {
    let text = text.trim_start_matches(['}', ' ', '!']);
    STEERS.iter().any(|word| text.strip_prefix(word).is_some_and(ends_word)) || text.starts_with('[')
}

pub(super) fn ends_word(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Whether a mark stands in a line, and not as the end of a longer name (`exit(` is no `xit(`).
pub(super) fn has_mark(text: &str, mark: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let alone = |at: usize| {
        !mark.starts_with(is_name) || !text[..at].ends_with(|c: char| is_name(c) || c == '.' && mark.ends_with('('))
    };
    text.match_indices(mark).any(|(at, _)| alone(at))
}

/// What a test is called: the first words in quotation marks, else the last name before a parenthesis.
pub(super) fn title(line: &str) -> Option<&str> {
    let quoted = ['"', '\'', '`'].iter().filter_map(|mark| {
        let from = line.find(*mark)? + 1;
        let to = from + line[from..].find(*mark)?;
        (to > from + 2).then_some((from, &line[from..to]))
    });
    if let Some((_, words)) = quoted.min_by_key(|(from, _)| *from) {
        return Some(words);
    }
    let before = &line[..line.find('(')?];
    let name = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    let is_definition = before.contains(' ') && name.len() > 2;
    is_definition.then_some(name)
}

/// The simple commands of a line of shell, in words.
pub(super) fn statements(line: &str) -> impl Iterator<Item = Vec<&str>> {
    let code = line.split(" #").next().unwrap_or(line);
    code.split([';', '|', '&', '{', '}', '(', ')']).map(|part| {
        let words = part.split_whitespace();
        words
            .skip_while(|word| ["then", "else", "do", "!", "if", "elif", "builtin", "command"].contains(word))
            .collect()
    })
}

/// How often a text of shell says that it stops at the first error.
pub(super) fn stops_at_errors(text: &str) -> usize {
    let says = |line: &&str| {
        let mut words = line.split_whitespace();
        words.next() == Some("set")
            && words.any(|word| word == "errexit" || word.starts_with('-') && word.contains('e') && word != "-o")
    };
    text.lines().map(str::trim).flat_map(|line| line.split(';')).filter(|line| says(line)).count()
}

/// Whether a file is shell: by its name, or by its first line.
pub(super) fn is_shell(path: &str, text: &str) -> bool {
    const ENDINGS: [&str; 7] = ["sh", "bash", "zsh", "ksh", "dash", "bats", "fish"];
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    let first = text.lines().next().unwrap_or_default();
    ending.is_some_and(|ending| ENDINGS.contains(&ending)) || first.starts_with("#!") && first.contains("sh")
}
