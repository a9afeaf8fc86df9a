//! What chant keeps to be faster: it is never needed, never believed over Git and the files, and never heard of.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use crate::harness::{Sandbox, run, wait};

/// Enough commits that say something, and specs, for everything to be kept that ever is.
const SPECS: usize = 60;

/// Specs of which every other one has landed, and every third has failed, by events that anybody could write.
fn large() -> Sandbox {
    let sandbox = Sandbox::new();
    for n in 1..=SPECS {
        sandbox.spec(&name(n), &format!("labels: [l{}]", n % 7), &["It holds $ true"], "");
    }
    sandbox.commit("specs");
    let mut input = String::new();
    let mut commit = |message: String| {
        let who = "Ada <ada@example.org> 1767225600 +0000";
        let from = if input.is_empty() { "from refs/heads/main^0\n" } else { "" };
        let size = message.len();
        input.push_str(&format!(
            "commit refs/heads/main\nauthor {who}\ncommitter {who}\ndata {size}\n{message}\n{from}\n"
        ));
    };
    for n in 1..=SPECS {
        (0..4).for_each(|more| commit(format!("A change {n}.{more}\n")));
        let event = |status: &str| {
            let more = if status == "in_progress" { "Chant-Run: r@there\nChant-Target: main\n" } else { "" };
            format!("{status}\n\nChant-Spec: {}\nChant-Status: {status}\nChant-Attempt: 1\n{more}", name(n))
        };
        commit(event("in_progress"));
        match n {
            n if n % 2 == 0 => commit(event("completed")),
            n if n % 3 == 0 => commit(event("failed")),
            _ => {}
        }
    }
    feed(&sandbox, &input);
    sandbox
}

/// The same, looked at and gone on since by commits that say nothing: fewer than all is written anew for.
fn grown() -> Sandbox {
    let sandbox = large();
    told(&sandbox);
    feed(&sandbox, &plain(270));
    told(&sandbox);
    assert_eq!(files(&sandbox).len(), 7, "{:?}", files(&sandbox));
    sandbox
}

/// Commits on `main` that say nothing.
fn plain(count: usize) -> String {
    let who = "Ada <ada@example.org> 1767225600 +0000";
    let commit = format!("commit refs/heads/main\nauthor {who}\ncommitter {who}\ndata 2\nx\n");
    format!("{commit}from refs/heads/main^0\n{}", commit.repeat(count - 1))
}

fn feed(sandbox: &Sandbox, input: &str) {
    let file = sandbox.beside("import");
    fs::write(&file, input).unwrap();
    let mut import = sandbox.command("git", &sandbox.root);
    let done = import.args(["fast-import", "--quiet", "--force"]).stdin(fs::File::open(&file).unwrap()).status();
    assert!(done.unwrap().success());
    sandbox.git(["reset", "--quiet", "--hard"]).ok();
}

fn name(n: usize) -> String {
    format!("{n:03}-spec")
}

fn dir(sandbox: &Sandbox) -> PathBuf {
    sandbox.path(".git/chant/cache")
}

fn files(sandbox: &Sandbox) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(dir(sandbox)).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// All that is told of what is there.
fn told(sandbox: &Sandbox) -> String {
    let calls: [&[&str]; 5] =
        [&["list", "--json"], &["list", "--ready"], &["show", "002", "--json"], &["why", "003"], &["lint"]];
    calls.map(|args| sandbox.chant(args).all()).concat()
}

/// What is told where nothing was kept.
fn cold(sandbox: &Sandbox) -> String {
    fs::remove_dir_all(dir(sandbox)).ok();
    told(sandbox)
}

/// Told with what has been kept before, then without, and with what that has kept.
#[track_caller]
fn assert_same(sandbox: &Sandbox) {
    let warm = told(sandbox);
    let cold = cold(sandbox);
    assert_eq!(warm, cold);
    assert_eq!(told(sandbox), cold);
}

