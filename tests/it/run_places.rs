//! The same work in every kind of repository: it is done, or refused with the reason and the way out.

use crate::harness::Sandbox;

/// A spec that writes a file `a` and proves it.
fn one(sandbox: &Sandbox) -> &Sandbox {
    sandbox.steps("001-a", "", &["There is an a $ grep -q made a"], "echo made > a").commit("a spec")
}

#[test]
fn a_sha256_repository() {
    let sandbox = Sandbox::bare_directory();
    sandbox.git(["init", "--quiet", "--object-format=sha256", "--initial-branch=main", "."]).ok();
    sandbox.write(".chant/config.yaml", "");
    one(&sandbox);
    sandbox.chant(["work", "001"]).ok();
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.read("a").as_str()), ("completed", "made\n"));
    assert_eq!(sandbox.item("001-a")["commit"].as_str().unwrap().len(), 64);
    sandbox.assert_fsck();
}

#[test]
fn a_bare_repository() {
    let source = Sandbox::new();
    one(&source);
    source.git(["clone", "--quiet", "--bare", ".", "../bare.git"]).ok();
    source.chant_in("../bare.git", ["work", "001"]).ok();
    let list = source.chant_in("../bare.git", ["list", "--json"]).ok().json();
    assert_eq!((&list[0]["status"], &list[0]["target"]), (&"completed".into(), &"main".into()));
    assert_eq!(source.ask("-C ../bare.git show main:a"), "made");
    assert_eq!(source.ask("-C ../bare.git worktree list").lines().count(), 1);
    assert!(source.ask("-C ../bare.git log -1 --format=%B main").contains("Chant-Landing: 001-a 1 "));
    source.git(["-C", "../bare.git", "fsck", "--strict", "--no-dangling"]).ok();
}

#[test]
fn a_shallow_clone_refuses_what_it_cannot_know_and_names_the_way_out() {
    let source = Sandbox::new();
    one(&source).chant(["work", "001"]).ok();
    source.steps("002-b", "", &["B $ test -f b"], "touch b").commit("another");
    let url = format!("file://{}", source.root.display());
    source.git(["clone", "--quiet", "--depth=1", &url, "../shallow"]).ok();
    let list = source.chant_in("../shallow", ["list", "--json"]).ok().json();
    assert_eq!((&list[0]["status"], &list[1]["status"]), (&"unknown".into(), &"unknown".into()));
    let out = source.chant_in("../shallow", ["work", "002"]).exits(3);
    assert!(out.err.contains("git fetch --unshallow"), "{}", out.err);
    source.git(["-C", "../shallow", "fetch", "--quiet", "--unshallow"]).ok();
    source.chant_in("../shallow", ["work", "002"]).ok();
    let list = source.chant_in("../shallow", ["list", "--json"]).ok().json();
    assert_eq!((&list[0]["status"], &list[1]["status"]), (&"completed".into(), &"completed".into()));
}

#[test]
fn a_sparse_checkout_stays_sparse() {
    let sandbox = Sandbox::new();
    sandbox.write("src/near", "1\n").write("far/away", "1\n").write("far/other", "1\n").write("top", "1\n");
    sandbox.steps(
        "001-a",
        "",
        &["Both $ grep -q 2 src/near && grep -q 2 far/away"],
        "echo 2 > src/near; mkdir -p far; echo 2 > far/away",
    );
    sandbox.commit("a spec");
    sandbox.git(["sparse-checkout", "set", ".chant", "src"]).ok();
    assert!(!sandbox.exists("far/away"));
    sandbox.chant(["work", "001"]).ok();
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.read("src/near").as_str()), ("completed", "2\n"));
    assert!(!sandbox.exists("far/away"), "what the user left out stays out");
    assert_eq!(sandbox.ask("show main:far/away"), "2");
    assert_eq!(sandbox.ask("show main:far/other"), "1", "what is not checked out is not deleted");
    assert_eq!(sandbox.ask("status --porcelain"), "");
}

#[test]
fn a_project_inside_of_a_submodule_and_a_project_that_has_one() {
    let inner = Sandbox::new();
    one(&inner);
    let outer = Sandbox::new();
    outer.steps("001-top", "", &["Top $ test -f top"], "touch top").commit("a spec");
    let allow = "protocol.file.allow=always";
    outer.git(["-c", allow, "submodule", "--quiet", "add", inner.root.to_str().unwrap(), "sub"]).ok();
    outer.commit("a submodule");
    let before = outer.ask("-C sub rev-parse HEAD");

    outer.chant(["work", "001"]).ok();
    assert_eq!((outer.status("001-top").as_str(), outer.exists("top")), ("completed", true));
    assert_eq!((outer.ask("status --porcelain").as_str(), outer.ask("-C sub rev-parse HEAD")), ("", before));

    outer.chant_in("sub", ["work", "001"]).ok();
    assert_eq!(outer.read("sub/a"), "made\n");
    assert!(outer.ask("-C sub log -1 --format=%B main").contains("Chant-Landing: 001-a 1 "));
    assert_eq!(outer.ask("status --porcelain"), " M sub", "the outer repository sees a newer submodule, nothing else");
}

