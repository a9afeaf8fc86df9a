//! Submodules that an agent plants, or into whose repositories it puts programs: nothing of them runs for the engine or for
//! the user's next command.

use crate::harness::{Sandbox, run};

const IDENTITY: &str = "git -c user.name=x -c user.email=x";

/// A project with a submodule `lib` of two commits, of which the second is recorded.
fn with_library() -> Sandbox {
    let sandbox = Sandbox::new();
    let library = sandbox.beside("library");
    std::fs::create_dir(&library).unwrap();
    let script = "git init -q -b main . && echo 1 > lib.txt && git add . && git commit -qm 1 && echo 2 > lib.txt && git commit -qam 2";
    run(sandbox.command("sh", &library).args(["-c", script])).ok();
    sandbox
        .git(["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library.to_str().unwrap(), "lib"])
        .ok();
    sandbox
}

#[test]
fn hooks_and_settings_that_an_agent_puts_into_a_submodule_are_shut_in_at_the_next_attempt() {
    if !chant::cage::support().is_there() {
        return;
    }
    let sandbox = with_library();
    let (root, talk) = (sandbox.root.display(), sandbox.beside("library").parent().unwrap().to_owned());
    let program = format!("echo ran >> {}/ran; touch {root}/from-submodule || true", talk.display());
    // A repository of its own in the place of the submodule's, at another commit, whose difference Git is told to ignore.
    let script = format!(
        "test $CHANT_ATTEMPT = 1 || {{ echo a > a; exit 0; }}\n\
         rm lib/.git; git init -q lib; cd lib; git fetch -q {}/library main; git reset -q --hard FETCH_HEAD; git checkout -q HEAD~1\n\
         for h in post-checkout reference-transaction post-index-change; do\n\
         printf '#!/bin/sh\\n{program}\\n' > .git/hooks/$h; chmod +x .git/hooks/$h; done\n\
         git config core.fsmonitor \"sh -c '{program}'\"; git config filter.x.smudge 'sh -c \"{program}; cat\"'; echo '* filter=x' > .git/info/attributes\n\
         cd ..; git config -f .gitmodules submodule.lib.ignore all; exit 1",
        talk.display()
    );
    sandbox.steps("001-a", "", &["A $ test -f a"], &script).commit("spec");
    let env = [("GIT_ALLOW_PROTOCOL", "file")];
    let out = sandbox.chant_with(&env, ["work", "001"]).exits(1);
    assert!(!out.err.contains("could not be brought"), "{}", out.all());
    let before = std::fs::read_to_string(talk.join("ran")).unwrap_or_default();
    let out = sandbox.chant_with(&env, ["work", "001"]);
    let after = std::fs::read_to_string(talk.join("ran")).unwrap_or_default();
    assert_eq!(out.code, 0, "{}", out.all());
    assert!(after.len() > before.len(), "nothing of it was ever started, and so nothing is shown");
    assert!(!sandbox.exists("from-submodule"), "{}", out.all());
}

#[test]
fn a_submodule_that_names_a_command_or_a_place_outside_runs_nothing_for_anybody() {
    let modules = |lines: &str| {
        format!(
            "mkdir -p sub; {IDENTITY} init -q x; {IDENTITY} -C x commit -q --allow-empty -m x; c=$(git -C x rev-parse HEAD); rm -rf x\n\
             printf '[submodule \"sub\"]\\n{lines}' > .gitmodules; git update-index --add --cacheinfo 160000,$c,sub; echo a > a"
        )
    };
    for (n, lines) in [
        "\\tpath = sub\\n\\turl = ./sub\\n\\tupdate = !touch $ROOT/from-update\\n",
        "\\tpath = sub\\n\\turl = ext::sh -c touch%% $ROOT/from-url\\n",
        "\\tpath = sub\\n\\turl = -u./touch\\n",
        "\\tpath = ../../../../.git/hooks\\n\\turl = ./sub\\n",
        "\\tpath = sub\\n\\turl = ./sub\\n\\tignore = none\\n\\tfetchRecurseSubmodules = true\\n",
    ]
    .into_iter()
    .enumerate()
    {
        let sandbox = Sandbox::new();
        let root = sandbox.root.display().to_string();
        let script = format!("{}\ntouch \"$BESIDE/done\"", modules(lines).replace("$ROOT", &root));
        sandbox.steps("001-a", "", &["A $ test -f a"], &script);
        sandbox.steps("002-b", "", &["B $ test -f b"], "echo b > b").commit("specs");
        let hooks = sandbox.ask("config --local --list") + &format!("{:?}", names(&sandbox.path(".git/hooks")));
        let out = sandbox.chant(["work", "001"]);
        assert!(sandbox.beside("talk").join("done").exists(), "{n}: {}", out.all());
        // Again, and what a user types afterwards; what Git itself refuses it may refuse.
        sandbox.chant(["work", "001"]);
        sandbox.chant(["work", "002"]).ok();
        for place in [sandbox.root.clone(), sandbox.path(".chant/worktrees/001-a")] {
            for args in [&["status"][..], &["fetch", "--all"], &["submodule", "update", "--init"], &["diff"]] {
                if place.exists() {
                    run(sandbox.command("git", &place).args(args));
                }
            }
        }
        sandbox.chant(["list"]).ok();
        sandbox.chant(["verify", "002"]).ok();
        for made in ["from-update", "from-url"] {
            assert!(!sandbox.exists(made), "{n}: {made}: {}", out.all());
        }
        let now = format!("{:?}", names(&sandbox.path(".git/hooks")));
        assert!(hooks.ends_with(&now), "{n}: {now}");
    }
}

fn names(dir: &std::path::Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> =
        std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    names
}

#[test]
fn a_submodule_that_is_moved_to_a_commit_that_nobody_else_has_is_named() {
    let env = [("GIT_ALLOW_PROTOCOL", "file")];
    let moved = |script: &str, front: &str| {
        let sandbox = with_library();
        sandbox.steps("001-a", front, &["A $ test -f a"], &format!("{script}; touch a")).commit("spec");
        let out = sandbox.chant_with(&env, ["work", "001"]);
        (sandbox, out)
    };
    let clone = "rm -rf lib; git clone -q $(git config -f .gitmodules submodule.lib.url) lib";
    let own = format!("{clone}; cd lib; echo 3 > lib.txt; {IDENTITY} commit -qam 3; cd ..");
    let (sandbox, out) = moved(&own, "");
    assert!(out.code == 1 && out.err.contains("the submodule lib is moved to"), "{}", out.all());
    assert_eq!(sandbox.status("001-a"), "failed");
    let ones = "1".repeat(40);
    let (_, out) = moved(&format!("rm -rf lib; mkdir lib; git update-index --cacheinfo 160000,{ones},lib"), "");
    assert!(out.code == 1 && out.err.contains("the submodule lib is moved to 11111111"), "{}", out.all());
    // One that its repository has, and one that was asked for, are work like any other.
    let (sandbox, out) = moved(&format!("{clone}; git -C lib checkout -q HEAD~1"), "");
    assert_eq!(out.code, 0, "{}", out.all());
    assert_eq!(sandbox.ask("diff --name-only HEAD^1 HEAD").lines().collect::<Vec<_>>(), ["a", "lib"]);
    let (_, out) = moved(&own, "target_files: [lib, a]");
    assert_eq!(out.code, 0, "{}", out.all());
}
