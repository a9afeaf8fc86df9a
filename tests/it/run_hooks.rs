//! The user's hooks and signing, which a commit of Git's own would obey, and a landing obeys as well.

use std::os::unix::fs::PermissionsExt as _;

use crate::harness::Sandbox;

fn one(sandbox: &Sandbox) -> &Sandbox {
    sandbox.steps("001-a", "", &["There is an a $ grep -q made a"], "echo made > a").commit("a spec")
}

fn program(sandbox: &Sandbox, path: &str, script: &str) {
    sandbox.write(path, format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(sandbox.path(path), std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn hook(sandbox: &Sandbox, name: &str, script: &str) {
    program(sandbox, &format!(".git/hooks/{name}"), script);
}

/// A signer as Git wants one: it takes the text on standard input, and tells of its success on a descriptor.
const SIGNER: &str = "cat > /dev/null\nprintf '\\n[GNUPG:] SIG_CREATED \\n' >&2\n\
    printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nAda\\n-----END PGP SIGNATURE-----\\n'";

#[test]
fn events_and_landings_are_signed_where_the_user_signs() {
    let sandbox = Sandbox::new();
    one(&sandbox);
    program(&sandbox, "../signer", SIGNER);
    sandbox.git(["config", "gpg.program", sandbox.beside("signer").to_str().unwrap()]).ok();
    sandbox.git(["config", "commit.gpgSign", "true"]).ok();
    let before = sandbox.ask("rev-parse main");
    sandbox.chant(["work", "001"]).ok();
    let made = sandbox.ask(&format!("rev-list {before}..main"));
    assert_eq!(made.lines().count(), 4, "a start, the work, the completion and the landing");
    for commit in made.lines() {
        assert!(sandbox.ask(&format!("cat-file commit {commit}")).contains("gpgsig "), "{commit} is not signed");
    }
    sandbox.assert_fsck();
}

#[test]
fn a_signer_that_cannot_sign_stops_the_work_before_anything_moves() {
    let sandbox = Sandbox::new();
    one(&sandbox);
    program(&sandbox, "../signer", "echo no key >&2; exit 2");
    sandbox.git(["config", "gpg.program", sandbox.beside("signer").to_str().unwrap()]).ok();
    sandbox.git(["config", "commit.gpgSign", "true"]).ok();
    let refs = sandbox.ask("for-each-ref");
    let out = sandbox.chant(["work", "001"]);
    assert!(out.code != 0 && out.err.contains("sign"), "{}", out.all());
    assert_eq!(sandbox.ask("for-each-ref"), refs);
}

#[test]
fn a_reference_transaction_hook_sees_every_move() {
    let sandbox = Sandbox::new();
    one(&sandbox);
    hook(&sandbox, "reference-transaction", "test \"$1\" = committed && cat >> \"$BESIDE/moves\"; exit 0");
    sandbox.chant(["work", "001"]).ok();
    let moves = sandbox.read("../moves");
    let tip = sandbox.ask("rev-parse main");
    assert!(moves.lines().any(|line| line.contains(&tip) && line.ends_with("refs/heads/main")), "{moves}");
    assert!(moves.lines().filter(|line| line.ends_with("refs/heads/chant/001-a")).count() >= 3, "{moves}");
}

#[test]
fn a_reference_transaction_hook_that_forbids_a_landing_leaves_it_in_review_and_the_checkout_alone() {
    let sandbox = Sandbox::new();
    one(&sandbox);
    hook(
        &sandbox,
        "reference-transaction",
        "test \"$1\" = prepared || exit 0\nif grep -q refs/heads/main; then echo frozen >&2; exit 1; fi",
    );
    let main = sandbox.ask("rev-parse main");
    let out = sandbox.chant(["work", "001"]);
    assert!(out.code != 0 && out.err.contains("reference-transaction"), "{}", out.all());
    assert_eq!((sandbox.ask("rev-parse main"), sandbox.status("001-a").as_str()), (main, "in_review"));
    assert_eq!((sandbox.exists("a"), sandbox.ask("status --porcelain").as_str()), (false, ""));
    std::fs::remove_file(sandbox.path(".git/hooks/reference-transaction")).unwrap();
    sandbox.chant(["work", "001"]).ok();
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.read("a").as_str()), ("completed", "made\n"));
}

#[test]
fn pre_merge_commit_runs_where_the_merged_tree_is_and_may_refuse() {
    let sandbox = Sandbox::new();
    one(&sandbox);
    hook(
        &sandbox,
        "pre-merge-commit",
        "pwd > \"$BESIDE/where\"; test -f a || exit 9; test -e \"$BESIDE/open\" || { echo closed >&2; exit 1; }",
    );
    let main = sandbox.ask("rev-parse main");
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("pre-merge-commit exited 1: closed"), "{}", out.err);
    assert_eq!((sandbox.ask("rev-parse main"), sandbox.status("001-a").as_str()), (main, "in_review"));
    assert_ne!(sandbox.read("../where").trim(), sandbox.root.to_str().unwrap(), "never in the user's checkout");
    sandbox.write("../open", "");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn commit_msg_may_add_to_a_landing_and_never_take_its_trailers_away() {
    let sandbox = Sandbox::new();
    one(&sandbox);
    hook(&sandbox, "commit-msg", "git interpret-trailers --in-place --trailer 'Ticket: 7' \"$1\"");
    sandbox.chant(["work", "001"]).ok();
    let trailers = sandbox.ask("log -1 --format=%(trailers) main");
    assert!(trailers.contains("Ticket: 7") && trailers.contains("Chant-Landing: 001-a 1 "), "{trailers}");
    assert_eq!(sandbox.status("001-a"), "completed");

    sandbox.steps("002-b", "", &["B $ test -f b"], "touch b").commit("another");
    hook(&sandbox, "commit-msg", "grep -q Chant-Landing \"$1\" && echo gone > \"$1\"; exit 0");
    let out = sandbox.chant(["work", "002"]).exits(1);
    assert!(out.err.contains("took the landing's trailers away"), "{}", out.err);
    assert_eq!(sandbox.status("002-b"), "in_review");
}

#[test]
fn a_commit_hook_that_refuses_the_work_fails_the_attempt_and_the_work_is_kept() {
    let sandbox = Sandbox::new();
    one(&sandbox);
    hook(&sandbox, "pre-commit", "echo no tabs allowed >&2; exit 1");
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("no tabs allowed"), "{}", out.err);
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.ask("show chant/001-a:a").as_str()), ("failed", "made"));
    std::fs::remove_file(sandbox.path(".git/hooks/pre-commit")).unwrap();
    sandbox.chant(["work", "001"]).ok();
}

#[test]
fn a_hook_that_will_not_have_a_branch_deleted_does_not_undo_a_landing() {
    let sandbox = Sandbox::new();
    one(&sandbox);
    let script = "test \"$1\" != prepared || ! grep -q ' 0000000000000000000000000000000000000000 refs/heads/chant/'";
    hook(&sandbox, "reference-transaction", script);
    let out = sandbox.chant(["work", "001"]).ok();
    assert!(out.err.contains("chant/001-a is kept"), "{}", out.all());
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn what_was_completed_and_could_not_land_is_said_and_landed_by_a_plain_call() {
    let sandbox = Sandbox::new();
    one(&sandbox);
    sandbox.write("a", "mine\n");
    sandbox.chant(["work"]).exits(3);
    assert!(sandbox.item("001-a")["attention"].as_str().unwrap().contains("chant work 001-a"));
    std::fs::remove_file(sandbox.path("a")).unwrap();
    sandbox.chant(["work"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}
