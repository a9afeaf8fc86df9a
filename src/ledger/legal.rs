//! Which event may follow which: for those that people write themselves, and for those that somebody brings, of whom it is
//! not known whether an engine made them. An engine asks Git; here it is a table.

use super::block::{Block, Transition};
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

/// What an event comes after, as far as it descends from anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Before {
    /// The last transition that it descends from, with its attempt: of the highest attempt the last one.
    pub last: Option<(u32, Transition)>,
    /// Whether that one is in its target.
    pub landed: bool,
    /// The highest attempt of anything that does not descend from it: numbers are given to the whole repository.
    pub highest: u32,
    /// Whether the spec may begin anew after it has landed, as a driver does to which members come.
    pub recurs: bool,
}

/// Whether an event may stand where it does, whoever made it: an engine, a person, or somebody who only says so. An engine
/// goes on with a run that was cut short, proves again what people added to completed work, and begins the next attempt
/// beside the last one; so this allows more than [`follows`], and no more than they do.
///
/// # Errors
/// In words, to stand after the spec's name.
pub fn stands(before: &Before, block: &Block) -> Result<(), String> {
    use Transition::{Cancelled, Completed, Failed, InProgress, Pending};
    let Some(attempt) = block.attempt else { return Err("has an event that names no attempt".to_owned()) };
    let coming = before.highest.saturating_add(1);
    if attempt > coming {
        return Err(format!("has no attempt {attempt}: the next one is {coming}"));
    }
    let Some(next) = block.status else { return Ok(()) };
    let fits =
        |allowed: &[Transition]| before.last.is_some_and(|(number, last)| number == attempt && allowed.contains(&last));
    let anew = before.last.is_none_or(|(number, _)| attempt > number);
    if next == InProgress && block.run.is_none() {
        return Err("has a start that names no run".to_owned());
    }
    if before.landed && !(next == InProgress && anew && before.recurs) {
        return Err("has landed: `git revert` takes it back".to_owned());
    }
    let cancelled = before.last.is_some_and(|(_, last)| last == Cancelled);
    let legal = match next {
        InProgress if cancelled => return Err("is cancelled: `chant reset` makes it ready again".to_owned()),
        InProgress => anew || fits(&[InProgress, Completed]),
        Completed => fits(&[InProgress, Completed]),
        Failed => fits(&[InProgress, Completed]),
        Cancelled => fits(&[InProgress, Completed, Failed, Pending]) || (anew && !cancelled),
        Pending => fits(&[InProgress, Completed, Failed, Cancelled]) || (before.last.is_none() && coming > 1),
    };
    match (legal, before.last) {
        (true, _) => Ok(()),
        (false, None) => Err(not_begun(next)),
        (false, Some((number, last))) => Err(format!(
            "stands at attempt {number}, `{}`: `{}` of attempt {attempt} cannot follow",
            last.as_str(),
            next.as_str()
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    fn said(status: Transition, attempt: u32) -> Block {
        Block { status: Some(status), attempt: Some(attempt), run: Some("r@h".to_owned()), ..Block::default() }
    }

    #[test]
    fn what_engines_do_beyond_people_may_stand_and_nothing_else() {
        let at = |last, highest| Before { last, highest, ..Before::default() };
        let table = [
            (at(None, 0), [true, false, false, true, false]),
            (at(Some((1, InProgress)), 1), [true, true, true, true, true]),
            (at(Some((1, Completed)), 1), [true, true, true, true, true]),
            (at(Some((1, Failed)), 1), [false, false, false, true, true]),
            (at(Some((1, Cancelled)), 1), [false, false, false, false, true]),
            (at(Some((1, Pending)), 1), [false, false, false, true, false]),
        ];
        for (before, allowed) in table {
            for (next, allowed) in [InProgress, Completed, Failed, Cancelled, Pending].into_iter().zip(allowed) {
                assert_eq!(stands(&before, &said(next, 1)).is_ok(), allowed, "{before:?} then {next:?}");
            }
            let next = stands(&before, &said(InProgress, before.highest + 1));
            assert_eq!(next.is_ok(), before.last.is_none_or(|(_, last)| last != Cancelled), "{before:?}: {next:?}");
        }
    }

    #[test]
    fn what_has_landed_is_taken_back_by_a_revert_alone_and_only_drivers_begin_again() {
        let landed = Before { last: Some((1, Completed)), landed: true, highest: 1, recurs: false };
        for next in [InProgress, Completed, Failed, Cancelled, Pending] {
            assert!(stands(&landed, &said(next, 1)).unwrap_err().contains("has landed"));
        }
        assert!(stands(&landed, &said(InProgress, 2)).is_err());
        assert!(stands(&Before { recurs: true, ..landed }, &said(InProgress, 2)).is_ok());
    }

    #[test]
    fn a_start_names_its_run_and_an_event_its_attempt() {
        let start = Block { run: None, ..said(InProgress, 1) };
        assert!(stands(&Before::default(), &start).unwrap_err().contains("no run"));
        let event = Block { attempt: None, ..said(Completed, 1) };
        assert!(stands(&Before::default(), &event).unwrap_err().contains("no attempt"));
    }

    fn any_transition() -> impl Strategy<Value = Transition> {
        prop::sample::select(vec![InProgress, Completed, Failed, Cancelled, Pending])
    }

    proptest! {
        #[test]
        fn numbers_are_never_skipped_and_never_go_back(
            last in prop::option::of((1u32..5, any_transition())),
            more in 0u32..3,
            next in any_transition(),
            attempt in 1u32..9,
        ) {
            let highest = last.map_or(0, |(number, _)| number) + more;
            let before = Before { last, highest, landed: false, recurs: false };
            if stands(&before, &said(next, attempt)).is_ok() {
                prop_assert!(attempt <= highest + 1);
                prop_assert!(last.is_none_or(|(number, _)| attempt >= number));
            }
        }

        #[test]
        fn what_a_person_may_write_may_stand(story in prop::collection::vec(any_transition(), 1..6)) {
            let mut world = World::new();
            let mut tip = world.commits[0].0;
            let mut record = None;
            for status in story {
                let Ok(attempt) = follows(record.as_ref(), status) else { continue };
                let last = record.as_ref().and_then(|record: &Record| {
                    Some((record.attempt, record.entries.last()?.block.status?))
                });
                let highest = record.as_ref().map_or(0, |record| record.highest);
                let before = Before { last, highest, ..Before::default() };
                prop_assert_eq!(stands(&before, &said(status, attempt)), Ok(()));
                tip = match status {
                    InProgress => world.start(tip, "x", attempt, "main"),
                    other => world.status(tip, "x", attempt, other),
                };
                world.branch("chant/x", tip);
                record = Some(world.record("x"));
            }
        }
    }
}
