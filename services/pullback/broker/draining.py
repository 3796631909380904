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
from pullback.broker.pipe import Script
from pullback.broker.tuning import DRAIN_LIFE_MS, INLINE_OUTCOME_BYTES, WAKE_LIFE_MS
from pullback.contract.names import GROUP, drains_key, evaluation_key, job_key, results_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pullback.broker.blocking import Line
    from pullback.broker.jobs import FinishedJob

# Jobs in one finish script: Lua's stack takes some 8,000 values in one call, and two go in for each job.
FINISH_AT_ONCE = 500


class LaneDrain:
    """One drain of one lane. Not safe for use by several threads."""

    def __init__(self, redis: Line, lane: str, name: str) -> None:
        """Makes a drain.

        Args:
            redis: a connection whose answers may take as long as `take` blocks.
            lane: the lane's key.
            name: a name that was never used before.
        """
        self._redis = redis
        self.lane = lane
        self.name = name
        self._unsure = False
        self._finish = Script(scripts.source(scripts.FINISH))
        self._join = Script(scripts.source(scripts.JOIN))
        self._leave = Script(scripts.source(scripts.LEAVE))

    def join(self) -> None:
        """Counts this drain among the living, until its beats stop."""
        self._redis.run(self._join, [self.lane, drains_key(self.lane)], [GROUP, self.name, DRAIN_LIFE_MS])

    def take(self, count: int, block_ms: int) -> list[TakenJob]:
        """Takes up to `count` jobs; waits up to `block_ms` for the first.

        After a take that failed, the jobs whose names may have been lost on the way are given first. Everything that
        was taken before must be finished by then.
        """
        if self._unsure:
            lost = self._read(count, block_ms, "0")
            self._unsure = False
            if lost:
                return lost
        self._unsure = True
        taken = self._read(count, block_ms, ">")
        self._unsure = False
        return taken

    def _read(self, count: int, block_ms: int, after: str) -> list[TakenJob]:
        try:
            reply = self._redis.call(
                "XREADGROUP",
                "GROUP",
                GROUP,
                self.name,
                "COUNT",
                count,
                "BLOCK",
                block_ms,
                "STREAMS",
                self.lane,
                after,
            )
        except ResponseError as error:
            # Redis came back without its data. The group is made again; there is nothing to read.
            if not str(error).startswith("NOGROUP"):
                raise
            self.join()
            return []
        return [_taken(entry, fields) for _, entries in reply or () for entry, fields in entries if fields]

    def payload(self, job: TakenJob) -> bytes | None:
        """Gives a job's serialised `Evaluation`; None where nobody waits for it any more."""
        if job.payload:
            return job.payload
        found: bytes | None = self._redis.call("GET", evaluation_key(job.job_id))
        return found or None

    def finish(self, jobs: Sequence[FinishedJob]) -> int:
        """Writes outcomes and takes the jobs off the lane. Returns how many were still waited for."""
        written = 0
        for start in range(0, len(jobs), FINISH_AT_ONCE):
            some = jobs[start : start + FINISH_AT_ONCE]
            keys = [self.lane]
            arguments: list[Any] = [GROUP, results_key(""), INLINE_OUTCOME_BYTES]
            for done in some:
                job = done.job
                keys += (job_key(job.job_id), evaluation_key(job.job_id))
                arguments += (
                    job.job_id, job.entry, job.digest, done.state.value, done.outcome, int(not job.payload),
                )  # fmt: skip
            written += int(self._redis.run(self._finish, keys, arguments))
        return written

    def leave(self, *, in_any_case: bool) -> str:
        """Takes this drain off the lane.

        Returns:
            "left"; "stay" where work came in and the drain need not go; "wake" where it went and left work behind.
        """
        reply = self._redis.run(
            self._leave,
            [self.lane, drains_key(self.lane)],
            [GROUP, self.name, "1" if in_any_case else "0", WAKE_LIFE_MS],
        )
        return str(reply.decode())


def _taken(entry: bytes, fields: list[bytes]) -> TakenJob:
    # The order in which accept.lua and sweep.lua write them.
    _, job_id, _, attempt, _, deadline, _, accepted, _, digest, _, evaluation = fields
    return TakenJob(entry, job_id.decode(), int(attempt), int(deadline), int(accepted), digest, evaluation)
