//! What an agent's worktree is given beside what is committed.

use crate::harness::{Sandbox, until, wait};

/// The agent lists what it finds, and does what is asked for.
fn project(include: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(".gitignore", "*.db\n.env*\ncache/\nconf/\n").write(".worktreeinclude", include);
    sandbox.write("one.db", "1\n").write("deep/two.db", "2\n").write(".env", "SECRET=1\n").write(".env.local", "S=2\n");
    sandbox.write("conf/.env", "S=3\n").write("conf/app.toml", "x\n");
    let found = "find . -path ./.git -prune -o -type f -print | grep -v '^./.chant' | sort > $BESIDE/found; touch a";
    sandbox.steps("001-a", "", &["A $ test -f a && ! test -f one.db"], found).commit("spec");
    sandbox
}

fn found(sandbox: &Sandbox) -> Vec<String> {
    let text = std::fs::read_to_string(sandbox.beside("found")).unwrap();
    let ours = text.lines().filter(|line| !matches!(*line, "./.git" | "./.gitignore" | "./.worktreeinclude"));
    ours.map(|line| line.trim_start_matches("./").to_owned()).collect()
}

#[test]
fn ignored_files_that_are_named_come_along_and_secrets_only_letter_by_letter() {
    let sandbox = project("*.db\n!deep/two.db\n.env.local\nconf/\n.env*\n");
    let out = sandbox.chant(["work", "001"]).ok();
    assert_eq!(found(&sandbox), [".env.local", "conf/app.toml", "one.db"]);
    assert!(out.err.contains("look secret") && out.err.contains("conf/.env"), "{}", out.all());
    assert_eq!(sandbox.ask("for-each-ref refs/chant/backup"), "", "what was brought and is as it was is no leftover");
    assert_eq!(sandbox.read(".env"), "SECRET=1\n");
    assert_eq!(sandbox.ask("ls-tree -r --name-only main").matches(".env").count(), 0);
}

#[test]
fn without_the_file_nothing_comes_along_and_the_targets_file_counts() {
    let sandbox = project("# nothing\n");
    sandbox.write(".worktreeinclude", "*.db\n");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(found(&sandbox), Vec::<String>::new());
}

#[test]
fn nothing_is_written_over_and_no_link_is_followed() {
    let sandbox = project("*.db\n");
    let script = "test -f one.db && cat one.db >> $BESIDE/seen; echo changed > one.db; test $CHANT_ATTEMPT = 2 && touch a; \
                  rm -rf deep; ln -s $BESIDE deep";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("another");
    sandbox.chant(["work", "001"]).exits(1);
    sandbox.chant(["work", "001"]).exits(1);
    assert_eq!(std::fs::read_to_string(sandbox.beside("seen")).unwrap(), "1\nchanged\n");
    assert!(!sandbox.beside("two.db").exists());
    assert_eq!(sandbox.read("one.db"), "1\n");
}

#[test]
fn what_a_worktree_would_not_ignore_does_not_come_along() {
    let sandbox = project("*.db\n");
    sandbox.write(".gitignore", "").commit("ignores nothing");
    sandbox
        .git(["rm", "-q", "--cached", "one.db", "deep/two.db", ".env", ".env.local", "conf/.env", "conf/app.toml"])
        .ok();
    sandbox.git(["commit", "-qm", "tracks nothing of it"]).ok();
    sandbox.write(".git/info/exclude", "");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.ask("ls-tree -r --name-only main").matches(".db").count(), 0);
}

#[test]
fn every_running_worktree_has_a_slot_and_ports_of_its_own_and_gets_them_back() {
    let sandbox = Sandbox::new();
    let script = |name: &str| {
        format!(
            "echo $CHANT_SLOT $CHANT_PORT $CHANT_PORTS >> $BESIDE/{name}; touch $BESIDE/at-{name}\nuntil test -f $BESIDE/go; do sleep 0.05; done\ntest $CHANT_ATTEMPT = 2 && touch {name}"
        )
    };
    for (id, name) in [("001-a", "a"), ("002-b", "b")] {
        sandbox.steps(id, "retries: 1", &[&format!("X $ test -f {name}")], &script(name));
    }
    sandbox.commit("specs");
    let child = sandbox.spawn(&[], ["work", "001", "002"]);
    until("both are at work", || sandbox.beside("at-a").exists() && sandbox.beside("at-b").exists());
    std::fs::write(sandbox.beside("go"), "").unwrap();
    assert_eq!(wait(child).code, 0);
    let slots = |name: &str| -> Vec<Vec<u32>> {
        let text = std::fs::read_to_string(sandbox.beside(name)).unwrap();
        text.lines().map(|line| line.split(' ').map(|word| word.parse().unwrap()).collect()).collect()
    };
    let (a, b) = (slots("a"), slots("b"));
    assert_eq!((&a[0], &b[0]), (&a[1], &b[1]), "the second attempt has the slot of the first");
    assert_ne!(a[0][0], b[0][0]);
    assert!(a[0][1].abs_diff(b[0][1]) >= a[0][2], "their ports do not meet: {a:?} {b:?}");
}