#[test]
fn whatever_happens_to_the_history_the_answer_is_the_cold_one() {
    let sandbox = large();
    assert_same(&sandbox);
    assert_eq!(files(&sandbox).len(), 6, "{:?}", files(&sandbox));
    let tip = sandbox.ask("rev-parse HEAD");
    let step = |args: &str| {
        sandbox.ask(args);
        assert_same(&sandbox);
    };
    // A force-push or a reset, a rewritten tip, a branch that goes.
    step("reset --hard --quiet HEAD~40");
    step("commit --quiet --amend --allow-empty -m rewritten");
    step(&format!("branch old {tip}"));
    step("branch -D old");
    step(&format!("reset --hard --quiet {tip}"));
    // Objects packed, moved and dropped.
    sandbox.ask("reflog expire --expire=now --all");
    step("gc --quiet --prune=now");
    step("commit-graph write --reachable");
    // What Git is told to see instead is not seen.
    step("replace --graft HEAD~30");
    sandbox.write(".git/info/grafts", format!("{}\n", sandbox.ask("rev-parse HEAD~20")));
    assert_same(&sandbox);
    fs::remove_file(sandbox.path(".git/info/grafts")).unwrap();
    let replaced = sandbox.ask("replace --list");
    step(&format!("replace -d {replaced}"));
    // An old fork that comes in late.
    step("checkout --quiet -b fork HEAD~200");
    let trailers = "late\n\nChant-Spec: 001-spec\nChant-Status: failed\nChant-Attempt: 1\nChant-Reason: late";
    sandbox.git(["commit", "--quiet", "--allow-empty", "-m", trailers]).ok();
    assert_same(&sandbox);
    step("checkout --quiet main");
    step("merge --quiet --no-ff -m merge fork");
}

#[test]
fn what_is_written_into_a_spec_is_seen_at_once() {
    let sandbox = large();
    told(&sandbox);
    let file = ".chant/specs/002-spec.md";
    for n in 0..30 {
        // As long as before, and most likely within one tick of the clock.
        let title = format!("Title {:02}", n % 100);
        sandbox.write(file, format!("# {title}\n"));
        let shown = sandbox.item("002-spec");
        assert_eq!(shown["title"], title);
    }
    let kept = fs::metadata(sandbox.path(file)).unwrap().modified().unwrap();
    sandbox.write(file, "# Other 29\n");
    fs::File::open(sandbox.path(file)).unwrap().set_modified(kept).unwrap();
    assert_eq!(sandbox.item("002-spec")["title"], "Other 29", "a time that was set back hides nothing");
    sandbox.write(".chant/specs/other.md", "# Other 30\n");
    fs::rename(sandbox.path(".chant/specs/other.md"), sandbox.path(file)).unwrap();
    assert_eq!(sandbox.item("002-spec")["title"], "Other 30");
    fs::remove_file(sandbox.path(file)).unwrap();
    assert_same(&sandbox);
    std::os::unix::fs::symlink("003-spec.md", sandbox.path(file)).unwrap();
    assert_same(&sandbox);
    sandbox.write(".chant/specs/004-spec.md", "no title");
    assert_same(&sandbox);
    assert_same(&sandbox);
}

#[test]
fn what_is_kept_and_spoilt_is_made_anew_without_a_word() {
    let sandbox = grown();
    let truth = told(&sandbox);
    for file in files(&sandbox) {
        let whole = fs::read(&file).unwrap();
        let mut spoilt: Vec<Vec<u8>> = Vec::new();
        for part in 0..12 {
            let at = part * whole.len() / 12;
            let mut changed = whole.clone();
            changed[at] ^= 0x40;
            spoilt.extend([changed, whole[..at].to_vec()]);
        }
        spoilt.push([&whole[..], b"more"].concat());
        // Of a version to come, and of this one about something else.
        spoilt.push(String::from_utf8_lossy(&whole).replacen("chant ", "chant9 ", 1).into_bytes());
        spoilt.extend(files(&sandbox).iter().filter(|other| **other != file).map(|other| fs::read(other).unwrap()));
        for bytes in spoilt {
            fs::write(&file, bytes).unwrap();
            let list = sandbox.chant(["list", "--json"]).all();
            assert!(truth.starts_with(&list), "{}", file.display());
        }
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert_eq!(told(&sandbox), truth, "a directory in the place of {}", file.display());
        fs::remove_dir(&file).unwrap();
    }
    assert_eq!(told(&sandbox), truth);
}

