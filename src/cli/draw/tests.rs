use std::collections::BTreeMap;

use proptest::prelude::*;

use super::layout::{Frame, layout};
use super::*;
use crate::cli::text::wide;
use crate::plan::Row;
use crate::plan::fixture::{World, id};
use crate::plan::kpi::kpi;

fn churn() -> World {
    let mut world = World::new([
        ("001-research-churn-drivers", "type: research"),
        (
            "002-driver-churn-fixes",
            "type: driver\ndepends_on: ['001']\nkpi: {metric: monthly churn, unit: '%', baseline: 8, target: 5}",
        ),
        ("002-driver-churn-fixes.1", "kpi: {impact: 3.5}"),
        ("002-driver-churn-fixes.2", "kpi: {impact: 1.5}"),
        ("002-driver-churn-fixes.3", "kpi: {impact: 1.2}\ndepends_on: ['002.1', '002.2']"),
        ("003-report", "depends_on: ['002']\napproval: required"),
    ]);
    world.land("001-research-churn-drivers").branch("002-driver-churn-fixes").land("002-driver-churn-fixes.1");
    world.fail("002-driver-churn-fixes.2", "criterion 2 unmet");
    world
}

fn world(specs: &[(&str, &str)]) -> World {
    World::new(specs.iter().copied())
}

fn drawn(world: &World) -> (Vec<Row>, BTreeMap<SpecId, KpiView>) {
    world.see(|input, board| {
        let views = input.set.ids().filter_map(|id| Some((id.clone(), kpi(input.set, board, id)?))).collect();
        (board.rows.clone(), views)
    })
}

fn plain(width: usize) -> Look {
    Look { width, colour: false }
}

