//! Which of two parts of a run goes first, where both may change the same files.
//!
//! Work is in the base of another only once the outermost driver that the two do not share has landed. So what is put in order
//! are the two that stand side by side under the driver that both have: a driver from the first of its members to its own
//! landing. Two specs without members only never run at the same time, whichever can go first; where one of the two is a driver
//! the order is fixed beforehand, and is one in which nothing waits for itself.
use super::run_plan::{Node, Phase};
use super::tail::ends_after;

/// How two parts are kept apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Apart {
    /// They never run at the same time.
    Never(usize, usize),
    /// The parts of the one begin once the other has come to its end.
    After { first: usize, parts: Vec<usize> },
}

/// The two that stand side by side under the driver that both have. Where they have none in this run, and where one is above
/// the other, they themselves.
pub(super) fn siblings(nodes: &[Node], one: usize, other: usize) -> (usize, usize) {
    let ours: Vec<usize> = above(nodes, one).collect();
    let theirs: Vec<usize> = above(nodes, other).collect();
    let shared = ours.iter().position(|part| theirs.contains(part));
    let Some(shared) = shared else { return (one, other) };
    let there = theirs.iter().position(|part| *part == ours[shared]).unwrap_or(0);
    if shared == 0 || there == 0 { (one, other) } else { (ours[shared - 1], theirs[there - 1]) }
}

/// How two siblings are kept apart; `None` where one waits for the other already, or is over.
pub(super) fn apart(nodes: &[Node], (one, other): (usize, usize)) -> Option<Apart> {
    if !nodes[one].is_driver && !nodes[other].is_driver {
        return Some(Apart::Never(one, other));
    }
    // A driver that has begun holds work that the other does not see: it is finished first.
    let mut both = [one, other];
    both.sort_by_key(|&n| (!nodes[n].begun, n));
    [(both[0], both[1]), (both[1], both[0])].into_iter().find_map(|(first, later)| {
        let parts = parts(nodes, later);
        let is_possible = nodes[first].phase != Phase::Over && !parts.is_empty() && !ends_after(nodes, first, &parts);
        is_possible.then_some(Apart::After { first, parts })
    })
}

/// A part and what it stands under, the nearest first.
fn above(nodes: &[Node], n: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(n), |&n| nodes[n].driver)
}

/// What is to be begun of a part: the specs under it that are not over, or itself.
fn parts(nodes: &[Node], part: usize) -> Vec<usize> {
    let open = |n: &usize| !matches!(nodes[*n].phase, Phase::Over | Phase::Running);
    let is_work = |n: &usize| !nodes[*n].is_driver && above(nodes, *n).any(|above| above == part);
    let work: Vec<usize> = (0..nodes.len()).filter(|n| open(n) && is_work(n)).collect();
    if work.is_empty() { Some(part).filter(open).into_iter().collect() } else { work }
}
