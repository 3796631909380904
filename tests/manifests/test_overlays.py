"""Every overlay keeps every rule."""

from __future__ import annotations

import pytest
from tests.manifests.rendering import OVERLAYS, documents, rendered
from tests.manifests.rules import RULES


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_an_overlay_keeps_the_rule(overlay: str, rule: object) -> None:
    """What the rule looks for is not there."""
    assert callable(rule)
    assert [*rule(documents(overlay))] == []


def test_the_overlays_are_those_that_are_promised() -> None:
    """None is missing, and each holds gateways and workers."""
    assert OVERLAYS == ("cpu", "gpu", "local", "production")
    for overlay in OVERLAYS:
        names = {pod.name for pod in documents(overlay).pods()}
        assert {"pullback-gateway", "pullback-worker-cpu", "pullback-redis"} <= names


def test_rendering_is_the_same_each_time() -> None:
    """Two renderings have the same bytes."""
    first = {overlay: rendered(overlay) for overlay in OVERLAYS}
    rendered.cache_clear()
    assert first == {overlay: rendered(overlay) for overlay in OVERLAYS}
