"""The kernel's calls by what an evaluator may do with them. Names, because numbers differ between processors.

Measured: torch on a processor makes some twenty different ones while it computes. The rest of `ALLOWED` are their
siblings: what another version of glibc, torch or Python would use in their place.
"""

from __future__ import annotations

#: Memory, threads' locks, clocks, its own signals, its own identity, and reading and writing what is open.
ALLOWED = (
    # memory
    "brk", "madvise", "mmap", "mprotect", "mremap", "munmap", "membarrier",
    # threads of its own; to start one is `clone`, which is allowed for threads only
    "futex", "futex_waitv", "futex_wait", "futex_wake", "futex_requeue", "get_robust_list", "set_robust_list",
    "rseq", "sched_getaffinity", "sched_yield", "set_tid_address", "arch_prctl",
    # time
    "clock_getres", "clock_gettime", "clock_nanosleep", "gettimeofday", "nanosleep", "time", "times",
    # signals that it gets
    "pause", "restart_syscall", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "sigaltstack", "sigreturn",
    # what it is
    "getcpu", "getegid", "geteuid", "getgid", "getpgid", "getpgrp", "getpid", "getppid", "getrandom", "getrlimit",
    "getrusage", "getsid", "gettid", "getuid", "sysinfo", "uname",
    # its connection, and its log
    "close", "epoll_pwait", "epoll_wait", "fstat", "fstat64", "getpeername", "getsockname", "getsockopt",
    "lseek", "poll", "ppoll", "pselect6", "read", "readv", "recvfrom", "select", "setsockopt", "shutdown", "write",
    "writev",
    # the end
    "exit", "exit_group",
)  # fmt: skip

#: Names of files, known or not. Refused as missing rights are, because honest code asks and goes on without.
FILES = (
    "access", "chdir", "chmod", "chown", "creat", "faccessat", "faccessat2", "fchdir", "fchmod", "fchmodat",
    "fchown", "fchownat", "getcwd", "getdents", "getdents64", "lchown", "link", "linkat", "lstat", "mkdir", "mkdirat",
    "mknod", "mknodat", "newfstatat", "open", "openat", "openat2", "readlink", "readlinkat", "rename", "renameat",
    "renameat2", "rmdir", "stat", "statfs", "statx", "symlink", "symlinkat", "truncate", "unlink", "unlinkat",
    "utimensat",
)  # fmt: skip

#: What no computation ever asks for: whoever does has taken the process over. It ends at once, and we hear of it.
ATTACKS = (
    # other programs
    "execve", "execveat", "fork", "vfork",
    # other processes
    "kcmp", "pidfd_getfd", "pidfd_open", "pidfd_send_signal", "process_madvise", "process_vm_readv",
    "process_vm_writev", "ptrace", "tkill",
    # the network
    "accept", "accept4", "bind", "connect", "listen", "socket", "socketpair",
    # the machine
    "acct", "add_key", "bpf", "chroot", "delete_module", "finit_module", "fsconfig", "fsmount", "fsopen", "init_module",
    "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kexec_file_load", "kexec_load",
    "keyctl", "memfd_create", "memfd_secret", "mount", "mount_setattr", "move_mount", "name_to_handle_at",
    "open_by_handle_at", "open_tree", "perf_event_open", "personality", "pivot_root", "quotactl", "reboot",
    "request_key", "setgid", "setgroups", "setns", "setregid", "setresgid", "setresuid", "setreuid", "setuid",
    "swapoff", "swapon", "umount2", "unshare", "userfaultfd", "vhangup",
)  # fmt: skip
