//! What people see.

use crate::harness::Sandbox;

#[test]
fn one_bad_spec_never_hides_the_others_and_lint_underlines_it() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a");
    sandbox.write(".chant/specs/002-bad.md", "---\ntype: [nonsense\n---\n# T\n");
    sandbox.write(".chant/specs/003-worse.md", "---\ntype: magic\nretries: many\n---\n# One\n# Two\n");
    sandbox.commit("specs");
    let list = sandbox.chant(["list", "--json"]).ok().json();
    assert_eq!(list.as_array().unwrap().len(), 1);
    let out = sandbox.chant(["lint"]).exits(2);
    for word in ["002-bad.md", "003-worse.md", "magic", "many", "Two"] {
        assert!(out.err.contains(word), "{word}: {}", out.all());
    }
}

#[test]
fn a_cycle_is_shown_as_the_way_round_and_blocks_without_an_end() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "depends_on: 002", &["A $ test -f a"], "touch a");
    sandbox.steps("002-b", "depends_on: 001", &["B $ test -f b"], "touch b").commit("specs");
    let out = sandbox.chant(["lint"]).exits(2);
    assert!(out.err.contains("001-a -> 002-b -> 001-a"), "{}", out.all());
    assert_eq!(sandbox.status("001-a"), "blocked");
    sandbox.chant(["work", "001"]).exits(3);
    sandbox.chant(["why", "001"]).ok();
}

#[test]
fn specs_are_found_by_all_the_words_in_them_and_the_lines_are_told() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-login", "labels: [auth]", &["It rolls back $ test -f rollback"], "touch rollback");
    sandbox.steps("002-logout", "labels: [auth]", &["It ends $ test -f out"], "touch out").commit("specs");
    let found = sandbox.chant(["search", "auth", "rollback", "--json"]).ok().json();
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert_eq!((&found[0]["id"], &found[0]["status"]), (&"001-login".into(), &"ready".into()));
    let file = std::fs::read_to_string(sandbox.root.join(".chant/specs/001-login.md")).unwrap();
    for line in found[0]["lines"].as_array().unwrap() {
        let number = usize::try_from(line["line"].as_u64().unwrap()).unwrap();
        assert_eq!(file.lines().nth(number - 1).unwrap().trim(), line["text"].as_str().unwrap());
    }
    let told = sandbox.chant(["search", "test -f out"]).ok();
    assert!(told.out.contains("002-logout") && told.out.contains("test -f out"), "{}", told.all());
    assert!(!told.out.contains("001-login"), "{}", told.all());
    assert!(sandbox.chant(["search", "nowhere"]).ok().err.contains("nothing found"));
    sandbox.write(".chant/specs/001-login.md", "# Another\n");
    assert!(sandbox.chant(["search", "rollback", "--at", "HEAD"]).ok().out.contains("001-login"));
    assert!(!sandbox.chant(["search", "rollback"]).ok().out.contains("001-login"), "a changed file is read anew");
    sandbox.chant(["search", " "]).exits(2);
}

#[test]
fn every_json_fits_its_published_schema() {
    let sandbox = Sandbox::new();
    sandbox.spec(
        "001-d",
        "type: driver\nkpi: {metric: churn, unit: \"%\", baseline: 8, target: 5}",
        &["A $ test -f a"],
        "",
    );
    sandbox.steps("001-d.1", "kpi: {impact: 1.5}", &["A $ test -f a"], "touch a");
    sandbox.steps("002-b", "depends_on: 001", &["B $ test -f b"], "touch b").commit("specs");
    sandbox.chant(["work", "001"]).ok();
    let calls: [(&str, &[&str]); 10] = [
        ("list", &["list", "--json"]),
        ("search", &["search", "title", "--json"]),
        ("show", &["show", "001", "--json"]),
        ("why", &["why", "002", "--json"]),
        ("graph", &["graph", "--json"]),
        ("diff", &["diff", "001", "--json"]),
        ("verify", &["verify", "001", "--json"]),
        ("lint", &["lint", "--json"]),
        ("config", &["config", "--json"]),
        ("doctor", &["doctor", "--json"]),
    ];
    for (name, args) in calls {
        let value = sandbox.chant(args).ok().json();
        let path = format!("{}/docs/reference/schema/{name}.v1.json", env!("CARGO_MANIFEST_DIR"));
        let schema: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}\n{value:#}");
    }
}

