"""What lies in Redis of submitted jobs, read key by key and compared with the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pullback.broker.submitted.packing import changes, stored_job
from pullback.contract import names
from pullback.contract.lifecycle import TERMINAL, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from redis import Redis
    from tests.integration.broker.model import Model

    from pullback.broker import Change

DEVICES = ("cpu", "cuda")

# What may be there beside what is compared: it has an end of its own, or is one small thing.
_BESIDE = (names.SPENT, names.HABITS, names.REUSE, names.SEQUENCE, names.EVENTFUL, names.cancels_key(""))
# As many attempts a record has, the newest.
_MOST_KEPT = 32
_LANES = tuple(names.lane_key(device) for device in DEVICES)


class Snapshot:
    """All keys with what they hold, read in two steps."""

    def __init__(self, redis: Redis) -> None:
        keys: Any = redis.keys("*")
        self.names: list[str] = sorted(key.decode() for key in keys)
        read = redis.pipeline(transaction=False)
        for key in self.names:
            if key.startswith((names.RECORDS, names.OUTCOMES)):
                read.get(key)
            elif key.startswith((names.INDEXES, names.SHELVES, names.ALARMS, names.SHARES)):
                read.zrange(key, 0, -1)
            elif key.startswith((names.HELD, names.HOLDERS)):
                read.smembers(key)
            elif key.startswith(names.EVENTS):
                read.xrange(key)
            else:
                read.exists(key)
        self._values: dict[str, Any] = dict(zip(self.names, read.execute(), strict=True))

    def under(self, prefix: str) -> dict[str, Any]:
        """What keys with a prefix hold, by what follows it."""
        return {
            key.removeprefix(prefix): value for key, value in self._values.items() if key.startswith(prefix)
        }

    def members(self, prefix: str) -> dict[str, list[str]]:
        """The members of sorted sets, in order, or of sets."""
        return {key: [each.decode() for each in value] for key, value in self.under(prefix).items()}


def check(redis: Redis, model: Model) -> None:
    """Compares all that is in Redis with the model: nothing is missing, and nothing is left over."""
    seen = Snapshot(redis)
    _check_records(seen, model)
    _check_sets(seen, model)
    _check_events(seen, model)
    compared = (
        names.RECORDS, names.EVALUATIONS, names.OUTCOMES, names.INDEXES, names.SHELVES, names.ALARMS,
        names.SHARES, names.HELD, names.HOLDERS, names.EVENTS,
    )  # fmt: skip
    assert [key for key in seen.names if not key.startswith(compared + _BESIDE + _LANES)] == []


def _addresses(keys: Iterable[tuple[bytes, str]]) -> set[str]:
    return {f"{tenant.hex()}/{job_id}" for tenant, job_id in keys}


def _check_records(seen: Snapshot, model: Model) -> None:
    records, outcomes = seen.under(names.RECORDS), seen.under(names.OUTCOMES)
    assert set(records) == set(seen.under(names.EVALUATIONS)) == _addresses(model.jobs)
    assert set(outcomes) == _addresses(key for key, job in model.jobs.items() if job.outcome is not None)
    for (tenant, job_id), job in model.jobs.items():
        address = f"{tenant.hex()}/{job_id}"
        stored = stored_job(job_id, records[address])
        assert (stored.state, stored.device) == (job.state, job.device)
        assert [attempt.end for attempt in stored.attempts] == job.ends[-_MOST_KEPT:]
        assert [attempt.number for attempt in stored.attempts] == list(range(1, len(job.ends) + 1))[
            -_MOST_KEPT:
        ]
        assert (stored.finished_ms > 0) == (job.state in TERMINAL) == (stored.expires_ms > 0)
        assert stored.reused_from == job.reused_from
        assert outcomes.get(address) == job.outcome


def _check_sets(seen: Snapshot, model: Model) -> None:
    ordered: dict[str, list[str]] = {}
    sets: dict[str, set[str]] = {}
    for job in sorted(model.jobs.values(), key=lambda job: job.order):
        tenant, address = job.key[0].hex(), *_addresses([job.key])
        ordered.setdefault(f"{names.INDEXES}{tenant}", []).append(job.key[1])
        sets.setdefault(f"{names.ALARMS}{job.device}", set()).add(address)
        if job.waits:
            ordered.setdefault(f"{names.SHELVES}{job.device}:{tenant}:{job.priority}", []).append(job.key[1])
            sets.setdefault(f"{names.SHARES}{job.device}", set()).add(tenant)
        if job.holder:
            sets.setdefault(f"{names.HELD}{job.holder}", set()).add(address)
            sets.setdefault(f"{names.HOLDERS}{job.device}", set()).add(job.holder)
    assert _with_prefixes(seen, (names.INDEXES, names.SHELVES)) == ordered
    found = _with_prefixes(seen, (names.ALARMS, names.SHARES, names.HELD, names.HOLDERS))
    assert {key: set(members) for key, members in found.items()} == sets


def _with_prefixes(seen: Snapshot, prefixes: tuple[str, ...]) -> dict[str, list[str]]:
    return {prefix + key: members for prefix in prefixes for key, members in seen.members(prefix).items()}


def _check_events(seen: Snapshot, model: Model) -> None:
    told: dict[tuple[bytes, str], Change] = {}
    for tenant, entries in seen.under(names.EVENTS).items():
        before = b"0-0"
        for entry, fields in entries:
            assert fields[b"before"] == before
            before = entry
            for change in changes(fields[b"changes"], int(fields[b"at"])):
                _follow(told, (bytes.fromhex(tenant), change.job_id), change)
    assert {key: change.state for key, change in told.items()} == {
        key: job.state for key, job in model.jobs.items()
    }


def _follow(told: dict[tuple[bytes, str], Change], key: tuple[bytes, str], change: Change) -> None:
    """Notes a change, which must be one that the job's last state allows."""
    last = told.pop(key, None)
    if last is None:
        assert change.state is State.QUEUED
    elif change.state is not None:
        assert last.state not in TERMINAL
    if change.state is not None:
        told[key] = change
