from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from pullback.client import Conditions, InvalidArgument, evaluation, job
from pullback.client.jobs.asking import any_filter, job_again, job_filter, job_name, list_request, one_job
from pullback.client.jobs.words import ENDS, PRIORITIES, REUSES, STATE_WORDS, STATES, TERMINAL, VIEWS
from pullback.v1 import job_pb2 as pb

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("enum", "prefix", "words"),
    [
        (pb.JobState, "JOB_STATE_", {code: word for word, code in STATES.items()}),
        (pb.JobState, "JOB_STATE_", STATE_WORDS),
        (pb.JobPriority, "JOB_PRIORITY_", {code: word for word, code in PRIORITIES.items()}),
        (pb.JobView, "JOB_VIEW_", {code: word for word, code in VIEWS.items()}),
        (pb.AttemptEnd, "ATTEMPT_END_", ENDS),
        (pb.Reuse, "REUSE_", REUSES),
    ],
)
def test_every_number_of_the_wire_has_its_word(enum: Any, prefix: str, words: dict[int, str]) -> None:
    """The words are the wire's names without their prefix."""
    assert words == {code: name.removeprefix(prefix).lower() for name, code in enum.items() if code}


def test_a_job_is_what_was_asked_for() -> None:
    """Each option is in its field, and what was not given is unset."""
    made = job(
        evaluation("y = x", x=1.0),
        job_id="mine",
        labels={"run": "7"},
        priority="bulk",
        deadline=NOON.astimezone(timezone(timedelta(hours=5))),
        not_before=NOON,
        time_to_live=timedelta(hours=1),
        max_attempts=3,
        allow_reuse=True,
    )
    expected = pb.CreateJobRequest(
        job_id="mine",
        job=pb.Job(
            evaluation=evaluation("y = x", x=1.0),
            labels={"run": "7"},
            priority=pb.JOB_PRIORITY_BULK,
            max_attempts=3,
            allow_reuse=True,
        ),
    )
    for time in (expected.job.deadline_time, expected.job.not_before_time):
        time.FromDatetime(NOON)
    expected.job.time_to_live.FromSeconds(3600)
    assert made == expected
    assert job(evaluation("y = x")) == pb.CreateJobRequest(job=pb.Job(evaluation=evaluation("y = x")))


@pytest.mark.parametrize("span", [3600, 3600.0, timedelta(hours=1)])
def test_a_span_is_counted_from_now(span: timedelta | float) -> None:
    """Seconds and timedeltas alike."""
    before = datetime.now(UTC)
    made = job(evaluation("y = x"), deadline=span, not_before=span)
    after = datetime.now(UTC)
    for time in (made.job.deadline_time, made.job.not_before_time):
        assert before <= time.ToDatetime(UTC) - timedelta(hours=1) <= after


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("priority", "urgent"),
        ("labels", {"run": 7}),
        ("labels", {7: "run"}),
        ("deadline", datetime(2030, 1, 1)),  # noqa: DTZ001 - that is what is refused
        ("deadline", float("nan")),
        ("deadline", 1e300),
        ("deadline", "tomorrow"),
        ("not_before", timedelta.max),
        ("time_to_live", "long"),
        ("time_to_live", float("inf")),
        ("max_attempts", 0),
        ("max_attempts", 21),
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_field(field: str, value: Any) -> None:
    """Before a call is made."""
    with pytest.raises(InvalidArgument) as caught:
        job(evaluation("y = x"), **{field: value})
    assert caught.value.field == field


def test_a_job_is_made_of_a_text_an_evaluation_or_a_job() -> None:
    """All three ways give the same, and each creation has a request id of its own."""
    inputs = {"x": 1.0}
    made = [
        one_job("y = x", inputs, {"wrt": "x", "labels": {"run": "7"}}),
        one_job(evaluation("y = x", inputs, wrt="x"), None, {"labels": {"run": "7"}}),
        one_job(job(evaluation("y = x", inputs, wrt="x"), labels={"run": "7"}), None, {}),
    ]
    assert made[0].job == made[1].job == made[2].job
    assert len({each.request_id for each in made} - {""}) == 3
    assert one_job("y = x", None, {"job_id": "mine"}).request_id == ""
    assert one_job("y = x", None, {"request_id": "mine"}).request_id == "mine"


