//! DOT, for Graphviz.
use std::collections::BTreeMap;

use crate::plan::{KpiView, Row};
use crate::spec::SpecId;

use super::{Colours, Picture, colours};

/// Draws rows as a DOT digraph: a driver is a cluster, an arrow goes from a dependency to what waits for it.
pub fn dot(rows: &[Row], kpis: &BTreeMap<SpecId, KpiView>) -> String {
    let picture = Picture::new(rows, kpis);
    let mut lines = vec![
        "digraph chant {".to_owned(),
        "  rankdir=LR; compound=true;".to_owned(),
        "  graph [fontname=\"Helvetica\" style=\"rounded,filled\"];".to_owned(),
        "  node [fontname=\"Helvetica\" shape=box style=\"rounded,filled\"];".to_owned(),
    ];
    let mut todo: Vec<(usize, usize, bool)> = picture.roots().into_iter().rev().map(|i| (i, 1, false)).collect();
    while let Some((i, depth, ends)) = todo.pop() {
        let indent = "  ".repeat(depth.min(40));
        let Colours { fill, line, .. } = colours(rows[i].status);
        let look = format!("label=\"{}\" fillcolor=\"{fill}\" color=\"{line}\"", label(&picture, i));
        if ends {
            lines.push(format!("{indent}}}"));
        } else if picture.members[i].is_empty() {
            lines.push(format!("{indent}n{i} [{look}];"));
        } else {
            lines.push(format!("{indent}subgraph cluster_{i} {{"));
            lines.push(format!("{indent}  graph [{look}];"));
            todo.push((i, depth, true));
            todo.extend(picture.members[i].iter().rev().map(|&m| (m, depth + 1, false)));
        }
    }
    let leaf = leaves(&picture);
    lines.extend(picture.arrows().iter().map(|&(from, to)| arrow(&picture, &leaf, from, to)));
    lines.push("}\n".to_owned());
    lines.join("\n")
}

/// For each spec a node that stands for it: itself, or the first without members under it. Clusters can be no ends of
/// arrows in DOT; an arrow is drawn to a node in one, and cut off at its border.
fn leaves(picture: &Picture) -> Vec<usize> {
    let mut leaf: Vec<usize> = (0..picture.rows.len()).collect();
    let mut inside_out = leaf.clone();
    inside_out.sort_by_key(|&i| std::cmp::Reverse(picture.forest.depth(i)));
    for i in inside_out {
        if let Some(&first) = picture.members[i].first() {
            leaf[i] = leaf[first];
        }
    }
    leaf
}

fn arrow(picture: &Picture, leaf: &[usize], from: usize, to: usize) -> String {
    let cluster = |i: usize, word: &str| (!picture.members[i].is_empty()).then(|| format!("{word}=cluster_{i}"));
    let ends: Vec<String> = [cluster(from, "ltail"), cluster(to, "lhead")].into_iter().flatten().collect();
    let ends = if ends.is_empty() { String::new() } else { format!(" [{}]", ends.join(" ")) };
    format!("  n{} -> n{}{ends};", leaf[from], leaf[to])
}

fn label(picture: &Picture, i: usize) -> String {
    picture.label(i).iter().map(|part| escape(part)).collect::<Vec<_>>().join("\\n")
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
