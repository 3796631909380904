"""Every document has the shape that its kind has, in the oldest Kubernetes that is served and in the newest."""

from __future__ import annotations

import copy

import kubernetes_validate
import pytest
from tests.manifests.documents import where
from tests.manifests.rendering import OVERLAYS, documents
from tests.manifests.schemas import (
    DEFINITIONS,
    NEWEST,
    OLDEST,
    WITHOUT_DEFINITION,
    is_of_kubernetes,
    validators,
)

_needs_definitions = pytest.mark.skipif(
    not DEFINITIONS.is_dir(), reason=f"no definitions of KEDA's and Prometheus' kinds in {DEFINITIONS}"
)


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("minor", [OLDEST, NEWEST])
def test_documents_are_valid_strictly(overlay: str, minor: int) -> None:
    """No field is misspelt or of a wrong type."""
    checked = [document for document in documents(overlay) if is_of_kubernetes(document)]
    assert len(checked) > 15
    for document in checked:
        kubernetes_validate.validate(document, f"1.{minor}", strict=True)


@_needs_definitions
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_documents_of_others_kinds_are_valid(overlay: str) -> None:
    """They keep their kind's own definition, strictly."""
    for document in documents(overlay):
        if not is_of_kubernetes(document) and document["kind"] not in WITHOUT_DEFINITION:
            faults = [*validators()[document["apiVersion"], document["kind"]].iter_errors(document)]
            assert faults == [], where(document)


def test_there_are_no_other_kinds_without_a_definition() -> None:
    """What is checked by no schema is named."""
    kinds = {
        each["kind"] for overlay in OVERLAYS for each in documents(overlay) if not is_of_kubernetes(each)
    }
    assert kinds == {"ScaledObject", "PodMonitor", "PrometheusRule"} | WITHOUT_DEFINITION


def test_a_misspelt_field_is_found() -> None:
    """The check of Kubernetes' kinds is a strict one."""
    document = copy.deepcopy(documents("cpu").one("Deployment", "pullback-gateway"))
    container = document["spec"]["template"]["spec"]["containers"][0]
    container["livenesProbe"] = container.pop("livenessProbe")
    with pytest.raises(kubernetes_validate.ValidationError, match="livenesProbe"):
        kubernetes_validate.validate(document, f"1.{OLDEST}", strict=True)


@_needs_definitions
@pytest.mark.parametrize(
    ("kind", "name", "path", "value"),
    [
        ("ScaledObject", "pullback-worker-cpu", ("spec", "maxReplicas"), 3),
        ("ScaledObject", "pullback-worker-cpu", ("spec", "triggers", 0, "metadata", "threshold"), 400),
        ("ScaledObject", "pullback-worker-cpu", ("spec", "triggers"), None),
        ("PodMonitor", "pullback", ("spec", "podMetricsEndpoints", 0, "interval"), "10seconds"),
        ("PodMonitor", "pullback", ("spec", "podMetricsEndpoints", 0, "url"), "/metrics"),
        ("PrometheusRule", "pullback", ("spec", "groups", 0, "rules", 0, "when"), "1m"),
    ],
)  # fmt: skip
def test_a_mistake_in_others_kinds_is_found(
    kind: str, name: str, path: tuple[str | int, ...], value: object
) -> None:
    """Misspelt fields, wrong types, missing fields and texts of a wrong form are refused."""
    document = copy.deepcopy(documents("production").one(kind, name))
    node = document
    for key in path[:-1]:
        node = node[key]  # type: ignore[index] # an index of a list
    node[path[-1]] = value  # type: ignore[index]
    assert [*validators()[document["apiVersion"], kind].iter_errors(document)]
