from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import status_pb2
from hypothesis import given
from hypothesis import strategies as st

from pullback.broker import Created, StoredAttempt, StoredJob
from pullback.contract.lifecycle import AttemptEnd, State
from pullback.contract.limits import MAX_MESSAGE_BYTES
from pullback.gateway.jobs import rendering
from pullback.v1 import evaluation_pb2, gradient_pb2
from pullback.v1 import job_pb2 as pb

STORED = StoredJob(
    job_id="a",
    sequence=1,
    state=State.QUEUED,
    labels="",
    priority=2,
    device="cpu",
    created_ms=1,
    queued_ms=0,
    started_ms=0,
    finished_ms=0,
    expires_ms=0,
    deadline_ms=0,
    not_before_ms=0,
    ttl_ms=1,
    max_attempts=5,
    attempts=(),
    reuse=b"",
    reused="",
    reused_from="",
    evaluation=None,
    outcome=None,
)

instants = st.integers(0, 4 * 10**12)
ids = st.from_regex(r"\A[A-Za-z0-9._:\-]{1,40}\Z")

results = st.builds(
    lambda printed, seconds: evaluation_pb2.Result(printed=printed, worker=str(seconds)),
    st.text(max_size=300),
    instants,
)
outcomes = (
    st.none()
    | results.map(lambda result: gradient_pb2.EvaluateOutcome(result=result))
    | st.text(max_size=20).map(
        lambda text: gradient_pb2.EvaluateOutcome(error=status_pb2.Status(code=3, message=text))
    )
)

attempts = st.builds(
    StoredAttempt,
    number=st.integers(1, 400),
    worker=st.text(max_size=20),
    started_ms=instants,
    ended_ms=instants,
    end=st.none() | st.sampled_from(AttemptEnd),
)
stored_jobs = st.builds(
    StoredJob,
    job_id=ids,
    sequence=st.integers(0, 2**53),
    state=st.sampled_from(State),
    labels=st.dictionaries(ids, ids, max_size=3).map(
        lambda labels: "".join(f"\n{key}={value}" for key, value in labels.items()) + "\n" * bool(labels)
    ),
    priority=st.integers(1, 3),
    device=st.sampled_from(["cpu", "cuda"]),
    created_ms=instants,
    queued_ms=instants,
    started_ms=instants,
    finished_ms=instants,
    expires_ms=instants,
    deadline_ms=instants,
    not_before_ms=instants,
    ttl_ms=instants,
    max_attempts=st.integers(1, 20),
    attempts=st.lists(attempts, max_size=3).map(tuple),
    reuse=st.sampled_from([b"", bytes(range(16))]),
    reused=st.sampled_from(["", "H", "M"]),
    reused_from=st.just("") | ids,
    evaluation=st.none()
    | st.text(max_size=200).map(
        lambda program: evaluation_pb2.Evaluation(program=program).SerializeToString()
    ),
    outcome=outcomes.map(lambda outcome: outcome and outcome.SerializeToString()),
)

ENDS = {end: getattr(pb, f"ATTEMPT_END_{end.name}") for end in AttemptEnd}


def _time(milliseconds: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds))
    return stamp


def _expected(stored: StoredJob, tenant: str) -> pb.Job:
    """The same job, filled in field by field."""
    job = pb.Job(
        name=f"jobs/{stored.job_id}",
        labels=dict(line.split("=") for line in stored.labels.split("\n") if line),
        priority=stored.priority,  # type: ignore[arg-type]  # numbers of an enum
        max_attempts=stored.max_attempts,
        allow_reuse=stored.reuse != b"",
        state=getattr(pb, f"JOB_STATE_{stored.state.name}"),
        reuse={"": pb.REUSE_UNSPECIFIED, "H": pb.REUSE_HIT, "M": pb.REUSE_MISS}[stored.reused],
        reused_from=stored.reused_from and f"jobs/{stored.reused_from}",
        tenant=tenant,
    )
    job.time_to_live.FromMilliseconds(stored.ttl_ms)
    for field, milliseconds in (
        ("deadline_time", stored.deadline_ms),
        ("not_before_time", stored.not_before_ms),
        ("create_time", stored.created_ms),
        ("queue_time", stored.queued_ms),
        ("start_time", stored.started_ms),
        ("finish_time", stored.finished_ms),
        ("expire_time", stored.expires_ms),
    ):
        if milliseconds:
            getattr(job, field).CopyFrom(_time(milliseconds))
    for attempt in stored.attempts:
        added = job.attempts.add(number=attempt.number, worker=attempt.worker)
        added.start_time.CopyFrom(_time(attempt.started_ms))
        if attempt.end:
            added.end_time.CopyFrom(_time(attempt.ended_ms))
            added.end = ENDS[attempt.end]
    if stored.evaluation is not None:
        job.evaluation.MergeFromString(stored.evaluation)
        job.evaluation.SetInParent()
    outcome = gradient_pb2.EvaluateOutcome.FromString(stored.outcome or b"")
    if outcome.HasField("result"):
        job.result.CopyFrom(outcome.result)
    elif outcome.HasField("error"):
        job.error.CopyFrom(outcome.error)
    return job


@given(stored=stored_jobs, tenant=ids)
def test_a_job_is_written_as_protobuf_would_have_it(stored: StoredJob, tenant: str) -> None:
    """Every field, read back by protobuf, is what filling the message in gives."""
    assert pb.Job.FromString(rendering.job(stored, tenant)) == _expected(stored, tenant)


@pytest.mark.parametrize("state", State)
def test_a_job_that_was_created_has_name_state_and_time(state: State) -> None:
    """Nothing else of it is set."""
    data = rendering.created(Created("a", state, 1_500))
    expected = pb.Job(name="jobs/a", state=getattr(pb, f"JOB_STATE_{state.name}"), create_time=_time(1_500))
    assert pb.Job.FromString(data) == expected


def test_among_others_a_job_that_no_message_holds_is_given_without_its_evaluation() -> None:
    """Its result alone fits, and is what was waited for."""
    result = evaluation_pb2.Result(printed="x" * (MAX_MESSAGE_BYTES // 2))
    outcome = gradient_pb2.EvaluateOutcome(result=result).SerializeToString()
    stored = STORED._replace(state=State.SUCCEEDED, outcome=outcome)
    for length, whole in ((1_000, True), (MAX_MESSAGE_BYTES // 2, False)):
        evaluation = evaluation_pb2.Evaluation(program="y" * length).SerializeToString()
        data = rendering.listed_job(stored._replace(evaluation=evaluation), "public")
        assert len(data) < MAX_MESSAGE_BYTES
        job = pb.Job.FromString(data)
        assert job.HasField("evaluation") == whole
        assert job.HasField("result")
