"""Jobs that outlive the call which created them: shelves where they wait, and records (docs/decisions/0015)."""

from pullback.broker.submitted.drains import ShelfDrain
from pullback.broker.submitted.held import Ended, HeldJob
from pullback.broker.submitted.records import (
    EVENTS_CHANNEL,
    Change,
    Created,
    Place,
    Reused,
    Selection,
    StoredAttempt,
    StoredJob,
    Submission,
)
from pullback.broker.submitted.shelves import Shelves
from pullback.broker.submitted.upkeep import Upkeep

__all__ = [
    "EVENTS_CHANNEL",
    "Change",
    "Created",
    "Ended",
    "HeldJob",
    "Place",
    "Reused",
    "Selection",
    "ShelfDrain",
    "Shelves",
    "StoredAttempt",
    "StoredJob",
    "Submission",
    "Upkeep",
]
