from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pullback.broker import Accepted, Known, NewJob
from pullback.contract.errors import DeviceNotServed, Overloaded, QueueUnavailable, RequestIdReused
from pullback.gateway.desk import Desk, Ticket

if TYPE_CHECKING:
    from collections.abc import Callable

    from pullback.broker import Answer, ResultReader


class FakeAcceptor:
    """Keeps what it was asked until the test answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[NewJob, Callable[[Answer], None]]] = []
        self.company: list[int] = []
        self.given_up: list[str] = []

    def abandon(self, job_id: str) -> None:
        """Notes what was given up."""
        self.given_up.append(job_id)

    def accept(self, job: NewJob, answer: Callable[[Answer], None], *, company: int = 0) -> None:
        """Notes the question."""
        self.company.append(company)
        self.asked.append((job, answer))

    def answer(self, answer: Answer) -> None:
        """Answers the oldest question."""
        self.asked.pop(0)[1](answer)


class Office:
    """A desk with its neighbour faked."""

    def __init__(self, max_in_flight: int = 10) -> None:
        self.acceptor = FakeAcceptor()
        self.desk = Desk(self.acceptor, max_in_flight=max_in_flight)  # type: ignore[arg-type]  # fakes
        self.told: list[object] = []

    def submit(self, job_id: str = "a") -> Ticket:
        """Submits a job and notes what its caller is told."""
        return self.desk.submit(NewJob(job_id, 0, 1000, 0, b"", b""), self.told.append)


async def test_the_acceptor_is_told_how_many_others_are_waited_for() -> None:
    """None for the first, one for the second, and none again when both are answered."""
    office = Office()
    for job_id in "ab":
        office.submit(job_id)
    for job_id in "ab":
        office.acceptor.answer(Accepted())
        office.desk.delivered(job_id, b"done")
    office.submit("c")
    assert office.acceptor.company == [0, 1, 0]


async def test_an_outcome_is_delivered_once() -> None:
    """The ticket is used up by its delivery; a second delivery finds nobody."""
    office = Office()
    office.submit()
    office.acceptor.answer(Accepted())
    office.desk.delivered("a", b"one")
    office.desk.delivered("a", b"two")
    assert office.told == [b"one"]
    assert len(office.desk) == 0


async def test_an_outcome_may_arrive_before_the_acceptance() -> None:
    """The worker can be quicker than the answer of the accepting script."""
    office = Office()
    office.submit()
    office.desk.delivered("a", b"quick")
    office.acceptor.answer(Accepted())
    assert office.told == [b"quick"]
    assert office.acceptor.given_up == []


async def test_another_evaluation_under_the_same_id_never_gets_the_first_ones_outcome() -> None:
    """An outcome that comes before a ticket's own answer waits for it, and is dropped where that is a conflict."""
    office = Office()
    office.submit()
    conflict = RequestIdReused("other")
    office.desk.delivered("a", b"of the first")
    assert office.told == []
    office.acceptor.answer(conflict)
    assert office.told == [conflict]


async def test_a_conflict_does_not_keep_an_abandoned_job_alive() -> None:
    """A job whose caller went away while a conflicting call was under way is given up after all."""
    office = Office()
    first = office.submit()
    office.acceptor.answer(Accepted())
    office.submit()
    office.desk.withdraw([first])
    assert office.acceptor.given_up == []
    office.acceptor.answer(RequestIdReused("other"))
    assert office.acceptor.given_up == ["a"]


async def test_two_calls_for_one_request_share_its_outcome() -> None:
    """Both tickets of one job are answered by one delivery."""
    office = Office()
    office.submit()
    office.submit()
    office.acceptor.answer(Accepted())
    office.acceptor.answer(Accepted())
    office.desk.delivered("a", b"both")
    assert office.told == [b"both", b"both"]


async def test_a_known_request_is_answered_at_once() -> None:
    """The stored outcome of a finished request needs no worker."""
    office = Office()
    office.submit()
    office.acceptor.answer(Known(b"kept"))
    assert office.told == [b"kept"]


async def test_a_refusal_reaches_the_caller() -> None:
    """An error from the acceptor is the outcome, and the desk forgets the job."""
    office = Office()
    office.submit()
    refusal = DeviceNotServed("no")
    office.acceptor.answer(refusal)
    assert office.told == [refusal]
    assert len(office.desk) == 0


async def test_a_withdrawn_job_is_given_up() -> None:
    """When the only caller goes away, an accepted job is abandoned, and nobody is told."""
    office = Office()
    ticket = office.submit()
    office.acceptor.answer(Accepted())
    office.desk.withdraw([ticket])
    office.desk.delivered("a", b"too late")
    assert office.acceptor.given_up == ["a"]
    assert office.told == []


async def test_a_job_withdrawn_before_its_acceptance_is_given_up_after_it() -> None:
    """A caller that goes away in between leaves no job behind."""
    office = Office()
    ticket = office.submit()
    office.desk.withdraw([ticket])
    assert office.acceptor.given_up == []
    office.acceptor.answer(Accepted())
    assert office.acceptor.given_up == ["a"]


async def test_a_job_that_another_call_waits_for_is_not_given_up() -> None:
    """Only the last ticket's withdrawal abandons a job."""
    office = Office()
    first, second = office.submit(), office.submit()
    office.acceptor.answer(Accepted())
    office.acceptor.answer(Accepted())
    office.desk.withdraw([first])
    assert office.acceptor.given_up == []
    office.desk.withdraw([second])
    assert office.acceptor.given_up == ["a"]


async def test_while_the_gateway_stops_no_job_is_given_up() -> None:
    """Callers that are sent away by a stop find their jobs again through another gateway."""
    office = Office()
    ticket = office.submit()
    office.acceptor.answer(Accepted())
    office.desk.stopping = True
    office.desk.withdraw([ticket])
    assert office.acceptor.given_up == []


async def test_too_many_in_flight_are_refused_early() -> None:
    """The job above the limit is refused with a time to wait, before Redis hears of it."""
    office = Office(max_in_flight=1)
    office.submit("a")
    with pytest.raises(Overloaded) as caught:
        office.submit("b")
    assert caught.value.retry_seconds is not None
    assert len(office.acceptor.asked) == 1


class EmptyReader:
    """Finds no record of any job."""

    async def look(self, job_ids: list[str]) -> list[str]:
        """Says that all are gone."""
        return job_ids


@pytest.mark.parametrize(("timeout_ms", "told"), [(60_000, [QueueUnavailable]), (0, [])])
async def test_a_record_that_is_gone_was_lost_only_before_its_time_limit(
    timeout_ms: int, told: list[type[Exception]]
) -> None:
    """A record expires at the time limit: the caller is then told of the limit, not of a loss."""
    office = Office()
    ticket = office.desk.submit(NewJob("a", 0, timeout_ms, 0, b"", b""), office.told.append)
    office.acceptor.answer(Accepted())
    reader: ResultReader = EmptyReader()  # type: ignore[assignment]  # a fake
    await office.desk._look(reader, [ticket])
    assert [type(each) for each in office.told] == told
    assert ticket.open == (told == [])
