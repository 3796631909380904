"""A worker slot's sign of life, and what it hears in return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pullback.broker import scripts
from pullback.broker.tuning import DRAIN_LIFE_MS, SLOT_LIFE_MS
from pullback.contract.names import cancels_key, drains_key, nodes_key

if TYPE_CHECKING:
    from redis import Redis

# Most jobs to hear of at once.
CANCELS_AT_ONCE = 1_000

# What a rouse leaves on the list where nobody waits is gone after so long, in ms.
ROUSE_LIFE_MS = 5_000

# Stands among the places for no job: none is empty.
_NOTHING = b""


class Slot:
    """One worker process that serves a device class."""

    def __init__(self, redis: Redis, device: str, name: str) -> None:
        self._redis = redis
        self._nodes = nodes_key(device)
        self._name = name
        self._beat = redis.register_script(scripts.source(scripts.BEAT))

    def beat(self, lane: str = "", drain: str = "", *, leaving: bool = False) -> int:
        """Keeps the slot, and the drain that it runs, among the living; a slot that is leaving takes no more work.

        Returns:
            The clock of Redis, in ms.
        """
        reply: Any = self._beat(
            keys=[self._nodes, drains_key(lane)],
            args=[self._name, 0 if leaving else SLOT_LIFE_MS, drain, DRAIN_LIFE_MS],
        )
        return int(reply)

    def cancelled(self, drain: str, seconds: float) -> list[str]:
        """Waits until jobs are cancelled that a drain holds, and gives their places, each once.

        Args:
            drain: the drain's name.
            seconds: how long to wait, more than 0 and less than a connection's patience. Nothing is given after that.
        """
        reply: Any = self._redis.blmpop(
            seconds, 1, cancels_key(drain), direction="LEFT", count=CANCELS_AT_ONCE
        )
        return [job.decode() for job in reply[1] if job != _NOTHING] if reply else []

    def rouse(self, drain: str) -> None:
        """Ends the wait of another thread for jobs of a drain that are cancelled, if there is one."""
        key = cancels_key(drain)
        pipe = self._redis.pipeline(transaction=False)
        pipe.rpush(key, _NOTHING)
        pipe.pexpire(key, ROUSE_LIFE_MS)
        pipe.execute()

    def retire(self) -> None:
        """Says that the slot serves no more."""
        self._redis.zrem(self._nodes, self._name)
