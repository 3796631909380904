"""CPU and GPU lanes, rehearsed with a worker that takes CUDA's lane and computes on the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from pullback.client import Client, DeviceNotServed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from pullback.client import Device


# Some seconds of matrix products.
LONG = "y = x\n" + "y = (y @ x) * 0.001\n" * 40 + "y = y.sum()"


@contextmanager
def process(module: str, **settings: str) -> Iterator[str]:
    """Runs one of our processes with its settings, and gives what it says when it is ready."""
    environment = {**os.environ, **{f"PULLBACK_{name.upper()}": value for name, value in settings.items()}}
    with subprocess.Popen(
        [sys.executable, "-m", module], env=environment, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            yield running.stdout.readline()
        finally:
            running.terminate()
            running.wait(30)


@contextmanager
def gateway(redis_url: str) -> Iterator[Client]:
    """A gateway, and a client of it that does not try again."""
    with (
        process("pullback.gateway", redis_url=redis_url, listen="127.0.0.1:0") as ready,
        Client(ready.split()[-1], retry_for=0) as client,
    ):
        yield client


def worker(redis_url: str, name: str, device: str) -> AbstractContextManager[str]:
    """A worker with one slot that takes a lane, computes on the CPU, and lets evaluations be as long as `LONG`."""
    return process(
        "pullback.worker",
        redis_url=redis_url,
        worker_name=name,
        device=device,
        compute="cpu",
        slots="1",
        limits_work=str(10**12),
    )


def test_evaluations_go_to_the_lane_they_ask_for(redis_url: str) -> None:
    """With a worker on each lane, an evaluation is computed by the one that serves its device."""
    with gateway(redis_url) as client, worker(redis_url, "c", "cpu"), worker(redis_url, "g", "cuda"):
        wishes: list[tuple[Device, str]] = [("cpu", "c"), ("cuda", "g"), ("auto", "c")]
        for device, name in wishes:
            evaluated = client.evaluate("y = x**2", x=3.0, device=device)
            assert evaluated.worker == name
            assert evaluated.value == 9.0


def test_a_device_that_nobody_serves_is_refused_at_once(redis_url: str) -> None:
    """No worker at all, then one for CUDA alone: what is alive is taken, what is not is FAILED_PRECONDITION."""
    with gateway(redis_url) as client:
        devices: list[Device] = ["auto", "cpu", "cuda"]
        for device in devices:
            with pytest.raises(DeviceNotServed):
                client.evaluate("y = x**2", x=3.0, device=device)
        with worker(redis_url, "g", "cuda"):
            assert client.evaluate("y = x**2", x=3.0).worker == "g"
            with pytest.raises(DeviceNotServed, match="cpu"):
                client.evaluate("y = x**2", x=3.0, device="cpu")
        with pytest.raises(DeviceNotServed):
            client.evaluate("y = x**2", x=3.0, device="cuda")


def test_a_worker_whose_slots_are_taken_leaves_work_to_others(redis_url: str) -> None:
    """Beside one worker that computes for long, another answers at once, however wake-ups were handed out."""
    with (
        gateway(redis_url) as client,
        worker(redis_url, "one", "cpu"),
        worker(redis_url, "two", "cpu"),
        ThreadPoolExecutor(1) as pool,
    ):
        long = pool.submit(client.evaluate, LONG, x=np.eye(1_000), timeout=40.0)
        answers = [client.evaluate("y = x**2", x=float(number), timeout=20.0) for number in range(6)]
        assert [answer.value for answer in answers] == [float(number) ** 2 for number in range(6)]
        assert not long.done()
        busy = long.result().worker
        assert {answer.worker for answer in answers} <= {"one", "two"}
        assert answers[-1].worker != busy


def test_two_gateways_share_a_request(redis_url: str) -> None:
    """The same request through two gateways at once is computed once and answered twice, alike."""
    with (
        gateway(redis_url) as one,
        gateway(redis_url) as two,
        worker(redis_url, "w", "cpu"),
        ThreadPoolExecutor(2) as pool,
    ):
        for number in range(20):
            calls = [
                pool.submit(each.evaluate, "y = x**2", x=float(number), request_id=f"shared-{number}")
                for each in (one, two)
            ]
            first, second = (call.result() for call in calls)
            assert first.value == second.value == float(number) ** 2
            assert first.timings == second.timings


@pytest.mark.gpu
def test_cuda_computes_on_the_gpu(redis_url: str) -> None:
    """A CUDA worker gives the same value, and says that it used the GPU."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    with (
        gateway(redis_url) as client,
        process("pullback.worker", redis_url=redis_url, device="cuda", slots="1"),
    ):
        evaluated = client.evaluate("y = x**2", x=3.0, device="cuda")
        assert evaluated.device == "cuda"
        assert evaluated.value == 9.0


def test_a_worker_without_its_device_says_so_and_ends(redis_url: str) -> None:
    """`--device cuda` on a machine without one ends with a message instead of taking jobs that it must fail."""
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    environment = {**os.environ, "PULLBACK_REDIS_URL": redis_url, "PULLBACK_DEVICE": "cuda"}
    ended = subprocess.run(
        [sys.executable, "-m", "pullback.worker"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "cuda" in ended.stderr
    assert "Traceback" not in ended.stderr
