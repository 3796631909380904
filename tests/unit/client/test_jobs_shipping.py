from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.client import (
    InternalFault,
    InvalidArgument,
    LimitExceeded,
    Overloaded,
    PullbackError,
    Unreachable,
    evaluation,
    job,
)
from pullback.client.jobs.shipping import Batch, Settled, Shipment, order_of
from pullback.contract.status import to_status
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.v1.evaluation_pb2 import Evaluation

SMALL = evaluation("y = x")


def _shipment(*, batch: int = 10, retry_for: float = 30.0) -> Shipment:
    return Shipment(batch=batch, in_flight=2, run_id="run", retry_for=retry_for)


def _created(batch: Batch) -> pb.BatchCreateJobsResponse:
    jobs = [pb.Job(name=f"jobs/{each.job_id or each.request_id}") for each in batch.message.requests]
    return pb.BatchCreateJobsResponse(outcomes=[pb.BatchCreateJobsOutcome(job=each) for each in jobs])


def _refused(batch: Batch, error: PullbackError) -> pb.BatchCreateJobsResponse:
    outcome = pb.BatchCreateJobsOutcome(error=to_status(error))
    return pb.BatchCreateJobsResponse(outcomes=[outcome for _ in batch.parcels])


def _next(shipment: Shipment) -> Batch:
    batch = shipment.next()
    assert batch is not None
    return batch


def _fill(shipment: Shipment, source: Iterator[pb.CreateJobRequest]) -> Batch | None:
    while shipment.hungry and (following := next(source, None)) is not None:
        shipment.add(following)
    return shipment.next()


def _land(shipment: Shipment, batch: Batch, fate: str) -> list[Settled]:
    match fate:
        case "lost":
            return shipment.fail(batch, Unreachable("gone"))
        case "no room":
            return shipment.land(batch, _refused(batch, Overloaded("full")))
        case "wrong":
            return shipment.land(batch, _refused(batch, InvalidArgument("no")))
    response = _created(batch)
    if fate == "room for some":
        response.outcomes[0].error.CopyFrom(to_status(Overloaded("full")))
    return shipment.land(batch, response)


@given(
    st.integers(1, 7),
    st.integers(0, 30),
    st.lists(st.sampled_from(["lost", "no room", "wrong", "room for some", "created"]), max_size=30),
    st.data(),
)
def test_each_job_is_settled_once_whatever_happens(
    batch: int, count: int, fates: list[str], data: st.DataObject
) -> None:
    """Refused for want of room, lost on the way or wrong: each index comes once, and keeps its name."""
    shipment = Shipment(batch=batch, in_flight=3, run_id="run", retry_for=1e9)
    source = iter([job(SMALL) for _ in range(count)])
    under_way: list[Batch] = []
    settled: list[int] = []
    while True:
        while len(under_way) < 3 and (sent := _fill(shipment, source)) is not None:
            assert 1 <= len(sent.message.requests) <= batch
            assert [each.request_id for each in sent.message.requests] == [
                f"run:{parcel.index}" for parcel in sent.parcels
            ]
            under_way.append(sent)
        if not under_way:
            break
        landing = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        found = _land(shipment, landing, fates.pop() if fates else "created")
        settled += [parcel.index for parcel, _ in found]
    assert sorted(settled) == list(range(count))


def test_what_was_refused_goes_before_what_is_new() -> None:
    """No new job is asked for while an older one waits for room, and it waits as long as the service asks."""
    shipment = _shipment(batch=2)
    for _ in range(2):
        shipment.add(SMALL)
    first = _next(shipment)
    assert shipment.seconds_left() == 0.0
    assert shipment.land(first, _refused(first, Overloaded("full", retry_seconds=100.0))) == []
    assert not shipment.hungry
    assert 90.0 < shipment.seconds_left() <= 125.0
    assert _next(shipment).message == first.message
    assert shipment.hungry
    assert shipment.seconds_left() == 0.0


def test_a_job_keeps_the_name_it_has() -> None:
    """Only what has neither an id nor a request id is given one; the caller's message is left alone."""
    mine = [job(SMALL, job_id="a"), job(SMALL, request_id="b"), job(SMALL)]
    shipment = _shipment()
    for each in mine:
        shipment.add(each)
    sent = [(each.job_id, each.request_id) for each in _next(shipment).message.requests]
    assert sent == [("a", ""), ("", "b"), ("", "run:2")]
    assert mine[2].request_id == ""