#[test]
fn the_state_of_any_revision_is_what_a_clone_cut_there_says() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a");
    sandbox.steps("002-b", "depends_on: 001", &["B $ test -f b"], "touch b").commit("specs");
    sandbox.chant(["work", "001"]).ok();
    sandbox.chant(["work", "002"]).ok();
    for rev in ["HEAD", "HEAD~1", "HEAD~2"] {
        let at = sandbox.chant(["list", "--json", "--at", rev]).ok().json();
        let clone = sandbox.apart(&format!("clone-{rev}"));
        let oid = sandbox.ask(&format!("rev-parse {rev}"));
        sandbox.git(["clone", "--quiet", "--no-checkout", ".", clone.to_str().unwrap()]).ok();
        let git = |args: &[&str]| crate::harness::run(sandbox.command("git", &clone).args(args)).ok();
        git(&["checkout", "--quiet", "-B", "main", &oid]);
        git(&["remote", "remove", "origin"]);
        let there =
            crate::harness::run(sandbox.command(crate::harness::chant(), &clone).args(["list", "--json"])).ok().json();
        let status = |list: &serde_json::Value| -> Vec<(String, String)> {
            let items = list.as_array().unwrap();
            items.iter().map(|item| (item["id"].to_string(), item["status"].to_string())).collect()
        };
        assert_eq!(status(&at), status(&there), "{rev}");
    }
}

#[test]
fn add_numbers_past_every_ref_and_init_twice_is_the_same_as_once() {
    let sandbox = Sandbox::bare_directory();
    sandbox.chant(["init"]).ok();
    sandbox.commit("a project");
    sandbox.git(["switch", "--quiet", "-c", "side"]).ok();
    sandbox.steps("041-far", "", &[], "true").commit("on a side branch");
    sandbox.git(["switch", "--quiet", "main"]).ok();
    let out = sandbox.chant(["add", "Add JWT login"]).ok();
    assert_eq!(out.out, ".chant/specs/042-add-jwt-login.md\n");
    let before = sandbox.checkout_bytes();
    sandbox.chant(["init"]).ok();
    assert_eq!(sandbox.checkout_bytes(), before);
    sandbox.chant(["lint"]).ok();
}

#[test]
fn looking_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    sandbox.write("untracked", "mine\n");
    let before = (sandbox.checkout_bytes(), sandbox.ask("for-each-ref"));
    for args in [
        &["list"][..],
        &["show", "001"],
        &["why", "001"],
        &["graph"],
        &["log"],
        &["log", "001"],
        &["diff", "001"],
        &["lint"],
        &["config"],
        &["doctor"],
        &["graph", "--format", "svg"],
        &["graph", "--format", "mermaid"],
        &["graph", "--format", "dot"],
        &["completions", "bash"],
        &["man", "--print"],
    ] {
        sandbox.chant(args).ok();
    }
    assert_eq!((sandbox.checkout_bytes(), sandbox.ask("for-each-ref")), before);
}

#[test]
fn wrong_calls_exit_2_and_say_what_to_type() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-alpha", "", &["A $ true"], "true");
    sandbox.steps("002-alpine", "", &["A $ true"], "true").commit("specs");
    let out = sandbox.chant(["show", "alp"]).exits(2);
    assert!(out.err.contains("001-alpha") && out.err.contains("002-alpine"), "{}", out.all());
    sandbox.chant(["show", "nothing"]).exits(2);
    sandbox.chant(["frobnicate"]).exits(2);
    let outside = Sandbox::bare_directory();
    outside.chant(["list"]).exits(2);
}

#[test]
fn a_command_teaches_itself_whichever_way_it_is_asked() {
    let sandbox = Sandbox::new();
    let asked = sandbox.chant(["help", "work"]).ok().out;
    assert_eq!(asked, sandbox.chant(["work", "--help"]).ok().out);
    for args in [&["help"][..], &["--help"], &["-h"]] {
        let out = sandbox.chant(args).ok().out;
        assert!(out.contains("\noptions\n  -C <DIR>") && !out.contains('{'), "{out}");
    }
    sandbox.chant(["help", "frobnicate"]).exits(2);
}

#[test]
fn where_there_is_nothing_it_is_said_what_to_type() {
    let sandbox = Sandbox::bare_directory();
    sandbox.git(["init", "--quiet", "."]).ok();
    sandbox.chant(["init"]).ok();
    assert!(sandbox.chant(["graph"]).ok().err.contains("`chant add"));
    assert!(sandbox.chant(["list"]).ok().err.contains("`chant add"));
    assert!(sandbox.chant(["log"]).ok().err.contains("git commit"));
    sandbox.steps("001-a", "", &[], "touch a").commit("spec");
    let out = sandbox.chant(["work", "001"]).ok();
    assert!(out.err.contains("001-a landed on") && !out.err.contains("0 verified"), "{}", out.all());
    let again = sandbox.chant(["work", "001"]).ok();
    assert_eq!(again.err, "✓ 001-a is in its target already\n");
}

