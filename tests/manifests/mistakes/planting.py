"""How mistakes are planted: the parts of an overlay that they change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.manifests.documents import Documents, Node


class Mistake(NamedTuple):
    """One mistake.

    Attributes:
        rule: the name of the rule that finds it.
        what: it, in words.
        plant: makes it.
        overlay: where.
    """

    rule: str
    what: str
    plant: Callable[[Documents], object]
    overlay: str = "production"


def _spec(kind: str, name: str) -> Callable[[Documents], Node]:
    return lambda documents: documents.one(kind, name)["spec"]


gateway, cpu, gpu, redis = (
    _spec(kind, f"pullback-{name}")
    for kind, name in (
        ("Deployment", "gateway"),
        ("Deployment", "worker-cpu"),
        ("Deployment", "worker-gpu"),
        ("StatefulSet", "redis"),
    )
)


def pod(spec: Node) -> Node:
    """Gives the pod of a workload."""
    found: Node = spec["template"]["spec"]
    return found


def first(spec: Node) -> Node:
    """Gives the first container of a workload."""
    found: Node = pod(spec)["containers"][0]
    return found


def named(documents: Documents, kind: str, name: str) -> Node:
    """Gives a document's specification."""
    found: Node = documents.one(kind, f"pullback-{name}")["spec"]
    return found


def config(documents: Documents, stem: str) -> dict[str, str]:
    """Gives the values of a generated ConfigMap."""
    for document in documents.of("ConfigMap"):
        if document["metadata"]["name"].rpartition("-")[0] == f"pullback-{stem}":
            values: dict[str, str] = document["data"]
            return values
    raise LookupError(stem)


def put(node: Any, **values: object) -> None:
    """Sets keys of a node; `_` in a name stands for itself."""
    node.update(values)


def drop(documents: Documents, kind: str, name: str) -> None:
    """Takes a document out."""
    documents.remove(documents.one(kind, f"pullback-{name}"))


def trigger(documents: Documents, name: str, number: int = 0) -> Node:
    """Gives the metadata of a trigger."""
    found: Node = named(documents, "ScaledObject", name)["triggers"][number]["metadata"]
    return found


def replace(node: Node, key: str, old: str, new: str) -> None:
    """Changes a text where it holds something."""
    assert old in node[key]
    node[key] = node[key].replace(old, new)


def alert(documents: Documents) -> Node:
    """Gives the first alert."""
    found: Node = named_rule(documents)["groups"][0]["rules"][0]
    return found


def named_rule(documents: Documents) -> Node:
    """Gives the alerts."""
    found: Node = documents.one("PrometheusRule", "pullback")["spec"]
    return found
