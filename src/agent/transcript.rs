//! Where a child's output goes: bounded into a file, its last words to whoever watches, its tail into the outcome.
//!
//! A gigabyte of output costs neither memory nor disk: the file gets the first [`HEAD`] bytes as they come, and when the
//! child has ended a line that says how much is missing and the last [`LAST`] bytes. Secrets are masked before any of it.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::event::{Reader, Said};
use super::mask::{Mask, Masker};
use super::plain::{plain, words};

/// Bytes of one child's output that are written as they come.
pub const HEAD: u64 = 8 << 20;
/// Bytes of the end of the output that are kept where there was more.
pub const LAST: usize = 256 << 10;
/// The most that a tail holds, in bytes.
pub const TAIL: usize = 8 << 10;
/// A line is looked at only so far for words: a child may print a gigabyte without a line feed.
const LINE: usize = 4 << 10;
/// The longest line that a reader is given: a client may print a whole file as one.
const LONGEST: usize = 8 << 20;
/// At most so many lines are passed on in one [`WINDOW`]; of the rest only the last.
const BURST: u32 = 64;
const WINDOW: Duration = Duration::from_millis(100);

/// Who understands a child's output line by line.
pub struct Ear {
    /// What understands it.
    pub reader: Box<dyn Reader>,
    /// Who is told.
    pub tell: UnboundedSender<Said>,
}

impl std::fmt::Debug for Ear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ear")
    }
}

/// An ear and the line that it is hearing. It hears what was said, for a secret may be a word of the client's own language as
/// well; what it understood is masked.
struct Listener {
    ear: Ear,
    mask: Mask,
    line: Vec<u8>,
}

impl Listener {
    fn feed(&mut self, mut bytes: &[u8]) {
        while let Some(at) = bytes.iter().position(|b| *b == b'\n') {
            self.part(&bytes[..at]);
            self.end();
            bytes = &bytes[at + 1..];
        }
        self.part(bytes);
    }

    /// Of a line that is too long the beginning is kept, which then means nothing.
    fn part(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.line.len()).min(bytes.len());
        self.line.extend_from_slice(&bytes[..room]);
    }

    /// Nobody listening any more is no failure.
    fn end(&mut self) {
        let line = std::mem::take(&mut self.line);
        let masked = |words: String| String::from_utf8_lossy(&self.mask.text(words.as_bytes())).into_owned();
        for said in self.ear.reader.line(&line) {
            self.ear.tell.send(said.in_other_words(&masked)).ok();
        }
    }
}

/// The recorder of one child's output.
pub(super) struct Recorder {
    masker: Masker,
    file: Option<File>,
    written: u64,
    last: VecDeque<u8>,
    overflow: u64,
    tail: VecDeque<u8>,
    words: Words,
    listener: Option<Listener>,
}

impl Recorder {
    /// Opens the transcript for appending, where one is wanted; its directory is made.
    pub(super) fn new(
        path: Option<&Path>,
        watch: Option<UnboundedSender<String>>,
        ear: Option<Ear>,
        mask: Mask,
    ) -> io::Result<Self> {
        let file = match path {
            None => None,
            Some(path) => {
                if let Some(dir) = path.parent() {
                    std::fs::create_dir_all(dir)?;
                }
                Some(OpenOptions::new().create(true).append(true).open(path)?)
            }
        };
        let words = Words { watch, line: Vec::new(), sent: 0, since: Instant::now(), held: None };
        let listener = ear.map(|ear| Listener { ear, mask: mask.clone(), line: Vec::new() });
        let (last, tail) = (VecDeque::new(), VecDeque::new());
        Ok(Self { masker: Masker::new(mask), file, written: 0, last, overflow: 0, tail, words, listener })
    }

    /// Takes in what the child printed. A full disk ends the transcript, not the work.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if let Some(listener) = &mut self.listener {
            listener.feed(bytes);
        }
        let bytes = self.masker.feed(bytes);
        self.take(&bytes);
    }

    fn take(&mut self, bytes: &[u8]) {
        keep(&mut self.tail, bytes, 2 * TAIL);
        self.words.feed(bytes);
        let room = usize::try_from(HEAD - self.written).unwrap_or(usize::MAX).min(bytes.len());
        let (now, later) = bytes.split_at(room);
        self.append(now);
        self.written += now.len() as u64;
        if self.file.is_some() {
            self.overflow += later.len() as u64;
            keep(&mut self.last, later, LAST);
        }
    }

    /// When [`Self::tick`] wants to be called, for words that were held back.
    pub(super) fn due(&self) -> Option<Instant> {
        self.words.held.as_ref().map(|_| self.words.since + WINDOW)
    }

    /// Passes on words that were held back.
    pub(super) fn tick(&mut self) {
        self.words.release();
    }

    /// Writes the end of the transcript and gives the tail, as text that is safe to show.
    pub(super) fn finish(mut self) -> String {
        let rest = self.masker.finish();
        self.take(&rest);
        self.words.end();
        if let Some(listener) = &mut self.listener {
            listener.end();
        }
        let last = std::mem::take(&mut self.last);
        let dropped = self.overflow - last.len() as u64;
        if dropped > 0 {
            self.append(format!("\n[chant: {dropped} bytes of output left out here]\n").as_bytes());
        }
        let (one, two) = last.as_slices();
        self.append(one);
        self.append(two);
        tail_of(self.tail.make_contiguous())
    }

    fn append(&mut self, bytes: &[u8]) {
        if let Some(file) = &mut self.file
            && file.write_all(bytes).is_err()
        {
            self.file = None;
        }
    }
}

