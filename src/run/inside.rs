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

use super::agents::Needs;
use super::household::{self, Courier};
use super::leaked::Leaks;
use super::slots::Slot;
use super::{Engine, Error, brought};
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

/// A worktree in which such programs run, and what they are told beside the user's own variables.
#[derive(Default)]
pub(super) struct Inside {
    vars: Vec<(OsString, OsString)>,
    /// What leads the client of each agent to a directory of the run's own.
    houses: Vec<(String, (OsString, OsString))>,
    /// `None` where nothing is enforced: it is switched off, the system cannot, or a person is at work.
    shut: Option<Shut>,
}

/// What shuts them in.
struct Shut {
    at: PathBuf,
    cell: Cell,
    cage: Cage,
    courier: Option<Courier>,
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
    /// Shuts a worktree in, where that is wished and can be. `more` can be written as well.
    pub(super) fn enter(project: &Project, settings: &Settings, at: &Path, more: &[PathBuf]) -> Result<Self, Error> {
        if !is_closed(settings) {
            return Ok(Self::default());
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
        let vars = ["TMPDIR", "TMP", "TEMP"].map(|name| (OsString::from(name), tmp.clone().into_os_string())).to_vec();
        let shut = Shut { at: at.to_owned(), cell, cage, courier: None };
        Ok(Self { vars, houses: Vec::new(), shut: Some(shut) })
    }

    /// What sets its programs apart from those that run beside it.
    pub(super) fn with_slot(mut self, slot: Option<&Slot>) -> Self {
        self.vars.extend(slot.into_iter().flat_map(Slot::env));
        self
    }

    /// Opens what agents need outside of the worktree, and lays out where their clients keep themselves meanwhile.
    pub(super) fn with_agents(mut self, needs: &Needs) -> Result<Self, Error> {
        let Some(shut) = &mut self.shut else { return Ok(self) };
        for dir in &needs.writes {
            household::make(dir).map_err(Error::system(format!("cannot make {}", dir.display())))?;
            shut.cage.write.push(dir.clone());
        }
        let mut returns = Vec::new();
        for (n, (agent, theirs)) in needs.households.iter().enumerate() {
            let failed = || Error::system(format!("cannot lay out a directory for agent `{agent}`"));
            // Not among what is temporary: some clients keep no programs there.
            let at = shut.cell.beside(&format!("{HOUSE}{n}"));
            let house = household::lay(theirs, &at).map_err(failed())?;
            shut.cage.write.push(at);
            shut.cage.write.extend(house.open);
            returns.extend(house.returns);
            self.houses.push((agent.clone(), house.variable));
        }
        let noted = std::fs::write(shut.cell.beside("returns"), household::list(&returns));
        noted.map_err(Error::system("cannot note what agents may renew"))?;
        shut.courier = Courier::start(returns);
        Ok(self)
    }

    /// Whether its programs are shut in.
    pub(super) fn is_shut(&self) -> bool {
        self.shut.is_some()
    }

    /// What the programs may touch; `None` where that is everything.
    pub(super) fn cage(&self) -> Option<Cage> {
        self.shut.as_ref().map(|shut| shut.cage.clone())
    }

    /// The Git directory in which their commands work, where it is not the worktree's.
    pub(super) fn git_dir(&self) -> Option<PathBuf> {
        self.shut.as_ref().map(|shut| shut.cell.git_dir())
    }

    /// Tells a program what it is told in here: its ports, and where it may keep what is temporary.
    pub(super) fn dress(&self, errand: &mut Errand) {
        errand.env.retain(|(key, _)| !self.vars.iter().any(|(own, _)| key == own));
        errand.env.extend(self.vars.iter().cloned());
    }

    /// Tells the program of an agent, too, where it keeps itself.
    pub(super) fn dress_for(&self, agent: &str, errand: &mut Errand) {
        self.dress(errand);
        for (_, (name, value)) in self.houses.iter().filter(|(whose, _)| whose == agent) {
            errand.env.retain(|(key, _)| key != name);
            errand.env.push((name.clone(), value.clone()));
        }
    }

    /// Takes over what was done on a branch, and opens the worktree again.
    pub(super) fn leave(self, project: &Project, spec: &Qualified) -> Result<Left, Error> {
        let Some(shut) = self.shut else { return Ok(Left::default()) };
        drop(shut.courier);
        settle(project, spec, &shut.at, &shut.cell)
    }

    /// Opens the worktree again. Nothing that was done in the cell is kept.
    pub(super) fn dismiss(self, project: &Project) -> Result<(), Error> {
        let Some(shut) = self.shut else { return Ok(()) };
        drop(shut.courier);
        sweep(project, &shut.cell)?;
        Ok(project.repo.dismiss(&shut.at, &shut.cell)?)
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
    let paths = brought::noted(project, spec);
    let found = repo.take_over(cell, &|objects, from, tips| {
        if let Some(why) = repo.holding(Some(objects), from, tips, &paths)? {
            return Ok(Some(why));
        }
        let mut known: Vec<Oid> = repo.refs("refs/")?.into_iter().map(|(_, tip)| tip).collect();
        known.push(from);
        Leaks::of(project, spec, from).in_commits(Some(objects), tips, &known)
    })?;
    let mut left = Left::default();
    let mut aside: Vec<Oid> = Vec::new();
    if let Some(why) = found.broken {
        // Before its name changes, under which what belongs to it is found.
        sweep(project, cell)?;
        let kept = repo.set_cell_aside(at, cell, &why)?;
        left.complaint = Some(format!(
            "its commits cannot be taken over, and are kept in {}: {why}; `chant doctor` says what can be done with them",
            kept.display()
        ));
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
/// And that of a client's directory.
const HOUSE: &str = "agent-";

/// Takes the temporary directory of a cell away, when credentials that were renewed in it are brought back. That it is one of ours its name says; only its owner can have made it.
fn sweep(project: &Project, cell: &Cell) -> Result<(), Error> {
    use std::os::unix::ffi::OsStringExt as _;
    let Ok(noted) = std::fs::read(cell.beside("tmp")) else { return Ok(()) };
    let tmp = PathBuf::from(OsString::from_vec(noted));
    if let Ok(list) = std::fs::read(cell.beside("returns")) {
        household::bring_back(&household::listed(&list));
    }
    for n in 0.. {
        let house = cell.beside(&format!("{HOUSE}{n}"));
        if house.symlink_metadata().is_err() {
            break;
        }
        project.repo.delete_scratch(&house)?;
    }
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
