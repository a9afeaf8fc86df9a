//! Leases: how long a claim of another clone is left alone that gives no sign of life.
//!
//! The holder of a claim moves a ref of its own at the remote, three times within a lease. Nobody's clock is compared
//! with anybody else's: whoever wants the spec notes when *it* first saw the holder's last sign, and calls the lease run
//! out when no other sign has come for that long. A holder that finds its ref moved, or its branch, has been taken over:
//! it stops its agent and keeps what was done.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use super::model::Claim;
use super::shared::{fenced_off, refresh, remote};
use super::{Engine, Error};
use crate::git::{Expect, Publish, Published, RefMove};
use crate::ledger::Oid;
use crate::project::Project;
use crate::spec::Qualified;

/// The ref by which the holder of a spec shows that it is alive.
pub(super) fn lease_ref(spec: &Qualified) -> String {
    format!("refs/chant/leases/{spec}")
}

/// The move that takes the sign of life away, together with what ends or takes over a claim.
///
/// # Errors
/// Where what is known of it cannot be read.
pub(super) fn ended(project: &Project, spec: &Qualified) -> Result<Option<RefMove>, Error> {
    let Some(remote) = remote(project)? else { return Ok(None) };
    let name = lease_ref(spec);
    let known = project.repo.tracked(remote, &name)?;
    Ok(known.map(|known| RefMove { name, from: Expect::At(known), to: None }))
}

/// Whether the holder of a claim, which is in another clone, has shown no other sign than its last one since this clone
/// first saw that, for as long as the settings' `lease`. The first look only notes what there is to see.
///
/// # Errors
/// Where the note cannot be read or written.
pub(super) fn ran_out(project: &Project, spec: &Qualified) -> Result<bool, Error> {
    let Some(remote) = remote(project)? else { return Ok(false) };
    let repo = &project.repo;
    let word = |oid: Option<Oid>| oid.map_or_else(|| "-".to_owned(), |oid| oid.to_string());
    let branch = repo.tracked(remote, &spec.full_ref())?;
    let sign = format!("{} {}", word(branch), word(repo.tracked(remote, &lease_ref(spec))?));
    let file = repo.common_dir().join("chant/seen").join(spec.to_string().replace('/', "+"));
    let now = project.env.now();
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let noted = text.trim().rsplit_once(' ').filter(|(noted, _)| *noted == sign);
    let since = noted.and_then(|(_, since)| since.parse::<jiff::Timestamp>().ok()).filter(|since| *since <= now);
    if let Some(since) = since {
        let waited = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        return Ok(waited >= project.settings.lease.value);
    }
    let write = || {
        std::fs::create_dir_all(file.parent().unwrap_or(&file))?;
        std::fs::write(&file, format!("{sign} {now}\n"))
    };
    write().map_err(Error::system("cannot note what was seen of another clone"))?;
    Ok(false)
}

/// Shows for as long as it lives that a claim is alive; tells when it is so no more.
pub(super) struct Heart {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    lost: watch::Receiver<bool>,
}

impl Heart {
    /// Begins; nothing is pushed before a third of the lease has passed, so that short work costs nothing.
    pub(super) fn start(engine: &Engine, claim: &Claim) -> Result<Self, Error> {
        let (tell, lost) = watch::channel(false);
        let Some(remote) = remote(&engine.project)? else { return Ok(Self { end: None, thread: None, lost }) };
        let (end, ended) = channel::<()>();
        let beat = Beat {
            project: engine.project.clone(),
            remote: remote.to_owned(),
            spec: claim.qualified.clone(),
            start: claim.start,
            run: claim.run.clone(),
            last: engine.project.repo.tracked(remote, &lease_ref(&claim.qualified))?,
        };
        let pause = engine.project.settings.lease.value / 3;
        let thread = std::thread::spawn(move || {
            let mut beat = beat;
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(pause) {
                // What cannot be told now, the next beat tells; and no push of a run that was taken over goes through.
                if beat.once().unwrap_or(true) {
                    continue;
                }
                tell.send_replace(true);
                return;
            }
        });
        Ok(Self { end: Some(end), thread: Some(thread), lost })
    }

    /// Holds true from the moment in which the claim was found to be lost.
    pub(super) fn lost(&self) -> watch::Receiver<bool> {
        self.lost.clone()
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

struct Beat {
    project: Project,
    remote: String,
    spec: Qualified,
    start: Oid,
    run: String,
    last: Option<Oid>,
}

impl Beat {
    /// Whether the claim still stands.
    fn once(&mut self) -> Result<bool, Error> {
        let repo = &self.project.repo;
        let sign = repo.sign_of_life(&format!("{} is alive at {}\n", self.run, self.project.env.now()))?;
        let one = Publish { name: lease_ref(&self.spec), lease: self.last, to: Some(sign) };
        match repo.publish(&self.remote, &[one])? {
            Published::Done => self.last = Some(sign),
            Published::Moved { .. } => return Ok(false),
            Published::Unreachable(_) | Published::Refused(_) => return Ok(true),
        }
        refresh(&self.project, &[])?;
        let tip = repo.tip(&self.spec.full_ref())?.unwrap_or(self.start);
        Ok(!fenced_off(&self.project, &self.spec, tip)?)
    }
}
