//! What other clones share through a remote: its refs, read beside and never over our own, and moved there by
//! compare-and-swap.
//!
//! The executable does it, with the user's credentials, ssh and proxies. What became of a push is never told by its
//! words, which differ between versions and servers, but by reading the refs again: a connection that broke after the
//! server had accepted everything is a success, and a race that was lost is told from every other refusal.

use std::collections::BTreeMap;

use super::error::Result;
use super::exe::Git;
use super::moves::{Expect, RefMove};
use super::notes::NOTES;
use super::repo::Repo;
use crate::ledger::Oid;

/// One ref of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The full name, the same here and there.
    pub name: String,
    /// What must be there; `None` where nothing may be.
    pub lease: Option<Oid>,
    /// What is to be there; `None` deletes it.
    pub to: Option<Oid>,
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// All of it is there.
    Done,
    /// None of it is, for this ref was not where it was expected.
    Moved {
        /// The full name.
        name: String,
        /// Where it is there.
        now: Option<Oid>,
    },
    /// The remote cannot be reached; in Git's words. Whether anything is there cannot be told.
    Unreachable(String),
    /// The server will not have it; in its words. None of it is there.
    Refused(String),
}

/// What became of looking at a remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// What it holds is here, in the refs that track it.
    Fetched,
    /// It cannot be reached; in Git's words.
    Unreachable(String),
}

/// How often a fetch is tried that others disturb.
const TRIES: usize = 20;

/// Where chant's own refs are tracked: no prune of the user's reaches them.
const BESIDE: &str = "refs/chant/remotes/";

/// The ref that tracks one of a remote's; `None` for those that are not shared.
pub fn tracking(remote: &str, name: &str) -> Option<String> {
    if name == NOTES {
        return Some(format!("refs/notes/remotes/{remote}/chant"));
    }
    if let Some(branch) = name.strip_prefix("refs/heads/") {
        return Some(format!("refs/remotes/{remote}/{branch}"));
    }
    let own = name.strip_prefix("refs/chant/")?;
    let shared = ["attempts/", "landed/", "leases/"].iter().any(|kind| own.starts_with(kind));
    shared.then(|| format!("{BESIDE}{remote}/{own}"))
}

impl Repo {
    /// Whether a remote of that name is configured.
    pub fn has_remote(&self, remote: &str) -> bool {
        self.config(&format!("remote.{remote}.url")).is_some()
    }

    /// Whether any remote is configured.
    pub fn has_remotes(&self) -> bool {
        !self.gix().remote_names().is_empty()
    }

    /// The last that was seen of a remote's ref.
    ///
    /// # Errors
    /// Where the ref that tracks it cannot be read.
    pub fn tracked(&self, remote: &str, name: &str) -> Result<Option<Oid>> {
        tracking(remote, name).map_or(Ok(None), |name| self.tip(&name))
    }

    /// The refs of a remote: every branch under `chant/`, what chant keeps beside them, the notes, and `branches`.
    ///
    /// # Errors
    /// The inner one where the remote cannot be reached.
    fn remote_refs(
        &self,
        remote: &str,
        branches: &[String],
    ) -> Result<std::result::Result<BTreeMap<String, Oid>, String>> {
        let named: Vec<String> = branches.iter().map(|branch| format!("refs/heads/{branch}")).collect();
        let git = self.talk(&["ls-remote", "--quiet", remote, "refs/heads/chant/*", "refs/chant/*", NOTES]);
        let listed = git.args(&named).run()?;
        if !listed.success() {
            return Ok(Err(in_short(&listed.complaint())));
        }
        let ours = |name: &str| {
            name.starts_with("refs/heads/chant/")
                || name == NOTES
                || named.iter().any(|named| named == name)
                || (name.starts_with("refs/chant/") && tracking(remote, name).is_some())
        };
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        let refs = text.lines().filter_map(|line| line.split_once('\t'));
        let refs =
            refs.filter(|(_, name)| ours(name)).filter_map(|(oid, name)| Some((name.to_owned(), oid.parse().ok()?)));
        Ok(Ok(refs.collect()))
    }

    /// Brings what a remote holds into the refs that track it: every branch under `chant/`, what chant keeps beside
    /// them, the notes, and `branches`. Nothing local moves. What is gone there is forgotten here, unless nothing else
    /// holds it: then it is kept under `refs/chant/backup/remote`.
    ///
    /// # Errors
    /// Where a tracking ref cannot be moved.
    pub fn fetch_beside(&self, remote: &str, branches: &[String]) -> Result<Seen> {
        // One at a time: two fetches into the same refs stumble over each other's locks.
        let _turn = self.turn("remotes")?;
        let mut complaint = String::new();
        for _ in 0..TRIES {
            // What this clone pushes after the remote was listed is no sign that it is gone there.
            let before = self.tracking_refs(remote, branches)?;
            let there = match self.remote_refs(remote, branches)? {
                Ok(there) => there,
                Err(complaint) => return Ok(Seen::Unreachable(complaint)),
            };
            let mut wanted = String::new();
            for (name, oid) in &there {
                if let Some(tracking) = tracking(remote, name)
                    && self.tip(&tracking)? != Some(*oid)
                {
                    wanted.push_str(&format!("+{name}:{tracking}\n"));
                }
            }
            if wanted.is_empty() {
                self.forget_gone(&there, before)?;
                return Ok(Seen::Fetched);
            }
            let args = [
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
                "--no-auto-maintenance",
            ];
            let fetched = self.talk(&args).args(["--stdin", remote]).stdin(wanted).run()?;
            if fetched.success() {
                self.forget_gone(&there, before)?;
                return Ok(Seen::Fetched);
            }
            // Somebody may delete there what was just listed, or push from here at this moment: then a tracking ref is
            // locked, or elsewhere. Whether the remote can be reached at all, the next listing says.
            complaint = in_short(&fetched.complaint());
        }
        Ok(Seen::Unreachable(complaint))
    }

