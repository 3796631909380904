"""Pods of the rendered manifests under podman: what Kubernetes would make of them, as far as podman knows how."""

from __future__ import annotations

import base64
import copy
import json
import re
import subprocess
import time
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.manifests.documents import Documents, Node, Pod

# How long a pod may take to come up, in seconds: torch is loaded from a cold disk.
PATIENCE = 90.0


def podman(*words: str, status: int | None = 0) -> str:
    """Runs podman, and gives what it printed."""
    done = subprocess.run(["podman", *words], capture_output=True, text=True, check=False)
    assert status is None or done.returncode == status, (
        f"podman {' '.join(words)}:\n{done.stdout}{done.stderr}"
    )
    return done.stdout.strip()


def until(holds: Callable[[], object], patience: float = PATIENCE) -> None:
    """Waits until something holds."""
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end


class Pods:
    """The pods that run, with their addresses."""

    def __init__(self, folder: Path, documents: Documents) -> None:
        self._folder = folder
        self._documents = documents
        self.addresses: dict[str, str] = {}

    def play(
        self,
        pod: Pod,
        name: str,
        *,
        environment: Mapping[str, str] | None = None,
        memory: str = "",
        tag: str = "",
    ) -> str:
        """Starts a pod of the manifests; gives its container's name.

        Args:
            pod: the pod.
            name: what it is called here.
            environment: variables to add.
            memory: its limit of memory, where it is another.
            tag: of its image, where it is another.
        """
        spec = copy.deepcopy(pod.spec)
        (container,) = spec["containers"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe", "lifecycle"):
            container.pop(probe, None)  # nobody here asks them
        container.pop("ports", None)  # podman would listen on them here
        container.setdefault("env", []).extend(
            {"name": key, "value": value} for key, value in (environment or {}).items()
        )
        self._plain_values(container)
        values = {variable["name"]: variable["value"] for variable in container["env"]}
        # As Kubernetes does, and this podman does not.
        container["args"] = [
            re.sub(r"\$\((\w+)\)", lambda found: values[found[1]], word) for word in container.get("args", [])
        ]
        if tag:
            container["image"] = f"{container['image'].rpartition(':')[0]}:{tag}"
        if memory:
            container["resources"]["limits"]["memory"] = memory
        spec["volumes"] = self._plain_volumes(name, spec, container)
        spec["hostAliases"] = [{"ip": ip, "hostnames": [host]} for host, ip in self.addresses.items()]
        spec.pop("topologySpreadConstraints", None)
        document = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": dict(pod.labels)},
            "spec": spec,
        }
        file = self._folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump_all([*self._documents.of("ConfigMap"), document]))
        podman("play", "kube", str(file))
        made = f"{name}-{container['name']}"
        infra = json.loads(podman("pod", "inspect", name))["InfraContainerID"]
        networks = json.loads(podman("inspect", infra))[0]["NetworkSettings"]["Networks"]
        self.addresses[name] = next(iter(networks.values()))["IPAddress"]
        return made

    def _plain_values(self, container: Node) -> None:
        """Says what Kubernetes fills in: keys of secrets, and names of pods."""
        for variable in container["env"]:
            source = variable.pop("valueFrom", None)
            if source and "secretKeyRef" in source:
                secret = self._documents.one("Secret", source["secretKeyRef"]["name"])
                variable["value"] = _decoded(secret)[source["secretKeyRef"]["key"]]
            elif source:
                variable["value"] = container["name"]

    def _plain_volumes(self, name: str, spec: Node, container: Node) -> list[Node]:
        """Makes folders of maps and secrets: podman gives their files to root, and knows of no group that may read."""
        found = []
        for volume in spec.get("volumes", []):
            if volume.get("secret", {}).get("optional"):
                container["volumeMounts"] = [
                    m for m in container["volumeMounts"] if m["name"] != volume["name"]
                ]
            elif "secret" in volume:
                found.append(self._folder_of(name, volume["name"], _decoded(self._secret(volume))))
            elif "configMap" in volume:
                data = self._documents.one("ConfigMap", volume["configMap"]["name"])["data"]
                found.append(self._folder_of(name, volume["name"], data))
            else:
                found.append({"name": volume["name"], "emptyDir": {}})
        return found

    def _secret(self, volume: Node) -> Node:
        return self._documents.one("Secret", volume["secret"]["secretName"])

    def _folder_of(self, pod: str, name: str, files: Mapping[str, str]) -> Node:
        folder = self._folder / pod / name
        folder.mkdir(parents=True)
        for file, text in files.items():
            (folder / file).write_text(text)
        return {"name": name, "hostPath": {"path": str(folder), "type": "Directory"}}

    def status_of(self, container: str) -> int:
        """Gives the exit status of a container that ended."""
        return int(podman("inspect", container, "--format", "{{.State.ExitCode}}"))


def _decoded(secret: Node) -> dict[str, Any]:
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def says(container: str, text: str) -> bool:
    """Tells whether a container has printed something."""
    done = subprocess.run(["podman", "logs", container], capture_output=True, text=True, check=False)
    return text in done.stdout + done.stderr
