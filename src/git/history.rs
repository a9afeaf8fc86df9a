//! The walk: everything reachable from some tips, copied out of Git as plain data.
//!
//! It reads each commit once and takes parents, tree and message from the same bytes, which a commit-graph could not give (it
//! only tells what to read [ahead](super::ahead)); the order is whatever the stack makes it, and no date is looked at. Messages are kept only where a trailer or a revert
//! may be in them. What an earlier walk found stands in a frozen history ([`super::walked`]), and only what is new is read.

use std::sync::Arc;

use gix::bstr::ByteSlice;
use gix::objs::{CommitRef, CommitRefIter, commit::ref_iter::Token};
use gix::prelude::*;

use super::ahead;
use super::convert::{from_gix, to_gix};
use super::error::{Error, Result};
use super::repo::Repo;
use super::walk::commit_graph;
use super::walked::Walked;
use crate::ledger::{Builder, Frozen, History, Note, Oid};

impl Repo {
    /// Everything reachable from `tips`, children and parents as the commits themselves say: replace refs, grafts and a
    /// commit-graph change nothing. Where a shallow clone is cut off, the history says so.
    ///
    /// A commit never changes: what an earlier walk found is taken from there, but for a shallow clone, whose boundary
    /// may move.
    ///
    /// # Errors
    /// Where a commit that should be there cannot be read.
    pub fn history(&self, tips: &[Oid]) -> Result<Arc<History>> {
        if self.is_shallow() {
            return Ok(Arc::new(self.walk(tips, None, None)?));
        }
        let Walked { base, last, .. } = self.known_walk();
        let found = self.walk(tips, base, last.as_deref())?;
        drop(last);
        Ok(self.keep_walk(tips, found))
    }

    /// Walks from `tips` down to what is in `base`; what stands in `last` is not read again. Where a commit-graph tells what
    /// is to come, that is read side by side.
    fn walk(&self, tips: &[Oid], base: Option<Arc<Frozen>>, last: Option<&History>) -> Result<History> {
        let mut builder = Builder::on(base.clone());
        let has_all = tips.iter().all(|tip| builder.has(tip));
        let graph = if has_all || last.is_some() { None } else { commit_graph(&self.gix()) };
        if let Some(graph) = graph {
            let open = self.walk_down(tips, &mut builder, last, Some(&graph))?;
            let is_whole = match ahead::below(&graph, &open, &builder) {
                Some(order) => self.read_ahead(&graph, &order, &mut builder)?,
                None => {
                    let open: Vec<Oid> = open.iter().map(from_gix).collect();
                    self.walk_down(&open, &mut builder, last, None)?;
                    true
                }
            };
            if is_whole {
                return Ok(builder.finish_at(tips));
            }
            builder = Builder::on(base);
        }
        self.walk_down(tips, &mut builder, last, None)?;
        Ok(builder.finish_at(tips))
    }

    /// Reads commit after commit, down to what is known; what `graph` has is left, and given back.
    fn walk_down(
        &self,
        tips: &[Oid],
        builder: &mut Builder,
        last: Option<&History>,
        graph: Option<&gix::commitgraph::Graph>,
    ) -> Result<Vec<gix::ObjectId>> {
        let mut gix = self.new_gix();
        // Each commit is decoded once: a cache would only cost memory.
        gix.object_cache_size(0);
        let shallow = gix.shallow_commits().map_err(Error::while_("read the shallow boundary"))?;
        let cut = |id: &gix::ObjectId| shallow.as_ref().is_some_and(|commits| commits.contains(id));
        let mut stack: Vec<gix::ObjectId> = tips.iter().rev().map(|tip| to_gix(*tip)).collect();
        let (mut buffer, mut parents, mut parent_ids) = (Vec::new(), Vec::new(), Vec::new());
        let (mut left, mut read) = (Vec::new(), 0_usize);
        while let Some(id) = stack.pop() {
            let known = from_gix(id);
            if builder.has(&known) || builder.was_pushed(&known) {
                continue;
            }
            if let Some((last, parents)) = last.and_then(|last| Some((last, last.parents(&known)?))) {
                builder.push(known, &parents, last.note(&known).cloned());
                stack.extend(parents.into_iter().rev().map(to_gix));
                continue;
            }
            if graph.is_some_and(|graph| graph.lookup(id).is_some()) {
                left.push(id);
                continue;
            }
            if read > 0 && read.is_multiple_of(ahead::EPOCH) {
                gix = self.with_packs_closed()?.to_thread_local();
            }
            read += 1;
            let commit = Raw::read(&gix, id, &mut buffer)?;
            parents.clear();
            parents.extend(commit.parents());
            let hidden = cut(&id);
            let note = commit.may_matter().then(|| commit.note(&gix, parents.first(), hidden)).transpose()?;
            parent_ids.clear();
            parent_ids.extend(parents.iter().map(from_gix));
            builder.push(known, &parent_ids, note);
            if hidden {
                builder.shallow(known);
            } else {
                // The first parent comes off the stack first: packs lie in that order.
                stack.extend(parents.iter().rev());
            }
        }
        Ok(left)
    }
}

