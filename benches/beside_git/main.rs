//! Each figure beside the same work done with Git's own commands (or `cat`), in the same run, as a ratio.
//!
//! `just bench` runs all and writes the table of `docs/performance.md` anew; words choose (`land`, `tree`, `work`,
//! `lane`, `list`, `hooks`, `start`, `long`, `newer`, `many`, `shapes`, `branches`), and then it is only printed. Rivals take turns, and the median of the
//! pairs' ratios is printed with its range, for machines are noisy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark stops where it cannot go on")]

mod large;
mod shapes;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chant::env::Vars;
use chant::git::{Expect, Merge, Moved, RefMove, Repo};

const PAIRS: usize = 5;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let asked = |name: &str| wanted.is_empty() || wanted.iter().any(|word| word == name);
    row_of("| work | chant | rival | rival / chant (median, range) |");
    row_of("|---|---|---|---|");
    if asked("land") {
        land(200, 20);
        land(200, 20_000);
    }
    if asked("tree") {
        [20_000, 200_000].into_iter().for_each(tree);
    }
    if asked("work") {
        [1, 10, 50].into_iter().for_each(work);
    }
    if asked("lane") {
        lane(8);
    }
    if asked("hooks") {
        ["pre-commit", "commit-msg"].into_iter().for_each(hook);
    }
    if asked("list") {
        [100, 1_000, 10_000].into_iter().for_each(list);
    }
    if asked("start") {
        start();
    }
    if asked("long") {
        large::long();
    }
    if asked("newer") {
        large::newer();
    }
    if asked("many") {
        large::many();
    }
    if asked("shapes") {
        shapes::shapes();
    }
    if asked("branches") {
        shapes::branches(10_000);
    }
    if wanted.is_empty() {
        publish();
    }
}

/// The rows so far.
static TABLE: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());

fn row_of(line: &str) {
    println!("{line}");
    TABLE.lock().unwrap().push_str(&format!("{line}\n"));
}

/// Puts the table into the documentation, in the place of the one that is there.
fn publish() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let start = text.find("| work |").unwrap();
    let end = start + text[start..].find("\n\n").unwrap() + 1;
    std::fs::write(page, format!("{}{}{}", &text[..start], TABLE.lock().unwrap(), &text[end..])).unwrap();
}

/// Runs both in turn and prints a row.
fn row(name: &str, mut ours: impl FnMut(usize) -> Duration, mut rival: impl FnMut(usize) -> Duration) {
    let pairs: Vec<(f64, f64)> = (0..PAIRS).map(|n| (ours(n).as_secs_f64(), rival(n).as_secs_f64())).collect();
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let ratios: Vec<f64> = pairs.iter().map(|(ours, rival)| rival / ours).collect();
    let low = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let high = ratios.iter().copied().fold(0.0, f64::max);
    row_of(&format!(
        "| {name} | {:.1} ms | {:.1} ms | {:.2} ({low:.2} to {high:.2}) |",
        1e3 * median(pairs.iter().map(|pair| pair.0).collect()),
        1e3 * median(pairs.iter().map(|pair| pair.1).collect()),
        median(ratios),
    ));
}

struct Place {
    _dir: Option<tempfile::TempDir>,
    root: PathBuf,
}

/// What a program has used.
struct Spent {
    /// At its most, in megabytes: what is mapped and was looked at counts.
    memory: f64,
    cpu: Duration,
}

