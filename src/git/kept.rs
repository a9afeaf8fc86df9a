//! Files that only make chant faster: below `chant/cache`, of this machine alone.
//!
//! None of them is ever needed, and none is believed over Git. What is wrong with one (torn, old, of another version,
//! unreadable, unwritable) costs the work that it would have saved, and no word. Each is written elsewhere and renamed, so
//! that whoever reads it reads a whole one, and nobody ever writes into one that somebody may have mapped.
//!
//! Whoever can write to the repository can write them too, an agent that is not shut in among them. So they are for looks
//! alone: from where a decision is made under a spec's lock ([`Repo::distrust_kept`]), Git itself is asked.

use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::repo::Repo;
use crate::ledger::{Seal, opened};

/// Of whom a kept file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The repository: of all its worktrees.
    Repository,
    /// This worktree alone.
    Worktree,
}

/// A moment on the clock of a file system: of two files of one device the later change has the later one, or the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// The device.
    pub dev: u64,
    /// Seconds since 1970, and nanoseconds, as coarse as the file system counts.
    pub at: (i64, i64),
}

impl Repo {
    /// From now on nothing is taken from files that only make chant faster.
    pub fn distrust_kept(&self) {
        if !self.inner.decides.swap(true, Ordering::Relaxed) {
            self.forget_walks();
        }
    }

    fn decides(&self) -> bool {
        self.inner.decides.load(Ordering::Relaxed)
    }

    /// The value that was kept under a name for this very key; `None` where there is none, and where it is not to be
    /// believed.
    pub fn recall<T: DeserializeOwned>(&self, of: Of, name: &str, key: &[u8]) -> Option<T> {
        let file = self.kept(of, name)?;
        postcard::from_bytes(opened(&file, &header(name, key))?).ok()
    }

    /// Keeps a value under a name, in the place of the one that was kept there.
    pub fn keep_value<T: Serialize>(&self, of: Of, name: &str, key: &[u8], value: &T) {
        self.keep(of, name, |to| {
            let mut seal = Seal::new(to, &header(name, key));
            postcard::to_io(value, &mut seal).map_err(io::Error::other)?;
            seal.finish().map(|()| true)
        });
    }

    /// The value that was kept under a name for this very key; where there is none, what `find` finds, which is kept then.
    /// Without a key it is found each time.
    ///
    /// # Errors
    /// What `find` says.
    pub fn recall_or<T: Serialize + DeserializeOwned, E>(
        &self,
        (of, name, key): (Of, &str, Option<&[u8]>),
        find: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        if let Some(value) = key.and_then(|key| self.recall(of, name, key)) {
            return Ok(value);
        }
        let value = find()?;
        if let Some(key) = key {
            self.keep_value(of, name, key, &value);
        }
        Ok(value)
    }

    /// The size of a kept file in bytes; 0 where there is none.
    pub fn kept_size(&self, of: Of, name: &str) -> u64 {
        fs::metadata(self.kept_path(of, name)).map_or(0, |meta| meta.len())
    }

    /// Now, by the clock of the file system on which this worktree's kept files are; `None` where nothing can be written.
    pub fn tick(&self) -> Option<Tick> {
        let path = self.scratch_path("tick").ok()?;
        let meta = File::create_new(&path).and_then(|file| file.metadata()).ok()?;
        fs::remove_file(&path).ok()?;
        Some(Tick { dev: meta.dev(), at: (meta.ctime(), meta.ctime_nsec()) })
    }

    /// A kept file, mapped as a whole: all of it is read, for its checksum.
    pub(super) fn kept(&self, of: Of, name: &str) -> Option<memmap2::Mmap> {
        mapped(&self.open_kept(of, name)?, true)
    }

    fn open_kept(&self, of: Of, name: &str) -> Option<File> {
        File::open(self.kept_path(of, name)).ok().filter(|_| !self.decides())
    }

    /// A kept file, mapped. With it what tells it from others, for [`note_whole`](Self::note_whole) once its checksum has been
    /// found right; `None` where it was, and it is still that very file, unchanged: then it need not be read as a whole.
    pub(super) fn kept_or_known(&self, of: Of, name: &str) -> Option<(memmap2::Mmap, Option<Vec<u8>>)> {
        let file = self.open_kept(of, name)?;
        let meta = file.metadata().ok()?;
        let (itself, note) = (identity(&meta), self.kept_path(of, &whole(name)));
        // What is changed within the same tick of the clock looks the same.
        let apart = |note: Metadata| {
            let seconds = (note.mtime() - meta.ctime()).saturating_mul(1_000_000_000);
            seconds.saturating_add(note.mtime_nsec() - meta.ctime_nsec()) > TICK
        };
        let known = fs::read(&note).is_ok_and(|noted| noted == itself) && fs::metadata(&note).is_ok_and(apart);
        Some((mapped(&file, !known)?, (!known).then_some(itself)))
    }

