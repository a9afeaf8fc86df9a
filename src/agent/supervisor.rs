//! The supervisor: a small process between the engine and one child, which sees to it that nothing survives.
//!
//! It is this very program, started again as `chant __supervise --repo <common dir> --spec <label>`; the arguments are
//! there to be recognised by ([`super::inside_run`]), its orders come on standard input ([`super::wire`]). It has one
//! thread, for the parent-death signal that it sets on the child fires when the *thread* that started it ends. It leads
//! a session of its own, so that Ctrl-C reaches the engine alone. On Linux it is a subreaper: whatever its child starts
//! stays below it, also what calls `setsid` or forks twice.
//!
//! When the child has ended, was told to, ran out of time, or the engine is gone (its end of standard input closes with
//! it, SIGKILL included), everything below gets TERM, a grace, and KILL until nothing is left. Only then does the
//! supervisor report and exit, and its share of the spec's lock is free.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid};

use super::signals;
use super::wire::{How, KILL, Orders, Report, STOP};
use crate::cage::{Cage, Ready, kin};

/// How long what a child left running may take to end by itself: the last process of a pipeline, say.
const SETTLE: Duration = Duration::from_millis(100);
/// The longest grace for what a child left running; it had no business to.
const STRAY_GRACE: Duration = Duration::from_secs(2);
/// How often what does not die is killed again.
const AGAIN: Duration = Duration::from_millis(20);

/// Runs the supervisor to its end and gives its exit code. Called by `main` for [`super::wire::COMMAND`], before anything starts a
/// thread. `args` (what follows the command's name) is for others to read.
pub fn supervise_main(_args: &[OsString]) -> i32 {
    match std::panic::catch_unwind(supervise) {
        Ok(Ok(())) => return 0,
        // Standard error is the child's output pipe: what went wrong shows up in the transcript.
        Ok(Err(error)) => drop(writeln!(io::stderr(), "chant: supervisor: {error}")),
        Err(_) => {} // the panic has said so itself
    }
    last_resort();
    1
}

/// Kills whatever is left below a supervisor that failed itself: a bug in it must not set a daemon free.
fn last_resort() {
    for _ in 0..250 {
        while matches!(rustix::process::wait(WaitOptions::NOHANG), Ok(Some(_))) {}
        let below = kin::descendants(getpid(), getpid());
        if below.is_empty() {
            return;
        }
        for process in below {
            kin::send(process, Signal::KILL).ok(); // the next round tells whether it is gone
        }
        std::thread::sleep(AGAIN);
    }
}

fn supervise() -> io::Result<()> {
    let wake = signals::catch()?;
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(getpid()))?;
    let Some((orders, stdin)) = receive()? else { return Ok(()) };
    for fd in &orders.hold {
        // SAFETY: the engine let these descriptors be inherited; nobody in this process closes them.
        fcntl_setfd(unsafe { BorrowedFd::borrow_raw(*fd) }, FdFlags::CLOEXEC)?;
    }
    let started = Instant::now();
    let (how, strays) = match start(&orders, stdin) {
        Ok(child) => Watch::new(child, &orders, started, wake).run(),
        Err(error) => (How::CouldNotStart(error.to_string()), 0),
    };
    let mut line = serde_json::to_vec(&Report { how, duration: started.elapsed(), strays })?;
    line.push(b'\n');
    match io::stdout().write_all(&line).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()), // an engine that is gone needs no report
    }
}

/// Reads the orders and the child's standard input; `None` where the engine was gone before it had given them.
fn receive() -> io::Result<Option<(Orders, Stdio)>> {
    // Unbuffered, for what follows the orders is not for this reader.
    let mut control = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let orders = match Orders::decode(&mut control) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        orders => orders?,
    };
    if orders.stdin_len == 0 {
        return Ok(Some((orders, Stdio::null())));
    }
    // A file, not a pipe: a child that never reads blocks nobody, and nobody has to feed it.
    let mut file = nameless()?;
    let wanted = orders.stdin_len as u64;
    if io::copy(&mut (&control).take(wanted), &mut file)? < wanted {
        return Ok(None);
    }
    file.rewind()?;
    Ok(Some((orders, file.into())))
}

#[cfg(target_os = "linux")]
fn nameless() -> io::Result<File> {
    Ok(rustix::fs::memfd_create("chant-stdin", rustix::fs::MemfdFlags::CLOEXEC)?.into())
}

