//! A worktree made of one that was given back: brought to the other commit by what differs, instead of written anew.
//!
//! What is thrown away lies in the trash, out of the worktrees that Git knows, until it is deleted. Until then it can
//! become the next one: it is brought to the new commit there, where nobody looks and a kill leaves only trash, and then
//! renamed into a place that was claimed as for any other. So whoever lists, prunes or adds worktrees meanwhile, by Git or
//! by chant, sees what it would see of one that is written anew.
//!
//! An agent may have worked in it, and may have had its index. What is believed is the index as the engine itself wrote
//! it, linked beside under another name, which nobody in a cage can reach: a file stays only if it is to the nanosecond
//! what it was then, its time of change included, which no program can set.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use gix::bstr::ByteSlice as _;
use gix::index::entry::{Flags, Stat};

use super::add::rename_new;
use super::error::{Error, Result};
use super::files::{decoding, replace_entries};
use super::repo::Repo;
use super::repoint::Walk;
use super::scratch::{self, Scratch};
use super::survey::survey;
use super::untouched::{Made, clear, mode_of};
use super::worktree::{Worktree, read_line};
use crate::ledger::Oid;

/// So many of those that were given back are kept for the next to come; each is as large as the tree.
pub(super) const IDLE: usize = 2;

/// The index as it was when the files had been written.
pub(super) const MADE: &str = "index.made";
/// The commit whose files they were, and the checksum at the end of that index: a program that wrote into the index itself, instead
/// of another file that takes its place, has written into this one.
const COMMIT: &str = "made.commit";
/// What decides, beside the tree, how a blob becomes a file.
const RULES: &str = "made.rules";

/// In the Git directory of one in the trash: that it holds nothing but files of a commit. Then, where that is known, [`KNOWN`]
/// and the paths at which something else is, or nothing, than the engine wrote, each with a zero byte at its end. It is known
/// only where nobody was in there any more, once it lay in the trash: nobody comes there anew.
const STRIPPED: &str = "made.alone";
const KNOWN: &[u8] = b"but\0";
/// Where more than this differs from what was written, each file is looked at.
const MOST: usize = 10_000;

/// Settings by which the same blob is another file.
const KEYS: [&str; 6] =
    ["core.autocrlf", "core.eol", "core.symlinks", "core.fileMode", "core.ignoreCase", "core.precomposeUnicode"];

impl Repo {
    /// Remembers what was written into a worktree, for the day when it is given back. Where that cannot be done, the next
    /// one is written anew.
    pub(super) fn remember(&self, worktree: &Worktree, commit: Oid) {
        let made = worktree.git_dir.join(MADE);
        let remembered = fs::remove_file(&made)
            .or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
            .and_then(|()| fs::write(worktree.git_dir.join(RULES), self.rules()))
            .and_then(|()| checksum(&worktree.git_dir.join("index")))
            .and_then(|sum| fs::write(worktree.git_dir.join(COMMIT), format!("{commit} {sum}\n")))
            // A link: Git and chant alike write an index aside and rename it.
            .and_then(|()| fs::hard_link(worktree.git_dir.join("index"), &made));
        if remembered.is_err() {
            fs::remove_file(made).ok();
        }
    }

    fn rules(&self) -> Vec<u8> {
        let mut rules = Vec::new();
        for key in KEYS {
            rules.extend_from_slice(format!("{key}={}\n", self.config(key).unwrap_or_default()).as_bytes());
        }
        for path in self.attribute_files() {
            rules.extend(fs::read(path).unwrap_or_default());
            rules.push(0);
        }
        rules
    }

    /// Fills a new worktree, of which only its Git directory is there, with files that lie in the trash. Whether there
    /// were any: otherwise nothing has been done.
    ///
    /// # Errors
    /// Where the trash cannot be read, or the new Git directory not be written.
    pub(super) fn recycle(&self, worktree: &Worktree, commit: Oid) -> Result<bool> {
        let is_free =
            |trash: &Scratch| known_others(&trash.path("admin")).is_some() || is_left(&trash.path("worktree"));
        let Some(found) = self.given_back()?.into_iter().find(is_free) else { return Ok(false) };
        let brought = self.bring_changes(&found, commit).and_then(|brought| match brought {
            true => Ok(true),
            false => {
                let mut new = self.index_of(commit)?;
                Ok(!self.wants_git(&new) && self.bring_over(&found, &mut new)?)
            }
        });
        let brought = brought.unwrap_or(false);
        if !brought || !settle(&found, worktree)? {
            // It may be half one and half the other.
            found.delete()?;
            return Ok(false);
        }
        self.link(worktree)?;
        crate::env::failpoint("recycle.linked");
        self.remember(worktree, commit);
        found.delete()?;
        Ok(true)
    }

