//! What only Git can tell the fold: whether a revert really takes a change back, and whether a commit of the target
//! holds a branch that was squashed or rebased into it.
//!
//! Both are told by merging, not by comparing patches as text: a change and its taking back are what they are also
//! where lines around them have moved. What cannot be told is the cautious answer, never a guess.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use gix::bstr::BString;

use super::convert::{from_gix, to_gix};
use super::diff::{Change, tree_changes};
use super::error::Result;
use super::merge::{Merge, Verdict};
use super::object::tree_of;
use super::repo::{Handle, Repo};
use crate::ledger::{Answer, Answers, Oid, Question};

impl Repo {
    /// Answers the questions of the fold.
    ///
    /// # Errors
    /// Where an object cannot be read, and the clone is not a shallow one.
    pub fn answer(&self, questions: &[Question]) -> Result<Answers> {
        let mut asked = Asked { repo: self, gix: self.gix(), touched: HashMap::new() };
        let shallow = self.is_shallow();
        let mut answers = Answers::new();
        for question in questions {
            let answer = match question {
                Question::Reverts { revert, reverted } => match asked.first_parent(*reverted) {
                    Ok(to) => asked.reverts(*revert, *reverted, to),
                    Err(error) => Err(error),
                },
                Question::RevertsSide { revert, merge, back_to } => asked.reverts(*revert, *merge, Some(*back_to)),
                Question::Squashed { tip, target, .. } => asked.squashed(*tip, *target),
                Question::Dropped { merge, tip } => asked.dropped(*merge, *tip),
            };
            let answer = match (answer, question) {
                (Ok(answer), _) => answer,
                // The answer lies behind the boundary: somebody should look.
                (Err(_), Question::Reverts { .. } | Question::RevertsSide { .. }) if shallow => Answer::Partial,
                (Err(_), Question::Squashed { .. }) if shallow => Answer::NotFound,
                (Err(_), Question::Dropped { .. }) if shallow => Answer::No,
                (Err(error), _) => return Err(error),
            };
            answers.insert(*question, answer);
        }
        Ok(answers)
    }
}

struct Asked<'r> {
    repo: &'r Repo,
    gix: Handle<'r>,
    /// The paths a commit changed against its first parent: asked for again and again.
    touched: HashMap<Oid, Rc<BTreeSet<BString>>>,
}

impl Asked<'_> {
    /// Whether a commit takes another back to what it was: its first parent, or of a merge also another one.
    fn reverts(&self, revert: Oid, reverted: Oid, back_to: Option<Oid>) -> Result<Answer> {
        let (Some(before), Some(was)) = (self.first_parent(revert)?, back_to) else {
            return Ok(Answer::No);
        };
        let done = self.repo.changes(Some(before), revert)?;
        if done.is_empty() {
            return Ok(Answer::No);
        }
        let merged = match self.repo.merge_from(Some(reverted), before, was)? {
            Verdict::Clean(tree) if tree == tree_of(&self.gix, revert)? => return Ok(Answer::Inverse),
            Verdict::Clean(tree) => self.repo.changes(Some(before), from_gix(tree))?,
            Verdict::Conflict(_) => Vec::new(),
        };
        // All of it, and something else in other files: what was brought is gone all the same.
        if !merged.is_empty() && merged.iter().all(|change| done.contains(change)) {
            return Ok(Answer::Inverse);
        }
        // Part of it: a path that is again what it was, or that merging would have made the same.
        let change = self.repo.changes(Some(was), reverted)?;
        let as_before = |done: &Change| change.iter().any(|c| c.path == done.path && c.old == done.new);
        let as_merged = |done: &Change| merged.contains(done);
        Ok(if done.iter().any(|done| as_before(done) || as_merged(done)) { Answer::Partial } else { Answer::No })
    }

    /// A merge with the strategy `ours`, or by a hand that left out what no conflict was about.
    fn dropped(&self, merge: Oid, tip: Oid) -> Result<Answer> {
        let Some(before) = self.first_parent(merge)? else { return Ok(Answer::No) };
        let tree = self.repo.tree(merge)?;
        if tree != self.repo.tree(before)? {
            return Ok(Answer::No);
        }
        match self.repo.merge(before, tip) {
            Ok(Merge::Clean { tree: other }) if other != tree => Ok(Answer::Dropped),
            Ok(_) | Err(super::Error::Unrelated { .. }) => Ok(Answer::No),
            Err(error) => Err(error),
        }
    }

    /// The newest commit of the target that is the whole branch, squashed; or the commits of a rebase of it.
    fn squashed(&mut self, tip: Oid, target: Oid) -> Result<Answer> {
        if self.repo.is_ancestor(tip, target)? {
            return Ok(Answer::At(tip));
        }
        let Some(base) = self.repo.merge_base(tip, target)? else { return Ok(Answer::NotFound) };
        let branch = self.paths(base, tip)?;
        if branch.is_empty() {
            return Ok(Answer::NotFound);
        }
        let longest = self.repo.commits(&[tip], &[target])?.len();
        for commit in self.repo.commits(&[target], &[tip])? {
            if let Some(first) = self.oldest_of(commit, tip, &branch, longest)? {
                return Ok(if first == commit { Answer::At(commit) } else { Answer::Series { first, last: commit } });
            }
        }
        Ok(Answer::NotFound)
    }

    /// The oldest commit from which on a series up to `last` is the whole branch. The last one of a series holds it as
    /// well, seen from the one before; but it alone is not what brought it.
    fn oldest_of(&mut self, last: Oid, tip: Oid, branch: &BTreeSet<BString>, longest: usize) -> Result<Option<Oid>> {
        let (mut at, mut oldest) = (last, None);
        // Back along first parents as long as each commit stays within what the branch changed.
        for _ in 0..longest {
            let Some(parent) = self.first_parent(at)? else { break };
            let touched = self.touched(at, parent)?;
            if at == last && touched.is_empty() || !touched.is_subset(branch) {
                break;
            }
            if !touched.is_empty() && self.holds(last, parent, tip)? {
                oldest = Some(at);
            }
            at = parent;
        }
        Ok(oldest)
    }

    /// Whether merging the branch into `before` gives exactly what `commit` holds.
    fn holds(&self, commit: Oid, before: Oid, tip: Oid) -> Result<bool> {
        let tree = self.repo.tree(commit)?;
        if tree == self.repo.tree(before)? {
            return Ok(false);
        }
        match self.repo.merge(before, tip) {
            Ok(merged) => Ok(merged == Merge::Clean { tree }),
            Err(super::Error::Unrelated { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn touched(&mut self, commit: Oid, parent: Oid) -> Result<Rc<BTreeSet<BString>>> {
        if let Some(known) = self.touched.get(&commit) {
            return Ok(known.clone());
        }
        let paths = Rc::new(self.paths(parent, commit)?);
        self.touched.insert(commit, paths.clone());
        Ok(paths)
    }

    fn paths(&self, from: Oid, to: Oid) -> Result<BTreeSet<BString>> {
        let changes = tree_changes(&self.gix, tree_of(&self.gix, from)?, tree_of(&self.gix, to)?)?;
        Ok(changes.into_iter().filter(|change| !change.is_tree()).map(|change| change.path).collect())
    }

    fn first_parent(&self, commit: Oid) -> Result<Option<Oid>> {
        let gix = &self.gix;
        let commit = gix.find_commit(to_gix(commit)).map_err(super::Error::while_(format!("read commit {commit}")))?;
        Ok(commit.parent_ids().next().map(from_gix))
    }
}
