//! `chant graph`

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};

use super::{Context, Outcome, draw};
use crate::ops::views;
use crate::plan::{self, KpiView};
use crate::project::Look;
use crate::spec::SpecId;

/// Draw drivers, members and dependencies: as a tree, or as Mermaid, DOT or SVG.
#[derive(Args)]
pub struct Graph {
    /// The form of the drawing.
    #[arg(long, value_enum, default_value_t = Format::Tree)]
    format: Format,
    /// As it was at this revision.
    #[arg(long, value_name = "REV")]
    at: Option<String>,
    /// As JSON: the specs and the edges between them.
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For the terminal.
    Tree,
    /// For markdown that renders it.
    Mermaid,
    /// For Graphviz.
    Dot,
    /// A picture.
    Svg,
}

/// The graph, as `chant graph --json` gives it.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct GraphView {
    /// The specs.
    pub nodes: Vec<views::Item>,
    /// What ties them.
    pub edges: Vec<Edge>,
}

/// One tie between two specs.
#[derive(Debug, serde::Serialize, schemars::JsonSchema)]
pub struct Edge {
    /// The spec that waits, or the driver.
    pub from: String,
    /// The spec that is waited for, or the member.
    pub to: String,
    /// `depends_on` or `member`.
    pub kind: String,
}

impl Graph {
    pub fn run(self, context: &Context) -> Outcome {
        let project = context.project()?;
        let look = context.look(&project, self.at.as_deref())?;
        if self.json {
            context.json(&view(&look))?;
            return Ok(0);
        }
        let kpis = kpis(&look);
        let text = match self.format {
            Format::Tree => tree(&look, context.paint.width),
            Format::Mermaid => draw::mermaid(&look.board.rows, &kpis),
            Format::Dot => draw::dot(&look.board.rows, &kpis),
            Format::Svg => draw::svg(&look.board.rows, &kpis),
        };
        context.print(&text)?;
        context.hint_of(&look);
        context.warn_of(&look);
        Ok(0)
    }
}

/// The tree for a terminal of that width.
pub fn tree(look: &Look, width: usize) -> String {
    draw::tree(&look.board.rows, &kpis(look), draw::Look { width, colour: true })
}

fn kpis(look: &Look) -> BTreeMap<SpecId, KpiView> {
    let drivers = look.board.rows.iter().filter(|row| !row.members.is_empty());
    drivers.filter_map(|row| Some((row.id.clone(), plan::kpi(&look.set, &look.board, &row.id)?))).collect()
}

fn view(look: &Look) -> GraphView {
    let mut edges = Vec::new();
    for row in &look.board.rows {
        let mut edge = |to: &SpecId, kind: &str| {
            edges.push(Edge { from: row.id.to_string(), to: to.to_string(), kind: kind.to_owned() });
        };
        look.set.own_depends_on(&row.id).iter().for_each(|to| edge(to, "depends_on"));
        row.members.iter().for_each(|to| edge(to, "member"));
    }
    GraphView { nodes: look.board.rows.iter().map(views::item).collect(), edges }
}
