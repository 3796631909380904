from __future__ import annotations

import signal
import subprocess
import sys

import psutil
import pytest

from pullback.broker.embedded import leashed

_PARENT = """
import subprocess, sys
from signal import Signals
from pullback.broker.embedded import leashed
child = subprocess.Popen(leashed((sys.executable, "-c", sys.argv[2]), Signals(int(sys.argv[1]))))
child.wait()
"""

# Says its id once it would notice SIGTERM, and then how it ended.
_CHILD = """
import os, signal, sys
def noticed(*_):
    print("closed its files", flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, noticed)
print(os.getpid(), flush=True)
signal.pause()
"""


@pytest.mark.parametrize(
    ("number", "rest"), [(signal.SIGTERM, "closed its files\n"), (signal.SIGKILL, "")], ids=["TERM", "KILL"]
)
def test_a_child_gets_its_signal_when_its_parent_is_killed(number: signal.Signals, rest: str) -> None:
    """SIGKILL of a parent reaches its leashed child as the signal that was chosen."""
    command = [sys.executable, "-c", _PARENT, str(int(number)), _CHILD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        assert parent.stdout.read() == rest
        child.wait(30)


def test_a_leashed_command_keeps_arguments_output_and_status() -> None:
    """The leash becomes the command: same process, nothing added."""
    program = "import sys; print(sys.argv[1:]); sys.exit(7)"
    command = leashed((sys.executable, "-c", program, "a b", "", "--é"), signal.SIGKILL)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (7, "['a b', '', '--é']\n")


def test_a_child_whose_parent_died_before_the_leash_was_on_does_not_run() -> None:
    """In the moment in which no signal would come, the command is not started at all."""
    command = list(leashed((sys.executable, "-c", "print('running')"), signal.SIGKILL))
    stranger = psutil.Process().ppid()
    command[command.index(str(psutil.Process().pid))] = str(stranger)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (126, "")


def test_a_command_that_cannot_be_run_says_so() -> None:
    """The name of a program that is not there is in the message."""
    done = subprocess.run(
        leashed(("/nowhere/server",), signal.SIGKILL), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        126,
        "/nowhere/server cannot be run: No such file or directory\n",
    )
