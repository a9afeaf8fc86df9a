//! What a cage refused, told by a program's last words: there is no other witness, for landlock only says EACCES.

use std::path::{Component, Path, PathBuf};

use super::Cage;

/// How programs spell EACCES, and the EXDEV that a move out of the open directories gets.
const WORDS: [&str; 5] = ["permission denied", "eacces", "permissionerror", "cross-device link", "exdev"];
/// Directories in the home that many tools share, or in which programs lie that the user starts.
const SHARED: [&str; 9] =
    [".cache", ".config", ".local", ".local/share", ".local/state", ".cargo", ".rustup", ".gradle", ".m2"];
/// How many lines around such a word its path may stand.
const NEAR: usize = 4;

/// Where a program ran.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The user's home.
    pub home: Option<&'a Path>,
    /// The directory of the repository, of which nothing is to be opened.
    pub repository: &'a Path,
    /// Whether the user could write at a path, if nothing were closed.
    pub could_write: &'a dyn Fn(&Path) -> bool,
    /// Whether something is at a path: what is not there stays closed, whatever the settings say.
    pub is_there: &'a dyn Fn(&Path) -> bool,
}

/// What was refused and how it is opened, in words; `None` where the last words tell of no refusal, or of one that the
/// cage has no part in.
pub fn refused(words: &str, cage: &Cage, around: &Surroundings<'_>) -> Option<String> {
    let lines: Vec<&str> = words.lines().collect();
    let denied: Vec<usize> = (0..lines.len()).filter(|n| speaks_of_refusal(lines[*n])).collect();
    let named: Vec<PathBuf> = denied.iter().filter_map(|n| path_near(&lines, *n, around.home)).collect();
    if denied.is_empty() {
        return None;
    }
    if named.is_empty() {
        return Some(
            "it runs in a sandbox: where that refused it something, `sandbox: { write: [<directory>] }` in \
             .chant/config.yaml opens it"
                .to_owned(),
        );
    }
    let closed = |path: &&PathBuf| !cage.write.iter().any(|open| path.starts_with(open)) && (around.could_write)(path);
    let path = named.iter().rfind(closed)?;
    let how = match opened(path, cage, around) {
        Some((dir, shown)) => {
            let make = if (around.is_there)(&dir) { String::new() } else { format!("`mkdir -p {shown}` and ") };
            format!("{make}`sandbox: {{ write: [{shown}] }}` in .chant/config.yaml open it")
        }
        None if path.starts_with("/tmp") || path.starts_with("/var/tmp") => "temporary files go to $TMPDIR".to_owned(),
        None => "what is not the worktree's own is not for it to write".to_owned(),
    };
    Some(format!("the sandbox keeps {} closed: {how}", path.display()))
}

fn speaks_of_refusal(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    WORDS.iter().any(|word| line.contains(word))
}

/// The path on a line, or on the nearest one around it.
fn path_near(lines: &[&str], at: usize, home: Option<&Path>) -> Option<PathBuf> {
    let around = (1..=NEAR).flat_map(|away| [at.checked_sub(away), at.checked_add(away)]);
    [Some(at)].into_iter().chain(around).flatten().find_map(|n| path_in(lines.get(n)?, home))
}

/// The last absolute path of a line.
fn path_in(line: &str, home: Option<&Path>) -> Option<PathBuf> {
    let ends = |letter: char| letter.is_whitespace() || "'\"`‘’“”():,;=<>[]{}".contains(letter);
    let path = |word: &str| match (word.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => Some(home.join(rest)),
        _ => word.starts_with('/').then(|| PathBuf::from(word)),
    };
    let whole = |path: &PathBuf| !path.components().any(|part| part == Component::ParentDir) && path.parent().is_some();
    line.split(ends).map(|word| word.trim_end_matches('.')).filter_map(path).rfind(whole)
}