/// The parents of a commit and what it says, where its message may hold something of chant's.
pub(super) fn told(
    gix: &gix::Repository,
    id: gix::ObjectId,
    buffer: &mut Vec<u8>,
) -> Result<Option<(Vec<gix::ObjectId>, Note)>> {
    let commit = Raw::read(gix, id, buffer)?;
    if !commit.may_matter() {
        return Ok(None);
    }
    let parents: Vec<gix::ObjectId> = commit.parents().collect();
    let note = commit.note(gix, parents.first(), false)?;
    Ok(Some((parents, note)))
}

/// A commit as it is stored.
pub(super) struct Raw<'b> {
    id: gix::ObjectId,
    data: &'b [u8],
}

impl<'b> Raw<'b> {
    pub(super) fn read(gix: &gix::Repository, id: gix::ObjectId, buffer: &'b mut Vec<u8>) -> Result<Self> {
        let found = gix.objects.find(&id, buffer).map_err(Error::while_(format!("read commit {id}")))?;
        if found.kind != gix::object::Kind::Commit {
            return Err(Error::while_(format!("read commit {id}"))("it is no commit"));
        }
        Ok(Self { id, data: found.data })
    }

    pub(super) fn parents(&self) -> impl Iterator<Item = gix::ObjectId> + use<'b> {
        CommitRefIter::from_bytes(self.data, self.id.kind()).parent_ids()
    }

    /// The message: what follows the first empty line.
    fn message(&self) -> &'b [u8] {
        self.data.find("\n\n").map_or(b"".as_slice(), |at| &self.data[at + 2..])
    }

    /// Whether the message may hold a trailer of ours, in any case, or says that it reverts a commit.
    pub(super) fn may_matter(&self) -> bool {
        let message = self.message();
        let key = b"chant";
        let ours = |at: usize| at >= key.len() && message[at - key.len()..at].eq_ignore_ascii_case(key);
        message.find_iter("-").any(ours) || message.find("This reverts commit").is_some()
    }

    pub(super) fn note(
        &self,
        gix: &gix::Repository,
        first_parent: Option<&gix::ObjectId>,
        hidden: bool,
    ) -> Result<Note> {
        let (time, author) = match CommitRef::from_bytes(self.data, self.id.kind()).ok().map(|commit| commit.author()) {
            Some(Ok(author)) => (author.seconds(), format!("{} <{}>", author.name, author.email)),
            // A commit that names nobody is no reason to lose what it says.
            _ => (0, String::new()),
        };
        let same_tree = match first_parent {
            // What a cut-off commit changed cannot be told: an event is taken to have changed nothing, a landing to
            // have brought something.
            Some(_) if hidden => !self.message().to_ascii_lowercase().contains_str("chant-landing"),
            parent => self.tree() == parent_tree(gix, parent)?,
        };
        Ok(Note { message: self.message().into(), same_tree, time, author })
    }

    fn tree(&self) -> Option<gix::ObjectId> {
        match CommitRefIter::from_bytes(self.data, self.id.kind()).next() {
            Some(Ok(Token::Tree { id })) => Some(id),
            _ => None,
        }
    }
}

