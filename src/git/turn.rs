//! Taking turns: short locks of a repository's that processes of chant wait for.
//!
//! A lock on a file can be taken by whoever can read it, agents among them, and they may keep it for as long as they run.
//! So nobody waits without end for a process that is not chant: it is named instead.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::{Error, Repo, Result, scratch};

/// How long one waits before one looks whom one waits for.
const PATIENCE: Duration = Duration::from_secs(5);

impl Repo {
    /// Waits for a lock of this repository, and holds it until dropped.
    ///
    /// # Errors
    /// [`Error::Held`] where what holds it is not chant, and [`Error::Io`].
    pub(super) fn turn(&self, name: &str) -> Result<File> {
        let dir = self.common_dir().join("chant/locks");
        let path = dir.join(name);
        let open = || {
            fs::create_dir_all(&dir)?;
            File::options().create(true).append(true).open(&path)
        };
        let file = open().map_err(Error::io("open", &path))?;
        wait(file, &path, PATIENCE)
    }
}

fn wait(file: File, path: &Path, patience: Duration) -> Result<File> {
    let failed = || Error::io("lock", path);
    if scratch::try_lock(&file).map_err(failed())? {
        return Ok(file);
    }
    // A lock belongs to the opened file, so that another thread can wait for it; given up, it is closed where it comes.
    let waiting = file.try_clone().map_err(failed())?;
    let (done, got) = mpsc::channel();
    std::thread::spawn(move || done.send(waiting.lock()).ok());
    loop {
        match got.recv_timeout(patience) {
            Ok(locked) => return locked.map(|()| file).map_err(failed()),
            Err(RecvTimeoutError::Timeout) => {
                if let Some((pid, program)) = stranger(&file).map_err(failed())? {
                    return Err(Error::Held { path: path.to_owned(), pid, program });
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Err(failed()(io::ErrorKind::Interrupted.into())),
        }
    }
}

/// Who holds the lock of a file, where the system tells and it runs another program than this process.
fn stranger(file: &File) -> io::Result<Option<(u32, String)>> {
    let inode = file.metadata()?.ino();
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let own = program("self");
    let mut others = holders(&locks, inode).filter_map(|pid| {
        let its = program(&pid.to_string())?;
        (own.as_ref().is_some_and(|own| own.file_name() != its.file_name())).then(|| (pid, its.display().to_string()))
    });
    Ok(others.next())
}

/// The program that a process runs.
fn program(pid: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// The processes that hold a lock by flock(2) on a file, of the lines of `/proc/locks` (proc_locks(5)). Those that wait have an arrow.
fn holders(locks: &str, inode: u64) -> impl Iterator<Item = u32> {
    locks.lines().filter_map(move |line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (["FLOCK", _, _, pid, place], _) = words.get(1..)?.split_first_chunk()? else { return None };
        let its = place.rsplit(':').next()?.parse::<u64>().ok()?;
        (its == inode).then(|| pid.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufRead as _;
    use std::process::{Command, Stdio};

    #[test]
    fn holders_are_read_from_what_the_system_lists() {
        let locks = "1: FLOCK  ADVISORY  WRITE 4242 fe:00:77 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 5 fe:00:77 0 EOF\n\
                     2: OFDLCK ADVISORY  WRITE -1 fe:00:77 0 EOF\n3: FLOCK  ADVISORY  WRITE 7 fe:00:78 0 EOF\nnonsense\n";
        assert_eq!(holders(locks, 77).collect::<Vec<_>>(), [4242]);
        assert_eq!(holders(locks, 1).count(), 0);
    }

    #[test]
    fn one_waits_for_a_process_of_chants_and_names_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let open = || File::options().create(true).append(true).open(&path).unwrap();
        // This process is one that runs the same program.
        let held = open();
        held.lock().unwrap();
        let listed = stranger(&held).unwrap();
        assert!(listed.is_none(), "{listed:?}");
        let brief = Duration::from_millis(20);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| wait(open(), &path, brief));
            held.unlock().unwrap();
            waiter.join().unwrap().unwrap();
        });
        let mut command = Command::new("flock");
        command.arg(&path).args(["sh", "-c", "echo held; cat"]);
        let Ok(mut holder) = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
            eprintln!("not tried: there is no flock(1)");
            return;
        };
        let mut said = String::new();
        io::BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "held\n");
        let Err(Error::Held { pid, .. }) = wait(open(), &path, brief) else { panic!("it waited") };
        assert!(pid == holder.id() || program(&pid.to_string()).is_some());
        drop(holder.stdin.take());
        holder.wait().unwrap();
        wait(open(), &path, brief).unwrap();
    }
}
