//! The kept walk: whatever becomes of its file, the history is what a walk without it finds.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::test_repo::TestRepo;
use super::{Git, Repo};
use crate::ledger::{History, Oid};

/// A line of `count` commits on a branch, made at once; every tenth says something.
fn grow(t: &TestRepo, branch: &str, from: Option<&str>, count: usize) -> Oid {
    let mut input = String::new();
    for n in 0..count {
        let trailer = if n % 10 == 9 { "\n\nChant-Spec: x" } else { "" };
        let message = format!("{branch} {n}{trailer}");
        input.push_str(&format!("commit refs/heads/{branch}\nauthor A <a> {n} +0000\ncommitter A <a> {n} +0000\n"));
        input.push_str(&format!("data {}\n{message}\n", message.len()));
        if let Some(from) = from.filter(|_| n == 0) {
            input.push_str(&format!("from {from}\n"));
        }
    }
    Git::new(t.vars(), &t.path(), ["fast-import", "--quiet", "--force"]).stdin(input).check().unwrap();
    t.oid(&format!("refs/heads/{branch}"))
}

fn file(t: &TestRepo) -> PathBuf {
    t.path().join(".git/chant/cache/history")
}

/// What another process sees.
fn seen(t: &TestRepo, tips: &[Oid]) -> Vec<String> {
    told(&t.open_with(t.vars()).history(tips).unwrap())
}

/// What one sees that has only Git.
fn walked(t: &TestRepo, tips: &[Oid]) -> Vec<String> {
    let kept = fs::read(file(t)).ok();
    fs::remove_file(file(t)).ok();
    let cold = seen(t, tips);
    match kept {
        Some(kept) => fs::write(file(t), kept).unwrap(),
        None => fs::remove_file(file(t)).unwrap_or_default(),
    }
    cold
}

fn told(h: &History) -> Vec<String> {
    let mut lines: Vec<String> =
        h.told().map(|oid| format!("{oid} {:?} {:?}", h.parents(&oid), h.note(&oid))).collect();
    lines.sort();
    lines.push(format!("{} commits", h.len()));
    lines
}

#[test]
fn a_long_walk_is_written_down_and_the_next_process_reads_only_what_is_new() {
    let t = TestRepo::new();
    let old = grow(&t, "main", None, 600);
    assert_eq!(seen(&t, &[old]).last().unwrap(), "600 commits");
    let new = grow(&t, "main", Some("main"), 3);
    // The old commits are in a pack and the new ones are not: what is gone is not missed, for it is not read.
    fs::rename(t.path().join(".git/objects/pack"), t.beside("away")).unwrap();
    assert_eq!(seen(&t, &[new]).last().unwrap(), "603 commits");
}

#[test]
fn a_short_history_leaves_no_file() {
    let t = TestRepo::new();
    let tip = grow(&t, "main", None, 20);
    seen(&t, &[tip]);
    assert!(!file(&t).exists());
}

#[test]
fn branches_that_move_go_and_come_back_are_told_as_a_walk_tells_them() {
    let t = TestRepo::new();
    let main = grow(&t, "main", None, 400);
    let side = grow(&t, "side", Some("main~100"), 300);
    let far = grow(&t, "far", Some("main~399"), 10);
    let states: [&[Oid]; 7] =
        [&[main, side], &[main], &[side, far], &[t.oid("main~50")], &[main, far], &[far], &[main, side, far]];
    for tips in states {
        assert_eq!(seen(&t, tips), walked(&t, tips));
    }
    // Rewritten: everything is new, and nothing of the old is left.
    let rewritten = grow(&t, "main", Some("main~380"), 350);
    assert_eq!(seen(&t, &[rewritten]), walked(&t, &[rewritten]));
    t.git(&["branch", "-D", "side", "far"]);
    t.git(&["reflog", "expire", "--expire=now", "--all"]);
    t.git(&["gc", "-q", "--prune=now"]);
    assert_eq!(seen(&t, &[rewritten]), walked(&t, &[rewritten]));
}

#[test]
fn a_late_merge_of_an_old_fork_is_told_as_a_walk_tells_it() {
    let t = TestRepo::new();
    let main = grow(&t, "main", None, 700);
    seen(&t, &[main]);
    grow(&t, "old", Some("main~690"), 30);
    let [tree, old] = [format!("{main}^{{tree}}"), t.oid("old").to_string()];
    let merge = t.git(&["commit-tree", "-m", "late", "-p", &main.to_string(), "-p", &old, &tree]);
    let merge: Oid = merge.parse().unwrap();
    assert_eq!(seen(&t, &[merge]), walked(&t, &[merge]));
    assert_eq!(seen(&t, &[merge]).last().unwrap(), "731 commits");
}

