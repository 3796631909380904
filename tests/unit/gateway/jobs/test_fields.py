from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from pullback.contract.errors import InvalidArgument, LimitExceeded
from pullback.gateway.jobs.fields import duration_ms, id_of, label_lines, name_of, timestamp_ms

MS = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "name", ["", "a", "job/a", "jobs/", "jobs/a b", "jobs/é", "jobs/" + "x" * 129, "Jobs/a", "jobs/a\n"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    """A name is jobs/ and an id, and nothing else."""
    with pytest.raises(InvalidArgument) as caught:
        id_of(name, "filter.names")
    assert caught.value.field == "filter.names"


def test_a_name_holds_its_id() -> None:
    """Also where the id looks like a name's beginning."""
    for job_id in ("a", "x" * 128, "r-0.1:2_3", "jobs"):
        assert id_of(name_of(job_id)) == job_id


def test_labels_are_lines_sorted_by_key() -> None:
    """Each label can be found between two line feeds."""
    assert label_lines({}) == ""
    assert label_lines({"b": "2", "a/x": "", "a": "1"}) == "\na=1\na/x=\nb=2\n"


@pytest.mark.parametrize(
    ("labels", "field"),
    [
        ({"": "x"}, "labels"),
        ({"A": "x"}, "labels"),
        ({"a=b": "x"}, "labels"),
        ({"a\n": "x"}, "labels"),
        ({"a" * 64: "x"}, "labels"),
        ({"a": "x y"}, 'labels["a"]'),
        ({"a": "x=y"}, 'labels["a"]'),
        ({"a": "x\nb=1"}, 'labels["a"]'),
        ({"a": "x" * 64}, 'labels["a"]'),
    ],
)
def test_a_label_that_could_be_taken_for_others_is_refused(labels: dict[str, str], field: str) -> None:
    """Neither key nor value holds what separates them, or more than 63 characters."""
    with pytest.raises(InvalidArgument) as caught:
        label_lines(labels)
    assert caught.value.field == field


def test_there_are_at_most_sixteen_labels() -> None:
    """The limit and what was found are in the message."""
    assert label_lines({f"k{number}": "" for number in range(16)}).count("=") == 16
    with pytest.raises(LimitExceeded, match="17 labels, but the limit is 16"):
        label_lines({f"k{number}": "" for number in range(17)})


@given(time=st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds are naive
def test_a_time_is_what_the_calendar_says(time: datetime) -> None:
    """Down to the millisecond before, or up to the one behind."""
    stamp = Timestamp()
    stamp.FromDatetime(time)
    since = time - datetime(1970, 1, 1, tzinfo=UTC)
    assert timestamp_ms(stamp, "t") == since // MS
    assert timestamp_ms(stamp, "t", up=True) == -(-since // MS)


@pytest.mark.parametrize(
    ("seconds", "nanos"), [(0, -1), (0, 10**9), (253_402_300_800, 0), (-62_135_596_801, 0), (2**63 - 1, 0)]
)
def test_what_is_no_time_is_refused(seconds: int, nanos: int) -> None:
    """Outside the years 1 to 9999, or with nanoseconds of more or less than none to a second."""
    with pytest.raises(InvalidArgument) as caught:
        timestamp_ms(Timestamp(seconds=seconds, nanos=nanos), "deadline_time")
    assert caught.value.field == "deadline_time"


@given(span=st.timedeltas(timedelta(microseconds=1), timedelta(days=36_500)))
def test_a_duration_is_rounded_up_to_milliseconds(span: timedelta) -> None:
    """So that none becomes nothing."""
    duration = Duration()
    duration.FromTimedelta(span)
    assert duration_ms(duration, "d") == -(-span // MS)


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [
        *[(0, 0), (-1, 0), (0, -1), (1, -1), (-1, 5), (1, 10**9), (0, -(10**9))],
        *[(315_576_000_001, 0), (2**63 - 1, 0), (-(2**63), 0)],
    ],
)
def test_what_is_no_duration_is_refused(seconds: int, nanos: int) -> None:
    """Zero, negative, of mixed sign, with too many nanoseconds, or longer than ten thousand years."""
    with pytest.raises(InvalidArgument) as caught:
        duration_ms(Duration(seconds=seconds, nanos=nanos), "time_to_live")
    assert caught.value.field == "time_to_live"
