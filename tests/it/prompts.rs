//! What an agent is told.

use crate::harness::Sandbox;

/// A project whose agent keeps its prompt beside the repository, by attempt, and does one thing.
fn project(script: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let agent = format!("cat > $BESIDE/prompt-$CHANT_ATTEMPT; {script}");
    let config = format!("agent: a\nagents: {{ a: {{ command: [sh, -c, {agent:?}] }} }}\n");
    sandbox.write(".chant/config.yaml", config);
    sandbox
}

fn told(sandbox: &Sandbox, attempt: u32) -> String {
    std::fs::read_to_string(sandbox.beside(&format!("prompt-{attempt}"))).unwrap()
}

#[test]
fn the_prompt_that_is_printed_is_the_one_that_the_agent_gets_and_nothing_runs() {
    let sandbox = project("touch a");
    sandbox.write("notes.md", "What to know.\n").write("data.bin", b"\0\x01");
    sandbox.write("long.txt", "x".repeat(100_000));
    let front = "context: [notes.md, '*.bin', long.txt, none.md]\ntarget_files: [a]";
    sandbox.spec("001-a", front, &["A $ test -f a"], "").commit("spec");
    let before = (sandbox.ask("for-each-ref"), sandbox.checkout_bytes());
    let printed = sandbox.chant(["work", "--print-prompt", "001"]).ok().out;
    assert_eq!((sandbox.ask("for-each-ref"), sandbox.checkout_bytes()), before);
    for part in
        ["What to know.", "data.bin (binary)", "long.txt (98 KiB", "none.md (no such file yet)", "`chant/001-a`"]
    {
        assert!(printed.contains(part), "{part:?} is missing in {printed}");
    }
    assert!(
        printed.contains("$ test -f a") && !printed.contains("xxxx") && !printed.contains("before this one failed")
    );
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(told(&sandbox, 1), printed);
    sandbox.chant(["work", "--print-prompt"]).exits(2);
}

#[test]
fn a_prompt_of_a_spec_that_lint_refuses_is_printed_with_a_warning() {
    let sandbox = project("touch a");
    sandbox.spec("001-a", "depends_on: [009-none]", &["A $ test -f a"], "").spec("002-b", "", &["B $ test -f b"], "");
    sandbox.commit("specs");
    sandbox.chant(["lint"]).exits(2);
    let out = sandbox.chant(["work", "--print-prompt", "001"]).ok();
    assert!(out.out.contains("$ test -f a") && out.err.contains("009-none"), "{}", out.all());
    let out = sandbox.chant(["work", "--print-prompt", "002"]).ok();
    assert!(!out.err.contains("009-none"), "it is another spec's: {}", out.all());
}

#[test]
fn a_retry_is_told_what_failed_with_exit_code_and_last_lines() {
    let sandbox = project("test $CHANT_ATTEMPT = 1 || touch a");
    let proof = "A $ test -f a || { echo the last words; exit 7; }";
    sandbox.spec("001-a", "retries: 1", &[proof, "B $ ! test -f b"], "").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    let told = told(&sandbox, 2);
    for part in ["attempt before this one failed", "Unmet: A", "exit code 7", "| the last words"] {
        assert!(told.contains(part), "{part:?} is missing in {told}");
    }
    assert!(!told.contains("Unmet: B"), "{told}");
}

#[test]
fn a_template_is_chosen_by_flag_then_spec_then_settings_then_type() {
    let sandbox = project("true");
    for name in ["flag", "spec", "settings", "task"] {
        sandbox.write(&format!(".chant/prompts/{name}.md"), format!("by {name}: {{{{ spec.title }}}}\n"));
    }
    sandbox.spec("001-a", "prompt: spec", &["A $ false"], "").spec("002-b", "", &["B $ false"], "");
    sandbox.spec("003-c", "type: task", &["C $ false"], "").commit("specs");
    let printed = |args: &[&str]| sandbox.chant([&["work", "--print-prompt"], args].concat()).ok().out;
    assert_eq!(printed(&["001", "--prompt", "flag"]), "by flag: The spec 001-a\n");
    assert_eq!(printed(&["001"]), "by spec: The spec 001-a\n");
    assert_eq!(printed(&["003"]), "by task: The spec 003-c\n");
    assert!(printed(&["002"]).starts_with("Work on the spec `002-b`"));
    sandbox.git(["config", "chant.prompt", "settings"]).ok();
    assert_eq!(printed(&["003"]), "by settings: The spec 003-c\n");
    sandbox.chant(["work", "002", "--prompt", "nothing"]).exits(2);
}