    /// What lies whole in the trash, and was written by rules that still hold; each is held for the caller.
    pub(super) fn given_back(&self) -> Result<Vec<Scratch>> {
        let mut found = scratch::abandoned(&self.common_dir().join("chant/trash"))?;
        let rules = self.rules();
        found.retain(|trash| {
            trash.path("worktree").is_dir()
                && trash.path("admin").join(MADE).is_file()
                && fs::read(trash.path("admin").join(RULES)).is_ok_and(|made| made == rules)
        });
        Ok(found)
    }

    /// Deletes from one that lies in the trash what is not as the engine wrote it: what was ignored or changed there may be
    /// a copy of a secret, and is of no use to the next one. Once for each.
    ///
    /// # Errors
    /// Where it cannot be read, or something not be deleted.
    pub(super) fn strip(&self, trash: &Scratch) -> Result<()> {
        let admin = trash.path("admin");
        if admin.join(STRIPPED).exists() {
            return Ok(());
        }
        let path = trash.path("worktree");
        if let Some(made) = self.made(&admin)
            && let Ok(Some(found)) = survey(&path, &made.index, false, MOST)
        {
            let others = found.others(&made.index);
            clear(&path, &others)?;
            return mark_stripped(&admin, Some(&others).filter(|_| is_left(&path)));
        }
        let made = admin.join(MADE);
        let read = || {
            gix::index::File::at(&made, self.gix().object_hash(), true, decoding(&made))
                .map_err(Error::while_("read the index of a worktree that was given back"))
        };
        let (old, mut same) = (read()?, read()?);
        Walk { top: &path, old: &old, keep: &globset::GlobSet::empty() }.clear(&path, b"", false, &mut same)?;
        mark_stripped(&admin, None)
    }

    /// Brings the files in the trash to another commit's, where it is known what is there: only what differs between the two,
    /// or is not as the engine wrote it, is deleted and written. Whether that was so; otherwise nothing has been done.
    fn bring_changes(&self, trash: &Scratch, commit: Oid) -> Result<bool> {
        let (admin, path) = (trash.path("admin"), trash.path("worktree"));
        let Some(mut stale) = known_others(&admin) else { return Ok(false) };
        let Some(Made { mut index, commit: made }) = self.made(&admin) else { return Ok(false) };
        let Ok(Some(changes)) = self.plain_changes(made, commit) else { return Ok(false) };
        let mut new = Vec::new();
        for path in &stale {
            if !changes.contains_key(path)
                && let Some(entry) = index.entry_by_path(path.as_bstr())
            {
                new.push((path.clone(), entry.mode, entry.id, Stat::default()));
            }
        }
        for (path, (_, side)) in &changes {
            if let Some((mode, id)) = side {
                let Some(mode) = mode_of(*mode) else { return Ok(false) };
                new.push((path.clone(), mode, *id, Stat::default()));
            }
        }
        stale.extend(changes.into_keys());
        scratch::delete(&path.join(".git"))?;
        clear(&path, &stale)?;
        crate::env::failpoint("recycle.cleared");
        // What stays is not written again.
        index.entries_mut().iter_mut().for_each(|entry| entry.flags.insert(Flags::SKIP_WORKTREE));
        replace_entries(&mut index, &stale, new);
        index.set_path(admin.join("index.new"));
        self.write_brought(&path, &mut index)?;
        Ok(true)
    }

    /// Brings the files in the trash to another commit's; whether that can be done.
    fn bring_over(&self, trash: &Scratch, new: &mut gix::index::File) -> Result<bool> {
        let admin = trash.path("admin");
        let Some(old) = self.index_with_same_attributes(&admin.join(MADE), new) else { return Ok(false) };
        let path = trash.path("worktree");
        scratch::delete(&path.join(".git"))?;
        new.set_path(admin.join("index.new"));
        Walk { top: &path, old: &old, keep: &globset::GlobSet::empty() }.clear(&path, b"", false, new)?;
        crate::env::failpoint("recycle.cleared");
        self.write_brought(&path, new)?;
        Ok(true)
    }