#[test]
fn a_directory_that_a_command_takes_is_not_the_one_to_work_in() {
    let sandbox = Sandbox::bare_directory();
    sandbox.chant(["demo", "here"]).ok();
    assert!(sandbox.exists("here/.git") && !sandbox.exists("here/here"));
    sandbox.chant(["-C", "here", "show", "001"]).ok();
}

#[test]
fn a_shallow_clone_does_not_say_that_nothing_was_proven() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    sandbox.write("more", "").commit("more");
    let url = format!("file://{}", sandbox.root.display());
    sandbox.git(["clone", "--quiet", "--depth=1", &url, "shallow"]).ok();
    let out = sandbox.chant_in("shallow", ["list"]).ok().out;
    assert!(out.starts_with("? 001-a  unknown  ?/1  "), "{out}");
}

#[test]
fn lint_names_every_file_and_says_no_more_than_can_be_read() {
    let sandbox = Sandbox::new();
    sandbox.write(".chant/specs/bad id.md", "# T\n");
    sandbox.write(".chant/specs/002-dir.md/x", "");
    std::os::unix::fs::symlink("/etc/hostname", sandbox.path(".chant/specs/003-link.md")).unwrap();
    sandbox.write(".chant/specs/004-long.md", format!("---\ntype: [{}\n---\n# T\n", "x".repeat(10_000_000)));
    let out = sandbox.chant(["lint"]).exits(2);
    for file in ["bad id.md: ", "002-dir.md: not a file", "003-link.md: a symlink", "004-long.md:2"] {
        assert!(out.err.contains(&format!(".chant/specs/{file}")), "{file} in {}", out.all());
    }
    assert!(out.err.len() < 10_000, "{}", out.err.len());
}

