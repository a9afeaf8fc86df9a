//! The background worker: one a repository, started by hooks where `git config chant.hooks.work true` wishes it.
//!
//! A hook writes down what is wanted and starts a worker. A worker that finds another one at it ends at once, for that one
//! looks again at what is wanted before it ends, and after it has let go.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::{Call, Said};
use crate::agent::Lock;
use crate::config::Flags;
use crate::env::Env;
use crate::git::Repo;
use crate::ops::Error;
use crate::plan::Status;
use crate::project::{Look, Project};
use crate::run::{self, Reporter, Request};
use crate::spec::SpecId;

/// The wish to have work started by hooks. It counts from Git's configuration alone, which no commit can bring along.
pub const SETTING: &str = "chant.hooks.work";

fn wanted_file(repo: &Repo) -> PathBuf {
    repo.common_dir().join("chant/wanted")
}

/// Where the worker says what it does.
pub fn log_file(repo: &Repo) -> PathBuf {
    repo.common_dir().join("chant/logs/worker.log")
}

/// Writes down the ready ones of `wanted` and starts a worker for them; gives what to say of it.
pub(super) fn hand_over(
    call: &Call,
    project: &Project,
    look: &Look,
    wanted: impl Fn(&SpecId) -> bool,
) -> Result<Said, Error> {
    let ready = |row: &&crate::plan::Row| row.status == Status::Ready && wanted(&row.id);
    let ids: Vec<SpecId> = look.board.rows.iter().filter(ready).map(|row| row.id.clone()).collect();
    if ids.is_empty() || crate::agent::inside_run(call.repo.common_dir()).is_some() {
        return Ok(Said::new());
    }
    let fail = || Error::file("write down what is to be worked");
    let (path, log) = (wanted_file(&call.repo), log_file(&call.repo));
    for dir in [path.parent(), log.parent()].into_iter().flatten() {
        std::fs::create_dir_all(dir).map_err(fail())?;
    }
    let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(fail())?;
    file.lock().map_err(fail())?;
    for id in &ids {
        writeln!(file, "{id} {}", project.prefix).map_err(fail())?;
    }
    drop(file);
    spawn(&call.env, call.top(), &log)?;
    let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
    Ok(vec![format!("started in the background: {} (`chant log -f {}`)", names.join(", "), names[0])])
}

fn spawn(env: &Env, top: &Path, log: &Path) -> Result<(), Error> {
    let fail = || Error::file("start the worker");
    let out = OpenOptions::new().create(true).append(true).open(log).map_err(fail())?;
    Command::new(&env.program)
        .args(["hook", "worker"])
        .current_dir(top)
        .env_clear()
        .envs(env.vars.iter())
        .stdin(Stdio::null())
        .stdout(out.try_clone().map_err(fail())?)
        .stderr(out)
        .spawn()
        .map_err(fail())?;
    Ok(())
}

/// Works what is wanted until nothing is, unless another worker is at it.
///
/// # Errors
/// Where the repository or the list of what is wanted cannot be read; what happens to single specs is in their history.
pub fn serve(env: &Arc<Env>, reporter: Reporter) -> Result<(), Error> {
    // Away from the terminal of whoever committed: closing it ends no work.
    rustix::process::setsid().ok();
    let repo = Repo::discover(&env.cwd, &env.vars)?;
    let lock = repo.common_dir().join("chant/locks/worker");
    loop {
        let Some(held) = Lock::try_take(&lock).map_err(Error::file("lock the worker"))? else { return Ok(()) };
        loop {
            let wanted = take(&wanted_file(&repo))?;
            if wanted.is_empty() {
                break;
            }
            for (prefix, ids) in wanted {
                let env = Arc::new(env.within(&repo.workdir().unwrap_or_else(|| repo.git_dir()).join(&prefix)));
                let project = Project::open(&env, &Flags::default())?;
                run::work(project, Request { ids, ..Request::default() }, Arc::clone(&reporter))?;
            }
        }
        drop(held);
        // Somebody may have written while this was letting go.
        if std::fs::metadata(wanted_file(&repo)).map_or(true, |file| file.len() == 0) {
            return Ok(());
        }
    }
}

/// Takes the list: what is in it is this worker's from now on.
fn take(path: &Path) -> Result<BTreeMap<String, Vec<SpecId>>, Error> {
    let fail = || Error::file("read what is to be worked");
    let mut file = match File::options().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(fail()(error)),
    };
    file.lock().map_err(fail())?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(fail())?;
    file.rewind().map_err(fail())?;
    file.set_len(0).map_err(fail())?;
    let mut wanted: BTreeMap<String, Vec<SpecId>> = BTreeMap::new();
    for line in text.lines() {
        if let Some((id, prefix)) = line.split_once(' ')
            && let Ok(id) = id.parse::<SpecId>()
        {
            let ids = wanted.entry(prefix.to_owned()).or_default();
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    Ok(wanted)
}