#[test]
fn a_detached_head_wants_a_target_and_stays_where_it_is() {
    let sandbox = Sandbox::new();
    one(&sandbox).git(["switch", "--quiet", "--detach"]).ok();
    let head = sandbox.ask("rev-parse HEAD");
    let out = sandbox.chant(["work", "001"]).exits(3);
    assert!(out.err.contains("--target <branch>"), "{}", out.err);
    sandbox.chant(["work", "001", "--target", "main"]).ok();
    assert_eq!((sandbox.ask("rev-parse HEAD"), sandbox.ask("show main:a").as_str()), (head, "made"));
    assert!(sandbox.git(["symbolic-ref", "-q", "HEAD"]).code != 0, "still detached");
    assert_eq!((sandbox.exists("a"), sandbox.ask("status --porcelain").as_str()), (false, ""));
}

#[test]
fn an_unborn_branch_has_nothing_to_start_from_and_is_told_so() {
    let sandbox = Sandbox::bare_directory();
    sandbox.git(["init", "--quiet", "--initial-branch=main", "."]).ok();
    sandbox.chant(["init"]).ok();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a");
    assert_eq!(sandbox.status("001-a"), "ready");
    let out = sandbox.chant(["work", "001"]).exits(3);
    assert!(out.err.contains("commit") && out.err.contains("main"), "{}", out.err);
    assert_eq!(sandbox.ask("for-each-ref"), "");
    sandbox.commit("first");
    sandbox.chant(["work", "001"]).ok();
}

#[test]
fn a_repository_with_a_configuration_of_each_worktree() {
    let sandbox = Sandbox::new();
    one(&sandbox).git(["config", "extensions.worktreeConfig", "true"]).ok();
    sandbox.git(["config", "--worktree", "user.name", "Grace"]).ok();
    sandbox.git(["config", "--worktree", "core.sparseCheckout", "false"]).ok();
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
    assert_eq!(sandbox.ask("config --worktree user.name"), "Grace");
    assert_eq!(sandbox.ask("status --porcelain"), "");
}

#[test]
fn a_target_that_another_worktree_has_checked_out_follows_there() {
    let sandbox = Sandbox::new();
    sandbox.write("notes", "1\n");
    one(&sandbox).git(["switch", "--quiet", "-c", "topic"]).ok();
    sandbox.git(["worktree", "add", "--quiet", "../other", "main"]).ok();
    sandbox.write("../other/notes", "mine\n").write("../other/new", "mine\n");
    sandbox.chant(["work", "001", "--target", "main"]).ok();
    assert_eq!(sandbox.read("../other/a"), "made\n");
    assert_eq!(sandbox.ask("-C ../other status --porcelain"), " M notes\n?? new");
    assert!(!sandbox.exists("a"), "the checkout of another branch is none of its business");
    assert_eq!(sandbox.ask("status --porcelain"), "");
}

#[test]
fn a_file_in_the_way_keeps_the_work_in_review_until_it_is_gone() {
    let sandbox = Sandbox::new();
    one(&sandbox).git(["switch", "--quiet", "-c", "topic"]).ok();
    sandbox.git(["worktree", "add", "--quiet", "../other", "main"]).ok();
    sandbox.write("../other/a", "precious\n");
    let main = sandbox.ask("rev-parse main");
    let out = sandbox.chant(["work", "001", "--target", "main"]).exits(3);
    assert!(out.err.contains("chant work 001-a") && out.err.contains("(a)"), "{}", out.err);
    assert_eq!((sandbox.ask("rev-parse main"), sandbox.read("../other/a").as_str()), (main, "precious\n"));
    assert_eq!(sandbox.status("001-a"), "in_review");
    std::fs::remove_file(sandbox.path("../other/a")).unwrap();
    sandbox.chant(["work", "001"]).ok();
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.read("../other/a").as_str()), ("completed", "made\n"));
}

#[test]
fn a_base_that_its_upstream_has_left_behind_is_refused() {
    let source = Sandbox::new();
    one(&source);
    source.git(["clone", "--quiet", ".", "../clone"]).ok();
    source.write("later", "1\n").commit("later");
    source.git(["-C", "../clone", "fetch", "--quiet"]).ok();
    let out = source.chant_in("../clone", ["work", "001"]).exits(3);
    assert!(out.err.contains("behind origin/main") && out.err.contains("git pull"), "{}", out.err);
    assert_eq!(source.ask("-C ../clone branch --list chant/*"), "");
    source.chant_in("../clone", ["work", "001", "--stale"]).ok();
}