#[test]
fn a_file_that_is_torn_foreign_or_of_another_version_is_made_anew_without_a_word() {
    let t = TestRepo::new();
    let tip = grow(&t, "main", None, 500);
    let truth = seen(&t, &[tip]);
    let whole = fs::read(file(&t)).unwrap();
    let step = whole.len() / 40;
    let mut spoilt: Vec<Vec<u8>> =
        (0..40).map(|n| [&whole[..n * step], b"torn", &whole[n * step + 4..]].concat()).collect();
    spoilt.extend((0..8).map(|n| whole[..n * whole.len() / 8].to_vec()));
    spoilt.push(String::from_utf8_lossy(b"chant history 2\n").into_owned().into_bytes());
    spoilt.push(b"something else".to_vec());
    for bytes in spoilt {
        fs::write(file(&t), bytes).unwrap();
        assert_eq!(seen(&t, &[tip]), truth);
        assert_eq!(fs::read(file(&t)).unwrap(), whole, "it was made anew");
    }
    fs::remove_file(file(&t)).unwrap();
    fs::create_dir(file(&t)).unwrap();
    assert_eq!(seen(&t, &[tip]), truth);
}

#[test]
fn a_directory_that_cannot_be_written_costs_a_walk_and_nothing_else() {
    let t = TestRepo::new();
    let tip = grow(&t, "main", None, 500);
    // Root writes where nobody may: a file in the directory's place stops everybody.
    let place = t.path().join(".git/chant");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("cache"), "in the way").unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o555)).unwrap();
    let repo = t.open_with(t.vars());
    let first = told(&repo.history(&[tip]).unwrap());
    assert_eq!(first, told(&repo.history(&[tip]).unwrap()), "and is kept in the process");
    assert_eq!(first.last().unwrap(), "500 commits");
    fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn many_that_read_and_write_at_once_all_see_the_same() {
    let t = TestRepo::new();
    let tip = grow(&t, "main", None, 600);
    let truth = walked(&t, &[tip]);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(seen(&t, &[tip]), truth);
                    fs::remove_file(file(&t)).ok();
                }
            });
        }
    });
}

#[test]
fn replaced_objects_and_grafts_are_no_history_with_the_file_either() {
    let t = TestRepo::new();
    let tip = grow(&t, "main", None, 400);
    let truth = seen(&t, &[tip]);
    t.git(&["replace", "--graft", "main~10"]);
    fs::write(t.path().join(".git/info/grafts"), format!("{}\n", t.oid("main~20"))).unwrap();
    assert_eq!(seen(&t, &[tip]), truth);
    assert_eq!(walked(&t, &[tip]), truth);
}

#[test]
fn a_shallow_clone_is_walked_each_time_for_its_boundary_moves() {
    let t = TestRepo::new();
    let tip = grow(&t, "main", None, 500);
    let shallow = t.beside("shallow");
    let url = format!("file://{}", t.path().display());
    t.git(&["clone", "-q", "--depth=400", &url, shallow.to_str().unwrap()]);
    let open = || Repo::open(&shallow, t.vars()).unwrap();
    assert_eq!(open().history(&[tip]).unwrap().len(), 400);
    t.git_in(&shallow, &["fetch", "-q", "--depth=450"]);
    assert_eq!(open().history(&[tip]).unwrap().len(), 450);
    t.git_in(&shallow, &["fetch", "-q", "--unshallow"]);
    assert_eq!(told(&open().history(&[tip]).unwrap()), walked(&t, &[tip]));
}

#[test]
fn a_commit_graph_tells_what_to_read_ahead_and_nothing_else() {
    let t = TestRepo::new();
    let main = grow(&t, "main", None, 5000);
    let side = grow(&t, "side", Some("main~4000"), 900);
    let [tree, side] = [format!("{main}^{{tree}}"), side.to_string()];
    let merge = t.git(&["commit-tree", "-m", "merge", "-p", &main.to_string(), "-p", &side, &tree]);
    t.git(&["update-ref", "refs/heads/main", &merge]);
    let truth = walked(&t, &[t.oid("main")]);
    assert_eq!(truth.last().unwrap(), "5901 commits");
    t.git(&["commit-graph", "write", "--reachable"]);
    assert_eq!(walked(&t, &[t.oid("main")]), truth);
    // Commits that the graph does not have stand before those that it has.
    let new = grow(&t, "main", Some("main"), 3);
    let without = {
        fs::rename(t.path().join(".git/objects/info/commit-graph"), t.beside("graph")).unwrap();
        walked(&t, &[new])
    };
    let graph = fs::read(t.beside("graph")).unwrap();
    let place = t.path().join(".git/objects/info/commit-graph");
    fs::write(&place, &graph).unwrap();
    assert_eq!(walked(&t, &[new]), without);
    // A graph that lies is no worse than none.
    for n in 1..24 {
        let mut lies = graph.clone();
        let at = graph.len() / 3 + n * graph.len() / 40;
        lies[at] ^= 1;
        fs::write(&place, lies).unwrap();
        assert_eq!(walked(&t, &[new]), without, "with byte {at} of {}", graph.len());
    }
}
