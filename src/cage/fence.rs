//! A fence around one program that Git starts: a filter or a merge driver of the user's configuration, which may be a file
//! of the tree and so an agent's.
//!
//! Git itself must write what no such program may: an index, objects, a checkout. So it is not Git that is shut in. Its
//! configuration is given for the one call, with this very program before each command: `chant __fence <file> <n> …`. The
//! file says what is left open and which commands there are; Git fills in what it knows of the place (`%f`, `%A`, …) as
//! arguments, and they are put into the command here as Git would have done. Then the cage is entered, for good, and the
//! command started in its stead.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Pid;

use super::kin;
use super::{Cage, looks_secret, passes};

/// The word by which the program knows that it is to enter a fence.
pub const FENCE: &str = "__fence";

/// What is left open to commands, and which they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fence {
    /// What they may touch.
    pub cage: Cage,
    /// What Git LFS may write beside that: where it keeps its files.
    pub lfs: Option<PathBuf>,
    /// Where they keep what is temporary.
    pub tmp: PathBuf,
    /// Globs of the variables that are handed on beside those that always are.
    pub pass: Vec<String>,
    /// So long one may take over one file; whoever answers for many, [`MANY`] times that. Without one there is no end.
    pub limit: Option<Duration>,
    /// The commands, as they are configured.
    pub commands: Vec<Vec<u8>>,
}

/// A process that answers for many files has so many times the limit of one.
pub const MANY: u32 = 6;

impl Fence {
    /// As it stands in the file: one entry after the other, a letter for its kind before it and a zero behind it. Neither
    /// a path nor a command can hold a zero.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut entry = |kind: u8, text: &[u8]| bytes.extend([&[kind], text, b"\0"].concat());
        for path in &self.cage.write {
            entry(b'w', path.as_os_str().as_bytes());
        }
        if let Some(path) = &self.lfs {
            entry(b'l', path.as_os_str().as_bytes());
        }
        if self.cage.no_net {
            entry(b'n', b"");
        }
        entry(b't', self.tmp.as_os_str().as_bytes());
        for glob in &self.pass {
            entry(b'p', glob.as_bytes());
        }
        if let Some(limit) = self.limit {
            entry(b'd', limit.as_secs().to_string().as_bytes());
        }
        for command in &self.commands {
            entry(b'c', command);
        }
        bytes
    }

    /// Reads it; `None` where it is none, or cut short.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let path = |text: &[u8]| PathBuf::from(OsString::from_vec(text.to_vec()));
        let mut fence = Self::default();
        for entry in bytes.strip_suffix(b"\0")?.split(|byte| *byte == 0) {
            match entry.split_first()? {
                (b'w', text) => fence.cage.write.push(path(text)),
                (b'l', text) => fence.lfs = Some(path(text)),
                (b'n', b"") => fence.cage.no_net = true,
                (b't', text) => fence.tmp = path(text),
                (b'p', text) => fence.pass.push(String::from_utf8(text.to_vec()).ok()?),
                (b'd', text) => {
                    let seconds = std::str::from_utf8(text).ok()?.parse().ok()?;
                    fence.limit = Some(Duration::from_secs(seconds));
                }
                (b'c', text) => fence.commands.push(text.to_vec()),
                _ => return None,
            }
        }
        Some(fence)
    }
}

/// What stands in the configuration in place of a command: `program` with the fence in `file`, its `n`th command, and the
/// `letters` that Git is to fill in. Where there are none, Git looks for no `%`.
pub fn fenced(program: &Path, file: &Path, n: usize, letters: &str) -> Vec<u8> {
    let [program, file] = [program, file].map(|path| quoted(path.as_os_str().as_bytes()));
    let mut text = [&program[..], format!(" {FENCE} ").as_bytes(), &file[..], b" "].concat();
    text.extend(format!("{n}").into_bytes());
    if letters.is_empty() {
        return text;
    }
    text = text.into_iter().flat_map(|byte| vec![byte; if byte == b'%' { 2 } else { 1 }]).collect();
    text.extend(format!(" {letters}").into_bytes());
    text.extend(letters.chars().flat_map(|letter| format!(" %{letter}").into_bytes()));
    text
}

/// A word for the shell.
fn quoted(word: &[u8]) -> Vec<u8> {
    let inner = word.iter().flat_map(|byte| if *byte == b'\'' { br"'\''".to_vec() } else { vec![*byte] });
    [b"'".to_vec(), inner.collect(), b"'".to_vec()].concat()
}

