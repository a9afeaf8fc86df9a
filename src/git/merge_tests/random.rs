//! Random edits of texts and of trees: what is merged without asking Git is merged as Git would.

use super::super::{EntryKind, Git};
use super::TestRepo;
use crate::ledger::Oid;

/// A stream of numbers that is the same at every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    /// Some lines, out of few: what makes programs that compare texts disagree.
    fn text(&mut self, letters: usize) -> Vec<usize> {
        (0..5 + self.below(40)).map(|_| self.below(letters)).collect()
    }

    /// The same with lines removed, added, changed, copied.
    fn edited(&mut self, text: &[usize], letters: usize) -> Vec<usize> {
        let mut text = text.to_vec();
        for _ in 0..1 + self.below(3) {
            let at = self.below(text.len() + 1);
            match self.below(4) {
                0 if at < text.len() => drop(text.remove(at)),
                1 if at < text.len() => text[at] = self.below(letters),
                2 => {
                    let block: Vec<_> = text.iter().copied().skip(at).take(self.below(5)).collect();
                    let to = self.below(text.len() + 1);
                    text.splice(to..to, block);
                }
                _ => text.insert(at, self.below(letters)),
            }
        }
        text
    }
}

fn commit_text(t: &TestRepo, text: &[usize], parents: &[Oid]) -> Oid {
    let content: String = text
        .iter()
        .map(|line| ["}", "", "{", "a"].get(*line).map_or(format!("{line}\n"), |l| format!("{l}\n")))
        .collect();
    let blob = t.repo.write_blob(content.as_bytes()).unwrap();
    let tree = t.repo.edit_tree(None, &[("f".into(), Some((blob, EntryKind::Blob)))]).unwrap();
    t.repo.commit(tree, parents, "text").unwrap()
}

#[test]
fn texts_that_are_merged_without_asking_git_are_merged_as_git_would() {
    let t = TestRepo::new();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let (mut pairs, mut here) = (String::new(), Vec::new());
    while here.len() < 150 {
        let letters = 2 + dice.below(30);
        let base = dice.text(letters);
        let (ours, theirs) = (dice.edited(&base, letters), dice.edited(&base, letters));
        let base = commit_text(&t, &base, &[]);
        let (ours, theirs) = (commit_text(&t, &ours, &[base]), commit_text(&t, &theirs, &[base]));
        if let Some(tree) = t.repo.merge_at_once(base, ours, theirs).unwrap() {
            pairs.push_str(&format!("{ours} {theirs}\n"));
            here.push(tree);
        }
    }
    let all = Git::new(t.vars(), &t.path(), ["merge-tree", "--stdin", "--no-messages"]).stdin(pairs).check().unwrap();
    let records: Vec<_> = all.records().map(|record| String::from_utf8_lossy(record).into_owned()).collect();
    let expected: Vec<_> = here.iter().flat_map(|tree| ["1".to_owned(), tree.to_string()]).collect();
    assert_eq!(records, expected);
}

/// The files of a tree, by path: which text each holds.
type Files = std::collections::BTreeMap<String, usize>;

impl Dice {
    fn path(&mut self) -> String {
        let name = |dice: &mut Self| ["a", "b", "c", "d"][dice.below(4)].to_owned();
        (0..self.below(3)).fold(name(self), |path, _| format!("{path}/{}", name(self)))
    }

    /// One of the files, if there is any.
    fn pick(&mut self, files: &Files) -> Option<String> {
        let at = self.below(files.len().max(1));
        files.keys().nth(at).cloned()
    }

    /// Files added, changed, removed, renamed, and whole directories moved.
    fn tree_edited(&mut self, files: &Files) -> Files {
        let mut files = files.clone();
        for _ in 0..1 + self.below(4) {
            let (from, to, text) = (self.pick(&files), self.path(), self.below(60));
            let moved = |files: &mut Files, from: &str, to: String| {
                let text = files.remove(from);
                put(files, to, text.unwrap_or_default());
            };
            match (self.below(5), from) {
                (0, Some(path)) => drop(files.remove(&path)),
                (1, Some(path)) => drop(files.insert(path, text)),
                (2, Some(from)) => moved(&mut files, &from, to),
                (3, Some(from)) => {
                    let dir = from.rsplit_once('/').map_or(String::new(), |(dir, _)| format!("{dir}/"));
                    let inside: Vec<_> = files.keys().filter(|path| path.starts_with(&dir)).cloned().collect();
                    for path in inside {
                        moved(&mut files, &path, format!("{to}/{}", &path[dir.len()..]));
                    }
                }
                _ => put(&mut files, to, text),
            }
        }
        files
    }
}

/// Adds a file unless a file or directory is in its way.
fn put(files: &mut Files, path: String, text: usize) {
    let clash = |there: &String| path.starts_with(&format!("{there}/")) || there.starts_with(&format!("{path}/"));
    if !files.keys().any(clash) {
        files.insert(path, text);
    }
}

/// Texts come in families of three, alike enough within one to pass for a rename with an edit.
fn commit_files(t: &TestRepo, files: &Files, parents: &[Oid]) -> Oid {
    let text =
        |n: usize| (0..12).map(|i| format!("{} {}\n", n / 3, if i == n % 3 { 99 } else { i })).collect::<String>();
    let blob = |n: &usize| Some((t.repo.write_blob(text(*n).as_bytes()).unwrap(), EntryKind::Blob));
    let edits: Vec<_> = files.iter().map(|(path, n)| (path.clone(), blob(n))).collect();
    t.repo.commit(t.repo.edit_tree(None, &edits).unwrap(), parents, "files").unwrap()
}

#[test]
fn trees_that_are_merged_without_asking_git_are_merged_as_git_would() {
    let t = TestRepo::new();
    let mut dice = Dice(0x0123_4567_89AB_CDEF);
    let (mut pairs, mut here) = (String::new(), Vec::new());
    while here.len() < 150 {
        let base = dice.tree_edited(&Files::new());
        let base = (0..4).fold(base, |files, _| dice.tree_edited(&files));
        let (ours, theirs) = (dice.tree_edited(&base), dice.tree_edited(&base));
        let base = commit_files(&t, &base, &[]);
        let (ours, theirs) = (commit_files(&t, &ours, &[base]), commit_files(&t, &theirs, &[base]));
        if let Some(tree) = t.repo.merge_at_once(base, ours, theirs).unwrap() {
            pairs.push_str(&format!("{ours} {theirs}\n"));
            here.push((ours, theirs, tree));
        }
    }
    let all = Git::new(t.vars(), &t.path(), ["merge-tree", "--stdin", "--no-messages"]).stdin(pairs).check().unwrap();
    let records: Vec<_> = all.records().map(|record| String::from_utf8_lossy(record).into_owned()).collect();
    for ((ours, theirs, tree), record) in here.iter().zip(records.chunks(2)) {
        assert_eq!(record, ["1".to_owned(), tree.to_string()], "{ours} {theirs}");
    }
}