fn without_colours(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn the_tree_reads_without_a_legend_at_eighty_columns() {
    let (rows, kpis) = drawn(&churn());
    let expected = "\
✓ completed    001-research-churn-drivers  Title of 001-research-churn-drivers
◐ in progress  002-driver-churn-fixes  Title of 002-driver-churn-fixes
               │  monthly churn 8 -> 5 %: landed 3.5 of 6.2 pp expected
               │  after ✓ 001-research-churn-drivers
               │  ! 002-driver-churn-fixes.2 failed: criterion 2 unmet
✓ completed    ├─ 002.1  Title of 002-driver-churn-fixes.1  3.5 pp
✗ failed       ├─ 002.2  Title of 002-driver-churn-fixes.2  1.5 pp
⊘ blocked      └─ 002.3  Title of 002-driver-churn-fixes.3  1.2 pp
                     after ✓ 002.1, ✗ 002.2
⊘ blocked      003-report  Title of 003-report
                  after ◐ 002-driver-churn-fixes
                  waits: attempt 1 of 003-report needs an approval
";
    assert_eq!(tree(&rows, &kpis, plain(80)), expected);
}

#[test]
fn colours_change_nothing_but_the_colours_and_a_pipe_gets_none() {
    let (rows, kpis) = drawn(&churn());
    let coloured = tree(&rows, &kpis, Look { width: 80, colour: true });
    assert!(coloured.contains('\u{1b}'));
    assert_eq!(without_colours(&coloured), tree(&rows, &kpis, plain(80)));
    assert!(!tree(&rows, &kpis, plain(80)).contains('\u{1b}'));
}

#[test]
fn nested_members_hang_under_their_drivers_with_the_lines_that_pass_by() {
    let world = world(&[
        ("1-d", "type: driver"),
        ("1-d.1", "type: driver"),
        ("1-d.1.1", ""),
        ("1-d.1.2", "depends_on: [2-a]"),
        ("1-d.2", ""),
        ("2-a", ""),
    ]);
    let (rows, kpis) = drawn(&world);
    let text = tree(&rows, &kpis, plain(80));
    assert!(text.contains("│  ├─ 1.1.1"), "{text}");
    assert!(text.contains("│  └─ 1.1.2"), "{text}");
    assert!(text.contains("│        after ○ 2-a"), "{text}");
    assert!(text.contains("└─ 1.2"), "{text}");
}

#[test]
fn a_member_that_shares_its_number_is_called_by_its_whole_id() {
    let world = world(&[("1-a", "type: driver"), ("1-a.1", ""), ("1-b", "type: driver"), ("1-b.1", "")]);
    let (rows, kpis) = drawn(&world);
    assert!(tree(&rows, &kpis, plain(80)).contains("└─ 1-a.1  "));
}

#[test]
fn a_filtered_member_stands_alone_and_what_is_not_shown_is_still_named() {
    let (rows, kpis) = drawn(&churn());
    let only: Vec<Row> = rows.into_iter().filter(|row| row.id == id("002-driver-churn-fixes.3")).collect();
    let text = tree(&only, &kpis, plain(80));
    assert!(text.starts_with("⊘ blocked      002-driver-churn-fixes.3  "), "{text}");
    assert!(text.contains("after 002-driver-churn-fixes.1, 002-driver-churn-fixes.2"), "{text}");
}

#[test]
fn many_dependencies_are_counted_rather_than_listed() {
    let mut specs: Vec<(String, String)> = (10..40).map(|i| (format!("{i}-s"), String::new())).collect();
    let all: Vec<&str> = specs.iter().map(|(name, _)| name.as_str()).collect();
    let front = format!("depends_on: [{}]", all.join(", "));
    specs.push(("99-z".into(), front));
    let world = World::new(specs.iter().map(|(name, front)| (name.as_str(), front.as_str())));
    let (rows, kpis) = drawn(&world);
    assert!(tree(&rows, &kpis, plain(100)).contains("○ 15-s, and 24 more\n"));
}

#[test]
fn mermaid_holds_members_in_subgraphs_and_arrows_to_what_waits() {
    let (rows, kpis) = drawn(&churn());
    let text = mermaid(&rows, &kpis);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    assert_eq!(lines[0], "flowchart LR");
    assert!(lines[2].starts_with("subgraph n1[\"002-driver-churn-fixes<br/>"), "{text}");
    assert!(lines.contains(&"n0 --> n1") && lines.contains(&"n3 --> n4") && lines.contains(&"n1 --> n5"), "{text}");
    assert!(lines.contains(&"class n0,n2 completed"), "{text}");
}

#[test]
fn dot_draws_arrows_between_clusters_by_way_of_a_node_in_them() {
    let (rows, kpis) = drawn(&churn());
    let text = dot(&rows, &kpis);
    assert!(text.contains("  subgraph cluster_1 {"), "{text}");
    assert!(text.contains("  n0 -> n2 [lhead=cluster_1];"), "{text}");
    assert!(text.contains("  n2 -> n5 [ltail=cluster_1];"), "{text}");
    assert_eq!(text.matches('{').count(), text.matches('}').count());
}

#[test]
fn the_svg_needs_nothing_from_elsewhere_and_shows_how_much_has_landed() {
    let (rows, kpis) = drawn(&churn());
    let text = svg(&rows, &kpis);
    well_formed(&text);
    assert_eq!(text.matches("http").count(), 1, "the name of its own format");
    for foreign in ["<script", "href", "@import", "<image", "<foreignObject"] {
        assert!(!text.contains(foreign), "{foreign}");
    }
    assert!(text.contains("landed 3.5 of 6.2 pp expected"));
    assert_eq!(text.matches("<path class=\"arrow\"").count(), 4);
}

#[test]
fn no_text_of_the_svg_reaches_out_of_its_box() {
    for title in
        ["A title that is longer than any box ".repeat(5), "WIDE ".repeat(40), "題".repeat(90), "x".repeat(200)]
    {
        let (mut rows, kpis) = drawn(&churn());
        rows.iter_mut().for_each(|row| row.title.clone_from(&title));
        let text = svg(&rows, &kpis);
        well_formed(&text);
        let number = |tag: &str, name: &str| -> usize {
            tag.split(&format!(" {name}=\"")).nth(1).and_then(|rest| rest.split('"').next()?.parse().ok()).unwrap()
        };
        for group in text.split("<g>").skip(1) {
            let frame = group.split("<rect").nth(1).unwrap();
            let (left, right) = (number(frame, "x"), number(frame, "x") + number(frame, "width"));
            for line in group.split("<text").skip(1) {
                let words = line.split(['>', '<']).nth(1).unwrap().replace("&gt;", ">");
                let from = number(line, "x");
                assert!(left < from && from + super::svg::pixels(&words) <= right, "{words}");
            }
        }
        assert_eq!(text.matches('…').count(), rows.len(), "{text}");
    }
}

#[test]
fn nothing_to_draw_is_still_a_drawing() {
    let (rows, kpis) = (Vec::new(), BTreeMap::new());
    assert_eq!(tree(&rows, &kpis, plain(80)), "");
    assert_eq!(mermaid(&rows, &kpis), "flowchart LR\n");
    assert!(dot(&rows, &kpis).ends_with("}\n"));
    well_formed(&svg(&rows, &kpis));
}

#[test]
fn a_thousand_members_make_a_page_and_not_a_ribbon() {
    let specs: Vec<(String, &str)> =
        (0..1_001).map(|i| if i == 0 { ("d".into(), "type: driver") } else { (format!("d.{i}"), "") }).collect();
    let world = World::new(specs.iter().map(|(name, front)| (name.as_str(), *front)));
    let (rows, kpis) = drawn(&world);
    let (_, width, height) = layout(&Picture::new(&rows, &kpis));
    assert!(width < 3 * height && height < 3 * width, "{width} by {height}");
}

/// Every tag that opens closes, in order, and nothing else looks like one.
fn well_formed(text: &str) {
    let mut open = Vec::new();
    for tag in text.split('<').skip(1) {
        let (tag, after) = tag.split_once('>').expect("a tag ends");
        assert!(!after.contains('>') || open.last() == Some(&"style"), "{after}");
        let words = after.split('&').skip(1);
        words.for_each(|word| assert!(["amp;", "lt;", "gt;", "quot;"].iter().any(|e| word.starts_with(e)), "{word}"));
        let name = tag.split([' ', '/']).next().unwrap();
        match (tag.strip_prefix('/'), tag.ends_with('/')) {
            (Some(name), _) => assert_eq!(open.pop(), Some(name)),
            (None, true) => {}
            (None, false) => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

fn overlap(a: Frame, b: Frame) -> bool {
    a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}

fn inside(outer: Frame, inner: Frame) -> bool {
    let right = inner.x + inner.w <= outer.x + outer.w && inner.y + inner.h <= outer.y + outer.h;
    inner.x >= outer.x && inner.y >= outer.y && right
}

/// Specs named by their place in a random forest, with dependencies that may well go round.
fn forest() -> impl Strategy<Value = Vec<(String, String)>> {
    (1_usize..14).prop_flat_map(|n| {
        let parents = (0..n).map(|i| proptest::option::of(0..i.max(1)).prop_map(move |p| p.filter(|&p| p < i)));
        (parents.collect::<Vec<_>>(), proptest::collection::vec((0..n, 0..n), 0..n)).prop_map(|(parents, needs)| {
            let mut names: Vec<String> = Vec::new();
            for (i, parent) in parents.iter().enumerate() {
                names.push(parent.map_or_else(|| format!("{i}-s"), |p| format!("{}.{i}", names[p])));
            }
            let front = |i: usize| {
                let kind = if parents.contains(&Some(i)) { "type: driver\n" } else { "" };
                let needs: Vec<&str> = needs.iter().filter(|(a, _)| *a == i).map(|(_, b)| names[*b].as_str()).collect();
                format!("{kind}depends_on: [{}]", needs.join(", "))
            };
            (0..names.len()).map(|i| (names[i].clone(), front(i))).collect()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn members_are_drawn_inside_their_driver_and_no_two_others_touch(specs in forest()) {
        let world = World::new(specs.iter().map(|(name, front)| (name.as_str(), front.as_str())));
        let (rows, kpis) = drawn(&world);
        let picture = Picture::new(&rows, &kpis);
        let (frames, width, height) = layout(&picture);
        let paper = Frame { x: 0, y: 0, w: width, h: height };
        for a in 0..rows.len() {
            prop_assert!(inside(paper, frames[a]));
            for b in (0..rows.len()).filter(|&b| b != a) {
                match (picture.holds(a, b), picture.holds(b, a)) {
                    (true, _) => prop_assert!(inside(frames[a], frames[b])),
                    (_, true) => prop_assert!(inside(frames[b], frames[a])),
                    _ => prop_assert!(!overlap(frames[a], frames[b]), "{:?} {:?}", frames[a], frames[b]),
                }
            }
        }
        well_formed(&svg(&rows, &kpis));
    }

    #[test]
    fn whatever_titles_say_it_stays_words(
        title in any::<String>(),
        attention in proptest::option::of(any::<String>()),
        width in 40_usize..120,
    ) {
        let (tame, kpis) = drawn(&churn());
        let mut rows = tame.clone();
        rows[1].title.clone_from(&title);
        rows[2].title = title;
        rows[1].attention = attention;
        let text = tree(&rows, &kpis, plain(width));
        prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        for line in text.lines() {
            // Ids, which people copy, are never cut.
            prop_assert!(wide(line) <= width || line.contains("00"), "{line}");
        }
        prop_assert_eq!(mermaid(&rows, &kpis).lines().count(), mermaid(&tame, &kpis).lines().count());
        prop_assert_eq!(dot(&rows, &kpis).lines().count(), dot(&tame, &kpis).lines().count());
        let quotes = |text: &str| text.replace("\\\\", "").replace("\\\"", "").matches('"').count();
        prop_assert_eq!(quotes(&dot(&rows, &kpis)), quotes(&dot(&tame, &kpis)));
        prop_assert_eq!(mermaid(&rows, &kpis).matches('"').count(), mermaid(&tame, &kpis).matches('"').count());
        let text = svg(&rows, &kpis);
        well_formed(&text);
        prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    }
}
