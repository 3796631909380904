"""Metrics and probes of running processes: figures add up, and probes say what is so."""

from __future__ import annotations

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.acceptance.system import System

from pullback.client import Client, evaluation
from pullback.contract.metrics import GATEWAY_METRICS, WORKER_METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_METRICS = re.compile(r"metrics on (\S+)")

# Figures are read from Redis every two seconds.
PATIENCE = 15.0

HEAVY = "y = (x @ x).sum()\nfor i in range(12):\n    y = y + (x @ x).sum()"
QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of this module's own, with endpoints."""
    environment = {**os.environ, "PULLBACK_METRICS_LISTEN": "127.0.0.1:0"}
    with System(tmp_path_factory.mktemp("watched"), environment=environment) as running:
        yield running


def _endpoint(system: System, part: str) -> str:
    found = [
        match[1] for line in system.lines if line.startswith(f"{part} |") and (match := _METRICS.search(line))
    ]
    assert found, "".join(system.lines)
    return f"http://{found[-1]}"


def _get(url: str, accept: str = "text/plain") -> tuple[int, str]:
    try:
        with urlopen(Request(url, headers={"Accept": accept}), timeout=10) as answer:  # noqa: S310 - our own
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def _samples(url: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    status, text = _get(f"{url}/metrics")
    assert status == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _value(url: str, name: str, **labels: str) -> float:
    return _samples(url).get((name, frozenset(labels.items())), 0.0)


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end


def test_figures_add_up(watched: System) -> None:
    """What was evaluated is what the gateway and the worker say was, by outcome; and nothing waits any more."""
    gateway, worker = _endpoint(watched, "gateway"), _endpoint(watched, "worker")
    good = [evaluation(QUARTIC, {"x": float(x)}) for x in range(500)]
    bad = [evaluation("y = x.reshape(7)", {"x": 1.0}) for _ in range(20)]
    with Client(watched.address) as client:
        outcomes = [outcome for _, outcome in client.evaluate_many([*good, *bad])]
        client.evaluate(QUARTIC, x=2.0)
    assert sum(isinstance(outcome, Exception) for outcome in outcomes) == 20

    evaluations = "pullback_gateway_evaluations_total"
    assert _value(gateway, evaluations, code="OK") == 501
    assert _value(gateway, evaluations, code="INVALID_ARGUMENT") == 20
    calls = {"service": "pullback.v1.GradientService", "code": "OK"}
    assert _value(gateway, "pullback_gateway_calls_total", method="Evaluate", **calls) == 1
    assert _value(gateway, "pullback_gateway_calls_total", method="EvaluateStream", **calls) == 1
    jobs = "pullback_worker_jobs_total"
    assert _value(worker, jobs, device="cpu", outcome="succeeded") == 501
    assert _value(worker, jobs, device="cpu", outcome="failed") == 20
    assert _value(worker, "pullback_worker_batch_jobs_sum", device="cpu") == 521
    assert _value(worker, "pullback_worker_slots", device="cpu") == 2
    _until(lambda: _value(gateway, "pullback_worker_slots_alive", device="cpu") == 2)
    assert _value(gateway, "pullback_queue_jobs", device="cpu", priority="interactive") == 0


def test_every_metric_of_the_table_is_told(watched: System) -> None:
    """Under its name and kind, in both forms of text; those with further labels once there is something to tell."""
    for part, metrics in (("gateway", GATEWAY_METRICS), ("worker", WORKER_METRICS)):
        url = f"{_endpoint(watched, part)}/metrics"
        for accept in ("text/plain", "application/openmetrics-text; version=1.0.0"):
            _, text = _get(url, accept)
            kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
            for metric in metrics:
                name = metric.name.removesuffix("_total") if "openmetrics" in accept else metric.name
                assert kinds.get(name) == metric.kind, (part, metric.name)


def test_an_evaluator_that_is_killed_is_counted(watched: System) -> None:
    """The job has its other try, the end of the process its cause; what a child counted stays when that dies too."""
    worker = _endpoint(watched, "worker")
    ends = "pullback_worker_evaluator_ends_total"
    with Client(watched.address) as client, ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.evaluate, HEAVY, x=[[1.0] * 900] * 900, value_only=True)
        _until(lambda: _value(worker, "pullback_worker_busy_slots", device="cpu") == 1)
        busy = max(watched.evaluators(), key=lambda process: process.cpu_times().user)
        busy.send_signal(signal.SIGKILL)
        assert call.result().value.shape == ()
    _until(lambda: sum(v for (name, _), v in _samples(worker).items() if name == ends) == 1)
    slots = _value(_endpoint(watched, "gateway"), "pullback_worker_slots_alive", device="cpu")
    assert slots == 2
    before = _value(worker, "pullback_worker_jobs_total", device="cpu", outcome="succeeded")
    assert before > 0
    watched.worker_children()[0].send_signal(signal.SIGKILL)
    _until(lambda: _value(worker, "pullback_worker_busy_slots", device="cpu") == 0)
    assert _value(worker, "pullback_worker_jobs_total", device="cpu", outcome="succeeded") == before


def test_probes_say_what_is_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Without Redis a gateway lives and is not ready; with it again, it is; both live all through."""
    environment = {**os.environ, "PULLBACK_METRICS_LISTEN": "127.0.0.1:0"}
    with System(tmp_path_factory.mktemp("probed"), workers=1, environment=environment) as system:
        gateway, worker = _endpoint(system, "gateway"), _endpoint(system, "worker")
        assert _get(f"{gateway}/readyz") == _get(f"{worker}/readyz") == (200, "ok\n")
        assert _get(f"{gateway}/nothing")[0] == 404
        (redis,) = system.processes("valkey-server")
        redis.send_signal(signal.SIGKILL)  # it is started again
        _until(lambda: _get(f"{gateway}/readyz") == (503, "not connected to Redis\n"))
        assert _get(f"{gateway}/livez")[0] == _get(f"{worker}/livez")[0] == 200
        _until(lambda: _get(f"{gateway}/readyz")[0] == 200)
        # So that nothing is stopped while it connects.
        with Client(system.address) as client:
            assert client.evaluate(QUARTIC, x=2.0).value == 63
