//! A row, the repository in which its history is made, and what is wrong with what chant says of it.

use std::path::Path;

use crate::harness::{Output, Sandbox, chant, run};

/// One history.
pub struct Row {
    /// A sentence.
    pub says: &'static str,
    /// A script in a copy of the [`template`].
    does: &'static str,
    is: &'static str,
    cloned: Cloned,
}

/// What a fresh clone is to say.
enum Cloned {
    /// The same statuses.
    Alike,
    Says(&'static str),
    /// It is not asked.
    Not,
}

impl Cloned {
    fn says(&self, here: &'static str) -> Option<&'static str> {
        match self {
            Self::Alike => Some(here),
            Self::Says(other) => Some(other),
            Self::Not => None,
        }
    }
}

/// A sentence, a script, and what is right then: `001 completed`, several of them with a bar between. `001 in_review: word`
/// also wants a word in what waits for a person, and `001 completed: -` that nothing does.
pub const fn row(says: &'static str, does: &'static str, is: &'static str) -> Row {
    Row { says, does, is, cloned: Cloned::Alike }
}

impl Row {
    /// A fresh clone does not have what this row is about.
    pub const fn here_only(self) -> Self {
        Self { cloned: Cloned::Not, ..self }
    }

    /// A fresh clone has less, and says this.
    pub const fn cloned(self, says: &'static str) -> Self {
        Self { cloned: Cloned::Says(says), ..self }
    }
}

/// What the scripts of the rows share. The work of `001-greet` is three commits: `lines` has another third line, `greet`
/// is there, `lines` has another ninth one.
const WORDS: &str = r#"
set -eu
g=chant/001-greet
add() { git add --all; git commit -q -m "$@"; }
edit() { sed "$2s/.*/$3/" "$1" > "$1+"; mv "$1+" "$1"; }
other() { edit lines 25 "${1:-other}"; echo "${1:-other}" >> others; add "${1:-something else}"; }
merge() { git merge -q --no-ff -m "Merge branch" "$@"; }
squash() { git merge -q --squash "$1" > /dev/null; }
revert() { git revert --no-edit "$@" > /dev/null; }
onto() { git checkout -q "$@"; }
id() { git rev-parse "$1"; }
line() { echo "Chant-Landing: $1 ${3:-1} $(id "$2")"; }
start() { printf 'start\n\nChant-Spec: %s\nChant-Status: in_progress\nChant-Attempt: %s\nChant-Run: %s@far\nChant-Target: main\n' "$1" "$2" "$3" | git commit -q --allow-empty -F -; }
complete() { printf 'done\n\nChant-Spec: %s\nChant-Status: completed\nChant-Attempt: %s\n' "$1" "$2" | git commit -q --allow-empty -F -; }
"#;

/// One repository with everything that rows begin with: `001-greet` is completed and waits for a review, and so do both
/// members of `002-pair` and the whole of `003-whole`, on whose branch its members landed; `004-plain` is untouched.
pub fn template() -> Sandbox {
    let sandbox = Sandbox::new();
    let lines: String = (1..=30).map(|n| format!("{n}\n")).collect();
    sandbox.write("lines", lines).write("others", "one\n");
    let work = "third() { sed \"$1s/.*/$2/\" lines > new && mv new lines; }\n\
                third 3 three; git commit -qam 'count in words'\n\
                echo hello > greet; git add greet; git commit -qm 'say hello'\n\
                third 9 nine; git commit -qam 'nine, too'";
    sandbox.steps("001-greet", "review: required", &["Greets $ test -f greet"], work);
    sandbox.spec("002-pair", "type: driver", &["Both $ test -f a && test -f b"], "");
    sandbox.steps("002-pair.1", "review: required", &["A $ test -f a"], "echo a > a");
    sandbox.steps("002-pair.2", "review: required", &["B $ test -f b"], "echo b > b");
    sandbox.spec("003-whole", "type: driver\nreview: required", &["Both $ test -f c && test -f d"], "");
    sandbox.steps("003-whole.1", "", &["C $ test -f c"], "echo c > c");
    sandbox.steps("003-whole.2", "", &["D $ test -f d"], "echo d > d");
    sandbox.spec("004-plain", "", &["Plain $ test -f plain"], "");
    sandbox.commit("a project with specs");
    for id in ["001", "002", "003"] {
        sandbox.chant(["work", id]);
    }
    // A copy of a repository would share the worktrees of the first.
    std::fs::remove_dir_all(sandbox.path(".chant/worktrees")).unwrap();
    sandbox.git(["worktree", "prune"]).ok();
    // It is copied and cloned for every row: few files, and nothing that Git starts behind them.
    for args in ["config gc.auto 0", "config maintenance.auto false", "repack -adq", "pack-refs --all"] {
        sandbox.ask(args);
    }
    for dir in ["hooks", "logs", "chant"] {
        std::fs::remove_dir_all(sandbox.path(".git").join(dir)).unwrap();
    }
    sandbox
}

/// What `list --json` says in a directory.
fn list(sandbox: &Sandbox, dir: &Path) -> Result<Vec<serde_json::Value>, String> {
    let out = run(sandbox.command(chant(), dir).args(["list", "--json"]));
    if out.code == 0 { Ok(out.json().as_array().unwrap().clone()) } else { Err(out.all()) }
}

/// What is wrong with what is said of one spec; `words` are not asked of a clone, which knows less.
fn wrong(list: &[serde_json::Value], expected: &str, words: bool) -> Option<String> {
    let (id, wanted) = expected.split_once(' ').unwrap();
    let (status, word) = wanted.split_once(": ").unwrap_or((wanted, ""));
    let (number, member) = id.split_once('.').map_or((id, None), |(number, member)| (number, Some(member)));
    let is_it = |item: &&serde_json::Value| {
        let (its, rest) = item["id"].as_str().unwrap().split_once('-').unwrap();
        its == number && rest.split_once('.').map(|(_, member)| member) == member
    };
    let item = list.iter().find(is_it).unwrap_or_else(|| panic!("no {id}"));
    let (is, attention) = (item["status"].as_str().unwrap(), item["attention"].as_str().unwrap_or_default());
    let said = if word == "-" { attention.is_empty() } else { attention.contains(word) };
    (is != status || words && !said).then(|| format!("wants `{expected}`, and is `{is}: {attention}`"))
}

/// What is wrong with what is said in a directory.
fn all_wrong(sandbox: &Sandbox, dir: &Path, expected: &str, words: bool) -> Vec<String> {
    match list(sandbox, dir) {
        Ok(list) => expected.split(" | ").filter_map(|expected| wrong(&list, expected, words)).collect(),
        Err(error) => vec![error],
    }
}

/// Makes the history of a row, and gives what is wrong with what is said of it.
pub fn judge(template: &Sandbox, row: &Row, number: usize) -> Vec<String> {
    let dir = template.apart(&format!("row{number}"));
    let shell = |script: &str| -> Output { run(template.command("sh", &dir).args(["-c", script])) };
    std::fs::create_dir(&dir).unwrap();
    let made = shell(&format!("cp -a {} . && cd repo\n{WORDS}{}", template.root.display(), row.does));
    if made.code != 0 {
        return vec![format!("cannot be made: {}", made.all())];
    }
    let mut found = all_wrong(template, &dir.join("repo"), row.is, true);
    if let Some(is) = row.cloned.says(row.is) {
        shell("git clone -q repo clone").ok();
        let wrong = all_wrong(template, &dir.join("clone"), is, false);
        found.extend(wrong.into_iter().map(|text| format!("in a clone {text}")));
    }
    std::fs::remove_dir_all(dir).unwrap();
    found
}