/// Runs a program to its end.
#[allow(clippy::zombie_processes, reason = "`wait4` waits for it, and tells what it used")]
fn counted(command: &mut Command) -> Spent {
    let child = command.stdout(Stdio::null()).spawn().unwrap();
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: the child is ours and nobody else waits for it; both places live until the call returns.
    let usage = unsafe {
        assert_eq!(libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()), pid);
        usage.assume_init()
    };
    assert_eq!(status, 0);
    let time = |t: libc::timeval| Duration::new(t.tv_sec.unsigned_abs(), 1000 * u32::try_from(t.tv_usec).unwrap());
    Spent { memory: usage.ru_maxrss as f64 / 1024.0, cpu: time(usage.ru_utime) + time(usage.ru_stime) }
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("repo");
        std::fs::create_dir(&root).unwrap();
        Self { _dir: Some(dir), root }.init()
    }

    /// One that stays.
    fn at(root: PathBuf) -> Self {
        Self { _dir: None, root }
    }

    fn init(self) -> Self {
        self.git(&["init", "-q", "-b", "main", "."]);
        self.git(&["config", "user.name", "Ada"]);
        self.git(&["config", "user.email", "ada@example.org"]);
        self
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, program: &str, args: &[&str]) -> String {
        let out = self.command(program).args(args).output().unwrap();
        assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    fn git(&self, args: &[&str]) -> String {
        self.run("git", args)
    }

    fn chant(&self, args: &[&str]) -> String {
        self.run(env!("CARGO_BIN_EXE_chant"), args)
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.root.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "all"]);
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// Landing branches that nobody has checked out: merge, commit, move the ref.
fn land(count: usize, files: usize) {
    let place = Place::new();
    (0..files).for_each(|n| place.write(&format!("d{}/f{n}.txt", n / 100), &format!("{n}\n").repeat(20)));
    place.commit();
    let base = place.git(&["rev-parse", "HEAD"]);
    for n in 0..count {
        let file = format!("d{}/new{n}.txt", n % (files / 100).max(1));
        place.write(&file, "new\n");
        let blob = place.git(&["hash-object", "-w", &file]);
        std::fs::remove_file(place.root.join(&file)).unwrap();
        let entry = format!("100644,{blob},{file}");
        place.git(&["update-index", "--add", "--cacheinfo", &entry]);
        let tree = place.git(&["write-tree"]);
        place.git(&["update-index", "--force-remove", &file]);
        let commit = place.git(&["commit-tree", "-p", &base, "-m", "work", &tree]);
        place.git(&["update-ref", &format!("refs/heads/task/{n}"), &commit]);
    }
    let vars: Vars = std::env::vars_os().collect();
    let repo = Repo::open(&place.root, &vars).unwrap();
    let tips: Vec<_> = (0..count).map(|n| repo.tip(&format!("refs/heads/task/{n}")).unwrap().unwrap()).collect();
    let ours = |n: usize| {
        let name = format!("refs/heads/ours{n}");
        place.git(&["update-ref", &name, &base]);
        timed(|| {
            for theirs in &tips {
                let tip = repo.tip(&name).unwrap().unwrap();
                let Merge::Clean { tree } = repo.merge(tip, *theirs).unwrap() else { panic!("a conflict") };
                let commit = repo.commit(tree, &[tip, *theirs], "Land\n").unwrap();
                let moves = [RefMove { name: name.clone(), from: Expect::At(tip), to: Some(commit) }];
                assert_eq!(repo.move_refs(&moves, "land").unwrap(), Moved::Done);
            }
        })
    };
    let rival = |n: usize| {
        let name = format!("refs/heads/rival{n}");
        let mut tip = base.clone();
        let took = timed(|| {
            for theirs in &tips {
                let theirs = theirs.to_string();
                let tree = place.git(&["merge-tree", "--write-tree", &tip, &theirs]);
                let commit = place.git(&["commit-tree", "-p", &tip, "-p", &theirs, "-m", "Land", &tree]);
                place.git(&["update-ref", &name, &commit]);
                tip = commit;
            }
        });
        let tree = |name: &str| place.git(&["rev-parse", &format!("{name}^{{tree}}")]);
        assert_eq!(tree(&name), tree(&format!("refs/heads/ours{n}")), "trees equal");
        took
    };
    row(&format!("land {count} branches, a tree of {files} files"), ours, rival);
}

