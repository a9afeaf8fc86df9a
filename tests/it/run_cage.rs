//! Ways out of the sandbox. Each is tried by an agent that does honest work beside it: what it tries is refused, nothing
//! outside has changed, and the honest work lands.
//!
//! Every trick ends its line with `esc <name>`: the agent says so if the trick went through.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::harness::Sandbox;

/// Whether this kernel can close a sandbox at all; where it cannot, `doctor` says so and these tests have nothing to show.
fn closed() -> bool {
    let there = chant::cage::support().is_there();
    if !there {
        eprintln!("no landlock here");
    }
    there
}

/// A project whose agents are shut in: nobody has said anything about it.
fn closed_sandbox() -> Sandbox {
    Sandbox::new()
}

/// Everything outside of the agent's own places, by path and content: the repository with its Git directory, and home.
fn outside(sandbox: &Sandbox) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![sandbox.root.clone(), sandbox.root.join("../home")];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let inside = path.strip_prefix(&sandbox.root).unwrap_or(&path).to_owned();
            // What an engine itself writes while it works.
            let engines =
                [".chant/worktrees", ".git/chant", ".git/worktrees", ".git/objects", ".git/logs", ".git/refs/chant"];
            if engines.iter().any(|own| inside.starts_with(own)) || inside.starts_with(".git/refs/notes") {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(path),
                Ok(kind) if kind.is_symlink() => {
                    found.insert(inside, std::fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes());
                }
                _ => {
                    found.insert(inside, std::fs::read(&path).unwrap_or_default());
                }
            }
        }
    }
    found
}

/// A user's repository in which two members are being worked at, and what an agent may reach for is there.
fn target() -> Sandbox {
    let sandbox = closed_sandbox();
    std::fs::write(sandbox.beside("home/.bashrc"), "alias ll='ls -l'\n").unwrap();
    sandbox.write("mine.txt", "mine\n").write("filtered.txt", "as it is\n");
    sandbox.steps("002-b", "agent: person", &["B $ test -f b"], "").commit("specs");
    sandbox.git(["branch", "other"]).ok();
    sandbox.git(["tag", "v1"]).ok();
    sandbox.git(["pack-refs", "--all"]).ok();
    sandbox.chant(["work", "002", "--agent", "person"]).ok();
    sandbox
}

/// Works a spec whose agent tries `tricks`, one a line, `$root` being the user's repository, and does honest work at the
/// end. Every trick that went through is named; nothing outside has changed but by the landing.
#[track_caller]
fn refused(tricks: &str) {
    if !closed() {
        return;
    }
    let sandbox = target();
    let script = format!(
        "root={}; base={}; top=$PWD; got=\"\"\nesc() {{ got=\"$got $1\"; }}\n{tricks}\ncd \"$top\"\n\
         test -z \"$got\" || echo \"through:$got\"; echo \"$got\" > \"$BESIDE/got\"; echo honest > a",
        sandbox.root.display(),
        sandbox.root.parent().unwrap().display(),
    );
    sandbox.steps("001-a", "", &["A $ grep -q honest a"], &script).commit("the trickster");
    let before = outside(&sandbox);
    let refs = sandbox.ask("for-each-ref refs/heads refs/tags");
    let out = sandbox.chant(["work", "001"]);
    let got = std::fs::read_to_string(sandbox.beside("got")).unwrap_or_default();
    assert_eq!(got.trim(), "", "went through: {got}\n{}", out.all());
    assert_eq!(out.code, 0, "{}", out.all());
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.read("a").as_str()), ("completed", "honest\n"));
    let mut after = outside(&sandbox);
    // The landing: a new file, the index, and main.
    for path in ["a", ".git/index", ".git/refs/heads/main", ".git/ORIG_HEAD"] {
        after.remove(Path::new(path));
    }
    for (path, bytes) in &before {
        if ![".git/index", ".git/refs/heads/main"].iter().any(|own| path == Path::new(own)) {
            assert_eq!(after.remove(path).as_ref(), Some(bytes), "{} has changed", path.display());
        }
    }
    after.remove(Path::new(".git/index"));
    after.remove(Path::new(".git/refs/heads/main"));
    assert!(after.is_empty(), "new outside: {:?}", after.keys());
    let tips = |text: String| -> Vec<String> {
        text.lines().filter(|line| !line.ends_with("/main")).map(str::to_owned).collect()
    };
    assert_eq!(tips(sandbox.ask("for-each-ref refs/heads refs/tags")), tips(refs));
    let left: Vec<_> = std::fs::read_dir(sandbox.path(".git/chant/cells")).into_iter().flatten().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
    sandbox.assert_fsck();
}

