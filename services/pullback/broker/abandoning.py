"""Gives up jobs whose callers went away, many in one script."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from pullback.broker import scripts
from pullback.contract.names import GROUP, cancels_key, evaluation_key, job_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio.client import Redis

log = logging.getLogger(__name__)


class Abandoner:
    """Gives up jobs on behalf of one gateway."""

    def __init__(self, redis: Redis, gateway: str) -> None:
        self._script = redis.register_script(scripts.source(scripts.ABANDON))
        self._gateway = gateway

    async def abandon(self, job_ids: Sequence[str]) -> None:
        """Stops jobs that nobody else waits for.

        Does its best: where Redis cannot be reached, the job runs on until its own deadline.
        """
        try:
            await self._script(
                keys=[key for job_id in job_ids for key in (job_key(job_id), evaluation_key(job_id))],
                args=[GROUP, self._gateway, cancels_key(""), *job_ids],
            )
        except (RedisError, OSError) as error:
            log.warning("%d abandoned jobs run on: %s", len(job_ids), type(error).__name__)
