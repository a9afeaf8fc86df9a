//! Mermaid, as forges and mdbook draw it.
use std::collections::BTreeMap;

use crate::plan::{KpiView, Row, Status};
use crate::spec::SpecId;

use super::{Colours, Picture, colours};

/// Draws rows as a Mermaid flowchart: a driver is a subgraph, an arrow goes from a dependency to what waits for it.
pub fn mermaid(rows: &[Row], kpis: &BTreeMap<SpecId, KpiView>) -> String {
    let picture = Picture::new(rows, kpis);
    let mut lines = vec!["flowchart LR".to_owned()];
    let mut todo: Vec<(usize, usize, bool)> = picture.roots().into_iter().rev().map(|i| (i, 1, false)).collect();
    while let Some((i, depth, ends)) = todo.pop() {
        let indent = "  ".repeat(depth.min(40));
        if ends {
            lines.push(format!("{indent}end"));
        } else if picture.members[i].is_empty() {
            lines.push(format!("{indent}n{i}[\"{}\"]", label(&picture, i)));
        } else {
            lines.push(format!("{indent}subgraph n{i}[\"{}\"]", label(&picture, i)));
            todo.push((i, depth, true));
            todo.extend(picture.members[i].iter().rev().map(|&m| (m, depth + 1, false)));
        }
    }
    lines.extend(picture.arrows().iter().map(|(from, to)| format!("  n{from} --> n{to}")));
    for status in Status::ALL {
        let of_it: Vec<String> =
            (0..rows.len()).filter(|&i| rows[i].status == status).map(|i| format!("n{i}")).collect();
        if !of_it.is_empty() {
            lines.push(format!("  classDef {status} {}", style(status)));
            lines.extend(of_it.chunks(100).map(|some| format!("  class {} {status}", some.join(","))));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

fn label(picture: &Picture, i: usize) -> String {
    picture.label(i).iter().map(|part| escape(part)).collect::<Vec<_>>().join("<br/>")
}

/// Mermaid's own way of writing what would end a label or begin a tag.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("#quot;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            '#' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '{' | '}' | '\\' | '$' => {
                out.push_str(&format!("#{};", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

fn style(status: Status) -> String {
    let Colours { fill, line, dashed } = colours(status);
    let dashes = if dashed { ",stroke-dasharray:4 3" } else { "" };
    format!("fill:{fill},stroke:{line},color:#1f2328{dashes}")
}
