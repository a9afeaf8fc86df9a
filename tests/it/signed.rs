//! `trust: signed`: what is recorded counts where an allowed signer has signed it. Real keys, and Git's own verdicts.

use std::path::PathBuf;
use std::process::Command;

use crate::harness::{Output, Sandbox, chant, run};

const ADA: &str = "ada";
const BOB: &str = "bob";
/// Has a key, and is no allowed signer.
const EVE: &str = "eve";

/// Makes somebody's key, and gives the line by which it may sign.
fn key(sandbox: &Sandbox, who: &str) -> String {
    let path = sandbox.beside(who);
    if !path.exists() {
        let mut keygen = sandbox.command("ssh-keygen", &sandbox.root);
        run(keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", who, "-f"]).arg(&path)).ok();
    }
    let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
    format!("{who}@example.org namespaces=\"git\" {public}")
}

fn signers(sandbox: &Sandbox) -> PathBuf {
    sandbox.beside("signers")
}

fn allow(sandbox: &Sandbox, who: &[&str]) {
    let lines: String = who.iter().map(|who| key(sandbox, who)).collect();
    std::fs::write(signers(sandbox), lines).unwrap();
}

/// A project that counts signed events alone; Ada and Bob may sign, and the clone is Ada's.
fn signed() -> Sandbox {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    switch_on(&sandbox);
    sandbox
}

fn configure(sandbox: &Sandbox) {
    allow(sandbox, &[ADA, BOB]);
    key(sandbox, EVE);
    sandbox.git(["config", "gpg.format", "ssh"]).ok();
    sandbox.git(["config", "user.signingKey", sandbox.beside(ADA).to_str().unwrap()]).ok();
    sandbox.git(["config", "gpg.ssh.allowedSignersFile", signers(sandbox).to_str().unwrap()]).ok();
}

fn switch_on(sandbox: &Sandbox) {
    sandbox.write(".chant/config.yaml", "trust: signed\n").commit("only what is signed counts");
}

/// A command by somebody, who signs with a key of the same name or another's.
fn by<'c>(sandbox: &Sandbox, who: &str, key: &str, command: &'c mut Command) -> &'c mut Command {
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), who).env(format!("GIT_{role}_EMAIL"), format!("{who}@example.org"));
    }
    command
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "user.signingKey")
        .env("GIT_CONFIG_VALUE_0", sandbox.beside(key))
}

fn chant_by(sandbox: &Sandbox, who: &str, key: &str, args: &[&str]) -> Output {
    run(by(sandbox, who, key, sandbox.command(chant(), &sandbox.root).args(args)))
}

/// An event that no engine made, by plumbing, on top of a revision and at the tip of a spec's branch.
fn forge(sandbox: &Sandbox, id: &str, on: &str, block: &str, key: Option<&str>) -> String {
    let message = format!("forged\n\nChant-Spec: {id}\n{block}\n");
    let tree = format!("{on}^{{tree}}");
    let mut command = sandbox.command("git", &sandbox.root);
    command.args(["commit-tree", "-p", on, "-m", &message]).args(key.map(|_| "-S")).arg(&tree);
    let commit = run(by(sandbox, ADA, key.unwrap_or(ADA), &mut command)).ok().out.trim().to_owned();
    sandbox.git(["update-ref", &format!("refs/heads/chant/{id}"), &commit]).ok();
    commit
}

fn start(target: &str) -> String {
    format!("Chant-Status: in_progress\nChant-Attempt: 1\nChant-Run: 00@here\nChant-Target: {target}")
}

const COMPLETED: &str = "Chant-Status: completed\nChant-Attempt: 1";

fn attention(sandbox: &Sandbox, id: &str) -> String {
    sandbox.item(id)["attention"].as_str().unwrap_or_default().to_owned()
}

/// A spec that completes, and waits for a review.
fn reviewed(sandbox: &Sandbox) {
    sandbox.steps("001-a", "review: required", &["A $ test -f a"], "touch a").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "in_review");
}

