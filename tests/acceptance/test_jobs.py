"""Every RPC of `JobService`, through two gateways that tell tenants apart, with a worker behind them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from pullback.broker.embedded import EmbeddedRedis
from pullback.client import Client, evaluation
from pullback.v1 import gradient_pb2, gradient_pb2_grpc, job_pb2_grpc
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.broker.embedded import Server

QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"
FINISHED = {pb.JOB_STATE_SUCCEEDED, pb.JOB_STATE_FAILED, pb.JOB_STATE_CANCELLED, pb.JOB_STATE_EXPIRED}
HEADER = "x-tenant"

# How long anything may take that a test waits for, in seconds.
PATIENCE = 60.0


class Gateway:
    """A gateway in a process of its own."""

    def __init__(self, redis_url: str) -> None:
        settings = {"REDIS_URL": redis_url, "LISTEN": "127.0.0.1:0", "TENANT_HEADER": HEADER}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pullback.gateway"],
            env={**os.environ, **{f"PULLBACK_{name}": value for name, value in settings.items()}},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[-1]
        self.channel = grpc.insecure_channel(
            self.address, options=[("grpc.max_receive_message_length", 80 * 2**20)]
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()
        self.process.terminate()
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Caller:
    """One tenant, calling one gateway."""

    def __init__(self, gateway: Gateway, tenant: str) -> None:
        self._stub = job_pb2_grpc.JobServiceStub(gateway.channel)  # type: ignore[no-untyped-call]  # generated
        self._metadata = ((HEADER, tenant),)

    def __call__(self, name: str, request: Any) -> Any:
        """Calls an RPC."""
        return getattr(self._stub, name)(request, metadata=self._metadata, timeout=PATIENCE)

    def create(self, job_id: str, x: float = 2.0, **fields: Any) -> pb.Job:
        """Creates a job."""
        job: pb.Job = self("CreateJob", new(x, job_id=job_id, **fields)).job
        return job

    def get(self, job_id: str, view: Any = 0) -> pb.Job:
        """Gets a job."""
        job: pb.Job = self("GetJob", pb.GetJobRequest(name=f"jobs/{job_id}", view=view)).job
        return job

    def finished(self, *job_ids: str) -> list[pb.Job]:
        """Watches jobs until all are finished, and gives each as it is then."""
        wanted = pb.JobFilter(names=[f"jobs/{job_id}" for job_id in job_ids])
        found: dict[str, pb.Job] = {}
        watch = self("WatchJobs", pb.WatchJobsRequest(filter=wanted, view=pb.JOB_VIEW_RESULT))
        for response in watch:
            found.update((job.name, job) for job in response.jobs if job.state in FINISHED)
            if len(found) == len(job_ids):
                watch.cancel()
                break
        return [found[f"jobs/{job_id}"] for job_id in job_ids]


def new(
    x: float = 2.0, *, job_id: str = "", request_id: str = "", program: str = QUARTIC, **fields: Any
) -> Any:
    """Makes a request for a job."""
    job = pb.Job(evaluation=evaluation(program, x=x), **fields)
    return pb.CreateJobRequest(job=job, job_id=job_id, request_id=request_id)


def slope(job: pb.Job) -> float:
    """Reads the gradient out of a job's result."""
    tensor = job.result.gradients["x"]
    return float(np.frombuffer(tensor.data, {8: "<f8", 4: "<f4"}[len(tensor.data)])[0])


def reason(error: grpc.RpcError) -> str:
    """Reads the stable reason of an error."""
    metadata: dict[str, Any] = dict(error.trailing_metadata())  # type: ignore[arg-type]  # pairs with names
    details = metadata["grpc-status-details-bin"]
    info = error_details_pb2.ErrorInfo()
    assert status_pb2.Status.FromString(details).details[0].Unpack(info)
    return str(info.reason)


