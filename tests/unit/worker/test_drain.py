from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tests.unit.evaluator.world import World
from tests.unit.worker.shelves import FakeShelves, submitted

from pullback.broker import Quarantine, TakenJob
from pullback.evaluator import Isolator
from pullback.worker.calling import ON_CALL_MS
from pullback.worker.drain import BLOCK_MS, Drain
from pullback.worker.hand import Hand
from pullback.worker.settings import WorkerSettings
from pullback.worker.shelf import ShelfWork
from pullback.worker.stopping import StopFlag

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

    from pullback.broker import FinishedJob, HeldJob

FAR_MS = 10**15


def waited(name: str) -> TakenJob:
    """Makes a job that somebody waits for."""
    return TakenJob(b"1-0", name, 1, FAR_MS, 0, b"", b"evaluation")


class FakeLane:
    """A lane with the takes that a test wants, after which it is empty."""

    def __init__(self, story: list[str], takes: Sequence[str], shelves: FakeShelves) -> None:
        self._story = story
        self._takes = deque(takes)
        self._shelves = shelves
        self.on_take: Callable[[int], None] = lambda _: None
        self.count = 0
        # Of each take, how long it waits for jobs, in ms.
        self.waits: list[int] = []

    @property
    def backlog(self) -> bool:
        """Whether there is something on the shelves."""
        return bool(self._shelves.waiting)

    def join(self) -> None:
        """Says so."""
        self._story.append("join")

    def take(self, _count: int, block_ms: int, finish: Sequence[FinishedJob] = ()) -> list[TakenJob]:
        """Gives the next take: a letter for each job."""
        self.waits.append(block_ms)
        self.finish(finish)
        self.count += 1
        self.on_take(self.count)
        names = self._takes.popleft() if self._takes else ""
        return [waited(name) for name in names]

    def finish(self, jobs: Sequence[FinishedJob]) -> int:
        """Says which."""
        self._story += [f"waited {job.job.job_id}" for job in jobs]
        return len(jobs)

    def leave(self, *, in_any_case: bool) -> str:
        """Says so; goes where nothing waits."""
        if not in_any_case and (self._takes or self.backlog):
            return "stay"
        self._story.append("leave")
        return "wake" if self._takes or self.backlog else "left"


class ToldShelves(FakeShelves):
    """Shelves that say what happens to them."""

    story: list[str]

    def finish(self, ended: Sequence[object], engine: str) -> int:
        """Says which."""
        self.story += [f"submitted {each.job.job_id}" for each in ended]  # type: ignore[attr-defined]  # an `Ended`
        return super().finish(ended, engine)  # type: ignore[arg-type]  # likewise

    def release(self) -> None:
        """Says so."""
        self.story.append("release")
        super().release()


class Scene:
    """A drain with all that it needs, and the story of what it did."""

    def __init__(self, takes: Sequence[str] = (), jobs: Sequence[HeldJob] = ()) -> None:
        self.story: list[str] = []
        self.world = World()
        self.shelves = ToldShelves()
        self.shelves.story = self.story
        self.shelves.waiting.extend(jobs)
        self.stop = StopFlag()
        self.lane = FakeLane(self.story, takes, self.shelves)
        self.hand = Hand(Isolator(self.world.connect, lambda: self.world.now), Quarantine())

    def run(self, *, lease_seconds: float = 60.0) -> bool:
        """Runs the drain to its end."""
        shelf = ShelfWork(
            self.shelves,  # type: ignore[arg-type]  # what is needed of shelves
            self.hand,
            most=1,
            engine=lambda: "engine",
            clock_offset_ms=lambda: 0,
            now=lambda: self.world.now,
        )
        settings = WorkerSettings(linger_seconds=0, lease_seconds=lease_seconds)
        drain = Drain(
            self.lane,  # type: ignore[arg-type]  # what is needed of a lane
            shelf,
            self.hand,
            settings,
            stop=self.stop,
            clock_offset_ms=lambda: 0,
        )
        return drain.run()


def test_what_is_waited_for_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A submitted job is taken when the lane is empty, and what comes to the lane meanwhile goes before the next."""
    monkeypatch.setattr(ShelfWork, "is_due", False)
    scene = Scene(["a", "b", "", "c"], [submitted("x"), submitted("y")])
    assert not scene.run()
    assert scene.story == [
        "join", "waited a", "waited b", "submitted x", "waited c", "submitted y", "leave",
    ]  # fmt: skip


def test_a_lane_that_is_never_empty_gives_way_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Submitted jobs go on beside any number of calls; a drain finishes what it has before it turns to them."""
    monkeypatch.setattr(ShelfWork, "is_due", True)
    scene = Scene(["a", "b"], [submitted("x"), submitted("y")])
    scene.run()
    assert scene.story == ["join", "waited a", "submitted x", "waited b", "submitted y", "leave"]


def test_a_drain_waits_at_its_lane_only_where_it_found_no_other_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at first, when it may have been woken for the shelves, nor between two turns at them."""
    monkeypatch.setattr(ShelfWork, "is_due", False)
    scene = Scene(["", "", "", "a"], [submitted("x"), submitted("y")])
    scene.run()
    assert scene.lane.waits == [0, 0, 0, BLOCK_MS, BLOCK_MS]


def test_a_drain_with_other_work_waits_a_moment_for_the_next_of_many_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After calls that followed one another it gives the next one the time to come."""
    monkeypatch.setattr(ShelfWork, "is_due", False)
    scene = Scene(["a", "", "b", "", "c"], [submitted(name) for name in "vwxyz"])
    scene.run()
    assert scene.lane.waits[:6] == [0, 0, 0, 0, 0, ON_CALL_MS]


def test_a_drain_that_must_go_takes_nothing_more() -> None:
    """Asked to stop, it finishes what somebody waits for, lets go of what it holds, and asks for another drain."""
    scene = Scene(["a"], [submitted("x")])
    scene.lane.on_take = lambda _: scene.stop.set()
    assert scene.run()
    assert scene.story == ["join", "waited a", "release", "leave"]
    assert [job.job_id for job in scene.shelves.waiting] == ["x"]


def test_a_drain_asks_after_each_look_what_redis_has_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a job that nobody works on is found though nothing waits on the shelves."""
    monkeypatch.setattr(ToldShelves, "compare", lambda self: self.story.append("compare"))
    scene = Scene(["a"])
    scene.run()
    assert scene.story == ["join", "compare", "waited a", "compare", "leave"]


def test_a_drain_whose_lease_is_over_leaves_the_rest_to_another() -> None:
    """Between two takes it makes way for the next drain, and holds nothing any more."""
    scene = Scene([], [submitted("x"), submitted("y")])
    assert scene.run(lease_seconds=1e-9)
    assert scene.story == ["join", "submitted x", "release", "leave"]


def test_an_interrupted_job_waits_again() -> None:
    """What runs when the worker stops is put back in its attempt, and is no more this drain's."""
    scene = Scene([], [submitted("x")])

    def stop(_: Sequence[str]) -> None:
        scene.stop.set()
        scene.hand.interrupt()

    scene.world.on_start = stop
    assert scene.run()
    assert scene.story == ["join", "release", "leave"]
    assert [(job.job_id, job.attempt) for job in scene.shelves.waiting] == [("x", 1)]