/// Puts what Git said of the place into a command, as Git does: `%%` is a percent sign, a letter that is not known stays
/// as it is, and what may be anything is a word for the shell.
pub fn filled(command: &[u8], letters: &[u8], values: &[Vec<u8>]) -> Vec<u8> {
    let plain = |value: &[u8]| value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._/-".contains(byte));
    let mut text = Vec::new();
    let mut rest = command;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let known = |letter: &u8| letters.iter().position(|known| known == letter);
        match (byte, after.split_first()) {
            (b'%', Some((b'%', after))) if !letters.is_empty() => {
                text.push(b'%');
                rest = after;
            }
            (b'%', Some((letter, after))) if known(letter).is_some() => {
                let value = known(letter).and_then(|at| values.get(at)).map(Vec::as_slice).unwrap_or_default();
                // Git quotes paths and labels, and neither numbers nor the names of its own temporary files.
                let bare = b"OABL".contains(letter) && plain(value);
                text.extend(if bare { value.to_vec() } else { quoted(value) });
                rest = after;
            }
            _ => text.push(*byte),
        }
    }
    text
}

/// Whether a variable is handed on to a command. Git's own lead it to where it is at work.
fn hands_on(name: &OsStr, value: &OsStr, named: &[String], is_lfs: bool) -> bool {
    let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
    is_lfs || passes(&name, &value, named) || name.starts_with("GIT_") && !looks_secret(&name, &value)
}

/// Whether a command is Git LFS, which is never a file of the tree and speaks with a server in the user's name.
pub fn is_lfs(command: &[u8]) -> bool {
    command.starts_with(b"git-lfs ") || command.starts_with(b"git lfs ")
}

/// Enters a fence and runs its command there, for as long as its limit lasts; gives its exit code. `args` are what follows
/// [`FENCE`], `vars` the variables of this process.
pub fn fence_main(args: &[OsString], vars: impl Iterator<Item = (OsString, OsString)>) -> u8 {
    match run_command(args, vars) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chant: cannot shut in what Git starts here: {error}");
            126
        }
    }
}

fn run_command(args: &[OsString], vars: impl Iterator<Item = (OsString, OsString)>) -> io::Result<u8> {
    let unknown = || io::Error::new(io::ErrorKind::InvalidInput, "it is not said what is to be shut in");
    let [file, n, rest @ ..] = args else { return Err(unknown()) };
    let fence = Fence::from_bytes(&std::fs::read(file)?).ok_or_else(unknown)?;
    let n: usize = n.to_str().and_then(|n| n.parse().ok()).ok_or_else(unknown)?;
    let command = fence.commands.get(n).ok_or_else(unknown)?;
    let letters = rest.first().map(|letters| letters.as_bytes().to_vec()).unwrap_or_default();
    let values: Vec<Vec<u8>> = rest.iter().skip(1).map(|value| value.as_bytes().to_vec()).collect();
    let text = filled(command, &letters, &values);
    let is_lfs = is_lfs(command);
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(OsStr::from_bytes(&text)).env_clear();
    shell.envs(vars.filter(|(name, value)| hands_on(name, value, &fence.pass, is_lfs)));
    shell.envs(["TMPDIR", "TMP", "TEMP"].map(|name| (name, &fence.tmp)));
    let mut cage = fence.cage;
    cage.write.extend(fence.lfs.filter(|_| is_lfs));
    let mut ready = cage.ready()?;
    ready.leave_net()?;
    ready.enter()?;
    match fence.limit.filter(|_| !is_lfs) {
        // It speaks with a server, and may take its time over what is large.
        None => Err(shell.exec()),
        Some(limit) => {
            let about = About::of(command, &letters, &values);
            within(shell, limit * if letters.is_empty() { MANY } else { 1 }, &about)
        }
    }
}

/// What a command is at work on, for whoever hears that it hung.
struct About(String);

impl About {
    fn of(command: &[u8], letters: &[u8], values: &[Vec<u8>]) -> Self {
        let command = String::from_utf8_lossy(command);
        let path = letters.iter().position(|letter| b"fP".contains(letter)).and_then(|at| values.get(at));
        Self(match path {
            Some(path) => format!("`{command}`, started by Git for {}", String::from_utf8_lossy(path)),
            None => format!("`{command}`, started by Git for many files"),
        })
    }
}

