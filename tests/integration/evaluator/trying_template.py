"""A template whose evaluators are hardened, and try what their programs name: what a taken-over process would try."""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from pullback.evaluator.serve import Compute
from pullback.evaluator.template import run
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pullback.contract.errors import PullbackError
    from pullback.evaluator.options import Options

LIBC = ctypes.CDLL(None, use_errno=True)
# Numbers of calls on x86-64 and on others, as syscall(2) wants them.
IS_X86 = os.uname().machine == "x86_64"
PTRACE = 101 if IS_X86 else 117
IO_URING_SETUP = 425
FUTURE = 9_999


def _syscall(number: int, *arguments: int) -> None:
    if LIBC.syscall(number, *arguments) == -1:
        raise OSError(ctypes.get_errno(), "refused")


def _thread() -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


def _abort() -> None:
    LIBC.abort()


def _executable_page() -> None:
    # What a compiler of kernels needs.
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


TRIES: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "thread": _thread,
    "executable page": _executable_page,
    "abort": _abort,
    "overflow": lambda: ctypes.string_at(8),
    "open": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "write": lambda: os.open("/tmp/pullback-was-here", os.O_WRONLY | os.O_CREAT),  # noqa: S108 - must not succeed
    "environ": lambda: os.open("/proc/self/environ", os.O_RDONLY),
    "parent": lambda: os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY),
    "list": lambda: list(Path("/").iterdir()),
    "stat": Path("/etc/passwd").stat,
    "socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "unix socket": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "fork": os.fork,
    "exec": lambda: os.execv("/bin/true", ["/bin/true"]),  # noqa: S606 - must not succeed
    "kill parent": lambda: os.kill(os.getppid(), signal.SIGKILL),
    "kill all": lambda: os.kill(-1, signal.SIGKILL),
    "ptrace": lambda: _syscall(PTRACE, 0, 0, 0, 0),
    "unshare": lambda: LIBC.unshare(0x10000000) and None,
    "io_uring": lambda: _syscall(IO_URING_SETUP, 1, 0),
    "future": lambda: _syscall(FUTURE),
    "raise files": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1)),
    "root": lambda: os.setuid(0),
    "memory": lambda: mmap.mmap(-1, 1 << 40),
    "objects": lambda: [bytes(1 << 24) for _ in range(1 << 16)],
    "ids": lambda: f"{os.getuid()} {os.getsid(0) == os.getpid()} {os.getpgid(0) == os.getpid()}",
}


def _try(evaluation: pb.Evaluation) -> pb.Result | PullbackError:
    try:
        return pb.Result(printed=str(TRIES[evaluation.program]()))
    except OSError as error:
        return pb.Result(printed=f"errno {error.errno}")


def _evaluate_many(evaluations: Sequence[pb.Evaluation]) -> Sequence[pb.Result | PullbackError]:
    return [_try(each) for each in evaluations]


def _start(_: Options) -> Compute:
    return Compute("trying", _evaluate_many)


if __name__ == "__main__":
    run(sys.argv[1:], _start)
