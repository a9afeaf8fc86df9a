//! A worktree while programs run in it that an agent is, or may have written: what they can write, where their Git
//! commands work, which variables they have, and what becomes of it afterwards.
//!
//! They get a [cell](crate::git::Cell) for a repository, a temporary directory of their own, and a cage that leaves
//! nothing open but those two, the worktree, and what the settings and the agent's kind name. Afterwards the cell's
//! objects are taken over, and the branch moves by compare-and-swap from exactly where the programs began, if that is
//! still in it. What they made of other refs is kept under `refs/chant/backup` and moves nothing.
//!
//! Each step can be done again. A kill leaves the cell, and whoever next takes the spec's lock takes it over
//! ([`recover`]).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Engine, Error};
use crate::agent::Errand;
use crate::cage::{self, Cage};
use crate::config::Settings;
use crate::git::{Cell, Expect, Moved, RefMove};
use crate::ledger::Oid;
use crate::project::Project;
use crate::spec::Qualified;

/// Whether programs are shut in: where the settings do not say otherwise and the system can.
pub(super) fn is_closed(settings: &Settings) -> bool {
    settings.sandbox.on.value && cage::support().is_there()
}

/// A worktree that is shut in.
pub(super) struct Inside {
    at: PathBuf,
    cell: Cell,
    tmp: PathBuf,
    cage: Cage,
}

/// What is to be said once the programs have ended.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Why the work cannot be believed.
    pub complaint: Option<String>,
    /// What else a person should know.
    pub notices: Vec<String>,
}

impl Inside {
    /// Shuts a worktree in; `None` where that is switched off or cannot be. `more` can be written as well.
    pub(super) fn enter(
        project: &Project,
        settings: &Settings,
        at: &Path,
        more: &[PathBuf],
    ) -> Result<Option<Self>, Error> {
        if !is_closed(settings) {
            return Ok(None);
        }
        if let Some(cell) = project.repo.cell_at(at)? {
            sweep(project, &cell)?;
        }
        let cell = project.repo.enclose(at)?;
        let tmp = temporary(project, &cell)?;
        let home = project.env.vars.get("HOME").filter(|home| !home.is_empty()).map(Path::new);
        let mut write = vec![at.to_owned(), cell.git_dir(), tmp.clone()];
        write.extend(settings.sandbox.paths(home));
        write.extend_from_slice(more);
        let cage = Cage { write, no_net: settings.sandbox.no_net.value };
        Ok(Some(Self { at: at.to_owned(), cell, tmp, cage }))
    }

    /// What the programs may touch.
    pub(super) fn cage(&self) -> Cage {
        self.cage.clone()
    }

    /// The Git directory in which their commands work.
    pub(super) fn git_dir(&self) -> PathBuf {
        self.cell.git_dir()
    }

    /// Tells a program where it may keep what is temporary.
    pub(super) fn dress(&self, errand: &mut Errand) {
        let ours = ["TMPDIR", "TMP", "TEMP"];
        errand.env.retain(|(key, _)| !ours.iter().any(|name| key == name));
        errand.env.extend(ours.map(|name| (OsString::from(name), self.tmp.clone().into_os_string())));
    }

    /// Takes over what was done on a branch, and opens the worktree again.
    pub(super) fn leave(self, project: &Project, spec: &Qualified) -> Result<Left, Error> {
        settle(project, spec, &self.at, &self.cell)
    }

    /// Opens the worktree again. Nothing that was done in the cell is kept.
    pub(super) fn dismiss(self, project: &Project) -> Result<(), Error> {
        sweep(project, &self.cell)?;
        Ok(project.repo.dismiss(&self.at, &self.cell)?)
    }
}

/// Takes over what a killed process left of a spec's work in a cell; `None` where there is none. Under the spec's lock.
pub(super) fn recover(project: &Project, spec: &Qualified) -> Result<Option<Left>, Error> {
    match project.repo.cell_on(&spec.full_ref())? {
        Some((cell, at)) => settle(project, spec, &at, &cell).map(Some),
        None => Ok(None),
    }
}

/// Opens the checkout of the proofs again, where a killed process left it shut.
pub(super) fn reopen(project: &Project, at: &Path) -> Result<(), Error> {
    let Some(cell) = project.repo.cell_at(at)? else { return Ok(()) };
    sweep(project, &cell)?;
    Ok(project.repo.dismiss(at, &cell)?)
}

