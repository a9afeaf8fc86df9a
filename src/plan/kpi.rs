//! What a driver's members are expected to bring, and how much of it has landed.
use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::spec::{Kpi, Set, SpecId};

use super::board::Board;
use super::status::Status;

/// A driver's figures. Sums are in the driver's unit, and say nothing of overlap between the members.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct KpiView {
    /// The driver.
    pub id: SpecId,
    /// What is measured.
    pub metric: Option<String>,
    /// In which unit, as the spec writes it.
    pub unit: Option<String>,
    /// Where it stood.
    pub baseline: Option<f64>,
    /// Where it is to go.
    pub target: Option<f64>,
    /// The impacts of all that was not cancelled, added up.
    pub expected: f64,
    /// Of that, what has landed on the driver's branch or beyond.
    pub landed: f64,
    /// Whether the driver itself has landed, so that what has landed is where people use it.
    pub driver_landed: bool,
    /// The direct members, in natural order.
    pub members: Vec<Share>,
}

/// What one member adds.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Share {
    /// The member.
    pub id: SpecId,
    /// Where it stands.
    pub status: Status,
    /// What it is expected to bring: its members' impacts, or its own where they say nothing; `null` where nobody says.
    pub impact: Option<f64>,
    /// Of that, what has landed.
    pub landed: f64,
}

impl KpiView {
    /// How far the metric is to move, whichever way; `None` where the driver does not say.
    pub fn needed(&self) -> Option<f64> {
        Some(round((self.target? - self.baseline?).abs()))
    }

    /// `monthly churn 8 -> 5 %: landed 3.5 of 6.2 pp expected`, as far as the driver says.
    pub fn words(&self) -> String {
        let lead = self.goal().map(|goal| format!("{goal}: ")).unwrap_or_default();
        format!("{lead}{}", self.progress())
    }

    /// The first half of that; `None` where the driver says nothing.
    pub fn goal(&self) -> Option<String> {
        goal(self.metric.as_deref(), self.unit.as_deref(), self.baseline, self.target)
    }

    /// The second half.
    pub fn progress(&self) -> String {
        progress(self.landed, self.expected, self.unit.as_deref())
    }
}