def _sizes(sizes: list[int]) -> list[int]:
    """The numbers of jobs in the messages that jobs of so many MiB make."""
    shipment = _shipment()
    todo = [_of_mebibytes(size) for size in reversed(sizes)]
    counts: list[int] = []
    while True:
        while shipment.hungry and todo:
            shipment.add(todo.pop())
        batch = shipment.next()
        if batch is None:
            return counts
        counts.append(len(batch.parcels))


def _of_mebibytes(size: int) -> Evaluation:
    message = evaluation("y = x")
    message.inputs["x"].data = bytes(size << 20)
    return message


@pytest.mark.parametrize(
    ("sizes", "counts"),
    [([1, 1, 1, 1], [3, 1]), ([9], [1]), ([1, 9, 1], [1, 1, 1]), ([9, 9, 1, 2], [1, 1, 2])],
)
def test_a_message_is_full_by_bytes_too(sizes: list[int], counts: list[int]) -> None:
    """After four mebibytes; a job longer than that goes alone."""
    assert _sizes(sizes) == counts


def test_a_job_that_is_too_long_for_any_message_is_its_own_fault() -> None:
    """Where it went alone, that is; of a message of several the whole submission ends."""
    shipment = _shipment()
    shipment.add(SMALL)
    alone = _next(shipment)
    ((parcel, fault),) = shipment.fail(alone, LimitExceeded("too long"))
    assert (parcel.index, type(fault)) == (0, LimitExceeded)
    shipment.add(SMALL)
    shipment.add(SMALL)
    with pytest.raises(LimitExceeded):
        shipment.fail(_next(shipment), LimitExceeded("too many"))


def test_patience_ends_and_is_renewed_by_each_created_job() -> None:
    """Without room for as long as `retry_for`, what is refused is given up; a created job begins the time anew."""
    shipment = _shipment(batch=2, retry_for=1.0)

    def refuse(seconds: float) -> int:
        batch = _next(shipment)
        shipment._resume_at = 0.0
        return len(shipment.land(batch, _refused(batch, Overloaded("full", retry_seconds=seconds))))

    shipment.add(SMALL)
    shipment.add(SMALL)
    assert refuse(5.0) == 0
    mixed = _next(shipment)
    response = _created(mixed)
    response.outcomes[1].error.CopyFrom(to_status(Overloaded("full", retry_seconds=5.0)))
    shipment._resume_at = 0.0
    assert len(shipment.land(mixed, response)) == 1
    assert refuse(5.0) == 1
    shipment.add(SMALL)
    with pytest.raises(Unreachable):
        shipment.fail(_next(shipment), Unreachable("gone"))


def test_an_answer_that_does_not_fit_its_message_is_a_fault_of_the_service() -> None:
    """Jobs must not be given each other's outcomes."""
    shipment = _shipment()
    shipment.add(SMALL)
    batch = _next(shipment)
    with pytest.raises(InternalFault, match="0 outcomes for 1 jobs"):
        shipment.land(batch, pb.BatchCreateJobsResponse())
    ((_, fault),) = shipment.land(batch, pb.BatchCreateJobsResponse(outcomes=[pb.BatchCreateJobsOutcome()]))
    assert isinstance(fault, InternalFault)


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"batch": 10_001}, {"in_flight": 0}])
def test_what_cannot_be_sent_is_refused(wrong: dict[str, int]) -> None:
    """A message has 1 to 10,000 jobs, and at least one is under way."""
    given = {"batch": 1, "in_flight": 1} | wrong
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Shipment(batch=given["batch"], in_flight=given["in_flight"], run_id=None, retry_for=1.0)


def test_the_order_of_names_is_kept_without_the_inputs() -> None:
    """A future holds no tensors."""
    order = order_of(evaluation("y = x", x=1.0, outputs=["y", "x"], wrt="x"))
    assert (list(order.outputs), list(order.wrt), len(order.inputs)) == (["y", "x"], ["x"], 0)
    assert order_of(evaluation("y = x", x=1.0)).ByteSize() == 0
