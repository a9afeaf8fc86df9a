//! What a process may still touch that runs somebody else's work: a set of directories to write in, and the network or
//! none.
//!
//! # How the room works
//!
//! A [`Cage`] is plain data. Whoever starts a process makes it [`ready`](Cage::ready) before the fork and
//! [enters](Ready::enter) it between fork and exec; what is started, and all that it starts, cannot get out again. On
//! Linux that is landlock, whose rules hold for files by where they are and not by their names, so that neither links
//! nor `..` nor `/proc` lead around them. It goes together with `no_new_privs`, which takes the teeth out of setuid
//! programs. Elsewhere nothing can be enforced, and [`support`] says so.
//!
//! Which variables are handed on is the second half: [`passes`] decides it by name and value, and knows no process. What of
//! them, and of files of settings ([`secrets_in`]), nobody is to read in a log, [`is_hidden`] says.
//! [`Traces`] finds such values where they must not be.
//! [`refused`] tells from what a program said last that it met the cage, and what would open it.
//!
//! A [`Fence`] is a cage for one program that Git is about to start, Git itself staying free.
//!
//! The room knows neither Git nor agents; both use it.

use std::io;
use std::path::PathBuf;

#[cfg(target_os = "linux")]
mod calls;
mod fence;
pub(crate) mod kin;
#[cfg(target_os = "linux")]
mod linux;
mod refused;
mod secret;
mod secrets_in;
mod traces;
mod vars;

pub use fence::{FENCE, Fence, fence_main, fenced, is_lfs};
#[cfg(target_os = "linux")]
pub use linux::Ready;
pub use refused::{Surroundings, refused};
pub use secret::{is_hidden, looks_secret, password_in};
pub use secrets_in::{as_text, secrets_in};
pub use traces::{Trace, Traces};
pub use vars::{names, passes};

/// What is left open. Reading is allowed everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cage {
    /// Files, and directories with all that is in them, in which everything may be made, changed and deleted. What is
    /// not there when the process starts stays closed.
    pub write: Vec<PathBuf>,
    /// Whether no network is there but a loopback of its own.
    pub no_net: bool,
}

/// What this system can enforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// Landlock, of this version of its interface.
    Landlock(i32),
    /// Nothing, and why.
    Nothing(&'static str),
}

impl Support {
    /// The first version that is of use: before it no file can be renamed from one directory to another, which breaks
    /// most builds.
    const LEAST: i32 = 2;

    /// Whether a cage can be entered.
    pub fn is_there(self) -> bool {
        matches!(self, Self::Landlock(_))
    }

    /// What this kernel's version does not stop, and a later one does.
    pub fn holes(self) -> Vec<&'static str> {
        let Self::Landlock(version) = self else { return Vec::new() };
        let since = [
            (3, "files outside can be cut to nothing by truncate(2)"),
            (5, "devices that can be read can be sent commands"),
            (6, "processes outside can be sent signals, and abstract sockets connected to"),
            (9, "sockets that are files can be connected to"),
        ];
        since.into_iter().filter(|(closed, _)| version < *closed).map(|(_, hole)| hole).collect()
    }
}

/// What this system can enforce; asked of the kernel.
pub fn support() -> Support {
    #[cfg(target_os = "linux")]
    return linux::support();
    #[cfg(not(target_os = "linux"))]
    Support::Nothing("this system has no landlock")
}

/// Whether a process may be cut off from the network here: tried, with one that does nothing.
///
/// # Errors
/// What the system says to it.
pub fn net_can_go() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return linux::net_can_go();
    #[cfg(not(target_os = "linux"))]
    Err(io::ErrorKind::Unsupported.into())
}

/// Where there is nothing to enter, no cage is made ready.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub struct Ready;

#[cfg(not(target_os = "linux"))]
impl Cage {
    /// # Errors
    /// Always.
    pub fn ready(&self) -> io::Result<Ready> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(not(target_os = "linux"))]
impl Ready {
    /// # Errors
    /// Always.
    pub fn leave_net(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// # Errors
    /// Always.
    pub fn enter(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_kernel_has_no_more_holes_than_an_older_one() {
        let holes: Vec<usize> = (2..=10).map(|version| Support::Landlock(version).holes().len()).collect();
        assert!(holes.is_sorted_by(|older, newer| older >= newer), "{holes:?}");
        assert_eq!((holes[0], holes[8]), (4, 0));
    }
}
