from __future__ import annotations

import signal
import threading
from collections import Counter
from dataclasses import dataclass, field
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
from pullback.contract.status import from_status
from pullback.evaluator import (
    EvaluatorDied,
    EvaluatorTimedOut,
    EvaluatorUnavailable,
    Isolator,
    Job,
    Outcome,
    frames,
    isolate,
)
from pullback.evaluator.errors import EvaluatorRetired
from pullback.evaluator.exits import Exit
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

SIGSEGV, SIGKILL = 11, 9
FOREVER = 10.0**9


@dataclass
class World:
    """A clock, and what each job does to an evaluator: how long it takes, and with which exit code it ends it."""

    now: float = 1_000.0
    seconds: dict[str, float] = field(default_factory=dict)
    crashes: dict[str, int] = field(default_factory=dict)
    starves: set[str] = field(default_factory=set)
    retires: set[str] = field(default_factory=set)
    last_words: str = ""
    on_start: Callable[[Sequence[str]], object] = lambda _: None
    on_finish: Callable[[], object] = lambda: None
    batches: list[tuple[str, ...]] = field(default_factory=list)
    connections: int = 0

    def connect(self) -> FakeEvaluator:
        """Makes a new evaluator."""
        self.connections += 1
        return FakeEvaluator(self)

    def job(self, name: str, *, left: float = 60.0, deaths: int = 0, size: int = 0) -> Job:
        """A job with so many seconds left."""
        return Job(name, bytes(size), 0, round((self.now + left) * 1_000), deaths)

    def run(self, jobs: Iterable[Job]) -> dict[str, Outcome]:
        """Runs jobs to their ends, and gives the outcomes by job."""
        with Isolator(self.connect, lambda: self.now) as isolator:
            return collect(isolator.run(list(jobs)))


class FakeEvaluator:
    """Takes the world's time instead of computing."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.alive = True
        self.retired = False

    def evaluate(self, jobs: Sequence[Job], *, timeout: float | None = None) -> list[Outcome]:
        """Works job by job until the time is over, one crashes, or somebody kills."""
        assert self.alive
        assert timeout is not None
        ids = [job.id for job in jobs]
        if self.retired:
            self.alive = False
            raise EvaluatorRetired(Exit.RETIRED)
        self.world.batches.append(tuple(ids))
        self.world.on_start(ids)
        end = self.world.now + timeout
        for name in ids:
            self.world.now += self.world.seconds.get(name, 0.001)
            if not self.alive:
                raise EvaluatorDied(None)
            if self.world.now > end:
                self.world.now = end
                self.alive = False
                raise EvaluatorTimedOut
            if name in self.world.crashes:
                self.alive = False
                raise EvaluatorDied(self.world.crashes[name], self.world.last_words)
        self.world.on_finish()
        self.retired = not self.world.retires.isdisjoint(ids)
        hungry = self.world.starves if len(ids) > 1 else ()
        return [Outcome(name, Event.LOSE if name in hungry else Event.SUCCEED, b"") for name in ids]

    def kill(self) -> None:
        """Has the evaluator die at its next step."""
        self.alive = False

    def close(self) -> None:
        """Kills."""
        self.kill()


def collect(groups: Iterable[list[Outcome]]) -> dict[str, Outcome]:
    """Puts outcomes into a table, and sees to it that each job has one only."""
    outcomes = [outcome for group in groups for outcome in group]
    table = {outcome.job_id: outcome for outcome in outcomes}
    assert len(table) == len(outcomes)
    return table


def events(outcomes: dict[str, Outcome]) -> dict[str, Event]:
    """Gives the jobs' events."""
    return {name: outcome.event for name, outcome in outcomes.items()}


def error_of(outcome: Outcome) -> PullbackError | None:
    """Reads an outcome's error as a client would."""
    return from_status(gradient_pb2.EvaluateOutcome.FromString(outcome.message).error)


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


def test_a_job_that_starves_in_company_runs_alone() -> None:
    """What found no memory beside others gets the process to itself, and the others keep their answers."""
    world = World(starves={"b"})
    assert events(world.run(world.job(name) for name in "abc")) == dict.fromkeys("abc", Event.SUCCEED)
    assert world.batches == [("a", "b", "c"), ("b",)]


def test_jobs_that_meet_a_retired_evaluator_get_another() -> None:
    """The end of a process that had ended by itself is nobody's fault: its next jobs run once, elsewhere."""
    world = World(retires={"a"})
    with Isolator(world.connect, lambda: world.now) as isolator:
        for name in "ab":
            assert events(collect(isolator.run([world.job(name)]))) == {name: Event.SUCCEED}
    assert world.batches == [("a",), ("b",)]
    assert world.connections == 2


@pytest.mark.parametrize(
    ("exitcode", "last_words", "deaths", "expected"),
    [
        (-signal.SIGSEGV, "", 1, KernelFault),
        (-signal.SIGABRT, "free(): invalid pointer", 1, KernelFault),
        (
            -signal.SIGABRT,
            "terminate called after throwing an instance of 'std::bad_alloc'",
            1,
            LimitExceeded,
        ),
        (-signal.SIGKILL, "", 1, LimitExceeded),
        (Exit.OUT_OF_MEMORY, "", 1, LimitExceeded),
        (-signal.SIGXCPU, "", 0, DeadlineExceeded),
        (-signal.SIGSYS, "", 0, KernelFault),
        (Exit.FAILED, "", 1, WorkerLost),
        (None, "", 1, WorkerLost),
    ],
)
def test_each_death_has_its_error(
    exitcode: int | None, last_words: str, deaths: int, expected: type[PullbackError]
) -> None:
    """How an evaluator ended decides what its job is told."""
    world = World(crashes={"a": exitcode}, last_words=last_words)  # type: ignore[dict-item]
    outcome = world.run([world.job("a", deaths=deaths)])["a"]
    assert outcome.event is (Event.EXPIRE if expected is DeadlineExceeded else Event.FAIL)
    assert isinstance(error_of(outcome), expected)


def test_a_refused_call_raises_the_alarm(caplog: pytest.LogCaptureFixture) -> None:
    """A process that the filter ended is in the log, with the job that it ran."""
    world = World(crashes={"a": -signal.SIGSYS})
    world.run([world.job("a")])
    assert "ALARM" in caplog.text
    assert "job a" in caplog.text