#[test]
fn a_target_is_refused_exactly_where_git_lets_no_branch_bear_the_name() {
    let sandbox = Sandbox::new();
    // Git reads it as another name for HEAD, and a branch that bears it could not be named again.
    assert!(chant::spec::branch_fault("@").is_some());
    for name in [
        "main",
        "release/2.1",
        "a@b",
        "a.b",
        "a-",
        "-x",
        "no such",
        "a..b",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[b",
        "a\\b",
        "/a",
        "a/",
        "a//b",
        ".a",
        "a/.b",
        "a.",
        "a./b",
        "a.lock",
        "a.lock/b",
        "a@{1}",
        "HEAD",
        "head",
        "a/HEAD",
        "ä",
        "a,b",
        "{a}",
        "a\"b",
        "a|b",
    ] {
        let git = sandbox.git(["check-ref-format", "--branch", name]).code == 0;
        assert_eq!(chant::spec::branch_fault(name).is_none(), git, "{name:?}");
        let target = serde_json::to_string(name).unwrap();
        sandbox.spec("001-a", &format!("target: {target}"), &["A $ true"], "");
        let lint = sandbox.chant(["lint"]);
        assert_eq!(lint.code == 0, git, "{name:?}: {}", lint.all());
        let underlined = lint.err.contains(".chant/specs/001-a.md:2:9") && lint.err.contains("the name of a branch");
        assert_eq!(underlined, !git, "{name:?}: {}", lint.all());
    }
}

#[test]
fn unusable_settings_do_not_hide_what_is_wrong_with_the_specs() {
    let sandbox = Sandbox::new();
    sandbox.write(".chant/config.yaml", "jobs: many\n");
    sandbox.write(".chant/specs/001-a.md", "---\ntype: magic\n---\n# T\n");
    let out = sandbox.chant(["lint"]).exits(2);
    assert!(out.err.contains("many") && out.err.contains("magic"), "{}", out.all());
    assert_eq!(out.out, "1 spec: 2 errors, 1 warning\n");
    let list = sandbox.chant(["list"]).exits(2);
    assert!(list.err.contains("many") && !list.err.contains("Error:"), "{}", list.all());
    assert_eq!(list.err.matches("chant::").count(), 1, "{}", list.all());
}

#[test]
fn a_spec_as_add_wrote_it_is_a_warning_until_somebody_says_when_it_is_done() {
    let sandbox = Sandbox::new();
    sandbox.chant(["add", "Something"]).ok();
    let out = sandbox.chant(["lint"]).ok();
    assert!(out.out.ends_with("0 errors, 1 warning\n") && out.err.contains("when it is done"), "{}", out.all());
}

#[test]
fn a_driver_has_no_words_of_its_own_and_nobody_means_a_spec_by_nothing() {
    let sandbox = Sandbox::new();
    sandbox.spec("001-d", "type: driver", &["A $ test -f a"], "");
    sandbox.steps("001-d.1", "", &["A $ test -f a"], "echo words; touch a").commit("specs");
    assert!(sandbox.chant(["log", "001"]).exits(2).err.contains("have not said anything yet"));
    sandbox.chant(["work", "001"]).ok();
    let out = sandbox.chant(["log", "001"]).exits(2);
    assert!(out.err.contains("`chant log 001-d.1`") && !out.err.contains("begins one"), "{}", out.all());
    let out = sandbox.chant(["show", ""]).exits(2);
    assert!(!out.err.contains("did you mean"), "{}", out.all());
}

/// What bash offers for a line, by the function that Git's completion would call or by the one for `chant` itself.
fn offered(sandbox: &Sandbox, call: &str) -> Option<String> {
    let script = sandbox.chant(["completions", "bash"]).ok().out;
    std::fs::write(sandbox.beside("chant.bash"), script).unwrap();
    let text = format!("set -eu; . \"$BESIDE/chant.bash\"; {call}; printf '%s ' \"${{COMPREPLY[@]}}\"");
    let mut bash = sandbox.command("bash", &sandbox.root);
    let out = bash.args(["--noprofile", "--norc", "-c", &text]).output().ok()?;
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(String::from_utf8_lossy(&out.stdout).into_owned())
}

#[test]
fn bash_completes_chant_and_git_chant() {
    let sandbox = Sandbox::new();
    let alone = "COMP_WORDS=(chant sh) COMP_CWORD=1; _chant chant sh chant";
    let Some(words) = offered(&sandbox, alone) else { return };
    assert_eq!(words, "show ");
    let under = |line: &str, at: usize| {
        offered(&sandbox, &format!("under() {{ local -a words=({line}); local cword={at}; _git_chant; }}; under"))
    };
    assert_eq!(under("git chant sh", 2).as_deref(), Some("show "));
    assert_eq!(under("git -C elsewhere chant graph --for", 5).as_deref(), Some("--format "));
    assert_eq!(under("git chant graph --format ''", 4).as_deref(), Some("tree mermaid dot svg "));
    // With Git's own completion, where it is there, as somebody types it.
    let theirs = "/usr/share/bash-completion/completions/git";
    if std::path::Path::new(theirs).exists() {
        let typed = format!(
            "set +eu; . {theirs}; COMP_WORDS=(git chant sh) COMP_CWORD=2 COMP_LINE='git chant sh' COMP_POINT=12; \
             __git_wrap__git_main git sh chant"
        );
        assert_eq!(offered(&sandbox, &typed).as_deref().map(str::trim), Some("show"));
    }
}

#[test]
fn the_manual_is_installed_for_both_names() {
    let sandbox = Sandbox::new();
    let dir = sandbox.beside("man");
    sandbox.chant(["man", "--dir", dir.to_str().unwrap()]).ok();
    for page in ["chant", "git-chant", "chant-work", "git-chant-work"] {
        let text = std::fs::read_to_string(dir.join(format!("man1/{page}.1"))).unwrap();
        assert!(text.contains(&format!(".TH {page} 1")) && text.contains(".SH NAME"), "{page}: {text}");
        for other in text.lines().filter_map(|line| line.strip_suffix("(1)")) {
            let other = other.replace('\\', "");
            assert!(dir.join(format!("man1/{other}.1")).exists(), "{page} leads to {other}");
        }
    }
    let mut man = sandbox.command("man", &sandbox.root);
    // `man` may not be there, or a stub that only says how to install it.
    let Ok(out) = man.env("MANPATH", &dir).env("MANPAGER", "cat").arg("git-chant").output() else { return };
    let text = String::from_utf8_lossy(&out.stdout);
    if text.contains("NAME") || !out.stderr.is_empty() {
        assert!(out.status.success() && text.contains("git chant"), "{out:?}");
    }
}

#[test]
fn a_glob_that_a_symlink_leads_out_of_the_project_is_refused() {
    let sandbox = Sandbox::new();
    std::os::unix::fs::symlink("/etc", sandbox.path("out")).unwrap();
    std::os::unix::fs::symlink("src", sandbox.path("in")).unwrap();
    sandbox
        .write("src/x", "")
        .steps("001-a", "context: [out/hosts, in/*]", &["A $ test -f a"], "touch a")
        .commit("specs");
    let out = sandbox.chant(["lint"]).exits(2);
    assert!(
        out.all().contains("`out/hosts` goes through a symlink") && out.all().contains("001-a.md:2"),
        "{}",
        out.all()
    );
    assert!(!out.all().contains("`in/*` goes"), "{}", out.all());
    let out = sandbox.chant(["work", "001"]);
    assert!(out.code != 0 && out.err.contains("leads out of the project"), "{}", out.all());
    assert_eq!(sandbox.ask("branch --list chant/*"), "");
}
