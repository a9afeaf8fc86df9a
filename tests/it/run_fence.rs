//! Filters and merge drivers that the user's configuration names and the tree holds: an agent changes them, and the engine's
//! own Git starts them. They reach nothing outside, and honest ones do their work.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use chant::git::{Repo, Shutting};

use crate::harness::{Sandbox, chant, until, wait};

fn closed() -> bool {
    chant::cage::support().is_there()
}

/// A script of the tree, that can be started.
fn tool(sandbox: &Sandbox, name: &str, text: &str) {
    sandbox.write(&format!("tools/{name}"), text);
    std::fs::set_permissions(sandbox.path(format!("tools/{name}")), Permissions::from_mode(0o755)).unwrap();
}

/// What the scripts try once an agent has been at them; what goes through is noted beside the repository, and so is where
/// they were started.
fn tricks(sandbox: &Sandbox) -> String {
    let (root, home) = (sandbox.root.display(), sandbox.beside("home"));
    let talk = sandbox.beside("talk");
    let (home, talk) = (home.display(), talk.display());
    format!(
        "pwd >> {talk}/ran; test -z \"$MY_TOKEN\" || echo token >> {talk}/through\n\
         for f in {root}/.git/hooks/post-commit {root}/.git/config.worktree {root}/.git/objects/x {root}/.git/lfs/x \\\n\
         {root}/.git/x {root}/.git/worktrees/x {root}/.git/chant/x {root}/from-tree {home}/.bashrc /tmp/chant-from-tree; do\n\
         (mkdir -p $(dirname $f) && echo touched >> $f) 2>/dev/null && echo $f >> {talk}/through; done\n"
    )
}

const SMUDGE: &str = "printf '%s\\n' \"$1\" >> $BESIDE/names; tr a-z A-Z\n";
const CLEAN: &str = "tr A-Z a-z\n";
const NAME: &str = "z it's 100%% $(x) %f.x";

/// A project whose files `*.x` are in capitals where they are checked out, by scripts of the tree.
fn filtered(name: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    for (which, text) in [("smudge", SMUDGE), ("clean", CLEAN)] {
        tool(&sandbox, which, &format!("#!/bin/sh\n{text}"));
        sandbox.git(["config", &format!("filter.{name}.{which}"), &format!("./tools/{which} %f")]).ok();
    }
    sandbox.git(["config", &format!("filter.{name}.required"), "true"]).ok();
    sandbox.write(".gitattributes", format!("*.x filter={name}\n")).write(NAME, "AS IT WAS\n");
    // The agent puts the tricks into both scripts, before what they do.
    sandbox.write("../tricks", tricks(&sandbox));
    let script = "for t in smudge clean; do { echo '#!/bin/sh'; cat \"$BESIDE/tricks\"; tail -n +2 tools/$t; } > t; cat t > tools/$t; rm t; done\n\
                  for f in z*.x; do echo NEW > \"$f\"; done";
    let proof =
        "A $ grep -q NEW z*.x && git cat-file -p \"HEAD:$(git ls-files -z 'z*' | tr -d '\\000')\" | grep -q new";
    sandbox.steps("001-a", "", &[proof], script);
    sandbox.steps("002-b", "", &["B $ grep -q NEW z*.x && test -f b"], "echo b > b; echo 'NEW TOO' > zz.x");
    sandbox.steps("003-c", "", &["C $ grep -q TOO zz.x && test -f c"], "grep -q NEW z*.x && echo c > c");
    sandbox.spec("004-d", "agent: person", &["D $ test -f d"], "");
    sandbox.commit("specs");
    sandbox
}

fn noted(sandbox: &Sandbox, name: &str) -> String {
    std::fs::read_to_string(sandbox.beside("talk").join(name)).unwrap_or_default()
}

