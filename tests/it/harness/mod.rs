//! A repository to try things in: hermetic, with a pinned clock and identity.
//!
//! `Sandbox::new()` makes an empty project with one commit; `spec`, `write` and `commit` fill it; `chant` and `git` run
//! the real programs in it. Nothing of the user's own configuration is seen.

pub mod clones;
pub mod forge;
pub mod model;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// What a program left behind.
#[derive(Debug, Clone)]
pub struct Output {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Output {
    /// Exit code, standard output and standard error together, for snapshots and for failed assertions.
    pub fn all(&self) -> String {
        format!("exit {}\n--- out\n{}--- err\n{}", self.code, self.out, self.err)
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.all());
        self
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("no JSON ({error}):\n{}", self.all()))
    }
}

pub struct Sandbox {
    _dir: TempDir,
    base: PathBuf,
    pub root: PathBuf,
}

impl Sandbox {
    /// An empty repository on the branch `main` with a project and one commit.
    pub fn new() -> Self {
        let sandbox = Self::bare_directory();
        sandbox.git(["init", "--quiet", "--initial-branch=main", "."]).ok();
        sandbox.write(".chant/config.yaml", "");
        sandbox.commit("a project");
        sandbox
    }

    /// A directory without a repository.
    pub fn bare_directory() -> Self {
        let dir = tempfile::Builder::new().prefix("chant-").tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let root = base.join("repo");
        std::fs::create_dir(&root).unwrap();
        std::fs::create_dir(base.join("home")).unwrap();
        std::fs::create_dir(base.join("talk")).unwrap();
        Self { _dir: dir, base, root }
    }

    /// Switches the sandbox off, in words: for what is found afterwards and not prevented.
    pub fn open(self) -> Self {
        self.git(["config", "chant.sandbox", "off"]).ok();
        self
    }

    /// A place beside the repository, for what agents and tests tell each other: `$BESIDE`, which agents may write. What
    /// is already beside the repository itself is found there.
    pub fn beside(&self, name: &str) -> PathBuf {
        let first = name.split('/').next().unwrap_or_default();
        let is_there = !first.is_empty() && self.base.join(first).symlink_metadata().is_ok();
        if is_there { self.base.join(name) } else { self.base.join("talk").join(name) }
    }

    /// A place beside the repository that agents may not write: for clones, worktrees and servers.
    pub fn apart(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }

