"""Documents of Kubernetes, and what is asked of them again and again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: A document, or a part of one, as YAML has it.
Node = dict[str, Any]

_SUFFIXES = {
    "m": Decimal("0.001"), "": Decimal(1), "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9),
    "T": Decimal(10**12), "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
}  # fmt: skip
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")


@dataclass(frozen=True)
class Pod:
    """A pod that a document makes.

    Attributes:
        owner: the document.
        labels: the pod's.
        spec: the pod's.
    """

    owner: Node
    labels: Mapping[str, str]
    spec: Node

    @property
    def name(self) -> str:
        """What its kind of pod is called."""
        return self.labels.get("app.kubernetes.io/name", "")

    @property
    def where(self) -> str:
        """Names it in a fault."""
        return where(self.owner)

    @property
    def containers(self) -> list[Node]:
        """Its containers, those that begin it included."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def ports(self) -> dict[str, int]:
        """The ports that its containers name."""
        return {
            port["name"]: port["containerPort"] for each in self.containers for port in each.get("ports", [])
        }


class Documents(list[Node]):
    """The documents of an overlay."""

    def of(self, *kinds: str) -> list[Node]:
        """Gives those of some kinds."""
        return [document for document in self if document["kind"] in kinds]

    def one(self, kind: str, name: str) -> Node:
        """Gives the one of a kind and name.

        Raises:
            LookupError: there is none.
        """
        for document in self.of(kind):
            if document["metadata"]["name"] == name:
                return document
        raise LookupError(f"there is no {kind} {name}")

    def pods(self) -> Iterator[Pod]:
        """Gives what pods there are."""
        for document in self.of("Deployment", "StatefulSet", "Job", "CronJob"):
            spec = document["spec"]
            if document["kind"] == "CronJob":
                spec = spec["jobTemplate"]["spec"]
            template = spec["template"]
            yield Pod(document, template["metadata"].get("labels", {}), template["spec"])

    def selected(self, selector: Node) -> list[Pod]:
        """Gives the pods that a label selector means."""
        return [pod for pod in self.pods() if selects(selector, pod.labels)]

    def environment(self, container: Node) -> dict[str, str]:
        """Gives the variables that a container has, as far as they are not secret or the pod's own: those are empty."""
        found: dict[str, str] = {}
        for source in container.get("envFrom", []):
            found |= self.one("ConfigMap", source["configMapRef"]["name"]).get("data") or {}
        for variable in container.get("env", []):
            found[variable["name"]] = variable.get("value", "")
        return found


def where(document: Node) -> str:
    """Names a document in a fault."""
    return f"{document['kind']} {document['metadata']['name']}"


def selects(selector: Node, labels: Mapping[str, str]) -> bool:
    """Tells whether a label selector means what has these labels."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for each in selector.get("matchExpressions", []):
        there, values = labels.get(each["key"]), each.get("values", [])
        match each["operator"]:
            case "In" if there not in values:
                return False
            case "NotIn" if there in values:
                return False
            case "Exists" if there is None:
                return False
            case "DoesNotExist" if there is not None:
                return False
    return True


def quantity(text: object) -> Decimal:
    """Reads a quantity of Kubernetes.

    Raises:
        ValueError: it is none.
    """
    found = _QUANTITY.fullmatch(str(text))
    if not found:
        raise ValueError(f"{text!r} is no quantity")
    return Decimal(found[1]) * _SUFFIXES[found[2] or ""]


def walk(node: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Gives everything in a document, with its path."""
    yield path, node
    items: list[tuple[object, object]] = []
    if isinstance(node, dict):
        items = [*node.items()]
    elif isinstance(node, list):
        items = [*enumerate(node)]
    for key, value in items:
        yield from walk(value, f"{path}.{key}" if isinstance(node, dict) else f"{path}[{key}]")
