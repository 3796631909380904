"""The gateway's side of submitted jobs: creates, reads and ends them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, RedisError

from pullback.broker import scripts
from pullback.broker.pipe import Script
from pullback.broker.submitted.events import end_of_events, events
from pullback.broker.submitted.naming import KEYS, address, arguments
from pullback.broker.submitted.packing import packed_submission
from pullback.broker.submitted.reading import read, read_page, size_commands
from pullback.broker.submitted.records import Created
from pullback.contract.errors import JobIdReused, Overloaded, QueueUnavailable
from pullback.contract.lifecycle import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from redis.asyncio.client import Redis as AsyncRedis

    from pullback.broker.pipe import Pipe, Reply
    from pullback.broker.submitted.records import Change, Place, Selection, StoredJob, Submission
    from pullback.contract.errors import PullbackError

log = logging.getLogger(__name__)

# Jobs and bytes in one script: Redis does nothing else meanwhile.
JOBS_AT_ONCE = 250
BYTES_AT_ONCE = 2 * 2**20

# How long replicas may take to have what was created, in ms.
REPLICATION_MS = 2_000

# Of each created job a letter and a number (create.lua).
_ANSWER_BYTES = 9


class Shelves:
    """Creates, reads and ends submitted jobs. For one event loop.

    Every method raises `QueueUnavailable` where Redis cannot be reached. What was asked for may then have been done;
    it may be asked for again.
    """

    def __init__(
        self,
        pipe: Pipe,
        redis: AsyncRedis,
        *,
        wake: Callable[[str], None],
        longest_ms: int,
        replicas: int = 0,
    ) -> None:
        """Makes the gateway's side.

        Args:
            pipe: a connection for scripts. One of its own, where evaluations that are waited for must not stand behind
                large messages.
            redis: a client for what is read.
            wake: called with the name of a lane that needs a drain; must not block.
            longest_ms: how long after its creation a job expires at the latest.
            replicas: how many replicas of Redis must have jobs before their creation counts.
        """
        self._pipe = pipe
        self._replicas = replicas
        self._redis = redis
        self._wake = wake
        self._longest_ms = longest_ms
        self._create = Script(scripts.source(scripts.CREATE))
        self._cancel = Script(scripts.source(scripts.CANCEL))
        self._delete = Script(scripts.source(scripts.DELETE))

    async def create(self, tenant: bytes, jobs: Sequence[Submission]) -> list[Created | PullbackError]:
        """Creates jobs, each durably or not at all; gives `JobIdReused` for an id that is another job's.

        Raises:
            Overloaded: Redis is full. Some, the first ones, may have been created.
            QueueUnavailable: also where too few replicas have them. They were created then, and may be lost yet.
        """
        created: list[Created | PullbackError] = []
        for batch in _batches(jobs):
            own: list[Any] = [tenant.hex(), self._longest_ms]
            for job in batch:
                own += (packed_submission(job), job.evaluation)
            (answers, *lanes), have = await self._run_and_count(own)
            for lane in lanes:
                self._wake(lane.decode())
            if have < self._replicas:
                raise QueueUnavailable(
                    f"{have} replicas of Redis have the jobs, of {self._replicas} that must; send the request again"
                )
            created += [
                _read(job, answers[at : at + _ANSWER_BYTES])
                for job, at in zip(batch, range(0, len(answers), _ANSWER_BYTES), strict=True)
            ]
        return created

    async def get(
        self, tenant: bytes, job_ids: Sequence[str], *, evaluation: bool = False, outcome: bool = False
    ) -> list[StoredJob | None]:
        """Gives jobs as they are, in order; None for one that is not there."""
        with _reachable():
            return await read(self._redis, tenant, job_ids, evaluation=evaluation, outcome=outcome)

    async def sizes(self, tenant: bytes, job_ids: Sequence[str], *, evaluation: bool) -> list[int]:
        """Gives how many bytes each job's outcome takes, and its evaluation if that is to count."""
        # Over the pipe, which takes a tenth of the time that redis-py does for so many short commands.
        sizes = await self._ask(size_commands(tenant, job_ids, evaluation=evaluation))
        each = 2 if evaluation else 1
        return [sum(sizes[at : at + each]) for at in range(0, len(sizes), each)]

    async def page(
        self,
        tenant: bytes,
        selection: Selection,
        *,
        after: Place | None,
        count: int,
        oldest_first: bool = False,
    ) -> tuple[list[StoredJob], Place | None]:
        """Gives jobs in the order of their creation, without evaluations and results.

        The work for one call is bounded, so there may be fewer than `count`, or none, before the last page.

        Returns:
            The jobs, and where to go on; None where these were the last.
        """
        with _reachable():
            return await read_page(
                self._redis, tenant, selection, after=after, count=count, oldest_first=oldest_first
            )

    async def cancel(self, tenant: bytes, job_ids: Sequence[str]) -> list[State | None]:
        """Cancels jobs, and gives the state of each afterwards; None for one that is not there."""
        letters = await self._run_for_each(self._cancel, tenant, job_ids)
        return [None if letter == "-" else State(letter) for letter in letters]

    async def delete(self, tenant: bytes, job_ids: Sequence[str]) -> list[bool]:
        """Deletes jobs, and tells of each whether it was there."""
        letters = await self._run_for_each(self._delete, tenant, job_ids)
        return [letter == "D" for letter in letters]

    async def end_of_events(self, tenant: bytes) -> str:
        """Gives the id of the last entry of a tenant's events; "0-0" where there is none."""
        with _reachable():
            return await end_of_events(self._redis, tenant)

    async def events(
        self, tenant: bytes, after: str, count: int
    ) -> tuple[list[tuple[str, list[Change]]], bool]:
        """Gives up to `count` entries of a tenant's events that follow the one with the id `after`.

        Returns:
            Of each its id and changes; and False where entries in between are gone.
        """
        with _reachable():
            return await events(self._redis, tenant, after, count)

    async def _run_for_each(self, script: Script, tenant: bytes, job_ids: Sequence[str]) -> str:
        letters = ""
        for start in range(0, len(job_ids), JOBS_AT_ONCE):
            some = job_ids[start : start + JOBS_AT_ONCE]
            reply = await self._run(script, [address(tenant, job_id) for job_id in some])
            letters += reply.decode()
        return letters

    async def _ask(self, commands: Sequence[tuple[str, ...]]) -> list[Reply]:
        future: asyncio.Future[list[Reply]] = asyncio.get_running_loop().create_future()
        replies: list[Reply] = []

        def receive(reply: Reply) -> None:
            replies.append(reply)
            if len(replies) == len(commands) and not future.done():
                future.set_result(replies)

        for command in commands:
            self._pipe.send(command, receive)
        if commands:
            await future
        with _reachable():
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
        return replies

    async def _run_and_count(self, own: list[Any]) -> tuple[Reply, int]:
        """Creates, and gives how many replicas have what was created, as far as that is asked for."""
        future: asyncio.Future[tuple[Reply, Reply]] = asyncio.get_running_loop().create_future()

        def settle(reply: Reply, have: Reply) -> None:
            if not future.done():
                future.set_result((reply, have))

        def receive(reply: Reply) -> None:
            if isinstance(reply, Exception) or not self._replicas:
                settle(reply, 0)
            else:
                # In the turn of the answer, so that it goes by the same connection: WAIT is about what that one wrote.
                self._pipe.send(("WAIT", self._replicas, REPLICATION_MS), lambda have: settle(reply, have))

        self._pipe.run(self._create, KEYS, arguments(then=own), receive)
        reply, have = await future
        with _reachable():
            for each in (reply, have):
                if isinstance(each, Exception):
                    raise each
        return reply, have

    async def _run(self, script: Script, own: list[Any]) -> Reply:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def receive(reply: Reply) -> None:
            if not future.done():
                future.set_result(reply)

        self._pipe.run(script, KEYS, arguments(then=own), receive)
        reply = await future
        with _reachable():
            if isinstance(reply, Exception):
                raise reply
        return reply


@contextmanager
def _reachable() -> Iterator[None]:
    """Translates what Redis and the way to it raise."""
    try:
        yield
    except OutOfMemoryError as error:
        raise Overloaded("the queue is full; nothing more was kept") from error
    except (RedisError, OSError) as error:
        if not isinstance(error, (RedisConnectionError, OSError)):
            log.exception("Redis refused")
        raise QueueUnavailable("the queue cannot be reached; send the request again") from error


def _batches(jobs: Sequence[Submission]) -> Iterator[list[Submission]]:
    batch: list[Submission] = []
    size = 0
    for job in jobs:
        size += len(job.evaluation)
        if batch and (len(batch) == JOBS_AT_ONCE or size > BYTES_AT_ONCE):
            yield batch
            batch, size = [], len(job.evaluation)
        batch.append(job)
    if batch:
        yield batch


def _read(job: Submission, answer: bytes) -> Created | PullbackError:
    letter = chr(answer[0])
    if letter == "K":
        return JobIdReused(
            f"{job.job_id!r} was used before, with other content; choose another id", field="job_id"
        )
    return Created(job.job_id, State(letter), int.from_bytes(answer[1:], "little"))
