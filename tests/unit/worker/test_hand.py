from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.unit.evaluator.world import FOREVER, SIGSEGV, World, collect, events

from pullback.broker import Quarantine
from pullback.contract.lifecycle import Event
from pullback.contract.names import program_tag
from pullback.evaluator import Isolator, Job
from pullback.v1 import evaluation_pb2
from pullback.worker.hand import Hand

if TYPE_CHECKING:
    from collections.abc import Sequence


class Taken(NamedTuple):
    """A job as a drain takes it."""

    place: str


@pytest.fixture
def world() -> World:
    """A world in which nothing takes long."""
    return World()


@pytest.fixture
def hand(world: World) -> Hand:
    """A hand that runs what it holds in that world."""
    return Hand(Isolator(world.connect, lambda: world.now), Quarantine())


def never(job: Job) -> Job | None:
    """Gives nothing to run again."""
    raise AssertionError(f"{job.id} lost its evaluator")


def jobs(world: World, count: int) -> Sequence[Job]:
    """Jobs under the keys of what was taken."""
    return [world.job(str(number)) for number in range(count)]


def test_a_job_that_was_to_stop_before_it_was_in_hand_never_runs(hand: Hand, world: World) -> None:
    """Word of a cancellation may come sooner than the job that it is about."""
    hand.cancel("1-0/b")
    assert list(hand.hold([Taken("1-0/a"), Taken("1-0/b")])) == ["0", "1"]
    outcomes = collect(hand.run(jobs(world, 2), never))
    assert events(outcomes) == {"0": Event.SUCCEED, "1": Event.CANCEL}
    assert world.batches == [("0",)]


def test_a_job_that_is_to_stop_before_its_turn_never_runs(hand: Hand, world: World) -> None:
    """What is in hand and runs later, by itself, is not forgotten."""
    hand.hold([Taken("1-0/a"), Taken("1-0/b")])
    first, second = jobs(world, 2)
    assert events(collect(hand.run([first], never))) == {"0": Event.SUCCEED}
    hand.cancel("1-0/b")
    assert events(collect(hand.run([second], never))) == {"1": Event.CANCEL}


def test_a_running_job_is_stopped(hand: Hand, world: World) -> None:
    """Its evaluator is killed, and its neighbours run again."""
    hand.hold([Taken("1-0/a"), Taken("1-0/b")])
    world.seconds["1"] = FOREVER
    world.on_start = lambda _: hand.cancel("1-0/b")
    outcomes = collect(hand.run(jobs(world, 2), never))
    assert events(outcomes) == {"0": Event.SUCCEED, "1": Event.CANCEL}


def test_the_same_job_in_another_place_runs_on(hand: Hand, world: World) -> None:
    """A cancellation is of one place: what was asked for again under the same id is not stopped by it."""
    hand.hold([Taken("1-0/a"), Taken("2-0/a")])
    world.on_start = lambda _: hand.cancel("1-0/a")
    outcomes = collect(hand.run(jobs(world, 2), never))
    assert events(outcomes) == {"0": Event.CANCEL, "1": Event.SUCCEED}


def test_word_that_came_too_late_is_forgotten(hand: Hand, world: World) -> None:
    """A place that was not in hand at the next take is none that will be."""
    hand.cancel("1-0/a")
    hand.hold([Taken("2-0/b")])
    hand.hold([Taken("1-0/a")])
    assert events(collect(hand.run(jobs(world, 1), never))) == {"0": Event.SUCCEED}


def test_a_job_that_lost_its_evaluator_runs_as_its_owner_says(hand: Hand, world: World) -> None:
    """Whoever holds it decides with what it goes on, or that it does not."""
    hand.hold([Taken("1-0/a"), Taken("1-0/b")])
    world.crashes = {"0": -SIGSEGV, "1": -SIGSEGV}

    def again(job: Job) -> Job | None:
        world.crashes.clear()
        return job._replace(deaths=1) if job.id == "0" else None

    assert events(collect(hand.run(jobs(world, 2), again))) == {"0": Event.SUCCEED}
    assert world.batches == [("0", "1"), ("0",), ("1",), ("0",)]


def test_a_program_in_quarantine_is_refused(world: World) -> None:
    """It fails without having run, and its neighbours run."""
    quarantine = Quarantine()
    quarantine.add(program_tag(b"", "y = x"), 300)
    hand = Hand(Isolator(world.connect, lambda: world.now), quarantine)
    hand.hold([Taken("1-0/a"), Taken("1-0/b")])
    bad = world.job("0")._replace(evaluation=evaluation_pb2.Evaluation(program="y = x").SerializeToString())
    assert events(collect(hand.run([bad, world.job("1")], never))) == {"0": Event.FAIL, "1": Event.SUCCEED}
    assert world.batches == [("1",)]
