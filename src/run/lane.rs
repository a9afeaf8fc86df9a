//! The queue before one target: landings of one call stand in it, one moves the target at a time, and the others prove
//! ahead meanwhile.
//!
//! Who waits knows what the target will be if all before it land: merges in memory tell the tree, as in a gating merge
//! queue. Its proofs run on that tree at once, beside those of the others, and count when its turn comes and the tree is
//! that very one. Where somebody before it did not land, the tree is another one, and what was seen is of no use: the
//! proofs run again. Nothing lands unproven for being fast; only the order of proving and waiting is another.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ledger::Oid;

/// One landing in the queue: what those behind it have to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The tip that is to be merged.
    pub tip: Oid,
    /// The message of its merge, whose lines say which specs it lands.
    pub message: String,
    /// The files that it changes.
    pub paths: BTreeSet<String>,
    /// Whether it will land if its proofs hold: it waits for no person.
    pub sure: bool,
}

impl Place {
    /// Those before this one that will be in the target by its turn, as far as can be told; `None` where one of them
    /// changes the same files, for then it is better to wait and see.
    pub(super) fn behind<'a>(&self, ahead: &'a [(u64, Self)]) -> Option<Vec<&'a Self>> {
        let sure: Vec<&Self> = ahead.iter().map(|(_, place)| place).filter(|place| place.sure).collect();
        sure.iter().all(|place| place.paths.is_disjoint(&self.paths)).then_some(sure)
    }
}

#[derive(Debug, Default)]
struct Queue {
    next: u64,
    places: Vec<(u64, Place)>,
}

/// The queue before one target.
#[derive(Debug, Default)]
pub(super) struct Lane {
    queue: Mutex<Queue>,
    left: Condvar,
}

/// A place in a queue; left when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    lane: Arc<Lane>,
    number: u64,
    place: Place,
}

impl Lane {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the last place.
    pub(super) fn join(self: &Arc<Self>, place: Place) -> Seat {
        let mut queue = self.queue();
        let number = queue.next;
        queue.next += 1;
        queue.places.push((number, place.clone()));
        Seat { lane: Arc::clone(self), number, place }
    }
}

impl Queue {
    fn before(&self, number: u64) -> Vec<(u64, Place)> {
        self.places.iter().filter(|(other, _)| *other < number).cloned().collect()
    }
}

impl Seat {
    /// What it stands for.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Those before it, in their order; nobody when it is its turn.
    pub(super) fn ahead(&self) -> Vec<(u64, Place)> {
        self.lane.queue().before(self.number)
    }

    /// Waits until somebody before it has left, or for a moment: the caller looks whether it is to stop.
    pub(super) fn wait(&self, seen: usize) {
        let queue = self.lane.queue();
        if queue.places.iter().filter(|(other, _)| *other < self.number).count() == seen {
            drop(self.lane.left.wait_timeout(queue, Duration::from_millis(100)));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.lane.queue().places.retain(|(number, _)| *number != self.number);
        self.lane.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(tip: u8, paths: &[&str], sure: bool) -> Place {
        let tip = format!("{tip:040x}").parse().unwrap();
        Place { tip, message: String::new(), paths: paths.iter().map(|path| (*path).to_owned()).collect(), sure }
    }

    fn tips(ahead: &[(u64, Place)]) -> Vec<Oid> {
        ahead.iter().map(|(_, place)| place.tip).collect()
    }

    #[test]
    fn it_is_the_turn_of_who_came_first() {
        let lane = Arc::new(Lane::default());
        let (a, b) = (place(1, &["a"], true), place(2, &["b"], true));
        let (first, second) = (lane.join(a.clone()), lane.join(b.clone()));
        let third = lane.join(place(3, &["c"], true));
        assert!(first.ahead().is_empty());
        assert_eq!(tips(&third.ahead()), [a.tip, b.tip]);
        drop(second); // it gives up before its turn
        assert_eq!(tips(&third.ahead()), [a.tip]);
        drop(first);
        assert!(third.ahead().is_empty());
    }

    #[test]
    fn whoever_waits_is_woken_when_somebody_before_it_leaves() {
        let lane = Arc::new(Lane::default());
        let (first, second) = (lane.join(place(1, &[], true)), lane.join(place(2, &[], true)));
        let waiter = std::thread::spawn(move || {
            while !second.ahead().is_empty() {
                second.wait(1);
            }
        });
        drop(first);
        waiter.join().unwrap();
    }

    #[test]
    fn what_will_be_in_the_target_are_those_that_wait_for_nobody() {
        let ahead = [(0, place(1, &["a"], true)), (1, place(2, &["b"], false)), (2, place(3, &["c"], true))];
        let mine = place(4, &["b", "d"], true);
        let behind: Vec<Oid> = mine.behind(&ahead).unwrap().iter().map(|place| place.tip).collect();
        assert_eq!(behind, [ahead[0].1.tip, ahead[2].1.tip]);
    }

    #[test]
    fn nothing_is_proven_ahead_of_one_that_changes_the_same_file() {
        let ahead = [(0, place(1, &["a"], true)), (1, place(2, &["b"], true))];
        assert_eq!(place(3, &["b", "d"], true).behind(&ahead), None);
    }
}
