"""Finds jobs whose drain died and lanes that nobody reads, and has the upkeep of submitted jobs done."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from pullback.broker import scripts
from pullback.broker.submitted import Upkeep
from pullback.broker.tuning import (
    DRAIN_LIFE_MS,
    MOST_ATTEMPTS,
    SLOT_LIFE_MS,
    SWEEP_SECONDS,
    SWEEPER_LOCK_MS,
    WAKE_LIFE_MS,
)
from pullback.contract.errors import WorkerLost
from pullback.contract.names import (
    DEVICE_CLASSES,
    GROUP,
    SWEEPER_LOCK,
    drains_key,
    evaluation_key,
    holders_key,
    job_key,
    lane_key,
    nodes_key,
    results_key,
    shares_key,
    swept_key,
)
from pullback.contract.status import to_status
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio.client import Redis

log = logging.getLogger(__name__)


class Sweeper:
    """Sweeps all lanes once a second, while its gateway holds the lock."""

    def __init__(self, redis: Redis, gateway: str, wake: Callable[[str], None]) -> None:
        self._script = redis.register_script(scripts.source(scripts.SWEEP))
        self._upkeep = Upkeep(redis)
        self._gateway = gateway
        self._wake = wake
        error = WorkerLost(f"the evaluation lost its worker {MOST_ATTEMPTS} times")
        self._lost = gradient_pb2.EvaluateOutcome(error=to_status(error)).SerializeToString()

    async def run(self) -> None:
        """Sweeps until cancelled."""
        while True:
            try:
                for device in DEVICE_CLASSES.values():
                    await self.sweep(device)
            except (RedisError, OSError) as error:
                log.warning("not swept: %s", type(error).__name__)
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self, device: str) -> int:
        """Sweeps the lane of one device class, and does what is due for its submitted jobs.

        Returns:
            How many jobs of the lane were put back or failed; -1 where another gateway holds the lock.
        """
        lane = lane_key(device)
        swept, must_wake = await self._script(
            keys=[
                lane, drains_key(lane), nodes_key(device), SWEEPER_LOCK, holders_key(device), shares_key(device),
                swept_key(device),
            ],
            args=[
                GROUP, job_key(""), evaluation_key(""), results_key(""), MOST_ATTEMPTS, self._lost,
                WAKE_LIFE_MS, SWEEPER_LOCK_MS, self._gateway, DRAIN_LIFE_MS, SLOT_LIFE_MS,
            ],
        )  # fmt: skip
        if swept > 0:
            log.warning("%s: %d jobs of dead drains were swept", lane, swept)
        if swept >= 0 and await self._upkeep.run_once(device):
            must_wake = 1
        if must_wake:
            self._wake(lane)
        return int(swept)
