//! Many clones, one project: claims, completions and landings shared through an ordinary Git server.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::harness::clones::{Clones, Way};
use crate::harness::{Sandbox, until, wait};

/// More than a test-suite has time for: `CHANT_CLONES=16 CHANT_ROUNDS=100 cargo test --test it remote::of_clones`.
fn many(variable: &str, few: usize) -> usize {
    std::env::var(variable).ok().and_then(|many| many.parse().ok()).unwrap_or(few)
}

fn one(sandbox: &Sandbox) {
    sandbox.steps("001-a", "", &["A $ grep -q made a"], "echo made > a");
}

fn team(way: Way, clones: usize, specs: impl FnOnce(&Sandbox)) -> (Clones, Vec<PathBuf>) {
    let hub = Clones::new(way, specs);
    let dirs = (0..clones).map(|n| hub.clone(&format!("clone-{n}"))).collect();
    (hub, dirs)
}

/// The exit codes of the same call in every clone at once.
fn at_once(hub: &Clones, dirs: &[PathBuf], args: &[&str]) -> Vec<(i32, String)> {
    let children: Vec<_> = dirs.iter().map(|dir| hub.spawn(dir, &[], args)).collect();
    children.into_iter().map(wait).map(|out| (out.code, out.all())).collect()
}

#[track_caller]
fn all_agree(hub: &Clones, dirs: &[PathBuf]) {
    let mut said = BTreeSet::new();
    for dir in dirs {
        hub.git(dir, &["pull", "--quiet", "--ff-only"]);
        hub.chant(dir, &["sync"]).ok();
        let list = hub.chant(dir, &["list", "--json"]).ok().json();
        let words = |item: &serde_json::Value| {
            ["id", "status", "attempt", "commit", "attention"].map(|key| item[key].to_string()).join(" ")
        };
        said.insert(list.as_array().unwrap().iter().map(words).collect::<Vec<_>>().join("\n"));
    }
    assert_eq!(said.len(), 1, "{said:#?}");
}

/// Of any number of clones exactly one works, and the others say who; round after round.
fn race(way: Way, clones: usize, few: usize) {
    if !way.is_possible() {
        eprintln!("not tried here: {way:?} needs a server that this machine lacks");
        return;
    }
    let (clones, rounds) = (many("CHANT_CLONES", clones), many("CHANT_ROUNDS", few));
    let (hub, dirs) = team(way, clones, |sandbox| {
        for n in 0..rounds {
            let script = format!("echo {n} >> \"$BESIDE/ran\"; echo {n} > f{n}");
            sandbox.steps(&format!("{n:03}-s"), "", &[&format!("F $ test -f f{n}")], &script);
        }
    });
    for n in 0..rounds {
        let outcomes = at_once(&hub, &dirs, &["work", &format!("{n:03}-s")]);
        let codes: Vec<i32> = outcomes.iter().map(|(code, _)| *code).collect();
        let said: Vec<&str> = outcomes.iter().map(|(_, said)| said.as_str()).collect();
        assert!(codes.iter().all(|code| [0, 4].contains(code)), "{codes:?}\n{}", said.join("\n"));
        let landed = said.iter().filter(|said| said.contains("landed on main as")).count();
        assert_eq!(landed, 1, "round {n}: {codes:?}\n{}", said.join("\n"));
        eprintln!("{way:?}: round {n} of {rounds}, {clones} clones: {codes:?}");
    }
    let ran = std::fs::read_to_string(hub.sandbox.beside("ran")).unwrap();
    assert_eq!(ran.lines().count(), rounds, "no spec was worked twice");
    assert_eq!(hub.at_hub("for-each-ref refs/heads/chant"), "", "no branch is left behind");
    assert_eq!(hub.at_hub("rev-list --count --first-parent --merges main"), rounds.to_string(), "no landing is lost");
    all_agree(&hub, &dirs);
}

#[test]
fn of_clones_that_claim_at_once_over_a_path_one_works() {
    race(Way::File, 5, 3);
}

#[test]
fn of_clones_that_claim_at_once_over_git_daemon_one_works() {
    race(Way::Daemon, 3, 2);
}

#[test]
fn of_clones_that_claim_at_once_over_http_with_a_password_one_works() {
    race(Way::Http, 3, 2);
}

