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
                Question::Reverts { revert, reverted } => asked.reverts(*revert, *reverted),
                Question::Squashed { tip, target, .. } => asked.squashed(*tip, *target),
            };
            let answer = match (answer, question) {
                (Ok(answer), _) => answer,
                // The answer lies behind the boundary: somebody should look.
                (Err(_), Question::Reverts { .. }) if shallow => Answer::Partial,
                (Err(_), Question::Squashed { .. }) if shallow => Answer::NotFound,
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
    /// A merge is reverted as `git revert -m 1` does it: to its first parent.
    fn reverts(&mut self, revert: Oid, reverted: Oid) -> Result<Answer> {
        let (Some(before), Some(was)) = (self.first_parent(revert)?, self.first_parent(reverted)?) else {
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
        // Part of it: a path that is again what it was, or that merging would have made the same.
        let change = self.repo.changes(Some(was), reverted)?;
        let as_before = |done: &Change| change.iter().any(|c| c.path == done.path && c.old == done.new);
        let as_merged = |done: &Change| merged.contains(done);
        Ok(if done.iter().any(|done| as_before(done) || as_merged(done)) { Answer::Partial } else { Answer::No })
    }

    /// The newest commit of the target that is the whole branch, squashed, or the last one of a rebase of it.
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
            let mut at = commit;
            // Back along first parents as long as each commit stays within what the branch changed.
            for _ in 0..longest {
                let Some(parent) = self.first_parent(at)? else { break };
                let touched = self.touched(at, parent)?;
                if at == commit && touched.is_empty() || !touched.is_subset(&branch) {
                    break;
                }
                if !touched.is_empty() && self.holds(commit, parent, tip)? {
                    return Ok(Answer::At(commit));
                }
                at = parent;
            }
        }
        Ok(Answer::NotFound)
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
