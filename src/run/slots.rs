//! A number for each running worktree, and ports that go with it: so that servers which two agents start do not meet.
//!
//! A slot is a lock like a spec's. A spec gets the slot back that it had last where that is free, else the lowest free
//! one. Build caches are kept by slot (see [`super::furnish`]).

use std::ffi::OsString;
use std::path::PathBuf;

use super::Error;
use crate::agent::Lock;
use crate::project::Project;
use crate::spec::SpecId;

/// How many there are; who finds none works without.
const SLOTS: u16 = 64;
/// How many ports go with one.
const PORTS: u16 = 16;
/// The first port of all. Those that a system gives out by itself begin at 32768 (Linux) or higher.
const FIRST: u16 = 20_000;

/// A slot that is held, for as long as it lives.
pub(super) struct Slot {
    pub number: u16,
    port: u16,
    _lock: Lock,
}

impl Slot {
    /// What set-up and agent are told.
    pub(super) fn env(&self) -> [(OsString, OsString); 3] {
        let var = |name: &str, value: u16| (OsString::from(name), OsString::from(value.to_string()));
        [var("CHANT_SLOT", self.number), var("CHANT_PORT", self.port), var("CHANT_PORTS", PORTS)]
    }
}

/// Takes a slot for a spec; `None` where all are taken.
///
/// # Errors
/// Where a lock cannot be made.
pub(super) fn take(project: &Project, id: &SpecId) -> Result<Option<Slot>, Error> {
    let name = project.qualify(id).to_string();
    let mut order: Vec<u16> = (0..SLOTS).collect();
    let had = |n: &u16| Lock::holder(&path(project, *n)).ok().flatten().is_some_and(|holder| holder == name);
    if let Some(at) = order.iter().position(had) {
        let own = order.remove(at);
        order.insert(0, own);
    }
    for number in order {
        let taken = Lock::try_take(&path(project, number)).map_err(Error::system("cannot lock a slot"))?;
        if let Some(lock) = taken {
            lock.describe(&name).map_err(Error::system("writing the lock file of a slot"))?;
            return Ok(Some(Slot { number, port: first_port(project) + number * PORTS, _lock: lock }));
        }
    }
    Ok(None)
}

fn path(project: &Project, number: u16) -> PathBuf {
    project.repo.common_dir().join("chant/slots").join(format!("{number}.lock"))
}

/// Repositories of one machine begin at different ports, as far as there is room: twelve places, chosen by the path.
fn first_port(project: &Project) -> u16 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    project.repo.common_dir().hash(&mut hasher);
    let place = u16::try_from(hasher.finish() % 12).unwrap_or_default();
    FIRST + place * SLOTS * PORTS
}
