//! commit-msg: what a message says to the ledger has to be true, and a person's completion is proven before it stands.

use std::path::Path;

use super::message::{cleaned, may_speak, written};
use super::prepare::{add, comment, is_true};
use super::{Call, Said, is_worked};
use crate::git::Repo;
use crate::ledger::block::key;
use crate::ledger::{self, Block, Oid, Reading, Transition};
use crate::ops::Error;
use crate::project::{self, Look, Project};
use crate::run::{self, Engine, Prover, Request, Verdict};
use crate::spec::{Qualified, SpecId};

/// Whether the message may hold anything of chant's.
pub(super) fn speaks(cwd: &Path, args: &[String]) -> bool {
    let text = args.first().and_then(|file| std::fs::read(cwd.join(file)).ok());
    text.is_none_or(|text| may_speak(&text))
}

pub(super) fn run(call: &Call) -> Result<Said, Error> {
    let file = call.file(0)?;
    let text = std::fs::read(&file).map_err(Error::file(format!("read {}", file.display())))?;
    let message = cleaned(&text, &comment(call));
    if call.replays() {
        return Ok(Said::new());
    }
    let block = match ledger::read(&message) {
        Reading::Nothing => return unspoken(call, &message).map(|()| Said::new()),
        Reading::Malformed { problems, .. } => {
            return Err(refused(
                format!("the trailers of this commit cannot be read: {}", problems.join("; ")),
                "put them right, or take them out",
            ));
        }
        Reading::Block(block) => block,
    };
    if says_only_spec(&block) {
        not_empty(call, &message)?;
        unspoken(call, &message)?;
    }
    if said_before(call, &block)? {
        return Ok(Said::new());
    }
    if let Some((key, _)) = block.unknown.first() {
        return Err(refused(format!("`{key}` is no key of chant's"), "docs: reference/trailers"));
    }
    let here = call.spec()?;
    if let Some((project, id)) = &here
        && !says_only_spec(&block)
        && is_worked(project, id)
    {
        return Err(refused(
            format!("{id} is being worked, and its run alone says what becomes of it"),
            format!("wait for it: `chant log -f {id}`"),
        ));
    }
    let name = known(call, &block, here.as_ref())?;
    if !block.landings.is_empty() {
        landings(call, &block)?;
    }
    if block.approval.is_some() {
        let id = name.map(|name| name.id.to_string()).unwrap_or_else(|| "<id>".to_owned());
        return Err(refused(
            "a decision is not written by hand".to_owned(),
            format!("`chant approve {id}`, or `chant reject {id} --reason \"…\"`"),
        ));
    }
    match (block.status, &here) {
        (Some(status), Some((project, id))) => event(call, &file, project, id, status, &block),
        (Some(status), None) => Err(refused(
            format!("`Chant-Status: {}` stands on a spec's own branch, and this is none", status.as_str()),
            "`git switch chant/<id>`, or leave the trailer out",
        )),
        (None, _) if lone_detail(&block) => Err(refused(
            "these trailers belong to an event, and there is no `Chant-Status`".to_owned(),
            "leave them out; `Chant-Spec` alone says which spec a commit is of",
        )),
        (None, _) => Ok(Said::new()),
    }
}

/// An amended message, or the one with which an engine has made a landing and now asks the hooks.
fn said_before(call: &Call, block: &Block) -> Result<bool, Error> {
    let Some(head) = call.head()? else { return Ok(false) };
    if ledger::read(&call.repo.message(head)?) != Reading::Block(block.clone()) {
        return Ok(false);
    }
    if block.status.is_some() && super::changes_nothing(&call.repo, head)? {
        nothing_staged(call, head)?;
    }
    Ok(true)
}

/// Where nobody wrote a message Git stops; the line that a hook has added must not change that.
fn not_empty(call: &Call, message: &[u8]) -> Result<(), Error> {
    let text = written(message);
    if text.is_empty() {
        return Err(refused("the commit message is empty".to_owned(), "say in a line what the commit changes"));
    }
    if call.repo.config("commit.template").is_none() {
        return Ok(());
    }
    let file = call.repo.git(call.top(), &["config", "--type=path", "--get", "commit.template"]).check();
    let template = file.ok().and_then(|file| std::fs::read(call.top().join(file.text())).ok()).unwrap_or_default();
    match written(&cleaned(&template, &comment(call))) == text {
        true => Err(refused("the message is the template as it was".to_owned(), "say what the commit changes")),
        false => Ok(()),
    }
}