/// The directory that is to be opened for a path: of those in the home the tool's own. None that holds what is open
/// already, for that would open the user's checkout or home.
fn opened(path: &Path, cage: &Cage, around: &Surroundings<'_>) -> Option<(PathBuf, String)> {
    let in_home = around.home.and_then(|home| Some((home, path.strip_prefix(home).ok()?)));
    let (dir, shown) = match in_home {
        Some((home, inside)) => {
            let mut parts = inside.components();
            let mut own: PathBuf = parts.next().into_iter().collect();
            while SHARED.iter().any(|shared| own == Path::new(shared)) {
                own.push(parts.next()?);
            }
            (home.join(&own), format!("~/{}", own.display()))
        }
        None => {
            let dir = path.parent().filter(|dir| dir.components().count() > 2)?;
            (dir.to_owned(), dir.display().to_string())
        }
    };
    let shared = ["/tmp", "/var/tmp", "/usr", "/etc", "/proc", "/sys", "/dev", "/run"];
    let refuses = dir.starts_with(around.repository)
        || cage.write.iter().any(|open| open.starts_with(&dir))
        || in_home.is_none() && shared.iter().any(|not| dir.starts_with(not));
    (!refuses).then_some((dir, shown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(words: &str) -> Option<String> {
        let cage =
            Cage { write: vec!["/home/ada/p/.chant/worktrees/001".into(), "/tmp/chant-run-1".into()], no_net: false };
        let around = Surroundings {
            home: Some(Path::new("/home/ada")),
            repository: Path::new("/home/ada/p"),
            could_write: &|path| !path.starts_with("/etc"),
            is_there: &|path| !path.starts_with("/home/ada/.npm"),
        };
        refused(words, &cage, &around)
    }

    #[test]
    fn the_directory_of_the_tool_is_what_is_to_be_opened() {
        for (words, dir) in [
            ("touch: cannot touch '/home/ada/.npm/_cacache/x': Permission denied", "~/.npm"),
            ("open /home/ada/.cache/go-build/ab/c: permission denied", "~/.cache/go-build"),
            (
                "error: failed to create directory `/home/ada/.cargo/registry/x`\n\nCaused by:\n  Permission denied (os error 13)",
                "~/.cargo/registry",
            ),
            (
                "npm error code EACCES\nnpm error syscall mkdir\nnpm error path /home/ada/.local/share/x/y",
                "~/.local/share/x",
            ),
            ("PermissionError: [Errno 13] Permission denied: '/home/ada/.cache/pip/a'", "~/.cache/pip"),
            ("sh: 1: cannot create ~/.m2/repository/x: Permission denied", "~/.m2/repository"),
            ("mv: cannot move 'a' to '/var/cache/ours/a': Invalid cross-device link", "/var/cache/ours"),
        ] {
            let said = told(words).unwrap_or_default();
            assert!(said.contains(&format!("`sandbox: {{ write: [{dir}] }}`")), "{words}: {said}");
            assert_eq!(said.contains("mkdir -p"), dir == "~/.npm", "{said}");
        }
    }

    #[test]
    fn what_is_not_to_be_opened_is_not_proposed() {
        for path in
            ["/home/ada/p/.git/hooks/pre-commit", "/home/ada/p/src/x", "/etc2", "/tmp/x", "/home/ada/x/../.npm/y"]
        {
            let said = told(&format!("sh: 1: cannot create {path}: Permission denied")).unwrap_or_default();
            assert!(
                said.contains("sandbox") && !said.contains("write: [~") && !said.contains("write: [/"),
                "{path}: {said}"
            );
        }
        assert!(told("cannot create /tmp/x: Permission denied").unwrap().contains("$TMPDIR"));
        let cage = Cage { write: vec!["/tmp/b/p/w".into()], no_net: false };
        let yes: &dyn Fn(&Path) -> bool = &|_| true;
        let home = Some(Path::new("/tmp/b/home"));
        let around = Surroundings { home, repository: Path::new("/tmp/b/p"), could_write: yes, is_there: yes };
        let said = refused("cannot create /tmp/b/home/.npm/x: Permission denied", &cage, &around).unwrap();
        assert!(said.contains("write: [~/.npm]"), "a home may lie anywhere: {said}");
    }

    #[test]
    fn a_refusal_that_is_not_the_cages_is_not_said_to_be() {
        assert_eq!(told("all is well at /home/ada/.npm"), None);
        assert_eq!(told("cat: /etc/shadow: Permission denied"), None);
        assert_eq!(told("./x: /home/ada/p/.chant/worktrees/001/x: Permission denied"), None);
        assert!(told("git@github.com: Permission denied (publickey).").unwrap().contains("where that refused"));
    }

    proptest! {
        #[test]
        fn nothing_that_holds_the_worktree_is_ever_proposed(words in "[a-z /.~:'\n]{0,80}", dir in "(/home|/home/ada|/home/ada/p)(/x)?") {
            let said = told(&format!("{words}\n{dir}: Permission denied")).unwrap_or_default();
            for holds in ["[/]", "[/home]", "[/home/ada]", "[~]", "[~/]", "[~/p]"] {
                prop_assert!(!said.contains(holds), "{}", said);
            }
        }
    }
}
