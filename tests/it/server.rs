//! The hooks of a server: what a push may say, who may decide, which completions count, and work that a push starts.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::harness::clones::{Clones, Way};
use crate::harness::{Output, Sandbox, chant, until};

fn one(sandbox: &Sandbox) {
    sandbox.steps("001-a", "", &["A $ test -f a"], "echo > a");
}

fn hub() -> Clones {
    Clones::guarded(Way::File, one)
}

/// A hub to whose clone the settings of the server and of the project have been given.
fn hub_with(way: Way, server: &[(&str, &str)], specs: impl FnOnce(&Sandbox)) -> Clones {
    let hub = Clones::guarded(way, specs);
    for (key, value) in server {
        hub.at_hub_by("git", &["config", key, value]).ok();
    }
    hub
}

fn root(hub: &Clones) -> PathBuf {
    hub.sandbox.root.clone()
}

/// A commit that changes no file, as plain Git makes it.
fn event(hub: &Clones, parent: &str, block: &str) -> String {
    commit(hub, parent, &[parent], &format!("forged\n\n{block}"))
}

fn commit(hub: &Clones, tree: &str, parents: &[&str], message: &str) -> String {
    let tree = format!("{tree}^{{tree}}");
    let mut args = vec!["commit-tree", &tree, "-m", message];
    parents.iter().for_each(|parent| args.extend(["-p", parent]));
    hub.git(&root(hub), &args)
}

fn push(hub: &Clones, args: &[&str]) -> Output {
    hub.git_with(&root(hub), &[], &[&["push", "--quiet", "origin"], args].concat())
}

/// The push is refused as a whole, and says which commit, why, and what to type.
#[track_caller]
fn refused(hub: &Clones, args: &[&str], words: &[&str]) -> String {
    let before = hub.at_hub("for-each-ref");
    let out = push(hub, args);
    assert_ne!(out.code, 0, "{}", out.all());
    for word in words {
        assert!(out.err.contains(word), "no `{word}` in {}", out.all());
    }
    assert_eq!(hub.at_hub("for-each-ref"), before, "nothing moved");
    out.err
}

const START: &str = "Chant-Spec: 001-a\nChant-Status: in_progress\nChant-Attempt: 1\nChant-Run: 0123456789abcdef@there\n\
                     Chant-Agent: person\nChant-Target: main";
const DONE: &str = "Chant-Spec: 001-a\nChant-Status: completed\nChant-Attempt: 1\nChant-Criteria: 1 verified";

/// A completed attempt with nothing in it, on its own branch here.
fn forged_completion(hub: &Clones) -> (String, String) {
    let start = event(hub, "main", START);
    let done = event(hub, &start, DONE);
    hub.git(&root(hub), &["update-ref", "refs/heads/chant/001-a", &done]);
    (start, done)
}

#[test]
fn what_clones_and_plain_git_do_is_let_through() {
    let hub = Clones::guarded(Way::File, |sandbox| {
        one(sandbox);
        sandbox.spec("002-d", "type: driver", &["All $ test -f m1 -a -f m2"], "");
        for n in 1..3 {
            sandbox.steps(&format!("002-d.{n}"), "", &[&format!("M $ test -f m{n}")], &format!("echo > m{n}"));
        }
        sandbox.steps("003-c", "review: required", &["C $ test -f c"], "echo > c");
    });
    let (a, b) = (hub.clone("a"), hub.clone("b"));
    hub.chant(&a, &["work", "001"]).ok();
    hub.chant(&b, &["work", "002.1"]).ok();
    hub.chant(&a, &["work", "002.2"]).ok();
    hub.chant(&a, &["work", "003"]).ok();
    hub.chant(&b, &["reject", "003", "--reason", "not like that"]).ok();
    hub.chant(&b, &["work", "003", "--fresh"]).ok();
    hub.chant(&a, &["approve", "003"]).ok();
    hub.chant(&b, &["sync"]).ok();
    for id in ["001-a", "002-d", "002-d.1", "002-d.2", "003-c"] {
        assert_eq!(hub.status(&a, id), "completed", "{id}");
    }
    assert_eq!(hub.at_hub("for-each-ref refs/heads/chant refs/chant/leases"), "");
    assert_ne!(hub.at_hub("for-each-ref refs/chant/attempts"), "", "a fresh start keeps the old tip");
    assert_ne!(hub.at_hub("for-each-ref refs/notes/chant"), "");
    hub.git(&a, &["tag", "-a", "-m", "v1", "v1"]);
    hub.git(&a, &["push", "--quiet", "origin", "v1"]);
    assert_eq!(hub.at_hub("fsck --strict"), "");
    assert!(
        !hub.hub().join("chant/tmp").read_dir().is_ok_and(|mut dir| dir.next().is_some()),
        "nothing is left behind"
    );
}

#[test]
fn what_a_forge_merges_by_a_squash_or_a_merge_is_let_through_and_so_is_its_revert() {
    for squash in [true, false] {
        let hub = Clones::guarded(Way::File, |sandbox| {
            sandbox.steps("001-a", "review: required", &["A $ test -f a"], "echo > a");
        });
        let (dir, forge) = (hub.clone("worker"), hub.clone("forge"));
        hub.chant(&dir, &["work", "001"]).ok();
        hub.git(&forge, &["fetch", "--quiet"]);
        if squash {
            hub.git(&forge, &["merge", "--quiet", "--squash", "origin/chant/001-a"]);
            let done = hub.at_hub("rev-parse chant/001-a");
            let message =
                format!("A (#1)\n\n* work\n\nChant-Spec: 001-a\n\nChant-Spec: 001-a\nChant-Landing: 001-a 1 {done}");
            hub.git(&forge, &["commit", "--quiet", "-m", &message]);
        } else {
            hub.git(&forge, &["merge", "--quiet", "--no-ff", "-m", "Merge pull request #1", "origin/chant/001-a"]);
        }
        hub.git(&forge, &["push", "--quiet", "origin", "main"]);
        hub.git(&forge, &["push", "--quiet", "origin", ":chant/001-a"]);
        hub.git(&dir, &["pull", "--quiet"]);
        assert_eq!(hub.status(&dir, "001-a"), "completed");
        let revert: &[&str] =
            if squash { &["revert", "--no-edit", "HEAD"] } else { &["revert", "--no-edit", "-m1", "HEAD"] };
        hub.git(&dir, revert);
        hub.git(&dir, &["push", "--quiet"]);
        assert_eq!(hub.status(&dir, "001-a"), "ready");
    }
}