fn settle(project: &Project, spec: &Qualified, at: &Path, cell: &Cell) -> Result<Left, Error> {
    let repo = &project.repo;
    let found = repo.take_over(cell)?;
    let mut left = Left::default();
    let mut aside: Vec<Oid> = Vec::new();
    if let Some(why) = found.broken {
        let kept = repo.set_cell_aside(at, cell)?;
        left.complaint = Some(format!("its commits cannot be taken over, and are kept in {}: {why}", kept.display()));
        sweep(project, cell)?;
        return Ok(left);
    }
    aside.extend(found.others.iter().map(|(_, tip)| *tip));
    if let (Some(branch), Some(from)) = (&found.branch, found.from) {
        match found.tip {
            None => left.complaint = Some("it deleted its own branch".to_owned()),
            Some(tip) if tip == from => {}
            Some(tip) if !repo.is_ancestor(from, tip)? => {
                left.complaint = Some(
                    "it rewrote the history of its branch: the start of the attempt is no longer in it".to_owned(),
                );
                aside.push(tip);
            }
            Some(tip) => {
                let moves = [RefMove { name: branch.clone(), from: Expect::At(from), to: Some(tip) }];
                match repo.move_refs(&moves, "what was done in a run")? {
                    Moved::Done => {}
                    Moved::TipMoved { now, .. } if now == Some(tip) => {} // before a kill
                    Moved::TipMoved { .. } => {
                        left.complaint = Some(format!("{} was moved by somebody else meanwhile", spec.branch()));
                        aside.push(tip);
                    }
                }
            }
        }
        if !found.on_branch && left.complaint.is_none() {
            left.complaint = Some("it left its branch: HEAD of its worktree is elsewhere".to_owned());
        }
        if let Some(operation) = found.operation {
            left.complaint.get_or_insert_with(|| format!("it left a {operation} unfinished"));
        }
    }
    left.notices.extend(keep(project, spec, &aside)?);
    sweep(project, cell)?;
    repo.release(at, cell)?;
    Ok(left)
}

/// Keeps commits that are on no ref of the repository, each as a safety copy. Says where.
fn keep(project: &Project, spec: &Qualified, tips: &[Oid]) -> Result<Option<String>, Error> {
    let repo = &project.repo;
    let mut names = Vec::new();
    for tip in tips {
        let known: Vec<Oid> = repo.refs("refs/")?.into_iter().map(|(_, tip)| tip).collect();
        if repo.commits(&[*tip], &known)?.is_empty() {
            continue;
        }
        let under = format!("refs/chant/backup/{spec}/");
        let name = format!("{under}{}-{}", repo.refs(&under)?.len() + 1, tip.short());
        let moves = [RefMove { name: name.clone(), from: Expect::Absent, to: Some(*tip) }];
        if repo.move_refs(&moves, "made beside the branch of a run")? == Moved::Done {
            names.push(name);
        }
    }
    Ok((!names.is_empty()).then(|| format!("what it committed beside its branch is kept at {}", names.join(", "))))
}

/// A temporary directory that nobody else has, noted beside the cell before it is made.
fn temporary(project: &Project, cell: &Cell) -> Result<PathBuf, Error> {
    use std::os::unix::fs::DirBuilderExt as _;
    let failed = || Error::system("cannot make a temporary directory for the run");
    let base = project
        .env
        .vars
        .get("TMPDIR")
        .filter(|dir| !dir.is_empty())
        .map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let base = base.canonicalize().map_err(failed())?;
    let run = project.env.run_id().map_err(failed())?;
    // Short: the path of a socket may have 107 bytes.
    let tmp = base.join(format!("{TMP}{}", run.split('@').next().unwrap_or_default()));
    std::fs::write(cell.beside("tmp"), tmp.as_os_str().as_encoded_bytes()).map_err(failed())?;
    std::fs::DirBuilder::new().mode(0o700).create(&tmp).map_err(failed())?;
    Ok(tmp)
}

/// How the name of a temporary directory begins.
const TMP: &str = "chant-run-";

/// Takes the temporary directory of a cell away. That it is one of ours its name says; only its owner can have made it.
fn sweep(project: &Project, cell: &Cell) -> Result<(), Error> {
    use std::os::unix::ffi::OsStringExt as _;
    let Ok(noted) = std::fs::read(cell.beside("tmp")) else { return Ok(()) };
    let tmp = PathBuf::from(OsString::from_vec(noted));
    if tmp.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(TMP.as_bytes())) {
        // What cannot be deleted is in nobody's way.
        project.repo.delete_scratch(&tmp).ok();
    }
    Ok(())
}

/// Says in words, once in a repository, that nothing is enforced here although nobody switched it off.
pub(super) fn tell_once(engine: &Engine) {
    let cage::Support::Nothing(why) = cage::support() else { return };
    if !engine.project.settings.sandbox.on.value {
        return;
    }
    let marker = engine.project.repo.common_dir().join("chant/told-open");
    if marker.exists() {
        return;
    }
    engine.report(super::Progress::Remark(format!(
        "agents run without a sandbox here: {why}; what they do that they must not is found afterwards, and not \
         prevented (`chant doctor` says so too)"
    )));
    // Told again where that cannot be remembered.
    std::fs::create_dir_all(engine.project.repo.common_dir().join("chant")).ok();
    std::fs::write(marker, "").ok();
}

/// Refuses where the settings shut the network off and the system does not permit that.
pub(super) fn check_net(settings: &Settings) -> Result<(), Error> {
    if !settings.sandbox.no_net.value || !settings.sandbox.on.value {
        return Ok(());
    }
    let why = match cage::support() {
        cage::Support::Nothing(why) => why.to_owned(),
        cage::Support::Landlock(_) => match cage::net_can_go() {
            Ok(()) => return Ok(()),
            Err(error) => format!("a network namespace cannot be made: {error}"),
        },
    };
    Err(Error::refused(
        format!("the settings say `sandbox.net: none` ({}), and {why}", settings.sandbox.no_net.origin),
        "allow user namespaces (`sysctl kernel.unprivileged_userns_clone=1`, and on Ubuntu \
         `kernel.apparmor_restrict_unprivileged_userns=0`), or say `net: shared`",
    ))
}
