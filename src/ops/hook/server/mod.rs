//! pre-receive and update: the policy of a server, judged before anything of a push is let in.
//!
//! Both judge by one function. `pre-receive` sees the whole push and lets all of it in or nothing; `update` is shown one
//! ref at a time, for hosts that run nothing else. What counts is what the target said before the push and what Git's
//! configuration on the server says (`settings`), never what the push brings. The way through the folder: `homes` reads
//! the words of commits, `judge`, `refs` and `landing` are the rules as plain data in and refusals out, `prove` has
//! completions proven again, and this file gathers what they want to know. `start` is post-receive.

mod homes;
mod judge;
mod landing;
mod prove;
mod refs;
pub mod settings;
pub mod start;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use homes::Homes;
use judge::{Facts, Refusal, Told};
use refs::{Moves, Update};
use settings::{Completions, Settings};
use words::Words;

use crate::env::Env;
use crate::git::{NOTES, Repo, Shutting};
use crate::ledger::{self, History, Ledger, Oid, Reading, Signed, Transition, View};
use crate::ops::Error;
use crate::spec::Qualified;

/// The hooks of a server.
pub const NAMES: [&str; 3] = ["pre-receive", "update", "post-receive"];
/// So many problems of a push are told.
const MOST: usize = 20;

/// What a hook of the server has to say, and whether the push is let in.
pub struct Verdict {
    /// Lines for the person who pushes.
    pub said: Vec<String>,
    /// Whether it is refused.
    pub refused: bool,
}

/// Carries out one hook of a server.
///
/// # Errors
/// Where the push cannot be judged; then it is refused as well.
pub fn receive(env: &Arc<Env>, name: &str, args: &[String], stdin: impl FnOnce() -> Vec<u8>) -> Result<Verdict, Error> {
    if name == "post-receive" {
        return Ok(Verdict { said: start::run(env, &parse(&stdin()))?, refused: false });
    }
    let repo = Repo::receiving(&env.cwd, &env.vars)?;
    // Filters of the server's settings read and write what was pushed; a variable may be the pusher's, and says nothing.
    let off = repo.config("chant.sandbox").is_some_and(|said| ["off", "false"].contains(&said.as_str()));
    repo.shut_in((!off).then(|| Shutting { program: env.program.clone(), ..Shutting::default() }));
    let updates = match (name, args) {
        ("update", [name, old, new]) => vec![update(name, old, new)],
        ("update", _) => return Err(Error::usage("Git gives this hook a ref and two objects", "see githooks(5)")),
        _ => parse(&stdin()),
    };
    let refusals =
        Push { repo: &repo, env, updates, whole: name != "update", settings: Settings::read(&repo) }.judge()?;
    Ok(Verdict { refused: !refusals.is_empty(), said: told(&refusals) })
}

/// The refs of a push, as Git gives them: old, new, name.
fn parse(stdin: &[u8]) -> Vec<Update> {
    let text = String::from_utf8_lossy(stdin);
    let words = text.lines().filter_map(|line| {
        let mut words = line.splitn(3, ' ');
        Some((words.next()?, words.next()?, words.next()?))
    });
    words.map(|(old, new, name)| update(name, old, new)).collect()
}

fn update(name: &str, old: &str, new: &str) -> Update {
    let oid = |text: &str| text.parse::<Oid>().ok().filter(|oid| !oid.is_null());
    Update { name: name.to_owned(), old: oid(old), new: oid(new) }
}

/// What is said of the refusals: each with its commit or ref, the rule, and what to type.
fn told(refusals: &[Refusal]) -> Vec<String> {
    if refusals.is_empty() {
        return Vec::new();
    }
    let problems = if refusals.len() == 1 { "one problem".to_owned() } else { format!("{} problems", refusals.len()) };
    let mut said = vec![format!("this push is refused, {problems}:")];
    for Refusal { about, why, help } in refusals.iter().take(MOST) {
        said.extend([format!("{about}: {why}"), format!("  {help}")]);
    }
    if refusals.len() > MOST {
        said.push(format!("and {} more", refusals.len() - MOST));
    }
    said
}

