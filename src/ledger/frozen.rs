//! A history as bytes: written once, read where it lies, however large it is.
//!
//! The bytes hold the arrays of a [`History`](super::History) as they are asked for, little-endian, behind a header and
//! before a checksum of everything; so a file of a million commits is opened without reading it commit by commit, and what
//! commits say is looked at where somebody asks. What is torn, foreign, of another version or changed in any byte is no
//! frozen history, and the caller walks Git instead.
//! Nothing that these bytes say is needed: they repeat what commits say, which never changes.
//!
//! Commits keep their numbers for good, and a newer history counts on from there ([`super::Builder::on`]).

use std::io::{self, Write};
use std::sync::OnceLock;

use super::history::{History, NONE, Note, digest, number};
use super::oid::Oid;
use super::seal::{SUM, Seal, opened};

/// What the bytes begin with; the digit is the version of the format.
const MAGIC: &[u8; 16] = b"chant history 2\n";
/// How many numbers of four bytes follow it.
const NUMBERS: usize = 9;
/// Where the name of all that says something stands.
const SAID: usize = MAGIC.len() + 4 * NUMBERS;
const HEADER: usize = SAID + 32;
/// One note: commit, whether the tree is the parent's, time, lengths of message and author.
const NOTE: usize = 4 + 4 + 8 + 4 + 4;

/// Bytes that stay as they are and may be read by several threads: a buffer, or a file that is mapped.
pub type Bytes = Box<dyn AsRef<[u8]> + Send + Sync>;

/// A history in its frozen form.
pub struct Frozen {
    bytes: Bytes,
    at: Sections,
    /// How many commits it holds; their numbers are below.
    pub(super) count: u32,
    oid_len: usize,
    slots: u32,
    notes_count: u32,
    /// What commits say, by number, once somebody has asked.
    notes: OnceLock<Vec<(u32, Note)>>,
    /// The commits from which it was walked.
    pub(super) tips: Vec<u32>,
    /// A name for all commits that say something: see [`History::said`].
    pub(super) said: [u8; 32],
}

impl std::fmt::Debug for Frozen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frozen").field("count", &self.count).finish_non_exhaustive()
    }
}

/// Where the arrays begin.
#[derive(Debug, Clone, Copy)]
struct Sections {
    oids: usize,
    offsets: usize,
    parents: usize,
    generations: usize,
    tours: [usize; 2],
    slots: usize,
    tips: usize,
    notes: usize,
    texts: usize,
    end: usize,
}

/// The numbers of the header.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    oid_len: u32,
    commits: u32,
    parents: u32,
    slots: u32,
    tips: u32,
    notes: u32,
    texts: u64,
}

impl Counts {
    fn read(bytes: &[u8]) -> Option<Self> {
        let n = |i: usize| u32_at(bytes, MAGIC.len() + 4 * i);
        let texts = u64::from(n(6)) | (u64::from(n(7)) << 32);
        let counts = Self { oid_len: n(0), commits: n(1), parents: n(2), slots: n(3), tips: n(4), notes: n(5), texts };
        let sound =
            matches!(counts.oid_len, 20 | 32) && counts.slots.is_power_of_two() && counts.commits < counts.slots;
        sound.then_some(counts)
    }

    fn numbers(&self) -> [u32; NUMBERS] {
        let Self { oid_len, commits, parents, slots, tips, notes, texts } = *self;
        [oid_len, commits, parents, slots, tips, notes, texts as u32, (texts >> 32) as u32, 0]
    }

    /// `None` where it would be more than a machine can hold.
    fn sections(&self) -> Option<Sections> {
        let mut at = HEADER;
        let mut take = |count: u64, size: u64| {
            let start = at;
            at = usize::try_from(count.checked_mul(size)?).ok().and_then(|bytes| at.checked_add(bytes))?;
            Some(start)
        };
        let commits = u64::from(self.commits);
        Some(Sections {
            oids: take(commits, self.oid_len.into())?,
            offsets: take(commits + 1, 4)?,
            parents: take(self.parents.into(), 4)?,
            generations: take(commits, 4)?,
            tours: [take(commits, 8)?, take(commits, 8)?],
            slots: take(self.slots.into(), 4)?,
            tips: take(self.tips.into(), 4)?,
            notes: take(self.notes.into(), NOTE as u64)?,
            texts: take(self.texts, 1)?,
            end: at,
        })
    }
}

impl Frozen {
    /// The history that these bytes hold; `None` where they are not whole.
    pub fn new(bytes: Bytes) -> Option<Self> {
        opened((*bytes).as_ref(), MAGIC)?;
        Self::known(bytes)
    }

    /// The same, of bytes that opened before: they are not summed up again.
    pub fn known(bytes: Bytes) -> Option<Self> {
        let all = (*bytes).as_ref();
        let counts = Counts::read(all)?;
        let at = counts.sections()?;
        if !all.starts_with(MAGIC) || at.end.checked_add(SUM)? != all.len() {
            return None;
        }
        let said = all.get(SAID..HEADER)?.try_into().ok()?;
        let tips = (0..counts.tips as usize).map(|i| u32_at(all, at.tips + 4 * i)).collect();
        Some(Self {
            bytes,
            at,
            count: counts.commits,
            oid_len: counts.oid_len as usize,
            slots: counts.slots,
            notes_count: counts.notes,
            notes: OnceLock::new(),
            tips,
            said,
        })
    }

    /// What commits say, by number.
    pub(super) fn notes(&self) -> &[(u32, Note)] {
        self.notes.get_or_init(|| notes(self.all(), &self.at, self.notes_count))
    }

