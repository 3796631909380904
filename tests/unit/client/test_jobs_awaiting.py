from __future__ import annotations

from typing import final

import pytest

from pullback.client import DeadlineExceeded, Evaluated, InternalFault, JobNotFound, Stopping, Unreachable
from pullback.client.jobs.awaiting import Claim, Vigil
from pullback.client.retries import Backoff
from pullback.v1 import evaluation_pb2
from pullback.v1 import job_pb2 as pb


@final
class _Waiter:
    def __init__(self, name: str) -> None:
        self.claim = Claim(f"jobs/{name}", None, None)


def _job(name: str, state: pb.JobState = pb.JOB_STATE_SUCCEEDED) -> pb.Job:
    job = pb.Job(name=f"jobs/{name}", state=state)
    if state == pb.JOB_STATE_SUCCEEDED:
        job.result.CopyFrom(evaluation_pb2.Result(worker="w"))
    return job


def _vigil(names: str, timeout: float | None = None) -> tuple[Vigil[_Waiter], list[_Waiter]]:
    vigil: Vigil[_Waiter] = Vigil(timeout)
    waiters = [_Waiter(name) for name in names]
    for waiter in waiters:
        vigil.add(waiter)
    return vigil, waiters


def test_what_is_done_is_settled_and_asked_for_no_more() -> None:
    """Each once; the next watch is of the rest."""
    vigil, (a, b, c) = _vigil("abc")
    assert sorted(vigil.request().filter.names) == ["jobs/a", "jobs/b", "jobs/c"]
    running = _job("a", pb.JOB_STATE_RUNNING)
    assert vigil.take(pb.WatchJobsResponse(jobs=[running, _job("b")])) == [b]
    assert vigil.take(pb.WatchJobsResponse(jobs=[_job("c"), _job("b")], caught_up=True)) == [c]
    assert a.claim.job is not None
    assert a.claim.job.state == "running"
    assert list(vigil.request().filter.names) == ["jobs/a"]
    assert vigil.take(pb.WatchJobsResponse(jobs=[_job("a")])) == [a]
    assert vigil.over


def test_what_the_present_state_lacks_is_gone() -> None:
    """Once that is complete, and not before; after a break it is asked for anew."""
    vigil, (a, b) = _vigil("ab")
    vigil.request()
    assert vigil.take(pb.WatchJobsResponse(jobs=[_job("a", pb.JOB_STATE_QUEUED)])) == []
    assert vigil.take(pb.WatchJobsResponse(caught_up=True)) == [b]
    assert isinstance(b.claim.outcome(), JobNotFound)
    assert vigil.take(pb.WatchJobsResponse(caught_up=True)) == []
    vigil.request()
    assert vigil.take(pb.WatchJobsResponse(caught_up=True)) == [a]


def test_what_is_deleted_is_gone() -> None:
    """A name that nobody waits for is left aside."""
    vigil, (a,) = _vigil("a")
    vigil.request()
    assert vigil.take(pb.WatchJobsResponse(deleted_names=["jobs/x", "jobs/a"], caught_up=True)) == [a]
    assert a.claim.settled
    assert vigil.over


def test_two_may_wait_for_one_job() -> None:
    """Both are settled by the same news."""
    vigil, (one, other) = _vigil("aa")
    assert vigil.take(pb.WatchJobsResponse(jobs=[_job("a")])) == [one, other]


def test_a_vigil_is_full_with_as_many_names_as_a_filter_may_have() -> None:
    """Ten thousand."""
    vigil: Vigil[_Waiter] = Vigil(None)
    for number in range(9_999):
        vigil.add(_Waiter(str(number)))
    assert not vigil.full
    vigil.add(_Waiter("0"))
    assert not vigil.full
    vigil.add(_Waiter("9999"))
    assert vigil.full
    assert len(vigil.request().filter.names) == 10_000


def test_time_ends_a_vigil_and_says_what_is_missing() -> None:
    """Where gRPC says so, where it is over, and where it would be before the next try."""
    for seconds, fault in ((60.0, DeadlineExceeded("late")), (0.0, Unreachable("gone"))):
        vigil, _ = _vigil("ab", seconds)
        with pytest.raises(TimeoutError, match="2 jobs are not done in time, jobs/a among them"):
            vigil.pause(Backoff(30.0), fault)
    vigil, _ = _vigil("a", 60.0)
    assert 0.0 < vigil.pause(Backoff(30.0), Unreachable("gone")) <= 0.1
    with pytest.raises(TimeoutError):
        vigil.pause(Backoff(30.0), Stopping("bye", retry_seconds=100.0))


def test_without_a_time_limit_a_vigil_ends_with_the_time_for_retries() -> None:
    """With the fault itself."""
    vigil, _ = _vigil("a")
    assert vigil.seconds_left() is None
    fault = Unreachable("gone")
    with pytest.raises(Unreachable) as caught:
        vigil.pause(Backoff(0.0), fault)
    assert caught.value is fault


def test_a_claim_knows_what_came_of_its_job() -> None:
    """A terminal state without its outcome is not enough."""
    claim = Claim("jobs/a", None, _job("a", pb.JOB_STATE_QUEUED))
    assert not claim.settled
    bare = pb.Job(name="jobs/a", state=pb.JOB_STATE_SUCCEEDED)
    claim.see(bare)
    assert not claim.settled
    assert isinstance(claim.outcome(), InternalFault)
    claim.see(_job("a"))
    assert claim.settled
    assert isinstance(claim.outcome(), Evaluated)