#[test]
fn build_caches_are_carried_from_worktree_to_worktree_and_never_into_the_proofs() {
    let sandbox = Sandbox::new();
    sandbox.write(".chant/config.yaml", "worktree: { keep: [cache] }\n").write(".gitignore", "cache/\n");
    let script = "mkdir -p cache; echo x >> cache/uses; cp cache/uses $BESIDE/uses; touch $(basename $CHANT_SPEC)";
    sandbox.steps("001-a", "", &["A $ test -f 001-a && ! test -e cache"], script);
    sandbox.steps("002-b", "", &["B $ test -f 002-b && ! test -e cache"], script).commit("specs");
    sandbox.chant(["work", "001"]).ok();
    sandbox.chant(["work", "002"]).ok();
    assert_eq!(std::fs::read_to_string(sandbox.beside("uses")).unwrap(), "x\nx\n");
    assert_eq!(sandbox.ask("for-each-ref refs/chant/backup"), "");
}

#[test]
fn submodules_are_there_and_large_files_are_said_where_git_lfs_is_not() {
    let sandbox = Sandbox::new();
    let library = sandbox.beside("library");
    std::fs::create_dir(&library).unwrap();
    for args in [&["init", "-q", "-b", "main", "."][..], &["commit", "-q", "--allow-empty", "-m", "x"]] {
        crate::harness::run(sandbox.command("git", &library).args(args)).ok();
    }
    std::fs::write(library.join("lib.txt"), "lib\n").unwrap();
    crate::harness::run(sandbox.command("git", &library).args(["add", "."])).ok();
    crate::harness::run(sandbox.command("git", &library).args(["commit", "-q", "-m", "lib"])).ok();
    let url = library.to_str().unwrap();
    sandbox.git(["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", url, "lib"]).ok();
    sandbox.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    sandbox.steps("001-a", "", &["A $ grep -q lib a"], "cat lib/lib.txt > a").commit("spec");
    let out = sandbox.chant_with(&[("GIT_ALLOW_PROTOCOL", "file")], ["work", "001"]).ok();
    let has_lfs = std::process::Command::new("git-lfs").arg("version").output().is_ok();
    assert!(has_lfs || out.err.contains("git-lfs is not installed"), "{}", out.all());
    assert_eq!(sandbox.read("a"), "lib\n");
}

/// What refs and notes hold of a word, and what is shown and logged.
fn everything(sandbox: &Sandbox) -> String {
    let mut all = String::new();
    for object in sandbox.ask("rev-list --objects --all").lines() {
        let id = object.split(' ').next().unwrap();
        all.push_str(&sandbox.git(["cat-file", "-p", id]).ok().out);
    }
    for log in std::fs::read_dir(sandbox.path(".git/chant/logs")).into_iter().flatten().flatten() {
        all.push_str(&std::fs::read_to_string(log.path()).unwrap_or_default());
    }
    for args in [["log", "001"], ["show", "001"], ["why", "001"]] {
        all.push_str(&sandbox.chant(args).ok().all());
    }
    all
}

