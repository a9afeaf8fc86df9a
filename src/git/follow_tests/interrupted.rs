//! What a kill or a failure leaves half done.

use super::*;
use crate::git::killed::{killed_at, start};

#[test]
fn a_kill_at_any_point_is_finished_by_the_next_call() {
    for point in ["follow.before", "follow.noted", "follow.files", "follow.index", "follow.after"] {
        let scene = Scene::new();
        scene.repo.write("other", "edited\n");
        scene.repo.write("untracked", "mine\n");
        let action = ["follow", &scene.from.to_string(), &scene.to.to_string()];
        assert!(killed_at(&scene.repo, &scene.repo.path(), point, &action), "{point}");
        assert_eq!(scene.follow(), Follow::Followed, "{point}");
        assert_eq!(scene.land(), " M other\n?? untracked", "{point}");
        assert!(!scene.repo.path().join(".git/index.lock").exists());
        scene.repo.repo.sweep_trash().unwrap();
        assert_eq!(fs::read_dir(scene.repo.path().join(".git/chant/tmp")).unwrap().count(), 0);
    }
}

#[test]
fn a_kill_is_taken_back_where_the_landing_is_given_up() {
    for point in ["follow.noted", "follow.files"] {
        let scene = Scene::new();
        scene.repo.write("other", "edited\n");
        // The user has made one of the landing's changes, too: that is the user's, and stays.
        scene.repo.write("added/in/dir", "added\n");
        let before = scene.state();
        let action = ["follow", &scene.from.to_string(), &scene.to.to_string()];
        assert!(killed_at(&scene.repo, &scene.repo.path(), point, &action), "{point}");
        assert!(scene.repo.repo.settle(&scene.repo.path()).unwrap());
        assert_eq!(scene.state(), before, "{point}");
        assert!(!scene.repo.repo.settle(&scene.repo.path()).unwrap());
    }
}

#[test]
fn a_file_that_a_kill_cut_short_is_written_anew_and_one_edited_since_is_kept() {
    let scene = Scene::new();
    let action = ["follow", &scene.from.to_string(), &scene.to.to_string()];
    assert!(killed_at(&scene.repo, &scene.repo.path(), "follow.noted", &action));
    scene.repo.write("changed", "changed of n");
    scene.repo.write("added/in/dir", "");
    fs::remove_file(scene.repo.path().join("mode")).unwrap();
    assert_eq!(scene.follow(), Follow::Followed);
    assert_eq!(scene.land(), "");

    let scene = Scene::new();
    assert!(killed_at(
        &scene.repo,
        &scene.repo.path(),
        "follow.files",
        &["follow", &scene.from.to_string(), &scene.to.to_string()]
    ));
    scene.repo.write("changed", "edited since\n");
    let Follow::Refused { paths, .. } = scene.follow() else { panic!("it followed") };
    assert_eq!(paths, ["changed"]);
    assert_eq!(scene.status(), " M changed");
}

#[test]
fn while_git_still_writes_for_a_killed_process_nobody_else_does() {
    let repo = TestRepo::new();
    let (started, go) = (repo.beside("started"), repo.beside("go"));
    for fifo in [&started, &go] {
        assert!(std::process::Command::new("mkfifo").arg(fifo).status().unwrap().success());
    }
    repo.write(".gitattributes", "slow filter=slow\n");
    let from = repo.commit_file("slow", "old\n", "old");
    let to = repo.commit_file("slow", "new\n", "new");
    repo.git(&["reset", "--quiet", "--hard", &from.to_string()]);
    let slow = format!("echo > '{}'; cat '{}' > /dev/null; cat", started.display(), go.display());
    repo.git(&["config", "filter.slow.smudge", &slow]);
    let scene = Scene { repo, from, to };
    // The filter reads until this is closed, be it because the test has failed.
    let held = fs::File::options().read(true).write(true).open(&go).unwrap();
    let mut child = start(&scene.repo, &scene.repo.path(), None, &["follow", &from.to_string(), &to.to_string()]);
    fs::read(&started).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    scene.repo.git(&["config", "filter.slow.smudge", "cat"]);
    let Follow::Refused { reason, .. } = scene.follow() else { panic!("it followed") };
    assert!(reason.contains("index.lock"), "{reason}");
    let lock = fs::File::open(scene.repo.path().join(".git/index.lock")).unwrap();
    drop(held);
    // Free when git has ended.
    lock.lock().unwrap();
    drop(lock);
    assert_eq!(scene.follow(), Follow::Followed);
    assert_eq!(scene.land(), "");
    assert_eq!(fs::read(scene.repo.path().join("slow")).unwrap(), b"new\n");
}

#[test]
fn where_git_fails_half_way_everything_is_as_it_was() {
    let repo = TestRepo::new();
    repo.write(".gitattributes", "broken filter=broken\n");
    repo.write("a", "old\n");
    let from = repo.commit_file("broken", "old\n", "old");
    repo.write("a", "new\n");
    repo.write("b", "new\n");
    let to = repo.commit_file("broken", "new\n", "new");
    repo.git(&["reset", "--quiet", "--hard", &from.to_string()]);
    repo.git(&["config", "filter.broken.smudge", "if grep -q new; then exit 1; fi; echo old"]);
    repo.git(&["config", "filter.broken.clean", "cat"]);
    repo.git(&["config", "filter.broken.required", "true"]);
    let scene = Scene { repo, from, to };
    scene.refuses("broken", &[]);
}

#[test]
fn what_was_written_within_one_tick_of_the_clock_is_taken_back_as_well() {
    let repo = TestRepo::new();
    repo.write(".gitattributes", "broken filter=broken\n");
    repo.write("a", "old\n");
    let from = repo.commit_file("broken", "old\n", "old");
    repo.write("a", "new\n");
    let to = repo.commit_file("broken", "new\n", "new");
    repo.git(&["reset", "--quiet", "--hard", &from.to_string()]);
    // Only size and time are looked at, and the second file comes too late to change them.
    repo.git(&["config", "core.trustctime", "false"]);
    repo.git(&["config", "core.checkStat", "minimal"]);
    repo.git(&["config", "filter.broken.smudge", "if grep -q new; then touch -d @1700000000 a; exit 1; fi; echo old"]);
    repo.git(&["config", "filter.broken.clean", "cat"]);
    repo.git(&["config", "filter.broken.required", "true"]);
    let tick = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let set = |path: &str| {
        fs::File::options().write(true).open(repo.path().join(path)).unwrap().set_modified(tick).unwrap();
    };
    set("a");
    repo.git(&["update-index", "-q", "--refresh"]);
    set(".git/index");
    let scene = Scene { repo, from, to };
    scene.refuses("broken", &[]);
}
