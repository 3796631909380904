from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cli.results.samples import BATCH, job

from pullback.cli.jobs.tally import Tally
from pullback.cli.results import Known
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable

STATES = (
    pb.JOB_STATE_QUEUED,
    pb.JOB_STATE_RUNNING,
    pb.JOB_STATE_SUCCEEDED,
    pb.JOB_STATE_FAILED,
    pb.JOB_STATE_CANCELLED,
)


def _counts(tally: Tally) -> dict[str, int]:
    return {state: count for state, count in tally.counts.items() if count}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.sampled_from(STATES))))
def test_each_row_counts_once_by_its_latest_try(news: Iterable[tuple[int, int, pb.JobState]]) -> None:
    """Whatever comes in whatever order, the counts are those of the last news of the highest try of each row."""
    tally = Tally()
    latest: dict[int, tuple[int, pb.JobState]] = {}
    for index, tries, state in news:
        message = job(index, tries=tries, state=state)
        if state in STATES[:3]:
            message.ClearField("error")
        tally.see(message)
        if index not in latest or latest[index][0] <= tries:
            latest[index] = (tries, state)
    expected = Counter(pb.JobState.Name(state).removeprefix("JOB_STATE_") for _, state in latest.values())
    assert _counts(tally) == expected
    assert tally.total == len(latest)
    assert sum(tally.reasons.values()) == expected["FAILED"] + expected["CANCELLED"]
    assert tally.unsuccessful == sum(tally.reasons.values())


def test_a_batch_is_over_when_every_row_has_an_end() -> None:
    """Refused and gone ones are ends, too, and only rows that all succeeded are a success."""
    tally = Tally(4)
    tally.begin_with({f"{BATCH}.0": Known(1, "2030", "SUCCEEDED")})
    for index in (1, 2):
        tally.create(f"{BATCH}.{index}")
    tally.refuse(f"{BATCH}.3", "INVALID_ARGUMENT")
    assert (tally.over, _counts(tally)) == (False, {"SUCCEEDED": 1, "CREATED": 2, "REFUSED": 1})
    tally.see(job(1))
    assert tally.outstanding(10) == [f"{BATCH}.2"]
    assert tally.lose(f"{BATCH}.2", BATCH)
    assert not tally.lose(f"{BATCH}.1", BATCH)
    assert not tally.lose("other", None)
    assert (tally.over, tally.succeeded) == (True, False)
    assert tally.reasons == {"GONE": 1, "INVALID_ARGUMENT": 1}


def test_news_that_outrun_the_answer_to_the_submission_stay() -> None:
    """A job may be done before the call that created it has answered."""
    tally = Tally(1)
    tally.see(job(0))
    tally.create(f"{BATCH}.0")
    assert (tally.over, tally.succeeded) == (True, True)


def test_a_row_of_the_file_is_counted_again_when_it_is_tried_again() -> None:
    """A failure that a file holds, and that is under way again, is not an end."""
    tally = Tally()
    tally.begin_with({f"{BATCH}.0": Known(1, "2030", "FAILED")})
    assert tally.over
    tally.see(job(0, tries=2, state=pb.JOB_STATE_RUNNING))
    assert not tally.over
    assert tally.outstanding(10) == [f"{BATCH}.0:2"]
    assert sum(tally.reasons.values()) == 1