#[test]
fn the_line_ends_that_the_user_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.write(".gitattributes", "*.txt text eol=crlf\n").write("b.txt", "1\r\n2\r\n");
    sandbox.steps("001-a", "", &["B $ grep -q 3 b.txt"], "printf '1\\r\\n2\\r\\n3\\r\\n' > b.txt; echo x > c.txt");
    sandbox.commit("a spec");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!((sandbox.read("b.txt").as_str(), sandbox.read("c.txt").as_str()), ("1\r\n2\r\n3\r\n", "x\r\n"));
    assert_eq!((sandbox.ask("show main:b.txt"), sandbox.ask("status --porcelain")), ("1\n2\n3".into(), String::new()));
}

#[test]
fn set_up_and_what_it_keeps_are_there_for_the_agent_and_for_the_proofs() {
    let sandbox = Sandbox::new();
    sandbox.write(".gitignore", "deps\ntrap\n");
    let setup = "worktree: { setup: \"mkdir -p deps && echo x >> deps/runs\", keep: [deps] }\n";
    sandbox.write(".chant/config.yaml", setup);
    let criteria = ["Deps for the proof $ test -s deps/runs", "No trap $ test ! -e trap"];
    sandbox.steps("001-a", "", &criteria, "test -s deps/runs && touch trap a").commit("a spec");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.exists("deps")), ("completed", false));
}

#[test]
fn a_set_up_that_fails_fails_the_attempt_and_says_what_it_was() {
    let sandbox = Sandbox::new();
    sandbox.write(".chant/config.yaml", "worktree: { setup: \"echo no network >&2; exit 7\" }\n");
    one(&sandbox);
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("exited 7: no network"), "{}", out.err);
    assert_eq!(sandbox.status("001-a"), "failed");
}

#[test]
fn an_attempt_that_takes_too_long_is_ended_and_keeps_its_work() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "timeout: 1s", &["A $ test -f a"], "touch a; sleep 600 & sleep 600").commit("a spec");
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("took longer than allowed"), "{}", out.err);
    assert_eq!(
        (sandbox.status("001-a").as_str(), sandbox.ask("ls-tree --name-only chant/001-a a").as_str()),
        ("failed", "a")
    );
}

#[test]
fn a_project_that_a_sparse_checkout_leaves_out_is_told_apart_from_none() {
    let sandbox = Sandbox::new();
    sandbox.write("src/x", "1\n").commit("x");
    sandbox.git(["sparse-checkout", "set", "src"]).ok();
    for command in ["list", "init"] {
        let out = sandbox.chant([command]).exits(2);
        assert!(out.err.contains("git sparse-checkout add .chant"), "{command}: {}", out.err);
    }
    assert!(!sandbox.exists(".chant"));
}

#[test]
fn a_repository_whose_path_is_anything_but_a_word() {
    use std::os::unix::ffi::OsStrExt as _;
    let names: [&[u8]; 3] = [b"two words", b"two\nlines", b"no \xff text"];
    for name in names {
        let source = Sandbox::new();
        one(&source);
        let place = source.beside(".").join(std::ffi::OsStr::from_bytes(name));
        std::fs::rename(&source.root, &place).unwrap();
        source.chant_in(&place, ["work", "001"]).ok();
        assert_eq!(std::fs::read(place.join("a")).unwrap(), b"made\n", "{name:?}");
        let list = source.chant_in(&place, ["list", "--json"]).ok().json();
        assert_eq!(list[0]["status"], "completed");
        assert!(!place.join(".chant/worktrees/001-a").exists());
    }
}

#[test]
fn a_project_behind_a_symlink_is_refused_with_the_reason() {
    let sandbox = Sandbox::new();
    one(&sandbox);
    for dir in [".chant/specs", ".chant"] {
        let real = sandbox.path("real");
        std::fs::rename(sandbox.path(dir), &real).unwrap();
        std::os::unix::fs::symlink(&real, sandbox.path(dir)).unwrap();
        for command in [["list", ""], ["work", "001"], ["lint", ""]] {
            let words = command.iter().filter(|word| !word.is_empty());
            let out = sandbox.chant(words).exits(2);
            assert!(out.err.contains(&format!("`{dir}` is a symlink")), "{}", out.all());
        }
        std::fs::remove_file(sandbox.path(dir)).unwrap();
        std::fs::rename(&real, sandbox.path(dir)).unwrap();
    }
    sandbox.chant(["work", "001"]).ok();
}

