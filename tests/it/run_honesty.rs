//! What an agent must not get away with: for each a stated outcome, nothing lost, never a false completion.

use crate::harness::Sandbox;

/// With the sandbox off: what is found afterwards. What it prevents is told in `run_cage`.
fn outcome(script: &str) -> (Sandbox, crate::harness::Output) {
    let sandbox = Sandbox::new().open();
    sandbox.write("kept.txt", "kept\n");
    sandbox.spec("002-other", "agent: person", &["Other $ test -f other"], "");
    sandbox.steps("001-a", "", &["A $ test -f a"], script);
    sandbox.commit("specs");
    let out = sandbox.chant(["work", "001"]);
    (sandbox, out)
}

#[track_caller]
fn fails(script: &str, why: &str) -> Sandbox {
    let (sandbox, out) = outcome(script);
    assert_eq!(out.code, 1, "{}", out.all());
    assert!(out.err.contains(why), "{}", out.all());
    assert_eq!(sandbox.status("001-a"), "failed");
    assert_ne!(sandbox.status("002-other"), "completed");
    assert!(!sandbox.exists("a"), "nothing of it is in the target");
    sandbox.assert_fsck();
    sandbox
}

#[test]
fn a_result_hidden_in_gitignore_is_not_there_for_the_proof() {
    fails("echo a > .gitignore; touch a", "unmet");
}

#[test]
fn a_file_marked_skip_worktree_is_committed_and_proven_all_the_same() {
    let (sandbox, out) = outcome("echo changed > kept.txt; git update-index --skip-worktree kept.txt; touch a");
    assert_eq!(out.code, 0, "{}", out.all());
    assert_eq!(sandbox.read("kept.txt"), "changed\n");
}

#[test]
fn an_agent_cannot_complete_another_spec() {
    let script = "touch a; tree=$(git rev-parse 'HEAD^{tree}'); \
        s=$(printf 'x\\n\\nChant-Spec: 002-other\\nChant-Status: in_progress\\nChant-Attempt: 1\\nChant-Run: f@here\\nChant-Target: main\\n' | git commit-tree $tree -p HEAD); \
        c=$(printf 'x\\n\\nChant-Spec: 002-other\\nChant-Status: completed\\nChant-Attempt: 1\\n' | git commit-tree $tree -p $s); \
        git update-ref refs/heads/chant/002-other $c";
    let sandbox = fails(script, "no engine made it");
    assert_eq!(sandbox.status("002-other"), "ready", "what was forged is disowned");
}

#[test]
fn a_commit_with_forged_trailers_is_refused_and_named() {
    fails("touch a; git add a; git commit -qm 'a\n\nCHANT-status: completed'", "only the engine writes");
}

#[test]
fn commands_that_change_state_refuse_inside_a_run() {
    let chant = crate::harness::chant();
    let script = format!(
        "'{chant}' cancel 002 && touch a; '{chant}' reset 002 && touch a; '{chant}' merge 001 && touch a; '{chant}' work 002 && touch a; true"
    );
    fails(&script, "changed nothing");
}

#[test]
fn edited_criteria_do_not_count_and_an_edited_config_waits_for_a_person() {
    fails("sed -i 's/test -f a/true/' \"$CHANT_SPEC_FILE\"", "test -f a");
    let (sandbox, out) = outcome("touch a; echo 'jobs: 9' > .chant/config.yaml");
    assert_eq!(out.code, 3, "{}", out.all());
    assert!(out.err.contains(".chant/config.yaml"), "{}", out.all());
    assert_eq!(sandbox.status("001-a"), "in_review");
    sandbox.chant(["merge", "001"]).ok();
    assert_eq!(sandbox.read(".chant/config.yaml"), "jobs: 9\n");
}

#[test]
fn another_specs_unreviewed_work_is_not_brought_along() {
    let sandbox = Sandbox::new();
    sandbox.spec("002-other", "review: required", &["Other $ test -f other"], "## Steps\n\n```sh\ntouch other\n```");
    sandbox.steps(
        "001-a",
        "",
        &["A $ test -f a"],
        "touch a; git add a; git commit -qm a; git merge -q chant/002-other",
    );
    sandbox.commit("specs");
    sandbox.chant(["work", "002"]).ok();
    assert_eq!(sandbox.status("002-other"), "in_review");
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("chant/002-other"), "{}", out.all());
    assert!(!sandbox.exists("other"));
    assert_eq!(sandbox.status("002-other"), "in_review");
}

