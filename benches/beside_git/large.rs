//! Large histories and many specs. They are made once and kept between runs, below `target/tmp`; their sizes are
//! `CHANT_BENCH_COMMITS` (1,000,000), `CHANT_BENCH_SPECS` (10,000) and `CHANT_BENCH_MANY` (100,000).

use std::fs;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use super::{Place, Spent, counted, row, row_of, timed};

fn size(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn commits() -> usize {
    size("CHANT_BENCH_COMMITS", 1_000_000)
}

fn specs() -> usize {
    size("CHANT_BENCH_SPECS", 10_000)
}

/// What `git log` is asked for: all that the fold reads.
const TRAILERS: &str = "--format=%H %T %P %(trailers:unfold)";

/// A stream for `git fast-import`.
pub struct Import {
    child: Child,
    to: BufWriter<ChildStdin>,
    clock: usize,
}

impl Import {
    pub fn new(place: &Place) -> Self {
        let args = ["fast-import", "--quiet", "--force"];
        let mut child = place.command("git").args(args).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let to = BufWriter::new(child.stdin.take().unwrap());
        Self { child, to, clock: 1_500_000_000 }
    }

    /// A commit on a branch, after `from` where one is named, with files that it changes.
    pub fn commit(&mut self, branch: &str, message: &str, from: Option<&str>, files: &[(String, String)]) {
        self.clock += 60;
        let who = format!("Ada <ada@example.org> {} +0000", self.clock);
        let size = message.len();
        let to = &mut self.to;
        writeln!(to, "commit refs/heads/{branch}\nauthor {who}\ncommitter {who}\ndata {size}\n{message}").unwrap();
        from.iter().for_each(|from| writeln!(to, "from {from}").unwrap());
        for (path, text) in files {
            writeln!(to, "M 100644 inline {path}\ndata {}\n{text}", text.len()).unwrap();
        }
    }

    pub fn finish(mut self) {
        self.to.flush().unwrap();
        drop(self.to);
        assert!(self.child.wait().unwrap().success());
    }
}

fn id(n: usize) -> String {
    format!("{n:06}-spec")
}

fn spec(n: usize) -> (String, String) {
    let text = format!(
        "---\nlabels: [a, b]\n---\n# Spec {n}\n\n## Acceptance Criteria\n\n- [ ] It holds\n      `$ test -f {n}`\n"
    );
    (format!(".chant/specs/{}.md", id(n)), text)
}

/// What becomes of a spec, as its event says it.
fn event(n: usize) -> String {
    let (status, more) = match n % 10 {
        0 => ("in_progress", "Chant-Run: r@there\nChant-Agent: steps\nChant-Target: main\n"),
        1 | 2 => ("failed", "Chant-Reason: it did not hold\n"),
        _ => ("completed", "Chant-Criteria: 1 verified\n"),
    };
    let id = id(n);
    format!("{status}: {id}\n\nChant-Spec: {id}\nChant-Status: {status}\nChant-Attempt: 1\n{more}")
}

fn change(n: usize) -> (String, Vec<(String, String)>) {
    let message = format!("Change number {n}\n\nIt says why, as people do.\nSigned-off-by: Ada <ada@example.org>\n");
    (message, vec![(format!("src/d{}/f{}", n % 50, n % 1000), format!("{n}\n"))])
}

/// A repository of so many commits, in which each of so many specs has one event; made where it is not there.
fn history(commits: usize, specs: usize) -> Place {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("history-{commits}-{specs}"));
    let whole = root.join(".git/whole");
    if whole.is_file() {
        return Place::at(root);
    }
    fs::remove_dir_all(&root).unwrap_or_default();
    fs::create_dir_all(&root).unwrap();
    let place = Place::at(root).init();
    let mut import = Import::new(&place);
    let files: Vec<_> = (1..=specs).map(spec).chain([(".chant/config.yaml".to_owned(), String::new())]).collect();
    import.commit("main", "Specs\n", None, &files);
    let every = (commits / specs.max(1)).max(2);
    for n in 1..commits {
        match n % every == 0 && n / every <= specs {
            true => import.commit("main", &event(n / every), None, &[]),
            false => {
                let (message, files) = change(n);
                import.commit("main", &message, None, &files);
            }
        }
    }
    import.finish();
    place.git(&["reset", "-q", "--hard", "main"]);
    fs::write(whole, "").unwrap();
    place
}

fn forget(place: &Place) {
    fs::remove_dir_all(place.root.join(".git/chant")).unwrap_or_default();
}

