//! System calls, by seccomp.
//!
//! There is a list of those that a server of files never needs, not one of those that it does: a call that a library
//! begins to make tomorrow must not end anybody's transfer. What is refused is answered as the kernel answers it to
//! somebody without the right to it; nothing is killed, but a program that makes calls of another processor.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};
use std::collections::BTreeMap;

/// Calls that are refused.
const REFUSED: &[i64] = &[
    // Other programs, and looking into them.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Another view of the system: mounts, roots, namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_fsconfig,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    // The system itself.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_personality,
    // Parts of the kernel in which holes are found, and which are of no use here.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_fanotify_init,
    libc::SYS_lookup_dcookie,
    libc::SYS_vmsplice,
];

/// Set in numbers of calls by programs with short pointers (x32), which mean the same; elsewhere, they mean nothing.
const OTHER_NUMBERS: i64 = 0x4000_0000;

/// What would type into the terminal that the server was started from.
const TYPING: i32 = libc::TIOCSTI as i32;

/// Flags by which `clone` makes namespaces.
const NAMESPACES: &[i32] = &[
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// Families of sockets that there may be; those of others have more holes than users.
const FAMILIES: &[i32] = &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Gives up these calls.
///
/// # Errors
/// Why the kernel does not do it, in words.
pub fn refuse_calls() -> Result<(), String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let refused = errno(libc::EPERM);
    for filter in [filter(rules()?, refused)?, filter(unknown(), errno(libc::ENOSYS))?] {
        apply_filter(&filter).map_err(|error| words(&error))?;
    }
    Ok(())
}

fn errno(number: i32) -> SeccompAction {
    SeccompAction::Errno(number.unsigned_abs())
}

fn filter(rules: BTreeMap<i64, Vec<SeccompRule>>, action: SeccompAction) -> Result<BpfProgram, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let here = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| words(&error))?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, here);
    filter.and_then(BpfProgram::try_from).map_err(|error| words(&error))
}

fn rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>, String> {
    let both = |call: &i64| [(*call, Vec::new()), (*call | OTHER_NUMBERS, Vec::new())];
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.iter().flat_map(both).collect();
    let conditions = |argument: u8, conditions: Vec<(SeccompCmpOp, i32)>| {
        let condition = |(operator, value): (SeccompCmpOp, i32)| {
            SeccompCondition::new(
                argument,
                SeccompCmpArgLen::Dword,
                operator,
                u64::from(value.cast_unsigned()),
            )
        };
        let conditions: Result<Vec<_>, _> = conditions.into_iter().map(condition).collect();
        conditions.and_then(SeccompRule::new).map_err(|error| error.to_string())
    };
    let flag =
        |flag: &i32| conditions(0, vec![(SeccompCmpOp::MaskedEq(u64::from(flag.cast_unsigned())), *flag)]);
    rules.insert(libc::SYS_clone, NAMESPACES.iter().map(flag).collect::<Result<_, _>>()?);
    let others = FAMILIES.iter().map(|family| (SeccompCmpOp::Ne, *family)).collect();
    rules.insert(libc::SYS_socket, vec![conditions(0, others)?]);
    rules.insert(libc::SYS_ioctl, vec![conditions(1, vec![(SeccompCmpOp::Eq, TYPING)])?]);
    Ok(rules)
}

/// A call whose arguments a filter cannot see; libraries take the older one where the kernel does not know it.
fn unknown() -> BTreeMap<i64, Vec<SeccompRule>> {
    BTreeMap::from([(libc::SYS_clone3, Vec::new())])
}