#[test]
fn where_nothing_can_be_kept_nothing_is_missed() {
    let sandbox = large();
    let truth = cold(&sandbox);
    fs::remove_dir_all(dir(&sandbox)).unwrap();
    // A file in the directory's place stops root as well.
    sandbox.write(".git/chant/cache", "in the way");
    assert_eq!(told(&sandbox), truth);
    fs::remove_file(dir(&sandbox)).unwrap();
    // A full disk: not a byte more may be written into any file.
    let full = "trap '' XFSZ; ulimit -f 0; exec \"$0\" list --json";
    let mut command = sandbox.command("sh", &sandbox.root);
    let list = run(command.args(["-c", full, crate::harness::chant()])).all();
    assert!(truth.starts_with(&list), "{list}");
    assert!(files(&sandbox).is_empty(), "half a file is none");
    assert_eq!(fs::read_dir(sandbox.path(".git/chant/tmp")).map_or(0, Iterator::count), 0, "nothing is left behind");
}

#[test]
fn many_readers_and_writers_at_once_see_the_same() {
    let sandbox = large();
    let truth = sandbox.chant(["list", "--json"]).ok().out;
    for _ in 0..4 {
        fs::remove_dir_all(dir(&sandbox)).ok();
        let children: Vec<_> = (0..6).map(|_| sandbox.spawn(&[], ["list", "--json"])).collect();
        for child in children {
            assert_eq!(wait(child).ok().out, truth);
        }
    }
}

