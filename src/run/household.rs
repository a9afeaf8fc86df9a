//! Directories of the run's own for the clients of models, laid out beside its cell: links to what the user's
//! holds, copies of a few files, and the way back for credentials that were renewed meanwhile.
//!
//! What is brought back must be a file of its own (no link), of JSON, and newer than the user's; it goes into a file that
//! is there already. It comes at once, for whoever else has the same credentials needs the new ones; and a killed run's
//! by whoever takes its cell over, which is why the list stands beside the cell.

use std::cmp::Ordering;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fs::OFlags;
use serde_json::Value;

use crate::agent::Household;

/// How often it is looked whether there is something to bring back.
const BEAT: Duration = Duration::from_secs(1);
/// The largest file of credentials that is brought back, in bytes.
const LARGEST: u64 = 1 << 20;

/// One that is laid out.
pub(super) struct House {
    /// What leads the client there.
    pub variable: (OsString, OsString),
    /// What of the user's is open to it.
    pub open: Vec<PathBuf>,
    /// What is brought back: from where, and where to.
    pub returns: Vec<(PathBuf, PathBuf)>,
}

/// Lays a client's directory out at a path where nothing is yet.
pub(super) fn lay(house: &Household, at: &Path) -> io::Result<House> {
    fs::DirBuilder::new().mode(0o700).create(at)?;
    for entry in fs::read_dir(&house.dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        match name.to_str() {
            Some(known) if house.adds_to(known) => add_to(&entry.path(), &at.join(name))?,
            Some(known) if house.reads(known) => symlink(entry.path(), at.join(name))?,
            _ => {}
        }
    }
    let mut open = Vec::new();
    for name in house.shares {
        let theirs = house.dir.join(name);
        make(&theirs)?;
        symlink(&theirs, at.join(name))?;
        open.push(theirs);
    }
    let mut returns = Vec::new();
    for name in house.opens.iter().chain(house.returns) {
        let theirs = house.dir.join(name);
        if !theirs.is_file() {
            continue;
        }
        symlink(&theirs, at.join(name))?;
        if house.opens.contains(name) {
            open.push(theirs);
        } else {
            returns.push((at.join(name), theirs));
        }
    }
    for (from, name) in &house.copies {
        if let Ok(bytes) = fs::read(from) {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(at.join(name))?;
            file.write_all(&bytes)?;
        }
    }
    Ok(House { variable: (house.variable.into(), at.as_os_str().to_owned()), open, returns })
}