#[test]
fn leaving_the_branch_detaching_head_and_rewriting_it_fail_and_lose_nothing() {
    fails("touch a; git switch -q -c elsewhere", "left its branch");
    fails("touch a; git add a; git commit -qm a; git checkout -q --detach", "left its branch");
    let sandbox = fails("touch a; git add a; git commit -q --amend -m rewritten", "rewrote");
    assert!(!sandbox.ask("for-each-ref refs/chant/backup").is_empty(), "what it made is kept");
}

#[test]
fn deleting_the_worktree_fails_and_the_next_attempt_begins_again() {
    let sandbox = Sandbox::new();
    let script = "test -f \"$BESIDE/again\" || { rm -rf \"$CHANT_WORKTREE\"; exit 0; }; touch a";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("spec");
    sandbox.chant(["work", "001"]).exits(1);
    assert_eq!(sandbox.status("001-a"), "failed");
    std::fs::write(sandbox.beside("again"), "").unwrap();
    sandbox.chant(["work", "001"]).ok();
}

#[test]
fn a_gigabyte_of_output_and_control_characters_harm_nobody() {
    let (sandbox, out) =
        outcome("printf '\\033[31mred\\007\\n'; head -c 1000000000 /dev/zero | tr '\\0' x; echo; touch a");
    assert_eq!(out.code, 0, "{}", out.err.len());
    assert!(!out.err.contains('\u{7}') && !out.err.contains("\u{1b}[31m"));
    let log = sandbox.chant(["log", "001"]).ok();
    assert!(log.out.len() < 20_000_000 && log.out.contains("red"));
}

#[test]
fn a_background_process_is_ended_and_does_not_hold_the_run_up() {
    let (_, out) = outcome("touch a; sleep 300 & sleep 300 >/dev/null 2>&1 </dev/null &");
    assert_eq!(out.code, 0, "{}", out.all());
}

#[test]
fn a_hook_that_the_agent_plants_has_no_more_rights_than_the_agent() {
    let sandbox = Sandbox::new();
    let chant = crate::harness::chant();
    sandbox.git(["config", "core.hooksPath", ".hooks"]).ok();
    sandbox.spec("002-other", "agent: person", &["Other $ test -f other"], "");
    let script = format!(
        "mkdir -p .hooks; printf '#!/bin/sh\\n{chant} cancel 002\\nexit 0\\n' > .hooks/pre-commit; chmod +x .hooks/pre-commit; touch a"
    );
    sandbox.steps("001-a", "", &["A $ test -f a"], &script).commit("specs");
    let out = sandbox.chant(["work", "001"]).exits(3);
    assert!(out.err.contains("changes .hooks/pre-commit, which decides what counts"), "{}", out.err);
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.status("002-other").as_str()), ("in_review", "ready"));
}

/// What the user has in the checkout, that must never become a commit.
fn dirty(sandbox: &Sandbox) {
    sandbox.write("staged", "1\n").write("f", "1\n").commit("files");
    sandbox.write("staged", "mine\n").git(["add", "staged"]).ok();
    sandbox.write("f", "mine\n").write("untracked", "mine\n");
}

#[test]
fn an_agent_that_takes_away_or_redirects_the_link_of_its_worktree_never_reaches_the_users_checkout() {
    let tricks = [
        "rm .git",
        "rm .git; echo \"gitdir: $(cd ../../..; pwd)/.git\" > .git",
        "rm .git; mkdir .git",
        "rm .git; git init --quiet .; git add -A; git -c user.name=x -c user.email=x commit --quiet -m own",
    ];
    for trick in tricks {
        let sandbox = Sandbox::new();
        sandbox.steps("001-a", "", &["R $ test -f r"], &format!("echo good > r; {trick}")).commit("a spec");
        dirty(&sandbox);
        let (main, bytes, status) =
            (sandbox.ask("rev-parse main"), sandbox.checkout_bytes(), sandbox.ask("status --porcelain"));
        let out = sandbox.chant(["work", "001"]).exits(1);
        assert!(out.err.contains("link of its worktree"), "{trick}: {}", out.err);
        assert_eq!((sandbox.ask("rev-parse main"), sandbox.ask("status --porcelain")), (main, status), "{trick}");
        assert_eq!(sandbox.checkout_bytes(), bytes, "{trick}");
        assert_eq!(sandbox.status("001-a"), "failed");
        assert_eq!(sandbox.ask("show chant/001-a:r"), "good", "{trick}: the work is kept");
        sandbox.assert_fsck();
    }
}

