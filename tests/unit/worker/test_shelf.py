from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.evaluator.world import FOREVER, SIGKILL, SIGSEGV, World
from tests.unit.worker.shelves import FakeShelves, submitted

from pullback.broker import Quarantine
from pullback.contract.errors import DeadlineExceeded
from pullback.contract.lifecycle import Event
from pullback.contract.status import from_status
from pullback.evaluator import Isolator
from pullback.v1 import gradient_pb2
from pullback.worker.appetite import FIRST
from pullback.worker.hand import Hand
from pullback.worker.shelf import LEAST_SHARE, TOGETHER_SECONDS, ShelfWork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pullback.broker import Ended, HeldJob


class Desk:
    """Work on shelves in a world where nothing is real.

    The world's evaluators know jobs by their places in a take: "0" is the first.
    """

    def __init__(
        self,
        world: World,
        jobs: Iterable[HeldJob] = (),
        *,
        offset_ms: int = 0,
        offset: Callable[[], int] | None = None,
    ) -> None:
        self.world = world
        self.shelves = FakeShelves()
        self.shelves.waiting.extend(jobs)
        self.hand = Hand(Isolator(world.connect, lambda: world.now), Quarantine())
        self.work = ShelfWork(
            self.shelves,  # type: ignore[arg-type]  # what is needed of shelves
            self.hand,
            most=512,
            engine=lambda: "engine",
            clock_offset_ms=offset or (lambda: offset_ms),
            now=lambda: world.now,
            stopwatch=lambda: world.now,
        )

    def turn(self) -> bool:
        """Does one turn, and sees to it that it left nothing in the air."""
        did = self.work.turn()
        assert not self.shelves.held
        return did

    def events(self) -> dict[str, Event]:
        """Gives what came of the jobs that are finished."""
        return {name: end.event for name, end in self.shelves.done.items()}


def is_overdue(end: Ended) -> bool:
    """Tells whether an outcome says that a time was over."""
    status = gradient_pb2.EvaluateOutcome.FromString(end.outcome).error
    return isinstance(from_status(status), DeadlineExceeded)


def named(names: str, **more: int) -> list[HeldJob]:
    """Makes a job for each letter."""
    return [submitted(name, **more) for name in names]


def test_what_waits_is_taken_and_finished() -> None:
    """The jobs of a turn are one batch, each has its end, and an empty shelf is told."""
    desk = Desk(World(), named("abc"))
    assert desk.turn()
    assert desk.events() == dict.fromkeys("abc", Event.SUCCEED)
    assert desk.world.batches == [("0", "1", "2")]
    assert not desk.turn()


def test_more_are_taken_while_full_takes_are_quick() -> None:
    """How much is taken at once doubles."""
    quick = {str(number): 1e-5 for number in range(2 * FIRST)}
    desk = Desk(World(seconds=quick), [submitted(str(number)) for number in range(3 * FIRST)])
    while desk.turn():
        pass
    assert desk.shelves.counts == [FIRST, 2 * FIRST, 4 * FIRST]


def test_slow_jobs_in_company_are_put_back_and_fewer_are_taken() -> None:
    """Jobs that take longer together than others may wait are taken singly in the end, and all succeed."""
    desk = Desk(World(seconds={str(number): 1.0 for number in range(FIRST)}), named("abcd"))
    begin = desk.world.now
    desk.turn()
    assert desk.shelves.returned == dict.fromkeys("abcd", False)
    assert desk.world.now - begin == pytest.approx(TOGETHER_SECONDS)
    while desk.turn():
        pass
    assert desk.events() == dict.fromkeys("abcd", Event.SUCCEED)


def test_a_time_limit_counts_from_the_beginning_of_the_attempt() -> None:
    """A job alone that exceeds it FAILS, however long it waited before and whatever clock Redis has."""
    desk = Desk(
        World(seconds={"0": FOREVER}),
        [submitted("a", timeout_ms=3_000, deadline_ms=99_000_000)],
        offset_ms=-500_000,
    )
    begin = desk.world.now
    desk.turn()
    assert desk.world.now - begin == pytest.approx(3)
    assert desk.events() == {"a": Event.FAIL}
    assert is_overdue(desk.shelves.done["a"])


def test_a_time_limit_that_is_exceeded_beside_others_does_not_count() -> None:
    """Who knows whose fault it was: such a job is tried by itself the next time, and may succeed."""
    desk = Desk(
        World(seconds={"0": 0.2, "1": 0.2}),
        [submitted("a", timeout_ms=100), submitted("b"), submitted("c")],
    )
    desk.turn()
    assert desk.shelves.returned["a"] is True
    desk.world.seconds = {}
    while desk.turn():
        pass
    assert desk.events() == dict.fromkeys("abc", Event.SUCCEED)


@pytest.mark.parametrize("names", ["a", "ab"])
def test_a_job_expires_at_its_deadline(names: str) -> None:
    """A deadline is by the clock of Redis, and ends a job alone and beside others."""
    desk = Desk(
        World(seconds={"0": FOREVER}),
        [submitted(name, deadline_ms=1_100_200 if name == "a" else 9_000_000) for name in names],
        offset_ms=100_000,
    )
    while desk.turn():
        pass
    assert desk.events() == {name: Event.EXPIRE if name == "a" else Event.SUCCEED for name in names}
    assert is_overdue(desk.shelves.done["a"])


