//! Between gix's object ids and the ledger's.

use crate::ledger::Oid;

/// gix's id for one of ours.
pub(super) fn to_gix(oid: Oid) -> gix::ObjectId {
    // An `Oid` is 20 or 32 bytes long, and nothing else: the fallback is never taken.
    gix::ObjectId::try_from(oid.as_bytes()).unwrap_or_else(|_| gix::hash::Kind::Sha1.null())
}

/// Our id for one of gix's.
pub(super) fn from_gix(id: impl AsRef<gix::oid>) -> Oid {
    match Oid::from_bytes(id.as_ref().as_bytes()) {
        Some(oid) => oid,
        None => unreachable!("gix knows ids of 20 and of 32 bytes only"),
    }
}
