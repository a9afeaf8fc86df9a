//! Many commits read side by side, where a commit-graph tells beforehand which they will be.
//!
//! The graph is a hint and no more. What it names is read as it is stored, and where a single commit has other parents than
//! the graph says, nothing that came of it is used.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use gix::commitgraph::{Graph, Position};

use super::convert::from_gix;
use super::error::Result;
use super::history::Raw;
use super::repo::Repo;
use crate::ledger::{Builder, Note, Oid};

/// So few commits are read as fast one after the other.
const FEW: usize = 4096;
/// Commits that are read in one go.
const BLOCK: usize = 1024;
/// Commits after which the packs are let go of: a page of them that was read stays in memory until then.
pub(super) const EPOCH: usize = 1 << 16;
/// More do not help: whoever gathers what they read is busy by then.
const READERS: usize = 4;

/// What some commits say.
#[derive(Default)]
struct Block {
    /// Each with how many parents it has.
    commits: Vec<(Oid, usize, Option<Note>)>,
    parents: Vec<Oid>,
}

/// Everything in the graph that these commits descend from and that is not known; `None` where that is little, and where
/// the graph cannot be read.
pub(super) fn below(graph: &Graph, from: &[gix::ObjectId], builder: &Builder) -> Option<Vec<Position>> {
    let mut seen = vec![false; graph.num_commits() as usize];
    let mut open: Vec<Position> = from.iter().rev().filter_map(|id| graph.lookup(id)).collect();
    let mut order = Vec::new();
    while let Some(at) = open.pop() {
        if std::mem::replace(seen.get_mut(at.0 as usize)?, true) || builder.has(&from_gix(graph.id_at(at))) {
            continue;
        }
        order.push(at);
        let first = open.len();
        for parent in graph.commit_at(at).iter_parents() {
            open.push(parent.ok()?);
        }
        // The first parent comes off the stack first: packs lie in that order.
        open[first..].reverse();
    }
    (order.len() >= FEW).then_some(order)
}

impl Repo {
    /// Pushes these commits; whether all of them have the parents that the graph says.
    pub(super) fn read_ahead(&self, graph: &Graph, order: &[Position], builder: &mut Builder) -> Result<bool> {
        for epoch in order.chunks(EPOCH) {
            if !self.read_epoch(graph, epoch, builder)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn read_epoch(&self, graph: &Graph, epoch: &[Position], builder: &mut Builder) -> Result<bool> {
        let (repo, next) = (self.with_packs_closed()?, AtomicUsize::new(0));
        let readers = std::thread::available_parallelism().map_or(1, usize::from).min(READERS);
        let (give, take) = mpsc::sync_channel(2 * readers);
        std::thread::scope(|scope| {
            for _ in 0..readers {
                let (give, repo, next) = (give.clone(), &repo, &next);
                scope.spawn(move || {
                    let gix = repo.to_thread_local();
                    let blocks = || epoch.chunks(BLOCK).nth(next.fetch_add(1, Ordering::Relaxed));
                    while let Some(block) = blocks() {
                        // Where nobody takes it any more, something was wrong with another one.
                        if give.send(Block::read(&gix, graph, block)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(give);
            for block in take {
                let Some(block) = block? else { return Ok(false) };
                block.push(builder);
            }
            Ok(true)
        })
    }
}

impl Block {
    /// `None` where a commit has other parents than the graph says.
    fn read(gix: &gix::Repository, graph: &Graph, block: &[Position]) -> Result<Option<Self>> {
        let (mut found, mut buffer, mut parents) = (Self::default(), Vec::new(), Vec::new());
        for at in block {
            let id = graph.id_at(*at).to_owned();
            let commit = Raw::read(gix, id, &mut buffer)?;
            parents.clear();
            parents.extend(commit.parents());
            let mut said = graph.commit_at(*at).iter_parents();
            let is_said = |parent: &gix::ObjectId| {
                said.next().and_then(|said| said.ok()).is_some_and(|said| graph.id_at(said) == parent.as_ref())
            };
            if !parents.iter().all(is_said) || said.next().is_some() {
                return Ok(None);
            }
            let note = commit.may_matter().then(|| commit.note(gix, parents.first(), false)).transpose()?;
            found.commits.push((from_gix(id), parents.len(), note));
            found.parents.extend(parents.iter().map(from_gix));
        }
        Ok(Some(found))
    }

    fn push(self, builder: &mut Builder) {
        let mut rest = &self.parents[..];
        for (commit, count, note) in self.commits {
            let (parents, others) = rest.split_at(count);
            builder.push(commit, parents, note);
            rest = others;
        }
    }
}