#[test]
fn an_index_that_cannot_be_read_fails_the_attempt_and_blocks_no_later_one() {
    let sandbox = Sandbox::new();
    let script = "echo good > r; test \"$CHANT_ATTEMPT\" = 2 || : > \"$(git rev-parse --git-path index)\"";
    sandbox.steps("001-a", "", &["R $ test -f r"], script).commit("a spec");
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("broke the index"), "{}", out.err);
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.ask("show chant/001-a:r").as_str()), ("failed", "good"));
    sandbox.chant(["work", "001"]).ok();
}

#[test]
fn an_agent_that_moves_the_target_onto_its_work_is_named() {
    let sandbox = Sandbox::new().open();
    let script = "echo good > r; git add r; git commit --quiet -m r; git update-ref refs/heads/main HEAD";
    sandbox.steps("001-a", "", &["R $ test -f r"], script).commit("a spec");
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("main came to hold its unfinished work"), "{}", out.err);
    assert_ne!(sandbox.status("001-a"), "completed");
}

#[test]
fn another_specs_branch_that_an_agent_moves_or_deletes_is_put_back() {
    for trick in [
        "c=$(printf 'x\\n\\nChant-Spec: 001-a\\nChant-Status: completed\\nChant-Attempt: 1\\n' | git commit-tree HEAD^{tree} -p HEAD); \
         git update-ref refs/heads/chant/001-a $c",
        "git update-ref -d refs/heads/chant/001-a",
        "git update-ref refs/heads/chant/001-a HEAD",
    ] {
        let sandbox = Sandbox::new().open();
        sandbox.steps("001-a", "", &["A $ test -f a"], "echo x > kept");
        sandbox.steps("002-b", "", &["B $ test -f b"], &format!("touch b; {trick}")).commit("specs");
        sandbox.chant(["work", "001"]).exits(1);
        let tip = sandbox.ask("rev-parse chant/001-a");
        sandbox.ask("worktree remove --force .chant/worktrees/001-a");
        let out = sandbox.chant(["work", "002"]);
        assert!(out.err.contains("is back where it was"), "{trick}: {}", out.all());
        assert_eq!(
            (sandbox.ask("rev-parse chant/001-a"), sandbox.status("001-a").as_str()),
            (tip, "failed"),
            "{trick}"
        );
        sandbox.assert_fsck();
    }
}

#[test]
fn an_agent_that_disarms_the_users_hooks_does_not_land() {
    let sandbox = Sandbox::new().open();
    let gate = |script: &str| {
        format!("printf '#!/bin/sh\\n{script}\\n' > .hooks/pre-merge-commit; chmod +x .hooks/pre-merge-commit")
    };
    std::fs::create_dir(sandbox.path(".hooks")).unwrap();
    crate::harness::run(sandbox.command("sh", &sandbox.root).args(["-c", &gate("exit 1")])).ok();
    sandbox.ask("config core.hooksPath .hooks");
    sandbox.steps("001-a", "", &["A $ test -f a"], &format!("touch a; {}", gate("exit 0")));
    sandbox.steps("002-b", "", &["B $ test -f b"], "touch b; git config core.hooksPath /dev/null").commit("specs");
    let main = sandbox.ask("rev-parse main");

    let out = sandbox.chant(["work", "001"]).exits(3);
    assert!(out.err.contains(".hooks/pre-merge-commit") && out.err.contains("chant approve"), "{}", out.err);
    assert_eq!((sandbox.status("001-a").as_str(), sandbox.ask("rev-parse main")), ("in_review", main.clone()));

    let out = sandbox.chant(["work", "002"]).exits(1);
    assert!(out.err.contains("settings were changed (core.hookspath)"), "{}", out.err);
    assert_eq!((sandbox.status("002-b").as_str(), sandbox.ask("rev-parse main")), ("failed", main));
}

#[test]
fn ticked_boxes_alone_are_no_work() {
    let sandbox = Sandbox::new();
    sandbox.write(
        ".chant/specs/001-a.md",
        "# A\n\n## Acceptance Criteria\n\n- [x] all good\n\n## Steps\n\n```sh\ntrue\n```\n",
    );
    sandbox.commit("a spec");
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("it changed nothing"), "{}", out.err);
}

