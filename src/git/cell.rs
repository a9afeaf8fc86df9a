//! A repository of a run's own, in which the Git commands of caged programs work: a *cell*.
//!
//! Nothing of the real repository can be written in a cage, so a worktree's `.git` file leads to a cell for as long as
//! such programs run in it. A cell has the refs as they were, as a file of packed refs; the objects of the repository by
//! `objects/info/alternates`, and new ones beside them, as Git's own receive-pack keeps what it has not yet accepted; its
//! configuration by an include, so that it is the repository's at every moment; the hooks by a symlink; the worktree's
//! `HEAD` and a copy of its index. In there everything works (commit, switch, stash, rebase, notes, configuration) and
//! nothing of it reaches anybody, until the engine [takes over](super::release) what it wants.
//!
//! Receive-pack ties its quarantine to a process by variables. A run's programs work in other repositories as well, in
//! those of a build tool's cache or of a test, and variables would follow them there; a `.git` file does not.
//!
//! A cell lies in `<common>/chant/cells/<name of the worktree's Git directory>`. Its `git` is what the cage leaves open;
//! beside it stands what a later process must know of it, which is not: the worktree, `HEAD` and the refs as they were.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::error::{Error, Result};
use super::repo::{Head, Repo};
use super::scratch::{self, Scratch};
use super::worktree::{Worktree, read_path, real};
use crate::env::failpoint;

/// In a worktree's own Git directory, out of a cage's reach: that it has had a cell.
const ENCLOSED: &str = "chant-enclosed";

/// A worktree's repository of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// What is known of it, out of its programs' reach.
    pub(super) home: PathBuf,
}

impl Cell {
    /// Its Git directory, which its programs may write.
    pub fn git_dir(&self) -> PathBuf {
        self.home.join("git")
    }

    /// A file beside it, which its programs may not write.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }
}

