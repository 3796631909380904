from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest
import typer
from typer.testing import CliRunner

from pullback.cli.app import DEFAULT_ADDRESS, app
from pullback.cli.exits import faults_reported
from pullback.client import channels
from pullback.contract.errors import TABLE, PullbackError, QueueUnavailable, Stopping, Unreachable


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


@pytest.mark.parametrize("cls", TABLE)
def test_every_error_has_an_exit_status(cls: type[PullbackError], capsys: pytest.CaptureFixture[str]) -> None:
    """3 where no service was reached, 1 for all else, and the message on standard error."""
    with pytest.raises(typer.Exit) as caught, faults_reported():
        raise cls("what was found")
    assert caught.value.exit_code == (3 if cls in {Unreachable, QueueUnavailable, Stopping} else 1)
    assert capsys.readouterr().err == "pullback: what was found\n"


def test_a_bug_keeps_its_traceback() -> None:
    """What is not one of our errors is not hidden."""
    with pytest.raises(ZeroDivisionError), faults_reported():
        raise ZeroDivisionError