#[test]
fn a_link_that_leads_out_of_the_repository_is_no_result_for_what_is_there_is_in_no_commit() {
    fails("echo hidden >> .gitignore; echo ok > hidden; ln -s ../001-a/hidden a", "leads out of the repository");
    fails("echo ok > \"$BESIDE/outside\"; ln -s \"$BESIDE/outside\" a", "leads out of the repository");
    fails("mkdir d; ln -s \"$BESIDE\" d/e; ln -s d/e/outside a; touch \"$BESIDE/outside\"", "leads out");
}

#[test]
fn a_link_inside_of_the_repository_is_as_good_as_a_file() {
    let (_sandbox, out) = outcome("mkdir d; echo a > d/real; ln -s d/real a; ln -s ../kept.txt d/kept");
    assert_eq!(out.code, 0, "{}", out.all());
}

#[test]
fn a_link_out_that_the_spec_names_was_asked_for() {
    let sandbox = Sandbox::new();
    let front = "target_files: [a]\nreview: required";
    sandbox.steps("001-a", front, &["A $ test -L a"], "ln -s /etc/hosts a; ln -s a b; rm b").commit("spec");
    let named =
        |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").contains("repository, to /etc/hosts");
    let out = sandbox.chant(["work", "001"]).ok();
    assert!(named(&out.err) && out.err.contains("so it lands"), "{}", out.all());
    for landed in [false, true] {
        assert!(named(&sandbox.chant(["diff", "001"]).ok().out), "{landed}");
        let shown = sandbox.chant(["show", "001", "--json"]).ok().json();
        assert_eq!(shown["links_out"].as_array().unwrap().len(), usize::from(!landed), "{shown:#}");
        let diff = sandbox.chant(["diff", "001", "--json"]).ok().json();
        assert!(diff["files"][0]["leads_out"].as_str().unwrap().contains("/etc/hosts"), "{diff:#}");
        if !landed {
            assert!(named(&sandbox.chant(["show", "001"]).ok().out));
            sandbox.chant(["merge", "001"]).ok();
        }
    }
}

#[test]
fn a_branch_that_an_agent_made_another_name_for_main_leads_nothing_of_its_there() {
    let sandbox = Sandbox::new().open();
    let script = "git symbolic-ref refs/heads/chant/001-a refs/heads/main; echo a > a";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("spec");
    let main = sandbox.ask("rev-parse main");
    for attempt in 1..3 {
        let out = sandbox.chant(["work", "001"]);
        assert_eq!(out.code, 1, "{}", out.all());
        assert!(out.err.contains("another name for refs/heads/main"), "{}", out.all());
        assert_eq!(sandbox.ask("rev-parse main"), main);
        assert_eq!(sandbox.status("001-a"), "failed");
        assert_eq!(sandbox.item("001-a")["attempt"], attempt);
    }
    assert_eq!(sandbox.ask("status --porcelain"), "");
    let kept = sandbox.ask("log --all --format= --name-only -- a");
    assert!(kept.contains('a'), "its work is kept");
    sandbox.assert_fsck();
}

#[test]
fn a_branch_of_ours_that_is_another_name_for_one_of_theirs_is_never_written_through() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "echo a > a").commit("spec");
    sandbox.git(["symbolic-ref", "refs/heads/chant/001-a", "refs/heads/main"]).ok();
    let main = sandbox.ask("rev-parse main");
    let out = sandbox.chant(["work", "001"]);
    assert!(out.code != 0 && out.err.contains("git symbolic-ref --delete refs/heads/chant/001-a"), "{}", out.all());
    assert_eq!(sandbox.ask("rev-parse main"), main);
    sandbox.git(["symbolic-ref", "--delete", "refs/heads/chant/001-a"]).ok();
    sandbox.chant(["work", "001"]).ok();
}

#[test]
fn settings_that_an_agent_gives_its_worktree_alone_are_kept_aside_and_not_obeyed() {
    let sandbox = Sandbox::new().open();
    sandbox.git(["config", "extensions.worktreeConfig", "true"]).ok();
    let script = "echo a > a; printf '* filter=x\\n' > .gitattributes; \
                  git config --worktree filter.x.clean \"touch '$BESIDE/ran'; cat\"";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("spec");
    let out = sandbox.chant(["work", "001"]);
    assert_eq!(out.code, 1, "{}", out.all());
    assert!(out.err.contains("filter.x.clean"), "{}", out.all());
    assert!(!sandbox.beside("ran").exists(), "nothing of it was run");
}