#[test]
fn a_filter_of_the_tree_reaches_nothing_outside_wherever_files_are_written_and_does_its_work() {
    if !closed() {
        return;
    }
    for (name, net) in [("x", "shared"), ("a=b.c", "shared"), ("x", "none")] {
        if net == "none" && chant::cage::net_can_go().is_err() {
            continue;
        }
        let sandbox = filtered(name);
        sandbox.write(".chant/config.yaml", format!("sandbox: {{ net: {net} }}\n")).commit("settings");
        std::fs::remove_file(sandbox.beside("talk").join("names")).ok();
        for id in ["001", "002", "003"] {
            sandbox.chant_with(&[("MY_TOKEN", "hunter2")], ["work", id]).ok();
        }
        assert_eq!(noted(&sandbox, "through"), "");
        let ran = noted(&sandbox, "ran");
        let root = sandbox.root.display();
        // The checkout of the user, a worktree, and the one for the proofs.
        for place in [format!("{root}"), format!("{root}/.chant/worktrees/002-b"), "+proof".to_owned()] {
            assert!(ran.lines().any(|at| at.ends_with(&place)), "nothing was tried at {place}: {ran}");
        }
        assert!(noted(&sandbox, "names").lines().any(|line| line == NAME), "{}", noted(&sandbox, "names"));
        assert_eq!((sandbox.read(NAME).as_str(), sandbox.read("zz.x").as_str()), ("NEW\n", "NEW TOO\n"));
        assert_eq!(sandbox.ask("show HEAD:zz.x"), "new too");
        assert_eq!(sandbox.ask("status --porcelain"), "");
        sandbox.assert_fsck();
    }
}

#[test]
fn the_same_filter_reaches_the_users_files_where_the_sandbox_is_switched_off() {
    let sandbox = filtered("x").open();
    sandbox.chant(["work", "001"]).ok();
    sandbox.chant(["work", "002"]).ok();
    assert!(noted(&sandbox, "through").contains("from-tree"), "the tricks are none");
}

#[test]
fn what_is_saved_of_a_worktree_is_read_through_filters_that_cannot_spoil_the_repository() {
    if !closed() {
        return;
    }
    let sandbox = filtered("x");
    sandbox.chant(["work", "001"]).ok();
    sandbox.chant(["work", "004", "--agent", "person"]).ok();
    let place = sandbox.path(".chant/worktrees/004-d");
    std::fs::write(place.join("zz.x"), "HALF DONE\n").unwrap();
    std::fs::remove_file(sandbox.beside("talk").join("ran")).ok();
    let env = sandbox.command("true", &sandbox.root);
    let vars = env.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect();
    let repo = Repo::open(&sandbox.root, &vars).unwrap();
    let write = vec![sandbox.beside("talk")];
    repo.shut_in(Some(Shutting { program: chant().into(), write, pass: vec!["BESIDE".into()], ..Shutting::default() }));
    let saved = repo.snapshot(&place, true, "saved\n").unwrap().unwrap();
    assert_eq!(sandbox.ask(&format!("show {saved}:zz.x")), "half done");
    assert!(noted(&sandbox, "ran").contains("004-d"), "{}", noted(&sandbox, "ran"));
    assert_eq!(noted(&sandbox, "through"), "");
    sandbox.assert_fsck();
}