#[test]
fn events_that_cannot_be_are_refused_and_the_commit_is_named() {
    let to = "refs/heads/chant/001-a";
    let hub = hub();
    let start = event(&hub, "main", START);
    let swap = |from: &str, to: &str| START.replace(from, to);
    let table = [
        (event(&hub, "main", DONE), to, "nothing can be `completed`"),
        (event(&hub, "main", &swap("Attempt: 1", "Attempt: 7")), to, "no attempt 7"),
        (event(&hub, "main", &swap("Attempt: 1", "Attempt: one")), to, "cannot be read"),
        (event(&hub, "main", &swap("Chant-Attempt: 1\n", "")), to, "names no attempt"),
        (event(&hub, "main", &swap("Chant-Run: 0123456789abcdef@there\n", "")), to, "names no run"),
        (event(&hub, "main", &swap("Chant-Agent", "Chant-Agents")), to, "`Chant-Agents` is no key"),
        (event(&hub, "main", &swap("001-a", "009-z")), "refs/heads/chant/009-z", "there is no spec 009-z"),
        (start.clone(), "refs/heads/wip", "stands on chant/001-a"),
        (start.clone(), "refs/heads/main", "stands on chant/001-a"),
        (start.clone(), "refs/heads/chant/002-b", "stands on chant/001-a"),
        (event(&hub, &event(&hub, &start, START), &swap("Attempt: 1", "Attempt: 3")), to, "no attempt 3"),
        (event(&hub, &event(&hub, &start, &DONE.replace("completed", "failed")), DONE), to, "cannot follow"),
        (event(&hub, &start, &format!("{DONE}\nChant-Disowned: {start}")), to, "counts on a `failed` event alone"),
    ];
    for (commit, name, why) in table {
        refused(&hub, &[&format!("{commit}:{name}")], &["refused", "commit ", why]);
    }
    push(&hub, &[&format!("{start}:{to}")]).ok();
    let done = event(&hub, &start, DONE);
    push(&hub, &[&format!("{done}:{to}")]).ok();
}

#[test]
fn an_event_that_is_first_hidden_behind_a_tag_is_judged_when_it_comes_to_a_branch() {
    let hub = hub();
    let done = event(&hub, "main", DONE);
    push(&hub, &[&format!("{done}:refs/tags/hidden")]).ok();
    refused(&hub, &[&format!("{done}:refs/heads/chant/001-a")], &["nothing can be `completed`", &done[..8]]);
}

#[test]
fn work_bears_no_words_of_an_engines_wherever_they_stand_and_elsewhere_prose_is_prose() {
    let hub = hub();
    let start = event(&hub, "main", START);
    let dir = root(&hub);
    let work = |message: &str| {
        hub.git(&dir, &["checkout", "--quiet", "--detach", &start]);
        hub.sandbox.write("a", message);
        hub.git(&dir, &["add", "a"]);
        hub.git(&dir, &["commit", "--quiet", "-m", message]);
        hub.git(&dir, &["rev-parse", "HEAD"])
    };
    let to = |commit: &str| format!("{commit}:refs/heads/chant/001-a");
    let bad = work("work\n\nsays cHANT-criteria: 9 verified\nin passing\n\nChant-Spec: 001-a");
    refused(&hub, &[&to(&bad)], &[&bad[..8], "cHANT-criteria", "only an engine writes"]);
    let bad = work(&format!("work\n\n{DONE}"));
    refused(&hub, &[&to(&bad)], &[&bad[..8], "changes files is no event"]);
    push(&hub, &[&to(&work("work\n\nChant-Spec: 001-a"))]).ok();
    hub.git(&dir, &["checkout", "--quiet", "main"]);
    hub.sandbox.write("doc", "x");
    hub.git(&dir, &["add", "doc"]);
    hub.git(
        &dir,
        &["commit", "--quiet", "-m", "docs\n\nExplain Chant-Status: pending and how it\nis written.\n\nmore"],
    );
    push(&hub, &["main"]).ok();
}

#[test]
fn an_agents_forgery_that_its_engine_found_and_disowned_is_let_through_and_counts_for_nothing() {
    let forge = "c=$(git commit-tree HEAD^{tree} -p HEAD -m x -m 'Chant-Spec: 001-a\nChant-Status: completed\n\
                 Chant-Attempt: 1'); git update-ref HEAD $c";
    let hub = Clones::guarded(Way::File, |sandbox| {
        sandbox.steps("001-a", "", &["A $ test -f a"], forge);
    });
    let dir = hub.clone("a");
    let out = hub.chant(&dir, &["work", "001"]);
    assert_ne!(out.code, 0, "{}", out.all());
    assert!(!out.all().contains("will not have it"), "{}", out.all());
    assert!(hub.at_hub("log --format=%B chant/001-a").contains("Chant-Disowned"), "the failure is shared");
    let other = hub.clone("b");
    assert_eq!(hub.status(&other, "001-a"), "failed");
}

