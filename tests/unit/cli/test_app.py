from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pullback.cli.address import DEFAULT_ADDRESS
from pullback.cli.app import app
from pullback.cli.exits import faults_reported
from pullback.client import channels
from pullback.contract.errors import (
    TABLE,
    ProgramError,
    PullbackError,
    QueueUnavailable,
    Stopping,
    Unreachable,
)

PULLBACK = Path(sys.executable).with_name("pullback")


def test_the_version_is_the_distributions() -> None:
    """The command and the installed package agree."""
    assert CliRunner().invoke(app, ["--version"]).output == f"pullback {version('pullback')}\n"


@pytest.mark.parametrize("command", ["eval", "check", "graph", "gateway", "worker", "up"])
def test_every_command_explains_itself(command: str) -> None:
    """The help of each command names it and exits with 0."""
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"Usage: pullback {command}" in result.output


def test_the_default_address_is_the_sdks() -> None:
    """The command repeats the address in order to start quickly; the two are the same."""
    assert DEFAULT_ADDRESS == channels.DEFAULT_ADDRESS


def test_help_loads_neither_grpc_nor_numpy() -> None:
    """What a command needs is loaded when it runs."""
    code = (
        "import sys\n"
        "from pullback.cli import main\n"
        "sys.argv = ['pullback', 'eval', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'google', 'grpc', 'numpy', 'rich'} & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", ["list", "get", "watch", "export", "cancel", "retry", "delete"])
def test_every_command_about_jobs_explains_itself(command: str) -> None:
    """The help of each command names it and exits with 0."""
    result = CliRunner().invoke(app, ["jobs", command, "--help"])
    assert result.exit_code == 0
    assert f"Usage: pullback jobs {command}" in result.output


@pytest.mark.parametrize("cls", TABLE)
def test_every_error_has_an_exit_status(cls: type[PullbackError], capsys: pytest.CaptureFixture[str]) -> None:
    """3 where no service was reached, 1 for all else, and the message on standard error."""
    with pytest.raises(typer.Exit) as caught, faults_reported():
        raise cls("what was found")
    assert caught.value.exit_code == (3 if cls in {Unreachable, QueueUnavailable, Stopping} else 1)
    assert capsys.readouterr().err == "pullback: what was found\n"


@pytest.mark.parametrize("command", ["eval", "check", "graph"])
@pytest.mark.parametrize("address", ["", "localhost", "http://localhost:50051", "localhost:port"])
def test_an_address_is_checked_before_it_is_dialled(command: str, address: str) -> None:
    """What is no host:port is wrong usage, and told how to write one."""
    result = CliRunner().invoke(app, [command, "y = x", "--address", address])
    assert result.exit_code == 2
    assert "write host:port" in result.stderr


def test_a_fault_in_a_file_is_told_with_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    """`@FILE` stands for the program in its own faults, and in no other's."""
    for field, said in (("program", "dir/p.py: line 1"), ("timeout", "timeout: line 1")):
        with pytest.raises(typer.Exit), faults_reported("@dir/p.py"):
            raise ProgramError("line 1", field=field)
        assert capsys.readouterr().err == f"pullback: {said}\n"


def test_output_that_finds_no_room_is_a_failure() -> None:
    """A full disk is named, without a traceback."""
    with Path("/dev/full").open("wb") as full:
        process = subprocess.run(
            [PULLBACK, "--version"], check=False, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert process.returncode == 1
    assert process.stderr == "pullback: the output cannot be written: No space left on device\n"


def test_output_that_nobody_reads_ends_the_command_quietly() -> None:
    """A reader that has gone, such as `head`, is no reason for a traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [PULLBACK, "--version"], check=False, stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert process.returncode == 1
    assert process.stderr == ""


def test_a_bug_keeps_its_traceback() -> None:
    """What is not one of our errors is not hidden."""
    with pytest.raises(ZeroDivisionError), faults_reported():
        raise ZeroDivisionError
