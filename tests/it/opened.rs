//! What `sandbox.write` may not open, whatever way it is written.

use std::os::unix::fs::symlink;

use crate::harness::{self, Output, Sandbox};

/// Without the variable by which the tests themselves open a place, which would stand over the file.
fn chant(sandbox: &Sandbox, args: &[&str]) -> Output {
    harness::run(sandbox.command(harness::chant(), &sandbox.root).env_remove("CHANT_SANDBOX_WRITE").args(args))
}

fn said(sandbox: &Sandbox, write: &str) -> String {
    sandbox.write(".chant/config.yaml", format!("sandbox:\n  write: [{write}]\n"));
    let refused = chant(sandbox, &["work", "001"]).exits(2);
    let lint = chant(sandbox, &["lint"]).exits(2).err;
    assert!(refused.err.contains("to every agent"), "{}", refused.all());
    lint
}

#[test]
fn the_repositorys_own_directory_stays_closed_by_whatever_way_it_is_named() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    let root = sandbox.root.canonicalize().unwrap();
    symlink(root.join(".git"), sandbox.beside("innocent")).unwrap();
    symlink(&root, sandbox.beside("also")).unwrap();
    let link = sandbox.beside("innocent").canonicalize().map(|_| sandbox.beside("innocent")).unwrap();
    let ways = [
        (root.join(".git").display().to_string(), "a repository's own directory"),
        (root.join(".git/hooks").display().to_string(), "a repository's own directory"),
        (root.join(".git/chant/cells").display().to_string(), "a repository's own directory"),
        (link.display().to_string(), "the repository's own directory"),
        (link.join("objects").display().to_string(), "the repository's own directory"),
        (link.join("not/there/yet").display().to_string(), "the repository's own directory"),
        (sandbox.beside("also").display().to_string(), "the repository's own directory"),
        (root.display().to_string(), "the repository's own directory"),
        (root.parent().unwrap().display().to_string(), "the repository's own directory"),
        (root.join(".chant/worktrees").display().to_string(), "the worktrees of all specs"),
        (root.join(".chant").display().to_string(), "the worktrees of all specs"),
    ];
    for (way, what) in ways {
        let lint = said(&sandbox, &way);
        assert!(
            lint.contains(".chant/config.yaml:2:11") && lint.contains("`sandbox: off`")
                || lint.contains("Git runs hooks"),
            "{way}: {lint}"
        );
        // However the words are broken over lines.
        let words = lint.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
        assert!(words.contains(what), "{way}: {lint}");
    }
    let hooks = sandbox.beside("my-hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    sandbox.git(["config", "core.hooksPath", hooks.to_str().unwrap()]).ok();
    assert!(said(&sandbox, hooks.to_str().unwrap()).contains("the hooks that Git runs"));
}

#[test]
fn what_is_beside_the_repository_or_below_the_checkout_is_opened_as_ever() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    let beside = sandbox.beside("cache");
    std::fs::create_dir_all(&beside).unwrap();
    let inside = sandbox.root.canonicalize().unwrap().join("node_modules");
    for path in [beside.display().to_string(), inside.display().to_string(), "~/.cache".to_owned()] {
        sandbox.write(".chant/config.yaml", format!("sandbox: {{ write: [{path}] }}\n"));
        chant(&sandbox, &["lint"]).ok();
    }
    chant(sandbox.commit("settings"), &["work", "001"]).ok();
}

#[test]
fn a_variable_or_git_config_opens_it_no_more_than_the_file() {
    let sandbox = Sandbox::new();
    sandbox.steps("001-a", "", &["A $ test -f a"], "touch a").commit("spec");
    symlink(sandbox.root.join(".git"), sandbox.beside("innocent")).unwrap();
    let way = format!("/var/cache/x, {}", sandbox.beside("innocent").display());
    let out = sandbox.chant_with(&[("CHANT_SANDBOX_WRITE", &way)], ["work", "001"]).exits(2);
    assert!(out.err.contains("CHANT_SANDBOX_WRITE") && out.err.contains("this path, which is"), "{}", out.all());
    sandbox.git(["config", "chant.sandbox.write", &way]).ok();
    let out = chant(&sandbox, &["work", "001"]).exits(2);
    assert!(out.err.contains("git config chant.sandbox.write") && out.err.contains("to every agent"), "{}", out.all());
    assert_eq!(sandbox.ask("for-each-ref --format=%(refname)"), "refs/heads/main");
}
