//! post-receive: a push to a protected branch starts work, in a clone of its own and as another user where that is set.
//!
//! The hook returns at once: it starts a worker that holds nothing of the pusher's connection. Each worker writes down
//! which push it was started for, and ends where another one is at it: that one looks again before it ends, and after it
//! has let go. So one works at a time, and what is pushed meanwhile, by its own landings too, is not forgotten.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::refs::Update;
use super::settings::Settings;
use crate::agent::Lock;
use crate::config::Flags;
use crate::env::Env;
use crate::git::Repo;
use crate::ledger::Oid;
use crate::ops::Error;
use crate::plan::Status;
use crate::project::{self, Project};
use crate::run::{self, Reporter, Request};
use crate::spec::SpecId;

/// The name under which the worker is called: `chant -C <clone> hook server-work <branch> <old> <new>`.
pub const WORKER: &str = "server-work";
/// How the shared remote of the clone is called where nothing else is set.
const REMOTE: &str = "origin";

/// Where a server's worker says what it does.
pub fn log_file(repo: &Repo) -> PathBuf {
    repo.common_dir().join("chant/logs/server.log")
}

/// Starts a worker for what was pushed to protected branches; gives what to say of it. A push is in already, so nothing
/// here makes it fail.
pub(super) fn run(env: &Arc<Env>, updates: &[Update]) -> Result<Vec<String>, Error> {
    let repo = Repo::discover(&env.cwd, &env.vars)?;
    let settings = Settings::read(&repo);
    let Some(clone) = &settings.work else { return Ok(Vec::new()) };
    let pushed: Vec<String> = updates
        .iter()
        .filter_map(|update| {
            let branch = update.branch().filter(|branch| settings.protects(branch))?;
            let old = update.old.map_or_else(|| "-".to_owned(), |old| old.to_string());
            Some(format!("{branch} {old} {}", update.new?))
        })
        .collect();
    if pushed.is_empty() {
        return Ok(Vec::new());
    }
    match spawn(env, &repo, &settings, &repo.common_dir().join(clone), &pushed) {
        Ok(()) => Ok(vec!["work on what is ready starts in the background".to_owned()]),
        Err(error) => Ok(vec![format!("no work was started: {error}")]),
    }
}

fn spawn(env: &Env, repo: &Repo, settings: &Settings, clone: &Path, pushed: &[String]) -> Result<(), Error> {
    let log = log_file(repo);
    let fail = || Error::file("write the log of the worker");
    std::fs::create_dir_all(log.parent().unwrap_or(&log)).map_err(fail())?;
    let out = OpenOptions::new().create(true).append(true).open(&log).map_err(fail())?;
    let mut words: Vec<OsString> = settings.runner.iter().map(Into::into).collect();
    words.extend([env.program.clone().into_os_string(), "-C".into(), clone.into(), "hook".into(), WORKER.into()]);
    words.extend(pushed.iter().map(Into::into));
    // Nothing by which the worker, or what it pushes, could be taken for whoever pushed.
    let transports = |key: &str| run::is_transports(key) && !matches!(key, "CHANT_HOST" | "CHANT_NOW");
    let own = |key: &str| !transports(key) && settings.pusher.as_deref() != Some(key);
    let vars = env.vars.iter().filter(|(key, _)| own(&key.to_string_lossy()));
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).current_dir("/").env_clear().envs(vars).stdin(Stdio::null());
    command.stdout(out.try_clone().map_err(fail())?).stderr(out);
    command.spawn().map_err(Error::file(format!("start `{}`", words[0].to_string_lossy())))?;
    Ok(())
}

/// Works what pushes made ready until nothing is left, unless another worker is at it.
///
/// # Errors
/// Where the clone cannot be opened or written; what happens to single specs is in their history.
pub fn serve(env: &Arc<Env>, pushed: &[String], reporter: Reporter, say: &dyn Fn(&str)) -> Result<(), Error> {
    // Away from whoever pushed: the end of that connection ends no work.
    rustix::process::setsid().ok();
    let repo = Repo::discover(&env.cwd, &env.vars)?;
    let (list, lock) = (repo.common_dir().join("chant/pushed"), repo.common_dir().join("chant/locks/pushed"));
    write_down(&list, pushed)?;
    loop {
        let Some(held) = Lock::try_take(&lock).map_err(Error::file("lock the worker"))? else { return Ok(()) };
        loop {
            let taken = take(&list)?;
            if taken.is_empty() {
                break;
            }
            for (branch, since) in taken {
                if let Err(error) = work(env, &repo, &branch, since, &reporter) {
                    let help = miette::Diagnostic::help(&error).map(|help| format!("; {help}")).unwrap_or_default();
                    say(&format!("{branch}: {error}{help}"));
                }
            }
        }
        drop(held);
        // Somebody may have written while this was letting go.
        if std::fs::metadata(&list).map_or(true, |file| file.len() == 0) {
            return Ok(());
        }
    }
}