#[test]
fn objects_that_an_agent_replaced_deceive_no_proof() {
    let sandbox = Sandbox::new();
    let script = "echo bad > a; git add a; git commit -qm a; git replace $(git rev-parse HEAD:a) $(echo good | git hash-object -w --stdin)";
    sandbox.steps("001-a", "", &["A $ git show HEAD:a | grep -q good"], script).commit("spec");
    sandbox.chant(["work", "001"]).exits(1);
}

#[test]
fn a_program_that_a_proof_runs_and_the_work_changed_is_a_persons_to_accept() {
    let sandbox = Sandbox::new();
    sandbox.write("check.sh", "test -f never\n");
    sandbox.steps("001-a", "", &["It checks $ sh check.sh"], "echo true > check.sh").commit("spec");
    let out = sandbox.chant(["work", "001"]).exits(3);
    assert!(out.err.contains("check.sh") && out.err.contains("chant approve 001-a"), "{}", out.all());
    assert_eq!(sandbox.status("001-a"), "in_review");
    assert_eq!(sandbox.read("check.sh"), "test -f never\n");
    sandbox.chant(["approve", "001"]).ok();
    assert_eq!(sandbox.status("001-a"), "completed");
}

#[test]
fn what_git_cannot_commit_fails_the_attempt_and_is_kept_beside() {
    let sandbox = Sandbox::new();
    // A filter that is asked for, and refuses.
    sandbox.git(["config", "filter.no.clean", "false"]).ok();
    sandbox.git(["config", "filter.no.required", "true"]).ok();
    let script = "echo a > a; test $CHANT_ATTEMPT = 1 || exit 0; echo 'f filter=no' > .gitattributes; echo x > f";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("spec");
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("cannot be committed"), "{}", out.all());
    assert_eq!(sandbox.status("001-a"), "failed");
    assert_eq!(sandbox.read(".chant/worktrees/001-a+kept-1/f"), "x\n");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.read(".chant/worktrees/001-a+kept-1/a"), "a\n", "and stays");
    sandbox.assert_fsck();
}

#[test]
fn a_repository_inside_is_named_and_what_lies_beside_it_is_committed() {
    let identity = "git -c user.name=x -c user.email=x";
    for (make, path, file) in [
        ("git init -q n; echo x > n/f".to_owned(), "n", "n/f"),
        (format!("git init -q n; cd n; echo x > f; git add f; {identity} commit -qm x; cd .."), "n", "n/f"),
        ("mkdir -p sub; git init -q sub/n; echo x > sub/n/f; echo b > sub/b".to_owned(), "sub/n", "sub/n/f"),
        ("mkdir -p sub/.GIT; echo x > sub/.GIT/f; echo b > sub/b".to_owned(), "sub/.GIT", "sub/.GIT/f"),
        ("mkdir git~1; echo x > git~1/f".to_owned(), "git~1", "git~1/f"),
    ] {
        let sandbox = Sandbox::new();
        let script = format!("echo a > a; test $CHANT_ATTEMPT = 1 || {{ rm -rf {path}; exit 0; }}; {make}");
        sandbox.steps("001-a", "", &["A $ test -f a"], &script).commit("spec");
        let out = sandbox.chant(["work", "001"]).exits(1);
        let why = format!("{path} is a repository of its own, whose files cannot be committed");
        assert!(out.err.contains(&why), "{make}: {}", out.all());
        assert_eq!(sandbox.status("001-a"), "failed");
        assert_eq!(sandbox.ask("show chant/001-a:a"), "a", "{make}");
        let b = sandbox.git(["cat-file", "-e", "chant/001-a:sub/b"]).code == 0;
        assert_eq!(b, make.contains("sub/b"), "{make}");
        assert_eq!(sandbox.read(&format!(".chant/worktrees/001-a/{file}")), "x\n", "it stays where it is");
        sandbox.chant(["work", "001"]).ok();
        sandbox.assert_fsck();
    }
}

