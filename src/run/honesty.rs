//! What an agent must not have done, found out from Git alone: nothing it says can become state (DESIGN.md,
//! section 4).
//!
//! Without a sandbox this is detection: the agent could write anywhere. What it forged is named, disowned in the
//! history, and never landed.

use std::collections::{BTreeMap, BTreeSet};

use super::events::is_made_here;
use super::model::{Claim, Finished};
use super::settings::Files;
use super::{Engine, Error};
use crate::git::{Expect, Moved, NOTES, RefMove, Repo};
use crate::ledger::{self, Oid, Record};
use crate::spec::Qualified;

/// All refs and settings as they were before somebody else's programs began: an agent, proofs, hooks.
pub(super) struct Before {
    refs: Option<BTreeMap<String, Oid>>,
    settings: Option<Files>,
}

impl Before {
    pub(super) fn look(engine: &Engine, claim: &Claim) -> Result<Self, Error> {
        let settings = Files::read(&engine.project.repo);
        let mut refs: BTreeMap<String, Oid> = engine.project.repo.refs("refs/")?.into_iter().collect();
        if claim.ended.is_some() {
            // The agent ran before an interruption: what it did to other refs cannot be told any more from here.
            refs.insert(claim.qualified.full_ref(), claim.first_start);
        }
        Ok(Self { refs: Some(refs), settings: Some(settings) })
    }

    /// As everything is now, before programs are run for another reason than an attempt's work.
    pub(super) fn now(engine: &Engine) -> Result<Self, Error> {
        let repo = &engine.project.repo;
        Ok(Self { refs: Some(repo.refs("refs/")?.into_iter().collect()), settings: Some(Files::read(repo)) })
    }

    /// Where nothing is to be compared.
    pub(super) fn none() -> Self {
        Self { refs: None, settings: None }
    }
}

/// The commits that engines of this machine made, as their locks' journals remember them; read when first asked, for
/// most attempts hold nothing that needs an answer.
struct Journals<'a> {
    repo: &'a Repo,
    made: Option<BTreeSet<Oid>>,
}

impl<'a> Journals<'a> {
    fn unread(repo: &'a Repo) -> Self {
        Self { repo, made: None }
    }

    fn tell_of(&mut self, commit: Oid) -> bool {
        is_made_here(commit) || self.made.get_or_insert_with(|| made(self.repo)).contains(&commit)
    }
}

fn made(repo: &Repo) -> BTreeSet<Oid> {
    let dir = repo.common_dir().join("chant/locks");
    let mut made = BTreeSet::new();
    let Ok(entries) = std::fs::read_dir(dir) else { return made };
    for entry in entries.flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        made.extend(text.lines().filter_map(|line| line.strip_prefix("made ")).filter_map(|id| id.parse::<Oid>().ok()));
    }
    made
}

/// Why an attempt cannot be believed, once its agent has ended; `None` where nothing speaks against it.
pub(super) fn after(engine: &Engine, claim: &Claim, before: &Before) -> Result<Option<String>, Error> {
    let repo = &engine.project.repo;
    let Some(tip) = repo.tip(&claim.qualified.full_ref())? else {
        return Ok(Some("it deleted its own branch".to_owned()));
    };
    if !repo.is_ancestor(claim.start, tip)? {
        return Ok(Some(
            "it rewrote the history of its branch: the start of the attempt is no longer in it".to_owned(),
        ));
    }
    let onto = repo.tip(&format!("refs/heads/{}", claim.target))?;
    let mut hidden = vec![claim.base];
    hidden.extend(onto);
    let span = Span { qualified: &claim.qualified, tip, hidden, floor: claim.first_start };
    if let Some(complaint) = span.complaint(engine)? {
        return Ok(Some(complaint));
    }
    if let Some(onto) = onto
        && repo.is_ancestor(claim.start, onto)?
    {
        return Ok(Some(format!(
            "during its run {} came to hold its unfinished work, and no engine put it there: look at `git log {0}`",
            claim.target
        )));
    }
    meanwhile(engine, before)
}

