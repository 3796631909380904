"""The drain's side of a lane: take many jobs at once, finish them, leave when there is nothing to do.

Strategy: a drain is a consumer of the lane's group under a name that is used once. What it took and did not finish
is in the group's pending list under that name; when the name is no longer among the lane's living drains, the
sweeper puts those entries back. So nothing here needs to be undone when the process dies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

from pullback.broker import scripts
from pullback.broker.jobs import TakenJob
from pullback.broker.tuning import (
    DRAIN_LIFE_MS,
    INLINE_OUTCOME_BYTES,
    RESULTS_KEPT,
    RESULTS_LIFE_MS,
    WAKE_LIFE_MS,
)
from pullback.contract.names import GROUP, drains_key, job_key, results_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis import Redis

    from pullback.broker.jobs import FinishedJob

# Jobs in one finish script: Lua's stack takes some 8,000 values in one call, and two go in for each job.
FINISH_AT_ONCE = 500


class LaneDrain:
    """One drain of one lane. Not safe for use by several threads."""

    def __init__(self, redis: Redis, lane: str, name: str) -> None:
        """Makes a drain.

        Args:
            redis: a client whose answers may take as long as `take` blocks.
            lane: the lane's key.
            name: a name that was never used before.
        """
        self._redis = redis
        self.lane = lane
        self.name = name
        self._finish = redis.register_script(scripts.source(scripts.FINISH))
        self._join = redis.register_script(scripts.source(scripts.JOIN))
        self._leave = redis.register_script(scripts.source(scripts.LEAVE))

    def join(self) -> None:
        """Counts this drain among the living, until its beats stop."""
        self._join(keys=[self.lane, drains_key(self.lane)], args=[GROUP, self.name, DRAIN_LIFE_MS])

    def take(self, count: int, block_ms: int) -> list[TakenJob]:
        """Takes up to `count` jobs; waits up to `block_ms` for the first."""
        try:
            reply: Any = self._redis.xreadgroup(
                GROUP, self.name, {self.lane: ">"}, count=count, block=block_ms
            )
        except ResponseError as error:
            # Redis came back without its data. The group is made again; there is nothing to read.
            if not str(error).startswith("NOGROUP"):
                raise
            self.join()
            return []
        return [
            _taken(entry, fields)
            for pages in (reply or {}).values()
            for page in pages
            for entry, fields in page
            if fields
        ]

    def payload(self, job: TakenJob) -> bytes | None:
        """Gives a job's serialised `Evaluation`; None where nobody waits for it any more."""
        if job.payload:
            return job.payload
        found: Any = self._redis.hget(job_key(job.job_id), "evaluation")
        return found or None

    def drop(self, jobs: Sequence[TakenJob]) -> None:
        """Takes jobs off the lane that nobody waits for any more."""
        entries = [job.entry for job in jobs]
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.xack(self.lane, GROUP, *entries)
        pipeline.xdel(self.lane, *entries)
        pipeline.execute()

    def finish(self, jobs: Sequence[FinishedJob]) -> int:
        """Writes outcomes and takes the jobs off the lane. Returns how many were still waited for."""
        written = 0
        for start in range(0, len(jobs), FINISH_AT_ONCE):
            some = jobs[start : start + FINISH_AT_ONCE]
            keys = [self.lane, *(job_key(done.job.job_id) for done in some)]
            arguments: list[Any] = [
                GROUP, results_key(""), INLINE_OUTCOME_BYTES, RESULTS_KEPT, RESULTS_LIFE_MS,
            ]  # fmt: skip
            for done in some:
                job = done.job
                arguments += (
                    job.job_id, job.entry, job.digest, done.state.value, done.outcome, int(not job.payload),
                )  # fmt: skip
            written += int(self._finish(keys=keys, args=arguments))
        return written

    def leave(self, *, in_any_case: bool) -> str:
        """Takes this drain off the lane.

        Returns:
            "left"; "stay" where work came in and the drain need not go; "wake" where it went and left work behind.
        """
        reply: Any = self._leave(
            keys=[self.lane, drains_key(self.lane)],
            args=[GROUP, self.name, "1" if in_any_case else "0", WAKE_LIFE_MS],
        )
        return str(reply.decode())


def _taken(entry: bytes, fields: dict[bytes, bytes]) -> TakenJob:
    return TakenJob(
        entry=entry,
        job_id=fields[b"job"].decode(),
        attempt=int(fields[b"attempt"]),
        deadline_ms=int(fields[b"deadline"]),
        accepted_ms=int(fields[b"accepted"]),
        digest=fields[b"digest"],
        payload=fields[b"evaluation"],
    )
