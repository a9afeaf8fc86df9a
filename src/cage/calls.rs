//! Calls by which a program changes other processes without writing a file: landlock says nothing of them.
//!
//! Their limits (a limit of time or of the size of files kills), their priority, the keys of the user's keyring, and the
//! removal of what others share by System V's means. A program may do the first two to itself. What is refused is refused as
//! the kernel refuses it to others (`EPERM`), and nothing is killed.

use std::collections::BTreeMap;
use std::io;
use std::sync::LazyLock;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

/// What filters the calls of a process and of all that it starts; made before the fork.
#[derive(Clone, Copy)]
pub(super) struct Calls(Option<&'static BpfProgram>);

impl Calls {
    /// A filter, where one is known for this machine. It is the same for every child, and made once in a process.
    pub(super) fn new() -> Self {
        static FILTER: LazyLock<Option<BpfProgram>> = LazyLock::new(filter);
        Self(FILTER.as_ref())
    }

    /// Applies it to this thread. A kernel without such filters has the rest of the cage.
    pub(super) fn close(&self) -> io::Result<()> {
        match self.0.map(|program| apply_filter(program)) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error)))
                if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) =>
            {
                Ok(())
            }
            Some(Err(_)) => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }
}

/// `IOPRIO_WHO_USER`: all processes of a user.
const ALL_OF_USER: u64 = 3;

fn filter() -> Option<BpfProgram> {
    let is = |argument: u8, operator: SeccompCmpOp, value: u64| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).ok()
    };
    let given = |argument: u8| SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0).ok();
    let all = |conditions: Vec<Option<SeccompCondition>>| {
        SeccompRule::new(conditions.into_iter().collect::<Option<Vec<_>>>()?).ok()
    };
    // The lowest byte is the command; a bit above it says which layout the structure has.
    let changes = |argument: u8, command: libc::c_int| {
        let command = u64::try_from(command).ok()?;
        all(vec![is(argument, SeccompCmpOp::MaskedEq(0xff), command)])
    };
    let user = u64::from(libc::PRIO_USER);
    let calls: [(libc::c_long, Vec<Option<SeccompRule>>); 9] = [
        (libc::SYS_prlimit64, vec![all(vec![is(0, SeccompCmpOp::Ne, 0), given(2)])]),
        (libc::SYS_setpriority, vec![all(vec![is(1, SeccompCmpOp::Ne, 0)]), all(vec![is(0, SeccompCmpOp::Eq, user)])]),
        (
            libc::SYS_ioprio_set,
            vec![all(vec![is(1, SeccompCmpOp::Ne, 0)]), all(vec![is(0, SeccompCmpOp::Eq, ALL_OF_USER)])],
        ),
        (libc::SYS_shmctl, vec![changes(1, libc::IPC_RMID), changes(1, libc::IPC_SET)]),
        (libc::SYS_msgctl, vec![changes(1, libc::IPC_RMID), changes(1, libc::IPC_SET)]),
        (libc::SYS_semctl, vec![changes(2, libc::IPC_RMID), changes(2, libc::IPC_SET)]),
        (libc::SYS_add_key, Vec::new()),
        (libc::SYS_request_key, Vec::new()),
        (libc::SYS_keyctl, Vec::new()),
    ];
    let mut rules = BTreeMap::new();
    for (call, of) in calls {
        rules.insert(call, of.into_iter().collect::<Option<Vec<_>>>()?);
    }
    let refused = SeccompAction::Errno(u32::try_from(libc::EPERM).ok()?);
    let here = std::env::consts::ARCH.try_into().ok()?;
    SeccompFilter::new(rules, SeccompAction::Allow, refused, here).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_filter_for_this_machine() {
        assert!(cfg!(not(any(target_arch = "x86_64", target_arch = "aarch64"))) || Calls::new().0.is_some());
    }
}
