//! The tree for the terminal: the status in a gutter of its own, then drivers with their members under them.
use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use crate::plan::{BlockKind, KpiView, Row};
use crate::spec::SpecId;

use super::{Look, Picture, word};
use crate::cli::paint::{self, glyph};
use crate::cli::text::{brief, clean, cut, wide, wrap};

/// Columns for `✓ in progress  `.
const GUTTER: usize = 15;
/// Deeper nesting is not drawn deeper: there would be no room left for words.
const DEEPEST: usize = 12;
/// As many dependencies are named on a line of their own; more are counted.
const NAMED: usize = 6;
/// Narrower than this nothing is cut any more: better a line that the terminal breaks than no words at all.
const NARROWEST: usize = 40;

/// Draws rows as a tree. Lines keep to the columns of `look`, however long titles and remarks are: only ids, which people
/// copy, are never cut.
pub fn tree(rows: &[Row], kpis: &BTreeMap<SpecId, KpiView>, look: Look) -> String {
    let picture = Picture::new(rows, kpis);
    let drawing = Drawing { picture: &picture, look, numbers: numbers(rows) };
    let mut out = String::new();
    let mut todo: Vec<Twig> =
        picture.roots().into_iter().rev().map(|i| Twig { i, depth: 0, above: String::new(), last: true }).collect();
    while let Some(twig) = todo.pop() {
        drawing.spec(&mut out, &twig);
        let above = twig.above_members();
        let members = &picture.members[twig.i];
        todo.extend(members.iter().enumerate().rev().map(|(at, &i)| Twig {
            i,
            depth: twig.depth + 1,
            above: above.clone(),
            last: at + 1 == members.len(),
        }));
    }
    out
}

/// How many specs bear each number: a member is called by its number only where that is enough.
fn numbers(rows: &[Row]) -> BTreeMap<String, usize> {
    let mut numbers = BTreeMap::new();
    for number in rows.iter().filter_map(|row| row.id.number()) {
        *numbers.entry(number.to_string()).or_insert(0) += 1;
    }
    numbers
}

/// One spec, and where it hangs.
struct Twig {
    i: usize,
    depth: usize,
    /// The lines that pass by on its left, from drivers further out.
    above: String,
    last: bool,
}

impl Twig {
    fn head(&self) -> String {
        match (self.depth, self.last) {
            (0, _) => String::new(),
            (_, true) => format!("{}└─ ", self.above),
            (_, false) => format!("{}├─ ", self.above),
        }
    }

    fn above_members(&self) -> String {
        match (self.depth, self.last) {
            (0, _) => String::new(),
            (depth, _) if depth >= DEEPEST => self.above.clone(),
            (_, true) => format!("{}   ", self.above),
            (_, false) => format!("{}│  ", self.above),
        }
    }

    /// What stands left of the lines that say more about the spec.
    fn beside(&self, has_members: bool) -> String {
        format!("{}{}", self.above_members(), if has_members { "│  " } else { "   " })
    }
}

struct Drawing<'p> {
    picture: &'p Picture<'p>,
    look: Look,
    numbers: BTreeMap<String, usize>,
}

impl Drawing<'_> {
    fn spec(&self, out: &mut String, twig: &Twig) {
        let row = &self.picture.rows[twig.i];
        let gutter = format!("{} {}", glyph(row.status), word(row.status));
        let head = twig.head();
        let name = clean(&self.name(twig.i));
        let figures = self.picture.figures(twig.i).filter(|_| !self.picture.is_driver(twig.i));
        let title = self.title(row, &head, &name, figures.as_deref());
        out.push_str(&self.paint(paint::colour(row.status), &gutter));
        out.push_str(&" ".repeat(GUTTER.saturating_sub(wide(&gutter))));
        out.push_str(&self.paint(Style::new().dimmed(), &head));
        out.push_str(&self.paint(Style::new().bold(), &name));
        out.push_str(&title);
        if let Some(figures) = figures {
            out.push_str(&self.paint(Style::new().dimmed(), &format!("  {figures}")));
        }
        out.push('\n');
        self.remarks(out, twig, row);
    }

    /// The title in the room that is left.
    fn title(&self, row: &Row, head: &str, name: &str, figures: Option<&str>) -> String {
        let title = clean(&row.title);
        let taken = GUTTER + wide(head) + wide(name) + 2 + figures.map_or(0, |f| wide(f) + 2);
        let title = match self.columns() {
            columns if columns < taken + 4 => String::new(),
            columns => cut(&title, columns - taken),
        };
        if title.is_empty() { title } else { format!("  {title}") }
    }

    fn columns(&self) -> usize {
        self.look.width.max(NARROWEST)
    }

    /// `002.1` under its own driver, where no other spec bears that number; else the whole id.
    fn name(&self, i: usize) -> String {
        let row = &self.picture.rows[i];
        let own = row.driver.is_some() && row.id.driver() == row.driver && self.picture.forest.driver(i).is_some();
        match row.id.number() {
            Some(number) if own && self.numbers.get(&number.to_string()) == Some(&1) => number.to_string(),
            _ => row.id.to_string(),
        }
    }

    /// The lines under a spec: what its members bring, what it comes after, what it waits for, who is to look at it.
    fn remarks(&self, out: &mut String, twig: &Twig, row: &Row) {
        let beside = twig.beside(!self.picture.members[twig.i].is_empty());
        if let Some(figures) = self.picture.figures(twig.i).filter(|_| self.picture.is_driver(twig.i)) {
            self.remark(out, &beside, Style::new(), "", &figures);
        }
        if !row.depends_on.is_empty() {
            self.remark(out, &beside, Style::new().dimmed(), "after ", &self.dependencies(row));
        }
        for blocker in row.blocked_by.iter().filter(|b| !matches!(b.what, BlockKind::Spec(_))) {
            self.remark(out, &beside, AnsiColor::Yellow.on_default(), "waits: ", &brief(&blocker.reason));
        }
        if let Some(attention) = &row.attention {
            self.remark(out, &beside, AnsiColor::Yellow.on_default(), "! ", &brief(attention));
        }
    }

    fn dependencies(&self, row: &Row) -> String {
        let named = row.depends_on.iter().take(NAMED).map(|id| match self.picture.index.get(id) {
            // A space that does not break keeps the sign with its name.
            Some(&i) => format!("{}{GLUE}{}", glyph(self.picture.rows[i].status), clean(&self.name(i))),
            None => clean(id.as_str()),
        });
        let mut words: Vec<String> = named.collect();
        if row.depends_on.len() > NAMED {
            words.push(format!("and {} more", row.depends_on.len() - NAMED));
        }
        words.join(", ")
    }

    fn remark(&self, out: &mut String, beside: &str, style: Style, lead: &str, text: &str) {
        let indent = GUTTER + wide(beside) + wide(lead);
        let room = self.columns().saturating_sub(indent).max(12);
        for (at, line) in wrap(text, room).iter().enumerate() {
            let lead = if at == 0 { lead.to_owned() } else { " ".repeat(wide(lead)) };
            let said = format!("{lead}{}", line.replace(GLUE, " "));
            let beside = self.paint(Style::new().dimmed(), beside);
            // Writing to a string cannot fail.
            if writeln!(out, "{}{beside}{}", " ".repeat(GUTTER), self.paint(style, &said)).is_err() {
                return;
            }
        }
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.look.colour && style != Style::new() && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// Stands for a space at which no line is broken.
const GLUE: char = '\u{a0}';
