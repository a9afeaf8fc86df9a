//! What lies in the directory of a worktree, beside the index that the engine wrote when it wrote the files.
//!
//! One `fstatat` a file, its directory opened once, on all processors: at two hundred thousand files that, and not the
//! comparison, is what takes the time.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gix::index::Entry;
use gix::index::entry::{Stat, stat};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::error::{Error, Result};

/// So many files are looked at by one thread.
const FEW: usize = 1000;
/// No more threads than this: they wait for the same disk.
const THREADS: usize = 8;

/// How the files of a directory differ from what was written there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// Which entries of the index are no files there.
    pub missing: Vec<usize>,
    /// Which are not to the nanosecond what they were.
    pub touched: Vec<usize>,
    /// Files that the index does not have, directories that hold nothing with a slash at the end; sorted.
    pub strange: Vec<Vec<u8>>,
}

impl Survey {
    /// The entries that are missing or were touched.
    pub(super) fn odd<'m>(&self, made: &'m gix::index::File) -> impl Iterator<Item = &'m Entry> {
        self.missing.iter().chain(&self.touched).filter_map(|at| made.entries().get(*at))
    }

    /// The paths at which something else is, or nothing, than what was written.
    pub(super) fn others(self, made: &gix::index::File) -> BTreeSet<Vec<u8>> {
        let odd: Vec<_> = self.odd(made).map(|entry| entry.path(made).to_vec()).collect();
        odd.into_iter().chain(self.strange).collect()
    }
}

/// Looks at everything below a directory, but for `.git` at its top, and follows no link. `within` says whether to look into
/// directories that the index does not have, or to pass them over with a slash at their end. `None` where more than `most`
/// differ.
///
/// # Errors
/// Where something cannot be read.
pub(super) fn survey(top: &Path, made: &gix::index::File, within: bool, most: usize) -> Result<Option<Survey>> {
    let written = made.timestamp();
    let written = Duration::new(written.unix_seconds().try_into().unwrap_or(0), written.nanoseconds());
    let look = Look { top, made, written, within, most };
    let count = made.entries().len();
    let shared = Shared {
        work: Mutex::new(Work { open: vec![Place { prefix: Vec::new(), entries: 0..count }], ..Work::default() }),
        news: Condvar::new(),
    };
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if count < FEW { 1 } else { processors().min(THREADS) };
    std::thread::scope(|scope| {
        (1..threads).for_each(|_| drop(scope.spawn(|| look.work(&shared))));
        look.work(&shared);
    });
    let work = shared.work.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some((path, errno)) = work.failed {
        return Err(Error::io("read", path)(errno.into()));
    }
    let mut found = work.found;
    found.missing.sort_unstable();
    found.touched.sort_unstable();
    found.strange.sort_unstable();
    Ok((!work.too_many).then_some(found))
}

/// A directory to look at: its path from the top with a slash at the end, and the entries below it.
struct Place {
    prefix: Vec<u8>,
    entries: Range<usize>,
}

#[derive(Default)]
struct Work {
    open: Vec<Place>,
    /// How many directories are being looked at.
    under_way: usize,
    found: Survey,
    too_many: bool,
    failed: Option<(std::path::PathBuf, Errno)>,
}