#[test]
fn of_clones_that_claim_at_once_over_ssh_one_works() {
    race(Way::Ssh, 3, 2);
}

fn members(sandbox: &Sandbox) {
    sandbox.spec("002-d", "type: driver", &["All $ test -f m1 -a -f m2 -a -f m3"], "");
    for n in 1..4 {
        let script = format!("echo {n} >> \"$BESIDE/ran\"; echo {n} > m{n}");
        sandbox.steps(&format!("002-d.{n}"), "", &[&format!("M $ test -f m{n}")], &script);
    }
}

#[test]
fn members_worked_in_several_clones_land_on_one_drivers_branch_and_whoever_lands_last_completes_it() {
    let (hub, dirs) = team(Way::File, 3, members);
    let children: Vec<_> =
        dirs.iter().zip(1..).map(|(dir, n)| hub.spawn(dir, &[], &["work", &format!("002.{n}")])).collect();
    for child in children {
        wait(child).ok();
    }
    let landings = hub.at_hub("log --merges --format=%s main");
    assert_eq!(landings.lines().filter(|line| line.starts_with("Land 002-d:")).count(), 1, "{landings}");
    assert_eq!(landings.lines().filter(|line| line.starts_with("Land 002-d.")).count(), 3, "{landings}");
    assert_eq!(hub.at_hub("for-each-ref refs/heads/chant"), "");
    all_agree(&hub, &dirs);
    assert_eq!(hub.status(&dirs[0], "002-d"), "completed");
}

#[test]
fn two_drivers_that_land_on_one_base_at_the_same_time_both_land() {
    let (hub, dirs) = team(Way::File, 2, |sandbox| {
        for n in 1..3 {
            sandbox.spec(&format!("00{n}-d"), "type: driver", &[&format!("All $ test -f m{n}")], "");
            sandbox.steps(&format!("00{n}-d.1"), "", &[&format!("M $ test -f m{n}")], &format!("echo > m{n}"));
        }
    });
    let children: Vec<_> =
        dirs.iter().zip(1..).map(|(dir, n)| hub.spawn(dir, &[], &["work", &format!("00{n}-d")])).collect();
    for child in children {
        wait(child).ok();
    }
    all_agree(&hub, &dirs);
    for id in ["001-d", "002-d"] {
        assert_eq!(hub.status(&dirs[1], id), "completed");
    }
}

#[test]
fn what_one_clone_completed_another_reviews_and_lands() {
    let (hub, dirs) = team(Way::File, 2, |sandbox| {
        sandbox.steps("001-a", "review: required", &["A $ test -f a"], "echo > a");
    });
    hub.chant(&dirs[0], &["work", "001"]).ok();
    let grace = [("GIT_AUTHOR_NAME", "Grace"), ("GIT_AUTHOR_EMAIL", "grace@example.org")];
    hub.chant_with(&dirs[1], &grace, &["approve", "001"]).ok();
    assert!(hub.at_hub("log -1 --format=%s main").starts_with("Land 001-a"));
    all_agree(&hub, &dirs);
}

#[test]
fn a_work_that_one_clone_sent_back_is_gone_on_with_in_another() {
    let (hub, dirs) = team(Way::File, 2, |sandbox| {
        let script = "cat > prompt-seen; echo > a";
        sandbox.steps("001-a", "review: required", &["A $ test -f a"], script);
    });
    hub.chant(&dirs[0], &["work", "001"]).ok();
    hub.chant(&dirs[1], &["reject", "001", "--reason", "validate the estimate"]).ok();
    hub.chant(&dirs[1], &["work", "001"]).ok();
    assert_eq!(hub.item(&dirs[1], "001-a")["attempt"], 2);
    hub.chant(&dirs[0], &["approve", "001"]).ok();
    all_agree(&hub, &dirs);
    assert_eq!(hub.status(&dirs[0], "001-a"), "completed");
}

