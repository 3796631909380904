from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st
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

from pullback.contract.errors import (
    DeadlineExceeded,
    KernelFault,
    LimitExceeded,
    PullbackError,
    WorkerLost,
)
from pullback.contract.lifecycle import Event
from pullback.evaluator import (
    Isolation,
    Isolator,
    Job,
)
from pullback.evaluator.exits import Exit
from pullback.evaluator.supply import TENANTS_KEPT


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


@pytest.mark.parametrize(
    ("exitcode", "most_deaths", "event"),
    [
        (None, 5, Event.LOSE),
        (-signal.SIGKILL, 5, Event.LOSE),
        (-signal.SIGSEGV, 5, Event.FAIL),
        (None, 2, Event.FAIL),
    ],
)
def test_a_jobs_owner_says_how_often_it_is_tried(
    exitcode: int | None, most_deaths: int, event: Event
) -> None:
    """After its second death a job has more tries where it may have them, but not if it makes native code crash."""
    world = World(crashes={"a": exitcode})  # type: ignore[dict-item]
    job = world.job("a", deaths=1)._replace(most_deaths=most_deaths)
    assert world.run([job])["a"].event is event


def test_a_job_that_may_be_tried_once_fails_at_its_first_death() -> None:
    """It is told why, and not that it may be tried again."""
    world = World(crashes={"a": -SIGSEGV})
    outcome = world.run([world.job("a")._replace(most_deaths=1)])["a"]
    assert outcome.event is Event.FAIL
    assert isinstance(error_of(outcome), KernelFault)


def test_a_refused_call_raises_the_alarm(caplog: pytest.LogCaptureFixture) -> None:
    """A process that the filter ended is in the log, with the job that it ran."""
    world = World(crashes={"a": -signal.SIGSYS})
    world.run([world.job("a")])
    assert "ALARM" in caplog.text
    assert "job a" in caplog.text


@pytest.mark.parametrize(
    ("isolation", "most"), [(Isolation.CHILD, 2), (Isolation.TENANT, 1), (Isolation.JOB, 1)]
)
@given(tenants=st.lists(st.sampled_from([b"a", b"b"]), min_size=1, max_size=12))
def test_an_evaluator_is_shared_by_no_more_than_is_set(
    isolation: Isolation, most: int, tenants: list[bytes]
) -> None:
    """Whatever order the jobs of two tenants come in, an evaluator sees one tenant only, or one job only."""
    world = World()
    with Isolator(world.connect, lambda: world.now, isolation=isolation) as isolator:
        for _ in range(2):
            jobs = [world.job(str(number), tenant=tenant) for number, tenant in enumerate(tenants)]
            assert set(events(collect(isolator.run(jobs))).values()) == {Event.SUCCEED}
    by_evaluator: dict[int, list[bytes]] = {}
    for number, tenant in world.served:
        by_evaluator.setdefault(number, []).append(tenant)
    assert all(len(set(seen)) <= most for seen in by_evaluator.values())
    expected = {
        Isolation.CHILD: 1,
        Isolation.TENANT: len(set(tenants)),
        Isolation.JOB: 2 * len(tenants),
    }
    assert len(by_evaluator) == expected[isolation]


def test_evaluators_of_tenants_are_bounded() -> None:
    """Of many tenants the ones served last keep their evaluators, and the others' end."""
    world = World()
    made: list[FakeEvaluator] = []

    def connect() -> FakeEvaluator:
        made.append(world.connect())
        return made[-1]

    with Isolator(connect, lambda: world.now, isolation=Isolation.TENANT) as isolator:
        for number in range(2 * TENANTS_KEPT):
            collect(isolator.run([world.job("x", tenant=bytes([number]))]))
        assert [each.alive for each in made] == [False] * TENANTS_KEPT + [True] * TENANTS_KEPT
    assert not any(each.alive for each in made)


def test_crashes_are_told_as_they_happen() -> None:
    """A crash counts as one and an attack as two; want of memory, a hang and an unknown end are no crashes."""
    world = World(
        crashes={"crash": -SIGSEGV, "attack": -signal.SIGSYS, "hungry": -SIGKILL, "lost": 1},
        seconds={"hangs": FOREVER},
    )
    told: list[tuple[str, int]] = []

    def tell(job: Job, weight: int) -> bool:
        told.append((job.id, weight))
        return False

    with Isolator(world.connect, lambda: world.now) as isolator:
        isolator.on_crash = tell
        jobs = [world.job(name) for name in ("good", "crash", "attack", "hungry", "lost")]
        outcomes = collect(isolator.run([*jobs, world.job("hangs", left=2.0)]))
    assert sorted(told) == [("attack", 2), ("crash", 1)]
    assert outcomes["crash"].event is Event.LOSE
    assert outcomes["good"].event is Event.SUCCEED


def test_a_job_whose_program_is_refused_by_now_has_no_second_try() -> None:
    """Where a crash was one too many for its program, the job fails at once."""
    world = World(crashes={"a": -SIGSEGV})
    with Isolator(world.connect, lambda: world.now) as isolator:
        isolator.on_crash = lambda _job, _weight: True
        outcome = collect(isolator.run([world.job("a")]))["a"]
    assert outcome.event is Event.FAIL
    assert isinstance(error_of(outcome), KernelFault)


def test_the_most_urgent_job_is_tried_first() -> None:
    """When a batch is taken apart, a job that hangs and has time is behind its neighbours with little."""
    world = World(seconds={"hangs": FOREVER})
    names = ["hangs", "a", "b"]
    jobs = [world.job(name, left=60.0 if name == "hangs" else 0.6) for name in names]
    outcomes = world.run(jobs)
    assert events(outcomes) == {"hangs": Event.EXPIRE, "a": Event.SUCCEED, "b": Event.SUCCEED}
    assert world.batches[:3] == [("hangs", "a", "b"), ("a",), ("b",)]
