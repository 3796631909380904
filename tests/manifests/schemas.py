"""Schemas: those of Kubernetes by version, and those of other people's kinds from their own definitions."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import yaml
from tests.manifests.rendering import ROOT

if TYPE_CHECKING:
    from tests.manifests.documents import Node

#: The oldest Kubernetes that the manifests are for, and the newest that there are schemas of.
OLDEST, NEWEST = 31, 37

#: Where definitions of other people's kinds are looked for: they are theirs, and no part of this repository.
DEFINITIONS = Path(os.environ.get("PULLBACK_CRDS", ROOT.parent / "shared" / "crds"))

#: Kinds whose definitions are not kept there.
WITHOUT_DEFINITION = {"GRPCRoute"}

# Keywords of a schema that hold schemas: one, a list of them, or one for each name.
_ONE, _LIST, _NAMED = {"items", "not", "additionalProperties"}, {"anyOf", "allOf", "oneOf"}, {"properties"}


def strict(schema: Any) -> Any:
    """Makes of a structural schema one of JSON Schema that refuses what it does not know."""
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    for key in _ONE & found.keys():
        found[key] = strict(found[key])
    for key in _LIST & found.keys():
        found[key] = [strict(each) for each in found[key]]
    for key in _NAMED & found.keys():
        found[key] = {name: strict(each) for name, each in found[key].items()}
    if found.get("x-kubernetes-int-or-string"):
        found.pop("type", None)
        found["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if "properties" in found and not found.get("x-kubernetes-preserve-unknown-fields"):
        found.setdefault("additionalProperties", False)
    if found.pop("nullable", False) and isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    return found


@cache
def validators() -> dict[tuple[str, str], jsonschema.Draft202012Validator]:
    """Reads the definitions: by version and kind, what checks a document."""
    found = {}
    for path in sorted(DEFINITIONS.glob("*.yaml")):
        definition = yaml.safe_load(path.read_text())["spec"]
        for version in definition["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            key = (f"{definition['group']}/{version['name']}", definition["names"]["kind"])
            found[key] = jsonschema.Draft202012Validator(schema)
    return found


def is_of_kubernetes(document: Node) -> bool:
    """Tells whether a document is of a kind that Kubernetes itself has."""
    group = document["apiVersion"].rpartition("/")[0]
    return "." not in group or (group.endswith(".k8s.io") and group != "gateway.networking.k8s.io")
