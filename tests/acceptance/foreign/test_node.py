from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import google.rpc
import pytest
from google.rpc import code_pb2

if TYPE_CHECKING:
    from tests.acceptance.system import System

ROOT = Path(__file__).resolve().parents[3]
SOURCE = Path(__file__).resolve().parent / "node"

# Seconds. Installing fetches 33 packages; a call is bounded by the client's own deadline.
INSTALL_LIMIT = 100
CALL_LIMIT = 60


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{program} is not installed")
        pytest.skip(f"{program} is not installed")
    return path


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The locked packages, installed once for each lock file and outside the source tree."""
    npm, lock = _found("npm"), SOURCE / "package-lock.json"
    folder = ROOT / ".cache" / "foreign" / hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    complete = folder / "complete"
    if not complete.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCE / name, folder)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=folder, check=True, timeout=INSTALL_LIMIT)
        complete.touch()
    return folder / "node_modules"


def _call(command: str, system: System, node_modules: Path) -> dict[str, Any]:
    include = [str(ROOT / "proto"), str(Path(google.rpc.__path__[0]).parents[1])]
    finished = subprocess.run(
        [_found("node"), SOURCE / "client.js", command, system.address, *include],
        env={**os.environ, "NODE_PATH": str(node_modules)},
        capture_output=True,
        text=True,
        timeout=CALL_LIMIT,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def test_node_reads_value_and_gradient(system: System, node_modules: Path) -> None:
    """A client made from the .proto files alone gets y(2) = 63 and dy/dx(2) = 93."""
    assert _call("evaluate", system, node_modules) == {"y": 63, "x": 93}


def test_node_reads_why_a_program_is_refused(system: System, node_modules: Path) -> None:
    """A syntax error is INVALID_ARGUMENT, and the details name the reason, the field and the line."""
    status = _call("refuse", system, node_modules)
    assert status["grpcCode"] == status["code"] == code_pb2.INVALID_ARGUMENT
    details = {detail["type"]: detail for detail in status["details"]}
    info = details["google.rpc.ErrorInfo"]
    assert info["domain"] == "pullback.dev"
    assert info["metadata"]["line"] == "1"
    (violation,) = details["google.rpc.BadRequest"]["field_violations"]
    assert violation["field"] == "program"
    assert "^" in violation["description"]


def test_node_streams_good_and_bad_together(system: System, node_modules: Path) -> None:
    """Of three streamed evaluations the two good ones are answered, though the third is refused."""
    outcomes = _call("stream", system, node_modules)
    by_name = {request_id.rpartition(":")[2]: outcome for request_id, outcome in outcomes.items()}
    assert by_name["two"] == {"y": 63, "x": 93}
    assert by_name["three"] == {"y": 232, "x": 266}
    assert by_name["bad"]["code"] == code_pb2.INVALID_ARGUMENT
    assert len(outcomes) == 3
