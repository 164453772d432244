/**
 * What a container may ask of the kernel: an allow-list for the one architecture that it runs on, in the form of the OCI runtime
 * specification, "Seccomp". A filter over several architectures takes several times as long to make, and lets a program choose the
 * numbering that was thought through least.
 */

/** Without them hardly any program runs: files, memory, processes, signals, time, sockets, polling. Sorted. */
const everywhere = `
accept accept4 alarm arch_prctl bind brk capget capset chdir chmod chown clock_getres clock_gettime clock_nanosleep close close_range
connect copy_file_range dup dup2 dup3 epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 eventfd2 execve execveat exit exit_group
faccessat faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock
fremovexattr fsetxattr fstat fstatfs fsync ftruncate futex futex_waitv get_robust_list getcpu getcwd getdents64 getegid geteuid getgid
getgroups getitimer getpeername getpgid getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid
getsockname getsockopt gettid gettimeofday getuid getxattr inotify_add_watch inotify_init1 inotify_rm_watch ioctl ioprio_get
ioprio_set kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lgetxattr linkat listen listxattr llistxattr lremovexattr
lseek lsetxattr madvise membarrier memfd_create mincore mkdirat mknodat mlock mlock2 mlockall mmap mprotect mq_getsetattr mq_notify
mq_open mq_timedreceive mq_timedsend mq_unlink mremap msgctl msgget msgrcv msgsnd msync munlock munlockall munmap nanosleep newfstatat
openat openat2 pidfd_open pidfd_send_signal pipe2 ppoll prctl pread64 preadv preadv2 prlimit64 pselect6 pwrite64 pwritev pwritev2 read
readahead readlinkat readv recvfrom recvmmsg recvmsg removexattr renameat renameat2 restart_syscall rseq rt_sigaction rt_sigpending
rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max
sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity
sched_setattr sched_setparam sched_setscheduler sched_yield seccomp semctl semget semop semtimedop sendfile sendmmsg sendmsg sendto
set_robust_list set_tid_address setfsgid setfsuid setgid setgroups setitimer setpgid setpriority setregid setresgid setresuid setreuid
setrlimit setsid setsockopt setuid setxattr shmat shmctl shmdt shmget shutdown sigaltstack signalfd4 socketpair splice statfs statx
symlinkat sync sync_file_range syncfs sysinfo tee tgkill timer_create timer_delete timer_getoverrun timer_gettime timer_settime
timerfd_create timerfd_gettime timerfd_settime times tkill truncate umask uname unlinkat utimensat vmsplice wait4 waitid write writev
`;

/** Older forms that x86-64 alone has. */
const onX86 = `
access creat epoll_create epoll_wait eventfd fork futimesat getdents getpgrp inotify_init lchown link lstat mkdir mknod modify_ldt
open pause pipe poll readlink rename rmdir select signalfd stat symlink time unlink ustat utime utimes vfork
`;

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

export type SeccompArchitecture = 'SCMP_ARCH_X86_64' | 'SCMP_ARCH_AARCH64';

interface ArgumentRule {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: 'SCMP_CMP_EQ' | 'SCMP_CMP_MASKED_EQ';
}

interface SystemCallRule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly ArgumentRule[];
}

export interface SeccompProfile {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly architectures: readonly SeccompArchitecture[];
  readonly syscalls: readonly SystemCallRule[];
}

const errno = { notPermitted: 1, notImplemented: 38 } as const;

/** CLONE_NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET: namespaces of one's own. */
const namespaceFlags = 0x7e02_0000;

/** AF_UNIX, AF_INET, AF_INET6, and AF_NETLINK, by which C libraries list interfaces. */
const socketFamilies = [1, 2, 10, 16];

/** Linux, Linux with 32-bit addresses of a process, what is asked for without a change. */
const personalities = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/** Anything else is refused with EPERM; clone3, whose flags a filter cannot see, with ENOSYS, so that libraries fall back to clone. */
export function seccompProfile(architecture: SeccompArchitecture): SeccompProfile {
  const names = [...words(everywhere), ...(architecture === 'SCMP_ARCH_X86_64' ? words(onX86) : [])];
  const allow = (name: string, args: readonly ArgumentRule[]): SystemCallRule => ({
    names: [name],
    action: 'SCMP_ACT_ALLOW',
    args,
  });
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: errno.notPermitted,
    architectures: [architecture],
    syscalls: [
      { names, action: 'SCMP_ACT_ALLOW' },
      allow('clone', [{ index: 0, value: namespaceFlags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }]),
      ...socketFamilies.map((value) => allow('socket', [{ index: 0, value, op: 'SCMP_CMP_EQ' }])),
      ...personalities.map((value) => allow('personality', [{ index: 0, value, op: 'SCMP_CMP_EQ' }])),
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: errno.notImplemented },
    ],
  };
}
