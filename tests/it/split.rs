//! Members planned by an agent.

use crate::harness::Sandbox;

const PLAN: &str = "members:\n- title: Dates are read\n  criteria:\n  - {text: They are read, proof: test -f read}\n  target_files: [read]\n- title: Dates are written\n  criteria: [They are written]\n  depends_on: [1]\n";

/// A project whose agent writes a plan and, beside it, does what it must not.
fn project(plan: &str, script: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.beside("plan"), plan).unwrap();
    let agent = format!("cat > $BESIDE/prompt; cat $BESIDE/plan > .chant/split.yaml; {script}");
    sandbox.write(".chant/config.yaml", format!("agents: {{ a: {{ command: [sh, -c, {agent:?}] }} }}\n"));
    sandbox.spec("001-dates", "labels: [x]\nagent: a", &["Dates work $ test -f read"], "").commit("spec");
    sandbox
}

#[test]
fn a_plan_is_shown_and_written_to_a_branch_and_the_members_can_be_worked() {
    let sandbox = project(PLAN, "touch junk; git add junk; git commit -qm junk");
    let before = sandbox.checkout_bytes();
    let out = sandbox.chant(["split", "001"]).ok();
    for part in ["001-dates.1", "Dates are read", "$ test -f read", "after 001-dates.1", "split/001-dates"] {
        assert!(out.out.contains(part), "{part} is missing in {}", out.all());
    }
    assert_eq!(sandbox.checkout_bytes(), before, "the checkout is as it was");
    assert_eq!(sandbox.ask("worktree list").lines().count(), 1);
    let files = sandbox.ask("diff --name-only main split/001-dates");
    assert_eq!(files, ".chant/specs/001-dates.1.md\n.chant/specs/001-dates.2.md\n.chant/specs/001-dates.md");
    assert!(
        sandbox.ask("show split/001-dates:.chant/specs/001-dates.md").starts_with("---\ntype: driver\nlabels: [x]")
    );
    let prompt = std::fs::read_to_string(sandbox.beside("prompt")).unwrap();
    assert!(prompt.contains(".chant/split.yaml") && prompt.contains("Dates work"), "{prompt}");
    sandbox.chant(["split", "001"]).exits(3);

    sandbox.git(["merge", "-q", "split/001-dates"]).ok();
    sandbox.chant(["lint"]).ok();
    assert_eq!(sandbox.item("001-dates.2")["depends_on"], serde_json::json!(["001-dates.1"]));
    assert_eq!(sandbox.item("001-dates.1")["driver"], "001-dates");
    sandbox.assert_fsck();
}

#[test]
fn a_plan_that_is_not_usable_is_refused_with_the_place_underlined() {
    let sandbox = project("members:\n- title: A\n  criteria: [x]\n  depend_on: [1]\n", "true");
    let refs = sandbox.ask("for-each-ref");
    let out = sandbox.chant(["split", "001"]).exits(2);
    for part in [".chant/split.yaml:4", "depend_on: [1]", "did you mean `depends_on`"] {
        assert!(out.err.contains(part), "{part} is missing in {}", out.all());
    }
    assert_eq!(sandbox.ask("for-each-ref"), refs);
    assert_eq!(sandbox.ask("worktree list").lines().count(), 1);
}

#[test]
fn an_agent_without_a_plan_or_with_a_link_for_one_or_one_that_fails_makes_nothing() {
    for script in ["rm .chant/split.yaml", "ln -sf $BESIDE/plan .chant/split.yaml", "exit 3"] {
        let sandbox = project(PLAN, script);
        sandbox.chant(["split", "001"]).exits(1);
        assert_eq!(sandbox.ask("for-each-ref --format=%(refname)"), "refs/heads/main", "{script}");
    }
}

