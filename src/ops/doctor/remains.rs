//! What earlier runs kept apart and no ref holds, a check each: where, whose, since when, and what to type next.

use std::time::{Duration, SystemTime};

use super::{Check, Error, warning};
use crate::git::Wreck;
use crate::project::Project;
use crate::run;

/// So many ends of branches are named.
const NAMED: usize = 3;

pub(super) fn checks(project: &Project) -> Result<Vec<Check>, Error> {
    let remains = run::remains(project)?;
    let now = SystemTime::from(project.env.now());
    let mut checks: Vec<Check> = remains.wrecks.iter().map(|wreck| broken(wreck, now)).collect();
    for at in &remains.kept {
        let what = format!("{} holds files that were brought along into a worktree and changed there", at.display());
        checks.push(warning("brought", what, format!("ls -R {0}; rm -r {0}", at.display())));
    }
    for at in &remains.set_aside {
        let what = format!("{} is what had to make way for a worktree{}", at.display(), since(modified(at), now));
        checks.push(warning("set aside", what, format!("ls -A {0}; rm -r {0}", at.display())));
    }
    Ok(checks)
}

fn modified(at: &std::path::Path) -> Option<SystemTime> {
    at.symlink_metadata().ok()?.modified().ok()
}

/// A run's repository whose commits could not be taken over.
fn broken(wreck: &Wreck, now: SystemTime) -> Check {
    let (at, git) = (wreck.path.display(), wreck.git_dir());
    let branch = wreck.branch.as_ref().and_then(|branch| branch.strip_prefix("refs/heads/chant/"));
    let whose = branch.map_or_else(String::new, |spec| format!(" of {spec}"));
    let comma = if wreck.since.is_some() { "," } else { "" };
    let why = wreck.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
    let (when, git) = (since(wreck.since, now), git.display());
    let what =
        format!("{at} is the repository of a run{whose}{when}{comma} whose commits could not be taken over{why}");
    if wreck.is_spent() {
        return warning("broken", format!("{what}; all of it is in the repository by now"), "chant doctor --fix");
    }
    let ends: Vec<String> =
        wreck.unreached.iter().take(NAMED).map(|(name, tip)| format!("{} ({name})", tip.short())).collect();
    let more = match wreck.unreached.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let held = match (ends.is_empty(), wreck.holds_more) {
        (true, _) => "it holds staged files or submodules that are nowhere else".to_owned(),
        (false, false) => format!("it holds {}{more}", ends.join(", ")),
        (false, true) => format!("it holds {}{more}, and staged files or submodules", ends.join(", ")),
    };
    let look = match wreck.unreached.first() {
        Some((name, _)) => format!(
            "look with `git --git-dir={git} log {name}`, keep it with `git fetch {git} {name}:refs/heads/<name>` and \
             `chant doctor --fix`, or"
        ),
        None => format!("look with `git --git-dir={git} diff --cached`,"),
    };
    warning("broken", format!("{what}; {held}"), format!("{look} delete it with `rm -r {at}`"))
}

/// `, 3 days old`; nothing where the file system does not say.
fn since(then: Option<SystemTime>, now: SystemTime) -> String {
    let age = then.map(|then| now.duration_since(then).unwrap_or_default());
    age.map_or_else(String::new, |age| format!(", {}", old(age)))
}

/// How old something is, in the largest unit that has passed.
fn old(age: Duration) -> String {
    const UNITS: [(&str, u64); 3] = [("day", 86_400), ("hour", 3_600), ("minute", 60)];
    let passed = UNITS.iter().find_map(|(unit, seconds)| {
        let n = age.as_secs() / seconds;
        (n > 0).then(|| format!("{n} {unit}{} old", if n == 1 { "" } else { "s" }))
    });
    passed.unwrap_or_else(|| "less than a minute old".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_the_largest_unit_that_has_passed() {
        let words = |seconds| old(Duration::from_secs(seconds));
        assert_eq!(words(59), "less than a minute old");
        assert_eq!((words(60), words(3_599)), ("1 minute old".to_owned(), "59 minutes old".to_owned()));
        assert_eq!((words(86_399), words(86_400)), ("23 hours old".to_owned(), "1 day old".to_owned()));
        assert_eq!(
            since(Some(SystemTime::UNIX_EPOCH + Duration::from_secs(9)), SystemTime::UNIX_EPOCH),
            ", less than a minute old"
        );
    }
}
