//! What is to be done at a remote so that a local move of a ref is a shared one.

use crate::ledger::Oid;

/// One ref's part of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Push {
    /// The remote has what is wanted, or nothing that would have to go.
    Nothing,
    /// It is to be set, from exactly what is known to be there.
    Set {
        /// What must be there; `None` where nothing may be.
        lease: Option<Oid>,
        /// What is to be there.
        to: Oid,
    },
    /// It is to be deleted, from exactly what is known to be there.
    Delete {
        /// What must be there.
        lease: Oid,
    },
    /// The remote has something that the local move knows nothing of: it is to be taken in first.
    Unseen(Oid),
}

/// What is to be pushed where a ref moves from `from` to `to` here, and `known` is the last that was seen of it there.
/// `ancestor` says whether the second commit descends from the first (or is it).
///
/// A remote may lag behind, for an agent's own commits are not pushed one by one; it may never be led past something
/// that this side has not seen.
///
/// # Errors
/// Those of `ancestor`.
pub fn push<E>(
    known: Option<Oid>,
    from: Option<Oid>,
    to: Option<Oid>,
    ancestor: impl Fn(Oid, Oid) -> Result<bool, E>,
) -> Result<Push, E> {
    let Some(there) = known else {
        return Ok(to.map_or(Push::Nothing, |to| Push::Set { lease: None, to }));
    };
    if to == Some(there) {
        return Ok(Push::Nothing);
    }
    let seen = |commit: Option<Oid>| commit.map_or(Ok(false), |commit| ancestor(there, commit));
    let taken_in = seen(to)? || seen(from)?;
    Ok(match to {
        _ if !taken_in => Push::Unseen(there),
        Some(to) => Push::Set { lease: Some(there), to },
        None => Push::Delete { lease: there },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn oid(n: u8) -> Oid {
        Oid::from_bytes(&[n; 20]).unwrap()
    }

    /// Commits are numbers here, and one descends from another that divides it.
    fn divides(a: Oid, b: Oid) -> Result<bool, std::convert::Infallible> {
        Ok(b.as_bytes()[0].is_multiple_of(a.as_bytes()[0]))
    }

    #[test]
    fn a_remote_that_lags_behind_is_brought_along_and_one_that_went_on_is_not_led_past_it() {
        let go = |known: Option<u8>, from: Option<u8>, to: Option<u8>| {
            push(known.map(oid), from.map(oid), to.map(oid), divides).unwrap()
        };
        assert_eq!(go(None, None, Some(2)), Push::Set { lease: None, to: oid(2) });
        assert_eq!(go(Some(2), Some(4), Some(8)), Push::Set { lease: Some(oid(2)), to: oid(8) });
        assert_eq!(go(Some(2), Some(4), Some(3)), Push::Set { lease: Some(oid(2)), to: oid(3) }, "a fresh start");
        assert_eq!(go(Some(5), Some(2), Some(4)), Push::Unseen(oid(5)));
        assert_eq!(go(Some(5), None, Some(4)), Push::Unseen(oid(5)));
        assert_eq!(go(Some(4), Some(2), Some(4)), Push::Nothing);
        assert_eq!(go(None, Some(2), None), Push::Nothing);
        assert_eq!(go(Some(2), Some(4), None), Push::Delete { lease: oid(2) });
        assert_eq!(go(Some(5), Some(4), None), Push::Unseen(oid(5)));
    }

    proptest! {
        #[test]
        fn whatever_goes_at_a_remote_is_in_what_comes_or_in_what_was_here(
            known in proptest::option::of(1u8..40),
            from in proptest::option::of(1u8..40),
            to in proptest::option::of(1u8..40),
        ) {
            let pushed = push(known.map(oid), from.map(oid), to.map(oid), divides).unwrap();
            let lease = match pushed {
                Push::Set { lease, .. } => lease,
                Push::Delete { lease } => Some(lease),
                Push::Nothing | Push::Unseen(_) => None,
            };
            prop_assert!(lease.is_none() || lease == known.map(oid));
            if let Some(there) = lease {
                let kept = [from, to].into_iter().flatten().any(|commit| divides(there, oid(commit)).unwrap());
                prop_assert!(kept);
            }
        }
    }
}
