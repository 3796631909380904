from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.integration.cli_jobs.conftest import BATCH

from pullback.cli.jobs.inbox import Settled, Submitted
from pullback.cli.jobs.sending import Sender
from pullback.client import Client, JobIdReused, Overloaded, PullbackError, evaluation, job
from pullback.client.tensors import tensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.job_stand_in.service import JobServer

    from pullback.v1.job_pb2 import CreateJobRequest

PATIENCE = 30.0
MORNING = datetime(2030, 1, 31, 8, tzinfo=UTC)


@dataclass
class Row:
    """A job that must be done two hours after its batch was submitted."""

    index: int
    value: float

    def request(self, job_id: str, now: datetime, labels: Mapping[str, str]) -> CreateJobRequest:
        """Makes the message that creates it."""
        inputs = {"x": tensor(self.value)}
        return job(
            evaluation("echo", inputs), job_id=job_id, labels=labels, deadline=now + timedelta(hours=2)
        )


@dataclass
class Rows:
    """A batch file."""

    values: list[float]

    def __len__(self) -> int:
        return len(self.values)

    def jobs(self, start: int = 0) -> Iterator[Row]:
        """Gives the jobs from a place on."""
        return (Row(index, value) for index, value in enumerate(self.values) if index >= start)


def _sender(client: Client, values: list[float], at: datetime = MORNING, **options: frozenset[str]) -> Sender:
    return Sender(client.jobs, Rows(values), BATCH, patience=PATIENCE, clock=lambda: at, **options)


def _outcomes(sender: Sender) -> dict[str, PullbackError | None]:
    found: dict[str, PullbackError | None] = {}
    *settled, last = sender.messages()
    assert isinstance(last, Submitted)
    for message in settled:
        assert isinstance(message, Settled)
        assert not found.keys() & dict(message.outcomes).keys()
        found |= dict(message.outcomes)
    return found


def test_ids_follow_from_the_batch_and_the_place(client: Client, server: JobServer) -> None:
    """Each job has the batch's id and its index for an id, and the batch's id for a label."""
    assert _outcomes(_sender(client, [5.0, 6.0])) == {"night-1.0": None, "night-1.1": None}
    records = server.service.store.records
    assert list(records) == ["jobs/night-1.0", "jobs/night-1.1"]
    assert {record.job.labels["pullback/batch"] for record in records.values()} == {BATCH}


def test_sent_again_a_batch_creates_nothing_twice(client: Client, server: JobServer) -> None:
    """Hours later, the same file under the same id is the same jobs, deadline and all."""
    values = [float(index) for index in range(2_500)]
    _outcomes(_sender(client, values[:1_700]))
    again = _outcomes(_sender(client, values, MORNING + timedelta(hours=5)))
    assert len(again) == 2_500
    assert set(again.values()) == {None}
    records = server.service.store.records
    assert len(records) == 2_500
    assert {record.job.deadline_time.ToDatetime(UTC) for record in records.values()} == {
        MORNING + timedelta(hours=2)
    }


def test_two_processes_that_begin_a_batch_at_one_time_share_it(client: Client, server: JobServer) -> None:
    """Jobs that the other was first with are found again by its time, though they differ in their deadline."""
    noon = MORNING + timedelta(hours=4)
    other = _sender(client, [0.0, 1.0, 2.0, 3.0], noon, skip=frozenset({"night-1.0", "night-1.2"}))
    ours = _sender(client, [0.0, 1.0, 2.0, 3.0])
    begun = ours._begun()  # before the other sent anything
    _outcomes(other)
    ours._begun = lambda: begun  # type: ignore[method-assign]
    assert set(_outcomes(ours).values()) == {None}
    assert len(server.service.store.records) == 4


def test_a_changed_file_under_an_old_id_is_refused(client: Client) -> None:
    """A job whose content differs from what was submitted is told, and the rest is the same as before."""
    _outcomes(_sender(client, [0.0, 1.0, 2.0]))
    outcomes = _outcomes(_sender(client, [0.0, 7.0, 2.0, 3.0]))
    assert {slot for slot, error in outcomes.items() if error is None} == {
        "night-1.0",
        "night-1.2",
        "night-1.3",
    }
    assert isinstance(outcomes["night-1.1"], JobIdReused)
    assert "give it a batch id of its own" in str(outcomes["night-1.1"])


def test_what_a_result_file_has_is_not_sent(client: Client, server: JobServer) -> None:
    """A job that the service may have forgotten is not run again."""
    assert _outcomes(_sender(client, [0.0, 1.0], skip=frozenset({"night-1.0"}))) == {"night-1.1": None}
    assert list(server.service.store.records) == ["jobs/night-1.1"]


def test_a_sender_can_be_stopped(client: Client, server: JobServer) -> None:
    """After the user cancelled, no further job is sent."""
    sender = _sender(client, [0.0, 1.0])
    sender.stop()
    assert _outcomes(sender) == {}
    assert not server.service.store.records


def test_a_service_without_room_is_waited_for(client: Client, server: JobServer) -> None:
    """What was refused for want of room is sent again, and each job is told once."""
    server.service.refusals.extend([Overloaded("full", retry_seconds=0.0)] * 2)
    assert set(_outcomes(_sender(client, [0.0, 1.0])).values()) == {None}


def test_a_service_that_stays_away_is_given_up(client: Client, server: JobServer) -> None:
    """The error is raised, so that the command ends with the status for it."""
    server.stop()
    client.close()
    with (
        Client(server.address, retry_for=0) as impatient,
        pytest.raises(PullbackError, match="no service answers"),
    ):
        list(_sender(impatient, [0.0]).messages())
    server.start()