fn write_down(list: &Path, pushed: &[String]) -> Result<(), Error> {
    let fail = || Error::file("write down what was pushed");
    std::fs::create_dir_all(list.parent().unwrap_or(list)).map_err(fail())?;
    let mut file = OpenOptions::new().create(true).append(true).open(list).map_err(fail())?;
    file.lock().map_err(fail())?;
    for line in pushed {
        writeln!(file, "{line}").map_err(fail())?;
    }
    Ok(())
}

/// Takes the list: each branch with where it was before the first push of those in it.
fn take(list: &Path) -> Result<Vec<(String, Option<Oid>)>, Error> {
    let fail = || Error::file("read what was pushed");
    let mut file = File::options().read(true).write(true).open(list).map_err(fail())?;
    file.lock().map_err(fail())?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(fail())?;
    file.rewind().map_err(fail())?;
    file.set_len(0).map_err(fail())?;
    Ok(of_list(&text))
}

fn of_list(text: &str) -> Vec<(String, Option<Oid>)> {
    let mut found: Vec<(String, Option<Oid>)> = Vec::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        let (Some(branch), Some(old)) = (words.next(), words.next()) else { continue };
        if !found.iter().any(|(known, _)| known == branch) {
            found.push((branch.to_owned(), old.parse().ok()));
        }
    }
    found
}

/// Brings a branch into the clone, and works what became ready there since.
fn work(env: &Arc<Env>, repo: &Repo, branch: &str, since: Option<Oid>, reporter: &Reporter) -> Result<(), Error> {
    let remote = repo.config("chant.remote").unwrap_or_else(|| REMOTE.to_owned());
    repo.bring(&remote, branch)?;
    let top =
        repo.workdir().ok_or_else(|| Error::usage("the worker's clone is bare", "git clone <this repository>"))?;
    let Some(tip) = repo.head()?.tip() else { return Ok(()) };
    for home in project::projects(repo, tip)? {
        let env = Arc::new(env.within(&top.join(&home.prefix)));
        let mut flags = Flags::default();
        let mut project = Project::open(&env, &flags)?;
        if project.settings.remote.value.is_none() {
            flags.remote = Some(remote.clone());
            project = Project::open(&env, &flags)?;
        }
        let ids = ready(&project, since)?;
        if !ids.is_empty() {
            run::work(project, Request { ids, ..Request::default() }, Arc::clone(reporter))?;
        }
    }
    Ok(())
}

/// The specs that are ready and were not before, but for those that wait for a person to work them.
fn ready(project: &Project, since: Option<Oid>) -> Result<Vec<SpecId>, Error> {
    let look = project::look(project)?;
    let before = since.and_then(|since| project::look_at(project, since).ok());
    let was = |id: &SpecId| {
        before.as_ref().and_then(|before| before.board.row(id)).is_some_and(|row| row.status == Status::Ready)
    };
    let by_itself = |id: &SpecId| {
        let spec = look.set.get(id).filter(|spec| !spec.is_driver());
        spec.is_some_and(|spec| run::check_agent(project, &project.settings, spec).is_ok_and(|agent| agent != PERSON))
    };
    let rows = look.board.rows.iter().filter(|row| row.status == Status::Ready);
    Ok(rows.map(|row| row.id.clone()).filter(|id| !was(id) && by_itself(id)).collect())
}

/// The agent that is somebody.
const PERSON: &str = "person";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_pushes_of_a_branch_are_one_since_the_first() {
        let (a, b) = ("1".repeat(40), "2".repeat(40));
        let text = format!("main - {a}\nside {a} {b}\nmain {a} {b}\nbroken\n");
        assert_eq!(of_list(&text), [("main".to_owned(), None), ("side".to_owned(), Some(a.parse().unwrap()))]);
    }
}
