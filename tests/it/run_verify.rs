//! Proving again what was proven once.

use crate::harness::Sandbox;

#[test]
fn what_no_longer_holds_is_found_and_what_held_then_still_does() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").steps("002-b", "", &["B $ test -f b"], "touch b");
    sandbox.steps("003-c", "", &["C $ test -f c"], "touch c").commit("specs");
    sandbox.chant(["work", "001", "002"]).ok();
    sandbox.chant(["verify", "--all"]).ok();
    let good = sandbox.ask("rev-parse main");
    std::fs::remove_file(sandbox.path("b")).unwrap();
    sandbox.chant(["verify", "--all"]).ok();
    sandbox.commit("breaks b");
    let out = sandbox.chant(["verify", "--all"]).exits(1);
    assert!(out.out.contains("002-b") && out.out.contains("test -f b"), "{}", out.all());
    sandbox.chant(["verify", "001"]).ok();
    sandbox.chant(["verify", "002", "--at", &good]).ok();
    sandbox.chant(["verify", "--all", "--at", &good]).ok();
    assert_eq!(sandbox.ask("worktree list").lines().count(), 1, "the checkout of the proofs is gone");
    assert_eq!(sandbox.ask("for-each-ref --format=%(refname) refs/heads"), "refs/heads/main");
}

#[test]
fn at_a_revision_everything_is_what_had_landed_there() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").steps("002-b", "", &["B $ test -f b"], "touch b");
    sandbox.commit("specs");
    let before = sandbox.ask("rev-parse main");
    sandbox.chant(["work", "001"]).ok();
    let one = sandbox.ask("rev-parse main");
    sandbox.chant(["work", "002"]).ok();
    let names = |rev: &str| {
        let out = sandbox.chant(["verify", "--all", "--at", rev, "--json"]).ok();
        let found: serde_json::Value = serde_json::from_str(&out.out).unwrap();
        found.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&before), Vec::<String>::new());
    let out = sandbox.chant(["verify", "--all", "--at", &before]).ok();
    assert!(out.out.contains("nothing has landed"), "{}", out.all());
    assert_eq!(names(&one), ["001-a"]);
    assert_eq!(names("main"), ["001-a", "002-b"]);
    // Asked for by name, a spec is proven there whatever has landed.
    sandbox.chant(["verify", "002", "--at", &one]).exits(1);
}

#[test]
fn a_branch_is_proven_by_its_targets_words_and_not_by_its_own() {
    let sandbox = Sandbox::new();
    let script = "touch x; sed -i 's/test -f a/true/' \"$CHANT_SPEC_FILE\"";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("a spec");
    sandbox.chant(["work", "001"]).exits(1);
    assert!(sandbox.ask("show chant/001-a:.chant/specs/001-a.md").contains("`$ true`"));
    sandbox.chant(["verify", "001"]).exits(1);
}
