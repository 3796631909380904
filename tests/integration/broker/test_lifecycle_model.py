"""The life of submitted jobs, step by step in any order, against the model: both must come to the same."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.integration.broker.model import Model, ModelJob
from tests.integration.broker.observed import DEVICES, check
from tests.integration.broker.shelves import LONGEST_MS, OTHER, TENANT, pass_deadline, ring, submission

from pullback.broker import (
    Created,
    Ended,
    LaneDrain,
    Line,
    Pipe,
    ShelfDrain,
    Shelves,
    Upkeep,
    connect,
    connect_async,
)
from pullback.broker.submitted.packing import stored_job
from pullback.contract.errors import JobIdReused
from pullback.contract.lifecycle import TERMINAL, AttemptEnd, Event, Priority, State
from pullback.contract.names import RECORDS, cancels_key, drains_key, lane_key

if TYPE_CHECKING:
    from pullback.broker import HeldJob, StoredJob

FAR_MS = 10**15
LOST = b"lost"

TENANTS = st.sampled_from([TENANT, OTHER])
ENGINES = st.sampled_from(["1.0", "2.0"])
PLACES = st.one_of(st.integers(0, 3), st.integers(0, 1_000))


class Content(NamedTuple):
    """A job to create: late where its deadline has passed by then, due where it need not wait for its time."""

    job_id: str
    digest: bytes
    priority: Priority
    device: int
    reuse: bytes
    most: int
    due: bool
    late: bool


CONTENTS = st.lists(
    st.builds(
        Content,
        st.sampled_from("abcd"),
        st.sampled_from([b"x" * 16, b"y" * 16]),
        st.sampled_from(Priority),
        st.sampled_from([1, 1, 2]),
        st.sampled_from([b"", b"", b"same as others..", b"the same as some"]),
        st.integers(1, 3),
        st.sampled_from([True, True, True, False]),
        st.sampled_from([False, False, False, False, False, True]),
    ),
    min_size=1,
    max_size=4,
)


class Life(RuleBasedStateMachine):
    """Three drains, two tenants, and a few ids that are used again and again."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.redis = connect(self.url)
        self.redis.flushall()
        self.line = Line(self.url)
        self.runner.run(self._open())
        self.model = Model()
        self.outcomes = count()
        self.drains: list[tuple[str, str, ShelfDrain]] = []
        # All that was ever given to each drain.
        self.given: dict[str, list[HeldJob]] = {}
        for device in ("cpu", "cpu", "cuda"):
            self._join(device)

    @initialize(tenant=TENANTS, contents=CONTENTS)
    def begin(self, tenant: bytes, contents: list[Content]) -> None:
        """There are jobs from the beginning."""
        self.create(tenant, contents)

    async def _open(self) -> None:
        self.pipe = Pipe(self.url)
        await self.pipe.open()
        self.client = connect_async(self.url)
        self.shelves = Shelves(self.pipe, self.client, wake=lambda _: None, longest_ms=LONGEST_MS)
        self.upkeep = Upkeep(self.client)

    def teardown(self) -> None:
        """Closes the connections."""
        self.pipe.close()
        self.line.close()
        self.redis.close()
        self.runner.run(self.client.aclose())
        self.runner.close()

    def _join(self, device: str) -> None:
        lane = LaneDrain(self.line, lane_key(device), uuid4().hex)
        lane.join()
        self.drains.append((device, lane.name, ShelfDrain(self.line, device, lane.name, worker="worker")))
        self.given[lane.name] = []

    def _drain(self, place: int) -> tuple[str, str, ShelfDrain]:
        return self.drains[place % len(self.drains)]

    def _drain_with_work(self, place: int) -> tuple[str, str, ShelfDrain]:
        devices = {job.device for job in self.model.jobs.values() if job.waits}
        drains = [each for each in self.drains if each[0] in devices]
        return drains[place % len(drains)]

    def _job(self, place: int) -> ModelJob:
        jobs = list(self.model.jobs.values())
        return jobs[place % len(jobs)]

    def _ever_given(self, place: int) -> tuple[str, HeldJob]:
        """Gives an attempt that a drain was given: mostly one that it may still be at, and one of the last."""
        given = [(name, job) for name, jobs in self.given.items() for job in jobs]
        given.sort(
            key=lambda each: (self._holds(each[0], each[1]) is None, -each[1].sequence, -each[1].attempt)
        )
        return given[place % len(given)]

    def _holds(self, name: str, held: HeldJob) -> ModelJob | None:
        """Gives the model's job that this attempt is at; None where it is no longer the drain's."""
        job = self.model.jobs.get((held.tenant, held.job_id))
        if job and (job.holder, job.sequence, len(job.ends)) == (name, held.sequence, held.attempt):
            return job
        return None

    def _stored(self, job: ModelJob) -> StoredJob:
        record: Any = self.redis.get(f"{RECORDS}{job.key[0].hex()}/{job.key[1]}")
        return stored_job(job.key[1], record)

    @rule(tenant=TENANTS, contents=CONTENTS)
    def create(self, tenant: bytes, contents: list[Content]) -> None:
        """Creates jobs; some may be there."""
        jobs = [
            submission(
                each.job_id,
                digest=each.digest,
                priority=each.priority,
                device=each.device,
                reuse=each.reuse,
                max_attempts=each.most,
                not_before_ms=0 if each.due else FAR_MS,
                deadline_ms=int(each.late),
                evaluation=each.digest,
            )
            for each in contents
        ]
        answers = self.runner.run(self.shelves.create(tenant, jobs))
        for each, answer in zip(contents, answers, strict=True):
            content = (each.digest, each.priority, DEVICES[each.device - 1], each.reuse, each.most)
            new = self.model.create((tenant, each.job_id), content, due=each.due, late=each.late)
            there = self.model.jobs[tenant, each.job_id]
            there.sequence = there.sequence or self._stored(there).sequence
            if not new and there.digest != each.digest:
                assert isinstance(answer, JobIdReused)
            else:
                assert isinstance(answer, Created)
                assert answer.state is there.state

    def _exists(self) -> bool:
        return bool(self.model.jobs)

    def _waits(self) -> bool:
        return any(job.waits for job in self.model.jobs.values())

    def _was_given(self) -> bool:
        return any(self.given.values())

    def _is_held(self) -> bool:
        return any(job.holder for job in self.model.jobs.values())

    def _is_rung(self) -> bool:
        return any(job.rung for job in self.model.jobs.values())

    # What moves jobs on has several rules, for one is as likely as another, and most others end something.

    @precondition(_waits)
    @rule(place=PLACES, engine=ENGINES)
    def take_one(self, place: int, engine: str) -> None:
        """Takes a job."""
        self._take(place, 1, engine)

    @precondition(_waits)
    @rule(place=PLACES)
    def take_another(self, place: int) -> None:
        """Takes a job, by the usual engine."""
        self._take(place, 1, "1.0")

    @precondition(_waits)
    @rule(place=PLACES, most=st.integers(2, 4), engine=ENGINES)
    def take_some(self, place: int, most: int, engine: str) -> None:
        """Takes jobs together."""
        self._take(place, most, engine)

    def _take(self, place: int, most: int, engine: str) -> None:
        """Takes jobs: each is the first on its shelf, and no fewer come than could."""
        device, name, drain = self._drain_with_work(place)
        held = drain.take(most, engine)
        self._taken(device, name, held, most, engine)
        self.given[name] += held

    @precondition(_waits)
    @rule(place=PLACES, most=st.integers(1, 4), engine=ENGINES)
    def lose_the_answer_to_a_take(self, place: int, most: int, engine: str) -> None:
        """What was taken without the drain's knowledge is back after its next take."""
        device, name, drain = self._drain_with_work(place)
        held = ShelfDrain(self.line, device, name, worker="worker").take(most, engine)
        self._taken(device, name, held, most, engine)
        drain._unsure = True
        for job in held:
            self.model.jobs[job.tenant, job.job_id].lose(AttemptEnd.PUT_BACK)
        drain.take(0, engine)

    def _taken(self, device: str, name: str, held: list[HeldJob], most: int, engine: str) -> None:
        before = sorted(self.model.waiting(device), key=lambda job: job.order)
        given = {(job.tenant, job.job_id): job for job in held}
        gone: set[int] = set()
        for job in before:
            if job.key in given:
                job.begin(name)
                assert given[job.key].attempt == len(job.ends)
                assert given[job.key].alone == job.alone
                assert given[job.key].evaluation == job.digest
            elif job.late and self._state(job) is State.EXPIRED:
                job.happen(Event.EXPIRE)
            elif self._state(job) is State.SUCCEEDED:
                source = self.model.stored(job, engine)
                assert source
                job.happen(Event.REUSE)
                job.outcome, job.reused_from = source.outcome, source.key[1]
            else:
                continue
            gone.add(job.order)
        assert set(given) <= {job.key for job in before}
        assert not any(self.model.jobs[key].alone for key in given) or len(given) == 1
        left = [job for job in before if job.order not in gone]
        for job in before:
            if job.order in gone:
                assert not any(
                    each.order < job.order and each.priority == job.priority and each.key[0] == job.key[0]
                    for each in left
                )
        stopped = any(job.alone for job in before)
        assert len(held) == most or not left or stopped

    def _state(self, job: ModelJob) -> State:
        return self._stored(job).state

    @precondition(_was_given)
    @rule(place=PLACES, engine=ENGINES)
    def succeed(self, place: int, engine: str) -> None:
        """Finishes an attempt with a result."""
        self._finish(place, Event.SUCCEED, engine)

    @precondition(_is_held)
    @rule(place=PLACES)
    def succeed_again(self, place: int) -> None:
        """Finishes an attempt with a result of the usual engine."""
        self._finish(place, Event.SUCCEED, "1.0")

    @precondition(_was_given)
    @rule(place=PLACES, event=st.sampled_from([Event.FAIL, Event.EXPIRE]))
    def fail(self, place: int, event: Event) -> None:
        """Finishes an attempt without a result."""
        self._finish(place, event, "1.0")

    def _finish(self, place: int, event: Event, engine: str) -> None:
        """Finishes an attempt, which may long be another drain's, or over."""
        name, held = self._ever_given(place)
        outcome = f"outcome {next(self.outcomes)}".encode()
        job = self._holds(name, held)
        assert self._by_name(name).finish([Ended(held, event, outcome, 0.5)], engine) == (1 if job else 0)
        if job:
            self.model.finish(job, event, outcome, engine)

    def _by_name(self, name: str) -> ShelfDrain:
        """Gives a drain; one that is not in the list was thought dead, and may be alive."""
        living = {each: drain for _, each, drain in self.drains}
        return living.get(name) or ShelfDrain(self.line, "cpu", name, worker="worker")

    @precondition(_was_given)
    @rule(place=PLACES, alone=st.booleans())
    def put_back(self, place: int, alone: bool) -> None:
        """Puts an attempt back, which may long be over."""
        name, held = self._ever_given(place)
        job = self._holds(name, held)
        self._by_name(name).put_back([held], alone=alone)
        if job:
            job.lose(AttemptEnd.PUT_BACK)
            job.alone = job.alone or alone

    @precondition(_was_given)
    @rule(place=PLACES)
    def lose_an_evaluator(self, place: int) -> None:
        """Begins the next attempt, where there is one to begin."""
        name, held = self._ever_given(place)
        job = self._holds(name, held)
        again = self._by_name(name).next_attempt(held)
        if not job:
            return
        if job.counted >= job.most:
            assert again is None
            job.lose(AttemptEnd.EVALUATOR_LOST)
            job.outcome = self._outcome(job)
            return
        job.ends[-1] = AttemptEnd.EVALUATOR_LOST
        job.ends.append(None)
        job.counted += 1
        assert again == held._replace(attempt=len(job.ends))
        assert self._by_name(name).next_attempt(held) == again
        self.given[name].append(again)

    def _outcome(self, job: ModelJob) -> bytes:
        (stored,) = self.runner.run(self.shelves.get(job.key[0], [job.key[1]]))
        assert stored
        assert stored.outcome
        return stored.outcome

    @precondition(_is_held)
    @rule(place=PLACES)
    def release(self, place: int) -> None:
        """A drain that leaves lets go of all that it holds."""
        _, name, drain = self._drain(place)
        drain.release()
        for job in self.model.held(name):
            job.lose(AttemptEnd.PUT_BACK)

    @precondition(_exists)
    @rule(place=PLACES)
    def lose_a_drain(self, place: int) -> None:
        """A drain dies, and another begins."""
        device, name, _ = self.drains.pop(place % len(self.drains))
        self.redis.zrem(drains_key(lane_key(device)), name)
        self._join(device)
        self.care()

    @precondition(_is_rung)
    @rule()
    def care(self) -> None:
        """The upkeep of both classes."""
        held = [job for job in self.model.jobs.values() if job.holder]
        for device in DEVICES:
            self.runner.run(self.upkeep.run_once(device))
            self.model.upkeep(device, {name for _, name, _ in self.drains})
        for job in held:
            if job.state is State.FAILED:
                job.outcome = self._outcome(job)

    @precondition(_exists)
    @rule(place=PLACES)
    def cancel(self, place: int) -> None:
        """Cancels a job; a drain that holds it is told which."""
        job = self._job(place)
        holder, before = job.holder, job.state
        self._told(holder)
        (answer,) = self.runner.run(self.shelves.cancel(job.key[0], [job.key[1]]))
        if before not in TERMINAL:
            job.happen(Event.CANCEL)
        assert answer is job.state
        if holder:
            assert self._told(holder) in [each.place for each in self.given[holder]]

    def _told(self, drain: str) -> str | None:
        """Gives what the drain was told last to stop."""
        key = cancels_key(drain)
        last: Any = self.redis.rpop(key)
        self.redis.delete(key)
        return last.decode() if last else None

    @precondition(_exists)
    @rule(place=PLACES)
    def delete(self, place: int) -> None:
        """Deletes a job, whatever it does."""
        job = self._job(place)
        tenant, job_id = job.key
        assert self.runner.run(self.shelves.delete(tenant, [job_id, "no such job"])) == [True, False]
        del self.model.jobs[job.key]

    @precondition(_exists)
    @rule(place=PLACES, deadline=st.booleans())
    def let_time_pass(self, place: int, deadline: bool) -> None:
        """What a job waits for comes: that it may begin, its deadline, or its end of life."""
        job = self._job(place)
        if job.state in TERMINAL or not (job.due or deadline):
            ring(self.redis, *job.key, job.device)
            job.rung = True
        elif deadline:
            pass_deadline(self.redis, *job.key, job.device)
            job.late = job.rung = True

    @invariant()
    def is_as_in_the_model(self) -> None:
        """All that is in Redis is what the model says."""
        check(self.redis, self.model)


def test_jobs_live_as_the_model_says(redis_url: str) -> None:
    """After any steps, every key of submitted jobs holds what the model expects, and no other is left."""
    machine = type("Here", (Life,), {"url": redis_url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