    /// The refs that track what is looked at of a remote: the name there, the name here, the tip.
    fn tracking_refs(&self, remote: &str, branches: &[String]) -> Result<Vec<(String, String, Oid)>> {
        let mut known = Vec::new();
        for (prefix, name) in [
            (format!("refs/remotes/{remote}/chant/"), "refs/heads/chant/"),
            (format!("{BESIDE}{remote}/"), "refs/chant/"),
        ] {
            let tracked = self.refs(&prefix)?;
            known
                .extend(tracked.into_iter().map(|(full, tip)| (format!("{name}{}", &full[prefix.len()..]), full, tip)));
        }
        for branch in branches {
            let name = format!("refs/heads/{branch}");
            if let Some(full) = tracking(remote, &name)
                && let Some(tip) = self.tip(&full)?
            {
                known.push((name, full, tip));
            }
        }
        Ok(known)
    }

    /// Forgets what a remote no longer has, where it still is as it was before the remote was asked.
    fn forget_gone(&self, there: &BTreeMap<String, Oid>, before: Vec<(String, String, Oid)>) -> Result<()> {
        for (name, full, tip) in before {
            if !there.contains_key(&name) {
                let mut moves = vec![RefMove { name: full.clone(), from: Expect::At(tip), to: None }];
                if !name.starts_with("refs/chant/leases/") && !self.is_held_beside(tip, &full)? {
                    let copy = format!("refs/chant/backup/remote/{}-{}", name.trim_start_matches("refs/"), tip.short());
                    if self.tip(&copy)?.is_none() {
                        moves.push(RefMove { name: copy, from: Expect::Absent, to: Some(tip) });
                    }
                }
                self.move_refs(&moves, "gone at the remote")?;
            }
        }
        Ok(())
    }

    /// Whether another ref than `but` holds a commit.
    fn is_held_beside(&self, commit: Oid, but: &str) -> Result<bool> {
        let hex = commit.to_string();
        let exclude = format!("--exclude={but}");
        let alone = self.plumbing(&["rev-list", "-n1", &hex, "--not", &exclude, "--glob=refs/*"]).check()?;
        Ok(alone.stdout.is_empty())
    }

    /// Moves refs of a remote, all of them or none, each only from where it is expected; those that track them follow.
    /// The user's `pre-push` hook is not asked: it is not the user who pushes.
    ///
    /// # Errors
    /// Where Git cannot be started, or a tracking ref not be moved.
    pub fn publish(&self, remote: &str, refs: &[Publish]) -> Result<Published> {
        if refs.is_empty() {
            return Ok(Published::Done);
        }
        let leases = refs.iter().map(|one| {
            let lease = one.lease.map(|lease| lease.to_string()).unwrap_or_default();
            format!("--force-with-lease={}:{lease}", one.name)
        });
        let specs = refs.iter().map(|one| {
            let to = one.to.map(|to| to.to_string()).unwrap_or_default();
            format!("{to}:{}", one.name)
        });
        let git = self.talk(&["push", "--quiet", "--porcelain", "--atomic", "--no-verify", "--no-recurse-submodules"]);
        let pushed = git.args(leases).arg(remote).args(specs).run()?;
        let outcome =
            if pushed.success() { Published::Done } else { self.read_again(remote, refs, &pushed.complaint())? };
        crate::env::failpoint("remote.pushed");
        if outcome == Published::Done {
            for one in refs {
                self.note_tracking(remote, one)?;
            }
        }
        Ok(outcome)
    }

    /// Brings a branch of a remote into the checkout: fetched, checked out, and moved on where it is only behind.
    ///
    /// # Errors
    /// Where the remote cannot be reached, something is in the way, or both have gone different ways.
    pub fn bring(&self, remote: &str, branch: &str) -> Result<()> {
        let (there, here) = (format!("refs/heads/{branch}"), format!("refs/remotes/{remote}/{branch}"));
        self.talk(&["fetch", "--quiet", "--no-tags", remote, &format!("+{there}:{here}")]).check()?;
        let top = self.workdir().unwrap_or_else(|| self.common_dir());
        let fence = self.fence_with(None, true, &|args| self.git(top, args))?;
        let git = |args: &[&str]| self.git(top, args).fenced(fence.as_ref());
        if self.head()?.branch() != Some(branch) {
            let fresh = ["checkout", "--quiet", "-b", branch, &here];
            let known = ["checkout", "--quiet", branch];
            git(if self.tip(&there)?.is_some() { &known } else { &fresh }).check()?;
        }
        git(&["merge", "--ff-only", "--quiet", &here]).check()?;
        Ok(())
    }

