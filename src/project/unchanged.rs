//! Files of specs that are as they were when they were last read, told by stat data as Git's index tells it: they need not
//! be read again, nor what they say thought out.
//!
//! A file counts as unchanged where device, inode, size, mode and both of its times are what they were. That tells nothing
//! of a change that came so soon after the last one that the clock had not moved on. So the clock of the file system is
//! looked at before anything is read, and what had changed at that very moment, or on another device whose clock may be
//! another, is not kept: whatever comes later bears a later time.
//!
//! Kept are specs of which there is nothing to say. What has faults is read each time.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::Path;
use std::vec::IntoIter;

use rustix::fs::{AtFlags, FileType, statat};
use serde::{Deserialize, Serialize};

use super::Loaded;
use crate::git::{Of, Repo, Tick};
use crate::spec::Spec;

/// So many files are read anew at each call before it is worth while to write down what they say, and one more for each
/// hundred that are known.
const FEW: usize = 8;

/// What the system says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stat {
    dev: u64,
    ino: u64,
    size: u64,
    mode: u32,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stat {
    /// Of a file of this name in a directory; `None` where there is none, or something else than a file.
    #[allow(clippy::unnecessary_cast, reason = "the types of these fields differ from system to system")]
    pub fn of(dir: &File, name: &str) -> Option<Self> {
        let s = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        (FileType::from_raw_mode(s.st_mode) == FileType::RegularFile).then_some(Self {
            dev: s.st_dev as u64,
            ino: s.st_ino as u64,
            size: s.st_size as u64,
            mode: s.st_mode as u32,
            modified: (s.st_mtime as i64, s.st_mtime_nsec as i64),
            changed: (s.st_ctime as i64, s.st_ctime_nsec as i64),
        })
    }

    /// Whether what is read of the file from this moment on is what will stand in it as long as it says so.
    fn is_settled(&self, since: Tick) -> bool {
        self.dev == since.dev && self.changed < since.at && self.modified < since.at
    }
}

/// What is known of the files in the directory of a project's specs.
pub(super) struct Unchanged<'r> {
    repo: &'r Repo,
    name: String,
    prefix: String,
    /// For each file what is in it, where that is as it was. Otherwise the caller reads it.
    pub specs: IntoIter<Option<Box<Spec>>>,
    /// The files that may be kept; nothing where too little is new for that.
    settled: Vec<(String, Stat)>,
}

impl<'r> Unchanged<'r> {
    /// What was kept of these files in `dir`, which are in the order of their names: those of the project at `prefix` in
    /// this worktree.
    ///
    /// # Errors
    /// Where the directory cannot be opened.
    pub fn recall(repo: &'r Repo, prefix: &str, dir: &Path, files: &[String]) -> io::Result<Self> {
        let name = format!("specs{}", prefix.replace('/', "+"));
        let dir = File::open(dir)?;
        let known: Vec<(Stat, Box<Spec>)> = repo.recall(Of::Worktree, &name, prefix.as_bytes()).unwrap_or_default();
        let mut known = known.into_iter().peekable();
        let stats: Vec<Option<Stat>> = files.iter().map(|file| Stat::of(&dir, file)).collect();
        let mut as_it_was = |(file, stat): (&String, &Option<Stat>)| {
            while known.next_if(|(_, spec)| order(spec, file) == Ordering::Less).is_some() {}
            let (then, spec) = known.next_if(|(_, spec)| order(spec, file) == Ordering::Equal)?;
            (Some(then) == *stat).then_some(spec)
        };
        let specs: Vec<Option<Box<Spec>>> = files.iter().zip(&stats).map(&mut as_it_was).collect();
        let news = specs.iter().filter(|spec| spec.is_none()).count();
        // From this moment on the files are read.
        let now = if news > FEW + files.len() / 100 { repo.tick() } else { None };
        let settled = now.into_iter().flat_map(|now| {
            let all = files.iter().zip(&stats).zip(&specs);
            all.filter_map(move |((file, stat), spec)| {
                let stat = stat.filter(|stat| spec.is_some() || stat.is_settled(now))?;
                Some((file.clone(), stat))
            })
        });
        let settled = settled.collect();
        Ok(Self { repo, name, prefix: prefix.to_owned(), specs: specs.into_iter(), settled })
    }

    /// Keeps what is known now, where much of it is new.
    pub fn remember(self, loaded: &Loaded) {
        if self.settled.is_empty() {
            return;
        }
        let faulty: HashSet<&str> = loaded.diagnostics.iter().map(|said| &*said.origin().name).collect();
        let clean = |(file, stat): &(String, Stat)| {
            let spec = loaded.set.get(&file.strip_suffix(".md")?.parse().ok()?)?;
            (!faulty.contains(&*spec.source.name)).then_some((*stat, spec))
        };
        let known: Vec<(Stat, &Spec)> = self.settled.iter().filter_map(clean).collect();
        self.repo.keep_value(Of::Worktree, &self.name, self.prefix.as_bytes(), &known);
    }
}

/// How a spec's file stands to a file by their names.
fn order(spec: &Spec, file: &str) -> Ordering {
    spec.id.as_str().bytes().chain(*b".md").cmp(file.bytes())
}
