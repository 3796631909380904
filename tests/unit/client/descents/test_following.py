from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pullback.client import DescentState, InvalidArgument, LimitExceeded, Unreachable
from pullback.client.descents.following import Following
from pullback.v1 import descent_pb2 as pb
from pullback.v1 import optimization_pb2 as opb

if TYPE_CHECKING:
    from pathlib import Path


def request() -> pb.DescendRequest:
    """Makes a descent of at most a minute."""
    asked = pb.DescendRequest()
    asked.plan.stop.time.FromSeconds(60)
    return asked


def response(*steps: int, state: int | None = None, end: int = 0) -> pb.DescendResponse:
    """Makes a word of the service."""
    made = pb.DescendResponse(points=[opb.DescentPoint(step=step) for step in steps])
    if state is not None:
        made.state.step, made.state.optimizer = state, "sgd"
    if end:
        made.outcome.end = opb.DESCENT_END_STEPS
        made.outcome.point.step = end
    return made


def test_a_stream_that_broke_is_gone_on_with_from_the_last_state() -> None:
    """In less time than before; and moments that are told again are not given again."""
    following = Following(request(), 10.0)
    following.request()
    assert [point.step for point in following.hear(response(0, 1, 2, state=2))] == [0, 1, 2]
    assert [point.step for point in following.hear(response(3, 4))] == [3, 4]
    again = following.request()
    assert again.state.step == 2
    assert 0 < again.plan.stop.time.ToNanoseconds() < 60 * 10**9
    assert [point.step for point in following.hear(response(2, 3, 4, 5, state=5))] == [5]
    following.hear(response(6, state=6, end=6))
    assert following.descended is not None
    assert following.descended.steps == 6
    assert [point.step for point in following.descended.points] == [0, 1, 2, 3, 4, 5, 6]


def test_one_that_broke_before_its_first_state_begins_anew() -> None:
    """As it was asked for."""
    following = Following(request(), 10.0)
    following.request()
    assert not following.request().HasField("state")


def test_what_cannot_be_mended_is_raised_and_kept() -> None:
    """And what can be is waited out."""
    following = Following(request(), 10.0)
    assert following.delay(Unreachable("away")) > 0
    assert following.failure is None
    fault = LimitExceeded("too long")
    with pytest.raises(LimitExceeded):
        following.delay(fault)
    assert following.failure is fault


def test_a_state_survives_a_file(tmp_path: Path) -> None:
    """And replaces one that is there; what is no state is refused, and leaves nothing behind."""
    state = DescentState(opb.DescentState(step=7, optimizer="adam", numbers={"a": 0.1}))
    (tmp_path / "state").write_bytes(b"old")
    state.save(tmp_path / "state")
    assert DescentState.load(tmp_path / "state").message == state.message
    assert [each.name for each in tmp_path.iterdir()] == ["state"]
    for wrong in (b"", b"\xff\xff", opb.Stop(steps=3).SerializeToString()):
        (tmp_path / "other").write_bytes(wrong)
        with pytest.raises(InvalidArgument):
            DescentState.load(tmp_path / "other")
