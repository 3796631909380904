"""What the level `restricted` of Kubernetes' Pod Security Standards asks of pods, and what we ask beyond."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.manifests.documents import where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.manifests.documents import Documents, Node

# Volumes that the level allows.
_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip


def _restricted(pod: Node, container: Node) -> Iterator[str]:
    of_pod, own = pod.get("securityContext", {}), container.get("securityContext", {})
    both = of_pod | own
    if both.get("runAsNonRoot") is not True or both.get("runAsUser", 1) == 0:
        yield "may be root"
    if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
        yield "may gain rights"
    capabilities = own.get("capabilities", {})
    if capabilities.get("drop") != ["ALL"] or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "has capabilities"
    if both.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "has no seccomp profile"
    if own.get("procMount", "Default") != "Default" or any(
        port.get("hostPort") for port in container.get("ports", [])
    ):
        yield "reaches into the host"


def pods_are_restricted(documents: Documents) -> Iterator[str]:
    """Every pod passes the level `restricted`."""
    for pod in documents.pods():
        for container in pod.containers:
            for fault in _restricted(pod.spec, container):
                yield f"{pod.where}: {container['name']} {fault}"
        if any(pod.spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{pod.where}: shares the host's namespaces"
        for volume in pod.spec.get("volumes", []):
            if not set(volume) - {"name"} <= _VOLUMES:
                yield f"{pod.where}: volume {volume['name']} is of a kind that is not allowed"


def namespaces_enforce_the_level(documents: Documents) -> Iterator[str]:
    """The namespace refuses what is less than restricted, and everything that has a namespace is in it."""
    (namespace,) = documents.of("Namespace")
    if namespace["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted":
        yield f"{where(namespace)}: does not enforce the level"
    for document in documents:
        if (
            document is not namespace
            and document["metadata"].get("namespace") != namespace["metadata"]["name"]
        ):
            yield f"{where(document)}: is in another namespace"


def roots_are_read_only(documents: Documents) -> Iterator[str]:
    """No container writes but into volumes, and those in memory or on the node's disk are bounded."""
    for pod in documents.pods():
        for container in pod.containers:
            if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
                yield f"{pod.where}: {container['name']} may write its image"
        for volume in pod.spec.get("volumes", []):
            if "emptyDir" in volume and not (volume["emptyDir"] or {}).get("sizeLimit"):
                yield f"{pod.where}: volume {volume['name']} has no bound"


def nobody_has_a_token(documents: Documents) -> Iterator[str]:
    """Neither pods nor their accounts are given a token of the cluster, and no pod runs as the default account."""
    for pod in documents.pods():
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{pod.where}: has a token"
        if pod.spec.get("serviceAccountName", "default") == "default":
            yield f"{pod.where}: has the default account"
    for account in documents.of("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield f"{where(account)}: gives a token"


def pods_are_spread(documents: Documents) -> Iterator[str]:
    """Gateways and CPU workers are spread over nodes, with the pods of each rollout counted by themselves."""
    for pod in documents.pods():
        if pod.name in {"pullback-gateway", "pullback-worker-cpu"}:
            keys = {each["topologyKey"] for each in pod.spec.get("topologySpreadConstraints", [])}
            if "kubernetes.io/hostname" not in keys:
                yield f"{pod.where}: may all be on one node"


RULES = (
    pods_are_restricted,
    namespaces_enforce_the_level,
    roots_are_read_only,
    nobody_has_a_token,
    pods_are_spread,
)