    /// A path in the repository; `../` leads beside it.
    pub fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        let inside = inside.as_ref();
        match inside.strip_prefix("..").ok().and_then(Path::to_str) {
            Some(name) => self.beside(name),
            None => self.root.join(inside),
        }
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) -> &Self {
        let file = self.path(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
        self
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn exists(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// A spec file with frontmatter, a title, criteria and whatever follows.
    pub fn spec(&self, id: &str, front: &str, criteria: &[&str], rest: &str) -> &Self {
        let front = if front.is_empty() { String::new() } else { format!("---\n{front}\n---\n") };
        let criteria: String = criteria
            .iter()
            .map(|line| match line.split_once(" $ ") {
                Some((text, command)) => format!("- [ ] {text}\n      `$ {command}`\n"),
                None => format!("- [ ] {line}\n"),
            })
            .collect();
        let criteria =
            if criteria.is_empty() { String::new() } else { format!("\n## Acceptance Criteria\n\n{criteria}") };
        let rest = if rest.is_empty() { String::new() } else { format!("\n{rest}\n") };
        self.write(&format!(".chant/specs/{id}.md"), format!("{front}# The spec {id}\n{criteria}{rest}"))
    }

    /// A spec that does its own steps and proves a file.
    pub fn steps(&self, id: &str, front: &str, criteria: &[&str], script: &str) -> &Self {
        self.spec(id, front, criteria, &format!("## Steps\n\n```sh\n{script}\n```"))
    }

    pub fn commit(&self, message: &str) -> &Self {
        self.git(["add", "--all"]).ok();
        self.git(["commit", "--quiet", "--allow-empty", "-m", message]).ok();
        self
    }

    pub fn git<I, S>(&self, args: I) -> Output
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        run(self.command("git", &self.root).args(args))
    }

    /// What Git prints, without the line's end.
    #[track_caller]
    pub fn ask(&self, args: &str) -> String {
        self.git(args.split_whitespace()).ok().out.trim_end().to_owned()
    }

    pub fn chant<I, S>(&self, args: I) -> Output
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        run(self.command(chant(), &self.root).args(args))
    }

    pub fn chant_in<I, S>(&self, dir: impl AsRef<Path>, args: I) -> Output
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        run(self.command(chant(), &self.path(dir)).args(args))
    }

    pub fn chant_with<I, S>(&self, env: &[(&str, &str)], args: I) -> Output
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        run(self.command(chant(), &self.root).envs(env.iter().copied()).args(args))
    }

    /// Starts chant and gives the child, for tests that do something meanwhile.
    pub fn spawn<I, S>(&self, env: &[(&str, &str)], args: I) -> Child
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.command(chant(), &self.root)
            .envs(env.iter().copied())
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// A command in the sandbox's environment and nothing else.
    pub fn command(&self, program: impl AsRef<OsStr>, cwd: &Path) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command
            .current_dir(cwd)
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.base.join("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.org")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.org")
            .env("GIT_AUTHOR_DATE", "1767225600 +0000")
            .env("GIT_COMMITTER_DATE", "1767225600 +0000")
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("CHANT_HOST", "here")
            .env("BESIDE", self.base.join("talk"))
            .env("CHANT_SANDBOX_WRITE", self.base.join("talk"))
            .env("CHANT_SANDBOX_PASS_ENV", "BESIDE");
        if let Some(dir) = std::env::var_os("LLVM_PROFILE_FILE") {
            command.env("LLVM_PROFILE_FILE", dir);
        }
        command
    }

    /// The item of one spec in `list --json`.
    #[track_caller]
    pub fn item(&self, id: &str) -> serde_json::Value {
        let list = self.chant(["list", "--json"]).ok().json();
        let items = list.as_array().unwrap();
        items.iter().find(|item| item["id"] == id).unwrap_or_else(|| panic!("no {id} in {list:#}")).clone()
    }

    #[track_caller]
    pub fn status(&self, id: &str) -> String {
        self.item(id)["status"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn assert_fsck(&self) {
        let out = self.git(["fsck", "--full", "--strict", "--no-dangling"]).ok();
        assert!(!out.err.contains("error") && !out.err.contains("missing"), "{}", out.all());
    }

    /// Everything of the user's that no command may change: index, branch, files.
    pub fn checkout_bytes(&self) -> Vec<(String, Vec<u8>)> {
        let mut found = vec![("HEAD".to_owned(), std::fs::read(self.path(".git/HEAD")).unwrap())];
        if let Ok(index) = std::fs::read(self.path(".git/index")) {
            found.push(("index".to_owned(), index));
        }
        let mut open = vec![self.root.clone()];
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let inside = path.strip_prefix(&self.root).unwrap().display().to_string();
                if inside == ".git" || inside == ".chant/worktrees" {
                    continue;
                }
                if path.is_dir() && !path.is_symlink() {
                    open.push(path);
                } else {
                    found.push((inside, std::fs::read(&path).unwrap_or_default()));
                }
            }
        }
        found.sort();
        found
    }
}

pub fn chant() -> &'static str {
    env!("CARGO_BIN_EXE_chant")
}

pub fn run(command: &mut Command) -> Output {
    finish(command.stdin(Stdio::null()).output().unwrap())
}

pub fn wait(child: Child) -> Output {
    finish(child.wait_with_output().unwrap())
}

fn finish(output: std::process::Output) -> Output {
    Output {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Waits until something is so; fails with the words where it never comes.
#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !so() {
        assert!(begun.elapsed().as_secs() < 120, "never: {what}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