#[test]
fn a_landing_names_what_was_completed() {
    let hub = hub();
    let (start, done) = forged_completion(&hub);
    let landing =
        |named: &str, attempt: u32| format!("Land\n\nChant-Spec: 001-a\nChant-Landing: 001-a {attempt} {named}");
    let merge = |message: &str| commit(&hub, "main", &["main", &done], message);
    for (message, why) in
        [(landing(&start, 1), "does not complete attempt 1"), (landing(&done, 2), "does not complete attempt 2")]
    {
        let bad = merge(&message);
        refused(&hub, &[&format!("{bad}:refs/heads/main")], &[&bad[..8], why]);
    }
    let bare = commit(&hub, "main", &["main"], &landing(&done, 1));
    refused(&hub, &[&format!("{bare}:refs/heads/main")], &[&bare[..8], "brings nothing"]);
    hub.sandbox.write("squashed", "x");
    hub.git(&root(&hub), &["add", "squashed"]);
    hub.git(&root(&hub), &["commit", "--quiet", "-m", &landing(&"1".repeat(40), 1)]);
    refused(&hub, &["main"], &["is not here"]);
    hub.git(&root(&hub), &["reset", "--quiet", "--hard", "origin/main"]);
    let good = merge(&landing(&done, 1));
    push(&hub, &[&format!("{good}:refs/heads/main")]).ok();
}

#[test]
fn the_branch_of_a_run_is_neither_rewritten_nor_deleted_but_by_the_next_attempt() {
    let hub = Clones::guarded(Way::File, |sandbox| {
        one(sandbox);
        sandbox.write(".chant/config.yaml", "remote: origin\nlease: 1d\n");
    });
    let start = event(&hub, "main", START);
    push(&hub, &[&format!("{start}:refs/heads/chant/001-a")]).ok();
    refused(&hub, &[":refs/heads/chant/001-a"], &["being worked by run 0123456789abcdef@there", "--takeover"]);
    let other = event(&hub, "main", &START.replace("0123", "4567"));
    refused(&hub, &["--force", &format!("{other}:refs/heads/chant/001-a")], &["cannot be rewritten"]);
    refused(&hub, &["--force", "main:refs/heads/chant/001-a"], &["cannot be rewritten"]);
    let next = event(&hub, "main", &START.replace("0123", "4567").replace("Attempt: 1", "Attempt: 2"));
    refused(&hub, &["--force", &format!("{next}:refs/heads/chant/001-a")], &["cannot be rewritten"]);
    let kept = format!("{start}:refs/chant/attempts/001-a/1-{}", &start[..8]);
    push(&hub, &["--force", &format!("{next}:refs/heads/chant/001-a"), &kept]).ok();
    let dir = hub.clone("other");
    hub.chant(&dir, &["work", "001"]).exits(4);
    hub.chant(&dir, &["work", "001", "--takeover"]).ok();
    assert_eq!(hub.item(&dir, "001-a")["attempt"], 3);
    assert_eq!(hub.at_hub("for-each-ref refs/heads/chant"), "");
}

#[test]
fn what_is_kept_stays_and_signs_of_life_are_their_holders() {
    let hub = hub();
    let start = event(&hub, "main", START);
    let kept = format!("refs/chant/attempts/001-a/1-{}", &start[..8]);
    refused(&hub, &[&format!("{start}:refs/chant/attempts/001-a/1-00000000")], &["is called `<id>/<attempt>-"]);
    push(&hub, &[&format!("{start}:refs/heads/chant/001-a"), &format!("{start}:{kept}")]).ok();
    refused(&hub, &[&format!(":{kept}")], &["neither moved nor deleted"]);
    refused(&hub, &["--force", &format!("main:{kept}")], &["neither moved nor deleted"]);
    refused(&hub, &["main:refs/chant/backup/001-a/1-x"], &["in one clone"]);
    refused(&hub, &["main:refs/remotes/origin/chant/001-a"], &["in one clone"]);
    let alive = |run: &str| commit(&hub, "main", &[], &format!("{run}@there is alive at noon"));
    let lease = "refs/chant/leases/001-a";
    refused(&hub, &[&format!("{}:{lease}", alive("4567456745674567"))], &["that of the run which holds it"]);
    push(&hub, &[&format!("{}:{lease}", alive("0123456789abcdef"))]).ok();
    refused(&hub, &[&format!(":{lease}")], &["its run's sign of life"]);
}

#[test]
fn evidence_is_added_to_and_never_taken_away() {
    let hub = hub();
    let dir = hub.clone("a");
    hub.chant(&dir, &["work", "001"]).ok();
    let root = root(&hub);
    hub.git(&root, &["fetch", "--quiet", "origin", "refs/notes/chant:refs/notes/chant"]);
    let noted = hub.git(&root, &["notes", "--ref=chant", "list"]);
    let about = noted.split_whitespace().nth(1).unwrap();
    hub.git(&root, &["fetch", "--quiet", "origin"]);
    hub.git(&root, &["notes", "--ref=chant", "append", "-m", "more", about]);
    push(&hub, &["refs/notes/chant"]).ok();
    hub.git(&root, &["notes", "--ref=chant", "add", "--force", "-m", "something else", about]);
    refused(&hub, &["refs/notes/chant"], &["evidence would be lost", &about[..8]]);
    hub.git(&root, &["notes", "--ref=chant", "remove", about]);
    refused(&hub, &["refs/notes/chant"], &["evidence would be lost"]);
    refused(&hub, &[":refs/notes/chant"], &["evidence is not deleted"]);
}

fn reviewed(sandbox: &Sandbox) {
    sandbox.write(".chant/config.yaml", "remote: origin\nreview: {approvers: [\"eve@*\"]}\n");
    sandbox.steps("001-a", "review: required", &["A $ test -f a"], "echo > a");
}

