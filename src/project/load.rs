//! The specs of a project, from the checkout or from a commit.

use std::path::Path;

use super::unchanged::Unchanged;
use super::{DIR, Error, Project, SPECS};
use crate::git::{EntryKind, Repo, StagedFile};
use crate::ledger::Oid;
use crate::spec::{self, Diagnostic, Set, Severity, Source, Spec, SpecId};

/// What was found under `.chant/specs`.
pub struct Loaded {
    /// The specs that could be read; one bad spec never hides the others.
    pub set: Set,
    /// What is wrong with the others, and warnings.
    pub diagnostics: Vec<Diagnostic>,
}

/// A file of a spec.
enum Found {
    /// It was read before, and is as it was.
    Known(Box<Spec>),
    /// Its bytes, or why they cannot be read.
    Read(Result<Vec<u8>, String>),
}

impl Loaded {
    fn gather(project: &Project, files: impl Iterator<Item = (String, Found)>) -> Self {
        let mut specs: Vec<Box<Spec>> = Vec::new();
        let mut diagnostics = Vec::new();
        for (name, found) in files {
            let bytes = match found {
                Found::Known(spec) => {
                    specs.push(spec);
                    continue;
                }
                Found::Read(bytes) => bytes,
            };
            let shown = project.path(&format!("{SPECS}/{name}"));
            let Some(stem) = name.strip_suffix(".md") else { continue };
            let id = match stem.parse::<SpecId>() {
                Ok(id) => id,
                Err(error) => {
                    diagnostics.push(Diagnostic::error(
                        "chant::spec::id",
                        &spec::Source::new(&shown, ""),
                        error.to_string(),
                    ));
                    continue;
                }
            };
            match bytes {
                Ok(bytes) => {
                    let parsed = spec::parse(&id, &shown, &bytes);
                    specs.extend(parsed.spec.map(Box::new));
                    diagnostics.extend(parsed.diagnostics);
                }
                Err(message) => diagnostics.push(Diagnostic::error(
                    "chant::spec::unreadable",
                    &spec::Source::new(&shown, ""),
                    message,
                )),
            }
        }
        Self { set: Set::new(specs), diagnostics }
    }

    /// Whether anything is wrong enough to stop at.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }
}

/// Reads the specs as they stand in the user's checkout.
///
/// # Errors
/// Where the directory cannot be read; what is wrong with a single file is a diagnostic.
pub fn load_worktree(project: &Project) -> Result<Loaded, Error> {
    let Some(root) = &project.root else {
        return match project.repo.head()?.tip() {
            Some(tip) => load_at(project, tip),
            None => Ok(Loaded { set: Set::default(), diagnostics: Vec::new() }),
        };
    };
    let dir = root.join(SPECS);
    let mut names = Vec::new();
    match std::fs::read_dir(&dir) {
        Ok(entries) => {
            for entry in entries {
                let entry = entry.map_err(|source| Error::Read { path: dir.display().to_string(), source })?;
                match entry.file_name().into_string() {
                    Ok(name) if name.ends_with(".md") && !name.starts_with('.') => names.push(name),
                    _ => {}
                }
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(Error::Read { path: dir.display().to_string(), source }),
    }
    names.sort();
    // Where the directory is not there, there are no names either.
    let mut unchanged = Unchanged::recall(&project.repo, &project.prefix, &dir, &names).ok();
    let files = names.into_iter().map(|name| {
        let found = match unchanged.as_mut().and_then(|unchanged| unchanged.specs.next().flatten()) {
            Some(spec) => Found::Known(spec),
            None => Found::Read(read_inside(root, &dir.join(&name))),
        };
        (name, found)
    });
    let loaded = Loaded::gather(project, files);
    if let Some(unchanged) = unchanged {
        unchanged.remember(&loaded);
    }
    Ok(loaded)
}

/// The globs of a spec that a symlink leads out of the project: by their words they stay inside, on this disk not.
pub fn leads_out(project: &Project, spec: &Spec) -> Vec<Diagnostic> {
    let Some(root) = &project.root else { return Vec::new() };
    let Ok(home) = root.canonicalize() else { return Vec::new() };
    let globs = [&spec.target_files, &spec.context, &spec.informed_by, &spec.origin, &spec.tracks];
    let mut found = Vec::new();
    for glob in globs.into_iter().flatten() {
        let fixed = glob.split('/').take_while(|part| !part.contains(['*', '?', '[', '{']));
        let mut path = root.clone();
        for part in fixed {
            path.push(part);
            let link = std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_symlink());
            let real = if link { path.canonicalize().ok() } else { None };
            if let Some(real) = real.filter(|real| !real.starts_with(&home)) {
                let message = format!("`{glob}` goes through a symlink that leads out of the project");
                let text = spec.render();
                let at = text.find(glob.as_str()).unwrap_or(0);
                let source = spec::Source::new(&project.spec_path(&spec.id), text);
                let to = format!("leads to {}", real.display());
                found.push(Diagnostic::error("chant::spec::outside", &source, message).label(at..at + glob.len(), to));
                break;
            }
        }
    }
    found
}

/// Reads a file that must lie in the project, also when followed through symlinks.
fn read_inside(root: &Path, path: &Path) -> Result<Vec<u8>, String> {
    let meta = std::fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    if meta.is_symlink() {
        let real = path.canonicalize().map_err(|error| format!("a symlink that leads nowhere: {error}"))?;
        let root = root.canonicalize().map_err(|error| error.to_string())?;
        if !real.starts_with(&root) {
            return Err(format!("a symlink that leads out of the project, to {}", real.display()));
        }
    } else if !meta.is_file() {
        return Err("not a file".to_owned());
    }
    std::fs::read(path).map_err(|error| error.to_string())
}

/// Reads the specs as they stand in a commit.
///
/// # Errors
/// Where Git cannot read the commit.
pub fn load_at(project: &Project, commit: Oid) -> Result<Loaded, Error> {
    let mut files = Vec::new();
    for entry in project.repo.list(commit, &project.path(SPECS))? {
        if !entry.name.ends_with(".md") || entry.name.starts_with('.') {
            continue;
        }
        let bytes = match entry.kind {
            EntryKind::Blob | EntryKind::Exec => Ok(project.repo.blob(entry.oid)?),
            EntryKind::Link => Err("a symlink; in a commit a spec must be a file".to_owned()),
            EntryKind::Tree | EntryKind::Submodule => Err("not a file".to_owned()),
        };
        files.push((entry.name, Found::Read(bytes)));
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Loaded::gather(project, files.into_iter()))
}

/// Reads the specs of a project as they are staged.
///
/// # Errors
/// Where Git cannot read a staged file.
pub fn load_staged(project: &Project, staged: &[StagedFile]) -> Result<Loaded, Error> {
    let dir = project.path(&format!("{SPECS}/"));
    let mut files = Vec::new();
    for file in staged {
        let Some(name) = file.path.strip_prefix(&dir).filter(|name| !name.contains('/')) else { continue };
        if !name.ends_with(".md") || name.starts_with('.') {
            continue;
        }
        let bytes = match file.kind {
            EntryKind::Blob | EntryKind::Exec => Ok(project.repo.blob(file.oid)?),
            _ => Err("not a file; in a commit a spec must be one".to_owned()),
        };
        files.push((name.to_owned(), Found::Read(bytes)));
    }
    Ok(Loaded::gather(project, files.into_iter()))
}

/// Another project in the same repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Its name; only the one at the repository's root may have none.
    pub name: Option<spec::Project>,
    /// Its directory relative to the repository's top, with a closing slash; empty at the top.
    pub prefix: String,
}

