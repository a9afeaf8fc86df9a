//! What the README shows is what people get.

use crate::harness::Sandbox;

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

/// The fenced blocks of a language, in order.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(&str, &str, String)> = None;
    for line in text.lines() {
        let (fence, rest) = line.split_at(line.len() - line.trim_start_matches('`').len());
        match &mut open {
            None if fence.len() >= 3 => open = Some((fence, rest, String::new())),
            None => {}
            Some((opening, ..)) if line == *opening => found.extend(open.take()),
            Some((.., block)) => block.push_str(&format!("{line}\n")),
        }
    }
    found.into_iter().filter(|(_, of, _)| *of == language).map(|(.., block)| block).collect()
}

/// A line without what differs at every run: commit ids, dates, times, durations.
fn redacted(line: &str) -> String {
    let word = |word: &str| {
        let id = word.len() >= 7 && word.bytes().all(|b| b.is_ascii_hexdigit());
        let time = word.len() >= 8 && word.bytes().all(|b| b.is_ascii_digit() || b == b'-' || b == b':');
        let seconds = word.strip_suffix('s').is_some_and(|n| n.parse::<f64>().is_ok());
        if id || time || seconds { "#".to_owned() } else { word.to_owned() }
    };
    line.split(' ').map(word).collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

#[test]
fn the_demonstration_prints_what_the_readme_shows() {
    let sandbox = Sandbox::bare_directory();
    let out = sandbox.chant(["demo"]).ok();
    let printed: Vec<String> = out.out.lines().chain(out.err.lines()).map(redacted).collect();
    let shown = blocks(&readme(), "text");
    assert!(!shown.is_empty());
    for line in shown.iter().flat_map(|block| block.lines()).map(redacted) {
        assert!(printed.contains(&line), "the README shows what is not printed:\n{line}\n\n{}", out.all());
    }
}

#[test]
fn the_commands_for_a_repository_of_ones_own_work_as_shown() {
    let sandbox = Sandbox::bare_directory();
    sandbox.git(["init", "--quiet", "--initial-branch=main", "."]).ok();
    let text = readme();
    let commands = blocks(&text, "sh").into_iter().find(|block| block.contains("chant init")).unwrap();
    let spec = blocks(&text, "markdown").remove(0);
    std::fs::write(sandbox.beside("spec.md"), spec).unwrap();
    // Whoever follows it writes the spec that is shown into the editor.
    let editor = format!("cp {}", sandbox.beside("spec.md").display());
    let path = path();
    let mut shell = sandbox.command("sh", &sandbox.root);
    crate::harness::run(shell.args(["-euc", &commands]).env("PATH", path).env("GIT_EDITOR", editor)).ok();
    assert_eq!(sandbox.status("001-there-is-a-greeting"), "completed");
    assert_eq!(sandbox.read("greeting.txt"), "hello\n");
}

/// Where `chant` and `git-chant` are found first.
fn path() -> std::ffi::OsString {
    let own = std::path::Path::new(crate::harness::chant()).parent().map(std::path::Path::to_owned);
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(own.into_iter().chain(std::env::split_paths(&path))).unwrap()
}

#[test]
fn the_examples_readme_is_run_as_it_is_written_and_shows_what_comes_out() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/kpi-okr-workflow/README.md")).unwrap();
    let commands = blocks(&text, "sh");
    let shell = |sandbox: &crate::harness::Sandbox, dir: &str, script: &str| {
        // What it puts under /tmp for people goes beside the sandbox here.
        let script = script.replace("/tmp/", &format!("{}/", sandbox.beside("").display()));
        let mut shell = sandbox.command("sh", &sandbox.path(dir));
        let out = crate::harness::run(shell.args(["-euc", &script]).env("PATH", path()).env("PAGER", "cat"));
        assert_eq!(out.code, 0, "{script}\n{}", out.all());
        out.all()
    };
    let dir = crate::run_example::DIR;
    let sandbox = crate::run_example::example();
    let mut printed = shell(&sandbox, "", &commands[0]);
    assert!(commands[1].contains("chant work 002.1"));
    for look in &commands[2..] {
        printed.push_str(&shell(&sandbox, dir, look));
    }
    let one_by_one = crate::run_example::example();
    shell(&one_by_one, dir, "chant work 001");
    shell(&one_by_one, dir, &commands[1]);
    assert_eq!(one_by_one.chant_in(dir, ["show", "002", "--json"]).ok().json()["status"], "completed");

    let printed: Vec<String> =
        printed.lines().map(|line| redacted(line.trim_start_matches(|c: char| !c.is_alphabetic()))).collect();
    for line in blocks(&text, "text").iter().flat_map(|block| block.lines()) {
        let line = redacted(line.trim_start_matches(|c: char| !c.is_alphabetic()));
        assert!(printed.iter().any(|said| said.contains(&line)), "not printed: {line}\n{printed:#?}");
    }
    let findings = sandbox.read(&format!("{dir}/.chant/context/kpi-churn-q1/research-findings.md"));
    assert!(findings.contains("| 4.4 |"), "another figure gives another finding: {findings}");
}
