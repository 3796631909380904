from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.contract.errors import (
    Cancelled,
    DeadlineExceeded,
    KernelFault,
    LimitExceeded,
    PullbackError,
    WorkerLost,
)
from pullback.contract.lifecycle import Event
from pullback.evaluator import (
    EvaluatorUnavailable,
    Isolator,
    frames,
    isolate,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

from tests.unit.evaluator.world import (
    FOREVER,
    SIGKILL,
    SIGSEGV,
    FakeEvaluator,
    World,
    collect,
    error_of,
    events,
)


def test_good_jobs_run_as_one_batch() -> None:
    """Jobs that do no harm cost one batch in one evaluator."""
    world = World()
    outcomes = world.run(world.job(name) for name in "abc")
    assert events(outcomes) == dict.fromkeys("abc", Event.SUCCEED)
    assert world.batches == [("a", "b", "c")]


def test_an_evaluator_is_used_again() -> None:
    """Batch after batch goes through the same evaluator while it lives."""
    world = World()
    with Isolator(world.connect, lambda: world.now) as isolator:
        for name in "abc":
            list(isolator.run([world.job(name)]))
    assert world.connections == 1


def test_an_evaluator_that_died_between_batches_is_nobodys_fault() -> None:
    """A batch is never given to a dead evaluator, and so no job is blamed for it."""
    world = World()
    made: list[FakeEvaluator] = []

    def connect() -> FakeEvaluator:
        made.append(world.connect())
        return made[-1]

    with Isolator(connect, lambda: world.now) as isolator:
        list(isolator.run([world.job("a")]))
        made[0].kill()
        assert events(collect(isolator.run([world.job("b")]))) == {"b": Event.SUCCEED}
    assert len(made) == 2


def test_a_crash_harms_its_own_job_only() -> None:
    """The neighbours of a job that crashes succeed, alone, and the job is lost for another try."""
    world = World(crashes={"b": -SIGSEGV})
    outcomes = world.run(world.job(name) for name in "abc")
    assert events(outcomes) == {"a": Event.SUCCEED, "b": Event.LOSE, "c": Event.SUCCEED}
    assert outcomes["b"].message == b""
    assert world.batches == [("a", "b", "c"), ("a",), ("b",), ("c",)]


@pytest.mark.parametrize(
    ("exitcode", "error"),
    [(-SIGSEGV, KernelFault), (-SIGKILL, LimitExceeded), (1, WorkerLost), (None, WorkerLost)],
)
def test_a_second_death_alone_is_final(exitcode: int, error: type[PullbackError]) -> None:
    """A job that died alone before fails when it does it again, with an error that tells the cause."""
    world = World(crashes={"b": exitcode})
    outcomes = world.run([world.job("a"), world.job("b", deaths=1), world.job("c")])
    assert events(outcomes) == {"a": Event.SUCCEED, "b": Event.FAIL, "c": Event.SUCCEED}
    assert type(error_of(outcomes["b"])) is error
    assert world.batches == [("a", "c"), ("b",)]


def test_a_job_that_hangs_is_stopped_at_its_deadline_and_delays_nobody_much() -> None:
    """The culprit gets DEADLINE_EXCEEDED at its deadline; its neighbours are answered long before."""
    world = World(seconds={"b": FOREVER})
    begin = world.now
    answered: dict[str, float] = {}
    with Isolator(world.connect, lambda: world.now) as isolator:
        for group in isolator.run([world.job(name, left=8) for name in "abc"]):
            for outcome in group:
                answered[outcome.job_id] = world.now - begin
                assert outcome.event == (Event.EXPIRE if outcome.job_id == "b" else Event.SUCCEED)
                if outcome.event == Event.EXPIRE:
                    assert isinstance(error_of(outcome), DeadlineExceeded)
    assert answered["b"] == pytest.approx(8)
    assert answered["c"] < 8 * isolate.BATCH_SHARE + 2 * isolate.SLICE_SECONDS


def test_a_lone_job_has_all_its_time() -> None:
    """A job without neighbours runs once, for as long as its deadline allows."""
    world = World(seconds={"a": 59.0})
    assert events(world.run([world.job("a", left=60)])) == {"a": Event.SUCCEED}
    assert world.batches == [("a",)]


def test_a_slow_job_among_quick_ones_still_succeeds() -> None:
    """A job that needs half of its time gets that, though the batch it was in is cut."""
    world = World(seconds={"b": 4.0})
    outcomes = world.run(world.job(name, left=10) for name in "abc")
    assert events(outcomes) == dict.fromkeys("abc", Event.SUCCEED)
    assert world.batches == [("a", "b", "c"), ("a",), ("b",), ("c",), ("b",)]


def test_slices_grow_until_a_slow_job_fits() -> None:
    """A job that needs more than the first slices is done though others hang as long as it lasts."""
    world = World(seconds={"a": FOREVER, "b": FOREVER, "slow": 1.5})
    outcomes = world.run(world.job(name, left=20) for name in ("a", "b", "slow"))
    assert events(outcomes) == {"a": Event.EXPIRE, "b": Event.EXPIRE, "slow": Event.SUCCEED}


def test_many_jobs_that_hang_do_not_starve_one_that_does_not() -> None:
    """Slices are shared out fairly: the good job behind twenty bad ones is answered in time."""
    world = World(seconds={str(number): FOREVER for number in range(20)})
    outcomes = world.run([*(world.job(str(number)) for number in range(20)), world.job("good")])
    assert Counter(events(outcomes).values()) == {Event.EXPIRE: 20, Event.SUCCEED: 1}
    assert outcomes["good"].event == Event.SUCCEED


def test_a_deadline_that_has_passed_costs_no_evaluator() -> None:
    """A job that is late before it starts is answered, and never sent."""
    world = World()
    outcomes = world.run([world.job("a", left=0), world.job("b", left=-5)])
    assert events(outcomes) == {"a": Event.EXPIRE, "b": Event.EXPIRE}
    assert world.connections == 0


def test_an_urgent_job_does_not_cut_a_batch_short() -> None:
    """A batch runs for a least time, though one of its jobs has almost none left."""
    world = World(seconds=dict.fromkeys("abc", isolate.SLICE_SECONDS / 4))
    world.run([world.job("a"), world.job("b", left=0.001), world.job("c")])
    assert world.batches == [("a", "b", "c")]


def test_jobs_with_deaths_run_alone() -> None:
    """A job that died before is kept away from others from the start."""
    world = World()
    world.run([world.job("a", deaths=1), world.job("b"), world.job("c")])
    assert world.batches == [("b", "c"), ("a",)]


def test_big_jobs_are_split_into_batches() -> None:
    """No batch has more bytes or more jobs than it may, and none is left out."""
    world = World()
    jobs = [world.job(str(number), size=isolate.BATCH_BYTES // 3 + 1) for number in range(5)]
    assert len(world.run(jobs)) == 5
    assert list(map(len, world.batches)) == [2, 2, 1]
    world.batches.clear()
    assert len(world.run(world.job(str(number)) for number in range(frames.MAX_ENTRIES + 2))) == 4_098
    assert list(map(len, world.batches)) == [frames.MAX_ENTRIES, 2]


def test_a_running_job_that_is_cancelled_is_killed_and_its_batch_runs_again() -> None:
    """The cancelled job is CANCELLED, and the rest are a batch again, blamed for nothing."""
    world = World()
    isolator = Isolator(world.connect, lambda: world.now)
    world.on_start = lambda ids: "b" in ids and isolator.cancel("b")
    outcomes = collect(isolator.run([world.job(name) for name in "abc"]))
    assert events(outcomes) == {"a": Event.SUCCEED, "b": Event.CANCEL, "c": Event.SUCCEED}
    assert isinstance(error_of(outcomes["b"]), Cancelled)
    assert world.batches == [("a", "b", "c"), ("a", "c")]


def test_a_job_that_is_cancelled_while_its_evaluator_is_made_never_runs() -> None:
    """A cancellation finds a job also where there is no process to kill yet."""
    world = World()

    def connect() -> FakeEvaluator:
        assert isolator.cancel("b")
        return world.connect()

    isolator = Isolator(connect, lambda: world.now)
    outcomes = collect(isolator.run([world.job(name) for name in "abc"]))
    assert events(outcomes) == {"a": Event.SUCCEED, "b": Event.CANCEL, "c": Event.SUCCEED}
    assert world.batches == [("a", "c")]


def test_a_lone_job_that_is_cancelled_is_not_blamed() -> None:
    """A kill on behalf of a cancellation is no death of the job."""
    world = World(seconds={"a": FOREVER})
    isolator = Isolator(world.connect, lambda: world.now)
    world.on_start = lambda _: isolator.cancel("a")
    assert events(collect(isolator.run([world.job("a", deaths=1)]))) == {"a": Event.CANCEL}


def test_a_waiting_job_that_is_cancelled_never_runs() -> None:
    """To cancel a job that waits behind others does not disturb what runs."""
    world = World()
    isolator = Isolator(world.connect, lambda: world.now)
    world.on_start = lambda ids: "a" in ids and isolator.cancel("z")
    outcomes = collect(isolator.run([world.job("a"), world.job("b"), world.job("z", deaths=1)]))
    assert events(outcomes) == {"a": Event.SUCCEED, "b": Event.SUCCEED, "z": Event.CANCEL}
    assert world.batches == [("a", "b")]
    assert world.connections == 1


def test_a_job_that_was_cancelled_before_it_came_never_runs() -> None:
    """What is said to be cancelled at first is told so, and its neighbours run without it."""
    world = World()
    with Isolator(world.connect, lambda: world.now) as isolator:
        outcomes = collect(isolator.run([world.job(name) for name in "abc"], {"b", "of another run"}))
    assert events(outcomes) == {"a": Event.SUCCEED, "b": Event.CANCEL, "c": Event.SUCCEED}
    assert world.batches == [("a", "c")]


def test_jobs_that_try_their_owners_patience_are_given_up() -> None:
    """A batch that takes longer than it may has no outcomes, and nobody is run again to find out why."""
    world = World(seconds={"b": 3.0})
    begin = world.now
    with Isolator(world.connect, lambda: world.now) as isolator:
        assert list(isolator.run([world.job(name) for name in "abc"], patience=0.5)) == []
    assert world.batches == [("a", "b", "c")]
    assert world.now - begin == pytest.approx(0.5)


def test_a_lone_job_is_never_given_up() -> None:
    """With nobody beside it there is nothing to find out: it has the time until its deadline."""
    world = World(seconds={"a": 50.0})
    with Isolator(world.connect, lambda: world.now) as isolator:
        outcomes = collect(isolator.run([world.job("a")], patience=0.5))
    assert events(outcomes) == {"a": Event.SUCCEED}


def test_the_neighbours_of_a_crash_are_run_while_there_is_patience() -> None:
    """Quick ones have their outcomes although they had to run again, and what hangs is given up."""
    world = World(seconds={"c": FOREVER}, crashes={"b": -SIGSEGV})
    with Isolator(world.connect, lambda: world.now) as isolator:
        outcomes = collect(isolator.run([world.job(name) for name in "abc"], patience=0.5))
    assert events(outcomes) == {"a": Event.SUCCEED, "b": Event.LOSE}


def test_a_job_with_an_outcome_cannot_be_cancelled() -> None:
    """Cancellation is refused for unknown jobs, for finished ones, and between runs."""
    world = World()
    isolator = Isolator(world.connect, lambda: world.now)
    assert not isolator.cancel("a")
    groups = isolator.run([world.job("a"), world.job("b"), world.job("z", deaths=1)])
    next(groups)
    assert not isolator.cancel("a")
    assert not isolator.cancel("unknown")
    assert isolator.cancel("z")
    list(groups)
    assert not isolator.cancel("z")


def test_a_cancellation_that_comes_too_late_harms_nobody() -> None:
    """A job whose answer is on its way keeps it, and the next batch gets a living evaluator."""
    world = World()
    isolator = Isolator(world.connect, lambda: world.now)

    world.on_finish = lambda: isolator.cancel("a")
    assert events(collect(isolator.run([world.job("a"), world.job("b")]))) == dict.fromkeys(
        "ab", Event.SUCCEED
    )
    assert events(collect(isolator.run([world.job("c")]))) == {"c": Event.SUCCEED}


def test_cancelling_from_another_thread_reaches_the_evaluator() -> None:
    """A cancel from outside the running thread kills what runs."""
    world = World()
    isolator = Isolator(world.connect, lambda: world.now)

    def cancel_elsewhere(_: Sequence[str]) -> None:
        thread = threading.Thread(target=isolator.cancel, args=("a",))
        thread.start()
        thread.join()

    world.on_start = cancel_elsewhere
    assert events(collect(isolator.run([world.job("a")]))) == {"a": Event.CANCEL}


def test_without_evaluators_nothing_is_answered() -> None:
    """That no evaluator can be had is the caller's to know; no job is blamed."""

    def connect() -> FakeEvaluator:
        raise EvaluatorUnavailable("no template")

    world = World()
    isolator = Isolator(connect, lambda: world.now)
    with pytest.raises(EvaluatorUnavailable):
        list(isolator.run([world.job("a")]))
    assert not isolator.cancel("a")


@given(
    jobs=st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.01, 1.0, FOREVER]),
            st.sampled_from([None, -SIGSEGV]),
            st.floats(-1, 20),
            st.integers(0, 1),
        ),
        max_size=12,
    )
)
def test_every_job_has_one_outcome_and_its_own(
    jobs: list[tuple[float, int | None, float, int]],
) -> None:
    """Whatever the company: harmless jobs never die, crashing ones never succeed, and all end by the last deadline."""
    world = World()
    begin = world.now
    made = []
    for number, (seconds, exitcode, left, deaths) in enumerate(jobs):
        name = str(number)
        world.seconds[name] = seconds
        if exitcode is not None:
            world.crashes[name] = exitcode
        made.append(world.job(name, left=left, deaths=deaths))
    outcomes = events(world.run(made))
    assert outcomes.keys() == {job.id for job in made}
    for number, (seconds, exitcode, _, deaths) in enumerate(jobs):
        allowed = {Event.EXPIRE}
        if seconds != FOREVER:
            allowed.add(Event.SUCCEED if exitcode is None else (Event.FAIL if deaths else Event.LOSE))
        assert outcomes[str(number)] in allowed
    latest = max([left for _, _, left, _ in jobs], default=0)
    assert world.now - begin <= max(latest, 0) + isolate.SLICE_SECONDS + 0.1
