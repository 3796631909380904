"""Processors and memory: that what is asked for is enough, bounded, and within the quota."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.manifests.documents import quantity, walk, where
from tests.manifests.rules.settings import model_of, settings_of

from pullback.worker.settings import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.manifests.documents import Documents, Node, Pod

# What a worker takes beside what evaluations do: its main process, its template, and its slots' children at rest.
WORKER_BYTES = 2**30

# What an evaluator takes beside its evaluation: pages that it does not share with the template, and workspaces.
EVALUATOR_BYTES = 2**29

# The part of its memory that a Redis may fill: a rewrite of its file copies pages that are written meanwhile.
REDIS_PART = Decimal("0.6")

_REDIS_UNITS = {"kb": 2**10, "mb": 2**20, "gb": 2**30}


def quantities_are_read(documents: Documents) -> Iterator[str]:
    """Every quantity is one, and no request is above its limit."""
    for document in documents:
        for path, node in walk(document):
            if path.endswith((".requests", ".limits", ".hard")) and isinstance(node, dict):
                for key, value in node.items():
                    try:
                        quantity(value)
                    except ValueError as error:
                        yield f"{where(document)}: {path}.{key}: {error}"
            if path.endswith(".resources") and isinstance(node, dict) and "limits" in node:
                for key in node.get("requests", {}).keys() & node["limits"].keys():
                    if _amount(node, "requests", key) > _amount(node, "limits", key):
                        yield f"{where(document)}: {path}: more {key} is asked for than is allowed"


def _amount(resources: Node, kind: str, key: str) -> Decimal:
    try:
        return quantity(resources.get(kind, {}).get(key, 0))
    except ValueError:
        return Decimal(0)


def memory_is_bounded(documents: Documents) -> Iterator[str]:
    """Every container says what it needs, and has a bound on memory; none has one on its processors."""
    for pod in documents.pods():
        for container in pod.containers:
            resources = container.get("resources", {})
            if not {"cpu", "memory"} <= resources.get("requests", {}).keys():
                yield f"{pod.where}: {container['name']} does not say what it needs"
            if "memory" not in resources.get("limits", {}):
                yield f"{pod.where}: {container['name']} has no bound on memory"
            if "cpu" in resources.get("limits", {}):
                yield f"{pod.where}: {container['name']} is held back where processors are free"


def workers_hold_what_evaluations_may_take(documents: Documents) -> Iterator[str]:
    """An evaluation meets its own limit before its evaluator meets the container's, in every slot at once."""
    for pod in documents.pods():
        for container in pod.containers:
            if model_of(container) is not WorkerSettings:
                continue
            settings = settings_of(documents, container)
            assert isinstance(settings, WorkerSettings)
            limits = settings.limits
            slot = limits.live_bytes + limits.input_bytes + limits.result_bytes + EVALUATOR_BYTES
            needed = WORKER_BYTES + settings.slots * slot
            if _amount(container["resources"], "limits", "memory") < needed:
                yield f"{pod.where}: {settings.slots} slots may take {needed:,} bytes"
            if (
                _amount(container["resources"], "requests", "cpu") > settings.slots
                and settings.device == "cpu"
            ):
                yield f"{pod.where}: has more processors than slots"


def redis_holds_what_it_may_take(documents: Documents) -> Iterator[str]:
    """`maxmemory` leaves room for a rewrite of the file, and nothing is evicted."""
    for pod in documents.pods():
        for container in pod.containers:
            if container["name"] != "redis":
                continue
            text = _redis_conf(documents, pod)
            found = re.search(r"^maxmemory (\d+)(kb|mb|gb)$", text, re.MULTILINE)
            most = _amount(container["resources"], "limits", "memory") * REDIS_PART
            if not found or int(found[1]) * _REDIS_UNITS[found[2]] > most:
                yield f"{pod.where}: maxmemory is more than {REDIS_PART} of its memory"
            for line in ("maxmemory-policy noeviction", "appendonly yes"):
                if not re.search(rf"^{line}$", text, re.MULTILINE):
                    yield f"{pod.where}: redis.conf lacks {line}"


def _redis_conf(documents: Documents, pod: Pod) -> str:
    for volume in pod.spec["volumes"]:
        if volume["name"] == "config":
            text: str = documents.one("ConfigMap", volume["configMap"]["name"])["data"]["redis.conf"]
            return text
    return ""


def the_quota_is_enough(documents: Documents) -> Iterator[str]:
    """All pods at their most, and the surge of a rollout, fit into the quota."""
    for quota in documents.of("ResourceQuota"):
        needed: dict[str, Decimal] = {}
        for pod in documents.pods():
            count = most_replicas(documents, pod)
            needed["pods"] = needed.get("pods", Decimal(0)) + count
            for container in pod.spec["containers"]:
                for kind in ("requests", "limits"):
                    for key in container["resources"].get(kind, {}):
                        name = f"{kind}.{key}"
                        needed[name] = needed.get(name, Decimal(0)) + count * _amount(
                            container["resources"], kind, key
                        )
        for name, there in quota["spec"]["hard"].items():
            if needed.get(name, Decimal(0)) > quantity(there):
                yield f"{where(quota)}: {name} is {there}, but {needed[name]:,} may be asked for"


def most_replicas(documents: Documents, pod: Pod) -> int:
    """Gives how many of a pod there are at most, during a rollout."""
    spec = pod.owner["spec"]
    most: int = spec.get("replicas", 1)
    for scaler in documents.of("HorizontalPodAutoscaler", "ScaledObject"):
        if scaler["spec"]["scaleTargetRef"]["name"] == pod.owner["metadata"]["name"]:
            most = scaler["spec"].get("maxReplicas") or scaler["spec"]["maxReplicaCount"]
    surge = spec.get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", 0)
    return most + (math.ceil(most * int(surge[:-1]) / 100) if isinstance(surge, str) else surge)


RULES = (
    quantities_are_read,
    memory_is_bounded,
    workers_hold_what_evaluations_may_take,
    redis_holds_what_it_may_take,
    the_quota_is_enough,
)
