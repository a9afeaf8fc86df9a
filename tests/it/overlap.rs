//! Members that reach for the same files: said before they start, kept apart, and brought together where they collided.

use crate::harness::Sandbox;

fn driver(config: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(".chant/config.yaml", config).write("list", "one\ntwo\nthree\n");
    sandbox.spec("001-d", "type: driver", &[], "");
    sandbox
}

/// Says when it begins and ends, and finds out whether the other is at work meanwhile.
fn alone(name: &str) -> String {
    format!(
        "mkdir $BESIDE/at-work || touch $BESIDE/met\nfor n in 1 2 3 4 5 6 7 8 9; do git rev-parse HEAD > /dev/null; done\ntouch {name}\nrmdir $BESIDE/at-work 2>/dev/null || true"
    )
}

#[test]
fn overlapping_members_are_named_by_lint_and_before_the_start_and_others_are_not() {
    let sandbox = driver("");
    sandbox.steps("001-d.1", "target_files: ['src/*.rs']", &["A $ test -f a"], "touch a");
    sandbox.steps("001-d.2", "target_files: [src/b.rs, docs]", &["B $ test -f b"], "touch b");
    sandbox.steps("001-d.3", "target_files: [src]\ndepends_on: [001-d.1, 001-d.2]", &["C $ test -f c"], "touch c");
    sandbox.commit("specs");
    let lint = sandbox.chant(["lint"]).ok();
    let said = format!("{}{}", lint.out, lint.err);
    assert!(said.contains("src/*.rs") && said.contains("src/b.rs") && !said.contains("001-d.3"), "{said}");
    let out = sandbox.chant(["work", "001"]).ok();
    assert!(out.err.contains("001-d.1 and 001-d.2") && !out.err.contains("and 001-d.3"), "{}", out.all());
}

#[test]
fn overlapping_members_are_worked_one_after_the_other_where_the_settings_say_so() {
    let sandbox = driver("overlap: serialize\n");
    for n in 1..=3 {
        sandbox.steps(&format!("001-d.{n}"), "target_files: [out]", &["A $ true"], &alone(&format!("f{n}")));
    }
    sandbox.commit("specs");
    sandbox.chant(["work", "001", "-j", "3"]).ok();
    assert!(!sandbox.beside("met").exists(), "no two of them ran at the same time");
}

#[test]
fn a_member_that_fails_does_not_hold_up_one_that_it_overlaps_with() {
    let sandbox = driver("overlap: serialize\n");
    sandbox.steps("001-d.1", "target_files: [out]", &["A $ false"], "touch a");
    sandbox.steps("001-d.2", "target_files: [out]", &["B $ test -f b"], "touch b").commit("specs");
    sandbox.chant(["work", "001"]).exits(1);
    assert_eq!(sandbox.status("001-d.2"), "completed");
}

#[test]
fn members_of_nested_drivers_that_overlap_are_named_or_worked_driver_after_driver() {
    let sandbox = driver("");
    sandbox.steps("001-d.1", "target_files: [list]", &["A $ grep -q 'by a' list"], "sed -i 's/two/two by a/' list");
    sandbox.spec("001-d.2", "type: driver", &[], "");
    sandbox.steps("001-d.2.1", "target_files: [list]", &["B $ grep -q 'by b' list"], "sed -i 's/two/two by b/' list");
    sandbox.commit("specs");
    let lint = sandbox.chant(["lint"]).ok();
    assert!(lint.all().contains("001-d.1 and 001-d.2.1 would run side by side"), "{}", lint.all());
    sandbox.write(".chant/config.yaml", "overlap: serialize\n").commit("settings");
    let lint = sandbox.chant(["lint"]).ok();
    assert!(!lint.all().contains("side by side"), "{}", lint.all());
    sandbox.chant(["work", "001", "-j", "4"]).ok();
    assert_eq!(sandbox.read("list"), "one\ntwo by b by a\nthree\n");
    sandbox.assert_fsck();
}

/// Two specs that change the same line; the agent of the second resolves where it is told of a conflict.
fn collision(config: &str, resolve: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let agent = format!(
        "cat > $BESIDE/prompt-$CHANT_ATTEMPT; if grep -q 'could not be merged' $BESIDE/prompt-$CHANT_ATTEMPT; then {resolve}; \
         else sed -i 's/two/two by b/' list; fi"
    );
    sandbox.write(".chant/config.yaml", format!("{config}agents: {{ a: {{ command: [sh, -c, {agent:?}] }} }}\n"));
    sandbox.write("list", "one\ntwo\nthree\n");
    sandbox.steps("001-a", "", &["A $ grep -q 'by a' list"], "sed -i 's/two/two by a/' list");
    sandbox.spec("002-b", "agent: a", &["B $ grep -q 'by b' list"], "").commit("specs");
    // b is completed before a lands.
    sandbox.git(["config", "chant.land", "review"]).ok();
    sandbox.chant(["work", "002"]).ok();
    sandbox.git(["config", "chant.land", "auto"]).ok();
    sandbox.chant(["work", "001"]).ok();
    sandbox
}

const MERGE: &str = "git merge -q $(sed -n 's/^Merge `\\([0-9a-f]*\\)`.*/\\1/p' $BESIDE/prompt-$CHANT_ATTEMPT)";

#[test]
fn a_conflict_goes_back_to_the_agent_with_both_sides_and_lands_with_the_proofs_of_both() {
    let resolve = format!("{MERGE}; printf 'one\\ntwo by a by b\\nthree\\n' > list; git commit -qam resolved");
    let sandbox = collision("conflicts: retry\n", &resolve);
    let out = sandbox.chant(["work", "002"]).ok();
    assert!(out.err.contains("conflicts with 001-a in list: it goes back to its agent, 1 of 3"), "{}", out.all());
    assert!(!out.err.contains("by hand"), "nobody but the agent is asked to do it: {}", out.all());
    assert_eq!(sandbox.read("list"), "one\ntwo by a by b\nthree\n");
    assert_eq!(sandbox.item("002-b")["attempt"], 2);
    let told = std::fs::read_to_string(sandbox.beside("prompt-2")).unwrap();
    for part in ["+two by a", "+two by b", "# The spec 001-a", "grep -q 'by a' list"] {
        assert!(told.contains(part), "{part:?} is missing in {told}");
    }
    sandbox.assert_fsck();
}

#[test]
fn a_resolution_that_takes_one_side_whole_is_red_by_the_others_proofs() {
    let resolve = format!("{MERGE}; git checkout --ours list; git commit -qam ours");
    let sandbox = collision("conflicts: retry\n", &resolve);
    let out = sandbox.chant(["work", "002"]).exits(1);
    assert!(out.err.contains("breaks 001-a"), "{}", out.all());
    assert!(sandbox.read("list").contains("by a"));
}

#[test]
fn an_agent_that_does_not_merge_has_not_resolved_it() {
    let sandbox = collision("conflicts: retry\n", "touch x");
    let out = sandbox.chant(["work", "002"]).exits(1);
    assert!(out.err.contains("was to merge main"), "{}", out.all());
    assert_eq!(sandbox.status("002-b"), "failed");
}

#[test]
fn without_the_setting_a_conflict_waits_for_a_person() {
    let sandbox = collision("", "touch x");
    let out = sandbox.chant(["work", "002"]).exits(1);
    assert!(out.err.contains("conflicts with 001-a in list"), "{}", out.all());
    assert_eq!((sandbox.status("002-b"), sandbox.item("002-b")["attempt"].clone()), ("in_review".to_owned(), 1.into()));
}