#[test]
fn a_directory_that_git_would_take_for_a_repository_does_not_land_with_settings_that_start_programs() {
    for (head, under) in [("HEAD", "p"), ("head", "deep/p")] {
        let sandbox = Sandbox::new();
        let script = format!(
            "mkdir -p {under}/objects/pack {under}/refs/heads; echo 'ref: refs/heads/main' > {under}/{head}; echo a > a; \
             touch {under}/objects/pack/.keep {under}/refs/heads/.keep; \
             printf '[core]\\nrepositoryformatversion=0\\nbare=false\\nworktree=..\\nfsmonitor=\"touch $BESIDE/ran; false\"\\n' > {under}/config"
        );
        sandbox.write("old/HEAD", "x\n").write("old/objects/x", "x\n").write("old/refs/x", "x\n");
        sandbox.steps("001-a", "", &["A $ test -f a"], &script);
        sandbox.steps("002-b", "", &["B $ test -f b"], "echo b > old/refs/y; echo b > b").commit("specs");
        let out = sandbox.chant(["work", "001"]).exits(1);
        assert!(out.err.contains(&format!("{under} looks like a repository")), "{}", out.all());
        assert_eq!(sandbox.status("001-a"), "failed");
        sandbox.chant(["work", "002"]).ok();
        assert!(!sandbox.beside("ran").exists());
    }
}

#[test]
fn a_repository_inside_and_nothing_else_is_named_and_does_not_stand_in_the_way_of_a_fresh_attempt() {
    let sandbox = Sandbox::new();
    let script = "test $CHANT_ATTEMPT = 1 || { echo a > a; exit 0; }; git init -q n; echo x > n/f";
    sandbox.steps("001-a", "", &["A $ test -f a"], script).commit("spec");
    let out = sandbox.chant(["work", "001"]).exits(1);
    assert!(out.err.contains("n is a repository of its own"), "{}", out.all());
    let out = sandbox.chant(["work", "001", "--fresh"]).ok();
    assert!(out.err.contains("001-a+kept-1"), "{}", out.all());
    assert_eq!(sandbox.read(".chant/worktrees/001-a+kept-1/n/f"), "x\n");
}

#[test]
fn what_stands_where_the_proofs_are_checked_out_is_moved_out_of_the_way() {
    let sandbox = Sandbox::new().open();
    let script = "echo a > a; mkdir ../001-a+proof; echo mine > ../001-a+proof/x";
    sandbox.steps("001-a", "", &["A $ test -f a -a ! -f x"], script).commit("spec");
    let out = sandbox.chant(["work", "001"]).ok();
    assert!(out.err.contains("+kept-1"), "{}", out.all());
    assert_eq!(sandbox.read(".chant/worktrees/001-a+proof+kept-1/x"), "mine\n");
}

#[cfg(target_os = "linux")]
#[test]
fn nobody_decides_from_another_process_namespace_while_a_run_goes_on() {
    let probe = std::process::Command::new("unshare").args(["-Urpf", "--mount-proc", "true"]).status();
    if !probe.is_ok_and(|status| status.success()) {
        return; // The system gives no namespaces to those who are not root.
    }
    let chant = crate::harness::chant();
    let sandbox = Sandbox::new().open();
    sandbox.spec("002-other", "", &["Other $ test -f other"], "");
    let script = format!(
        "here=$PWD; cd ../../..; unshare -Urpf --mount-proc '{chant}' cancel 002 2> \"$BESIDE/said\" && exit 7; cd \"$here\"; echo a > a"
    );
    sandbox.steps("001-a", "", &["A $ test -f a"], &script).commit("spec");
    sandbox.chant(["work", "001"]).ok();
    assert!(sandbox.read("../said").contains("process namespace"), "{}", sandbox.read("../said"));
    assert_eq!(sandbox.status("002-other"), "ready");
}

#[test]
fn pipes_that_stand_where_git_reads_files_make_nobody_wait() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "mkfifo .gitattributes; mkdir d; mkfifo d/.gitignore; touch a d/x");
    let inner = "git init -q sub; rm sub/.git/HEAD; mkfifo sub/.git/HEAD; touch b";
    sandbox.steps("002-b", "", &["B $ test -f b"], inner);
    let own = "G=$(git rev-parse --absolute-git-dir); rm $G/index; mkfifo $G/index $G/packed-refs; touch c";
    sandbox.steps("003-c", "", &["C $ test -f c"], own);
    sandbox.steps("004-d", "", &["D $ test -f d"], "rm .git; mkfifo .git; touch d").commit("specs");
    sandbox.chant(["work", "001"]).ok();
    assert_eq!(sandbox.ask("ls-tree -r --name-only main -- a d"), "a\nd/x");
    sandbox.chant(["work", "002"]);
    sandbox.chant(["work", "003"]);
    let out = sandbox.chant(["work", "004"]).exits(1);
    assert!(out.err.contains("it took away the link of its worktree"), "{}", out.all());
    sandbox.assert_fsck();
}
