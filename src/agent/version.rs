//! Which version of a client is installed.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::plain::words;

/// The first line that a command prints, where it ends in time and well. Some clients take seconds to begin.
pub fn version(argv: &[OsString], env: &[(OsString, OsString)], cwd: &Path, patience: Duration) -> Option<String> {
    let (program, arguments) = argv.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(env.iter().map(|(key, value)| (key, value))).current_dir(cwd);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn().ok()?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let begun = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if begun.elapsed() < patience => std::thread::sleep(Duration::from_millis(10)),
            _ => break None,
        }
    };
    if let (None, Some(group)) = (status, group) {
        kill_process_group(group, Signal::KILL).ok();
        child.wait().ok();
    }
    status.filter(std::process::ExitStatus::success)?;
    let mut text = Vec::new();
    child.stdout.take()?.take(4 << 10).read_to_end(&mut text).ok()?;
    version_in(&String::from_utf8_lossy(&text))
}

/// The version in what a client prints of it: the number on its first line, or else that line.
pub fn version_in(text: &str) -> Option<String> {
    let line = text.lines().map(|line| words(line.as_bytes())).find(|line| !line.is_empty())?;
    Some(number_of(&line).unwrap_or(&line).to_owned())
}

/// The number in what a client prints of its version: `codex-cli 0.169.0`, `2.1.197 (Claude Code)`.
fn number_of(text: &str) -> Option<&str> {
    text.split(' ').find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(script: &str, patience: Duration) -> Option<String> {
        let env = [("PATH".into(), "/usr/bin:/bin".into())];
        version(&["sh", "-c", script].map(OsString::from), &env, Path::new("/"), patience)
    }

    #[test]
    fn the_first_line_counts_of_a_command_that_ends_well_and_in_time() {
        let patient = Duration::from_secs(30);
        assert_eq!(ask("echo; echo tool 1.2.3; echo more", patient).as_deref(), Some("1.2.3"));
        assert_eq!(ask("echo 1.2.3; exit 1", patient), None);
        assert_eq!(ask("echo 1.2.3; sleep 600", Duration::from_millis(50)), None);
        assert_eq!(version(&["no-such-program".into()], &[], Path::new("/"), patient), None);
    }

    #[test]
    fn the_number_is_found_in_what_clients_print() {
        for (text, number) in [("codex-cli 0.169.0", "0.169.0"), ("2.1.197 (Claude Code)", "2.1.197")] {
            assert_eq!(number_of(text), Some(number));
        }
        assert_eq!(number_of("no version"), None);
    }
}
