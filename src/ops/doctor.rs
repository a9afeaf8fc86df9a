//! `chant doctor`: what is well and what is not, and what to type about it.

mod remains;
mod server;

use serde::Serialize;

use super::{Error, hooks, upkeep};
use crate::agent::{AgentError, Lock, SignedIn};
use crate::config::ForgeKind;
use crate::ledger::{Oid, Trust};
use crate::plan::Status;
use crate::project::{self, Project};
use crate::review::Squash;
use crate::run;
use crate::spec::Severity;

/// How one thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// As it should be.
    Well,
    /// Worth a look.
    Warning,
    /// In the way of work.
    Ill,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Check {
    /// What.
    pub name: String,
    /// How it stands.
    pub health: Health,
    /// In words.
    pub detail: String,
    /// What to type about it.
    pub help: Option<String>,
}

pub(super) fn well(name: &str, detail: impl Into<String>) -> Check {
    Check { name: name.to_owned(), health: Health::Well, detail: detail.into(), help: None }
}

pub(super) fn warning(name: &str, detail: impl Into<String>, help: impl Into<String>) -> Check {
    Check { name: name.to_owned(), health: Health::Warning, detail: detail.into(), help: Some(help.into()) }
}

pub(super) fn ill(name: &str, detail: impl Into<String>, help: impl Into<String>) -> Check {
    Check { name: name.to_owned(), health: Health::Ill, detail: detail.into(), help: Some(help.into()) }
}

/// Looks at Git, at the project, at its agents and at what earlier runs left.
///
/// # Errors
/// Where the project cannot be read at all.
pub fn doctor(project: &Project) -> Result<Vec<Check>, Error> {
    let look = project::look(project)?;
    let mut checks = vec![git(project), identity(project), repository(project)];
    if upkeep::is_wanted(&project.repo)? {
        checks.push(warning("commit-graph", upkeep::LACKS, upkeep::HELP));
    }
    checks.extend(hooks_of(project)?);
    checks.extend(server::checks(project)?);
    checks.push(specs(project, &look)?);
    checks.extend(agents(project, &look));
    checks.extend(signatures(project, &look));
    checks.extend(super::sandbox::checks(project));
    checks.extend(anomalies(&look));
    checks.extend(waiting(&look));
    checks.extend(leftovers(project, &look)?);
    checks.extend(strangers(project, &look)?);
    checks.extend(cut_short(project));
    checks.extend(remote(project)?);
    checks.extend(forge(project));
    Ok(checks)
}

/// Clears what earlier runs left and holds nothing that is not elsewhere; what went, in words.
///
/// # Errors
/// Inside of a run, and where something cannot be deleted.
pub fn fix(project: &Project) -> Result<Vec<String>, Error> {
    run::ensure_writable(project)?;
    Ok(run::clear_remains(project)?)
}

fn git(project: &Project) -> Check {
    match project.repo.git_version() {
        Ok(version) if version >= (2, 38, 0) => well("git", format!("{}.{}.{}", version.0, version.1, version.2)),
        Ok(version) => warning(
            "git",
            format!("{}.{}.{} is old", version.0, version.1, version.2),
            "from 2.38 on Git can give a second opinion on merges with renames; without it they wait for a person",
        ),
        Err(error) => ill("git", error.to_string(), "install Git"),
    }
}

fn identity(project: &Project) -> Check {
    match project.repo.identity() {
        Ok(identity) => well("identity", identity),
        Err(error) => ill("identity", error.to_string(), "git config --global user.name \"…\" and user.email \"…\""),
    }
}

fn repository(project: &Project) -> Check {
    if project.repo.is_shallow() {
        return warning("repository", "a shallow clone: some statuses cannot be told", "git fetch --unshallow");
    }
    let kind = if project.repo.is_bare() { "bare" } else { "with a checkout" };
    well("repository", format!("{kind}, {}", project.repo.common_dir().display()))
}

/// Hooks are nobody's duty, but a part of them is somebody's mistake.
fn hooks_of(project: &Project) -> Result<Option<Check>, Error> {
    if project.repo.is_bare() {
        return Ok(None); // What is asked of a server stands in `server`.
    }
    let states = hooks::hooks(&project.repo, hooks::Wish::Look, false)?;
    let missing: Vec<&str> = states.iter().filter(|state| !state.installed).map(|state| state.hook.as_str()).collect();
    Ok(Some(match missing.len() {
        0 => well("hooks", "Git calls chant"),
        all if all == states.len() => well("hooks", "none: `chant hooks install` has Git call chant"),
        _ => warning("hooks", format!("Git does not call chant for {}", missing.join(", ")), "chant hooks install"),
    }))
}

fn specs(project: &Project, look: &project::Look) -> Result<Check, Error> {
    let together = project::lint_together(project, &look.set, project.repo.head()?.tip())?;
    let errors = look.diagnostics.iter().chain(&together).filter(|d| d.severity == Severity::Error).count();
    if errors > 0 {
        return Ok(ill("specs", format!("{} read, {errors} problems", look.set.len()), "chant lint"));
    }
    Ok(well("specs", format!("{} read", look.set.len())))
}

