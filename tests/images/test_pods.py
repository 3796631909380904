"""Pods of the rendered manifests: a call from outside, a batch, the end of a worker, and memory that runs out."""

from __future__ import annotations

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest
from tests.images.pods import podman, says, until

from pullback.client import Client, evaluation
from pullback.contract.errors import LimitExceeded

if TYPE_CHECKING:
    from tests.images.pods import Pods
    from tests.manifests.documents import Pod

# More than two workers do in the time that one takes to stop.
COUNT = 60_000

HUNGRY = "z = torch.ones(60000000)*x\nw = (z.exp() + z.sin() + z.cos() + z.tanh()).sum()"
QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"


def _client(pods: Pods) -> Client:
    return Client(f"{pods.addresses['pullback-gateway']}:50051")


def _probe(pods: Pods, pod: str, path: str) -> int:
    connection = HTTPConnection(pods.addresses[pod], 9464, timeout=10)
    connection.request("GET", path)
    return connection.getresponse().status


def _finished(pods: Pods, pod: str) -> float:
    """Gives how many jobs a worker says that it finished."""
    connection = HTTPConnection(pods.addresses[pod], 9464, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    return sum(map(float, re.findall(r"^pullback_worker_jobs_total\{.*\} (\S+)$", text, re.MULTILINE)))


def test_a_call_from_outside_gets_its_gradient(pods: Pods) -> None:
    """At 2, the gradient of the notebook's polynomial is 93."""
    with _client(pods) as client:
        assert client.evaluate(QUARTIC, x=2.0).gradients["x"] == 93


@pytest.mark.usefixtures("pods")
def test_pods_are_as_the_manifest_says() -> None:
    """Read-only, without capabilities, as our user, with the limit of memory; and nothing can be written but /tmp."""
    for container, limit in (("pullback-gateway-gateway", 512), ("pullback-worker-cpu-worker", 3 * 1024)):
        found = json.loads(podman("inspect", container))[0]
        assert found["HostConfig"]["ReadonlyRootfs"] is True
        assert found["HostConfig"]["Memory"] == limit * 2**20
        assert found["EffectiveCaps"] in (None, [])
        assert found["Config"]["User"] == "10001:10001"
        touch = "import pathlib; pathlib.Path('/tmp/x').touch(); pathlib.Path('/opt/x').touch()"
        done = subprocess.run(
            ["podman", "exec", container, "python", "-c", touch], capture_output=True, text=True, check=False
        )
        assert "Read-only file system: '/opt/x'" in done.stderr


@pytest.mark.usefixtures("pods")
def test_evaluators_have_every_protection() -> None:
    """In a container without rights the worker still gives up what a computation does not need."""
    logs = podman("logs", "pullback-worker-cpu-worker")
    done = subprocess.run(
        ["podman", "logs", "pullback-worker-cpu-worker"], capture_output=True, text=True, check=False
    )
    line = next(line for line in (logs + done.stderr).splitlines() if "protections:" in line)
    for word in ("nothing inherited", "rlimits", "not root", "no_new_privs", "seccomp"):
        assert word in line


def test_probes_answer(pods: Pods) -> None:
    """Those of the manifests' paths, and the health check of the images."""
    for pod, container in (("pullback-gateway", "gateway"), ("pullback-worker-cpu", "worker")):
        assert (
            _probe(pods, pod, "/readyz")
            == _probe(pods, pod, "/livez")
            == _probe(pods, pod, "/metrics")
            == 200
        )
        podman("exec", f"{pod}-{container}", "python", "-m", "pullback.telemetry.probe", "/readyz")


def test_a_batch_finishes(pods: Pods, specs: dict[str, Pod]) -> None:
    """The Job of the manifests submits its thousand evaluations and ends well."""
    pods.addresses["pullback-gateway-each"] = pods.addresses["pullback-gateway"]
    container = pods.play(specs["pullback-batch"], "pullback-sweep", environment={"JOB_NAME": "sweep-1"})
    until(lambda: says(container, "1,000 jobs: 1,000 succeeded"))
    assert podman("wait", container) == "0"


def test_a_program_that_is_too_big_takes_its_evaluator_along(pods: Pods, specs: dict[str, Pod]) -> None:
    """Where the limit of the container comes first, the worker lives on, and tells the caller."""
    podman("pod", "rm", "--force", "pullback-worker-cpu")
    tight = {"PULLBACK_LIMITS_LIVE_BYTES": str(2**36), "PULLBACK_LIMITS_ELEMENTS": str(2**33)}
    worker = pods.play(specs["pullback-worker-cpu"], "tight", environment=tight, memory="900Mi")
    until(lambda: says(worker, "worker ready"))
    with _client(pods) as client:
        with pytest.raises(LimitExceeded):
            client.evaluate(HUNGRY, x=1.0)
        assert client.evaluate(QUARTIC, x=2.0).gradients["x"] == 93
    assert json.loads(podman("inspect", worker))[0]["State"]["Running"]
    podman("pod", "rm", "--force", "tight")


def test_a_worker_that_is_stopped_loses_no_job(pods: Pods, specs: dict[str, Pod]) -> None:
    """It drains within its grace and ends with status 0, while another goes on; every job has its answer."""
    first, second = (pods.play(specs["pullback-worker-cpu"], name) for name in ("first", "second"))
    until(lambda: says(first, "worker ready") and says(second, "worker ready"))
    with _client(pods) as client, ThreadPoolExecutor(1) as pool:
        asked = [evaluation(QUARTIC, {"x": float(x)}) for x in range(COUNT)]
        answers = pool.submit(lambda: dict(client.evaluate_many(iter(asked))))
        until(lambda: _finished(pods, "first") > 0)
        was_under_way = not answers.done()
        podman("stop", "--time", "120", first)
        found = answers.result(timeout=120)
    assert was_under_way
    assert pods.status_of(first) == 0
    assert len(found) == COUNT
    assert [each for each in found.values() if isinstance(each, Exception)] == []


def test_a_gateway_that_is_stopped_ends_well(pods: Pods) -> None:
    """Within its grace, with status 0."""
    podman("stop", "--time", "90", "pullback-gateway-gateway")
    assert pods.status_of("pullback-gateway-gateway") == 0