#[test]
fn no_ref_of_the_repository_can_be_written() {
    refused(
        "echo x 2>/dev/null > $root/.git/refs/heads/other && esc branch\n\
         git --git-dir=$root/.git update-ref refs/heads/new HEAD && esc update-ref\n\
         git --git-dir=$root/.git update-ref refs/heads/main HEAD && esc main\n\
         git --git-dir=$root/.git branch -D other && esc delete\n\
         git --git-dir=$root/.git update-ref refs/notes/chant HEAD && esc notes\n\
         git --git-dir=$root/.git tag -f v1 HEAD~1 && esc tag\n\
         git --git-dir=$root/.git symbolic-ref HEAD refs/heads/other && esc symref\n\
         (echo 'ref: refs/heads/other' > $root/.git/HEAD) 2>/dev/null && esc HEAD\n\
         (: > $root/.git/packed-refs) 2>/dev/null && esc packed-refs\n\
         rm $root/.git/packed-refs 2>/dev/null && esc rm-packed-refs\n\
         truncate -s 0 $root/.git/packed-refs 2>/dev/null && esc truncate\n\
         mv $root/.git/refs/heads/chant $root/.git/refs/heads/gone 2>/dev/null && esc mv",
    );
}

#[test]
fn no_program_can_be_planted_for_the_users_next_command() {
    refused(
        "(printf '#!/bin/sh\\n' > $root/.git/hooks/pre-commit) 2>/dev/null && esc hook\n\
         ln -s /bin/true $root/.git/hooks/post-checkout 2>/dev/null && esc hook-link\n\
         git config --file $root/.git/config core.hooksPath /tmp/x 2>/dev/null && esc hooksPath\n\
         git --git-dir=$root/.git config alias.st '!touch /tmp/x' 2>/dev/null && esc alias\n\
         git --git-dir=$root/.git config filter.x.clean 'touch /tmp/x; cat' 2>/dev/null && esc filter\n\
         git --git-dir=$root/.git config core.fsmonitor 'touch /tmp/x' 2>/dev/null && esc fsmonitor\n\
         git --git-dir=$root/.git config core.sshCommand 'touch /tmp/x' 2>/dev/null && esc sshCommand\n\
         git --git-dir=$root/.git config include.path /tmp/x 2>/dev/null && esc include\n\
         git config --global alias.st '!touch /tmp/x' 2>/dev/null && esc global\n\
         (echo '* filter=x' > $root/.git/info/attributes) 2>/dev/null && esc attributes\n\
         (echo /tmp > $root/.git/objects/info/alternates) 2>/dev/null && esc alternates\n\
         (echo evil >> $HOME/.bashrc) 2>/dev/null && esc bashrc\n\
         mkdir -p $HOME/.config/git 2>/dev/null && esc xdg\n\
         touch $root/.git/config.worktree 2>/dev/null && esc config.worktree",
    );
}

#[test]
fn what_it_sets_in_its_own_view_of_the_repository_reaches_nobody() {
    refused(
        "git config alias.st '!touch /tmp/x'; git config core.fsmonitor 'touch /tmp/x'; git config core.hooksPath .h\n\
         git branch -f other HEAD; git tag -f v1 HEAD; git notes add -m x; git update-ref refs/heads/main HEAD\n\
         git pack-refs --all; git update-ref -d refs/heads/chant/002-b",
    );
}

#[test]
fn neither_the_users_checkout_nor_another_members_worktree_can_be_written() {
    refused(
        "(echo x > $root/mine.txt) 2>/dev/null && esc checkout\n\
         (echo x > ../../../mine.txt) 2>/dev/null && esc dotdot\n\
         touch $root/new 2>/dev/null && esc new\n\
         git -C $root checkout -q other 2>/dev/null && esc switch\n\
         git -C $root add -A 2>/dev/null && esc add\n\
         touch ../002-b/b 2>/dev/null && esc member\n\
         rm -rf ../002-b 2>/dev/null && esc rm-member\n\
         mkdir ../003-c 2>/dev/null && esc sibling\n\
         cd ..; mv 001-a 001-b 2>/dev/null && esc rename; cd \"$top\"\n\
         touch $root/.git/worktrees/002-b/index.lock 2>/dev/null && esc member-index\n\
         (echo x > $root/.git/worktrees/001-a/commondir) 2>/dev/null && esc commondir\n\
         (echo x > $root/.git/worktrees/001-a/gitdir) 2>/dev/null && esc gitdir",
    );
}