/// The agents that the settings name, and those that specs do.
fn agents(project: &Project, look: &project::Look) -> Vec<Check> {
    let settings = &project.settings;
    let named = settings.agents.keys().chain(&settings.rotation.value).chain(&settings.agent.value);
    let mut names: std::collections::BTreeSet<&str> = named.map(String::as_str).collect();
    names.extend(look.set.iter().filter_map(|spec| spec.agent.as_deref()));
    let told = |error: run::Error| {
        let help = miette::Diagnostic::help(&error).map(|help| help.to_string()).unwrap_or_default();
        warning("agent", error.to_string(), help)
    };
    let mut checks = Vec::new();
    let usual =
        if settings.rotation.value.is_empty() { settings.agent.value.as_slice() } else { &settings.rotation.value };
    let (mut usable, mut in_the_way, mut signed_out) = (usual.is_empty(), Vec::new(), Vec::new());
    for name in &names {
        let (able, check) = match run::condition(project, settings, name) {
            Ok(Some(condition)) => match &condition.signed_in {
                SignedIn::No(what) => {
                    let error = AgentError::SignedOut { agent: (*name).to_owned(), what: what.clone() };
                    signed_out.push(error.to_string());
                    let version = condition.version.as_deref().unwrap_or("found");
                    (false, Some(Check { detail: format!("{error} ({version})"), ..told(error.into()) }))
                }
                _ => (true, Some(well("agent", condition_words(name, &condition)))),
            },
            Ok(None) => (true, None),
            Err(error) => (false, Some(told(error))),
        };
        if usual.iter().any(|usual| usual == name) {
            usable = usable || able;
            in_the_way.extend(check.as_ref().map(|_| checks.len()));
        }
        checks.extend(check);
    }
    if !usable {
        // Whoever is asked to work a spec that names nobody, none of them can.
        in_the_way.into_iter().for_each(|at| checks[at].health = Health::Ill);
    }
    // What stands in the way of single specs: no agent at all, steps that there are not, a budget that is not kept.
    let told_already = checks.iter().map(|check| check.detail.clone()).chain(signed_out);
    let mut seen: std::collections::BTreeSet<String> = told_already.collect();
    for spec in look.set.iter().filter(|spec| !spec.is_driver()) {
        match run::check_agent(project, settings, spec) {
            Ok(name) if names.contains(name.as_str()) => {}
            Ok(name) => {
                let detail = format!("{name} can be started");
                if seen.insert(detail.clone()) {
                    checks.push(well("agent", detail));
                }
            }
            Err(error) => {
                let check = told(error);
                if seen.insert(check.detail.clone()) {
                    checks.push(check);
                }
            }
        }
    }
    checks
}

fn condition_words(name: &str, condition: &run::Condition) -> String {
    if !condition.has_model {
        return format!("{name} can be started");
    }
    let version = condition.version.as_deref().unwrap_or("of a version that it does not say");
    match &condition.signed_in {
        SignedIn::Yes(by) => format!("{name} {version}, signed in by {by}"),
        SignedIn::No(what) => format!("{name} {version}, not signed in: {what}"),
        SignedIn::Unknown => format!("{name} {version}; whether somebody is signed in cannot be told without asking"),
    }
}

/// Whether what this clone records would count, where the target asks for signed events.
fn signatures(project: &Project, look: &project::Look) -> Option<Check> {
    let Trust::Signed(signatures) = &look.view.trust else { return None };
    let since = match signatures.since.iter().map(Oid::short).collect::<Vec<_>>() {
        since if since.is_empty() => "all that can be seen".to_owned(),
        since => format!("all since {}", since.join(" and ")),
    };
    Some(match run::ready(project, look) {
        Ok(()) => well("trust", format!("signed events alone count, {since}; this clone's key may sign")),
        Err(error) => {
            let help = miette::Diagnostic::help(&error).map(|help| help.to_string()).unwrap_or_default();
            let said = if signatures.unusable.is_some() { ill } else { warning };
            said("trust", error.to_string(), help)
        }
    })
}

fn anomalies(look: &project::Look) -> Vec<Check> {
    let mut checks: Vec<Check> = look
        .ledger
        .anomalies
        .iter()
        .map(|anomaly| {
            let commit = anomaly.commit.map(|commit| format!("git show {}", commit.short())).unwrap_or_default();
            warning("history", anomaly.message.clone(), commit)
        })
        .collect();
    if !look.board.orphans.is_empty() {
        let names: Vec<String> = look.board.orphans.iter().map(|orphan| orphan.name.to_string()).collect();
        let help = "where a spec was renamed, say `formerly: <old id>` in its frontmatter";
        checks.push(warning("history", format!("events without a spec: {}", names.join(", ")), help));
    }
    if checks.is_empty() {
        checks.push(well("history", "no anomalies"));
    }
    checks
}

