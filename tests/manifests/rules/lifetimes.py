"""That nothing is lost when pods end: grace periods, disruption budgets, rollouts, probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.manifests.documents import where
from tests.manifests.rules.settings import model_of, settings_of

from pullback.gateway.server import SERVICES
from pullback.gateway.settings import GatewaySettings
from pullback.worker.settings import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.manifests.documents import Documents

# Seconds for the last answers, and for a process to end.
MARGIN = 15


def grace_is_enough(documents: Documents) -> Iterator[str]:
    """A pod may go on for as long as its graceful stop takes.

    A gateway: what is before SIGTERM, and its own grace. A worker: the longest evaluation that gateways accept, and the
    lease of a drain.
    """
    longest = _longest(documents)
    for pod in documents.pods():
        for container in pod.containers:
            if model_of(container) is None:
                continue
            settings = settings_of(documents, container)
            before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            own = (
                longest + settings.lease_seconds
                if isinstance(settings, WorkerSettings)
                else settings.stop_grace_seconds
            )
            if pod.spec.get("terminationGracePeriodSeconds", 30) < before + own + MARGIN:
                yield f"{pod.where}: its stop may take {before + own + MARGIN:g} s"


def _longest(documents: Documents) -> float:
    return max(
        settings.max_timeout_seconds
        for pod in documents.pods()
        for container in pod.containers
        if model_of(container) is GatewaySettings
        and isinstance(settings := settings_of(documents, container), GatewaySettings)
    )


def gateways_are_left_before_they_stop(documents: Documents) -> Iterator[str]:
    """A gateway goes on for some seconds after it is taken out of the services."""
    for pod in documents.pods():
        for container in pod.containers:
            if model_of(container) is GatewaySettings:
                sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
                if sleep < 5:
                    yield f"{pod.where}: stops while calls still come"


def rollouts_keep_serving(documents: Documents) -> Iterator[str]:
    """A rollout of gateways or CPU workers takes none away before another is there."""
    for pod in documents.pods():
        if pod.owner["kind"] == "Deployment" and pod.name != "pullback-worker-gpu":
            update = pod.owner["spec"].get("strategy", {}).get("rollingUpdate", {})
            if update.get("maxUnavailable") != 0 or not update.get("maxSurge"):
                yield f"{pod.where}: a rollout takes pods away first"


def budgets_leave_room(documents: Documents) -> Iterator[str]:
    """Every workload that stays has a disruption budget, and each allows an eviction."""
    guarded = []
    for budget in documents.of("PodDisruptionBudget"):
        spec = budget["spec"]
        pods = documents.selected(spec["selector"])
        guarded += [pod.where for pod in pods]
        if "minAvailable" in spec or str(spec.get("maxUnavailable", "0")).rstrip("%") == "0":
            yield f"{where(budget)}: may allow no eviction"
    for pod in documents.pods():
        if pod.owner["kind"] in {"Deployment", "StatefulSet"} and guarded.count(pod.where) != 1:
            yield f"{pod.where}: has {guarded.count(pod.where)} disruption budgets"


def probes_ask_the_right_thing(documents: Documents) -> Iterator[str]:
    """Nobody is killed for want of Redis, nobody is called without, and slow starts are waited for."""
    for pod in documents.pods():
        for container in pod.containers:
            name = f"{pod.where}: {container['name']}"
            if container in pod.spec.get("initContainers", []) or pod.owner["kind"] in {"Job", "CronJob"}:
                continue
            probes = [container.get(f"{kind}Probe", {}) for kind in ("startup", "liveness", "readiness")]
            if not all(probes):
                yield f"{name} lacks a probe"
                continue
            startup, live, ready = probes
            if startup["periodSeconds"] * startup["failureThreshold"] < 60:
                yield f"{name} has less than a minute to start"
            if model_of(container) is GatewaySettings and (
                live.get("grpc", {}).get("service") or ready.get("grpc", {}).get("service") not in SERVICES
            ):
                yield f"{name}: asks about the wrong service"
            if model_of(container) is WorkerSettings and (
                live.get("httpGet", {}).get("path") != "/livez"
                or ready.get("httpGet", {}).get("path") != "/readyz"
            ):
                yield f"{name}: asks for the wrong path"


RULES = (
    grace_is_enough,
    gateways_are_left_before_they_stop,
    rollouts_keep_serving,
    budgets_leave_room,
    probes_ask_the_right_thing,
)
