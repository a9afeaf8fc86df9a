//! Questions about ancestry, and the first-parent log.

use gix::bstr::ByteSlice;

use super::convert::{from_gix, to_gix};
use super::error::{Error, Result};
use super::repo::Repo;
use crate::ledger::Oid;

/// One line of a first-parent log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The commit.
    pub commit: Oid,
    /// Its parents, first parent first.
    pub parents: Vec<Oid>,
    /// The first line of its message.
    pub subject: String,
    /// The whole message, as it is stored.
    pub message: Vec<u8>,
    /// The author, `Name <mail>`.
    pub author: String,
    /// When it was written, in seconds since 1970.
    pub time: i64,
}

impl Repo {
    /// Whether `a` is `b` or an ancestor of it.
    ///
    /// # Errors
    /// Where one of them is not there.
    pub fn is_ancestor(&self, a: Oid, b: Oid) -> Result<bool> {
        Ok(a == b || self.merge_bases(a, b)?.contains(&a))
    }

    /// The best common ancestor, the first one where there are several; `None` for unrelated histories.
    ///
    /// # Errors
    /// Where one of them is not there.
    pub fn merge_base(&self, a: Oid, b: Oid) -> Result<Option<Oid>> {
        Ok(self.merge_bases(a, b)?.first().copied())
    }

    /// All best common ancestors. Exact whatever the dates of the commits say.
    pub(super) fn merge_bases(&self, a: Oid, b: Oid) -> Result<Vec<Oid>> {
        let gix = self.gix();
        let cache = commit_graph(&gix);
        let mut graph = gix.revision_graph(cache.as_ref());
        let bases = gix
            .merge_bases_many_with_graph(to_gix(a), &[to_gix(b)], &mut graph)
            .map_err(Error::while_(format!("find where {a} and {b} part")))?;
        Ok(bases.into_iter().map(from_gix).collect())
    }

    /// What is reachable from `tips` and not from `hidden`, newest first. Dates that lie may let a commit through that
    /// should be hidden, as in `git rev-list`; never the other way round.
    ///
    /// # Errors
    /// Where a commit is not there.
    pub fn commits(&self, tips: &[Oid], hidden: &[Oid]) -> Result<Vec<Oid>> {
        let gix = self.gix();
        let doing = || Error::while_("walk the history");
        let shallow = gix.is_shallow().unwrap_or(true);
        let walk = gix
            .rev_walk(tips.iter().map(|tip| to_gix(*tip)))
            .with_hidden(hidden.iter().map(|tip| to_gix(*tip)))
            .sorting(gix::revision::walk::Sorting::ByCommitTime(Default::default()))
            .use_commit_graph(!shallow);
        let ids = walk.all().map_err(doing())?;
        ids.map(|info| Ok(from_gix(info.map_err(doing())?.id))).collect()
    }

