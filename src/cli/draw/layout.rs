//! A simple layered layout: what comes after stands to the right, members stand inside their driver.
use super::Picture;

/// Pixels of a spec without members.
pub(super) const BOX: (usize, usize) = (272, 66);
/// Pixels above a driver's members.
pub(super) const HEADER: usize = 98;
const PADDING: usize = 16;
const BETWEEN_COLUMNS: usize = 56;
const BETWEEN_ROWS: usize = 14;
/// A layer with more specs than this is broken into columns, in about the shape of a page.
const ROWS: usize = 8;

/// Where one spec is drawn, in pixels from the top left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Frame {
    pub x: usize,
    pub y: usize,
    pub w: usize,
    pub h: usize,
}

/// The frame of every spec, and the size of the whole.
pub(super) fn layout(picture: &Picture) -> (Vec<Frame>, usize, usize) {
    let count = picture.rows.len();
    let mut frames = vec![Frame { w: BOX.0, h: BOX.1, ..Frame::default() }; count];
    let mut arrows: Vec<Vec<(usize, usize)>> = vec![Vec::new(); count + 1];
    for (from, to) in picture.arrows() {
        let (from, to) = picture.forest.lift(from, to);
        arrows[picture.forest.driver(from).unwrap_or(count)].push((from, to));
    }
    let mut layer = vec![0; count];
    let mut inside_out: Vec<usize> = (0..count).filter(|&i| !picture.members[i].is_empty()).collect();
    inside_out.sort_by_key(|&i| std::cmp::Reverse(picture.forest.depth(i)));
    for &i in &inside_out {
        let (w, h) = arrange(&picture.members[i], &arrows[i], &mut frames, &mut layer);
        frames[i].w = (w + 2 * PADDING).max(BOX.0 + 2 * PADDING);
        frames[i].h = HEADER + h + PADDING;
    }
    let (w, h) = arrange(&picture.roots(), &arrows[count], &mut frames, &mut layer);
    for &i in inside_out.iter().rev() {
        let Frame { x, y, .. } = frames[i];
        for &m in &picture.members[i] {
            frames[m].x += x + PADDING;
            frames[m].y += y + HEADER;
        }
    }
    for frame in &mut frames {
        frame.x += PADDING;
        frame.y += PADDING;
    }
    (frames, w + 2 * PADDING, h + 2 * PADDING)
}

/// Places siblings beside each other; their sizes are known. Gives the size of the whole.
fn arrange(siblings: &[usize], arrows: &[(usize, usize)], frames: &mut [Frame], layer: &mut [usize]) -> (usize, usize) {
    let columns = columns(siblings, arrows, layer);
    let height_of = |column: &Vec<usize>, frames: &[Frame]| {
        column.iter().map(|&i| frames[i].h).sum::<usize>() + BETWEEN_ROWS * column.len().saturating_sub(1)
    };
    let tallest = columns.iter().map(|column| height_of(column, frames)).max().unwrap_or(0);
    let mut x = 0;
    for column in &columns {
        let mut y = (tallest - height_of(column, frames)) / 2;
        let width = column.iter().map(|&i| frames[i].w).max().unwrap_or(0);
        for &i in column {
            frames[i].x = x;
            frames[i].y = y;
            y += frames[i].h + BETWEEN_ROWS;
        }
        x += width + BETWEEN_COLUMNS;
    }
    (x.saturating_sub(BETWEEN_COLUMNS), tallest)
}

/// Siblings in columns, each after all that it depends on; what waits for itself comes in a column at the end.
fn columns(siblings: &[usize], arrows: &[(usize, usize)], layer: &mut [usize]) -> Vec<Vec<usize>> {
    let place: std::collections::HashMap<usize, usize> = siblings.iter().enumerate().map(|(at, &i)| (i, at)).collect();
    let mut waits = vec![0; siblings.len()];
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); siblings.len()];
    for (from, to) in arrows {
        if let (Some(&from), Some(&to)) = (place.get(from), place.get(to)) {
            after[from].push(to);
            waits[to] += 1;
        }
    }
    siblings.iter().for_each(|&i| layer[i] = 0);
    let mut free: Vec<usize> = (0..siblings.len()).filter(|&at| waits[at] == 0).collect();
    let mut layers: Vec<Vec<usize>> = Vec::new();
    let mut placed = vec![false; siblings.len()];
    while let Some(at) = free.pop() {
        placed[at] = true;
        for &later in &after[at] {
            layer[siblings[later]] = layer[siblings[later]].max(layer[siblings[at]] + 1);
            waits[later] -= 1;
            if waits[later] == 0 {
                free.push(later);
            }
        }
    }
    for &i in siblings.iter().enumerate().filter(|(at, _)| placed[*at]).map(|(_, i)| i) {
        if layers.len() <= layer[i] {
            layers.resize(layer[i] + 1, Vec::new());
        }
        layers[layer[i]].push(i);
    }
    layers.push(siblings.iter().enumerate().filter(|(at, _)| !placed[*at]).map(|(_, &i)| i).collect());
    layers.iter().flat_map(|layer| layer.chunks(rows(layer.len())).map(<[usize]>::to_vec).collect::<Vec<_>>()).collect()
}

/// How many rows a layer of so many specs is given: boxes are about four times as wide as high.
fn rows(specs: usize) -> usize {
    ROWS.max((4 * specs).isqrt())
}