    /// Notes that the checksum of a kept file was right, for those who come after.
    pub(super) fn note_whole(&self, of: Of, name: &str, itself: &[u8]) {
        self.keep(of, &whole(name), |to| to.write_all(itself).map(|()| true));
    }

    /// Puts a file into its place, whole or not at all; whether `write` had something to say, and it is there now.
    pub(super) fn keep(&self, of: Of, name: &str, write: impl FnOnce(&mut dyn Write) -> io::Result<bool>) -> bool {
        // What a push has brought may never come in, and is not written down.
        !self.is_receiving() && self.put(of, name, write).unwrap_or(false)
    }

    fn put(&self, of: Of, name: &str, write: impl FnOnce(&mut dyn Write) -> io::Result<bool>) -> io::Result<bool> {
        let path = self.kept_path(of, name);
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let fresh = self.scratch_path("kept").map_err(io::Error::other)?;
        let mut file = BufWriter::new(File::create_new(&fresh)?);
        match write(&mut file).and_then(|said| file.flush().map(|()| said)) {
            Ok(true) => fs::rename(&fresh, &path).map(|()| true),
            said => {
                fs::remove_file(&fresh)?;
                said
            }
        }
    }

    fn kept_path(&self, of: Of, name: &str) -> PathBuf {
        let dir = match of {
            Of::Repository => self.common_dir(),
            Of::Worktree => self.git_dir(),
        };
        dir.join("chant/cache").join(name)
    }
}

/// A file, mapped, and read at once where all of it is wanted.
fn mapped(file: &File, whole: bool) -> Option<memmap2::Mmap> {
    let mut options = memmap2::MmapOptions::new();
    if whole {
        options.populate();
    }
    // SAFETY: nobody writes into the file, it is only ever replaced: what is mapped stays as it is.
    unsafe { options.map(file) }.ok()
}

/// No clock of a file system ticks so rarely, in nanoseconds.
const TICK: i64 = 20_000_000;

/// The name of the note that a kept file is whole.
fn whole(name: &str) -> String {
    format!("{name}.whole")
}

/// What says that a file is still the one that it was: no program can set the time of its last change.
fn identity(meta: &Metadata) -> Vec<u8> {
    let times = (meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
    format!("{} {} {} {times:?}\n", meta.dev(), meta.ino(), meta.len()).into_bytes()
}

/// What a kept value begins with: its name, how the program that wrote it reads specs and histories, and its key.
fn header(name: &str, key: &[u8]) -> Vec<u8> {
    let mut header = format!("chant {name} {}\n{}\n", env!("CHANT_READING"), key.len()).into_bytes();
    header.extend(key);
    header
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::git::test_repo::TestRepo;

    #[test]
    fn what_was_found_whole_is_known_until_anything_of_it_changes() {
        let t = TestRepo::new();
        let (of, name) = (Of::Repository, "much");
        let known = || t.repo.kept_or_known(of, name).unwrap().1.is_none();
        let (path, note) = (t.repo.kept_path(of, name), t.repo.kept_path(of, "much.whole"));
        assert!(t.repo.keep(of, name, |to| to.write_all(b"all of it").map(|()| true)));
        assert!(!known());
        let found = || t.repo.kept_or_known(of, name).unwrap().1.unwrap();
        t.repo.note_whole(of, name, &found());
        assert!(!known(), "a change in the same tick of the clock would not be seen");
        let later = || {
            let note = File::options().write(true).open(&note).unwrap();
            note.set_modified(note.metadata().unwrap().modified().unwrap() + Duration::from_secs(1)).unwrap();
        };
        later();
        assert!(known());
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, b"all of IT").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert!(!known(), "its old time put back");
        t.repo.note_whole(of, name, &found());
        later();
        assert!(known());
        fs::write(&note, b"something else").unwrap();
        assert!(!known());
        t.repo.distrust_kept();
        assert!(t.repo.kept_or_known(of, name).is_none());
    }
}