    /// Writes the files that are not marked to be skipped, and then the index.
    fn write_brought(&self, path: &Path, index: &mut gix::index::File) -> Result<()> {
        self.write_files_in(path, index)?;
        for entry in index.entries_mut() {
            entry.flags.remove(Flags::SKIP_WORKTREE);
        }
        index.write(gix::index::write::Options::default()).map_err(Error::while_("write the index of a worktree"))?;
        crate::env::failpoint("recycle.brought");
        Ok(())
    }
}

/// The commit whose files a worktree was made with; `None` where it is not known, or what was noted then has been changed.
pub(super) fn made_commit(admin: &Path) -> Option<Oid> {
    let line = read_line(&admin.join(COMMIT))?;
    let (commit, sum) = line.split_once(' ')?;
    let is_it = checksum(&admin.join(MADE)).is_ok_and(|now| now == sum);
    commit.parse().ok().filter(|_| is_it)
}

/// The last bytes of an index, which are its checksum.
fn checksum(index: &Path) -> io::Result<String> {
    let mut file = File::open(index)?;
    file.seek(SeekFrom::End(-20))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The paths at which there is something else than what the engine wrote, where that is known.
fn known_others(admin: &Path) -> Option<BTreeSet<Vec<u8>>> {
    let bytes = fs::read(admin.join(STRIPPED)).ok()?;
    let list = bytes.strip_prefix(KNOWN)?;
    let mut paths: BTreeSet<Vec<u8>> = list.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    // After the last one there is nothing: a list that was cut off does not end so.
    paths.remove(&[][..]).then_some(paths)
}

/// Notes in the Git directory of a worktree that lies in the trash that it holds nothing but files of a commit; `others` are the
/// paths at which something else is than the engine wrote, where they are known.
pub(super) fn mark_stripped(git_dir: &Path, others: Option<&BTreeSet<Vec<u8>>>) -> Result<()> {
    let mark = git_dir.join(STRIPPED);
    let mut text = Vec::new();
    if let Some(others) = others {
        text.extend_from_slice(KNOWN);
        others.iter().for_each(|path| text.extend(path.iter().chain(b"\0")));
    }
    fs::write(&mark, text).map_err(Error::io("write", &mark))
}

/// Whether no process works in a directory any more, or has a file in it open, as far as can be seen: a shell that somebody left
/// there would find itself in another spec's files. Where that cannot be told, somebody may.
pub(super) fn is_left(dir: &Path) -> bool {
    let (Ok(dir), Ok(processes)) = (dir.canonicalize(), fs::read_dir("/proc")) else { return false };
    let own = std::process::id().to_string();
    let mut seen = false;
    for process in processes.flatten() {
        // What this one has open is not left there by anybody.
        if process.file_name() == *own {
            seen = true;
            continue;
        }
        // Those of other users cannot be asked, and cannot have come here without leave.
        let Ok(at) = fs::read_link(process.path().join("cwd")) else { continue };
        let open = fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        let mut open = open.filter_map(|open| fs::read_link(open.path()).ok());
        if at.starts_with(&dir) || open.any(|open| open.starts_with(&dir)) {
            return false;
        }
    }
    seen
}

/// Moves what was brought into the place of the new worktree; whether it could be, for a rename does not leave its file
/// system.
fn settle(trash: &Scratch, worktree: &Worktree) -> Result<bool> {
    let (files, index) = (trash.path("worktree"), worktree.git_dir.join("index"));
    // Only an empty directory goes.
    fs::remove_dir(&worktree.path).ok();
    let from = trash.path("admin").join("index.new");
    fs::rename(&from, &index).map_err(Error::io("move", &index))?;
    crate::env::failpoint("recycle.index");
    if rename_new(&files, &worktree.path).is_err() {
        scratch::delete(&index)?;
        return Ok(false);
    }
    crate::env::failpoint("recycle.moved");
    Ok(true)
}
