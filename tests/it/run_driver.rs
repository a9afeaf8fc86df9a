//! Drivers and their members.

use crate::harness::{Sandbox, wait};

fn driver(sandbox: &Sandbox) {
    sandbox.spec("001-d", "type: driver", &["All three $ test -f a && test -f b && test -f c"], "");
    sandbox.steps("001-d.1", "", &["A $ test -f a"], "touch a");
    sandbox.steps("001-d.2", "", &["B $ test -f b"], "touch b");
    sandbox.steps("001-d.3", "", &["C $ test -f c"], "touch c");
    sandbox.commit("specs");
}

#[test]
fn members_land_on_the_drivers_branch_and_the_driver_on_its_target() {
    let sandbox = Sandbox::new();
    driver(&sandbox);
    sandbox.chant(["work", "001"]).ok();
    for id in ["001-d", "001-d.1", "001-d.2", "001-d.3"] {
        assert_eq!(sandbox.status(id), "completed", "{id}");
    }
    let message = sandbox.ask("log -1 --format=%B main");
    for id in ["001-d 1 ", "001-d.1 1 ", "001-d.2 1 ", "001-d.3 1 "] {
        assert!(message.contains(&format!("Chant-Landing: {id}")), "{message}");
    }
    assert_eq!(sandbox.ask("log --first-parent --format=%s main").lines().count(), 3);
    assert_eq!(sandbox.ask("branch --list chant/*"), "");
    sandbox.assert_fsck();
}

