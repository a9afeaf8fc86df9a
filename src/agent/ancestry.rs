//! Whether this process was started by a run: told by its ancestors, which no agent can rewrite, not by a variable.

use std::path::Path;

/// The spec in whose run this process is, where it descends from a supervisor of the repository with that common
/// directory; the label that [`super::Order`] gave it. Commands that change state refuse then (DESIGN.md, section 4).
///
/// A supervisor is a subreaper, so that also a child that made itself a daemon still descends from it. Elsewhere than on
/// Linux the ancestors cannot be told without starting programs, and the answer is always `None`.
pub fn inside_run(common_dir: &Path) -> Option<String> {
    #[cfg(target_os = "linux")]
    return linux::inside_run(common_dir);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = common_dir;
        None
    }
}

/// A name for the namespace of processes that this one is in, beyond which no ancestor can be seen; `None` where the
/// system has no such thing.
pub fn namespace() -> Option<String> {
    let link = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(link.to_string_lossy().into_owned())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    use std::path::{Path, PathBuf};

    use rustix::process::{Pid, getpid};

    use super::super::wire::COMMAND;
    use crate::cage::kin;

    pub(super) fn inside_run(common_dir: &Path) -> Option<String> {
        let wanted = common_dir.canonicalize().unwrap_or_else(|_| common_dir.to_owned());
        let own = name(getpid());
        let mut at = kin::process(getpid())?.parent;
        while let Some(pid) = at {
            if let Some(spec) = supervised(&arguments(pid), &wanted)
                // From inside of a cage it cannot be told what the supervisor runs.
                && name(pid).is_none_or(|name| name == "chant" || name == "git-chant" || Some(&name) == own.as_ref())
            {
                return Some(spec);
            }
            at = kin::process(pid)?.parent;
        }
        None
    }

    /// The label, where these are the arguments of a supervisor of that repository.
    pub(super) fn supervised(arguments: &[OsString], wanted: &Path) -> Option<String> {
        if arguments.get(1)? != COMMAND {
            return None;
        }
        let after = |flag: &str| {
            let at = arguments.iter().position(|argument| argument == flag)?;
            arguments.get(at + 1)
        };
        let repo = PathBuf::from(after("--repo")?);
        // Caged programs work in a repository of their own, inside of it.
        let around = |repo: &Path| repo == wanted || wanted.starts_with(repo.join("chant/cells"));
        (around(&repo) || repo.canonicalize().is_ok_and(|repo| around(&repo)))
            .then(|| after("--spec").map(|spec| spec.to_string_lossy().into_owned()).unwrap_or_default())
    }

    fn arguments(pid: Pid) -> Vec<OsString> {
        let line = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
        line.split(|b| *b == 0).map(|argument| OsString::from_vec(argument.to_vec())).collect()
    }

    /// The file name of what a process runs, also where that file has been replaced since.
    fn name(pid: Pid) -> Option<OsString> {
        let path = std::fs::read_link(format!("/proc/{}/exe", pid.as_raw_nonzero())).ok()?;
        let name = path.file_name()?.as_bytes();
        Some(OsStr::from_bytes(name.strip_suffix(b" (deleted)").unwrap_or(name)).to_owned())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn arguments(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn a_supervisor_is_known_by_its_command_and_its_repository() {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().canonicalize().unwrap();
        let of = |line: &str| linux::supervised(&arguments(line), &here);
        let repo = here.display();
        assert_eq!(of(&format!("chant __supervise --repo {repo} --spec kpi/001-x")), Some("kpi/001-x".to_owned()));
        assert_eq!(
            of(&format!("chant __supervise --repo {repo}/../{} --spec 1", here.file_name().unwrap().display())),
            Some("1".to_owned())
        );
        assert_eq!(of("chant __supervise --repo / --spec kpi/001-x"), None, "another repository");
        assert_eq!(of(&format!("vi __supervise.md --repo {repo} --spec 001-x")), None);
        assert_eq!(of(&format!("chant work __supervise --repo {repo}")), None);
        assert_eq!(of("chant"), None);
    }

    #[test]
    fn whoever_runs_the_tests_is_inside_no_run_of_a_fresh_repository() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(inside_run(dir.path()), None);
    }
}
