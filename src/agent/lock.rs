//! The lock of one spec: a file that is never unlinked, and a lock on it that the system itself gives back.
//!
//! On Linux it is an *open file description* lock: it belongs to the opened file, not to a process, so a descriptor that
//! the supervisor inherits keeps it, and it is free only when engine **and** supervisor are gone; and `F_OFD_GETLK` asks
//! who holds it without taking it, so that looking never gets in the way of a taker. Elsewhere it is `flock`, which
//! belongs to the opened file as well, asked after with `F_GETLK` (the BSDs report either kind there).
//!
//! What stands in the file is information for people and for the next run, never the lock itself.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A lock that is held. Dropping it gives it back, unless a supervisor still has a [`Share`]: then when that is gone.
#[derive(Debug)]
pub struct Lock {
    held: Arc<Held>,
}

/// A second descriptor of a lock, for a supervisor to hold on to.
#[derive(Debug)]
pub struct Share {
    fd: OwnedFd,
    held: Arc<Held>,
}

/// What lock and shares have in common.
#[derive(Debug)]
struct Held {
    file: File,
    /// Shares that were given out and are not known to be back.
    out: AtomicUsize,
}

/// A share that a supervisor has by now.
pub(super) struct HandedOver(Arc<Held>);

impl Share {
    /// The descriptor.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Closes the descriptor, now that the supervisor has inherited it.
    pub(super) fn handed_over(self) -> HandedOver {
        HandedOver(self.held)
    }
}

impl HandedOver {
    /// The supervisor is known to be gone. Dropped without that word, the share counts as still in use.
    pub(super) fn give_back(self) {
        self.0.out.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Held {
    /// Closing gives it back, but a process that is being started in another thread may have a copy of the descriptor
    /// for a moment. Where no supervisor can be left, say it aloud, so that no later taker fails for that.
    fn drop(&mut self) {
        if self.out.load(Ordering::SeqCst) == 0 {
            system::give_back(&self.file).ok(); // closing does the same, only later
        }
    }
}

/// The beginning of a line that says who holds the lock.
const HOLDER: &str = "holder ";

impl Lock {
    /// Takes the lock at once or not at all; `None` where somebody else holds it (DESIGN.md, section 5, "Claim").
    ///
    /// # Errors
    /// Where the file can be neither made nor locked.
    pub fn try_take(path: &Path) -> io::Result<Option<Self>> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)?;
        }
        let file = OpenOptions::new().create(true).truncate(false).read(true).append(true).open(path)?;
        let taken = system::take(&file)?;
        Ok(taken.then(|| Self { held: Arc::new(Held { file, out: AtomicUsize::new(0) }) }))
    }

    /// Whether anybody, this process included, holds the lock. Looking takes nothing and disturbs nobody.
    ///
    /// # Errors
    /// Where the file exists and cannot be asked. A file that is not there is not held.
    pub fn is_held(path: &Path) -> io::Result<bool> {
        match File::open(path) {
            Ok(file) => system::held(&file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A second descriptor of the same lock, for a supervisor to hold on to.
    ///
    /// # Errors
    /// Where the process has no descriptor left.
    pub fn share(&self) -> io::Result<Share> {
        let fd = self.held.file.as_fd().try_clone_to_owned()?;
        self.held.out.fetch_add(1, Ordering::SeqCst);
        Ok(Share { fd, held: self.held.clone() })
    }

    /// Appends a line, flattened: the id of a commit that the engine made, say.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn note(&self, line: &str) -> io::Result<()> {
        let mut line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        line.push('\n');
        (&self.held.file).write_all(line.as_bytes())
    }

    /// Appends a line to the file of a lock that this process holds elsewhere.
    ///
    /// # Errors
    /// Where the file is not there or cannot be written.
    pub fn append(path: &Path, line: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).open(path)?;
        file.write_all(format!("{}\n", line.replace(char::is_control, " ")).as_bytes())
    }

    /// Notes who holds the lock (`<pid> <host> <run>`), for those who come too late.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn describe(&self, who: &str) -> io::Result<()> {
        self.note(&format!("{HOLDER}{who}"))
    }

    /// Empties the file, once what earlier runs noted has served its purpose.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn forget(&self) -> io::Result<()> {
        self.held.file.set_len(0)
    }

    /// What stands in the file; empty where there is none.
    ///
    /// # Errors
    /// Where the file is there and cannot be read.
    pub fn read(path: &Path) -> io::Result<String> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error),
        }
    }

    /// Who last said to hold the lock; whether they still do is for [`Self::is_held`].
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn holder(path: &Path) -> io::Result<Option<String>> {
        let text = Self::read(path)?;
        Ok(text.lines().rev().find_map(|line| line.strip_prefix(HOLDER)).map(str::to_owned))
    }

    /// The lines noted so far, without those that name holders.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn notes(path: &Path) -> io::Result<Vec<String>> {
        let text = Self::read(path)?;
        Ok(text.lines().filter(|line| !line.starts_with(HOLDER)).map(str::to_owned).collect())
    }
}