#[cfg(not(target_os = "linux"))]
fn nameless() -> io::Result<File> {
    let path = std::env::temp_dir().join(format!("chant-stdin-{}", getpid().as_raw_nonzero()));
    let file = std::fs::OpenOptions::new().create_new(true).read(true).write(true).open(&path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

/// Starts the child in a process group of its own, with its output where this process has its standard error.
fn start(orders: &Orders, stdin: Stdio) -> io::Result<Pid> {
    let [program, args @ ..] = orders.argv.as_slice() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no program is given"));
    };
    let os = |text: &super::wire::Text| OsString::from(text.clone());
    let output = || io::stderr().as_fd().try_clone_to_owned().map(Stdio::from);
    let mut command = Command::new(os(program));
    command.args(args.iter().map(os)).current_dir(os(&orders.cwd)).env_clear();
    command.envs(orders.env.iter().map(|(key, value)| (os(key), os(value))));
    command.stdin(stdin).stdout(output()?).stderr(output()?).process_group(0);
    let supervisor = getpid();
    // Opened here: only this process, and nothing that it starts, may still do so.
    let mut cage = orders.cage.as_ref().map(|fence| Cage::from(fence).ready()).transpose()?;
    // SAFETY: between fork and exec of a process with one thread; nothing but system calls.
    unsafe {
        command.pre_exec(move || {
            if let Some(cage) = &mut cage {
                cage.leave_net()?;
            }
            #[cfg(target_os = "linux")]
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            if rustix::process::getppid() != Some(supervisor) {
                return Err(io::ErrorKind::BrokenPipe.into()); // it died before the signal was set
            }
            signals::reset()?;
            cage.as_mut().map_or(Ok(()), Ready::enter)
        });
    }
    // Reaped by `Watch::reap` together with everything that is handed down to a subreaper.
    let child = command.spawn()?;
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("a process without an id"))
}

/// The reading end of the pipe that is this process's standard error. With it open, what a child prints as it cleans up
/// after the engine's death does not kill it (SIGPIPE) before it has.
#[cfg(target_os = "linux")]
fn other_end() -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open("/proc/self/fd/2").ok()
}

#[cfg(not(target_os = "linux"))]
fn other_end() -> Option<File> {
    None
}

/// Where the watch over a child stands.
enum Phase {
    /// It runs, until then at most.
    Running(Option<Instant>),
    /// It ended; what it left may end by itself until then.
    Settling(Instant),
    /// Everything was asked to end, and may take until then.
    Ending(Instant),
    /// Everything is being killed.
    Killing,
}

struct Watch {
    child: Pid,
    grace: Duration,
    phase: Phase,
    /// Why it is being ended, where that was not its own doing.
    why: Option<How>,
    ended: Option<WaitStatus>,
    strays: HashSet<Pid>,
    wake: OwnedFd,
    /// Closed by the engine's end: then there is nothing more to hear.
    deaf: bool,
    /// The other end of the child's output, to be emptied once the engine no longer does.
    output: Option<File>,
}

impl Watch {
    fn new(child: Pid, orders: &Orders, started: Instant, wake: OwnedFd) -> Self {
        let deadline = orders.timeout.and_then(|timeout| started.checked_add(timeout));
        Self {
            child,
            grace: orders.grace,
            phase: Phase::Running(deadline),
            why: None,
            ended: None,
            strays: HashSet::new(),
            wake,
            deaf: false,
            output: other_end(),
        }
    }