@contextmanager
def refused(code: grpc.StatusCode, why: str) -> Iterator[None]:
    """Expects a call to fail, with a status and a reason."""
    with pytest.raises(grpc.RpcError) as caught:
        yield
    assert (caught.value.code(), reason(caught.value)) == (code, why)


@pytest.fixture(scope="module")
def redis(redis_binary: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of this module's own."""
    with EmbeddedRedis(tmp_path_factory.mktemp("redis"), server=redis_binary) as server:
        yield server.url


@pytest.fixture(scope="module")
def gateways(redis: str) -> Iterator[list[Gateway]]:
    """Two gateways and a worker."""
    environment = {
        **os.environ,
        "PULLBACK_REDIS_URL": redis,
        "PULLBACK_SLOTS": "2",
        "PULLBACK_WORKER_NAME": "w",
    }
    with ExitStack() as stack:
        both = [stack.enter_context(Gateway(redis)) for _ in range(2)]
        worker = subprocess.Popen(
            [sys.executable, "-m", "pullback.worker"], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert worker.stdout is not None
        stack.callback(worker.stdout.close)
        stack.callback(worker.wait, 30)
        stack.callback(worker.terminate)
        assert "ready" in worker.stdout.readline()
        yield both


@pytest.fixture
def callers(gateways: list[Gateway], request: pytest.FixtureRequest) -> list[Caller]:
    """One tenant for each test, calling each of the gateways."""
    return [Caller(gateway, request.node.originalname) for gateway in gateways]


def test_a_job_is_created_here_and_fetched_there(callers: list[Caller]) -> None:
    """It is computed once, with times in order, and has all that was asked for."""
    here, there = callers
    made = here.create("a", labels={"run": "1"}, priority=pb.JOB_PRIORITY_INTERACTIVE, max_attempts=3)
    assert (made.name, made.tenant) == ("jobs/a", "test_a_job_is_created_here_and_fetched_there")
    (done,) = there.finished("a")
    assert (done.state, slope(done)) == (pb.JOB_STATE_SUCCEEDED, 8 * 8 + 3 * 4 + 6 * 2 + 5)
    job = there.get("a", pb.JOB_VIEW_FULL)
    assert job.result == done.result
    assert job.evaluation == evaluation(QUARTIC, x=2.0)
    assert (dict(job.labels), job.priority, job.max_attempts) == (
        {"run": "1"},
        pb.JOB_PRIORITY_INTERACTIVE,
        3,
    )
    times = [job.create_time, job.queue_time, job.start_time, job.finish_time, job.expire_time]
    order = [time.ToMilliseconds() for time in times]
    assert order == sorted(order)
    assert order[4] - order[3] == 86_400_000 == job.time_to_live.ToMilliseconds()
    assert job.deadline_time.ToMilliseconds() - order[0] == 7 * 86_400_000
    (attempt,) = job.attempts
    assert (attempt.number, attempt.worker, attempt.end) == (1, "w", pb.ATTEMPT_END_FINISHED)


def test_to_create_a_job_again_changes_nothing(callers: list[Caller]) -> None:
    """By its id, or by the request's, through any gateway; other content under the id is refused."""
    here, there = callers
    first = here.create("a")
    here.finished("a")
    again = there.create("a")
    assert (again.create_time, again.state) == (first.create_time, pb.JOB_STATE_SUCCEEDED)
    with refused(grpc.StatusCode.ALREADY_EXISTS, "JOB_ID_REUSED"):
        there.create("a", 3.0)
    names = {caller("CreateJob", new(request_id="r")).job.name for caller in (here, there)}
    assert len(names) == 1
    names = {caller("CreateJob", new()).job.name for caller in (here, there)}
    assert len(names) == 2


def test_what_is_wrong_with_a_job_is_told_by_field(callers: list[Caller]) -> None:
    """Before anything is kept."""
    here, _ = callers
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PROGRAM"):
        here("CreateJob", new(program="y = z"))
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
        here("CreateJob", new(labels={"A": "b"}))
    assert list(here("ListJobs", pb.ListJobsRequest()).jobs) == []


def test_a_program_that_fails_is_a_job_that_failed(callers: list[Caller]) -> None:
    """With the error that a caller who waits would have got."""
    here, there = callers
    here("CreateJob", new(job_id="a", program="y = x.reshape(3)"))
    (job,) = there.finished("a")
    assert job.state == pb.JOB_STATE_FAILED
    assert "line 1, column" in job.error.message


def test_a_batch_is_worked_off_and_each_end_is_told_once(callers: list[Caller]) -> None:
    """Each request has its outcome in order, and both gateways tell the same."""
    here, there = callers
    requests = [new(float(n % 20), job_id=f"j{n}", labels={"run": "1"}) for n in range(2_000)]
    requests[7], requests[8] = new(program="y = z"), new(1.0, job_id="j0")
    outcomes = here("BatchCreateJobs", pb.BatchCreateJobsRequest(requests=requests)).outcomes
    assert [number for number, outcome in enumerate(outcomes) if outcome.HasField("error")] == [7, 8]
    expected = {f"jobs/j{n}": float(n % 20) for n in range(2_000) if n not in {7, 8}}
    for caller in (here, there):
        told: Counter[str] = Counter()
        request = pb.WatchJobsRequest(
            filter=pb.JobFilter(labels={"run": "1"}, states=[pb.JOB_STATE_SUCCEEDED]), view=pb.JOB_VIEW_RESULT
        )
        watch = caller("WatchJobs", request)
        for response in watch:
            for job in response.jobs:
                told[job.name] += 1
                x = expected[job.name]
                assert slope(job) == 8 * x**3 + 3 * x**2 + 6 * x + 5
            if len(told) == len(expected):
                break
        watch.cancel()
        assert set(told.values()) == {1}
        assert told.keys() == expected.keys()


def test_lists_come_in_pages_newest_first(callers: list[Caller]) -> None:
    """A token of one gateway is good at the other; a filter leaves out what it does not match."""
    here, there = callers
    requests = [new(job_id=f"j{n}", labels={"odd": str(n % 2)}) for n in range(50)]
    here("BatchCreateJobs", pb.BatchCreateJobsRequest(requests=requests))
    found: list[str] = []
    token = ""
    for caller in (here, there) * 50:
        wanted = pb.JobFilter(labels={"odd": "1"})
        page = caller("ListJobs", pb.ListJobsRequest(filter=wanted, page_size=7, page_token=token))
        assert len(page.jobs) <= 7
        found += [job.name for job in page.jobs]
        token = page.next_page_token
        if not token:
            break
    assert found == [f"jobs/j{n}" for n in range(49, 0, -2)]
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
        here("ListJobs", pb.ListJobsRequest(page_token="made up"))  # noqa: S106 - no password


def test_a_watch_goes_on_at_another_gateway_where_its_own_was_killed(
    redis: str, gateways: list[Gateway]
) -> None:
    """Each job's end is told once, none is missed, though the first gateway dies in the middle."""
    tenant = "resumed"
    with Gateway(redis) as doomed:
        here, there = Caller(doomed, tenant), Caller(gateways[0], tenant)
        requests = [new(float(n % 20), job_id=f"j{n}") for n in range(3_000)]
        there("BatchCreateJobs", pb.BatchCreateJobsRequest(requests=requests[:1_500]))
        told: Counter[str] = Counter()
        watch, cursor = here("WatchJobs", pb.WatchJobsRequest()), ""
        code = None
        try:
            for response in watch:
                told.update(job.name for job in response.jobs if job.state in FINISHED)
                cursor = response.cursor
                if len(told) > 100 and doomed.process.poll() is None:
                    doomed.process.send_signal(signal.SIGKILL)
                    doomed.process.wait()
        except grpc.RpcError as error:
            code = error.code()
        assert code is grpc.StatusCode.UNAVAILABLE
    there("BatchCreateJobs", pb.BatchCreateJobsRequest(requests=requests[1_500:]))
    watch = there("WatchJobs", pb.WatchJobsRequest(cursor=cursor))
    for response in watch:
        told.update(job.name for job in response.jobs if job.state in FINISHED)
        if len(told) == len(requests):
            break
    watch.cancel()
    assert told == Counter(f"jobs/j{n}" for n in range(3_000))


def test_a_gateway_that_stops_sends_its_watches_on(redis: str, gateways: list[Gateway]) -> None:
    """With UNAVAILABLE and a reason, long before its grace is over."""
    with Gateway(redis) as leaving:
        here = Caller(leaving, "stopped")
        watch = here("WatchJobs", pb.WatchJobsRequest())
        cursor = next(watch).cursor
        leaving.process.terminate()
        with refused(grpc.StatusCode.UNAVAILABLE, "STOPPING"):
            next(watch)
    there = Caller(gateways[0], "stopped")
    there.create("a")
    watch = there("WatchJobs", pb.WatchJobsRequest(cursor=cursor))
    assert next(watch).jobs[0].name == "jobs/a"
    watch.cancel()


def later() -> dict[str, Any]:
    """What makes a job wait for longer than any test."""
    fields = pb.Job()
    fields.not_before_time.FromSeconds(int(time.time()) + 3_600)
    return {"not_before_time": fields.not_before_time}


def test_a_waiting_job_is_cancelled_at_once(callers: list[Caller]) -> None:
    """A finished one stays as it is, and one that is not there is not found."""
    here, there = callers
    here.create("a", **later())
    here.create("b")
    here.finished("b")
    for name, state in (("a", pb.JOB_STATE_CANCELLED), ("b", pb.JOB_STATE_SUCCEEDED)):
        job = there("CancelJob", pb.CancelJobRequest(name=f"jobs/{name}")).job
        assert (job.state, here.get(name).state) == (state, state)
    assert here.get("a").error.code == grpc.StatusCode.CANCELLED.value[0]
    with refused(grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND"):
        there("CancelJob", pb.CancelJobRequest(name="jobs/c"))


def test_what_a_filter_matches_is_cancelled(callers: list[Caller]) -> None:
    """And nothing else; without a filter nothing is."""
    here, there = callers
    requests = [new(job_id=f"j{n}", labels={"run": str(n % 2)}, **later()) for n in range(600)]
    here("BatchCreateJobs", pb.BatchCreateJobsRequest(requests=requests))
    wanted = pb.JobFilter(labels={"run": "1"})
    for count in (300, 0):
        answer = there("BatchCancelJobs", pb.BatchCancelJobsRequest(filter=wanted))
        assert answer.cancelled_count == count
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
        there("BatchCancelJobs", pb.BatchCancelJobsRequest())
    assert here.get("j0").state == pb.JOB_STATE_QUEUED
    rest = here("BatchCancelJobs", pb.BatchCancelJobsRequest(filter=pb.JobFilter(labels={"run": "0"})))
    assert rest.cancelled_count == 300


def test_a_deleted_job_is_gone_for_all(callers: list[Caller]) -> None:
    """Watchers are told its name, and its id is free for another."""
    here, there = callers
    here.create("a", **later())
    watch = here("WatchJobs", pb.WatchJobsRequest())
    assert next(watch).jobs[0].name == "jobs/a"
    there("DeleteJob", pb.DeleteJobRequest(name="jobs/a"))
    while not (response := next(watch)).deleted_names:
        pass
    assert list(response.deleted_names) == ["jobs/a"]
    watch.cancel()
    for call in (lambda: here.get("a"), lambda: here("DeleteJob", pb.DeleteJobRequest(name="jobs/a"))):
        with refused(grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND"):
            call()
    assert there.create("a", 3.0).name == "jobs/a"


def test_a_job_whose_deadline_passes_has_expired(callers: list[Caller]) -> None:
    """Also where it had passed when the job was created."""
    here, there = callers
    fields = pb.Job()
    fields.deadline_time.FromSeconds(int(time.time()) - 10)
    here.create("a", deadline_time=fields.deadline_time)
    (job,) = there.finished("a")
    assert job.state == pb.JOB_STATE_EXPIRED
    assert job.error.code == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]


def test_an_identical_job_is_answered_from_the_stored_result(callers: list[Caller]) -> None:
    """Where both allow it; the record says so, and which it was."""
    here, there = callers
    here.create("a", allow_reuse=True)
    (first,) = here.finished("a")
    there.create("b", allow_reuse=True)
    there.create("c")
    second, third = there.finished("b", "c")
    assert (first.reuse, first.reused_from) == (pb.REUSE_MISS, "")
    assert (second.reuse, second.reused_from) == (pb.REUSE_HIT, "jobs/a")
    assert (third.reuse, third.reused_from) == (pb.REUSE_UNSPECIFIED, "")
    assert second.result == first.result


def test_tenants_do_not_see_each_others_jobs(gateways: list[Gateway]) -> None:
    """Neither by name nor in lists, and the same id is another job."""
    one, other = Caller(gateways[0], "one"), Caller(gateways[1], "other")
    one.create("a", **later())
    with refused(grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND"):
        other.get("a")
    assert not other("ListJobs", pb.ListJobsRequest()).jobs
    other.create("a", 3.0, **later())
    answer = other("BatchCancelJobs", pb.BatchCancelJobsRequest(filter=pb.JobFilter(names=["jobs/a"])))
    assert answer.cancelled_count == 1
    assert one.get("a").state == pb.JOB_STATE_QUEUED
    nobody = job_pb2_grpc.JobServiceStub(gateways[0].channel)  # type: ignore[no-untyped-call]  # generated
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
        nobody.GetJob(pb.GetJobRequest(name="jobs/a"), timeout=PATIENCE)


def test_tenants_choose_request_ids_for_themselves(gateways: list[Gateway]) -> None:
    """An evaluation that is waited for is told apart by tenant, and needs one as jobs do."""
    stub = gradient_pb2_grpc.GradientServiceStub(gateways[0].channel)  # type: ignore[no-untyped-call]  # generated
    for tenant, x in (("one", 2.0), ("other", 3.0)):
        request = gradient_pb2.EvaluateRequest(evaluation=evaluation("y = x**2", x=x), request_id="r")
        answer = stub.Evaluate(request, metadata=((HEADER, tenant),), timeout=PATIENCE)
        assert np.frombuffer(answer.result.values["y"].data, "<f4")[0] == x**2
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
        stub.Evaluate(request, timeout=PATIENCE)


def test_the_service_is_known_to_health_and_reflection(gateways: list[Gateway]) -> None:
    """Generic tools find it."""
    channel = gateways[0].channel
    answer = health_pb2_grpc.HealthStub(channel).Check(
        health_pb2.HealthCheckRequest(service="pullback.v1.JobService"), timeout=PATIENCE
    )
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    (listed,) = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    assert "pullback.v1.JobService" in {each.name for each in listed.list_services_response.service}


def test_bytes_that_are_no_message_are_the_callers_fault(gateways: list[Gateway]) -> None:
    """In every RPC."""
    for name in pb.DESCRIPTOR.services_by_name["JobService"].methods_by_name:
        kind = gateways[0].channel.unary_stream if name == "WatchJobs" else gateways[0].channel.unary_unary
        call: Any = kind(f"/pullback.v1.JobService/{name}")
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
            answer = call(b"\x0a\x05abc", metadata=((HEADER, "garbled"),), timeout=PATIENCE)
            list(answer)


def test_python_clients_of_tenants_are_not_needed_to_know(gateways: list[Gateway]) -> None:
    """Whoever has no proxy in front is told what is missing."""
    with Client(gateways[0].address) as client, pytest.raises(Exception, match="x-tenant"):
        client.evaluate("y = x", x=1.0)
