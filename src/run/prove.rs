//! Proving: each criterion's command, run where no agent has written.
//!
//! That is a separate checkout of the committed tree, with ignored files only from the configured set-up and from
//! what it keeps, under a time limit, in a process group of its own, with a scrubbed environment. A proof counts only
//! if the tracked files are unchanged after it (DESIGN.md, section 3).

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::inside::Inside;
use super::jobs::Watch;
use super::{Engine, Error, Evidence, Proof, jobs};
use crate::agent::{Errand, How, Lock, Performed};
use crate::config::Settings;
use crate::git::Checkout;
use crate::ledger::Oid;
use crate::spec::{Criterion, Qualified, Spec, SpecId};

/// Proves specs, one checkout for all.
pub struct Prover<'a> {
    pub(super) engine: &'a Engine,
    pub(super) id: &'a SpecId,
    pub(super) settings: &'a Settings,
    lock: &'a Lock,
    at: PathBuf,
    prefix: String,
    quiet: bool,
}

impl<'a> Prover<'a> {
    /// A prover that works under a spec's lock. Its checkout is made only when a proof needs it.
    pub fn new(engine: &'a Engine, id: &'a SpecId, settings: &'a Settings, lock: &'a Lock) -> Self {
        let prefix = engine.project.prefix.clone();
        Self { engine, id, settings, lock, at: engine.project.proof_path(id), prefix, quiet: false }
    }

    /// The same checkout for the specs of another project in the repository, whose directory is `prefix`.
    pub(super) fn within(&self, prefix: &str) -> Self {
        let Self { engine, id, settings, lock, quiet, .. } = *self;
        Self { engine, id, settings, lock, at: self.at.clone(), prefix: prefix.to_owned(), quiet }
    }

    /// The same, of whose programs nobody hears.
    pub(super) fn quiet(self) -> Self {
        Self { quiet: true, ..self }
    }

    /// Proves a spec's criteria on the tree of a commit.
    ///
    /// # Errors
    /// Where the checkout cannot be made or a process not be started; red is no error.
    pub fn prove(&self, spec: &Spec, commit: Oid) -> Result<Evidence, Error> {
        let spoilt = if spec.has_commands() { self.checkout(commit)? } else { None };
        if spoilt.is_some() {
            return Ok(Evidence { spoilt, ..self.nothing_yet(spec, commit)? });
        }
        self.each(&self.prefix, spec, commit, &|criterion, command| self.run(criterion, command, commit))
    }