/// What the programs print goes nowhere: hundreds of megabytes would be this one's otherwise, and a child is told to have
/// used at the most what its parent held when it was started.
fn quietly(place: &Place, program: &str, args: &[&str]) -> Duration {
    timed(|| assert!(place.command(program).args(args).stdout(Stdio::null()).status().unwrap().success()))
}

fn log(place: &Place) -> Duration {
    quietly(place, "git", &["log", TRAILERS, "main"])
}

/// Looking at a long history, the first time and later.
pub fn long() {
    let (commits, specs) = (commits(), specs());
    let place = history(commits, specs);
    let what = format!("{commits} commits, {specs} specs");
    let list = || quietly(&place, env!("CARGO_BIN_EXE_chant"), &["list"]);
    let cold = || {
        forget(&place);
        list()
    };
    let graph = place.root.join(".git/objects/info/commit-graph");
    fs::remove_file(&graph).unwrap_or_default();
    row(&format!("first `list`, {what}; `git log` with trailers"), |_| cold(), |_| log(&place));
    place.git(&["commit-graph", "write", "--reachable"]);
    row(&format!("the same with a commit-graph, {what}"), |_| cold(), |_| log(&place));
    cold();
    row(&format!("`list` again, {what}; `git log` with trailers"), |_| list(), |_| log(&place));
    for args in [["show", "000777"], ["why", "000777"]] {
        let grep = ["log", "-1", "--grep", "^Chant-Spec: 000777-spec$", "main"];
        let ours = |_| timed(|| drop(place.chant(&args)));
        row(&format!("`{}` again, {what}; `git log -1 --grep`", args[0]), ours, |_| timed(|| drop(place.git(&grep))));
    }
    forget(&place);
    let first = spent(&place, &["list"]);
    let again = spent(&place, &["list"]);
    note(&format!("memory and CPU of the first `list`, {what}"), first);
    note(&format!("memory and CPU of `list` again, {what}"), again);
}

/// After new commits, and after a late merge of an old fork, beside a walk of everything.
pub fn newer() {
    let (commits, specs) = (commits(), specs());
    let place = &history(commits, specs);
    let what = format!("{commits} commits, {specs} specs");
    place.git(&["commit-graph", "write", "--reachable"]);
    let tip = place.git(&["rev-parse", "main"]);
    let full = |_| {
        forget(place);
        timed(|| drop(place.chant(&["list"])))
    };
    let after = |name: &str, prepare: &dyn Fn()| {
        let ours = |_| {
            place.git(&["update-ref", "refs/heads/main", &tip]);
            forget(place);
            place.chant(&["list"]);
            prepare();
            timed(|| drop(place.chant(&["list"])))
        };
        row(&format!("`list` after {name}, {what}; a walk of everything"), ours, full);
        place.git(&["update-ref", "refs/heads/main", &tip]);
    };
    for count in [100, 1_000, 10_000] {
        after(&format!("{count} new commits"), &|| {
            let mut import = Import::new(place);
            for n in 0..count {
                let (message, files) = change(n + 7);
                let from = (n == 0).then(|| format!("{tip}^0"));
                import.commit("main", &message, from.as_deref(), &files);
            }
            import.finish();
        });
    }
    let fork = place.git(&["rev-parse", &format!("main~{}", commits / 2)]);
    after("a late merge of a branch forked half-way", &|| {
        let tree = format!("{tip}^{{tree}}");
        let side = place.git(&["commit-tree", "-p", &fork, "-m", "late", &format!("{fork}^{{tree}}")]);
        let merge = place.git(&["commit-tree", "-p", &tip, "-p", &side, "-m", "merge", &tree]);
        place.git(&["update-ref", "refs/heads/main", &merge]);
    });
}

/// Looking at ten times as many specs.
pub fn many() {
    let (few, many) = (specs(), size("CHANT_BENCH_MANY", 100_000));
    let places = [few, many].map(|count| history(2 * count, count));
    let list = |place: &Place| timed(|| drop(place.chant(&["list"])));
    places.iter().for_each(|place| drop(place.chant(&["list"])));
    row(&format!("`list` of {many} specs; of {few}"), |_| list(&places[1]), |_| list(&places[0]));
    note(&format!("memory and CPU of `list` of {many} specs"), spent(&places[1], &["list"]));
}

pub fn spent(place: &Place, args: &[&str]) -> Spent {
    counted(place.command(env!("CARGO_BIN_EXE_chant")).args(args))
}

pub fn note(name: &str, spent: Spent) {
    row_of(&format!("| {name} | {:.0} MB, {:.0} ms | – | – |", spent.memory, 1e3 * spent.cpu.as_secs_f64()));
}