#[test]
fn the_engine_signs_all_that_it_says_and_git_verifies_it() {
    let sandbox = signed();
    sandbox.spec("001-d", "type: driver", &["Both $ test -f a && test -f b"], "");
    sandbox.steps("001-d.1", "", &["A $ test -f a"], "touch a").steps("001-d.2", "", &["B $ test -f b"], "touch b");
    sandbox.commit("specs");
    sandbox.chant(["work", "001-d"]).ok();
    assert_eq!(["001-d", "001-d.1", "001-d.2"].map(|id| sandbox.status(id)), ["completed"; 3]);
    let said = sandbox.ask("log --format=%H --extended-regexp --grep=^Chant-(Status|Landing): main");
    assert!(said.lines().count() >= 9, "{said}");
    for commit in said.lines() {
        sandbox.git(["verify-commit", commit]).ok();
    }
    assert_eq!(sandbox.git(["config", "commit.gpgSign"]).code, 1, "nobody has asked for it");
    assert!(sandbox.chant(["doctor"]).out.contains("this clone's key may sign"));
}

#[test]
fn who_cannot_sign_so_that_it_counts_begins_nothing_and_is_told_what_to_type() {
    let sandbox = signed();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    let refused = |part: &str| {
        let out = sandbox.chant(["work", "001"]).exits(3);
        let words = out.err.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(part), "{part} is missing: {}", out.err);
        sandbox.chant(["cancel", "001"]).exits(3);
        assert_eq!(sandbox.ask("for-each-ref refs/heads/chant refs/chant"), "");
    };
    sandbox.git(["config", "user.signingKey", sandbox.beside(EVE).to_str().unwrap()]).ok();
    refused("not among the allowed signers");
    sandbox.git(["config", "user.signingKey", sandbox.beside("gone").to_str().unwrap()]).ok();
    refused("nothing can be signed here");
    sandbox.git(["config", "user.signingKey", sandbox.beside(ADA).to_str().unwrap()]).ok();
    sandbox.git(["config", "--unset", "gpg.ssh.allowedSignersFile"]).ok();
    refused("git config gpg.ssh.allowedSignersFile");
    sandbox.git(["config", "gpg.ssh.allowedSignersFile", signers(&sandbox).to_str().unwrap()]).ok();
    sandbox.git(["config", "gpg.ssh.program", "/nowhere/ssh-keygen"]).ok();
    refused("/nowhere/ssh-keygen");
    sandbox.git(["config", "--unset", "gpg.ssh.program"]).ok();
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn a_forged_event_counts_for_nothing_and_is_told() {
    for forger in [None, Some(EVE)] {
        let sandbox = signed();
        sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
        let begun = forge(&sandbox, "001-a", "main", &start("main"), forger);
        let done = forge(&sandbox, "001-a", &begun, COMPLETED, forger);
        assert_eq!(sandbox.status("001-a"), "ready");
        let said = attention(&sandbox, "001-a");
        assert!(said.contains(&done[..8]) && said.contains("does not count"), "{said}");
        assert!(sandbox.chant(["doctor"]).out.contains(&done[..8]));
        // Nor does it when somebody has merged it.
        sandbox.git(["merge", "--quiet", "--no-ff", "-m", "merge", "chant/001-a"]).ok();
        assert_eq!(sandbox.status("001-a"), "ready");
        sandbox.git(["branch", "-D", "chant/001-a"]).ok();
        sandbox.chant(["work", "001"]).ok();
        assert_eq!((sandbox.status("001-a").as_str(), sandbox.exists("a")), ("completed", true));
        assert_eq!(sandbox.item("001-a")["attempt"], 1, "a forged one uses up no number");
    }
}