/// What programs did to the repository that they must not, since `before`: changed settings, and events that no engine
/// made.
pub(super) fn meanwhile(engine: &Engine, before: &Before) -> Result<Option<String>, Error> {
    let repo = &engine.project.repo;
    let changed = before.settings.as_ref().map(|files| files.changed(repo)).transpose()?.unwrap_or_default();
    if !changed.is_empty() {
        return Ok(Some(format!(
            "during its run the repository's own settings were changed ({}): look at them with `git config --list \
             --show-origin`, and put right what is not yours",
            changed.join(", ")
        )));
    }
    match foreign(engine, before)?.first() {
        Some(commit) => Ok(Some(format!("during its run {} appeared, and no engine made it", name(repo, *commit)?))),
        None => Ok(None),
    }
}

/// Makes refs hold their own again that the agent made another name for another: its branch, its target, the notes. At
/// what they lead to where that follows what they were, else at what they were. Says what was wrong.
pub(super) fn untangle(engine: &Engine, claim: &Claim, before: &Before) -> Result<Option<String>, Error> {
    let repo = &engine.project.repo;
    let mut wrong = Vec::new();
    let target = format!("refs/heads/{}", claim.target);
    for name in [claim.qualified.full_ref(), target.clone(), NOTES.to_owned()] {
        let Some(other) = repo.symbolic(&name)? else { continue };
        let was = before.refs.as_ref().and_then(|refs| refs.get(&name).copied());
        if name == target && !other.starts_with("refs/heads/chant/") {
            continue; // The user's own way to have two names for a branch.
        }
        let tip = repo.tip(&name)?;
        let keep = match was {
            Some(was) if name == claim.qualified.full_ref() => {
                let follows = tip.map(|tip| repo.is_ancestor(was, tip)).transpose()?.unwrap_or_default();
                Some(tip.filter(|_| follows).unwrap_or(was))
            }
            was => was,
        };
        match keep {
            Some(keep) => repo.make_direct(&name, keep)?,
            None => repo.drop_symbolic(&name)?,
        }
        wrong.push(format!("it made {} another name for {other}", name.trim_start_matches("refs/heads/")));
    }
    Ok((!wrong.is_empty()).then(|| wrong.join("; ")))
}

