//! The ground that an agent of chant's own stands on: files of one worktree, and no others.
//!
//! Paths come from a model, or from a server that speaks for one, so they are resolved by the system from an open
//! directory, beneath which they have to stay (`openat2` with `RESOLVE_BENEATH` where there is one, by cap-std): neither
//! `..` nor an absolute path nor a symbolic link leads out, not even one that is made while a path is walked.

use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, MetadataExt as _, OpenOptions, OpenOptionsExt as _};

/// The largest file that is read, in bytes.
pub(super) const LARGEST: u64 = 8 << 20;

/// An open worktree.
#[derive(Debug)]
pub(super) struct Ground {
    dir: Dir,
    /// Its path, as it is and as it is without symbolic links.
    roots: Vec<PathBuf>,
    /// Where in it relative paths begin: the project's directory.
    from: PathBuf,
}

impl Ground {
    /// Opens the worktree at `root`, for paths relative to `cwd` in it.
    pub(super) fn open(root: &Path, cwd: &Path) -> io::Result<Self> {
        let dir = Dir::open_ambient_dir(root, ambient_authority())?;
        let mut roots = vec![root.to_owned()];
        roots.extend(root.canonicalize().ok().filter(|real| real != root));
        let mut ground = Self { dir, roots, from: PathBuf::new() };
        ground.from = ground.below(cwd).ok_or_else(|| outside(cwd))?;
        Ok(ground)
    }

    /// A path as one below the worktree's top; nothing where its words alone lead out.
    pub(super) fn below(&self, path: &Path) -> Option<PathBuf> {
        let path = match path.is_absolute() {
            false => self.from.join(path),
            true => self.roots.iter().find_map(|root| path.strip_prefix(root).ok())?.to_owned(),
        };
        let mut depth = 0usize;
        for part in path.components() {
            match part {
                Component::Normal(_) => depth += 1,
                Component::ParentDir => depth = depth.checked_sub(1)?,
                Component::CurDir => {}
                Component::RootDir | Component::Prefix(_) => return None,
            }
        }
        Some(if path.as_os_str().is_empty() { PathBuf::from(".") } else { path })
    }

    fn resolved(&self, path: &Path) -> io::Result<PathBuf> {
        self.below(path).ok_or_else(|| outside(path))
    }

    /// Whether a path stays within, links followed. What is not there yet is judged by what it would be made in.
    pub(super) fn holds(&self, path: &Path) -> bool {
        let Some(mut path) = self.below(path) else { return false };
        loop {
            match self.dir.metadata(&path) {
                Ok(_) => return true,
                // A link to what is not there leads somewhere that cannot be judged.
                Err(_) if self.dir.symlink_metadata(&path).is_ok() => return false,
                Err(error) if error.kind() != io::ErrorKind::NotFound => return false,
                Err(_) if !path.pop() || path.as_os_str().is_empty() => return true,
                Err(_) => {}
            }
        }
    }

    /// The bytes of a file of at most [`LARGEST`] bytes.
    pub(super) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.file(path, &self.resolved(path)?, OpenOptions::new().read(true))?;
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > LARGEST {
            true => Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("{} is too large", path.display()))),
            false => Ok(bytes),
        }
    }

    /// Opens a file, and nothing else: a pipe would be waited for, and a device is none of a worktree's.
    fn file(&self, path: &Path, below: &Path, how: &mut OpenOptions) -> io::Result<File> {
        let how = how.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        let file = self.dir.open_with(below, how).map_err(|error| named(path, error))?;
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} is no file", path.display()))),
        }
    }

    /// The text of a file.
    pub(super) fn text(&self, path: &Path) -> io::Result<String> {
        String::from_utf8(self.read(path)?)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("{} is no text in UTF-8", path.display())))
    }

    /// Makes a file this text, with the directories above it. An existing file keeps its mode.
    pub(super) fn write(&self, path: &Path, text: &str) -> io::Result<PathBuf> {
        let below = self.resolved(path)?;
        if plainly(&below).starts_with(".git") {
            return Err(gits_own(path));
        }
        if let Some(above) = below.parent().filter(|above| !(above.as_os_str().is_empty() || self.dir.is_dir(above))) {
            self.dir.create_dir_all(above).map_err(|error| named(path, error))?;
        }
        // Cut to nothing only when it is known to be a file, and by whatever names it was reached not that of Git.
        let mut file = self.file(path, &below, OpenOptions::new().write(true).create(true))?;
        let id = |meta: cap_std::fs::Metadata| (meta.dev(), meta.ino());
        if self.dir.metadata(".git").is_ok_and(|git| file.metadata().is_ok_and(|meta| id(meta) == id(git))) {
            return Err(gits_own(path));
        }
        file.set_len(0)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        Ok(plainly(&below))
    }

    /// What a directory holds, in order, directories with a slash at their end.
    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in self.dir.read_dir(self.resolved(path)?).map_err(|error| named(path, error))? {
            let entry = entry?;
            let slash = if entry.file_type().is_ok_and(|kind| kind.is_dir()) { "/" } else { "" };
            names.push(format!("{}{slash}", entry.file_name().to_string_lossy()));
        }
        names.sort();
        Ok(names)
    }

    /// Whether it is a directory.
    pub(super) fn is_dir(&self, path: &Path) -> bool {
        self.below(path).and_then(|path| self.dir.metadata(path).ok()).is_some_and(|kind| kind.is_dir())
    }

    /// The worktree's top.
    pub(super) fn root(&self) -> &Path {
        &self.roots[0]
    }
}