impl Repo {
    /// Gives a linked worktree a cell, as its `HEAD` and index are now, and lets its `.git` file lead there.
    ///
    /// # Errors
    /// Where there is no such worktree, or the cell cannot be written.
    pub fn enclose(&self, at: &Path) -> Result<Cell> {
        let worktree = self.worktree(at)?;
        let scratch = Scratch::new(self.common_dir())?;
        let aside = Cell { home: scratch.path("cell") };
        self.furnish(&worktree, &aside)?;
        let cell = self.cell_of(&worktree);
        // The repositories of submodules stay where their `.git` files lead, from one cell to the next.
        let modules = cell.git_dir().join("modules");
        if modules.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
            let to = aside.git_dir().join("modules");
            fs::rename(&modules, &to).map_err(Error::io("move", &modules))?;
        }
        self.discard_cell(&cell)?;
        if let Some(base) = cell.home.parent() {
            fs::create_dir_all(base).map_err(Error::io("make", base))?;
        }
        let mark = worktree.git_dir.join(ENCLOSED);
        fs::write(&mark, "").map_err(Error::io("write", &mark))?;
        fs::rename(&aside.home, &cell.home).map_err(Error::io("make", &cell.home))?;
        failpoint("cell.made");
        link_to(&worktree, &cell.git_dir())?;
        failpoint("cell.linked");
        Ok(cell)
    }

    /// Whether programs have ever been shut into a worktree: what stands in it may be theirs, the repositories of
    /// submodules too. No worktree where there is none.
    ///
    /// # Errors
    /// Where the worktrees cannot be read.
    pub fn was_enclosed(&self, at: &Path) -> Result<bool> {
        Ok(self.find_worktree(at)?.is_some_and(|worktree| worktree.git_dir.join(ENCLOSED).exists()))
    }

    /// The cell of the worktree at a place, where one is left: also where the worktree itself is gone.
    ///
    /// # Errors
    /// Where the cells cannot be read.
    pub fn cell_at(&self, at: &Path) -> Result<Option<Cell>> {
        let at = real(at);
        Ok(self.cells()?.into_iter().find(|cell| cell.place().as_deref() == Some(&at)))
    }

    /// All cells that were finished, and not yet released.
    fn cells(&self) -> Result<Vec<Cell>> {
        let base = self.common_dir().join("chant/cells");
        let entries = match fs::read_dir(&base) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("read", base)(error)),
        };
        let cells = entries.flatten().map(|entry| Cell { home: entry.path() });
        Ok(cells.filter(|cell| cell.beside("head").exists()).collect())
    }

    /// The common directory of the repository itself, also where this is a cell of it: whose locks and logs count.
    pub fn home_dir(&self) -> &Path {
        let common = self.common_dir();
        let cells = common.parent().and_then(Path::parent).filter(|cells| cells.ends_with("chant/cells"));
        cells.and_then(Path::parent).and_then(Path::parent).unwrap_or(common)
    }

    /// The cell in which a branch was checked out, by its full name, and its worktree's place.
    ///
    /// # Errors
    /// Where the cells cannot be read.
    pub fn cell_on(&self, branch: &str) -> Result<Option<(Cell, PathBuf)>> {
        let wanted = format!("ref: {branch}");
        let on = |cell: &Cell| {
            fs::read_to_string(cell.beside("head")).is_ok_and(|text| text.lines().nth(1) == Some(&wanted))
        };
        let cell = self.cells()?.into_iter().find(on);
        // The worktree may have been moved, the repository with it.
        let now = |cell: &Cell| self.linked(self.common_dir().join("worktrees").join(cell.home.file_name()?));
        Ok(cell
            .and_then(|cell| Some((cell.clone(), now(&cell).map(|worktree| worktree.path).or_else(|| cell.place())?))))
    }

    /// Deletes a directory that was made for a run, whatever stands in it.
    ///
    /// # Errors
    /// Where it cannot be deleted.
    pub fn delete_scratch(&self, dir: &Path) -> Result<()> {
        scratch::delete(dir)
    }

    pub(super) fn cell_of(&self, worktree: &Worktree) -> Cell {
        let name = worktree.git_dir.file_name().unwrap_or_default();
        Cell { home: self.common_dir().join("chant/cells").join(name) }
    }

    /// Takes a cell away with all that is in it.
    pub(super) fn discard_cell(&self, cell: &Cell) -> Result<()> {
        if cell.home.symlink_metadata().is_err() {
            return Ok(());
        }
        // Gone with this value, or at the next sweep.
        let scratch = Scratch::new(self.common_dir())?;
        fs::rename(&cell.home, scratch.path("cell")).map_err(Error::io("move", &cell.home))
    }

    /// Builds the cell's files aside.
    fn furnish(&self, worktree: &Worktree, cell: &Cell) -> Result<()> {
        let git = cell.git_dir();
        for dir in ["objects/info", "objects/pack", "refs/heads", "info"] {
            let dir = git.join(dir);
            fs::create_dir_all(&dir).map_err(Error::io("make", &dir))?;
        }
        let write = |path: PathBuf, bytes: &[u8]| fs::write(&path, bytes).map_err(Error::io("write", &path));
        let common = self.common_dir();
        let refs = self.packed_refs()?;
        write(git.join("packed-refs"), refs.as_bytes())?;
        write(git.join("config"), &self.cell_config(worktree)?)?;
        write(git.join("objects/info/alternates"), &self.sources_of_objects())?;
        let head = fs::read(worktree.git_dir.join("HEAD")).map_err(Error::io("read", &worktree.git_dir))?;
        write(git.join("HEAD"), &head)?;
        let hooks = git.join("hooks");
        std::os::unix::fs::symlink(common.join("hooks"), &hooks).map_err(Error::io("make", &hooks))?;
        for (from, name) in [
            (common, "shallow"),
            (common, "info/exclude"),
            (common, "info/attributes"),
            (worktree.git_dir.as_path(), "info/sparse-checkout"),
        ] {
            copy_plain(&from.join(name), &git.join(name))?;
        }
        carry_index(&worktree.git_dir, &git)?;
        write(cell.beside("refs"), refs.as_bytes())?;
        write(cell.beside("place"), worktree.path.as_os_str().as_bytes())?;
        let from = worktree.head.as_ref().and_then(Head::commit).map(|commit| commit.to_string()).unwrap_or_default();
        // Last: a cell without it was never finished.
        write(cell.beside("head"), &[from.as_bytes(), b"\n", &head].concat())
    }

    /// Where a cell finds the objects that it has not: in the repository, whose own sources are named as well, for Git
    /// passes over relative ones at second hand.
    fn sources_of_objects(&self) -> Vec<u8> {
        let objects = self.common_dir().join("objects");
        let own = fs::read(objects.join("info/alternates")).unwrap_or_default();
        let relative = own.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#"));
        let relative = relative.filter(|line| !line.starts_with(b"/") && !line.starts_with(b"\""));
        // Relative to the cell's objects, so that no name needs quoting, and the whole may be moved.
        let mut text = b"../../../../../objects\n".to_vec();
        for line in relative {
            text.extend([b"../../../../../objects/", line, b"\n"].concat());
        }
        text
    }

    /// The refs that all worktrees share, as they are now.
    fn packed_refs(&self) -> Result<String> {
        let own = |name: &str| {
            ["refs/bisect/", "refs/worktree/", "refs/rewritten/"].iter().any(|part| name.starts_with(part))
        };
        let gix = self.gix();
        let doing = || Error::while_("list the refs");
        let platform = gix.references().map_err(doing())?;
        let mut refs = BTreeMap::new();
        for mut entry in platform.all().map_err(doing())?.filter_map(|entry| entry.ok()) {
            let name = entry.name().as_bstr().to_string();
            if own(&name) || !name.starts_with("refs/") {
                continue;
            }
            // A tag stays the tag; another name for a ref becomes one of its own; what leads nowhere is left out.
            let target = entry.target().try_id().map(ToOwned::to_owned);
            let target = target.or_else(|| entry.follow_to_object().ok().map(gix::Id::detach));
            refs.extend(target.map(|target| (name, target)));
        }
        let mut text = String::from("# pack-refs with: sorted \n");
        for (name, target) in refs {
            writeln!(text, "{target} {name}").ok(); // a string takes anything
        }
        Ok(text)
    }

    /// Nothing is signed in there, for keys are the user's. What Git reads of a repository without following an include stands there itself; all else is the repository's own
    /// at every moment.
    fn cell_config(&self, worktree: &Worktree) -> Result<Vec<u8>> {
        let mut config = Vec::new();
        let mut include = |path: &Path| -> Result<()> {
            let quoted = quote(path.as_os_str().as_bytes());
            config.extend([b"[include]\n\tpath = ", &quoted[..], b"\n"].concat());
            Ok(())
        };
        include(&self.common_dir().join("config"))?;
        let private = worktree.git_dir.join("config.worktree");
        if self.flag("extensions.worktreeConfig") && private.exists() {
            include(&private)?;
        }
        let own = self.common_dir().join("config");
        let asked = ["config", "--file", "-", "--no-includes", "--null", "--get-regexp", "^extensions\\."];
        let bytes = fs::read(&own).map_err(Error::io("read", &own))?;
        let mut extensions = Vec::new();
        if bytes.to_ascii_lowercase().windows(12).any(|word| word == b"[extensions]") {
            for record in self.git(self.common_dir(), &asked).stdin(bytes).run()?.records() {
                let text = String::from_utf8_lossy(record).into_owned();
                let (key, value) = text.split_once('\n').unwrap_or((&text, "true"));
                let name = key.trim_start_matches("extensions.").to_owned();
                if !["worktreeconfig", "relativeworktrees"].contains(&name.as_str()) {
                    extensions.push((name, value.to_owned()));
                }
            }
        }
        let version = if extensions.is_empty() { 0 } else { 1 };
        let tree = quote(worktree.path.as_os_str().as_bytes());
        config.extend(
            format!("[core]\n\trepositoryformatversion = {version}\n\tbare = false\n\tworktree = ").into_bytes(),
        );
        config.extend([&tree[..], b"\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[commit]\n\tgpgSign = false\n[tag]\n\tgpgSign = false\n"].concat());
        if !extensions.is_empty() {
            config.extend(b"[extensions]\n");
            for (name, value) in extensions {
                config.extend([format!("\t{name} = ").as_bytes(), &quote(value.as_bytes()), b"\n"].concat());
            }
        }
        Ok(config)
    }
}