/// A worktree for the next member, of one that was given back, and giving it back; 50 files differ.
fn tree(files: usize) {
    let place = Place::new();
    (0..files).for_each(|n| place.write(&format!("d{}/f{n}.txt", n / 100), &format!("{n}\n").repeat(20)));
    place.commit();
    for branch in 0..2 {
        place.git(&["checkout", "-q", "-b", &format!("b{branch}"), "main"]);
        (0..50).for_each(|n| {
            place.write(&format!("d{}/f{}.txt", n * (files / 5_000), n * (files / 50)), &format!("{branch}\n"))
        });
        place.commit();
    }
    place.git(&["checkout", "-q", "main"]);
    let vars: Vars = std::env::vars_os().collect();
    let repo = Repo::open(&place.root, &vars).unwrap();
    let at = |n: usize, whose: &str| place.root.join(format!("../{whose}-{n}"));
    let branch = |n: usize| chant::git::Checkout::Branch(format!("b{}", n % 2));
    repo.add_worktree(&at(PAIRS, "ours"), branch(PAIRS)).unwrap();
    repo.remove_worktree(&at(PAIRS, "ours"), None).unwrap();
    let dir = |n: usize| at(n, "rival").display().to_string();
    let mut back = Vec::new();
    row(
        &format!("a worktree for the next member, {files} files, 50 changed"),
        |n| {
            let took = timed(|| drop(repo.add_worktree(&at(n, "ours"), branch(n)).unwrap()));
            assert_eq!(place.git(&["-C", &at(n, "ours").display().to_string(), "status", "--porcelain"]), "");
            let away =
                timed(|| assert_eq!(repo.remove_worktree(&at(n, "ours"), None).unwrap(), chant::git::Removed::Gone));
            back.push(away);
            took
        },
        |n| timed(|| drop(place.git(&["worktree", "add", "-q", "--detach", &dir(n), &format!("b{}", n % 2)]))),
    );
    row(
        &format!("giving a worktree of {files} files back"),
        |n| back[n],
        |n| timed(|| drop(place.git(&["worktree", "remove", &dir(n)]))),
    );
}

/// `chant work` of a driver's members with an agent that writes one file, beside Git's own commands for as many.
fn work(count: usize) {
    let make = || {
        let place = Place::new();
        place.write(".chant/config.yaml", "agent: writer\nagents: { writer: { command: [\"sh\", \"write.sh\"] } }\n");
        place.write("write.sh", "echo done > \"out-${CHANT_SPEC##*.}.txt\"\n");
        place.write(".chant/specs/001-d.md", "---\ntype: driver\n---\n# D\n");
        for n in 1..=count {
            place.write(&format!(".chant/specs/001-d.{n}.md"), &format!("# Member {n}\n"));
        }
        place.commit();
        place
    };
    let ours = |_| {
        let place = make();
        timed(|| drop(place.chant(&["work", "001", "-j", "2"])))
    };
    let rival = |_| {
        let place = make();
        timed(|| {
            for n in 1..=count {
                let (branch, dir) = (format!("task-{n}"), format!("../wt-{n}"));
                place.git(&["worktree", "add", "-q", "-b", &branch, &dir]);
                let inside: &Path = &place.root.join(&dir);
                std::fs::write(inside.join(format!("out-{n}.txt")), "done\n").unwrap();
                place.git(&["-C", &dir, "add", "-A"]);
                place.git(&["-C", &dir, "commit", "-q", "-m", "work"]);
                place.git(&["merge", "-q", "--no-ff", "-m", "Land", &branch]);
                place.git(&["worktree", "remove", &dir]);
            }
        })
    };
    row(&format!("work {count} members, -j 2"), ours, rival);
}