/// On a spec's branch a key of an event that is no trailer would be taken for a forged one when the work is to land. What Git
/// itself quotes in the message of a squash is not meant.
fn unspoken(call: &Call, message: &[u8]) -> Result<(), Error> {
    let Some(key) = ledger::mentions(message).into_iter().find(|key| !ledger::names_spec(key)) else { return Ok(()) };
    let git_dir = call.repo.git_dir();
    let quotes = git_dir.join("MERGE_HEAD").exists() || git_dir.join("SQUASH_MSG").exists();
    match call.spec()?.filter(|_| !quotes) {
        Some((_, id)) => Err(refused(
            format!(
                "`{key}:` stands in the text of this message, and not among its trailers: {id} could not land with it"
            ),
            "an event is a trailer in the last paragraph (`git commit --trailer`); to speak of a key, leave out its colon",
        )),
        None => Ok(()),
    }
}

fn nothing_staged(call: &Call, head: Oid) -> Result<(), Error> {
    match call.repo.staged_is(call.index.as_deref(), head)? {
        true => Ok(()),
        false => Err(refused(
            "an event changes no file, and there is something staged".to_owned(),
            "commit the work first, then say what became of it: `git commit --allow-empty --trailer …`",
        )),
    }
}

fn refused(message: String, help: impl Into<String>) -> Error {
    Error::usage(message, help)
}

fn says_only_spec(block: &Block) -> bool {
    *block == Block { spec: block.spec.clone(), assisted_by: block.assisted_by.clone(), ..Block::default() }
}

/// Details of an event that stand alone.
fn lone_detail(block: &Block) -> bool {
    let Block { attempt, run, agent, target, criteria, reason, cost, tokens, duration, disowned, .. } = block;
    let texts = [run, agent, target, reason, cost, tokens, duration];
    attempt.is_some() || criteria.is_some() || !disowned.is_empty() || texts.iter().any(|text| text.is_some())
}

/// The spec that the block names has to exist, and on a spec's own branch be that one.
fn known(call: &Call, block: &Block, here: Option<&(Project, SpecId)>) -> Result<Option<Qualified>, Error> {
    let own = here.map(|(project, id)| project.qualify(id));
    let Some(name) = block.spec.clone() else { return Ok(own) };
    if let Some(own) = own {
        return match own == name || !block.landings.is_empty() {
            true => Ok(Some(name)),
            false => Err(refused(
                format!("this is the branch of {own}, and the commit says that it is of {name}"),
                "put the id right, or take the trailer out",
            )),
        };
    }
    let projects = call.projects()?;
    let in_project = projects.iter().find(|project| project.name == name.project);
    let exists = match in_project {
        Some(project) => project::load_worktree(project)?.set.get(&name.id).is_some(),
        None => false,
    };
    // Where there is no project at all, nothing is known of any spec.
    if exists || projects.is_empty() {
        return Ok(Some(name));
    }
    Err(refused(format!("there is no spec {name}"), "`chant list` shows every spec"))
}

/// A landing is made by a merge or a squash, and names what was completed.
fn landings(call: &Call, block: &Block) -> Result<(), Error> {
    let git_dir = call.repo.git_dir();
    if !git_dir.join("MERGE_HEAD").exists() && !git_dir.join("SQUASH_MSG").exists() {
        return Err(refused(
            "`Chant-Landing` stands on a merge or a squash, and this is neither".to_owned(),
            "leave it out; `git merge` of a spec's branch writes it",
        ));
    }
    for project in call.projects()? {
        let look = project::look(&project)?;
        let ours = block.landings.iter().filter(|landing| landing.spec.project == project.name);
        if let Some(landing) = ours.into_iter().find(|landing| !is_true(&look, landing)) {
            return Err(refused(
                format!("{} does not complete attempt {} of {}", landing.commit.short(), landing.attempt, landing.spec),
                format!("`chant why {}` says what does", landing.spec.id),
            ));
        }
    }
    Ok(())
}

