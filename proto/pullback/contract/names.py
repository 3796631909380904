"""Names that processes share: request ids, lanes, queues and Redis keys."""

from __future__ import annotations

import re
from hashlib import blake2b

from pullback.v1 import evaluation_pb2

#: What a request id may be.
REQUEST_ID = re.compile(r"[A-Za-z0-9._:\-]{1,128}", re.ASCII)

#: What a job's name begins with; its id follows, which is of the form of a request id.
JOBS = "jobs/"

#: Every Redis key of ours begins with this.
PREFIX = "pullback:"

#: Device classes, in the order in which an evaluation without a wish takes them.
DEVICE_CLASSES = {
    evaluation_pb2.DEVICE_CPU: "cpu",
    evaluation_pb2.DEVICE_CUDA: "cuda",
}

#: Job priorities, most urgent first. A lane holds the jobs of one device class and one priority.
INTERACTIVE = "interactive"

#: The consumer group that reads every lane.
GROUP = "drains"

#: The Celery task by which a worker takes a lane.
DRAIN_TASK = "pullback.drain"


#: Bytes of a tenant's tag and of a program's.
TENANT_BYTES = 8
PROGRAM_BYTES = 16

#: Whose every job is, as long as a call brings nothing that says who it comes from.
PUBLIC = "public"


def tenant_tag(tenant: str) -> bytes:
    """Gives what tells a tenant's jobs from another's where its name would be too long: the lane, and the worker."""
    return blake2b(tenant.encode(), digest_size=TENANT_BYTES).digest()


def program_tag(tenant: bytes, program: str) -> bytes:
    """Gives what a tenant's program is known by once it crashed.

    The tenant is part of it: a program that is well-known and crashes on one tenant's values stays open to others.

    Args:
        tenant: the tenant's tag.
        program: the source text.
    """
    return blake2b(tenant + program.encode(), digest_size=PROGRAM_BYTES).digest()


def lane_key(device: str, priority: str = INTERACTIVE) -> str:
    """Names the Redis stream of the queued jobs for one device class and priority."""
    return f"{PREFIX}lane:{device}:{priority}"


def device_of(lane: str) -> str:
    """Gives the device class of a lane."""
    return lane.removeprefix(f"{PREFIX}lane:").partition(":")[0]


def job_key(job_id: str) -> str:
    """Names the Redis string that is a job's record."""
    return f"{PREFIX}job:{job_id}"


def evaluation_key(job_id: str) -> str:
    """Names the Redis string that is a job's evaluation, where that is too long for the lane."""
    return f"{PREFIX}evaluation:{job_id}"


def results_key(gateway: str) -> str:
    """Names the Redis channel of the results that one gateway waits for."""
    return f"{PREFIX}results:{gateway}"


def drains_key(lane: str) -> str:
    """Names the sorted set of a lane's drains and pending wake-ups, scored by when each counts as dead."""
    return f"{lane}:drains"


def given_up_key(lane: str) -> str:
    """Names the set of the jobs that were given up while they shared an entry of a lane."""
    return f"{lane}:given-up"


def nodes_key(device: str) -> str:
    """Names the sorted set of a device class's live workers, scored by when each counts as dead."""
    return f"{PREFIX}nodes:{device}"


def cancels_key(drain: str) -> str:
    """Names the Redis list of the jobs that a drain holds and is to stop, each as it was named when it was taken."""
    return f"{PREFIX}cancels:{drain}"


#: The sorted set of the programs that are refused for having crashed, by tag, scored by when that ends.
QUARANTINE = f"{PREFIX}quarantine"

#: The Redis channel on which gateways hear of each program that joins them.
QUARANTINE_NEWS = f"{PREFIX}quarantine:news"


def crashes_key(tag: bytes) -> str:
    """Names the Redis string that counts a program's crashes."""
    return f"{PREFIX}crashes:{tag.hex()}"


#: Submitted jobs: what the scripts of `pullback.broker.submitted` name keys by. A job's address is its tenant's tag in
#: hex, a slash, and its id; what is of one tenant ends with the tag, and what is of one device class with the class.
RECORDS = f"{PREFIX}submitted:"
EVALUATIONS = f"{PREFIX}evaluation:"
OUTCOMES = f"{PREFIX}outcome:"
INDEXES = f"{PREFIX}jobs:"
EVENTS = f"{PREFIX}events:"
REUSE = f"{PREFIX}reuse:"
SHELVES = f"{PREFIX}shelf:"
SHARES = f"{PREFIX}shares:"
SPENT = f"{PREFIX}spent:"
HABITS = f"{PREFIX}habits:"
ALARMS = f"{PREFIX}alarms:"
HOLDERS = f"{PREFIX}holders:"
HELD = f"{PREFIX}held:"

#: The Redis string that holds the last sequence number of a submitted job.
SEQUENCE = f"{PREFIX}sequence"

#: The sorted set of the tenants with events, scored by when they had the last.
EVENTFUL = f"{PREFIX}eventful"

#: The Redis channel on which gateways hear whose jobs changed: a message is the tenant's tag.
EVENTS_CHANNEL = f"{PREFIX}events"


def shares_key(device: str) -> str:
    """Names the sorted set of the tenants with jobs on a device class's shelves; there is none where none waits."""
    return f"{SHARES}{device}"


def holders_key(device: str) -> str:
    """Names the set of the drains of a device class that hold submitted jobs."""
    return f"{HOLDERS}{device}"


def swept_key(device: str) -> str:
    """Names the Redis string that is there while a device class was swept of late."""
    return f"{PREFIX}swept:{device}"


#: The Redis string that names the gateway whose sweeper works at the moment.
SWEEPER_LOCK = f"{PREFIX}sweeper"


def queue_name(device: str) -> str:
    """Names the Celery queue of the wake-ups for one device class."""
    return f"{PREFIX}drain:{device}"