#[test]
fn no_link_leads_out() {
    refused(
        "ln -s $root/mine.txt l; (echo x > l) 2>/dev/null && esc symlink; rm -f l\n\
         ln -s $root/.git d; touch d/x 2>/dev/null && esc symlinked-dir; rm -f d\n\
         ln $root/mine.txt h 2>/dev/null && esc hard-link\n\
         ln $HOME/.bashrc h 2>/dev/null && esc hard-link-home\n\
         mv $root/mine.txt m 2>/dev/null && esc move-in\n\
         echo x > m; mv m $root/m 2>/dev/null && esc move-out; rm -f m\n\
         (echo x > /proc/self/root$root/mine.txt) 2>/dev/null && esc proc-self-root\n\
         (echo x > /proc/self/cwd/../../../mine.txt) 2>/dev/null && esc proc-self-cwd\n\
         exec 9< $root/mine.txt; (echo x > /proc/self/fd/9) 2>/dev/null && esc reopen; exec 9<&-\n\
         mkdir b; mount --bind $root b 2>/dev/null && esc mount; rmdir b\n\
         mknod dev b 8 0 2>/dev/null && esc mknod",
    );
}

#[test]
fn no_process_outside_can_be_reached() {
    refused(
        "up=$PPID\n\
         (echo x > /proc/$up/root$root/mine.txt) 2>/dev/null && esc proc-root\n\
         (echo x > /proc/$up/cwd/x) 2>/dev/null && esc proc-cwd\n\
         (cat /proc/$up/environ) > /dev/null 2>&1 && esc environ\n\
         (head -c 1 /proc/$up/mem) > /dev/null 2>&1 && esc mem\n\
         cat /proc/$up/fd/0 > /dev/null 2>&1 && esc fds\n\
         cat /proc/$up/maps > /dev/null 2>&1 && esc maps\n\
         kill -0 $up 2>/dev/null && esc signal\n\
         kill -STOP $up 2>/dev/null && esc stop\n\
         (echo 1000 > /proc/$up/oom_score_adj) 2>/dev/null && esc oom",
    );
}

#[test]
fn locks_journals_and_logs_of_the_engine_can_be_read_and_not_written() {
    refused(
        "cat $root/.git/chant/locks/001-a.lock > /dev/null || esc read\n\
         (echo 'made 0' >> $root/.git/chant/locks/001-a.lock) 2>/dev/null && esc journal\n\
         rm $root/.git/chant/locks/001-a.lock 2>/dev/null && esc unlock\n\
         touch $root/.git/chant/locks/x 2>/dev/null && esc lock\n\
         (: > $root/.git/chant/logs/001-a.log) 2>/dev/null && esc log\n\
         (echo x > $root/.git/chant/cells/001-a/head) 2>/dev/null && esc cell\n\
         (echo x > $root/.git/chant/cells/001-a/refs) 2>/dev/null && esc cell-refs\n\
         mkdir $root/.git/chant/cells/x 2>/dev/null && esc cells",
    );
}

#[test]
fn a_setuid_program_has_no_teeth() {
    refused(
        "grep -q '^NoNewPrivs:.1$' /proc/self/status || esc privileges\n\
         cp /bin/sh s && chmod u+s s; ./s -c 'grep -q \"^NoNewPrivs:.1$\" /proc/self/status' || esc setuid; rm -f s\n\
         unshare -Ur true 2>/dev/null && unshare -Urm sh -c \"mount --bind $root /mnt\" 2>/dev/null && esc namespace",
    );
}

#[test]
fn limits_and_priorities_of_other_processes_and_the_keyring_are_out_of_reach_and_its_own_are_not() {
    refused(
        "for pid in $PPID 1; do\n\
         prlimit --pid $pid --fsize=1000000:1000000 2>/dev/null && esc limit\n\
         renice -n 5 -p $pid > /dev/null 2>&1 && esc priority\n\
         ionice -c 3 -p $pid 2>/dev/null && esc io\n\
         done\n\
         python3 -c 'import ctypes, platform\n\
number = {\"x86_64\": 248, \"aarch64\": 217}[platform.machine()]\n\
assert ctypes.CDLL(None).syscall(number, b\"user\", b\"planted\", b\"x\", 1, -4) > 0' 2>/dev/null && esc keyring\n\
         nice -n 3 sh -c 'ulimit -n 200 && ulimit -f 1000 && true' || esc itself",
    );
}

