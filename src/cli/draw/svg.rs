//! An SVG that stands alone: no script, no font, no style sheet from elsewhere.
use std::collections::BTreeMap;

use crate::plan::{KpiView, Row};
use crate::spec::SpecId;

use super::layout::{BOX, Frame, HEADER, layout};
use super::{Picture, word};
use crate::cli::paint::glyph;
use crate::cli::text::{clean, cut, wide};

/// Pixels between the side of a box and its text.
const MARGIN: usize = 12;

/// Draws rows as an SVG document: members inside their drivers, arrows from dependencies to what waits for them.
pub fn svg(rows: &[Row], kpis: &BTreeMap<SpecId, KpiView>) -> String {
    let picture = Picture::new(rows, kpis);
    let (frames, width, height) = layout(&picture);
    let (width, height) = (width.max(BOX.0), height.max(BOX.1));
    let mut out = vec![
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Specs, their drivers and dependencies\">"
        ),
        STYLE.to_owned(),
        format!("<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>"),
    ];
    let drivers = |i: &usize| !picture.members[*i].is_empty();
    let mut outside_in: Vec<usize> = (0..rows.len()).filter(drivers).collect();
    outside_in.sort_by_key(|&i| picture.forest.depth(i));
    out.extend(outside_in.iter().map(|&i| driver(&picture, i, frames[i])));
    out.extend(picture.arrows().iter().map(|&(from, to)| arrow(&picture, from, frames[from], to, frames[to])));
    out.extend((0..rows.len()).filter(|i| !drivers(i)).map(|i| leaf(&picture, i, frames[i])));
    out.push("</svg>\n".to_owned());
    out.join("\n")
}

const STYLE: &str = "<style>\
    text { font: 12px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328 } \
    .id { font-weight: 600 } .quiet { fill: #57606a } \
    .arrow { fill: none; stroke: #8c959f; stroke-width: 1.5 }\
    </style>\n\
    <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
    orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\" fill=\"#8c959f\"/></marker></defs>";

fn leaf(picture: &Picture, i: usize, frame: Frame) -> String {
    let row = &picture.rows[i];
    let figures = picture.figures(i).map(|figures| format!(" · {figures}")).unwrap_or_default();
    let state = format!("{} {}{figures}", glyph(row.status), word(row.status));
    let lines =
        [text(frame, 20, "id", row.id.as_str()), text(frame, 38, "", &row.title), text(frame, 55, "quiet", &state)];
    group(picture, i, frame, &lines.concat())
}

fn driver(picture: &Picture, i: usize, frame: Frame) -> String {
    let row = &picture.rows[i];
    let view = picture.kpis.get(&row.id);
    // The goal and what has landed of it are too long for one line.
    let goal = view.and_then(|view| view.goal()).map(|goal| format!(" · {goal}")).unwrap_or_default();
    let state = format!("{} {}{goal}", glyph(row.status), word(row.status));
    let progress = view.map(|view| text(frame, 72, "quiet", &view.progress())).unwrap_or_default();
    let lines = [
        text(frame, 20, "id", row.id.as_str()),
        text(frame, 38, "", &row.title),
        text(frame, 55, "quiet", &state),
        progress,
        bar(picture, i, frame),
    ];
    group(picture, i, frame, &lines.concat())
}

/// How much of what is expected has landed, as a bar.
fn bar(picture: &Picture, i: usize, frame: Frame) -> String {
    let Some(view) = picture.kpis.get(&picture.rows[i].id).filter(|view| view.expected > 0.0) else {
        return String::new();
    };
    let (x, y) = (frame.x + MARGIN, frame.y + HEADER - 17);
    let full = frame.w.min(BOX.0 + 32) - 2 * MARGIN;
    let part = (view.landed / view.expected).clamp(0.0, 1.0);
    format!(
        "<rect x=\"{x}\" y=\"{y}\" width=\"{full}\" height=\"6\" rx=\"3\" fill=\"#d0d7de\"/>\
         <rect x=\"{x}\" y=\"{y}\" width=\"{:.1}\" height=\"6\" rx=\"3\" fill=\"#1a7f37\"/>",
        part * full as f64
    )
}

/// A frame in the colours of its status, with what is in it; the whole title where the pointer rests.
fn group(picture: &Picture, i: usize, frame: Frame, inside: &str) -> String {
    let row = &picture.rows[i];
    let super::Colours { fill, line, dashed } = super::colours(row.status);
    let dashes = if dashed { " stroke-dasharray=\"4 3\"" } else { "" };
    let attention = row.attention.as_ref().map(|a| format!(" ({a})")).unwrap_or_default();
    let tip = escape(&format!("{} {}: {}{attention}", row.id, row.title, word(row.status)));
    let Frame { x, y, w, h } = frame;
    format!(
        "<g><title>{tip}</title><rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"8\" fill=\"{fill}\" \
         stroke=\"{line}\"{dashes}/>{inside}</g>"
    )
}

fn arrow(picture: &Picture, from: usize, a: Frame, to: usize, b: Frame) -> String {
    let middle = |i: usize, f: Frame| f.y + if picture.members[i].is_empty() { f.h / 2 } else { HEADER / 2 };
    let (x1, y1, x2, y2) = (a.x + a.w, middle(from, a), b.x, middle(to, b));
    let bend = (x2.abs_diff(x1) / 2).clamp(24, 160);
    let (c1, c2) = (x1 + bend, x2.saturating_sub(bend));
    format!("<path class=\"arrow\" d=\"M{x1} {y1} C{c1} {y1} {c2} {y2} {x2} {y2}\" marker-end=\"url(#tip)\"/>")
}

/// A line of text in a frame, so many pixels below its top, cut where it would reach over the other side.
fn text(frame: Frame, y: usize, class: &str, words: &str) -> String {
    let words = escape(&fit(&clean(words), frame.w.saturating_sub(2 * MARGIN)));
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!("<text x=\"{}\" y=\"{}\"{class}>{words}</text>", frame.x + MARGIN, frame.y + y)
}

/// A text cut to so many pixels, with an ellipsis where something is missing.
fn fit(words: &str, pixels: usize) -> String {
    let fits = |columns: &usize| self::pixels(&cut(words, *columns)) <= pixels;
    // No letter takes less: of an endless title, only so many columns are tried.
    let most = wide(words).min(pixels / 5 + 1);
    (0..=most).rev().find(fits).map(|columns| cut(words, columns)).unwrap_or_default()
}

/// How many pixels a text takes at the size used here, in the widest of the usual fonts, and in bold.
pub(super) fn pixels(words: &str) -> usize {
    let tenths = |c: char| match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '|' | '!' | '\'' | ' ' | '-' => 50,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' => 120,
        'A'..='Z' => 90,
        ' '..='~' => 74,
        // What is not of the Latin alphabet may be a box as wide as it is high.
        _ => 120 * wide(c.encode_utf8(&mut [0; 4])).min(1),
    };
    words.chars().map(tenths).sum::<usize>().div_ceil(10)
}

fn escape(text: &str) -> String {
    let plain = clean(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // These two are characters, yet no XML document may hold them.
    plain.replace('"', "&quot;").replace(['\u{fffe}', '\u{ffff}'], "")
}
