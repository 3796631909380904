"""The drain's side of a lane: take many jobs at once, finish them, leave when there is nothing to do.

Strategy: a drain is a consumer of the lane's group under a name that is used once. What it took and did not finish
is in the group's pending list under that name; when the name is no longer among the lane's living drains, the
sweeper puts those entries back. So nothing here needs to be undone when the process dies.

An entry holds several jobs. It is taken whole, and taken off the lane with the last of its jobs. An entry without jobs
says that submitted ones wait on the shelves; a drain looks there when it has no waited ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError, ResponseError

from pullback.broker import scripts
from pullback.broker.jobs import taken_jobs
from pullback.broker.pipe import Script
from pullback.broker.tuning import DRAIN_LIFE_MS, ENTRY_JOBS, INLINE_OUTCOME_BYTES, WAKE_LIFE_MS
from pullback.contract.lifecycle import State
from pullback.contract.names import (
    GROUP,
    device_of,
    drains_key,
    evaluation_key,
    given_up_key,
    job_key,
    results_key,
    shares_key,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pullback.broker.blocking import Line
    from pullback.broker.jobs import FinishedJob, TakenJob

# Jobs in one finish script, during which Redis does nothing else. Lua's stack takes some 8,000 values in one call.
FINISH_AT_ONCE = 500

# Entries taken at once: their jobs are 1,024 at most.
ENTRIES_AT_ONCE = 64

# States that are true of one entry only.
_PASSING = frozenset({State.CANCELLED, State.EXPIRED})


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
        #: Whether submitted jobs waited for a drain of this device at the last take.
        self.backlog = False
        self._shares = shares_key(device_of(lane))
        self._jobs_per_entry = float(ENTRY_JOBS)
        # Jobs of each entry that are not finished, by id.
        self._open: dict[bytes, set[str]] = {}
        self._given_up = given_up_key(lane)
        self._finish = Script(scripts.source(scripts.FINISH))
        self._join = Script(scripts.source(scripts.JOIN))
        self._leave = Script(scripts.source(scripts.LEAVE))
        self._share = Script(scripts.source(scripts.SHARE))

    def join(self) -> None:
        """Counts this drain among the living, until its beats stop."""
        self._redis.run(self._join, [self.lane, drains_key(self.lane)], [GROUP, self.name, DRAIN_LIFE_MS])

    def take(self, count: int, block_ms: int, finish: Sequence[FinishedJob] = ()) -> list[TakenJob]:
        """Takes about `count` jobs; waits up to `block_ms` for the first, and notes the `backlog`.

        They come in entries, so they may be some more or fewer; where few are wanted, they are not more.

        After a take that failed, the jobs whose names may have been lost on the way are given first. Everything that
        was taken before must be finished by then.

        Args:
            count: how many are wanted.
            block_ms: how long to wait; 0 for not at all.
            finish: jobs to finish before, on the same way to Redis.
        """
        if self._unsure:
            self.finish(finish)
            finish = ()
            lost = self._read(count, block_ms, "0", ())
            self._unsure = False
            if lost:
                return lost
        if len(finish) > FINISH_AT_ONCE:
            self.finish(finish[:-FINISH_AT_ONCE])
            finish = finish[-FINISH_AT_ONCE:]
        self._unsure = True
        taken = self._read(count, block_ms, ">", finish)
        self._unsure = False
        return taken

    def _read(self, count: int, block_ms: int, after: str, finish: Sequence[FinishedJob]) -> list[TakenJob]:
        entries = max(1, min(round(count / self._jobs_per_entry), ENTRIES_AT_ONCE))
        block = ("BLOCK", block_ms) if block_ms else ()
        commands: list[tuple[Any, ...]] = [
            (
                "XREADGROUP", "GROUP", GROUP, self.name, "COUNT", entries, *block,
                "STREAMS", self.lane, after,
            ),
            ("EXISTS", self._given_up),
            ("EXISTS", self._shares),
        ]  # fmt: skip
        ending = self._ending(finish) if finish else None
        if ending:
            commands.insert(0, ("EVALSHA", self._finish.digest, *ending))
        *finished, reply, given_up, backlog = self._redis.calls(*commands)
        if ending:
            self._check_finished(finished[0], ending)
            self._settle(finish)
        if isinstance(reply, ResponseError) and str(reply).startswith("NOGROUP"):
            # Redis came back without its data. The group is made again; there is nothing to read.
            self.join()
            return []
        if isinstance(reply, Exception):
            raise reply
        self.backlog = backlog == 1
        entries_read = [entry for _, found in reply or () for entry in found]
        taken = [taken_jobs(entry, fields) for entry, fields in entries_read if fields]
        if not all(taken):
            self._let_go_of_empty(entries_read)
            taken = [jobs for jobs in taken if jobs]
        return self._keep(taken, count, look=given_up != 0)

    def _let_go_of_empty(self, entries: Sequence[Any]) -> None:
        """Takes the entries without jobs off the lane, which have done what they are for."""
        empty = [entry for entry, fields in entries if fields and not taken_jobs(entry, fields)]
        self._redis.run(self._finish, [self.lane], _head(empty))

    def _check_finished(self, reply: Any, ending: list[Any]) -> None:
        if isinstance(reply, NoScriptError):
            self._redis.call("EVAL", self._finish.source, *ending)
        elif isinstance(reply, Exception):
            raise reply

    def _keep(self, taken: list[list[TakenJob]], count: int, *, look: bool) -> list[TakenJob]:
        """Notes what was taken, and gives those jobs of it that this drain is to work on."""
        if not taken:
            return []
        mean = sum(map(len, taken)) / len(taken)
        # Up at once and down slowly: to take too few costs a little, and too many keeps them from others.
        self._jobs_per_entry = max(mean, 0.75 * self._jobs_per_entry + 0.25 * mean)
        if count < ENTRY_JOBS:
            taken = self._share_beyond(count, taken)
        if look:
            taken = self._without_given_up(taken)
        for jobs in taken:
            self._open[jobs[0].entry] = {job.job_id for job in jobs}
        return [job for jobs in taken for job in jobs]

    def _share_beyond(self, count: int, taken: list[list[TakenJob]]) -> list[list[TakenJob]]:
        """Puts back what is more than `count` jobs."""
        kept = []
        for jobs in taken:
            if len(jobs) > count:
                self._redis.run(self._share, [self.lane], [GROUP, job_key(""), jobs[0].entry, count])
            if count:
                kept.append(jobs[:count])
            count -= min(count, len(jobs))
        return kept

    def _without_given_up(self, taken: list[list[TakenJob]]) -> list[list[TakenJob]]:
        """Leaves out the jobs that were given up while they shared an entry, and entries of which none is left."""
        places = [job.place for jobs in taken for job in jobs]
        if not places:
            return taken
        is_given_up = self._redis.call("SMISMEMBER", self._given_up, *places)
        given_up = {place for place, is_one in zip(places, is_given_up, strict=True) if is_one}
        if not given_up:
            return taken
        wanted = [[job for job in jobs if job.place not in given_up] for jobs in taken]
        ended = [jobs[0].entry for jobs, left in zip(taken, wanted, strict=True) if not left]
        if ended:
            self._redis.run(self._finish, [self.lane], _head(ended))
        # Last: a drain that is killed before leaves entries whose jobs have no record, and so they are swept away.
        self._redis.call("SREM", self._given_up, *given_up)
        return [jobs for jobs in wanted if jobs]

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
            count, *rest = self._ending(some)
            written += int(self._redis.run(self._finish, rest[:count], rest[count:]))
            self._settle(some)
        return written

    def _ending(self, jobs: Sequence[FinishedJob]) -> list[Any]:
        """Gives the number of keys, the keys and the arguments of finish.lua."""
        left: dict[bytes, set[str]] = {}
        keys = [self.lane]
        arguments: list[Any] = []
        for job, state, outcome in jobs:
            job_id, entry = job.job_id, job.entry
            if entry not in left:
                left[entry] = set(self._open.get(entry, ()))
            left[entry].discard(job_id)
            keys.append(job_key(job_id))
            arguments += (outcome, state.value.encode() + job.digest + _more(job, state))
        ended = [entry for entry, open_jobs in left.items() if not open_jobs]
        return [len(keys), *keys, *_head(ended), *arguments]

    def _settle(self, jobs: Sequence[FinishedJob]) -> None:
        for job, _, _ in jobs:
            open_jobs = self._open.get(job.entry)
            if open_jobs is not None:
                open_jobs.discard(job.job_id)
                if not open_jobs:
                    del self._open[job.entry]

    def leave(self, *, in_any_case: bool) -> str:
        """Takes this drain off the lane.

        Returns:
            "left"; "stay" where work came in and the drain need not go; "wake" where it went and left work behind.
        """
        reply = self._redis.run(
            self._leave,
            [self.lane, drains_key(self.lane), self._shares],
            [GROUP, self.name, "1" if in_any_case else "0", WAKE_LIFE_MS],
        )
        return str(reply.decode())


def _head(ended: list[bytes]) -> list[Any]:
    """Gives the arguments of finish.lua that come before those of its jobs."""
    prefixes = (results_key(""), evaluation_key(""))
    return [GROUP, *prefixes, INLINE_OUTCOME_BYTES, len(job_key("")), len(ended), *ended]


def _more(job: TakenJob, state: State) -> bytes:
    """Gives what finish.lua wants to know beside state and digest."""
    if state in _PASSING:
        return job.entry
    return b"" if job.payload else b"L"
