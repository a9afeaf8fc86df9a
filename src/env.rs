//! Clock, randomness, variables and the current directory: captured once, at the start of the process.
//!
//! Nothing else in the crate reads `std::env`, a clock or a source of randomness, so that a test can pin them all.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

/// A snapshot of the environment's variables.
#[derive(Debug, Clone, Default)]
pub struct Vars(BTreeMap<OsString, OsString>);

impl Vars {
    /// The value of one variable, `None` where it is unset.
    pub fn get(&self, key: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(key)).map(OsString::as_os_str)
    }

    /// Every variable, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(k, v)| (k.as_os_str(), v.as_os_str()))
    }
}

impl FromIterator<(OsString, OsString)> for Vars {
    fn from_iter<T: IntoIterator<Item = (OsString, OsString)>>(iter: T) -> Self {
        Self(iter.into_iter().collect())
    }
}

/// Of a directory that may be gone, the top of the checkout that it was in, or the nearest one above that is still there.
pub fn still_there(dir: &Path) -> Option<PathBuf> {
    let there = dir.ancestors().find(|dir| dir.is_dir())?;
    Some(there.ancestors().find(|dir| dir.join(".git").exists()).unwrap_or(there).to_owned())
}

/// What the process was given by the system.
#[derive(Debug, Clone)]
pub struct Env {
    /// The directory in which the command was called.
    pub cwd: PathBuf,
    /// The variables at the start.
    pub vars: Vars,
    /// Whether standard output is a terminal.
    pub stdout_tty: bool,
    /// Whether standard error is a terminal.
    pub stderr_tty: bool,
    /// The program itself, to be started again as a supervisor.
    pub program: PathBuf,
    host: String,
}

impl Env {
    /// Reads everything once.
    ///
    /// # Errors
    /// Where the current directory or the program's own path cannot be told.
    pub fn capture() -> io::Result<Self> {
        let vars: Vars = std::env::vars_os().collect();
        let host = match vars.get("CHANT_HOST") {
            Some(host) => host.to_string_lossy().into_owned(),
            None => rustix::system::uname().nodename().to_string_lossy().into_owned(),
        };
        Ok(Self {
            cwd: std::env::current_dir()?,
            stdout_tty: io::stdout().is_terminal(),
            stderr_tty: io::stderr().is_terminal(),
            program: std::env::current_exe()?,
            host: host.chars().filter(|c| c.is_ascii_alphanumeric() || "-._".contains(*c)).collect(),
            vars,
        })
    }

    /// Where to go from the directory of a call that is gone, as its shell still names it.
    pub fn way_out() -> Option<PathBuf> {
        std::env::var_os("PWD").and_then(|path| still_there(Path::new(&path)))
    }

    /// The same process, called in another directory.
    #[must_use]
    pub fn within(&self, dir: &Path) -> Self {
        Self { cwd: self.cwd.join(dir), ..self.clone() }
    }

    /// The same process without the variables by which Git ties a hook to one repository; they are passed on nowhere.
    #[must_use]
    pub fn untied(&self, local: impl Fn(&OsStr) -> bool) -> Self {
        let vars = self.vars.iter().filter(|(key, _)| !local(key)).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        Self { vars, ..self.clone() }
    }

    /// The present moment; `CHANT_NOW` (RFC 3339) pins it, for tests and reproducible demonstrations.
    pub fn now(&self) -> jiff::Timestamp {
        self.vars
            .get("CHANT_NOW")
            .and_then(OsStr::to_str)
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(jiff::Timestamp::now)
    }

    /// The name of this machine, as it stands behind the `@` of a run.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// A name for a run that no other run has: `<16 hex digits>@<host>`. Two claim commits must never be the same
    /// object, for creating a ref that already holds the same object succeeds (DESIGN.md, section 4, `Chant-Run`).
    ///
    /// # Errors
    /// Where the system has no randomness to give.
    pub fn run_id(&self) -> io::Result<String> {
        Ok(format!("{:016x}@{}", self.lot()?, self.host))
    }

    /// A random number.
    ///
    /// # Errors
    /// Where the system has no randomness to give.
    pub fn lot(&self) -> io::Result<u64> {
        getrandom::u64().map_err(|error| io::Error::other(error.to_string()))
    }
}

/// Has memory asked of the system in large pieces from now on, for who reads much and then ends: each piece is a call, and all
/// of a hundred megabytes are thousands.
pub fn expect_much() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it says how the allocator grows, and nothing of what was allocated.
    unsafe {
        libc::mallopt(libc::M_TOP_PAD, 32 << 20);
    }
}

/// A place where a test may kill this process: `CHANT_KILL_AT=<name>` or `<name>:<n>` for the n-th passage.
///
/// Nothing in a release build.
#[cfg(debug_assertions)]
pub fn failpoint(name: &str) {
    use std::sync::Mutex;
    static SEEN: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());
    if let Some(trace) = std::env::var_os("CHANT_TRACE_FAILPOINTS") {
        use std::io::Write as _;
        let file = std::fs::OpenOptions::new().append(true).create(true).open(trace);
        if let Ok(mut file) = file {
            writeln!(file, "{name}").ok();
        }
    }
    let Some(wanted) = std::env::var_os("CHANT_KILL_AT").and_then(|v| v.into_string().ok()) else { return };
    let (wanted, nth) = match wanted.rsplit_once(':') {
        Some((name, n)) => (name.to_owned(), n.parse().unwrap_or(1)),
        None => (wanted, 1),
    };
    if wanted != name {
        return;
    }
    let count = SEEN.lock().map_or(1, |mut seen| {
        let count = seen.entry(name.to_owned()).or_insert(0);
        *count += 1;
        *count
    });
    if count == nth {
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).ok();
        std::thread::sleep(std::time::Duration::from_secs(60));
    }
}

/// A place where a test may kill this process; nothing in a release build.
#[cfg(not(debug_assertions))]
#[inline]
pub fn failpoint(_name: &str) {}