/// An approval of what is completed on the hub, in somebody's name.
fn approval(hub: &Clones, author: &str, reviewer: &str, extra: &[&str]) -> String {
    let dir = root(hub);
    hub.git(&dir, &["fetch", "--quiet", "origin"]);
    let message = format!(
        "approve\n\nChant-Spec: 001-a\nChant-Attempt: 1\nChant-Approval: approved\nReviewed-by: {reviewer} <{reviewer}@example.org>"
    );
    let tip = "refs/remotes/origin/chant/001-a";
    let mail = format!("{author}@example.org");
    let env = [("GIT_AUTHOR_NAME", author), ("GIT_AUTHOR_EMAIL", mail.as_str())];
    let tree = format!("{tip}^{{tree}}");
    let args = [&["commit-tree", "-p", tip, "-m", &message][..], extra, &[&tree]].concat();
    hub.git_with(&dir, &env, &args).ok().out.trim().to_owned()
}

#[test]
fn a_mail_address_in_a_trailer_or_an_author_line_is_worth_nothing() {
    let hub = hub_with(Way::File, &[], reviewed);
    hub.chant(&hub.clone("worker"), &["work", "001"]).ok();
    let to = |commit: &str| format!("{commit}:refs/heads/chant/001-a");
    let by_ada = approval(&hub, "ada", "ada", &[]);
    refused(&hub, &[&to(&by_ada)], &[&by_ada[..8], "an approval by ada@example.org", "`review.approvers` names eve@*"]);
    let trailer = approval(&hub, "ada", "eve", &[]);
    refused(&hub, &[&to(&trailer)], &["Reviewed-by: eve", "on a commit by ada@example.org"]);
    let author = approval(&hub, "eve", "eve", &[]);
    refused(&hub, &[&to(&author)], &["in the name of eve@example.org", "nothing but its author line says so"]);
    // Who may decide is what the target said before: not what the same push says.
    let dir = root(&hub);
    hub.sandbox.write(".chant/config.yaml", "remote: origin\nreview: {approvers: [\"ada@*\"]}\n");
    hub.git(&dir, &["commit", "--quiet", "-am", "ada decides"]);
    refused(&hub, &["--atomic", "main", &to(&by_ada)], &["`review.approvers` names eve@*"]);
}

/// A key of somebody's, and a commit's options to sign with it.
fn key(hub: &Clones, who: &str) -> String {
    let file = hub.sandbox.beside(who).display().to_string();
    let mut keygen = hub.sandbox.command("ssh-keygen", &hub.sandbox.root);
    crate::harness::run(keygen.args(["-q", "-t", "ed25519", "-N", "", "-f", &file])).ok();
    file
}

/// The hub lets these people sign.
fn allow(hub: &Clones, who: &[(&str, &str)]) {
    let line = |(mail, key): &(&str, &str)| {
        format!("{mail} namespaces=\"git\" {}", std::fs::read_to_string(format!("{key}.pub")).unwrap())
    };
    let file = hub.sandbox.beside("signers");
    std::fs::write(&file, who.iter().map(line).collect::<String>()).unwrap();
    hub.at_hub_by("git", &["config", "gpg.ssh.allowedSignersFile", file.to_str().unwrap()]).ok();
}

#[test]
fn an_approval_that_is_signed_by_who_may_decide_counts() {
    let hub = hub_with(Way::File, &[], reviewed);
    let dir = hub.clone("worker");
    hub.chant(&dir, &["work", "001"]).ok();
    let (eve, ada) = (key(&hub, "eve"), key(&hub, "ada"));
    allow(&hub, &[("eve@example.org", &eve), ("ada@example.org", &ada)]);
    let to = |commit: &str| format!("{commit}:refs/heads/chant/001-a");
    hub.git(&root(&hub), &["config", "gpg.format", "ssh"]);
    let another = approval(&hub, "eve", "eve", &[&format!("-S{ada}")]);
    refused(&hub, &[&to(&another)], &["in the name of eve@example.org"]);
    let good = approval(&hub, "eve", "eve", &[&format!("-S{eve}")]);
    push(&hub, &[&to(&good)]).ok();
    hub.chant(&dir, &["work", "001"]).ok();
    assert_eq!(hub.status(&dir, "001-a"), "completed");
}

#[test]
fn over_http_the_pusher_is_who_the_server_authenticated() {
    if !Way::Http.is_possible() {
        eprintln!("not tried here: it needs nginx and fcgiwrap");
        return;
    }
    let settings = [("chant.server.pusher", "REMOTE_USER"), ("chant.server.mails", "mails")];
    let hub = hub_with(Way::Http, &settings, reviewed);
    std::fs::write(hub.hub().join("mails"), "ada ada@example.org\neve eve@example.org eve@home\n").unwrap();
    let dir = hub.clone("worker");
    hub.chant(&dir, &["work", "001"]).ok();
    let by_eve = approval(&hub, "eve", "eve", &[]);
    let to = format!("{by_eve}:refs/heads/chant/001-a");
    // The clone pushes as ada, whatever its environment says.
    let env = [("REMOTE_USER", "eve")];
    let out = hub.git_with(&root(&hub), &env, &["push", "--quiet", "origin", &to]);
    assert!(out.code != 0 && out.err.contains("ada pushes it, and it is not signed"), "{}", out.all());
    let cancelled = "Chant-Spec: 001-a\nChant-Status: cancelled\nChant-Attempt: 1";
    let tree = "refs/remotes/origin/chant/001-a^{tree}";
    let message = format!("cancel\n\n{cancelled}");
    let args = ["commit-tree", tree, "-p", "refs/remotes/origin/chant/001-a", "-m", &message];
    let env = [("GIT_AUTHOR_EMAIL", "eve@home")];
    let cancel = hub.git_with(&root(&hub), &env, &args).ok().out.trim().to_owned();
    refused(&hub, &[&format!("{cancel}:refs/heads/chant/001-a")], &["a decision in the name of eve@home"]);
    let helper = "!f() { echo username=eve; echo password=secret; }; f";
    let as_eve = ["-c", "credential.helper=", "-c", &format!("credential.helper={helper}")];
    let out = hub.git_with(&root(&hub), &[], &[&as_eve[..], &["push", "--quiet", "origin", &to]].concat());
    out.ok();
    hub.chant(&dir, &["work", "001"]).ok();
    assert_eq!(hub.status(&dir, "001-a"), "completed");
}