struct Push<'a> {
    repo: &'a Repo,
    env: &'a Arc<Env>,
    updates: Vec<Update>,
    whole: bool,
    settings: Settings,
}

impl Push<'_> {
    fn judge(&self) -> Result<Vec<Refusal>, Error> {
        let before = self.refs_before()?;
        let known: Vec<Oid> = before.values().copied().collect();
        let mut tips = Vec::new();
        for update in self.updates.iter().filter(|update| update.is_read()) {
            tips.extend(update.new.map(|new| self.repo.peeled(new)).transpose()?.flatten());
        }
        tips.retain(|tip| !known.contains(tip));
        let arrivals = if tips.is_empty() { Vec::new() } else { self.repo.arrivals(&tips, &known)? };
        let ours = |update: &Update| {
            Qualified::from_branch(&update.name).is_some()
                || update.name.starts_with("refs/chant/")
                || update.name.starts_with("refs/remotes/")
                || update.name == NOTES
        };
        let speaks = arrivals.iter().any(|arrival| !ledger::mentions(&arrival.note.message).is_empty());
        // A squash may say nothing at all, and land a spec by its patch.
        let lands = self.settings.completions != Completions::Any
            && self.updates.iter().any(|update| update.branch().is_some_and(|branch| self.settings.protects(branch)))
            && before.keys().any(|name| Qualified::from_branch(name).is_some() || name.starts_with("refs/chant/"));
        if !speaks && !lands && !self.updates.iter().any(ours) {
            return Ok(Vec::new());
        }
        let after = self.refs_after(&before)?;
        let mut homes = Homes::new(self.repo);
        let words = Words::find(self.repo, &self.settings, &mut homes, &before, &after)?;
        if !words.any_project {
            return Ok(Vec::new());
        }
        if !self.settings.wrong.is_empty() {
            return Ok(self.unusable());
        }
        self.with_history(&before, &after, arrivals, &words, &mut homes)
    }

    /// A server that was told something it cannot use lets in nothing of chant's until somebody mends it.
    fn unusable(&self) -> Vec<Refusal> {
        let help = "the administrator of this server puts it right: `chant doctor` there".to_owned();
        let refusal = |why: &String| Refusal { about: "this server".to_owned(), why: why.clone(), help: help.clone() };
        self.settings.wrong.iter().map(refusal).collect()
    }

    fn with_history(
        &self,
        before: &BTreeMap<String, Oid>,
        after: &BTreeMap<String, Oid>,
        mut arrivals: Vec<crate::git::Arrival>,
        words: &Words,
        homes: &mut Homes,
    ) -> Result<Vec<Refusal>, Error> {
        let (history_before, names_before) = self.look(before, words)?;
        let (history_after, names) = self.look(after, words)?;
        // Dates that lie let a commit through that was there before.
        arrivals.retain(|arrival| !history_before.contains(&arrival.commit));
        let mut facts = Facts {
            told: arrivals
                .into_iter()
                .map(|one| Told { commit: one.commit, parents: one.parents.len(), note: one.note })
                .collect(),
            was: &self.fold(&history_before, &names_before)?,
            is: &self.fold(&history_after, &names)?,
            before: &history_before,
            after: &history_after,
            refs: after,
            names: &names,
            unknown: BTreeSet::new(),
            drivers: words.drivers.clone(),
            policies: words.policies.clone(),
            strict: words.strict.clone(),
            signed: BTreeMap::new(),
            pusher: self.settings.pusher(self.repo, &self.env.vars),
        };
        facts.unknown = self.unknown(&facts, words, before, after, homes)?;
        facts.signed = self.signed(&asked(&facts), words, before)?;
        let (leases, lost_notes) = (self.leases()?, self.lost_notes()?);
        let moves = Moves {
            updates: &self.updates,
            whole: self.whole,
            protects: &|branch| self.settings.protects(branch),
            leases: &leases,
            lost_notes: &lost_notes,
        };
        let mut refusals = refs::moves(&facts, &moves);
        refusals.extend(judge::judge(&facts));
        // Nothing that a push brings is run for one that is refused anyway.
        if refusals.is_empty() && self.settings.completions != Completions::Any {
            refusals.extend(self.completions(&facts, words, before, homes)?);
        }
        let mut told = BTreeSet::new();
        refusals.retain(|refusal| told.insert(refusal.clone()));
        Ok(refusals)
    }

    fn completions(
        &self,
        facts: &Facts,
        words: &Words,
        before: &BTreeMap<String, Oid>,
        homes: &mut Homes,
    ) -> Result<Vec<Refusal>, Error> {
        let protects = |branch: &str| self.settings.protects(branch);
        let head = settings::head_branch(self.repo);
        let held: Vec<Oid> = before
            .iter()
            .filter(|(name, _)| name.strip_prefix("refs/heads/").is_some_and(protects))
            .map(|(_, tip)| *tip)
            .collect();
        let brought = landing::brought(facts, &self.updates, &protects, &held, head.as_deref());
        if self.settings.completions == Completions::Prove {
            return prove::prove(self.repo, self.env, &self.settings.runner, &brought, homes);
        }
        let asked: Vec<Oid> = landing::to_be_signed(&brought).into_iter().collect();
        Ok(landing::unsigned(facts, &brought, &self.signed(&asked, words, before)?))
    }

    /// Whose signatures commits bear, by the keys that the target had before the push.
    fn signed(
        &self,
        commits: &[Oid],
        words: &Words,
        before: &BTreeMap<String, Oid>,
    ) -> Result<BTreeMap<Oid, Signed>, Error> {
        let target = words.head.as_ref().and_then(|head| before.get(&format!("refs/heads/{head}")).copied());
        let found = self.repo.signed(commits, &self.repo.signers(target)?)?;
        Ok(found.into_iter().map(|(commit, verdict)| (commit, verdict.signed)).collect())
    }

    /// The refs that are read for state, as they are.
    fn refs_before(&self) -> Result<BTreeMap<String, Oid>, Error> {
        let mut found = BTreeMap::new();
        for prefix in ["refs/heads/", "refs/chant/"] {
            found.extend(self.repo.refs(prefix)?.into_iter().filter(|(name, _)| refs::reads(name)));
        }
        Ok(found)
    }

    fn refs_after(&self, before: &BTreeMap<String, Oid>) -> Result<BTreeMap<String, Oid>, Error> {
        let mut after = before.clone();
        for update in self.updates.iter().filter(|update| update.is_read()) {
            match update.new.map(|new| self.repo.peeled(new)).transpose()?.flatten() {
                Some(new) => after.insert(update.name.clone(), new),
                None => after.remove(&update.name),
            };
        }
        Ok(after)
    }

    fn look(&self, refs: &BTreeMap<String, Oid>, words: &Words) -> Result<(Arc<History>, View), Error> {
        let tips: Vec<Oid> = refs.values().copied().collect();
        let heads = refs.iter().filter_map(|(name, tip)| Some((name.strip_prefix("refs/heads/")?, *tip)));
        let branches: BTreeMap<String, Vec<Oid>> = heads.map(|(name, tip)| (name.to_owned(), vec![tip])).collect();
        let head = words.head.as_ref().and_then(|head| refs.get(&format!("refs/heads/{head}")));
        let from = head.or(tips.first()).copied().unwrap_or_else(Oid::null);
        let shallow = self.repo.is_shallow();
        // What nobody signed is refused by itself where signatures are asked for.
        let view = View { from, branches, shallow, aliases: words.aliases.clone(), trust: ledger::Trust::Any };
        Ok((self.repo.history(&tips)?, view))
    }

    fn fold(&self, history: &History, view: &View) -> Result<Ledger, Error> {
        Ok(ledger::fold(history, view, |questions| self.repo.answer(questions))?.ledger)
    }

    /// Events of specs that neither their target has, nor the place where their work began, nor the push brings there.
    fn unknown(
        &self,
        facts: &Facts,
        words: &Words,
        before: &BTreeMap<String, Oid>,
        after: &BTreeMap<String, Oid>,
        homes: &mut Homes,
    ) -> Result<BTreeSet<Oid>, Error> {
        let mut unknown = BTreeSet::new();
        let mut known: BTreeMap<(Qualified, Option<String>), bool> = BTreeMap::new();
        for told in &facts.told {
            let Reading::Block(block) = ledger::read(&told.note.message) else { continue };
            let Some(name) = block.spec.as_ref().filter(|_| block.status.is_some() || block.approval.is_some()) else {
                continue;
            };
            let spec = facts.names.current(name);
            let record = facts.is.record(&spec);
            let start = record.and_then(|record| record.last_start.as_ref());
            let target = block.target.clone().or_else(|| start.and_then(|start| start.block.target.clone()));
            if let Some(known) = known.get(&(spec.clone(), target.clone())) {
                unknown.extend((!known).then_some(told.commit));
                continue;
            }
            let branch = target.as_ref().map(|target| format!("refs/heads/{target}"));
            let places = branch.iter().flat_map(|name| [before.get(name), after.get(name)]).flatten();
            let mut places: BTreeSet<Oid> = places.copied().chain(words.places.iter().copied()).collect();
            // Where the work began, if that is in its target; and where that branch is in somebody's clone alone, as it is.
            let gone = branch.as_ref().is_some_and(|name| !before.contains_key(name) && !after.contains_key(name));
            for place in places.clone() {
                places.extend(self.repo.merge_base(told.commit, place)?);
            }
            if gone {
                places.insert(told.commit);
            }
            let mut found = false;
            for place in places {
                found = found || homes.has(name, place)? || homes.has(&spec, place)?;
            }
            known.insert((spec, target), found);
            unknown.extend((!found).then_some(told.commit));
        }
        Ok(unknown)
    }

    /// What the signs of life in the push say of their runs.
    fn leases(&self) -> Result<BTreeMap<Oid, String>, Error> {
        let mut found = BTreeMap::new();
        for update in self.updates.iter().filter(|update| update.name.starts_with("refs/chant/leases/")) {
            for oid in [update.old, update.new].into_iter().flatten() {
                let Some(commit) = self.repo.peeled(oid)?.filter(|commit| *commit == oid) else { continue };
                let message = self.repo.message(commit)?;
                let run = String::from_utf8_lossy(&message).split_whitespace().next().unwrap_or_default().to_owned();
                if self.repo.parents(commit)?.is_empty() {
                    found.insert(oid, run);
                }
            }
        }
        Ok(found)
    }

    /// The commits of which the new notes lack something that the old ones say.
    fn lost_notes(&self) -> Result<Vec<String>, Error> {
        let update = self.updates.iter().find(|update| update.name == NOTES);
        match update.and_then(|update| Some((update.old?, update.new?))) {
            Some((old, new)) => Ok(self.repo.lost_notes(old, new)?),
            None => Ok(Vec::new()),
        }
    }
}

/// The commits that came and whose signature counts: those that decide something, and all events where signed ones alone
/// count.
fn asked(facts: &Facts) -> Vec<Oid> {
    let asked = |told: &&Told| match ledger::read(&told.note.message) {
        Reading::Block(block) => {
            let strict = block.spec.as_ref().is_some_and(|spec| facts.strict.contains(&spec.project));
            let decides = matches!(block.status, Some(Transition::Cancelled | Transition::Pending));
            block.approval.is_some() || decides || (strict && block.status.is_some())
        }
        _ => false,
    };
    facts.told.iter().filter(asked).map(|told| told.commit).collect()
}