    /// How many commits it holds.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// How many of them say something.
    pub fn says(&self) -> usize {
        self.notes_count as usize
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn all(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }

    fn number(&self, section: usize, i: u32) -> u32 {
        u32_at(self.all(), section + 4 * i as usize)
    }

    pub(super) fn oid(&self, at: u32) -> Oid {
        let start = self.at.oids + self.oid_len * at as usize;
        let raw = self.all().get(start..start + self.oid_len);
        raw.and_then(Oid::from_bytes).unwrap_or_else(Oid::null)
    }

    /// The number of a commit.
    pub(super) fn find(&self, id: &Oid) -> Option<u32> {
        let mask = self.slots - 1;
        let mut slot = id.spread() as u32 & mask;
        // A table without an empty slot cannot be written, and one that claims to be is not searched for ever.
        for _ in 0..self.slots {
            match self.number(self.at.slots, slot) {
                NONE => return None,
                found if self.oid(found) == *id => return Some(found),
                _ => slot = (slot + 1) & mask,
            }
        }
        None
    }

    /// Where the parents of a commit stand, for [`Self::parent`].
    pub(super) fn parents(&self, at: u32) -> std::ops::Range<u32> {
        let end = self.number(self.at.offsets, at + 1);
        self.number(self.at.offsets, at).min(end)..end
    }

    pub(super) fn parent(&self, place: u32) -> u32 {
        self.number(self.at.parents, place)
    }

    pub(super) fn generation(&self, at: u32) -> u32 {
        self.number(self.at.generations, at)
    }

    /// One of the two tours: how many had been left when a commit was entered, and when it was left.
    pub(super) fn span(&self, tour: usize, at: u32) -> (u32, u32) {
        let section = self.at.tours[tour];
        (self.number(section, 2 * at), self.number(section, 2 * at + 1))
    }
}

/// Writes the bytes of [`Frozen`]: of a history in which every commit is here, under its number, and nothing is hidden.
///
/// # Errors
/// What `to` says.
pub(super) fn freeze(h: &History, tips: &[u32], to: &mut dyn Write) -> io::Result<()> {
    let count = number(h.len());
    let slots = (u64::from(count) * 2 + 1).next_power_of_two().max(16);
    let counts = Counts {
        oid_len: number(if count == 0 { 20 } else { h.oid(0).as_bytes().len() }),
        commits: count,
        parents: number((0..count).map(|at| h.all_parents(at).count()).sum()),
        slots: u32::try_from(slots).unwrap_or(1 << 31),
        tips: number(tips.len()),
        notes: number(h.notes().count()),
        texts: h.notes().map(|(_, note)| (note.message.len() + note.author.len()) as u64).sum(),
    };
    let mut out = Seal::new(to, MAGIC);
    counts.numbers().into_iter().try_for_each(|n| put(&mut out, n))?;
    out.write_all(&digest(None, h.notes().map(|(at, _)| h.oid(at))))?;
    (0..count).try_for_each(|at| out.write_all(h.oid(at).as_bytes()))?;
    let mut offset = 0;
    put(&mut out, 0)?;
    for at in 0..count {
        offset += number(h.all_parents(at).count());
        put(&mut out, offset)?;
    }
    (0..count).flat_map(|at| h.all_parents(at)).try_for_each(|parent| put(&mut out, parent))?;
    (0..count).try_for_each(|at| put(&mut out, h.generation(at)))?;
    for tour in 0..2 {
        let spans = (0..count).map(|at| h.span(tour, at));
        spans.flat_map(|(entered, left)| [entered, left]).try_for_each(|n| put(&mut out, n))?;
    }
    table(h, count, counts.slots).into_iter().try_for_each(|n| put(&mut out, n))?;
    tips.iter().try_for_each(|tip| put(&mut out, *tip))?;
    for (at, note) in h.notes() {
        [at, note.same_tree.into()].into_iter().try_for_each(|n| put(&mut out, n))?;
        out.write_all(&note.time.to_le_bytes())?;
        [note.message.len(), note.author.len()].into_iter().try_for_each(|n| put(&mut out, number(n)))?;
    }
    for (_, note) in h.notes() {
        out.write_all(&note.message)?;
        out.write_all(note.author.as_bytes())?;
    }
    out.finish()
}

fn put(out: &mut dyn Write, number: u32) -> io::Result<()> {
    out.write_all(&number.to_le_bytes())
}

/// The open hash table by which a commit is found: never more than half full.
fn table(h: &History, count: u32, slots: u32) -> Vec<u32> {
    let mask = slots - 1;
    let mut table = vec![NONE; slots as usize];
    for at in 0..count {
        let mut slot = h.oid(at).spread() as u32 & mask;
        while table[slot as usize] != NONE {
            slot = (slot + 1) & mask;
        }
        table[slot as usize] = at;
    }
    table
}

/// The number at a place; outside of the bytes there is none.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(NONE, u32::from_le_bytes)
}

/// What is cut short ends the list: bytes with the right checksum are not.
fn notes(all: &[u8], at: &Sections, count: u32) -> Vec<(u32, Note)> {
    let mut texts = all.get(at.texts..at.end).unwrap_or_default();
    let mut text = |len: u32| {
        let (text, rest) = texts.split_at_checked(len as usize)?;
        texts = rest;
        Some(text)
    };
    let mut one = |i: usize| {
        let start = at.notes + NOTE * i;
        let time = all.get(start + 8..start + 16)?.try_into().ok().map(i64::from_le_bytes)?;
        let message = text(u32_at(all, start + 16))?.into();
        let author = String::from_utf8_lossy(text(u32_at(all, start + 20))?).into_owned();
        Some((u32_at(all, start), Note { message, same_tree: u32_at(all, start + 4) != 0, time, author }))
    };
    (0..count as usize).map_while(&mut one).collect()
}
