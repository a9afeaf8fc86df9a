//! Refs move all or none, each only from where it is expected, whoever else moves them.

use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;
use std::time::Duration;

use super::killed::killed_at;
use super::test_repo::TestRepo;
use super::{Error, Expect, Moved, RefMove};
use crate::ledger::Oid;

fn step(name: &str, from: Expect, to: Option<Oid>) -> RefMove {
    RefMove { name: name.into(), from, to }
}

fn moved(name: &str, now: Option<Oid>) -> Moved {
    Moved::TipMoved { name: name.into(), now }
}

/// A repository with two commits; with `hook`, every transaction goes through the git executable.
fn repo(hook: bool) -> (TestRepo, Oid, Oid) {
    let t = TestRepo::new();
    let (a, b) = (t.commit_file("f", "a\n", "a"), t.commit_file("f", "b\n", "b"));
    if hook {
        install_hook(&t, &format!("cat >> '{}'", t.beside("seen").display()));
    }
    (t, a, b)
}

fn install_hook(t: &TestRepo, script: &str) {
    let path = t.repo.common_dir().join("hooks/reference-transaction");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

const X: &str = "refs/heads/chant/x";
const Y: &str = "refs/heads/chant/y";

#[test]
fn a_ref_is_made_moved_and_deleted_and_the_reflog_says_why() {
    for hook in [false, true] {
        let (t, a, b) = repo(hook);
        let go = |from, to| t.repo.move_refs(&[step(X, from, to)], "start\nof work").unwrap();
        assert_eq!(go(Expect::Absent, Some(a)), Moved::Done);
        assert_eq!(go(Expect::At(a), Some(b)), Moved::Done);
        assert_eq!(t.oid(X), b);
        assert_eq!(
            t.git(&["reflog", "show", "--format=%gs %gn <%ge>", X]).lines().next().unwrap(),
            "chant: start of work Cleo <cleo@example.com>"
        );
        assert_eq!(go(Expect::At(b), None), Moved::Done);
        assert_eq!(t.repo.tip(X).unwrap(), None);
        t.fsck();
    }
}

#[test]
fn a_ref_that_should_be_absent_is_refused_even_at_the_very_same_object() {
    for hook in [false, true] {
        let (t, a, _) = repo(hook);
        t.git(&["update-ref", X, &a.to_string()]);
        let again = || t.repo.move_refs(&[step(X, Expect::Absent, Some(a))], "claim").unwrap();
        assert_eq!(again(), moved(X, Some(a)));
        t.git(&["pack-refs", "--all"]);
        assert_eq!(again(), moved(X, Some(a)));
    }
}

#[test]
fn a_ref_that_is_elsewhere_stays_and_is_told() {
    for hook in [false, true] {
        let (t, a, b) = repo(hook);
        let go = |from, to| t.repo.move_refs(&[step(X, from, to)], "land").unwrap();
        assert_eq!(go(Expect::At(a), Some(b)), moved(X, None));
        assert_eq!(go(Expect::At(a), None), moved(X, None));
        t.git(&["update-ref", X, &b.to_string()]);
        assert_eq!(go(Expect::At(a), Some(b)), moved(X, Some(b)));
        assert_eq!(go(Expect::At(a), None), moved(X, Some(b)));
    }
}

#[test]
fn of_several_moves_none_is_made_where_one_cannot() {
    for hook in [false, true] {
        let (t, a, b) = repo(hook);
        t.git(&["update-ref", Y, &a.to_string()]);
        let steps = [step(X, Expect::Absent, Some(a)), step(Y, Expect::At(b), Some(a))];
        assert_eq!(t.repo.move_refs(&steps, "both").unwrap(), moved(Y, Some(a)));
        assert_eq!(t.repo.tip(X).unwrap(), None);
        let steps = [step(X, Expect::Absent, Some(b)), step(Y, Expect::At(a), None)];
        assert_eq!(t.repo.move_refs(&steps, "both").unwrap(), Moved::Done);
        assert_eq!((t.repo.tip(X).unwrap(), t.repo.tip(Y).unwrap()), (Some(b), None));
    }
}

#[test]
fn no_move_at_all_is_done() {
    let (t, a, _) = repo(false);
    assert_eq!(t.repo.move_refs(&[], "nothing").unwrap(), Moved::Done);
    assert_eq!(t.repo.move_refs(&[step(X, Expect::Absent, None)], "nothing").unwrap(), Moved::Done);
    t.git(&["update-ref", X, &a.to_string()]);
    assert_eq!(t.repo.move_refs(&[step(X, Expect::Absent, None)], "nothing").unwrap(), moved(X, Some(a)));
}

#[test]
fn the_hook_sees_the_transaction_and_may_refuse_it() {
    let (t, a, _) = repo(true);
    t.repo.move_refs(&[step(X, Expect::Absent, Some(a))], "claim").unwrap();
    let seen = std::fs::read_to_string(t.beside("seen")).unwrap();
    assert!(seen.contains(&format!("{a} {X}")), "{seen}");
    install_hook(&t, "test \"$1\" != prepared || { echo not today >&2; exit 1; }");
    let error = t.repo.move_refs(&[step(Y, Expect::Absent, Some(a))], "claim").unwrap_err();
    assert!(matches!(&error, Error::HookRefused { complaint } if complaint.contains("not today")), "{error:?}");
    assert_eq!(t.repo.tip(Y).unwrap(), None);
}

#[test]
fn a_branch_in_the_way_of_a_folder_is_named() {
    for hook in [false, true] {
        let (t, a, _) = repo(hook);
        t.git(&["update-ref", X, &a.to_string()]);
        let below = format!("{X}/deeper");
        let error = t.repo.move_refs(&[step(&below, Expect::Absent, Some(a))], "claim").unwrap_err();
        assert!(matches!(&error, Error::InTheWay { other, .. } if other == X), "{error:?}");
        let error = t.repo.move_refs(&[step("refs/heads/chant", Expect::Absent, Some(a))], "claim").unwrap_err();
        assert!(matches!(&error, Error::InTheWay { other, .. } if other == X), "{error:?}");
    }
}

#[test]
fn a_branch_takes_the_place_of_a_folder_that_became_empty() {
    for hook in [false, true] {
        let (t, a, _) = repo(hook);
        let below = format!("{X}/deeper");
        t.repo.move_refs(&[step(&below, Expect::Absent, Some(a))], "claim").unwrap();
        t.repo.move_refs(&[step(&below, Expect::At(a), None)], "gone").unwrap();
        assert_eq!(t.repo.move_refs(&[step(X, Expect::Absent, Some(a))], "claim").unwrap(), Moved::Done);
    }
}

#[test]
fn a_name_that_no_ref_can_have_is_refused() {
    let (t, a, _) = repo(false);
    let error = t.repo.move_refs(&[step("refs/heads/a..b", Expect::Absent, Some(a))], "claim").unwrap_err();
    assert!(matches!(error, Error::BadRef { .. }), "{error:?}");
}

#[test]
fn another_name_for_a_branch_of_the_users_moves_the_branch() {
    for hook in [false, true] {
        let (t, a, b) = repo(hook);
        let (trunk, master) = ("refs/heads/trunk", "refs/heads/master");
        t.git(&["update-ref", trunk, &a.to_string()]);
        t.git(&["symbolic-ref", master, trunk]);
        assert_eq!(t.repo.move_refs(&[step(master, Expect::At(a), Some(b))], "land").unwrap(), Moved::Done);
        assert_eq!(t.oid(trunk), b);
        assert_eq!(t.git(&["symbolic-ref", master]), trunk);
    }
}

#[test]
fn another_name_in_the_place_of_a_branch_of_ours_is_refused_and_nothing_moves() {
    for hook in [false, true] {
        let (t, a, b) = repo(hook);
        t.git(&["update-ref", X, &a.to_string()]);
        t.git(&["symbolic-ref", Y, X]);
        let error = t.repo.move_refs(&[step(Y, Expect::At(a), Some(b))], "land").unwrap_err();
        assert!(matches!(error, Error::OtherName { .. }), "{error:?}");
        assert_eq!((t.oid(X), t.repo.symbolic(Y).unwrap().as_deref()), (a, Some(X)));
        t.repo.make_direct(Y, b).unwrap();
        assert_eq!((t.oid(X), t.oid(Y), t.repo.symbolic(Y).unwrap()), (a, b, None));
    }
}

#[test]
fn a_lock_that_is_let_go_of_is_waited_for() {
    for hook in [false, true] {
        let (t, a, _) = repo(hook);
        let lock = t.repo.common_dir().join(format!("{X}.lock"));
        std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
        std::fs::write(&lock, "").unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Longer than a single try waits, so that it is tried again.
                std::thread::sleep(Duration::from_millis(500));
                std::fs::remove_file(&lock).unwrap();
            });
            assert_eq!(t.repo.move_refs(&[step(X, Expect::Absent, Some(a))], "claim").unwrap(), Moved::Done);
        });
    }
}