#[test]
fn what_an_agent_forges_while_it_plans_is_seen() {
    let forge = "e=$(git commit-tree HEAD^{tree} -p HEAD -m \"x\n\nChant-Spec: 001-dates\nChant-Status: completed\nChant-Attempt: 1\"); git update-ref refs/heads/chant/001-dates $e";
    let sandbox = project(PLAN, forge).open();
    let out = sandbox.chant(["split", "001"]).exits(1);
    assert!(out.err.contains("no engine made it"), "{}", out.all());
    assert_eq!(sandbox.ask("branch --list split/*"), "");
}

#[test]
fn a_person_or_steps_cannot_split() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    sandbox.chant(["split", "001"]).exits(3);
    sandbox.chant(["work", "001"]).ok();
    sandbox.chant(["split", "001", "--agent", "x"]).exits(3);
}

#[test]
fn a_plan_for_a_member_is_meant_for_the_branch_that_its_driver_lands_on_begun_or_not() {
    for begun in [false, true] {
        let sandbox = project(PLAN, "true");
        sandbox.spec("002-big", "type: driver", &["All $ test -f read"], "");
        sandbox.steps("002-big.1", "", &["A $ test -f a"], "touch a").commit("specs");
        sandbox.spec("002-big.2", "agent: a", &["B $ test -f read"], "").commit("another");
        if begun {
            sandbox.chant(["work", "002.1"]).ok();
        }
        let out = sandbox.chant(["split", "002.2"]).ok();
        assert!(out.out.contains("written to split/002-big.2, for main"), "{}", out.all());
        assert!(
            out.err.contains("git diff main...split/002-big.2\n  git merge split/002-big.2  # on main"),
            "{}",
            out.all()
        );
        assert_eq!(sandbox.ask("log --format=%s main..split/002-big.2").lines().count(), 1, "no work comes along");
        sandbox.git(["merge", "-q", "split/002-big.2"]).ok();
        assert_eq!(sandbox.item("002-big.2.1")["driver"], "002-big.2");
        sandbox.chant(["cancel", "002-big.2.2"]).ok();
        sandbox.write(".chant/config.yaml", "agents: { b: { command: [sh, -c, touch read] } }\n").commit("agents");
        sandbox.chant(["work", "002-big.2.1", "--agent", "b"]).ok();
        assert_eq!(sandbox.item("002-big.2.1")["status"], "completed");
    }
}

#[test]
fn a_plan_that_is_there_is_to_be_merged_and_one_that_is_merged_is_said_to_be() {
    for squash in [false, true] {
        let sandbox = project(PLAN, "true");
        sandbox.chant(["split", "001"]).ok();
        let waits = sandbox.chant(["split", "001"]).exits(3);
        assert!(waits.err.contains("git merge split/001-dates"), "{}", waits.all());
        let how = if squash { "--squash" } else { "--ff" };
        sandbox.git(["merge", "-q", how, "split/001-dates"]).ok();
        if squash {
            sandbox.commit("members");
        }
        let merged = sandbox.chant(["split", "001"]).exits(3);
        let drop = if squash { "git branch -D" } else { "git branch -d" };
        assert!(merged.err.contains("is merged into main") && merged.err.contains(drop), "{}", merged.all());
        assert!(!merged.err.contains("git merge"), "{}", merged.all());
        sandbox.git(["branch", drop.rsplit(' ').next().unwrap(), "split/001-dates"]).ok();
        assert!(sandbox.chant(["split", "001"]).ok().out.contains("001-dates.3"), "numbered on");
    }
}

#[test]
fn members_that_overlap_are_warned_of_unless_they_run_one_after_the_other() {
    let plan = PLAN.replace("  depends_on: [1]\n", "  target_files: [read]\n");
    for (settings, warned) in [("", true), ("overlap: serialize\n", false)] {
        let sandbox = project(&plan, "true");
        let before = sandbox.read(".chant/config.yaml");
        sandbox.write(".chant/config.yaml", format!("{settings}{before}")).commit("settings");
        let out = sandbox.chant(["split", "001"]).ok();
        assert_eq!(out.all().contains("side by side"), warned, "{}", out.all());
    }
}
