//! Which event may follow which, for events that people write themselves. An engine asks Git; here it is a table.

use super::block::Transition;
use super::record::{Record, State};

/// The attempt that an event belongs to which a person adds to a spec's branch, or why it cannot stand there.
///
/// # Errors
/// In words, to stand after the spec's name.
pub fn follows(record: Option<&Record>, next: Transition) -> Result<u32, String> {
    use Transition::{Cancelled, Completed, Failed, InProgress, Pending};
    let coming = record.map_or(0, |record| record.highest).saturating_add(1);
    let Some(record) = record else {
        return if next == InProgress { Ok(coming) } else { Err(not_begun(next)) };
    };
    let taken_back = record.reverted.is_some() && record.landing.is_none();
    let now = record.attempt;
    match (&record.state, next) {
        (State::Completed, _) if record.landing.is_some() => Err("has landed: `git revert` takes it back".to_owned()),
        (State::New | State::Reset | State::Failed { .. }, InProgress) => Ok(coming),
        (State::Completed, InProgress) if taken_back => Ok(coming),
        (State::InProgress, InProgress) => Err("is in progress already".to_owned()),
        (State::InProgress, Completed | Failed | Cancelled | Pending) => Ok(now),
        (State::Completed, Failed | Cancelled | Pending) if !taken_back => Ok(now),
        (State::Completed, Completed) if !taken_back => Ok(now),
        (State::Failed { .. }, Cancelled | Pending)
        | (State::Reset, Cancelled)
        | (State::Cancelled { .. }, Pending) => Ok(now),
        (State::New, Cancelled) => Ok(coming),
        (State::Cancelled { .. }, Cancelled) => Err("is cancelled already".to_owned()),
        (State::Cancelled { .. }, _) => Err("is cancelled: `chant reset` makes it ready again".to_owned()),
        (State::Completed, InProgress) => {
            Err("is completed and waits to land: `Chant-Status: pending` sends it back".to_owned())
        }
        _ => Err(not_begun(next)),
    }
}

fn not_begun(next: Transition) -> String {
    format!("has no attempt under way, so nothing can be `{}`: `Chant-Status: in_progress` begins one", next.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::World;
    use super::super::record::State;
    use super::Transition::{Cancelled, Completed, Failed, InProgress, Pending};
    use super::*;

    #[test]
    fn an_attempt_is_begun_before_anything_else_can_be_said_of_it() {
        assert_eq!(follows(None, InProgress), Ok(1));
        for next in [Completed, Failed, Cancelled, Pending] {
            assert!(follows(None, next).unwrap_err().contains("begins one"));
        }
    }

    #[test]
    fn what_may_follow_what() {
        // In the order in_progress, completed, failed, cancelled, pending: the attempt, or 0 where it may not be.
        let table: [(&[Transition], [u32; 5]); 6] = [
            (&[InProgress], [0, 1, 1, 1, 1]),
            (&[InProgress, Completed], [0, 1, 1, 1, 1]),
            (&[InProgress, Failed], [2, 0, 0, 1, 1]),
            (&[InProgress, Cancelled], [0, 0, 0, 0, 1]),
            (&[InProgress, Pending], [2, 0, 0, 1, 0]),
            (&[InProgress, Failed, InProgress], [0, 2, 2, 2, 2]),
        ];
        for (story, allowed) in table {
            let mut world = World::new();
            let mut tip = world.commits[0].0;
            let mut attempt = 0;
            for status in story {
                attempt += u32::from(*status == InProgress);
                tip = match status {
                    InProgress => world.start(tip, "x", attempt, "main"),
                    other => world.status(tip, "x", attempt, *other),
                };
            }
            world.branch("chant/x", tip);
            let record = world.record("x");
            assert_ne!(record.state, State::New);
            for (next, wanted) in [InProgress, Completed, Failed, Cancelled, Pending].into_iter().zip(allowed) {
                assert_eq!(follows(Some(&record), next).unwrap_or(0), wanted, "{story:?} then {next:?}");
            }
        }
    }
}