#[test]
fn of_eight_claims_at_once_one_wins_and_the_others_see_it() {
    for hook in [false, true] {
        let (t, a, _) = repo(hook);
        let tree = t.repo.tree(a).unwrap();
        let barrier = Barrier::new(8);
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let claim = |n: usize| {
                let (repo, barrier) = (t.repo.clone(), &barrier);
                scope.spawn(move || {
                    let commit = repo.commit(tree, &[a], &format!("claim {n}")).unwrap();
                    barrier.wait();
                    (commit, repo.move_refs(&[step(X, Expect::Absent, Some(commit))], "claim").unwrap())
                })
            };
            (0..8).map(claim).collect::<Vec<_>>().into_iter().map(|claim| claim.join().unwrap()).collect()
        });
        let tip = t.oid(X);
        let winners: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome == Moved::Done).collect();
        assert_eq!(winners.iter().map(|(commit, _)| *commit).collect::<Vec<_>>(), [tip]);
        assert_eq!(outcomes.iter().filter(|(_, outcome)| *outcome == moved(X, Some(tip))).count(), 7);
    }
}

#[test]
fn of_many_commits_put_on_one_branch_by_many_none_is_lost() {
    let (t, a, _) = repo(false);
    t.git(&["update-ref", X, &a.to_string()]);
    t.git(&["pack-refs", "--all"]);
    let tree = t.repo.tree(a).unwrap();
    std::thread::scope(|scope| {
        for who in 0..6 {
            let repo = t.repo.clone();
            scope.spawn(move || {
                for n in 0..10 {
                    loop {
                        let tip = repo.tip(X).unwrap().unwrap();
                        let commit = repo.commit(tree, &[tip], &format!("{who} {n}")).unwrap();
                        if repo.move_refs(&[step(X, Expect::At(tip), Some(commit))], "land").unwrap() == Moved::Done {
                            break;
                        }
                    }
                }
            });
        }
        // Git itself is at it too.
        for _ in 0..5 {
            t.git(&["pack-refs", "--all"]);
        }
    });
    assert_eq!(t.git(&["rev-list", "--count", &format!("{a}..{X}")]), "60");
}