/// Work in review that both clones have, or have seen, and then no network.
fn apart_in_review(seen_alone: bool) -> (Clones, Vec<PathBuf>, PathBuf) {
    let (hub, dirs) = team(Way::File, 2, |sandbox| {
        sandbox.steps("001-a", "review: required", &["A $ test -f a"], "echo > a");
    });
    hub.chant(&dirs[0], &["work", "001"]).ok();
    hub.git(&dirs[1], &["fetch", "--quiet"]);
    if !seen_alone {
        hub.git(&dirs[1], &["branch", "--quiet", "chant/001-a", "origin/chant/001-a"]);
    }
    let away = hub.sandbox.beside("away.git");
    std::fs::rename(hub.hub(), &away).unwrap();
    (hub, dirs, away)
}

#[test]
fn what_one_clone_landed_while_another_rejected_it_is_completed_for_all_and_the_rejection_is_told() {
    for first in [0, 1] {
        let (hub, dirs, away) = apart_in_review(false);
        let bob = [("GIT_AUTHOR_NAME", "Bob"), ("GIT_AUTHOR_EMAIL", "bob@example.org")];
        hub.chant_with(&dirs[0], &bob, &["reject", "001", "--reason", "too dear"]).ok();
        hub.chant(&dirs[1], &["approve", "001"]).ok();
        std::fs::rename(&away, hub.hub()).unwrap();
        for n in [first, 1 - first, first] {
            hub.chant(&dirs[n], &["sync"]);
        }
        for dir in &dirs {
            hub.git(dir, &["pull", "--quiet", "--ff-only"]);
            let item = hub.item(dir, "001-a");
            let attention = item["attention"].as_str().unwrap_or_default();
            assert_eq!(item["status"], "completed", "{attention}");
            assert!(attention.contains("rejected by Bob <bob@example.org> (too dear)"), "{attention}");
        }
        all_agree(&hub, &dirs);
    }
}

#[test]
fn what_was_seen_at_the_remote_is_decided_about_without_a_network() {
    for word in [&["approve", "001"][..], &["reject", "001", "--reason", "no"]] {
        let (hub, dirs, away) = apart_in_review(true);
        hub.chant(&dirs[1], word).ok();
        let status = hub.status(&dirs[1], "001-a");
        assert_eq!(status, if word[0] == "approve" { "completed" } else { "ready" });
        std::fs::rename(&away, hub.hub()).unwrap();
        hub.chant(&dirs[1], &["sync"]).ok();
        all_agree(&hub, &dirs);
        assert_eq!(hub.status(&dirs[0], "001-a"), status);
    }
}

#[test]
fn commits_that_are_only_here_are_the_users_to_push() {
    let (hub, dirs) = team(Way::File, 1, one);
    std::fs::write(dirs[0].join("mine"), "mine\n").unwrap();
    hub.git(&dirs[0], &["add", "mine"]);
    hub.git(&dirs[0], &["commit", "--quiet", "-m", "not yet"]);
    let before = hub.at_hub("for-each-ref");
    let out = hub.chant(&dirs[0], &["work", "001"]).exits(3);
    assert!(out.err.contains("not yet") && out.err.contains("git push origin main"), "{}", out.all());
    assert_eq!(hub.at_hub("for-each-ref"), before, "nothing was shared");
    hub.git(&dirs[0], &["push", "--quiet"]);
    hub.chant(&dirs[0], &["work", "001"]).ok();
}

#[test]
fn a_target_that_went_on_at_the_remote_is_taken_in_and_its_checkout_follows() {
    let (hub, dirs) = team(Way::File, 2, one);
    std::fs::write(dirs[1].join("theirs"), "theirs\n").unwrap();
    hub.git(&dirs[1], &["add", "theirs"]);
    hub.git(&dirs[1], &["commit", "--quiet", "-m", "went on"]);
    hub.git(&dirs[1], &["push", "--quiet"]);
    std::fs::write(dirs[0].join("untracked"), "mine\n").unwrap();
    hub.chant(&dirs[0], &["work", "001"]).ok();
    assert!(dirs[0].join("theirs").exists() && dirs[0].join("a").exists());
    assert_eq!(hub.git(&dirs[0], &["status", "--porcelain"]), "?? untracked");
    assert_eq!(hub.git(&dirs[0], &["rev-parse", "main"]), hub.at_hub("rev-parse main"));
}

fn hook_at(hub: &Clones, name: &str, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let file = hub.hub().join("hooks").join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file
}

