from __future__ import annotations

from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry, Gauge

from pullback.contract.errors import InvalidArgument
from pullback.contract.settings import host_and_port
from pullback.telemetry import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

WRONG: list[str | None] = [None]


@pytest.fixture
def registry() -> CollectorRegistry:
    """What is told: one number."""
    found = CollectorRegistry()
    Gauge("answer", "what is told", registry=found).set(42)
    return found


@pytest.fixture
def endpoint(registry: CollectorRegistry) -> Iterator[Endpoint]:
    """An endpoint on a free port."""
    found = Endpoint("127.0.0.1:0", registry, lambda: None, lambda: WRONG[0])
    yield found
    found.close()


def _get(endpoint: Endpoint, path: str, accept: str = "") -> tuple[int, str]:
    connection = HTTPConnection(*host_and_port(endpoint.address), timeout=10)
    connection.request("GET", path, headers={"Accept": accept})
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def test_metrics_are_told_in_the_form_that_is_asked_for(endpoint: Endpoint) -> None:
    """Prometheus' text, and OpenMetrics with its end."""
    assert "answer 42.0" in _get(endpoint, "/metrics")[1]
    assert _get(endpoint, "/metrics", "application/openmetrics-text; version=1.0.0")[1].endswith("# EOF\n")


def test_probes_say_why(endpoint: Endpoint) -> None:
    """Well is 200, and anything else 503 with the reason."""
    assert _get(endpoint, "/readyz") == (200, "ok\n")
    WRONG[0] = "no Redis"
    assert _get(endpoint, "/readyz?x=1") == (503, "no Redis\n")
    WRONG[0] = None
    assert _get(endpoint, "/livez")[0] == 200
    assert _get(endpoint, "/")[0] == 404


def test_a_collector_that_fails_is_an_answer_too(endpoint: Endpoint, registry: CollectorRegistry) -> None:
    """The caller gets 500, and the next look is a new one."""

    class Failing:
        def collect(self) -> Any:
            raise OSError("gone")

    failing: Any = Failing()
    registry._collector_to_names[failing] = []
    assert _get(endpoint, "/metrics")[0] == 500
    del registry._collector_to_names[failing]
    assert _get(endpoint, "/metrics")[0] == 200


def test_a_port_that_is_taken_is_told(endpoint: Endpoint, registry: CollectorRegistry) -> None:
    """With the address."""
    with pytest.raises(InvalidArgument, match=endpoint.address):
        Endpoint(endpoint.address, registry, lambda: None, lambda: None)