#[test]
fn members_of_which_files_are_to_be_committed_start_no_program_of_gits() {
    let started = |members: usize| {
        let sandbox = Sandbox::new();
        sandbox.spec("001-d", "type: driver", &[], "");
        for n in 1..=members {
            sandbox.steps(&format!("001-d.{n}"), "", &[], &format!("echo {n} > made-{n}"));
        }
        sandbox.commit("specs");
        // A `git` that notes each call and hands it on.
        let (bin, calls) = (sandbox.apart("bin"), sandbox.apart("calls"));
        std::fs::create_dir(&bin).unwrap();
        let real = sandbox.ask("--exec-path");
        let note = format!("#!/bin/sh\necho \"$*\" >> {}\nexec {real}/git \"$@\"\n", calls.display());
        std::fs::write(bin.join("git"), note).unwrap();
        std::fs::set_permissions(bin.join("git"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let path = std::env::join_paths(
            [bin.clone()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        sandbox.chant_with(&[("PATH", path.unwrap().to_str().unwrap())], ["work", "001"]).ok();
        assert_eq!(sandbox.ask("ls-tree --name-only main").matches("made-").count(), members, "all have landed");
        std::fs::read_to_string(calls).unwrap()
    };
    let (few, more) = (started(2), started(6));
    assert_eq!(few.lines().count(), more.lines().count(), "{few}\n{more}");
    assert!(!more.contains("commit") && !more.contains("status"), "{more}");
}

#[test]
fn members_worked_one_by_one_complete_the_driver_with_the_last() {
    let sandbox = Sandbox::new();
    driver(&sandbox);
    sandbox.chant(["work", "001.2"]).ok();
    assert_eq!(sandbox.status("001-d"), "in_progress");
    sandbox.chant(["work", "001.1"]).ok();
    assert_eq!(sandbox.status("001-d"), "in_progress");
    assert!(!sandbox.exists("a"), "members land on the driver's branch");
    sandbox.chant(["work", "001.3"]).ok();
    assert_eq!(sandbox.status("001-d"), "completed");
    assert!(sandbox.exists("a") && sandbox.exists("b") && sandbox.exists("c"));
}

#[test]
fn three_terminals_at_once_race_for_the_drivers_branch_and_none_loses() {
    let sandbox = Sandbox::new();
    driver(&sandbox);
    let runs: Vec<_> = ["001.1", "001.2", "001.3"].iter().map(|id| sandbox.spawn(&[], ["work", id])).collect();
    for run in runs {
        wait(run).ok();
    }
    assert_eq!(sandbox.status("001-d"), "completed");
    let landings = sandbox.ask("log --first-parent --format=%s main");
    assert_eq!(landings.matches("Land 001-d:").count(), 1, "{landings}");
    sandbox.assert_fsck();
}

#[test]
fn one_member_fails_the_others_land_and_the_next_call_runs_only_what_is_missing() {
    let sandbox = Sandbox::new();
    sandbox.spec("001-d", "type: driver", &["Both $ test -f a && test -f b"], "");
    sandbox.steps("001-d.1", "", &["A $ test -f a"], "echo run >> \"$BESIDE/one\"; touch a");
    sandbox.steps(
        "001-d.2",
        "",
        &["B $ test -f b"],
        "echo run >> \"$BESIDE/two\"; test -f \"$BESIDE/go\" && touch b || true",
    );
    sandbox.commit("specs");
    sandbox.chant(["work", "001"]).exits(1);
    assert_eq!(sandbox.status("001-d.1"), "completed");
    assert_eq!(sandbox.status("001-d.2"), "failed");
    assert_eq!(sandbox.status("001-d"), "in_progress");
    assert!(sandbox.item("001-d")["attention"].as_str().unwrap().contains("001-d.2"));
    std::fs::write(sandbox.beside("go"), "").unwrap();
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(std::fs::read_to_string(sandbox.beside("one")).unwrap(), "run\n");
    assert_eq!(std::fs::read_to_string(sandbox.beside("two")).unwrap(), "run\nrun\n");
    assert_eq!(sandbox.status("001-d"), "completed");
}

#[test]
fn a_member_that_depends_on_its_sibling_starts_from_its_work() {
    let sandbox = Sandbox::new();
    sandbox.spec("001-d", "type: driver", &["Both $ test -f a && test -f b"], "");
    sandbox.steps("001-d.1", "depends_on: [001-d.2]", &["A $ test -f a"], "test -f b && touch a");
    sandbox.steps("001-d.2", "", &["B $ test -f b"], "touch b");
    sandbox.commit("specs");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("001-d"), "completed");
}

#[test]
fn a_driver_whose_dependency_has_not_landed_is_blocked_and_so_are_its_members() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-first", "", &["F $ test -f f"], "touch f");
    sandbox.spec("002-d", "type: driver\ndepends_on: 001", &["A $ test -f a"], "");
    sandbox.steps("002-d.1", "", &["A $ test -f a"], "touch a");
    sandbox.commit("specs");
    assert_eq!(sandbox.status("002-d"), "blocked");
    assert_eq!(sandbox.status("002-d.1"), "blocked");
    assert_eq!(sandbox.item("002-d.1")["blocked_by"][0]["id"], "001-first");
    sandbox.chant(["work", "002"]).exits(3);
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("002-d.1"), "ready");
    sandbox.chant(["work", "002"]).ok();
    assert_eq!(sandbox.status("002-d"), "completed");
}

#[test]
fn a_drivers_own_criteria_are_proven_on_the_merged_whole() {
    let sandbox = Sandbox::new();
    sandbox.spec("001-d", "type: driver", &["Never both $ test ! -f a || test ! -f b"], "");
    sandbox.steps("001-d.1", "", &["A $ test -f a"], "touch a");
    sandbox.steps("001-d.2", "", &["B $ test -f b"], "touch b");
    sandbox.commit("specs");
    sandbox.chant(["work", "001"]).exits(1);
    assert_eq!(sandbox.status("001-d"), "failed");
    assert!(!sandbox.exists("a"));
}

#[test]
fn drivers_nest() {
    let sandbox = Sandbox::new();
    sandbox.spec("001-d", "type: driver", &["Both $ test -f a && test -f b"], "");
    sandbox.spec("001-d.1", "type: driver", &["A $ test -f a"], "");
    sandbox.steps("001-d.1.1", "", &["A $ test -f a"], "touch a");
    sandbox.steps("001-d.2", "", &["B $ test -f b"], "touch b");
    sandbox.commit("specs");
    sandbox.chant(["work", "001"]).ok();
    for id in ["001-d", "001-d.1", "001-d.1.1", "001-d.2"] {
        assert_eq!(sandbox.status(id), "completed", "{id}");
    }
}

#[test]
fn what_lands_on_the_target_meanwhile_is_there_for_the_next_member() {
    let sandbox = Sandbox::new();
    driver(&sandbox);
    sandbox.chant(["work", "001.1"]).ok();
    sandbox.steps("001-d.4", "", &["D $ test -f new-base && test -f d"], "touch d");
    sandbox.write("new-base", "").commit("a member added while its driver runs");
    sandbox.chant(["work", "001.4"]).ok();
    assert_eq!(sandbox.status("001-d.4"), "completed");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("001-d"), "completed");
}