    /// The last `most` commits before and with `from` that are no merges and touch something below `dir`, newest first,
    /// each with those paths.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn commits_touching(&self, from: Oid, dir: &str, most: usize) -> Result<Vec<(Oid, Vec<String>)>> {
        let (from, most, path) = (from.to_string(), most.to_string(), format!(":(top,literal){dir}"));
        let args = ["log", "-z", "--no-merges", "--name-only", "--no-renames", "--format=%x01%H", "-n"];
        let listing = self.plumbing(&args).args([&most, &from, "--", &path]).check()?;
        let mut found: Vec<(Oid, Vec<String>)> = Vec::new();
        for record in listing.records() {
            let text = String::from_utf8_lossy(record);
            match (text.strip_prefix('\u{1}').and_then(|id| id.trim().parse().ok()), found.last_mut()) {
                (Some(commit), _) => found.push((commit, Vec::new())),
                (None, Some((_, paths))) => paths.push(text.trim_start_matches('\n').to_owned()),
                (None, None) => {}
            }
        }
        Ok(found)
    }

    /// The commits along first parents from `tip`, newest first, in which a file is another one than in their first
    /// parent, or is or was not there at all.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn first_parents_changing(&self, tip: Oid, file: &str) -> Result<Vec<Oid>> {
        let (tip, path) = (tip.to_string(), format!(":(top,literal){file}"));
        let listed = self.plumbing(&["rev-list", "--first-parent", &tip, "--", &path]).check()?.text();
        listed.lines().map(|line| line.parse().map_err(Error::while_("read a list of commits"))).collect()
    }

    /// One commit as a log shows it.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn log_entry(&self, commit: Oid) -> Result<LogEntry> {
        let id = to_gix(commit);
        entry(&self.gix().find_commit(id).map_err(Error::while_(format!("read commit {id}")))?)
    }

    /// Whether there is a history of at least `many` commits below what is checked out, and no commit-graph of it, though
    /// Git would use one.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn wants_commit_graph(&self, many: usize) -> Result<bool> {
        let unwanted = self.config("core.commitGraph").is_some_and(|value| value.eq_ignore_ascii_case("false"));
        let Some(tip) = self.head()?.tip().filter(|_| !unwanted && !self.is_shallow()) else { return Ok(false) };
        if commit_graph(&self.gix()).is_some() {
            return Ok(false);
        }
        let (tip, most) = (tip.to_string(), format!("--max-count={many}"));
        let counted = self.plumbing(&["rev-list", "--count", &most, &tip, "--"]).check()?.text();
        Ok(counted.trim().parse::<usize>().is_ok_and(|count| count >= many))
    }

    /// At most `limit` commits from `from` along first parents: the story the target tells.
    ///
    /// # Errors
    /// Where a commit cannot be read.
    pub fn first_parent(&self, from: Oid, limit: usize) -> Result<Vec<LogEntry>> {
        let gix = self.gix();
        let cut = gix.shallow_commits().map_err(Error::while_("read the shallow boundary"))?;
        let mut next = Some(to_gix(from));
        let mut log = Vec::new();
        while let Some(id) = next.filter(|_| log.len() < limit) {
            let commit = gix.find_commit(id).map_err(Error::while_(format!("read commit {id}")))?;
            next = commit.parent_ids().next().map(gix::Id::detach);
            if cut.as_ref().is_some_and(|cut| cut.contains(&id)) {
                next = None;
            }
            log.push(entry(&commit)?);
        }
        Ok(log)
    }
}

fn entry(commit: &gix::Commit<'_>) -> Result<LogEntry> {
    let doing = || Error::while_(format!("read commit {}", commit.id));
    let message = commit.message_raw().map_err(doing())?;
    let author = commit.author().map_err(doing())?;
    Ok(LogEntry {
        commit: from_gix(commit.id),
        parents: commit.parent_ids().map(from_gix).collect(),
        subject: message.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().to_str_lossy().into_owned(),
        message: message.to_vec(),
        author: format!("{} <{}>", author.name, author.email),
        time: author.seconds(),
    })
}

