//! Several errands one after the other, as one piece of work: one time limit, one transcript, one wish to stop.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Access, access};
use tokio::sync::{mpsc, watch};

use super::job::{Job, Order};
use super::lock::Lock;
use super::mask::Mask;
use super::task::Errand;
use super::transcript::Ear;
use super::wire::How;
use crate::cage::{self, Cage, Surroundings};

/// What holds for all errands of a piece of work; the fields are those of [`Order`].
#[derive(Clone)]
pub struct Terms<'a> {
    /// Whom it is for: the qualified id of a spec.
    pub label: String,
    /// The repository's common directory.
    pub repo: PathBuf,
    /// chant itself.
    pub program: PathBuf,
    /// For all errands together.
    pub timeout: Option<Duration>,
    /// The time between TERM and KILL.
    pub grace: Duration,
    /// What they may touch.
    pub cage: Option<Cage>,
    /// Where all their output goes.
    pub transcript: Option<PathBuf>,
    /// Who hears their last words.
    pub watch: Option<mpsc::UnboundedSender<String>>,
    /// Makes what understands the output of one errand.
    pub ear: Option<&'a (dyn Fn() -> Option<Ear> + Sync)>,
    /// What of their output nobody is to see.
    pub mask: Mask,
    /// The locks that each supervisor keeps.
    pub locks: &'a [&'a Lock],
}

/// What became of a piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Performed {
    /// How the last errand that ran ended; [`How::Exited`]`(0)` where all did what they were to do.
    pub how: How,
    /// The name of the errand that did not.
    pub failed: Option<String>,
    /// The last output of the last errand that ran.
    pub tail: String,
    /// All together.
    pub duration: Duration,
    /// All together.
    pub strays: u32,
    /// What the cage refused one that failed, where its last words tell, and what would open it.
    pub refused: Option<String>,
}

/// Runs errands in order, up to the first that fails. As soon as `stop` holds true the one that runs is stopped and no
/// other started. Dropping the future stops the one that runs, too.
///
/// # Errors
/// Where a supervisor cannot be started or the transcript cannot be opened.
pub async fn perform(
    errands: Vec<Errand>,
    terms: &Terms<'_>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<Performed> {
    let started = Instant::now();
    let how = How::Exited(0);
    let mut done =
        Performed { how, failed: None, tail: String::new(), duration: Duration::ZERO, strays: 0, refused: None };
    for errand in errands {
        let left = terms.timeout.map(|timeout| timeout.saturating_sub(started.elapsed()));
        let name = errand.name.clone();
        let home = errand.env.iter().find(|(key, _)| key == "HOME").map(|(_, home)| PathBuf::from(home));
        if *stop.borrow() {
            (done.how, done.failed) = (How::Stopped, Some(name));
            break;
        }
        let mut job = Job::start(order(errand, terms, left)?)?;
        let outcome = tokio::select! {
            outcome = job.wait() => outcome,
            () = wished(&mut stop) => {
                job.stop();
                job.wait().await
            }
        };
        done.strays += outcome.strays;
        done.tail = outcome.tail;
        done.how = outcome.how;
        if !done.how.is_success() {
            done.failed = Some(name);
            done.refused = refused(terms, &done.tail, home.as_deref());
            break;
        }
    }
    done.duration = started.elapsed();
    Ok(done)
}

/// What the cage has to do with the end of an errand.
fn refused(terms: &Terms<'_>, tail: &str, home: Option<&Path>) -> Option<String> {
    let could_write = |path: &Path| {
        let there = path.ancestors().find(|path| path.symlink_metadata().is_ok());
        there.is_some_and(|path| access(path, Access::WRITE_OK).is_ok())
    };
    let repository = terms.repo.parent().unwrap_or(&terms.repo);
    let is_there = |path: &Path| path.exists();
    let around = Surroundings { home, repository, could_write: &could_write, is_there: &is_there };
    cage::refused(tail, terms.cage.as_ref()?, &around)
}

/// Waits until `stop` holds true: for ever, where nobody is left who could say so.
async fn wished(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn order(errand: Errand, terms: &Terms<'_>, timeout: Option<Duration>) -> io::Result<Order> {
    Ok(Order {
        label: terms.label.clone(),
        argv: errand.argv,
        cwd: errand.cwd,
        env: errand.env,
        stdin: errand.stdin,
        timeout,
        grace: terms.grace,
        cage: terms.cage.clone(),
        repo: terms.repo.clone(),
        program: terms.program.clone(),
        hold: terms.locks.iter().map(|lock| lock.share()).collect::<io::Result<_>>()?,
        transcript: terms.transcript.clone(),
        watch: terms.watch.clone(),
        ear: terms.ear.and_then(|ear| ear()),
        mask: terms.mask.clone(),
    })
}