/// The other projects in a commit: directories up to four levels deep that hold a `.chant` and are named by their
/// configuration, and the top, named or not.
///
/// # Errors
/// Where Git cannot read the commit.
pub fn other_projects(project: &Project, commit: Oid) -> Result<Vec<Neighbour>, Error> {
    let mut others = projects(&project.repo, commit)?;
    others.retain(|other| other.prefix != project.prefix);
    Ok(others)
}

/// What is wrong between the specs of a project, and between it and the repository's other projects as a commit has them.
///
/// # Errors
/// Where Git cannot read the commit.
pub fn lint_together(project: &Project, set: &Set, commit: Option<Oid>) -> Result<Vec<Diagnostic>, Error> {
    let others = commit.map(|commit| other_projects(project, commit)).transpose()?.unwrap_or_default();
    let names: Vec<_> = others.iter().filter_map(|other| other.name.clone()).collect();
    let mut said = spec::lint_project(set, project.name.as_ref(), &names);
    let beside_nameless = others.iter().any(|other| other.prefix.is_empty() && other.name.is_none());
    if let (Some(name), Some(commit)) = (project.name.as_ref().filter(|_| beside_nameless), commit) {
        let file = format!("{}.md", name.as_str().to_lowercase());
        let at_top = project.repo.list(commit, super::SPECS)?;
        if at_top.iter().any(|entry| entry.name.to_lowercase() == file) {
            let source = Source::new(&project.path(super::CONFIG), "");
            let message =
                format!("the project `{name}` and the spec `{name}` at the repository's top want the same branch");
            let help = format!("give one of them another name: `chant/{name}` cannot be beside `chant/{name}/…`");
            said.push(Diagnostic::error("chant::collision", &source, message).help(help));
        }
    }
    Ok(said)
}

/// All projects in a commit, as [`other_projects`] finds them.
///
/// # Errors
/// Where Git cannot read the commit.
pub fn projects(repo: &Repo, commit: Oid) -> Result<Vec<Neighbour>, Error> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), 0)];
    while let Some((dir, depth)) = open.pop() {
        for entry in repo.list(commit, dir.trim_end_matches('/'))? {
            if entry.kind != EntryKind::Tree {
                continue;
            }
            if entry.name == DIR {
                let name = name_of(repo, commit, &dir)?;
                if name.is_some() || dir.is_empty() {
                    found.push(Neighbour { name, prefix: dir.clone() });
                }
            } else if depth < 3 {
                open.push((format!("{dir}{}/", entry.name), depth + 1));
            }
        }
    }
    Ok(found)
}

fn name_of(repo: &Repo, commit: Oid, dir: &str) -> Result<Option<spec::Project>, Error> {
    let Some(bytes) = repo.read(commit, &format!("{dir}{}", super::CONFIG))? else { return Ok(None) };
    Ok(crate::config::project_name(&bytes))
}
