//! A handle on one child under supervision: start it, watch it, stop it, learn how it ended.
//!
//! What runs on this side is one task for each job. It sends the orders, reads the output into a
//! [`Recorder`](super::transcript) and waits for the supervisor's report and for its end. Dropping the [`Job`] closes
//! the supervisor's standard input, which ends the child just as the engine's death would.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::lock::{HandedOver, Share};
use super::mask::Mask;
use super::transcript::{Ear, Recorder};
use super::wire::{COMMAND, Fence, How, KILL, Orders, Report, STOP, Text};
use crate::cage::Cage;
use crate::cage::kin;

/// What to run, and how.
#[derive(Debug)]
pub struct Order {
    /// Whom it is for: the qualified id of a spec. [`super::inside_run`] gives it back.
    pub label: String,
    /// Program and arguments. A program without a slash is looked for on the `PATH` of `env`, one with a relative path
    /// in `cwd`.
    pub argv: Vec<OsString>,
    /// The directory to run in.
    pub cwd: PathBuf,
    /// The whole environment; nothing is inherited.
    pub env: Vec<(OsString, OsString)>,
    /// What the child can read from its standard input. It need not.
    pub stdin: Vec<u8>,
    /// How long it may run; kept by the supervisor, so that it holds even where the engine hangs.
    pub timeout: Option<Duration>,
    /// The time between TERM and KILL.
    pub grace: Duration,
    /// What it and all that it starts may touch; everything where nothing is said. Entered or not started.
    pub cage: Option<Cage>,
    /// The repository's common directory.
    pub repo: PathBuf,
    /// chant itself, to be started as the supervisor.
    pub program: PathBuf,
    /// Locks that the supervisor keeps until everything has ended; never inherited by the child.
    pub hold: Vec<Share>,
    /// Output is appended here as it comes, bounded (see [`super::transcript`]).
    pub transcript: Option<PathBuf>,
    /// Last words, a line each, safe to show; of a flood only a trickle.
    pub watch: Option<mpsc::UnboundedSender<String>>,
    /// What understands the output, and is told every line of it.
    pub ear: Option<Ear>,
    /// What of the output nobody is to see.
    pub mask: Mask,
}

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub how: How,
    /// The last ≤ 8 KiB of its output, safe to show.
    pub tail: String,
    /// From the child's start to the end of everything it started.
    pub duration: Duration,
    /// Processes it left behind that had to be ended.
    pub strays: u32,
}

/// One child under supervision.
#[derive(Debug)]
pub struct Job {
    pid: Option<u32>,
    say: mpsc::UnboundedSender<u8>,
    task: Option<JoinHandle<Outcome>>,
    outcome: Option<Outcome>,
}

impl Job {
    /// Starts a supervisor and hands it its orders. Returns at once; a program that cannot be started shows in
    /// [`How::CouldNotStart`].
    ///
    /// # Errors
    /// Where the supervisor itself cannot be started, the transcript cannot be opened, or no tokio runtime is there.
    pub fn start(mut order: Order) -> io::Result<Self> {
        let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
        let recorder =
            Recorder::new(order.transcript.as_deref(), order.watch.take(), order.ear.take(), order.mask.clone())?;
        let hold: Vec<RawFd> = order.hold.iter().map(|share| share.fd().as_raw_fd()).collect();
        let orders = orders(&order, hold.clone()).encode(&order.stdin)?;
        let child = supervisor(&order, hold).spawn()?;
        let held: Vec<_> = order.hold.into_iter().map(Share::handed_over).collect();
        let (say, heard) = mpsc::unbounded_channel();
        let pid = child.id();
        let task = Some(runtime.spawn(async move {
            let outcome = attend(child, orders, heard, recorder).await;
            held.into_iter().for_each(HandedOver::give_back); // not where this task is cancelled with its runtime
            outcome
        }));
        Ok(Self { pid, say, task, outcome: None })
    }

    /// The supervisor's process id.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Asks the child and all it started to end: TERM, the grace, KILL. [`Self::wait`] tells when they have.
    pub fn stop(&self) {
        self.tell(STOP);
    }

    /// Ends the child and all it started without any grace.
    pub fn kill(&self) {
        self.tell(KILL);
    }

    /// A job that has ended hears nothing, and needs to hear nothing.
    fn tell(&self, word: u8) {
        self.say.send(word).ok();
    }

    /// Waits until the child, all it started and the supervisor are gone (and the locks it held free). May be cancelled
    /// and called again; the outcome stays.
    pub async fn wait(&mut self) -> Outcome {
        if let Some(task) = &mut self.task {
            let outcome = task.await.unwrap_or_else(|_| lost(Duration::ZERO));
            self.outcome = Some(outcome);
            self.task = None;
        }
        self.outcome.clone().unwrap_or_else(|| lost(Duration::ZERO))
    }
}

fn lost(duration: Duration) -> Outcome {
    Outcome { how: How::SupervisorLost, tail: String::new(), duration, strays: 0 }
}