struct Shared {
    work: Mutex<Work>,
    news: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next directory; `None` when there will be none any more.
    fn next(&self) -> Option<Place> {
        let mut work = self.lock();
        loop {
            if work.too_many || work.failed.is_some() {
                return None;
            }
            if let Some(place) = work.open.pop() {
                work.under_way += 1;
                return Some(place);
            }
            if work.under_way == 0 {
                return None;
            }
            work = self.news.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[derive(Clone, Copy)]
struct Look<'a> {
    top: &'a Path,
    made: &'a gix::index::File,
    /// When the index was.
    written: Duration,
    within: bool,
    most: usize,
}

impl Look<'_> {
    fn work(self, shared: &Shared) {
        while let Some(place) = shared.next() {
            let (mut below, mut found) = (Vec::new(), Survey::default());
            let looked = self.look(&place, &mut below, &mut found);
            let mut work = shared.lock();
            work.under_way -= 1;
            work.open.append(&mut below);
            work.found.missing.append(&mut found.missing);
            work.found.touched.append(&mut found.touched);
            work.found.strange.append(&mut found.strange);
            let all = &work.found;
            work.too_many |= all.missing.len() + all.touched.len() + all.strange.len() > self.most;
            if let Err(errno) = looked {
                work.failed.get_or_insert((self.top.join(OsStr::from_bytes(&place.prefix)), errno));
            }
            shared.news.notify_all();
        }
    }

    fn look(self, place: &Place, below: &mut Vec<Place>, found: &mut Survey) -> rustix::io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(CWD, self.top.join(OsStr::from_bytes(&place.prefix)), flags, Mode::empty())?;
        let mut names = Names::default();
        for entry in Dir::read_from(&dir)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." || place.prefix.is_empty() && name == b".git" {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => {
                    FileType::from_raw_mode(rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode)
                }
                kind => kind,
            };
            names.push(name, kind == FileType::Directory);
        }
        names.sort();
        self.compare(place, &dir, &mut names, below, found)?;
        let with = |name: &[u8], slash: bool| [place.prefix.as_slice(), name, if slash { b"/" } else { b"" }].concat();
        for (name, is_dir) in names.unknown() {
            if is_dir && self.within {
                below.push(Place { prefix: with(name, true), entries: place.entries.end..place.entries.end });
            } else {
                found.strange.push(with(name, is_dir));
            }
        }
        if names.list.is_empty() && place.entries.is_empty() && !place.prefix.is_empty() {
            found.strange.push(place.prefix.clone());
        }
        Ok(())
    }

    /// Goes over the entries of a directory, and marks the names that are theirs.
    fn compare(
        self,
        place: &Place,
        dir: &impl rustix::fd::AsFd,
        names: &mut Names,
        below: &mut Vec<Place>,
        found: &mut Survey,
    ) -> rustix::io::Result<()> {
        let entries = self.made.entries();
        let mut at = place.entries.start;
        while let Some(entry) = entries.get(at).filter(|_| at < place.entries.end) {
            let rest = entry.path(self.made).get(place.prefix.len()..).unwrap_or_default();
            let Some(slash) = rest.iter().position(|byte| *byte == b'/') else {
                if !names.take(rest, false) {
                    found.missing.push(at);
                } else {
                    match rustix::fs::statat(dir, rest, AtFlags::SYMLINK_NOFOLLOW) {
                        Ok(now) if is_unchanged(&entry.stat, self.written, &noted(&now)) => {}
                        Ok(_) => found.touched.push(at),
                        Err(Errno::NOENT) => found.missing.push(at),
                        Err(errno) => return Err(errno),
                    }
                }
                at += 1;
                continue;
            };
            let prefix = [&place.prefix, rest.get(..=slash).unwrap_or_default()].concat();
            let group = entries.get(at..place.entries.end).unwrap_or_default();
            let end = at + group.partition_point(|entry| entry.path(self.made).starts_with(&prefix));
            if names.take(rest.get(..slash).unwrap_or_default(), true) {
                below.push(Place { prefix, entries: at..end });
            } else {
                found.missing.extend(at..end);
            }
            at = end.max(at + 1);
        }
        Ok(())
    }
}

/// The names in one directory, in one piece of memory.
#[derive(Default)]
struct Names {
    text: Vec<u8>,
    /// Where each stands, whether it is a directory, and whether the index has it.
    list: Vec<(Range<usize>, bool, bool)>,
}

impl Names {
    fn push(&mut self, name: &[u8], is_dir: bool) {
        let begin = self.text.len();
        self.text.extend_from_slice(name);
        self.list.push((begin..self.text.len(), is_dir, false));
    }

    fn sort(&mut self) {
        let text = &self.text;
        self.list.sort_unstable_by(|(a, ..), (b, ..)| text.get(a.clone()).cmp(&text.get(b.clone())));
    }

    /// Whether a name is there as what it shall be; it is then known to the index.
    fn take(&mut self, name: &[u8], is_dir: bool) -> bool {
        let text = &self.text;
        let at = self.list.binary_search_by(|(other, ..)| text.get(other.clone()).cmp(&Some(name))).ok();
        at.and_then(|at| self.list.get_mut(at)).is_some_and(|there| {
            let as_wanted = there.1 == is_dir;
            there.2 |= as_wanted;
            as_wanted
        })
    }

    fn unknown(&self) -> impl Iterator<Item = (&[u8], bool)> {
        let unknown = self.list.iter().filter(|(.., known)| !known);
        unknown.map(|(name, is_dir, _)| (self.text.get(name.clone()).unwrap_or_default(), *is_dir))
    }
}

/// Whether a file is to the nanosecond what it was when an index was `written`, which had noted `noted`; one that was
/// changed within a tick of the clock before may have been changed again.
pub(super) fn is_unchanged(noted: &Stat, written: Duration, now: &Stat) -> bool {
    const TICK: Duration = Duration::from_millis(20);
    let options = stat::Options { trust_ctime: true, check_stat: true, use_nsec: true, use_stdev: false };
    let at = |time: &stat::Time| Duration::new(time.secs.into(), time.nsecs);
    noted.matches(now, options) && at(&now.mtime).max(at(&now.ctime)) + TICK < written
}

/// What an index notes of a file: Git keeps the lower 32 bits of each.
fn noted(meta: &rustix::fs::Stat) -> Stat {
    Stat {
        mtime: stat::Time { secs: meta.st_mtime as u32, nsecs: meta.st_mtime_nsec as u32 },
        ctime: stat::Time { secs: meta.st_ctime as u32, nsecs: meta.st_ctime_nsec as u32 },
        dev: meta.st_dev as u32,
        ino: meta.st_ino as u32,
        uid: meta.st_uid,
        gid: meta.st_gid,
        size: meta.st_size as u32,
    }
}
