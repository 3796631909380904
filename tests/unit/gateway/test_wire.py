from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.gateway.wire import Malformed, fields, integer, message, text, varint
from pullback.v1 import job_pb2 as pb

numbers = st.integers(0, 2**63 - 1)


@given(seconds=numbers, nanos=st.integers(0, 2**31 - 1), name=st.text(), parts=st.lists(st.text()))
def test_what_is_written_by_hand_is_what_protobuf_reads(
    seconds: int, nanos: int, name: str, parts: list[str]
) -> None:
    """Numbers, texts and messages within messages, of any length."""
    time = integer(1, seconds) + integer(2, nanos)
    data = (
        message(1, text(1, name) + message(11, time))
        + b"".join(text(2, part) for part in parts)
        + integer(4, 1)
    )
    expected = pb.WatchJobsResponse(jobs=[pb.Job(name=name)], deleted_names=parts, caught_up=True)
    expected.jobs[0].create_time.seconds = seconds
    expected.jobs[0].create_time.nanos = nanos
    assert pb.WatchJobsResponse.FromString(data) == expected


@given(names=st.lists(st.text(max_size=300)), attempts=st.integers(-(2**31), 2**31 - 1))
def test_the_parts_of_a_message_are_found_where_protobuf_wrote_them(names: list[str], attempts: int) -> None:
    """Each part, cut out, is read by protobuf as what it was; what stands between is passed over."""
    requests = [pb.CreateJobRequest(job=pb.Job(max_attempts=attempts), job_id=name) for name in names]
    data = pb.BatchCreateJobsRequest(requests=requests).SerializeToString()
    cut = [data[found.begin : found.end] for found in fields(data) if found.number == 1]
    assert [pb.CreateJobRequest.FromString(part) for part in cut] == requests


def test_every_kind_of_field_is_passed_over() -> None:
    """Fields that this version does not know may be of any kind that is still in use."""
    unknown = varint(99 << 3 | 1) + bytes(8) + varint(98 << 3 | 5) + bytes(4) + varint(97 << 3) + varint(300)
    assert [found.number for found in fields(unknown + text(1, "x"))] == [99, 98, 97, 1]


@pytest.mark.parametrize(
    "data",
    [b"\x0a", b"\x0a\x05abc", b"\x0a\xff", b"\x09abc", b"\x0b", b"\x00\x00", b"\x80" * 11 + b"\x01"],
    ids=["no length", "too short", "half a length", "half a number", "a group", "no number", "no end"],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    """No field ends behind the bytes that there are."""
    with pytest.raises(Malformed):
        list(fields(data))


@given(data=st.binary(max_size=64))
def test_any_bytes_are_read_to_their_end_or_refused(data: bytes) -> None:
    """Whatever comes, fields follow one another, within the bytes."""
    at = 0
    try:
        for found in fields(data):
            assert at < found.begin <= found.end <= len(data)
            at = found.end
        assert at == len(data)
    except Malformed:
        pass