#[test]
fn work_goes_on_in_a_repository_that_was_moved() {
    let sandbox = Sandbox::new();
    let script = "test -f \"$BESIDE/go\" || { echo part > part; exit 1; }; echo a > a";
    sandbox.steps("001-a", "", &["A $ test -f a -a -f part"], script).commit("spec");
    sandbox.chant(["work", "001"]).exits(1);
    std::fs::write(sandbox.beside("go"), "").unwrap();
    std::fs::rename(&sandbox.root, sandbox.apart("moved")).unwrap();
    sandbox.chant_in(sandbox.apart("moved"), ["work", "001"]).ok();
    assert!(sandbox.apart("moved/a").exists());
    let left = crate::harness::run(sandbox.command("git", &sandbox.apart("moved")).args(["worktree", "list"])).ok();
    assert_eq!(left.out.lines().count(), 1, "{}", left.out);
}

#[test]
fn a_worktree_whose_repository_was_moved_without_it_is_made_anew() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "test -f \"$BESIDE/go\" || exit 1; echo a > a").commit("spec");
    sandbox.chant(["work", "001"]).exits(1);
    std::fs::write(sandbox.beside("go"), "").unwrap();
    std::fs::remove_dir_all(sandbox.path(".chant/worktrees")).unwrap();
    std::fs::rename(&sandbox.root, sandbox.apart("moved")).unwrap();
    sandbox.chant_in(sandbox.apart("moved"), ["work", "001"]).ok();
}

#[test]
fn a_target_that_was_rewritten_under_completed_work_takes_it_all_the_same() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "review: required", &["A $ test -f a"], "echo a > a").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    sandbox.git(["commit", "--quiet", "--amend", "-m", "the spec, said better"]).ok();
    sandbox.chant(["approve", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
    assert_eq!(sandbox.read("a"), "a\n");
}

#[test]
fn what_would_collide_is_refused_before_any_work() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "echo a > a");
    sandbox.steps("001-A", "", &["A $ test -f b"], "echo b > b").commit("specs");
    let out = sandbox.chant(["work", "001-a"]);
    assert!(out.code != 0 && sandbox.ask("branch --list chant/*").is_empty(), "{}", out.all());

    let sandbox = Sandbox::new();
    for dir in ["a", "b"] {
        sandbox.write(&format!("{dir}/.chant/config.yaml"), "project: x\n");
        sandbox.write(&format!("{dir}/.chant/specs/001-s.md"), "# S\n\n## Steps\n\n```sh\ntouch done\n```\n");
    }
    sandbox.commit("two of one name");
    let out = sandbox.chant_in("a", ["work", "001"]);
    assert!(out.code != 0 && out.all().contains("called `x`"), "{}", out.all());
    std::fs::create_dir(sandbox.path("c")).unwrap();
    let out = sandbox.chant_in("c", ["init", "--name", "x"]).exits(2);
    assert!(out.err.contains("called `x` already"), "{}", out.all());
    let out = sandbox.chant_in("a", ["init", "--name", "y"]).exits(2);
    assert!(out.err.contains("called `x`"), "{}", out.all());

    let sandbox = Sandbox::new();
    sandbox.write(".chant/specs/pay.md", "# Pay\n").write("pay/.chant/config.yaml", "project: pay\n");
    sandbox
        .write("pay/.chant/specs/001-s.md", "# S\n\n## Steps\n\n```sh\ntouch done\n```\n")
        .commit("a project called as a spec");
    assert!(sandbox.chant_in("pay", ["lint"]).code == 2);
    assert!(sandbox.chant_in("pay", ["work", "001"]).code != 0);
    assert_eq!(sandbox.ask("branch --list chant/*"), "");
}

#[test]
fn a_plain_call_works_what_came_to_a_driver_that_has_landed() {
    let sandbox = Sandbox::new();
    sandbox.spec("001-d", "type: driver", &[], "");
    sandbox.steps("001-d.1", "", &["A $ test -f a"], "echo a > a").commit("specs");
    sandbox.chant(["work"]).ok();
    sandbox.steps("001-d.2", "", &["B $ test -f b"], "echo b > b").commit("one more");
    sandbox.chant(["work"]).ok();
    assert!(sandbox.exists("b"));
}

#[test]
fn work_that_is_only_at_a_remote_is_not_decided_about_from_here() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "review: required", &["A $ test -f a"], "echo a > a").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    sandbox.git(["clone", "--quiet", ".", "../other"]).ok();
    let there = sandbox.beside("other");
    for args in [&["approve", "001"][..], &["merge", "001"], &["reject", "001", "--reason", "no"]] {
        let out = sandbox.chant_in(&there, args).exits(3);
        assert!(out.err.contains("git branch chant/001-a origin/chant/001-a"), "{}", out.all());
    }
    assert!(sandbox.chant_in(&there, ["diff", "001"]).ok().out.contains("+a"));
}