#[test]
fn a_conflict_that_a_person_merged_is_proven_and_lands_and_no_agent_runs_again() {
    let sandbox = Sandbox::new();
    sandbox.write("shared", "base\n").spec("001-d", "type: driver", &[], "");
    for (me, other) in [(1, 2), (2, 1)] {
        let together = format!("until test -e \"$BESIDE/ran-{other}\"; do sleep 0.02; done");
        let script = format!("echo {me} > shared; echo x >> \"$BESIDE/ran-{me}\"; {together}");
        sandbox.steps(&format!("001-d.{me}"), "", &["S $ grep -q . shared"], &script);
    }
    sandbox.commit("specs");
    sandbox.chant(["work", "001"]).exits(1);
    let loser = if sandbox.status("001-d.1") == "in_review" { "001-d.1" } else { "001-d.2" };
    let worktree = format!(".chant/worktrees/{loser}");
    assert!(sandbox.git(["-C", &worktree, "merge", "chant/001-d"]).code != 0, "they conflict");
    sandbox.write(&format!("{worktree}/shared"), "both\n");
    sandbox.git(["-C", &worktree, "commit", "--quiet", "--all", "-m", "merged"]).ok();
    let item = sandbox.item(loser);
    assert_eq!(item["status"], "in_review");
    assert!(item["attention"].as_str().unwrap().contains("proves and lands it"), "{item:#}");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!((sandbox.read("shared").as_str(), sandbox.status(loser).as_str()), ("both\n", "completed"));
    assert_eq!((sandbox.read("../ran-1").as_str(), sandbox.read("../ran-2").as_str()), ("x\n", "x\n"));
}