/// An event that a person adds to a spec's branch: it has to be possible, changes no file, and a completion is proven.
fn event(
    call: &Call,
    file: &Path,
    project: &Project,
    id: &SpecId,
    status: Transition,
    block: &Block,
) -> Result<Said, Error> {
    run::ensure_writable(project)?;
    let head = call.head()?.ok_or_else(|| refused("there is no commit yet".to_owned(), "commit the spec first"))?;
    nothing_staged(call, head)?;
    let name = project.qualify(id);
    if call.repo.head()?.branch().is_none() {
        let branch = name.branch();
        return Err(refused(
            format!("HEAD is on no branch, and what becomes of {id} is said on {branch}"),
            format!("`git switch {branch} && git merge --ff-only {}`, then say it again", head.short()),
        ));
    }
    let look = project::look(project)?;
    let record = look.ledger.record(&name);
    let attempt =
        ledger::follows(record, status).map_err(|why| refused(format!("{id} {why}"), format!("`chant why {id}`")))?;
    if block.attempt.is_some_and(|said| said != attempt) {
        let said = block.attempt.unwrap_or_default();
        return Err(refused(format!("this is attempt {attempt} of {id}, not {said}"), "leave `Chant-Attempt` out"));
    }
    let mut full = vec![ledger::spec_line(&name), format!("{}: {attempt}", key::ATTEMPT)];
    let mut said = Said::new();
    match status {
        Transition::InProgress => {
            let target = match record.and_then(|record| record.last_start.as_ref()?.block.target.clone()) {
                Some(target) => target,
                None => target(call, project, &look, id)?,
            };
            let run = project.new_run()?;
            full.push(format!("{}: {run}", key::RUN));
            full.push(format!("{}: person", key::AGENT));
            full.push(format!("{}: {target}", key::TARGET));
        }
        Transition::Completed => {
            let (tally, words) = prove(call, project, &look, id, head)?;
            full.push(format!("{}: {tally}", key::CRITERIA));
            said.push(words);
        }
        _ => {}
    }
    add(call, file, &full)?;
    Ok(said)
}

/// Where HEAD is on a spec's own branch it names no target. Then the main worktree's does, or the branch from which this
/// one was switched to.
fn target(call: &Call, project: &Project, look: &Look, id: &SpecId) -> Result<String, Error> {
    let unnamed = match run::target_of(project, look, id, None) {
        Ok(target) => return Ok(target),
        Err(error) => error,
    };
    let elsewhere = call.repo.main_workdir().and_then(|top| Repo::open(&top, &call.env.vars).ok());
    let head = elsewhere.and_then(|repo| repo.head().ok()?.branch().map(str::to_owned));
    let before = || {
        let said = call.repo.git(call.top(), &["rev-parse", "--abbrev-ref", "@{-1}"]).check().ok()?;
        Some(said.text())
    };
    let is_place = |name: &String| !name.is_empty() && name != "HEAD" && Qualified::from_branch(name).is_none();
    head.filter(is_place).or_else(|| before().filter(is_place)).ok_or_else(|| unnamed.into())
}

/// Proves a spec on a commit; what is unmet is the refusal.
fn prove(call: &Call, project: &Project, look: &Look, id: &SpecId, head: Oid) -> Result<(String, String), Error> {
    let record = look.ledger.record(&project.qualify(id));
    let named = record.and_then(|record| record.last_start.as_ref()?.block.target.clone());
    let target = named.map_or_else(|| target(call, project, look, id), Ok)?;
    let repo = &project.repo;
    let onto = repo.tip(&format!("refs/heads/{target}"))?;
    let base = onto.map(|onto| repo.merge_base(onto, head)).transpose()?.flatten().unwrap_or(head);
    let spec = run::spec_in(project, id, base)?;
    let settings = project.settings_at(base, &Default::default())?;
    let lock = run::hold(project, id)?;
    let request = Request::default();
    let (engine, _runtime) = Engine::alone(project.clone(), request, std::sync::Arc::clone(&call.reporter))?;
    let found = Prover::new(&engine, id, &settings, &lock).prove(&spec, head)?;
    run::discard_proof(project, id)?;
    if !found.holds() {
        let mut message = format!("{id} is not completed: {}", found.complaint());
        for proof in found.proofs.iter().filter(|proof| proof.verdict == Verdict::Unmet) {
            for line in proof.tail.lines().rev().take(10).collect::<Vec<_>>().into_iter().rev() {
                message.push_str(&format!("\n  | {line}"));
            }
        }
        return Err(refused(message, "go on, commit, and say it again"));
    }
    let tally = found.tally().to_string();
    Ok((tally.clone(), format!("{id}: {tally}")))
}
