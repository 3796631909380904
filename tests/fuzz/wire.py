"""Damaged requests for a running gateway: ``python -m tests.fuzz.wire --seconds 60``.

Requests of the vectors are changed byte by byte, or put together from two. Each must be answered, with a result or with
a status that is no fault of ours, and the processes must live on.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from google.rpc import code_pb2
from tests.acceptance.system import System
from tests.conformance.entries import NotExpressible, evaluation, read
from tests.conformance.probes import Watch
from tests.fuzz.mutations import mutate
from tests.fuzz.saving import save

from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

VECTORS = Path(__file__).parents[1] / "vectors" / "programs"

# Time limit of one call, in seconds. A damaged program may be a long one.
CALL_SECONDS = 20.0

# Calls between two looks at the processes.
LOOK_EVERY = 100

# What a damaged request may be answered with.
KNOWN = frozenset(
    {
        "OK",
        "INVALID_ARGUMENT",
        "RESOURCE_EXHAUSTED",
        "DEADLINE_EXCEEDED",
        "FAILED_PRECONDITION",
        "ALREADY_EXISTS",
    }
)

_METHODS = ("Evaluate", "CheckProgram")


def seeds() -> list[bytes]:
    """Gives the requests that are damaged."""
    requests = []
    for file in ("benign.jsonl", "hostile.jsonl"):
        for entry in read(VECTORS / file):
            try:
                message = evaluation(entry)
            except NotExpressible:
                continue
            if message.ByteSize() < 4_096:
                message.timeout.FromSeconds(5)
                requests.append(gradient_pb2.EvaluateRequest(evaluation=message).SerializeToString())
    return requests


def damage(rng: random.Random, some: Sequence[bytes]) -> bytes:
    """Changes a request: its bytes, or the program within."""
    data = rng.choice(some)
    if rng.random() < 0.3:
        request = gradient_pb2.EvaluateRequest.FromString(data)
        changed = mutate(rng, request.evaluation.program)
        request.evaluation.program = changed
        return request.SerializeToString()
    changed_bytes = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8])):
        at = rng.randrange(len(changed_bytes) or 1)
        match rng.randrange(5):
            case 0:
                changed_bytes[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del changed_bytes[at : at + rng.choice([1, 4, 40])]
            case 2:
                changed_bytes[at:at] = rng.randbytes(rng.choice([1, 4, 40]))
            case 3:
                other = rng.choice(some)
                changed_bytes[at:] = other[rng.randrange(len(other) or 1) :]
            case _:
                changed_bytes[at : at + 1] = (
                    bytes([changed_bytes[at] ^ (1 << rng.randrange(8))]) if changed_bytes else b""
                )
    return bytes(changed_bytes)


def status_of(channel: Any, method: str, data: bytes) -> str:
    """Sends a request and gives the name of the status."""
    try:
        channel.unary_unary(f"/pullback.v1.GradientService/{method}")(data, timeout=CALL_SECONDS)
    except grpc.RpcError as error:
        return str(code_pb2.Code.Name(error.code().value[0]))
    return "OK"


def fuzz(address: str, watch: Watch, seconds: float, seed: int) -> int:
    """Sends damaged requests for some seconds; gives the number of findings."""
    rng = random.Random(seed)  # noqa: S311 - chooses tests
    some = seeds()
    statuses: Counter[str] = Counter()
    findings = 0
    until = time.monotonic() + seconds
    with grpc.insecure_channel(address) as channel:
        while time.monotonic() < until:
            data = damage(rng, some)
            method = rng.choices(_METHODS, (9, 1))[0]
            status = status_of(channel, method, data)
            statuses[status] += 1
            problems = [] if status in KNOWN else [f"{method} answered {status}"]
            if sum(statuses.values()) % LOOK_EVERY == 0:
                problems += [*watch.gone(), *watch.left()]
            if problems:
                findings += 1
                print(f"{'; '.join(problems)}: {save('wire', data)}", flush=True)
                if watch.gone():
                    break
    print(f"wire: {sum(statuses.values())} requests, {dict(statuses)}, {findings} findings")
    return findings


def main() -> int:
    """Starts a system of its own and fuzzes it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, System(Path(folder), workers=1) as system:
        watch = Watch(system.process.pid)
        return bool(fuzz(system.address, watch, options.seconds, options.seed))


if __name__ == "__main__":
    sys.exit(main())
