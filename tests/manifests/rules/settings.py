"""That what containers are given is what our processes read, and that they are of this version."""

from __future__ import annotations

import os
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pullback.contract.settings import ENV_PREFIX
from pullback.gateway.settings import GatewaySettings
from pullback.worker.settings import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.manifests.documents import Documents, Node

#: Images of ours, by what is in them.
GATEWAY, WORKERS, CLI = "pullback/gateway", ("pullback/worker", "pullback/worker-gpu"), "pullback/cli"

#: Variables of a secret, with one that their model takes in its place.
STAND_INS = {"PULLBACK_REDIS_URL": "redis://user:password@redis:6379/0", "PULLBACK_WORKER_NAME": "worker-1"}

# What the command line reads.
_CLI_NAMES = {"PULLBACK_ADDRESS"}


def image_of(container: Node) -> str:
    """Gives a container's image without its tag and registry."""
    path = container["image"].rpartition(":")[0]
    return "/".join(path.split("/")[-2:])


def model_of(container: Node) -> type[GatewaySettings | WorkerSettings] | None:
    """Gives the model of the settings that a container's process reads."""
    if image_of(container) == GATEWAY:
        return GatewaySettings
    return WorkerSettings if image_of(container) in WORKERS else None


def settings_of(documents: Documents, container: Node) -> GatewaySettings | WorkerSettings:
    """Reads the settings of a gateway or worker as its process does.

    Raises:
        ValidationError: they are refused.
    """
    model = model_of(container)
    if model is None:
        raise LookupError(f"{container['name']} is neither gateway nor worker")
    with _only(documents.environment(container)):
        return model()


@contextmanager
def _only(environment: Mapping[str, str]) -> Iterator[None]:
    """Makes these, with what stands for secrets, the only variables of ours."""
    ours = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith(ENV_PREFIX)}
    given = {name: value or STAND_INS.get(name, "") for name, value in environment.items()}
    os.environ.update(given)
    try:
        yield
    finally:
        for name in given:
            os.environ.pop(name, None)
        os.environ.update(ours)


def _known(model: type[Any] | None) -> set[str]:
    if model is None:
        return _CLI_NAMES
    names = set()
    for name, field in model.model_fields.items():
        fields = getattr(field.annotation, "model_fields", None) if name == "limits" else None
        names |= (
            {f"{ENV_PREFIX}LIMITS_{each}".upper() for each in fields}
            if fields
            else {f"{ENV_PREFIX}{name}".upper()}
        )
    return names


def variables_are_known(documents: Documents) -> Iterator[str]:
    """Every variable of ours is a setting of the process that gets it, and no ConfigMap holds others."""
    for pod in documents.pods():
        for container in pod.containers:
            for name in documents.environment(container):
                if name.startswith(ENV_PREFIX) and name not in _known(model_of(container)):
                    yield f"{pod.where}: {container['name']} does not know {name}"


def settings_are_accepted(documents: Documents) -> Iterator[str]:
    """The models take the values, and gateways and workers have the same limits."""
    limits = set()
    for pod in documents.pods():
        for container in pod.containers:
            if model_of(container):
                try:
                    limits.add(settings_of(documents, container).limits.model_dump_json())
                except ValidationError as error:
                    yield f"{pod.where}: {container['name']}: {error}"
    if len(limits) > 1:
        yield "gateways and workers have other limits"


def ports_are_those_that_are_listened_on(documents: Documents) -> Iterator[str]:
    """Each port that a gateway or worker names is the one that its settings say, on every address."""
    for pod in documents.pods():
        for container in pod.containers:
            if model_of(container) is None:
                continue
            environment = documents.environment(container)
            said = {
                name: environment.get(variable, "")
                for name, variable in (("grpc", "PULLBACK_LISTEN"), ("metrics", "PULLBACK_METRICS_LISTEN"))
                if environment.get(variable)
            }
            named = {port["name"]: f"0.0.0.0:{port['containerPort']}" for port in container.get("ports", [])}
            if said != named:
                yield f"{pod.where}: listens on {said}, but names {named}"


def images_are_of_this_version(documents: Documents) -> Iterator[str]:
    """Images of ours have the package's version as their tag, and what says a version says this one."""
    for pod in documents.pods():
        if pod.labels.get("app.kubernetes.io/version") != version("pullback"):
            yield f"{pod.where}: says another version"
        for container in pod.containers:
            tag = container["image"].rpartition(":")[2]
            ours = image_of(container) in {GATEWAY, *WORKERS, CLI}
            if (ours and tag != version("pullback")) or tag in {"", "latest"}:
                yield f"{pod.where}: {container['name']} is of version {tag}"
            if not ours and image_of(container) != "valkey/valkey":
                yield f"{pod.where}: {container['image']} is no image that is known"


RULES = (
    variables_are_known,
    settings_are_accepted,
    ports_are_those_that_are_listened_on,
    images_are_of_this_version,
)