    /// Proves several specs at once in one checkout of a commit: the commands of one after the other, those of different
    /// specs side by side. Nothing where the set-up fails or tracked files are changed, for then it cannot be told whose
    /// doing it was, and nothing where no command is to be run: they are to be proven one by one.
    ///
    /// # Errors
    /// As [`Self::prove`].
    pub(super) fn side_by_side(&self, subjects: &[Subject], commit: Oid) -> Result<Vec<Evidence>, Error> {
        let nothing_to_run = !subjects.iter().any(|subject| subject.spec.has_commands());
        if nothing_to_run || self.checkout(commit)?.is_some() {
            return Ok(Vec::new());
        }
        let (project, repo) = (&self.engine.project, &self.engine.project.repo);
        let inside = Inside::enter(project, self.settings, &self.at, &[])?;
        let one = |subject: &Subject| {
            self.each(&subject.prefix, &subject.spec, commit, &|criterion, command| {
                let _turn = self.engine.handle.block_on(self.engine.beside.acquire());
                let errand = self.errand(command, self.at.join(&subject.prefix));
                let done = self.perform_in(&inside, errand, self.settings.timeout.value)?;
                Ok(outcome(criterion, command, done))
            })
        };
        let found: Vec<Result<Evidence, Error>> = std::thread::scope(|scope| {
            let threads: Vec<_> = subjects.iter().map(|subject| scope.spawn(move || one(subject))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(broke_off()))).collect()
        });
        inside.dismiss(project)?;
        let found = found.into_iter().collect::<Result<Vec<Evidence>, Error>>()?;
        if !repo.tracked_unchanged(&self.at)? {
            repo.repoint(&self.at, commit, &self.settings.worktree_keep.value)?;
            return Ok(Vec::new());
        }
        Ok(found)
    }

    fn nothing_yet(&self, spec: &Spec, commit: Oid) -> Result<Evidence, Error> {
        let repo = &self.engine.project.repo;
        let mut evidence = Evidence::empty(repo.tree(commit)?);
        evidence.spec = Some(repo.blob_id(spec.render().as_bytes())?);
        Ok(evidence)
    }

    /// The evidence of a spec of the project in `prefix`; `run` says what a command proves.
    fn each(
        &self,
        prefix: &str,
        spec: &Spec,
        commit: Oid,
        run: &dyn Fn(&Criterion, &str) -> Result<Proof, Error>,
    ) -> Result<Evidence, Error> {
        let mut evidence = self.nothing_yet(spec, commit)?;
        let ticks = Ticks::read(self.engine, prefix, spec, commit)?;
        for criterion in &spec.criteria {
            evidence.proofs.push(match &criterion.command {
                Some(command) => run(criterion, command)?,
                None => ticks.proof(criterion),
            });
        }
        Ok(evidence)
    }

    /// The project's directory, relative to the repository's top.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The project's directory in the checkout.
    pub fn dir(&self) -> PathBuf {
        self.at.join(&self.prefix)
    }

    /// The checkout itself.
    pub fn at(&self) -> &Path {
        &self.at
    }

    /// Brings the checkout to a commit and sets it up; what went wrong with the set-up is given back.
    ///
    /// # Errors
    /// Where Git cannot check it out.
    pub fn checkout(&self, commit: Oid) -> Result<Option<String>, Error> {
        let repo = &self.engine.project.repo;
        let keep = &self.settings.worktree_keep.value;
        if repo.is_worktree(&self.at)? {
            repo.repoint(&self.at, commit, keep)?;
        } else {
            super::tidy::worktrees_dir(&self.engine.project)?;
            super::tidy::make_room(self.engine, self.id, &self.at)?;
            repo.add_worktree(&self.at, Checkout::Detached(commit))?;
        }
        let Some(setup) = &self.settings.worktree_setup.value else { return Ok(None) };
        let done = self.perform(jobs::setup(&self.engine.project, self.settings, setup, &self.at), &[])?;
        Ok(jobs::failure(&done).map(|what| format!("the set-up `{setup}` {what} in the checkout for the proofs")))
    }

    fn run(&self, criterion: &Criterion, command: &str, commit: Oid) -> Result<Proof, Error> {
        let (done, unchanged) = self.command(command, commit, self.settings.timeout.value)?;
        let mut proof = outcome(criterion, command, done);
        if !unchanged {
            proof.remark = Some(format!("`{command}` changes tracked files"));
            proof.verdict = super::Verdict::Unmet;
        }
        Ok(proof)
    }

    fn errand(&self, command: &str, dir: PathBuf) -> Errand {
        let mut errand = jobs::shell(&self.engine.project, self.settings, command, dir);
        // A proof that asks Git is to be told what is in the commit.
        errand.env.push(("GIT_NO_REPLACE_OBJECTS".into(), "1".into()));
        errand
    }

    /// Runs one command in the checkout of a commit; gives whether the tracked files are as they were. Where they are
    /// not, they are put back for the next.
    pub(super) fn command(&self, command: &str, commit: Oid, limit: Duration) -> Result<(Performed, bool), Error> {
        let repo = &self.engine.project.repo;
        let done = self.within_time(self.errand(command, self.dir()), &[], limit)?;
        let unchanged = repo.tracked_unchanged(&self.at)?;
        if !unchanged {
            repo.repoint(&self.at, commit, &self.settings.worktree_keep.value)?;
        }
        Ok((done, unchanged))
    }

    /// Runs one program in the checkout, under the settings' time limit. It may write there, in a temporary directory of
    /// its own, in what the settings name, and in `more`; Git's commands that write work in a cell that goes with it.
    ///
    /// # Errors
    /// Where it could not be started; an interruption.
    pub(super) fn perform(&self, errand: Errand, more: &[PathBuf]) -> Result<Performed, Error> {
        self.within_time(errand, more, self.settings.timeout.value)
    }

    fn within_time(&self, errand: Errand, more: &[PathBuf], timeout: Duration) -> Result<Performed, Error> {
        let project = &self.engine.project;
        let inside = Inside::enter(project, self.settings, &self.at, more)?;
        let done = self.perform_in(&inside, errand, timeout);
        inside.dismiss(project)?;
        done
    }

    fn perform_in(&self, inside: &Inside, mut errand: Errand, timeout: Duration) -> Result<Performed, Error> {
        inside.dress(&mut errand);
        let cage = inside.cage();
        let watch =
            Watch { id: self.id, lock: self.lock, timeout, transcript: None, cage, quiet: self.quiet, lost: None };
        let done = self.engine.perform(vec![errand], &watch)?;
        if matches!(done.how, How::Stopped) || self.engine.stopped() {
            return Err(Error::Interrupted);
        }
        Ok(done)
    }
}

/// A spec of some project in the repository, and that project's directory.
pub(super) struct Subject {
    pub qualified: Qualified,
    pub spec: Spec,
    pub prefix: String,
}

/// What a command that has run proves.
fn outcome(criterion: &Criterion, command: &str, done: Performed) -> Proof {
    let (exit, remark) = match &done.how {
        How::Exited(code) => {
            (Some(*code), done.refused.as_ref().map(|what| format!("`{command}` exits {code}; {what}")))
        }
        _ => (None, jobs::failure(&done)),
    };
    Proof::by_command(&criterion.text, command, exit, remark, done.tail, done.duration)
}

fn broke_off() -> Error {
    Error::System { what: "a proof broke off".to_owned(), source: std::io::Error::other("its thread ended") }
}

/// The file of a spec of the project in `prefix`.
pub(super) fn spec_path(prefix: &str, id: &SpecId) -> String {
    format!("{prefix}{}/{id}.md", crate::project::SPECS)
}

/// Which boxes of a spec are ticked in a commit. A box proves nothing about a criterion with a command.
struct Ticks(Vec<String>);

impl Ticks {
    fn read(engine: &Engine, prefix: &str, spec: &Spec, commit: Oid) -> Result<Self, Error> {
        let project = &engine.project;
        let path = spec_path(prefix, &spec.id);
        let Some(bytes) = project.repo.read(commit, &path)? else { return Ok(Self(Vec::new())) };
        let there = crate::spec::parse(&spec.id, &path, &bytes).spec;
        let ticked = there.into_iter().flat_map(|spec| spec.criteria).filter(|criterion| criterion.ticked);
        Ok(Self(ticked.map(|criterion| criterion.text).collect()))
    }

    fn proof(&self, criterion: &Criterion) -> Proof {
        Proof::by_box(&criterion.text, self.0.contains(&criterion.text))
    }
}
