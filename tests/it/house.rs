//! The house itself: its arrows, and what is generated from the code.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(dir: &Path, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|its| its == ending) {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

fn sources(dir: &Path) -> Vec<(PathBuf, String)> {
    // What only tests use is no arrow.
    let code = |text: String| text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
    files(dir, "rs").into_iter().map(|(path, text)| (path, code(text))).collect()
}

/// Files that only tests are built of.
fn is_test(path: &Path) -> bool {
    let path = path.to_string_lossy();
    ["test", "laws", "fixture", "killed"].iter().any(|word| path.contains(word))
}

fn in_room(path: &Path, room: &str) -> bool {
    path.starts_with(root().join("src").join(room)) || path == root().join("src").join(format!("{room}.rs"))
}

#[test]
fn the_arrows_between_the_rooms_hold() {
    let never = [
        ("spec", vec!["ledger", "plan", "git", "agent", "config", "project", "run", "ops", "cli"]),
        ("ledger", vec!["plan", "git", "agent", "config", "project", "run", "ops", "cli"]),
        ("plan", vec!["git", "agent", "config", "project", "run", "ops", "cli"]),
        ("git", vec!["agent", "config", "plan", "project", "run", "ops", "cli"]),
        ("cage", vec!["spec", "ledger", "plan", "git", "agent", "config", "env", "project", "run", "ops", "cli"]),
        ("agent", vec!["git", "config", "plan", "project", "run", "ops", "cli"]),
        ("config", vec!["git", "agent", "plan", "project", "run", "ops", "cli"]),
        ("review", vec!["git", "agent", "project", "run", "ops", "cli"]),
        ("project", vec!["run", "ops", "cli"]),
        ("run", vec!["ops", "cli"]),
        ("ops", vec!["cli"]),
    ];
    for (path, code) in sources(&root().join("src")) {
        if is_test(&path) {
            continue;
        }
        for (room, others) in &never {
            for other in others.iter().filter(|_| in_room(&path, room)) {
                assert!(!code.contains(&format!("crate::{other}::")), "{} reaches for {other}", path.display());
            }
        }
    }
}

#[test]
fn the_pure_rooms_reach_for_nothing() {
    for (path, code) in sources(&root().join("src")).into_iter().filter(|(path, _)| !is_test(path)) {
        if ["spec", "ledger", "plan"].iter().any(|room| in_room(&path, room)) {
            for word in
                ["std::fs", "std::process", "std::env", "tokio::", "gix::", "SystemTime", "Instant::now", "println!"]
            {
                assert!(!code.contains(word), "{} uses {word}", path.display());
            }
        }
    }
}

#[test]
fn only_one_room_knows_git_and_only_one_file_spells_a_trailer_key() {
    for (path, code) in sources(&root().join("src")).into_iter().filter(|(path, _)| !is_test(path)) {
        if !in_room(&path, "git") {
            assert!(!code.contains("Command::new(\"git\")") && !code.contains("gix::"), "{}", path.display());
        }
        if !path.ends_with("ledger/block.rs") {
            for key in ["\"Chant-Spec", "\"Chant-Status", "\"Chant-Landing", "\"Chant-Run"] {
                assert!(!code.contains(key), "{} spells {key}", path.display());
            }
        }
    }
}

/// Compares a generated page with what is published; `CHANT_BLESS=1` writes it.
fn published(path: &str, text: &str) {
    let file = root().join(path);
    if std::env::var_os("CHANT_BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(there == text, "{path} is not what the code says: CHANT_BLESS=1 cargo test --test it house");
}

#[test]
fn the_published_schemas_are_those_of_the_code() {
    for (name, schema) in chant::cli::schema::all() {
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        published(&format!("docs/reference/schema/{name}.v1.json"), &text);
    }
}

#[test]
fn the_published_command_line_reference_is_that_of_the_code() {
    let mut command = chant::cli::command().term_width(100);
    command.build();
    let mut page = String::from("# The command line\n\nGenerated from the program itself.\n");
    for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set()) {
        let name = sub.get_name().to_owned();
        let help = sub.render_long_help().to_string();
        page.push_str(&format!("\n## chant {name}\n\n```text\n{}\n```\n", help.trim_end()));
    }
    let page: String = page.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    published("docs/reference/cli.md", &page);
}

#[test]
fn the_help_lists_every_command() {
    let mut command = chant::cli::command();
    let help = command.render_help().to_string();
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        assert!(help.contains(&format!("\n  {} ", sub.get_name())), "{} is not in the help", sub.get_name());
    }
}

/// What `[…](here)` leads to, in order.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// The anchors of a page's headings, as mdbook and GitHub make them.
fn anchors(text: &str) -> Vec<String> {
    let of = |heading: &str| {
        let kept = heading.trim().to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
    };
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| of(line.trim_start_matches('#'))).collect()
}

#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let mut pages = files(&root().join("docs"), "md");
    for page in ["README.md", "CONTRIBUTING.md", "examples/kpi-okr-workflow/README.md"] {
        pages.push((root().join(page), std::fs::read_to_string(root().join(page)).unwrap()));
    }
    let mut dead = Vec::new();
    for (page, text) in &pages {
        for link in links(text).filter(|link| !link.is_empty() && !link.contains("://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let to = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let there = match anchor {
                "" => to.exists(),
                anchor => std::fs::read_to_string(&to).is_ok_and(|text| anchors(&text).iter().any(|one| one == anchor)),
            };
            if !there {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn every_page_of_the_book_stands_in_its_contents() {
    let contents = std::fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let listed: Vec<PathBuf> = links(&contents).map(|link| root().join("docs").join(link)).collect();
    for (page, _) in files(&root().join("docs"), "md") {
        assert!(page.ends_with("SUMMARY.md") || listed.contains(&page), "{} is in no contents", page.display());
    }
}
