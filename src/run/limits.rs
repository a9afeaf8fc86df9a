//! What an attempt may still spend, and which of its limits is reached. Pure.

use crate::spec::{Budget, Cap, money};

/// Millionths of a dollar, and tokens.
pub(super) type Figures = (u64, u64);

/// The limits of an attempt, with what counts against each of them already.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    budget: Budget,
    /// By earlier runs of this attempt, which count for the spec already.
    earlier: Figures,
    /// By this run, before the client that is about to start.
    attempt: Figures,
    /// By all runs before this one.
    spec: Figures,
}

impl Limits {
    pub(super) fn new(budget: Budget, spec: Figures) -> Self {
        Self { budget, earlier: (0, 0), attempt: (0, 0), spec }
    }

    /// The same, where earlier runs of the same attempt have used so much.
    pub(super) fn going_on(self, earlier: Figures) -> Self {
        Self { earlier, ..self }
    }

    /// The same, when this run has used so much.
    pub(super) fn after(self, attempt: Figures) -> Self {
        Self { attempt, ..self }
    }

    /// Each limit with its name and with what counts against it: `now` is the client's own, `call` the whole call's.
    fn all(&self, now: Figures, call: Figures) -> [(&'static str, Cap, Figures); 3] {
        let sum = |one: Figures, other: Figures| (one.0.saturating_add(other.0), one.1.saturating_add(other.1));
        let attempt = sum(self.attempt, now);
        [
            ("attempt", self.budget.attempt, sum(self.earlier, attempt)),
            ("spec", self.budget.spec, sum(self.spec, attempt)),
            ("call", self.budget.run, call),
        ]
    }

    /// What is left for the client that is about to start.
    pub(super) fn left(&self, call: Figures) -> Cap {
        let all = self.all((0, 0), call);
        all.into_iter().fold(Cap::default(), |left, (_, cap, used)| left.and(cap.less(used.0, used.1)))
    }

    /// The first limit that is reached, in words.
    pub(super) fn reached(&self, now: Figures, call: Figures) -> Option<String> {
        self.all(now, call).into_iter().find_map(|(whole, cap, used)| {
            let dollars = cap.usd.filter(|cap| used.0 >= *cap);
            let figures = match (dollars, cap.tokens.filter(|cap| used.1 >= *cap)) {
                (Some(cap), _) => format!("{} of {} usd", money(used.0), money(cap)),
                (None, Some(cap)) => format!("{} of {cap} tokens", used.1),
                (None, None) => return None,
            };
            Some(format!("the budget of the {whole} is used up: {figures}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usd(usd: u64) -> Cap {
        Cap { usd: Some(usd), tokens: None }
    }

    #[test]
    fn each_whole_counts_what_belongs_to_it() {
        let budget = Budget { attempt: usd(10), spec: usd(25), run: Cap { usd: None, tokens: Some(9) } };
        let limits = Limits::new(budget, (20, 0)).after((2, 0));
        assert_eq!(limits.left((0, 4)), Cap { usd: Some(3), tokens: Some(5) });
        assert_eq!(limits.reached((2, 0), (0, 0)), None);
        assert_eq!(
            limits.reached((3, 0), (0, 0)).unwrap(),
            "the budget of the spec is used up: 0.000025 of 0.000025 usd"
        );
        assert_eq!(limits.reached((0, 0), (0, 9)).unwrap(), "the budget of the call is used up: 9 of 9 tokens");
    }

    #[test]
    fn what_earlier_runs_of_an_attempt_used_counts_for_it_and_once_for_the_spec() {
        let budget = Budget { attempt: usd(10), spec: usd(25), run: Cap::default() };
        let limits = Limits::new(budget, (14, 0)).going_on((4, 0)).after((1, 0));
        assert_eq!(limits.left((0, 0)).usd, Some(5));
        assert_eq!(Limits::new(Budget { attempt: Cap::default(), ..budget }, (14, 0)).left((0, 0)).usd, Some(11));
    }

    proptest! {
        #[test]
        fn what_is_left_is_what_may_be_used(attempt in 1u64..50, spec in 1u64..50, before in 0u64..60, now in 0u64..60) {
            let budget = Budget { attempt: usd(attempt), spec: usd(spec), run: Cap::default() };
            let limits = Limits::new(budget, (before, 0));
            let left = limits.left((0, 0)).usd.unwrap();
            prop_assert_eq!(limits.reached((now, 0), (0, 0)).is_some(), now >= left);
        }
    }
}
