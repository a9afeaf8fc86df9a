//! What the tools do: files of the worktree and no others, and commands of a shell.
//!
//! A command is not confined by this file: it is a program like any other that an agent starts, and the cage around all of
//! them, where there is one, holds it ([containment](../../../docs/how-to/containment.md)).

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use globset::{Glob, GlobMatcher};
use regex::RegexBuilder;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;

use super::toolbox::{Use, bounded, edited};
use crate::agent::ground::Ground;
use crate::agent::plain::{plain, words};
use crate::agent::told::{Line, Pulse, Voice};
use crate::env::Vars;

/// The most that one tool says, in bytes.
const MOST: usize = 24 << 10;
/// The most that is kept of what a command prints, while it runs.
const PRINTED: usize = 1 << 20;
/// The most lines that a search finds, and how long one may be.
const HITS: usize = 200;
const HIT: usize = 300;
/// How long the output of a command is waited for when it has ended: something it left behind may hold it open.
const SETTLE: Duration = Duration::from_millis(200);

/// Hands that reach no further than one worktree.
pub(super) struct Hands {
    pub(super) ground: Ground,
    /// The variables of commands.
    pub(super) vars: Vars,
    pub(super) cwd: std::path::PathBuf,
    pub(super) voice: Voice,
}

impl Hands {
    /// Uses a tool; what is to be said to the model.
    pub(super) async fn does(&self, wish: &Use) -> String {
        self.voice.say(&shown(wish));
        let said = match wish {
            Use::Read { path, from, lines } => self.read(path, *from, *lines),
            Use::Write { path, text } => self.write(path, text, "written"),
            Use::Edit { path, old, new, all } => self.edit(path, old, new, *all),
            Use::Search { pattern, path, files } => self.search(pattern, path, files.as_deref()),
            Use::Run { command, seconds } => Ok(self.run(command, Duration::from_secs(*seconds)).await),
        };
        bounded(&said.unwrap_or_else(|why| if why.starts_with("error") { why } else { format!("error: {why}") }), MOST)
    }

    fn read(&self, path: &str, from: usize, lines: usize) -> Result<String, String> {
        let path = Path::new(path);
        if self.ground.is_dir(path) {
            let names = self.ground.list(path).map_err(|error| error.to_string())?;
            return Ok(names.join("\n"));
        }
        let text = self.ground.text(path).map_err(|error| error.to_string())?;
        let all = text.lines().count();
        let piece: Vec<&str> = text.lines().skip(from - 1).take(lines).collect();
        let last = from - 1 + piece.len();
        Ok(match (from, last) {
            (1, last) if last == all => text,
            _ => format!("{}\n[lines {from} to {last} of {all}]", piece.join("\n")),
        })
    }

    fn write(&self, path: &str, text: &str, done: &str) -> Result<String, String> {
        let written = self.ground.write(Path::new(path), text).map_err(|error| error.to_string())?;
        self.voice.say(&Line::Changed { path: written.display().to_string() });
        Ok(format!("{done} {}", written.display()))
    }

    fn edit(&self, path: &str, old: &str, new: &str, all: bool) -> Result<String, String> {
        let text = self.ground.text(Path::new(path)).map_err(|error| error.to_string())?;
        let (text, times) = edited(&text, old, new, all)?;
        self.write(path, &text, if times == 1 { "edited" } else { "edited in several places:" })
    }