/// A value as Git's configuration spells it, whatever bytes are in it.
fn quote(value: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for byte in value {
        match byte {
            b'"' | b'\\' => quoted.extend([b'\\', *byte]),
            b'\n' => quoted.extend(b"\\n"),
            byte => quoted.push(*byte),
        }
    }
    quoted.push(b'"');
    quoted
}

/// Lets a worktree's `.git` file lead somewhere, whatever stood there.
pub(super) fn link_to(worktree: &Worktree, git_dir: &Path) -> Result<()> {
    scratch::replace(&worktree.path.join(".git"), &link_text(git_dir))
}

fn link_text(git_dir: &Path) -> Vec<u8> {
    [b"gitdir: ", git_dir.as_os_str().as_bytes(), b"\n"].concat()
}

/// Whether a worktree's `.git` file leads to its cell, as it was left.
pub(super) fn is_linked_to(worktree: &Worktree, cell: &Cell) -> bool {
    let link = worktree.path.join(".git");
    let is_file = fs::symlink_metadata(&link).is_ok_and(|meta| meta.is_file());
    is_file && read_path(&link, "gitdir: ").is_some_and(|path| path == cell.git_dir())
}

/// The index with all that belongs to it.
pub(super) fn carry_index(from: &Path, to: &Path) -> Result<()> {
    let index = to.join("index");
    if !copy_plain(&from.join("index"), &index)? {
        scratch::delete(&index)?;
    }
    for entry in fs::read_dir(from).map_err(Error::io("read", from))?.flatten() {
        if entry.file_name().as_bytes().starts_with(b"sharedindex.") {
            copy_plain(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Copies a file that is one: nothing is read through a link, nor waited for. Whether it was.
pub(super) fn copy_plain(from: &Path, to: &Path) -> Result<bool> {
    let Some(mut file) = scratch::open_file(from, OFlags::NOFOLLOW) else { return Ok(false) };
    let mut aside = to.as_os_str().to_owned();
    aside.push(".new");
    let aside = PathBuf::from(aside);
    scratch::delete(&aside)?;
    let mut copy = fs::File::create_new(&aside).map_err(Error::io("write", &aside))?;
    std::io::copy(&mut file, &mut copy).map_err(Error::io("copy", from))?;
    // By an index's own time Git tells which of its entries may have changed within a tick of the clock.
    let time = file.metadata().and_then(|meta| meta.modified()).map_err(Error::io("read", from))?;
    copy.set_modified(time).map_err(Error::io("write", &aside))?;
    fs::rename(&aside, to).map_err(Error::io("write", to))?;
    Ok(true)
}

impl Cell {
    /// The worktree that it is for.
    pub(super) fn place(&self) -> Option<PathBuf> {
        read_path(&self.beside("place"), "")
    }
}