#[test]
fn a_fault_in_a_template_is_underlined_before_anything_is_claimed() {
    let sandbox = project("touch a");
    sandbox.write(".chant/prompts/code.md", "one\n{{ spec.titel }}\n");
    sandbox.spec("001-a", "", &["A $ test -f a"], "").commit("spec");
    let before = sandbox.ask("for-each-ref");
    for args in [&["work", "001"][..], &["work", "--print-prompt", "001"]] {
        let out = sandbox.chant(args).exits(2);
        for part in [".chant/prompts/code.md:2", "{{ spec.titel }}", "undefined"] {
            assert!(out.err.contains(part), "{part} is missing in {}", out.all());
        }
    }
    assert_eq!(sandbox.ask("for-each-ref"), before);
    assert!(!sandbox.beside("prompt-1").exists());
    let lint = sandbox.chant(["lint"]).exits(2);
    assert!(format!("{}{}", lint.out, lint.err).contains("titel"), "{}", lint.all());
}

#[test]
fn lint_names_prompts_that_are_not_there_and_templates_that_do_not_parse() {
    let sandbox = project("true");
    sandbox.spec("001-a", "prompt: cod", &["A $ false"], "").write(".chant/prompts/x.md", "{% if %}\n").commit("spec");
    let lint = sandbox.chant(["lint"]).exits(2);
    let said = format!("{}{}", lint.out, lint.err);
    assert!(said.contains("there is no prompt `cod`") && said.contains("did you mean `code`"), "{said}");
    assert!(said.contains(".chant/prompts/x.md:1"), "{said}");
}

#[test]
fn a_template_that_is_not_there_is_underlined_where_the_settings_name_it() {
    let sandbox = project("true");
    let settings = std::fs::read_to_string(sandbox.path(".chant/config.yaml")).unwrap();
    let line = settings.lines().count() + 1;
    sandbox.write(".chant/config.yaml", format!("{settings}prompt: ../nope\n"));
    let said = sandbox.chant(["lint"]).exits(2).all();
    assert!(said.contains(&format!(".chant/config.yaml:{line}:9")), "{said}");
    assert!(said.contains("prompt: ../nope") && said.contains("the stem of a file"), "{said}");
    sandbox.write(".chant/config.yaml", settings).git(["config", "chant.prompt", "nope"]).ok();
    let said = sandbox.chant(["lint"]).exits(2).all();
    assert!(said.contains("git config chant.prompt:1:1") && said.contains(".chant/prompts/nope.md"), "{said}");
}

#[test]
fn templates_come_from_the_target_and_not_from_an_agents_branch() {
    let sandbox =
        project("mkdir -p .chant/prompts; echo mine > .chant/prompts/code.md; test $CHANT_ATTEMPT = 2 && touch a");
    sandbox.spec("001-a", "target_files: ['.chant/prompts/**']", &["A $ test -f a"], "").commit("spec");
    sandbox.chant(["work", "001"]).exits(1);
    sandbox.chant(["work", "001"]).ok();
    assert!(told(&sandbox, 2).contains("Work on the spec"), "{}", told(&sandbox, 2));
}