#[test]
fn what_goes_on_in_the_background_stays_in_and_ends() {
    refused(
        "(setsid sh -c \"while :; do echo x >> $root/mine.txt; sleep 0.05; done\" > /dev/null 2>&1 &)\n\
         setsid -f sh -c \"sleep 0.2; touch $HOME/late\" > /dev/null 2>&1",
    );
}

#[test]
fn temporary_files_are_private_and_go_with_the_run() {
    if !closed() {
        return;
    }
    let sandbox = closed_sandbox();
    let script = "touch \"$TMPDIR/x\" && echo \"$TMPDIR\" > \"$BESIDE/tmp\"; mktemp -d > /dev/null && touch a; \
                  touch /tmp/chant-escape-$$ 2>/dev/null && rm a; echo words > /dev/stderr && echo > /dev/null";
    sandbox.steps("001-a", "", &["A $ test -f a && touch \"$TMPDIR/y\" && ! touch ../x"], script).commit("spec");
    sandbox.chant(["work", "001"]).ok();
    let tmp = sandbox.read("../tmp");
    assert!(!Path::new(tmp.trim()).exists(), "{tmp}");
}

#[test]
fn git_works_inside_and_what_is_committed_lands() {
    if !closed() {
        return;
    }
    let sandbox = closed_sandbox();
    let script = "set -e; test \"$(git branch --show-current)\" = chant/001-a; git status --short; git log --oneline | head -1\n\
                  echo 1 > a; git add a; git commit -qm one; git switch -qc side; echo 2 > b; git add b; git commit -qm two\n\
                  git switch -q -; git merge -q side; echo 3 > c; git stash -q -u; git stash pop -q; git diff --quiet HEAD\n\
                  git rebase -q HEAD~1; git gc -q; cd $(mktemp -d); git init -q; git -c user.name=x -c user.email=x commit -q --allow-empty -m own\n\
                  test -n \"$(find .git/objects -type f)\"";
    sandbox.steps("001-a", "", &["A $ test -f a -a -f b -a -f c"], script).commit("spec");
    let out = sandbox.chant(["work", "001"]);
    assert_eq!(out.code, 0, "{}", out.all());
    assert_eq!(sandbox.ask("log --format=%s main").lines().filter(|line| ["one", "two"].contains(line)).count(), 2);
    assert_eq!(sandbox.ask("branch --list side"), "");
    sandbox.assert_fsck();
}

#[test]
fn commits_beside_the_branch_are_kept_and_move_nothing() {
    if !closed() {
        return;
    }
    let sandbox = closed_sandbox();
    let script = "git switch -qc side; echo 2 > b; git add b; git commit -qm aside; git switch -q -; echo 1 > a";
    sandbox.steps("001-a", "", &["A $ test -f a -a ! -f b"], script).commit("spec");
    let out = sandbox.chant(["work", "001"]).ok();
    assert!(out.err.contains("refs/chant/backup/001-a/1-"), "{}", out.all());
    assert!(sandbox.ask("log --format=%s --glob=refs/chant/backup").contains("aside"));
}

#[test]
fn leaving_the_branch_rewriting_or_deleting_it_fails_and_loses_nothing() {
    if !closed() {
        return;
    }
    for (script, why) in [
        ("git switch -qc side; echo 1 > a; git add a; git commit -qm made", "left its branch"),
        ("git checkout -q --detach; echo 1 > a; git add a; git commit -qm made", "left its branch"),
        ("echo 1 > a; git add a; git commit -q --amend -m made", "rewrote"),
        (
            "echo 1 > a; git add a; git commit -qm made; git checkout -q --detach; git branch -D chant/001-a",
            "deleted its own branch",
        ),
        (
            "git switch -qc s; echo 2 > a; git add a; git commit -qm made; git switch -q -; echo 1 > a; git add a; git commit -qm b; git merge -q s",
            "left a merge unfinished",
        ),
    ] {
        let sandbox = closed_sandbox();
        sandbox.steps("001-a", "", &["A $ test -f a"], &format!("{script} || true")).commit("spec");
        let out = sandbox.chant(["work", "001"]);
        assert!(out.code == 1 && out.err.contains(why), "{script}: {}", out.all());
        assert_eq!(sandbox.status("001-a"), "failed");
        assert!(sandbox.ask("log --all --format=%s").contains("made"), "{script}: what it made is kept");
        assert!(sandbox.ask("log --all --format= --name-only -- a").contains('a'), "{script}");
        sandbox.assert_fsck();
        sandbox.steps("001-a", "", &["A $ test -f a"], "echo 3 > a").commit("better");
        sandbox.chant(["work", "001", "--fresh"]).ok();
    }
}