def test_arguments_that_do_not_go_together_are_refused() -> None:
    """An evaluation has its inputs, and a job its options; both are left as they are."""
    mine = job(evaluation("y = x"))
    with pytest.raises(TypeError, match="inputs goes with a program's text"):
        one_job(evaluation("y = x"), {"x": 1.0}, {})
    with pytest.raises(TypeError, match="wrt goes with a program's text"):
        one_job(mine, None, {"wrt": "x"})
    with pytest.raises(TypeError, match="labels goes with an evaluation"):
        one_job(mine, None, {"labels": {}})
    one_job(mine, None, {})
    assert mine.request_id == ""


def test_a_filter_has_every_condition() -> None:
    """One state or several, jobs by name or id."""
    made = job_filter(
        {
            "states": ["queued", "running"],
            "labels": {"run": "7"},
            "created_from": NOON,
            "created_before": NOON + timedelta(hours=1),
            "names": ["a", "jobs/b", pb.Job(name="jobs/c")],
        }
    )
    assert list(made.states) == [pb.JOB_STATE_QUEUED, pb.JOB_STATE_RUNNING]
    assert dict(made.labels) == {"run": "7"}
    assert made.created_from.ToDatetime(UTC) == NOON
    assert made.created_before.ToDatetime(UTC) == NOON + timedelta(hours=1)
    assert list(made.names) == ["jobs/a", "jobs/b", "jobs/c"]
    assert list(job_filter({"states": "failed"}).states) == [pb.JOB_STATE_FAILED]
    assert job_filter({}) == pb.JobFilter()


def test_no_names_are_not_all_names() -> None:
    """A list that happens to be empty must not mean every job there is, and a filter must mean some."""
    with pytest.raises(InvalidArgument, match="0 names"):
        job_filter({"names": []})
    with pytest.raises(InvalidArgument, match="10,001 names"):
        job_filter({"names": map(str, range(10_001))})
    for nothing in (Conditions(), Conditions(states=[], labels={})):
        with pytest.raises(InvalidArgument, match="every job"):
            any_filter(nothing)
    with pytest.raises(InvalidArgument, match="'done' is none of queued"):
        job_filter({"states": "done"})  # type: ignore[typeddict-item]


def test_pages_are_as_long_as_their_view_allows() -> None:
    """A page of results is shorter than one of states, unless it is said."""
    assert list_request("basic", 0, {}).page_size == 1000
    assert list_request("full", 0, {}).page_size == 100
    assert list_request("full", 7, {}).page_size == 7
    for size in (-1, 1001):
        with pytest.raises(InvalidArgument):
            list_request("basic", size, {})
    with pytest.raises(InvalidArgument, match="'all' is none of basic"):
        list_request("all", 0, {})  # type: ignore[arg-type]


def test_an_id_that_begins_like_a_name_is_still_an_id_of_its_own() -> None:
    """Only the prefix itself makes a name."""
    assert job_name("jobs") == "jobs/jobs"
    assert job_name("jobs/jobs") == "jobs/jobs"


@pytest.mark.parametrize("state", pb.JobState.values())
def test_only_what_is_done_runs_again(state: pb.JobState) -> None:
    """In a terminal state, that is."""
    done = pb.Job(name="jobs/a", state=state, evaluation=evaluation("y = x"))
    if state in TERMINAL:
        assert job_again(done, "").job.evaluation == done.evaluation
    else:
        with pytest.raises(InvalidArgument, match="once it is done"):
            job_again(done, "")


def test_running_again_is_the_same_for_the_same_end_alone() -> None:
    """Another job, or another end of a job whose id was used twice, is another."""
    done = pb.Job(name="jobs/a", state=pb.JOB_STATE_FAILED)
    done.finish_time.FromDatetime(NOON)
    first = job_again(done, "").request_id
    assert job_again(done, "").request_id == first
    done.finish_time.FromDatetime(NOON + timedelta(seconds=1))
    assert job_again(done, "").request_id != first
    assert job_again(done, "mine") == pb.CreateJobRequest(job_id="mine", job=job_again(done, "").job)
