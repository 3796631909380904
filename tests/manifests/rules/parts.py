"""That what is referred to by name is there: configuration, secrets, volumes, accounts, targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.manifests.documents import where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.manifests.documents import Documents, Node, Pod

#: The secrets that an operator makes, and the keys that the components' comments name.
SECRETS = {
    "pullback-redis": {"url", "users.acl", "replica-password", "sentinel-password"},
    "pullback-gateway-tls": {"tls.crt", "tls.key"},
    "pullback-tokens": {"tokens"},
}


def _keys(documents: Documents, kind: str, name: str) -> set[str]:
    if kind == "Secret" and not any(each["metadata"]["name"] == name for each in documents.of(kind)):
        if name not in SECRETS:
            raise LookupError(f"there is no {kind} {name}")
        return SECRETS[name]
    document = documents.one(kind, name)
    return {*(document.get("data") or {}), *(document.get("stringData") or {})}


def _variables(container: Node) -> Iterator[tuple[str, str, list[str]]]:
    for source in container.get("envFrom", []):
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if field in source:
                yield kind, source[field]["name"], []
    for variable in container.get("env", []):
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if found := variable.get("valueFrom", {}).get(field):
                yield kind, found["name"], [found["key"]]


def _references(pod: Pod) -> Iterator[tuple[str, str, list[str]]]:
    for container in pod.containers:
        yield from _variables(container)
    for volume in pod.spec.get("volumes", []):
        if found := volume.get("configMap"):
            yield "ConfigMap", found["name"], [item["key"] for item in found.get("items", [])]
        if found := volume.get("secret"):
            yield "Secret", found["secretName"], [item["key"] for item in found.get("items", [])]


def references_are_there(documents: Documents) -> Iterator[str]:
    """Each ConfigMap, each Secret and each key of them that a pod refers to is there."""
    for pod in documents.pods():
        for kind, name, keys in _references(pod):
            try:
                there = _keys(documents, kind, name)
            except LookupError as error:
                yield f"{pod.where}: {error}"
                continue
            for key in set(keys) - there:
                yield f"{pod.where}: {kind} {name} has no key {key}"


def secrets_hold_no_passwords(documents: Documents) -> Iterator[str]:
    """No overlay but the local one brings a Secret: they are named, and made by whoever runs the cluster."""
    for secret in documents.of("Secret"):
        if secret["metadata"]["namespace"] != "pullback-local":
            yield f"{where(secret)}: a secret is in the manifests"


def _claims(pod: Pod) -> set[str]:
    return {each["metadata"]["name"] for each in pod.owner["spec"].get("volumeClaimTemplates", [])}


def mounts_are_there(documents: Documents) -> Iterator[str]:
    """Each mount is of a volume of the pod, and each volume is mounted; a claim is one that there is."""
    for pod in documents.pods():
        volumes = {volume["name"] for volume in pod.spec.get("volumes", [])} | _claims(pod)
        mounts = {mount["name"] for each in pod.containers for mount in each.get("volumeMounts", [])}
        for name in mounts ^ volumes:
            yield f"{pod.where}: volume {name} is {'not there' if name in mounts else 'not mounted'}"
        for volume in pod.spec.get("volumes", []):
            if claim := volume.get("persistentVolumeClaim"):
                yield from _missing(documents, pod.owner, "PersistentVolumeClaim", claim["claimName"])


def mounts_are_not_in_each_other(documents: Documents) -> Iterator[str]:
    """No volume is mounted below another: the folder for it could not be made where that is read-only."""
    for pod in documents.pods():
        for container in pod.containers:
            paths = [mount["mountPath"].rstrip("/") for mount in container.get("volumeMounts", [])]
            for inner in paths:
                if any(inner != outer and inner.startswith(f"{outer}/") for outer in paths):
                    yield f"{pod.where}: {container['name']}: {inner} lies in another mount"


def accounts_and_targets_are_there(documents: Documents) -> Iterator[str]:
    """The account of each pod, the service of each set, and what is scaled, are documents of the overlay."""
    for pod in documents.pods():
        yield from _missing(
            documents, pod.owner, "ServiceAccount", pod.spec.get("serviceAccountName", "default")
        )
    for each in documents.of("StatefulSet"):
        yield from _missing(documents, each, "Service", each["spec"]["serviceName"])
    for each in documents.of("HorizontalPodAutoscaler", "ScaledObject"):
        target = each["spec"]["scaleTargetRef"]
        yield from _missing(documents, each, target.get("kind", "Deployment"), target["name"])


def _missing(documents: Documents, who: Node, kind: str, name: str) -> Iterator[str]:
    try:
        documents.one(kind, name)
    except LookupError as error:
        yield f"{where(who)}: {error}"


RULES = (
    references_are_there,
    secrets_hold_no_passwords,
    mounts_are_there,
    mounts_are_not_in_each_other,
    accounts_and_targets_are_there,
)