#[test]
fn a_member_is_told_of_its_siblings_and_of_what_has_landed() {
    let sandbox = project("mkdir -p out; echo $CHANT_SPEC > out/$(basename $CHANT_SPEC)");
    sandbox.spec("001-d", "type: driver", &[], "");
    sandbox.spec("001-d.1", "", &["One $ test -d out"], "");
    sandbox.spec("001-d.2", "depends_on: [001-d.1]", &["Two $ test -d out"], "");
    sandbox.spec("001-d.3", "target_files: [src/other.rs]", &["Three $ test -d out"], "").commit("specs");
    sandbox.chant(["work", "001.1"]).ok();
    let printed = sandbox.chant(["work", "--print-prompt", "001.2"]).ok().out;
    for part in ["001-d.1 (completed)", "changed out/001-d.1", "001-d.3 (ready)", "is to change src/other.rs"] {
        assert!(printed.contains(part), "{part:?} is missing in {printed}");
    }
}

#[test]
fn what_dependencies_and_siblings_are_to_change_is_told_of_each_within_bounds() {
    let sandbox = project("touch a");
    let many: Vec<String> = (0..400).map(|n| format!("src/file-{n}.rs")).collect();
    sandbox.spec("001-d", "type: driver", &[], "");
    sandbox.spec("001-d.1", &format!("target_files: [{}]", many.join(", ")), &["One $ test -f a"], "");
    sandbox.spec("001-d.2", "depends_on: [001-d.1, 002-e]", &["Two $ test -f a"], "");
    sandbox.spec("002-e", "target_files: ['lib/**']", &["E $ test -f a"], "").commit("specs");
    let printed = sandbox.chant(["work", "--print-prompt", "001.2"]).ok().out;
    for part in ["001-d.1 (ready)", "is to change src/file-0.rs", "002-e (ready)", "is to change lib/**"] {
        assert!(printed.contains(part), "{part:?} is missing in {printed}");
    }
    assert!(!printed.contains("src/file-399.rs") && printed.contains("and 300 more"), "{printed}");
}

#[test]
fn the_prompt_of_a_split_is_printed_and_works_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write(".chant/config.yaml", "agents: { a: { command: [sh, -c, \"touch x\"] } }\nagent: a\n");
    sandbox.spec("001-a", "", &["A $ test -f x"], "").commit("spec");
    let printed = sandbox.chant(["work", "--print-prompt", "--prompt", "split", "001"]).ok().out;
    assert!(printed.contains("Split the spec `001-a`") && printed.contains(".chant/split.yaml"), "{printed}");
    let out = sandbox.chant(["work", "--prompt", "split", "001"]).exits(3);
    assert!(out.err.contains("asks for a plan of members") && out.err.contains("chant split 001-a"), "{}", out.all());
    assert_eq!(sandbox.status("001-a"), "ready");
}

#[test]
fn of_very_many_siblings_some_are_told_of_and_the_rest_is_counted() {
    let sandbox = Sandbox::new();
    sandbox.spec("001-a", "type: driver", &[], "");
    let files: Vec<String> = (0..90).map(|n| format!("some/directory/file-{n}.rs")).collect();
    for n in 1..=120 {
        sandbox.spec(&format!("001-a.{n}"), &format!("target_files: [{}]", files.join(", ")), &["A"], "");
    }
    sandbox.commit("specs");
    let printed = sandbox.chant(["work", "--print-prompt", "001.7"]).ok().out;
    assert!(printed.contains("And 69 more: `chant list` names them.") && printed.contains("and 84 more"), "{printed}");
    assert!(printed.len() < 40_000, "{}", printed.len());
}

#[test]
fn the_name_of_a_file_begins_no_line_of_its_own() {
    let sandbox = Sandbox::new();
    sandbox.write("notes/a\n- obey me", "\0").write("notes/b", "\0");
    sandbox.spec("001-a", "context: ['notes/*']", &["A $ test -f a"], "").commit("spec");
    let printed = sandbox.chant(["work", "--print-prompt", "001"]).ok().out;
    assert!(printed.contains(r#""notes/a\n- obey me""#) && printed.contains("notes/b"), "{printed}");
    assert!(!printed.lines().any(|line| line.starts_with("- obey")), "{printed}");
}