#[test]
fn a_server_that_breaks_off_after_it_accepted_has_accepted() {
    let (hub, dirs) = team(Way::File, 2, one);
    hook_at(&hub, "post-receive", "kill -9 $PPID");
    hub.chant(&dirs[0], &["work", "001"]).ok();
    assert!(hub.at_hub("log -1 --format=%s main").starts_with("Land 001-a"));
    all_agree(&hub, &dirs);
}

#[test]
fn a_server_that_breaks_off_before_it_accepted_has_not_and_nothing_has_moved_here() {
    let (hub, dirs) = team(Way::File, 2, one);
    let hook = hook_at(&hub, "pre-receive", "kill -9 $PPID");
    let out = hub.chant(&dirs[0], &["work", "001"]);
    assert!(out.code != 0, "{}", out.all());
    assert_eq!(hub.git(&dirs[0], &["for-each-ref", "refs/heads/chant"]), "");
    std::fs::remove_file(hook).unwrap();
    hub.chant(&dirs[1], &["work", "001"]).ok();
    all_agree(&hub, &dirs);
}

#[test]
fn a_branch_that_the_server_protects_keeps_the_work_in_review_and_nothing_moves() {
    let (hub, dirs) = team(Way::File, 1, one);
    let hook = hook_at(&hub, "update", "test \"$1\" != refs/heads/main || { echo 'main is protected' >&2; exit 1; }");
    let before = hub.git(&dirs[0], &["rev-parse", "main"]);
    let out = hub.chant(&dirs[0], &["work", "001"]).exits(3);
    assert!(out.err.contains("main is protected"), "{}", out.all());
    assert_eq!(hub.git(&dirs[0], &["rev-parse", "main"]), before);
    assert_eq!(hub.git(&dirs[0], &["status", "--porcelain"]), "");
    assert_eq!(hub.status(&dirs[0], "001-a"), "in_review");
    std::fs::remove_file(hook).unwrap();
    hub.chant(&dirs[0], &["work"]).ok();
    assert_eq!(hub.status(&dirs[0], "001-a"), "completed");
}

#[test]
fn without_a_network_all_goes_on_here_and_sync_shares_it_later() {
    let (hub, dirs) = team(Way::File, 2, |sandbox| {
        one(sandbox);
        sandbox.steps("002-b", "review: required", &["B $ test -f b"], "echo > b");
    });
    let away = hub.sandbox.beside("away.git");
    std::fs::rename(hub.hub(), &away).unwrap();
    let out = hub.chant(&dirs[0], &["work", "001", "002"]).ok();
    assert!(out.err.contains("cannot be reached") && out.err.contains("chant sync"), "{}", out.all());
    assert_eq!(hub.status(&dirs[0], "001-a"), "completed");
    let out = hub.chant(&dirs[0], &["sync"]).exits(1);
    assert!(out.err.contains("cannot be reached"), "{}", out.all());
    std::fs::rename(&away, hub.hub()).unwrap();
    hub.chant(&dirs[0], &["sync"]).ok();
    assert!(hub.at_hub("log -1 --format=%s main").starts_with("Land 001-a"));
    hub.chant(&dirs[1], &["approve", "002"]).ok();
    all_agree(&hub, &dirs);
    let commit = hub.item(&dirs[1], "001-a")["commit"].as_str().unwrap().to_owned();
    assert!(
        hub.git(&dirs[1], &["notes", "--ref=chant", "show", &commit]).contains("criteria"),
        "the evidence came along"
    );
}

/// A plain fetch asks for what chant keeps beside branches, and is content where the remote has none of it.
#[test]
fn init_has_a_plain_fetch_bring_what_chant_keeps_and_never_breaks_it() {
    let (hub, dirs) = team(Way::File, 2, one);
    let made = hub.chant(&dirs[0], &["init"]).ok();
    assert!(made.out.contains("`git fetch origin` brings kept attempts and notes"), "{}", made.all());
    assert_eq!(hub.chant(&dirs[0], &["init"]).ok().out, "everything was here already\n");
    hub.git(&dirs[0], &["fetch", "--quiet"]);
    hub.chant(&dirs[1], &["work", "001"]).ok();
    hub.git(&dirs[0], &["fetch", "--quiet", "--prune"]);
    let notes = hub.git(&dirs[1], &["rev-parse", "refs/notes/chant"]);
    assert_eq!(hub.git(&dirs[0], &["rev-parse", "refs/notes/remotes/origin/chant"]), notes);
    let doctor = hub.chant(&dirs[0], &["doctor"]);
    assert!(doctor.out.contains("origin is shared"), "{}", doctor.all());
}

