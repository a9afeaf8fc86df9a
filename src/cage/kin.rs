//! Who descends from whom, as the system tells it.
//!
//! On Linux this is `/proc/<pid>/stat`: together with a subreaper it finds every process that a child ever started, also
//! those that called `setsid` or forked twice. Elsewhere only the child's process group is known.

use rustix::process::{Pid, Signal};

/// One process as `/proc` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub pid: Pid,
    pub parent: Option<Pid>,
    pub session: Option<Pid>,
    pub zombie: bool,
}

#[cfg(target_os = "linux")]
pub(crate) use linux::{descendants, of_session, process, send};

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::{HashMap, HashSet};

    use super::*;

    /// Every living process below `ancestor`, nearest first; `_child` tells nothing more here.
    pub(crate) fn descendants(ancestor: Pid, _child: Pid) -> Vec<Process> {
        let mut below: HashMap<Pid, Vec<Process>> = HashMap::new();
        for process in all() {
            if let Some(parent) = process.parent {
                below.entry(parent).or_default().push(process);
            }
        }
        let mut found: Vec<Process> = below.remove(&ancestor).unwrap_or_default();
        let mut seen: HashSet<Pid> = found.iter().map(|process| process.pid).collect();
        let mut next = 0;
        while let Some(process) = found.get(next) {
            let children = below.remove(&process.pid).unwrap_or_default();
            found.extend(children.into_iter().filter(|process| seen.insert(process.pid)));
            next += 1;
        }
        found
    }

    /// Every process of a session: what a lost supervisor leaves behind and can still be told.
    pub(crate) fn of_session(session: Pid) -> Vec<Process> {
        all().filter(|process| process.session == Some(session)).collect()
    }

    /// One process, `None` where it is gone.
    pub(crate) fn process(pid: Pid) -> Option<Process> {
        parse(&std::fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?)
    }

    /// Sends a signal to what [`descendants`] found.
    pub(crate) fn send(process: Process, signal: Signal) -> rustix::io::Result<()> {
        rustix::process::kill_process(process.pid, signal)
    }

    fn all() -> impl Iterator<Item = Process> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            process(Pid::from_raw(pid)?)
        })
    }

    /// `pid (name) state ppid pgrp session …`, where the name may hold anything, parentheses and spaces too.
    pub(super) fn parse(stat: &[u8]) -> Option<Process> {
        let open = stat.iter().position(|b| *b == b'(')?;
        let close = stat.iter().rposition(|b| *b == b')')?;
        let pid = id(std::str::from_utf8(&stat[..open]).ok()?)?;
        let mut rest = std::str::from_utf8(stat.get(close + 1..)?).ok()?.split_ascii_whitespace();
        let state = rest.next()?;
        let parent = id(rest.next()?);
        let session = id(rest.nth(1)?);
        Some(Process { pid, parent, session, zombie: matches!(state, "Z" | "X") })
    }

    /// A process id; there is none above process 1 (0), nor in a process that is just being taken down (−1).
    fn id(text: &str) -> Option<Pid> {
        Pid::from_raw(text.trim().parse().ok().filter(|raw| *raw > 0)?)
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{descendants, of_session, send};

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::*;

    /// The child's process group, as one, while anything in it lives.
    pub(crate) fn descendants(_ancestor: Pid, child: Pid) -> Vec<Process> {
        match rustix::process::test_kill_process_group(child) {
            Ok(()) => vec![Process { pid: child, parent: None, session: None, zombie: false }],
            Err(_) => Vec::new(),
        }
    }

    /// Nothing can be told.
    pub(crate) fn of_session(_session: Pid) -> Vec<Process> {
        Vec::new()
    }

    /// Sends a signal to the group.
    pub(crate) fn send(process: Process, signal: Signal) -> rustix::io::Result<()> {
        rustix::process::kill_process_group(process.pid, signal)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_name_full_of_parentheses_hides_no_field() {
        let process = linux::parse(b"42 (a) R 1 (b)) Z 7 42 9 0 -1").unwrap();
        assert_eq!((process.pid.as_raw_nonzero().get(), process.zombie), (42, true));
        assert_eq!((process.parent, process.session), (Pid::from_raw(7), Pid::from_raw(9)));
        assert_eq!(linux::parse(b"garbage"), None);
    }

    #[test]
    fn a_process_that_is_just_being_taken_down_has_no_session_and_no_parent() {
        let process = linux::parse(b"42 (a) X 0 -1 -1 0 -1").unwrap();
        assert_eq!((process.parent, process.session), (None, None));
    }

    #[test]
    fn the_parent_of_this_process_has_it_among_its_descendants() {
        let me = rustix::process::getpid();
        let parent = rustix::process::getppid().unwrap();
        assert!(descendants(parent, me).iter().any(|process| process.pid == me));
        assert_eq!(process(me).unwrap().parent, Some(parent));
    }
}