fn waiting(look: &project::Look) -> Vec<Check> {
    let stalled = look.board.rows.iter().filter(|row| row.status == Status::Stalled);
    stalled
        .map(|row| warning("stalled", format!("{} was interrupted", row.id), format!("chant work {}", row.id)))
        .collect()
}

fn leftovers(project: &Project, look: &project::Look) -> Result<Vec<Check>, Error> {
    let mut checks = Vec::new();
    for (name, _) in project.repo.refs("refs/chant/backup/")? {
        checks.push(warning("backup", format!("{name} holds what a worktree held"), format!("git show {name}")));
    }
    checks.extend(remains::checks(project)?);
    for row in &look.board.rows {
        if row.status == Status::Completed && project.repo.is_worktree(&project.worktree_path(&row.id))? {
            checks.push(warning(
                "worktree",
                format!("{} has landed, and its worktree is still there", row.id),
                format!("chant work {}", row.id),
            ));
        }
    }
    Ok(checks)
}

/// Events of projects that there are not: one was given another name.
fn strangers(project: &Project, look: &project::Look) -> Result<Option<Check>, Error> {
    let Some(tip) = project.repo.head()?.tip() else { return Ok(None) };
    let known: Vec<_> = project::projects(&project.repo, tip)?.into_iter().map(|other| other.name).collect();
    let foreign = |name: &&crate::spec::Qualified| name.project.is_some() && !known.contains(&name.project);
    let names: Vec<String> = look.ledger.specs.keys().filter(foreign).take(4).map(ToString::to_string).collect();
    Ok((!names.is_empty()).then(|| {
        let help =
            "a project keeps the name that its events bear: put it back into `project:` of its .chant/config.yaml";
        warning("history", format!("events of a project that there is not: {}", names.join(", ")), help)
    }))
}

/// What a killed process left of a landing.
fn cut_short(project: &Project) -> Option<Check> {
    let dir = project.repo.common_dir().join("chant/locks");
    let mut entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let begun = entries.any(|entry| {
        entry.file_name().as_encoded_bytes().starts_with(b"onto-")
            && Lock::read(&entry.path()).is_ok_and(|text| text.contains("following "))
            && !Lock::is_held(&entry.path()).unwrap_or(true)
    });
    begun.then(|| {
        let detail = "a landing was cut short: the checkout may hold files of it, and a ref its lock";
        warning("landing", detail, "chant work")
    })
}

/// Whether what the settings share can be shared.
fn remote(project: &Project) -> Result<Vec<Check>, Error> {
    let Some(remote) = &project.settings.remote.value else { return Ok(Vec::new()) };
    // A bare repository without any is the one that others share.
    if project.repo.is_bare() && !project.repo.has_remotes() {
        return Ok(Vec::new());
    }
    if !project.repo.has_remote(remote) {
        let help = format!("git remote add {remote} <url>");
        return Ok(vec![ill("remote", format!("the settings share the remote `{remote}`, and there is none"), help)]);
    }
    let missing = project.repo.missing_refspecs(remote)?;
    Ok(vec![match missing.is_empty() {
        true => well("remote", format!("{remote} is shared")),
        false => {
            let detail = format!("a plain `git fetch {remote}` does not bring kept attempts and notes");
            warning("remote", detail, "chant sync")
        }
    }])
}

/// The forge, where the settings ask for requests: whether it can be asked, and what its squash does to trailers.
fn forge(project: &Project) -> Vec<Check> {
    if !run::Door::is_wanted(project) {
        return Vec::new();
    }
    let told = |error: &run::Error| {
        let help = miette::Diagnostic::help(error).map(|help| help.to_string()).unwrap_or_default();
        warning("forge", error.to_string(), help)
    };
    let door = match run::Door::find(project) {
        Ok(door) => door,
        Err(error) => return vec![told(&error)],
    };
    let kind = door.kind().as_str();
    if door.kind() == ForgeKind::None {
        let help = "`forge: github` (gitlab, forgejo, gitea, gerrit) in .chant/config.yaml; without one `chant pr` writes mails";
        return vec![warning("forge", "the remote's host is no forge that is known by its name", help)];
    }
    let Some(from) = door.token_from() else {
        let help = format!("set {}, or store one with `git credential approve`", door.variables());
        return vec![warning("forge", format!("{kind} at {}: there is no token for it", door.site.host), help)];
    };
    let place = format!("{kind} at {}, {}; the token is from {from}", door.site.host, door.site.path);
    match door.squash() {
        Ok(Squash::Lost(why)) => vec![
            well("forge", place),
            warning("squash", "a squash there loses the trailers by which a landing is known", why),
        ],
        Ok(_) => vec![well("forge", place)],
        Err(error) => vec![told(&error)],
    }
}