    fn read_again(&self, remote: &str, refs: &[Publish], complaint: &str) -> Result<Published> {
        let names: Vec<&str> = refs.iter().map(|one| one.name.as_str()).collect();
        let listed = self.talk(&["ls-remote", "--quiet", remote]).args(&names).run()?;
        if !listed.success() {
            return Ok(Published::Unreachable(in_short(complaint)));
        }
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        let there: BTreeMap<&str, Oid> = text
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .filter_map(|(oid, name)| Some((name, oid.parse().ok()?)))
            .collect();
        let now = |one: &Publish| there.get(one.name.as_str()).copied();
        if refs.iter().all(|one| now(one) == one.to) {
            return Ok(Published::Done);
        }
        match refs.iter().find(|one| now(one) != one.lease) {
            Some(moved) => Ok(Published::Moved { name: moved.name.clone(), now: now(moved) }),
            None => Ok(Published::Refused(in_short(complaint))),
        }
    }

    /// Git itself moves the tracking refs of branches that a fetch would bring; the others it does not.
    fn note_tracking(&self, remote: &str, one: &Publish) -> Result<()> {
        let Some(name) = tracking(remote, &one.name) else { return Ok(()) };
        let now = self.tip(&name)?;
        if now == one.to {
            return Ok(());
        }
        let from = now.map_or(Expect::Absent, Expect::At);
        // Where somebody fetches at the same time, theirs is as good.
        self.move_refs(&[RefMove { name, from, to: one.to }], "pushed")?;
        Ok(())
    }

    /// A command that speaks with a server: it asks no questions, and does not wait for ever for one that is silent.
    pub(super) fn talk(&self, args: &[&str]) -> Git {
        // A remote's place may be relative, and then is so to where Git itself would be at work.
        let top = self.workdir().filter(|top| top.is_dir()).unwrap_or_else(|| self.common_dir());
        let git = self.git(top, args).env("GIT_DIR", self.common_dir());
        let git = git.config("http.lowSpeedLimit", "1").config("http.lowSpeedTime", "60");
        let asked = ["GIT_SSH_COMMAND", "GIT_SSH"].iter().any(|key| self.vars().get(key).is_some());
        match asked || self.config("core.sshCommand").is_some() {
            true => git,
            // Asked for a passphrase, it would wait for a terminal that is not its own.
            false => git.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
        }
    }

    /// Adds the refspecs by which a plain `git fetch` brings what chant keeps beside the branches; beside what is here,
    /// so that no prune takes a copy of ours. Whether any was missing.
    ///
    /// # Errors
    /// Where the configuration cannot be written.
    pub fn add_refspecs(&self, remote: &str) -> Result<bool> {
        let key = format!("remote.{remote}.fetch");
        let there = self.plumbing(&["config", "--get-all", &key]).run()?.text();
        let mut added = false;
        for wanted in refspecs(remote) {
            if !there.lines().any(|line| line.trim() == wanted) {
                self.plumbing(&["config", "--add", &key, &wanted]).check()?;
                added = true;
            }
        }
        Ok(added)
    }

    /// The refspecs of [`Repo::add_refspecs`] that are not configured.
    ///
    /// # Errors
    /// Where Git cannot be started.
    pub fn missing_refspecs(&self, remote: &str) -> Result<Vec<String>> {
        let there = self.plumbing(&["config", "--get-all", &format!("remote.{remote}.fetch")]).run()?.text();
        Ok(refspecs(remote).into_iter().filter(|wanted| !there.lines().any(|line| line.trim() == wanted)).collect())
    }
}

/// All of them patterns: where a remote has none of what a plain name asks for, `git fetch` fails.
fn refspecs(remote: &str) -> [String; 3] {
    [
        format!("+refs/chant/attempts/*:{BESIDE}{remote}/attempts/*"),
        format!("+refs/chant/landed/*:{BESIDE}{remote}/landed/*"),
        format!("+{NOTES}*:refs/notes/remotes/{remote}/chant*"),
    ]
}

/// What a server or Git said, without what it says every time.
pub(super) fn in_short(complaint: &str) -> String {
    let tells = |line: &&str| {
        let line = line.trim_start_matches("remote: ").trim();
        !line.is_empty()
            && !line.starts_with("hint:")
            && !line.starts_with("To ")
            && !line.starts_with("error: failed to push")
    };
    let lines: Vec<&str> = complaint.lines().filter(tells).map(str::trim).take(6).collect();
    if lines.is_empty() { "no reason was given".to_owned() } else { lines.join("; ") }
}
