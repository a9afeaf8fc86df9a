//! Landlock and the network namespace.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreated, RulesetCreatedAttr as _, RulesetStatus, Scope, make_bitflags,
};

use super::calls::Calls;
use super::{Cage, Support};

/// The newest version that is known here. What the kernel does not have of it is left out.
const NEWEST: ABI = ABI::V10;

/// What any program expects to be able to write to. `/dev/pts` is for those that open a terminal of their own.
const DEVICES: [&str; 8] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts"];

pub(super) fn support() -> Support {
    // SAFETY: with these arguments the call reads and writes no memory; it only tells the version.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0usize, 1u32) };
    match i32::try_from(version) {
        Ok(version) if version >= Support::LEAST => Support::Landlock(version),
        Ok(1) => Support::Nothing("this kernel's landlock is too old: Linux 5.19 is needed"),
        _ if io::Error::last_os_error().raw_os_error() == Some(libc::EOPNOTSUPP) => {
            Support::Nothing("landlock is switched off: it is missing in the kernel's `lsm=`")
        }
        _ => Support::Nothing("this kernel has no landlock"),
    }
}

/// A cage that can be entered without opening or allocating anything.
pub struct Ready {
    rules: Option<RulesetCreated>,
    calls: Calls,
    net: Option<NoNet>,
}

impl Cage {
    /// Opens what must be open to enter the cage. To be done before the fork.
    ///
    /// # Errors
    /// Where the kernel cannot enforce it, or a path that is there cannot be opened.
    pub fn ready(&self) -> io::Result<Ready> {
        if !support().is_there() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "there is no landlock to close the sandbox with"));
        }
        // Making devices is nobody's business, wherever it is.
        let own = AccessFs::from_write(NEWEST) & !make_bitflags!(AccessFs::{MakeChar | MakeBlock | IoctlDev});
        let device = make_bitflags!(AccessFs::{WriteFile | Truncate | IoctlDev});
        let rules = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
        let rules =
            rules.handle_access(AccessFs::from_write(NEWEST)).and_then(|rules| rules.scope(Scope::from_all(NEWEST)));
        let mut rules = rules.and_then(Ruleset::create).map_err(io::Error::other)?;
        for (path, rights) in DEVICES
            .iter()
            .map(|path| (Path::new(path), device))
            .chain(self.write.iter().map(|path| (path.as_path(), own)))
        {
            rules = allow(rules, path, rights)?;
        }
        let net = self.no_net.then(NoNet::new);
        Ok(Ready { rules: Some(rules), calls: Calls::new(), net })
    }
}

fn allow(rules: RulesetCreated, path: &Path, rights: BitFlags<AccessFs>) -> io::Result<RulesetCreated> {
    let fd = match PathFd::new(path) {
        Ok(fd) => fd,
        Err(_) if path.symlink_metadata().is_err() => return Ok(rules), // it is not there
        Err(error) => return Err(io::Error::other(format!("{}: {error}", path.display()))),
    };
    let rights = if path.is_dir() { rights } else { rights & AccessFs::from_file(NEWEST) };
    rules.add_rule(PathBeneath::new(fd, rights)).map_err(io::Error::other)
}

impl Ready {
    /// Leaves the network, where that was asked for. Before anything that the kernel forgets with a change of
    /// credentials, such as a death signal.
    ///
    /// # Errors
    /// Where the system does not permit it.
    pub fn leave_net(&mut self) -> io::Result<()> {
        self.net.as_ref().map_or(Ok(()), NoNet::enter)
    }