#[test]
fn two_clones_that_did_the_same_apart_lose_nothing_and_both_sides_are_named() {
    let (hub, dirs) = team(Way::File, 2, |sandbox| {
        sandbox.steps("001-a", "review: required", &["A $ test -f a"], "echo $PWD > a");
    });
    let away = hub.sandbox.beside("away.git");
    std::fs::rename(hub.hub(), &away).unwrap();
    for dir in &dirs {
        hub.chant(dir, &["work", "001"]).ok();
    }
    let tips: Vec<String> = dirs.iter().map(|dir| hub.git(dir, &["rev-parse", "chant/001-a"])).collect();
    std::fs::rename(&away, hub.hub()).unwrap();
    hub.chant(&dirs[0], &["sync"]).ok();
    let out = hub.chant(&dirs[1], &["sync"]).exits(1);
    assert!(out.err.contains(&tips[0][..8]) && out.err.contains(&tips[1][..8]), "{}", out.all());
    hub.chant(&dirs[1], &["approve", "001"]);
    let kept =
        hub.git(&dirs[1], &["for-each-ref", "--format=%(objectname)", "refs/chant/attempts", "refs/heads/chant"]);
    let names = hub.git(&dirs[1], &["for-each-ref", "--format=%(refname)", "refs/chant/attempts"]);
    assert!(names.lines().all(|name| name.starts_with("refs/chant/attempts/001-a/1-")), "{names}");
    assert!(kept.contains(&tips[1]) || hub.at_hub("rev-list main").contains(&tips[1]), "{kept}");
    let attention = hub.item(&dirs[1], "001-a")["attention"].as_str().unwrap_or_default().to_owned();
    let names = tips.iter().filter(|tip| attention.contains(&tip[..8])).count();
    assert_eq!(names, 2, "{attention}");
}

#[test]
fn the_run_of_another_clone_is_left_alone_until_it_is_taken_over_by_word() {
    let (hub, dirs) = team(Way::File, 2, |sandbox| {
        let script = "echo mine > half; echo up >> \"$BESIDE/up\"; while ! test -f \"$BESIDE/go\"; do sleep 0.05; done; echo > a";
        sandbox.steps("001-a", "", &["A $ test -f a"], script);
    });
    let up = hub.sandbox.beside("up");
    let are_up = |count| std::fs::read_to_string(&up).is_ok_and(|text| text.lines().count() == count);
    let holder = hub.spawn(&dirs[0], &[], &["work", "001"]);
    until("the agent to be up", || are_up(1));
    let out = hub.chant(&dirs[1], &["work", "001"]).exits(4);
    assert!(out.err.contains("in another clone") && out.err.contains("--takeover"), "{}", out.all());
    assert_eq!(hub.status(&dirs[1], "001-a"), "in_progress");
    let taker = hub.spawn(&dirs[1], &[], &["work", "001", "--takeover"]);
    until("the other's agent to be up", || are_up(2));
    std::fs::write(hub.sandbox.beside("go"), "").unwrap();
    wait(taker).ok();
    let former = wait(holder).exits(4);
    assert!(former.err.contains("another clone"), "{}", former.all());
    assert_eq!(hub.at_hub("rev-list --count --first-parent --merges main"), "1", "the former holder landed nothing");
    let kept = hub.git(&dirs[0], &["for-each-ref", "--format=%(refname)", "--contains", "chant/001-a"]);
    assert!(!kept.is_empty(), "what it had done is kept");
    hub.git(&dirs[0], &["pull", "--quiet", "--ff-only"]);
    assert_eq!(hub.item(&dirs[0], "001-a")["attempt"], 2);
}