fn parent_tree(gix: &gix::Repository, parent: Option<&gix::ObjectId>) -> Result<Option<gix::ObjectId>> {
    match parent {
        Some(parent) => Ok(Raw::read(gix, *parent, &mut Vec::new())?.tree()),
        None => Ok(Some(gix.object_hash().empty_tree())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::test_repo::TestRepo;

    /// The bytes of a commit as given, whatever Git would say of them.
    fn raw(t: &TestRepo, text: &str) -> Oid {
        let args = ["hash-object", "-t", "commit", "-w", "--literally", "--stdin"];
        t.repo.git(&t.path(), &args).stdin(text).check().unwrap().text().parse().unwrap()
    }

    #[test]
    fn each_reachable_commit_is_there_once_and_only_what_may_matter_has_a_note() {
        for t in [TestRepo::new(), TestRepo::sha256()] {
            let a = t.commit_file("a", "a\n", "plain, with chant in its words");
            let tree = t.repo.tree(a).unwrap();
            let event = t.repo.commit(tree, &[a], "Start\n\ncHaNt-Spec: x\n").unwrap();
            let b = t.commit_file("b", "b\n", "Work\n\nChant-Landing: x");
            let revert = t.repo.commit(tree, &[b], "Revert\n\nThis reverts commit 123.\n").unwrap();
            let merge = t.repo.commit(tree, &[revert, event], "merge\n").unwrap();
            let history = t.repo.history(&[merge, b, merge]).unwrap();
            assert_eq!(history.len(), 5);
            assert_eq!((history.parents(&merge), history.note(&merge)), (Some(vec![revert, event]), None));
            assert_eq!((history.parents(&a), history.note(&a)), (Some(vec![]), None));
            let note = history.note(&event).unwrap();
            assert_eq!(&*note.message, b"Start\n\ncHaNt-Spec: x\n");
            assert_eq!(
                (note.same_tree, note.time, note.author.as_str()),
                (true, 1_700_000_000, "Ada <ada@example.com>")
            );
            assert!(!history.note(&b).unwrap().same_tree);
            assert!(history.note(&revert).is_some_and(|note| !note.same_tree));
        }
    }

    #[test]
    fn what_an_earlier_walk_found_is_not_read_again_and_comes_out_the_same() {
        let t = TestRepo::new();
        let a = t.commit_file("a", "a\n", "Start\n\nChant-Spec: x");
        let b = t.commit_file("b", "b\n", "b");
        t.repo.history(&[b]).unwrap();
        let c = t.commit_file("c", "c\n", "c\n\nChant-Spec: x");
        let fresh = Repo::open(&t.path(), t.vars()).unwrap().history(&[c]).unwrap();
        let id = a.to_string();
        std::fs::remove_file(t.path().join(".git/objects").join(&id[..2]).join(&id[2..])).unwrap();
        let again = t.repo.history(&[c]).unwrap();
        assert_eq!(again.len(), 3);
        for commit in [a, b, c] {
            assert_eq!((again.parents(&commit), again.note(&commit)), (fresh.parents(&commit), fresh.note(&commit)));
        }
        assert_eq!(t.repo.history(&[a]).unwrap().len(), 1, "less than before is no more than asked for");
    }

    #[test]
    fn a_first_commit_changes_no_file_only_where_it_has_none() {
        let t = TestRepo::new();
        let full = t.commit_file("a", "a\n", "x\n\nChant-Spec: x");
        let empty = t.repo.edit_tree(None, &[]).unwrap();
        let empty = t.repo.commit(empty, &[], "x\n\nChant-Spec: x\n").unwrap();
        let history = t.repo.history(&[full, empty]).unwrap();
        assert!(!history.note(&full).unwrap().same_tree);
        assert!(history.note(&empty).unwrap().same_tree);
    }

    #[test]
    fn a_shallow_boundary_is_told_and_nothing_behind_it_is_looked_for() {
        let t = TestRepo::new();
        let a = t.commit_file("a", "a\n", "a");
        let b = t.commit_file("b", "b\n", "b\n\nChant-Status: completed");
        let c = t.commit_file("c", "c\n", "c");
        let shallow = t.beside("shallow");
        t.git(&["clone", "-q", "--depth=2", &format!("file://{}", t.path().display()), shallow.to_str().unwrap()]);
        let repo = Repo::open(&shallow, t.vars()).unwrap();
        assert!(repo.is_shallow() && !t.repo.is_shallow());
        let history = repo.history(&[c]).unwrap();
        assert!(!history.contains(&a));
        assert!(history.is_cut(&b) && !t.repo.history(&[c]).unwrap().is_cut(&b));
        assert!(history.note(&b).unwrap().same_tree, "what it changed cannot be told");
        assert_eq!(repo.commits(&[c], &[]).unwrap(), [c, b]);
        assert_eq!(repo.first_parent(c, 9).unwrap().len(), 2);
        assert_eq!(repo.merge_base(c, b).unwrap(), Some(b));
    }

    #[test]
    fn odd_commits_are_taken_as_they_are() {
        let t = TestRepo::new();
        let tree = t.repo.edit_tree(None, &[]).unwrap();
        let nobody = raw(&t, &format!("tree {tree}\nauthor\ncommitter\n\nx\n\nChant-Spec: x\n"));
        let silent =
            raw(&t, &format!("tree {tree}\nparent {nobody}\nauthor A <a> 9999999999 +0000\ncommitter A <a> 0 +0000\n"));
        let early = raw(
            &t,
            &format!(
                "tree {tree}\nparent {silent}\nauthor A <a> 7 +0000\ncommitter A <a> 1 +0000\nencoding latin1\n\nchant-\n"
            ),
        );
        let history = t.repo.history(&[early]).unwrap();
        assert_eq!(history.len(), 3);
        assert_eq!(history.note(&nobody).map(|note| (note.time, note.author.as_str())), Some((0, "")));
        assert_eq!((history.parents(&silent), history.note(&silent)), (Some(vec![nobody]), None));
        assert!(history.note(&early).is_some_and(|note| note.time == 7 && note.same_tree));
    }

    #[test]
    fn a_tip_that_is_not_there_is_an_error_and_no_tip_is_an_empty_history() {
        let t = TestRepo::new();
        assert_eq!(t.repo.history(&[]).unwrap().len(), 0);
        let missing = "1234567890123456789012345678901234567890".parse().unwrap();
        assert!(t.repo.history(&[missing]).unwrap_err().to_string().contains("12345678"));
    }
}