/// A directory with links to what another one holds, but for what a client keeps there by itself.
fn add_to(theirs: &Path, at: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(at)?;
    for entry in fs::read_dir(theirs).into_iter().flatten().flatten() {
        if !entry.file_name().as_bytes().starts_with(b".") {
            symlink(entry.path(), at.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Makes a directory of the user's that a client writes in, where it is not there.
pub(super) fn make(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Brings renewed credentials back for as long as it lives.
pub(super) struct Courier {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Courier {
    /// Begins, where there is something that may have to be brought back.
    pub(super) fn start(returns: Vec<(PathBuf, PathBuf)>) -> Option<Self> {
        if returns.is_empty() {
            return None;
        }
        let (end, ended) = channel();
        let thread = std::thread::spawn(move || {
            while ended.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
                bring_back(&returns);
            }
        });
        Some(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        drop(self.end.take());
        // It can only have ended.
        self.thread.take().map(JoinHandle::join);
    }
}

/// Brings back what is newer than what the user has. What cannot be brought back the client finds out itself: it is not
/// signed in any more.
pub(super) fn bring_back(returns: &[(PathBuf, PathBuf)]) {
    for (from, to) in returns {
        // Two runs may have renewed the same: what is looked at is what is replaced.
        let Ok(_turn) = take_turns(to) else { continue };
        if let Some(bytes) = renewed(from, to) {
            replace(to, &bytes).ok();
        }
    }
}

/// Keeps other runs, whoever's, from replacing a file meanwhile: by a lock on its directory, which leaves nothing there. A
/// file system that knows no such lock is no reason to lose what was renewed.
fn take_turns(to: &Path) -> io::Result<fs::File> {
    let dir = fs::File::open(to.canonicalize()?.parent().unwrap_or(to))?;
    match rustix::fs::flock(&dir, rustix::fs::FlockOperation::LockExclusive) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOLCK | rustix::io::Errno::BADF) | Ok(()) => Ok(dir),
        Err(error) => Err(error.into()),
    }
}

/// What is to be brought back of one file, if anything is: what holds longer, where both say how long they do, and else what
/// was written later.
fn renewed(from: &Path, to: &Path) -> Option<Vec<u8>> {
    let mut options = OpenOptions::new();
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = options.read(true).custom_flags(flags).open(from).ok()?;
    let (ours, theirs) = (file.metadata().ok()?, fs::metadata(to).ok()?);
    if !ours.is_file() || ours.len() > LARGEST {
        return None;
    }
    let is_later = ours.modified().ok()? > theirs.modified().ok()?;
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).ok()?;
    let has = fs::read(to).ok()?;
    let new = match serde_json::from_slice(&bytes) {
        Ok(value @ Value::Object(_)) => expiry(&value),
        _ => return None,
    };
    let old = serde_json::from_slice(&has).ok().and_then(|value| expiry(&value));
    let is_newer = match new.zip(old).map(|(new, old)| new.partial_cmp(&old)) {
        Some(Some(Ordering::Equal)) | Some(None) | None => is_later,
        Some(order) => order == Some(Ordering::Greater),
    };
    (is_newer && has != bytes).then_some(bytes)
}

/// Until when credentials hold, in whatever unit they say it: the last such figure at any depth.
fn expiry(value: &Value) -> Option<f64> {
    const NAMES: [&str; 5] = ["expiresat", "expirydate", "expires", "expiry", "exp"];
    let Value::Object(all) = value else { return None };
    let of = |(name, value): (&String, &Value)| {
        let name: String = name.chars().filter(|c| *c != '_').collect::<String>().to_lowercase();
        value.as_f64().filter(|_| NAMES.contains(&name.as_str())).or_else(|| expiry(value))
    };
    all.iter().filter_map(of).max_by(f64::total_cmp)
}

/// Puts a file in the place of another, at once, where a link leads too.
fn replace(to: &Path, bytes: &[u8]) -> io::Result<()> {
    let to = to.canonicalize()?;
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(format!(".chant-{}", std::process::id()));
    let aside = to.with_file_name(name);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&aside, &to)
}

/// The list as it stands beside a cell: paths, each with a zero after it.
pub(super) fn list(returns: &[(PathBuf, PathBuf)]) -> Vec<u8> {
    let paths = returns.iter().flat_map(|(from, to)| [from, to]);
    paths.flat_map(|path| [path.as_os_str().as_bytes(), b"\0"].concat()).collect()
}

/// Reads a list.
pub(super) fn listed(bytes: &[u8]) -> Vec<(PathBuf, PathBuf)> {
    use std::os::unix::ffi::OsStringExt as _;
    let path = |bytes: &[u8]| PathBuf::from(OsString::from_vec(bytes.to_vec()));
    let paths: Vec<PathBuf> =
        bytes.strip_suffix(b"\0").unwrap_or_default().split(|byte| *byte == 0).map(path).collect();
    paths.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::SystemTime;

    const CLIENT: Household = Household {
        dir: PathBuf::new(),
        variable: "HOUSE",
        reads: &["settings.json", "skills/"],
        shares: &["sessions"],
        opens: &["auth.json"],
        returns: &[".credentials.json"],
        copies: Vec::new(),
    };

    fn users(dir: &Path) -> Household {
        let theirs = dir.join("theirs");
        fs::create_dir(&theirs).unwrap();
        for name in ["settings.json", "auth.json", ".credentials.json", "state.sqlite"] {
            fs::write(theirs.join(name), format!("{{\"of\":\"{name}\"}}")).unwrap();
        }
        fs::create_dir(theirs.join("skills")).unwrap();
        fs::write(theirs.join("skills/one"), "").unwrap();
        fs::write(dir.join("beside.json"), "{}").unwrap();
        Household { dir: theirs, copies: vec![(dir.join("beside.json"), "own.json")], ..CLIENT }
    }

    /// Replaces a file as clients do, at a time after the user's.
    fn replaced(at: &Path, text: &str) {
        fs::remove_file(at).unwrap();
        fs::write(at, text).unwrap();
        let later = SystemTime::now() + Duration::from_secs(10);
        fs::File::options().write(true).open(at).unwrap().set_modified(later).unwrap();
    }

    #[test]
    fn it_has_links_to_what_is_read_and_shared_and_copies_of_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let client = users(dir.path());
        let at = dir.path().join("ours");
        let house = lay(&client, &at).unwrap();
        for name in ["settings.json", "sessions", "auth.json", ".credentials.json"] {
            assert_eq!(fs::read_link(at.join(name)).unwrap(), client.dir.join(name));
        }
        assert!(!at.join("skills").is_symlink());
        assert_eq!(fs::read_link(at.join("skills/one")).unwrap(), client.dir.join("skills/one"));
        assert!(client.dir.join("sessions").is_dir() && !at.join("state.sqlite").exists());
        assert_eq!(fs::read_to_string(at.join("own.json")).unwrap(), "{}");
        assert_eq!(house.open, ["sessions", "auth.json"].map(|name| client.dir.join(name)));
        assert_eq!(house.returns, [(at.join(".credentials.json"), client.dir.join(".credentials.json"))]);
        assert_eq!(house.variable.1, at.as_os_str());
    }

    #[test]
    fn only_a_newer_whole_file_comes_back_and_only_where_there_was_one() {
        let dir = tempfile::tempdir().unwrap();
        let client = users(dir.path());
        let house = lay(&client, &dir.path().join("ours")).unwrap();
        let (from, to) = house.returns[0].clone();
        let theirs = || fs::read_to_string(&to).unwrap();
        let was = theirs();
        bring_back(&house.returns);
        assert_eq!(theirs(), was, "a link is nothing new");
        for broken in ["{\"half\":", "[]", ""] {
            replaced(&from, broken);
            bring_back(&house.returns);
            assert_eq!(theirs(), was, "{broken}");
        }
        replaced(&from, "{\"new\":1}");
        bring_back(&house.returns);
        assert_eq!(theirs(), "{\"new\":1}");
        replaced(&to, "{\"newer\":1}");
        bring_back(&house.returns);
        assert_eq!(theirs(), "{\"newer\":1}", "what the user has meanwhile is newer");
        fs::remove_file(&to).unwrap();
        bring_back(&house.returns);
        assert!(!to.exists());
        // A link to somewhere else is no file of its own.
        fs::write(&to, "{}").unwrap();
        fs::write(dir.path().join("secret"), "{\"secret\":1}").unwrap();
        fs::remove_file(&from).unwrap();
        symlink(dir.path().join("secret"), &from).unwrap();
        bring_back(&house.returns);
        assert_eq!(theirs(), "{}");
    }

    #[test]
    fn of_two_runs_that_renew_at_once_what_holds_longer_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let client = users(dir.path());
        let theirs = client.dir.join(".credentials.json");
        let with = |until: u64| format!("{{\"claudeAiOauth\":{{\"token\":\"t{until}\",\"expiresAt\":{until}}}}}");
        let houses: Vec<House> =
            ["one", "two", "three"].iter().map(|name| lay(&client, &dir.path().join(name)).unwrap()).collect();
        for round in 0..30_u64 {
            fs::write(&theirs, with(round * 10)).unwrap();
            for (n, house) in houses.iter().enumerate() {
                // The one that holds longest is not always the one that was written last.
                replaced(&house.returns[0].0, &with(round * 10 + 1 + (round + n as u64) % 3));
            }
            std::thread::scope(|scope| {
                houses.iter().for_each(|house| drop(scope.spawn(|| bring_back(&house.returns))));
            });
            assert_eq!(fs::read_to_string(&theirs).unwrap(), with(round * 10 + 3));
        }
        let left: Vec<_> = fs::read_dir(&client.dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().contains(".chant-")), "{left:?}");
        // An older one that was only touched later does not come back.
        replaced(&houses[0].returns[0].0, &with(1));
        bring_back(&houses[0].returns);
        assert_eq!(fs::read_to_string(&theirs).unwrap(), with(293));
    }

    #[test]
    fn a_courier_brings_it_back_while_the_run_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let client = users(dir.path());
        let house = lay(&client, &dir.path().join("ours")).unwrap();
        let courier = Courier::start(house.returns.clone());
        replaced(&house.returns[0].0, "{\"new\":1}");
        while fs::read_to_string(&house.returns[0].1).unwrap() != "{\"new\":1}" {
            std::thread::yield_now();
        }
        drop(courier);
    }

    proptest! {
        #[test]
        fn a_list_is_read_as_it_was_written(paths in proptest::collection::vec(("/[^\\x00]{0,9}", "/[^\\x00]{0,9}"), 0..4)) {
            let paths: Vec<(PathBuf, PathBuf)> = paths.into_iter().map(|(a, b)| (a.into(), b.into())).collect();
            prop_assert_eq!(listed(&list(&paths)), paths);
        }
    }
}