    /// Goes in, for this thread and all that it will ever start. Only once, between fork and exec. Of root's powers only
    /// those over files and users stay, which the rules hold for: landlock knows nothing of kernel modules, and root may
    /// read any process's memory past it.
    ///
    /// # Errors
    /// Where the kernel refuses, or would enforce nothing.
    pub fn enter(&mut self) -> io::Result<()> {
        if rustix::process::geteuid().is_root() {
            drop_powers();
        }
        let rules = self.rules.take().ok_or(io::ErrorKind::InvalidInput)?;
        let status = rules.restrict_self().map_err(|_| io::ErrorKind::PermissionDenied)?;
        if status.ruleset == RulesetStatus::NotEnforced || !status.no_new_privs {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.calls.close()
    }
}

/// What root may do beside files and users, by the numbers of capabilities(7).
const POWERS: [libc::c_ulong; 17] = [
    9,  // LINUX_IMMUTABLE
    12, // NET_ADMIN
    16, // SYS_MODULE
    17, // SYS_RAWIO
    19, // SYS_PTRACE
    20, // SYS_PACCT
    21, // SYS_ADMIN
    22, // SYS_BOOT
    25, // SYS_TIME
    26, // SYS_TTY_CONFIG
    27, // MKNOD
    32, // MAC_OVERRIDE
    33, // MAC_ADMIN
    34, // SYSLOG
    38, // PERFMON
    39, // BPF
    40, // CHECKPOINT_RESTORE
];

/// Takes powers from what the program can ever have. One that this process has not, or the kernel does not know, cannot
/// be taken and need not.
fn drop_powers() {
    for power in POWERS {
        // SAFETY: the call changes nothing but this process's own bounding set.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, power, 0, 0, 0) };
    }
}

/// A network namespace of a process's own. Who may not have one by itself has one in a user namespace of its own, in
/// which the user and the group are what they were.
struct NoNet {
    maps: [(&'static std::ffi::CStr, String); 3],
}

impl NoNet {
    fn new() -> Self {
        let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        Self {
            maps: [
                (c"/proc/self/setgroups", "deny".to_owned()),
                (c"/proc/self/uid_map", format!("{user} {user} 1")),
                (c"/proc/self/gid_map", format!("{group} {group} 1")),
            ],
        }
    }

    fn enter(&self) -> io::Result<()> {
        if unshare(libc::CLONE_NEWNET).is_err() {
            unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET)?;
            for (file, text) in &self.maps {
                let file = rustix::fs::open(*file, rustix::fs::OFlags::WRONLY, rustix::fs::Mode::empty())?;
                rustix::io::write(&file, text.as_bytes())?;
            }
        }
        loopback_up()
    }
}

fn unshare(what: libc::c_int) -> io::Result<()> {
    // SAFETY: only what the calling process itself is part of changes; it has one thread.
    match unsafe { libc::unshare(what) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn loopback_up() -> io::Result<()> {
    use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
    // SAFETY: the descriptor is new and this one's own; the request is zeroed, named "lo" and lives through the call.
    unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let socket = OwnedFd::from_raw_fd(fd);
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l'.cast_signed() as libc::c_char;
        request.ifr_name[1] = b'o'.cast_signed() as libc::c_char;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        match libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw mut request) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

pub(super) fn net_can_go() -> io::Result<()> {
    let net = NoNet::new();
    let mut command = Command::new("true");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // SAFETY: nothing but system calls on memory that was there before.
    unsafe { command.pre_exec(move || net.enter()) };
    match command.status()? {
        status if status.success() => Ok(()),
        status => Err(io::Error::other(format!("a process without a network ended with {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_cage(cage: &Cage, script: &str) -> std::process::Output {
        let mut ready = cage.ready().unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        // SAFETY: the rules are open already.
        unsafe {
            command.pre_exec(move || {
                ready.leave_net()?;
                ready.enter()
            })
        };
        command.output().unwrap()
    }

    #[test]
    fn only_what_is_named_can_be_written() {
        if !support().is_there() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let (open, closed) = (dir.path().join("open"), dir.path().join("closed"));
        std::fs::create_dir(&open).unwrap();
        std::fs::write(&closed, "as it was").unwrap();
        let cage = Cage { write: vec![open.clone()], no_net: false };
        let script = format!(
            "cd {}; echo in > a && mkdir d && mv a d/b && echo x > /dev/null && cat ../closed > c; echo out > ../closed; \
             ln -s ../closed l; echo out > l; ln ../closed h; mkdir ../made; mknod n c 1 3; exit 0",
            open.display()
        );
        let out = in_cage(&cage, &script);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert_eq!(std::fs::read_to_string(open.join("d/b")).unwrap(), "in\n");
        assert_eq!(std::fs::read_to_string(open.join("c")).unwrap(), "as it was");
        assert_eq!(std::fs::read_to_string(&closed).unwrap(), "as it was");
        assert!(!dir.path().join("made").exists() && !open.join("h").exists() && !open.join("n").exists());
    }

    #[test]
    fn an_abstract_socket_outside_cannot_be_connected_to() {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
        if !matches!(support(), Support::Landlock(6..)) {
            return;
        }
        let address = SocketAddr::from_abstract_name(format!("chant-{}", std::process::id())).unwrap();
        let _listens = UnixListener::bind_addr(&address).unwrap();
        UnixStream::connect_addr(&address).unwrap();
        let mut ready = Cage::default().ready().unwrap();
        let mut command = Command::new("true");
        // SAFETY: the rules are open already, and connecting is two system calls.
        unsafe {
            command.pre_exec(move || {
                ready.enter()?;
                match UnixStream::connect_addr(&address) {
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
                    _ => Err(io::ErrorKind::AddrInUse.into()),
                }
            })
        };
        assert!(command.status().unwrap().success());
    }

    #[test]
    fn without_a_network_there_is_a_loopback_and_nothing_else() {
        if !support().is_there() || net_can_go().is_err() {
            return;
        }
        let out = in_cage(&Cage { write: Vec::new(), no_net: true }, "cat /proc/self/net/dev");
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let names: Vec<&str> =
            text.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim()).collect();
        assert!(
            names.contains(&"lo") && !names.iter().any(|name| name.starts_with("eth") || name.starts_with("en")),
            "{text}"
        );
    }
}
