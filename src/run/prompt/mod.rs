//! What the agent is told: a template of the project's or of chant's own, filled with what Git and the board know.
//!
//! Templates and specs are those of the target's tip, never those of an agent's branch. A template that cannot be
//! rendered is found before anything is claimed.

pub(crate) mod facts;
mod gather;
mod named;
mod templates;

use std::collections::BTreeSet;

pub use templates::Templates;

use super::base::{base_seen, spec_at, target_of};
use super::{Error, Request};
use crate::config::Settings;
use crate::git::EntryKind;
use crate::ledger::Oid;
use crate::plan::Status;
use crate::project::{Look, Project};
use crate::spec::{Diagnostic, Spec, SpecId};

/// The directory of a project's own templates, relative to the project.
const DIR: &str = ".chant/prompts";

/// The name of the template of `chant split`.
const SPLIT: &str = "split";

/// What a prompt is about.
pub(super) struct Ask<'a> {
    pub project: &'a Project,
    pub look: &'a Look,
    pub spec: &'a Spec,
    pub settings: &'a Settings,
    /// Whose files and templates count.
    pub base: Oid,
    pub target: &'a str,
    pub attempt: u32,
    /// What the caller asked for.
    pub request: &'a Request,
}

/// The prompt for an agent that works a spec.
///
/// # Errors
/// [`Error::Prompt`] where the template is not there or cannot be rendered; where Git cannot read.
pub(super) fn prompt(ask: &Ask<'_>, conflict: Option<facts::Conflict>) -> Result<String, Error> {
    let templates = templates_at(ask.project, ask.base)?;
    let name = chosen(&templates, ask.spec, ask.settings, ask.request.prompt.as_deref())?;
    let facts = facts::Facts { conflict, ..gather::facts(ask)? };
    templates.render(&name, &facts).map_err(|fault| Error::Prompt(vec![*fault]))
}

/// The prompt for an agent that plans the members of a spec.
///
/// # Errors
/// As [`prompt`].
pub(super) fn for_split(ask: &Ask<'_>, split: facts::Split) -> Result<String, Error> {
    let templates = templates_at(ask.project, ask.base)?;
    let name = ask.request.prompt.as_deref().unwrap_or(SPLIT);
    if !templates.has(name) {
        return Err(Error::Prompt(vec![templates.unknown(name, named::alone("--prompt", name))]));
    }
    let facts = facts::Facts { split: Some(split), ..gather::facts(ask)? };
    templates.render(name, &facts).map_err(|fault| Error::Prompt(vec![*fault]))
}

/// The name of the template: what the flag says, the spec, the settings, else the spec's type.
fn chosen(templates: &Templates, spec: &Spec, settings: &Settings, flag: Option<&str>) -> Result<String, Error> {
    let (name, place) = match (flag, &spec.prompt, &settings.prompt.value) {
        (Some(flag), _, _) => (flag.to_owned(), named::alone("--prompt", flag)),
        (None, Some(name), _) => (name.clone(), named::in_spec(spec, name)),
        (None, None, Some(name)) => (name.clone(), named::alone(&settings.prompt.origin.to_string(), name)),
        (None, None, None) => return Ok(spec.kind.as_str().to_owned()),
    };
    if name == SPLIT {
        return Err(Error::refused(
            format!("the prompt `{SPLIT}` asks for a plan of members, and for no work ({})", place.0.name),
            format!(
                "`chant split {0}` uses it, and `chant work {0} --print-prompt --prompt {SPLIT}` shows it",
                spec.id
            ),
        ));
    }
    if templates.has(&name) { Ok(name) } else { Err(Error::Prompt(vec![templates.unknown(&name, place)])) }
}

/// The templates as a commit has them.
///
/// # Errors
/// Where Git cannot read them.
pub fn templates_at(project: &Project, commit: Oid) -> Result<Templates, Error> {
    let mut own = Vec::new();
    for entry in project.repo.list(commit, &project.path(DIR))? {
        let name = entry.name.strip_suffix(".md").filter(|_| matches!(entry.kind, EntryKind::Blob | EntryKind::Exec));
        if let Some(name) = name {
            let text = String::from_utf8_lossy(&project.repo.blob(entry.oid)?).into_owned();
            own.push((name.to_owned(), project.path(&format!("{DIR}/{}", entry.name)), text));
        }
    }
    Ok(Templates::new(own))
}

