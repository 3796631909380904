from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pullback.client import Attempt, InternalFault, Job, ProgramError, evaluation, tensor
from pullback.client.jobs.reading import read_news
from pullback.client.jobs.words import STATE_WORDS, TERMINAL
from pullback.contract.status import to_status
from pullback.v1 import evaluation_pb2
from pullback.v1 import job_pb2 as pb

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_a_job_reads_each_field() -> None:
    """Enumerations become words, times datetimes in UTC, spans timedeltas."""
    message = pb.Job(
        name="jobs/a",
        labels={"run": "7"},
        priority=pb.JOB_PRIORITY_INTERACTIVE,
        max_attempts=3,
        allow_reuse=True,
        state=pb.JOB_STATE_SUCCEEDED,
        reuse=pb.REUSE_HIT,
        reused_from="jobs/b",
        tenant="t",
        attempts=[
            pb.Attempt(number=1, worker="w", end=pb.ATTEMPT_END_PUT_BACK),
            pb.Attempt(number=2, worker="v"),
        ],
    )
    message.time_to_live.FromTimedelta(timedelta(hours=2))
    fields = ["create", "queue", "start", "finish", "expire", "deadline", "not_before"]
    for number, field in enumerate(fields):
        getattr(message, f"{field}_time").FromDatetime(NOON + timedelta(minutes=number))
    for attempt in message.attempts:
        attempt.start_time.FromDatetime(NOON)
    message.attempts[0].end_time.FromDatetime(NOON)
    read = Job(message)
    times = [getattr(read, f"{field}_time") for field in fields]
    assert times == [NOON + timedelta(minutes=number) for number in range(len(fields))]
    assert (read.name, read.id, read.state, read.done) == ("jobs/a", "a", "succeeded", True)
    assert (read.labels, read.priority, read.tenant) == ({"run": "7"}, "interactive", "t")
    assert (read.max_attempts, read.allow_reuse, read.time_to_live) == (3, True, timedelta(hours=2))
    assert (read.reuse, read.reused_from, read.message) == ("hit", "jobs/b", message)
    assert read.attempts == (Attempt(1, "w", NOON, NOON, "put_back"), Attempt(2, "v", NOON, None, ""))
    assert repr(read) == "<Job jobs/a succeeded>"


def test_what_is_unset_is_none() -> None:
    """A job that has only begun has no times, and no outcome."""
    read = Job(pb.Job(name="jobs/a", state=pb.JOB_STATE_QUEUED))
    fields = ["create", "queue", "start", "finish", "expire", "deadline", "not_before"]
    assert [getattr(read, f"{field}_time") for field in fields] == [None] * 7
    assert (read.evaluated, read.error, read.evaluation, read.reuse, read.attempts) == (
        None,
        None,
        None,
        "",
        (),
    )
    assert not read.done
    assert not read.known


@pytest.mark.parametrize(("number", "word"), STATE_WORDS.items())
def test_a_job_is_done_in_a_terminal_state(number: pb.JobState, word: str) -> None:
    """It is known where its outcome is there too."""
    read = Job(pb.Job(state=number))
    assert (read.state, read.done, read.known) == (word, number in TERMINAL, False)
    assert Job(pb.Job(state=number, result=evaluation_pb2.Result())).known == (number in TERMINAL)


def test_a_state_of_a_newer_service_is_an_error() -> None:
    """Nothing is guessed of it."""
    with pytest.raises(InternalFault, match="state 99"):
        _ = Job(pb.Job(name="jobs/a", state=99)).state  # type: ignore[arg-type]


def test_an_error_is_read_as_its_class() -> None:
    """As it would have been raised by a call; one that is not ours keeps its text."""
    mine = to_status(ProgramError("line 1, column 1: no", field="program"))
    read = Job(pb.Job(name="jobs/a", state=pb.JOB_STATE_FAILED, error=mine)).error
    assert isinstance(read, ProgramError)
    assert read.field == "program"
    theirs = pb.Job(name="jobs/a", state=pb.JOB_STATE_FAILED)
    theirs.error.message = "of another kind"
    assert isinstance(Job(theirs).error, InternalFault)
    assert "of another kind" in str(Job(theirs).error)


def test_the_last_value_is_not_guessed() -> None:
    """Of several values, which one is last is known from the evaluation alone."""
    message = pb.Job(state=pb.JOB_STATE_SUCCEEDED)
    for number, name in enumerate("ab"):
        message.result.values[name].CopyFrom(tensor(float(number)))
    blind = Job(message).evaluated
    assert blind is not None
    assert list(blind.values) == ["a", "b"]
    with pytest.raises(ValueError, match="which of a, b is last"):
        _ = blind.value
    told = Job(message, evaluation("", outputs=["b", "a"])).evaluated
    assert told is not None
    assert told.value == 0.0
    message.evaluation.outputs.extend(["b", "a"])
    full = Job(message).evaluated
    assert full is not None
    assert list(full.values) == ["b", "a"]
    del message.result.values["b"]
    one = Job(message).evaluated
    assert one is not None
    assert one.value == 0.0


def test_news_are_read_whole() -> None:
    """Jobs, deletions, cursor and whether the present state is complete."""
    response = pb.WatchJobsResponse(
        jobs=[pb.Job(name="jobs/a")], deleted_names=["jobs/b"], cursor="c", caught_up=True
    )
    news = read_news(response)
    assert [each.name for each in news.jobs] == ["jobs/a"]
    assert news[1:] == (("jobs/b",), "c", True)
