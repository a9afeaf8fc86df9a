//! A commit of everything in a worktree, that neither its index nor its `HEAD` notices.

use std::path::Path;

use super::error::{Error, Result};
use super::leftovers::{Doubt, Leftovers};
use super::repo::{Head, Repo};
use super::worktree::Worktree;
use crate::ledger::Oid;

impl Repo {
    /// A commit of all files in a worktree, on top of its `HEAD`: staged or not, tracked or not, marked or not, and the
    /// ignored ones where asked for. `None` where that is `HEAD`'s own tree. Git's filters apply, as with `git add`.
    /// Repositories within the worktree are left out ([`Leftovers::nested`]). The commit is on no ref yet.
    ///
    /// # Errors
    /// Where a file cannot be read, or Git does not know who commits.
    pub fn snapshot(&self, worktree: &Path, include_ignored: bool, message: &str) -> Result<Option<Oid>> {
        let worktree = self.worktree(worktree)?;
        let nested = self.leftovers_of(&worktree)?.nested;
        let doubt = self.doubt(&worktree)?;
        let tree = self.whole_tree(&worktree, &doubt, include_ignored, &nested)?;
        let head = worktree.head.as_ref().and_then(Head::commit);
        self.commit_change(tree, head, &[], message)
    }

    /// Everything that would be lost with a worktree, as a commit: as [`Repo::snapshot`], with what is staged and not on
    /// disk as a second parent. `None` where `HEAD` has it all.
    pub(super) fn rescue_commit(&self, worktree: &Worktree, found: &Leftovers, message: &str) -> Result<Option<Oid>> {
        let head = worktree.head.as_ref().and_then(Head::commit);
        // An index with unresolved conflicts has no tree; its sides are in commits anyway.
        let staged = self.written_tree(worktree, &self.doubt(worktree)?).ok();
        let tree = match (worktree.exists, staged) {
            (false, Some(staged)) => staged,
            (false, None) => return Ok(None),
            (true, _) => self.whole_tree(worktree, &self.doubt(worktree)?, true, &found.nested)?,
        };
        let aside = match staged {
            Some(staged) if staged != tree => {
                let message = format!("{message}\n\nWhat was staged.\n");
                self.commit_change(staged, head, &[], &message)?
            }
            _ => None,
        };
        let more: Vec<Oid> = aside.into_iter().collect();
        self.commit_change(tree, head, &more, message)
    }

    fn whole_tree(&self, worktree: &Worktree, doubt: &Doubt, ignored: bool, nested: &[String]) -> Result<Oid> {
        let force: &[&str] = if ignored { &["--force"] } else { &[] };
        let but = nested.iter().map(|path| format!(":(exclude,literal,top){}", path.trim_end_matches('/')));
        // Line ends that do not survive are a matter for a commit, not for a safety copy.
        let add = doubt.git_writing(self, worktree, &["add", "--all", "--sparse"])?.config("core.safecrlf", "false");
        add.args(force).args(["--", ":/"]).args(but).check()?;
        self.written_tree(worktree, doubt)
    }

    fn written_tree(&self, worktree: &Worktree, doubt: &Doubt) -> Result<Oid> {
        let tree = doubt.git_writing(self, worktree, &["write-tree"])?.check()?.text();
        let tree = tree.parse().map_err(|_| Error::while_("write a tree")(format!("`{tree}` is no object name")))?;
        let from = worktree.head.as_ref().and_then(Head::commit);
        match self.bring_objects(&doubt.objects(), &doubt.incoming(), from, &[tree])? {
            None => Ok(tree),
            Some(why) => Err(Error::while_("take over the files of a worktree")(why)),
        }
    }

    /// A commit of `tree` on `head`, unless that changes nothing and there is nothing `more` to hold.
    fn commit_change(&self, tree: Oid, head: Option<Oid>, more: &[Oid], message: &str) -> Result<Option<Oid>> {
        if let Some(head) = head
            && more.is_empty()
            && self.tree(head)? == tree
        {
            return Ok(None);
        }
        let parents: Vec<Oid> = head.into_iter().chain(more.iter().copied()).collect();
        self.commit(tree, &parents, message).map(Some)
    }
}