#[test]
fn a_filter_that_answers_for_many_files_in_one_process_is_shut_in_too() {
    if !closed() {
        return;
    }
    let sandbox = Sandbox::new();
    let root = sandbox.root.display().to_string();
    // The protocol of gitattributes(5), "Long Running Filter Process".
    let filter = format!(
        r#"#!/usr/bin/env python3
import sys, os
i, o = sys.stdin.buffer, sys.stdout.buffer
def get():
    n = int(i.read(4) or b"0", 16)
    return i.read(n - 4) if n else None
def some():
    found = []
    while (line := get()) is not None: found.append(line)
    return found
def put(*lines):
    for line in lines:
        o.write(b"%04x" % (len(line) + 4) + line)
    o.write(b"0000"); o.flush()
for place in ["{root}/.git/hooks/post-commit", "{root}/from-process"]:
    try: open(place, "w"); open(os.environ["BESIDE"] + "/through", "w")
    except OSError: pass
open(os.environ["BESIDE"] + "/ran", "a").write(os.getcwd() + "\n")
some(); put(b"git-filter-server\n", b"version=2\n"); some(); put(b"capability=clean\n", b"capability=smudge\n")
while True:
    try: what = some()
    except ValueError: break
    if not what: break
    body = b"".join(some())
    body = body.upper() if what[0].startswith(b"command=smudge") else body.lower()
    put(b"status=success\n"); put(body); put()
"#
    );
    tool(&sandbox, "process", &filter);
    sandbox.git(["config", "filter.p.process", "./tools/process"]).ok();
    sandbox.git(["config", "filter.p.required", "true"]).ok();
    sandbox.write(".gitattributes", "*.x filter=p\n").write("z.x", "ONE\n");
    sandbox.steps("001-a", "", &["A $ grep -q ONE z.x && grep -q TWO zz.x"], "grep -q ONE z.x && echo TWO > zz.x");
    // Where the user commits, nothing is shut in.
    sandbox.commit("specs");
    std::fs::remove_file(sandbox.beside("talk").join("through")).ok();
    std::fs::remove_file(sandbox.beside("talk").join("ran")).ok();
    sandbox.chant(["work", "001"]).ok();
    assert_eq!((noted(&sandbox, "through").as_str(), sandbox.read("zz.x").as_str()), ("", "TWO\n"));
    assert!(noted(&sandbox, "ran").lines().any(|at| at == root), "{}", noted(&sandbox, "ran"));
    assert_eq!(sandbox.ask("show HEAD:zz.x"), "two");
}

#[test]
fn a_merge_driver_of_the_tree_reaches_nothing_outside_and_merges() {
    if !closed() {
        return;
    }
    let sandbox = Sandbox::new();
    tool(
        &sandbox,
        "merge",
        "#!/bin/sh\necho \"$4\" >> $BESIDE/names\nsort -u \"$2\" \"$3\" > sorted && mv sorted \"$2\"\n",
    );
    sandbox.git(["config", "merge.m.driver", "./tools/merge %O %A %B %P"]).ok();
    sandbox.write(".gitattributes", "*list merge=m\n").write("it's a list", "a\n");
    sandbox.write("../tricks", tricks(&sandbox));
    let script = "{ echo '#!/bin/sh'; cat \"$BESIDE/tricks\"; tail -n +2 tools/merge; } > t; cat t > tools/merge; rm t";
    sandbox.steps("001-a", "", &["A $ grep -q through tools/merge"], script);
    let waits = "touch $BESIDE/up; while ! test -f $BESIDE/go; do :; done; echo of-b >> \"it's a list\"";
    sandbox.steps("002-b", "", &["B $ grep -q of-b *list"], waits).commit("specs");
    // It decides what counts, and a person has accepted it.
    sandbox.chant(["work", "001"]).exits(3);
    sandbox.chant(["approve", "001"]).ok();
    let other = sandbox.spawn(&[("MY_TOKEN", "hunter2")], ["work", "002"]);
    until("the agent is at work", || sandbox.beside("talk").join("up").exists());
    sandbox.write("it's a list", "a\nof-me\n").commit("mine");
    sandbox.write("../go", "");
    wait(other).ok();
    assert_eq!(noted(&sandbox, "through"), "");
    assert_eq!(noted(&sandbox, "names").lines().next(), Some("it's a list"));
    assert!(!noted(&sandbox, "ran").is_empty());
    assert_eq!(sandbox.read("it's a list"), "a\nof-b\nof-me\n");
    assert_eq!(sandbox.ask("status --porcelain"), "");
    sandbox.assert_fsck();
}

/// What Git LFS does with files, without a server: its filters store them below `.git/lfs` by their hash, and read them there.
const LFS: &str = "#!/bin/sh
objects=$(git rev-parse --path-format=absolute --git-common-dir)/lfs/objects
echo \"$1 $(pwd) $MY_TOKEN\" >> \"$TALK\"
case $1 in
clean) cat > \"$TMPDIR/in\"; n=$(sha256sum < \"$TMPDIR/in\" | cut -c1-64); d=$objects/$(echo $n | cut -c1-2)/$(echo $n | cut -c3-4)
       mkdir -p $d && cp \"$TMPDIR/in\" $d/$n && echo \"oid $n\" ;;