/// Appends, and drops from the front what is more than `limit`.
fn keep(ring: &mut VecDeque<u8>, bytes: &[u8], limit: usize) {
    let bytes = &bytes[bytes.len().saturating_sub(limit)..];
    let excess = (ring.len() + bytes.len()).saturating_sub(limit);
    ring.drain(..excess.min(ring.len()));
    ring.extend(bytes);
}

/// The last ≤ [`TAIL`] bytes of what is safe to show, beginning with a whole line where something was cut.
fn tail_of(raw: &[u8]) -> String {
    let text = plain(raw);
    let cut = raw.len() == 2 * TAIL || text.len() > TAIL;
    let from = text.ceil_char_boundary(text.len().saturating_sub(TAIL));
    let text = &text[from..];
    match text.split_once('\n') {
        Some((_, rest)) if cut && !rest.is_empty() => rest.to_owned(),
        _ => text.to_owned(),
    }
}

/// The last words, a line each, to whoever watches: never so many that a slow watcher fills the memory.
struct Words {
    watch: Option<UnboundedSender<String>>,
    line: Vec<u8>,
    sent: u32,
    since: Instant,
    held: Option<String>,
}

impl Words {
    fn feed(&mut self, mut bytes: &[u8]) {
        if self.watch.is_none() {
            return;
        }
        while let Some(at) = bytes.iter().position(|b| matches!(b, b'\n' | b'\r')) {
            self.part(&bytes[..at]);
            self.line_ended();
            bytes = &bytes[at + 1..];
        }
        self.part(bytes);
    }

    fn part(&mut self, bytes: &[u8]) {
        let room = LINE.saturating_sub(self.line.len()).min(bytes.len());
        self.line.extend_from_slice(&bytes[..room]);
    }

    fn line_ended(&mut self) {
        if self.line.is_empty() {
            return;
        }
        if self.since.elapsed() >= WINDOW {
            self.release();
        }
        let words = words(&std::mem::take(&mut self.line));
        if words.is_empty() {
            return;
        }
        if self.sent < BURST {
            self.sent += 1;
            self.send(words);
        } else {
            self.held = Some(words);
        }
    }

    /// Begins a new window, with what the last one held back.
    fn release(&mut self) {
        self.since = Instant::now();
        self.sent = 0;
        if let Some(words) = self.held.take() {
            self.sent = 1;
            self.send(words);
        }
    }

    fn end(&mut self) {
        self.line_ended();
        self.release();
    }

    /// Nobody listening any more is no failure: the child's work does not depend on being watched.
    fn send(&mut self, words: String) {
        if self.watch.as_ref().is_some_and(|watch| watch.send(words).is_err()) {
            self.watch = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(chunks: impl IntoIterator<Item = Vec<u8>>) -> (Vec<u8>, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/transcript");
        let mut recorder = Recorder::new(Some(&path), None, None, Mask::default()).unwrap();
        chunks.into_iter().for_each(|chunk| recorder.feed(&chunk));
        let tail = recorder.finish();
        (std::fs::read(path).unwrap(), tail)
    }

    #[test]
    fn short_output_is_kept_whole() {
        let (file, tail) = record([b"one\n".to_vec(), b"\x1b[1mtwo\n".to_vec()]);
        assert_eq!(file, b"one\n\x1b[1mtwo\n");
        assert_eq!(tail, "one\ntwo\n");
    }

    #[test]
    fn what_barely_exceeds_the_head_is_kept_whole_too() {
        let (file, _) = record(std::iter::repeat_n(vec![b'x'; 1 << 16], (HEAD >> 16) as usize + 4));
        assert_eq!(file.len() as u64, HEAD + LAST as u64);
        assert!(file.iter().all(|b| *b == b'x'));
    }

    #[test]
    fn of_long_output_the_beginning_and_the_end_are_kept_and_the_gap_is_named() {
        let mut chunks = vec![vec![b'a'; HEAD as usize - 1], vec![b'b'; 100_001]];
        chunks.push(vec![b'c'; LAST]);
        let (file, tail) = record(chunks);
        let text = String::from_utf8(file).unwrap();
        assert!(text.contains("ab\n[chant: 100000 bytes of output left out here]\nc"), "the gap is named");
        assert!(text.ends_with(&"c".repeat(LAST)));
        assert_eq!(tail, "c".repeat(TAIL));
    }

    #[test]
    fn a_cut_tail_begins_with_a_whole_line() {
        let lines: String = (0..5000).map(|n| format!("line {n}\n")).collect();
        let (_, tail) = record([lines.into_bytes()]);
        assert!(tail.len() <= TAIL && tail.starts_with("line ") && tail.ends_with("line 4999\n"));
    }

    #[test]
    fn a_flood_of_lines_reaches_a_watcher_as_a_trickle_that_ends_with_the_last() {
        let (tell, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let mut recorder = Recorder::new(None, Some(tell), None, Mask::default()).unwrap();
        for n in 0..100_000 {
            recorder.feed(format!("line {n}\n").as_bytes());
        }
        recorder.feed(b"and no line feed at the end");
        recorder.finish();
        let mut lines = Vec::new();
        while let Ok(line) = heard.try_recv() {
            lines.push(line);
        }
        assert!(lines.len() < 20_000, "{} lines", lines.len());
        assert_eq!(lines[0], "line 0");
        assert_eq!(lines.last().unwrap(), "and no line feed at the end");
    }
}
