//! Notes: what supplements the history. One keyed JSON object a line on a commit, and larger things beside them.
//!
//! They live in `refs/notes/chant`, as `git notes --ref=chant` knows them. Git moves notes between directories as their
//! number grows, so a note is looked for at every depth; a new one goes one directory deep, which keeps each write
//! small. What is too large for a line (a transcript) lies under `transcripts/<commit>/<name>` of the same tree: Git
//! keeps what is no note as it is, and fetches it with the ref.

use super::convert::{from_gix, to_gix};
use super::error::{Error, Result};
use super::moves::{Expect, Moved, RefMove};
use super::object::EntryKind;
use super::repo::Repo;
use crate::ledger::Oid;

/// The ref that holds the notes.
pub const NOTES: &str = "refs/notes/chant";

/// How often a race for the ref is run again before it is given up.
const ROUNDS: usize = 200;

impl Repo {
    /// Appends `lines` to the note of `commit`, those it already has left out, and stores `blobs` beside it under their
    /// names. Of any number of callers none is lost.
    ///
    /// # Errors
    /// Where the notes cannot be read or written.
    pub fn note_add(&self, commit: Oid, lines: &[String], blobs: &[(String, Vec<u8>)]) -> Result<()> {
        let mut stored = Vec::with_capacity(blobs.len());
        for (name, content) in blobs {
            stored.push((format!("{}/{name}", beside(commit)), self.write_blob(content)?));
        }
        for _ in 0..ROUNDS {
            let tip = self.tip(NOTES)?;
            let Some(tree) = self.with_note(tip, commit, lines, &stored)? else { return Ok(()) };
            let new = self.notes_commit(tree, tip)?;
            let from = tip.map_or(Expect::Absent, Expect::At);
            let step = RefMove { name: NOTES.to_owned(), from, to: Some(new) };
            if self.move_refs(&[step], "note")? == Moved::Done {
                return Ok(());
            }
        }
        Err(Error::Locked { name: NOTES.to_owned() })
    }

    /// The note of a commit: its lines.
    ///
    /// # Errors
    /// Where the notes are there and cannot be read.
    pub fn note(&self, commit: Oid) -> Result<Option<String>> {
        let Some(tip) = self.tip(NOTES)? else { return Ok(None) };
        match self.note_path(tip, commit)? {
            Some(path) => Ok(self.read(tip, &path)?.map(|text| String::from_utf8_lossy(&text).into_owned())),
            None => Ok(None),
        }
    }

    /// What was stored beside the note of a commit under `name`.
    ///
    /// # Errors
    /// Where the notes are there and cannot be read.
    pub fn note_blob(&self, commit: Oid, name: &str) -> Result<Option<Vec<u8>>> {
        match self.tip(NOTES)? {
            Some(tip) => self.read(tip, &format!("{}/{name}", beside(commit))),
            None => Ok(None),
        }
    }

    /// The notes' tree with the lines and blobs in it, `None` where it holds them already.
    fn with_note(
        &self,
        tip: Option<Oid>,
        commit: Oid,
        lines: &[String],
        blobs: &[(String, Oid)],
    ) -> Result<Option<Oid>> {
        let path = tip.map(|tip| self.note_path(tip, commit)).transpose()?.flatten();
        let old = match (tip, &path) {
            (Some(tip), Some(path)) => self.read(tip, path)?.unwrap_or_default(),
            _ => Vec::new(),
        };
        let mut edits: Vec<_> = blobs.iter().map(|(path, oid)| (path.clone(), Some((*oid, EntryKind::Blob)))).collect();
        let new = appended(&old, lines);
        if new != old {
            let path = path.unwrap_or_else(|| fanned_out(commit, 1));
            edits.push((path, Some((self.write_blob(&new)?, EntryKind::Blob))));
        }
        if edits.is_empty() {
            return Ok(None);
        }
        let tree = self.edit_tree(tip, &edits)?;
        let before = tip.map(|tip| self.tree(tip)).transpose()?;
        Ok(Some(tree).filter(|tree| before != Some(*tree)))
    }