/// The commit-graph, where there is one that can be trusted: Git does not use it in a shallow clone, and a broken one
/// is no reason to fail.
pub(super) fn commit_graph(gix: &gix::Repository) -> Option<gix::commitgraph::Graph> {
    if gix.is_shallow().unwrap_or(true) {
        return None;
    }
    gix.commit_graph_if_enabled().ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::test_repo::TestRepo;

    /// `a - b - m`, `a - c - m`, and `z` alone.
    fn fork(t: &TestRepo) -> [Oid; 5] {
        let a = t.commit_file("a", "a\n", "a");
        let b = t.commit_file("b", "b\n", "b");
        t.git(&["checkout", "-q", "-b", "side", &a.to_string()]);
        let c = t.commit_file("c", "c\n", "c");
        t.git(&["checkout", "-q", "main"]);
        t.git(&["merge", "-q", "--no-ff", "-m", "m", "side"]);
        let m = t.oid("HEAD");
        t.git(&["checkout", "-q", "--orphan", "alone"]);
        let z = t.commit_file("z", "z\n", "z");
        [a, b, c, m, z]
    }

    #[test]
    fn ancestry_is_what_git_says_with_and_without_a_commit_graph() {
        let t = TestRepo::new();
        let [a, b, c, m, z] = fork(&t);
        for graph in [false, true] {
            if graph {
                t.git(&["commit-graph", "write", "--reachable"]);
            }
            for (x, y, is) in [(a, a, true), (a, m, true), (c, m, true), (m, a, false), (b, c, false), (z, m, false)] {
                assert_eq!(t.repo.is_ancestor(x, y).unwrap(), is);
            }
            assert_eq!(t.repo.merge_base(b, c).unwrap(), Some(a));
            assert_eq!(t.repo.merge_base(m, c).unwrap(), Some(c));
            assert_eq!(t.repo.merge_base(m, z).unwrap(), None);
        }
    }

    #[test]
    fn a_long_history_wants_a_commit_graph_where_git_would_use_one() {
        let t = TestRepo::new();
        assert!(!t.repo.wants_commit_graph(1).unwrap(), "there is nothing yet");
        let [.., m, _] = fork(&t);
        t.git(&["checkout", "-q", "--detach", &m.to_string()]);
        let wants = |many| t.open_with(t.vars()).wants_commit_graph(many).unwrap();
        assert!(wants(4) && !wants(5));
        t.git(&["config", "core.commitGraph", "false"]);
        assert!(!wants(4));
        t.git(&["config", "core.commitGraph", "true"]);
        for split in [&[][..], &["--split"]] {
            t.git(&[&["commit-graph", "write", "--reachable", "--changed-paths"], split].concat());
            assert!(!wants(4), "{split:?}");
            std::fs::remove_dir_all(t.path().join(".git/objects/info")).unwrap();
            assert!(wants(4), "{split:?}");
        }
    }

    #[test]
    fn what_is_reachable_from_the_one_and_not_from_the_other() {
        let t = TestRepo::new();
        let [a, b, c, m, _] = fork(&t);
        let set = |tips: &[Oid], hidden: &[Oid]| {
            let mut commits = t.repo.commits(tips, hidden).unwrap();
            commits.sort();
            commits
        };
        let sorted = |mut commits: Vec<Oid>| {
            commits.sort();
            commits
        };
        assert_eq!(set(&[m], &[]), sorted(vec![a, b, c, m]));
        assert_eq!(set(&[m], &[b]), sorted(vec![c, m]));
        assert_eq!(set(&[b, c], &[a]), sorted(vec![b, c]));
        assert_eq!(set(&[a], &[m]), []);
        assert_eq!(set(&[], &[m]), []);
    }

    #[test]
    fn where_a_file_changes_along_first_parents_a_merge_counts_for_what_it_brings() {
        let t = TestRepo::new();
        let [a, b, c, m, _] = fork(&t);
        assert_eq!(t.repo.first_parents_changing(m, "c").unwrap(), [m]);
        assert_eq!(t.repo.first_parents_changing(m, "b").unwrap(), [b]);
        assert_eq!(t.repo.first_parents_changing(m, "a").unwrap(), [a]);
        assert_eq!(t.repo.first_parents_changing(c, "c").unwrap(), [c]);
        assert_eq!(t.repo.first_parents_changing(m, "*").unwrap(), []);
    }

    #[test]
    fn the_first_parent_log_tells_the_story_of_the_target() {
        let t = TestRepo::new();
        let [a, b, c, m, _] = fork(&t);
        let log = t.repo.first_parent(m, 10).unwrap();
        assert_eq!(log.iter().map(|entry| entry.commit).collect::<Vec<_>>(), [m, b, a]);
        assert_eq!(log[0].parents, [b, c]);
        assert_eq!((log[0].subject.as_str(), log[0].message.as_slice()), ("m", b"m\n".as_slice()));
        assert_eq!((log[0].author.as_str(), log[0].time), ("Ada <ada@example.com>", 1_700_000_000));
        assert_eq!(t.repo.first_parent(m, 2).unwrap().len(), 2);
    }
}
