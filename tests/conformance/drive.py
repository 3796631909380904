"""Drives a running system with corpora, and looks at it after each hostile entry."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, final

import grpc
from google.rpc import code_pb2, status_pb2
from grpc_status import rpc_status
from tests.conformance import judge, oracle
from tests.conformance.entries import Entry, NotExpressible, evaluation, request

from pullback.client.channels import OPTIONS
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.conformance.probes import Watch

# Time limit of one evaluation, in seconds, and what the answer may take beyond it.
DEADLINE_SECONDS = 10.0
GRACE_SECONDS = 10.0

# What worker and evaluators may hold beyond what they held after the good programs, in bytes: caches of programs
# and of freed memory, but not one bomb.
MEMORY_SLACK_BYTES = 96 * 2**20

_EVALUATE = "/pullback.v1.GradientService/Evaluate"

# The good job that is sent after each hostile entry. Its bytes must never change.
_FIXED = Entry(
    "the fixed job",
    "y = (x.sin() * torch.linspace(0, 1, 3)).sum() + torch.softmax(x, 0).square().sum()",
    {
        "inputs": {"x": {"dtype": "float32", "shape": [3], "data": [0.5, -1.0, 2.0]}},
        "wrt": ["x"],
        "output": "y",
    },
)


@final
@dataclass
class Report:
    """What came of a run.

    Attributes:
        faults: by entry, what was wrong, in words.
        statuses: how often each status was given, for good and for hostile entries.
        skipped: entries that the wire format cannot express, with the reason.
        slowest: entry and seconds of the slowest answer.
    """

    faults: dict[str, list[str]] = field(default_factory=dict)
    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    skipped: dict[str, str] = field(default_factory=dict)
    slowest: tuple[str, float] = ("", 0.0)

    def note(self, entry: Entry, faults: Sequence[str]) -> None:
        """Adds faults of an entry."""
        if faults:
            known = self.faults.setdefault(entry.id, [])
            known += [fault for fault in faults if fault not in known]


@final
class Driver:
    """Sends entries to a gateway, one after the other, and judges the answers.

    Args:
        address: host:port of the gateway.
        watch: the processes behind it; None leaves them alone.
        deadline: time limit of one evaluation, in seconds.
    """

    def __init__(self, address: str, watch: Watch | None, deadline: float = DEADLINE_SECONDS) -> None:
        self._channel: Any = grpc.insecure_channel(address, options=OPTIONS)
        self._call: Any = self._channel.unary_unary(_EVALUATE)
        self._watch = watch
        self._deadline = deadline
        self._fixed = request(_FIXED, deadline)
        self.report = Report()

    def __enter__(self) -> Self:
        self._fixed_answer = self._answer(self._fixed)
        if isinstance(self._fixed_answer, status_pb2.Status):
            raise TypeError(f"the fixed job was refused: {self._fixed_answer.message}")
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def _answer(self, data: bytes) -> bytes | status_pb2.Status:
        """Gives the bytes of a result, without the times in it, or the status of a refusal."""
        try:
            response = self._call(data, timeout=self._deadline + GRACE_SECONDS)
        except grpc.RpcError as error:
            status = rpc_status.from_call(error)
            return status or status_pb2.Status(code=error.code().value[0], message=error.details() or "")
        result = gradient_pb2.EvaluateResponse.FromString(response).result
        result.ClearField("timings")
        return result.SerializeToString(deterministic=True)

    def _timed(self, entry: Entry, data: bytes) -> bytes | status_pb2.Status:
        begin = time.monotonic()
        answer = self._answer(data)
        seconds = time.monotonic() - begin
        if seconds > self.report.slowest[1]:
            self.report.slowest = (entry.id, seconds)
        if isinstance(answer, status_pb2.Status) and seconds > self._deadline + GRACE_SECONDS:
            self.report.note(entry, [f"answered after {seconds:.1f} s"])
        return answer

    def good(self, entry: Entry) -> None:
        """Sends a good entry twice: right within its tolerance, and the same bytes again."""
        expected = oracle.expected(entry)
        message = evaluation(entry, expected.value)
        message.timeout.FromMilliseconds(int(self._deadline * 1000))
        data = gradient_pb2.EvaluateRequest(evaluation=message).SerializeToString()
        answers = [self._timed(entry, data) for _ in range(2)]
        self.report.note(entry, list(self._faults_of_good(entry, answers, expected)))

    def _faults_of_good(
        self, entry: Entry, answers: Sequence[bytes | status_pb2.Status], expected: oracle.Expected
    ) -> Iterator[str]:
        for answer in answers:
            if isinstance(answer, status_pb2.Status):
                name = _name(answer)
                self.report.statuses["good", name] += 1
                yield f"{name}: {answer.message[:200]}"
                return
            self.report.statuses["good", "OK"] += 1
        (first, *_) = answers
        assert isinstance(first, bytes)
        result = gradient_pb2.EvaluateResponse().result
        result.ParseFromString(first)
        yield from judge.faults_of_result(entry, result, expected)
        if len(set(map(bytes, answers))) > 1:
            yield "other bytes on the second run"

    def hostile(self, entry: Entry) -> None:
        """Sends a hostile entry: refused as it must be, and no trace of it left."""
        try:
            data = request(entry, self._deadline)
        except NotExpressible as error:
            self.report.skipped[entry.id] = str(error)
            return
        answer = self._timed(entry, data)
        if isinstance(answer, status_pb2.Status):
            name = _name(answer)
            faults = list(judge.faults_of_refusal(entry, answer, name))
        else:
            name, faults = "OK", ["it was run"]
        self.report.statuses["hostile", name] += 1
        self.report.note(entry, [*faults, *self._traces()])

    def _traces(self) -> Iterator[str]:
        answer = self._answer(self._fixed)
        if isinstance(answer, status_pb2.Status):
            yield f"the fixed job after it was refused: {_name(answer)}: {answer.message[:160]}"
        elif answer != self._fixed_answer:
            yield "the fixed job after it had other bytes"
        if self._watch:
            yield from self._watch.gone()
            yield from self._watch.left()


def _name(status: status_pb2.Status) -> str:
    return str(code_pb2.Code.Name(status.code))


def drive(
    address: str,
    entries: Sequence[Entry],
    *,
    watch: Watch | None,
    seed: int,
    passes: int = 1,
    deadline: float = DEADLINE_SECONDS,
) -> Report:
    """Sends all good entries once, then all entries mixed, in random order.

    Args:
        address: host:port of the gateway.
        entries: good and hostile ones.
        watch: the processes behind the gateway, or None.
        seed: of the random order.
        passes: how often the mixture is sent.
        deadline: time limit of one evaluation, in seconds.
    """
    shuffle = random.Random(seed)  # noqa: S311 - an order, no secret
    with Driver(address, watch, deadline) as driver:
        for entry in entries:
            if not entry.hostile:
                driver.good(entry)
        before = watch.memory() if watch else 0
        for _ in range(passes if any(entry.hostile for entry in entries) else 0):
            for entry in shuffle.sample(list(entries), len(entries)):
                (driver.hostile if entry.hostile else driver.good)(entry)
        if watch and (grown := watch.memory() - before) > MEMORY_SLACK_BYTES:
            driver.report.faults["the system"] = [f"holds {grown / 2**20:.0f} MiB more than before"]
        return driver.report