#[test]
fn a_reset_that_nobody_signed_takes_nothing_back() {
    let sandbox = signed();
    reviewed(&sandbox);
    forge(&sandbox, "001-a", "chant/001-a", "Chant-Status: pending\nChant-Attempt: 1", None);
    assert_eq!(sandbox.status("001-a"), "in_review");
    chant_by(&sandbox, BOB, BOB, &["approve", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn an_approval_counts_for_who_signed_it() {
    let sandbox = signed();
    sandbox.write(".chant/config.yaml", "trust: signed\nreview: { approvers: [bob@example.org] }\n");
    reviewed(&sandbox);
    let approval = "Chant-Approval: approved\nChant-Attempt: 1\nReviewed-by: bob <bob@example.org>";
    let forge_as_bob = |key: Option<&str>| {
        let mut command = sandbox.command("git", &sandbox.root);
        let message = format!("001-a: approved\n\nChant-Spec: 001-a\n{approval}\n");
        command.args(["commit-tree", "-p", "chant/001-a", "-m", &message]).args(key.map(|_| "-S"));
        let commit = run(by(&sandbox, BOB, key.unwrap_or(BOB), command.arg("chant/001-a^{tree}"))).ok();
        sandbox.git(["update-ref", "refs/heads/chant/001-a", commit.out.trim()]).ok();
    };
    for (key, why) in [
        (None, "nobody has signed it"),
        (Some(EVE), "not among the allowed signers"),
        (Some(ADA), "signed by ada@example.org in the name of bob <bob@example.org>"),
    ] {
        forge_as_bob(key);
        sandbox.chant(["work", "001"]).ok();
        assert_eq!(sandbox.status("001-a"), "in_review", "{key:?}");
        let why_not = sandbox.chant(["why", "001"]).ok().out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(why_not.contains(why), "{why} is missing: {why_not}");
    }
    let out = chant_by(&sandbox, BOB, ADA, &["approve", "001"]).exits(3);
    assert!(out.err.contains("in the name of") && out.err.contains("git config user.email"), "{}", out.err);
    chant_by(&sandbox, BOB, BOB, &["approve", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn what_had_landed_before_signatures_were_asked_for_stays_and_nothing_can_be_added_to_it() {
    let sandbox = Sandbox::new();
    for id in ["001-a", "002-b"] {
        sandbox.steps(id, "", &["It $ test -f $0-done || test -d .git || true"], &format!("touch {id}"));
    }
    sandbox.commit("specs");
    let old = sandbox.ask("rev-parse main");
    sandbox.chant(["work", "001"]).ok();
    configure(&sandbox);
    switch_on(&sandbox);
    let switched = sandbox.ask("rev-parse main");
    assert_eq!(sandbox.status("001-a"), "completed");
    // Beside what was there, from a commit that is as old.
    let begun = forge(&sandbox, "002-b", &old, &start("main"), None);
    forge(&sandbox, "002-b", &begun, COMPLETED, None);
    assert_eq!(sandbox.status("002-b"), "ready");
    // A merge the wrong way round, whose first parent does not ask, begins nothing anew.
    let tree = format!("{switched}^{{tree}}");
    let args = ["commit-tree", "-p", "chant/002-b", "-p", &switched, "-m", "merge", &tree];
    let foxtrot = sandbox.git(args).ok().out.trim().to_owned();
    sandbox.git(["update-ref", "refs/heads/main", &foxtrot]).ok();
    assert_eq!(["001-a", "002-b"].map(|id| sandbox.status(id)), ["completed", "ready"]);
    // Nor does a history from aside that begins to ask by itself.
    sandbox.git(["switch", "--quiet", "--detach", "chant/002-b"]).ok();
    sandbox.write(".chant/config.yaml", "trust: signed\n").commit("asks as well");
    let args = ["commit-tree", "-p", "HEAD", "-p", &switched, "-m", "merge", &tree];
    let aside = sandbox.git(args).ok().out.trim().to_owned();
    sandbox.git(["switch", "--quiet", "-C", "main", &aside]).ok();
    assert_eq!(sandbox.status("002-b"), "ready");
    sandbox.git(["reset", "--quiet", "--hard", &switched]).ok();
    sandbox.git(["branch", "-D", "chant/002-b"]).ok();
    sandbox.chant(["work", "002"]).ok();
    assert_eq!(["001-a", "002-b"].map(|id| sandbox.status(id)), ["completed", "completed"]);
    let then = sandbox.chant(["list", "--json", "--at", &switched]).ok().json();
    let statuses: Vec<_> = then.as_array().unwrap().iter().map(|item| item["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["completed", "ready"]);
    let now = sandbox.chant(["list", "--json", "--at", "main"]).ok().json();
    assert!(now.as_array().unwrap().iter().all(|item| item["status"] == "completed"), "{now:#}");
}

#[test]
fn a_revoked_key_and_one_whose_time_is_over_count_no_more() {
    let sandbox = signed();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
    let revoked = sandbox.beside("revoked");
    std::fs::copy(sandbox.beside("ada.pub"), &revoked).unwrap();
    sandbox.git(["config", "gpg.ssh.revocationFile", revoked.to_str().unwrap()]).ok();
    assert_eq!(sandbox.status("001-a"), "ready");
    assert!(attention(&sandbox, "001-a").contains("its key was revoked"));
    std::fs::write(&revoked, "").unwrap();
    assert_eq!(sandbox.status("001-a"), "completed", "the file counts as it is, not as it was");
    // The events are of the first of January 2026.
    let line = key(&sandbox, ADA);
    for (until, status) in [("20251231", "ready"), ("20260201", "completed")] {
        let line = line.replace("namespaces", &format!("valid-before=\"{until}\",namespaces"));
        std::fs::write(signers(&sandbox), line).unwrap();
        assert_eq!(sandbox.status("001-a"), status, "until {until}");
    }
}

#[test]
fn what_is_remembered_of_signatures_is_no_state_and_decides_nothing() {
    let sandbox = signed();
    sandbox.steps("001-a", "review: required", &["A $ test -f a"], "touch a").commit("spec");
    let begun = forge(&sandbox, "001-a", "main", &start("main"), None);
    let done = forge(&sandbox, "001-a", &begun, COMPLETED, None);
    let approval = "Chant-Approval: approved\nChant-Attempt: 1\nReviewed-by: ada <ada@example.org>";
    let approved = forge(&sandbox, "001-a", &done, approval, None);
    assert_eq!(sandbox.status("001-a"), "ready");
    let file = sandbox.path(".git/chant/cache/signatures");
    let honest = std::fs::read_to_string(&file).unwrap();
    let mut forged = honest.clone();
    for commit in [&begun, &done, &approved] {
        forged = forged.replace(&format!("{commit} nobody "), &format!("{commit} by ada@example.org"));
    }
    assert_ne!(forged, honest);
    std::fs::write(&file, &forged).unwrap();
    assert_eq!(sandbox.status("001-a"), "in_review", "a look believes it");
    sandbox.chant(["merge", "001"]).exits(3);
    assert_eq!((sandbox.exists("a"), sandbox.status("001-a").as_str()), (false, "ready"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), honest, "whatever decides checks anew");
    for broken in ["", "chant signatures 1 0000\nend\n", &forged[..forged.len() - 5], "\u{0}"] {
        std::fs::write(&file, broken).unwrap();
        assert_eq!(sandbox.status("001-a"), "ready", "{broken:?}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), honest);
    }
    std::fs::remove_dir_all(sandbox.path(".git/chant/cache")).unwrap();
    assert_eq!(sandbox.status("001-a"), "ready");
}

#[test]
fn a_tracked_file_of_signers_is_the_targets_and_a_change_of_it_waits_for_a_person() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    sandbox.write(".allowed_signers", std::fs::read(signers(&sandbox)).unwrap());
    sandbox.git(["config", "gpg.ssh.allowedSignersFile", ".allowed_signers"]).ok();
    switch_on(&sandbox);
    let line = key(&sandbox, EVE);
    sandbox.steps("001-a", "", &["A $ test -f a"], &format!("touch a; echo '{}' >> .allowed_signers", line.trim()));
    sandbox.commit("spec");
    let out = sandbox.chant(["work", "001"]).exits(3);
    assert!(out.err.contains(".allowed_signers"), "{}", out.err);
    // Seen from the worktree that lets her in, she is still nobody.
    forge(&sandbox, "001-a", "chant/001-a", "Chant-Status: cancelled\nChant-Attempt: 1", Some(EVE));
    let worktree = ".chant/worktrees/001-a";
    let seen_from = |place: &str| {
        let list = sandbox.chant_in(place, ["list", "--json"]).ok().json();
        assert_eq!(list[0]["status"], "in_review", "from {place}: {list:#}");
    };
    seen_from(".");
    seen_from(worktree);
    // Nor where nothing but the work is checked out anywhere.
    sandbox.git(["switch", "--quiet", "-c", "chant/002-b"]).ok();
    seen_from(worktree);
    sandbox.git(["switch", "--quiet", "main"]).ok();
    let bare = sandbox.apart("bare");
    sandbox.git(["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]).ok();
    run(sandbox.command("git", &bare).args(["config", "gpg.ssh.allowedSignersFile", ".allowed_signers"])).ok();
    let list = run(sandbox.command(chant(), &bare).args(["list", "--json"])).ok().json();
    assert_eq!(list[0]["status"], "in_review", "in a bare repository: {list:#}");
}

#[test]
fn where_no_signature_can_be_checked_it_is_said_once() {
    let sandbox = signed();
    for n in 1..4 {
        sandbox.steps(&format!("00{n}-a"), "", &["A $ true"], &format!("touch f{n}"));
    }
    sandbox.commit("specs");
    sandbox.chant(["work", "001", "002", "003"]).ok();
    sandbox.git(["config", "--unset", "gpg.ssh.allowedSignersFile"]).ok();
    let out = sandbox.chant(["list"]).ok();
    assert_eq!(out.err.matches("git config gpg.ssh.allowedSignersFile").count(), 1, "{}", out.all());
    assert!(!out.out.contains("does not count"), "{}", out.out);
    let doctor = sandbox.chant(["doctor"]).exits(1).out;
    assert_eq!(
        doctor.matches("`trust: signed` counts signed events alone, and none can be checked").count(),
        1,
        "{doctor}"
    );
}

#[test]
fn a_person_finishes_in_plain_git_by_a_commit_that_is_signed() {
    let sandbox = signed();
    sandbox.spec("001-a", "", &["A $ test -f a"], "").commit("spec");
    let bin = std::path::Path::new(chant()).parent().unwrap().to_owned();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    sandbox.chant(["hooks", "install"]).ok();
    sandbox.chant(["work", "001", "--agent", "person"]).ok();
    let worktree = sandbox.path(".chant/worktrees/001-a");
    let git = |args: &[&str]| run(sandbox.command("git", &worktree).env("PATH", &path).args(args));
    std::fs::write(worktree.join("a"), "").unwrap();
    git(&["add", "a"]).ok();
    git(&["commit", "--quiet", "-m", "work"]).ok();
    let out = git(&["commit", "--allow-empty", "-m", "done", "--trailer", "Chant-Status: completed"]).ok();
    assert!(out.err.contains("nobody has signed it") && out.err.contains("--amend"), "{}", out.all());
    assert_ne!(sandbox.status("001-a"), "completed");
    git(&["commit", "--amend", "--allow-empty", "--no-edit", "-S"]).ok();
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.exists("a")), ("completed", true));
}

#[test]
fn two_people_with_a_key_each_work_in_clones_and_a_shallow_one_sees_it() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    let server = sandbox.apart("server.git");
    sandbox.git(["init", "--quiet", "--bare", "--initial-branch=main", server.to_str().unwrap()]).ok();
    sandbox.git(["remote", "add", "origin", server.to_str().unwrap()]).ok();
    sandbox.write(".allowed_signers", std::fs::read(signers(&sandbox)).unwrap());
    sandbox.git(["config", "gpg.ssh.allowedSignersFile", ".allowed_signers"]).ok();
    sandbox.write(".chant/config.yaml", "trust: signed\nremote: origin\nreview: { self: false }\n");
    sandbox.steps("001-a", "review: required", &["A $ test -f a"], "touch a").commit("a project");
    sandbox.git(["push", "--quiet", "-u", "origin", "main"]).ok();
    sandbox.chant(["work", "001"]).ok();
    let clone = sandbox.apart("bobs");
    sandbox.git(["clone", "--quiet", server.to_str().unwrap(), clone.to_str().unwrap()]).ok();
    let bobs = |key: &str, args: &[&str]| run(by(&sandbox, BOB, key, sandbox.command(chant(), &clone).args(args)));
    for (name, value) in [("gpg.format", "ssh"), ("gpg.ssh.allowedSignersFile", ".allowed_signers")] {
        run(sandbox.command("git", &clone).args(["config", name, value])).ok();
    }
    bobs(BOB, &["sync"]).ok();
    bobs(EVE, &["approve", "001"]).exits(3);
    bobs(BOB, &["approve", "001"]).ok();
    sandbox.chant(["sync"]).ok();
    sandbox.git(["pull", "--quiet"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
    let by_whom = sandbox.ask("log --format=%GS --grep=^Chant-Approval --grep=^Chant-Landing main");
    assert_eq!(by_whom, "bob@example.org\nbob@example.org");
    let shallow = sandbox.apart("shallow");
    let url = format!("file://{}", server.display());
    sandbox.git(["clone", "--quiet", "--depth", "1", &url, shallow.to_str().unwrap()]).ok();
    run(sandbox.command("git", &shallow).args(["config", "gpg.ssh.allowedSignersFile", ".allowed_signers"])).ok();
    let list = run(sandbox.command(chant(), &shallow).args(["list", "--json"])).ok().json();
    assert_eq!(list[0]["status"], "completed", "{list:#}");
}

#[test]
fn where_it_began_is_found_past_what_was_said_in_between() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    // A branch that asks, and lags behind what has landed meanwhile: it does not hold that.
    sandbox.git(["switch", "--quiet", "-c", "asks", "main^"]).ok();
    switch_on(&sandbox);
    sandbox.git(["switch", "--quiet", "main"]).ok();
    sandbox.git(["merge", "--quiet", "--no-ff", "-m", "merge", "asks"]).ok();
    assert_eq!(sandbox.status("001-a"), "ready");
    sandbox.git(["reset", "--quiet", "--hard", "main^"]).ok();
    switch_on(&sandbox);
    let began = sandbox.ask("rev-parse --short=8 main");
    sandbox.write("other", "").commit("something else");
    // Other settings change, for a while to what cannot be read.
    sandbox.write(".chant/config.yaml", "trust: signed\njobs: many\n").commit("a slip");
    sandbox.write(".chant/config.yaml", "trust: signed\njobs: 2\n").commit("mended");
    sandbox.git(["merge", "--quiet", "--strategy=ours", "-m", "merge", "asks"]).ok();
    assert_eq!(sandbox.status("001-a"), "ready", "two beginnings, and only one of them holds it");
    sandbox.git(["reset", "--quiet", "--hard", "main^"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
    let doctor = sandbox.chant(["doctor"]).ok().out;
    assert!(doctor.contains(&format!("all since {began};")), "{doctor}");
    // Who may write the target may take it back.
    sandbox.write(".chant/config.yaml", "trust: any\n").commit("never mind");
    assert!(!sandbox.chant(["doctor"]).ok().out.contains("signed events"));
}

#[test]
fn a_landing_looks_at_signatures_where_the_branch_that_is_landed_on_asks() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    sandbox.git(["branch", "old"]).ok();
    switch_on(&sandbox);
    sandbox.git(["switch", "--quiet", "old"]).ok();
    let out = sandbox.chant(["work", "001", "--target", "main"]).exits(3);
    assert!(out.err.contains("trust: signed") && out.err.contains("git switch main"), "{}", out.err);
    assert_eq!(sandbox.ask("branch --list chant/*"), "");
    sandbox.git(["switch", "--quiet", "main"]).ok();
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}