#[test]
fn objects_that_are_none_do_not_come_in() {
    if !closed() {
        return;
    }
    let sandbox = closed_sandbox();
    let script = "echo 1 > a; git add a; t=$(git write-tree)\n\
                  c=$(printf 'tree %s\\nparent %s\\nauthor x\\ncommitter y\\n\\nmsg\\n' $t $(git rev-parse HEAD) | git hash-object -t commit -w --stdin --literally)\n\
                  git update-ref HEAD $c";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("spec");
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("cannot be taken over") && out.err.contains("it is commit "), "{}", out.all());
    assert_eq!(sandbox.status("001-a"), "failed");
    sandbox.assert_fsck();
}

#[test]
fn of_an_object_that_does_not_come_in_the_file_and_its_commit_are_named() {
    if !closed() {
        return;
    }
    let sandbox = closed_sandbox();
    let script = "mkdir -p deep; git init -q deep/x; rm -rf deep/x; echo 1 > a; git add a; git commit -qm honest\n\
                  b=$(printf '[submodule \"-x\"]\\n\\tpath = -x\\n\\turl = -u\\n' | git hash-object -w --stdin)\n\
                  git update-index --add --cacheinfo 100644,$b,.gitmodules; git commit -qm planted; git rev-parse --short HEAD > $BESIDE/bad";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("spec");
    let out = sandbox.chant(["work", "001"]).exits(1);
    let bad = std::fs::read_to_string(sandbox.beside("bad")).unwrap();
    let named = format!("it is .gitmodules in commit {}", bad.trim());
    assert!(out.err.contains(&named), "{named}: {}", out.all());
    assert!(sandbox.chant(["doctor"]).out.contains(&named));
}