#[test]
fn over_ssh_the_pusher_is_who_the_key_belongs_to() {
    if !Way::Ssh.is_possible() {
        eprintln!("not tried here: it needs sshd");
        return;
    }
    let settings = [("chant.server.pusher", "CHANT_PUSHER"), ("chant.server.mail.eve", "eve@example.org")];
    let hub = hub_with(Way::Ssh, &settings, reviewed);
    hub.chant(&hub.clone("worker"), &["work", "001"]).ok();
    let to = format!("{}:refs/heads/chant/001-a", approval(&hub, "eve", "eve", &[]));
    let key = std::fs::read_to_string(hub.sandbox.beside("user.pub")).unwrap();
    let is = |who: &str| {
        let line = format!("environment=\"CHANT_PUSHER={who}\" {key}");
        std::fs::write(hub.sandbox.beside("authorized"), line).unwrap();
    };
    is("ada");
    refused(&hub, &[&to], &["in the name of eve@example.org", "ada pushes it"]);
    is("eve");
    push(&hub, &[&to]).ok();
}

#[test]
fn a_completion_counts_where_somebody_signed_it_who_may() {
    let hub = hub_with(Way::File, &[("chant.server.completions", "signed")], one);
    let (_, done) = forged_completion(&hub);
    push(&hub, &["chant/001-a"]).ok();
    let ada = key(&hub, "ada");
    allow(&hub, &[("ada@example.org", &ada)]);
    let merge = commit(&hub, &done, &["main", &done], "Merge");
    refused(&hub, &[&format!("{merge}:refs/heads/main")], &[&done[..8], "completes 001-a on main", "not signed"]);
    refused(&hub, &[&format!("{done}:refs/heads/main")], &["not signed"]);
    push(&hub, &[":chant/001-a"]).ok();
    let dir = hub.clone("worker");
    for (key, value) in [("gpg.format", "ssh"), ("commit.gpgSign", "true"), ("user.signingKey", ada.as_str())] {
        hub.git(&dir, &["config", key, value]);
    }
    hub.chant(&dir, &["work", "001"]).ok();
    assert_eq!(hub.at_hub("log -1 --format=%s main"), "Land 001-a: The spec 001-a");
}

#[test]
fn a_forged_completion_is_found_by_proving_it_again_however_it_is_merged() {
    let hub = hub_with(Way::File, &[("chant.server.completions", "prove")], one);
    let (start, done) = forged_completion(&hub);
    push(&hub, &["chant/001-a"]).ok();
    let dir = root(&hub);
    let land = format!("Land\n\nChant-Spec: 001-a\nChant-Landing: 001-a 1 {done}");
    let merge = commit(&hub, &done, &["main", &done], &land);
    let why = ["001-a", "does not hold there", "`test -f a` exits 1"];
    refused(&hub, &["--atomic", &format!("{merge}:refs/heads/main"), ":refs/heads/chant/001-a"], &why);
    refused(&hub, &[&format!("{done}:refs/heads/main")], &why);
    // A spec that is made easier in the same push is proven by what the target said before.
    hub.git(&dir, &["checkout", "--quiet", "--detach", &done]);
    hub.sandbox.steps("001-a", "", &["A $ true"], "true");
    hub.git(&dir, &["commit", "--quiet", "-am", "easier"]);
    refused(&hub, &["HEAD:refs/heads/main"], &why);
    // A squash that says nothing is known by its patch.
    hub.git(&dir, &["checkout", "--quiet", "--detach", &start]);
    hub.sandbox.write("b", "b");
    hub.git(&dir, &["add", "b"]);
    hub.git(&dir, &["commit", "--quiet", "-m", "work"]);
    let again = event(&hub, "HEAD", DONE);
    push(&hub, &["--force", &format!("{again}:refs/heads/chant/001-a")]).ok();
    hub.git(&dir, &["checkout", "--quiet", "main"]);
    hub.sandbox.write("b", "b");
    hub.git(&dir, &["add", "b"]);
    hub.git(&dir, &["commit", "--quiet", "-m", "just a change"]);
    refused(&hub, &["main"], &why);
    hub.git(&dir, &["reset", "--quiet", "--hard", "origin/main"]);
    push(&hub, &[":chant/001-a"]).ok();
    hub.git(&dir, &["update-ref", "-d", "refs/heads/chant/001-a"]);
    let worker = hub.clone("worker");
    hub.chant(&worker, &["work", "001"]).ok();
    assert_eq!(hub.at_hub("log -1 --format=%s main"), "Land 001-a: The spec 001-a");
    // What one protected branch holds, another may come to hold.
    hub.at_hub_by("git", &["config", "chant.server.protect", "main release/*"]).ok();
    hub.git(&worker, &["rm", "--quiet", "a"]);
    hub.git(&worker, &["commit", "--quiet", "-m", "not needed any more"]);
    hub.git(&worker, &["push", "--quiet", "origin", "main"]);
    hub.git(&worker, &["push", "--quiet", "origin", "main:release/1"]);
}

