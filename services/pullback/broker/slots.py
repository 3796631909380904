"""A worker slot's sign of life, and what it hears in return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pullback.broker import scripts
from pullback.broker.tuning import DRAIN_LIFE_MS, SLOT_LIFE_MS
from pullback.contract.names import cancels_key, drains_key, nodes_key

if TYPE_CHECKING:
    from redis import Redis


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer to a beat: the clock of Redis in ms, and the jobs of the drain that were given up."""

    now_ms: int
    cancelled: tuple[str, ...]


class Slot:
    """One worker process that serves a device class."""

    def __init__(self, redis: Redis, device: str, name: str) -> None:
        self._redis = redis
        self._nodes = nodes_key(device)
        self._name = name
        self._beat = redis.register_script(scripts.source(scripts.BEAT))

    def beat(self, lane: str = "", drain: str = "", *, leaving: bool = False) -> Heard:
        """Keeps the slot, and the drain that it runs, among the living; a slot that is leaving takes no more work."""
        reply: Any = self._beat(
            keys=[self._nodes, drains_key(lane), cancels_key(drain)],
            args=[self._name, 0 if leaving else SLOT_LIFE_MS, drain, DRAIN_LIFE_MS],
        )
        return Heard(int(reply[0]), tuple(job.decode() for job in reply[1:]))

    def retire(self) -> None:
        """Says that the slot serves no more."""
        self._redis.zrem(self._nodes, self._name)
