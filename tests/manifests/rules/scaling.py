"""That what scales and what wakes somebody asks for figures that there are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.manifests.documents import where
from tests.manifests.rules.settings import model_of, settings_of

from pullback.contract.metrics import METRICS
from pullback.contract.names import DEVICE_CLASSES, INTERACTIVE
from pullback.worker.settings import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.manifests.documents import Documents

_SELECTION = re.compile(r"(pullback_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)(=~?|!=|!~)"([^"]*)"')

# What Prometheus adds to each series, and to a histogram's.
_ADDED = {"namespace", "pod", "container", "instance", "job", "le"}
_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")

# Values of labels that are known.
_VALUES = {"device": {*DEVICE_CLASSES.values()}, "priority": {INTERACTIVE, "submitted"}}


def faults_of_query(query: str) -> Iterator[str]:
    """Looks for what a query asks and no process of ours tells."""
    table = {metric.name: metric for metric in METRICS}
    for name, matchers in _SELECTION.findall(query):
        base = name if name in table else _HISTOGRAM.sub("", name)
        if base not in table or (base != name) != (table[base].kind == "histogram"):
            yield f"there is no metric {name}"
            continue
        for label, _, value in _MATCHER.findall(matchers):
            if label not in {*table[base].labels, *_ADDED}:
                yield f"{name} has no label {label}"
            elif label in _VALUES and value not in _VALUES[label]:
                yield f"{name}: {label} is never {value}"


def queries_ask_for_what_there_is(documents: Documents) -> Iterator[str]:
    """Each metric and label of a trigger or an alert is one that our processes tell, and each trigger asks for some."""
    for scaled in documents.of("ScaledObject"):
        for trigger in scaled["spec"]["triggers"]:
            query = trigger["metadata"]["query"]
            if not _SELECTION.search(query):
                yield f"{where(scaled)}: asks for nothing of ours"
            for fault in faults_of_query(query):
                yield f"{where(scaled)}: {fault}"
    for document in documents.of("PrometheusRule"):
        for group in document["spec"]["groups"]:
            for rule in group["rules"]:
                for fault in faults_of_query(rule["expr"]):
                    yield f"{where(document)}: {rule['alert']}: {fault}"


def triggers_ask_for_their_workers_device(documents: Documents) -> Iterator[str]:
    """What scales workers of a device class looks at the jobs of that class."""
    for scaled in documents.of("ScaledObject"):
        name = scaled["spec"]["scaleTargetRef"]["name"]
        for pod in documents.pods():
            if pod.owner["metadata"]["name"] != name:
                continue
            for container in pod.spec["containers"]:
                if model_of(container) is WorkerSettings:
                    settings = settings_of(documents, container)
                    assert isinstance(settings, WorkerSettings)
                    for trigger in scaled["spec"]["triggers"]:
                        devices = {
                            value
                            for _, matchers in _SELECTION.findall(trigger["metadata"]["query"])
                            for label, _, value in _MATCHER.findall(matchers)
                            if label == "device"
                        }
                        if devices != {settings.device}:
                            yield f"{where(scaled)}: looks at {devices}, but scales workers of {settings.device}"


def one_alone_decides_how_many(documents: Documents) -> Iterator[str]:
    """What is scaled has one scaler, which has bounds in order, and no number of its own beside."""
    scalers = documents.of("HorizontalPodAutoscaler", "ScaledObject")
    names = [scaler["spec"]["scaleTargetRef"]["name"] for scaler in scalers]
    for scaler, name in zip(scalers, names, strict=True):
        spec = scaler["spec"]
        least = spec.get("minReplicas", spec.get("minReplicaCount", 0))
        most = spec.get("maxReplicas", spec.get("maxReplicaCount", 0))
        if not least <= most or (least == 0 and "gpu" not in name):
            yield f"{where(scaler)}: from {least} to {most}"
        if names.count(name) > 1:
            yield f"{where(scaler)}: {name} has {names.count(name)} scalers"
    for deployment in documents.of("Deployment"):
        if deployment["metadata"]["name"] in names and "replicas" in deployment["spec"]:
            yield f"{where(deployment)}: says how many, and so does its scaler"


def every_process_is_scraped(documents: Documents) -> Iterator[str]:
    """Where there is a monitor, it looks at every gateway and worker."""
    monitors = documents.of("PodMonitor")
    seen = {pod.where for monitor in monitors for pod in documents.selected(monitor["spec"]["selector"])}
    for pod in documents.pods():
        if monitors and "metrics" in pod.ports() and pod.where not in seen:
            yield f"{pod.where}: nobody scrapes it"


RULES = (
    queries_ask_for_what_there_is,
    triggers_ask_for_their_workers_device,
    one_alone_decides_how_many,
    every_process_is_scraped,
)
