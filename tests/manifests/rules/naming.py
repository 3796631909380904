"""Names, and that what is selected by label or port is there."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

from tests.manifests.documents import selects, walk, where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.manifests.documents import Documents, Node

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PORT_NAME = re.compile(r"(?=.{1,15}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def names_are_labels(documents: Documents) -> Iterator[str]:
    """Names of documents, containers and volumes are DNS labels; names of ports have 15 characters at most."""
    for document in documents:
        if not _LABEL.fullmatch(document["metadata"]["name"]):
            yield f"{where(document)}: the name is no DNS label"
    for pod in documents.pods():
        for item in (*pod.containers, *pod.spec.get("volumes", [])):
            if not _LABEL.fullmatch(item["name"]):
                yield f"{pod.where}: {item['name']!r} is no DNS label"
        for name in pod.ports():
            if not _PORT_NAME.fullmatch(name):
                yield f"{pod.where}: {name!r} is no name of a port"


def nothing_is_there_twice(documents: Documents) -> Iterator[str]:
    """No two documents have one kind and name, and no two containers or ports of a pod one name."""
    seen = set()
    for document in documents:
        if where(document) in seen:
            yield f"{where(document)} is there twice"
        seen.add(where(document))
    for pod in documents.pods():
        names = [each["name"] for each in pod.containers]
        ports = [port["containerPort"] for each in pod.containers for port in each.get("ports", [])]
        if len(set(names)) < len(names) or len(set(ports)) < len(ports):
            yield f"{pod.where}: two containers or ports are one"


def _selectors(document: Node) -> Iterator[tuple[str, Any]]:
    spec = document.get("spec", {})
    match document["kind"]:
        case "Service":
            yield "selector", {"matchLabels": spec["selector"]}
        case "PodDisruptionBudget" | "PodMonitor":
            yield "selector", spec["selector"]
        case "NetworkPolicy":
            yield "podSelector", spec["podSelector"]
    for path, node in walk(spec, "spec"):
        if path.endswith(".labelSelector"):
            yield path, node


def selectors_meet_pods(documents: Documents) -> Iterator[str]:
    """A workload selects its own pods, and what else selects pods finds some."""
    for pod in documents.pods():
        selector = pod.owner["spec"].get("selector")
        if selector and not selects(selector, pod.labels):
            yield f"{pod.where}: its selector does not meet its template"
    for document in documents:
        for path, selector in _selectors(document):
            if not documents.selected(selector):
                yield f"{where(document)}: {path} meets no pod"


def workloads_are_told_apart(documents: Documents) -> Iterator[str]:
    """No workload's selector meets the pods of another."""
    for pod in documents.pods():
        if selector := pod.owner["spec"].get("selector"):
            for other in documents.selected(selector):
                if other.owner is not pod.owner:
                    yield f"{pod.where}: selects the pods of {other.where} too"


def _ports_of_services(documents: Documents) -> Iterator[tuple[str, object, dict[str, int]]]:
    for service in documents.of("Service"):
        for pod in documents.selected({"matchLabels": service["spec"]["selector"]}):
            for port in service["spec"]["ports"]:
                yield where(service), port.get("targetPort", port["port"]), pod.ports()
    for monitor in documents.of("PodMonitor"):
        for pod in documents.selected(monitor["spec"]["selector"]):
            for endpoint in monitor["spec"]["podMetricsEndpoints"]:
                yield where(monitor), endpoint["port"], pod.ports()


def _ports_of_probes(documents: Documents) -> Iterator[tuple[str, object, dict[str, int]]]:
    for pod in documents.pods():
        for container in pod.containers:
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                for kind in ("httpGet", "tcpSocket", "grpc"):
                    if found := container.get(probe, {}).get(kind):
                        yield f"{pod.where}: {probe}", found["port"], pod.ports()


def _ports_of_policies(documents: Documents) -> Iterator[tuple[str, object, dict[str, int]]]:
    for policy in documents.of("NetworkPolicy"):
        for rule in policy["spec"].get("ingress", []):
            for pod in documents.selected(policy["spec"]["podSelector"]):
                for port in rule.get("ports", []):
                    yield where(policy), port["port"], pod.ports()


def ports_are_there(documents: Documents) -> Iterator[str]:
    """What a service, a probe, a monitor or a policy calls a port is one of the pod's, by name or number."""
    named = (_ports_of_services(documents), _ports_of_probes(documents), _ports_of_policies(documents))
    for who, port, there in chain.from_iterable(named):
        if port not in (there.values() if isinstance(port, int) else there):
            yield f"{who}: there is no port {port}"
    for pod in documents.pods():
        for name, number in pod.ports().items():
            if not 1 <= number <= 65_535:
                yield f"{pod.where}: port {name} is {number}"


def routes_lead_to_services(documents: Documents) -> Iterator[str]:
    """The backend of a route is a service of ours, with that port."""
    for route in documents.of("GRPCRoute"):
        for rule in route["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                try:
                    service = documents.one("Service", backend["name"])
                except LookupError as error:
                    yield f"{where(route)}: {error}"
                    continue
                if backend["port"] not in [port["port"] for port in service["spec"]["ports"]]:
                    yield f"{where(route)}: {where(service)} has no port {backend['port']}"


RULES = (
    names_are_labels,
    nothing_is_there_twice,
    selectors_meet_pods,
    workloads_are_told_apart,
    ports_are_there,
    routes_lead_to_services,
)