    /// Where the note of a commit lies.
    fn note_path(&self, tip: Oid, commit: Oid) -> Result<Option<String>> {
        for depth in 0..4 {
            let path = fanned_out(commit, depth);
            if let Some((_, EntryKind::Blob | EntryKind::Exec)) = self.entry(tip, &path)? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// The commits of whose note, or of what lies beside it, `new` lacks something that `old` has.
    ///
    /// # Errors
    /// Where the notes cannot be read.
    pub fn lost_notes(&self, old: Oid, new: Oid) -> Result<Vec<String>> {
        let mut lost = Vec::new();
        for change in self.changes(Some(old), new)? {
            let Some((was, _)) = change.old else { continue };
            let hex: String = change.path.chars().filter(|c| *c != '/').collect();
            let commit = hex.parse::<Oid>().ok().filter(|_| !change.path.starts_with("transcripts/"));
            let kept = match commit {
                // Git may have put the same note into another directory.
                Some(commit) => match self.note_path(new, commit)? {
                    Some(path) => {
                        let now = self.read(new, &path)?.unwrap_or_default();
                        let now: std::collections::BTreeSet<&[u8]> = now.split(|byte| *byte == b'\n').collect();
                        self.blob(was)?.split(|byte| *byte == b'\n').all(|line| now.contains(line))
                    }
                    None => false,
                },
                None => false,
            };
            if !kept {
                lost.push(commit.map_or(change.path, |commit| commit.short()));
            }
        }
        Ok(lost)
    }

    /// A commit of nothing that says one thing, for a ref that is moved to show that somebody is alive.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn sign_of_life(&self, message: &str) -> Result<Oid> {
        let said = self.write_blob(message.as_bytes())?;
        let tree = self.edit_tree(None, &[("alive".to_owned(), Some((said, EntryKind::Blob)))])?;
        self.plain_commit(tree, &[], message)
    }

    /// The union of two histories of notes: of each note all lines of both, in the order of ours.
    ///
    /// # Errors
    /// Where they cannot be read or written.
    pub fn merge_notes(&self, ours: Oid, theirs: Oid) -> Result<Oid> {
        if self.is_ancestor(theirs, ours)? {
            return Ok(ours);
        }
        if self.is_ancestor(ours, theirs)? {
            return Ok(theirs);
        }
        let mut edits = Vec::new();
        for change in self.changes(Some(ours), theirs)? {
            let Some((there, _)) = change.new else { continue };
            let is_note = !change.path.starts_with("transcripts/");
            let hex: String = change.path.chars().filter(|c| *c != '/').collect();
            // Git may have put the same note into another directory here.
            let here = match hex.parse::<Oid>() {
                Ok(commit) if is_note => self.note_path(ours, commit)?,
                _ => change.old.map(|_| change.path.clone()),
            };
            match here {
                None => edits.push((change.path, Some((there, EntryKind::Blob)))),
                Some(path) if is_note => {
                    let text = String::from_utf8_lossy(&self.blob(there)?).into_owned();
                    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
                    let both = appended(&self.read(ours, &path)?.unwrap_or_default(), &lines);
                    edits.push((path, Some((self.write_blob(&both)?, EntryKind::Blob))));
                }
                // Two transcripts of one run: neither is thrown away.
                Some(path) => {
                    let beside = format!("{path}~{}", there.short());
                    if self.entry(ours, &beside)?.is_none() && change.old.is_some_and(|(here, _)| here != there) {
                        edits.push((beside, Some((there, EntryKind::Blob))));
                    }
                }
            }
        }
        let tree = self.edit_tree(Some(ours), &edits)?;
        self.plain_commit(tree, &[ours, theirs], "Notes merged by chant\n")
    }

    fn notes_commit(&self, tree: Oid, parent: Option<Oid>) -> Result<Oid> {
        self.plain_commit(tree, parent.as_slice(), "Notes added by chant\n")
    }

    /// As `git notes` writes it: unsigned, and without asking who one is.
    fn plain_commit(&self, tree: Oid, parents: &[Oid], message: &str) -> Result<Oid> {
        let who = self.log_signature()?;
        let commit = gix::objs::Commit {
            tree: to_gix(tree),
            parents: parents.iter().copied().map(to_gix).collect(),
            author: who.clone(),
            committer: who,
            encoding: None,
            message: message.into(),
            extra_headers: Vec::new(),
        };
        Ok(from_gix(self.gix().write_object(&commit).map_err(Error::while_("write a commit"))?.detach()))
    }
}

/// `abcdef…` as `ab/cd/ef…`, `depth` directories deep.
fn fanned_out(commit: Oid, depth: usize) -> String {
    let hex = commit.to_string();
    let dirs: String = (0..depth).map(|at| format!("{}/", &hex[2 * at..2 * at + 2])).collect();
    dirs + &hex[2 * depth..]
}

fn beside(commit: Oid) -> String {
    format!("transcripts/{commit}")
}

fn appended(old: &[u8], lines: &[String]) -> Vec<u8> {
    let mut text = old.to_vec();
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    for line in lines {
        let line = line.replace(['\n', '\r'], " ");
        if !text.split(|byte| *byte == b'\n').any(|there| there == line.as_bytes()) {
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::git::test_repo::TestRepo;

    #[test]
    fn a_note_is_what_git_notes_shows_and_what_git_notes_wrote_is_read() {
        for t in [TestRepo::new(), TestRepo::sha256()] {
            let commit = t.commit_file("a", "a\n", "a");
            assert_eq!(t.repo.note(commit).unwrap(), None);
            t.repo.note_add(commit, &["{\"k\":1}".into()], &[("agent.txt".into(), b"said\n".to_vec())]).unwrap();
            t.repo.note_add(commit, &["{\"k\":1}".into(), "{\"k\":2}".into()], &[]).unwrap();
            assert_eq!(t.git(&["notes", "--ref=chant", "show", "HEAD"]), "{\"k\":1}\n{\"k\":2}");
            assert_eq!(t.repo.note(commit).unwrap().unwrap(), "{\"k\":1}\n{\"k\":2}\n");
            assert!(t.git(&["notes", "--ref=chant", "list"]).ends_with(&commit.to_string()));
            let other = t.commit_file("b", "b\n", "b");
            t.git(&["notes", "--ref=chant", "add", "-m", "by hand", "HEAD"]);
            assert_eq!(t.repo.note(other).unwrap().unwrap(), "by hand\n");
            assert_eq!(t.repo.note_blob(commit, "agent.txt").unwrap().unwrap(), b"said\n");
            assert_eq!(t.repo.note_blob(commit, "other.txt").unwrap(), None);
            t.fsck();
        }
    }

    #[test]
    fn a_note_is_found_however_deep_git_has_put_it() {
        let t = TestRepo::new();
        let commit = t.commit_file("a", "a\n", "a");
        let hex = commit.to_string();
        let blob = t.repo.write_blob(b"deep\n").unwrap();
        for path in
            [hex.clone(), format!("{}/{}", &hex[..2], &hex[2..]), format!("{}/{}/{}", &hex[..2], &hex[2..4], &hex[4..])]
        {
            let tree = t.repo.edit_tree(None, &[(path.clone(), Some((blob, crate::git::EntryKind::Blob)))]).unwrap();
            let notes = t.repo.commit(tree, &[], "notes").unwrap();
            t.git(&["update-ref", "refs/notes/chant", &notes.to_string()]);
            assert_eq!(t.repo.note(commit).unwrap().unwrap(), "deep\n", "{path}");
            t.repo.note_add(commit, &["more".into()], &[]).unwrap();
            assert_eq!(t.git(&["notes", "--ref=chant", "show", "HEAD"]), "deep\nmore", "{path}");
        }
    }

    #[test]
    fn of_two_clones_notes_no_line_and_no_transcript_is_lost() {
        let t = TestRepo::new();
        let (one, two) = (t.commit_file("a", "a\n", "a"), t.commit_file("b", "b\n", "b"));
        let noted = |lines: &[&str], blobs: &[(&str, &str)]| {
            for (commit, line) in [one, two].into_iter().zip(lines) {
                let blobs: Vec<_> = blobs.iter().map(|(n, text)| ((*n).to_owned(), text.as_bytes().to_vec())).collect();
                t.repo.note_add(commit, &[(*line).to_owned()], &blobs).unwrap();
            }
            t.repo.tip(super::NOTES).unwrap().unwrap()
        };
        let before = noted(&["x", "x"], &[]);
        let ours = noted(&["ours", "ours"], &[("transcript", "we said\n")]);
        t.git(&["update-ref", super::NOTES, &before.to_string()]);
        let theirs = noted(&["theirs"], &[("transcript", "they said\n")]);
        for (one_side, other) in [(ours, theirs), (theirs, ours)] {
            let merged = t.repo.merge_notes(one_side, other).unwrap();
            t.git(&["update-ref", super::NOTES, &merged.to_string()]);
            let note = t.repo.note(one).unwrap().unwrap();
            assert!(["x", "ours", "theirs"].iter().all(|line| note.contains(line)), "{note}");
            assert_eq!(t.repo.note(two).unwrap().unwrap(), "x\nours\n");
            assert_eq!(t.repo.note_blob(two, "transcript").unwrap().unwrap(), b"we said\n");
            let paths = t.git(&["ls-tree", "-r", "--name-only", super::NOTES, &format!("transcripts/{one}/")]);
            let texts: Vec<_> =
                paths.lines().map(|path| t.git(&["show", &format!("{}:{path}", super::NOTES)])).collect();
            assert_eq!(texts.len(), 2, "{paths}");
            assert!(texts.contains(&"we said".to_owned()) && texts.contains(&"they said".to_owned()), "{texts:?}");
            // Who takes the union in has nothing more to do.
            assert_eq!(t.repo.merge_notes(other, merged).unwrap(), merged);
        }
    }

    #[test]
    fn of_many_writers_at_once_none_is_lost() {
        let t = TestRepo::new();
        let commit = t.commit_file("a", "a\n", "a");
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let repo = t.repo.clone();
                scope.spawn(move || {
                    for n in 0..5 {
                        repo.note_add(commit, &[format!("{writer} {n}")], &[]).unwrap();
                    }
                });
            }
        });
        let note = t.repo.note(commit).unwrap().unwrap();
        let mut lines: Vec<_> = note.lines().collect();
        lines.sort_unstable();
        let all: Vec<_> = (0..8).flat_map(|w| (0..5).map(move |n| format!("{w} {n}"))).collect();
        assert_eq!(lines, all);
    }
}