/// `monthly churn 8 -> 5 %`, as far as somebody says; `None` where nobody says anything.
pub fn goal(metric: Option<&str>, unit: Option<&str>, baseline: Option<f64>, target: Option<f64>) -> Option<String> {
    let unit = suffix(unit);
    let way = match (baseline, target) {
        (Some(from), Some(to)) => Some(format!("{} -> {}{unit}", amount(from), amount(to))),
        (None, Some(to)) => Some(format!("-> {}{unit}", amount(to))),
        (Some(from), None) => Some(format!("from {}{unit}", amount(from))),
        (None, None) => None,
    };
    let words: Vec<String> = metric.map(str::to_owned).into_iter().chain(way).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// `landed 3.5 of 6.2 pp expected`
pub fn progress(landed: f64, expected: f64, unit: Option<&str>) -> String {
    format!("landed {} of {} expected", amount(landed), impact(expected, unit))
}

/// `3.5 pp`: by how much a figure moves. What is measured in percent moves by percentage points.
pub fn impact(number: f64, unit: Option<&str>) -> String {
    let unit = if unit.is_some_and(|unit| unit.trim() == "%") { Some("pp") } else { unit };
    format!("{}{}", amount(number), suffix(unit))
}

fn suffix(unit: Option<&str>) -> String {
    unit.map(|unit| format!(" {}", unit.trim())).unwrap_or_default()
}

/// A number as people write it: no more digits than it has, and none that adding up made.
pub fn amount(number: f64) -> String {
    let rounded = round(number);
    if rounded == 0.0 { "0".to_owned() } else { rounded.to_string() }
}

fn round(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

/// The figures of a driver; `None` where neither it nor any spec under it has a `kpi`.
pub fn kpi(set: &Set, board: &Board, driver: &SpecId) -> Option<KpiView> {
    let spec = set.get(driver)?;
    let under = under(set, driver);
    if set.members_of(driver).is_empty() || !under.iter().any(|id| set.get(id).is_some_and(|s| s.kpi.is_some())) {
        return None;
    }
    let mut sums: HashMap<&SpecId, Sum> = HashMap::new();
    for id in under.iter().rev() {
        let sum = sum(set, board, id, &sums);
        sums.insert(id, sum);
    }
    let members = set.members_of(driver).iter().map(|id| share(board, id, sums.get(id))).collect();
    let own = spec.kpi.clone().unwrap_or(Kpi { metric: None, unit: None, baseline: None, target: None, impact: None });
    let total = sums.get(driver).copied().unwrap_or_default();
    Some(KpiView {
        id: driver.clone(),
        metric: own.metric,
        unit: own.unit,
        baseline: own.baseline,
        target: own.target,
        expected: round(total.expected.unwrap_or(0.0)),
        landed: round(total.landed),
        driver_landed: board.status(driver) == Status::Completed,
        members,
    })
}

/// A spec and all under it, each before its members.
fn under<'s>(set: &'s Set, driver: &'s SpecId) -> Vec<&'s SpecId> {
    let (mut all, mut seen, mut todo) = (Vec::new(), HashSet::new(), vec![driver]);
    while let Some(id) = todo.pop() {
        if seen.insert(id) {
            all.push(id);
            todo.extend(set.members_of(id));
        }
    }
    all
}

#[derive(Clone, Copy, Default)]
struct Sum {
    expected: Option<f64>,
    landed: f64,
}

/// What a spec is expected to bring: the sum of its members' impacts, or its own where none of them says anything.
fn sum(set: &Set, board: &Board, id: &SpecId, below: &HashMap<&SpecId, Sum>) -> Sum {
    let impact = set.get(id).and_then(|s| s.kpi.as_ref()?.impact).filter(|i| i.is_finite());
    let status = board.status(id);
    let members = set.members_of(id).iter().filter(|m| board.status(m) != Status::Cancelled);
    let mut of_members = Sum::default();
    for member in members.filter_map(|m| below.get(m)) {
        of_members.landed += member.landed;
        if let Some(expected) = member.expected {
            of_members.expected = Some(of_members.expected.unwrap_or(0.0) + expected);
        }
    }
    match of_members.expected {
        Some(_) => of_members,
        None => Sum { expected: impact, landed: impact.filter(|_| status == Status::Completed).unwrap_or(0.0) },
    }
}

fn share(board: &Board, id: &SpecId, sum: Option<&Sum>) -> Share {
    let sum = sum.copied().unwrap_or_default();
    Share { id: id.clone(), status: board.status(id), impact: sum.expected.map(round), landed: round(sum.landed) }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{World, id};
    use super::*;

    fn churn() -> World {
        World::new([
            ("002-fix", "type: driver\nkpi: {metric: monthly churn, unit: '%', baseline: 8, target: 5}"),
            ("002-fix.1", "kpi: {impact: 3.5}"),
            ("002-fix.2", "kpi: {impact: 1.5}"),
            ("002-fix.3", "kpi: {impact: 1.2}"),
            ("003-plain", "type: driver"),
            ("003-plain.1", ""),
        ])
    }

    fn figures(world: &World, driver: &str) -> Option<KpiView> {
        world.see(|input, board| kpi(input.set, board, &id(driver)))
    }

    #[test]
    fn expected_is_the_sum_of_the_members_and_landed_of_those_that_landed() {
        let mut world = churn();
        let view = figures(&world, "002-fix").unwrap();
        assert_eq!((view.expected, view.landed, view.needed(), view.driver_landed), (6.2, 0.0, Some(3.0), false));
        world.land("002-fix.1").land("002-fix.3").fail("002-fix.2", "no");
        let view = figures(&world, "002-fix").unwrap();
        assert_eq!((view.expected, view.landed), (6.2, 4.7));
        assert_eq!(view.words(), "monthly churn 8 -> 5 %: landed 4.7 of 6.2 pp expected");
        assert_eq!(view.members[1].impact, Some(1.5));
        world.land("002-fix.2").land("002-fix");
        let view = figures(&world, "002-fix").unwrap();
        assert_eq!((view.landed, view.driver_landed), (6.2, true));
    }

    #[test]
    fn what_was_cancelled_is_expected_no_more_and_what_was_reverted_has_not_landed() {
        let mut world = churn();
        world.land("002-fix.1").cancel("002-fix.2").revert(&["002-fix.1"]);
        let view = figures(&world, "002-fix").unwrap();
        assert_eq!((view.expected, view.landed), (4.7, 0.0));
    }

    #[test]
    fn a_driver_within_a_driver_counts_by_its_members_and_nobody_twice() {
        let mut world = World::new([
            ("1-d", "type: driver"),
            ("1-d.1", "type: driver\nkpi: {impact: 100}"),
            ("1-d.1.1", "kpi: {impact: 2}"),
            ("1-d.1.2", "kpi: {impact: 3}"),
            ("1-d.2", ""),
        ]);
        world.land("1-d.1.1");
        let view = figures(&world, "1-d").unwrap();
        assert_eq!((view.expected, view.landed, view.words().as_str()), (5.0, 2.0, "landed 2 of 5 expected"));
    }

    #[test]
    fn without_any_figures_there_is_no_view() {
        assert_eq!(figures(&churn(), "003-plain"), None);
        assert_eq!(figures(&churn(), "002-fix.1"), None, "no driver");
        assert_eq!(figures(&churn(), "9-nobody"), None);
    }
}
