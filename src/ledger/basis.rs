//! What a ledger was made from, and whether it still holds of a history that has gone on.
//!
//! Most commits say nothing of any spec. A [`fold`](super::fold) asks of commits what some of them say, which of those descend
//! from which, what the branches hold of them and through which of their first parents it came in; and, where that leaves
//! something open, Git. So a ledger still holds where all that was seen can be seen, nothing more is said, nothing was
//! asked of Git, and every branch stands where it stood or has gone on from there along its first parents, by commits that
//! bring nothing that says something.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::history::History;
use super::oid::Oid;
use super::record::pairs;
use super::scan::Scan;
use super::target;
use super::view::View;
use crate::spec::Qualified;

/// So many new commits are looked at before a fold is the shorter way.
const MOST: usize = 100_000;

/// What a ledger was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    from: Oid,
    branches: BTreeMap<String, Vec<Oid>>,
    #[serde(with = "pairs")]
    aliases: BTreeMap<Qualified, Qualified>,
    /// What [`History::said`] gave.
    said: [u8; 32],
    /// How the revision looked from was called.
    name: Option<String>,
    /// Commits that are named, and were not here.
    absent: Vec<Oid>,
}

impl Basis {
    /// Of a fold; `None` where it may come out otherwise for reasons that are not told here.
    pub(super) fn new(h: &History, v: &View, scan: &Scan) -> Option<Self> {
        if !v.is_lasting() || scan.abbreviated {
            return None;
        }
        let lines = scan.lines.values().flatten().map(|line| line.commit);
        let disowned = scan.events.values().flatten().flat_map(|event| event.block.disowned.iter().copied());
        let mut absent: Vec<Oid> = lines.chain(disowned).filter(|oid| h.find(oid).is_none()).collect();
        absent.sort_unstable();
        absent.dedup();
        Some(Self {
            from: v.from,
            branches: v.branches.clone(),
            aliases: v.aliases.clone(),
            said: h.said()?,
            name: target::name_of_from(v),
            absent,
        })
    }

    /// Whether the ledger that was made from it is the one that a fold of this history, looked at like this, would make.
    pub fn still_holds(&self, h: &History, v: &View) -> bool {
        let same_words = self.aliases == v.aliases && Some(self.said) == h.said();
        let same_names = self.branches.keys().eq(v.branches.keys()) && self.name == target::name_of_from(v);
        if !(v.is_lasting() && same_words && same_names && self.absent.iter().all(|oid| h.find(oid).is_none())) {
            return false;
        }
        let mut advance = Advance { h, known: HashMap::new(), looked: 0 };
        let mut tips = self.branches.values().zip(v.branches.values());
        advance.holds(self.from, v.from)
            && tips.all(|(then, now)| {
                then.len() == now.len() && then.iter().zip(now).all(|(then, now)| advance.holds(*then, *now))
            })
    }
}

/// Looks at what branches have gained.
struct Advance<'h> {
    h: &'h History,
    /// Many branches may have gone the same way.
    known: HashMap<(Oid, Oid), bool>,
    looked: usize,
}

impl Advance<'_> {
    /// Whether a branch that stood at `then` holds nothing more that says something where it stands `now`, and brought all
    /// else by the same commits.
    fn holds(&mut self, then: Oid, now: Oid) -> bool {
        if then == now {
            return self.h.find(&now).is_some();
        }
        if let Some(known) = self.known.get(&(then, now)) {
            return *known;
        }
        let holds = self.gains_nothing(then, now).unwrap_or(false);
        self.known.insert((then, now), holds);
        holds
    }

    fn gains_nothing(&mut self, then: Oid, now: Oid) -> Option<bool> {
        let h = self.h;
        let (then, now) = (h.find(&then)?, h.find(&now)?);
        let mut trunk = now;
        while trunk != then {
            trunk = h.first_parent(trunk).filter(|at| h.generation(*at) >= h.generation(then))?;
            self.looked += 1;
        }
        let (mut open, mut seen) = (vec![now], HashSet::from([now]));
        while let Some(at) = open.pop() {
            if h.reaches(then, at) {
                continue;
            }
            self.looked += 1;
            if h.note_at(at).is_some() || self.looked > MOST {
                return None;
            }
            open.extend(h.parents_of(at).filter(|parent| seen.insert(*parent)));
        }
        Some(true)
    }
}