    /// Walks what Git does not ignore; no link is followed, and what is read is read through the ground.
    fn search(&self, pattern: &str, path: &str, files: Option<&str>) -> Result<String, String> {
        let regex = RegexBuilder::new(pattern).size_limit(1 << 20).build().map_err(|error| error.to_string())?;
        let glob: Option<GlobMatcher> = files
            .map(|glob| Glob::new(glob).map(|glob| glob.compile_matcher()))
            .transpose()
            .map_err(|error| error.to_string())?;
        let below = self.ground.below(Path::new(path)).ok_or_else(|| format!("{path} is outside of the worktree"))?;
        if !self.ground.holds(Path::new(path)) {
            return Err(format!("{path} leads outside of the worktree"));
        }
        let walk = ignore::WalkBuilder::new(self.ground.root().join(below))
            .hidden(false)
            .follow_links(false)
            .filter_entry(|entry| entry.file_name() != ".git")
            .sort_by_file_name(Ord::cmp)
            .build();
        let mut hits = Vec::new();
        for entry in walk.flatten().filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file())) {
            let Ok(name) = entry.path().strip_prefix(self.ground.root()) else { continue };
            let fits = |glob: &GlobMatcher| glob.is_match(name) || glob.is_match(entry.file_name());
            if glob.as_ref().is_some_and(|glob| !fits(glob)) {
                continue;
            }
            if pattern.is_empty() {
                hits.push(name.display().to_string());
            } else if let Ok(text) = self.ground.text(entry.path()) {
                let lines = text.lines().enumerate().filter(|(_, line)| regex.is_match(line));
                let hit = |(at, line): (usize, &str)| {
                    format!("{}:{}: {}", name.display(), at + 1, &line[..line.floor_char_boundary(HIT)])
                };
                hits.extend(lines.map(hit).take(HITS + 1));
            }
            if hits.len() > HITS {
                hits.truncate(HITS);
                hits.push(format!("[more than {HITS}: ask more narrowly]"));
                break;
            }
        }
        Ok(if hits.is_empty() { "nothing was found".to_owned() } else { hits.join("\n") })
    }

    /// Runs a command in a process group of its own, which goes with it when its time is up.
    async fn run(&self, command: &str, patience: Duration) -> String {
        let mut shell = tokio::process::Command::new("sh");
        shell.arg("-c").arg(format!("exec 2>&1\n{command}")).current_dir(&self.cwd).env_clear().envs(self.vars.iter());
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0).kill_on_drop(true);
        let mut child = match shell.spawn() {
            Ok(child) => child,
            Err(error) => return format!("error: the shell cannot be started: {error}"),
        };
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let (mut printed, mut pulse) = (Printed::default(), Pulse::new(self.voice));
        let Some(mut out) = child.stdout.take() else { return "error: no output".to_owned() };
        let until = tokio::time::Instant::now() + patience;
        let status = loop {
            tokio::select! {
                more = printed.more(&mut out), if !printed.over => if more { pulse.beat() },
                status = child.wait() => break status.ok(),
                () = tokio::time::sleep_until(until) => break None,
            }
        };
        if status.is_none()
            && let Some(group) = group
        {
            kill_process_group(group, Signal::KILL).ok();
            child.wait().await.ok();
        }
        let rest = tokio::time::timeout(SETTLE, async {
            while !printed.over {
                printed.more(&mut out).await;
            }
        })
        .await;
        let left = if rest.is_err() { "\n[something it started still runs]" } else { "" };
        let how = match status {
            Some(status) => match status.code() {
                Some(code) => format!("exit code {code}"),
                None => format!("ended by {status}"),
            },
            None => format!("took longer than {} s and was ended", patience.as_secs()),
        };
        let text = bounded(&plain(&printed.bytes()), MOST - 200);
        let text = format!("{}\n[{how}]{left}", text.trim_end());
        self.voice
            .say(&Line::Result { text: words(text.lines().rev().take(4).collect::<Vec<_>>().join(" · ").as_bytes()) });
        text
    }
}

/// How a use is told to whoever watches. Files that are written are told when they are.
fn shown(wish: &Use) -> Line {
    let tool = |name: &str, what: &str| Line::Tool { name: name.to_owned(), what: words(what.as_bytes()) };
    match wish {
        Use::Read { path, .. } => tool("read", path),
        Use::Write { .. } | Use::Edit { .. } => Line::Works,
        Use::Search { pattern, path, .. } if path == "." => tool("search", pattern),
        Use::Search { pattern, path, .. } => tool("search", &format!("{pattern} in {path}")),
        Use::Run { command, .. } => tool("run", command),
    }
}

/// What a command has printed: the beginning and the end of what is long.
#[derive(Default)]
struct Printed {
    head: Vec<u8>,
    tail: std::collections::VecDeque<u8>,
    dropped: usize,
    over: bool,
}

