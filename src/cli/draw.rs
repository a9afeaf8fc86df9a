//! Pictures of a board as text: a tree for the terminal, Mermaid, DOT, and an SVG that needs no other program.
//!
//! Pure: rows in, text out. Drivers hold their members; an arrow, or a line beginning with `after`, is a dependency.
use std::collections::{BTreeMap, HashMap};

use super::paint::glyph;
use super::text::clean;
use crate::plan::forest::Forest;
use crate::plan::{KpiView, Row, Status};
use crate::spec::{Kind, SpecId};

mod dot;
mod layout;
mod mermaid;
mod svg;
mod tree;

#[cfg(test)]
mod tests;

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;
pub use tree::tree;

/// How the terminal is to be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns.
    pub width: usize,
    /// Whether colours are wanted.
    pub colour: bool,
}

/// A status as people say it: `in progress`.
pub fn word(status: Status) -> &'static str {
    match status {
        Status::InProgress => "in progress",
        Status::InReview => "in review",
        other => other.as_str(),
    }
}

/// The colours of a status where there is paper under it.
struct Colours {
    fill: &'static str,
    line: &'static str,
    /// A broken line: nothing moves here by itself.
    dashed: bool,
}

fn colours(status: Status) -> Colours {
    let (fill, line) = match status {
        Status::Ready => ("#ffffff", "#57606a"),
        Status::Blocked => ("#f6f8fa", "#8c959f"),
        Status::InProgress => ("#ddf4ff", "#0969da"),
        Status::Stalled | Status::InReview => ("#fff8c5", "#9a6700"),
        Status::Completed => ("#dafbe1", "#1a7f37"),
        Status::Failed => ("#ffebe9", "#cf222e"),
        Status::Cancelled | Status::Unknown => ("#eaeef2", "#8c959f"),
    };
    Colours { fill, line, dashed: matches!(status, Status::Blocked | Status::Stalled | Status::Unknown) }
}

/// Rows to be drawn, by number, with drivers and dependencies among them. What is not in the rows is not drawn.
pub(crate) struct Picture<'r> {
    rows: &'r [Row],
    kpis: &'r BTreeMap<SpecId, KpiView>,
    index: HashMap<&'r SpecId, usize>,
    forest: Forest,
    members: Vec<Vec<usize>>,
}

impl<'r> Picture<'r> {
    fn new(rows: &'r [Row], kpis: &'r BTreeMap<SpecId, KpiView>) -> Self {
        let index: HashMap<&SpecId, usize> = rows.iter().enumerate().map(|(i, row)| (&row.id, i)).collect();
        let drivers = rows.iter().map(|row| index.get(row.driver.as_ref()?).copied()).collect();
        let forest = Forest::new(drivers);
        let mut members = vec![Vec::new(); rows.len()];
        for i in 0..rows.len() {
            if let Some(driver) = forest.driver(i) {
                members[driver].push(i);
            }
        }
        Self { rows, kpis, index, forest, members }
    }

    fn roots(&self) -> Vec<usize> {
        (0..self.rows.len()).filter(|&i| self.forest.driver(i).is_none()).collect()
    }

    /// Pairs of dependency and dependent. What hangs between a driver and a spec under it is left out: it is no arrow
    /// that any of the formats can draw, and lint tells of it.
    fn arrows(&self) -> Vec<(usize, usize)> {
        let mut arrows = Vec::new();
        for (i, row) in self.rows.iter().enumerate() {
            let needed = row.depends_on.iter().filter_map(|id| self.index.get(id).copied());
            arrows.extend(needed.filter(|&d| !self.holds(d, i) && !self.holds(i, d)).map(|d| (d, i)));
        }
        arrows
    }

    /// Whether `inner` is `outer` or stands under it.
    fn holds(&self, outer: usize, inner: usize) -> bool {
        std::iter::successors(Some(inner), |&i| self.forest.driver(i)).any(|i| i == outer)
    }

    fn is_driver(&self, i: usize) -> bool {
        self.rows[i].kind == Kind::Driver || !self.members[i].is_empty()
    }

    /// What stands in a box: id, title, status, figures.
    fn label(&self, i: usize) -> Vec<String> {
        let row = &self.rows[i];
        let state = format!("{} {}", glyph(row.status), word(row.status));
        let parts = [Some(clean(row.id.as_str())), Some(clean(&row.title)), Some(state), self.figures(i)];
        parts.into_iter().flatten().filter(|part| !part.is_empty()).collect()
    }

    /// What a driver's members are to bring, and have brought; or what one spec alone is to bring.
    fn figures(&self, i: usize) -> Option<String> {
        let row = &self.rows[i];
        if let Some(view) = self.kpis.get(&row.id) {
            return Some(clean(&view.words()));
        }
        let impact = row.kpi.as_ref()?.impact.filter(|i| i.is_finite())?;
        let unit = std::iter::successors(Some(i), |&i| self.forest.driver(i))
            .find_map(|i| self.kpis.get(&self.rows[i].id)?.unit.clone());
        Some(clean(&crate::plan::kpi::impact(impact, unit.as_deref())))
    }
}
