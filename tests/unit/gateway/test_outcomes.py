from __future__ import annotations

import asyncio

from google.rpc import code_pb2
from hypothesis import given
from hypothesis import strategies as st
from tests.turns import turn

from pullback.contract.errors import InvalidArgument
from pullback.gateway.outcomes import BYTES_AT_ONCE, OUTCOMES_AT_ONCE, OutcomeStream, _entry
from pullback.v1 import evaluation_pb2
from pullback.v1 import gradient_pb2 as pb


def serialised(printed: str = "") -> bytes:
    """A successful outcome as a worker writes it."""
    return pb.EvaluateOutcome(result=evaluation_pb2.Result(printed=printed)).SerializeToString()


async def collect(stream: OutcomeStream) -> list[pb.EvaluateStreamResponse]:
    """Everything that a stream sends until it ends."""
    return [pb.EvaluateStreamResponse.FromString(data) async for data in stream.responses()]


async def test_every_request_has_exactly_one_outcome() -> None:
    """Results and errors come under their own request ids."""
    stream = OutcomeStream()
    stream.expect("good")(serialised("hello"))
    stream.expect("bad")(InvalidArgument("no", field="wrt[0]"))
    stream.close()
    (response,) = await collect(stream)
    good, bad = response.outcomes
    assert (good.request_id, good.result.printed) == ("good", "hello")
    assert (bad.request_id, bad.error.code) == ("bad", code_pb2.INVALID_ARGUMENT)


async def test_a_closed_stream_waits_for_what_is_in_flight() -> None:
    """Closing the sending side does not cut off the outcomes still due."""
    stream = OutcomeStream()
    deliver = stream.expect("late")
    stream.close()
    task = asyncio.create_task(collect(stream))
    await turn()
    assert not task.done()
    deliver(serialised())
    assert [outcome.request_id for response in await task for outcome in response.outcomes] == ["late"]


async def test_messages_stay_small() -> None:
    """Many outcomes are spread over messages; a big one travels alone."""
    stream = OutcomeStream()
    for number in range(OUTCOMES_AT_ONCE + 1):
        stream.expect(str(number))(serialised())
    for number in range(3):
        stream.expect(f"big{number}")(serialised("x" * BYTES_AT_ONCE))
    stream.close()
    counts = [len(response.outcomes) for response in await collect(stream)]
    assert counts == [OUTCOMES_AT_ONCE, 1, 1, 1, 1]


@given(st.text("abcdefgh-0123456789", min_size=1, max_size=128), st.text(max_size=20_000))
def test_passing_bytes_on_equals_parsing_them(request_id: str, printed: str) -> None:
    """An entry made of bytes is the message that protobuf would have made, whatever its length."""
    data = b"".join(_entry(request_id.encode(), serialised(printed)))
    (outcome,) = pb.EvaluateStreamResponse.FromString(data).outcomes
    assert (outcome.request_id, outcome.result.printed) == (request_id, printed)