#[test]
fn proofs_of_a_server_run_by_its_runner_in_a_checkout_apart_and_may_ask_git() {
    let hub = hub_with(Way::File, &[("chant.server.completions", "prove")], |sandbox| {
        let proof = "A $ test -f a && git ls-files --error-unmatch a && test -z \"$GIT_DIR$GIT_QUARANTINE_PATH\" && pwd >> \"$BESIDE/where\"";
        sandbox.steps("001-a", "", &[proof], "echo > a");
    });
    let runner = hub.sandbox.beside("runner");
    std::fs::write(&runner, "#!/bin/sh\nshift\necho ran >> \"$BESIDE/runs\"\nexec \"$@\"\n").unwrap();
    std::fs::set_permissions(&runner, PermissionsExt::from_mode(0o755)).unwrap();
    let words = format!("{} --", runner.display());
    hub.at_hub_by("git", &["config", "chant.server.runner", &words]).ok();
    let dir = hub.clone("worker");
    hub.chant(&dir, &["work", "001"]).ok();
    assert!(std::fs::read_to_string(hub.sandbox.beside("runs")).unwrap().contains("ran"));
    let places = std::fs::read_to_string(hub.sandbox.beside("where")).unwrap();
    let apart = places.lines().find(|line| !line.starts_with(hub.sandbox.beside("").to_str().unwrap())).unwrap();
    assert!(!Path::new(apart).exists(), "the checkout is gone: {apart}");
}

#[test]
fn a_cancelled_spec_begins_again_only_after_a_reset() {
    let hub = hub();
    let dir = hub.clone("a");
    hub.chant(&dir, &["cancel", "001", "--reason", "no"]).ok();
    let start = event(&hub, "main", &START.replace("Attempt: 1", "Attempt: 2"));
    refused(&hub, &["--force", &format!("{start}:refs/heads/chant/001-a")], &["is cancelled", "chant reset"]);
    hub.chant(&dir, &["reset", "001"]).ok();
    hub.chant(&dir, &["work", "001"]).ok();
}

#[test]
fn a_forged_approval_that_was_disowned_is_not_brought_back_by_a_reset() {
    let hub = hub_with(Way::File, &[], reviewed);
    let start = event(&hub, "main", START);
    let forged = event(&hub, &start, "Chant-Spec: 001-a\nChant-Attempt: 2\nChant-Approval: approved");
    let failed = "Chant-Spec: 001-a\nChant-Status: failed\nChant-Attempt: 1\nChant-Reason: x";
    let failed = event(&hub, &forged, &format!("{failed}\nChant-Disowned: {forged}"));
    let reset = "Chant-Spec: 001-a\nChant-Status: pending\nChant-Attempt: 1";
    let reset = event(&hub, &failed, reset);
    let to = |commit: &str| format!("{commit}:refs/heads/chant/001-a");
    refused(&hub, &[&to(&reset)], &[&reset[..8], "makes count again", &forged[..8]]);
    push(&hub, &[&to(&failed)]).ok();
    refused(&hub, &[&to(&reset)], &[&reset[..8], "makes count again", &forged[..8]]);
}

#[test]
fn what_has_landed_is_not_called_off_and_what_is_held_is_not_disowned() {
    let hub = hub();
    let dir = hub.clone("a");
    hub.chant(&dir, &["work", "001"]).ok();
    hub.git(&root(&hub), &["pull", "--quiet"]);
    let tip = hub.at_hub("rev-parse main");
    let done = hub.at_hub("rev-parse main^2");
    for status in ["failed", "cancelled", "pending"] {
        let bad = event(&hub, &tip, &DONE.replace("completed", status).replace("\nChant-Criteria: 1 verified", ""));
        refused(&hub, &[&format!("{bad}:refs/heads/chant/001-a")], &[&bad[..8], "has landed"]);
    }
    let start = event(&hub, "main~1", &START.replace("Attempt: 1", "Attempt: 2"));
    let failed = "Chant-Spec: 001-a\nChant-Status: failed\nChant-Attempt: 2\nChant-Reason: x";
    let bad = event(&hub, &start, &format!("{failed}\nChant-Disowned: {done}"));
    refused(&hub, &[&format!("{bad}:refs/heads/chant/001-a")], &["it disowns", &done[..8]]);
}

#[test]
fn the_update_hook_judges_each_ref_by_the_same_rules() {
    let hub = hub();
    hub.at_hub_by(chant(), &["hooks", "uninstall"]).ok();
    let hook = hub.hub().join("hooks/update");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/hooks/update"), &hook).unwrap();
    let (start, _) = forged_completion(&hub);
    hub.sandbox.write("more", "x");
    hub.git(&root(&hub), &["add", "more"]);
    hub.git(&root(&hub), &["commit", "--quiet", "-m", "more"]);
    let out = push(&hub, &["main", &format!("{start}:refs/heads/wip")]);
    assert!(out.code != 0 && out.err.contains("stands on chant/001-a"), "{}", out.all());
    assert_eq!(hub.at_hub("log -1 --format=%s main"), "more", "one ref is refused, and the others go in");
    assert_eq!(hub.at_hub("for-each-ref refs/heads/wip"), "");
    let dir = hub.clone("worker");
    hub.chant(&dir, &["work", "001"]).ok();
    assert_eq!(hub.status(&dir, "001-a"), "completed");
}

