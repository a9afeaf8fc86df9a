//! What is set for a server, and what of it cannot work.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Check, Error, hooks, ill, warning, well};
use crate::git::Repo;
use crate::ops::hook::server::settings::{Completions, Settings};
use crate::project::Project;

/// Nothing where no push comes to: in a repository with a checkout, and in a bare one without the hooks.
pub(super) fn checks(project: &Project) -> Result<Vec<Check>, Error> {
    let repo = &project.repo;
    if !repo.is_bare() {
        return Ok(Vec::new());
    }
    let states = hooks::hooks(repo, hooks::Wish::Look, true)?;
    let missing: Vec<&str> = states.iter().filter(|state| !state.installed).map(|state| state.hook.as_str()).collect();
    if missing.len() == states.len() {
        return Ok(vec![well("hooks", "none: `chant hooks install` has pushes to this repository judged")]);
    }
    let settings = Settings::read(repo);
    let mut checks = vec![match missing.is_empty() {
        true => well("hooks", format!("a push is judged here; protected: {}", settings.protect.join(", "))),
        false => warning("hooks", format!("Git does not call chant for {}", missing.join(", ")), "chant hooks install"),
    }];
    let help = "docs: how-to/server";
    checks.extend(settings.wrong.iter().map(|wrong| ill("server", wrong.clone(), help)));
    checks.push(pusher(repo, &settings));
    checks.extend(completions(repo, &settings));
    checks.extend(runner(project, &settings));
    checks.extend(worker(repo, &settings));
    Ok(checks)
}

fn pusher(repo: &Repo, settings: &Settings) -> Check {
    let Some(variable) = &settings.pusher else {
        let detail = "nobody is believed to be who pushes: only a signature says who decides";
        return match repo.config("gpg.ssh.allowedSignersFile") {
            Some(_) => well("pusher", detail),
            None => well("pusher", format!("{detail}, and `gpg.ssh.allowedSignersFile` names no file")),
        };
    };
    match settings.mails.as_ref().map(|file| repo.common_dir().join(file)) {
        Some(file) if !file.is_file() => {
            let detail = format!("`chant.server.mails`: there is no file {}", file.display());
            ill("pusher", detail, "a line for each pusher: a name, and its mail addresses")
        }
        _ => well("pusher", format!("who pushes is what the transport puts into {variable}")),
    }
}

fn completions(repo: &Repo, settings: &Settings) -> Option<Check> {
    match settings.completions {
        Completions::Any => Some(well("completions", "every completion counts: a forged one cannot be told")),
        Completions::Prove => Some(well("completions", "each is proven again before it comes into a protected branch")),
        Completions::Signed if !settings.wrong.is_empty() => None,
        Completions::Signed => Some(match repo.config("gpg.ssh.allowedSignersFile") {
            Some(file) if !Path::new(&file).is_file() && !file.starts_with('~') => ill(
                "completions",
                format!("those who may sign stand in {file}, which is not there"),
                "see git-config(1)",
            ),
            Some(_) => well("completions", "each has to be signed by somebody who may"),
            None => ill(
                "completions",
                "each has to be signed, and `gpg.ssh.allowedSignersFile` names nobody who may",
                "git config gpg.ssh.allowedSignersFile <file>",
            ),
        }),
    }
}

fn runner(project: &Project, settings: &Settings) -> Option<Check> {
    let program = settings.runner.first()?;
    let runs = |path: &Path| path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    let found = match program.contains('/') {
        true => runs(Path::new(program)),
        false => {
            let path = project.env.vars.get("PATH").map(std::env::split_paths);
            path.into_iter().flatten().any(|dir| runs(&dir.join(program)))
        }
    };
    Some(match found {
        true => well("runner", settings.runner.join(" ")),
        false => {
            ill("runner", format!("{program} cannot be run"), "git config chant.server.runner \"sudo -n -u <user> --\"")
        }
    })
}

fn worker(repo: &Repo, settings: &Settings) -> Option<Check> {
    let clone: PathBuf = repo.common_dir().join(settings.work.as_ref()?);
    if clone.join(".git").exists() {
        return Some(well("worker", format!("what a push makes ready is worked in {}", clone.display())));
    }
    let help = format!("git clone {} {}", repo.common_dir().display(), clone.display());
    Some(match settings.runner.is_empty() {
        true => ill("worker", format!("{} is no clone to work in", clone.display()), help),
        // It may be another user's, and not for this one's eyes.
        false => {
            warning("worker", format!("{} is no clone to work in that can be seen from here", clone.display()), help)
        }
    })
}