impl Printed {
    /// Reads some more; whether there was any.
    async fn more(&mut self, out: &mut (impl tokio::io::AsyncRead + Unpin)) -> bool {
        let mut piece = [0; 16 << 10];
        let read = out.read(&mut piece).await.unwrap_or(0);
        self.over = read == 0;
        let room = (PRINTED / 2).saturating_sub(self.head.len()).min(read);
        self.head.extend_from_slice(&piece[..room]);
        self.tail.extend(&piece[room..read]);
        let excess = self.tail.len().saturating_sub(PRINTED / 2);
        self.tail.drain(..excess);
        self.dropped += excess;
        read > 0
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.clone();
        if self.dropped > 0 {
            bytes.extend(format!("\n[… {} bytes left out …]\n", self.dropped).into_bytes());
        }
        bytes.extend(&self.tail);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hands() -> (tempfile::TempDir, Hands) {
        let place = tempfile::tempdir().unwrap();
        let tree = place.path().canonicalize().unwrap();
        std::fs::create_dir_all(tree.join("src")).unwrap();
        std::fs::write(tree.join("src/a.rs"), "fn one() {}\nfn two() {}\n").unwrap();
        std::fs::write(tree.join("b.txt"), "two\n").unwrap();
        std::os::unix::fs::symlink("/etc", tree.join("etc")).unwrap();
        let vars = [("PATH".into(), "/usr/bin:/bin".into()), ("WORD".into(), "hello".into())].into_iter().collect();
        let ground = Ground::open(&tree, &tree).unwrap();
        (place, Hands { ground, vars, cwd: tree, voice: Voice })
    }

    fn does(hands: &Hands, wish: &Use) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(hands.does(wish))
    }

    fn run(command: &str, seconds: u64) -> Use {
        Use::Run { command: command.to_owned(), seconds }
    }

    fn search(pattern: &str, path: &str, files: Option<&str>) -> Use {
        Use::Search { pattern: pattern.to_owned(), path: path.to_owned(), files: files.map(str::to_owned) }
    }

    #[test]
    fn files_are_read_written_edited_and_searched() {
        let (_place, hands) = hands();
        let read = |path: &str, from, lines| does(&hands, &Use::Read { path: path.to_owned(), from, lines });
        assert_eq!(read("src/a.rs", 1, 9), "fn one() {}\nfn two() {}\n");
        assert_eq!(read("src/a.rs", 2, 1), "fn two() {}\n[lines 2 to 2 of 2]");
        assert_eq!(read(".", 1, 9), "b.txt\netc\nsrc/");
        assert!(read("none", 1, 9).starts_with("error: none: there is no such file"));
        let edit = |old: &str| Use::Edit {
            path: "b.txt".to_owned(),
            old: old.to_owned(),
            new: "three".to_owned(),
            all: false,
        };
        assert_eq!(does(&hands, &edit("two")), "edited b.txt");
        assert!(does(&hands, &edit("two")).starts_with("error: `old` is not in the file"));
        assert_eq!(does(&hands, &search("t[wh]", ".", None)), "b.txt:1: three\nsrc/a.rs:2: fn two() {}");
        assert_eq!(does(&hands, &search("t[wh]", ".", Some("*.rs"))), "src/a.rs:2: fn two() {}");
        assert_eq!(does(&hands, &search("", "src", None)), "src/a.rs");
        assert!(does(&hands, &search("(", ".", None)).starts_with("error"));
    }

    #[test]
    fn searching_leaves_the_worktree_by_no_path_and_no_link() {
        let (_place, hands) = hands();
        for path in ["..", "/etc", "etc", "src/../.."] {
            assert!(does(&hands, &search("root", path, None)).starts_with("error"), "{path}");
        }
        assert_eq!(does(&hands, &search("root:", ".", None)), "nothing was found");
    }

    #[test]
    fn a_command_says_what_it_printed_and_how_it_ended() {
        let (_place, hands) = hands();
        assert_eq!(does(&hands, &run("echo $WORD; echo oh >&2; exit 3", 60)), "hello\noh\n[exit code 3]");
        let long = does(&hands, &run("yes | head -c 3000000; echo end", 60));
        assert!(long.len() < MOST + 100 && long.contains("bytes left out") && long.ends_with("end\n[exit code 0]"));
    }

    #[test]
    fn a_command_that_takes_too_long_goes_with_all_it_started() {
        let (_place, hands) = hands();
        let said = does(&hands, &run("sleep 600 & echo $! > pid; sleep 600", 1));
        assert!(said.contains("took longer than 1 s"), "{said}");
        let pid = hands.ground.text(Path::new("pid")).unwrap();
        let gone =
            || !std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.contains(") Z "));
        while !gone() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_command_that_leaves_something_running_is_not_waited_for() {
        let (_place, hands) = hands();
        let said = does(&hands, &run("sleep 600 & echo $!", 60));
        assert!(said.contains("still runs") && said.contains("exit code 0"), "{said}");
        let pid = said.lines().next().and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
    }
}