/// Puts back what other refs of ours were before the run, where nobody but an engine should have moved them and one
/// never would have: so that an old tip is in no ref any more, or that a forged event is at its end. What stood there
/// instead is kept as a safety copy. Gives the names of what was put back.
pub(super) fn put_back(engine: &Engine, claim: &Claim, before: &Before) -> Result<Vec<String>, Error> {
    let repo = &engine.project.repo;
    let Some(old) = &before.refs else { return Ok(Vec::new()) };
    let ours = |name: &str| {
        ["refs/heads/chant/", "refs/chant/attempts/", "refs/chant/landed/", "refs/chant/backup/"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
            && name != claim.qualified.full_ref()
    };
    let now: BTreeMap<String, Oid> = repo.refs("refs/")?.into_iter().collect();
    let names: BTreeSet<&String> = old.keys().chain(now.keys()).filter(|name| ours(name)).collect();
    let tips: Vec<Oid> = now.values().copied().collect();
    let known: Vec<Oid> = old.values().copied().collect();
    // Found out when first asked: most of what has moved meanwhile has landed.
    let mut forged: Option<Vec<Oid>> = None;
    let mut back = Vec::new();
    for name in names {
        let (was, is) = (old.get(name).copied(), now.get(name).copied());
        if repo.symbolic(name)?.is_some()
            && let Some(keep) = was.or(is)
        {
            repo.make_direct(name, keep)?;
            back.push(name.clone());
        }
        let is = repo.tip(name)?.or(is);
        if was == is {
            continue;
        }
        let lost = was.map(|was| repo.commits(&[was], &tips)).transpose()?.is_some_and(|lost| !lost.is_empty());
        let bad = is.map(|is| repo.commits(&[is], &known)).transpose()?.unwrap_or_default();
        if !lost && bad.is_empty() {
            continue;
        }
        if !lost {
            let forged = match &mut forged {
                Some(forged) => forged,
                none => none.insert(unknown(repo, old, &now)?),
            };
            if !bad.iter().any(|commit| forged.contains(commit)) {
                continue;
            }
        }
        let mut moves = vec![RefMove { name: name.clone(), from: is.map_or(Expect::Absent, Expect::At), to: was }];
        if let Some(is) = is {
            let spec = name.trim_start_matches("refs/heads/chant/").trim_start_matches("refs/chant/");
            let copy = format!("refs/chant/backup/{spec}/forged-{}", is.short());
            if repo.tip(&copy)?.is_none() {
                moves.push(RefMove { name: copy, from: Expect::Absent, to: Some(is) });
            }
        }
        if repo.move_refs(&moves, "put back what a run had moved")? == Moved::Done {
            back.push(name.clone());
        }
    }
    Ok(back)
}

fn name(repo: &Repo, commit: Oid) -> Result<String, Error> {
    let message = repo.message(commit)?;
    let subject =
        String::from_utf8_lossy(&message).lines().next().unwrap_or_default().chars().take(60).collect::<String>();
    Ok(format!("commit {} ({})", commit.short(), subject.escape_debug()))
}

/// Events and landings that came into this repository since `before` and that no engine made.
pub(super) fn foreign(engine: &Engine, before: &Before) -> Result<Vec<Oid>, Error> {
    let repo = &engine.project.repo;
    let Some(old) = &before.refs else { return Ok(Vec::new()) };
    let now: BTreeMap<String, Oid> = repo.refs("refs/")?.into_iter().collect();
    unknown(repo, old, &now)
}

/// The same, of all refs as they were and as they are.
fn unknown(repo: &Repo, old: &BTreeMap<String, Oid>, now: &BTreeMap<String, Oid>) -> Result<Vec<Oid>, Error> {
    let is_remote = |name: &str| name.starts_with("refs/remotes/");
    let local = |name: &str| !is_remote(name) && !name.starts_with("refs/notes/");
    let moved = now.iter().filter(|(name, tip)| local(name) && old.get(*name) != Some(*tip));
    let moved: Vec<Oid> = moved.map(|(_, tip)| *tip).collect();
    if moved.is_empty() {
        return Ok(Vec::new());
    }
    let mut known: Vec<Oid> = old.values().copied().collect();
    known.extend(now.iter().filter(|(name, _)| is_remote(name)).map(|(_, tip)| *tip));
    known.sort();
    known.dedup();
    let mut journals = Journals::unread(repo);
    let mut found = Vec::new();
    for commit in repo.commits(&moved, &known)? {
        if speaks(&repo.message(commit)?) && !journals.tell_of(commit) {
            found.push(commit);
        }
    }
    Ok(found)
}

/// Whether a message says anything to the ledger beyond which spec a commit belongs to.
fn speaks(message: &[u8]) -> bool {
    ledger::mentions(message).iter().any(|key| !ledger::names_spec(key))
}

/// The commits of an attempt, less what its target has anyway.
struct Span<'a> {
    qualified: &'a Qualified,
    tip: Oid,
    hidden: Vec<Oid>,
    /// Commits before this one are an earlier attempt's.
    floor: Oid,
}

