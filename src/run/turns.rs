//! Whose turn it is: how many of each agent run in this call, which of them have no room, and who is next in a rotation.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// An agent that may be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    pub name: String,
    /// Its share.
    pub weight: u32,
    /// How many of it may run at once.
    pub limit: Option<usize>,
}

#[derive(Debug, Default)]
struct State {
    running: BTreeMap<String, usize>,
    /// Until when the model of an agent has no room.
    busy: BTreeMap<String, Instant>,
}

impl State {
    fn has_room(&self, turn: &Turn, now: Instant) -> bool {
        let running = self.running.get(&turn.name).copied().unwrap_or(0);
        turn.limit.is_none_or(|limit| running < limit) && self.busy.get(&turn.name).is_none_or(|until| *until <= now)
    }
}

/// The agents of one call.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    freed: Condvar,
}

/// A place among the running agents; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    turns: Arc<Turns>,
    name: String,
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(running) = self.turns.state().running.get_mut(&self.name) {
            *running = running.saturating_sub(1);
        }
        self.turns.freed.notify_all();
    }
}

impl Turns {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for one of these that has room at once.
    pub(super) fn try_take(self: &Arc<Self>, turns: &[Turn], lot: u64) -> Option<(usize, Seat)> {
        let mut state = self.state();
        let now = Instant::now();
        let room: Vec<bool> = turns.iter().map(|turn| state.has_room(turn, now)).collect();
        let at = draw(turns, &room, lot)?;
        let name = turns[at].name.clone();
        *state.running.entry(name.clone()).or_default() += 1;
        Some((at, Seat { turns: Arc::clone(self), name }))
    }

    /// A seat for one of these as soon as there is one; nothing where `stopped` holds before.
    pub(super) fn take(
        self: &Arc<Self>,
        turns: &[Turn],
        lot: u64,
        stopped: &dyn Fn() -> bool,
    ) -> Option<(usize, Seat)> {
        loop {
            if let Some(taken) = self.try_take(turns, lot) {
                return Some(taken);
            }
            if stopped() {
                return None;
            }
            // Not only a seat that is given back makes room, but time as well.
            drop(self.freed.wait_timeout(self.state(), Duration::from_millis(100)));
        }
    }

    /// Notes that the model of an agent has no room for a while.
    pub(super) fn busy(&self, name: &str, pause: Duration) {
        if let Some(until) = Instant::now().checked_add(pause) {
            self.state().busy.insert(name.to_owned(), until);
        }
    }
}

/// Draws one of those that have room, each by its share.
fn draw(turns: &[Turn], room: &[bool], lot: u64) -> Option<usize> {
    let share = |at: usize| if room.get(at) == Some(&true) { u64::from(turns[at].weight.max(1)) } else { 0 };
    let whole: u64 = (0..turns.len()).map(share).sum();
    let mut left = lot.checked_rem(whole)?;
    (0..turns.len()).find(|at| match left.checked_sub(share(*at)) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    })
}

/// How long to wait before the `n`-th further try: twice as long each time, five minutes at most, and never just as long
/// as anybody else.
pub(super) fn pause(n: u32, lot: u64) -> Duration {
    let most = 2000u64.saturating_mul(1 << n.min(16)).min(300_000);
    Duration::from_millis(most / 2 + lot % (most / 2 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn turn(name: &str, weight: u32, limit: Option<usize>) -> Turn {
        Turn { name: name.to_owned(), weight, limit }
    }

    #[test]
    fn a_limit_holds_until_a_seat_is_given_back() {
        let turns = Arc::new(Turns::default());
        let list = [turn("one", 5, Some(1)), turn("two", 1, Some(1))];
        let (first, seat) = turns.try_take(&list, 0).unwrap();
        let (second, _other) = turns.try_take(&list, 0).unwrap();
        assert_eq!((first, second), (0, 1));
        assert!(turns.try_take(&list, 0).is_none() && turns.take(&list, 0, &|| true).is_none());
        drop(seat);
        assert_eq!(turns.try_take(&list, 7).unwrap().0, 0);
    }

    #[test]
    fn an_agent_whose_model_is_busy_is_passed_over() {
        let turns = Arc::new(Turns::default());
        let list = [turn("one", 5, None), turn("two", 1, None)];
        turns.busy("one", Duration::from_secs(600));
        assert!((0..20).all(|lot| turns.try_take(&list, lot).unwrap().0 == 1));
        turns.busy("one", Duration::ZERO);
        assert_eq!(turns.try_take(&list, 0).unwrap().0, 0);
    }

    proptest! {
        #[test]
        fn everybody_with_room_gets_a_share_by_weight(weights in proptest::collection::vec((1u32..9, any::<bool>()), 0..6)) {
            let turns: Vec<Turn> = weights.iter().map(|(weight, _)| turn("x", *weight, None)).collect();
            let room: Vec<bool> = weights.iter().map(|(_, room)| *room).collect();
            let whole: u64 = weights.iter().filter(|(_, room)| *room).map(|(weight, _)| u64::from(*weight)).sum();
            let mut drawn = vec![0u32; turns.len()];
            for lot in 0..whole {
                drawn[draw(&turns, &room, lot).unwrap()] += 1;
            }
            let wanted: Vec<u32> = weights.iter().map(|(weight, room)| if *room { *weight } else { 0 }).collect();
            prop_assert_eq!(drawn, wanted);
            prop_assert_eq!(draw(&turns, &room, 3).is_none(), whole == 0);
        }

        #[test]
        fn a_pause_grows_and_stays_within_five_minutes(n in any::<u32>(), lot in any::<u64>()) {
            let pause = pause(n, lot);
            prop_assert!(pause >= Duration::from_secs(1) && pause <= Duration::from_secs(300));
        }
    }
}
