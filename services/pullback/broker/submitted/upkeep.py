"""What time does to submitted jobs, and the death of drains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pullback.broker import scripts
from pullback.broker.submitted.naming import CLASS_NUMBERS, KEYS, arguments
from pullback.contract.errors import WorkerLost
from pullback.contract.status import to_status
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from redis.asyncio.client import Redis as AsyncRedis

# Jobs in one script, during which Redis does nothing else, and scripts in one run. Others get their turns in between.
JOBS_AT_ONCE = 200
SCRIPTS_AT_ONCE = 50


class Upkeep:
    """Puts back what dead drains held, and lets jobs come due, expire and end."""

    def __init__(self, redis: AsyncRedis) -> None:
        self._script = redis.register_script(scripts.source(scripts.UPKEEP))
        error = WorkerLost("the evaluation lost its worker or its evaluator in its last attempt")
        self._lost = gradient_pb2.EvaluateOutcome(error=to_status(error)).SerializeToString()

    async def run_once(self, device: str) -> bool:
        """Does what is due for one device class. Returns whether its lane must be woken.

        Raises:
            RedisError: Redis cannot be reached.
        """
        must_wake = False
        for _ in range(SCRIPTS_AT_ONCE):
            reply: Any = await self._script(
                keys=KEYS, args=arguments(CLASS_NUMBERS[device], JOBS_AT_ONCE, self._lost)
            )
            must_wake = must_wake or len(reply) > 1
            if reply[0] < JOBS_AT_ONCE:
                break
        return must_wake
