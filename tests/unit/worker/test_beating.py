from __future__ import annotations

import threading
from queue import Empty, Queue
from typing import TYPE_CHECKING

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from pullback.broker.tuning import BEAT_SECONDS, DRAIN_LIFE_MS, HEART_PATIENCE_SECONDS
from pullback.worker import beating
from pullback.worker.beating import Heart, Ward
from pullback.worker.stopping import StopFlag

if TYPE_CHECKING:
    from collections.abc import Iterator

# Longer than a test may take: what happens in it did not wait for a beat.
LONG_SECONDS = 3_600.0


class FakeSlot:
    """A slot whose cancellations a test gives, and whose beats it counts."""

    def __init__(self) -> None:
        self.beats: Queue[tuple[str, str]] = Queue()
        self.waits: Queue[str] = Queue()
        self.places: dict[str, Queue[str]] = {"one": Queue(), "two": Queue()}
        self.away = threading.Event()
        self.is_leaving = False

    def beat(self, lane: str = "", drain: str = "", *, leaving: bool = False) -> int:
        """Counts a beat."""
        assert leaving == self.is_leaving
        if self.away.is_set():
            self.beats.put(("away", ""))
            raise RedisConnectionError
        self.beats.put((lane, drain))
        return 0

    def cancelled(self, drain: str, seconds: float) -> list[str]:
        """Waits as Redis does."""
        self.waits.put(drain)
        try:
            place = self.places[drain].get(timeout=seconds)
        except Empty:
            return []
        return [place] if place else []

    def rouse(self, drain: str) -> None:
        """Ends a wait with nothing."""
        self.places[drain].put("")


def never() -> None:
    """Is not to be called, for nothing stops."""
    raise AssertionError


@pytest.fixture
def slot() -> FakeSlot:
    """A slot."""
    return FakeSlot()


@pytest.fixture
def heart(slot: FakeSlot) -> Iterator[Heart]:
    """A heart that beats for the slot; stopped in the end, which takes no beat's time."""
    each = Heart(slot, StopFlag(), lambda: None, lambda: None)  # type: ignore[arg-type]  # what is needed of a slot
    yield each
    each.stop()


@pytest.fixture
def rare_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beats so far apart that nothing in a test can come from one."""
    monkeypatch.setattr(beating, "BEAT_SECONDS", LONG_SECONDS)


@pytest.mark.usefixtures("rare_beats")
def test_a_job_that_is_to_stop_is_stopped_between_two_beats(heart: Heart, slot: FakeSlot) -> None:
    """The heart waits for jobs to stop, and not for its next beat."""
    stopped: Queue[str] = Queue()
    heart.start()
    heart.attend(Ward("lane", "one", stopped.put, never))
    assert slot.waits.get() == "one"
    slot.places["one"].put("1-0/a")
    assert stopped.get() == "1-0/a"
    slot.places["one"].put("1-0/b")
    assert stopped.get() == "1-0/b"
    assert slot.beats.qsize() == 1


@pytest.mark.usefixtures("rare_beats")
def test_the_next_drain_is_listened_for_at_once(heart: Heart, slot: FakeSlot) -> None:
    """A heart that waits for jobs of one drain turns to the next as soon as that is there."""
    stopped: Queue[str] = Queue()
    heart.start()
    heart.attend(Ward("lane", "one", stopped.put, never))
    assert slot.waits.get() == "one"
    heart.dismiss()
    heart.attend(Ward("lane", "two", stopped.put, never))
    while slot.waits.get() != "two":
        pass
    slot.places["two"].put("2-0/a")
    assert stopped.get() == "2-0/a"


@pytest.mark.usefixtures("rare_beats")
def test_a_drain_is_told_that_its_worker_stops(slot: FakeSlot) -> None:
    """Once the worker leaves, what can be done another time is interrupted at the next beat."""
    leaving = StopFlag()
    leaving.set()
    told = threading.Event()
    slot.is_leaving = True
    heart = Heart(slot, leaving, lambda: None, lambda: None)  # type: ignore[arg-type]  # what is needed of a slot
    heart.attend(Ward("lane", "one", lambda _: None, told.set))
    heart.start()
    told.wait()
    heart.stop()
    assert slot.beats.get() == ("lane", "one")


def test_beats_go_on_while_it_listens(heart: Heart, slot: FakeSlot, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain without anything to stop is beaten for again and again."""
    monkeypatch.setattr(beating, "BEAT_SECONDS", 0.05)
    heart.attend(Ward("lane", "one", lambda _: None, never))
    heart.start()
    assert [slot.beats.get() for _ in range(3)] == [("lane", "one")] * 3


def test_it_beats_again_when_redis_is_back(
    heart: Heart, slot: FakeSlot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beats that fail are followed by others."""
    monkeypatch.setattr(beating, "BEAT_SECONDS", 0.05)
    slot.away.set()
    heart.attend(Ward("lane", "one", lambda _: None, never))
    heart.start()
    assert [slot.beats.get() for _ in range(2)] == [("away", "")] * 2
    slot.away.clear()
    while slot.beats.get() != ("lane", "one"):
        pass


def test_a_heart_that_listens_in_vain_beats_again_in_time() -> None:
    """Where Redis' clock is set back, listening ends by the connection's patience alone, and the drain lives on."""
    assert BEAT_SECONDS < HEART_PATIENCE_SECONDS < DRAIN_LIFE_MS / 1000