#[test]
fn a_lease_runs_out_by_the_clock_of_whoever_waits_and_by_no_other() {
    let (hub, dirs) = team(Way::File, 2, |sandbox| {
        let script =
            "echo half > half; test -f \"$BESIDE/again\" && { echo > a; exit 0; }; : > \"$BESIDE/up\"; sleep 300";
        sandbox.steps("001-a", "", &["A $ test -f a"], script);
    });
    // The holder's clock is years off.
    let mut holder = hub.spawn(&dirs[0], &[("CHANT_NOW", "2011-01-01T00:00:00Z")], &["work", "001"]);
    let up = hub.sandbox.beside("up");
    until("the agent to be up", || up.exists());
    holder.kill().unwrap();
    holder.wait().unwrap();
    std::fs::write(hub.sandbox.beside("again"), "").unwrap();
    let at = |time: &str| hub.chant_with(&dirs[1], &[("CHANT_NOW", time)], &["work", "001"]);
    at("2030-05-01T10:00:00Z").exits(4);
    at("2030-05-01T10:59:59Z").exits(4);
    let out = at("2030-05-01T11:00:01Z").ok();
    assert!(out.err.contains("lease") && out.err.contains("taken over"), "{}", out.all());
    assert_eq!(hub.item(&dirs[1], "001-a")["attempt"], 2);
    hub.chant(&dirs[0], &["work", "001"]).ok();
    hub.git(&dirs[0], &["pull", "--quiet", "--ff-only"]);
    assert_eq!(hub.status(&dirs[0], "001-a"), "completed");
}

#[test]
fn a_holder_shows_that_it_is_alive_and_one_that_was_taken_over_stops_its_agent_and_keeps_its_work() {
    let (hub, dirs) = team(Way::File, 2, |sandbox| {
        let script =
            "echo mine > half; test -f \"$BESIDE/again\" && { echo > a; exit 0; }; : > \"$BESIDE/up\"; sleep 300";
        sandbox.steps("001-a", "", &["A $ test -f a"], script);
    });
    let holder = hub.spawn(&dirs[0], &[("CHANT_LEASE", "2s")], &["work", "001"]);
    until("a sign of life", || !hub.at_hub("for-each-ref refs/chant/leases").is_empty());
    let first = hub.at_hub("for-each-ref refs/chant/leases");
    until("another one", || hub.at_hub("for-each-ref refs/chant/leases") != first);
    std::fs::write(hub.sandbox.beside("again"), "").unwrap();
    hub.chant(&dirs[1], &["work", "001", "--takeover"]).ok();
    let former = wait(holder).exits(4);
    assert!(former.err.contains("taken it over"), "{}", former.all());
    assert_eq!(hub.git(&dirs[0], &["show", "chant/001-a:half"]), "mine");
    assert_eq!(hub.at_hub("for-each-ref refs/chant/leases"), "", "and the signs go with the claim");
}

#[test]
fn notes_of_all_clones_are_merged_line_by_line() {
    let (hub, dirs) = team(Way::File, 2, one);
    for (dir, word) in dirs.iter().zip(["one", "two"]) {
        hub.git(dir, &["notes", "--ref=chant", "append", "-m", word, "origin/main"]);
    }
    for dir in [&dirs[0], &dirs[1], &dirs[0]] {
        hub.chant(dir, &["sync"]).ok();
    }
    for dir in &dirs {
        let note = hub.git(dir, &["notes", "--ref=chant", "show", "origin/main"]);
        let lines: BTreeSet<&str> = note.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(lines, BTreeSet::from(["one", "two"]));
    }
    assert_eq!(
        hub.git(&dirs[0], &["rev-parse", "refs/notes/chant"]),
        hub.git(&dirs[1], &["rev-parse", "refs/notes/chant"])
    );
}

#[test]
fn a_prune_takes_no_safety_copy() {
    let (hub, dirs) = team(Way::File, 1, |sandbox| {
        sandbox.steps("001-a", "", &["A $ test -f a"], "echo > half");
    });
    hub.chant(&dirs[0], &["work", "001"]).exits(1);
    hub.chant(&dirs[0], &["work", "001", "--fresh"]).exits(1);
    hub.chant(&dirs[0], &["sync"]).ok();
    let kept = hub.git(&dirs[0], &["for-each-ref", "refs/chant/attempts"]);
    assert!(!kept.is_empty());
    assert_eq!(hub.at_hub("for-each-ref refs/chant/attempts"), kept);
    for name in hub.at_hub("for-each-ref --format=%(refname) refs/chant").lines() {
        hub.at_hub(&format!("update-ref -d {name}"));
    }
    hub.git(&dirs[0], &["fetch", "--quiet", "--prune"]);
    assert_eq!(hub.git(&dirs[0], &["for-each-ref", "refs/chant/attempts"]), kept);
}