    fn run(mut self) -> (How, u32) {
        // The child itself may be unkillable (it changed its user): then there is nothing to wait for.
        while !self.reap() && self.advance(Instant::now()) {
            self.listen();
        }
        let how = match (self.why, self.ended) {
            (Some(why), _) => why,
            (None, Some(status)) => match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => How::Exited(code),
                (None, Some(signal)) => How::Signalled(signal),
                (None, None) => How::SupervisorLost,
            },
            (None, None) => How::SupervisorLost,
        };
        (how, u32::try_from(self.strays.len()).unwrap_or(u32::MAX))
    }

    /// Collects what has died. Whether nothing is left: a subreaper without children has no descendants either.
    fn reap(&mut self) -> bool {
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.child => self.ended = Some(status),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return false,
                Err(_) => return cfg!(target_os = "linux") || self.below().is_empty(), // ECHILD: it has no children
            }
        }
    }

    /// Goes on to the next phase where it is time to. False where waiting on would be in vain.
    fn advance(&mut self, now: Instant) -> bool {
        match self.phase {
            Phase::Running(_) if self.ended.is_some() => self.phase = Phase::Settling(now + SETTLE),
            Phase::Running(Some(deadline)) if now >= deadline => self.end(How::TimedOut),
            Phase::Settling(until) if now >= until => {
                self.ask();
                self.phase = Phase::Ending(now + self.grace.min(STRAY_GRACE));
            }
            Phase::Ending(until) if now >= until => {
                self.phase = Phase::Killing;
                return self.kill();
            }
            Phase::Killing => return self.kill(),
            _ => {}
        }
        true
    }

    /// Begins to end everything, for a reason that is not the child's own.
    fn end(&mut self, why: How) {
        match self.phase {
            Phase::Running(_) => {
                if self.ended.is_none() {
                    self.why = Some(why);
                }
            }
            Phase::Settling(_) => {}
            Phase::Ending(_) | Phase::Killing => return,
        }
        self.ask();
        self.phase = Phase::Ending(Instant::now() + self.grace);
    }

    /// Asks everything there is to end, once: what a dying process starts to clean up after itself is left alone.
    fn ask(&mut self) {
        for process in self.below() {
            self.signal(process, Signal::TERM);
            self.signal(process, Signal::CONT); // one that is stopped could not hear it
        }
    }

    /// Kills until nothing new turns up. False where all that is left may not be killed by this user.
    fn kill(&mut self) -> bool {
        let mut seen = HashSet::new();
        let mut any = true;
        loop {
            let below = self.below();
            let fresh = below.iter().filter(|process| seen.insert(process.pid)).count();
            if fresh == 0 {
                return any;
            }
            any = false;
            for process in below {
                any |= self.signal(process, Signal::KILL);
            }
        }
    }

    /// Whether the signal could be sent; one that is already gone counts as well.
    fn signal(&mut self, process: kin::Process, signal: Signal) -> bool {
        let sent = kin::send(process, signal);
        if sent.is_ok() && self.ended.is_some() && !process.zombie {
            self.strays.insert(process.pid);
        }
        sent != Err(Errno::PERM)
    }

    fn below(&self) -> Vec<kin::Process> {
        kin::descendants(getpid(), self.child)
    }

    /// Waits for a death, a word from the engine, or the end of the phase.
    fn listen(&mut self) {
        let until = match self.phase {
            Phase::Running(deadline) => deadline,
            Phase::Settling(until) | Phase::Ending(until) => Some(until),
            Phase::Killing => Some(Instant::now() + AGAIN),
        };
        let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let control = io::stdin();
        let mut fds = vec![PollFd::new(&self.wake, PollFlags::IN)];
        match &self.output {
            Some(output) if self.deaf => fds.push(PollFd::new(output, PollFlags::IN)),
            None if self.deaf => {}
            _ => fds.push(PollFd::new(&control, PollFlags::IN)),
        }
        let polled = poll(&mut fds, timeout.as_ref());
        let spoken = polled.is_ok() && fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
        if signals::drain(&self.wake).into_iter().any(signals::ends) || polled.is_err_and(|error| error != Errno::INTR)
        {
            self.end(How::Stopped);
        }
        if spoken && self.deaf {
            self.discard();
        } else if spoken {
            self.obey();
        }
    }

    /// Hears what the engine says; its end is a word as well.
    fn obey(&mut self) {
        let mut words = [0u8; 16];
        let words = match rustix::io::read(io::stdin(), &mut words) {
            Ok(heard) => &words[..heard],
            Err(Errno::INTR | Errno::AGAIN) => return,
            Err(_) => &[],
        };
        self.deaf = words.is_empty();
        if self.deaf || words.contains(&STOP) {
            self.end(How::Stopped);
        }
        if words.contains(&KILL) {
            self.end(How::Stopped);
            self.phase = Phase::Killing;
        }
    }

    /// Empties the child's output in the engine's place.
    fn discard(&mut self) {
        let read = self.output.as_mut().map(|output| output.read(&mut [0u8; 64 << 10]));
        if !matches!(read, Some(Ok(1..))) {
            self.output = None;
        }
    }
}
