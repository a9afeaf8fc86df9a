//! What Git said of signatures, remembered: to check one, it starts a program.
//!
//! In memory for one call of chant, and between calls in a file below `<git dir>/chant/cache`. The file is no state:
//! without it everything is slower and nothing else. Anybody who can write to the repository can write it too, an agent
//! among them, so whatever is decided under a spec's lock (a claim, a landing, an approval) is checked anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::git::{self, Repo, Signers};
use crate::ledger::{Oid, Signed};
use crate::spec::SpecId;

/// The verdicts that one call of chant knows.
#[derive(Debug, Default)]
pub struct Verdicts(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    basis: String,
    /// What Git said in this very call.
    sure: BTreeMap<Oid, Signed>,
    /// The specs of which this call holds the lock, or held it.
    deciding: BTreeSet<SpecId>,
    /// Where it began that a commit asks for signatures, found out in this call.
    since: BTreeMap<Oid, Option<Vec<Oid>>>,
}

impl Verdicts {
    /// From now on what bears on a spec is not taken from the file.
    pub fn decide_about(&self, id: &SpecId) {
        self.known().deciding.insert(id.clone());
    }

    pub(super) fn deciding(&self) -> Vec<SpecId> {
        self.known().deciding.iter().cloned().collect()
    }

    /// Where it began that a commit asks for signatures, found out once.
    pub(super) fn since<E>(
        &self,
        tip: Oid,
        find: impl FnOnce() -> Result<Option<Vec<Oid>>, E>,
    ) -> Result<Option<Vec<Oid>>, E> {
        if let Some(since) = self.known().since.get(&tip) {
            return Ok(since.clone());
        }
        let since = find()?;
        self.known().since.insert(tip, since.clone());
        Ok(since)
    }

    /// What the signatures of commits are worth; `decides` says of which commits the file is not believed.
    pub(super) fn of(
        &self,
        repo: &Repo,
        signers: &Signers,
        commits: &[Oid],
        decides: impl Fn(&Oid) -> bool,
    ) -> Result<BTreeMap<Oid, Signed>, git::Error> {
        let mut known = self.known();
        if known.basis != signers.basis {
            known.basis.clone_from(&signers.basis);
            known.sure.clear();
        }
        let open: Vec<Oid> = commits.iter().filter(|commit| !known.sure.contains_key(commit)).copied().collect();
        if open.is_empty() {
            return Ok(known.of(commits, &BTreeMap::new()));
        }
        let file = path(repo);
        let mut kept = std::fs::read_to_string(&file).ok().and_then(|text| read(&text, &signers.basis));
        let believed = kept.get_or_insert_default();
        let ask: Vec<Oid> =
            open.into_iter().filter(|commit| !believed.contains_key(commit) || decides(commit)).collect();
        let said = repo.signed(&ask, signers)?;
        let before = believed.clone();
        for (commit, verdict) in &said {
            match verdict.lasting {
                true => believed.insert(*commit, verdict.signed.clone()),
                false => believed.remove(commit),
            };
        }
        if *believed != before {
            keep(&file, &write(&signers.basis, believed));
        }
        known.sure.extend(said.into_iter().map(|(commit, verdict)| (commit, verdict.signed)));
        Ok(known.of(commits, believed))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn of(&self, commits: &[Oid], believed: &BTreeMap<Oid, Signed>) -> BTreeMap<Oid, Signed> {
        let one = |commit: &Oid| Some((*commit, self.sure.get(commit).or_else(|| believed.get(commit))?.clone()));
        commits.iter().filter_map(one).collect()
    }
}

fn path(repo: &Repo) -> PathBuf {
    repo.common_dir().join("chant/cache/signatures")
}

/// The format's name and version.
const FORMAT: &str = "chant signatures 1";
/// The last line: without it the file was cut off.
const END: &str = "end";

fn write(basis: &str, verdicts: &BTreeMap<Oid, Signed>) -> String {
    let mut text = format!("{FORMAT} {basis}\n");
    for (commit, signed) in verdicts {
        let (mark, words) = match signed {
            Signed::By(principal) => ("by", principal.as_str()),
            Signed::Nobody => ("nobody", ""),
            Signed::Void(why) => ("void", why.as_str()),
        };
        // Writing to a text cannot fail.
        writeln!(text, "{commit} {mark} {words}").ok();
    }
    text + END + "\n"
}

/// What a file says; `None` where it is for another basis, of another format, or broken anywhere.
fn read(text: &str, basis: &str) -> Option<BTreeMap<Oid, Signed>> {
    let body = text.strip_suffix('\n')?.strip_suffix(END)?;
    let mut lines = body.split_terminator('\n');
    if lines.next()? != format!("{FORMAT} {basis}") {
        return None;
    }
    lines
        .map(|line| {
            let mut words = line.splitn(3, ' ');
            let (commit, mark, rest) = (words.next()?.parse().ok()?, words.next()?, words.next()?);
            let signed = match mark {
                "by" if !rest.is_empty() => Signed::By(rest.to_owned()),
                "nobody" if rest.is_empty() => Signed::Nobody,
                "void" => Signed::Void(rest.to_owned()),
                _ => return None,
            };
            Some((commit, signed))
        })
        .collect()
}

/// Puts the file into its place whole or not at all. Where that fails, the next call asks Git again.
fn keep(file: &std::path::Path, text: &str) {
    let draft = file.with_extension(std::process::id().to_string());
    let written = file.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&draft, text));
    if written.and_then(|()| std::fs::rename(&draft, file)).is_err() {
        std::fs::remove_file(&draft).ok();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verdicts() -> impl Strategy<Value = BTreeMap<Oid, Signed>> {
        let oid = any::<[u8; 20]>().prop_map(|bytes| Oid::from_bytes(&bytes).unwrap());
        let signed =
            prop_oneof!["[ -~]{1,20}".prop_map(Signed::By), Just(Signed::Nobody), "[ -~]{0,20}".prop_map(Signed::Void)];
        proptest::collection::btree_map(oid, signed, 0..6)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again_for_the_same_basis_alone(all in verdicts()) {
            let text = write("b", &all);
            prop_assert_eq!(read(&text, "c"), None);
            prop_assert_eq!(read(&text, "b"), Some(all));
        }

        #[test]
        fn a_file_that_was_cut_off_says_nothing(all in verdicts(), at in any::<proptest::sample::Index>()) {
            let text = write("b", &all);
            prop_assert_eq!(read(&text[..at.index(text.len())], "b"), None);
        }

        #[test]
        fn no_bytes_are_too_broken(text in ".{0,80}") {
            read(&text, "b");
            read(&format!("{FORMAT} b\n{text}\nend\n"), "b");
        }
    }
}