fn orders(order: &Order, hold: Vec<RawFd>) -> Orders {
    Orders {
        argv: order.argv.iter().cloned().map(Text::from).collect(),
        cwd: order.cwd.as_os_str().to_owned().into(),
        env: order.env.iter().cloned().map(|(k, v)| (k.into(), v.into())).collect(),
        timeout: order.timeout,
        grace: order.grace,
        cage: order.cage.as_ref().map(Fence::from),
        hold,
        stdin_len: order.stdin.len(),
    }
}

/// chant itself, as a supervisor: leading a session of its own, with the locks open.
fn supervisor(order: &Order, hold: Vec<RawFd>) -> Command {
    let mut command = Command::new(&order.program);
    let repo = order.repo.canonicalize().unwrap_or_else(|_| order.repo.clone());
    command.arg(COMMAND).arg("--repo").arg(repo).arg("--spec").arg(&order.label).current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // SAFETY: between fork and exec nothing but system calls, on descriptors that `Order::hold` keeps open.
    unsafe {
        command.pre_exec(move || {
            rustix::process::setsid()?;
            for fd in &hold {
                fcntl_setfd(BorrowedFd::borrow_raw(*fd), FdFlags::empty())?;
            }
            Ok(())
        });
    }
    command
}

/// The life of a job on the engine's side.
async fn attend(mut child: Child, orders: Vec<u8>, heard: mpsc::UnboundedReceiver<u8>, recorder: Recorder) -> Outcome {
    let started = Instant::now();
    let session = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    let steering = child.stdin.take().map(|to| tokio::spawn(steer(to, orders, heard)));
    let (done, ended) = oneshot::channel();
    let listening = child.stderr.take().map(|from| tokio::spawn(listen(from, recorder, ended)));
    let mut line = Vec::new();
    if let Some(mut from) = child.stdout.take() {
        from.read_to_end(&mut line).await.ok(); // what is missing shows in the next line but one
    }
    child.wait().await.ok();
    let report: Option<Report> = serde_json::from_slice(&line).ok();
    let report = report.unwrap_or_else(|| {
        let strays = session.map_or(0, bury);
        Report { how: How::SupervisorLost, duration: started.elapsed(), strays }
    });
    if let Some(steering) = steering {
        steering.abort();
    }
    drop(done);
    let tail = match listening {
        Some(listening) => listening.await.unwrap_or_default(),
        None => String::new(),
    };
    Outcome { how: report.how, tail, duration: report.duration, strays: report.strays }
}

/// Sends the orders, then what there is to say. Returning closes the supervisor's standard input, which ends the child:
/// so it does when the job is dropped. A supervisor that no longer reads has ended, and its report says the rest.
async fn steer(mut to: ChildStdin, orders: Vec<u8>, mut heard: mpsc::UnboundedReceiver<u8>) {
    if to.write_all(&orders).await.is_err() {
        return;
    }
    drop(orders);
    while let Some(word) = heard.recv().await {
        if to.write_all(&[word]).await.is_err() {
            return;
        }
    }
}

/// Reads the output until its end, or until everything has `ended` and nothing more is in the pipe: somebody outside may
/// have been given its other end.
async fn listen(mut from: ChildStderr, mut recorder: Recorder, mut ended: oneshot::Receiver<()>) -> String {
    let mut buffer = vec![0u8; 64 << 10];
    loop {
        let due = recorder.due().map(tokio::time::Instant::from_std);
        tokio::select! {
            read = from.read(&mut buffer) => match read {
                Ok(0) | Err(_) => break,
                Ok(n) => recorder.feed(&buffer[..n]),
            },
            _ = &mut ended => {
                rest(from, &mut recorder, &mut buffer);
                break;
            }
            () = tokio::time::sleep_until(due.unwrap_or_else(tokio::time::Instant::now)), if due.is_some() => recorder.tick(),
        }
    }
    recorder.finish()
}

/// What is in the pipe at this moment; at most what a pipe can hold, however fast somebody goes on writing.
fn rest(from: ChildStderr, recorder: &mut Recorder, buffer: &mut [u8]) {
    let Ok(from) = from.into_owned_fd() else { return };
    if rustix::io::ioctl_fionbio(&from, true).is_err() {
        return;
    }
    let mut left = 1 << 20;
    while left > 0 {
        match rustix::io::read(&from, &mut *buffer) {
            Ok(n @ 1..) => {
                recorder.feed(&buffer[..n]);
                left -= n.min(left);
            }
            Err(Errno::INTR) => {}
            _ => return,
        }
    }
}

/// Kills what a lost supervisor left in its session, the child's group first of all. How many there were.
fn bury(session: Pid) -> u32 {
    let mut buried = std::collections::HashSet::new();
    loop {
        let fresh: Vec<_> = kin::of_session(session).into_iter().filter(|p| buried.insert(p.pid)).collect();
        if fresh.is_empty() {
            return u32::try_from(buried.len()).unwrap_or(u32::MAX);
        }
        for process in fresh {
            kin::send(process, Signal::KILL).ok();
        }
    }
}
