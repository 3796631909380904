from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pullback.client import Evaluated, Overloaded, ProgramError, Unreachable, evaluation
from pullback.client.flight import Flight
from pullback.contract.status import to_status
from pullback.v1.evaluation_pb2 import Result
from pullback.v1.gradient_pb2 import EvaluateOutcome, EvaluateStreamResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pullback.client.flight import Departure
    from pullback.contract.errors import PullbackError
    from pullback.v1.evaluation_pb2 import Evaluation


def _flight(evaluations: Iterable[Evaluation], **options: Any) -> Flight:
    return Flight(
        evaluations, **{"batch": 256, "in_flight": 4096, "run_id": "r", "retry_for": 30.0, **options}
    )


def _some(count: int) -> list[Evaluation]:
    return [evaluation("y = x", x=number) for number in range(count)]


def _ids(departures: Iterable[Departure]) -> list[list[str]]:
    return [[request.request_id for request in departure.message.requests] for departure in departures]


def _answer(ids: Iterable[str], error: PullbackError | None = None) -> EvaluateStreamResponse:
    if error is None:
        outcomes = [EvaluateOutcome(request_id=name, result=Result()) for name in ids]
    else:
        outcomes = [EvaluateOutcome(request_id=name, error=to_status(error)) for name in ids]
    return EvaluateStreamResponse(outcomes=outcomes)


@pytest.mark.parametrize("stranger", ["y = x", ("y = x", {"x": 1.0}), {"program": "y = x"}])
def test_what_is_no_evaluation_is_told_how_to_make_one(stranger: Any) -> None:
    """The error names the index and the function, as soon as it is its turn."""
    with pytest.raises(
        TypeError, match=r"evaluations\[1\] is a \w+; make it with pullback.client.evaluation"
    ):
        list(_flight([*_some(1), stranger]).restart())


def test_evaluations_leave_in_order_in_messages_of_a_batch() -> None:
    """Each has the run's id and its index as request id."""
    assert _ids(_flight(_some(5), batch=2).restart()) == [["r:0", "r:1"], ["r:2", "r:3"], ["r:4"]]


def test_a_message_is_full_by_bytes_too() -> None:
    """Big evaluations travel in messages of their own, far below gRPC's limit."""
    big = evaluation("y = x", x=np.zeros(3 * 2**20, np.uint8))
    assert _ids(_flight([big, big, *_some(2)]).restart()) == [["r:0"], ["r:1", "r:2", "r:3"]]


def test_no_more_are_read_than_may_be_under_way() -> None:
    """The caller's iterable is pulled only as outcomes make room."""
    pulled: list[int] = []

    def source() -> Iterable[Evaluation]:
        for number, item in enumerate(_some(10)):
            pulled.append(number)
            yield item

    flight = _flight(source(), in_flight=3)
    assert _ids(flight.restart()) == [["r:0", "r:1", "r:2"]]
    assert len(pulled) == 3
    flight.land(_answer(["r:1"]))
    assert _ids(flight.departures()) == [["r:3"]]
    assert len(pulled) == 4


def test_a_new_stream_carries_what_has_no_outcome_first() -> None:
    """Under the same request ids, and nothing that was answered."""
    flight = _flight(_some(4), in_flight=3)
    list(flight.restart())
    flight.land(_answer(["r:1"]))
    assert _ids(flight.restart()) == [["r:0", "r:2"], ["r:3"]]


def test_a_wrong_evaluation_is_an_outcome_like_any_other() -> None:
    """Its error is given with its index, and the rest go on."""
    flight = _flight(_some(2))
    list(flight.restart())
    [(index, fault)] = flight.land(_answer(["r:1"], ProgramError("no such name")))
    assert index == 1
    assert isinstance(fault, ProgramError)
    assert not flight.done


def test_what_the_service_has_no_room_for_leaves_again_later() -> None:
    """Refused evaluations are no outcomes; they leave together, after the service's delay, before new ones."""
    flight = _flight(_some(4), in_flight=3)
    list(flight.restart())
    assert flight.land(_answer(["r:0", "r:2"], Overloaded("full", retry_seconds=5.0))) == []
    flight.land(_answer(["r:1"]))
    again, new = flight.departures()
    assert _ids([again, new]) == [["r:0", "r:2"], ["r:3"]]
    assert 4.0 < again.seconds_left() <= 6.25
    assert new.seconds_left() == 0.0


def test_a_service_that_stays_full_ends_in_the_error() -> None:
    """When the time for retries is spent, the refusal is the outcome."""
    flight = _flight(_some(2), retry_for=0.0)
    list(flight.restart())
    landings = flight.land(_answer(["r:0", "r:1"], Overloaded("full")))
    assert [(index, type(fault)) for index, fault in landings] == [(0, Overloaded), (1, Overloaded)]
    assert list(flight.departures()) == []
    assert flight.done


def test_a_stream_that_cannot_be_opened_ends_in_the_error() -> None:
    """When the time for retries is spent, the caller gets the error."""
    with pytest.raises(Unreachable):
        _flight(_some(1), retry_for=0.0).delay(Unreachable("gone"))


def test_an_outcome_that_nobody_waits_for_is_left_aside() -> None:
    """A second outcome for one request, or one for none of ours, changes nothing."""
    flight = _flight(_some(1))
    list(flight.restart())
    assert len(flight.land(_answer(["r:0", "r:0", "x"]))) == 1


@pytest.mark.parametrize("options", [{"batch": 0}, {"batch": 4097}, {"in_flight": 0}])
def test_bounds_that_cannot_be_kept_are_refused(options: dict[str, int]) -> None:
    """Messages hold 1 to 4,096 evaluations, and at least one is under way."""
    with pytest.raises(ValueError, match=next(iter(options))):
        _flight([], **options)


@settings(max_examples=60)
@given(st.data())
def test_each_evaluation_lands_exactly_once_whatever_happens(data: st.DataObject) -> None:
    """Over any mix of answers, refusals and broken streams, no outcome is lost, doubled or misplaced."""
    count = data.draw(st.integers(0, 12))
    flight = _flight(
        _some(count),
        batch=data.draw(st.integers(1, 5)),
        in_flight=data.draw(st.integers(1, 6)),
        retry_for=1e9,
    )
    landed: list[int] = []
    due = [name for names in _ids(flight.restart()) for name in names]
    while due:
        happening = data.draw(st.sampled_from(["answer", "refuse", "break"]))
        some = data.draw(st.sets(st.sampled_from(due), min_size=1))
        if happening == "break":
            due = []
            departures = flight.restart()
        else:
            error = Overloaded("full") if happening == "refuse" else None
            for index, outcome in flight.land(_answer(some, error)):
                assert isinstance(outcome, Evaluated)
                landed.append(index)
            due = [name for name in due if name not in some]
            departures = flight.departures()
        due += [name for names in _ids(departures) for name in names]
    assert sorted(landed) == list(range(count))
    assert flight.done