#[cfg(target_os = "linux")]
mod system {
    use super::*;

    pub(super) fn take(file: &File) -> io::Result<bool> {
        match fcntl(file, libc::F_OFD_SETLK, libc::F_WRLCK) {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn held(file: &File) -> io::Result<bool> {
        Ok(i32::from(fcntl(file, libc::F_OFD_GETLK, libc::F_WRLCK)?.l_type) != libc::F_UNLCK)
    }

    pub(super) fn give_back(file: &File) -> io::Result<()> {
        fcntl(file, libc::F_OFD_SETLK, libc::F_UNLCK).map(|_| ())
    }

    /// One question about the whole file.
    fn fcntl(file: &File, what: libc::c_int, kind: libc::c_int) -> io::Result<libc::flock> {
        // SAFETY: `flock` is plain integers, for which zero is a value (and l_pid must be zero for these commands).
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = kind as libc::c_short;
        lock.l_whence = libc::SEEK_SET as libc::c_short;
        loop {
            // SAFETY: the descriptor is open and `lock` lives across the call, which writes nothing else.
            if unsafe { libc::fcntl(file.as_raw_fd(), what, &raw mut lock) } == 0 {
                return Ok(lock);
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::*;
    use rustix::fs::{FlockOperation, flock};

    pub(super) fn take(file: &File) -> io::Result<bool> {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn held(file: &File) -> io::Result<bool> {
        // SAFETY: as above: plain integers, a descriptor that is open, a structure that outlives the call.
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = libc::F_WRLCK as _;
        lock.l_whence = libc::SEEK_SET as _;
        // SAFETY: see above.
        match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &raw mut lock) } {
            0 => Ok(lock.l_type != libc::F_UNLCK as _),
            _ => Err(io::Error::last_os_error()),
        }
    }

    pub(super) fn give_back(file: &File) -> io::Result<()> {
        Ok(flock(file, FlockOperation::Unlock)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_until_every_share_of_it_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("locks/001-x");
        assert!(!Lock::is_held(&path).unwrap(), "no file, no holder");
        let lock = Lock::try_take(&path).unwrap().expect("free");
        assert!(Lock::is_held(&path).unwrap() && Lock::try_take(&path).unwrap().is_none());
        let share = lock.share().unwrap();
        drop(lock);
        assert!(Lock::is_held(&path).unwrap() && Lock::try_take(&path).unwrap().is_none());
        drop(share);
        assert!(!Lock::is_held(&path).unwrap() && Lock::try_take(&path).unwrap().is_some());
    }

    #[test]
    fn a_lock_whose_supervisors_are_gone_is_free_whoever_still_has_a_copy_of_its_descriptor() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("001-x");
        let lock = Lock::try_take(&path).unwrap().unwrap();
        let being_started = lock.held.file.try_clone().unwrap();
        lock.share().unwrap().handed_over().give_back();
        drop(lock);
        assert!(!Lock::is_held(&path).unwrap());
        drop(being_started);
    }

    #[test]
    fn a_lock_whose_supervisor_may_still_be_there_is_left_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("001-x");
        let lock = Lock::try_take(&path).unwrap().unwrap();
        let of_the_supervisor = lock.held.file.try_clone().unwrap();
        drop(lock.share().unwrap().handed_over());
        drop(lock);
        assert!(Lock::is_held(&path).unwrap());
        drop(of_the_supervisor);
        assert!(!Lock::is_held(&path).unwrap());
    }

    #[test]
    fn notes_and_holders_outlive_the_lock_until_they_are_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("001-x");
        assert_eq!(Lock::holder(&path).unwrap(), None);
        let lock = Lock::try_take(&path).unwrap().unwrap();
        lock.describe("17 box run-1").unwrap();
        lock.note("abc\ndef").unwrap();
        drop(lock);
        let lock = Lock::try_take(&path).unwrap().unwrap();
        lock.describe("18 box run-2").unwrap();
        assert_eq!(Lock::holder(&path).unwrap().unwrap(), "18 box run-2");
        assert_eq!(Lock::notes(&path).unwrap(), ["abc def"]);
        lock.forget().unwrap();
        lock.note("later").unwrap();
        assert_eq!(Lock::read(&path).unwrap(), "later\n");
    }
}
