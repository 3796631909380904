"""The keys and arguments that all scripts of submitted jobs begin with (lua/submitted.lua)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pullback.broker.tuning import WAKE_LIFE_MS
from pullback.contract import names
from pullback.contract.names import DEVICE_CLASSES, GROUP, drains_key, lane_key, nodes_key

if TYPE_CHECKING:
    from collections.abc import Iterable

CLASSES = tuple(DEVICE_CLASSES.values())

#: Numbers of the device classes, as the scripts have them.
CLASS_NUMBERS = {device: number for number, device in enumerate(CLASSES, start=1)}

KEYS = (
    names.RECORDS,
    names.EVALUATIONS,
    names.OUTCOMES,
    names.INDEXES,
    names.EVENTS,
    names.REUSE,
    names.SHELVES,
    names.SHARES,
    names.SPENT,
    names.HABITS,
    names.ALARMS,
    names.HOLDERS,
    names.HELD,
    names.cancels_key(""),
    names.SEQUENCE,
    names.EVENTFUL,
    names.EVENTS_CHANNEL,
    *(
        key
        for device in CLASSES
        for key in (nodes_key(device), lane_key(device), drains_key(lane_key(device)))
    ),
)

_HEAD = (",".join(CLASSES), GROUP, WAKE_LIFE_MS)


def arguments(*own: Any, then: Iterable[Any] = ()) -> list[Any]:
    """Gives the arguments of a script: those that all have, and its own."""
    return [*_HEAD, *own, *then]


def address(tenant: bytes, job_id: str) -> str:
    """Gives what a job is known by among all tenants'."""
    return f"{tenant.hex()}/{job_id}"