smudge) read -r _ n; cat $objects/$(echo $n | cut -c1-2)/$(echo $n | cut -c3-4)/$n ;;
esac
";

#[test]
fn git_lfs_goes_on_keeping_its_files_and_speaks_with_its_server_as_the_user() {
    if !closed() {
        return;
    }
    let sandbox = Sandbox::new();
    let bin = sandbox.beside("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::write(bin.join("git-lfs"), LFS).unwrap();
    std::fs::set_permissions(bin.join("git-lfs"), Permissions::from_mode(0o755)).unwrap();
    for which in ["clean", "smudge"] {
        sandbox.git(["config", &format!("filter.lfs.{which}"), &format!("git-lfs {which} -- %f")]).ok();
    }
    sandbox.git(["config", "filter.lfs.required", "true"]).ok();
    sandbox.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    sandbox.steps("001-a", "", &["A $ grep -q large a.bin"], "echo large > a.bin");
    sandbox.steps("002-b", "", &["B $ grep -q large a.bin && test -f b"], "grep -q large a.bin && echo b > b");
    sandbox.commit("specs");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let talk = sandbox.beside("talk").join("lfs");
    let talk = talk.to_str().unwrap();
    let env = [
        ("PATH", path.as_str()),
        ("MY_TOKEN", "hunter2"),
        ("TALK", talk),
        ("TMPDIR", "/tmp"),
        ("CHANT_SANDBOX_PASS_ENV", "BESIDE,TALK"),
    ];
    sandbox.chant_with(&env, ["work", "001"]).ok();
    sandbox.chant_with(&env, ["work", "002"]).ok();
    assert!(sandbox.ask("show HEAD:a.bin").starts_with("oid "));
    assert_eq!(sandbox.read("a.bin"), "large\n");
    let said = noted(&sandbox, "lfs");
    let root = sandbox.root.display();
    assert!(said.lines().any(|line| line == format!("smudge {root} hunter2")), "{said}");
    assert!(said.lines().any(|line| line.starts_with("smudge") && line.contains("002-b+proof hunter2")), "{said}");
    // Among what agents run it is one of their programs.
    assert!(said.lines().any(|line| line.starts_with("clean") && line.ends_with("001-a ")), "{said}");
}

#[test]
fn a_filter_that_hangs_is_ended_with_all_that_it_started_and_named_with_its_file() {
    if !closed() {
        return;
    }
    for (key, value, said) in [
        ("filter.slow.smudge", "./tools/slow %f", "`./tools/slow %f`, started by Git for z b.x"),
        ("filter.slow.process", "./tools/slow", "`./tools/slow`, started by Git for many files"),
    ] {
        let sandbox = Sandbox::new();
        tool(&sandbox, "slow", "#!/bin/sh\n(trap '' TERM HUP; sleep 300; sleep 300) &\nwait\n");
        sandbox.write("z b.x", "text\n").write("other", "text\n");
        sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
        sandbox.write(".gitattributes", "*.x filter=slow\n").commit("attributes");
        sandbox.git(["config", key, value]).ok();
        sandbox.git(["config", "filter.slow.required", "true"]).ok();
        sandbox.git(["config", "chant.filterTimeout", "1s"]).ok();
        let out = sandbox.chant(["work", "001"]);
        let words = out.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(out.code != 0 && words.contains(said) && words.contains("took longer than"), "{key}: {}", out.all());
    }
}

#[test]
fn a_limit_of_filters_that_is_none_is_refused_before_anything_begins() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    for value in ["soon", "0", "-3m"] {
        sandbox.git(["config", "chant.filterTimeout", value]).ok();
        let out = sandbox.chant(["work", "001"]).exits(2);
        assert!(out.err.contains("chant.filterTimeout") && out.err.contains(value), "{}", out.all());
    }
    sandbox.git(["config", "--unset", "chant.filterTimeout"]).ok();
    assert_eq!(sandbox.status("001-a"), "ready");
}