impl Span<'_> {
    fn complaint(&self, engine: &Engine) -> Result<Option<String>, Error> {
        let repo = &engine.project.repo;
        let mut hidden = self.hidden.clone();
        hidden.push(self.floor);
        let commits = repo.commits(&[self.tip], &hidden)?;
        if let Some(complaint) = self.borrowed(engine, &commits)? {
            return Ok(Some(complaint));
        }
        self.first_forbidden(repo, &commits, &mut Journals::unread(repo))
    }

    fn first_forbidden(
        &self,
        repo: &Repo,
        commits: &[Oid],
        journals: &mut Journals<'_>,
    ) -> Result<Option<String>, Error> {
        for commit in commits {
            if let Some(complaint) = self.forbidden(repo, *commit)?
                && !journals.tell_of(*commit)
            {
                return Ok(Some(complaint));
            }
        }
        Ok(None)
    }

    /// A commit with any key of ours but its own `Chant-Spec`.
    fn forbidden(&self, repo: &Repo, commit: Oid) -> Result<Option<String>, Error> {
        let message = repo.message(commit)?;
        let said = ledger::mentions(&message);
        if said.is_empty() {
            return Ok(None);
        }
        let what = name(repo, commit)?;
        if let Some(key) = said.iter().find(|key| !ledger::names_spec(key)) {
            return Ok(Some(format!("{what} bears {}, which only the engine writes", key.escape_debug())));
        }
        let spec = match ledger::read(&message) {
            ledger::Reading::Block(block) | ledger::Reading::Malformed { block, .. } => block.spec,
            ledger::Reading::Nothing => None,
        };
        if spec.is_some_and(|spec| spec != *self.qualified) {
            return Ok(Some(format!("{what} bears the id of another spec")));
        }
        Ok(None)
    }

    /// Commits that are another spec's work, not yet in the target.
    fn borrowed(&self, engine: &Engine, commits: &[Oid]) -> Result<Option<String>, Error> {
        let repo = &engine.project.repo;
        let own = self.qualified.full_ref();
        for (name, tip) in repo.refs("refs/heads/chant/")? {
            if name == own || self.hidden.contains(&tip) {
                continue;
            }
            let theirs: BTreeSet<Oid> = repo.commits(&[tip], &self.hidden)?.into_iter().collect();
            if let Some(commit) = commits.iter().find(|commit| theirs.contains(commit)) {
                let short = name.trim_start_matches("refs/heads/");
                return Ok(Some(format!(
                    "{} is unreviewed work of {short}, and not in the target",
                    self::name(repo, *commit)?
                )));
            }
        }
        Ok(None)
    }
}

/// Why an earlier attempt's work cannot be built on; `None` where it can.
pub(super) fn kept(
    engine: &Engine,
    qualified: &Qualified,
    record: Option<&Record>,
    old: Oid,
    base: Oid,
) -> Result<Option<String>, Error> {
    let repo = &engine.project.repo;
    let events: BTreeSet<Oid> = record.iter().flat_map(|record| &record.entries).map(|entry| entry.commit).collect();
    let span = Span { qualified, tip: old, hidden: vec![base], floor: base };
    let commits = repo.commits(&[old], &[base])?;
    let work: Vec<Oid> = commits.iter().copied().filter(|commit| !events.contains(commit)).collect();
    if let Some(complaint) = span.first_forbidden(repo, &work, &mut Journals::unread(repo))? {
        return Ok(Some(complaint));
    }
    span.borrowed(engine, &commits)
}

/// The same questions before a completed attempt of an earlier call is landed.
pub(super) fn before_merge(engine: &Engine, finished: &Finished) -> Result<(), Error> {
    let repo = &engine.project.repo;
    let look = crate::project::look(&engine.project)?;
    let record = look.ledger.record(&finished.qualified);
    if look.set.get(&finished.id).is_some_and(crate::spec::Spec::is_driver) {
        return Ok(());
    }
    let onto = repo.tip(&format!("refs/heads/{}", finished.target))?.unwrap_or(finished.base);
    match kept(engine, &finished.qualified, record, finished.commit, onto)? {
        None => Ok(()),
        Some(complaint) => Err(Error::refused(
            format!("{} cannot be landed: {complaint}", finished.id),
            format!("`chant work {} --fresh` starts over and keeps the old tip", finished.id),
        )),
    }
}