def test_a_job_expires_at_its_deadline_though_the_clocks_were_read_anew() -> None:
    """What is known of Redis' clock is some ms off: one that was stopped at its deadline did not exceed its limit."""
    world = World(seconds={"0": FOREVER})
    begin = world.now
    desk = Desk(
        world, [submitted("a", deadline_ms=1_000_200)], offset=lambda: 0 if world.now == begin else -20
    )
    desk.turn()
    assert desk.events() == {"a": Event.EXPIRE}


def test_a_lost_evaluator_is_an_attempt() -> None:
    """The job that its evaluator died of goes on in its next attempt, and its neighbours do not notice."""
    desk = Desk(World(crashes={"1": -SIGKILL}), named("abc"))
    desk.world.on_start = lambda ids: desk.world.crashes.clear() if ids == ["1"] and is_second() else None
    begun = []

    def is_second() -> bool:
        begun.append(1)
        return len(begun) > 1

    desk.turn()
    assert desk.events() == dict.fromkeys("abc", Event.SUCCEED)
    assert {name: end.job.attempt for name, end in desk.shelves.done.items()} == {"a": 1, "b": 2, "c": 1}


def test_a_job_that_loses_every_evaluator_has_all_its_attempts() -> None:
    """It FAILS with the last of them, and not before."""
    desk = Desk(World(crashes={"0": -SIGKILL}), named("a", max_attempts=4))
    desk.turn()
    assert desk.events() == {"a": Event.FAIL}
    assert desk.shelves.done["a"].job.attempt == 4
    assert len(desk.world.batches) == 4


def test_a_program_that_crashes_fails_at_its_second_crash() -> None:
    """However many attempts the job may have."""
    desk = Desk(World(crashes={"0": -SIGSEGV}), named("a", max_attempts=20))
    desk.turn()
    assert desk.events() == {"a": Event.FAIL}
    assert len(desk.world.batches) == 2


def test_a_job_without_attempts_left_is_not_run_again() -> None:
    """Attempts that other drains had count: where the shelves say that it had all, that is the end."""
    desk = Desk(World(crashes={"0": -SIGKILL}), [submitted("a")._replace(attempt=5)])
    desk.turn()
    assert desk.shelves.losses == {"a"}
    assert len(desk.world.batches) == 1


def test_a_cancelled_job_is_stopped_and_the_others_run_again() -> None:
    """What cancels it names its place; its neighbours have their results."""
    desk = Desk(World(seconds={"1": FOREVER}), jobs := named("abc"))
    desk.world.on_start = lambda _: desk.hand.cancel(jobs[1].place)
    desk.turn()
    assert desk.events() == {"a": Event.SUCCEED, "b": Event.CANCEL, "c": Event.SUCCEED}


def test_an_interruption_puts_everything_back() -> None:
    """What runs is stopped and waits again, uncounted and not alone; so does what is taken afterwards."""
    desk = Desk(World(seconds={"0": FOREVER}), named("ab"))
    desk.world.on_start = lambda _: desk.hand.interrupt()
    desk.turn()
    desk.turn()
    assert desk.events() == {}
    assert [(job.job_id, job.attempt, job.alone) for job in desk.shelves.waiting] == [
        ("a", 1, False),
        ("b", 1, False),
    ]


def test_a_turn_is_charged_to_its_jobs() -> None:
    """The seconds of all jobs together are no more than the turn took."""
    desk = Desk(World(), named("abc"))
    desk.turn()
    seconds = [end.seconds for end in desk.shelves.done.values()]
    assert len(set(seconds)) == 1
    assert seconds[0] > 0


def test_the_shelves_have_their_share_beside_any_number_of_calls() -> None:
    """After a turn the next one is due when the drain had nine times as long for other things."""
    desk = Desk(World(seconds={"0": 2.0}), named("a"))
    assert desk.work.is_due
    desk.turn()
    desk.world.now += 2.0 * (1 / LEAST_SHARE - 1) - 0.001
    assert not desk.work.is_due
    desk.world.now += 0.002
    assert desk.work.is_due


@given(
    count=st.integers(1, 6),
    seconds=st.dictionaries(st.sampled_from("012345"), st.sampled_from([0.04, 0.3, 2.0, FOREVER])),
    crashes=st.dictionaries(st.sampled_from("012345"), st.sampled_from([-SIGSEGV, -SIGKILL, 1])),
    timeout_ms=st.sampled_from([50, 1_000, 60_000]),
    deadline_ms=st.sampled_from([1_000_100, 1_005_000, 9_000_000]),
)
def test_whatever_happens_each_job_has_one_end(
    count: int, seconds: dict[str, float], crashes: dict[str, int], timeout_ms: int, deadline_ms: int
) -> None:
    """Jobs that are slow, hang, crash or run out of time are all finished after some turns, each once."""
    jobs = [submitted(str(number), timeout_ms=timeout_ms, deadline_ms=deadline_ms) for number in range(count)]
    desk = Desk(World(seconds=dict(seconds), crashes=dict(crashes)), jobs)
    turns = 0
    while desk.turn():
        turns += 1
        # A few at once, then one: each is taken by itself in the end, and not for ever.
        assert turns <= 4 * count + 4
    assert desk.shelves.done.keys() | desk.shelves.losses == {job.job_id for job in jobs}
    assert not desk.shelves.done.keys() & desk.shelves.losses
