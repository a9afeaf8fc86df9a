//! How much waits for each part of a run, one after the other: the longest chain that begins with it.
//!
//! Of those that may start, the one with the longest tail goes first. Nobody knows how long an attempt will take; but a
//! chain that is begun late is still at work when all else is done.
use super::effort;
use super::run_plan::Node;

/// The number of parts in the longest chain that begins with each, itself included. A part of a ring, which can never
/// start, counts as the last.
pub(super) fn tails(nodes: &[Node]) -> Vec<u32> {
    let moments = Moments { nodes };
    let count = 2 * nodes.len();
    let mut later_left = vec![0_u32; count];
    let mut earlier: Vec<Vec<u32>> = vec![Vec::new(); count];
    for (at, left) in later_left.iter_mut().enumerate() {
        for later in moments.after(at) {
            effort::step();
            *left += 1;
            earlier[later].push(u32::try_from(at).unwrap_or(u32::MAX));
        }
    }
    let mut tail = vec![0_u32; count];
    let mut known: Vec<usize> = (0..count).filter(|&at| later_left[at] == 0).collect();
    while let Some(at) = known.pop() {
        // The beginning of a driver is no work.
        tail[at] += u32::from(at % 2 == FINISH);
        for &before in &earlier[at] {
            effort::step();
            let before = before as usize;
            tail[before] = tail[before].max(tail[at]);
            later_left[before] -= 1;
            if later_left[before] == 0 {
                known.push(before);
            }
        }
    }
    (0..nodes.len()).map(|n| tail[2 * n + FINISH].max(1)).collect()
}

/// Whether something must have begun before a part can come to its end.
pub(super) fn ends_after(nodes: &[Node], part: usize, any_of: &[usize]) -> bool {
    let moments = Moments { nodes };
    let mut seen = vec![false; 2 * nodes.len()];
    let mut open: Vec<usize> = any_of.iter().map(|n| 2 * n).collect();
    while let Some(at) = open.pop() {
        effort::step();
        if !std::mem::replace(&mut seen[at], true) {
            open.extend(moments.after(at));
        }
    }
    seen[2 * part + FINISH]
}

const FINISH: usize = 1;

/// A part is two moments, numbered `2n` and `2n + 1`: it may begin, and it has landed. Between the two lies its work, or
/// its members'.
struct Moments<'n> {
    nodes: &'n [Node],
}

impl Moments<'_> {
    fn after(&self, at: usize) -> Box<dyn Iterator<Item = usize> + '_> {
        let node = &self.nodes[at / 2];
        if at % 2 == FINISH {
            let starts = node.after_landing.iter().chain(&node.after_end).map(|later| 2 * later);
            return Box::new(starts.chain(node.driver.map(|driver| 2 * driver + FINISH)));
        }
        let members = node.after_beginning.iter().map(|member| 2 * member);
        Box::new(members.chain([at + FINISH]))
    }
}