#[test]
fn secrets_of_brought_files_are_masked_and_ports_and_switches_are_not() {
    let sandbox = Sandbox::new();
    let env = "PORT=3000\nDEBUG=true\nNODE_ENV=production\nDB_PASSWORD=hunter22\nURL=postgres://app:tr0ub4dor@db/x\nSALT=\"pl41n s4lt\"\n";
    sandbox.write(".gitignore", ".env\nconf/\n*.pem\n").write(".worktreeinclude", "/.env\n/conf/\nserver.pem\n");
    sandbox
        .write(".env", env)
        .write("conf/app.toml", "name = \"an-ordinary-long-name\"\napi_key = \"k3y-of-the-app\"\n");
    sandbox.write("server.pem", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n-----END PRIVATE KEY-----\n");
    let script = "cat .env conf/app.toml; cut -c1-16 server.pem; echo the password is $(sed -n s,.*app:,,p .env | sed s,@.*,,); touch a; false";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("spec");
    let out = sandbox.chant(["work", "001"]).exits(1);
    let all = out.all() + &everything(&sandbox);
    for secret in ["hunter22", "tr0ub4dor", "pl41n s4lt", "k3y-of-the-app", "MIIEvQIBADANBgkq"] {
        assert!(!all.contains(secret), "{secret}");
    }
    let said = std::fs::read_to_string(sandbox.path(".git/chant/logs/001-a.log")).unwrap();
    for plain in ["PORT=3000", "DEBUG=true", "NODE_ENV=production", "an-ordinary-long-name", "DB_PASSWORD=***", "SALT="]
    {
        assert!(said.contains(plain), "{plain}: {said}");
    }
}

#[test]
fn a_brought_file_that_was_changed_is_kept_outside_of_all_refs() {
    for finish in
        ["true", "git switch -q -c elsewhere", "git add -f .env", "git add -f .env; git switch -q -c elsewhere"]
    {
        let sandbox = Sandbox::new();
        sandbox
            .write(".gitignore", ".env*\nother\ndeps/\n")
            .write(".worktreeinclude", ".env\n")
            .write(".env", "KEY=one-of-the-user\n");
        let script = format!(
            "cp .env .env.bak; mkdir -p deps/x; cp .env deps/x/c; echo KEY=m4de-$((6 * 7))-by-the-agent > .env; echo x > other; touch a; {finish}"
        );
        if finish.contains("switch") {
            // Without a sandbox a worktree that left its branch is set aside whole.
            sandbox.write(".chant/config.yaml", "sandbox: off\n");
        }
        sandbox.steps("001-a", "", &["A $ test -f a"], &script).commit("spec");
        let out = sandbox.chant(["work", "001"]);
        if out.code != 0 {
            assert!(out.err.contains("left its branch"), "{finish}: {}", out.all());
        }
        let all = everything(&sandbox);
        assert!(!all.contains("m4de-42-by") && !all.contains("one-of-the-user"), "{finish}");
        assert_eq!(sandbox.read(".env"), "KEY=one-of-the-user\n");
        let kept = std::fs::read_to_string(sandbox.path(".git/chant/kept/001-a/1/.env"));
        let kept = kept.unwrap_or_else(|_| panic!("{finish}: {}", out.all()));
        assert_eq!(kept, "KEY=m4de-42-by-the-agent\n", "{finish}");
        for copy in [".env.bak", "deps/x/c"] {
            assert!(sandbox.path(format!(".git/chant/kept/001-a/1/{copy}")).is_file(), "{copy} is kept beside it");
        }
        assert!(
            out.err.contains("outside of all refs") && sandbox.chant(["doctor"]).all().contains("chant/kept/001-a")
        );
        assert!(
            sandbox.ask("for-each-ref refs/chant/backup").contains("backup"),
            "what is not brought is kept as ever"
        );
    }
}

#[test]
fn what_was_changed_of_a_brought_file_is_kept_until_the_checkout_has_the_same() {
    let sandbox = Sandbox::new();
    sandbox.write(".gitignore", ".env\nx\n").write(".worktreeinclude", ".env\n").write(".env", "KEY=one-of-the-user\n");
    let script = "printf 'KEY=made-%s\\n' by-it > .env; cp .env x; touch a";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("spec");
    sandbox.chant(["work", "001"]).ok();
    let kept = ".git/chant/kept/001-a/1/.env";
    assert_eq!(sandbox.read(kept), "KEY=made-by-it\n");
    let trash = sandbox.path(".git/chant/trash");
    let files = std::process::Command::new("grep").args(["-rlE", "one-of-the-user|made-by-it"]).arg(trash).output();
    assert!(files.unwrap().stdout.is_empty(), "no copy lies in what was thrown away");
    sandbox.chant(["doctor", "--fix"]).ok();
    assert!(sandbox.exists(kept), "it is nowhere else");
    sandbox.write(".env", "KEY=made-by-it\n").write("x", "KEY=made-by-it\n");
    let fixed = sandbox.chant(["doctor", "--fix"]).ok();
    assert!(
        fixed.err.contains("the checkout has the same") && !sandbox.exists(".git/chant/kept/001-a"),
        "{}",
        fixed.all()
    );
}

#[test]
fn what_other_attempts_have_left_is_not_brought_along() {
    let sandbox = Sandbox::new();
    sandbox.write(".gitignore", "*.db\n").write(".worktreeinclude", "*.db\n").write("one.db", "1\n");
    sandbox.steps("001-a", "", &["A $ test -f a"], "find . -name '*.db' > $BESIDE/found; touch a").commit("spec");
    sandbox.chant(["list"]).ok();
    sandbox.write(".chant/worktrees/000-x+kept-1/evil.db", "x\n");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(std::fs::read_to_string(sandbox.beside("found")).unwrap(), "./one.db\n");
}

#[test]
fn an_agent_that_commits_a_brought_file_has_failed_and_its_commits_are_on_no_ref() {
    for after in ["", "git rm -q --cached .env; git commit -qm again;", "git branch other; git reset -q --hard HEAD~1;"]
    {
        let sandbox = Sandbox::new();
        sandbox
            .write(".gitignore", ".env\n")
            .write(".worktreeinclude", ".env\n")
            .write(".env", "KEY=one-of-the-user\n");
        let script = format!("touch a; git add -f .env a; git commit -qm all; {after} touch a");
        sandbox.steps("001-a", "", &["A $ test -f a"], &script).commit("spec");
        let out = sandbox.chant(["work", "001"]).exits(1);
        assert!(out.err.contains("holds .env, which was brought along"), "{after}: {}", out.all());
        assert!(!everything(&sandbox).contains("one-of-the-user"), "{after}");
    }
}

/// A repository whose agent has a file with a secret brought along, and runs a script in which it is free to copy it.
fn with_secret(script: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .write(".gitignore", ".env\n")
        .write(".worktreeinclude", ".env\n")
        .write("known", "region: my-very-own-region-one\n");
    sandbox.write(".env", "DB_TOKEN=tr0ub4dor-and-3\nREGION=my-very-own-region-one\nPORT=3000\n");
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("spec");
    sandbox
}

#[test]
fn a_copy_of_a_brought_secret_that_is_not_ignored_lands_nowhere_and_is_named_by_file_and_line() {
    for (script, place) in [
        ("cp .env copy; touch a", "copy:1"),
        (
            "mkdir d; printf 'x\\n\\nt = \"%s\"\\n' $(sed -n s/^DB_TOKEN=//p .env) > d/conf; git add -A; touch a",
            "d/conf:3",
        ),
        ("cat .env >> known; touch a", "known:2"),
        ("cp .env copy; git add copy; git commit -qm copy; touch a", "copy:1"),
        ("cp .env copy; git add copy; git commit -qm copy; git rm -q copy; git commit -qm gone; touch a", "copy:1"),
        ("iconv -t UTF-16 .env > copy; touch a", "copy:1"),
    ] {
        let sandbox = with_secret(script);
        let main = sandbox.ask("rev-parse main");
        let out = sandbox.chant(["work", "001"]);
        assert_eq!(out.code, 1, "{script}: {}", out.all());
        assert!(out.err.contains(&format!("{place} holds a secret of .env")), "{script}: {}", out.all());
        assert!(
            !out.all().contains("tr0ub4dor") && !everything(&sandbox).contains("tr0ub4dor"),
            "{script}: {}",
            out.all()
        );
        assert_eq!(sandbox.ask("rev-parse main"), main, "{script}");
        assert_eq!(sandbox.status("001-a"), "failed", "{script}");
        sandbox.assert_fsck();
    }
}

#[test]
fn what_an_attempt_did_beside_a_secret_is_kept_and_the_next_one_can_mend_it() {
    let sandbox = with_secret("touch a; test $CHANT_ATTEMPT = 2 && rm copy || { cp .env copy; git add copy; }");
    sandbox.chant(["work", "001"]).exits(1);
    assert!(sandbox.path(".chant/worktrees/001-a/copy").is_file());
    assert_eq!(sandbox.ask("ls-tree --name-only chant/001-a -- a copy"), "a");
    sandbox.chant(["work", "001"]).ok();
    assert!(!everything(&sandbox).contains("tr0ub4dor"));
    // Without a sandbox its own commits are on its branch, and land all the same nowhere.
    let open = with_secret("cp .env copy; git add copy; git commit -qm copy; touch a").open();
    let out = open.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("copy:1 holds a secret") && out.err.contains("--fresh"), "{}", out.all());
    assert_eq!(open.ask("log --format=%s main -- copy"), "");
    let fresh = with_secret("touch a; cp .env copy");
    fresh.chant(["work", "001"]).exits(1);
    fresh.chant(["work", "001", "--fresh"]).exits(1);
    assert!(!everything(&fresh).contains("tr0ub4dor"), "in no safety copy either");
}

#[test]
fn what_everybody_knows_or_is_no_secret_lands_as_ever() {
    for script in [
        "echo my-very-own-region-one > a",
        "echo 'port 3000' > a",
        "echo x$(sed -n s/^DB_TOKEN=//p .env)x > a",
        "head -c 2000000 /dev/zero | tr '\\0' x > a; cat .env >> a",
    ] {
        with_secret(script).chant(["work", "001"]).ok();
    }
    // A person's word is a person's word.
    let sandbox = with_secret("touch a");
    sandbox.chant(["work", "001", "--agent", "person"]).ok();
    std::fs::copy(sandbox.path(".env"), sandbox.path(".chant/worktrees/001-a/a")).unwrap();
    sandbox.chant(["work", "001", "--finish"]).ok();
}
