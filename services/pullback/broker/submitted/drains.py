"""The drain's side of submitted jobs.

Strategy: what a drain took is in a set under its name, and each record names its holder; when the drain is no longer
among the living, the upkeep puts those jobs back. So nothing here needs to be undone when the process dies.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from pullback.broker import scripts
from pullback.broker.pipe import Script
from pullback.broker.submitted.naming import CLASS_NUMBERS, KEYS, address, arguments
from pullback.broker.submitted.packing import held_job
from pullback.contract.errors import WorkerLost
from pullback.contract.lifecycle import State, after
from pullback.contract.status import to_status
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pullback.broker.blocking import Line
    from pullback.broker.submitted.held import Ended, HeldJob

# Jobs and bytes in one script: Redis does nothing else meanwhile.
JOBS_AT_ONCE = 250
BYTES_AT_ONCE = 4 * 2**20

# Longest name of a worker in a record, in characters: each may take four of 255 bytes.
_MOST_NAME = 63

# How settle.lua and put_back.lua have a job before its address.
_ENDED = Struct("<cQHd")
_PUT_BACK = Struct("<QH")


class ShelfDrain:
    """What one drain takes from its device's shelves. Not safe for use by several threads.

    It goes by the name of the lane's drain, `LaneDrain.name`, which has to be among the living.
    Every method may be called again after a connection broke under it.
    """

    def __init__(self, line: Line, device: str, drain: str, *, worker: str) -> None:
        """Makes a drain.

        Args:
            line: a connection.
            device: the device class.
            drain: the name of the drain.
            worker: the worker's name, as attempts are to have it.
        """
        self._line = line
        self._class = CLASS_NUMBERS[device]
        self._drain = drain
        self._worker = worker[:_MOST_NAME]
        self._held: dict[str, HeldJob] = {}
        # Whether jobs may have been taken whose names were lost on the way.
        self._unsure = False
        # The connection by which all that Redis has of this drain was last compared with what the drain knows.
        # It held nothing before its first.
        self._compared = max(line.connections, 1)
        self._take = Script(scripts.source(scripts.TAKE))
        self._settle = Script(scripts.source(scripts.SETTLE))
        self._put_back = Script(scripts.source(scripts.PUT_BACK))
        self._next_attempt = Script(scripts.source(scripts.NEXT_ATTEMPT))

    def take(self, count: int, engine: str) -> list[HeldJob]:
        """Takes up to `count` jobs; never blocks.

        Jobs with a stored result by the same engine are finished here, and not given.

        Args:
            count: how many are wanted.
            engine: the version of the engine.
        """
        self.compare()
        self._unsure = True
        count = min(count, JOBS_AT_ONCE)
        given = self._run(self._take, self._class, self._drain, self._worker, count, engine, BYTES_AT_ONCE)
        self._unsure = False
        jobs = [held_job(given[at], given[at + 1]) for at in range(0, len(given), 2)]
        self._held.update((job.place, job) for job in jobs)
        return jobs

    def compare(self) -> None:
        """Puts back what this drain is said to hold and does not know of. Does nothing while the connection lasts.

        A take whose answer was lost leaves such jobs behind. So does a Redis that lost the last that it was told: it
        has jobs as running that were finished, and nobody else would touch them while this drain lives.
        """
        if self._unsure or self._line.connections != self._compared:
            self._put_back_others(list(self._held.values()))
            self._unsure, self._compared = False, self._line.connections

    def finish(self, ended: Sequence[Ended], engine: str) -> int:
        """Writes what came of jobs. Returns how many this drain still held."""
        written = 0
        for batch in _batches(ended):
            own: list[Any] = [self._class, self._drain, engine]
            for job, event, outcome, seconds in batch:
                state = after(State.RUNNING, event)
                head = _ENDED.pack(state.value.encode(), job.sequence, job.attempt, seconds)
                own += (head + _address(job), outcome)
            written += int(self._run(self._settle, *own))
            self._forget([job for job, _, _, _ in batch])
        return written

    def put_back(self, jobs: Sequence[HeldJob], *, alone: bool = False) -> None:
        """Lets jobs wait again, each in its old place; the attempts do not count.

        Args:
            jobs: held jobs.
            alone: whether each is to be taken by itself next time.
        """
        for start in range(0, len(jobs), JOBS_AT_ONCE):
            some = jobs[start : start + JOBS_AT_ONCE]
            self._run(self._put_back, self._class, self._drain, int(alone), "these", *map(_packed, some))
            self._forget(some)

    def next_attempt(self, job: HeldJob) -> HeldJob | None:
        """Begins the next attempt at a job whose evaluator died.

        Returns:
            The job; None where it has had all its attempts, and has FAILED, or is not this drain's any more.
        """
        error = WorkerLost(
            f"the evaluation lost its worker or its evaluator in its last attempt, number {job.attempt}"
        )
        outcome = gradient_pb2.EvaluateOutcome(error=to_status(error)).SerializeToString()
        attempt = self._run(
            self._next_attempt, self._drain, self._worker, _address(job), job.sequence, job.attempt, outcome
        )
        if not attempt:
            self._forget([job])
            return None
        again = job._replace(attempt=int(attempt))
        self._held[job.place] = again
        return again

    def release(self) -> None:
        """Puts back all that is held, as `put_back` does."""
        self._put_back_others([])
        self._held = {}

    def _put_back_others(self, known: Sequence[HeldJob]) -> None:
        listed = [_packed(job) for job in known]
        while self._run(self._put_back, self._class, self._drain, 0, "others", *listed):
            pass

    def _forget(self, jobs: Sequence[HeldJob]) -> None:
        for job in jobs:
            # What is forgotten too early, a take whose answer was lost puts back: so not for an earlier attempt.
            held = self._held.get(job.place)
            if held and held.attempt == job.attempt:
                del self._held[job.place]

    def _run(self, script: Script, *own: Any) -> Any:
        return self._line.run(script, KEYS, arguments(then=own))


def _address(job: HeldJob) -> bytes:
    return address(job.tenant, job.job_id).encode()


def _packed(job: HeldJob) -> bytes:
    return _PUT_BACK.pack(job.sequence, job.attempt) + _address(job)


def _batches(ended: Sequence[Ended]) -> Iterator[list[Ended]]:
    batch: list[Ended] = []
    size = 0
    for each in ended:
        size += len(each.outcome)
        if batch and (len(batch) == JOBS_AT_ONCE or size > BYTES_AT_ONCE):
            yield batch
            batch, size = [], len(each.outcome)
        batch.append(each)
    if batch:
        yield batch
