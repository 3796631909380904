"""One prefork child of the worker: a slot that runs one drain at a time, each in evaluators of its own."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING
from uuid import uuid4

from pullback.broker import (
    HEART_PATIENCE_SECONDS,
    CrashCounter,
    LaneDrain,
    Line,
    Quarantine,
    ShelfDrain,
    Slot,
    connect,
    look_for_worker,
)
from pullback.evaluator import Evaluator, Isolator
from pullback.worker.beating import Heart, Ward
from pullback.worker.crashing import Crashes
from pullback.worker.drain import BLOCK_MS, Drain
from pullback.worker.hand import Hand
from pullback.worker.meters import NO_METERS
from pullback.worker.shelf import ShelfWork

if TYPE_CHECKING:
    from collections.abc import Callable

    from pullback.worker.meters import AbstractMeters
    from pullback.worker.settings import WorkerSettings
    from pullback.worker.stopping import StopFlag


# Objects allocated beyond those freed, after which young garbage is collected. A batch is some thousands.
COLLECT_AFTER = 50_000


class SlotProcess:
    """What a child holds between drains: its connections, its heart, and a warm evaluator."""

    def __init__(
        self,
        settings: WorkerSettings,
        template: bytes,
        engine: str,
        stop: StopFlag,
        meters: AbstractMeters = NO_METERS,
    ) -> None:
        """Prepares, in the main process, what `start` makes real in a child.

        Args:
            settings: the worker's settings.
            template: the address of the template that forks evaluators.
            engine: the version of their engine.
            stop: tells drains to come to an end.
            meters: count what children do.
        """
        self._meters = meters
        self._settings = settings
        self._template = template
        # That of the evaluator made last: a template that was started again may have another.
        self._engine = engine
        self._stop = stop

    def start(self, ready: Callable[[], None]) -> None:
        """Begins to show signs of life. Called once, after the fork.

        Args:
            ready: called from another thread when Redis knows the slot.
        """
        # What is loaded by now stays; jobs are short-lived, and need no collector to be freed.
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER)
        url = self._settings.redis_url
        name = f"{self._settings.worker_name}:{uuid4().hex}"
        self._line = Line(url, blocking_seconds=BLOCK_MS / 1000)
        self._isolator = Isolator(self._connect, isolation=self._settings.isolation)
        self._isolator.on_end = self._meters.evaluator_ended
        self._quarantine = Quarantine()
        life = self._settings.quarantine_seconds
        if life:
            self._isolator.on_crash = Crashes(CrashCounter(self._line, life), self._quarantine, life).crashed
        redis = connect(url, patience_seconds=HEART_PATIENCE_SECONDS)
        self._slot = Slot(redis, self._settings.device, name)
        look = look_for_worker(redis)
        self._heart = Heart(self._slot, self._stop, ready, lambda: self._quarantine.learn(look()))
        self._heart.start()

    def _connect(self) -> Evaluator:
        evaluator = Evaluator.connect(self._template)
        self._engine = evaluator.engine
        self._meters.evaluator_began()
        return evaluator

    def _clock_offset_ms(self) -> int:
        return self._heart.clock_offset_ms

    def drain(self, lane: str, wake: Callable[[str], None]) -> None:
        """Runs one drain on a lane.

        Args:
            lane: the lane's key.
            wake: sends a wake-up for a lane.
        """
        name = uuid4().hex
        settings = self._settings
        hand = Hand(self._isolator, self._quarantine, self._meters)
        shelf = ShelfWork(
            ShelfDrain(self._line, settings.device, name, worker=settings.worker_name),
            hand,
            most=settings.batch,
            engine=lambda: self._engine,
            clock_offset_ms=self._clock_offset_ms,
            meters=self._meters,
        )
        drain = Drain(
            LaneDrain(self._line, lane, name),
            shelf,
            hand,
            settings,
            stop=self._stop,
            clock_offset_ms=self._clock_offset_ms,
            meters=self._meters,
        )
        self._heart.attend(Ward(lane, name, hand.cancel, hand.interrupt))
        try:
            if drain.run():
                wake(lane)
        finally:
            self._heart.dismiss()

    def stop(self) -> None:
        """Retires the slot. Called once, when the worker shuts down."""
        self._heart.stop()
        self._slot.retire()
        self._isolator.close()
