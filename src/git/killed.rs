//! A process that is killed at a failpoint, for tests: this very test binary, started again.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::test_repo::TestRepo;
use super::{Checkout, Expect, RefMove, Repo};
use crate::env::Vars;

/// The words of an action, as [`victim`] reads them.
const ACTION: &str = "CHANT_TEST_ACTION";

/// Runs one action on the repository at `cwd` in another process, which kills itself at `failpoint`. Whether it did.
pub fn killed_at(repo: &TestRepo, cwd: &Path, failpoint: &str, action: &[&str]) -> bool {
    let status = start(repo, cwd, Some(failpoint), action).wait().unwrap();
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(9)
}

/// Starts one action in another process.
pub fn start(repo: &TestRepo, cwd: &Path, failpoint: Option<&str>, action: &[&str]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "git::killed::victim", "--ignored", "--quiet"]).current_dir(cwd);
    command.env_clear().envs(repo.vars().iter()).env(ACTION, action.join("\n"));
    if let Some(failpoint) = failpoint {
        command.env("CHANT_KILL_AT", failpoint);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// What the other process does. Started by [`start`] alone.
#[test]
#[ignore = "is started by other tests, as a process of its own"]
fn victim() {
    let Ok(action) = std::env::var(ACTION) else { return };
    let vars: Vars = std::env::vars_os().collect();
    let repo = Repo::discover(&std::env::current_dir().unwrap(), &vars).unwrap();
    match action.split('\n').collect::<Vec<_>>()[..] {
        ["follow", from, to] => {
            let top = repo.workdir().unwrap().to_owned();
            repo.follow(&top, from.parse().unwrap(), to.parse().unwrap()).unwrap();
        }
        ["add", at, branch] => {
            repo.add_worktree(Path::new(at), Checkout::Branch(branch.into())).unwrap();
        }
        ["add many", base, name, count] => {
            for n in 0..count.parse().unwrap() {
                let at = Path::new(base).join(format!("{name}-{n}"));
                repo.add_worktree(&at, Checkout::Branch(format!("{name}-{n}"))).unwrap();
            }
        }
        ["move", name, from, to] => {
            let from = from.parse().map_or(Expect::Absent, Expect::At);
            let step = RefMove { name: name.into(), from, to: to.parse().ok() };
            repo.move_refs(&[step], "killed").unwrap();
        }
        ["remove", at] => {
            repo.remove_worktree(Path::new(at), None).unwrap();
        }
        _ => panic!("{action}"),
    }
}
