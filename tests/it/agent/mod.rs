//! Real processes under real supervision. Nothing here waits by sleeping for a while and hoping: a test waits for a line,
//! a file or an end, with a deadline that only a failure reaches.

mod jobs;
mod killed;
mod kinds;
mod locks;
mod strays;

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chant::agent::{Job, Lock, Order, inside_run};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A directory to work in, which is the repository's common directory as well.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn fifo(&self, name: &str) {
        assert!(Command::new("mkfifo").arg(self.path(name)).status().unwrap().success());
    }

    /// Lets a script go on that waits in `read x < fifo`. Open for both directions, the fifo keeps nobody waiting here;
    /// what is written stays in it while the returned file is open.
    fn go(&self, fifo: &str) -> File {
        let mut file = OpenOptions::new().read(true).write(true).open(self.path(fifo)).unwrap();
        file.write_all(b"x\n").unwrap();
        file
    }

    /// `sh -c script` in this place.
    fn order(&self, script: &str) -> Order {
        order(self.dir.path(), script)
    }

    /// The process ids that a script wrote into a file, once there are `n` of them.
    fn pids(&self, file: &str, n: usize) -> Vec<i32> {
        let path = self.path(file);
        let read = || -> Vec<i32> {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            // The last line may be half written.
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            whole.lines().map(|line| line.trim().parse().unwrap()).collect()
        };
        eventually("the processes have started", || read().len() >= n);
        read()
    }
}

fn order(dir: &Path, script: &str) -> Order {
    Order {
        label: "001-x".into(),
        argv: ["sh", "-c", script].map(OsString::from).to_vec(),
        cwd: dir.to_owned(),
        env: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
        stdin: Vec::new(),
        timeout: None,
        grace: Duration::from_secs(10),
        repo: dir.to_owned(),
        program: PathBuf::from(env!("CARGO_BIN_EXE_chant")),
        cage: None,
        hold: Vec::new(),
        transcript: None,
        watch: None,
        ear: None,
        mask: chant::agent::Mask::default(),
    }
}

/// Starts a job and gives its last words as well.
fn watched(mut order: Order) -> (Job, UnboundedReceiver<String>) {
    let (tell, heard) = unbounded_channel();
    order.watch = Some(tell);
    (Job::start(order).unwrap(), heard)
}

/// Waits for a line that the child prints.
async fn says(heard: &mut UnboundedReceiver<String>, wanted: &str) {
    let line = async {
        while let Some(line) = heard.recv().await {
            if line == wanted {
                return true;
            }
        }
        false
    };
    assert!(tokio::time::timeout(PATIENCE, line).await.expect("it says something"), "it says `{wanted}`");
}

/// What only a failure waits for.
const PATIENCE: Duration = Duration::from_secs(30);

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process runs; a zombie, which only waits to be counted, does not.
fn alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// Sends a signal to one process that this test started.
fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// This very test program in another role, given by a variable of the new process alone.
fn role(name: &str, dir: &Path, script: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "agent::in_another_role", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("CHANT_TEST_ROLE", name).env("CHANT_TEST_DIR", dir).env("CHANT_TEST_SCRIPT", script);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// A process of a test, ended with it.
struct Played(Child);

impl Played {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
#[ignore = "the other side of tests that need a process of their own"]
fn in_another_role() {
    let Some(role) = std::env::var_os("CHANT_TEST_ROLE") else { return };
    let dir = PathBuf::from(std::env::var_os("CHANT_TEST_DIR").unwrap());
    let script = std::env::var("CHANT_TEST_SCRIPT").unwrap();
    match role.to_str().unwrap() {
        "engine" => play_engine(&dir, &script),
        "asker" => std::fs::write(dir.join("asked"), format!("{:?}", inside_run(&dir))).unwrap(),
        "taker" => play_taker(&dir),
        "looker" => loop {
            Lock::is_held(&dir.join("lock")).unwrap();
        },
        other => panic!("no role {other}"),
    }
}

/// Takes the lock, starts a job that shares it, and waits for its end.
fn play_engine(dir: &Path, script: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let lock = Lock::try_take(&dir.join("lock")).unwrap().expect("the lock is free");
        let mut order = order(dir, script);
        order.hold = vec![lock.share().unwrap()];
        let millis = |name| std::env::var(name).ok().map(|ms| Duration::from_millis(ms.parse().unwrap()));
        order.grace = millis("CHANT_TEST_GRACE").unwrap_or(Duration::from_millis(300));
        order.timeout = millis("CHANT_TEST_TIMEOUT");
        let mut job = Job::start(order).unwrap();
        job.wait().await;
    });
}

/// Tries for the lock when standard input says so, tells whether it got it, and holds it until standard input ends.
fn play_taker(dir: &Path) {
    let mut line = String::new();
    io::stdin().read_line(&mut line).unwrap();
    let lock = Lock::try_take(&dir.join("lock")).unwrap();
    let verdict = dir.join(format!("verdict-{}", std::process::id()));
    std::fs::write(verdict.with_extension("new"), if lock.is_some() { "took" } else { "lost" }).unwrap();
    std::fs::rename(verdict.with_extension("new"), verdict).unwrap();
    io::stdin().read_line(&mut line).unwrap();
}