/// Runs a command to its end, or to the end of its time; then all that it started ends with it, for Git waits for whoever has
/// its pipes.
fn within(mut shell: Command, limit: Duration, about: &About) -> io::Result<u8> {
    use std::os::unix::process::ExitStatusExt as _;
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let mut child = shell.spawn()?;
    let pid = Pid::from_child(&child);
    let (done, ended) = std::sync::mpsc::channel::<()>();
    let status = std::thread::scope(|scope| {
        scope.spawn(move || {
            let still = |time| ended.recv_timeout(time) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
            if still(limit) {
                let seconds = limit.as_secs();
                eprintln!("chant: {} took longer than {seconds} s, and was ended (`chant.filterTimeout`)", about.0);
                end_descendants(pid);
                while still(Duration::from_millis(20)) {
                    end_descendants(pid);
                }
            }
        });
        let status = child.wait();
        drop(done);
        status
    })?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(u8::try_from(code).unwrap_or(1))
}

/// Kills every process that descends from this one, which has started `child`.
fn end_descendants(child: Pid) {
    for process in kin::descendants(rustix::process::getpid(), child) {
        // One that has ended meanwhile needs no more.
        kin::send(process, rustix::process::Signal::KILL).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_git_fills_in_stands_where_it_would_have_put_it() {
        let values = [b".merge_file_a".to_vec(), b"it's; rm -rf %A".to_vec()];
        let filled = |command: &str| String::from_utf8(filled(command.as_bytes(), b"AP", &values)).unwrap();
        assert_eq!(filled("./merge %A '%A' %P"), r"./merge .merge_file_a '.merge_file_a' 'it'\''s; rm -rf %A'");
        assert_eq!(filled("printf '%%s %x 100%'"), "printf '%s %x 100%'");
        assert_eq!(super::filled(b"date +%% %f", b"", &[]), b"date +%% %f", "a process is told nothing");
    }

    #[test]
    fn the_place_of_the_program_may_hold_anything() {
        let fenced =
            |letters| String::from_utf8(fenced(Path::new("/a 100%/it's"), Path::new("/f"), 3, letters)).unwrap();
        assert_eq!(fenced(""), r"'/a 100%/it'\''s' __fence '/f' 3");
        assert_eq!(fenced("f"), r"'/a 100%%/it'\''s' __fence '/f' 3 f %f");
    }

    #[test]
    fn secrets_pass_to_git_lfs_alone() {
        let named = ["MINE".to_owned()];
        let passes = |name: &str, lfs| hands_on(OsStr::new(name), OsStr::new("x"), &named, lfs);
        assert!(["PATH", "MINE", "GIT_DIR", "GIT_INDEX_FILE"].iter().all(|name| passes(name, false)));
        assert!(["MY_TOKEN", "OTHER", "GIT_TOKEN"].iter().all(|name| !passes(name, false) && passes(name, true)));
        assert!(is_lfs(b"git-lfs filter-process") && !is_lfs(b"./git-lfs smudge") && !is_lfs(b"git-lfsx"));
    }

    proptest! {
        #[test]
        fn a_fence_is_read_as_it_was_written(
            write in proptest::collection::vec("/[^\\x00]{0,9}", 0..4),
            pass in proptest::collection::vec("[^\\x00]{0,9}", 0..3),
            commands in proptest::collection::vec(proptest::collection::vec(1u8.., 0..20), 0..4),
            no_net in any::<bool>(),
        ) {
            let cage = Cage { write: write.into_iter().map(PathBuf::from).collect(), no_net };
            let limit = no_net.then(|| Duration::from_secs(commands.len() as u64));
            let fence = Fence { cage, lfs: no_net.then(|| "/lfs".into()), tmp: "/tmp".into(), pass, limit, commands };
            let bytes = fence.to_bytes();
            prop_assert_eq!(Fence::from_bytes(&bytes), Some(fence));
            prop_assert_eq!(Fence::from_bytes(&bytes[..bytes.len() - 1]), None);
        }

        /// The shell gives back every word as it was, whatever stands in it.
        #[test]
        fn a_value_stays_one_word_of_the_shell(value in proptest::collection::vec(1u8.., 0..20), bare in any::<bool>()) {
            let letters: &[u8] = if bare { b"A" } else { b"f" };
            let command = if bare { &b"printf %%s %A"[..] } else { b"printf %%s %f" };
            let text = filled(command, letters, std::slice::from_ref(&value));
            let said = Command::new("sh").arg("-c").arg(OsStr::from_bytes(&text)).output().unwrap();
            if !(bare && value.is_empty()) {
                prop_assert_eq!(said.stdout, value);
            }
        }
    }
}