#[test]
fn the_change_of_a_member_is_its_own_also_after_its_driver_has_landed() {
    let sandbox = Sandbox::new();
    sandbox.spec("001-d", "type: driver", &[], "").spec("001-d.3", "type: driver", &[], "");
    for id in ["001-d.1", "001-d.2", "001-d.3.1"] {
        sandbox.steps(id, "", &[&format!("F $ test -f {id}.txt")], &format!("echo x > {id}.txt"));
    }
    sandbox.commit("specs").chant(["work", "001"]).ok();
    let files = |id: &str| -> Vec<String> {
        let diff = sandbox.chant(["diff", id, "--json"]).ok().json();
        diff["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap().to_owned()).collect()
    };
    for id in ["001-d.1", "001-d.2", "001-d.3.1"] {
        assert_eq!(files(id), [format!("{id}.txt")]);
    }
    assert_eq!(files("001-d.3"), ["001-d.3.1.txt"]);
    assert_eq!(files("001-d").len(), 3);
}

#[test]
fn what_another_project_of_the_repository_has_proven_is_proven_on_the_merge_as_well() {
    let sandbox = Sandbox::new();
    sandbox.write("shop/.chant/config.yaml", "project: shop\n").write("word", "old\n");
    let wait = "until test -e \"$BESIDE/go\"; do sleep 0.02; done";
    sandbox.steps(
        "001-a",
        "",
        &["New $ test -f new"],
        &format!("touch \"$BESIDE/working\"; {wait}; git rm -q word; touch new"),
    );
    sandbox.write(
        "shop/.chant/specs/001-a.md",
        "# Shop\n\n## Acceptance Criteria\n\n- [ ] The word is there\n      `$ test -f ../word && test -f here`\n\n## Steps\n\n```sh\ntouch here\n```\n",
    );
    sandbox.commit("specs");
    let first = sandbox.spawn(&[], ["work", "001"]);
    crate::harness::until("it works", || sandbox.exists("../working"));
    sandbox.chant_in("shop", ["work", "001"]).ok();
    sandbox.write("../go", "");
    let out = crate::harness::wait(first).exits(1);
    assert!(out.err.contains("breaks shop/001-a, which landed first"), "{}", out.err);
    assert!(sandbox.exists("word") && sandbox.exists("shop/here"));
    assert_eq!(sandbox.status("001-a"), "failed");
}

#[test]
fn an_attempt_of_a_driver_is_begun_once_by_members_side_by_side() {
    let sandbox = Sandbox::new();
    sandbox.spec("001-d", "type: driver\napproval: required", &[], "");
    for n in 1..4 {
        sandbox.steps(&format!("001-d.{n}"), "", &[&format!("M $ test -f m{n}")], &format!("touch m{n}"));
    }
    sandbox.commit("specs");
    for attempt in 1..3 {
        sandbox.chant(["approve", "001"]).ok();
        sandbox.chant(["work", "001"]).ok();
        let starts = sandbox.ask(&format!("log --format=%s --grep=^001-d:.start.attempt.{attempt}"));
        assert_eq!(starts, format!("001-d: start attempt {attempt}"));
        sandbox.chant(["revert", "001"]).ok();
    }
}

#[test]
fn the_project_at_the_top_is_known_by_its_name_to_those_below() {
    let sandbox = Sandbox::new();
    sandbox.write(".chant/config.yaml", "project: whole\nland: review\n");
    sandbox.write("shop/.chant/config.yaml", "project: shop\nland: review\n");
    sandbox.steps("001-a", "", &["Nothing is broken $ test ! -f shop/broken"], "touch a");
    sandbox.write(
        "shop/.chant/specs/001-b.md",
        "# Shop\n\n## Acceptance Criteria\n\n- [ ] It is there\n      `$ test -f here`\n\n## Steps\n\n```sh\ntouch here broken\n```\n",
    );
    sandbox.commit("specs");
    sandbox.chant_in("shop", ["work", "001"]).ok();
    sandbox.chant(["work", "001"]).ok();
    sandbox.chant(["approve", "001"]).ok();
    let out = sandbox.chant_in("shop", ["approve", "001"]);
    assert!(out.all().contains("breaks whole/001-a, which landed first"), "{}", out.all());
    assert!(sandbox.exists("a") && !sandbox.exists("shop/broken"));
    let doctor = sandbox.chant(["doctor"]);
    assert!(!doctor.out.contains("a project that there is not"), "{}", doctor.out);
    sandbox.write("shop/.chant/config.yaml", "project: Whole\n").commit("the same name, for a file system");
    let lint = sandbox.chant_in("shop", ["lint"]).exits(2);
    assert!(lint.all().contains("two projects of this repository are called"), "{}", lint.all());
}

#[test]
fn members_work_side_by_side_and_never_more_than_asked_for() {
    let make = |script: &dyn Fn(u32) -> String| {
        let sandbox = Sandbox::new();
        sandbox.spec("001-d", "type: driver", &[], "");
        for n in 1..=4 {
            sandbox.steps(&format!("001-d.{n}"), "", &[&format!("F $ test -f f{n}")], &script(n));
        }
        sandbox.commit("specs");
        sandbox
    };
    // Each waits for all the others: one after the other, nobody would ever be through.
    let together = make(&|n| {
        let all = "for m in 1 2 3 4; do until test -e \"$BESIDE/up-$m\"; do sleep 0.02; done; done";
        format!("touch f{n} \"$BESIDE/up-{n}\"; {all}")
    });
    together.chant(["work", "001", "-j", "4"]).ok();

    // Two seats, which each takes one of and gives back: a third would find none.
    let bounded = make(&|n| {
        let seat = "mkdir \"$BESIDE/seat-1\" 2>/dev/null && s=1 || { mkdir \"$BESIDE/seat-2\" && s=2; }";
        format!("{seat}; touch f{n}; sleep 0.1; rmdir \"$BESIDE/seat-$s\"")
    });
    bounded.chant(["work", "001", "-j", "2"]).ok();
    assert_eq!(bounded.status("001-d"), "completed");
}

#[test]
fn a_member_that_is_edited_or_added_while_its_driver_runs_is_worked_as_it_is_by_then() {
    let sandbox = Sandbox::new();
    let wait = "until test -e \"$BESIDE/go\"; do sleep 0.02; done";
    sandbox.spec("001-d", "type: driver", &[], "").spec("001-d.4", "type: driver", &[], "");
    sandbox.steps("001-d.1", "", &["One $ test -f one"], &format!("touch one \"$BESIDE/up\"; {wait}"));
    sandbox.steps("001-d.2", "depends_on: 001-d.1", &["Old $ test -f old"], "touch old");
    sandbox.steps("001-d.4.1", "", &["Four $ test -f four"], &format!("touch four; {wait}"));
    sandbox.steps("002-e", "", &["E $ test -f e"], "echo ran >> \"$BESIDE/runs\"; echo x >> f").commit("specs");
    let run = sandbox.spawn(&[], ["work", "001", "002"]);
    crate::harness::until("the first works", || sandbox.exists("../up"));
    sandbox.steps("001-d.2", "depends_on: 001-d.1", &["New $ test -f new"], "touch new");
    sandbox.steps("001-d.3", "", &["Three $ test -f three"], "touch three");
    sandbox.steps("001-d.4.2", "", &["Five $ test -f five"], "touch five").commit("others");
    sandbox.write("../go", "");
    let out = crate::harness::wait(run);
    assert_eq!((sandbox.status("001-d.2").as_str(), out.code), ("completed", 1), "{}", out.all());
    assert_eq!(
        (sandbox.status("002-e").as_str(), sandbox.read("../runs").as_str()),
        ("failed", "ran\n"),
        "once is enough"
    );
    assert!(sandbox.exists("new") && !sandbox.exists("old") && sandbox.exists("three"));
    for id in ["001-d", "001-d.1", "001-d.2", "001-d.3", "001-d.4", "001-d.4.1", "001-d.4.2"] {
        assert_eq!(sandbox.status(id), "completed", "{id}: {}", out.all());
    }
    assert_eq!(sandbox.ask("status --porcelain"), "");
}

#[test]
fn a_second_call_for_a_driver_whose_members_the_first_is_working_is_told_so() {
    let sandbox = Sandbox::new();
    sandbox.spec("002-d", "type: driver", &["All $ test -f m"], "");
    let script = "echo m > m; : > \"$BESIDE/up\"; while ! test -f \"$BESIDE/go\"; do :; done";
    sandbox.steps("002-d.1", "", &["M $ test -f m"], script).commit("specs");
    let first = sandbox.spawn(&[], ["work", "002"]);
    let up = sandbox.beside("up");
    crate::harness::until("the member's agent to be up", || up.exists());
    let second = sandbox.chant(["work", "002"]).exits(4);
    assert!(second.err.contains("002-d.1"), "{}", second.all());
    std::fs::write(sandbox.beside("go"), "").unwrap();
    crate::harness::wait(first).ok();
    assert_eq!(sandbox.status("002-d"), "completed");
}
