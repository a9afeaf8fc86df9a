//! `chant add` and `chant edit`: writing specs.

use std::io::Write as _;
use std::path::PathBuf;

use super::Error;
use crate::project::{self, Project, SPECS};
use crate::spec::{self, Kind, SpecId};

/// A spec that was written.
#[derive(Debug, Clone)]
pub struct Added {
    /// Its id.
    pub id: SpecId,
    /// Its file, relative to the project.
    pub path: String,
}

/// Writes a new spec, its number past every one seen in any ref; a member where a driver is given.
///
/// # Errors
/// Where the title gives no id, the driver is none, or the file cannot be written.
pub fn add(project: &Project, title: &str, kind: Kind, driver: Option<&str>) -> Result<Added, Error> {
    let Some(root) = &project.root else {
        return Err(Error::usage("a bare repository has no files to write", "add the spec in a clone"));
    };
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    if title.is_empty() {
        return Err(Error::usage("a spec needs a title", "`chant add \"What must become true\"`"));
    }
    let taken = taken(project)?;
    let id = match driver {
        Some(query) => member(project, query, &taken)?,
        None => {
            let number = spec::next_number(taken.iter());
            let slug = spec::slug(&title);
            let stem = if slug.is_empty() { format!("{number:03}") } else { format!("{number:03}-{slug}") };
            stem.parse().map_err(|error: spec::IdError| Error::usage(error.to_string(), "choose another title"))?
        }
    };
    let path = format!("{SPECS}/{id}.md");
    let file = root.join(&path);
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir).map_err(Error::file(format!("make {SPECS}")))?;
    }
    let text = spec::template(&title, kind);
    std::fs::File::create_new(&file)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(Error::file(format!("write {path}")))?;
    Ok(Added { id, path })
}

fn member(project: &Project, query: &str, taken: &[SpecId]) -> Result<SpecId, Error> {
    let loaded = project::load_worktree(project)?;
    let driver = loaded.set.resolve(query)?.clone();
    if !loaded.set.get(&driver).is_some_and(spec::Spec::is_driver) {
        return Err(Error::usage(
            format!("{driver} is no driver"),
            format!("write `type: driver` into {SPECS}/{driver}.md"),
        ));
    }
    let number = |id: &SpecId| id.as_str().strip_prefix(driver.as_str())?.strip_prefix('.')?.parse::<u32>().ok();
    let next = taken.iter().filter_map(number).max().unwrap_or(0).saturating_add(1);
    format!("{driver}.{next}")
        .parse()
        .map_err(|error: spec::IdError| Error::usage(error.to_string(), "rename the driver"))
}

/// Every id that is in the checkout, on a branch, or in the tree of any branch's tip.
fn taken(project: &Project) -> Result<Vec<SpecId>, Error> {
    let mut ids: Vec<SpecId> = project::load_worktree(project)?.set.ids().cloned().collect();
    if let Some(root) = &project.root {
        // Specs that cannot be read have ids, too.
        for entry in std::fs::read_dir(root.join(SPECS)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            ids.extend(name.strip_suffix(".md").and_then(|stem| stem.parse().ok()));
        }
    }
    let repo = &project.repo;
    let mut seen = std::collections::BTreeSet::new();
    for prefix in ["refs/heads/", "refs/remotes/", "refs/chant/"] {
        for (name, tip) in repo.refs(prefix)? {
            if let Some(qualified) = spec::Qualified::from_branch(&name) {
                ids.push(qualified.id);
            }
            if !seen.insert(repo.tree(tip)?) {
                continue;
            }
            for entry in repo.list(tip, &project.path(SPECS))? {
                ids.extend(entry.name.strip_suffix(".md").and_then(|stem| stem.parse().ok()));
            }
        }
    }
    ids.sort();
    ids.dedup();
    Ok(ids)
}

/// The file of a spec and the editor that Git would use for it.
///
/// # Errors
/// Where the query names no spec, or several.
pub fn edit(project: &Project, query: &str) -> Result<(PathBuf, String), Error> {
    let Some(root) = &project.root else {
        return Err(Error::usage("a bare repository has no files to edit", "edit the spec in a clone"));
    };
    let loaded = project::load_worktree(project)?;
    let id = match loaded.set.resolve(query) {
        Ok(id) => id.clone(),
        // A spec that cannot be read is the one that most needs an editor.
        Err(lookup) => {
            let ids: Vec<SpecId> = taken(project)?;
            spec::resolve(query, ids.iter()).map_err(|_| lookup)?.clone()
        }
    };
    let editor = project.repo.git(root, &["var", "GIT_EDITOR"]).check().map_err(crate::git::Error::from)?;
    let editor = String::from_utf8_lossy(&editor.stdout).trim().to_owned();
    Ok((root.join(SPECS).join(format!("{id}.md")), editor))
}