#[test]
fn a_ref_named_twice_is_refused() {
    let (t, a, b) = repo(false);
    let steps = [step(X, Expect::Absent, Some(a)), step(X, Expect::At(a), Some(b))];
    assert!(matches!(t.repo.move_refs(&steps, "twice"), Err(Error::BadRef { .. })));
}

#[test]
fn a_packed_ref_is_deleted_for_good() {
    let (t, a, _) = repo(false);
    t.git(&["update-ref", X, &a.to_string()]);
    t.git(&["pack-refs", "--all"]);
    assert_eq!(t.repo.move_refs(&[step(X, Expect::At(a), None)], "gone").unwrap(), Moved::Done);
    assert_eq!(t.git(&["for-each-ref", X]), "");
}

#[test]
fn a_branch_that_is_checked_out_leaves_its_way_in_the_reflog_of_head() {
    for hook in [false, true] {
        let (t, a, b) = repo(hook);
        let back = [step("refs/heads/main", Expect::At(b), Some(a))];
        assert_eq!(t.repo.move_refs(&back, "back").unwrap(), Moved::Done);
        assert_eq!(t.git(&["log", "-1", "-g", "--format=%H %gs", "HEAD"]), format!("{a} chant: back"));
        assert_eq!(t.git(&["log", "-1", "-g", "--format=%H %gs", "main"]), format!("{a} chant: back"));
        assert_eq!(t.oid("HEAD@{1}"), b);
    }
}

#[test]
fn a_kill_at_any_step_of_a_move_is_mended_by_the_next_one() {
    let (t, a, b) = repo(false);
    let [from, to] = [a, b].map(|oid| oid.to_string());
    for failpoint in ["refs.locked", "refs.moved"] {
        t.git(&["update-ref", X, &from]);
        assert!(killed_at(&t, &t.path(), failpoint, &["move", X, &from, &to]), "{failpoint}");
        let now = t.oid(X);
        assert_eq!(now, if failpoint == "refs.moved" { b } else { a });
        t.fsck();
        let other = if now == a { b } else { a };
        assert_eq!(t.repo.move_refs(&[step(X, Expect::At(now), Some(other))], "again").unwrap(), Moved::Done);
        t.git(&["update-ref", "-d", X]);
    }
    t.git(&["update-ref", X, &from]);
    assert!(killed_at(&t, &t.path(), "refs.deleted", &["move", X, &from, "nowhere"]));
    assert_eq!(t.repo.move_refs(&[step(X, Expect::Absent, Some(b))], "again").unwrap(), Moved::Done);
    assert_eq!(t.oid(X), b);
}

#[test]
fn a_lock_left_by_a_kill_can_be_freed_for_the_user_s_own_git_and_one_in_use_is_kept() {
    let (t, a, b) = repo(false);
    let [from, to] = [a, b].map(|oid| oid.to_string());
    t.git(&["update-ref", X, &from]);
    t.git(&["update-ref", Y, &from]);
    assert!(killed_at(&t, &t.path(), "refs.locked", &["move", X, &from, &to]));
    let foreign = t.repo.common_dir().join(format!("{Y}.lock"));
    std::fs::write(&foreign, "").unwrap();
    assert_eq!(t.repo.free_dead_locks().unwrap(), 1);
    t.git(&["update-ref", X, &to]);
    assert!(foreign.exists());
}