#[test]
fn all_problems_of_a_push_are_told_at_once_and_at_most_twenty() {
    let hub = hub();
    let mut args = Vec::new();
    for n in 0..25 {
        let bad = event(&hub, "main", &START.replace("001-a", &format!("1{n:02}-z")));
        args.push(format!("{bad}:refs/heads/chant/1{n:02}-z"));
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let said = refused(&hub, &args, &["25 problems", "and 5 more"]);
    assert_eq!(said.matches("there is no spec").count(), 20, "{said}");
}

#[test]
fn a_hub_without_a_project_lets_everything_through_and_says_nothing() {
    let hub = Clones::guarded(Way::File, |sandbox| {
        std::fs::remove_dir_all(sandbox.path(".chant")).unwrap();
    });
    let start = event(&hub, "main", START);
    let out = push(&hub, &[&format!("{start}:refs/heads/wip"), "main:refs/heads/chant/x"]).ok();
    assert_eq!(out.err, "");
}

#[test]
fn without_chant_a_server_lets_nothing_in_and_one_that_was_told_of_no_policy_everything() {
    let hub = hub();
    hub.sandbox.write("x", "x");
    hub.git(&root(&hub), &["add", "x"]);
    hub.git(&root(&hub), &["commit", "--quiet", "-m", "x"]);
    let path = std::env::var("PATH").unwrap();
    let bare = |hub: &Clones| hub.git_with(&root(hub), &[("PATH", path.as_str())], &["push", "origin", "main"]);
    let out = bare(&hub);
    assert!(out.code != 0 && out.err.contains("git-chant is not on the PATH"), "{}", out.all());
    hub.at_hub_by(chant(), &["hooks", "uninstall"]).ok();
    for name in ["pre-receive", "update", "post-receive"] {
        let file = format!("{}/hooks/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(file, hub.hub().join("hooks").join(name)).unwrap();
    }
    hub.at_hub_by("git", &["config", "chant.server.protect", "main"]).ok();
    assert!(bare(&hub).err.contains("git-chant is not on the PATH"));
    hub.at_hub_by("git", &["config", "--unset", "chant.server.protect"]).ok();
    let out = bare(&hub).ok();
    assert!(!out.err.contains("chant:"), "{}", out.all());
}

#[test]
fn hooks_of_a_server_stand_beside_what_is_there_and_uninstalling_restores_every_byte() {
    let hub = Clones::new(Way::File, one);
    let file = hub.hub().join("hooks/pre-receive");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let theirs = b"#!/bin/sh\nwhile read -r old new name; do echo \"$name\" >> \"$BESIDE/seen\"; done";
    std::fs::write(&file, theirs).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
    let out = hub.at_hub_by(chant(), &["hooks", "install"]).ok().out;
    assert!(
        out.contains("pre-receive") && out.contains("beside what was there") && out.contains("post-receive"),
        "{out}"
    );
    assert!(!hub.at_hub_by(chant(), &["hooks", "install", "--server"]).ok().out.contains("installed:"));
    let own = Path::new(chant()).parent().unwrap().display().to_string();
    let path = format!("{own}:{}", std::env::var("PATH").unwrap());
    let done = event(&hub, "main", DONE);
    let with =
        |args: &[&str]| hub.git_with(&root(&hub), &[("PATH", path.as_str())], &[&["push", "origin"], args].concat());
    assert!(with(&[&format!("{done}:refs/heads/chant/001-a")]).err.contains("nothing can be `completed`"));
    with(&["main:refs/heads/other"]).ok();
    assert_eq!(std::fs::read_to_string(hub.sandbox.beside("seen")).unwrap(), "refs/heads/other\n");
    let states = hub.at_hub_by(chant(), &["hooks", "status", "--json"]).ok().json();
    assert!(states.as_array().unwrap().iter().all(|state| state["installed"] == true), "{states:#}");
    hub.at_hub_by(chant(), &["hooks", "uninstall"]).ok();
    assert_eq!(std::fs::read(&file).unwrap(), theirs);
    assert!(!hub.hub().join("hooks/post-receive").exists());
}

#[test]
fn pushes_of_every_kind_are_judged_loose_and_packed() {
    for (format, unpack) in [("sha1", "1"), ("sha1", "1000000"), ("sha256", "1")] {
        let sandbox = Sandbox::bare_directory();
        let git = |dir: &Path, args: &[&str]| {
            let own = Path::new(chant()).parent().unwrap();
            let path = format!("{}:{}", own.display(), std::env::var("PATH").unwrap());
            crate::harness::run(sandbox.command("git", dir).env("PATH", path).args(args))
        };
        let (root, hub) = (sandbox.root.clone(), sandbox.beside("hub.git"));
        let format = format!("--object-format={format}");
        git(&root, &["init", "--quiet", "--bare", "--initial-branch=main", &format, hub.to_str().unwrap()]).ok();
        git(&root, &["init", "--quiet", "--initial-branch=main", &format, "."]).ok();
        git(&hub, &["config", "receive.unpackLimit", unpack]).ok();
        git(&hub, &["config", "receive.advertisePushOptions", "true"]).ok();
        crate::harness::run(sandbox.command(chant(), &hub).args(["hooks", "install"])).ok();
        sandbox.write(".chant/config.yaml", "");
        one(&sandbox);
        git(&root, &["add", "-A"]).ok();
        git(&root, &["commit", "--quiet", "-m", "specs"]).ok();
        git(&root, &["remote", "add", "origin", hub.to_str().unwrap()]).ok();
        git(&root, &["push", "--quiet", "-o", "ci.skip", "origin", "main"]).ok();
        let mut stream = String::new();
        for n in 0..3000 {
            stream.push_str("commit refs/heads/long\ncommitter A <a@b> 1767225600 +0000\ndata 1\nx\n");
            stream.push_str(if n == 0 { "from refs/heads/main^0\n" } else { "" });
            stream.push('\n');
        }
        let file = sandbox.beside("stream");
        std::fs::write(&file, stream).unwrap();
        let mut import = sandbox.command("git", &root);
        import.args(["fast-import", "--quiet"]).stdin(std::fs::File::open(&file).unwrap());
        assert!(import.status().unwrap().success());
        git(&root, &["push", "--quiet", "--atomic", "origin", "long", "main:other"]).ok();
        let message = format!("x\n\n{DONE}");
        let done = git(&root, &["commit-tree", "long^{tree}", "-p", "long", "-m", &message]).ok().out.trim().to_owned();
        let out = git(&root, &["push", "--atomic", "origin", &format!("{done}:refs/heads/chant/001-a")]);
        assert!(out.code != 0 && out.err.contains(&done[..8]), "{}", out.all());
        git(&root, &["tag", "-a", "-m", "t", "t", "main"]).ok();
        git(&root, &["push", "--quiet", "origin", "t", ":other"]).ok();
        git(&root, &["push", "--quiet", "origin", ":t"]).ok();
        let fsck = git(&hub, &["fsck", "--full", "--strict"]).ok();
        assert!(!fsck.err.contains("missing") && !hub.join("objects/info/alternates").exists(), "{}", fsck.all());
    }
}

#[test]
fn a_push_from_a_shallow_clone_is_judged() {
    let hub = hub();
    let dir = hub.sandbox.beside("shallow");
    let url = hub.url().to_owned();
    hub.git(&root(&hub), &["clone", "--quiet", "--depth=1", &url, dir.to_str().unwrap()]);
    std::fs::write(dir.join("x"), "x").unwrap();
    hub.git(&dir, &["add", "x"]);
    hub.git(&dir, &["commit", "--quiet", "-m", "x"]);
    hub.git(&dir, &["push", "--quiet"]);
    hub.git(&dir, &["commit", "--quiet", "--allow-empty", "-m", &format!("x\n\n{DONE}")]);
    let out = hub.git_with(&dir, &[], &["push", "origin", "HEAD:chant/001-a"]);
    assert!(out.code != 0 && out.err.contains("nothing can be `completed`"), "{}", out.all());
}

/// A hub whose pushes are worked in a clone beside it.
fn working(specs: impl FnOnce(&Sandbox)) -> (Clones, PathBuf) {
    let hub = Clones::guarded(Way::File, specs);
    let clone = hub.clone("worker");
    // What comes with a push decides nothing about the sandbox.
    let beside = hub.sandbox.beside("").display().to_string();
    for (key, value) in [
        ("user.name", "Worker"),
        ("user.email", "worker@example.org"),
        ("chant.sandbox.write", &beside),
        ("chant.sandbox.passEnv", "BESIDE"),
    ] {
        hub.git(&clone, &["config", key, value]);
    }
    hub.at_hub_by("git", &["config", "chant.server.work", clone.to_str().unwrap()]).ok();
    (hub, clone)
}

fn subjects(hub: &Clones) -> String {
    hub.at_hub("log --format=%s main")
}

#[test]
fn a_push_starts_work_and_one_during_the_work_is_not_forgotten() {
    let (hub, _) = working(|sandbox| {
        sandbox.steps("001-old", "", &["Old $ test -f old"], "echo > old");
    });
    let waits = "touch \"$BESIDE/began\"; while [ ! -e \"$BESIDE/go\" ]; do sleep 0.02; done; echo > a";
    hub.sandbox.steps("002-a", "", &["A $ test -f a"], waits);
    hub.sandbox.steps("003-b", "depends_on: [002-a]", &["B $ test -f a -a -f b"], "echo > b");
    hub.sandbox.spec("004-p", "agent: person", &["P $ test -f p"], "");
    hub.sandbox.commit("specs");
    let out = push(&hub, &["main"]).ok();
    assert!(out.err.contains("starts in the background"), "{}", out.all());
    until("the agent to begin", || hub.sandbox.beside("began").exists());
    hub.sandbox.steps("005-c", "", &["C $ test -f c"], "echo > c");
    hub.sandbox.commit("another");
    push(&hub, &["main"]).ok();
    std::fs::write(hub.sandbox.beside("go"), "").unwrap();
    let log = || std::fs::read_to_string(hub.hub().join("chant/logs/server.log")).unwrap_or_default();
    until("all to land", || {
        let landed = subjects(&hub);
        ["Land 002-a", "Land 003-b", "Land 005-c"].iter().all(|id| landed.contains(id))
    });
    let landed = subjects(&hub);
    assert!(!landed.contains("Land 001-old"), "it was ready before: {landed}");
    assert_eq!(hub.at_hub("for-each-ref refs/heads/chant"), "", "nobody begins for a person");
    assert_eq!(hub.at_hub("log -1 --format=%an main"), "Worker", "{}", log());
}

#[test]
fn a_worker_is_started_by_the_runner_and_does_not_take_itself_for_the_pusher() {
    let (hub, _) = working(|_| {});
    let runner = hub.sandbox.beside("runner");
    std::fs::write(&runner, "#!/bin/sh\nenv > \"$BESIDE/env\"\nexec \"$@\"\n").unwrap();
    std::fs::set_permissions(&runner, PermissionsExt::from_mode(0o755)).unwrap();
    for (key, value) in [("chant.server.runner", runner.to_str().unwrap()), ("chant.server.pusher", "WHO")] {
        hub.at_hub_by("git", &["config", key, value]).ok();
    }
    one(&hub.sandbox);
    hub.sandbox.commit("specs");
    hub.git_with(&root(&hub), &[("WHO", "ada"), ("REMOTE_USER", "ada")], &["push", "--quiet", "origin", "main"]).ok();
    until("it to land", || subjects(&hub).contains("Land 001-a"));
    let env = std::fs::read_to_string(hub.sandbox.beside("env")).unwrap();
    assert!(!env.lines().any(|line| ["GIT_", "WHO=", "REMOTE_USER="].iter().any(|key| line.starts_with(key))), "{env}");
}

#[test]
fn doctor_says_on_a_server_what_is_set_and_what_is_missing() {
    let hub = hub();
    let said = || hub.at_hub_by(chant(), &["doctor"]);
    let out = said().ok().out;
    assert!(out.contains("a push is judged here") && out.contains("nobody is believed"), "{out}");
    for (key, value) in [
        ("chant.server.completions", "maybe"),
        ("chant.server.work", "/nowhere"),
        ("chant.server.runner", "/nowhere/runner --"),
        ("chant.server.pusher", "no variable"),
        ("chant.server.mails", "absent"),
    ] {
        hub.at_hub_by("git", &["config", key, value]).ok();
    }
    let out = said().exits(1).out;
    for word in ["`maybe`", "/nowhere is no clone", "/nowhere/runner", "no variable", "absent"] {
        assert!(out.contains(word), "no {word} in {out}");
    }
    let start = event(&hub, "main", START);
    refused(&hub, &[&format!("{start}:refs/heads/chant/001-a")], &["this server", "`maybe`", "chant doctor"]);
}
