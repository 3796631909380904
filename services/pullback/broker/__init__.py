"""All that lives in Redis: lanes of queued jobs, job records, results, and who is alive."""

from pullback.broker.accepting import Accepted, Acceptor, Answer, Known
from pullback.broker.backlog import Backlog, look_at_backlog
from pullback.broker.blocking import Line
from pullback.broker.connect import connect, connect_async
from pullback.broker.draining import LaneDrain
from pullback.broker.jobs import FinishedJob, NewJob, TakenJob, new_job
from pullback.broker.pipe import Pipe
from pullback.broker.quarantine import CrashCounter, Quarantine, look_at_quarantine, look_for_worker
from pullback.broker.results import ResultReader
from pullback.broker.room import evicts, is_durable, is_full
from pullback.broker.slots import Slot
from pullback.broker.submitted import (
    EVENTS_CHANNEL,
    Change,
    Created,
    Ended,
    HeldJob,
    Place,
    Reused,
    Selection,
    ShelfDrain,
    Shelves,
    StoredAttempt,
    StoredJob,
    Submission,
    Upkeep,
)
from pullback.broker.sweeping import Sweeper
from pullback.broker.tuning import BEAT_SECONDS, HEART_PATIENCE_SECONDS

__all__ = [
    "BEAT_SECONDS",
    "EVENTS_CHANNEL",
    "HEART_PATIENCE_SECONDS",
    "Accepted",
    "Acceptor",
    "Answer",
    "Backlog",
    "Change",
    "CrashCounter",
    "Created",
    "Ended",
    "FinishedJob",
    "HeldJob",
    "Known",
    "LaneDrain",
    "Line",
    "NewJob",
    "Pipe",
    "Place",
    "Quarantine",
    "ResultReader",
    "Reused",
    "Selection",
    "ShelfDrain",
    "Shelves",
    "Slot",
    "StoredAttempt",
    "StoredJob",
    "Submission",
    "Sweeper",
    "TakenJob",
    "Upkeep",
    "connect",
    "connect_async",
    "evicts",
    "is_durable",
    "is_full",
    "look_at_backlog",
    "look_at_quarantine",
    "look_for_worker",
    "new_job",
]
