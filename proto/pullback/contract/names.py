"""Names that processes share: request ids, lanes, queues and Redis keys."""

from __future__ import annotations

import re

from pullback.v1 import evaluation_pb2

#: What a request id may be.
REQUEST_ID = re.compile(r"[A-Za-z0-9._:\-]{1,128}", re.ASCII)

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


def lane_key(device: str, priority: str = INTERACTIVE) -> str:
    """Names the Redis stream of the queued jobs for one device class and priority."""
    return f"{PREFIX}lane:{device}:{priority}"


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
    """Names the Redis list of the jobs that a drain holds and nobody waits for any more."""
    return f"{PREFIX}cancels:{drain}"


#: The Redis string that names the gateway whose sweeper works at the moment.
SWEEPER_LOCK = f"{PREFIX}sweeper"


def queue_name(device: str) -> str:
    """Names the Celery queue of the wake-ups for one device class."""
    return f"{PREFIX}drain:{device}"