/// Landing completed members whose proofs take a second each, beside merging and proving them one after another.
fn lane(count: usize) {
    let make = || {
        let place = Place::new();
        place.write(".chant/config.yaml", "agent: writer\nagents: { writer: { command: [\"sh\", \"write.sh\"] } }\n");
        place.write("write.sh", "echo done > \"out-${CHANT_SPEC##*.}.txt\"\n");
        // As long as it has to be, and only where there is more than the member's own work.
        place.write("judge.sh", "test -f out-$1.txt || exit 1\n[ $(ls | grep -c ^out-) -lt 2 ] || sleep 1\n");
        place.write(".chant/specs/001-d.md", "---\ntype: driver\n---\n# D\n");
        for n in 1..=count {
            let text =
                format!("# Member {n}\n\n## Acceptance Criteria\n\n- [ ] It is there\n      `$ sh judge.sh {n}`\n");
            place.write(&format!(".chant/specs/001-d.{n}.md"), &text);
        }
        place.commit();
        place.git(&["config", "chant.land", "review"]);
        place.chant(&["work", "001", "-j", "2"]);
        place
    };
    let ours = |_| {
        let place = make();
        place.git(&["config", "chant.land", "auto"]);
        let took = timed(|| drop(place.chant(&["work", "001", "-j", &count.to_string()])));
        assert_eq!(place.git(&["ls-tree", "--name-only", "main"]).matches("out-").count(), count, "all have landed");
        took
    };
    let rival = |_| {
        let place = make();
        timed(|| {
            let mut tip = place.git(&["rev-parse", "main"]);
            for n in 1..=count {
                let theirs = place.git(&["rev-parse", &format!("chant/001-d.{n}")]);
                let tree = place.git(&["merge-tree", "--write-tree", &tip, &theirs]);
                place.run("sh", &["-c", "sleep 1"]);
                tip = place.git(&["commit-tree", "-p", &tip, "-p", &theirs, "-m", "Land", &tree]);
                place.git(&["update-ref", "refs/heads/main", &tip]);
            }
        })
    };
    row(&format!("land {count} members, each proven for a second, -j {count}"), ours, rival);
}

/// A hook on a commit that touches no spec, beside an empty shell script in its place.
fn hook(name: &str) {
    let place = Place::new();
    (0..2_000).for_each(|n| place.write(&format!("d{}/f{n}.txt", n / 100), "x\n"));
    (0..100).for_each(|n| place.write(&format!(".chant/specs/{n:03}-spec.md"), "# A spec\n"));
    place.commit();
    place.write("message", "A change\n\nThat touches no spec.\n");
    let empty = place.root.join(".git/hooks/empty");
    std::fs::write(&empty, "#!/bin/sh\nexit 0\n").unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks").join(name);
    let bin = Path::new(env!("CARGO_BIN_EXE_git-chant")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let call = |script: &Path| {
        timed(|| {
            for _ in 0..20 {
                let done = place.command("sh").env("PATH", &path).arg(script).arg("message").output().unwrap();
                assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            }
        }) / 20
    };
    row(&format!("{name} on a commit that touches no spec"), |_| call(&shipped), |_| call(&empty));
}

/// Starting at all, and how much there is to start.
fn start() {
    let place = Place::new();
    let call = |program: &str| timed(|| (0..20).for_each(|_| drop(place.run(program, &["--version"])))) / 20;
    let chant = env!("CARGO_BIN_EXE_chant");
    row("`chant --version`; `git --version`", |_| call(chant), |_| call("git"));
    let size = std::fs::metadata(chant).unwrap().len() as f64 / 1e6;
    row_of(&format!("| the binary | {size:.1} MB | – | – |"));
}

/// Looking at many specs, beside `cat` of their files.
fn list(count: usize) {
    let place = Place::new();
    for n in 1..=count {
        let text = format!(
            "---\nlabels: [a, b]\n---\n# Spec {n}\n\n## Acceptance Criteria\n\n- [ ] It holds\n      `$ test -f {n}`\n"
        );
        place.write(&format!(".chant/specs/{n:05}-spec.md"), &text);
    }
    place.commit();
    let cat = || timed(|| drop(place.run("sh", &["-c", "cat .chant/specs/*.md"])));
    for args in [&["list"][..], &["list", "--ready"], &["show", "00001"], &["lint"], &["search", "holds", "777"]] {
        let ours = |_| timed(|| drop(place.chant(args)));
        let name = args.join(" ");
        place.chant(args);
        row(&format!("`{name}` of {count} specs; `cat`"), ours, |_| cat());
        let first = |_| {
            std::fs::remove_dir_all(place.root.join(".git/chant")).unwrap_or_default();
            ours(0)
        };
        row(&format!("the first `{name}` of {count} specs; `cat`"), first, |_| cat());
    }
}