/// Takes all commits away but for the last one, whose tree tells which specs are committed.
fn forget_commits(sandbox: &Sandbox) {
    let objects = sandbox.ask("rev-list --objects --no-object-names HEAD^{tree}");
    let keep = format!("{}\n{objects}\n", sandbox.ask("rev-parse HEAD"));
    let mut pack = sandbox.command("git", &sandbox.root);
    let pack = pack.args(["pack-objects", "--quiet", ".git/kept"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut pack = pack.spawn().unwrap();
    pack.stdin.take().unwrap().write_all(keep.as_bytes()).unwrap();
    assert!(pack.wait().unwrap().success());
    fs::remove_dir_all(sandbox.path(".git/objects")).unwrap();
    fs::create_dir_all(sandbox.path(".git/objects/pack")).unwrap();
    for entry in fs::read_dir(sandbox.path(".git")).unwrap().map(Result::unwrap) {
        if let Some(rest) = entry.file_name().to_str().unwrap().strip_prefix("kept-") {
            fs::rename(entry.path(), sandbox.path(format!(".git/objects/pack/pack-{rest}"))).unwrap();
        }
    }
    assert_eq!(sandbox.git(["log", "-2"]).code, 128, "Git misses them");
}

#[test]
fn what_is_known_is_not_read_again() {
    let sandbox = large();
    let truth = cold(&sandbox);
    forget_commits(&sandbox);
    assert_eq!(told(&sandbox), truth);
    let sandbox = grown();
    let truth = told(&sandbox);
    forget_commits(&sandbox);
    assert_eq!(told(&sandbox), truth, "what has come since then is written down beside it");
}

#[test]
fn commits_that_say_nothing_leave_what_happened_as_it_was_thought_out() {
    let sandbox = large();
    told(&sandbox);
    let kept = || fs::read(dir(&sandbox).join("ledger")).unwrap();
    let before = kept();
    feed(&sandbox, &plain(3));
    let list = sandbox.chant(["list", "--json"]).ok().out;
    assert_eq!(kept(), before, "it was not thought out again");
    fs::remove_dir_all(dir(&sandbox)).unwrap();
    assert_eq!(sandbox.chant(["list", "--json"]).ok().out, list);
    let event = "late\n\nChant-Spec: 001-spec\nChant-Status: failed\nChant-Attempt: 1";
    sandbox.git(["commit", "--quiet", "--allow-empty", "-m", event]).ok();
    assert_eq!(sandbox.item("001-spec")["status"], "failed");
    assert_same(&sandbox);
}

#[test]
fn a_list_of_what_is_known_reads_no_object_and_starts_no_program() {
    let sandbox = large();
    let lists: [&[&str]; 3] = [&["list"], &["list", "--json"], &["list", "--ready"]];
    let truth = lists.map(|args| sandbox.chant(args).ok().all());
    fs::remove_dir_all(sandbox.path(".git/objects")).unwrap();
    fs::create_dir(sandbox.path(".git/objects")).unwrap();
    let nothing = sandbox.beside("nothing");
    fs::create_dir(&nothing).unwrap();
    for (args, truth) in lists.iter().zip(&truth) {
        let path = nothing.to_str().unwrap();
        assert_eq!(&sandbox.chant_with(&[("PATH", path)], *args).all(), truth, "{args:?}");
    }
    // A spec that is new has to be looked for in the commit, which is gone.
    sandbox.write(".chant/specs/new.md", "# New\n");
    let new = sandbox.chant(["list"]);
    assert!(new.err.contains("cannot read the tree"), "{}", new.all());
}

/// The calls of the system that chant makes, by `strace`; `None` where that cannot be used.
fn calls(sandbox: &Sandbox, args: &[&str]) -> Option<Vec<String>> {
    let file = sandbox.beside("calls");
    let traced = |program: &str, args: &[&str]| {
        let mut strace = sandbox.command("strace", &sandbox.root);
        strace.args(["-f", "-qq", "-e", "trace=openat,open,execve", "-o"]).arg(&file).arg(program).args(args);
        strace.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    if !traced("true", &[]) {
        return None;
    }
    assert!(traced(crate::harness::chant(), args));
    let done = |line: &&str| !line.contains(" = -1 ");
    Some(fs::read_to_string(&file).unwrap().lines().filter(done).map(str::to_owned).collect())
}

#[test]
fn a_list_of_what_is_known_opens_few_files_however_many_specs_there_are() {
    let sandbox = large();
    let Some(cold) = calls(&sandbox, &["list"]) else { return };
    let warm = calls(&sandbox, &["list"]).unwrap();
    let count = |calls: &[String], what: &str| calls.iter().filter(|call| call.contains(what)).count();
    assert!(count(&cold, "-spec.md") >= SPECS && count(&cold, ".pack\"") > 0, "they are seen when they are read");
    assert_eq!([".pack\"", ".idx\"", "-spec.md", "commit-graph"].map(|what| count(&warm, what)), [0; 4], "{warm:#?}");
    assert_eq!(count(&warm, "execve("), 1, "{warm:#?}");
    assert!(warm.len() < 40, "{warm:#?}");
}

#[test]
fn init_and_doctor_alone_speak_of_a_commit_graph_that_a_long_history_lacks() {
    let sandbox = Sandbox::new();
    let offer = "git commit-graph write --reachable --changed-paths";
    let mentions = || [["init"], ["doctor"], ["list"]].map(|args| sandbox.chant(args).all().contains(offer));
    assert_eq!(mentions(), [false; 3]);
    feed(&sandbox, &plain(50_000));
    assert_eq!(mentions(), [true, true, false]);
    sandbox.ask("commit-graph write --reachable --changed-paths");
    assert_eq!(mentions(), [false; 3]);
}

#[test]
fn a_decision_asks_git_itself() {
    let sandbox = large();
    told(&sandbox);
    forget_commits(&sandbox);
    let cancel = sandbox.chant(["cancel", "001", "--reason", "no more"]);
    assert!(cancel.code != 0 && cancel.err.contains("read commit"), "{}", cancel.all());
}
