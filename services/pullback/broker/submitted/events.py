"""Reads what happened to a tenant's jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pullback.broker.submitted.packing import changes
from pullback.contract.names import EVENTS

if TYPE_CHECKING:
    from redis.asyncio.client import Redis as AsyncRedis

    from pullback.broker.submitted.records import Change

#: Before every entry of a stream.
BEGINNING = "0-0"


async def end_of_events(redis: AsyncRedis, tenant: bytes) -> str:
    """Gives the id of the last entry; "0-0" where there is none."""
    last: Any = await redis.xrevrange(EVENTS + tenant.hex(), count=1)
    return str(last[0][0].decode()) if last else BEGINNING


async def events(
    redis: AsyncRedis, tenant: bytes, after: str, count: int
) -> tuple[list[tuple[str, list[Change]]], bool]:
    """Gives the entries that follow `after`, and whether none in between is gone."""
    found: Any = await redis.xrange(EVENTS + tenant.hex(), min=f"({after}", count=count)
    if not found:
        # Where there is no stream, it ended since the reader saw an entry of it, and with it what came after.
        return [], after == BEGINNING or await end_of_events(redis, tenant) != BEGINNING
    before = found[0][1][b"before"].decode()
    whole = before == after if BEGINNING in (before, after) else _number(before) <= _number(after)
    return [
        (entry.decode(), list(changes(fields[b"changes"], int(fields[b"at"])))) for entry, fields in found
    ], whole


def _number(entry: str) -> tuple[int, int]:
    ms, _, place = entry.partition("-")
    return int(ms), int(place)