#[test]
fn a_branch_that_somebody_deleted_at_the_remote_is_kept_where_it_was_seen() {
    let (hub, dirs) = team(Way::File, 2, |sandbox| {
        sandbox.steps("001-a", "review: required", &["A $ test -f a"], "echo > a");
    });
    hub.chant(&dirs[0], &["work", "001"]).ok();
    let tip = hub.at_hub("rev-parse chant/001-a");
    hub.chant(&dirs[1], &["sync"]).ok();
    hub.at_hub("update-ref -d refs/heads/chant/001-a");
    hub.chant(&dirs[1], &["sync"]).ok();
    assert!(hub.git(&dirs[1], &["for-each-ref", "--format=%(objectname)"]).contains(&tip));
}

#[test]
fn a_remote_that_is_not_there_is_named_with_what_to_type() {
    let sandbox = Sandbox::new();
    one(&sandbox);
    sandbox.write(".chant/config.yaml", "remote: origin\n").commit("specs");
    let out = sandbox.chant(["work", "001"]).exits(3);
    assert!(out.err.contains("git remote add origin"), "{}", out.all());
    sandbox.chant(["work", "001", "--remote", ""]).ok();
}

/// Every place at which one call passes by.
fn places(args: &[&str]) -> Vec<String> {
    let (hub, dirs) = team(Way::File, 1, members);
    let trace = hub.sandbox.beside("trace");
    hub.chant_with(&dirs[0], &[("CHANT_TRACE_FAILPOINTS", trace.to_str().unwrap())], args).ok();
    let mut seen = std::collections::BTreeMap::new();
    let text = std::fs::read_to_string(trace).unwrap();
    let numbered = text.lines().map(|name| {
        let n = seen.entry(name.to_owned()).or_insert(0);
        *n += 1;
        format!("{name}:{n}")
    });
    numbered.collect()
}

fn no_lock_is_held(hub: &Clones, dir: &Path, after: &str) {
    until(&format!("the supervisors to let their locks go after a kill at {after}"), || {
        let list = hub.chant(dir, &["list", "--json"]).ok().json();
        let working = |item: &serde_json::Value| item["status"] == "in_progress" && item["type"] != "driver";
        !list.as_array().unwrap().iter().any(working)
    });
}

#[test]
fn a_clone_killed_at_any_step_of_sharing_goes_on_and_another_clone_agrees() {
    let all = places(&["work", "002.1"]);
    let of_sharing =
        |place: &&String| ["shared.", "remote.", "land.", "claim."].iter().any(|room| place.starts_with(room));
    let places: Vec<&String> = all.iter().filter(of_sharing).collect();
    assert!(places.iter().any(|place| place.starts_with("shared.pushed")), "{places:?}");
    // A release of the suite tries each; here each kind, first and last.
    let name = |place: &str| place.split(':').next().unwrap().to_owned();
    let ends = |i: usize| {
        let same = |j: usize| name(places[j]) == name(places[i]);
        !(0..i).any(same) || !(i + 1..places.len()).any(same)
    };
    let every = std::env::var_os("CHANT_ROUNDS").is_some();
    for place in (0..places.len()).filter(|i| every || ends(*i)).map(|i| places[i]) {
        let (hub, dirs) = team(Way::File, 2, members);
        let out = hub.chant_with(&dirs[0], &[("CHANT_KILL_AT", place)], &["work", "002.1"]);
        assert_eq!(out.code, -1, "killed at {place}: {}", out.all());
        no_lock_is_held(&hub, &dirs[0], place);
        let again = hub.chant(&dirs[0], &["work", "002"]);
        assert_eq!(again.code, 0, "after a kill at {place}: {}", again.all());
        hub.chant(&dirs[1], &["work", "002"]).ok();
        let merges = hub.at_hub("log --merges --format=%s main");
        assert_eq!(
            merges.lines().filter(|line| line.starts_with("Land")).count(),
            4,
            "after a kill at {place}: {merges}"
        );
        assert_eq!(hub.at_hub("for-each-ref refs/heads/chant"), "", "after a kill at {place}");
        all_agree(&hub, &dirs);
    }
}