#[test]
fn what_cannot_be_taken_over_is_named_by_the_doctor_and_goes_when_the_repository_has_it() {
    if !closed() {
        return;
    }
    let sandbox = closed_sandbox();
    let script = "echo 1 > a; git add a; t=$(git write-tree); echo hi > $TMPDIR/x\n\
                  c=$(printf 'tree %s\\nparent %s\\nauthor x <x@x> 1 +0000\\ncommitter  <y@y> 1 +0000\\n\\nmsg\\n' $t $(git rev-parse HEAD) | git hash-object -t commit -w --stdin --literally)\n\
                  git update-ref HEAD $c; pwd -P > /dev/null; echo $TMPDIR > b";
    sandbox
        .steps("001-a", "", &["A $ test -f a"], &script.replace("committer  <y@y>", "committer y<y@y>"))
        .commit("spec");
    sandbox.chant(["work", "001"]).exits(1);
    let tmp = sandbox.ask("show chant/001-a:b");
    assert!(
        tmp.contains("chant-run-") && !std::path::Path::new(tmp.trim()).exists(),
        "{tmp}: its temporary files went"
    );
    let doctor = || sandbox.chant(["doctor"]).out;
    let said = doctor();
    let cell = sandbox.path(".git/chant/cells/001-a+broken-1");
    assert!(cell.join("git").is_dir());
    for word in [
        cell.to_str().unwrap(),
        "of 001-a, ",
        "old",
        "missingSpaceBeforeEmail",
        "refs/heads/chant/001-a",
        "git fetch",
        "rm -r",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let kept = sandbox.chant(["doctor", "--fix"]);
    assert!(!kept.err.contains("cleared") && cell.exists(), "{}", kept.all());
    let fetch = format!("fetch -q {}/git refs/heads/chant/001-a:refs/heads/looked-at", cell.display());
    sandbox.git(fetch.split(' ')).ok();
    assert!(doctor().contains("chant doctor --fix"));
    let cleared = sandbox.chant(["doctor", "--fix"]);
    assert!(cleared.err.contains("cleared ") && !cell.exists(), "{}", cleared.all());
    assert!(!doctor().contains("+broken-"));
    assert!(sandbox.ask("show looked-at:a").contains('1'));
}

#[test]
fn secrets_reach_an_agent_and_its_proofs_only_where_they_are_named() {
    if !closed() {
        return;
    }
    let sandbox = closed_sandbox();
    let words = "{ env | grep -c -e hunter -e ghp_ || true; }";
    sandbox.write(
        ".chant/config.yaml",
        "agent: x\nagents: { x: { command: [sh, agent.sh], env: { GIVEN: hunter-given } } }\n",
    );
    sandbox.write("agent.sh", format!("{words} > a; env >> \"$BESIDE/seen\"\n"));
    sandbox.spec("001-a", "", &["A $ test -f a && ! env | grep -q hunter"], "").commit("spec");
    let env = [
        ("MY_TOKEN", "hunter1"),
        ("INNOCENT", "hunter2"),
        ("CARGO_HOME", "/c"),
        ("NPM_CONFIG_X", "ghp_0123456789abcdef"),
    ];
    let out = sandbox.chant_with(&env, ["work", "001"]);
    assert_eq!(out.code, 0, "{}", out.all());
    assert_eq!(sandbox.read("a").trim(), "1", "only what `env:` gives");
    let seen = sandbox.read("../seen");
    assert!(
        seen.contains("GIVEN=hunter-given") && seen.contains("CARGO_HOME=/c") && !seen.contains("hunter1"),
        "{seen}"
    );
    sandbox.steps("002-b", "agent: steps", &["B $ test -s b"], "printenv MY_TOKEN > b").commit("named");
    let named = [("MY_TOKEN", "hunter1"), ("CHANT_SANDBOX_PASS_ENV", "MY_*")];
    sandbox.chant_with(&named, ["work", "002"]).ok();
    assert_eq!(sandbox.read("b"), "hunter1\n");
}

#[test]
fn without_a_network_there_is_only_a_loopback() {
    if !closed() {
        return;
    }
    let sandbox = closed_sandbox();
    sandbox.write(".chant/config.yaml", "sandbox: { net: none }\n");
    sandbox.steps(
        "001-a",
        "",
        &["A $ test -f a"],
        "test $(grep -c : /proc/net/dev) = 1 && grep -q lo: /proc/net/dev && touch a",
    );
    sandbox.commit("spec");
    let out = sandbox.chant(["work", "001"]);
    match chant::cage::net_can_go() {
        Ok(()) => assert_eq!(out.code, 0, "{}", out.all()),
        Err(_) => assert!(out.code == 3 && out.err.contains("sandbox.net: none"), "{}", out.all()),
    }
}

#[test]
fn a_set_up_and_the_hooks_that_git_runs_are_shut_in_as_well() {
    if !closed() {
        return;
    }
    let sandbox = closed_sandbox();
    let root = sandbox.root.display().to_string();
    sandbox.write(".chant/config.yaml", "worktree: { setup: \"sh setup.sh\" }\n");
    sandbox.write("setup.sh", format!("touch {root}/from-setup; touch ready; exit 0\n")).write(".gitignore", "ready\n");
    for hook in ["pre-commit", "pre-merge-commit"] {
        let path = sandbox.path(format!(".hooks/{hook}"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\ntouch {root}/from-{hook}; echo {hook} >> \"$BESIDE/ran\"; exit 0\n"))
            .unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    sandbox.commit("hooks");
    sandbox.git(["config", "core.hooksPath", ".hooks"]).ok();
    sandbox.git(["config", "filter.x.clean", &format!("touch {root}/from-filter; cat")]).ok();
    sandbox.write(".gitattributes", "a filter=x\n");
    sandbox.steps("001-a", "", &[&format!("A $ test -f a -a -f ready && ! touch {root}/from-proof")], "echo 1 > a");
    sandbox.git(["add", "-A"]).ok();
    sandbox.git(["commit", "-q", "--no-verify", "-m", "spec"]).ok();
    let out = sandbox.chant(["work", "001"]);
    assert_eq!(out.code, 0, "{}", out.all());
    let ran = sandbox.read("../ran");
    assert!(ran.contains("pre-commit") && ran.contains("pre-merge-commit"), "{ran}");
    for what in ["setup", "pre-commit", "pre-merge-commit", "filter", "proof"] {
        assert!(!sandbox.exists(&format!("from-{what}")), "{what} wrote into the checkout");
    }
}

#[test]
fn it_is_switched_off_only_in_words() {
    let sandbox = closed_sandbox().open();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a; touch ../../../reached").commit("spec");
    sandbox.chant(["work", "001"]).ok();
    assert!(sandbox.exists("reached"));
    let own = closed_sandbox();
    // An agent's own words about it count for nothing: the settings are the target's.
    own.steps("001-a", "", &["A $ test -f a"], "echo 'sandbox: off' > .chant/config.yaml; exit 1").commit("spec");
    own.chant(["work", "001"]).exits(1);
    own.steps("001-a", "", &["A $ test -f a"], "touch a; touch ../../../reached || true").commit("again");
    own.chant(["work", "001"]);
    assert_eq!(own.exists("reached"), !closed());
}

#[test]
fn what_was_refused_is_named_with_what_opens_it_and_that_does() {
    if !closed() {
        return;
    }
    let sandbox = closed_sandbox();
    sandbox.steps("001-a", "", &["A $ echo x > ~/.cache/proof/x"], "mkdir -p ~/.npm/_cacache && touch a");
    sandbox.commit("spec");
    let out = sandbox.chant(["work", "001"]).exits(1);
    let home = sandbox.root.parent().unwrap().join("home");
    assert!(
        out.err.contains(&format!("the sandbox keeps {}/.npm closed: `mkdir -p ~/.npm` and", home.display())),
        "{}",
        out.err
    );
    assert!(out.err.contains("`sandbox: { write: [~/.npm] }` in .chant/config.yaml"), "{}", out.err);
    std::fs::create_dir_all(home.join(".npm")).unwrap();
    std::fs::create_dir_all(home.join(".cache/proof")).unwrap();
    let written = sandbox.beside("").display().to_string();
    let open =
        |dirs: &str| sandbox.chant_with(&[("CHANT_SANDBOX_WRITE", &format!("{written},{dirs}"))], ["work", "001"]);
    let out = open("~/.npm").exits(1);
    assert!(out.err.contains("exits 2") && out.err.contains("`sandbox: { write: [~/.cache/proof] }`"), "{}", out.err);
    open("~/.npm,~/.cache/proof").ok();
    assert!(home.join(".npm/_cacache").is_dir());
}

#[test]
fn what_a_killed_run_has_committed_is_taken_over_by_the_next_call() {
    if !closed() {
        return;
    }
    let points = ["cell.made", "cell.linked", "attempt.enclosed", "attempt.agent-ended", "cell.taken", "cell.released"];
    for (n, point) in points.into_iter().enumerate() {
        let mut sandbox = closed_sandbox();
        let script = "test -f a || { echo 1 > a; git add a; git commit -qm first; echo 2 > b; }";
        sandbox.steps("001-a", "", &["A $ test -f a -a -f b"], script).commit("spec");
        let out = sandbox.chant_with(&[("CHANT_KILL_AT", point)], ["work", "001"]);
        assert_eq!(out.code, -1, "{point}: {}", out.all());
        if n % 2 == 1 {
            let to = sandbox.root.with_file_name("elsewhere");
            std::fs::rename(&sandbox.root, &to).unwrap();
            sandbox.root = to;
        }
        let out = sandbox.chant(["work", "001"]);
        assert_eq!(out.code, 0, "{point}: {}", out.all());
        let made = sandbox.ask("log --format=%s main");
        assert_eq!(made.lines().filter(|line| *line == "first").count(), 1, "{point}: {made}");
        assert!(std::fs::read_dir(sandbox.path(".git/chant/cells")).unwrap().next().is_none(), "{point}");
        sandbox.assert_fsck();
    }
}

#[test]
fn a_program_with_its_owners_rights_that_stays_in_a_worktree_is_said() {
    let sandbox = closed_sandbox();
    let script = "mkdir -p bin; cp /bin/sh bin/t; chmod u+s bin/t; echo bin > .gitignore; test $CHANT_ATTEMPT = 2";
    sandbox.steps("001-a", "", &["A $ test -f .gitignore"], script).commit("spec");
    let out = sandbox.chant(["work", "001"]).exits(1);
    let said = |out: &crate::harness::Output| out.err.contains("bin/t runs with more rights");
    assert!(said(&out), "{}", out.all());
    // Where the worktree goes, there is nothing to be said.
    let out = sandbox.chant(["work", "001"]).ok();
    assert!(!said(&out) && !sandbox.exists(".chant/worktrees/001-a/bin/t"), "{}", out.all());
}
