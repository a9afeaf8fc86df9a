//! Programs that an agent left in a worktree that stays, and that run with their owner's rights whoever starts them: a shell
//! with such a bit, below a directory that others can enter, makes everybody on the machine its owner.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::Engine;
use crate::spec::SpecId;

/// The bits by which a program runs as its owner or its group: setuid, and setgid where the group can start it.
const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2010;
/// So many are named.
const NAMED: usize = 3;

/// Says which there are below a directory that is kept. Nothing is changed: it may be what was asked for.
pub(super) fn tell(engine: &Engine, id: &SpecId, top: &Path) {
    let found = found(top);
    if let Some(what) = in_words(&found) {
        engine.notice(id, format!("{what} in {}: `chmod ug-s` and `setcap -r` take that away", top.display()));
    }
}

fn has_power(mode: u32) -> bool {
    mode & SETUID == SETUID || mode & SETGID == SETGID
}

/// Whether a file has capabilities of its own (capabilities(7)): a part of what a setuid program of root's has.
fn has_capabilities(path: &Path) -> bool {
    cfg!(target_os = "linux")
        && rustix::fs::lgetxattr(path, "security.capability", &mut [0u8; 64][..]).is_ok_and(|length| length > 0)
}

/// The files below a directory, relative to it and sorted; no link is followed, and what cannot be read is passed over.
fn found(top: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![top.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(path),
                Ok(kind)
                    if kind.is_file()
                        && (entry.metadata().is_ok_and(|meta| has_power(meta.mode())) || has_capabilities(&path)) =>
                {
                    found.extend(path.strip_prefix(top).map(Path::to_owned));
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}

fn in_words(found: &[PathBuf]) -> Option<String> {
    let names: Vec<String> = found.iter().take(NAMED).map(|path| path.display().to_string()).collect();
    let more = if found.len() > NAMED { format!(" and {} more", found.len() - NAMED) } else { String::new() };
    let run = if found.len() == 1 { "runs" } else { "run" };
    (!found.is_empty()).then(|| {
        format!(
            "{}{more} {run} with more rights than whoever starts it (setuid, setgid, capabilities),",
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn programs_with_their_owners_rights_are_found_and_neither_directories_nor_links() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path();
        fs::create_dir_all(top.join("a/b")).unwrap();
        fs::create_dir(top.join("shared")).unwrap();
        for (name, mode) in [("a/b/s", 0o4755), ("g", 0o2755), ("plain", 0o755), ("locks", 0o2644), ("shared", 0o2775)]
        {
            if name != "shared" {
                fs::write(top.join(name), "").unwrap();
            }
            fs::set_permissions(top.join(name), Permissions::from_mode(mode)).unwrap();
        }
        std::os::unix::fs::symlink("/bin/su", top.join("link")).unwrap();
        assert_eq!(found(top), [PathBuf::from("a/b/s"), "g".into()]);
        assert_eq!(found(&top.join("nowhere")), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_program_with_capabilities_of_its_own_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path();
        for name in ["ping", "plain"] {
            fs::write(top.join(name), "").unwrap();
        }
        // A vfs_cap_data of its second revision: effective, CAP_NET_RAW permitted.
        let mut value = [0u8; 20];
        value[..4].copy_from_slice(&0x0200_0001u32.to_le_bytes());
        value[4..8].copy_from_slice(&(1u32 << 13).to_le_bytes());
        let flags = rustix::fs::XattrFlags::empty();
        if let Err(why) = rustix::fs::setxattr(top.join("ping"), "security.capability", &value, flags) {
            eprintln!("not tried: {why}");
            return;
        }
        assert_eq!(found(top), [PathBuf::from("ping")]);
    }

    #[test]
    fn many_are_counted() {
        let paths = |n: usize| (0..n).map(|n| PathBuf::from(n.to_string())).collect::<Vec<_>>();
        assert_eq!(in_words(&paths(0)), None);
        assert!(in_words(&paths(1)).unwrap().starts_with("0 runs with more"));
        assert!(in_words(&paths(5)).unwrap().starts_with("0, 1, 2 and 2 more run with more"));
    }
}
