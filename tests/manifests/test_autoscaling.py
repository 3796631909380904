"""The model of KEDA and the autoscaler that the benchmark plays with, on the production overlay."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.autoscaling.fleet import Fleet
from benchmarks.autoscaling.rules import Scaler
from tests.manifests.rendering import documents


def _spec(device: str) -> dict[str, Any]:
    found: dict[str, Any] = documents("production").one("ScaledObject", f"pullback-worker-{device}")["spec"]
    return found


def _figures(device: str, jobs: float, age: float = 0.0) -> list[float]:
    return [jobs, age] if device == "cpu" else [jobs, age, 0.0]


def test_a_backlog_doubles_workers_each_half_minute_up_to_the_most() -> None:
    """From two: four or six at once, by the more generous policy, and so on to twenty."""
    scaler, replicas, seen = Scaler(_spec("cpu")), 2, []
    for now in range(0, 180, 15):
        replicas = scaler.decide(now, replicas, _figures("cpu", 100_000))
        seen.append(replicas)
    assert seen[:4] == [6, 6, 12, 12]
    assert seen[-1] == 20


def test_workers_go_slowly_after_five_minutes() -> None:
    """None goes while they were wanted within the window; then a quarter a minute, down to the least."""
    scaler = Scaler(_spec("cpu"))
    assert scaler.decide(0, 20, _figures("cpu", 100_000)) == 20
    replicas = 20
    for now in range(15, 301, 15):
        replicas = scaler.decide(now, replicas, _figures("cpu", 0))
        assert replicas == 20
    seen = []
    for now in range(315, 1_800, 15):
        replicas = scaler.decide(now, replicas, _figures("cpu", 0))
        seen.append(replicas)
    assert seen[0] == 15
    assert seen[-1] == 2


def test_gpus_come_from_none_and_go_to_none() -> None:
    """The first job brings one, and ten minutes without any take all."""
    scaler = Scaler(_spec("gpu"))
    assert scaler.decide(0, 0, _figures("gpu", 0)) == 0
    assert scaler.decide(10, 0, _figures("gpu", 1)) == 1
    assert scaler.decide(610, 1, _figures("gpu", 0)) == 0


def test_few_long_jobs_bring_workers_by_their_age() -> None:
    """Their number wants no more; that the oldest has waited two minutes does."""
    scaler = Scaler(_spec("cpu"))
    assert scaler.decide(0, 3, _figures("cpu", 10, 120)) == 6


@pytest.mark.parametrize("replicas", [1, 4])
def test_a_fleet_loses_nothing(replicas: int) -> None:
    """What came is done, runs or waits, at each second, whatever goes."""
    fleet = Fleet(slots=2, start_seconds=3)
    fleet.scale(0, replicas)
    for now in range(200):
        fleet.second(now, [(3, 0.3), (1, 4.0)] if now < 100 else [])
        fleet.scale(now, 1 + now % replicas)
        assert fleet.came == pytest.approx(fleet.done + fleet.waiting + len(fleet.running), abs=1.5)
    assert fleet.came == 400