/// The project's own templates as the checkout has them.
fn in_checkout(project: &Project) -> Vec<(String, String, String)> {
    let dir = project.root.as_ref().map(|root| root.join(DIR));
    let mut own = Vec::new();
    for entry in dir.into_iter().flat_map(std::fs::read_dir).flatten().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if let Some(name) = file.strip_suffix(".md").filter(|_| is_file)
            && let Ok(bytes) = std::fs::read(entry.path())
        {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            own.push((name.to_owned(), project.path(&format!("{DIR}/{file}")), text));
        }
    }
    own.sort();
    own
}

/// What is wrong with the project's templates, and with what names one: for `chant lint`. At a commit, or in the checkout.
///
/// # Errors
/// Where Git cannot read the commit.
pub fn lint(project: &Project, specs: &crate::spec::Set, at: Option<Oid>) -> Result<Vec<Diagnostic>, Error> {
    let at = match (at, &project.root) {
        (None, None) => project.repo.head()?.tip(),
        (at, _) => at,
    };
    let (templates, names): (Templates, BTreeSet<String>) = match at {
        Some(commit) => {
            let entries = project.repo.list(commit, &project.path(DIR))?;
            let names = entries.iter().filter_map(|entry| entry.name.strip_suffix(".md").map(str::to_owned));
            (templates_at(project, commit)?, names.collect())
        }
        None => {
            let own = in_checkout(project);
            let names = own.iter().map(|(name, _, _)| name.clone()).collect();
            (Templates::new(own), names)
        }
    };
    let mut found = templates.faults(names.iter().map(String::as_str));
    for spec in specs.iter() {
        if let Some(name) = spec.prompt.as_ref().filter(|name| !templates.has(name)) {
            found.push(templates.unknown(name, named::in_spec(spec, name)));
        }
    }
    let configured = &project.settings.prompt;
    if let Some(name) = configured.value.as_ref().filter(|name| !templates.has(name)) {
        found.push(templates.unknown(name, named::in_settings(project, name)));
    }
    Ok(found)
}

/// The prompt of a spec as the next attempt would be given it. Nothing is claimed and nothing runs.
///
/// # Errors
/// Where the spec is not committed, or the template cannot be rendered.
pub fn preview(project: &Project, look: &Look, id: &SpecId, request: &Request) -> Result<String, Error> {
    let target = target_of(project, look, id, request.target.as_deref())?;
    let base = base_seen(project, look, id, request)?;
    let spec = spec_at(project, id, base)?;
    let settings = project.settings_at(base, &crate::config::Flags::default())?;
    let record = look.ledger.record(&project.qualify(id));
    let attempt = record.map_or(1, |record| record.highest.saturating_add(1));
    let ask = Ask { project, look, spec: &spec, settings: &settings, base, target: &target, attempt, request };
    match request.prompt.as_deref() {
        Some(SPLIT) => for_split(&ask, super::split::wanted(project, id)),
        _ => prompt(&ask, None),
    }
}

/// Looks at the templates of all that is about to be worked, before anything is claimed.
///
/// # Errors
/// [`Error::Prompt`] with everything that is wrong with them. What else may be wrong with a spec, its own attempt says.
pub(super) fn check(project: &Project, look: &Look, ids: &[SpecId], request: &Request) -> Result<(), Error> {
    let mut open: Vec<SpecId> = ids.to_vec();
    let mut seen = BTreeSet::new();
    let mut wrong: Vec<Diagnostic> = Vec::new();
    while let Some(id) = open.pop() {
        open.extend(look.set.members_of(&id).iter().cloned());
        let through = look.board.row(&id).is_none_or(|row| matches!(row.status, Status::Completed | Status::Cancelled));
        if through || look.set.get(&id).is_some_and(Spec::is_driver) {
            continue;
        }
        let Ok(base) = base_seen(project, look, &id, request) else { continue };
        let (Ok(spec), Ok(settings)) =
            (spec_at(project, &id, base), project.settings_at(base, &crate::config::Flags::default()))
        else {
            continue;
        };
        if !super::agents::is_prompted(&settings, &spec, request.agent.as_deref()) {
            continue;
        }
        let templates = templates_at(project, base)?;
        match chosen(&templates, &spec, &settings, request.prompt.as_deref()) {
            Ok(name) if seen.insert((base, name.clone())) => wrong.extend(templates.faults([name.as_str()])),
            Err(Error::Prompt(said)) => wrong.extend(said),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::Prompt(wrong)) }
}
