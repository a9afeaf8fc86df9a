//! Signals of the supervisor: each becomes a byte in a pipe, so that one `poll` waits for everything.

use std::io;
use std::os::fd::{IntoRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::pipe::{PipeFlags, pipe_with};

/// The writing end, for the handler; −1 before [`catch`].
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// What would end a supervisor, and must end what it supervises first.
const ENDING: [libc::c_int; 4] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT];

/// Turns SIGCHLD and the signals that ask to end into bytes that the returned descriptor gives, one a signal.
pub(super) fn catch() -> io::Result<OwnedFd> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    WAKE.store(write.into_raw_fd(), Ordering::SeqCst);
    for signal in ENDING.into_iter().chain([libc::SIGCHLD]) {
        // SAFETY: a zeroed sigaction is a valid one, the handler has the type that goes without SA_SIGINFO, and it does
        // only what a handler may.
        let done = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = woken as extern "C" fn(libc::c_int) as usize;
            action.sa_flags = libc::SA_RESTART;
            libc::sigemptyset(&raw mut action.sa_mask);
            libc::sigaction(signal, &raw const action, std::ptr::null_mut())
        };
        if done != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    unblock()?;
    Ok(read)
}

/// Whether a byte that [`catch`] gave stands for a wish to end.
pub(super) fn ends(byte: u8) -> bool {
    ENDING.contains(&libc::c_int::from(byte))
}

/// A full pipe is as good as another byte in it.
extern "C" fn woken(signal: libc::c_int) {
    let byte = signal as u8;
    // SAFETY: write is async-signal-safe, the buffer is one byte on the stack; errno is put back for whom it interrupts.
    unsafe {
        let errno = *errno();
        libc::write(WAKE.load(Ordering::SeqCst), (&raw const byte).cast(), 1);
        *self::errno() = errno;
    }
}

/// Where errno lives.
fn errno() -> *mut libc::c_int {
    #[cfg(target_os = "linux")]
    // SAFETY: has no preconditions.
    unsafe {
        libc::__errno_location()
    }
    #[cfg(not(target_os = "linux"))]
    // SAFETY: has no preconditions.
    unsafe {
        libc::__error()
    }
}

/// Every handler and every ignored signal back to its default, nothing blocked: how a child expects to start.
///
/// Async-signal-safe, for use between fork and exec.
pub(super) fn reset() -> io::Result<()> {
    for signal in 1..=64 {
        if signal != libc::SIGKILL && signal != libc::SIGSTOP {
            // SAFETY: no handler is installed, one is taken away. What the C library keeps to itself it refuses.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }
    unblock()
}

/// Nothing is blocked from here on, whatever was inherited.
fn unblock() -> io::Result<()> {
    // SAFETY: the set is initialised by sigemptyset before it is read.
    let done = unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes out every byte that waits.
pub(super) fn drain(pipe: &OwnedFd) -> Vec<u8> {
    let mut bytes = [0u8; 256];
    let mut all = Vec::new();
    while let Ok(n @ 1..) = rustix::io::read(pipe, &mut bytes) {
        all.extend_from_slice(&bytes[..n]);
    }
    all
}
