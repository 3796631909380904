"""Jobs and calls as lean as a client can make them, for one tenant."""

from __future__ import annotations

import struct
import time
import uuid
from itertools import islice
from typing import TYPE_CHECKING, Any

import grpc

from benchmarks import polynomial
from pullback.v1 import evaluation_pb2, gradient_pb2, gradient_pb2_grpc, job_pb2, job_pb2_grpc, tensor_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The metadata key by which the measured system tells tenants apart.
TENANT_HEADER = "pullback-tenant"

#: Jobs in one message.
BATCH = 2_000

#: Longest that one call may take, in seconds.
DEADLINE = 120.0

_FLOAT64 = struct.Struct("<d")

_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))

_TERMINAL = frozenset(
    {
        job_pb2.JOB_STATE_SUCCEEDED,
        job_pb2.JOB_STATE_FAILED,
        job_pb2.JOB_STATE_CANCELLED,
        job_pb2.JOB_STATE_EXPIRED,
    }
)


def evaluation(x: float) -> evaluation_pb2.Evaluation:
    """Makes the evaluation at a point."""
    tensor = tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_FLOAT64, data=_FLOAT64.pack(x))
    return evaluation_pb2.Evaluation(program=polynomial.PROGRAM, inputs={"x": tensor})


class Tenant:
    """One tenant's calls over a channel of its own."""

    def __init__(self, address: str, name: str) -> None:
        self.metadata = ((TENANT_HEADER, name),)
        self._channel = grpc.insecure_channel(address, _OPTIONS)
        self.jobs: Any = job_pb2_grpc.JobServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated
        self._gradients: Any = gradient_pb2_grpc.GradientServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def submit(self, count: int, label: str) -> float:
        """Creates bulk jobs at distinct points under one label. Returns the seconds that it took."""
        begun = time.perf_counter()
        numbered = enumerate(islice(polynomial.points(), count))
        while requests := [self._request(number, x, label) for number, x in islice(numbered, BATCH)]:
            message = job_pb2.BatchCreateJobsRequest(requests=requests)
            response = self.jobs.BatchCreateJobs(message, metadata=self.metadata, timeout=DEADLINE)
            for outcome in response.outcomes:
                if outcome.HasField("error"):
                    raise polynomial.WrongAnswerError(f"a job was refused: {outcome.error.message}")
        return time.perf_counter() - begun

    @staticmethod
    def _request(number: int, x: float, label: str) -> job_pb2.CreateJobRequest:
        job = job_pb2.Job(evaluation=evaluation(x), labels={"run": label}, priority=job_pb2.JOB_PRIORITY_BULK)
        return job_pb2.CreateJobRequest(job=job, job_id=f"{label}-{number}")

    def create_laps(self, count: int) -> list[float]:
        """Creates single jobs, one call after the other. Returns the seconds that each call took."""
        laps = []
        label = uuid.uuid4().hex[:8]
        for number, x in enumerate(islice(polynomial.points(), count)):
            request = self._request(number, x, label)
            begun = time.perf_counter()
            self.jobs.CreateJob(request, metadata=self.metadata, timeout=DEADLINE)
            laps.append(time.perf_counter() - begun)
        return laps

    def evaluate_laps(self, seconds: float) -> list[float]:
        """Calls `Evaluate`, one call after the other. Returns the seconds that each took."""
        xs, values, gradients, laps = [], [], [], []
        until = time.perf_counter() + seconds
        for x in polynomial.points():
            begun = time.perf_counter()
            if begun > until:
                break
            request = gradient_pb2.EvaluateRequest(evaluation=evaluation(x))
            result = self._gradients.Evaluate(request, metadata=self.metadata, timeout=DEADLINE).result
            laps.append(time.perf_counter() - begun)
            xs.append(x)
            values.append(number_of(result.values["y"]))
            gradients.append(number_of(result.gradients["x"]))
        polynomial.check(xs, values, gradients)
        return laps

    def job_laps(self, seconds: float, priority: job_pb2.JobPriority) -> list[float]:
        """Creates single jobs and waits for each. Returns the seconds from its creation to the news of its end."""
        laps = []
        until = time.perf_counter() + seconds
        label = uuid.uuid4().hex[:8]
        watch = self.jobs.WatchJobs(
            job_pb2.WatchJobsRequest(filter=job_pb2.JobFilter(labels={"run": label})),
            metadata=self.metadata,
        )
        ends = _ended(watch)
        for number, x in enumerate(polynomial.points()):
            begun = time.perf_counter()
            if begun > until:
                break
            request = self._request(number, x, label)
            request.job.priority = priority
            self.jobs.CreateJob(request, metadata=self.metadata, timeout=DEADLINE)
            job = next(ends)
            laps.append(time.perf_counter() - begun)
            if job.state != job_pb2.JOB_STATE_SUCCEEDED or job.name != f"jobs/{label}-{number}":
                raise polynomial.WrongAnswerError(f"{job.name} is {job_pb2.JobState.Name(job.state)}")
        watch.cancel()
        return laps


def _ended(watch: Any) -> Iterator[job_pb2.Job]:
    for message in watch:
        yield from (job for job in message.jobs if job.state in _TERMINAL)


def number_of(tensor: tensor_pb2.Tensor) -> float:
    """Reads a float64 number."""
    return float(_FLOAT64.unpack(tensor.data)[0])
