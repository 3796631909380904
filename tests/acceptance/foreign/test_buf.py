from __future__ import annotations

import base64
import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from google.rpc import code_pb2

if TYPE_CHECKING:
    from tests.acceptance.system import System

PROGRAM = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"

# Seconds for one call.
CALL_LIMIT = 60


def _buf() -> str:
    path = shutil.which("buf", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("buf is not installed")
        pytest.skip("buf is not installed")
    return path


def _curl(system: System, method: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    url = f"http://{system.address}/{method}".rstrip("/")
    command = [_buf(), "curl", "--protocol", "grpc", "--http2-prior-knowledge", *arguments, url]
    return subprocess.run(command, capture_output=True, text=True, timeout=CALL_LIMIT, check=False)


def _evaluate(system: System, program: str) -> subprocess.CompletedProcess[str]:
    two = base64.b64encode(struct.pack("<d", 2.0)).decode()
    inputs = {"x": {"dtype": "DATA_TYPE_FLOAT64", "data": two}}
    data = json.dumps({"evaluation": {"program": program, "inputs": inputs}})
    return _curl(system, "pullback.v1.GradientService/Evaluate", "--data", data)


def test_buf_curl_reads_value_and_gradient(system: System) -> None:
    """A client that knows the service by reflection alone gets y(2) = 63 and dy/dx(2) = 93."""
    finished = _evaluate(system, PROGRAM)
    assert finished.returncode == 0, finished.stderr
    result = json.loads(finished.stdout)["result"]
    for tensor, expected in ((result["values"]["y"], 63.0), (result["gradients"]["x"], 93.0)):
        assert tensor["dtype"] == "DATA_TYPE_FLOAT64"
        assert struct.unpack("<d", base64.b64decode(tensor["data"])) == (expected,)


def test_buf_curl_exits_with_the_code_of_a_refusal(system: System) -> None:
    """A syntax error ends `buf curl` with INVALID_ARGUMENT, which it shifts three bits to the left."""
    finished = _evaluate(system, "y = x +")
    assert finished.returncode == code_pb2.INVALID_ARGUMENT << 3
    error = json.loads(finished.stderr)
    assert error["code"] == "invalid_argument"
    assert "line 1" in error["message"]


def test_buf_curl_lists_the_methods(system: System) -> None:
    """Reflection lists every method of the service, and health."""
    finished = _curl(system, "", "--list-methods")
    assert finished.returncode == 0, finished.stderr
    assert {
        "pullback.v1.GradientService/CheckProgram",
        "pullback.v1.GradientService/Evaluate",
        "pullback.v1.GradientService/EvaluateStream",
        "grpc.health.v1.Health/Check",
    } <= set(finished.stdout.split())
