"""Jobs that submit batches: that their command is one, and that what failed for good is not tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.manifests.documents import where

from pullback.cli.exits import FAILED
from pullback.gateway.server import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.manifests.documents import Documents

# Statuses of the command line that another pod would only give again: jobs that failed, and a wrong file.
_FOR_GOOD = [FAILED, 2]


def batches_can_be_gone_on_with(documents: Documents) -> Iterator[str]:
    """A batch has its Job's name and a file to go on with; what failed for good is not tried again, evictions are."""
    for document in documents.of("Job", "CronJob"):
        spec = document["spec"] if document["kind"] == "Job" else document["spec"]["jobTemplate"]["spec"]
        (container,) = spec["template"]["spec"]["containers"]
        for word in ("--batch-id=$(JOB_NAME)", "--output=/results/$(JOB_NAME).jsonl"):
            if word not in container["args"]:
                yield f"{where(document)}: lacks {word}"
        rules = {rule["action"]: rule for rule in spec.get("podFailurePolicy", {}).get("rules", [])}
        failing = rules.get("FailJob", {}).get("onExitCodes", {})
        if failing.get("values") != _FOR_GOOD or failing.get("containerName") != container["name"]:
            yield f"{where(document)}: tries again what fails for good"
        if "Ignore" not in rules or spec["template"]["spec"]["restartPolicy"] != "Never":
            yield f"{where(document)}: an eviction counts as a failure"


def batches_call_a_service(documents: Documents) -> Iterator[str]:
    """The address that a batch is sent to is a service of ours."""
    for pod in documents.pods():
        for container in pod.containers:
            address = documents.environment(container).get("PULLBACK_ADDRESS")
            if address is None:
                continue
            host, _, port = address.rpartition(":")
            there = [
                port["port"] for each in documents.of("Service") if each["metadata"]["name"] == host
                for port in each["spec"]["ports"]
            ]  # fmt: skip
            if not port.isdecimal() or int(port) not in there:
                yield f"{pod.where}: there is no service at {address}"


def routes_lead_to_all_our_services(documents: Documents) -> Iterator[str]:
    """A route from outside knows each service of gRPC that a gateway serves, and its health."""
    for route in documents.of("GRPCRoute"):
        named = {match["method"]["service"] for rule in route["spec"]["rules"] for match in rule["matches"]}
        for service in named ^ {*SERVICES, "grpc.health.v1.Health"}:
            yield f"{where(route)}: {service} is {'not ours' if service in named else 'left out'}"


RULES = (batches_can_be_gone_on_with, batches_call_a_service, routes_lead_to_all_our_services)