/// A path that stays within, without its detours.
fn plainly(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
        plain
    })
}

fn gits_own(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("{} is Git's own", path.display()))
}

fn outside(path: &Path) -> io::Error {
    let why = format!("{} is outside of the worktree", path.display());
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

/// What went wrong, with the path as it was given.
fn named(path: &Path, error: io::Error) -> io::Error {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => format!("{error} (nothing outside of the worktree can be reached)"),
        _ => error.to_string(),
    };
    io::Error::new(error.kind(), format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::symlink;

    fn ground() -> (tempfile::TempDir, Ground) {
        let place = tempfile::tempdir().unwrap();
        let tree = place.path().join("tree");
        std::fs::create_dir_all(tree.join("sub/deep")).unwrap();
        std::fs::write(tree.join("sub/file"), "inside").unwrap();
        std::fs::write(place.path().join("secret"), "outside").unwrap();
        std::fs::write(tree.join(".git"), "gitdir: elsewhere").unwrap();
        symlink("../secret", tree.join("leads-out")).unwrap();
        symlink("../made-outside", tree.join("leads-to-nothing")).unwrap();
        symlink("..", tree.join("up")).unwrap();
        symlink("/", tree.join("top")).unwrap();
        symlink("sub/file", tree.join("leads-in")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, tree.join("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let ground = Ground::open(&tree, &tree.join("sub")).unwrap();
        (place, ground)
    }

    #[test]
    fn what_is_inside_is_read_and_written_by_any_of_its_names() {
        let (place, ground) = ground();
        let absolute = place.path().join("tree/sub/file");
        for path in ["file", "./file", "../sub/file", "../leads-in", absolute.to_str().unwrap()] {
            assert_eq!(ground.text(Path::new(path)).unwrap(), "inside", "{path}");
            assert!(ground.holds(Path::new(path)), "{path}");
        }
        assert_eq!(ground.write(Path::new("new/dir/x"), "y").unwrap(), Path::new("sub/new/dir/x"));
        assert_eq!(std::fs::read_to_string(place.path().join("tree/sub/new/dir/x")).unwrap(), "y");
        assert_eq!(ground.write(Path::new("./x"), "y").unwrap(), Path::new("sub/x"));
        assert!(ground.holds(Path::new("not/there/yet")));
        assert_eq!(ground.list(Path::new(".")).unwrap(), ["deep/", "file", "new/", "x"]);
    }

    #[test]
    fn nothing_outside_is_reached_by_dots_absolute_paths_or_links() {
        let (place, ground) = ground();
        let secret = place.path().join("secret");
        let ways = [
            "../../secret",
            "../leads-out",
            "../up/secret",
            "../up/tree/../secret",
            "../top/etc/hostname",
            "/etc/hostname",
            "deep/../../../secret",
            secret.to_str().unwrap(),
        ];
        for path in ways.map(Path::new) {
            assert!(ground.read(path).is_err() && ground.write(path, "broken").is_err(), "{}", path.display());
            assert!(!ground.holds(path), "{}", path.display());
        }
        assert!(ground.write(Path::new("../leads-to-nothing"), "x").is_err());
        assert!(!ground.holds(Path::new("../leads-to-nothing")) && !place.path().join("made-outside").exists());
        assert!(ground.write(Path::new("../up/made-outside"), "x").is_err());
        assert!(ground.list(Path::new("../..")).is_err() && ground.list(Path::new("../up")).is_err());
        assert_eq!(std::fs::read_to_string(secret).unwrap(), "outside");
    }

    #[test]
    fn the_link_to_the_repository_is_not_written_and_a_pipe_is_not_waited_for() {
        let (place, ground) = ground();
        assert!(ground.read(Path::new("../pipe")).is_err() && ground.write(Path::new("../pipe"), "x").is_err());
        symlink("../.git", place.path().join("tree/sub/link")).unwrap();
        symlink(".", place.path().join("tree/sub/self")).unwrap();
        std::fs::hard_link(place.path().join("tree/.git"), place.path().join("tree/sub/hard")).unwrap();
        for path in ["../.git", ".././.git", "../.git/config", "link", "hard", "self/link", "self/../.git"] {
            assert!(ground.write(Path::new(path), "x").is_err(), "{path}");
        }
        assert_eq!(std::fs::read_to_string(place.path().join("tree/.git")).unwrap(), "gitdir: elsewhere");
    }

    proptest! {
        #[test]
        fn no_path_writes_outside(parts in proptest::collection::vec(
            prop_oneof![Just(".."), Just("sub"), Just("up"), Just("top"), Just("tree"), Just("."), Just("file"), Just("leads-out")], 1..7,
        )) {
            let (place, ground) = ground();
            let path: PathBuf = parts.iter().collect();
            ground.write(&path, "broken").ok();
            prop_assert_eq!(std::fs::read_to_string(place.path().join("secret")).unwrap(), "outside");
            let names: Vec<_> = std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            prop_assert_eq!(names.len(), 2);
        }
    }
}
